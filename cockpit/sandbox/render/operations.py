"""The operations that are played, as Render publishes them: method, path, query, fields of the body, status.

What is played of api-docs.render.com/reference; all that Render publishes of each is in
tests/adapters/render/facts.tsv. What does not fit is answered 400.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_PAGED = ("cursor", "limit")
_SPAN = ("startTime", "endTime")
_METRIC = (*_SPAN, "resolutionSeconds", "resource")
_LOGS = (
    *(
        "ownerId",
        "startTime",
        "endTime",
        "direction",
        "resource",
        "instance",
        "host",
        "statusCode",
        "method",
        "level",
    ),
    *("type", "text", "path", "limit"),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One of them. `needs` are fields that the body must have; `status` is that of success."""

    id: str  # operationId
    method: str
    path: str
    status: int
    query: tuple[str, ...] = ()
    body: Mapping[str, type | tuple[type, ...]] | None = None
    needs: tuple[str, ...] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches the path, with what stands in braces as groups."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))

    def wrong(self, query: Collection[str], body: object) -> str:
        """Why a request does not fit, "" where it does."""
        unknown = sorted(set(query) - set(self.query))
        if unknown:
            return f"unknown query parameter {unknown[0]}"
        if self.body is None:
            return "" if body in (None, {}) else "this operation takes no body"
        if not isinstance(body, dict):
            return "the body must be an object"
        for name, value in body.items():
            if name not in self.body or not isinstance(value, self.body[name]):
                return f"invalid field {name}"
        missing = [name for name in self.needs if name not in body]
        return f"{missing[0]} is required" if missing else ""


OPERATIONS = (
    Operation("list-owners", "GET", "/owners", 200, ("name", "email", *_PAGED)),
    Operation("retrieve-service", "GET", "/services/{serviceId}", 200),
    Operation(
        "update-service", "PATCH", "/services/{serviceId}", 200, (), {"serviceDetails": dict, "autoDeploy": str}
    ),
    Operation(
        "list-deploys",
        "GET",
        "/services/{serviceId}/deploys",
        200,
        ("status", "createdBefore", "createdAfter", *_PAGED),
    ),
    Operation(
        "create-deploy",
        "POST",
        "/services/{serviceId}/deploys",
        201,
        (),
        {"clearCache": str, "commitId": str, "imageUrl": str},
    ),
    Operation("retrieve-deploy", "GET", "/services/{serviceId}/deploys/{deployId}", 200),
    Operation("rollback-deploy", "POST", "/services/{serviceId}/rollback", 201, (), {"deployId": str}, ("deployId",)),
    Operation("get-env-vars-for-service", "GET", "/services/{serviceId}/env-vars", 200, _PAGED),
    Operation("list-events", "GET", "/services/{serviceId}/events", 200, ("type", *_SPAN, *_PAGED)),
    Operation("list-instances", "GET", "/services/{serviceId}/instances", 200),
    Operation("restart-service", "POST", "/services/{serviceId}/restart", 200),
    Operation(
        "scale-service", "POST", "/services/{serviceId}/scale", 202, (), {"numInstances": int}, ("numInstances",)
    ),
    Operation("suspend-service", "POST", "/services/{serviceId}/suspend", 202),
    Operation("resume-service", "POST", "/services/{serviceId}/resume", 202),
    Operation("retrieve-postgres", "GET", "/postgres/{postgresId}", 200),
    Operation("retrieve-postgres-recovery-info", "GET", "/postgres/{postgresId}/recovery", 200),
    Operation(
        "recover-postgres",
        "POST",
        "/postgres/{postgresId}/recovery",
        200,
        (),
        {"restoreTime": str, "restoreName": str, "plan": str, "environmentId": str},
    ),
    Operation("list-postgres-export", "GET", "/postgres/{postgresId}/export", 200),
    Operation("create-postgres-export", "POST", "/postgres/{postgresId}/export", 202),
    Operation("retrieve-key-value", "GET", "/key-value/{keyValueId}", 200),
    Operation("list-logs", "GET", "/logs", 200, _LOGS),
    *(
        Operation(f"get-{name}", "GET", f"/metrics/{name}", 200, (*_METRIC, *more))
        for name, more in (
            ("cpu", ("aggregationMethod", "instance")),
            ("cpu-limit", ("instance",)),
            ("memory", ("instance",)),
            ("memory-limit", ("instance",)),
            ("http-requests", ("aggregateBy", "host", "path")),
            ("http-latency", ("quantile", "host", "path")),
            ("active-connections", ()),
        )
    ),
)


def operation_of(method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
    """The operation and what stands in its path; None for what is not played."""
    for each in OPERATIONS:
        match = each.pattern.fullmatch(path)
        if each.method == method and match is not None:
            return each, match.groupdict()
    return None
