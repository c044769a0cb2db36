"""Where panes stand when the profile lacks some: every subset of the five, put into a grid as Textual does it."""

from __future__ import annotations

from itertools import combinations

import pytest

from screens.arrangement import ORDER, Arrangement, arrange

SUBSETS = [frozenset(found) for count in range(1, 6) for found in combinations(ORDER, count)]
CASES = [(present, columns) for present in SUBSETS for columns in (2, 3)]


def placed(arrangement: Arrangement) -> list[list[str]]:
    """Pane of each cell by column and row, as Textual's grid places children: the first free cell, row by row."""
    columns, rows = len(arrangement.widths), arrangement.rows
    grid = [[""] * rows for _ in range(columns)]
    free = ((row, column) for row in range(rows) for column in range(columns))
    for name, span in arrangement.spans:
        row, column = next(cell for cell in free if not grid[cell[1]][cell[0]])
        assert grid[column][row : row + span] == [""] * span, (
            "nothing is there yet, and it does not end below the grid"
        )
        grid[column][row : row + span] = [name] * span
    return grid


def stacks(arrangement: Arrangement) -> list[list[str]]:
    """Names of each column, from above."""
    return [list(dict.fromkeys(column)) for column in placed(arrangement)]


def named(case: object) -> str:
    return "-".join(sorted(case)) if isinstance(case, frozenset) else str(case)


@pytest.mark.parametrize(("present", "columns"), CASES, ids=named)
def test_each_pane_has_one_place_and_every_column_is_full(present: frozenset[str], columns: int) -> None:
    found = arrange(present, columns)
    grid = placed(found)
    assert sorted(name for name, _ in found.spans) == sorted(present)
    assert sorted(name for column in stacks(found) for name in column) == sorted(present)
    assert all(name for column in grid for name in column)
    assert 1 <= len(found.widths) <= columns
    assert sorted(found.order) == sorted(ORDER)


@pytest.mark.parametrize("columns", [2, 3])
def test_all_five_stand_as_the_stylesheet_has_them(columns: int) -> None:
    found = arrange(ORDER, columns)
    spans = dict(found.spans)
    assert tuple(spans) == ORDER
    assert (found.widths, found.rows) == {2: ((10, 11), 34), 3: ((11, 15, 11), 24)}[columns]
    assert (
        spans
        == {
            2: {"health": 10, "logs": 22, "database": 14, "revisions": 12, "redis": 10},
            3: {"health": 11, "logs": 24, "database": 14, "revisions": 13, "redis": 10},
        }[columns]
    )


@pytest.mark.parametrize(
    ("present", "two", "three"),
    [
        ("health logs revisions", "health revisions|logs", "health revisions|logs"),
        ("health logs", "health|logs", "health|logs"),
        ("health revisions", "health|revisions", "health revisions"),
        ("health", "health", "health"),
        ("logs revisions", "logs revisions", "revisions|logs"),
        ("health database redis", "health database redis", "health|database redis"),
        ("health logs database", "health database|logs", "health|logs|database"),
        ("database logs revisions redis", "database redis|logs revisions", "revisions|logs|database redis"),
        ("logs redis", "redis|logs", "logs|redis"),
    ],
)
def test_a_column_without_panes_is_none_and_health_does_not_stand_alone(present: str, two: str, three: str) -> None:
    for columns, wanted in ((2, two), (3, three)):
        assert stacks(arrange(present.split(), columns)) == [column.split() for column in wanted.split("|")]


@pytest.mark.parametrize("columns", [2, 3])
def test_panes_of_a_column_keep_their_order_and_about_their_shares(columns: int) -> None:
    full = stacks(arrange(ORDER, columns))
    usual = dict(arrange(ORDER, columns).spans)
    for present in SUBSETS:
        found = arrange(present, columns)
        spans = dict(found.spans)
        for stack in stacks(found):
            places = [(at, column.index(name)) for name in stack for at, column in enumerate(full) if name in column]
            assert places == sorted(places)
            for name in stack:
                share = usual[name] / sum(usual[each] for each in stack)
                assert abs(spans[name] - found.rows * share) < 1
