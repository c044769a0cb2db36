"""Which `gcloud run` commands of a runbook the actions on a Cloud Run service stand in for, and where they differ.

What gcloud does with each is known from what version 528 really sends. An option that is not named here means that
the command is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from cockpit.actions.standin import intent, stand_ins
from cockpit.adapters.gcp.commandline import RunCall, run_call
from cockpit.model.action import ActionSpec, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

_LIMITS = {"--min-instances": "min", "--max-instances": "max", "--min": "min", "--max": "max"}
_RESTART_MARK = re.compile(
    r"(LAST_|FORCE_)?(RE_?(START|DEPLOY)(ED)?|BOUNCED?)(_(AT|TIME|TIMESTAMP|TS|DATE|NONCE))?"
    r"|FORCE_(UPDATE|DEPLOY|NEW_REVISION|ROLLOUT)|(DEPLOYED|UPDATED)_(AT|TIME|TIMESTAMP|TS)",
    re.IGNORECASE,
)
_MOMENT = re.compile(r"\d[\dTZ:+._-]*|true|now", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,4}")
_PERCENT = re.compile(r"100|\d{1,2}")

_AT_SERVICE = "It changes the limits at service level, at once; the command would deploy a new revision."
_UPDATES_NOTHING = (
    "gcloud refuses the command (no configuration change requested) and restarts nothing; this makes a new revision"
    " of the same template."
)
_OF_ITSELF = "It makes a new revision of the same template and leaves no mark in it."
_STOPS = (
    "It stops the service by manual scaling with 0 instances; the command would deploy a new revision, and Cloud Run"
    " takes 0 for no limit."
)
_PINS = "The command restarts nothing, and neither does this: later deployments silently get no traffic."
_NO_VALUE = "gcloud refuses a value for --to-latest; this does what is meant."


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each of these actions that a command can mean."""
    return stand_ins([spec for spec in specs if spec.id in _MEANT], intent_of)


def intent_of(call: Call) -> Intent | None:
    """What a command that changes a Cloud Run service amounts to."""
    verb = call.verb.removeprefix("run ")
    understand = _VERBS.get(verb)
    found = run_call(call, verb) if understand else None
    return understand(found) if understand and found and not found.given else None


def _intent(
    found: RunCall,
    action: str,
    params: Mapping[str, str] | None = None,
    differs: str = "",
    tier: Tier | None = None,
) -> Intent:
    return intent(found, action, SourceKind.REVISIONS, params or {}, differs, tier)


def _traffic(found: RunCall) -> Intent | None:
    if len(found.options) != 1:
        return None
    ((option, value),) = found.options.items()
    match option:
        case "--update-tags":
            tag, _, revision = value.partition("=")
            return _intent(found, "revisions.tag", {"tag": tag, "revision": revision}) if "," not in value else None
        case "--remove-tags":
            return _intent(found, "revisions.untag", {"tag": value}) if value and "," not in value else None
        case "--to-latest" if value in ("", "100"):
            return _intent(found, "revisions.promote", {"to": "latest"}, _NO_VALUE if value else "")
        case "--to-revisions" | "--to-tags":
            pairs = [found.split(entry, "=", 1) for entry in found.split(value, ",")]
            if any(len(pair) != 2 or not all(pair) for pair in pairs):
                return None
            shares = [(name, percent) for name, percent in pairs]
            if len(shares) == 1:
                return _one_share(found, *shares[0], by_tag=option == "--to-tags")
            return _list(found, shares) if option == "--to-revisions" else None
    return None


def _one_share(found: RunCall, name: str, percent: str, *, by_tag: bool) -> Intent | None:
    if isinstance(found.value(percent), str) and not _PERCENT.fullmatch(percent):
        return None
    if name.upper() == "LATEST" and not by_tag:
        # Less than all of it is a share for whatever is latest: no action gives that.
        return _intent(found, "revisions.promote", {"to": "latest"}) if percent == "100" else None
    if percent == "100":
        if by_tag:
            return _intent(found, "revisions.promote", {"to": name})
        return _intent(found, "revisions.rollback", {"revision": name})
    return _intent(found, "revisions.split", {"tag" if by_tag else "revision": name, "percent": percent})


