"""A real Kubernetes control plane on loopback: etcd, API server, controller manager, and nodes that play.

Token logins, RBAC, TLS with an authority of its own. Users: admin (may all), viewer and responder (may nothing until
bound; groups cockpit:viewers and cockpit:responders).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cockpit.sandbox.loopback import on_free_port
from cockpit.sandbox.process import LOOPBACK, Account, ServerProcess, accepts, free_port, password, sweep

from . import binaries
from .authority import Authority, signing_key
from .client import KubeClient, KubeError

EXTENSIONS = ("metrics", "external-secrets", "cert-manager", "argo")
USERS: Mapping[str, str] = {
    "admin": "system:masters",
    "viewer": "cockpit:viewers",
    "responder": "cockpit:responders",
    "node": "system:masters",
    "system:kube-controller-manager": "",
}
_PROJECT = Path(__file__).parents[3]
_READY_S = 60.0
_LOOK_S = 0.05
_AUDIT = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver", "system:kube-controller-manager", "node"]}
- {level: None, userGroups: ["system:serviceaccounts:kube-system"]}
- {level: Metadata, resources: [{group: "", resources: ["secrets"]}]}
- {level: Request}
"""


@dataclass(frozen=True, slots=True)
class Options:
    """How the cluster is."""

    audit: bool = False  # requests with their bodies: KubeServer.requests()
    compaction: str = "5m"  # how soon old versions are forgotten; "2s" makes 410 Expired soon
    watch_cache: bool = True  # without it, 410 comes at once after a compaction
    nodes: int = 2
    extensions: tuple[str, ...] = EXTENSIONS
    ready_s: float = 0.05  # from a container's start to ready
    terminate_s: float = 0.05  # from a pod's deletion to its end
    backoff_s: float = 3.0  # between two crashes of a pod


