"""gcloud as a process before the local control plane, with Google's own host names: the plane is its HTTP proxy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
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
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, said = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, said.decode("utf-8", "replace")
