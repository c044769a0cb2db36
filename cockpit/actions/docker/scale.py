"""More or fewer containers of a service: the newest is the pattern, the highest numbers go first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cockpit.actions.docker.ground import ID, SERVICE, SETTLE_S, DockerAction, Seen
from cockpit.actions.handler import RunControl
from cockpit.adapters.docker.changing import STOP_S, name_of, number_of
from cockpit.adapters.docker.cloning import creation, fixed_ports, numbered
from cockpit.adapters.raw import Json, part, text
from cockpit.errors import CockpitError, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
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

SCALE = ActionSpec(
    "containers.scale",
    "Scale",
    SourceKind.CONTAINERS,
    "S",
    Tier.T2,
    "Makes more containers of a service like its newest, or removes those with the highest numbers; to 0 is T3.",
    (SERVICE, Param("replicas", ParamKind.INTEGER, "how many containers"), ID),
    reversible=True,
)
MOST = 100


class Scale(DockerAction):
    """containers.scale."""

    async def plan(self, request: ActionRequest) -> Plan:
        """Which are made, or go."""
        wanted = count_of(request.get("replicas"))
        seen = await self.see(request)
        have = sorted(seen.all, key=number_of)
        made = next_of(have, wanted - len(have)) if have else []
        gone = have[wanted:] if wanted < len(have) else []
        refusals = [*seen.refusals, *speaks_against(seen, have, wanted, made)]
        undo = ActionRequest(SCALE.id, self.source, {SERVICE.name: seen.service, "replicas": str(len(have))})
        body: Json = {}
        if made:
            pattern = have[-1]
            body = creation(pattern, await self._containers.image(text(pattern.get("Image"), 80)), twin=True)
        lines = [f"POST /containers/create?name={name}, then start  (like {name_of(have[-1])})" for _, name in made]
        lines += [f"POST /containers/{each['Id']}/stop, then DELETE ?v=false" for each in reversed(gone)]
        removed = [f"removed: {name_of(each)}" for each in reversed(gone)]
        by_hand = self._ground.compose(
            "up", "-d", "--no-recreate", "--scale", f"{seen.service}={wanted}", seen.service
        )
        back = Undo(f"scale {seen.service} to {len(have)}", undo)
        if wanted == 0:
            back = Undo(
                f"none: without a container there is no pattern; {self._ground.compose('up', '-d', seen.service)}"
            )
        return self.card(
            request,
            title=f"Scale {seen.service} to {wanted}",
            target=self._ground.named(f"service {seen.service}"),
            identity=seen.identity,
            lock=self.lock(seen.service),
            permission=self.permission(),
            tier=Tier.T3 if wanted == 0 else None,
            undo=back,
            refusals=refusals,
            changes=(Change("containers", str(len(have)), str(wanted)),),
            objects=(*(f"new: {name}" for _, name in made), *removed),
            population=len(have),
            affected=f"whoever needs {seen.service}: nothing answers any more" if not wanted else (
                f"requests to {seen.service}: those under way in what goes are lost" if gone else "nobody"
            ),
            operation="\n".join(lines),
            equivalent=(by_hand,),
            basis={"made": made, "body": body, "pattern": have[-1] if have else {}, "gone": gone, "wanted": wanted},
            deadline_s=(SETTLE_S + STOP_S) * max(1, len(made) + len(gone)),
        )  # fmt: skip

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """One after the other; what is not well stays, to be looked at, and no more are made."""
        made, gone, body = plan.basis["made"], plan.basis["gone"], plan.basis["body"]
        if not isinstance(made, list) or not isinstance(gone, list) or not isinstance(body, dict):
            raise Refused("preconditions", "the plan names no containers")
        total, done, pattern = len(made) + len(gone), 0, part(plan.basis, "pattern")
        for number, name in made:
            if done and control.aborted():
                return RunResult(Outcome.FAILED, f"stopped on request after {done} of {total}", done, total)
            control.progress(done, total, name)
            labels = dict(part(body, "Labels")) | numbered(body, number)
            with naming(f"{name} is being made", done, total):
                id = await self._containers.create(name, {**body, "Labels": labels})
                await self._containers.join(id, pattern, twin=True)
                await self._containers.post(id, "start")
                why = await self._containers.settled(id, SETTLE_S)
            if why:
                return RunResult(Outcome.FAILED, f"{name} was made, but {why}", done, total)
            done += 1
        for each in reversed(gone):
            if done and control.aborted():
                return RunResult(Outcome.FAILED, f"stopped on request after {done} of {total}", done, total)
            control.progress(done, total, name_of(each))
            with naming(f"{name_of(each)} is being stopped and removed", done, total):
                await self._containers.post(str(each["Id"]), "stop")
                await self._containers.remove(str(each["Id"]))
            done += 1
        control.progress(total, total, "")
        return RunResult(Outcome.SUCCEEDED, f"{len(made)} made, {len(gone)} removed", total, total)

    def judged(self, plan: Plan, found: Sequence[Json]) -> Verification:
        """So many, and all of them well."""
        if len(found) != plan.basis["wanted"]:
            return Verification(False, f"there are {len(found)}, not {plan.basis['wanted']}")
        return super().judged(plan, found) if found else Verification(True, "none is left")


@contextmanager
def naming(what: str, done: int, total: int) -> Iterator[None]:
    """An error in there says what was under way."""
    try:
        yield
    except CockpitError as error:
        error.message += f": {what} ({done} of {total} are done)"
        raise


def count_of(given: str) -> int:
    """Raises Refused."""
    if not given.isascii() or not given.isdigit() or int(given) > MOST:
        raise Refused("parameters", f"replicas must be a number from 0 to {MOST}")
    return int(given)


def next_of(have: Sequence[Json], more: int) -> list[tuple[int, str]]:
    """Numbers and names of further ones, as Compose gives them: PROJECT-SERVICE-3, or with _ as the others have."""
    pattern = have[-1]
    last = number_of(pattern)
    stem = name_of(pattern).removesuffix(str(last))
    return [(last + each, f"{stem}{last + each}") for each in range(1, more + 1)]


def speaks_against(seen: Seen, have: Sequence[Json], wanted: int, made: Sequence[tuple[int, str]]) -> list[Refusal]:
    """Why it would do nothing, or not go well."""
    if not have:
        return []
    if wanted == len(have):
        return [Refusal("preconditions", f"{seen.service} has {wanted} already", "there is nothing to do")]
    pattern = have[-1]
    if made and not name_of(pattern).endswith(("-", "_"), 0, -len(str(number_of(pattern)))):
        reason = f"{name_of(pattern)} has a name of its own (container_name): there can be only one"
        return [Refusal("preconditions", reason, "remove container_name from the Compose file")]
    if made and (ports := fixed_ports(pattern)):
        reason = f"it takes port {', '.join(ports)} of the machine: there can be only one"
        return [Refusal("preconditions", reason, "publish a range of ports, or put a proxy in front")]
    if made and part(pattern, "State").get("Running") is not True:
        return [Refusal("preconditions", f"{name_of(pattern)} does not run", "cure it before making more like it")]
    return []
