"""Words that the Kubernetes adapter and the actions on it share. Nothing of a vendor is imported here."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


class PatchKind(enum.Enum):
    """How the body of a PATCH is meant, by its content type."""

    JSON = "application/json-patch+json"  # RFC 6902: a list of operations, `test` among them
    MERGE = "application/merge-patch+json"  # RFC 7386
    STRATEGIC = "application/strategic-merge-patch+json"  # lists merged by key; built-in kinds only
    APPLY = "application/apply-patch+yaml"  # server-side apply


@dataclass(frozen=True, slots=True)
class Right:
    """One right as a SelfSubjectAccessReview asks for it."""

    verb: str
    resource: str  # plural: "deployments"
    group: str = ""  # "apps"
    subresource: str = ""  # "scale"
    namespace: str = ""  # "" for a resource of the whole cluster
    name: str = ""

    def __str__(self) -> str:
        """As an administrator reads it: "patch deployments.apps/scale in shop"."""
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        sub = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {what}{sub} {f'in {self.namespace}' if self.namespace else 'in the whole cluster'}"


def review_of(right: Right) -> Json:
    """The question whether we have it."""
    attributes = {
        "verb": right.verb,
        "resource": right.resource,
        "group": right.group,
        "subresource": right.subresource,
        "namespace": right.namespace,
        "name": right.name,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of objects and the resourceVersion that a watch goes on from."""

    items: tuple[Json, ...]
    version: str
