"""A second person's yes to one exact plan, left as a file whose owner the operating system vouches for."""

from __future__ import annotations

import os
import pwd
import re
import stat
from datetime import datetime
from pathlib import Path

from cockpit.errors import Misconfigured, Refused

VALID_S = 900.0
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Approvals:
    """The profile's folder of approvals; without one nobody can approve."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def give(self, digest: str) -> Path:
        """Approve the plan with this digest as the current account. Raises Refused or Misconfigured."""
        if self._folder is None:
            raise Refused("approval", "this profile has no folder for approvals", hint="Set limits.approvals")
        if not _DIGEST.fullmatch(digest):
            raise Refused("approval", "that is not a plan's digest", hint="It has 64 hexadecimal digits")
        path = self._folder / f"{digest}.{os.getuid()}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            os.close(descriptor)
            os.utime(path)
        except OSError as error:
            raise Misconfigured(f"the approval {path} cannot be written: {error.strerror}") from error
        return path

    def approver(self, digest: str, now: datetime) -> str:
        """Account of somebody else who approved this digest in the last 15 minutes, "" for nobody."""
        if self._folder is None or not _DIGEST.fullmatch(digest):
            return ""
        for path in self._folder.glob(f"{digest}.*"):
            try:
                status = path.lstat()
            except OSError:
                continue
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                continue  # a second name for a file that somebody made for another purpose
            fresh = 0 <= now.timestamp() - status.st_mtime <= VALID_S
            if fresh and status.st_uid not in _own_uids():
                return _account(status.st_uid)
        return ""


def _own_uids() -> set[int]:
    own = {os.getuid(), os.geteuid()}
    sudo = os.environ.get("SUDO_UID", "")
    return own | ({int(sudo)} if sudo.isdigit() else set())


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
