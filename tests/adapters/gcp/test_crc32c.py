"""CRC-32C against the vectors of RFC 3720, B.4, and a checksum that gcloud was seen to send."""

from __future__ import annotations

import pytest

from cockpit.adapters.gcp.crc32c import crc32c


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (
            bytes.fromhex(
                "01c00000 00000000 00000000 00000000 14000000 00000400"
                "00000014 00000018 28000000 00000000 02000000 00000000"
            ),
            0xD9963A56,
        ),
        (b"123456789", 0xE3069283),
        (b"", 0),
        (b"made-up secret value", 2837754375),
    ],
)
def test_known_checksums(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum
