"""Cloud Run in the regions of one project: each has its services, its own host of v1, and its path of v2.

v2 lists one region at a time, v1 all of them at once under `locations/-`
(https://cloud.google.com/run/docs/reference/rest/v1/projects.locations.services/list).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.cloud import AuditSink, CloudRun
from cockpit.sandbox.gcp.run_v1 import RunV1
from cockpit.sandbox.gcp.run_v2 import RunV2
from cockpit.sandbox.http import Request

_LOCATED = re.compile(r"/v[12]/projects/[^/]+/locations/([^/]+)/.*")
_ALL = re.compile(r"/v1/projects/[^/]+/locations/-/services")
_HOST = re.compile(r"([a-z]+-[a-z]+\d+)-run\.googleapis\.com")


class RunRegions:
    """Both dialects of every region; what names no region is answered by the first."""

    def __init__(self, home: CloudRun, permissions: Permissions, audits: Callable[[CloudRun], AuditSink]) -> None:
        self._permissions = permissions
        self._home = home
        self._audits = audits
        self._clouds: dict[str, CloudRun] = {}
        self._v1: dict[str, RunV1] = {}
        self._v2: dict[str, RunV2] = {}
        self._open(home)

    def region(self, name: str) -> CloudRun:
        """The services of a region, none at first."""
        if name not in self._clouds:
            cloud = CloudRun(self._home.project, self._home.number, name, settle_s=self._home.settle_s)
            cloud.on_audit = self._audits(cloud)
            self._open(cloud)
        return self._clouds[name]

    def takes(self, path: str) -> bool:
        """Whether this path is Cloud Run's, in either dialect."""
        return path.startswith("/v2/projects/") or RunV1.takes(path)

    async def handle(self, request: Request, principal: str) -> dict[str, Any]:
        """Answer one request; raises ApiError."""
        if request.method == "GET" and _ALL.fullmatch(request.path):
            answers = [await v1.handle(request, principal) for v1 in self._v1.values()]
            return {**answers[0], "items": [each for answer in answers for each in answer["items"]]}
        found = _LOCATED.fullmatch(request.path) or _HOST.fullmatch(request.host)
        region = found[1] if found and found[1] in self._clouds else self._home.region
        handler = self._v2[region] if request.path.startswith("/v2/") else self._v1[region]
        return await handler.handle(request, principal)

    async def close(self) -> None:
        """Stop what is still settling."""
        for cloud in self._clouds.values():
            await cloud.close()

    def _open(self, cloud: CloudRun) -> None:
        self._clouds[cloud.region] = cloud
        self._v1[cloud.region] = RunV1(cloud, self._permissions)
        self._v2[cloud.region] = RunV2(cloud, self._permissions)
