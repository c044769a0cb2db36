"""Which look a gh or git line that only reads amounts to. Options as in https://cli.github.com/manual."""

from __future__ import annotations

import re
from collections.abc import Callable

from cockpit.adapters.github.commandline import GithubCall, gh_call, git_call
from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

RUNS, RUN, DEPLOYMENTS = "github.runs", "github.run", "github.deployments"
PULLS, PULL, COMMITS, DIFF = "github.pulls", "github.pull", "github.commits", "github.diff"

_OF_PROFILE = "The runs of the workflow that the profile names, as they were read last."
_NOW = "It says how the run stands now and does not wait: the Delivery pane goes on showing it."
_NEWEST = "Without an id the command lets one choose: here it is the one under way, else the newest."
_LOCAL_PULL = "The command means the pull request of the branch that is checked out: here it is chosen."
_TO_BRANCH = "Those to the branch that is deployed, as they were read last."
_AT_GITHUB = "The commits that GitHub has, not those of the local checkout."
_BY_FILE = "Files with the number of their lines, not the lines themselves."
_REF = re.compile(r"(?!-)[\w./-]{1,200}")
_LIMIT = re.compile(r"-(\d{1,3})")
_ONELINE = frozenset(("--oneline", "--decorate", "--no-decorate", "--graph", "-n", "--max-count", "--no-merges"))


def _intent(found: GithubCall, look: str, differs: str = "", **given: str) -> Intent:
    params: dict[str, str] = {}
    asks: dict[str, Placeholder] = {}
    for name, text in given.items():
        value = found.value(text) if text else ""
        if isinstance(value, Placeholder):
            asks[name] = value
        elif value:
            params[name] = value
    return Intent(look, SourceKind.GITHUB, found.target, params, asks, differs)


def _runs(call: Call) -> Intent | None:
    found = gh_call(call, "run list")
    known = {"--workflow", "-w", "-L", "--limit", "--branch", "-b"}
    if found is None or found.given or set(found.options) - known:
        return None
    return _intent(found, RUNS, _OF_PROFILE, branch=found.option("--branch", "-b") or "")


def _run(verb: str, differs: str, *quiet: str) -> Callable[[Call], Intent | None]:
    def understand(call: Call) -> Intent | None:
        found = gh_call(call, verb)
        if found is None or len(found.given) > 1 or set(found.options) - {"--exit-status", *quiet}:
            return None
        said = differs if found.given else " ".join(filter(None, (differs, _NEWEST)))
        return _intent(found, RUN, said, run=next(iter(found.given), ""))

    return understand


def _pulls(call: Call) -> Intent | None:
    found = gh_call(call, "pr list")
    state = found.option("--state", "-s") if found is not None else None
    if found is None or found.given or set(found.options) - {"--state", "-s", "-L", "--limit"}:
        return None
    return _intent(found, PULLS, _TO_BRANCH) if state in (None, "open") else None


def _pull(verb: str) -> Callable[[Call], Intent | None]:
    def understand(call: Call) -> Intent | None:
        found = gh_call(call, verb)
        if found is None or len(found.given) > 1 or set(found.options) - {"--watch", "--required", "--fail-fast"}:
            return None
        given = next(iter(found.given), "").removeprefix("#")
        if isinstance(found.value(given), str) and given and not given.isdigit():
            return None
        return _intent(found, PULL, "" if given else _LOCAL_PULL, pull=given)

    return understand


def _log(call: Call) -> Intent | None:
    found = git_call(call, "log")
    if found is None or set(found.options) - _ONELINE:
        return None
    limit, refs = found.option("-n", "--max-count") or "", []
    for word in found.given:
        match = _LIMIT.fullmatch(word)
        if match is not None:
            limit = match[1]
        else:
            refs.append(word)
    if len(refs) > 1 or not (limit == "" or limit.isdigit()):
        return None
    between = refs[0].split("..") if refs else []
    if len(between) == 2 and all(map(_REF.fullmatch, between)):
        return _intent(found, DIFF, _AT_GITHUB, base=_bare(between[0]), head=_bare(between[1]))
    ref = _bare(refs[0]) if refs else ""
    asked = isinstance(found.value(ref), Placeholder)
    if ref and not asked and (".." in ref or not _REF.fullmatch(ref)):
        return None
    return _intent(found, COMMITS, _AT_GITHUB, ref="" if ref == "HEAD" else ref, limit=limit)


def _bare(ref: str) -> str:
    return ref.removeprefix("origin/")


def _diff(call: Call) -> Intent | None:
    found = git_call(call, "diff")
    if found is None or not set(found.options) <= {"--stat", "--name-only", "--name-status", "--shortstat"}:
        return None
    words = found.given[0].replace("...", "..").split("..") if len(found.given) == 1 else list(found.given)
    if len(words) != 2 or not all(map(_REF.fullmatch, words)):
        return None
    differs = _AT_GITHUB if found.options else f"{_AT_GITHUB} {_BY_FILE}"
    return _intent(found, DIFF, differs, base=_bare(words[0]), head=_bare(words[1]))


REPLACES = (
    Replacement(RUNS, "gh", Tier.T0, _runs),
    Replacement(RUN, "gh", Tier.T0, _run("run view", "", "-v", "--verbose")),
    Replacement(RUN, "gh", Tier.T0, _run("run watch", _NOW)),
    Replacement(PULLS, "gh", Tier.T0, _pulls),
    Replacement(PULL, "gh", Tier.T0, _pull("pr view")),
    Replacement(PULL, "gh", Tier.T0, _pull("pr checks")),
    Replacement(COMMITS, "git", Tier.T0, _log),
    Replacement(DIFF, "git", Tier.T0, _diff),
)
