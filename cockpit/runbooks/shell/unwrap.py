"""Simple commands -> calls: looks through what runs another program (sudo, ssh, docker exec, xargs, sh -c).

Each layer becomes a `Wrapper`; what is left at the end is read by `clients`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from cockpit.model.command import Call, Word, Wrapper
from cockpit.runbooks.shell import clients, grammar
from cockpit.runbooks.shell.arguments import Split, split
from cockpit.runbooks.shell.clients import SHELLS, Scene
from cockpit.runbooks.shell.grammar import Simple
from cockpit.runbooks.shell.tool import names
from cockpit.runbooks.shell.words import word

_DEPTH = 12  # wrappers within wrappers that are looked through
_Layer = tuple[Wrapper, list[Word]]
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)\Z", re.DOTALL)

# Programs that run the program after their own flags, with the flags of theirs that take a value.
_PREFIXES = {
    "sudo": names("-u -g -h -p -C -D -r -t -T -U -R --user --group --host --prompt --chdir"),
    "doas": names("-u -C"),
    "nohup": names(""),
    "time": names("-f -o --format --output"),
    "nice": names("-n --adjustment"),
    "ionice": names("-c -n -p --class --classdata"),
    "stdbuf": names("-i -o -e"),
    "setsid": names(""),
    "timeout": names("-k -s --kill-after --signal"),
    "gtimeout": names("-k -s --kill-after --signal"),
    "watch": names("-n -q --interval --equexit"),
    "env": names("-u -C -S --unset --chdir"),
    "xargs": names("-n -L -P -I -d -s -E -a --max-args --max-lines --max-procs --delimiter --max-chars --arg-file"),
    "parallel": names("-j -a -N -n -I --jobs --arg-file --colsep --delay --timeout --retries --joblog --max-args"),
    "command": names(""),
    "builtin": names(""),
    "exec": names("-a"),
    "chroot": names("--userspec --groups"),
    "flock": names("-w -E --timeout --wait"),
    "caffeinate": names("-t -w"),
    "unbuffer": names(""),
    "chrt": names(""),
    "taskset": names(""),
    "sshpass": names("-p -f -d "),
    "npx": names("-p -c --package"),
    "noglob": names(""),
}
_OPERANDS = {"timeout": 1, "gtimeout": 1, "chroot": 1, "flock": 1, "taskset": 1}  # before the program
_RUNNERS = {
    *((program, "run") for program in names("poetry uv pipenv pdm rye conda dotenv doppler op")),
    ("bundle", "exec"),
    ("chamber", "exec"),
}
_GIVEN_TEXT = names("ssh su gcloud")
_SYSTEM = ("/bin/", "/sbin/", "/usr/", "/opt/", "/snap/")
_CONSOLES = clients.POSTGRES | {"mysql", "mariadb"}
_REDIS_MODES = names(
    """
        --bigkeys --memkeys --hotkeys --stat --latency --latency-history --latency-dist --rdb --pipe --eval
        --lru-test --intrinsic-latency --cluster --version -v --help --functions-rdb
        """
)
_SHELL_VALUES = names("-o -O --rcfile --init-file")
_REMOTE_FLAGS = names("-N -L -R -D -f -n -T -v -q -A -C -4 -6")


def calls_of(simples: Sequence[Simple], line: int) -> tuple[Call, ...]:
    """The calls of one text in the order of their starts. `line` is the file line of the text's first line."""
    found: list[Call] = []
    for simple in simples:
        found.extend(_calls(list(simple.words), Scene(simple, line + simple.row), 0))
    return tuple(found)


def marked(wrapper: Wrapper, words: Sequence[Word]) -> Wrapper:
    """The wrapper with what is to be filled in in its own words."""
    return replace(wrapper, placeholders=tuple(dict.fromkeys(each for one in words for each in one.placeholders)))


def program_of(words: Sequence[Word]) -> str:
    """The program's base name; "assign" for assignments and redirects alone."""
    if not words:
        return "assign"
    text = words[0].text
    return text.rsplit("/", 1)[-1] or text


