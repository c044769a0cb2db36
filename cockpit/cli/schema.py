"""`cockpit schema`: the JSON Schema of a profile, for editors and for checks in CI."""

from __future__ import annotations

import click

from cockpit.cli.exits import Exit
from cockpit.cli.output import say


@click.command()
@click.option("--json", "_as_json", is_flag=True, help="Accepted for likeness: the schema is JSON anyway.")
def schema(_as_json: bool) -> int:
    """Print the JSON Schema of a profile.

    An editor completes and checks with it: save it beside the profile, whose first line then is
    `#:schema ./profile.schema.json`.
    """
    from cockpit.profile.jsonschema import schema_text

    say(schema_text())
    return Exit.OK
