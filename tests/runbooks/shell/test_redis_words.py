"""Words of a line typed into redis-cli."""

from __future__ import annotations

from cockpit.runbooks.shell import redis


def test_a_closed_line_of_many_quotes_keeps_its_words() -> None:
    line = "MSET " + " ".join(f'"key {number}" "it\'s \\" {number}"' for number in range(100))
    assert len(redis.words_of(line)) == 201


def test_a_line_of_many_quotes_that_never_close_is_cut_at_its_blanks() -> None:
    assert [each.text for each in redis.words_of('SET a "' + '\\"' * 30_000)][:2] == ["SET", "a"]
