"""What can be done at a Cloud Armor policy: deny addresses, let them in again, switch its adaptive protection."""

from __future__ import annotations

from cockpit.actions.armordeny import Deny, Doors
from cockpit.actions.armorlift import Adaptive, Lift
from cockpit.actions.armorpolicy import ADAPTIVE, DENY, LIFT, Policy
from cockpit.actions.armorranges import Bounds as Bounds
from cockpit.actions.gcloud_armor import replacements
from cockpit.actions.google import GoogleGround
from cockpit.actions.handler import ActionHandler

SPECS = (DENY, LIFT, ADAPTIVE)
REPLACES = replacements(SPECS)


def handlers(
    ground: GoogleGround, policy: Policy, bounds: Bounds, expire_s: float, open_doors: Doors = tuple
) -> list[ActionHandler]:
    """All three for one policy. `open_doors` names services that take requests past the load balancer."""
    return [
        Deny(ground, policy, bounds, expire_s, open_doors),
        Lift(ground, policy, bounds),
        Adaptive(ADAPTIVE, ground, policy),
    ]
