"""The custom resources of the test cluster: any content, the status apart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cockpit.sandbox.kube.node.terms import Object

from .api import Api

_FOLDER = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SCHEMA: Object = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}


def definition(
    group: str, versions: Sequence[str], kind: str, plural: str, *, namespaced: bool = True, status: bool = True
) -> Object:
    """A CustomResourceDefinition; the first version is the one that is stored."""
    served = [
        {
            "name": version,
            "served": True,
            "storage": version == versions[0],
            "schema": _SCHEMA,
            **({"subresources": {"status": {}}} if status else {}),
        }
        for version in versions
    ]
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, of a test cluster"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": names,
            "versions": served,
        },
    }


METRICS = (
    definition("metrics.k8s.io", ["v1beta1"], "NodeMetrics", "nodes", namespaced=False, status=False),
    definition("metrics.k8s.io", ["v1beta1"], "PodMetrics", "pods", status=False),
)
EXTERNAL_SECRETS = (
    definition("external-secrets.io", ["v1", "v1beta1"], "ExternalSecret", "externalsecrets"),
    definition("external-secrets.io", ["v1", "v1beta1"], "SecretStore", "secretstores"),
)
CERT_MANAGER = (
    definition("cert-manager.io", ["v1"], "Certificate", "certificates"),
    definition("cert-manager.io", ["v1"], "Issuer", "issuers"),
)
ARGO = (definition("argoproj.io", ["v1alpha1"], "Application", "applications", status=False),)


async def install(api: Api, definitions: Sequence[Object]) -> None:
    """Returns when all of them are served."""
    await asyncio.gather(*(api.call("POST", _FOLDER, each) for each in definitions))
    for each in definitions:
        group, plural = each["spec"]["group"], each["spec"]["names"]["plural"]
        version = each["spec"]["versions"][0]["name"]
        while (await api.call("GET", f"/apis/{group}/{version}/{plural}"))[0] != 200:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.05)
