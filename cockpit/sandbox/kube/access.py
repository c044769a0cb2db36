"""Who may do what: an administrator, and a viewer who may read all but secrets.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cockpit.sandbox.kube.kinds import Kind
from cockpit.sandbox.kube.statuses import ApiError, Object

ADMIN = "admin"
VIEWER = "viewer"
_READING = frozenset({"get", "list", "watch"})
_GROUPS = {ADMIN: "system:masters", VIEWER: "cockpit:viewers"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to do."""

    verb: str
    group: str
    resource: str  # "deployments", "deployments/scale"
    namespace: str = ""
    name: str = ""


def allowed(user: str, wish: Wish) -> bool:
    """An administrator may do everything, a viewer read all but secrets."""
    return user == ADMIN or (wish.verb in _READING and wish.resource != "secrets")


def check(user: str, kind: Kind, wish: Wish) -> None:
    """Raises ApiError 403 in the API server's words."""
    if allowed(user, wish):
        return
    plural, _, _ = wish.resource.partition("/")
    key = f"{plural}.{kind.group}" if kind.group else plural
    named = f' "{wish.name}"' if wish.name else ""
    where = f' in the namespace "{wish.namespace}"' if wish.namespace else " at the cluster scope"
    said = f'{key}{named} is forbidden: User "{user}" cannot {wish.verb} resource "{wish.resource}" '
    said += f'in API group "{kind.group}"{where}'
    details = {"name": wish.name, "kind": plural, **({"group": kind.group} if kind.group else {})}
    raise ApiError(403, "Forbidden", said, {key: value for key, value in details.items() if value})


def review(user: str, sent: Mapping[str, Any]) -> Object:
    """A SelfSubjectAccessReview, answered."""
    spec = sent.get("spec") or {}
    asked = spec.get("resourceAttributes") or {}
    resource = str(asked.get("resource", ""))
    if asked.get("subresource"):
        resource += f"/{asked['subresource']}"
    wish = Wish(str(asked.get("verb", "")), str(asked.get("group", "")), resource, str(asked.get("namespace", "")))
    status = {"allowed": allowed(user, wish)}
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": spec,
        "status": status,
    }


def whoami(user: str) -> Object:
    """A SelfSubjectReview, answered."""
    info = {"username": user, "groups": [_GROUPS.get(user, ""), "system:authenticated"]}
    return {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
            "status": {"userInfo": info}}  # fmt: skip
