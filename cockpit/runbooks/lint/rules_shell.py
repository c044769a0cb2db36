"""The shell itself: what expands on the wrong machine, what runs in the wrong folder, what deletes too much."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cockpit.model.command import Call, Command, EffectClass, Placeholder, PlaceholderStyle, Word, Wrapper
from cockpit.model.runbook import Level
from cockpit.runbooks.effects import rule
from cockpit.runbooks.lint.engine import REMOTE, Book, Found, Scene, on_call, on_command
from cockpit.runbooks.lint.tools import line

if TYPE_CHECKING:
    from cockpit.runbooks.shell.grammar import Simple

_SHELLS = ("bash", "sh", "shell", "zsh", "console", "terminal")
_ALWAYS_SET = ("HOME", "PWD", "TMPDIR", "USER")
_LOOKS = re.compile(
    r"^(?:\W|\d|\b(?:step|first|then|next|now|just|always|quickly)\b)*"
    r"(?:check|view|review|list|show|see|inspect|look|describe|get|verify|find|identify|monitor|confirm)\b"
)
_ALSO_CHANGES = re.compile(
    r"\b(?:restart|scale|update|deploy|kill|clear|flush|delete|remove|clean|fix|apply|rotate|enable|disable|set|change|"
    r"start|stop|add|create|restore|patch|switch|roll(?:ing|ed)?|rollback|run|execute|trigger|force|reset|connect|build|test|"
    r"install|pull|fetch|checkout|terminate|cancel|migrate|generate|export|backup|back up|ssh|access|open|enter)\b"
)
_EDITORS = ("nano", "vi", "vim", "nvim", "emacs", "visudo")  # what changes is decided in there
_FIRST_LOOK = re.compile(
    r"^\W*see\b.*(?:\"|\b(?:section|below|above|docs?|guide|runbook|chapter)\b)|[,;]\s*(?:and\s+)?then\b|\bthen\W*$|\bbefore\s+\w+ing\b"
)  # the command comes after it


@on_command(
    "expands-on-the-wrong-machine",
    Level.ERROR,
    "A $VARIABLE outside of single quotes is filled in by the shell at the keyboard, not where the command runs.",
)
def wrong_machine(scene: Scene) -> Found | None:
    """`kubectl exec POD -- psql $DATABASE_URL`."""
    remote = next((each for call in scene.command.calls for each in call.within if each.tool in REMOTE), None)
    if remote is None or "$" not in scene.command.text:
        return None
    for simple in _around(scene, remote):
        at = [word.text for word in simple.words].index(remote.where) + 1
        for each in (mark for word in simple.words[at:] for mark in word.placeholders):
            if each.style is PlaceholderStyle.VARIABLE and not _set_before(scene, each.name):
                there = {"ssh": "on the other machine", "kubectl exec": "in the pod"}.get(
                    remote.tool, "in the container"
                )
                return Found(
                    f"${each.name} is filled in by the shell at the keyboard, not {there}: it is empty there, or it "
                    "is another system's value, and then it goes into the server's log.",
                    _kept_for_the_other_side(simple.words, remote, each),
                )
    return None


def _around(scene: Scene, remote: Wrapper) -> Iterator[Simple]:
    """The commands of the outer shell that name the wrapper and its target."""
    from cockpit.runbooks.shell import grammar

    for simple in grammar.read(scene.command.text).simples:
        texts = [word.text for word in simple.words]
        if remote.where in texts and remote.tool.split()[-1] in texts:
            yield simple


def _kept_for_the_other_side(words: Sequence[Word], remote: Wrapper, name: Placeholder) -> str:
    """The same command with the variable in single quotes, which the other side's shell fills in."""
    sources = [word.source for word in words]
    dashes = sources.index("--") + 1 if "--" in sources else 0
    start = max(dashes, [word.text for word in words].index(remote.where) + 1)
    inner = " ".join(sources[start:])
    if "'" in inner:
        return f"single quotes keep it for the other side: sh -c '... \"{name.spelled}\" ...'"
    if remote.tool in ("ssh", "gcloud compute ssh"):
        return f"{' '.join(sources[:start])} '{inner.strip(chr(34))}'"
    if inner.startswith(("sh -c", "bash -c")):
        shell, _, script = inner.partition(" -c ")
        return f"{' '.join(sources[:start])} {shell} -c '{script.strip(chr(34))}'"
    quoted = re.sub(rf'(?<!"){re.escape(name.spelled)}(?!")', f'"{name.spelled}"', inner)
    return f"{' '.join(sources[:start])} sh -c '{quoted}'"


