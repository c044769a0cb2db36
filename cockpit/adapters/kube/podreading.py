"""A question to the logs of pods, asked once: of one pod, a workload, a selector, or the whole namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import name_of, part, parts, text
from cockpit.adapters.kube.podselect import Watched, what_of
from cockpit.adapters.kube.terms import Json
from cockpit.errors import CockpitError, NotFound
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.adapters.kube.kube import Kube

CONTAINERS = 40  # asked at most
AT_ONCE = 8
BYTES = 512 * 1024  # of one container
_STAMP = 40


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. Without pod, workload and selector: all pods of the namespace."""

    pod: str = ""
    workload: str | None = None
    selector: str = ""
    container: str = ""  # "" for all, init containers among them
    previous: bool = False  # the run before
    since_s: int = 0
    tail: int = 0  # lines of each container
    contains: tuple[str, ...] = ()  # any of them, case ignored


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines with the kubelet's time first, merged; `unread`: what could not be read, and why."""

    lines: tuple[str, ...]
    read: int  # lines before `contains`
    containers: int
    unread: tuple[str, ...]
    origin: str


class PodLogReader:
    """Asks through one cluster. Nothing is kept."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def ask(self, question: Question) -> Answer:
        """Raises NotFound where no pod is selected, and where no container can be read why the first cannot."""
        place = self._kube.place
        what = f"pod/{question.pod}" if question.pod else what_of(question)
        origin = f"{what} in {place.namespace} (context {place.context})"
        pods = await self._pods(question)
        if not pods:
            raise NotFound(
                f"{origin}: no pod is selected, so no log was read",
                hint="this is no all-clear: choose a pod, a workload or a selector that there is",
            )
        wanted = [(name_of(pod), each) for pod in pods for each in containers_of(pod, question.container)]
        limit = asyncio.Semaphore(AT_ONCE)
        answers = await asyncio.gather(
            *(self._one(pod, container, question, limit) for pod, container in wanted[:CONTAINERS]),
            return_exceptions=True,
        )
        lines: list[tuple[str, str]] = []
        unread: list[str] = []
        first: CockpitError | None = None
        for (pod, container), answer in zip(wanted, answers, strict=False):
            if isinstance(answer, CockpitError):
                first = first or answer
                unread.append(f"{pod}/{container}: {answer.message}")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                lines += answer
        if first is not None and len(unread) == len(answers):
            raise first
        if len(wanted) > CONTAINERS:
            unread.append(f"{len(wanted) - CONTAINERS} more containers were not asked")
        words = tuple(word.casefold() for word in question.contains)
        kept = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
        found = [line for line in kept if not words or any(word in line.casefold() for word in words)]
        return Answer(tuple(found), len(kept), len(answers) - len(unread), tuple(unread), origin)

    async def _pods(self, question: Question) -> list[Json]:
        if question.pod:
            place = self._kube.place
            return [await self._kube.gateway.get(path_of("/api/v1", "pods", place.namespace, question.pod))]
        watched = Watched(self._kube, question)
        try:
            return await watched.pods()
        finally:
            await watched.close()

    async def _one(
        self, pod: str, container: str, question: Question, limit: asyncio.Semaphore
    ) -> Sequence[tuple[str, str]]:
        query = {"container": container, "timestamps": "true", "limitBytes": str(BYTES)}
        if question.previous:
            query["previous"] = "true"
        if question.since_s:
            query["sinceSeconds"] = str(question.since_s)
        if question.tail:
            query["tailLines"] = str(question.tail)
        async with limit:
            said = await self._kube.gateway.text(
                path_of("/api/v1", "pods", self._kube.place.namespace, pod, "log"), query
            )
        found: list[tuple[str, str]] = []
        for line in said.split("\n"):
            stamp, _, rest = line.partition(" ")
            if stamp:
                found.append(
                    (stamp[:_STAMP].rstrip("Z"), f"{clean(stamp[:19], 19)} {pod}/{container}: {clean(rest)}")
                )
        return found


def containers_of(pod: Json, only: str) -> list[str]:
    """By name, init containers first."""
    spec = part(pod, "spec")
    names = [text(each.get("name"), 253) for key in ("initContainers", "containers") for each in parts(spec, key)]
    return [name for name in names if name and only in ("", name)]
