"""Markdown files -> one `Runbook`. Reading never fails on what a file says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cockpit.collecting import held_off
from cockpit.errors import Misconfigured
from cockpit.model.runbook import Facts, Later, Prose, Runbook
from cockpit.runbooks.markdown.blocks import blocks
from cockpit.runbooks.markdown.facts import facts_of
from cockpit.runbooks.markdown.inline import plain
from cockpit.runbooks.markdown.parts import Block, BlockKind
from cockpit.runbooks.markdown.playbooks import playbooks_of
from cockpit.runbooks.markdown.source import Source, decode, source
from cockpit.text import clean

MOST_BYTES = 8 * 1024 * 1024


def read(paths: Sequence[Path]) -> Runbook:
    """The files as one runbook. Raises Misconfigured where one cannot be read, or is larger than 8 MB."""
    found: list[tuple[str, bytes]] = [(str(path), _bytes(path)) for path in paths]
    return _runbook([(name, decode(data)) for name, data in found], found)


def contents(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """The files as (name, text). Raises Misconfigured as `read` does."""
    return [(str(path), decode(_bytes(path))) for path in paths]


def parse(texts: Sequence[tuple[str, str]]) -> Runbook:
    """As `read`, of (name, text)."""
    return _runbook(texts, [(name, text.encode("utf-8", "surrogatepass")) for name, text in texts])


def _bytes(path: Path) -> bytes:
    shown = clean(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Misconfigured(f"the runbook {shown} cannot be read: {error.strerror}", hint="Check the path") from error
    except ValueError as error:  # a NUL in the path
        raise Misconfigured(f"the runbook {shown} cannot be read: {error}", hint="Check the path") from error
    if len(data) > MOST_BYTES:
        raise Misconfigured(
            f"the runbook {shown} is larger than {MOST_BYTES // 1024 // 1024} MB", hint="Is it really Markdown?"
        )
    return data


@held_off()
def _runbook(given: Sequence[tuple[str, str]], originals: Sequence[tuple[str, bytes]]) -> Runbook:
    digest = hashlib.sha256()
    for name, data in originals:
        digest.update(name.encode("utf-8", "surrogatepass") + b"\0" + str(len(data)).encode() + b"\0" + data)
    sources = [source(name, text) for name, text in given]
    taken: dict[str, int] = {}
    found = [(each, blocks(each.lines)) for each in sources]
    playbooks = tuple(
        playbook
        for each, parts in found
        for playbook in playbooks_of(each.name, parts, taken, dict(each.front_matter).get("title", ""))
    )
    order = {each.name: index for index, each in enumerate(sources)}
    commands = [step.command for playbook in playbooks for step in playbook.steps if step.command]
    commands.sort(key=lambda command: (order.get(command.file, 0), command.line))

    @held_off()
    def facts() -> Facts:
        return facts_of([parts for _, parts in found])

    return Runbook(
        tuple(each.name for each in sources),
        _title(sources, found[0][1] if found else ()),
        digest.hexdigest(),
        playbooks,
        tuple(commands),
        Later(facts),
        tuple(pair for each in sources for pair in each.front_matter),
        Later(lambda: _prose([(each.name, parts) for each, parts in found])),
    )


def _prose(files: Sequence[tuple[str, Sequence[Block]]]) -> Prose:
    return tuple(
        (name, block.line, plain(block.text))
        for name, parts in files
        for block in parts
        if block.kind in (BlockKind.TEXT, BlockKind.ITEM) and block.text
    )


def _title(sources: Sequence[Source], parts: Sequence[Block]) -> str:
    front = dict(pair for each in sources for pair in each.front_matter)
    if front.get("title"):
        return front["title"]
    headings = [block for block in parts if block.kind is BlockKind.HEADING]
    top = min(headings, key=lambda block: block.level, default=None)
    return clean(plain(top.text)) if top is not None else (sources[0].name if sources else "")
