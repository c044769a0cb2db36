"""First words of instructions: how a sentence without a heading above it still says what it is for."""

from __future__ import annotations

import re

from cockpit.model.runbook import Part
from cockpit.runbooks.markdown.remembered import remembered


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LOOKS = _words(
    """analyse analyze assess check collect compare connect count describe determine diagnose display examine find
    fetch gather get identify inspect inventory investigate list locate look measure monitor observe open print
    profile query read review see search show sample tail trace track triage view watch"""
)
_VERIFIES = _words("confirm ensure prove smoke test validate verify revalidate recheck")
_TELLS = _words("announce communicate contact email inform message notify post publish report tell")
_ESCALATES = _words("call escalate page")
_CHANGES = _words(
    """abort acknowledge activate add adjust allow apply approve assign back backup ban block bounce build bump
    cancel change clean cleanup clear close configure contain copy cordon create cut deactivate declare decrease
    delete deploy detach disable document drain drop edit empty enable end enforce eradicate evict execute expand
    export
    extend fail failover fallback fix follow flush force freeze grant halt hold implement import increase initiate
    install invalidate isolate issue kick kill launch limit lock lower merge migrate mitigate move mute obtain
    optimise optimize patch pause perform pin power preserve press prevent promote provision prune pull purge push
    quarantine raise reboot rebuild recover recreate recycle redeploy redirect reduce refresh reindex reissue release
    reload remediate remove renew reopen repair replace replay rerun reschedule reset resize resolve restart restore
    resume retry return revert revoke roll rollback rotate route run save scale schedule sell send set shed shift shut
    silence skip snapshot spin start stop submit suspend swap switch sync tag take terminate throttle tick toggle
    trigger truncate tune turn undo uninstall unblock uncordon unlock unmute unpause update upgrade upload use vacuum
    wait warm wipe write"""
)
_VERBS = _LOOKS | _VERIFIES | _TELLS | _ESCALATES | _CHANGES
_PART_OF = {
    word: part
    for words, part in (
        (_CHANGES, Part.RESOLUTION),
        (_ESCALATES, Part.ESCALATION),
        (_TELLS, Part.COMMUNICATION),
        (_VERIFIES, Part.VERIFICATION),
        (_LOOKS, Part.DIAGNOSIS),
    )
    for word in words
}
_SOLUTION = re.compile(r"(?:solution|fix|action|remedy|mitigation|workaround|resolution)s?\s*[:-]\s", re.IGNORECASE)
_FIRST = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)?")
_FOREIGN = re.compile(r"^[\W\d_]+")


def first_word(text: str) -> str:
    """In lower case; "" where the text does not begin with a word."""
    found = _FIRST.match(_FOREIGN.sub("", text[:80]))
    return found[0].lower() if found else ""


@remembered
def begins_with_verb(text: str) -> bool:
    """An instruction, by its first word: "Restart the worker", "re-run the job"."""
    word = first_word(text)
    return word in _VERBS or word.removeprefix("re-") in _VERBS or word.partition("-")[0] in _VERBS


@remembered
def part_by_verb(text: str) -> Part:
    """What an instruction is for by its first word, OTHER where that says nothing."""
    if _SOLUTION.match(text):
        return Part.RESOLUTION
    word = first_word(text)
    return _PART_OF.get(word) or _PART_OF.get(word.removeprefix("re-"), Part.OTHER)
