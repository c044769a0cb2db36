"""What a runbook's tables say is worked out once, when it is asked for; and it is a value like the others."""

from __future__ import annotations

import pickle
from dataclasses import replace

from cockpit.model.runbook import ErrorCode, Facts, Later, Runbook

_FACTS = Facts(error_codes=(ErrorCode("E1", "broken", "mend it", 3),))


def test_it_is_worked_out_when_first_asked_for_and_never_again() -> None:
    asked: list[int] = []

    def work() -> int:
        asked.append(1)
        return 7

    value = Later(work)
    assert not asked
    assert (value.get(), value.get(), len(asked)) == (7, 7, 1)


def test_runbooks_are_equal_where_their_facts_are() -> None:
    book = Runbook(("a.md",), "Shop", "d", (), (), Later(lambda: _FACTS))
    assert book == Runbook(("a.md",), "Shop", "d", (), (), Later.known(_FACTS))
    assert hash(book) == hash(Runbook(("a.md",), "Shop", "d", (), (), Later.known(_FACTS)))
    assert book != Runbook(("a.md",), "Shop", "d", (), ())
    assert book.facts_later != _FACTS
    assert "mend it" in repr(book)


def test_a_runbook_can_be_changed_and_sent_before_it_was_asked() -> None:
    book = Runbook(("a.md",), "Shop", "d", (), (), Later(lambda: _FACTS), (), Later(lambda: (("a.md", 1, "Words"),)))
    other = replace(book, title="Store")
    assert other.facts == _FACTS
    sent = pickle.loads(pickle.dumps(book))  # our own
    assert (sent.facts, sent.prose) == (_FACTS, (("a.md", 1, "Words"),))


def test_all_can_be_worked_out_at_once() -> None:
    asked: list[str] = []
    book = Runbook(
        ("a.md",), "Shop", "d", (), (), Later(lambda: asked.append("facts") or _FACTS), (),  # type: ignore[func-returns-value]
        Later(lambda: asked.append("prose") or ()),  # type: ignore[func-returns-value]
    )  # fmt: skip
    book.work_out()
    assert (book.facts, book.prose, asked) == (_FACTS, (), ["facts", "prose"])
