"""The command of a runbook as it stands: shown whole, run on this machine, only while its runbook is accepted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cockpit.actions import fill
from cockpit.actions.bound import BoundAction
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.surroundings import NOTHING, Carried, inherited, lacking, passed, program_folders, shown
from cockpit.actions.transcript import Masking, Transcript
from cockpit.adapters.capabilities import Ended, ScriptEnd, ScriptRunning
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Conflict, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Grant,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.command import EffectClass, Placeholder
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import RunbookFiles
from cockpit.text import clean

SOURCE = "runbook"
RECORDED_LINES = 50
ENDING_S = 5.0  # beyond the script's own deadline: to end what does not end by itself
_TELL_EVERY_S = 0.1
_RUNS_KEPT = 20

RUN = ActionSpec(
    id="runbook.script",
    title="Run command of the runbook",
    pane=SourceKind.RUNBOOK,
    key="",
    tier=Tier.T3,
    summary="Runs one command of the accepted runbook on this machine, exactly as it stands there.",
    params=(
        Param("file", ParamKind.TEXT, "file of the runbook", identity=True),
        Param("line", ParamKind.INTEGER, "line of the command", identity=True),
        Param("command", ParamKind.TEXT, "sha256 of its text", identity=True),
        Param("values", ParamKind.TEXT, "what is filled in, as a JSON object", required=False, identity=True),
    ),
    scope=Scope.SOURCE,
    listed=False,
)
SPECS = (RUN,)

_WORD = {
    EffectClass.READS: "only reads",
    EffectClass.UNKNOWN: "unknown: taken as a change",
    EffectClass.CHANGES: "changes",
    EffectClass.DESTROYS: "destroys",
}


@dataclass(frozen=True, slots=True)
class Script:
    """One command of an accepted runbook, as it may be run."""

    text: str
    file: str
    line: int
    title: str
    effect: EffectClass
    tier: Tier
    target: str
    argv: tuple[str, ...] = ()  # without need of a shell
    placeholders: tuple[Placeholder, ...] = ()
    programs: tuple[str, ...] = ()  # that must be installed here
    warnings: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    shows_secrets: bool = False  # what it writes is shown while it runs, and kept nowhere
    carried: Carried = NOTHING  # from the lines above it

    @property
    def digest(self) -> str:
        """sha256 (hex) of the text."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    def request(self, values: Mapping[str, str]) -> ActionRequest:
        """What the executor is asked for; values by `fill.key_of`."""
        given = json.dumps(dict(sorted(values.items())), ensure_ascii=True)
        params = {"file": self.file, "line": str(self.line), "command": self.digest, "values": given}
        return ActionRequest(RUN.id, SOURCE, params)


class Shelf:
    """The scripts that may run now: empty, with the reason, unless the runbook is accepted."""

    def __init__(self) -> None:
        self.reason = "the runbook has not been read yet"
        self.digest = ""  # of the accepted texts
        self._scripts: dict[tuple[str, int, str], Script] = {}
        self._unchanged: Callable[[], Awaitable[bool]] | None = None

    def put(self, scripts: Iterable[Script], digest: str, unchanged: Callable[[], Awaitable[bool]]) -> None:
        """These may run. `unchanged` looks at the files again."""
        self._scripts = {(script.file, script.line, script.digest): script for script in scripts}
        self.digest, self._unchanged, self.reason = digest, unchanged, ""

    def clear(self, reason: str) -> None:
        """Nothing may run."""
        self._scripts, self._unchanged, self.digest, self.reason = {}, None, "", reason

    def find(self, request: ActionRequest) -> Script:
        """The script that is asked for. Raises Refused."""
        if self.reason:
            raise Refused("runbook", self.reason, hint="Open the guide, read it, and accept it there")
        line = request.get("line")
        key = (request.get("file"), int(line) if line.isdigit() else 0, request.get("command"))
        if key not in self._scripts:
            raise Refused(
                "runbook",
                f"the accepted runbook has no such command in line {clean(line, 20)} of {clean(key[0], 200)}",
                hint="Open the step again",
            )
        return self._scripts[key]

    async def unchanged(self) -> bool:
        """The files are still those that were accepted."""
        return self._unchanged is not None and await self._unchanged()


