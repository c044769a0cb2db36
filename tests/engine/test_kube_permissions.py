"""The smallest Role of the documentation suffices for all that is read and done, and holds nothing beyond that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

import cockpit
from cockpit.engine import compose
from cockpit.model.action import ActionRequest, Grant, Outcome, Permission
from cockpit.model.cluster import ClusterStatus
from cockpit.model.workloads import WorkloadsStatus
from cockpit.sandbox.process import NoBinary

from ..actions.kube.stage import DEEDS as ROLLOUTS
from ..actions.kube.stage import set_up
from ..servers.kube.client import KubeError, Object
from ..servers.kube.fixtures import Namespace, make_namespace, until_async
from ..servers.kube.server import KubeServer, Options
from ..servers.kube.things import certificate, configmap, container, external_secret, pod, quota, secret, workload
from .kubeengine import Crew, crew_on

USER = "responder"
ROLES = Path(cockpit.__file__ or "").parent / "adapters" / "kube" / "roles.yaml"
TABLE = """
[[kubernetes]]
name = "main"
kubeconfig = "{config}"
interval = "0.3s"
backups = "{folder}"
[kubernetes.maintenance]
configmap = "flags"
key = "maintenance"
restart = ["deployment/api"]
[[logs]]
name = "api"
type = "kubernetes"
cluster = "main"
workload = "deployment/api"
interval = "0.3s"
"""
WORKLOADS, CLUSTER, LOGS = "workloads/main", "cluster/main", "logs/api"
pytestmark = pytest.mark.asyncio(loop_scope="module")
Ask = Callable[["Stage"], ActionRequest]


def _asking(action: str, **params: str) -> Ask:
    source = CLUSTER if action.startswith("cluster.") else WORKLOADS
    return lambda stage: ActionRequest(action, source, params)


def _evict(stage: Stage) -> ActionRequest:
    pod = stage.namespace.pods("app=api")[0]["metadata"]["name"]
    return ActionRequest("workloads.evict", WORKLOADS, {"pod": pod})


def _isolate(stage: Stage) -> ActionRequest:
    return ActionRequest("workloads.isolate", WORKLOADS, _evict(stage).params)


def _shell(stage: Stage) -> ActionRequest:
    return ActionRequest("workloads.shell", WORKLOADS, {**_evict(stage).params, "command": "true"})


DEEDS: dict[str, Ask] = {
    **{f"workloads.{name}": _asking(f"workloads.{name}", **given) for name, given in ROLLOUTS.items()},
    "workloads.restart of a stateful set": _asking("workloads.restart", workload="statefulset/db"),
    "workloads.restart of a daemon set": _asking("workloads.restart", workload="daemonset/agent"),
    "workloads.scale of a stateful set": _asking("workloads.scale", workload="statefulset/db", replicas="2"),
    "workloads.maintenance": _asking("workloads.maintenance", mode="on"),
    "workloads.evict": _evict,
    "workloads.clear_failed": _asking("workloads.clear_failed"),
    "workloads.isolate": _isolate,
    "workloads.resync": _asking("workloads.resync", workload="deployment/reader"),
    "cluster.configmap": _asking("cluster.configmap", configmap="flags", key="level", value="2"),
    "cluster.renew": _asking("cluster.renew", certificate="shop"),
    "cluster.backup": _asking("cluster.backup"),
    "cluster.cordon": _asking("cluster.cordon", node="node-2"),
    "cluster.drain": _asking("cluster.drain", node="node-2"),
}
PLANNED = {
    **DEEDS,
    "cluster.uncordon": _asking("cluster.uncordon", node="node-2"),  # done as the way back of cordoning
    "workloads.shell": _shell,  # wants a terminal of its own
}
# Refused always; tried with the deletion; tried with the isolation; what a file needs no role foresees.
NEVER = {"cluster.delete_namespace", "workloads.create", "workloads.rejoin", "cluster.apply", "cluster.unapply"}
WITHHELD: set[tuple[str, str]] = set()  # for a while, by these tests
# What else the roles give, and who needs it.
BESIDE = {
    ("create", "pods/exec"): "kubectl's, on a terminal of its own",
    ("get", "namespaces"): "that the namespace is missing is only asked where nothing is in it",
    **{(verb, "endpoints"): "only of servers older than EndpointSlices" for verb in ("get", "list", "watch")},
    ("list", "extensions/ingresses"): "only of servers older than 1.22",
    ("watch", "extensions/ingresses"): "only of servers older than 1.22",
}


@dataclass(frozen=True)
class Stage:
    """A namespace with everything, and an engine of one who has just these roles."""

    namespace: Namespace
    crew: Crew


def documents(namespace: Namespace) -> list[Object]:
    """The file, for this namespace and user."""
    text = ROLES.read_text(encoding="utf-8").replace("NAMESPACE", namespace.name).replace("USER", USER)
    return [dict(each) for each in yaml.safe_load_all(text)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    """Its requests are on record."""
    try:
        server = KubeServer.start(tmp_path_factory.mktemp("kube-roles"), Options(audit=True))
    except NoBinary as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(server: KubeServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    namespace = await asyncio.to_thread(make_namespace, server)
    await set_up(namespace)
    reading = container("app", "reg.test/app:v1", envFrom=[{"secretRef": {"name": "fetched"}}])
    namespace.apply(
        configmap("flags", level="1", maintenance="false"),
        pod("left", notes={"fake-node/behaviour": "evict"}),
        secret("keys", token="not-read"),
        external_secret("fetched", "token"),
        certificate("shop", "shop.example"),
        quota("most", pods="50"),
        workload("db", kind="StatefulSet", replicas=1),
        workload("agent", kind="DaemonSet"),
        workload("reader", replicas=1, containers=[reading]),
    )
    namespace.apply(*documents(namespace))
    folder: Path = tmp_path_factory.mktemp("roles")
    table = TABLE.format(config=namespace.kubeconfig(USER), folder=folder / "backups")
    async with crew_on(folder, table) as crew:
        yield Stage(namespace, crew)


def read(stage: Stage, source: str) -> Any:
    state = stage.crew.engine.hub.state(source)
    assert state is not None and state.reading is not None
    return state.reading.payload


async def test_every_action_is_here() -> None:
    ids = {spec.id for spec in compose.specs() if spec.pane.value in ("workloads", "cluster")}
    assert ids - NEVER == {name.partition(" ")[0] for name in PLANNED}


async def test_everything_is_read(stage: Stage) -> None:
    for source in (WORKLOADS, CLUSTER, LOGS):
        await stage.crew.fresh(source)
    around = read(stage, CLUSTER)
    assert isinstance(around, ClusterStatus) and (around.notes, around.metrics) == ((), "")
    assert around.nodes and around.events and around.secrets and around.external_secrets and around.certificates
    inside = read(stage, WORKLOADS)
    assert isinstance(inside, WorkloadsStatus) and inside.notes == () and inside.metered
    assert {each.kind for each in inside.workloads} == {"deployment", "statefulset", "daemonset"}
    assert inside.headroom and inside.services


@pytest.mark.parametrize("action", PLANNED)
async def test_without_a_right_the_plan_names_it_and_how_to_get_it(stage: Stage, action: str) -> None:
    whole = await allowed(stage, action, Grant.GRANTED)
    for need in whole.needs.split(", "):
        verb, resource, group = _parts(need)
        WITHHELD.add((verb, resource))
        with without(stage.namespace, verb, resource, group):
            lacking = await allowed(stage, action, Grant.DENIED)
            assert need in lacking.needs
            assert f"--verb={verb}" in lacking.how and USER in lacking.how
        await allowed(stage, action, Grant.GRANTED)


async def allowed(stage: Stage, action: str, wanted: Grant) -> Permission:
    """Plan again until it stands so: the API server hears of a changed role a moment later."""
    for _ in range(200):
        found = (await stage.crew.planned(PLANNED[action](stage))).plan.permission
        if found.grant is wanted:
            return found
    raise AssertionError(f"{action}: {found}, not {wanted}")


def _parts(need: str) -> tuple[str, str, str]:
    """ "patch deployments.apps/scale in shop" -> verb, resource with subresource, group."""
    verb, what = need.split(" ")[:2]
    named, slash, subresource = what.partition("/")
    resource, _, group = named.partition(".")
    return verb, f"{resource}{slash}{subresource}", group


class without:
    """The roles lack one right for a while."""

    def __init__(self, namespace: Namespace, verb: str, resource: str, group: str) -> None:
        self._namespace = namespace
        self._lacking = [_lacking(each, verb, resource, group) for each in _roles(namespace)]

    def __enter__(self) -> None:
        assert self._lacking != _roles(self._namespace), "no role has that right"
        self._namespace.apply(*self._lacking)

    def __exit__(self, *_: object) -> None:
        self._namespace.apply(*_roles(self._namespace))


def _roles(namespace: Namespace) -> list[Object]:
    return [each for each in documents(namespace) if each["kind"] in ("Role", "ClusterRole")]


def _lacking(role: Object, verb: str, resource: str, group: str) -> Object:
    """The role without that verb on that resource."""
    rules: list[Mapping[str, Any]] = []
    for rule in role["rules"]:
        if group not in rule["apiGroups"] or resource not in rule["resources"] or verb not in rule["verbs"]:
            rules.append(rule)
            continue
        rules.append({**rule, "resources": [each for each in rule["resources"] if each != resource]})
        rules.append({**rule, "resources": [resource], "verbs": [each for each in rule["verbs"] if each != verb]})
    kept = [rule for rule in rules if rule["resources"] and rule["verbs"]]
    return {**role, "rules": kept}


@pytest.mark.parametrize("action", DEEDS)
async def test_every_action_can_be_done_and_taken_back(stage: Stage, action: str) -> None:
    record = await stage.crew.do(DEEDS[action](stage))
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None and record.verification.holds, record.verification
    if record.undo is not None and record.undo.request is not None:
        back = await stage.crew.do(record.undo.request)
        assert back.outcome is Outcome.SUCCEEDED, back.summary


async def test_nothing_was_refused_and_no_right_is_too_much(stage: Stage, server: KubeServer) -> None:
    """By the API server's own record; after all of the above."""
    await stage.crew.engine.close()  # a watch is on record once it has ended
    await until_async(lambda: any(each["verb"] == "watch" for each in server.requests(USER)))
    events = [each for each in server.requests(USER) if each.get("objectRef")]
    refused = {_used(each) for each in events if each["responseStatus"]["code"] == 403}
    reads = {each for each in refused if each[0] in ("get", "list", "watch")}
    assert reads - WITHHELD == set(), "and the rest was rehearsed"
    used = {_used(each) for each in events}
    assert "get" not in {verb for verb, resource in used if resource == "secrets"}, "no value of a secret"
    given = {
        (verb, f"{group}/{resource}" if group in ("extensions", "metrics.k8s.io") else resource)
        for role in _roles(stage.namespace)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    useless = given - used - set(BESIDE)
    assert not useless, sorted(useless)


def _used(event: Mapping[str, Any]) -> tuple[str, str]:
    of = event["objectRef"]
    resource = of["resource"] + (f"/{of['subresource']}" if of.get("subresource") else "")
    group = of.get("apiGroup", "")
    return event["verb"], f"{group}/{resource}" if group in ("extensions", "metrics.k8s.io") else resource


async def test_a_right_that_the_file_lacks_is_really_refused(stage: Stage, server: KubeServer) -> None:
    client = server.client(USER)
    with pytest.raises(KubeError) as refusal:
        client.get(stage.namespace.path("secrets/keys"))
    assert refusal.value.code == 403
    with pytest.raises(KubeError):
        client.delete(stage.namespace.path("pods/none"))
    await until_async(lambda: client.items(stage.namespace.path("pods")))
