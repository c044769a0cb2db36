"""Which words mean the same when people describe what is wrong: lower-case phrases, matched from a word's start.

A subject says what it is about: a playbook about another subject does not help. A general topic is what almost
anything that breaks is called: alone it fits only a playbook that is about nothing more special.
"""

from __future__ import annotations

from collections.abc import Mapping

SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "pool": (
        "connection pool", "connectionpool", "pool exhaust", "pool util", "pool satur", "pool size", "pool is",
        "pool near", "pool full", "pool 9", "pool 100", "connection exhaust", "connections exhaust",
        "connections are exhaust", "exhausted connection", "too many connection", "too many client",
        "max connection", "connection limit", "connections are in use", "connection count", "connection slot",
        "no connection left", "connectionexhaust",
    ),
    "dbconn": (
        "database connection", "db connection", "postgres connection", "postgresql connection",
        "database connectivity", "database refuse", "connect to database", "connect to the database",
        "connections to the database", "database error", "database is down", "database down",
        "database unavailable", "database unreachable", "database instance down",
    ),
    "database": ("database", "postgres", "sql", "db", "rds", "mysql"),
    "slowquery": (
        "slow quer", "slowquer", "slow sql", "slow statement", "query performance", "query slow", "query is slow",
        "queries are slow", "long running quer", "long running statement", "query time", "query latency",
        "database slow", "slow database", "database is slow", "database performance", "runs one statement",
        "expensive quer",
    ),
    "locks": (
        "lock ", "locks", "locked ", "locking", "deadlock", "blocked quer", "blocked session", "blocking quer",
        "blocking session", "blocks", "idle in a transaction", "idle in transaction", "long transaction",
        "long running transaction", "open transaction",
    ),
    "replica": ("replica ", "replicas lag", "replication", "replica lag"),
    "redis": ("redis", "cache", "valkey", "keyspace", "memcache", "elasticache", "hit rate"),
    "evict": (
        "evict", "maxmemory", "redis memory", "redismemory", "cache memory", "memory full", "oom command",
        "redis is full", "redis full", "cache full", "cache is full", "redis out of memory",
        "redis is out of memory",
    ),
    "memory": ("memory", "oom", "heap", "memoryhigh"),
    "cpu": ("cpu", "throttl", "load average"),
    "rollback": (
        "rollback", "roll back", "rolled back", "rolling back", "revert", "bad deploy", "bad release",
        "bad revision", "bad version", "bad rollout", "failed deploy", "failed release", "failed rollout",
        "deployment fail", "deploy fail", "deployment gone", "after deploy", "after a deploy", "after new deploy",
        "after the deploy", "after a release", "after release", "after the release", "after a new", "went live",
        "recent deploy", "recent release", "broken release", "broken deploy", "regression", "canary",
        "took over", "after revision",
    ),
    "deploy": (
        "deploy", "release", "rollout", "roll out", "revision", "rolling update", "blue green", "hotfix",
        "promote",
    ),
    "jobs": ("queue", "stuck", "backlog", "worker", "jobs", "job", "sidekiq", "celery", "dead letter"),
    "certificate": ("certificate", "tls", "ssl", "cert", "expires", "expiry"),
    "disk": ("disk", "storage", "no space", "volume", "filesystem", "inode"),
    "auth": (
        "auth", "login", "log in", "sign in", "401", "403", "unauthorized", "forbidden", "token", "jwt",
        "permission denied", "access",
    ),
    "traffic": ("rate limit", "429", "traffic spike", "ddos", "flood", "abuse", "attack", "scaling", "capacity"),
    "security": ("secret", "leak", "breach", "compromise", "credential", "security", "intrusion", "key rotation"),
    "data": ("data loss", "corrupt", "restore", "backup", "inconsisten", "point in time"),
    "migration": ("migration", "schema"),
    "dns": ("dns", "domain"),
    "cost": ("cost", "billing", "budget", "quota", "limit exceeded"),
    "image": ("image pull", "imagepull", "registry"),
    "node": ("node ", "nodes", "region failure", "zone failure", "spot "),
    "routine": (
        "daily", "weekly", "monthly", "quarterly", "maintenance", "onboarding", "handover", "post mortem",
        "postmortem", "post incident", "configuration", "setup", "set up", "install", "health check reference",
        "cheat", "quick command", "useful command", "common command", "commands reference", "checklist",
    ),
}  # fmt: skip

GENERAL: Mapping[str, tuple[str, ...]] = {
    "errors": (
        "error rate", "errors", "error", "5xx", "500", "502", "503", "failing request", "failure rate",
        "failed request", "requests fail", "requests failed", "fail with", "exception",
    ),
    "down": (
        "down", "outage", "unavailable", "unreachable", "not respond", "unresponsive", "offline",
        "cannot be seen", "health check fail", "not reachable", "unhealthy", "system failure", "service failure",
        "not answer", "no answer", "not ready", "not starting",
    ),
    "slow": (
        "slow", "latency", "latencies", "response time", "p95", "p99", "timeout", "time out", "timed out",
        "timing out", "performance", "degrad",
    ),
    "crash": ("crash", "restarts", "restarting", "restart loop", "killed", "not starting", "not ready"),
    "connect": ("connect", "refused"),
}  # fmt: skip

# One word for the same thing in other words.
WORDS: Mapping[str, str] = {"postgresql": "postgres", "db": "database", "svc": "service", "env": "environment"}

# Words in everybody's mouth: they tell no playbook from another.
_IDLE = """
about above after again also been before below both check does each from have health high https into last left less
many more most much only other over percent production rate same seen since some that than their them then there
these they this those time under until very what when where which while will with within without your seconds
second minute minutes readings reading number http status issue issues problem problems incident incidents alert
alerts service services system systems server servers application applications api apps backend frontend request
requests connection connections error errors failure failures failed failing scenario case cases response respond
elevated increased spike spikes sudden complete total full general common troubleshooting handling procedure
procedures playbook runbook emergency investigation severe critical warning detected growing rising loss site
website user users customer customers endpoint endpoints page pages threshold slow down latency outage timeout
timeouts performance degraded degradation unavailable unreachable unhealthy unresponsive exceptions exception times
returns returning the of is on in at to an or and by for no not db be are was it its as if we all any too out up off
how get gets has had can may recovery per via vs due low new old run now
"""
IDLE = frozenset(_IDLE.split())
