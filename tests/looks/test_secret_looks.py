"""Looks at secrets: the list and the versions of one, without any value, and the commands that they answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import NotFound, Unreachable
from cockpit.looks import secretmanager
from cockpit.looks.book import LookBook
from cockpit.model.command import Call, Intent
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.secretstore import SecretsStatus, SecretVersion, StoredSecret
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "secrets/pay"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
STATUS = SecretsStatus(
    "pay-prod",
    (
        StoredSecret(
            "api-key",
            NOW - 90 * DAY,
            "e",
            (SecretVersion("3", "ENABLED", NOW - 40 * DAY), SecretVersion("2", "DISABLED", NOW - 80 * DAY)),
            next_rotation=NOW + 10 * DAY,
        ),
        StoredSecret(
            "db-url",
            NOW,
            "e",
            (SecretVersion("2", "DISABLED", NOW - DAY / 2), SecretVersion("1", "ENABLED", None)),
            expires=NOW + 2 * DAY,
        ),
        StoredSecret("empty", NOW),
    ),
    cut=True,
    notes=("gone: not found",),
)


async def look(name: str, status: SecretsStatus | None = STATUS, **params: str) -> Sight:
    reading = Reading(SOURCE, SourceKind.SECRETS, NOW, 0.1, Severity.CRIT, "empty: no enabled version", status)
    state = SourceState(SOURCE, SourceKind.SECRETS, "pay", 120, reading, freshness=Freshness.FRESH, age_s=1)
    made = secretmanager.lookers(SOURCE, lambda _: state, ManualClock(NOW))
    return await LookBook(secretmanager.SPECS, made).look(LookRequest(name, SOURCE, params))


async def test_the_list_says_what_matters_of_each() -> None:
    sight = await look("secrets.list")
    assert (sight.severity, sight.summary) == (Severity.CRIT, "empty: no enabled version")
    assert sight.lines == (
        "api-key  version 3, 40 d old  rotation due 2026-03-11",
        "db-url  version 1, unknown old  `latest` fails: version 2 is DISABLED  expires 2026-03-03 12:00 UTC",
        "empty  no enabled version",
        "there are more than are shown: name those that matter in the profile",
        "gone: not found",
    )


async def test_the_versions_of_one() -> None:
    sight = await look("secrets.versions", secret="api-key")
    assert sight.summary == "api-key: 1 of 2 versions enabled"
    assert sight.lines == ("3  ENABLED  40 d old", "2  DISABLED  80 d old")
    sight = await look("secrets.versions", secret="db-url")
    assert sight.lines[0] == "`latest` fails: version 2 is DISABLED"
    assert sight.lines[1] == "2  DISABLED  12 h old"


async def test_what_is_not_shown_cannot_be_looked_at() -> None:
    with pytest.raises(NotFound, match="does not show a secret other"):
        await look("secrets.versions", secret="other")
    with pytest.raises(Unreachable):
        await look("secrets.list", None)


def call_of(text: str) -> Call:
    (command,) = commands_of(text, language="bash", line=1)
    return command.calls[0]


def meant(text: str) -> Intent | None:
    found = (each.understand(call_of(text)) for each in secretmanager.REPLACES)
    return next((intent for intent in found if intent is not None), None)


@pytest.mark.parametrize(
    ("text", "name", "target", "params"),
    [
        ("gcloud secrets list", "secrets.list", {}, {}),
        ("gcloud secrets list --project=p --format=json", "secrets.list", {"project": "p"}, {}),
        ("gcloud secrets list --filter=name:api --limit=5", "secrets.list", {}, {}),
        ("gcloud secrets versions list api-key", "secrets.versions", {}, {"secret": "api-key"}),
        ("gcloud secrets describe api-key --project=p", "secrets.versions", {"project": "p"}, {"secret": "api-key"}),
    ],
)
def test_commands_that_are_answered(text: str, name: str, target: dict[str, str], params: dict[str, str]) -> None:
    found = meant(text)
    assert found is not None
    assert (found.name, dict(found.target), dict(found.params)) == (name, target, params)
    assert ("not applied" in found.differs) is ("--filter" in text)


def test_a_description_says_what_it_leaves_out() -> None:
    found = meant("gcloud secrets describe api-key")
    assert found is not None and "labels" in found.differs


def test_a_verb_that_gcloud_does_not_have_is_answered_without_a_value() -> None:
    found = meant("gcloud secrets access-secret api-key --project=p")
    assert found is not None and (found.name, dict(found.params)) == ("secrets.versions", {"secret": "api-key"})
    assert "no access-secret" in found.differs and "prints no value" in found.differs


def test_a_secret_to_fill_in_is_asked_for() -> None:
    found = meant("gcloud secrets versions list <secret>")
    assert found is not None and found.asks["secret"].name == "secret"


@pytest.mark.parametrize(
    "text",
    [
        "gcloud secrets versions list",
        "gcloud secrets versions describe 3 --secret=api-key",
        "gcloud secrets versions access latest --secret=api-key",
        "gcloud secrets access-secret",
        "gcloud secrets list --location=r1",
        "gcloud secrets get-iam-policy api-key",
        "gcloud secrets list extra",
        "gcloud secrets describe",
        "gcloud secrets describe api-key --location=r1",
    ],
)
def test_commands_that_look_alike(text: str) -> None:
    assert meant(text) is None
