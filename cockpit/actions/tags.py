"""Tags of a Cloud Run service: a URL of its own for one revision, without a share of the traffic."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.actions.handler import ActionHandler
from cockpit.actions.service import IDENTITY, Ground
from cockpit.actions.shift import TrafficAction, Wish
from cockpit.actions.traffic import gcloud_traffic_flag
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Choice,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Verification,
)
from cockpit.model.revisions import ServiceStatus, TrafficTarget
from cockpit.model.severity import SourceKind

TAG = ActionSpec(
    "revisions.tag",
    "Tag revision",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Gives a revision a tag, and with it a URL of its own; moves the tag where another revision has it.",
    (
        Param("tag", ParamKind.TEXT, "the tag: lower-case letters, digits and hyphens"),
        Param("revision", ParamKind.CHOICE, "revision that gets it", identity=True),
        *IDENTITY,
    ),
    reversible=True,
)
UNTAG = ActionSpec(
    "revisions.untag",
    "Remove tag",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Takes a tag away; its URL stops working, the traffic stays as it is.",
    (Param("tag", ParamKind.CHOICE, "the tag"), *IDENTITY),
    reversible=True,
)
SPECS = (TAG, UNTAG)
# https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration#tags; with the service's name at most 46.
_TAG = re.compile(r"[a-z](?:[a-z0-9-]{0,44}[a-z0-9])?")
_TOGETHER = 46


class Tag(TrafficAction):
    """revisions.tag and revisions.untag."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """The revisions that could serve; the tags that there are."""
        status = await self._adapter.read_service()
        if param == "revision":
            shown = [each for each in status.revisions if each.state in ("ready", "retired")]
            return [Choice(each.name, f"{each.name}, {each.created:%Y-%m-%d %H:%M} UTC") for each in shown]
        if param == "tag" and self.spec.id == UNTAG.id:
            return [Choice(target.tag, f"{target.tag} ({_holder(target, status)})") for target in _tagged(status)]
        return ()

    def wish(self, request: ActionRequest, status: ServiceStatus) -> Wish:
        """The list as it is, with the tag on that revision, or on none."""
        tag, name = request.get("tag"), request.get("revision")
        held = next((target for target in _tagged(status) if target.tag == tag), None)
        rest = tuple(_without(target, tag) for target in status.traffic if target.tag != tag or target.percent)
        if self.spec.id == UNTAG.id:
            if held is None:
                known = ", ".join(target.tag for target in _tagged(status)) or "none"
                return Wish(
                    None,
                    f"Remove tag {tag}",
                    (Refusal("preconditions", f"there is no tag {tag!r}", f"tags: {known}"),),
                )
            return Wish(
                rest, f"Remove tag {tag} from {_holder(held, status)}", warnings=(f"the URL of {tag} stops working",)
            )
        title = f"Tag {name} as {tag}"
        if not _TAG.fullmatch(tag) or len(tag) + len(status.service) > _TOGETHER:
            hint = f"lower-case letters, digits, hyphens; with the service's name at most {_TOGETHER} characters"
            return Wish(None, title, (Refusal("parameters", f"{tag!r} is no tag", hint),))
        revision = status.revision(name)
        if revision is None or revision.state not in ("ready", "retired"):
            state = "does not exist (any more)" if revision is None else f"is {revision.state}"
            return Wish(None, title, (Refusal("preconditions", f"{name} {state}", "choose another revision"),))
        moves = held is not None and _holder(held, status) != name
        warnings = (f"{tag} leaves {_holder(held, status)}",) if moves and held is not None else ()
        return Wish((*rest, TrafficTarget(name, 0, tag)), title, warnings=warnings)

    def by_hand(
        self, request: ActionRequest, status: ServiceStatus, targets: Sequence[TrafficTarget]
    ) -> tuple[str, ...]:
        """update-traffic with the tag alone."""
        tag = request.get("tag")
        flag = (
            f"--remove-tags={tag}" if self.spec.id == UNTAG.id else f"--update-tags={tag}={request.get('revision')}"
        )
        return gcloud_traffic_flag(status, flag)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether the list has the tag where it belongs."""
        status = await self._adapter.read_service()
        tag = plan.request.get("tag")
        held = next((target for target in _tagged(status) if target.tag == tag), None)
        found = _holder(held, status) if held is not None else ""
        where = f"{tag} is at {found}" if found else f"there is no tag {tag}"
        return Verification(found == plan.request.get("revision"), where)


def _tagged(status: ServiceStatus) -> tuple[TrafficTarget, ...]:
    return tuple(target for target in status.traffic if target.tag)


def _holder(target: TrafficTarget, status: ServiceStatus) -> str:
    return target.revision or status.latest_ready


def _without(target: TrafficTarget, tag: str) -> TrafficTarget:
    return TrafficTarget(target.revision, target.percent) if target.tag == tag else target


def handlers(ground: Ground) -> list[ActionHandler]:
    """Both on one service."""
    return [Tag(TAG, ground), Tag(UNTAG, ground)]
