"""What a profile may say. Every field's docstring is its documentation, in the generated schema too.

Frozen; unknown keys are refused; durations are text ("10s", "5m", "2h", "1d") or a number of seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from cockpit.profile.consistency import (
    SOURCE_IDS,
    Conflict,
    block_conflicts,
    log_conflicts,
    profile_conflicts,
    redis_conflicts,
    runbook_conflicts,
    threshold_conflicts,
)
from cockpit.profile.database import DatabaseSource as DatabaseSource
from cockpit.profile.delivery import GithubSource, TeamScript
from cockpit.profile.docker import ComposeService, DockerSource, RenderSource
from cockpit.profile.fields import Comparison, Duration, Headers, Name, Network, RedisUrl, Url
from cockpit.profile.fields import parse_duration as parse_duration
from cockpit.profile.google import (
    AccessSource,
    ArmorSource,
    CloudSqlSource,
    GoogleIdentity,
    MemorystoreSource,
    MetricsSource,
    SecretsSource,
)
from cockpit.profile.kube import KubernetesSource, ObjectName, PrometheusSource, WorkloadName
from cockpit.profile.secrets import SecretRef
from cockpit.profile.section import Section as Section
from cockpit.profile.section import Source as Source


class Threshold(Section):
    """A bound on one value of a JSON body."""

    path: str
    """JMESPath to a number, string or boolean, e.g. "jobs.stuck" or "length(errors)"."""
    warn: Comparison | None = None
    """Comparison that makes it a warning: "> 5", ">= 0.9", "== false", "!= ok"."""
    critical: Comparison | None = None
    """Comparison that makes it critical."""
    for_: Annotated[Duration, Field(ge=0, le=86400)] = Field(default=0.0, alias="for")
    """How long the comparison must hold without a break before it counts."""
    playbook: str | None = None
    """Heading of the runbook that the guide suggests first when this bound is broken."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return threshold_conflicts(entry)


class HealthSource(Source):
    """An HTTP endpoint that says how the system is."""

    url: Url
    """Where to ask."""
    method: Literal["GET", "HEAD", "POST"] = "GET"
    """HTTP method."""
    headers: Headers = {}
    """Extra request headers; a value may be a secret reference."""
    bearer: SecretRef | None = None
    """Token for the Authorization header."""
    body: str | None = None
    """Request body for POST."""
    expect: tuple[Annotated[int, Field(ge=100, le=599)], ...] = (200,)
    """HTTP statuses that are fine."""
    check: tuple[Threshold, ...] = ()
    """Thresholds on the JSON body."""
    slow: Annotated[Duration, Field(gt=0)] | None = None
    """Latency above which the endpoint is a warning."""
    verify_tls: bool = True
    """Set to false only for a certificate that cannot be valid; the pane then says so."""
    ca_file: str | None = None
    """PEM file of the authority that signs this host, where it is not a public one."""


class RedisSource(Source):
    """A Redis or Valkey server, standalone or replica, 6 to 8."""

    url: RedisUrl = "redis://localhost:6379/0"
    """redis://, rediss:// or unix:// URL without a password, or a reference to a URL with one."""
    username: str | None = None
    """ACL user."""
    password: SecretRef | None = None
    """Reference to the password."""
    ca_file: str | None = None
    """PEM file of the authority that signs the server's certificate."""
    memory_warn: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of the memory limit in use that is a warning."""
    memory_critical: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Share of the memory limit in use that is critical."""
    shared: bool = False
    """Other systems use this server too: FLUSHDB and deletion say so and need the next tier."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return redis_conflicts(entry)


class CloudRunSource(Source):
    """A Cloud Run service."""

    interval: Annotated[Duration, Field(ge=0.2, le=3600)] = 5.0
    """Time between the starts of two polls."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of one poll."""
    project: str
    """Project id."""
    region: str
    """Region, e.g. europe-west1."""
    service: str
    """Service name."""
    endpoint: str | None = None
    """Base URL of the API where it is not Google's public one."""
    audit_log: bool = True
    """Look into the Admin Activity log for who deployed and what served before."""


