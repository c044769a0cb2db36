"""What doctor says of the account at Google and of the way there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.adapters.gcp import identity
from cockpit.adapters.gcp.settings import Settings
from cockpit.clock import ManualClock
from cockpit.engine.engine import Engine
from cockpit.engine.google import credentials, ground
from cockpit.errors import Misconfigured
from cockpit.model.credentials import Credentials
from cockpit.profile.load import load
from cockpit.profile.schema import Profile

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOGLE = '[[cloud_sql]]\nname = "db"\nproject = "shop"\ninstance = "db"\n'


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return written(tmp_path, GOOGLE)


def written(folder: Path, text: str) -> Profile:
    file = folder / "shop.toml"
    file.write_text(f'system = "shop"\nenvironment = "test"\n{text}')
    return load(file)


async def test_before_anything_was_asked_there_is_nothing_to_say(profile: Profile) -> None:
    assert credentials(profile) is None and ground(profile, ManualClock(NOW)) == ()


async def test_credentials_that_renew_or_do_not(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nonexistent")
    clock = ManualClock(NOW)
    identity.tell(Credentials("ana@example.com by gcloud"))
    (well,) = ground(profile, clock)
    assert (well.check, well.ok, well.detail) == (
        "credentials",
        True,
        "ana@example.com by gcloud: they renew by themselves",
    )
    fix = "run gcloud auth login"
    identity.tell(Credentials("ana@example.com by gcloud", NOW + timedelta(minutes=12), "a new login is wanted", fix))
    (ending,) = ground(profile, clock)
    assert (ending.ok, ending.detail, ending.fix) == (
        None,
        "Google login ends in 12 min: a new login is wanted",
        fix,
    )
    await clock.advance(720)
    (expired,) = ground(profile, clock)
    assert (expired.ok, expired.detail, expired.fix) == (False, "credentials: expired: a new login is wanted", fix)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hush@proxy.example:3128")
    (_, way) = ground(profile, clock)
    assert (way.check, way.detail) == ("way", "through the proxy proxy.example:3128 (HTTPS_PROXY)")


async def test_a_profile_without_google_has_no_credentials(tmp_path: Path) -> None:
    identity.tell(Credentials("somebody"))
    profile = written(tmp_path, '[[health]]\nname = "api"\nurl = "http://127.0.0.1:1"\n')
    assert credentials(profile) is None and ground(profile, ManualClock(NOW)) == ()


async def test_the_profile_says_as_whom(tmp_path: Path) -> None:
    settings = Settings({"CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": "gcloud@shop.example"})
    for text, chain in (('[google]\nimpersonate = "a@shop.example,b@shop.example"\n', 2), ("", 1)):
        engine = Engine(written(tmp_path, GOOGLE + text), state_dir=tmp_path / "state")
        await engine.prepare()
        assert len(identity.chain_of(settings)) == chain
        await engine.close()
    with pytest.raises(Misconfigured, match="must be the e-mail address of a service account"):
        written(tmp_path, '[google]\nimpersonate = "not an account"\n')
