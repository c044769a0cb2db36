"""Where the programs of the control plane are; `build`, beside this file, makes them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cockpit.sandbox.process import NoBinary

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
_VARIABLE = "COCKPIT_KUBE"


def folder() -> Path:
    """The folder that holds them, by the environment or in the user's cache. Raises NoBinary."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = Path(os.environ.get(_VARIABLE) or caches / "cockpit-kube")
    missing = [name for name in PROGRAMS if shutil.which(str(place / name)) is None]
    if missing:
        raise NoBinary(
            f"no {', '.join(missing)} in {place} (or wherever {_VARIABLE} says): tests/servers/kube/build makes them"
        )
    return place
