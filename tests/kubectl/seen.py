"""What kubectl shows once the cockpit has done it, in the words of the recording."""

from __future__ import annotations

from collections.abc import Mapping

NOBODY = "No resources found"
IMAGE = "-o jsonpath={.spec.template.spec.containers[0].image}"
# The command -> what is asked, and a pattern of what is answered, errors among it.
SEEN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cordon": (("get node node-1", "Ready,SchedulingDisabled"),),
    "uncordon": (("get node node-1", r"Ready\s"),),
    "drain": (
        ("get node node-1", "Ready,SchedulingDisabled"),
        ("get pods -n shop -l app=guest --field-selector=spec.nodeName=node-1", NOBODY),
    ),
    "evict": (("get pod web-blue-5c8b7d6f94-w94hf -n shop", "NotFound"), ("get deployment web-blue -n shop", "3/3")),
    "clear-evicted": (("get pods -n shop --field-selector=status.phase=Failed", NOBODY),),
    "isolate": (
        (
            "get pods -n shop -l cockpit/isolated --show-labels",
            r"94-vtn6s .*\scockpit/isolated=\w+\n",
        ),
        ("get pods -n shop -l version=blue -o name", r"(pod/web-blue\S+\n){3}$"),
        ("describe networkpolicy -n shop", r"(?s)cockpit/isolated=.*isolated for ingress.*isolated for egress"),
    ),
    "configmap-level": (("get configmap web-settings -n shop -o jsonpath={.data}", r'"LOG_LEVEL":"DEBUG"'),),
    "configmap-maintenance": (("get configmap web-settings -n shop -o jsonpath={.data}", '_MODE":"true"'),),
    "delete-blue": (
        ("get deployment web-blue -n shop", "NotFound"),
        ("get replicasets,pods -n shop -l version=blue", NOBODY),
    ),
    "delete-namespace": (("get namespace shop", "Active"), ("get deployments -n shop", "web-blue .*3/3")),
    "delete-secret": (
        ("get certificate web -o jsonpath={.status.revision}", "2"),
        ("get secret web-tls", "kubernetes.io/tls"),
    ),
    "switch": (("get service web -n shop -o jsonpath={.spec.selector}", '"version":"green"'),),
    "image-tag": ((f"get deployment web-blue -n shop {IMAGE}", "storefront:v3"),),
    "undo": ((f"get deployment web-blue -n shop {IMAGE}", "storefront:v1"),),
    "undo-to-1": (("rollout history deployment/web-blue -n shop --revision=3", "storefront:v1"),),
    "restart": (("rollout status deployment/web-blue -n shop", "successfully rolled out"),),
    "scale-up": (("get deployment web-blue -n shop", "5/5"),),
    "scale-to-none": (("get deployment web-blue -n shop", "0/0"), ("get pods -n shop -l version=blue", NOBODY)),
    "pause": (("get deployment web-blue -n shop -o jsonpath={.spec.paused}", "true"),),
    "resume": (("rollout status deployment/web-blue -n shop", "successfully rolled out"),),
}
