"""Maintenance mode on and off: the flag, the restarts, what the system says; and a system that does not say it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cockpit.actions.kube import maintenance
from cockpit.errors import Conflict, Refused
from cockpit.model.action import Grant, Outcome

from ....servers.kube.fixtures import Namespace, until_async
from ....servers.kube.things import configmap, container, rights, workload
from ..conftest import Desk, Desks

ACTION = "workloads.maintenance"
MODE = {"configmap": "settings", "key": "MAINTENANCE", "restart": ["deployment/api"]}


@contextmanager
def system(says: Callable[[], str]) -> Iterator[str]:
    """A server that says of itself what is so now; its URL."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if "maintenance" in says() else 200)
            self.end_headers()
            self.wfile.write(says().encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/status"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def flag(namespace: Namespace) -> str:
    return str(namespace.get("configmaps/settings")["data"]["MAINTENANCE"])


async def set_up(namespace: Namespace, replicas: int = 1) -> None:
    env = [{"configMapRef": {"name": "settings"}}]
    containers = [container("app", "reg.test/api:v1", envFrom=env)]
    namespace.apply(
        configmap("settings", MAINTENANCE="false"), workload("api", replicas=replicas, containers=containers)
    )
    await asyncio.to_thread(namespace.rolled_out, "api")


def started(namespace: Namespace) -> set[str]:
    return {pod["metadata"]["uid"] for pod in namespace.pods()}


async def test_on_and_off_with_restart_and_what_the_system_says(desk_of: Desks, namespace: Namespace) -> None:
    await set_up(namespace)
    with system(lambda: "in maintenance" if flag(namespace) == "true" else "all is well") as url:
        texts: dict[str, Any] = {"verify_url": url, "verify_on": "maintenance", "verify_off": "well"}
        desk = desk_of(maintenance={**MODE, **texts})
        before = started(namespace)
        plan, result = await desk.do(ACTION, mode="on")
        assert plan.title == "Maintenance mode on" and "does not say maintenance (HTTP 200)" in plan.warnings[0]
        assert [(each.what, each.before, each.after) for each in plan.changes] == [
            ("MAINTENANCE", "false", "true"),
            ("deployment/api", "running", "restarted"),
        ]
        assert result.outcome is Outcome.SUCCEEDED and "says maintenance (HTTP 503)" in result.summary
        assert flag(namespace) == "true" and not before & started(namespace)
        during = started(namespace)
        marked = namespace.get("deployments/api", "apps/v1")["spec"]["template"]["metadata"]["annotations"]
        # The mark of a restart counts in seconds, kubectl's too: a second one within the same would be none.
        await until_async(lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" not in marked.values())
        back, result = await desk.undo(plan, result)
        assert back.title == "Maintenance mode off" and flag(namespace) == "false"
        assert not during & started(namespace)


async def test_a_system_that_does_not_say_it_is_a_failure_with_a_way_back(
    desk_of: Desks, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_up(namespace)
    monkeypatch.setattr(maintenance, "_EFFECT_S", 2.0)
    with system(lambda: "all is well") as url:
        desk = desk_of(maintenance={**MODE, "verify_url": url, "verify_on": "maintenance"}, timeout="1s")
        plan = await desk.plan(ACTION, mode="on")
        result = await desk.run(plan)
        assert result.outcome is Outcome.FAILED and "does not say maintenance" in result.summary
        assert (await desk.verify(plan, result)).holds is False and flag(namespace) == "true"
        await desk.undo(plan, result)
        assert flag(namespace) == "false"


async def test_nobody_to_restart_and_nothing_to_look_at_is_said(desk_of: Desks, namespace: Namespace) -> None:
    await set_up(namespace, replicas=0)
    desk = desk_of(maintenance=MODE)
    plan, _ = await desk.do(ACTION, mode="on")
    assert "the profile has no verify_url" in plan.warnings[0]
    assert plan.warnings[1].startswith("deployment/api has no pods: nothing to restart")
    assert flag(namespace) == "true"
    unheard = await desk_of(maintenance={**MODE, "restart": []}).plan(ACTION, mode="off")
    assert unheard.warnings[0] == "deployment/api reads MAINTENANCE at its start only, and restart does not name it"


async def test_without_the_table_it_is_not_offered(desk: Desk) -> None:
    assert "no [kubernetes.maintenance] table" in desk.handlers[ACTION].unavailable()
    with pytest.raises(Refused):
        await desk.plan(ACTION, mode="on")


async def test_what_changed_since_and_who_may_not(desk_of: Desks, namespace: Namespace) -> None:
    await set_up(namespace)
    desk = desk_of(maintenance=MODE)
    plan = await desk.plan(ACTION, mode="on")
    choices = await desk.handlers[ACTION].choices("mode")
    assert [(each.value, each.recommended) for each in choices] == [("on", True), ("off", False)]
    assert [each.reason for each in (await desk.plan(ACTION, mode="off")).refusals] == [
        "MAINTENANCE of configmap/settings has that value already"
    ]
    namespace.client.patch(namespace.path("configmaps/settings"), {"data": {"MAINTENANCE": "true"}})
    with pytest.raises(Conflict):
        await desk.run(plan)
    namespace.client.patch(namespace.path("configmaps/settings"), {"data": {"MAINTENANCE": "partly"}})
    late = await desk.plan(ACTION, mode="off", expect='"true"')
    assert [each.reason for each in late.refusals] == ["the flag was changed since"]
    reads = [
        {"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["get", "list", "patch"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
    ]
    namespace.apply(*rights("reading", "viewer", reads))
    denied = await desk_of("viewer", maintenance=MODE).plan(ACTION, mode="on")
    assert denied.permission.grant is Grant.DENIED
    assert denied.permission.needs == f"patch deployments.apps in {namespace.name}"
