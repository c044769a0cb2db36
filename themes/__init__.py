"""Themes and layout as data files; this module only says where they are."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def folder() -> Traversable:
    """The folder of the `.toml` themes and the `.tcss` layout."""
    return files(__name__)
