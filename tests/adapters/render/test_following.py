"""A change that was accepted is followed to its end: over errors that pass, not for ever, not past a lost right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.adapters.render import asking, wire
from cockpit.adapters.render.logs import entry_of
from cockpit.adapters.render.series import measured
from cockpit.errors import AuthenticationFailed, TimedOut
from cockpit.text import UNSAFE
from tests.adapters.render.conftest import Desk


def silent(said: str, seconds: float) -> None:
    """Nobody looks."""


async def begun(desk: Desk) -> str:
    return await desk.change.send(asking.rollback("srv-booking", "dep-n0002"))


async def test_errors_that_pass_are_passed_over(desk: Desk) -> None:
    made = await begun(desk)
    desk.plane.faults["retrieve-deploy"] = [500, 503, b"<html>", 429]
    desk.api.quota.bucket("reads").hold.refused = lambda *_: 0.0  # type: ignore[method-assign]  # no waiting here
    assert (await desk.change.deployed("srv-booking", made, 20.0, silent)).status == "live"


async def test_a_lost_right_leaves_it_open(desk: Desk) -> None:
    desk.plane.estate.settle_s = 60.0
    made = await begun(desk)
    desk.plane.keys.clear()
    with pytest.raises(AuthenticationFailed) as found:
        await desk.change.deployed("srv-booking", made, 20.0, silent)
    assert found.value.effect_possible


async def test_what_does_not_end_is_left_with_a_sentence(desk: Desk) -> None:
    desk.plane.estate.settle_s = 60.0
    made = await begun(desk)
    with pytest.raises(TimedOut, match="goes on without the cockpit") as found:
        await desk.change.deployed("srv-booking", made, 0.05, silent)
    assert found.value.effect_possible
    assert sum(name == "rollback-deploy" for name, _ in desk.plane.requests) == 1


async def test_one_that_fails_is_told_as_it_ended(desk: Desk) -> None:
    desk.plane.estate.services["srv-booking"].fails = "update_failed"
    ended = await desk.change.deployed("srv-booking", await begun(desk), 20.0, silent)
    assert ended.status == "update_failed"


def test_a_request_is_shown_without_the_key_and_can_be_pasted() -> None:
    class Here:
        def url(self, path: str) -> str:
            return f"https://api.render.com/v1{path}"

    asked = asking.recover("dpg-1", "2026-05-04T03:20:00Z", "it's new; rm -rf /")
    assert asked.shown(Here()).splitlines()[1] == "Authorization: Bearer ***"
    line = asked.curl(Here())
    assert "$RENDER_API_KEY" in line
    assert "'\"'\"'" in line, "a quote in a name stays inside"
    assert json.loads(asked.shown(Here()).splitlines()[2])["restoreName"] == "it's new; rm -rf /"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_KEYS = st.sampled_from(
    ["id", "name", "type", "serviceDetails", "suspended", "suspenders", "createdAt", "status", "commit", "image",
     "message", "details", "timestamp", "labels", "values", "plan", "maintenance", "options", "reason", "failure",
     "oomKilled", "trigger", "autoscaling", "numInstances", "readReplicas", "url", "recoveryStatus", "startsAt"]
)  # fmt: skip
_OBJECT = st.dictionaries(_KEYS, _JSON | st.dictionaries(_KEYS, _JSON, max_size=4), max_size=8)


@settings(max_examples=150, deadline=None)
@given(_OBJECT, st.sampled_from(["deploy_ended", "deploy_started", "server_failed", "plan_changed", "x"]))
def test_whatever_comes_becomes_clean_values(raw: dict[str, object], kind: str) -> None:
    now = wire.moment("2026-05-04T03:20:00Z")
    assert now is not None
    found: list[object] = [
        wire.judged(wire.service_of(raw), now),
        wire.deploys_of([raw]),
        wire.instances_of([raw]),
        wire.event_of(raw | {"type": kind}),
        wire.store_of(raw, "postgres", 5, {}, 0.8, now),
        wire.recovery_of(raw),
        wire.export_of(raw),
        entry_of(raw),
        measured([raw]),
    ]
    assert not UNSAFE.search("".join(_texts(found)))


def _texts(value: object) -> list[str]:
    """All texts inside."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each)]
    slots = getattr(type(value), "__dataclass_fields__", {})
    return [text for name in slots for text in _texts(getattr(value, name))]
