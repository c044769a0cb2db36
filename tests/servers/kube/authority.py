"""A certificate authority of its own, for servers on loopback."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 30


@dataclass(frozen=True)
class Authority:
    """PEM of what it signs with."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: bytes

    @classmethod
    def new(cls, name: str) -> Authority:
        """Valid for 30 days."""
        key = ec.generate_private_key(ec.SECP256R1())
        title = _named(name)
        start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            _begun(title, title, key, start, start + dt.timedelta(days=_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(title, key, certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, names: Sequence[str], *, start: dt.datetime | None = None, end: dt.datetime | None = None
    ) -> tuple[bytes, bytes]:
        """Certificate and key (PEM) of a server with these DNS names or IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        start = start or dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
        end = end or start + dt.timedelta(days=_DAYS)
        ours = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        certificate = (
            _begun(_named(names[0]), self.name, key, start, end)
            .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ours), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)


def signing_key() -> bytes:
    """An RSA key (PEM), as service account tokens are signed with."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
