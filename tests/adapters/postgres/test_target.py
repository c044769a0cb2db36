"""Where to connect is found as libpq finds it, and nothing on the way shows a password."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from cockpit.adapters.postgres.conninfo import parse
from cockpit.adapters.postgres.target import Target, resolve_target
from cockpit.errors import Misconfigured
from cockpit.profile.schema import DatabaseSource


async def resolved(environ: dict[str, str], dsn: str | None = None, service: str | None = None) -> Target:
    if dsn is not None:
        environ = {**environ, "DSN": dsn}
    source = DatabaseSource(name="main", dsn="env:DSN" if dsn is not None else None, service=service)
    return await resolve_target(source, environ)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PGSYSCONFDIR": str(home / "etc")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://", {}),
        ("postgresql://db", {"host": "db"}),
        ("postgres://u:p%40ss@db:5433/shop", {
            "user": "u", "password": "p@ss", "host": "db", "port": "5433", "dbname": "shop"}),
        ("postgresql://u@a:1,b:2/shop?target_session_attrs=primary", {
            "user": "u", "host": "a,b", "port": "1,2", "dbname": "shop", "target_session_attrs": "primary"}),
        ("postgresql://[::1]:5433/x", {"host": "::1", "port": "5433", "dbname": "x"}),
        ("postgresql://%2Fvar%2Frun/x", {"host": "/var/run", "dbname": "x"}),
        ("postgresql:///x?host=/tmp&ssl=true", {"host": "/tmp", "dbname": "x", "sslmode": "require"}),
        ("postgresql://u:p?w#1@db/x", {"user": "u", "password": "p?w#1", "host": "db", "dbname": "x"}),
        ("host=db dbname = 'my shop' password='it\\'s \\\\'  user=u\\ v", {
            "host": "db", "dbname": "my shop", "password": "it's \\", "user": "u v"}),
        ("host='' port=5433", {"host": "", "port": "5433"}),
        ("", {}),
    ],
)  # fmt: skip
def test_connection_strings_mean_what_they_mean_to_libpq(text: str, expected: dict[str, str]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hunter2", "neither"),
        ("host=db password='hunter2", "quote"),
        ("postgresql://u:hunter2@db/x?sslmod=require", "did you mean sslmode"),
        ("postgresql+asyncpg://u:hunter2@db/x", "without a driver name"),
        ("postgresql://u:hunter2@db/x?channel_binding=require", "cannot enforce"),
        ("postgresql://u:hunter2@db/x?require_auth=scram-sha-256", "cannot enforce"),
        ("postgresql://u:hunter2@[::1/x", "IPv6"),
        ("postgresql://u:hunter2%FF@db/x", "UTF-8"),
        ("postgresql://u:hunter2@db/x?broken", "name=value"),
    ],
)
def test_a_broken_connection_string_is_explained_without_being_shown(text: str, says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        parse(text)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_the_string_beats_the_service_and_the_service_beats_the_environment(
    environ: dict[str, str], home: Path
) -> None:
    (home / ".pg_service.conf").write_text(
        "# shop\n[other]\nhost=no\n[shop]\nhost=svc\nport=6000\nuser=fromservice\n"
    )
    environ |= {"PGUSER": "fromenv", "PGDATABASE": "dbenv", "PGPORT": "1"}
    target = await resolved(environ, "postgresql://string/?service=shop")
    assert (target.addresses[0].host, target.addresses[0].port) == ("string", 6000)
    assert (target.user, target.database) == ("fromservice", "dbenv")
    assert (await resolved(environ, service="shop")).addresses[0].host == "svc"
    assert (await resolved({**environ, "PGSERVICE": "other"})).addresses[0].host == "no"


async def test_a_service_is_looked_up_in_the_system_folder_and_missing_ones_are_named(
    environ: dict[str, str], home: Path
) -> None:
    (home / "etc").mkdir()
    (home / "etc" / "pg_service.conf").write_text("[shop]\nhost=system\n")
    assert (await resolved(environ, service="shop")).addresses[0].host == "system"
    with pytest.raises(Misconfigured, match="nowhere is not defined"):
        await resolved(environ, service="nowhere")
    with pytest.raises(Misconfigured, match="does not exist"):
        await resolved({**environ, "PGSERVICEFILE": str(home / "none")}, service="shop")
    (home / "own").write_text("[shop]\nhost=own\nservice=nested\n")
    with pytest.raises(Misconfigured, match="line 3"):
        await resolved({**environ, "PGSERVICEFILE": str(home / "own")}, service="shop")


async def test_the_password_file_is_matched_per_host_with_escapes_and_wildcards(
    environ: dict[str, str], home: Path
) -> None:
    file = home / ".pgpass"
    file.write_text("# comment\na:5432:shop:app:first\n*:5433:*:app:sec\\:on\\\\d:tail\nlocalhost:*:*:*:socket\n")
    file.chmod(0o600)
    target = await resolved(environ, "postgresql://app@a:5432,b:5433,c:1/shop")
    assert [address.password.reveal() for address in target.addresses] == ["first", "sec:on\\d:tail", ""]
    local = await resolved(environ, "host=/var/run/postgresql user=x")
    assert local.addresses[0].password.reveal() == "socket"
    assert "first" not in repr(target)
    given = await resolved({**environ, "PGPASSWORD": "env"}, "postgresql://app@a/shop")
    assert given.addresses[0].password.reveal() == "env"


async def test_a_password_file_that_others_can_read_is_not_used_and_that_is_said(
    environ: dict[str, str], home: Path
) -> None:
    file = home / "secrets"
    file.write_text("*:*:*:*:hunter2\n")
    file.chmod(0o644)
    target = await resolved({**environ, "PGPASSFILE": str(file)}, "postgresql://app@a/shop")
    assert target.addresses[0].password.reveal() == ""
    assert target.notes and "chmod 600" in target.notes[0]


async def test_defaults_are_the_account_its_database_and_a_local_server(environ: dict[str, str]) -> None:
    target = await resolved(environ)
    account = pwd.getpwuid(os.geteuid()).pw_name
    assert (target.user, target.database, target.sslmode) == (account, account, "prefer")
    assert target.addresses[0].port == 5432
    assert target.addresses[0].is_socket or target.addresses[0].host == "localhost"


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("host=a,b port=1,2,3", "3 ports for 2 hosts"),
        ("host=a port=x", "not a number"),
        ("host=a port=70000", "between 1 and 65535"),
        ("host=a sslmode=sometimes", "one of disable"),
        ("host=a hostaddr=127.0.0.1 sslmode=verify-full", "could not be checked"),
        ("host=a sslmode=require sslrootcert=system", "verify-full"),
        ("host=a connect_timeout=soon", "whole number"),
    ],
)
async def test_what_cannot_be_meant_is_refused(environ: dict[str, str], dsn: str, says: str) -> None:
    with pytest.raises(Misconfigured, match=says):
        await resolved(environ, dsn)


async def test_the_psql_command_names_the_target_and_not_the_password(environ: dict[str, str]) -> None:
    target = await resolved(environ, "postgresql://app:hunter2@db:5433/shop")
    command = target.psql(target.addresses[0], "SELECT 'x'")
    assert command == """psql -h db -p 5433 -U app -d shop -c 'SELECT '"'"'x'"'"''"""
    strict = await resolved(environ, "postgresql://app@db/shop?sslmode=require")
    assert strict.psql(strict.addresses[0], "x") == "PGSSLMODE=require psql -h db -p 5432 -U app -d shop -c x"
    assert target.label(target.addresses[0]) == "db:5433/shop"
