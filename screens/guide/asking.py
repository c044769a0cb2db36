"""What a command of a runbook leaves open, asked for with live choices before it is looked at or planned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from textual.app import ComposeResult
from textual.widgets import Static

from cockpit.model.action import ActionSpec, Choice, Param, ParamKind, Tier
from cockpit.model.severity import SourceKind
from cockpit.runbooks.guide.offer import SOURCE, Ask, Offered
from screens.dialogs import rows
from screens.dialogs.base import Flow
from screens.dialogs.params import ParamForm


def stages(offered: Offered) -> list[tuple[Ask, ...]]:
    """What is asked in one form each: the source first, because other choices depend on it."""
    first = tuple(ask for ask in offered.asks if ask.name == SOURCE)
    rest = tuple(ask for ask in offered.asks if ask.name != SOURCE)
    return [stage for stage in (first, rest) if stage]


class AskForm(ParamForm):
    """Dismisses with values by the names of the asks, or None. Nothing is sent by it."""

    def __init__(
        self,
        title: str,
        command: str,
        asks: Sequence[Ask],
        where: str,
        choices: Callable[[Ask], Awaitable[Sequence[Choice]]],
        said: str = "",
    ) -> None:
        self._asks = dict(zip(_labels(asks), asks, strict=True))
        self._said = said
        params = [_param(label, ask) for label, ask in self._asks.items()]
        spec = ActionSpec(
            "guide.ask", title, SourceKind.HEALTH, "", Tier.T0, "The runbook leaves something open here:", params=()
        )

        async def offered(label: str) -> Sequence[Choice]:
            ask = self._asks[label]
            return ask.choices or await choices(ask)

        super().__init__(spec, params, command, where, offered)

    def compose_foot(self) -> ComposeResult:
        """What was wrong with the last answer, and the keys."""
        if self._said:
            yield Flow(lambda width: rows.paragraph(self._said, width, rows.BAD, "✖"))
        yield Static(rows.keys(("enter", "next"), ("tab", "next field"), ("esc", "cancel")), markup=False)

    def finish(self, result: dict[str, str] | None) -> None:
        """By name, not by label."""
        super().finish(None if result is None else {self._asks[label].name: value for label, value in result.items()})


def _labels(asks: Sequence[Ask]) -> list[str]:
    """What a person reads, made unique."""
    made: list[str] = []
    for ask in asks:
        label = ask.label or ask.name
        number = 2
        while label in made:
            label = f"{ask.label or ask.name} ({number})"
            number += 1
        made.append(label)
    return made


def _param(label: str, ask: Ask) -> Param:
    kind = ParamKind.CHOICE if ask.choices or ask.live else ask.kind
    return Param(label, kind, ask.help or "as the runbook means it", ask.required, ask.default)
