"""Rules on who comes in: refused logins in numbers, and denials whose end has come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cockpit.findings.rules import cause_chain, find
from cockpit.model.access import AccessFailure, AccessStatus
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.model.reading import Payload, Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = NOW.timestamp()
ATTACKER = "198.51.100.7"
POLICY = ArmorStatus("p", "edge", "1", "f", (ArmorRule(2147483647, "allow", ("*",)),))


def state(kind: SourceKind, payload: Payload, freshness: Freshness = Freshness.FRESH) -> SourceState:
    name = f"{kind.value}/main"
    reading = Reading(name, kind, NOW, 0.01, Severity.OK, "", payload)
    return SourceState(name, kind, "main", 1.0, reading, freshness=freshness, age_s=0.5)


def access(*failed: tuple[float, str, str], many: int = 3) -> SourceState:
    failures = tuple(
        AccessFailure(NOW - timedelta(minutes=minutes), who, address, "no") for minutes, who, address in failed
    )
    return state(SourceKind.ACCESS, AccessStatus("p", NOW - timedelta(hours=6), (), failures, True, many))


def armor(*rules: ArmorRule) -> SourceState:
    return state(SourceKind.ARMOR, replace(POLICY, rules=(*rules, *POLICY.rules)))


BURST = ((0.5, "admin", ATTACKER), (1, "root", ATTACKER), (2, "ann", "192.0.2.9"), (4, "admin", ATTACKER))


def test_many_refused_logins_name_the_busiest_address_and_suggest_to_deny_it() -> None:
    (found,) = find([access(*BURST), armor()], AT)
    assert (found.rule, found.severity) == ("refused-logins", Severity.WARN)
    assert found.text == f"4 logins were refused within five minutes, 3 of them from {ATTACKER}"
    assert found.evidence == (f"from {ATTACKER} (3), 192.0.2.9 (1)", "as admin, root, ann")
    assert found.since == AT - 240
    assert found.action is not None and found.action.source == "armor/main"
    assert dict(found.action.params) == {"address": ATTACKER} and found.action_title == f"Deny {ATTACKER}"
    assert cause_chain([found]) == (found,)


def test_few_or_old_ones_and_an_unwatched_log_are_no_finding() -> None:
    assert find([access(*BURST[:2])], AT) == ()
    assert find([access(*((minutes + 5, who, address) for minutes, who, address in BURST))], AT) == ()
    assert find([access(*BURST, many=0)], AT) == ()


def test_nothing_is_suggested_where_it_would_not_help_or_nobody_stands_out() -> None:
    denied = ArmorRule(9, "deny(403)", ("198.51.100.0/24",))
    assert find([access(*BURST), armor(denied)], AT)[0].action is None, "it is denied already"
    assert find([access(*BURST)], AT)[0].action is None, "there is no policy"
    two = [access(*BURST), armor(), replace(armor(), source="armor/other")]
    assert find(two, AT)[0].action is None, "somebody has to choose"
    spread = access(*((1, f"u{number}", f"192.0.2.{number}") for number in range(4)))
    assert find([spread, armor()], AT)[0].action is None
    nowhere = access(*((1, f"u{number}", "") for number in range(6)))
    (found,) = find([nowhere, armor()], AT)
    assert found.action is None and found.evidence == ("", "as u0, u1, u2, u3 and 2 more")
    odd = access(*((1, "u", "gateway-3") for _ in range(4)))
    assert find([odd, armor()], AT)[0].action is None, "a name is no address"


def test_a_denial_that_is_due_suggests_to_lift_it_and_causes_nothing() -> None:
    due = ArmorRule(90, "deny(403)", (ATTACKER,), description="until then", expires=NOW - timedelta(hours=3))
    newer = replace(due, priority=91, ranges=("192.0.2.9",), expires=NOW - timedelta(hours=1))
    later = replace(due, priority=92, expires=NOW + timedelta(hours=1))
    (found,) = find([armor(due, newer, later)], AT)
    assert found.rule == "denial-due" and found.severity is Severity.WARN
    assert found.text == f"{ATTACKER} is due to be let in again since 2026-03-01 09:00 UTC at edge, and 1 more"
    assert found.evidence[0] == f"rule 90 (deny(403), {ATTACKER}): until then"
    assert found.action is not None and found.action.action == "armor.lift"
    assert dict(found.action.params) == {"priority": "90", "ranges": ATTACKER}
    assert cause_chain([found]) == ()
    assert find([armor(later, replace(due, preview=True))], AT) == ()


def test_a_stale_reading_says_nothing() -> None:
    due = ArmorRule(90, "deny(403)", (ATTACKER,), expires=NOW - timedelta(hours=3))
    old = replace(armor(due), freshness=Freshness.STALE)
    assert find([old], AT) == ()
