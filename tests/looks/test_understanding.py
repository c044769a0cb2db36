"""Which commands the looks stand in for, with which parameters; and which ones they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.actions import httpsend, keycalls
from cockpit.looks import database, health, logs, redis
from cockpit.looks.logs import seconds_of, simple
from cockpit.looks.pipes import jmespath_of, refined
from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Placeholder, PlaceholderStyle, Redirect, SqlStatement, Word, Wrapper
from cockpit.profile.schema import HttpAction

KEY = Placeholder("API_KEY", "$API_KEY", PlaceholderStyle.VARIABLE)
NAME = Placeholder("name", "<name>", PlaceholderStyle.ANGLE)
HOST = Placeholder("HOST", "$HOST", PlaceholderStyle.VARIABLE)


def word(text: str, *marks: Placeholder) -> Word:
    return Word(text, text, marks)


def http(url: str, method: str = "GET", marks: tuple[Placeholder, ...] = (), **more: Any) -> Call:
    argument = word(url, *(mark for mark in marks if mark.spelled in url))
    return Call("http", method, (argument,), words=(argument, *(word(mark.spelled, mark) for mark in marks)), **more)


def sql(text: str, *marks: Placeholder, reads: bool = True) -> Call:
    return Call(
        "sql", words=tuple(word(m.spelled, m) for m in marks), text=text, statement=SqlStatement("", text, reads)
    )


def cli(verb: str, *args: str | Word, **flags: str) -> Call:
    words = tuple(each if isinstance(each, Word) else word(each) for each in args)
    named = {f"-{name}": (value,) for name, value in flags.items()}
    within = (Wrapper("docker exec", "cache"), Wrapper("redis-cli", "", named))
    return Call("redis", verb, words, words=words, within=within)


def gcloud(verb: str, *args: Word | str, **flags: str) -> Call:
    words = tuple(each if isinstance(each, Word) else word(each) for each in args)
    return Call("gcloud", verb, words, {f"--{name}": (value,) for name, value in flags.items()}, words=words)


def stand_in(module: Any, call: Call) -> Intent | None:
    found = (each.understand(call) for each in module.REPLACES if each.program == call.program)
    return next((intent for intent in found if intent is not None), None)


def test_a_url_is_asked_and_exactly_the_polled_one_is_answered_from_the_reading() -> None:
    found = stand_in(health, http("https://a.example/health", flags={"-sSf": ("",), "-s": ("",)}))
    assert (
        found is not None and found.name == "health.get" and dict(found.params) == {"url": "https://a.example/health"}
    )
    assert health.settled(found, {"url": "https://a.example/health/"}).name == "health.state"
    assert health.settled(found, {"url": "https://a.example/other"}) is found
    narrowed = refined(found, Call("jq", args=(word(".jobs.stuck"),), flags={"-r": ("",)}))
    assert narrowed is not None and narrowed.params["json"] == "jobs.stuck"
    assert health.settled(narrowed, {"url": "https://a.example/health"}) is narrowed


def test_the_sources_own_credentials_are_used_and_that_is_said() -> None:
    found = stand_in(health, http("https://a.example/x", marks=(KEY,), headers={"X-API-Key": "$API_KEY"}))
    assert found is not None and "headers" not in found.params and "not its headers" in found.differs
    path = stand_in(health, http("/api/jobs?full=1", "HEAD"))
    assert path is not None and dict(path.params) == {"path": "/api/jobs?full=1", "method": "HEAD"}
    open_ = stand_in(health, http("$HOST/health", marks=(HOST,)))
    assert open_ is not None and open_.params["path"] == "/health" and "$HOST is not looked up" in open_.differs


@pytest.mark.parametrize(
    "call",
    [
        http("https://a.example/x", "POST"),
        http("https://a.example/<name>", marks=(NAME,)),
        http("https://a.example/x", flags={"-o": ("page.html",)}),
        http("https://a.example/x", flags={"-x": ("proxy:1",)}),
        http("https://a.example/x", flags={"--resolve": ("a:443:1.2.3.4",)}),
        http("https://a.example/x", within=(Wrapper("ssh", "web-1"),)),
        http("https://a.example/x", body="data"),
    ],
)
def test_a_request_that_does_more_than_ask_is_no_look(call: Call) -> None:
    assert stand_in(health, call) is None


@pytest.mark.parametrize(
    ("filter_", "path"),
    [(".", ""), (".a.b[0].c", "a.b[0].c"), ('."x-y".z', '"x-y".z'), (".a[]", "a[]"), (".[0]", "[0]")],
)
def test_a_path_of_jq_is_a_path(filter_: str, path: str) -> None:
    assert jmespath_of(filter_) == path


@pytest.mark.parametrize("filter_", [".a | length", "map(.x)", ".[] | .x", ".a + 1", "$x", '.a == "b"'])
def test_what_jq_computes_is_not_guessed(filter_: str) -> None:
    assert jmespath_of(filter_) is None
    found = stand_in(health, http("https://a.example/x"))
    assert found is not None and refined(found, Call("jq", args=(word(filter_),))) is None


def test_a_pipe_is_taken_in_only_where_it_chooses_what_to_show() -> None:
    found = stand_in(health, http("https://a.example/metrics"))
    assert found is not None
    grep = refined(found, Call("grep", args=(word("http_requests"),), flags={"-i": ("",)}))
    assert grep is not None and grep.params["contains"] == "http_requests"
    assert refined(found, Call("grep", args=(word("a.*b"),))) is None
    assert refined(found, Call("grep", args=(word("x"),), flags={"-v": ("",)})) is None
    assert refined(found, Call("jq", args=(word("."),), redirects=(Redirect(">", word("f")),))) is None
    assert refined(found, Call("sh")) is None
    cut = refined(found, Call("head", flags={"-n": ("5",)}))
    assert cut is not None and "whole answer" in cut.differs


@pytest.mark.parametrize(
    ("call", "name", "params"),
    [
        (cli("INFO", "memory"), "redis.state", {}),
        (cli("PING"), "redis.state", {}),
        (cli("MONITOR"), "redis.state", {}),
        (Call("redis-cli"), "redis.state", {}),
        (cli("KEYS", "rate:*"), "redis.scan", {"pattern": "rate:*"}),
        (cli("SCAN", "0", "MATCH", "a:*", "COUNT", "10"), "redis.scan", {"pattern": "a:*"}),
        (cli("TTL", "rate:7"), "redis.read", {"command": "TTL", "key": "rate:7"}),
        (cli("CONFIG", "GET", "maxmemory"), "redis.read", {"command": "CONFIG GET", "key": "maxmemory"}),
        (cli("LRANGE", "q", "0", "-1"), "redis.read", {"command": "LRANGE", "key": "q", "more": "0 -1"}),
        (cli("INFO", "commandstats"), "redis.read", {"command": "INFO", "key": "commandstats"}),
    ],
)
def test_redis_commands_that_read(call: Call, name: str, params: dict[str, str]) -> None:
    found = stand_in(redis, call)
    assert found is not None and (found.name, dict(found.params)) == (name, params)


@pytest.mark.parametrize(
    "call",
    [
        cli("SET", "a", "b"),
        cli("SUBSCRIBE", "a"),
        cli("BLPOP", "a", "0"),
        cli("CONFIG", "SET", "maxmemory", "1"),
        cli("DEBUG", "SLEEP", "9"),
        cli("EVAL", "return 1", "0"),
        cli("GET"),
        cli("INFO", "memory", r="5"),
    ],
)
def test_redis_commands_that_write_block_or_are_not_known(call: Call) -> None:
    assert stand_in(redis, call) is None


def test_a_key_to_fill_in_is_asked_for_and_another_logical_database_is_said() -> None:
    found = stand_in(redis, cli("GET", word("<name>", NAME), n="3"))
    assert found is not None and found.asks["key"] is NAME
    assert found.target == {"container": "cache", "database": "3"} and "logical database 3" in found.differs


@pytest.mark.parametrize(
    ("call", "name", "params", "tier"),
    [
        (cli("FLUSHDB", "ASYNC"), "redis.flush", {}, Tier.T3),
        (cli("FLUSHALL"), "redis.flush", {}, Tier.T4),
        (cli("DEL", "a*[1]?"), "redis.delete", {"pattern": "a\\*\\[1\\]\\?"}, None),
    ],
)
def test_redis_commands_that_delete(call: Call, name: str, params: dict[str, str], tier: Tier | None) -> None:
    found = stand_in(keycalls, call)
    assert found is not None and (found.name, dict(found.params), found.tier) == (name, params, tier)
    assert ("FLUSHALL" in found.differs) == (tier is Tier.T4)


@pytest.mark.parametrize("call", [cli("DEL", "a", "b"), cli("DEL"), cli("FLUSHDB", "NOW"), cli("DEL", "a", x="")])
def test_deletions_that_say_more_are_left_alone(call: Call) -> None:
    assert stand_in(keycalls, call) is None


def test_logs_are_asked_with_the_runbooks_own_filter_and_bounds() -> None:
    found = stand_in(logs, gcloud("logging read", "severity>=ERROR", limit="500", freshness="1d2h", format="json"))
    assert found is not None and found.name == "logs.query"
    assert dict(found.params) == {"filter": "severity>=ERROR", "limit": "100", "freshness": "93600s"}
    assert "At most 100" in found.differs
    own = stand_in(logs, gcloud("logging read", 'timestamp>="2026-01-01T00:00:00Z"', limit="5"))
    assert own is not None and own.params["freshness"] == "0s", "the filter has its own bound"
    first = stand_in(logs, gcloud("logging read", "severity>=ERROR", order="asc", freshness="1h"))
    assert first is not None and first.params["freshness"] == "0s", "gcloud bounds nothing that is read oldest first"
    gap = stand_in(logs, gcloud("logging read", word('resource.labels.service_name="<name>"', NAME), project="p"))
    assert gap is not None and gap.params["filter"].endswith('="{fill1}"') and gap.asks["fill1"] is NAME
    assert gap.target["project"] == "p"
    assert stand_in(logs, gcloud("logging read", "a=b", bucket="x")) is None
    assert stand_in(logs, gcloud("logging read", "a=b", freshness="soon")) is None


def test_a_tail_is_the_panes_where_its_filter_is_plain() -> None:
    found = stand_in(logs, gcloud("logging tail", 'resource.type=cloud_run_revision AND severity>=WARNING AND "out"'))
    assert found is not None and found.name == "logs.tail"
    assert dict(found.params) == {"level": "WARNING", "text": "out"}
    asked = stand_in(logs, gcloud("logging tail", "jsonPayload.ms>2000"))
    assert asked is not None and asked.name == "logs.query" and "go on printing" in asked.differs
    assert simple("severity>ERROR") is None and simple("a=b OR c=d") is None
    assert (seconds_of("1w"), seconds_of("90"), seconds_of("2h30m"), seconds_of("x")) == (604800, 90, 9000, None)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("SELECT count(*) FROM pg_stat_activity;", {}),
        ("select COUNT(*) AS n from pg_stat_activity where state='active'", {"state": "active"}),
        (
            "SELECT state, count(*) FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid()"
            " GROUP BY state ORDER BY 2 DESC",
            {"database": "shop"},
        ),
    ],
)
def test_counting_sessions_is_the_panes_business(text: str, params: dict[str, str]) -> None:
    found = stand_in(database, sql(text))
    assert found is not None and (found.name, dict(found.params)) == ("database.sessions", params)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        "SELECT usename, count(*) FROM pg_stat_activity GROUP BY usename",
        "SELECT state, count(*) FROM pg_stat_activity",
        "SELECT 1",
    ],
)
def test_any_other_reading_statement_is_asked_as_it_stands(text: str) -> None:
    found = stand_in(database, sql(text))
    assert found is not None and (found.name, found.params["sql"]) == ("database.query", text)


def test_a_gap_in_sql_is_bound_where_it_is_a_literal_and_nowhere_else() -> None:
    found = stand_in(database, sql("SELECT * FROM job WHERE owner = '<name>' OR by = '<name>'", NAME))
    assert found is not None and found.params["sql"] == "SELECT * FROM job WHERE owner = $1 OR by = $1"
    assert found.asks["fill1"] is NAME
    for text in ("SELECT * FROM <name>", "SELECT '%<name>%'", "SELECT '<name>' || <name>"):
        assert stand_in(database, sql(text, NAME)) is None
    assert stand_in(database, sql("DELETE FROM job", reads=False)) is None
    assert stand_in(database, sql("SELECT 1; SELECT 2")) is None


def test_a_session_opened_by_hand_is_the_panes_list() -> None:
    found = stand_in(database, gcloud("sql connect", "shop-db", user="postgres"))
    assert found is not None and found.name == "database.sessions" and found.target["instance"] == "shop-db"
    shell = stand_in(database, Call("psql", flags={"-h": ("db",), "-d": ("shop",)}))
    assert shell is not None and shell.target == {"host": "db", "database": "shop"}
    assert stand_in(database, Call("psql", flags={"-f": ("x.sql",)})) is None
    assert stand_in(database, Call("psql", redirects=(Redirect("<", word("x.sql")),))) is None
    cache = stand_in(redis, Call("redis-cli", flags={"-h": ("cache",), "-n": ("2",)}))
    assert cache is not None and cache.name == "redis.state" and "logical database 2" in cache.differs
    assert stand_in(redis, Call("redis-cli", flags={"-h": ("cache",)}, piped=True)) is None
    opened = [each for each in (*database.REPLACES, *redis.REPLACES) if each.session]
    assert {each.program for each in opened} == {"psql", "gcloud", "redis", "redis-cli"}
    assert all(each.tier is Tier.T0 for each in opened)


def test_a_request_that_changes_is_sent_guarded_with_secrets_by_reference() -> None:
    call = http(
        "https://a.example/mode", "POST", (KEY,), headers={"X-API-Key": "$API_KEY", "Accept": "a/b"}, body='{"on": 1}'
    )
    found = stand_in(httpsend, call)
    assert found is not None and found.name == "health.send"
    assert (
        found.params["headers"] == '{"Accept": "a/b", "X-API-Key": "env:API_KEY"}'
        and found.params["body"] == '{"on": 1}'
    )


def test_a_request_that_the_profile_declares_is_its_action_and_one_that_differs_is_not() -> None:
    url, body = "https://A.example/mode", '{ "on":1 }'
    call = http(
        "https://a.example/mode", "POST", (KEY,), headers={"X-API-Key": "$API_KEY", "Accept": "a/b"}, body='{"on": 1}'
    )
    found = stand_in(httpsend, call)
    assert found is not None
    made = httpsend.declared(found, [HttpAction(name="mode-on", title="On", url=url, body=body, tier="T2")])
    assert (made.name, dict(made.params), made.tier) == ("health.call", {"name": "mode-on"}, Tier.T2)
    for other in (
        {"body": '{"on": 0}'},
        {"body": '{"on": true}'},
        {"body": '{"on": "1"}'},
        {"body": '{"on": 1.0}'},
        {"body": None},
        {"url": "https://a.example/other"},
        {"url": "https://a.example/mode?now=1"},
        {"method": "PUT"},
    ):
        action = HttpAction.model_validate({"name": "x", "title": "x", "url": url, "body": body, **other})
        assert httpsend.declared(found, [action]) is found, other
    scoped = stand_in(httpsend, http("https://a.example/mode", "POST", headers={"X-Scope": "all"}, body='{"on": 1}'))
    assert scoped is not None
    plain = {"name": "x", "title": "x", "url": url, "body": body}
    assert httpsend.declared(scoped, [HttpAction.model_validate(plain)]) is scoped
    ours = HttpAction.model_validate({**plain, "headers": {"x-scope": "all"}})
    assert httpsend.declared(scoped, [ours]).name == "health.call"


@pytest.mark.parametrize(
    "call",
    [
        http("https://a.example/<name>", "DELETE", (NAME,)),
        http("https://a.example/x", "POST", (NAME,), body="<name>"),
        http("https://a.example/x", "POST", body="@file.json"),
        http("https://a.example/x", "POST", headers={"Authorization": "Bearer abc"}),
        http("https://a.example/x", "POST", (KEY,), headers={"X": "a-$API_KEY"}),
        http("https://a.example/x", "POST", headers={"X": "cmd:id"}),
        http("https://a.example/x", "POST", headers={"X": "file:/etc/passwd"}),
        http("https://a.example/x", "POST", flags={"-F": ("a=@b",)}),
        http("https://a.example/x", "POST", within=(Wrapper("kubectl exec", "pod"),)),
        http("https://a.example/x"),
    ],
)
def test_a_request_that_is_not_literal_is_not_sent(call: Call) -> None:
    assert stand_in(httpsend, call) is None
