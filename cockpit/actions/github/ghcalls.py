"""Which gh and git commands of a runbook the actions on GitHub stand in for, and where they differ.

Options as in https://cli.github.com/manual. One that is not named here means that the command is not understood.
`git push` is not among them: it publishes commits that only the local checkout has.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from cockpit.adapters.github.commandline import GithubCall, gh_call, git_call
from cockpit.model.action import ActionSpec
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

_ADMIN = "--admin would go past the branch's protection: this never does, it refuses and says what is missing."
_AUTO = "--auto merges once all is satisfied: this merges now, and refuses with what is missing as long as it is not."
_KEEPS = "The branch is not deleted afterwards."
_WHICH = "The command means the pull request of the branch that is checked out: here it is chosen."
_LOCAL = "The command means the branch that is checked out, and may push it: here the branch is at GitHub already."
_REVERTS = (
    "git makes commits in the local checkout; this has GitHub open a pull request that takes one merged pull request"
    " back, for each to be taken back once. Nothing has to be pushed."
)
_NUMBER = re.compile(r"\d{1,9}")
_PULL_URL = re.compile(r"https://([^/]+)/([^/]+/[^/]+)/pull/(\d{1,9})")


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each of these actions that a command can mean."""
    tiers = {spec.id: spec.tier for spec in specs}
    return tuple(
        Replacement(action, program, tiers[action], understand)
        for action, program, understand in (
            ("github.rerun", "gh", _rerun),
            ("github.cancel", "gh", _cancel),
            ("github.dispatch", "gh", _dispatch),
            ("github.merge", "gh", _merge),
            ("github.revert", "gh", _revert),
            ("github.propose", "gh", _propose),
            ("github.close", "gh", _close),
            ("github.revert", "git", _git_revert),
        )
        if action in tiers
    )


class _Params:
    """Values as they stand, and what is to be filled in."""

    def __init__(self, found: GithubCall) -> None:
        self._found = found
        self.target = dict(found.target)
        self.params: dict[str, str] = {}
        self.asks: dict[str, Placeholder] = {}

    def take(self, name: str, text: str | None) -> None:
        """One of them, where it is given."""
        value = self._found.value(text) if text else None
        if isinstance(value, Placeholder):
            self.asks[name] = value
        elif value:
            self.params[name] = value

    def pull(self, most: int = 1) -> bool:
        """The pull request that the command names: a number or its address; False for a branch, or several."""
        given = self._found.given
        if len(given) > most:
            return False
        text = given[0].removeprefix("#") if given else ""
        if (match := _PULL_URL.fullmatch(text)) is not None:
            self.target = {"host": match[1], "repository": match[2]}
            text = match[3]
        value = self._found.value(text) if text else ""
        if isinstance(value, str) and text and not _NUMBER.fullmatch(text):
            return False
        self.take("pull", text)
        return True

    def intent(self, action: str, *differs: str) -> Intent:
        """The whole."""
        said = " ".join(filter(None, differs))
        return Intent(action, SourceKind.GITHUB, self.target, self.params, self.asks, said)


def _only(found: GithubCall | None, *known: str) -> _Params | None:
    return _Params(found) if found is not None and set(found.options) <= set(known) else None


def _rerun(call: Call) -> Intent | None:
    found = gh_call(call, "run rerun")
    made = _only(found, "--failed")
    if found is None or made is None or len(found.given) > 1:
        return None
    made.take("run", next(iter(found.given), ""))
    made.take("jobs", "failed" if found.option("--failed") is not None else "all")
    return made.intent("github.rerun")


def _cancel(call: Call) -> Intent | None:
    found = gh_call(call, "run cancel")
    made = _only(found)
    if found is None or made is None or len(found.given) > 1:
        return None
    made.take("run", next(iter(found.given), ""))
    return made.intent("github.cancel")


def _dispatch(call: Call) -> Intent | None:
    found = gh_call(call, "workflow run")
    made = _only(found, "--ref", "-r", "-f", "--raw-field", "-F", "--field")
    if found is None or made is None or len(found.given) != 1:
        return None
    fields = [each for name in ("-f", "-F") for each in _fields(found, name)]
    if any("=" not in each or each.partition("=")[2].startswith("@") for each in fields):
        return None
    made.take("workflow", found.given[0])
    made.take("ref", found.option("--ref", "-r"))
    made.take("inputs", shlex.join(fields) if not found.placeholders else " ".join(fields))
    return made.intent("github.dispatch")


def _fields(found: GithubCall, name: str) -> Sequence[str]:
    long = {"-f": "--raw-field", "-F": "--field"}[name]
    return found.options.get(name) or found.options.get(long) or ()


def _merge(call: Call) -> Intent | None:
    found = gh_call(call, "pr merge")
    made = _only(
        found, "--merge", "-m", "--squash", "-s", "--rebase", "-r", "--admin", "--auto", "--delete-branch", "-d",
        "--match-head-commit",
    )  # fmt: skip
    if found is None or made is None or not made.pull():
        return None
    methods = {"--merge": "merge", "-m": "merge", "--squash": "squash", "-s": "squash", "--rebase": "rebase"}
    methods["-r"] = "rebase"
    chosen = {methods[name] for name in found.options if name in methods}
    if len(chosen) > 1:
        return None
    made.take("method", next(iter(chosen), ""))
    made.take("head", found.option("--match-head-commit"))
    return made.intent(
        "github.merge",
        "" if found.given else _WHICH,
        _ADMIN if "--admin" in found.options else "",
        _AUTO if "--auto" in found.options else "",
        _KEEPS if {"--delete-branch", "-d"} & set(found.options) else "",
    )


def _revert(call: Call) -> Intent | None:
    found = gh_call(call, "pr revert")
    made = _only(found)
    if found is None or made is None or not found.given or not made.pull():
        return None
    return made.intent("github.revert")


def _close(call: Call) -> Intent | None:
    found = gh_call(call, "pr close")
    made = _only(found)
    if found is None or made is None or not found.given or not made.pull():
        return None
    return made.intent("github.close")


def _propose(call: Call) -> Intent | None:
    found = gh_call(call, "pr create")
    names = {"--title": "title", "-t": "title", "--body": "body", "-b": "body", "--base": "base", "-B": "base",
             "--head": "branch", "-H": "branch"}  # fmt: skip
    quiet = ("--draft", "-d", "--fill", "-f")
    # -t is not the template of other verbs here, and -d no dry run
    if found is None or found.given or set(call.flags) - {*names, *quiet, "-R", "--repo"}:
        return None
    made = _Params(found)
    for option, name in names.items():
        made.take(name, call.flag(option))
    if found.option("--draft", "-d") is not None:
        made.params["draft"] = "yes"
    fills = found.option("--fill", "-f") is not None
    told = "Its title is asked for, not taken from the commits." if fills else ""
    return made.intent("github.propose", "" if "branch" in {*made.params, *made.asks} else _LOCAL, told)


def _git_revert(call: Call) -> Intent | None:
    found = git_call(call, "revert")
    made = _only(found, "--no-edit", "-m", "--mainline")
    if found is None or made is None or not found.given:
        return None
    return made.intent("github.revert", _REVERTS)
