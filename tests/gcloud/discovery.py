"""Requests and answers held against Google's discovery documents, as google-api-python-client ships them.

`Discovery().faults(...)` says what is wrong with one exchange, sentence by sentence: no such method, a parameter or a
field that the documents do not know, a value of another type, an updateMask that names nothing. A document is read
when the first request of its API is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cockpit.sandbox.http import Request, Response

Json = dict[str, Any]

# Which documents may know a path, first match first.
_OF = (
    (r"/v2/entries:list", "logging.v2"),
    (r"/v2/projects/.*", "run.v2"),
    (r"/apis/(serving\.knative\.dev|domains\.cloudrun\.com)/.*", "run.v1"),
    (r"/v1/projects/[^/]+/locations/[^/]+/(services|domainmappings)(/.*)?", "run.v1"),
    (r"/v1/projects/[^/]+/locations/[^/]+/connectors(/.*)?", "vpcaccess.v1"),
    (r"/v1/projects/[^/]+/locations/[^/]+/clusters(/.*)?", "container.v1"),
    (r"/v1/projects/[^/]+/locations/[^/]+/repositories/.*", "artifactregistry.v1"),
    (r"/sql/v1beta4/.*", "sqladmin.v1beta4"),
    (r"/v1/projects/[^/]+/(instances|operations)(/.*)?", "sqladmin.v1"),
    (r"/v1/projects/[^/]+/locations/[^/]+/(instances|operations)([/:].*)?", "redis.v1"),
    (r"/v1/projects/[^/]+/secrets([/:].*)?", "secretmanager.v1"),
    (r"/compute/v1/.*", "compute.v1"),
    (r"/v3/projects/[^/]+/timeSeries", "monitoring.v3"),
    (r"/v3/projects/[^/]+:.*", "cloudresourcemanager.v3"),
    (r"/v1/projects/[^/]+:.*", "cloudresourcemanager.v1"),
)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}
_BY_FORMAT = {
    "int64": re.compile(r"-?\d{1,19}"),
    "uint64": re.compile(r"\d{1,20}"),
    "byte": re.compile(r"[A-Za-z0-9+/_-]*={0,2}"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "google-datetime": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "google-duration": re.compile(r"-?\d+(\.\d+)?s"),
}
# What is no fault of ours or of the documents' readers: a part of the sentence, and why.
EXCUSED = {
    "aggregatedList has no query parameter returnPartialSuccess": "gcloud 528 sends what the newer document dropped",
}


def excused(fault: str) -> bool:
    """Whether it is one of these."""
    return any(part in fault for part in EXCUSED)


def documents() -> Path | None:
    """Where they are, None where the package is not installed."""
    spec = find_spec("googleapiclient")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "discovery_cache" / "documents"


def faults_of(exchanges: Iterable[Exchange]) -> set[str]:
    """All that is wrong with them and not excused; nothing where the documents are not installed."""
    folder = documents()
    if folder is None:
        return set()
    known = Discovery(folder)
    return {fault for each in exchanges for fault in known.faults(each) if not excused(fault)}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and its answer where there was one."""

    method: str
    path: str  # as sent: "/sql/v1beta4/projects/p/instances"
    query: Mapping[str, str]
    body: Any = None  # decoded JSON; None without a body
    status: int = 0  # 0: only the request is known
    answer: Any = None


