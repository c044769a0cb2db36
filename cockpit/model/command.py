"""A command of a runbook as values: what it calls, how it was understood, and what the cockpit has in its place.

Adapters and actions declare with `Replacement` which commands they can stand in for; the recogniser only asks them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from cockpit.model.action import Tier
from cockpit.model.severity import SourceKind

_V = TypeVar("_V")
_EMPTY: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return _EMPTY


def _frozen(given: Mapping[str, _V]) -> Mapping[str, _V]:
    """A copy that nobody else can change; one that is frozen already stays as it is."""
    if not given:
        return _EMPTY
    return given if type(given) is MappingProxyType else MappingProxyType(dict(given))


class EffectClass(enum.IntEnum):
    """What running it does to the system, in rising order. UNKNOWN counts as CHANGES wherever it matters."""

    READS = 0
    UNKNOWN = 1
    CHANGES = 2
    DESTROYS = 3

    @property
    def word(self) -> str:
        """Lower-case word for JSON and sentences."""
        return self.name.lower()


class PlaceholderStyle(enum.Enum):
    """How the author marked what has to be filled in."""

    ANGLE = "angle"  # <pod-name>, also {pod} and [pod] where nothing else can be meant
    CAPITALS = "capitals"  # PREV_REVISION, BACKUP_ID, REDIS_IP
    VARIABLE = "variable"  # $DATABASE_URL, ${TAG}: taken from the shell's environment
    SUBSTITUTION = "substitution"  # $(date +%Y%m%d), `date`


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One thing to fill in. `spelled` is its exact text in the command."""

    name: str  # "pod-name", "PREV_REVISION", "DATABASE_URL", "date +%Y%m%d"
    spelled: str  # "<pod-name>", "PREV_REVISION", "$DATABASE_URL", "$(date +%Y%m%d)"
    style: PlaceholderStyle


@dataclass(frozen=True, slots=True)
class Word:
    """One argument after the shell's quoting: quotes removed, nothing expanded."""

    text: str
    source: str  # as written, quotes included
    placeholders: tuple[Placeholder, ...] = ()
    globs: bool = False  # unquoted * ? [ ]: the shell may expand it

    @property
    def literal(self) -> bool:
        """Means itself: nothing to fill in, nothing for a shell to expand."""
        return not self.placeholders and not self.globs


@dataclass(frozen=True, slots=True)
class Redirect:
    """`> file`, `2>/dev/null`, `< file`."""

    operator: str  # ">", ">>", "<", "2>", "&>", "2>&1", "<<", "<<<"
    target: Word


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What a call runs inside of: another machine, container, client or shell."""

    tool: str  # "docker exec", "compose exec", "kubectl exec", "ssh", "sudo", "xargs", "sh -c", "psql" ...
    where: str = ""  # container, pod, host, instance
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    placeholders: tuple[Placeholder, ...] = ()  # in its own words: the pod, the host, the connection string
    words: tuple[Word, ...] = ()  # kubectl exec: what it runs, as it stands there

    def __post_init__(self) -> None:
        object.__setattr__(self, "flags", _frozen(self.flags))


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """One SQL statement as the parser saw it. `kind` is "" where it could not be parsed."""

    kind: str  # "SELECT", "UPDATE", "DELETE", "INSERT", "VACUUM", "VACUUM FULL", "REINDEX", "ALTER TABLE", ...
    text: str  # without the final semicolon
    reads_only: bool  # proven: changes no row, calls no function that changes anything, takes no lasting lock
    tables: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()  # lower case: "pg_terminate_backend", "count"
    where: str = ""  # the outermost condition as SQL
    limited: bool = False  # has a LIMIT


@dataclass(frozen=True, slots=True)
class Call:
    """One thing that a command has done: a program with arguments, an SQL statement, an HTTP or Redis request.

    Clients are looked through: `docker exec -it db psql -U u -c "SELECT 1"` is one call of program "sql" within
    docker exec and psql; `curl -s URL` one of program "http"; `redis-cli -h H FLUSHDB` one of program "redis".
    """

    program: str  # base name, or "sql", "http", "redis", "promql"
    verb: str = ""  # "run services update-traffic", "rollout undo", "UPDATE", "GET", "FLUSHDB"
    args: tuple[Word, ...] = ()  # positional, after the verb; http: the URL
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)  # "--region": ("r",); a switch: ("",)
    words: tuple[Word, ...] = ()  # everything as written, the program first
    text: str = ""  # as written; for "sql" the statement
    line: int = 0  # in the file, from 1
    within: tuple[Wrapper, ...] = ()  # outermost first
    channel: str = ""  # gcloud: "alpha", "beta"
    statement: SqlStatement | None = None
    assigned: Mapping[str, str] = field(default_factory=_nothing)  # NAME=value before the program
    redirects: tuple[Redirect, ...] = ()
    body: str = ""  # given on standard input in the text itself, or as an HTTP body
    headers: Mapping[str, str] = field(default_factory=_nothing)  # http
    substituted: bool = False  # its output becomes part of another call: $(...), <(...)
    piped: bool = False  # reads what the call before it writes
    asides: tuple[Placeholder, ...] = ()  # in its assignments and its here-document

    def __post_init__(self) -> None:
        if type(self.flags) is not MappingProxyType:
            object.__setattr__(self, "flags", _frozen(self.flags))
        if type(self.assigned) is not MappingProxyType:
            object.__setattr__(self, "assigned", _frozen(self.assigned))
        if type(self.headers) is not MappingProxyType:
            object.__setattr__(self, "headers", _frozen(self.headers))

    def moved(self, lines: int) -> Call:
        """The same call so many lines further down."""
        return Call(
            self.program,
            self.verb,
            self.args,
            self.flags,
            self.words,
            self.text,
            self.line + lines,
            self.within,
            self.channel,
            self.statement,
            self.assigned,
            self.redirects,
            self.body,
            self.headers,
            self.substituted,
            self.piped,
            self.asides,
        )

    def flag(self, *names: str) -> str | None:
        """The value of the first of these flags that is there; None where none is, "" for a switch."""
        flags = self.flags
        for name in names if flags else ():
            if name in flags:
                return flags[name][-1]
        return None

    def has(self, *names: str) -> bool:
        """One of these flags is there."""
        return not self.flags.keys().isdisjoint(names)

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Everything to fill in, in order, each once."""
        around = [each for wrapper in self.within for each in wrapper.placeholders]
        own = [each for word in self.words for each in word.placeholders]
        files = [each for redirect in self.redirects for each in redirect.target.placeholders]
        return tuple(dict.fromkeys([*self.asides, *around, *own, *files]))


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it stands in a runbook: what a person would copy in one go."""

    text: str  # exactly as written, without a leading prompt; cleaned line by line
    line: int  # of its first line in the file, from 1
    language: str  # of the fence: "bash", "sql", "" ...; "inline" for `code` in prose
    caption: str = ""  # the comment or sentence that introduces it
    headings: tuple[str, ...] = ()  # from the outermost to the nearest
    calls: tuple[Call, ...] = ()
    file: str = ""
    broken: str = ""  # why the grammar could not read all of it, "" when it could
    schedule: str = ""  # "0 2 * * *" where it is a crontab line
    opener: str = ""  # text of the interactive command of this block that it is typed into, "" for a shell
    block: int = 0  # line of the first line of its fence: commands of one fence share it; 0 where it has none

    def moved(self, lines: int, file: str, headings: tuple[str, ...]) -> Command:
        """The same command so many lines further down, or in another file."""
        return Command(
            self.text,
            self.line + lines,
            self.language,
            self.caption,
            headings,
            tuple(call.moved(lines) for call in self.calls),
            file,
            self.broken,
            self.schedule,
            self.opener,
            self.block + lines if self.block else 0,
        )

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Everything to fill in, in order, each once."""
        return tuple(dict.fromkeys(each for call in self.calls for each in call.placeholders))


