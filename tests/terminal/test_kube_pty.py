"""A crash after a deployment by keys alone: on a real terminal, against a real API server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ..servers.kube.fixtures import Namespace
from ..servers.kube.things import service, workload
from .test_guide_pty import COCKPIT, answered, entries, pause, typed

pytestmark = pytest.mark.pty
REASON = "crashes since the deployment"
PROFILE = """
system = "shop"
environment = "test"

[[kubernetes]]
name = "main"
kubeconfig = "{config}"
interval = "0.5s"
"""


def deploy(namespace: Namespace, version: str) -> None:
    namespace.apply(workload("api", f"reg.test/api:{version}"))


def test_from_the_finding_to_a_roll_back_that_was_seen_to_hold(
    start: Any, namespace: Namespace, tmp_path: Path
) -> None:
    deploy(namespace, "v1")
    namespace.apply(service("api", {"app": "api"}))
    namespace.rolled_out("api")
    deploy(namespace, "v2-crash")
    profile = tmp_path / "shop.toml"
    profile.write_text(PROFILE.format(config=namespace.kubeconfig()), encoding="utf-8")
    host = start.command(
        [*COCKPIT, str(profile)], columns=120, lines=40, ready="", env={"XDG_STATE_HOME": str(tmp_path / "state")}
    )
    host.until(lambda: "deployment/api crashes since revision 2" in host.text, "the finding", 60)
    answered(host, "f", lambda: "Findings, the cause first" in host.text, "the findings are open")
    typed(host, "\r")
    host.shows(
        "Roll deployment/api back to revision 1",
        "PATCH",
        "granted: patch deployments.apps",
        f"kubectl --context test -n {namespace.name}",
        deadline_s=20,
    )
    pause(host, 0.7)
    typed(host, "!")
    host.shows("reason")
    pause(host, 0.7)
    typed(host, f"{REASON}\r")
    host.shows("Cancel y")  # offered once it is armed
    answered(host, "y", lambda: "on TEST shop" not in host.text, "the plan is agreed to")
    host.shows("recovered", deadline_s=120)
    host.until(lambda: re.search(r"api +2/2", host.text), "the pane says so", 30)
    assert namespace.get("deployments/api", "apps/v1")["spec"]["template"]["spec"]["containers"][0]["image"].endswith(
        "v1"
    )
    facts = [(entry["event"], entry["facts"]) for entry in entries(tmp_path / "state")]
    acted = [name for name, _ in facts if name in ("armed", "intent", "outcome", "verified", "verdict")]
    assert acted == ["armed", "intent", "outcome", "verified", "verdict"]
    assert dict(facts)["intent"]["reason"] == REASON and dict(facts)["verdict"]["verdict"] == "recovered"
