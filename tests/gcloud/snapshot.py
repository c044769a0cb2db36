"""What a control plane amounts to after a command, flat and without what differs from run to run: identities, times,
names that a server makes up. Two planes that were told the same thing in other words have the same snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cockpit.sandbox.gcp.model import Service, Template

from .world import World

Facts = dict[str, Any]
_CLIENT = ("run.googleapis.com/client-name", "run.googleapis.com/client-version")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
_VOLATILE = {"createTime", "name"}


def snapshot(world: World) -> Facts:
    """Every fact by its path: "run/shop/scaling/max" -> 20."""
    found: Facts = {}
    for service in world.plane.run.services.values():
        found |= _under(f"run/{service.name}", _service(service, world.revisions))
    found |= _under("sql", _sql(world))
    for name, redis in world.plane.memorystore.instances.items():
        kept = {key: value for key, value in redis.document.items() if key not in _VOLATILE}
        found |= _under(f"redis/{name.rpartition('/')[2]}", kept)
    operations = world.plane.memorystore._operations.values()
    found["redis/operations"] = [(each.verb, each.ended is not None, each.error) for each in operations]
    for policy in world.plane.compute.policies.values():
        rules = {str(priority): _rule(rule) for priority, rule in policy.rules.items()}
        found |= _under(f"armor/{policy.name}", {"rules": rules, "adaptive": policy.adaptive})
        found[f"armor/{policy.name}/changes"] = policy.version
    for secret in world.plane.secrets.secrets.values():
        for version in secret.versions.values():
            seeded = version.number in world.versions
            kept = (version.state, "as seeded" if seeded else version.digest)
            found[f"secret/{secret.name}/{version.number}"] = kept
    return found


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Facts:
    """The facts of `after` that are not those of `before`; None for one that is gone."""
    paths = before.keys() | after.keys()
    return {path: after.get(path) for path in sorted(paths) if before.get(path) != after.get(path)}


def _under(path: str, value: Any) -> Facts:
    if isinstance(value, Mapping):
        found: Facts = {}
        for key, element in value.items():
            found |= _under(f"{path}/{key}", element)
        return found
    return {path: value}


def _service(service: Service, known: frozenset[str]) -> Facts:
    new = [name for name in service.revisions if name not in known]
    names = {name: f"new {number}" for number, name in enumerate(new, 1)}

    def named(revision: str) -> str:
        return names.get(revision, revision)

    scaling = service.scaling
    facts: Facts = {
        "traffic": [(each.percent, named(each.revision) or "LATEST", each.tag) for each in service.traffic],
        "serving": [(each.percent, named(each.revision), each.latest, each.tag) for each in service.serving],
        "latest": (named(service.latest_created), named(service.latest_ready)),
        "scaling": {
            "min": scaling.min_instances,
            "max": scaling.max_instances,
            "mode": scaling.mode or "AUTOMATIC",
            "manual": scaling.manual_instances,
        },
        "ingress": service.ingress,
        "description": service.description,
        "labels": service.labels,
        "annotations": {key: value for key, value in service.annotations.items() if key not in _CLIENT},
        "template": _template(service.template),
    }
    for name in new:
        facts[names[name]] = {**_template(service.revisions[name].template), "digest": service.revisions[name].digest}
    return facts


def _template(template: Template) -> Facts:
    return {
        "image": template.image,
        "environment": dict(template.env),
        "min": template.min_instances,
        "max": template.max_instances,
        "concurrency": template.concurrency,
        "cpu": template.cpu,
        "memory": template.memory,
        "timeout": template.timeout_s,
        "account": template.service_account,
        "wanted name": template.revision,
        "labels": {name: "any" if name.endswith("/nonce") else value for name, value in template.labels},
        "annotations": {name: value for name, value in template.annotations if name not in _CLIENT},
    }


def _rule(rule: Mapping[str, Any]) -> Facts:
    """Without the moment that its description may name."""
    return {**rule, "description": _MOMENT.sub("THEN", str(rule["description"]))}


def _sql(world: World) -> Facts:
    state = world.plane.sql
    facts: Facts = {"files": dict(state.files)}
    for instance in state.instances.values():
        kept = ("tier", "availability", "zone", "secondary", "primary", "state", "activation", "settings_version",
                "content", "restarts", "databases")  # fmt: skip
        facts[instance.name] = {
            **{name: getattr(instance, name) for name in kept},
            "backups": [(each.kind, each.status, each.description, each.content) for each in instance.backups],
            "passwords": [(each.name, each.accepts("made-up-password")) for each in instance.users],
        }
    begun = (each for each in state.operations.values() if each.id not in world.operations)
    facts["operations"] = [(each.instance, each.kind, each.status, each.error) for each in begun]
    return facts
