"""Which addresses a Cloud Armor rule may keep out, and before which rules it has to stand. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cockpit.actions.ownground import OWN_GROUND
from cockpit.adapters.gcp.armorwire import LAST, MOST_RANGES
from cockpit.errors import Refused
from cockpit.model.action import Refusal
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.text import clean

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FIRST_TRIED = 9999  # a new denial gets this priority, or the next free one before it

_PROTECTED = tuple((ipaddress.ip_network(network), meaning) for network, meaning in OWN_GROUND)
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the profile allows, and who sits here."""

    widest_v4: int
    widest_v6: int
    never: tuple[str, ...] = ()
    own: tuple[str, ...] = ()  # addresses that the operator comes from


def networks_of(text: str) -> tuple[Network, ...]:
    """Addresses and ranges, separated by commas or blanks, each once. Raises Refused for anything else."""
    found = tuple(dict.fromkeys(_network(part) for part in re.split(r"[\s,]+", text.strip()) if part))
    if not found:
        raise Refused("parameters", "no address was given", hint="an address such as 198.51.100.7, or a range")
    if len(found) > MOST_RANGES:
        raise Refused("parameters", f"{len(found)} ranges: a rule takes {MOST_RANGES}", hint="make several rules")
    return found


def _network(text: str) -> Network:
    shown = clean(text, 80)
    if text == "*":
        raise Refused("parameters", "* means everybody", hint="name the addresses that attack")
    if "%" in text:
        raise Refused("parameters", f"{shown} has a zone", hint="an address without %zone")
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Refused(
            "parameters", f"{shown} is no IP address and no range", hint="such as 198.51.100.7 or 198.51.100.0/28"
        ) from None
    if "/" in text and ipaddress.ip_interface(text).ip != found.network_address:
        address = text.partition("/")[0]
        raise Refused(
            "parameters", f"{shown} has bits set behind its prefix", hint=f"is {found} meant, or {address} alone?"
        )
    if isinstance(found, ipaddress.IPv6Network) and found.overlaps(_MAPPED):
        return _undressed(found, shown)
    return found


def _undressed(found: ipaddress.IPv6Network, shown: str) -> Network:
    """An IPv4 address in IPv6 clothes: a load balancer sees it as IPv4."""
    if found.prefixlen < _MAPPED.prefixlen:
        raise Refused("parameters", f"{shown} holds all IPv4 addresses", hint="name the addresses that attack")
    inner = ipaddress.IPv4Address(int(found.network_address) & 0xFFFFFFFF)
    return ipaddress.IPv4Network((inner, found.prefixlen - _MAPPED.prefixlen))


def written(network: Network) -> str:
    """A single address without its prefix, as a person and gcloud write it."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def overlapping(one: Network, other: Network) -> bool:
    """They share an address."""
    return one.version == other.version and one.overlaps(other)


def inside(small: Network, large: Network) -> bool:
    """All of the first is in the second."""
    if isinstance(small, ipaddress.IPv4Network) and isinstance(large, ipaddress.IPv4Network):
        return small.subnet_of(large)
    if isinstance(small, ipaddress.IPv6Network) and isinstance(large, ipaddress.IPv6Network):
        return small.subnet_of(large)
    return False


def forbidden(network: Network, bounds: Bounds) -> Refusal | None:
    """Why it must not be kept out, None where it may."""
    shown = written(network)
    widest = bounds.widest_v4 if network.version == 4 else bounds.widest_v6
    if network.prefixlen < widest:
        many = f"{network.num_addresses:,}" if network.version == 4 else f"2^{128 - network.prefixlen}"
        return Refusal(
            "preconditions",
            f"{shown} holds {many} addresses: this profile denies at most a /{widest} at once",
            "name the addresses that attack, or widen widest_v4 or widest_v6 in the profile",
        )
    for protected, meaning in _PROTECTED:
        if overlapping(network, protected):
            return Refusal("preconditions", f"{shown} is in {protected}: {meaning}", "no attacker comes from there")
    for entry in bounds.never:
        if overlapping(network, ipaddress.ip_network(entry, strict=False)):
            reason = f"{shown} is in {entry}, which the profile never denies"
            return Refusal("preconditions", reason, "denying it would hit ourselves")
    for address in bounds.own:
        if overlapping(network, _own(address)):
            return Refusal("preconditions", f"you are connected from {address} yourself", "name another address")
    return None


def _own(address: str) -> Network:
    try:
        return _network(address.partition("%")[0])
    except Refused:
        return ipaddress.ip_network("127.0.0.1/32")  # not an address: nobody is connected from it


def ranges_of(rule: ArmorRule) -> tuple[Network, ...]:
    """The rule's ranges as far as they are any; "*" is both worlds."""
    found: list[Network] = []
    for text in rule.ranges:
        if text == "*":
            found += [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
            continue
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue  # what Google took and we cannot read hides nothing here: it is shown as it stands
    return tuple(found)


def denied_by(network: Network, status: ArmorStatus) -> ArmorRule | None:
    """The rule that keeps all of it out already, before any other rule decides."""
    for rule in status.rules:
        if rule.preview or not _may_match(rule, [network]):
            continue
        if not rule.action.startswith("deny"):
            return None
        if any(inside(network, each) for each in ranges_of(rule)):
            return rule
    return None


def overruled(networks: Sequence[Network], status: ArmorStatus) -> tuple[ArmorRule, ...]:
    """Rules that would decide for some of these addresses otherwise, by rising priority; previews decide nothing.

    What an expression matches is not known: such a rule may decide.
    """
    return tuple(
        rule
        for rule in status.rules
        if not rule.preview and not rule.action.startswith("deny") and _may_match(rule, networks)
    )


def _may_match(rule: ArmorRule, networks: Iterable[Network]) -> bool:
    if rule.expression or not rule.ranges:
        return True
    return any(overlapping(each, network) for each in ranges_of(rule) for network in networks)


def priority_for(networks: Sequence[Network], status: ArmorStatus, wished: int | None) -> int:
    """A free priority before every rule that would let these addresses in: the wished one, else 9999 or the next
    free one below. Raises Refused where there is none.
    """
    others = overruled(networks, status)
    bound = others[0].priority if others else LAST
    taken = {rule.priority for rule in status.rules}
    free = next((each for each in range(min(bound - 1, FIRST_TRIED), -1, -1) if each not in taken), None)
    hint = f"leave it out: {free} is free" if free is not None else "make room in the policy first"
    if wished is not None:
        if wished in taken:
            raise Refused("preconditions", f"there is a rule {wished} already", hint=hint)
        if not 0 <= wished < bound:
            first = (
                f"rule {bound} ({others[0].action}) decides first" if others else f"a rule is from 0 to {LAST - 1}"
            )
            raise Refused("preconditions", f"priority {wished} has no effect: {first}", hint=hint)
        return wished
    if free is None:
        raise Refused("preconditions", f"no priority is free before rule {bound}", hint=hint)
    return free
