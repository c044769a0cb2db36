"""The local Memorystore API, as gcloud itself drives it: its answers are read back from the server's state."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request

Run = Callable[[str], Awaitable[tuple[int, str, str]]]


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane(settle_s=0.05)
    plane.memorystore.seed("cart", "europe-west1")
    plane.memorystore.seed("sessions", "europe-west1", tier="BASIC", size_gb=1)
    await plane.start()
    yield plane
    await plane.close()


@pytest.fixture
def gcloud(plane: ControlPlane, tmp_path: Path) -> Run:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed here")
    token = tmp_path / "token"
    token.write_text(plane.tokens.issue())
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_CORE_PROJECT": "demo-shop",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_REDIS": f"{plane.url}/",
    }

    async def run(line: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(line), env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, complaint = await process.communicate()
        return process.returncode or 0, out.decode(), complaint.decode()

    return run


async def test_gcloud_reads_resizes_and_fails_over(plane: ControlPlane, gcloud: Run) -> None:
    status, out, complaint = await gcloud("gcloud redis instances describe cart --region=europe-west1 --format=json")
    assert status == 0, complaint
    assert json.loads(out) == plane.memorystore.instances[name("cart")].document
    _, out, _ = await gcloud("gcloud redis instances list --region=europe-west1 --format=value(name)")
    assert out.split() == ["cart", "sessions"] or out.split() == [name("cart"), name("sessions")]
    status, _, complaint = await gcloud("gcloud redis instances update cart --region=europe-west1 --size=7")
    assert status == 0, complaint
    assert document(plane)["memorySizeGb"] == 7
    status, _, complaint = await gcloud("gcloud redis instances failover cart --region=europe-west1")
    assert status == 0, complaint
    assert document(plane)["currentLocationId"] == "europe-west1-c"


async def test_gcloud_is_told_why_it_is_refused(plane: ControlPlane, gcloud: Run) -> None:
    status, _, complaint = await gcloud("gcloud redis instances failover sessions --region=europe-west1")
    assert status != 0 and "STANDARD_HA" in complaint
    plane.memorystore.instances[name("cart")].used_gb = 3
    status, _, complaint = await gcloud("gcloud redis instances update cart --region=europe-west1 --size=2")
    assert status != 0 and "smaller than" in complaint


async def test_a_change_is_in_the_audit_log_as_it_begins_and_ends(plane: ControlPlane) -> None:
    asked = Request(
        "PATCH", "", f"/v1/{name('cart')}", {"updateMask": "memorySizeGb"}, {"user-agent": "x"},
        b'{"memorySizeGb": 6}', "127.0.0.1",
    )  # fmt: skip
    operation = await plane.memorystore.handle(asked, "ann@shop.example")
    assert operation["done"] is False and document(plane)["state"] == "UPDATING"
    async with asyncio.timeout(10):
        while document(plane)["state"] != "READY":  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.01)
    written = [entry for entry in plane.logs._entries if "protoPayload" in entry]
    assert [entry["protoPayload"]["methodName"].rpartition(".")[2] for entry in written] == ["UpdateInstance"] * 2
    assert written[0]["protoPayload"]["request"] == {"memorySizeGb": 6}
    assert written[1]["operation"]["last"] is True


def name(instance: str) -> str:
    return f"projects/demo-shop/locations/europe-west1/instances/{instance}"


def document(plane: ControlPlane) -> dict[str, Any]:
    return plane.memorystore.instances[name("cart")].document
