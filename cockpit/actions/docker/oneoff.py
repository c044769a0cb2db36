"""A command in a container of its own like those of a service, as `docker compose run --rm --no-deps` does it: a
migration, a script. Its output is streamed and kept; the container is removed in the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from cockpit.actions.docker.ground import ID, SERVICE, DockerAction, DockerGround
from cockpit.actions.docker.recreate import repository
from cockpit.actions.docker.variables import secretive
from cockpit.actions.handler import RunControl
from cockpit.actions.teamscript import RECORDED_LINES
from cockpit.actions.transcript import Masking, Transcript
from cockpit.adapters.docker.cloning import creation, environment
from cockpit.adapters.docker.facts import LABEL
from cockpit.adapters.docker.framing import Frames
from cockpit.adapters.docker.terms import path_of
from cockpit.adapters.files.teamscript import OutputFile
from cockpit.adapters.raw import Json, number, part, text
from cockpit.errors import CockpitError, Malformed, Misconfigured, Refused
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

RUN = ActionSpec(
    "containers.run",
    "Run in service",
    SourceKind.CONTAINERS,
    "X",
    Tier.T3,
    "Runs a command in a new container like those of a service: a migration, a script. Removed when it ends.",
    (SERVICE, Param("command", ParamKind.TEXT, "command and arguments, as typed in a shell"), ID),
    short="eXecute",
)
LIMIT_S = 1800.0
_LOOK_EVERY_S = 0.3


class RunOneOff(DockerAction):
    """containers.run."""

    def __init__(self, spec: ActionSpec, ground: DockerGround, keep: Path) -> None:
        super().__init__(spec, ground)
        self._keep = keep

    async def plan(self, request: ActionRequest) -> Plan:
        """The words that would run; no shell reads them unless they say so."""
        words = words_of(request.get("command"))
        seen = await self.see(request)
        refusals = [*seen.refusals]
        body: Json = {}
        if seen.containers:
            pattern = seen.containers[-1]
            image = await self._containers.image(text(pattern.get("Image"), 80))
            if not image:
                refusals.append(Refusal("preconditions", "its image is not there any more", "pull it, or roll back"))
            body = creation(pattern, image, command=words, labels={f"{LABEL}oneoff": "True"}, twin=True)
            host = {key: value for key, value in part(body, "HostConfig").items() if key not in _NOT_OURS}
            body = {**body, "Tty": False, "HostConfig": host | {"RestartPolicy": {"Name": "no"}, "AutoRemove": False}}
            body.pop("Healthcheck", None)
        name = f"{self._ground.table.project}-{seen.service}-run-"
        return self.card(
            request,
            title=f"Run in {seen.service}: {' '.join(words)[:60]}",
            target=self._ground.named(f"a new container of service {seen.service}"),
            identity=seen.identity,
            lock=self.lock(f"{seen.service} run"),
            permission=self.permission(),
            undo=Undo("none: what the command does, the cockpit does not know"),
            refusals=refusals,
            changes=(Change("what it touches", "as it is", "as the command leaves it"),),
            objects=(f"one container of {repository(str(body.get('Image', ''))) or body.get('Image', '')}",),
            affected="not known to the cockpit: whoever the command touches",
            operation=f"POST /containers/create?name={name}...  Cmd {shlex.join(words)}\nPOST start, then DELETE",
            equivalent=(self._ground.compose("run", "--rm", "--no-deps", seen.service, *words),),
            basis={"body": body, "name": name},
            deadline_s=LIMIT_S + 60.0,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Made, started, followed to its end, removed."""
        body, service = plan.basis["body"], plan.request.get(SERVICE.name)
        if not isinstance(body, dict):
            raise Refused("preconditions", "the plan has no container")
        transcript = Transcript(Masking(value for name, value in environment(body).items() if secretive(name, value)))
        kept = OutputFile(self._keep, f"{service}-run", self._ground.clock.now())
        await kept.add((f"$ {plan.equivalent[0]}",))
        name = f"{plan.basis['name']}{uuid4().hex[:8]}"
        try:
            id = await self._containers.create(name, body)
        except CockpitError as error:
            error.message += f"; its container, {name}, was not started"
            raise
        listening: asyncio.Task[None] | None = None
        try:
            await self._containers.post(id, "start")
            listening = asyncio.ensure_future(self._listen(id, transcript))
            code, how = await self._followed(id, transcript, kept, control)
            await asyncio.wait({listening}, timeout=2.0)
        except CockpitError as error:  # what runs is not ended because nobody could look at it
            if not error.effect_possible and listening is None:
                left = "".join(await self._removed(id))
            else:
                left, error.effect_possible = f"its container {name} ({id[:12]}) may run on, and is left", True
            error.message += f"; {left}" if left else ""
            raise
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        gone = await self._removed(id)
        with contextlib.suppress(Misconfigured):
            await kept.add(transcript.fresh(whole=True))
        details = (*transcript.lines(RECORDED_LINES), *gone, kept.said)
        last = transcript.last() or "it said nothing"
        if how:
            return RunResult(
                Outcome.UNKNOWN, f"{how}: what it had done by then stays done; check", 0, details=details
            )
        outcome = Outcome.SUCCEEDED if code == 0 else Outcome.FAILED
        return RunResult(outcome, f"exit code {code}: {last}", int(code == 0), details=details)

    async def _followed(
        self, id: str, transcript: Transcript, kept: OutputFile, control: RunControl
    ) -> tuple[int, str]:
        """Exit code, and how it ended where it did not by itself."""
        end = self._ground.clock.monotonic() + LIMIT_S
        while True:
            await self._ground.clock.sleep(_LOOK_EVERY_S)
            control.progress(transcript.count, 0, transcript.last())
            with contextlib.suppress(Misconfigured):
                await kept.add(transcript.fresh())
            state = part(await self._containers.inspect(id), "State")
            if text(state.get("Status"), 20) in ("exited", "dead", "stopped"):
                return number(state.get("ExitCode")), ""
            if control.aborted() or self._ground.clock.monotonic() > end:
                how = "it was stopped" if control.aborted() else f"it did not end in {LIMIT_S:g} s and was stopped"
                await self._containers.post(id, "stop")
                return -1, how

    async def _listen(self, id: str, transcript: Transcript) -> None:
        query = {"follow": "true", "stdout": "true", "stderr": "true"}
        frames = Frames()
        with contextlib.suppress(CockpitError, Malformed):  # the exit code is what counts
            async with contextlib.aclosing(
                self._ground.gateway.stream(f"{path_of('containers', id)}/logs", query, LIMIT_S)
            ) as chunks:
                async for chunk in chunks:
                    for _, payload in frames.feed(chunk):
                        transcript.hear(payload)

    async def _removed(self, id: str) -> tuple[str, ...]:
        """Nothing, or a sentence on what is left."""
        try:
            await self._containers.remove(id, force=True)
        except CockpitError as error:
            return (f"its container {id[:12]} is left: {error.message}",)
        return ()

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The cockpit does not know what it was for."""
        return Verification(None, "its exit code is all that the cockpit knows of it")


_NOT_OURS = ("PortBindings", "PublishAllPorts", "RestartPolicy", "AutoRemove", "ContainerIDFile")


def words_of(command: str) -> Sequence[str]:
    """As a shell splits them. Raises Refused."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise Refused("parameters", "command is no command", hint='command = "python manage.py migrate"')
    return words
