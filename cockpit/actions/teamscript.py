"""A command of the team, as the profile declares it: its dry run is seen first, no shell reads it, and what it writes
is kept.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cockpit.actions.bound import BoundAction
from cockpit.actions.handler import RunControl, Scene
from cockpit.actions.surroundings import inherited, passed, program_folders, shown
from cockpit.actions.transcript import Masking, Transcript
from cockpit.adapters.capabilities import Ended, ScriptEnd, ScriptRunning
from cockpit.adapters.files.teamscript import OutputFile, fingerprint, found, missing
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Misconfigured, Refused
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
from cockpit.model.severity import SourceKind
from cockpit.model.teamscripts import ScriptRun
from cockpit.profile.delivery import TeamScript
from cockpit.profile.secrets import SecretRef
from cockpit.text import clean

RECORDED_LINES = 100
ENDING_S = 5.0  # beyond the script's own limit: to end what does not end by itself
_DRY_RUN_S = 15.0  # within the deadline of a plan
_SEEN_S = 120.0  # so long a dry run that was seen is not made again
_DRY_LINES = 200
_WRITE_EVERY_S = 0.2
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")

RUN = ActionSpec(
    id="scripts.run",
    title="Run script",
    short="Run",
    pane=SourceKind.SCRIPTS,
    key="X",
    tier=Tier.T3,
    summary="Runs a command of the team, as the profile declares it; its dry run, if it has one, is seen first.",
    scope=Scope.SOURCE,
)
SPECS = (RUN,)


class RunTeamScript(BoundAction):
    """One of the profile's [[script]] tables."""

    def __init__(
        self, script: TeamScript, folder: str, keep: Path, scene: Scene, clock: Clock, runner: ScriptRunning
    ) -> None:
        names = dict.fromkeys(name for word in script.argv for name in _PLACE.findall(word))
        params = tuple(Param(name, ParamKind.TEXT, f"fills {{{name}}} in") for name in names)
        spec = replace(RUN, title=clean(script.title, 100), tier=Tier[script.tier], params=params)
        super().__init__(spec, f"{SourceKind.SCRIPTS.value}/{script.name}")
        self._script = script
        self._folder = folder
        self._keep = keep
        self._scene = scene
        self._clock = clock
        self._runner = runner
        self._run: ScriptRun | None = None
        self._transcript: Transcript | None = None
        self._dry: tuple[tuple[str, ...], float, ScriptEnd, tuple[str, ...]] | None = None

    def last(self) -> ScriptRun | None:
        """The latest run of this session, with its newest lines."""
        if self._run is None or self._transcript is None:
            return self._run
        lines = self._transcript.lines()
        said = self._run.said if self._run.ended else self._transcript.last()
        return replace(self._run, said=said, lines=lines, count=self._transcript.count)

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact words, what the program is now, and what its dry run said. Raises Refused for a bad value."""
        script = self._script
        argv = self._filled(script.argv, request.params)
        program, refusals = await self._program()
        dry, said = "", tuple[str, ...]()
        if script.dry_run and not refusals:
            dry, said, wrong = await self._dry_run(self._filled(script.dry_run, request.params))
            refusals += wrong
        return Plan(
            request=ActionRequest(
                RUN.id, self._source, {param.name: request.get(param.name) for param in self.spec.params}
            ),
            title=self.spec.title,
            tier=self.spec.tier,
            target=f"{script.name} of {self._scene.system}/{self._scene.environment}, in {clean(self._folder, 300)}",
            identity={"program": program},
            changes=(Change("what it touches", "as it is", "as the script leaves it"),),
            objects=said or (f"no dry run declared: {shlex.join(argv)}",),
            count=max(1, len(said)),
            population=0,
            affected=script.affects,
            operation=(*self._environment(), shlex.join(argv), f"in {clean(self._folder, 300)}"),
            equivalent=(f"cd {shlex.quote(self._folder)} && {shlex.join(argv)}",),
            permission=Permission(Grant.UNKNOWN, "to run the script", "it uses this machine's own credentials"),
            undo=self._undo(),
            planned_at=self._clock.now(),
            deadline_s=script.limit + ENDING_S,
            refusals=tuple(refusals),
            dry_run=dry,
            basis={"argv": argv},
            moving=bool(said),  # its words may differ from one dry run to the next
            rests_on_reading=False,
        )

    def _filled(self, words: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
        """Each word stays one word. Raises Refused."""

        def value(match: re.Match[str]) -> str:
            given = values.get(match[1], "")
            if not given or given.startswith("-") or clean(given, len(given) + 1) != given:
                raise Refused("parameters", f"{match[1]} must be a plain text that does not begin with -")
            return given

        return tuple(_PLACE.sub(value, word) for word in words)

    async def _program(self) -> tuple[str, list[Refusal]]:
        """What would run, path and content; and what is missing."""
        search = program_folders(os.environ)

        def look() -> tuple[str, str]:
            if why := missing(self._script.argv, self._folder, search):
                return "", why
            path = found(self._script.argv[0], self._folder, search)
            return (f"{path} sha256 {fingerprint(path)}", "") if path else ("", "the program is gone")

        try:
            program, why = await asyncio.to_thread(look)
        except OSError as error:
            program, why = "", f"the program cannot be read: {error.strerror}"
        refusals = [Refusal("preconditions", why, "correct [[script]] in the profile")] if why else []
        for name, value in self._script.env.items():
            if isinstance(value, SecretRef) and value.scheme != "cmd":  # that may ask somebody
                try:
                    await value.resolve()
                except CockpitError as error:
                    refusals.append(Refusal("preconditions", f"{name}: {error.message}", error.hint))
        return program, refusals

    async def _dry_run(self, argv: tuple[str, ...]) -> tuple[str, tuple[str, ...], list[Refusal]]:
        """How it ended, its lines, and a refusal where it says that the real one would fail."""
        now = self._clock.monotonic()
        if self._dry is None or self._dry[0] != argv or now - self._dry[1] > _SEEN_S:
            env, transcript = await self._surroundings()
            end = await self._runner.stream(
                argv, env=env, folder=self._folder, deadline_s=min(self._script.limit, _DRY_RUN_S),
                heard=transcript.hear, aborted=lambda: False, began=lambda _: None,
            )  # fmt: skip
            self._dry = (argv, self._clock.monotonic(), end, transcript.lines(_DRY_LINES))
        _, _, end, lines = self._dry
        how = how_it_ended(end, min(self._script.limit, _DRY_RUN_S))
        good = end.ended is Ended.ITSELF and end.status in self._script.expect
        said = f"{shlex.join(argv)}: {how}, {len(lines)} lines, below"
        wrong = [] if good else [Refusal("preconditions", f"its dry run failed: {how}", "see what it wrote")]
        return said, lines, wrong

    def _environment(self) -> tuple[str, ...]:
        """As the plan shows it: secrets by their reference."""
        own = tuple(
            f"{name} from {value}" if isinstance(value, SecretRef) else shown(name, value)
            for name, value in self._script.env.items()
        )
        return (*own, *(shown(name, value) for name, value in passed(self._script.pass_env, os.environ).items()))

    def _undo(self) -> Undo:
        other = self._script.undo
        if other is None:
            return Undo("none declared: the profile names no script that takes this one back")
        return Undo(f"run {other}", ActionRequest(RUN.id, f"{SourceKind.SCRIPTS.value}/{other}"))

    async def _surroundings(self) -> tuple[dict[str, str], Transcript]:
        """Its variables, and a transcript that masks the secret ones. Raises CockpitError."""
        env = inherited(os.environ, reads=False) | passed(self._script.pass_env, os.environ)
        secrets: list[str] = []
        for name, value in self._script.env.items():
            if isinstance(value, SecretRef):
                env[name] = (await value.resolve()).reveal()
                secrets.append(env[name])
            else:
                env[name] = value
        return env, Transcript(Masking(secrets))

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Run it once, to its end, its limit or the operator's wish. Raises CockpitError where it cannot begin."""
        argv = plan.basis["argv"]
        if not isinstance(argv, tuple):
            raise Refused("preconditions", "the plan has no command")
        env, transcript = await self._surroundings()
        began, script = self._clock.now(), self._script
        kept = OutputFile(self._keep, script.name, began)
        await kept.add((f"$ {shlex.join(argv)}",))
        self._transcript = transcript
        self._run = ScriptRun(began, None, "running", "", (), 0, str(kept.path))
        keeping = asyncio.ensure_future(self._keeping(transcript, kept, control))
        try:
            end = await self._runner.stream(
                argv, env=env, folder=self._folder, deadline_s=script.limit, heard=transcript.hear,
                aborted=control.aborted, began=control.began,
            )  # fmt: skip
        except BaseException:
            self._run = replace(
                self._run, ended=self._clock.now(), outcome="unknown", said="it did not end by itself"
            )
            raise
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        lost = await finish(transcript, kept)
        result = _result(end, transcript, script, (*lost, kept.said))
        self._run = replace(self._run, ended=self._clock.now(), outcome=result.outcome.value, said=result.summary)
        return result

    async def _keeping(self, transcript: Transcript, kept: OutputFile, control: RunControl) -> None:
        """Tell and keep what it wrote, every so often, until cancelled."""
        while True:
            await self._clock.sleep(_WRITE_EVERY_S)
            control.progress(transcript.count, 0, transcript.last())
            try:
                await kept.add(transcript.fresh())
            except Misconfigured:
                return  # said in the end: the script itself goes on

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """What the profile says that success looks like."""
        if result.outcome is not Outcome.SUCCEEDED:
            return Verification(None, "the script did not end well: look what it did")
        if self._script.success is None:
            return Verification(None, "its exit code says done; the profile names no text of success")
        return Verification(True, f"it said {clean(self._script.success, 100)!r}")


