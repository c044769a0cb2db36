"""Blocks -> sections, and which sections are one procedure together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cockpit.runbooks.markdown.inline import plain
from cockpit.runbooks.markdown.parts import Block, BlockKind
from cockpit.runbooks.markdown.verbs import begins_with_verb
from cockpit.runbooks.markdown.words import Role, core, folded, is_step_heading, label, number_of, role_of

_ISSUES = re.compile(
    r"\b(?:issues?|problems?|incidents?|scenarios?|troubleshoot\w*|alerts?|failures?|errors?|faqs?|common|cases|symptoms"
    r"|playbooks|runbooks|reference|examples?|commands|emergenc\w+|maintenance)\b",
    re.IGNORECASE,
)
_PROCEDURE = re.compile(
    r"\b(?:procedures?|process|steps|deployment|deploying|rollout|rollback|roll\s?back|recovery|failover|migration"
    r"|upgrade|restore|response|how\s+to|checklist|rotation|playbook|runbook|restart|rebuild|release|cutover|switch"
    r"|onboarding|drill|plan|workflow|guide)\b",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\b(?:contents|overview|architecture|components?|glossary|resources|references?|related|links|contacts?|dashboards?"
    r"|metrics|channels?|severit\w+|levels?|variables|services|endpoints?|urls?|thresholds?|definitions?|changelog|history"
    r"|about|template|slas?|slos?|objectives?|rto|rpo|codes|assumptions|stack|scope|introduction|purpose|documentation"
    r"|features?|capabilities|requirements|concepts|highlights|benefits|inventory|environments?|credentials|terminology|appendix|topology|dependencies|prerequisites)\b",
    re.IGNORECASE,
)
# What a document says around its procedures: nobody does it in an incident, even where it is worded as orders.
_ASIDE = re.compile(
    r"(?:table\s+of\s+)?(?:contents|toc|overview|architecture|glossary|resources|references?|(?:useful\s+)?links"
    r"|contacts?(?:\s+\w+)?|(?:emergency|key|on-?call)\s+contacts?|change\s*log|(?:revision|version|document)\s+history"
    r"|appendix|related(?:\s+[\w-]+){0,3}|see\s+also|purpose|scope|introduction|background|about(?:\s+\w+){0,4}"
    r"|(?:severity|severities|priority|priorities)(?:\s+\w+){0,2}|definitions?|dashboards?|metadata|history|further\s+(?:information|reading)|prevention"
    r"|preventive\s+\w+|(?:commands?|quick)\s+reference|useful\s+commands|limitations|known\s+limitations"
    r"|(?:recommended|future|planned)\s+\w+|(?:todo|to-do|to\s+do|roadmap|backlog|improvements?)(?:\s+\w+)?"
    r"|(?:operating\s+|ground\s+|golden\s+)?(?:rules|principles|conventions|guidelines|policies|policy|best\s+practices)"
    r"|anhang|ubersicht|uberblick|inhalt|kontakte?|ansprechpartner|referenzen|referencias|references|annexes?"
    r"|prevencion|prevencao|pravention|sommaire|historique|metadaten|verknupfte\s+\w+|contactos|contatos)$",
    re.IGNORECASE,
)
# One procedure by its title, not a book of them.
_ONE = re.compile(
    r"\b(?:procedures?|procedimento|procedimiento|how\s+to|checklist|recovery|failover|rollback)\b", re.IGNORECASE
)


@dataclass(slots=True)
class Section:
    """A heading with what stands under it, up to the next heading of any level."""

    title: str  # plain
    level: int  # 0 for what stands before the first heading
    line: int
    heading: Block | None = None
    own: list[Block] = field(default_factory=list)
    children: list[Section] = field(default_factory=list)

    def walk(self) -> Iterator[Section]:
        """Itself and all below, in order. A stack, because a document may nest more than Python likes to."""
        waiting = [self]
        while waiting:
            section = waiting.pop()
            yield section
            waiting.extend(reversed(section.children))

    def flat(self) -> list[Block]:
        """All blocks of it and all below; the headings below included."""
        found: list[Block] = list(self.own)
        for section in self.walk():
            if section is not self and section.heading is not None:
                found += [section.heading, *section.own]
        return found


@dataclass(frozen=True, slots=True)
class Procedure:
    """A section with the sub-sections that are parts of it."""

    title: str
    level: int
    line: int
    trail: tuple[str, ...]  # headings above, outermost first
    blocks: tuple[Block, ...]
    merged: bool  # sub-sections belong to it


def tree(blocks: Sequence[Block]) -> Section:
    """The section before the first heading, with all others below it."""
    root = Section("", 0, 1)
    path = [root]
    for block in blocks:
        if block.kind is BlockKind.HEADING and (title := plain(block.text)):
            while path[-1].level >= block.level:
                path.pop()
            section = Section(title, block.level, block.line, block)
            path[-1].children.append(section)
            path.append(section)
        else:
            path[-1].own.append(block)
    return root


def procedures(root: Section) -> list[Procedure]:
    """Every section as a candidate, in order; one that is a part of the section above it is within that."""
    found: list[Procedure] = []
    waiting: list[tuple[Section, tuple[str, ...]]] = [(root, ())]
    while waiting:
        section, trail = waiting.pop()
        parts = _parts(section)
        blocks = list(section.own)
        for child in section.children:
            if id(child) in parts and child.heading is not None:
                blocks += [child.heading, *child.flat()]
        found.append(Procedure(section.title, section.level, section.line, trail, tuple(blocks), bool(parts)))
        below = (*trail, section.title) if section.title else trail
        waiting.extend((child, below) for child in reversed(section.children) if id(child) not in parts)
    return found


def _parts(section: Section) -> set[int]:
    """The ids of the sub-sections that are parts or phases of this section rather than procedures of their own."""
    children = section.children
    if not children:
        return set()
    named = [child for child in children if _names_a_part(child)]
    roles = {role_of(child.title) for child in named}
    if len(roles) > 1 or (named and _has_symptoms(section)):
        own = [child for child in children if not is_aside(child.title) and not _holds_procedures(child)]
        if len(named) * 2 >= len(own):
            return {id(child) for child in own}
        if section.level > 1:
            return {id(child) for child in named if not _holds_procedures(child)}
    phases = _phases(section)
    if phases and section.level == 1:  # symptoms first, then what to do, one heading each
        phases = [*phases, *named]
    return {id(child) for child in phases}


def _holds_procedures(section: Section) -> bool:
    """Each of its sub-sections has symptoms and what to do about them: "Causes" with one procedure for each cause."""
    whole = [child for child in section.children if _is_whole(child)]
    return len(whole) > 1 and len(whole) * 2 >= len(section.children)


def _is_whole(section: Section) -> bool:
    """Says for itself what is seen or looked at, and what is done."""
    said = [block.text for block in section.own if block.kind is BlockKind.TEXT]
    leads = [
        found.lead for text in said for line in text.split("\n") if (found := label(line)) is not None and found.bold
    ]
    roles = {role_of(lead) for lead in leads} | {role_of(child.title) for child in section.children}
    return Role.RESOLUTION in roles and bool(roles & {Role.SYMPTOMS, Role.DIAGNOSIS, Role.CAUSES})


def _names_a_part(section: Section) -> bool:
    role = role_of(section.title)
    return role is not None and role not in (Role.META, Role.STEPS)


def _has_symptoms(section: Section) -> bool:
    return any(
        (found := label(block.text)) is not None and role_of(found.lead) is Role.SYMPTOMS
        for block in section.own
        if block.kind is BlockKind.TEXT
    )


def _phases(section: Section) -> list[Section]:
    """Sub-headings that number the phases of one procedure: "Step 1: Prepare", "1. Prepare", "2. Validate"."""
    children = section.children
    explicit = [child for child in children if is_step_heading(child.title)]
    if len(explicit) > 1:
        return explicit
    numbered = [child for child in children if number_of(child.title)]
    if len(numbered) < 2 or _is_outline(section, numbered):
        return []
    if section.level < 2 and not _is_one_procedure(section, numbered):
        return []
    if any(_has_symptoms(child) for child in numbered) or any(child.children for child in numbered):
        return []
    if section.level < 2:
        return numbered
    imperative = sum(begins_with_verb(core(child.title)) for child in numbered)
    if imperative * 2 > len(numbered):
        return numbered
    if _ISSUES.search(section.title):
        return []
    return numbered if _PROCEDURE.search(section.title) and imperative else []


def _is_one_procedure(section: Section, numbered: Sequence[Section]) -> bool:
    """A document that is one procedure: a few numbered headings in order, next to nothing but its symptoms."""
    others = [child for child in section.children if not number_of(child.title)]
    if [number_of(child.title) for child in numbered] != [str(n) for n in range(1, len(numbered) + 1)]:
        return False
    if any(role_of(child.title) is Role.META or is_reference(child.title) for child in numbered):
        return False
    told = any(role_of(child.title) is Role.SYMPTOMS for child in others) or bool(_ONE.search(folded(section.title)))
    return told and all(_names_a_part(child) or is_aside(child.title) for child in others)


def _is_outline(section: Section, numbered: Sequence[Section]) -> bool:
    """Headings numbered throughout: "2. Incidents", "2.1 Queue full"."""
    above = number_of(section.title)
    return bool(above) and all(number_of(child.title).startswith(f"{above}.") for child in numbered)


def is_aside(title: str) -> bool:
    """By its title around the procedures: contacts, links, history, severity levels."""
    return _ASIDE.match(folded(core(title))) is not None


def is_reference(title: str) -> bool:
    """By its words a section to look things up in: what it lists is not to be done one after the other."""
    name = core(title)
    return bool(_REFERENCE.search(name)) and not _PROCEDURE.search(name) and not begins_with_verb(name)
