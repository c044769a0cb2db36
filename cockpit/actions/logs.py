"""Keeping out a client address that a log entry shows, with the profile's own command: run, or offered to copy."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Sequence

from cockpit.actions.bound import BoundAction
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.ownground import OWN_GROUND
from cockpit.adapters.capabilities import CommandRunning
from cockpit.clock import Clock
from cockpit.errors import Misconfigured, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Grant,
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
from cockpit.profile.schema import BlockAction, Limits
from cockpit.text import clean

BLOCK = ActionSpec(
    "logs.block",
    "Block address",
    SourceKind.LOGS,
    "B",
    Tier.T3,
    "Runs the profile's command that keeps the client address of the entry out, or offers it to copy.",
    (Param("ip", ParamKind.ADDRESS, "the client's address"),),
    reversible=True,
)
UNBLOCK = ActionSpec(
    "logs.unblock",
    "Lift block",
    SourceKind.LOGS,
    "",
    Tier.T2,
    "Runs the profile's command that lifts the block of an address.",
    (Param("ip", ParamKind.ADDRESS, "the address that was blocked"),),
    listed=False,
)
SPECS = (BLOCK, UNBLOCK)

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def protected(address: _Address, never: Sequence[str]) -> str:
    """Why the address must not be blocked, "" when it may. `never`: networks, as the profile has checked them."""
    for network, meaning in OWN_GROUND:
        if address in ipaddress.ip_network(network):
            return f"{address} is {meaning}"
    for entry in never:
        if address in ipaddress.ip_network(entry, strict=False):
            return f"{address} is in {entry}, which the profile never blocks"
    return ""


def parsed(text: str) -> _Address:
    """One address; an IPv4 address in IPv6 clothes is undressed. Refused for anything else, networks included."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        hint = "one address, no network or range" if "/" in text or "-" in text else "an IPv4 or IPv6 address"
        raise Refused("parameters", f"{clean(text, 80)!r} is not one IP address", hint=hint) from error
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.scope_id is not None:
            raise Refused("parameters", f"{clean(text, 80)!r} has a zone", hint="an address without %zone")
    return address


class _AddressAction(BoundAction):
    """One command of the profile with an address filled in."""

    def __init__(
        self,
        spec: ActionSpec,
        source_id: str,
        block: BlockAction | None,
        scene: Scene,
        clock: Clock,
        runner: CommandRunning,
    ) -> None:
        super().__init__(spec, source_id)
        self._block = block
        self._scene = scene
        self._clock = clock
        self._runner = runner

    @property
    def template(self) -> tuple[str, ...]:
        """The command of the profile; empty when it has none."""
        if self._block is None:
            return ()
        return self._block.command if self._spec is BLOCK else self._block.undo or ()

    def unavailable(self) -> str:
        """Why it cannot be offered."""
        if self._block is None:
            return "the profile has no [block]"
        return "" if self.template else "[block] in the profile has no undo"

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact command; a refusal where it may only be copied or the address is protected."""
        block = self._block
        if block is None or self.unavailable():
            raise Refused("catalogue", self.unavailable())
        address = parsed(request.get("ip"))
        argv = self._argv(self.template, address)
        refusals: list[Refusal] = []
        blocking = self._spec is BLOCK
        reason = protected(address, block.never) if blocking else ""
        if reason:
            refusals.append(Refusal("preconditions", reason, "blocking it would hit ourselves"))
        elif not block.run:
            refusals.append(
                Refusal("preconditions", "this profile only offers the command to copy", "copy it, or set run = true")
            )
        words = ("reaches the system", "is kept out")
        return Plan(
            request=request,
            title=f"{'Block' if blocking else 'Lift the block of'} {address}",
            tier=self._spec.tier,
            target=f"{address} at the edge of {self._scene.system}",
            identity={"ip": str(address)},
            changes=(Change(str(address), words[not blocking], words[blocking]),),
            objects=(str(address),),
            count=1,
            population=0,
            affected=f"everybody behind {address}: with NAT or a proxy that can be many users",
            operation=(shlex.join(argv),),
            equivalent=(shlex.join(argv),),
            permission=Permission(Grant.UNKNOWN, "to run the command", "it uses this machine's own credentials"),
            undo=self._undo(request, address),
            planned_at=self._clock.now(),
            deadline_s=block.timeout + 5.0,
            refusals=tuple(refusals),
            symptoms=(self._source,),
            basis={"argv": argv, "timeout": block.timeout},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Run the command once; an exit status other than 0 is FAILED, with its output."""
        argv, timeout = plan.basis["argv"], plan.basis["timeout"]
        if not isinstance(argv, tuple) or not isinstance(timeout, float | int):
            raise Misconfigured("the plan has no command")
        control.progress(0, 1, argv[0])
        result = await self._runner.run(argv, float(timeout))
        control.progress(1, 1, "done")
        if result.status == 0:
            return RunResult(Outcome.SUCCEEDED, f"{plan.title}: the command ended well", details=result.output)
        last = result.output[-1] if result.output else "it said nothing"
        return RunResult(
            Outcome.FAILED, f"the command ended with status {result.status}: {last}", done=0, details=result.output
        )

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """From here nobody sees whether the edge lets it in: the log shows it."""
        if result.outcome is not Outcome.SUCCEEDED:
            return Verification(False, "the command failed")
        return Verification(None, f"the command ended well; watch the log for {plan.identity['ip']}")

    def _undo(self, request: ActionRequest, address: _Address) -> Undo:
        if self._spec is UNBLOCK:
            return Undo("block it again")
        if self._block is None or not self._block.undo:
            return Undo("the profile has no command that lifts a block")
        lift = shlex.join(self._argv(self._block.undo, address))
        return Undo(lift, ActionRequest(UNBLOCK.id, request.source, {"ip": str(address)}))

    @staticmethod
    def _argv(template: Sequence[str], address: _Address) -> tuple[str, ...]:
        return tuple(word.replace("{ip}", str(address)) for word in template)


def handlers(
    source_id: str,
    block: BlockAction | None,
    scene: Scene,
    limits: Limits,
    clock: Clock,
    runner: CommandRunning | None = None,
) -> list[ActionHandler]:
    """Block and lift. Without a `runner` commands run as processes of this machine."""
    if runner is None:
        from cockpit.adapters.files.command import CommandRunner

        runner = CommandRunner()
    return [_AddressAction(spec, source_id, block, scene, clock, runner) for spec in SPECS]
