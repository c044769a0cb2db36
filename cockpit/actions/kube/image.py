"""Another image for one container of a workload, by digest where the digest can be known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import around
from cockpit.actions.kube.undo import affected, tight
from cockpit.actions.kube.workload import TEMPLATE, UID, WORKLOAD, Seen, WorkloadAction
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.containers import containers_of
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import part
from cockpit.adapters.kube.history import split_image
from cockpit.adapters.kube.templates import containers, images
from cockpit.adapters.kube.terms import Json
from cockpit.errors import PermissionDenied
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
)
from cockpit.model.severity import SourceKind

IMAGE = ActionSpec(
    "workloads.image",
    "Set image",
    SourceKind.WORKLOADS,
    "",
    Tier.T2,
    "Gives a container another image, by digest where the pods here tell it, and waits for the new pods.",
    (
        WORKLOAD,
        UID,
        TEMPLATE,
        Param("image", ParamKind.TEXT, "the image, with its digest or tag"),
        Param("container", ParamKind.CHOICE, "name of the container, empty where it has one only", False),
        Param("exact", ParamKind.TEXT, "yes: as it is written, also a tag", False, identity=True),
    ),
    reversible=True,
)
_IMAGE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._/-]*(:\d+/[A-Za-z0-9._/-]+)?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Named:
    """The image that is really set, and what is to be said about it."""

    image: str
    warnings: tuple[str, ...] = ()


class SetImage(WorkloadAction):
    """workloads.image."""

    DONE = "given the image"

    async def choices_among(self, param: str, given: Mapping[str, str]) -> Sequence[Choice]:
        """The containers of the workload that is chosen."""
        if param != "container" or not given.get("workload"):
            return await self.choices(param)
        kind, name = self.named(given["workload"])
        found = images(part(await self._ground.gateway.get(self.path(kind, name)), "spec", "template"))
        return [Choice(each, f"{each} ({image})", len(found) == 1) for each, image in found.items()]

    async def plan(self, request: ActionRequest) -> Plan:
        """The image before and after, the exact PATCH, its rehearsal."""
        seen = await self.see(request)
        container, refusals = _container(seen, request)
        title = f"Set the image of {seen.ref}"
        if not container or refusals:
            return self.card(
                request,
                title=title,
                target=self._ground.named(seen.ref),
                identity=self.identity(seen),
                lock=self.lock(seen.ref),
                permission=seen.permission,
                undo=Undo("nothing to undo"),
                refusals=(*seen.refusals, *refusals),
            )
        written = _Named(request.get("image"))
        named = written if request.get("exact") else await self._resolved(written.image)
        former = images(seen.template)[container]
        refusals = [*seen.refusals, *_refusals(seen, former, named.image)]
        path = self.path(seen.kind, seen.name)
        change = changing.image(path, seen.obj, container, named.image, f"image of {container}: {named.image}")
        dry_run = ""
        if not refusals:
            dry_run, refused = await self.rehearse(change)
            refusals += refused
        surroundings = await around(self._ground, seen.ref, seen.obj)
        pinned = {**request.params, "image": named.image, "container": container}
        back = {"workload": seen.ref, "uid": seen.uid, "image": former, "container": container, "exact": "yes"}
        return self.card(
            ActionRequest(request.action, request.source, pinned),
            title=f"{title} to {named.image}",
            target=self._ground.named(seen.ref),
            identity=self.identity(seen),
            lock=self.lock(seen.ref),
            permission=seen.permission,
            undo=Undo(f"set the image {former} again", ActionRequest(IMAGE.id, request.source, back)),
            refusals=refusals,
            warnings=(
                *named.warnings,
                *tight(surroundings.quotas, seen.template),
                *seen.warnings,
                *surroundings.notes,
            ),
            changes=(Change(f"image {container}", former, named.image),),
            objects=(seen.ref,),
            affected=affected(seen, surroundings.serves),
            operation=change.shown(self._ground.gateway.place.server),
            equivalent=(self._ground.kubectl("set", "image", seen.ref, f"{container}={named.image}"),),
            dry_run=dry_run,
            basis={"seen": seen, "change": change, "container": container, "image": named.image},
            deadline_s=self.following_s(seen),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then to the end of the rollout."""
        return await self.changed(plan, control)

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Another image."""
        container = str(plan.basis["container"])
        found = images(part(obj, "spec", "template")).get(container, "none")
        return "" if found == plan.basis["image"] else f"{container} has the image {found}"

    async def _resolved(self, image: str) -> _Named:
        """By digest where every pod of the namespace that runs this very tag runs the same one."""
        repository, version = split_image(image)
        if _DIGEST.fullmatch(version):
            return _Named(image)
        try:
            pods = (await self._ground.gateway.listed(path_of(changing.CORE, "pods", self._ground.namespace))).items
        except PermissionDenied:
            pods = ()
        running: dict[str, str] = {}
        for pod in pods:
            for each in containers_of(pod):
                digest = _DIGEST.search(each.image_id)
                if each.image == image and digest is not None:
                    running[digest[0]] = str(part(pod, "metadata").get("name"))
        moves = "a tag may move: what it means is decided on each node when the image is pulled"
        if not version:
            moves = f"{image} names no version: it means latest, and {moves}"
        if len(running) != 1:
            several = "pods here run it with different digests; " if running else ""
            return _Named(image, (f"{several}the digest of {image} is not known here: {moves}",))
        ((digest_said, pod_name),) = running.items()
        return _Named(
            f"{repository}@{digest_said}",
            (f"{image} is set by the digest that pod {pod_name} runs; the tag may have moved since",),
        )


def _container(seen: Seen, request: ActionRequest) -> tuple[str, list[Refusal]]:
    names = [str(each.get("name")) for _, _, each in containers(seen.template)]
    wanted, image = request.get("container"), request.get("image")
    if not _IMAGE.fullmatch(image):
        reason = f"{image!r} is no name of an image"
        return "", [Refusal("parameters", reason, "registry/repository@sha256:..., or registry/repository:tag")]
    if not wanted and len(names) == 1:
        return names[0], []
    if wanted in names:
        return wanted, []
    reason = f"{seen.ref} has no container {wanted}" if wanted else f"{seen.ref} has several containers"
    return "", [Refusal("preconditions", reason, f"container is one of: {', '.join(names)}")]


def _refusals(seen: Seen, former: str, wanted: str) -> list[Refusal]:
    if former == wanted:
        reason = f"{seen.ref} has this image already"
        return [Refusal("preconditions", reason, "nothing has to be done; to pull it again: workloads.restart")]
    if seen.paused:
        reason = f"{seen.ref} is paused: the image would wait with all else that is held back"
        return [Refusal("preconditions", reason, "resume it first (workloads.resume)")]
    return []
