"""kubectl: changes without a check, the wrong target, the way back cut off."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Book, Found, Scene, calls_of, on_call
from cockpit.runbooks.lint.gcloud import rebuilt
from cockpit.runbooks.lint.kube import (
    cluster_wide,
    context_is_set,
    files,
    in_namespace,
    kind_and_names,
    kinds,
    named_later,
    namespace,
    tries_only,
    usual_namespace,
)

_CHANGING = ("delete", "patch", "scale", "edit", "replace", "set image", "set env", "set resources", "autoscale",
             "rollout undo", "rollout restart", "rollout pause", "rollout resume", "label", "annotate", "create",
             "expose", "run")  # fmt: skip
_PLACEHOLDER_TAG = re.compile(
    r"(?i)(?:new|old|prev|previous|your|my|target|image|desired|specific|some)?[-_.]?(?:version|tag|image|sha|release)"
    r"|x+|v?x\.y(?:\.z)?|tbd|todo|placeholder|change-?me"
)
_SECURITY = r"isolat|security|breach|compromis|forensic|suspicious|contain(?!er)|attack|intru"


@on_call(
    "kubectl-no-namespace",
    Level.WARNING,
    "Without -n it changes whatever namespace the context of the person at the keyboard happens to have.",
    "kubectl",
)
def no_namespace(call: Call, scene: Scene) -> Found | None:
    """Changing calls without a namespace, unless the runbook sets the context before."""
    if namespace(call) is not None or context_is_set(scene) or tries_only(call) or call.has("--raw"):
        return None
    if call.verb == "apply":
        return _apply_without_namespace(call, scene)
    if call.verb not in _CHANGING or (files(call) and not call.args):
        return None
    kind, names = kind_and_names(call)
    if cluster_wide(kind) or (not kind and not names):
        return None
    what = f"{kind} {names[0]}" if names else kind
    fixed = f"{_line(call)}{in_namespace(call, scene)}"
    why = f"No -n: it acts on {what} of whatever namespace the context of the person at the keyboard has."
    if usual_namespace(scene.book):
        return Found(why, fixed, Level.ERROR if call.verb == "delete" else None)
    changes = scene.book.once(_changes)  # a runbook that names no namespace anywhere is told once
    more = len(changes) - 1
    others = (
        f" {more} more of this runbook name none either." if more > 1 else " One more names none." if more else ""
    )
    return Found(why + others, fixed) if scene.index == changes[0] else Found(why, fixed, Level.NOTE)


def _changes(book: Book) -> Sequence[int]:
    """Commands that change something in a namespace."""
    found = [index for index, call in book.calls("kubectl") if call.verb in _CHANGING and not tries_only(call)]
    return list(dict.fromkeys(index for index in found if any(map(_in_a_namespace, book.commands[index].calls))))


def _in_a_namespace(call: Call) -> bool:
    kind, names = kind_and_names(call)
    return call.program == "kubectl" and bool(kind or names) and not cluster_wide(kind)


def _apply_without_namespace(call: Call, scene: Scene) -> Found | None:
    if not files(call) or files(call) == ("-",) or call.has("--server-side"):
        return None
    usual = usual_namespace(scene.book)
    return Found(
        "What the file does not say itself goes to the namespace of the present context, and nothing shows the "
        "difference before it is made.",
        f"kubectl diff -f {files(call)[0]} first, then {_line(call)} --server-side"
        + (f" -n {usual}" if usual else ""),
        Level.NOTE,
    )


@on_call(
    "kubectl-undo-names-no-revision",
    Level.WARNING,
    "rollout undo goes to 'the previous' revision, whichever that is: done twice it goes forward again.",
    "kubectl",
)
def undo_without_revision(call: Call, scene: Scene) -> Found | None:
    """`rollout undo` without --to-revision."""
    if call.verb != "rollout undo" or tries_only(call) or call.flag("--to-revision") not in (None, "0"):
        return None
    if not call.args and scene.command.language == "inline":
        return None  # the name of the command in a sentence
    target = " ".join(word.text for word in call.args)
    where = in_namespace(call, scene)
    return Found(
        "It goes to the previous revision, whichever that is. Run twice, or after somebody else ran it, it brings "
        "the bad version back.",
        f"kubectl rollout history {target}{where}, then "
        + rebuilt(call, without=["--to-revision"], added=["--to-revision=GOOD_REVISION"]),
    )


@on_call(
    "kubectl-selector-switch-unchecked",
    Level.WARNING,
    "Switching a Service to pods that are not ready is an outage, and kubectl reports success.",
    "kubectl",
)
def selector_switch(call: Call, scene: Scene) -> Found | None:
    """A patch of a Service's selector without a precondition."""
    if call.verb != "patch" or kind_and_names(call)[0] != "service" or tries_only(call):
        return None
    patch = _patch(call)
    if '"selector"' not in patch or '"test"' in patch:
        return None
    name = next(iter(kind_and_names(call)[1]), "SERVICE")
    label = re.search(r'"selector"\s*:\s*\{\s*"([^"]+)"\s*:\s*"([^"]+)"', patch)
    key, value = (label[1], label[2]) if label else ("LABEL", "NEW")
    where = in_namespace(call, scene)
    return Found(
        f"It moves all traffic at once, ready or not: without a ready pod of {key}={value} the service has no "
        "endpoints, and kubectl still reports success. The old selector is not kept for the way back.",
        f"kubectl rollout status deployment/NEW{where} --timeout=5m && kubectl patch service {name}{where} "
        "--type=json -p "
        f'\'[{{"op":"test","path":"/spec/selector/{key}","value":"OLD"}},'
        f'{{"op":"replace","path":"/spec/selector/{key}","value":"{value}"}}]\'',
    )


