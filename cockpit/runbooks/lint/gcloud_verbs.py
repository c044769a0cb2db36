"""The commands of those gcloud groups that are known whole (gcloud 528). What is not listed here is never judged.

`None` ends a path: what follows are arguments. A group that is missing in this table may exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Tree: TypeAlias = "Mapping[str, Tree | None]"


def _verbs(names: str, **groups: Tree) -> Tree:
    return {**dict.fromkeys(names.split()), **groups}


_IAM = "add-iam-policy-binding get-iam-policy remove-iam-policy-binding set-iam-policy "
_LOGS: Tree = _verbs("read tail")

GROUPS: Tree = {
    "run": _verbs(
        "deploy up compose",
        services=_verbs(_IAM + "delete describe list proxy replace update update-traffic ssh", logs=_LOGS),
        revisions=_verbs("delete describe list"),
        jobs=_verbs(
            _IAM + "create delete deploy describe execute list replace update",
            logs=_LOGS,
            executions=_verbs("cancel delete describe list", tasks=_verbs("describe list")),
        ),
        regions=_verbs("list"),
        **{
            "domain-mappings": _verbs("create delete describe list"),
            "worker-pools": _verbs(
                _IAM + "delete deploy describe list replace update update-instance-split",
                logs=_LOGS,
                revisions=_verbs("delete describe list"),
            ),
            "multi-region-services": _verbs("delete deploy describe list replace update"),
            "instances": _verbs("create delete describe list start stop"),
            "presets": _verbs("list describe"),
            "integrations": _verbs("create delete describe list update types"),
        },
    ),
    "redis": {
        "instances": _verbs(
            "create delete describe export failover get-auth-string import list reschedule-maintenance update upgrade"
        ),
        "operations": _verbs("cancel describe list wait"),
        "regions": _verbs("describe list"),
        "zones": _verbs("list"),
        "clusters": None,
        "acl-policies": None,
    },
    "secrets": {
        **_verbs(_IAM + "create delete describe list update"),
        "versions": _verbs("access add describe destroy disable enable list"),
        "locations": _verbs("describe list"),
        "replication": _verbs("get set update"),
    },
    "logging": {
        **_verbs("copy read write tail"),
        "buckets": _verbs("create delete describe list undelete update " + _IAM),
        "cmek-settings": _verbs("describe update"),
        "links": _verbs("create delete describe list"),
        "locations": _verbs("describe list"),
        "logs": _verbs("delete list"),
        "metrics": _verbs("create delete describe list update"),
        "operations": _verbs("cancel describe list"),
        "resource-descriptors": _verbs("list"),
        "settings": _verbs("describe update"),
        "sinks": _verbs("create delete describe list update"),
        "views": _verbs("create delete describe list update " + _IAM),
        "recent-queries": None,
        "saved-queries": None,
        "scopes": None,
    },
    "monitoring": {
        "alerts": None,
        "channel-descriptors": _verbs("describe list"),
        "channels": _verbs("create delete describe list update"),
        "dashboards": _verbs("create delete describe list update"),
        "metrics-scopes": None,
        "policies": None,
        "snoozes": _verbs("cancel create describe list update"),
        "uptime": None,
    },
    "sql": {
        "backups": _verbs("create delete describe list patch restore"),
        "connect": None,
        "databases": _verbs("create delete describe list patch"),
        "export": _verbs("bak csv sql tde"),
        "flags": _verbs("list"),
        "generate-login-token": None,
        "import": _verbs("bak csv sql tde"),
        "instances": _verbs(
            "acquire-ssrs-lease clone create delete describe execute-sql export failover get-latest-recovery-time "
            "get-storage-shrink-config import list list-entra-id-certificates patch perform-storage-shrink "
            "point-in-time-restore pre-check-major-version-upgrade promote-replica reencrypt release-ssrs-lease "
            "reschedule-maintenance reset-replica-size reset-ssl-config restart restore-backup "
            "rotate-entra-id-certificate rotate-server-ca rotate-server-certificate set-root-password switchover "
            "rollback-entra-id-certificate",
            config={},
        ),
        "operations": _verbs("cancel describe list wait"),
        "reschedule-maintenance": None,
        "ssl": None,
        "ssl-certs": None,
        "tiers": _verbs("list"),
        "users": _verbs(
            "assign-roles create delete describe list set-password set-password-policy add-roles remove-roles"
        ),
    },
}
BETA_ONLY: Mapping[tuple[str, ...], str] = {
    ("logging", "tail"): "beta",
    ("monitoring", "channels"): "beta",
    ("monitoring", "channel-descriptors"): "beta",
}


def unknown(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The path up to and including the first word that its group does not have, and the words it has there.

    None where the path is known to exist, or its group is not known whole.
    """
    here: Tree | None = GROUPS
    for index, word in enumerate(words):
        if here is None or not here:
            return None
        if word not in here:
            return None if index == 0 else (words[: index + 1], tuple(here))
        here = here[word]
    return None