class RunScript(BoundAction):
    """One of them, whichever the request names."""

    def __init__(
        self, shelf: Shelf, runbook: RunbookFiles, scene: Scene, clock: Clock, runner: ScriptRunning
    ) -> None:
        super().__init__(RUN, SOURCE)
        self._shelf = shelf
        self._runbook = runbook
        self._scene = scene
        self._clock = clock
        self._runner = runner
        self._transcripts: dict[str, Transcript] = {}  # by request

    def unavailable(self) -> str:
        """Only through the guide, and there only once somebody accepted the runbook."""
        return self._shelf.reason

    def output(self, request: ActionRequest) -> tuple[str, ...]:
        """What the latest run of this request has written so far."""
        kept = self._transcripts.get(_key(request))
        return kept.lines() if kept is not None else ()

    async def plan(self, request: ActionRequest) -> Plan:
        """The whole command, filled in. Raises Refused for one that the accepted runbook does not have."""
        script = self._shelf.find(request)
        values = _values(request)
        refusals = [*script.refusals]
        filled = fill.Filled(script.argv, {}, script.text)
        try:
            filled = fill.fill(script.text, script.argv, script.placeholders, values, self.known(script))
        except Refused as error:
            refusals.append(Refusal("parameters", error.message, error.hint))
        if not await self._shelf.unchanged():
            refusals.append(Refusal("runbook", "the runbook changed since it was accepted", "Read what changed"))
        refusals += await self._missing(script, filled.argv)
        reads = script.tier is Tier.T0
        given = {*self.known(script), *filled.variables}
        unseen, warnings = lacking(script.programs, script.text, given, os.environ, changes=not reads)
        refusals += unseen
        return Plan(
            request=script.request(values),
            title=script.title,
            tier=script.tier,
            target=script.target or f"{self._scene.system}/{self._scene.environment}, as the command names it",
            identity={"at": f"{script.file}:{script.line}", "runbook": self._shelf.digest, "command": script.digest},
            changes=() if reads else (Change("effect", _WORD[script.effect], "as the command does"),),
            objects=(f"{script.file}:{script.line}",),
            count=1,
            population=0,
            affected="nobody: it only reads" if reads else "not known to the cockpit: whoever the command touches",
            operation=self._operation(script, filled),
            equivalent=(script.carried.by_hand + fill.by_hand(filled),),
            permission=Permission(Grant.UNKNOWN, "to run the command", "it uses this machine's own credentials"),
            undo=Undo("none: a command of the runbook has no way back that the cockpit knows"),
            planned_at=self._clock.now(),
            deadline_s=self._runbook.script_timeout + ENDING_S,
            refusals=tuple(refusals),
            warnings=(*script.warnings, *warnings),
            basis={"filled": filled, "script": script},
            rests_on_reading=False,
            lock=f"{SOURCE} {script.digest}" if reads else "",
        )

    def _operation(self, script: Script, filled: fill.Filled) -> tuple[str, ...]:
        lines = tuple(filled.text.split("\n")) if filled.text else (fill.by_hand(filled),)
        given = tuple(f"{name}={value}" for name, value in filled.variables.items())
        declared = tuple(f"{name} from {reference}" for name, reference in self._runbook.env.items())
        how = ("bash -o pipefail -c",) if filled.text else ()
        own = tuple(shown(name, value) for name, value in passed(self._runbook.pass_env, os.environ).items())
        above = (script.carried.said,) if script.carried.said else ()
        return (*how, *lines, *given, *declared, *own, *above, f"in {clean(self._folder(script), 300)}")

    def known(self, script: Script) -> tuple[str, ...]:
        """The variables that it gets without anybody filling them in."""
        return known_variables(self._runbook, script)

    async def _missing(self, script: Script, argv: Sequence[str]) -> list[Refusal]:
        """What it needs and this machine does not have."""
        found = await asyncio.to_thread(_absent, self._folder(script), (*argv[:1], *script.programs))
        for name, reference in self._runbook.env.items():
            if reference.scheme != "cmd":  # a command may ask somebody: only when it runs
                try:
                    await reference.resolve()
                except CockpitError as error:
                    found.append(Refusal("preconditions", f"{name}: {error.message}", error.hint))
        return found

    def _folder(self, script: Script) -> str:
        return script.carried.under(self._runbook.working_directory or str(Path(self._runbook.files[0]).parent))

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Run it once, to its end, its deadline or the operator's wish."""
        filled, script = plan.basis["filled"], plan.basis["script"]
        if not isinstance(filled, fill.Filled) or not isinstance(script, Script):
            raise Refused("runbook", "the plan has no command")
        if self._shelf.find(plan.request) != script or not await self._shelf.unchanged():
            raise Conflict("the runbook changed since the plan was shown", hint="Read what changed")
        env = inherited(os.environ, reads=script.tier is Tier.T0)
        env |= passed(self._runbook.pass_env, os.environ) | dict(script.carried.exports)
        secrets = {name: (await reference.resolve()).reveal() for name, reference in self._runbook.env.items()}
        transcript = self._transcript(plan.request, secrets.values())
        told = 0.0

        def heard(chunk: bytes) -> None:
            nonlocal told
            transcript.hear(chunk)
            if self._clock.monotonic() - told >= _TELL_EVERY_S:
                told = self._clock.monotonic()
                control.progress(transcript.count, 0, transcript.last())

        end = await self._runner.stream(
            filled.argv,
            env={**env, **filled.variables, **secrets},
            folder=self._folder(script),
            deadline_s=self._runbook.script_timeout,
            heard=heard,
            aborted=control.aborted,
            began=control.began,
        )
        control.progress(transcript.count, 0, transcript.last())
        return _result(end, transcript, script, self._runbook.script_timeout)

    def _transcript(self, request: ActionRequest, secrets: Iterable[str]) -> Transcript:
        self._transcripts.pop(_key(request), None)
        for old in list(self._transcripts)[: -_RUNS_KEPT + 1]:
            del self._transcripts[old]
        return self._transcripts.setdefault(_key(request), Transcript(Masking(secrets)))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The cockpit does not know what it was for."""
        if result.outcome is Outcome.SUCCEEDED:
            return Verification(None, "the command ended well; whether it helped, the next reading shows")
        return Verification(None, "the command did not end by itself: look what it did")


def _result(end: ScriptEnd, transcript: Transcript, script: Script, deadline_s: float) -> RunResult:
    result = _ending(end, transcript, script, deadline_s)
    if not end.left:
        return result
    left = f"it left behind what goes on by itself: {', '.join(end.left[:5])}"
    return replace(result, summary=f"{result.summary}; {left}", details=(*result.details, left))


def _ending(end: ScriptEnd, transcript: Transcript, script: Script, deadline_s: float) -> RunResult:
    details, last = transcript.lines(RECORDED_LINES), transcript.last()
    if script.shows_secrets:
        details, last = (), f"its {transcript.count} lines are not kept: they show secrets"
    if end.ended is Ended.ITSELF and end.status == 0:
        return RunResult(Outcome.SUCCEEDED, last or "it ended well and said nothing", details=details)
    if end.ended is Ended.ITSELF:
        how = f"exit status {end.status}" if end.status > 0 else f"ended by signal {-end.status}"
        return RunResult(Outcome.FAILED, f"{how}: {last or 'it said nothing'}", 0, details=details)
    what = "was stopped" if end.ended is Ended.ABORTED else f"did not end in {deadline_s:g} s and was killed"
    if script.tier is Tier.T0:
        return RunResult(Outcome.FAILED, f"it {what}; it only reads", 0, details=details)
    return RunResult(Outcome.UNKNOWN, f"it {what}: what it had done by then stays done; check", 0, details=details)


def known_variables(runbook: RunbookFiles, script: Script) -> tuple[str, ...]:
    """Those that the profile declares or passes on and that are set, and those that the lines above export."""
    own = passed(runbook.pass_env, os.environ)
    return (*runbook.env, *own, *(name for name, _ in script.carried.exports))


def _key(request: ActionRequest) -> str:
    return json.dumps(sorted(request.params.items()))


def _values(request: ActionRequest) -> dict[str, str]:
    try:
        found = json.loads(request.get("values") or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Refused("parameters", "values must be a JSON object of texts", hint='{"<pod>": "api-1"}')
    return found


def _absent(folder: str, programs: Iterable[str]) -> list[Refusal]:
    found: list[Refusal] = []
    if not Path(folder).is_dir():
        found.append(Refusal("preconditions", f"the folder {clean(folder, 300)} does not exist"))
    for program in dict.fromkeys(programs):
        if not _installed(program, folder):
            missing = f"{clean(program, 100)} is not installed on this machine"
            found.append(Refusal("preconditions", missing, "install it, or run the command where it is"))
    return found


def _installed(program: str, folder: str) -> bool:
    if "/" in program:
        path = Path(folder) / Path(program).expanduser()
        return path.is_file() and os.access(path, os.X_OK)
    return shutil.which(program, path=program_folders(os.environ)) is not None


def handlers(
    shelf: Shelf, runbook: RunbookFiles, scene: Scene, clock: Clock, runner: ScriptRunning | None = None
) -> list[ActionHandler]:
    """The one handler. Without a `runner` scripts run as processes of this machine."""
    if runner is None:
        from cockpit.adapters.files.script import ScriptRunner

        runner = ScriptRunner()
    return [RunScript(shelf, runbook, scene, clock, runner)]