def opens(calls: Sequence[Call]) -> str:
    """The client that the last of these calls leaves open for typing: "sql", "redis", or "" for none."""
    last = calls[-1] if calls else None
    if last is None or last.piped or last.substituted or any(each.operator == "<" for each in last.redirects):
        return ""
    if last.program == "gcloud" and last.verb == "sql connect":
        return "sql"
    if last.program in _CONSOLES and not last.has("--file", "--list", "-l", "-e", "--execute", "--version", "-V"):
        return "sql"
    if last.program in clients.REDIS and not last.flags.keys() & _REDIS_MODES:
        return "redis"
    return ""


def _calls(words: list[Word], scene: Scene, depth: int) -> tuple[Call, ...]:
    while depth < _DEPTH:
        program = program_of(words)
        words, program = _spelling(words, program)
        scene = _placed(words, program, scene)
        scripted = _script(program, words, scene, depth)
        if scripted is not None:
            return scripted
        layer = _layer(program, words)
        if layer is None:
            break
        wrapper, inner = layer
        assigned = list(scene.assigned)
        while (
            inner
            and (match := _ASSIGNMENT.match(inner[0].source))
            and wrapper.tool in ("env", "sudo", "doas", "command")
        ):
            assigned.append((match.group(1), word(match.group(2)).text))
            inner = inner[1:]
        if not inner:
            break
        outer = words[: len(words) - len(inner)]
        scene = replace(scene, within=(*scene.within, marked(wrapper, outer)), assigned=tuple(assigned))
        words = inner
        depth += 1
    program = program_of(words)
    words, program = _spelling(words, program)
    found = clients.leaf(program, words, scene)
    return found + _executed(program, words, scene, depth) if program == "find" else found


def _placed(words: list[Word], program: str, scene: Scene) -> Scene:
    """Something that runs other programs, named by a path: the path stays to be seen around what it runs."""
    if not words or "/" not in words[0].text or words[0].text.startswith(_SYSTEM):
        return scene
    runs = program in _PREFIXES or program in _LAYERS or program in SHELLS or program in _GIVEN_TEXT
    if not runs and program not in clients.POSTGRES:
        return scene
    return replace(scene, within=(*scene.within, Wrapper(words[0].text)))


def _spelling(words: list[Word], program: str) -> tuple[list[Word], str]:
    """`docker compose` is `docker-compose`."""
    if program in ("docker", "podman") and len(words) > 1 and words[1].text == "compose":
        return words[1:], "docker-compose"
    if program == "compose":
        return words, "docker-compose"
    if program == "microk8s" and len(words) > 1 and words[1].text == "kubectl":
        return words[1:], "kubectl"
    return (words, "docker-compose") if program == "podman-compose" else (words, program)


def _layer(program: str, words: list[Word]) -> _Layer | None:
    """One wrapper and the words inside it; None where there is nothing inside."""
    if program in _PREFIXES:
        return _prefix(program, words)
    reader = _LAYERS.get(program)
    if reader is not None:
        return reader(words)
    if len(words) > 2 and (program, words[1].text) in _RUNNERS:
        inner = words[2:]
        while inner and inner[0].text.startswith("-"):
            inner = inner[1:]
        return Wrapper(f"{program} {words[1].text}"), inner
    return None


def _prefix(program: str, words: list[Word]) -> _Layer | None:
    found, inner = _own(words[1:], _PREFIXES[program])
    if program == "command" and found.flags.keys() & {"-v", "-V"}:
        return None
    if program in ("sudo", "doas") and found.flags.keys() & {"-l", "-v", "-k", "-e", "--edit"}:
        return None
    if program == "env" and "-S" in found.flags:
        return None
    if program == "flock" and "-u" in found.flags:
        return None
    for _ in range(_OPERANDS.get(program, 0)):
        inner = inner[1:]
    if program == "npx" and not inner:
        return None
    if program in ("parallel",):
        stop = next((index for index, each in enumerate(inner) if each.text.startswith(":::")), len(inner))
        inner = inner[:stop]
    where = found.flags.get("-u", found.flags.get("--user", ("",)))[-1] if program in ("sudo", "doas") else ""
    return (Wrapper(program, where, found.flags), inner) if inner else None


