"""Docker and Compose: restarts that change nothing, clean-ups that take too much."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Found, Scene, on_call
from cockpit.runbooks.lint.tools import compose_verb

_ENGINES = ("docker", "podman", "docker-compose", "podman-compose")
_LOGS = r"\blogs?\b"


@on_call(
    "compose-restart-keeps-environment",
    Level.ERROR,
    "restart starts the same container again, with the environment that it was made with.",
    *_ENGINES,
)
def restart_keeps_environment(call: Call, scene: Scene) -> Found | None:
    """`export X=...` followed by `compose restart`."""
    if compose_verb(call) != "restart":
        return None
    changed = _exported(scene)
    if not changed:
        return None
    service = next((word.text for word in reversed(call.args) if word.text != "restart"), "SERVICE")
    tool = "docker compose" if call.program == "docker" else call.program
    return Found(
        f"restart keeps the container and the environment that it was made with: {', '.join(changed)} reaches "
        "nothing, and the step looks done.",
        f"{tool} up -d {service}  (makes the container anew; {', '.join(changed)} must be used in the Compose file)",
    )


def _exported(scene: Scene) -> list[str]:
    """Variables set before in the same block."""
    names: list[str] = []
    for command in (*scene.block_before, scene.command):
        for call in command.calls:
            if call.program == "export":
                names += [word.text.partition("=")[0] for word in call.words[1:] if "=" in word.text]
                names += list(call.assigned)
            elif call.program == "sed" and any(".env" in word.text for word in call.args):
                names.append(".env")
        if re.search(r">>?\s*\S*\.env\b", command.text):
            names.append(".env")
    return list(dict.fromkeys(names))


@on_call(
    "compose-up-ignores-pulled-tag",
    Level.ERROR,
    "up runs the tag that the Compose file names. Pulling another one changes nothing.",
    *_ENGINES,
)
def pulled_tag(call: Call, scene: Scene) -> Found | None:
    """`docker pull IMAGE:OTHER` followed by `compose up -d`."""
    if compose_verb(call) != "up" or _exported(scene) or call.has("--build"):
        return None
    for command in reversed(scene.block_before):
        for each in command.calls:
            if each.program in ("docker", "podman") and each.verb in ("pull", "image pull") and each.args:
                image = each.args[0].text
                tag = image.rpartition("/")[2].rpartition(":")[2]
                if ":" not in image.rpartition("/")[2] or tag == "latest":
                    continue
                if any(word in command_.text for command_ in scene.block_before for word in ("docker tag", "sed -i")):
                    return None
                return Found(
                    f"Compose runs the tag that its file names, not {tag}: the same image comes up again, and the "
                    "rollback looks done.",
                    f"set the image in the Compose file to {image} (or TAG={tag} docker compose up -d where it reads "
                    "${TAG}), then docker compose up -d, and look at docker compose images",
                )
    return None


@on_call(
    "docker-prune-is-no-log-cleanup",
    Level.ERROR,
    "system prune deletes stopped containers, networks and images. With a container its logs, the evidence, are "
    "gone; the logs of running ones stay.",
    *_ENGINES,
)
def prune_logs(call: Call, scene: Scene) -> Found | None:
    """`system prune` under a caption about logs."""
    if call.verb not in ("system prune", "container prune") or not scene.says(_LOGS):
        return None
    return Found(
        "It touches no log of a running container. It deletes stopped containers (with the logs of what crashed), "
        "networks and images.",
        "set log rotation: --log-opt max-size=10m --log-opt max-file=5; now: truncate -s 0 $(docker inspect -f "
        "'{{.LogPath}}' CONTAINER)",
    )


@on_call(
    "docker-prune-removes-rollback-images",
    Level.WARNING,
    "prune -a deletes every image that no container uses: the ones to roll back to, too.",
    *_ENGINES,
)
def prune_images(call: Call, scene: Scene) -> Found | None:
    """`image prune -a`, `system prune -a`."""
    if call.verb not in ("image prune", "system prune") or not call.has("-a", "--all"):
        return None
    dangling = " 'Dangling' are only the untagged ones: that is prune without -a." if scene.says("dangling") else ""
    return Found(
        f"It deletes every image that no container uses now, the ones to roll back to included.{dangling}",
        f"docker image prune{''.join(f' --filter {each!r}' for each in call.flags.get('--filter', ()))}  (without "
        "-a)",
    )


@on_call(
    "docker-logs-errors-bypass-the-pipe",
    Level.NOTE,
    "docker logs writes what the program wrote to standard error to standard error: a pipe does not see it.",
    "docker",
    "podman",
)
def logs_stderr(call: Call, scene: Scene) -> Found | None:
    """`docker logs | grep` without 2>&1."""
    if call.verb not in ("logs", "container logs") or any(
        each.operator in ("2>&1", "&>", "|&") for each in call.redirects
    ):
        return None
    reader = next((each for each in scene.feeds(call)), None)
    if reader is None or reader.program not in ("grep", "egrep", "rg", "awk", "wc") or "|&" in scene.command.text:
        return None
    name = next((word.text for word in call.args), "CONTAINER")
    return Found(
        "What the program wrote to standard error does not go through the pipe: the search misses it.",
        f"docker logs {name} 2>&1 | {reader.text}",
    )


@on_call(
    "docker-volumes-deleted",
    Level.WARNING,
    "It deletes volumes, and the data in them.",
    *_ENGINES,
)
def volumes(call: Call, scene: Scene) -> Found | None:
    """`compose down -v`, `system prune --volumes`, `volume prune`."""
    verb = compose_verb(call)
    if verb == "down" and call.has("-v", "--volumes"):
        return Found("-v deletes the volumes: the database's data are gone.", "the same without -v")
    if call.verb == "volume prune" or (call.verb == "system prune" and call.has("--volumes")):
        return Found(
            "It deletes volumes that no container uses at this moment: those of a stopped database too.",
            "docker volume ls -f dangling=true, then docker volume rm NAME one by one",
        )
    return None


RULES = (restart_keeps_environment, pulled_tag, prune_logs, prune_images, logs_stderr, volumes)
