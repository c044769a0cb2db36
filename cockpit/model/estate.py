"""What belongs to a project of Google Cloud beside the sources of a profile, asked for when it is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Thing:
    """A domain mapping, VPC connector, machine, quota or version of an image. All text is cleaned."""

    name: str
    state: str  # in the API's own word: "READY", "TERMINATED"; "ready" and "failed" of conditions
    severity: Severity
    facts: tuple[str, ...] = ()  # what else is known, for the same line
    lines: tuple[str, ...] = ()  # further lines, for when it is asked for alone


@dataclass(frozen=True, slots=True)
class Things:
    """A list of them. What did not answer (regions, zones) may have more of them."""

    things: tuple[Thing, ...]
    silent: tuple[str, ...] = ()
    cut: bool = False  # there may be more


@dataclass(frozen=True, slots=True)
class GkeCluster:
    """What gcloud would write of a cluster into a kubeconfig, and how it is."""

    context: str  # gke_PROJECT_LOCATION_CLUSTER
    addresses: tuple[str, ...]  # hosts of its API server, the usual one first
    authority: str  # PEM
    state: str  # RUNNING, RECONCILING ...
    said: str
    version: str
