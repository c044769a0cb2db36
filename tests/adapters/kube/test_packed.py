"""What is kept of watched objects, and what is made of them."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.kube.packed import Kept, Packed, mark_of, pack
from cockpit.adapters.kube.slices import Object, Pace

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), JSON))
def test_what_json_brings_comes_out_as_it_went_in(item: Object) -> None:
    held = Packed()
    held.put("u", pack(item))
    assert held["u"] == item and list(held.items()) == [("u", item)]


def test_what_comes_out_is_a_copy_and_a_moment_stays_as_it_was() -> None:
    held = Packed()
    held.put("u", pack({"spec": {"n": 1}}))
    held["u"]["spec"]["n"] = 2
    then = held.now()
    held.put("u", pack({"spec": {"n": 3}}))
    held.drop("u")
    held.drop("u")
    assert "u" not in held and len(held) == 0 and held.get("u") is None
    assert then["u"] == {"spec": {"n": 1}}
    with pytest.raises(KeyError):
        held.mark("u")


def test_the_garbage_collector_has_nothing_to_walk_over() -> None:
    held = Packed()
    for number in range(1000):
        held.put(str(number), pack({"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{}, {}]}}))
    gc.collect()
    before = len(gc.get_objects())
    for number in range(1000, 3000):
        held.put(str(number), pack({"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{}, {}]}}))
    gc.collect()
    assert len(gc.get_objects()) - before < 100


@pytest.mark.parametrize("plain", [False, True])
async def test_things_are_made_of_what_changed_alone(plain: bool) -> None:
    made: list[int] = []

    def make(item: Object) -> int:
        made.append(item["n"])
        return 10 * int(item["n"])

    held = Packed()
    held.put("a", pack({"n": 1}))
    held.put("b", pack({"n": 2}))
    kept = Kept(make)
    objects = dict(held) if plain else held
    assert await kept.of(objects, Pace()) == {"a": 10, "b": 20}
    assert await kept.of(objects if plain else held.now(), Pace()) == {"a": 10, "b": 20} and made == [1, 2]
    changed = {"a": objects["a"], "c": {"n": 3}} if plain else held
    if changed is held:
        held.put("c", pack({"n": 3}))
        held.drop("b")
    assert await kept.of(changed, Pace()) == {"a": 10, "c": 30} and made == [1, 2, 3]
    assert mark_of(changed, "a") is mark_of(changed, "a")
