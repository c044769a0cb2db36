"""From where Cloud Run lets requests in: everywhere, its load balancer, or inside the network only."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.actions.handler import ActionHandler
from cockpit.actions.reshape import Aim, ServiceReshape, already
from cockpit.actions.service import IDENTITY, Ground
from cockpit.actions.traffic import gcloud_update
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Param,
    ParamKind,
    Plan,
    Refusal,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.revisions import INGRESS, IngressChange, ServiceStatus
from cockpit.model.severity import SourceKind

CHANGE_INGRESS = ActionSpec(
    "revisions.ingress",
    "Change ingress",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Says from where requests are let in, at once and without a new revision; T3 where it cuts somebody off.",
    (
        Param("ingress", ParamKind.CHOICE, ", ".join(INGRESS)),
        Param("expect", ParamKind.TEXT, "what must be set now, empty for any", False, identity=True),
        *IDENTITY,
    ),
    scope=Scope.SOURCE,
    reversible=True,
)
SPECS = (CHANGE_INGRESS,)
_MEANING = {
    "all": "everybody, as far as IAM lets them",
    "internal": "this project's network, not the public and not its load balancer",
    "internal-and-cloud-load-balancing": "the external load balancer and this project's network, not the run.app URL",
}
_OPENNESS = {"internal": 0, "internal-and-cloud-load-balancing": 1, "all": 2}


class Ingress(ServiceReshape):
    """revisions.ingress."""

    WHAT = "ingress"

    async def choices(self, param: str) -> Sequence[Choice]:
        """The settings that there are."""
        return [Choice(word, f"{word}: {_MEANING[word]}") for word in INGRESS] if param == "ingress" else ()

    def aim(self, request: ActionRequest, status: ServiceStatus) -> Aim:
        """The setting as asked for."""
        wanted, current, expected = request.get("ingress"), status.ingress, request.get("expect")
        title = f"Let in requests to {status.service} from: {wanted}"
        tier = Tier.T3 if _OPENNESS.get(wanted, 0) < _OPENNESS.get(current, 2) else None
        if wanted not in INGRESS:
            reason = f"there is no ingress {wanted!r}"
            return Aim(None, title, (Refusal("parameters", reason, f"one of {', '.join(INGRESS)}"),), tier=tier)
        refusals: tuple[Refusal, ...] = ()
        if expected and expected != current:
            refusals = (Refusal("preconditions", f"the ingress was changed since: {current}", "plan it anew"),)
        elif wanted == current:
            refusals = already()
        warnings: list[str] = []
        if tier is not None:
            reach = "the public cannot reach it at all" if wanted == "internal" else "only through its load balancer"
            warnings.append(f"{status.uri or 'its run.app URL'} answers 404 from outside: {reach}")
            warnings.append("a health check of this cockpit that goes to that URL will fail, too")
        return Aim(
            IngressChange(wanted),
            title,
            refusals,
            tuple(warnings),
            (Change("requests are let in from", current or "unknown", wanted),),
            f"who calls {status.service}: afterwards {_MEANING[wanted]}",
            (gcloud_update(status, f"--ingress={wanted}"),),
            _undo(request, current, wanted),
            tier,
        )

    def seen(self, plan: Plan, status: ServiceStatus) -> Verification:
        """Whether the service says so."""
        return Verification(
            status.ingress == plan.request.get("ingress"),
            f"{status.service} lets in requests from: {status.ingress or 'unknown'}",
        )


def _undo(request: ActionRequest, former: str, after: str) -> Undo:
    if not former:
        return Undo("cannot be undone: what was set before is not known")
    params = {"ingress": former, "expect": after}
    return Undo(f"let in requests from {former} again", ActionRequest(CHANGE_INGRESS.id, request.source, params))


def handlers(ground: Ground) -> list[ActionHandler]:
    """The action on one service."""
    return [Ingress(CHANGE_INGRESS, ground)]
