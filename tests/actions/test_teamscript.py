"""Commands of the team as real processes, through the whole engine: the dry run that is seen first, what is masked,
kept and recorded, how they end, and what is refused.
"""

from __future__ import annotations

import asyncio
import json
import re
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, Outcome, Tier
from cockpit.model.severity import Severity
from cockpit.model.teamscripts import ScriptStatus
from cockpit.text import UNSAFE

from ..engine.kubeengine import Crew, crew_on

SECRET = "s3cret/and+long"  # made up


def table(folder: Path, body: str, name: str = "it", **values: object) -> str:
    """A [[script]] that runs this shell text from a file of its own."""
    folder.mkdir(exist_ok=True)
    script = folder / f"{name}.sh"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    lines = {"name": name, "title": f"Do {name}", "argv": [f"./{name}.sh"], "tier": "T2", "interval": "0.2s"} | values
    written = "\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items() if not isinstance(value, dict))
    return f"[[script]]\n{written}\n" + "".join(
        f"{key} = {{ {', '.join(f'{k} = {json.dumps(v)}' for k, v in value.items())} }}\n"
        for key, value in lines.items()
        if isinstance(value, dict)
    )


def request(name: str = "it", **values: str) -> ActionRequest:
    return ActionRequest("scripts.run", f"scripts/{name}", values)


def status(crew: Crew, name: str = "it") -> ScriptStatus | None:
    state = crew.engine.hub.state(f"scripts/{name}")
    payload = state.reading.payload if state is not None and state.reading is not None else None
    assert payload is None or isinstance(payload, ScriptStatus)
    return payload


def kept(folder: Path) -> Path:
    (file,) = (folder / "state" / "scripts").iterdir()
    return file


async def test_it_runs_as_declared_and_all_it_wrote_is_kept_with_the_record(tmp_path: Path) -> None:
    text = table(tmp_path, "pwd; echo one; echo two >&2; echo all passed", success="all passed")
    async with crew_on(tmp_path, text) as crew:
        record = await crew.do(request())
        assert (record.outcome, record.summary) == (Outcome.SUCCEEDED, "exit status 0: all passed")
        assert record.details[:4] == (str(tmp_path), "one", "two", "all passed")
        assert record.verification is not None and record.verification.holds is True
        file = kept(tmp_path)
        content = file.read_bytes()
        assert content.decode().splitlines() == ["$ ./it.sh", str(tmp_path), "one", "two", "all passed"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert record.details[-1] == f"output: {file} ({len(content)} bytes, sha256 {sha256(content).hexdigest()})"
        (outcome,) = [e for e in crew.engine.audit.entries() if e.event == "outcome" and e.run == record.run]
        assert outcome.facts["details"] == list(record.details)
        await crew.until(lambda: (seen := status(crew)) and seen.last and seen.last.ended, "the pane has its run")
        seen = status(crew)
        assert seen is not None and seen.last is not None
        assert (seen.last.outcome, seen.last.lines[-1], seen.last.record) == ("succeeded", "all passed", str(file))


async def test_the_dry_run_is_run_and_shown_first_and_one_that_fails_refuses(tmp_path: Path) -> None:
    body = '[ "$1" = --dry-run ] && { echo "would drop 3 tables"; exit "${DRY:-0}"; }; echo ran >> done'
    text = table(tmp_path, body, dry_run=["./it.sh", "--dry-run"], pass_env=["DRY"])
    async with crew_on(tmp_path, text) as crew:
        planned = await crew.planned(request())
        assert planned.refusals == () and planned.plan.objects == ("would drop 3 tables",)
        assert planned.plan.dry_run == "./it.sh --dry-run: exit status 0, 1 lines, below"
        assert not (tmp_path / "done").exists(), "a dry run changes nothing"
        assert (await crew.agreed(planned)).outcome is Outcome.SUCCEEDED
        assert (tmp_path / "done").read_text() == "ran\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRY", "4")
        async with crew_on(tmp_path, text) as crew:
            refused = await crew.planned(request())
            assert [each.reason for each in refused.refusals] == ["its dry run failed: exit status 4"]
            assert (await crew.agreed(refused)).outcome is Outcome.REFUSED
    assert (tmp_path / "done").read_text() == "ran\n"


async def test_a_value_stays_one_word_and_none_becomes_an_option(tmp_path: Path) -> None:
    text = table(tmp_path, 'printf "<%s>\\n" "$@"', argv=["./it.sh", "--id={backup}", "{backup}"])
    async with crew_on(tmp_path, text) as crew:
        record = await crew.do(request(backup="a b; $(rm -rf x) *"))
        assert record.details[:2] == ("<--id=a b; $(rm -rf x) *>", "<a b; $(rm -rf x) *>")
        for value in ("--all", "a\nb", ""):
            with pytest.raises(Refused):
                await crew.planned(request(backup=value))


async def test_secrets_reach_the_script_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET)
    body = 'echo "key $KEY"; echo "$KEY" | tr + -; env | grep -c ^HOME='
    text = table(tmp_path, body, env={"KEY": f"file:{tmp_path / 'key'}", "MODE": "soft"})
    async with crew_on(tmp_path, text) as crew:
        planned = await crew.planned(request())
        assert planned.plan.operation[:2] == (f"KEY from file:{tmp_path / 'key'}", "MODE=soft")
        record = await crew.agreed(planned)
        assert record.details[:3] == ("key ***", SECRET.replace("+", "-"), "1")
        everything = kept(tmp_path).read_text() + (tmp_path / "state" / "audit.jsonl").read_text()
        assert SECRET not in everything and "key ***" in everything


