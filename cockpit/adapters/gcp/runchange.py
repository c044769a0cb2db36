"""The PATCH of Cloud Run v2 for each kind of change. Pure: JSON in, JSON out, nothing is sent from here.

A template is replaced as a whole, so it is the one that was just read with one thing changed; its `revision` is left
out, because a name can be used once only. https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/patch
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from cockpit.adapters.gcp.runwire import INGRESS_WIRE, Json, part, serving_container
from cockpit.errors import Malformed
from cockpit.model.revisions import IngressChange, ModeChange, ServiceChange, TemplateChange

MASKED = "***"
_SECRETIVE = ("args", "command")  # passwords stand on command lines, too


@dataclass(frozen=True, slots=True)
class Patch:
    """One request: `mask` is its updateMask, `query` what else is in the URL, `body` what is sent."""

    mask: str
    query: dict[str, str]
    body: dict[str, Any]


def patch_of(change: ServiceChange, service: Json, etag: str) -> Patch:
    """The request that makes this change to the service as it was read."""
    match change:
        case IngressChange(ingress):
            return Patch("ingress", {}, {"etag": etag, "ingress": INGRESS_WIRE[ingress]})
        case ModeChange():
            return Patch("scaling", {}, {"etag": etag, "scaling": _scaling(change)})
        case TemplateChange():
            body = {"etag": etag, "template": _template(change, service)}
            # Without it Cloud Run makes no revision where it sees no difference: a restart would start nothing.
            return Patch("template", {"forceNewRevision": "true"}, body)


def masked(body: Json) -> dict[str, Any]:
    """The body as it may be shown: values of variables and headers, arguments and commands are hidden."""
    return {key: _hidden(value) for key, value in body.items()}


def _hidden(value: object) -> object:
    if isinstance(value, list):
        return [_hidden(each) for each in value]
    if not isinstance(value, dict):
        return value
    shown = {key: _hidden(each) for key, each in value.items()}
    if "name" in value and "value" in value:
        shown["value"] = MASKED
    return shown | {key: [MASKED] for key in _SECRETIVE if value.get(key)}


def _scaling(change: ModeChange) -> dict[str, object]:
    if change.manual is not None:
        return {"scalingMode": "MANUAL", "manualInstanceCount": change.manual}
    limits = {"minInstanceCount": change.min_instances, "maxInstanceCount": change.max_instances}
    return {"scalingMode": "AUTOMATIC", **{key: limit for key, limit in limits.items() if limit}}


def _template(change: TemplateChange, service: Json) -> dict[str, Any]:
    template: dict[str, Any] = copy.deepcopy(dict(part(service, "template")))
    template.pop("revision", None)
    container = serving_container(template)
    if not isinstance(container, dict) or not container:
        raise Malformed("run API answered a service whose template has no container", hint="nothing can be changed")
    if change.image:
        container["image"] = change.image
    wanted = {"memory": change.memory, "cpu": change.cpu}
    if any(wanted.values()):
        resources = dict(part(container, "resources"))
        resources["limits"] = {**part(resources, "limits"), **{key: text for key, text in wanted.items() if text}}
        container["resources"] = resources
    return template
