"""All Cloud Run services of a project, in every region at once: v1 lists them under `locations/-`, v2 does not
(https://cloud.google.com/run/docs/reference/rest/v1/projects.locations.services/list).
"""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.adapters.gcp.runwire import Json, number, objects, part, text
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.model.revisions import ServiceBrief

SERVICES = 500
_REGION = "cloud.googleapis.com/location"
_STATES = {"True": "ready", "False": "failed", "Unknown": "deploying"}


async def services_of(api: GoogleApi, project: str) -> tuple[Sequence[ServiceBrief], Sequence[str]]:
    """Them by region and name, at most 500, and the regions that did not answer. Raises CockpitError."""
    found: list[ServiceBrief] = []
    silent: dict[str, None] = {}
    query = {"limit": "100"}
    while len(found) < SERVICES:
        answer = await api.get(f"/v1/projects/{project}/locations/-/services", query)
        found += [brief_of(each) for each in objects(answer.get("items"))]
        unreachable = answer.get("unreachable")
        silent |= dict.fromkeys(text(each, 60) for each in unreachable) if isinstance(unreachable, list) else {}
        following = text(part(answer, "metadata").get("continue"), 4000)
        if not following:
            break
        query = {**query, "continue": following}
    found.sort(key=lambda each: (each.region, each.name))
    return found[:SERVICES], [each for each in silent if each]


def brief_of(service: Json) -> ServiceBrief:
    """One Knative service; what is missing is empty."""
    metadata, status = part(service, "metadata"), part(service, "status")
    ready = next((each for each in objects(status.get("conditions")) if each.get("type") == "Ready"), {})
    state = _STATES.get(str(ready.get("status")), "unknown")
    settled = number(status.get("observedGeneration")) == number(metadata.get("generation"))
    said = ": ".join(filter(None, (text(ready.get("reason"), 80), text(ready.get("message"), 200))))
    return ServiceBrief(
        text(metadata.get("name"), 120),
        text(part(metadata, "labels").get(_REGION), 60),
        state if settled else "deploying",
        "" if state == "ready" else said,
        text(status.get("latestReadyRevisionName"), 120),
        text(status.get("url")),
    )
