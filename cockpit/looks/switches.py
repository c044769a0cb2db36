"""Flags of a call as a tool reads them: `-sSf` is three switches."""

from __future__ import annotations

from cockpit.model.command import Call


def spread(call: Call, switches: str) -> dict[str, tuple[str, ...]]:
    """The flags, with bundles of these one-letter switches taken apart; any other bundle stays as it is."""
    found: dict[str, tuple[str, ...]] = {}
    for name, values in call.flags.items():
        letters = name[1:]
        bundle = len(letters) > 1 and not name.startswith("--") and all(letter in switches for letter in letters)
        for each in [f"-{letter}" for letter in letters] if bundle else [name]:
            found[each] = (*found.get(each, ()), *values)
    return found
