"""Writes the cockpit's profile of the sandbox, and the files with the secrets that it refers to."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cockpit.profile.shipped import shipped
from cockpit.sandbox.edge import FAILURES, POLICY
from cockpit.sandbox.localise import localised, toml
from cockpit.sandbox.managed import CACHE_INSTANCE, SECRETS, SQL_INSTANCE, SQL_REPLICA
from cockpit.sandbox.platform import Platform
from cockpit.sandbox.shape import Document, Shape

FILE_NAME = "profile.toml"
TOKEN_FILE = "admin-token"  # noqa: S105  a file's name
SHOP_FILE = "shop-url"
KEY_FILE = "api-key"
RUNBOOK_FILE = "RUNBOOK.md"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of the system are; None for a part that does not run."""

    shop: str
    admin_token: str
    control_plane: str
    monitoring: str
    project: str
    region: str
    service: str
    shape: Shape
    database_dsn: str | None
    redis_url: str | None
    platforms: Sequence[Platform] = ()


def write_profile(directory: Path, addresses: Addresses) -> Path:
    """The profile's path. Everything is readable by this user only."""
    _write(directory / RUNBOOK_FILE, _runbook(addresses))
    secrets = {TOKEN_FILE: addresses.admin_token, SHOP_FILE: addresses.shop}
    if addresses.database_dsn:
        secrets["database-dsn"] = addresses.database_dsn
    if addresses.redis_url:
        secrets["redis-url"] = addresses.redis_url
    for name, value in secrets.items():
        _write(directory / name, value)
    path = directory / FILE_NAME
    if (profile := addresses.shape.profile) is None:
        text = _text(directory, addresses)
    else:
        _write(directory / KEY_FILE, addresses.admin_token)
        text = toml(_system(directory, addresses, profile))
    _write(path, text)
    return path


def _system(directory: Path, at: Addresses, profile: Document) -> Document:
    """The profile of a system that comes with the cockpit, looking at this sandbox."""
    secrets = {"api-key": directory / KEY_FILE}
    if at.database_dsn:
        secrets["database"] = directory / "database-dsn"
    if at.redis_url:
        secrets["redis"] = directory / "redis-url"
    made = localised(
        profile, shop=at.shop, project=at.project, control_plane=at.control_plane, monitoring=at.monitoring,
        secrets=secrets,
    )  # fmt: skip
    for platform in at.platforms:
        platform.place(made)
    made["runbook"]["files"] = [RUNBOOK_FILE]
    return made


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _runbook(at: Addresses) -> str:
    """The team's runbook; the shop's own with the names of this sandbox in it."""
    if at.shape.profile is not None:
        own = at.shape.runbook
        text = own.read_text(encoding="utf-8") if own else shipped(at.shape.system).runbook
        for origin in at.shape.origins:
            text = text.replace(origin, at.shop)
        return text
    if at.shape.runbook is not None:
        return at.shape.runbook.read_text(encoding="utf-8")
    text = (files("cockpit.sandbox") / RUNBOOK_FILE).read_text(encoding="utf-8")
    return text.replace("https://shop.example.com", at.shop).replace("shop-prod", at.project)


