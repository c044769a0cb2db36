"""What adapters can do, as small Protocols. An action exists only where its capability does. Every method has a
deadline, maps every vendor error to one of `cockpit.errors`, never retries a mutation, and cleans what it returns.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from cockpit.model.action import Permission
from cockpit.model.database import BlockingNode, Session, SessionIdentity
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.logs import LogBatch
from cockpit.model.reading import Observation
from cockpit.model.revisions import ServiceChange, ServiceStatus, TrafficTarget
from cockpit.profile.schema import HttpAction

Progress = Callable[[int, int, str], None]  # done, total (0 unknown), note
Aborted = Callable[[], bool]


class Ending(enum.Enum):
    """The ways to end what a database session does."""

    CANCEL = "cancel"  # its statement
    TERMINATE = "terminate"  # itself
    TERMINATE_IDLE = "terminate_idle"  # itself, while idle


class Closing(Protocol):
    """Holds connections."""

    async def close(self) -> None:
        """Give back everything, at once; safe to call twice."""


@runtime_checkable
class Probing(Closing, Protocol):
    """Can be asked how it is."""

    async def probe(self) -> Observation:
        """One poll within the adapter's deadline. Raises CockpitError."""


@runtime_checkable
class Tailing(Closing, Protocol):
    """Can be read forward."""

    async def read(self) -> LogBatch:
        """What came since the last read, oldest first; the first read goes back a little. Raises CockpitError."""

    @property
    def origin(self) -> str:
        """What is read, and where."""


@runtime_checkable
class LogAsking(Protocol):
    """Can be asked for entries that pass another filter than the one that is followed."""

    origin: str

    async def query(self, wanted: str, limit: int, fresh_s: float, newest_first: bool) -> LogBatch:
        """At most `limit` (100) entries of the last `fresh_s` seconds, 0 for any age. Raises CockpitError."""


@runtime_checkable
class Diagnosing(Protocol):
    """Can say what it lacks."""

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Reachable, permitted, complete: one line each, with the fix. Does not raise for what it reports."""


@runtime_checkable
class SessionEnding(Protocol):
    """Can look up and end database sessions; the identity is compared inside the ending statement."""

    @property
    def server(self) -> str:
        """host:port/database, without credentials; complete once it was connected."""

    def ending_sql(self, ending: Ending, identity: SessionIdentity, idle_s: float | None = None) -> str:
        """The exact statement with its values written in, to show."""

    def by_hand(self, sql: str) -> str:
        """A command line that runs `sql` on the same server, without the password."""

    async def find_session(self, pid: int) -> Session | None:
        """The session with that pid now."""

    async def client_sessions(self) -> Sequence[Session]:
        """All client sessions, own ones left out."""

    async def idle_sessions(self, older_than_s: float, database: str) -> Sequence[Session]:
        """Sessions in state idle for longer than that, in one database ("" for all), own ones left out."""

    async def blocking_tree(self) -> Sequence[BlockingNode]:
        """Roots of the tree of lock waits."""

    async def session_count(self) -> int:
        """Client backends now."""

    async def may_end(self, sessions: Sequence[Session]) -> Permission:
        """Whether the role may signal them all."""

    async def cancel(self, identity: SessionIdentity) -> bool | None:
        """pg_cancel_backend where pid and backend_start match: its result; None where no such session is."""

    async def terminate(self, identity: SessionIdentity) -> bool | None:
        """pg_terminate_backend likewise."""

    async def terminate_idle(self, identity: SessionIdentity, idle_s: float) -> bool | None:
        """As `terminate`, only while the session is idle and has been for so long; None also where it is not."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows as text; cells are cleaned and cut."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cut: bool = False  # there were more


@runtime_checkable
class Querying(Protocol):
    """Can run a statement of a runbook that only reads."""

    async def query(self, sql: str, values: Sequence[str] = ()) -> QueryResult:
        """One statement in a READ ONLY transaction, at most 100 rows, 3 s. `values` are bound to $1, $2 ...

        Raises Refused for several statements, or one that calls a function which may change something.
        """


