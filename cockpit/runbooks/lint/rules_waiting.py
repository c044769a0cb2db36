"""What never ends, waits for an answer, or needs a terminal where there may be none."""

from __future__ import annotations

import re
from dataclasses import replace

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Found, Scene, on_call
from cockpit.runbooks.lint.tools import compose_verb, line, names

_LOCAL = re.compile(r"\b(?:localhost|127\.0\.0\.1)\b")
_PAGERS = names("less more vi vim nano emacs view top htop btop iotop nmon man")


@on_call(
    "port-forward-blocks",
    Level.NOTE,
    "A tunnel holds the terminal until it is ended: what follows in the same block never runs.",
    "kubectl",
    "ssh",
    "gcloud",
    "cloud-sql-proxy",
    "cloud_sql_proxy",
)
def tunnel(call: Call, scene: Scene) -> Found | None:
    """port-forward, ssh -N -L, proxies."""
    if not _is_tunnel(call) or scene.command.text.rstrip().endswith("&"):
        return None
    text = line(call)
    through = next((each for each in scene.block_after if _LOCAL.search(each.text)), None)
    if through is not None:
        following = through.text
        return Found(
            f"It holds the terminal: `{_brief(following)}` below it never runs in the same shell, and a runner "
            "waits for ever.",
            f"{text} & PF=$!; trap 'kill $PF' EXIT, wait until the port answers, then go on",
            Level.WARNING,
        )
    return Found(
        "It holds the terminal until it is ended, and ends without a word when the pod behind it goes.",
        f"in a terminal of its own, or {text} & PF=$! ... kill $PF",
    )


def _is_tunnel(call: Call) -> bool:
    if call.program == "kubectl":
        return call.verb in ("port-forward", "proxy")
    if call.program == "ssh":
        return call.has("-N") or (call.has("-L", "-D") and not call.args[1:])
    if call.program == "gcloud":
        if call.verb == "compute ssh":
            rest = [word.text for word in call.words]
            return "-N" in rest or "-L" in rest
        return call.verb == "run services proxy"
    return True


@on_call(
    "never-ends",
    Level.NOTE,
    "It goes on until somebody stops it: nothing after it runs, and a runner waits for ever.",
    "kubectl",
    "docker",
    "podman",
    "docker-compose",
    "tail",
    "watch",
    "journalctl",
    "gcloud",
    "ping",
    "stern",
    "tcpdump",
    "heroku",
    "aws",
    "redis-cli",
)
def never_ends(call: Call, scene: Scene) -> Found | None:
    """Followed logs, watches, endless pings."""
    ends = _endless(call)
    if not ends or any(each.program in ("head", "timeout") for each in scene.feeds(call)) or _limited(call, scene):
        return None
    follows = next((each for each in scene.block_after), None)
    more = f" `{_brief(follows.text)}` below it does not run before that." if follows is not None else ""
    return Found(f"It goes on until somebody stops it.{more}", ends)


def _endless(call: Call) -> str:
    """What ends by itself instead, "" where the call does."""
    text = line(call)
    if call.program == "kubectl":
        if call.verb == "logs" and (call.has("--follow") or call.flags.get("-f") == ("",)):
            return re.sub(r"\s(?:-f|--follow)\b", "", text) + ("" if call.has("--tail") else " --tail=200")
        watches = call.verb == "get" and call.has("--watch", "-w", "--watch-only")
        return re.sub(r"\s(?:-w|--watch(?:-only)?)\b", "", text) if watches else ""
    if call.program in ("docker", "podman", "docker-compose"):
        verb = compose_verb(call) or call.verb.removeprefix("container ")
        if verb == "logs" and call.has("-f", "--follow"):
            return re.sub(r"\s(?:-f|--follow)\b", "", text) + ("" if call.has("--tail", "-n") else " --tail 200")
        if verb == "stats" and not call.has("--no-stream"):
            return f"{text} --no-stream"
        if verb == "events" and not call.has("--until"):
            return f"{text} --until=$(date +%s)"
        return ""
    flags = {
        "tail": ("-f", "-F", "--follow"),
        "journalctl": ("-f", "--follow"),
        "heroku": ("--tail", "-t"),
        "aws": ("--follow",),
    }
    if call.program in flags:
        asked = call.has(*flags[call.program]) or any(word.text in flags[call.program] for word in call.words)
        return re.sub(r"\s(?:-[fF]|--follow|--tail)\b", "", text) if asked else ""
    if call.program == "ping":
        return "" if call.has("-c", "-w") else f"{text} -c 5"
    if call.program == "tcpdump":
        return "" if call.has("-c") else f"timeout 30 {text}"
    if call.program == "gcloud":
        return f"{text.replace(' tail ', ' read ', 1)} --freshness=10m" if call.verb.endswith(" tail") else ""
    if call.program == "redis-cli":
        return ""
    return {"watch": "the command without watch", "stern": "stern ... --no-follow"}.get(call.program, "")


