"""Started by gcloud's own script in the place of its lib/gcloud.py, with gcloud's own Python: gcloud, imported once.

Each line of standard input is a command, its environment and the file for its standard error; a fork of this process
runs it as lib/gcloud.py does. The answer is a line with its exit code. Only its waits, as between two looks at an
operation, are shorter.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import time

USUAL = (  # what nearly every command imports
    "googlecloudsdk.core.credentials.requests",
    "googlecloudsdk.core.credentials.transports",
    "googlecloudsdk.api_lib.util.apis",
    "googlecloudsdk.command_lib.run.serverless_operations",
)
LONGEST_S = 0.1


def main() -> None:
    """Until standard input ends."""
    path = sys.argv[-1]
    spec = importlib.util.spec_from_file_location("gcloud", path)
    gcloud = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gcloud)
    gcloud._fix_google_module()
    gcloud._import_gcloud_main()
    for name in USUAL:
        importlib.import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run(gcloud, path, json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _run(gcloud, path, command) -> None:
    code, sleep = 70, time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, LONGEST_S))
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        said = os.open(command["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for number, file in enumerate((nothing, nothing, said)):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(command["environment"])
        sys.argv = [path, *command["argv"]]
        gcloud.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
