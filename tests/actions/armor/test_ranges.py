"""Whatever is written as an address, it is refused in words or becomes a rule that has an effect."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.actions.armorranges import Bounds, denied_by, forbidden, networks_of, overruled, priority_for, written
from cockpit.errors import Refused
from cockpit.model.armor import ArmorRule, ArmorStatus

ADDRESS = st.one_of(
    st.ip_addresses().map(str),
    st.tuples(st.ip_addresses().map(str), st.integers(0, 128)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.text("0123456789abcdef:./%*, -", max_size=30),
)
RULE = st.tuples(
    st.integers(0, 9999), st.sampled_from(("allow", "deny(403)", "throttle", "redirect")), ADDRESS, st.booleans()
)
BOUNDS = Bounds(24, 56, ("198.18.0.0/15", "2001:db8:1::/48"), ("192.0.2.44", "fe80::1%eth0", "no address"))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(ADDRESS, max_size=4).map(",".join),
    st.lists(RULE, max_size=5),
    st.one_of(st.none(), st.integers(-3, 2**31 + 3)),
)
def test_a_priority_is_free_and_before_all_that_would_let_in(
    text: str, rules: list[tuple[int, str, str, bool]], wished: int | None
) -> None:
    try:
        networks = networks_of(text)
    except Refused as refused:
        assert refused.message and refused.hint
        return
    for network in networks:
        assert networks_of(written(network)) == (network,)
        refusal = forbidden(network, BOUNDS)
        assert refusal is None or (refusal.reason and network.num_addresses)
    made = sorted((ArmorRule(number, action, (text,), preview=p) for number, action, text, p in rules),
                  key=lambda rule: rule.priority)  # fmt: skip
    status = ArmorStatus("p", "edge", "1", "f", tuple(made))
    found = [denied_by(network, status) for network in networks]
    assert all(rule is None or (rule.action == "deny(403)" and not rule.preview) for rule in found)
    try:
        priority = priority_for(networks, status, wished)
    except Refused as refused:
        assert refused.hint
        return
    assert status.rule(priority) is None and wished in (None, priority)
    assert all(priority < rule.priority for rule in overruled(networks, status))
