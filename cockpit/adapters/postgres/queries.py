"""The SQL texts, one statement a file, read once at import."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from importlib.resources import files

_FOLDER = files(__package__).joinpath("sql")


class Query(enum.Enum):
    """Every statement that this adapter ever sends; values are bound, never written in."""

    IDENTIFY = "identify"
    LIMITS = "limits"
    SEARCH_PATH = "search_path"
    SESSIONS = "sessions"
    GROUPS = "groups"
    TOTALS = "totals"
    LOCKS = "locks"
    PREPARED = "prepared"
    STATEMENTS = "statements"
    PERMISSION = "permission"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    TERMINATE_IDLE = "terminate_idle"
    BOUNDS = "bounds"
    VOLATILE = "volatile"
    TABLE = "table"
    TABLES = "tables"
    TRANSACTIONS = "transactions"

    def __init__(self, name: str) -> None:
        self.sql = _FOLDER.joinpath(f"{name}.sql").read_text(encoding="utf-8")
        # Without the comment, for the eyes of an operator.
        self.body = "\n".join(line for line in self.sql.splitlines() if not line.startswith("--"))


def shown(query: Query, pid: int, backend_start: datetime, seconds: float | None = None) -> str:
    """An ending statement in one line with its values written in: for eyes and for psql, never for the driver.

    The values are an integer, a moment and a number, made into text here: nothing from outside gets in.
    """
    values = {"$1": str(int(pid)), "$2": f"'{backend_start.astimezone(UTC).isoformat(sep=' ')}'"}
    if seconds is not None:
        values["$3"] = f"{float(seconds):g}"
    text = " ".join(query.body.split())
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
