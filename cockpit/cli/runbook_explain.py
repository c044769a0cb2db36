"""`cockpit runbook explain`: how one command of a runbook was understood, and why."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.exits import EXIT_CODES, Exit
from cockpit.cli.options import with_json
from cockpit.cli.output import Style, say, say_json, table
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.model.command import Call, Command, Placeholder, Understanding
    from cockpit.model.runbook import Fault, Runbook


@click.command(epilog=EXIT_CODES)
@click.argument("place", metavar="FILE:LINE")
@with_json
def explain(place: str, as_json: bool) -> int:
    """Tell how the command at this line was understood: its calls, effect, tier, and what stands in for it.

    LINE is any line of the command; where several stand in one line, all are told.
    """
    from cockpit.engine.compose import replacements
    from cockpit.runbooks.read import read
    from cockpit.runbooks.recognise import understand_all

    path, line = _place(place)
    runbook = read([path])
    understandings = understand_all(runbook, replacements())
    chosen = [each for each in understandings if covers(each.command, line)]
    if not chosen:
        raise click.UsageError(_nothing(path, line, [each.command.line for each in understandings]))
    faults = _faults(runbook, understandings)
    told = [_json(each, [fault for fault in faults if covers(each.command, fault.line)]) for each in chosen]
    if as_json:
        say_json({"file": str(path), "line": line, "commands": told})
        return Exit.OK
    style = Style.of()
    for each in told:
        for text in _lines(each, style):
            say(style.plain(text).rstrip())
    return Exit.OK


def covers(command: Command, line: int) -> bool:
    """The command begins at this line of its file, or goes on there."""
    return command.line <= line <= command.line + command.text.count("\n")


def _place(place: str) -> tuple[Path, int]:
    name, colon, number = place.rpartition(":")
    if not colon or not number.isdigit() or not name:
        raise click.UsageError(f"{clean(place, 200)} is not FILE:LINE, such as RUNBOOK.md:42")
    return Path(name), int(number)


def _nothing(path: Path, line: int, lines: Sequence[int]) -> str:
    name = clean(str(path), 200)
    if not lines:
        return f"{name} holds no commands"
    near = sorted(lines, key=lambda each: abs(each - line))[:2]
    return (
        f"no command stands at {name}:{line}; the nearest are at {' and '.join(str(each) for each in sorted(near))}"
    )


def _faults(runbook: Runbook, understandings: Sequence[Understanding]) -> tuple[Fault, ...]:
    if importlib.util.find_spec("cockpit.runbooks.lint") is None:
        return ()
    lint = importlib.import_module("cockpit.runbooks.lint")
    faults: tuple[Fault, ...] = lint.lint(runbook, understandings)
    return faults


def _json(each: Understanding, faults: Sequence[Fault]) -> dict[str, Any]:
    from cockpit.runbooks.coverage import WORDS

    command, intent = each.command, each.intent
    return {
        "line": command.line,
        "text": command.text,
        "caption": command.caption,
        "headings": list(command.headings),
        "schedule": command.schedule,
        "typed_into": command.opener,
        "broken": command.broken,
        "calls": [_call(call) for call in command.calls],
        "placeholders": [_placeholder(asked, each) for asked in command.placeholders],
        "effect": each.effect.word,
        "tier": each.tier.name,
        "kind": WORDS[each.kind],
        "action": each.action,
        "parameters": {**dict(intent.target), **dict(intent.params)} if intent else {},
        "asks": {name: asked.spelled for name, asked in intent.asks.items()} if intent else {},
        "differs": intent.differs if intent else "",
        "target": each.target,
        "argv": list(each.argv),
        "why": list(each.why),
        "faults": [
            {"rule": fault.rule, "level": fault.level.value, "why": fault.why, "instead": fault.instead}
            for fault in faults
        ],
    }


def _call(call: Call) -> dict[str, Any]:
    from cockpit.runbooks.effects import effect_of

    effect, why = effect_of(call)
    return {
        "program": call.program,
        "verb": call.verb,
        "args": [word.text for word in call.args],
        "flags": {name: list(values) for name, values in call.flags.items()},
        "within": [f"{wrapper.tool} {wrapper.where}".strip() for wrapper in call.within],
        "effect": effect.word,
        "why": why,
    }


_STYLES = {
    "angle": "to be filled in",
    "capitals": "to be filled in: capitals stand for a value",
    "variable": "from the environment of the shell; the cockpit asks for it",
    "substitution": "what another command prints",
}


def _placeholder(asked: Placeholder, each: Understanding) -> dict[str, str]:
    asks = each.intent.asks if each.intent else {}
    parameter = next((name for name, wanted in asks.items() if wanted == asked), "")
    return {
        "name": asked.name,
        "spelled": asked.spelled,
        "style": asked.style.value,
        "asks": _STYLES[asked.style.value],
        "parameter": parameter,
    }


def _lines(told: dict[str, Any], style: Style) -> Iterator[str]:
    yield style.strong(f"line {told['line']}")
    yield from (f"  {line}" for line in told["text"].split("\n"))
    yield ""
    rows = [
        ("under", " > ".join(told["headings"])),
        ("about", told["caption"]),
        ("kind", told["kind"].replace("_", " ")),
        ("effect", told["effect"]),
        ("tier", told["tier"]),
        ("action", told["action"]),
        ("target", told["target"]),
        ("runs when", told["schedule"]),
        ("typed into", told["typed_into"]),
        ("with", ", ".join(f"{name}={value}" for name, value in told["parameters"].items())),
        ("argv", " ".join(told["argv"])),
    ]
    yield from table([row for row in rows if row[1]])
    for call in told["calls"]:
        within = f" (inside of {' > '.join(call['within'])})" if call["within"] else ""
        words = " ".join(word for word in (call["program"], call["verb"], *call["args"]) if word)
        yield f"call    {words}{within}: {call['effect']}, {call['why']}"
    for asked in told["placeholders"]:
        into = f" -> {asked['parameter']}" if asked["parameter"] else ""
        yield f"asks    {asked['spelled']}{into}: {asked['asks']}"
    yield from (f"        {sentence}" for sentence in told["why"])
    for fault in told["faults"]:
        yield f"{fault['level']:<7} {fault['rule']}: {fault['why']} Instead: {fault['instead']}"
    yield ""
