"""What an adapter for a Cloud SQL instance can do; the rules of `capabilities` hold here, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cockpit.model.cloudsql import CloudSqlStatus, SqlBackup, SqlOperation
from cockpit.model.sqlchange import InstanceChange


@dataclass(frozen=True, slots=True)
class Followed:
    """An operation as it was last seen. `problem` says why it was not followed to its end, "" where it was."""

    operation: SqlOperation
    seconds: float  # since it was begun
    problem: str = ""


@dataclass(frozen=True, slots=True)
class InstanceBrief:
    """One line of the list of instances."""

    name: str
    state: str
    activation: str
    version: str
    tier: str
    region: str
    zone: str
    availability: str
    primary: str  # "" where it follows none
    addresses: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """RUNNABLE alone does not say so."""
        return self.state == "RUNNABLE" and self.activation != "NEVER"


class InstanceChanging(Protocol):
    """Can look at one instance anew and change it by operations."""

    async def read_instance(self) -> CloudSqlStatus:
        """The instance with its operations and backups, all read now."""

    async def backups_of(self, instance: str) -> Sequence[SqlBackup]:
        """Backups of an instance of the same project, newest first."""

    async def instances(self) -> Sequence[InstanceBrief]:
        """All of the project."""

    async def missing_permissions(self, permissions: Sequence[str]) -> Sequence[str]:
        """Those that are not held on the project."""

    def request(self, change: InstanceChange) -> str:
        """The exact HTTP request as text; a password is masked."""

    def permission(self, change: InstanceChange) -> str:
        """The right that the change needs."""

    async def begin(self, change: InstanceChange) -> SqlOperation:
        """Send it once. Conflict where another operation is under way, and it names that one."""

    async def follow(
        self, begun: SqlOperation, tell: Callable[[SqlOperation, str], None], aborted: Callable[[], bool]
    ) -> Followed:
        """Look at the operation until it ends, for ten minutes at most; it is never cancelled.

        `tell` gets it each second with a note such as "RUNNING for 12 s".
        """
