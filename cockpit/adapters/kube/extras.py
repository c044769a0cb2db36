"""What stands around the workloads of a namespace: secrets by metadata, configuration, ingress, certificates, quotas.

External Secrets: https://external-secrets.io/latest/api/externalsecret/. Certificates of cert-manager:
https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.Certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from cockpit.adapters.kube.fields import (
    conditions,
    controller_of,
    created_of,
    labels_of,
    moment,
    name_of,
    number,
    part,
    parts,
    quantity,
    said,
    text,
    texts,
    uid_of,
)
from cockpit.adapters.kube.terms import Json
from cockpit.model.cluster import Certificate, ConfigMapBrief, ExternalSecret, IngressBrief, SecretBrief
from cockpit.model.workloads import Headroom

_VALUE = 60  # characters of a value that a diff shows
_SHOWN = 12


def quotas(objects: Iterable[Json]) -> tuple[Headroom, ...]:
    """What each ResourceQuota leaves, the fullest first."""
    found: list[Headroom] = []
    for quota in objects:
        hard, used = part(quota, "status", "hard"), part(quota, "status", "used")
        for resource, limit in hard.items():
            most, have = quantity(limit), quantity(used.get(resource)) or 0.0
            full = 1.0 if have else 0.0
            share = have / most if most else full
            found.append(
                Headroom(name_of(quota), text(resource, 100), _written(used.get(resource)), _written(limit), share)
            )
    return tuple(sorted(found, key=lambda each: (-each.share, each.quota, each.resource)))


def _written(value: object) -> str:
    return text(value, 40) if isinstance(value, str) else str(value) if isinstance(value, int) else "0"


def external_secret(obj: Json) -> ExternalSecret:
    """Ready is what its operator last said of it."""
    ready = conditions(obj).get("Ready", {})
    spec, status = part(obj, "spec"), part(obj, "status")
    synced = ready.get("status") == "True"
    words = said(ready) or "its operator has said nothing of it yet"
    return ExternalSecret(
        name=name_of(obj),
        uid=uid_of(obj),
        synced=synced,
        said="" if synced else words,
        refreshed=moment(status.get("refreshTime")),
        interval=text(spec.get("refreshInterval"), 20),
        store=text(part(spec, "secretStoreRef").get("name"), 253),
        target=text(part(spec, "target").get("name"), 253) or name_of(obj),
        version=text(status.get("syncedResourceVersion"), 100),
    )


def changed_of(obj: Json) -> tuple[datetime | None, str]:
    """When the object itself was last changed, and by which field manager; its status does not count."""
    newest: datetime | None = None
    who = ""
    for field in parts(obj, "metadata", "managedFields"):
        at = moment(field.get("time"))
        if field.get("subresource") != "status" and at is not None and (newest is None or at >= newest):
            newest, who = at, text(field.get("manager"), 128)
    return newest, who


def secret(obj: Json) -> SecretBrief:
    """Of its metadata alone."""
    kind, owner, _ = controller_of(obj)
    return SecretBrief(
        name=name_of(obj),
        uid=uid_of(obj),
        created=created_of(obj),
        changed=changed_of(obj)[0],
        labels=labels_of(obj),
        owner=f"{kind.casefold()}/{owner}" if owner else "",
    )


def differences(before: Json, after: Json) -> tuple[str, ...]:
    """What changed in the data of a ConfigMap: "LOG_LEVEL: INFO -> DEBUG"."""
    old, new = part(before, "data"), part(after, "data")
    found: list[str] = []
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        name = text(key, 253)
        if key not in old:
            found.append(f"{name}: added {text(new[key], _VALUE)}")
        elif key not in new:
            found.append(f"{name}: removed, was {text(old[key], _VALUE)}")
        else:
            found.append(f"{name}: {text(old[key], _VALUE)} -> {text(new[key], _VALUE)}")
    more = [f"and {len(found) - _SHOWN} more keys"] if len(found) > _SHOWN else []
    return (*found[:_SHOWN], *more)


class Changes:
    """Remembers the ConfigMaps of a namespace, and in which way each was last changed while somebody looked."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Json, tuple[str, ...]]] = {}

    def seen(self, obj: Json) -> tuple[str, ...]:
        """The last difference; empty where it did not change since it was first seen."""
        uid = uid_of(obj)
        data = {"data": part(obj, "data")}
        before, diff = self._known.get(uid, (data, ()))
        if before != data:
            diff = differences(before, data)
        self._known[uid] = (data, diff)
        return diff

    def keep(self, uids: Iterable[str]) -> None:
        """Forget what is no more."""
        wanted = set(uids)
        self._known = {uid: held for uid, held in self._known.items() if uid in wanted}


