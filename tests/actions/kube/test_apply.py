"""Manifests of a file applied to a namespace of a real API server: rehearsed, compared, done, taken back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from cockpit.actions.handler import RunControl
from cockpit.actions.kube import kubectl_keeping
from cockpit.errors import Misconfigured, TimedOut
from cockpit.model.action import ActionRequest, Grant, Outcome, Plan
from cockpit.model.command import Intent
from cockpit.runbooks.shell.blocks import commands_of

from ...servers.kube.client import KubeError, Object
from ...servers.kube.fixtures import Namespace
from ...servers.kube.things import configmap, secret, service, workload
from .keeping_desk import keeping_on


def written(folder: Path, *objects: Object, name: str = "file.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return str(path)


def image_of(namespace: Namespace, name: str = "api") -> str:
    found = namespace.get(f"deployments/{name}", "apps/v1")
    image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def kubectl(
    namespace: Namespace, rest: str, group: str, thing: Object, manager: str = "kubectl-client-side-apply"
) -> None:
    """Set by somebody before."""
    body = {**thing, "metadata": {**thing["metadata"], "namespace": namespace.name}}
    query = {"fieldManager": manager, "force": "true"}
    namespace.client.request("PATCH", namespace.path(rest, group), body, "application/apply-patch+yaml", **query)


def there(namespace: Namespace, rest: str) -> bool:
    try:
        namespace.get(rest)
    except KubeError as error:
        assert error.code == 404
        return False
    return True


def reasons(plan: Plan) -> str:
    return "\n".join(f"{each.step}: {each.reason}" for each in plan.refusals)


async def test_what_differs_is_shown_then_done_then_taken_back(namespace: Namespace, tmp_path: Path) -> None:
    kubectl(namespace, "deployments/api", "apps/v1", workload("api", "reg.test/api:v1"))
    namespace.apply(configmap("settings", level="info"))
    await asyncio.to_thread(namespace.rolled_out, "api")
    file = written(
        tmp_path,
        workload("api", "reg.test/api:v2"),
        configmap("settings", level="info"),
        service("web", {"app": "api"}),
    )
    async with keeping_on(namespace) as desk:
        plan = await desk.plan("cluster.apply", file=file)
        assert (plan.count, plan.population) == (2, 3)
        assert [(each.what, each.before, each.after) for each in plan.changes] == [
            ("deployment/api spec.template.spec.containers.app.image", "reg.test/api:v1", "reg.test/api:v2"),
            ("service/web", "none", "made"),
        ]
        assert "1 objects are as in the file already" in plan.warnings
        assert plan.identity["sha256"] and plan.identity["service/web"] == "made"
        assert image_of(namespace) == "reg.test/api:v1", "a plan only reads"
        again = await desk.plan("cluster.apply", file=file)
        assert again.digest == plan.digest

        plan, result = await desk.done(again)
        assert image_of(namespace) == "reg.test/api:v2" and result.done == 2
        assert namespace.get("services/web")["spec"]["selector"] == {"app": "api"}
        assert result.details == ("next: kubectl rollout status deployment/api",)
        idle = await desk.plan("cluster.apply", file=file)
        assert "nothing in" in reasons(idle)

        await desk.undo(plan, result)
        assert image_of(namespace) == "reg.test/api:v1"
        assert not there(namespace, "services/web")
        assert namespace.get("configmaps/settings")["data"] == {"level": "info"}


async def test_a_file_that_changed_since_is_another_plan(namespace: Namespace, tmp_path: Path) -> None:
    async with keeping_on(namespace) as desk:
        first = await desk.plan("cluster.apply", file=written(tmp_path, configmap("a", x="1")))
        other = await desk.plan("cluster.apply", file=written(tmp_path, configmap("a", x="2")))
        assert first.digest != other.digest


async def test_fields_of_kubectl_are_taken_over_and_those_of_others_only_where_that_is_wanted(
    namespace: Namespace, tmp_path: Path
) -> None:
    kubectl(namespace, "configmaps/settings", "", configmap("settings", level="info"))
    file = written(tmp_path, configmap("settings", level="debug"))
    async with keeping_on(namespace) as desk:
        plan = await desk.plan("cluster.apply", file=file)
        assert plan.refusals == () and "taken over from kubectl-client-side-apply" in "\n".join(plan.warnings)
        await desk.done(plan)
        kubectl(namespace, "configmaps/settings", "", configmap("settings", level="warn"), "robot")
        plan = await desk.plan("cluster.apply", file=file)
        assert 'conflict with "robot"' in reasons(plan) and "force=yes" in plan.refusals[0].hint
        assert [(each.before, each.after) for each in plan.changes] == [("warn", "debug")], "what it would change"
        await desk.do("cluster.apply", file=file, force="yes")
    assert namespace.get("configmaps/settings")["data"] == {"level": "debug"}


async def test_what_it_is_not_for_is_refused_with_the_reason(namespace: Namespace, tmp_path: Path) -> None:
    elsewhere = configmap("a", x="1")
    elsewhere["metadata"] = {**elsewhere["metadata"], "namespace": "other"}
    role: Object = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "all"}}
    unknown: Object = {"apiVersion": "no.such/v1", "kind": "Thing", "metadata": {"name": "a"}}
    unnamed: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a-"}}
    wrong = {**configmap("b"), "dta": {}}
    twice = configmap("c", x="1")
    owned = configmap("d", x="1")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u", "controller": True}
    owned["metadata"] = {**owned["metadata"], "ownerReferences": [owner]}
    file = written(
        tmp_path, elsewhere, role, unknown, unnamed, wrong, twice, twice, owned, secret("keys", password="hidden")
    )
    async with keeping_on(namespace) as desk:
        plan = await desk.plan("cluster.apply", file=file)
    said = reasons(plan)
    assert f"configmap/a is for namespace other; this profile is for {namespace.name}" in said
    assert "clusterrole/all is for the whole cluster" in said
    assert "thing/a: the cluster does not serve no.such/v1 Thing" in said
    assert "a ConfigMap has no name" in said
    assert "dry run: configmap/b" in said and "dta" in said
    assert "configmap/c stands in" in said
    assert "secret/keys: values of secrets are not handled here" in said
    assert "configmap/d is left out: its ConfigMap makes it by itself" in plan.warnings
    shown = json.dumps([plan.operation, plan.warnings, said])
    assert "hidden" not in shown


async def test_without_a_right_the_plan_names_it(namespace: Namespace, tmp_path: Path) -> None:
    namespace.apply(configmap("settings", level="info"))
    file = written(tmp_path, configmap("settings", level="debug"))
    async with keeping_on(namespace, "viewer") as desk:
        plan = await desk.plan("cluster.apply", file=file)
        assert plan.permission.grant is Grant.DENIED
        assert "patch configmaps in" in plan.permission.needs and "create role" in plan.permission.how


async def test_an_answer_that_is_lost_in_the_middle_leaves_the_effect_open(
    namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, configmap("a", x="1"), configmap("b", x="1"))
    async with keeping_on(namespace) as desk:
        plan = await desk.plan("cluster.apply", file=file)
        change, sent = desk.kube.gateway.change, []

        async def lost(method: str, path: str, body: object, **more: object) -> object:
            if path.endswith("/b") and not more.get("dry_run"):
                raise TimedOut("no answer", hint="look at it", effect_possible=True)
            sent.append(path)
            return await change(method, path, body, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(desk.kube.gateway, "change", lost)
        result = await desk.run(plan)
        assert result.outcome is Outcome.UNKNOWN and (result.done, result.total) == (1, 2)
        assert result.summary == "1 of 2 objects were applied, then configmap/b: no answer"
        assert (await desk.verify(plan, result)).holds is False
        assert result.undo is not None and result.undo.request is not None
        await desk.done(await desk.planned(result.undo.request))
    assert not there(namespace, "configmaps/a")


async def test_it_can_be_stopped_between_two_objects(namespace: Namespace, tmp_path: Path) -> None:
    async with keeping_on(namespace) as desk:
        plan = await desk.plan("cluster.apply", file=written(tmp_path, configmap("a", x="1")))
        stopped = await desk.handlers["cluster.apply"].run(plan, RunControl(lambda *_: None, lambda: True))
        assert (stopped.outcome, stopped.done) == (Outcome.FAILED, 0)
    assert not there(namespace, "configmaps/a")


async def test_what_was_made_anew_since_is_not_taken_back(namespace: Namespace, tmp_path: Path) -> None:
    async with keeping_on(namespace) as desk:
        plan, result = await desk.do("cluster.apply", file=written(tmp_path, configmap("a", x="1")))
        namespace.client.delete(namespace.path("configmaps/a"))
        namespace.apply(configmap("a", x="2"))
        assert plan.undo.request is not None
        back = await desk.planned(plan.undo.request)
        assert "configmap/a was deleted and made again" in reasons(back)
        gone = await desk.planned(ActionRequest("cluster.unapply", "cluster/main", {"kept": "nothing"}))
        assert "is not held by this cockpit" in reasons(gone)
        assert result.outcome is Outcome.SUCCEEDED


async def test_a_folder_is_taken_in_the_order_of_its_names(namespace: Namespace, tmp_path: Path) -> None:
    written(tmp_path, configmap("b", x="1"), name="2.yml")
    (tmp_path / "1.json").write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [configmap("a", x="1")]}), encoding="utf-8"
    )
    (tmp_path / "README").write_text("no manifest", encoding="utf-8")
    async with keeping_on(namespace) as desk:
        plan = await desk.plan("cluster.apply", file=str(tmp_path))
    assert plan.objects == ("configmap/a", "configmap/b")


async def test_a_file_that_is_not_there(namespace: Namespace) -> None:
    async with keeping_on(namespace) as desk:
        with pytest.raises(Misconfigured, match=r"there is no file /no/such\.yaml"):
            await desk.plan("cluster.apply", file="/no/such.yaml")


def meant(text: str) -> Intent | None:
    (command,) = commands_of(text, language="bash", line=1)
    return kubectl_keeping.apply(command.calls[0])


def test_the_commands_that_it_stands_in_for() -> None:
    found = meant("kubectl apply -f green.yaml -n shop --context gke")
    assert found is not None and dict(found.params) == {"file": "green.yaml"}
    assert dict(found.target) == {"namespace": "shop", "context": "gke"} and "compared" in found.differs
    found = meant("kubectl apply --server-side --filename=backup-$(date +%Y%m%d).yaml")
    assert found is not None and not found.params and found.asks["file"].spelled.startswith("backup-$(date")


@pytest.mark.parametrize(
    "text",
    [
        "kubectl apply -k overlays/prod",
        "kubectl apply -f a.yaml -f b.yaml",
        "kubectl apply -f -",
        "kubectl apply -f https://example.com/all.yaml",
        "kubectl apply -f dir -R",
        "kubectl apply -f dir --prune -l app=x",
        "kubectl apply -f a.yaml --dry-run=server",
        "kubectl apply view-last-applied deployment/api",
        "kubectl --as=root apply -f a.yaml",
        "kubectl create -f a.yaml",
    ],
)
def test_what_says_more_stays_a_script(text: str) -> None:
    assert meant(text) is None
