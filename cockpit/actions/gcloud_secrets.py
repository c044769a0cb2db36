"""Which gcloud commands of a runbook the actions on a secret stand in for."""

from __future__ import annotations

import re
from functools import partial

from cockpit.adapters.gcp.commandline import RunCall, cloud_call
from cockpit.model.action import ActionSpec, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

_PLACES = {"--project": "project"}
_NUMBER = re.compile(r"[1-9]\d{0,9}")


def _asked(found: RunCall, action: str, tier: Tier, values: dict[str, str]) -> Intent:
    params = {name: found.value(text) for name, text in values.items()}
    return Intent(
        action,
        SourceKind.SECRETS,
        found.target,
        {name: value for name, value in params.items() if isinstance(value, str)},
        {name: value for name, value in params.items() if isinstance(value, Placeholder)},
        tier=tier,
    )


def _adding(call: Call, spec: ActionSpec) -> Intent | None:
    """gcloud secrets versions add NAME --data-file=FILE; not what comes through a pipe."""
    found = cloud_call(call, "secrets versions add", places=_PLACES)
    if found is None or len(found.given) != 1 or set(found.options) != {"--data-file"}:
        return None
    file = found.options["--data-file"]
    if file in ("", "-", "/dev/stdin"):
        return None
    return _asked(found, spec.id, spec.tier, {"secret": found.given[0], "from": f"file:{file}"})


def _switching(call: Call, spec: ActionSpec) -> Intent | None:
    """gcloud secrets versions disable|enable N --secret=NAME."""
    found = cloud_call(call, f"secrets versions {spec.id.partition('.')[2]}", places=_PLACES)
    if found is None or len(found.given) != 1 or set(found.options) != {"--secret"}:
        return None
    version = found.value(found.given[0])
    if isinstance(version, str) and not _NUMBER.fullmatch(version):
        return None
    return _asked(found, spec.id, spec.tier, {"secret": found.options["--secret"], "version": found.given[0]})


def replacements(add: ActionSpec, *switches: ActionSpec) -> tuple[Replacement, ...]:
    """Of the actions that add a version, and that switch one."""
    return (
        Replacement(add.id, "gcloud", add.tier, partial(_adding, spec=add)),
        *(Replacement(each.id, "gcloud", each.tier, partial(_switching, spec=each)) for each in switches),
    )
