"""Goes through a runbook once and notes what a profile needs: services, URLs, databases, caches, clusters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cockpit.model.command import Call, Command, PlaceholderStyle
from cockpit.model.runbook import Bound, Contact, Endpoint, Runbook, SeverityLevel
from cockpit.runbooks.draft.cluster import Cluster, context_of, note
from cockpit.runbooks.draft.docker import note_compose
from cockpit.runbooks.draft.evidence import Origin, Value, flag, literal, safe
from cockpit.runbooks.draft.github import Delivering, note_addresses, note_github
from cockpit.runbooks.draft.hosting import Hosting, note_call_to_render, note_render
from cockpit.runbooks.draft.prometheus import Metering, note_call, note_queries
from cockpit.runbooks.read import parse

_DATABASE_VARIABLE = re.compile(
    r"\b((?:[A-Z][A-Z0-9]*_)*(?:DATABASE|DB|POSTGRES(?:QL)?|PG)(?:_[A-Z0-9]+)*_(?:URL|DSN|URI))\b"
)
_REDIS_VARIABLE = re.compile(r"\b((?:[A-Z][A-Z0-9]*_)*(?:REDIS|VALKEY)(?:_[A-Z0-9]+)*_(?:URL|DSN|URI))\b")
_COMPOSE_VERBS = frozenset({"restart", "logs", "up", "stop", "start", "exec", "kill", "pull", "build", "scale"})


@dataclass(slots=True)
class Service:
    """A Cloud Run service."""

    name: Value
    region: Value | None = None
    project: Value | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A GET that the runbook sends: a URL, or a path where it names no host."""

    url: str
    origin: Origin
    headers: tuple[tuple[str, str], ...] = ()  # header and the variable with its value; "" for a bearer token
    asked: str = ""  # first key that jq then takes out of the answer


@dataclass(slots=True)
class Survey:
    """Everything that was noted."""

    titles: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    endpoints: list[tuple[Endpoint, Origin]] = field(default_factory=list)
    bounds: list[tuple[Bound, Origin]] = field(default_factory=list)
    contacts: list[tuple[Contact, Origin]] = field(default_factory=list)
    severities: list[tuple[SeverityLevel, Origin]] = field(default_factory=list)
    channels: dict[str, str] = field(default_factory=dict)  # channel -> file
    services: dict[str, Service] = field(default_factory=dict)
    projects: list[Value] = field(default_factory=list)
    regions: list[Value] = field(default_factory=list)
    filters: list[Value] = field(default_factory=list)
    databases: dict[str, Value] = field(default_factory=dict)  # instance, container or host -> where
    sql: Value | None = None  # the first use of a database that is not named
    database_variable: Value | None = None
    caches: dict[str, Value] = field(default_factory=dict)
    instances: dict[str, Service] = field(default_factory=dict)  # of Memorystore
    policies: dict[str, Service] = field(default_factory=dict)  # of Cloud Armor; they have no region
    secrets: Origin | None = None  # the first command about Secret Manager
    redis: Value | None = None
    redis_variable: Value | None = None
    cluster: Cluster = field(default_factory=Cluster)
    compose: dict[str, Origin] = field(default_factory=dict)  # services
    projects_of_compose: dict[str, Origin] = field(default_factory=dict)
    render: Hosting = field(default_factory=Hosting)
    github: Delivering = field(default_factory=Delivering)
    prometheus: Metering = field(default_factory=Metering)


def survey(texts: Sequence[tuple[str, str]]) -> Survey:
    """Of the files (name, text)."""
    found = Survey()
    for name, text in texts:
        runbook = parse([(name, text)])
        shown = runbook.files[0]
        found.titles.append(runbook.title)
        _facts(found, runbook, shown)
        for command in runbook.commands:
            _command(found, command, shown)
        note_queries(found.prometheus, shown, text)
        note_render(found.render, shown, text)
        note_addresses(found.github, shown, text)
        _text(found, shown, text)
    return found


def _facts(found: Survey, runbook: Runbook, file: str) -> None:
    facts = runbook.facts
    found.endpoints += [(each, Origin(file, each.line)) for each in facts.endpoints]
    found.bounds += [(each, Origin(file, each.line)) for each in facts.bounds]
    found.contacts += [(each, Origin(file, each.line)) for each in facts.contacts]
    found.severities += [(each, Origin(file, each.line)) for each in facts.severities]
    for channel in facts.channels:
        found.channels.setdefault(channel, file)


def _text(found: Survey, file: str, text: str) -> None:
    """Names of variables, wherever they stand."""
    for number, line in enumerate(text.split("\n"), 1):
        if found.database_variable is None and (match := _DATABASE_VARIABLE.search(line)):
            found.database_variable = Value(f"env:{match[1]}", Origin(file, number))
        if found.redis_variable is None and (match := _REDIS_VARIABLE.search(line)):
            found.redis_variable = Value(f"env:{match[1]}", Origin(file, number))


def _command(found: Survey, command: Command, file: str) -> None:
    asked = next((_first_key(call) for call in command.calls if call.program == "jq"), "")
    for call in command.calls:
        origin = Origin(file, call.line or command.line)
        note_call(found.prometheus, call, origin)
        note_call_to_render(found.render, call, origin)
        note_github(found.github, call, origin)
        if call.program == "gcloud":
            _gcloud(found, call, origin)
        elif call.program == "http":
            _http(found, call, origin, asked)
        elif call.program in ("sql", "psql", "pg_dump", "pg_restore", "pg_dumpall", "pg_isready"):
            _database(found, call, origin)
        elif call.program in ("redis", "redis-cli", "valkey-cli"):
            _cache(found, call, origin)
        elif call.program == "kubectl":
            note(found.cluster, call, origin)
        elif call.program in ("docker-compose", "docker compose") and call.verb in _COMPOSE_VERBS:
            note_compose(found.compose, found.projects_of_compose, call, origin)


