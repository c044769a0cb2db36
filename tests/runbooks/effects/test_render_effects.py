"""What commands of Render's tool do, and that a deploy hook is no page to look at."""

from __future__ import annotations

import pytest

from cockpit.model.command import EffectClass
from cockpit.runbooks.read import parse
from cockpit.runbooks.recognise import understand_all


@pytest.mark.parametrize(
    ("command", "effect"),
    [
        ("render services --output json", EffectClass.READS),
        ("render deploys list srv-web", EffectClass.READS),
        ("render logs -r srv-web --tail", EffectClass.READS),
        ("render workspace current", EffectClass.READS),
        ("render pg list", EffectClass.READS),
        ("render restart srv-web", EffectClass.CHANGES),
        ("render deploys create srv-web --wait", EffectClass.CHANGES),
        ("render deploys cancel srv-web dep-1", EffectClass.CHANGES),
        ("render jobs create srv-web --start-command 'rake clean'", EffectClass.CHANGES),
        ("render pg delete dpg-1", EffectClass.DESTROYS),
        ("render kv suspend red-1", EffectClass.DESTROYS),
        ('render psql dpg-1 -c "DELETE FROM seats"', EffectClass.UNKNOWN),
        ("render ssh srv-web", EffectClass.UNKNOWN),
        ("render something new", EffectClass.UNKNOWN),
        ('curl "https://api.render.com/deploy/srv-web?key=abc"', EffectClass.CHANGES),
        ("curl https://api.render.com/v1/services/srv-web", EffectClass.READS),
        ("curl https://seats.onrender.com/health", EffectClass.READS),
    ],
)
def test_an_effect_is_never_less_than_it_is(command: str, effect: EffectClass) -> None:
    (found,) = understand_all(parse([("book.md", f"# Book\n\n```bash\n{command}\n```\n")]), ())
    assert found.effect is effect
