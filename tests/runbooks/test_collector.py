"""The garbage collector waits while a runbook is read, and only then."""

from __future__ import annotations

import gc

import pytest

from cockpit.runbooks.collector import held_off


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
