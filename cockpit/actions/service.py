"""What all actions on one Cloud Run service share: identity, permission, dry run, and the frame of the plan card."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass

from cockpit.actions.bound import BoundAction
from cockpit.actions.handler import Scene
from cockpit.adapters.capabilities import ServiceChanging
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Conflict, Misconfigured, PermissionDenied
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Grant,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    Tier,
    Undo,
)
from cockpit.model.revisions import ServiceStatus
from cockpit.text import clean_lines

NEEDS = "run.services.update"
DEADLINE_S = 150.0  # the operation has two minutes, the reading before and after the rest

IDENTITY = (
    Param("uid", ParamKind.TEXT, "uid of the service", False, identity=True),
    Param("etag", ParamKind.TEXT, "etag of the service as it was read", False, identity=True),
)


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the actions of one source stand."""

    source: str
    adapter: ServiceChanging
    scene: Scene
    clock: Clock


@dataclass(frozen=True, slots=True)
class Situation:
    """The service at the moment of planning."""

    status: ServiceStatus
    permission: Permission
    refusals: tuple[Refusal, ...]


class ServiceAction(BoundAction):
    """Base of the handlers on one service."""

    def __init__(self, spec: ActionSpec, ground: Ground) -> None:
        super().__init__(spec, ground.source)
        self._ground = ground
        self._adapter = ground.adapter

    async def ground(self, request: ActionRequest) -> Situation:
        """Read the service, compare the identity that the row gave, ask for the permission."""
        status = await self._adapter.read_service()
        refusals: list[Refusal] = []
        if request.get("uid") not in ("", status.uid):
            refusals.append(
                Refusal("identity", f"{status.service} was deleted and created again", "look at it before acting")
            )
        elif request.get("etag") not in ("", status.etag):
            by = f" by {status.last_modifier}" if status.last_modifier else ""
            refusals.append(
                Refusal(
                    "identity",
                    f"{status.service} was changed{by} since the row was drawn",
                    "look, then plan again",
                    outdated=("etag",),
                )
            )
        return Situation(status, await self._permission(status), tuple(refusals))

    def card(
        self,
        request: ActionRequest,
        situation: Situation,
        *,
        title: str,
        refusals: Sequence[Refusal],
        undo: Undo,
        warnings: Sequence[str] = (),
        changes: tuple[Change, ...] = (),
        objects: tuple[str, ...] = (),
        affected: str = "nobody",
        operation: str = "",
        equivalent: tuple[str, ...] = (),
        dry_run: str = "",
        basis: Mapping[str, object] | None = None,
        tier: Tier | None = None,
    ) -> Plan:
        """The plan in its usual frame."""
        status = situation.status
        return Plan(
            request=request,
            title=title,
            tier=self._spec.tier if tier is None else tier,
            target=f"{status.service} on Cloud Run {status.project}/{status.region}",
            identity={"service": status.name, "uid": status.uid, "etag": status.etag},
            changes=changes,
            objects=objects,
            count=len(objects),
            population=0,
            affected=affected,
            operation=clean_lines(operation) if operation else (),
            equivalent=equivalent,
            permission=situation.permission,
            undo=undo,
            planned_at=self._ground.clock.now(),
            deadline_s=DEADLINE_S,
            refusals=tuple(refusals),
            warnings=tuple(warnings),
            dry_run=dry_run,
            symptoms=(self.source,),
            basis=dict(basis or {}),
        )

    async def _permission(self, status: ServiceStatus) -> Permission:
        how = (
            f"roles/run.developer contains it: gcloud run services add-iam-policy-binding {status.service}"
            f" --region={status.region} --project={status.project} --member=user:YOU --role=roles/run.developer"
        )
        try:
            missing = await self._adapter.missing_permissions([NEEDS])
        except CockpitError as error:
            return Permission(Grant.UNKNOWN, NEEDS, f"{error.message}. {how}")
        return Permission(Grant.DENIED, NEEDS, how) if missing else Permission(Grant.GRANTED, NEEDS)


async def rehearse(attempt: Awaitable[ServiceStatus], what: str) -> tuple[str, list[Refusal]]:
    """Send the request with validateOnly: what the server said, and the refusals that follow from it."""
    try:
        await attempt
    except Conflict as error:
        return error.message, [Refusal("identity", error.message, "plan again")]
    except PermissionDenied as error:
        return error.message, [Refusal("permission", error.message, error.hint)]
    except Misconfigured as error:
        return error.message, [Refusal("dry run", f"Cloud Run refuses the {what}: {error.message}", error.hint)]
    except CockpitError as error:
        return f"not known: {error.message}", []
    return f"Cloud Run accepts the {what} (validateOnly)", []
