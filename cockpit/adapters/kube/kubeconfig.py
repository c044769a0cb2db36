"""Where a cluster is and who we are there: one context of a kubeconfig, read once and then kept, so that a
`kubectl config use-context` elsewhere moves nobody. Without any kubeconfig the service account of this pod.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cockpit.adapters.kube.kubefiles import Entry, Files, merged, places_of, shown, text_of
from cockpit.errors import Misconfigured
from cockpit.profile.secrets import Secret
from cockpit.text import clean

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "in-cluster"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_API = "client.authentication.k8s.io/"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A program that prints credentials (user.exec)."""

    command: str
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = field(repr=False)
    api: str  # client.authentication.k8s.io/v1
    wants_cluster: bool = False
    needs_terminal: bool = False  # interactiveMode: Always
    install: str = ""  # installHint


@dataclass(frozen=True, slots=True)
class Login:
    """How we say who we are. `token` wins over `token_file`, both over `plugin`."""

    token: Secret | None = None
    token_file: str = ""
    certificate: Secret | None = None  # PEM
    key: Secret | None = None  # PEM
    username: str = ""
    password: Secret | None = None
    plugin: Plugin | None = None
    impersonates: tuple[tuple[str, str], ...] = ()  # request headers

    @property
    def said(self) -> str:
        """The kind of credentials in words, without anything of them."""
        if self.token is not None:
            return "a token in the kubeconfig"
        if self.token_file:
            return f"the token file {clean(self.token_file, 120)}"
        if self.plugin is not None:
            return f"the plugin {clean(self.plugin.command.rpartition('/')[2], 80)}"
        if self.username:
            return "user name and password"
        return "a client certificate" if self.certificate is not None else "no credentials"


@dataclass(frozen=True, slots=True)
class Place:
    """One context, as it was when the cockpit first looked."""

    context: str
    server: str  # https://host:port, perhaps with a path
    namespace: str
    user: str
    origin: str  # the files in words
    login: Login
    authority: str = ""  # PEM; "" for those that this machine trusts
    verified: bool = True  # False: insecure-skip-tls-verify
    server_name: str = ""  # tls-server-name
    proxy: str = ""  # proxy-url
    notes: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """context/namespace, for messages."""
        return f"{self.context}/{self.namespace}"


def read_place(
    context: str | None,
    kubeconfig: str | None,
    namespace: str | None,
    environ: Mapping[str, str] = os.environ,
    account: Path = ACCOUNT,
) -> Place:
    """Read the context of that name, the current one for None. Blocking, small files. Raises Misconfigured."""
    paths, required = places_of(kubeconfig, environ)
    files = merged(paths, required=required)
    if not files.read:
        if context is None and environ.get("KUBERNETES_SERVICE_HOST"):
            return _in_cluster(namespace, environ, account)
        where = f"there is no kubeconfig ({', '.join(shown(each) for each in files.missing) or 'HOME is not set'})"
        wanted = f", so no context {clean(context, 120)}" if context else ""
        raise Misconfigured(
            f"{where}{wanted}", hint="set kubeconfig in the profile, or KUBECONFIG, or log in to the cluster first"
        )
    name = context or files.current
    if not name:
        raise Misconfigured(
            f"{files.named}: no context is current", hint=f"set context in the profile{_choice(files)}"
        )
    entry = files.contexts.get(name)
    if entry is None:
        current = "" if context else "current-context is "
        raise Misconfigured(
            f"{files.named}: {current}{clean(name, 200)}, which is no context there",
            hint=f"set context in the profile{_choice(files)}",
        )
    if clean(name, 1000) != name:
        raise Misconfigured(
            f"{files.named}: the context {clean(name, 200)} has characters in its name that cannot be shown",
            hint="rename it: kubectl config rename-context",
        )
    return _place(files, entry, namespace)


def _choice(files: Files) -> str:
    names = [clean(each, 120) for each in files.contexts]
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f": {', '.join(names[:12])}{more}" if names else "; the files name no context at all"


