"""A new password for a database user of a Cloud SQL instance.

The password is never a parameter: a reference says where it is, and it is fetched inside the adapter at the moment
that it is sent. Plan, digest, audit log and events hold the reference only.
"""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from cockpit.actions.cloudsqlframe import IDENTITY, Goal, SqlAction, gcloud
from cockpit.errors import Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Param,
    ParamKind,
    Plan,
    Refusal,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.cloudsql import CloudSqlStatus, SqlOperation
from cockpit.model.severity import SourceKind
from cockpit.model.sqlchange import SetPassword
from cockpit.profile.secrets import SecretRef

PASSWORD = ActionSpec(
    "cloudsql.password",
    "Change user password",
    SourceKind.CLOUDSQL,
    "",
    Tier.T4,
    "Gives a database user another password, from a file or variable: the old one stops working at once.",
    (
        Param("user", ParamKind.TEXT, "name of the database user"),
        Param("secret", ParamKind.REFERENCE, "file:PATH or env:NAME of the new password, never the password itself"),
        Param("host", ParamKind.TEXT, "host of a MySQL user, such as %", False),
        *IDENTITY,
    ),
    scope=Scope.SOURCE,
)
SPECS = (PASSWORD,)

_GOOGLES_OWN = ("cloudsqladmin", "cloudsqlsuperuser", "cloudsqlreplica")


class ChangePassword(SqlAction):
    """cloudsql.password."""

    KIND = "UPDATE_USER"
    NEEDS = ("cloudsql.users.update",)
    AFTER_FAILURE = "the old password should still be the one: try it"

    async def plan(self, request: ActionRequest) -> Plan:
        """Raises Refused, which repeats nothing, for what is no reference: it may be the password itself."""
        _reference(request)
        return await super().plan(request)

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """The user's password from the reference."""
        user, host, reference = request.get("user"), request.get("host"), _reference(request)
        who = f"{user}@{host}" if host else user
        refusals = []
        if user in _GOOGLES_OWN:
            reason = f"{user} is Cloud SQL's own user"
            refusals.append(Refusal("parameters", reason, "name a user of the team's"))
        if status.is_replica:
            reason = (
                f"{status.instance} is a read replica of {status.primary}: its users are those of {status.primary}"
            )
            refusals.append(Refusal("preconditions", reason, f"change it on {status.primary}"))
        problem, warning = await asyncio.to_thread(_looked_at, reference)
        if problem:
            refusals.append(Refusal("preconditions", problem, "put the new password there first"))
        words = ["users", "set-password", user, f"--instance={status.instance}", "--prompt-for-password"]
        return Goal(
            f"Change the password of {who} on {status.instance}",
            SetPassword(user, host, str(reference)),
            tuple(refusals),
            (
                "whatever still has the old password cannot connect any more, from the moment that it is done;"
                " sessions that are open stay",
                "give the new one to the services first (Secret Manager), and restart them right after",
                *([warning] if warning else []),
            ),
            (Change(f"password of {who}", "the present one", f"what {reference} holds when it runs"),),
            (f"user {who}",),
            f"every service that connects as {who}",
            (gcloud(status, *words, *([f"--host={host}"] if host else [])),),
            Undo("cannot be undone: the former password is not known here"),
        )

    def achieved(self, plan: Plan, operation: SqlOperation) -> str:
        """Without the password."""
        return f"{plan.title}: done by operation {operation.id}; services with the old one cannot connect any more"

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """Its operation is at its end without an error; the password is not tried."""
        return Verification(True, f"operation {operation.id} is done; the new password was not tried")


def _reference(request: ActionRequest) -> SecretRef:
    try:
        reference = SecretRef(request.get("secret"))
    except ValueError:
        reference = None
    if reference is None or reference.scheme == "cmd":
        raise Refused(
            "parameters",
            "secret is no reference to a password",
            hint="Write the new password to a file that only you can read, and give file:PATH; or env:NAME",
        )
    return reference


def _looked_at(reference: SecretRef) -> tuple[str, str]:
    """Why it leads nowhere, and what is to be said of it. The value is not read."""
    if reference.scheme == "env":
        return ("" if os.environ.get(reference.locator) else f"the variable {reference.locator} is not set"), ""
    path = Path(reference.locator).expanduser()
    try:
        found = path.stat()
    except OSError as error:
        return f"{path} cannot be looked at: {error.strerror}", ""
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return f"{path} is no file with something in it", ""
    others = found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return "", f"others can read {path}: chmod 600 it" if others else ""
