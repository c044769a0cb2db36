"""A real Prometheus on loopback that has measured `shop` and scrapes nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

from cockpit.sandbox.loopback import LoopbackServer, on_free_port
from cockpit.sandbox.process import LOOPBACK, Account, NoBinary, ServerProcess, private_folder

from . import shop

_VARIABLE = "COCKPIT_PROMETHEUS"
_READY_S = 30.0


def folder() -> Path:
    """The folder with its programs, by the environment or in the user's cache. Raises NoBinary."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = Path(os.environ.get(_VARIABLE) or caches / "cockpit-prometheus")
    if shutil.which(str(place / "prometheus")) is None or shutil.which(str(place / "promtool")) is None:
        raise NoBinary(
            f"no Prometheus in {place} (or wherever {_VARIABLE} says): tests/servers/prometheus/build gets it"
        )
    return place


class PrometheusServer(LoopbackServer):
    """A running server."""

    @classmethod
    def start(cls, directory: Path) -> PrometheusServer:
        """Make its blocks, start it and wait until it is ready, about 1 s. Raises NoBinary, StartFailed."""
        programs = folder()
        directory.mkdir(parents=True, exist_ok=True)
        home = private_folder("prometheus", _ours(), directory)
        (home / "shop.txt").write_text(shop.openmetrics())
        (home / "prometheus.yml").write_text("{}\n")
        made = [programs / "promtool", "tsdb", "create-blocks-from", "openmetrics", home / "shop.txt", home / "data"]
        subprocess.run(made, check=True, capture_output=True, timeout=60)

        def launched(port: int) -> ServerProcess:
            argv = [
                programs / "prometheus",
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address={LOOPBACK}:{port}",
                "--storage.tsdb.retention.time=100y",
                "--query.max-samples=3000",
            ]
            return ServerProcess.start(argv, account=_ours(), directory=home, log=home / "log")

        process, port = on_free_port("Prometheus", launched, _ready, _READY_S)
        return cls(process, home, port)

    @property
    def url(self) -> str:
        """Base URL without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    def stop(self) -> None:
        """SIGTERM, then kill; its folder goes too. Safe to call twice."""
        self._process.stop((signal.SIGTERM, 3.0))
        shutil.rmtree(self._home, ignore_errors=True)


def _ours() -> Account:
    """It has no objection to root, and its programs may be where nobody else can read."""
    return Account(os.getuid(), os.getgid())


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
