"""Command lines of kubectl as runbooks have them: on which objects, where, with which options. Pure: nothing runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cockpit.model.command import Call, Placeholder

KINDS = {
    "po": "pod", "deploy": "deployment", "svc": "service", "ns": "namespace", "cm": "configmap", "no": "node",
    "sts": "statefulset", "ds": "daemonset", "rs": "replicaset", "ing": "ingress", "ingresses": "ingress",
    "pvc": "persistentvolumeclaim", "hpa": "horizontalpodautoscaler", "pdb": "poddisruptionbudget", "ev": "event",
    "quota": "resourcequota", "es": "externalsecret", "cert": "certificate", "certs": "certificate",
    "ep": "endpoints", "endpoints": "endpoints", "networkpolicies": "networkpolicy", "netpol": "networkpolicy",
    "policies": "policy",
}  # fmt: skip
_QUIET = frozenset((
    "-o", "--output", "--no-headers", "--show-labels", "-v", "--v", "--request-timeout", "--field-manager", "-w",
    "--watch", "--sort-by", "--warnings-as-errors", "--cache-dir", "--record",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class KubeCall:
    """One call of kubectl. Values may be placeholders: `value` tells."""

    verb: str  # "rollout undo"
    target: Mapping[str, str]  # {"namespace", "context"}, as far as they are literal
    everywhere: bool  # --all-namespaces
    kind: str  # singular and long: "deployment"; "" where none is named
    names: tuple[str, ...]  # of the objects
    options: Mapping[str, str]  # what is left; "" for a switch
    given: tuple[str, ...]  # positional arguments after the objects: "api=registry/api:v2"
    placeholders: tuple[Placeholder, ...]

    @property
    def name(self) -> str:
        """Of the only object, "" where there are none or several."""
        return self.names[0] if len(self.names) == 1 else ""

    def value(self, text: str) -> str | Placeholder:
        """Itself, or what has to be filled in for all of it."""
        inside = [each for each in self.placeholders if each.spelled in text]
        whole = next((each for each in inside if each.spelled == text), None)
        if whole is not None:
            return whole
        return Placeholder(text, text, inside[0].style) if inside else text


def singular(kind: str) -> str:
    """ "deployments.apps" and "deploy" are "deployment"."""
    low = kind.casefold().partition(".")[0]
    if low in KINDS:
        return KINDS[low]
    return low[:-1] if low.endswith("s") and not low.endswith("ss") else low


def kube_call(call: Call, verb: str, *, objects: bool = True, quiet: frozenset[str] = frozenset()) -> KubeCall | None:
    """The call as `kubectl VERB`; None where it is another, runs elsewhere, as somebody else or on another server.

    `objects` False where the positional arguments name no objects ("top nodes"). `quiet` names further options that
    make no difference.
    """
    if call.program != "kubectl" or call.verb != verb or call.within or call.assigned:
        return None
    if any(word.globs for word in call.args):
        return None
    target: dict[str, str] = {}
    options: dict[str, str] = {}
    everywhere = False
    for name, values in call.flags.items():
        value = values[-1] if values else ""
        if name in ("-n", "--namespace"):
            target["namespace"] = value
        elif name == "--context":
            target["context"] = value
        elif name in ("-A", "--all-namespaces"):
            everywhere = value.casefold() != "false"
        elif name not in _QUIET and name not in quiet:
            options[name] = value
    words = [word.text for word in call.args]
    kind, names, given = _objects(words) if objects else ("", (), tuple(words))
    spelled = [each.spelled for each in call.placeholders]
    literal = {name: text for name, text in target.items() if text and not any(each in text for each in spelled)}
    return KubeCall(verb, literal, everywhere, kind, names, options, given, call.placeholders)


def _objects(words: list[str]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Kind, names and the rest of `deployment/api api=img`, `deploy api web`, `pods`."""
    if not words:
        return "", (), ()
    first = words[0]
    if "/" in first and not first.startswith(("/", ".")) and "=" not in first:
        pairs = [word.partition("/") for word in words if "/" in word and "=" not in word]
        kinds = {singular(kind) for kind, _, _ in pairs}
        if len(kinds) != 1:
            return "", (), tuple(words)
        rest = tuple(word for word in words if "/" not in word or "=" in word)
        return kinds.pop(), tuple(name for _, _, name in pairs), rest
    if "," in first:
        return "", (), tuple(words)
    names = tuple(word for word in words[1:] if "=" not in word)
    return singular(first), names, tuple(word for word in words[1:] if "=" in word)
