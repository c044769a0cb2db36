"""Any field of any valid answer may hold anything: a poll shows what is left or says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.adapters.gcp.budget import ReadBudget
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.errors import CockpitError
from cockpit.sandbox.http import Request, Response

Path = tuple[str | int, ...]
DEEP: Any = json.loads("[" * 300 + "]" * 300)
ODD: tuple[Any, ...] = (
    None,
    10**30,
    float("nan"),
    "9" * 5000,
    "\ud800",
    "0001-01-01T00:00:00+23:59",
    "a/b/../c?d#e\x1b[31m\n\u202e",
    [None, 1, "x", [], {"": None, "a": {"b": []}}],
    DEEP,
)
FEW: tuple[Any, ...] = ("9" * 5000, 10**30, [None, 1, "x", [], {"": None, "a": {"b": []}}])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every place in a JSON value, itself included."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*at, key))


def replaced(value: Any, at: Path, by: Any) -> Any:
    if not at:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = replaced(value[at[0]], at[1:], by)  # type: ignore[index]  # a list's path has its numbers
    return copy


class Spoiler:
    """Answers without a network: what the control plane answers, with one place of the answer to `path` replaced."""

    def __init__(self, gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = gate
        self.path = ""
        self.at: Path = ()
        self.by: Any = None
        self.spoilt = 0
        monkeypatch.setattr(GoogleApi, "_new_client", lambda api: httpx.AsyncClient(transport=self.transport))
        monkeypatch.setattr(ReadBudget, "take", lambda budget, now: True)

    @property
    def transport(self) -> httpx.MockTransport:
        async def answer(request: httpx.Request) -> httpx.Response:
            content = await request.aread()
            url = request.url
            asked = Request(
                request.method, url.host, url.path, dict(url.params), dict(request.headers), content, "127.0.0.1"
            )
            self.gate.requests.append(asked)
            try:
                found: Response = await self.gate.plane.handle(asked)
            except OverflowError:  # it was sent back what was spoilt: the server's own trouble
                found = Response.of({}, 500)
            self.gate.answers.append((asked, found))
            body = found.body
            if url.path == self.path:
                self.spoilt += 1
                body = json.dumps(self.spoil(json.loads(body))).encode()
            return httpx.Response(found.status, content=body, headers=dict(found.headers))

        return httpx.MockTransport(answer)

    def spoil(self, value: Any) -> Any:
        try:
            return replaced(value, self.at, self.by)
        except (KeyError, IndexError, TypeError):
            return value  # an answer of another shape: the operation is done meanwhile


@pytest.fixture
def spoiler(gate: Any, monkeypatch: pytest.MonkeyPatch) -> Spoiler:
    return Spoiler(gate, monkeypatch)


def answered(gate: Any) -> dict[str, Any]:
    return {request.path: json.loads(answer.body) for request, answer in gate.answers if request.path != "/token"}


def forget_what_was_made(gate: Any) -> None:
    """But for the newest revision: else each change makes every later answer longer."""
    gate.answers.clear()
    for service in gate.plane.run.services.values():
        for name in list(service.revisions)[2:-1]:
            del service.revisions[name]


async def judged(subject: Any) -> CockpitError | None:
    """None for a result. Anything but a CockpitError is a defect."""
    try:
        await subject.do()
    except CockpitError as error:
        str(error).encode()  # it can be shown
        return error
    finally:
        await subject.adapter.close()
    return None


async def test_no_value_of_another_type_in_any_field_is_a_defect(polled: Any, gate: Any, spoiler: Spoiler) -> None:
    assert await judged(polled()) is None
    defects: dict[str, str] = {}
    for path, body in answered(gate).items():
        for at in places(body):
            for by in ODD:
                spoiler.path, spoiler.at, spoiler.by = path, at, by
                try:
                    await judged(polled())
                except Exception as error:
                    defects[f"{path} {at} = {str(by)[:40]!a}"] = repr(error)[:100]
    assert defects == {}
    assert spoiler.spoilt > 20


async def test_an_answer_to_a_change_that_makes_no_sense_leaves_it_open(
    changed: Any, gate: Any, spoiler: Spoiler
) -> None:
    await judged(changed())
    paths = {request.path for request, _ in gate.answers}
    change = gate.changes[0].path
    defects: dict[str, str] = {}
    for at in places(answered(gate)[change]):
        for by in FEW:
            gate.requests.clear()
            forget_what_was_made(gate)
            spoiler.path, spoiler.at, spoiler.by = change, at, by
            try:
                await judged(changed())
            except Exception as defect:
                defects[f"{at} = {str(by)[:40]!a}"] = repr(defect)[:100]
                continue
            if len(gate.changes) > 1:
                defects[f"{at} = {str(by)[:40]!a}"] = "sent again"
    assert defects == {}, paths


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_several_fields_at_once(polled: Any, gate: Any, spoiler: Spoiler, data: st.DataObject) -> None:
    spoiler.path = ""
    assert await judged(polled()) is None
    found = answered(gate)
    path = data.draw(st.sampled_from(sorted(found)))
    body = found[path]
    for _ in range(data.draw(st.integers(1, 4))):
        body = replaced(body, data.draw(st.sampled_from(list(places(body)))), data.draw(anything))
    spoiler.path, spoiler.at, spoiler.by = path, (), body
    await judged(polled())
