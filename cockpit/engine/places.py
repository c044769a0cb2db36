"""Where the cockpit keeps its records on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_state_path


def state_folder() -> Path:
    """`$XDG_STATE_HOME/cockpit` on every platform, else the platform's own place."""
    home = os.environ.get("XDG_STATE_HOME", "")
    if Path(home).is_absolute():
        return Path(home) / "cockpit"
    place = user_state_path("cockpit")
    # The XDG specification: a relative path is to be ignored; not every platformdirs does.
    return place if place.is_absolute() else Path.home() / ".local" / "state" / "cockpit"


def audit_path(state_dir: Path) -> Path:
    """The audit log in it."""
    return state_dir / "audit.jsonl"
