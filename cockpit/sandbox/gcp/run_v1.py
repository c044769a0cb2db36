"""Cloud Run's Knative dialect (v1), which gcloud speaks: read, modify, replace."""

from __future__ import annotations

import base64
import re
from typing import Any

from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.cloud import Audit, CloudRun
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.model import Change, Revision, Scaling, Service, Target, Template, stamp
from cockpit.sandbox.gcp.run_v2 import uri
from cockpit.sandbox.http import Request

_NAMESPACED = re.compile(r"/apis/serving\.knative\.dev/v1/namespaces/([^/]+)/(services|revisions)(?:/([^/]+))?")
_LOCATED = re.compile(r"/v1/projects/([^/]+)/locations/([^/]+)/services(?:/([^/:]+))?")
_ANY_NUMBER = re.compile(r"\d+")
_SERVICE_LABEL = "serving.knative.dev/service"
_MIN, _MAX = "autoscaling.knative.dev/minScale", "autoscaling.knative.dev/maxScale"
_RUN = "run.googleapis.com/"
_SCALING_NOTES = {
    "minScale": f"{_RUN}minScale",
    "maxScale": f"{_RUN}maxScale",
    "manual": f"{_RUN}manualInstanceCount",
    "mode": f"{_RUN}scalingMode",
}
_OWN_NOTES = {
    *_SCALING_NOTES.values(),
    f"{_RUN}ingress",
    f"{_RUN}ingress-status",
    f"{_RUN}operation-id",
    "serving.knative.dev/creator",
    "serving.knative.dev/lastModifier",
}


class RunV1:
    """Routes and wire form of v1."""

    def __init__(self, cloud: CloudRun, permissions: Permissions) -> None:
        self._cloud = cloud
        self._permissions = permissions

    @staticmethod
    def takes(path: str) -> bool:
        """Whether this path belongs to v1."""
        return bool(_NAMESPACED.fullmatch(path) or _LOCATED.fullmatch(path))

    async def handle(self, request: Request, principal: str) -> dict[str, Any]:
        """Answer one request; raises ApiError."""
        project, kind, name = self._target(request.path)
        if project not in (self._cloud.project, self._cloud.number):
            raise ApiError("PERMISSION_DENIED", f"Permission denied on resource project {project}.")
        match (request.method, kind, name):
            case "GET", "services", "":
                self._may(principal, "run.services.list", "")
                items = [service_json(self._cloud, service) for service in self._cloud.services.values()]
                return {"apiVersion": "serving.knative.dev/v1", "kind": "ServiceList", "metadata": {}, "items": items}
            case "GET", "services", _:
                self._may(principal, "run.services.get", name)
                return service_json(self._cloud, self._cloud.service(name))
            case "PUT", "services", _ if name:
                return self._replace(request, name, principal)
            case "GET", "revisions", "":
                self._may(principal, "run.revisions.list", "")
                items = [revision_json(self._cloud, *pair) for pair in self._selected(request)]
                return {
                    "apiVersion": "serving.knative.dev/v1",
                    "kind": "RevisionList",
                    "metadata": {},
                    "items": items,
                }
            case "GET", "revisions", _:
                self._may(principal, "run.revisions.get", name)
                return revision_json(self._cloud, *self._cloud.revision(name))
        raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")

    def _target(self, path: str) -> tuple[str, str, str]:
        if found := _NAMESPACED.fullmatch(path):
            return found[1], found[2], found[3] or ""
        if (found := _LOCATED.fullmatch(path)) and found[2] in ("-", self._cloud.region):
            return found[1], "services", found[3] or ""
        raise ApiError("NOT_FOUND", f"The requested URL {path} was not found on this server.")

    def _may(self, principal: str, permission: str, name: str) -> None:
        resource = (
            f"namespaces/{self._cloud.project}/services/{name}" if name else f"namespaces/{self._cloud.project}"
        )
        self._permissions.check(principal, permission, resource)

    def _selected(self, request: Request) -> list[tuple[Service, Revision]]:
        """Newest first, of the service that the labelSelector names, if any."""
        wanted = ""
        for term in request.query.get("labelSelector", "").split(","):
            name, _, value = term.partition("=")
            if name.strip() == _SERVICE_LABEL:
                wanted = value.strip(" =")
        services = [s for s in self._cloud.services.values() if wanted in ("", s.name)]
        return [(service, revision) for service in services for revision in reversed(service.revisions.values())]

    def _replace(self, request: Request, name: str, principal: str) -> dict[str, Any]:
        self._may(principal, "run.services.update", name)
        service = self._cloud.service(name)
        body = request.json()
        if not isinstance(body, dict) or "spec" not in body:
            raise ApiError("INVALID_ARGUMENT", "The request has errors: spec is required.")
        metadata = body.get("metadata") or {}
        version = metadata.get("resourceVersion")
        if version and version != resource_version(service):
            raise ApiError(
                "ABORTED",
                f"Conflict for resource '{name}': version '{version}' was specified but current version is "
                f"'{resource_version(service)}'.",
            )
        notes = {str(key): str(value) for key, value in (metadata.get("annotations") or {}).items()}
        template = _template_from(body["spec"].get("template") or {}, service.template)
        traffic = tuple(_target_from(entry) for entry in body["spec"].get("traffic") or ())
        labels = {
            str(k): str(v) for k, v in (metadata.get("labels") or {}).items() if not k.startswith("cloud.google")
        }
        change = Change(
            template=None if template == service.template else template,
            traffic=traffic,
            scaling=_scaling_from(notes),
            labels=labels,
            annotations={key: value for key, value in notes.items() if key not in _OWN_NOTES},
            ingress=notes.get(f"{_RUN}ingress", "all"),
        )
        audit = Audit(
            method="google.cloud.run.v1.Services.ReplaceService",
            principal=principal,
            peer=request.peer,
            user_agent=request.headers.get("user-agent", ""),
            request={
                "@type": "type.googleapis.com/google.cloud.run.v1.ReplaceServiceRequest",
                "name": f"namespaces/{self._cloud.project}/services/{name}",
                "service": body,
            },
        )
        dry = request.query.get("dryRun") == "all"
        operation = self._cloud.apply(name, change, audit, validate_only=dry)
        return service_json(self._cloud, operation.result if dry and operation.result else service)


