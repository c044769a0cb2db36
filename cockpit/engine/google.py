"""The parts of a profile that are Google Cloud's managed services, beside Cloud Run and its logs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.edge import compose_access, compose_armor
from cockpit.engine.estate import compose_estate, lenders
from cockpit.engine.gauges import compose_metrics
from cockpit.engine.part import Parts
from cockpit.engine.vault import compose_secrets
from cockpit.looks.bound import StateOf
from cockpit.model.cache import CacheStatus
from cockpit.model.credentials import Credentials
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.severity import Severity, SourceKind
from cockpit.profile.schema import Profile


def google_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    return {
        "cockpit.adapters.gcp.secretmanager": bool(profile.secrets),
        "cockpit.adapters.gcp.sql": bool(profile.cloud_sql),
        "cockpit.adapters.gcp.memorystore": bool(profile.memorystore),
        "cockpit.adapters.gcp.armor": bool(profile.armor),
        "cockpit.adapters.gcp.access": bool(profile.access),
        "cockpit.adapters.gcp.monitoring": bool(profile.metrics),
        "cockpit.adapters.gcp.estate": bool(lenders(profile)),
    }


def uses_google(profile: Profile) -> bool:
    """Whether any source is Google's."""
    own = bool(profile.cloud_run) or any(log.type == "cloud_logging" for log in profile.logs)
    return own or any(google_modules(profile).values())


def credentials(profile: Profile) -> Credentials | None:
    """How the credentials stand; None before they were asked for, and where nothing is Google's."""
    if not uses_google(profile):
        return None
    from cockpit.adapters.gcp.identity import standing

    return standing()


def ground(profile: Profile, clock: Clock) -> tuple[Diagnosis, ...]:
    """What is said once of all sources: the account, how long it lasts, the way there. Empty where there is none."""
    found: list[Diagnosis] = []
    known = credentials(profile)
    if known is not None:
        said = known.said(clock.now())
        if said is None or said[0] is Severity.OK:
            found.append(Diagnosis("credentials", True, f"{known.origin}: they renew by themselves"))
        else:
            severity, text = said
            ok = None if severity is Severity.WARN else False
            found.append(Diagnosis("credentials", ok, f"{text.partition(',')[0]}: {known.problem}", known.fix))
    if known is not None:
        from cockpit.adapters.gcp.settings import said_of, settings_of

        if way := said_of(settings_of()):
            found.append(Diagnosis("way", True, way))
    found += [Diagnosis("gcloud's settings", None, said) for said in notices(profile)]
    return tuple(found)


def notices(profile: Profile) -> tuple[str, ...]:
    """What the operator is told at the start: settings of gcloud that are not followed. Blocking, two small files."""
    if not uses_google(profile):
        return ()
    from cockpit.adapters.gcp.settings import settings_of, unfollowed

    said = unfollowed(settings_of())
    return (said,) if said else ()


def compose_google(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    """Add sources, actions and looks. Opens no connection."""
    if uses_google(profile):
        from cockpit.adapters.gcp.identity import act_as

        act_as(profile.google.impersonate)
    compose_secrets(parts, profile, scene, clock, state_of)
    _cloud_sql(parts, profile, scene, clock, state_of)
    _memorystore(parts, profile, scene, clock, state_of)
    compose_armor(parts, profile, scene, clock, state_of)
    compose_access(parts, profile, clock, state_of)
    compose_metrics(parts, profile, clock, state_of)
    compose_estate(parts, profile, clock)


def _cloud_sql(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    if not profile.cloud_sql:
        return
    from cockpit.actions import cloudsql
    from cockpit.actions.google import GoogleGround
    from cockpit.adapters.gcp.sql import CloudSqlInstance
    from cockpit.looks import cloudsql as looks

    for source in profile.cloud_sql:
        adapter = CloudSqlInstance(source, clock)
        parts.add(SourceKind.CLOUDSQL, source.name, adapter, source.interval, source.timeout)
        name = f"cloudsql/{source.name}"
        ground = GoogleGround(name, source.project, scene, profile.limits, clock, adapter)
        parts.handlers.extend(cloudsql.handlers(ground, adapter, source.bucket))
        parts.lookers.extend(looks.lookers(name, adapter, state_of, clock))


def _memorystore(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    if not profile.memorystore:
        return
    from cockpit.actions import memorystore
    from cockpit.actions.google import GoogleGround
    from cockpit.adapters.gcp.memorystore import MemorystoreInstance
    from cockpit.looks import memorystore as looks

    caches = tuple(f"redis/{source.name}" for source in profile.redis)
    for source in profile.memorystore:
        adapter = MemorystoreInstance(source, clock)
        parts.add(SourceKind.MEMORYSTORE, source.name, adapter, source.interval, source.timeout)
        name = f"memorystore/{source.name}"
        ground = GoogleGround(name, source.project, scene, profile.limits, clock, adapter)
        parts.handlers.extend(memorystore.handlers(ground, adapter, partial(_used, caches, state_of)))
        parts.lookers.extend(looks.lookers(name, adapter, state_of, clock))


def _used(caches: Sequence[str], state_of: StateOf, status: MemorystoreStatus) -> tuple[int, str] | None:
    """The memory in use, where one of the Redis sources is this very server."""
    for source in caches:
        state = state_of(source)
        payload = state.reading.payload if state is not None and state.reading is not None else None
        if isinstance(payload, CacheStatus) and payload.server.startswith(f"{status.host}:{status.port}/"):
            return payload.used_memory, source
    return None
