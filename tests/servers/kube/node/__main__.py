"""`python -m tests.servers.kube.node`: the nodes of one cluster, until ended. The token comes on standard input."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from cockpit.sandbox.kube.node.events import Events
from cockpit.sandbox.kube.node.externalsecrets import ExternalSecrets
from cockpit.sandbox.kube.node.metrics import Metrics
from cockpit.sandbox.kube.node.nodes import NodeObjects
from cockpit.sandbox.kube.node.pods import Nodes, Pace, Pods
from cockpit.sandbox.kube.node.terms import say

from .api import Api
from .certificates import Certificates
from .kinds import ARGO, CERT_MANAGER, EXTERNAL_SECRETS, METRICS, install
from .kubelet import Kubelet

_EXTENSIONS = {
    "metrics": METRICS,
    "external-secrets": EXTERNAL_SECRETS,
    "cert-manager": CERT_MANAGER,
    "argo": ARGO,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--folder", type=Path, required=True, help="holds ca.crt, server.crt, server.key")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--ready", type=float, default=Pace().ready)
    parser.add_argument("--terminate", type=float, default=Pace().terminate)
    parser.add_argument("--backoff", type=float, default=Pace().backoff)
    parser.add_argument("--extension", action="append", default=[], choices=sorted(_EXTENSIONS))
    return parser.parse_args()


async def _main(given: argparse.Namespace, token: str) -> None:
    nodes = Nodes(tuple(f"node-{number + 1}" for number in range(given.nodes)))
    pace = Pace(given.ready, given.terminate, given.backoff)
    async with Api(given.server, token, given.folder / "ca.crt") as api:
        events = Events(api)
        pods = Pods(api, events, nodes, pace)
        await Kubelet(pods, given.folder / "server.crt", given.folder / "server.key").serve(given.port)
        objects = NodeObjects(api, events, nodes, given.port, pods.look_again)
        await objects.register()
        await install(api, [each for name in given.extension for each in _EXTENSIONS[name]])
        works = [pods.run(), objects.run(), objects.heartbeats()]
        if "metrics" in given.extension:
            works.append(Metrics(api, pods, nodes).run())
        if "external-secrets" in given.extension:
            works.append(ExternalSecrets(api, events).run())
        if "cert-manager" in given.extension:
            works.append(Certificates(api, events).run())
        (given.folder / "node.ready").touch()
        say("ready")
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)


logging.basicConfig(format="%(asctime)s %(message)s")
asyncio.run(_main(_arguments(), sys.stdin.readline().strip()))
