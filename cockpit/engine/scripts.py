"""What was understood of a command -> the script that may be run of it, or why none may."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from cockpit.actions import fill
from cockpit.actions.script import Script
from cockpit.actions.surroundings import Carried
from cockpit.model.action import Refusal, Tier
from cockpit.model.command import (
    Call,
    Command,
    EffectClass,
    Kind,
    Placeholder,
    PlaceholderStyle,
    Understanding,
)
from cockpit.model.runbook import Fault, Level
from cockpit.runbooks.effects.hazards import STEERS


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHELLS = ("", "inline", "bash", "sh", "shell", "zsh", "console", "shell-session", "terminal", "ksh", "shellscript")
_LOOKED_THROUGH = ("sql", "http", "redis", "promql")
_BUILTINS = _names(
    ". : [ [[ alias assign bg break builtin case cd command continue declare dirs disown echo eval exec exit export "
    "false fc fg for function getopts hash help history if jobs kill let local logout mapfile popd printf pushd pwd "
    "read readarray readonly return select set shift shopt source suspend test time times trap true type typeset "
    "ulimit umask unalias unset until wait while"
)
_PREPARES = _names("cd pushd popd export unset declare set shopt alias umask ulimit source . assign")
_STRICTER = re.compile(r"set(?:\s+-[euxo]+)*(?:\s+pipefail)?")
_PIECES = re.compile(r"&&|;|\n")
_COMMENT = re.compile(r"(?m)(?:^|\s)#[^'\"\n]*$")
_LITERAL = re.compile(r"(?:cd|export)\s+(?:[\w ./:@%+=,~-]|'[^'\n$`\\]*'|\"[^\"\n$`\\]*\")+")
_OWN_HOME = re.compile(r"[^~]|~(?:/|\Z)")
_CUT = re.compile(r" … \+\d+ chars$", re.MULTILINE)
_REQUEST = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\s+\S")
_SUBCOMMANDS = _names(
    "kubectl gcloud docker docker-compose podman git gh systemctl service helm terraform aws az npm yarn make"
)
_STEMS = {"compose": "docker"}
# What lint finds that no warning is enough for: it destroys what it should not, or on the wrong machine.
_HARM = _names(
    """
    cloud-run-template-change-after-rollback docker-prune-is-no-log-cleanup docker-prune-removes-rollback-images
    docker-volumes-deleted expands-on-the-wrong-machine kubectl-delete-namespace kubectl-deletes-live-certificate
    kubectl-deletes-the-way-back kubectl-pipe-into-delete rm-with-a-variable-path sql-change-without-condition
    sql-import-writes-into-live sql-restore-overwrites
    """
)
_SHOWS_SECRETS = _names("secret-on-the-screen kubectl-get-secrets-hands-out-values")


def not_a_script(understanding: Understanding) -> str:
    """Why the command cannot be run on this machine as it stands, "" when it can."""
    command = understanding.command
    if understanding.kind is Kind.NOT_UNDERSTOOD or not command.calls:
        return "no program could be made out in it"
    if command.broken:
        return f"its shell grammar is broken ({command.broken})"
    if command.opener:
        return f"it is typed into another program: {command.opener}"
    if command.schedule:
        return f"it is a line of a crontab ({command.schedule}), not something to be run now"
    if command.language not in _SHELLS or _REQUEST.match(command.text):
        return "it is no command of a shell"
    if all(call.program in _LOOKED_THROUGH and not call.within and not _has_client(call) for call in command.calls):
        return "it is no command of a shell"
    if _CUT.search(command.text):
        return "one of its lines is too long to be shown whole"
    if all(call.program in _PREPARES for call in command.calls if not call.substituted):
        return (
            "it only prepares a shell that a person types in; scripts below it in its block say what they take of it"
        )
    if any(call.words and call.words[0].placeholders for call in command.calls):
        return "which program it runs is itself to be filled in"
    return ""


def script_of(understanding: Understanding, faults: Sequence[Fault], before: Sequence[Command]) -> Script:
    """The script of a command that can be one. `before` are the commands above it in the same fence."""
    command = understanding.command
    tier, effect = understanding.tier, understanding.effect
    if tier is Tier.T0 and (effect is not EffectClass.READS or _what_it_does_is_open(command)):
        tier, effect = Tier.T3, max(effect, EffectClass.UNKNOWN)
    if effect is not EffectClass.READS:
        # A stand-in may ask for less than its command: run as it stands it is no less than a script.
        tier = max(tier, Tier.T3)
    argv = understanding.argv
    carried, left = carried_over(before)
    if tier is Tier.T0 and any(STEERS.match(name) for name, _ in carried.exports):
        # What only reads may run something else under a setting that the runbook gives it.
        tier, effect = Tier.T3, EffectClass.UNKNOWN
    return Script(
        text=command.text,
        file=command.file,
        line=command.line,
        title=f"Run line {command.line} of the runbook",
        effect=effect,
        tier=tier,
        target=understanding.target,
        argv=argv if not command.opener else (),
        placeholders=command.placeholders,
        programs=programs_of(command),
        warnings=(*(f"{fault.why} Instead: {fault.instead}" for fault in faults), *left),
        refusals=tuple(
            Refusal("runbook", f"this would do harm: {fault.why}", f"Instead: {fault.instead}")
            for fault in faults
            if fault.level is Level.ERROR and effect >= EffectClass.UNKNOWN and fault.rule in _HARM
        ),
        shows_secrets=any(fault.rule in _SHOWS_SECRETS for fault in faults),
        carried=carried,
    )


def programs_of(command: Command) -> tuple[str, ...]:
    """What has to be installed on this machine: programs that it starts here, not those within another machine."""
    found: list[str] = []
    for call in command.calls:
        if call.within:
            stem = call.within[0].tool.split()[0]
            found.append(_STEMS.get(stem, stem))
        elif call.words and call.words[0].literal:
            found.append(call.words[0].text)
    return tuple(dict.fromkeys(name for name in found if name and name not in _BUILTINS))


def _has_client(call: Call) -> bool:
    """curl for "http", psql for "sql": its first word is a program and not a verb or a statement."""
    return bool(call.words) and call.words[0].text.rpartition("/")[2] in (
        "curl", "wget", "http", "https", "xh", "psql", "mysql", "redis-cli", "valkey-cli", "promtool", "hey", "ab",
    )  # fmt: skip


def _what_it_does_is_open(command: Command) -> bool:
    """The subcommand is to be filled in: it reads or not as somebody likes."""
    return any(
        len(call.words) > 1 and call.words[0].text in _SUBCOMMANDS and bool(call.words[1].placeholders)
        for call in command.calls
    )


def carried_over(before: Iterable[Command]) -> tuple[Carried, tuple[str, ...]]:
    """What the commands above in the same block prepare, and the warning where they prepare more than can be carried.

    Only `cd FOLDER` and `export NAME=value` with literal words are carried; where anything else is prepared nothing
    is, for half a preparation is a trap.
    """
    prepared = [command for command in before if _prepares(command)]
    carried: Carried | None = Carried()
    for command in prepared:
        carried = _prepared(command, carried) if carried is not None else None
    if carried is not None:
        return carried, ()
    lines = "; ".join(command.text.partition("\n")[0] for command in prepared)
    return Carried(), (f"each command runs in a shell of its own; what stands above does not reach it: {lines}",)


def _prepares(command: Command) -> bool:
    """It changes the shell that it is typed into: no shell of its own, and more than how that shell fails."""
    own = command.text.lstrip().startswith("(") or command.opener or command.schedule
    lasting = any(call.program in _PREPARES and not call.within and not call.substituted for call in command.calls)
    return lasting and not own and not _STRICTER.fullmatch(command.text.strip())


def _prepared(command: Command, carried: Carried) -> Carried | None:
    """With what this command adds; None where that cannot be said for sure."""
    if any(call.program not in ("cd", "export") or call.redirects or call.within for call in command.calls):
        return None
    pieces = [piece for piece in _PIECES.split(_COMMENT.sub("", command.text)) if piece.strip()]
    if len(pieces) != len(command.calls):
        return None
    folder, exports = carried.folder, dict(carried.exports)
    for piece, call in zip(pieces, command.calls, strict=True):
        words = [word.text for word in call.words]
        if not _LITERAL.fullmatch(piece.strip()) or not all(word.literal for word in call.words):
            return None
        if call.program == "cd":
            if len(words) != 2 or not words[1] or words[1][0] == "-" or not _OWN_HOME.match(words[1]):
                return None
            folder = words[1] if words[1][0] == "~" else os.path.normpath(Path(folder) / words[1])
        else:
            for word in words[1:]:
                name, equals, value = word.partition("=")
                if not equals or "~" in value or not _may_be_set(name):
                    return None
                exports[name] = value
    return Carried(folder, tuple(exports.items()))


def _may_be_set(name: str) -> bool:
    """The guide would let somebody fill it in: no secret, and nothing that changes how programs run."""
    variable = Placeholder(name, f"${name}", PlaceholderStyle.VARIABLE)
    return name.isidentifier() and not fill.secret(variable) and not fill.problem(variable, "x", "")
