"""Stopping a Cloud Run service, and letting it run again: the scaling mode. Limits while it is automatic are in
`scaling`. What a switch of the mode does to them: https://cloud.google.com/run/docs/configuring/services/manual-scaling.
"""

from __future__ import annotations

from typing import cast

from cockpit.actions.handler import ActionHandler
from cockpit.actions.reshape import Aim, ServiceReshape, already
from cockpit.actions.service import IDENTITY, Ground
from cockpit.actions.traffic import gcloud_update
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Param,
    ParamKind,
    Plan,
    Refusal,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.revisions import ModeChange, Scaling, ServiceStatus
from cockpit.model.severity import SourceKind

_EXPECT = Param("expect", ParamKind.TEXT, "the mode that must be set now, empty for any", False, identity=True)
STOP = ActionSpec(
    "revisions.stop",
    "Stop service",
    SourceKind.REVISIONS,
    "",
    Tier.T3,
    "Ends all instances and starts no new ones: manual scaling with 0 instances, without a new revision.",
    (_EXPECT, *IDENTITY),
    scope=Scope.SOURCE,
    reversible=True,
)
RESUME = ActionSpec(
    "revisions.resume",
    "Resume service",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Goes back to automatic scaling after a stop, or to a fixed number of instances.",
    (
        Param("instances", ParamKind.INTEGER, "a fixed number of instances, empty for automatic", False),
        Param("min", ParamKind.INTEGER, "least instances of automatic scaling, with max", False),
        Param("max", ParamKind.INTEGER, "most instances of automatic scaling, with min", False),
        _EXPECT,
        *IDENTITY,
    ),
    scope=Scope.SOURCE,
    reversible=True,
)
SPECS = (STOP, RESUME)


class _Mode(ServiceReshape):
    """What both have in common: how the mode is seen, and the way back to it."""

    WHAT = "scaling mode"

    def seen(self, plan: Plan, status: ServiceStatus) -> Verification:
        """Whether the service is in the wanted mode."""
        change = cast("ModeChange", plan.basis["change"])
        wanted = "automatic" if change.manual is None else f"manual {change.manual}"
        found = mode_of(status.scaling)
        return Verification(found == wanted, f"scaling of {status.service} is {found}")

    def expected(self, request: ActionRequest, status: ServiceStatus) -> tuple[Refusal, ...]:
        """Whether the mode is still the one that an undo was made for."""
        expected, now = request.get("expect"), mode_of(status.scaling)
        if not expected or expected == now:
            return ()
        return (Refusal("preconditions", f"the scaling was changed since: it is {now}", "look at it, then plan"),)


class Stop(_Mode):
    """revisions.stop."""

    def aim(self, request: ActionRequest, status: ServiceStatus) -> Aim:
        """No instance."""
        change, former = ModeChange(0), status.scaling
        refusals = self.expected(request, status) or (already() if mode_of(former) == "manual 0" else ())
        warnings = [f"every request to {status.service} fails (503) until it is resumed"]
        if former.min_instances or former.max_instances:
            warnings.append(f"Cloud Run unsets the limits with it ({_limits(former)})")
        if tags := [target.tag for target in status.traffic if target.tag]:
            warnings.append(f"a tagged revision ({', '.join(tags)}) may still answer at the address of its tag")
        return Aim(
            change,
            f"Stop {status.service}",
            refusals,
            tuple(warnings),
            (Change("scaling", mode_of(former), "manual 0"),),
            f"everybody who uses {status.service}",
            (gcloud_update(status, "--scaling=0", beta=True),),
            _back(request.source, former, "manual 0"),
        )


class Resume(_Mode):
    """revisions.resume."""

    def aim(self, request: ActionRequest, status: ServiceStatus) -> Aim:
        """Automatic scaling, or a fixed number of instances."""
        former = status.scaling
        count = int(request.get("instances")) if request.get("instances") else None
        low, high = int(request.get("min") or 0), int(request.get("max") or 0)
        change = ModeChange(count, low, high)
        wanted = "automatic" if count is None else f"manual {count}"
        title = f"Scaling of {status.service}: {wanted}"
        warnings: list[str] = []
        if count is None and former.manual_instances and not (low or high):
            warnings.append(
                f"Cloud Run makes the {former.manual_instances} instances of now both limits: set them afterwards"
            )
        options = [f"--scaling={'auto' if count is None else count}"]
        options += [f"--{name}={limit}" for name, limit in (("min", low), ("max", high)) if limit]
        return Aim(
            change,
            title,
            self.expected(request, status) or _nonsense(former, change),
            tuple(warnings),
            (
                Change("scaling", mode_of(former), wanted),
                *([Change("limits", _limits(former), f"least {low}, most {high}")] if low or high else []),
            ),
            f"everybody who uses {status.service}",
            (gcloud_update(status, *options, beta=True),),
            _back(request.source, former, wanted),
        )


def mode_of(scaling: Scaling) -> str:
    """ "automatic", or "manual 3"."""
    return f"manual {scaling.manual_instances or 0}" if scaling.manual else "automatic"


def _limits(scaling: Scaling) -> str:
    return f"least {scaling.min_instances or 'unset'}, most {scaling.max_instances or 'unset'}"


def _nonsense(former: Scaling, change: ModeChange) -> tuple[Refusal, ...]:
    low, high = change.min_instances, change.max_instances
    if change.manual is not None and change.manual <= 0:
        return (Refusal("preconditions", f"{change.manual} instances is no way to run", "revisions.stop stops it"),)
    if change.manual is not None and (low or high):
        return (Refusal("preconditions", "a fixed number of instances has no limits", "leave out min and max"),)
    if min(low, high) < 0 or bool(low) != bool(high):
        hint = "give min and max, or neither; revisions.scale sets one"
        return (Refusal("preconditions", "Cloud Run wants both limits with the change of mode, or none", hint),)
    if low > high:
        return (Refusal("preconditions", f"at most {high} is below at least {low} instances", "lower min as well"),)
    wanted = "automatic" if change.manual is None else f"manual {change.manual}"
    return already() if mode_of(former) == wanted else ()


def _back(source: str, former: Scaling, after: str) -> Undo:
    """To the former mode; what Cloud Run does not take back with it is said."""
    params = {"expect": after}
    mode = mode_of(former)
    if mode == "manual 0":
        return Undo("stop it again", ActionRequest(STOP.id, source, params))
    if mode != "automatic":
        return Undo(f"back to {mode}", ActionRequest(RESUME.id, source, params | {"instances": mode[7:]}))
    low, high = former.min_instances, former.max_instances
    if low and high:
        params |= {"min": str(low), "max": str(high)}
        return Undo(f"back to automatic, {_limits(former)}", ActionRequest(RESUME.id, source, params))
    lost = f"; then set its limit again: {_limits(former)}" if low or high else ""
    return Undo(f"back to automatic{lost}", ActionRequest(RESUME.id, source, params))


def handlers(ground: Ground) -> list[ActionHandler]:
    """Both actions on one service."""
    return [Stop(STOP, ground), Resume(RESUME, ground)]
