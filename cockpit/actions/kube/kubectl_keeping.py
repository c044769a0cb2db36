"""Which `kubectl` commands of a runbook the actions that keep a namespace stand in for, and how they differ."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from cockpit.adapters.kube.commandline import kube_call
from cockpit.model.action import ActionSpec
from cockpit.model.command import Call, Intent, Placeholder, PlaceholderStyle, Replacement, Word, Wrapper
from cockpit.model.severity import SourceKind

_LACKS = (
    "The command keeps only the kinds that it names (all is not all: no volume claims, rights, quotas, budgets or"
    " custom resources), with secrets as plain text, without the namespace, and not as it could be applied again;"
    " this keeps everything that the API lists, ready to be applied, secrets encrypted or left out."
)
_NEVER = (
    "It is always refused: the command takes volumes, addresses, secrets and every revision with it, and a file of"
    " kubectl get all brings nothing of that back."
)
_COMPARED = (
    "Every object is rehearsed and compared with what is there first; it is applied on the server's side, so that"
    " fields which somebody else set are not taken over in silence; what it replaces can be put back."
)
_RENEWED = (
    "It deletes nothing: the secret in use stays until cert-manager has issued another certificate. Deleted first, it"
    " is missing until then, and for good where nobody issues it again."
)
_OF_TLS = re.compile(r"(^|[-.])(tls|cert|certs|certificate|ssl)([-.]|$)")
_AUDITED = "It is recorded who went where and why, and the pod is the very one that was planned."
_THERE = (
    "Variables are those of the pod, as the command needs them; typed as it stands, the shell of this machine"
    " replaces them by its own, which are empty."
)
_SHELLS = ("sh", "bash", "ash", "dash", "zsh")
_EXEC_FLAGS = {
    "-i", "--stdin", "-t", "--tty", "-n", "--namespace", "-c", "--container", "--context",
}  # fmt: skip
# What only looks, whatever its arguments; anything else in a pod stays a script.
_LOOKS = frozenset((
    "cat", "df", "dig", "du", "free", "getent", "head", "host", "id", "ls", "lsof", "netstat", "nslookup", "ping",
    "printenv", "ps", "pwd", "ss", "stat", "tail", "top", "uname", "uptime", "wc", "whoami",
))  # fmt: skip
_ALONE = frozenset(("date", "env", "hostname"))  # with arguments they may change something


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each of these actions that a command can mean."""
    tiers = {spec.id: spec.tier for spec in specs}
    return (
        Replacement("cluster.backup", "kubectl", tiers["cluster.backup"], backup, keeps=True),
        Replacement("cluster.delete_namespace", "kubectl", tiers["cluster.delete_namespace"], namespace),
        Replacement("cluster.renew", "kubectl", tiers["cluster.renew"], renewal),
        Replacement("cluster.apply", "kubectl", tiers["cluster.apply"], apply),
        Replacement("workloads.shell", "kubectl exec", tiers["workloads.shell"], shell),
    )


def backup(call: Call) -> Intent | None:
    """`kubectl get all,configmaps -o yaml > FILE`: whole kinds, kept in a file."""
    found = kube_call(call, "get")
    if found is None or found.everywhere or found.options or found.names:
        return None
    kinds = found.given[0].split(",") if found.given else [found.kind]
    whole = (
        len(found.given) <= 1
        and all(kinds)
        and not any(each.spelled in "".join(kinds) for each in found.placeholders)
    )
    written = [each for each in call.redirects if each.operator in (">", ">>")]
    several = len(kinds) > 1 or "all" in kinds
    if not whole or not several or not written or call.flag("-o", "--output") not in ("yaml", "json"):
        return None
    return Intent("cluster.backup", SourceKind.CLUSTER, found.target, differs=_LACKS)


def namespace(call: Call) -> Intent | None:
    """`kubectl delete namespace NAME`."""
    found = kube_call(call, "delete")
    if found is None or found.kind != "namespace" or not found.name or found.given:
        return None
    value = found.value(found.name)
    if isinstance(value, Placeholder):
        asks, target, params = {"namespace": value}, found.target, {}
    else:
        asks, target, params = {}, {**found.target, "namespace": value}, {"namespace": value}
    return Intent("cluster.delete_namespace", SourceKind.CLUSTER, target, params, asks, _NEVER)


