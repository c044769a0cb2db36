"""What a workload ran before: ReplicaSets of a deployment, ControllerRevisions of the others, and how they differ.

Values of environment variables and command lines are not shown: they may be secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cockpit.adapters.kube import templates
from cockpit.adapters.kube.fields import (
    annotations_of,
    created_of,
    labels_of,
    name_of,
    number,
    part,
    parts,
    text,
    uid_of,
)
from cockpit.adapters.kube.terms import Json
from cockpit.model.workloads import Pod, RolloutRevision
from cockpit.text import clean

REVISION = "deployment.kubernetes.io/revision"
CAUSE = "kubernetes.io/change-cause"
_MOST = 12
_VALUE = 60


def revision_of(obj: Json) -> int:
    """deployment.kubernetes.io/revision, 0 where there is none."""
    written = annotations_of(obj).get(REVISION, "")
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 10 else 0


def images_of(template: Json) -> tuple[tuple[str, str], ...]:
    """(container, image) of a pod template, init containers last."""
    both = (*parts(template, "spec", "containers"), *parts(template, "spec", "initContainers"))
    return tuple((text(each.get("name"), 253), text(each.get("image"), 500)) for each in both)


def from_replica_set(obj: Json, template: Json) -> RolloutRevision:
    """One entry; `template` is the deployment's now."""
    own = part(obj, "spec", "template")
    differs = differences(template, own)
    return RolloutRevision(
        revision=revision_of(obj),
        name=name_of(obj),
        uid=uid_of(obj),
        created=created_of(obj),
        images=images_of(own),
        change_cause=annotations_of(obj).get(CAUSE, ""),
        replicas=number(part(obj, "status").get("replicas")),
        ready=number(part(obj, "status").get("readyReplicas")),
        current=not differs,
        differs=differs,
    )


def from_controller_revision(obj: Json, template: Json, pods: Sequence[Pod]) -> RolloutRevision:
    """One entry of a stateful set or daemon set, with its pods counted by their label."""
    own = part(obj, "data", "spec", "template")
    differs = differences(template, own)
    marks = {name_of(obj), labels_of(obj).get("controller-revision-hash", "")} - {""}
    mine = [pod for pod in pods if pod.template_hash in marks]
    return RolloutRevision(
        revision=number(obj.get("revision")),
        name=name_of(obj),
        uid=uid_of(obj),
        created=created_of(obj),
        images=images_of(own),
        change_cause=annotations_of(obj).get(CAUSE, ""),
        replicas=len(mine),
        ready=sum(pod.ready == pod.total and pod.total > 0 and not pod.deleting for pod in mine),
        current=not differs,
        differs=differs,
    )


def newest_first(found: Iterable[RolloutRevision]) -> tuple[RolloutRevision, ...]:
    """By number; of several with the same template only the newest is the current one."""
    ordered = sorted(found, key=lambda each: (each.revision, each.created), reverse=True)
    return tuple(ordered)


def differences(now: Json, then: Json) -> tuple[str, ...]:
    """What `then` has otherwise than `now`, in words: "image api: v2 -> v1". Empty where they are the same."""
    lines = [_line(*each) for each in templates.differences(now, then)]
    return (*lines[:_MOST], f"and {len(lines) - _MOST} more") if len(lines) > _MOST else tuple(lines)


def _line(what: str, before: str, after: str) -> str:
    if what.startswith("image "):
        return f"{what}: {image_change(before, after)}"
    if before.startswith(templates.MASKED) and after.startswith(templates.MASKED):
        return f"{what}: another value"
    return f"{what}: {clean(before, _VALUE)} -> {clean(after, _VALUE)}"


def image_change(before: str, after: str) -> str:
    """ "v2 -> v1" where only the tag is another, else both whole."""
    one, two = split_image(before), split_image(after)
    if one[0] == two[0] and one[1] and two[1]:
        return f"{_tag(one[1])} -> {_tag(two[1])}"
    return f"{before} -> {after}"


def split_image(image: str) -> tuple[str, str]:
    """Repository, and tag or digest."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    head, slash, last = image.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{head}{slash}{name}", tag


def _tag(tag: str) -> str:
    return tag if not tag.startswith("sha256:") else f"sha256:{tag[7:19]}"
