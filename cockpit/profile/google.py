"""What a profile may say of Google Cloud beside Cloud Run and its logs. Docstrings are documentation here too."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cockpit.profile.fields import Comparison, Duration, Network
from cockpit.profile.section import Section, Source

_NUMBER = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_LABEL = re.compile(r"(metric\.labels|resource\.labels|metadata\.user_labels)\.[A-Za-z_][A-Za-z0-9_]*")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*@[A-Za-z0-9][A-Za-z0-9.-]+")
METRIC_PATTERN = r"^[a-z][A-Za-z0-9.-]*\.[a-z]+/[A-Za-z0-9_./%:-]+$"


def _bound(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError('must compare with a number: "> 0.8", "<= 5"')
    return text


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError('must be a label such as "metric.labels.queue" or "resource.labels.service_name"')
    return text


def _accounts(text: str) -> str:
    if text and not all(_ACCOUNT.fullmatch(each.strip()) for each in text.split(",")):
        raise ValueError('must be the e-mail address of a service account: "oncall@shop.iam.gserviceaccount.com"')
    return text


MetricBound = Annotated[Comparison, AfterValidator(_bound)]
Label = Annotated[str, AfterValidator(_label)]


class GoogleIdentity(Section):
    """As whom the cockpit works at Google Cloud."""

    impersonate: Annotated[str, AfterValidator(_accounts)] = ""
    """Service account to act as, with your own credentials behind it: "oncall@shop.iam.gserviceaccount.com". With
    commas a chain of delegates, the last is whom to act as. Without it gcloud's auth/impersonate_service_account."""


class GoogleSource(Source):
    """What every source of Google Cloud has."""

    interval: Annotated[Duration, Field(ge=1, le=3600)] = 30.0
    """Time between the starts of two polls. Quotas are shared by the project: seldom is kind."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of one poll."""
    project: str
    """Project id."""
    endpoint: str | None = None
    """Base URL of the API where it is not Google's public one."""


class CloudSqlSource(GoogleSource):
    """A Cloud SQL instance, by the Admin API. Its sessions are the business of `database`."""

    instance: str
    """Name of the instance."""
    backup_max_age: Annotated[Duration, Field(gt=0)] = 26 * 3600.0
    """A last good backup older than this is a warning, where backups are switched on."""
    bucket: str | None = None
    """gs://BUCKET/FOLDER where exports go and imports come from."""


class MemorystoreSource(GoogleSource):
    """A Memorystore for Redis instance, by its API. Its keys are the business of `redis`."""

    region: str
    """Region, e.g. europe-west1."""
    instance: str
    """Name of the instance."""


class ArmorSource(GoogleSource):
    """A Cloud Armor security policy in front of a load balancer."""

    policy: str
    """Name of the policy."""
    widest_v4: Annotated[int, Field(ge=8, le=32)] = 24
    """Shortest IPv4 prefix that may be denied: 24 allows 256 addresses at once."""
    widest_v6: Annotated[int, Field(ge=16, le=128)] = 56
    """Shortest IPv6 prefix that may be denied."""
    never: tuple[Network, ...] = ()
    """Networks that must not be denied: own offices, monitoring. Google's health checkers are added."""
    expire: Annotated[Duration, Field(ge=60)] = 24 * 3600.0
    """After this time a denied address is due to be let in again; the cockpit reminds, the policy does not end it."""


class SecretsSource(GoogleSource):
    """Secrets of Secret Manager. Values are never read."""

    interval: Annotated[Duration, Field(ge=1, le=3600)] = 120.0
    """Time between the starts of two polls."""
    names: tuple[str, ...] = ()
    """The secrets to show, by short name; without it the first 100 of the project."""
    max_age: Annotated[Duration, Field(gt=0)] | None = None
    """A newest version older than this is a warning."""
    restarts: tuple[str, ...] = ()
    """Cloud Run services of this profile to restart when one is rotated: "revisions/api"."""


class AccessSource(GoogleSource):
    """Who changed what in the project, and who was turned away."""

    interval: Annotated[Duration, Field(ge=5, le=3600)] = 60.0
    """Time between the starts of two polls; each is one or two of the project's 60 log reads a minute."""
    window: Annotated[Duration, Field(ge=300, le=7 * 86400)] = 6 * 3600.0
    """How far back the lists go."""
    failures: str = ""
    """Filter in the Logging query language for refused logins: jsonPayload.event_type="authentication_failed"."""
    many: Annotated[int, Field(ge=1)] = 20
    """So many failures within five minutes are a warning."""


class MetricPanelSpec(Section):
    """A metric of the team's own, or one that the built-in panels lack."""

    title: str
    """Title of the panel."""
    metric: Annotated[str, Field(pattern=METRIC_PATTERN, max_length=200)]
    """Metric type: "custom.googleapis.com/orders", "run.googleapis.com/request_count"."""
    resource: str = ""
    """Resource type: "cloud_run_revision"; empty for any."""
    labels: dict[Label, str] = {}
    """Labels that must be so: "metric.labels.queue" = "mail", "resource.labels.service_name" = "api"."""
    align: Literal["mean", "max", "min", "sum", "rate", "delta", "p50", "p95", "p99", "count"] = "mean"
    """How points of one minute become one. A percentile is taken over all series together."""
    reduce: Literal["none", "sum", "mean", "max", "min"] = "sum"
    """How series become one, or one for each value of `by`."""
    by: tuple[Label, ...] = ()
    """Labels that tell series apart: "metric.labels.response_code_class"."""
    unit: str = ""
    """Unit of the points: "%", "ms", "1/s", "B"; a share from 0 to 1 with "%" is shown times 100."""
    warn: MetricBound | None = None
    """Comparison that makes it a warning, in the unit of the points as they come: "> 0.8"."""
    critical: MetricBound | None = None
    """Comparison that makes it critical."""
    for_: Annotated[Duration, Field(ge=0, le=86400)] = Field(default=0.0, alias="for")
    """How long the comparison must hold without a break before it counts."""


class MetricsSource(GoogleSource):
    """Panels from Cloud Monitoring: built-in ones for the services of this profile, and the team's own."""

    interval: Annotated[Duration, Field(ge=10, le=3600)] = 60.0
    """Time between the starts of two polls; points come once a minute."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 20.0
    """Deadline of one poll."""
    window: Annotated[Duration, Field(ge=600, le=7 * 86400)] = 3600.0
    """How far back the plots go."""
    builtin: bool = True
    """Panels for the Cloud Run services, Cloud SQL and Memorystore instances of this profile in the same project."""
    vertex: bool = False
    """Panels for Vertex AI: quota and tokens used."""
    panel: tuple[MetricPanelSpec, ...] = ()
    """Further panels."""
