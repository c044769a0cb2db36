"""Every fault at every place of every poll and change: the right error, a whole sentence, and nothing sent twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.sandbox.http import Request, Response

Kind = type[CockpitError]
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "41s"}
MISSING = {"reason": "IAM_PERMISSION_DENIED", "metadata": {"permission": "run.services.get"}}
SAYING = "It says so"


class Fault(NamedTuple):
    """`answer` makes the bytes; `possible`: whether a change may have happened for all that its answer says."""

    kind: Kind
    possible: bool
    answer: Callable[[Any, Response], bytes | None]
    effects: bool = False  # the change does happen


def refused(status: int, word: str, *details: dict[str, Any], **headers: str) -> Callable[[Any, Response], bytes]:
    body = {"error": {"code": status, "message": f"{SAYING}.", "status": word, "details": list(details)}}
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    answer = Response(status, json.dumps(body).encode(), (("content-type", "application/json"), *named))
    return lambda gate, _: bytes(gate.raw(answer))


def said(body: bytes, status: int = 200) -> Callable[[Any, Response], bytes]:
    return lambda gate, _: bytes(gate.raw(Response(status, body)))


def huge(gate: Any, answer: Response) -> bytes:
    return bytes(gate.raw(Response(200, b'{"items": [], "note": "' + b"x" * (30 << 20) + b'"}')))


HTML = b"<!DOCTYPE html><html><title>Error 502 (Server Error)!!1</title><b>502.</b> That's an error.</html>"
FAULTS = {
    "401 for good": Fault(AuthenticationFailed, False, refused(401, "UNAUTHENTICATED")),
    "403 that says what is missing": Fault(PermissionDenied, False, refused(403, "PERMISSION_DENIED", MISSING)),
    "403 without a word": Fault(PermissionDenied, False, said(b"", 403)),
    "404": Fault(NotFound, False, refused(404, "NOT_FOUND")),
    "409": Fault(Conflict, False, refused(409, "ABORTED")),
    "412": Fault(Conflict, False, refused(412, "FAILED_PRECONDITION")),
    "429 with Retry-After": Fault(RateLimited, False, refused(429, "RESOURCE_EXHAUSTED", retry_after="41")),
    "429 with RetryInfo": Fault(RateLimited, False, refused(429, "RESOURCE_EXHAUSTED", RETRY)),
    "400": Fault(Misconfigured, False, refused(400, "INVALID_ARGUMENT")),
    "500": Fault(Unreachable, True, refused(500, "INTERNAL")),
    "503": Fault(Unreachable, True, refused(503, "UNAVAILABLE")),
    "503 in HTML": Fault(Unreachable, True, said(HTML, 503)),
    "504": Fault(TimedOut, True, refused(504, "DEADLINE_EXCEEDED")),
    "redirect": Fault(Malformed, True, said(b"", 302)),
    "silence": Fault(TimedOut, True, lambda gate, _: None),
    "silence after the effect": Fault(TimedOut, True, lambda gate, _: None, effects=True),
    "cut before the answer": Fault(Unreachable, True, lambda gate, _: b"", effects=True),
    "cut in the body": Fault(Unreachable, True, lambda gate, answer: gate.raw(answer, cut=-5), effects=True),
    "truncated JSON": Fault(
        Malformed, True, lambda gate, answer: gate.raw(Response(200, answer.body[:-5])), effects=True
    ),
    "HTML": Fault(Malformed, True, said(HTML)),
    "no body": Fault(Malformed, True, said(b"")),
    "a list": Fault(Malformed, True, said(b"[]")),
    "30 MB": Fault(Malformed, True, huge),
    "10,000 deep": Fault(Malformed, True, said(b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}")),
    "not HTTP": Fault(Unreachable, True, lambda gate, _: b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "broken gzip": Fault(
        Malformed, True, lambda gate, _: gate.raw(Response(200, b"not gzip", (("content-encoding", "gzip"),)))
    ),
    "not UTF-8": Fault(Malformed, True, said(b'{"name": "\xff\xfe"}')),
}
FEW = (
    "403 without a word",
    "404",
    "429 with RetryInfo",
    "503",
    "silence",
    "cut in the body",
    "truncated JSON",
    "HTML",
)
# Of what the transport alone judges, one of each kind is enough for the changes.
ALIKE = ("503 in HTML", "a list", "no body", "not UTF-8", "broken gzip", "429 with RetryInfo", "not HTTP")
ALONE = [name for name in FAULTS if name != "silence after the effect"]
SILENT = [name for name in FAULTS if name.startswith("silence")]


def whole(error: CockpitError, service: str) -> None:
    """What happened, to what, and what next; nothing of the machinery."""
    assert service in error.message, error.message
    assert error.hint, error.message
    assert len(str(error)) < 700
    for word in ("Traceback", "httpx", "Error(", "object at", "NoneType", "ya29"):
        assert word not in str(error), str(error)


async def outcome(doing: Callable[[], Any]) -> CockpitError | None:
    try:
        await doing()
    except CockpitError as error:
        return error
    return None


@pytest.mark.parametrize("name", ALONE)
async def test_a_poll_of_which_nothing_is_answered_says_what_is_wrong(polled: Any, gate: Any, name: str) -> None:
    fault = FAULTS[name]
    subject = polled(0.4 if name in SILENT else 5.0)
    gate.broken = lambda request, answer: fault.answer(gate, answer)
    gate.effects = True
    error = await outcome(subject.do)
    if isinstance(error, RateLimited):
        assert error.retry_after_s == 41
    if error is None:
        assert subject.service == "logging", "a log says beside what it has that it is to wait, and may be long"
        return
    assert type(error) is fault.kind, repr(error)
    assert not error.effect_possible
    whole(error, subject.service)
    if name == "403 that says what is missing":
        assert isinstance(error, PermissionDenied)
        assert error.missing == "run.services.get" and "roles/run.viewer" in error.hint
    gate.broken = None
    gate.plane.tokens.expire_all()
    if fault.kind is not RateLimited:
        assert await outcome(subject.do) is None, "the next poll is well again, with a new token"


@pytest.mark.parametrize("name", [*FEW, "401 for good", "cut before the answer", "10,000 deep"])
async def test_a_poll_of_which_one_answer_is_broken_shows_the_rest_or_says_why(
    polled: Any, gate: Any, name: str
) -> None:
    fault = FAULTS[name]
    healthy = polled()
    await healthy.do()
    paths = list(dict.fromkeys(request.path for request in gate.requests if request.path != "/token"))
    for path in paths[1:]:
        subject = polled(0.4 if name in SILENT else 5.0)
        gate.spoil = lambda request, path=path: request.path == path
        gate.broken = lambda request, answer: fault.answer(gate, answer)
        gate.effects = True
        error = await outcome(subject.do)
        if error is not None:
            assert type(error) is fault.kind or isinstance(error, TimedOut), repr(error)
            whole(error, subject.service)
        gate.broken = None


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in ALIKE])
async def test_a_change_is_sent_once_and_known_to_have_failed_or_not(changed: Any, gate: Any, name: str) -> None:
    fault = FAULTS[name]
    subject = changed(0.4 if name in SILENT else 5.0)
    gate.spoil = lambda request: request in gate.changes
    gate.broken = lambda request, answer: fault.answer(gate, answer)
    gate.effects = fault.effects
    error = await outcome(subject.do)
    assert len(gate.changes) == 1, "sent once, whatever came of it"
    assert error is not None, "no effect is claimed"
    assert type(error) is fault.kind, repr(error)
    assert error.effect_possible is fault.possible, repr(error)
    whole(error, subject.service)


@pytest.mark.parametrize("name", FEW)
async def test_a_change_that_is_done_is_not_lost_by_what_cannot_be_seen_of_it(
    changed: Any, gate: Any, name: str
) -> None:
    fault = FAULTS[name]
    subject = changed(0.4 if name in SILENT else 5.0)
    gate.spoil = lambda request: bool(gate.changes)
    gate.broken = lambda request, answer: gate.raw(answer) if request in gate.changes else fault.answer(gate, answer)
    gate.effects = True
    error = await outcome(subject.do)
    assert len(gate.changes) == 1
    assert error is None or error.effect_possible, repr(error)
    if error is not None:
        whole(error, subject.service)


async def test_a_token_that_ends_in_the_middle_is_renewed_for_reads_and_not_for_the_change(
    changed: Any, gate: Any
) -> None:
    subject = changed()
    once: list[Request] = []

    def expire(request: Request) -> bool:
        if request in gate.changes and not once:
            once.append(request)
            gate.plane.tokens.expire_all()
        return False

    gate.spoil, gate.broken = expire, lambda request, answer: b""
    error = await outcome(subject.do)
    assert isinstance(error, AuthenticationFailed) and not error.effect_possible
    assert len(gate.changes) == 1, "it may be done again by hand; the cockpit does not"
    assert await outcome(subject.do) is None
