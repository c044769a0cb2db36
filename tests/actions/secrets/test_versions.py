"""Adding a version and switching one: what the plan says, what is sent, and that the value shows nowhere."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import fields
from typing import Any

import pytest

from cockpit.actions import secretmanager
from cockpit.actions.handler import Choosing, Keeping
from cockpit.engine.compose import replacements
from cockpit.errors import Conflict, Malformed, Misconfigured, NotFound
from cockpit.model.action import Grant, Outcome, Plan, RunResult, Tier
from cockpit.model.command import Call, Intent, Kind
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of
from cockpit.sandbox.http import Request, Response

VALUE = "correct-horse-battery"


def everything(plan: Plan, result: RunResult | None = None) -> str:
    """All that is shown, recorded or kept of it."""
    parts = [repr(getattr(plan, each.name)) for each in fields(plan)]
    return " ".join([*parts, repr(plan), repr(result), plan.digest])


async def test_a_version_is_added_from_a_file_and_shows_nowhere(rig: Any) -> None:
    plan = await rig.plan("secrets.add")
    assert (plan.tier, plan.refusals, plan.permission.grant) == (Tier.T3, (), Grant.GRANTED)
    assert [(each.before, each.after) for each in plan.changes] == [("2", "a new one")]
    assert plan.equivalent == (f"gcloud secrets versions add api-key --project=demo-shop --data-file={rig.file}",)
    assert plan.undo.request is None and plan.undo.text.startswith("cannot be undone")
    assert not rig.changes, "a plan only reads"
    result = await rig.run(plan)
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, "version 3 of api-key was added and is ENABLED")
    (post,) = rig.changes
    assert base64.b64decode(post.json()["payload"]["data"]) == VALUE.encode()
    assert rig.secret.versions[3].digest == hashlib.sha256(VALUE.encode()).hexdigest()
    assert (await rig.verify(plan, result)).holds is True
    shown = everything(plan, result)
    assert VALUE not in shown and base64.b64encode(VALUE.encode()).decode() not in shown
    assert post.json()["payload"]["dataCrc32c"] not in shown
    assert VALUE not in json.dumps(rig.plane.logs._entries)


async def test_a_version_is_added_from_the_environment(rig: Any) -> None:
    plan = await rig.plan("secrets.add", **{"from": "env:NEW_KEY"})
    assert plan.equivalent == (
        'printf %s "$NEW_KEY" | gcloud secrets versions add api-key --project=demo-shop --data-file=-',
    )
    assert (await rig.run(plan)).outcome is Outcome.SUCCEEDED
    assert rig.secret.versions[3].digest == hashlib.sha256(VALUE.encode()).hexdigest()


async def test_a_version_is_added_from_what_was_typed(rig: Any) -> None:
    handler = rig.handlers["secrets.add"]
    assert isinstance(handler, Keeping) and isinstance(rig.handlers["secrets.rotate"], Keeping)
    assert not isinstance(rig.handlers["secrets.disable"], Keeping)
    plan = await rig.plan("secrets.add", **{"from": handler.keep(VALUE)})
    assert plan.request.get("from") == "typed:1" and "the value that was typed" in plan.title
    assert plan.equivalent == ("gcloud secrets versions add api-key --project=demo-shop --data-file=-",)
    result = await rig.run(plan)
    assert rig.secret.versions[3].digest == hashlib.sha256(VALUE.encode()).hexdigest()
    assert VALUE not in everything(plan, result)
    with pytest.raises(Misconfigured, match="no longer held"):
        await rig.run(plan)


async def test_the_same_plan_twice_has_one_digest_and_a_changed_file_or_secret_another(rig: Any) -> None:
    first = await rig.plan("secrets.add")
    assert first.digest == (await rig.plan("secrets.add")).digest
    os.utime(rig.file, (1, 1))
    second = await rig.plan("secrets.add")
    assert second.digest != first.digest
    await rig.run(second)
    assert (await rig.plan("secrets.add")).digest != second.digest, "somebody added a version meanwhile"


async def test_a_line_break_at_the_end_is_told(rig: Any) -> None:
    rig.file.write_text(f"{VALUE}\n")
    plan = await rig.plan("secrets.add")
    assert any("byte for byte" in each for each in plan.warnings)
    assert "ends with a line break" in (await rig.run(plan)).details[0]


async def test_a_reference_that_leads_nowhere_is_no_plan(rig: Any) -> None:
    with pytest.raises(Misconfigured, match="UNSET"):
        await rig.plan("secrets.add", **{"from": "env:UNSET"})
    plan = await rig.plan("secrets.add")
    rig.file.unlink()
    with pytest.raises(Misconfigured) as caught:
        await rig.run(plan)
    assert not caught.value.effect_possible and not rig.changes


async def test_an_answer_that_is_lost_is_unknown_and_looked_at(rig: Any) -> None:
    async def lost(request: Request) -> Response | None:
        if request.path.endswith(":addVersion"):
            await rig.plane.handle(request)
            return Response(200, b'{"name": "proj')
        return None

    plan = await rig.plan("secrets.add")
    rig.fault = lost
    with pytest.raises(Malformed) as caught:
        await rig.run(plan)
    assert caught.value.effect_possible and len(rig.changes) == 1
    seen = await rig.verify(plan, RunResult(Outcome.UNKNOWN, ""))
    assert seen.holds is True and "version 3" in seen.text


async def test_the_missing_right_is_asked_of_the_secret_and_its_role_named(rig: Any) -> None:
    rig.plane.permissions.revoke("secretmanager.versions.add")
    plan = await rig.plan("secrets.add")
    assert plan.permission.grant is Grant.DENIED and plan.permission.needs == "secretmanager.versions.add"
    assert "gcloud secrets add-iam-policy-binding api-key" in plan.permission.how
    assert plan.permission.how.endswith("--role=roles/secretmanager.secretVersionAdder")


async def test_every_missing_role_has_its_command(rig: Any) -> None:
    handler = rig.handlers["secrets.add"]
    needs = [f"secretmanager.versions.{each}" for each in ("add", "enable", "disable")]
    for need in needs:
        rig.plane.permissions.revoke(need)
    permission = await handler.permission("api-key", needs)
    binding = "gcloud secrets add-iam-policy-binding api-key --project=demo-shop --member=user:YOU"
    assert permission.how == (
        "roles/secretmanager.secretVersionAdder and roles/secretmanager.secretVersionManager on the secret:"
        f" {binding} --role=roles/secretmanager.secretVersionAdder"
        f" && {binding} --role=roles/secretmanager.secretVersionManager"
    )
    rig.plane.permissions.revoke("secretmanager.versions.invented")
    unknown = await handler.permission("api-key", ["secretmanager.versions.invented"])
    assert unknown.how == "a role with secretmanager.versions.invented on the secret"


async def test_disabling_says_what_breaks_and_is_taken_back(rig: Any) -> None:
    plan = await rig.plan("secrets.disable", version="2")
    assert plan.tier is Tier.T3 and not plan.refusals
    assert "`latest` fails" in plan.warnings[0] and len(plan.warnings) == 1
    assert plan.equivalent == ("gcloud secrets versions disable 2 --secret=api-key --project=demo-shop",)
    result = await rig.run(plan)
    assert result.outcome is Outcome.SUCCEEDED and rig.states == ["ENABLED", "DISABLED"]
    assert (await rig.verify(plan, result)).holds is True
    (post,) = rig.changes
    assert plan.operation[-1] == json.dumps(post.json())
    assert result.undo is not None and result.undo.request is not None
    assert result.undo.request.action == "secrets.enable"
    back = await rig.plan("secrets.enable", version="2")
    assert back.request.params == result.undo.request.params and not back.warnings
    await rig.run(back)
    assert rig.states == ["ENABLED", "ENABLED"]


async def test_disabling_the_only_readable_version_says_that_too(rig: Any) -> None:
    rig.secret.versions[1].state = "DISABLED"
    assert any(
        "no other version is enabled" in each for each in (await rig.plan("secrets.disable", version="2")).warnings
    )
    assert (await rig.plan("secrets.enable", version="1")).warnings == ()


async def test_an_old_version_is_disabled_without_a_warning(rig: Any) -> None:
    assert (await rig.plan("secrets.disable", version="1")).warnings == ()


async def test_what_speaks_against_a_switch(rig: Any) -> None:
    assert "ENABLED already" in rig.reasons(await rig.plan("secrets.enable", version="2"))
    assert "was changed since" in rig.reasons(await rig.plan("secrets.disable", version="2", etag='"old"'))
    rig.secret.versions[1].state = "DESTROYED"
    assert "its value is gone" in rig.reasons(await rig.plan("secrets.enable", version="1"))
    with pytest.raises(NotFound, match="no version 7"):
        await rig.plan("secrets.disable", version="7")
    with pytest.raises(NotFound):
        await rig.plan("secrets.disable", secret="gone", version="1")


async def test_a_version_that_changed_between_plan_and_run_is_left_alone(rig: Any) -> None:
    plan = await rig.plan("secrets.disable", version="1")
    rig.secret.versions[1].etag = '"another"'
    with pytest.raises(Conflict) as caught:
        await rig.run(plan)
    assert not caught.value.effect_possible and rig.states == ["ENABLED", "ENABLED"]
    assert (await rig.plan("secrets.disable", version="1")).digest != plan.digest


async def test_secrets_are_offered_by_name(rig: Any) -> None:
    choices = await rig.handlers["secrets.add"].choices("secret")
    assert [each.value for each in choices] == ["api-key"]
    assert await rig.handlers["secrets.add"].choices("from") == ()


async def test_versions_are_offered_of_the_secret_that_was_chosen_those_that_it_can_be_done_to(rig: Any) -> None:
    disable, enable = rig.handlers["secrets.disable"], rig.handlers["secrets.enable"]
    assert isinstance(disable, Choosing) and not isinstance(rig.handlers["secrets.add"], Choosing)
    offered = await disable.choices_among("version", {"secret": "api-key"})
    assert [each.value for each in offered] == ["1", "2"], "the newest last: it is what most read"
    assert "what `latest` reads" in offered[1].label and "latest" not in offered[0].label
    assert await enable.choices_among("version", {"secret": "api-key"}) == []
    await rig.run(await rig.plan("secrets.disable", version="1"))
    assert [each.value for each in await enable.choices_among("version", {"secret": "api-key"})] == ["1"]
    assert [each.value for each in await disable.choices_among("secret", {})] == ["api-key"]
    assert await disable.choices_among("version", {}) == (), "which secret is not known yet"


def meant(text: str) -> Intent | None:
    found = (each.understand(call_of(text)) for each in secretmanager.REPLACES)
    return next((intent for intent in found if intent is not None), None)


def call_of(text: str) -> Call:
    (command,) = commands_of(text, language="bash", line=1)
    return command.calls[-1]


@pytest.mark.parametrize(
    ("text", "action", "params"),
    [
        (
            "gcloud secrets versions add api-key --data-file=/run/new",
            "secrets.add",
            {"secret": "api-key", "from": "file:/run/new"},
        ),
        (
            "gcloud secrets versions add api-key --data-file new.txt --project=p",
            "secrets.add",
            {"secret": "api-key", "from": "file:new.txt"},
        ),
        (
            "gcloud secrets versions disable 3 --secret=api-key",
            "secrets.disable",
            {"secret": "api-key", "version": "3"},
        ),
        (
            "gcloud secrets versions enable 3 --secret=api-key --quiet",
            "secrets.enable",
            {"secret": "api-key", "version": "3"},
        ),
    ],
)
def test_commands_that_they_stand_in_for(text: str, action: str, params: dict[str, str]) -> None:
    found = meant(text)
    assert found is not None and (found.name, dict(found.params)) == (action, params)


def test_what_is_to_be_filled_in_is_asked_for() -> None:
    found = meant("gcloud secrets versions add <name> --data-file=<file>")
    assert found is not None and not found.params
    assert {name: mark.name for name, mark in found.asks.items()} == {"secret": "name", "from": "file:<file>"}
    found = meant("gcloud secrets versions disable VERSION --secret=api-key")
    assert found is not None and found.params == {"secret": "api-key"} and set(found.asks) == {"version"}


@pytest.mark.parametrize(
    "text",
    [
        "printf x | gcloud secrets versions add api-key --data-file=-",
        "gcloud secrets versions add api-key",
        "gcloud secrets versions add api-key --data-file=x --location=r1",
        "gcloud secrets versions add api-key other --data-file=x",
        "gcloud secrets versions disable latest --secret=api-key",
        "gcloud secrets versions disable 3",
        "gcloud secrets versions destroy 3 --secret=api-key",
        "gcloud secrets create api-key --data-file=x",
        "gcloud secrets delete api-key",
    ],
)
def test_commands_that_look_alike(text: str) -> None:
    assert meant(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "gcloud secrets versions access latest --secret=api-key",
        "gcloud secrets versions access 3 --secret=api-key --out-file=/tmp/x",
    ],
)
def test_what_prints_a_value_is_never_offered_live(text: str) -> None:
    (command,) = commands_of(text, language="bash", line=1)
    found = understand(command, replacements())
    assert found.kind is Kind.SCRIPT and found.intent is None


def test_what_gcloud_does_not_have_shows_the_versions_and_no_value() -> None:
    (command,) = commands_of("gcloud secrets access-secret api-key", language="bash", line=1)
    found = understand(command, replacements())
    assert found.kind is Kind.LIVE and found.intent is not None and found.intent.name == "secrets.versions"
    assert "It prints no value" in found.intent.differs
