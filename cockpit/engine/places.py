"""Where the cockpit keeps its records on this machine."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_state_path


def state_folder() -> Path:
    """`$XDG_STATE_HOME/cockpit`, or the platform's place for it."""
    return user_state_path("cockpit")


def audit_path(state_dir: Path) -> Path:
    """The audit log in it."""
    return state_dir / "audit.jsonl"
