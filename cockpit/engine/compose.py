"""Turns a profile into parts: adapters, pollers' probes, log rings and action handlers.

The vendor libraries are imported here, through the adapter modules, and nowhere before: `load_adapters` may run in
a thread while the screen is already up.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.docker import compose_docker, container_logs, docker_modules, gateways_of
from cockpit.engine.github import compose_github, github_modules
from cockpit.engine.google import compose_google, google_modules
from cockpit.engine.kube import compose_kube, kube_modules, kubes_of
from cockpit.engine.names import names_of
from cockpit.engine.part import Part as Part
from cockpit.engine.part import Parts as Parts
from cockpit.engine.prometheus import compose_prometheus, prometheus_modules
from cockpit.engine.render import compose_render, render_modules
from cockpit.engine.teamscripts import compose_scripts, scripts_modules
from cockpit.looks.bound import StateOf
from cockpit.model.action import ActionSpec
from cockpit.model.command import Replacement
from cockpit.model.look import LookSpec
from cockpit.model.severity import SourceKind
from cockpit.profile.delivery import TeamScript
from cockpit.profile.schema import Profile

if TYPE_CHECKING:
    from cockpit.adapters.capabilities import LogAsking, Tailing
    from cockpit.adapters.docker.gateway import Gateway
    from cockpit.adapters.kube.kube import Kube


FILE_LOG_EVERY_S = 1.0


def adapter_modules(profile: Profile) -> list[str]:
    """Names of the adapter modules that this profile needs."""
    needed = {
        "cockpit.adapters.http.health": bool(profile.health),
        "cockpit.adapters.http.asking": bool(profile.health),
        "cockpit.adapters.http.action": bool(profile.health),
        "cockpit.adapters.postgres.adapter": bool(profile.database),
        "cockpit.adapters.postgres.statements": bool(profile.database),
        "cockpit.adapters.cache.adapter": bool(profile.redis),
        "cockpit.adapters.gcp.run": bool(profile.cloud_run),
        "cockpit.adapters.gcp.logging": any(log.type == "cloud_logging" for log in profile.logs),
        "cockpit.adapters.files.tail": any(log.type == "file" for log in profile.logs),
        "cockpit.adapters.kube.podlogs": any(log.type == "kubernetes" for log in profile.logs),
    }
    needed |= google_modules(profile) | kube_modules(profile) | prometheus_modules(profile)
    needed |= docker_modules(profile) | render_modules(profile) | github_modules(profile) | scripts_modules(profile)
    return [name for name, wanted in needed.items() if wanted]


def load_adapters(profile: Profile) -> None:
    """Import them. Blocking, up to some hundred milliseconds; call it in a thread."""
    for name in adapter_modules(profile):
        importlib.import_module(name)


def unread(_source: str) -> None:
    """No source has been read: for an engine that does not poll."""


def compose(profile: Profile, state_dir: Path, clock: Clock, state_of: StateOf = unread) -> Parts:
    """Build all parts. Opens no connection. `state_of` is where live looks find the readings."""
    parts = Parts(names=names_of(profile))
    scene = Scene(profile.system, profile.environment)
    kubes, engines = kubes_of(profile, clock), gateways_of(profile, clock)
    _health(parts, profile, scene, clock, state_of)
    _logs(parts, profile, scene, clock, state_of, kubes, engines)
    _databases(parts, profile, scene, clock, state_of)
    _caches(parts, profile, scene, clock, state_of)
    _revisions(parts, profile, scene, state_dir, clock, state_of)
    compose_google(parts, profile, scene, clock, state_of)
    compose_kube(parts, profile, scene, clock, state_of, kubes)
    compose_prometheus(parts, profile, clock, state_of, kubes)
    compose_docker(parts, profile, scene, state_dir, clock, state_of, engines)
    for add in (compose_render, compose_github):
        add(parts, profile, scene, clock, state_of)
    compose_scripts(parts, profile, scene, state_dir, clock)
    _runbook(parts, profile, scene, clock)
    return parts


def _health(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    if not profile.health and not profile.http_action:
        return
    from cockpit.actions import httpsend
    from cockpit.adapters.http.action import HttpActionClient
    from cockpit.adapters.http.asking import HealthAsker
    from cockpit.adapters.http.health import HealthProbe
    from cockpit.looks import certificate
    from cockpit.looks import health as looks

    for source in profile.health:
        probe = HealthProbe(source, clock)
        parts.add(SourceKind.HEALTH, source.name, probe, source.interval, source.timeout)
        name = f"health/{source.name}"
        asker = HealthAsker(source, clock)
        parts.lookers.extend((*looks.lookers(name, asker, state_of, clock), *certificate.lookers(name, asker, clock)))
        parts.handlers.extend(
            httpsend.handlers(
                name, source.url, lambda action: HttpActionClient(action, clock), profile.http_action, scene, clock
            )
        )
    if profile.http_action and profile.health:
        from cockpit.actions import health

        clients = [HttpActionClient(action, clock) for action in profile.http_action]
        for source in profile.health:
            parts.handlers.extend(health.handlers(f"health/{source.name}", clients, scene, profile.limits, clock))


def _logs(
    parts: Parts,
    profile: Profile,
    scene: Scene,
    clock: Clock,
    state_of: StateOf,
    kubes: Mapping[str, Kube],
    engines: dict[str, Gateway],
) -> None:
    if not profile.logs:
        return
    from cockpit.actions import logs
    from cockpit.looks import logs as looks
    from cockpit.polling.logfollow import LogFollower
    from cockpit.polling.logring import LogRing
    from cockpit.polling.newest import Newest

    for source in profile.logs:
        tail: Tailing
        asked: LogAsking | None = None
        if source.type == "file":
            from cockpit.adapters.files.tail import FileLog

            tail = FileLog(source, clock)
        elif source.type == "kubernetes":
            from cockpit.adapters.kube.podlogs import PodLogs

            tail = PodLogs(kubes[source.cluster or ""], source, clock)
        elif source.type == "docker":
            tail = container_logs(profile, source, clock, engines)
        elif source.type == "render":
            from cockpit.engine.render import log_of

            table = next(each for each in profile.render if each.name == source.render)
            tail = asked = log_of(table, source, clock)
        else:
            from cockpit.adapters.gcp.logging import CloudLog

            tail = asked = CloudLog(source, clock)
        name = f"logs/{source.name}"
        ring = LogRing()
        parts.rings[name] = ring
        follower = LogFollower(tail, ring, clock)
        # Files and streams cost nobody a quota, and a file that rotates quickly is lost between two reads.
        own_choice = "interval" in source.model_fields_set or source.type in ("cloud_logging", "render")
        interval = source.interval if own_choice else FILE_LOG_EVERY_S
        parts.add(SourceKind.LOGS, source.name, follower, interval, source.timeout, tail)
        parts.handlers.extend(logs.handlers(name, profile.block, scene, profile.limits, clock))
        parts.lookers.extend(looks.lookers(name, Newest(ring), state_of, clock, asked))


def _databases(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    if not profile.database:
        return
    from cockpit.actions import database, sql, sqlupdate, upkeep
    from cockpit.adapters.postgres.adapter import PostgresAdapter
    from cockpit.adapters.postgres.statements import StatementDesk
    from cockpit.looks import database as looks

    for source in profile.database:
        adapter = PostgresAdapter(source, clock)
        parts.add(SourceKind.DATABASE, source.name, adapter, source.interval, source.timeout)
        name, desk = f"database/{source.name}", StatementDesk(source)
        parts.handlers.extend(database.handlers(name, adapter, scene, profile.limits, clock))
        parts.handlers.extend(sql.handlers(name, desk, scene, profile.limits, clock))
        parts.handlers.extend(sqlupdate.handlers(name, source.update, desk, scene, profile.limits, clock))
        parts.handlers.extend(upkeep.handlers(name, desk, scene, profile.limits, clock))
        parts.lookers.extend(looks.lookers(name, desk, state_of, clock))


def _caches(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    if not profile.redis:
        return
    from cockpit.actions import redis
    from cockpit.adapters.cache.adapter import RedisAdapter
    from cockpit.looks import redis as looks

    for source in profile.redis:
        adapter = RedisAdapter(source, clock)
        parts.add(SourceKind.REDIS, source.name, adapter, source.interval, source.timeout)
        parts.handlers.extend(
            redis.handlers(f"redis/{source.name}", adapter, scene, profile.limits, clock, shared=source.shared)
        )
        parts.lookers.extend(looks.lookers(f"redis/{source.name}", adapter, state_of, clock))


def _revisions(
    parts: Parts, profile: Profile, scene: Scene, state_dir: Path, clock: Clock, state_of: StateOf
) -> None:
    if not profile.cloud_run:
        return
    from cockpit.actions import revisions
    from cockpit.adapters.gcp.run import CloudRunService
    from cockpit.audit.journal import FileJournal
    from cockpit.looks import revisions as looks

    journal = FileJournal(state_dir / "serving.jsonl")
    for source in profile.cloud_run:
        adapter = CloudRunService(source, journal, clock)
        parts.add(SourceKind.REVISIONS, source.name, adapter, source.interval, source.timeout)
        name = f"revisions/{source.name}"
        parts.handlers.extend(revisions.handlers(name, adapter, scene, profile.limits, clock))
        parts.lookers.extend(looks.lookers(name, state_of, clock, adapter))


def _runbook(parts: Parts, profile: Profile, scene: Scene, clock: Clock) -> None:
    if profile.runbook is None:
        return
    from cockpit.actions import script

    parts.shelf = script.Shelf()
    parts.handlers.extend(script.handlers(parts.shelf, profile.runbook, scene, clock))


def specs() -> tuple[ActionSpec, ...]:
    """All declared actions, in the order of the panes."""
    return tuple(spec for module in _action_modules() for spec in module.SPECS)


def look_specs() -> tuple[LookSpec, ...]:
    """All declared looks, in the order of the panes."""
    return tuple(spec for module in _look_modules() for spec in module.SPECS)


def replacements(scripts: Sequence[TeamScript] = ()) -> tuple[Replacement, ...]:
    """Which commands of a runbook actions and looks stand in for; the first that understands a call wins.

    Actions come first: what changes something is never taken for a question. `scripts` are those of a profile: where
    nothing else stands in for it, a command that it declares is that script.
    """
    from cockpit.actions import teamcommands

    modules = (*_action_modules(), *_look_modules())
    known = tuple(found for module in modules for found in getattr(module, "REPLACES", ()))
    return (*known, *teamcommands.replacements(scripts))


def _action_modules() -> tuple[ModuleType, ...]:
    from cockpit.actions import (
        armor,
        cloudsql,
        database,
        health,
        httpsend,
        logs,
        memorystore,
        redis,
        revisions,
        secretmanager,
        sql,
        sqlupdate,
        teamscript,
        upkeep,
    )
    from cockpit.actions.docker import project as docker_project
    from cockpit.actions.github import work as github_work
    from cockpit.actions.kube import clusterwork, keeping, rollouts
    from cockpit.actions.kube import upkeep as kube_upkeep
    from cockpit.actions.render import rendering

    return (
        rendering,  # before httpsend: a request to its API is an action of its own
        health,
        httpsend,
        logs,
        database,
        sql,
        sqlupdate,
        upkeep,
        redis,
        revisions,
        rollouts,
        kube_upkeep,
        clusterwork,
        keeping,
        docker_project,
        cloudsql,
        memorystore,
        armor,
        secretmanager,
        teamscript,
        github_work,
    )


def _look_modules() -> tuple[ModuleType, ...]:
    from cockpit.looks import (
        access,
        armor,
        certificate,
        cloudsql,
        cluster,
        containers,
        credentials,
        database,
        estate,
        github,
        health,
        logs,
        memorystore,
        metrics,
        podlogs,
        prometheus,
        redis,
        render,
        revisions,
        secretmanager,
        workloads,
    )

    return (
        prometheus,  # before health: a question to its API is no page to look at
        render,
        health,
        certificate,
        logs,
        database,
        redis,
        revisions,
        cloudsql,
        memorystore,
        armor,
        access,
        metrics,
        secretmanager,
        estate,
        podlogs,
        workloads,
        cluster,
        containers,
        credentials,
        github,
    )
