"""A survey of a runbook -> the tables of a profile that `cockpit check --config-only` takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from cockpit.profile import schema
from cockpit.profile.delivery import GithubSource
from cockpit.profile.docker import DockerSource, RenderSource
from cockpit.profile.google import AccessSource, ArmorSource, MemorystoreSource, SecretsSource
from cockpit.profile.kube import KubernetesSource, MaintenanceMode, PrometheusSource, PromPanelSpec
from cockpit.runbooks.draft.docker import docker_tables
from cockpit.runbooks.draft.evidence import Origin, Value, safe
from cockpit.runbooks.draft.github import github_tables
from cockpit.runbooks.draft.google import (
    access_tables,
    armor_tables,
    cloud_run_tables,
    common,
    memorystore_tables,
    or_missing,
    secrets_tables,
)
from cockpit.runbooks.draft.health import health_tables
from cockpit.runbooks.draft.kube import kubernetes_tables
from cockpit.runbooks.draft.links import link_tables
from cockpit.runbooks.draft.naming import Names, environment_of, system_of
from cockpit.runbooks.draft.prometheus import prometheus_tables
from cockpit.runbooks.draft.render import render_tables
from cockpit.runbooks.draft.survey import Survey, survey
from cockpit.runbooks.draft.toml import Entry, Table, text_of
from cockpit.text import clean

_MODELS: dict[str, type[schema.Section]] = {
    "[[health]]": schema.HealthSource,
    "[[health.check]]": schema.Threshold,
    "[[database]]": schema.DatabaseSource,
    "[[redis]]": schema.RedisSource,
    "[[cloud_run]]": schema.CloudRunSource,
    "[[memorystore]]": MemorystoreSource,
    "[[armor]]": ArmorSource,
    "[[access]]": AccessSource,
    "[[secrets]]": SecretsSource,
    "[[docker]]": DockerSource,
    "[[kubernetes]]": KubernetesSource,
    "[[render]]": RenderSource,
    "[[github]]": GithubSource,
    "[kubernetes.maintenance]": MaintenanceMode,
    "[[prometheus]]": PrometheusSource,
    "[[prometheus.panel]]": PromPanelSpec,
    "[[logs]]": schema.LogSource,
    "[[contact]]": schema.ContactPerson,
    "[[severity]]": schema.SeverityScale,
    "[runbook]": schema.RunbookFiles,
}
_SOURCES = (
    "[[health]]",
    "[[database]]",
    "[[redis]]",
    "[[memorystore]]",
    "[[cloud_run]]",
    "[[armor]]",
    "[[access]]",
    "[[secrets]]",
    "[[kubernetes]]",
    "[[render]]",
    "[[github]]",
    "[[docker]]",
    "[[prometheus]]",
    "[[logs]]",
)
_MOST = 40


@dataclass(frozen=True, slots=True)
class Noted:
    """One line of the summary."""

    what: str  # "cloud_run checkout: region"
    value: str
    comment: str


@dataclass(slots=True)
class Draft:
    """The text of the profile, and what it rests on."""

    text: str
    system: str
    environment: str
    found: list[Noted] = field(default_factory=list)
    guessed: list[Noted] = field(default_factory=list)
    missing: list[Noted] = field(default_factory=list)


def draft(texts: Sequence[tuple[str, str]], files: Sequence[str]) -> Draft:
    """Of the runbooks (name, text). `files` is how the profile is to name them: relative to its own folder."""
    seen = survey(texts)
    environment = environment_of(seen)
    system = system_of(seen, environment.text)
    tables = [_top(seen, system, environment)]
    for made in (
        health_tables(seen, environment.text),
        cloud_run_tables(seen, environment.text),
        _logs(seen),
        _databases(seen),
        _caches(seen),
        memorystore_tables(seen),
        armor_tables(seen),
        access_tables(seen),
        secrets_tables(seen),
        kubernetes_tables(seen.cluster),
        render_tables(seen.render),
        github_tables(seen.github),
        docker_tables(seen.compose, seen.projects_of_compose, system.text),
    ):
        tables += made
    tables = [_checked(table) for table in tables]
    clusters = (str(table.data()["name"]) for table in tables if table.header == "[[kubernetes]]" and not table.off)
    tables += [_checked(table) for table in prometheus_tables(seen.prometheus, next(clusters, ""))]
    if not any(table.header in _SOURCES and not table.off for table in tables):
        tables.append(_nothing())
    tables.append(Table("[runbook]", [Entry("files", list(files)), *_targets(seen, tables)]))
    tables += [_checked(table) for table in (*link_tables(seen.endpoints), *_people(seen), *_scale(seen))]
    return _told(tables, system.text, environment.text)


def _top(seen: Survey, system: Value, environment: Value) -> Table:
    entries = [Entry("system", system.text, system), Entry("environment", environment.text, environment)]
    if seen.channels:
        file = next(iter(seen.channels.values()))
        shown = [channel for channel in seen.channels if safe(channel)][:_MOST]
        entries.append(Entry("channels", shown, Value("", Origin(file, 0))))
    return Table("", entries, ["Drafted from a runbook. Read every line: # guessed and # missing want a decision."])


def _logs(seen: Survey) -> list[Table]:
    if not seen.filters:
        return []
    service = next(iter(seen.services), "")
    best = max(
        seen.filters,
        key=lambda each: (
            ("service_name" in each.text) * 4 + ("resource.type" in each.text) * 2 - len(each.text) / 1e4
        ),
    )
    told = best
    if service and "service_name" not in best.text and "cloud_run" in best.text:
        text = f'resource.type="cloud_run_revision" AND resource.labels.service_name="{service}"'
        told = Value(text, best.origin, "narrowed to the service")
    project = common(seen.projects)
    return [
        Table(
            "[[logs]]",
            [
                Entry("name", Names().take(service, "logs")),
                Entry("type", "cloud_logging"),
                Entry("project", *or_missing(project, "no command names the project")),
                Entry("filter", told.text, told),
            ],
        )
    ]


def _databases(seen: Survey) -> list[Table]:
    named = list(seen.databases.items())
    if not named and seen.sql is None and seen.database_variable is None:
        return []
    names = Names()
    dsn = seen.database_variable or Value("env:DATABASE_URL", None, "the usual name; the runbook names no variable")
    first = named[0][0] if named else "main"
    where = named[0][1].origin if named else (seen.sql.origin if seen.sql is not None else None)
    told = Value(first, where) if named else Value(first, where, "the runbook names no database")
    found = [Table("[[database]]", [Entry("name", names.take(first, "main"), told), Entry("dsn", dsn.text, dsn)])]
    for name, value in named[1:_MOST]:
        missing = Value("", None, "which variable holds its address", missing=True)
        variable = f"env:{re.sub(r'[^A-Z0-9]+', '_', name.upper()).strip('_') or 'OTHER'}_URL"
        variable = variable if re.match(r"env:[A-Z_]", variable) else f"env:DB_{variable[4:]}"
        entries = [Entry("name", names.take(name, "database"), value), Entry("dsn", variable, missing)]
        found.append(Table("[[database]]", entries, off="the runbook names this one too; is it a server of its own?"))
    return found


def _caches(seen: Survey) -> list[Table]:
    named = list(seen.caches.items())
    if not named and seen.redis is None and seen.redis_variable is None:
        return []
    first = named[0] if named else None
    if seen.redis_variable is not None:
        url = seen.redis_variable
    elif first is not None and first[1].text.startswith("host ") and re.fullmatch(r"[\w.-]+", first[0]):
        url = Value(f"redis://{first[0]}:6379/0", first[1].origin, "port and database number")
    else:
        url = Value("env:REDIS_URL", None, "the usual name; the runbook names no variable")
    name = first[0] if first is not None and not first[1].text.startswith("host ") else "cache"
    told = first[1] if first is not None else Value(name, seen.redis.origin if seen.redis else None)
    return [Table("[[redis]]", [Entry("name", Names().take(name, "cache"), told), Entry("url", url.text, url)])]


def _targets(seen: Survey, tables: Sequence[Table]) -> list[Entry]:
    """What the commands call the sources whose address is a secret, which no command can be compared with."""
    targets: dict[str, str] = {}
    for kind, named in (("database", seen.databases), ("redis", seen.caches)):
        source = next(
            (table.data()["name"] for table in tables if table.header == f"[[{kind}]]" and not table.off), ""
        )
        if source and named and safe(first := next(iter(named))):
            targets[first] = f"{kind}/{source}"
    told = Value("", None, "the source drafted from that name")
    return [Entry("targets", targets, told)] if targets else []


def _nothing() -> Table:
    """A profile needs a source; this one has to be corrected."""
    told = Value("", None, "the runbook names nothing to look at", missing=True)
    return Table("[[health]]", [Entry("name", "main"), Entry("url", "http://localhost/health", told)])


def _people(seen: Survey) -> list[Table]:
    found: list[Table] = []
    for contact, origin in seen.contacts[:_MOST]:
        if not safe(contact.role):
            continue
        entries = [Entry("role", contact.role, Value(contact.role, origin))]
        for key, text in (("name", contact.name), ("reach", contact.reach), ("when", contact.when)):
            if text and safe(text):
                entries.append(Entry(key, text, Value(text, origin), listed=False))
        if not safe(contact.reach):
            entries.append(Entry("reach", "", Value("", None, "how to reach them", missing=True)))
        found.append(Table("[[contact]]", entries))
    return found


def _scale(seen: Survey) -> list[Table]:
    found: list[Table] = []
    for level, origin in seen.severities[:_MOST]:
        if safe(level.name):
            entries = [Entry("name", level.name, Value(level.name, origin))]
            entries += [
                Entry(key, text, Value(text, origin), listed=False)
                for key, text in (("meaning", level.meaning), ("response", level.response))
                if text and safe(text)
            ]
            found.append(Table("[[severity]]", entries))
    return found


def _checked(table: Table) -> Table:
    """Commented out where the profile would refuse it: better a draft with a gap than none."""
    model = _MODELS.get(table.header)
    if model is None or table.off:
        return table
    try:
        model.model_validate(table.data())
    except ValidationError as error:
        table.off = f"does not fit: {clean(error.errors(include_url=False, include_input=False)[0]['msg'], 120)}"
    return table


def _told(tables: Sequence[Table], system: str, environment: str) -> Draft:
    result = Draft(text_of(_without_orphans(tables)), system, environment)
    for table in tables:
        if table.off:
            continue
        name = next((str(entry.value) for entry in table.entries if entry.key in ("name", "role", "path")), "")
        place = " ".join(filter(None, (table.header.strip("[]"), name)))
        for entry in table.entries:
            if entry.told is None or not entry.listed:
                continue
            shown = entry.value if isinstance(entry.value, str) else ", ".join(entry.value)
            noted = Noted(f"{place}: {entry.key}" if place else entry.key, shown, entry.told.comment)
            group = result.missing if entry.told.missing else result.guessed if entry.told.why else result.found
            group.append(noted)
    return result


def _without_orphans(tables: Sequence[Table]) -> list[Table]:
    """A [[health.check]] under a [[health]] that is commented out is commented out too; panels likewise."""
    parents = {"[[health.check]]": "[[health]]", "[[prometheus.panel]]": "[[prometheus]]"}
    off: dict[str, bool] = {}
    for table in tables:
        off[table.header] = bool(table.off)
        if off.get(parents.get(table.header, ""), False) and not table.off:
            table.off = "belongs to the table above:"
    return list(tables)