async def finish(transcript: Transcript, kept: OutputFile) -> tuple[str, ...]:
    """Keep what is left of it; a sentence where that fails."""
    try:
        await kept.add(transcript.fresh(whole=True))
    except Misconfigured as error:
        return (f"not all of it is kept: {error.message}",)
    return ()


def how_it_ended(end: ScriptEnd, limit_s: float) -> str:
    """In words."""
    if end.ended is Ended.ABORTED:
        return "was stopped"
    if end.ended is not Ended.ITSELF:
        return f"did not end in {limit_s:g} s and was ended with all that it started"
    return f"exit status {end.status}" if end.status >= 0 else f"ended by signal {-end.status}"


def _result(end: ScriptEnd, transcript: Transcript, script: TeamScript, more: tuple[str, ...]) -> RunResult:
    how, last = how_it_ended(end, script.limit), transcript.last() or "it said nothing"
    left = (f"it left behind what goes on by itself: {', '.join(end.left[:5])}",) if end.left else ()
    details = (*transcript.lines(RECORDED_LINES), *left, *more)
    if end.ended is not Ended.ITSELF:
        return RunResult(Outcome.UNKNOWN, f"{how}: what it had done by then stays done; check", 0, details=details)
    if end.status not in script.expect:
        return RunResult(Outcome.FAILED, f"{how}: {last}", 0, details=details)
    if script.success is not None and not any(script.success in line for line in transcript.lines()):
        said = f"{how}, but it never said {clean(script.success, 100)!r}: {last}"
        return RunResult(Outcome.FAILED, said, 0, details=details)
    return RunResult(Outcome.SUCCEEDED, f"{how}: {last}", details=details)


def handlers(
    script: TeamScript, folder: str, keep: Path, scene: Scene, clock: Clock, runner: ScriptRunning | None = None
) -> list[RunTeamScript]:
    """The one handler. Without a `runner` it runs as processes of this machine."""
    if runner is None:
        from cockpit.adapters.files.script import ScriptRunner

        runner = ScriptRunner()
    return [RunTeamScript(script, folder, keep, scene, clock, runner)]
