"""Which kubectl commands the actions on workloads stand in for, and which only look alike."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cockpit.actions.kube import rollouts
from cockpit.model.action import Tier
from cockpit.model.command import Intent
from cockpit.runbooks.shell.blocks import commands_of

LIVE = '{"spec":{"selector":{"version":"green"}}}'
AT = '"path":"/spec/selector/a~1b"'
TESTED = f'[{{"op":"test",{AT},"value":"x"}},{{"op":"replace",{AT},"value":"y"}}]'


def meant(command: str) -> Intent | None:
    (found,) = commands_of(command, language="bash", line=1)
    (call,) = found.calls
    answers = [each.understand(call) for each in rollouts.REPLACES]
    told = [each for each in answers if each is not None]
    assert len(told) <= 1, "a command means one action"
    return told[0] if told else None


API = {"workload": "deployment/api"}


@pytest.mark.parametrize(
    ("command", "action", "params"),
    [
        ("kubectl rollout undo deployment/api", "undo", API),
        ("kubectl rollout undo deploy api --to-revision=3", "undo", {**API, "revision": "3"}),
        ("kubectl rollout undo deployment/api --to-revision=0", "undo", API),
        ("kubectl rollout undo sts/db", "undo", {"workload": "statefulset/db"}),
        ("kubectl rollout restart daemonset/agent", "restart", {"workload": "daemonset/agent"}),
        ("kubectl rollout pause deployment/api", "pause", API),
        ("kubectl rollout resume deployments.apps/api", "resume", API),
        ("kubectl scale deployment api --replicas=5", "scale", {**API, "replicas": "5"}),
        ("kubectl scale --replicas 5 --current-replicas=3 deploy/api", "scale",
         {**API, "replicas": "5", "expect": "3"}),
        ("kubectl set image deployment/api app=reg/api:v2", "image",
         {**API, "container": "app", "image": "reg/api:v2"}),
        (f"kubectl patch service api -p '{LIVE}'", "switch", {"service": "api", "selector": "version=green"}),
        (f"kubectl patch svc/api --type=merge --patch '{LIVE}'", "switch",
         {"service": "api", "selector": "version=green"}),
        ('kubectl patch svc api -p \'{"spec":{"selector":{"track":null}}}\'', "switch",
         {"service": "api", "selector": "track-"}),
        (f"kubectl patch svc api --type json -p '{TESTED}'", "switch", {"service": "api", "selector": "a/b=y"}),
        ("kubectl delete deployment api", "delete", API),
        ("kubectl delete deploy/api --wait=false", "delete", API),
    ],
)  # fmt: skip
def test_commands_that_are_stood_in_for(command: str, action: str, params: Mapping[str, str]) -> None:
    found = meant(f"{command} -n shop --context gke")
    assert found is not None and found.name == f"workloads.{action}"
    assert dict(found.params) == params and dict(found.target) == {"namespace": "shop", "context": "gke"}
    assert (found.differs == "") is (action == "pause")


@pytest.mark.parametrize(
    "command",
    [
        "kubectl rollout undo deployment/api --dry-run=server",
        "kubectl rollout undo deployment/api --to-revision=last",
        "kubectl rollout undo deployment/api deployment/web",
        "kubectl rollout restart deployment",
        "kubectl rollout restart deployment -l app=api",
        "kubectl rollout restart deployment/api -A",
        "kubectl rollout restart -f api.yaml",
        "kubectl rollout pause statefulset/db",
        "kubectl --kubeconfig other rollout restart deployment/api",
        "kubectl --as=admin rollout restart deployment/api",
        "kubectl scale deployment api web --replicas=5",
        "kubectl scale deployment --all --replicas=0",
        "kubectl scale daemonset agent --replicas=5",
        "kubectl scale rs api-1 --replicas=5",
        "kubectl scale deployment api --replicas=some",
        "kubectl scale deployment api --replicas=5 --resource-version=7",
        "kubectl set image deployment/api app=reg/api:v2 proxy=reg/proxy:v2",
        "kubectl set image deployment/api '*=reg/api:v2'",
        "kubectl set image deployment/api app=reg/api:v2 --local",
        "kubectl set image pod/api app=reg/api:v2",
        f"kubectl patch deployment api -p '{LIVE}'",
        f"kubectl patch service api -p '{LIVE}' --type=strange",
        'kubectl patch service api -p \'{"spec":{"selector":{"version":"green"},"type":"NodePort"}}\'',
        'kubectl patch service api -p \'{"spec":{"selector":{}}}\'',
        'kubectl patch service api -p \'{"spec":{"selector":{"version":5}}}\'',
        'kubectl patch service api --type=json -p \'[{"op":"remove","path":"/spec/selector/version"}]\'',
        "kubectl patch service api -p 'spec: {selector: {version: green}}'",
        'kubectl patch service api -p "{\\"spec\\":{\\"selector\\":{\\"version\\":\\"$COLOUR\\"}}}"',
        "kubectl delete deployment api web",
        "kubectl delete deployment --all",
        "kubectl delete deployment api --cascade=orphan",
        "kubectl delete deployment api --dry-run=server",
        "kubectl delete deployment,service api",
        "kubectl delete pod api",
    ],
)
def test_commands_that_say_more_or_mean_something_else(command: str) -> None:
    assert meant(command) is None


def test_what_is_to_be_filled_in_is_asked_for() -> None:
    found = meant("kubectl scale deployment <name> --replicas=<count> -n shop")
    assert found is not None and dict(found.params) == {}
    assert {key: each.spelled for key, each in found.asks.items()} == {
        "workload": "deployment/<name>",
        "replicas": "<count>",
    }


def test_taking_all_pods_away_weighs_more_and_what_is_lost_is_said() -> None:
    found = meant("kubectl scale deployment/api --replicas=0")
    assert found is not None and found.tier is Tier.T3 and "hold in memory" in found.differs
    back = meant("kubectl rollout undo deployment/api")
    assert back is not None and "done twice, it brings the bad one back" in back.differs
    switch = meant(f"kubectl patch service api -p '{LIVE}'")
    assert switch is not None and "then nobody is served" in switch.differs
