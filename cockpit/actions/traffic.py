"""Arithmetic of traffic targets: who gets how much after a roll-back, promotion or split. Pure, no I/O.

A traffic list is replaced as a whole, so every function keeps the tags: an entry that only has a tag stays as it is,
and a tag on an entry that loses its traffic becomes an entry of its own with 0 %.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from cockpit.model.revisions import ServiceStatus, TrafficTarget

_ENTRY = re.compile(r"(?:tag:(?P<tag>[a-z][a-z0-9-]*)@)?(?P<revision>[a-z][a-z0-9-]*)=(?P<percent>\d{1,3})")


def tags_of(targets: Sequence[TrafficTarget]) -> tuple[TrafficTarget, ...]:
    """All tagged entries as tag-only entries."""
    return tuple(TrafficTarget(target.revision, 0, target.tag) for target in targets if target.tag)


def all_to(revision: str, targets: Sequence[TrafficTarget]) -> tuple[TrafficTarget, ...]:
    """100 % to one revision ("" for whatever is latest), tags kept."""
    return (TrafficTarget(revision, 100), *tags_of(targets))


def split_to(revision: str, percent: int, status: ServiceStatus) -> tuple[TrafficTarget, ...]:
    """`percent` to `revision`, the other entries shrink (or grow) in proportion, largest remainders first.

    ValueError when nobody else has traffic to give or take. An entry that follows latest and resolves to `revision`
    counts as its own.
    """
    others: dict[str, int] = {}
    for target in status.traffic:
        resolved = status.latest_ready if target.latest else target.revision
        if target.percent > 0 and resolved != revision:
            others[target.revision] = others.get(target.revision, 0) + target.percent
    total = sum(others.values())
    if not total:
        raise ValueError(f"no other revision than {revision} has traffic")
    rest = 100 - percent
    exact = {name: share * rest / total for name, share in others.items()}
    whole = {name: int(value) for name, value in exact.items()}
    missing = rest - sum(whole.values())
    for name in sorted(exact, key=lambda name: (whole[name] - exact[name], name))[:missing]:
        whole[name] += 1
    entries = [TrafficTarget(revision, percent)] if percent else []
    entries += [TrafficTarget(name, share) for name, share in whole.items() if share]
    return (*entries, *tags_of(status.traffic))


def pinned(status: ServiceStatus) -> tuple[TrafficTarget, ...]:
    """The list as it is, but that a share that follows latest is given to the revision that latest means now."""
    weights = shares_of(status.traffic, status.latest_ready)
    return (*(TrafficTarget(name, share) for name, share in weights.items()), *tags_of(status.traffic))


def shares_of(targets: Sequence[TrafficTarget], latest_ready: str) -> dict[str, int]:
    """Percent by revision, "latest" resolved, revisions without traffic left out."""
    shares: dict[str, int] = {}
    for target in targets:
        if target.percent > 0:
            name = target.revision or latest_ready
            shares[name] = shares.get(name, 0) + target.percent
    return shares


def serving_shares(status: ServiceStatus) -> dict[str, int]:
    """The same for the traffic as it is."""
    shares: dict[str, int] = {}
    for share in status.serving:
        if share.percent > 0:
            shares[share.revision] = shares.get(share.revision, 0) + share.percent
    return shares


def moved(before: dict[str, int], after: dict[str, int]) -> int:
    """Percent of the traffic that changes its revision."""
    return sum(max(0, after.get(name, 0) - before.get(name, 0)) for name in {*before, *after})


def same(first: Sequence[TrafficTarget], second: Sequence[TrafficTarget]) -> bool:
    """Whether two lists mean the same: the server may order them, and join a tag with its revision's share."""

    def meaning(targets: Sequence[TrafficTarget]) -> tuple[dict[str, int], set[tuple[str, str]]]:
        return shares_of(targets, ""), {(target.tag, target.revision) for target in targets if target.tag}

    return meaning(first) == meaning(second)


def compact(targets: Sequence[TrafficTarget]) -> str:
    """As one text: "shop-00001=90,latest=10,tag:canary@shop-00002=0"."""
    return ",".join(
        f"{f'tag:{target.tag}@' if target.tag else ''}{target.revision or 'latest'}={target.percent}"
        for target in targets
    )


def parse_compact(text: str) -> tuple[TrafficTarget, ...]:
    """The reverse of `compact`. ValueError for anything else, and where the percents do not make 100."""
    targets: list[TrafficTarget] = []
    for entry in text.split(","):
        match = _ENTRY.fullmatch(entry.strip())
        if match is None:
            raise ValueError(f"{entry.strip()!r} is not revision=percent or tag:name@revision=percent")
        revision = "" if match["revision"] == "latest" else match["revision"]
        targets.append(TrafficTarget(revision, int(match["percent"]), match["tag"] or ""))
    total = sum(target.percent for target in targets)
    if total != 100:
        raise ValueError(f"the percents make {total}, not 100")
    return tuple(targets)


def gcloud_traffic(status: ServiceStatus, targets: Sequence[TrafficTarget]) -> tuple[str, ...]:
    """The commands that do the same by hand. gcloud keeps the tags by itself."""
    weighted: dict[str, int] = {}
    for target in targets:
        if target.percent > 0:
            weighted[target.revision] = weighted.get(target.revision, 0) + target.percent
    if weighted == {"": 100}:
        wanted = "--to-latest"
    else:
        wanted = "--to-revisions=" + ",".join(f"{name or 'LATEST'}={share}" for name, share in weighted.items())
    return gcloud_traffic_flag(status, wanted)


def gcloud_traffic_flag(status: ServiceStatus, flag: str) -> tuple[str, ...]:
    """`gcloud run services update-traffic` with this flag."""
    return (_line(status, ["gcloud", "run", "services", "update-traffic", status.service, flag]),)


def gcloud_scale(status: ServiceStatus, minimum: int | None, maximum: int | None, request: str) -> tuple[str, ...]:
    """The same for limits at service level (--max is in the beta track).

    gcloud 528 cannot unset the upper limit (`--max=default` crashes, `--max=0` writes a literal 0): then it is the
    request itself, with curl.
    """
    if maximum == 0:
        url, _, body = request.removeprefix("PATCH ").partition("\n")
        headers = '-H "Authorization: Bearer $(gcloud auth print-access-token)" -H "Content-Type: application/json"'
        return (f"curl -X PATCH {headers} {shlex.quote(url)} -d {shlex.quote(body)}",)
    words = ["gcloud", "beta", "run", "services", "update", status.service]
    if minimum is not None:
        words.append(f"--min={minimum or 'default'}")
    if maximum is not None:
        words.append(f"--max={maximum}")
    return (_line(status, words),)


def gcloud_update(status: ServiceStatus, *options: str, beta: bool = False) -> str:
    """`gcloud run services update` with these options."""
    words = ["gcloud", *(["beta"] if beta else []), "run", "services", "update", status.service, *options]
    return _line(status, words)


def _line(status: ServiceStatus, words: list[str]) -> str:
    return shlex.join([*words, f"--region={status.region}", f"--project={status.project}"])