@on_call(
    "kubectl-deletes-the-way-back",
    Level.WARNING,
    "Deleting the old Deployment after a switch takes the way back with it, its revision history included.",
    "kubectl",
)
def deletes_way_back(call: Call, scene: Scene) -> Found | None:
    """`delete deployment` in a runbook that switches traffic between Deployments."""
    kind, names = kind_and_names(call)
    if call.verb != "delete" or kind not in ("deployment", "statefulset") or not names or tries_only(call):
        return None
    later = [index for index in scene.book.once(named_later).get((kind, names), []) if index != scene.index]
    switches = scene.book.once(_switches)
    if not switches and not later:
        return None
    more = f" {len(later)} other commands of this runbook name {names[0]}." if later else ""
    return Found(
        f"After this the switch cannot be taken back: {names[0]} and its revision history are gone.{more}",
        f"kubectl scale {kind} {names[0]} --replicas=0{in_namespace(call, scene)}, and delete it after a soak time",
    )


@on_call(
    "kubectl-deletes-live-certificate",
    Level.ERROR,
    "The live certificate is gone before there is a new one, which comes only if a Certificate object names the "
    "secret.",
    "kubectl",
)
def deletes_certificate(call: Call, scene: Scene) -> Found | None:
    """`delete secret` of a TLS secret."""
    kind, names = kind_and_names(call)
    if call.verb != "delete" or kind != "secret" or tries_only(call):
        return None
    name = next(
        (each for each in names if re.search(r"(?:^|[-_.])(?:tls|certs?|ssl|certificate)(?:$|[-_.])", each)), ""
    )
    if not name:
        return None
    where = in_namespace(call, scene)
    return Found(
        "It takes the live certificate away first. The ingress serves its default one until a new one is issued, "
        f"which happens only if a Certificate names {name}; repeated, it meets the issuer's rate limit.",
        f"cmctl renew CERTIFICATE{where}, then kubectl get certificate{where}",
    )


