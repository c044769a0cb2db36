"""Kubeconfigs as they are found: several files, every kind of login, broken and hostile ones."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.adapters.kube.kube import Kube
from cockpit.adapters.kube.kubeconfig import read_place
from cockpit.clock import SystemClock
from cockpit.errors import Misconfigured
from cockpit.profile.kube import KubernetesSource

SERVER = "https://203.0.113.7:6443"


def config(name: str = "prod", *, current: bool = True, **parts: Any) -> dict[str, Any]:
    """One context; `cluster`, `user`, `context` add to its three parts."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": SERVER, **parts.get("cluster", {})}}],
        "users": [{"name": name, "user": {"token": "t", **parts.get("user", {})}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **parts.get("context", {})}}],
        **({"current-context": name} if current else {}),
    }


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(value: object, name: str = "config") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        return str(path)

    return write


def test_files_are_merged_as_kubectl_does(written: Any, tmp_path: Path) -> None:
    first = config("one", current=False)
    second = config("one", cluster={"server": "https://second.example"})
    second["contexts"].append({"name": "two", "context": {"cluster": "one", "user": "one", "namespace": "shop"}})
    second["current-context"] = "two"
    third = {**config("three"), "current-context": "three"}
    listed = [written(first, "a"), str(tmp_path / "missing"), "", written(second, "b"), written(third, "c")]
    found = read_place(None, None, None, {"KUBECONFIG": ":".join(listed)})
    assert (found.context, found.server, found.namespace) == ("two", SERVER, "shop")
    assert read_place("three", None, None, {"KUBECONFIG": ":".join(listed)}).context == "three"


def test_the_profile_wins_over_the_variable_and_that_over_the_home(written: Any, tmp_path: Path) -> None:
    written(config("home"), ".kube/config")
    variable, own = written(config("variable"), "v"), written(config("own"), "o")
    environ = {"HOME": str(tmp_path), "KUBECONFIG": variable}
    assert read_place(None, own, None, environ).context == "own"
    assert read_place(None, "~/o", None, environ).context == "own"
    assert read_place(None, None, None, environ).context == "variable"
    assert read_place(None, None, None, {"HOME": str(tmp_path)}).context == "home"


def test_a_context_switched_elsewhere_moves_nobody(written: Any) -> None:
    both = config("prod")
    other = config("other", cluster={"server": "https://other.example"})
    for key in ("clusters", "users", "contexts"):
        both[key] += other[key]
    path = written(both)
    kube = Kube(KubernetesSource(name="shop", kubeconfig=path), SystemClock())
    assert kube.place.context == "prod"
    both["current-context"] = "other"
    written(both)
    assert (kube.place.context, kube.place.server) == ("prod", SERVER)
    assert Kube(KubernetesSource(name="shop", kubeconfig=path), SystemClock()).place.context == "other"


