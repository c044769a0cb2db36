"""Whether the scheduler may put pods on a node: cordon and uncordon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.actions.kube.workload import UID, rehearse
from cockpit.adapters.kube.changing import KubeChange
from cockpit.adapters.kube.fields import conditions, name_of, part, parts, text, uid_of
from cockpit.adapters.kube.tending import cordon, nodes_path, pods_path
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Outcome,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

NODE = Param("node", ParamKind.CHOICE, "the node", identity=True)
CORDON = ActionSpec(
    "cluster.cordon",
    "Cordon node",
    SourceKind.CLUSTER,
    "O",
    Tier.T3,
    "Lets no further pod be put on a node; those that run there go on.",
    (NODE, UID),
    reversible=True,
    short="Cordon",
)
UNCORDON = ActionSpec(
    "cluster.uncordon",
    "Uncordon node",
    SourceKind.CLUSTER,
    "",
    Tier.T2,
    "Lets pods be put on a node again.",
    (NODE, UID),
    reversible=True,
    short="Uncordon",
)
_ITS_OWN = "node.kubernetes.io/unschedulable"  # the taint that says that it is cordoned


class NodeAction(KubeAction):
    """Base of the handlers on one node."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """All nodes."""
        if param != NODE.name:
            return ()
        listed = await self._ground.gateway.listed(nodes_path())
        return [Choice(name_of(each), name_of(each)) for each in sorted(listed.items, key=name_of)]

    async def see(self, request: ActionRequest) -> tuple[Json, list[Refusal]]:
        """The node, and whether it is the one of the row. Raises Refused, NotFound."""
        if not request.get("node"):
            raise Refused("parameters", "no node was named", hint="put the cursor on a node, or name it")
        node = await self._ground.gateway.get(nodes_path(request.get("node")))
        if request.get("uid") not in ("", uid_of(node)):
            reason = f"node/{name_of(node)} was deleted and made again"
            return node, [Refusal("identity", reason, "look at it before acting")]
        return node, []

    def identity(self, node: Json) -> dict[str, str]:
        """What must be the same when it runs."""
        place = self._ground.gateway.place
        return {"context": place.context, "server": place.server, "node": name_of(node), "uid": uid_of(node)}

    async def others(self, node: Json) -> list[str]:
        """A warning where no other node would take pods."""
        try:
            listed = await self._ground.gateway.listed(nodes_path())
        except CockpitError:
            return []
        free = [each for each in listed.items if name_of(each) != name_of(node) and is_free(each)]
        return [] if free else ["no other node is ready and open: pods that are made from now on stay Pending"]


class Cordon(NodeAction):
    """cluster.cordon and cluster.uncordon."""

    def __init__(self, spec: ActionSpec, ground: KubeGround) -> None:
        super().__init__(spec, ground)
        self._closes = spec is CORDON

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact PATCH, rehearsed."""
        node, refusals = await self.see(request)
        ref, closes = f"node/{name_of(node)}", self._closes
        if is_cordoned(node) is closes:
            reason = f"{ref} is {'cordoned' if closes else 'open'} already"
            refusals = [*refusals, Refusal("preconditions", reason, "nothing is to be done")]
        change = cordon(node, wanted=closes)
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(self._ground, change)
            refusals = [*refusals, *refused]
        there = await pods_on(self._ground, name_of(node))
        back = UNCORDON if closes else CORDON
        verb = "cordon" if closes else "uncordon"
        return self.card(
            request,
            title=f"{verb.capitalize()} {ref}",
            target=self._ground.named(ref, ""),
            identity=self.identity(node),
            permission=await preflight(self._ground, (patch_right(node),)),
            undo=Undo(
                f"{back.title.partition(' ')[0].lower()} it again",
                ActionRequest(back.id, request.source, {"node": name_of(node), "uid": uid_of(node)}),
            ),
            refusals=refusals,
            warnings=(*(await self.others(node) if closes else opened(node)),),
            changes=(Change("takes pods", "yes" if closes else "no", "no" if closes else "yes"),),
            objects=(ref,),
            affected="nobody" if there is None else f"nobody now: {len(there)} pods run there and go on",
            operation=change.shown(self._ground.gateway.place.server),
            equivalent=(self._ground.kubectl(verb, name_of(node), namespace=""),),
            dry_run=dry_run,
            basis={"node": node, "change": change},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once."""
        control.progress(0, 1, "waiting for the API server")
        await cast("KubeChange", plan.basis["change"]).send(self._ground.gateway)
        done = "takes no further pods" if self._closes else "takes pods again"
        return RunResult(Outcome.SUCCEEDED, f"node/{plan.identity['node']} {done}", undo=plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """As the API server has it now."""
        return await closed(self._ground, plan, wanted=self._closes)


async def closed(ground: KubeGround, plan: Plan, *, wanted: bool) -> Verification:
    """Whether the node of the plan is as it was wanted."""
    node = await ground.gateway.get(nodes_path(plan.identity["node"]))
    if uid_of(node) != plan.identity["uid"]:
        return Verification(False, f"node/{name_of(node)} was deleted and made again")
    said = f"node/{name_of(node)} {'is cordoned' if is_cordoned(node) else 'takes pods'}"
    return Verification(is_cordoned(node) is wanted, said)


async def pods_on(ground: KubeGround, node: str) -> tuple[Json, ...] | None:
    """Of all namespaces; None where they cannot be seen."""
    try:
        return (await ground.gateway.listed(pods_path(""), {"fieldSelector": f"spec.nodeName={node}"})).items
    except CockpitError:
        return None


def patch_right(node: Json) -> Right:
    """That cordoning needs."""
    return Right("patch", "nodes", name=name_of(node))


def is_cordoned(node: Json) -> bool:
    """No pod is put on it."""
    return part(node, "spec").get("unschedulable") is True


def is_up(node: Json) -> bool:
    """Its kubelet says that it is ready."""
    return conditions(node).get("Ready", {}).get("status") == "True"


def is_free(node: Json) -> bool:
    """It is ready and takes any pod."""
    return is_up(node) and not is_cordoned(node) and not _taints(node)


def opened(node: Json) -> list[str]:
    """What keeps pods away from a node all the same."""
    found = [] if is_up(node) else [f"node/{name_of(node)} is not ready: pods are not put there before it is"]
    return found + [f"its taint {each} still keeps pods away that do not tolerate it" for each in _taints(node)]


def _taints(node: Json) -> list[str]:
    return [
        f"{text(each.get('key'), 253)}:{text(each.get('effect'), 60)}"
        for each in parts(node, "spec", "taints")
        if each.get("key") != _ITS_OWN and each.get("effect") in ("NoSchedule", "NoExecute")
    ]
