"""Where a profile says that its sources are, as far as that is no secret: what a runbook's targets are matched to."""

from __future__ import annotations

from urllib.parse import urlsplit

from cockpit.profile.kube import KubernetesSource, PrometheusSource
from cockpit.profile.origin import origin_of as origin_of
from cockpit.profile.schema import Profile


def names_of(profile: Profile) -> dict[str, dict[str, str]]:
    """By source id: {"url", "origin"} of HTTP; {"service", "region", "project"} of Cloud Run; {"filter", "project"}
    or {"path"} of logs; {"host", "port", "database"} of Redis; {"dsn_service"} of a database; {"instance", "project"}
    of Cloud SQL, with "region" of Memorystore; {"policy", "project"} of Cloud Armor; {"project", "failures"} of an
    audit log, the second being its filter; {"context", "namespace"} of Kubernetes, with "workload" of its logs;
    {"origin"} of Prometheus, or {"context", "namespace"}; {"compose_project"} of Docker, with
    "compose_service" of its logs; {"render"} of Render, all ids; {"host", "repository"} of GitHub; {"program",
    "script"} of a script, the second being its name; {"project"} of the others. What is unknown is absent: a
    connection string is a secret reference, so a database's host shows only in its readings.
    """
    found: dict[str, dict[str, str]] = {}
    for health in profile.health:
        plain = health.url.partition("#")[0].partition("?")[0]
        found[f"health/{health.name}"] = {"url": plain, "origin": origin_of(health.url)}
    for log in profile.logs:
        facts = {"project": log.project or "", "filter": log.filter.strip(), "path": log.path or ""}
        if log.type == "kubernetes":
            facts |= next((_cluster(table) for table in profile.kubernetes if table.name == log.cluster), {})
            facts["workload"] = log.workload or ""
        if log.type == "docker":
            facts["compose_project"] = next((each.project for each in profile.docker if each.name == log.engine), "")
            facts["compose_service"] = log.service or ""
        found[f"logs/{log.name}"] = {name: value for name, value in facts.items() if value}
    for database in profile.database:
        found[f"database/{database.name}"] = {"dsn_service": database.service} if database.service else {}
    for cache in profile.redis:
        found[f"redis/{cache.name}"] = _redis(cache.url) if isinstance(cache.url, str) else {}
    for run in profile.cloud_run:
        found[f"revisions/{run.name}"] = {"service": run.service, "region": run.region, "project": run.project}
    _google(found, profile)
    _kubernetes(found, profile)
    _elsewhere(found, profile)
    return found


def _google(found: dict[str, dict[str, str]], profile: Profile) -> None:
    for sql in profile.cloud_sql:
        found[f"cloudsql/{sql.name}"] = {"instance": sql.instance, "project": sql.project}
    for store in profile.memorystore:
        place = {"instance": store.instance, "region": store.region, "project": store.project}
        found[f"memorystore/{store.name}"] = place
    for policy in profile.armor:
        found[f"armor/{policy.name}"] = {"policy": policy.policy, "project": policy.project}
    for vault in profile.secrets:
        found[f"secrets/{vault.name}"] = {"project": vault.project}
    for trail in profile.access:
        failures = {"failures": " ".join(trail.failures.split())} if trail.failures.strip() else {}
        found[f"access/{trail.name}"] = {"project": trail.project, **failures}
    for board in profile.metrics:
        found[f"metrics/{board.name}"] = {"project": board.project}


def _kubernetes(found: dict[str, dict[str, str]], profile: Profile) -> None:
    for table in profile.kubernetes:
        found[f"workloads/{table.name}"] = found[f"cluster/{table.name}"] = _cluster(table)
    for server in profile.prometheus:
        found[f"prometheus/{server.name}"] = _prometheus(server, profile)


def _elsewhere(found: dict[str, dict[str, str]], profile: Profile) -> None:
    for engine in profile.docker:
        found[f"containers/{engine.name}"] = {"compose_project": engine.project}
    for render in profile.render:
        named = " ".join((*render.services, *render.postgres, *render.keyvalue))
        found[f"render/{render.name}"] = found[f"rendermetrics/{render.name}"] = {"render": named} if named else {}
    for repository in profile.github:
        found[f"github/{repository.name}"] = {"host": repository.host, "repository": repository.repository}
    for script in profile.script:
        found[f"scripts/{script.name}"] = {"program": script.argv[0], "script": script.name}


def _prometheus(server: PrometheusSource, profile: Profile) -> dict[str, str]:
    if server.url:
        return {"origin": origin_of(server.url)}
    table = next((each for each in profile.kubernetes if each.name == server.cluster), None)
    found = _cluster(table) if table is not None else {}
    return found | ({"namespace": server.namespace} if server.namespace else {})


def _cluster(table: KubernetesSource) -> dict[str, str]:
    facts = {"context": table.context or "", "namespace": table.namespace or ""}
    return {name: value for name, value in facts.items() if value}


def _redis(url: str) -> dict[str, str]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 6379
    except ValueError:
        return {}
    if parts.scheme == "unix":
        return {"path": parts.path}
    database = parts.path.strip("/") or "0"
    return {"host": parts.hostname or "localhost", "port": str(port), "database": database}
