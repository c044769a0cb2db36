"""What gcloud is told about the network and the account, read as gcloud reads it: a variable wins over the active
configuration (https://cloud.google.com/sdk/docs/properties). The way to Google's APIs follows from it.
"""

from __future__ import annotations

import configparser
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

from cockpit.errors import Misconfigured
from cockpit.text import clean

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 1 << 20  # of a configuration file
_ADDRESS = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,253}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NAME = re.compile(r"[a-z][-a-z0-9]*")
# gcloud's proxy/type -> the scheme of its address; https goes through both http ones in a tunnel.
_SCHEMES = {"http": "http", "http_no_tunnel": "http", "socks4": "socks4", "socks5": "socks5"}
# What gcloud's HTTP library makes of an address: the version, and whether the proxy looks names up.
_SOCKS = {"socks4": (4, False), "socks4a": (4, True), "socks5": (5, False), "socks5h": (5, True)}
_SOCKS_PORT = 1080
_TRUE = frozenset(("true", "1", "on", "yes", "y"))  # as gcloud reads them, in any case


@dataclass(frozen=True, slots=True)
class Settings:
    """gcloud's properties. `get` of one that is nowhere is ""."""

    environ: Mapping[str, str]
    properties: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def get(self, section: str, name: str, default: str = "") -> str:
        """proxy/address is CLOUDSDK_PROXY_ADDRESS, else `address` of [proxy] in the active configuration."""
        said = self.environ.get(f"CLOUDSDK_{section}_{name}".upper())
        return self.properties.get((section, name), default) if said is None else said.strip()

    @property
    def variables(self) -> dict[str, str]:
        """All of it as variables, for what reads only those."""
        said = {f"CLOUDSDK_{section}_{name}".upper(): value for (section, name), value in self.properties.items()}
        return {**said, **self.environ}


