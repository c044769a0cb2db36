"""check, actions and doctor against real servers, as processes of their own."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Cockpit = Callable[..., Awaitable[Any]]


def put(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def edit(path: Path, before: str, after: str, mode: int = 0o600) -> None:
    """Replace the first `before`."""
    text = path.read_text()
    assert before in text
    put(path, text.replace(before, after, 1), mode)


async def test_a_healthy_system_is_one_line_a_source_and_exit_code_0(installed: Cockpit, profile: Path) -> None:
    ran = await installed("check", "shop")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "shop testing"
    assert [re.split(r"\s{2,}", line)[:3] for line in lines[1:]] == [
        ["● ok", "health/api", "fresh"],
        ["● ok", "database/orders", "fresh"],
        ["● ok", "redis/cache", "fresh"],
    ]
    assert "\x1b" not in ran.out


async def test_a_failing_endpoint_is_critical_and_exit_code_2(cockpit: Cockpit, profile: Path, front: Any) -> None:
    front.status = 503
    ran = await cockpit("check", profile)
    assert ran.code == 2
    assert "✖ CRIT     health/api" in ran.out
    assert "\nfindings\n" in ran.out


async def test_a_slow_endpoint_is_a_warning_and_exit_code_1(cockpit: Cockpit, profile: Path) -> None:
    edit(profile, 'interval = "1s"', 'interval = "1s"\nslow = "0.01ms"')
    ran = await cockpit("check", profile)
    assert ran.code == 1
    assert "▲ warn     health/api" in ran.out


async def test_what_cannot_be_reached_is_unknown_and_exit_code_3_with_the_reason(
    cockpit: Cockpit, profile: Path
) -> None:
    ran = await cockpit("check", profile, env={"SHOP_REDIS": "redis://127.0.0.1:1/0"})
    assert ran.code == 3
    line = next(line for line in ran.out.splitlines() if "redis/cache" in line)
    assert line.startswith("? unknown  redis/cache")
    assert "unreachable: " in line and "127.0.0.1:1" in line


async def test_a_source_that_hangs_is_told_and_holds_up_no_other(cockpit: Cockpit, profile: Path) -> None:
    async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        edit(profile, 'dsn = "env:SHOP_DSN"', 'dsn = "env:SHOP_DSN"\ntimeout = "500ms"')
        ran = await cockpit("check", profile, env={"SHOP_DSN": f"postgresql://x@127.0.0.1:{port}/x"})
    assert ran.code == 3
    assert re.search(r"^\? unknown  database/orders +failed +- +timed out: ", ran.out, re.MULTILINE)
    assert re.search(r"^● ok       redis/cache +fresh", ran.out, re.MULTILINE)


async def test_the_json_of_check_has_the_documented_keys(installed: Cockpit, profile: Path, front: Any) -> None:
    front.status = 500
    ran = await installed("check", "shop", "--json", env={"SHOP_DSN": "postgresql://x@127.0.0.1:1/x"})
    seen = ran.json
    assert list(seen) == ["system", "environment", "severity", "readings", "findings"]
    assert (seen["system"], seen["environment"], seen["severity"]) == ("shop", "testing", "crit")
    assert [reading["source"] for reading in seen["readings"]] == ["health/api", "database/orders", "redis/cache"]
    for reading in seen["readings"]:
        assert list(reading) == [
            "source",
            "kind",
            "severity",
            "freshness",
            "age_s",
            "summary",
            "latency_ms",
            "failure",
        ]
    health, database, redis = seen["readings"]
    assert (health["kind"], health["severity"], health["freshness"]) == ("health", "crit", "fresh")
    assert health["latency_ms"] > 0 and health["age_s"] >= 0 and health["failure"] is None
    assert (database["severity"], database["freshness"], database["age_s"]) == ("unknown", "failed", None)
    assert set(database["failure"]) == {"word", "message", "hint"}
    assert redis["severity"] == "ok"
    assert {finding["rule"] for finding in seen["findings"]} >= {"source-unseen"}
    for finding in seen["findings"]:
        assert list(finding) == ["rule", "severity", "text", "evidence", "source", "action"]


async def test_checking_only_the_configuration_connects_to_nothing(cockpit: Cockpit, profile: Path) -> None:
    nowhere = {"SHOP_DSN": "postgresql://x@127.0.0.1:1/x", "SHOP_REDIS": "redis://127.0.0.1:1/0"}
    ran = await cockpit("check", "shop", "--config-only", env=nowhere)
    assert ran.code == 0
    assert "a valid profile of shop testing with 1 health, 1 database, 1 redis" in ran.out
    ran = await cockpit("check", "shop", "--config-only", "--json", env=nowhere)
    assert ran.json["declared"]["database"] == ["orders"]
    assert ran.json["path"] == str(profile)


async def test_polling_for_a_while_sees_what_changes_meanwhile(cockpit: Cockpit, profile: Path, front: Any) -> None:
    running = asyncio.ensure_future(cockpit("check", profile, "--for", "2.5s", "--json"))
    await asyncio.to_thread(front.asked.wait, 20)
    front.status = 503
    seen = (await running).json
    assert seen["readings"][0]["severity"] == "crit"


async def test_a_profile_with_problems_is_told_line_by_line_and_exit_code_64(cockpit: Cockpit, profile: Path) -> None:
    put(profile, 'system = "shop"\nenvironment = "x"\n[[databases]]\n[[redis]]\nname = "R"\nurl = 4\n')
    ran = await cockpit("check", "shop")
    assert (ran.code, ran.out) == (64, "")
    assert ran.err.splitlines() == [
        f'{profile}:3:3: databases: unknown key; did you mean "database"?',
        f"{profile}:5:1: redis[0].name: must be a short name of lower-case letters, digits, dots, dashes and "
        "underscores",
        f"{profile}:6:1: redis[0].url: must be text, or a reference: env:NAME, file:PATH or cmd:COMMAND",
    ]


async def test_a_secret_shows_in_no_output(cockpit: Cockpit, profile: Path, password: str, dsn: str) -> None:
    wrong = dsn.replace(password, "n0t-the-passw0rd")
    right: dict[str, str] = {}
    for env in (right, {"SHOP_DSN": wrong, "SHOP_REDIS": "redis://:n0t-the-passw0rd@127.0.0.1:1/0"}):
        for command in (["check"], ["doctor", "--json"]):
            ran = await cockpit(*command, profile, env=env)
            assert password not in ran.out + ran.err
            assert "n0t-the-passw0rd" not in ran.out + ran.err


async def test_the_catalogue_lists_every_action_with_its_key_tier_and_source(cockpit: Cockpit, profile: Path) -> None:
    ran = await cockpit("actions", "shop")
    assert ran.code == 0
    rows = [re.split(r"\s{2,}", line) for line in ran.out.splitlines()]
    assert rows[0] == ["ACTION", "KEY", "TIER", "SOURCE"]
    found = {row[0]: row[1:] for row in rows[1:]}
    assert found["database.terminate"][:3] == ["K", "T2", "database/orders"]
    assert found["redis.flush"][:3] == ["F", "T3", "redis/cache"]
    assert found["revisions.rollback"][2] == "-"
    assert found["revisions.rollback"][3].startswith("not available: this profile has no revisions source")


async def test_the_json_of_the_catalogue_has_the_documented_keys(cockpit: Cockpit, profile: Path) -> None:
    listed = (await cockpit("actions", "shop", "--json")).json
    assert list(listed) == ["system", "environment", "actions"]
    cancel = next(action for action in listed["actions"] if action["id"] == "database.cancel")
    assert (cancel["key"], cancel["tier"], cancel["available"], cancel["reason"]) == ("C", "T1", True, "")
    assert cancel["params"][0]["name"] == "pid" and cancel["params"][0]["identity"] is True
    split = next(action for action in listed["actions"] if action["id"] == "revisions.split")
    assert (split["available"], split["source"]) == (False, None)


async def test_doctor_tells_of_each_source_what_it_found(cockpit: Cockpit, profile: Path) -> None:
    ran = await cockpit("doctor", "shop", "--json")
    assert ran.code in (0, 1)
    sources = {source["source"]: source for source in ran.json["sources"]}
    assert list(sources) == ["cockpit", "health/api", "database/orders", "redis/cache"]
    for name in ("health/api", "database/orders", "redis/cache"):
        assert sources[name]["reachable"] is True
        assert sources[name]["latency_ms"] > 0
        assert sources[name]["checks"]
        assert all(check["fix"] for check in sources[name]["checks"] if check["ok"] is False)


async def test_doctor_tells_how_far_the_runbook_is_ready(cockpit: Cockpit, profile: Path) -> None:
    put(
        profile.parent / "RUNBOOK.md", "# R\n\n## Do it\n\n```bash\nredis-cli INFO memory\nsystemctl restart x\n```\n"
    )
    edit(profile, "[[health]]", '[runbook]\nfiles = ["RUNBOOK.md"]\n[[health]]')
    ran = await cockpit("doctor", "shop", "--json")
    assert ran.code == 1, "nobody has accepted it"
    (runbook,) = (source for source in ran.json["sources"] if source["source"] == "runbook")
    checks = {check["check"]: check for check in runbook["checks"]}
    assert checks["RUNBOOK.md"]["detail"].endswith("2 commands, 1 live, 0 native, 1 as scripts, 0 by hand")
    assert (checks["accepted"]["ok"], "press r" in checks["accepted"]["fix"]) == (None, True)
    told = await cockpit("check", "shop", "--config-only")
    assert "1 runbook" in told.out


async def test_doctor_says_what_is_wrong_and_what_to_do(installed: Cockpit, profile: Path, tmp_path: Path) -> None:
    secret = tmp_path / "dsn"
    put(secret, "postgresql://x@127.0.0.1:1/x", mode=0o644)
    edit(profile, "env:SHOP_DSN", f"file:{secret}", mode=0o666)
    ran = await installed("doctor", "shop", env={"SHOP_REDIS": "redis://127.0.0.1:1/0"})
    assert ran.code == 2
    assert f"→ chmod 600 {secret}" in ran.out
    assert f"→ chmod o-w {profile}" in ran.out
    assert "✖ CRIT" in ran.out.partition("redis/cache")[2]
    assert "● ok" in ran.out.partition("health/api")[2].partition("database/orders")[0]


async def test_sigterm_ends_a_long_check_in_order(start: Cockpit, profile: Path, front: Any) -> None:
    process = await start("check", "shop", "--for", "10m")
    assert await asyncio.to_thread(front.asked.wait, 20)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (143, b"", b"terminated\n")


async def test_ctrl_c_ends_a_long_check_in_order(start: Cockpit, profile: Path, front: Any) -> None:
    process = await start("check", "shop", "--for", "10m")
    assert await asyncio.to_thread(front.asked.wait, 20)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(40):
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"\ninterrupted\n")
