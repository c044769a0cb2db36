"""The requests that change something at Render, as values: nothing is sent from here.

https://api-docs.render.com/reference: rollback-deploy, create-deploy, restart-service, scale-service,
suspend-service, resume-service, update-service, create-postgres-export, recover-postgres.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Addressing(Protocol):
    """Knows where the API is."""

    def url(self, path: str) -> str:
        """The full address of a path."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that changes something."""

    method: str
    path: str
    body: Mapping[str, object] | None = None

    def shown(self, api: Addressing) -> str:
        """Exactly what is sent, without the key."""
        lines = [f"{self.method} {api.url(self.path)}", "Authorization: Bearer ***"]
        return "\n".join([*lines, *([json.dumps(dict(self.body))] if self.body is not None else [])])

    def curl(self, api: Addressing) -> str:
        """The same by hand; the key is a variable."""
        words = ["curl", "-sS", "-X", self.method, api.url(self.path)]
        if self.body is not None:
            words += ["-H", "Content-Type: application/json", "-d", json.dumps(dict(self.body))]
        return f'{shlex.join(words)} -H "Authorization: Bearer $RENDER_API_KEY"'


def rollback(service: str, deploy: str) -> Asked:
    """To the build of an earlier deploy."""
    return Asked("POST", f"/services/{service}/rollback", {"deployId": deploy})


def redeploy(service: str, *, clear: bool, commit: str = "") -> Asked:
    """The newest commit of the branch, or the one that is named, built anew."""
    body: dict[str, object] = {"clearCache": "clear" if clear else "do_not_clear"}
    return Asked("POST", f"/services/{service}/deploys", body | ({"commitId": commit} if commit else {}))


def restart(service: str) -> Asked:
    """New instances of the same deploy."""
    return Asked("POST", f"/services/{service}/restart")


def scale(service: str, count: int) -> Asked:
    """To a fixed number of instances."""
    return Asked("POST", f"/services/{service}/scale", {"numInstances": count})


def suspend(service: str) -> Asked:
    """Ends all instances and refuses deploys."""
    return Asked("POST", f"/services/{service}/suspend")


def resume(service: str) -> Asked:
    """Deploys it anew."""
    return Asked("POST", f"/services/{service}/resume")


def maintenance(service: str, *, on: bool, uri: str) -> Asked:
    """Of a web service; `uri` "" for Render's own page."""
    return Asked(
        "PATCH", f"/services/{service}", {"serviceDetails": {"maintenanceMode": {"enabled": on, "uri": uri}}}
    )


def export(postgres: str) -> Asked:
    """A logical backup."""
    return Asked("POST", f"/postgres/{postgres}/export")


def recover(postgres: str, at: str, name: str) -> Asked:
    """A new database as of a moment (RFC 3339)."""
    return Asked("POST", f"/postgres/{postgres}/recovery", {"restoreTime": at, "restoreName": name})
