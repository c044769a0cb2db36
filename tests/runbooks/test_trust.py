"""A runbook is accepted in exactly one text; anything else is new, or shown as a difference."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.errors import Misconfigured
from cockpit.runbooks.trust import Accepted, Changed, New, Trust, digest_of
from cockpit.text import UNSAFE

NOW = datetime(2026, 3, 1, 4, 5, tzinfo=UTC)
TEXTS = (("/srv/a.md", "# A\n\n```bash\ndate\n```\n"), ("/srv/b.md", "# B\n"))


def changed(text: str) -> tuple[tuple[str, str], ...]:
    return (("/srv/a.md", text), TEXTS[1])


def test_a_runbook_is_new_until_it_was_accepted_and_then_accepted_for_good(tmp_path: Path) -> None:
    assert Trust(tmp_path).state(TEXTS) == New(digest_of(TEXTS))
    given_ = Trust(tmp_path).accept(TEXTS, "ann@jump", NOW)
    assert given_ == Accepted(digest_of(TEXTS), NOW, "ann@jump")
    assert Trust(tmp_path).state(TEXTS) == given_


def test_a_change_shows_what_changed_and_who_accepted_the_text_before(tmp_path: Path) -> None:
    Trust(tmp_path).accept(TEXTS, "ann@jump", NOW)
    state = Trust(tmp_path).state(changed("# A\n\n```bash\ndate; rm -rf /srv\n```\n"))
    assert isinstance(state, Changed)
    assert (state.who, state.at, state.cut) == ("ann@jump", NOW, False)
    assert "-date" in state.diff and "+date; rm -rf /srv" in state.diff
    assert not any("b.md" in line for line in state.diff)


def test_what_a_change_hides_is_seen_in_its_difference(tmp_path: Path) -> None:
    Trust(tmp_path).accept(TEXTS, "ann", NOW)
    state = Trust(tmp_path).state(changed("# A\n\n```bash\nda\u202ete\x1b\r\n```\n"))
    assert isinstance(state, Changed)
    assert "+da<202E>te␛␍" in state.diff
    assert not any(UNSAFE.search(line) for line in state.diff)


@pytest.mark.parametrize(
    "other",
    [
        changed(TEXTS[0][1] + "\n"),
        changed(TEXTS[0][1].replace("\n", "\r\n")),
        changed(TEXTS[0][1].replace("date", "date\u200b")),
        (TEXTS[0], ("/srv/b.md", "# B")),
    ],
)
def test_no_change_is_too_small(tmp_path: Path, other: tuple[tuple[str, str], ...]) -> None:
    Trust(tmp_path).accept(TEXTS, "ann", NOW)
    assert isinstance(Trust(tmp_path).state(other), Changed)


def test_another_set_of_files_is_new(tmp_path: Path) -> None:
    Trust(tmp_path).accept(TEXTS, "ann", NOW)
    assert isinstance(Trust(tmp_path).state(TEXTS[:1]), New)
    assert isinstance(Trust(tmp_path).state((TEXTS[1], TEXTS[0])), New)


def test_text_cannot_move_from_one_file_to_the_other() -> None:
    assert digest_of([("a", "bc"), ("d", "")]) != digest_of([("a", "b"), ("cd", "")])
    assert digest_of([("a", "b")]) != digest_of([("ab", "")])


def test_back_to_the_accepted_text_is_accepted_again(tmp_path: Path) -> None:
    Trust(tmp_path).accept(TEXTS, "ann", NOW)
    Trust(tmp_path).accept(changed("# C\n"), "bob", NOW)
    assert isinstance(Trust(tmp_path).state(TEXTS), Changed), "only the last text that was accepted counts"
    assert Trust(tmp_path).accept(TEXTS, "ann", NOW) == Trust(tmp_path).state(TEXTS)


def test_the_record_is_for_this_user_only(tmp_path: Path) -> None:
    Trust(tmp_path).accept(TEXTS, "ann", NOW)
    (record,) = (tmp_path / "runbooks").iterdir()
    assert record.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "runbooks").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"texts": 1}', b'{"texts": [], "at": "x", "who": 1}', b"\xff"]
)
def test_a_record_that_is_none_counts_as_nothing(tmp_path: Path, content: bytes) -> None:
    Trust(tmp_path).accept(TEXTS, "ann", NOW)
    (record,) = (tmp_path / "runbooks").iterdir()
    record.write_bytes(content)
    assert isinstance(Trust(tmp_path).state(TEXTS), New)


def test_a_digest_written_by_hand_accepts_nothing(tmp_path: Path) -> None:
    Trust(tmp_path).accept(TEXTS, "ann", NOW)
    (record,) = (tmp_path / "runbooks").iterdir()
    other = changed("rm -rf /\n")
    record.write_text(json.dumps({**json.loads(record.read_text()), "digest": digest_of(other)}))
    assert isinstance(Trust(tmp_path).state(other), Changed)


def test_what_cannot_be_kept_is_not_accepted(tmp_path: Path) -> None:
    (tmp_path / "runbooks").write_text("in the way")
    with pytest.raises(Misconfigured, match="cannot be kept"):
        Trust(tmp_path).accept(TEXTS, "ann", NOW)
    assert isinstance(Trust(tmp_path).state(TEXTS), New)


def test_a_difference_has_an_end(tmp_path: Path) -> None:
    Trust(tmp_path).accept([("a", "x\n" * 30_000)], "ann", NOW)
    state = Trust(tmp_path).state([("a", "".join(f"y{n % 7}\n" for n in range(30_000)))])
    assert isinstance(state, Changed)
    assert len(state.diff) == 400 and state.cut
    assert max(map(len, Trust(tmp_path).state([("a", "z" * 10_000)]).diff)) < 500  # type: ignore[union-attr]


@given(st.text(), st.text())
def test_any_two_texts_have_a_difference_unless_they_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, first: str, second: str
) -> None:
    trust = Trust(tmp_path_factory.mktemp("state"))
    trust.accept([("a", first)], "ann", NOW)
    state = trust.state([("a", second)])
    if first == second:
        assert isinstance(state, Accepted)
    else:
        assert isinstance(state, Changed) and state.diff
