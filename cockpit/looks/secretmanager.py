"""Looks at the secrets of a project and the versions of one of them, from readings. No value is ever read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cockpit.adapters.gcp.commandline import RunCall, cloud_call
from cockpit.clock import Clock
from cockpit.errors import NotFound, Unreachable
from cockpit.looks.bound import BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.action import Choice, Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.secretstore import SecretsStatus, StoredSecret
from cockpit.model.severity import SourceKind

LIST = LookSpec(
    "secrets.list",
    "Secrets",
    SourceKind.SECRETS,
    "The secrets with their newest version, its age, and when they are to be rotated or expire.",
)
VERSIONS = LookSpec(
    "secrets.versions",
    "Versions of a secret",
    SourceKind.SECRETS,
    "The versions of one secret with state and age, newest first; no value.",
    (Param("secret", ParamKind.CHOICE, "short name of the secret"),),
)
SPECS = (LIST, VERSIONS)

_PLACES = {"--project": "project"}
_ROWS = frozenset(("--page-size", "--sort-by", "--flatten", "--uri"))
_DESCRIBED = "It shows the versions with state and age; labels, topics and policies of the secret are not shown."
_NO_VERB = (
    "gcloud has no access-secret (versions access prints a value). It prints no value: it shows which versions there"
    " are, and whether `latest` is enabled."
)
_UNFILTERED = "The whole list is shown: --filter and --limit are not applied."


def _listed(call: Call) -> Intent | None:
    """gcloud secrets list."""
    found = cloud_call(call, "secrets list", "", _PLACES, _ROWS)
    if found is None or found.given or set(found.options) - {"--filter", "--limit"}:
        return None
    return Intent(LIST.id, SourceKind.SECRETS, found.target, differs=_UNFILTERED if found.options else "")


def _versions_asked(call: Call) -> Intent | None:
    """gcloud secrets versions list NAME, and secrets describe NAME."""
    described = cloud_call(call, "secrets describe", "", _PLACES, _ROWS)
    found = described or cloud_call(call, "secrets versions list", "", _PLACES, _ROWS)
    known = set() if described is not None else {"--filter", "--limit"}
    if found is None or len(found.given) != 1 or set(found.options) - known:
        return None
    differs = _DESCRIBED if described is not None else _UNFILTERED if found.options else ""
    return _versions_of(found, found.given[0], differs)


def _accessed(call: Call) -> Intent | None:
    """gcloud secrets access-secret NAME, which gcloud refuses. What prints a value is no question for a look."""
    found = cloud_call(call, "secrets access-secret", "", _PLACES, _ROWS)
    if found is None or found.options or len(found.given) != 1:
        return None
    return _versions_of(found, found.given[0], _NO_VERB)


def _versions_of(found: RunCall, given: str, differs: str) -> Intent:
    name = found.value(given)
    if isinstance(name, Placeholder):
        return Intent(VERSIONS.id, SourceKind.SECRETS, found.target, asks={"secret": name}, differs=differs)
    return Intent(VERSIONS.id, SourceKind.SECRETS, found.target, {"secret": name}, differs=differs)


REPLACES = (
    Replacement(LIST.id, "gcloud", Tier.T0, _listed),
    Replacement(VERSIONS.id, "gcloud", Tier.T0, _versions_asked),
    Replacement(VERSIONS.id, "gcloud", Tier.T0, _accessed, instead=True),
)


def lookers(source_id: str, state_of: StateOf, clock: Clock) -> list[Looker]:
    """Both for one source."""
    return [SecretList(source_id, state_of, clock), VersionList(source_id, state_of, clock)]


class _OnSecrets(BoundLook):
    def __init__(self, spec: LookSpec, source: str, state_of: StateOf, clock: Clock) -> None:
        super().__init__(spec, source)
        self._state_of = state_of
        self._clock = clock

    def read(self) -> tuple[Reading, tuple[str, ...], SecretsStatus]:
        """The last reading. Raises Unreachable without one."""
        reading, notes = reading_of(self._source, self._state_of)
        if not isinstance(reading.payload, SecretsStatus):
            raise Unreachable(f"{self._source} has no reading of secrets")
        return reading, notes, reading.payload


class SecretList(_OnSecrets):
    """secrets.list."""

    def __init__(self, source: str, state_of: StateOf, clock: Clock) -> None:
        super().__init__(LIST, source, state_of, clock)

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes, status = self.read()
        lines = [_line(each, self._clock.now()) for each in status.secrets]
        more = ["there are more than are shown: name those that matter in the profile"] if status.cut else []
        return sight_of(reading, notes, [*lines, *more, *status.notes])


class VersionList(_OnSecrets):
    """secrets.versions."""

    def __init__(self, source: str, state_of: StateOf, clock: Clock) -> None:
        super().__init__(VERSIONS, source, state_of, clock)

    async def choices(self, param: str) -> Sequence[Choice]:
        """The secrets of the last reading."""
        if param != "secret":
            return ()
        return [Choice(each.name, _line(each, self._clock.now())) for each in self.read()[2].secrets]

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading, NotFound for a secret that is not in it."""
        reading, notes, status = self.read()
        name, now = request.get("secret"), self._clock.now()
        secret = status.secret(name)
        if secret is None:
            known = ", ".join(each.name for each in status.secrets[:5]) or "none"
            raise NotFound(f"{self._source} does not show a secret {name}", hint=f"It shows: {known}")
        enabled = sum(each.state == "ENABLED" for each in secret.versions)
        lines = [f"{each.number}  {each.state}  {_age(each.created, now)} old" for each in secret.versions]
        if secret.versions and secret.versions[0].state != "ENABLED":
            lines.insert(0, f"`latest` fails: version {secret.versions[0].number} is {secret.versions[0].state}")
        said = f"{name}: {enabled} of {len(secret.versions)} versions enabled"
        return sight_of(reading, notes, lines, said)


def _line(secret: StoredSecret, now: datetime) -> str:
    newest = secret.newest
    parts = [f"{secret.name}  version {newest.number}, {_age(newest.created, now)} old"] if newest else []
    parts = parts or [f"{secret.name}  no enabled version"]
    if newest is not None and newest is not secret.versions[0]:
        parts.append(f"`latest` fails: version {secret.versions[0].number} is {secret.versions[0].state}")
    if secret.next_rotation is not None:
        parts.append(f"rotation due {secret.next_rotation:%Y-%m-%d}")
    if secret.expires is not None:
        parts.append(f"expires {secret.expires:%Y-%m-%d %H:%M} UTC")
    return "  ".join(parts)


def _age(created: datetime | None, now: datetime) -> str:
    if created is None:
        return "unknown"
    hours = max(0.0, (now - created).total_seconds() / 3600)
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h"