def _list(found: RunCall, shares: Sequence[tuple[str, str]]) -> Intent | None:
    """An exact list; gcloud makes up what is missing to 100 from the others, and that is not written here."""
    entries: list[str] = []
    total = 0
    for name, percent in shares:
        if isinstance(found.value(name), Placeholder) or not _PERCENT.fullmatch(percent):
            return None
        entries.append(f"{'latest' if name.upper() == 'LATEST' else name}={percent}")
        total += int(percent)
    if total != 100:
        return None
    return _intent(found, "revisions.restore", {"traffic": ",".join(entries), "tags": "keep"})


def _update(found: RunCall) -> Intent | None:
    options = found.options
    names = set(options)
    if not names:
        return _intent(found, "revisions.restart", differs=_UPDATES_NOTHING)
    if names <= set(_LIMITS):
        return _limits(found)
    if names <= {"--memory", "--cpu"}:
        return _intent(found, "revisions.memory", {name.removeprefix("--"): text for name, text in options.items()})
    if len(names) > 1:
        return None
    ((option, value),) = options.items()
    match option:
        case "--no-traffic":
            return _intent(found, "revisions.pin", differs=_PINS)
        case "--revision-suffix":
            return _intent(found, "revisions.restart", differs=_OF_ITSELF)
        case "--update-env-vars" if _marks_a_restart(found, value):
            return _intent(found, "revisions.restart", differs=_OF_ITSELF)
        case "--ingress":
            return _intent(found, "revisions.ingress", {"ingress": value}, tier=None if value == "all" else Tier.T3)
        case "--scaling":
            return _scaling(found, value)
        case "--image":
            return _intent(found, "revisions.deploy", {"image": value}) if value else None
    return None


def _limits(found: RunCall) -> Intent | None:
    params = {_LIMITS[option]: "0" if value == "default" else value for option, value in found.options.items()}
    if len(params) < len(found.options):
        return None  # both --max and --max-instances: two levels at once
    deploys = any(option.endswith("-instances") for option in found.options)
    if any(isinstance(found.value(text), str) and not _NUMBER.fullmatch(text) for text in params.values()):
        return None
    if params.get("max") == "0":
        if "default" in found.options.values() or params.get("min", "0") != "0":
            return None
        return _intent(found, "revisions.stop", differs=_STOPS)
    return _intent(found, "revisions.scale", params, _AT_SERVICE if deploys else "")


def _scaling(found: RunCall, value: str) -> Intent | None:
    if value == "0":
        return _intent(found, "revisions.stop")
    if value == "auto":
        return _intent(found, "revisions.resume")
    return _intent(found, "revisions.resume", {"instances": value}) if _NUMBER.fullmatch(value) else None


def _marks_a_restart(found: RunCall, value: str) -> bool:
    """Only variables that exist to make a new revision, by their names and values."""
    for entry in found.split(value, ","):
        name, _, text = entry.partition("=")
        moment = isinstance(found.value(text), Placeholder) or _MOMENT.fullmatch(text)
        if not (_RESTART_MARK.fullmatch(name) and moment):
            return False
    return True


def _deploy(found: RunCall) -> Intent | None:
    image = found.options.get("--image", "")
    if set(found.options) != {"--image"} or not image:
        return None
    return _intent(found, "revisions.deploy", {"image": image})


_VERBS: Mapping[str, Callable[[RunCall], Intent | None]] = {
    "services update-traffic": _traffic,
    "services update": _update,
    "deploy": _deploy,
}
_MEANT = {
    "revisions.rollback",
    "revisions.promote",
    "revisions.split",
    "revisions.restore",
    "revisions.scale",
    "revisions.stop",
    "revisions.resume",
    "revisions.restart",
    "revisions.memory",
    "revisions.ingress",
    "revisions.pin",
    "revisions.tag",
    "revisions.untag",
    "revisions.deploy",
}
