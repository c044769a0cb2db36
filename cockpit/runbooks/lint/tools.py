"""How the rules read container and shell tools, and put a call on one line."""

from __future__ import annotations

from cockpit.model.command import Call


def names(text: str) -> frozenset[str]:
    """The words of a text, for a table of names."""
    return frozenset(text.split())


def line(call: Call) -> str:
    """The call on one line, as written."""
    return " ".join(" ".join(word.source for word in call.words).replace("\\\n", " ").split())


def compose_verb(call: Call) -> str:
    """ "up" for `docker-compose up` and `docker compose up`, "" for what is not Compose."""
    if call.program in ("docker-compose", "podman-compose"):
        return call.verb.removeprefix("compose ") or (call.args[0].text if call.args else "")
    if call.program in ("docker", "podman") and call.verb.startswith("compose"):
        rest = call.verb.removeprefix("compose").strip()
        return rest or (call.args[0].text if call.args else "")
    return ""


def is_url_of_this_machine(url: str) -> bool:
    """localhost and private names, where nobody listens on the way."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0].strip("[]")
    return host in ("localhost", "127.0.0.1", "", "0.0.0.0", "::1") or "." not in host  # noqa: S104 - compared
