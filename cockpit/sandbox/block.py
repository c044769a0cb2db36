"""`python -m cockpit.sandbox.block DIRECTORY add|remove ADDRESS`: the block command of the sandbox's profile."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

from cockpit.sandbox.profile_file import SHOP_FILE, TOKEN_FILE


def main(arguments: list[str]) -> int:
    """Exit code 0 when the shop's door keeps the address out (or lets it in again)."""
    if len(arguments) != 3 or arguments[1] not in ("add", "remove"):
        sys.stderr.write(f"usage: {__doc__}\n")
        return 2
    directory, verb, address = arguments
    url = Path(directory, SHOP_FILE).read_text(encoding="utf-8")
    token = Path(directory, TOKEN_FILE).read_text(encoding="utf-8")
    try:
        answer = httpx.post(
            f"{url}/admin/blocks",
            json={"ip": address, "block": verb == "add"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=5.0,
            trust_env=False,
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"blocked now: {', '.join(answer.json()['blocked']) or 'none'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