def resource_version(service: Service) -> str:
    """Changes with every change of the stored object."""
    return base64.urlsafe_b64encode(f"v1:{service.uid[:8]}:{service.version}".encode()).decode().rstrip("=")


def _number(text: str) -> int:
    if not _ANY_NUMBER.fullmatch(text):
        raise ApiError("INVALID_ARGUMENT", f"expected a whole number, got '{text}'.")
    return int(text)


def _scaling_from(notes: dict[str, str]) -> Scaling:
    manual = notes.get(_SCALING_NOTES["manual"])
    return Scaling(
        min_instances=_number(notes.get(_SCALING_NOTES["minScale"], "0")),
        max_instances=_number(notes.get(_SCALING_NOTES["maxScale"], "0")),
        mode=notes.get(_SCALING_NOTES["mode"], "").upper(),
        manual_instances=None if manual is None else _number(manual),
    )


def _target_from(entry: dict[str, Any]) -> Target:
    if bool(entry.get("revisionName")) == bool(entry.get("latestRevision")):
        raise ApiError("INVALID_ARGUMENT", "spec.traffic: exactly one of revisionName, latestRevision is required.")
    return Target(int(entry.get("percent") or 0), str(entry.get("revisionName") or ""), str(entry.get("tag") or ""))


def _template_from(value: dict[str, Any], current: Template) -> Template:
    metadata, spec = value.get("metadata") or {}, value.get("spec") or {}
    notes = dict(metadata.get("annotations") or {})
    container = (spec.get("containers") or [{}])[0]
    env = container.get("env") or ()
    limits = (container.get("resources") or {}).get("limits") or {}
    low, high = _number(str(notes.pop(_MIN, "0"))), _number(str(notes.pop(_MAX, "0")))
    return Template(
        image=str(container.get("image") or ""),
        env=tuple((str(item["name"]), str(item.get("value", ""))) for item in env if "valueFrom" not in item),
        secrets=tuple(
            (str(item["name"]), str(key["name"]), str(key.get("key") or "latest"))
            for item in env
            if (key := (item.get("valueFrom") or {}).get("secretKeyRef"))
        ),
        min_instances=low,
        max_instances=high,
        concurrency=int(spec.get("containerConcurrency") or 80),
        cpu=str(limits.get("cpu") or "1000m"),
        memory=str(limits.get("memory") or "512Mi"),
        timeout_s=int(spec.get("timeoutSeconds") or 300),
        service_account=str(spec.get("serviceAccountName") or current.service_account),
        revision=str(metadata.get("name") or ""),
        labels=tuple(sorted((metadata.get("labels") or {}).items())),
        annotations=tuple(sorted(notes.items())),
    )


def _pod(template: Template) -> dict[str, Any]:
    return {
        "containerConcurrency": template.concurrency,
        "timeoutSeconds": template.timeout_s,
        "serviceAccountName": template.service_account,
        "containers": [
            {
                "image": template.image,
                "env": [
                    *({"name": name, "value": value} for name, value in template.env),
                    *(
                        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": version}}}
                        for name, secret, version in template.secrets
                    ),
                ],
                "ports": [{"name": "http1", "containerPort": 8080}],
                "resources": {"limits": {"cpu": template.cpu, "memory": template.memory}},
            }
        ],
    }


