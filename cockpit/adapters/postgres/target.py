"""Where to connect and as whom: profile, connection string, service file, environment and .pgpass put together.

Precedence is libpq's: connection string, service, environment, defaults. No connection is made here.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import random
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cockpit.adapters.postgres import conninfo
from cockpit.adapters.postgres.userfiles import SOCKET_FOLDERS, PasswordFile, home_folder, read_service
from cockpit.errors import Misconfigured
from cockpit.profile.schema import DatabaseSource
from cockpit.profile.secrets import Secret
from cockpit.text import clean

_ENVIRONMENT = {
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGPASSFILE": "passfile",
    "PGOPTIONS": "options",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGSSLMODE": "sslmode",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCRL": "sslcrl",
    "PGSSLCRLDIR": "sslcrldir",
    "PGSSLCERTMODE": "sslcertmode",
    "PGSSLNEGOTIATION": "sslnegotiation",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGLOADBALANCEHOSTS": "load_balance_hosts",
    "PGKRBSRVNAME": "krbsrvname",
    "PGGSSLIB": "gsslib",
    "PGCHANNELBINDING": "channel_binding",
    "PGGSSENCMODE": "gssencmode",
    "PGREQUIREAUTH": "require_auth",
    "PGREQUIREPEER": "requirepeer",
}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSION_ATTRS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
_TLS = ("sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation", "ssl_min_protocol_version",
        "ssl_max_protocol_version")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """One server to try: a name or address, or the folder of a Unix socket."""

    host: str
    port: int
    password: Secret

    @property
    def is_socket(self) -> bool:
        """A folder rather than a network host."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return clean(f"{host}:{self.port}")


@dataclass(frozen=True, slots=True)
class Target:
    """What a connection needs; shown without the password."""

    addresses: tuple[Address, ...]
    database: str
    user: str
    sslmode: str = "prefer"
    tls: Mapping[str, str] = field(default_factory=dict, repr=False)  # libpq names, without sslmode
    session_attrs: str = "any"
    options: str = ""
    connect_timeout_s: float | None = None  # for one address
    kerberos: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # why a password file was ignored

    def label(self, address: Address) -> str:
        """host:port/database, as plans and panes name the server."""
        return f"{address}/{clean(self.database)}"

    def psql(self, address: Address, sql: str) -> str:
        """A psql command line that runs `sql` there; psql asks for the password or takes it from .pgpass."""
        tls = {"PGSSLMODE": self.sslmode, "PGSSLROOTCERT": self.tls.get("sslrootcert", "")}
        settings = [f"{name}={value}" for name, value in tls.items() if value not in ("", "prefer")]
        place = ["-h", address.host, "-p", str(address.port), "-U", self.user, "-d", self.database]
        return shlex.join([*settings, "psql", *place, "-c", sql])


async def resolve_target(source: DatabaseSource, environ: Mapping[str, str] | None = None) -> Target:
    """All of it, secrets included. Raises Misconfigured, TimedOut."""
    dsn = await source.dsn.resolve(environ) if source.dsn else Secret("")
    return await asyncio.to_thread(_resolve, dsn, source.service, dict(os.environ if environ is None else environ))