def _place(files: Files, context: Entry, namespace: str | None) -> Place:
    where = f"{shown(context.file)}, context {clean(context.name, 120)}"
    cluster = files.clusters.get(context.text("cluster"))
    if cluster is None:
        named = clean(context.text("cluster"), 120) or "none"
        raise Misconfigured(f"{where}: its cluster is {named}, which is not there", hint="look at clusters in it")
    user = context.text("user")
    if user and user not in files.users:
        raise Misconfigured(
            f"{where}: its user is {clean(user, 120)}, which is not there", hint="look at users in it"
        )
    notes: list[str] = []
    server = _server(cluster, where)
    authority = _pem(cluster, "certificate-authority", where)
    verified = cluster.text("insecure-skip-tls-verify").lower() != "true"
    if not verified:
        if authority:
            raise Misconfigured(
                f"{where}: it has both insecure-skip-tls-verify and a certificate-authority",
                hint="remove insecure-skip-tls-verify: true",
            )
        notes.append(f"the certificate of {server} is not checked (insecure-skip-tls-verify)")
    chosen = namespace or context.text("namespace") or "default"
    if not _LABEL.fullmatch(chosen):
        raise Misconfigured(f"{where}: {clean(chosen, 80)} is no name of a namespace", hint="look at namespace in it")
    login = _login(files.users[user], where) if user else Login()
    return Place(
        context=context.name,
        server=server,
        namespace=chosen,
        user=clean(user, 120),
        origin=files.named,
        login=login,
        authority=authority.decode("ascii", "replace"),
        verified=verified,
        server_name=clean(cluster.text("tls-server-name"), 253),
        proxy=_proxy(cluster, where),
        notes=tuple(notes),
    )


def _server(cluster: Entry, where: str) -> str:
    said = cluster.text("server")
    try:
        parts = urlsplit(said if "://" in said else f"https://{said}")
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        port, host, parts = None, "", urlsplit("")
    odd = parts.username is not None or parts.query or parts.fragment or clean(said, 2000) != said or " " in said
    if parts.scheme not in ("https", "http") or not host or odd:
        raise Misconfigured(
            f"{where}: the server of its cluster is no address: {clean(said, 120) or '(empty)'}",
            hint="it must be like https://203.0.113.7:6443",
        )
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise Misconfigured(
            f"{where}: {clean(said, 120)} is neither https nor on this machine: no credential is sent there",
            hint="use the https address of the API server",
        )
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _proxy(cluster: Entry, where: str) -> str:
    said = cluster.text("proxy-url")
    if not said:
        return ""
    try:
        parts = urlsplit(said)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, usable = urlsplit(""), False
    if usable:
        return said
    if parts.scheme.startswith("socks"):
        raise Misconfigured(
            f"{where}: its proxy-url is a SOCKS proxy, which the cockpit cannot use",
            hint="an http proxy works, or a tunnel: ssh -L",
        )
    raise Misconfigured(f"{where}: its proxy-url is no address", hint="it must be like http://proxy.example:3128")


def _pem(entry: Entry, key: str, where: str) -> bytes:
    """`KEY-data`, which wins, or the file that KEY names; b"" where neither is given."""
    data = entry.text(f"{key}-data")
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Misconfigured(f"{where}: {key}-data is no base64", hint="fetch the kubeconfig again") from None
    path = entry.path(key)
    return _read(path, f"{where}: {key}") if path else b""