@on_call(
    "kubectl-placeholder-tag",
    Level.WARNING,
    "The tag looks like a placeholder: it does not pull, and a mutable tag says nothing about what runs.",
    "kubectl",
)
def placeholder_tag(call: Call, scene: Scene) -> Found | None:
    """`set image` with a tag that stands for one."""
    if call.verb != "set image" or tries_only(call):
        return None
    for word in call.args[1:]:
        container, _, image = word.text.partition("=")
        tag = image.rpartition(":")[2] if ":" in image else ""
        if image and tag and not word.placeholders and (_PLACEHOLDER_TAG.fullmatch(tag) or tag == "latest"):
            base = image.removesuffix(f":{tag}")
            named = (
                "moves: nobody can tell what runs, and where it is set already nothing is rolled out."
                if tag == "latest"
                else "is a placeholder that looks like a tag. Copied as it stands, the rollout waits for an image "
                "that may not exist."
            )
            return Found(
                f"{tag!r} {named}",
                f"{call.words[0].text} set image {call.args[0].text} "
                f"{container}={base}@sha256:DIGEST{in_namespace(call, scene)}",
            )
    return None


@on_call(
    "kubectl-scale-and-autoscaler",
    Level.NOTE,
    "A HorizontalPodAutoscaler takes a manual number of replicas back within seconds.",
    "kubectl",
)
def scale(call: Call, scene: Scene) -> Found | None:
    """`scale` without a precondition; worse where the runbook says there is an autoscaler."""
    replicas = call.flag("--replicas")
    if call.verb != "scale" or replicas in (None, "0") or call.has("--current-replicas") or tries_only(call):
        return None
    kind, names = kind_and_names(call)
    name = names[0] if names else kind
    where = in_namespace(call, scene)
    stopped = any(
        each.flag("--replicas") == "0" and kind_and_names(each) == (kind, names)
        for each in calls_of(scene.before, "kubectl")
    )
    if stopped:
        return None  # started again: an autoscaler rests at 0
    owned = scene.book.once(_autoscaled)
    if owned:
        return Found(
            "An autoscaler owns the replicas here: within seconds it sets the number that it thinks right, and "
            f"{replicas} is gone.",
            f"kubectl get hpa{where}, then of the one for {name}: kubectl patch hpa NAME{where} -p "
            f'\'{{"spec":{{"minReplicas":{replicas}}}}}\'',
            Level.WARNING,
        )
    return Found(
        "An autoscaler, if there is one, takes this back; more pods that crash are no help, and each takes "
        "database connections.",
        f"kubectl get hpa,pods{where} first, then {_line(call)} --current-replicas=OLD",
    )


@on_call(
    "kubectl-scale-to-zero-loses-evidence",
    Level.ERROR,
    "Scaling to 0 is no isolation: it ends the suspected processes and takes memory, files and logs with them.",
    "kubectl",
)
def scale_to_zero(call: Call, scene: Scene) -> Found | None:
    """`scale --replicas=0` in a security incident."""
    if call.verb != "scale" or call.flag("--replicas") != "0" or not scene.stands_under(_SECURITY):
        return None
    where = in_namespace(call, scene)
    return Found(
        "It ends the suspected processes: memory, files and logs, the evidence, are lost with the pods. It also "
        "takes the service down and switches its autoscaler off.",
        f"kubectl label pod POD{where} app=quarantine --overwrite (out of the service), a NetworkPolicy that denies "
        "all to that label, kubectl cordon NODE; then copy what is needed",
    )


@on_call(
    "kubectl-restart-before-secret-arrives",
    Level.WARNING,
    "A restart right after a new secret version brings pods up with the old one until the secret is synchronised.",
    "kubectl",
)
def restart_before_sync(call: Call, scene: Scene) -> Found | None:
    """`rollout restart` after a change of a secret elsewhere, in the same section."""
    if call.verb != "rollout restart":
        return None
    earlier = calls_of((*scene.before, scene.command), "gcloud", "aws", "vault", "az")
    rotated = any("secret" in f"{each.verb} {each.program}" or each.verb.startswith("kv") for each in earlier)
    waits = any(
        each.verb in ("wait", "annotate", "get") and kinds(each) & {"externalsecret", "secret", "es"}
        for each in calls_of(scene.before, "kubectl")
    )
    if not rotated or waits:
        return None
    where = in_namespace(call, scene)
    return Found(
        "The cluster copies the secret at its own interval, up to an hour: pods restarted now come up with the old "
        "one. And the leaked version still works until it is disabled.",
        f"kubectl annotate externalsecret NAME{where} force-sync=$(date +%s) --overwrite, kubectl wait "
        f"--for=condition=Ready externalsecret/NAME{where}, then {_line(call)}; disable the old version last",
    )