@dataclass(frozen=True, slots=True)
class RowSurvey:
    """What a statement that changes rows would meet now."""

    table: str  # as the server names it
    matched: int  # rows
    population: int
    estimated: bool  # the population is the planner's estimate
    sample: QueryResult  # at most ten of the rows
    explained: tuple[str, ...]  # the server's plan
    permission: Permission
    read_only: bool  # the server is a standby
    triggers: tuple[str, ...] = ()
    cascades: tuple[str, ...] = ()  # tables whose rows follow


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table that maintenance works on."""

    name: str
    size: int  # bytes, with indexes
    dead: int  # rows
    live: int


@dataclass(frozen=True, slots=True)
class UpkeepSurvey:
    """What maintenance would meet now."""

    tables: tuple[TableSize, ...]  # the largest, at most ten
    total: int  # tables
    size: int  # bytes of all of them
    permission: Permission
    read_only: bool
    pooled: bool  # a pooler sits in between: settings do not hold
    transactions: tuple[str, ...] = ()  # open for longer than a minute: what their locks would hold up


@runtime_checkable
class SqlRunning(Protocol):
    """Can look over a statement that changes something, and run it once."""

    @property
    def server(self) -> str:
        """host:port/database, complete once it was connected."""

    def by_hand(self, sql: str) -> str:
        """A psql command line for the same server, without the password."""

    async def survey(self, sql: str) -> RowSurvey:
        """Explains it and counts the rows that match, changing nothing. Raises Refused, CockpitError."""

    async def execute(self, sql: str, at_most: int) -> tuple[int, bool]:
        """In one transaction: (rows, committed). Rolls back where more than `at_most` rows are hit.

        `effect_possible` on the error only where the answer to the commit did not come.
        """

    async def upkeep(self, relation: str | None) -> UpkeepSurvey:
        """The tables that maintenance of one table or index, or of the database (None), works on."""

    async def maintain(self, sql: str, within_s: float, aborted: Aborted) -> bool:
        """Outside a transaction, gives up rather than wait for locks: False when `aborted` stopped it."""


@runtime_checkable
class KeyDeleting(Protocol):
    """Can delete keys of one logical database of one server."""

    async def server_identity(self) -> dict[str, str]:
        """server, run_id, role, database: what must not change between plan and run."""

    def client_command(self) -> tuple[str, ...]:
        """argv of redis-cli that reaches the same database, without the password; known after the first question."""

    async def key_count(self) -> int:
        """DBSIZE."""

    async def sample_keys(self, pattern: str, progress: Progress, aborted: Aborted) -> tuple[int, list[str]]:
        """How many keys match (SCAN, never KEYS), and the first hundred of them."""

    async def may_run(self, commands: Sequence[Sequence[str]]) -> Permission:
        """Whether the ACL lets this user run them (ACL DRYRUN where the server has it)."""

    async def unlink_matching(
        self, pattern: str, identity: dict[str, str], progress: Progress, aborted: Aborted
    ) -> int:
        """UNLINK in batches what matches at this moment; how many. Conflict when the server is another one."""

    async def flush(self, identity: dict[str, str]) -> None:
        """FLUSHDB ASYNC of the database, where the identity still holds."""


@runtime_checkable
class KeyReading(Protocol):
    """Can answer short read commands of one logical database, and count keys without blocking the server."""

    async def read(self, words: Sequence[str]) -> tuple[tuple[str, ...], bool]:
        """The answer as cleaned lines, at most 200, and whether there was more. Raises Refused for other commands."""

    async def key_count(self) -> int:
        """DBSIZE."""

    async def sample_keys(self, pattern: str, progress: Progress, aborted: Aborted) -> tuple[int, list[str]]:
        """As KeyDeleting."""


@runtime_checkable
class HttpCalling(Closing, Protocol):
    """Can send one declared HTTP request and read its effect back."""

    @property
    def action(self) -> HttpAction:
        """The profile's declaration."""

    def request(self) -> tuple[str, ...]:
        """The exact request, line by line, secrets masked."""

    def curl(self) -> tuple[str, ...]:
        """The same by hand: one command line, secrets as $VARIABLES."""

    async def prepare(self) -> None:
        """Fetch the secrets and look over the request. Raises Misconfigured, TimedOut."""

    async def read_back(self) -> str | None:
        """What verify_path finds in the answer of verify_url now; None where the profile has no verify_url."""

    async def send(self) -> tuple[int, str]:
        """Send it once, no redirect followed: HTTP status and the beginning of the answer."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one path of an HTTP service answered; texts are cleaned."""

    status: int
    latency_ms: float
    kind: str  # content type
    size: int  # bytes
    lines: tuple[str, ...]  # at most 200: the body, or what was looked for in it
    cut: bool
    value: str  # what the path found, in one line; "" without a path
    expected: bool  # the status is one that the profile expects of the source


