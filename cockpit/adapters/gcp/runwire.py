"""Cloud Run v2 JSON <-> our values (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services).

int64 fields may come as strings, absent fields mean their zero, names are full resource names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cockpit.errors import Malformed
from cockpit.model.revisions import (
    Condition,
    Revision,
    Scaling,
    ServingShare,
    TemplateFacts,
    TrafficTarget,
    repository,
)
from cockpit.text import clean

Json = Mapping[str, Any]

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_INT64 = 1 << 63

_CONDITIONS = {
    "CONDITION_SUCCEEDED": "ok",
    "CONDITION_FAILED": "failed",
    "CONDITION_PENDING": "pending",
    "CONDITION_RECONCILING": "pending",
}
_CONDITIONS_KEPT = 20
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
INGRESS_WIRE = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-cloud-load-balancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}


def text(value: object, limit: int = 400) -> str:
    """A cleaned text, "" for what is none."""
    return clean(value, limit) if isinstance(value, str) else ""


def number(value: object) -> int:
    """An int64 that may be written as a string; 0 for none."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT64 else 0


def moment(value: object) -> datetime | None:
    """An RFC 3339 time; None for what is none, or so far off that it cannot be told in every time zone."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if not 1 < found.year < 9999:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def objects(value: object) -> list[Json]:
    """The objects of a list."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def part(value: Json, key: str) -> Json:
    """A nested object, empty for none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def short(name: object) -> str:
    """The last segment of a resource name."""
    return text(name).rpartition("/")[2]


def targets_of(service: Json) -> tuple[TrafficTarget, ...]:
    """`traffic`. An empty list means 100 % to the latest ready revision."""
    found = tuple(
        TrafficTarget(
            "" if entry.get("type") == LATEST else short(entry.get("revision")),
            number(entry.get("percent")),
            text(entry.get("tag"), 80),
        )
        for entry in objects(service.get("traffic"))
    )
    return found or (TrafficTarget("", 100),)


def targets_json(targets: Sequence[TrafficTarget]) -> list[dict[str, object]]:
    """`traffic` as it is sent: tag-only entries have percent 0."""
    entries: list[dict[str, object]] = []
    for target in targets:
        entry: dict[str, object] = {"type": LATEST if target.latest else REVISION, "percent": target.percent}
        if not target.latest:
            entry["revision"] = target.revision
        if target.tag:
            entry["tag"] = target.tag
        entries.append(entry)
    return entries


def serving_of(service: Json) -> tuple[ServingShare, ...]:
    """`trafficStatuses`, LATEST resolved by latestReadyRevision."""
    latest = short(service.get("latestReadyRevision"))
    shares: list[ServingShare] = []
    for entry in objects(service.get("trafficStatuses")):
        follows = entry.get("type") == LATEST
        revision = short(entry.get("revision")) or (latest if follows else "")
        shares.append(
            ServingShare(
                revision, number(entry.get("percent")), text(entry.get("tag"), 80), follows, text(entry.get("uri"))
            )
        )
    return tuple(shares)


def scaling_of(service: Json) -> Scaling:
    """Service-level `scaling`."""
    scaling = part(service, "scaling")
    manual = scaling.get("manualInstanceCount")
    return Scaling(
        number(scaling.get("minInstanceCount")),
        number(scaling.get("maxInstanceCount")),
        text(scaling.get("scalingMode"), 40),
        None if manual is None else number(manual),
    )


def scaling_json(scaling: Scaling) -> dict[str, object]:
    """`scaling` as it is sent with updateMask=scaling: what is left out becomes unset."""
    sent: dict[str, object] = {}
    if scaling.min_instances:
        sent["minInstanceCount"] = scaling.min_instances
    if scaling.max_instances:
        sent["maxInstanceCount"] = scaling.max_instances
    if scaling.mode:
        sent["scalingMode"] = scaling.mode
    if scaling.manual_instances is not None:
        sent["manualInstanceCount"] = scaling.manual_instances
    return sent


def serving_container(holder: Json) -> Json:
    """The container that requests go to: the one with a port, beside sidecars; else the first. Empty for none."""
    containers = objects(holder.get("containers"))
    return next((each for each in containers if each.get("ports")), containers[0] if containers else {})


def image_of(holder: Json) -> str:
    """The image of the container that serves requests."""
    return text(serving_container(holder).get("image"))


def limits_of(holder: Json) -> tuple[str, str]:
    """Memory and CPU of the container that serves requests, "" where unset."""
    limits = part(part(serving_container(holder), "resources"), "limits")
    return text(limits.get("memory"), 40), text(limits.get("cpu"), 40)


def secrets_of(holder: Json) -> tuple[tuple[str, str], ...]:
    """Name and version of each secret that a template reads, as variable or as file."""
    found: list[tuple[str, str]] = []
    for container in objects(holder.get("containers")):
        for variable in objects(container.get("env")):
            reference = part(part(variable, "valueSource"), "secretKeyRef")
            found.append((short(reference.get("secret")), text(reference.get("version"), 40) or "latest"))
    for volume in objects(holder.get("volumes")):
        secret = part(volume, "secret")
        versions = [text(item.get("version"), 40) for item in objects(secret.get("items"))]
        found += [(short(secret.get("secret")), version or "latest") for version in versions or [""]]
    return tuple(dict.fromkeys((name, version) for name, version in found if name))


def facts_of(template: Json) -> TemplateFacts:
    """What else the template says; of its variables the names."""
    variables = [text(each.get("name"), 120) for each in objects(serving_container(template).get("env"))]
    timeout = text(template.get("timeout"), 40).removesuffix("s")
    return TemplateFacts(
        number(template.get("maxInstanceRequestConcurrency")),
        float(timeout) if _SECONDS.fullmatch(timeout) else 0.0,
        text(template.get("serviceAccount"), 200),
        tuple(name for name in variables if name),
    )


def conditions_of(service: Json) -> tuple[Condition, ...]:
    """`terminalCondition`, then `conditions`; one that speaks of the past alone (severity INFO) is left out."""
    entries = [part(service, "terminalCondition"), *objects(service.get("conditions"))][:_CONDITIONS_KEPT]
    return tuple(
        Condition(
            text(each.get("type"), 60),
            _CONDITIONS.get(str(each.get("state")), "unknown"),
            _why(each),
            moment(each.get("lastTransitionTime")),
        )
        for each in entries
        if text(each.get("type")) and each.get("severity") != "INFO"
    )


def _why(condition: Json) -> str:
    reason = text(condition.get("revisionReason")) or text(condition.get("reason"))
    message = text(condition.get("message"), 200)
    return f"{reason}: {message}" if reason and message else reason or message


def ingress_of(service: Json) -> str:
    """In gcloud's words; "" for one that is not known."""
    return next((word for word, wire in INGRESS_WIRE.items() if wire == service.get("ingress")), "")


