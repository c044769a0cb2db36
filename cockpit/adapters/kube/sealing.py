"""Encryption to an age public key: https://age-encryption.org/v1. What is sealed here, this machine cannot open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cockpit.errors import Misconfigured
from cockpit.text import clean

Seal = Callable[[bytes], bytes]


def sealing(recipient: str) -> Seal:
    """For "age1..." or an SSH public key. Raises Misconfigured for what is none."""
    try:
        import pyrage
    except ImportError as error:
        raise Misconfigured("secrets cannot be encrypted: pyrage is not installed", hint="install pyrage") from error
    key: Any
    written = recipient.strip()
    try:
        if written.startswith("ssh-"):
            key = pyrage.ssh.Recipient.from_str(written)
        else:
            key = pyrage.x25519.Recipient.from_str(written)
    except (pyrage.RecipientError, ValueError) as error:
        raise Misconfigured(
            f"backup_recipient {clean(written, 24)} is no public key of age",
            hint='it begins with "age1"; age-keygen prints it',
        ) from error

    def seal(content: bytes) -> bytes:
        sealed: bytes = pyrage.encrypt(content, [key])
        return sealed

    return seal
