"""A real container engine for tests: Podman behind its Docker-compatible socket, its own storage, one image.

No registry is asked: the image is a folder with busybox in it. Containers use the machine's network and have low
limits, because that works in a restricted sandbox too. Everything that was started ends with `stop`; what a killed
test run left behind is ended by the next start.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cockpit.sandbox.process import Account, NoBinary, ServerProcess

IMAGE = "local/busybox"
_PREFIX = "cpod-"
_READY_S = 60.0
_APPLETS = "sh sleep cat echo httpd ls env date kill true false seq yes head tail printf ps id touch test usleep trap"
_CONFIG = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
log_driver = "k8s-file"
[engine]
runtime = "{runtime}"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_NEEDED = "apt-get install podman runc busybox-static docker-compose, as root"


def program(name: str) -> str:
    """Its path. Raises NoBinary."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise NoBinary(f"no {name} on this machine ({_NEEDED})")
    return found


class PodmanServer:
    """One engine and its containers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "s.sock"
        self._podman = program("podman")
        self._runtime = program("runc")
        self._service: ServerProcess | None = None
        self._images = 0

    @classmethod
    def start(cls) -> PodmanServer:
        """In a short temporary folder: paths of sockets are short. Raises NoBinary."""
        if os.geteuid() != 0:
            raise NoBinary("the tests' containers run as root only")
        program("podman"), program("runc"), program("busybox")
        _sweep()
        server = cls(Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")))
        try:
            (server.home / "containers.conf").write_text(_CONFIG.format(runtime=server._runtime))
            server.image(IMAGE)
            server.serve()
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def url(self) -> str:
        """For DOCKER_HOST and the profile."""
        return f"unix://{self.socket}"

    def serve(self) -> None:
        """The API, on its socket; containers live without it."""
        argv = [*self._argv(), "system", "service", "--time=0", self.url]
        self._service = ServerProcess.start(
            argv,
            account=Account(os.geteuid(), os.getegid()),
            directory=self.home,
            log=self.home / "service.log",
            environment=self._environment(),
        )
        self._service.wait_until(self._answers, _READY_S)

    def hang(self) -> None:
        """Connections are taken, nothing answers."""
        assert self._service is not None
        self._service.pause()

    def go_on(self) -> None:
        assert self._service is not None
        self._service.resume()

    def end_service(self) -> None:
        """The engine's API is gone; containers go on."""
        assert self._service is not None
        self._service.kill()
        self.socket.unlink(missing_ok=True)

    def podman(self, *argv: str, stdin: bytes = b"", check: bool = True) -> str:
        """Its command line, on the same storage; standard output."""
        done = subprocess.run(
            [*self._argv(), *argv],
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
            env=self._environment(),
        )
        if check and done.returncode:
            raise AssertionError(f"podman {' '.join(argv)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="replace").strip()

    def image(self, name: str, *, mark: str = "") -> str:
        """Import one, with `mark` in its /mark so that it differs from others; its id."""
        folder = self.home / f"rootfs-{self._images}"
        self._images += 1
        (folder / "bin").mkdir(parents=True)
        for each in ("tmp", "etc", "dev"):
            (folder / each).mkdir()
        shutil.copy2(program("busybox"), folder / "bin" / "busybox")
        for applet in _APPLETS.split():
            (folder / "bin" / applet).symlink_to("busybox")
        (folder / "mark").write_text(mark)
        packed = subprocess.run(["tar", "-C", str(folder), "-c", "."], capture_output=True, check=True, timeout=60)
        shutil.rmtree(folder)
        return self.podman("import", "-q", "-", name, stdin=packed.stdout).removeprefix("sha256:")

    def project(self, name: str, services: Mapping[str, Mapping[str, Any]]) -> ComposeProject:
        """Write its Compose file, made of command, environment ... of each; starts nothing."""
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        made = ComposeProject(self, name, folder)
        made.write(services)
        return made

    def container(self, project: str, service: str, *words: str, number: int = 1, oneoff: bool = False) -> str:
        """One with Compose's labels, made without it: podman's options, IMAGE, command; its id."""
        told = {"project": project, "service": service, "container-number": str(number), "oneoff": str(oneoff)}
        labels = [word for key, value in told.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
        return self.podman("run", "-d", "--network=host", *labels, *words)

    def api(self, path: str, **query: str) -> Any:
        """What the engine itself answers: the truth that tests compare with."""
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), timeout=30) as client:
            answer = client.get(f"http://d/v1.41{path}", params=query)
            answer.raise_for_status()
            return answer.json()

    def inspect(self, name: str) -> Any:
        """Of a container, as the API tells it."""
        return self.api(f"/containers/{name}/json")

    def clear(self) -> None:
        """No container is left."""
        self.podman("rm", "-f", "-a", "-t", "0", "-i", check=False)

    def stop(self) -> None:
        """End containers and service, remove the storage. Safe to call twice."""
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            self.clear()
        if self._service is not None:
            self._service.kill()
        self._end_monitors()
        shutil.rmtree(self.home, ignore_errors=True)

    def _end_monitors(self) -> None:
        """Those of commands that ran in a container stay for five minutes; each names our folder."""
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and f"{self.home}/".encode() in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)

    def _argv(self) -> list[str]:
        home = self.home
        folders = [f"--root={home / 'root'}", f"--runroot={home / 'run'}", f"--tmpdir={home / 'tmp'}"]
        return [
            self._podman,
            *folders,
            "--storage-driver=vfs",
            f"--runtime={self._runtime}",
            "--cgroup-manager=cgroupfs",
        ]

    def _environment(self) -> dict[str, str]:
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        config = str(self.home / "containers.conf")
        return {
            "PATH": path,
            "HOME": str(self.home),
            "CONTAINERS_CONF": config,
            "TMPDIR": str(self.home),
            "TZ": "UTC",
        }

    def _answers(self) -> bool:
        if not self.socket.exists():
            return False
        try:
            self.api("/_ping")
        except httpx.HTTPError:
            return False
        except json.JSONDecodeError:
            return True
        return True


