"""Secrets of Secret Manager, never their values:
https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version."""

    number: str
    state: str  # "ENABLED", "DISABLED", "DESTROYED"
    created: datetime | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """One secret with its versions, newest first."""

    name: str  # short
    created: datetime | None = None
    etag: str = ""
    versions: tuple[SecretVersion, ...] = ()
    replication: str = ""  # "automatic", or the regions
    next_rotation: datetime | None = None
    expires: datetime | None = None
    severity: Severity = Severity.OK  # as the poll judged it
    wrong: str = ""  # "version 3 is 94 days old"; "" for nothing

    @property
    def newest(self) -> SecretVersion | None:
        """The newest enabled version: what `latest` gives, where it is the newest at all."""
        return next((each for each in self.versions if each.state == "ENABLED"), None)


@dataclass(frozen=True, slots=True)
class SecretsStatus:
    """The secrets of one project that the profile names."""

    project: str
    secrets: tuple[StoredSecret, ...]
    cut: bool = False  # there were more
    notes: tuple[str, ...] = ()

    def secret(self, name: str) -> StoredSecret | None:
        """By short name."""
        return next((each for each in self.secrets if each.name == name), None)