def renewal(call: Call) -> Intent | None:
    """`kubectl delete secret tls-secret`: people do that to have a certificate issued again."""
    found = kube_call(call, "delete")
    if found is None or found.kind != "secret" or not found.name or found.given:
        return None
    value = found.value(found.name)
    if isinstance(value, Placeholder) or not _OF_TLS.search(value):
        return None
    return Intent("cluster.renew", SourceKind.CLUSTER, found.target, {"secret": value}, differs=_RENEWED)


def apply(call: Call) -> Intent | None:
    """`kubectl apply -f FILE`: one file or folder of this machine."""
    quiet = frozenset(("--server-side", "--wait", "--timeout", "--overwrite", "--validate"))
    found = kube_call(call, "apply", objects=False, quiet=quiet)
    files = call.flags.get("-f") or call.flags.get("--filename", ())
    if found is None or found.everywhere or found.given or set(found.options) - {"-f", "--filename"}:
        return None
    fed = call.piped or call.body or call.redirects or len(files) != 1
    if fed or files[0] in ("", "-") or "://" in files[0] or "," in files[0]:
        return None
    value = found.value(files[0])
    if isinstance(value, Placeholder):
        return Intent("cluster.apply", SourceKind.CLUSTER, found.target, asks={"file": value}, differs=_COMPARED)
    return Intent("cluster.apply", SourceKind.CLUSTER, found.target, {"file": value}, differs=_COMPARED)


def shell(call: Call) -> Intent | None:
    """`kubectl exec -it POD -- bash`, and commands that only look."""
    if not call.within:
        return None
    outer = call.within[0]
    fed = call.body or call.piped or call.redirects or call.assigned or call.substituted
    if outer.tool != "kubectl exec" or not set(outer.flags) <= _EXEC_FLAGS or fed or not outer.words:
        return None
    pod = outer.where.removeprefix("pod/").removeprefix("pods/").removeprefix("po/")
    command = _command(call, outer)
    if command is None or "/" in pod:
        return None
    written, differs = command
    values = {"pod": pod, "container": _flag(outer, "-c", "--container"), "command": written}
    marks = [
        each for each in (*outer.placeholders, *call.placeholders) if each.style is not PlaceholderStyle.VARIABLE
    ]
    params: dict[str, str] = {}
    asks: dict[str, Placeholder] = {}
    for name, text in values.items():
        inside = next((each for each in marks if each.spelled in text), None)
        if inside is not None:
            asks[name] = inside if inside.spelled == text else Placeholder(text, text, inside.style)
        elif text:
            params[name] = text
    place = {"namespace": _flag(outer, "-n", "--namespace"), "context": _flag(outer, "--context")}
    target = {key: text for key, text in place.items() if text and not any(each.spelled in text for each in marks)}
    return Intent("workloads.shell", SourceKind.WORKLOADS, target, params, asks, differs)


def _flag(outer: Wrapper, *names: str) -> str:
    return next((outer.flags[name][-1] for name in names if name in outer.flags), "")


def _command(call: Call, outer: Wrapper) -> tuple[str, str] | None:
    """What to run there as one line of quoted words, and in which way that is another; None for what may change."""
    words = outer.words
    program = words[0].text.rpartition("/")[2]
    if program in _SHELLS and len(words) == 1:
        return "", _AUDITED
    if call.program == "sql":
        looks = call.statement is not None and call.statement.reads_only
    else:
        alone = call.program in _ALONE and len(words) == 1
        looks = (call.program in _LOOKS or alone) and len(call.within) <= 2
    if not looks or any(each.globs or _substitutes(each) for each in words):
        return None
    if program in _SHELLS or not any(_expands(each) for each in words):
        return shlex.join(each.text for each in words), _AUDITED
    return shlex.join(["sh", "-c", " ".join(each.source for each in words)]), _THERE


def _expands(word: Word) -> bool:
    return any(each.style is PlaceholderStyle.VARIABLE for each in word.placeholders)


def _substitutes(word: Word) -> bool:
    return any(each.style is PlaceholderStyle.SUBSTITUTION for each in word.placeholders)
