"""As whom this process works at Google: the service account that the profile wants, and how the credentials stand.

Nothing of httpx or google-auth is imported here.
"""

from __future__ import annotations

import asyncio
import re
from weakref import WeakKeyDictionary

from cockpit.adapters.gcp.settings import Settings
from cockpit.errors import Misconfigured
from cockpit.model.credentials import Credentials

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,100}@[A-Za-z0-9][A-Za-z0-9.-]{2,200}")
_wanted: list[str] = []
_standing: WeakKeyDictionary[asyncio.AbstractEventLoop, Credentials] = WeakKeyDictionary()


def act_as(chain: str) -> None:
    """From now on as this service account; "" for what gcloud's settings say. Commas: a chain of delegates."""
    _wanted[:] = [chain] if chain else []


def chain_of(settings: Settings) -> tuple[str, ...]:
    """Delegates first, then who is acted as; empty for nobody. Raises Misconfigured."""
    said = _wanted[0] if _wanted else settings.get("auth", "impersonate_service_account")
    chain = tuple(each.strip() for each in said.split(",") if each.strip())
    if any(not _ACCOUNT.fullmatch(each) for each in chain):
        raise Misconfigured(
            "the service account to act as is no e-mail address",
            hint="[google] impersonate, or gcloud's auth/impersonate_service_account, is like "
            "name@project.iam.gserviceaccount.com",
        )
    return chain


def tell(found: Credentials) -> None:
    """The last that is known of the credentials, for the status bar."""
    _standing[asyncio.get_running_loop()] = found


def standing() -> Credentials | None:
    """The last that is known, None before anything was asked."""
    try:
        return _standing.get(asyncio.get_running_loop())
    except RuntimeError:
        return None