def _limited(call: Call, scene: Scene) -> bool:
    return any(each.tool == "timeout" for each in call.within) or scene.command.text.rstrip().endswith("&")


def _watched(scene: Scene) -> Found | None:
    """`watch COMMAND`: the call is the command, watch stands around it."""
    inner = next((call for call in scene.command.calls if any(each.tool == "watch" for each in call.within)), None)
    return None if inner is None else Found("watch goes on until somebody stops it.", inner.text)


@on_call(
    "openssl-waits-for-input",
    Level.WARNING,
    "s_client keeps the connection open and waits for input: it does not come back by itself.",
    "openssl",
)
def s_client(call: Call, scene: Scene) -> Found | None:
    """`openssl s_client` with a terminal as its input."""
    if call.verb != "s_client" and not any(word.text == "s_client" for word in call.words[1:2]):
        return None
    if call.piped or any(each.operator.startswith("<") for each in call.redirects) or _limited(call, scene):
        return None
    text = line(call)
    piped = next((each for each in scene.feeds(call)), None)
    rest = f" | {piped.text}" if piped is not None else " | openssl x509 -noout -dates"
    return Found(
        "It keeps the connection open and waits for input: it hangs until somebody presses ctrl+c or the server "
        "gives up.",
        f"{text} </dev/null 2>/dev/null{rest}",
    )


@on_call(
    "opens-a-prompt",
    Level.NOTE,
    "It opens a prompt or a full-screen program: nothing goes on until a person leaves it.",
)
def prompt(call: Call, scene: Scene) -> Found | None:
    """Pagers, editors, shells in containers, clients without a command."""
    what = _prompt(call)
    if not what:
        return None
    return Found(f"{what}: it waits for a person, and what follows is typed into it.", _without_prompt(call))


def _prompt(call: Call) -> str:
    if call.program in _PAGERS:
        return f"{call.program} takes the whole terminal"
    if call.program in ("docker", "podman", "kubectl", "docker-compose", "bash", "sh", "zsh") and call.within:
        inner = call.words[0].text if call.words else ""
        if inner in ("bash", "sh", "zsh", "/bin/bash", "/bin/sh") and len(call.words) == 1:
            return "A shell opens inside"
    fed = call.piped or any(each.operator.startswith("<") for each in call.redirects) or bool(call.body)
    if (
        call.program == "psql"
        and not fed
        and not call.has("-c", "--command", "-f", "--file", "-l", "--list", "--version")
    ):
        return "psql opens its prompt"
    if call.program in ("redis-cli", "mysql", "mongosh") and not fed and not call.has("-e", "--eval", "--execute"):
        if call.program == "redis-cli" and call.has(
            "--scan", "--stat", "--bigkeys", "--memkeys", "--latency", "--rdb"
        ):
            return ""
        return f"{call.program} opens its prompt"
    if call.program == "gh":
        if call.verb == "pr create" and not call.has(
            "--body", "-b", "--fill", "-f", "--body-file", "-F", "--web", "-w"
        ):
            return "gh asks for the text of the pull request"
        if call.verb == "run watch" and not call.args:
            return "gh asks which run to watch"
    if call.program == "git" and call.verb == "rebase" and call.has("-i", "--interactive"):
        return "git opens an editor"
    return ""


def _without_prompt(call: Call) -> str:
    return {
        "less": "the same without less, or with | head -100",
        "more": "the same without more, or with | head -100",
        "psql": "psql ... -c 'STATEMENT'",
        "redis-cli": "redis-cli ... COMMAND, one at a time",
        "mysql": "mysql ... -e 'STATEMENT'",
        "top": "top -b -n 1 | head -20",
        "htop": "top -b -n 1 | head -20",
        "gh": "gh pr create --fill; gh run watch RUN_ID --exit-status, with the id from gh run list -L 1",
    }.get(call.program, "give the command to run instead: ... sh -c 'COMMAND'")


@on_call(
    "exec-needs-a-terminal",
    Level.NOTE,
    "-t needs a terminal: in a script, a pipe or a runner it fails with 'the input device is not a TTY'.",
)
def exec_tty(call: Call, scene: Scene) -> Found | None:
    """`exec -it` of something that is not interactive."""
    wrapper = next((each for each in call.within if each.tool.endswith(" exec")), None)
    if wrapper is None or not any(name in wrapper.flags for name in ("-t", "--tty", "-it", "-ti")):
        return None
    if _prompt(call) or scene.command.calls[0] is not call:
        return None
    without = re.sub(r"\s-(?:it|ti|t)\b|\s--tty\b", " -i", scene.command.text, count=1)
    risk = " It is a program in a production container: whoever may do this has a shell there." * (
        wrapper.tool == "kubectl exec"
    )
    return Found(f"-t fails where there is no terminal: in a script, behind a pipe, in a runner.{risk}", without)


def _brief(text: str) -> str:
    first = text.split("\n")[0]
    return first if len(first) <= 60 else first[:57] + "..."


RULES = (tunnel, replace(never_ends, on_command=_watched), s_client, prompt, exec_tty)
