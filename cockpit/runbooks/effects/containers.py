"""Effects of docker and docker compose; podman and nerdctl take the same words."""

from __future__ import annotations

from cockpit.model.command import Call
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, names, reads, texts, unknown

_NOUNS = names(
    """
    container image network volume system service stack node swarm secret config context builder buildx
    manifest plugin trust
    """
)
_READS = names(
    """
    ps ls list logs inspect stats images version info top port diff history events df search wait services
    help show tasks
    """
)
_CHANGES = {
    "restart": "the container is stopped and started: whoever it served is cut off meanwhile",
    "start": "it starts containers",
    "pause": "the container stands still until it is resumed",
    "unpause": "the container goes on",
    "create": "it creates something",
    "run": "it starts a container",
    "build": "it builds an image",
    "push": "it publishes an image",
    "pull": "it replaces the local image of that name",
    "tag": "it moves a name to another image",
    "load": "it adds images",
    "save": "it writes a file",
    "export": "it writes a file",
    "import": "it adds an image",
    "commit": "it makes an image",
    "cp": "it writes files",
    "update": "it changes the limits or the image, and tasks may be replaced",
    "rename": "it changes a name that others may use",
    "login": "it stores credentials on this machine",
    "logout": "it forgets credentials of this machine",
    "connect": "it changes a network",
    "disconnect": "it changes a network",
    "scale": "it changes how many containers run",
    "deploy": "it makes the stack match the file",
    "rollback": "it puts the service back on its previous state",
    "use": "the next command goes to another machine",
    "init": "it changes the swarm",
    "join": "it changes the swarm",
    "promote": "it changes the swarm",
    "demote": "it changes the swarm",
}
_DESTROYS = names("rm rmi remove kill stop prune leave")


def docker(call: Call) -> Ruling:
    """By verb, behind the kind of object where one is named."""
    words = [*call.verb.split(), *texts(call)]
    if call.program in ("docker-compose", "podman-compose", "compose"):
        return _compose(call, words)
    if words[:1] == ["compose"]:
        return _compose(call, words[1:])
    noun = words[0] if words and words[0] in _NOUNS else ""
    verb = next(iter(words[1:2] if noun else words[:1]), "")
    name = f"docker {noun} {verb}".replace("  ", " ")
    if verb in _DESTROYS:
        return _removal(call, noun, verb)
    if verb == "scale" and any(word.endswith("=0") for word in words):
        return destroys("with no container left nobody is served")
    if verb in _CHANGES:
        return changes(_CHANGES[verb])
    if verb in _READS:
        return reads(f"{name} only reads")
    if verb in ("exec", "attach"):
        return unknown("what is run or typed inside the container is not known")
    return unknown(f"{name.strip()} is not a docker command that the cockpit knows")


def _removal(call: Call, noun: str, verb: str) -> Ruling:
    if verb in ("stop", "kill"):
        return destroys("whoever the container served is cut off")
    if noun == "volume":
        return destroys("the data in the volumes is gone", final=True)
    if verb == "prune":
        what = "everything that no running container uses, which is what a rollback would need"
        return destroys(f"it deletes {what}", final=call.has("--volumes"))
    if call.has("-v", "--volumes"):
        return destroys("it deletes the container and its volumes", final=True)
    return destroys(f"it deletes the {noun or 'container or image'}")


_COMPOSE_READS = names(
    """
    ps logs config convert images top port version ls events stats wait help volumes
    """
)
_COMPOSE_CHANGES = {
    "up": "containers whose image or settings changed are replaced",
    **{verb: _CHANGES[verb] for verb in names("restart start pause unpause create run build push pull cp scale")},
    "watch": "containers are rebuilt whenever a file changes",
    "publish": "it publishes the application",
    "commit": "it makes an image",
    "export": "it writes a file",
}


def _compose(call: Call, words: list[str]) -> Ruling:
    verb = words[0] if words else ""
    name = f"docker compose {verb}".strip()
    if verb in ("down", "rm", "kill", "stop"):
        if call.has("-v", "--volumes"):
            return destroys("it removes the containers and the data in their volumes", final=True)
        return destroys("the containers stop: nobody is served")
    scales = [*(call.flags.get("--scale", ())), *(words if verb == "scale" else ())]
    if verb in ("up", "scale", "create") and any(value.endswith("=0") for value in scales):
        return destroys("with no container left nobody is served")
    if verb == "up" and call.has("-V", "--renew-anon-volumes"):
        return destroys("the data in anonymous volumes is gone", final=True)
    if verb == "up" and call.has("--remove-orphans"):
        return destroys("containers that the file does not name are removed")
    if verb in _COMPOSE_CHANGES:
        return changes(_COMPOSE_CHANGES[verb])
    if verb in ("config", "convert") and call.has("-o", "--output"):
        return changes("it writes a file")
    if verb in _COMPOSE_READS:
        return reads(f"{name} only reads")
    if verb in ("exec", "attach"):
        return unknown("what is run or typed inside the container is not known")
    return unknown(f"{name} is not a command that the cockpit knows")