@pytest.mark.parametrize(
    ("body", "more", "outcome", "words"),
    [
        ("echo no; exit 3", {}, Outcome.FAILED, "exit status 3: no"),
        ("exit 3", {"expect": [0, 3]}, Outcome.SUCCEEDED, "exit status 3: it said nothing"),
        ("echo done", {"success": "passed"}, Outcome.FAILED, "exit status 0, but it never said 'passed': done"),
        ("kill -9 $$", {}, Outcome.FAILED, "ended by signal 9: it said nothing"),
    ],
)
async def test_how_it_ends(tmp_path: Path, body: str, more: dict[str, object], outcome: Outcome, words: str) -> None:
    async with crew_on(tmp_path, table(tmp_path, body, **more)) as crew:
        record = await crew.do(request())
        assert (record.outcome, record.summary) == (outcome, words)
        assert await crew.until(lambda: (s := status(crew)) and s.last and s.last.outcome, "seen") == outcome.value


async def test_at_its_limit_everything_that_it_started_is_ended(tmp_path: Path) -> None:
    text = table(tmp_path, "(sleep 300 & echo $! > child; wait) & wait", limit="0.5s")
    async with crew_on(tmp_path, text) as crew:
        record = await crew.do(request())
        assert record.outcome is Outcome.UNKNOWN
        assert record.summary.startswith("did not end in 0.5 s and was ended with all that it started")
        child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
        await crew.until(lambda: not child.exists() or child.read_text().split()[2] == "Z", "the child is gone")


async def test_its_output_is_seen_while_it_runs_and_it_outlives_whoever_asked(tmp_path: Path) -> None:
    text = table(tmp_path, "echo first; until [ -e go ]; do sleep 0.05; done; echo second")
    async with crew_on(tmp_path, text) as crew:
        planned = await crew.planned(request())
        asked = asyncio.ensure_future(crew.agreed(planned))
        await crew.until(
            lambda: (s := status(crew)) and s.last and not s.last.ended and s.last.lines == ("first",), "live"
        )
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await crew.until(lambda: "first" in kept(tmp_path).read_text(), "kept while it runs")
        (tmp_path / "go").touch()
        await crew.until(lambda: (s := status(crew)) and s.last and s.last.outcome == "succeeded", "it ended well")
        await crew.until(lambda: any(e.event == "outcome" for e in crew.engine.audit.entries()), "recorded")


async def test_a_program_that_changed_since_the_plan_does_not_run(tmp_path: Path) -> None:
    text = table(tmp_path, "touch ran")
    async with crew_on(tmp_path, text) as crew:
        planned = await crew.planned(request())
        table(tmp_path, "touch ran; touch other")
        record = await crew.agreed(planned)
        assert record.outcome is Outcome.REFUSED and not (tmp_path / "ran").exists()


async def test_one_that_is_not_there_says_so_and_is_refused(tmp_path: Path) -> None:
    text = table(tmp_path, "true")
    (tmp_path / "it.sh").chmod(0o644)
    async with crew_on(tmp_path, text) as crew:
        await crew.fresh("scripts/it")
        state = crew.engine.hub.state("scripts/it")
        assert state is not None and state.reading is not None
        assert (state.reading.severity, state.reading.summary) == (
            Severity.WARN,
            "./it.sh is not there, or may not be run",
        )
        planned = await crew.planned(request())
        assert [each.reason for each in planned.refusals] == ["./it.sh is not there, or may not be run"]


async def test_its_tier_and_its_way_back_are_those_of_the_profile(tmp_path: Path) -> None:
    text = table(tmp_path, "touch on", undo="back", tier="T3") + table(tmp_path, "rm on", name="back", tier="T1")
    async with crew_on(tmp_path, text) as crew:
        planned = await crew.planned(request())
        assert planned.plan.tier is Tier.T3 and planned.plan.undo.request == request("back")
        assert (await crew.agreed(planned)).outcome is Outcome.SUCCEEDED and (tmp_path / "on").exists()
        assert (await crew.do(request("back"))).outcome is Outcome.SUCCEEDED and not (tmp_path / "on").exists()


async def test_hostile_output_is_cleaned_in_pane_record_and_file(tmp_path: Path) -> None:
    text = table(
        tmp_path, r"printf '\033[2J\033]0;owned\007red \342\200\256evil\n'; head -c 200000 /dev/zero | tr '\0' x"
    )
    async with crew_on(tmp_path, text) as crew:
        record = await crew.do(request())
        told = [*record.details, kept(tmp_path).read_text().replace("\n", "")]
        assert not any(re.search(UNSAFE, line) for line in told)
        assert record.details[0] == "red <202E>evil"


async def test_a_full_disk_is_said_and_the_script_goes_on(tmp_path: Path) -> None:
    text = table(tmp_path, "until [ -e go ]; do sleep 0.05; done; echo late; touch ran")
    async with crew_on(tmp_path, text) as crew:
        planned = await crew.planned(request())
        asked = asyncio.ensure_future(crew.agreed(planned))
        await crew.until(lambda: (tmp_path / "state" / "scripts").is_dir(), "it has begun")
        file = await crew.until(lambda: next(iter((tmp_path / "state" / "scripts").iterdir()), None), "its file")
        file.unlink()
        file.mkdir()  # nothing can be written there any more
        (tmp_path / "go").touch()
        record = await asked
        assert record.outcome is Outcome.SUCCEEDED and (tmp_path / "ran").exists()
        assert any(line.startswith("not all of it is kept:") for line in record.details)
