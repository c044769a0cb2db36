"""Run by path, before a server's program: ties the process to its parent, drops its rights, then becomes the program.

`python -I -S leash.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM ARGUMENT...`; -1 leaves a uid or gid as it is.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Never returns. The tie comes after the change of user, which would undo it (prctl(2))."""
    parent, signal_number, uid, gid = (int(word) for word in arguments[:4])
    if gid >= 0:
        os.setgroups([gid])
        os.setgid(gid)
    if uid >= 0:
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # it died before the tie was made
            sys.exit(1)
    os.execv(arguments[4], arguments[4:])  # noqa: S606  the program is chosen by the caller, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
