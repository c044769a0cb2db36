"""A deployed service: its revisions, and which of them serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


def repository(image: str) -> str:
    """An image without its tag and digest: "registry:5000/team/shop"."""
    named = image.partition("@")[0]
    head, colon, tail = named.rpartition(":")
    return head if colon and "/" not in tail else named


@dataclass(frozen=True, slots=True)
class TrafficTarget:
    """One entry of the wanted traffic. `revision` "" means: whatever is latest."""

    revision: str
    percent: int
    tag: str = ""

    @property
    def latest(self) -> bool:
        """Follows new deployments."""
        return not self.revision


@dataclass(frozen=True, slots=True)
class ServingShare:
    """One entry of the traffic as it is (trafficStatuses), LATEST resolved to a revision."""

    revision: str
    percent: int
    tag: str = ""
    latest: bool = False
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One immutable deployment."""

    name: str
    created: datetime
    image: str  # as written in the template, tag included
    digest: str  # sha256:..., "" while unknown
    state: str  # "ready", "failed", "deploying", "retired"
    reason: str = ""  # the platform's own reason when not ready
    percent: int = 0  # of the traffic as it is
    tags: tuple[str, ...] = ()
    deployed_by: str = ""
    min_instances: int = 0
    max_instances: int = 0


@dataclass(frozen=True, slots=True)
class Scaling:
    """Limits at service level; 0 means unset."""

    min_instances: int = 0
    max_instances: int = 0
    mode: str = ""  # "AUTOMATIC", "MANUAL", ""
    manual_instances: int | None = None

    @property
    def manual(self) -> bool:
        """As many instances as `manual_instances` says, whatever the traffic is."""
        return self.mode.upper() == "MANUAL"

    @property
    def stopped(self) -> bool:
        """No instance, and none will be started."""
        return self.manual and self.manual_instances == 0


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that Cloud Run says of a service, such as "RoutesReady"; the overall one is "Ready"."""

    kind: str
    state: str  # "ok", "failed", "pending", "unknown"
    said: str = ""  # reason and message
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What a new revision would be made with, beside image, memory and CPU; 0 and "" where unset."""

    concurrency: int = 0  # requests at once in an instance
    timeout_s: float = 0.0
    account: str = ""  # service account
    variables: tuple[str, ...] = ()  # names only: a value may be a secret


@dataclass(frozen=True, slots=True)
class PreviousServing:
    """The revision that served before the one that serves now, and how that is known."""

    revision: str
    evidence: str  # a sentence
    certain: bool  # False for a guess: the plan then asks


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service, once."""

    project: str
    region: str
    service: str
    name: str  # full resource name
    uid: str
    etag: str
    generation: int
    reconciling: bool
    state: str  # "ready", "failed", "deploying", "unknown"
    reason: str
    latest_ready: str  # short revision names
    latest_created: str
    template_image: str
    scaling: Scaling
    traffic: tuple[TrafficTarget, ...]  # wanted
    serving: tuple[ServingShare, ...]  # as it is
    revisions: tuple[Revision, ...]  # newest first
    previous: PreviousServing | None
    updated: datetime | None
    last_modifier: str = ""
    uri: str = ""
    notes: tuple[str, ...] = ()
    memory: str = ""  # limits of the template's serving container: "512Mi"
    cpu: str = ""  # "1", "1000m"
    ingress: str = ""  # "all", "internal", "internal-and-cloud-load-balancing"; "" while unknown
    secrets: tuple[tuple[str, str], ...] = ()  # that the template reads: short name and version, "latest" or a number
    conditions: tuple[Condition, ...] = ()  # the overall one first
    template: TemplateFacts = TemplateFacts()

    @property
    def serving_revision(self) -> str:
        """The revision with most traffic, "" for none."""
        shares = [share for share in self.serving if share.percent > 0]
        return max(shares, key=lambda share: share.percent).revision if shares else ""

    @property
    def pinned(self) -> bool:
        """No entry follows the latest revision: a new deployment would get no traffic."""
        return not any(target.latest and target.percent > 0 for target in self.traffic)

    def revision(self, name: str) -> Revision | None:
        """By short name."""
        return next((revision for revision in self.revisions if revision.name == name), None)

    @property
    def template_revision(self) -> Revision | None:
        """The revision that was made from the template as it is."""
        return self.revision(self.latest_created)

    @property
    def strays(self) -> tuple[str, ...]:
        """Revisions with traffic that run another image than the template holds, most traffic first.

        Digests are compared where both are known: a tag may have moved since. After a roll-back this names the
        revision that serves, since the template still holds what was rolled back.
        """
        made = self.template_revision
        shares = sorted((share for share in self.serving if share.percent > 0), key=lambda share: -share.percent)
        found: dict[str, None] = {}
        for share in shares:
            revision = self.revision(share.revision)
            if revision is None:
                continue
            if made is not None and made.digest and revision.digest:
                differs = made.digest != revision.digest
            else:
                differs = self.template_image != revision.image
            if differs:
                found[revision.name] = None
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ServiceBrief:
    """One service of a list over all regions; what is not told is empty."""

    name: str
    region: str
    state: str  # "ready", "failed", "deploying", "unknown"
    said: str = ""  # why, where it is not ready
    latest_ready: str = ""
    uri: str = ""


INGRESS = ("all", "internal", "internal-and-cloud-load-balancing")


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """A new revision of the template, with what is set here; nothing set: the same again."""

    image: str = ""
    memory: str = ""
    cpu: str = ""


@dataclass(frozen=True, slots=True)
class IngressChange:
    """From where requests are let in: one of INGRESS."""

    ingress: str


@dataclass(frozen=True, slots=True)
class ModeChange:
    """How instances are counted: `manual` of them whatever the traffic is, or None for automatic with these limits.

    Cloud Run unsets both limits when it becomes manual; 0 is unset.
    """

    manual: int | None
    min_instances: int = 0
    max_instances: int = 0


ServiceChange = TemplateChange | IngressChange | ModeChange
