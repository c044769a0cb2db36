"""A shell in a pod: the exact line, who may, which pod, and what came of it; kubectl on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import shlex
import shutil
from collections.abc import Sequence

import pytest

from cockpit.actions.handler import RunControl
from cockpit.errors import Conflict, NotFound, Refused
from cockpit.model.action import Grant, Outcome, Plan, RunResult, Tier

from ...servers.kube.fixtures import Namespace, until_async
from ...servers.kube.things import container, pod, rights
from .keeping_desk import KeepingDesk, keeping_on

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on this machine")
HOSTILE = 'a\'b "$HOME" `id` $(id) ; | \\ é'


async def filled(namespace: Namespace, **notes: str) -> None:
    both = [container("app", "reg.test/app:v1"), container("side", "reg.test/side:v1")]
    namespace.apply(pod("one", containers=both, notes={f"fake-node/{key}": text for key, text in notes.items()}))
    await until_async(lambda: namespace.get("pods/one")["status"]["phase"] == "Running")


async def planned(desk: KeepingDesk, **params: str) -> Plan:
    return await desk.plan("workloads.shell", **{"pod": "one", **params})


class Terminal:
    """Plays the one that is lent: a pseudo-terminal with somebody who types."""

    def __init__(self, typed: str = "") -> None:
        self.typed = typed
        self.argv: tuple[str, ...] = ()
        self.wait = False
        self.shown = ""

    async def __call__(self, argv: Sequence[str], wait: bool) -> int:
        self.argv, self.wait = tuple(argv), wait
        ours, theirs = pty.openpty()
        try:
            process = await asyncio.create_subprocess_exec(*argv, stdin=theirs, stdout=theirs, stderr=theirs)
            reading = asyncio.create_task(asyncio.to_thread(self._read, ours))
            if self.typed:
                await until_async(lambda: "$ " in self.shown)
                os.write(ours, self.typed.encode())
            status = await process.wait()
            os.close(theirs)
            theirs = -1
            await reading
            return status
        finally:
            for descriptor in (ours, theirs):
                if descriptor >= 0:
                    os.close(descriptor)

    def _read(self, ours: int) -> None:
        try:
            while data := os.read(ours, 4096):
                self.shown += data.decode("utf-8", "replace")
        except OSError:  # the other side has closed it
            return


async def run(desk: KeepingDesk, plan: Plan, terminal: Terminal) -> RunResult:
    assert plan.refusals == () and plan.permission.grant is Grant.GRANTED
    handler = desk.handlers["workloads.shell"]
    return await handler.run(plan, RunControl(lambda *_: None, lambda: False, lend=terminal))


@needs_kubectl
async def test_a_shell_is_opened_in_the_usual_container_and_its_end_is_told(namespace: Namespace) -> None:
    await filled(namespace, **{"unused": "x"})
    async with keeping_on(namespace) as desk:
        plan = await planned(desk)
        terminal = Terminal("hello there\rexit 3\r")
        result = await run(desk, plan, terminal)
        assert "app@one$ " in terminal.shown and "hello there" in terminal.shown
        assert (result.outcome, terminal.wait) == (Outcome.SUCCEEDED, False)
        assert "ended with status 3 after" in result.summary
        assert (await desk.verify(plan, result)).holds is True
    assert plan.tier is Tier.T2 and plan.undo.request is None
    assert plan.identity["uid"] == namespace.get("pods/one")["metadata"]["uid"]


@needs_kubectl
async def test_a_command_goes_there_word_by_word_and_through_no_shell_here(namespace: Namespace) -> None:
    await filled(namespace)
    async with keeping_on(namespace) as desk:
        plan = await planned(desk, container="side", command=shlex.join(["echo", HOSTILE, "$HOME"]))
        terminal = Terminal()
        result = await run(desk, plan, terminal)
        assert result.outcome is Outcome.SUCCEEDED and terminal.wait
        assert f"{HOSTILE} $HOME" in terminal.shown
    assert terminal.argv[-4:] == ("--", "echo", HOSTILE, "$HOME")
    place = terminal.argv[: terminal.argv.index("exec")]
    assert place[place.index("--context") : place.index("--context") + 2] == ("--context", "test")
    assert namespace.name in place and namespace.server.url in place


@needs_kubectl
async def test_a_command_that_fails_is_a_failure_and_a_killed_kubectl_is_unknown(namespace: Namespace) -> None:
    await filled(namespace, **{"exec-output": "no such table", "exec-exit": "7"})
    async with keeping_on(namespace) as desk:
        plan = await planned(desk, command="psql -c 'select 1'")
        terminal = Terminal()
        result = await run(desk, plan, terminal)
        assert result.outcome is Outcome.FAILED and "status 7" in result.summary
        assert "no such table" in terminal.shown

        class Killed(Terminal):
            async def __call__(self, argv: Sequence[str], wait: bool) -> int:
                return -9

        unknown = await run(desk, plan, Killed())
        assert unknown.outcome is Outcome.UNKNOWN and "may go on" in unknown.summary


async def test_only_the_pod_that_was_planned_and_only_where_it_runs(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/kubectl")
    await filled(namespace)
    async with keeping_on(namespace) as desk:
        plan = await planned(desk)
        with pytest.raises(Refused, match="no terminal"):
            await desk.run(plan)
        assert [each.step for each in (await planned(desk, uid="another")).refusals] == ["identity"]
        assert "has no container none" in (await planned(desk, container="none")).refusals[0].reason
        assert "a quote that is not closed" in (await planned(desk, command="echo 'x")).refusals[0].reason
        with pytest.raises(NotFound):
            await planned(desk, pod="nobody")
        namespace.client.delete(namespace.path("pods/one"), {"gracePeriodSeconds": 0})
        namespace.apply(pod("one"))
        with pytest.raises(Conflict, match="deleted and made again"):
            await run(desk, plan, Terminal())
        assert (await planned(desk)).digest != plan.digest
        namespace.apply(pod("ill", "reg.test/app:missing"))
        await until_async(lambda: namespace.get("pods/ill")["status"]["containerStatuses"])
        ill = await planned(desk, pod="ill")
        assert "does not run" in ill.refusals[0].reason


async def test_who_may_not_and_where_there_is_no_kubectl(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(namespace)
    namespace.apply(
        *rights("reading", "viewer", [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}])
    )
    monkeypatch.setattr(shutil, "which", lambda _: None)
    async with keeping_on(namespace, "viewer") as desk:
        plan = await planned(desk)
        assert plan.permission.grant is Grant.DENIED
        assert plan.permission.needs == f"create pods/exec in {namespace.name}"
        assert plan.refusals[0].reason == "there is no kubectl in PATH"
        (line,) = plan.equivalent
        assert line.startswith("kubectl --kubeconfig ") and " exec -i -t one -c app -- sh -c " in line
        handler = desk.handlers["workloads.shell"]
        assert [each.value for each in await handler.choices("pod")] == ["one"]
        among = await handler.choices_among("container", {"pod": "one"})  # type: ignore[attr-defined]
        assert [(each.value, each.recommended) for each in among] == [("app", True), ("side", False)]