def configmap(obj: Json, changes: Changes, readers: Mapping[str, tuple[str, ...]]) -> ConfigMapBrief:
    """`readers`: name of a ConfigMap -> workloads whose template reads it."""
    at, who = changed_of(obj)
    keys = [*part(obj, "data"), *part(obj, "binaryData")]
    return ConfigMapBrief(
        name=name_of(obj),
        uid=uid_of(obj),
        keys=tuple(text(key, 253) for key in sorted(keys)),
        created=created_of(obj),
        changed=at,
        changed_by=who,
        diff=changes.seen(obj),
        readers=readers.get(name_of(obj), ()),
    )


def ingress(obj: Json) -> IngressBrief:
    """Of networking.k8s.io, v1 or v1beta1."""
    spec = part(obj, "spec")
    paths = [path for rule in parts(spec, "rules") for path in parts(rule, "http", "paths")]
    backends = [part(path, "backend") for path in paths]
    backends += [part(spec, "defaultBackend") or part(spec, "backend")]
    services = [text(part(each, "service").get("name") or each.get("serviceName"), 253) for each in backends]
    balancers = list(parts(obj, "status", "loadBalancer", "ingress"))
    addresses = [text(each.get("ip") or each.get("hostname"), 253) for each in balancers]
    return IngressBrief(
        name=name_of(obj),
        hosts=tuple(dict.fromkeys(text(rule.get("host"), 253) or "*" for rule in parts(spec, "rules"))),
        services=tuple(dict.fromkeys(filter(None, services))),
        address=", ".join(filter(None, addresses)),
        tls=tuple(filter(None, (text(each.get("secretName"), 253) for each in parts(spec, "tls")))),
        said="" if addresses else "no address yet",
    )


def certificate(obj: Json) -> Certificate:
    """Of cert-manager.io/v1."""
    ready, issuing = conditions(obj).get("Ready", {}), conditions(obj).get("Issuing", {})
    spec, status = part(obj, "spec"), part(obj, "status")
    good = ready.get("status") == "True"
    words = "" if good else said(ready) or "cert-manager has said nothing of it yet"
    if issuing.get("status") == "True":
        words = f"{words}; " if words else ""
        words += f"being issued: {said(issuing)}"
    issuer = part(spec, "issuerRef")
    return Certificate(
        name=name_of(obj),
        uid=uid_of(obj),
        ready=good,
        said=words,
        secret=text(spec.get("secretName"), 253),
        expires=moment(status.get("notAfter")),
        renews=moment(status.get("renewalTime")),
        issuer="/".join(filter(None, (text(issuer.get("kind"), 63), text(issuer.get("name"), 253)))),
        names=texts(spec.get("dnsNames"), 253),
        revision=number(status.get("revision")),
    )


def overdue(found: ExternalSecret, now: datetime) -> bool:
    """It was not refreshed for more than two of its intervals."""
    every = interval(found.interval)
    return bool(every) and found.refreshed is not None and now - found.refreshed > 2 * every + timedelta(minutes=1)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}


def interval(written: str) -> timedelta:
    """A duration as Go writes it ("1h0m0s"); 0 for none, which is also how External Secrets says: never again."""
    seconds, digits = 0.0, ""
    for letter in written:
        if letter.isdigit() or letter == ".":
            digits += letter
        elif letter in _UNITS and digits.count(".") < 2 and digits.strip("."):
            seconds += float(digits) * _UNITS[letter]
            digits = ""
        else:
            return timedelta(0)
    return timedelta(seconds=seconds) if seconds < 1e9 else timedelta(0)
