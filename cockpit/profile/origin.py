"""The origin of a web address: where credentials of one source may go, and how two addresses are compared."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """scheme://host:port in lower case with the port always there; "" for what is no plain web address.

    An address with a user, a backslash, a space or a control character has no origin: clients disagree on its host.
    """
    if any(character in "\\@" or character <= " " or character == "\x7f" for character in url):
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host:
        return ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def same_page(one: str, other: str) -> bool:
    """Same origin, path and query; a slash at the end of the path means nothing."""
    return bool(origin_of(one)) and origin_of(one) == origin_of(other) and _page(one) == _page(other)


def _page(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.path.rstrip("/"), parts.query
