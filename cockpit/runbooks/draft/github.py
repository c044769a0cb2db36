"""The table of a draft that is GitHub's: the repository and the workflow that commands and addresses name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cockpit.model.command import Call
from cockpit.runbooks.draft.evidence import Origin, Value, flag, literal
from cockpit.runbooks.draft.toml import Entry, Table

_NAMED = r"([A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}?)"
_OPTION = re.compile(rf"(?:([A-Za-z0-9.-]+)/)?{_NAMED}")
_ADDRESS = re.compile(
    rf"\b(?:https://|git@|ssh://git@)(github\.com|[a-z0-9.-]*github[a-z0-9.-]*)[/:]{_NAMED}(?:\.git)?(?=[/\s)\"'`>#?]|$)",
    re.IGNORECASE,
)
_NOT_OWNERS = ("orgs", "settings", "features", "marketplace", "apps", "login", "notifications", "topics", "sponsors")
_FILE = re.compile(r"[\w.-]{1,100}\.ya?ml")
_DEPLOYS = re.compile(r"deploy|release|ship|cd\b", re.IGNORECASE)


@dataclass(slots=True)
class Delivering:
    """What a runbook says of GitHub."""

    used: Origin | None = None  # the first gh command
    repositories: dict[tuple[str, str], Origin] = field(default_factory=dict)  # host and name that a command gives
    addresses: dict[tuple[str, str], Origin] = field(default_factory=dict)  # the same, of links
    workflows: dict[str, Origin] = field(default_factory=dict)


def note_github(seen: Delivering, call: Call, origin: Origin) -> None:
    """Repository and workflow of a gh command."""
    if call.program != "gh":
        return
    seen.used = seen.used or origin
    match = _OPTION.fullmatch(flag(call, "-R", "--repo"))
    if match is not None:
        seen.repositories.setdefault((match[1] or "github.com", match[2]), origin)
    named = [flag(call, "--workflow")] if call.verb == "run list" else []
    if call.verb in ("workflow run", "workflow view"):
        named += [literal(word) for word in call.args[:1]]
    for name in named:
        if _FILE.fullmatch(name):
            seen.workflows.setdefault(name, origin)


def note_addresses(seen: Delivering, file: str, text: str) -> None:
    """Links and clone addresses, wherever they stand."""
    for number, line in enumerate(text.split("\n"), 1):
        for host, name in _ADDRESS.findall(line):
            if name.partition("/")[0].casefold() not in _NOT_OWNERS:
                seen.addresses.setdefault((host.casefold(), name), Origin(file, number))


def github_tables(seen: Delivering) -> list[Table]:
    """One, where a command is about GitHub; its repository is missing where nothing names it."""
    if seen.used is None:
        return []
    (host, repository), origin = next(iter((seen.repositories or seen.addresses).items()), (("", ""), None))
    if repository:
        why = "" if seen.repositories else "the first that the runbook links to"
        told = Value(repository, origin, why)
    else:
        told = Value("OWNER/NAME", seen.used, "which repository these commands are about", missing=True)
    entries = [Entry("name", repository.rpartition("/")[2] or "deploys"), Entry("repository", told.text, told)]
    if host not in ("", "github.com"):
        entries.append(Entry("host", host, Value(host, origin)))
    deploying = [name for name in seen.workflows if _DEPLOYS.search(name)] or list(seen.workflows)
    if deploying:
        entries.append(Entry("workflow", deploying[0], Value(deploying[0], seen.workflows[deploying[0]])))
    else:
        unknown = Value("deploy.yml", None, "which file in .github/workflows deploys", missing=True)
        entries.append(Entry("workflow", unknown.text, unknown))
    return [Table("[[github]]", entries)]
