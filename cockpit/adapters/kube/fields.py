"""Fields of Kubernetes objects as they come: any may be missing, null or of another type than the API says.

Quantities: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/. Times are RFC 3339.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from cockpit.adapters.kube.terms import Json
from cockpit.adapters.raw import moment as moment
from cockpit.adapters.raw import number as number
from cockpit.adapters.raw import part as part
from cockpit.adapters.raw import parts as parts
from cockpit.adapters.raw import text as text
from cockpit.adapters.raw import texts as texts

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E))?")
_SCALE = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_NAMES = 253
_MOST = 1e18


def labels(value: object) -> dict[str, str]:
    """A map of texts to texts, both cleaned."""
    found = value if isinstance(value, Mapping) else {}
    return {text(key, _NAMES): text(said, _NAMES) for key, said in found.items() if isinstance(said, str)}


def quantity(value: object) -> float | None:
    """ "250m" is 0.25, "128Mi" 134217728; None for what is no quantity."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < _MOST else None
    found = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 40 else None
    if found is None:
        return None
    digits, exponent, unit = found.groups()
    try:
        amount = float(digits) * (10.0 ** int(exponent) if exponent else _SCALE.get(unit or "", 1.0))
    except OverflowError:
        return None
    return amount if abs(amount) < _MOST * 1e3 else None


def millis(value: object) -> int | None:
    """CPU in thousandths of a core, rounded up as Kubernetes does."""
    found = quantity(value)
    return None if found is None else -int(-found * 1000 // 1)


def size(value: object) -> int | None:
    """Memory in bytes."""
    found = quantity(value)
    return None if found is None else int(found)


def name_of(obj: Json) -> str:
    """metadata.name."""
    return text(part(obj, "metadata").get("name"), _NAMES)


def uid_of(obj: Json) -> str:
    """metadata.uid."""
    return text(part(obj, "metadata").get("uid"), 64)


def created_of(obj: Json) -> datetime:
    """metadata.creationTimestamp; the epoch where it is none."""
    return moment(part(obj, "metadata").get("creationTimestamp")) or datetime.fromtimestamp(0, UTC)


def annotations_of(obj: Json) -> dict[str, str]:
    """metadata.annotations, cleaned."""
    return labels(part(obj, "metadata").get("annotations"))


def labels_of(obj: Json) -> dict[str, str]:
    """metadata.labels, cleaned."""
    return labels(part(obj, "metadata").get("labels"))


def controller_of(obj: Json) -> tuple[str, str, str]:
    """Kind, name and uid of the owner that controls it; empty without one."""
    for owner in parts(obj, "metadata", "ownerReferences"):
        if owner.get("controller") is True:
            return text(owner.get("kind"), 64), text(owner.get("name"), _NAMES), text(owner.get("uid"), 64)
    return "", "", ""


def conditions(obj: Json) -> dict[str, Json]:
    """status.conditions by type."""
    return {text(each.get("type"), 64): each for each in parts(obj, "status", "conditions")}


def said(condition: Json) -> str:
    """Reason and message of a condition in one line."""
    reason, message = text(condition.get("reason"), 100), text(condition.get("message"), 400)
    return f"{reason}: {message}" if reason and message else reason or message
