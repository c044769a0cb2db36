"""Questions about a namespace that no watch answers: asked once, when somebody wants to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cockpit.adapters.kube.events import span_of
from cockpit.adapters.kube.fields import part, text
from cockpit.adapters.kube.jobs import cronjob_of, job_of
from cockpit.adapters.kube.kube import Kube
from cockpit.adapters.kube.owners import workload_ref
from cockpit.adapters.kube.pods import pod_of
from cockpit.adapters.kube.slices import Pace
from cockpit.clock import Clock
from cockpit.model.jobs import Job
from cockpit.model.workloads import Pod

_EVENTS = 20


class NamespaceAsker:
    """Shares the gateway of its `Kube`."""

    def __init__(self, kube: Kube, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock

    async def events_about(self, uid: str) -> list[tuple[datetime, str]]:
        """When it was said last and what, of the object with this uid, newest first. Raises CockpitError."""
        path = f"/api/v1/namespaces/{self._kube.place.namespace}/events"
        listed = await self._kube.gateway.listed(path, {"fieldSelector": f"involvedObject.uid={uid}"})
        found: list[tuple[datetime, str]] = []
        for event in listed.items:
            _, last, count = span_of(event)
            often = f" ({count} times)" if count > 1 else ""
            kind, reason = text(event.get("type"), 20), text(event.get("reason"), 100)
            found.append((last, f"{kind} {reason}{often}: {text(event.get('message'))}"))
        return sorted(found, key=lambda each: each[0], reverse=True)[:_EVENTS]

    async def jobs(self) -> list[Job]:
        """Jobs and CronJobs of the namespace. Raises PermissionDenied."""
        namespace, versions = self._kube.place.namespace, await self._kube.gateway.versions()
        found: list[Job] = []
        for plural, made in (("jobs", job_of), ("cronjobs", cronjob_of)):
            resource = versions.named(plural)
            if resource is not None:
                listed = await self._kube.gateway.listed(resource.path(namespace))
                found += [made(each) for each in listed.items]
        return found

    async def pods_everywhere(self) -> list[tuple[str, Pod]]:
        """Namespace and pod, of all that may be listed. Raises PermissionDenied where that is one namespace only."""
        listed = await self._kube.gateway.listed("/api/v1/pods")
        now, pace = self._clock.now(), Pace()
        found: list[tuple[str, Pod]] = []
        for obj in listed.items:
            pod = pod_of(obj, workload_ref(obj, {}, seen=False), now)
            found.append((text(part(obj, "metadata").get("namespace"), 253), replace(pod, labels=None)))
            await pace.step()
        return found
