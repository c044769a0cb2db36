"""`docker compose up -d`: what its files say is made so, by Compose itself, and waited for until it is well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cockpit.actions.docker.composing import Composing, Files
from cockpit.actions.docker.ground import SETTLE_S, DockerAction, DockerGround, state_of, well
from cockpit.actions.handler import RunControl
from cockpit.actions.teamscript import RECORDED_LINES, finish, how_it_ended
from cockpit.actions.transcript import Masking, Transcript
from cockpit.adapters.capabilities import Ended, ScriptRunning
from cockpit.adapters.docker.changing import name_of
from cockpit.adapters.docker.facts import LABEL
from cockpit.adapters.files.teamscript import OutputFile
from cockpit.adapters.raw import Json, part, text
from cockpit.errors import CockpitError, Misconfigured, Refused
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

UP = ActionSpec(
    "containers.up",
    "Bring up",
    SourceKind.CONTAINERS,
    "U",
    Tier.T3,
    "Runs docker compose up -d on this machine: makes what its files say, and waits until all run and are healthy.",
    (Param("service", ParamKind.CHOICE, "service of the project; without it all of them", False, identity=True),),
)
LIMIT_S = 1800.0
_WRITE_EVERY_S = 0.3
_ANEW = "made anew"


@dataclass(frozen=True, slots=True)
class Due:
    """What becomes of one service."""

    service: str
    now: str  # "2 running"
    becomes: str  # "made anew: its settings differ", "made", "started", "left as it is"

    @property
    def nothing(self) -> bool:
        """It is as the file says."""
        return self.becomes == "left as it is"


class Up(DockerAction):
    """containers.up."""

    def __init__(self, spec: ActionSpec, ground: DockerGround, keep: Path, runner: ScriptRunning) -> None:
        super().__init__(spec, ground)
        self._keep = keep
        self._runner = runner
        self._composing = Composing(ground, runner)

    async def plan(self, request: ActionRequest) -> Plan:
        """What Compose itself says that it would do. Raises CockpitError."""
        named = request.get("service")
        files, refusals = await self._composing.files()
        refusals += self._composing.missing()
        engine = await self._engine()
        warnings: list[str] = []
        due: tuple[Due, ...] = ()
        dry, told, argv = "", tuple[str, ...](), tuple[str, ...]()
        wanted: dict[str, str] = {}
        words = ("up", "-d", *(("--no-deps", named) if named else ()))
        if files is not None and not refusals:
            argv = self._composing.argv(files, *words)
            (wanted, said), version = await asyncio.gather(
                self._composing.hashes(files), self._composing.version(files)
            )
            told, dry = await self._composing.dry_run(files, version, words)
            due, more = await self._due(wanted, named)
            warnings += [*said, *more, *self._assumed(files)]
            refusals += _refused(due, told, named, wanted)
        replaces = any(each.becomes.startswith(_ANEW) for each in due) or any("Recreated" in each for each in told)
        services = [each.service for each in due if not each.nothing]
        return self.card(
            request,
            title=f"Bring {named or 'all of the project'} up",
            target=self._ground.named(f"service {named}" if named else "all services"),
            identity={
                "engine": engine,
                "project": self._ground.table.project,
                "files": "; ".join(files.digests if files else ()),
                "settings": ", ".join(f"{name} {value}" for name, value in sorted(wanted.items())),
            },
            lock=self.source,
            permission=self.permission(),
            undo=Undo("none: roll back brings the image of before, recreate the environment of before"),
            refusals=refusals,
            warnings=warnings,
            changes=tuple(Change(each.service, each.now, each.becomes) for each in due),
            objects=tuple(services),
            population=len(due),
            affected=f"requests to {', '.join(services) or 'nobody'}",
            operation=" ".join(argv),
            equivalent=(self._ground.compose(*words),),
            dry_run=dry,
            tier=self._spec.tier if replaces or not due else Tier.T2,
            basis={"argv": argv, "folder": files.folder if files else "", "hashes": _of(wanted, due)},
            deadline_s=LIMIT_S + SETTLE_S * max(1, len(due)),
        )

    def _assumed(self, files: Files) -> list[str]:
        way = self._ground.gateway.host.way
        if not files.assumed or way == "unix":
            return []
        return [f"{files.folder} is what the containers name; the engine is elsewhere: are these the same files?"]

    async def _due(self, wanted: dict[str, str], named: str) -> tuple[tuple[Due, ...], list[str]]:
        """Of each service that is meant, and what is in no file."""
        meant = [name for name in sorted(wanted) if named in ("", name)]
        found = await asyncio.gather(*(self._containers.of(name) for name in meant))
        due = [await self._becomes(name, wanted[name], each) for name, each in zip(meant, found, strict=True)]
        left = [] if named else [name for name in await self._containers.services() if name not in wanted]
        return tuple(due), [f"left as it is, for no file has it: {', '.join(left)}"] if left else []

    async def _becomes(self, service: str, wanted: str, found: Sequence[Json]) -> Due:
        running = sum(part(each, "State").get("Running") is True for each in found)
        now = f"{running} of {len(found)} running" if found else "no container"
        if not found:
            return Due(service, now, "made")
        if any(_hash(each) != wanted for each in found):
            return Due(service, now, f"{_ANEW}: its settings differ from the file")
        names = {text(part(each, "Config").get("Image"), 300): text(each.get("Image"), 80) for each in found}
        for name, id in names.items():
            image = text((await self._containers.image(name)).get("Id"), 80)
            if image and _digits(image) != _digits(id):
                return Due(service, now, f"{_ANEW}: {name} is another image by now")
        return Due(service, now, "left as it is" if running == len(found) else "started")

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Compose once, to its end; then every container is waited for. Raises CockpitError."""
        argv, folder, hashes = plan.basis["argv"], plan.basis["folder"], plan.basis["hashes"]
        if not isinstance(argv, tuple) or not isinstance(folder, str) or not isinstance(hashes, dict):
            raise Refused("preconditions", "the plan has no command")
        transcript = Transcript(Masking(()))
        kept = OutputFile(self._keep, f"{self._ground.table.project}-up", self._ground.clock.now())
        await kept.add((f"$ {plan.equivalent[0]}",))
        keeping = asyncio.ensure_future(self._keeping(transcript, kept, control))
        try:
            end = await self._runner.stream(
                argv, env=self._composing.env, folder=folder, deadline_s=LIMIT_S, heard=transcript.hear,
                aborted=control.aborted, began=control.began,
            )  # fmt: skip
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        lost = await finish(transcript, kept)
        details = (*transcript.lines(RECORDED_LINES), *lost, kept.said)
        how = how_it_ended(end, LIMIT_S)
        if end.ended is not Ended.ITSELF:
            return RunResult(Outcome.UNKNOWN, f"{how}: what it had done stays done; look", 0, details=details)
        if end.status != 0:
            return RunResult(Outcome.FAILED, f"{how}: {transcript.last() or 'it said nothing'}", 0, details=details)
        bad = await self._settled(tuple(hashes), control)
        if bad:
            said = f"Compose went well, but {bad}"
            return RunResult(Outcome.FAILED, said, 0, len(hashes), details=details)
        return RunResult(Outcome.SUCCEEDED, f"{len(hashes)} up", len(hashes), len(hashes), details=details)

    async def _settled(self, services: Sequence[str], control: RunControl) -> str:
        """Wait until all run and are healthy: "", else which does not."""
        for count, service in enumerate(services):
            control.progress(count, len(services), service)
            for each in await self._containers.of(service):
                if why := await self._containers.settled(text(each.get("Id"), 64), SETTLE_S):
                    return f"{name_of(each)}: {why}"
        return ""

    async def _keeping(self, transcript: Transcript, kept: OutputFile, control: RunControl) -> None:
        """Tell and keep what it wrote, every so often, until cancelled."""
        while True:
            await self._ground.clock.sleep(_WRITE_EVERY_S)
            control.progress(transcript.count, 0, transcript.last())
            with contextlib.suppress(Misconfigured):  # said in the end: Compose itself goes on
                await kept.add(transcript.fresh())

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """All that is named runs, is healthy, and is what the file says."""
        hashes = plan.basis["hashes"]
        try:
            found = {name: await self._containers.of(name) for name in hashes} if isinstance(hashes, dict) else {}
        except CockpitError as error:
            return Verification(None, f"it could not be seen: {error.message}")
        bad = [f"{name} has no container" for name, each in found.items() if not each]
        bad += [f"{name_of(one)} is {state_of(one)}" for each in found.values() for one in each if not well(one)]
        bad += [
            f"{name_of(one)} is not what the file says"
            for name, each in found.items()
            for one in each
            if isinstance(hashes, dict) and _hash(one) != hashes[name]
        ]
        if bad:
            return Verification(False, "; ".join(bad))
        return Verification(True, f"{sum(map(len, found.values()))} running, as the file says")


def _of(wanted: dict[str, str], due: Sequence[Due]) -> dict[str, str]:
    return {each.service: wanted[each.service] for each in due}


def _refused(due: Sequence[Due], told: Sequence[str], named: str, wanted: dict[str, str]) -> list[Refusal]:
    if not due:
        reason = f"its files have no service {named}" if named else "its files have no service"
        return [Refusal("preconditions", reason, f"they have: {', '.join(sorted(wanted)) or 'none'}")]
    if not told and all(each.nothing for each in due):
        return [Refusal("preconditions", "all runs as its files say", "there is nothing to bring up")]
    return []


def _hash(inspected: Json) -> str:
    return text(part(inspected, "Config", "Labels").get(f"{LABEL}config-hash"), 80)


def _digits(id: str) -> str:
    """An image's id; Podman leaves the kind of hash out here and there."""
    return id.removeprefix("sha256:")
