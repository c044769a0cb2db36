"""What commands do to a system: tables of knowledge per tool. Reading is what is proven; all else is not."""

from cockpit.runbooks.effects.judge import effect_of, rule, rule_of, tier_of

__all__ = ["effect_of", "rule", "rule_of", "tier_of"]
