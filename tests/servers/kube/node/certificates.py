"""cert-manager in small: a Certificate is issued when it is new, and again when its condition Issuing is True.

Annotation `fake-node/renew` of a Certificate: "never" leaves it issuing; "error TEXT" fails with that text.
Annotation `fake-node/valid-days`: how long what is issued is valid (90).
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt

from cockpit.sandbox.kube.node.events import Events
from cockpit.sandbox.kube.node.life import note
from cockpit.sandbox.kube.node.terms import Object, now

from ..authority import Authority
from .api import Api

_GROUP = "/apis/cert-manager.io/v1"
_TAKES_S = 0.3


class Certificates:
    """Issues real certificates of an own authority."""

    def __init__(self, api: Api, events: Events) -> None:
        self._api = api
        self._events = events
        self._authority = Authority.new("cert-manager of a test cluster")
        self._busy: set[str] = set()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            async for kind, wish in self._api.follow(f"{_GROUP}/certificates"):
                uid = wish["metadata"]["uid"]
                if kind == "DELETED" or uid in self._busy or not _wanted(wish) or note(wish, "renew") == "never":
                    continue
                self._busy.add(uid)
                group.create_task(self._issue(wish))

    async def _issue(self, wish: Object) -> None:
        meta = wish["metadata"]
        await asyncio.sleep(_TAKES_S)
        told = note(wish, "renew")
        status = dict(wish.get("status", {}))
        kept = [each for each in status.get("conditions", []) if each["type"] not in ("Issuing", "Ready")]
        old_ready = [each for each in status.get("conditions", []) if each["type"] == "Ready"]
        if told.startswith("error"):
            text = told.removeprefix("error").strip() or "the order failed"
            issuing = _condition(
                "Issuing", False, "Failed", f"The certificate request has failed to complete: {text}"
            )
            ready = old_ready or [
                _condition("Ready", False, "DoesNotExist", "Issuing certificate as Secret does not exist")
            ]
            attempts = status.get("failedIssuanceAttempts", 0) + 1
            status |= {"conditions": [*kept, *ready, issuing]}
            status |= {"lastFailureTime": now(), "failedIssuanceAttempts": attempts}
            await self._events.say(wish, "Warning", "Failed", issuing["message"], "Certificate")
        else:
            start = dt.datetime.now(dt.UTC).replace(microsecond=0)
            end = start + dt.timedelta(days=float(note(wish, "valid-days", "90")))
            await self._write(wish, start, end)
            ready = _condition("Ready", True, "Ready", "Certificate is up to date and has not expired")
            status |= {
                "conditions": [*kept, ready],
                "revision": status.get("revision", 0) + 1,
                "notBefore": _drawn(start),
                "notAfter": _drawn(end),
                "renewalTime": _drawn(end - (end - start) / 3),
                "lastFailureTime": None,
                "failedIssuanceAttempts": None,
            }
            text = "The certificate has been successfully issued"
            await self._events.say(wish, "Normal", "Issuing", text, "Certificate")
        path = f"{_GROUP}/namespaces/{meta['namespace']}/certificates/{meta['name']}/status"
        await self._api.patch(path, {"status": status})
        self._busy.discard(meta["uid"])

    async def _write(self, wish: Object, start: dt.datetime, end: dt.datetime) -> None:
        meta, spec = wish["metadata"], wish["spec"]
        certificate, key = self._authority.issue(spec.get("dnsNames") or [meta["name"]], start=start, end=end)
        data = {"tls.crt": certificate, "tls.key": key, "ca.crt": self._authority.certificate}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {
                "name": spec["secretName"],
                "namespace": meta["namespace"],
                "annotations": {"cert-manager.io/certificate-name": meta["name"]},
            },
            "data": {name: base64.b64encode(content).decode() for name, content in data.items()},
        }
        await self._api.put(f"/api/v1/namespaces/{meta['namespace']}/secrets", spec["secretName"], secret)


def _wanted(wish: Object) -> bool:
    """New, or to be issued again."""
    conditions = {each["type"]: each["status"] for each in wish.get("status", {}).get("conditions", [])}
    return not conditions or conditions.get("Issuing") == "True"


def _drawn(time: dt.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(kind: str, holds: bool, reason: str, message: str) -> Object:
    status = "True" if holds else "False"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now()}
