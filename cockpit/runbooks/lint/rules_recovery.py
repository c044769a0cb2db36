"""Backups and restores: what is no backup, what does not come back, what deletes more than it says."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Book, Found, Scene, calls_of, on_call, on_command
from cockpit.runbooks.lint.kube import (
    DATE,
    files,
    in_namespace,
    kind_and_names,
    kinds,
    namespace,
    tries_only,
    written_to,
)
from cockpit.runbooks.lint.tools import names

_READERS = names(
    "cat zcat gunzip gzip tar psql pg_restore mysql mongorestore redis-cli less head tail unzip xz zstd bzcat"
)
_REHEARSAL = re.compile(
    r"(?i)(?:^|[^a-z])(?:test|tests|testing|te?mp|drill|rehearsal|sandbox|scratch|demo)(?:[^a-z]|$)"
)
_SAYS_SO = r"\b(?:entire|whole)\s+namespace\b|\b(?:everything|all\s+(?:data|resources))\b.*\b(?:in|of|inside)\b"
_DUMPS = ("pg_dump", "pg_dumpall")
_WRITERS = ("gunzip", "zcat", "cat", "gzip", "xz", "zstd", "pg_dump", "gsutil", "aws", "gcloud")


@on_call(
    "kubectl-delete-namespace",
    Level.WARNING,
    "Deleting a namespace takes volumes, addresses, secrets and certificates with it. No backup of manifests "
    "brings them back.",
    "kubectl",
)
def delete_namespace(call: Call, scene: Scene) -> Found | None:
    """`delete namespace`; worst as a step of a restore."""
    kind, names = kind_and_names(call)
    if call.verb != "delete" or kind != "namespace" or tries_only(call):
        return None
    if names and all(_REHEARSAL.search(each) for each in names):
        return None
    restores = any(
        each.verb in ("apply", "create", "replace") and files(each) not in ((), ("-",))
        for each in calls_of(scene.after, "kubectl")
    )
    in_recovery = restores or scene.stands_under(r"recover|restore|recreat|rebuild|reset")
    name = names[0] if names else "NAMESPACE"
    why = (
        f"It deletes everything in {name} for good: volumes with their data, load balancer addresses, secrets, "
        "certificates, rollout history."
    )
    if in_recovery:
        why += " As a step of a restore it leaves nothing: what follows finds no namespace to go to."
    return Found(
        why,
        f"leave {name} as it is and apply over it: kubectl diff -f BACKUP.yaml, then kubectl apply -f BACKUP.yaml; "
        "to begin anew use another namespace and switch when it works",
        Level.ERROR if in_recovery else Level.NOTE if scene.says(_SAYS_SO) else None,
    )


@on_call(
    "kubectl-get-all-is-no-backup",
    Level.ERROR,
    "`get all` leaves out volumes, rights, policies and custom resources, and holds what cannot be applied again.",
    "kubectl",
)
def get_all_backup(call: Call, scene: Scene) -> Found | None:
    """`get all -o yaml > file`."""
    if call.verb != "get" or "all" not in kinds(call) or call.flag("--output", "-o") not in ("yaml", "json"):
        return None
    if not written_to(call) and not any(each.program in ("tee", "gzip", "tar") for each in scene.feeds(call)):
        return None
    return Found(
        "This is no backup: `all` leaves out volume claims, rights, network policies, quotas, budgets and every "
        "custom resource, and holds pods, uids and status that do not apply again.",
        f"velero backup create NAME --include-namespaces={namespace(call) or 'NAMESPACE'}, or the manifests in "
        "version control",
    )


@on_call(
    "kubectl-secrets-written-to-file",
    Level.ERROR,
    "Secrets in YAML are base64, that is plain text, in a file that others may read.",
    "kubectl",
)
def secrets_to_file(call: Call, scene: Scene) -> Found | None:
    """`get secrets -o yaml > file`."""
    if call.verb != "get" or "secret" not in kinds(call) or not written_to(call):
        return None
    output = call.flag("--output", "-o") or ""
    if not output or output.startswith(("name", "wide", "custom-columns")):
        return None
    return Found(
        f"Every secret of the namespace lands in {written_to(call)}, as good as plain text, in the working folder "
        "and readable for others.",
        "leave secrets out; keep them in the secret manager, or encrypt on the way: ... | age -r RECIPIENT > "
        "FILE.age",
    )


@on_call(
    "kubectl-restore-does-not-apply",
    Level.ERROR,
    "A saved `get` holds uids and versions of objects that are gone: applying it fails in part, and leaves out "
    "what the list left out.",
    "kubectl",
)
def restore_apply(call: Call, scene: Scene) -> Found | None:
    """`apply -f` of a file that a `get` of this runbook wrote."""
    if call.verb not in ("apply", "create", "replace"):
        return None
    saved = scene.book.once(_saved)
    wrote = next((name for each in files(call) if (name := saved.get(DATE.sub("DATE", each), ""))), "")
    if not wrote:
        return None
    gone = any(
        earlier.verb == "delete" and kind_and_names(earlier)[0] == "namespace"
        for earlier in calls_of(scene.before, "kubectl")
    )
    more = " The namespace was just deleted and is not in the file: every object is refused." if gone else ""
    return Found(
        f"{wrote} was written by `kubectl get`: ReplicaSets and ConfigMaps conflict, pods are thrown away again, "
        f"and what `all` leaves out does not come back.{more}",
        f"kubectl apply -f MANIFESTS{in_namespace(call, scene)} from version control, or velero restore create "
        "--from-backup=NAME",
    )


def _saved(book: Book) -> dict[str, str]:
    """Files that a `kubectl get all` of the runbook writes, by their name with any date in it as DATE."""
    return {
        DATE.sub("DATE", written_to(each)): written_to(each)
        for _, each in book.calls("kubectl")
        if each.verb == "get" and "all" in kinds(each) and written_to(each)
    }


@on_call(
    "kubectl-pipe-into-delete",
    Level.ERROR,
    "What a text search finds is deleted: in every namespace, a name that happens to fit too, and with no hit the "
    "command breaks.",
    "kubectl",
)
def pipe_into_delete(call: Call, scene: Scene) -> Found | None:
    """`get ... | grep ... | xargs kubectl delete`."""
    if call.verb != "delete" or tries_only(call):
        return None
    if not any(each.tool == "xargs" for each in call.within):
        return None
    source = next((each for each in scene.command.calls if each.program == "kubectl" and each.verb == "get"), None)
    if source is None:
        return None
    wide = namespace(source) == "" or not kinds(source) <= {"pod"}
    grepped = any(each.program in ("grep", "awk", "egrep") for each in scene.command.calls)
    if not (wide or grepped):
        return None
    kind = "pods" if "pod" in kinds(source) else next(iter(sorted(kinds(source))), "pods")
    where = (
        in_namespace(call, scene)
        if namespace(source) == "" or namespace(source) is None
        else f" -n {namespace(source)}"
    )
    said = "Its heading speaks of images, it deletes pods. " if kind == "pods" and scene.says(r"\bimages?\b") else ""
    every = "in every namespace" if namespace(source) == "" else "in this namespace"
    return Found(
        f"{said}It deletes {every} whatever has the word anywhere in its line, a name that happens to fit too, and "
        "the evidence with it. With no hit xargs runs `kubectl delete` without a name and fails.",
        f"kubectl get {kind}{where} --field-selector=status.phase=Failed, look, then kubectl delete {kind}{where} "
        "--field-selector=status.phase=Failed",
        None if namespace(source) == "" else Level.NOTE,
    )


@on_command(
    "dated-name-is-built-anew",
    Level.ERROR,
    "A file named with today's date is looked for under today's name: on another day, or a second later, it is not "
    "there.",
)
def dated_name(scene: Scene) -> Found | None:
    """`$(date ...)` in the name of something that is read."""
    for call in scene.command.calls:
        for name in _read_names(call):
            dates = DATE.findall(name)
            if not dates or _written_just_before(scene, name):
                continue
            plain = DATE.sub("DATE", name)
            return Found(
                f"{name} is today's name: a file made on another day has another one, and the step finds nothing.",
                f"ls -t {DATE.sub('*', name)}, then the command with the name that it shows ({plain})",
            )
    return None


def _read_names(call: Call) -> list[str]:
    names = [each.target.text for each in call.redirects if each.operator == "<"]
    if call.program == "kubectl" and call.verb in ("apply", "create", "replace", "delete"):
        names += files(call)
    elif call.program in _READERS and not (call.program == "tar" and _tar_creates(call)):
        names += [word.text for word in call.args]
        names += [value for flag in ("-f", "--file") for value in call.flags.get(flag, ())]
    elif call.program in ("aws", "gsutil", "gcloud") and "cp" in (call.verb.split()[-1:] or [""]):
        names += [word.text for word in call.args[:1] if "://" in word.text]  # from there to here
    return names


def _tar_creates(call: Call) -> bool:
    first = call.words[1].text if len(call.words) > 1 else ""
    return "c" in first.lstrip("-").split("=")[0] and not first.startswith("--ex")


def _written_just_before(scene: Scene, name: str) -> bool:
    """By the same block, with a name that is the same for the whole day."""
    if re.search(r"%[HMSsNT]", name):
        return False
    dated = name[: max(match.end() for match in DATE.finditer(name))]  # a folder of the day is as good as a file
    said = name if not dated.rstrip("/").endswith(")") or "/" not in name[len(dated) :] else dated
    return any(said in command.text for command in scene.block_before) or scene.command.text.count(name) > 1


@on_call(
    "pg-restore-reads-no-plain-sql",
    Level.ERROR,
    "pg_restore reads archives only. A plain SQL dump is refused: 'input file appears to be a text format dump'.",
    "pg_restore",
)
def plain_sql(call: Call, scene: Scene) -> Found | None:
    """`pg_restore file.sql`, or after a plain pg_dump in the same section."""
    archive = next((word.text for word in call.args), "")
    plain = archive.endswith((".sql", ".sql.gz", ".txt"))
    dumps = [each for command in scene.before for each in command.calls if each.program in _DUMPS]
    if not plain and not (dumps and not archive.endswith((".dump", ".custom", ".tar", ".dir", ".backup", ".pgdump"))):
        return None
    if not plain and any(each.flag("--format", "-F") not in (None, "p", "plain") for each in dumps):
        return None
    if plain and dumps and all(each.flag("--format", "-F") not in (None, "p", "plain") for each in dumps):
        return None
    return Found(
        f"{archive or 'The dump'} is plain SQL: pg_restore reads archives only and refuses it, whether the dump is "
        "good or not.",
        "pg_dump -Fc -d DATABASE -f BACKUP.dump, then pg_restore --list BACKUP.dump; of a plain dump: tail -3 "
        "shows 'PostgreSQL database dump complete'",
    )


@on_call(
    "psql-restore-goes-on-after-errors",
    Level.WARNING,
    "psql goes on after an error and ends with success: half a restore looks like a whole one.",
    "psql",
)
def goes_on(call: Call, scene: Scene) -> Found | None:
    """A dump fed to psql without ON_ERROR_STOP."""
    source = next((each.target.text for each in call.redirects if each.operator == "<"), "") or call.flag(
        "--file", "-f"
    )
    fed = next((each for each in scene.fed_by(call) if each.program in _WRITERS), None)
    if not source and fed is None:
        return None
    if not scene.stands_under(r"restor|recover|rollback|roll back|import") and not _looks_like_dump(
        source or "", fed
    ):
        return None
    settings = " ".join([*call.flags.get("--set", ()), *call.flags.get("-v", ()), *call.flags.get("--variable", ())])
    stops = "ON_ERROR_STOP" in settings and "ON_ERROR_STOP=0" not in settings
    if stops:
        return None
    single = call.has("--single-transaction", "-1")
    words = " ".join(" ".join(word.source for word in call.words).replace("\\\n", " ").split())
    options = "-v ON_ERROR_STOP=1" if single else "-v ON_ERROR_STOP=1 --single-transaction"
    fixed = words.replace("psql", f"psql {options}", 1)
    head = f"{fed.text} | " if fed is not None else ""
    tail = f" < {source}" if source and not call.has("--file", "-f") else ""
    return Found(
        "psql goes on after an error and ends with success: rows that collide are skipped, half a restore looks "
        "like a whole one.",
        f"{head}{fixed}{tail}, into an empty database",
    )


def _looks_like_dump(source: str, fed: Call | None) -> bool:
    name = source or " ".join(word.text for word in (fed.args if fed else ()))
    unpacked = fed is not None and fed.program not in ("cat", "gsutil", "aws", "gcloud")
    return unpacked or bool(re.search(r"backup|dump|restore|snapshot", name, re.IGNORECASE))


@on_call(
    "pipe-hides-a-failed-dump",
    Level.NOTE,
    "A pipe ends as its last command does: a dump that breaks off is packed, and looks like a good one.",
    "pg_dump",
    "pg_dumpall",
    "mysqldump",
    "mongodump",
)
def piped_dump(call: Call, scene: Scene) -> Found | None:
    """`pg_dump | gzip > file` without pipefail."""
    behind = next(iter(scene.feeds(call)), None)
    if behind is None or behind.program not in (
        "gzip",
        "pigz",
        "zstd",
        "xz",
        "bzip2",
        "gsutil",
        "aws",
        "gcloud",
        "ssh",
    ):
        return None
    if any("pipefail" in command.text for command in (*scene.block_before, scene.command)):
        return None
    return Found(
        f"The pipe ends as {behind.program} does: a dump that breaks off is packed, and looks like a good one.",
        f"set -o pipefail; {' '.join(scene.command.text.split())}",
    )


RULES = (
    piped_dump,
    delete_namespace,
    get_all_backup,
    secrets_to_file,
    restore_apply,
    pipe_into_delete,
    dated_name,
    plain_sql,
    goes_on,
)
