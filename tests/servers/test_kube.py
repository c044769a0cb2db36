"""The test cluster itself: a real API server with users and rights, its restarts, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.sandbox.process import NoBinary

from .kube import binaries, things
from .kube.client import KubeError
from .kube.fixtures import Namespace, make_namespace, until
from .kube.server import KubeServer

_PROJECT = Path(__file__).parents[2]


def refused(call: Callable[[], object]) -> int:
    """The status with which the server refuses."""
    with pytest.raises(KubeError) as refusal:
        call()
    return refusal.value.code


def test_a_deployment_becomes_available_and_its_endpoints_fill(namespace: Namespace) -> None:
    namespace.apply(things.workload("api", replicas=3), things.service("api", {"app": "api"}))
    done = namespace.rolled_out("api")
    assert done["status"]["availableReplicas"] == 3
    addresses = until(lambda: namespace.get("endpoints/api")["subsets"][0]["addresses"])
    assert {each["targetRef"]["kind"] for each in addresses} == {"Pod"}


def test_stateful_and_daemon_sets_and_jobs_come_up(namespace: Namespace) -> None:
    namespace.apply(things.workload("db", kind="StatefulSet"), things.workload("logs", kind="DaemonSet"))
    job = things.template({"job": "once"}, "reg.test/job:v1", restartPolicy="Never")
    namespace.apply(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {"template": job}}
    )
    namespace.rolled_out("db", "statefulsets")
    namespace.rolled_out("logs", "daemonsets")
    until(lambda: namespace.get("jobs/once", "batch/v1")["status"]["succeeded"] == 1)
    assert {pod["metadata"]["name"] for pod in namespace.pods("app=db")} == {"db-0", "db-1"}


def test_a_restricted_user_may_do_what_is_bound_and_nothing_else(namespace: Namespace) -> None:
    viewer = namespace.server.client("viewer")
    assert refused(lambda: viewer.get(namespace.path("pods"))) == 403
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    namespace.apply(*things.rights("reader", "viewer", rules))
    assert until(lambda: viewer.get(namespace.path("pods")))["items"] == []
    assert refused(lambda: viewer.get(namespace.path("services"))) == 403


def test_a_budget_refuses_the_eviction_that_would_break_it(namespace: Namespace) -> None:
    namespace.apply(things.workload("api", replicas=2), things.budget("api", {"app": "api"}, min_available=2))
    namespace.rolled_out("api")
    until(lambda: namespace.get("poddisruptionbudgets/api", "policy/v1beta1")["status"]["currentHealthy"] == 2)
    name = namespace.pods()[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": name}}
    path = namespace.path(f"pods/{name}/eviction")
    assert refused(lambda: namespace.client.request("POST", path, eviction)) == 429
    namespace.client.delete(namespace.path("poddisruptionbudgets/api", "policy/v1beta1"))
    until(lambda: namespace.client.request("POST", path, eviction)["status"] == "Success")


def test_a_quota_stops_pods_and_an_event_says_so(namespace: Namespace) -> None:
    namespace.apply(things.quota("pods", pods="1"))
    until(lambda: "pods" in namespace.get("resourcequotas/pods")["status"]["hard"])
    namespace.apply(things.workload("api", replicas=3))
    said = until(lambda: namespace.get("events", fieldSelector="reason=FailedCreate")["items"])
    assert "exceeded quota" in said[0]["message"]


def test_kubectl_reads_the_cluster_as_the_user_it_is(
    namespace: Namespace, kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    namespace.apply(things.configmap("settings", LEVEL="info"))
    assert kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.LEVEL}").stdout == "info"
    assert "Forbidden" in kubectl("get", "configmaps", user="viewer").stderr


def test_a_restart_keeps_state_port_and_nodes_and_old_versions_expire(
    start_cluster: Callable[..., KubeServer],
) -> None:
    server = start_cluster(audit=True, compaction="1s", watch_cache=False, extensions=())
    namespace = make_namespace(server, "shop")
    namespace.apply(things.workload("api"))
    first = namespace.rolled_out("api")["metadata"]
    before = server.url
    server.restart_api()
    assert server.url == before
    assert namespace.get("deployments/api", "apps/v1")["metadata"]["uid"] == first["uid"]
    namespace.apply(things.workload("api", "reg.test/app:v2"))
    namespace.rolled_out("api")
    asked = [event["verb"] for event in server.requests("admin") if "/deployments/api" in event["requestURI"]]
    assert {"get", "patch"} <= set(asked)

    def expired() -> bool:
        path, version = namespace.path("pods"), first["resourceVersion"]
        namespace.apply(things.configmap("touched", AT=str(len(server.requests()))))
        said = namespace.client.request("GET", path, watch="1", resourceVersion=version, timeoutSeconds="1")
        return "'code': 410" in str(said)

    until(expired)


def test_all_programs_end_however_the_one_that_started_them_does(tmp_path: Path) -> None:
    try:
        binaries.folder()
    except NoBinary as reason:
        pytest.skip(str(reason))
    argv = [sys.executable, "-m", "tests.servers.kube", f"--folder={tmp_path}", "--context=hand"]
    argv += [f"--without={name}" for name in ("metrics", "external-secrets", "cert-manager", "argo")]
    with subprocess.Popen(argv, cwd=_PROJECT, stdout=subprocess.PIPE, text=True, env=_environment()) as process:
        assert process.stdout is not None
        word, folder, server = process.stdout.readline().split()
        assert (word, Path(folder).parent, server.partition(":")[0]) == ("READY", tmp_path, "https")
        assert {each.stem for each in Path(folder).glob("*.kubeconfig")} >= {"admin", "viewer", "responder"}
        assert _users_of(folder)
        process.send_signal(signal.SIGKILL)
    until(lambda: not _users_of(folder))


def _environment() -> dict[str, str]:
    return {
        name: os.environ[name] for name in ("PATH", "HOME", "COCKPIT_KUBE", "XDG_CACHE_HOME") if name in os.environ
    }


def _users_of(folder: str) -> list[int]:
    """The processes that have this folder in their command lines."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and folder in (entry / "cmdline").read_text(errors="replace"):
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile
    return found
