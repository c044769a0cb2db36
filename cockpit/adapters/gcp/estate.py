"""What a project has beside the sources of a profile: domain mappings, VPC connectors, machines, Compute's quotas,
versions of an image. Each is asked for once, when somebody wants to know; nothing here is polled.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from cockpit.adapters.gcp.runwire import Json, moment, number, objects, part, short, text
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.model.estate import GkeCluster, Thing, Things
from cockpit.model.severity import Severity

MOST = 500
_PAGE = 100
_STATES = {"True": ("ready", Severity.OK), "False": ("failed", Severity.WARN)}
_CONNECTOR = {"READY": Severity.OK, "ERROR": Severity.CRIT}
_MACHINE_WARNS = frozenset(("REPAIRING", "STOPPING", "SUSPENDING"))
_NEARLY = 0.8  # of a quota
_OWN_REGISTRY = re.compile(r"(?:(us|eu|asia)\.)?gcr\.io/([\w.-]+)/([\w./-]+)")
_REPOSITORY = re.compile(r"([a-z][a-z0-9-]*)-docker\.pkg\.dev/([\w.-]+)/([\w.-]+)/([\w./-]+)")
_WHERE = {None: "us", "us": "us", "eu": "europe", "asia": "asia"}  # where Artifact Registry keeps what gcr.io serves


def package_of(image: str) -> str:
    """An image's name, without tag and digest, as Artifact Registry names it. Raises Refused for another registry.

    gcr.io is served by it (https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo).
    """
    plain = image.partition("@")[0]
    plain = plain.rpartition(":")[0] if ":" in plain.rpartition("/")[2] else plain
    if found := _OWN_REGISTRY.fullmatch(plain):
        host = f"{found[1]}.gcr.io" if found[1] else "gcr.io"
        project, location, repository, name = found[2], _WHERE[found[1]], host, found[3]
    elif found := _REPOSITORY.fullmatch(plain):
        location, project, repository, name = found[1], found[2], found[3], found[4]
    else:
        raise Refused(
            "parameters",
            f"{text(image, 200)} is in no registry of Google's",
            hint="gcr.io/PROJECT/IMAGE and REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE can be asked",
        )
    return f"projects/{project}/locations/{location}/repositories/{repository}/packages/{quote(name, safe='')}"


class Estate:
    """One project. `region` is where its sources are, "" where none says so.

    `endpoint` is that of the source that lends its name.
    """

    def __init__(self, project: str, region: str, endpoint: str | None, timeout_s: float, clock: Clock) -> None:
        self.project = project
        self.region = region
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._clock = clock
        self._apis: dict[str, GoogleApi] = {}

    async def domains(self, region: str) -> Things:
        """Domain mappings of Cloud Run; in gcloud they are beta.

        https://cloud.google.com/run/docs/reference/rest/v1/projects.locations.domainmappings
        """
        answer = await self._api("run").get(
            f"/v1/projects/{self.project}/locations/{_plain(region)}/domainmappings", {"limit": str(_PAGE)}
        )
        following = text(part(answer, "metadata").get("continue"))
        return Things(
            tuple(map(_domain, objects(answer.get("items")))), _names(answer, "unreachable"), bool(following)
        )

    async def connectors(self, region: str) -> Things:
        """https://cloud.google.com/vpc/docs/reference/vpcaccess/rest/v1/projects.locations.connectors"""
        path = f"/v1/projects/{self.project}/locations/{_plain(region)}/connectors"
        return await self._paged("vpcaccess", path, "connectors", _connector)

    async def machines(self) -> Things:
        """Virtual machines of all zones.

        https://cloud.google.com/compute/docs/reference/rest/v1/instances/aggregatedList
        """
        path, query = f"/compute/v1/projects/{self.project}/aggregated/instances", {"maxResults": str(MOST)}
        found: list[Thing] = []
        silent: tuple[str, ...] = ()
        while True:
            answer = await self._api("compute").get(path, query)
            scopes = part(answer, "items").values()
            found += [
                _machine(each)
                for scope in scopes
                if isinstance(scope, dict)
                for each in objects(scope.get("instances"))
            ]
            silent += _names(answer, "unreachables")
            following = text(answer.get("nextPageToken"), 4000)
            if not following or len(found) >= MOST:
                return Things(tuple(found[:MOST]), silent, bool(following) or len(found) > MOST)
            query = {**query, "pageToken": following}

    async def quotas(self) -> Things:
        """Compute Engine's, of the whole project; those that are used at all, the fullest first.

        https://cloud.google.com/compute/docs/reference/rest/v1/projects/get
        """
        answer = await self._api("compute").get(f"/compute/v1/projects/{self.project}")
        used = [each for each in objects(answer.get("quotas")) if _number(each.get("usage")) > 0]
        return Things(tuple(map(_quota, sorted(used, key=_share, reverse=True))))

    async def versions(self, image: str) -> Things:
        """Of an image with their tags, the newest first. Raises Refused for what is in no registry of Google's.

        https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages.versions
        """
        path = f"/v1/{package_of(image)}/versions"
        query = {"view": "FULL", "orderBy": "createTime desc"}
        return await self._paged("artifactregistry", path, "versions", _version, query)

    async def cluster(self, location: str, name: str) -> GkeCluster:
        """A GKE cluster; a location is a region or a zone.

        https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters/get
        """
        path = f"/v1/projects/{self.project}/locations/{_plain(location)}/clusters/{_plain(name)}"
        return _cluster(await self._api("container").get(path), f"gke_{self.project}_{location}_{name}")

    async def close(self) -> None:
        """Close the connections."""
        for api in self._apis.values():
            await api.close()

    def _api(self, service: str) -> GoogleApi:
        if service not in self._apis:
            api = GoogleApi(service, self._endpoint, self._timeout_s, self._clock)
            if self._endpoint is not None and not api.simulated:  # somebody's own address is that of one API alone
                api = GoogleApi(service, None, self._timeout_s, self._clock)
            self._apis[service] = api
        return self._apis[service]

    async def _paged(
        self,
        service: str,
        path: str,
        items: str,
        made: Callable[[Json], Thing],
        query: Mapping[str, str] | None = None,
    ) -> Things:
        pages = self._api(service).pages(path, {"pageSize": str(_PAGE), **(query or {})}, items, _PAGE + 1)
        found = [made(each) async for each in pages]
        return Things(tuple(found[:_PAGE]), cut=len(found) > _PAGE)


