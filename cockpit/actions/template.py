"""A new revision of a Cloud Run service: the same again, with other memory, or with another image.

Whether it serves is for the traffic to say. After a roll-back the template still holds the image that was left, and a
new revision would bring it back: what each action does about it is said where it is planned.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

from cockpit.actions.handler import ActionHandler
from cockpit.actions.reshape import Aim, ServiceReshape, already
from cockpit.actions.service import IDENTITY, Ground
from cockpit.actions.traffic import gcloud_update, serving_shares
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Param,
    ParamKind,
    Plan,
    Refusal,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.revisions import ServiceStatus, TemplateChange, repository
from cockpit.model.severity import SourceKind

RESTART = ActionSpec(
    "revisions.restart",
    "Restart service",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Makes a new revision of the same template, which takes over the traffic that follows the latest one.",
    IDENTITY,
    scope=Scope.SOURCE,
)
MEMORY = ActionSpec(
    "revisions.memory",
    "Change memory",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Makes a new revision with another limit of memory or CPU for each instance.",
    (
        Param("memory", ParamKind.TEXT, 'memory of an instance, e.g. "4Gi"; empty to leave it', False),
        Param("cpu", ParamKind.TEXT, 'CPUs of an instance, e.g. "2"; empty to leave it', False),
        *IDENTITY,
    ),
    scope=Scope.SOURCE,
    reversible=True,
)
DEPLOY = ActionSpec(
    "revisions.deploy",
    "Deploy image",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Makes a new revision with another image; the traffic stays as it is set.",
    (Param("image", ParamKind.TEXT, "the image, with its tag or digest"), *IDENTITY),
    scope=Scope.SOURCE,
    reversible=True,
)
SPECS = (RESTART, MEMORY, DEPLOY)
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*(:\d+/[A-Za-z0-9._/-]+)?(:[A-Za-z0-9._-]+)?(@sha256:[0-9a-f]{64})?")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G)")
_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)")
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 1e3, "M": 1e6, "G": 1e9, "m": 1e-3, "": 1.0}


class _NewRevision(ServiceReshape):
    """What all three have in common: when the new revision is one, and who gets it."""

    WHAT = "template"

    def seen(self, plan: Plan, status: ServiceStatus) -> Verification:
        """Whether there is a new revision, ready, as it was wanted, and serving where the traffic follows."""
        before = cast("ServiceStatus", plan.basis["before"])
        change = cast("TemplateChange", plan.basis["change"])
        new, serving = status.latest_created, ", ".join(serving_shares(status)) or "nothing"
        if new == before.latest_created:
            return Verification(False, f"there is no new revision; {serving} serves")
        if status.reconciling:
            return Verification(None, f"{new} is being started; {serving} serves")
        if status.latest_ready != new:
            made = status.revision(new)
            reason = (made.reason if made else "") or status.reason or "no reason was given"
            return Verification(False, f"{new} did not become ready ({reason}); {serving} serves on")
        if not _as_wanted(change, status):
            return Verification(False, f"{new} is ready, but the template is not as it was wanted: changed since?")
        share = serving_shares(status).get(new, 0)
        follows = following(status)
        return Verification(
            share >= follows, f"{new} is ready" + (f", serves {share} %" if share else ", without traffic")
        )


class Restart(_NewRevision):
    """revisions.restart."""

    def aim(self, request: ActionRequest, status: ServiceStatus) -> Aim:
        """The same template again; refused where nothing that serves would be restarted."""
        change = TemplateChange(image=_pinned_image(status))
        refusals: tuple[Refusal, ...] = ()
        warnings: list[str] = []
        if status.scaling.stopped:
            reason = f"{status.service} is stopped: no instance runs that could be restarted"
            refusals = (Refusal("preconditions", reason, "let it run again: revisions.resume"),)
        elif status.pinned:
            refusals = (_starts_nothing(status),)
        elif status.strays:
            warnings.append(
                f"{_names(status.strays)} runs another image than the template: the new revision brings"
                f" {status.template_image}"
            )
        if 0 < following(status) < 100:
            warnings.append(f"only the {following(status)} % of the traffic that follow latest get the new revision")
        stamp = f"{self._ground.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        return Aim(
            change,
            f"Restart {status.service} as a new revision",
            refusals,
            tuple(warnings),
            (_new_revision(status), *_image_change(status, change)),
            _affected(status),
            (gcloud_update(status, f"--update-env-vars=RESTARTED_AT={stamp}"),),
            Undo(
                f"cannot be undone: what the instances held in memory is gone; {status.latest_ready} is still there"
                " to roll back to"
            ),
        )


class Memory(_NewRevision):
    """revisions.memory."""

    def aim(self, request: ActionRequest, status: ServiceStatus) -> Aim:
        """The same image with other limits; refused where it would bring back an image that does not serve."""
        memory, cpu = request.get("memory"), request.get("cpu")
        change = TemplateChange(_pinned_image(status), memory, cpu)
        refusals = _bad_limits(memory, cpu)
        warnings: list[str] = []
        if not refusals and _as_wanted(replace(change, image=""), status):
            refusals = already()
        if status.strays and set(status.strays) == set(serving_shares(status)):
            refusals = (*refusals, _brings_back(status))
        elif status.strays:
            warnings.append(f"{_names(status.strays)} runs another image and keeps its limits")
        if memory and not refusals and status.memory and quantity(memory) < quantity(status.memory):
            warnings.append("less memory than now: an instance that needs more is killed")
        wanted = (("memory", status.memory, memory), ("cpu", status.cpu, cpu))
        options = [f"--{name}={after}" for name, _, after in wanted if after]
        return Aim(
            change,
            f"Give each instance of {status.service} " + " and ".join(f"{name} {to}" for name, _, to in wanted if to),
            refusals,
            (*warnings, *_unserved(status)),
            (
                *(
                    Change(f"{name} of an instance", before or "unset", after)
                    for name, before, after in wanted
                    if after
                ),
                *_image_change(status, change),
                _new_revision(status),
            ),
            _affected(status),
            (gcloud_update(status, *options),),
            _former_limits(request, status),
        )


class Deploy(_NewRevision):
    """revisions.deploy."""

    def aim(self, request: ActionRequest, status: ServiceStatus) -> Aim:
        """Another image, and who gets it."""
        image = request.get("image")
        refusals: tuple[Refusal, ...] = ()
        if not _IMAGE.fullmatch(image):
            refusals = (Refusal("parameters", f"{image!r} is no name of an image", "registry/repository:tag"),)
        warnings: list[str] = []
        if image == status.template_image and "@" not in image:
            warnings.append("the template names this image already: the new revision takes what its tag means now")
        former = _pinned_image(status) or status.template_image
        quicker = f"; quicker: roll back to {status.serving_revision}" if not status.pinned else ""
        return Aim(
            TemplateChange(image=image),
            f"Deploy {image} to {status.service}",
            refusals,
            (*warnings, *_unserved(status)),
            (Change("image", status.template_image or "unknown", image), _new_revision(status)),
            _affected(status),
            (gcloud_update(status, f"--image={image}"),),
            Undo(f"deploy {former} again{quicker}", ActionRequest(DEPLOY.id, request.source, {"image": former})),
        )


def following(status: ServiceStatus) -> int:
    """Percent of the traffic that follows the latest revision."""
    return sum(target.percent for target in status.traffic if target.latest)


def quantity(text: str) -> float:
    """Bytes, or CPUs. NaN for anything else."""
    match = _MEMORY.fullmatch(text) or _CPU.fullmatch(text)
    return float(match[1]) * _UNITS[match[2]] if match else float("nan")


def _as_wanted(change: TemplateChange, status: ServiceStatus) -> bool:
    pairs = ((change.memory, status.memory), (change.cpu, status.cpu))
    same_limits = all(not wanted or quantity(wanted) == quantity(found) for wanted, found in pairs)
    return same_limits and change.image in ("", status.template_image)


def _bad_limits(memory: str, cpu: str) -> tuple[Refusal, ...]:
    if not memory and not cpu:
        return (Refusal("preconditions", "neither memory nor cpu was given", "set one of them"),)
    if memory and not _MEMORY.fullmatch(memory):
        return (Refusal("parameters", f"{memory!r} is no amount of memory", 'as in "512Mi" or "4Gi"'),)
    if cpu and not _CPU.fullmatch(cpu):
        return (Refusal("parameters", f"{cpu!r} is no number of CPUs", 'as in "2" or "500m"'),)
    return ()


def _pinned_image(status: ServiceStatus) -> str:
    """The template's image by the digest that it ran with, as gcloud does it: a tag may have moved since. "" to leave
    it as it is written.
    """
    made = status.template_revision
    if made is None or not made.digest or "@" in status.template_image or made.image != status.template_image:
        return ""
    return f"{repository(status.template_image)}@{made.digest}"


def _image_change(status: ServiceStatus, change: TemplateChange) -> tuple[Change, ...]:
    return (Change("image, the same by digest", status.template_image, change.image),) if change.image else ()


def _new_revision(status: ServiceStatus) -> Change:
    return Change("latest revision", status.latest_created, "a new one")


def _names(revisions: tuple[str, ...]) -> str:
    return ", ".join(revisions)


def _affected(status: ServiceStatus) -> str:
    share = following(status)
    if not share:
        return f"nobody yet: the traffic of {status.service} is pinned to other revisions"
    return (
        f"{share} % of the requests to {status.service} go to the new revision once it is ready; running ones go on"
    )


def _unserved(status: ServiceStatus) -> tuple[str, ...]:
    if status.scaling.stopped:
        return ("the service is stopped: no instance runs until it is resumed",)
    if status.pinned:
        return ("it gets no traffic: the traffic is pinned, promote it to latest when it is ready",)
    return (f"it takes {following(status)} % of the traffic as soon as it is ready",)


def _serving_image(status: ServiceStatus) -> str:
    revision = status.revision(status.serving_revision)
    if revision is None:
        return "the image that serves"
    return f"{repository(revision.image)}@{revision.digest}" if revision.digest else revision.image


def _starts_nothing(status: ServiceStatus) -> Refusal:
    names = _names(tuple(serving_shares(status)))
    reason = (
        f"the traffic is pinned to {names} by name: a new revision would get none, nothing that serves would start"
    )
    if status.strays:
        hint = (
            f"the template still holds {status.template_image}: deploy {_serving_image(status)} (revisions.deploy),"
            " then promote to latest"
        )
    else:
        hint = "promote to latest first (revisions.promote), then restart"
    return Refusal("preconditions", reason, hint)


def _brings_back(status: ServiceStatus) -> Refusal:
    return Refusal(
        "preconditions",
        f"the template still holds {status.template_image}, which does not serve: a new revision would bring it back,"
        f" and {_names(status.strays)} would stay as it is",
        f"deploy {_serving_image(status)} first (revisions.deploy), then change its limits, then promote to latest",
    )


def _former_limits(request: ActionRequest, status: ServiceStatus) -> Undo:
    wanted = {"memory": status.memory, "cpu": status.cpu}
    params = {name: former for name, former in wanted.items() if request.get(name)}
    if not all(params.values()):
        return Undo("cannot be undone: the limit was not set before, its default is Cloud Run's to choose")
    text = ", ".join(f"{name} {former}" for name, former in params.items())
    return Undo(f"a further revision with {text}", ActionRequest(MEMORY.id, request.source, params))


def handlers(ground: Ground) -> list[ActionHandler]:
    """All three on one service."""
    return [Restart(RESTART, ground), Memory(MEMORY, ground), Deploy(DEPLOY, ground)]