class LogSource(Source):
    """A log to follow."""

    interval: Annotated[Duration, Field(ge=0.1, le=3600)] = 5.0
    """Time between the starts of two reads. Cloud Logging allows 60 reads a minute for the whole project; a file is
    read every second unless this is set."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of one read."""
    type: Literal["cloud_logging", "file", "kubernetes", "docker", "render"]
    """Where the log is."""
    project: str | None = None
    """cloud_logging: project id."""
    filter: str = ""
    """cloud_logging: filter in the Logging query language; timestamp bounds are added. render: NAME=VALUE pairs, such
    as "level=error type=app", and words of the text."""
    endpoint: str | None = None
    """cloud_logging: base URL of the API where it is not Google's public one."""
    path: str | None = None
    """file: the file to follow by name, across rotation."""
    cluster: Name | None = None
    """kubernetes: name of the kubernetes table where the pods are."""
    workload: WorkloadName | None = None
    """kubernetes: whose pods; all of them and all their containers are merged."""
    selector: str = ""
    """kubernetes: label selector of the pods, where no workload is named; without both the whole namespace."""
    container: ObjectName | None = None
    """kubernetes: only this container of each pod."""
    engine: Name | None = None
    """docker: name of the docker table where the containers are."""
    service: ComposeService | None = None
    """docker: only the containers of this service; render: only this service, by its id."""
    render: Name | None = None
    """render: name of the render table whose services log."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return log_conflicts(entry)


class HttpAction(Section):
    """A change that the system offers over HTTP: maintenance mode, rate limit, cache-only."""

    name: Name
    """Short name: health.call offers it under this."""
    title: str
    """What it does, in a few words."""
    url: Url
    """Where to send it."""
    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    """HTTP method."""
    headers: Headers = {}
    """Extra request headers; a value may be a secret reference."""
    bearer: SecretRef | None = None
    """Token for the Authorization header."""
    body: str | None = None
    """Literal request body."""
    tier: Literal["T2", "T3", "T4"] = "T2"
    """How much confirmation it needs; never less than T2."""
    affects: str = "all users of the system"
    """Who will feel it."""
    expect: tuple[Annotated[int, Field(ge=100, le=599)], ...] = (200, 201, 202, 204)
    """HTTP statuses that mean it was done."""
    verify_url: Url | None = None
    """Where the effect can be read back (GET)."""
    verify_path: str | None = None
    """JMESPath into the answer of verify_url."""
    verify_equals: str | None = None
    """What verify_path must then be."""
    undo: Name | None = None
    """The name of the action that takes this one back."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of the request."""


class BlockAction(Section):
    """How a client address is kept out. `{ip}` is replaced in whole words only after it parsed as an address."""

    command: tuple[str, ...]
    """argv, e.g. ["gcloud", "compute", ..., "--src-ip-ranges={ip}"]; never given to a shell."""
    undo: tuple[str, ...] | None = None
    """argv that lifts the block."""
    run: bool = False
    """False: the cockpit only offers the command to copy. True: it may run it, guarded."""
    never: tuple[Network, ...] = ()
    """Addresses or networks that must not be blocked: own offices, health checkers, proxies."""
    timeout: Annotated[Duration, Field(ge=1, le=600)] = 60.0
    """Deadline of the command."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return block_conflicts(entry)


class RunbookFiles(Section):
    """The team's Markdown runbook, and what its commands need here. Paths are relative to the profile's folder."""

    files: tuple[str, ...]
    """Markdown files, read as one runbook. Nothing of it runs before somebody accepted its text."""
    targets: dict[str, str] = {}
    """A name in the runbook's commands = the source that it means here: "shop-db" = "database/orders"."""
    env: dict[str, SecretRef] = {}
    """Variables for the commands that run as scripts, as secret references; their values are masked in the output."""
    pass_env: tuple[str, ...] = ()
    """Variables of your shell that scripts get as they are, shown on the plan: "KUBECONFIG", "SSH_AUTH_SOCK". They
    decide where a tool goes, so nothing is passed that is not named here. Secrets go into env, as references."""
    script_timeout: Annotated[Duration, Field(ge=1, le=8 * 3600)] = 600.0
    """Deadline of one command that runs as a script; then it is ended with everything that it started."""
    working_directory: str | None = None
    """Folder in which scripts run; without it that of the first file."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return runbook_conflicts(entry)


class ContactPerson(Section):
    """Somebody to call."""

    role: str
    """What they are called for: "on call", "database administrator"."""
    name: str = ""
    """Who it is."""
    reach: str = ""
    """Phone, mail, handle or pager; several with commas between them."""
    when: str = ""
    """What for, or after how long."""


class SeverityScale(Section):
    """One level of the scale that incidents are rated on, the worst first."""

    name: str
    """Its name: "P1", "SEV2"."""
    meaning: str = ""
    """What an incident of this level is like."""
    response: str = ""
    """How soon somebody must be at it, as the team says it: "15 minutes"."""


class Arming(Section):
    """How long the cockpit may stay armed."""

    duration: Annotated[Duration, Field(ge=30, le=8 * 3600)] = 600.0
    """Default time until it drops back to OBSERVE."""
    idle: Annotated[Duration, Field(ge=10, le=8 * 3600)] = 300.0
    """Time without a key after which it drops."""


class Limits(Section):
    """Blast caps: above them an action needs the next tier."""

    sessions: Annotated[int, Field(ge=1)] = 20
    """Database sessions ended by one action."""
    sessions_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of all sessions ended by one action."""
    keys: Annotated[int, Field(ge=1)] = 100_000
    """Redis keys deleted by one action."""
    keys_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the database's keys deleted by one action."""
    rows: Annotated[int, Field(ge=1)] = 10_000
    """Rows of a table changed by one statement."""
    rows_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of a table's rows changed by one statement."""
    pods: Annotated[int, Field(ge=1)] = 50
    """Pods that one action deletes, evicts or isolates."""
    t4_delay: Annotated[Duration, Field(ge=0, le=86400)] = 300.0
    """Delay before a T4 action runs when no second person approves it."""
    approvals: str | None = None
    """Folder, writable by the team, in which a second person's `cockpit approve` leaves approvals."""
    watch: Annotated[Duration, Field(ge=0, le=3600)] = 120.0
    """How long the effect of an action is watched."""


