"""Functions that a statement of others must not call: those that the server knows as volatile."""

from __future__ import annotations

from typing import Any

from cockpit.adapters.postgres.queries import Query
from cockpit.errors import Refused
from cockpit.model.sql import NotOne, called
from cockpit.text import clean

# Declared volatile, yet they only tell: sizes, clocks, chance, the state of replication.
_TELLING = (
    "random clock_timestamp timeofday gen_random_uuid pg_relation_size pg_table_size pg_total_relation_size "
    "pg_indexes_size pg_database_size pg_tablespace_size pg_blocking_pids pg_safe_snapshot_blocking_pids "
    "pg_is_in_recovery pg_last_wal_replay_lsn pg_last_wal_receive_lsn pg_last_xact_replay_timestamp "
    "pg_current_wal_lsn pg_current_wal_insert_lsn pg_stat_statements pg_lock_status pg_prepared_xact "
    "pg_stat_get_wal_senders pg_sequence_last_value"
)
_HARMLESS = frozenset(_TELLING.split())


async def refuse_volatile(connection: Any, text: str) -> None:
    """A READ ONLY transaction does not keep a function from ending sessions or writing files: its name must not
    stand there. The server knows which ones are declared volatile. Raises Refused."""
    try:
        names = called(text)
    except NotOne as error:
        raise Refused("parameters", f"the statement is not run: {error}") from None
    if not names:
        return
    found = await connection.fetch(Query.VOLATILE.sql, list(names))
    active = sorted({clean(row["name"], 80) for row in found} - _HARMLESS)
    if active:
        raise Refused(
            "precondition",
            f"it calls {', '.join(active[:3])}, which may change something: nothing was run",
            hint="only functions that the server knows as stable or immutable are called from here",
        )
