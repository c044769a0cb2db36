"""The shop's database: its roles, tables and rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from cockpit.sandbox.shape import Shape

APPLICATION_ROLE = "shop"
BATCH_ROLE = "batch"
ONCALL_ROLE = "oncall"  # what the cockpit connects as: sees everything, may end sessions, owns nothing
STATUS_DEADLINE_S = 30.0


def statement(name: str) -> str:
    """The text of one .sql file beside this module."""
    return Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")


async def prepare(superuser_dsn: str, shop_dsn: str, passwords: Mapping[str, str], shape: Shape) -> None:
    """Create the roles, the database and its rows, and the tables that this system has besides. `passwords` are by
    role.
    """
    admin = await asyncpg.connect(superuser_dsn, timeout=STATUS_DEADLINE_S)
    try:
        for role, password in passwords.items():
            # DDL takes no parameters: the server itself quotes the literal.
            sentence = await admin.fetchval("SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)",
                                            role, password)  # fmt: skip
            await admin.execute(sentence)
        await admin.execute("GRANT pg_monitor, pg_signal_backend TO oncall")
        if admin.get_server_version().major >= 16:
            await admin.execute("GRANT pg_use_reserved_connections TO oncall")
        sentence = await admin.fetchval("SELECT format('CREATE DATABASE %I OWNER shop', $1::text)", shape.database)
        await admin.execute(sentence)
    finally:
        await admin.close()
    owner = await asyncpg.connect(shop_dsn, timeout=STATUS_DEADLINE_S)
    try:
        await owner.execute(statement("schema"))
        if (more := Path(__file__).with_name("systems") / f"{shape.system}.sql").is_file():
            await owner.execute(more.read_text(encoding="utf-8"))
        await owner.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO batch")
        await owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO oncall")
    finally:
        await owner.close()
