"""What a workflow file says of being started by hand.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#onworkflow_dispatchinputs
"""

from __future__ import annotations

import yaml

from cockpit.adapters.raw import part, text
from cockpit.errors import Malformed
from cockpit.model.delivery import WorkflowInput
from cockpit.text import clean

MOST_BYTES = 512 * 1024
_MOST = 50
_KINDS = ("string", "choice", "boolean", "number", "environment")


def dispatch_inputs(content: bytes, name: str) -> tuple[WorkflowInput, ...] | None:
    """Its inputs in the file's order; None where it cannot be started by hand. Raises Malformed."""
    try:
        found = yaml.safe_load(content.decode("utf-8")) if len(content) <= MOST_BYTES else None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Malformed(f"the workflow file {clean(name, 200)} cannot be read as YAML", hint="look at it at GitHub")
    on = found.get("on", found.get(True))  # YAML 1.1 takes the bare word for true
    if on == "workflow_dispatch" or (isinstance(on, list) and "workflow_dispatch" in on):
        return ()
    if not isinstance(on, dict) or "workflow_dispatch" not in on:
        return None
    declared = part(on, "workflow_dispatch", "inputs")
    return tuple(_input(clean(str(key), 120), value) for key, value in list(declared.items())[:_MOST])


def _input(name: str, raw: object) -> WorkflowInput:
    said = part(raw)
    kind = said.get("type")
    options = said.get("options")
    return WorkflowInput(
        name,
        kind if kind in _KINDS else "string",
        said.get("required") is True,
        _plain(said.get("default")),
        tuple(_plain(each) for each in options) if isinstance(options, list) else (),
        text(said.get("description"), 200),
    )


def _plain(value: object) -> str:
    """As GitHub hands it on: every input is text."""
    if value is None or isinstance(value, dict | list):
        return ""
    return clean(str(value).lower() if isinstance(value, bool) else str(value), 500)
