"""Lines of runbooks that back a namespace up, delete it, or run something in a pod: what each amounts to, or none."""

from __future__ import annotations

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.action import Tier
from cockpit.model.command import Kind, Understanding
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of


def understood(line: str) -> Understanding:
    (command,) = commands_of(line, language="bash", line=1)
    return understand(command, replacements())


@pytest.mark.parametrize(
    ("line", "params", "asks"),
    [
        ("kubectl exec -it web-0 -n shop -- bash", {"pod": "web-0"}, {}),
        ("kubectl exec -it pod/web-0 -c app -- /bin/sh", {"pod": "web-0", "container": "app"}, {}),
        ("kubectl exec -it <pod> -- nslookup db", {"command": "nslookup db"}, {"pod": "<pod>"}),
        ("kubectl exec web-0 -- env | grep PORT", {"pod": "web-0", "command": "env"}, {}),
        (
            "kubectl exec -it web-0 -- psql $DSN -c 'SELECT 1'",
            {"pod": "web-0", "command": "sh -c 'psql $DSN -c '\"'\"'SELECT 1'\"'\"''"},
            {},
        ),
        (
            'kubectl exec web-0 -- sh -c \'psql "$DSN" -c "SELECT 1"\'',
            {"pod": "web-0", "command": 'sh -c \'psql "$DSN" -c "SELECT 1"\''},
            {},
        ),
    ],
)
def test_what_only_looks_in_a_pod_is_a_shell_there(line: str, params: dict[str, str], asks: dict[str, str]) -> None:
    found = understood(line)
    assert (found.kind, found.action, found.tier) == (Kind.NATIVE, "workloads.shell", Tier.T2)
    assert found.intent is not None
    assert dict(found.intent.params) == params
    assert {name: each.spelled for name, each in found.intent.asks.items()} == asks
    assert ("those of the pod" in found.intent.differs) == (line.count("$DSN -c") > 0)


@pytest.mark.parametrize(
    "line",
    [
        "kubectl exec web-0 -- rm -rf /tmp/x",
        "kubectl exec web-0 -- sh -c 'ls; rm x'",
        "kubectl exec web-0 -- ls $(rm x)",
        "kubectl exec web-0 -- date -s 2020-01-01",
        "kubectl exec web-0 -- cat /etc/hosts > hosts",
        "kubectl exec -i web-0 -- psql < dump.sql",
        "kubectl exec deployment/web -- ls",
        "kubectl exec web-0 --kubeconfig other -- ls",
        "kubectl --as root exec web-0 -- ls",
        "kubectl debug web-0 -it --image busybox -- sh",
        "kubectl get pod web-0 -o yaml > pod.yaml",
        "kubectl get pods -o yaml > pods.yaml",
        "kubectl get all -A -o yaml > all.yaml",
        "kubectl get all -n shop > all.txt",
        "kubectl delete namespace shop other",
    ],
)
def test_what_changes_something_or_is_not_all_understood_stays_a_script(line: str) -> None:
    assert understood(line).kind is Kind.SCRIPT


def test_a_file_of_get_all_is_a_backup_and_the_command_says_what_it_lacks() -> None:
    for kinds in ("all", "all,configmaps,secrets", "roles,rolebindings"):
        found = understood(f"kubectl get {kinds} -n shop -o yaml > backup-$(date +%F).yaml")
        assert (found.kind, found.action, found.tier) == (Kind.NATIVE, "cluster.backup", Tier.T1)
        assert found.intent is not None and dict(found.intent.target) == {"namespace": "shop"}
        assert "secrets as plain text" in found.intent.differs


def test_deleting_a_namespace_leads_to_the_refusal() -> None:
    found = understood("kubectl delete ns shop")
    assert (found.action, found.tier) == ("cluster.delete_namespace", Tier.T4)
    assert found.intent is not None and dict(found.intent.params) == {"namespace": "shop"}
    asked = understood("kubectl delete namespace <name>")
    assert asked.intent is not None and set(asked.intent.asks) == {"namespace"}


@pytest.mark.parametrize("name", ["tls-secret", "shop-tls", "api.cert", "wildcard-certs"])
def test_who_deletes_a_live_certificate_is_offered_to_renew_it(name: str) -> None:
    found = understood(f"kubectl delete secret {name} -n shop")
    assert (found.kind, found.action, found.tier) == (Kind.NATIVE, "cluster.renew", Tier.T4)
    assert found.intent is not None and found.intent.params == {"secret": name}
    assert "It deletes nothing" in found.intent.differs


@pytest.mark.parametrize(
    "line", ["kubectl delete secret title", "kubectl delete secret a-tls b-tls", "kubectl get secret a-tls"]
)
def test_other_secrets_are_no_certificates(line: str) -> None:
    assert understood(line).action != "cluster.renew"
