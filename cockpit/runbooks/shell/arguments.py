"""Splits the words of a call into verb, positional arguments and flags, as each tool reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cockpit.model.command import Word
from cockpit.runbooks.shell.gcloud import GCLOUD_LEAVES
from cockpit.runbooks.shell.tool import Tool
from cockpit.runbooks.shell.tools import SWITCHES, TOOLS

_UNKNOWN = Tool(switches=SWITCHES)
_NUMBER = re.compile(r"-\d+\Z")
_GCLOUD_SWITCH = re.compile(r"--(?:no-|clear-|enable-|disable-)[a-z0-9-]+\Z")


@dataclass(slots=True)
class Split:
    """The words of one call, sorted. `rest` is what stands after `--`, or after the point where flags end."""

    verb: str = ""
    args: list[Word] = field(default_factory=list)
    flags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    channel: str = ""
    rest: list[Word] = field(default_factory=list)
    dashed: bool = False  # there was a `--`

    def add(self, name: str, value: str, long: str = "") -> None:
        """One flag, under the spelling used and its long name."""
        self.flags[name] = (*self.flags.get(name, ()), value)
        if long and long != name:
            self.flags[long] = (*self.flags.get(long, ()), value)


def split(program: str, words: Sequence[Word]) -> Split:
    """The words after the program, sorted. Flags are stored as written and, where known, by their long name too."""
    tool = TOOLS.get(program, _UNKNOWN)
    found = Split()
    verb: list[str] = []
    texts = [word.text for word in words]
    done = not (tool.depth or tool.groups)
    at = 0
    while at < len(words):
        text = texts[at]
        if text == "--":
            found.dashed = True
            found.rest = list(words[at + 1 :])
            break
        if text[:1] == "-" and len(text) > 1 and words[at].source[:1] in "-'\"" and not _NUMBER.match(text):
            spoken = " ".join(verb) if done or not verb else "?"
            at = _flag(program, tool, found, texts, at, spoken)
            continue
        if done:
            found.args.append(words[at])
        elif program == "gcloud" and not verb and text in ("alpha", "beta", "preview"):
            found.channel = text
        else:
            verb.append(text)
            done = _verb_done(program, tool, verb, texts[at + 1 :])
        at += 1
        if done and tool.inner and len(found.args) == tool.inner.get(" ".join(verb), -1):
            found.dashed = False
            rest = list(words[at:])
            if rest and rest[0].text == "--":
                found.dashed = True
                rest = rest[1:]
            elif program in ("kubectl", "oc"):
                continue
            found.rest = rest
            break
    found.verb = " ".join(verb)
    return found


def _verb_done(program: str, tool: Tool, verb: list[str], ahead: list[str]) -> bool:
    last = verb[-1]
    if tool.depth:
        return len(verb) >= tool.depth and not (last in tool.groups and len(verb) == tool.depth)
    if program == "gcloud" and verb[-2:-1] in (["export"], ["import"]):
        return True
    if program == "gcloud" and last in GCLOUD_LEAVES and not (last == "run" and len(verb) == 1):
        return True
    if last in tool.groups:
        return False
    following = next((text for text in ahead if not text.startswith("-")), "")
    return not (following in GCLOUD_LEAVES or following in tool.groups)


def _flag(program: str, tool: Tool, found: Split, texts: list[str], at: int, verb: str) -> int:
    """Reads the flag at `at`; the index after it and its value."""
    text = texts[at]
    following = texts[at + 1] if at + 1 < len(texts) else None
    if text.startswith("--") or tool.single:
        name, equals, value = text.partition("=")
        if equals:
            found.add(name, value)
            return at + 1
        if _takes_value(program, tool, name, following):
            found.add(name, following or "")
            return at + 2
        found.add(name, "")
        return at + 1
    return _cluster(tool, found, text, following, at, tool.by_verb.get(verb, {}))


def _takes_value(program: str, tool: Tool, name: str, following: str | None) -> bool:
    if following is None or name in tool.switches:
        return False
    if name in tool.valued:
        return True
    if not tool.greedy or (following.startswith("-") and len(following) > 1):
        return False
    if program == "gcloud":
        return not _GCLOUD_SWITCH.match(name)
    return name not in SWITCHES and not name.startswith("--no-")


def _cluster(tool: Tool, found: Split, text: str, following: str | None, at: int, special: Mapping[str, str]) -> int:
    """`-it`, `-n5`, `-nprod`, `-n prod`, `-n=prod`."""
    for index, char in enumerate(text[1:], 1):
        name = f"-{char}"
        rest = text[index + 1 :]
        long = special.get(name, tool.aliases.get(name, ""))
        valued = long.endswith("=") if name in special else name in tool.valued
        long = long.rstrip("=")
        if valued:
            if rest:
                found.add(name, rest.removeprefix("="), long)
                return at + 1
            found.add(name, following or "", long)
            return at + 1 if following is None else at + 2
        if not char.isalnum() and char not in "#?":
            found.add(text, "")
            return at + 1
        if rest.startswith("="):
            found.add(name, rest[1:], long)
            return at + 1
        found.add(name, "", long)
    return at + 1
