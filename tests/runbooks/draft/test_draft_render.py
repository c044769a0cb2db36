"""A runbook that speaks of Render drafts the table with what it tells; what it does not tell is marked."""

from __future__ import annotations

import tomllib

from cockpit.profile.docker import RenderSource
from cockpit.runbooks.draft.profile import draft

COMMANDS = """# Seats

Open https://seats-api.onrender.com/health first.

```bash
curl -s -X POST https://api.render.com/v1/services/srv-c0seats/restart -H "Authorization: Bearer $RENDER_KEY"
render logs -r srv-c0seats,crn-c0nightly --limit 50
curl https://api.render.com/v1/postgres/dpg-c0seats -H "Authorization: Bearer $RENDER_KEY"
curl https://api.render.com/v1/key-value/red-c0seats -H "Authorization: Bearer literal"
```
"""


def test_what_commands_tell_is_in_the_table() -> None:
    found = draft([("seats.md", COMMANDS)], ["seats.md"])
    (table,) = tomllib.loads(found.text)["render"]
    assert table == {
        "name": "seats-api",
        "token": "env:RENDER_KEY",
        "services": ["srv-c0seats", "crn-c0nightly"],
        "postgres": ["dpg-c0seats"],
        "keyvalue": ["red-c0seats"],
    }
    RenderSource.model_validate(table)
    assert "literal" not in found.text
    assert "seats.md:6" in found.text


def test_an_address_alone_leaves_the_ids_open() -> None:
    found = draft([("seats.md", "# Seats\n\n```bash\ncurl https://seats.onrender.com/health\n```\n")], ["seats.md"])
    (table,) = tomllib.loads(found.text)["render"]
    assert (table["name"], table["services"]) == ("seats", [])
    missing = [each.what for each in found.missing if each.what.startswith("render")]
    assert missing == ["render seats: services", "render seats: postgres", "render seats: keyvalue"]
    assert any(each.value == "env:RENDER_API_KEY" for each in found.guessed)


def test_a_word_alone_is_a_question() -> None:
    found = draft([("seats.md", "# Seats\n\nLook at the Render dashboard.\n")], ["seats.md"])
    assert "render" not in tomllib.loads(found.text)
    assert "# [[render]]" in found.text
    assert "is this system there?" in found.text


def test_rendering_is_no_hosting() -> None:
    found = draft([("seats.md", "# Seats\n\nThe pages render slowly; rendering service-side helps.\n")], ["seats.md"])
    assert "[[render]]" not in found.text
