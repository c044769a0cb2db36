"""Fetches a secret anew with External Secrets, and restarts who reads it only once it was really fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import preflight
from cockpit.actions.kube.restart import refusals_of
from cockpit.actions.kube.workload import ALL_KINDS, UID, WORKLOAD, Seen, WorkloadAction, rehearse
from cockpit.adapters.kube import changing, operators
from cockpit.adapters.kube.changing import CORE, KubeChange, workloads_path
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.extras import external_secret
from cockpit.adapters.kube.fields import name_of, part, text, uid_of
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
    Permission,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

RESYNC = ActionSpec(
    "workloads.resync",
    "Restart after sync",
    SourceKind.WORKLOADS,
    "",
    Tier.T2,
    "Fetches a secret anew (External Secrets) and, once that is done, restarts the workload; else restarts nothing.",
    (
        WORKLOAD,
        UID,
        Param("externalsecret", ParamKind.CHOICE, "which of them, empty where it reads only one", False),
        Param("others", ParamKind.CHOICE, "restart all others that read the secret, too", False),
        Param("at", ParamKind.TEXT, "the moment of both marks, set when it is planned", False, identity=True),
    ),
    short="Resync",
)
_AGAIN_S = 0.5
_MOST_S = 1800.0


@dataclass(frozen=True, slots=True)
class _Wish:
    """The ExternalSecret at the moment of planning."""

    obj: Json
    path: str

    @property
    def ref(self) -> str:
        return f"externalsecret/{name_of(self.obj)}"

    @property
    def target(self) -> str:
        return operators.target_of(self.obj)


@dataclass(frozen=True, slots=True)
class _One:
    """A workload to restart."""

    seen: Seen
    change: KubeChange


class Resync(WorkloadAction):
    """workloads.resync."""

    DONE = "restarted"
    SYNC_S = 60.0  # how long fetching may take

    async def choices(self, param: str) -> Sequence[Choice]:
        """The ExternalSecrets of the namespace by the secret that each writes."""
        if param == "others":
            return [Choice("no", "only this one", recommended=True), Choice("yes", "all that read the secret")]
        if param != "externalsecret":
            return await super().choices(param)
        found = [external_secret(each) for each in await self._wishes()]
        return [Choice(each.name, f"{each.name}, writes secret/{each.target}") for each in found]

    async def plan(self, request: ActionRequest) -> Plan:
        """What is fetched, who is restarted afterwards, each exact PATCH."""
        ground, place = self._ground, self._ground.gateway.place
        seen = await self.see(request)
        wish = await self._wish(request, seen)
        at = request.get("at") or f"{ground.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        sync = operators.force_sync(wish.path, wish.obj, at)
        ones = [self._one(each, at) for each in await self._all(request, seen, wish)]
        permission = await self._may(wish, [each.seen for each in ones])
        refusals = [*seen.refusals, *(refusal for each in ones for refusal in refusals_of(each.seen))]
        if wish.target not in operators.secrets_of(seen.obj):
            reason = f"{seen.ref} does not read secret/{wish.target}, which {wish.ref} writes"
            refusals.append(Refusal("preconditions", reason, "name the ExternalSecret whose secret it reads"))
        dry_run = ""
        for change in () if refusals else (sync, *(each.change for each in ones)):
            dry_run, refused = await rehearse(ground, change)
            refusals += refused
        refs = [each.seen.ref for each in ones]
        known = external_secret(wish.obj)
        return self.card(
            ActionRequest(request.action, request.source, {**request.params, "at": at}),
            title=f"Fetch secret/{wish.target} anew, then restart {', '.join(refs)}",
            target=ground.named(f"{wish.ref} and {', '.join(refs)}"),
            identity={**self.identity(seen), "externalsecret": wish.ref, "externalsecret uid": uid_of(wish.obj)},
            permission=permission,
            undo=Undo("cannot be undone: the secret holds what its store holds, and what the pods held is gone"),
            refusals=refusals,
            warnings=(*seen.warnings, *(() if known.synced else (f"it is not in sync now: {known.said}",))),
            changes=(
                Change(f"secret/{wish.target}", _fetched(wish.obj), "fetched anew"),
                *(Change(f"{ref} restarted at", "", f"{at}, once the secret was fetched") for ref in refs),
            ),
            objects=(wish.ref, *refs),
            affected="requests in flight to pods that are replaced, a few at a time",
            operation="\n".join(each.shown(place.server) for each in (sync, *(one.change for one in ones))),
            equivalent=(
                ground.kubectl("annotate", f"externalsecret/{name_of(wish.obj)}", f"force-sync={at}", "--overwrite"),
                *(ground.kubectl("rollout", "restart", ref) for ref in refs),
            ),
            dry_run=dry_run,
            basis={"wish": wish, "sync": sync, "ones": ones, "seen": seen, "at": at},
            deadline_s=min(_MOST_S, self.SYNC_S + 10.0 + sum(self.following_s(each.seen) for each in ones)),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Fetch; only then restart, one workload after the other."""
        wish, ones = cast("_Wish", plan.basis["wish"]), cast("Sequence[_One]", plan.basis["ones"])
        before = await self._version(wish)
        control.progress(0, len(ones) + 1, "waiting for the API server")
        await cast("KubeChange", plan.basis["sync"]).send(self._ground.gateway)
        judged = await self._synced(wish, control, len(ones) + 1)
        if not judged.good:
            late = "" if judged.good is False else f" within {self.SYNC_S:.0f} s"
            said = f"{wish.ref} was not fetched{late}: {judged.said}; NOTHING was restarted"
            return RunResult(Outcome.FAILED, said, 0, len(ones) + 1)
        after = await self._version(wish)
        same = " and has the same value as before" if before and before == after else ""
        fetched = f"secret/{wish.target} was fetched ({judged.said}){same}"
        done: list[str] = []
        for each in ones:
            if control.aborted():
                left = (
                    f"{fetched}; stopped before {each.seen.ref} was restarted; restarted: {', '.join(done) or 'none'}"
                )
                return RunResult(Outcome.FAILED, left, len(done) + 1, len(ones) + 1)
            part_plan = replace(
                plan, basis={"seen": each.seen, "change": each.change}, deadline_s=self.following_s(each.seen)
            )
            try:
                result = await self.changed(part_plan, control)
            except CockpitError as error:
                said = f"{fetched}; {each.seen.ref} could not be restarted: {error.message}"
                outcome = Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED
                return RunResult(outcome, said, len(done) + 1, len(ones) + 1)
            if result.outcome is not Outcome.SUCCEEDED:
                return replace(result, summary=f"{fetched}; {result.summary}", undo=None)
            done.append(each.seen.ref)
        return RunResult(Outcome.SUCCEEDED, f"{fetched}; {', '.join(done)} restarted", len(ones) + 1, len(ones) + 1)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The secret as it was wanted, and every workload with the mark and at its end."""
        wish, ones = cast("_Wish", plan.basis["wish"]), cast("Sequence[_One]", plan.basis["ones"])
        judged = operators.synced(wish.obj, await self._ground.gateway.get(wish.path))
        if not judged.good:
            return Verification(judged.good, f"{wish.ref}: {judged.said}")
        said: list[str] = []
        for each in ones:
            one = replace(plan, basis={**plan.basis, "seen": each.seen})
            verified = await super().verify(one, result)
            if not verified.holds:
                return verified
            said.append(verified.text)
        return Verification(True, "; ".join(said))

    def otherwise(self, plan: Plan, obj: Json) -> str:
        """Without the mark."""
        found = part(obj, "spec", "template", "metadata", "annotations").get(changing.RESTARTED_AT)
        return "" if found == plan.basis["at"] else f"{name_of(obj)} does not have the mark of this"

    def _one(self, seen: Seen, at: str) -> _One:
        return _One(seen, changing.restart(self.path(seen.kind, seen.name), seen.obj, at))

    async def _wishes(self) -> tuple[Json, ...]:
        return (await self._ground.gateway.listed(await self._wishes_path())).items

    async def _wishes_path(self, name: str = "") -> str:
        found = (await self._ground.gateway.versions()).find(operators.EXTERNAL_SECRETS, "ExternalSecret")
        if found is None:
            context = self._ground.gateway.place.context
            raise NotFound(f"context {context}: the cluster has no External Secrets", hint="restart it (T)")
        return found.path(self._ground.namespace, name)

    async def _wish(self, request: ActionRequest, seen: Seen) -> _Wish:
        """The one that is named, or the only one whose secret the workload reads. Raises Refused."""
        name = request.get("externalsecret")
        if not name:
            read = operators.secrets_of(seen.obj)
            found = [each for each in await self._wishes() if operators.target_of(each) in read]
            if len(found) != 1:
                names = ", ".join(sorted(name_of(each) for each in found))
                which = f"reads secrets of {names}" if found else "reads no secret that External Secrets writes"
                raise Refused("parameters", f"{seen.ref} {which}", hint="name the ExternalSecret")
            return _Wish(found[0], await self._wishes_path(name_of(found[0])))
        path = await self._wishes_path(name)
        return _Wish(await self._ground.gateway.get(path), path)

    async def _all(self, request: ActionRequest, seen: Seen, wish: _Wish) -> list[Seen]:
        """The workload, and the others that read the secret where they are wanted."""
        found = [seen]
        if request.get("others") != "yes":
            return found
        for kind in ALL_KINDS:
            listed = await self._ground.gateway.listed(workloads_path(kind, self._ground.namespace))
            readers = operators.secret_readers(((kind, each) for each in listed.items), wish.target)
            found += [
                Seen(kind, name_of(each), {"apiVersion": "apps/v1", **each}, seen.permission, (), ())
                for kind, each in readers
                if uid_of(each) != seen.uid and part(each, "spec").get("replicas") != 0
            ]
        return found

    async def _may(self, wish: _Wish, seen: Sequence[Seen]) -> Permission:
        name = name_of(wish.obj)
        own = Right("patch", "externalsecrets", operators.EXTERNAL_SECRETS, "", self._ground.namespace, name)
        return await preflight(
            self._ground, (own, *(right for each in seen for right in self.rights(each.kind, each.name)))
        )

    async def _synced(self, wish: _Wish, control: RunControl, total: int) -> operators.Judged:
        clock = self._ground.clock
        until = clock.monotonic() + self.SYNC_S
        judged = operators.Judged(None, "not fetched yet")
        while not control.aborted() and clock.monotonic() < until:
            try:
                judged = operators.synced(wish.obj, await self._ground.gateway.get(wish.path))
            except NotFound:
                return operators.Judged(False, "it was deleted meanwhile")
            except PermissionDenied:
                raise
            except CockpitError as error:
                judged = operators.Judged(None, f"looking again: {error.message}")
            control.progress(0, total, f"{wish.ref}: {judged.said}")
            if judged.good is not None:
                return judged
            await clock.sleep(_AGAIN_S)
        return judged if not control.aborted() else operators.Judged(False, "stopped")

    async def _version(self, wish: _Wish) -> str:
        """Of the secret that it writes, by its metadata; "" where that may not be seen."""
        path = path_of(CORE, "secrets", self._ground.namespace)
        try:
            found = await self._ground.gateway.metadata(path, {"fieldSelector": f"metadata.name={wish.target}"})
        except CockpitError:
            return ""
        return next((text(part(each, "metadata").get("resourceVersion"), 80) for each in found.items), "")


def _fetched(obj: Json) -> str:
    at = external_secret(obj).refreshed
    return f"fetched at {at:%Y-%m-%d %H:%M:%S} UTC" if at else "never fetched"
