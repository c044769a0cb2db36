from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.model.command import EffectClass
from cockpit.runbooks.effects import rule_of, tier_of
from cockpit.runbooks.shell.blocks import commands_of

_FIRST = (
    "kubectl get pods -n shop",
    "curl -s https://shop.example/health | jq .status",
    "gcloud run services list",
    'psql -c "SELECT 1"',
    "redis-cli INFO",
    "docker ps",
    "git push --force",
    "echo $(date)",
    "export A=b",
    "rm -rf x",
    "./heal.sh",
    "kubectl delete namespace shop",
    "for x in a b; do echo $x; done",
    "ssh web-1 'uptime'",
)
_DESTROYING = (
    "rm x",
    "kubectl delete pod api-1",
    "redis-cli FLUSHDB",
    'psql -c "DROP TABLE jobs"',
    "git clean -fd",
    "docker compose down -v",
    "curl -X DELETE https://shop.example/cache",
    "gcloud run services delete shop",
    "ssh web-1 reboot",
    "sudo kill -9 1",
)
_JOINED = st.sampled_from([" && ", " ; ", " || ", "\n&& "])


def _effect(text: str) -> tuple[EffectClass, int]:
    rulings = [rule_of(command) for command in commands_of(text, language="bash", line=1)]
    return max(ruling.effect for ruling in rulings), max(tier_of(ruling) for ruling in rulings)


@settings(deadline=None)
@given(first=st.sampled_from(_FIRST), second=st.sampled_from(_DESTROYING), joined=_JOINED)
def test_what_is_appended_never_makes_a_command_look_milder(first: str, second: str, joined: str) -> None:
    alone, tier = _effect(first)
    together, both = _effect(f"{first}{joined.replace(chr(10), ' ')}{second}")
    assert together is EffectClass.DESTROYS
    assert together >= alone
    assert both >= max(tier, _effect(second)[1])


@settings(deadline=None)
@given(first=st.sampled_from(_FIRST), second=st.sampled_from(_DESTROYING))
def test_a_substitution_counts_as_much_as_a_command(first: str, second: str) -> None:
    together, _ = _effect(f'{first} ; echo "$({second})"')
    assert together is EffectClass.DESTROYS


@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_no_text_is_too_strange_to_be_judged(text: str) -> None:
    for command in commands_of(text, language="bash", line=1):
        ruling = rule_of(command)
        assert ruling.why
        assert ruling.effect is not EffectClass.READS or not command.broken