@on_call(
    "kubectl-restart-takes-capacity",
    Level.NOTE,
    "A restart replaces pods in steps and does not ask disruption budgets: it takes capacity away in an incident.",
    "kubectl",
)
def restart_takes_capacity(call: Call, scene: Scene) -> Found | None:
    """`rollout restart` that is not followed by a look at the rollout."""
    if call.verb != "rollout restart" or tries_only(call):
        return None
    if any(each.verb == "rollout status" for each in calls_of((scene.command, *scene.after), "kubectl")):
        return None
    target = " ".join(word.text for word in call.args)
    return Found(
        "It takes up to a quarter of the pods away while it goes on, and nothing here waits for its end.",
        f"{_line(call)} && kubectl rollout status {target}{in_namespace(call, scene)} --timeout=5m",
    )


@on_call(
    "kubectl-config-change-reaches-nothing",
    Level.ERROR,
    "Running pods do not see a changed ConfigMap that they read as environment variables until they restart.",
    "kubectl",
)
def config_without_restart(call: Call, scene: Scene) -> Found | None:
    """A change of a ConfigMap or Secret that no restart follows in its section."""
    if (
        call.verb not in ("patch", "edit")
        or kind_and_names(call)[0] not in ("configmap", "secret")
        or tries_only(call)
    ):
        return None
    kind, names = kind_and_names(call)
    name = names[0] if names else kind
    where = in_namespace(call, scene)
    restarts = any(
        each.verb in ("rollout restart", "delete", "set env", "apply") for each in calls_of(scene.after, "kubectl")
    )
    if restarts:
        return Found(
            "The old value is written down nowhere, and the section has no step that sets it back.",
            f"kubectl get {kind} {name}{where} -o yaml > {name}-before.yaml first, and a last step that restores it",
            Level.NOTE,
        )
    return Found(
        f"Nothing restarts after it: pods that read {name} as environment variables go on as before, so what the "
        "next step relies on is not in effect.",
        f"{_line(call)} && kubectl rollout restart deployment/NAME{where} && kubectl rollout status "
        f"deployment/NAME{where} --timeout=5m; then ask the service, and set it back afterwards",
    )


def _switches(book: Book) -> bool:
    """The runbook moves a Service from one Deployment to another."""
    return any(each.verb == "patch" and '"selector"' in _patch(each) for _, each in book.calls("kubectl"))


def _autoscaled(book: Book) -> bool:
    """The runbook says that there is an autoscaler, in words or by a command about a certain one."""
    said = any(
        re.search(r"\bhpa\b|horizontal ?pod ?autoscal", text) and not re.search(r"\b(?:no|none|not|without)\b", text)
        for text in book.spoken.split("\n")
    )
    return said or any(
        each.verb == "autoscale" or (kind_and_names(each)[0] == "horizontalpodautoscaler" and kind_and_names(each)[1])
        for _, each in book.calls("kubectl")
    )


def _patch(call: Call) -> str:
    """The text of a patch: of --patch, or what stands behind -p."""
    return call.flag("--patch", "-p") or next((word.text for word in call.args if word.text[:1] in "{["), "")


def _line(call: Call) -> str:
    return " ".join(" ".join(word.source for word in call.words).replace("\\\n", " ").split())


RULES = (
    no_namespace,
    undo_without_revision,
    selector_switch,
    deletes_way_back,
    deletes_certificate,
    placeholder_tag,
    scale,
    scale_to_zero,
    restart_before_sync,
    restart_takes_capacity,
    config_without_restart,
)
