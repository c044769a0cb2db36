"""One container in another's place, as Compose does it: the old one is renamed aside and stopped, and removed once
the new one is well. Whatever fails on the way: it is put back, or both are named.
"""

from __future__ import annotations

from cockpit.adapters.docker.changing import STOP_S, Containers, name_of
from cockpit.adapters.raw import Json, number, part, text
from cockpit.errors import CockpitError, Conflict, NotFound

_NEVER_RAN = ("created", "configured", "initialized")
_STOPPING_S = 10.0  # what an engine gives a process that says nothing else


async def replace(containers: Containers, old: Json, body: Json, within_s: float) -> tuple[str, str]:
    """(Id of the new one, ""); or ("", why not), and the old one is as it was before; or (its id, why the old one is
    there still). Raises CockpitError before anything was done, or where it is not known how far it came: its message
    then names both. Nothing is sent twice.
    """
    return await _Replacing(containers, old, body, within_s).done()


class _Replacing:
    def __init__(self, containers: Containers, old: Json, body: Json, within_s: float) -> None:
        self._containers = containers
        self._old = old
        self._body = body
        self._within_s = within_s
        self._id, self._name = text(old.get("Id"), 64), name_of(old)
        self._aside = f"{self._id[:12]}_{self._name}"
        self._grace_s = float(number(part(old, "Config").get("StopTimeout"))) or _STOPPING_S
        self._new = ""
        self._stopping = self._making = False  # sent

    async def done(self) -> tuple[str, str]:
        try:
            await self._containers.rename(self._id, self._aside)
        except CockpitError as error:
            if not error.effect_possible:
                raise
            why = error.message
        else:
            try:
                why = await self._forth()
            except CockpitError as error:
                why = error.message
        if not why:
            return self._new, await self._gone()
        try:
            await self._back()
        except CockpitError as error:
            raise self._named(error, why) from None
        return "", why

    async def _forth(self) -> str:
        """The new one in its place: "", or why it is not well. Raises CockpitError."""
        self._making = True
        self._new = await self._containers.create(self._name, self._body)
        await self._containers.join(self._new, self._old)
        if part(self._old, "State").get("Running") is True:
            self._stopping = True
            await self._containers.post(self._id, "stop", STOP_S + self._grace_s)
        await self._containers.post(self._new, "start")
        why = await self._containers.settled(self._new, self._within_s)
        return why and f"the new one is not well: {why}"

    async def _gone(self) -> str:
        """Remove the old one: "", or why it is there still. Raises CockpitError."""
        try:
            await self._containers.remove(self._id)
        except NotFound:
            return ""
        except CockpitError as error:
            try:
                await self._containers.inspect(self._id)
            except NotFound:
                return ""
            except CockpitError:
                raise self._named(error, "the new one is well") from None
            return f"the old one, {self._aside}, could not be removed: {error.message}"
        return ""

    async def _back(self) -> None:
        """As before. Raises CockpitError."""
        if self._making and not self._new:
            self._new = await self._made()
        if self._new:
            await self._containers.remove(self._new, force=True)
        if name_of(await self._containers.inspect(self._id)) != self._name:
            await self._containers.rename(self._id, self._name)
        if self._stopping:
            await self._containers.still(self._id, self._grace_s)  # a stop without an answer goes on
            await self._containers.post(self._id, "start")

    async def _made(self) -> str:
        """Id of the one that was made without an answer, "" for none. Raises Conflict where it is somebody's."""
        try:
            found = await self._containers.inspect(self._name)
        except NotFound:
            return ""
        id = text(found.get("Id"), 64)
        if name_of(found) != self._name or id == self._id:
            return ""
        if text(part(found, "State").get("Status"), 20) not in _NEVER_RAN:
            raise Conflict(f"somebody else made {self._name} ({id[:12]}) meanwhile, and it is left as it is")
        return id

    def _named(self, error: CockpitError, why: str) -> CockpitError:
        """With all that is known of both."""
        new = f"the new one is {self._name} ({self._new[:12]})" if self._new else "a new one may be there"
        error.message = (
            f"{why}; then {error.message}; {self._name} is half replaced: the old one is {self._aside} "
            f"({self._id[:12]}), {new}"
        )
        error.hint = f"look at both; `docker rename {self._id[:12]} {self._name}` gives the old one its name back"
        error.effect_possible = True
        return error
