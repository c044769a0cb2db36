"""What was understood of a command, bound to this profile: a look or action on one source, a script, or prose."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from cockpit.actions import fill
from cockpit.actions.catalogue import Catalogue
from cockpit.actions.httpsend import declared
from cockpit.actions.script import Script, known_variables
from cockpit.engine.binding import Bound, Names, bind, told_apart_by
from cockpit.engine.scripts import not_a_script
from cockpit.looks.access import shown_by_pane
from cockpit.looks.book import LookBook
from cockpit.looks.health import settled
from cockpit.model.action import ActionRequest, Choice, Param, ParamKind, Tier
from cockpit.model.command import Intent, Kind, Placeholder, PlaceholderStyle, Understanding
from cockpit.model.look import LookRequest
from cockpit.model.runbook import Fault
from cockpit.model.severity import SourceKind
from cockpit.profile.origin import origin_of
from cockpit.profile.schema import HttpAction, RunbookFiles
from cockpit.runbooks.guide.offer import SCRIPT, SOURCE, Ask, Offered

REVISION = re.compile(r"rev(ision)?s?(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Known:
    """One command of the runbook with everything that was found out about it."""

    understanding: Understanding
    faults: tuple[Fault, ...]
    script: Script | None  # None where it cannot be one


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A command that the cockpit has something for, on nothing that this profile has."""

    pane: SourceKind
    name: str  # what `[runbook] targets` would have to say of it; "" where it names nothing
    candidates: tuple[str, ...]  # sources that could do it; empty where the profile has none
    reason: str


class Offers:
    """Pure but for what catalogue and book hold."""

    def __init__(
        self,
        runbook: RunbookFiles,
        catalogue: Catalogue,
        looks: LookBook,
        names: Names,
        read_only: bool,
        http_actions: Sequence[HttpAction] = (),
    ) -> None:
        self._runbook = runbook
        self._catalogue = catalogue
        self._looks = looks
        self._names = names
        self._read_only = read_only
        self._http_actions = http_actions

    def offered(self, step: str, known: Known, untrusted: str, before: Mapping[str, str]) -> Offered:
        """`untrusted` is why nothing may be sent, `before` what was filled in so far, by placeholder name."""
        understanding = known.understanding
        offer = Offered(step, understanding, Kind.SCRIPT, understanding.tier, faults=known.faults, blocked=untrusted)
        intent = understanding.intent
        reason = ""
        if intent is not None and understanding.kind in (Kind.LIVE, Kind.NATIVE):
            found = self._bound(offer, intent, before)
            if isinstance(found, Offered):
                return self._held(found)
            reason = f"{found[:1].upper()}{found[1:]}."
        return self._held(self._as_script(offer, known.script, reason, before))

    def _held(self, offer: Offered) -> Offered:
        """A profile that only reads changes nothing from here either; a live answer sends nothing."""
        if offer.live:
            return replace(offer, blocked="")
        if self._read_only and offer.tier > Tier.T0 and not offer.blocked:
            return replace(offer, blocked="this profile is read-only")
        return offer

    def _bound(self, offer: Offered, intent: Intent, before: Mapping[str, str]) -> Offered | str:
        """The look or action on its source; in words why there is none."""
        live = offer.understanding.kind is Kind.LIVE
        intent = shown_by_pane(self._declared(intent), self._names)
        spec = self._looks.spec(intent.name) if live else self._catalogue.spec(intent.name)
        if spec is None:
            return f"this cockpit has no {intent.name}"
        bound = self._place(offer.understanding, intent)
        if not bound.sources:
            return bound.reason
        usable = tuple(source for source in bound.sources if not self._unavailable(intent.name, source, live))
        if not usable:
            return self._unavailable(intent.name, bound.sources[0], live)
        bound = replace(bound, sources=usable)
        source = usable[0] if len(usable) == 1 and (bound.sure or live) else ""
        if live and source and intent.pane is SourceKind.HEALTH:
            intent = settled(_moved(intent, source, self._names), self._names.get(source, {}))
            spec = self._looks.spec(intent.name) or spec
        if not live and source:  # a script's parameters are its own
            spec = self._catalogue.handler(intent.name, source).spec
        asks = ((_which(bound),) if not source else ()) + _asks(spec.params, intent, before)
        differs = " ".join(part for part in (intent.differs, _unsure(bound, source)) if part)
        if live:
            request = LookRequest(intent.name, source, intent.params)
            sends = not getattr(spec, "live", False)
            return replace(
                offer, kind=Kind.LIVE, look=request, asks=asks, sources=usable, differs=differs, sends=sends
            )
        action = ActionRequest(intent.name, source, intent.params)
        tier = offer.tier if intent is offer.understanding.intent else intent.tier or offer.tier
        return replace(offer, kind=Kind.NATIVE, tier=tier, action=action, asks=asks, sources=usable, differs=differs)

    def _place(self, understanding: Understanding, intent: Intent) -> Bound:
        placeholders = understanding.command.placeholders
        return bind(
            intent.target, placeholders, self._candidates(understanding, intent), self._names, self._runbook.targets
        )

    def _candidates(self, understanding: Understanding, intent: Intent) -> tuple[str, ...]:
        live = understanding.kind is Kind.LIVE
        return tuple(self._looks.sources_for(intent.name) if live else self._catalogue.sources_for(intent.name))

    def unplaced(self, known: Known) -> Unplaced | None:
        """What a command names that is no source of this profile; None where it leads to one, or is a script."""
        understanding = known.understanding
        if understanding.intent is None or understanding.kind not in (Kind.LIVE, Kind.NATIVE):
            return None
        intent = shown_by_pane(self._declared(understanding.intent), self._names)
        bound = self._place(understanding, intent)
        if bound.sources:
            return None
        name = told_apart_by(intent.target, understanding.command.placeholders)
        return Unplaced(intent.pane, name, self._candidates(understanding, intent), bound.reason)

    def _declared(self, intent: Intent) -> Intent:
        """A request that the profile declares is its action; a path only where one host can be meant."""
        origins = {
            self._names.get(source, {}).get("origin", "") for source in self._catalogue.sources_for(intent.name)
        }
        return declared(intent, self._http_actions, origins.pop() if len(origins) == 1 else "")

    def _unavailable(self, name: str, source: str, live: bool) -> str:
        thing = self._looks.looker(name, source) if live else self._catalogue.handler(name, source)
        return thing.unavailable()

    def _as_script(self, offer: Offered, script: Script | None, reason: str, before: Mapping[str, str]) -> Offered:
        if script is None:
            why = not_a_script(offer.understanding)
            said = f"{reason} It is not run from here: {why}.".strip()
            return replace(offer, kind=Kind.NOT_UNDERSTOOD, reason=said)
        wanted = fill.asked(script.placeholders, script.text, known_variables(self._runbook, script))
        secrets = tuple(told for placeholder in wanted if (told := fill.secret(placeholder)))
        asks = tuple(
            Ask(
                fill.key_of(placeholder),
                placeholder.name,
                ParamKind.TEXT,
                f"in place of {placeholder.spelled}",
                before.get(placeholder.name, ""),
                live=bool(REVISION.search(placeholder.name)),
                required=not fill.optional(placeholder),
            )
            for placeholder in wanted
            if not fill.secret(placeholder)
        )
        if reason:
            reason = f"{reason} So it is offered as it stands, as a guarded script."
        blocked = offer.blocked or "; ".join(secrets)
        return replace(offer, tier=script.tier, action=script.request({}), asks=asks, reason=reason, blocked=blocked)


