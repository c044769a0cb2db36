"""One recorded command on its own new world, by the cockpit, or by what gcloud sent: what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .cockpit_side import Deed, cockpit
from .compare import differences
from .discovery import Discovery, Exchange
from .recorded import Recorded
from .replay import Replay
from .snapshot import Facts, changed, snapshot
from .world import World, world

# What must have happened before a command, so that it has something to do (see world.world).
_BEFORE = {
    "run-scaling-auto": "stopped",
    "run-to-latest": "pinned",
    "run-to-latest-100": "pinned",
    "sql-restore": "alone",
    "sql-restore-of-another": "alone",
    "redis-failover-forced": "lagging",
}
# Commands that gcloud cannot run against the local control plane, and why: gcloud's side then changes nothing.
UNPLAYED = {"vpc-deny": "there is no network with a firewall in the local control plane"}
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Done:
    """What a command led to."""

    facts: Facts  # that are other than before
    exchanges: tuple[Exchange, ...]
    statuses: tuple[int, ...] = ()  # of a replay
    deed: Deed | None = None  # of the cockpit


Doing = Callable[[World], Awaitable[Done]]


def files(folder: Path) -> Mapping[str, Path]:
    """The files that commands and operators name: the new value of a secret, the new password of a user."""
    made = {"SECRETFILE": "made-up secret value", "PASSWORD": "made-up-password"}
    for name, value in made.items():
        (folder / name).write_text(value, encoding="utf-8")
        (folder / name).chmod(0o600)
    return {name: folder / name for name in made}


async def by_replay(command: Recorded) -> Done:
    """The recorded requests."""

    async def replay(at: World) -> Done:
        return Done({}, (), tuple(await Replay(at).run(command)))

    return await on_a_new_world(command, replay)


async def by_cockpit(command: Recorded, folder: Path, instead: str = "") -> Done:
    """Understood, bound, planned, run and verified; or looked at. `instead`: another text in the command's place."""
    named = files(folder)
    given = {"sql-password": {"secret": f"file:{named['PASSWORD']}"}}.get(command.id, {})
    text = instead or command.command.replace("SECRETFILE", str(named["SECRETFILE"]))

    async def act(at: World) -> Done:
        async with cockpit(at, folder) as made:
            return Done({}, (), deed=await made.do(text, given))

    return await on_a_new_world(command, act)


async def on_a_new_world(command: Recorded, doing: Doing) -> Done:
    """Do it, let it settle, and see what is other than before."""
    async with world(_BEFORE.get(command.id, "")) as made:
        before = snapshot(made)
        done = await doing(made)
        await made.settled()
        facts = changed(before, snapshot(made))
        return Done(facts, tuple(made.exchanges), done.statuses, done.deed)


def between(discovery: Discovery, gcloud: Done, cockpit: Done) -> set[str]:
    """Every difference in a word or two: of the requests, and of the state afterwards."""
    paths = gcloud.facts.keys() | cockpit.facts.keys()
    found = differences(discovery, gcloud.exchanges, cockpit.exchanges)
    return found | {
        f"state {path}" for path in paths if gcloud.facts.get(path, _MISSING) != cockpit.facts.get(path, _MISSING)
    }