def test_paths_belong_to_the_file_that_holds_them(written: Any, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ca.crt").write_text("PEM of the authority")
    (tmp_path / "sub" / "client.crt").write_text("certificate")
    key = base64.b64encode(b"key").decode()
    user = {"token": "", "tokenFile": "token", "client-certificate": "client.crt", "client-key-data": key}
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/login", "args": ["a"], "env": None}
    found = read_place(
        None,
        written(config(cluster={"certificate-authority": "ca.crt"}, user={**user, "exec": plugin}), "sub/config"),
        None,
        {},
    )
    assert found.authority == "PEM of the authority"
    assert found.login.token_file == str(tmp_path / "sub" / "token")
    assert found.login.plugin is not None and found.login.plugin.command == str(tmp_path / "sub" / "bin" / "login")
    assert found.login.certificate is not None and found.login.key is not None
    assert found.login.certificate.reveal() == "certificate" and found.login.key.reveal() == "key"


def test_what_else_a_cluster_may_say(written: Any) -> None:
    cluster = {
        "tls-server-name": "api.example",
        "proxy-url": "http://p.example:3128",
        "insecure-skip-tls-verify": True,
    }
    found = read_place(None, written(config(cluster=cluster)), None, {})
    assert (found.server_name, found.proxy, found.verified) == ("api.example", "http://p.example:3128", False)
    assert found.notes == (f"the certificate of {SERVER} is not checked (insecure-skip-tls-verify)",)
    user = {"as": "robot", "as-groups": ["a", "b"], "username": "u", "password": "p"}
    login = read_place(None, written(config(user=user)), None, {}).login
    assert login.impersonates == (
        ("Impersonate-User", "robot"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
    )
    assert (
        read_place(None, written(config(cluster={"server": "https://h/k8s/c-1/"})), None, {}).server
        == "https://h/k8s/c-1"
    )


def test_no_secret_is_in_what_is_shown(written: Any) -> None:
    user = {"token": "s3cret", "password": "s3cret", "username": "u"}
    assert "s3cret" not in repr(read_place(None, written(config(user=user)), None, {}))


def test_without_any_file_the_service_account_of_the_pod_counts(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(Misconfigured, match="no token of a service account"):
        read_place(None, None, None, environ, tmp_path / "account")
    account = tmp_path / "account"
    account.mkdir()
    for name, text in (("token", "t"), ("ca.crt", "PEM"), ("namespace", "shop\n")):
        (account / name).write_text(text)
    found = read_place(None, None, None, environ, account)
    assert (found.context, found.server, found.namespace) == ("in-cluster", "https://10.0.0.1:443", "shop")
    assert found.login.token_file == str(account / "token") and found.authority == "PEM"
    with pytest.raises(Misconfigured, match=r"no kubeconfig .*so no context prod"):
        read_place("prod", None, None, environ, account)


INSECURE = {"certificate-authority-data": "YQ==", "insecure-skip-tls-verify": True}
OLD = {"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}
BROKEN: list[tuple[str, object, str]] = [
    ("not YAML", b"a: [", "is no YAML"),
    ("a tag", b"!!python/object/apply:os.system ['true']", "holds no mapping"),
    ("a list", [1], "holds no mapping"),
    ("another kind", {"kind": "Pod"}, "its kind is Pod"),
    ("deep", b"[" * 200_000, "no YAML|cannot be understood"),
    ("binary", bytes(range(256)), "no YAML|cannot be understood"),
    ("empty", b"", "no context is current"),
    ("clusters a text", {**config(), "clusters": "x"}, "clusters is no list"),
    ("a cluster a text", {**config(), "clusters": ["x"]}, "a cluster is no mapping"),
    ("twice", {**config(), "users": config()["users"] * 2}, "two entries of users are named prod"),
    ("no cluster", {**config(), "clusters": []}, "its cluster is prod, which is not there"),
    ("no user", {**config(), "users": None}, "its user is prod, which is not there"),
    ("no such context", {**config(), "current-context": "x"}, "current-context is x, which is no context there"),
    ("no server", config(cluster={"server": ""}), "is no address"),
    ("odd server", config(cluster={"server": "https://u:p@h"}), "is no address"),
    ("odd port", config(cluster={"server": "https://h:99999"}), "is no address"),
    ("file server", config(cluster={"server": "file:///etc"}), "is no address"),
    ("plain http", config(cluster={"server": "http://203.0.113.7"}), "no credential is sent there"),
    ("bad CA", config(cluster={"certificate-authority-data": "%%"}), "certificate-authority-data is no base64"),
    ("no CA file", config(cluster={"certificate-authority": "gone.crt"}), "gone.crt cannot be read"),
    (
        "CA and insecure",
        config(cluster=INSECURE),
        "both",
    ),
    ("socks", config(cluster={"proxy-url": "socks5://p:1"}), "SOCKS proxy"),
    ("odd proxy", config(cluster={"proxy-url": "p"}), "proxy-url is no address"),
    ("namespace", config(context={"namespace": "../x"}), "is no name of a namespace"),
    ("token", config(user={"token": "a\nb"}), "cannot be sent"),
    ("token a list", config(user={"token": [1]}), "token of prod is no text"),
    ("half a pair", config(user={"client-certificate-data": "YQ=="}), "without a client-key"),
    (
        "old plugin",
        config(user={"exec": OLD}),
        "v1beta1",
    ),
    ("no command", config(user={"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}), "has no command"),
    ("gcp", config(user={"token": "", "auth-provider": {"name": "gcp"}}), "auth-provider gcp was removed"),
    ("hostile name", config("p\x1b[31m"), "cannot be shown"),
]


@pytest.mark.parametrize(("value", "said"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_a_broken_file_gives_one_sentence_with_the_file_in_it(written: Any, value: object, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as broken:
        read_place(None, written(value), None, {})
    text = str(broken.value)
    assert "/config" in text and broken.value.hint and "\n" not in text and "\x1b" not in text


def test_gcp_is_told_what_to_install(written: Any) -> None:
    with pytest.raises(Misconfigured) as old:
        read_place(None, written(config(user={"token": "", "auth-provider": {"name": "gcp"}})), None, {})
    assert "gke-gcloud-auth-plugin" in old.value.hint


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "gone", "does not exist"), (tmp_path, "cannot be read")):
        with pytest.raises(Misconfigured, match=said):
            read_place(None, str(path), None, {})
    with pytest.raises(Misconfigured, match="there is no kubeconfig"):
        read_place(None, None, None, {"HOME": str(tmp_path)})


def test_the_contexts_that_there_are_are_named(written: Any) -> None:
    with pytest.raises(Misconfigured) as missing:
        read_place("nope", written(config()), None, {})
    assert "nope" in missing.value.message and missing.value.hint.endswith(": prod")
