"""Facts as other people write them: in other languages, under the title of the document, and what is none."""

from __future__ import annotations

import pytest

from cockpit.model.runbook import ClockKind, Facts
from cockpit.runbooks.markdown.clocks import clocks, duration
from cockpit.runbooks.read import parse


def _facts(text: str) -> Facts:
    return parse([("book.md", text)]).facts


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Rolle | Name | Telefon", "Dienst | Jo Ahn | 030 4711"),
        ("Rôle | Nom | Téléphone", "Dienst | Jo Ahn | 030 4711"),
    ],
)
def test_tables_of_people_in_other_languages(header: str, row: str) -> None:
    (contact,) = _facts(f"# B\n\n## X\n\n| {header} |\n|---|---|---|\n| {row} |\n").contacts
    assert (contact.role, contact.name, contact.reach) == ("Dienst", "Jo Ahn", "030 4711")


def test_a_scale_in_another_language() -> None:
    text = "# B\n\n## Y\n\n| Stufe | Bedeutung | Reaktionszeit |\n|---|---|---|\n| P1 | Ausfall | 1 Stunde |\n"
    (level,) = _facts(text).severities
    assert (level.name, level.meaning, level.response_s) == ("P1", "Ausfall", 3600.0)


def test_a_scale_of_headings_under_the_title_of_the_document() -> None:
    text = (
        "# Severities\n\n## SEV1 - Critical\n\n- **Response time**: 15 minutes\n- All trams stand\n\n## SEV2 - High\n"
    )
    levels = _facts(text).severities
    assert [(level.name, level.meaning, level.response_s) for level in levels] == [
        ("SEV1", "Critical", 900.0),
        ("SEV2", "High", None),
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15 Minuten", 900.0), ("2 Stunden", 7200.0), ("3 Tage", 259200.0), ("2 heures", 7200.0), ("1 jour", 86400.0)],
)
def test_durations_in_other_languages(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["nach 15 Minuten eskalieren", "pas résolu en 15 minutes", "sem resposta após 15 minutos"]
)
def test_when_to_escalate_in_other_languages(text: str) -> None:
    (clock,) = clocks(text)
    assert (clock.kind, clock.seconds) == (ClockKind.AFTER, 900.0)


def test_the_times_of_a_table_that_names_people_lead_to_them() -> None:
    text = "# B\n\n## Escalation\n\n| Time | Who | Contact |\n|---|---|---|\n| 15 min | Lead | lead@tram.example |\n"
    facts = _facts(text)
    assert [(clock.seconds, who) for clock, who in facts.escalation] == [(900.0, "Lead")]
    assert [contact.reach for contact in facts.contacts] == ["lead@tram.example"]


def test_anchors_versions_sentences_and_places_to_fill_in_are_no_facts() -> None:
    text = (
        "# B\n\n## Checks {#checks}\n\n- `/ready` is green\n- [Docs: pools](https://pg.example/x)\n\n"
        "| Tool | Required version | Check |\n|---|---|---|\n| node | `>=24.1` | `node --version` |\n\n"
        "## Contacts\n\n- Primary: <TBD>\n"
    )
    facts = _facts(text)
    assert (facts.channels, facts.bounds, facts.endpoints) == ((), (), ())
    assert [contact.name for contact in facts.contacts] == [""]
