"""Which words mean the same when people describe what is wrong: lower-case phrases, matched from a word's start."""

from __future__ import annotations

from collections.abc import Mapping

TOPICS: Mapping[str, tuple[str, ...]] = {
    "errors": (
        "error rate",
        "errors",
        "5xx",
        "500",
        "502",
        "503",
        "failing",
        "failure",
        "failed request",
        "fail with",
        "exception",
    ),
    "down": (
        "down",
        "outage",
        "unavailable",
        "unreachable",
        "not respond",
        "offline",
        "cannot be seen",
        "health check fail",
        "not reachable",
        "unhealthy",
    ),
    "slow": (
        "slow",
        "latency",
        "response time",
        "p95",
        "p99",
        "timeout",
        "time out",
        "timed out",
        "performance",
        "degrad",
    ),
    "pool": ("connection", "pool", "exhaust", "too many client", "max connection", "no connection left"),
    "memory": ("memory", "oom", "out of memory", "evict", "maxmemory", "heap"),
    "cpu": ("cpu", "throttl", "load average"),
    "cache": ("redis", "cache", "valkey", "keyspace", "hit rate"),
    "deploy": (
        "deploy",
        "release",
        "rollback",
        "roll back",
        "roll out",
        "rollout",
        "revision",
        "rolled back",
        "bad version",
    ),
    "locks": (
        "lock",
        "blocked",
        "blocking",
        "blocks",
        "deadlock",
        "idle in transaction",
        "long transaction",
        "long running",
    ),
    "jobs": ("queue", "stuck", "backlog", "worker", "jobs", "job "),
    "certificate": ("certificate", "tls", "ssl", "expires", "expiry", "https"),
    "disk": ("disk", "storage full", "no space", "volume full"),
    "database": ("database", "postgres", "sql", "replica", "db "),
    "auth": ("auth", "login", "401", "403", "unauthorized", "forbidden", "token", "jwt", "permission denied"),
    "traffic": ("rate limit", "429", "traffic", "ddos", "flood", "abuse", "attack"),
    "secrets": ("secret", "leak", "breach", "compromise", "credential"),
    "data": ("data loss", "corrupt", "restore", "backup", "inconsisten"),
    "logs": ("log entries", "error log", "logs show"),
    "crash": ("crash", "restart", "crashloop", "restarting", "killed"),
    "dns": ("dns", "domain", "resolve"),
    "quota": ("quota", "limit exceeded", "billing"),
}

# One word for the same thing in other words.
WORDS: Mapping[str, str] = {"postgresql": "postgres", "db": "database", "svc": "service", "env": "environment"}

# Words in everybody's mouth: they tell no playbook from another.
_IDLE = """
about above after again also been before below both check does down each from have health high https https into
last left less many more most much only other over percent production rate same service seen since some system
than that their them then there these they this those time under until very what when where which while will
with within without your seconds second minute minutes readings reading number http status
"""
IDLE = frozenset(_IDLE.split())
