"""A command means one source, or a question, or nothing: it is never bound to another target than it names."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.engine.binding import Bound, bind, spoken
from cockpit.model.command import Placeholder, PlaceholderStyle

NAMES = {
    "revisions/shop": {"service": "shop", "region": "europe-west1", "project": "p1"},
    "revisions/basket": {"service": "basket", "region": "europe-west1", "project": "p1"},
    "health/api": {"url": "https://api.shop.example/health", "origin": "https://api.shop.example:443"},
    "health/deep": {"url": "https://api.shop.example/health/deep", "origin": "https://api.shop.example:443"},
    "health/web": {"url": "https://shop.example/", "origin": "https://shop.example:443"},
    "redis/cache": {"host": "10.0.0.3", "port": "6379", "database": "0"},
    "redis/hidden": {},
    "database/main": {},
    "logs/shop": {"project": "p1", "filter": 'resource.labels.service_name="shop"'},
    "logs/basket": {"project": "p1", "filter": 'resource.labels.service_name="basket"'},
    "github/shop": {"host": "github.com", "repository": "shop-team/shop"},
    "github/web": {"host": "git.shop.example", "repository": "shop-team/shop"},
}
REPOSITORIES = ("github/shop", "github/web")
RUN = ("revisions/shop", "revisions/basket")
HTTP = ("health/api", "health/deep", "health/web")
REDIS = ("redis/cache", "redis/hidden")
LOGS = ("logs/shop", "logs/basket")
SVC = Placeholder("service", "<service>", PlaceholderStyle.ANGLE)


def bound(target: Mapping[str, str], candidates: tuple[str, ...], mapped: Mapping[str, str] | None = None) -> Bound:
    return bind(target, (SVC,), candidates, NAMES, mapped or {})


@pytest.mark.parametrize(
    ("target", "candidates", "sources"),
    [
        ({"service": "shop", "region": "europe-west1"}, RUN, ("revisions/shop",)),
        ({"service": "shop"}, RUN, ("revisions/shop",)),
        ({"service": "shop", "project": "p1"}, RUN, ("revisions/shop",)),
        ({"region": "europe-west1"}, RUN, RUN),
        ({"service": "<service>"}, RUN, RUN),
        ({"service": "<service>"}, RUN[:1], RUN[:1]),
        ({}, RUN, RUN),
        ({"url": "https://api.shop.example/orders"}, HTTP, ("health/api",)),
        ({"url": "https://api.shop.example/health/deep"}, HTTP, ("health/deep",)),
        ({"url": "https://shop.example/x"}, HTTP, ("health/web",)),
        ({"url": "/status"}, HTTP, HTTP),
        ({"url": "/status"}, HTTP[:2], HTTP[:1]),
        ({"host": "10.0.0.3"}, REDIS, ("redis/cache",)),
        ({"service": "shop", "filter": "x"}, LOGS, ("logs/shop",)),
        ({"filter": "severity=ERROR"}, LOGS, LOGS),
        ({"host": "github.com", "repository": "Shop-Team/shop"}, REPOSITORIES, ("github/shop",)),
        ({"host": "git.shop.example", "repository": "shop-team/shop"}, REPOSITORIES, ("github/web",)),
        ({}, REPOSITORIES, REPOSITORIES),
    ],
)
def test_what_is_named_and_known_is_bound(
    target: Mapping[str, str], candidates: tuple[str, ...], sources: tuple[str, ...]
) -> None:
    found = bound(target, candidates)
    assert (found.sources, found.sure) == (sources, True)


@pytest.mark.parametrize(
    ("target", "candidates"),
    [
        ({"service": "shop", "region": "us-east1"}, RUN),
        ({"service": "shop", "project": "p2"}, RUN),
        ({"service": "shop-staging"}, RUN),
        ({"url": "http://api.shop.example/health"}, HTTP),
        ({"url": "https://api.shop.example:8443/health"}, HTTP),
        ({"url": "https://staging.shop.example/health"}, HTTP),
        ({"url": "https://api.shop.example.evil.example/health"}, HTTP),
        ({"host": "10.0.0.4"}, REDIS[:1]),
        ({"service": "other"}, LOGS),
        ({"project": "p2"}, LOGS),
        ({"host": "github.com", "repository": "shop-team/web"}, REPOSITORIES),
    ],
)
def test_what_is_another_is_bound_to_nothing_and_says_both_names(
    target: Mapping[str, str], candidates: tuple[str, ...]
) -> None:
    found = bound(target, candidates)
    assert found.sources == ()
    assert found.reason.startswith("the runbook names ") and "this profile has " in found.reason


def test_the_reason_names_what_the_runbook_and_what_the_profile_says() -> None:
    found = bound({"service": "web", "region": "us-central1"}, RUN[:1])
    assert found.reason == ("the runbook names web in us-central1; this profile has shop in europe-west1 of p1")


@pytest.mark.parametrize("target", [{"container": "redis"}, {"instance": "shop-redis"}, {"host": "10.0.0.4"}])
def test_what_cannot_be_compared_is_not_sure(target: Mapping[str, str]) -> None:
    found = bound(target, ("redis/hidden",))
    assert (found.sources, found.sure) == (("redis/hidden",), False)
    assert bound({"database": "shop"}, ("database/main",)).sure is False


def test_what_is_the_same_comes_before_what_cannot_be_compared() -> None:
    assert bound({"host": "10.0.0.3"}, REDIS) == Bound(("redis/cache",), said="at 10.0.0.3")


def test_a_path_means_the_source_of_that_page_where_all_are_on_one_host() -> None:
    assert bound({"url": "/health/deep?full=1"}, HTTP[:2]).sources == ("health/deep",)
    assert bound({"url": "/nowhere"}, HTTP[:2]).sources == ("health/api",)
    assert bound({"url": "/health/deep"}, HTTP).sources == HTTP, "on several hosts somebody has to choose"


def test_the_profiles_word_counts() -> None:
    mapped = {"shop-redis": "redis/cache", "api.example.com": "health/api", "db": "database/main"}
    assert bound({"container": "shop-redis"}, REDIS, mapped).sources == ("redis/cache",)
    assert bound({"url": "https://api.example.com/x"}, HTTP, mapped).sources == ("health/api",)
    assert bound({"database": "db", "user": "root"}, ("database/main",), mapped).sure
    wrong = bound({"container": "shop-redis"}, ("redis/hidden",), mapped)
    assert wrong.sources == () and "maps shop-redis to redis/cache, which cannot do it" in wrong.reason
    both = bound({"instance": "db", "container": "shop-redis"}, REDIS, mapped)
    assert both.sources == () and "maps db shop-redis to" in both.reason


def test_a_mapped_name_still_means_the_source_that_has_it_in_the_profile() -> None:
    """A Memorystore instance is a Redis server, and what its control plane says of it."""
    names = {
        "redis/cache": {},
        "memorystore/cache": {"instance": "shop-cache", "region": "r1", "project": "p1"},
        "memorystore/other": {"instance": "other", "region": "r1", "project": "p1"},
    }
    mapped = {"shop-cache": "redis/cache"}
    target = {"instance": "shop-cache", "region": "r1"}
    planes = ("memorystore/cache", "memorystore/other")
    assert bind(target, (), ("redis/cache",), names, mapped).sources == ("redis/cache",)
    assert bind(target, (), planes, names, mapped).sources == ("memorystore/cache",)
    assert bind(target, (), planes[1:], names, mapped).sources == ()


def test_without_a_source_that_can_do_it_nothing_is_bound() -> None:
    assert bound({"service": "shop"}, ()).reason == "this profile has no source that can do it"


def test_hosts_are_compared_as_hosts() -> None:
    names = {"redis/a": {"host": "localhost"}}
    assert bind({"host": "127.0.0.1"}, (), ("redis/a",), names, {}).sure
    names = {"redis/a": {"host": "Cache.Shop.Example"}}
    assert bind({"host": "cache.shop.example."}, (), ("redis/a",), names, {}).sources == ("redis/a",)


WORDS = st.sampled_from(["shop", "basket", "europe-west1", "us-east1", "p1", "p2", "<service>", ""])


@given(st.dictionaries(st.sampled_from(["service", "region", "project"]), WORDS))
def test_no_source_is_bound_that_differs_in_anything_that_is_named(target: dict[str, str]) -> None:
    for source in bound(target, RUN).sources:
        for key, value in target.items():
            assert value in ("", "<service>", NAMES[source][key])


def test_names_are_spoken_as_a_person_would() -> None:
    assert spoken({"service": "api", "region": "r", "project": "p"}) == "api in r of p"
    assert spoken({"host": "h", "port": "1", "database": "0"}) == "database 0 at h"
    assert spoken({"url": "https://x\u202e"}) == "https://x<202E>"


@pytest.mark.parametrize("name", ["$STAGING_REDIS", "<replica-host>", "$OLD_HOST", "${BACKUP_CACHE}"])
def test_a_place_to_be_filled_in_that_speaks_of_another_one_is_not_sure(name: str) -> None:
    mark = Placeholder(name.strip("$<>{}"), name, PlaceholderStyle.VARIABLE)
    assert not bind({"host": name}, (mark,), REDIS[:1], NAMES, {}).sure


@pytest.mark.parametrize("name", ["$REDIS_HOST", "<redis-ip>", "$CACHE_URL", "$DEVICE_HOST"])
def test_the_usual_place_to_be_filled_in_is_the_profiles(name: str) -> None:
    mark = Placeholder(name.strip("$<>{}"), name, PlaceholderStyle.VARIABLE)
    assert bind({"host": name}, (mark,), REDIS[:1], NAMES, {}).sure


@pytest.mark.parametrize(
    "target",
    [
        {"host": "10.0.0.3", "port": "6380"},
        {"host": "10.0.0.3", "database": "3"},
        {"port": "6380"},
        {"database": "3"},
        {"host": "10.0.0.33"},
    ],
)
def test_another_port_or_database_is_another_redis(target: dict[str, str]) -> None:
    assert not bound(target, REDIS[:1]).sources


@pytest.mark.parametrize(
    "url",
    [
        "https://api.shop.example:8443/health",
        "https://admin@api.shop.example/health",
        "https://api.shop.example@evil.example/health",
        "http://api.shop.example/health",
        "https://api.shop.example.evil.example/health",
        "https://аpi.shop.example/health",
        "https://api.shop.example\\@evil.example/health",
    ],
)
def test_an_address_that_only_looks_like_it_is_another(url: str) -> None:
    assert not bound({"url": url}, HTTP[:1]).sources
