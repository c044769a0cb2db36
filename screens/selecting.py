"""Whether a row says anything to an action."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def fitting(selection: Mapping[str, str], known: Collection[str]) -> Mapping[str, str]:
    """The row's identity, as far as the action with parameters `known` is about such a row.

    A uid is that of the object named first: it means nothing to an action on another kind of object.
    """
    return {} if "uid" in selection and next(iter(selection)) not in known else selection
