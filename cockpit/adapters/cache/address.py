"""Where a Redis server is, read from the profile's URL and secrets; never echoed when it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from cockpit.errors import Misconfigured
from cockpit.profile.schema import RedisSource
from cockpit.profile.secrets import Secret, SecretRef
from cockpit.text import clean


@dataclass(frozen=True, slots=True)
class Address:
    """One logical database of one server, with the credentials for it."""

    host: str = ""
    port: int = 6379
    path: str = ""  # unix socket
    database: int = 0
    tls: bool = False
    verify: bool = True
    ca_file: str = ""
    certificate: str = ""
    key: str = ""
    username: str = ""
    password: Secret | None = None

    @property
    def place(self) -> str:
        """host:port or unix:path, for sentences."""
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"

    @property
    def server(self) -> str:
        """The same with the logical database."""
        return f"{self.place}/{self.database}"

    def client_command(self) -> tuple[str, ...]:
        """argv of redis-cli for this database, without the password."""
        words = ["redis-cli"]
        words += ["-s", self.path] if self.path else ["-h", self.host, "-p", str(self.port)]
        if self.tls:
            words += ["--tls"]
            words += [] if self.verify else ["--insecure"]
            for option, file in (("--cacert", self.ca_file), ("--cert", self.certificate), ("--key", self.key)):
                words += [option, file] if file else []
        if self.username:
            words += ["--user", self.username]
        if self.password is not None:
            words += ["--no-auth-warning"]
        return (*words, "-n", str(self.database))


async def locate(source: RedisSource) -> Address:
    """The source's address with its secrets fetched. Raises Misconfigured, and what fetching a secret raises."""
    text = (await source.url.resolve()).reveal() if isinstance(source.url, SecretRef) else source.url
    password = await source.password.resolve() if source.password is not None else None
    address = _parse(text, source)
    return Address(
        host=address.host,
        port=address.port,
        path=address.path,
        database=address.database,
        tls=address.tls,
        verify=address.verify,
        ca_file=source.ca_file or address.ca_file,
        certificate=address.certificate,
        key=address.key,
        username=source.username or address.username,
        password=password or address.password,
    )


def _parse(text: str, source: RedisSource) -> Address:
    wrong = f"the URL of redis/{source.name} cannot be used"
    form = "write redis://host:6379/0, rediss://host:6379/0 or unix:///path?db=0"
    try:
        parts = urlsplit(text.strip())
        port = parts.port or 6379
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise Misconfigured(wrong, hint=form) from None
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise Misconfigured(f"{wrong}: it is none of redis://, rediss:// and unix://", hint=form)
    unix = parts.scheme == "unix"
    database = options.pop("db", "") or ("" if unix else parts.path.strip("/")) or "0"
    reqs = options.pop("ssl_cert_reqs", "required").lower()
    certificate, key = options.pop("ssl_certfile", ""), options.pop("ssl_keyfile", "")
    ca_file = options.pop("ssl_ca_certs", "")
    if options:
        raise Misconfigured(f"{wrong}: unknown option {clean(sorted(options)[0], 40)}", hint=form)
    if not database.isdecimal():
        raise Misconfigured(f"{wrong}: the logical database must be a number", hint=form)
    if reqs not in {"required", "none"}:
        raise Misconfigured(f"{wrong}: ssl_cert_reqs must be required or none", hint=form)
    if unix and not parts.path:
        raise Misconfigured(f"{wrong}: it has no path", hint=form)
    return Address(
        host="" if unix else (parts.hostname or "localhost"),
        port=port,
        path=unquote(parts.path) if unix else "",
        database=int(database),
        tls=parts.scheme == "rediss",
        verify=reqs == "required",
        ca_file=ca_file,
        certificate=certificate,
        key=key,
        username=unquote(parts.username or ""),
        password=Secret(unquote(parts.password)) if parts.password else None,
    )
