"""Credentials of a cluster: exec plugins, token files, tokens that are refused."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cockpit.adapters.kube.execauth import Credentials, run_plugin
from cockpit.adapters.kube.kubeconfig import Place, read_place
from cockpit.clock import ManualClock
from cockpit.errors import AuthenticationFailed, CockpitError, Misconfigured, TimedOut

from ...servers.kube.fixtures import until_async
from .conftest import Opener
from .raw import Exchange, RawServer

V1 = "client.authentication.k8s.io/v1"
Placed = Callable[..., Place]


def answer(token: str = "t1", api: str = V1, **status: Any) -> str:
    return json.dumps({"apiVersion": api, "kind": "ExecCredential", "status": {"token": token, **status}})


@pytest.fixture
def plugged(tmp_path: Path) -> Placed:
    """A place whose plugin is this Python text."""

    def make(text: str, **fields: Any) -> Place:
        script = tmp_path / "plugin.py"
        script.write_text(text)
        plugin = {"apiVersion": V1, "command": sys.executable, "args": [str(script)], **fields}
        return read_place(None, str(written(tmp_path, {"exec": plugin})), None, {})

    return make


def written(folder: Path, user: dict[str, Any], server: str = "https://127.0.0.1:1") -> Path:
    path = folder / "config"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server, "tls-server-name": "api.example"}}],
        "users": [{"name": "ana", "user": user}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "ana"}}],
        "current-context": "prod",
    }
    path.write_text(json.dumps(config))
    return path


async def run(place: Place, deadline_s: float = 20.0) -> Any:
    assert place.login.plugin is not None
    return await run_plugin(place.login.plugin, place, os.environ, deadline_s)


async def test_a_plugin_is_told_what_it_needs_and_has_no_terminal(plugged: Placed) -> None:
    place = plugged(
        """
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert sys.stdin.read() == "" and os.environ["EXTRA"] == "yes", "stdin or environment"
assert os.getsid(0) == os.getpid(), "a session of its own"
try:
    open("/dev/tty")
    raise AssertionError("a terminal")
except OSError:
    pass
