"""health.send over a real socket: literal, masked, to the host of the health source only, sent once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from cockpit.actions import httpsend
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.http.action import HttpActionClient
from cockpit.clock import SystemClock
from cockpit.errors import CockpitError, Refused
from cockpit.model.action import ActionRequest, Outcome, Tier
from cockpit.profile.schema import HttpAction

CONTROL = RunControl(lambda done, total, note: None, lambda: False)


class Service:
    """Keeps every request; answers with `status`, or breaks the connection for 0."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 204
        self.requests: list[str] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0
            )
            self.requests.append(head + (await reader.readexactly(length)).decode())
            if self.status:
                extra = "Location: http://example.com/\r\n" if self.status == 302 else ""
                writer.write(
                    f"HTTP/1.1 {self.status} X\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                await writer.drain()
        writer.close()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    found = Service()
    server = await asyncio.start_server(found.handle, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await server.wait_closed()


@pytest.fixture
def handler(service: Service, monkeypatch: pytest.MonkeyPatch) -> ActionHandler:
    monkeypatch.setenv("SEND_KEY", "s3cret")
    url = f"http://127.0.0.1:{service.port}"
    clock, declared = SystemClock(), [HttpAction(name="mode-on", title="On", url=f"{url}/mode")]
    made = httpsend.handlers(
        "health/shop",
        f"{url}/health",
        lambda action: HttpActionClient(action, clock),
        declared,
        Scene("shop", "prod"),
        clock,
    )
    return made[0]


def request(**params: str) -> ActionRequest:
    return ActionRequest("health.send", "health/shop", {"method": "POST", **params})


SECRET = '{"Accept": "text/plain", "X-API-Key": "env:SEND_KEY"}'


async def test_it_is_planned_masked_and_sent_once_with_the_secret(service: Service, handler: ActionHandler) -> None:
    plan = await handler.plan(request(path="/x", headers=SECRET, body='{"a": 1}'))
    assert plan.tier is Tier.T3 and plan.refusals == () and plan.undo.request is None
    assert "s3cret" not in repr(plan) and "X-API-Key: ***" in plan.operation and '{"a": 1}' in plan.operation
    assert "$SEND_KEY" in plan.equivalent[0] and service.requests == []
    assert plan.digest == (await handler.plan(plan.request)).digest
    result = await handler.run(plan, CONTROL)
    assert result.outcome is Outcome.SUCCEEDED and len(service.requests) == 1
    assert "X-API-Key: s3cret" in service.requests[0] and service.requests[0].endswith('{"a": 1}')
    assert (await handler.verify(plan, result)).holds is None


@pytest.mark.parametrize(
    "params",
    [
        {"url": "http://example.com/x"},
        {"url": "http://127.0.0.1:1/x"},
        {"url": "https://127.0.0.1/x"},
        {"path": "//example.com/x"},
        {"path": "x"},
        {},
        {"path": "/x", "url": "http://a/x"},
        {"path": "/x", "method": "GET"},
        {"path": "/x", "headers": "not json"},
        {"path": "/x", "headers": '{"a": 1}'},
        {"path": "/x", "headers": '{"X": "cmd:touch /x"}'},
        {"path": "/x", "headers": '{"X": "file:/etc/passwd"}'},
        {"path": "/x", "headers": '{"X-API-Key": "literal"}'},
    ],
)
async def test_what_may_not_be_sent_is_refused_without_a_word_on_the_wire(
    service: Service, handler: ActionHandler, params: dict[str, str]
) -> None:
    with pytest.raises(Refused):
        await handler.plan(request(**params))
    assert service.requests == []


async def test_a_secret_that_is_not_set_refuses_the_plan(handler: ActionHandler) -> None:
    plan = await handler.plan(request(path="/x", headers='{"Authorization": "bearer env:NO_SUCH_VARIABLE"}'))
    assert "NO_SUCH_VARIABLE is not set" in plan.refusals[0].reason


async def test_a_declared_request_is_pointed_out(handler: ActionHandler) -> None:
    plan = await handler.plan(request(path="/mode"))
    assert any("declares this request as mode-on" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Outcome.SUCCEEDED), (404, Outcome.FAILED), (302, Outcome.FAILED), (503, Outcome.UNKNOWN)],
)
async def test_the_status_is_the_outcome(
    service: Service, handler: ActionHandler, status: int, outcome: Outcome
) -> None:
    service.status = status
    assert (await handler.run(await handler.plan(request(path="/x")), CONTROL)).outcome is outcome
    assert len(service.requests) == 1


async def test_a_connection_lost_after_sending_leaves_it_open_whether_it_happened(
    service: Service, handler: ActionHandler
) -> None:
    service.status = 0
    plan = await handler.plan(request(path="/x"))
    with pytest.raises(CockpitError) as lost:
        await handler.run(plan, CONTROL)
    assert lost.value.effect_possible and len(service.requests) == 1
