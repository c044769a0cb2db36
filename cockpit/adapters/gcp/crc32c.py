"""CRC-32C (Castagnoli) as RFC 3720 defines it: the checksum that Secret Manager takes and answers with."""

from __future__ import annotations

from functools import cache

_POLYNOMIAL = 0x82F63B78  # reflected


def crc32c(data: bytes) -> int:
    """The checksum, from 0 to 2**32 - 1."""
    table = _table()
    value = 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    return tuple(_entry(index) for index in range(256))


def _entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value
