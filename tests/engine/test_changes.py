"""What others changed is on the timeline once: not beside its deployment, nor beside the own action that it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cockpit.actions.record import Record
from cockpit.engine.changes import change_markers, deployments, said
from cockpit.model.access import AccessStatus, AdminChange
from cockpit.model.action import ActionRequest, Grant, Outcome, Permission, Plan, Tier, Undo
from cockpit.model.delivery import DeliveryStatus, Deployment, Run
from cockpit.model.reading import Payload, Reading, SourceState
from cockpit.model.revisions import Revision, Scaling, ServiceStatus
from cockpit.model.severity import Severity, SourceKind
from cockpit.model.workloads import RolloutRevision, Workload, WorkloadsStatus

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CACHE = AdminChange(
    NOW,
    "ann@pay.example",
    "google.cloud.redis.v1.CloudRedis.UpdateInstance",
    "projects/pay/locations/r/instances/cache",
    "redis.googleapis.com",
    id="c1",
)
RUN = replace(
    CACHE,
    method="google.cloud.run.v2.Services.UpdateService",
    resource="namespaces/pay/services/web",
    service="run.googleapis.com",
    id="c2",
)


def state(kind: SourceKind, payload: Payload) -> SourceState:
    name = f"{kind.value}/main"
    return SourceState(name, kind, "main", 1.0, Reading(name, kind, NOW, 0.1, Severity.OK, "", payload))


def audit(*changes: AdminChange) -> SourceState:
    return state(SourceKind.ACCESS, AccessStatus("pay", NOW, changes))


def service(created: datetime) -> SourceState:
    revision = Revision("web-00002", created, "reg/web:v2", "sha256:2", "ready", percent=100)
    status = ServiceStatus(
        project="pay", region="r", service="web", name="n", uid="u", etag="e", generation=1, reconciling=False,
        state="ready", reason="", latest_ready="web-00002", latest_created="web-00002", template_image="",
        scaling=Scaling(), traffic=(), serving=(), revisions=(revision,), previous=None, updated=None,
        last_modifier="", uri="",
    )  # fmt: skip
    return state(SourceKind.REVISIONS, status)


def record(target: str, outcome: Outcome = Outcome.SUCCEEDED, **identity: str) -> Record:
    plan = Plan(
        ActionRequest("memorystore.resize", "memorystore/main"), "Resize", Tier.T2, target, identity, (), (), 1, 0,
        "", (), (), Permission(Grant.GRANTED, ""), Undo(""), NOW, 10.0,
    )  # fmt: skip
    return Record("r", plan, outcome, "", NOW - timedelta(seconds=3), NOW + timedelta(seconds=20))


def texts(*states: SourceState, records: tuple[Record, ...] = ()) -> list[str]:
    return [marker.text for marker in change_markers(states, records)]


def test_a_change_says_who_did_what_to_what() -> None:
    (marker,) = change_markers([audit(CACHE)], ())
    assert (marker.at, marker.glyph, marker.text) == (NOW.timestamp(), "◆", "ann UpdateInstance cache")
    assert said(replace(CACHE, who="", resource="")) == "UpdateInstance"


def test_what_was_refused_and_what_two_logs_tell_is_not_told_twice() -> None:
    assert texts(audit(replace(CACHE, failed="no"))) == []
    assert texts(audit(CACHE), audit(CACHE)) == ["ann UpdateInstance cache"]


def test_a_deployment_has_its_own_marker_a_change_of_traffic_has_not() -> None:
    assert texts(audit(RUN), service(NOW + timedelta(seconds=2))) == []
    assert texts(audit(RUN), service(NOW - timedelta(minutes=2))) == ["ann UpdateService web"]
    other = replace(RUN, resource="namespaces/pay/services/api")
    assert texts(audit(other), service(NOW)) == ["ann UpdateService api"]
    deleted = replace(RUN, method="google.cloud.run.v2.Services.DeleteService")
    assert texts(audit(deleted), service(NOW)) == ["ann DeleteService web"]


def test_an_own_action_is_not_told_as_somebodys_change() -> None:
    assert texts(audit(CACHE), records=(record("cache in r"),)) == []
    assert texts(audit(CACHE), records=(record("it", name="projects/pay/locations/r/instances/cache"),)) == []
    assert texts(audit(CACHE), records=(record("cachet in r"),)) == ["ann UpdateInstance cache"]
    assert texts(audit(CACHE), records=(record("cache", Outcome.REFUSED),)) == ["ann UpdateInstance cache"]
    early = replace(CACHE, at=NOW - timedelta(minutes=1))
    assert texts(audit(early), records=(record("cache"),)) == ["ann UpdateInstance cache"]


def test_deployments_of_services_and_workloads_are_on_the_timeline() -> None:
    history = tuple(
        RolloutRevision(number, f"api-{number}", "r", NOW - timedelta(hours=number), ()) for number in range(1, 300)
    )
    api = Workload(
        "deployment", "api", "u", Severity.OK, "ready", "", 1, 1, 1, 1, (), NOW, {}, {}, history=history
    )  # fmt: skip
    status = WorkloadsStatus("gke", "https://x", "ann", "shop", "v1.31", (api,), ())
    found = list(deployments([service(NOW), state(SourceKind.WORKLOADS, status), audit(CACHE)]))
    assert [marker.text for marker in found[:3]] == ["web-00002", "api revision 1", "api revision 2"]
    assert found[1].at == (NOW - timedelta(hours=1)).timestamp() and found[1].glyph == "▲"
    assert len(found) == 1 + 200, "the newest of a namespace"


def test_deployments_of_a_repository_are_marked_once_they_succeeded_or_failed():
    made = {"environment": "production", "ref": "main", "created": NOW}
    status = DeliveryStatus(
        "github.com", "pay/web", 1, "main", "deploy.yml", "production",
        deployments=(
            Deployment(3, sha="c" * 40, state="in_progress", **made),
            Deployment(2, sha="b" * 40, state="failure", changed=NOW + timedelta(seconds=9), **made),
            Deployment(1, sha="a" * 40, state="inactive", changed=NOW + timedelta(hours=1), succeeded=True,
                       live=NOW + timedelta(seconds=5), **made),
        ),
    )  # fmt: skip
    markers = [(each.at - NOW.timestamp(), each.text) for each in deployments([state(SourceKind.GITHUB, status)])]
    assert markers == [(9, "production bbbbbbb, failed"), (5, "production aaaaaaa")]


def test_without_deployments_the_runs_of_the_branch_are_marked():
    def run(number: int, branch: str, conclusion: str) -> Run:
        return Run(number, number, 1, "Deploy", "d.yml", "", branch, "d" * 40, "ann", "push",
                   "completed" if conclusion else "in_progress", conclusion, NOW, NOW, NOW)  # fmt: skip

    runs = (run(4, "main", ""), run(3, "main", "failure"), run(2, "topic", "success"), run(1, "main", "success"))
    status = DeliveryStatus("github.com", "pay/web", 1, "main", "deploy.yml", "", runs=runs)
    texts = [each.text for each in deployments([state(SourceKind.GITHUB, status)])]
    assert texts == ["Deploy #3 ddddddd, failed", "Deploy #1 ddddddd"]
