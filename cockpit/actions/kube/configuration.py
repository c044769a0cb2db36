"""What changing a key of a ConfigMap needs: the object, who reads the key and when they see it, their restarts."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import KubeGround
from cockpit.actions.kube.restart import RESTART, Restart
from cockpit.adapters.kube.changing import WORKLOADS, KubeChange, workloads_path
from cockpit.adapters.kube.fields import part, text, uid_of
from cockpit.adapters.kube.reading import Reader, readers_of
from cockpit.adapters.kube.tending import configmaps_path, put_key
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, NotFound, PermissionDenied, Refused
from cockpit.model.action import ActionRequest, Change, Grant, Outcome, Plan, Refusal, RunResult

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_SHOWN = 40
_MOST_BYTES = 1 << 20  # of a ConfigMap as a whole
_NOTHING = "unset"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key of a ConfigMap, as it is and as it is wanted; None is a key that is not there."""

    namespace: str
    obj: Json
    name: str
    key: str
    before: str | None
    after: str | None
    readers: tuple[Reader, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """ "configmap/settings"."""
        return f"configmap/{self.name}"

    @property
    def change(self) -> KubeChange:
        """The request."""
        return put_key(configmaps_path(self.namespace, self.name), self.obj, self.key, self.after)

    @property
    def right(self) -> Right:
        """That it needs."""
        return Right("patch", "configmaps", namespace=self.namespace, name=self.name)

    @property
    def changes(self) -> tuple[Change, ...]:
        """The value, or the lines that differ."""
        before, after = self.before, self.after
        if before is None or after is None or "\n" not in before + after:
            return (Change(self.key, _shown(before), _shown(after)),)
        old, new = before.splitlines(), after.splitlines()
        found: list[Change] = []
        for word, start, end, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if word != "equal":
                said = [" | ".join(text(line) for line in lines) for lines in (old[start:end], new[first:last])]
                found.append(Change(f"{self.key}, line {start + 1}", said[0] or _NOTHING, said[1] or _NOTHING))
        if len(found) > _SHOWN:
            left = len(found) - _SHOWN
            found = [*found[:_SHOWN], Change(f"{self.key}, {left} more places", "as they are", "otherwise")]
        return tuple(found) or (Change(self.key, _shown(before), _shown(after)),)

    def refusals(self) -> list[Refusal]:
        """Why it cannot be changed, or need not."""
        if not _KEY.fullmatch(self.key):
            return [Refusal("parameters", f"{text(self.key)} is no key of a ConfigMap", "letters, digits, - _ and .")]
        if self.obj.get("immutable") is True:
            hint = "make another one and let the workloads read that"
            return [Refusal("preconditions", f"{self.ref} is immutable", hint)]
        if self.key in part(self.obj, "binaryData"):
            return [Refusal("preconditions", f"{self.key} of {self.ref} is binary", "change it with kubectl")]
        if self.before == self.after:
            there = "is not there" if self.after is None else "has that value already"
            return [Refusal("preconditions", f"{self.key} of {self.ref} {there}", "nothing is to be done")]
        if self.after is not None and len(self.after.encode()) > _MOST_BYTES:
            return [Refusal("parameters", "the value is longer than 1 MiB", "a ConfigMap cannot hold it")]
        return []

    def said(self, restarting: Sequence[str]) -> tuple[str, ...]:
        """Who reads it, and when they see the change."""
        lines = [*self.notes]
        for each in self.readers:
            then = "is restarted" if each.ref in restarting else each.sight.value
            lines.append(f"{each.ref} reads {self.key}: {then}")
        if not self.readers and not self.notes:
            lines.append(f"no deployment, stateful set or daemon set here reads {self.key} of {self.ref}")
        return tuple(lines)

    @property
    def waiting(self) -> tuple[str, ...]:
        """The workloads that see it only once they are restarted."""
        return tuple(each.ref for each in self.readers if each.restart)


def _shown(value: str | None) -> str:
    if value is None:
        return _NOTHING
    return text(value) or '""'


def written(value: str | None) -> str:
    """A value in one line of printable characters, as a parameter that is filled in holds it."""
    return json.dumps(value)


def unwritten(value: str) -> str | None:
    """The same the other way. Raises Refused."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = 0
    if found is not None and not isinstance(found, str):
        raise Refused("parameters", "the exact value is neither a JSON string nor null")
    return found


async def key_change(ground: KubeGround, name: str, key: str, wanted: str | None) -> KeyChange:
    """Read the ConfigMap and who reads it. Raises NotFound, PermissionDenied ..."""
    if not name or not key:
        raise Refused("parameters", "no ConfigMap or no key was named", hint="put the cursor on one, or name both")
    obj = await ground.gateway.get(configmaps_path(ground.namespace, name))
    held = part(obj, "data").get(key)
    found: list[tuple[str, Json]] = []
    notes: list[str] = []
    for kind, plural in WORKLOADS.items():
        try:
            listed = await ground.gateway.listed(workloads_path(kind, ground.namespace))
        except PermissionDenied:
            notes.append(f"{plural} cannot be seen: whether one of them reads {key} is not known")
            continue
        found += [(kind, each) for each in listed.items]
    before = held if isinstance(held, str) else None
    readers = readers_of(found, name, key)
    return KeyChange(ground.namespace, obj, name, key, before, wanted, readers, tuple(notes))


async def holds(ground: KubeGround, wanted: KeyChange) -> str:
    """What is not as it was wanted; "" where all is."""
    try:
        obj = await ground.gateway.get(configmaps_path(ground.namespace, wanted.name))
    except NotFound:
        return f"{wanted.ref} is not there any more"
    if uid_of(obj) != uid_of(wanted.obj):
        return f"{wanted.ref} was deleted and made again"
    found = part(obj, "data").get(wanted.key)
    return "" if found == wanted.after else f"{wanted.key} of {wanted.ref} is {_shown(found)}"


class Restarts:
    """Restarts of workloads one after the other, each followed to the end of its rollout."""

    def __init__(self, ground: KubeGround) -> None:
        self._ground = ground
        self._handler = Restart(RESTART, ground)

    async def plans(self, refs: Sequence[str], at: str) -> tuple[tuple[Plan, ...], tuple[str, ...]]:
        """A plan for each, and what is said of those that have no pods: they read it when they start."""
        made: list[Plan] = []
        notes: list[str] = []
        for ref in refs:
            plan = await self._handler.plan(
                ActionRequest(RESTART.id, self._ground.source, {"workload": ref, "at": at})
            )
            if any("has no pods to restart" in each.reason for each in plan.refusals):
                notes.append(f"{ref} has no pods: nothing to restart, it reads the new value when it starts")
            else:
                made.append(plan)
        return tuple(made), tuple(notes)

    def denied(self, plans: Sequence[Plan]) -> list[Plan]:
        """Those that may not be run."""
        return [each for each in plans if each.permission.grant is Grant.DENIED]

    async def run(self, plans: Sequence[Plan], control: RunControl) -> RunResult:
        """Until all are at their end; stops at the first that is not, and says who was not restarted."""
        done: list[str] = []
        for plan in plans:
            ref = plan.request.get("workload")
            try:
                result = await self._handler.run(plan, control)
            except CockpitError as error:
                outcome = Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED
                result = RunResult(outcome, f"{ref} was not restarted: {error}")
            if result.outcome is not Outcome.SUCCEEDED:
                return RunResult(
                    result.outcome,
                    _stopped(result.summary, plans[len(done) + 1 :]),
                    len(done),
                    len(plans),
                    tuple(done),
                )
            done.append(result.summary)
            if control.aborted() and len(done) < len(plans):
                said = _stopped("stopped on request", plans[len(done) :])
                return RunResult(Outcome.FAILED, said, len(done), len(plans), tuple(done))
        return RunResult(Outcome.SUCCEEDED, "; ".join(done), len(done), len(plans), tuple(done))

    async def verified(self, plans: Sequence[Plan], result: RunResult) -> str:
        """What is not so of the restarts; "" where all are at their end."""
        for plan in plans:
            found = await self._handler.verify(plan, result)
            if found.holds is not True:
                return found.text
        return ""


def _stopped(summary: str, left: Sequence[Plan]) -> str:
    names = ", ".join(each.request.get("workload") for each in left)
    return f"{summary}; not restarted: {names}" if names else summary
