"""The list of playbooks as a widget: what it shows of the desk, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType

from cockpit.runbooks.guide.desk import Desk, Reading
from cockpit.runbooks.guide.session import Session
from screens.guide import listing
from screens.guide.blocks import BlockRows
from screens.guide.lines import wrapped
from screens.paint import Row, note, spans
from screens.rows import Frame

if TYPE_CHECKING:
    from screens.guide.panel import Guide


class PlaybookList(BlockRows):
    """The playbooks. What a key does is the guide's business."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open the playbook, or go on with it", show=False, id="guide.open"),
        Binding("s", "anew", "Begin the playbook anew", show=False, id="guide.anew"),
        Binding("n", "move(1)", "Next match", show=False, id="guide.match.next"),
        Binding("N", "move(-1)", "Previous match", show=False, id="guide.match.previous"),
    ]

    def __init__(self, guide: Guide) -> None:
        super().__init__(framed=True, id="guide-list")
        self.guide = guide

    def draw(self, desk: Desk, sessions: tuple[Session, ...], words: str) -> None:
        """All of it, as of now; `words` narrow it."""
        width = self.size.width - (4 if self.framed else 2)
        if width < 4:
            return
        runbook = desk.runbook
        files = runbook.files if runbook is not None else ()
        title = runbook.title if runbook is not None and len(files) == 1 else ""
        title = f"{len(files)} runbooks" if len(files) > 1 else title
        head: list[Row] = [] if self.framed else [spans(("Guide  ", "primary bold"), (title, "bold"))]
        if desk.reading is not Reading.READY:
            failed = desk.reading is Reading.FAILED
            text = desk.problem if failed else "reading the runbook …"
            head += [note(line, "error" if failed else "muted") for line in wrapped(text, width, 4)]
        if runbook is None:
            self.show_blocks(head, ())
        else:
            catalogue = listing.Catalogue(
                runbook,
                () if words else desk.suggestions(),
                sessions,
                desk.past(),
                desk.search(words) if words else (),
                words,
                listing.lint_counts([fault.level for fault in desk.faults]),
            )
            head += listing.head(catalogue, desk.trust, width)
            self.show_blocks(head, listing.blocks(catalogue, width))
        foot = f"{len(files)} files" if len(files) > 1 else "".join(files)
        left = ((f"↓ {self.below} more", "muted"),) if self.below else ()
        self.show_frame(Frame((("Guide ", "muted"), (title, "bold")), ((foot, "muted"),), left))

    def action_open(self) -> None:
        """Go on with the session that there is, else begin one."""
        self.guide.open_playbook(*listing.place_of(self.key))

    def action_anew(self) -> None:
        """Begin another session."""
        self.guide.open_playbook(*listing.place_of(self.key), anew=True)

    def on_resize(self, event: events.Resize) -> None:
        """Another width, other lines."""
        self.guide.draw_list()
