"""Takes an apply of this session back: what stood there before is put back, what it made is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.applied import EACH_S, MOST_CHANGES, STAYS, One, Shelf
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.adapters.kube.applying import restored, told
from cockpit.adapters.kube.changing import KubeChange, deletion
from cockpit.adapters.kube.fields import part, uid_of
from cockpit.adapters.kube.terms import Right
from cockpit.errors import CockpitError, NotFound
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Outcome,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

UNAPPLY = ActionSpec(
    "cluster.unapply",
    "Take an apply back",
    SourceKind.CLUSTER,
    "",
    Tier.T3,
    "Puts back what stood there before an apply of this session, and deletes what it made.",
    (Param("kept", ParamKind.TEXT, "which apply", identity=True),),
    listed=False,
)


class Unapply(KubeAction):
    """cluster.unapply."""

    def __init__(self, spec: ActionSpec, ground: KubeGround, shelf: Shelf) -> None:
        super().__init__(spec, ground)
        self._shelf = shelf

    async def plan(self, request: ActionRequest) -> Plan:
        """What is put back and what is deleted, against what is there now."""
        ground, place = self._ground, self._ground.gateway.place
        ones = [each for each in self._shelf.kept(request.get("kept")) if each.made]
        refusals: list[Refusal] = []
        if not ones:
            reason = "what stood there before is not held by this cockpit"
            refusals.append(Refusal("preconditions", reason, "it is kept in memory, while the cockpit runs"))
        steps: list[tuple[One, KubeChange]] = []
        changes: list[Change] = []
        for each in reversed(ones):
            try:
                now = await ground.gateway.get(each.path)
            except NotFound:
                continue
            if uid_of(now) != each.made:
                refusals.append(Refusal("identity", f"{each.ref} was deleted and made again", "look at it first"))
            elif each.before is not None:
                change = restored(each.path, now, each.before)
                if change is not None:
                    steps.append((each, change))
                    changes += [Change(f"{each.ref} {what}", *pair) for what, *pair in told(now, each.before)]
            elif each.resource.kind not in STAYS:
                steps.append((each, deletion(each.path, now)))
                changes.append(Change(each.ref, "there", "deleted"))
        if ones and not steps and not refusals:
            refusals.append(Refusal("preconditions", "all is as before the apply", "there is nothing to do"))
        rights = [
            Right(change.method.lower(), each.resource.plural, each.resource.group, namespace=ground.namespace)
            for each, change in steps
        ]
        return self.card(
            request,
            title=f"Take the apply of {len(steps)} objects back",
            target=ground.named(", ".join(each.ref for each, _ in steps[:5]) or "nothing"),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": ground.namespace,
                **{each.ref: each.made for each, _ in steps},
            },
            permission=await preflight(ground, list(dict.fromkeys(rights))),
            undo=Undo("apply the file once more"),
            refusals=refusals,
            changes=tuple(changes[:MOST_CHANGES]),
            objects=tuple(each.ref for each, _ in steps),
            affected="whoever the objects serve",
            operation="\n".join(change.shown(place.server) for _, change in steps if change.method == "PATCH"),
            basis={"steps": steps},
            deadline_s=30.0 + EACH_S * len(steps),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """One after the other, the last applied first."""
        steps = cast("Sequence[tuple[One, KubeChange]]", plan.basis["steps"])
        for done, (each, change) in enumerate(steps):
            control.progress(done, len(steps), f"taking {each.ref} back")
            try:
                await change.send(self._ground.gateway)
            except CockpitError as error:
                if not done:
                    raise
                outcome = Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED
                said = f"{done} of {len(steps)} objects are as before, then {each.ref}: {error.message}"
                return RunResult(outcome, said, done, len(steps))
        return RunResult(Outcome.SUCCEEDED, f"{len(steps)} objects are as before", len(steps), len(steps))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether each is as it was, or on its way out."""
        for each, _ in cast("Sequence[tuple[One, KubeChange]]", plan.basis["steps"]):
            try:
                now = await self._ground.gateway.get(each.path)
            except NotFound:
                if each.before is not None:
                    return Verification(False, f"{each.ref} is gone")
                continue
            if (
                each.before is None
                and uid_of(now) == each.made
                and not part(now, "metadata").get("deletionTimestamp")
            ):
                return Verification(False, f"{each.ref} is still there")
            if each.before is not None and told(now, each.before):
                return Verification(False, f"{each.ref} is not as before")
        return Verification(True, "all is as before the apply")
