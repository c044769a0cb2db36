"""What one HTTP endpoint said about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Component:
    """A part that a health body reports on ("database", "redis"), with its own parts."""

    name: str
    severity: Severity
    status: str  # the body's own word: "healthy", "UP", "degraded"; "" where it has none
    detail: str = ""  # scalar facts beside the status, in one line
    children: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One threshold of the profile applied to one path of the body."""

    path: str  # JMESPath
    value: str  # what was found, cleaned; "missing" where the path led nowhere
    severity: Severity
    threshold: str  # the bound that was crossed, or the first bound: "> 5"
    pending_s: float | None = None  # crossed, but not yet for as long as `for` asks


@dataclass(frozen=True, slots=True)
class TlsState:
    """The certificate that the host presented."""

    host: str
    expires: datetime | None
    days_left: float | None
    severity: Severity
    problem: str = ""  # why it is invalid, in words


@dataclass(frozen=True, slots=True)
class Presented:
    """The certificate of one host, looked at on its own connection."""

    state: TlsState
    subject: str  # "C = DE, O = Shop, CN = api.example"; "" where it cannot be read, as the issuer
    issuer: str
    begins: datetime | None


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """One endpoint, once."""

    method: str
    url: str  # without credentials
    status: int | None  # HTTP status of the last answer in the chain
    latency_ms: float  # until the whole answer was read
    expected: bool  # the status is one that the profile expects
    body_bytes: int = 0
    components: tuple[Component, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    tls: TlsState | None = None
    redirects: tuple[str, ...] = ()  # URLs passed through, first to last
    certificates: tuple[TlsState, ...] = ()  # of every https host of the chain; `tls` is the worst of them
    notes: tuple[str, ...] = ()  # "body is not JSON: ...", "body cut at 10 MB"
