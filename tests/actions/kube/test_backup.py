"""A backup of a namespace: what is in it, who may read it, and that it makes the namespace again."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from cockpit.actions.handler import RunControl
from cockpit.errors import Unreachable
from cockpit.model.action import Grant, Outcome

from ...servers.kube.client import Object
from ...servers.kube.fixtures import Namespace, make_namespace, until, until_async
from ...servers.kube.things import (
    autoscaler,
    budget,
    certificate,
    configmap,
    external_secret,
    pod,
    quota,
    rights,
    secret,
    service,
    workload,
)
from .keeping_desk import KeepingDesk, keeping_on

PASSWORD = "never-on-a-disk-1f3a"
LISTS = (
    "services", "configmaps", "resourcequotas", "persistentvolumeclaims", "serviceaccounts", "pods", "endpoints",
    "deployments.apps", "statefulsets.apps", "replicasets.apps", "controllerrevisions.apps",
    "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
    "horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy", "externalsecrets.external-secrets.io",
    "certificates.cert-manager.io",
)  # fmt: skip


def things() -> list[Object]:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    outside: Object = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "outside"},
        "subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 5432}]}],
    }
    selectorless = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "outside"},
        "spec": {"ports": [{"port": 5432}]},
    }
    return [
        quota("room", pods="40"),
        configmap("settings", LEVEL="info", odd="\u202egnp\x07 {markup} $HOME"),
        secret("plain", password=PASSWORD),
        claim,
        service("api", {"app": "api"}),
        selectorless,
        outside,
        autoscaler("api", "api", 2, 5),
        budget("api", {"app": "api"}, min_available=1),
        *rights("reads", "viewer", [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
        workload("api", "reg.test/api:v1"),
        workload("db", "reg.test/db:v1", kind="StatefulSet", replicas=1),
        pod("alone"),
        external_secret("fetched", "key"),
        certificate("shop", "shop.test"),
    ]


def set_image(namespace: Namespace, version: str) -> None:
    image = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": f"reg.test/api:{version}"}
    namespace.client.patch(namespace.path("deployments/api", "apps/v1"), [image], "json")


async def filled(namespace: Namespace) -> None:
    namespace.apply(*things())
    await asyncio.to_thread(namespace.rolled_out, "api")
    set_image(namespace, "v2")
    await asyncio.to_thread(namespace.rolled_out, "api")
    await asyncio.to_thread(namespace.rolled_out, "db", "statefulsets")
    await until_async(lambda: namespace.get("secrets/shop-tls") and namespace.get("secrets/fetched"))


def only_folder(root: Path) -> Path:
    (found,) = root.iterdir()
    return found


def objects(folder: Path) -> dict[str, dict[str, Object]]:
    """By resource and name, of all files that kubectl would take."""
    found: dict[str, dict[str, Object]] = {}
    for path in sorted(folder.glob("*.json")):
        for each in json.loads(path.read_text())["items"]:
            found.setdefault(path.stem.partition("-")[2], {})[each["metadata"]["name"]] = each
    return found


async def test_everything_that_is_not_made_by_itself_is_kept_and_nothing_else(
    namespace: Namespace, tmp_path: Path
) -> None:
    await filled(namespace)
    async with keeping_on(namespace, backups=str(tmp_path / "kept")) as desk:
        plan, result = await desk.do("cluster.backup")
    folder = only_folder(tmp_path / "kept")
    assert str(folder) in result.summary
    found = objects(folder)
    names = {resource: set(each) for resource, each in found.items() if resource in LISTS or "secret" in resource}
    replicasets = names.pop("replicasets.apps")
    revisions = names.pop("controllerrevisions.apps")
    assert (len(replicasets), len(revisions)) == (2, 1)
    assert names == {
        "services": {"api", "outside"},
        "configmaps": {"settings"},
        "resourcequotas": {"room"},
        "persistentvolumeclaims": {"data"},
        "serviceaccounts": {"default"},
        "pods": {"alone"},
        "endpoints": {"outside"},
        "deployments.apps": {"api"},
        "statefulsets.apps": {"db"},
        "roles.rbac.authorization.k8s.io": {"reads"},
        "rolebindings.rbac.authorization.k8s.io": {"reads"},
        "horizontalpodautoscalers.autoscaling": {"api"},
        "poddisruptionbudgets.policy": {"api"},
        "externalsecrets.external-secrets.io": {"fetched"},
        "certificates.cert-manager.io": {"shop"},
    }
    for each in (thing for things in found.values() for thing in things.values()):
        assert not {"uid", "resourceVersion", "managedFields", "ownerReferences"} & set(each["metadata"])
        assert "status" not in each
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        assert PASSWORD not in path.read_text()
    assert folder.stat().st_mode & 0o777 == 0o700
    manifest = json.loads((folder / "MANIFEST").read_text())
    assert manifest["complete"] is True
    assert manifest["secrets"] == "left out"
    assert (manifest["context"], manifest["namespace"]) == ("test", namespace.name)
    assert manifest["tried"]["refused"] == [] and manifest["tried"]["not_asked"] == {}
    assert manifest["tried"]["accepted"] == sum(map(len, found.values())) - 1
    assert any("secrets are left out" in each for each in plan.warnings)


async def test_secrets_are_encrypted_before_they_reach_the_disk(namespace: Namespace, tmp_path: Path) -> None:
    namespace.apply(secret("plain", password=PASSWORD), external_secret("fetched", "key"))
    await until_async(lambda: namespace.get("secrets/fetched"))
    identity = pyrage.x25519.Identity.generate()
    kept = tmp_path / "kept"
    async with keeping_on(namespace, backups=str(kept), backup_recipient=str(identity.to_public())) as desk:
        await desk.do("cluster.backup")
    folder = only_folder(kept)
    (sealed,) = folder.glob("*secrets.json.age")
    assert all(PASSWORD.encode() not in path.read_bytes() for path in folder.iterdir())
    found = json.loads(pyrage.decrypt(sealed.read_bytes(), [identity]))["items"]
    assert [each["metadata"]["name"] for each in found] == ["plain"]  # the fetched one and tokens are made by others
    assert found[0]["data"]["password"]
    assert not list(folder.glob("*secrets.json"))


def shown(thing: Object) -> Any:
    """What a person made or sees of it: without what the server gives to each new object."""
    spec = json.loads(json.dumps({key: each for key, each in thing.items() if key not in ("status", "metadata")}))
    for key in ("clusterIP", "clusterIPs", "secrets", "nodeName", "volumeName"):
        spec.pop(key, None)
        spec.get("spec", {}).pop(key, None) if isinstance(spec.get("spec"), dict) else None
    meta = thing["metadata"]
    notes = {key: text for key, text in meta.get("annotations", {}).items() if "pv.kubernetes.io" not in key}
    notes.pop("deployment.kubernetes.io/revision-history", None)
    return spec, meta.get("labels"), notes


def seen(namespace: Namespace) -> dict[str, Any]:
    """Everything that the backup is about, as it is now."""
    groups = {
        "apps/v1": ("deployments", "statefulsets", "replicasets", "controllerrevisions"),
        "rbac.authorization.k8s.io/v1": ("roles", "rolebindings"),
        "autoscaling/v1": ("horizontalpodautoscalers",),
        "policy/v1beta1": ("poddisruptionbudgets",),
        "external-secrets.io/v1": ("externalsecrets",),
        "cert-manager.io/v1": ("certificates",),
        "": ("services", "configmaps", "resourcequotas", "persistentvolumeclaims", "serviceaccounts"),
    }
    found: dict[str, Any] = {}
    for group, plurals in groups.items():
        for plural in plurals:
            for each in namespace.client.items(namespace.path(plural, group)):
                if each["metadata"]["name"] != "kube-root-ca.crt":
                    found[f"{plural}/{each['metadata']['name']}"] = shown(each)
    outside = namespace.get("endpoints/outside")
    found["endpoints/outside"] = outside["subsets"]
    return found


async def test_applied_to_an_empty_namespace_it_is_the_same_again(
    namespace: Namespace, tmp_path: Path, kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    await filled(namespace)
    namespace.client.patch(f"/api/v1/namespaces/{namespace.name}", {"metadata": {"labels": {"team": "shop"}}})
    async with keeping_on(namespace, backups=str(tmp_path / "kept")) as desk:
        await desk.do("cluster.backup")
    folder, before = only_folder(tmp_path / "kept"), await asyncio.to_thread(seen, namespace)

    def restored() -> None:
        namespace.client.delete(f"/api/v1/namespaces/{namespace.name}")
        until(lambda: not any(
            each["metadata"]["name"] == namespace.name for each in namespace.client.items("/api/v1/namespaces")
        ), 90)  # fmt: skip
        made = kubectl("apply", "--server-side", "-f", str(folder / "000-namespaces.json"))
        assert made.returncode == 0, made.stderr
        account = namespace.path("serviceaccounts/default")
        until(lambda: namespace.client.get(account).get("secrets"))
        made = kubectl("-n", namespace.name, "apply", "--server-side", "-f", str(folder))
        assert made.returncode == 0, made.stderr
        namespace.rolled_out("api")
        namespace.rolled_out("db", "statefulsets")

    await asyncio.to_thread(restored)
    after = await asyncio.to_thread(seen, namespace)
    assert set(after) == set(before)
    assert {name: each for name, each in after.items() if before[name] != each} == {}
    assert namespace.client.get(f"/api/v1/namespaces/{namespace.name}")["metadata"]["labels"]["team"] == "shop"
    history = kubectl("-n", namespace.name, "rollout", "history", "deployment/api").stdout
    assert "1 " in history and "2 " in history
    back = kubectl("-n", namespace.name, "rollout", "undo", "deployment/api", "--to-revision=1")
    assert back.returncode == 0, back.stderr
    image = namespace.get("deployments/api", "apps/v1")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == "reg.test/api:v1"


async def test_encrypted_secrets_are_restored_by_whoever_has_the_key(
    namespace: Namespace, tmp_path: Path, kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    tls = {"tls.crt": "one line", "tls.key": "another"}
    odd = secret("odd", **{"empty": "", "text": "\u202e\u00e9 $HOME\n", "zero": "a\x00b"})
    namespace.apply(
        configmap("settings", LEVEL="info"),
        secret("plain", password=PASSWORD),
        {**secret("front", **tls), "type": "kubernetes.io/tls"},
        odd,
    )
    identity = pyrage.x25519.Identity.generate()
    async with keeping_on(
        namespace, backups=str(tmp_path / "kept"), backup_recipient=str(identity.to_public())
    ) as desk:
        await desk.do("cluster.backup")
    folder, empty = only_folder(tmp_path / "kept"), make_namespace(namespace.server)
    (sealed,) = folder.glob("*secrets.json.age")

    def applied(*argv: str, stdin: str = "") -> None:
        made = kubectl("-n", empty.name, "apply", "--server-side", *argv, stdin=stdin)
        assert made.returncode == 0, made.stderr

    def kept_in(place: Namespace) -> dict[str, tuple[str, dict[str, str]]]:
        found = place.client.items(place.path("secrets"))
        return {
            each["metadata"]["name"]: (each["type"], each["data"]) for each in found if "token" not in each["type"]
        }

    await asyncio.to_thread(applied, "-f", str(folder))
    assert kept_in(empty) == {}, "kubectl takes no sealed file for an object"
    content = pyrage.decrypt(sealed.read_bytes(), [identity]).decode()
    await asyncio.to_thread(applied, "-f", "-", stdin=content)
    assert kept_in(empty) == kept_in(namespace) and set(kept_in(empty)) == {"plain", "front", "odd"}
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed.read_bytes(), [pyrage.x25519.Identity.generate()])
    namespace.client.delete(f"/api/v1/namespaces/{empty.name}")


async def test_who_may_not_see_the_workloads_makes_no_backup(namespace: Namespace, tmp_path: Path) -> None:
    async with keeping_on(namespace, "viewer", backups=str(tmp_path / "kept")) as desk:
        plan = await desk.plan("cluster.backup")
    assert plan.permission.grant is Grant.DENIED
    assert "list deployments.apps" in plan.permission.needs
    assert not (tmp_path / "kept").exists()


async def test_what_may_not_be_listed_is_said_and_what_may_not_be_tried_too(
    namespace: Namespace, tmp_path: Path
) -> None:
    namespace.apply(
        configmap("settings", LEVEL="info"),
        quota("room", pods="4"),
        *rights(
            "keeps",
            "responder",
            [
                {"apiGroups": [""], "resources": ["services", "configmaps"], "verbs": ["list"]},
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]},
            ],
        ),
    )
    async with keeping_on(namespace, "responder", backups=str(tmp_path / "kept")) as desk:
        plan, _ = await desk.do("cluster.backup")
    assert any("resourcequotas, which responder may not list" in each for each in plan.warnings)
    manifest = json.loads((only_folder(tmp_path / "kept") / "MANIFEST").read_text())
    assert manifest["complete"] is False
    assert "resourcequotas" in manifest["not_allowed"]
    assert manifest["tried"]["not_asked"] == {"configmaps": "no right to patch"}


async def test_a_backup_that_breaks_off_leaves_nothing(
    namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace.apply(configmap("settings", LEVEL="info"))
    async with keeping_on(namespace, backups=str(tmp_path / "kept")) as desk:
        plan = await desk.plan("cluster.backup")
        stopped = await desk.handlers["cluster.backup"].run(plan, RunControl(lambda *_: None, lambda: True))
        assert stopped.outcome is Outcome.FAILED
        assert (await desk.verify(plan, stopped)).holds is False
        with monkeypatch.context() as patched:
            listed = desk.kube.gateway.listed

            async def cut(path: str, *rest: Any) -> Any:
                if path.endswith("/configmaps"):
                    raise Unreachable("the line is cut")
                return await listed(path, *rest)

            patched.setattr(desk.kube.gateway, "listed", cut)
            with pytest.raises(Unreachable, match="the line is cut"):
                await desk.run(plan)
        await desk.kube.close()
        with pytest.raises(Unreachable):
            await desk.run(plan)
    assert list((tmp_path / "kept").iterdir()) == []


async def test_a_file_that_was_changed_is_found(namespace: Namespace, tmp_path: Path) -> None:
    namespace.apply(configmap("settings", LEVEL="info"))
    async with keeping_on(namespace, backups=str(tmp_path / "kept")) as desk:
        plan = await desk.plan("cluster.backup")
        result = await desk.run(plan)
        (path,) = only_folder(tmp_path / "kept").glob("*-configmaps.json")
        path.write_text(path.read_text().replace("info", "debug"))
        assert "is not as it was written" in (await desk.verify(plan, result)).text


async def test_without_a_folder_it_is_not_offered_and_no_key_is_refused(namespace: Namespace, tmp_path: Path) -> None:
    async with keeping_on(namespace) as desk:
        assert "backups of [[kubernetes]]" in desk.handlers["cluster.backup"].unavailable()
    async with keeping_on(namespace, backups=str(tmp_path), backup_recipient="age1nothing") as without:
        plan = await _planned(without)
    assert "is no public key of age" in plan.refusals[0].reason


async def _planned(desk: KeepingDesk) -> Any:
    return await desk.plan("cluster.backup")
