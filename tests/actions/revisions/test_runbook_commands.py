"""Which commands of a runbook the actions on a service stand in for, with what, and which they leave alone."""

from __future__ import annotations

import pytest

from cockpit.actions import revisions
from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent
from cockpit.runbooks.shell.blocks import commands_of

UPDATE = "gcloud run services update pay --region=europe-west4"
TRAFFIC = "gcloud run services update-traffic pay --region=europe-west4"


def call_of(text: str) -> Call:
    (command,) = commands_of(text, language="bash", line=1)
    assert command.broken == ""
    return next(call for call in command.calls if not call.substituted)


def understood(text: str) -> Intent | None:
    """By the declarations, of which at most one may feel meant."""
    found = [intent for each in revisions.REPLACES if (intent := each.understand(call_of(text)))]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        (f"{TRAFFIC} --to-revisions=pay-00007-abc=100", "revisions.rollback", {"revision": "pay-00007-abc"}),
        (
            f"{TRAFFIC} --to-revisions pay-00007-abc=5",
            "revisions.split",
            {"revision": "pay-00007-abc", "percent": "5"},
        ),
        (f"{TRAFFIC} --to-revisions=LATEST=100", "revisions.promote", {"to": "latest"}),
        (
            f"{TRAFFIC} --to-revisions=pay-1=90,LATEST=10",
            "revisions.restore",
            {"traffic": "pay-1=90,latest=10", "tags": "keep"},
        ),
        (f"{TRAFFIC} --to-latest", "revisions.promote", {"to": "latest"}),
        (f"{TRAFFIC} --to-tags=beta=25", "revisions.split", {"tag": "beta", "percent": "25"}),
        (f"{TRAFFIC} --to-tags=beta=100 --quiet --async", "revisions.promote", {"to": "beta"}),
        (f"{UPDATE} --min=2", "revisions.scale", {"min": "2"}),
        (f"{UPDATE} --min=default", "revisions.scale", {"min": "0"}),
        (f"{UPDATE} --scaling=auto", "revisions.resume", {}),
        (f"{UPDATE} --scaling=4", "revisions.resume", {"instances": "4"}),
        (f"{UPDATE} --memory=2Gi --cpu=2", "revisions.memory", {"memory": "2Gi", "cpu": "2"}),
        (f"{UPDATE} --image=reg/pay:v8", "revisions.deploy", {"image": "reg/pay:v8"}),
        (
            "gcloud run deploy pay --image reg/pay:v8 --region europe-west4",
            "revisions.deploy",
            {"image": "reg/pay:v8"},
        ),
        (f"{UPDATE} --ingress=all", "revisions.ingress", {"ingress": "all"}),
        (f"{TRAFFIC} --update-tags=beta=pay-2", "revisions.tag", {"tag": "beta", "revision": "pay-2"}),
        (f"{TRAFFIC} --remove-tags=beta", "revisions.untag", {"tag": "beta"}),
        ("gcloud beta run services update pay --region=europe-west4 --scaling=0", "revisions.stop", {}),
    ],
)
def test_a_command_that_does_the_same(text: str, name: str, params: dict[str, str]) -> None:
    intent = understood(text)
    assert intent is not None
    assert (intent.name, dict(intent.params), dict(intent.asks), intent.differs) == (name, params, {}, "")
    assert dict(intent.target) == {"service": "pay", "region": "europe-west4"}