def _set_before(scene: Scene, name: str) -> bool:
    """The runbook sets it on this machine, so that it is meant."""
    first = scene.book.variables.get(name)
    here = (first is not None and first <= scene.index) or scene.book.once(_sourced_at) < scene.index
    return here or bool(re.search(rf"\bfor\s+{re.escape(name)}\s+in\b", scene.command.text))


def _sourced_at(book: Book) -> int:
    """Index of the first command that reads variables from a file here; beyond the last where none does."""
    found = [index for program in ("source", ".") for index, call in book.calls(program) if call.args]
    return min(found, default=len(book.commands))


@on_command(
    "step-says-look-but-changes",
    Level.WARNING,
    "The words above it promise a look, the command changes something.",
)
def says_look(scene: Scene) -> Found | None:
    """A caption that begins with check, review, list ... over a command that is known to change."""
    if scene.effect not in (EffectClass.CHANGES, EffectClass.DESTROYS) or _looks_in_pods(scene.command):
        return None
    caption = scene.command.caption.strip().lower().replace("cloud run", "")
    if not _LOOKS.match(caption) or _ALSO_CHANGES.search(caption) or _FIRST_LOOK.search(caption):
        return None
    if any(call.program == "gcloud" and call.verb == "sql connect" for call in scene.command.calls):
        return None  # has a rule of its own
    if any(call.program in _EDITORS for call in scene.command.calls):
        return None
    if any(each.operator.lstrip("12&").startswith(">") for call in scene.command.calls for each in call.redirects):
        return None  # most likely it only writes what it saw into a file
    if any(each.block != scene.command.block and each.caption == scene.command.caption for each in scene.before):
        return None  # said of the fence above: there the look was
    understood = scene.book.understanding(scene.command)
    target = f" on {understood.target}" if understood is not None and understood.target else ""
    return Found(
        f"The step says {scene.command.caption.strip()[:80]!r}, and the command changes something{target}: whoever "
        "only wants to look makes a change.",
        "say what it changes and when; to look, use the describe, get or list command of the same thing",
    )


def _looks_in_pods(command: Command) -> bool:
    """It goes into a container and loses nothing there: a look, most likely, whatever right it takes."""
    goes_in = any(
        call.verb == "exec" or any(each.tool == "kubectl exec" for each in call.within) for call in command.calls
    )
    return goes_in and all(
        rule(replace(call, within=tuple(each for each in call.within if each.tool != "kubectl exec"))).effect
        is not EffectClass.DESTROYS
        for call in command.calls
    )


@on_command(
    "crontab-line-is-no-command",
    Level.NOTE,
    "A crontab line in a shell block is not a command: pasted into a terminal it fails.",
)
def crontab(scene: Scene) -> Found | None:
    """`0 2 * * * job` in a fence of a shell language."""
    if not scene.command.schedule or scene.command.language.lower() not in _SHELLS:
        return None
    what = scene.command.text.removeprefix(scene.command.schedule).strip()
    return Found(
        "This is a line of a crontab. Pasted into a terminal it fails, and nothing says on which machine it runs.",
        f"put it into a block marked crontab, with the machine; to run it now: {what}",
    )


@on_call(
    "cd-from-where-the-last-one-went",
    Level.WARNING,
    "A second relative cd starts where the first one went: it is looked for in the wrong folder.",
    "cd",
)
def second_cd(call: Call, scene: Scene) -> Found | None:
    """Two relative cd in a block, the second under a caption of its own."""
    target = next((word.text for word in call.args), "")
    if not _relative(target):
        return None
    last, said, between = "", "", False
    for command in scene.block_before:
        for each in command.calls:
            if each.program != "cd":
                between = True
                continue
            to = next((word.text for word in each.args), "")
            last = to if _relative(to) else ""
            said, between = command.caption, False
    if not last or not between or not _alike(said, scene.command.caption):
        return None
    return Found(
        f"The block is in {last} since its first cd: {target} is looked for inside of it, what follows runs in the "
        "wrong folder.",
        f'cd "$(git rev-parse --show-toplevel)/{target}", or (cd {target} && ...) in parentheses',
    )


