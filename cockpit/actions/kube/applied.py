"""An object that an apply is about, and what stood there before: in memory while the cockpit runs, as values in it
may be passwords.
"""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.actions.kube.ground import KubeGround
from cockpit.adapters.kube.applying import application, told
from cockpit.adapters.kube.changing import KubeChange
from cockpit.adapters.kube.discovery import Resource
from cockpit.adapters.kube.fields import name_of, uid_of
from cockpit.adapters.kube.terms import Json

EACH_S = 5.0
MOST_CHANGES = 60
STAYS = ("Namespace", "PersistentVolumeClaim")  # never deleted from here: what they hold goes with them
_MOST_KEPT = 20


@dataclass(slots=True)
class One:
    """One object of the file, and what it would do."""

    resource: Resource
    wanted: Json
    path: str
    before: Json | None = None  # None where it is made
    after: Json | None = None  # as the rehearsal answers; None where it could not be rehearsed
    force: bool = False
    made: str = ""  # uid, once it was made

    @property
    def ref(self) -> str:
        """ "deployment/api"."""
        return f"{self.resource.kind.lower()}/{name_of(self.wanted)}"

    @property
    def change(self) -> KubeChange:
        """Its PATCH."""
        return application(self.path, self.wanted, uid_of(self.before) if self.before is not None else "")

    @property
    def differs(self) -> tuple[tuple[str, str, str], ...]:
        """Field, before, after."""
        return told(self.before, self.after) if self.before is not None and self.after is not None else ()

    @property
    def idle(self) -> bool:
        """It is there already, just so."""
        return self.before is not None and self.after is not None and not self.differs

    async def send(self, ground: KubeGround, *, dry_run: bool = False, force: bool = False) -> Json:
        """Once. Raises CockpitError."""
        change, query = self.change, {"force": "true" if force or self.force else "false"}
        return await ground.gateway.change(
            change.method, change.path, change.body, kind=change.kind, dry_run=dry_run, query=query
        )


class Shelf:
    """What stood there before each apply of this session."""

    def __init__(self) -> None:
        self._kept: dict[str, list[One]] = {}

    def keep(self, key: str, ones: list[One]) -> None:
        """The last twenty."""
        self._kept[key] = ones
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    def kept(self, key: str) -> list[One]:
        """Empty where it is not of this session."""
        return self._kept.get(key, [])
