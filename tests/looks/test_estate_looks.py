"""Looks at what a project has beside its services: what they say, and which gcloud commands they stand in for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import NotFound, Refused
from cockpit.looks import estate
from cockpit.looks.book import LookBook
from cockpit.model.command import Intent
from cockpit.model.estate import Thing, Things
from cockpit.model.look import LookRequest, Sight
from cockpit.model.severity import Severity
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "revisions/shop"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WELL = Thing("www.shop.example", "ready", Severity.OK, ("to shop",), ("Ready: ready", "record: www CNAME ghs."))
LATE = Thing("new.shop.example", "pending", Severity.WARN, ("to shop", "CertificatePending"))


class Project:
    project = "pay-prod"

    def __init__(self, found: Things, region: str = "r1") -> None:
        self.found, self.region = found, region
        self.asked: list[str] = []

    async def domains(self, region: str) -> Things:
        self.asked.append(region)
        return self.found

    async def connectors(self, region: str) -> Things:
        self.asked.append(region)
        return self.found

    async def machines(self) -> Things:
        return self.found

    async def quotas(self) -> Things:
        return self.found

    async def versions(self, image: str) -> Things:
        self.asked.append(image)
        return self.found


async def look(name: str, project: Project, **params: str) -> Sight:
    book = LookBook(estate.SPECS, estate.lookers(SOURCE, project, ManualClock(NOW)))
    return await book.look(LookRequest(name, SOURCE, params))


async def test_a_list_names_what_is_not_well_first() -> None:
    project = Project(Things((WELL, LATE)))
    sight = await look("estate.domains", project)
    assert (sight.severity, sight.at) == (Severity.WARN, NOW) and project.asked == ["r1"]
    assert sight.summary == "2 domain mappings in r1; new.shop.example pending"
    assert sight.lines == (
        "www.shop.example  ready  to shop",
        "new.shop.example  pending  to shop  CertificatePending",
    )
    await look("estate.connectors", project, region="r2")
    assert project.asked[-1] == "r2"


async def test_one_alone_with_all_that_is_known() -> None:
    project = Project(Things((WELL, LATE)))
    sight = await look("estate.domains", project, domain="www.shop.example")
    assert (sight.summary, sight.severity) == ("www.shop.example is ready", Severity.OK)
    assert sight.lines == ("to shop", "Ready: ready", "record: www CNAME ghs.")
    with pytest.raises(NotFound, match=r"other\.example is not among the domain mappings in r1") as caught:
        await look("estate.domains", project, domain="other.example")
    assert "www.shop.example" in caught.value.hint


async def test_what_did_not_answer_is_no_all_clear() -> None:
    silent = Project(Things((WELL,), silent=("zone-b",), cut=True))
    sight = await look("estate.machines", silent)
    assert sight.severity is Severity.UNKNOWN and sight.cut
    assert sight.lines[0] == "no answer from zone-b: what is there is not in the list"
    assert sight.summary == "1 or more machines in pay-prod"
    with pytest.raises(NotFound) as caught:
        await look("estate.machines", silent, machine="bastion")
    assert "no answer from zone-b" in caught.value.hint


async def test_quotas_and_images() -> None:
    project = Project(Things((Thing("CPUS", "96%", Severity.WARN, ("11.5 of 12",)),)))
    sight = await look("estate.quotas", project)
    assert sight.summary == "1 quotas of Compute Engine used in pay-prod; CPUS 96%"
    assert (await look("estate.images", project, image="gcr.io/p/api")).summary.startswith(
        "1 versions of gcr.io/p/api"
    )
    assert project.asked == ["gcr.io/p/api"]


async def test_without_a_region_anywhere_none_is_guessed() -> None:
    with pytest.raises(Refused, match="region is needed"):
        await look("estate.connectors", Project(Things(()), region=""))


def meant(text: str) -> Intent | None:
    (command,) = commands_of(text, language="bash", line=1)
    found = (each.understand(command.calls[0]) for each in estate.REPLACES)
    return next((intent for intent in found if intent is not None), None)


CONNECTORS = "gcloud compute networks vpc-access connectors"


@pytest.mark.parametrize(
    ("text", "name", "target", "params"),
    [
        ("gcloud beta run domain-mappings list --region=r2", "estate.domains", {}, {"region": "r2"}),
        ("gcloud run domain-mappings describe --domain=a.example --project=p", "estate.domains", {"project": "p"},
         {"domain": "a.example"}),
        ("gcloud run domain-mappings update --domain a.example --certificate C --region r2", "estate.domains", {},
         {"domain": "a.example", "region": "r2"}),
        (f"{CONNECTORS} describe inside --region=r2", "estate.connectors", {},
         {"connector": "inside", "region": "r2"}),
        (f"{CONNECTORS} list --region r2 --format=json", "estate.connectors", {}, {"region": "r2"}),
        ("gcloud compute instances list --project=p", "estate.machines", {"project": "p"}, {}),
        ("gcloud compute instances describe bastion --zone=z", "estate.machines", {}, {"machine": "bastion"}),
        ("gcloud compute ssh ann@bastion --zone=z -- -N -L 6379:10.0.0.3:6379", "estate.machines", {},
         {"machine": "bastion"}),
        ("gcloud compute project-info describe --project=p", "estate.quotas", {"project": "p"}, {}),
        ("gcloud container images list-tags gcr.io/p/api", "estate.images", {}, {"image": "gcr.io/p/api"}),
        ("gcloud artifacts docker images list r-docker.pkg.dev/p/r/api --include-tags", "estate.images", {},
         {"image": "r-docker.pkg.dev/p/r/api"}),
    ],
)  # fmt: skip
def test_commands_that_are_answered(text: str, name: str, target: dict[str, str], params: dict[str, str]) -> None:
    found = meant(text)
    assert found is not None
    assert (found.name, dict(found.target), dict(found.params)) == (name, target, params)
    spec = next(each for each in estate.SPECS if each.id == name)
    assert found.pane is spec.pane and set(params) <= {param.name for param in spec.params}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gcloud run domain-mappings update --domain=a.example --certificate=C", "gcloud has no such command"),
        ("gcloud compute ssh bastion -- -N -L 1:h:2", "No tunnel is opened"),
        ("gcloud compute project-info describe", "Compute Engine"),
        ("gcloud compute instances list --filter=name:web", "not applied"),
        ("gcloud container images list-tags gcr.io/p/api --limit=5", "not applied"),
        ("gcloud compute instances list", ""),
    ],
)
def test_what_differs_is_said(text: str, said: str) -> None:
    found = meant(text)
    assert found is not None and said in found.differs and bool(said) is bool(found.differs)


def test_what_is_to_be_filled_in_is_asked_for() -> None:
    found = meant("gcloud run domain-mappings describe --domain=$DOMAIN --region=<region>")
    assert found is not None and not found.params
    assert {name: each.spelled for name, each in found.asks.items()} == {"domain": "$DOMAIN", "region": "<region>"}


@pytest.mark.parametrize(
    "text",
    [
        "gcloud run domain-mappings create --domain=a.example --service=shop",
        "gcloud run domain-mappings delete --domain=a.example",
        "gcloud run domain-mappings describe",
        "gcloud run domain-mappings list --namespace=n --region=r",
        "gcloud run domain-mappings update --domain=a.example --service=b",
        f"{CONNECTORS} create inside --region=r",
        f"{CONNECTORS} describe --region=r",
        "gcloud compute instances stop bastion",
        "gcloud compute instances list --impersonate-service-account=a@b",
        "gcloud compute ssh bastion",
        "gcloud compute ssh bastion -- ls",
        "gcloud compute ssh bastion --command=reboot -- -N -L 1:h:2",
        "gcloud compute ssh bastion -- -N -L 1:h:2 reboot",
        "gcloud compute project-info add-metadata --metadata=a=b",
        "gcloud container images delete gcr.io/p/api",
        "gcloud container images list-tags",
    ],
)
def test_commands_that_look_alike(text: str) -> None:
    assert meant(text) is None
