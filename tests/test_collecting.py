"""The garbage collector waits while much is made, and only then."""

from __future__ import annotations

import gc

import pytest

from cockpit import collecting
from cockpit.collecting import held_off


def test_it_is_off_inside_and_on_again_after_the_last() -> None:
    assert gc.isenabled()
    with held_off():
        with held_off():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_inside_turns_it_on_again() -> None:
    with pytest.raises(ValueError, match="broken"), held_off():
        raise ValueError("broken")
    assert gc.isenabled()


def test_where_it_was_off_it_stays_off() -> None:
    gc.disable()
    try:
        with held_off():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_was_made_inside_is_not_walked_through_at_once() -> None:
    walked: list[object] = []
    gc.collect()
    with held_off():
        made = [[number] for number in range(5000)]
        gc.callbacks.append(lambda phase, info: walked.append((phase, info["generation"])))
    try:
        assert made[-1] == [4999]  # more than enough to begin a collection
        assert not walked
        assert any(each is made for each in gc.get_objects(generation=2))
        assert gc.get_freeze_count() == 0
    finally:
        gc.callbacks.pop()


def test_what_was_put_aside_for_good_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "_aside", False)
    collecting.put_aside()
    try:
        before = gc.get_freeze_count()
        with held_off():
            pass
        assert before - 100 <= gc.get_freeze_count() <= before  # some of it is gone by itself, nothing came to it
    finally:
        gc.unfreeze()
