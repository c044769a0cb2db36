"""Networks whose block hits ourselves and never an attacker, with what they are.

Documentation networks are not among them: examples and tests act on those.
"""

from __future__ import annotations

_NOBODY = (
    ("127.0.0.0/8", "this machine"),
    ("::1/128", "this machine"),
    ("0.0.0.0/8", "no single client"),
    ("::/128", "no single client"),
    ("10.0.0.0/8", "a private network"),
    ("172.16.0.0/12", "a private network"),
    ("192.168.0.0/16", "a private network"),
    ("fc00::/7", "a private network"),
    ("100.64.0.0/10", "a carrier's shared network"),
    ("169.254.0.0/16", "link-local"),
    ("fe80::/10", "link-local"),
    ("224.0.0.0/4", "multicast"),
    ("ff00::/8", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
# https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges and
# https://cloud.google.com/load-balancing/docs/firewall-rules; the last is Identity-Aware Proxy's:
# https://cloud.google.com/iap/docs/using-tcp-forwarding
_GOOGLE = (
    ("35.191.0.0/16", "Google's load balancers and health checks"),
    ("130.211.0.0/22", "Google's load balancers and health checks"),
    ("209.85.152.0/22", "Google's load balancers and health checks"),
    ("209.85.204.0/22", "Google's load balancers and health checks"),
    ("2600:2d00:1:1::/64", "Google's load balancers and health checks"),
    ("2600:2d00:1:b029::/64", "Google's load balancers and health checks"),
    ("2600:1901:8001::/48", "Google's load balancers and health checks"),
    ("35.235.240.0/20", "Google's Identity-Aware Proxy"),
)
OWN_GROUND: tuple[tuple[str, str], ...] = (*_NOBODY, *_GOOGLE)
