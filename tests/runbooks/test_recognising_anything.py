from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.engine.compose import replacements
from cockpit.model.action import Tier
from cockpit.model.command import EffectClass, Kind
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

REPLACEMENTS = replacements()
WRITTEN = """
kubectl gcloud psql redis-cli curl docker exec run services update get delete -c -X --force --to-revisions=A=100
'SELECT 1' "DELETE FROM a" https://shop.example/health FLUSHDB INFO $X $(date) <pod> PREV_REVISION | && || ; & > <
<< out.txt EOF ( ) { } ' " ` \\ # jq .a.b xargs rm -rf sudo ssh web-1 watch timeout 5 for x in do done if then fi
sed awk {print} s/a/b/ find . -exec {} sort -o git push compose down -v --scale api=0 GET /api/x -- - = * ~
"""
_WORDS = st.sampled_from([*WRITTEN.split(), "\n"])
_TEXTS = st.lists(_WORDS, max_size=14).map(" ".join) | st.text(max_size=80)
_LANGUAGES = st.sampled_from(["bash", "", "sql", "redis", "http", "console", "yaml"])


@settings(deadline=None, max_examples=300)
@given(text=_TEXTS, language=_LANGUAGES)
def test_whatever_stands_there_is_understood_in_a_consistent_way(text: str, language: str) -> None:
    for command in commands_of(text, language=language, line=1):
        found = understand(command, REPLACEMENTS)
        assert found.command is command
        assert found.why
        session = found.kind is Kind.LIVE and any("stands in for the session" in each for each in found.why)
        assert (found.tier is Tier.T0) is (found.effect is EffectClass.READS or session)
        if found.kind is Kind.LIVE:
            assert found.effect is EffectClass.READS or (session and found.effect < EffectClass.DESTROYS)
        if session:
            assert not any(call.piped or call.body or call.statement for call in command.calls)
            assert not any("<" in redirect.operator for call in command.calls for redirect in call.redirects)
        if found.kind is Kind.NATIVE:
            assert found.tier >= (Tier.T2 if found.effect is EffectClass.DESTROYS else Tier.T1)
        if found.kind in (Kind.LIVE, Kind.NATIVE):
            assert found.intent is not None
            assert not found.argv
            assert not command.broken
        if command.broken:
            assert found.effect is not EffectClass.READS
        assert (found.kind is Kind.NOT_UNDERSTOOD) is (not command.calls)


@settings(deadline=None, max_examples=100)
@given(text=_TEXTS)
def test_an_argv_is_only_made_of_what_is_written(text: str) -> None:
    for command in commands_of(text, language="bash", line=1):
        for word in understand(command, ()).argv:
            assert all(char in command.text or char == "\n" for char in word)
