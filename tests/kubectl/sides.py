"""One recorded command in a new namespace of its own, by the cockpit, by what kubectl sent, or by kubectl itself."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cockpit.actions.handler import ActionHandler, RunControl
from cockpit.actions.params import completed
from cockpit.adapters.kube.gateway import Gateway
from cockpit.clock import SystemClock
from cockpit.engine.binding import bind
from cockpit.engine.compose import compose, load_adapters, replacements
from cockpit.engine.part import Parts
from cockpit.model.action import ActionRequest, Plan
from cockpit.model.command import Intent, Kind
from cockpit.profile.load import load
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

from ..servers.kube.client import KubeError
from ..servers.kube.fixtures import Namespace
from .recorded import Names, Recorded, Sent, renamed
from .seen import SEEN
from .world import changed, set_up, settled, snapshot

# Where the cockpit has nothing for the command itself, and something better for what it is meant to bring about.
INSTEAD: Mapping[str, tuple[str, Mapping[str, str]]] = {"delete-secret": ("cluster.renew", {"certificate": "web"})}
# What a plan shows is for a person there: no runbook has it like that.
SHOWN_OTHERWISE = {
    "exec-lookup": "the kubeconfig and the server are pinned",
    "exec-query": "the kubeconfig and the server are pinned",
    "backup": "it lists kinds, and keeps nothing in a file by itself",
    "backup-rights": "it lists kinds, and keeps nothing in a file by itself",
    "isolate": "it takes each label away by its name",
    "clear-evicted": "a line for each pod",
    "clear-none": "nothing is to be done",
    "delete-namespace": "nothing is to be done",
    "delete-secret": "of cert-manager's own program",
}
_SAID = re.compile(r'(?:\]| verb=")\s?"?(GET|POST|PUT|PATCH|DELETE)"? (?:url=")?https://[^/]+(/[^ ?"]*)')
_SENT: ContextVar[list[Sent]] = ContextVar("sent")


@dataclass(frozen=True, slots=True)
class Done:
    """What a command led to, in the names of the recording."""

    facts: Mapping[str, Any]  # that are other than before
    requests: tuple[Sent, ...] = ()
    exit: int | str = 0
    plan: Plan | None = None  # of the cockpit
    intent: Intent | None = None
    shown: str = ""  # the command that the plan shows
    again: Plan | None = None  # of that command
    seen: tuple[str, ...] = ()  # what kubectl then answers to the questions of `seen.py`


async def by_replay(command: Recorded, namespace: Namespace, _: Path) -> Done:
    """The recorded requests again, without those of a terminal; each is answered as it was then, as long as nothing
    has changed. From then on kubectl looks until it is done.
    """
    names = await set_up(namespace, command)
    before, waits = snapshot(namespace, command, names), False
    for each in command.renamed(names).requests:
        if each.path.endswith("/exec") or (waits and each.reads):
            continue
        waits = waits or not each.reads
        body = each.body
        if each.method == "PUT":  # the object as it was read then: here it has another identity
            body = {**body, "metadata": (await asyncio.to_thread(namespace.client.get, each.path))["metadata"]}
        kind = each.content_type or "application/json"
        try:
            await asyncio.to_thread(namespace.client.request, each.method, each.path, body, kind, **each.query)
            status = 200
        except KubeError as error:
            status = error.code
        assert status == each.status or (status, each.status) == (200, 201), (command.id, each.method, each.path)
    await settled(namespace, command)
    return Done(_told(changed(before, snapshot(namespace, command, names)), names), command.requests, command.exit)


async def by_cockpit(command: Recorded, namespace: Namespace, folder: Path) -> Done:
    """Understood, bound, planned, run and verified; only planned where the command is a rehearsal. The command that
    the plan shows is planned as well.
    """
    names = await set_up(namespace, command)
    before, sent = snapshot(namespace, command, names), list[Sent]()
    _SENT.set(sent)
    parts = composed(namespace, folder)
    try:
        text = renamed(command.command.replace(" --dry-run=server", ""), names)
        intent, handler, request = _meant(command, text, parts)
        plan = await handler.plan(completed(handler.spec, request))
        again = await _planned_again(command, plan, parts)
        if not plan.refusals and not command.tries:
            control = RunControl(lambda *_: None, lambda: False, lend=_lend)
            result = await handler.run(plan, control)
            verified = await handler.verify(plan, result)
            assert verified.holds, (command.id, result, verified)
    finally:
        for each in parts.closing:
            await each.close()
    await settled(namespace, command)
    facts = changed(before, snapshot(namespace, command, names))
    back = {here: there for there, here in reversed(names.items())}
    seen = [renamed(each, back) for each in await asyncio.to_thread(_seen, command, namespace, names, folder)]
    own = [each for each in sent if _about(each, names)]
    shown = renamed(plan.equivalent[-1], back) if plan.equivalent else ""
    requests = tuple(each.renamed(back) for each in own)
    return Done(_told(facts, names), requests, 0, plan, intent, shown, again, tuple(seen))


async def by_kubectl(command: Recorded, namespace: Namespace, folder: Path) -> Done:
    """The program itself, in a shell as a runbook has it."""
    names = await set_up(namespace, command)
    before = snapshot(namespace, command, names)
    code, _ = await asyncio.to_thread(kubectl_itself, command.renamed(names), namespace, folder)
    await settled(namespace, command)
    return Done(_told(changed(before, snapshot(namespace, command, names)), names), exit=code)


def kubectl_itself(command: Recorded, namespace: Namespace, folder: Path) -> tuple[int, tuple[Sent, ...]]:
    """Its status, and the requests that it says it sends: https://kubernetes.io/docs/reference/kubectl/ -v=6."""
    done = in_a_shell(re.sub(r"\bkubectl(?= [a-z])", "kubectl -v=6", command.command), namespace, folder)
    said = re.findall(
        r'(?:\]| verb=")\s?"?(GET|POST|PUT|PATCH|DELETE)"? (?:url=")?https://[^/]+(/[^ ?"]*)', done.stderr
    )
    return done.returncode, tuple(Sent(method, path, {}, "", None) for method, path in said)


