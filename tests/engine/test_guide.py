"""The desk: nothing of a runbook runs before it was accepted; its steps are bound, run, recorded and gone on with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Record
from cockpit.engine.engine import Engine
from cockpit.engine.guide import GuideDesk
from cockpit.errors import Misconfigured, NotFound, Refused
from cockpit.model.action import ActionRequest, Outcome, Tier
from cockpit.model.command import Kind
from cockpit.profile.load import load
from cockpit.runbooks.guide.desk import Desk, Reading
from cockpit.runbooks.guide.offer import SOURCE
from cockpit.runbooks.guide.progress import StepState
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.trust import Accepted, Changed, New

RUNBOOK = Path(__file__).with_name("guide_runbook.md").read_text(encoding="utf-8")
PROFILE = """
system = "shop"
environment = "production"
[[health]]
name = "api"
url = "http://127.0.0.1:1/health"
[[cloud_run]]
name = "checkout"
project = "p"
region = "europe-west1"
service = "checkout"
endpoint = "http://127.0.0.1:1"
audit_log = false
[[redis]]
name = "cache"
url = "redis://127.0.0.1:1/0"
[[redis]]
name = "sessions"
url = "redis://127.0.0.1:2/0"
[runbook]
files = ["RUNBOOK.md"]
"""
Opened = Callable[[str], Awaitable[Engine]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    (tmp_path / "RUNBOOK.md").write_text(RUNBOOK)
    (tmp_path / "queue.txt").write_text("41 waiting\n")
    (tmp_path / "shop.toml").write_text(PROFILE)
    return tmp_path


@pytest_asyncio.fixture
async def opened(folder: Path) -> AsyncIterator[Opened]:
    """An engine that does not poll, and has read its runbook."""
    engines: list[Engine] = []

    async def make(more: str = "") -> Engine:
        path = folder / "shop.toml"
        path.write_text(more + path.read_text())
        engine = Engine(load(path), state_dir=folder / "state")
        engines.append(engine)
        await engine.prepare()
        assert engine.guide is not None
        await engine.guide.read()
        return engine

    yield make
    for engine in engines:
        await engine.close()


def desk_of(engine: Engine) -> GuideDesk:
    assert engine.guide is not None
    return engine.guide


async def accepted(engine: Engine) -> GuideDesk:
    desk = desk_of(engine)
    assert desk.trust is not None
    await desk.accept(desk.trust.digest)
    return desk


async def begun(desk: GuideDesk) -> Session:
    assert desk.runbook is not None
    (playbook,) = (each for each in desk.runbook.playbooks if "slow" in each.title)
    return await desk.open(playbook.id)


def step(session: Session, text: str) -> str:
    return next(s.id for s in session.steps if text in (s.command.text if s.command else s.text))


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.01)


async def run(engine: Engine, request: ActionRequest, phrase: str = "y") -> Record:
    planned = await engine.executor.plan(request)
    return await engine.executor.execute(planned, Confirmation(phrase, "incident 7"))


async def test_the_desk_is_what_screens_build_on(opened: Opened) -> None:
    desk: Desk = desk_of(await opened(""))
    assert desk.reading is Reading.READY and desk.runbook is not None


async def test_a_new_runbook_can_be_read_and_ticked_and_nothing_of_it_runs(opened: Opened, folder: Path) -> None:
    engine = await opened("")
    desk = desk_of(engine)
    assert isinstance(desk.trust, New)
    session = await begun(desk)
    await session.tick(step(session, "Tell the team"))
    for text in ("cat queue", "touch emptied", "FLUSHDB"):
        offered = desk.offered(session, step(session, text))
        assert offered is not None and "nobody has accepted" in offered.blocked
        with pytest.raises(Refused, match="nobody has accepted"):
            desk.request(session, step(session, text), {"<who>": "ann", SOURCE: "redis/cache"})
    with pytest.raises(Refused, match="nobody has accepted"):
        await engine.executor.plan(ActionRequest("runbook.script", "runbook", {"file": "RUNBOOK.md"}))
    live = desk.offered(session, step(session, "describe checkout"))
    assert live is not None and live.live and live.blocked == "", "readings that are there anyway are shown"


async def test_accepting_is_on_the_record_and_only_for_the_text_that_was_shown(opened: Opened, folder: Path) -> None:
    engine = await opened("")
    desk = desk_of(engine)
    assert desk.trust is not None
    with pytest.raises(Refused, match="another by now"):
        await desk.accept("0" * 64)
    (folder / "RUNBOOK.md").write_text(RUNBOOK + "\nmore\n")
    with pytest.raises(Refused, match="changed just now"):
        await desk.accept(desk.trust.digest)
    assert isinstance(desk.trust, New)
    await desk.read()
    await desk.accept(desk.trust.digest)
    assert isinstance(desk.trust, Accepted)
    (entry,) = [entry for entry in engine.audit.entries() if entry.event == "runbook accepted"]
    assert entry.facts["digest"] == desk.trust.digest and entry.system == "shop"


async def test_what_was_accepted_stays_accepted_and_a_change_takes_it_back(opened: Opened, folder: Path) -> None:
    await accepted(await opened(""))
    desk = desk_of(await opened(""))
    assert isinstance(desk.trust, Accepted)
    heard: list[object] = []
    desk.subscribe(lambda: heard.append(desk.trust))
    (folder / "RUNBOOK.md").write_text(RUNBOOK.replace("cat queue.txt", "rm queue.txt"))
    await desk.read()
    assert isinstance(desk.trust, Changed) and heard[-1] is desk.trust
    assert "-   cat queue.txt" in desk.trust.diff and "+   rm queue.txt" in desk.trust.diff
    session = await begun(desk)
    offered = desk.offered(session, step(session, "rm queue"))
    assert offered is not None and "changed since it was accepted" in offered.blocked


async def test_a_file_that_changed_behind_the_desk_stops_a_script(opened: Opened, folder: Path) -> None:
    engine = await opened("")
    desk = await accepted(engine)
    session = await begun(desk)
    request = desk.request(session, step(session, "cat queue"), {})
    planned = await engine.executor.plan(request)
    (folder / "RUNBOOK.md").write_text(RUNBOOK + "x")
    record = await engine.executor.execute(planned, Confirmation("y"))
    assert record.outcome is Outcome.REFUSED


async def test_a_script_that_only_reads_runs_in_observe_and_is_the_result_of_its_step(opened: Opened) -> None:
    engine = await opened("")
    desk = await accepted(engine)
    session = await begun(desk)
    reading = step(session, "cat queue")
    offered = desk.offered(session, reading)
    assert offered is not None and (offered.kind, offered.tier) == (Kind.SCRIPT, Tier.T0)
    record = await run(engine, desk.request(session, reading, {}))
    assert record.outcome is Outcome.SUCCEEDED
    await until(lambda: session.progress(reading).state is StepState.DONE)
    progress = session.progress(reading)
    assert (progress.result, progress.lines, progress.run) == ("41 waiting", ("41 waiting",), record.run)
    assert desk.output(record.run) == ("41 waiting",)
    events = [entry.event for entry in engine.audit.entries()]
    assert events[-3:].count("guide step") >= 1 and "guide opened" in events


async def test_a_script_that_changes_asks_for_the_phrase_and_for_what_is_missing(
    opened: Opened, folder: Path
) -> None:
    engine = await opened("")
    desk = await accepted(engine)
    session = await begun(desk)
    changing = step(session, "touch emptied")
    offered = desk.offered(session, changing)
    assert offered is not None and offered.tier is Tier.T3
    assert [ask.name for ask in offered.asks] == ["<who>"]
    assert desk.problems(offered, {}) == {"<who>": "who is needed"}
    with pytest.raises(Refused, match="who is needed"):
        desk.request(session, changing, {})
    request = desk.request(session, changing, {"<who>": "$(touch pwned)"})
    assert (await run(engine, request)).outcome is Outcome.REFUSED, "not armed"
    await engine.executor.arm("incident 7")
    assert (await run(engine, request)).outcome is Outcome.REFUSED, "the phrase was not typed"
    record = await run(engine, request, "production/runbook")
    assert record.outcome is Outcome.SUCCEEDED and record.summary == "done $(touch pwned)"
    assert (folder / "emptied").exists() and not (folder / "pwned").exists()
    await until(lambda: session.progress(changing).state is StepState.DONE)
    await until(lambda: session.values == {"who": "$(touch pwned)"})


async def test_a_refused_run_leaves_the_step_to_do_and_the_next_try_counts(opened: Opened) -> None:
    engine = await opened("")
    desk = await accepted(engine)
    session = await begun(desk)
    reading = step(session, "cat queue")
    request = desk.request(session, reading, {})
    planned = await engine.executor.plan(request)
    assert (await engine.executor.execute(planned, Confirmation("no"))).outcome is Outcome.REFUSED
    assert session.progress(reading).state is StepState.TODO
    assert (await engine.executor.execute(planned, Confirmation("y"))).outcome is Outcome.SUCCEEDED
    await until(lambda: session.progress(reading).state is StepState.DONE)


async def test_a_card_that_was_left_is_no_step(opened: Opened) -> None:
    engine = await opened("")
    desk = await accepted(engine)
    session = await begun(desk)
    reading = step(session, "cat queue")
    request = desk.request(session, reading, {})
    desk.withdraw(session, reading)
    assert (await run(engine, request)).outcome is Outcome.SUCCEEDED
    assert session.progress(reading).state is StepState.TODO


async def test_commands_are_bound_to_the_one_source_that_they_name(opened: Opened) -> None:
    desk = await accepted(await opened(""))
    session = await begun(desk)
    mine = desk.offered(session, step(session, "describe checkout"))
    assert mine is not None and mine.look is not None and mine.look.source == "revisions/checkout"
    other = desk.offered(session, step(session, "describe basket"))
    assert other is not None and other.kind is Kind.SCRIPT and other.look is None
    assert "names basket in us-east1" in other.reason and "checkout in europe-west1" in other.reason
    back = desk.offered(session, step(session, "update-traffic"))
    assert back is not None and back.kind is Kind.NATIVE and back.action is not None
    assert back.action.source == "revisions/checkout"
    assert [ask.label for ask in back.asks] == ["PREV_REVISION"]


async def test_between_two_sources_somebody_has_to_choose(opened: Opened) -> None:
    desk = await accepted(await opened(""))
    session = await begun(desk)
    flush = step(session, "FLUSHDB")
    offered = desk.offered(session, flush)
    assert offered is not None and offered.action is not None and offered.action.source == ""
    assert offered.asks[0].name == SOURCE and offered.sources == ("redis/cache", "redis/sessions")
    with pytest.raises(Refused, match="which source is needed"):
        desk.request(session, flush, {})
    with pytest.raises(Refused, match="one of the choices"):
        desk.request(session, flush, {SOURCE: "database/main"})
    assert desk.request(session, flush, {SOURCE: "redis/sessions"}).source == "redis/sessions"


async def test_the_profile_says_what_a_name_means(opened: Opened, folder: Path) -> None:
    path = folder / "shop.toml"
    path.write_text(path.read_text() + 'targets = { shop-redis = "redis/sessions", basket = "revisions/checkout" }\n')
    desk = await accepted(await opened(""))
    session = await begun(desk)
    flush = desk.offered(session, step(session, "FLUSHDB"))
    assert flush is not None and flush.action is not None and flush.action.source == "redis/sessions"
    assert flush.asks == ()
    basket = desk.offered(session, step(session, "describe basket"))
    assert basket is not None and basket.look is not None and basket.look.source == "revisions/checkout"


async def test_a_read_only_profile_offers_what_reads(opened: Opened) -> None:
    desk = await accepted(await opened("read_only = true\n"))
    session = await begun(desk)
    reading = desk.offered(session, step(session, "cat queue"))
    changing = desk.offered(session, step(session, "touch emptied"))
    assert reading is not None and reading.blocked == ""
    assert changing is not None and "read-only" in changing.blocked


async def test_a_session_is_gone_on_with_and_a_run_that_was_cut_off_is_told(opened: Opened) -> None:
    engine = await opened("")
    desk = await accepted(engine)
    session = await begun(desk)
    await session.tick(step(session, "Tell the team"), "in the channel")
    await session.start(step(session, "touch emptied"), "run-that-nobody-knows")
    first, second = await asyncio.gather(desk.open(session.playbook.id), desk.open(session.playbook.id))
    assert first is session and second is session
    await desk.read()
    assert desk.past() == (), "what is open is not past"
    await engine.close()
    again = desk_of(await opened(""))
    (past,) = again.past(session.playbook.id)
    assert (past.id, past.old) == (session.id, False)
    resumed = await again.open(session.playbook.id, past.id)
    assert resumed.progress(step(resumed, "Tell the team")).result == "in the channel"
    cut = resumed.progress(step(resumed, "touch emptied"))
    assert cut.state is StepState.FAILED and "look what came of it" in cut.result


async def test_a_runbook_that_cannot_be_read_says_so_and_runs_nothing(opened: Opened, folder: Path) -> None:
    engine = await opened("")
    desk = await accepted(engine)
    session = await begun(desk)
    request = desk.request(session, step(session, "cat queue"), {})
    (folder / "RUNBOOK.md").unlink()
    await desk.read()
    assert desk.reading is Reading.FAILED and "cannot be read" in desk.problem
    with pytest.raises(Refused, match="cannot be read"):
        await engine.executor.plan(request)
    (folder / "RUNBOOK.md").write_text(RUNBOOK)
    await desk.read()
    assert desk.reading is Reading.READY and isinstance(desk.trust, Accepted)


async def test_it_reads_again_when_a_file_changes_and_not_before(opened: Opened, folder: Path) -> None:
    desk = desk_of(await opened(""))
    heard: list[object] = []
    desk.subscribe(lambda: heard.append(desk.trust))
    task = asyncio.create_task(desk.run())
    await until(lambda: len(heard) == 1)
    first = desk.trust
    (folder / "RUNBOOK.md").write_text(RUNBOOK + "\n## New\n\n1. Do it\n")
    await until(lambda: desk.trust != first)
    assert len(heard) == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_not_there_is_said(opened: Opened) -> None:
    desk = desk_of(await opened(""))
    with pytest.raises(NotFound, match="no playbook"):
        await desk.open("no-such")
    session = await begun(desk)
    with pytest.raises(NotFound, match="no session"):
        await desk.open(session.playbook.id, "../../etc/passwd")
    with pytest.raises(Refused, match="prose"):
        desk.request(session, step(session, "Tell the team"), {})


async def test_what_cannot_be_recorded_is_not_accepted(opened: Opened, folder: Path) -> None:
    desk = desk_of(await opened(""))
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state" / "audit.jsonl").mkdir()
    assert desk.trust is not None
    with pytest.raises(Misconfigured):
        await desk.accept(desk.trust.digest)
    assert isinstance(desk.trust, New)


async def test_a_secret_is_not_asked_for_but_declared(opened: Opened, folder: Path) -> None:
    desk = await accepted(await opened(""))
    session = await begun(desk)
    offered = desk.offered(session, step(session, "pg_dump"))
    assert offered is not None and offered.asks == ()
    assert 'env = { DATABASE_URL = "env:DATABASE_URL" }' in offered.blocked
    path = folder / "shop.toml"
    path.write_text(path.read_text() + 'env = { DATABASE_URL = "env:SHOP_DATABASE_URL" }\n')
    desk = desk_of(await opened(""))
    session = await begun(desk)
    offered = desk.offered(session, step(session, "pg_dump"))
    assert offered is not None and offered.asks == () and offered.blocked == ""


async def test_a_step_that_is_under_way_is_not_begun_again_and_can_be_stopped(opened: Opened, folder: Path) -> None:
    path = folder / "RUNBOOK.md"
    path.write_text(RUNBOOK.replace("cat queue.txt", "tail -f queue.txt"))
    engine = await opened("")
    desk = await accepted(engine)
    session = await begun(desk)
    following = step(session, "tail -f")
    offered = desk.offered(session, following)
    assert offered is not None and offered.tier is Tier.T0
    running = asyncio.create_task(run(engine, desk.request(session, following, {})))
    await until(lambda: session.progress(following).state is StepState.RUNNING)
    id_ = session.progress(following).run
    await until(lambda: desk.output(id_) == ("41 waiting",))
    with pytest.raises(Refused, match="under way"):
        desk.request(session, following, {})
    engine.executor.abort(id_)
    assert (await running).outcome is Outcome.FAILED
    await until(lambda: session.progress(following).state is StepState.FAILED)
    assert session.progress(following).result == "it was stopped; it only reads"
