"""The HTTP actions that a profile declares (maintenance, rate limit, cache-only), as one guarded action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.actions.bound import BoundAction
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.capabilities import HttpCalling
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Malformed, Misconfigured, Refused, TimedOut
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Grant,
    Outcome,
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
from cockpit.profile.schema import HttpAction, Limits

VERIFY_FOR_S = 5.0  # a switch may take a moment to show
_VERIFY_EVERY_S = 0.5

CALL = ActionSpec(
    id="health.call",
    title="Call HTTP action",
    pane=SourceKind.HEALTH,
    key="M",
    tier=Tier.T2,
    summary="Sends one HTTP request that the profile declares, once, and reads the effect back.",
    params=(Param("name", ParamKind.CHOICE, "name of an http_action of the profile"),),
    scope=Scope.SOURCE,
    reversible=True,
)

SPECS = (CALL,)


def handlers(
    source_id: str, clients: Sequence[HttpCalling], scene: Scene, limits: Limits, clock: Clock
) -> list[ActionHandler]:
    """One handler, whatever the number of declared actions; each client sends one of them."""
    return [CallHttpAction(source_id, {client.action.name: client for client in clients}, scene, clock)]


class CallHttpAction(BoundAction):
    """Which of them is the parameter `name`; the tier is the declared one."""

    def __init__(self, source: str, declared: Mapping[str, HttpCalling], scene: Scene, clock: Clock) -> None:
        super().__init__(CALL, source)
        self._declared = declared
        self._scene = scene
        self._clock = clock

    def unavailable(self) -> str:
        """Without any declared action there is nothing to call."""
        return "" if self._declared else "the profile declares no [[http_action]]"

    async def choices(self, param: str) -> Sequence[Choice]:
        """The declared actions."""
        if param != "name":
            return ()
        return [Choice(name, f"{client.action.title} ({name})") for name, client in self._declared.items()]

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact request, and what verify_url says before it. Raises Refused for a name that is not declared."""
        name = request.get("name")
        if name not in self._declared:
            known = ", ".join(self._declared) or "none"
            raise Refused("parameters", f"the profile declares no http_action {name!r}", hint=f"Declared: {known}")
        client = self._declared[name]
        action = client.action
        refusals: list[Refusal] = []
        try:
            await client.prepare()
        except (Misconfigured, TimedOut) as error:
            refusals.append(Refusal("permission", error.message, error.hint))
        before, warnings = await self._before(action, client)
        return Plan(
            request=ActionRequest(CALL.id, self._source, {"name": name}),
            title=action.title,
            tier=max(Tier[action.tier], Tier.T2),
            target=f"{name} of {self._scene.system}/{self._scene.environment}",
            identity={"http_action": name},
            changes=(
                Change(action.verify_path or action.title, before, action.verify_equals or "as the answer says"),
            ),
            objects=(client.request()[0],),
            count=1,
            population=0,
            affected=action.affects,
            operation=client.request(),
            equivalent=client.curl(),
            permission=Permission(Grant.UNKNOWN, "that the service accepts the request", "only sending it can tell"),
            undo=self._undo(action),
            planned_at=self._clock.now(),
            deadline_s=action.timeout,
            refusals=tuple(refusals),
            warnings=warnings,
            symptoms=(self._source,),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Send it. A status of 500 and up may come after the effect: UNKNOWN. Raises CockpitError."""
        client = self._declared[plan.request.get("name")]
        status, text = await client.send()
        said = f"HTTP {status}" + (f": {text}" if text else "")
        if status in client.action.expect:
            return RunResult(Outcome.SUCCEEDED, said)
        if status >= 500:
            return RunResult(Outcome.UNKNOWN, f"{said}; it may have happened all the same: check", 0)
        if 300 <= status < 400:
            return RunResult(Outcome.FAILED, f"{said}; a redirect is not followed: correct the URL in the profile", 0)
        return RunResult(Outcome.FAILED, f"{said}; expected {_listed(client.action.expect)}", 0)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Read back for 5 s at most, until it is what the profile says it must be."""
        client = self._declared[plan.request.get("name")]
        wanted = client.action.verify_equals
        until = self._clock.monotonic() + VERIFY_FOR_S
        while True:
            found = await client.read_back()
            if found is None:
                return Verification(None, "the profile has no verify_url: the effect cannot be read back")
            what = client.action.verify_path or client.action.verify_url
            if wanted is None:
                return Verification(None, f"{what} is {found}; the profile does not say what it must be")
            if found == wanted:
                return Verification(True, f"{what} is {found}")
            if self._clock.monotonic() >= until:
                return Verification(False, f"{what} is {found}, not {wanted}")
            await self._clock.sleep(_VERIFY_EVERY_S)

    async def _before(self, action: HttpAction, client: HttpCalling) -> tuple[str, tuple[str, ...]]:
        """What it is now, and what to warn of. That it cannot be read is no reason against the action."""
        try:
            before = await client.read_back()
        except Malformed as error:
            return "not readable", (f"the state before is unknown: {error.message}",)
        except CockpitError as error:
            return "not readable", (f"the state before is unknown: {error.word}: {error.message}",)
        if before is None:
            return "not known", ("the profile has no verify_url: the effect cannot be read back",)
        if before == action.verify_equals:
            return before, (f"it is {before} already",)
        return before, ()

    def _undo(self, action: HttpAction) -> Undo:
        if action.undo is None:
            return Undo("none declared: the profile names no action that takes this one back")
        back = self._declared.get(action.undo)
        title = back.action.title if back else action.undo
        return Undo(f"{title} ({action.undo})", ActionRequest(CALL.id, self._source, {"name": action.undo}))


def _listed(statuses: Sequence[int]) -> str:
    return ", ".join(str(status) for status in statuses)