def _moved(intent: Intent, source: str, names: Names) -> Intent:
    """The same page on the source's own host, where the profile maps the runbook's host to it."""
    url, origin = intent.params.get("url", ""), names.get(source, {}).get("origin", "")
    if not url or not origin or origin_of(url) in ("", origin):
        return intent
    parts = urlsplit(url)
    page = f"{origin}{parts.path}{'?' if parts.query else ''}{parts.query}"
    said = f"{origin} is asked in place of {origin_of(url)}, as the profile maps it."
    differs = f"{intent.differs} {said}".strip()
    return replace(intent, params={**intent.params, "url": page}, differs=differs)


def _which(bound: Bound) -> Ask:
    named = f"the runbook names {bound.said}" if bound.said else "the runbook names none"
    choices = tuple(Choice(source, source) for source in bound.sources)
    return Ask(SOURCE, "which source", ParamKind.CHOICE, named, choices=choices)


def _unsure(bound: Bound, source: str) -> str:
    if bound.sure or not source or not bound.said:
        return ""
    return f"{source} is asked; the profile does not say whether that is {bound.said}."


def _asks(params: Sequence[Param], intent: Intent, before: Mapping[str, str]) -> tuple[Ask, ...]:
    """What the runbook left open, and what has to be given and stands nowhere."""
    found: list[Ask] = []
    for param in params:
        placeholder = intent.asks.get(param.name)
        missing = param.required and not param.identity and not param.default and param.name not in intent.params
        if placeholder is None and not missing:
            continue
        label = placeholder.name if placeholder is not None else param.name
        default = before.get(label, "")
        if placeholder is not None and placeholder.style is PlaceholderStyle.SUBSTITUTION:
            default = ""
        found.append(Ask(param.name, label, param.kind, param.help, default, live=param.kind is ParamKind.CHOICE))
    return tuple(found)


def placeholder_names(offer: Offered) -> dict[str, str]:
    """Ask name -> the placeholder that it fills, to remember what was given."""
    intent, command = offer.understanding.intent, offer.understanding.command
    if offer.action is not None and offer.action.action == SCRIPT:
        return {fill.key_of(placeholder): placeholder.name for placeholder in command.placeholders}
    marks: Mapping[str, Placeholder] = intent.asks if intent is not None else {}
    return {name: placeholder.name for name, placeholder in marks.items()}


def target_of(name: str, source: str, values: Mapping[str, str]) -> tuple[str, str]:
    """What is asked for and of which source: the one that was chosen, where several fit."""
    return name, source or values.get(SOURCE, "")


def params_of(known: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """What was known, with what was filled in."""
    return {**known, **{name: value for name, value in values.items() if name != SOURCE and value}}
