from pathlib import Path

import pytest

from cockpit.model.runbook import Bound, Facts
from cockpit.runbooks.read import parse, read

SAMPLE = Path(__file__).parents[1] / "samples" / "ferry.md"


@pytest.fixture(scope="module")
def facts() -> Facts:
    return read([SAMPLE]).facts


def test_the_severity_scale(facts: Facts) -> None:
    assert [(level.name, level.meaning, level.response_s) for level in facts.severities] == [
        ("SEV1", "All stop - Nobody can board", 0),
        ("SEV2", "Some lines affected", 1200),
        ("SEV3", "Nuisance", None),
    ]


def test_a_severity_scale_of_bold_lines() -> None:
    text = "# R\n\n**P1 - High (Response within 1 hour)**\n- half down\n- no mail\n\n**P2: Low (4 hours)**\n- rest\n"
    found = parse([("r", text)]).facts.severities
    assert [(level.name, level.meaning, level.response_s, level.examples) for level in found] == [
        ("P1", "High", 3600, "half down, no mail"),
        ("P2", "Low", 14400, "rest"),
    ]


def test_thresholds_of_tables_and_lists(facts: Facts) -> None:
    found = {bound.metric: (bound.warn, bound.critical, bound.unit) for bound in facts.bounds}
    assert found["queues.waiting"] == ("> 200", "> 2000", "")
    assert found["gates.accepted_share"] == ("< 97", "< 90", "%")
    assert found["printer.state"] == ("!= ready", "", "")
    assert found["Scan time"] == ("> 800", "", "ms")
    assert found["Rejected scans"] == ("", "> 3", "%")
    assert found["Connections"] == ("> 85", "> 95", "%")
    assert found["Cache hits"] == ("<= 60", "", "%")


def test_what_should_be_is_turned_round(facts: Facts) -> None:
    lag = next(bound for bound in facts.bounds if bound.metric == "Replica lag")
    assert (lag.warn, lag.unit) == (">= 4", "s")


def test_levels_that_come_first() -> None:
    text = (
        "# R\n\n## Alert thresholds\n\n- **Critical:** error rate > 10%, all down\n- **Warning:** error rate 5-10%\n"
    )
    assert parse([("r", text)]).facts.bounds == (Bound("error rate", "> 5", "> 10", "%", 5),)


def test_contacts_leave_out_what_is_not_known(facts: Facts) -> None:
    found = {contact.role: contact for contact in facts.contacts}
    assert found["Second line"].name == "Ines Halvorsen"
    assert found["Second line"].reach == "+49 40 5550 102, @ines"
    assert (found["Harbour office"].name, found["Harbour office"].reach) == ("", "")
    print_shop = found["Print shop"]
    assert (print_shop.name, print_shop.reach, print_shop.when) == (
        "Olaf Brandt", "olaf@print.example", "weekdays only",
    )  # fmt: skip


def test_urls_by_environment(facts: Facts) -> None:
    found = {(each.name, each.environment): each.url for each in facts.endpoints}
    assert found["Health", "production"] == "https://api.ferry.example/healthz"
    assert found["Health", "staging"] == "https://stage.ferry.example/healthz"
    assert found["Readiness of the gates", ""] == "/readyz"


def test_objectives_and_error_codes(facts: Facts) -> None:
    assert [(each.kind, each.name, each.target) for each in facts.objectives] == [
        ("RTO", "API down", "10 minutes"),
        ("RPO", "Tickets", "5 minutes"),
    ]
    assert [each.code for each in facts.error_codes] == ["GATE_CLOCK", "NO_SEAT"]


def test_channels_and_who_is_next(facts: Facts) -> None:
    assert facts.channels == ("#ferry-incidents", "#ferry-alerts")
    assert [(clock.seconds, who) for clock, who in facts.escalation] == [
        (600, "Second line"),
        (2400, "Head of operations"),
        (2700, "Second line, Ines Halvorsen"),
    ]


def test_a_table_of_times_is_an_escalation_path() -> None:
    text = "# R\n\n## Escalation\n\n| Time | Who |\n|---|---|\n| 15 min | Team lead |\n| 1 hour | Manager |\n"
    assert [(clock.seconds, who) for clock, who in parse([("r", text)]).facts.escalation] == [
        (900, "Team lead"),
        (3600, "Manager"),
    ]


def test_a_severity_scale_in_a_list() -> None:
    text = "# R\n\n## Severity\n\n- **SEV-1**: all of it - respond in 5 minutes\n- SEV-2: a part\n"
    assert [(level.name, level.meaning, level.response_s) for level in parse([("r", text)]).facts.severities] == [
        ("SEV-1", "all of it", 300),
        ("SEV-2", "a part", None),
    ]