@dataclass(frozen=True, slots=True)
class Intent:
    """A command in the cockpit's words: the action or look it amounts to, and on what."""

    name: str  # ActionSpec.id or LookSpec.id
    pane: SourceKind
    target: Mapping[str, str] = field(default_factory=_nothing)  # as named: {"service": "api", "region": "r"}
    params: Mapping[str, str] = field(default_factory=_nothing)  # of the action or look, literal values only
    asks: Mapping[str, Placeholder] = field(default_factory=_nothing)  # parameter -> what to fill in for it
    differs: str = ""  # in which way it is not what the command would do, as a sentence
    tier: Tier | None = None  # where this use weighs more than the action in general

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", _frozen(self.target))
        object.__setattr__(self, "params", _frozen(self.params))
        object.__setattr__(self, "asks", _frozen(self.asks))


@dataclass(frozen=True, slots=True)
class Replacement:
    """A declaration beside an action or look: for which calls it can stand in.

    `understand` gets a call of that program and answers None where it is not one of these. It never guesses: a flag
    that it does not know means None. Tier T0 marks a look; it can stand in only for what is proven to read, or, with
    `session` or `instead`, for a client without anything to run, or a command that makes ready for looking (a tunnel,
    an entry in the kubeconfig) or that its tool refuses: it keeps its effect, and what is offered only reads.
    """

    name: str  # ActionSpec.id or LookSpec.id
    program: str  # Call.program
    tier: Tier  # of the action in general
    understand: Callable[[Call], Intent | None]
    keeps: bool = False  # its output goes into a file: the action makes such a file itself
    session: bool = False  # for a client opened to type into: it stands in for the session, not for what it does
    instead: bool = False  # T0: the look answers what the command only prepares for, or what no tool would do
    whole: Callable[[Command], Intent | None] | None = None  # for a pipeline that feeds its last call by xargs
    followed: str = ""  # program and verb of a command below it in its block, without which it is something else


class Kind(enum.Enum):
    """What the cockpit makes of a command."""

    LIVE = "live"  # a reading of a pane, or a question asked through an adapter
    NATIVE = "native"  # a guarded action with its parameters
    SCRIPT = "script"  # run as it stands, guarded
    NOT_UNDERSTOOD = "not understood"  # prose: shown, copied, ticked by hand


@dataclass(frozen=True, slots=True)
class Understanding:
    """How a command was understood."""

    command: Command
    kind: Kind
    effect: EffectClass
    tier: Tier
    action: str = ""  # ActionSpec.id, LookSpec.id, or "runbook.script"
    intent: Intent | None = None  # for LIVE and NATIVE
    argv: tuple[str, ...] = ()  # SCRIPT without need of a shell; placeholders as spelled
    target: str = ""  # what it acts on, as a person names it: "shop-api in europe-west1"
    why: tuple[str, ...] = ()  # how this was concluded, one sentence each
