"""What an engine's JSON says, however it says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.docker.containers import digest_of
from cockpit.adapters.docker.events import event_of
from cockpit.adapters.docker.facts import container_of
from cockpit.adapters.docker.usage import Meter
from cockpit.model.severity import Severity
from cockpit.text import UNSAFE

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
LABELS = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "api",
    "com.docker.compose.container-number": "2",
    "com.docker.compose.oneoff": "False",
}
LISTED = {"Id": "ab" * 32, "Names": ["/shop-api-2"], "State": "running", "Labels": LABELS, "Created": 1795307410}


def _stamp(seconds_ago: float) -> str:
    return (NOW - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")


def _inspected(policy: str = "no", restarts: int = 0, limit: int = 0, **state: object) -> dict[str, object]:
    told = {"Status": "running", "ExitCode": 0, "StartedAt": _stamp(3600), "FinishedAt": "0001-01-01T00:00:00Z"}
    return {
        "State": told | state,
        "RestartCount": restarts,
        "HostConfig": {"RestartPolicy": {"Name": policy}, "Memory": limit},
        "Config": {"Image": "shop/api:2", "Tty": False},
        "Image": "sha256:" + "c" * 64,
    }


ENDED = {"Status": "exited", "FinishedAt": _stamp(3500)}


@pytest.mark.parametrize(
    ("inspected", "severity", "reason"),
    [
        (_inspected(), Severity.OK, "running"),
        (_inspected(Health={"Status": "healthy"}), Severity.OK, "running, healthy"),
        (_inspected(Health={"Status": "starting"}), Severity.WARN, "running, its check has not passed yet"),
        (_inspected(Health={"Status": "unhealthy"}), Severity.CRIT, "unhealthy: its check fails"),
        (_inspected(restarts=3, StartedAt=_stamp(40)), Severity.WARN, "restarted 3 times, last 40 s ago"),
        (_inspected(restarts=3), Severity.OK, "running"),
        (_inspected(Status="paused"), Severity.WARN, "paused"),
        (_inspected(**ENDED, ExitCode=1), Severity.CRIT, "exited with code 1"),
        (_inspected(**ENDED, ExitCode=143), Severity.CRIT, "exited with code 143 (SIGTERM)"),
        (
            _inspected(**ENDED, ExitCode=137, OOMKilled=True),
            Severity.CRIT,
            "out of memory, killed (code 137 (SIGKILL))",
        ),
        (_inspected(**ENDED), Severity.OK, "done (code 0)"),
        (_inspected(**ENDED, StartedAt=_stamp(9000)), Severity.WARN, "ended with code 0"),
        (_inspected("unless-stopped", **ENDED), Severity.CRIT, "stopped by hand"),
        (_inspected("always", **ENDED, ExitCode=2), Severity.CRIT, "exited with code 2"),
        (
            _inspected("always", 7, **{**ENDED, "Status": "restarting"}, ExitCode=1),
            Severity.CRIT,
            "restarting again and again (7), ended with code 1",
        ),
        (_inspected(Status="created", StartedAt="0001-01-01T00:00:00Z"), Severity.WARN, "made, never started"),
        (
            _inspected(Status="created", ExitCode=127, FinishedAt=_stamp(3)),
            Severity.CRIT,
            "could not be started with code 127 (its command is not there)",
        ),
        (_inspected(Status="dead", ExitCode=0), Severity.CRIT, "dead: the engine could not remove it"),
        (_inspected(Status="sideways"), Severity.UNKNOWN, "in a state that is not known: unknown"),
    ],
)
def test_the_reason_is_in_a_persons_words(inspected, severity, reason):
    found = container_of(LISTED, inspected, NOW)
    assert (found.severity, found.reason) == (severity, reason)


def test_what_the_profile_names_is_missed_when_it_ends():
    assert container_of(LISTED, _inspected(**ENDED), NOW, named=True).severity is Severity.WARN


def test_what_was_run_once_by_hand_is_never_critical():
    oneoff = {**LISTED, "Labels": {**LABELS, "com.docker.compose.oneoff": "True"}}
    found = container_of(oneoff, _inspected(**ENDED, ExitCode=1), NOW)
    assert found.oneoff
    assert found.severity is Severity.WARN


def test_one_that_could_not_be_looked_at_is_unknown():
    found = container_of(LISTED, None, NOW)
    assert (found.severity, found.name, found.service, found.number) == (Severity.UNKNOWN, "shop-api-2", "api", 2)


def test_the_last_words_of_the_check_are_told():
    log = [{"Output": "fine"}, {"Output": "curl: (7)\x1b[31m Failed\nto connect\n"}]
    found = container_of(LISTED, _inspected(Health={"Status": "unhealthy", "Log": log}), NOW)
    assert found.said == "curl: (7) Failed / to connect"


def test_times_of_nine_digits_are_read():
    found = container_of(LISTED, _inspected(StartedAt="2026-11-21T13:59:50.123456789Z"), NOW)
    assert found.uptime_s == pytest.approx(9.876544)


def test_of_two_digests_that_of_the_image_is_told():
    image = {"RepoDigests": ["other/api@sha256:1", "registry.example:5000/shop/api@sha256:2"]}
    assert digest_of(image, "registry.example:5000/shop/api:1.4") == "registry.example:5000/shop/api@sha256:2"
    assert digest_of({"RepoDigests": None}, "x") == ""


def _stats(read: str, used: int, memory: int = 100, **more: int) -> dict[str, object]:
    usage = {"usage": memory, "stats": dict(more)}
    return {"read": read, "cpu_stats": {"cpu_usage": {"total_usage": used}}, "memory_stats": usage}


def test_cpu_is_what_was_used_between_two_looks():
    meter = Meter()
    assert meter.read("a", _stats("2026-11-21T14:00:00Z", 10**9)).cpu is None
    assert meter.read("a", _stats("2026-11-21T14:00:02Z", 2 * 10**9)).cpu == 500
    assert meter.read("a", _stats("2026-11-21T14:00:04Z", 10**8)).cpu is None  # it was restarted
    meter.forget([])
    assert meter.read("a", _stats("2026-11-21T14:00:06Z", 10**9)).cpu is None


def test_an_engine_that_looks_twice_itself_is_believed():
    stats = {
        "cpu_stats": {"cpu_usage": {"total_usage": 200}, "system_cpu_usage": 3000, "online_cpus": 2},
        "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 2000},
    }
    assert Meter().read("a", stats).cpu == 200


def test_an_engine_that_counts_no_cores_tells_of_each():
    each = {"total_usage": 200, "percpu_usage": [50, 50, 50, 50]}
    stats = {
        "cpu_stats": {"cpu_usage": each, "system_cpu_usage": 3000},
        "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 2000},
    }
    assert Meter().read("a", stats).cpu == 400


def test_the_cache_is_no_memory_in_use():
    assert Meter().read("a", _stats("", 0, 100, inactive_file=30)).memory == 70
    assert Meter().read("a", _stats("", 0, 100, total_inactive_file=40, inactive_file=30)).memory == 60


EVENT = {
    "Type": "container",
    "Action": "die",
    "Actor": {"ID": "ab", "Attributes": {**LABELS, "name": "shop-api-2", "exitCode": "137"}},
    "timeNano": 1795307410310682227,
}


def test_an_event_tells_what_happened_and_when():
    found = event_of(EVENT, "shop")
    assert found is not None
    nano, event = found
    assert nano == 1795307410310682227
    assert (event.action, event.name, event.service, event.said) == (
        "die", "shop-api-2", "api", "exit code 137 (SIGKILL)",
    )  # fmt: skip


def test_an_event_of_another_project_is_none_of_ours():
    assert event_of(EVENT, "shop2") is None


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["running", "exited", "True"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["Id", "Names", "State", "Labels", "Created", "Status", "Health", "Log", "Output", "ExitCode", "StartedAt",
     "FinishedAt", "RestartCount", "HostConfig", "Memory", "Config", "Image", "Tty", "Ports", "PublicPort",
     "com.docker.compose.service", "com.docker.compose.container-number", "Actor", "Attributes", "Type", "timeNano",
     "cpu_stats", "cpu_usage", "total_usage", "memory_stats", "usage", "stats", "RepoDigests", "read"]
)  # fmt: skip
OBJECT = st.dictionaries(KEYS, st.recursive(ANY, lambda inner: st.dictionaries(KEYS, inner, max_size=4)), max_size=8)


@given(OBJECT, st.none() | OBJECT)
def test_nonsense_is_a_container_too(listed, inspected):
    found = container_of(listed, inspected, NOW)
    words = (found.name, found.reason, found.said, found.image, found.service, found.command, *found.ports)
    assert not any(UNSAFE.search(word) for word in words)


@given(OBJECT)
def test_nonsense_is_measured_and_told_too(raw):
    used = Meter().read("a", raw)
    assert used.memory is None or used.memory > 0
    assert event_of({"Type": "container", **raw}, "shop") is None or "Actor" in raw
    assert not UNSAFE.search(digest_of(raw, "x"))
