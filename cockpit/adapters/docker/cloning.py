"""What a container must be made with to be like another: its own settings, without what only its image brought.

Pure, on the JSON of GET /containers/ID/json and GET /images/ID/json; the result is the body of POST
/containers/create (moby/moby docs/api/v1.47.yaml, ContainerConfig: an Entrypoint of [""] is no entrypoint, a variable
without = is removed from the environment).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from cockpit.adapters.docker.facts import LABEL
from cockpit.adapters.raw import Json, part, parts, texts

_PLAIN = ("WorkingDir", "User", "Healthcheck", "StopSignal", "StopTimeout")
_SETS = ("ExposedPorts", "Volumes", "Labels")
_KEPT = ("Domainname", "Tty", "OpenStdin", "StdinOnce")
_NO_NETWORK = ("host", "none")


def creation(
    inspected: Json,
    image: Json,
    *,
    env: Mapping[str, str | None] | None = None,
    to_image: str = "",
    labels: Mapping[str, str] | None = None,
    command: Sequence[str] = (),
    twin: bool = False,
) -> Json:
    """`env`: variables to set, None removes; `to_image`: a reference or id; `command`: instead of its own; `twin`:
    both are to live, so that what is one's alone is not the other's: volumes without a name, addresses, its own name.
    """
    config, default = part(inspected, "Config"), part(image, "Config")
    made: Json = {key: config[key] for key in _KEPT if config.get(key)}
    made |= {key: config[key] for key in _PLAIN if config.get(key) and config.get(key) != default.get(key)}
    for key in _SETS:
        theirs = part(default, key)
        own = {name: value for name, value in part(config, key).items() if theirs.get(name, ...) != value}
        if own:
            made[key] = own
    entrypoint = config.get("Entrypoint")
    if entrypoint and entrypoint != default.get("Entrypoint"):
        made["Entrypoint"] = entrypoint
    elif not entrypoint and default.get("Entrypoint") and _runs_bare(inspected, config):
        made["Entrypoint"] = [""]
    if config.get("Cmd") and ("Entrypoint" in made or config["Cmd"] != default.get("Cmd")):
        made["Cmd"] = config["Cmd"]
    if command:
        made["Cmd"] = list(command)
    if str(config.get("Hostname", "")) not in ("", str(inspected.get("Id", ""))[:12]) and not _shares(inspected):
        made["Hostname"] = config["Hostname"]
    made["Env"] = _environment(config, default, env or {})
    made["Image"] = to_image or config.get("Image")
    made["Labels"] = part(made, "Labels") | dict(labels or {})
    made["HostConfig"] = _host(inspected, carried=not twin)
    first, *_ = [*networks(inspected, twin=twin).items(), None]
    if first is not None:
        made["NetworkingConfig"] = {"EndpointsConfig": dict([first])}
    return made


def networks(inspected: Json, *, twin: bool = False) -> dict[str, Json]:
    """Network -> how the container is in it; empty where it has the machine's, or another container's."""
    if _shares(inspected):
        return {}
    own = {str(inspected.get("Id", ""))[:12]} | (
        {str(inspected.get("Name", "")).removeprefix("/")} if twin else set()
    )
    keys = ("Links", "DriverOpts") if twin else ("IPAMConfig", "Links", "DriverOpts")
    found: dict[str, Json] = {}
    for name, each in part(inspected, "NetworkSettings", "Networks").items():
        seen = part(each)
        kept = {key: seen[key] for key in keys if seen.get(key)}
        aliases = [alias for alias in texts(seen.get("Aliases")) if alias not in own]
        found[name] = kept | ({"Aliases": aliases} if aliases else {})
    return found


def environment(config: Json) -> dict[str, str]:
    """Variables of a configuration; one without = is none."""
    listed = config.get("Env")
    pairs = [str(each).partition("=") for each in listed] if isinstance(listed, list) else []
    return {name: value for name, sign, value in pairs if name and sign}


def fixed_ports(inspected: Json) -> list[str]:
    """Ports of the machine that it takes for itself: no second container can have them."""
    bindings = part(inspected, "HostConfig", "PortBindings")
    return sorted(
        str(each["HostPort"])
        for value in bindings.values()
        for each in (value if isinstance(value, list) else ())
        if isinstance(each, dict) and str(each.get("HostPort") or "0") != "0"
    )


def numbered(inspected: Json, number: int) -> dict[str, str]:
    """The label that tells it from its siblings."""
    return {f"{LABEL}container-number": str(number)}


def _shares(inspected: Json) -> bool:
    mode = str(part(inspected, "HostConfig").get("NetworkMode", ""))
    return mode in _NO_NETWORK or mode.startswith(("container:", "ns:"))


def _environment(config: Json, default: Json, change: Mapping[str, str | None]) -> list[str]:
    brought, own = environment(default), environment(config)
    kept = {name: value for name, value in own.items() if brought.get(name, ...) != value and name not in change}
    kept |= {name: value for name, value in change.items() if value is not None}
    listed = config.get("Env")
    removed = [str(each) for each in (listed if isinstance(listed, list) else ()) if each and "=" not in str(each)]
    gone = dict.fromkeys(each for each in removed if each not in change)
    return [*gone, *(f"{name}={value}" for name, value in kept.items())]


def _runs_bare(inspected: Json, config: Json) -> bool:
    """Its command alone is run, though its image brings an entrypoint."""
    args = inspected.get("Args")
    return [inspected.get("Path"), *(args if isinstance(args, list) else ())] == config.get("Cmd")


def _host(inspected: Json, *, carried: bool) -> Json:
    """As it is, and (`carried`) the volumes without a name of its own, which would else be left behind."""
    host = copy.deepcopy(part(inspected, "HostConfig"))
    told = host.get("Binds")
    binds = [str(each) for each in (told if isinstance(told, list) else ())]
    taken = {each.split(":")[1] for each in binds if ":" in each}
    taken |= {str(each.get("Target", "")) for each in parts(host, "Mounts")}
    for mount in parts(inspected, "Mounts") if carried else ():
        name, where = str(mount.get("Name") or ""), str(mount.get("Destination") or "")
        if mount.get("Type") == "volume" and name and where not in taken:
            binds.append(f"{name}:{where}" + ("" if mount.get("RW", True) else ":ro"))
    if binds:
        host["Binds"] = binds
    for limit in parts(host, "Ulimits"):  # Podman tells them by another name than it takes
        limit["Name"] = str(limit.get("Name", "")).removeprefix("RLIMIT_").lower()
    return host
