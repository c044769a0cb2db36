"""The things of the played workspace, and how time changes them: deploys go on by themselves, exports become ready.

The lifecycle of a deploy is Render's: build_in_progress, update_in_progress, live, and what was live is deactivated;
a new deploy cancels one that is still under way (https://render.com/docs/deploys). A rollback builds nothing
(https://render.com/docs/rollbacks). Resuming deploys anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
OWNER = "tea-sandbox"
DEFAULT_PAGE = "https://maintenance.render.example"
_ENDED = ("live", "deactivated", "canceled", "build_failed", "pre_deploy_failed", "update_failed")


def stamp(at: datetime) -> str:
    """RFC 3339, as Render writes it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class PlayedDeploy:
    """One deploy. `steps` are statuses to come, each with the seconds from its predecessor."""

    id: str
    commit: Json | None
    image: Json | None
    status: str
    trigger: str
    created: datetime
    steps: list[tuple[str, float]] = field(default_factory=list)
    since: float = 0.0  # seconds of the estate's clock at which the status began
    finished: datetime | None = None

    def document(self) -> Json:
        """As the API answers it."""
        found: Json = {
            "id": self.id,
            "status": self.status,
            "trigger": self.trigger,
            "createdAt": stamp(self.created),
            "startedAt": stamp(self.created),
            "updatedAt": stamp(self.finished or self.created),
        }
        found |= {"commit": self.commit} if self.commit else {}
        found |= {"image": self.image} if self.image else {}
        return found | ({"finishedAt": stamp(self.finished)} if self.finished else {})


@dataclass(slots=True)
class PlayedService:
    """One service."""

    id: str
    name: str
    type: str
    details: Json
    created: datetime
    suspended: bool = False
    auto_deploy: str = "yes"
    branch: str = "main"
    deploys: list[PlayedDeploy] = field(default_factory=list)  # newest first
    instances: list[tuple[str, datetime]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)  # newest first
    fails: str = ""  # status in which the next deploy ends instead of going live

    @property
    def live(self) -> PlayedDeploy | None:
        """What serves."""
        return next((each for each in self.deploys if each.status == "live"), None)

    def document(self) -> Json:
        """As the API answers it."""
        return {
            "id": self.id,
            "name": self.name,
            "slug": self.name,
            "type": self.type,
            "ownerId": OWNER,
            "autoDeploy": self.auto_deploy,
            "branch": self.branch,
            "repo": f"https://github.example/shop/{self.name}",
            "rootDir": "",
            "notifyOnFail": "default",
            "suspended": "suspended" if self.suspended else "not_suspended",
            "suspenders": ["user"] if self.suspended else [],
            "createdAt": stamp(self.created),
            "updatedAt": stamp(self.created),
            "dashboardUrl": f"https://dashboard.render.example/web/{self.id}",
            "serviceDetails": self.details,
        }


@dataclass(slots=True)
class PlayedStore:
    """A Postgres or Key Value instance."""

    id: str
    kind: str  # "postgres", "key-value"
    document: Json
    available_at: float = 0.0  # seconds of the estate's clock
    exports: list[tuple[str, datetime, float]] = field(default_factory=list)  # id, made, ready at
    recovery: Json = field(default_factory=lambda: {"recoveryStatus": "NOT_AVAILABLE"})