class KubeServer:
    """A running cluster; ends with the thread that started it, however that ends."""

    def __init__(self, home: Path, options: Options) -> None:
        self.home = home
        self.options = options
        self.port = 0
        self._programs = binaries.folder()
        self._account = Account(os.geteuid(), os.getegid())
        self._tokens = {user: password() for user in USERS}
        self._processes: dict[str, ServerProcess] = {}
        self._clients: list[KubeClient] = []
        self._etcd_port = 0
        self._kubelet_port = free_port()

    @classmethod
    def start(cls, directory: Path | None = None, options: Options | None = None) -> KubeServer:
        """In `directory`, or a temporary folder, gone when stopped. Raises NoBinary, StartFailed."""
        binaries.folder()
        sweep("kube", Account(os.geteuid(), os.getegid()))
        prefix = f"cockpit-kube-{os.getpid()}-" if directory is None else "kube-"
        server = cls(Path(tempfile.mkdtemp(prefix=prefix, dir=directory)), options or Options())
        try:
            server._start_all()
        except BaseException:
            server.stop()
            raise
        return server

    def __enter__(self) -> KubeServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def ca(self) -> Path:
        return self.home / "ca.crt"

    def token(self, user: str = "admin") -> str:
        return self._tokens[user]

    def client(self, user: str = "admin") -> KubeClient:
        """Closed with the server."""
        client = KubeClient(self.url, self._tokens[user], self.ca)
        self._clients.append(client)
        return client

    def kubeconfig(
        self, user: str = "admin", *, context: str = "test", namespace: str = "default", path: Path | None = None
    ) -> Path:
        """Write one with this context alone; into the server's own folder unless `path` says where."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": {"server": self.url, "certificate-authority": str(self.ca)}}],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": user, "namespace": namespace}}],
            "current-context": context,
        }
        place = path or self.home / f"{user.rpartition(':')[2]}.{context}.{namespace}.kubeconfig"
        place.touch(mode=0o600)
        place.write_text(json.dumps(config, indent=1))
        return place

    def requests(self, user: str = "") -> list[dict[str, Any]]:
        """The audit events of all users (or one) so far; needs Options.audit."""
        lines = (self.home / "audit.log").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if user in ("", event["user"]["username"])]

    def pause_api(self) -> None:
        """The API server hangs: connections stay, nothing answers."""
        self._processes["kube-apiserver"].pause()

    def resume_api(self) -> None:
        self._processes["kube-apiserver"].resume()

    def stop_api(self) -> None:
        """The API server ends at once; etcd keeps the state."""
        self._processes["kube-apiserver"].kill()

    def start_api(self) -> None:
        """Again, on the same port."""
        process = self._api_server(self.port)
        process.wait_until(self._api_ready, _READY_S)

    def restart_api(self) -> None:
        self.stop_api()
        self.start_api()

    def stop(self) -> None:
        """All of it, and its folder. Safe to call twice."""
        for client in self._clients:
            client.close()
        for name in reversed(self._processes):
            self._processes[name].kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def _run(
        self, name: str, argv: list[str], feed: str = "", environment: Mapping[str, str] | None = None
    ) -> ServerProcess:
        process = self._processes[name] = ServerProcess.start(
            argv,
            account=self._account,
            directory=self.home,
            log=self.home / f"{name}.log",
            death_signal=signal.SIGKILL,
            feed=feed.encode(),
            environment=environment,
        )
        return process

    def _start_all(self) -> None:
        self.home.chmod(0o700)
        authority = Authority.new("test cluster")
        certificate, key = authority.issue([LOOPBACK, "localhost", "kubernetes.default.svc"])
        self._keep("ca.crt", authority.certificate)
        self._keep("server.crt", certificate)
        self._keep("server.key", key)
        self._keep("accounts.key", signing_key())
        self._keep("audit.yaml", _AUDIT.encode())
        rows = [f'{self._tokens[user]},{user},{user},"{group}"' for user, group in USERS.items()]
        self._keep("tokens.csv", "\n".join(rows).encode())
        _, self._etcd_port = on_free_port("etcd", self._etcd, accepts, _READY_S)
        _, self.port = on_free_port("kube-apiserver", self._api_server, self._api_ready, _READY_S)
        manager = self._controller_manager()
        node = self._node()
        admin = self.client()
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        manager.wait_until(lambda: _there(admin, account), _READY_S)
        node.wait_until((self.home / "node.ready").exists, _READY_S)

    def _keep(self, name: str, content: bytes) -> None:
        place = self.home / name
        place.touch(mode=0o600)
        place.write_bytes(content)

    def _etcd(self, port: int) -> ServerProcess:
        peers = f"http://{LOOPBACK}:{free_port()}"
        clients = f"http://{LOOPBACK}:{port}"
        shutil.rmtree(self.home / "etcd", ignore_errors=True)
        return self._run(
            "etcd",
            [
                str(self._programs / "etcd"),
                "--name=test",
                f"--data-dir={self.home / 'etcd'}",
                "--logger=zap",
                "--log-level=warn",
                "--unsafe-no-fsync",
                f"--listen-client-urls={clients}",
                f"--advertise-client-urls={clients}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=test={peers}",
            ],
        )

    def _api_server(self, port: int) -> ServerProcess:
        home, options = self.home, self.options
        audit = [f"--audit-policy-file={home / 'audit.yaml'}", f"--audit-log-path={home / 'audit.log'}"]
        self.port = port
        return self._run(
            "kube-apiserver",
            [
                str(self._programs / "kube-apiserver"),
                f"--etcd-servers=http://{LOOPBACK}:{self._etcd_port}",
                f"--etcd-compaction-interval={options.compaction}",
                f"--watch-cache={str(options.watch_cache).lower()}",
                f"--bind-address={LOOPBACK}",
                f"--advertise-address={LOOPBACK}",
                f"--secure-port={port}",
                "--endpoint-reconciler-type=none",
                f"--tls-cert-file={home / 'server.crt'}",
                f"--tls-private-key-file={home / 'server.key'}",
                f"--token-auth-file={home / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--anonymous-auth=false",
                f"--service-account-key-file={home / 'accounts.key'}",
                f"--service-account-signing-key-file={home / 'accounts.key'}",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--allow-privileged=true",
                "--profiling=false",
                "--kubelet-preferred-address-types=InternalIP",
                *([*audit, "--audit-log-mode=blocking"] if options.audit else []),
            ],
        )

    def _api_ready(self, port: int = 0) -> bool:
        """It says so itself, to one who may ask."""
        if not accepts(self.port):
            time.sleep(_LOOK_S)
            return False
        client = KubeClient(self.url, self._tokens["admin"], self.ca)
        try:
            return _there(client, "/readyz")
        finally:
            client.close()

    def _controller_manager(self) -> ServerProcess:
        config = self.kubeconfig("system:kube-controller-manager")
        return self._run(
            "kube-controller-manager",
            [
                str(self._programs / "kube-controller-manager"),
                f"--kubeconfig={config}",
                f"--authentication-kubeconfig={config}",
                f"--authorization-kubeconfig={config}",
                f"--bind-address={LOOPBACK}",
                f"--secure-port={free_port()}",
                "--port=0",
                "--leader-elect=false",
                "--profiling=false",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={self.home / 'accounts.key'}",
                f"--root-ca-file={self.ca}",
                "--cluster-cidr=10.244.0.0/16",
                "--allocate-node-cidrs=false",
                "--kube-api-qps=200",
                "--kube-api-burst=400",
            ],
        )

    def _node(self) -> ServerProcess:
        options = self.options
        argv = [sys.executable, "-m", "tests.servers.kube.node", f"--server={self.url}", f"--folder={self.home}"]
        argv += [f"--port={self._kubelet_port}", f"--nodes={options.nodes}", f"--ready={options.ready_s}"]
        argv += [f"--terminate={options.terminate_s}", f"--backoff={options.backoff_s}"]
        argv += [f"--extension={name}" for name in options.extensions]
        return self._run("node", argv, feed=self._tokens["node"] + "\n", environment={"PYTHONPATH": str(_PROJECT)})


def _there(client: KubeClient, path: str) -> bool:
    """It can be read; else a moment passes."""
    try:
        client.get(path)
    except (KubeError, httpx.HTTPError):
        time.sleep(_LOOK_S)
        return False
    return True
