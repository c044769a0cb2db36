"""The tables of a draft that are Docker's: the Compose project whose services commands name, and its logs."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.runbooks.draft.evidence import Origin, Value, flag, literal
from cockpit.runbooks.draft.toml import Entry, Table

MOST = 20
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_NOT_PROJECT = re.compile(r"[^a-z0-9_-]+")


def note_compose(services: dict[str, Origin], projects: dict[str, Origin], call: Call, origin: Origin) -> None:
    """The services that a docker compose command names, and its project."""
    if (name := flag(call, "-p", "--project-name")) and _NOT_PROJECT.sub("", name) == name:
        projects.setdefault(name, origin)
    scaled = [value.partition("=")[0] for value in call.flags.get("--scale", ())]
    for name in (*scaled, *(literal(word).partition("=")[0] for word in call.args[:5])):
        if _SERVICE.fullmatch(name):
            services.setdefault(name, origin)


def docker_tables(services: dict[str, Origin], projects: dict[str, Origin], system: str) -> list[Table]:
    """None where no command names a service."""
    if not services:
        return []
    if projects:
        project, origin = next(iter(projects.items()))
        told = Value(project, origin)
    else:
        project = _NOT_PROJECT.sub("-", system.casefold()).strip("-_") or "project"
        told = Value(project, None, "the system's name; docker compose ls shows the real one")
    first = next(iter(services.values()))
    why = "those that the runbook names; without this line all of the project are shown"
    entries = [
        Entry("name", "compose"),
        Entry("project", project, told),
        Entry("services", list(services)[:MOST], Value("", first, why)),
    ]
    logs = [Entry("name", "containers"), Entry("type", "docker"), Entry("engine", "compose")]
    return [Table("[[docker]]", entries), Table("[[logs]]", logs)]
