from __future__ import annotations

import pytest

from cockpit.model.action import Tier
from cockpit.model.command import Call, Command, EffectClass, Intent, Kind, Replacement, Understanding
from cockpit.model.severity import SourceKind
from cockpit.runbooks.recognise import SCRIPT, mains_of, understand
from cockpit.runbooks.shell.blocks import commands_of


def _look(call: Call) -> Intent | None:
    if call.verb not in ("GET", "HEAD") or call.within:
        return None
    return Intent("health.get", SourceKind.HEALTH, {"url": call.args[0].text})


def _anything(call: Call) -> Intent | None:
    return Intent("redis.state", SourceKind.REDIS)


def _flush(call: Call) -> Intent | None:
    return Intent("redis.flush", SourceKind.REDIS) if call.verb in ("FLUSHDB", "SET") else None


def _update(call: Call) -> Intent | None:
    return Intent("revisions.scale", SourceKind.REVISIONS, tier=Tier.T2) if call.verb.endswith("update") else None


def _connect(call: Call) -> Intent | None:
    return Intent("database.sessions", SourceKind.DATABASE) if call.verb == "sql connect" else None


def _credentials(call: Call) -> Intent | None:
    return Intent("cluster.info", SourceKind.CLUSTER) if call.verb.endswith("get-credentials") else None


REPLACEMENTS = (
    Replacement("health.get", "http", Tier.T0, _look),
    Replacement("redis.state", "redis", Tier.T0, _anything),
    Replacement("redis.flush", "redis", Tier.T1, _flush),
    Replacement("revisions.scale", "gcloud", Tier.T1, _update),
    Replacement("redis.state", "redis-cli", Tier.T0, _anything, session=True),
    Replacement("database.sessions", "gcloud", Tier.T0, _connect, session=True),
    Replacement("cluster.info", "gcloud", Tier.T0, _credentials, instead=True),
    Replacement("database.wipe", "sql", Tier.T1, lambda call: Intent("database.wipe", SourceKind.DATABASE)),
)


def command_of(text: str, language: str = "bash") -> Command:
    found = commands_of(text, language=language, line=1)
    assert len(found) == 1
    return found[0]


def understood(text: str, language: str = "bash") -> Understanding:
    return understand(command_of(text, language), REPLACEMENTS)


def test_a_question_that_a_look_answers_is_live() -> None:
    found = understood("curl -s https://shop.example/health")
    assert (found.kind, found.action, found.tier) == (Kind.LIVE, "health.get", Tier.T0)
    assert found.target == "https://shop.example/health"


def test_a_path_of_jq_becomes_a_parameter_of_the_look() -> None:
    found = understood("curl -s https://shop.example/health | jq '.jobs.stuck'")
    assert found.kind is Kind.LIVE
    assert found.intent is not None
    assert found.intent.params["json"] == "jobs.stuck"


def test_a_filter_that_the_look_cannot_apply_is_said() -> None:
    found = understood("curl -s https://shop.example/health | awk '{print $1}'")
    assert found.kind is Kind.LIVE
    assert any("awk" in sentence for sentence in found.why)


@pytest.mark.parametrize(
    "text",
    [
        "curl -s https://shop.example/health > out.json",
        "curl -s https://shop.example/health | tee out.json",
        "curl -s https://shop.example/$(rm -rf x)",
        "curl -s https://shop.example/health | xargs rm",
        "curl -s https://shop.example/heal.sh | sh",
        "curl -X POST https://shop.example/heal",
        "ssh web-1 'curl -s http://localhost/health'",
    ],
)
def test_a_look_never_stands_in_for_what_does_more_than_read(text: str) -> None:
    assert understood(text).kind is Kind.SCRIPT


def test_a_look_that_understands_everything_still_gets_only_what_reads() -> None:
    assert understood("redis-cli INFO").action == "redis.state"
    assert understood("redis-cli DEL a").kind is Kind.SCRIPT
    assert understood("redis-cli EVAL x 0").kind is Kind.SCRIPT


