"""Lines above that decide where those below go."""

from __future__ import annotations

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.command import Intent
from cockpit.runbooks.read import parse
from cockpit.runbooks.recognise import understand_all

_RESTART = "gcloud run services update-traffic api --region europe-west1 --to-latest"


def _intents(body: str, language: str = "bash") -> list[Intent | None]:
    runbook = parse([("r.md", f"# Shop\n\n## Repair\n\n```{language}\n{body}\n```\n")])
    return [found.intent for found in understand_all(runbook, replacements())]


def test_a_database_that_is_selected_in_an_open_client_is_the_one_that_is_emptied() -> None:
    intent = _intents("redis-cli -h cache\nSELECT 3\nFLUSHDB")[-1]
    assert intent is not None
    assert intent.target["database"] == "3"


def test_without_a_number_redis_cli_means_database_0() -> None:
    intent = _intents("redis-cli -h cache FLUSHDB")[-1]
    assert intent is not None
    assert intent.target["database"] == "0"


def test_a_connection_that_is_changed_in_psql_is_the_one_that_is_asked() -> None:
    intent = _intents("psql -h db -d shop\n\\c billing\nVACUUM orders;")[-1]
    assert intent is not None
    assert "billing" in intent.target.values()


@pytest.mark.parametrize(
    "above", ["gcloud config set project shop-staging", "export CLOUDSDK_CORE_PROJECT=shop-staging"]
)
def test_a_project_that_is_set_above_is_the_project(above: str) -> None:
    intent = _intents(f"{above}\n{_RESTART}")[-1]
    assert intent is not None
    assert intent.target["project"] == "shop-staging"


def test_another_configuration_of_gcloud_is_not_taken_for_the_profiles_project() -> None:
    intent = _intents(f"gcloud config configurations activate staging\n{_RESTART}")[-1]
    assert intent is not None
    assert intent.target["project"] == "configuration staging"


def test_a_project_that_the_command_names_itself_counts() -> None:
    intent = _intents(f"gcloud config set project shop-staging\n{_RESTART} --project shop-prod")[-1]
    assert intent is not None
    assert intent.target["project"] == "shop-prod"


def test_a_setting_before_the_program_says_where_it_goes() -> None:
    intent = _intents("PGHOST=db-2 psql -d shop -c 'VACUUM orders'")[-1]
    assert intent is not None
    assert intent.target["host"] == "db-2"
