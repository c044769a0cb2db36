"""The playbooks of the runbook: those that fit the findings first, the others below, or what a search finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from rich.cells import cell_len

from cockpit.model.runbook import Level, Playbook, Runbook
from cockpit.runbooks.guide.match import Hit, Suggestion
from cockpit.runbooks.guide.nesting import counted, settled
from cockpit.runbooks.guide.progress import Past, StepState
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.trust import Accepted, Changed, TrustState
from screens import figures
from screens.guide.blocks import Block
from screens.guide.lines import wrapped
from screens.paint import Column, Row, Rule, Span, Spans, note, spans

_COUNTED = (Column("", 0), Column("", 9, right=True))
_APART = "\0"
HITS = 200


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the list shows."""

    runbook: Runbook
    suggestions: tuple[Suggestion, ...] = ()
    sessions: tuple[Session, ...] = ()  # open in this cockpit
    past: tuple[Past, ...] = ()
    hits: tuple[Hit, ...] = ()
    words: str = ""  # of the search
    faulty: tuple[tuple[Level, int], ...] = ()  # how many of each level lint found


def key_of(playbook: str, step: str = "") -> str:
    """Names a line of the list."""
    return f"{playbook}{_APART}{step}" if step else playbook


def place_of(key: str) -> tuple[str, str]:
    """(playbook, step) of a line of the list."""
    playbook, _, step = key.partition(_APART)
    return playbook, step


def head(catalogue: Catalogue, trust: TrustState | None, width: int) -> list[Row]:
    """What stays in sight: whether it is accepted, and what is searched for."""
    made = trust_rows(trust, width)
    counts = [(level, count) for level, count in catalogue.faulty if count]
    if counts and not catalogue.words:
        said = ", ".join(f"{count} {level.value}{'s' if count > 1 else ''}" for level, count in counts)
        made.append(spans(("▲ ", "warning bold"), (f"lint: {said}; they stand beside their steps", "muted")))
    if catalogue.words:
        found = len(catalogue.hits)
        more = "+" if found >= HITS else ""
        parts: tuple[Span, ...] = (("search ", "muted"), (catalogue.words, "primary bold"))
        made.append(spans(*parts, (f"  {found}{more} found, esc ends it", "muted")))
    return made


def trust_rows(trust: TrustState | None, width: int) -> list[Row]:
    """Why no command of it runs, "" where they may."""
    if trust is None or isinstance(trust, Accepted):
        return []
    why = "changed since it was accepted" if isinstance(trust, Changed) else "not accepted yet"
    text = f"{why}: to read and to tick, no command runs."
    return [
        spans(("▲ " if number == 0 else "  ", "warning bold"), (line, "warning"))
        for number, line in enumerate(wrapped(text, max(10, width - 2), 2))
    ] + [spans(("  ", ""), ("a", "primary bold"), (" looks at it and accepts it", "muted"))]


def blocks(catalogue: Catalogue, width: int) -> list[Block]:
    """The lines."""
    if catalogue.words:
        found = [_hit(hit, catalogue.words, width) for hit in catalogue.hits[:HITS]]
        return found or [Block("", (note("no playbook and no step has these words"),))]
    begun = {session.playbook.id: _open(session) for session in catalogue.sessions}
    for each in catalogue.past:  # newest first
        if (playbook := catalogue.runbook.playbook(each.playbook)) is not None:
            begun.setdefault(each.playbook, _resumable(each, playbook))
    made: list[Block] = []
    trail = _trails(catalogue.runbook)
    suggested = {suggestion.playbook.id for suggestion in catalogue.suggestions}
    if catalogue.suggestions:
        made.append(Block("", (Row("", (Rule("fits what is found now", "warning"),)),)))
        made += [
            _playbook(each.playbook, begun.get(each.playbook.id), width, trail(each.playbook), each.reason)
            for each in catalogue.suggestions
        ]
        made.append(Block("", (note(""),)))
    others = [playbook for playbook in catalogue.runbook.playbooks if playbook.id not in suggested]
    if others:
        word = "all others" if suggested else "all playbooks"
        made.append(Block("", (Row("", (Rule(f"{word} · {len(others)}"),)),)))
    above: tuple[str, ...] = ()
    for playbook in others:
        if (here := trail(playbook)) != above:
            made.append(Block("", (note(_ending(" ▸ ".join(here), width)),)))
        above = here
        made.append(_playbook(playbook, begun.get(playbook.id), width))
    return made or [Block("", (note("nothing in these files is a procedure: they have no steps"),))]


