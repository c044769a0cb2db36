"""The profile's contacts, scale, channels and links together with those of its runbook."""

from __future__ import annotations

from dataclasses import replace

from cockpit.model.runbook import Clock, ClockKind, Contact, Facts, SeverityLevel
from cockpit.profile.schema import Profile
from cockpit.runbooks.guide.people import People
from cockpit.text import clean


def people_of(profile: Profile, facts: Facts) -> People:
    """What can be shown; the runbook's own stand behind."""
    levels = [
        SeverityLevel(clean(each.name, 40), clean(each.meaning, 200), clean(each.response, 200), None, "", 0)
        for each in profile.severity
    ]
    channels = (*(clean(each, 80) for each in profile.channels), *facts.channels)
    links = ((clean(name, 80), clean(url, 500)) for name, url in profile.links.items())
    return People(
        _contacts(profile, facts), tuple(levels) or facts.severities, tuple(dict.fromkeys(channels)), tuple(links)
    )


def with_people(facts: Facts, profile: Profile) -> Facts:
    """The runbook's facts with the profile's contacts, so that clocks name whom they mean."""
    contacts = _contacts(profile, facts)
    escalation = facts.escalation or tuple(
        (clock, ", ".join(filter(None, (contact.role, contact.name))))
        for contact in contacts
        for clock in _clocks(contact.when)
        if clock.kind is ClockKind.AFTER
    )
    return replace(facts, contacts=contacts, escalation=escalation)


def _clocks(text: str) -> tuple[Clock, ...]:
    from cockpit.runbooks.markdown.clocks import clocks  # with the runbook, not before the first paint

    return clocks(text)


def _contacts(profile: Profile, facts: Facts) -> tuple[Contact, ...]:
    """Those of the profile, what they leave out taken from the runbook's of the same role; then its others."""
    theirs = {contact.role.casefold(): contact for contact in reversed(facts.contacts) if contact.role}
    found: list[Contact] = []
    for table in profile.contact:
        role, name, reach, when = (clean(text, 200) for text in (table.role, table.name, table.reach, table.when))
        same = theirs.get(role.casefold(), Contact("", "", "", "", 0))
        found.append(Contact(role, name or same.name, reach or same.reach, when or same.when, 0))
    taken = {contact.role.casefold() for contact in found}
    return (
        *found,
        *(contact for contact in facts.contacts if contact.role.casefold() not in taken or not contact.role),
    )
