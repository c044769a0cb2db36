"""The tables of a draft that are Kubernetes': a namespace for each that commands name, and the logs of its pods."""

from __future__ import annotations

from cockpit.runbooks.draft.cluster import Cluster
from cockpit.runbooks.draft.evidence import Value
from cockpit.runbooks.draft.naming import Names
from cockpit.runbooks.draft.toml import Entry, Table

MOST = 10
_OPPOSITE = {"true": "false", "on": "off", "1": "0", "enabled": "disabled", "yes": "no"}


def kubernetes_tables(seen: Cluster) -> list[Table]:
    """The namespace that the workloads are in, with its logs; others as comments."""
    if not (seen.namespaces or seen.workloads):
        return []
    names = Names()
    unknown = Value("", None, "which context of your kubeconfig", missing=True)
    context = seen.context or unknown
    found: list[Table] = []
    for index, (namespace, origin) in enumerate(list(seen.namespaces.items())[:MOST] or [("default", None)]):
        name = names.take(namespace, "cluster")
        entries = [
            Entry("name", name),
            Entry("context", context.text or "missing", context),
            Entry("namespace", namespace, Value(namespace, origin)),
        ]
        if index == 0 and seen.services:
            first = next(iter(seen.services.values()))
            entries.append(Entry("services", list(seen.services)[:MOST], Value("", first)))
        off = "the runbook names this namespace too:" if index else ""
        found.append(Table("[[kubernetes]]", entries, off=off))
        if index == 0:
            found += _maintenance(seen)
    first_name = str(found[0].data()["name"])
    logs = [Entry("name", "pods"), Entry("type", "kubernetes"), Entry("cluster", first_name)]
    return [*found, Table("[[logs]]", logs)]


def _maintenance(seen: Cluster) -> list[Table]:
    for (configmap, key, value), origin in seen.flags.items():
        off = _OPPOSITE.get(value.casefold())
        if off is None:
            continue
        entries = [
            Entry("configmap", configmap, Value(configmap, origin)),
            Entry("key", key),
            Entry("on", value),
            Entry("off", off, Value(off, None, "the opposite of what the runbook sets")),
        ]
        if seen.workloads:
            told = Value("", None, "which of them read it at their start only")
            entries.append(Entry("restart", list(seen.workloads)[:MOST], told))
        return [Table("[kubernetes.maintenance]", entries)]
    return []