@pytest.mark.parametrize(
    ("text", "name", "params", "says"),
    [
        (UPDATE, "revisions.restart", {}, "restarts nothing"),
        (f"{UPDATE} --update-env-vars=RESTARTED_AT=20250101", "revisions.restart", {}, "no mark"),
        (f'{UPDATE} --update-env-vars="FORCE_REDEPLOY=$(date +%s)"', "revisions.restart", {}, "no mark"),
        (f"{UPDATE} --revision-suffix=again", "revisions.restart", {}, "no mark"),
        (f"{UPDATE} --max-instances=40", "revisions.scale", {"max": "40"}, "at service level"),
        (f"{UPDATE} --max-instances=0", "revisions.stop", {}, "manual scaling with 0"),
        (f"{UPDATE} --min-instances=0 --max-instances=0", "revisions.stop", {}, "manual scaling with 0"),
        (f"{UPDATE} --no-traffic", "revisions.pin", {}, "restarts nothing"),
        (f"{TRAFFIC} --to-latest=100", "revisions.promote", {"to": "latest"}, "refuses a value"),
    ],
)
def test_a_command_that_does_something_else_than_it_is_meant_for(
    text: str, name: str, params: dict[str, str], says: str
) -> None:
    intent = understood(text)
    assert intent is not None
    assert (intent.name, dict(intent.params)) == (name, params)
    assert says in intent.differs and intent.differs.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        f"{TRAFFIC} --to-revisions=LATEST=10",  # a share for whatever is latest
        f"{TRAFFIC} --to-revisions=pay-1=50,pay-2=20",  # gcloud makes up the rest
        f"{TRAFFIC} --to-revisions=pay-1",
        f"{TRAFFIC} --to-revisions=pay-1=110",
        f"{TRAFFIC} --to-latest=10",
        f"{TRAFFIC} --to-latest --set-tags=beta=pay-1",
        f"{TRAFFIC} --to-tags=beta=20,gamma=30",
        TRAFFIC,
        f"{UPDATE} --memory=2Gi --no-traffic",
        f"{UPDATE} --max-instances=20 --no-traffic",
        f"{UPDATE} --max=3 --max-instances=5",
        f"{UPDATE} --max-instances=default",
        f"{UPDATE} --max-instances=many",
        f"{UPDATE} --update-env-vars=RESTART_POLICY=always",
        f"{UPDATE} --update-env-vars=RESTARTED_AT=1,DEBUG=1",
        f"{UPDATE} --set-env-vars=RESTARTED_AT=1",
        f"{UPDATE} --clear-labels",
        f"{UPDATE} --platform=gke",
        f"{UPDATE} --impersonate-service-account=root@x.iam.gserviceaccount.com",
        "gcloud run deploy pay --image reg/pay:v8 --no-traffic",
        "gcloud run deploy pay --source .",
        "gcloud run services delete pay",
        "gcloud run services describe pay",
        "ssh jump gcloud run services update pay",
        "CLOUDSDK_CORE_ACCOUNT=root@shop.example gcloud run services update pay --memory=1Gi",
        "kubectl rollout restart deployment/pay",
    ],
)
def test_a_command_that_no_action_is_the_same_as(text: str) -> None:
    assert understood(text) is None


@pytest.mark.parametrize(
    ("text", "name", "params", "asks"),
    [
        (f"{TRAFFIC} --to-revisions=PREV_REVISION=100", "revisions.rollback", {}, {"revision": "PREV_REVISION"}),
        (f"{TRAFFIC} --to-revisions=<good-revision>=100", "revisions.rollback", {}, {"revision": "<good-revision>"}),
        (f"{TRAFFIC} --to-revisions=$PREV=20", "revisions.split", {"percent": "20"}, {"revision": "$PREV"}),
        (f"{TRAFFIC} --to-tags=beta=<percent>", "revisions.split", {"tag": "beta"}, {"percent": "<percent>"}),
        (f"{UPDATE} --max-instances=<count>", "revisions.scale", {}, {"max": "<count>"}),
        (f"{UPDATE} --image=reg/pay:${{TAG}}", "revisions.deploy", {}, {"image": "reg/pay:${TAG}"}),
    ],
)
def test_what_has_to_be_filled_in_is_asked_for(
    text: str, name: str, params: dict[str, str], asks: dict[str, str]
) -> None:
    intent = understood(text)
    assert intent is not None
    assert (intent.name, dict(intent.params)) == (name, params)
    assert {param: each.spelled for param, each in intent.asks.items()} == asks


def test_a_revision_that_another_command_finds_is_one_thing_to_fill_in() -> None:
    inner = 'gcloud run revisions list --service=pay --format="value(name)" --limit=2 | tail -1'
    intent = understood(f"{TRAFFIC} --to-revisions=$({inner})=100")
    assert intent is not None and intent.name == "revisions.rollback"
    assert [each.spelled for each in intent.asks.values()] == [f"$({inner})"]


def test_a_service_that_is_to_be_filled_in_names_no_target() -> None:
    intent = understood("gcloud run services update <service> --memory=1Gi --region=$REGION --project=pay-prod")
    assert intent is not None
    assert dict(intent.target) == {"project": "pay-prod"}


def test_ingress_that_cuts_somebody_off_weighs_more() -> None:
    for word, tier in (("internal", Tier.T3), ("internal-and-cloud-load-balancing", Tier.T3), ("all", None)):
        intent = understood(f"{UPDATE} --ingress={word}")
        assert intent is not None and intent.tier is tier


def test_every_declaration_is_of_an_action_with_its_tier_and_the_parameters_are_declared() -> None:
    specs = {spec.id: spec for spec in revisions.SPECS}
    assert {each.name for each in revisions.REPLACES} == set(specs) - {"revisions.restore_scale"}
    for each in revisions.REPLACES:
        assert (each.program, each.tier) == ("gcloud", specs[each.name].tier)
    intent = understood(f"{TRAFFIC} --to-tags=beta=<percent>")
    assert intent is not None
    known = {param.name for param in specs[intent.name].params}
    assert {*intent.params, *intent.asks} <= known
