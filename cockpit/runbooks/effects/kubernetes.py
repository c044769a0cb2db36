"""Effects of kubectl and helm."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, is_zero, name_of, names, reads, texts, unknown

_READS = names(
    """
    get describe logs top explain api-resources api-versions version events wait cluster-info options
    completion kustomize help
    """
)
_CHANGES = {
    "apply": "it makes the cluster match the file",
    "create": "it creates objects",
    "patch": "it changes the object",
    "edit": "it opens the object for change",
    "set": "it changes the object, and its pods are replaced",
    "label": "it changes labels, by which services and policies choose",
    "annotate": "it changes annotations",
    "autoscale": "it puts an autoscaler over the workload",
    "expose": "it creates a service",
    "run": "it starts a pod",
    "cordon": "no new pod is placed on the node",
    "uncordon": "new pods are placed on the node again",
    "taint": "it changes which pods may run on the node",
    "certificate": "it decides on a certificate request",
    "cp": "it writes files",
    "debug": "it adds a container or a pod",
    "replace": "it replaces the object",
    "scale": "it changes how many pods run",
}
_PAIRS = {
    "rollout status": reads("kubectl rollout status only watches; it ends with the rollout"),
    "rollout history": reads("kubectl rollout history only reads"),
    "rollout undo": changes(
        "it puts the pods back on the revision before, or forward again when that is the newer one"
    ),
    "rollout restart": changes("it replaces all pods of the workload, one after the other"),
    "rollout pause": changes("no rollout goes on until it is resumed"),
    "rollout resume": changes("a paused rollout goes on"),
    "config view": reads("kubectl config view only reads"),
    "config get-contexts": reads("kubectl config get-contexts only reads"),
    "config get-clusters": reads("kubectl config get-clusters only reads"),
    "config get-users": reads("kubectl config get-users only reads"),
    "config current-context": reads("kubectl config current-context only reads"),
    "auth can-i": reads("kubectl auth can-i only asks"),
    "auth whoami": reads("kubectl auth whoami only asks"),
    "auth reconcile": changes("it changes roles"),
}
_LASTING = names(
    """
    namespace namespaces ns pv pvc persistentvolume persistentvolumes persistentvolumeclaim
    persistentvolumeclaims crd crds customresourcedefinition customresourcedefinitions secret secrets all
    volumesnapshot volumesnapshots
    """
)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
# In a patch: no pods, or nothing that keeps the object from being deleted with what it holds.
_TAKES = re.compile(
    r"\breplicas[\"']?\s*[:=]\s*0\b|\bfinalizers[\"']?\s*:\s*(null|\[\s*\])|[\"']op[\"']\s*:\s*[\"']remove\b"
)
_DRY = frozenset({"client", "server"})


def kubectl(call: Call) -> Ruling:
    """By verb; scaling to none, pruning and forced replacement destroy."""
    tokens = call.verb.split() or texts(call)[:1]
    verb = tokens[0] if tokens else ""
    pair = " ".join([*call.verb.split(), *texts(call)][:2])
    if verb in ("delete", "drain"):
        return _dry(call) or _delete(call, verb)
    if _dry(call) is not None and verb in _CHANGES:
        return reads("a dry run: nothing is kept")
    if (loss := _loss(call, verb)) is not None:
        return loss
    if pair in _PAIRS:
        return _PAIRS[pair]
    if verb == "config":
        return changes("it changes the kubeconfig of this machine: the next command may go to another cluster")
    if verb in _CHANGES:
        return changes(_CHANGES[verb])
    if verb in ("port-forward", "proxy"):
        open_to_all = any(each not in _LOCAL for each in call.flags.get("--address", ()))
        tunnel = reads("it opens a tunnel and changes nothing; it runs until it is stopped")
        return changes("it opens the tunnel to others too") if open_to_all else tunnel
    if verb in _READS:
        return _read(call, verb)
    if verb in ("exec", "attach"):
        return unknown("what is run or typed inside the container is not known")
    return unknown(f"{name_of(call)} is not a kubectl command that the cockpit knows")


def _loss(call: Call, verb: str) -> Ruling | None:
    """Where a flag or what is sent takes something away."""
    if verb == "scale" and is_zero(call.flag("--replicas")):
        return destroys("with no pod left nobody is served")
    if verb == "patch" and _TAKES.search(call.flag("--patch", "-p") or ""):
        return destroys("it takes all pods away, or what keeps the object from being deleted")
    if verb == "replace" and call.has("--force", "--grace-period", "--now"):
        return destroys("it deletes the object before it makes it anew")
    if verb == "apply" and call.has("--prune", "--force"):
        return destroys("objects that the file does not hold are deleted, or made anew")
    return None


def _read(call: Call, verb: str) -> Ruling:
    if verb == "kustomize" and call.has("-o", "--output"):
        return changes("it writes files")
    if verb == "cluster-info" and call.has("--output-directory"):
        return changes("it writes files")
    if verb == "get" and _of_secrets(call) and (call.flag("-o", "--output") or "name") not in ("name", "wide"):
        return reads("kubectl get only reads, but what it prints holds secrets")
    return reads(f"kubectl {verb} only reads")


def _of_secrets(call: Call) -> bool:
    kinds = {kind.split("/")[0].split(".")[0] for kind in ",".join(texts(call)[:1]).split(",")}
    return not kinds.isdisjoint({"secret", "secrets"})


def _dry(call: Call) -> Ruling | None:
    return reads("a dry run: nothing is kept") if call.flag("--dry-run") in _DRY else None


def _delete(call: Call, verb: str) -> Ruling:
    if verb == "drain":
        return destroys("all pods of the node are evicted")
    words = texts(call)
    kinds = {word.split("/")[0].split(".")[0].lower() for word in ",".join(words).split(",") if "/" in word}
    if words and "/" not in words[0]:
        kinds |= {kind.split(".")[0].lower() for kind in words[0].split(",")}
    if not kinds.isdisjoint(_LASTING):
        return destroys("what it deletes is gone with everything in it", final=True)
    if call.has("--all", "--all-namespaces", "-A") or not words:
        return destroys("it deletes many objects, or whatever a file names", final=True)
    return destroys("it deletes objects of the cluster")


_HELM_DRY = frozenset({"", "client", "server", "true"})
_HELM_READS = names(
    """
    list ls status history hist get show inspect search template lint version env verify help
    """
)
_HELM_CHANGES = names("install upgrade rollback pull fetch push package create test plugin registry")


def helm(call: Call) -> Ruling:
    """By verb; a dry run without an own renderer reads."""
    tokens = [*call.verb.split(), *texts(call)]
    verb = tokens[0] if tokens else ""
    if call.has("--post-renderer"):
        return changes(f"helm {verb} runs a program of one's own over what it renders")
    if verb in ("template", "list", "ls") and call.has("--output-dir"):
        return changes("it writes files")
    if verb in _HELM_READS or tokens[:2] in (["repo", "list"], ["dependency", "list"], ["plugin", "list"]):
        return reads(f"helm {verb} only reads")
    if verb in ("uninstall", "delete", "del", "un"):
        return destroys("it deletes everything that the release installed", final=True)
    if verb in ("upgrade", "rollback", "install") and call.flag("--dry-run") in _HELM_DRY:
        return reads("a dry run: nothing is kept")
    if verb in ("upgrade", "rollback") and call.has("--force", "--reset-values", "--cleanup-on-fail"):
        return destroys("it deletes objects to make them anew, or forgets the values they had")
    if verb in _HELM_CHANGES or verb in ("repo", "dependency", "dep"):
        return changes(f"helm {verb} changes the release or the files of this machine")
    return unknown(f"{name_of(call)} is not a helm command that the cockpit knows")
