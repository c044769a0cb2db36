"""Delivery pane: what is deployed from where and by whom, and the team's own commands; a section for each kind."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from cockpit.model.delivery import DeliveryStatus
from cockpit.model.look import LookRequest
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, SourceKind
from cockpit.model.teamscripts import ScriptStatus
from screens.paint import GLYPH, SEVERITY_STYLE, Row, Rule, blank, spans
from screens.panes import githubrows, scriptrows
from screens.panes.base import Detail, Pane, Scenery

_TITLES = {SourceKind.GITHUB: "GitHub", SourceKind.SCRIPTS: "The team's commands"}


class DeliveryPane(Pane):
    """Repositories and scripts. A row's key is "github/shop|run/7": its source, what it is, its name."""

    NUMBER: ClassVar[int] = 9
    LABEL: ClassVar[str] = "Delivery"
    SHORT: ClassVar[str] = "Deliver"
    KIND: ClassVar[SourceKind] = SourceKind.GITHUB
    KINDS: ClassVar[tuple[SourceKind, ...]] = tuple(_TITLES)
    TABLES: ClassVar[tuple[str, ...]] = ("github", "script")
    PAGE: ClassVar[bool] = True
    SWITCHES: ClassVar[bool] = False

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """A section for each kind that the profile has; its name only where there are several."""
        rows: list[Row] = []
        kinds = [kind for kind in self.kinds if any(state.kind is kind for state in states)]
        for kind in kinds:
            if len(kinds) > 1:
                rows += [*([blank()] if rows else []), Row("", (Rule(_TITLES[kind], "muted"),))]
            if kind is SourceKind.SCRIPTS:
                rows.append(scriptrows.heading())
            for state in states:
                if state.kind is kind:
                    rows += _source(state, scenery.now)
        return rows

    @property
    def _state(self) -> SourceState | None:
        """Of the row under the cursor, or of the one that vanished from there."""
        states = self.scenery.states if self.scenery else ()
        name = (self.key or self.lost).partition("|")[0]
        return next((state for state in states if state.source == name), states[0] if states else None)

    @property
    def _repository(self) -> DeliveryStatus | None:
        state = self._state
        payload = state.reading.payload if state is not None and state.reading else None
        return payload if isinstance(payload, DeliveryStatus) else None

    @property
    def _script(self) -> ScriptStatus | None:
        state = self._state
        payload = state.reading.payload if state is not None and state.reading else None
        return payload if isinstance(payload, ScriptStatus) else None

    @property
    def _part(self) -> tuple[str, str]:
        """What the row under the cursor is, and its name."""
        what, _, name = self.key.partition("|")[2].partition("/")
        return what, name

    @property
    def source(self) -> str:
        """Of the row under the cursor."""
        state = self._state
        return state.source if state is not None else ""

    @property
    def kind(self) -> SourceKind:
        """Of the row under the cursor."""
        state = self._state
        return state.kind if state is not None else self.KIND

    def selection(self) -> dict[str, str]:
        """The run or pull request of the row, at what was seen of it."""
        status = self._repository
        return githubrows.named(status, *self._part) if status is not None else {}

    def question(self) -> LookRequest | None:
        """The difference, the steps, the checks: asked for once the row is opened."""
        status = self._repository
        return githubrows.question(self.source, status, *self._part) if status is not None else None

    def lost_name(self) -> str:
        """What was under the cursor."""
        return self.lost.partition("|")[2].replace("/", " ", 1) or self.lost

    def detail(self) -> Detail:
        """All that the reading has of the row."""
        status, script, scenery = self._repository, self._script, self.scenery
        if status is not None and scenery is not None:
            return githubrows.detail(status, *self._part, scenery.now)
        if script is not None and scenery is not None:
            return scriptrows.detail(script, scenery.now)
        return super().detail()


def _source(state: SourceState, now: float) -> list[Row]:
    payload = state.reading.payload if state.reading is not None else None
    key = partial("{}|{}".format, state.source)
    if isinstance(payload, DeliveryStatus):
        return githubrows.rows(state, payload, key, now)
    if isinstance(payload, ScriptStatus):
        return scriptrows.rows(state, payload, key, now)
    said = "not read yet" if state.failure is None else "never answered"
    if state.freshness is Freshness.WAITING and state.asleep:
        said = "not asked yet"
    glyph = (f"{GLYPH[state.severity]} ", SEVERITY_STYLE[state.severity])
    return [spans(glyph, (f"{state.title}  ", "bold"), (said, "muted"), key=state.source)]
