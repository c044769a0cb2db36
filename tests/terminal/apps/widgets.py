"""Every kind of stock widget with one hostile text, each used as documented for a text that is no markup."""

import json
import os
import sys

from screens.terminal.hardened import HardenedApp

# isort: split
from rich.segment import Segment
from rich.text import Text
from textual.app import ComposeResult
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import (
    Button,
    DataTable,
    Input,
    Label,
    Log,
    Markdown,
    OptionList,
    RichLog,
    Static,
    Tab,
    Tabs,
    TextArea,
    Tree,
)

HOSTILE: str = json.loads(os.environ["HOSTILE"])


class Line(Widget):
    def render_line(self, y: int) -> Strip:
        return Strip([Segment(HOSTILE if y == 0 else "")])


class Widgets(HardenedApp[None]):
    CSS = "Widget { height: auto; } Line, Log, RichLog, DataTable, OptionList, TextArea, Tree { height: 3; }"

    def compose(self) -> ComposeResult:
        yield Static(HOSTILE, markup=False)
        yield Static(Content(HOSTILE))
        yield Static(Text(HOSTILE))
        yield Label(HOSTILE, markup=False)
        yield Line()
        yield Log()
        yield RichLog()
        yield DataTable[Text]()
        yield OptionList(HOSTILE, markup=False)
        yield Input(HOSTILE)
        yield TextArea(HOSTILE)
        yield Markdown("`" + HOSTILE + "`")
        yield Tree[None](Text(HOSTILE))
        yield Tabs(Tab(Content(HOSTILE)))
        yield Button(Content(HOSTILE))
        framed = Static("x", markup=False)
        framed.styles.border = ("round", "white")
        framed.border_title = Content(HOSTILE)
        yield framed
        yield Static("READY", markup=False)

    def on_mount(self) -> None:
        self.query_one(Log).write_line(HOSTILE)
        self.query_one(RichLog).write(Text(HOSTILE))
        table = self.query_one(DataTable)
        table.add_column(Text(HOSTILE))
        table.add_row(Text(HOSTILE))
        self.notify(HOSTILE, markup=False, timeout=60)


if __name__ == "__main__":
    sys.exit(Widgets(diffing="--stock" not in sys.argv).run_to_exit_code())
