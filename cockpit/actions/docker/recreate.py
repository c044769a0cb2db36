"""Containers of a service made anew: with another environment, or from an image that ran before."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from cockpit.actions.docker.ground import ID, SERVICE, SETTLE_S, DockerAction, DockerGround, Seen
from cockpit.actions.docker.variables import Values, changes_of, references_of, shown, written
from cockpit.actions.handler import RunControl
from cockpit.adapters.docker.changing import STOP_S, name_of, named_images
from cockpit.adapters.docker.cloning import creation, environment
from cockpit.adapters.docker.replacing import replace
from cockpit.adapters.raw import Json, part, text
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

_PANE = SourceKind.CONTAINERS
RECREATE = ActionSpec(
    "containers.recreate",
    "Recreate with environment",
    _PANE,
    "V",
    Tier.T2,
    "Makes the containers of a service anew with some variables changed and all else as it is, one after the other.",
    (
        SERVICE,
        Param("set", ParamKind.TEXT, "variables: RATE_LIMIT=5 MODE=soft; quote values with spaces", False),
        Param("unset", ParamKind.TEXT, "variables to remove, with spaces between", False),
        Param("secret", ParamKind.TEXT, "secrets by reference: API_KEY=env:NEW_KEY or =file:PATH, never it", False),
        ID,
    ),
    reversible=True,
    short="enVironment",
)
ROLLBACK = ActionSpec(
    "containers.rollback",
    "Roll back",
    _PANE,
    "R",
    Tier.T2,
    "Makes the containers of a service anew from an image that this engine has of it, one after the other.",
    (SERVICE, Param("image", ParamKind.CHOICE, "image: its digest or id; without it the one before", False), ID),
    reversible=True,
)
_TAG_STAYS = "the tag in the Compose file stays: the next `up` brings the image of that tag back"
_UNCHANGED = "the Compose file says otherwise: the next `up` with a changed file, or --force-recreate, takes it back"


class Replacing(DockerAction):
    """Base of the two."""

    DONE = "made anew"

    def cost(self, seen: Seen) -> float:
        """Deadline of all."""
        return (SETTLE_S + 2 * STOP_S) * max(1, len(seen.containers))

    async def bodies(self, seen: Seen, make: Callable[[Json, Json], Json]) -> tuple[tuple[Json, Json], ...]:
        """(Container, what the one in its place is made with)."""
        found = []
        for each in seen.containers:
            image = await self._containers.image(text(each.get("Image"), 80))
            found.append((each, make(each, image)))
        return tuple(found)

    async def _brought(self, seen: Seen) -> dict[str, str]:
        """Variables of the image of the first."""
        image = text(seen.containers[0].get("Image"), 80) if seen.containers else ""
        return environment(part(await self._containers.image(image), "Config")) if image else {}

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """As planned."""
        return await self.replaced(pairs_of(plan), control)

    async def replaced(self, pairs: Sequence[tuple[Json, Json]], control: RunControl) -> RunResult:
        """One after the other; stops at the first that does not become well, which is put back as it was."""
        total = len(pairs)
        for count, (old, body) in enumerate(pairs):
            if count and control.aborted():
                return RunResult(Outcome.FAILED, f"stopped on request after {count} of {total}", count, total)
            control.progress(count, total, name_of(old))
            try:
                new, why = await replace(self._containers, old, body, SETTLE_S)
            except CockpitError as error:
                error.message += f" ({count} of {total} are {self.DONE})"
                raise
            if why:
                said = f"{name_of(old)} was put back as it was: {why}"
                if new:
                    said = f"{name_of(old)} is {self.DONE} and well, but {why}"
                return RunResult(Outcome.FAILED, said, count, total)
            control.progress(count + 1, total, name_of(old))
        return RunResult(Outcome.SUCCEEDED, f"{total} {self.DONE}", total, total)

    def rewritten(self, pairs: Sequence[tuple[Json, Json]]) -> str:
        """The requests, literally in their order, environment left out."""
        lines = []
        for old, _ in pairs:
            id, name = text(old.get("Id"), 64), name_of(old)
            lines += [
                f"POST /containers/{id}/rename?name={id[:12]}_{name}",
                f"POST /containers/create?name={name}",
                f"POST /containers/{id}/stop",
                f"POST /containers/{name}/start",
                f"DELETE /containers/{id}?v=false  once the new one is well",
            ]
        return "\n".join(lines)


class Recreate(Replacing):
    """containers.recreate."""

    def __init__(self, spec: ActionSpec, ground: DockerGround) -> None:
        super().__init__(spec, ground)
        self._values = Values()

    async def plan(self, request: ActionRequest) -> Plan:
        """The variables that change, and nothing else; no value of a reference is read."""
        wanted = changes_of(request.get("set"), request.get("unset"))
        references = references_of(request.get("secret"))
        if twice := wanted.keys() & references.keys():
            raise Refused("parameters", f"{', '.join(sorted(twice))} is named twice")
        if not wanted and not references:
            raise Refused("parameters", "nothing is to change", hint='set = "RATE_LIMIT=5"')
        origins = {name: await self._values.look(name, each) for name, each in references.items()}
        seen = await self.see(request)
        pairs = await self.bodies(seen, lambda each, image: creation(each, image, env=wanted))
        first = environment(part(seen.containers[0], "Config")) if seen.containers else {}
        images = await self._brought(seen)
        differing = {name: value for name, value in wanted.items() if first.get(name) != value}
        refusals = [*seen.refusals, *alone(seen.containers)]
        if seen.containers and not differing and not references:
            refusals.append(Refusal("preconditions", "the environment is so already", "there is nothing to change"))
        refusals += [
            Refusal("preconditions", f"{name} comes from the image: it cannot be removed", "set it to another value")
            for name in differing
            if wanted[name] is None and name in images
        ]
        back = {name: first.get(name) for name in (*differing, *references)}
        id = next(iter(seen.ids), "")
        undo = ActionRequest(RECREATE.id, self.source, {SERVICE.name: seen.service, **written(back, id)})
        return self.card(
            request,
            title=f"Recreate {seen.service} with {', '.join((*wanted, *references))} changed",
            target=self._ground.named(f"service {seen.service}"),
            identity=seen.identity | {f"value of {name}": each[1] for name, each in origins.items()},
            lock=self.lock(seen.service),
            permission=self.permission(),
            undo=Undo(f"recreate {seen.service} with the former values", undo),
            refusals=refusals,
            warnings=(_UNCHANGED, *still_now(seen), *(said for each in origins.values() for said in each[2])),
            changes=(
                *(Change(name, shown(name, back[name]), shown(name, value)) for name, value in differing.items()),
                *(Change(name, "***" if back[name] else "not set", each[0]) for name, each in origins.items()),
            ),
            objects=seen.names,
            population=len(seen.all),
            affected=replaced_of(seen),
            operation=self.rewritten(pairs),
            equivalent=(self._ground.compose("up", "-d", "--no-deps", seen.service) + "  # with the file changed",),
            basis={"bodies": pairs, "wanted": wanted, "back": back, "id": id},
            deadline_s=self.cost(seen),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """With the values that the references lead to; the former ones are held for the undo."""
        wanted, back = plan.basis["wanted"], plan.basis["back"]
        if not isinstance(wanted, dict) or not isinstance(back, dict):
            raise Refused("preconditions", "the plan has no variables")
        values = wanted | await self._values.read(references_of(plan.request.get("secret")))
        self._values.keep(str(plan.basis["id"]), back)
        return await self.replaced([(old, _with(body, values)) for old, body in pairs_of(plan)], control)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """They run, and have the variables."""
        wanted, service = plan.basis["wanted"], plan.request.get(SERVICE.name)
        try:
            values = await self._values.read(references_of(plan.request.get("secret")))
            found = await self._containers.of(service)
        except CockpitError as error:
            return Verification(None, f"it could not be seen: {error.message}")
        for each in found:
            have = environment(part(each, "Config"))
            sought = (wanted if isinstance(wanted, dict) else {}) | values
            if any(have.get(name) != value for name, value in sought.items()):
                return Verification(False, f"{name_of(each)} does not have the environment")
        return self.judged(plan, found)


class Rollback(Replacing):
    """containers.rollback."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Services; images need one."""
        return await super().choices(param)

    async def choices_among(self, param: str, given: dict[str, str]) -> Sequence[Choice]:
        """The images of that service which this engine has, the one before first."""
        if param != "image":
            return await self.choices(param)
        return await self._candidates(await self._containers.of(given.get(SERVICE.name, "")))

    async def _candidates(self, containers: Sequence[Json]) -> list[Choice]:
        running = {text(each.get("Image"), 80) for each in containers}
        repositories = {repository(text(part(each, "Config").get("Image"), 300)) for each in containers}
        images = await self._containers.images()
        names = named_images(images)
        made = {text(each.get("Id"), 80): int(each.get("Created") or 0) for each in images}
        now = max((made.get(id, 0) for id in running), default=0)
        for each in containers:  # an id or digest says no repository: its tags do
            for name in names.get(text(each.get("Image"), 80), ()):
                repositories.add(repository(name))
        found = [id for id in names if id not in running and any(repository(n) in repositories for n in names[id])]
        found.sort(key=lambda id: (made.get(id, 0) > now, -made.get(id, 0)))
        best = next((id for id in found if made.get(id, 0) <= now), "")
        return [Choice(reference(id, names[id]), label(id, names[id]), id == best) for id in found]

    async def plan(self, request: ActionRequest) -> Plan:
        """From which image to which."""
        seen = await self.see(request)
        candidates = await self._candidates(seen.all)
        given = request.get("image") or next((each.value for each in candidates if each.recommended), "")
        image = await self._containers.image(given) if given else {}
        refusals = [*seen.refusals, *alone(seen.containers)]
        known = ", ".join(each.value for each in candidates) or "none"
        if not given:
            reason = f"this engine has no other image of {seen.service}"
            refusals.append(Refusal("preconditions", reason, "pull one, by its digest, and plan again"))
        elif not image:
            pull = self._ground.docker("pull", given)
            reason = f"this engine does not have {given}; it has: {known}"
            refusals.append(Refusal("preconditions", reason, f"pull it first: {pull}"))
        to = text(image.get("Id"), 80)
        if seen.containers and to and all(text(each.get("Image"), 80) == to for each in seen.containers):
            refusals.append(Refusal("preconditions", f"all of {seen.service} run {given} already", "choose another"))
        pairs = await self.bodies(seen, lambda each, old: creation(each, old, to_image=given))
        before = text(seen.containers[0].get("Image"), 80) if seen.containers else ""
        old = await self._containers.image(before) if before else {}
        tags = tuple(str(name) for key in ("RepoDigests", "RepoTags") for name in old.get(key) or ())
        undo = ActionRequest(ROLLBACK.id, self.source, {SERVICE.name: seen.service, "image": reference(before, tags)})
        return self.card(
            ActionRequest(request.action, request.source, {**request.params, "image": given}),
            title=f"Roll {seen.service} back to {short(given)}",
            target=self._ground.named(f"service {seen.service}"),
            identity=seen.identity | {"image": to},
            lock=self.lock(seen.service),
            permission=self.permission(),
            undo=Undo(f"roll forward to {short(reference(before, tags))}", undo),
            refusals=refusals,
            warnings=(_TAG_STAYS, *still_now(seen)),
            changes=(Change("image", label(before, tags), given),),
            objects=seen.names,
            population=len(seen.all),
            affected=replaced_of(seen),
            operation=self.rewritten(pairs),
            equivalent=(
                f"# image: {given} in the Compose file, then",
                self._ground.compose("up", "-d", seen.service),
            ),
            basis={"bodies": pairs, "image": to},
            deadline_s=self.cost(seen),
        )

    def judged(self, plan: Plan, found: Sequence[Json]) -> Verification:
        """They run, and from that image."""
        for each in found:
            if text(each.get("Image"), 80) != plan.basis["image"]:
                return Verification(False, f"{name_of(each)} runs another image")
        return super().judged(plan, found)


