"""The command up to the point where it would show the screen: how Textual, imported there, has been settled."""

import sys
import types

from screens.main import main


def run(*_: object, **__: object) -> int:
    from textual import constants

    print("DELAY", constants.ESCAPE_DELAY, "ANIMATIONS", constants.TEXTUAL_ANIMATIONS)
    return 0


if __name__ == "__main__":
    assert "textual" not in sys.modules
    stub = types.ModuleType("screens.app")
    vars(stub)["run"] = run
    sys.modules["screens.app"] = stub
    main()
