"""The secrets of one project over the Secret Manager v1 REST API: which there are, their versions and age, a new
version, a version switched on and off (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets).

A value goes in and never comes out: the request that reads one is not made here, nor anywhere else.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cockpit.adapters.gcp.crc32c import crc32c
from cockpit.adapters.gcp.iam import ProjectRights
from cockpit.adapters.gcp.roles import ROLES
from cockpit.adapters.gcp.runwire import Json, moment, objects, part, short, text
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.adapters.payload import Payload
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Malformed, Misconfigured, NotFound, PermissionDenied
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.secretstore import SecretsStatus, SecretVersion, StoredSecret
from cockpit.model.severity import Severity
from cockpit.profile.google import SecretsSource

SECRETS = 100
VERSIONS = 50
AT_ONCE = 6
SOON = timedelta(days=7)
MASKED = "***"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_NUMBER = re.compile(r"[1-9]\d{0,9}")
_TRACE = 8  # characters of a value that are too many in a message


class SecretVault:
    """Probing, Diagnosing, and what rotating a secret needs."""

    def __init__(self, source: SecretsSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._parent = f"projects/{source.project}"
        self._api = GoogleApi("secretmanager", source.endpoint, source.timeout, clock)
        self._rights = ProjectRights(source.project, source.endpoint, source.timeout, clock)

    @property
    def project(self) -> str:
        """Project id."""
        return self._source.project

    async def probe(self) -> Observation:
        """The secrets of the profile, or the first hundred, with their newest versions; one that cannot be read is
        a note. Raises CockpitError where none can.
        """
        self._api.may_poll(self._source.project)
        listed, cut = await self._listed()
        names = list(listed)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> StoredSecret | CockpitError:
            async with gate:
                try:
                    return await self._complete(name, listed[name])
                except CockpitError as error:
                    return error

        found = await asyncio.gather(*(one(name) for name in names))
        secrets = tuple(each for each in found if isinstance(each, StoredSecret))
        failed = [(name, each) for name, each in zip(names, found, strict=True) if isinstance(each, CockpitError)]
        if failed and not secrets:
            raise failed[0][1]
        notes = tuple(f"{name}: {error.message}" for name, error in failed)
        status = SecretsStatus(self._source.project, secrets, cut, notes)
        return judge(status, self._source.max_age, self._clock.now())

    async def names(self) -> tuple[list[str], bool]:
        """Those of the profile, or the first hundred of the project, and whether there are more."""
        listed, cut = await self._listed()
        return list(listed), cut

    async def secret(self, name: str) -> StoredSecret:
        """One secret with its newest versions. Raises CockpitError."""
        return await self._complete(name, None)

    async def add_version(self, name: str, payload: Payload) -> SecretVersion:
        """POST :addVersion with the checksum, once. Raises CockpitError, without a word of the value.

        https://cloud.google.com/secret-manager/docs/data-integrity: what was received is compared with the checksum
        by the server; Malformed (`effect_possible`) where it does not say that it did.
        """
        path = f"/v1/{self._parent}/secrets/{_named(name)}:addVersion"
        value = payload.reveal()
        data = base64.b64encode(value).decode()
        body = {"payload": {"data": data, "dataCrc32c": str(crc32c(value))}}
        try:
            answer = await self._api.change("POST", path, {}, body)
        except CockpitError as error:
            if _gives_away(error.message, data, value):
                error.message = "secretmanager API refuses the version in words that hold a part of the value"
                error.args = (error.message,)
            raise
        return _added(answer)

    async def enable(self, name: str, version: str, etag: str) -> SecretVersion:
        """POST :enable, once. Conflict where the version changed since `etag`."""
        return await self._switch(name, version, etag, "enable")

    async def disable(self, name: str, version: str, etag: str) -> SecretVersion:
        """POST :disable, once. Conflict where the version changed since `etag`."""
        return await self._switch(name, version, etag, "disable")

    def add_request(self, name: str) -> str:
        """The POST as text, the value masked."""
        body = {"payload": {"data": MASKED, "dataCrc32c": MASKED}}
        return f"POST {self._api.url(f'/v1/{self._parent}/secrets/{_named(name)}:addVersion')}\n{json.dumps(body)}"

    def switch_request(self, name: str, version: str, etag: str, verb: str) -> str:
        """The POST of `verb` "enable" or "disable" as text."""
        return f"POST {self._api.url(self._version(name, version, verb))}\n{json.dumps({'etag': etag})}"

    async def missing_on(self, name: str, permissions: Sequence[str]) -> Sequence[str]:
        """testIamPermissions on one secret: those that are not held."""
        path = f"/v1/{self._parent}/secrets/{_named(name)}:testIamPermissions"
        answer = await self._api.ask(path, {"permissions": list(permissions)})
        held = answer.get("permissions", [])
        if not isinstance(held, list):
            raise Malformed("secretmanager API answered testIamPermissions without a list")
        return [permission for permission in permissions if permission not in held]

    async def missing_permissions(self, permissions: Sequence[str]) -> Sequence[str]:
        """Those that are not held on the whole project."""
        return await self._rights.missing(permissions)

    async def diagnose(self) -> list[Diagnosis]:
        """Token, each secret of the profile, and the rights to rotate them."""
        found: list[Diagnosis] = []
        try:
            token = await self._api.token()
            found.append(Diagnosis("credentials", True, token.origin))
            started = time.perf_counter()
            names, cut = await self.names()
            elapsed = (time.perf_counter() - started) * 1000
            more = " and more" if cut else ""
            if not self._source.names:
                detail = f"{len(names)}{more} secrets, listed in {elapsed:.0f} ms"
                found.append(Diagnosis("secretmanager.secrets.list", True, detail))
        except CockpitError as error:
            check = "secretmanager.secrets.list" if found else "credentials"
            return [*found, Diagnosis(check, False, error.message, error.hint)]
        for name in names[:20]:
            found.append(await self._diagnose(name))
        return found

    async def close(self) -> None:
        """Close both APIs."""
        await asyncio.gather(self._api.close(), self._rights.close())

    async def _diagnose(self, name: str) -> Diagnosis:
        needs = ("secretmanager.versions.add", "secretmanager.versions.enable", "secretmanager.versions.disable")
        try:
            secret = await self.secret(name)
            missing = await self.missing_on(name, needs)
        except (NotFound, PermissionDenied, Misconfigured) as error:
            return Diagnosis(name, False, error.message, error.hint)
        except CockpitError as error:
            return Diagnosis(name, None, error.message, error.hint)
        detail = f"{len(secret.versions)} version{'s' if len(secret.versions) != 1 else ''}"
        if not missing:
            return Diagnosis(name, True, f"{detail}, can be rotated")
        binding = f"gcloud secrets add-iam-policy-binding {name} --project={self.project} --member=user:YOU"
        said = f"{detail}; {', '.join(missing)} not held: it can be looked at, not rotated"
        roles = dict.fromkeys(ROLES[each] for each in missing)
        return Diagnosis(name, None, said, " && ".join(f"{binding} --role={role}" for role in roles))

    async def _listed(self) -> tuple[dict[str, Json | None], bool]:
        """By name what the list said of each; None where only the profile names it."""
        if self._source.names:
            return dict.fromkeys(self._source.names), False
        path = f"/v1/{self._parent}/secrets"
        pages = self._api.pages(path, {"pageSize": str(SECRETS)}, "secrets", SECRETS + 1)
        found: dict[str, Json | None] = {short(each.get("name")): each async for each in pages}
        return dict(list(found.items())[:SECRETS]), len(found) > SECRETS

    async def _complete(self, name: str, described: Json | None) -> StoredSecret:
        path = f"/v1/{self._parent}/secrets/{_named(name)}"
        if described is None:
            described = await self._api.get(path)
        pages = self._api.pages(f"{path}/versions", {"pageSize": str(VERSIONS)}, "versions", VERSIONS)
        return secret_of(described, [each async for each in pages])

    async def _switch(self, name: str, version: str, etag: str, verb: str) -> SecretVersion:
        answer = await self._api.change("POST", self._version(name, version, verb), {}, {"etag": etag})
        return _version_of(answer, changed=True)

    def _version(self, name: str, version: str, verb: str) -> str:
        if not _NUMBER.fullmatch(version):
            raise Misconfigured(f"{version!r} is no number of a version", hint="as in 7; latest is none")
        return f"/v1/{self._parent}/secrets/{_named(name)}/versions/{version}:{verb}"


def judge(status: SecretsStatus, max_age_s: float | None, now: datetime) -> Observation:
    """No enabled version is critical; one that is too old, ends soon, or was to be rotated by now, is a warning."""
    judged = []
    worst, said = Severity.OK, ""
    for secret in status.secrets:
        severity, reason = condition(secret, max_age_s, now)
        judged.append(replace(secret, severity=severity, wrong=reason))
        if severity > worst:
            worst, said = severity, f"{secret.name}: {reason}"
    status = replace(status, secrets=tuple(judged))
    if status.notes and worst < Severity.UNKNOWN:
        worst, said = Severity.UNKNOWN, f"{len(status.notes)} cannot be read"
    many = len(status.secrets)
    count = f"{many}{'+' if status.cut else ''} secret{'s' if many != 1 else ''}"
    return Observation(worst, said or count, status)


def condition(secret: StoredSecret, max_age_s: float | None, now: datetime) -> tuple[Severity, str]:
    """What there is to say of one secret, the worst first; OK and "" for nothing."""
    newest = secret.newest
    if newest is None:
        return Severity.CRIT, "no enabled version"
    if secret.expires is not None and secret.expires - now <= SOON:
        return Severity.WARN, f"expires in {_days(secret.expires - now)}"
    if newest != secret.versions[0]:
        return Severity.WARN, f"the newest version is {secret.versions[0].state}: latest fails"
    if secret.next_rotation is not None and secret.next_rotation <= now:
        return Severity.WARN, f"rotation overdue by {_days(now - secret.next_rotation)}"
    if max_age_s is not None and newest.created is not None and (now - newest.created).total_seconds() > max_age_s:
        return Severity.WARN, f"version {newest.number} is {_days(now - newest.created)} old"
    return Severity.OK, ""


def secret_of(described: Json, versions: Sequence[Json]) -> StoredSecret:
    """A Secret and its SecretVersions. Raises Malformed for what has no name."""
    name = short(described.get("name"))
    if not name:
        raise Malformed("secretmanager API answered a secret without a name")
    found = sorted((_version_of(each) for each in versions), key=lambda each: -int(each.number))
    replication = part(described, "replication")
    places = [text(each.get("location"), 80) for each in objects(part(replication, "userManaged").get("replicas"))]
    return StoredSecret(
        name,
        moment(described.get("createTime")),
        text(described.get("etag"), 200),
        tuple(found),
        ", ".join(places) or ("automatic" if "automatic" in replication else ""),
        moment(part(described, "rotation").get("nextRotationTime")),
        moment(described.get("expireTime")),
    )


def _version_of(answer: Json, *, changed: bool = False) -> SecretVersion:
    name = short(answer.get("name"))
    if not _NUMBER.fullmatch(name):
        hint = "it may have happened: look at the versions" if changed else ""
        raise Malformed("secretmanager API answered a version without a number", hint=hint, effect_possible=changed)
    return SecretVersion(
        name,
        text(answer.get("state"), 40) or "STATE_UNSPECIFIED",
        moment(answer.get("createTime")),
        text(answer.get("etag"), 200),
    )


def _added(answer: dict[str, Any]) -> SecretVersion:
    version = _version_of(answer, changed=True)
    if answer.get("clientSpecifiedPayloadChecksum") is not True:
        raise Malformed(
            f"version {version.number} was made, but Secret Manager does not say that its value arrived undamaged",
            hint=f"disable version {version.number}, then add it again",
            effect_possible=True,
        )
    return version


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Misconfigured("that is no name of a secret", hint="letters, digits, - and _")
    return name


def _gives_away(message: str, data: str, value: bytes) -> bool:
    said = message.removeprefix("secretmanager API: ")
    return any(_overlaps(said, each) for each in (data.rstrip("="), value.decode("utf-8", "replace").strip()))


def _overlaps(said: str, value: str) -> bool:
    """A stretch of the value stands in what was said; all of it, where it is short."""
    length = min(len(value), _TRACE)
    windows = {said[at : at + length] for at in range(len(said) - length + 1)}
    return length > 0 and any(value[at : at + length] in windows for at in range(len(value) - length + 1))


def _days(span: timedelta) -> str:
    hours = max(0.0, span.total_seconds() / 3600)
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} h"
