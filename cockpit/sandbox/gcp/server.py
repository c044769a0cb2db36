"""One port for all of it: token endpoint, Cloud Run v1 and v2, Cloud Logging; also as an HTTP proxy's far side."""

from __future__ import annotations

from typing import Any

from cockpit.sandbox.gcp.access import Permissions, ReadQuota, Tokens
from cockpit.sandbox.gcp.cloud import AuditSink, CloudRun
from cockpit.sandbox.gcp.compute import Compute
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.estate import Estate
from cockpit.sandbox.gcp.log_store import LogStore
from cockpit.sandbox.gcp.memorystore import Memorystore
from cockpit.sandbox.gcp.metric_types import DESCRIPTORS
from cockpit.sandbox.gcp.monitoring import Monitoring
from cockpit.sandbox.gcp.regions import RunRegions
from cockpit.sandbox.gcp.resource_manager import ResourceManager
from cockpit.sandbox.gcp.secret_manager import SecretManager
from cockpit.sandbox.gcp.sql_admin import SqlAdmin
from cockpit.sandbox.gcp.sql_state import CloudSql
from cockpit.sandbox.gcp.timeseries import TimeSeriesStore
from cockpit.sandbox.http import BadRequest, HttpServer, Request, Response

_MAY_FAIL = (KeyError, TypeError, ValueError, AttributeError)  # of a body that has another shape than the API's


class ControlPlane:
    """The served state of one project."""

    def __init__(
        self,
        project: str = "demo-shop",
        number: str = "123456789012",
        region: str = "europe-west1",
        *,
        settle_s: float = 1.0,
        reads_per_minute: int = 60,
    ) -> None:
        self.tokens = Tokens()
        self.permissions = Permissions()
        self.run = CloudRun(project, number, region, settle_s=settle_s)
        self.logs = LogStore(project, ReadQuota(reads_per_minute), self.permissions)
        self.run.on_audit = self._audits(self.run)
        self.resource_manager = ResourceManager(project, number, self.permissions)
        self.compute = Compute(project, number, self.logs, self.permissions, settle_s=settle_s)
        self.sql = CloudSql(project, settle_s=settle_s)
        self._sql_admin = SqlAdmin(self.sql, self.permissions, self.logs)
        self.memorystore = Memorystore(project, number, self.permissions, self.logs, settle_s)
        self.monitoring = Monitoring(project, TimeSeriesStore(DESCRIPTORS), self.tokens, self.permissions)
        self.secrets = SecretManager(project, number, self.permissions, self.logs)
        self.estate = Estate(project, number, region, self.permissions)
        self._regions = RunRegions(self.run, self.permissions, self._audits)
        self._server: HttpServer | None = None

    def region(self, name: str) -> CloudRun:
        """Cloud Run in another region of the project, or in its own."""
        return self._regions.region(name)

    def _audits(self, cloud: CloudRun) -> AuditSink:
        return lambda service, audit: self.logs.audit(cloud, service, audit)

    async def start(self, port: int = 0) -> None:
        """Listen on loopback."""
        self._server = await HttpServer.start(self.handle, port=port)
        await self.monitoring.start(self._server.port)

    async def close(self) -> None:
        """Stop listening and settling."""
        await self.monitoring.close()
        if self._server is not None:
            await self._server.close()
        await self._regions.close()
        await self.memorystore.close()
        await self.compute.close()
        await self.sql.close()

    @property
    def url(self) -> str:
        """What a profile calls `endpoint`."""
        return self._server.url if self._server else ""

    @property
    def port(self) -> int:
        """Of the listener."""
        return self._server.port if self._server else 0

    async def handle(self, request: Request) -> Response:
        """Answer one request of any of the APIs."""
        if request.path == "/token":
            return await self.tokens.endpoint(request)
        try:
            return Response.of(await self._api(request))
        except ApiError as error:
            return error.response()
        except BadRequest as error:
            return ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}").response()
        except _MAY_FAIL as error:
            return ApiError("INVALID_ARGUMENT", f"Invalid value in the request: {error!r}").response()

    async def _api(self, request: Request) -> dict[str, Any]:
        principal = self.tokens.principal(request)
        if request.path == "/v2/entries:list" and request.method == "POST":
            return self.logs.handle(request, principal)
        if self.resource_manager.takes(request.path):
            return await self.resource_manager.handle(request, principal)
        if self._sql_admin.takes(request.path):
            return await self._sql_admin.handle(request, principal)
        if self.compute.takes(request.path):
            return await self.compute.handle(request, principal)
        if self.estate.takes(request.path):
            return await self.estate.handle(request, principal)
        if self.memorystore.takes(request.path):
            return await self.memorystore.handle(request, principal)
        if self.secrets.takes(request.path):
            return await self.secrets.handle(request, principal)
        if self._regions.takes(request.path):
            return await self._regions.handle(request, principal)
        raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")
