"""The list of all actions on deliveries at GitHub."""

from __future__ import annotations

from cockpit.actions.github import dispatch, ghcalls, proposals, pulls, runs
from cockpit.actions.github.ground import GithubGround
from cockpit.actions.handler import ActionHandler

SPECS = (
    runs.RERUN,
    runs.CANCEL,
    dispatch.DISPATCH,
    pulls.MERGE,
    pulls.REVERT,
    proposals.PROPOSE,
    proposals.CLOSE,
)
REPLACES = ghcalls.replacements(SPECS)


def handlers(ground: GithubGround) -> list[ActionHandler]:
    """All for one repository."""
    return [
        runs.Rerun(runs.RERUN, ground),
        runs.Cancel(runs.CANCEL, ground),
        dispatch.Dispatch(dispatch.DISPATCH, ground),
        pulls.Merge(pulls.MERGE, ground),
        pulls.Revert(pulls.REVERT, ground),
        proposals.Propose(proposals.PROPOSE, ground),
        proposals.Close(proposals.CLOSE, ground),
    ]
