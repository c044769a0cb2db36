"""Which `gcloud sql` commands of a runbook the actions on a Cloud SQL instance stand in for, and where they differ.

What gcloud does with each is known from what version 528 really sends. An option that is not named here means that
the command is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from cockpit.actions.standin import intent, stand_ins
from cockpit.adapters.gcp.commandline import RunCall, cloud_call
from cockpit.model.action import ActionSpec
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.severity import SourceKind

_BY_FLAG = {"--project": "project", "--instance": "instance"}
_RESTORED = {"--project": "project", "--restore-instance": "instance"}
_PROJECT = {"--project": "project"}
_NUMBER = re.compile(r"\d{1,20}")

_LOCKED = "It sends the version of the settings along, so that nobody else's change in between is overwritten."
_ELSEWHERE = (
    "The new password comes from a file or variable and is shown nowhere; what stands on a command line is in the"
    " shell's history and in ps."
)


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each of these actions."""
    return stand_ins(specs, intent_of)


def intent_of(call: Call) -> Intent | None:
    """What a command that changes a Cloud SQL instance amounts to."""
    understand = _VERBS.get(call.verb)
    return understand(call) if understand is not None else None


def _intent(found: RunCall, action: str, params: Mapping[str, str] | None = None, differs: str = "") -> Intent:
    given = {name: text for name, text in (params or {}).items() if text}
    return intent(found, action, SourceKind.CLOUDSQL, given, differs)


def _plain(action: str) -> Callable[[Call], Intent | None]:
    """gcloud sql instances VERB INSTANCE, without any option."""

    def understand(call: Call) -> Intent | None:
        found = cloud_call(call, call.verb, "instance", _PROJECT)
        if found is None or found.options or found.given or not call.args:
            return None
        return _intent(found, action)

    return understand


def _patched(call: Call) -> Intent | None:
    found = cloud_call(call, call.verb, "instance", _PROJECT)
    if found is None or found.given or not call.args:
        return None
    if found.options == {"--activation-policy": "ALWAYS"}:
        return _intent(found, "cloudsql.start", differs=_LOCKED)
    if set(found.options) != {"--tier"}:
        return None
    return _intent(found, "cloudsql.tier", {"tier": found.options["--tier"]}, _LOCKED)


def _backed_up(call: Call) -> Intent | None:
    found = cloud_call(call, call.verb, places=_BY_FLAG)
    if found is None or set(found.options) - {"--description"} or found.given or not call.has("--instance"):
        return None
    return _intent(found, "cloudsql.backup", {"description": found.options.get("--description", "")})


def _restored(call: Call) -> Intent | None:
    found = cloud_call(call, call.verb, places=_RESTORED)
    if found is None or set(found.options) - {"--backup-instance"} or len(found.given) != 1:
        return None
    if not call.has("--restore-instance"):
        return None
    (backup,) = found.given
    if isinstance(found.value(backup), str) and not _NUMBER.fullmatch(backup):
        return None  # the full name of a backup is another request
    origin = found.options.get("--backup-instance", "")
    return _intent(found, "cloudsql.restore", {"backup": backup, "origin": origin})


def _exported(call: Call) -> Intent | None:
    found = cloud_call(call, call.verb, "instance", _PROJECT)
    if found is None or set(found.options) - {"--database", "--offload"} or len(found.given) != 1:
        return None
    database = _database(found)
    if database is None:
        return None
    offload = "yes" if "--offload" in found.options else ""
    return _intent(found, "cloudsql.export", {"uri": found.given[0], "database": database, "offload": offload})


def _imported(call: Call) -> Intent | None:
    found = cloud_call(call, call.verb, "instance", _PROJECT)
    if found is None or set(found.options) - {"--database"} or len(found.given) != 1:
        return None
    database = _database(found)
    return (
        None if database is None else _intent(found, "cloudsql.import", {"uri": found.given[0], "database": database})
    )


def _database(found: RunCall) -> str | None:
    """One database, "" for none; None for several."""
    named = found.options.get("--database", "")
    return None if "," in named else named


def _password(call: Call) -> Intent | None:
    """The password of the command is left where it is: it is asked for as a reference."""
    found = cloud_call(call, call.verb, places=_BY_FLAG)
    if found is None or set(found.options) - {"--password", "--prompt-for-password", "--host"}:
        return None
    if len(found.given) != 1 or not call.has("--instance"):
        return None
    params = {"user": found.given[0], "host": found.options.get("--host", "")}
    return _intent(found, "cloudsql.password", params, _ELSEWHERE)


_VERBS: Mapping[str, Callable[[Call], Intent | None]] = {
    "sql instances restart": _plain("cloudsql.restart"),
    "sql instances failover": _plain("cloudsql.failover"),
    "sql instances promote-replica": _plain("cloudsql.promote"),
    "sql instances patch": _patched,
    "sql backups create": _backed_up,
    "sql backups restore": _restored,
    "sql export sql": _exported,
    "sql import sql": _imported,
    "sql users set-password": _password,
}
