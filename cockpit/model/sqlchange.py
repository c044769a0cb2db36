"""What can be done to a Cloud SQL instance, as values: one for each request of the Admin API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Restart:
    """Restart the server."""


@dataclass(frozen=True, slots=True)
class Failover:
    """Let the standby take over. The version of the settings is the lock: another one is refused."""

    settings_version: str


@dataclass(frozen=True, slots=True)
class Promote:
    """Make a replica an instance of its own."""


@dataclass(frozen=True, slots=True)
class BackUp:
    """Take a backup now."""

    description: str


@dataclass(frozen=True, slots=True)
class Restore:
    """Put a backup over the instance; `origin` is the instance that the backup is of."""

    backup: str
    origin: str


@dataclass(frozen=True, slots=True)
class Export:
    """Write databases as SQL to a file in Cloud Storage. `offload`: on a machine of its own, which takes longer."""

    uri: str
    databases: tuple[str, ...] = ()
    offload: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    """Run an SQL file of Cloud Storage in a database."""

    uri: str
    database: str = ""


@dataclass(frozen=True, slots=True)
class ChangeTier:
    """Another machine type. The version of the settings is the lock."""

    tier: str
    settings_version: str


@dataclass(frozen=True, slots=True)
class Start:
    """Let a stopped instance run again. The version of the settings is the lock."""

    settings_version: str


@dataclass(frozen=True, slots=True)
class SetPassword:
    """A new password of a database user. `reference` says where the password is ("env:NAME"); it is never here."""

    user: str
    host: str  # MySQL; "" elsewhere
    reference: str


InstanceChange = Restart | Failover | Promote | BackUp | Restore | Export | Import | ChangeTier | Start | SetPassword
