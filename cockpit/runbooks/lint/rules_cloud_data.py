"""Cloud SQL and Cloud Logging: what overwrites, what restarts, what a filter misses."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint import gcloud
from cockpit.runbooks.lint.engine import Book, Found, Scene, calls_of, on_call
from cockpit.runbooks.lint.gcloud import goes, named, operands, path, rebuilt

_REPLICA = re.compile(r"(?:^|[-_])(?:read[-_]?)?(?:replica|standby|secondary|slave|ro)\d*(?:$|[-_])")
_RESTARTS = ("--tier", "--cpu", "--memory", "--availability-type", "--database-version", "--edition")


@on_call(
    "sql-failover-of-a-replica",
    Level.ERROR,
    "Failover is for a primary with a standby of its own. A read replica is promoted instead, which cannot be "
    "undone.",
    "gcloud",
)
def failover_of_replica(call: Call, scene: Scene) -> Found | None:
    """By its name, or because the runbook creates or promotes it as one."""
    if not goes(call, "sql instances failover"):
        return None
    name = named(call, "sql instances failover", "")
    if name not in scene.book.once(_replicas) and not _REPLICA.search(name.lower()):
        return None
    primary = _REPLICA.sub("", name).strip("-_") or "PRIMARY"
    return Found(
        f"{name} is a replica: only a highly available primary can fail over, the API refuses this.",
        f"gcloud sql instances failover {primary}  (if it is highly available), or gcloud sql instances "
        f"promote-replica {name}  (for good)",
    )


@on_call(
    "sql-operations-are-not-connections",
    Level.ERROR,
    "The operations of an instance are administrative: backups, restarts, patches. They say nothing of "
    "connections, queries or load.",
    "gcloud",
)
def operations_are_not_connections(call: Call, scene: Scene) -> Found | None:
    """`sql operations list` under a caption about connections or load."""
    if not goes(call, "sql operations list"):
        return None
    if not scene.says(r"connection|performance|quer(?:y|ies)|\bload\b|session|lock"):
        return None
    instance = call.flag("--instance", "-i") or "INSTANCE"
    return Found(
        "It lists administrative operations (backups, restarts, patches), nothing about connections or queries.",
        f"sessions of {instance} by state in pg_stat_activity, or the metric "
        "cloudsql.googleapis.com/database/postgresql/num_backends",
    )


@on_call(
    "sql-patch-restarts",
    Level.WARNING,
    "This change restarts the database: minutes of downtime, and every connection is lost.",
    "gcloud",
)
def patch_restarts(call: Call, scene: Scene) -> Found | None:
    """Tier, CPU, memory and availability."""
    if not goes(call, "sql instances patch"):
        return None
    flag = next((each for each in _RESTARTS if call.has(each)), "")
    if not flag:
        return None
    warned = scene.stands_under(r"downtime|restart|maintenance|outage window")
    name = named(call, "sql instances patch", "the instance")
    return Found(
        f"{flag} restarts {name}: minutes without a database, in the middle of an incident. gcloud asks first, a "
        "script with --quiet does not.",
        "say so in the step; end what hogs the database first, and announce the downtime before this",
        Level.NOTE if warned else None,
    )


@on_call(
    "sql-restore-overwrites",
    Level.WARNING,
    "A restore replaces everything in the instance, and it is unavailable meanwhile.",
    "gcloud",
)
def restore_overwrites(call: Call, scene: Scene) -> Found | None:
    """A restore in place; milder where the section takes a backup first."""
    restore = "sql backups restore"
    target = call.flag("--restore-instance")
    if not goes(call, restore) or not target:
        return None
    saved = any(
        goes(each, "sql backups create") or goes(each, "sql instances clone")
        for each in calls_of(scene.before, "gcloud")
    )
    backup = named(call, restore, "BACKUP_ID")
    return Found(
        f"It overwrites everything that {target} holds now, what was written since the backup included, and "
        f"{target} is down meanwhile.",
        f"gcloud sql backups create --instance={target} first; or restore beside it: gcloud sql backups restore "
        f"{backup} --restore-instance=NEW_INSTANCE --backup-instance={call.flag('--backup-instance') or target}",
        Level.NOTE if saved or scene.stands_under(r"overwrit|destructive|replaces everything") else None,
    )


@on_call(
    "sql-restore-names-no-target",
    Level.ERROR,
    "Without --restore-instance gcloud refuses a restore: in an emergency the backup cannot be brought back.",
    "gcloud",
)
def restore_without_target(call: Call, scene: Scene) -> Found | None:
    """`sql backups restore` with --instance, --backup-instance or --backup-id only."""
    restore = "sql backups restore"
    if not goes(call, restore) or call.has("--restore-instance", "--flags-file", "--help"):
        return None
    if scene.command.language == "inline" and len(call.flags) == 0:
        return None  # the name of the command in a sentence
    source = call.flag("--backup-instance", "--instance") or "INSTANCE"
    return Found(
        "No --restore-instance: gcloud refuses the command, nothing is restored. (With it, everything that the "
        "instance holds now is overwritten.)",
        f"gcloud sql backups create --instance={source} first; then gcloud sql backups restore "
        f"{named(call, restore, 'BACKUP_ID')} --restore-instance={source}",
    )


@on_call(
    "sql-import-writes-into-live",
    Level.NOTE,
    "An import runs the dump's statements in the live database: it mixes with what is there, or drops it.",
    "gcloud",
)
def import_writes(call: Call, scene: Scene) -> Found | None:
    """`sql import sql`."""
    verb = "sql import sql"
    if not goes(call, verb):
        return None
    database = call.flag("--database", "-d") or "DATABASE"
    return Found(
        f"The dump's statements run in {database} as it is: rows collide with those that are there, or a DROP in it "
        "takes them away.",
        f"import into a new database (--database={database}_restored), compare, then switch",
    )


@on_call(
    "sql-export-on-primary",
    Level.NOTE,
    "An export runs on the primary and blocks other operations of the instance until it ends.",
    "gcloud",
)
def export_on_primary(call: Call, scene: Scene) -> Found | None:
    """`sql export` without --offload."""
    if not (goes(call, "sql export sql") or goes(call, "sql export csv")) or call.has("--offload"):
        return None
    return Found(
        "It runs on the primary, and no other operation (a failover, a restart) can start until it is done.",
        rebuilt(call, added=["--offload"]),
    )


@on_call(
    "sql-connect-opens-the-instance",
    Level.NOTE,
    "gcloud sql connect opens the instance to your address for five minutes, needs its public address, and asks "
    "for a password.",
    "gcloud",
)
def connect_opens(call: Call, scene: Scene) -> Found | None:
    """`gcloud sql connect`."""
    if not goes(call, "sql connect"):
        return None
    name = named(call, "sql connect", "INSTANCE")
    return Found(
        f"It changes {name}'s authorised networks for five minutes, fails without a public address, and waits for a "
        "password: what follows in this block is typed into that prompt.",
        f"cloud-sql-proxy PROJECT:REGION:{name}, then psql -h 127.0.0.1 -U {call.flag('--user', '-u') or 'USER'} -c "
        "'...'",
    )


@on_call(
    "logging-null-is-no-presence-test",
    Level.WARNING,
    "The filter language has no null: != compares with the text 'null'. Presence is written FIELD:*.",
    "gcloud",
)
def null_comparison(call: Call, scene: Scene) -> Found | None:
    """`field!=null` in a filter."""
    text = _filter(call)
    found = re.search(r"([\w.\"-]+)\s*!=\s*\"?null\"?(?![\w])", text, re.IGNORECASE)
    if found is None:
        return None
    return Found(
        f"It compares {found[1]} with the text 'null' and works by accident, if at all. Presence has an operator of "
        "its own.",
        rebuilt(call).replace(found[0], f"{found[1]}:*"),
    )


@on_call(
    "logging-freshness-too-short",
    Level.WARNING,
    "Without --freshness or a time in the filter, logging read looks one day back. A breach is older than that.",
    "gcloud",
)
def freshness(call: Call, scene: Scene) -> Found | None:
    """In an investigation of a breach."""
    if not goes(call, "logging read") or call.has("--freshness") or "timestamp" in _filter(call):
        return None
    if not scene.stands_under(r"breach|forensic|intrusion|compromis|exfiltrat"):
        return None
    return Found(
        "It looks one day back. What an intruder did before that is not in the answer, which looks complete.",
        rebuilt(call, added=["--freshness=30d"]),
    )


@on_call(
    "logging-filter-misses-the-kill",
    Level.WARNING,
    "Cloud Run writes its own out-of-memory kill as 'Memory limit of ... exceeded': a filter for 'out of memory' "
    "finds only what the program wrote.",
    "gcloud",
)
def misses_the_kill(call: Call, scene: Scene) -> Found | None:
    """A text filter for out of memory, without the platform's own words."""
    text = _filter(call)
    low = text.lower()
    if "memory limit" in low or not re.search(r"out of memory|\boom(?:killed|[-_ ]kill)?\b", low):
        return None
    elsewhere = "resource.type" in low and "cloud_run" not in low
    if elsewhere or ("cloud_run" not in low and not gcloud.uses_serverless(scene.book)):
        return None
    return Found(
        "A container that Cloud Run killed never says so itself: the platform logs 'Memory limit of N MiB "
        "exceeded', which this misses. No hit is no all-clear.",
        'gcloud logging read \'resource.type=cloud_run_revision AND (textPayload:"Memory limit of" OR '
        'textPayload:"out of memory")\' --limit=20',
    )


def _filter(call: Call) -> str:
    for verb in ("logging read", "logging tail"):
        if goes(call, verb):
            return " ".join(operands(call, verb))
    return ""


def _replicas(book: Book) -> frozenset[str]:
    """Instances that the runbook creates or promotes as replicas."""
    return frozenset(
        path(each)[3]
        for _, each in book.calls("gcloud")
        if len(path(each)) > 3
        and (
            goes(each, "sql instances promote-replica")
            or (goes(each, "sql instances create") and each.has("--master-instance-name"))
        )
    )


RULES = (
    failover_of_replica,
    operations_are_not_connections,
    patch_restarts,
    restore_overwrites,
    restore_without_target,
    import_writes,
    export_on_primary,
    connect_opens,
    null_comparison,
    freshness,
    misses_the_kill,
)
