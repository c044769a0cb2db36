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
from urllib.parse import quote
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

from cockpit.errors import Misconfigured
from cockpit.text import clean

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 1 << 20  # of a configuration file
_ADDRESS = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,253}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NAME = re.compile(r"[a-z][-a-z0-9]*")
_SCHEMES = {"http": "http", "http_no_tunnel": "http", "socks5": "socks5"}  # gcloud tunnels https through both first
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_TRUE = frozenset(("true", "1", "on", "yes", "y"))  # as gcloud reads them, in any case


@dataclass(frozen=True, slots=True)
class Settings:
    """gcloud's properties. `get` of one that is nowhere is ""."""

    environ: Mapping[str, str]
    properties: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def get(self, section: str, name: str) -> str:
        """proxy/address is CLOUDSDK_PROXY_ADDRESS, else `address` of [proxy] in the active configuration."""
        said = self.environ.get(f"CLOUDSDK_{section}_{name}".upper())
        return self.properties.get((section, name), "") if said is None else said.strip()

    @property
    def variables(self) -> dict[str, str]:
        """All of it as variables, for what reads only those."""
        said = {f"CLOUDSDK_{section}_{name}".upper(): value for (section, name), value in self.properties.items()}
        return {**said, **self.environ}


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


def proxy_of(settings: Settings) -> httpx.Proxy | None:
    """gcloud's own proxy, None where it has none: then HTTPS_PROXY and NO_PROXY count. Raises Misconfigured.

    Only https goes through it, in a tunnel that the proxy cannot look into: so no credential is shown to it.
    A SOCKS 5 proxy looks names up itself, as gcloud has it unless proxy/rdns is false.
    """
    kind, address, port = (settings.get("proxy", name) for name in ("type", "address", "port"))
    if not (kind or address or port):
        return None
    if not (kind and address and port):
        raise Misconfigured(
            "of gcloud's proxy/type, proxy/address and proxy/port some are set and some are not",
            hint="set all three, or unset all: gcloud config unset proxy/address",
        )
    if kind not in _SCHEMES:
        raise Misconfigured(
            f"gcloud's proxy/type is {clean(kind, 40)}: the cockpit"
            f" {'cannot use' if kind == 'socks4' else 'does not know'} it",
            hint="http and socks5 work; most SOCKS proxies speak both 4 and 5",
        )
    if not _ADDRESS.fullmatch(address) or not _PORT.fullmatch(port):
        raise Misconfigured("gcloud's proxy/address and proxy/port are no address", hint="gcloud config list")
    import httpx

    host = f"[{address}]" if ":" in address and not address.startswith("[") else address
    user, password = settings.get("proxy", "username"), settings.get("proxy", "password")
    return httpx.Proxy(f"{_SCHEMES[kind]}://{host}:{port}", auth=(user, password) if user else None)


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


def socks_of(settings: Settings, host: str) -> str:
    """The SOCKS proxy on the way to a host, as the setting that names it: "proxy/type", "ALL_PROXY"; "" for none."""
    if settings.get("proxy", "address"):
        return "proxy/type" if settings.get("proxy", "type").startswith("socks") else ""
    environ = settings.environ
    if proxy_bypass_environment(host, {"no": environ.get("NO_PROXY", "") or environ.get("no_proxy", "")}):
        return ""
    for name in _PROXIES:
        if value := environ.get(name, ""):
            return name if value.lower().startswith("socks") else ""
    return ""


def said_of(settings: Settings) -> str:
    """The way to Google in words, without a password: "through the proxy p.example:3128"; "" for the direct one."""
    if settings.get("proxy", "address"):
        kind = "SOCKS 5 proxy" if settings.get("proxy", "type") == "socks5" else "proxy"
        return f"through gcloud's {kind} {clean(settings.get('proxy', 'address'), 120)}"
    for name in _PROXIES:
        if value := settings.environ.get(name, ""):
            return f"through the proxy {clean(quote(value.rpartition('@')[2], safe=':/[].-_'), 120)} ({name})"
    return ""
