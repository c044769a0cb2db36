"""A shell, or one command, in a container: docker exec on the lent terminal, recorded before and after.

What is done in there is nobody's to record or take back; who went where, when and why is.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence

from cockpit.actions.docker.ground import DockerAction, Seen, state_of
from cockpit.actions.handler import RunControl
from cockpit.adapters.docker.changing import name_of
from cockpit.adapters.docker.facts import labels_of, service_of
from cockpit.adapters.docker.roster import listed_of
from cockpit.adapters.raw import Json, number, part, text, texts
from cockpit.errors import CockpitError, Conflict, NotFound, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
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
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.severity import SourceKind

SHELL = ActionSpec(
    "containers.shell",
    "Shell in container",
    SourceKind.CONTAINERS,
    "",
    Tier.T2,
    "Opens a shell in a container, or runs one command there, on this terminal; that it was done is recorded.",
    (
        Param("service", ParamKind.CHOICE, "service of the Compose project", False, identity=True),
        Param("container", ParamKind.CHOICE, "which of its containers, by name", False, identity=True),
        Param("id", ParamKind.TEXT, "id of that container", False, identity=True),
        Param("command", ParamKind.TEXT, "a command to run there in place of a shell", False),
    ),
)
_SHELLS = frozenset(("bash", "sh", "ash", "/bin/bash", "/bin/sh", "/bin/ash"))
_TERMINAL = frozenset(("-i", "-t", "--interactive", "--tty"))
_PLACE = frozenset(("-p", "--project-name", "-f", "--file"))
_BEST_SHELL = ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")
_PROGRAMS = (("docker", "--host"), ("podman", "--url"))
_MOST_S = 4 * 3600.0
_KILLED = 128


class Shell(DockerAction):
    """containers.shell."""

    async def choices_among(self, param: str, given: dict[str, str]) -> Sequence[Choice]:
        """The containers of the service that run."""
        if param != "container" or not given.get("service"):
            return await self.choices(param)
        found = await self._containers.of(given["service"])
        return [Choice(name_of(each), f"{name_of(each)}, {state_of(each)}") for each in found if _runs(each)]

    async def plan(self, request: ActionRequest) -> Plan:
        """Which container exactly, the exact command line."""
        seen = await self.see(await self._with_service(request))
        chosen = next((each for each in seen.containers if _runs(each)), next(iter(seen.containers), None))
        refusals = [*seen.refusals, *_unfit(seen, chosen)]
        inside, wrong = _inside(request)
        program, missing = self._program()
        refusals += [*wrong, *missing]
        id, name = (text(chosen.get("Id"), 64), name_of(chosen)) if chosen else ("", "")
        argv = (*program, "exec", "-i", "-t", id, *inside)
        what = shlex.join(inside) if request.get("command") else "a shell"
        title = f"Run {what} in {name}" if request.get("command") else f"Open a shell in {name}"
        return self.card(
            request,
            title=title,
            target=self._ground.named(f"container {name or request.get('container') or seen.service}"),
            identity={**seen.identity, "container": f"{name} {id}"},
            permission=self.permission(),
            undo=Undo("cannot be undone: what is done in there is not known here"),
            refusals=refusals,
            warnings=(
                "what is typed and shown in there is not recorded; that it was opened, by whom and why, is",
                "files that are changed there are gone when the container is made again",
            ),
            objects=(f"{name} {id[:12]}",),
            affected=f"whoever {seen.service} serves, by what is done there",
            operation=shlex.join(argv),
            equivalent=(self._ground.docker("exec", "-it", name, *inside),),
            basis={"argv": argv, "id": id, "started": _started(chosen)},
            deadline_s=_MOST_S,
            lock=f"{self.source} {id}",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Look once more that it is this very container, then lend the terminal."""
        if control.lend is None:
            raise Refused("terminal", "there is no terminal to lend here", hint=plan.equivalent[0])
        argv, id = plan.basis["argv"], plan.basis["id"]
        if not isinstance(argv, tuple) or not isinstance(id, str):
            raise TypeError("argv, id")
        service = (await self._with_service(plan.request)).get("service")
        if not any(text(each.get("Id"), 64) == id for each in await self._containers.of(service)):
            raise Conflict(f"{plan.objects[0]} was removed or made again", hint="plan again")
        control.progress(0, 0, "the terminal is lent to the container")
        began = self._ground.clock.monotonic()
        command = bool(plan.request.get("command"))
        status = await control.lend(argv, command)
        lasted = f"after {self._ground.clock.monotonic() - began:.0f} s"
        if status < 0 or status > _KILLED:
            number_ = -status if status < 0 else status - _KILLED
            return RunResult(Outcome.UNKNOWN, f"it was killed by signal {number_} {lasted}: what it ran may go on", 0)
        if status and command:
            return RunResult(Outcome.FAILED, f"the command ended with status {status} {lasted}", 0)
        return RunResult(
            Outcome.SUCCEEDED, f"{'the command' if command else 'the shell'} ended with status {status} {lasted}"
        )

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether the container lives on as it was."""
        try:
            service = (await self._with_service(plan.request)).get("service")
            return self.judged(plan, await self._containers.of(service))
        except (NotFound, Refused):
            return Verification(False, f"{plan.objects[0]} is not there any more")
        except CockpitError as error:
            return Verification(None, f"it could not be seen: {error.message}")

    async def _with_service(self, request: ActionRequest) -> ActionRequest:
        """A runbook names the container alone. Raises NotFound."""
        name = request.get("container")
        if request.get("service") or not name:
            return request
        listed = await listed_of(self._ground.gateway, self._ground.table.project)
        for each in listed:
            names = texts(each.get("Names"), 200)
            if f"/{name}" in names and (service := service_of(labels_of(each))):
                return ActionRequest(request.action, request.source, {**request.params, "service": service})
        services = {service_of(labels_of(each)) for each in listed}
        if name in services:
            params = {key: value for key, value in request.params.items() if key != "container"}
            return ActionRequest(request.action, request.source, {**params, "service": name})
        raise NotFound(f"{self._ground.named(f'container {name}')} is not there", hint="docker compose ps -a")

    def judged(self, plan: Plan, found: Sequence[Json]) -> Verification:
        """Whether the container lives on as it was."""
        mine = next((each for each in found if text(each.get("Id"), 64) == plan.basis["id"]), None)
        if mine is None:
            return Verification(False, f"{plan.objects[0]} is not there any more")
        if not _runs(mine) or _started(mine) != plan.basis["started"]:
            return Verification(False, f"{plan.objects[0]} ended or was restarted")
        return Verification(True, f"{plan.objects[0]} runs on, without a restart")

    def _program(self) -> tuple[tuple[str, ...], list[Refusal]]:
        """A client that goes to this very engine, whatever its own settings say."""
        host = self._ground.gateway.host
        for name, flag in _PROGRAMS:
            path = shutil.which(name)
            if path is None:
                continue
            if name == "docker":
                return (path, *host.flags), []
            if host.tls is None and host.way != "ssh":  # podman speaks its own protocol over ssh
                return (path, "--remote", flag, host.url), []
        reason = "there is no docker or podman command in PATH that could reach this engine"
        return ("docker", *host.flags), [Refusal("preconditions", reason, "install Docker's command line client")]


def in_container(call: Call) -> Intent | None:
    """`docker exec -it NAME bash`, `docker compose exec SERVICE sh`: a shell to type into, and nothing else."""
    if len(call.within) != 1 or call.program not in _SHELLS or len(call.words) != 1:
        return None
    outer = call.within[0]
    allowed = _TERMINAL if outer.tool == "docker exec" else _TERMINAL | _PLACE
    fed = call.body or call.piped or call.redirects or call.assigned or call.substituted
    if outer.tool not in ("docker exec", "compose exec") or not set(outer.flags) <= allowed or fed or not outer.where:
        return None
    target: dict[str, str] = {}
    if project := next(iter(outer.flags.get("--project-name", ())), ""):
        target["compose_project"] = project
    name = "container" if outer.tool == "docker exec" else "service"
    marks = [each for each in outer.placeholders if each.spelled in outer.where]
    if not marks:
        return Intent(SHELL.id, SourceKind.CONTAINERS, target, {name: outer.where})
    if marks[0].spelled != outer.where:
        return None
    return Intent(SHELL.id, SourceKind.CONTAINERS, target, {}, {name: marks[0]})


REPLACES = tuple(Replacement(SHELL.id, tool, SHELL.tier, in_container) for tool in ("docker exec", "compose exec"))


def _runs(each: Json) -> bool:
    return part(each, "State").get("Running") is True and part(each, "State").get("Paused") is not True


def _started(each: Json | None) -> str:
    return f"{text(part(each, 'State').get('StartedAt'), 40)} {number(part(each).get('RestartCount'))}"


def _unfit(seen: Seen, chosen: Json | None) -> list[Refusal]:
    if chosen is None or _runs(chosen):
        return []
    reason = f"{name_of(chosen)} does not run: it is {state_of(chosen)}"
    return [Refusal("preconditions", reason, "read its logs instead")]


def _inside(request: ActionRequest) -> tuple[tuple[str, ...], list[Refusal]]:
    try:
        return tuple(shlex.split(request.get("command"))) or _BEST_SHELL, []
    except ValueError:
        return _BEST_SHELL, [Refusal("parameters", "the command has a quote that is not closed", "write it again")]