def _playbook(
    playbook: Playbook, begun: tuple[str, str] | None, width: int, trail: tuple[str, ...] = (), reason: str = ""
) -> Block:
    count = len(counted(playbook.steps))
    steps = f"{count} step{'s' if count != 1 else ''}"
    title = wrapped(playbook.title or "(no title)", max(10, width - 10), 2)
    rows = [Row("", ((title[0], "bold"), (steps, "muted")), _COUNTED)]
    rows += [spans((line, "bold")) for line in title[1:]]
    if reason:
        rows += [
            spans(("  ▲ " if number == 0 else "    ", "warning bold"), (line, "warning"))
            for number, line in enumerate(wrapped(reason, max(10, width - 4), 3))
        ]
    if trail and not (begun and width < 50):
        rows.append(spans(("  ", ""), (_ending(" ▸ ".join(trail), max(10, width - 2)), "muted")))
    if begun is not None:
        done, when = begun
        rows.append(spans(("  [>] ", "primary bold"), (f"{done} of {count} done", "primary"), (f"  {when}", "muted")))
    return Block(key_of(playbook.id), tuple(rows))


def _trails(runbook: Runbook) -> Callable[[Playbook], tuple[str, ...]]:
    """What stands above a playbook: its file where there are several, and the headings that tell something."""
    several = len(runbook.files) > 1
    shared = {
        file: _shared([playbook for playbook in runbook.playbooks if playbook.file == file]) for file in runbook.files
    }
    return lambda playbook: (*((playbook.file,) if several else ()), *playbook.trail[shared.get(playbook.file, 0) :])


def _shared(playbooks: Sequence[Playbook]) -> int:
    """How many headings stand above all of them alike, and so tell nothing."""
    trails = [playbook.trail for playbook in playbooks]
    if len(trails) < 2:
        return 0
    return sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, zip(*trails, strict=False)))


def _ending(text: str, width: int) -> str:
    """Its last `width` cells: the innermost heading tells most."""
    if cell_len(text) <= width:
        return text
    while cell_len(text) > width - 1:
        text = text[1:]
    return f"…{text}"


def _open(session: Session) -> tuple[str, str]:
    """How far it is, and that it is open here."""
    counts = session.counts
    done = counts[StepState.DONE] + counts[StepState.SKIPPED]
    return str(done), f"open here since {figures.clock(session.started)[:5]}"


def _resumable(past: Past, playbook: Playbook) -> tuple[str, str]:
    """How far it was, and whose it is."""
    done = settled(playbook.steps, past.steps)
    return (f"old: {done}" if past.old else str(done)), f"begun {figures.clock(past.started)[:5]} by {past.who}"


def _hit(hit: Hit, words: str, width: int) -> Block:
    if not hit.step:
        count = len(counted(hit.playbook.steps))
        cells = (Spans(_marked(hit.playbook.title, words, "bold")), (f"{count} steps", "muted"))
        return Block(key_of(hit.playbook.id), (Row("", cells, _COUNTED),))
    line = wrapped(hit.text, max(10, width - 2), 1)[0]
    return Block(
        key_of(hit.playbook.id, hit.step),
        (
            spans(("  ", ""), *_marked(line, words, "")),
            spans(
                ("  ", ""),
                (
                    wrapped(f"{hit.playbook.title} · {hit.playbook.file}:{hit.line}", max(10, width - 2), 1)[0],
                    "muted",
                ),
            ),
        ),
    )


def _marked(text: str, words: str, style: str) -> tuple[Span, ...]:
    """The words that were searched for stand out."""
    low = text.casefold()
    places: list[tuple[int, int]] = []
    if len(low) == len(text):  # folding may change the length, and with it where things are
        for word in words.casefold().split():
            at = low.find(word)
            if at >= 0:
                places.append((at, at + len(word)))
    parts: list[Span] = []
    done = 0
    for start, end in sorted(places):
        if start < done:
            continue
        parts += [(text[done:start], style), (text[start:end], "primary bold")]
        done = end
    return (*(part for part in parts if part[0]), (text[done:], style))


def lint_counts(levels: Sequence[Level]) -> tuple[tuple[Level, int], ...]:
    """How often each level occurs, the worst first."""
    return tuple((level, sum(1 for each in levels if each is level)) for level in Level)
