"""What stands below a Cloud SQL instance: replicas, databases, maintenance, and nothing of what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from cockpit.model.cloudsql import CloudSqlStatus
from cockpit.model.memorystore import MemorystoreStatus
from screens.panes.managed import memorystore_rows, sql_rows

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


BARE = CloudSqlStatus("p", "db", "RUNNABLE", "ALWAYS", "POSTGRES_16", "db-custom-2-8192", "7")
STORE = MemorystoreStatus("p", "r", "cache", "projects/p/locations/r/instances/cache", "READY", "BASIC", 2)
KEY = partial("{}|{}".format, "x")


def told(status: CloudSqlStatus) -> list[str]:
    """Each row in words."""
    return [row.text.strip() for row in sql_rows(status, KEY, NOW.timestamp(), sunk=False)]


def test_what_is_not_known_has_no_row() -> None:
    assert told(BARE) == []


def test_replicas_and_databases_are_counted_and_named() -> None:
    names = ("shop-db-replica-europe-west1", "shop-db-replica-us-east1")
    assert told(replace(BARE, replicas=names, databases=("postgres", "shop"))) == [
        f"replicas  2  {', '.join(names)}",
        "databases  2  postgres, shop",
    ]


def test_maintenance_that_is_planned_and_its_window() -> None:
    at = NOW + timedelta(hours=20)
    assert told(replace(BARE, maintenance_window="Sunday 03:00 UTC")) == [
        "maintenance  none planned  window Sunday 03:00 UTC"
    ]
    assert told(replace(BARE, maintenance_at=at, maintenance_window="Sunday 03:00 UTC")) == [
        "maintenance  in 20 h  window Sunday 03:00 UTC"
    ]
    assert told(replace(BARE, maintenance_at=at)) == ["maintenance  in 20 h"]
    (row,) = memorystore_rows(replace(STORE, maintenance_window="Sunday 02:00 UTC"), KEY, NOW.timestamp(), sunk=False)
    assert row.text.strip() == "maintenance  none planned  window Sunday 02:00 UTC"
