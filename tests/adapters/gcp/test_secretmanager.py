"""Secret Manager as the cockpit reads and changes it: no value is ever asked for, none shows in what fails."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import cockpit.adapters
from cockpit.adapters.gcp.crc32c import crc32c
from cockpit.adapters.gcp.secretmanager import SecretVault, judge, secret_of
from cockpit.adapters.payload import Payload
from cockpit.clock import SystemClock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unreachable,
)
from cockpit.model.secretstore import SecretsStatus, SecretVersion, StoredSecret
from cockpit.model.severity import Severity
from cockpit.profile.google import SecretsSource
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
ROOT = "/v1/projects/demo-shop/secrets"


def error(code: int, status: str, message: str) -> Response:
    return Response(code, json.dumps({"error": {"code": code, "status": status, "message": message}}).encode())


@pytest.fixture
def seeded(plane: ControlPlane) -> ControlPlane:
    plane.secrets.seed("api-key", NOW - 90 * DAY, NOW - 40 * DAY, NOW - 2 * DAY)
    plane.secrets.seed("db-url", NOW - 10 * DAY)
    plane.secrets.secrets["api-key"].versions[1].state = "DESTROYED"
    return plane


def vault_of(front: Any, *names: str, **more: Any) -> SecretVault:
    source = SecretsSource(name="shop", project="demo-shop", names=names, endpoint=front.url, timeout=2, **more)
    return SecretVault(source, SystemClock())


@pytest.fixture
async def vault(front: Any, seeded: ControlPlane) -> AsyncIterator[SecretVault]:
    vault = vault_of(front)
    yield vault
    await vault.close()


async def test_the_secrets_of_the_project_with_their_versions(vault: SecretVault, front: Any) -> None:
    seen = await vault.probe()
    assert (seen.severity, seen.summary) == (Severity.OK, "2 secrets")
    assert isinstance(seen.payload, SecretsStatus)
    key = seen.payload.secret("api-key")
    assert key is not None and key.newest is not None
    assert [(each.number, each.state) for each in key.versions] == [
        ("3", "ENABLED"),
        ("2", "ENABLED"),
        ("1", "DESTROYED"),
    ]
    assert (key.newest.number, key.replication) == ("3", "automatic")
    assert not seen.payload.cut and seen.payload.notes == ()
    asked = [request.path.removeprefix(ROOT) for request in front.requests if request.path.startswith("/v1")]
    assert sorted(asked) == ["", "/api-key/versions", "/db-url/versions"], "one request a secret, beside the list"
    assert not [request for request in front.sent("POST") if request.path != "/token"]


async def test_the_secrets_of_the_profile_and_one_that_is_not_there(front: Any, seeded: ControlPlane) -> None:
    vault = vault_of(front, "db-url", "gone")
    seen = await vault.probe()
    assert isinstance(seen.payload, SecretsStatus)
    assert [each.name for each in seen.payload.secrets] == ["db-url"]
    assert (seen.severity, seen.summary) == (Severity.UNKNOWN, "1 cannot be read")
    assert seen.payload.notes[0].startswith("gone: ") and "not found" in seen.payload.notes[0]
    await vault.close()
    nothing = vault_of(front, "gone")
    with pytest.raises(NotFound):
        await nothing.probe()
    await nothing.close()


async def test_more_than_a_hundred_are_cut(front: Any, plane: ControlPlane) -> None:
    for number in range(103):
        plane.secrets.seed(f"s{number}", NOW)
    vault = vault_of(front)
    names, cut = await vault.names()
    assert (len(names), cut) == (100, True)
    await vault.close()


GOOD = StoredSecret("key", NOW - 90 * DAY, "e", (SecretVersion("2", "ENABLED", NOW - DAY),))


@pytest.mark.parametrize(
    ("secret", "severity", "said"),
    [
        (GOOD, Severity.OK, "1 secret"),
        (replace(GOOD, versions=(SecretVersion("2", "DISABLED", NOW),)), Severity.CRIT, "key: no enabled version"),
        (replace(GOOD, versions=()), Severity.CRIT, "key: no enabled version"),
        (replace(GOOD, expires=NOW + 6 * DAY), Severity.WARN, "key: expires in 6 days"),
        (replace(GOOD, expires=NOW + 8 * DAY), Severity.OK, "1 secret"),
        (replace(GOOD, next_rotation=NOW - 3 * DAY), Severity.WARN, "key: rotation overdue by 3 days"),
        (replace(GOOD, next_rotation=NOW + DAY), Severity.OK, "1 secret"),
        (
            replace(GOOD, versions=(SecretVersion("2", "ENABLED", NOW - 31 * DAY),)),
            Severity.WARN,
            "key: version 2 is 31 days old",
        ),
        (
            replace(GOOD, versions=(SecretVersion("3", "DISABLED", NOW), *GOOD.versions)),
            Severity.WARN,
            "key: the newest version is DISABLED: latest fails",
        ),
    ],
)
def test_what_is_wrong_with_a_secret(secret: StoredSecret, severity: Severity, said: str) -> None:
    seen = judge(SecretsStatus("p", (secret,)), 30 * 86400, NOW)
    assert (seen.severity, seen.summary) == (severity, said)


def test_without_a_limit_age_is_no_fault() -> None:
    old = replace(GOOD, versions=(SecretVersion("2", "ENABLED", NOW - 900 * DAY),))
    assert judge(SecretsStatus("p", (old,)), None, NOW).severity is Severity.OK


async def test_a_version_is_added_with_its_checksum_as_it_was_shown(
    vault: SecretVault, front: Any, seeded: ControlPlane
) -> None:
    value = b"made-up secret value"
    version = await vault.add_version("api-key", Payload(value))
    (post,) = front.sent("POST", ":addVersion")
    assert post.json() == {"payload": {"data": base64.b64encode(value).decode(), "dataCrc32c": str(crc32c(value))}}
    assert (version.number, version.state) == ("4", "ENABLED")
    assert seeded.secrets.secrets["api-key"].versions[4].digest == hashlib.sha256(value).hexdigest()
    shown = vault.add_request("api-key")
    assert shown.startswith(f"POST {front.url}{ROOT}/api-key:addVersion\n") and shown.count("***") == 2


async def test_a_checksum_that_is_not_confirmed_is_told(vault: SecretVault, seeded: ControlPlane) -> None:
    seeded.secrets.damaged = True
    with pytest.raises(Malformed, match="version 4 was made, but") as caught:
        await vault.add_version("api-key", Payload(b"value"))
    assert caught.value.effect_possible


async def test_a_version_is_switched_with_its_etag_as_it_was_shown(
    vault: SecretVault, front: Any, seeded: ControlPlane
) -> None:
    before = (await vault.secret("api-key")).versions[1]
    after = await vault.disable("api-key", "2", before.etag)
    assert (after.number, after.state) == ("2", "DISABLED") and after.etag != before.etag
    (post,) = front.sent("POST", ":disable")
    assert vault.switch_request("api-key", "2", before.etag, "disable") == (
        f"POST {front.url}{ROOT}/api-key/versions/2:disable\n{json.dumps(post.json())}"
    )
    with pytest.raises(Conflict) as caught:
        await vault.enable("api-key", "2", before.etag)
    assert not caught.value.effect_possible
    assert (await vault.enable("api-key", "2", after.etag)).state == "ENABLED"
    with pytest.raises(Conflict, match="DESTROYED"):
        await vault.enable("api-key", "1", seeded.secrets.secrets["api-key"].versions[1].etag)


@pytest.mark.parametrize("name", ["", "a/b", "a:access", "../x", "a b", "latest?x"])
async def test_names_that_could_lead_elsewhere_are_refused(vault: SecretVault, front: Any, name: str) -> None:
    with pytest.raises(Misconfigured):
        await vault.secret(name)
    with pytest.raises(Misconfigured):
        await vault.add_version(name, Payload(b"x"))
    assert not front.requests


async def test_versions_go_by_number(vault: SecretVault) -> None:
    for version in ("latest", "0", "1:access", "-1", ""):
        with pytest.raises(Misconfigured):
            await vault.disable("api-key", version, "")


@pytest.mark.parametrize(
    "message",
    [
        'Invalid value at payload.data: "bWFkZS11cCBzZWNyZXQgdmFsdWU="',
        "the text made-up secret value is not allowed",
        "near p secret va, is not base64",
    ],
)
async def test_a_server_that_repeats_the_value_is_not_repeated(vault: SecretVault, front: Any, message: str) -> None:
    front.fail("POST", ":addVersion", error(400, "INVALID_ARGUMENT", message))
    with pytest.raises(Misconfigured) as caught:
        await vault.add_version("api-key", Payload(b"made-up secret value"))
    for part in ("bWFkZS11", "made-up", "secret va"):
        assert part not in str(caught.value) and part not in str(caught.value.args)


@pytest.mark.parametrize(
    ("answer", "kind", "open_"),
    [
        (error(404, "NOT_FOUND", "Secret not found"), NotFound, False),
        (error(409, "ABORTED", "changed"), Conflict, False),
        (error(412, "FAILED_PRECONDITION", "stale"), Conflict, False),
        (error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), RateLimited, False),
        (error(500, "INTERNAL", "internal"), Unreachable, True),
        (Response(200, b'{"name": "projects/1/secr'), Malformed, True),
        (Response(200, b'{"state": "ENABLED"}'), Malformed, True),
    ],
)
async def test_each_refusal_is_one_sentence_and_nothing_is_repeated(
    vault: SecretVault, front: Any, answer: Response, kind: type[CockpitError], open_: bool
) -> None:
    front.fail("POST", ":addVersion", answer)
    with pytest.raises(kind) as caught:
        await vault.add_version("api-key", Payload(b"new value"))
    assert caught.value.effect_possible is open_ and caught.value.message
    front.fail("POST", ":disable", answer)
    with pytest.raises(kind) as caught:
        await vault.disable("api-key", "3", "")
    assert caught.value.effect_possible is open_ and caught.value.message
    assert len(front.sent("POST", ":addVersion")) == len(front.sent("POST", ":disable")) == 1


async def test_a_token_that_ends_is_renewed_for_reads_and_no_change_is_sent_twice(
    vault: SecretVault, seeded: ControlPlane, front: Any
) -> None:
    await vault.probe()
    seeded.tokens.expire_all()
    assert (await vault.probe()).severity is Severity.OK
    seeded.tokens.expire_all()
    with pytest.raises(AuthenticationFailed):
        await vault.add_version("api-key", Payload(b"new value"))
    assert len(front.sent("POST", ":addVersion")) == 1 and len(seeded.secrets.secrets["api-key"].versions) == 3


async def test_faults_of_a_poll(vault: SecretVault, front: Any, seeded: ControlPlane) -> None:
    front.fail("GET", ROOT, error(500, "INTERNAL", "internal"))
    with pytest.raises(Unreachable):
        await vault.probe()
    front.fail("GET", ROOT, Response(200, b'{"secrets": ['))
    with pytest.raises(Malformed):
        await vault.probe()
    front.fail("GET", ROOT, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"))
    assert (await vault.probe()).severity is Severity.OK
    seeded.permissions.revoke("secretmanager.secrets.list")
    with pytest.raises(PermissionDenied) as caught:
        await vault.probe()
    assert caught.value.missing == "secretmanager.secrets.list" and "roles/secretmanager.viewer" in caught.value.hint


async def test_doctor_names_the_missing_right_and_its_role(vault: SecretVault, seeded: ControlPlane) -> None:
    found = {each.check: each for each in await vault.diagnose()}
    assert found["api-key"].ok is True and "can be rotated" in found["api-key"].detail
    seeded.permissions.revoke("secretmanager.versions.add")
    found = {each.check: each for each in await vault.diagnose()}
    assert found["api-key"].ok is None and "secretmanager.versions.add not held" in found["api-key"].detail
    assert found["api-key"].fix.endswith("--role=roles/secretmanager.secretVersionAdder")
    seeded.permissions.revoke("secretmanager.versions.enable")
    (fix,) = [each.fix for each in await vault.diagnose() if each.check == "api-key"]
    assert "secretVersionAdder && gcloud" in fix and fix.endswith("--role=roles/secretmanager.secretVersionManager")
    seeded.permissions.restore("secretmanager.versions.enable")
    assert list(await vault.missing_on("api-key", ["secretmanager.versions.add"])) == ["secretmanager.versions.add"]
    assert list(await vault.missing_permissions(["secretmanager.versions.enable"])) == []


def test_hostile_and_absent_fields() -> None:
    described = {
        "name": "projects/1/secrets/k\x1b[31m",
        "replication": {"userManaged": {"replicas": [{"location": "r1"}]}},
    }
    secret = secret_of(described, [{"name": "projects/1/secrets/k/versions/2", "state": "ENABLED\x07"}])
    assert (secret.name, secret.replication, secret.versions[0].state) == ("k", "r1", "ENABLED␇")
    with pytest.raises(Malformed):
        secret_of({}, [])


async def test_no_request_ever_asks_for_a_value(vault: SecretVault, front: Any) -> None:
    async def refuse(request: Request) -> Response | None:
        assert ":access" not in request.path
        return None

    front.faults.append(refuse)
    await vault.probe()
    await vault.diagnose()
    await vault.add_version("api-key", Payload(b"new value"))
    await vault.disable("api-key", "4", "")
    await vault.enable("api-key", "4", "")
    assert not [request for request in front.requests if "access" in request.path]


def test_no_adapter_can_build_such_a_request() -> None:
    folder = Path(cockpit.adapters.__file__).parent
    sources = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
    assert len(sources) > 20
    asks = re.compile(r""":access\b|["']access["']""")
    assert [path.name for path, text in sources.items() if asks.search(text)] == []
