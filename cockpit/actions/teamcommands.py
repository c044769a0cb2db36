"""Which commands of a runbook a [[script]] of the profile is: the same words, with {name} for one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial

from cockpit.actions import fill
from cockpit.actions.teamscript import RUN
from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement, Word
from cockpit.model.severity import SourceKind
from cockpit.profile.delivery import TeamScript

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_AS_DECLARED = "It runs as the profile declares it, in its own folder: what the lines above it prepare stays away."
_DRY = "The profile's script has this as its dry run: it runs for the plan and is shown there; leave the plan then."
_QUIET = ("/dev/null", "1", "2")  # 2>/dev/null, 2>&1: all of its output is kept anyway


def replacements(scripts: Iterable[TeamScript]) -> tuple[Replacement, ...]:
    """A declaration for each script and each program that it or its dry run begins with."""
    return tuple(
        Replacement(RUN.id, program, Tier.T1, partial(understood, script))
        for script in scripts
        for program in dict.fromkeys(argv[0].rpartition("/")[2] for argv in (script.argv, script.dry_run) if argv)
    )


def understood(script: TeamScript, call: Call) -> Intent | None:
    """This very script, with what the runbook leaves open asked for; None for any other word."""
    if call.within or call.body or call.assigned or call.substituted or call.piped:
        return None
    if any("<" in each.operator or each.target.text.lstrip("&") not in _QUIET for each in call.redirects):
        return None
    found = _filled(script.argv, call.words)
    said = _AS_DECLARED
    if found is None and script.dry_run:
        found = _filled(script.dry_run, call.words)
        said = f"{_DRY} {_AS_DECLARED}"
    if found is None:
        return None
    target = {"script": script.name}
    return Intent(RUN.id, SourceKind.SCRIPTS, target, *found, differs=said, tier=Tier[script.tier])


def _filled(argv: Sequence[str], words: Sequence[Word]) -> tuple[dict[str, str], dict[str, Placeholder]] | None:
    """(Values, what to ask for) by the names in the declared words; None where they are other words."""
    values: dict[str, str] = {}
    asks: dict[str, Placeholder] = {}
    if len(argv) != len(words):
        return None
    for declared, word in zip(argv, words, strict=True):
        names = _PLACE.findall(declared)
        pattern = "(?!-)(.+)".join(re.escape(part) for part in _PLACE.split(declared)[::2])
        match = re.fullmatch(pattern, word.text)
        if match is None or word.globs:
            return None
        for name, given in zip(names, match.groups(), strict=True):
            mark = next((each for each in word.placeholders if each.spelled in given), None)
            if values.get(name, given) != given:
                return None
            if mark is not None and (mark.spelled != given or fill.secret(mark)):
                return None
            if mark is None:
                values[name] = given
            else:
                asks[name] = mark
        if not names and word.placeholders:
            return None
    return values, asks
