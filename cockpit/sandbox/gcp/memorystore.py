"""Memorystore for Redis v1 (https://cloud.google.com/memorystore/docs/redis/reference/rest/v1/projects.locations.instances):
instances, their size, failover, and the long-running operations of both.

Documented and played: data and address stay while an instance is resized, which fails where the new size is not
above what is stored (https://cloud.google.com/memorystore/docs/redis/about-scaling-instances); a failover is for
STANDARD_HA, and with LIMITED_DATA_LOSS it gives up where the replica lags 30 MB or more
(https://cloud.google.com/memorystore/docs/redis/initiate-manual-failover). How a second change of a busy instance is
refused is an assumption: FAILED_PRECONDITION.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.log_store import LogStore
from cockpit.sandbox.gcp.model import stamp
from cockpit.sandbox.http import Request

_PATH = re.compile(r"/v1/projects/([^/]+)/locations/([^/]+)/(instances|operations)(?:/([^/:]+))?(?::(\w+))?")
_SERVICE = "redis.googleapis.com"
_METHOD = "google.cloud.redis.v1.CloudRedis"
_TYPE = "type.googleapis.com/google.cloud.redis.v1"
_LAG_LIMIT = 30 * 1024 * 1024
_MODES = {"": "LIMITED_DATA_LOSS", "DATA_PROTECTION_MODE_UNSPECIFIED": "LIMITED_DATA_LOSS",
          "LIMITED_DATA_LOSS": "LIMITED_DATA_LOSS", "FORCE_DATA_LOSS": "FORCE_DATA_LOSS"}  # fmt: skip
_MASKABLE = {"memory_size_gb": "memorySizeGb", "display_name": "displayName", "labels": "labels",
             "redis_configs": "redisConfigs", "replica_count": "replicaCount"}  # fmt: skip
_SIZES = range(1, 301)
_OPERATIONS_KEPT = 200


@dataclass(slots=True)
class Instance:
    """One instance: `document` is what the API answers; the rest is what only the server knows."""

    name: str
    document: dict[str, Any]
    used_gb: float = 0.2
    lag_bytes: int = 0  # of the replica


@dataclass(slots=True)
class _Operation:
    name: str
    target: str
    verb: str
    created: datetime
    ended: datetime | None = None
    error: dict[str, Any] | None = None
    response: dict[str, Any] = field(default_factory=dict)


class Memorystore:
    """Instances of one project, in any of its regions."""

    def __init__(self, project: str, number: str, permissions: Permissions, logs: LogStore, settle_s: float) -> None:
        self.settle_s = settle_s  # how long a change takes
        self.never_ends = False  # operations stay RUNNING
        self.fails = ""  # why the next operation fails
        self.instances: dict[str, Instance] = {}
        self._project = project
        self._number = number
        self._permissions = permissions
        self._logs = logs
        self._operations: dict[str, _Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def seed(
        self, name: str, region: str, *, tier: str = "STANDARD_HA", size_gb: int = 4, created: datetime | None = None
    ) -> Instance:
        """An instance that is READY."""
        full = f"projects/{self._project}/locations/{region}/instances/{name}"
        zones = [f"{region}-b", f"{region}-c"] if tier == "STANDARD_HA" else [f"{region}-b"]
        document = {
            "name": full,
            "locationId": zones[0],
            "alternativeLocationId": zones[-1],
            "redisVersion": "REDIS_7_2",
            "reservedIpRange": "10.9.8.0/29",
            "host": "10.9.8.3",
            "port": 6379,
            "currentLocationId": zones[0],
            "createTime": stamp(created or datetime.now(UTC)),
            "state": "READY",
            "tier": tier,
            "memorySizeGb": size_gb,
            "authorizedNetwork": f"projects/{self._project}/global/networks/default",
            "persistenceIamIdentity": f"serviceAccount:{self._number}-compute@developer.gserviceaccount.com",
            "connectMode": "DIRECT_PEERING",
            "authEnabled": True,
            "transitEncryptionMode": "DISABLED",
            "nodes": [{"id": f"node-{index}", "zone": zone} for index, zone in enumerate(zones)],
            "readReplicasMode": "READ_REPLICAS_DISABLED",
            "replicaCount": len(zones) - 1,
            "redisConfigs": {"maxmemory-policy": "volatile-lru"},
        }
        self.instances[full] = Instance(full, document)
        return self.instances[full]

    def takes(self, path: str) -> bool:
        """Whether the request is meant for this API."""
        return _PATH.fullmatch(path) is not None

    async def handle(self, request: Request, principal: str) -> dict[str, Any]:
        """Answer one request; raises ApiError."""
        match = _PATH.fullmatch(request.path)
        if match is None or match[1] not in (self._project, self._number):
            raise ApiError("PERMISSION_DENIED", "The caller does not have permission")
        _, region, kind, name, verb = match.groups()
        parent = f"projects/{self._project}/locations/{region}"
        full = f"{parent}/{kind}/{name}"
        match (request.method, kind, name is not None, verb):
            case "GET", "instances", False, None:
                self._permissions.check(principal, "redis.instances.list", parent)
                return self._list(region)
            case "GET", "instances", True, None:
                self._permissions.check(principal, "redis.instances.get", full)
                return self._instance(full).document
            case "PATCH", "instances", True, None:
                self._permissions.check(principal, "redis.instances.update", full)
                return self._patch(request, self._instance(full), principal)
            case "POST", "instances", True, "failover":
                self._permissions.check(principal, "redis.instances.failover", full)
                return self._failover(request, self._instance(full), principal)
            case "GET", "operations", False, None:
                self._permissions.check(principal, "redis.operations.list", parent)
                found = [each for each in self._operations.values() if each.name.startswith(f"{parent}/")]
                return {"operations": [_operation_json(each) for each in reversed(found)]} if found else {}
            case "GET", "operations", True, None:
                self._permissions.check(principal, "redis.operations.get", full)
                if full not in self._operations:
                    raise ApiError("NOT_FOUND", f"Resource '{full}' was not found")
                return _operation_json(self._operations[full])
        raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")

    async def close(self) -> None:
        """Stop what is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _list(self, region: str) -> dict[str, Any]:
        documents = [each.document for each in self.instances.values()]
        found = [each for each in documents if region in ("-", str(each["name"]).split("/")[3])]
        return {"instances": found} if found else {}

    def _instance(self, full: str) -> Instance:
        if full not in self.instances:
            raise ApiError("NOT_FOUND", f"Resource '{full}' was not found")
        return self.instances[full]

    def _patch(self, request: Request, instance: Instance, principal: str) -> dict[str, Any]:
        paths = [_snake(path) for path in request.query.get("updateMask", "").split(",") if path]
        unknown = [path for path in paths if path not in _MASKABLE]
        if not paths or unknown:
            wrong = f"Invalid update_mask path: {unknown[0]}" if unknown else "update_mask is required"
            raise ApiError("INVALID_ARGUMENT", wrong)
        body = request.json()
        wanted = {_MASKABLE[path]: body.get(_MASKABLE[path]) for path in paths}
        if "memorySizeGb" in wanted:
            wanted["memorySizeGb"] = int(wanted["memorySizeGb"] or 0)
            if wanted["memorySizeGb"] not in _SIZES:
                raise ApiError("INVALID_ARGUMENT", "memory_size_gb must be between 1 and 300")
        self._check_ready(instance)

        def done() -> str:
            if wanted.get("memorySizeGb", _SIZES.stop) <= instance.used_gb:
                return f"The requested size is smaller than the {instance.used_gb:g} GB that are stored."
            instance.document.update({key: value for key, value in wanted.items() if value is not None})
            return ""

        return self._begin(request, instance, principal, "UPDATING", "update", "UpdateInstance", done, body)

    def _failover(self, request: Request, instance: Instance, principal: str) -> dict[str, Any]:
        body = request.json()
        mode = _MODES.get(str(body.get("dataProtectionMode") or ""))
        if mode is None:
            raise ApiError("INVALID_ARGUMENT", f"Invalid value for dataProtectionMode: {body['dataProtectionMode']}")
        if instance.document["tier"] != "STANDARD_HA":
            raise ApiError("FAILED_PRECONDITION", "Failover is only supported for STANDARD_HA instances.")
        self._check_ready(instance)

        def done() -> str:
            if mode == "LIMITED_DATA_LOSS" and instance.lag_bytes >= _LAG_LIMIT:
                return "The replica lags too far behind the primary for a failover with limited data loss."
            places = (instance.document["locationId"], instance.document["alternativeLocationId"])
            here = instance.document["currentLocationId"]
            instance.document["currentLocationId"] = places[1] if here == places[0] else places[0]
            return ""

        return self._begin(request, instance, principal, "FAILING_OVER", "failover", "FailoverInstance", done, body)

    def _check_ready(self, instance: Instance) -> None:
        state = instance.document["state"]
        if state != "READY":
            raise ApiError("FAILED_PRECONDITION", f"The instance is not READY but {state}: try again later.")

    def _begin(
        self,
        request: Request,
        instance: Instance,
        principal: str,
        state: str,
        verb: str,
        method: str,
        done: Callable[[], str],
        body: dict[str, Any],
    ) -> dict[str, Any]:
        region = instance.name.split("/")[3]
        name = f"projects/{self._project}/locations/{region}/operations/operation-{uuid.uuid4()}"
        operation = _Operation(name, instance.name, verb, datetime.now(UTC))
        self._operations[name] = operation
        while len(self._operations) > _OPERATIONS_KEPT:
            del self._operations[next(iter(self._operations))]
        instance.document["state"] = state

        def record(first: bool, failed: str = "") -> None:
            self._logs.activity(
                _SERVICE, f"{_METHOD}.{method}", instance.name, principal, kind="redis_instance",
                labels={"instance_id": instance.name, "region": region}, request=request, body=body,
                operation=name, first=first, failed=failed,
            )  # fmt: skip

        record(True)
        if not self.never_ends:
            task = asyncio.ensure_future(self._settle(instance, operation, done, record))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return _operation_json(operation)

    async def _settle(
        self, instance: Instance, operation: _Operation, done: Callable[[], str], record: Callable[[bool, str], None]
    ) -> None:
        await asyncio.sleep(self.settle_s)
        failed, self.fails = self.fails, ""
        failed = failed or done()
        instance.document["state"] = "READY"
        operation.ended = datetime.now(UTC)
        if failed:
            operation.error = {"code": 9, "message": failed}
        else:
            operation.response = {"@type": f"{_TYPE}.Instance", **instance.document}
        record(False, failed)


def _operation_json(operation: _Operation) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "@type": f"{_TYPE}.OperationMetadata",
        "createTime": stamp(operation.created),
        "target": operation.target,
        "verb": operation.verb,
        "cancelRequested": False,
        "apiVersion": "v1",
    }
    if operation.ended is None:
        return {"name": operation.name, "metadata": metadata, "done": False}
    metadata["endTime"] = stamp(operation.ended)
    ending = {"error": operation.error} if operation.error else {"response": operation.response}
    return {"name": operation.name, "metadata": metadata, "done": True, **ending}


def _snake(path: str) -> str:
    """The mask in the spelling of protobuf, which JSON clients may write in theirs."""
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", path.strip())
