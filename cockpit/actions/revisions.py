"""Traffic of a Cloud Run service: roll back, promote, split, pin, restore; and the list of all actions on one.

What traffic actions share is in `shift`, limits on instances in `scaling`, a new revision in `template`, stop and
resume in `manual`, who is let in, in `ingress`, and the commands that all of them stand in for in `gcloud_run`.
"""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.actions import gcloud_run, ingress, manual, scaling, tags, template
from cockpit.actions.handler import ActionHandler, Scene
from cockpit.actions.service import IDENTITY, Ground
from cockpit.actions.shift import RESTORE, TrafficAction, Wish
from cockpit.actions.traffic import all_to, compact, parse_compact, pinned, same, serving_shares, split_to, tags_of
from cockpit.adapters.capabilities import ServiceChanging
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, ActionSpec, Choice, Param, ParamKind, Refusal, Scope, Tier
from cockpit.model.revisions import ServiceStatus
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Limits

ROLLBACK = ActionSpec(
    "revisions.rollback",
    "Roll back",
    SourceKind.REVISIONS,
    "R",
    Tier.T2,
    "Gives all traffic to an earlier revision: the one under the cursor, or the one that served before.",
    (
        Param("revision", ParamKind.CHOICE, "revision to serve, empty for the previous one", False, identity=True),
        *IDENTITY,
    ),
    reversible=True,
    short="Roll back",
)
PROMOTE = ActionSpec(
    "revisions.promote",
    "Promote",
    SourceKind.REVISIONS,
    "P",
    Tier.T2,
    "Gives all traffic to the latest revision, and to every later deployment, or to the revision behind a tag.",
    (Param("to", ParamKind.CHOICE, "latest, or a tag"), *IDENTITY),
    reversible=True,
)
SPLIT = ActionSpec(
    "revisions.split",
    "Split traffic",
    SourceKind.REVISIONS,
    "T",
    Tier.T2,
    "Gives a share of the traffic to the revision under the cursor; the others shrink in proportion.",
    (
        Param("revision", ParamKind.CHOICE, "revision that gets the share", identity=True),
        Param("percent", ParamKind.INTEGER, "its share of the traffic, 0 to 99"),
        Param("tag", ParamKind.CHOICE, "in place of revision: the one behind this tag", False, identity=True),
        *IDENTITY,
    ),
    reversible=True,
)
PIN = ActionSpec(
    "revisions.pin",
    "Pin traffic",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Pins the traffic that follows the latest revision to the one that it means now; later deployments get none.",
    IDENTITY,
    scope=Scope.SOURCE,
    reversible=True,
)
SPECS = (
    ROLLBACK,
    PROMOTE,
    scaling.SCALE,
    SPLIT,
    RESTORE,
    scaling.RESTORE_SCALE,
    PIN,
    *template.SPECS,
    *manual.SPECS,
    *ingress.SPECS,
    *tags.SPECS,
)
REPLACES = gcloud_run.replacements(SPECS)


class Rollback(TrafficAction):
    """revisions.rollback."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """The revisions to go back to, the previous one recommended."""
        return _candidates(await self._adapter.read_service()) if param == "revision" else ()

    def wish(self, request: ActionRequest, status: ServiceStatus) -> Wish:
        """All traffic to the named or the previous revision."""
        name, why, warnings = request.get("revision"), "", []
        if not name:
            if status.previous is None:
                reason = "no revision is known that served before"
                return Wish(None, "Roll back", (Refusal("preconditions", reason, "choose one in the list"),))
            name = status.previous.revision
            why = f"{name}: {status.previous.evidence}"
            if not status.previous.certain:
                warnings.append(f"{name} is {status.previous.evidence}: make sure that it was good")
        if serving_shares(status) == {name: 100}:
            hint = "choose another revision" + ("" if status.pinned else ", or pin the traffic to it (revisions.pin)")
            already = Refusal("preconditions", f"{name} serves 100 % already", hint)
            return Wish(None, f"Roll back to {name}", (already,))
        wanted, serving = status.revision(name), status.revision(status.serving_revision)
        if wanted is not None and serving is not None and wanted.digest and wanted.digest == serving.digest:
            warnings.append(f"{name} runs the same image as {serving.name}: only settings differ")
        if wanted is not None and serving is not None and wanted.created > serving.created:
            warnings.append(f"{name} is newer than {serving.name}: this goes forward, not back")
        return Wish(all_to(name, status.traffic), f"Roll back to {name}", warnings=tuple(warnings), why=why)


class Promote(TrafficAction):
    """revisions.promote."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Latest and the tags, each with its revision."""
        if param != "to":
            return ()
        status = await self._adapter.read_service()
        latest = Choice("latest", f"latest ({status.latest_ready}), follows new deployments", True)
        return [latest, *_tags(status)]

    def wish(self, request: ActionRequest, status: ServiceStatus) -> Wish:
        """All traffic to latest, or to the revision behind the tag."""
        to = request.get("to")
        if to == "latest":
            warnings = ["every new deployment then gets all traffic at once"]
            if status.latest_created != status.latest_ready:
                warnings.append(
                    f"the latest deployment {status.latest_created} is not ready: {status.latest_ready} would serve"
                )
            title = f"Promote latest ({status.latest_ready})"
            return Wish(all_to("", status.traffic), title, warnings=tuple(warnings))
        tagged = next((target for target in status.traffic if target.tag == to), None)
        if tagged is None:
            return Wish(None, f"Promote {to}", (_no_tag(to, status),))
        name = tagged.revision or status.latest_ready
        return Wish(all_to(name, status.traffic), f"Promote {to} ({name})")


