"""Where psql and redis-cli of a runbook's command would go, by their flags and connection strings: what a target is
compared with. Values stay as they are spelled; nothing is resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from cockpit.model.command import Call

_CLIENTS = ("psql", "pgcli", "gcloud sql connect")
_PAIR = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s']+)")
_CONNECTION_STRING = re.compile(r"postgres(ql)?://|(?:^|\s)(host|hostaddr|dbname|port|service|user)\s*=")


def postgres_reach(call: Call) -> dict[str, str]:
    """{"host", "port", "database", "user", "container" or "instance"}, what is said of them."""
    found: dict[str, str] = {}
    flags: dict[str, str] = {}
    for wrapper in call.within:
        if wrapper.tool in _CLIENTS:
            flags |= _last(wrapper.flags)
        if wrapper.where and wrapper.tool not in ("sudo", "psql", "pgcli"):
            found["instance" if wrapper.tool.startswith("gcloud") else "container"] = wrapper.where
    flags |= _last(call.flags)
    found |= {
        "host": _first(flags, "-h", "--host"),
        "port": _first(flags, "-p", "--port"),
        "user": _first(flags, "-U", "--username", "--user"),
    }
    database = _first(flags, "-d", "--dbname", "--database")
    if _CONNECTION_STRING.search(database):
        found |= _postgres_string(database)
    else:
        found["database"] = database
    if found.get("port") == "5432":
        del found["port"]
    return {name: value for name, value in found.items() if value}


def _postgres_string(text: str) -> dict[str, str]:
    if "://" not in text:
        pairs = {name: value.strip("'") for name, value in _PAIR.findall(text)}
        host = pairs.get("host") or pairs.get("hostaddr") or ""
        found = {"host": host, "port": pairs.get("port", ""), "database": pairs.get("dbname", "")}
        return {**found, "dsn_service": pairs.get("service", "")}
    host, port, path = _address(text)
    return {"host": host, "port": port, "database": path}


def redis_reach(call: Call) -> dict[str, str]:
    """{"host", "port", "database", "path", "container"}, what is said of them."""
    found: dict[str, str] = {}
    flags: dict[str, str] = {}
    for wrapper in call.within:
        if "redis" in wrapper.tool or "valkey" in wrapper.tool:
            flags |= _last(wrapper.flags)
        elif wrapper.where and wrapper.tool != "sudo":
            found["container"] = wrapper.where
    flags |= _last(call.flags)
    if address := _first(flags, "-u", "--uri"):
        host, port, path = _address(address)
        found |= {"host": host, "port": port or ("6379" if host and "$" not in address else ""), "database": path}
    given = {
        "host": _first(flags, "-h", "--host"),
        "port": _first(flags, "-p", "--port"),
        "database": _first(flags, "-n", "--db"),
        "path": _first(flags, "-s", "--socket"),
    }
    found |= {name: value for name, value in given.items() if value}
    return {name: value for name, value in found.items() if value}


def _address(text: str) -> tuple[str, str, str]:
    """Host, port and path of a connection string; one that is no address is its own host."""
    try:
        parts = urlsplit(text)
        return parts.hostname or text, str(parts.port or ""), unquote(parts.path).strip("/")
    except ValueError:
        return text, "", ""


def _last(flags: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: values[-1] for name, values in flags.items() if values}


def _first(flags: Mapping[str, str], *names: str) -> str:
    return next((flags[name] for name in names if flags.get(name)), "")