def _read(path: str, what: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(1 << 20)
    except (OSError, ValueError) as error:
        reason = clean(str(getattr(error, "strerror", None) or "it is no path"), 120)
        raise Misconfigured(
            f"{what} {clean(path, 200)} cannot be read: {reason}", hint="check path and rights"
        ) from None


def _login(user: Entry, where: str) -> Login:
    provider = user.fields.get("auth-provider")
    plugin = _plugin(user, where)
    token, password = user.text("token"), user.text("password")
    certificate, key = _pem(user, "client-certificate", where), _pem(user, "client-key", where)
    if bool(certificate) != bool(key):
        there, lacking = ("client-certificate", "client-key") if certificate else ("client-key", "client-certificate")
        raise Misconfigured(f"{where}: its user has a {there} without a {lacking}", hint="both are needed")
    if isinstance(provider, dict) and not (token or user.text("tokenFile") or plugin or certificate):
        raise _removed_provider(provider, where)
    return Login(
        token=Secret(_header(token, "token", where)) if token else None,
        token_file=user.path("tokenFile"),
        certificate=Secret(certificate.decode("ascii", "replace")) if certificate else None,
        key=Secret(key.decode("ascii", "replace")) if key else None,
        username=_header(user.text("username"), "username", where),
        password=Secret(_header(password, "password", where)) if password else None,
        plugin=plugin,
        impersonates=_impersonated(user, where),
    )


def _removed_provider(provider: Mapping[str, object], where: str) -> Misconfigured:
    name = clean(str(provider.get("name", "")), 60)
    if name == "gcp":
        fix = (
            "install gke-gcloud-auth-plugin, then: gcloud container clusters get-credentials CLUSTER "
            "--location LOCATION --project PROJECT"
        )
    elif name == "azure":
        fix = "use kubelogin: kubelogin convert-kubeconfig"
    else:
        fix = "use an exec plugin, e.g. kubectl oidc-login"
    return Misconfigured(f"{where}: the auth-provider {name} was removed from Kubernetes in 1.26", hint=fix)


def _header(value: str, what: str, where: str) -> str:
    """Something that goes into a request header. The value itself is never repeated."""
    value = value.strip()
    if not value.isascii() or not value.isprintable():
        raise Misconfigured(
            f"{where}: the {what} of its user has characters that cannot be sent", hint="log in again"
        )
    return value


def _impersonated(user: Entry, where: str) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if said := user.text(key):
            headers.append((header, _header(said, key, where)))
    groups = user.fields.get("as-groups")
    for group in groups if isinstance(groups, list) else []:
        headers.append(("Impersonate-Group", _header(text_of(group, f"{where}: as-groups"), "as-groups", where)))
    if headers and not user.text("as"):
        raise Misconfigured(f"{where}: it impersonates without naming a user", hint="set as beside as-groups")
    return tuple(headers)


def _plugin(user: Entry, where: str) -> Plugin | None:
    said = user.fields.get("exec")
    if not isinstance(said, dict):
        return None
    entry = Entry(user.name, said, user.file)
    api, command = entry.text("apiVersion"), entry.text("command")
    if api not in (f"{_API}v1", f"{_API}v1beta1"):
        raise Misconfigured(
            f"{where}: its plugin speaks {clean(api, 80) or 'no version'}, not {_API}v1 or v1beta1",
            hint="update the plugin and fetch the kubeconfig again",
        )
    if not command:
        raise Misconfigured(f"{where}: its exec plugin has no command", hint="fetch the kubeconfig again")
    if os.sep in command:  # only then a path; a bare name is looked up in PATH
        command = entry.path("command")
    listed, pairs = said.get("args"), said.get("env")
    args = tuple(
        text_of(each, f"{where}: args of its plugin") for each in (listed if isinstance(listed, list) else [])
    )
    env = []
    for each in pairs if isinstance(pairs, list) else []:
        if isinstance(each, dict):
            name = text_of(each.get("name"), f"{where}: env of its plugin")
            env.append((name, text_of(each.get("value"), f"{where}: env of its plugin")))
    return Plugin(
        command=command,
        args=args,
        env=tuple(env),
        api=api,
        wants_cluster=entry.text("provideClusterInfo").lower() == "true",
        needs_terminal=entry.text("interactiveMode") == "Always",
        install=" ".join(clean(line, 200) for line in entry.text("installHint").splitlines()[:4]).strip(),
    )


def _in_cluster(namespace: str | None, environ: Mapping[str, str], account: Path) -> Place:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = account / "token"
    if not token.exists():
        raise Misconfigured(
            f"there is no kubeconfig, and no token of a service account at {shown(token)}",
            hint="set kubeconfig in the profile, or automountServiceAccountToken of the pod",
        )
    try:
        own = (account / "namespace").read_text("utf-8").strip()
    except (OSError, ValueError):
        own = ""
    chosen = namespace or own or "default"
    entry = Entry("this pod", {"server": f"https://{f'[{host}]' if ':' in host else host}:{port}"}, token)
    return Place(
        context=IN_CLUSTER,
        server=_server(entry, "the service account of this pod"),
        namespace=chosen if _LABEL.fullmatch(chosen) else "default",
        user="the service account of this pod",
        origin=shown(account),
        login=Login(token_file=str(token)),
        authority=_read(str(account / "ca.crt"), "the authority of this cluster").decode("ascii", "replace"),
    )
