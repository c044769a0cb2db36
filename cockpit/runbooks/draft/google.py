"""The tables of a draft that are Google Cloud's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.runbooks.draft.evidence import Value
from cockpit.runbooks.draft.naming import Names
from cockpit.runbooks.draft.survey import Service, Survey
from cockpit.runbooks.draft.toml import Entry, Table

MOST = 40
_REFUSED = re.compile(
    r"auth\w*[_ -]?fail|(?:login|sign-?in)s?[_ -]?(?:fail|refus|denied)|unauthenticated", re.IGNORECASE
)


def cloud_run_tables(seen: Survey, environment: str) -> list[Table]:
    """Each service that a command names; those of another environment are commented out."""
    names = Names()
    found: list[Table] = []
    project, region = common(seen.projects), common(seen.regions)
    for service in list(seen.services.values())[:MOST]:
        entries = [
            Entry("name", names.take(service.name.text, "service")),
            Entry("project", *or_missing(_project(service, project), "no command names the project")),
            Entry("region", *or_missing(_region(service, region), "no command names the region")),
            Entry("service", service.name.text, service.name),
        ]
        other = environment == "production" and re.search(r"\b(?:stag(?:e|ing)|dev|test|qa)\b", service.name.text)
        off = f"another environment than {environment}, it seems:" if other else ""
        found.append(Table("[[cloud_run]]", entries, off=off))
    return found


def memorystore_tables(seen: Survey) -> list[Table]:
    """The control plane's view of an instance, beside the server itself."""
    names = Names()
    project, region = common(seen.projects), common(seen.regions)
    return [
        Table(
            "[[memorystore]]",
            [
                Entry("name", names.take(instance.name.text, "cache")),
                Entry("project", *or_missing(_project(instance, project), "no command names the project")),
                Entry("region", *or_missing(_region(instance, region), "no command names the region")),
                Entry("instance", instance.name.text, instance.name),
            ],
        )
        for instance in list(seen.instances.values())[:MOST]
    ]


def _project(service: Service, common: Value | None) -> Value | None:
    if service.project is not None:
        return service.project
    return common and Value(common.text, common.origin, "another command names this project")


def _region(service: Service, common: Value | None) -> Value | None:
    if service.region is not None:
        return service.region
    return common and Value(common.text, common.origin, "another command names this region")


def common(values: Sequence[Value]) -> Value | None:
    """The one that is named most often."""
    counts: dict[str, int] = {}
    for value in values:
        counts[value.text] = counts.get(value.text, 0) + 1
    best = max(counts, key=lambda text: counts[text], default=None)
    return next((value for value in values if value.text == best), None)


def or_missing(value: Value | None, why: str) -> tuple[str, Value]:
    """What is written and told of a value that may not be known."""
    return (value.text, value) if value is not None else ("missing", Value("missing", None, why, missing=True))


def armor_tables(seen: Survey) -> list[Table]:
    """Each Cloud Armor policy that a command names."""
    names = Names()
    project = common(seen.projects)
    return [
        Table(
            "[[armor]]",
            [
                Entry("name", names.take(policy.name.text, "edge")),
                Entry("project", *or_missing(_project(policy, project), "no command names the project")),
                Entry("policy", policy.name.text, policy.name),
            ],
        )
        for policy in list(seen.policies.values())[:MOST]
    ]


def secrets_tables(seen: Survey) -> list[Table]:
    """The secrets of the project that is named most often, where a command is about them."""
    if seen.secrets is None:
        return []
    project = common(seen.projects)
    told = project and Value(project.text, project.origin, "another command names this project")
    name = Names().take(project.text if project else "secrets", "secrets")
    entries = [
        Entry("name", name, Value(name, seen.secrets)),
        Entry("project", *or_missing(told, "no command names the project")),
    ]
    return [Table("[[secrets]]", entries)]


def access_tables(seen: Survey) -> list[Table]:
    """Who changed what in the project that is named most often; with refused logins where a log filter finds them."""
    project = common(seen.projects)
    if project is None:
        return []
    entries = [
        Entry("name", Names().take(project.text, "project")),
        Entry("project", project.text, project),
    ]
    refused = next(
        (each for each in seen.filters if _REFUSED.search(each.text) and "timestamp" not in each.text), None
    )
    if refused is not None:
        told = Value(refused.text, refused.origin, "a log filter of the runbook that finds refused logins")
        entries.append(Entry("failures", refused.text, told))
    return [Table("[[access]]", entries)]
