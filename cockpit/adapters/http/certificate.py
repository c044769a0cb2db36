"""When a host's certificate ends and why it is not accepted: off the connection, or by a handshake of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime

from cockpit.errors import Malformed
from cockpit.model.health import TlsState
from cockpit.model.severity import Severity
from cockpit.text import clean

WARN_DAYS = 14
CRITICAL_DAYS = 3
_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _VERSION, _BMP_STRING = 0x30, 0x17, 0x18, 0xA0, 0x1E
_ATTRIBUTES = {  # 2.5.4.x (X.520)
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}


def not_after(certificate: bytes) -> datetime:
    """The end of validity in a DER certificate (RFC 5280, 4.1): Certificate > tbsCertificate > validity > notAfter.

    The standard library parses only certificates that it has verified, and the ones of interest are those it has
    not. Raises Malformed.
    """
    return read(certificate)[3]


def read(certificate: bytes) -> tuple[str, str, datetime, datetime]:
    """Subject, issuer, begin and end of validity, of a DER certificate. Raises Malformed."""
    try:
        tag, outer, _ = _element(certificate, 0)
        tag, body, _ = _element(outer, 0)
        offset = 0
        tag, _, after = _element(body, 0)
        if tag == _VERSION:
            offset = after
        for _field in ("serialNumber", "signature"):
            _, _, offset = _element(body, offset)
        _, issuer, offset = _element(body, offset)
        tag, validity, offset = _element(body, offset)
        if tag != _SEQUENCE:
            raise ValueError
        first, begins, second = _element(validity, 0)
        tag, ends, _ = _element(validity, second)
        _, subject, _ = _element(body, offset)
        moments = _moment(first, begins.decode("ascii")), _moment(tag, ends.decode("ascii"))
        return _name(subject), _name(issuer), *moments
    except (IndexError, ValueError):
        raise Malformed("the certificate cannot be read") from None


def _name(sets: bytes) -> str:
    """A distinguished name as openssl writes it: "C = DE, O = Shop, CN = api.example" (RFC 5280, 4.1.2.4)."""
    found, offset = [], 0
    while offset < len(sets):
        _, one, offset = _element(sets, offset)
        _, pair, _ = _element(one, 0)
        _, oid, after = _element(pair, 0)
        tag, value, _ = _element(pair, after)
        text = value.decode("utf-16-be" if tag == _BMP_STRING else "utf-8", "replace")
        found.append(f"{_ATTRIBUTES.get(oid, oid.hex())} = {clean(text, 200)}")
    return ", ".join(found)


def _element(data: bytes, offset: int) -> tuple[int, bytes, int]:
    """One DER element: tag, content, offset of what follows."""
    tag, length = data[offset], data[offset + 1]
    start = offset + 2
    if length & 0x80:
        octets = length & 0x7F
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + length > len(data):
        raise ValueError
    return tag, data[start : start + length], start + length


def _moment(tag: int, text: str) -> datetime:
    if tag == _UTC_TIME:  # two digits of the year: 50 to 99 are of the last century
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def judge(
    host: str, certificate: bytes | None, now: datetime, *, problem: str = "", verified: bool = True
) -> TlsState:
    """The state of one host's certificate. What is not verified on purpose is shown and not judged."""
    try:
        expires = not_after(certificate) if certificate else None
    except Malformed:
        expires = None
    days = (expires - now).total_seconds() / 86400 if expires else None
    if problem:
        severity = Severity.CRIT
    elif not verified:
        severity, problem = Severity.OK, "not verified (verify_tls = false)"
    elif days is None:
        severity = Severity.UNKNOWN
    else:
        severity = Severity.CRIT if days < CRITICAL_DAYS else Severity.WARN if days < WARN_DAYS else Severity.OK
    return TlsState(host, expires, days, severity, problem)


def why(error: ssl.SSLCertVerificationError) -> str:
    """OpenSSL's reason in words."""
    message = clean(error.verify_message or "", 160)
    if "self-signed certificate in certificate chain" in message or "unable to get local issuer" in message:
        return "signed by an authority that is not trusted here"
    if "self-signed" in message or "self signed" in message:
        return "self-signed"
    if "expired" in message:
        return "expired"
    if "not yet valid" in message:
        return "not yet valid"
    if "mismatch" in message:
        return "made for another host name"
    return message or "not accepted"


async def fetch(host: str, port: int) -> bytes | None:
    """The certificate that the host presents, in DER, from a handshake that accepts any; nothing is sent over it.

    None where there is no TLS. The caller sets the deadline.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # to look at it, never to trust it
    try:
        return await handshake(host, port, context)
    except OSError:  # SSLError is one
        return None


async def handshake(host: str, port: int, context: ssl.SSLContext) -> bytes | None:
    """What the host presents on a connection that `context` accepts. Raises OSError, ssl.SSLError among them."""
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        found = writer.get_extra_info("ssl_object")
        certificate: bytes | None = found.getpeercert(binary_form=True) if found is not None else None
        return certificate
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
