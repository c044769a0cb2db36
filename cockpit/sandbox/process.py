"""Server processes of the sandbox: found, started under a leash, paused, ended with everything they forked."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LEASH = Path(__file__).with_name("leash.py")
_POLL_S = 0.005


class NoBinary(RuntimeError):
    """This machine has no program for this server; the message says what was looked for and what to install."""


class StartFailed(RuntimeError):
    """The program ran but did not become ready; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a server runs as."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """No change of user is needed."""
        return self.uid == os.geteuid()


def unprivileged() -> Account:
    """Ourselves, or as root an account without rights: database servers refuse to run as root, others should not."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for name in ("nobody", "daemon"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise NoBinary("no account to run a database server under: root may not, and there is no user nobody")


def free_port() -> int:
    """A loopback TCP port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def password() -> str:
    """A random one: even on loopback other users of the machine must not get in."""
    return secrets.token_urlsafe(18)


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may enter every folder on the way to `path`, and read it."""
    resolved = path.resolve()
    if account.is_ours:
        return True
    needed = [(resolved, 0o5 if resolved.is_dir() else 0o4), *((parent, 0o1) for parent in resolved.parents)]
    for place, bits in needed:
        status = place.stat()
        if status.st_uid == account.uid:
            granted = status.st_mode >> 6
        elif status.st_gid == account.gid:
            granted = status.st_mode >> 3
        else:
            granted = status.st_mode
        if granted & bits != bits:
            return False
    return True


def private_folder(kind: str, account: Account, directory: Path | None = None) -> Path:
    """A new folder for this account only: in `directory` where the account may go there, else a temporary one.

    Temporary ones carry our pid in their names; those of processes that died without cleaning up are removed.
    """
    if directory is not None and reachable(directory, account):
        folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=directory))
    else:
        sweep(kind, account)
        folder = Path(tempfile.mkdtemp(prefix=f"cockpit-{kind}-{os.getpid()}-"))
    if not account.is_ours:
        os.chown(folder, account.uid, account.gid)
    return folder


def sweep(kind: str, account: Account) -> None:
    """Remove the account's temporary folders of this kind whose maker is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"cockpit-{kind}-*-*"):
        maker = folder.name.removeprefix(f"cockpit-{kind}-").partition("-")[0]
        with contextlib.suppress(OSError):
            status = folder.lstat()
            ours = stat.S_ISDIR(status.st_mode) and status.st_uid == account.uid
            if ours and maker.isdigit() and not _exists(int(maker)):
                shutil.rmtree(folder, ignore_errors=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def replicate(source: Path, target: Path) -> None:
    """Copy a tree so that everybody may read and run it; hard links where the file system allows."""

    def link(origin: str, copy: str) -> None:
        mode = Path(origin).stat().st_mode & 0o777
        if mode & 0o444 == 0o444:
            with contextlib.suppress(OSError):
                os.link(origin, copy)
                return
        shutil.copyfile(origin, copy)
        Path(copy).chmod(0o755 if mode & 0o100 else 0o644)

    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=link, symlinks=True)
        for folder, _, _ in os.walk(target):
            Path(folder).chmod(0o755)
    else:
        link(str(source), str(target))


class ServerProcess:
    """One leashed server program, leader of its own session.

    The leash is tied to the *thread* that started it (prctl(2)): start servers from a thread that lives as long
    as they should.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._paused = False
        self.log = log

    @classmethod
    def start(
        cls,
        argv: Sequence[str | Path],
        *,
        account: Account,
        directory: Path,
        log: Path,
        death_signal: int = signal.SIGKILL,
        feed: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> ServerProcess:
        """Start `argv` in `directory`, with `feed` (at most a few KB) on its standard input."""
        change = (-1, -1) if account.is_ours else (account.uid, account.gid)
        leash = [sys.executable, "-I", "-S", _LEASH, os.getpid(), int(death_signal), *change]
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  argument vector built here, no shell
                [str(word) for word in (*leash, *argv)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
                start_new_session=True,
            )
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(feed)
                process.stdin.close()
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Of the leader."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """It has not ended (a paused one is alive)."""
        return self._process.poll() is None

    def family(self) -> list[int]:
        """The leader and all its descendants, leader first. PostgreSQL's children each lead a group of their own."""
        children = _children_of_all()
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def pause(self) -> None:
        """SIGSTOP to all of them, as a machine that hangs: connections stay open, nothing answers."""
        _signal([self.pid], signal.SIGSTOP)
        _signal(self.family()[1:], signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """SIGCONT to all of them."""
        if self._paused and self.alive:
            _signal(reversed(self.family()), signal.SIGCONT)
        self._paused = False

    def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Ask to end by each (signal, seconds to wait) in turn, then kill. Safe to call twice."""
        self.resume()
        for number, wait_s in steps:
            if not self.alive:
                break
            _signal([self.pid], number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(wait_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to all of them, at once, and wait until the leader is gone."""
        if self.alive:
            _signal([self.pid], signal.SIGSTOP)  # no new children between the look and the blow
            _signal(self.family(), signal.SIGKILL)
            self._process.wait(5.0)
        self._paused = False

    def wait_until(self, ready: Callable[[], bool], deadline_s: float) -> None:
        """Return when `ready()`; StartFailed with the end of the log when it ended or the time is over."""
        end = time.monotonic() + deadline_s
        while not ready():
            if not self.alive:
                raise StartFailed(f"ended with exit code {self._process.returncode}: {self.last_words()}")
            if time.monotonic() > end:
                self.kill()
                raise StartFailed(f"not ready after {deadline_s:.0f} s: {self.last_words()}")
            time.sleep(_POLL_S)

    def wait(self, deadline_s: float) -> int:
        """Exit code of a program that ends by itself; kills it at the deadline (exit code negative then)."""
        try:
            return self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        try:
            return self.log.read_text(errors="replace").strip()[-800:]
        except OSError as error:
            return f"(no log: {error.strerror})"


def accepts(port: int) -> bool:
    """Whether something listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _children_of_all() -> dict[int, list[int]]:
    """Parent pid -> child pids, of the whole machine."""
    tree: dict[int, list[int]] = {}
    for pid, parent in _proc_pairs() if Path("/proc/self/stat").exists() else _ps_pairs():
        tree.setdefault(parent, []).append(pid)
    return tree


def _proc_pairs() -> list[tuple[int, int]]:
    pairs = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                after_name = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                pairs.append((int(entry.name), int(after_name[1])))
    return pairs


def _ps_pairs() -> list[tuple[int, int]]:
    output = subprocess.run(
        ["/bin/ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True, timeout=10
    ).stdout
    return [(int(pid), int(parent)) for pid, parent in (line.split() for line in output.splitlines())]
