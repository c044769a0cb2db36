"""The repository's things as GitHub writes them in its answers."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cockpit.sandbox.github.repository import STEPS, Commit, Json, Pull, Repository, Run, stamp

WORKFLOW_ID = 31


def repository(repo: Repository) -> Json:
    """Schema full-repository."""
    return {
        "id": repo.id,
        "full_name": repo.name,
        "default_branch": "main",
        "private": True,
        "archived": repo.archived,
        "permissions": {"admin": False, "push": repo.pushable, "pull": True},
        **repo.methods,
    }


def workflow(repo: Repository) -> Json:
    """Schema workflow."""
    path = ".github/workflows/deploy.yml"
    return {"id": WORKFLOW_ID, "name": "Deploy", "path": path, "state": repo.workflow_state}


def content(repo: Repository) -> Json:
    """Schema content-file."""
    text = base64.encodebytes(repo.workflow_file.encode()).decode()
    return {"type": "file", "encoding": "base64", "path": ".github/workflows/deploy.yml", "content": text}


def run(repo: Repository, each: Run) -> Json:
    """Schema workflow-run."""
    status, conclusion = repo.state_of(each)
    attempt = each.attempts[-1]
    subject = repo.commits[each.sha].message.split("\n", 1)[0]
    return {
        "id": each.id,
        "name": "Deploy",
        "display_title": subject,
        "path": ".github/workflows/deploy.yml",
        "workflow_id": WORKFLOW_ID,
        "run_number": each.number,
        "run_attempt": attempt.number,
        "head_branch": each.branch,
        "head_sha": each.sha,
        "event": each.event,
        "status": status,
        "conclusion": conclusion or None,
        "actor": {"login": each.attempts[0].actor},
        "triggering_actor": {"login": attempt.actor},
        "created_at": stamp(each.created),
        "run_started_at": stamp(attempt.begun),
        "updated_at": stamp(min(repo.ended(each), repo.now()) if status == "completed" else repo.now()),
        "html_url": f"https://github.com/{repo.name}/actions/runs/{each.id}",
    }


def jobs(repo: Repository, each: Run) -> list[Json]:
    """Schema job, of the last attempt."""
    found: list[Json] = []
    for index, (name, state) in enumerate(repo.jobs_of(each)):
        open_ = state in ("queued", "in_progress")
        found.append(
            {
                "id": each.id * 100 + each.attempts[-1].number * 10 + index,
                "run_id": each.id,
                "run_attempt": each.attempts[-1].number,
                "name": name,
                "status": state if open_ else "completed",
                "conclusion": None if open_ else state,
                "started_at": stamp(each.attempts[-1].begun),
                "completed_at": None if open_ else stamp(repo.now()),
                "steps": _steps(state),
            }
        )
    return found


def _steps(state: str) -> list[Json]:
    at = {"queued": 0, "skipped": 0, "in_progress": 2, "failure": 2, "cancelled": 2}.get(state, len(STEPS))
    found: list[Json] = []
    for index, name in enumerate(STEPS):
        here = {"in_progress": ("in_progress", None), "failure": ("completed", "failure")}
        status, conclusion = here.get(state, ("completed", "cancelled")) if index == at else ("completed", "success")
        if index > at or not at:
            status, conclusion = ("queued", None) if state in ("queued", "in_progress") else ("completed", "skipped")
        found.append({"number": index + 1, "name": name, "status": status, "conclusion": conclusion})
    return found


def pull(repo: Repository, each: Pull, *, whole: bool = False) -> Json:
    """Schema pull-request-simple; `whole`: pull-request."""
    head = repo.head(each)
    merged = each.merged is not None
    found: Json = {
        "id": 50_000 + each.number,
        "node_id": f"PR_{each.number}",
        "number": each.number,
        "state": each.state,
        "title": each.title,
        "body": each.body or None,
        "user": {"login": each.author},
        "draft": each.draft,
        "head": {"ref": each.branch, "sha": head},
        "base": {"ref": each.base, "sha": repo.branches[each.base]},
        "created_at": stamp(each.created),
        "updated_at": stamp(each.updated or each.created),
        "merged_at": stamp(each.merged) if each.merged is not None else None,
        "merge_commit_sha": each.merge_sha or None,
        "html_url": f"https://github.com/{repo.name}/pull/{each.number}",
    }
    if whole:
        brought = repo.ahead(each.base, head)
        lines = [lines for one in brought for lines in one.files.values()]
        found |= {
            "merged": merged,
            "mergeable": None if merged or each.standing == "unknown" else each.standing != "dirty",
            "mergeable_state": "unknown" if merged else "draft" if each.draft else each.standing,
            "merged_by": {"login": each.author} if merged else None,
            "commits": len(brought),
            "changed_files": len(lines),
            "additions": sum(added for added, _ in lines),
            "deletions": sum(removed for _, removed in lines),
        }
    return found


def commit(each: Commit) -> Json:
    """Schema commit."""
    person = {"name": each.author.title(), "email": f"{each.author}@shop.example", "date": stamp(each.at)}
    return {
        "sha": each.sha,
        "commit": {"message": each.message, "author": person, "committer": person},
        "author": {"login": each.author},
        "parents": [{"sha": each.parent}] if each.parent else [],
    }


def comparison(repo: Repository, base: str, head: str) -> Json:
    """Schema commit-comparison."""
    ahead, behind = repo.ahead(base, head), repo.ahead(head, base)
    states = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind", (False, False): "identical"}
    return {
        "status": states[bool(ahead), bool(behind)],
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [commit(each) for each in ahead[-250:]],
        "files": _files(ahead)[:300],
    }


def _files(commits: Sequence[Commit]) -> list[Json]:
    lines: dict[str, tuple[int, int]] = {}
    for each in commits:
        for name, (added, removed) in each.files.items():
            before = lines.get(name, (0, 0))
            lines[name] = (before[0] + added, before[1] + removed)
    return [
        {
            "filename": name,
            "status": "modified",
            "additions": added,
            "deletions": removed,
            "changes": added + removed,
            "patch": "@@ -1 +1 @@",
        }
        for name, (added, removed) in lines.items()
    ]