def test_an_action_stands_in_with_no_less_weight_than_the_effect_asks_for() -> None:
    flush, change = understood("redis-cli FLUSHDB"), understood("redis-cli SET a b")
    assert (flush.kind, flush.effect, flush.tier) == (Kind.NATIVE, EffectClass.DESTROYS, Tier.T2)
    assert (change.kind, change.effect, change.tier) == (Kind.NATIVE, EffectClass.CHANGES, Tier.T1)
    assert understood('psql -c "DROP TABLE orders"').tier is Tier.T4


def test_the_tier_of_this_use_outweighs_that_of_the_action() -> None:
    found = understood("gcloud run services update shop --max-instances=9 --region=r")
    assert (found.kind, found.tier) == (Kind.NATIVE, Tier.T2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("curl https://a.example/ && curl https://b.example/", "2 things"),
        ("for h in a b; do curl https://$h.example/; done", "repeats or decides"),
        ("if true; then curl https://a.example/; fi", "repeats or decides"),
        ("curl 'https://a.example/", "could not be read"),
    ],
)
def test_what_does_several_things_or_is_broken_stays_a_script(text: str, said: str) -> None:
    found = understood(text)
    assert found.kind is Kind.SCRIPT
    assert any(said in sentence for sentence in found.why)


def test_a_line_of_a_crontab_is_not_run_now() -> None:
    found = understood("0 2 * * * curl -s https://shop.example/nightly")
    assert found.kind is Kind.SCRIPT
    assert not found.argv
    assert any("crontab" in sentence for sentence in found.why)


@pytest.mark.parametrize("text", ["cd deploy", "export RATE=5"])
def test_what_only_prepares_the_shell_says_so(text: str) -> None:
    found = understood(text)
    assert (found.kind, found.effect, found.tier) == (Kind.SCRIPT, EffectClass.READS, Tier.T0)
    assert not found.argv
    assert any("scripts below it in its block take what is literal" in sentence for sentence in found.why)


def test_preparing_the_shell_does_not_count_beside_a_call() -> None:
    assert understood("cd deploy && curl -s https://shop.example/health").kind is Kind.LIVE


def test_what_is_typed_into_a_client_acts_where_the_client_is_connected() -> None:
    _, typed = commands_of("docker exec -it cache redis-cli\nINFO clients", language="bash", line=1)
    found = understand(typed, REPLACEMENTS)
    assert (found.kind, found.target) == (Kind.LIVE, "Redis in container cache")
    assert found.command is typed


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("./heal.sh --now  # once", ("./heal.sh", "--now")),
        ("kubectl get pod <pod>", ("kubectl", "get", "pod", "<pod>")),
        ("docker compose restart api", ("docker", "compose", "restart", "api")),
        ("docker exec db psql -c 'VACUUM ANALYZE'", ("docker", "exec", "db", "psql", "-c", "VACUUM ANALYZE")),
        ("heal --note 'a b'", ("heal", "--note", "a b")),
        ("docker pull shop:$TAG", ("docker", "pull", "shop:$TAG")),
    ],
)
def test_a_plain_call_runs_without_a_shell(text: str, argv: tuple[str, ...]) -> None:
    found = understand(command_of(text), ())
    assert (found.kind, found.action, found.argv) == (Kind.SCRIPT, SCRIPT, argv)


@pytest.mark.parametrize(
    "text",
    [
        "ls *.log",
        "ls ~/backups",
        "ls {a,b}",
        "cat a | wc -l",
        "cat < a",
        "ls > a",
        "RATE=5 heal",
        "git checkout -b deploy/$(date +%F)",
        "heal &",
        "(heal)",
        "heal; heal",
        "source env.sh",
        "echo $((1+1))",
        "bash <<EOF\nls\nEOF",
        "if true; then heal; fi",
    ],
)
def test_what_a_shell_must_read_has_no_argv_and_says_why(text: str) -> None:
    found = understand(command_of(text), ())
    assert not found.argv
    assert any("shell" in sentence for sentence in found.why)


def test_a_command_without_a_program_is_not_understood() -> None:
    found = understand(Command("%%%", 1, "bash", broken="no grammar"), ())
    assert (found.kind, found.action, found.tier) == (Kind.NOT_UNDERSTOOD, "", Tier.T3)
    assert found.effect is EffectClass.UNKNOWN


