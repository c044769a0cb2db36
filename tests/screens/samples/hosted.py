"""Services at Render in trouble: a deploy failed, the instances of another die, a database is nearly full."""

from __future__ import annotations

from cockpit.model.look import LookRequest, Sight
from cockpit.model.render import DataStore, Deploy, RenderEvent, RenderService, RenderStatus
from cockpit.model.severity import Severity, SourceKind

from .engine import SampleEngine
from .moment import ago

SOURCE = "render/booking"


def _deploy(name: str, status: str, days: float, commit: str, message: str, trigger: str = "new_commit") -> Deploy:
    at = ago(days * 86400)
    ended = None if status == "build_in_progress" else ago(days * 86400 - 190)
    return Deploy(name, status, trigger, at, ended, commit * 5, message)


def api() -> RenderService:
    """A web service whose newest deploy failed."""
    return RenderService(
        "srv-api", "booking-api", "web_service", Severity.WARN, "failed",
        "deploy 9c41d2ab: build failed; 77aa10ff still serves", "standard", "frankfurt", False, (), ago(200 * 86400),
        wanted=2,
        instances=(("srv-api-4fxq2", ago(4 * 86400)), ("srv-api-9kd7w", ago(3600))),
        maintenance=False,
        deploys=(
            _deploy("dep-4", "build_failed", 0.01, "9c41d2ab", "Faster search"),
            _deploy("dep-3", "live", 4, "77aa10ff", "Prices in one query"),
            _deploy("dep-2", "canceled", 5, "40404040", "Seats by row"),
            _deploy("dep-1", "deactivated", 9, "5be00d10", "Seats are held for ten minutes", "rollback"),
        ),
        variables=("DATABASE_URL", "LOG_LEVEL", "REDIS_URL"),
        auto_deploy=True,
        repo="https://github.example/booking/api",
        branch="main",
        url="https://booking-api.onrender.example",
        dashboard="https://dashboard.render.example/web/srv-api",
    )  # fmt: skip


def mailer() -> RenderService:
    """A worker that has no instance left."""
    return RenderService(
        "srv-mailer", "booking-mailer", "background_worker", Severity.CRIT, "degraded", "no instance runs, of 1",
        "starter", "frankfurt", False, (), ago(200 * 86400), wanted=1, instances=(),
        deploys=(_deploy("dep-9", "live", 4, "77aa10ff", "Prices in one query"),),
    )  # fmt: skip


def site() -> RenderService:
    """A static site, which is well."""
    return RenderService(
        "srv-site", "booking-site", "static_site", Severity.OK, "live", "", "", "", False, (), ago(90 * 86400),
        deploys=(_deploy("dep-20", "live", 30, "abcdef01", "Imprint"),),
    )  # fmt: skip


def hosted() -> RenderStatus:
    """What the pane and its detail show."""
    return RenderStatus(
        "api.render.com",
        "tea-booking",
        (api(), mailer(), site()),
        (
            DataStore(
                "dpg-booking", "postgres", "booking-db", Severity.WARN, "available", "91 of 100 connections",
                "basic_4gb", "frankfurt", "16", False, ago(200 * 86400), 91, 100, role="primary", disk_gb=50,
            ),
            DataStore(
                "red-booking", "keyvalue", "booking-cache", Severity.OK, "available", "", "starter", "frankfurt",
                "8.0.2", False, ago(200 * 86400), 12, policy="allkeys_lru",
            ),
        ),
        (
            RenderEvent(
                "evt-3", "srv-mailer", ago(40), "server_failed", "an instance failed: out of memory (512Mi)", True
            ),
            RenderEvent("evt-2", "srv-api", ago(700), "deploy_ended", "deploy failed", True),
            RenderEvent("evt-1", "srv-api", ago(3600), "instance_count_changed", "instances 1 -> 2"),
        ),
        ("Render answers HTTP 404 to GET /services/srv-gone. check the ids in the profile",),
    )  # fmt: skip


class HostedLooks:
    """Answers every question with the same two lines."""

    async def look(self, request: LookRequest) -> Sight:
        lines = ("14:03:40 ERROR srv-api-4fxq2  no seat left", "14:03:39 INFO srv-api-4fxq2  GET /seats 200")
        return Sight(Severity.WARN, f"2 entries of {request.get('resource')}, 1 of them an error", ago(0), lines)


def hosting(engine: SampleEngine) -> SampleEngine:
    """The engine with a reading of it."""
    engine.looks = HostedLooks()
    engine.add(SOURCE, SourceKind.RENDER, 15.0)
    engine.say(SOURCE, Severity.CRIT, "booking-mailer degraded", hosted())
    return engine
