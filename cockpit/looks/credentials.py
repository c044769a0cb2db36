"""A look at a GKE cluster: what gcloud would write of it into the kubeconfig, and whether the profile has it already.

Nothing is written, and no current context is switched: the cockpit keeps the one that it began with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit

from cockpit.adapters.gcp.commandline import cloud_call
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.looks.bound import BoundLook
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.estate import GkeCluster
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.severity import Severity, SourceKind

CREDENTIALS = LookSpec(
    "cluster.credentials",
    "Cluster behind the context",
    SourceKind.CLUSTER,
    "What gcloud would write of a GKE cluster into the kubeconfig, and whether the context is that cluster.",
    (
        Param("cluster", ParamKind.TEXT, "its name"),
        Param("location", ParamKind.TEXT, "its region or zone; else that of the context's name", required=False),
        Param("project", ParamKind.TEXT, "its project; else that of the context's name", required=False),
    ),
    live=False,
)
SPECS = (CREDENTIALS,)
_DIFFERS = (
    "The kubeconfig stays as it is and no current context is switched: it shows what gcloud would write, and whether"
    " the profile's context is that cluster."
)
_GKE = re.compile(r"gke_([^_]+)_([^_]+)_(.+)")
_PLACES = ("--region", "--zone", "--location")


def _asked(call: Call) -> Intent | None:
    """gcloud container clusters get-credentials NAME."""
    quiet = frozenset(("--internal-ip", "--dns-endpoint"))
    found = cloud_call(call, "container clusters get-credentials", "", {}, quiet)
    if found is None or len(found.given) != 1 or set(found.options) - {"--project", *_PLACES}:
        return None
    place = next((found.options[each] for each in _PLACES if each in found.options), "")
    params: dict[str, str] = {}
    asks: dict[str, Placeholder] = {}
    wanted = {"cluster": found.given[0], "location": place, "project": found.options.get("--project", "")}
    for name, text in wanted.items():
        value = found.value(text)
        if isinstance(value, Placeholder):
            asks[name] = value
        elif value:
            params[name] = value
    return Intent(CREDENTIALS.id, SourceKind.CLUSTER, {}, params, asks, _DIFFERS)


REPLACES = (Replacement(CREDENTIALS.id, "gcloud", Tier.T0, _asked, instead=True),)


class Placed(Protocol):
    """Where the profile's cluster is."""

    @property
    def context(self) -> str:
        """Its name in the kubeconfig."""

    @property
    def server(self) -> str:
        """https://host:port"""

    @property
    def authority(self) -> str:
        """PEM; "" where this machine's own authorities are trusted."""


class CredentialsLook(BoundLook):
    """cluster.credentials. `asked` gets project, location and name of a cluster."""

    def __init__(
        self,
        source: str,
        place: Callable[[], Placed],
        asked: Callable[[str, str, str], Awaitable[GkeCluster]],
        clock: Clock,
    ) -> None:
        super().__init__(CREDENTIALS, source)
        self._place = place
        self._asked = asked
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Asks. Raises CockpitError; Refused where neither command nor context says where the cluster is."""
        place = self._place()
        named = _GKE.fullmatch(place.context)
        project = request.get("project") or (named[1] if named else "")
        location = request.get("location") or (named[2] if named else "")
        if not project or not location:
            missing = "project" if not project else "location"
            hint = f"context {place.context} does not say it either: name it in the command"
            raise Refused("parameters", f"{missing} of the cluster is needed", hint=hint)
        found = await self._asked(project, location, request.get("cluster"))
        severity, said = _judged(place, found)
        lines = (
            f"gcloud would write: context {found.context}, server https://{_first(found)}",
            f"its authority: {_print(found.authority)}",
            f"this profile: context {place.context}, server {place.server}",
            f"its authority: {_print(place.authority)}",
            f"cluster: {found.state}, {found.version}{f', {found.said}' if found.said else ''}",
        )
        if found.state not in ("RUNNING", "RECONCILING"):
            severity, said = max(severity, Severity.WARN), f"{said}; the cluster is {found.state}"
        return Sight(severity, said, self._clock.now(), lines)


def _judged(place: Placed, found: GkeCluster) -> tuple[Severity, str]:
    """A cluster has an authority of its own, so that tells it whatever the way there (a proxy, a tunnel)."""
    same_place = (urlsplit(place.server).hostname or "") in found.addresses
    same_authority = bool(found.authority) and found.authority.split() == place.authority.split()
    if same_authority:
        way = "" if same_place else f", reached at {place.server}"
        return Severity.OK, f"context {place.context} is {found.context}{way}: nothing has to be written"
    if same_place and not place.authority:
        return Severity.OK, f"context {place.context} is {found.context} by its address: nothing has to be written"
    if same_place:
        said = f"context {place.context} has the address of {found.context}, and another authority than it has now"
        return Severity.WARN, f"{said}: after a rotation the kubeconfig has to be written again"
    return Severity.WARN, f"context {place.context} is another cluster than {found.context}"


def _first(found: GkeCluster) -> str:
    return found.addresses[0] if found.addresses else "(it has no address yet)"


def _print(pem: str) -> str:
    digest = hashlib.sha256("".join(pem.split()).encode()).hexdigest()[:16]
    return f"sha256 of its PEM {digest}" if pem else "none: those that this machine trusts"