def _own(words: list[Word], valued: frozenset[str]) -> tuple[Split, list[Word]]:
    """The wrapper's own flags, and what follows them."""
    found, at = Split(), 0
    while at < len(words):
        text = words[at].text
        if text == "--":
            at += 1
            break
        if not text.startswith("-") or text == "-":
            break
        name, equals, value = text.partition("=")
        short = text[:2]
        if equals and text.startswith("--"):
            found.add(name, value)
        elif text in valued and at + 1 < len(words):
            at += 1
            found.add(text, words[at].text)
        elif short in valued and len(text) > 2 and not text.startswith("--"):
            found.add(short, text[2:])
        elif text.startswith("--"):
            found.add(text, "")
        else:
            for char in text[1:]:
                found.add(f"-{char}", "")
            if f"-{text[-1]}" in valued and at + 1 < len(words):
                at += 1
                found.flags[f"-{text[-1]}"] = (words[at].text,)
        at += 1
    return found, words[at:]


def _docker(words: list[Word]) -> _Layer | None:
    found = split("docker", words[1:])
    verb = found.verb.removeprefix("container ")
    if verb not in ("exec", "run") or not found.args:
        return None
    return Wrapper(f"docker {verb}", found.args[0].text, found.flags), found.rest


def _compose(words: list[Word]) -> _Layer | None:
    found = split("docker-compose", words[1:])
    if found.verb not in ("exec", "run") or not found.args:
        return None
    return Wrapper(f"compose {found.verb}", found.args[0].text, found.flags), found.rest


def _kubectl(words: list[Word]) -> _Layer | None:
    if not any(each.text in ("exec", "run", "debug") for each in words):
        return None
    found = split("kubectl", words[1:])
    if found.verb not in ("exec", "run", "debug") or not found.args or (found.verb != "exec" and not found.dashed):
        return None
    inner = found.rest if found.dashed else found.args[1:]
    layer = Wrapper(f"kubectl {found.verb}", found.args[0].text, found.flags, words=tuple(inner))
    return (layer, inner) if inner else None


def _ssh(words: list[Word]) -> _Layer | None:
    found = split("ssh", words[1:])
    return (Wrapper("ssh", found.args[0].text, found.flags), found.rest) if found.args and found.rest else None


_LAYERS: dict[str, Callable[[list[Word]], _Layer | None]] = {
    "docker": _docker,
    "podman": _docker,
    "nerdctl": _docker,
    "docker-compose": _compose,
    "kubectl": _kubectl,
    "oc": _kubectl,
}


def _script(program: str, words: list[Word], scene: Scene, depth: int) -> tuple[Call, ...] | None:
    """Calls of a program that is given shell text: sh -c, eval, ssh, su -c, watch, gcloud compute ssh."""
    if program in SHELLS:
        return _shell(program, words, scene, depth)
    if program == "eval":
        inner = words[1:]
        return _parsed(inner, Wrapper("eval"), scene, depth) if inner else None
    if program == "ssh":
        layer = _ssh(words)
        if layer is not None:
            return _parsed(layer[1], layer[0], scene, depth)
        found = split("ssh", words[1:])
        if found.args and scene.simple.body:
            return _text(scene.simple.body, Wrapper("ssh", found.args[0].text, found.flags), scene, depth, rows=True)
        return None
    if program == "su":
        found = split("su", words[1:])
        command = found.flags.get("-c") or found.flags.get("--command")
        at = next((index for index, each in enumerate(words) if each.text in ("-c", "--command")), -1)
        if command is not None and at + 1 < len(words) and at > 0:
            who = next((each.text for each in words[1:at] if not each.text.startswith("-")), "root")
            return _parsed([words[at + 1]], Wrapper("su", who), scene, depth)
        return None
    if program == "watch":
        found, inner = _own(words[1:], _PREFIXES["watch"])
        return _parsed(inner, Wrapper("watch", "", found.flags), scene, depth) if inner else None
    if program == "gcloud":
        return _gcloud(words, scene, depth)
    return None


def _shell(program: str, words: list[Word], scene: Scene, depth: int) -> tuple[Call, ...] | None:
    found, rest = _own(words[1:], _SHELL_VALUES)
    if "-c" in found.flags:
        return _parsed(rest[:1], Wrapper(f"{program} -c", "", found.flags), scene, depth) if rest else None
    if rest and rest[0].source.startswith(("<(", ">(")):
        return None
    if rest and "-s" not in found.flags:
        return _calls(rest, replace(scene, within=(*scene.within, Wrapper(program, "", found.flags))), depth + 1)
    if scene.simple.body:
        return _text(scene.simple.body, Wrapper(program, "", found.flags), scene, depth, rows=True)
    text = clients.printed(scene.simple.fed) if scene.simple.piped else None
    return _text(text, Wrapper(program, "", found.flags), scene, depth) if text else None


