"""Resource Manager: which permissions the caller holds on the project, in v1 and v3
(https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions).
"""

from __future__ import annotations

import re
from typing import Any

from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.http import Request

_PATH = re.compile(r"/v[13]/projects/([^/:]+):testIamPermissions")
_MOST = 100  # permissions of one question


class ResourceManager:
    """Answers for one project, from the same rights that the other APIs check."""

    def __init__(self, project: str, number: str, permissions: Permissions) -> None:
        self._project = project
        self._number = number
        self._permissions = permissions

    def takes(self, path: str) -> bool:
        """Whether the request is meant for this API."""
        return _PATH.fullmatch(path) is not None

    async def handle(self, request: Request, principal: str) -> dict[str, Any]:
        """Answer one request; raises ApiError."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")
        if match[1] not in (self._project, self._number):
            raise ApiError("PERMISSION_DENIED", "The caller does not have permission")
        asked = [str(permission) for permission in request.json().get("permissions") or ()]
        if len(asked) > _MOST:
            raise ApiError("INVALID_ARGUMENT", f"At most {_MOST} permissions may be tested at once.")
        wild = next((permission for permission in asked if "*" in permission), "")
        if wild:
            raise ApiError("INVALID_ARGUMENT", f"Permission {wild} is not valid: wildcards are not allowed.")
        held = [permission for permission in asked if self._permissions.allowed(principal, permission)]
        return {"permissions": held} if held else {}
