"""Cloud Run Admin API v2 (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.cloud import Audit, CloudRun, Operation
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.model import Change, Revision, Scaling, Service, Share, Target, Template, stamp
from cockpit.sandbox.http import Request

_PATH = re.compile(r"/v2/projects/([^/]+)/locations/([^/]+)(/.*)")
_LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
_INGRESS = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-cloud-load-balancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}
_SERVICE_TYPE = "type.googleapis.com/google.cloud.run.v2.Service"
_MASKABLE = {"traffic", "scaling", "template", "labels", "annotations", "ingress", "description"}
_WAIT_LIMIT_S = 30.0


class RunV2:
    """Routes and wire form of v2."""

    def __init__(self, cloud: CloudRun, permissions: Permissions) -> None:
        self._cloud = cloud
        self._permissions = permissions

    async def handle(self, request: Request, principal: str) -> dict[str, Any]:
        """Answer one request; raises ApiError."""
        match = _PATH.fullmatch(request.path)
        if match is None or match[1] not in (self._cloud.project, self._cloud.number):
            raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")
        if match[2] != self._cloud.region:
            raise ApiError("INVALID_ARGUMENT" if match[2] == "-" else "NOT_FOUND",
                           f"Location {match[2]} is not found or access is unauthorized.")  # fmt: skip
        words, _, verb = match[3].strip("/").partition(":")
        match (request.method, words.split("/"), verb):
            case "GET", ["services"], "":
                self._may(principal, "run.services.list", "")
                found = [service_json(self._cloud, service) for service in self._cloud.services.values()]
                return _page(request.query, "services", found)
            case "GET", ["services", name], "":
                self._may(principal, "run.services.get", name)
                return service_json(self._cloud, self._cloud.service(name))
            case "PATCH", ["services", name], "":
                return self._patch(request, name, principal)
            case "POST", ["services", name], "testIamPermissions":
                self._cloud.service(name)
                return self._granted(request, principal)
            case "GET", ["services", name, "revisions"], "":
                self._may(principal, "run.revisions.list", name)
                service = self._cloud.service(name)
                newest = reversed(service.revisions.values())
                return _page(request.query, "revisions", [revision_json(self._cloud, service, r) for r in newest])
            case "GET", ["services", _, "revisions", name], "":
                self._may(principal, "run.revisions.get", name)
                return revision_json(self._cloud, *self._cloud.revision(name))
            case "GET", ["operations", identifier], "":
                self._may(principal, "run.operations.get", identifier)
                return self._operation(self._find(identifier))
            case "POST", ["operations", identifier], "wait":
                self._may(principal, "run.operations.get", identifier)
                return await self._wait(self._find(identifier), request)
        raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")

    def _may(self, principal: str, permission: str, name: str) -> None:
        kind = "operations" if "operations" in permission else "services"
        resource = f"{self._parent}/{kind}/{name}" if name else self._parent
        self._permissions.check(principal, permission, resource)

    @property
    def _parent(self) -> str:
        return f"projects/{self._cloud.project}/locations/{self._cloud.region}"

    def _granted(self, request: Request, principal: str) -> dict[str, Any]:
        asked = [str(permission) for permission in request.json().get("permissions", [])]
        granted = [permission for permission in asked if self._permissions.allowed(principal, permission)]
        return {"permissions": granted} if granted else {}

    def _patch(self, request: Request, name: str, principal: str) -> dict[str, Any]:
        self._may(principal, "run.services.update", name)
        service = self._cloud.service(name)
        body = request.json()
        if not isinstance(body, dict):
            raise ApiError("INVALID_ARGUMENT", "Request body must be a Service.")
        if body.get("etag") and body["etag"] != etag(service):
            raise ApiError(
                "ABORTED",
                f"Conflict for resource '{name}': version '{body['etag']}' was specified but current version is "
                f"'{etag(service)}'.",
            )
        if any(key.startswith("run.googleapis.com/") for key in body.get("annotations") or {}):
            raise ApiError("INVALID_ARGUMENT", "annotations: system annotations are not supported in v2.")
        force = request.query.get("forceNewRevision") == "true"
        change = _change(service, body, request.query.get("updateMask", ""), force)
        audit = Audit(
            method="google.cloud.run.v2.Services.UpdateService",
            principal=principal,
            peer=request.peer,
            user_agent=request.headers.get("user-agent", ""),
            request={
                "@type": "type.googleapis.com/google.cloud.run.v2.UpdateServiceRequest",
                "service": body,
                "updateMask": request.query.get("updateMask", ""),
            },
        )
        dry = request.query.get("validateOnly") == "true"
        return self._operation(self._cloud.apply(name, change, audit, validate_only=dry))

    def _find(self, identifier: str) -> Operation:
        operation = self._cloud.operations.get(identifier)
        if operation is None:
            raise ApiError("NOT_FOUND", f"Operation '{identifier}' does not exist.")
        return operation

    async def _wait(self, operation: Operation, request: Request) -> dict[str, Any]:
        wanted = str(request.json().get("timeout", "30s")).removesuffix("s")
        seconds = min(float(wanted) if re.fullmatch(r"\d+(\.\d+)?", wanted) else 0.0, _WAIT_LIMIT_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await operation.done.wait()
        return self._operation(operation)

    def _operation(self, operation: Operation) -> dict[str, Any]:
        service = operation.result or self._cloud.service(operation.service)
        document = {"@type": _SERVICE_TYPE, **service_json(self._cloud, service)}
        answer: dict[str, Any] = {"name": f"{self._parent}/operations/{operation.id}", "metadata": document}
        if operation.done.is_set():
            answer |= {"done": True, "response": document}
        return answer


def etag(service: Service) -> str:
    """Changes with every change of the stored object."""
    raw = f"{service.uid[:8]}:{service.version}".encode()
    return f'"{base64.urlsafe_b64encode(raw).decode().rstrip("=")}"'


def _change(service: Service, body: Mapping[str, Any], mask: str, force: bool) -> Change:
    paths = [re.sub(r"_([a-z])", lambda m: m[1].upper(), path.strip()) for path in mask.split(",") if path.strip()]
    if not paths:
        paths = sorted(_MASKABLE) if "template" in body else sorted(_MASKABLE & set(body))
    parts: dict[str, Any] = {}
    for path in paths:
        root, _, leaf = path.partition(".")
        if root not in _MASKABLE:
            raise ApiError("INVALID_ARGUMENT", f"Invalid update_mask path: {path}")
        value = body.get(root)
        match root:
            case "traffic":
                parts["traffic"] = tuple(target_from(entry) for entry in value or ())
            case "scaling":
                base = parts.get("scaling", service.scaling) if leaf else Scaling()
                parts["scaling"] = _scaling_from(value or {}, base, leaf)
            case "template":
                current = template_json(service.template)
                merged = (
                    {**current, leaf.partition(".")[0]: (value or {}).get(leaf.partition(".")[0])} if leaf else value
                )
                parts["template"] = template_from(merged or {})
            case "ingress":
                words = {wire: word for word, wire in _INGRESS.items()}
                parts["ingress"] = words.get(str(value), str(value))
            case "description":
                parts["description"] = str(value or "")
            case _:
                parts[root] = {str(key): str(text) for key, text in (value or {}).items()}
    return Change(**parts, force_new_revision=force)


def target_from(entry: Mapping[str, Any]) -> Target:
    """A TrafficTarget."""
    kind = entry.get("type") or (_REVISION if entry.get("revision") else _LATEST)
    if kind == _REVISION and not entry.get("revision"):
        raise ApiError("INVALID_ARGUMENT", "traffic: an entry of type REVISION must name its revision.")
    if kind not in (_REVISION, _LATEST):
        raise ApiError("INVALID_ARGUMENT", f"traffic: unknown type {kind}.")
    revision = str(entry["revision"]).rpartition("/")[2] if kind == _REVISION else ""
    return Target(int(entry.get("percent") or 0), revision, str(entry.get("tag") or ""))


def _scaling_from(value: Mapping[str, Any], base: Scaling, leaf: str) -> Scaling:
    manual = value.get("manualInstanceCount")
    sent: dict[str, dict[str, Any]] = {
        "minInstanceCount": {"min_instances": int(value.get("minInstanceCount") or 0)},
        "maxInstanceCount": {"max_instances": int(value.get("maxInstanceCount") or 0)},
        "scalingMode": {"mode": str(value.get("scalingMode") or "")},
        "manualInstanceCount": {"manual_instances": None if manual is None else int(manual)},
    }
    if leaf and leaf not in sent:
        raise ApiError("INVALID_ARGUMENT", f"Invalid update_mask path: scaling.{leaf}")
    for name in [leaf] if leaf else list(sent):
        base = replace(base, **sent[name])
    return base


def template_from(value: Mapping[str, Any]) -> Template:
    """A RevisionTemplate."""
    containers = value.get("containers") or [{}]
    container = containers[0]
    env = container.get("env") or ()
    limits = (container.get("resources") or {}).get("limits") or {}
    scaling = value.get("scaling") or {}
    return Template(
        image=str(container.get("image") or ""),
        env=tuple((str(item["name"]), str(item.get("value", ""))) for item in env if "valueSource" not in item),
        secrets=tuple(
            (str(item["name"]), str(key["secret"]), str(key.get("version") or "latest"))
            for item in env
            if (key := (item.get("valueSource") or {}).get("secretKeyRef"))
        ),
        min_instances=int(scaling.get("minInstanceCount") or 0),
        max_instances=int(scaling.get("maxInstanceCount") or 0),
        concurrency=int(value.get("maxInstanceRequestConcurrency") or 80),
        cpu=str(limits.get("cpu") or "1000m"),
        memory=str(limits.get("memory") or "512Mi"),
        timeout_s=int(float(str(value.get("timeout") or "300s").removesuffix("s"))),
        service_account=str(value.get("serviceAccount") or ""),
        revision=str(value.get("revision") or ""),
        labels=tuple(sorted((value.get("labels") or {}).items())),
        annotations=tuple(sorted((value.get("annotations") or {}).items())),
    )


def template_json(template: Template) -> dict[str, Any]:
    """As a RevisionTemplate."""
    scaling = {"minInstanceCount": template.min_instances, "maxInstanceCount": template.max_instances}
    document: dict[str, Any] = {
        "revision": template.revision,
        "labels": dict(template.labels),
        "annotations": dict(template.annotations),
        "scaling": {name: count for name, count in scaling.items() if count},
        "timeout": f"{template.timeout_s}s",
        "serviceAccount": template.service_account,
        "containers": [_container(template)],
        "maxInstanceRequestConcurrency": template.concurrency,
    }
    return {key: value for key, value in document.items() if value not in ("", {})}


def _container(template: Template) -> dict[str, Any]:
    return {
        "image": template.image,
        "env": [
            *({"name": name, "value": value} for name, value in template.env),
            *(
                {"name": name, "valueSource": {"secretKeyRef": {"secret": secret, "version": version}}}
                for name, secret, version in template.secrets
            ),
        ],
        "resources": {"limits": {"cpu": template.cpu, "memory": template.memory}, "cpuIdle": True},
        "ports": [{"name": "http1", "containerPort": 8080}],
    }


def service_json(cloud: CloudRun, service: Service) -> dict[str, Any]:
    """As a Service; int64 are texts, unset fields are left out."""
    name = f"projects/{cloud.project}/locations/{cloud.region}/services/{service.name}"
    scaling: dict[str, Any] = {
        "minInstanceCount": service.scaling.min_instances or None,
        "maxInstanceCount": service.scaling.max_instances or None,
        "scalingMode": service.scaling.mode or None,
        "manualInstanceCount": service.scaling.manual_instances,
    }
    document: dict[str, Any] = {
        "name": name,
        "description": service.description,
        "uid": service.uid,
        "generation": str(service.generation),
        "labels": service.labels,
        "annotations": service.annotations,
        "createTime": stamp(service.created),
        "updateTime": stamp(service.updated),
        "creator": service.creator,
        "lastModifier": service.last_modifier,
        "ingress": _INGRESS.get(service.ingress, "INGRESS_TRAFFIC_ALL"),
        "launchStage": "GA",
        "template": template_json(service.template),
        "traffic": [_target_json(target) for target in service.traffic],
        "scaling": {key: value for key, value in scaling.items() if value is not None},
        "urls": [uri(service)],
        "observedGeneration": str(service.observed_generation),
        "terminalCondition": _condition("Ready", not service.reconciling, service.transition),
        "conditions": [
            _condition(kind, not service.reconciling, service.transition)
            for kind in ("RoutesReady", "ConfigurationsReady")
        ],
        "latestReadyRevision": f"{name}/revisions/{service.latest_ready}",
        "latestCreatedRevision": f"{name}/revisions/{service.latest_created}",
        "trafficStatuses": [_share_json(service, share) for share in service.serving],
        "uri": uri(service),
        "reconciling": service.reconciling,
        "etag": etag(service),
    }
    return {key: value for key, value in document.items() if value not in ("", {}, False)}


def uri(service: Service, tag: str = "") -> str:
    """Public address, of a tag if one is given."""
    return f"https://{tag}{'---' if tag else ''}{service.name}-x1y2z3-ew.a.run.app"


def _target_json(target: Target) -> dict[str, Any]:
    document = {"type": _REVISION if target.revision else _LATEST, "revision": target.revision,
                "percent": target.percent, "tag": target.tag}  # fmt: skip
    return {key: value for key, value in document.items() if value}


def _share_json(service: Service, share: Share) -> dict[str, Any]:
    document = {
        "type": _LATEST if share.latest else _REVISION,
        "revision": share.revision,
        "percent": share.percent,
        "tag": share.tag,
        "uri": uri(service, share.tag) if share.tag else "",
    }
    return {key: value for key, value in document.items() if value}


def _condition(kind: str, ready: bool, since: Any) -> dict[str, Any]:
    state = "CONDITION_SUCCEEDED" if ready else "CONDITION_RECONCILING"
    return {"type": kind, "state": state, "lastTransitionTime": stamp(since)}


def revision_json(cloud: CloudRun, service: Service, revision: Revision) -> dict[str, Any]:
    """As a Revision."""
    template = template_json(revision.template)
    parent = f"projects/{cloud.project}/locations/{cloud.region}/services/{service.name}"
    active = any(share.percent and share.revision == revision.name for share in service.serving)
    since = revision.ready_at or revision.created
    conditions = [_condition(kind, revision.ready, since) for kind in ("Ready", "ContainerHealthy")]
    if revision.ready and not active:
        retired = {"type": "Active", "state": "CONDITION_FAILED", "revisionReason": "RETIRED", "severity": "INFO"}
        conditions.append(retired | {"lastTransitionTime": stamp(since)})
    return {
        "name": f"{parent}/revisions/{revision.name}",
        "uid": revision.uid,
        "generation": "1",
        **{key: template[key] for key in ("labels", "annotations", "scaling", "serviceAccount") if key in template},
        "createTime": stamp(revision.created),
        "updateTime": stamp(since),
        "launchStage": "GA",
        "service": service.name,
        "containers": template["containers"],
        "maxInstanceRequestConcurrency": revision.template.concurrency,
        "timeout": template["timeout"],
        "conditions": conditions,
        "observedGeneration": "1",
        "creator": revision.creator,
        "containerStatuses": [{"imageDigest": revision.pinned}],
        "etag": f'"{revision.uid[:8]}"',
        **({} if revision.ready else {"reconciling": True}),
    }


def _page(query: Mapping[str, str], key: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """pageSize and pageToken; the token is the offset, hidden."""
    size = query.get("pageSize") or "100"
    if not size.isdigit():
        raise ApiError("INVALID_ARGUMENT", "page_size must be a non-negative integer.")
    start = 0
    if token := query.get("pageToken"):
        try:
            start = int(base64.urlsafe_b64decode(token.encode()))
        except ValueError:
            raise ApiError("INVALID_ARGUMENT", "Invalid page token.") from None
    end = start + min(int(size) or 100, 1000)
    answer: dict[str, Any] = {key: items[start:end]} if items[start:end] else {}
    if end < len(items):
        answer["nextPageToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer
