"""Whether the profile's context is the cluster that a runbook's get-credentials names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import Refused
from cockpit.looks import credentials
from cockpit.looks.book import LookBook
from cockpit.model.command import Intent
from cockpit.model.estate import GkeCluster
from cockpit.model.look import LookRequest, Sight
from cockpit.model.severity import Severity
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "cluster/main"
CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
FOUND = GkeCluster("gke_p_r1_main", ("203.0.113.9", "main.gke.goog"), CA, "RUNNING", "", "1.33")


@dataclass(frozen=True)
class Placed:
    context: str = "gke_p_r1_main"
    server: str = "https://203.0.113.9"
    authority: str = CA.replace("\n", "\r\n")


async def look(place: Placed, found: GkeCluster = FOUND, **params: str) -> tuple[Sight, list[tuple[str, str, str]]]:
    asked: list[tuple[str, str, str]] = []

    async def ask(project: str, location: str, name: str) -> GkeCluster:
        asked.append((project, location, name))
        return found

    looker = credentials.CredentialsLook(SOURCE, lambda: place, ask, ManualClock(datetime(2026, 3, 1, tzinfo=UTC)))
    book = LookBook(credentials.SPECS, [looker])
    sight = await book.look(LookRequest("cluster.credentials", SOURCE, {"cluster": "main", **params}))
    return sight, asked


async def test_the_context_is_that_cluster() -> None:
    sight, asked = await look(Placed())
    assert asked == [("p", "r1", "main")], "its name says where it is"
    assert (sight.severity, sight.summary) == (
        Severity.OK,
        "context gke_p_r1_main is gke_p_r1_main: nothing has to be written",
    )
    assert sight.lines[0] == "gcloud would write: context gke_p_r1_main, server https://203.0.113.9"
    assert sight.lines[1].rpartition(" ")[2] == sight.lines[3].rpartition(" ")[2], "the same authority"


@pytest.mark.parametrize(
    ("place", "severity", "said"),
    [
        (Placed(server="https://127.0.0.1:8443"), Severity.OK, "reached at https://127.0.0.1:8443"),
        (Placed(server="https://main.gke.goog", authority=""), Severity.OK, "by its address"),
        (Placed(authority="another"), Severity.WARN, "has to be written again"),
        (Placed(server="https://198.51.100.1", authority="another"), Severity.WARN, "is another cluster than"),
        (Placed(server="https://198.51.100.1", authority=""), Severity.WARN, "is another cluster than"),
    ],
)
async def test_it_is_told_by_its_authority_then_by_its_address(place: Placed, severity: Severity, said: str) -> None:
    sight, _ = await look(place)
    assert sight.severity is severity and said in sight.summary


async def test_a_cluster_that_does_not_run_is_told() -> None:
    sight, _ = await look(Placed(), replace(FOUND, state="ERROR", said="no quota", addresses=()))
    assert sight.severity is Severity.WARN and sight.summary.endswith("the cluster is ERROR")
    assert sight.lines[-1] == "cluster: ERROR, 1.33, no quota" and "no address yet" in sight.lines[0]


async def test_where_neither_command_nor_context_says_it_nothing_is_guessed() -> None:
    with pytest.raises(Refused, match="project of the cluster is needed"):
        await look(Placed("mine"))
    with pytest.raises(Refused, match="location of the cluster is needed"):
        await look(Placed("mine"), project="p")
    _, asked = await look(Placed("mine"), project="q", location="z")
    assert asked == [("q", "z", "main")]


def meant(text: str) -> Intent | None:
    (command,) = commands_of(text, language="bash", line=1)
    return credentials.REPLACES[0].understand(command.calls[0])


def test_the_command_and_what_is_to_be_filled_in() -> None:
    found = meant("gcloud container clusters get-credentials main --zone=z --project=p --internal-ip")
    assert found is not None
    assert dict(found.params) == {"cluster": "main", "location": "z", "project": "p"} and not found.target
    assert "stays as it is" in found.differs
    found = meant("gcloud container clusters get-credentials $CLUSTER --region r1")
    assert found is not None and found.asks["cluster"].spelled == "$CLUSTER"


@pytest.mark.parametrize(
    "text",
    [
        "gcloud container clusters get-credentials",
        "gcloud container clusters describe main --region=r1",
        "gcloud container clusters get-credentials main --region=r1 --impersonate-service-account=a@b",
        "KUBECONFIG=/tmp/other gcloud container clusters get-credentials main --region=r1",
    ],
)
def test_what_says_more_is_left_alone(text: str) -> None:
    assert meant(text) is None
