"""The reader of the discovery documents finds what is wrong, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from .discovery import Discovery, Exchange

SERVICE = "/v2/projects/p/locations/r/services/shop"
INSTANCE = "/v1/projects/p/instances/shop-db"


def faults(discovery: Discovery, method: str, path: str, body: Any = None, **query: str) -> list[str]:
    found = discovery.faults(Exchange(method, path, query, body))
    return [fault.removeprefix(f"{method} {path}: ") for fault in found]


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", SERVICE, {}, None),
        (
            "PATCH",
            SERVICE,
            {"updateMask": "scaling.min_instance_count,traffic", "validateOnly": "true"},
            {"etag": "1"},
        ),
        ("PATCH", SERVICE, {"updateMask": "template.containers", "forceNewRevision": "true"}, {"template": {}}),
        ("POST", f"{INSTANCE}/failover", {}, {"failoverContext": {"settingsVersion": "7"}}),
        ("GET", "/v1/projects/p/operations/o", {"alt": "json"}, None),
        ("POST", "/v1/projects/p/secrets/s:addVersion", {}, {"payload": {"data": "eA==", "dataCrc32c": "12"}}),
        ("PATCH", "/v1/projects/p/locations/r/instances/i", {"updateMask": "memory_size_gb"}, {"memorySizeGb": 5}),
        ("POST", "/compute/v1/projects/p/global/operations/o/wait", {}, None),
    ],
)
def test_good_requests(discovery: Discovery, method: str, path: str, query: dict[str, str], body: Any) -> None:
    assert faults(discovery, method, path, body, **query) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "fault"),
    [
        ("DELETE", f"{SERVICE}/nothing", {}, None, "run.v2 has no such method"),
        ("GET", "/v9/projects/p", {}, None, "no document is known for this path"),
        ("GET", SERVICE, {"page": "5"}, None, "run.projects.locations.services.get has no query parameter page"),
        ("GET", f"{SERVICE}/revisions", {"pageSize": "many"}, None, "pageSize=many is no whole number"),
        ("PATCH", SERVICE, {"validateOnly": "yes"}, {}, "validateOnly=yes is neither true nor false"),
        ("PATCH", SERVICE, {"updateMask": "scaling.most"}, {}, "updateMask names scaling.most, which "
         "GoogleCloudRunV2Service does not have"),
        ("PATCH", SERVICE, {}, {"traffik": []}, "request.traffik is unknown to GoogleCloudRunV2Service"),
        ("PATCH", SERVICE, {}, {"traffic": [{"percent": "100"}]}, "request.traffic[0].percent is str, not integer"),
        ("PATCH", SERVICE, {}, {"traffic": {}}, "request.traffic is dict, not array"),
        ("PATCH", SERVICE, {}, {"ingress": "all"}, "request.ingress is none of its 5 words: 'all'"),
        ("PATCH", SERVICE, {}, {"labels": {"a": 1}}, "request.labels.a is int, not string"),
        ("PATCH", SERVICE, {}, {"scaling": {"minInstanceCount": True}},
         "request.scaling.minInstanceCount is bool, not integer"),
        ("POST", f"{INSTANCE}/restart", {}, {}, "request has a body, and the method takes none"),
        ("POST", f"{INSTANCE}/failover", {}, {"failoverContext": {"settingsVersion": "seven"}},
         "request.failoverContext.settingsVersion is no int64: 'seven'"),
        ("POST", "/v1/projects/p/secrets/s:addVersion", {}, {"payload": {"data": "not base64!"}},
         "request.payload.data is no byte: 'not base64!'"),
    ],
)  # fmt: skip
def test_bad_ones(discovery: Discovery, method: str, path: str, query: dict[str, str], body: Any, fault: str) -> None:
    assert faults(discovery, method, path, body, **query) == [fault]


def test_answers_are_held_against_their_schema_and_what_an_operation_wraps_against_its_own(
    discovery: Discovery,
) -> None:
    wrapped = {"@type": "type.googleapis.com/google.cloud.run.v2.Service", "name": "n", "generation": 3, "new": 1}
    answer = {"name": "o", "done": "yes", "response": wrapped}
    found = discovery.faults(Exchange("PATCH", SERVICE, {}, {}, 200, answer))
    assert [fault.partition(": ")[2] for fault in found] == [
        "answer.done is str, not boolean",
        "answer.response.generation is int, not string",
        "answer.response.new is unknown to GoogleCloudRunV2Service",
    ]
    assert discovery.faults(Exchange("PATCH", SERVICE, {}, {}, 409, {"error": {"code": 409}})) == []


def test_a_method_is_named_with_its_document(discovery: Discovery) -> None:
    assert discovery.method(Exchange("POST", f"{INSTANCE}/failover", {})) == "sqladmin.v1:sql.instances.failover"
    assert discovery.method(Exchange("GET", "/nowhere", {})) == ""