class Split(TrafficAction):
    """revisions.split."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """The revisions that can be given a share, the previous one recommended; the tags."""
        if param not in ("revision", "tag"):
            return ()
        status = await self._adapter.read_service()
        return _candidates(status) if param == "revision" else _tags(status)

    def wish(self, request: ActionRequest, status: ServiceStatus) -> Wish:
        """A share for the revision, the rest in proportion."""
        name, percent, tag = request.get("revision"), int(request.get("percent")), request.get("tag")
        if tag and not name:
            tagged = next((target for target in status.traffic if target.tag == tag), None)
            if tagged is None:
                return Wish(None, f"Give {percent} % to {tag}", (_no_tag(tag, status),))
            name = tagged.revision or status.latest_ready
        title = f"Give {percent} % to {name}"
        if not name:
            return Wish(None, title, (Refusal("identity", "no revision was named", "set revision"),))
        if not 0 <= percent <= 99:
            hint = "use roll back for 100 %"
            return Wish(None, title, (Refusal("preconditions", "the share must be 0 to 99 %", hint),))
        try:
            targets = split_to(name, percent, status)
        except ValueError as error:
            return Wish(None, title, (Refusal("preconditions", str(error), "choose another revision"),))
        return Wish(targets, title)


class Restore(TrafficAction):
    """revisions.restore."""

    def wish(self, request: ActionRequest, status: ServiceStatus) -> Wish:
        """The list as given, while nobody has changed it since."""
        try:
            targets = parse_compact(request.get("traffic"))
            expected = parse_compact(request.get("expect")) if request.get("expect") else None
        except ValueError as error:
            raise Refused("parameters", f"traffic or expect: {error}") from error
        if expected is not None and not same(expected, status.traffic):
            reason = f"the traffic was changed since: it is {compact(status.traffic)}, not {compact(expected)}"
            refusal = Refusal("preconditions", reason, "plan a roll-back or a split from what is now")
            return Wish(None, "Restore traffic", (refusal,))
        if request.get("tags") == "keep":
            given = {target.tag for target in targets if target.tag}
            targets = (*targets, *(each for each in tags_of(status.traffic) if each.tag not in given))
        meant, now = request.get("latest"), status.latest_ready
        warnings: tuple[str, ...] = ()
        if meant and meant != now and any(target.latest for target in targets):
            warnings = (f"latest is {now} now; it was {meant} when this list was in force: {now} takes its place",)
        return Wish(targets, "Restore traffic", warnings=warnings)


class Pin(TrafficAction):
    """revisions.pin."""

    def wish(self, request: ActionRequest, status: ServiceStatus) -> Wish:
        """The list as it is, with what latest means now by its name."""
        if status.pinned:
            reason = f"no traffic follows the latest revision: it is pinned already ({compact(status.traffic)})"
            return Wish(None, "Pin traffic", (Refusal("preconditions", reason, "nothing has to be done"),))
        warnings = ("nothing is started or stopped by this: no request changes its revision",)
        return Wish(pinned(status), f"Pin traffic to {status.latest_ready}", warnings=warnings)


def _candidates(status: ServiceStatus) -> list[Choice]:
    """What could be given traffic, newest first, with what a person tells revisions apart by."""
    previous = status.previous.revision if status.previous else ""
    shares = serving_shares(status)
    found: list[Choice] = []
    for revision in status.revisions:
        if revision.state not in ("ready", "retired") or shares.get(revision.name) == 100:
            continue
        image = revision.image.rpartition("/")[2]
        label = f"{revision.name}, {revision.created:%Y-%m-%d %H:%M} UTC, {image}"
        if revision.name in shares:
            label += f", serves {shares[revision.name]} %"
        if revision.name == previous and status.previous is not None:
            label += f" ({status.previous.evidence})"
        found.append(Choice(revision.name, label, revision.name == previous))
    return found


def _tags(status: ServiceStatus) -> list[Choice]:
    return [
        Choice(target.tag, f"tag {target.tag} ({target.revision or status.latest_ready})")
        for target in status.traffic
        if target.tag
    ]


def _no_tag(tag: str, status: ServiceStatus) -> Refusal:
    tags = ", ".join(target.tag for target in status.traffic if target.tag) or "none"
    return Refusal("preconditions", f"there is no tag {tag!r}", f"tags: {tags}")


def handlers(
    source_id: str,
    adapter: ServiceChanging,
    scene: Scene,
    limits: Limits,
    clock: Clock,
) -> list[ActionHandler]:
    """All actions on one Cloud Run service."""
    ground = Ground(source_id, adapter, scene, clock)
    return [
        Rollback(ROLLBACK, ground),
        Promote(PROMOTE, ground),
        scaling.Scale(scaling.SCALE, ground),
        Split(SPLIT, ground),
        Restore(RESTORE, ground),
        scaling.Scale(scaling.RESTORE_SCALE, ground),
        Pin(PIN, ground),
        *template.handlers(ground),
        *manual.handlers(ground),
        *ingress.handlers(ground),
        *tags.handlers(ground),
    ]