def test_the_main_call_is_not_the_filter_and_not_the_substitution() -> None:
    mains = mains_of(command_of("echo | openssl s_client -connect a:443 | openssl x509 -noout | grep $(date +%Y)"))
    assert [(call.program, call.verb) for call in mains] == [("openssl", "s_client")]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("gcloud run services update shop --region=r --project=p", "Cloud Run service shop in r of project p"),
        ("gcloud sql backups restore 7 --restore-instance=shop-db", "Cloud SQL instance shop-db"),
        ("gcloud sql export sql shop-db gs://b/x.sql", "Cloud SQL instance shop-db"),
        ("gcloud logging read 'severity>=ERROR'", "logs matching severity>=ERROR"),
        ("kubectl delete pod api-1 -n shop", "pod/api-1 in namespace shop"),
        ("kubectl get pods -A", "pods in all namespaces"),
        ("kubectl get nodes", "nodes"),
        ("kubectl logs api-1", "pod api-1 in the current namespace"),
        ("kubectl get pods | xargs kubectl delete", "pods in the current namespace and what is fed to it"),
        ("psql -h db -d shop -c 'SELECT 1'", "database shop on db"),
        ("psql -c 'SELECT 1'", "PostgreSQL where psql connects by default"),
        ("docker exec db psql -U shop -c 'SELECT 1'", "PostgreSQL in container db"),
        ("redis-cli -h cache -n 3 INFO", "Redis database 3 on cache"),
        ("redis-cli INFO", "Redis on this machine"),
        ("docker compose restart api", "Compose service api"),
        ("ssh web-1 uptime", "host web-1"),
        ("git push origin main", "main on origin"),
        ("./heal.sh", "whatever ./heal.sh acts on"),
        ("ls && docker ps", "Docker on this machine"),
    ],
)
def test_targets_are_named_as_a_person_would(text: str, target: str) -> None:
    assert understood(text).target == target


@pytest.mark.parametrize(
    ("text", "effect", "action"),
    [
        ("redis-cli -h cache", EffectClass.UNKNOWN, "redis.state"),
        ("docker exec -it cache redis-cli", EffectClass.UNKNOWN, "redis.state"),
        ("gcloud sql connect shop-db --user=app", EffectClass.CHANGES, "database.sessions"),
    ],
)
def test_a_look_stands_in_for_a_session_that_keeps_its_effect(text: str, effect: EffectClass, action: str) -> None:
    found = understood(text)
    assert (found.kind, found.effect, found.tier, found.action) == (Kind.LIVE, effect, Tier.T0, action)
    assert any("stands in for the session" in each for each in found.why)


def test_a_look_stands_in_for_what_only_makes_ready_for_looking_and_keeps_its_effect() -> None:
    found = understood("gcloud container clusters get-credentials main --region=r1")
    assert (found.kind, found.effect, found.tier) == (Kind.LIVE, EffectClass.CHANGES, Tier.T0)
    assert "The look cluster.info stands in for it and changes nothing." in found.why
    together = understood("gcloud container clusters get-credentials main --region=r1 && kubectl delete ns shop")
    assert together.kind is Kind.SCRIPT


@pytest.mark.parametrize(
    "text",
    [
        "redis-cli < commands.txt",
        "cat commands.txt | redis-cli",
        "redis-cli --pipe",
        "redis-cli > answers.txt",
        "for h in a b; do redis-cli -h $h; done",
        "rm -rf /data && redis-cli",
        "X=$(redis-cli)",
        "gcloud sql connect shop-db < drop.sql",
        "gcloud sql connect shop-db | tee out.txt",
    ],
)
def test_a_client_that_is_given_something_is_no_session(text: str) -> None:
    found = understood(text)
    assert found.kind is Kind.SCRIPT and found.tier >= Tier.T3


def test_export_and_import_name_the_instance_and_not_the_file() -> None:
    for text in ("gcloud sql export sql shop-db gs://b/a.gz", "gcloud sql import csv shop-db gs://b/a.csv --table=t"):
        found = understood(text)
        assert found.target == "Cloud SQL instance shop-db"
        assert mains_of(command_of(text))[0].args[0].text == "shop-db"
