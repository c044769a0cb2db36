"""Pages that somebody opens in a browser become links of the drafted profile."""

from __future__ import annotations

import tomllib
from pathlib import Path

from cockpit.profile.load import load
from cockpit.runbooks.draft.profile import draft

RUNBOOK = """# Shop

## Services

| Service | URL | Purpose |
|---|---|---|
| API | https://api.shop.example | the shop |
| Health | https://api.shop.example/health | health |
| Error tracking (Sentry) | https://sentry.io/organizations/shop | errors |
| Status Page | https://status.shop.example | public |
| "Odd" console | https://console.shop.example | everything |
| Local docs | http://localhost:8000/docs | here |

## Dashboards

- **Grafana**: https://grafana.shop.example/d/1

## Look
1. `curl https://api.shop.example/health`
"""


def test_pages_are_links_and_the_draft_is_a_profile(tmp_path: Path) -> None:
    made = draft([("R.md", RUNBOOK)], ["R.md"])
    links = tomllib.loads(made.text)["links"]
    assert links["Status Page"] == "https://status.shop.example"
    assert links["Grafana"] == "https://grafana.shop.example/d/1"
    assert {"https://sentry.io/organizations/shop", "https://console.shop.example"} <= set(links.values())
    assert not any("localhost" in url or url.endswith("/health") for url in links.values())
    (tmp_path / "shop.toml").write_text(made.text)
    assert load(tmp_path / "shop.toml").links == links


def test_a_runbook_without_pages_gets_no_table() -> None:
    assert "[links]" not in draft([("R.md", "# R\n\n## Look\n1. `curl https://a.example/health`\n")], ["R.md"]).text
