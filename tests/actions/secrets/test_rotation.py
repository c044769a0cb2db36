"""Rotating a secret: all steps, each step that fails, and that the old version stays until all was seen well."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cockpit.actions import rotation
from cockpit.errors import AuthenticationFailed, PermissionDenied
from cockpit.model.action import ActionRequest, Grant, Outcome, RunResult, Tier
from cockpit.sandbox.http import Request, Response

VALUE = "correct-horse-battery"


def answering(method: str, part: str, *answers: Response) -> Any:
    """These answers to the next requests of that kind."""
    left = list(answers)

    async def fault(request: Request) -> Response | None:
        if left and request.method == method and part in request.path and "validateOnly" not in request.query:
            return left.pop(0)
        return None

    return fault


def error(code: int, status: str, message: str) -> Response:
    return Response(code, json.dumps({"error": {"code": code, "status": status, "message": message}}).encode())


def paths(rig: Any) -> list[str]:
    return [request.path.rpartition("/")[2] for request in rig.changes]


async def test_all_steps_in_their_order_and_the_way_back(rig: Any) -> None:
    plan = await rig.plan("secrets.rotate")
    assert (plan.tier, plan.refusals, plan.permission.grant) == (Tier.T4, (), Grant.GRANTED)
    assert plan.objects == (
        f"add a version of api-key from the file {rig.file}",
        "restart shop on Cloud Run demo-shop/europe-west1 and see that it comes up",
        "disable version 2 of api-key",
    )
    assert [(each.before, each.after) for each in plan.changes] == [
        ("2", "a new one"),
        ("running", "restarted"),
        ("ENABLED", "DISABLED"),
    ]
    assert plan.symptoms == ("secrets/shop", "revisions/shop")
    assert "older versions stay enabled: 1" in plan.warnings
    assert not rig.changes, "a plan only reads"
    before = rig.plane.run.services["shop"].latest_ready
    result = await rig.run(plan)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.summary == "api-key is rotated: version 3 is used, version 2 is disabled"
    assert paths(rig) == ["api-key:addVersion", "shop", "2:disable"]
    assert rig.states == ["ENABLED", "DISABLED", "ENABLED"]
    assert rig.plane.run.services["shop"].latest_ready != before
    assert rig.plane.run.services["shop"].template.secrets == (("API_KEY", "api-key", "latest"),)
    assert [each.partition(" ")[0] for each in rig.told] == ["0/3", "1/3", "1/3", "2/3", "2/3", "3/3"]
    assert (await rig.verify(plan, result)).holds is True
    assert VALUE not in repr(plan) + repr(result) + "".join(rig.told)
    assert result.undo is not None and result.undo.request is not None
    back = await rig.plan("secrets.enable", version="2")
    assert back.request.params == result.undo.request.params
    await rig.run(back)
    assert rig.states == ["ENABLED", "ENABLED", "ENABLED"]


async def test_the_same_plan_twice_has_one_digest(rig: Any) -> None:
    first = await rig.plan("secrets.rotate")
    assert first.digest == (await rig.plan("secrets.rotate")).digest
    rig.plane.run.services["shop"].version += 1
    assert first.digest != (await rig.plan("secrets.rotate")).digest, "the service was changed"


async def test_a_service_that_does_not_come_up_leaves_the_old_version_enabled(rig: Any) -> None:
    plan = await rig.plan("secrets.rotate")
    rig.fault = answering("PATCH", "/services/shop", error(400, "INVALID_ARGUMENT", "no such image"))
    result = await rig.run(plan)
    assert result.outcome is Outcome.FAILED
    assert result.summary.startswith("stopped after 1 of 3 steps: ") and "no such image" in result.summary
    assert rig.states == ["ENABLED", "ENABLED", "ENABLED"]
    assert result.details[0] == "done: version 3 of api-key was added"
    assert result.details[1].startswith("failed: restart shop on Cloud Run")
    assert result.details[2] == "not done: disable version 2 of api-key"
    assert result.details[3] == "version 2 is enabled; `latest` is version 3, which whoever starts now gets"
    assert "secrets.disable" in result.details[4] and "SECRET:2" in result.details[5]
    assert result.undo is not None and result.undo.request is None
    assert (await rig.verify(plan, result)).holds is False


async def test_a_restart_whose_answer_is_lost_is_unknown_and_leaves_the_old_version(rig: Any) -> None:
    plan = await rig.plan("secrets.rotate")
    rig.fault = answering("PATCH", "/services/shop", Response(200, b'{"name": "proj'))
    result = await rig.run(plan)
    assert result.outcome is Outcome.UNKNOWN and "may have happened" in result.details[1]
    assert rig.states == ["ENABLED", "ENABLED", "ENABLED"]


async def test_a_version_that_cannot_be_added_changed_nothing(rig: Any) -> None:
    plan = await rig.plan("secrets.rotate")
    rig.plane.permissions.revoke("secretmanager.versions.add")
    with pytest.raises(PermissionDenied) as caught:
        await rig.run(plan)
    assert not caught.value.effect_possible and paths(rig) == ["api-key:addVersion"]
    assert rig.states == ["ENABLED", "ENABLED"]


async def test_a_token_that_ends_before_the_first_step_changed_nothing(rig: Any) -> None:
    plan = await rig.plan("secrets.rotate")
    rig.plane.tokens.expire_all()
    with pytest.raises(AuthenticationFailed):
        await rig.run(plan)
    assert paths(rig) == ["api-key:addVersion"] and rig.states == ["ENABLED", "ENABLED"]


@pytest.mark.parametrize(
    ("answer", "outcome", "kept"),
    [
        (error(409, "ABORTED", "changed meanwhile"), Outcome.FAILED, "version 2 is enabled"),
        (error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), Outcome.FAILED, "version 2 is enabled"),
        (error(500, "INTERNAL", "internal"), Outcome.UNKNOWN, "whether version 2 is disabled is not known"),
    ],
)
async def test_an_old_version_that_cannot_be_disabled_is_told(
    rig: Any, answer: Response, outcome: Outcome, kept: str
) -> None:
    plan = await rig.plan("secrets.rotate")
    rig.fault = answering("POST", ":disable", answer)
    result = await rig.run(plan)
    assert result.outcome is outcome and result.summary.startswith("stopped after 2 of 3 steps")
    assert [each.partition(":")[0] for each in result.details[:2]] == ["done", "done"]
    assert result.details[3].startswith(kept)
    assert paths(rig).count("2:disable") == 1, "nothing is repeated"


async def test_the_operator_can_stop_between_two_steps(rig: Any) -> None:
    rig.stop_at = "was added"
    result = await rig.run(await rig.plan("secrets.rotate"))
    assert result.outcome is Outcome.FAILED and "it was stopped before this step" in result.summary
    assert paths(rig) == ["api-key:addVersion"]
    rig.stop_at = "was restarted"
    result = await rig.run(await rig.plan("secrets.rotate"))
    assert result.summary.startswith("stopped after 2 of 3 steps") and "DISABLED" not in rig.states


async def test_a_service_that_changed_since_the_plan_is_not_restarted(rig: Any) -> None:
    plan = await rig.plan("secrets.rotate")
    rig.plane.run.services["shop"].version += 1
    result = await rig.run(plan)
    assert "it was changed since the plan was made" in result.summary and "shop" not in paths(rig)


async def test_a_restart_that_takes_too_long_stops_it(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = await rig.plan("secrets.rotate")
    monkeypatch.setattr(rotation, "RESTART_S", 0.3)
    rig.plane.run.settle_s = 30
    result = await rig.run(plan)
    assert result.outcome is Outcome.UNKNOWN and "did not come up in 0.3 s" in result.summary
    assert rig.states == ["ENABLED", "ENABLED", "ENABLED"]


async def test_a_service_that_names_a_version_by_number_is_refused(rig: Any) -> None:
    service = rig.plane.run.services["shop"]
    service.template = replace(service.template, secrets=(("API_KEY", "api-key", "2"),))
    assert "reads version 2 of api-key by number" in rig.reasons(await rig.plan("secrets.rotate"))


async def test_a_service_that_does_not_name_the_secret_is_mentioned(rig: Any) -> None:
    service = rig.plane.run.services["shop"]
    service.template = replace(service.template, secrets=())
    plan = await rig.plan("secrets.rotate")
    assert not plan.refusals and any("does not name api-key" in each for each in plan.warnings)


async def test_what_speaks_against_a_restart_speaks_against_the_rotation(rig: Any) -> None:
    stop = rig.handlers["revisions.stop"]
    stopping = await stop.plan(ActionRequest("revisions.stop", "revisions/shop"))
    await rig.run(stopping)
    assert "restart of shop on Cloud Run demo-shop/europe-west1: shop is stopped" in rig.reasons(
        await rig.plan("secrets.rotate")
    )


async def test_the_rights_of_all_steps_are_needed(rig: Any) -> None:
    rig.plane.permissions.revoke("run.services.update")
    assert (await rig.plan("secrets.rotate")).permission.needs == "run.services.update"
    rig.plane.permissions.revoke("secretmanager.versions.disable")
    plan = await rig.plan("secrets.rotate")
    assert plan.permission.grant is Grant.DENIED
    assert plan.permission.needs == "secretmanager.versions.disable, run.services.update"
    for role in ("roles/secretmanager.secretVersionManager", "roles/run.developer"):
        assert f"--role={role}" in plan.permission.how, "all that is missing, at once"


async def test_a_secret_without_a_readable_version_has_nothing_to_replace(rig: Any) -> None:
    for version in rig.secret.versions.values():
        version.state = "DISABLED"
    assert "has no enabled version" in rig.reasons(await rig.plan("secrets.rotate"))


def test_without_somebody_to_restart_it_is_not_offered(rig: Any) -> None:
    made = rig.handlers["secrets.rotate"]
    assert made.unavailable() == ""
    nobody = rotation.Rotate(made._ground, made._vault, made._values, {})
    assert "names nobody to restart" in nobody.unavailable()
    stranger = rotation.Rotate(made._ground, made._vault, made._values, {"database/main": None})
    assert "database/main of restarts is no Cloud Run service" in stranger.unavailable()


async def test_verifying_sees_what_is_missing(rig: Any) -> None:
    plan = await rig.plan("secrets.rotate")
    seen = await rig.verify(plan, RunResult(Outcome.UNKNOWN, ""))
    assert seen.holds is False and seen.text == "there is no version after 2; version 2 is ENABLED"
