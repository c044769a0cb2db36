"""Cloud pane: the managed services of the profile, one section a kind, with what can be acted on below each."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from functools import partial
from typing import ClassVar

from cockpit.model.access import AccessStatus
from cockpit.model.armor import ArmorStatus
from cockpit.model.cloudsql import CloudSqlStatus
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.reading import SourceState
from cockpit.model.secretstore import SecretsStatus
from cockpit.model.severity import Freshness, SourceKind
from screens.paint import GLYPH, SEVERITY_STYLE, Row, Rule, blank, note
from screens.panes import managed
from screens.panes.base import Detail, Pane, Scenery

_TITLES = {
    SourceKind.CLOUDSQL: "Cloud SQL",
    SourceKind.MEMORYSTORE: "Memorystore",
    SourceKind.ARMOR: "Cloud Armor",
    SourceKind.SECRETS: "Secrets",
    SourceKind.ACCESS: "Changes and refused logins",
}
_NAMED = {"backup": "backup", "rule": "priority", "secret": "secret"}  # part of a row's key -> parameter
_LONGEST = 400


class CloudPane(Pane):
    """Cloud SQL, Memorystore, Cloud Armor, Secret Manager, audit log."""

    NUMBER: ClassVar[int] = 8
    LABEL: ClassVar[str] = "Cloud"
    SHORT: ClassVar[str] = "Cloud"
    KIND: ClassVar[SourceKind] = SourceKind.CLOUDSQL
    KINDS: ClassVar[tuple[SourceKind, ...]] = tuple(_TITLES)
    PAGE: ClassVar[bool] = True
    SWITCHES: ClassVar[bool] = False

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """A section for each kind that the profile has."""
        rows: list[Row] = []
        for kind in self.kinds:
            shown = [state for state in states if state.kind is kind]
            if not shown:
                continue
            if rows:
                rows.append(blank())
            rows.append(Row("", (Rule(_TITLES[kind], "muted"),)))
            for state in shown:
                rows += _source(state, scenery.now)
        return rows

    def matching(self, rows: list[Row], words: str) -> list[Row]:
        """A line without a key belongs to the source above it and goes with it, a heading with all that is below."""
        found: list[Row] = []
        waiting: list[Row] = []  # blank line and heading, until there is something to head
        whose = False
        for row in rows:
            if not row.key and (not row.text or isinstance(row.cells[0], Rule)):
                waiting = [row] if not row.text else [*waiting, row]
                continue
            matches = words in row.text.casefold()
            if row.key and "|" not in row.key:
                whose = matches
            if matches or (whose and not row.key):
                found += [*(waiting if found else waiting[-1:]), row]
                waiting = []
        return found

    @property
    def _state(self) -> SourceState | None:
        """Of the row under the cursor, or of the one that vanished from there."""
        states = self.scenery.states if self.scenery else ()
        name = (self.key or self.lost).partition("|")[0]
        return next((state for state in states if state.source == name), states[0] if states else None)

    @property
    def _payload(self) -> object:
        state = self._state
        return state.reading.payload if state is not None and state.reading else None

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
        """What the row names: a backup and whose it is, a rule, a secret."""
        what, _, name = self.key.partition("|")[2].partition("/")
        named = {_NAMED[what]: name} if what in _NAMED else {}
        payload = self._payload
        if what == "backup" and isinstance(payload, CloudSqlStatus):
            named["origin"] = payload.instance  # else it would be asked for
        return named

    def identity(self) -> dict[str, str]:
        """Of the instance or policy that the row belongs to."""
        payload = self._payload
        found: dict[str, str] = {}
        if isinstance(payload, CloudSqlStatus | MemorystoreStatus) and payload.created is not None:
            found["created"] = payload.created.isoformat()
        if isinstance(payload, CloudSqlStatus):
            found["settings"] = payload.settings_version
        if isinstance(payload, ArmorStatus):
            found |= {"policy_id": payload.id, "fingerprint": payload.fingerprint}
        return found

    def lost_name(self) -> str:
        """What was under the cursor."""
        return self.lost.partition("|")[2].replace("/", " ", 1) or self.lost

    def detail(self) -> Detail:
        """Everything that the control plane said of it."""
        state = self._state
        if state is None:
            return (self.LABEL, [])
        lines: list[tuple[str, str]] = [("source", state.source), ("severity", state.severity.word)]
        if state.failure is not None:
            lines += [("failed", state.failure.message), ("do", state.failure.hint)]
        payload = state.reading.payload if state.reading else None
        if payload is not None:
            for field in fields(payload):
                lines += _told(field.name.replace("_", " "), getattr(payload, field.name))
        return (f"{_TITLES[state.kind]} · {state.title}", [line for line in lines if line[1]])


def _told(name: str, value: object) -> list[tuple[str, str]]:
    """A field of a status in words; of a list each element on a line of its own."""
    if isinstance(value, tuple):
        return [(name if not at else "", _words(each)) for at, each in enumerate(value)]
    return [(name, _words(value))]


def _words(value: object) -> str:
    if value is None or value == "" or value == 0:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, tuple):
        return ", ".join(filter(None, map(_words, value)))
    if hasattr(value, "__dataclass_fields__"):
        parts = [_words(getattr(value, each)) for each in value.__dataclass_fields__]
        return "  ".join(filter(None, parts))[:_LONGEST]
    return str(value)


def _source(state: SourceState, now: float) -> list[Row]:
    sunk = state.freshness is not Freshness.FRESH
    glyph = (GLYPH[state.severity], SEVERITY_STYLE[state.severity])
    payload = state.reading.payload if state.reading is not None else None
    key = partial("{}|{}".format, state.source)
    told = state.reading.summary if state.reading is not None else ""
    match payload:
        case CloudSqlStatus():
            said, rows = managed.sql_words(payload, told), managed.sql_rows(payload, key, now, sunk)
        case MemorystoreStatus():
            said, rows = managed.memorystore_words(payload, told), managed.memorystore_rows(payload, key, now, sunk)
        case ArmorStatus():
            said, rows = managed.armor_words(payload, told), managed.armor_rows(payload, key, now, sunk)
        case SecretsStatus():
            said, rows = "", managed.secret_rows(payload, key, now, sunk)
        case AccessStatus():
            said, rows = "", managed.access_rows(payload, key, now, sunk)
        case _:
            # A row all the same: the first key must not fall on whatever happened to answer first.
            unread = "not read yet" if state.failure is None else "never answered"
            return [managed.line(state.source, glyph, state.title, (unread, "muted"), "", sunk)]
    summary = (told, SEVERITY_STYLE[state.severity])
    notes = [note(f"   {text}", "warning") for text in payload.notes]
    return [managed.line(state.source, glyph, state.title, summary, said, sunk), *rows, *notes]
