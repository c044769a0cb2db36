"""`cockpit check` waits for the profile's own queries, which run beside the poll."""

from __future__ import annotations

from pathlib import Path

from .conftest import Cockpit


async def test_one_look_has_what_the_queries_say(cockpit: Cockpit, tmp_path: Path, database_dsn: str) -> None:
    dsn = tmp_path / "dsn"
    dsn.write_text(database_dsn, encoding="utf-8")
    dsn.chmod(0o600)
    path = tmp_path / "shop.toml"
    path.write_text(
        f"""system = "shop"
environment = "test"

[[database]]
name = "main"
dsn = "file:{dsn}"

[[database.panel]]
title = "Three"
query = "SELECT n FROM generate_series(1, 3) AS n"
of = "rows"
warn = "> 2"

[[database.panel]]
title = "Gone"
query = "SELECT 1 FROM nowhere"
""",
        encoding="utf-8",
    )
    result = await cockpit("check", str(path), "--json")
    assert result.code == 1, result.err
    (finding,) = [each for each in result.json["findings"] if each["rule"] == "sql-bound"]
    assert finding["text"] == "Three is 3, > 2" and "generate_series" in finding["evidence"][0]
    (source,) = result.json["readings"]
    three, gone = source["queries"]
    assert (three["said"], three["severity"]) == ("3", "warn") and "nowhere" in gone["problem"]
