"""The sides of a command, at once where nothing forbids it: most of it is waiting for controllers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..servers.kube.fixtures import Namespace, make_namespace
from ..servers.kube.server import KubeServer
from .recorded import Recorded
from .sides import Done, by_cockpit, by_kubectl, by_replay, listening
from .world import open_again

# One side after the other: they are about a node, or about all namespaces.
ALONE = ("drain", "cordon", "uncordon", "uncordon-again", "clear-evicted")
REFUSED = ("delete-namespace", "clear-none")  # by the cockpit, before anything is sent
Side = Callable[[Recorded, Namespace, Path], Coroutine[Any, Any, Done]]
SIDES: Mapping[str, Side] = {"replay": by_replay, "cockpit": by_cockpit, "kubectl": by_kubectl}


@dataclass
class Runs:
    """What became of each command on each side, as soon as somebody asks."""

    server: KubeServer
    folder: Path
    done: dict[tuple[str, str], Done | BaseException] = field(default_factory=dict)

    def of(self, side: str, command: Recorded) -> Done:
        """Raises what it broke on."""
        if (side, command.id) not in self.done:
            asyncio.run(self._all(command))
        found = self.done[side, command.id]
        if isinstance(found, BaseException):
            raise found
        return found

    async def _all(self, command: Recorded) -> None:
        limit = asyncio.Semaphore(1 if command.id in ALONE else len(SIDES))
        wanted = [each for each in SIDES if each != "kubectl" or there_is_kubectl()]
        with listening():
            await asyncio.gather(*(self._side(each, command, limit) for each in wanted))

    async def _side(self, name: str, command: Recorded, limit: asyncio.Semaphore) -> None:
        async with limit:
            namespace = await asyncio.to_thread(make_namespace, self.server)
            try:
                folder = self.folder / f"{name}-{command.id}"
                self.done[name, command.id] = await SIDES[name](command, namespace, folder)
            except Exception as error:
                self.done[name, command.id] = error  # raised in the test that it is about
            finally:
                if command.id in ALONE:
                    open_again(namespace)
                for each in (namespace.path("deployments", "apps/v1"), namespace.path("pods")):
                    namespace.client.delete(each)  # whatever is left: nodes and controllers have less to do


def there_is_kubectl() -> bool:
    """On this machine."""
    return shutil.which("kubectl") is not None
