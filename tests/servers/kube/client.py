"""What tests ask and tell the API server, past the cockpit: plain requests, raw JSON."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

Object = dict[str, Any]

_DEADLINE_S = 30.0
_PLURALS = {
    "Endpoints": "endpoints",
    "Ingress": "ingresses",
    "NetworkPolicy": "networkpolicies",
    "StorageClass": "storageclasses",
    "PriorityClass": "priorityclasses",
}
_CLUSTER_WIDE = frozenset(
    {"Namespace", "Node", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "StorageClass"}
    | {"PersistentVolume", "PriorityClass", "ClusterSecretStore", "ClusterIssuer"}
)


class KubeError(AssertionError):
    """The server refused."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class KubeClient:
    """One user of one server."""

    def __init__(self, server: str, token: str, ca: Path | None) -> None:
        """Without an authority it is spoken to in the clear."""
        tls = ssl.create_default_context(cafile=str(ca)) if ca is not None else ssl.create_default_context()
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "test"}
        self._http = httpx.Client(base_url=server, headers=headers, verify=tls, timeout=_DEADLINE_S, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def request(
        self, method: str, path: str, body: object = None, kind: str = "application/json", **query: str
    ) -> Any:
        """The answer's JSON, or its text. Raises KubeError for 400 and above."""
        content = None if body is None else json.dumps(body).encode()
        answer = self._http.request(method, path, content=content, headers={"Content-Type": kind}, params=query)
        try:
            said: Any = answer.json()
        except ValueError:
            said = answer.text
        if answer.status_code >= 400:
            raise KubeError(answer.status_code, said.get("message", "") if isinstance(said, dict) else str(said))
        return said

    def get(self, path: str, **query: str) -> Any:
        return self.request("GET", path, **query)

    def items(self, path: str, **query: str) -> list[Object]:
        """Of a list."""
        found: list[Object] = self.get(path, **query)["items"]
        return found

    def delete(self, path: str, body: object = None) -> Any:
        return self.request("DELETE", path, body)

    def patch(self, path: str, body: object, kind: str = "merge") -> Any:
        """`kind`: merge, strategic-merge or json."""
        return self.request("PATCH", path, body, f"application/{kind}-patch+json")

    def annotate(self, path: str, **notes: str | None) -> Any:
        """Set (or, with None, remove) `fake-node/` annotations: `behaviour="crash"`, `port_8000="5432"`."""
        named = {f"fake-node/{key.replace('_', '-')}": value for key, value in notes.items()}
        return self.patch(path, {"metadata": {"annotations": named}})

    def apply(self, *things: Mapping[str, Any], namespace: str = "") -> list[Object]:
        """Make each, or change it where it is there already (merge patch). As the server has them then."""
        done = []
        for thing in things:
            body = dict(thing)
            body["metadata"] = dict(thing["metadata"])
            if namespace and thing["kind"] not in _CLUSTER_WIDE:
                body["metadata"].setdefault("namespace", namespace)
            try:
                done.append(self.request("POST", path_of(body).rpartition("/")[0], body))
            except KubeError as refusal:
                if refusal.code != 409:
                    raise
                done.append(self.patch(path_of(body), body))
        return done


def path_of(thing: Mapping[str, Any]) -> str:
    """Where this object lives in the API."""
    version, kind, meta = thing["apiVersion"], thing["kind"], thing["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    inside = "" if kind in _CLUSTER_WIDE else f"/namespaces/{meta.get('namespace', 'default')}"
    return f"{root}{inside}/{plural_of(kind)}/{meta['name']}"


def plural_of(kind: str) -> str:
    """How the kind is called in a path."""
    return _PLURALS.get(kind) or f"{kind.lower()}s"
