"""Limits on a service's instances, at service level: no new revision, so the template's image cannot slip in."""

from __future__ import annotations

from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.service import IDENTITY, ServiceAction, rehearse
from cockpit.actions.traffic import gcloud_scale
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
from cockpit.model.revisions import Scaling
from cockpit.model.severity import SourceKind

SCALE = ActionSpec(
    "revisions.scale",
    "Scale",
    SourceKind.REVISIONS,
    "S",
    Tier.T2,
    "Sets the least and the most instances at service level, at once and without a new revision.",
    (
        Param("min", ParamKind.INTEGER, "least instances, empty to leave it", False),
        Param("max", ParamKind.INTEGER, "most instances, empty to leave it", False),
        *IDENTITY,
    ),
    reversible=True,
)
RESTORE_SCALE = ActionSpec(
    "revisions.restore_scale",
    "Restore limits",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Sets exact limits, 0 for none: how a scaling is taken back.",
    (
        Param("min", ParamKind.INTEGER, "least instances, 0 for none"),
        Param("max", ParamKind.INTEGER, "most instances, 0 for none"),
        Param("expect", ParamKind.TEXT, 'limits that must be in force now, as "min/max", empty for any', False),
        *IDENTITY,
    ),
    reversible=True,
    listed=False,
)


class Scale(ServiceAction):
    """revisions.scale, and revisions.restore_scale, which may also take a limit away."""

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact PATCH, before and after, permission and dry run."""
        situation = await self.ground(request)
        status = situation.status
        current = status.scaling
        minimum, maximum = _limit(request.get("min")), _limit(request.get("max"))
        refusals = [*situation.refusals, *self._refusals(request, current, minimum, maximum)]
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(
                self._adapter.scale(minimum, maximum, status.etag, validate_only=True), "limits"
            )
            refusals += refused
        wanted = _wanted(current, minimum, maximum)
        operation = self._adapter.scale_request(minimum, maximum, status.etag)
        warnings: list[str] = []
        if current.manual and not current.stopped:
            warnings.append("scaling is manual: these limits have no effect until it is automatic again")
        if maximum and current.max_instances and maximum < current.max_instances:
            warnings.append("fewer instances than now may serve: requests beyond them wait, then get 429")
        changes = tuple(
            Change(f"{word} instances", _shown(before), _shown(after))
            for word, before, after in (
                ("least", current.min_instances, wanted[0]),
                ("most", current.max_instances, wanted[1]),
            )
            if before != after
        )
        return self.card(
            request,
            situation,
            title=f"Scale {status.service} to {_shown(wanted[0])} .. {_shown(wanted[1])} instances",
            refusals=refusals,
            warnings=warnings,
            changes=changes,
            objects=(status.name,),
            affected=f"every revision of {status.service} that serves; running requests go on",
            operation=operation,
            equivalent=gcloud_scale(status, minimum, maximum, operation),
            undo=self._undo(request, (current.min_instances, current.max_instances), wanted),
            dry_run=dry_run,
            basis={
                "min": minimum,
                "max": maximum,
                "etag": status.etag,
                "wanted": wanted,
                "former": (current.min_instances, current.max_instances),
            },
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Send the limits once and wait for the operation."""
        minimum, maximum = cast("int | None", plan.basis["min"]), cast("int | None", plan.basis["max"])
        control.progress(0, 1, "waiting for Cloud Run")
        status = await self._adapter.scale(minimum, maximum, str(plan.basis["etag"]))
        control.progress(1, 1, "done")
        now = (status.scaling.min_instances, status.scaling.max_instances)
        former = cast("tuple[int, int]", plan.basis["former"])
        return RunResult(
            Outcome.SUCCEEDED,
            f"{status.service} scales between {_shown(now[0])} and {_shown(now[1])} instances",
            undo=self._undo(plan.request, former, now),
        )

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether the service has the limits."""
        scaling = (await self._adapter.read_service()).scaling
        found = (scaling.min_instances, scaling.max_instances)
        shown = f"least {_shown(found[0])}, most {_shown(found[1])} instances"
        return Verification(found == plan.basis["wanted"], shown)

    def _refusals(
        self, request: ActionRequest, current: Scaling, minimum: int | None, maximum: int | None
    ) -> list[Refusal]:
        wanted = _wanted(current, minimum, maximum)
        expected = request.get("expect")
        now = f"{current.min_instances}/{current.max_instances}"
        found: list[Refusal] = []
        if minimum is None and maximum is None:
            found.append(Refusal("preconditions", "neither min nor max was given", "set one of them"))
        if min(wanted) < 0:
            found.append(Refusal("preconditions", "a limit cannot be negative", "use 0 or more"))
        if maximum == 0 and self._spec is SCALE:
            found.append(
                Refusal(
                    "preconditions",
                    "at most 0 instances means no limit to Cloud Run, not a stop",
                    "to stop it: revisions.stop",
                )
            )
        elif wanted[1] and wanted[1] < wanted[0]:
            found.append(
                Refusal(
                    "preconditions",
                    f"at most {wanted[1]} is below at least {wanted[0]} instances",
                    "lower min as well",
                )
            )
        if current.stopped:
            reason = "the service is stopped by manual scaling: limits would have no effect"
            found.append(Refusal("preconditions", reason, "resume it first, with min and max: revisions.resume"))
        if expected and expected != now:
            found.append(Refusal("preconditions", f"the limits were changed since: {now}", "plan a scaling instead"))
        if not found and wanted == (current.min_instances, current.max_instances):
            found.append(Refusal("preconditions", "the limits are already so", "nothing has to be done"))
        return found

    def _undo(self, request: ActionRequest, former: tuple[int, int], after: tuple[int, int]) -> Undo:
        return Undo(
            f"restore at least {_shown(former[0])}, at most {_shown(former[1])} instances",
            ActionRequest(
                RESTORE_SCALE.id,
                request.source,
                {"min": str(former[0]), "max": str(former[1]), "expect": f"{after[0]}/{after[1]}"},
            ),
        )


def _limit(text: str) -> int | None:
    return int(text) if text else None


def _wanted(current: Scaling, minimum: int | None, maximum: int | None) -> tuple[int, int]:
    return (
        current.min_instances if minimum is None else minimum,
        current.max_instances if maximum is None else maximum,
    )


def _shown(limit: int) -> str:
    return str(limit) if limit else "unset"
