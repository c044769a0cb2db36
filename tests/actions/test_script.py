"""Commands of a runbook as real processes: what they print, how they end, what is left, and what never shows."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cockpit.actions.handler import RunControl, Scene
from cockpit.actions.script import RunScript, Script, Shelf, handlers
from cockpit.clock import ManualClock
from cockpit.errors import Conflict, Misconfigured, Refused
from cockpit.model.action import Outcome, Plan, Refusal, RunResult, Tier
from cockpit.model.command import EffectClass, Placeholder, PlaceholderStyle
from cockpit.profile.schema import RunbookFiles
from cockpit.profile.secrets import SecretRef
from cockpit.text import UNSAFE

POD = Placeholder("pod", "<pod>", PlaceholderStyle.ANGLE)
WITHIN_S = 10.0


@dataclass
class Bench:
    """One handler on one command, in a folder of its own."""

    folder: Path
    env: Mapping[str, SecretRef] = field(default_factory=dict)
    timeout: float = 60.0
    unchanged: bool = True
    aborted: bool = False
    told: list[tuple[int, int, str]] = field(default_factory=list)
    shelf: Shelf = field(default_factory=Shelf)

    def handler(self) -> RunScript:
        files = RunbookFiles(files=(str(self.folder / "R.md"),), env=dict(self.env), script_timeout=self.timeout)
        (made,) = handlers(self.shelf, files, Scene("shop", "production"), ManualClock())
        assert isinstance(made, RunScript)
        return made

    def put(self, text: str, **fields: object) -> Script:
        script = Script(text, "R.md", 7, "Run it", EffectClass.CHANGES, Tier.T3, "somewhere")
        for name, value in fields.items():
            object.__setattr__(script, name, value)

        async def look() -> bool:
            return self.unchanged

        self.shelf.put([script], "d" * 64, look)
        return script

    async def plan(self, text: str, values: Mapping[str, str] | None = None, **fields: object) -> Plan:
        script = self.put(text, **fields)
        self.made = self.handler()
        return await self.made.plan(script.request(values or {}))

    async def run(self, text: str, values: Mapping[str, str] | None = None, **fields: object) -> RunResult:
        plan = await self.plan(text, values, **fields)
        assert plan.refusals == (), plan.refusals
        control = RunControl(lambda done, total, note: self.told.append((done, total, note)), lambda: self.aborted)
        return await self.made.run(plan, control)

    def output(self, script_plan: Plan) -> tuple[str, ...]:
        return self.made.output(script_plan.request)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """A zombie that nobody has collected yet is dead."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


async def test_the_command_runs_as_it_stands_and_its_last_line_is_the_result(bench: Bench) -> None:
    result = await bench.run("echo one\necho two >&2; echo three | tr a-z A-Z")
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, "THREE")
    assert result.details == ("one", "two", "THREE")


async def test_an_argument_list_needs_no_shell(bench: Bench) -> None:
    result = await bench.run("printf '%s\\n' '$HOME' '*'", argv=("printf", "%s\\n", "$HOME", "*"))
    assert result.details == ("$HOME", "*")


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("echo no; exit 3", "exit status 3: no"),
        ("false | cat", "exit status 1: it said nothing"),
        ("kill -9 $$", "ended by signal 9: it said nothing"),
        ("echo 'a (", "exit status 2: bash: -c: "),
    ],
)
async def test_what_ends_badly_has_failed_a_pipeline_too(bench: Bench, text: str, summary: str) -> None:
    result = await bench.run(text)
    assert result.outcome is Outcome.FAILED and result.done == 0
    assert result.summary.startswith(summary)


async def test_a_flood_is_read_to_its_end_and_its_last_lines_are_kept(bench: Bench) -> None:
    plan = await bench.plan("seq 1 300000")
    result = await bench.made.run(plan, RunControl(lambda *told: bench.told.append(told), lambda: False))
    assert result.outcome is Outcome.SUCCEEDED and result.summary == "300000"
    assert result.details == tuple(str(n) for n in range(299951, 300001))
    assert len(bench.output(plan)) == 2000 and bench.output(plan)[0] == "298001"
    assert bench.told[-1] == (300000, 0, "300000")
    assert len(bench.told) < 1000, "no news for each line of a flood"


