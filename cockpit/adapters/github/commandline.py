"""Command lines of gh and git as runbooks have them: on which repository, with which options. Pure: nothing runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cockpit.model.command import Call, Placeholder

_QUIET = frozenset(("--compact", "--interval", "-i", "--comments"))  # --json of `workflow run` reads inputs
_REPOSITORY = re.compile(r"(?:([A-Za-z0-9.-]+)/)?([A-Za-z0-9-]+/[A-Za-z0-9._-]+)")


@dataclass(frozen=True, slots=True)
class GithubCall:
    """One call. Values may be placeholders: `value` tells."""

    target: Mapping[str, str]  # {"host", "repository"}, as far as they are literal
    options: Mapping[str, tuple[str, ...]]  # what is left; ("",) for a switch
    given: tuple[str, ...]
    placeholders: tuple[Placeholder, ...]

    def value(self, text: str) -> str | Placeholder:
        """Itself, or what has to be filled in for all of it."""
        inside = [each for each in self.placeholders if each.spelled in text]
        whole = next((each for each in inside if each.spelled == text), None)
        if whole is not None:
            return whole
        return Placeholder(text, text, inside[0].style) if inside else text

    def option(self, *names: str) -> str | None:
        """The last value of the first of these that is there."""
        return next((self.options[name][-1] for name in names if name in self.options), None)


def gh_call(call: Call, verb: str) -> GithubCall | None:
    """The call as `gh VERB`; None where it is another, or runs elsewhere or as somebody else."""
    if call.program != "gh" or call.verb != verb or call.within or set(call.assigned) - {"GH_REPO", "GH_HOST"}:
        return None
    if call.assigned or any(word.globs for word in call.args) or "--web" in call.flags or "-w" in call.flags:
        return None
    target: dict[str, str] = {}
    named = call.flag("-R", "--repo")
    if named is not None and not any(each.spelled in named for each in call.placeholders):
        match = _REPOSITORY.fullmatch(named)
        if match is None:
            return None
        target = {"host": match[1] or "github.com", "repository": match[2]}
    left = {key: tuple(values) or ("",) for key, values in call.flags.items()}
    options = {key: values for key, values in left.items() if key not in _QUIET and key not in ("-R", "--repo")}
    return GithubCall(target, options, tuple(word.text for word in call.args), call.placeholders)


def git_call(call: Call, verb: str) -> GithubCall | None:
    """The call as `git VERB` in the folder that it is typed in; None where it is another, or says where else."""
    if call.program != "git" or call.verb != verb or call.within or call.assigned:
        return None
    if any(word.globs for word in call.args) or any(word.text == "--" for word in call.words):
        return None
    options = {key: tuple(values) or ("",) for key, values in call.flags.items()}
    return GithubCall({}, options, tuple(word.text for word in call.args), call.placeholders)
