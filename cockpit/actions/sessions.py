"""Database sessions in words, what speaks against ending one, and the wait until one is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cockpit.actions.handler import Scene
from cockpit.adapters.capabilities import SessionEnding
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, Refusal
from cockpit.model.database import BlockingNode, Session, SessionIdentity
from cockpit.profile.schema import Limits

GONE_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.1
_QUERY_CUT = 200
_REASONS = {
    "walsender": ("it sends the WAL to a replica or a backup", "Ending it breaks replication; do that by hand"),
    "autovacuum worker": ("it is autovacuum, which gives way to locks by itself", "Leave it, or act by hand"),
    "parallel worker": ("it is a parallel worker of another session", "Act on its leader"),
}


@dataclass(frozen=True, slots=True)
class Bench:
    """What every action on sessions of one source works with."""

    source: str
    adapter: SessionEnding
    scene: Scene
    limits: Limits
    clock: Clock

    def target(self, what: str) -> str:
        """How a person names it: what, on which server, of which system and environment."""
        return f"{what} on {self.adapter.server} ({self.source}, {self.scene.system}/{self.scene.environment})"


def span(seconds: float | None) -> str:
    """46 s, 12 m 30 s, 3 h 5 m; "an unknown time" for None."""
    if seconds is None:
        return "an unknown time"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} m"


def moment(when: datetime) -> str:
    """A backend_start as parameters and identities carry it: exact, UTC."""
    return when.astimezone(UTC).isoformat()


def who(session: Session) -> str:
    """The client: application, role, address."""
    application = session.application or "an unnamed application"
    address = session.client or "an unknown address"
    return f"{application} (role {session.user or 'unknown'}) from {address}"


def doing(session: Session) -> str:
    """State, for how long, and in which statement."""
    state = session.state or "in a hidden state"
    text = f"{state} for {span(session.state_age_s)}"
    if session.transaction_age_s is not None:
        text += f", in a transaction of {span(session.transaction_age_s)}"
    return f"{text}: {cut(session.query)}" if session.query else text


def cut(query: str) -> str:
    """The start of a statement."""
    return query if len(query) <= _QUERY_CUT else f"{query[:_QUERY_CUT]} …"


def exactly(query: str) -> str:
    """The same, with a fingerprint of the whole where it is cut: two long statements never look alike."""
    if len(query) <= _QUERY_CUT:
        return query
    return f"{cut(query)} [sha256 {hashlib.sha256(query.encode()).hexdigest()[:12]}]"


def named(session: Session) -> str:
    """One line that stays the same as long as it is the same session."""
    start = session.backend_start.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"pid {session.pid}, since {start} UTC: {session.database or 'no database'}, {who(session)}"


def identity_of(session: Session) -> dict[str, str]:
    """As a plan shows it."""
    return {
        "pid": str(session.pid),
        "backend_start": moment(session.backend_start),
        "database": session.database,
        "role": session.user,
    }


def wanted_start(request: ActionRequest) -> datetime | None:
    """The backend_start of the request, None where it has none. Raises Refused for one that is no moment."""
    text = request.get("backend_start")
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("parameters", "backend_start is not an ISO 8601 moment") from None
    if parsed.tzinfo is None:
        raise Refused("parameters", "backend_start has no time zone", hint="e.g. 2026-01-31T03:00:00.123456+00:00")
    return parsed


def objections(session: Session, start: datetime | None) -> list[Refusal]:
    """What speaks against acting on this session, whatever the action."""
    found = []
    if not session.identified:
        found.append(
            Refusal(
                "identity",
                f"the start of pid {session.pid} is hidden from this role, so it has no identity",
                "GRANT pg_read_all_stats (or pg_monitor) to the cockpit's role",
            )
        )
    elif start is not None and start != session.backend_start:
        found.append(
            Refusal(
                "identity",
                f"pid {session.pid} is another session now: {named(session)}",
                "The one that was looked at is gone; look again",
            )
        )
    if session.own:
        found.append(Refusal("precondition", "this is the cockpit's own connection", "Choose another session"))
    if session.pid == 0:
        found.append(
            Refusal(
                "precondition",
                f"this is a prepared transaction, which has no session: {cut(session.query)}",
                f"Decide by hand, in its database ({session.database}): ROLLBACK PREPARED or COMMIT PREPARED",
            )
        )
    elif session.kind != "client backend":
        reason, hint = _REASONS.get(session.kind, (f"it is a {session.kind} of the server", "Only clients are ended"))
        found.append(Refusal("precondition", f"pid {session.pid} is no client: {reason}", hint))
    return found


def counted(names: Sequence[str]) -> str:
    """ "checkout 8, worker 4", most first."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name or "unnamed"] = counts.get(name or "unnamed", 0) + 1
    return ", ".join(
        f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def below(root: BlockingNode) -> list[tuple[int, BlockingNode]]:
    """All nodes under a root with their depth, as a tree is printed."""
    found: list[tuple[int, BlockingNode]] = []
    stack = [(1, child) for child in reversed(root.children)]
    while stack:
        depth, node = stack.pop()
        found.append((depth, node))
        stack += [(depth + 1, child) for child in reversed(node.children)]
    return found


async def until(bench: Bench, reached: Callable[[], Awaitable[bool]]) -> bool:
    """Look until it is so, for 5 s at most. Raises CockpitError."""
    deadline = bench.clock.monotonic() + GONE_WITHIN_S
    while not await reached():
        if bench.clock.monotonic() >= deadline:
            return False
        await bench.clock.sleep(_LOOK_EVERY_S)
    return True


async def until_gone(bench: Bench, identity: SessionIdentity) -> bool:
    """Wait until no session with that pid and start is left, for 5 s at most. Raises CockpitError."""

    async def gone() -> bool:
        session = await bench.adapter.find_session(identity.pid)
        return session is None or session.backend_start != identity.backend_start

    return await until(bench, gone)


def tally(counts: Mapping[str, int]) -> str:
    """ "3 ended, 1 no longer idle" without the zeros."""
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "none ended"
