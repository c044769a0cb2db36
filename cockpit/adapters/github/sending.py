"""The changes that are sent to GitHub. Pure: what is known of them in, requests out.

Paths are those of docs.github.com/en/rest: actions/workflow-runs, actions/workflows, pulls/pulls. Reverting by pull
request is GraphQL's alone (github.blog/changelog/2023-01-27-api-for-reverting-a-pull-request).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from cockpit.adapters.raw import Json

if TYPE_CHECKING:
    from cockpit.adapters.github.client import GithubApi

REVERT = (
    "mutation($id: ID!) { revertPullRequest(input: {pullRequestId: $id})"
    " { revertPullRequest { number url headRefName headRefOid } } }"
)


def segment(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


@dataclass(frozen=True, slots=True)
class Sending:
    """One change: what is sent, and how it is shown."""

    method: str
    path: str  # below the repository
    body: Json | None = None

    def shown(self, api: GithubApi) -> str:
        """As it goes out, without the token."""
        return f"{self.method} {api.url(self.path)}" + (f"\n{json.dumps(self.body)}" if self.body else "")


def rerun(run: int, *, everything: bool) -> Sending:
    """All jobs of a run, or those that failed and what depends on them. 201."""
    return Sending("POST", f"/actions/runs/{run}/{'rerun' if everything else 'rerun-failed-jobs'}")


def cancel(run: int) -> Sending:
    """202; 409 where it is at its end."""
    return Sending("POST", f"/actions/runs/{run}/cancel")


def dispatch(workflow: str, ref: str, inputs: Mapping[str, str], *, details: bool) -> Sending:
    """204, or 200 with the run where `details` are asked for, which Enterprise Servers may not know."""
    body: Json = {"ref": ref, "inputs": dict(inputs)}
    if details:
        body["return_run_details"] = True
    return Sending("POST", f"/actions/workflows/{segment(workflow)}/dispatches", body)


def merge(pull: int, sha: str, method: str) -> Sending:
    """200; 405 where it cannot be merged, 409 where its head is another than `sha`."""
    return Sending("PUT", f"/pulls/{pull}/merge", {"sha": sha, "merge_method": method})


def propose(title: str, head: str, base: str, body: str, *, draft: bool) -> Sending:
    """A new pull request. 201."""
    return Sending("POST", "/pulls", {"title": title, "head": head, "base": base, "body": body, "draft": draft})


def close(pull: int) -> Sending:
    """Without merging. 200."""
    return Sending("PATCH", f"/pulls/{pull}", {"state": "closed"})
