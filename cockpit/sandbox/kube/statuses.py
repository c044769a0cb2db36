"""Refusals as an API server words them: a Status object, with the HTTP code.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cockpit.sandbox.kube.kinds import Kind

Object = dict[str, Any]


class ApiError(Exception):
    """The request is refused; `body` is the Status."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            **({"reason": reason} if reason else {}),
            **({"details": details} if details else {}),
            "code": code,
        }


def success(kind: Kind, name: str, uid: str) -> Object:
    """What a DELETE of something that is gone at once is answered with."""
    details = {"name": name, **_group(kind), "kind": kind.plural, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _group(kind: Kind) -> Object:
    return {"group": kind.group} if kind.group else {}


def _details(kind: Kind, name: str, **more: object) -> Object:
    return {"name": name, **_group(kind), "kind": kind.plural, **more}


def not_found(kind: Kind, name: str) -> ApiError:
    """There is no object of that name."""
    return ApiError(404, "NotFound", f'{kind.key} "{name}" not found', _details(kind, name))


def no_such_path() -> ApiError:
    """There is no resource like that."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def exists(kind: Kind, name: str) -> ApiError:
    """It is there already."""
    return ApiError(409, "AlreadyExists", f'{kind.key} "{name}" already exists', _details(kind, name))


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    """Somebody changed it meanwhile, or it is another one."""
    said = f'Operation cannot be fulfilled on {kind.key} "{name}": {why}'
    return ApiError(409, "Conflict", said, _details(kind, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    """A right is missing, or admission refuses."""
    return ApiError(403, "Forbidden", f'{kind.key} "{name}" is forbidden: {why}', _details(kind, name))


def invalid(kind: Kind, name: str, causes: Sequence[tuple[str, str]]) -> ApiError:
    """A field does not fit: field and message."""
    said = ", ".join(f"{field}: {message}" for field, message in causes)
    found = [{"reason": "FieldValueInvalid", "message": message, "field": field} for field, message in causes]
    details = {"name": name, **_group(kind), "kind": kind.kind, "causes": found}
    word = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    return ApiError(422, "Invalid", f'{word} "{name}" is invalid: {said}', details)


def bad_request(message: str) -> ApiError:
    """It cannot be read."""
    return ApiError(400, "BadRequest", message)


def rejected() -> ApiError:
    """A JSON patch whose test failed."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request")


def expired(message: str) -> ApiError:
    """That version is no longer known."""
    return ApiError(410, "Expired", message)


def too_many(budget: str, why: str) -> ApiError:
    """A disruption budget says no."""
    said = "Cannot evict pod as it would violate the pod's disruption budget."
    causes = [{"reason": "DisruptionBudget", "message": f"The disruption budget {budget} {why}"}]
    return ApiError(429, "TooManyRequests", said, {"causes": causes})
