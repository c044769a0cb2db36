"""Sections -> playbooks: every section that has commands or instructions of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from cockpit.model.runbook import Clock, ClockKind, Part, Playbook
from cockpit.runbooks.markdown.clocks import clocks
from cockpit.runbooks.markdown.harvest import Harvest, Place
from cockpit.runbooks.markdown.inline import plain
from cockpit.runbooks.markdown.parts import Block
from cockpit.runbooks.markdown.sections import Procedure, is_aside, is_reference, procedures, tree
from cockpit.runbooks.markdown.steps import Harvester
from cockpit.runbooks.markdown.verbs import begins_with_verb
from cockpit.runbooks.markdown.words import Role, core, folded, role_of
from cockpit.text import clean

_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_SLUG = 60


def playbooks_of(file: str, blocks: Sequence[Block], taken: dict[str, int], name: str = "") -> tuple[Playbook, ...]:
    """In the order of the file. `taken` holds the ids of other files with the last number tried, and gets the new.

    `name` is what the front matter calls the file: for what stands before the first heading.
    """
    found: list[Playbook] = []
    root = tree(blocks)
    titles = [child.title for child in root.children if child.level == 1]
    alone = titles[0] if len(titles) == 1 else ""
    for procedure in procedures(root):
        title = procedure.title or alone or clean(name) or PurePath(file).stem or file
        headings = (*procedure.trail, procedure.title) if procedure.title else procedure.trail
        harvest = Harvester(Place(file, headings), procedure.title).harvest(procedure.blocks)
        if harvest.steps and _is_procedure(procedure, harvest):
            found.append(_playbook(file, title, procedure, harvest, taken))
    return tuple(found)


def _is_procedure(procedure: Procedure, harvest: Harvest) -> bool:
    """Commands, or instructions that nobody would only look up."""
    if harvest.comments or any(step.command for step in harvest.steps):
        return True
    role = role_of(procedure.title)
    if role is Role.META or is_aside(procedure.title):
        return False
    if all(step.links and step.text == step.links[0].text for step in harvest.steps):
        return False  # a table of contents
    doing = sum(begins_with_verb(core(step.text)) for step in harvest.steps)
    said = procedure.merged or harvest.ordered or harvest.labels or harvest.causes
    if not said and (role is None or role.part is None or role is Role.STEPS):
        # Bullets, and no word of what they are for: a list of things to do if most of them are instructions.
        return harvest.bullets > 1 and doing * 2 > len(harvest.steps) and not is_reference(procedure.title)
    if doing * 2 >= len(harvest.steps):
        return True
    if is_reference(procedure.title) or _lists_metrics(harvest):
        return False
    return bool(said or harvest.symptoms or (role and role.part))


_METRIC = re.compile(r"[<>≥≤]=?\s*\d|\d\s*%")


def _lists_metrics(harvest: Harvest) -> bool:
    return sum(bool(_METRIC.search(step.text)) for step in harvest.steps) * 2 > len(harvest.steps)


def _playbook(file: str, title: str, procedure: Procedure, harvest: Harvest, taken: dict[str, int]) -> Playbook:
    escalation: list[Clock] = [clock for clock in clocks(procedure.title) if clock.kind is not ClockKind.EVERY]
    for step in harvest.steps:
        for clock in step.clocks:
            if clock.kind is ClockKind.AFTER or step.part is Part.ESCALATION:
                escalation.append(clock)
    return Playbook(
        _slug(core(title), taken),
        clean(title),
        procedure.line,
        file,
        procedure.trail,
        tuple(dict.fromkeys(harvest.symptoms)),
        tuple(harvest.steps),
        tuple(dict.fromkeys(escalation)),
        tuple(dict.fromkeys(harvest.links)),
        tuple(dict.fromkeys(harvest.causes)),
    )


def _slug(title: str, taken: dict[str, int]) -> str:
    """Unique in the runbook: a second one gets a number."""
    slug = _SLUG.sub("-", folded(plain(title)).lower()).strip("-")[:_LONGEST_SLUG].strip("-") or "playbook"
    found, number = slug, taken.get(slug, 0)
    while found in taken:
        number += 1
        found = f"{slug}-{number}"
    taken[slug] = max(number, 1)
    taken[found] = taken.get(found, 1)
    return found