assert info["spec"]["interactive"] is False and info["kind"] == "ExecCredential", info
assert info["spec"]["cluster"] == {"server": "https://127.0.0.1:1", "tls-server-name": "api.example"}, info
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": {"token": "t1"}}))
""",
        provideClusterInfo=True,
        env=[{"name": "EXTRA", "value": "yes"}],
    )
    found = await run(place)
    assert found.headers() == {"Authorization": "Bearer t1"}
    assert "t1" not in repr(found)


@pytest.mark.parametrize("api", [V1, "client.authentication.k8s.io/v1beta1"])
async def test_both_versions_are_spoken(plugged: Placed, api: str) -> None:
    text = answer(api=api, expirationTimestamp="2026-01-01T01:00:00Z")
    found = await run(plugged(f"print({text!r})", apiVersion=api))
    assert found.ends is not None and found.token is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import sys; sys.exit('\\x1b[31mplease log in: ya29.secret')",
            "ended with status 1: please log in: \\*\\*\\*",
        ),
        ("raise SystemExit(3)", "ended with status 3 and said nothing"),
        ("print('hello')", "printed no ExecCredential"),
        ("print('[' * 100000)", "printed no ExecCredential"),
        ("pass", "printed no ExecCredential"),
        (f"print({answer(api='client.authentication.k8s.io/v1beta1')!r})", "answered with client.authentication"),
        (f"print({answer('')!r})", "neither a token nor a client certificate"),
        (f"print({answer('', clientCertificateData='x')!r})", "neither a token nor a client certificate"),
        (f"print({answer(chr(10) + 'a' + chr(10) + 'b')!r})", "cannot be sent"),
        (f"print({answer(expirationTimestamp='soon')!r})", "printed no ExecCredential"),
    ],
)
async def test_a_plugin_that_gives_nothing_says_why(plugged: Placed, text: str, said: str) -> None:
    with pytest.raises(AuthenticationFailed, match=f"context prod: the plugin .*{said}") as failed:
        await run(plugged(text))
    assert "\x1b" not in str(failed.value) and "ya29" not in str(failed.value)
    assert failed.value.hint


async def test_of_what_gcloud_says_through_its_plugin_the_sentence_is_kept(plugged: Placed) -> None:
    said = (
        "F1121 cred.go:145] print credential failed with error: Failed to retrieve access token:: failure while "
        "executing gcloud: exit status 1 (err: ERROR: (gcloud.config.config-helper) You have no account.\\n"
        "Please run:\\n\\n  $ gcloud auth login\\n\\nto obtain new credentials."
    )
    with pytest.raises(AuthenticationFailed) as failed:
        await run(plugged(f"import sys; sys.exit('{said}')"))
    assert failed.value.message.endswith(
        "status 1: ERROR: (gcloud.config.config-helper) You have no account. / Please run: / $ gcloud auth login"
    )
    with pytest.raises(AuthenticationFailed, match="status 1: AssertionError: no token today"):
        await run(plugged("assert False, 'no token today'"))


async def test_a_plugin_that_is_not_there_says_how_to_get_it(plugged: Placed) -> None:
    with pytest.raises(Misconfigured, match="get-me is not installed") as missing:
        await run(plugged("", command="get-me", installHint="apt install get-me\n\x1b[2Jnow"))
    assert "apt install get-me" in missing.value.hint and "\x1b" not in missing.value.hint
    place = plugged("", command="gke-gcloud-auth-plugin")
    assert place.login.plugin is not None
    with pytest.raises(Misconfigured, match="gke-gcloud-auth-plugin is not installed") as gke:
        await run_plugin(place.login.plugin, place, {"PATH": "/nowhere"})
    assert "gcloud components install" in gke.value.hint


async def test_a_plugin_that_wants_a_terminal_is_not_run(plugged: Placed) -> None:
    with pytest.raises(AuthenticationFailed, match="only with a terminal"):
        await run(plugged("raise SystemExit(9)", interactiveMode="Always"))


async def test_a_plugin_that_hangs_is_ended_with_all_it_started(plugged: Placed, tmp_path: Path) -> None:
    child = tmp_path / "child"
    place = plugged(
        f"""
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({str(child)!r}).write_text(str(child.pid))
time.sleep(600)
"""
    )
    task = asyncio.create_task(run(place))
    pid = await number_in(child)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await gone(pid)
    with pytest.raises(TimedOut, match=r"within 0.3 s and was ended"):
        await run(place, 0.3)


async def number_in(file: Path) -> int:
    return int(await until_async(lambda: file.exists() and file.read_text()))


async def gone(pid: int) -> None:
    """Ended, or a zombie that init has yet to collect."""

    def ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    await until_async(ended)


async def test_one_run_serves_all_and_the_next_comes_shortly_before_the_end(plugged: Placed, tmp_path: Path) -> None:
    clock = ManualClock()
    runs = tmp_path / "runs"
    ends = (clock.now() + timedelta(hours=1)).isoformat()
    place = plugged(f"open({str(runs)!r}, 'a').write('x'); print({answer(expirationTimestamp=ends)!r})")
    credentials = Credentials(place, clock, os.environ)
    found = await asyncio.gather(*(credentials.credential() for _ in range(10)))
    assert runs.read_text() == "x" and len({id(each) for each in found}) == 1
    await clock.advance(3600 - 61)
    await credentials.credential()
    assert runs.read_text() == "x"
    await clock.advance(2)
    await credentials.credential()
    assert runs.read_text() == "xx"
    credentials.forget(found[0])  # an old one: the newer one stays
    await credentials.credential()
    assert runs.read_text() == "xx"
    await credentials.close()


async def test_a_plugin_that_failed_is_left_in_peace_for_a_while(plugged: Placed, tmp_path: Path) -> None:
    clock = ManualClock()
    runs = tmp_path / "runs"
    credentials = Credentials(plugged(f"open({str(runs)!r}, 'a').write('x'); raise SystemExit(1)"), clock, os.environ)
    for _ in range(3):
        with pytest.raises(AuthenticationFailed):
            await credentials.credential()
    assert runs.read_text() == "x"
    await clock.advance(6)
    with pytest.raises(AuthenticationFailed):
        await credentials.credential()
    assert runs.read_text() == "xx"


async def test_credentials_that_have_already_expired_are_not_used(plugged: Placed) -> None:
    clock = ManualClock()
    ends = (clock.now() - timedelta(seconds=1)).isoformat()
    credentials = Credentials(plugged(f"print({answer(expirationTimestamp=ends)!r})"), clock, os.environ)
    with pytest.raises(AuthenticationFailed, match="already expired"):
        await credentials.credential()


async def test_closing_ends_a_plugin_that_runs(plugged: Placed, tmp_path: Path) -> None:
    own = tmp_path / "pid"
    place = plugged(f"import os, time; open({str(own)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    credentials = Credentials(place, ManualClock(), os.environ)
    waiting = asyncio.create_task(credentials.credential())
    pid = await number_in(own)
    await credentials.close()
    await gone(pid)
    await asyncio.wait([waiting])
    with pytest.raises(AuthenticationFailed, match="closed"):
        await credentials.credential()


async def test_a_refused_token_is_renewed_once_for_a_read_and_not_for_a_change(
    raw: RawServer, tmp_path: Path, opened: Opener
) -> None:
    count = tmp_path / "count"
    count.write_text("")
    script = tmp_path / "plugin.py"
    script.write_text(
        f"import json\nf = open({str(count)!r}, 'a+'); f.write('x'); f.seek(0); n = len(f.read())\n"
        f"print(json.dumps({{'apiVersion': {V1!r}, 'kind': 'ExecCredential', 'status': {{'token': 't%d' % n}}}}))"
    )
    plugin = {"apiVersion": V1, "command": sys.executable, "args": [str(script)]}
    good = {"Bearer t2"}

    async def only_good(exchange: Exchange) -> None:
        await exchange.answer({}, 200 if exchange.headers["authorization"] in good else 401)

    raw.handler = only_good
    gateway = opened(raw.kubeconfig(tmp_path, {"exec": plugin})).gateway
    assert await asyncio.gather(gateway.get("/version"), gateway.get("/version")) == [{}, {}]
    assert count.read_text() == "xx"  # both were refused with t1; one new run served both
    good.clear()
    with pytest.raises(AuthenticationFailed, match=r"the plugin python.* of user ana"):
        await gateway.change("POST", "/api/v1/namespaces/shop/configmaps", {})
    assert count.read_text() == "xx"
    with pytest.raises(AuthenticationFailed):
        await gateway.get("/version")
    assert [each.headers["authorization"] for each in raw.seen][-3:] == ["Bearer t2", "Bearer t3", "Bearer t4"]


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    clock = ManualClock()
    place = read_place(None, str(written(tmp_path, {"tokenFile": "token"})), None, {})
    credentials = Credentials(place, clock, {})
    assert (await credentials.credential()).headers() == {"Authorization": "Bearer one"}
    token.write_text("two")
    assert (await credentials.credential()).headers() == {"Authorization": "Bearer one"}
    await clock.advance(31)
    assert (await credentials.credential()).headers() == {"Authorization": "Bearer two"}
    for content in (b"", b"\xff\xfe", b"a\nb"):
        token.write_bytes(content)
        await clock.advance(31)
        with pytest.raises(CockpitError, match="context prod: the token file"):
            await credentials.credential()
