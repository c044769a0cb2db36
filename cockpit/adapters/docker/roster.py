"""Which containers a project has on the engine, and which of them the profile wants seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cockpit.adapters.docker.facts import LABEL, is_oneoff, labels_of, service_of
from cockpit.adapters.raw import Json, text

if TYPE_CHECKING:
    from cockpit.adapters.docker.gateway import Gateway


async def listed_of(gateway: Gateway, project: str) -> list[Json]:
    """All of the project, those that ended too. What the engine's filter lets through wrongly is left out."""
    wanted = f"{LABEL}project"
    filters = json.dumps({"label": [f"{wanted}={project}"]})
    found = await gateway.listed("/containers/json", {"all": "true", "filters": filters})
    return [each for each in found if labels_of(each).get(wanted) == project and text(each.get("Id"), 64)]


def chosen(listed: Sequence[Json], services: Sequence[str]) -> list[Json]:
    """Those of the services, of all of them where none is named: by service and number, one-off ones last."""
    kept = [each for each in listed if not services or service_of(labels_of(each)) in services]
    order = {name: place for place, name in enumerate(services)}
    return sorted(kept, key=lambda each: _place(each, order))


def _place(each: Json, order: dict[str, int]) -> tuple[bool, int, str, int, str]:
    labels = labels_of(each)
    service, count = service_of(labels), str(labels.get(f"{LABEL}container-number", ""))
    at = int(count) if count.isascii() and count.isdigit() and len(count) < 7 else 0
    return is_oneoff(labels), order.get(service, len(order)), service, at, text(each.get("Id"), 64)
