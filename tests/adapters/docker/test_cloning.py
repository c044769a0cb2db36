"""What a container is made with to be like another: all that is its own, nothing that only its image brought."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.docker.cloning import creation, environment, fixed_ports, networks

NAMES = st.text("ABCDEF_", min_size=1, max_size=4)
ENV = st.dictionaries(NAMES, st.text(max_size=8), max_size=5)
LABELS = st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
HOST = st.dictionaries(st.sampled_from(["Memory", "NanoCpus", "Privileged", "RestartPolicy", "CapAdd"]), JSON)
ID = "f" * 64


def inspected(config: dict[str, Any], host: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"Id": ID, "Name": "/shop-api-1", "Config": {"Image": "shop:1"} | config, "HostConfig": host or {}, **more}


def pairs(values: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


@given(ENV, ENV, st.dictionaries(NAMES, st.none() | st.text(max_size=8), max_size=3))
def test_the_environment_is_what_it_was_with_exactly_the_changes(
    own: dict[str, str], brought: dict[str, str], change: dict[str, str | None]
) -> None:
    change = {name: value for name, value in change.items() if value is not None or name not in brought}
    body = creation(inspected({"Env": pairs(brought | own)}), {"Config": {"Env": pairs(brought)}}, env=change)
    wanted = {name: value for name, value in (brought | own | change).items() if value is not None}
    assert brought | environment(body) == wanted, "as an engine merges them"
    baked = environment(body).items() & brought.items()
    assert all(name in change for name, _ in baked), "the image's own are left to the image"


@given(HOST, LABELS, LABELS)
def test_host_settings_and_labels_are_kept(
    host: dict[str, Any], own: dict[str, str], brought: dict[str, str]
) -> None:
    seen = inspected({"Labels": brought | own}, host)
    before = json.dumps(seen)
    body = creation(seen, {"Config": {"Labels": brought}})
    assert body["HostConfig"] == host and json.dumps(seen) == before
    assert brought | body["Labels"] == brought | own
    assert not body["Labels"].items() & brought.items()


@given(JSON, JSON, JSON, JSON, JSON)
def test_rubbish_makes_a_body_and_no_crash(config: Any, host: Any, mounts: Any, joined: Any, image: Any) -> None:
    seen = {"Id": ID, "Config": config, "HostConfig": host, "Mounts": mounts, "NetworkSettings": joined}
    seen["HostConfig"] = {"Binds": mounts, "Mounts": joined, "PortBindings": config, "Ulimits": host}
    for twin in (True, False):
        body = creation(seen, {"Config": image}, twin=twin)
        json.dumps(body)
    networks({"NetworkSettings": {"Networks": {"a": joined, "b": {"Aliases": host}}}})
    fixed_ports(seen)


@pytest.mark.parametrize("twin", [False, True])
def test_a_volume_without_a_name_goes_along_but_not_to_a_twin(twin: bool) -> None:
    mounts = [
        {"Type": "volume", "Name": "a" * 64, "Destination": "/var/lib/data", "RW": True},
        {"Type": "volume", "Name": "named", "Destination": "/named", "RW": False},
        {"Type": "bind", "Source": "/etc/x", "Destination": "/x", "RW": True},
    ]
    seen = inspected({"Volumes": {"/var/lib/data": {}}}, {"Binds": ["named:/named:ro", "/etc/x:/x"]}, Mounts=mounts)
    body = creation(seen, {}, twin=twin)
    carried = [] if twin else [f"{'a' * 64}:/var/lib/data"]
    assert body["HostConfig"]["Binds"] == ["named:/named:ro", "/etc/x:/x", *carried]
    assert body["Volumes"] == {"/var/lib/data": {}}


@pytest.mark.parametrize("twin", [False, True])
def test_every_network_with_its_aliases_and_addresses(twin: bool) -> None:
    address = {"IPv4Address": "172.20.0.9"}
    joined = {
        "front": {"Aliases": ["shop-api-1", "api", ID[:12]], "IPAMConfig": address, "IPAddress": "172.20.0.9"},
        "back": {"Aliases": ["books"], "Links": ["db:db"], "NetworkID": "x"},
    }
    seen = inspected({}, {"NetworkMode": "front"}, NetworkSettings={"Networks": joined})
    first: dict[str, Any] = (
        {"Aliases": ["api"]} if twin else {"Aliases": ["shop-api-1", "api"], "IPAMConfig": address}
    )
    assert networks(seen, twin=twin) == {"front": first, "back": {"Aliases": ["books"], "Links": ["db:db"]}}
    assert creation(seen, {}, twin=twin)["NetworkingConfig"] == {"EndpointsConfig": {"front": first}}
    assert "NetworkingConfig" not in creation(inspected({}, {"NetworkMode": "host"}), {})


def test_ports_that_only_one_can_have() -> None:
    bound = {"80/tcp": [{"HostPort": "8080"}, {"HostPort": "0"}], "90/tcp": [{"HostPort": ""}], "91/tcp": None}
    assert fixed_ports(inspected({}, {"PortBindings": bound})) == ["8080"]


def test_an_entrypoint_that_was_switched_off_stays_off() -> None:
    image = {"Config": {"Entrypoint": ["/start"], "Cmd": ["serve"]}}
    off = inspected({"Entrypoint": None, "Cmd": ["sh", "-c", "true"]}, Path="sh", Args=["-c", "true"])
    body = creation(off, image)
    assert (body["Entrypoint"], body["Cmd"]) == ([""], ["sh", "-c", "true"])
    untold = inspected({"Entrypoint": None, "Cmd": ["serve"]}, Path="/start", Args=["serve"])
    assert "Entrypoint" not in creation(untold, image), "some engines do not tell that it is the image's"


def test_a_variable_that_was_taken_away_stays_away() -> None:
    image = {"Config": {"Env": ["DEBUG=1", "MODE=a"]}}
    seen = inspected({"Env": ["DEBUG", "MODE=b"]})
    assert creation(seen, image)["Env"] == ["DEBUG", "MODE=b"]
    assert creation(seen, image, env={"DEBUG": "2"})["Env"] == ["MODE=b", "DEBUG=2"]
    assert environment(seen["Config"]) == {"MODE": "b"}
