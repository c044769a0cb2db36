"""Shares always make a hundred, tags stay, and the compact text says everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.actions.traffic import compact, moved, parse_compact, same, shares_of, split_to, tags_of
from cockpit.model.revisions import Scaling, ServiceStatus, TrafficTarget

names = st.sampled_from(("", "shop-00001-a", "shop-00002-b", "shop-00003-c", "shop-00004-d"))


@st.composite
def traffic(draw: st.DrawFn) -> tuple[TrafficTarget, ...]:
    chosen = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(chosen) - 1, max_size=len(chosen) - 1)))
    shares = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    tags = draw(st.lists(st.tuples(names, st.sampled_from(("canary", "beta"))), max_size=2, unique_by=lambda t: t[1]))
    entries = [TrafficTarget(name, share) for name, share in zip(chosen, shares, strict=True)]
    return (*entries, *(TrafficTarget(name, 0, tag) for name, tag in tags))


def service_with(targets: tuple[TrafficTarget, ...]) -> ServiceStatus:
    return ServiceStatus(
        "p", "r", "shop", "n", "u", "e", 1, False, "ready", "", "shop-00004-d", "shop-00004-d", "image", Scaling(),
        targets, (), (), None, None,
    )  # fmt: skip


@given(traffic(), names.filter(bool), st.integers(0, 99))
def test_a_split_always_makes_a_hundred_and_keeps_tags_and_proportions(
    targets: tuple[TrafficTarget, ...], revision: str, percent: int
) -> None:
    status = service_with(targets)
    before = shares_of(targets, status.latest_ready)
    others = {name: share for name, share in before.items() if name != revision}
    if not others:
        with pytest.raises(ValueError, match="no other revision"):
            split_to(revision, percent, status)
        return
    made = split_to(revision, percent, status)
    after = shares_of(made, status.latest_ready)
    assert sum(target.percent for target in made) == 100
    assert after.get(revision, 0) == percent
    assert set(tags_of(made)) == set(tags_of(targets))
    for name, share in others.items():
        assert abs(after.get(name, 0) - share * (100 - percent) / sum(others.values())) <= 2
    assert moved(before, after) == sum(abs(after.get(n, 0) - before.get(n, 0)) for n in {*before, *after}) / 2


@given(traffic(), st.randoms())
def test_order_and_joined_tags_make_no_difference(targets: tuple[TrafficTarget, ...], chance: Any) -> None:
    shuffled = list(targets)
    chance.shuffle(shuffled)
    assert same(targets, shuffled)
    heaviest = max(targets, key=lambda target: target.percent)
    joined = [TrafficTarget(t.revision, t.percent, "extra") if t is heaviest else t for t in targets]
    assert not same(targets, joined)
    assert same(joined, [*targets, TrafficTarget(heaviest.revision, 0, "extra")])


@given(traffic())
def test_the_compact_text_says_everything(targets: tuple[TrafficTarget, ...]) -> None:
    assert parse_compact(compact(targets)) == targets


@pytest.mark.parametrize(
    "text", ["", "a=50", "a=101", "a", "A=100", "a=100;b=0", "tag:@a=100", "a=-1,b=101", "a=100,"]
)
def test_a_compact_text_that_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not|percents"):
        parse_compact(text)
