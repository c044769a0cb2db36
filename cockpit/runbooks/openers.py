"""Commands typed into an open client: what the client was opened on is where they act."""

from __future__ import annotations

import functools
from dataclasses import replace

from cockpit.model.command import Call, Command, Wrapper


def calls_in_opener(command: Command) -> tuple[Call, ...]:
    """Its calls, each within the client that it is typed into; as they are where none is open."""
    if not command.opener:
        return command.calls
    around = _wrappers(command.opener)
    return tuple(replace(call, within=(*around, *call.within)) if not call.within else call for call in command.calls)


@functools.lru_cache(maxsize=256)
def _wrappers(opener: str) -> tuple[Wrapper, ...]:
    """`docker exec -it db psql -U app` -> docker exec on db, psql."""
    from cockpit.runbooks.shell import grammar, unwrap

    calls = unwrap.calls_of(grammar.read(opener).simples, 1)
    if not calls:
        return ()
    client = calls[-1]
    if client.program == "gcloud":
        where = client.args[0].text if client.args else ""
        return (*client.within, Wrapper(f"gcloud {client.verb}", where, client.flags))
    where = client.flag("--host", "--uri", "--dbname") or ""
    return (*client.within, Wrapper(client.program, where, client.flags))