def _resolve(dsn: Secret, service: str | None, environ: Mapping[str, str]) -> Target:
    params = conninfo.parse(dsn.reveal())
    name = params.get("service") or service or environ.get("PGSERVICE", "")
    if name:
        params = read_service(name, params.get("servicefile", ""), environ) | params
    inherited = {key: environ[variable] for variable, key in _ENVIRONMENT.items() if environ.get(variable)}
    # libpq takes an empty value for one that is not set.
    params = conninfo.checked(inherited, "the environment") | {key: value for key, value in params.items() if value}
    user = params.get("user") or pwd.getpwuid(os.geteuid()).pw_name
    database = params.get("dbname") or user
    sslmode = _one_of(params, "sslmode", SSL_MODES, "prefer")
    if params.get("sslrootcert") == "system" and sslmode != "verify-full":
        if "sslmode" in params:
            raise Misconfigured("sslrootcert=system works only with sslmode=verify-full", hint="as in libpq")
        sslmode = "verify-full"
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        _check_file(name, params.get(name, ""))
    addresses, notes = _addresses(params, database, user, sslmode, environ)
    if _one_of(params, "load_balance_hosts", ("disable", "random"), "disable") == "random":
        addresses = random.sample(addresses, len(addresses))
    return Target(
        addresses=tuple(addresses),
        database=database,
        user=user,
        sslmode=sslmode,
        tls={key: params[key] for key in _TLS if key in params},
        session_attrs=_one_of(params, "target_session_attrs", SESSION_ATTRS, "any"),
        options=params.get("options", ""),
        connect_timeout_s=_connect_timeout(params),
        kerberos={key: params[key] for key in ("krbsrvname", "gsslib") if key in params},
        notes=notes,
    )


def _one_of(params: Mapping[str, str], name: str, values: tuple[str, ...], default: str) -> str:
    value = params.get(name, default)
    if value not in values:
        raise Misconfigured(
            f"{name} is {clean(value, 40)}, which is no such mode", hint=f"one of {', '.join(values)}"
        )
    return value


def _check_file(name: str, path: str) -> None:
    """The driver's own error for these names no file."""
    if path and (name, path) != ("sslrootcert", "system"):
        try:
            with Path(path).open("rb"):
                return
        except OSError as error:
            raise Misconfigured(f"cannot read {name} {clean(path, 200)}: {error.strerror}") from None


def _connect_timeout(params: Mapping[str, str]) -> float | None:
    text = params.get("connect_timeout", "0").strip()
    try:
        seconds = int(text)
    except ValueError:
        raise Misconfigured("connect_timeout is not a whole number of seconds") from None
    return float(max(2, seconds)) if seconds > 0 else None  # libpq: 1 counts as 2, 0 and less as none


def _addresses(
    params: Mapping[str, str], database: str, user: str, sslmode: str, environ: Mapping[str, str]
) -> tuple[list[Address], tuple[str, ...]]:
    names = params.get("host", "").split(",")
    numeric = params.get("hostaddr", "").split(",") if params.get("hostaddr") else []
    if numeric and not params.get("host"):
        names = numeric
    if numeric and len(numeric) != len(names):
        raise Misconfigured(f"there are {len(names)} host names for {len(numeric)} hostaddr values")
    if numeric and sslmode == "verify-full" and numeric != names:
        raise Misconfigured(
            "hostaddr together with sslmode=verify-full is not possible here: the name could not be checked",
            hint="leave hostaddr out",
        )
    ports = _ports(params.get("port", ""), len(names))
    path = params.get("passfile")
    file = PasswordFile(Path(path) if path else home_folder(environ) / ".pgpass")
    addresses = []
    for position, (name, port) in enumerate(zip(names, ports, strict=True)):
        host = numeric[position] if numeric else name
        given = Secret(params["password"]) if "password" in params else None
        password = given or file.lookup(name, port, database, user) or Secret("")
        addresses.append(Address(host or _default_host(port), port, password))
    unused = "password" in params or not file.problem
    return addresses, () if unused else (file.problem,)


def _ports(text: str, count: int) -> list[int]:
    parts = text.split(",")
    if len(parts) == 1:
        parts *= count
    if len(parts) != count:
        raise Misconfigured(f"there are {len(parts)} ports for {count} hosts")
    try:
        ports = [int(part) if part.strip() else 5432 for part in parts]
    except ValueError:
        raise Misconfigured("a port of the connection string is not a number") from None
    if not all(0 < port < 65536 for port in ports):
        raise Misconfigured("a port of the connection string is not between 1 and 65535")
    return ports


def _default_host(port: int) -> str:
    for folder in SOCKET_FOLDERS:
        if (Path(folder) / f".s.PGSQL.{port}").exists():
            return folder
    return "localhost"
