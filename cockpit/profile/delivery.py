"""What a profile may say of GitHub and of the team's own scripts. Docstrings are documentation here too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cockpit.profile.consistency import Conflict, script_conflicts
from cockpit.profile.fields import Duration, Name, TextOrSecret, Url
from cockpit.profile.secrets import SecretRef
from cockpit.profile.section import Source

_REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")


def _repository(text: str) -> str:
    if not _REPOSITORY.fullmatch(text) or text.rpartition("/")[2] in (".", ".."):
        raise ValueError('must be a repository such as "shop-team/shop"')
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError('must be a host such as "github.com" or "github.shop.example"')
    return text


class GithubSource(Source):
    """A repository at GitHub or GitHub Enterprise, and the workflow that deploys it."""

    interval: Annotated[Duration, Field(ge=2, le=3600)] = 20.0
    """Time between the starts of two polls; unchanged answers cost no quota."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of one request."""
    host: Annotated[str, AfterValidator(_host)] = "github.com"
    """github.com, or the host of an Enterprise server."""
    endpoint: Url | None = None
    """Base URL of the REST API where it does not follow from the host."""
    repository: Annotated[str, AfterValidator(_repository)]
    """Owner and name."""
    token: SecretRef | None = None
    """Token; without it that of `gh auth token`."""
    workflow: str | None = None
    """File of the workflow that deploys: "deploy.yml"; without it all workflows are shown."""
    branch: str = "main"
    """Branch that is deployed."""
    environment: str | None = None
    """Environment at GitHub whose deployments count; without it the last successful run says what is deployed."""


class TeamScript(Source):
    """A command of the team that the cockpit may run: guarded, with its output on screen and in the record."""

    interval: Annotated[Duration, Field(ge=0.2, le=3600)] = 1.0
    """Time between two looks whether it can still be run, and what its run has written."""
    title: str
    """What it does, in a few words."""
    argv: tuple[str, ...] = Field(min_length=1)
    """Program and arguments; no shell reads them. {name} in an argument is asked for, and stays one argument."""
    directory: str | None = None
    """Working directory; without it the folder of the profile."""
    env: dict[str, TextOrSecret] = {}
    """Variables that it gets; a value may be a secret reference, which is never shown."""
    pass_env: tuple[str, ...] = ()
    """Variables that it gets as they are here."""
    limit: Annotated[Duration, Field(gt=0, le=86400)] = 600.0
    """Time after which it and all that it started is ended."""
    dry_run: tuple[str, ...] = ()
    """Program and arguments of its dry run, which changes nothing: run and seen first, on the plan."""
    tier: Literal["T1", "T2", "T3", "T4"] = "T3"
    """How much confirmation it needs."""
    affects: str = "whatever the script touches"
    """Who will feel it."""
    expect: tuple[Annotated[int, Field(ge=0, le=255)], ...] = (0,)
    """Exit codes that mean it was done."""
    success: str | None = None
    """Text that its output must contain as well."""
    undo: Name | None = None
    """The name of the script that takes this one back."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return script_conflicts(entry)
