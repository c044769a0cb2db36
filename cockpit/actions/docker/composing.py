"""`docker compose` on this machine: which program, which files, and what it says it would do. Changes nothing.

`--dry-run` came with Compose 2.15 (https://docs.docker.com/reference/cli/docker/compose/, "Use Dry Run mode to test
your command"); `config --hash` prints what `up` compares with the label com.docker.compose.config-hash, in 1.29 too.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cockpit.actions.docker.ground import DockerGround
from cockpit.actions.surroundings import inherited, passed, program_folders
from cockpit.actions.transcript import Masking, Transcript
from cockpit.adapters.capabilities import Ended, ScriptRunning
from cockpit.adapters.docker.containers import place_of
from cockpit.adapters.docker.roster import listed_of
from cockpit.adapters.files.teamscript import fingerprint
from cockpit.errors import Unreachable
from cockpit.model.action import Refusal
from cockpit.text import clean

_ASK_S = 15.0
_HASH = re.compile(r"(\S+) ([0-9a-f]{64})")
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_TOLD = re.compile(r"DRY-RUN MODE -\s+(Container|Network|Volume) (\S+)\s+(Created|Recreated|Started)")
_DRY_SINCE = (2, 15)
_SET = "set directory and files of [[docker]] to where they are on this machine, or run it there: {}"


@dataclass(frozen=True, slots=True)
class Files:
    """The Compose files of a project, on this machine."""

    folder: str
    paths: tuple[str, ...]
    digests: tuple[str, ...]  # "docker-compose.yml sha256 ..."
    assumed: bool  # named by the containers' labels, not by the profile


class Composing:
    """Of one project."""

    def __init__(self, ground: DockerGround, runner: ScriptRunning) -> None:
        self._ground = ground
        self._runner = runner

    @property
    def env(self) -> dict[str, str]:
        """Few variables: the engine is told by flags, what the file asks for stands in its .env."""
        return inherited(os.environ, reads=False) | passed(("DOCKER_CONFIG", "SSH_AUTH_SOCK"), os.environ)

    def argv(self, files: Files, *words: str, dry: bool = False) -> tuple[str, ...]:
        """To this engine, project and these files, whatever the settings of the program say."""
        place = ["--project-directory", files.folder, *(word for path in files.paths for word in ("-f", path))]
        whole = self._ground.compose_argv(*(["--dry-run"] if dry else []), *place, *words)
        return (shutil.which(whole[0], path=program_folders(os.environ)) or whole[0], *whole[1:])

    async def files(self) -> tuple[Files | None, list[Refusal]]:
        """Where they are; or why they cannot be used here. Raises CockpitError."""
        table = self._ground.table
        folder, names = place_of(await listed_of(self._ground.gateway, table.project))
        assumed = not table.directory
        folder = table.directory or folder
        names = table.files or (names if assumed else ())
        hint = _SET.format(self._ground.compose("up", "-d"))
        if not folder or not (names or table.directory):
            return None, [
                Refusal("preconditions", "neither the profile nor a container says where its files are", hint)
            ]
        try:
            return await asyncio.to_thread(_read, folder, names, assumed), []
        except OSError as error:
            what = f"the Compose file {clean(str(error.filename), 300)} cannot be read on this machine"
            return None, [Refusal("preconditions", f"{what}: {error.strerror}", hint)]

    def missing(self) -> list[Refusal]:
        """Why the program cannot be run."""
        program = self._ground.table.program
        if shutil.which(program[0], path=program_folders(os.environ)):
            return []
        reason = f"{clean(program[0], 100)} is not in PATH on this machine"
        return [Refusal("preconditions", reason, 'install it, or set program = ["docker-compose"] in [[docker]]')]

    async def version(self, files: Files) -> tuple[int, int]:
        """(2, 29). Raises Unreachable."""
        program = self._ground.table.program
        found = shutil.which(program[0], path=program_folders(os.environ)) or program[0]
        lines = await self._asked((found, *program[1:], "version", "--short"), files.folder)
        match = next((match for line in lines if (match := _VERSION.match(line.strip()))), None)
        return (int(match[1]), int(match[2])) if match else (0, 0)

    async def hashes(self, files: Files) -> tuple[dict[str, str], tuple[str, ...]]:
        """Service -> hash of its settings in the files now, and what was said beside. Raises Unreachable."""
        lines = await self._asked(self.argv(files, "config", "--hash", "*"), files.folder)
        found = {match[1]: match[2] for line in lines if (match := _HASH.fullmatch(line.strip()))}
        return found, tuple(line for line in lines if line.strip() and not _HASH.fullmatch(line.strip()))[:5]

    async def dry_run(
        self, files: Files, version: tuple[int, int], words: Sequence[str]
    ) -> tuple[tuple[str, ...], str]:
        """What it would do to what, sorted, and the sentence on it. Raises Unreachable."""
        if version < _DRY_SINCE:
            said = f"{' '.join(self._ground.table.program)} {version[0]}.{version[1]} has no --dry-run"
            return (), f"{said}: compared are the hashes of its settings, and the images"
        lines = await self._asked(self.argv(files, *words, dry=True), files.folder)
        told = {" ".join(match.groups()) for line in lines if (match := _TOLD.search(line))}
        return tuple(sorted(told)), f"--dry-run: {', '.join(sorted(told)) or 'nothing is made or started'}"

    async def _asked(self, argv: Sequence[str], folder: str) -> tuple[str, ...]:
        """Its lines. Raises Unreachable where it fails."""
        heard = Transcript(Masking(()))
        end = await self._runner.stream(
            argv, env=self.env, folder=folder, deadline_s=_ASK_S, heard=heard.hear, aborted=lambda: False,
            began=lambda _: None,
        )  # fmt: skip
        if end.ended is not Ended.ITSELF or end.status != 0:
            how = f"exit status {end.status}" if end.ended is Ended.ITSELF else f"no end in {_ASK_S:g} s"
            said = clean(heard.last() or "it said nothing", 300)
            raise Unreachable(f"{shlex.join(argv)}: {how}: {said}", hint="run it by hand: the file may be wrong")
        return heard.lines()


def _read(folder: str, names: Sequence[str], assumed: bool) -> Files:
    """Blocking; raises OSError."""
    folder = str(Path(folder).expanduser())
    paths = tuple(str(Path(folder) / Path(name).expanduser()) for name in names) or (_usual(folder),)
    digests = tuple(f"{path} sha256 {fingerprint(Path(path))}" for path in paths)
    return Files(folder, paths, digests, assumed)


def _usual(folder: str) -> str:
    """As Compose looks for it: https://docs.docker.com/compose/intro/compose-application-model/#the-compose-file."""
    names = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
    found = next((name for name in names if (Path(folder) / name).is_file()), names[0])
    return str(Path(folder) / found)