def _toml(value: object) -> str:
    """A TOML value; basic strings and arrays are written as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    """Bare where TOML allows it, else quoted."""
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _table(header: str, **values: object) -> str:
    lines = [header, *(f"{_key(key)} = {_toml(value)}" for key, value in values.items() if value is not None)]
    return "\n".join(lines) + "\n"


def _text(directory: Path, at: Addresses) -> str:
    parts = [
        _table("# A small shop on this machine, made by the demo.", system=at.shape.system, environment="sandbox"),
        *_health(at),
    ]
    if at.database_dsn:
        reference = f"file:{directory / 'database-dsn'}"
        parts.append(
            _table("[[database]]", name="shop", dsn=reference, interval="1s", timeout="2s", blocked_warn="3s",
                   long_transaction="30s")
        )  # fmt: skip
    if at.redis_url:
        reference = f"file:{directory / 'redis-url'}"
        parts.append(_table("[[redis]]", name="cache", url=reference, interval="1s", timeout="2s"))
    parts.append(
        _table("[[cloud_run]]", name="shop", project=at.project, region=at.region, service=at.service,
               endpoint=at.control_plane, interval="1s", timeout="3s")
    )  # fmt: skip
    wanted = (
        'resource.type=("cloud_run_revision" OR "cloud_run_job") NOT log_id("cloudaudit.googleapis.com/activity")'
    )
    parts.append(
        _table("[[logs]]", name="shop", type="cloud_logging", project=at.project, endpoint=at.control_plane,
               filter=wanted, interval="2s", timeout="3s")
    )  # fmt: skip
    parts.append(
        _table("[[metrics]]", name="shop", project=at.project, endpoint=at.monitoring, interval="10s", timeout="10s",
               window="30m")
    )  # fmt: skip
    parts.append(
        _table("[[armor]]", name="edge", project=at.project, endpoint=at.control_plane, policy=POLICY, interval="5s",
               timeout="3s", never=["127.0.0.0/8"])
    )  # fmt: skip
    parts.append(
        _table("[[access]]", name="shop", project=at.project, endpoint=at.control_plane, failures=FAILURES,
               interval="15s", timeout="3s")
    )  # fmt: skip
    parts += [
        _table("[[cloud_sql]]", name=name, project=at.project, endpoint=at.control_plane, instance=instance,
               interval="5s", timeout="3s", bucket=f"gs://{at.project}-backups/sql")
        for name, instance in (("shop", SQL_INSTANCE), ("replica", SQL_REPLICA))
    ]  # fmt: skip
    parts.append(
        _table("[[memorystore]]", name="cache", project=at.project, endpoint=at.control_plane, region=at.region,
               instance=CACHE_INSTANCE, interval="5s", timeout="3s")
    )  # fmt: skip
    parts.append(
        _table("[[secrets]]", name="shop", project=at.project, endpoint=at.control_plane, names=list(SECRETS),
               max_age="240d", restarts=["revisions/shop"], interval="10s", timeout="3s")
    )  # fmt: skip
    parts += _actions(directory, at)
    targets = {"cache.shop.example": "redis/cache"} if at.redis_url else {}
    if at.database_dsn:
        targets["db.shop.example"] = "database/shop"
    targets |= at.shape.targets
    parts.append(_table("[runbook]", files=[RUNBOOK_FILE]) + _table("[runbook.targets]", **targets))
    # A shop this small: one cure is a large share of it.
    parts.append(_table("[limits]", watch="60s", keys_share=1.0, sessions_share=0.9, t4_delay="30s"))
    return "\n".join(parts)


def _health(at: Addresses) -> list[str]:
    checks = [
        {"path": "jobs.stuck", "warn": "> 5", "critical": "> 40"},
        {"path": "error_rate", "warn": "> 0.02", "critical": "> 0.2"},
        {"path": "p95_ms", "warn": "> 500", "critical": "> 2000", "for": "3s"},
    ]
    if at.redis_url:
        checks.append({"path": "components.redis.hit_rate", "warn": "< 0.5", "for": "5s"})
    brief, detailed = f"{at.shop}{at.shape.health}", f"{at.shop}{at.shape.detailed}"
    return [
        _table("[[health]]", name="shop", url=brief, interval="1s", timeout="2s", slow="500ms"),
        _table("[[health]]", name="components", url=detailed, interval="1s", timeout="3s"),
        *(_table("[[health.check]]", **check) for check in checks),
        _table("[[health]]", name="catalogue", url=f"{at.shop}/catalogue/books", interval="2s", timeout="3s",
               slow="400ms"),
    ]  # fmt: skip


def _actions(directory: Path, at: Addresses) -> list[str]:
    token = f"file:{directory / TOKEN_FILE}"
    maintenance = f"{at.shop}/admin/maintenance"
    limit = f"{at.shop}/admin/rate-limit"

    def action(name: str, title: str, url: str, body: str, undo: str, path: str, equals: str) -> str:
        return _table(
            "[[http_action]]", name=name, title=title, url=url, body=body, bearer=token, undo=undo, verify_url=url,
            verify_path=path, verify_equals=equals,
        ) + _table("[http_action.headers]", **{"Content-Type": "application/json"})  # fmt: skip

    block = [sys.executable, "-P", "-m", "cockpit.sandbox.block", str(directory)]
    return [
        action("maintenance-on", "Maintenance page on", maintenance, '{"enabled": true}', "maintenance-off",
               "enabled", "true"),
        action("maintenance-off", "Maintenance page off", maintenance, '{"enabled": false}', "maintenance-on",
               "enabled", "false"),
        action("rate-limit-on", "At most 60 requests a minute and client", limit, '{"per_minute": 60}',
               "rate-limit-off", "per_minute", "60"),
        action("rate-limit-off", "No rate limit", limit, '{"per_minute": 0}', "rate-limit-on", "per_minute", "0"),
        _table("[block]", command=[*block, "add", "{ip}"], undo=[*block, "remove", "{ip}"], run=True,
               never=["127.0.0.0/8", "::1/128"], timeout="10s"),
    ]  # fmt: skip