class PlayedEstate:
    """All of it. `monotonic` gives the seconds that move it on; each step of a deploy takes `settle_s`."""

    def __init__(self, monotonic: Callable[[], float], settle_s: float) -> None:
        self._monotonic = monotonic
        self.settle_s = settle_s
        self.services: dict[str, PlayedService] = {}
        self.stores: dict[str, PlayedStore] = {}
        self.logs: list[Json] = []  # oldest first
        self.levels: dict[tuple[str, str], float] = {}  # (metric, resource) -> value
        self._numbers = itertools.count(1)

    def number(self, prefix: str) -> str:
        """An id that nothing else has."""
        return f"{prefix}-n{next(self._numbers):04d}"

    def now(self) -> datetime:
        """Of the documents."""
        return datetime.now(UTC)

    def advance(self) -> None:
        """Everything up to this moment."""
        for service in self.services.values():
            for deploy in reversed(service.deploys):
                self._on(service, deploy)
        for store in self.stores.values():
            if store.document["status"] == "creating" and self._monotonic() >= store.available_at:
                store.document["status"] = "available"

    def _on(self, service: PlayedService, deploy: PlayedDeploy) -> None:
        while deploy.steps and self._monotonic() >= deploy.since + deploy.steps[0][1]:
            status, seconds = deploy.steps.pop(0)
            deploy.status, deploy.since = status, deploy.since + seconds
            if status in _ENDED:
                deploy.finished = self.now()
                word = "succeeded" if status == "live" else "failed"
                self.happened(service, "deploy_ended", {"deployId": deploy.id, "deployStatus": word, "reason": {}})
            if status == "live":
                for other in service.deploys:
                    if other is not deploy and other.status == "live":
                        other.status = "deactivated"
                self.renew(service)

    def deploy(self, service: PlayedService, of: PlayedDeploy | None, trigger: str, commit: str = "") -> PlayedDeploy:
        """A new deploy: of the code of another, or of a commit. It cancels what is under way."""
        for other in service.deploys:
            if other.status not in _ENDED:
                other.status, other.steps, other.finished = "canceled", [], self.now()
        code = {"id": commit, "message": f"commit {commit[:8]}", "createdAt": stamp(self.now())} if commit else None
        made = PlayedDeploy(
            self.number("dep"),
            code or (of.commit if of else None),
            of.image if of and not code else None,
            "update_in_progress" if trigger == "rollback" else "build_in_progress",
            trigger,
            self.now(),
            since=self._monotonic(),
        )
        rest = [] if trigger == "rollback" else [("update_in_progress", self.settle_s)]
        made.steps = [*rest, ("live", self.settle_s)]
        if service.fails:
            made.steps = [(service.fails, self.settle_s)]
            service.fails = ""
        service.deploys.insert(0, made)
        details: Json = {"rollback": trigger == "rollback", "newCommit": commit}
        details |= {"rollbackTargetDeployId": of.id} if of and trigger == "rollback" else {}
        self.happened(service, "deploy_started", {"deployId": made.id, "trigger": details})
        return made

    def renew(self, service: PlayedService) -> None:
        """New instances, as many as are wanted."""
        scaling = service.details.get("autoscaling") or {}
        count = scaling.get("min", 1) if scaling.get("enabled") else service.details.get("numInstances", 0)
        has_some = service.type in ("web_service", "private_service", "background_worker") and not service.suspended
        service.instances = [
            (f"{service.id}-{next(self._numbers):05x}", self.now()) for _ in range(count if has_some else 0)
        ]

    def scale(self, service: PlayedService, count: int) -> None:
        """To so many instances; ignored while Render scales by itself."""
        before = service.details["numInstances"]
        service.details["numInstances"] = count
        if (service.details.get("autoscaling") or {}).get("enabled"):
            return
        kept = service.instances[:count]
        added = [(f"{service.id}-{next(self._numbers):05x}", self.now()) for _ in range(count - len(kept))]
        service.instances = [*kept, *added]
        self.happened(service, "instance_count_changed", {"fromInstances": before, "toInstances": count})

    def happened(self, service: PlayedService, kind: str, details: Json) -> None:
        """One more event."""
        service.events.insert(
            0,
            {
                "id": self.number("evt"),
                "serviceId": service.id,
                "timestamp": stamp(self.now()),
                "type": kind,
                "details": details,
            },
        )

    def export(self, store: PlayedStore) -> None:
        """A logical backup, ready after a while."""
        store.exports.append((self.number("exp"), self.now(), self._monotonic() + self.settle_s))

    def exports(self, store: PlayedStore) -> list[Json]:
        """As the API lists them; what can be downloaded has a URL."""
        ready = self._monotonic()
        return [
            {"id": name, "createdAt": stamp(made)}
            | ({"url": f"https://dump.render.example/{name}?signature=secret"} if at <= ready else {})
            for name, made, at in store.exports
        ]

    def recover(self, store: PlayedStore, name: str, plan: str) -> PlayedStore:
        """A new database of what this one was."""
        made = self.number("dpg")
        document = store.document | {
            "id": made,
            "name": name or f"{store.document['name']}-recovered",
            "status": "creating",
            "plan": plan or store.document["plan"],
            "createdAt": stamp(self.now()),
        }
        self.stores[made] = PlayedStore(made, "postgres", document, self._monotonic() + self.settle_s)
        return self.stores[made]

    def write(self, resource: str, message: str, level: str = "info", kind: str = "app", **labels: str) -> None:
        """One log line of just now."""
        named = {"resource": resource, "instance": f"{resource}-abcde", "level": level, "type": kind, **labels}
        self.logs.append(
            {
                "id": self.number("log"),
                "timestamp": stamp(self.now()),
                "message": message,
                "labels": [{"name": name, "value": value} for name, value in named.items()],
            }
        )


