"""Where psql and redis-cli of a command would go."""

from __future__ import annotations

import pytest

from cockpit.model.command import Call
from cockpit.model.reach import postgres_reach, redis_reach
from cockpit.runbooks.shell.blocks import commands_of


def _call(text: str) -> Call:
    return commands_of(text, language="bash", line=1)[0].calls[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("psql -c 'SELECT 1'", {}),
        ("psql -h db-1 -p 6432 -U app shop -c 'SELECT 1'", {"host": "db-1", "port": "6432", "database": "shop"}),
        ("psql -h db-1 -p 5432 -d shop -c 'SELECT 1'", {"host": "db-1", "database": "shop"}),
        (
            "psql postgresql://app:x@Db-2:6432/shop?sslmode=require -c 'SELECT 1'",
            {"host": "db-2", "port": "6432", "database": "shop"},
        ),
        (
            "psql -d 'host=db-3 dbname=shop port=5433' -c 'SELECT 1'",
            {"host": "db-3", "port": "5433", "database": "shop"},
        ),
        ("psql 'service=shop' -c 'SELECT 1'", {"dsn_service": "shop"}),
        ("psql \"$REPLICA_URL\" -c 'SELECT 1'", {"database": "$REPLICA_URL"}),
        ("docker exec -it db psql -d shop -c 'SELECT 1'", {"container": "db", "database": "shop"}),
    ],
)
def test_psql_goes_where_its_flags_and_connection_string_say(text: str, expected: dict[str, str]) -> None:
    found = postgres_reach(_call(text))
    assert {key: value for key, value in found.items() if key != "user"} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis-cli DBSIZE", {}),
        ("redis-cli -h cache -p 6380 -n 3 DBSIZE", {"host": "cache", "port": "6380", "database": "3"}),
        ("redis-cli -u redis://app:x@other:6380/3 DBSIZE", {"host": "other", "port": "6380", "database": "3"}),
        ("redis-cli -u redis://other DBSIZE", {"host": "other", "port": "6379"}),
        ("redis-cli -s /run/redis.sock DBSIZE", {"path": "/run/redis.sock"}),
        ("docker exec cache redis-cli -n 1 DBSIZE", {"container": "cache", "database": "1"}),
    ],
)
def test_redis_cli_goes_where_its_flags_say(text: str, expected: dict[str, str]) -> None:
    assert redis_reach(_call(text)) == expected
