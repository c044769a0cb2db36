"""Each recorded command that only reads: which resources it asks for, and which the look that stands in for it does.

The pane's sources watch what most looks are about, so that a look asks for nothing: "from the reading" in the table.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cockpit.adapters.kube.forward import Forward
from cockpit.adapters.kube.kube import Kube
from cockpit.clock import SystemClock
from cockpit.engine.binding import bind
from cockpit.engine.compose import replacements
from cockpit.engine.engine import Engine
from cockpit.errors import CockpitError
from cockpit.model.command import Intent, Kind
from cockpit.model.look import LookRequest, Sight
from cockpit.model.severity import Freshness
from cockpit.profile.kube import KubernetesSource
from cockpit.profile.load import load
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

from ..gcloud.explained import Explained, unexplained
from ..servers.kube.fixtures import Namespace, make_namespace, until_async
from ..servers.kube.server import KubeServer
from ..servers.kube.things import pod
from .compare import asked_for, looked_for
from .recorded import NAMESPACE, VERSION, Recorded, Sent, recorded
from .runs import there_is_kubectl
from .sides import heard, kubectl_itself, listening, profile_of
from .world import around, pods_for, set_up

LOOKS = [each for each in recorded() if each.looks]
COMMANDS = pytest.mark.parametrize("command", LOOKS, ids=lambda one: one.id)
SOURCES = ("workloads/main", "cluster/main")
FORWARD = "see-forward"  # through a connection of its own, for a source of its own


@dataclass
class Seen:
    """What all looks asked for and said."""

    namespace: Namespace
    names: dict[str, dict[str, str]]
    watched: list[Sent] = field(default_factory=list)  # of the sources, for all looks together
    asked: dict[str, list[Sent]] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    sights: dict[str, Sight | CockpitError] = field(default_factory=dict)


@pytest.fixture(scope="module")
def seen(cluster: KubeServer, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Every look, once."""
    with listening():
        return asyncio.run(_seen(make_namespace(cluster), tmp_path_factory.mktemp("looks")))


async def _seen(namespace: Namespace, folder: Path) -> Seen:
    await asyncio.to_thread(namespace.apply, *around(), pod("prometheus-main-0", notes={"fake-node/port-9090": "9"}))
    await set_up(namespace, LOOKS[0])
    await until_async(lambda: namespace.get("pods/prometheus-main-0")["status"]["phase"] == "Running")
    await _crashed_once(namespace, (await pods_for(namespace, [("first", "blue")]))["first"])
    here = {NAMESPACE: namespace.name, "gauges": namespace.name}
    seen = Seen(namespace, {each.id: here | await pods_for(namespace, each.pods()) for each in LOOKS})
    with heard() as seen.watched:
        engine = Engine(load(profile_of(namespace, folder)), state_dir=folder / "state")
        await engine.__aenter__()
    try:
        await until_async(lambda: all(_fresh(engine, source) for source in SOURCES))
        for command in LOOKS:
            with heard() as seen.asked[command.id]:
                await _look(command, engine, seen)
    finally:
        await engine.close()
    return seen


async def _crashed_once(namespace: Namespace, name: str) -> None:
    """There is a log of the run before, and all is well again."""
    path = f"pods/{name}"
    namespace.annotate(path, behaviour="crash")
    await until_async(lambda: namespace.get(path)["status"]["containerStatuses"][0]["restartCount"])
    namespace.annotate(path, behaviour="ok")
    await asyncio.to_thread(namespace.rolled_out, "web-blue")


def _fresh(engine: Engine, source: str) -> bool:
    state = engine.hub.state(source)
    return state is not None and state.freshness is Freshness.FRESH


async def _look(command: Recorded, engine: Engine, seen: Seen) -> None:
    (found,) = commands_of(command.renamed(seen.names[command.id]).command, language="bash", line=1)
    meant = understand(found, replacements())
    assert meant.kind is Kind.LIVE and meant.intent is not None, f"the cockpit has no look for {found.text}"
    seen.intents[command.id] = intent = meant.intent
    if command.id == FORWARD:
        await _forwarded(seen.namespace)
        return
    bound = bind(intent.target, found.placeholders, engine.looks.sources_for(intent.name), engine.names, {})
    assert len(bound.sources) == 1 and bound.sure, (command.id, bound)
    try:
        seen.sights[command.id] = await engine.looks.look(LookRequest(intent.name, bound.sources[0], intent.params))
    except CockpitError as error:
        seen.sights[command.id] = error


async def _forwarded(namespace: Namespace) -> None:
    """As a source of metrics does it; who closes at once is let in before."""
    kube = Kube(KubernetesSource(name="main", kubeconfig=str(namespace.kubeconfig())), SystemClock())
    forward = Forward(kube, "pod/prometheus-main-0:9090")
    try:
        reader, writer = await asyncio.open_unix_connection(await forward.open())
        await reader.read()  # nothing listens there: it is closed
        writer.close()
    finally:
        await forward.close()
        await kube.close()


@COMMANDS
def test_a_look_asks_for_what_kubectl_asks_for_or_has_it(
    command: Recorded, seen: Seen, kubectl_explained: Sequence[Explained]
) -> None:
    found = looked_for(command.requests, seen.asked[command.id], seen.watched)
    assert "\n".join(unexplained(command.id, found, kubectl_explained)) == ""
    sight = seen.sights.get(command.id)
    assert isinstance(sight, Sight) or command.id == FORWARD, sight
    assert all(each.reads for each in seen.asked[command.id])


def test_values_of_secrets_are_never_asked_for(seen: Seen) -> None:
    every = [*seen.watched, *(each for one in seen.asked.values() for each in one)]
    about = [each for each in every if "/secrets" in each.path]
    assert about and not any(each.values_of_secrets for each in about)
    said = [*seen.sights.values()]
    assert "a2VwdC10by1pdHNlbGY" not in str(said) and "kept-to-itself" not in str(said)


@COMMANDS
@pytest.mark.skipif(not there_is_kubectl(), reason="kubectl is not installed here")
def test_kubectl_itself_asks_for_what_it_asked_for(command: Recorded, seen: Seen, tmp_path: Path) -> None:
    if not isinstance(command.exit, int) or command.id.startswith(FORWARD):
        pytest.skip("it does not end by itself")
    code, sent = kubectl_itself(command.renamed(seen.names[command.id]), seen.namespace, tmp_path)
    assert code == command.exit
    told = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True, timeout=30, check=True)
    if re.search(rf"{re.escape(VERSION)}\.", told.stdout):
        assert asked_for(sent) == asked_for(command.requests)
