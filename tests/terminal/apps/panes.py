"""The whole cockpit over sample readings in which every text is hostile and has slipped past the sanitiser."""

import dataclasses
import enum
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from screens.app import CockpitApp
from screens.terminal import wants_ascii

# isort: split
from cockpit.model.logs import LogEntry

HOSTILE: str = json.loads(os.environ["HOSTILE"])
SAMPLES = Path(__file__).parents[2] / "screens" / "samples" / "__init__.py"


def samples() -> Any:
    spec = importlib.util.spec_from_file_location("screen_samples", SAMPLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def poisoned(value: Any) -> Any:
    """`value` with every text in it begun by the hostile one; enums, numbers and times stay."""
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return f"A{HOSTILE}B {value}"
    if isinstance(value, tuple):
        return tuple(poisoned(part) for part in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: poisoned(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init
        }
        return dataclasses.replace(value, **fields)
    return value


class Panes(CockpitApp):
    def on_ready(self) -> None:
        module = samples()
        engine = module.incident()
        for state in engine.hub.states():
            reading = state.reading
            if reading is not None:
                engine.say(state.source, reading.severity, poisoned(reading.summary), poisoned(reading.payload))
        entries: list[LogEntry] = [poisoned(entry) for entry in module.entries(200)]
        engine.rings["logs/app"].append(entries)
        engine.found = tuple(
            dataclasses.replace(found, text=poisoned(found.text), evidence=poisoned(found.evidence))
            for found in engine.found
        )
        self.attach(engine)
        self.notify(f"READY {HOSTILE}", markup=False, timeout=60)


if __name__ == "__main__":
    sys.exit(Panes(ascii_only=wants_ascii() or "--ascii" in sys.argv).run_to_exit_code())