def in_a_shell(text: str, namespace: Namespace, folder: Path) -> subprocess.CompletedProcess[str]:
    """As admin of that namespace, with nothing of whoever runs the tests."""
    folder.mkdir(parents=True, exist_ok=True)
    home = namespace.server.home
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "KUBECACHEDIR": str(home / "kubectl")}
    env["KUBECONFIG"] = str(namespace.kubeconfig())
    argv = ["/bin/sh", "-c", text]
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False, env=env, cwd=folder
    )


def _seen(command: Recorded, namespace: Namespace, names: Names, folder: Path) -> list[str]:
    if shutil.which("kubectl") is None:
        return []
    asked = [renamed(f"kubectl {question}", names) for question, _ in SEEN.get(command.id, ())]
    done = [in_a_shell(shlex.join(shlex.split(each, posix=False)), namespace, folder) for each in asked]
    return [each.stdout + each.stderr for each in done]


def composed(namespace: Namespace, folder: Path) -> Parts:
    """The cockpit on a profile of that namespace."""
    profile = load(profile_of(namespace, folder))
    load_adapters(profile)
    return compose(profile, folder, SystemClock())


def _meant(command: Recorded, text: str, parts: Parts) -> tuple[Intent | None, ActionHandler, ActionRequest]:
    if command.id in INSTEAD:
        action, params = INSTEAD[command.id]
        (handler,) = [each for each in parts.handlers if each.spec.id == action]
        return None, handler, ActionRequest(action, handler.source, params)
    (found,) = commands_of(text, language="bash", line=1)
    meant = understand(found, replacements())
    assert meant.kind is Kind.NATIVE and meant.intent is not None, f"the cockpit has nothing for {found.text}"
    intent = meant.intent
    able = [each for each in parts.handlers if each.spec.id == intent.name]
    bound = bind(intent.target, found.placeholders, [each.source for each in able], parts.names, {})
    assert len(bound.sources) == 1 and bound.sure, bound
    (handler,) = [each for each in able if each.source == bound.sources[0]]
    return intent, handler, ActionRequest(intent.name, bound.sources[0], intent.params)


async def _planned_again(command: Recorded, plan: Plan, parts: Parts) -> Plan | None:
    if command.id in SHOWN_OTHERWISE:
        return None
    heard_so_far = len(_SENT.get())
    _, handler, request = _meant(command, plan.equivalent[-1], parts)
    again = await handler.plan(completed(handler.spec, request))
    del _SENT.get()[heard_so_far:]
    return again


async def _lend(argv: Sequence[str], _wait: bool) -> int:
    """Not opened: what it would ask for."""
    words = list(argv)
    at = words.index("exec")
    pod, namespace = words[at + 3], words[words.index("-n") + 1]
    query = {"command": words[words.index("--") + 1 :], "container": words[words.index("-c") + 1]}
    query |= {"stdin": "true", "stdout": "true", "tty": "true"}
    _SENT.get().append(Sent("POST", f"/api/v1/namespaces/{namespace}/pods/{pod}/exec", query, "", None))
    return 0


def _about(request: Sent, names: Names) -> bool:
    """The whole cluster, or a namespace of these: a drained node may have pods of others."""
    found = re.search(r"/namespaces/([^/]+)", request.path)
    return found is None or found[1] in names.values()


def _told(facts: Mapping[str, Any], names: Names) -> Mapping[str, Any]:
    told: Mapping[str, Any] = renamed(facts, {here: there for there, here in reversed(names.items())})
    return told


@contextmanager
def listening() -> Iterator[None]:
    """Every request of every gateway is kept, with whoever began its task."""
    real, websocket = Gateway._send, Gateway.websocket

    async def send(
        self: Gateway, method: str, asked: Any, query: Any, body: Any, accept: str, within_s: Any, content: str = ""
    ) -> Any:
        told = content or "application/json"
        _SENT.get().append(Sent(method, asked.path, dict(query), told, body, accept=accept))
        return await real(self, method, asked, query, body, accept, within_s, told)

    async def connect(self: Gateway, path: str, query: Any, protocols: Any) -> Any:
        _SENT.get().append(Sent("GET", path, dict(query), "", None))
        return await websocket(self, path, query, protocols)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Gateway, "_send", send)
        patched.setattr(Gateway, "websocket", connect)
        yield


@contextmanager
def heard() -> Iterator[list[Sent]]:
    """What is sent meanwhile by tasks that begin now."""
    token = _SENT.set([])
    yield _SENT.get()
    _SENT.reset(token)


def profile_of(namespace: Namespace, folder: Path) -> Path:
    """That has the namespace and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "profile.toml"
    table = f'[[kubernetes]]\nname = "main"\nkubeconfig = "{namespace.kubeconfig()}"\ncontext = "test"\n'
    head = 'system = "shop"\nenvironment = "test"\n\n'
    kept = f'backups = "{folder / "kept"}"\n'
    path.write_text(f'{head}{table}namespace = "{namespace.name}"\n{kept}', encoding="utf-8")
    return path


def states(one: Done, other: Done) -> set[str]:
    """What is otherwise afterwards."""
    paths = one.facts.keys() | other.facts.keys()
    return {f"state {path}" for path in paths if one.facts.get(path, ()) != other.facts.get(path, ())}
