"""A step of prose that names somebody, or a page to open, has the way there below it."""

from __future__ import annotations

import pytest

from cockpit.model.runbook import Contact, Runbook, Step
from cockpit.runbooks.guide.people import People, copied
from cockpit.runbooks.read import parse

PEOPLE = People(
    contacts=(
        Contact("Database Admin", "", "dba@shop.example", "critical database issues", 0),
        Contact("CTO", "Ada Li", "ada@shop.example, +49 30 1234567", "", 0),
        Contact("Team", "", "ops@shop.example", "", 0),
        Contact("Twilio", "", "https://support.twilio.example", "messages", 0),
        Contact("Secondary", "Infrastructure team", "", "", 0),
    ),
    links=(
        ("Grafana", "https://grafana.shop.example"),
        ("Status page", "https://status.shop.example"),
        ("OpenAI status", "https://status.openai.example"),
        ("GCP console", "https://console.example"),
    ),
)


def steps(text: str) -> dict[str, Step]:
    runbook: Runbook = parse([("R.md", f"# R\n\n## Down\n{text}\n")])
    return {step.text: step for step in runbook.playbooks[0].steps}


def reach(text: str) -> list[str]:
    (step,) = steps(f"1. {text}").values()
    return [each.how for each in PEOPLE.at_hand(step)]


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("Call the database admin at once", ["dba@shop.example"]),
        ("Tell Ada Li what is lost", ["ada@shop.example, +49 30 1234567"]),
        ("Page the CTO", ["ada@shop.example, +49 30 1234567"]),
        ("Wake Secondary up", ["Infrastructure team"]),
        ("Open a ticket with Twilio", ["https://support.twilio.example"]),
        ("Look at Grafana", ["https://grafana.shop.example"]),
        ("Update the status page", ["https://status.shop.example"]),
        ("See whether OpenAI is down", ["https://status.openai.example"]),
        ("Restart it in the GCP console", ["https://console.example"]),
        ("Keep the team informed", []),
        ("Look at the console and its status", []),
        ("Write to dba@shop.example, the Database Admin", []),
        ("Wait for ten minutes", []),
    ],
)
def test_whoever_is_named_stands_below_the_step(text: str, ways: list[str]) -> None:
    assert reach(text) == ways


def test_a_command_has_its_own_way_and_many_names_are_cut() -> None:
    found = steps("1. Look at Grafana\n   ```bash\n   curl https://x.example\n   ```\n")
    assert all(PEOPLE.at_hand(step) == () for step in found.values() if step.command is not None)
    assert len(reach("Tell Twilio, CTO and Database Admin, then look at Grafana and OpenAI")) == 3


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Page the CTO", "ada@shop.example, +49 30 1234567"),
        ("See [the graphs](https://graphs.example/d/1)", "https://graphs.example/d/1"),
        ("Write to help@vendor.example now", "help@vendor.example"),
        ("Call +1 855 555 0100", "+1 855 555 0100"),
        ("Wait", ""),
    ],
)
def test_what_is_copied_is_the_way_there(text: str, kept: str) -> None:
    (step,) = steps(f"1. {text}").values()
    assert copied(step, PEOPLE.at_hand(step)) == kept


def test_the_list_has_everybody_and_everything() -> None:
    lines = PEOPLE.listed()
    assert ("Database Admin", "dba@shop.example  (critical database issues)") in lines
    assert ("Secondary", "Infrastructure team") in lines
    assert lines[-1] == ("GCP console", "https://console.example")
    assert People().listed() == []
