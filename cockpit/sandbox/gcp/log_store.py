"""Cloud Logging v2: the entries of one project, kept in order of time, and `entries:list`."""

from __future__ import annotations

import base64
import bisect
import itertools
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from cockpit.sandbox.gcp import log_filter, run_v1, run_v2
from cockpit.sandbox.gcp.access import Permissions, ReadQuota
from cockpit.sandbox.gcp.cloud import Audit, CloudRun
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.model import Service, stamp
from cockpit.sandbox.http import Request

_CAPACITY = 40_000
_TRIM = 5_000
_ORDERS = {"", "timestamp asc", "timestamp", "timestamp desc"}
_MAX_PAGE = 1000
Key = tuple[str, str]  # timestamp, insertId


class LogStore:
    """Takes entries, answers entries:list."""

    def __init__(self, project: str, quota: ReadQuota, permissions: Permissions) -> None:
        self.project = project
        self.quota = quota
        self._permissions = permissions
        self._keys: list[Key] = []
        self._entries: list[dict[str, Any]] = []
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._entries)

    def write(self, log_id: str, entry: dict[str, Any], *, at: datetime | None = None) -> None:
        """Add one LogEntry; timestamp, insertId and logName are filled in."""
        moment = stamp(at or datetime.now(UTC))
        complete = {
            "insertId": f"{self._prefix}{next(self._numbers):08x}",
            "logName": f"projects/{self.project}/logs/{log_id.replace('/', '%2F')}",
            "timestamp": moment,
            "receiveTimestamp": stamp(datetime.now(UTC)),
            **entry,
        }
        key = (moment, str(complete["insertId"]))
        index = len(self._keys) if not self._keys or key > self._keys[-1] else bisect.bisect(self._keys, key)
        self._keys.insert(index, key)
        self._entries.insert(index, complete)
        if len(self._keys) > _CAPACITY:
            del self._keys[:_TRIM], self._entries[:_TRIM]

    def audit(self, cloud: CloudRun, service: Service, audit: Audit, *, at: datetime | None = None) -> None:
        """The Admin Activity entry of one change."""
        self.write(
            "cloudaudit.googleapis.com/activity",
            {
                "severity": "NOTICE",
                "resource": {
                    "type": "cloud_run_revision",
                    "labels": {
                        "project_id": self.project,
                        "service_name": service.name,
                        "configuration_name": "",
                        "revision_name": "",
                        "location": cloud.region,
                    },
                },
                "protoPayload": {
                    "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
                    "serviceName": "run.googleapis.com",
                    "methodName": audit.method,
                    "resourceName": f"namespaces/{self.project}/services/{service.name}",
                    "authenticationInfo": {"principalEmail": audit.principal},
                    "authorizationInfo": [
                        {
                            "resource": f"namespaces/{self.project}/services/{service.name}",
                            "permission": "run.services.update",
                            "granted": True,
                        }
                    ],
                    "requestMetadata": {
                        "callerIp": audit.peer,
                        "callerSuppliedUserAgent": audit.user_agent,
                    },
                    "request": audit.request,
                    "response": _audited(cloud, service, audit),
                    "status": {},
                },
            },
            at=at,
        )

    def activity(
        self,
        service: str,
        method: str,
        resource: str,
        principal: str,
        *,
        kind: str = "",
        labels: Mapping[str, str] = MappingProxyType({}),
        request: Request | None = None,
        body: Mapping[str, Any] = MappingProxyType({}),
        operation: str = "",
        first: bool = True,
        failed: str = "",
        at: datetime | None = None,
    ) -> None:
        """The Admin Activity entry of one change by any API: `service` "redis.googleapis.com", `method`
        "google.cloud.redis.v1.CloudRedis.UpdateInstance", `resource` its full name, `kind` the monitored resource.

        A long-running change is written twice: with `first` as it begins, without when it ends.
        """
        peer, agent = ("", "") if request is None else (request.peer, request.headers.get("user-agent", ""))
        payload: dict[str, Any] = {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": service,
            "methodName": method,
            "resourceName": resource,
            "authenticationInfo": {"principalEmail": principal},
            "requestMetadata": {"callerIp": peer, "callerSuppliedUserAgent": agent},
            "status": {"code": 9, "message": failed} if failed else {},
        }
        if body and first:
            payload["request"] = dict(body)
        entry: dict[str, Any] = {
            "severity": "ERROR" if failed else "NOTICE",
            "resource": {
                "type": kind or "audited_resource",
                "labels": {"project_id": self.project, **labels},
            },
            "protoPayload": payload,
        }
        if operation:
            ends = {"first": True} if first else {"last": True}
            entry["operation"] = {"id": operation, "producer": service, **ends}
        self.write("cloudaudit.googleapis.com/activity", entry, at=at)

    def handle(self, request: Request, principal: str) -> dict[str, Any]:
        """POST /v2/entries:list; raises ApiError."""
        body = request.json()
        names = body.get("resourceNames") or [f"projects/{name}" for name in body.get("projectIds", [])]
        if not names or len(names) > 100:
            raise ApiError("INVALID_ARGUMENT", "resourceNames must have between 1 and 100 entries.")
        for name in names:
            if not re.match(rf"projects/{re.escape(self.project)}(/|$)", str(name)):
                raise ApiError("PERMISSION_DENIED", f"The caller does not have permission on '{name}'.")
        self._permissions.check(principal, "logging.logEntries.list", f"projects/{self.project}")
        self.quota.take(self.project)
        order = str(body.get("orderBy") or "")
        if order not in _ORDERS:
            raise ApiError("INVALID_ARGUMENT", f"Unsupported order_by: {order}.")
        wanted = int(body.get("pageSize") or 50)
        if wanted < 0:
            raise ApiError("INVALID_ARGUMENT", "page_size must not be negative.")
        size = min(wanted, _MAX_PAGE)
        text = str(body.get("filter") or "")
        return self._list(text, order.endswith("desc"), size, str(body.get("pageToken") or ""))

    def _list(self, text: str, descending: bool, size: int, token: str) -> dict[str, Any]:
        chosen = log_filter.parse(text)
        low = bisect.bisect_left(self._keys, (chosen.since, ""))
        high = bisect.bisect_right(self._keys, (chosen.until, "~"))
        if token:
            after = _from_token(token, text, descending)
            if descending:
                high = min(high, bisect.bisect_left(self._keys, after))
            else:
                low = max(low, bisect.bisect_right(self._keys, after))
        found: list[int] = []
        for index in range(high - 1, low - 1, -1) if descending else range(low, high):
            if chosen.matches(self._entries[index]):
                found.append(index)
                if len(found) > size:
                    break
        answer: dict[str, Any] = {}
        if found:
            answer["entries"] = [self._entries[index] for index in found[:size]]
        if len(found) > size:
            answer["nextPageToken"] = _to_token(self._keys[found[size - 1]], text, descending)
        return answer


def _audited(cloud: CloudRun, service: Service, audit: Audit) -> dict[str, Any]:
    """The service as the call answered it: the wish is stored, and not yet in effect."""
    if ".v1." in audit.method:
        return {"@type": "type.googleapis.com/google.cloud.run.v1.Service", **run_v1.service_json(cloud, service)}
    return {"@type": "type.googleapis.com/google.cloud.run.v2.Service", **run_v2.service_json(cloud, service)}


def _to_token(last: Key, text: str, descending: bool) -> str:
    return base64.urlsafe_b64encode(json.dumps([*last, text, descending]).encode()).decode()


def _from_token(token: str, text: str, descending: bool) -> Key:
    try:
        moment, insert_id, of_text, of_order = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        raise ApiError("INVALID_ARGUMENT", "page_token is invalid.") from None
    if (of_text, of_order) != (text, descending):
        raise ApiError("INVALID_ARGUMENT", "page_token doesn't match arguments from the request.")
    return str(moment), str(insert_id)