@runtime_checkable
class Fetching(Closing, Protocol):
    """Can be asked for any path of one origin."""

    @property
    def url(self) -> str:
        """Of the source itself, without secrets."""

    @property
    def origin(self) -> str:
        """scheme://host:port."""

    async def fetch(self, method: str, url: str, path: str, contains: str) -> Fetched:
        """GET or HEAD of a URL on that origin. Raises Refused for another."""


@runtime_checkable
class TrafficShifting(Protocol):
    """Can say which revision gets how much, and limit instances at service level."""

    async def read_service(self) -> ServiceStatus:
        """The service with its revisions, now."""

    async def missing_permissions(self, permissions: Sequence[str]) -> Sequence[str]:
        """testIamPermissions: those not held."""

    async def shift_traffic(
        self, targets: Sequence[TrafficTarget], etag: str, *, validate_only: bool = False
    ) -> ServiceStatus:
        """Replace the whole traffic list and wait until it is so. Conflict when the etag is old."""

    async def scale(
        self, minimum: int | None, maximum: int | None, etag: str, *, validate_only: bool = False
    ) -> ServiceStatus:
        """Set limits at service level (no new revision) and wait until it is so; None leaves one as it is."""

    def traffic_request(self, targets: Sequence[TrafficTarget], etag: str) -> str:
        """The exact HTTP request as text."""

    def scale_request(self, minimum: int | None, maximum: int | None, etag: str) -> str:
        """The exact HTTP request as text."""


class ServiceChanging(TrafficShifting, Protocol):
    """Can also change template, ingress and scaling mode."""

    async def change(self, change: ServiceChange, etag: str, *, validate_only: bool = False) -> ServiceStatus:
        """Send it and wait until it is so; a TemplateChange makes a new revision. Conflict when the etag is old."""

    def change_request(self, change: ServiceChange, etag: str) -> str:
        """The exact HTTP request as text, for the service as last read; values of variables are masked."""


class ServingJournal(Protocol):
    """Remembers which revision served, across sessions."""

    def observe(self, service: str, revision: str, at: datetime) -> None:
        """Note that `revision` has the most traffic of `service` (full resource name)."""

    def before(self, service: str, revision: str) -> tuple[str, datetime] | None:
        """The revision that served before `revision` took over, and when it was last seen serving."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended. `status` is its exit status, negative for the signal that killed it."""

    status: int
    output: tuple[str, ...]  # stdout and stderr as they came, cleaned, at most 200 lines


class CommandRunning(Protocol):
    """Can run a command on this machine."""

    async def run(self, argv: Sequence[str], deadline_s: float) -> CommandResult:
        """Run to its end, without a shell and without input. TimedOut (`effect_possible`) after the deadline."""


class Ended(enum.Enum):
    """What ended a script."""

    ITSELF = "itself"
    DEADLINE = "deadline"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class ScriptEnd:
    """How a script ended. `status` is its exit status, negative for the signal that killed it."""

    status: int
    ended: Ended
    left: tuple[str, ...] = ()  # what it started that left its group and goes on: "pid 4711 (sleep 300)"


class ScriptRunning(Protocol):
    """Can run a command of a runbook on this machine."""

    async def stream(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: str,
        deadline_s: float,
        heard: Callable[[bytes], None],
        aborted: Callable[[], bool],
        began: Callable[[int], None],
    ) -> ScriptEnd:
        """Run to its end in `folder`, with exactly this environment and without input.

        `heard` gets stdout and stderr as they come, uncleaned. At the deadline, or once `aborted` says so, the whole
        process group gets SIGTERM, and SIGKILL two seconds later; what it leaves behind in the group ends with it.
        `began` is told the number of that group. Misconfigured when it cannot be started.
        """
