"""Command lines of gcloud as runbooks have them: on which service, with which options, and what is to be filled in.
Pure: nothing is run from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cockpit.model.command import Call, Placeholder

_QUIET = {"--quiet", "-q", "--format", "--verbosity", "--log-http", "--user-output-enabled", "--async", "--no-async"}
_TARGET = {"--region": "region", "--project": "project"}
_HIDDEN = 0xE000  # private use: stands for a placeholder while a value is taken apart


@dataclass(frozen=True, slots=True)
class RunCall:
    """One call of gcloud: `options` is what is left without target and what only changes the output."""

    verb: str  # without "run": "services update"
    target: Mapping[str, str]  # service (instance, policy ...), region, project, as far as they are literal
    options: Mapping[str, str]  # "" for a switch
    given: tuple[str, ...]  # positional arguments after the service
    placeholders: tuple[Placeholder, ...]

    def value(self, text: str) -> str | Placeholder:
        """A value of an option: itself, or what has to be filled in for all of it."""
        inside = [each for each in self.placeholders if each.spelled in text]
        whole = next((each for each in inside if each.spelled == text), None)
        if whole is not None:
            return whole
        return Placeholder(text, text, inside[0].style) if inside else text

    def split(self, text: str, separator: str, most: int = -1) -> list[str]:
        """Taken apart at a separator, the last ones first where `most` is given; never inside a placeholder."""
        for index, each in enumerate(self.placeholders):
            text = text.replace(each.spelled, chr(_HIDDEN + index))
        found = text.split(separator) if most < 0 else text.rsplit(separator, most)
        for index, each in enumerate(self.placeholders):
            found = [part.replace(chr(_HIDDEN + index), each.spelled) for part in found]
        return found


def run_call(call: Call, verb: str, quiet: frozenset[str] = frozenset()) -> RunCall | None:
    """The call as one of `gcloud run VERB`; None where it is another, or runs elsewhere or as somebody else.

    `quiet` names further options that make no difference.
    """
    if call.program != "gcloud" or call.verb != f"run {verb}" or call.within or call.assigned:
        return None
    if any(word.globs for word in call.args) or call.flag("--platform") not in (None, "managed"):
        return None
    target: dict[str, str] = {}
    options: dict[str, str] = {}
    for name, values in call.flags.items():
        if name in _TARGET:
            target[_TARGET[name]] = values[-1]
        elif name not in _QUIET and name not in quiet and name != "--platform":
            options[name] = values[-1] if values else ""
    given = [word.text for word in call.args]
    if verb not in ("services list", "revisions list", "revisions describe") and given:
        target["service"] = given.pop(0)
    elif "--service" in options:
        target["service"] = options.pop("--service")
    return RunCall(verb, _literal(call, target), options, tuple(given), call.placeholders)


def cloud_call(
    call: Call,
    verb: str,
    named: str = "",
    places: Mapping[str, str] = MappingProxyType({"--project": "project"}),
    quiet: frozenset[str] = frozenset(),
) -> RunCall | None:
    """The call as one of `gcloud VERB`; None where it is another, or runs elsewhere or as somebody else.

    `named` is what the first positional argument is in the target ("instance"), "" where it is none of it. `places`
    are the options that say where it is, `quiet` those that make no difference.
    """
    if call.program != "gcloud" or call.verb != verb or call.within or call.assigned:
        return None
    if any(word.globs for word in call.args):
        return None
    given = [word.text for word in call.args]
    target = {named: given.pop(0)} if named and given else {}
    target |= {places[name]: values[-1] for name, values in call.flags.items() if name in places and values}
    left = {name: values for name, values in call.flags.items() if name not in places}
    options = {name: values[-1] if values else "" for name, values in left.items() if name not in _QUIET | quiet}
    return RunCall(verb, _literal(call, target), options, tuple(given), call.placeholders)


def _literal(call: Call, target: Mapping[str, str]) -> dict[str, str]:
    """What is still to be filled in names nothing: the source is then chosen by hand."""
    spelled = [each.spelled for each in call.placeholders]
    return {name: text for name, text in target.items() if text and not any(each in text for each in spelled)}
