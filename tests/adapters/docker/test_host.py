"""Which engine: the profile's, else where the docker command would go; nothing else, and never two."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest

from cockpit.adapters.docker.host import Tls, host_of
from cockpit.errors import Misconfigured

from .conftest import table


def _found(host: str | None = None, environ: dict[str, str] | None = None, **more: object):
    return host_of(table(host, **more), environ or {})


@pytest.mark.parametrize(
    ("host", "url", "base"),
    [
        ("/run/docker.sock", "unix:///run/docker.sock", "http://docker"),
        ("unix:///run/docker.sock", "unix:///run/docker.sock", "http://docker"),
        ("tcp://10.0.0.7:2375", "tcp://10.0.0.7:2375", "http://10.0.0.7:2375"),
        ("tcp://shop-1:2376", "tcp://shop-1:2376", "https://shop-1:2376"),
        ("tcp://[::1]", "tcp://[::1]:2375", "http://[::1]:2375"),
        ("ssh://ops@shop-1/", "ssh://ops@shop-1", "http://docker"),
    ],
)
def test_the_profiles_host_is_taken_as_it_is(host, url, base):
    found = _found(host, {"DOCKER_HOST": "tcp://elsewhere:2375"})
    assert (found.url, found.base, found.origin) == (url, base, "profile")


def test_certificates_go_with_tcp_and_to_the_docker_command():
    found = _found("tcp://shop-1:1234", ca_file="/c/ca.pem", cert_file="/c/cert.pem", key_file="/c/key.pem")
    assert found.tls == Tls("/c/ca.pem", "/c/cert.pem", "/c/key.pem")
    assert found.base == "https://shop-1:1234"
    assert found.flags[2:5] == ("--tlsverify", "--tlscacert", "/c/ca.pem")


@pytest.mark.parametrize(
    "given",
    ["http://x", "npipe:////./pipe/docker", "tcp://", "ssh://-oProxyCommand=x", "ssh://u:secret@x", "tcp://x:99999"],
)
def test_what_cannot_be_used_is_refused_without_a_secret(given):
    with pytest.raises(Misconfigured) as raised:
        _found(None, {"DOCKER_HOST": given})
    assert "secret" not in str(raised.value)


def test_the_environment_counts_as_for_the_docker_command(tmp_path: Path):
    (tmp_path / "ca.pem").touch()
    given = {"DOCKER_HOST": "tcp://shop-1:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    found = _found(None, given)
    assert found.origin == "$DOCKER_HOST"
    assert found.tls == Tls(str(tmp_path / "ca.pem"))


def _context(folder: Path, name: str, host: str) -> None:
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / key
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


def test_a_chosen_context_counts_before_the_sockets_of_this_machine(tmp_path: Path):
    _context(tmp_path, "far", "ssh://ops@far")
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "far"}))
    found = _found(None, {"DOCKER_CONFIG": str(tmp_path)})
    assert (found.url, found.origin) == ("ssh://ops@far", "Docker context far")
    assert _found(None, {"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": "tcp://x:2375"}).origin == "$DOCKER_HOST"
    with pytest.raises(Misconfigured, match="Docker context gone"):
        _found(None, {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "gone"})


def test_the_usual_sockets_come_last(folder: Path, monkeypatch):
    monkeypatch.setattr("cockpit.adapters.docker.host.usual_sockets", lambda environ: (f"{folder}/a", f"{folder}/b"))
    with pytest.raises(Misconfigured, match="DOCKER_HOST is not set"):
        _found()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"{folder}/b")
        assert _found().url == f"unix://{folder}/b"
