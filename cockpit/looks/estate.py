"""Looks at what a Google Cloud project has beside the sources of a profile; each is asked for once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cockpit.adapters.gcp.commandline import RunCall, cloud_call
from cockpit.clock import Clock
from cockpit.errors import NotFound, Refused
from cockpit.looks.bound import LINES, BoundLook
from cockpit.looks.looker import Looker
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.estate import Thing, Things
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.severity import Severity, SourceKind
from cockpit.text import clean

_REGION = Param("region", ParamKind.TEXT, "which region; without it that of the profile's services", required=False)

DOMAINS = LookSpec(
    "estate.domains",
    "Domain mappings",
    SourceKind.REVISIONS,
    "The domains that lead to Cloud Run services, how their certificates are, and the records that DNS must have.",
    (Param("domain", ParamKind.TEXT, "only this one, with all that is known of it", required=False), _REGION),
    live=False,
)
CONNECTORS = LookSpec(
    "estate.connectors",
    "VPC connectors",
    SourceKind.REVISIONS,
    "Serverless VPC connectors: ready or not, network, instances.",
    (Param("connector", ParamKind.TEXT, "only this one, with all that is known of it", required=False), _REGION),
    live=False,
)
MACHINES = LookSpec(
    "estate.machines",
    "Virtual machines",
    SourceKind.ACCESS,
    "Compute Engine's machines in all zones: state, zone, kind, addresses.",
    (Param("machine", ParamKind.TEXT, "only this one, with all that is known of it", required=False),),
    live=False,
)
QUOTAS = LookSpec(
    "estate.quotas",
    "Compute quotas",
    SourceKind.ACCESS,
    "Compute Engine's quotas of the project that are used, the fullest first.",
    live=False,
)
IMAGES = LookSpec(
    "estate.images",
    "Versions of an image",
    SourceKind.ACCESS,
    "The versions of a container image in Artifact Registry with their tags, the newest first.",
    (Param("image", ParamKind.TEXT, "gcr.io/PROJECT/IMAGE or REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE"),),
    live=False,
)
SPECS = (DOMAINS, CONNECTORS, MACHINES, QUOTAS, IMAGES)

_IN_REGION = {"--project": "project"}
_ROWS = frozenset(("--page-size", "--sort-by", "--flatten", "--uri"))
_NARROWS = frozenset(("--filter", "--limit", "--zones"))
_UNFILTERED = "The whole list is shown: --filter, --limit and --zones are not applied."
_NO_UPDATE = (
    "gcloud has no such command: a domain mapping has a certificate of Google's, which renews by itself, and no"
    " other. It shows how that certificate is; one of your own needs a load balancer in front."
)
_NO_TUNNEL = (
    "No tunnel is opened, and no key goes into the project's metadata: it shows whether the machine runs, and in"
    " which zone. What is behind it is read by a source of its own."
)
_COMPUTE_ONLY = "These are the quotas of Compute Engine; those of any other API are not among them."
_TAGGED = "It shows each version with its tags, as Artifact Registry has it, which serves gcr.io as well."


def _asked(
    look: LookSpec, found: RunCall, values: Mapping[str, str], differs: str = "", tier: Tier | None = None
) -> Intent:
    """Literal values go to the parameters, what is to be filled in is asked for."""
    params: dict[str, str] = {}
    asks: dict[str, Placeholder] = {}
    for name, text in values.items():
        value = found.value(text)
        if isinstance(value, Placeholder):
            asks[name] = value
        elif value:
            params[name] = value
    return Intent(look.id, look.pane, found.target, params, asks, differs, tier)


def _listed(call: Call, verb: str) -> tuple[RunCall, str] | None:
    """A list of all, and what differs; None where it says more."""
    found = cloud_call(call, verb, "", _IN_REGION, _ROWS)
    if found is None or found.given or set(found.options) - _NARROWS - {"--region"}:
        return None
    return found, _UNFILTERED if _NARROWS & set(found.options) else ""


def _domains(call: Call) -> Intent | None:
    """gcloud run domain-mappings list, describe; update, which gcloud refuses."""
    if (listed := _listed(call, "run domain-mappings list")) is not None:
        found, differs = listed
        return _asked(DOMAINS, found, {"region": found.options.get("--region", "")}, differs)
    found_one = cloud_call(call, "run domain-mappings describe", "", _IN_REGION, _ROWS)
    if found_one is None or found_one.given or not found_one.options.get("--domain"):
        return None
    return _one_domain(found_one, "")


def _domain_updated(call: Call) -> Intent | None:
    found = cloud_call(call, "run domain-mappings update", "", _IN_REGION, _ROWS | {"--certificate"})
    return (
        None if found is None or found.given or not found.options.get("--domain") else _one_domain(found, _NO_UPDATE)
    )


def _one_domain(found: RunCall, differs: str) -> Intent | None:
    if set(found.options) - {"--domain", "--region"}:
        return None
    values = {"domain": found.options["--domain"], "region": found.options.get("--region", "")}
    return _asked(DOMAINS, found, values, differs)


def _connectors(call: Call) -> Intent | None:
    """gcloud compute networks vpc-access connectors list, describe."""
    verb = "compute networks vpc-access connectors"
    if (listed := _listed(call, f"{verb} list")) is not None:
        return _asked(CONNECTORS, listed[0], {"region": listed[0].options.get("--region", "")}, listed[1])
    found = cloud_call(call, f"{verb} describe", "", _IN_REGION, _ROWS)
    if found is None or len(found.given) != 1 or set(found.options) - {"--region"}:
        return None
    return _asked(CONNECTORS, found, {"connector": found.given[0], "region": found.options.get("--region", "")})


def _machines(call: Call) -> Intent | None:
    """gcloud compute instances list, describe."""
    if (listed := _listed(call, "compute instances list")) is not None:
        return None if listed[0].options.get("--region") else _asked(MACHINES, listed[0], {}, listed[1])
    found = cloud_call(call, "compute instances describe", "", _IN_REGION, _ROWS | {"--zone"})
    if found is None or len(found.given) != 1 or found.options:
        return None
    return _asked(MACHINES, found, {"machine": found.given[0]})


def _tunnel(call: Call) -> Intent | None:
    """gcloud compute ssh VM -- -N -L LOCAL:HOST:PORT: a way to something, and no command is run there."""
    quiet = frozenset(("--zone", "--tunnel-through-iap", "-N", "-L", "-f"))
    found = cloud_call(call, "compute ssh", "", _IN_REGION, quiet)
    if found is None or len(found.given) != 1 or found.options or not (call.has("-N") and call.has("-L")):
        return None
    return _asked(MACHINES, found, {"machine": found.given[0].rpartition("@")[2]}, _NO_TUNNEL)


def _quotas(call: Call) -> Intent | None:
    """gcloud compute project-info describe."""
    found = cloud_call(call, "compute project-info describe", "", _IN_REGION, _ROWS)
    return None if found is None or found.given or found.options else _asked(QUOTAS, found, {}, _COMPUTE_ONLY)


def _images(call: Call) -> Intent | None:
    """gcloud container images list-tags IMAGE, gcloud artifacts docker tags list IMAGE, images list IMAGE."""
    quiet = _ROWS | _NARROWS | {"--include-tags", "--show-occurrences"}
    verbs = ("container images list-tags", "artifacts docker tags list", "artifacts docker images list")
    found = next((each for verb in verbs if (each := cloud_call(call, verb, "", _IN_REGION, quiet))), None)
    if found is None or len(found.given) != 1 or found.options:
        return None
    return _asked(
        IMAGES, found, {"image": found.given[0]}, f"{_TAGGED} {_UNFILTERED if call.has(*_NARROWS) else ''}".strip()
    )


REPLACES = (
    Replacement(DOMAINS.id, "gcloud", Tier.T0, _domains),
    Replacement(DOMAINS.id, "gcloud", Tier.T0, _domain_updated, instead=True),
    Replacement(CONNECTORS.id, "gcloud", Tier.T0, _connectors),
    Replacement(MACHINES.id, "gcloud", Tier.T0, _machines),
    Replacement(MACHINES.id, "gcloud", Tier.T0, _tunnel, instead=True),
    Replacement(QUOTAS.id, "gcloud", Tier.T0, _quotas),
    Replacement(IMAGES.id, "gcloud", Tier.T0, _images),
)


class Asking(Protocol):
    """Can be asked for what its project has. Everything raises CockpitError."""

    project: str
    region: str

    async def domains(self, region: str) -> Things:
        """Domain mappings of a region."""

    async def connectors(self, region: str) -> Things:
        """VPC connectors of a region."""

    async def machines(self) -> Things:
        """Virtual machines of all zones."""

    async def quotas(self) -> Things:
        """Quotas of Compute Engine."""

    async def versions(self, image: str) -> Things:
        """Versions of an image."""


def lookers(source_id: str, asking: Asking, clock: Clock) -> list[Looker]:
    """All for one source, which lends its project."""
    return [EstateLook(spec, source_id, asking, clock) for spec in SPECS]


class EstateLook(BoundLook):
    """Any of them."""

    def __init__(self, spec: LookSpec, source: str, asking: Asking, clock: Clock) -> None:
        super().__init__(spec, source)
        self._asking = asking
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Asks. Raises CockpitError: NotFound for a name that is not there, Refused where no region is known."""
        noun, one, found = await self._found(request)
        wanted = request.get(one) if one else ""
        if wanted:
            return self._alone(noun, wanted, found)
        wrong = [f"{each.name} {each.state}" for each in found.things if each.severity > Severity.OK]
        said = f"{len(found.things)}{' or more' if found.cut else ''} {noun}" + (
            f"; {', '.join(wrong[:5])}" if wrong else ""
        )
        lines = [*_silent(found), *map(_line, found.things)]
        worst = max((each.severity for each in found.things), default=Severity.OK)
        severity = max(worst, Severity.UNKNOWN) if found.silent else worst
        cut = found.cut or len(lines) > LINES
        return Sight(severity, clean(said, 200), self._clock.now(), tuple(lines[:LINES]), cut)

    async def _found(self, request: LookRequest) -> tuple[str, str, Things]:
        """What they are called, the parameter that names one, and they themselves."""
        match self._spec.id:
            case DOMAINS.id:
                region = self._region(request)
                return f"domain mappings in {region}", "domain", await self._asking.domains(region)
            case CONNECTORS.id:
                region = self._region(request)
                return f"VPC connectors in {region}", "connector", await self._asking.connectors(region)
            case MACHINES.id:
                return f"machines in {self._asking.project}", "machine", await self._asking.machines()
            case QUOTAS.id:
                return f"quotas of Compute Engine used in {self._asking.project}", "", await self._asking.quotas()
        image = request.get("image")
        return f"versions of {image}", "", await self._asking.versions(image)

    def _region(self, request: LookRequest) -> str:
        region = request.get("region") or self._asking.region
        if not region:
            raise Refused("parameters", "region is needed", hint="no source of this project in the profile has one")
        return region

    def _alone(self, noun: str, wanted: str, found: Things) -> Sight:
        thing = next((each for each in found.things if each.name == wanted), None)
        if thing is None:
            known = ", ".join(each.name for each in found.things[:8]) or "none"
            hint = f"There is: {known}"
            if found.silent:
                hint = f"{hint}; no answer from {', '.join(found.silent)}"
            raise NotFound(f"{clean(wanted, 120)} is not among the {clean(noun, 120)}", hint=hint)
        lines = (*thing.facts, *thing.lines)
        return Sight(thing.severity, f"{thing.name} is {thing.state}", self._clock.now(), lines[:LINES])


def _silent(found: Things) -> Sequence[str]:
    return [f"no answer from {', '.join(found.silent)}: what is there is not in the list"] if found.silent else []


def _line(thing: Thing) -> str:
    return "  ".join((thing.name, thing.state, *thing.facts))