class Profile(Section):
    """One system in one environment."""

    system: Name
    """What is on call for."""
    environment: Name
    """production, staging ...: part of what must be typed to confirm."""
    read_only: bool = False
    """True: this cockpit can never be armed."""
    health: tuple[HealthSource, ...] = ()
    """HTTP endpoints that say how the system is."""
    database: tuple[DatabaseSource, ...] = ()
    """PostgreSQL servers."""
    redis: tuple[RedisSource, ...] = ()
    """Redis or Valkey servers."""
    cloud_run: tuple[CloudRunSource, ...] = ()
    """Cloud Run services, with their revisions."""
    logs: tuple[LogSource, ...] = ()
    """Logs to follow."""
    metrics: tuple[MetricsSource, ...] = ()
    """Plots from Cloud Monitoring."""
    cloud_sql: tuple[CloudSqlSource, ...] = ()
    """Cloud SQL instances."""
    memorystore: tuple[MemorystoreSource, ...] = ()
    """Memorystore for Redis instances."""
    armor: tuple[ArmorSource, ...] = ()
    """Cloud Armor policies."""
    secrets: tuple[SecretsSource, ...] = ()
    """Secrets of Secret Manager."""
    access: tuple[AccessSource, ...] = ()
    """Who changed what, and who was turned away."""
    kubernetes: tuple[KubernetesSource, ...] = ()
    """Namespaces of Kubernetes clusters: their workloads, and the cluster around them."""
    prometheus: tuple[PrometheusSource, ...] = ()
    """Prometheus servers, with the queries to plot."""
    docker: tuple[DockerSource, ...] = ()
    """Compose projects on Docker engines, or on Podman."""
    render: tuple[RenderSource, ...] = ()
    """Services and data stores at Render."""
    github: tuple[GithubSource, ...] = ()
    """Repositories at GitHub, with what was deployed from them."""
    script: tuple[TeamScript, ...] = ()
    """Commands of the team."""
    google: GoogleIdentity = GoogleIdentity()
    """The account at Google Cloud, for all its sources."""
    http_action: tuple[HttpAction, ...] = ()
    """Changes that the system offers over HTTP."""
    block: BlockAction | None = None
    """How a client address is kept out."""
    runbook: RunbookFiles | None = None
    """The runbook that the guide shows."""
    contact: tuple[ContactPerson, ...] = ()
    """Who to call."""
    severity: tuple[SeverityScale, ...] = ()
    """The team's scale for incidents."""
    channels: tuple[str, ...] = ()
    """Where the team talks during an incident: "#incidents"."""
    links: dict[str, Url] = {}
    """Name = URL of what is seen elsewhere: dashboards, status pages, consoles. The guide shows them."""
    arming: Arming = Arming()
    """Time limits of being armed."""
    limits: Limits = Limits()
    """Blast caps, delays and the effect watch."""
    theme: str | None = None
    """Name of a theme, or a path to a theme file."""
    keys: dict[str, str] = {}
    """Own keys: action or binding id = key."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return profile_conflicts(entry)

    def without_sources(self) -> bool:
        """Nothing to look at."""
        return not any(getattr(self, table) for table in SOURCE_IDS)
