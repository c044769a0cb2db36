"""Lock waits -> the tree of who blocks whom. Pure: no queries here."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cockpit.model.database import BlockingNode, Session


@dataclass(frozen=True, slots=True)
class Wait:
    """One waiting session: for what, since when, and on whom (pid 0: a prepared transaction)."""

    pid: int
    lock: str
    waiting_s: float | None
    blockers: tuple[int, ...]


def build_tree(waits: Sequence[Wait], sessions: Mapping[int, Session]) -> tuple[BlockingNode, ...]:
    """Roots, the one that holds up most first. Each waiter appears once, as near to a root as its blockers allow.

    A circle of waits (a deadlock before the server resolves it) gets its lowest pid as root.
    """
    by_pid = {wait.pid: wait for wait in waits}
    blockers = {
        wait.pid: held
        for wait in waits
        if wait.pid in sessions
        and (held := tuple(sorted({pid for pid in wait.blockers if pid != wait.pid and pid in sessions})))
    }
    blocked: dict[int, list[int]] = {}
    for pid in sorted(blockers):
        for holder in blockers[pid]:
            blocked.setdefault(holder, []).append(pid)
    roots = sorted(pid for pid in blocked if pid not in blockers)
    children: dict[int, list[int]] = {}
    placed = set(roots)
    _place(roots, blocked, placed, children)
    while circle := _circle(blockers, placed):
        roots.append(min(circle))
        placed.add(roots[-1])
        _place(roots[-1:], blocked, placed, children)
    trees = [_node(root, by_pid, blockers, sessions, children) for root in roots]
    return tuple(sorted(trees, key=lambda node: (-node.size(), node.session.pid)))


def _place(
    roots: Sequence[int], blocked: Mapping[int, list[int]], placed: set[int], children: dict[int, list[int]]
) -> None:
    """Breadth first: whoever is reached gets its parent."""
    queue = deque(roots)
    while queue:
        holder = queue.popleft()
        for pid in blocked.get(holder, ()):
            if pid not in placed:
                placed.add(pid)
                children.setdefault(holder, []).append(pid)
                queue.append(pid)


def _circle(blockers: Mapping[int, tuple[int, ...]], placed: set[int]) -> list[int]:
    """Sessions that wait for each other in a circle and hang below no root; empty when all are placed."""
    pid = min((pid for pid in blockers if pid not in placed), default=None)
    path: list[int] = []
    while pid is not None and pid not in path:
        path.append(pid)
        pid = next((holder for holder in blockers[pid] if holder not in placed), None)
    return path[path.index(pid) :] if pid is not None else path


def _node(
    root: int,
    waits: Mapping[int, Wait],
    blockers: Mapping[int, tuple[int, ...]],
    sessions: Mapping[int, Session],
    children: Mapping[int, list[int]],
) -> BlockingNode:
    """The tree under `root`, built bottom-up: a queue of thousands must not exhaust the stack."""
    order = [root]
    for pid in order:
        order += children.get(pid, ())
    built: dict[int, BlockingNode] = {}
    for pid in reversed(order):
        wait = waits.get(pid)
        below = sorted(
            (built[child] for child in children.get(pid, ())),
            key=lambda node: (-(node.waiting_s or 0.0), node.session.pid),
        )
        built[pid] = BlockingNode(
            session=replace(sessions[pid], blocked_by=blockers.get(pid, ())),
            lock=wait.lock if wait else "",
            waiting_s=wait.waiting_s if wait else None,
            children=tuple(below),
        )
    return built[root]
