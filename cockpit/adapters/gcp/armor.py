"""One Cloud Armor security policy over Compute Engine v1: its rules, and the changes that an attack needs.

https://cloud.google.com/compute/docs/reference/rest/v1/securityPolicies, its operations from globalOperations.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence

from cockpit.adapters.gcp.armorwire import adaptive_json, rule_json, status_of, users_of
from cockpit.adapters.gcp.iam import ProjectRights
from cockpit.adapters.gcp.roles import ROLES
from cockpit.adapters.gcp.runwire import number, objects, part, text
from cockpit.adapters.gcp.transport import OPERATION_DEADLINE_S, GoogleApi, Json
from cockpit.clock import Clock
from cockpit.errors import (
    CockpitError,
    Conflict,
    Malformed,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.google import ArmorSource
from cockpit.text import counted

READS = "compute.securityPolicies.get"
CHANGES = "compute.securityPolicies.update"
BACKENDS_EVERY_S = 300.0
BACKENDS = 500
UNSEEN_S = 30.0  # how long the effect of an operation is waited for that may not be looked at
POLICIES = 200
_PAUSE_FIRST_S = 0.2
_PAUSE_MOST_S = 2.0


class ArmorPolicy:
    """Probing, Diagnosing, and the changes of one policy."""

    def __init__(self, source: ArmorSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._root = f"/compute/v1/projects/{source.project}"
        self._path = f"{self._root}/global/securityPolicies/{source.policy}"
        self._api = GoogleApi("compute", source.endpoint, source.timeout, clock)
        self._rights = ProjectRights(source.project, source.endpoint, source.timeout, clock)
        self._backends: tuple[str, ...] | None = None  # None: not known
        self._backends_note = ""
        self._backends_at = float("-inf")

    async def probe(self) -> Observation:
        """The policy now; who uses it is looked up every five minutes."""
        self._api.may_poll(self._source.project)
        now = self._clock.monotonic()
        status = status_of(await self._api.get(self._path), self._source.project)
        if now - self._backends_at >= BACKENDS_EVERY_S:
            await self._look_for_backends()
            self._backends_at = now  # not where it was given up half-way
        status = self._with_backends(status)
        return _judged(status, self._clock)

    async def read_policy(self) -> ArmorStatus:
        """The policy now, with the backends as they were last seen. Raises CockpitError."""
        if self._backends_at == float("-inf"):
            await self._look_for_backends()
            self._backends_at = self._clock.monotonic()
        return self._with_backends(status_of(await self._api.get(self._path), self._source.project))

    async def policies(self) -> Sequence[ArmorStatus]:
        """All policies of the project, regional ones too, at most 200. Raises CockpitError."""
        query = {"includeAllScopes": "true", "maxResults": "500"}
        answer = await self._api.get(f"{self._root}/aggregated/securityPolicies", query)
        scopes = part(answer, "items")
        found = [
            status_of(each, self._source.project)
            for scope in scopes
            for each in objects(part(scopes, scope).get("securityPolicies"))
        ]
        return sorted(found, key=lambda each: each.policy)[:POLICIES]

    async def missing_permissions(self, permissions: Sequence[str]) -> Sequence[str]:
        """testIamPermissions on the project: policies cannot be asked themselves."""
        return await self._rights.missing(permissions)

    async def rehearse_rule(self, rule: ArmorRule) -> None:
        """addRule with validateOnly, which stores nothing. Raises CockpitError where it would be refused."""
        await self._api.rehearse("POST", f"{self._path}/addRule", {"validateOnly": "true"}, rule_json(rule))

    async def add_rule(self, rule: ArmorRule) -> ArmorStatus:
        """addRule once, waited for; the policy afterwards. Raises CockpitError."""
        operation = await self._api.change("POST", f"{self._path}/addRule", {}, rule_json(rule))
        return await self._changed(operation, lambda status: status.rule(rule.priority) is not None)

    async def remove_rule(self, rule: ArmorRule) -> ArmorStatus:
        """removeRule once, where the rule of that priority still is this one; Conflict where it is another."""
        found = (await self.read_policy()).rule(rule.priority)
        if found != rule:
            now = "is gone" if found is None else "is another one now"
            raise Conflict(f"rule {rule.priority} of {self._source.policy} {now}", hint="plan again")
        query = {"priority": str(rule.priority)}
        operation = await self._api.change("POST", f"{self._path}/removeRule", query, None)
        return await self._changed(operation, lambda status: status.rule(rule.priority) is None)

    async def set_adaptive(self, enable: bool, fingerprint: str) -> ArmorStatus:
        """PATCH of the adaptive protection with the fingerprint, waited for. Conflict where it is an old one."""
        answer = await self._api.get(self._path)
        if text(answer.get("fingerprint"), 80) != fingerprint:
            raise Conflict(f"{self._source.policy} was changed since it was read", hint="plan again")
        body = {"adaptiveProtectionConfig": adaptive_json(answer, enable), "fingerprint": fingerprint}
        operation = await self._api.change("PATCH", self._path, {}, body)
        return await self._changed(operation, lambda status: status.adaptive is enable)

    def rule_request(self, rule: ArmorRule) -> str:
        """addRule as text: request line, then the body."""
        return f"POST {self._api.url(f'{self._path}/addRule')}\n{_shown(rule_json(rule))}"

    def removal_request(self, priority: int) -> str:
        """removeRule as text."""
        return f"POST {self._api.url(f'{self._path}/removeRule', {'priority': str(priority)})}"

    def adaptive_request(self, enable: bool, fingerprint: str) -> str:
        """The PATCH as text; what else the adaptive protection holds is sent along as it is."""
        body = {"adaptiveProtectionConfig": adaptive_json({}, enable), "fingerprint": fingerprint}
        return f"PATCH {self._api.url(self._path)}\n{_shown(body)}"

    async def diagnose(self) -> list[Diagnosis]:
        """Token, policy, the right to change it."""
        found: list[Diagnosis] = []
        try:
            token = await self._api.token()
            found.append(Diagnosis("credentials", True, token.origin))
            started = time.perf_counter()
            status = await self.read_policy()
            elapsed = (time.perf_counter() - started) * 1000
            found.append(
                Diagnosis(READS, True, f"{status.policy}, {counted(len(status.rules), 'rule')}, in {elapsed:.0f} ms")
            )
        except CockpitError as error:
            return [*found, Diagnosis(READS if found else "credentials", False, error.message, self._fix(error))]
        try:
            missing = await self.missing_permissions([CHANGES])
        except CockpitError as error:
            return [*found, Diagnosis(CHANGES, None, error.message, error.hint)]
        held = Diagnosis(
            CHANGES, not missing, "missing" if missing else "held", self._grant(CHANGES) if missing else ""
        )
        return [*found, held]

    async def close(self) -> None:
        """Close both APIs."""
        await self._api.close()
        await self._rights.close()

    def _fix(self, error: CockpitError) -> str:
        return self._grant(READS) if isinstance(error, PermissionDenied) else error.hint

    def _grant(self, permission: str) -> str:
        return (
            f"gcloud projects add-iam-policy-binding {self._source.project} --member=user:YOU"
            f" --role={ROLES[permission]}"
        )

    async def _look_for_backends(self) -> None:
        """Which backend services use the policy. The pane works without."""
        try:
            query = {"maxResults": str(BACKENDS)}
            pages = self._api.pages(f"{self._root}/global/backendServices", query, "items", BACKENDS)
            self._backends = users_of([each async for each in pages], self._source.policy)
            self._backends_note = "" if self._backends else "no backend service uses this policy: it filters nothing"
        except CockpitError as error:
            self._backends = None
            self._backends_note = f"which backend services use it is not known: {error.message}"

    def _with_backends(self, status: ArmorStatus) -> ArmorStatus:
        notes = (self._backends_note,) if self._backends_note else ()
        protects = None if self._backends is None else bool(self._backends)
        return dataclasses.replace(status, backends=self._backends or (), notes=notes, protects=protects)

    async def _changed(self, operation: Json, so: Callable[[ArmorStatus], bool]) -> ArmorStatus:
        """The policy once the operation is done; where that may not be looked at, once it is `so`."""
        finished = await self._finish(operation)
        until = self._clock.monotonic() + UNSEEN_S
        try:
            while not so(status := await self.read_policy()) and not finished:
                if self._clock.monotonic() >= until:
                    raise TimedOut(
                        "the change was accepted, its operation may not be looked at, and nothing is seen of it yet",
                        hint=f"{ROLES['compute.globalOperations.get']} shows operations: look at the policy again",
                    )
                await self._clock.sleep(_PAUSE_MOST_S)
        except CockpitError as error:
            error.effect_possible = True
            raise
        return status

    async def _finish(self, operation: Json) -> bool:
        """Wait until the operation is DONE, at most two minutes. DONE with an error is a failure for certain.

        False where the operation may not be looked at: the caller looks at the policy.
        """
        name = text(operation.get("name"), 200)
        if not name:
            raise Malformed(
                "compute API accepted the change but named no operation",
                hint="it may have happened: look at the policy",
                effect_possible=True,
            )
        until = self._clock.monotonic() + OPERATION_DEADLINE_S
        pause, trouble = _PAUSE_FIRST_S, ""
        while operation.get("status") != "DONE":
            if self._clock.monotonic() >= until:
                raise TimedOut(
                    f"compute API accepted the change, but it did not finish within {OPERATION_DEADLINE_S:g} s"
                    f"{trouble}",
                    hint="it goes on without the cockpit: look at the policy before anything else",
                    effect_possible=True,
                )
            try:
                operation = await self._api.ask(f"{self._root}/global/operations/{name}/wait", None)
            except (PermissionDenied, NotFound):
                return False
            except (Unreachable, TimedOut, RateLimited, Malformed) as error:
                trouble = f" (last look: {error.word})"  # the next may succeed; the deadline above ends this
            except CockpitError as error:
                error.effect_possible = True
                raise
            if operation.get("status") != "DONE":
                await self._clock.sleep(pause)
                pause = min(pause * 1.5, _PAUSE_MOST_S)
        _raise_failure(operation)
        return True


def _raise_failure(operation: Json) -> None:
    failures = objects(part(operation, "error").get("errors"))
    if not failures:
        return
    said = text(failures[0].get("message")) or text(failures[0].get("code"), 80) or "the operation failed"
    if number(operation.get("httpErrorStatusCode")) in (409, 412):
        raise Conflict(f"compute API: {said}", hint="plan again")
    raise CockpitError(f"compute API: {said}", hint="the policy is as it was")


def _judged(status: ArmorStatus, clock: Clock) -> Observation:
    due = status.due(clock.now())
    if due:
        since = due[0].expires
        many = f"{len(due)} denials are" if len(due) > 1 else f"{due[0].ranges[0]} is"
        return Observation(Severity.WARN, f"{many} due to be let in again since {since:%m-%d %H:%M} UTC", status)
    denials = len(status.denials)
    words = [f"{counted(len(status.rules), 'rule')}", f"{denials} denial{'s' if denials != 1 else ''}"]
    if status.adaptive is not None:
        words.append(f"adaptive {'on' if status.adaptive else 'off'}")
    if status.protects is False:
        words.append("used by no backend")
    return Observation(Severity.OK, ", ".join(words), status)


def _shown(body: Json) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)
