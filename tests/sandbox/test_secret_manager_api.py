"""The local Secret Manager API, as gcloud itself drives it: versions are made and switched, no value comes back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request

Run = Callable[[str], Awaitable[tuple[int, str, str]]]
NOW = datetime.now(UTC)
ROOT = "/v1/projects/demo-shop/secrets"


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane()
    plane.secrets.seed("api-key", NOW - timedelta(days=60), NOW - timedelta(days=30))
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
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": f"{plane.url}/",
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


async def test_gcloud_lists_adds_and_switches(plane: ControlPlane, gcloud: Run, tmp_path: Path) -> None:
    file = tmp_path / "new"
    file.write_bytes(b"made-up\n")
    status, out, complaint = await gcloud("gcloud secrets list --format=json")
    assert status == 0, complaint
    assert [each["name"].rpartition("/")[2] for each in json.loads(out)] == ["api-key"]
    status, _, complaint = await gcloud(f"gcloud secrets versions add api-key --data-file={file}")
    assert status == 0, complaint
    versions = plane.secrets.secrets["api-key"].versions
    assert versions[3].digest == hashlib.sha256(b"made-up\n").hexdigest()
    status, _, complaint = await gcloud("gcloud secrets versions disable 2 --secret=api-key")
    assert (status, versions[2].state) == (0, "DISABLED"), complaint
    _, out, complaint = await gcloud("gcloud secrets versions list api-key --format=json")
    assert [each["state"] for each in json.loads(out)] == ["ENABLED", "DISABLED", "ENABLED"], complaint


async def test_gcloud_gets_no_value(plane: ControlPlane, gcloud: Run) -> None:
    status, out, complaint = await gcloud("gcloud secrets versions access latest --secret=api-key")
    assert status != 0 and out == "" and "PERMISSION_DENIED" in complaint


async def ask(plane: ControlPlane, method: str, path: str, body: object = None) -> dict[str, object]:
    data = json.dumps(body or {}).encode()
    return await plane.secrets.handle(Request(method, "", f"{ROOT}{path}", {}, {}, data, "127.0.0.1"), "ann")


async def refused(plane: ControlPlane, method: str, path: str, body: object = None) -> str:
    with pytest.raises(ApiError) as caught:
        await ask(plane, method, path, body)
    return f"{caught.value.code}: {caught.value.message}"


async def test_latest_is_the_newest_whatever_its_state(plane: ControlPlane) -> None:
    assert "PERMISSION_DENIED" in await refused(plane, "GET", "/api-key/versions/latest:access")
    await ask(plane, "POST", "/api-key/versions/2:disable")
    found = await refused(plane, "GET", "/api-key/versions/latest:access")
    assert found.startswith("FAILED_PRECONDITION") and "versions/2] is in DISABLED state" in found
    assert "PERMISSION_DENIED" in await refused(plane, "GET", "/api-key/versions/1:access")


async def test_what_is_refused(plane: ControlPlane) -> None:
    add = "/api-key:addVersion"
    assert "checksum" in await refused(plane, "POST", add, {"payload": {"data": "eA==", "dataCrc32c": "1"}})
    assert "Invalid value" in await refused(plane, "POST", add, {"payload": {"data": "?"}})
    assert "between 1 and" in await refused(plane, "POST", add, {"payload": {}})
    assert "ABORTED" in await refused(plane, "POST", "/api-key/versions/2:disable", {"etag": '"old"'})
    assert "NOT_FOUND" in await refused(plane, "GET", "/other")
    assert "NOT_FOUND" in await refused(plane, "GET", "/api-key/versions/9")
    await ask(plane, "POST", "/api-key/versions/1:destroy")
    assert "DESTROYED" in await refused(plane, "POST", "/api-key/versions/1:enable")


async def test_changes_are_in_the_audit_log_without_the_value(plane: ControlPlane) -> None:
    answer = await ask(plane, "POST", "/api-key:addVersion", {"payload": {"data": "c2VjcmV0LXZhbHVl"}})
    assert "clientSpecifiedPayloadChecksum" not in answer
    await ask(plane, "POST", "/api-key/versions/1:disable")
    written = [entry["protoPayload"] for entry in plane.logs._entries]
    assert [each["methodName"].rpartition(".")[2] for each in written] == ["AddSecretVersion", "DisableSecretVersion"]
    assert "c2VjcmV0" not in json.dumps(written) and written[0]["resourceName"].endswith("/versions/3")
