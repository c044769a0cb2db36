"""`python -m tests.servers.kube`: a cluster to try things on, until ctrl+c.

Prints `READY folder server` and writes FOLDER/admin.kubeconfig, viewer.kubeconfig and responder.kubeconfig.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from .server import EXTENSIONS, KubeServer, Options


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers.kube", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where its folder is made (the temporary directory)")
    parser.add_argument("--context", default="test", help="name of the context in the kubeconfigs (test)")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--audit", action="store_true", help="write each request to FOLDER/audit.log")
    parser.add_argument("--compaction", default="5m", help="how soon old versions are forgotten (5m)")
    parser.add_argument("--no-watch-cache", action="store_true")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--without", action="append", default=[], choices=EXTENSIONS, help="leave an extension out")
    given = parser.parse_args()
    options = Options(
        audit=given.audit,
        compaction=given.compaction,
        watch_cache=not given.no_watch_cache,
        nodes=given.nodes,
        extensions=tuple(name for name in EXTENSIONS if name not in given.without),
    )
    with KubeServer.start(given.folder, options) as server:
        for user in ("admin", "viewer", "responder"):
            path = server.home / f"{user}.kubeconfig"
            server.kubeconfig(user, context=given.context, namespace=given.namespace, path=path)
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        print("READY", server.home, server.url, flush=True)
        signal.sigwait(ends)


main()
