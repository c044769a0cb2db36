"""Where the cockpit keeps its records on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_state_path


def state_folder() -> Path:
    """`$XDG_STATE_HOME/cockpit` on every platform, else the platform's own place."""
    home = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    return Path(home) / "cockpit" if Path(home).is_absolute() else user_state_path("cockpit")


def audit_path(state_dir: Path) -> Path:
    """The audit log in it."""
    return state_dir / "audit.jsonl"
