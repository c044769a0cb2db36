"""libpq connection strings -> parameters: URIs and keyword=value strings, with libpq's own rules for both.

Nothing here repeats the text it was given in an error: it may hold a password.
See https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING.
"""

from __future__ import annotations

import difflib
from urllib.parse import unquote

from cockpit.errors import Misconfigured

_SCHEMES = ("postgresql://", "postgres://")

# Parameters that take effect here.
HONOURED = frozenset({
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "servicefile", "options",
    "connect_timeout", "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "load_balance_hosts",
    "krbsrvname", "gsslib",
})  # fmt: skip
# Parameters that ask for protection which the driver cannot give; each with the values that ask for nothing.
PROTECTIVE = {
    "channel_binding": frozenset({"", "disable", "prefer"}),
    "gssencmode": frozenset({"", "disable", "prefer"}),
    "require_auth": frozenset({""}),
    "requirepeer": frozenset({""}),
    "sslcrldir": frozenset({""}),
    "sslcertmode": frozenset({"", "allow", "disable"}),
}
# Parameters that change nothing that matters here: the cockpit names itself and keeps its own deadlines.
IGNORED = frozenset({
    "application_name", "fallback_application_name", "client_encoding", "keepalives", "keepalives_idle",
    "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslcompression", "sslsni", "gssdelegation",
    "min_protocol_version", "max_protocol_version", "replication", "requiressl", "scram_client_key",
    "scram_server_key", "sslkeylogfile",
})  # fmt: skip
KNOWN = HONOURED | IGNORED | frozenset(PROTECTIVE)


def parse(text: str) -> dict[str, str]:
    """The parameters that a connection string sets. Raises Misconfigured without quoting the string."""
    text = text.strip()
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            return checked(_parse_uri(text.removeprefix(scheme)), "the connection URI")
    scheme, separator, _ = text.partition("://")
    if separator and scheme.replace("+", "").isalnum():
        raise Misconfigured(
            "the connection string has a scheme that PostgreSQL does not know",
            hint="write it as postgresql://user@host/database, without a driver name after postgresql",
        )
    return checked(_parse_keywords(text), "the connection string")


def checked(params: dict[str, str], origin: str) -> dict[str, str]:
    """The same parameters, when libpq knows them all and the driver can keep their promises."""
    for name, value in params.items():
        if name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, 1)
            shown = name if name.isidentifier() and len(name) <= 40 else "a name that is none"
            raise Misconfigured(
                f"{origin} sets {shown}, which is not a libpq parameter",
                hint=f"did you mean {near[0]}?" if near else "see the libpq manual, Parameter Key Words",
            )
        if name in PROTECTIVE and value not in PROTECTIVE[name]:
            raise Misconfigured(
                f"{origin} asks for {name}, which this driver cannot enforce",
                hint=f"leave {name} out here if sslmode=verify-full is protection enough",
            )
    return params


def _parse_uri(rest: str) -> dict[str, str]:
    params: dict[str, str] = {}
    end = min((position for position in (rest.find("@"), rest.find("/")) if position >= 0), default=-1)
    if end >= 0 and rest[end] == "@":
        user, colon, password = rest[:end].partition(":")
        if user:
            params["user"] = _decoded(user)
        if colon and password:
            params["password"] = _decoded(password)
        rest = rest[end + 1 :]
    rest, question, query = rest.partition("?")
    authority, _, database = rest.partition("/")
    hosts, ports = _split_hosts(authority)
    if any(hosts):
        params["host"] = ",".join(hosts)
    if any(ports):
        params["port"] = ",".join(ports)
    if database:
        params["dbname"] = _decoded(database)
    if question:
        params |= _parse_query(query)
    return params


def _parse_query(query: str) -> dict[str, str]:
    params: dict[str, str] = {}
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if not name or not equals or "=" in value:
            raise Misconfigured(
                "the connection URI has a parameter that is not name=value", hint="check it after '?'"
            )
        name, value = _decoded(name), _decoded(value)
        if (name, value) == ("ssl", "true"):
            name, value = "sslmode", "require"
        params[name] = value
    return params


def _split_hosts(authority: str) -> tuple[list[str], list[str]]:
    hosts: list[str] = []
    ports: list[str] = []
    for part in authority.split(","):
        if part.startswith("["):
            address, bracket, tail = part[1:].partition("]")
            if not bracket or not address or (tail and not tail.startswith(":")):
                raise Misconfigured("the connection URI has a broken IPv6 address", hint="write it as [::1]:5432")
            hosts.append(address)
            ports.append(tail[1:])
        else:
            host, _, port = part.partition(":")
            hosts.append(_decoded(host))
            ports.append(_decoded(port))
    return hosts, ports


def _decoded(text: str) -> str:
    try:
        value = unquote(text, errors="strict")
    except UnicodeDecodeError:
        value = "\x00"
    if "\x00" in value:
        raise Misconfigured("the connection URI has a %-escape that is no text", hint="escape it as UTF-8")
    return value


def _parse_keywords(text: str) -> dict[str, str]:
    params: dict[str, str] = {}
    position, length = 0, len(text)
    while position < length:
        if text[position].isspace():
            position += 1
            continue
        equals = text.find("=", position)
        name = text[position:equals].strip() if equals >= 0 else ""
        if not name or any(char.isspace() for char in name):
            raise Misconfigured(
                "the connection string is neither a postgresql:// URI nor keyword=value pairs",
                hint="e.g. host=db.internal dbname=shop user=oncall",
            )
        position = equals + 1
        while position < length and text[position].isspace():
            position += 1
        value, position = _parse_value(text, position)
        params[name] = value
    return params


def _parse_value(text: str, position: int) -> tuple[str, int]:
    quoted = text.startswith("'", position)
    position += quoted
    value: list[str] = []
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            position += 1
            char = text[position]
        elif quoted and char == "'":
            return "".join(value), position + 1
        elif not quoted and char.isspace():
            return "".join(value), position
        value.append(char)
        position += 1
    if quoted:
        raise Misconfigured("the connection string has a quote that is not closed", hint="close it with '")
    return "".join(value), position
