"""A user's password: changed from a reference, and no byte of it anywhere else."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, Outcome, Tier

PASSWORD = "corrèct-horse-battery"
ACTION = "cloudsql.password"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "new-password"
    path.touch(mode=0o600)
    path.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return path


async def test_no_byte_of_it_is_in_plan_audit_events_or_logs(
    rig: Any, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[str] = []
    rig.executor.subscribe(lambda: heard.append(f"{rig.executor.running}{rig.executor.records}"))
    planned = await rig.planned(ACTION, user="postgres", secret=f"file:{file}")
    plan = planned.plan
    assert plan.tier is Tier.T4 and plan.undo.text.startswith("cannot be undone")
    body = {"instance": "shop-db", "name": "postgres", "password": "***", "project": "demo-shop"}
    assert json.loads(plan.operation[1]) == body
    assert plan.equivalent == (
        "gcloud sql users set-password postgres --instance=shop-db --prompt-for-password --project=demo-shop",
    )
    record = await rig.execute(planned)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None and record.verification.holds is True
    assert rig.main.users[0].accepts(PASSWORD)
    (sent,) = rig.sent("/users")
    assert sent.json()["password"] == PASSWORD and PASSWORD not in sent.path + str(sent.query)
    written = "".join(each.read_text() for each in rig.folder.rglob("*") if each.is_file() and each != file)
    assert written.count("cloudsql.password") >= 2, "intent and outcome are on disk"
    log = str(rig.plane.logs._entries)
    everything = f"{planned!r}{plan.basis}{record!r}{heard}{written}{caplog.text}{log}{rig.sql.operations}{rig.told}"
    for part in (PASSWORD, "corr", "horse", "battery", PASSWORD.encode().hex(), "corr\\u00e8ct"):
        assert part not in everything, part


async def test_a_failed_one_repeats_nothing_either(rig: Any, file: Path) -> None:
    rig.sql.fail_next = ("INVALID_PASSWORD", "the password does not satisfy the policy of the instance")
    record = await rig.execute(await rig.planned(ACTION, user="postgres", secret=f"file:{file}"))
    assert record.outcome is Outcome.FAILED and "does not satisfy the policy" in record.summary
    assert "horse" not in repr(record) and not rig.main.users[0].accepts(PASSWORD)


@pytest.mark.parametrize("secret", ["hunter2-is-my-password", "cmd:cat /etc/passwd", "file: ", "env:not a name"])
async def test_what_is_no_reference_is_refused_unrepeated_and_unrecorded(rig: Any, secret: str) -> None:
    with pytest.raises(Refused) as caught:
        await rig.planned(ACTION, user="postgres", secret=secret)
    assert secret not in str(caught.value) and "file:PATH or env:NAME" in str(caught.value)
    with pytest.raises(Refused):  # past the check of parameters it is not let through either
        await rig.handlers[ACTION, "cloudsql/main"].plan(
            ActionRequest(ACTION, "cloudsql/main", {"user": "postgres", "secret": secret})
        )
    assert "hunter2" not in "".join(each.read_text() for each in rig.folder.rglob("*") if each.is_file())
    assert rig.sent("/users") == []


async def test_a_reference_that_leads_nowhere_is_a_refusal_of_the_plan(
    rig: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = await rig.plan(ACTION, user="postgres", secret=f"file:{tmp_path / 'none'}")
    assert "No such file" in rig.reasons(gone)
    monkeypatch.delenv("NEW_DB_PASSWORD", raising=False)
    unset = await rig.plan(ACTION, user="postgres", secret="env:NEW_DB_PASSWORD")
    assert "NEW_DB_PASSWORD is not set" in rig.reasons(unset)
    monkeypatch.setenv("NEW_DB_PASSWORD", PASSWORD)
    assert (await rig.plan(ACTION, user="postgres", secret="env:NEW_DB_PASSWORD")).refusals == ()


@pytest.fixture
def open_file(file: Path) -> Path:
    file.chmod(0o644)
    return file


async def test_a_file_that_others_can_read_is_warned_of(rig: Any, open_file: Path) -> None:
    file = open_file
    plan = await rig.plan(ACTION, user="postgres", secret=f"file:{file}")
    assert f"others can read {file}" in plan.warnings[-1]


async def test_googles_own_user_and_a_replica_are_refused(rig: Any, file: Path) -> None:
    own = await rig.plan(ACTION, user="cloudsqladmin", secret=f"file:{file}")
    assert "Cloud SQL's own user" in rig.reasons(own)
    follower = await rig.plan(ACTION, "cloudsql/replica", user="postgres", secret=f"file:{file}")
    assert "users are those of shop-db" in rig.reasons(follower)


async def test_a_missing_permission_is_named(rig: Any, file: Path) -> None:
    rig.plane.permissions.revoke("cloudsql.users.update")
    plan = await rig.plan(ACTION, user="postgres", secret=f"file:{file}")
    assert plan.permission.needs == "cloudsql.users.update" and "roles/cloudsql.admin" in plan.permission.how
