"""Ends an isolation: the pods get their labels back, the network policy goes."""

from __future__ import annotations

from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.evict import pod_of
from cockpit.actions.kube.ground import KubeAction, preflight
from cockpit.actions.kube.isolate import one_by_one
from cockpit.actions.kube.workload import rehearse
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.changing import WORKLOADS, KubeChange, workloads_path
from cockpit.adapters.kube.fields import labels_of, name_of, part, uid_of
from cockpit.adapters.kube.tending import (
    ISOLATED,
    label_back,
    labels_before,
    pods_path,
    policies_path,
    policy_deletion,
)
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import Refused
from cockpit.model.action import (
    ActionRequest,
    Change,
    Plan,
    Refusal,
    RunResult,
    Undo,
    Verification,
)


class Rejoin(KubeAction):
    """workloads.rejoin."""

    async def plan(self, request: ActionRequest) -> Plan:
        """Pods, labels that come back, and the policy that goes."""
        ground, place = self._ground, self._ground.gateway.place
        token = await self._token(request)
        chosen = {"labelSelector": f"{ISOLATED}={token}"}
        pods = (await ground.gateway.listed(pods_path(ground.namespace), chosen)).items
        policies = (await ground.gateway.listed(policies_path(ground.namespace), chosen)).items
        labels = {uid_of(each): labels_before(each) for each in pods}
        changes = await self._scaled(request)
        changes += [
            label_back(ground.namespace, each, before)
            for each in pods
            if (before := labels[uid_of(each)]) is not None
        ]
        changes += [policy_deletion(ground.namespace, each) for each in policies]
        unknown = [name_of(each) for each in pods if labels[uid_of(each)] is None]
        refusals: list[Refusal] = []
        if unknown:
            reason = f"nothing says which labels {', '.join(unknown[:5])} had"
            refusals.append(Refusal("preconditions", reason, "the annotation is gone: label it by hand"))
        elif not changes:
            refusals.append(
                Refusal("preconditions", f"nothing is left of isolation {token}", "nothing is to be done")
            )
        dry_run = ""
        for change in changes if not refusals else ():
            dry_run, refused = await rehearse(ground, change)
            refusals += refused
            if refused:
                break
        rights = [Right("patch", "pods", namespace=ground.namespace)] if pods else []
        rights += [Right("delete", "networkpolicies", "networking.k8s.io", "", ground.namespace)] if policies else []
        return self.card(
            request,
            title=f"End isolation {token}",
            target=ground.named(f"isolation {token}"),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": ground.namespace,
                "isolation": token,
            },
            permission=await preflight(ground, rights),
            undo=Undo("isolate the pods anew"),
            refusals=refusals,
            warnings=(
                "its controller takes a pod back where it still wants it; of more pods than it wants it ends one,"
                " which may be this one",
            ),
            changes=tuple(
                Change(f"labels of pod/{name_of(each)}", f"{ISOLATED}={token}", _words(labels[uid_of(each)]))
                for each in pods
            ),
            objects=(
                *(f"pod/{name_of(each)} ({uid_of(each)})" for each in pods),
                *(f"networkpolicy/{name_of(each)}" for each in policies),
            ),
            affected="services choose these pods again",
            operation="\n".join(change.shown(place.server) for change in changes),
            dry_run=dry_run,
            basis={"changes": tuple(changes), "pods": pods, "labels": labels, "token": token},
            deadline_s=30.0 + 3.0 * len(changes),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Replicas, labels, then the policy."""
        changes = cast("tuple[KubeChange, ...]", plan.basis["changes"])
        pods = cast("tuple[Json, ...]", plan.basis["pods"])
        return await one_by_one(
            self._ground, plan, control, changes, f"{len(pods)} pods have their labels back", len(pods)
        )

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Nothing is left of the isolation."""
        chosen = {"labelSelector": f"{ISOLATED}={plan.basis['token']}"}
        left: list[str] = []
        for path in (pods_path(self._ground.namespace), policies_path(self._ground.namespace)):
            left += [name_of(each) for each in (await self._ground.gateway.listed(path, chosen)).items]
        if left:
            return Verification(False, f"still isolated: {', '.join(left[:5])}")
        return Verification(True, "nothing is left of the isolation")

    async def _token(self, request: ActionRequest) -> str:
        if request.get("isolation"):
            return request.get("isolation")
        token = labels_of(await pod_of(self._ground, request.get("pod"))).get(ISOLATED, "")
        if not token:
            raise Refused("preconditions", f"pod/{request.get('pod')} is not isolated", hint="nothing is to be done")
        return token

    async def _scaled(self, request: ActionRequest) -> list[KubeChange]:
        """The number of pods that the workload had, where it was scaled down for it."""
        kind, _, name = request.get("workload").partition("/")
        if kind not in WORKLOADS or not request.get("replicas"):
            return []
        path = workloads_path(kind, self._ground.namespace, name, "scale")
        found = await self._ground.gateway.get(path)
        wanted = int(request.get("replicas"))
        return [] if part(found, "spec").get("replicas", 0) == wanted else [changing.scale(path, found, wanted)]


def _words(labels: dict[str, str] | None) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "none"