def exchange(request: Request, response: Response) -> Exchange:
    """One that a local server had; bodies that are no JSON are left out."""
    return Exchange(
        request.method,
        request.path,
        dict(request.query),
        _json(request.body),
        response.status,
        _json(response.body),
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Method:
    id: str
    path: re.Pattern[str]
    query: Mapping[str, Json]
    request: str
    response: str


@dataclass(frozen=True, slots=True)
class _Document:
    name: str
    methods: Mapping[str, tuple[_Method, ...]]  # by HTTP method
    schemas: Mapping[str, Json]


class Discovery:
    """The documents of one installed package."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def faults(self, exchange: Exchange) -> list[str]:
        """What the documents do not know of this request or its answer; [] for a good one."""
        where = f"{exchange.method} {exchange.path}"
        name = _document_of(exchange)
        if not name:
            return [f"{where}: no document is known for this path"]
        document = _read(self._folder, name)
        method = _method(document, exchange)
        if method is None:
            return [f"{where}: {name} has no such method"]
        found = [f"{where}: {fault}" for fault in _query_faults(document, method, exchange)]
        found += [f"{where}: request{fault}" for fault in _body_faults(document, method.request, exchange.body)]
        if 200 <= exchange.status < 300:
            found += [f"{where}: answer{fault}" for fault in _body_faults(document, method.response, exchange.answer)]
        return found

    def method(self, exchange: Exchange) -> str:
        """Document and id: "sqladmin.v1:sql.instances.failover"; "" where no document knows it."""
        name = _document_of(exchange)
        method = _method(_read(self._folder, name), exchange) if name else None
        return f"{name}:{method.id}" if method else ""


def _document_of(exchange: Exchange) -> str:
    return next((name for pattern, name in _OF if re.fullmatch(pattern, exchange.path)), "")


@cache
def _read(folder: Path, name: str) -> _Document:
    raw = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    common = raw.get("parameters", {})
    methods: dict[str, list[_Method]] = {}
    for each in _methods(raw):
        query = {key: value for key, value in each.get("parameters", {}).items() if value["location"] == "query"}
        template = f"/{raw['servicePath']}{each.get('flatPath', each['path'])}"
        made = _Method(
            each["id"],
            _pattern(template),
            {**common, **query},
            each.get("request", {}).get("$ref", ""),
            each.get("response", {}).get("$ref", ""),
        )
        methods.setdefault(each["httpMethod"], []).append(made)
    return _Document(name, {verb: tuple(found) for verb, found in methods.items()}, raw["schemas"])


def _methods(part: Json) -> Iterator[Json]:
    yield from part.get("methods", {}).values()
    for resource in part.get("resources", {}).values():
        yield from _methods(resource)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{\+?\w+\}", template)
    return re.compile("[^/:]+".join(re.escape(part) for part in parts))


def _method(document: _Document, exchange: Exchange) -> _Method | None:
    candidates = document.methods.get(exchange.method, ())
    return next((each for each in candidates if each.path.fullmatch(exchange.path)), None)


def _query_faults(document: _Document, method: _Method, exchange: Exchange) -> Iterator[str]:
    for name, value in exchange.query.items():
        declared = method.query.get(name)
        if declared is None:
            yield f"{method.id} has no query parameter {name}"
            continue
        kind = declared.get("type")
        if kind == "integer" and not re.fullmatch(r"-?\d+", value):
            yield f"{name}={value} is no whole number"
        if kind == "boolean" and value.lower() not in ("true", "false"):
            yield f"{name}={value} is neither true nor false"
        if "enum" in declared and value not in declared["enum"]:
            yield f"{name}={value} is none of {', '.join(declared['enum'])}"
        if name == "updateMask":
            yield from _mask_faults(document, method.request, value)


def _mask_faults(document: _Document, schema: str, mask: str) -> Iterator[str]:
    for path in mask.split(","):
        here: Json = {"$ref": schema}
        for word in path.split("."):
            spelled = re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), word.strip())
            known = document.schemas.get(here.get("$ref", ""), here)
            if "additionalProperties" in known and "properties" not in known:
                here = known["additionalProperties"]
            elif spelled in known.get("properties", {}):
                here = known["properties"][spelled]
            else:
                yield f"updateMask names {path}, which {schema} does not have"
                break


def _body_faults(document: _Document, schema: str, body: Any) -> Iterator[str]:
    if body is None:
        return
    if not schema:
        yield " has a body, and the method takes none"
        return
    yield from _faults(document, {"$ref": schema}, body, "")


def _faults(document: _Document, schema: Json, value: Any, at: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = document.schemas[schema["$ref"]]
    kind = schema.get("type", "any")
    if kind == "any":
        return
    wanted = _TYPES[kind]
    if not isinstance(value, wanted) or (kind in ("integer", "number") and isinstance(value, bool)):
        yield f"{at} is {type(value).__name__}, not {kind}"
        return
    if kind == "object":
        yield from _object_faults(document, schema, value, at)
    elif kind == "array":
        for index, element in enumerate(value):
            yield from _faults(document, schema["items"], element, f"{at}[{index}]")
    elif kind == "string":
        pattern = _BY_FORMAT.get(schema.get("format", ""))
        if pattern is not None and not pattern.fullmatch(value):
            yield f"{at} is no {schema['format']}: {value!r}"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{at} is none of its {len(schema['enum'])} words: {value!r}"


def _object_faults(document: _Document, schema: Json, value: Json, at: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    named = _any_schema(document, value) if others is not None and not known else None
    if named is not None:
        known, others = document.schemas[named].get("properties", {}), None
    for key, element in value.items():
        if named is not None and key == "@type":
            continue
        if key in known:
            yield from _faults(document, known[key], element, f"{at}.{key}")
        elif others is not None:
            yield from _faults(document, others, element, f"{at}.{key}")
        else:
            yield f"{at}.{key} is unknown to {schema.get('id', named or 'it')}"


def _any_schema(document: _Document, value: Json) -> str | None:
    """The schema that "@type" names, where the same document has it."""
    dotted = str(value.get("@type", "")).removeprefix("type.googleapis.com/")
    if not dotted:
        return None
    joined = "".join(part[:1].upper() + part[1:] for part in dotted.split("."))
    return next((name for name in (joined, dotted.rpartition(".")[2]) if name in document.schemas), None)
