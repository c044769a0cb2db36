"""The project of the recorded commands on the local control plane: the same services, instances and settings each
time, behind a front that keeps every exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.gcp.model import Scaling, Share, Target, Template
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response

from .discovery import Exchange, exchange

PROJECT, NUMBER, REGION = "demo-project", "123456789012", "us-central1"
SERVICES = ("shop", "pay")
MEMORYSTORE = ("shop-redis", "pay-redis")
POLICY = "shop-waf-policy"
SECRET = "shop-database-url"
BEGAN = datetime(2026, 1, 15, 9, tzinfo=UTC)
WHO = "dev@example.com"
ACCOUNT = f"{NUMBER}-compute@developer.gserviceaccount.com"


class World:
    """One control plane and what was said to it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.exchanges: list[Exchange] = []
        self.url = ""
        self.revisions = frozenset(name for each in plane.run.services.values() for name in each.revisions)
        self.versions = frozenset(plane.secrets.secrets[SECRET].versions)
        self.operations = frozenset(plane.sql.operations)  # all three as seeded

    async def handle(self, request: Request) -> Response:
        """Answer, and remember both unless it is about a token."""
        response = await self.plane.handle(request)
        if request.path != "/token":
            self.exchanges.append(exchange(request, response))
        return response

    async def settled(self) -> None:
        """Return when every change has come to its end."""
        plane = self.plane
        for store in (plane.run, plane.sql, plane.memorystore, plane.compute):
            async with asyncio.timeout(10):
                await asyncio.gather(*store._tasks)


@asynccontextmanager
async def world(before: str = "", *, settle_s: float = 0.01) -> AsyncIterator[World]:
    """A new world. `before` is what happened to it already: "stopped" (the service pay has no instances), "pinned"
    (the traffic of shop is on an older revision by name), "alone" (shop-db has no replica), "lagging" (the replica of
    pay-redis is far behind).
    """
    plane = ControlPlane(PROJECT, NUMBER, REGION, settle_s=settle_s, reads_per_minute=10_000)
    for name in SERVICES:
        _seed_service(plane, name)
    _seed_sql(plane)
    for name in MEMORYSTORE:
        plane.memorystore.seed(name, REGION, created=BEGAN)
    plane.compute.seed(POLICY, Rule(1000, "deny(403)", ("192.0.2.0/24",)), backends=("shop-backend",))
    plane.estate.seed_domain("api.shop.example", "shop")
    plane.estate.seed_connector("inside-connector")
    plane.compute.seed_machine("bastion", f"{REGION}-a", "10.128.0.9")
    plane.compute.quotas.append({"metric": "SNAPSHOTS", "limit": 5000.0, "usage": 12.0})
    plane.secrets.seed(SECRET, BEGAN, BEGAN + timedelta(days=1))
    _seed_logs(plane)
    made = World(plane)
    if before == "stopped":
        plane.run.services["pay"].scaling = Scaling(mode="MANUAL", manual_instances=0)
    elif before == "pinned":
        service = plane.run.services["shop"]
        service.traffic = (Target(100, "shop-00002-ccc"), *service.traffic[1:])
        service.serving = (Share(100, "shop-00002-ccc", False), *service.serving[1:])
    elif before == "alone":
        del plane.sql.instances["shop-db-replica"]
    elif before == "lagging":
        name = f"projects/{PROJECT}/locations/{REGION}/instances/pay-redis"
        plane.memorystore.instances[name].lag_bytes = 64 * 1024 * 1024
    async with await HttpServer.start(made.handle) as server:
        made.url = server.url
        yield made
    await plane.close()


def _seed_service(plane: ControlPlane, name: str) -> None:
    """What the recorder had: three revisions, the latest serves, the second has a tag."""
    latest = f"{name}-00003-ddd"

    def template(number: int) -> Template:
        return Template(f"gcr.io/{PROJECT}/{name}:v{number}", max_instances=10, service_account=ACCOUNT)

    service = None
    for number, suffix in enumerate(("00001-bbb", "00002-ccc", "00003-ddd"), 1):
        at, wanted = BEGAN + timedelta(minutes=number), replace(template(number), revision=f"{name}-{suffix}")
        if service is None:
            service = plane.run.seed(name, wanted, created=at, creator=WHO)
        else:
            plane.run.seed_revision(service, wanted, created=at, creator=WHO)
        service.revisions[wanted.revision].digest = f"sha256:{number:064d}"
    assert service is not None
    service.template = template(3)
    service.traffic = (Target(100), Target(0, f"{name}-00002-ccc", "canary"))
    service.serving = (Share(100, latest, True), Share(0, f"{name}-00002-ccc", False, "canary"))
    service.generation = service.observed_generation = 3


def _seed_sql(plane: ControlPlane) -> None:
    sql = plane.sql
    sql.seed("shop-db", REGION, created=BEGAN, databases=["postgres", "shop_prod"])
    sql.seed("shop-db-replica", REGION, created=BEGAN, availability="ZONAL", primary="shop-db")
    sql.seed("pay-db", REGION, created=BEGAN)
    sql.seed("stock-db", REGION, created=BEGAN)
    for name in ("shop-db", "stock-db", "pay-db"):
        for day in range(2):
            sql.seed_backup(name, BEGAN + timedelta(days=day))
        for number, backup in enumerate(sql.instances[name].backups, 1):
            backup.id = str(1_700_000_000_000 + number)  # unique within an instance only
        sql.seed_operation(name, "BACKUP_VOLUME", BEGAN + timedelta(days=1))
    sql.files["gs://shop-backups/backup-file.sql"] = "an older dump"


def _seed_logs(plane: ControlPlane) -> None:
    """Entries that the recorded filters tell apart, some older than the bounds that go with them."""
    now = datetime.now(UTC)
    shop = {"type": "cloud_run_revision", "labels": {"service_name": "shop"}}
    pay = {"type": "cloud_run_revision", "labels": {"service_name": "pay"}}
    somebody = {"authenticationInfo": {"principalEmail": WHO}}
    entries: tuple[tuple[float, dict[str, Any]], ...] = (
        (0.1, {"severity": "ERROR", "resource": shop, "textPayload": "first"}),
        (0.2, {"severity": "CRITICAL", "resource": pay, "textPayload": "container ran Out Of Memory"}),
        (0.3, {"severity": "INFO", "resource": pay, "jsonPayload": {"duration_ms": 2500}}),
        (0.4, {"severity": "INFO", "resource": pay, "jsonPayload": {"duration_ms": 90}}),
        (0.5, {"severity": "WARNING", "resource": shop, "jsonPayload": {"event_type": "authentication_failed"}}),
        (0.6, {"severity": "NOTICE", "resource": {"type": "audited_resource"}, "protoPayload": somebody}),
        (5, {"severity": "NOTICE", "resource": {"type": "audited_resource"}, "protoPayload": somebody}),
        (6, {"severity": "ERROR", "resource": {"type": "gce_instance"}, "textPayload": "elsewhere"}),
        (50, {"severity": "ERROR", "resource": shop, "textPayload": "the day before yesterday"}),
    )
    for number, (hours, entry) in enumerate(entries):
        plane.logs.write("all", {"insertId": f"entry-{number}", **entry}, at=now - timedelta(hours=hours))
