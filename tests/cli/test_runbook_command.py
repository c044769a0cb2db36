from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

Cockpit = Callable[..., Awaitable[Any]]

TEXT = """# Shop

## Slow answers

Look first:

```bash
# How it feels
curl -s https://shop.example/health | jq '.jobs'

# What the unit says
journalctl -u <unit> \\
  -n 50
cd deploy
```

Then clean up:

```bash
dropdb shop
./heal.sh
```
"""


@pytest.fixture
def runbook(tmp_path: Path) -> Path:
    path = tmp_path / "RUNBOOK.md"
    path.write_text(TEXT)
    return path


async def test_coverage_counts_every_command_once(cockpit: Cockpit, runbook: Path) -> None:
    ran = await cockpit("runbook", "coverage", runbook, "--json")
    assert ran.code == 0
    (file,) = ran.json["files"]
    assert file["file"] == str(runbook)
    rows = [(each["line"], each["kind"], each["tier"], each["action"]) for each in file["commands"]]
    assert rows == [
        (9, "live", "T0", "health.get"),
        (12, "script", "T0", "runbook.script"),
        (14, "script", "T0", "runbook.script"),
        (20, "script", "T4", "runbook.script"),
        (21, "script", "T3", "runbook.script"),
    ]
    assert ran.json["total"] == {"commands": 5, "live": 1, "native": 0, "script": 4, "not_understood": 0}
    assert set(file["commands"][0]) == {"line", "text", "kind", "tier", "action"}


async def test_a_script_of_the_profile_counts_as_native(cockpit: Cockpit, runbook: Path, tmp_path: Path) -> None:
    profile = tmp_path / "shop.toml"
    script = '[[script]]\nname = "heal"\ntitle = "Heal"\nargv = ["./heal.sh"]\ntier = "T2"\n'
    profile.write_text(f'system = "shop"\nenvironment = "test"\n{script}')
    ran = await cockpit("runbook", "coverage", runbook, "--profile", profile, "--json")
    assert ran.json["total"] == {"commands": 5, "live": 1, "native": 1, "script": 3, "not_understood": 0}
    (row,) = [each for each in ran.json["files"][0]["commands"] if each["line"] == 21]
    assert (row["kind"], row["tier"], row["action"]) == ("native", "T2", "scripts.run")
    assert (await cockpit("runbook", "coverage", runbook, "--profile", "guesslyfe")).code == 0
    assert (await cockpit("runbook", "coverage", runbook, "--profile", "none-such")).code == 64


async def test_coverage_as_text_names_lines_and_shares(cockpit: Cockpit, runbook: Path) -> None:
    ran = await cockpit("runbook", "coverage", runbook)
    assert ran.code == 0
    assert "5 commands" in ran.out
    assert " 20 %  live" in ran.out
    assert "dropdb shop" in ran.out


async def test_several_files_are_told_apart(cockpit: Cockpit, runbook: Path, tmp_path: Path) -> None:
    other = tmp_path / "OTHER.md"
    other.write_text("# Nothing to run here\n")
    ran = await cockpit("runbook", "coverage", runbook, other, "--json")
    assert [(each["file"], len(each["commands"])) for each in ran.json["files"]] == [
        (str(runbook), 5),
        (str(other), 0),
    ]


async def test_explain_tells_how_a_command_was_understood(cockpit: Cockpit, runbook: Path) -> None:
    ran = await cockpit("runbook", "explain", f"{runbook}:9", "--json")
    assert ran.code == 0
    (told,) = ran.json["commands"]
    assert (told["kind"], told["effect"], told["tier"], told["action"]) == ("live", "reads", "T0", "health.get")
    assert told["headings"][-1] == "Slow answers"
    assert told["caption"] == "How it feels"
    assert [call["program"] for call in told["calls"]] == ["http", "jq"]
    assert told["parameters"]["json"] == "jobs"


async def test_explain_finds_a_command_by_any_of_its_lines(cockpit: Cockpit, runbook: Path) -> None:
    ran = await cockpit("runbook", "explain", f"{runbook}:13", "--json")
    (told,) = ran.json["commands"]
    assert told["line"] == 12
    assert [asked["spelled"] for asked in told["placeholders"]] == ["<unit>"]
    assert told["argv"] == ["journalctl", "-u", "<unit>", "-n", "50"]


async def test_explain_as_text_says_effect_target_and_why(cockpit: Cockpit, runbook: Path) -> None:
    ran = await cockpit("runbook", "explain", f"{runbook}:20")
    assert ran.code == 0
    for word in ("destroys", "T4", "database shop", "no way back"):
        assert word in ran.out


@pytest.mark.parametrize(
    ("place", "said"), [("{}:10", "nearest are at 9 and 12"), ("{}", "FILE:LINE"), ("{}:x", "FILE:LINE")]
)
async def test_a_wrong_place_is_told_with_what_was_meant(
    cockpit: Cockpit, runbook: Path, place: str, said: str
) -> None:
    ran = await cockpit("runbook", "explain", place.format(runbook))
    assert ran.code == 64
    assert said in ran.err


async def test_a_missing_file_is_told_by_name(cockpit: Cockpit, tmp_path: Path) -> None:
    for words in (("coverage", tmp_path / "none.md"), ("explain", f"{tmp_path}/none.md:1")):
        ran = await cockpit("runbook", *words)
        assert ran.code == 64
        assert "none.md" in ran.err


async def test_coverage_wants_a_file(cockpit: Cockpit) -> None:
    assert (await cockpit("runbook", "coverage")).code == 64


def test_the_list_of_commands_reads_no_grammar() -> None:
    code = (
        "import sys\nfrom screens.main import cockpit\n"
        "cockpit.main(['runbook', '--help'], standalone_mode=False)\n"
        "heavy = {'tree_sitter', 'sqlglot', 'markdown_it', 'textual', 'httpx', 'asyncpg'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "coverage" in ran.stdout and "explain" in ran.stdout and "lint" in ran.stdout
