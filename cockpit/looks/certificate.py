"""The look at the certificate that a health source's host presents, in the place of `openssl s_client`."""

from __future__ import annotations

from typing import Protocol

from cockpit.clock import Clock
from cockpit.looks.bound import BoundLook
from cockpit.looks.looker import Looker
from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.health import Presented
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.severity import Severity, SourceKind
from cockpit.profile.origin import origin_of

CERTIFICATE = LookSpec(
    "health.certificate",
    "Certificate",
    SourceKind.HEALTH,
    "Asks the source's host for its certificate: for whom, by whom, from when until when, whether it is accepted.",
    live=False,
)
SPECS = (CERTIFICATE,)

# https://docs.openssl.org/master/man1/openssl-s_client/: -servername is the host of -connect anyway.
_FLAGS = frozenset(("-connect", "-servername", "-showcerts"))


class Presenting(Protocol):
    """Can look at the certificate of one origin."""

    @property
    def origin(self) -> str:
        """scheme://host:port."""

    async def certificate(self) -> Presented:
        """What the host presents now. Raises CockpitError."""


def understood(call: Call) -> Intent | None:
    """A handshake with one host from this machine, with nothing to say to it."""
    if call.verb != "s_client" or call.args or call.within or call.body or call.flags.keys() - _FLAGS:
        return None
    place = call.flag("-connect") or ""
    host, _, port = place.rpartition(":")
    if not host or call.flag("-servername") not in (None, host.strip("[]")) or "/" in place:
        return None
    if any("<" in each.operator and each.target.text != "/dev/null" for each in call.redirects):
        return None
    said = []
    if any(mark.spelled in place for mark in call.placeholders):
        said.append(f"{host} is not looked up: the host of the chosen health source is asked.")
    elif not port.isdigit() or not origin_of(f"https://{place}"):
        return None
    if call.has("-showcerts"):
        said.append("Only the host's own certificate is shown, not those that sign it.")
    return Intent(CERTIFICATE.id, SourceKind.HEALTH, {"url": f"https://{place}"}, differs=" ".join(said))


REPLACES = (Replacement(CERTIFICATE.id, "openssl", Tier.T0, understood),)


def lookers(source_id: str, adapter: Presenting, clock: Clock) -> list[Looker]:
    """The one for one source."""
    return [CertificateQuestion(source_id, adapter, clock)]


class CertificateQuestion(BoundLook):
    """One handshake with the source's own host."""

    def __init__(self, source: str, adapter: Presenting, clock: Clock) -> None:
        super().__init__(CERTIFICATE, source)
        self._adapter = adapter
        self._clock = clock

    def unavailable(self) -> str:
        """Where no TLS is spoken."""
        return "" if self._adapter.origin.startswith("https:") else f"{self._adapter.origin} has no certificate"

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError."""
        found = await self._adapter.certificate()
        state = found.state
        accepted = state.problem or "accepted"
        days = "" if state.days_left is None else f"{state.days_left:.1f}"
        lines = [
            f"subject   {found.subject or 'not given'}",
            f"issuer    {found.issuer or 'not given'}",
            f"notBefore {found.begins:%Y-%m-%d %H:%M:%S} UTC" if found.begins else "notBefore not known",
            f"notAfter  {state.expires:%Y-%m-%d %H:%M:%S} UTC" if state.expires else "notAfter  not known",
            f"days left {days or 'not known'}",
            f"verified  {accepted if state.problem else 'yes'}",
        ]
        if state.severity is Severity.UNKNOWN:
            said = f"{state.host} presents a certificate that cannot be read"
        elif days.startswith("-"):
            said = f"the certificate of {state.host} ended {days[1:]} days ago"
        else:
            said = f"the certificate of {state.host} ends in {days or 'an unknown number of'} days"
        return Sight(state.severity, f"{said}: {accepted}", self._clock.now(), tuple(lines))