def _first_key(call: Call) -> str:
    """ "jobs" of jq '.jobs.stuck'."""
    match = re.match(r"\.([A-Za-z_]\w*)", call.args[0].text) if call.args else None
    return match[1] if match else ""


def _gcloud(found: Survey, call: Call, origin: Origin) -> None:
    verb, region = call.verb, flag(call, "--region")
    project = flag(call, "--project")
    if named := project or _project_of(call):
        found.projects.append(Value(named, origin))
    if verb.startswith("run "):
        _cloud_run(found, call, origin, project, region)
    elif verb.startswith("logging ") and call.args:
        text = call.args[0].text
        if call.args[0].literal and safe(text) and "<" not in text.replace("<=", ""):
            found.filters.append(Value(text, origin))
    elif verb.startswith("sql "):
        name = flag(call, "--instance", "--restore-instance")
        takes_name = verb.startswith(("sql instances", "sql connect", "sql export", "sql import"))
        name = name or (literal(call.args[0]) if call.args and takes_name else "")
        if name:
            found.databases.setdefault(name, Value(f"Cloud SQL instance {name}", origin))
    elif verb.startswith("redis instances") and call.args and (name := literal(call.args[0])):
        found.caches.setdefault(name, Value(f"Memorystore instance {name}", origin))
        _placed(found.instances, name, origin, project, region)
    elif verb.startswith("secrets "):
        found.secrets = found.secrets or origin
    elif verb.startswith("compute "):
        _armor(found, call, origin, project, region)
    elif verb.startswith("container clusters get-credentials"):
        if region:
            found.regions.append(Value(region, origin, "the region of the cluster"))
        found.cluster.context = found.cluster.context or context_of(call, origin)


def _cloud_run(found: Survey, call: Call, origin: Origin, project: str, region: str) -> None:
    if region:
        found.regions.append(Value(region, origin))
    name = flag(call, "--service")
    if not name and call.args and call.verb.startswith(("run services", "run deploy")):
        name = literal(call.args[0])
    if not name:
        return
    _placed(found.services, name, origin, project, region)


def _project_of(call: Call) -> str:
    """Of `config set project P` and `projects describe P`, which have no flag for it."""
    words = [literal(word) for word in call.args[:2]]
    if call.verb == "config set" and words[:1] == ["project"]:
        return words[1] if len(words) > 1 else ""
    return words[0] if call.verb.startswith("projects ") and words else ""


def _armor(found: Survey, call: Call, origin: Origin, project: str, region: str) -> None:
    """A global policy: rules and backends name it by a flag, the policy's own commands by their argument."""
    name = flag(call, "--security-policy")
    own = call.verb.startswith("compute security-policies ") and " rules " not in f"{call.verb} "
    if not name and own and call.args:
        name = literal(call.args[0])
    if name and not region:
        _placed(found.policies, name, origin, project, "")


def _placed(known: dict[str, Service], name: str, origin: Origin, project: str, region: str) -> None:
    service = known.setdefault(name, Service(Value(name, origin)))
    if region and service.region is None:
        service.region = Value(region, origin)
    if project and service.project is None:
        service.project = Value(project, origin)


def _http(found: Survey, call: Call, origin: Origin, asked: str) -> None:
    if call.verb.upper() not in ("GET", "HEAD") or not call.args or not call.args[0].literal:
        return
    url = call.args[0].text
    if url.startswith("/") or urlish(url):
        found.requests.append(Request(url, origin, tuple(_headers(call)), asked))


def urlish(url: str) -> bool:
    """An http(s) URL with a host that stands for itself, and no secret in it."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and named and bool(literal(url)) and "'" not in url and '"' not in url


def _headers(call: Call) -> list[tuple[str, str]]:
    """(header, variable) where the value is just a variable, "" for the header where it is "Bearer $TOKEN".

    A literal value may be a secret and is left out.
    """
    found: list[tuple[str, str]] = []
    variables = {each.spelled: each.name for each in call.placeholders if each.style is PlaceholderStyle.VARIABLE}
    for name, value in call.headers.items():
        bearer = value.strip().lower().startswith("bearer ")
        variable = variables.get(value.strip().partition(" ")[2].strip() if bearer else value.strip(), "")
        if re.fullmatch(r"[A-Za-z_]\w*", variable) and re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", name):
            found.append(("" if bearer and name.lower() == "authorization" else name, variable))
    return found


def _database(found: Survey, call: Call, origin: Origin) -> None:
    for wrapper in call.within:
        if wrapper.tool in ("docker exec", "compose exec", "kubectl exec") and (name := literal(wrapper.where)):
            found.databases.setdefault(name, Value(f"container {name}", origin))
            return
    if found.sql is None:
        found.sql = Value("", origin)


def _cache(found: Survey, call: Call, origin: Origin) -> None:
    host = flag(call, "-h", "--host")
    for wrapper in call.within:
        where = literal(wrapper.where)
        if wrapper.tool == "redis-cli":
            host = host or where
        elif where and "exec" in wrapper.tool:
            found.caches.setdefault(where, Value(f"container {where}", origin))
            return
    if host and host not in ("localhost", "127.0.0.1"):
        found.caches.setdefault(host, Value(f"host {host}", origin))
    elif found.redis is None:
        found.redis = Value("", origin)
