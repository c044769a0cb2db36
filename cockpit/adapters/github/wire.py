"""GitHub's objects as they come -> values. Pure. Schemas: github/rest-api-description, api.github.com.2022-11-28."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cockpit.adapters.raw import Json, moment, number, part, parts, text
from cockpit.model.delivery import (
    Commit,
    Deployment,
    FileChange,
    Job,
    PullBrief,
    Released,
    Run,
    Step,
)

_NAME = 120
_EPOCH = datetime.fromtimestamp(0, UTC)


def sha_of(value: object) -> str:
    """A commit's id, "" for what is none."""
    found = value if isinstance(value, str) else ""
    return found if 7 <= len(found) <= 64 and found.isascii() and found.isalnum() else ""


def login(value: object) -> str:
    """Who, by their login."""
    return text(part(value).get("login"), _NAME)


def run(raw: Json, jobs: Iterable[Json] = ()) -> Run:
    """A workflow run (schema workflow-run) with its jobs."""
    return Run(
        id=number(raw.get("id")),
        number=number(raw.get("run_number")),
        attempt=number(raw.get("run_attempt")) or 1,
        workflow=text(raw.get("name"), _NAME),
        path=text(raw.get("path"), 300).partition("@")[0],
        title=text(raw.get("display_title"), 300),
        branch=text(raw.get("head_branch"), 255),
        sha=sha_of(raw.get("head_sha")),
        actor=login(raw.get("triggering_actor")) or login(raw.get("actor")),
        event=text(raw.get("event"), 60),
        status=text(raw.get("status"), 30) or "unknown",
        conclusion=text(raw.get("conclusion"), 30),
        created=moment(raw.get("created_at")) or _EPOCH,
        started=moment(raw.get("run_started_at")) or moment(raw.get("created_at")),
        updated=moment(raw.get("updated_at")),
        url=text(raw.get("html_url"), 300),
        jobs=tuple(job(each) for each in jobs),
    )


def job(raw: Json) -> Job:
    """A job of a run (schema job)."""
    steps = [
        Step(
            number(each.get("number")),
            text(each.get("name"), 200),
            text(each.get("status"), 30),
            text(each.get("conclusion"), 30),
        )
        for each in parts(raw, "steps")
    ]
    return Job(
        id=number(raw.get("id")),
        name=text(raw.get("name"), 200),
        status=text(raw.get("status"), 30),
        conclusion=text(raw.get("conclusion"), 30),
        started=moment(raw.get("started_at")),
        ended=moment(raw.get("completed_at")),
        steps=tuple(sorted(steps, key=lambda step: step.number)),
    )


def deployment(raw: Json, statuses: Sequence[Json]) -> Deployment:
    """A deployment with its statuses (schemas deployment, deployment-status); the one made last is its state."""
    last = max(statuses, key=lambda each: number(each.get("id")), default={})
    good = [each for each in statuses if each.get("state") == "success"]
    return Deployment(
        id=number(raw.get("id")),
        environment=text(raw.get("environment"), _NAME),
        sha=sha_of(raw.get("sha")),
        ref=text(raw.get("ref"), 255),
        state=text(last.get("state"), 30),
        created=moment(raw.get("created_at")) or _EPOCH,
        creator=login(raw.get("creator")),
        said=text(last.get("description"), 200),
        url=text(last.get("log_url"), 300),
        changed=moment(last.get("created_at")),
        succeeded=bool(good),
        live=moment(min(good, key=lambda each: number(each.get("id"))).get("created_at")) if good else None,
    )


def pull(raw: Json) -> PullBrief:
    """A pull request (schema pull-request-simple)."""
    return PullBrief(
        number=number(raw.get("number")),
        title=text(raw.get("title"), 300),
        author=login(raw.get("user")),
        branch=text(part(raw, "head").get("ref"), 255),
        base=text(part(raw, "base").get("ref"), 255),
        sha=sha_of(part(raw, "head").get("sha")),
        draft=raw.get("draft") is True,
        merged=moment(raw.get("merged_at")),
        merge_sha=sha_of(raw.get("merge_commit_sha")) if raw.get("merged_at") else "",
        updated=moment(raw.get("updated_at")),
    )


def commit(raw: Json) -> Commit:
    """A commit (schema commit): of its message the first line."""
    about = part(raw, "commit")
    message = about.get("message")
    subject = message.split("\n", 1)[0] if isinstance(message, str) else ""
    author = part(about, "author")
    return Commit(
        sha_of(raw.get("sha")),
        text(subject, 200),
        login(raw.get("author")) or text(author.get("name"), _NAME),
        moment(part(about, "committer").get("date")) or moment(author.get("date")),
    )


def file_change(raw: Json) -> FileChange:
    """A file of a comparison (schema diff-entry)."""
    return FileChange(
        text(raw.get("filename"), 300),
        text(raw.get("status"), 30),
        number(raw.get("additions")),
        number(raw.get("deletions")),
    )


def released(
    runs: Sequence[Run], deployments: Sequence[Deployment], branch: str, environment: str
) -> tuple[Released | None, Released | None]:
    """What runs now and what ran before: by the environment's deployments, else by the branch's successful runs.

    Of an environment the newest deployment whose state is success; "inactive" is one that succeeded and was replaced
    (https://docs.github.com/en/rest/deployments/statuses).
    """
    if environment:
        succeeded = [each for each in deployments if each.succeeded and each.environment == environment]
        current = next((each for each in succeeded if each.state == "success"), None)
        said = f"last successful deployment to {environment}"
        found = [Released(each.sha, each.live or each.created, said) for each in succeeded if current is not None]
        if current is not None:
            found = found[succeeded.index(current) :]
    else:
        good = [each for each in runs if each.conclusion == "success" and each.branch == branch]
        good.sort(key=lambda each: each.updated or each.created, reverse=True)
        found = [
            Released(each.sha, each.updated or each.created, f"last successful run of {each.workflow}")
            for each in good
            if each.event != "pull_request"
        ]
    now = found[0] if found else None
    before = next((each for each in found if now is not None and each.sha != now.sha), None)
    return now, before