def state_of_service(service: Json) -> tuple[str, str]:
    """State ("ready", "failed", "deploying", "unknown") and reason."""
    condition = part(service, "terminalCondition")
    why = _why(condition)
    if service.get("reconciling") or number(service.get("observedGeneration")) != number(service.get("generation")):
        return "deploying", why
    states = {"CONDITION_SUCCEEDED": "ready", "CONDITION_FAILED": "failed"}
    known = states.get(str(condition.get("state")), "")
    if known:
        return known, why if known == "failed" else ""
    in_motion = condition.get("state") in ("CONDITION_PENDING", "CONDITION_RECONCILING")
    return ("deploying" if in_motion else "unknown"), why


def revision_of(entry: Json, shares: Sequence[ServingShare], deployers: Mapping[str, str]) -> Revision:
    """One element of the revisions list."""
    name = short(entry.get("name"))
    created = moment(entry.get("createTime"))
    if not name or created is None:
        raise Malformed("run API listed a revision without name or createTime")
    state, reason = _state_of_revision(entry)
    mine = [share for share in shares if share.revision == name]
    scaling = part(entry, "scaling")
    annotations = part(entry, "annotations")
    by = deployers.get(name) or text(entry.get("creator"), 120)
    return Revision(
        name=name,
        created=created,
        image=image_of(entry),
        digest=_digest(entry),
        state=state,
        reason=reason,
        percent=sum(share.percent for share in mine),
        tags=tuple(sorted({share.tag for share in mine if share.tag})),
        deployed_by=by or text(annotations.get("serving.knative.dev/creator"), 120) or text(entry.get("client"), 120),
        min_instances=number(scaling.get("minInstanceCount")),
        max_instances=number(scaling.get("maxInstanceCount")),
    )


def _state_of_revision(entry: Json) -> tuple[str, str]:
    conditions = {text(condition.get("type"), 60): condition for condition in objects(entry.get("conditions"))}
    ready = conditions.get("Ready", {})
    reason = text(ready.get("revisionReason")) or text(ready.get("reason"))
    why = _why(ready)
    if ready.get("state") == "CONDITION_FAILED":
        return ("retired", "") if reason == "RETIRED" else ("failed", why)
    if entry.get("reconciling") or ready.get("state") in ("CONDITION_PENDING", "CONDITION_RECONCILING"):
        return "deploying", why
    if ready.get("state") != "CONDITION_SUCCEEDED":
        return "unknown", why
    active = conditions.get("Active", {})
    retired = "RETIRED" in (active.get("revisionReason"), active.get("reason"))
    return ("retired" if retired else "ready"), ""


def _digest(entry: Json) -> str:
    """sha256:... of what the serving container really runs; the template's image may be a tag that has moved since.

    Beside sidecars it is the status with the same repository; "" where there is none, never another container's.
    """
    image = image_of(entry)
    found = [text(status.get("imageDigest")) for status in objects(entry.get("containerStatuses"))]
    own = [each for each in found if repository(each) == repository(image)]
    if not own and len(found) == 1:
        own = found
    for each in (*own, image):
        digest = each.rpartition("@")[2]
        if digest.startswith("sha256:"):
            return digest
    return ""
