"""What declarations for `gcloud` commands share: one action of several that a command can mean, and its Intent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cockpit.adapters.gcp.commandline import RunCall
from cockpit.model.action import ActionSpec, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

Understand = Callable[[Call], Intent | None]


def stand_ins(specs: Sequence[ActionSpec], intent_of: Understand) -> tuple[Replacement, ...]:
    """A declaration for each of these actions, where `intent_of` tells which of them a command means."""
    last: list[tuple[Call | None, Intent | None]] = [(None, None)]  # each of the actions asks in turn
    return tuple(Replacement(spec.id, "gcloud", spec.tier, _only(spec.id, intent_of, last)) for spec in specs)


def _only(action: str, intent_of: Understand, last: list[tuple[Call | None, Intent | None]]) -> Understand:
    def understand(call: Call) -> Intent | None:
        asked, intent = last[0]  # both at once: other threads read runbooks, too
        if asked is not call:
            intent = intent_of(call)
            last[0] = (call, intent)
        return intent if intent is not None and intent.name == action else None

    return understand


def intent(
    found: RunCall,
    action: str,
    pane: SourceKind,
    params: Mapping[str, str],
    differs: str = "",
    tier: Tier | None = None,
) -> Intent:
    """The action on the command's target; a value that is still to be filled in is asked for."""
    values = {name: found.value(text) for name, text in params.items()}
    return Intent(
        action,
        pane,
        found.target,
        {name: value for name, value in values.items() if isinstance(value, str)},
        {name: value for name, value in values.items() if isinstance(value, Placeholder)},
        differs,
        tier,
    )