async def test_binary_output_and_a_line_without_end_are_printable_and_bounded(bench: Bench) -> None:
    result = await bench.run("head -c 3000000 /dev/urandom; printf '\\033]52;c;x\\007\\033[2Jend'")
    assert result.outcome is Outcome.SUCCEEDED
    assert not any(UNSAFE.search(line) for line in result.details)
    assert max(map(len, result.details)) < 5000
    result = await bench.run("head -c 20000000 /dev/zero | tr '\\0' x")
    assert len(result.details) == 1 and len(result.details[0]) < 5000


async def test_lines_come_as_they_are_written(bench: Bench) -> None:
    gate = bench.folder / "gate"
    plan = await bench.plan(f"echo first; while [ ! -e {gate} ]; do sleep 0.05; done; echo second")
    running = asyncio.create_task(bench.made.run(plan, RunControl(lambda *told: None, lambda: False)))
    await until(lambda: bench.output(plan) == ("first",))
    gate.touch()
    assert (await running).details == ("first", "second")


async def test_it_has_nothing_on_its_input_and_no_terminal(bench: Bench) -> None:
    result = await bench.run("cat; if ( : </dev/tty ) 2>/dev/null; then echo a terminal; else echo none; fi")
    assert result.details == ("none",)


async def test_it_finds_a_small_environment_and_what_the_profile_declares(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-somebody-else")
    monkeypatch.setenv("BASH_ENV", "/nowhere")
    (bench.folder / "token").write_text("s3cr3t-value\n")
    bench.env = {"DEPLOY_TOKEN": SecretRef(f"file:{bench.folder}/token")}
    result = await bench.run("env | cut -d= -f1; echo ${#DEPLOY_TOKEN}; pwd")
    assert {"PATH", "DEPLOY_TOKEN"} <= set(result.details)
    assert not {"AWS_SECRET_ACCESS_KEY", "BASH_ENV"} & set(result.details)
    assert result.details[-2:] == ("12", str(bench.folder))


@pytest.mark.parametrize(
    "text",
    [
        "echo it is $TOKEN",
        'printf %s "$TOKEN"',
        'printf \'%s\' "${TOKEN:0:9}"; sleep 0.1; echo "${TOKEN:9}"',
        'printf "%s\\x1b[0m" "$TOKEN"',
        'printf "%020000d%s" 0 "$TOKEN"',
        'echo "https://u:$(printf %s "$TOKEN" | sed s/@/%40/)@h/"',
        "echo $TOKEN >&2; exit 1",
    ],
)
async def test_a_secret_never_shows_in_the_output_the_result_or_the_plan(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2@hunter2")
    bench.env = {"TOKEN": SecretRef("env:SHOP_TOKEN")}
    plan = await bench.plan(text)
    result = await bench.made.run(plan, RunControl(lambda *told: bench.told.append(told), lambda: False))
    shown = repr((plan, result, bench.output(plan), bench.told))
    assert "hunter2" not in shown
    assert "TOKEN from env:SHOP_TOKEN" in plan.operation


async def test_what_shows_secrets_is_shown_and_kept_nowhere(bench: Bench) -> None:
    plan = await bench.plan("echo 'password: c2VjcmV0'", shows_secrets=True)
    result = await bench.made.run(plan, RunControl(lambda *told: None, lambda: False))
    assert bench.output(plan) == ("password: c2VjcmV0",)
    assert result.outcome is Outcome.SUCCEEDED and "c2VjcmV0" not in repr(result)
    assert "are not kept" in result.summary


async def test_at_its_deadline_it_is_ended_and_its_effect_unknown(bench: Bench) -> None:
    bench.timeout = 1.0
    result = await bench.run("echo begun; sleep 300")
    assert result.outcome is Outcome.UNKNOWN and "did not end in 1 s and was killed" in result.summary
    assert result.details == ("begun",)
    assert (await bench.run("sleep 300", tier=Tier.T0)).outcome is Outcome.FAILED, "what reads did nothing"


@linux
async def test_what_ignores_the_term_signal_is_killed_with_all_that_it_started(bench: Bench) -> None:
    bench.timeout = 1.0
    text = "trap '' TERM; (trap '' TERM; sleep 300) & echo $! > child; echo $$ > parent; sleep 300; sleep 300"
    result = await bench.run(text)
    assert result.outcome is Outcome.UNKNOWN
    pids = [int((bench.folder / name).read_text()) for name in ("child", "parent")]
    await until(lambda: not any(map(alive, pids)))


@linux
async def test_what_it_leaves_in_the_background_ends_with_it(bench: Bench) -> None:
    result = await bench.run("sleep 300 & echo $!; echo $! > child; (sleep 300 & echo $! > grandchild)")
    assert result.outcome is Outcome.SUCCEEDED
    pids = [int((bench.folder / name).read_text()) for name in ("child", "grandchild")]
    await until(lambda: not any(map(alive, pids)))


@linux
async def test_what_leaves_its_group_is_named(bench: Bench) -> None:
    text = "setsid sh -c 'echo $$ > left; exec sleep 300' & while [ ! -s left ]; do sleep 0.05; done; echo begun"
    result = await bench.run(text)
    pid = int((bench.folder / "left").read_text())
    os.kill(pid, signal.SIGKILL)
    assert result.outcome is Outcome.SUCCEEDED
    assert result.summary.startswith(f"begun; it left behind what goes on by itself: pid {pid} (")
    assert result.details[-1].startswith("it left behind")
    assert "left behind" not in (await bench.run("sleep 300 & echo begun")).summary, "the group ends with it"


@linux
async def test_the_process_group_is_told_when_it_begins(bench: Bench) -> None:
    plan = await bench.plan("ps -o pgid= -p $$")
    began: list[int] = []
    result = await bench.made.run(plan, RunControl(lambda *told: None, lambda: False, began.append))
    assert [int(result.summary)] == began


@linux
async def test_the_operator_stops_it(bench: Bench) -> None:
    plan = await bench.plan("echo $$ > pid; sleep 300")
    running = asyncio.create_task(bench.made.run(plan, RunControl(lambda *told: None, lambda: bench.aborted)))
    await until((bench.folder / "pid").exists)
    bench.aborted = True
    result = await running
    assert result.outcome is Outcome.UNKNOWN and "was stopped" in result.summary
    assert not alive(int((bench.folder / "pid").read_text() or 0))


@linux
async def test_a_cancelled_run_leaves_nothing_running(bench: Bench) -> None:
    plan = await bench.plan("trap '' TERM; echo $$ > pid; sleep 300; sleep 300")
    running = asyncio.create_task(bench.made.run(plan, RunControl(lambda *told: None, lambda: False)))
    await until(lambda: (bench.folder / "pid").exists() and bool((bench.folder / "pid").read_text()))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not alive(int((bench.folder / "pid").read_text())))


async def test_no_descriptor_is_left_open(bench: Bench) -> None:
    await bench.run("true")
    before = descriptors()
    for _ in range(5):
        await bench.run("echo x; sleep 300 &")
    assert descriptors() <= before


async def test_the_plan_shows_the_whole_command_and_what_is_not_known(bench: Bench) -> None:
    plan = await bench.plan(
        "kubectl() { :; }\nkubectl get <pod> \\\n  -o yaml", {"<pod>": "api-1"}, placeholders=(POD,)
    )
    assert plan.operation[:5] == (
        "bash -o pipefail -c",
        "kubectl() { :; }",
        'kubectl get "${RB_POD}" \\',
        "  -o yaml",
        "RB_POD=api-1",
    )
    assert not plan.rests_on_reading and plan.lock == "" and plan.undo.request is None
    assert plan.changes[0].before == "changes" and "not known" in plan.affected
    reading = await bench.plan("date", tier=Tier.T0, effect=EffectClass.READS)
    assert reading.changes == () and reading.lock.startswith("runbook "), "readings do not wait for each other"


async def test_a_plan_made_again_has_the_same_digest(bench: Bench) -> None:
    first = await bench.plan("echo <pod>", {"<pod>": "a"}, placeholders=(POD,))
    assert (await bench.plan("echo <pod>", {"<pod>": "a"}, placeholders=(POD,))).digest == first.digest
    assert (await bench.plan("echo <pod>", {"<pod>": "b"}, placeholders=(POD,))).digest != first.digest


async def test_what_is_missing_on_this_machine_is_said_before(bench: Bench) -> None:
    bench.env = {"TOKEN": SecretRef("env:NOT_SET_ANYWHERE")}
    plan = await bench.plan("no-such-program --now", programs=("no-such-program", "./there.sh", "date"))
    assert [refusal.reason for refusal in plan.refusals] == [
        "no-such-program is not installed on this machine",
        "./there.sh is not installed on this machine",
        "TOKEN: the environment variable NOT_SET_ANYWHERE is not set",
    ]
    script = bench.folder / "there.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    bench.env = {}
    assert (await bench.plan("./there.sh", programs=("./there.sh",))).refusals == ()


async def test_a_folder_that_is_gone_is_no_place_to_run(bench: Bench) -> None:
    bench.folder = bench.folder / "gone"
    plan = await bench.plan("date")
    assert "does not exist" in plan.refusals[0].reason
    with pytest.raises(Misconfigured, match="cannot be entered"):
        await bench.made.run(plan, RunControl(lambda *told: None, lambda: False))


async def test_warnings_and_refusals_of_the_command_stand_on_the_plan(bench: Bench) -> None:
    no = Refusal("runbook", "it would delete what the next step restores", "restore first")
    plan = await bench.plan("date", warnings=("it restarts nothing",), refusals=(no,))
    assert plan.refusals == (no,) and plan.warnings == ("it restarts nothing",)


async def test_nothing_is_planned_while_the_runbook_is_not_accepted(bench: Bench) -> None:
    script = bench.put("date")
    handler = bench.handler()
    bench.shelf.clear("nobody accepted this runbook yet")
    assert handler.unavailable() == "nobody accepted this runbook yet"
    with pytest.raises(Refused, match="nobody accepted"):
        await handler.plan(script.request({}))


async def test_only_a_command_of_the_accepted_text_is_planned(bench: Bench) -> None:
    bench.put("date")
    other = Script("rm -rf /", "R.md", 7, "", EffectClass.DESTROYS, Tier.T3, "")
    with pytest.raises(Refused, match="no such command in line 7"):
        await bench.handler().plan(other.request({}))
    with pytest.raises(Refused, match="JSON object"):
        script = bench.put("date")
        request = script.request({})
        await bench.handler().plan(type(request)(request.action, request.source, {**request.params, "values": "[1]"}))


async def test_a_file_that_changed_since_it_was_accepted_stops_plan_and_run(bench: Bench) -> None:
    plan = await bench.plan("touch happened")
    bench.unchanged = False
    with pytest.raises(Conflict, match="changed"):
        await bench.made.run(plan, RunControl(lambda *told: None, lambda: False))
    assert "changed" in (await bench.made.plan(plan.request)).refusals[0].reason
    bench.unchanged = True
    bench.put("touch other")
    with pytest.raises((Conflict, Refused)):
        await bench.made.run(plan, RunControl(lambda *told: None, lambda: False))
    assert not (bench.folder / "happened").exists()


async def test_only_its_own_end_can_be_told(bench: Bench) -> None:
    plan = await bench.plan("true")
    seen = await bench.made.verify(plan, RunResult(Outcome.SUCCEEDED, ""))
    assert seen.holds is None and "whether it helped" in seen.text
    assert "look what it did" in (await bench.made.verify(plan, RunResult(Outcome.UNKNOWN, ""))).text
