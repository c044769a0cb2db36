"""Where a script runs and what it finds there: its folder, the variables that it is given, and those that it lacks.

A script gets few variables of the operator's shell. What decides which cluster, project or server a tool talks to is
passed only where the profile names it, and then its value stands on the plan.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cockpit.model.action import Refusal
from cockpit.text import clean

# What a script finds of this machine's environment in any case.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "USER", "LOGNAME", "TMPDIR", "TZ")

_PG = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE")
_GOOGLE = ("CLOUDSDK_CONFIG", "CLOUDSDK_ACTIVE_CONFIG_NAME", "CLOUDSDK_CORE_PROJECT", "CLOUDSDK_CORE_ACCOUNT")
_DOCKER = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "COMPOSE_PROJECT_NAME", "COMPOSE_FILE")
_AWS = ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
# Tool -> variables by which people point it somewhere.
_POINTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("kubectl", "oc", "kustomize", "k9s", "stern", "argocd", "flux"), ("KUBECONFIG",)),
    "helm": ("KUBECONFIG", "HELM_NAMESPACE", "HELM_KUBECONTEXT"),
    **dict.fromkeys(("gcloud", "gsutil", "bq"), _GOOGLE),
    **dict.fromkeys(("docker", "docker-compose"), _DOCKER),
    **dict.fromkeys(
        ("psql", "pg_dump", "pg_dumpall", "pg_restore", "createdb", "dropdb", "vacuumdb", "reindexdb", "pg_isready"),
        _PG,
    ),
    "aws": _AWS,
    **dict.fromkeys(("terraform", "tofu"), ("TF_WORKSPACE", "TF_DATA_DIR", "GOOGLE_APPLICATION_CREDENTIALS", *_AWS)),
    "gh": ("GH_HOST", "GH_REPO", "GH_CONFIG_DIR"),
    "az": ("AZURE_CONFIG_DIR",),
    **dict.fromkeys(("ssh", "scp", "sftp", "rsync", "git", "ansible", "ansible-playbook"), ("SSH_AUTH_SOCK",)),
}
# These let it in, and point it nowhere else: without them it fails, and hits nothing.
_ADMIT = frozenset({"SSH_AUTH_SOCK", "PGPASSFILE", "GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE"})
_READING: Mapping[str, str] = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.fsmonitor",
    "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "core.pager",
    "GIT_CONFIG_VALUE_1": "cat",
}
_USER_INFO = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Carried:
    """What the lines above a command in its block prepare for it."""

    folder: str = ""  # as typed, several joined: "backend/api", "/srv/app", "~/app"
    exports: tuple[tuple[str, str], ...] = ()  # NAME, literal value

    @property
    def said(self) -> str:
        """In a sentence, "" for nothing."""
        parts = [f"in {clean(_spoken(self.folder), 300)}"] if self.folder else []
        if self.exports:
            parts.append("with " + ", ".join(f"{name}={clean(value, 300)}" for name, value in self.exports))
        return f"{', '.join(parts)}, as the lines above say" if parts else ""

    @property
    def by_hand(self) -> str:
        """The same for a shell, "" for nothing: what has to stand in front of the command."""
        parts = [f"cd {_quoted(self.folder)}"] if self.folder else []
        parts += [f"export {name}={shlex.quote(value)}" for name, value in self.exports]
        return "".join(f"{part} && " for part in parts)

    def under(self, base: str) -> str:
        """The folder itself: under `base` unless it is absolute or begins at home."""
        if not self.folder:
            return base
        # As a shell does it: `cd a/..` is where it was, whatever a links to.
        return os.path.normpath(Path(base) / Path(self.folder).expanduser())


NOTHING = Carried()


def _spoken(folder: str) -> str:
    return folder if folder.startswith(("/", "~", ".")) else f"./{folder}"


def _quoted(folder: str) -> str:
    home, slash, rest = folder.partition("/")
    return f"~{slash}{shlex.quote(rest) if rest else ''}" if home == "~" else shlex.quote(folder)


def inherited(environ: Mapping[str, str], *, reads: bool) -> dict[str, str]:
    """What every script gets. Programs are never looked for in the script's own folder; what only reads gets settings
    by which git asks nobody, refreshes nothing and starts no program that the repository in that folder names."""
    found = {name: environ[name] for name in INHERITED if name in environ}
    found["PATH"] = program_folders(environ)
    return {**found, **_READING} if reads else found


def program_folders(environ: Mapping[str, str]) -> str:
    """PATH without the entries that mean the present folder, or lie below it."""
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if folder.startswith("/"))


def passed(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Of the variables that the profile passes on, those that are set here."""
    return {name: environ[name] for name in names if environ.get(name)}


def shown(name: str, value: str) -> str:
    """NAME=value for the plan; a password within an address is no matter for a screen."""
    return f"{name}={clean(_USER_INFO.sub('//***@', value), 300)}"


def lacking(
    programs: Iterable[str], text: str, given: Collection[str], environ: Mapping[str, str], *, changes: bool
) -> tuple[tuple[Refusal, ...], tuple[str, ...]]:
    """Refusals and warnings for variables that its programs look at, set here and not given to the script.

    Without one that says where to, the tool goes where it goes by default: another place than in the operator's own
    shell. What changes something is refused then, what only reads is warned of.
    """
    wanted = [name for program in programs for name in _POINTS.get(program.rpartition("/")[2], ())]
    left = [
        name
        for name in dict.fromkeys(wanted)
        if environ.get(name) and name not in given and not re.search(rf"(?<![A-Za-z0-9_]){name}=", text)
    ]
    pointing = [name for name in left if name not in _ADMIT]
    admitting = [name for name in left if name in _ADMIT]
    refusals: tuple[Refusal, ...] = ()
    warnings: list[str] = []
    if pointing:
        values = ", ".join(shown(name, environ[name]) for name in pointing)
        said = f"your shell has {values}, which the command would not see: it may go elsewhere than you expect"
        if changes:
            refusals = (Refusal("preconditions", said, f"pass it: {_line(left)}; or unset it and start again"),)
        else:
            warnings.append(f"{said}. To pass it: {_line(left)}")
    if admitting:
        names = ", ".join(admitting)
        warnings.append(f"your shell has {names}, which the command does not get. To pass it: {_line(left)}")
    return refusals, tuple(warnings)


def _line(names: Iterable[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f"[runbook] pass_env = [{listed}]"
