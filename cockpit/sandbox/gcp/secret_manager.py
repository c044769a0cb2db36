"""Secret Manager v1 (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets): secrets and
their versions. A value is kept as its digest only: nobody can read it here, `:access` is always refused.

Documented or reported, and played: `latest` is the newest version whatever its state, and one that is not ENABLED is
refused with FAILED_PRECONDITION (https://github.com/external-secrets/external-secrets/issues/4042); a checksum that
does not match is refused, and a matching one is confirmed
(https://cloud.google.com/secret-manager/docs/data-integrity); an etag that is old is refused. That the last is
ABORTED is an assumption.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cockpit.adapters.gcp.crc32c import crc32c
from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.errors import ApiError, info
from cockpit.sandbox.gcp.log_store import LogStore
from cockpit.sandbox.gcp.model import stamp
from cockpit.sandbox.http import Request

_PATH = re.compile(r"/v1/projects/([^/]+)/secrets(?:/([^/:]+))?(?:/versions(?:/([^/:]+))?)?(?::(\w+))?")
_SERVICE = "secretmanager.googleapis.com"
_METHOD = "google.cloud.secretmanager.v1.SecretManagerService"
_ACCESS = "secretmanager.versions.access"
_MOST = 64 * 1024
_PAGE = 25_000


@dataclass(slots=True)
class Version:
    """One version: what the API answers of it, and a digest of its value."""

    number: int
    created: datetime
    digest: str
    state: str = "ENABLED"
    etag: str = field(default_factory=lambda: f'"{secrets.token_hex(7)}"')
    destroyed: datetime | None = None


@dataclass(slots=True)
class StoredSecret:
    """One secret; versions by number, oldest first."""

    name: str
    created: datetime
    versions: dict[int, Version] = field(default_factory=dict)
    etag: str = field(default_factory=lambda: f'"{secrets.token_hex(7)}"')
    expires: datetime | None = None
    next_rotation: datetime | None = None


class SecretManager:
    """The secrets of one project."""

    def __init__(self, project: str, number: str, permissions: Permissions, logs: LogStore) -> None:
        self.secrets: dict[str, StoredSecret] = {}
        self.damaged = False  # the next version is made without the confirmation of its checksum
        self._project = project
        self._number = number
        self._permissions = permissions
        self._logs = logs

    def seed(self, name: str, *created: datetime) -> StoredSecret:
        """A secret with one enabled version for each of these times, which must rise."""
        secret = StoredSecret(name, created[0] if created else datetime.now(UTC))
        self.secrets[name] = secret
        for at in created:
            _grow(secret, secrets.token_bytes(24), at)
        return secret

    def takes(self, path: str) -> bool:
        """Whether the request is meant for this API."""
        return _PATH.fullmatch(path) is not None

    async def handle(self, request: Request, principal: str) -> dict[str, Any]:
        """Answer one request; raises ApiError."""
        match = _PATH.fullmatch(request.path)
        if match is None or match[1] not in (self._project, self._number):
            raise ApiError("PERMISSION_DENIED", "The caller does not have permission")
        _, name, number, verb = match.groups()
        versions = "/versions" in request.path
        match (request.method, name is not None, versions, number is not None, verb):
            case "GET", False, False, False, None:
                self._may(principal, "secrets.list", f"projects/{self._project}")
                return _page(request, "secrets", [self._secret_json(each) for each in self.secrets.values()])
            case "GET", True, False, False, None:
                self._may(principal, "secrets.get", self._full(name))
                return self._secret_json(self._secret(name))
            case "POST", True, False, False, "addVersion":
                self._may(principal, "versions.add", self._full(name))
                return self._add(request, self._secret(name), principal)
            case "POST", True, False, False, "testIamPermissions":
                self._secret(name)
                asked = [str(each) for each in request.json().get("permissions") or ()]
                held = [each for each in asked if self._permissions.allowed(principal, each)]
                return {"permissions": held} if held else {}
            case "GET", True, True, False, None:
                self._may(principal, "versions.list", self._full(name))
                secret = self._secret(name)
                newest = reversed(secret.versions.values())
                return _page(request, "versions", [self._version_json(secret, each) for each in newest])
            case "GET", True, True, True, None:
                self._may(principal, "versions.get", self._full(name))
                return self._version_json(self._secret(name), self._version(name, number))
            case "GET", True, True, True, "access":
                return self._access(name, number)
            case "POST", True, True, True, ("enable" | "disable" | "destroy") as word:
                self._may(principal, f"versions.{word}", self._full(name))
                return self._switch(request, self._secret(name), self._version(name, number), word, principal)
        raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")

    def _may(self, principal: str, permission: str, resource: str) -> None:
        self._permissions.check(principal, f"secretmanager.{permission}", resource)

    def _full(self, name: str) -> str:
        return f"projects/{self._number}/secrets/{name}"

    def _secret(self, name: str) -> StoredSecret:
        if name not in self.secrets:
            raise ApiError("NOT_FOUND", f"Secret [{self._full(name)}] not found.")
        return self.secrets[name]

    def _version(self, name: str, number: str) -> Version:
        secret = self._secret(name)
        if number == "latest" and secret.versions:
            return secret.versions[max(secret.versions)]
        found = secret.versions.get(int(number)) if number.isdecimal() else None
        if found is None:
            raise ApiError("NOT_FOUND", f"Secret Version [{self._full(name)}/versions/{number}] not found.")
        return found

    def _access(self, name: str, number: str) -> dict[str, Any]:
        version = self._version(name, number)
        full = f"{self._full(name)}/versions/{version.number}"
        if version.state != "ENABLED":
            raise ApiError("FAILED_PRECONDITION", f"Secret Version [{full}] is in {version.state} state.")
        denied = info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=_ACCESS, resource=full)
        raise ApiError("PERMISSION_DENIED", f"Permission '{_ACCESS}' denied for resource '{full}'.", denied)

    def _add(self, request: Request, secret: StoredSecret, principal: str) -> dict[str, Any]:
        payload = request.json().get("payload") or {}
        try:
            value = base64.b64decode(str(payload.get("data") or ""), validate=True)
        except binascii.Error:
            raise ApiError("INVALID_ARGUMENT", "Invalid value at 'payload.data' (TYPE_BYTES)") from None
        if not value or len(value) > _MOST:
            raise ApiError("INVALID_ARGUMENT", f"The secret payload must have between 1 and {_MOST} bytes.")
        checksum = payload.get("dataCrc32c")
        if checksum is not None and int(checksum) != crc32c(value):
            raise ApiError("INVALID_ARGUMENT", "The checksum does not match the payload.")
        version = _grow(secret, value, datetime.now(UTC))
        self._audit(request, principal, "AddSecretVersion", f"{self._full(secret.name)}/versions/{version.number}")
        answer = self._version_json(secret, version)
        if checksum is not None and not self.damaged:
            answer["clientSpecifiedPayloadChecksum"] = True
        self.damaged = False
        return answer

    def _switch(
        self, request: Request, secret: StoredSecret, version: Version, word: str, principal: str
    ) -> dict[str, Any]:
        full = f"{self._full(secret.name)}/versions/{version.number}"
        etag = request.json().get("etag")
        if etag and etag != version.etag:
            raise ApiError("ABORTED", f"The etag provided for [{full}] does not match its current etag.")
        if version.state == "DESTROYED":
            raise ApiError("FAILED_PRECONDITION", f"Secret Version [{full}] is in DESTROYED state.")
        version.state = {"enable": "ENABLED", "disable": "DISABLED", "destroy": "DESTROYED"}[word]
        version.destroyed = datetime.now(UTC) if word == "destroy" else None
        version.etag = f'"{secrets.token_hex(7)}"'
        self._audit(request, principal, f"{word.capitalize()}SecretVersion", full)
        return self._version_json(secret, version)

    def _audit(self, request: Request, principal: str, method: str, resource: str) -> None:
        """Without the request: the entry of Google has no payload either."""
        self._logs.activity(_SERVICE, f"{_METHOD}.{method}", resource, principal, request=request)

    def _secret_json(self, secret: StoredSecret) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "name": self._full(secret.name),
            "replication": {"automatic": {}},
            "createTime": stamp(secret.created),
            "etag": secret.etag,
        }
        if secret.expires is not None:
            answer["expireTime"] = stamp(secret.expires)
        if secret.next_rotation is not None:
            answer["rotation"] = {"nextRotationTime": stamp(secret.next_rotation), "rotationPeriod": "2592000s"}
        return answer

    def _version_json(self, secret: StoredSecret, version: Version) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "name": f"{self._full(secret.name)}/versions/{version.number}",
            "createTime": stamp(version.created),
            "state": version.state,
            "replicationStatus": {"automatic": {}},
            "etag": version.etag,
        }
        if version.destroyed is not None:
            answer["destroyTime"] = stamp(version.destroyed)
        return answer


def _grow(secret: StoredSecret, value: bytes, at: datetime) -> Version:
    number = max(secret.versions, default=0) + 1
    secret.versions[number] = Version(number, at, hashlib.sha256(value).hexdigest())
    return secret.versions[number]


def _page(request: Request, key: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """pageSize and pageToken; the token is the offset."""
    size = min(int(request.query.get("pageSize") or 0) or _PAGE, _PAGE)
    start = int(request.query.get("pageToken") or 0)
    end = start + size
    answer: dict[str, Any] = {key: items[start:end]} if items[start:end] else {}
    if end < len(items):
        answer["nextPageToken"] = str(end)
    return {**answer, "totalSize": len(items)}
