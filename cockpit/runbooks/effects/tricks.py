"""What the words of a shell can hide from whoever reads its calls one by one: each makes a reading unproven."""

from __future__ import annotations

import re

from cockpit.model.command import Call, Command, PlaceholderStyle
from cockpit.runbooks.effects.hazards import sets_beforehand
from cockpit.runbooks.effects.ruling import names

_DATA = ("sql", "promql", "http", "redis")
_SUBSTITUTED = re.compile(r"[$`]")
_QUOTED = re.compile(r"\\.|'[^']*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_OPENED = re.compile(r"\$\((?![(<])")
# ${x@P} runs what x holds as a prompt; an index is worked out even where it is quoted.
_COMPUTED = re.compile(r"\$\{[^}]*@P\}|\[\s*'[^'\n]*[$`]")
_FOR_OPTIONS = re.compile(r"\bfor\s+\w+\s+in\b[^;\n]*\s['\"]?-[A-Za-z-]")
_OPTION = re.compile(r"-[A-Za-z-]")
# By an option or an argument more these do another thing.
_TURN = names("find sort sed awk gawk mawk tar http git journalctl dmesg ss iptables openssl date xxd uniq tee yq")
_MADE_UP = names("echo printf cat base64 rev tr xxd head tail sed awk read mapfile readarray")
_SHELLS_WITHIN = ("sh -c", "bash -c", "zsh -c", "dash -c", "ksh -c", "ssh", "eval", "su", "watch")


def trick_of(command: Command) -> str:
    """Why its calls do not tell all that it does, "" where they do."""
    if sets_beforehand(command.text):
        return "it changes beforehand what the names of programs mean"
    if _hides_a_substitution(command):
        return "not everything that it substitutes could be looked at"
    if command.language not in _DATA and _COMPUTED.search(command.text):
        return "the shell runs what stands in one of its words"
    held = [value for call in command.calls if call.program == "assign" for value in call.assigned.values()]
    if held and any("[" in value and _SUBSTITUTED.search(value) for value in held):
        return "a variable holds something that the shell may run"
    turning = [call for call in command.calls if call.program in _TURN]
    if turning and (any(_OPTION.match(value) for value in held) or _FOR_OPTIONS.search(command.text)):
        return "a variable holds options"
    if any(_made_up(call, command) for call in turning):
        return "some of its words are made up by another command"
    if any(_fed_to_a_shell(call) for call in command.calls):
        return "what is fed to it becomes the text of a shell"
    return ""


def _made_up(call: Call, command: Command) -> bool:
    bare = {
        placeholder.style
        for word in call.words[1:]
        for placeholder in word.placeholders
        if word.source == placeholder.spelled
    }
    makers = [each for each in command.calls if each.program in _MADE_UP]
    if PlaceholderStyle.SUBSTITUTION in bare and any(each.substituted for each in makers):
        return True
    reads = any(each.program in ("read", "mapfile", "readarray") for each in makers)
    return PlaceholderStyle.VARIABLE in bare and reads


def _fed_to_a_shell(call: Call) -> bool:
    if len(call.within) < 2:
        return False
    tools = [wrapper.tool for wrapper in call.within]
    fed = next((index for index, tool in enumerate(tools) if tool in ("xargs", "parallel")), len(tools))
    return any(tool in _SHELLS_WITHIN for tool in tools[fed + 1 :])


def _hides_a_substitution(command: Command) -> bool:
    """More $(...) and `...` stand in the text than calls were found in such."""
    text = command.text
    if not (command.calls and _SUBSTITUTED.search(text)) or command.language in _DATA:
        return False
    bare = _QUOTED.sub(lambda match: "" if match.group()[0] in "'\\" else match.group(), text)
    opened = len(_OPENED.findall(bare)) + bare.count("`") // 2
    return opened > sum(call.substituted for call in command.calls)