def _plain(name: str) -> str:
    return quote(name, safe="")


def _names(answer: Json, key: str) -> tuple[str, ...]:
    named = answer.get(key)
    return tuple(short(text(each, 200)) for each in named) if isinstance(named, list) else ()


def _domain(obj: Json) -> Thing:
    status = part(obj, "status")
    conditions = objects(status.get("conditions"))
    ready = next((each for each in conditions if each.get("type") == "Ready"), {})
    state, severity = _STATES.get(str(ready.get("status")), ("pending", Severity.WARN))
    served = text(status.get("mappedRouteName") or part(obj, "spec").get("routeName"), 120)
    records = [
        f"record: {text(each.get('name'), 120)} {text(each.get('type'), 20)} {text(each.get('rrdata'), 200)}".replace(
            "  ", " "
        )
        for each in objects(status.get("resourceRecords"))
    ]
    told = [_condition(each) for each in conditions]
    own = part(obj, "spec").get("certificateMode") == "NONE"
    certificate = "no certificate of Google's" if own else "certificate by Google, renewed by itself"
    return Thing(
        text(part(obj, "metadata").get("name"), 253),
        state,
        severity,
        (f"to {served or 'nothing'}", certificate, *(() if state == "ready" else (_said(ready),))),
        (*told, *records),
    )


def _condition(each: Json) -> str:
    state = _STATES.get(str(each.get("status")), ("pending", Severity.WARN))[0]
    since = moment(each.get("lastTransitionTime"))
    at = f", since {since:%Y-%m-%d %H:%M} UTC" if since is not None else ""
    said = _said(each)
    return f"{text(each.get('type'), 60)}: {state}{f', {said}' if said else ''}{at}"


def _said(condition: Json) -> str:
    return ": ".join(filter(None, (text(condition.get("reason"), 80), text(condition.get("message"), 300))))


