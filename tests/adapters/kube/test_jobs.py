"""Jobs as the real API server has them, and as nobody should have them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.kube.asking import NamespaceAsker
from cockpit.adapters.kube.jobs import cronjob_of, job_of
from cockpit.clock import SystemClock
from cockpit.model.severity import Severity

from ...servers.kube.client import Object
from ...servers.kube.fixtures import Namespace, until_async
from ...servers.kube.things import template
from .conftest import Opener

KEYS = st.sampled_from((
    "name", "conditions", "type", "status", "reason", "message", "active", "succeeded", "failed", "completions",
    "suspend", "schedule", "lastScheduleTime", "completionTime", "creationTimestamp", "ownerReferences",
))  # fmt: skip


def job(name: str, behaviour: str = "done", **spec: Any) -> Object:
    made = template(
        {"app": name}, "reg.test/tidy:v1", notes={"fake-node/behaviour": behaviour}, restartPolicy="Never"
    )
    inner = {"backoffLimit": 0, "template": made, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": inner}


def by_the_clock(name: str, **spec: Any) -> Object:
    inner = {"schedule": "0 3 * * *", "jobTemplate": {"spec": job(name)["spec"]}, **spec}
    return {"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": name}, "spec": inner}


async def test_jobs_of_a_namespace_and_what_starts_them(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(job("well"), job("gone", "evict"), job("long", "ok", completions=3))
    namespace.apply(by_the_clock("nightly"), by_the_clock("held", suspend=True))
    asker = NamespaceAsker(opened(namespace.kubeconfig()), SystemClock())

    def over() -> bool:
        found = {each["metadata"]["name"]: each.get("status", {}) for each in namespace.client.items(path)}
        return bool(
            found["well"].get("succeeded") and found["gone"].get("conditions") and found["long"].get("active")
        )

    path = namespace.path("jobs", "batch/v1")
    await until_async(over, 90)
    found = {each.ref: each for each in await asker.jobs()}
    assert {ref: (each.state, each.severity) for ref, each in found.items()} == {
        "job/well": ("complete", Severity.OK),
        "job/gone": ("failed", Severity.WARN),
        "job/long": ("running", Severity.OK),
        "cronjob/nightly": ("scheduled", Severity.OK),
        "cronjob/held": ("suspended", Severity.WARN),
    }
    assert "BackoffLimitExceeded" in found["job/gone"].said and found["job/gone"].ended is not None
    assert found["job/long"].counts == "1 active, 0 of 3 succeeded, 0 failed"
    assert found["cronjob/nightly"].said == "0 3 * * *"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(KEYS, inside),
)


@given(st.dictionaries(st.sampled_from(("metadata", "spec", "status")), ANY))
def test_nothing_is_too_odd(obj: Any) -> None:
    for each in (job_of(obj), cronjob_of(obj)):
        assert "\x1b" not in each.said + each.name + each.owner and each.created.tzinfo is not None
