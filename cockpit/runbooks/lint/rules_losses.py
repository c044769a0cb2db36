"""What takes more away than its line shows: tables emptied or dropped, all that files name deleted, nodes drained."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Found, Scene, calls_of, on_call
from cockpit.runbooks.lint.kube import in_namespace, tries_only
from cockpit.runbooks.lint.tools import line

_PASSING = re.compile(
    r"(?i)(?:^|[_.\"-])(?:te?mp|staging|stage|scratch|cache|test|copy|old|new|backup|bak|restored?|import|load|tmp\d*)"
    r"(?:$|[_.\"\d-])"
)
_REHEARSED = re.compile(r"(?i)\b(?:dev|development|local|locally|test|tests|staging|sandbox|drill|rehears\w*|demo)\b")


@on_call(
    "sql-empties-or-drops",
    Level.WARNING,
    "TRUNCATE and DROP take whole tables, with CASCADE also what depends on them; no condition limits it.",
    "sql",
)
def empties(call: Call, scene: Scene) -> Found | None:
    """TRUNCATE, DROP TABLE, DROP SCHEMA, DROP DATABASE of what is kept, without a dump above it in the block."""
    statement = call.statement
    if statement is None:
        return None
    match = re.match(
        r"(?i)\s*(truncate(?:\s+table)?|drop\s+(?:table|schema|database))\b(.*)", statement.text, re.DOTALL
    )
    if match is None or _PASSING.search(match.group(2)) or any(_REHEARSED.search(each) for each in _words(scene)):
        return None
    if any(True for program in ("pg_dump", "pg_dumpall") for _ in calls_of(scene.block_before, program)):
        return None
    what = " ".join(match.group(1).upper().split())
    name = re.sub(r"(?i)\b(if\s+exists|only|cascade|restrict|restart\s+identity|table)\b", "", match.group(2)).strip(
        " ;"
    )
    cascade = re.search(r"(?i)\bcascade\b", match.group(2))
    wider = (
        " CASCADE empties every table that refers to it too, and says so only afterwards."
        if cascade and what.startswith("TRUNCATE")
        else " CASCADE drops what depends on it too."
        if cascade
        else ""
    )
    return Found(
        f"{what} takes everything in {name[:60]} at once, under a lock that keeps everybody out.{wider}",
        f"first pg_dump of {name[:60]}, and look at the dump; then in a transaction, with the count before COMMIT",
    )


def _words(scene: Scene) -> tuple[str, ...]:
    command = scene.command
    return (*command.headings[1:], command.caption)


@on_call(
    "kubectl-deletes-what-files-name",
    Level.WARNING,
    "It deletes whatever the files of a folder name now: namespaces and volume claims with their data too.",
    "kubectl",
)
def by_folder(call: Call, scene: Scene) -> Found | None:
    """`delete -f FOLDER`, `delete -k FOLDER`."""
    if call.verb != "delete" or tries_only(call):
        return None
    kustomized = call.flag("--kustomize", "-k")
    folder = kustomized or next(
        (each for each in call.flags.get("--filename", ()) if each.endswith("/") or each in (".", "..")), ""
    )
    if not folder or any(_REHEARSED.search(each) for each in _words(scene)):
        return None
    flag = "-k" if kustomized else "-f"
    return Found(
        f"It deletes everything that the files in {folder} name at this moment, namespaces and volume claims with "
        "their data too.",
        f"first kubectl get {flag} {folder}{in_namespace(call, scene)}; then delete by kind and name",
    )


@on_call(
    "kubectl-drain-stops-half-way",
    Level.WARNING,
    "drain refuses a node with pods of a DaemonSet, and every node has some: it is cordoned, and nothing leaves it.",
    "kubectl",
)
def drain(call: Call, scene: Scene) -> Found | None:
    """`drain NODE` without --ignore-daemonsets, or without a node."""
    if call.verb != "drain" or tries_only(call) or scene.command.language == "inline":
        return None
    if not call.args and not call.has("--selector", "-l"):
        return Found("It names no node: kubectl refuses it.", f"{line(call)} NODE", Level.ERROR)
    if call.has("--ignore-daemonsets"):
        return None
    return Found(
        "Every node runs pods of a DaemonSet. Without --ignore-daemonsets drain stops there: the node takes no new "
        "pods, and the old ones stay.",
        f"{line(call)} --ignore-daemonsets",
    )


RULES = (
    empties,
    by_folder,
    drain,
)
