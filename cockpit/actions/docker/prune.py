"""Room on the engine's disk: images that nothing uses, and containers that ended long ago with their logs. Exactly
what is listed goes, one by one; volumes never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cockpit.actions.docker.ground import DockerAction
from cockpit.actions.docker.recreate import label, repository
from cockpit.actions.handler import RunControl
from cockpit.adapters.docker.changing import STOP_S, named_images
from cockpit.adapters.docker.facts import LABEL, labels_of, past
from cockpit.adapters.docker.terms import path_of
from cockpit.adapters.raw import Json, number, text, texts
from cockpit.errors import CockpitError, Conflict, NotFound, Refused
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
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind
from cockpit.profile.fields import parse_duration

WHAT = ("images", "unnamed images", "containers", "all")
PRUNE = ActionSpec(
    "containers.prune",
    "Prune",
    SourceKind.CONTAINERS,
    "P",
    Tier.T3,
    "Removes images that no container uses, and containers that ended, with their logs; exactly those listed.",
    (
        Param("what", ParamKind.CHOICE, "images, unnamed images, containers or all", False, default="images"),
        Param("older", ParamKind.TEXT, "only what is older than this: 168h, 30d", False, default="168h"),
    ),
    scope=Scope.SOURCE,
)
_OLD = ("exited", "dead", "created")
_ROOM = 300.0


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that would go."""

    kind: str  # "image", "container"
    id: str
    said: str
    size: int  # bytes


class Prune(DockerAction):
    """containers.prune."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """What."""
        return [Choice(each, each) for each in WHAT] if param == "what" else ()

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact list, with bytes."""
        what, older = request.get("what") or "images", request.get("older") or "168h"
        if what not in WHAT:
            raise Refused("parameters", f"what is none of {', '.join(WHAT)}")
        try:
            before = self._ground.clock.now() - timedelta(seconds=parse_duration(older))
        except (ValueError, OverflowError):
            raise Refused("parameters", "older must be a duration such as 168h or 30d") from None
        containers = await self._ground.gateway.listed("/containers/json", {"all": "true", "size": "true"})
        found = self._ended(containers, before) if what in ("containers", "all") else []
        kept: list[str] = []
        if what != "containers":
            images, kept = self._unused(await self._containers.images(), containers, before, what)
            found = [*images, *found]
        size = sum(each.size for each in found)
        refusals = () if found else (Refusal("preconditions", f"no {what} older than {older}", "nothing to remove"),)
        return self.card(
            ActionRequest(request.action, request.source, {"what": what, "older": older}),
            title=f"Remove {len(found)} {what} older than {older}"
            if what != "all"
            else f"Remove {len(found)} things",
            target=f"the engine {self._ground.gateway.host.url}, all its projects",
            identity={"engine": await self._engine()},
            permission=self.permission(),
            undo=Undo("cannot be undone: images have to be pulled again, logs are gone"),
            refusals=refusals,
            warnings=tuple(f"{name} is kept: the way back of a service" for name in kept),
            changes=(Change("disk", "as it is", f"up to {size / 1e6:,.1f} MB less (layers that others share stay)"),),
            objects=tuple(f"{each.kind} {each.said}, {each.size / 1e6:,.1f} MB" for each in found),
            affected="nobody now; whoever wants to go back to one of these images",
            operation="\n".join(f"DELETE {path(each)}" for each in found),
            equivalent=tuple(
                self._ground.docker(kind, "rm", *ids)
                for kind in ("image", "container")
                if (ids := [each.id.removeprefix("sha256:")[:12] for each in found if each.kind == kind])
            ),
            basis={"items": tuple(found)},
            deadline_s=_ROOM + len(found),
        )

    def _ended(self, containers: Sequence[Json], before: datetime) -> list[Item]:
        """Those that ended, but for services of Compose, which may be started again."""
        found = []
        for each in containers:
            labels = labels_of(each)
            service = bool(labels.get(f"{LABEL}service")) and str(labels.get(f"{LABEL}oneoff", "")).lower() != "true"
            made = past(each.get("Created")) or _epoch(each.get("Created"))
            if each.get("State") not in _OLD or service or made is None or made > before:
                continue
            name = next(iter(texts(each.get("Names"))), "").removeprefix("/")
            said = f"{name} ({text(each.get('Image'), 100)}, {text(each.get('Status'), 60)})"
            found.append(Item("container", text(each.get("Id"), 64), said, max(0, number(each.get("SizeRw")))))
        return found

    def _unused(
        self, images: Sequence[Json], containers: Sequence[Json], before: datetime, what: str
    ) -> tuple[list[Item], list[str]]:
        """Images that no container uses; the newest other one of a repository in use is kept, as a way back."""
        used = {text(each.get("ImageID"), 80) for each in containers}
        names = named_images(images)
        live = {repository(name) for id in used for name in names.get(id, ())} - {"", "<none>"}
        saved: set[str] = set()
        found, kept = [], []
        for each in sorted(images, key=lambda image: -number(image.get("Created"))):
            id = text(each.get("Id"), 80)
            said = label(id, names[id])
            made = _epoch(each.get("Created"))
            if id in used or made is None:
                continue
            own = {repository(name) for name in names[id]} & live
            if own - saved:
                saved |= own
                kept.append(said)
            elif made <= before and (what != "unnamed images" or not tagged(names[id])):
                found.append(Item("image", id, said, max(0, number(each.get("Size")))))
        return found, kept

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """One by one; what is in use by now stays."""
        items = plan.basis["items"]
        done, left = 0, []
        all = items if isinstance(items, tuple) else ()
        for count, each in enumerate(all):
            if control.aborted():
                return RunResult(Outcome.FAILED, f"stopped on request after {done} of {len(all)}", done, len(all))
            control.progress(count, len(all), each.said)
            try:
                await self._ground.gateway.change("DELETE", path(each), _QUERY[each.kind], within_s=STOP_S)
                done += 1
            except NotFound:
                done += 1  # gone already
            except Conflict as error:
                left.append(f"{each.said}: {error.message}")
        said = f"{done} removed" + (f", {len(left)} left: in use by now" if left else "")
        return RunResult(Outcome.FAILED if left else Outcome.SUCCEEDED, said, done, len(all), tuple(left))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """None of them is there."""
        items = plan.basis["items"]
        try:
            images = {text(each.get("Id"), 80) for each in await self._containers.images()}
            there = await self._ground.gateway.listed("/containers/json", {"all": "true"})
        except CockpitError as error:
            return Verification(None, f"it could not be seen: {error.message}")
        still = images | {text(each.get("Id"), 64) for each in there}
        left = [each.said for each in (items if isinstance(items, tuple) else ()) if each.id in still]
        return Verification(not left, f"still there: {', '.join(left[:5])}" if left else "all of them are gone")


_QUERY = {"image": {"force": "false", "noprune": "false"}, "container": {"force": "false", "v": "false"}}


def path(item: Item) -> str:
    """Of the thing."""
    return path_of("images" if item.kind == "image" else "containers", item.id)


def tagged(names: Sequence[str]) -> bool:
    """It has a name that somebody may still use."""
    return any("@" not in name and not name.startswith("<none>") for name in names)


def _epoch(value: object) -> datetime | None:
    seconds = number(value)
    if seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
