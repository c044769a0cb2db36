"""Backups of a Postgres instance: a logical export, and recovery to a point in time, which makes a new database.

https://render.com/docs/postgresql-backups
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from cockpit.actions.handler import ActionHandler, RunControl
from cockpit.actions.render.ground import RenderAction, RenderGround, checkless, detail_of
from cockpit.adapters.render import asking
from cockpit.errors import NotFound, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
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
from cockpit.model.render import DataStore, Export, Recovery
from cockpit.model.severity import SourceKind
from cockpit.text import clean

POSTGRES = Param("postgres", ParamKind.CHOICE, "id of the Postgres instance: dpg-...")
CREATED = Param("created", ParamKind.TEXT, "when the instance was created", False, identity=True)

BACKUP = ActionSpec(
    "render.backup",
    "Back up Postgres",
    SourceKind.RENDER,
    "B",
    Tier.T2,
    "Makes a logical export of a Postgres instance, and waits until it can be downloaded.",
    (POSTGRES, CREATED),
    short="Backup",
)
RECOVER = ActionSpec(
    "render.recover",
    "Recover Postgres",
    SourceKind.RENDER,
    "V",
    Tier.T4,
    "Makes a new database of what a Postgres instance was at a moment; the instance itself stays as it is.",
    (
        POSTGRES,
        Param("at", ParamKind.TEXT, "the moment in UTC: 2026-05-04T03:20:00Z, or 2026-05-04 03:20"),
        Param("name", ParamKind.TEXT, "of the new database", False),
        CREATED,
    ),
)
_RUNNING = ("available", "maintenance_scheduled")


class _OnPostgres(RenderAction):
    """What both have in common."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """The instances of the profile."""
        names = self._ground.table.postgres if param == "postgres" else ()
        return [Choice(name, (await self._estate.store(name)).name, index == 0) for index, name in enumerate(names)]

    async def see(self, request: ActionRequest) -> tuple[DataStore, list[Refusal]]:
        """The instance now, and what speaks against acting on it."""
        name = request.get("postgres")
        if name not in self._ground.table.postgres:
            known = ", ".join(self._ground.table.postgres) or "none"
            raise Refused("catalogue", f"the profile names no Postgres {clean(name, 60)}", hint=f"It names: {known}")
        store = await self._estate.store(name)
        refusals: list[Refusal] = []
        if request.get("created") not in ("", created(store)):
            reason = f"{store.name} was deleted and made again"
            refusals.append(Refusal("identity", reason, "look at it before acting", outdated=("created",)))
        if store.status not in _RUNNING:
            reason = f"{store.name} is {store.status.replace('_', ' ')}"
            refusals.append(Refusal("preconditions", reason, "wait until it is available"))
        return store, refusals

    def asked_on(self, request: ActionRequest, store: DataStore, **more: str) -> ActionRequest:
        """With what it was planned on."""
        params = {**request.params, "created": created(store), **more}
        return ActionRequest(request.action, request.source, params)

    def identity(self, store: DataStore) -> dict[str, str]:
        """What must be the same when it is done."""
        return {"postgres": store.id, "created": created(store), "status": store.status, "plan": store.plan}

    def named(self, store: DataStore) -> str:
        """As a person tells it from all others."""
        return f"{store.name} ({store.id}) at Render, {store.region}"


class Backup(_OnPostgres):
    """render.backup."""

    DEADLINE_S = 30 * 60.0

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(BACKUP, ground)

    async def plan(self, request: ActionRequest) -> Plan:
        """The exports that there are, and one more."""
        store, refusals = await self.see(request)
        exports = await self._estate.exports(store.id)
        if exports and not exports[0].ready:
            reason = f"export {exports[0].id} of {exports[0].created:%Y-%m-%d %H:%M} UTC is still being made"
            refusals.append(Refusal("preconditions", reason, "wait until it is ready"))
        asked = asking.export(store.id)
        last = f"{exports[0].created:%Y-%m-%d %H:%M} UTC" if exports else "none"
        return self.card(
            self.asked_on(request, store),
            title=f"Export {store.name}",
            target=self.named(store),
            identity=self.identity(store),
            permission=checkless("the right to export the database"),
            undo=Undo("nothing to undo: an export takes nothing away; Render deletes it after seven days"),
            refusals=refusals,
            warnings=("it reads the whole database: that is load", "whoever has its download link has the data"),
            changes=(Change("newest export", last, "one of now"),),
            objects=(store.id,),
            affected="nobody; queries may be slower while it runs",
            operation=self.operation(asked),
            equivalent=self.by_hand(asked),
            basis={"asked": asked, "before": frozenset(each.id for each in exports)},
            lock=f"{self.source}/{store.id}",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until it can be downloaded."""
        name = plan.request.get("postgres")
        await self.send(plan)
        made: list[Export] = []

        async def look() -> tuple[bool, str]:
            made[:] = await self._new(plan)
            return bool(made) and made[0].ready, "being made" if made else "not begun"

        await self._change.until(look, f"the export of {name}", self.DEADLINE_S, self.control(control, "the export"))
        control.progress(1, 1, "ready")
        said = f"export {made[0].id} of {name} is ready: download it from the dashboard, Recovery"
        return RunResult(Outcome.SUCCEEDED, said, details=(f"export {made[0].id}",))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """It is in the list, and ready."""
        made = await self._new(plan)
        if not made:
            return Verification(False, "there is no new export")
        return Verification(made[0].ready, f"export {made[0].id} is {'ready' if made[0].ready else 'being made'}")

    async def _new(self, plan: Plan) -> list[Export]:
        before = cast("frozenset[str]", plan.basis["before"])
        return [each for each in await self._estate.exports(plan.request.get("postgres")) if each.id not in before]


