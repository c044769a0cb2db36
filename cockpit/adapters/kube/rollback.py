"""What a workload can go back to: ReplicaSets of a deployment, ControllerRevisions of the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cockpit.adapters.kube.changing import CHANGE_CAUSE, REVISION
from cockpit.adapters.kube.fields import annotations_of, controller_of, created_of, name_of, number, part
from cockpit.adapters.kube.templates import plain, same
from cockpit.adapters.kube.terms import Json

_EARLIER = "deployment.kubernetes.io/revision-history"


@dataclass(frozen=True, slots=True)
class Past:
    """One revision."""

    revision: int
    name: str  # of the object that holds it
    created: datetime
    template: Json
    cause: str = ""
    returned: bool = False  # it had an earlier number: somebody went back to it
    pods: int = 0


def of_replicasets(owner: str, found: Iterable[Json]) -> tuple[Past, ...]:
    """Of the deployment with that uid, newest revision first."""
    pasts = []
    for each in found:
        annotations = annotations_of(each)
        revision = annotations.get(REVISION, "")
        if controller_of(each)[2] != owner or not (revision.isascii() and revision.isdigit()):
            continue
        pasts.append(
            Past(
                int(revision),
                name_of(each),
                created_of(each),
                plain(part(each, "spec", "template")),
                annotations.get(CHANGE_CAUSE, ""),
                bool(annotations.get(_EARLIER)),
                number(part(each, "status").get("replicas")),
            )
        )
    return tuple(sorted(pasts, key=lambda past: past.revision, reverse=True))


def of_controller_revisions(owner: str, found: Iterable[Json]) -> tuple[Past, ...]:
    """Of the stateful set or daemon set with that uid, newest revision first. Their data patches the template."""
    pasts = [
        Past(
            number(each.get("revision")),
            name_of(each),
            created_of(each),
            plain(part(each, "data", "spec", "template")),
            annotations_of(each).get(CHANGE_CAUSE, ""),
        )
        for each in found
        if controller_of(each)[2] == owner and part(each, "data", "spec", "template")
    ]
    return tuple(sorted(pasts, key=lambda past: past.revision, reverse=True))


def current(pasts: Sequence[Past], template: Json) -> Past | None:
    """The one that the workload's template is of now; None while its controller has not made it."""
    return next((past for past in pasts if same(past.template, template)), None)


def previous(pasts: Sequence[Past], template: Json) -> Past | None:
    """The newest whose template is another than that of the workload now.

    kubectl takes the second highest number, which is one too far back while the newest has not been made yet.
    """
    return next((past for past in pasts if not same(past.template, template)), None)
