"""Deleting a namespace: listed so that whoever looks for it finds out why it is never done from here, and what is."""

from __future__ import annotations

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import KubeAction
from cockpit.errors import Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Grant,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

DELETE_NAMESPACE = ActionSpec(
    "cluster.delete_namespace",
    "Delete namespace",
    SourceKind.CLUSTER,
    "",
    Tier.T4,
    "Always refused: there is no way back from it. It says what to do instead.",
    (Param("namespace", ParamKind.TEXT, "which one, empty for that of the profile", False),),
    scope=Scope.SOURCE,
)
WHY = (
    "everything in it goes at once and for good: volumes and their data, load balancer addresses, secrets,"
    " certificates, and every revision to roll back to"
)
AFTERWARDS = (
    "A file of kubectl get all does not bring it back: it holds no namespace, so each object of it is refused, and"
    " with the namespace made by hand it still lacks volumes, rights, quotas and custom resources, and ReplicaSets"
    " and ConfigMaps come into conflict."
)
_INSTEAD = (
    "Back it up first (cluster.backup: all that the API lists, ready to be applied). Then delete workloads one by one"
    " (workloads.delete), or restore what is broken into the namespace as it stands"
)


class DeleteNamespace(KubeAction):
    """cluster.delete_namespace."""

    async def plan(self, request: ActionRequest) -> Plan:
        """Nothing but the refusal."""
        name = request.get("namespace") or self._ground.namespace
        return self.card(
            request,
            title=f"Delete namespace {name}",
            target=self._ground.named(f"namespace {name}", ""),
            identity={"context": self._ground.gateway.place.context, "namespace": name},
            permission=Permission(Grant.UNKNOWN, "delete namespaces", "it is not asked for"),
            undo=Undo("cannot be undone"),
            refusals=[Refusal("policy", WHY, _INSTEAD)],
            warnings=(AFTERWARDS,),
            affected=f"everybody who uses anything in {name}",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Never."""
        raise Refused("policy", WHY, hint=_INSTEAD)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Nothing happened."""
        return Verification(None, "nothing was done")
