"""What is asked of External Secrets and of cert-manager, and how their answers are judged. Pure.

https://external-secrets.io/latest/introduction/faq/ : any other annotation makes it fetch again.
https://cert-manager.io/docs/reference/cmctl/#renew : the condition Issuing, set in the status, makes it issue again;
the live secret stays until there is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cockpit.adapters.kube.changing import KubeChange, guarded, patch
from cockpit.adapters.kube.extras import certificate, external_secret
from cockpit.adapters.kube.fields import conditions, name_of, number, part, parts, said, text, uid_of
from cockpit.adapters.kube.terms import Json

EXTERNAL_SECRETS = "external-secrets.io"
CERT_MANAGER = "cert-manager.io"
FORCE_SYNC = "force-sync"


@dataclass(frozen=True, slots=True)
class Judged:
    """None: not at its end yet."""

    good: bool | None
    said: str


def force_sync(path: str, obj: Json, mark: str) -> KubeChange:
    """The annotation, on exactly this object. A test for null holds only while there are no annotations."""
    if part(obj, "metadata", "annotations"):
        return patch(
            path, [*guarded(obj), {"op": "add", "path": f"/metadata/annotations/{FORCE_SYNC}", "value": mark}]
        )
    none = {"op": "test", "path": "/metadata/annotations", "value": None}
    added = {"op": "add", "path": "/metadata/annotations", "value": {FORCE_SYNC: mark}}
    return patch(path, [*guarded(obj), none, added])


def synced(before: Json, now: Json) -> Judged:
    """Whether it was fetched after the annotation: then the version that is synced is another one."""
    if uid_of(now) != uid_of(before):
        return Judged(False, "it was deleted and made again")
    was, is_ = external_secret(before), external_secret(now)
    moved = is_.version != was.version if is_.version or was.version else is_.refreshed != was.refreshed
    if is_.synced and moved:
        at = f" at {is_.refreshed:%H:%M:%S} UTC" if is_.refreshed else ""
        return Judged(True, f"it was fetched{at}")
    if not is_.synced and (was.synced or _newer(before, now)):
        return Judged(False, is_.said)
    return Judged(None, is_.said or "not fetched yet")


def _newer(before: Json, now: Json) -> bool:
    """Its operator has said something else of it since."""
    return conditions(before).get("Ready", {}) != conditions(now).get("Ready", {})


def renewal(path: str, obj: Json, at: str) -> KubeChange:
    """As `cmctl renew`: the condition Issuing, in the status, where the conditions are those that were read."""
    kept = [each for each in parts(obj, "status", "conditions") if each.get("type") != "Issuing"]
    wanted: Json = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": at,
        "observedGeneration": number(part(obj, "metadata").get("generation")),
    }
    replaced = {"op": "replace", "path": "/status/conditions", "value": [*kept, wanted]}
    return patch(path, [*guarded(obj, "status", "conditions"), replaced])


def issued(before: Json, now: Json) -> Judged:
    """Whether there is another certificate."""
    if uid_of(now) != uid_of(before):
        return Judged(False, "it was deleted and made again")
    was, is_ = certificate(before), certificate(now)
    issuing = conditions(now).get("Issuing", {})
    if issuing.get("status") == "True":
        return Judged(None, f"being issued: {said(issuing)}")
    if is_.revision > was.revision and is_.ready:
        until = f", valid until {is_.expires:%Y-%m-%d %H:%M} UTC" if is_.expires else ""
        return Judged(True, f"revision {is_.revision}{until}")
    if issuing.get("status") == "False" and issuing != conditions(before).get("Issuing", {}):
        return Judged(False, said(issuing))
    return Judged(None, is_.said or "waiting for cert-manager")


def secret_readers(workloads: Iterable[tuple[str, Json]], secret: str) -> tuple[tuple[str, Json], ...]:
    """Those whose pods read the secret, by kind."""
    return tuple(
        (kind, obj) for kind, obj in workloads if secret in set(_secrets(part(obj, "spec", "template", "spec")))
    )


def secrets_of(workload: Json) -> frozenset[str]:
    """Names of the secrets that its pods read."""
    return frozenset(_secrets(part(workload, "spec", "template", "spec")))


def _secrets(spec: Json) -> Iterator[str]:
    for container in (*parts(spec, "containers"), *parts(spec, "initContainers")):
        for each in parts(container, "envFrom"):
            yield text(part(each, "secretRef").get("name"), 253)
        for each in parts(container, "env"):
            yield text(part(each, "valueFrom", "secretKeyRef").get("name"), 253)
    for volume in parts(spec, "volumes"):
        yield text(part(volume, "secret").get("secretName"), 253)
        for source in parts(volume, "projected", "sources"):
            yield text(part(source, "secret").get("name"), 253)


def target_of(wish: Json) -> str:
    """The secret that an ExternalSecret writes."""
    return external_secret(wish).target


def named(kind: str, obj: Json) -> str:
    """ "deployment/api"."""
    return f"{kind}/{name_of(obj)}"
