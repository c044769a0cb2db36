"""`cockpit actions`: the catalogue of a profile, with the reason for everything that is not available."""

from __future__ import annotations

from typing import Any

import click

from cockpit.actions.catalogue import Offer
from cockpit.cli.exits import EXIT_CODES, Exit, on_loop
from cockpit.cli.options import Given, with_json, with_profile
from cockpit.cli.output import Style, say, say_json, table


@click.command(epilog=EXIT_CODES)
@with_profile
@with_json
def actions(given: Given, as_json: bool) -> int:
    """List the actions of a profile: id, key, tier, where, and why some are not available."""
    offers = on_loop(_offers(given))
    if as_json:
        scene = {"system": given.profile.system, "environment": given.profile.environment}
        say_json({**scene, "actions": [_json(offer) for offer in offers]})
        return Exit.OK
    style = Style.of()
    rows = [("ACTION", "KEY", "TIER", "SOURCE", "")]
    rows += [
        (offer.spec.id, offer.spec.key or "-", offer.spec.tier.name, offer.source or "-", _said(offer))
        for offer in offers
    ]
    for line in table(rows):
        say(style.plain(line).rstrip())
    return Exit.OK


async def _offers(given: Given) -> tuple[Offer, ...]:
    from cockpit.engine.engine import Engine

    engine = Engine(given.profile)
    try:
        await engine.prepare()
        return engine.catalogue.offers()
    finally:
        await engine.close()


def _said(offer: Offer) -> str:
    if not offer.available:
        return f"not available: {offer.reason}"
    typed = [param for param in offer.spec.params if param.required or not param.identity]
    options = [f"--set {param.name}=..." for param in typed if param.required and not param.default]
    options += [f"[--set {param.name}=...]" for param in typed if not param.required or param.default]
    return "  ".join([offer.spec.title, *options])


def _json(offer: Offer) -> dict[str, Any]:
    spec = offer.spec
    return {
        "id": spec.id,
        "key": spec.key,
        "tier": spec.tier.name,
        "title": spec.title,
        "summary": spec.summary,
        "pane": spec.pane.value,
        "source": offer.source or None,
        "scope": spec.scope.value,
        "reversible": spec.reversible,
        "available": offer.available,
        "reason": offer.reason,
        "params": [
            {
                "name": param.name,
                "kind": param.kind.value,
                "help": param.help,
                "required": param.required,
                "default": param.default,
                "identity": param.identity,
            }
            for param in spec.params
        ],
    }
