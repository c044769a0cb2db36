"""kubectl: looks that do not show what they are said to show, hang, or ask for too much."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Found, Scene, calls_of, on_call
from cockpit.runbooks.lint.kube import files, in_namespace, kinds, namespace

_GREPS = ("grep", "egrep", "fgrep", "rg", "zgrep")


@on_call(
    "kubectl-logs-names-no-pod",
    Level.ERROR,
    "kubectl logs needs a pod or a selector: without one it asks nothing, and an empty answer looks like a good one.",
    "kubectl",
)
def logs_without_pod(call: Call, scene: Scene) -> Found | None:
    """`kubectl logs -n NAMESPACE`."""
    if call.verb != "logs" or call.args or call.has("--selector", "-l") or any(call.flags.get("--filename", ())):
        return None
    piped = any(each.program in _GREPS for each in scene.feeds(call))
    more = ", and behind the pipe its error looks like 'nothing found'" if piped else ""
    return Found(
        f"It names neither a pod nor a selector: kubectl sends no request at all{more}.",
        f"kubectl logs -l app=NAME{in_namespace(call, scene)} --all-containers --prefix --tail=-1 "
        f"--since={call.flag('--since') or '1h'}",
    )


def _follows(call: Call) -> bool:
    return call.flags.get("-f") == ("",) or call.has("--follow")


@on_call(
    "kubectl-logs-selector-shows-ten-lines",
    Level.WARNING,
    "With a selector kubectl logs shows the last 10 lines of each pod only.",
    "kubectl",
)
def selector_tail(call: Call, scene: Scene) -> Found | None:
    """`logs -l` without --tail, read by something that looks for a word."""
    if call.verb != "logs" or not call.has("--selector", "-l") or call.has("--tail") or _follows(call):
        return None
    if "job-name" in (call.flag("--selector", "-l") or ""):
        return None  # of a job its end is asked
    return Found(
        "With a selector only the last 10 lines of each pod come: what is looked for is most likely above them.",
        f"{' '.join(word.source for word in call.words)} --tail=-1",
    )


@on_call(
    "kubectl-logs-do-not-show-oom",
    Level.WARNING,
    "A process that the kernel kills for memory writes nothing about it: its log shows no trace.",
    "kubectl",
)
def logs_and_oom(call: Call, scene: Scene) -> Found | None:
    """`logs | grep oom`."""
    if call.verb != "logs":
        return None
    wanted = " ".join(word.text for each in scene.feeds(call) if each.program in _GREPS for word in each.args).lower()
    if not re.search(r"\boom|out of memory|memory", wanted):
        return None
    pod = next((word.text for word in call.args), "POD")
    return Found(
        "A process killed for memory writes nothing to its log, and grep without a hit ends like a failed kubectl: "
        "no hit says nothing.",
        f"kubectl get pod {pod}{in_namespace(call, scene)} -o "
        "jsonpath='{.status.containerStatuses[*].lastState.terminated.reason}'  (OOMKilled)",
    )


@on_call(
    "kubectl-previous-log-needs-container",
    Level.NOTE,
    "Without -c it shows the first container only, and fails where it never restarted.",
    "kubectl",
)
def previous_log(call: Call, scene: Scene) -> Found | None:
    """`logs --previous` without -c."""
    if call.verb != "logs" or not call.has("--previous", "-p") or call.has("--container", "-c", "--all-containers"):
        return None
    return Found(
        "It shows the first container of the pod; one that never restarted has no previous log and gives an error.",
        f"{' '.join(word.source for word in call.words)} --all-containers --prefix",
    )


@on_call(
    "kubectl-describe-nodes-is-no-disk-usage",
    Level.ERROR,
    "'Allocated resources' of a node are requests and limits, not use, and say nothing of the disk.",
    "kubectl",
)
def nodes_and_disk(call: Call, scene: Scene) -> Found | None:
    """`describe nodes` under a caption about disks."""
    if call.verb != "describe" or "node" not in kinds(call) or not scene.says(r"\bdisk|\bstorage\b|\bspace\b"):
        return None
    wanted = " ".join(word.text for each in scene.feeds(call) if each.program in _GREPS for word in each.args).lower()
    if re.search(r"disk|ephemeral|pressure", wanted):
        return None
    return Found(
        "It shows what pods have asked for (CPU and memory), not what a disk holds: a full disk looks fine here.",
        "kubectl get nodes -o custom-columns='NODE:.metadata.name,DISK:.status.conditions"
        '[?(@.type=="DiskPressure")].status\'; bytes: kubectl get --raw /api/v1/nodes/NODE/proxy/stats/summary',
    )


@on_call(
    "kubectl-nodes-show-no-image-pull",
    Level.ERROR,
    "A list of nodes says nothing about pulling images.",
    "kubectl",
)
def nodes_and_pull(call: Call, scene: Scene) -> Found | None:
    """`get nodes` under a caption about pulling images."""
    if call.verb not in ("get", "describe", "top") or "node" not in kinds(call) or not scene.says(r"\bpull"):
        return None
    return Found(
        "A list of nodes does not show whether they can pull an image: the step passes whatever is wrong.",
        f"kubectl get events{in_namespace(call, scene)} --field-selector=reason=Failed, and the pod's "
        ".status.containerStatuses[].state.waiting.reason (ImagePullBackOff)",
    )


@on_call(
    "kubectl-wait-right-after-apply",
    Level.ERROR,
    "kubectl wait sees only pods that exist at that moment: right after apply it fails, or passes with one of three.",
    "kubectl",
)
def wait_after_apply(call: Call, scene: Scene) -> Found | None:
    """`wait ... pod -l` right after an apply."""
    if call.verb != "wait" or "pod" not in kinds(call) or not call.has("--selector", "-l"):
        return None
    earlier = list(calls_of((*scene.before, scene.command), "kubectl", "helm"))
    if call in earlier:
        earlier = earlier[: earlier.index(call)]
    if not earlier or earlier[-1].verb not in ("apply", "create", "replace", "upgrade", "install"):
        return None
    made = f"-f {files(earlier[-1])[0]}" if files(earlier[-1]) else "deployment/NAME"
    return Found(
        "It waits only for pods that exist at that moment: right after apply it fails with 'no matching resources "
        "found', or passes with one of three.",
        f"kubectl rollout status {made}{in_namespace(call, scene)} --timeout={call.flag('--timeout') or '5m'}",
    )


@on_call(
    "kubectl-rollout-status-has-no-deadline",
    Level.NOTE,
    "Without --timeout it waits until the rollout's own deadline, ten minutes by default.",
    "kubectl",
)
def status_without_timeout(call: Call, scene: Scene) -> Found | None:
    """`rollout status` without --timeout."""
    if call.verb != "rollout status" or call.has("--timeout") or call.flag("--watch", "-w") == "false":
        return None
    return Found(
        "A rollout that is stuck holds the terminal for ten minutes.",
        f"{' '.join(word.source for word in call.words)} --timeout=2m",
    )


@on_call(
    "kubectl-get-secrets-hands-out-values",
    Level.NOTE,
    "Who may list secrets is sent the values of all of them.",
    "kubectl",
)
def get_secrets(call: Call, scene: Scene) -> Found | None:
    """`get secrets` as a table; other outputs belong to other rules."""
    if call.verb != "get" or "secret" not in kinds(call) or len(call.args) > 1 or call.flag("--output", "-o"):
        return None
    return Found(
        "The right to list secrets is the right to read every value of the namespace: for a look at names that is "
        "much.",
        f"kubectl describe secret NAME{in_namespace(call, scene)} (names and sizes of one)",
    )


@on_call(
    "kubectl-all-namespaces",
    Level.NOTE,
    "It needs rights over the whole cluster, and is long where the cluster is large.",
    "kubectl",
)
def all_namespaces(call: Call, scene: Scene) -> Found | None:
    """`get -A`."""
    if call.verb != "get" or namespace(call) != "" or call.has("--field-selector", "--selector", "-l"):
        return None
    return Found(
        "It needs rights over the whole cluster, which the person on call may not have, and shows much that is fine.",
        "kubectl get pods -A --field-selector=status.phase!=Running,status.phase!=Succeeded",
    )


@on_call(
    "kubectl-roles-are-half-of-rbac",
    Level.NOTE,
    "Roles and bindings of a namespace are not all of its rights: ClusterRoles and their bindings are left out.",
    "kubectl",
)
def half_of_rbac(call: Call, scene: Scene) -> Found | None:
    """A saved list of roles without the cluster's."""
    has = kinds(call)
    if call.verb != "get" or not has & {"role", "rolebinding"} or not call.flag("--output", "-o"):
        return None
    if has & {"clusterrole", "clusterrolebinding"}:
        return None
    return Found(
        "ClusterRoles and ClusterRoleBindings are not in it, and uid and resourceVersion are: it does not apply "
        "cleanly.",
        "keep the manifests in version control, or use a backup tool (velero backup create); add clusterroles and "
        "clusterrolebindings to this",
    )


RULES = (
    logs_without_pod,
    selector_tail,
    logs_and_oom,
    previous_log,
    nodes_and_disk,
    nodes_and_pull,
    wait_after_apply,
    status_without_timeout,
    get_secrets,
    all_namespaces,
    half_of_rbac,
)
