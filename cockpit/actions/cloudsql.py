"""All actions on a Cloud SQL instance: on its server, its data and its users' passwords."""

from __future__ import annotations

from cockpit.actions import cloudsqldata as data
from cockpit.actions import cloudsqlpassword as password
from cockpit.actions import cloudsqlserver as server
from cockpit.actions.cloudsqlcommands import replacements
from cockpit.actions.google import GoogleGround
from cockpit.actions.handler import ActionHandler
from cockpit.adapters.sqlinstance import InstanceChanging

SPECS = (*server.SPECS, *data.SPECS, *password.SPECS)
REPLACES = replacements(SPECS)


def handlers(ground: GoogleGround, adapter: InstanceChanging, bucket: str | None) -> list[ActionHandler]:
    """Each for one instance; `bucket` is where the profile wants files to be, gs://BUCKET/FOLDER."""
    return [
        server.RestartInstance(server.RESTART, ground, adapter),
        server.FailOver(server.FAILOVER, ground, adapter),
        server.PromoteReplica(server.PROMOTE, ground, adapter),
        server.ChangeMachine(server.TIER, ground, adapter),
        server.StartInstance(server.START, ground, adapter),
        data.TakeBackup(data.BACKUP, ground, adapter),
        data.RestoreBackup(data.RESTORE, ground, adapter),
        data.ExportDatabase(data.EXPORT, ground, adapter, bucket),
        data.ImportFile(data.IMPORT, ground, adapter, bucket),
        password.ChangePassword(password.PASSWORD, ground, adapter),
    ]
