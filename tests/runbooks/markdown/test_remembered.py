"""What was worked out for a short text is not worked out again, and no long text is held."""

from __future__ import annotations

from cockpit.runbooks.markdown.remembered import forget, remembered


def test_a_short_text_is_worked_out_once_and_a_long_one_each_time() -> None:
    asked: list[str] = []

    @remembered
    def length(text: str) -> int | None:
        asked.append(text)
        return len(text) or None

    assert [length("abc"), length("abc"), length(""), length("")] == [3, 3, None, None]
    assert asked == ["abc", ""]
    assert length("x" * 5000) == length("x" * 5000) == 5000
    assert len(asked) == 4
    forget()
    assert length("abc") == 3
    assert len(asked) == 5


def test_no_more_than_some_thousand_texts_are_held() -> None:
    asked: list[str] = []

    @remembered
    def same(text: str) -> str:
        asked.append(text)
        return text

    for number in range(20_000):
        assert same(str(number)) == str(number)
    same("0")
    same("19999")
    assert asked[20_000:] == ["0"]
