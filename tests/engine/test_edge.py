"""What a profile with a policy and an audit log offers for commands of a runbook, and what it knows of itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cockpit.actions.catalogue import Catalogue
from cockpit.clock import ManualClock
from cockpit.engine import compose
from cockpit.engine.edge import open_doors, own_addresses
from cockpit.engine.offers import Offers
from cockpit.engine.reading import read_book
from cockpit.looks.book import LookBook
from cockpit.model.command import Kind
from cockpit.model.reading import Reading, SourceState
from cockpit.model.revisions import Scaling, ServiceStatus
from cockpit.model.severity import Severity, SourceKind
from cockpit.profile.load import load
from cockpit.runbooks.guide.offer import Offered

BARE = """
system = "shop"
environment = "production"
[[logs]]
name = "shop"
type = "cloud_logging"
project = "shop-prod"
[runbook]
files = ["R.md"]
"""
ARMOR = """
[[armor]]
name = "edge"
project = "shop-prod"
policy = "shop-edge"
"""
ACCESS = """
[[access]]
name = "shop"
project = "shop-prod"
failures = 'jsonPayload.kind="denied"'
"""
FIREWALL = "gcloud compute firewall-rules create no-scraper --action=DENY --rules=all --source-ranges=SCRAPER_IP"
RULE = "gcloud compute security-policies rules create 1200 --security-policy={} --action=deny-403 --src-ip-ranges={}"
Offer = Callable[[str, str], Offered]


@pytest.fixture
def offer(tmp_path: Path) -> Offer:
    def make(profile_text: str, command: str) -> Offered:
        (tmp_path / "shop.toml").write_text(profile_text)
        (tmp_path / "R.md").write_text(f"# R\n\n## Do it\n\n```bash\n{command}\n```\n")
        profile = load(tmp_path / "shop.toml")
        assert profile.runbook is not None
        parts = compose.compose(profile, tmp_path, ManualClock())
        catalogue = Catalogue(compose.specs(), parts.handlers)
        looks = LookBook(compose.look_specs(), parts.lookers)
        (known,) = read_book([Path(file) for file in profile.runbook.files]).known.values()
        offers = Offers(profile.runbook, catalogue, looks, parts.names, False, profile.http_action)
        return offers.offered("s1", known, "", {})

    return make


def test_a_firewall_rule_against_an_attacker_is_a_rule_of_the_policy_and_says_why(offer: Offer) -> None:
    found = offer(BARE + ARMOR, FIREWALL)
    assert found.kind is Kind.NATIVE and found.action is not None
    assert (found.action.action, found.action.source) == ("armor.deny", "armor/edge")
    assert [ask.name for ask in found.asks] == ["address"]
    assert "Cloud Run and external load balancers never ask it" in found.differs


def test_without_a_policy_in_the_profile_it_stays_a_script(offer: Offer) -> None:
    found = offer(BARE, FIREWALL)
    assert found.kind is Kind.SCRIPT and found.action is not None and found.action.action == "runbook.script"
    assert "no source that can do it" in found.reason, "also where something is to be filled in"


def test_a_rule_goes_to_the_policy_that_it_names_and_to_no_other(offer: Offer) -> None:
    found = offer(BARE + ARMOR, RULE.format("shop-edge", "198.51.100.7"))
    assert found.action is not None and dict(found.action.params) == {
        "address": "198.51.100.7",
        "at": "1200",
        "code": "403",
    }
    other = offer(BARE + ARMOR, RULE.format("admin-edge", "198.51.100.7"))
    assert other.kind is Kind.SCRIPT and "admin-edge" in other.reason and "shop-edge" in other.reason


def test_log_questions_that_the_pane_knows_are_answered_by_it(offer: Offer) -> None:
    activity = "gcloud logging read 'log_id(\"cloudaudit.googleapis.com/activity\")'"
    failures = "gcloud logging read 'jsonPayload.kind=\"denied\"'"
    for command, look in ((activity, "access.changes"), (failures, "access.failures")):
        seen = offer(BARE + ACCESS, command)
        assert seen.look is not None and (seen.look.look, seen.look.source) == (look, "access/shop")
        assert seen.live and "profile's window" in seen.differs
        asked = offer(BARE, command)
        assert asked.look is not None and asked.look.look == "logs.query" and asked.sends


def test_where_the_operator_comes_from_is_taken_from_ssh() -> None:
    assert own_addresses({"SSH_CONNECTION": "192.0.2.7 50000 10.0.0.1 22", "SSH_CLIENT": "192.0.2.7 50000 22"}) == (
        "192.0.2.7",
    )
    assert own_addresses({"SSH_CLIENT": "2001:db8::7 50000 22"}) == ("2001:db8::7",)
    assert own_addresses({"SSH_CONNECTION": " "}) == ()


def test_a_service_that_takes_requests_at_its_own_url_is_a_door_past_the_policy() -> None:
    def state(ingress: str, uri: str = "https://shop.example") -> SourceState:
        status = ServiceStatus(
            project="p", region="r", service="shop", name="n", uid="u", etag="e", generation=1, reconciling=False,
            state="ready", reason="", latest_ready="", latest_created="", template_image="", scaling=Scaling(),
            traffic=(), serving=(), revisions=(), previous=None, updated=None, last_modifier="", uri=uri,
            ingress=ingress,
        )  # fmt: skip
        now = datetime(2026, 3, 1, tzinfo=UTC)
        reading = Reading("revisions/shop", SourceKind.REVISIONS, now, 0.1, Severity.OK, "", status)
        return SourceState("revisions/shop", SourceKind.REVISIONS, "shop", 5.0, reading)

    assert open_doors(["revisions/shop"], lambda _: state("all")) == ("shop at https://shop.example",)
    assert open_doors(["revisions/shop"], lambda _: state("all", "")) == ("shop",)
    assert open_doors(["revisions/shop"], lambda _: state("internal-and-cloud-load-balancing")) == ()
    assert open_doors(["revisions/shop"], lambda _: None) == ()
