"""The kinds of values that a profile's keys take, each with its check; a check's words never repeat the value."""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from cockpit.profile.secrets import SCHEMES, SecretRef

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_NOT_A_DURATION = "must be a duration such as 10s, 5m or 2h"
NAME_PATTERN = r"^[a-z0-9]([a-z0-9_.-]*[a-z0-9])?$"
URL_PATTERN = r"^https?://[^\s]+$"
COMPARISON_PATTERN = r"^\s*(>=|<=|==|!=|>|<)\s*\S"
# Headers that carry a credential by their nature: a literal value would be a secret in the profile.
_CREDENTIAL_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "private-token"}
)


def parse_duration(value: object) -> float:
    """Seconds of "90s", "1m 30s", "1.5h" or a plain number; ValueError otherwise."""
    if isinstance(value, bool):
        raise ValueError(_NOT_A_DURATION)
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(_NOT_A_DURATION)
        return float(value)
    if not isinstance(value, str):
        raise ValueError(_NOT_A_DURATION)
    text = value.strip()
    matches = list(_DURATION.finditer(text))
    if not matches or _DURATION.sub("", text).strip():
        raise ValueError(_NOT_A_DURATION)
    return sum(float(match[1]) * _UNITS[match[2]] for match in matches)


def _text_or_secret(value: object) -> str | SecretRef:
    """A text that begins like a reference is one; pydantic's own union would keep it a text."""
    if isinstance(value, SecretRef):
        return value
    if not isinstance(value, str):
        raise ValueError("must be text, or a reference: env:NAME, file:PATH or cmd:COMMAND")
    return SecretRef(value) if value.partition(":")[0] in SCHEMES else value


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # its text repeats the URL
        raise ValueError("is not a URL") from None


def _without_credentials(url: str) -> str:
    if "@" in _split(url).netloc:
        raise ValueError("must not hold a user or password: use bearer, or a header with a secret reference")
    return url


def _redis_url(value: str | SecretRef) -> str | SecretRef:
    if isinstance(value, SecretRef):
        return value
    parts = _split(value)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("must begin with redis://, rediss:// or unix://, or be a secret reference")
    if parts.password is not None or "password=" in parts.query:
        raise ValueError("must not hold a password: use password, or a secret reference to the whole URL")
    return value


def _secret_headers(headers: dict[str, str | SecretRef]) -> dict[str, str | SecretRef]:
    literal = sorted(
        name for name, value in headers.items() if name.lower() in _CREDENTIAL_HEADERS and isinstance(value, str)
    )
    if literal:
        raise ValueError(f"the value of {', '.join(literal)} must be a secret reference: env:, file: or cmd:")
    return headers


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be an IP address or network such as 203.0.113.0/24") from None
    return text


def _comparison(text: str) -> str:
    if not re.match(COMPARISON_PATTERN, text):
        raise ValueError('must be a comparison such as "> 5", ">= 0.9", "== false" or "!= ok"')
    return text


_DURATION_SCHEMA = {"type": ["string", "number"], "pattern": r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$"}
Duration = Annotated[float, BeforeValidator(parse_duration), Field(json_schema_extra=dict(_DURATION_SCHEMA))]
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=40)]
Url = Annotated[str, Field(pattern=URL_PATTERN), AfterValidator(_without_credentials)]
TextOrSecret = Annotated[str | SecretRef, PlainValidator(_text_or_secret), WithJsonSchema({"type": "string"})]
Headers = Annotated[dict[str, TextOrSecret], AfterValidator(_secret_headers)]
Comparison = Annotated[str, AfterValidator(_comparison), Field(json_schema_extra={"pattern": COMPARISON_PATTERN})]
Network = Annotated[str, AfterValidator(_network)]
RedisUrl = Annotated[TextOrSecret, AfterValidator(_redis_url)]
