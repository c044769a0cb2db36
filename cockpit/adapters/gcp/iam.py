"""Which permissions the caller holds on a project: `projects.testIamPermissions` of the Resource Manager, v3
(https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions).

Cloud SQL, Memorystore and Cloud Armor cannot be asked themselves. A right that is granted on one resource only, or
under a condition, does not show here.
"""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import Clock
from cockpit.errors import Malformed


class ProjectRights:
    """Asks for one project. `endpoint`: of the API that is asked about, used where that is simulated here."""

    def __init__(self, project: str, endpoint: str | None, timeout_s: float, clock: Clock) -> None:
        self._project = project
        self._api = GoogleApi("cloudresourcemanager", endpoint, min(timeout_s, 5.0), clock)
        if endpoint is not None and not self._api.simulated:  # somebody's own address is that of one API alone
            self._api = GoogleApi("cloudresourcemanager", None, min(timeout_s, 5.0), clock)

    async def missing(self, permissions: Sequence[str]) -> list[str]:
        """Those of them that are not held. Raises CockpitError."""
        answer = await self._api.ask(
            f"/v3/projects/{self._project}:testIamPermissions", {"permissions": list(permissions)}
        )
        held = answer.get("permissions", [])
        if not isinstance(held, list):
            raise Malformed("the Resource Manager answered testIamPermissions without a list")
        return [permission for permission in permissions if permission not in held]

    async def close(self) -> None:
        """Close the connection."""
        await self._api.close()
