"""One recorded command in its own new namespace, by the cockpit, by what kubectl sent, or by kubectl itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cockpit.actions.handler import RunControl
from cockpit.actions.params import completed
from cockpit.adapters.kube.gateway import Gateway
from cockpit.clock import SystemClock
from cockpit.engine.binding import bind
from cockpit.engine.compose import compose, load_adapters, replacements
from cockpit.model.action import ActionRequest, Plan
from cockpit.model.command import Intent, Kind
from cockpit.profile.load import load
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

from ..servers.kube.client import KubeError
from ..servers.kube.fixtures import Namespace
from .recorded import NAMESPACE, Recorded, Sent
from .world import changed, set_up, snapshot


@dataclass(frozen=True, slots=True)
class Done:
    """What a command led to."""

    facts: Mapping[str, Any]  # that are other than before
    requests: tuple[Sent, ...] = ()
    exit: int = 0
    plan: Plan | None = None  # of the cockpit
    intent: Intent | None = None


async def by_replay(command: Recorded, namespace: Namespace) -> Done:
    """The recorded requests again; each is answered as it was then."""
    await set_up(namespace, command.id)
    before = snapshot(namespace)
    for each in command.requests:
        path = each.path.replace(f"/namespaces/{NAMESPACE}/", f"/namespaces/{namespace.name}/")
        body = each.body
        if each.method == "PUT":  # the object as it was read then: here it has another identity
            body = {**body, "metadata": (await asyncio.to_thread(namespace.client.get, path))["metadata"]}
        kind = each.content_type or "application/json"
        try:
            await asyncio.to_thread(namespace.client.request, each.method, path, body, kind, **each.query)
            status = 200
        except KubeError as error:
            status = error.code
        assert status == each.status, (command.id, each.method, path)
    return Done(changed(before, snapshot(namespace)), command.requests, command.exit)


async def by_cockpit(
    command: Recorded, namespace: Namespace, folder: Path, monkeypatch: pytest.MonkeyPatch, instead: str = ""
) -> Done:
    """Understood, bound, planned, run and verified. `instead`: another text in the command's place."""
    await set_up(namespace, command.id)
    before, sent = snapshot(namespace), _listening(monkeypatch)
    profile = load(_profile(namespace, folder))
    load_adapters(profile)
    parts = compose(profile, folder, SystemClock())
    try:
        (found,) = commands_of(instead or command.command(namespace.name), language="bash", line=1)
        meant = understand(found, replacements())
        assert meant.kind is Kind.NATIVE and meant.intent is not None, f"the cockpit has nothing for {found.text}"
        intent = meant.intent
        able = [each for each in parts.handlers if each.spec.id == intent.name]
        bound = bind(intent.target, found.placeholders, [each.source for each in able], parts.names, {})
        assert len(bound.sources) == 1 and bound.sure, bound
        (handler,) = [each for each in able if each.source == bound.sources[0]]
        request = ActionRequest(intent.name, bound.sources[0], intent.params)
        plan = await handler.plan(completed(handler.spec, request))
        if not plan.refusals:
            result = await handler.run(plan, RunControl(lambda *_: None, lambda: False))
            verified = await handler.verify(plan, result)
            assert verified.holds, (result, verified)
    finally:
        for each in parts.closing:
            await each.close()
    return Done(changed(before, snapshot(namespace)), tuple(sent), plan=plan, intent=intent)


async def by_kubectl(command: Recorded, namespace: Namespace, kubectl: str) -> Done:
    """The program itself."""
    await set_up(namespace, command.id)
    before, config = snapshot(namespace), namespace.kubeconfig()
    home = namespace.server.home

    def run() -> int:
        argv = [
            kubectl,
            f"--kubeconfig={config}",
            f"--cache-dir={home / 'kubectl'}",
            *command.words(namespace.name)[1:],
        ]
        env = {"PATH": os.defpath, "HOME": str(home)}
        return subprocess.run(argv, capture_output=True, timeout=60, check=False, env=env).returncode

    code = await asyncio.to_thread(run)
    return Done(changed(before, snapshot(namespace)), exit=code)


def _listening(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Every request of the gateway from now on."""
    sent: list[Sent] = []
    real = Gateway._send

    async def send(
        self: Gateway, method: str, asked: Any, query: Any, body: Any, accept: str, within_s: Any, content: str = ""
    ) -> Any:
        told = content or "application/json"
        sent.append(Sent(method, asked.path, dict(query), told, body))
        return await real(self, method, asked, query, body, accept, within_s, told)

    monkeypatch.setattr(Gateway, "_send", send)
    return sent


def _profile(namespace: Namespace, folder: Path) -> Path:
    path = folder / "profile.toml"
    table = f'[[kubernetes]]\nname = "main"\nkubeconfig = "{namespace.kubeconfig()}"\ncontext = "test"\n'
    head = 'system = "shop"\nenvironment = "test"\n\n'
    path.write_text(f'{head}{table}namespace = "{namespace.name}"\n', encoding="utf-8")
    return path


def states(one: Done, other: Done) -> set[str]:
    """What is otherwise afterwards."""
    paths = one.facts.keys() | other.facts.keys()
    return {f"state {path}" for path in paths if one.facts.get(path, ()) != other.facts.get(path, ())}
