"""Customers: a steady, modest stream of requests from several addresses, over real HTTP."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

import httpx

from cockpit.sandbox.shop.revision import CATEGORIES, PRODUCTS

SCRAPER = "203.0.113.66"
_CUSTOMERS = (
    *(f"198.51.100.{host}" for host in (4, 17, 23, 42, 58, 77, 91, 130, 164, 201)),
    *(f"192.0.2.{host}" for host in (8, 15, 99)),
)
_IN_FLIGHT = 80
_DEADLINE_S = 12.0


@dataclass(slots=True)
class Tally:
    """What the customers met."""

    sent: int = 0
    answered: int = 0
    failed: int = 0  # 5xx
    lost: int = 0  # no answer
    skipped: int = 0  # not sent: too many wait already


class Load:
    """Sends `rate` requests a second until stopped; never more than _IN_FLIGHT at a time."""

    def __init__(self, url: str, rate: float = 25.0, seed: int = 7) -> None:
        self._url = url
        self._rate = rate
        self._dice = random.Random(seed)  # noqa: S311  plays customers, keeps no secret
        self._sender: asyncio.Task[None] | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self._rush = 0
        self.tally = Tally()

    async def start(self) -> None:
        """Begin."""
        self._sender = asyncio.ensure_future(self._send_all())

    def rush(self, orders: int) -> None:
        """So many customers check out at this moment, besides the ordinary ones."""
        self._rush += orders

    async def close(self) -> None:
        """End, at once."""
        tasks = [*self._requests, *([self._sender] if self._sender else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_all(self) -> None:
        limits = httpx.Limits(max_connections=_IN_FLIGHT, max_keepalive_connections=20)
        async with httpx.AsyncClient(
            base_url=self._url, timeout=_DEADLINE_S, limits=limits, trust_env=False
        ) as client:
            due = time.monotonic()
            while True:
                # Short of a second late it catches up; after a longer stall it does not flood.
                rate = self._rate if self._rush == 0 else self._rate + 40
                due = max(due + self._dice.expovariate(rate), time.monotonic() - 1.0)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if len(self._requests) >= _IN_FLIGHT:
                    self.tally.skipped += 1
                    continue
                task = asyncio.ensure_future(self._send(client))
                self._requests.add(task)
                task.add_done_callback(self._requests.discard)

    async def _send(self, client: httpx.AsyncClient) -> None:
        scraper = self._dice.random() < 0.2
        address = SCRAPER if scraper else self._dice.choice(_CUSTOMERS)
        headers = {
            "X-Forwarded-For": address,
            "User-Agent": "price-watch/2.1 (bot)" if scraper else "Mozilla/5.0",
        }
        method, path, body = self._request(scraper)
        self.tally.sent += 1
        try:
            answer = await client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError:
            self.tally.lost += 1
            return
        self.tally.answered += 1
        self.tally.failed += answer.status_code >= 500

    def _request(self, scraper: bool) -> tuple[str, str, object]:
        dice = self._dice
        if self._rush:
            self._rush -= 1
        product = min(PRODUCTS, int(dice.expovariate(1 / 60)) + 1)
        session = f"s{dice.randrange(300)}"
        draw = 1.0 if self._rush else dice.random()
        if (scraper and draw < 1.0) or draw < 0.35:
            page = min(9, int(dice.expovariate(1 / 2)))
            return "GET", f"/catalogue/{dice.choice(CATEGORIES)}?page={page}", None
        if draw < 0.65:
            return "GET", f"/products/{product}", None
        if draw < 0.80:
            return "POST", "/cart", {"session": session, "product": product}
        return "POST", "/checkout", {"session": session, "product": product}
