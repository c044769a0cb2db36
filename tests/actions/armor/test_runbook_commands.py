"""Which commands of a runbook the actions on a policy stand in for, with what, and which they leave alone."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from cockpit.actions import armor
from cockpit.model.action import Outcome, Tier
from cockpit.model.command import Call, Intent
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of
from cockpit.sandbox.gcp.armor import Rule

POLICIES = "gcloud compute security-policies"
CREATE = f"{POLICIES} rules create 1200 --security-policy=edge"
FIREWALL = "gcloud compute firewall-rules create no-scraper"
ATTACKER = "--src-ip-ranges=198.51.100.7"
SOURCES = "--action=DENY --rules=all --source-ranges=198.51.100.7"


def call_of(text: str) -> Call:
    (command,) = commands_of(text, language="bash", line=1)
    return next(call for call in command.calls if not call.substituted)


def understood(text: str) -> Intent | None:
    """By the declarations, of which at most one may feel meant."""
    found = [intent for each in armor.REPLACES if (intent := each.understand(call_of(text)))]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        (
            f"{CREATE} --action=deny-404 {ATTACKER}",
            "armor.deny",
            {"address": "198.51.100.7", "at": "1200", "code": "404"},
        ),
        (
            f"{CREATE} --action deny-403 --src-ip-ranges '198.51.100.7,192.0.2.0/28' --description='bad' --quiet",
            "armor.deny",
            {"address": "198.51.100.7,192.0.2.0/28", "at": "1200", "code": "403"},
        ),
        (f"{POLICIES} rules delete 1200 --security-policy=edge --quiet", "armor.lift", {"priority": "1200"}),
        (f"{POLICIES} update edge --enable-layer7-ddos-defense", "armor.adaptive", {"wanted": "on"}),
        (f"{POLICIES} update edge --no-enable-layer7-ddos-defense --global", "armor.adaptive", {"wanted": "off"}),
        (f"{FIREWALL} {SOURCES}", "armor.deny", {"address": "198.51.100.7"}),
        (
            f"{FIREWALL} --action=deny --rules=tcp:80,tcp:443 --source-ranges=198.51.100.0/28 --direction=INGRESS"
            " --network=main --priority=10 --description=scraper",
            "armor.deny",
            {"address": "198.51.100.0/28"},
        ),
    ],
)
def test_a_command_is_understood_with_its_own_values(text: str, name: str, params: dict[str, str]) -> None:
    intent = understood(f"{text} --project=pay-prod")
    assert intent is not None and (intent.name, dict(intent.params)) == (name, params)
    policy = {} if "firewall" in text else {"policy": "edge"}
    assert dict(intent.target) == {"project": "pay-prod", **policy}


@pytest.mark.parametrize(
    "text",
    [
        f"{CREATE} --action=allow {ATTACKER}",
        f"{CREATE} --action=deny-429 {ATTACKER}",
        f"{CREATE} --action=deny-403 --expression=true",
        f"{CREATE} --action=deny-403 {ATTACKER} --preview",
        f"{CREATE} --action=deny-403 {ATTACKER} --region=europe-west4",
        f"{CREATE} {ATTACKER}",
        f"{POLICIES} rules create 1200 --action=deny-403 {ATTACKER}",
        f"{POLICIES} rules create high --security-policy=edge --action=deny-403 {ATTACKER}",
        f"{POLICIES} rules create 1200 1201 --security-policy=edge --action=deny-403 {ATTACKER}",
        f"{POLICIES} rules update 1200 --security-policy=edge --action=deny-403",
        f"{POLICIES} rules delete 1200 1201 --security-policy=edge",
        f"{POLICIES} rules delete 1200",
        f"{POLICIES} update edge --enable-layer7-ddos-defense --log-level=VERBOSE",
        f"{POLICIES} update edge --json-parsing=STANDARD",
        f"{POLICIES} update edge",
        f"{POLICIES} update --enable-layer7-ddos-defense",
        f"{POLICIES} delete edge",
        f"CLOUDSDK_CORE_PROJECT=other {CREATE} --action=deny-403 {ATTACKER}",
        f"ssh bastion {CREATE} --action=deny-403 {ATTACKER}",
        f"{FIREWALL} {SOURCES} --target-tags=bastion",
        f"{FIREWALL} {SOURCES} --target-service-accounts=vm@pay.example",
        f"{FIREWALL} {SOURCES} --direction=EGRESS",
        f"{FIREWALL} {SOURCES} --destination-ranges=192.0.2.0/28",
        f"{FIREWALL} --action=DENY --rules=tcp:22 --source-ranges=198.51.100.7",
        f"{FIREWALL} --action=ALLOW --rules=all --source-ranges=198.51.100.7",
        f"{FIREWALL} --allow=tcp:443 --source-ranges=198.51.100.7",
        f"{FIREWALL} --action=DENY --rules=all",
        "gcloud compute firewall-rules delete no-scraper",
    ],
)
def test_what_says_more_or_something_else_is_left_alone(text: str) -> None:
    assert understood(text) is None


def test_what_differs_is_said() -> None:
    deny = understood(f"{CREATE} --action=deny-403 {ATTACKER}")
    described = understood(f"{CREATE} --action=deny-403 {ATTACKER} --description=x")
    firewall = understood(f"{FIREWALL} {SOURCES}")
    lift = understood(f"{POLICIES} rules delete 1200 --security-policy=edge")
    assert deny and described and firewall and lift
    assert "until when" in deny.differs and "description" not in deny.differs
    assert "description is the cockpit's" in described.differs
    assert "Cloud Run and external load balancers never ask it" in firewall.differs
    assert "no other" in lift.differs


def test_what_is_to_be_filled_in_is_asked_for() -> None:
    intent = understood(
        f"{POLICIES} rules create 1200 --security-policy=edge --action=deny-403 --src-ip-ranges=<who>"
    )
    assert intent is not None and dict(intent.params) == {"at": "1200", "code": "403"}
    assert [(name, mark.name) for name, mark in intent.asks.items()] == [("address", "who")]
    rule = understood(f"{POLICIES} rules delete RULE_PRIORITY --security-policy=edge")
    assert rule is not None and rule.asks["priority"].name == "RULE_PRIORITY"


def test_it_is_never_rated_milder_than_the_action() -> None:
    for text in (f"{CREATE} --action=deny-403 {ATTACKER}", f"{POLICIES} rules delete 1 --security-policy=edge"):
        (command,) = commands_of(text, language="bash", line=1)
        assert understand(command, armor.REPLACES).tier >= Tier.T2


async def _gcloud(line: str, url: str, token: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(token.parent),
        "CLOUDSDK_CONFIG": str(token.parent / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_CORE_PROJECT": "demo-shop",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{url}/compute/v1/",
    }
    process = await asyncio.create_subprocess_exec(
        *shlex.split(line),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()


@pytest.mark.parametrize(
    "line",
    [
        f"{CREATE} --action=deny-404 --src-ip-ranges=198.51.100.7,192.0.2.0/28",
        f"{POLICIES} rules delete 900 --security-policy=edge",
        f"{POLICIES} update edge --enable-layer7-ddos-defense",
    ],
)
async def test_gcloud_itself_leaves_the_same_policy_but_for_the_description(
    rig: Any, tmp_path: Path, line: str
) -> None:
    """The command, on the same plane: what it leaves is what the action leaves."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed here")
    token = tmp_path / "token"
    token.write_text(rig.plane.tokens.issue())
    policy = rig.plane.compute.policies["edge"]

    def state() -> object:
        return {each: {**rule, "description": ""} for each, rule in policy.rules.items()}, dict(policy.adaptive)

    def begin() -> None:
        rig.add(Rule(900, "deny(403)", ("192.0.2.200",)))
        policy.rules.pop(1200, None)
        policy.adaptive = {}

    begin()
    await _gcloud(line, rig.policy._api.base_url, token)
    by_gcloud = state()
    begin()
    intent = understood(line)
    assert intent is not None
    result = await rig.run(await rig.plan(intent.name, **intent.params))
    assert result.outcome is Outcome.SUCCEEDED and state() == by_gcloud


async def test_what_a_plan_offers_to_paste_does_the_same(rig: Any, tmp_path: Path) -> None:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed here")
    token = tmp_path / "token"
    token.write_text(rig.plane.tokens.issue())
    plan = await rig.plan("armor.deny", address="198.51.100.7")
    (line,) = plan.equivalent
    await _gcloud(line, rig.policy._api.base_url, token)
    by_hand = rig.rules.pop(9999)
    await rig.run(plan)
    assert rig.rules[9999] == by_hand
