"""One poll of a repository: runs with the jobs of those under way, deployments, pull requests, what runs now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cockpit.adapters.github import wire
from cockpit.adapters.github.client import GithubApi
from cockpit.adapters.github.sending import segment
from cockpit.adapters.github.token import origin_of
from cockpit.adapters.raw import Json, number, part, text
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound, PermissionDenied
from cockpit.model.delivery import SHORT, DeliveryStatus, Deployment, PullBrief, Run
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.delivery import GithubSource

RUNS = 30
DEPLOYMENTS = 12
PULLS = 15
_WATCHED = 3  # runs whose jobs are read
_FRESH = 3  # deployments whose state may still change
_SLOW_S = 300.0  # what hardly changes is asked this rarely


class DeliveryProbe:
    """Probing of [[github]]. Unchanged answers are 304 and cost nothing; what is at its end is not asked again."""

    def __init__(self, api: GithubApi, table: GithubSource, clock: Clock) -> None:
        self._api = api
        self._table = table
        self._clock = clock
        self._jobs: dict[tuple[int, int], list[Json]] = {}  # of attempts that are at their end
        self._states: dict[int, list[Json]] = {}  # statuses of older deployments
        self._slow: tuple[float, int, tuple[str, ...]] | None = None

    async def probe(self) -> Observation:
        """One reading. Raises CockpitError; PutOff while the quota is kept for actions."""
        api, table = self._api, self._table
        api.quota.may_poll()
        notes: list[str] = []
        repository_id, environments = await self._about(notes)
        runs = await self._runs()
        deployments = await self._deployments(notes)
        open_, merged = await self._pulls(notes)
        head = await self._head()
        environment = table.environment or ""
        if environment and not any(each.succeeded for each in deployments):
            notes.append(f"no successful deployment to {environment} is known: runs say what is deployed")
            environment = ""
        now, before = wire.released(runs, deployments, table.branch, environment)
        status = DeliveryStatus(
            host=table.host,
            repository=table.repository,
            repository_id=repository_id,
            branch=table.branch,
            workflow=table.workflow or "",
            environment=table.environment or "",
            head=head,
            runs=tuple(runs),
            deployments=tuple(deployments),
            environments=environments,
            pulls=open_,
            merged=merged,
            running=now,
            previous=before,
            quota_left=api.quota.left,
            quota=api.quota.limit,
            notes=tuple(notes),
        )
        severity, said = judged(status)
        return Observation(severity, said, status)

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Token, repository, workflow, rights."""
        table = self._table
        try:
            about = await self._api.get("")
        except CockpitError as error:
            return [Diagnosis("connect", False, f"{error.message} (token: {origin_of(table)})", error.hint)]
        found = [Diagnosis("connect", True, f"{table.repository} at {self._api.base_url}, token: {origin_of(table)}")]
        may = part(about, "permissions").get("push") is True
        detail = "may push: actions are possible" if may else "may only read: every action will be refused"
        found.append(Diagnosis("rights", may or None, detail, "" if may else "ask for the role Write"))
        if table.workflow:
            try:
                told = await self._api.get(f"/actions/workflows/{segment(table.workflow)}")
                found.append(Diagnosis("workflow", True, f"{table.workflow}, {text(told.get('state'), 40)}"))
            except CockpitError as error:
                found.append(Diagnosis("workflow", False, error.message, error.hint))
        return found

    # -- parts

    async def _about(self, notes: list[str]) -> tuple[int, tuple[str, ...]]:
        now = self._clock.monotonic()
        if self._slow is None or now - self._slow[0] > _SLOW_S:
            about = await self._api.get("")
            environments: tuple[str, ...] = ()
            try:
                listed, _ = await self._api.listed("/environments", key="environments")
                environments = tuple(text(each.get("name"), 120) for each in listed)
            except (NotFound, PermissionDenied) as error:
                notes.append(f"environments cannot be read: {error.hint}")
            self._slow = (now, number(about.get("id")), environments)
        return self._slow[1], self._slow[2]

    async def _runs(self) -> list[Run]:
        path = f"/actions/workflows/{segment(self._table.workflow)}/runs" if self._table.workflow else "/actions/runs"
        raws, _ = await self._api.listed(path, key="workflow_runs", most=RUNS)
        runs = [wire.run(each) for each in raws]
        failed = next((each for each in runs if not each.running), None)
        wanted = [each for each in runs if each.running][:_WATCHED]
        if failed is not None and failed.failed:
            wanted.append(failed)
        jobs = {each.id: await self._jobs_of(each) for each in wanted}
        ended = {(each.id, each.attempt) for each in wanted}
        self._jobs = {key: value for key, value in self._jobs.items() if key in ended}
        return [
            replace(each, jobs=tuple(wire.job(raw) for raw in jobs[each.id])) if each.id in jobs else each
            for each in runs
        ]

    async def _jobs_of(self, run: Run) -> list[Json]:
        known = self._jobs.get((run.id, run.attempt))
        if known is not None:
            return known
        found, _ = await self._api.listed(f"/actions/runs/{run.id}/jobs", {"filter": "latest"}, key="jobs")
        if not run.running:
            self._jobs[run.id, run.attempt] = found
        return found

    async def _deployments(self, notes: list[str]) -> list[Deployment]:
        asked = {"environment": self._table.environment} if self._table.environment else {}
        try:
            raws, _ = await self._api.listed("/deployments", asked, most=DEPLOYMENTS)
        except (NotFound, PermissionDenied) as error:
            notes.append(f"deployments cannot be read: {error.hint}")
            return []
        found: list[Deployment] = []
        states: dict[int, list[Json]] = {}
        for index, raw in enumerate(raws):
            id_ = number(raw.get("id"))
            statuses = self._states.get(id_) if index >= _FRESH else None
            if statuses is None:
                statuses, _ = await self._api.listed(f"/deployments/{id_}/statuses", most=30)
            states[id_] = statuses
            found.append(wire.deployment(raw, statuses))
        self._states = states
        return sorted(found, key=lambda each: (each.created, each.id), reverse=True)

    async def _pulls(self, notes: list[str]) -> tuple[tuple[PullBrief, ...], tuple[PullBrief, ...]]:
        asked = {"base": self._table.branch, "sort": "updated", "direction": "desc"}
        try:
            open_, _ = await self._api.listed("/pulls", {**asked, "state": "open"}, most=PULLS)
            closed, _ = await self._api.listed("/pulls", {**asked, "state": "closed"}, most=PULLS)
        except (NotFound, PermissionDenied) as error:
            notes.append(f"pull requests cannot be read: {error.hint}")
            return (), ()
        merged = [each for each in map(wire.pull, closed) if each.merged is not None]
        merged.sort(key=lambda each: each.merged or datetime.fromtimestamp(0, UTC), reverse=True)
        return tuple(map(wire.pull, open_)), tuple(merged)

    async def _head(self) -> str:
        listed, _ = await self._api.listed("/commits", {"sha": self._table.branch}, most=1)
        return wire.sha_of(listed[0].get("sha")) if listed else ""


def judged(status: DeliveryStatus) -> tuple[Severity, str]:
    """Of the newest runs: failed is critical only where it is the last word on the branch that is deployed."""
    here = [each for each in status.runs if each.branch == status.branch and each.event != "pull_request"]
    under_way = next((each for each in here if each.running), None)
    if under_way is not None:
        waits = under_way.status == "waiting"
        job = next((each for each in under_way.jobs if each.status == "in_progress"), None)
        where = f": {job.name}" if job is not None else ""
        said = f"{under_way.workflow} #{under_way.number} {under_way.state}{where}"
        return (Severity.WARN if waits else Severity.OK), said
    last = here[0] if here else None
    runs = f"{status.running.sha[:SHORT]} runs" if status.running is not None else "what runs is not known"
    if last is None:
        return (Severity.OK if status.running is not None else Severity.UNKNOWN), runs
    if last.severity is not Severity.OK:
        return last.severity, f"{last.workflow} #{last.number} {last.state}, {runs}"
    return Severity.OK, runs
