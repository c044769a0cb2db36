"""Looks at the cluster around a namespace, all from its last reading: nodes, events, secrets by metadata ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cockpit.adapters.kube.commandline import KubeCall, kube_call, singular
from cockpit.errors import NotFound, Unreachable
from cockpit.looks.bound import BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.cluster import ClusterStatus
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.severity import SourceKind
from cockpit.text import counted

_PANE = SourceKind.CLUSTER
_NAME = (Param("name", ParamKind.TEXT, "only this one", required=False),)
INFO = LookSpec("cluster.info", "Cluster", _PANE, "Context, API server, version and user, and how the nodes are.")
NODES = LookSpec("cluster.nodes", "Nodes", _PANE, "Ready, pressure, cordoned, what is used and asked for.", _NAME)
EVENTS = LookSpec(
    "cluster.events", "Events", _PANE, "Events of the namespace, siblings taken together, newest first."
)
SECRETS = LookSpec("cluster.secrets", "Secrets", _PANE, "Names and ages; values and keys are never asked for.")
EXTERNAL = LookSpec("cluster.external", "External secrets", _PANE, "Synced or not, when, from where.", _NAME)
CONFIG = LookSpec("cluster.configmaps", "ConfigMaps", _PANE, "Their keys, the last change, who reads them.")
INGRESS = LookSpec("cluster.ingresses", "Ingresses", _PANE, "Hosts, addresses, services.")
CERTIFICATES = LookSpec("cluster.certificates", "Certificates", _PANE, "Ready, and until when.", _NAME)
SPECS = (INFO, NODES, EVENTS, SECRETS, EXTERNAL, CONFIG, INGRESS, CERTIFICATES)

_KINDS = {
    "node": NODES.id,
    "event": EVENTS.id,
    "secret": SECRETS.id,
    "externalsecret": EXTERNAL.id,
    "configmap": CONFIG.id,
    "ingress": INGRESS.id,
    "certificate": CERTIFICATES.id,
}
_NAMED = (NODES.id, EXTERNAL.id, CERTIFICATES.id)
_NO_VALUES = "It shows names, ages and owners; values and key names are never asked for."
_NO_DISKS = (
    "It shows what pods ask of CPU and memory and what is used; how full disks are, only a node's pressure says."
)
_ALL_NODES = "All nodes of the cluster are shown."
_WHOLE = "The whole list is shown: selectors and sorting are not applied."
_GROUPED = "Events that say the same of siblings are one line, newest first."


def _got(call: Call) -> Intent | None:
    """kubectl get KIND [NAME]."""
    found = kube_call(call, "get")
    if found is None or found.given or found.everywhere or found.kind not in _KINDS:
        return None
    if set(found.options) - {"--field-selector", "--selector", "-l", "--types"} or _shows_values(call, found):
        return None
    look = _KINDS[found.kind]
    if found.names and look not in _NAMED:
        return None
    differs = _NO_VALUES if look == SECRETS.id else _GROUPED if look == EVENTS.id else ""
    return _intent(found, look, differs or (_WHOLE if found.options else ""))


def _shows_values(call: Call, found: KubeCall) -> bool:
    """`-o yaml` of what has values: the question is another one."""
    form = call.flag("-o", "--output")
    return form is not None and not form.startswith(("wide", "name")) and found.kind in ("secret", "configmap")


def _events(call: Call) -> Intent | None:
    """kubectl events."""
    found = kube_call(call, "events", objects=False)
    if found is None or found.given or found.everywhere or set(found.options) - {"--types"}:
        return None
    return _intent(found, EVENTS.id, _GROUPED)


def _described(call: Call) -> Intent | None:
    """kubectl describe node|externalsecret|certificate [NAME]."""
    found = kube_call(call, "describe")
    if found is None or found.given or found.options or found.everywhere or len(found.names) > 1:
        return None
    look = _KINDS.get(found.kind, "")
    if look not in _NAMED:
        return None
    return _intent(found, look, _NO_DISKS if look == NODES.id else "")


def _topped(call: Call) -> Intent | None:
    """kubectl top nodes [NAME]."""
    found = kube_call(call, "top node", objects=False) or kube_call(call, "top nodes", objects=False)
    if found is None:
        found = kube_call(call, "top")
        if found is None or found.kind != "node":
            return None
    if set(found.options) - {"--selector", "-l", "--show-capacity"}:
        return None
    return Intent(NODES.id, _PANE, found.target, differs=_ALL_NODES if found.given or found.names else "")


def _informed(call: Call) -> Intent | None:
    """kubectl cluster-info."""
    found = kube_call(call, "cluster-info", objects=False)
    if found is None or found.given or found.options:
        return None
    return Intent(INFO.id, _PANE, found.target, differs="It shows no addresses of add-ons.")


def _intent(found: KubeCall, look: str, differs: str) -> Intent:
    name = found.value(found.name) if found.name and look in _NAMED else ""
    params = {"name": name} if isinstance(name, str) and name else {}
    asks = {"name": name} if isinstance(name, Placeholder) else {}
    return Intent(look, _PANE, found.target, params, asks, differs)


def _only(look: str, understand: Callable[[Call], Intent | None]) -> Callable[[Call], Intent | None]:
    def named(call: Call) -> Intent | None:
        found = understand(call)
        return found if found is not None and found.name == look else None

    return named


REPLACES = (
    *(Replacement(look, "kubectl", Tier.T0, _only(look, _got)) for look in _KINDS.values()),
    *(Replacement(look, "kubectl", Tier.T0, _only(look, _described)) for look in _NAMED),
    Replacement(EVENTS.id, "kubectl", Tier.T0, _events),
    Replacement(NODES.id, "kubectl", Tier.T0, _topped),
    Replacement(INFO.id, "kubectl", Tier.T0, _informed),
)


def lookers(source_id: str, state_of: StateOf) -> list[Looker]:
    """All for one source."""
    return [ClusterLook(spec, source_id, state_of) for spec in SPECS]


class ClusterLook(BoundLook):
    """One of them: lines of the last reading."""

    def __init__(self, spec: LookSpec, source: str, state_of: StateOf) -> None:
        super().__init__(spec, source)
        self._state_of = state_of

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading, NotFound for a name that the cluster does not have."""
        reading, notes = reading_of(self._source, self._state_of)
        status = reading.payload
        if not isinstance(status, ClusterStatus):
            raise Unreachable(f"{self._source} has no reading of a cluster")
        place = f"context {status.context}, namespace {status.namespace}, as of {reading.taken_at:%H:%M:%S} UTC"
        lines = _LINES[self._spec.id](status)
        if name := request.get("name"):
            lines = [line for line in lines if line.partition(" ")[0].rstrip(":") == name]
            if not lines:
                raise NotFound(f"{self._spec.title.lower()} of {place}: there is none named {name}")
        empty = [] if lines else [f"none: {_why(self._spec.id, status)}"]
        return sight_of(reading, (*notes, *status.stale), [*lines, *empty, place, *status.notes])


