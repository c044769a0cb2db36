"""Whether the ACL lets the cockpit's user run something: asked of the server, never tried out."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from redis.exceptions import ResponseError

from cockpit.adapters.cache.link import Reply
from cockpit.model.action import Grant, Permission
from cockpit.text import clean

Ask = Callable[..., Awaitable[list[Reply]]]
# ACL GETUSER and the ACL categories in COMMAND INFO: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
_CATEGORIES = 6


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    enabled: bool
    rules: tuple[str, ...]  # "+@all", "-flushdb", in order
    keys: tuple[str, ...]  # "*", "%R~x:*"


async def may_run(ask: Ask, commands: Sequence[Sequence[str]]) -> Permission:
    """ACL DRYRUN (Redis 7), else the user's own rules read by ACL GETUSER, else UNKNOWN. Raises what `ask` raises."""
    names = sorted({command[0].lower() for command in commands})
    needs = " ".join(f"+{name}" for name in names)
    [who] = await ask(("ACL", "WHOAMI"))
    if not isinstance(who, bytes):
        return Permission(Grant.UNKNOWN, needs, _unseen(who))
    user = clean(who, 80)
    how = f"ACL SETUSER {user} {needs}"
    known = await ask(("COMMAND", "INFO", *names))
    if known and isinstance(known[0], list) and None in known[0]:
        gone = names[known[0].index(None)]
        return Permission(Grant.DENIED, needs, f"the server does not offer {gone.upper()}; it may be renamed")
    tried = await ask(*[("ACL", "DRYRUN", who, *command) for command in commands])
    for reply in tried:
        if isinstance(reply, ResponseError):
            return await _by_rules(ask, who, known, names, Permission(Grant.UNKNOWN, needs, how))
        if reply != b"OK":
            return Permission(Grant.DENIED, needs, f"{clean(reply, 160)}: {how}")
    return Permission(Grant.GRANTED, needs)


async def _by_rules(
    ask: Ask, who: bytes, known: list[Reply], names: Sequence[str], unknown: Permission
) -> Permission:
    """Redis 6 has no DRYRUN: apply the rules in order, as the server does."""
    [answer] = await ask(("ACL", "GETUSER", who))
    user = _read_user(who, answer)
    if user is None:
        return Permission(Grant.UNKNOWN, unknown.needs, _unseen(answer))
    described = known[0] if known and isinstance(known[0], list) else []
    for name, entry in zip(names, described, strict=False):
        categories = entry[_CATEGORIES] if isinstance(entry, list) and len(entry) > _CATEGORIES else []
        if not _allowed(user.rules, name, {clean(category, 40).lstrip("@") for category in categories}):
            how = f"the user {user.name} may not {name.upper()}: {unknown.how}"
            return Permission(Grant.DENIED, unknown.needs, how)
    if not _all_keys(user):
        keys = clean(" ".join(user.keys) or "none", 120)
        return Permission(Grant.UNKNOWN, unknown.needs, f"the user {user.name} reaches only the keys {keys}")
    return Permission(Grant.GRANTED, unknown.needs)


def _read_user(who: bytes, answer: Reply) -> _User | None:
    if not isinstance(answer, list):
        return None
    facts = {name: value for name, value in zip(answer[::2], answer[1::2], strict=False) if isinstance(name, bytes)}
    flags, commands, keys = facts.get(b"flags"), facts.get(b"commands"), facts.get(b"keys")
    if not isinstance(flags, list) or not isinstance(commands, bytes):
        return None
    # Redis 6 lists the patterns, Redis 7 writes them as one text of "~pattern" words.
    patterns = keys.split() if isinstance(keys, bytes) else keys if isinstance(keys, list) else []
    texts = tuple(clean(pattern, 200).removeprefix("~") for pattern in patterns if isinstance(pattern, bytes))
    everything = ("*",) if b"allkeys" in flags else ()
    return _User(clean(who, 80), b"on" in flags, tuple(clean(commands).split()), everything + texts)


def _allowed(rules: Sequence[str], name: str, categories: set[str]) -> bool:
    allowed = False
    for rule in rules:
        match = re.fullmatch(r"([+-])(@?)([^|\s]+)", rule)
        if match is None:
            continue
        sign, category, what = match.groups()
        if (category and (what == "all" or what in categories)) or (not category and what.lower() == name):
            allowed = sign == "+"
    return allowed


def _all_keys(user: _User) -> bool:
    return "*" in user.keys


def _unseen(reply: Reply) -> str:
    reason = clean(str(reply), 120) if isinstance(reply, ResponseError) else "no usable answer"
    return f"the server does not say which rights this user has ({reason})"