def _alike(first: str, second: str) -> bool:
    """Two captions of the same kind: `Tests of the server`, `Tests of the app`."""
    words = [{each for each in re.findall(r"[a-z]{4,}", text.lower())} for text in (first, second)]
    return first != second and bool(words[0] & words[1])


def _relative(target: str) -> bool:
    return bool(target) and target[0] not in "/~$.-<" and "$" not in target


@on_call(
    "rm-with-a-variable-path",
    Level.ERROR,
    "Where the variable is empty, rm -r deletes something else: the root, or the folder above.",
    "rm",
)
def rm_variable(call: Call, scene: Scene) -> Found | None:
    """`rm -rf $DIR/...`."""
    if not any((("r" in flag.lower() and not flag.startswith("--")) or flag == "--recursive") for flag in call.flags):
        return None
    for word in call.args:
        for each in word.placeholders:
            if (
                each.style is PlaceholderStyle.VARIABLE
                and ":?" not in each.spelled
                and word.text.startswith(each.spelled)
            ):
                if each.name in _ALWAYS_SET or _set_before(scene, each.name):
                    return None
                rest = word.text.removeprefix(each.spelled)
                if rest.startswith("/") or not rest:
                    return Found(
                        f"If ${each.name} is not set, this is rm -r {rest or 'of nothing, or of the folder above'}.",
                        f'rm -r "${{{each.name}:?}}{rest}"',
                    )
    return None


@on_call(
    "download-is-run-unseen",
    Level.WARNING,
    "What a server sends is run without a look; a download that is cut off runs in half.",
    "http",
)
def runs_download(call: Call, scene: Scene) -> Found | None:
    """`curl ... | sh`."""
    shell = next(
        (each for each in scene.feeds(call) if each.program in ("sh", "bash", "zsh", "python", "python3")), None
    )
    if shell is None or shell.args:
        return None
    url = next((word.text for word in call.args), "URL")
    return Found(
        "It runs whatever the server sends at this moment, and half of it when the download breaks off.",
        f"curl -fsSLo script {url}, look at it, sha256sum -c, then {shell.program} script",
    )


@on_call(
    "chmod-for-everybody",
    Level.WARNING,
    "777 lets everybody on the machine write there.",
    "chmod",
)
def chmod(call: Call, scene: Scene) -> Found | None:
    """`chmod 777`."""
    if not any(word.text in ("777", "0777", "a+rwx", "ugo+rwx", "o+w", "a+w") for word in call.args):
        return None
    return Found("Everybody on the machine may write there from now on.", line(call).replace("777", "750"))


@on_call(
    "cloudsql-socket-is-not-here",
    Level.NOTE,
    "/cloudsql/... is a socket inside of Cloud Run. On the machine of the person on call it is there only while a "
    "proxy makes it.",
    "psql",
    "sql",
    "pg_dump",
    "pg_restore",
)
def cloudsql_socket(call: Call, scene: Scene) -> Found | None:
    """`psql -h /cloudsql/PROJECT:REGION:INSTANCE`."""
    hosts = [call.flag("--host", "-h") or "", *(each.where for each in call.within)]
    host = next((each for each in hosts if each.startswith("/cloudsql/")), "")
    proxied = any(scene.book.calls(name) for name in ("cloud-sql-proxy", "cloud_sql_proxy"))
    if not host or proxied:
        return None
    instance = host.removeprefix("/cloudsql/")
    return Found(
        "That socket is inside of Cloud Run. Here it is there only while a proxy makes it, and nothing starts one.",
        f"cloud-sql-proxy {instance} --port 5433 & psql -h 127.0.0.1 -p 5433 ...",
    )


RULES = (
    wrong_machine,
    says_look,
    crontab,
    second_cd,
    rm_variable,
    runs_download,
    chmod,
    cloudsql_socket,
)
