"""Effects of gcloud, gsutil, bq, aws and az, judged by verb: all of them put a resource first and a verb last."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, is_zero, name_of, names, reads, texts, unknown

# Verbs of gcloud. What is in none of them is not known, and so not proven to read.
_READS = names(
    """
    list describe read tail ls cat du stat hash get search lookup wait info version help troubleshoot-policy
    test-iam-permissions check-upgrade diff verify
    """
)
_READS_FROM = ("list-", "describe-", "get-", "search-", "check-", "print-", "validate-", "lookup-")
_CHANGES = names(
    """
    create update patch add set deploy submit enable start resume execute call run apply replace move copy cp
    mv rsync publish write resize upgrade migrate bind unset login logout activate configure-docker clone
    invalidate-cdn-cache rollback retry pause sign encrypt ssh scp connect export undelete undrain cancel ack
    approve reject rollout reschedule revoke init install reinstall register unregister copy-files tag untag
    reopen remove dispatch expand snapshot configure attach detach trigger transfer refresh configure-ssh
    config-ssh execute-sql get-credentials reload-data rename restart-rollout auto-upgrade
    """
)
_CHANGES_FROM = ("create-", "update-", "add-", "set-", "enable-", "attach-", "remove-", "start-", "import-key")
_DESTROYS = names(
    """
    delete destroy disable restore import failover promote promote-replica switchover restart reset stop
    suspend set-password reset-windows-password purge drain abandon truncate rm clear rewind demote-master
    demote recreate-instances restart-in-place simulate-maintenance-event reset-ssl-config rotate detach-disk
    seek
    """
)
_DESTROYS_FROM = ("delete-", "destroy-", "disable-", "restore-", "reset-", "restart-", "stop-", "clear-", "rotate-")
_LASTING = names(
    """
    sql secrets projects spanner bigtable firestore datastore storage filestore disks snapshots kms redis
    memcache clusters alloydb databases backups buckets bigquery bq keys
    """
)
_FOR_GOOD = frozenset(
    {"restore", "restore-backup", "import", "set-password", "reset-windows-password", "promote-replica"}
)
_RESTARTS_SQL = (
    "--tier",
    "--cpu",
    "--memory",
    "--database-flags",
    "--clear-database-flags",
    "--database-version",
    "--activation-policy",
    "--availability-type",
    "--edition",
    "--storage-type",
    "--network",
    "--no-assign-ip",
    "--no-backup",
    "--require-ssl",
)
_TO_NONE = ("--max-instances", "--max", "--num-nodes", "--size", "--scaling", "--max-num-replicas", "--replicas")
_TUNNELS = frozenset({"start-iap-tunnel", "proxy"})
_SECRETS = frozenset(
    {
        "access",
        "access-secret",
        "get-auth-string",
        "print-access-token",
        "print-identity-token",
        "print-refresh-token",
    }
)
_VERBS = _READS | _CHANGES | _DESTROYS | _TUNNELS | _SECRETS


def gcloud(call: Call) -> Ruling:
    """By the first word of the command that is a verb; a word that is none proves nothing."""
    tokens = call.verb.split()
    found = next((token for index, token in enumerate(tokens) if _is_verb(token, index)), "")
    if not found:
        worse = next((_of_verb(call, token, tokens) for token in texts(call)[:3] if _is_verb(token, 1)), None)
        if worse is not None and worse.effect > reads("").effect:
            return worse
        return unknown(f"{name_of(call)} is not a gcloud command that the cockpit knows")
    return _of_verb(call, found, tokens)


def _is_verb(token: str, index: int) -> bool:
    if index == 0 and token in ("run", "deploy", "search"):  # groups of that name
        return False
    return token in _VERBS or token.startswith(_READS_FROM + _CHANGES_FROM + _DESTROYS_FROM)


def _of_verb(call: Call, verb: str, tokens: list[str]) -> Ruling:
    name = name_of(call)
    if (special := _special(call, verb, tokens)) is not None:
        return special
    if verb in _DESTROYS or verb.startswith(_DESTROYS_FROM):
        lasting = verb in ("delete", "destroy", "rm", "purge") or verb.startswith(("delete-", "destroy-"))
        final = verb in _FOR_GOOD or (lasting and not _LASTING.isdisjoint(tokens))
        return destroys(_LOSS.get(verb, f"{name} takes away data or service"), final=final)
    if verb in _CHANGES or verb.startswith(_CHANGES_FROM):
        return changes(f"{name} changes the resource")
    if verb in _SECRETS:
        return reads(f"{name} only reads, but what it prints is a secret")
    if verb in _TUNNELS:
        return reads(f"{name} opens a tunnel and changes nothing; it runs until it is stopped")
    return reads(f"{name} only reads")


_LOSS = {
    "restore": "it puts an old backup over the data of the instance",
    "restore-backup": "it puts an old backup over the data of the instance",
    "import": "it runs an SQL file or loads data over what is in the database",
    "failover": "it breaks all connections and moves the instance to its standby",
    "restart": "it breaks all connections while the instance restarts",
    "set-password": "the old password stops working at once, wherever it is still used",
    "promote": "the replica stops following its primary, for good",
    "promote-replica": "the replica stops following its primary, for good",
}


def _special(call: Call, verb: str, tokens: list[str]) -> Ruling | None:
    """Where a flag or the kind of resource decides more than the verb does."""
    if verb == "get-credentials":
        return changes("it writes credentials into the kubeconfig of this machine and switches the current context")
    if verb == "connect" and "sql" in tokens:
        return changes("it puts this machine on the authorised networks of the instance, then opens a session")
    if verb in ("ssh", "scp"):
        return changes("it may create an SSH key and add it to the metadata of the project")
    if verb in ("patch", "update") and "sql" in tokens and call.has(*_RESTARTS_SQL):
        return destroys("the instance restarts for this: all connections break")
    if verb in ("update", "upgrade") and "redis" in tokens and (call.has("--size") or verb == "upgrade"):
        return destroys("an instance without a replica loses its data while it is resized or upgraded")
    if any(is_zero(call.flag(flag)) for flag in _TO_NONE) and verb not in _READS:
        return destroys("with none left nobody is served")
    if verb == "execute-sql":
        return unknown("the SQL that it runs was not looked at")
    if verb in ("delete", "destroy") and tokens[-2:-1] == ["operations"]:
        return changes("it removes the record of an operation")
    if verb == "update-traffic":
        return changes("it moves the traffic of the service between revisions")
    if verb in ("cp", "mv", "rsync") and "storage" in tokens:
        return (
            destroys("it may overwrite or remove objects") if _over(call) else changes("it writes objects or files")
        )
    return None


def _over(call: Call) -> bool:
    return call.verb.endswith("mv") or call.has(
        "-d", "--delete-unmatched-destination-objects", "--remove-source-files"
    )


_GSUTIL_READS = names("ls cat du stat hash version help test")


def gsutil(call: Call) -> Ruling:
    """By verb; a few verbs read with one word after them and change with another."""
    verb, words = _first(call)
    if verb in _GSUTIL_READS:
        return reads(f"gsutil {verb} only reads")
    if verb in ("rm", "rb"):
        return destroys("it deletes objects or buckets", final=True)
    if verb == "mv" or (verb == "rsync" and call.has("-d")):
        return destroys("it removes objects from where they were")
    if verb in ("iam", "versioning", "logging", "lifecycle", "cors", "web", "acl", "defacl", "label"):
        return reads(f"gsutil {verb} get only reads") if words[:1] == ["get"] else changes("it changes the bucket")
    if verb in ("cp", "rsync", "mb", "setmeta", "rewrite", "compose", "defstorageclass", "kms", "notification"):
        return changes("it writes objects, files or settings")
    return unknown(f"gsutil {verb} is not known to the cockpit".replace("  ", " "))


def bq(call: Call) -> Ruling:
    """By verb. A query may be anything."""
    verb, _ = _first(call)
    if verb in ("ls", "show", "head", "version", "help", "wait", "info"):
        return reads(f"bq {verb} only reads")
    if verb in ("rm", "truncate"):
        return destroys("it deletes tables or data sets", final=True)
    if verb in (
        "mk",
        "update",
        "load",
        "cp",
        "extract",
        "insert",
        "cancel",
        "set-iam-policy",
        "add-iam-policy-binding",
    ):
        overwrites = call.has("--replace") or call.has("-f", "--force")
        return destroys("it replaces what is in the table") if overwrites else changes("it writes")
    if verb == "get-iam-policy":
        return reads("bq get-iam-policy only reads")
    return unknown("what the query does was not looked at" if verb == "query" else f"bq {verb} is not known")


_AWS_READS = re.compile(
    r"(describe|list|get|head|batch-get|lookup|filter|scan|query|search|test|check|tail|wait|ls)(-|$)"
)
_AWS_DESTROYS = re.compile(
    r"(delete|terminate|remove|rm|rb|stop|reboot|purge|disable|restore|failover|reset|deregister|revoke|rotate|destroy"
    r"|promote|schedule-key-deletion|batch-delete|cancel|detach|abort|release|empty)(-|$)"
)
_AWS_CHANGES = re.compile(
    r"(create|update|put|modify|add|set|start|run|register|attach|associate|enable|invoke|publish|send|tag|untag|cp|mv"
    r"|sync|mb|deploy|execute|copy|import|allocate|authorize|apply|batch-write|resume|upload|change|scale|login)(-|$)"
)


def aws(call: Call) -> Ruling:
    """By the operation, the second word: describe-, list- and get- read."""
    words = [*call.verb.split(), *texts(call)]
    operation = words[1] if len(words) > 1 else ""
    name = f"aws {' '.join(words[:2])}".strip()
    if _AWS_DESTROYS.match(operation) or call.has("--delete"):
        final = operation.startswith(("delete", "terminate", "rm", "rb", "restore", "empty"))
        return destroys(f"{name} takes away data or service", final=final)
    if is_zero(call.flag("--desired-count", "--desired-capacity")):
        return destroys("with none left nobody is served")
    if _AWS_CHANGES.match(operation):
        return changes(f"{name} changes the resource")
    if operation == "get-secret-value":
        return reads(f"{name} only reads, but what it prints is a secret")
    if operation.startswith("get-") and len(words) > 2 and words[0] != "configure":
        return changes("it writes what it gets to a file")
    if (_AWS_READS.match(operation)) or operation == "get-caller-identity":
        return reads(f"{name} only reads")
    return unknown(f"{name} is not known to the cockpit")


def az(call: Call) -> Ruling:
    """By the last word of the command."""
    words = [*call.verb.split(), *texts(call)]
    verbs = [word for word in words if word in _AZ]
    if not verbs:
        return unknown(f"{name_of(call)} is not known to the cockpit")
    return _AZ[verbs[0]](f"az {' '.join(words[: words.index(verbs[0]) + 1])}")


def _az_destroys(name: str) -> Ruling:
    return destroys(f"{name} takes away data or service", final=name.endswith(("delete", "purge", "restore")))


_AZ = {
    **dict.fromkeys(("list", "show", "tail", "exists", "get-versions"), lambda name: reads(f"{name} only reads")),
    **dict.fromkeys(
        ("create", "update", "set", "add", "start", "deploy", "upgrade", "invoke", "assign", "get-credentials", "up"),
        lambda name: changes(f"{name} changes the resource"),
    ),
    **dict.fromkeys(
        ("delete", "purge", "stop", "restart", "restore", "deallocate", "remove", "failover", "reset", "scale"),
        _az_destroys,
    ),
}


def _first(call: Call) -> tuple[str, list[str]]:
    words = [*call.verb.split(), *texts(call)]
    return (words[0] if words else "", words[1:])


_RENDER_READS = names("services logs projects environments workspaces whoami instances")
_RENDER_READS_BELOW = ("list", "get", "current", "validate")
_RENDER_CHANGES_BELOW = ("create", "cancel", "set", "update", "resume")


def render(call: Call) -> Ruling:
    """By verb, as `render --help` has them: https://render.com/docs/cli-reference."""
    verb, _, below = call.verb.partition(" ")
    said = f"render {call.verb}"
    if (verb in _RENDER_READS and not below) or below in _RENDER_READS_BELOW:
        return reads(f"{said} only shows")
    if verb == "restart" or below in _RENDER_CHANGES_BELOW:
        return changes(f"{said} changes what runs at Render")
    if below in ("delete", "suspend"):
        return destroys(f"{said} takes it away from whoever uses it")
    return unknown(f"what {said} does is not known")