def _connector(obj: Json) -> Thing:
    state = text(obj.get("state"), 40) or "unknown"
    subnet = text(part(obj, "subnet").get("name"), 120)
    low, high = number(obj.get("minInstances")), number(obj.get("maxInstances"))
    facts = [
        f"subnet {subnet}"
        if subnet
        else f"network {text(obj.get('network'), 120)} {text(obj.get('ipCidrRange'), 60)}"
    ]
    if high:
        facts.append(f"{low} to {high} instances of {text(obj.get('machineType'), 60) or 'e2-micro'}")
    if number(obj.get("maxThroughput")):
        facts.append(f"up to {number(obj.get('maxThroughput'))} Mbit/s")
    users = _names(obj, "connectedProjects")
    lines = (f"used by: {', '.join(users[:20])}",) if users else ()
    return Thing(short(text(obj.get("name"), 300)), state, _CONNECTOR.get(state, Severity.WARN), tuple(facts), lines)


def _machine(obj: Json) -> Thing:
    state = text(obj.get("status"), 40) or "unknown"
    interfaces = objects(obj.get("networkInterfaces"))
    inside = [text(each.get("networkIP"), 60) for each in interfaces]
    outside = [text(way.get("natIP"), 60) for each in interfaces for way in objects(each.get("accessConfigs"))]
    facts = [short(text(obj.get("zone"), 200)), short(text(obj.get("machineType"), 200))]
    facts += [f"at {', '.join(filter(None, inside)) or 'no address'}"]
    facts += [f"outside {', '.join(filter(None, outside))}"] if any(outside) else []
    if said := text(obj.get("statusMessage"), 200):
        facts.append(said)
    lines = [
        f"{word}: {at:%Y-%m-%d %H:%M} UTC"
        for word, key in (
            ("made", "creationTimestamp"),
            ("started", "lastStartTimestamp"),
            ("stopped", "lastStopTimestamp"),
        )
        if (at := moment(obj.get(key))) is not None
    ]
    severity = Severity.WARN if state in _MACHINE_WARNS else Severity.OK
    return Thing(text(obj.get("name"), 120), state, severity, tuple(filter(None, facts)), tuple(lines))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _share(quota: Json) -> float:
    limit = _number(quota.get("limit"))
    return _number(quota.get("usage")) / limit if limit > 0 else 0.0


def _quota(obj: Json) -> Thing:
    share = _share(obj)
    said = f"{_number(obj.get('usage')):g} of {_number(obj.get('limit')):g}"
    severity = Severity.WARN if share >= _NEARLY else Severity.OK
    return Thing(text(obj.get("metric"), 120), f"{share:.0%}", severity, (said,))


def _version(obj: Json) -> Thing:
    tags = [short(text(each.get("name"), 400)) for each in objects(obj.get("relatedTags"))]
    made = moment(obj.get("createTime"))
    size = number(part(obj, "metadata").get("imageSizeBytes"))
    facts = [f"{made:%Y-%m-%d %H:%M} UTC" if made is not None else "of unknown age"]
    facts += [f"{size / 1e6:.0f} MB"] if size else []
    return Thing(short(text(obj.get("name"), 500)), ", ".join(tags[:20]) or "no tag", Severity.OK, tuple(facts))


def _cluster(obj: Json, context: str) -> GkeCluster:
    ways = part(obj, "controlPlaneEndpointsConfig")
    by_ip = part(ways, "ipEndpointsConfig")
    private = part(obj, "privateClusterConfig")
    hosts = [obj.get("endpoint"), part(ways, "dnsEndpointConfig").get("endpoint")]
    hosts += [each.get(key) for each in (by_ip, private) for key in ("publicEndpoint", "privateEndpoint")]
    try:
        authority = base64.b64decode(text(part(obj, "masterAuth").get("clusterCaCertificate"), 40_000)).decode()
    except ValueError:
        authority = ""
    return GkeCluster(
        text(context, 300),
        tuple(dict.fromkeys(filter(None, (text(each, 253) for each in hosts)))),
        authority,
        text(obj.get("status"), 40) or "unknown",
        text(obj.get("statusMessage"), 300),
        text(obj.get("currentMasterVersion"), 80),
    )
