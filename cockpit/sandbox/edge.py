"""What stands before the shop: its Cloud Armor policy, and the refused logins of the last hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.shape import Shape

POLICY = Shape().policy
FAILURES = 'jsonPayload.event_type="authentication_failed"'
_PARTNER = "203.0.113.0/24"
_SCRAPER = "198.51.100.200"
_LOGINS = (  # minutes ago, who, from where
    (108, "ines@shop.example", "192.0.2.31"),
    (94, "admin", _SCRAPER),
    (93, "root", _SCRAPER),
    (92, "test", _SCRAPER),
    (41, "otto@shop.example", "192.0.2.77"),
    (17, "admin", "198.51.100.77"),
)


def seed_edge(plane: ControlPlane, service: str, policy: str = POLICY) -> None:
    """A policy with a partner's network let in and one scraper denied until tomorrow; logins that failed before."""
    now = datetime.now(UTC)
    until = now + timedelta(hours=22)
    plane.compute.seed(
        policy,
        Rule(500, "allow", (_PARTNER,), description="partner"),
        Rule(9000, "deny(403)", (_SCRAPER,), description=f"denied by cockpit until {until:%Y-%m-%d %H:%M} UTC"),
        backends=(f"{service}-backend",),
        description=f"in front of {service}",
    )
    plane.estate.seed_domain("www.shop.example", service)
    plane.estate.seed_connector("shop-connector")
    for days, tags in ((40, ("v1",)), (2, ("v2", "latest"))):
        plane.estate.seed_image("shop", service, plane.run.region, tags, now - timedelta(days=days))
    plane.compute.seed_machine("shop-bastion", f"{plane.run.region}-b", "10.132.0.9")
    plane.compute.quotas.append({"metric": "SNAPSHOTS", "limit": 5000.0, "usage": 12.0})
    for minutes, who, address in _LOGINS:
        plane.logs.write(
            "run.googleapis.com/stdout",
            {
                "severity": "WARNING",
                "resource": {
                    "type": "cloud_run_revision",
                    "labels": {"service_name": service, "location": plane.run.region},
                },
                "jsonPayload": {
                    "event_type": "authentication_failed",
                    "message": f"login of {who} refused: wrong password",
                    "user": who,
                    "client_ip": address,
                },
            },
            at=now - timedelta(minutes=minutes),
        )
