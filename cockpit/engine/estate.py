"""What the projects of a profile have beside its sources: the first source of each project lends its name to ask."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.model.estate import GkeCluster
from cockpit.profile.google import GoogleSource
from cockpit.profile.schema import CloudRunSource, Profile


def lenders(profile: Profile) -> dict[str, tuple[str, CloudRunSource | GoogleSource]]:
    """By project: the id of its first source, and its table. Logs lend none: their address is that of logs alone."""
    found: dict[str, tuple[str, CloudRunSource | GoogleSource]] = {}
    for source, table in _tables(profile):
        found.setdefault(table.project, (source, table))
    return found


def compose_estate(parts: Parts, profile: Profile, clock: Clock) -> None:
    """Add the looks. Opens no connection."""
    found = lenders(profile)
    if not found:
        return
    from cockpit.adapters.gcp.estate import Estate
    from cockpit.looks import estate as looks

    regions = {store.project: store.region for store in profile.memorystore}
    regions |= {run.project: run.region for run in reversed(profile.cloud_run)}
    for project, (source, table) in found.items():
        estate = Estate(project, regions.get(project, ""), table.endpoint, table.timeout, clock)
        parts.closing.append(estate)
        parts.lookers.extend(looks.lookers(source, estate, clock))


async def gke_cluster(
    profile: Profile, project: str, location: str, name: str, timeout_s: float, clock: Clock
) -> GkeCluster:
    """Asked for once, with a connection of its own; where the project is played here, there. Raises CockpitError."""
    from cockpit.adapters.gcp.estate import Estate

    lender = lenders(profile).get(project)
    estate = Estate(project, "", lender[1].endpoint if lender else None, timeout_s, clock)
    try:
        return await estate.cluster(location, name)
    finally:
        await estate.close()


def _tables(profile: Profile) -> Iterator[tuple[str, CloudRunSource | GoogleSource]]:
    for run in profile.cloud_run:
        yield f"revisions/{run.name}", run
    for sql in profile.cloud_sql:
        yield f"cloudsql/{sql.name}", sql
    for store in profile.memorystore:
        yield f"memorystore/{store.name}", store
    for policy in profile.armor:
        yield f"armor/{policy.name}", policy
    for vault in profile.secrets:
        yield f"secrets/{vault.name}", vault
    for trail in profile.access:
        yield f"access/{trail.name}", trail
