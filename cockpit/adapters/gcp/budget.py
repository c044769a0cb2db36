"""Quotas are shared by everybody in a Google Cloud project: reads of each API are counted, for all of this process.

Where they are used up, polls wait. An action's own reads count too, and are never held back: what the cockpit grants
itself is a part of what Google grants a project, so that there is always some left for them. Of any API it is also
remembered when it asked to wait, so that nobody in this process asks before.

| API | of the cockpit, a minute | Google's default for a project, a minute | said in |
|---|---|---|---|
| logging | 60 | 60, of late 120 | cloud.google.com/logging/quotas |
| monitoring | 300 | thousands | cloud.google.com/monitoring/quotas |
| run | 300 | counted by region; the console has the number | cloud.google.com/run/quotas |
| sqladmin | 90 | 180 of one user, refused already at the rate of seconds | cloud.google.com/sql/docs/quotas |
| redis | 300 | 3000 | cloud.google.com/memorystore/docs/redis/quotas |
| compute | 300 | 1500 | cloud.google.com/compute/api-quota |
| secretmanager | 240 | 600, values not among them | cloud.google.com/secret-manager/quotas |
| cloudresourcemanager | 60 | 240 (4 a second) | cloud.google.com/resource-manager/docs/limits |

Nothing polls the Resource Manager: its reads are the preflights of actions.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from cockpit.adapters.quota import READS_PER_MINUTE, Hold
from cockpit.adapters.quota import ReadBudget as ReadBudget

READS = {
    "run": 300,
    "sqladmin": 90,
    "redis": 300,
    "compute": 300,
    "secretmanager": 240,
    "cloudresourcemanager": 60,
}
READS_HERE = 6000  # of an API that is played on this machine, which nobody shares


_budgets: dict[tuple[str, str], ReadBudget] = {}


def budget_of(base_url: str, project: str, limit: int = READS_PER_MINUTE) -> ReadBudget:
    """The one budget of a project at one API in this process, whoever reads; the first who asks sets its limit."""
    return _budgets.setdefault((base_url, project), ReadBudget(limit))


def reads_of(service: str, base_url: str, project: str, *, simulated: bool) -> ReadBudget | None:
    """That of an API whose reads the transport counts; None for one that counts them itself, or has no quota known.

    Some endpoints serve several APIs: each has its own.
    """
    limit = READS.get(service)
    if limit is None:
        return None
    return budget_of(f"{service} {base_url}", project, READS_HERE if simulated else limit)


_holds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Hold]] = WeakKeyDictionary()


def hold_of(api: str, project: str) -> Hold:
    """The one of an API and project, whoever asks: of this event loop, of which a process has one."""
    return _holds.setdefault(asyncio.get_running_loop(), {}).setdefault((api, project), Hold())