def _template_notes(template: Template) -> dict[str, str]:
    notes = dict(template.annotations)
    if template.min_instances:
        notes[_MIN] = str(template.min_instances)
    if template.max_instances:
        notes[_MAX] = str(template.max_instances)
    return notes


def _template_json(template: Template) -> dict[str, Any]:
    metadata: dict[str, Any] = {"annotations": _template_notes(template)}
    if template.labels:
        metadata["labels"] = dict(template.labels)
    if template.revision:
        metadata["name"] = template.revision
    return {"metadata": metadata, "spec": _pod(template)}


def service_json(cloud: CloudRun, service: Service) -> dict[str, Any]:
    """As a Knative Service."""
    notes = {
        **service.annotations,
        "serving.knative.dev/creator": service.creator,
        "serving.knative.dev/lastModifier": service.last_modifier,
        f"{_RUN}ingress": service.ingress,
        f"{_RUN}ingress-status": service.ingress,
    }
    scaling = service.scaling
    for key, value in (("minScale", scaling.min_instances), ("maxScale", scaling.max_instances)):
        if value:
            notes[_SCALING_NOTES[key]] = str(value)
    if scaling.mode:
        notes[_SCALING_NOTES["mode"]] = scaling.mode.lower()
    if scaling.manual_instances is not None:
        notes[_SCALING_NOTES["manual"]] = str(scaling.manual_instances)
    ready = "Unknown" if service.reconciling else "True"
    conditions = [
        {"type": kind, "status": ready, "lastTransitionTime": stamp(service.transition)}
        for kind in ("Ready", "ConfigurationsReady", "RoutesReady")
    ]
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": service.name,
            "namespace": cloud.number,
            "selfLink": f"/apis/serving.knative.dev/v1/namespaces/{cloud.number}/services/{service.name}",
            "uid": service.uid,
            "resourceVersion": resource_version(service),
            "generation": service.generation,
            "creationTimestamp": stamp(service.created),
            "labels": {**service.labels, "cloud.googleapis.com/location": cloud.region},
            "annotations": notes,
        },
        "spec": {
            "template": _template_json(service.template),
            "traffic": [_target_json(target) for target in service.traffic],
        },
        "status": {
            "observedGeneration": service.observed_generation,
            "conditions": conditions,
            "latestReadyRevisionName": service.latest_ready,
            "latestCreatedRevisionName": service.latest_created,
            "traffic": [_share_json(service, index) for index in range(len(service.serving))],
            "url": uri(service),
            "address": {"url": uri(service)},
        },
    }


def _target_json(target: Target) -> dict[str, Any]:
    document: dict[str, Any] = {"revisionName": target.revision} if target.revision else {"latestRevision": True}
    if target.percent:
        document["percent"] = target.percent
    if target.tag:
        document["tag"] = target.tag
    return document


def _share_json(service: Service, index: int) -> dict[str, Any]:
    share = service.serving[index]
    document: dict[str, Any] = {"revisionName": share.revision}
    if share.latest:
        document["latestRevision"] = True
    if share.percent:
        document["percent"] = share.percent
    if share.tag:
        document |= {"tag": share.tag, "url": uri(service, share.tag)}
    return document


def revision_json(cloud: CloudRun, service: Service, revision: Revision) -> dict[str, Any]:
    """As a Knative Revision."""
    active = any(share.percent and share.revision == revision.name for share in service.serving)
    since = stamp(revision.ready_at or revision.created)
    ready = "True" if revision.ready else "Unknown"
    conditions: list[dict[str, Any]] = [
        {"type": kind, "status": ready, "lastTransitionTime": since}
        for kind in ("Ready", "ContainerHealthy", "ResourcesAvailable")
    ]
    conditions.append({"type": "Active", "status": "True", "lastTransitionTime": since} if active else
                      {"type": "Active", "status": "False", "reason": "Retired", "severity": "Info",
                       "lastTransitionTime": since})  # fmt: skip
    image = revision.pinned
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {
            "name": revision.name,
            "namespace": cloud.number,
            "selfLink": f"/apis/serving.knative.dev/v1/namespaces/{cloud.number}/revisions/{revision.name}",
            "uid": revision.uid,
            "resourceVersion": base64.urlsafe_b64encode(revision.uid[:9].encode()).decode(),
            "generation": 1,
            "creationTimestamp": stamp(revision.created),
            "labels": {
                **dict(revision.template.labels),
                _SERVICE_LABEL: service.name,
                "serving.knative.dev/configuration": service.name,
                "serving.knative.dev/serviceUid": service.uid,
                "cloud.googleapis.com/location": cloud.region,
            },
            "annotations": {**_template_notes(revision.template), "serving.knative.dev/creator": revision.creator},
        },
        "spec": _pod(revision.template),
        "status": {
            "observedGeneration": 1,
            "conditions": conditions,
            "imageDigest": image,
            "containerStatuses": [{"imageDigest": image}],
        },
    }