def _gcloud(words: list[Word], scene: Scene, depth: int) -> tuple[Call, ...] | None:
    if not any([each.text.endswith("ssh") for each in words]):
        return None
    found = split("gcloud", words[1:])
    if found.verb != "compute ssh" and not found.verb.endswith(" ssh"):
        return None
    where = found.args[0].text if found.args else ""
    command = next((each for each in words if each.text.startswith("--command=")), None)
    if command is not None:
        inner = [Word(command.text[10:], command.source, command.placeholders)]
        return _parsed(inner, Wrapper("gcloud compute ssh", where, found.flags), scene, depth)
    if "--command" in found.flags:
        at = next(index for index, each in enumerate(words) if each.text == "--command")
        return _parsed(words[at + 1 : at + 2], Wrapper("gcloud compute ssh", where, found.flags), scene, depth)
    own, inner = _own(found.rest, names("-L -R -D -o -i -p -l -W -J -F"))
    if inner:
        return _parsed(inner, Wrapper("gcloud compute ssh", where, {**found.flags, **own.flags}), scene, depth)

    for name, values in own.flags.items():
        found.flags[name] = values
    return (scene.call("gcloud", words, found),)


def _parsed(inner: list[Word], wrapper: Wrapper, scene: Scene, depth: int) -> tuple[Call, ...]:
    """Words that a shell on the other side reads again, joined by blanks as ssh does."""
    text = " ".join(each.text for each in inner)
    return _text(text, wrapper, scene, depth, outer=tuple(mark for each in inner for mark in each.placeholders))


def _text(
    text: str,
    wrapper: Wrapper,
    scene: Scene,
    depth: int,
    *,
    rows: bool = False,
    outer: tuple[object, ...] = (),
) -> tuple[Call, ...]:
    """Shell text within a wrapper -> its calls. Where it cannot be read whole, the wrapper's own call comes too."""
    around = tuple(
        each for one in scene.simple.words for each in one.placeholders if each.spelled not in text and depth == 0
    )
    wrapper = replace(wrapper, placeholders=tuple(dict.fromkeys((*wrapper.placeholders, *around))))
    inner_scene = replace(scene, within=(*scene.within, wrapper), rows=False)
    simples, fault, _ = grammar.read(text) if depth < _DEPTH else grammar.Reading([], "too deep")
    if outer:  # what the outer shell substitutes was found there
        simples = [each for each in simples if not each.substituted]
    found: list[Call] = []
    start = scene.simple.body_row if rows else 0
    for each in simples:
        each.assigned = {**scene.simple.assigned, **each.assigned}
        each.substituted = each.substituted or scene.simple.substituted
        if each is simples[0] and scene.simple.piped:
            each.piped, each.fed = True, scene.simple.fed
        line = scene.line + start + (each.row if rows else 0)
        found.extend(_calls(list(each.words), replace(inner_scene, simple=each, line=line), depth + 1))
    if found and scene.simple.redirects:
        kept = tuple(item for item in scene.simple.redirects if item.operator != "<<")
        found[-1] = replace(found[-1], redirects=(*found[-1].redirects, *kept))
    if fault or not found:
        plain = Split(args=list(scene.simple.words[1:]))
        found.append(
            replace(scene, within=scene.within).call(program_of(scene.simple.words), scene.simple.words, plain)
        )
    return tuple(found)


def _executed(program: str, words: list[Word], scene: Scene, depth: int) -> tuple[Call, ...]:
    """`find ... -exec rm {} \\;`: what it runs for each file."""
    found: list[Call] = []
    at = 1
    while at < len(words):
        if words[at].text in ("-exec", "-execdir", "-ok", "-okdir"):
            end = at + 1
            while end < len(words) and words[end].text not in (";", "+"):
                end += 1
            inner = words[at + 1 : end]
            if inner:
                wrapper = Wrapper(f"{program} {words[at].text}")
                found.extend(_calls(inner, replace(scene, within=(*scene.within, wrapper)), depth + 1))
            at = end
        at += 1
    return tuple(found)
