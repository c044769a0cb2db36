"""Names for what a draft declares: the system, its environment, and short unique names of sources."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from urllib.parse import urlsplit

from cockpit.runbooks.draft.evidence import Value, safe
from cockpit.runbooks.draft.survey import Survey, urlish
from cockpit.runbooks.markdown.words import folded

_LONGEST = 40
_GENERIC = re.compile(
    r"\b(?:run-?books?|playbooks?|operation(?:s|al)?|production|on[- ]?call|guide|system|the|for|incident|response"
    r"|manual|documentation|docs?|handbook|procedures?|sre|devops|md|readme|oncall)\b|\.md$",
    re.IGNORECASE,
)
_HOSTING = re.compile(
    r"(?:com|org|net|io|dev|app|co|uk|de|eu|cloud|run|example|test|local|internal|localhost|onrender|herokuapp|vercel"
    r"|fly|amazonaws|azurewebsites|appspot|www|api|health|status|stage|staging|prod|production)$"
)
_THIRD = re.compile(
    r"(?:google|github|gitlab|sentry|grafana|datadog|pagerduty|opsgenie|slack|atlassian|statuspage|twilio|stripe"
    r"|sendgrid|cloudflare|newrelic|opentelemetry|kubernetes|docker|npmjs|pypi|python|downforeveryone|aws\.amazon"
    r"|azure|openai|replicate|zendesk|support\.)",
    re.IGNORECASE,
)


class Names:
    """Hands out short names, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, text: str, otherwise: str) -> str:
        """A name like the text: lower case, at most 40 characters."""
        base = slug(text) or otherwise
        found, number = base, 1
        while found in self._taken:
            number += 1
            ending = f"-{number}"
            found = base[: _LONGEST - len(ending)].rstrip("-._") + ending
        self._taken.add(found)
        return found


def slug(text: str) -> str:
    """As the profile's names are written; "" where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", folded(text).lower()).strip("-")[:_LONGEST].strip("-")


def is_own(url: str) -> bool:
    """Not a service of somebody else, and not this machine."""
    host = (urlsplit(url).hostname or "").lower()
    return bool(host) and not _THIRD.search(host) and not is_local(host)


def is_local(host: str) -> bool:
    """localhost, in any spelling."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def environment_of(seen: Survey) -> Value:
    """Production where it is named at all; else the one that is."""
    counts = Counter(endpoint.environment for endpoint, _ in seen.endpoints if endpoint.environment)
    if not counts:
        return Value("production", None, "runbooks are about production")
    chosen = "production" if "production" in counts else counts.most_common(1)[0][0]
    origin = next(origin for endpoint, origin in seen.endpoints if endpoint.environment == chosen)
    return Value(chosen, origin)


def system_of(seen: Survey, environment: str) -> Value:
    """From the title, else from the host that is named most, else from the file's name."""
    for title in seen.titles:
        name = slug(_GENERIC.sub(" ", title)) if safe(title) and "/" not in title else ""
        if name and name != environment:
            return Value(name, None, "from the title")
    hosts = Counter[str]()
    urls = [request.url for request in seen.requests] + [endpoint.url for endpoint, _ in seen.endpoints]
    for url in urls:
        if urlish(url) and is_own(url):
            labels = [label for label in (urlsplit(url).hostname or "").split(".") if not _HOSTING.match(label)]
            if labels and not labels[-1].isdigit():
                hosts[labels[-1]] += 1
    for host, _ in hosts.most_common():
        if name := slug(host):
            return Value(name, None, "from the host of its URLs")
    for service in seen.services:
        if name := slug(service):
            return Value(name, None, "from a Cloud Run service")
    return Value("system", None, "the runbook does not name it")