@dataclass(frozen=True, slots=True)
class SocksProxy:
    """A SOCKS proxy, and the hosts (as NO_PROXY lists them) that are spoken to without it."""

    version: int  # 4 or 5
    host: str
    port: int
    named: str  # the setting that says so: "proxy/type", "ALL_PROXY"
    user: str = ""
    password: str = field(default="", repr=False)
    rdns: bool = True  # the proxy looks names up; else this machine does
    without: str = ""

    @property
    def where(self) -> str:
        """In words, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the SOCKS {self.version} proxy {clean(host, 120)}:{self.port}"

    def passes(self, host: str) -> bool:
        """Whether a host is reached through it."""
        return not proxy_bypass_environment(host, {"no": self.without})


def settings_of(environ: Mapping[str, str] = os.environ) -> Settings:
    """The variables and the active configuration. Blocking, two small files; one that cannot be read has nothing."""
    place = environ.get("CLOUDSDK_CONFIG") or (f"{environ['HOME']}/.config/gcloud" if environ.get("HOME") else "")
    if not place:
        return Settings(environ)
    folder = Path(place).expanduser()
    name = environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or _text(folder / "active_config").strip() or "default"
    if not _NAME.fullmatch(name):
        return Settings(environ)
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(_text(folder / "configurations" / f"config_{name}"))
    except configparser.Error:
        return Settings(environ)
    found = {(part, key): value.strip() for part in parser.sections() for key, value in parser.items(part)}
    return Settings(environ, found)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def proxy_of(settings: Settings) -> httpx.Proxy | SocksProxy | None:
    """gcloud's own proxy, else a SOCKS proxy of the environment. Raises Misconfigured.

    None where there is neither: httpx itself follows HTTPS_PROXY and NO_PROXY then. Only https goes through a proxy,
    in a tunnel that it cannot look into: so no credential is shown to it. Read as gcloud does, in core/http_proxy.py
    and core/requests.py: proxy/rdns is true unless set; user and password are for SOCKS 5, the user for 4.
    """
    kind, address, port = (settings.get("proxy", name) for name in ("type", "address", "port"))
    if not (kind or address or port):
        return _socks_of_environment(settings.environ)
    if not (kind and address and port):
        raise Misconfigured(
            "of gcloud's proxy/type, proxy/address and proxy/port some are set and some are not",
            hint="set all three, or unset all: gcloud config unset proxy/address",
        )
    if kind not in _SCHEMES:
        raise Misconfigured(
            f"gcloud's proxy/type is {clean(kind, 40)}: neither the cockpit nor gcloud knows it",
            hint=f"it is one of {', '.join(_SCHEMES)}",
        )
    if not _ADDRESS.fullmatch(address) or not _PORT.fullmatch(port) or int(port) > 65535:
        raise Misconfigured("gcloud's proxy/address and proxy/port are no address", hint="gcloud config list")
    user, password = settings.get("proxy", "username"), settings.get("proxy", "password")
    if kind.startswith("socks"):
        rdns = settings.get("proxy", "rdns", "true").lower() in _TRUE
        return SocksProxy(int(kind[-1]), address.strip("[]"), int(port), "proxy/type", user, password, rdns)
    import httpx

    host = f"[{address}]" if ":" in address and not address.startswith("[") else address
    return httpx.Proxy(f"{_SCHEMES[kind]}://{host}:{port}", auth=(user, password) if user else None)


def _of_environment(environ: Mapping[str, str]) -> tuple[str, str]:
    """The variable that names the proxy for https, and its value: small letters win, as in urllib."""
    for kind in ("https_proxy", "all_proxy"):
        name = kind if kind in environ else kind.upper()
        if value := environ.get(name, ""):
            return name, value
    return "", ""


def _without(environ: Mapping[str, str]) -> str:
    return environ.get("no_proxy") or environ.get("NO_PROXY", "")


def _socks_of_environment(environ: Mapping[str, str]) -> SocksProxy | None:
    name, value = _of_environment(environ)
    if not value.lower().startswith("socks"):
        return None
    try:
        parts = urlsplit(value)
        version, rdns = _SOCKS[parts.scheme]
        host, port = parts.hostname or "", parts.port or _SOCKS_PORT
    except (ValueError, KeyError):
        host = ""
    if not _ADDRESS.fullmatch(host):
        raise bad_proxy(name)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return SocksProxy(version, host, port, name, user, password, rdns, _without(environ))


def bad_proxy(name: str = "HTTPS_PROXY or ALL_PROXY") -> Misconfigured:
    """The proxy of the environment is none that can be used; its address may hold a password and is not repeated."""
    return Misconfigured(
        f"the proxy that {name} names cannot be used",
        hint="http://host:port works, and with the schemes socks4, socks4a, socks5 and socks5h",
    )


def trust_of(settings: Settings) -> ssl.SSLContext | bool:
    """core/custom_ca_certs_file, else what httpx trusts (SSL_CERT_FILE too). Blocking. Raises Misconfigured."""
    path = settings.get("core", "custom_ca_certs_file")
    if not path:
        return True
    try:
        return ssl.create_default_context(cafile=str(Path(path).expanduser()))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or "it holds no certificates"
        raise Misconfigured(
            f"gcloud's core/custom_ca_certs_file {clean(path, 200)} cannot be used: {clean(str(reason), 80)}",
            hint="gcloud config get core/custom_ca_certs_file",
        ) from None


def override_of(settings: Settings, service: str) -> str:
    """api_endpoint_overrides/<service>, "" for none."""
    return settings.get("api_endpoint_overrides", service)


def unfollowed(settings: Settings) -> str:
    """What gcloud is told and the cockpit does not do, in one sentence; "" for nothing.

    A token that is sent to whoever answers is given away: auth/disable_ssl_validation is no setting for an incident.
    """
    if settings.get("auth", "disable_ssl_validation").lower() in _TRUE:
        return (
            "gcloud's auth/disable_ssl_validation is not followed: the cockpit sends no token to a server whose"
            " certificate it cannot verify; core/custom_ca_certs_file names an authority of your own"
        )
    return ""


def grpc_proxy_of(settings: Settings, host: str) -> str:
    """The http proxy on the way to a host as an address for gRPC, "" for none. Raises Misconfigured for any other.

    gRPC knows only http proxies, and of the environment only names in small letters: it would pass the others by.
    """
    if settings.get("proxy", "address"):
        proxy = proxy_of(settings)
        name, value = "proxy/type", "socks:" if isinstance(proxy, SocksProxy) else "http:"
        if proxy is not None and not isinstance(proxy, SocksProxy):
            user, password = (quote(part, safe="") for part in proxy.auth or ("", ""))
            return f"http://{f'{user}:{password}@' if user else ''}{proxy.url.netloc.decode()}"
    else:
        name, value = _of_environment(settings.environ)
        if not value or proxy_bypass_environment(host, {"no": _without(settings.environ)}):
            return ""
        value = value if "://" in value else f"http://{value}"
    if value.lower().startswith("http:"):
        return value
    kind = "SOCKS" if value.lower().startswith("socks") else "https"
    raise Misconfigured(
        f"metrics come over gRPC, which cannot use the {kind} proxy that {name} names: none are shown",
        hint=f"an http proxy works for them; everything else goes through the {kind} proxy",
    )


def said_of(settings: Settings) -> str:
    """The way to Google in words, without a password: "through the proxy p.example:3128"; "" for the direct one."""
    if settings.get("proxy", "address"):
        kind = settings.get("proxy", "type")
        kind = f"SOCKS {kind[-1]} proxy" if kind.startswith("socks") else "proxy"
        return f"through gcloud's {kind} {clean(settings.get('proxy', 'address'), 120)}"
    name, value = _of_environment(settings.environ)
    if value:
        return f"through the proxy {clean(quote(value.rpartition('@')[2], safe=':/[].-_'), 120)} ({name})"
    return ""