@dataclass(frozen=True, slots=True)
class ComposeProject:
    """A Compose project, started by docker-compose itself."""

    server: PodmanServer
    name: str
    folder: Path

    def write(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        """Its file; each service has our image and the machine's network unless it says otherwise."""
        common = {"image": IMAGE, "network_mode": "host", "stop_grace_period": "0s"}
        told = {"version": "2.4", "services": {key: {**common, **each} for key, each in services.items()}}
        (self.folder / "docker-compose.yml").write_text(json.dumps(told))

    def compose(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """docker-compose in its folder. Raises NoBinary."""
        done = subprocess.run(
            [program("docker-compose"), "-p", self.name, *argv],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self.folder),
                "DOCKER_HOST": self.server.url,
            },
        )
        if check and done.returncode:
            raise AssertionError(f"docker-compose {' '.join(argv)}: {done.stderr}")
        return done

    def up(self, *argv: str) -> None:
        """Start it, in the background."""
        self.compose("up", "-d", *argv)

    def ids(self, service: str) -> list[str]:
        """Of its containers, by number."""
        labels = [f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}"]
        found = self.server.api("/containers/json", all="true", filters=json.dumps({"label": labels}))
        return [each["Id"] for each in sorted(found, key=lambda each: each["Names"])]


def until(condition: Any, deadline_s: float = 60.0) -> Any:
    """What it answers as soon as that is true."""
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not so within {deadline_s:.0f} s")
        time.sleep(0.05)
    return answer


def _sweep() -> None:
    """End what belongs to test runs that are no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        maker = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if maker.isdigit() and not Path(f"/proc/{maker}").exists() and folder.stat().st_uid == os.geteuid():
            PodmanServer(folder).stop()
