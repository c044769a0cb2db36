"""Commands of the team: whether they can be run, what they said, and running them."""

from __future__ import annotations

import os
from pathlib import Path

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Profile


def scripts_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    return {"cockpit.adapters.files.teamscript": bool(profile.script)}


def compose_scripts(parts: Parts, profile: Profile, scene: Scene, state_dir: Path, clock: Clock) -> None:
    """Add sources and actions. Runs nothing."""
    if not profile.script:
        return
    from cockpit.actions import teamscript
    from cockpit.actions.surroundings import program_folders
    from cockpit.adapters.files.teamscript import ScriptProbe

    for script in profile.script:
        folder = script.directory or "."
        (action,) = teamscript.handlers(script, folder, state_dir / "scripts", scene, clock)
        probe = ScriptProbe(script, folder, program_folders(os.environ), action.last)
        parts.add(SourceKind.SCRIPTS, script.name, probe, script.interval, script.timeout)
        parts.handlers.append(action)