def _why(look: str, status: ClusterStatus) -> str:
    kinds = {name: kind for kind, name in _KINDS.items()}
    told = [note for note in status.notes if singular(note.partition(":")[0]) == kinds.get(look)]
    if told:
        return told[0]
    if (look == EXTERNAL.id and status.external_secrets is None) or (
        look == CERTIFICATES.id and status.certificates is None
    ):
        return "this cluster does not have them"
    return "the namespace has none"


def _info(status: ClusterStatus) -> list[str]:
    ready = sum(node.ready for node in status.nodes)
    return [f"{status.server}, {status.version}, as {status.user}", f"{ready} of {len(status.nodes)} nodes ready"]


def _nodes(status: ClusterStatus) -> list[str]:
    lines: list[str] = []
    for node in status.nodes:
        use = node.usage
        parts = ["ready" if node.ready else "NOT READY", node.said]
        parts += [f"{word} {100 * value / most:.0f} %" for word, value, most in (
            ("CPU used", use.cpu, use.cpu_limit), ("asked", use.cpu_request, use.cpu_limit),
            ("memory used", use.memory, use.memory_limit), ("asked", use.memory_request, use.memory_limit),
        ) if value is not None and most]  # fmt: skip
        parts += [f"{counted(node.pods, 'pod')}" if node.pods else "", node.version, *node.taints]
        lines.append(f"{node.name}: {', '.join(filter(None, parts))}")
    return lines + ([status.metrics] if status.metrics else [])


def _event_lines(status: ClusterStatus) -> list[str]:
    return [
        f"{each.last:%H:%M:%S} UTC  {'Warning' if each.warning else 'Normal'}  {each.count}x  {each.reason}"
        f"  {each.about}: {each.said}"
        for each in status.events
    ]


def _external(status: ClusterStatus) -> list[str]:
    return [
        f"{each.name} {'synced' if each.synced else f'NOT SYNCED: {each.said}'}, refreshed "
        f"{f'{each.refreshed:%Y-%m-%d %H:%M:%S} UTC' if each.refreshed else 'never'}, from {each.store}"
        for each in status.external_secrets or ()
    ]


def _secrets(status: ClusterStatus) -> list[str]:
    return [
        f"{each.name} since {each.created:%Y-%m-%d %H:%M} UTC{f', of {each.owner}' if each.owner else ''}"
        for each in status.secrets
    ]


def _configmaps(status: ClusterStatus) -> list[str]:
    lines: list[str] = []
    for each in status.configmaps:
        changed = f"changed {each.changed:%Y-%m-%d %H:%M} UTC by {each.changed_by}" if each.changed else ""
        readers = f"read by {', '.join(each.readers)}" if each.readers else ""
        lines.append("; ".join(filter(None, (f"{each.name}: {', '.join(each.keys)}", changed, readers, *each.diff))))
    return lines


def _ingresses(status: ClusterStatus) -> list[str]:
    return [
        f"{each.name}: {', '.join(each.hosts)} at {each.address or each.said}, to {', '.join(each.services)}"
        for each in status.ingresses
    ]


def _certificates(status: ClusterStatus) -> list[str]:
    return [
        f"{each.name} {'ready' if each.ready else f'NOT READY: {each.said}'}, until "
        f"{f'{each.expires:%Y-%m-%d} UTC' if each.expires else 'unknown'}, by {each.issuer}"
        for each in status.certificates or ()
    ]


_LINES: Mapping[str, Callable[[ClusterStatus], Sequence[str]]] = {
    INFO.id: _info,
    NODES.id: _nodes,
    EVENTS.id: _event_lines,
    SECRETS.id: _secrets,
    EXTERNAL.id: _external,
    CONFIG.id: _configmaps,
    INGRESS.id: _ingresses,
    CERTIFICATES.id: _certificates,
}
