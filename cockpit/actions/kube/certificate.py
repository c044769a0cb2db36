"""Has cert-manager issue a certificate again, and follows it; the one in use stays until there is another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import KubeAction, preflight
from cockpit.actions.kube.workload import UID, rehearse
from cockpit.adapters.kube import operators
from cockpit.adapters.kube.changing import KubeChange
from cockpit.adapters.kube.extras import certificate
from cockpit.adapters.kube.fields import conditions, moment, name_of, part, uid_of
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import CockpitError, NotFound, PermissionDenied, Refused
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

RENEW = ActionSpec(
    "cluster.renew",
    "Renew certificate",
    SourceKind.CLUSTER,
    "R",
    Tier.T3,
    "Has cert-manager issue a certificate again, and waits for it; the one in use stays until then.",
    (
        Param("certificate", ParamKind.CHOICE, "the Certificate of cert-manager", False, identity=True),
        Param("secret", ParamKind.TEXT, "instead: the secret that it keeps", False),
        UID,
        Param("at", ParamKind.TEXT, "the moment that it is asked for, set when it is planned", False, identity=True),
    ),
)
_FOLLOW_S = 300.0
_AGAIN_S = 1.0


class Renew(KubeAction):
    """cluster.renew."""

    DEADLINE_S = _FOLLOW_S + 20.0

    async def choices(self, param: str) -> Sequence[Choice]:
        """The certificates, and how long each is valid."""
        if param != "certificate":
            return ()
        found = [certificate(each) for each in (await self._ground.gateway.listed(await self._path())).items]
        return [
            Choice(each.name, f"{each.name}, until {each.expires:%Y-%m-%d}" if each.expires else each.name)
            for each in sorted(found, key=lambda one: one.name)
        ]

    async def plan(self, request: ActionRequest) -> Plan:
        """What is valid now, and the exact condition that is set."""
        ground, name = self._ground, request.get("certificate") or await self._keeping(request.get("secret"))
        path = await self._path(name)
        obj = await ground.gateway.get(path)
        known = certificate(obj)
        at = request.get("at") or f"{ground.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        right = Right("patch", "certificates", operators.CERT_MANAGER, "status", ground.namespace, name)
        permission = await preflight(ground, (right,))
        refusals = _refusals(request, obj)
        change = operators.renewal(f"{path}/status", obj, at)
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(ground, change)
            refusals += refused
        until = f"until {known.expires:%Y-%m-%d %H:%M} UTC" if known.expires else "nothing"
        return self.card(
            ActionRequest(request.action, request.source, {**request.params, "certificate": name, "at": at}),
            title=f"Renew certificate/{name}",
            target=ground.named(f"certificate/{name}"),
            identity={
                "context": ground.gateway.place.context,
                "server": ground.gateway.place.server,
                "namespace": ground.namespace,
                "certificate": name,
                "uid": uid_of(obj),
                "revision": str(known.revision),
            },
            permission=permission,
            undo=Undo("cannot be undone: the secret then holds another key and certificate"),
            refusals=refusals,
            warnings=(
                "an issuer limits how often it issues the same names (Let's Encrypt: five times a week)",
                *_lately_failed(obj),
            ),
            changes=(Change(f"secret/{known.secret}", f"revision {known.revision}, {until}", "a new certificate"),),
            objects=(f"certificate/{name}", f"secret/{known.secret}"),
            affected=(
                f"whoever connects to {', '.join(known.names) or 'it'}: nobody notices, unless something pins"
                " the old certificate or reads it at its start only"
            ),
            operation=change.shown(ground.gateway.place.server),
            equivalent=(f"cmctl renew {name} -n {ground.namespace} --context {ground.gateway.place.context}",),
            dry_run=dry_run,
            basis={"before": obj, "change": change, "path": path},
        )

    async def _keeping(self, secret: str) -> str:
        """Name of the one Certificate that keeps this secret. Raises Refused."""
        listed = (await self._ground.gateway.listed(await self._path())).items
        found = [known.name for known in map(certificate, listed) if secret and known.secret == secret]
        if len(found) != 1:
            what = f"keeps secret/{secret}" if secret else "is named"
            said = f"no Certificate {what}" if not found else f"several Certificates keep secret/{secret}"
            raise Refused("parameters", f"{said} in {self._ground.namespace}", hint="name the certificate")
        return found[0]

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until cert-manager is done with it."""
        before, path = cast("Json", plan.basis["before"]), str(plan.basis["path"])
        name = plan.request.get("certificate")
        control.progress(0, 0, "waiting for the API server")
        await cast("KubeChange", plan.basis["change"]).send(self._ground.gateway)
        until = self._ground.clock.monotonic() + _FOLLOW_S
        judged = operators.Judged(None, "waiting for cert-manager")
        while not control.aborted() and self._ground.clock.monotonic() < until:
            try:
                judged = operators.issued(before, await self._ground.gateway.get(path))
            except NotFound:
                return RunResult(Outcome.FAILED, f"certificate/{name} was deleted meanwhile", 0)
            except PermissionDenied:
                raise
            except CockpitError as error:
                judged = operators.Judged(None, f"looking again: {error.message}")
            control.progress(0, 1, judged.said)
            if judged.good is not None:
                break
            await self._ground.clock.sleep(_AGAIN_S)
        if judged.good:
            return RunResult(Outcome.SUCCEEDED, f"certificate/{name} was renewed: {judged.said}")
        if judged.good is False:
            kept = "the certificate in use is still there"
            return RunResult(Outcome.FAILED, f"certificate/{name} was not renewed: {judged.said}; {kept}", 0)
        said = f"cert-manager was asked to renew certificate/{name} and goes on by itself: {judged.said}"
        return RunResult(Outcome.UNKNOWN, said, 0)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether there is a newer one."""
        before, path = cast("Json", plan.basis["before"]), str(plan.basis["path"])
        try:
            judged = operators.issued(before, await self._ground.gateway.get(path))
        except NotFound:
            return Verification(False, f"certificate/{plan.request.get('certificate')} is not there any more")
        return Verification(judged.good, judged.said)

    async def _path(self, name: str = "") -> str:
        found = (await self._ground.gateway.versions()).find(operators.CERT_MANAGER, "Certificate")
        if found is None:
            context = self._ground.gateway.place.context
            raise NotFound(f"context {context}: the cluster has no cert-manager", hint="renew it where it comes from")
        return found.path(self._ground.namespace, name)


def _refusals(request: ActionRequest, obj: Json) -> list[Refusal]:
    name = f"certificate/{name_of(obj)}"
    if request.get("uid") not in ("", uid_of(obj)):
        return [Refusal("identity", f"{name} was deleted and made again", "look at it before acting")]
    if conditions(obj).get("Issuing", {}).get("status") == "True":
        return [Refusal("preconditions", f"{name} is being issued", "wait for its end")]
    if not conditions(obj):
        return [Refusal("preconditions", f"cert-manager has said nothing of {name} yet", "see that it runs")]
    return []


def _lately_failed(obj: Json) -> tuple[str, ...]:
    at = moment(part(obj, "status").get("lastFailureTime"))
    return () if at is None else (f"it was tried in vain at {at:%Y-%m-%d %H:%M} UTC: see why before trying again",)
