"""What a project has beside its services: domain mappings, VPC connectors, images, clusters; to be read only.

Cloud Run v1 in both of its forms, vpcaccess v1, artifactregistry v1 and container v1, as their discovery documents
have them; machines and quotas are Compute Engine's (`compute`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.model import stamp
from cockpit.sandbox.http import Request

Json = dict[str, Any]

_NAMESPACED = re.compile(r"/apis/domains\.cloudrun\.com/v1/namespaces/([^/]+)/domainmappings(?:/([^/]+))?")
_LOCATED = re.compile(r"/v1/projects/([^/]+)/locations/([^/]+)/(domainmappings|connectors|clusters)(?:/([^/]+))?")
_VERSIONS = re.compile(r"/v1/projects/([^/]+)/locations/([^/]+)/repositories/([^/]+)/packages/(.+)/versions")
_RIGHTS = {
    "domainmappings": "run.domainmappings",
    "connectors": "vpcaccess.connectors",
    "clusters": "container.clusters",
}
CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nof the sandbox\n-----END CERTIFICATE-----\n").decode()


class Estate:
    """The four of one project, each by region or location and name."""

    def __init__(self, project: str, number: str, region: str, permissions: Permissions) -> None:
        self.project = project
        self.things: dict[tuple[str, str, str], Json] = {}  # kind, location, name
        self.versions: dict[str, list[Json]] = {}  # by package
        self._number = number
        self._region = region
        self._permissions = permissions

    def seed_domain(self, domain: str, service: str, *, certified: bool = True) -> Json:
        """A mapping in the project's own region; its certificate is there or still waits for DNS."""
        since = stamp(datetime.now(UTC))
        pending = {"status": "Unknown", "reason": "CertificatePending", "message": "Waiting for DNS records."}
        conditions = [
            {"type": kind, "lastTransitionTime": since, **({"status": "True"} if certified or well else pending)}
            for kind, well in (("Ready", False), ("CertificateProvisioned", False), ("DomainRoutable", True))
        ]
        made = {
            "apiVersion": "domains.cloudrun.com/v1",
            "kind": "DomainMapping",
            "metadata": {"name": domain, "namespace": self._number, "generation": 1, "creationTimestamp": since},
            "spec": {"routeName": service, "certificateMode": "AUTOMATIC"},
            "status": {
                "conditions": conditions,
                "observedGeneration": 1,
                "mappedRouteName": service,
                "resourceRecords": [
                    {"name": domain.partition(".")[0], "type": "CNAME", "rrdata": "ghs.googlehosted.com."}
                ],
            },
        }
        self.things["domainmappings", self._region, domain] = made
        return made

    def seed_connector(self, name: str, *, state: str = "READY") -> Json:
        """A VPC connector in the project's own region."""
        made = {
            "name": f"projects/{self.project}/locations/{self._region}/connectors/{name}",
            "network": "default",
            "ipCidrRange": "10.8.0.0/28",
            "state": state,
            "minThroughput": 200,
            "maxThroughput": 300,
            "connectedProjects": [self.project],
            "machineType": "e2-micro",
            "minInstances": 2,
            "maxInstances": 3,
        }
        self.things["connectors", self._region, name] = made
        return made

    def seed_cluster(self, name: str, location: str, endpoint: str, ca: str = CA) -> Json:
        """A GKE cluster; `ca` is in base64, as kubeconfigs have it."""
        made = {
            "name": name,
            "location": location,
            "endpoint": endpoint,
            "masterAuth": {"clusterCaCertificate": ca},
            "currentMasterVersion": "1.33.4-gke.1134000",
            "status": "RUNNING",
        }
        self.things["clusters", location, name] = made
        return made

    def seed_image(self, repository: str, image: str, location: str, tags: Sequence[str], made: datetime) -> Json:
        """One more version of an image; a tag is taken from the version that had it."""
        package = f"projects/{self.project}/locations/{location}/repositories/{repository}/packages/{image}"
        kept = self.versions.setdefault(package, [])
        digest = f"sha256:{len(kept) + 1:064x}"
        for each in kept:
            each["relatedTags"] = [tag for tag in each["relatedTags"] if tag["name"].rpartition("/")[2] not in tags]
        version = {
            "name": f"{package}/versions/{digest}",
            "createTime": stamp(made),
            "updateTime": stamp(made),
            "relatedTags": [
                {"name": f"{package}/tags/{tag}", "version": f"{package}/versions/{digest}"} for tag in tags
            ],
            "metadata": {
                "imageSizeBytes": str(48_000_000 + len(kept)),
                "mediaType": "application/vnd.oci.image.index",
            },
        }
        kept.append(version)
        return version

    def takes(self, path: str) -> bool:
        """Whether the request is meant for one of these."""
        return any(each.fullmatch(path) for each in (_NAMESPACED, _LOCATED, _VERSIONS))

    async def handle(self, request: Request, principal: str) -> Json:
        """Answer one request; raises ApiError."""
        if request.method != "GET":
            raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")
        if found := _VERSIONS.fullmatch(request.path):
            return self._listed_versions(found, request, principal)
        if found := _NAMESPACED.fullmatch(request.path):
            project, location, kind, name = found[1], self._region, "domainmappings", found[2]
        elif found := _LOCATED.fullmatch(request.path):
            project, location, kind, name = found[1], found[2], found[3], found[4]
        else:
            raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")
        self._may(project, principal, f"{_RIGHTS[kind]}.{'get' if name else 'list'}")
        if name is None:
            return self._list(kind, location)
        try:
            return self.things[kind, location, unquote(name)]
        except KeyError:
            raise ApiError("NOT_FOUND", f"Resource '{kind}/{name}' was not found in {location}") from None

    def _list(self, kind: str, location: str) -> Json:
        held = [each for (of, at, _), each in self.things.items() if of == kind and location in (at, "-")]
        if kind == "domainmappings":
            return {
                "apiVersion": "domains.cloudrun.com/v1",
                "kind": "DomainMappingList",
                "metadata": {},
                "items": held,
            }
        return {kind: held} if held else {}

    def _listed_versions(self, found: re.Match[str], request: Request, principal: str) -> Json:
        self._may(found[1], principal, "artifactregistry.versions.list")
        package = f"projects/{self.project}/locations/{found[2]}/repositories/{found[3]}/packages/{unquote(found[4])}"
        if package not in self.versions:
            raise ApiError("NOT_FOUND", "Requested entity was not found.")
        versions = self.versions[package]
        if request.query.get("orderBy") == "createTime desc":
            versions = sorted(versions, key=lambda each: str(each["createTime"]), reverse=True)
        if request.query.get("view") != "FULL":
            versions = [{key: each[key] for key in ("name", "createTime", "updateTime")} for each in versions]
        return {"versions": versions}

    def _may(self, project: str, principal: str, permission: str) -> None:
        known = project in (self.project, self._number)
        if not known or not self._permissions.allowed(principal, permission):
            said = f"Permission '{permission}' denied on resource 'projects/{project}' (or it may not exist)."
            raise ApiError("PERMISSION_DENIED", said)
