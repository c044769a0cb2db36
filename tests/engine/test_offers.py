"""What is offered for a command: on the own hosts, with the values of this session, as far as it may be sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.actions.catalogue import Catalogue
from cockpit.clock import ManualClock
from cockpit.engine import compose
from cockpit.engine.offers import Offers
from cockpit.engine.reading import Book, read_book
from cockpit.looks.book import LookBook
from cockpit.model.action import Tier
from cockpit.model.command import Kind
from cockpit.profile.load import load
from cockpit.runbooks.guide.offer import SOURCE, Offered

PROFILE = """
system = "shop"
environment = "production"
[[health]]
name = "api"
url = "https://api.shop.example/health"
[[redis]]
name = "cache"
url = "redis://10.0.0.3:6379/0"
[[cloud_run]]
name = "shop"
project = "p"
region = "europe-west1"
service = "shop"
[[http_action]]
name = "read-only-on"
title = "Serve readers only"
url = "https://api.shop.example/admin/mode"
body = '{"mode": "read"}'
tier = "T2"
[[script]]
name = "backup"
title = "Back up"
argv = ["./backup.sh", "{name}", "--to={place}"]
tier = "T2"
[[script]]
name = "other"
title = "Something else"
argv = ["./backup.sh", "{name}"]
[runbook]
files = ["R.md"]
targets = { "old.shop.example" = "health/api" }
"""
Offer = Callable[..., Offered]


@pytest.fixture
def offer(tmp_path: Path) -> Offer:
    (tmp_path / "shop.toml").write_text(PROFILE)

    def make(
        command: str, *, untrusted: str = "", before: dict[str, str] | None = None, read_only: bool = False
    ) -> Offered:
        (tmp_path / "R.md").write_text(f"# R\n\n## Do it\n\n```bash\n{command}\n```\n")
        profile = load(tmp_path / "shop.toml")
        assert profile.runbook is not None
        parts = compose.compose(profile, tmp_path, ManualClock())
        catalogue = Catalogue(compose.specs(), parts.handlers)
        looks = LookBook(compose.look_specs(), parts.lookers)
        book: Book = read_book([Path(file) for file in profile.runbook.files], profile.script)
        (known,) = book.known.values()
        offers = Offers(profile.runbook, catalogue, looks, parts.names, read_only, profile.http_action)
        return offers.offered("s1", known, untrusted, before or {})

    return make


def test_the_page_that_is_polled_is_answered_from_its_readings(offer: Offer) -> None:
    found = offer("curl -s https://api.shop.example/health", untrusted="nobody has accepted it")
    assert found.look is not None and (found.look.look, found.look.source) == ("health.state", "health/api")
    assert found.live and found.blocked == "", "what sends nothing is shown before anybody accepted anything"


def test_another_page_of_the_same_host_is_a_question_that_is_sent(offer: Offer) -> None:
    found = offer("curl -s https://api.shop.example/jobs", untrusted="nobody has accepted it")
    assert found.look is not None and found.look.look == "health.get"
    assert found.sends and not found.live and found.blocked == "nobody has accepted it"


def test_a_host_that_the_profile_maps_is_asked_at_the_sources_own(offer: Offer) -> None:
    found = offer("curl -s 'https://old.shop.example/jobs?state=stuck'")
    assert found.look is not None and found.look.source == "health/api"
    assert found.look.params["url"] == "https://api.shop.example:443/jobs?state=stuck"
    assert "asked in place of https://old.shop.example:443, as the profile maps it" in found.differs


def test_a_host_of_somebody_else_is_no_question_to_ours(offer: Offer) -> None:
    found = offer("curl -s https://api.shop.example.evil.example/health")
    assert (found.kind, found.look) == (Kind.SCRIPT, None) and found.action is not None
    assert "So it is offered as it stands, as a guarded script." in found.reason


@pytest.mark.parametrize("url", ["https://api.shop.example/admin/mode", "https://api.shop.example:443/admin/mode/"])
def test_a_request_that_the_profile_declares_is_offered_as_its_action(offer: Offer, url: str) -> None:
    found = offer(f"""curl -X POST {url} -H 'X-Key: '"$KEY" -d '{{"mode":"read"}}'""")
    assert found.action is not None
    assert (found.action.action, dict(found.action.params)) == ("health.call", {"name": "read-only-on"})
    assert found.action.source == "health/api" and found.asks == () and found.tier is Tier.T2
    assert "The profile declares it as read-only-on" in found.differs


def test_a_request_with_another_body_stays_what_the_runbook_says(offer: Offer) -> None:
    found = offer("""curl -X POST https://api.shop.example/admin/mode -d '{"mode":"write"}'""")
    assert found.action is not None and found.action.action == "health.send" and found.tier is Tier.T3
    assert found.action.params["body"] == '{"mode":"write"}'


def test_what_cannot_be_compared_is_asked_with_a_word_and_changed_only_after_a_choice(offer: Offer) -> None:
    reading = offer("docker exec shop-redis redis-cli INFO memory")
    assert reading.look is not None and reading.look.source == "redis/cache"
    assert "does not say whether that is shop-redis" in reading.differs
    changing = offer("docker exec shop-redis redis-cli FLUSHDB")
    assert changing.action is not None and changing.action.source == "" and changing.asks[0].name == SOURCE
    assert [choice.value for choice in changing.asks[0].choices] == ["redis/cache"]
    assert "the runbook names shop-redis" in changing.asks[0].help


def test_what_was_filled_in_before_is_the_default(offer: Offer) -> None:
    text = "gcloud run services update-traffic shop --region=europe-west1 --to-revisions=OLD_REVISION=100"
    (ask,) = offer(text, before={"OLD_REVISION": "shop-7"}).asks
    assert (ask.label, ask.default) == ("OLD_REVISION", "shop-7")
    (ask,) = offer("kubectl logs <pod>", before={"pod": "api-1"}).asks
    assert (ask.name, ask.default) == ("<pod>", "api-1")


def test_a_script_of_the_profile_is_offered_with_its_own_parameters(offer: Offer) -> None:
    found = offer("./backup.sh NAME_OF_IT --to=safe", untrusted="", before={"NAME_OF_IT": "nightly"})
    assert found.kind is Kind.NATIVE and found.action is not None and found.tier is Tier.T2
    assert (found.action.action, found.action.source) == ("scripts.run", "scripts/backup")
    assert dict(found.action.params) == {"place": "safe"}
    assert [(ask.name, ask.label, ask.default) for ask in found.asks] == [("name", "NAME_OF_IT", "nightly")]
    other = offer("./backup.sh x")
    assert other.action is not None and other.action.source == "scripts/other" and other.asks == ()
    unknown = offer("./restore.sh x")
    assert unknown.kind is Kind.SCRIPT and unknown.action is not None and unknown.action.action == "runbook.script"


@pytest.mark.parametrize(
    ("command", "blocked"),
    [
        ("gcloud run revisions list --service=shop --region=europe-west1", ""),
        ("ls", ""),
        ("systemctl restart shop", "this profile is read-only"),
        ("gcloud run services update-traffic shop --region=europe-west1 --to-latest", "this profile is read-only"),
    ],
)
def test_a_read_only_profile_lets_through_what_reads(offer: Offer, command: str, blocked: str) -> None:
    assert offer(command, read_only=True).blocked == blocked


def test_what_is_no_command_of_a_shell_is_shown_with_the_reason(offer: Offer) -> None:
    found = offer("cd /srv/shop")
    assert found.look is None and found.action is None
    assert found.reason.startswith("It is not run from here: it only prepares a shell")
