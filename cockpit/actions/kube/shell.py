"""A shell, or one command, in a container: kubectl exec on the lent terminal, recorded before and after.

What is done in there is nobody's to record or take back; who went where, when and why is.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.ground import KubeAction, preflight
from cockpit.actions.kube.workload import UID
from cockpit.adapters.kube.changing import CORE
from cockpit.adapters.kube.containers import containers_of
from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import annotations_of, name_of, part, text, uid_of
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import Conflict, NotFound, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
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
from cockpit.model.workloads import ContainerState

SHELL = ActionSpec(
    "workloads.shell",
    "Shell in pod",
    SourceKind.WORKLOADS,
    "",
    Tier.T2,
    "Opens a shell in a container, or runs one command there, on this terminal; that it was done is recorded.",
    (
        Param("pod", ParamKind.CHOICE, "the pod", identity=True),
        UID,
        Param("container", ParamKind.CHOICE, "which container, empty for the usual one", False),
        Param("command", ParamKind.TEXT, "a command to run there in place of a shell", False),
    ),
)
_BEST_SHELL = ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")
_DEFAULT = "kubectl.kubernetes.io/default-container"
_MOST_S = 4 * 3600.0
_KILLED = 128


@dataclass(frozen=True, slots=True)
class _Seen:
    """The pod at the moment of planning."""

    pod: Json
    container: ContainerState | None
    argv: tuple[str, ...]  # kubectl, and all that it is told
    inside: tuple[str, ...]  # the program there


class Shell(KubeAction):
    """workloads.shell."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """The pods that run."""
        if param != "pod":
            return ()
        pods = (await self._ground.gateway.listed(path_of(CORE, "pods", self._ground.namespace))).items
        names = sorted(name_of(each) for each in pods if part(each, "status").get("phase") == "Running")
        return [Choice(name, name) for name in names]

    async def choices_among(self, param: str, given: dict[str, str]) -> Sequence[Choice]:
        """The containers of the pod."""
        if param != "container" or not given.get("pod"):
            return await self.choices(param)
        pod = await self._pod(given["pod"])
        usual = _usual(pod)
        return [
            Choice(each.name, f"{each.name}, {each.state}", recommended=each.name == usual)
            for each in containers_of(pod)
            if not each.init
        ]

    async def plan(self, request: ActionRequest) -> Plan:
        """Which pod exactly, which container, the exact command line."""
        ground, place, name = self._ground, self._ground.gateway.place, request.get("pod")
        pod = await self._pod(name)
        seen, refusals = self._seen(request, pod)
        rights = (Right("create", "pods", "", "exec", ground.namespace, name),)
        what = shlex.join(seen.inside) if request.get("command") else "a shell"
        where = f"pod/{name}, container {seen.container.name}" if seen.container else f"pod/{name}"
        return self.card(
            request,
            title=f"Run {what} in {where}" if request.get("command") else f"Open a shell in {where}",
            target=ground.named(where),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": ground.namespace,
                "pod": name,
                "uid": uid_of(pod),
                "container": seen.container.name if seen.container else "",
            },
            permission=await preflight(ground, rights),
            undo=Undo("cannot be undone: what is done in there is not known here"),
            refusals=refusals,
            warnings=(
                "what is typed and shown in there is not recorded; that it was opened, by whom and why, is",
                "files that are changed there are gone at the container's next start",
            ),
            objects=(where,),
            affected=f"whoever {where} serves, by what is done there",
            operation=shlex.join(seen.argv),
            equivalent=(shlex.join(("kubectl", *seen.argv[1:])),),
            basis={"argv": seen.argv, "restarts": seen.container.restarts if seen.container else 0},
            deadline_s=_MOST_S,
            lock=f"{self.source}/pods/{uid_of(pod)}",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Look once more that it is this very pod, then lend the terminal."""
        if control.lend is None:
            raise Refused("terminal", "there is no terminal to lend here", hint=plan.equivalent[0])
        pod = await self._pod(plan.identity["pod"])
        if uid_of(pod) != plan.identity["uid"]:
            raise Conflict(f"pod/{plan.identity['pod']} was deleted and made again", hint="plan again")
        argv = plan.basis["argv"]
        if not isinstance(argv, tuple):
            raise TypeError("argv")
        control.progress(0, 0, "the terminal is lent to kubectl")
        began = self._ground.clock.monotonic()
        command = bool(plan.request.get("command"))
        status = await control.lend(argv, command)
        lasted = f"after {self._ground.clock.monotonic() - began:.0f} s"
        if status < 0 or status > _KILLED:
            said = f"kubectl was killed by signal {-status if status < 0 else status - _KILLED} {lasted}"
            return RunResult(Outcome.UNKNOWN, f"{said}: what it ran there may go on", 0)
        if status and command:
            return RunResult(Outcome.FAILED, f"the command ended with status {status} {lasted}", 0)
        what = "the command" if command else "the shell"
        return RunResult(Outcome.SUCCEEDED, f"{what} ended with status {status} {lasted}")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether the container lives on as it was."""
        where = f"pod/{plan.identity['pod']}"
        try:
            pod = await self._pod(plan.identity["pod"])
        except NotFound:
            return Verification(False, f"{where} is not there any more")
        if uid_of(pod) != plan.identity["uid"]:
            return Verification(False, f"{where} was deleted and made again")
        found = next((each for each in containers_of(pod) if each.name == plan.identity["container"]), None)
        if found is None or found.state != "running" or found.restarts != plan.basis["restarts"]:
            return Verification(False, f"container {plan.identity['container']} of {where} was restarted or ended")
        return Verification(True, f"{where} runs on, without a restart")

    async def _pod(self, name: str) -> Json:
        return await self._ground.gateway.get(path_of(CORE, "pods", self._ground.namespace, name))

    def _seen(self, request: ActionRequest, pod: Json) -> tuple[_Seen, list[Refusal]]:
        refusals: list[Refusal] = []
        name = name_of(pod)
        if request.get("uid") not in ("", uid_of(pod)):
            refusals.append(Refusal("identity", f"pod/{name} was deleted and made again", "look at it first"))
        wanted = request.get("container") or _usual(pod)
        found = next((each for each in containers_of(pod) if each.name == wanted), None)
        if found is None:
            names = ", ".join(each.name for each in containers_of(pod))
            refusals.append(Refusal("preconditions", f"pod/{name} has no container {wanted}", f"it has {names}"))
        elif found.state != "running":
            reason = f"container {wanted} of pod/{name} does not run: {found.reason or found.state}"
            refusals.append(Refusal("preconditions", reason, "read its logs instead"))
        try:
            inside = tuple(shlex.split(request.get("command"))) or _BEST_SHELL
        except ValueError:
            inside = _BEST_SHELL
            refusals.append(Refusal("parameters", "the command has a quote that is not closed", "write it again"))
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            reason = "there is no kubectl in PATH"
            refusals.append(Refusal("preconditions", reason, "install it, or copy the line to where there is one"))
        argv = (kubectl or "kubectl", *self._place(), "exec", "-i", "-t", name, "-c", wanted, "--", *inside)
        return _Seen(pod, found, argv, inside), refusals

    def _place(self) -> tuple[str, ...]:
        """The context that is pinned, and its server: a kubeconfig that was changed since leads nowhere else."""
        place, table = self._ground.gateway.place, self._ground.table
        config = ("--kubeconfig", os.path.expanduser(table.kubeconfig)) if table.kubeconfig else ()  # noqa: PTH111
        return (*config, "--context", place.context, "--server", place.server, "-n", self._ground.namespace)


def _usual(pod: Json) -> str:
    """As kubectl chooses: the annotation, else the first."""
    names = [each.name for each in containers_of(pod) if not each.init]
    told = text(annotations_of(pod).get(_DEFAULT))
    return told if told in names else next(iter(names), "")
