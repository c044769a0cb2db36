"""Which engine: the profile's host, else where the docker command itself would go. Read once, then pinned.

Order and files are those of the docker command: $DOCKER_HOST, $DOCKER_CONTEXT, the current context
(https://docs.docker.com/engine/manage-resources/contexts/), then the sockets of this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cockpit.errors import Misconfigured
from cockpit.profile.docker import DockerSource
from cockpit.text import clean

TLS_PORT = 2376
PLAIN_PORT = 2375
_MOST_FILE = 1 << 20
_SSH_WORD = re.compile(r"[A-Za-z0-9_.:%-]{1,253}")
HINT = 'set host in the profile: "unix:///run/docker.sock", "tcp://HOST:2376" or "ssh://USER@HOST"'


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files; "" for none. Without an authority those of this machine count."""

    ca: str = ""
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """One engine's address, as it is named on every screen and plan."""

    url: str  # "unix:///run/docker.sock", "tcp://10.0.0.7:2376", "ssh://ops@shop-1"
    origin: str  # "profile", "$DOCKER_HOST", "Docker context shop", "socket of this machine"
    path: str = ""  # of the socket
    address: str = ""
    port: int = 0
    user: str = ""
    tls: Tls | None = None

    @property
    def way(self) -> str:
        """ "unix", "tcp" or "ssh"."""
        return self.url.partition(":")[0]

    @property
    def base(self) -> str:
        """Base URL of requests; for sockets the name means nothing."""
        if self.way != "tcp":
            return "http://docker"
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"http{'s' if self.tls else ''}://{address}:{self.port}"

    @property
    def flags(self) -> tuple[str, ...]:
        """By which docker and docker-compose go to this very engine, whatever their own settings say."""
        words = ("--host", self.url)
        if self.tls is None:
            return words
        files = (("--tlscacert", self.tls.ca), ("--tlscert", self.tls.cert), ("--tlskey", self.tls.key))
        return (*words, "--tlsverify", *(word for flag, file in files if file for word in (flag, file)))

    @property
    def ssh_argv(self) -> tuple[str, ...]:
        """One connection, as the docker command opens it; never asks anybody for anything."""
        argv = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
        argv += ["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]
        argv += ["-l", self.user] if self.user else []
        argv += ["-p", str(self.port)] if self.port else []
        argv += ["--", self.address, "docker"]
        argv += ["--host", f"unix://{self.path}"] if self.path else []
        return (*argv, "system", "dial-stdio")


def host_of(table: DockerSource, environ: Mapping[str, str] = os.environ) -> Host:
    """The engine of a [[docker]] table. Raises Misconfigured."""
    if table.host:
        url = f"unix://{table.host}" if table.host.startswith("/") else table.host
        return _with_files(_parsed(url, "profile"), table)
    if given := environ.get("DOCKER_HOST", "").strip():
        return _with_files(_trusting(_parsed(given, "$DOCKER_HOST"), environ), table)
    context = environ.get("DOCKER_CONTEXT", "").strip() or _current_context(environ)
    if context and context != "default":
        return _of_context(context, environ)
    for path in usual_sockets(environ):
        if _is_socket(path):
            return Host(f"unix://{path}", "socket of this machine", path=path)
    tried = ", ".join(usual_sockets(environ))
    raise Misconfigured(
        f"no engine: there is no socket at {clean(tried, 300)}, and DOCKER_HOST is not set", hint=HINT
    )


def usual_sockets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Docker's before Podman's, the machine's before the user's."""
    home, runtime = environ.get("HOME", ""), environ.get("XDG_RUNTIME_DIR", "")
    found = ["/var/run/docker.sock"]
    found += [f"{runtime}/docker.sock"] if runtime else []
    found += [f"{home}/.docker/run/docker.sock"] if home else []
    found += [f"{runtime}/podman/podman.sock"] if runtime else []
    return (*found, "/run/podman/podman.sock")


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except PermissionError:
        return True  # it may well be there: that we may not look is told when it is used
    except (OSError, ValueError):
        return False


def _parsed(url: str, origin: str) -> Host:
    said = clean(url, 200)
    try:
        parts = urlsplit(url)
        address, port, user = parts.hostname or "", parts.port, parts.username or ""
    except ValueError:
        raise Misconfigured(f"{origin}: {said} is no address of an engine", hint=HINT) from None
    if parts.password is not None:
        raise Misconfigured(f"{origin}: the address of the engine holds a password", hint="use a key and ssh-agent")
    if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
        return Host(f"unix://{parts.path}", origin, path=parts.path)
    if parts.scheme == "tcp" and address and not user and parts.path in ("", "/"):
        at = port or PLAIN_PORT
        shown = f"[{address}]" if ":" in address else address
        return Host(f"tcp://{shown}:{at}", origin, address=address, port=at, tls=Tls() if at == TLS_PORT else None)
    if parts.scheme == "ssh" and address:
        return _ssh(said, origin, address, port or 0, user, parts.path)
    raise Misconfigured(f"{origin}: {said} is no address of an engine that the cockpit can use", hint=HINT)


def _ssh(said: str, origin: str, address: str, port: int, user: str, path: str) -> Host:
    words = [address, *([user] if user else [])]
    if any(word.startswith("-") or not _SSH_WORD.fullmatch(word) for word in words):
        raise Misconfigured(f"{origin}: {said} cannot be given to ssh", hint=HINT)
    if path not in ("", "/") and not re.fullmatch(r"/[\w./-]+", path):
        raise Misconfigured(f"{origin}: {said} names a socket that cannot be given to ssh", hint=HINT)
    shown = f"[{address}]" if ":" in address else address
    url = f"ssh://{f'{user}@' if user else ''}{shown}{f':{port}' if port else ''}{path.rstrip('/')}"
    return Host(url, origin, path=path.rstrip("/"), address=address, port=port, user=user)


def _with_files(host: Host, table: DockerSource) -> Host:
    """The profile's certificates count before those of the environment."""
    if host.way != "tcp" or not (table.ca_file or table.cert_file):
        return host
    return replace(host, tls=Tls(*(_expanded(each) for each in (table.ca_file, table.cert_file, table.key_file))))


def _expanded(path: str | None) -> str:
    return str(Path(path).expanduser()) if path else ""


def _trusting(host: Host, environ: Mapping[str, str]) -> Host:
    """DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as the docker command reads them."""
    if host.way != "tcp" or not environ.get("DOCKER_TLS_VERIFY"):
        return host
    folder = Path(environ.get("DOCKER_CERT_PATH") or _config(environ))
    return replace(host, tls=_files_in(folder))


def _files_in(folder: Path) -> Tls:
    names = ("ca.pem", "cert.pem", "key.pem")
    return Tls(*(str(folder / name) if (folder / name).exists() else "" for name in names))


def _config(environ: Mapping[str, str]) -> Path:
    given = environ.get("DOCKER_CONFIG")
    return Path(given) if given else Path(environ.get("HOME", "/")) / ".docker"


def _current_context(environ: Mapping[str, str]) -> str:
    named = _json(_config(environ) / "config.json").get("currentContext")
    return named if isinstance(named, str) else ""


def _of_context(name: str, environ: Mapping[str, str]) -> Host:
    origin = f"Docker context {clean(name, 80)}"
    key = hashlib.sha256(name.encode()).hexdigest()
    folder = _config(environ) / "contexts"
    meta = _json(folder / "meta" / key / "meta.json")
    endpoint = next(_dicts(meta, "Endpoints", "docker"), {})
    url = endpoint.get("Host")
    if not isinstance(url, str) or not url:
        raise Misconfigured(f"{origin} is chosen, and it names no engine", hint=f"docker context ls; or {HINT}")
    host = _parsed(url, origin)
    certificates = folder / "tls" / key / "docker"
    return replace(host, tls=_files_in(certificates)) if host.way == "tcp" and certificates.is_dir() else host


def _dicts(value: Any, *path: str) -> Iterator[dict[str, Any]]:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict):
        yield value


def _json(path: Path) -> dict[str, Any]:
    """{} where there is none, or none that can be read: then the docker command has no context either."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MOST_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
