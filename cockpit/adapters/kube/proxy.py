"""Which proxy leads to an API server: proxy-url of the kubeconfig, else HTTPS_PROXY and NO_PROXY as kubectl reads
them (https://pkg.go.dev/golang.org/x/net/http/httpproxy): this machine itself is always reached directly.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from cockpit.errors import Misconfigured
from cockpit.text import clean


def proxy_of(server: str, own: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL, "" for the direct way. `own` is proxy-url. Raises Misconfigured for an unusable one."""
    if own:
        return own
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if _is_local(host) or _excluded(host, port, _variable(environ, "NO_PROXY")):
        return ""
    said = _variable(environ, "HTTPS_PROXY" if parts.scheme == "https" else "HTTP_PROXY")
    if not said:
        return ""
    url = said if "://" in said else f"http://{said}"
    try:
        scheme, named = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        scheme, named = "", None
    if scheme not in ("http", "https") or not named:
        raise Misconfigured(
            f"HTTPS_PROXY is {clean(scheme, 20) or 'no address'}: the cockpit cannot use it",
            hint="an http proxy works, or name the API server in NO_PROXY",
        )
    return url


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _excluded(host: str, port: int, listed: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for each in (part.strip().lower() for part in listed.split(",")):
        if not each:
            continue
        if each == "*":
            return True
        if address is not None and _covers(each, address):
            return True
        name, colon, wanted = each.rpartition(":")
        if colon and wanted.isdigit():
            if int(wanted) != port:
                continue
            each = name.strip("[]")
        if host == each.lstrip("."):
            return not each.startswith(".") or address is not None
        if host.endswith(each if each.startswith(".") else f".{each}"):
            return True
    return False


def _covers(network: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False
