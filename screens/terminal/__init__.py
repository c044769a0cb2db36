"""The terminal as it really is over SSH: stalled, lost, hostile, colourless. Imports no Textual by itself.

Importing this package settles the environment that Textual reads at import time, so it must come first.
"""

from screens.terminal.appearance import PLAIN_THEME, no_color, wants_ascii
from screens.terminal.environment import is_remote, prepare
from screens.terminal.refuse import refusal

prepare()

__all__ = ["PLAIN_THEME", "is_remote", "no_color", "prepare", "refusal", "wants_ascii"]
