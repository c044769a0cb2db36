"""A backup of a namespace: everything that its API lists and nobody makes again by himself, ready to be applied.

Secrets are left out, or encrypted before they reach the disk. What was written is read back, and each object is
given to the API server with dryRun, so that what could not be applied again is known now and not on the worst day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.adapters.kube import keepsake, preserve
from cockpit.adapters.kube.changing import CORE
from cockpit.adapters.kube.discovery import Resource, path_of
from cockpit.adapters.kube.fields import name_of, uid_of
from cockpit.adapters.kube.keepsake import Keepsake
from cockpit.adapters.kube.sealing import Seal, sealing
from cockpit.adapters.kube.terms import Json, PatchKind, Right
from cockpit.errors import CockpitError, Misconfigured, NotFound, PermissionDenied, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Grant,
    Outcome,
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

BACKUP = ActionSpec(
    "cluster.backup",
    "Back up namespace",
    SourceKind.CLUSTER,
    "B",
    Tier.T1,
    "Keeps everything that the namespace holds in files that can be applied again; secrets encrypted or left out.",
    scope=Scope.SOURCE,
    short="Back up",
)
_AT_ONCE = 6
_SAID = 20  # refused objects that are named
_NEEDED = (("apps", "deployments"), ("", "services"), ("", "configmaps"))


@dataclass(slots=True)
class Taken:
    """What came of one resource."""

    resource: Resource
    file: str
    version: str = ""
    kept: list[Json] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    failed: str = ""  # why it is not in the backup

    @property
    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        found = {"resource": _named(self.resource), "kept": len(self.names), "left_out": preserve.tally(self.left)}
        if self.failed:
            return {**found, "failed": self.failed}
        return {**found, "file": self.file, "resourceVersion": self.version, "names": sorted(self.names)}


@dataclass(slots=True)
class _Tried:
    """What the API server said of applying it again."""

    accepted: int = 0
    unasked: dict[str, str] = field(default_factory=dict)  # resource -> why
    refused: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        words = f"{self.accepted} would be accepted again (server-side apply, dryRun=All)"
        if self.unasked:
            words += f"; not asked: {', '.join(f'{what} ({why})' for what, why in sorted(self.unasked.items()))}"
        return f"{words}; {len(self.refused)} REFUSED" if self.refused else words


class Backup(KubeAction):
    """cluster.backup."""

    DEADLINE_S = 600.0

    def __init__(self, spec: ActionSpec, ground: KubeGround) -> None:
        super().__init__(spec, ground)
        self._last: dict[str, tuple[Path, _Tried]] = {}  # where the last one is, by its plan

    def unavailable(self) -> str:
        """Without a folder."""
        return "" if self._ground.table.backups else "the profile has no folder for it (backups of [[kubernetes]])"

    async def plan(self, request: ActionRequest) -> Plan:
        """What is read, what may not be, where it goes."""
        ground, place = self._ground, self._ground.gateway.place
        found = await ground.gateway.versions(fresh=True)
        seal, refusals = self._seal()
        wanted = [each for each in preserve.kept_resources(found) if seal or not _secret(each)]
        permission, missing = await self._permission(wanted)
        try:
            uid = uid_of(await ground.gateway.get(path_of(CORE, "namespaces", name=ground.namespace)))
        except PermissionDenied:
            uid = ""
        allowed = [each for each in wanted if _named(each) not in missing]
        warnings = [f"not in it: {name}, which {place.user} may not list" for name in sorted(missing)]
        warnings += [f"not in it: {each}, which the cluster does not serve at this moment" for each in found.failed]
        secrets = (
            f"secrets are encrypted to {self._recipient[:16]}..."
            if seal
            else "secrets are left out: the profile has no backup_recipient"
        )
        return self.card(
            request,
            title=f"Back up namespace {ground.namespace}",
            target=ground.named("everything that the API lists"),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": ground.namespace,
                "uid": uid,
                "version": found.server,
                "folder": str(self._root),
            },
            permission=permission,
            undo=Undo("nothing in the cluster is changed; delete the folder"),
            refusals=refusals,
            warnings=(
                secrets,
                "what stands in ConfigMaps and in templates is written as it is, for your user alone to read",
                "what lies in volumes is no part of it",
                *warnings,
            ),
            changes=(Change("a folder of its own", "none", f"in {self._root}"),),
            objects=tuple(_named(each) for each in allowed),
            operation="\n".join(
                [
                    *(f"GET {place.server}{each.path(ground.namespace)}?limit=500" for each in allowed),
                    f"PATCH {place.server}/... once for each object with dryRun=All: changes nothing",
                ]
            ),
            equivalent=(
                ground.kubectl("get", ",".join(_named(each) for each in allowed if not _secret(each)), "-o", "yaml"),
            ),
            basis={"resources": allowed, "missing": sorted(missing), "failed": found.failed, "version": found.server},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Read, strip, write, read back, try: and only then the folder has its name."""
        moment = f"{self._ground.clock.now():%Y%m%dT%H%M%SZ}"
        place = self._ground.gateway.place
        name = keepsake.folder_name(place.context, self._ground.namespace, moment)
        keep = Keepsake(self._root, name)
        await asyncio.to_thread(keep.open)
        try:
            taken = await self._taken(plan, keep, control)
            tried = await self._tried(taken, control)
            if control.aborted():
                return RunResult(Outcome.FAILED, "stopped: nothing was kept", 0)
            facts = self._facts(plan, taken, tried, moment)
            await asyncio.to_thread(keep.close, facts)
        finally:
            await asyncio.to_thread(keep.drop)
        kept = sum(len(each.names) for each in taken)
        left = sum(len(each.left) for each in taken)
        summary = f"{kept} objects are in {keep.place}; {left} left out; {tried.said}"
        details = (*tried.refused[:_SAID], *facts["restore"])
        self._last = {plan.digest: (keep.place, tried)}
        outcome = Outcome.FAILED if any(each.failed for each in taken) else Outcome.SUCCEEDED
        if outcome is Outcome.FAILED:
            lost = ", ".join(f"{_named(each.resource)} ({each.failed})" for each in taken if each.failed)
            summary = f"NOT WHOLE, without {lost}: {summary}"
        return RunResult(outcome, summary, kept, kept + left, details)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Every file read once more, against its sha256."""
        if plan.digest not in self._last:
            return Verification(False, "no backup was kept")
        place, tried = self._last[plan.digest]
        if wrong := await asyncio.to_thread(keepsake.damage, place):
            return Verification(False, wrong)
        return Verification(not tried.refused, f"every file is as it was written; {tried.said}")

    @property
    def _root(self) -> Path:
        return Path(self._ground.table.backups or ".").expanduser().absolute()

    @property
    def _recipient(self) -> str:
        return self._ground.table.backup_recipient or ""

    def _seal(self) -> tuple[Seal | None, list[Refusal]]:
        if not self._recipient:
            return None, []
        try:
            return sealing(self._recipient), []
        except Misconfigured as error:
            return None, [Refusal("preconditions", error.message, error.hint)]

    async def _permission(self, wanted: Sequence[Resource]) -> tuple[Permission, set[str]]:
        """Who may not see the workloads makes no backup; what else may not be listed is said, and not in it."""
        rights = {_named(each): _list(each, self._ground.namespace) for each in wanted}
        needed = [rights[_named(each)] for each in wanted if (each.group, each.plural) in _NEEDED]
        permission = await preflight(self._ground, needed)
        if permission.grant is not Grant.GRANTED:
            return permission, set()
        lacking = set(await self._ground.gateway.may(list(rights.values())))
        return permission, {name for name, right in rights.items() if right in lacking}

    async def _taken(self, plan: Plan, keep: Keepsake, control: RunControl) -> list[Taken]:
        namespace, gateway = self._ground.namespace, self._ground.gateway
        resources = cast("Sequence[Resource]", plan.basis["resources"])
        try:
            whole = preserve.namespace_of(await gateway.get(path_of(CORE, "namespaces", name=namespace)))
        except PermissionDenied:
            whole = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await asyncio.to_thread(keep.write, "000-namespaces.json", keepsake.listed([whole]))
        listed = await gateway.listed(path_of(CORE, "services", namespace))
        services = {name_of(each): each for each in listed.items}
        done = 0
        taken = [
            Taken(each, f"{index:03d}-{_named(each)}.json{'.age' if _secret(each) else ''}")
            for index, each in enumerate(resources, 1)
        ]

        async def take(one: Taken) -> None:
            nonlocal done
            if control.aborted():
                return
            try:
                content = await self._content(one, services)
            except (PermissionDenied, NotFound) as error:
                one.failed = error.message
                content = b""
            if content:
                await asyncio.to_thread(keep.write, one.file, content)
            done += 1
            control.progress(done, len(taken), f"read {_named(one.resource)}")

        await _all(take(each) for each in taken)
        return taken

    async def _content(self, one: Taken, services: Mapping[str, Json]) -> bytes:
        """The file of one resource; empty where nothing of it is kept."""

        def sorted_out(items: Sequence[Json]) -> list[Json]:
            kept: list[Json] = []
            for obj in items:
                if why := preserve.left_out(one.resource, obj, services):
                    one.left.append(why)
                else:
                    kept.append(preserve.applicable(one.resource, obj))
                    one.names.append(name_of(obj))
            return kept

        path = one.resource.path(self._ground.namespace)
        seal, _ = self._seal()
        if _secret(one.resource):
            if seal is None:
                return b""
            return await self._ground.gateway.sealed(path, lambda items: seal(keepsake.listed(sorted_out(items))))
        found = await self._ground.gateway.listed(path)
        one.version = found.version
        one.kept = await asyncio.to_thread(sorted_out, found.items)
        return await asyncio.to_thread(keepsake.listed, one.kept) if one.kept else b""

    async def _tried(self, taken: Sequence[Taken], control: RunControl) -> _Tried:
        """Each object as it lies in its file, applied with dryRun."""
        tried = _Tried()
        total, done = sum(len(each.kept) for each in taken), 0

        async def attempt(one: Taken, obj: Json) -> None:
            nonlocal done
            what = _named(one.resource)
            if control.aborted() or what in tried.unasked:
                return
            path = one.resource.path(self._ground.namespace, str(obj["metadata"]["name"]))
            try:
                await self._ground.gateway.change(
                    "PATCH", path, obj, kind=PatchKind.APPLY, dry_run=True, query={"force": "true"}
                )
                tried.accepted += 1
            except (Misconfigured, PermissionDenied, Refused) as error:
                if isinstance(error, PermissionDenied) and error.missing:
                    tried.unasked[what] = "no right to patch"
                    return
                tried.refused.append(f"{what}/{name_of(obj)} would be refused: {error.message}")
            except CockpitError as error:
                tried.unasked[what] = error.word
            done += 1
            control.progress(done, total, f"tried {what}")

        await _all(attempt(one, obj) for one in taken for obj in one.kept)
        return tried

    def _facts(self, plan: Plan, taken: Sequence[Taken], tried: _Tried, moment: str) -> dict[str, Any]:
        place, ground = self._ground.gateway.place, self._ground
        recipient = self._recipient
        restore = ["to make it again, in this order:"]
        folder = str(self._root / keepsake.folder_name(place.context, ground.namespace, moment))
        restore.append(ground.kubectl("apply", "--server-side", "-f", f"{folder}/000-namespaces.json", namespace=""))
        sealed = [each.file for each in taken if _secret(each.resource) and each.names]
        restore += [
            f"age -d -i KEY {folder}/{each} | {ground.kubectl('apply', '--server-side', '-f', '-')}"
            for each in sealed
        ]
        restore.append(ground.kubectl("apply", "--server-side", "-f", folder))
        return {
            "format": 1,
            "context": place.context,
            "server": place.server,
            "namespace": ground.namespace,
            "user": place.user,
            "version": plan.basis["version"],
            "taken": moment,
            "complete": not plan.basis["missing"] and not plan.basis["failed"] and not any(t.failed for t in taken),
            "not_allowed": plan.basis["missing"],
            "not_served": list(cast("Sequence[str]", plan.basis["failed"])),
            "secrets": f"encrypted to {recipient}" if recipient else "left out",
            "resources": [each.facts for each in taken],
            "tried": {"accepted": tried.accepted, "not_asked": tried.unasked, "refused": tried.refused},
            "restore": restore,
        }


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them, a few at once. After the first error no other is begun, and those under way come to their end."""
    limit, errors = asyncio.Semaphore(_AT_ONCE), list[Exception]()

    async def one(work: Coroutine[Any, Any, None]) -> None:
        async with limit:
            if errors:
                work.close()
                return
            try:
                await work
            except Exception as error:
                errors.append(error)

    await asyncio.gather(*(one(each) for each in works))
    if errors:
        raise errors[0]


def _secret(resource: Resource) -> bool:
    return (resource.group, resource.plural) == preserve.SECRETS


def _named(resource: Resource) -> str:
    """ "deployments.apps"."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def _list(resource: Resource, namespace: str) -> Right:
    return Right("list", resource.plural, resource.group, namespace=namespace)
