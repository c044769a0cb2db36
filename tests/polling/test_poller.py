"""Each source is polled on its own, backs off, and delays nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import CockpitError, PutOff, RateLimited, Unreachable
from cockpit.model.health import HealthStatus
from cockpit.model.reading import Observation, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.polling.hub import Hub
from cockpit.polling.poller import Poller

GOOD = Observation(Severity.OK, "200 in 5 ms", HealthStatus("GET", "http://x/", 200, 5.0, True))


class Probe:
    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def probe(self) -> Observation:
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            return GOOD
        assert isinstance(answer, Observation)
        return answer

    async def close(self) -> None:
        return None


class Middle:
    """No jitter."""

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


Start = Callable[..., asyncio.Task[None]]


@pytest.fixture
async def start(clock: ManualClock):  # type: ignore[no-untyped-def]  # a fixture with teardown
    tasks: list[asyncio.Task[None]] = []

    def begin(
        hub: Hub, name: str, probe: Probe, interval: float = 1.0, timeout: float = 3.0, *, asleep: bool = False
    ) -> asyncio.Task[None]:
        poller = Poller(
            name,
            SourceKind.HEALTH,
            name,
            probe,
            interval_s=interval,
            timeout_s=timeout,
            hub=hub,
            clock=clock,
            random_=Middle(),  # type: ignore[arg-type]  # the one method that is used
            asleep=asleep,
        )
        tasks.append(asyncio.create_task(poller.run()))
        return tasks[-1]

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_source_is_polled_at_its_interval(clock: ManualClock, start: Start) -> None:
    hub, probe = Hub(clock), Probe(GOOD)
    start(hub, "health/a", probe)
    await clock.advance(0)
    assert probe.calls == 1
    await clock.advance(3.5)
    assert probe.calls == 4
    state = hub.state("health/a")
    assert state is not None and state.freshness is Freshness.FRESH and state.summary == "200 in 5 ms"
    assert [point.value for point in hub.history("health/a").series["latency_ms"]] == [5.0] * 4


async def test_a_source_that_hangs_delays_no_other_and_grows_stale(clock: ManualClock, start: Start) -> None:
    hub, slow, quick = Hub(clock), Probe(GOOD, asyncio.Event()), Probe(GOOD)
    start(hub, "health/slow", slow)
    start(hub, "health/quick", quick)
    await clock.advance(10)
    assert quick.calls == 11 and slow.calls == 2, "never two polls of one source at once"
    state = hub.state("health/slow")
    assert state is not None
    assert state.freshness is Freshness.STALE and state.severity is Severity.UNKNOWN
    assert state.polling_since_s == pytest.approx(9.0)


async def test_the_deadline_is_the_pollers_where_the_adapter_has_none(clock: ManualClock, start: Start) -> None:
    hub = Hub(clock)
    start(hub, "health/a", Probe(asyncio.Event()), timeout=-0.49)  # real time: 10 ms with the grace
    failed = asyncio.Event()
    hub.subscribe(lambda source: failed.set())
    await failed.wait()
    state = hub.state("health/a")
    assert state is not None and state.freshness is Freshness.FAILED
    assert state.failure is not None and state.failure.word == "timed out"


async def test_failures_back_off_up_to_a_cap_and_a_key_polls_at_once(clock: ManualClock, start: Start) -> None:
    hub, probe = Hub(clock), Probe(Unreachable("refused"))
    start(hub, "health/a", probe)
    await clock.advance(1 + 2 + 4 + 8)
    assert probe.calls == 5
    state = hub.state("health/a")
    assert state is not None and state.circuit_open and state.failures == 5
    await clock.advance(14)
    assert probe.calls == 5
    hub.poll_now("health/a")
    await clock.advance(0)
    assert probe.calls == 6
    await clock.advance(15)
    assert probe.calls == 7


async def test_the_last_good_reading_stays_and_is_marked(clock: ManualClock, start: Start) -> None:
    hub, probe = Hub(clock), Probe(GOOD, Unreachable("refused", hint="is it up?"), GOOD)
    start(hub, "health/a", probe)
    await clock.advance(1)
    state = hub.state("health/a")
    assert state is not None
    assert state.reading is not None and state.freshness is Freshness.FAILED
    assert state.severity is Severity.UNKNOWN and state.failure is not None and state.failure.hint == "is it up?"
    await clock.advance(1)
    state = hub.state("health/a")
    assert state is not None and state.freshness is Freshness.FRESH and state.failures == 0


async def test_being_told_to_slow_down_is_obeyed(clock: ManualClock, start: Start) -> None:
    hub, probe = Hub(clock), Probe(RateLimited("429", retry_after_s=40), GOOD)
    start(hub, "health/a", probe)
    await clock.advance(39)
    assert probe.calls == 1
    await clock.advance(1.5)
    assert probe.calls == 2


async def test_a_defect_in_an_adapter_is_a_failure_not_the_end(clock: ManualClock, start: Start) -> None:
    hub, probe = Hub(clock), Probe(ZeroDivisionError("oops"), GOOD)
    task = start(hub, "health/a", probe)
    await clock.advance(0)
    state = hub.state("health/a")
    assert state is not None and state.failure is not None and "ZeroDivisionError" in state.failure.message
    await clock.advance(2)
    assert not task.done() and probe.calls == 3


async def test_every_error_has_its_word() -> None:
    words = {cls.word for cls in CockpitError.__subclasses__()}
    assert len(words) == len(CockpitError.__subclasses__())


async def test_a_source_that_is_asleep_is_polled_only_once_it_is_named(clock: ManualClock, start: Start) -> None:
    hub, probe = Hub(clock), Probe(GOOD)
    start(hub, "metrics", probe, asleep=True)
    await clock.advance(60.0)
    hub.poll_now()
    await clock.advance(60.0)
    state = hub.state("metrics")
    assert state is not None and state.asleep and state.freshness is Freshness.WAITING
    assert (probe.calls, state.summary) == (0, "not asked yet")
    hub.poll_now("metrics")
    await clock.advance(0.0)
    state = hub.state("metrics")
    assert state is not None and not state.asleep and state.freshness is Freshness.FRESH
    await clock.advance(1.0)
    assert probe.calls == 2, "from then on it is polled like any other"


async def test_a_poll_that_is_put_off_is_no_failure_until_the_reading_is_stale(
    start: Start, clock: ManualClock
) -> None:
    hub = Hub(clock)
    start(hub, "a", Probe(GOOD, PutOff("not polled for 1 s", retry_after_s=1)))
    await clock.advance(0)
    for _ in range(3):
        await clock.advance(1)
        state = _state(hub, "a")
        assert (state.freshness, state.failure, state.failures) == (Freshness.FRESH, None, 0)
        assert state.polling_since_s is None
    assert _state(hub, "a").age_s == 3
    await clock.advance(5)
    state = _state(hub, "a")
    assert state.freshness is Freshness.FAILED and state.failures == 0
    assert state.failure is not None and state.failure.word == "put off"


async def test_what_failed_before_it_was_put_off_stays_said(start: Start, clock: ManualClock) -> None:
    hub = Hub(clock)
    start(hub, "a", Probe(Unreachable("no route"), PutOff("not polled for 1 s", retry_after_s=1)))
    await clock.advance(5)
    state = _state(hub, "a")
    assert state.failure is not None and state.failure.message == "no route" and state.failures == 1


async def test_who_is_put_off_asks_again_when_it_may(start: Start, clock: ManualClock) -> None:
    probe = Probe(PutOff("not polled for 7 s", retry_after_s=7), GOOD)
    hub = Hub(clock)
    start(hub, "a", probe)
    await clock.advance(6)
    assert probe.calls == 1 and _state(hub, "a").freshness is Freshness.FAILED, "never seen: that must be said"
    await clock.advance(2)
    assert probe.calls >= 2 and _state(hub, "a").freshness is Freshness.FRESH


def _state(hub: Hub, name: str) -> SourceState:
    state = hub.state(name)
    assert state is not None
    return state