class Recover(_OnPostgres):
    """render.recover."""

    DEADLINE_S = 60 * 60.0

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(RECOVER, ground)

    async def plan(self, request: ActionRequest) -> Plan:
        """Where it goes, what it does not do, and until when it can go back."""
        store, refusals = await self.see(request)
        recovery = await self._estate.recovery(store.id)
        now = self._clock.now()
        at = _moment(request.get("at"))
        refusals += _against(recovery, at, now)
        moment = f"{at:%Y-%m-%dT%H:%M:%SZ}" if at is not None else clean(request.get("at"), 40)
        name = request.get("name") or f"{store.name}-{at:%Y%m%d-%H%M}" if at is not None else store.name
        asked = asking.recover(store.id, moment, name)
        lost = f"what was written after {moment} is not in it"
        lost += f": {(now - at).total_seconds() / 60:.0f} minutes of work" if at is not None else ""
        since = f"{recovery.since:%Y-%m-%d %H:%M:%S} UTC" if recovery.since is not None else "not told"
        return self.card(
            self.asked_on(request, store, at=moment, name=name),
            title=f"Recover {store.name} as of {moment} into a new database",
            target=self.named(store),
            identity={**self.identity(store), "recovery": recovery.status},
            permission=checkless("the right to recover the database"),
            undo=Undo(f"{store.name} is not touched; delete the new database in the dashboard, which is then lost"),
            refusals=refusals,
            warnings=(
                f"it goes to a NEW database {name}, with an address and a password of its own; {store.name} stays",
                "no service uses it until somebody changes their connection strings",
                lost,
                f"recovery reaches back to {since}",
                f"it is paid for as plan {store.plan} from now on",
            ),
            changes=(
                Change("new database", "none", f"{name}, {store.region}, plan {store.plan}, as of {moment}"),
                Change(store.name, "as it is", "as it is"),
            ),
            objects=(store.id,),
            affected="nobody yet",
            operation=self.operation(asked),
            equivalent=self.by_hand(asked),
            basis={"asked": asked},
            lock=f"{self.source}/{store.id}",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until the new database is available."""
        made = await self.send(plan)
        if not made.startswith("dpg-"):
            raise NotFound(
                "Render accepted the recovery and named no new database",
                hint="look for it in the dashboard",
                effect_possible=True,
            )
        control.progress(0, 1, f"{made} is being made")

        async def look() -> tuple[bool, str]:
            store = await self._estate.store(made)
            if store.status == "recovery_failed":
                return True, store.status
            return store.status in _RUNNING, store.status.replace("_", " ")

        await self._change.until(look, f"database {made}", self.DEADLINE_S, self.control(control, "the recovery"))
        store = await self._estate.store(made)
        details = (f"database {made}",)
        if store.status not in _RUNNING:
            return RunResult(Outcome.FAILED, f"{made}: {store.status.replace('_', ' ')}", 0, 1, details)
        said = f"{store.name} ({made}) is available: its connection strings are in the dashboard"
        return RunResult(Outcome.SUCCEEDED, said, details=details)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The new database is there. Whether its data is what was wanted, somebody has to look."""
        made = detail_of(result, "database")
        store = await self._estate.store(made)
        return Verification(store.status in _RUNNING, f"{store.name} ({made}) is {store.status.replace('_', ' ')}")


def created(store: DataStore) -> str:
    """What tells an instance from another of its name."""
    return f"{store.created:%Y-%m-%dT%H:%M:%SZ}"


def _moment(text: str) -> datetime | None:
    """In UTC where it does not say otherwise."""
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


def _against(recovery: Recovery, at: datetime | None, now: datetime) -> list[Refusal]:
    if not recovery.possible:
        why = {"BACKUP_NOT_READY": "the first backup is not ready", "NOT_AVAILABLE": "its plan has none"}
        said = why.get(recovery.status, recovery.status)
        return [Refusal("preconditions", f"there is no point-in-time recovery: {said}", "restore an export instead")]
    if at is None:
        return [Refusal("parameters", "at is no moment", "write it as 2026-05-04T03:20:00Z")]
    if at > now:
        return [Refusal("parameters", f"{at:%Y-%m-%d %H:%M:%S} UTC is yet to come")]
    if recovery.since is not None and at < recovery.since:
        reason = f"recovery reaches back to {recovery.since:%Y-%m-%d %H:%M:%S} UTC, and not to {at:%Y-%m-%d %H:%M:%S}"
        return [Refusal("parameters", reason, "restore an export instead")]
    return []


def handlers(ground: RenderGround) -> list[ActionHandler]:
    """Both."""
    return [Backup(ground), Recover(ground)]
