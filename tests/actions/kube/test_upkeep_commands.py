"""Which kubectl commands the actions on configuration, pods and nodes stand in for, and which they do not."""

from __future__ import annotations

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.command import Kind, Understanding
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of


def understood(text: str) -> Understanding:
    (command,) = commands_of(text, language="bash", line=1)
    return understand(command, replacements())


@pytest.mark.parametrize(
    ("text", "action", "tier", "params"),
    [
        (
            """kubectl patch configmap c --patch '{"data":{"LEVEL":"DEBUG"}}'""",
            "cluster.configmap",
            "T2",
            {"configmap": "c", "key": "LEVEL", "value": "DEBUG"},
        ),
        (
            """kubectl patch cm/c --type merge -p '{"data":{"LEVEL":null}}'""",
            "cluster.configmap",
            "T2",
            {"configmap": "c", "key": "LEVEL", "exact": "null"},
        ),
        (
            """kubectl patch cm c -p '{"data":{"LEVEL":"a\\nb"}}'""",
            "cluster.configmap",
            "T2",
            {"configmap": "c", "key": "LEVEL", "exact": '"a\\nb"'},
        ),
        ("kubectl delete pod api-1 -n shop --wait=false", "workloads.evict", "T2", {"pod": "api-1"}),
        ("kubectl delete pod/api-1 --grace-period=0 --force", "workloads.evict", "T2", {"pod": "api-1"}),
        ("kubectl delete pods --field-selector=status.phase=Failed", "workloads.clear_failed", "T2", {}),
        (
            "kubectl get pods -n shop | grep Evicted | awk '{print $1}' | xargs kubectl delete pod -n shop",
            "workloads.clear_failed",
            "T2",
            {"only": "evicted"},
        ),
        (
            "kubectl get po -A | grep Evicted | awk '{print $1, $2}' | xargs -L1 kubectl delete pod -n",
            "workloads.clear_failed",
            "T2",
            {"only": "evicted"},
        ),
        ("kubectl cordon node-1", "cluster.cordon", "T3", {"node": "node-1"}),
        ("kubectl uncordon node/node-1", "cluster.uncordon", "T2", {"node": "node-1"}),
        (
            "kubectl drain node-1 --ignore-daemonsets --delete-emptydir-data --force --timeout=10m",
            "cluster.drain",
            "T3",
            {"node": "node-1", "alone": "yes", "scratch": "yes", "within": "10m"},
        ),
        ("kubectl label pod api-1 quarantine=true", "workloads.isolate", "T3", {"pod": "api-1"}),
        ("kubectl label pod api-1 version=quarantine --overwrite", "workloads.isolate", "T3", {"pod": "api-1"}),
    ],
)
def test_understood(text: str, action: str, tier: str, params: dict[str, str]) -> None:
    found = understood(text)
    assert (found.kind, found.action, found.tier.name) == (Kind.NATIVE, action, tier)
    assert found.intent is not None and dict(found.intent.params) == params
    if action != "cluster.cordon" and action != "cluster.uncordon":
        assert found.intent.differs.endswith(".")
    expected = {"namespace": "shop"} if " -n shop" in text else {}
    assert dict(found.intent.target) == expected


@pytest.mark.parametrize(
    "text",
    [
        """kubectl patch cm c -p '{"data":{"A":"1","B":"2"}}'""",
        """kubectl patch cm c -p '{"data":{"A":"1"},"metadata":{"labels":{"a":"b"}}}'""",
        """kubectl patch cm c -p '{"data":{"A":$VALUE}}'""",
        """kubectl patch cm c --type json -p '[{"op":"remove","path":"/data/A"}]'""",
        "kubectl delete pod a b",
        "kubectl delete pod -l app=api",
        "kubectl delete pods --all",
        "kubectl delete pods --field-selector=status.phase=Failed -A",
        "kubectl delete pods --field-selector=status.phase=Running",
        "kubectl get pods -n shop | grep Evicted | awk '{print $1}' | xargs kubectl delete pod -n other",
        "kubectl get pods -n shop | grep -v Evicted | awk '{print $1}' | xargs kubectl delete pod -n shop",
        "kubectl get pods -n shop | grep Evicted | awk '{system($1)}' | xargs kubectl delete pod -n shop",
        "kubectl get pods -n shop | awk '{print $1}' | xargs kubectl delete pod -n shop",
        "kubectl get pods -n shop -l app=x | grep Evicted | awk '{print $1}' | xargs kubectl delete pod -n shop",
        "kubectl get deploy -n shop | grep Evicted | awk '{print $1}' | xargs kubectl delete deploy -n shop",
        "kubectl get pods -n shop | grep Evicted | awk '{print $1}' | xargs kubectl delete pod -n shop --force",
        "kubectl cordon -l pool=old",
        "kubectl drain a b",
        "kubectl drain node-1 --timeout=0s",
        "kubectl drain node-1 --disable-eviction",
        "kubectl label pod api-1 quarantine-",
        "kubectl label pod api-1 quarantine=false",
        "kubectl label pod api-1 tier=web",
        "kubectl label pod -l app=api quarantine=true",
    ],
)
def test_not_understood_as_one_of_them(text: str) -> None:
    assert understood(text).kind is Kind.SCRIPT


def test_what_is_to_be_filled_in_is_asked_for() -> None:
    found = understood("kubectl delete pod <pod-name> -n shop").intent
    assert found is not None and [each.spelled for each in found.asks.values()] == ["<pod-name>"]