def replaced_of(seen: Seen) -> str:
    """Who notices that a service's containers are made anew."""
    those = "its container is" if len(seen.names) == 1 else f"each of its {len(seen.names)} containers is"
    return f"requests to {seen.service}: {those} replaced"


def pairs_of(plan: Plan) -> Sequence[tuple[Json, Json]]:
    """(Container, what the one in its place is made with)."""
    pairs = plan.basis["bodies"]
    return pairs if isinstance(pairs, tuple) else ()


def alone(found: Sequence[Json]) -> list[Refusal]:
    """What could not be put back."""
    gone = [name_of(each) for each in found if part(each, "HostConfig").get("AutoRemove") is True]
    if not gone:
        return []
    reason = f"{', '.join(gone)} removes itself when it stops (--rm): it could not be put back"
    return [Refusal("preconditions", reason, "make it again by hand")]


def still_now(seen: Seen) -> list[str]:
    """Whoever stands still is started by this."""
    still = [name_of(each) for each in seen.containers if part(each, "State").get("Running") is not True]
    return [f"not running now, and started by this: {', '.join(still)}"] if still else []


def _with(body: Json, values: dict[str, str | None]) -> Json:
    """With these variables; None leaves one out."""
    listed: dict[str, str] = {each.partition("=")[0]: each for each in body.get("Env") or ()}
    kept = {name: each for name, each in listed.items() if values.get(name, "") is not None}
    kept |= {name: f"{name}={value}" for name, value in values.items() if value is not None}
    return {**body, "Env": list(kept.values())}


def repository(name: str) -> str:
    """ "ghcr.io/shop/api:1.4" -> "ghcr.io/shop/api"; of what has none: ""."""
    if name.startswith("sha256:") or re.fullmatch(r"[0-9a-f]{12,64}", name):
        return ""
    base = name.partition("@")[0]
    head, slash, last = base.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def reference(id: str, names: Sequence[str]) -> str:
    """What tells it for ever: its digest, else its id."""
    return next((name for name in names if "@sha256:" in name), id)


def label(id: str, names: Sequence[str]) -> str:
    """For a person."""
    tags = [name for name in names if "@" not in name and not name.startswith("<none>")]
    return f"{', '.join(tags[:3]) or 'no tag any more'}  {short(reference(id, names))}"


def short(reference: str) -> str:
    """With 12 digits of the hash."""
    head, sign, digits = reference.rpartition("sha256:")
    return f"{head}{sign}{digits[:12]}" if sign else reference[:60]
