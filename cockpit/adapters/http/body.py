"""Answer bodies: read and unpacked within bounds, parsed without holding up the event loop."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

from cockpit.errors import Malformed
from cockpit.text import clean

BODY_LIMIT = 10 * 1024 * 1024  # bytes, unpacked
IN_A_THREAD = 1024 * 1024
_STEP = 256 * 1024

T = TypeVar("T")


class Unpacker:
    """Collects a body as it arrives, unpacking gzip and deflate step by step, and stops at the limit."""

    def __init__(self, encoding: str) -> None:
        """Raises Malformed for an encoding that was not asked for."""
        coding = encoding.strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise Malformed(f"the body comes in the encoding {clean(coding, 40)}, which was not asked for")
        self._coding = coding
        self._inflate: Any = None
        self._parts: list[bytes] = []
        self.received = 0  # bytes off the wire
        self.size = 0  # bytes unpacked
        self.cut = False

    async def feed(self, data: bytes) -> bool:
        """Take a piece off the wire; False when no more is wanted. Raises Malformed for a damaged packing."""
        self.received += len(data)
        if self._coding in ("", "identity"):
            self._keep(data)
            return not self.cut
        try:
            while data and not self.cut:
                if self._inflate is None:
                    self._inflate = zlib.decompressobj(self._window(data))
                self._keep(self._inflate.decompress(data, _STEP))
                data = self._inflate.unconsumed_tail
                if self._inflate.eof:
                    break
                if data:
                    await asyncio.sleep(0)  # a piece may unpack to a thousand times its size: let others run
        except zlib.error:
            raise Malformed("the packed body is damaged") from None
        return not self.cut

    def _window(self, data: bytes) -> int:
        if self._coding != "deflate":
            return 16 + zlib.MAX_WBITS
        # "deflate" is a zlib stream by the book and a raw one in the field; the first byte tells them apart.
        return zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS

    def _keep(self, data: bytes) -> None:
        room = BODY_LIMIT - self.size
        if len(data) > room:
            data, self.cut = data[:room], True
        self._parts.append(data)
        self.size += len(data)

    @property
    def complete(self) -> bool:
        """A packed body that ends before its own end mark is not."""
        return self._inflate is None or self._inflate.eof

    def content(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


async def read_json(content: bytes, digest: Callable[[object], T]) -> T:
    """`digest` of the parsed body; a large one is parsed and digested in a thread. Raises Malformed."""
    if len(content) <= IN_A_THREAD:
        return digest(_parse(content, None))
    return await asyncio.to_thread(lambda: digest(_parse(content, _let_others_run)))


def _let_others_run(members: dict[str, Any]) -> dict[str, Any]:
    """The C parser keeps the interpreter to itself; returning to Python for each object lets the loop have a turn."""
    return members


def _parse(content: bytes, hook: Callable[[dict[str, Any]], dict[str, Any]] | None) -> object:
    try:
        return json.loads(content, object_hook=hook)
    except RecursionError:
        raise Malformed("the body is not JSON that can be read: nested too deep") from None
    except UnicodeDecodeError:
        raise Malformed("the body is not JSON: not UTF-8 text") from None
    except ValueError as error:
        raise Malformed(f"the body is not JSON: {clean(str(error), 120)}") from None