def seed(estate: PlayedEstate) -> PlayedEstate:
    """A booking system: a web service with three deploys, a worker, Postgres, Key Value."""
    now = estate.now()
    web = PlayedService(
        "srv-booking",
        "booking-api",
        "web_service",
        {
            "plan": "standard",
            "region": "frankfurt",
            "numInstances": 2,
            "url": "https://booking-api.onrender.example",
            "env": "docker",
            "healthCheckPath": "/health",
            "maintenanceMode": {"enabled": False, "uri": ""},
        },
        now - timedelta(days=200),
        variables={"DATABASE_URL": "postgres://booking:secret@dpg/booking", "LOG_LEVEL": "info"},
    )
    for days, commit, message in ((1, "9c41d2ab", "Faster search"), (4, "77aa10ff", "Prices in one query")):
        _past(estate, web, days, commit, message)
    _past(estate, web, 9, "5be00d10", "Seats are held for ten minutes")
    web.deploys[0].status = "live"
    worker = PlayedService(
        "srv-mailer",
        "booking-mailer",
        "background_worker",
        {"plan": "starter", "region": "frankfurt", "numInstances": 1, "env": "python"},
        now - timedelta(days=200),
    )
    _past(estate, worker, 4, "77aa10ff", "Prices in one query")
    worker.deploys[0].status = "live"
    for service in (web, worker):
        estate.services[service.id] = service
        estate.renew(service)
    _stores(estate, now)
    return estate


def _past(estate: PlayedEstate, service: PlayedService, days: int, commit: str, message: str) -> None:
    at = estate.now() - timedelta(days=days)
    code = {"id": commit * 5, "message": f"{message}\n\nLonger.", "createdAt": stamp(at)}
    service.deploys.append(
        PlayedDeploy(estate.number("dep"), code, None, "deactivated", "new_commit", at, finished=at)
    )


def _stores(estate: PlayedEstate, now: datetime) -> None:
    common = {
        "region": "frankfurt",
        "owner": {"id": OWNER, "name": "Booking", "email": "ops@booking.example", "type": "team"},
        "createdAt": stamp(now - timedelta(days=200)),
        "updatedAt": stamp(now),
        "status": "available",
        "ipAllowList": [],
    }
    estate.stores["dpg-booking"] = PlayedStore(
        "dpg-booking",
        "postgres",
        {
            "id": "dpg-booking",
            "name": "booking-db",
            "plan": "pro_8gb",
            "version": "16",
            "role": "primary",
            "databaseName": "booking",
            "databaseUser": "booking",
            "diskSizeGB": 50,
            "highAvailabilityEnabled": True,
            "readReplicas": [],
            "suspended": "not_suspended",
            "suspenders": [],
            "dashboardUrl": "https://dashboard.render.example/d/dpg-booking",
            **common,
        },
        recovery={"recoveryStatus": "AVAILABLE", "startsAt": stamp(now - timedelta(days=7))},
    )
    estate.stores["red-booking"] = PlayedStore(
        "red-booking",
        "key-value",
        {
            "id": "red-booking",
            "name": "booking-cache",
            "plan": "starter",
            "version": "8.0.2",
            "options": {"maxmemoryPolicy": "allkeys_lru"},
            **common,
        },
    )
    for metric, resource, value in (
        ("cpu", "srv-booking", 0.21),
        ("cpu-limit", "srv-booking", 1.0),
        ("memory", "srv-booking", 0.9e9),
        ("memory-limit", "srv-booking", 2.0e9),
        ("cpu", "srv-mailer", 0.1),
        ("cpu-limit", "srv-mailer", 0.5),
        ("memory", "srv-mailer", 0.2e9),
        ("memory-limit", "srv-mailer", 0.5e9),
        ("http-requests", "srv-booking", 320.0),
        ("http-latency", "srv-booking", 84.0),
        ("active-connections", "dpg-booking", 41.0),
        ("active-connections", "red-booking", 12.0),
    ):
        estate.levels[metric, resource] = value
