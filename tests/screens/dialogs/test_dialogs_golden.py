"""How the plan card looks, as text.

`COCKPIT_REWRITE_GOLDEN=1 pytest tests/screens/dialogs` writes the dumps anew: look at the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cockpit.clock import ManualClock
from cockpit.model.action import Change, Grant, Permission, Refusal, Tier
from screens.dialogs.plan_card import PlanCard

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
DENIED = Permission(Grant.DENIED, "pg_signal_backend", "GRANT pg_signal_backend TO cockpit")
REFUSED = (
    Refusal("permission", "missing: pg_signal_backend", DENIED.how),
    Refusal(
        "freshness", "the reading of database/main is 44 s old", "Wait for a fresh reading, or ctrl+r to ask again"
    ),
)
ROLLBACK = {
    "title": "Roll back to checkout-00141",
    "target": "checkout on Cloud Run shop-prod/europe-west1",
    "changes": (
        Change("traffic of checkout-00142", "100 %", "0 %"),
        Change("traffic of checkout-00141", "0 %", "100 %"),
    ),
    "objects": (),
    "count": 1,
    "population": 0,
    "affected": "100 % of the traffic of checkout",
    "operation": ("PATCH https://run.googleapis.com/v2/projects/shop-prod/locations/europe-west1/services/checkout",),
    "equivalent": ("gcloud run services update-traffic checkout --to-revisions checkout-00141=100",),
    "dry_run": "validateOnly: accepted",
    "warnings": ("The template still holds the bad image: a template change would deploy it again.",),
}
CASES: dict[str, dict[str, Any]] = {
    "T1": {"tier": Tier.T1},
    "T2": {"tier": Tier.T2, **ROLLBACK},
    "T3": {"tier": Tier.T3},
    "T4": {"tier": Tier.T4},
    "refused": {"permission": DENIED},
    "observe": {},
}


def shown(table: Any) -> str:
    return "\n".join(line.rstrip() for line in table.text.splitlines()).strip("\n") + "\n"


SEEN = [*((case, "80x24") for case in CASES), ("T2", "120x40"), ("T3", "120x40"), ("refused", "120x40")]


@pytest.mark.parametrize(("case", "size"), SEEN)
async def test_the_plan_card_looks_as_agreed(
    stage: Any, plan_of: Any, sheet_of: Any, clock: ManualClock, case: str, size: str
) -> None:
    path = GOLDEN / f"plan_{case}_{size}.txt"
    agreed = path.read_text() if path.exists() else ""
    refusals = REFUSED if case == "refused" else ()
    sheet = sheet_of(plan_of(**CASES[case]), refusals, needs_arming=case == "observe")
    async with stage(SIZES[size]) as table:
        await table.open(PlanCard(sheet, clock, table.app.copy_text))
        await table.pass_time(1.0)
        for _ in range(200):  # parts get their sizes one after the other, on a loaded machine late
            await table.pilot.pause(0.005)
            if (text := shown(table)) == agreed:
                break
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        agreed = text
    assert text == agreed
