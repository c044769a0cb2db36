"""gcloud itself before the local control plane, with Google's own host names: the plane is its HTTP proxy."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .world import PROJECT, WHO, World

_APIS = {
    "RUN": "run",
    "SQL": "sqladmin",
    "REDIS": "redis",
    "SECRETMANAGER": "secretmanager",
    "LOGGING": "logging",
    "VPCACCESS": "vpcaccess",
}
DEADLINE_S = 90.0


async def gcloud(argv: Sequence[str], at: World, folder: Path) -> tuple[int, str]:
    """Run it; exit code and what it said on standard error."""
    token = folder / "token"
    token.write_text(at.plane.tokens.issue(WHO), encoding="utf-8")
    overrides = {
        f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": f"http://{api}.googleapis.com/" for name, api in _APIS.items()
    }
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CLOUDSDK_CONFIG": str(folder.parent / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
        "CLOUDSDK_PROXY_PORT": at.url.rpartition(":")[2],
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": "http://compute.googleapis.com/compute/v1/",
        **overrides,
    }
    return await run(argv, environment, folder)


async def run(argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """The same with an environment of its own; `folder` takes what it says."""
    said = folder / "said"
    command = {"argv": list(argv[1:]), "environment": environment, "said": str(said)}
    try:
        async with asyncio.timeout(DEADLINE_S):
            code = await asyncio.to_thread(_warm(environment).run, command)
    except BaseException:
        stop()
        raise
    return code, said.read_text("utf-8", "replace")


class Warm:
    """A gcloud that has imported what it needs: `warm.py` by gcloud's own script. It ends with this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        script = str(Path(__file__).with_name("warm.py"))
        self._process = subprocess.Popen(
            ["gcloud"],
            env={**environment, "CLOUDSDK_PYTHON_ARGS": script},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._ready = False

    def run(self, command: Mapping[str, object]) -> int:
        """Its exit code."""
        if not self._ready:
            assert self._answer() == "ready", "gcloud's own script does not start what CLOUDSDK_PYTHON_ARGS says"
            self._ready = True
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def stop(self) -> None:
        """With whatever it runs: no answer comes."""
        with self._process as process, contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer, "gcloud itself ended"
        return answer


_started: list[Warm] = []


def _warm(environment: Mapping[str, str]) -> Warm:
    """The one of this process."""
    if not _started:
        _started.append(Warm(environment))
    return _started[0]


@atexit.register
def stop() -> None:
    """Once nothing is to be run any more."""
    while _started:
        _started.pop().stop()
