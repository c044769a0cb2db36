"""What a command of a runbook amounts to: a live reading, a guarded action, or a script with its effect."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from cockpit.collecting import held_off
from cockpit.looks.pipes import refined
from cockpit.model.action import Tier
from cockpit.model.command import Call, Command, EffectClass, Intent, Kind, Replacement, Understanding
from cockpit.model.runbook import Runbook
from cockpit.runbooks.argv import argv_of
from cockpit.runbooks.effects import rule, rule_of, tier_of
from cockpit.runbooks.effects.plain import FILTERS, SHELL_ONLY
from cockpit.runbooks.effects.ruling import Ruling, names
from cockpit.runbooks.openers import calls_in_opener
from cockpit.runbooks.prepared import Prepared
from cockpit.runbooks.target import targets_of

SCRIPT = "runbook.script"
_INSIDE = ("kubectl exec", "docker exec", "compose exec")
# Beside another call these are not what a command is about.
_BESIDE = SHELL_ONLY | names("echo printf : true false exit return wait assign yes")
_COMPOUND = re.compile(r"(?:^|[;&|(\n])\s*(?:for|while|until|select|case|if|function)\s|^\s*[\w-]+\s*\(\)\s*[{(]")
_Declared = Mapping[str, Sequence[Replacement]]  # by the program that they are of
_FLOOR = {EffectClass.READS: Tier.T0, EffectClass.UNKNOWN: Tier.T1, EffectClass.CHANGES: Tier.T1}


@held_off()
def understand_all(runbook: Runbook, replacements: Sequence[Replacement]) -> tuple[Understanding, ...]:
    """Every command of the runbook, in its order."""
    known: dict[tuple[str, ...], Understanding] = {}  # runbooks say the same thing many times
    declared = _by_program(replacements)
    prepared = Prepared()
    below = _below(runbook.commands, {each.followed for each in replacements if each.followed})
    found = []
    for command in runbook.commands:
        follows = below.get((command.file, command.block, command.line), frozenset())
        programs = " ".join(call.program for call in command.calls)  # as the text around it decides
        said = "".join(sorted(follows))
        key = (command.text, programs, command.language, command.opener, command.schedule, command.broken, said)
        before = known.get(key)
        if before is None:
            understood = known[key] = _understood(command, declared, follows)
        else:
            understood = replace(before, command=command)
        found.append(prepared.told(understood))
        prepared.seen(command)
    return tuple(found)


def _below(commands: Sequence[Command], marks: Set[str]) -> dict[tuple[str, int, int], frozenset[str]]:
    """Which of these calls stand below a command in its own block."""
    found: dict[tuple[str, int, int], frozenset[str]] = {}
    passed: dict[tuple[str, int], frozenset[str]] = {}
    for command in reversed(commands) if marks else ():
        place = command.file, command.block
        if command.block and place in passed:
            found[*place, command.line] = passed[place]
        if here := marks & {f"{call.program} {call.verb}" for call in command.calls}:
            passed[place] = passed.get(place, frozenset()) | here
    return found


def understand(command: Command, replacements: Sequence[Replacement]) -> Understanding:
    """Never less dangerous than it is: what is not proven to read is not a reading. Never raises on content."""
    return _understood(command, _by_program(replacements))


def _by_program(replacements: Sequence[Replacement]) -> _Declared:
    found: dict[str, list[Replacement]] = {}
    for declared in replacements:
        found.setdefault(declared.program, []).append(declared)
    return found


def _understood(command: Command, replacements: _Declared, follows: frozenset[str] = frozenset()) -> Understanding:
    original = command
    if command.opener:
        command = replace(command, calls=calls_in_opener(command))
    ruling = rule_of(command)
    mains = mains_of(command)
    said = [_sentence(ruling)]
    if not command.calls:
        why = (*said, "No program could be made out: it is shown, copied and ticked by hand.")
        return Understanding(original, Kind.NOT_UNDERSTOOD, ruling.effect, tier_of(ruling), why=why)
    target = targets_of(mains)
    obstacle = _obstacle(command, mains)
    main = mains[-1] if obstacle else mains[0]
    found = (
        _fed(command, mains, replacements) if obstacle else _stand_in(command, main, ruling, replacements, follows)
    )
    if found is not None:
        made = _replaced(command, main, ruling, target, *found)
        return made if command is original else replace(made, command=original)
    said.append(obstacle or _no_replacement(mains[0]))
    argv, needs = argv_of(command)
    said.append(needs if needs else "It needs no shell: it runs as its words stand.")
    return Understanding(
        original, Kind.SCRIPT, ruling.effect, tier_of(ruling), SCRIPT, None, argv, target, tuple(said)
    )


def mains_of(command: Command) -> tuple[Call, ...]:
    """The calls that the command is about: not the filters behind a pipe, not what prepares the shell."""
    direct = [call for call in command.calls if not call.substituted]
    mains = [call for call in direct if not _filters(call) and not (call.program in _BESIDE and not call.within)]
    return tuple(mains or direct or command.calls)


def _filters(call: Call) -> bool:
    """Only shapes what the call before it writes."""
    shapes = call.program in FILTERS | {"python", "python3"}
    shapes = shapes or (call.program == "openssl" and call.verb in ("x509", "asn1parse"))
    return call.piped and shapes and not call.within and rule(call).effect is EffectClass.READS


def _obstacle(command: Command, mains: Sequence[Call]) -> str:
    """Why no single action can stand in for it, whatever the actions are; "" where one could."""
    if command.broken:
        return f"It could not be read to its end ({command.broken}), so nothing stands in for it."
    if command.schedule:
        return f"It is a line of a crontab ({command.schedule}), not something to be run now."
    if len(mains) > 1:
        return f"It does {len(mains)} things in one, so no single action stands in for it."
    shell = not (command.opener or (mains[0].program in ("sql", "promql") and command.language == "sql"))
    if shell and _COMPOUND.search(command.text) and _COMPOUND.search(_unquoted(command.text)):
        return "It repeats or decides, so no single action stands in for it."
    return ""


def _unquoted(text: str) -> str:
    return re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "''", text)


def _no_replacement(call: Call) -> str:
    if call.program in SHELL_ONLY or call.program == "assign":
        return "It only prepares a shell that a person types in; scripts below it in its block take what is literal."
    return "No action or look of the cockpit stands in for it, so it stays a script."


def _stand_in(
    command: Command, main: Call, ruling: Ruling, replacements: _Declared, follows: frozenset[str]
) -> tuple[Replacement, Intent] | None:
    """The first declaration that understands the main call and weighs enough for the whole command."""
    harmless = all(rule(call).effect is EffectClass.READS for call in command.calls if call is not main)
    into_file = any(_keeps(redirect.operator, redirect.target.text) for redirect in main.redirects)
    # What runs in a container may be anything; a client that is looked through is declared by what is typed into it.
    outer = main.within[0].tool if main.within else ""
    around = replacements.get(outer, ()) if outer in _INSIDE else ()
    for declared in (*replacements.get(main.program, ()), *around) if harmless else ():
        if (into_file and not declared.keeps) or (declared.followed and declared.followed not in follows):
            continue
        only_looks = declared.session or declared.instead
        if only_looks and not _only_opens(main, ruling):
            continue
        if declared.tier is Tier.T0 and ruling.effect is not EffectClass.READS and not only_looks:
            continue
        if declared.tier is Tier.T0 and _told(command, main):
            continue
        intent = declared.understand(main)
        if intent is not None:
            return declared, intent
    return None


def _fed(command: Command, mains: Sequence[Call], replacements: _Declared) -> tuple[Replacement, Intent] | None:
    """A pipeline whose last call gets its arguments by xargs from one that reads: together they are one thing."""
    last = mains[-1]
    fed = last.piped and [wrapper.tool for wrapper in last.within] == ["xargs"]
    if len(mains) != 2 or not fed or command.broken or command.schedule or any(each.redirects for each in mains):
        return None
    if _COMPOUND.search(_unquoted(command.text)):
        return None
    if any(rule(call).effect is not EffectClass.READS for call in command.calls if call is not last):
        return None
    for declared in replacements.get(last.program, ()):
        intent = declared.whole(command) if declared.whole is not None else None
        if intent is not None:
            return declared, intent
    return None


def _only_opens(main: Call, ruling: Ruling) -> bool:
    """A client that waits for a person to type: nothing is fed to it, and what opening it does takes nothing away."""
    fed = (
        main.piped or main.body or main.statement is not None or any("<" in each.operator for each in main.redirects)
    )
    return not fed and not main.substituted and ruling.effect < EffectClass.DESTROYS


def _told(command: Command, main: Call) -> bool:
    """It is asked what stands before the pipe, which no look passes on; an `echo` of nothing only ends its input."""
    unread = main.piped and not main.body and main.statement is None
    return unread and any(call.program in ("echo", "printf") and call.words[1:] for call in command.calls)


def _keeps(operator: str, target: str) -> bool:
    """The output goes into a file that somebody will want."""
    return ">" in operator and not target.lstrip("&").isdigit() and not target.startswith("/dev/") and target != ""


def _replaced(
    command: Command, main: Call, ruling: Ruling, target: str, declared: Replacement, intent: Intent
) -> Understanding:
    live = declared.tier is Tier.T0
    said = [_sentence(ruling)]
    filters = [] if declared.whole else [call for call in command.calls if call is not main and _filters(call)]
    if declared.session:
        said.append(f"What a person would type there is not known: the look {intent.name} stands in for the session.")
    elif declared.instead:
        said.append(f"The look {intent.name} stands in for it and changes nothing.")
    elif live:
        intent, filters = _refined(intent, filters)
        said.append(f"The look {intent.name} answers the same question.")
    else:
        said.append(f"The action {intent.name} does it, guarded.")
    if filters:
        names = ", ".join(dict.fromkeys(call.program for call in filters))
        said.append(f"What stands behind it ({names}) is not applied: the whole answer is shown.")
    if intent.differs:
        said.append(intent.differs)
    floor = Tier.T0 if live else _floor(ruling)
    tier = Tier(max(declared.tier, intent.tier or Tier.T0, floor))
    kind = Kind.LIVE if live else Kind.NATIVE
    return Understanding(command, kind, ruling.effect, tier, intent.name, intent, (), target, tuple(said))


def _refined(intent: Intent, filters: Sequence[Call]) -> tuple[Intent, list[Call]]:
    """The look with the filters that it can apply itself, from the first on, and those that are left."""
    for index, call in enumerate(filters):
        taken = refined(intent, call)
        if taken is None:
            return intent, list(filters[index:])
        intent = taken
    return intent, []


def _floor(ruling: Ruling) -> Tier:
    """The least that an action of that effect asks for, whatever its declaration says."""
    if ruling.effect is EffectClass.DESTROYS:
        return Tier.T4 if ruling.final else Tier.T2
    return _FLOOR[ruling.effect]


_MEANING = {
    EffectClass.READS: "It only reads",
    EffectClass.UNKNOWN: "It is not proven to be harmless",
    EffectClass.CHANGES: "It changes something",
    EffectClass.DESTROYS: "It destroys something or takes a service away",
}


def _sentence(ruling: Ruling) -> str:
    back = ", and there is no way back" if ruling.final and ruling.effect is EffectClass.DESTROYS else ""
    return f"{_MEANING[ruling.effect]}{back}: {ruling.why}."
