"""Cloud Monitoring: all panels of one source, asked for together over one gRPC channel, opened when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cockpit.adapters.gcp.auth import Token, is_loopback
from cockpit.adapters.gcp.budget import budget_of
from cockpit.adapters.gcp.metricpanels import Answer, Answered, observed, panels_of
from cockpit.adapters.gcp.metricqueries import MetricQuery
from cockpit.adapters.gcp.metricwire import (
    ANSWER_BYTES,
    DESCRIBE,
    LIST,
    Vendor,
    error_of,
    load,
    request_of,
    series_of,
)
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import Clock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Malformed,
    Misconfigured,
    PermissionDenied,
    PutOff,
    RateLimited,
    TimedOut,
)
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.metrics import MetricPanel
from cockpit.model.reading import Observation
from cockpit.profile.google import MetricsSource
from cockpit.text import clean

AT_ONCE = 6  # calls in flight
SERIES_READ = 500  # of one answer; a panel shows the largest of them
READS_PER_MINUTE = 300  # of this process: far below what a project is allowed
_RESERVE_S = 0.25  # of the deadline: a call ends before the poll does
# Left alone, gRPC waits up to two minutes until it tries again to connect: longer than a network is away.
_RECONNECTING = (("grpc.initial_reconnect_backoff_ms", 500), ("grpc.max_reconnect_backoff_ms", 5000))
_CA_FILES = ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "SSL_CERT_FILE")


class MetricsBoard:
    """One source of metrics. Nothing of gRPC is imported before the first question."""

    def __init__(self, source: MetricsSource, queries: Sequence[MetricQuery], clock: Clock) -> None:
        self._source = source
        self._queries = tuple(queries)
        self._clock = clock
        self._api = GoogleApi("monitoring", source.endpoint, source.timeout, clock)
        self._budget = budget_of(self._api.base_url, source.project, READS_PER_MINUTE)
        self._vendor: Vendor | None = None
        self._channel: Any = None
        self._client: Any = None
        self._opening = asyncio.Lock()

    @property
    def where(self) -> str:
        """Host and port of the API."""
        return clean(urlsplit(self._api.base_url).netloc, 120)

    async def probe(self) -> Observation:
        """All panels. A panel that fails says why and leaves the others alone; where all fail, so does the poll."""
        now = self._clock.now()
        self._heed()
        answers = await self._ask_all(self._queries, now, self._source.window)
        failures = [answer for answer in answers.values() if isinstance(answer, CockpitError)]
        if self._queries and len(failures) + len(self._queries) - len(answers) == len(self._queries):
            raise _leading(failures) if failures else self._late()
        panels, notes = panels_of(self._queries, answers, now.timestamp())
        return observed(self._source.project, panels, self._source.window, notes)

    async def ask(self, query: MetricQuery, window_s: float) -> MetricPanel:
        """One question of a runbook, within the deadline. Raises CockpitError."""
        now = self._clock.now()
        self._heed()
        answer = (await self._ask_all((query,), now, window_s)).get(0)
        if answer is None:
            raise self._late()
        if isinstance(answer, CockpitError):
            raise answer
        panels, _ = panels_of((replace(query, optional=False),), {0: answer}, now.timestamp())
        return panels[0]

    async def describe(self, metric: str) -> tuple[str, str]:
        """Kind and type of value of a metric: ("DELTA", "DISTRIBUTION"). Raises CockpitError."""
        self._heed()
        name = f"projects/{self._source.project}/metricDescriptors/{metric}"
        try:
            async with asyncio.timeout(self._source.timeout):
                found = await self._call("get_metric_descriptor", {"name": name}, DESCRIBE)
        except TimeoutError:
            raise self._late() from None
        kind = type(found)  # a plain protobuf class: its enumerations are numbers
        return kind.MetricKind.Name(found.metric_kind), kind.ValueType.Name(found.value_type)

    async def diagnose(self) -> list[Diagnosis]:
        """Token, then one panel's question."""
        found: list[Diagnosis] = []
        try:
            async with asyncio.timeout(self._source.timeout):
                found.append(Diagnosis("credentials", True, (await self._api.token()).origin))
                for query in self._queries[:1]:
                    await self._series(query, self._clock.now(), 600.0)
        except (CockpitError, TimeoutError) as error:
            failure = error if isinstance(error, CockpitError) else self._late()
            check = LIST if found else "credentials"
            return [*found, Diagnosis(check, False, failure.message, self._grant(failure))]
        said = f"{len(self._queries)} questions a poll" if self._queries else "nothing to ask for"
        return [*found, Diagnosis(LIST, True, said)]

    async def close(self) -> None:
        """End calls and connection, at once."""
        channel, self._channel, self._client = self._channel, None, None
        await self._api.close()
        if channel is not None:
            await channel.close(None)

    # -- asking

    async def _ask_all(self, queries: Sequence[MetricQuery], now: datetime, window_s: float) -> dict[int, Answer]:
        """By place; what did not come before the one deadline of all is missing. Calls end with this one."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(query: MetricQuery) -> Answer:
            async with gate:
                try:
                    self._heed()
                    return await self._series(query, now, window_s)
                except CockpitError as error:
                    return error

        tasks = [asyncio.ensure_future(one(query)) for query in queries]
        if not tasks:
            return {}
        try:
            await asyncio.wait(tasks, timeout=max(0.1, self._source.timeout - _RESERVE_S))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        answers: dict[int, Answer] = {}
        for place, task in enumerate(tasks):
            if task.cancelled():
                continue
            answers[place] = task.result()
        return answers

    async def _series(self, query: MetricQuery, now: datetime, window_s: float) -> list[Answered]:
        pager = await self._call("list_time_series", request_of(self._source.project, query, now, window_s))
        vendor, _ = await self._open()
        found: list[Answered] = []
        try:
            async for page in pager.pages:
                if page is None:  # what gRPC makes of bytes that are no such message
                    raise Malformed(
                        f"monitoring API at {self.where} answered something that is no list of time series"
                    )
                found += [series_of(message) for message in type(page).pb(page).time_series]
                if len(found) >= SERIES_READ:
                    break
        except (vendor.api_error, vendor.rpc_error) as error:
            raise self._failed(error) from error
        return found

    async def _call(self, method: str, request: dict[str, Any], permission: str = LIST) -> Any:
        """One call; with a new token once more where the first was not accepted."""
        vendor, client = await self._open()
        token = await self._api.token()
        for last in (False, True):
            if not self._budget.take(self._clock.monotonic()):
                self._heed()
            try:
                call = getattr(client, method)
                answer = await call(
                    request=request, retry=None, timeout=self._source.timeout, metadata=_metadata(token)
                )
            except (vendor.api_error, vendor.rpc_error) as error:
                failure = self._failed(error, permission)
                if not isinstance(failure, AuthenticationFailed) or last:
                    raise failure from error
                token = await self._another(token)
            else:
                self._budget.accepted()
                return answer
        raise Malformed("monitoring API was asked twice and not answered")

    def _failed(self, error: Exception, permission: str = LIST) -> CockpitError:
        failure = error_of(error, self.where, permission)
        if isinstance(failure, RateLimited):
            failure.retry_after_s = self._budget.refused(self._clock.monotonic(), failure.retry_after_s)
        return failure

    def _heed(self) -> None:
        """Nothing is asked before the time that the API named, or beyond our own count. Raises RateLimited."""
        now = self._clock.monotonic()
        wait = self._budget.wait_s(now)
        if wait > 0 and not self._budget.told_to_wait(now):
            raise PutOff(
                f"not asked for {wait:.0f} s: the cockpit has made the {self._budget.limit} reads a minute of the"
                f" monitoring API that it allows itself in {clean(self._source.project, 80)}",
                retry_after_s=wait,
                hint="Google refused nothing; give the boards of this project a longer interval, or fewer panels",
            )
        if wait > 0:
            raise RateLimited(
                f"monitoring API: its quota is used up, asked again in {wait:.0f} s",
                retry_after_s=wait,
                hint="quotas are shared by the project; the cockpit waits",
            )

    def _late(self) -> TimedOut:
        return TimedOut(
            f"monitoring API at {self.where} gave no answer within {self._source.timeout:g} s",
            hint="the network drops packets, or it hangs",
        )

    # -- the connection

    async def _open(self) -> tuple[Vendor, Any]:
        async with self._opening:
            if self._vendor is None:
                self._vendor = await asyncio.to_thread(load)
            if self._client is None:
                self._channel = await self._new_channel(self._vendor)
                transport = self._vendor.transport(channel=self._channel)
                self._client = self._vendor.client(transport=transport)
            return self._vendor, self._client

    async def _new_channel(self, vendor: Vendor) -> Any:
        parts = urlsplit(self._api.base_url)
        options: list[tuple[str, int | str]] = [("grpc.max_receive_message_length", ANSWER_BYTES), *_RECONNECTING]
        if parts.scheme != "https":
            if not is_loopback(self._api.base_url):
                raise Misconfigured(
                    f"{clean(self._api.base_url)} is neither https nor on this machine: no credential is sent there",
                    hint="use https, or a loopback address for a simulated API",
                )
            return vendor.aio.insecure_channel(parts.netloc, [*options, ("grpc.enable_http_proxy", 0)])
        target = parts.netloc if parts.port is not None else f"{parts.hostname}:443"
        proxy = self._api.grpc_proxy()
        roots = await asyncio.to_thread(_roots, self._api.variables)
        if proxy:
            options.append(("grpc.http_proxy", proxy))
        return vendor.aio.secure_channel(target, vendor.tls(root_certificates=roots), options)

    async def _another(self, refused: Token) -> Token:
        """A token that is not the refused one; calls that were refused together share it."""
        token = await self._api.token()
        if token is refused:
            self._api.forget_token()
            token = await self._api.token()
        return token

    def _grant(self, error: CockpitError) -> str:
        if isinstance(error, PermissionDenied):
            return (
                f"gcloud projects add-iam-policy-binding {self._source.project} --member=WHO "
                "--role=roles/monitoring.viewer"
            )
        return error.hint


def _metadata(token: Token) -> list[tuple[str, str]]:
    sent = [("authorization", f"Bearer {token.value.reveal()}")]
    return [*sent, ("x-goog-user-project", token.quota_project)] if token.quota_project else sent


def _roots(environ: Mapping[str, str]) -> bytes | None:
    """The authorities that gcloud and OpenSSL are told to trust, None for those that gRPC brings. Blocking."""
    for name in _CA_FILES:
        if path := environ.get(name, ""):
            try:
                return Path(path).expanduser().read_bytes()
            except OSError as error:
                raise Misconfigured(f"{name} cannot be read: {error.strerror}") from error
    return None


def _leading(failures: Sequence[CockpitError]) -> CockpitError:
    """The one that says most where all calls failed."""
    for kind in (AuthenticationFailed, PermissionDenied, RateLimited):
        for failure in failures:
            if isinstance(failure, kind):
                return failure
    return failures[0]
