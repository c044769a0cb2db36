"""The frame of the plan card that actions on one ground share: what is always the same is filled in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cockpit.actions.bound import BoundAction
from cockpit.clock import Clock
from cockpit.model.action import ActionRequest, ActionSpec, Change, Permission, Plan, Refusal, Tier, Undo
from cockpit.text import clean_lines


class Ground(Protocol):
    """Where the actions of one source stand."""

    @property
    def source(self) -> str:
        """Id of the source."""

    @property
    def clock(self) -> Clock:
        """When a plan was made."""


class CardedAction(BoundAction):
    """Base of handlers that make their plan with `card`."""

    DEADLINE_S = 60.0

    def __init__(self, spec: ActionSpec, ground: Ground) -> None:
        super().__init__(spec, ground.source)
        self._clock = ground.clock

    def card(
        self,
        request: ActionRequest,
        *,
        title: str,
        target: str,
        identity: Mapping[str, str],
        permission: Permission,
        undo: Undo,
        refusals: Sequence[Refusal] = (),
        warnings: Sequence[str] = (),
        changes: tuple[Change, ...] = (),
        objects: tuple[str, ...] = (),
        population: int = 0,
        affected: str = "nobody",
        operation: str = "",
        equivalent: tuple[str, ...] = (),
        dry_run: str = "",
        basis: Mapping[str, object] | None = None,
        tier: Tier | None = None,
        symptoms: tuple[str, ...] = (),
        deadline_s: float = 0.0,
        lock: str = "",
    ) -> Plan:
        """The plan in its usual frame."""
        return Plan(
            request=request,
            title=title,
            tier=self._spec.tier if tier is None else tier,
            target=target,
            identity=identity,
            changes=changes,
            objects=objects,
            count=len(objects),
            population=population,
            affected=affected,
            operation=clean_lines(operation) if operation else (),
            equivalent=equivalent,
            permission=permission,
            undo=undo,
            planned_at=self._clock.now(),
            deadline_s=deadline_s or self.DEADLINE_S,
            refusals=tuple(refusals),
            warnings=tuple(warnings),
            dry_run=dry_run,
            symptoms=symptoms or (self.source,),
            basis=dict(basis or {}),
            lock=lock,
        )
