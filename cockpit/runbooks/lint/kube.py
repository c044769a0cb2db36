"""How the rules read a kubectl call: kind and names, namespace, whether it only tries."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.runbooks.lint.engine import Book, Scene
from cockpit.runbooks.lint.tools import names

_SHORT = {
    "po": "pod", "deploy": "deployment", "svc": "service", "ns": "namespace", "cm": "configmap", "no": "node",
    "sts": "statefulset", "ds": "daemonset", "rs": "replicaset", "ing": "ingress", "pvc": "persistentvolumeclaim",
    "pv": "persistentvolume", "hpa": "horizontalpodautoscaler", "sa": "serviceaccount", "ev": "event",
    "ingresses": "ingress", "policies": "policy",
}  # fmt: skip
_CLUSTER_WIDE = names("""
    node namespace persistentvolume clusterrole clusterrolebinding storageclass customresourcedefinition crd
    priorityclass ingressclass apiservice clusterissuer validatingwebhookconfiguration mutatingwebhookconfiguration
    csr
    """)
WORKLOADS = frozenset(["deployment", "statefulset", "daemonset", "replicaset"])


def kind_and_names(call: Call) -> tuple[str, tuple[str, ...]]:
    """("deployment", ("api",)) for `deployment/api`, `deploy api` and `deployments.apps api`."""
    texts = [word.text for word in call.args]
    if not texts:
        return "", ()
    if "/" in texts[0] and not texts[0].startswith(("/", ".", "http")):
        pairs = [text.partition("/") for text in texts if "/" in text]
        return _singular(pairs[0][0]), tuple(name for _, _, name in pairs)
    return _singular(texts[0]), tuple(texts[1:])


def kinds(call: Call) -> frozenset[str]:
    """All kinds of `get all,secrets,cm`."""
    first = call.args[0].text if call.args else ""
    return frozenset(_singular(each) for each in first.split("/")[0].split(","))


def _singular(kind: str) -> str:
    low = kind.lower().partition(".")[0]
    if low in _SHORT:
        return _SHORT[low]
    return low[:-1] if low.endswith("s") and not low.endswith("ss") else low


def namespace(call: Call) -> str | None:
    """As named; "" for all of them; None where the context decides."""
    if call.has("--all-namespaces", "-A"):
        return ""
    return call.flag("--namespace", "-n")


def usual_namespace(book: Book) -> str:
    """The namespace that the runbook names most, "" where it names none."""
    return book.once(_usual)


def _usual(book: Book) -> str:
    seen: dict[str, int] = {}
    for _, call in book.calls("kubectl"):
        name = namespace(call)
        if name:
            seen[name] = seen.get(name, 0) + 1
    return max(seen, key=lambda each: seen[each]) if seen else ""


def context_is_set(scene: Scene) -> bool:
    """An earlier command of the runbook chooses the namespace."""
    return scene.book.once(_context_at) < scene.index


def _context_at(book: Book) -> int:
    """Index of the first command that chooses a namespace for all that follow; beyond the last where none does."""
    found = [index for program in ("kubens", "kns", "kubectx") for index, _ in book.calls(program)]
    found += [
        index
        for index, call in book.calls("kubectl")
        if call.verb == "config set-context" and call.has("--namespace", "-n")
    ]
    return min(found, default=len(book.commands))


def named_later(book: Book) -> dict[tuple[str, tuple[str, ...]], list[int]]:
    """Kind and names -> indices of the commands that name them, other than to delete them."""
    found: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for index, call in book.calls("kubectl"):
        if call.verb != "delete":
            found.setdefault(kind_and_names(call), []).append(index)
    return found


def cluster_wide(kind: str) -> bool:
    """The kind has no namespace."""
    return kind in _CLUSTER_WIDE


def tries_only(call: Call) -> bool:
    """A dry run."""
    value = call.flag("--dry-run")
    return value is not None and value not in ("none", "false")


def files(call: Call) -> tuple[str, ...]:
    """What `-f` names."""
    return call.flags.get("--filename", call.flags.get("-f", ()))


def written_to(call: Call) -> str:
    """The file that its output goes to, "" for none."""
    return next((each.target.text for each in call.redirects if each.operator in (">", ">>", "1>", "&>", ">|")), "")


DATE = re.compile(r"\$\(\s*date\b[^)]*\)|`\s*date\b[^`]*`")


def in_namespace(call: Call, scene: Scene) -> str:
    """` -n NAME` for a command to suggest."""
    name = namespace(call) or usual_namespace(scene.book) or "NAMESPACE"
    return f" -n {name}"
