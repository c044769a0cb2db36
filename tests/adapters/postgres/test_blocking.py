"""Lock waits become a tree with the culprit on top, whatever their shape."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.postgres.blocking import Wait, build_tree
from cockpit.adapters.postgres.samples import WINDOW_S, Samples, normalised
from cockpit.model.database import BlockingNode, Session

ANY = Session(1, datetime(2026, 1, 1, tzinfo=UTC), "shop", "app", "web", "local", "active", "", None, 1.0, None, "x")


def sessions(*pids: int) -> dict[int, Session]:
    return {pid: replace(ANY, pid=pid) for pid in pids}


def waits(**blockers: tuple[int, ...]) -> list[Wait]:
    return [Wait(int(pid[1:]), f"lock {pid}", 1.0, held) for pid, held in blockers.items()]


def shape(node: BlockingNode) -> object:
    pid = node.session.pid
    return {pid: [shape(child) for child in node.children]} if node.children else pid


def test_a_waiter_hangs_as_near_to_the_root_as_its_blockers_allow() -> None:
    tree = build_tree(waits(p2=(1,), p3=(1, 2), p4=(2, 3), p5=(2,)), sessions(1, 2, 3, 4, 5))
    assert [shape(root) for root in tree] == [{1: [{2: [4, 5]}, 3]}]
    assert tree[0].size() == 4
    assert tree[0].lock == "" and tree[0].waiting_s is None
    assert tree[0].children[1].session.blocked_by == (1, 2)


def test_the_root_that_holds_up_most_comes_first() -> None:
    tree = build_tree(waits(p2=(1,), p4=(3,), p5=(3,)), sessions(1, 2, 3, 4, 5))
    assert [shape(root) for root in tree] == [{3: [4, 5]}, {1: [2]}]


def test_a_circle_of_waits_ends_and_has_a_root() -> None:
    tree = build_tree(waits(p7=(8,), p8=(7,), p9=(8,)), sessions(7, 8, 9))
    assert [shape(root) for root in tree] == [{7: [{8: [9]}]}]


def test_a_prepared_transaction_can_be_the_root() -> None:
    tree = build_tree(waits(p2=(0,), p3=(0, 2)), sessions(0, 2, 3))
    assert [shape(root) for root in tree] == [{0: [2, 3]}]


def test_blockers_that_left_meanwhile_leave_no_hole() -> None:
    assert build_tree(waits(p2=(99,), p3=()), sessions(2, 3)) == ()


@given(st.dictionaries(st.integers(1, 12), st.sets(st.integers(0, 12), min_size=1, max_size=4), max_size=12))
def test_every_waiter_appears_exactly_once(edges: dict[int, set[int]]) -> None:
    known = sessions(*range(13))
    found: list[int] = []

    def collect(node: BlockingNode) -> None:
        found.append(node.session.pid)
        for child in node.children:
            collect(child)

    for root in build_tree([Wait(pid, "", None, tuple(held)) for pid, held in edges.items()], known):
        collect(root)
    real = {pid for pid, held in edges.items() if held - {pid}}
    assert len(found) == len(set(found))
    assert real <= set(found)


def test_statements_are_the_same_whatever_their_values() -> None:
    assert normalised("SELECT * FROM t1 WHERE a = 'it''s' AND b IN (1, 2,3) -- x") == (
        "SELECT * FROM t1 WHERE a = ? AND b IN (?)"
    )
    assert normalised("select $$ text $$, $1, 1.5e3,\n E'\\n' /* c */") == "select ?, $1, ?, ?"


def test_samples_weigh_what_was_seen_and_forget_after_five_minutes() -> None:
    samples = Samples()
    slow, fast = replace(ANY, query="select pg_sleep(9)"), replace(ANY, query="select 1")
    samples.add(0.0, [])
    for second in range(1, 4):
        samples.add(float(second), [slow, slow])
    samples.add(4.0, [slow, fast, replace(fast, state="idle"), replace(fast, own=True)])
    top = samples.top()
    assert [(load.query, load.total_ms) for load in top] == [("select pg_sleep(?)", 7000.0), ("select ?", 1000.0)]
    assert top[0].share == 0.875 and top[0].calls is None and top[0].mean_ms is None
    samples.add(10.0 + WINDOW_S, [])
    assert samples.top() == ()
