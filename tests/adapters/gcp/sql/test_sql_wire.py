"""Whatever the Admin API answers, it is understood or refused as malformed; no text of it reaches the screen raw."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.gcp.sqlwire import backup_of, brief_of, instance_of, operation_of
from cockpit.errors import Malformed
from cockpit.text import UNSAFE

_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
_NAMES = st.sampled_from(
    [
        "name",
        "state",
        "settings",
        "id",
        "error",
        "errors",
        "code",
        "message",
        "insertTime",
        "startTime",
        "day",
        "hour",
        "ipAddresses",
        "ipAddress",
        "replicaNames",
        "masterInstanceName",
        "maintenanceWindow",
        "backupConfiguration",
        "scheduledMaintenance",
        "dataDiskSizeGb",
        "operationType",
        "status",
        "backupContext",
        "backupId",
        "createTime",
    ]
)
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5), max_leaves=20
)
_ANSWER = st.dictionaries(_NAMES, _VALUE, max_size=8)
_WHOLE = {"name": "db", "id": "1", "state": "RUNNABLE", "settings": {"tier": "db-n1"}}


@given(_ANSWER, st.booleans())
def test_any_answer(part: dict[str, Any], whole: bool) -> None:
    answer = {**_WHOLE, **part} if whole else part
    for read in (instance_of, operation_of, backup_of, brief_of):
        try:
            found = read(answer)
        except Malformed:
            continue
        shown = (getattr(found, name) for name in found.__dataclass_fields__)
        assert not any(UNSAFE.search(each) for each in shown if isinstance(each, str))
