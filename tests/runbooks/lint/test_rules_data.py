"""Each rule about SQL, Redis, backups and secrets: a command that it must find, and one that is fine."""

from __future__ import annotations

import pytest

ENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
TOKEN = "ghp_" + "a1B2" * 9

# rule, language, heading, the faulty block, the block that is fine
SAMPLES = (
    ("sql-empties-or-drops", "sql", "Fix", "TRUNCATE orders CASCADE;", "TRUNCATE orders_staging;"),
    ("sql-empties-or-drops", "sql", "Fix", "DROP TABLE orders;", "DROP INDEX orders_by_day;"),
    (
        "sql-empties-or-drops",
        "bash",
        "Fix",
        "psql -d shop -c 'TRUNCATE TABLE orders'",
        "pg_dump -t orders shop > orders.sql\npsql -d shop -c 'TRUNCATE TABLE orders'",
    ),
    ("sql-change-without-condition", "sql", "Fix", "DELETE FROM carts;", "DELETE FROM carts WHERE id = 7;"),
    ("sql-change-without-condition", "sql", "Fix", "UPDATE carts SET open = false;", "SELECT count(*) FROM carts;"),
    (
        "sql-change-without-time-bound",
        "sql",
        "Free stuck imports",
        "UPDATE imports SET state = 'failed' WHERE state = 'running';",
        "UPDATE imports SET state = 'failed' WHERE state = 'running' AND started_at < now() - interval '1 hour';",
    ),
    (
        "sql-change-without-time-bound",
        "bash",
        "Free stuck imports",
        """psql "$URL" -c "DELETE FROM imports WHERE status IN ('queued', 'running')" """,
        """psql "$URL" -c "DELETE FROM imports WHERE status = 'queued' AND id = 12" """,
    ),
    (
        "sql-change-without-transaction",
        "sql",
        "Fix",
        "UPDATE carts SET open = false WHERE id = 7;",
        "BEGIN;\nUPDATE carts SET open = false WHERE id = 7;\nCOMMIT;",
    ),
    (
        "sql-idle-measured-by-query-start",
        "sql",
        "Idle sessions",
        ENDS + "datname = 'shop' AND state = 'idle' AND now() - query_start > interval '5 minutes';",
        ENDS + "datname = 'shop' AND state = 'active' AND now() - query_start > interval '5 minutes';",
    ),
    (
        "sql-ends-other-peoples-sessions",
        "sql",
        "Idle sessions",
        ENDS + "state = 'idle';",
        ENDS + "state = 'idle' AND application_name = 'worker';",
    ),
    (
        "sql-ends-its-own-session",
        "sql",
        "Before the restore",
        ENDS + "datname = 'shop';",
        ENDS + "datname = 'shop' AND pid <> pg_backend_pid();",
    ),
    (
        "sql-shows-no-blockers",
        "sql",
        "Find blocked sessions",
        "SELECT pid, query FROM pg_stat_activity WHERE state = 'active';",
        "SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity WHERE state = 'active';",
    ),
    ("sql-vacuum-full-locks", "sql", "Monthly", "VACUUM (FULL, VERBOSE) carts;", "VACUUM (VERBOSE, ANALYZE) carts;"),
    ("sql-reindex-locks", "sql", "Monthly", "REINDEX TABLE carts;", "REINDEX TABLE CONCURRENTLY carts;"),
    (
        "psql-names-no-database",
        "bash",
        "Look",
        'psql -c "select 1"',
        'export PGHOST=db.internal\npsql -c "select 1"',
    ),
    ("psql-names-no-database", "bash", "Look", 'psql -U app -c "select 1"', 'psql -h db -U app -c "select 1"'),
    ("psql-names-no-database", "bash", "Look", 'psql -c "select 1"', 'docker exec db psql -U app -c "select 1"'),
    (
        "redis-flush-empties-everything",
        "bash",
        "Cache full",
        "redis-cli -h r FLUSHALL ASYNC",
        "redis-cli -h r DBSIZE",
    ),
    ("redis-keys-blocks", "bash", "Look", "redis-cli -h r KEYS 'cart:*'", "redis-cli -h r --scan --pattern 'cart:*'"),
    ("redis-holds-everybody-up", "bash", "Save", "redis-cli -h r SAVE", "redis-cli -h r BGSAVE"),
    (
        "dated-name-is-built-anew",
        "bash",
        "Restore",
        'psql "$URL" -v ON_ERROR_STOP=1 -1 < dump-$(date +%F).sql',
        "pg_dump -Fc -d shop -f dump-$(date +%F).dump\npg_restore --list dump-$(date +%F).dump",
    ),
    (
        "dated-name-is-built-anew",
        "bash",
        "Restore",
        "gsutil cp gs://dumps/$(date +%F).dump /srv/restore/",
        "gsutil cp /srv/today.dump gs://dumps/$(date +%F).dump",
    ),
    (
        "pg-restore-reads-no-plain-sql",
        "bash",
        "Restore",
        "pg_restore -d shop dump.sql",
        "pg_dump -Fc -d shop -f dump.dump\npg_restore -d shop dump.dump",
    ),
    (
        "psql-restore-goes-on-after-errors",
        "bash",
        "Restore",
        'gunzip -c dump.sql.gz | psql "$URL"',
        'gunzip -c dump.sql.gz | psql -v ON_ERROR_STOP=1 "$URL"',
    ),
    (
        "pipe-hides-a-failed-dump",
        "bash",
        "Save",
        "pg_dump -d shop | gzip > shop.sql.gz",
        "set -o pipefail\npg_dump -d shop | gzip > shop.sql.gz",
    ),
    (
        "cloudsql-socket-is-not-here",
        "bash",
        "Look",
        "psql -h /cloudsql/p:r:orders -U app -c 'select 1'",
        "psql -h 127.0.0.1 -U app -c 'select 1'",
    ),
    ("secret-in-the-runbook", "bash", "Deploy", f"export GITHUB_TOKEN={TOKEN}", "export GITHUB_TOKEN=$(cat token)"),
    (
        "secret-in-the-runbook",
        "bash",
        "Look",
        "psql postgresql://app:h0rse-staple@db.example.com/shop -c 'select 1'",
        "psql postgresql://app:$PASSWORD@db.example.com/shop -c 'select 1'",
    ),
    (
        "secret-in-the-runbook",
        "bash",
        "Look",
        "PGPASSWORD=h0rse-staple psql -h db -c 'select 1'",
        "PGPASSWORD=$DB_PASSWORD psql -h db -c 'select 1'",
    ),
    (
        "secret-on-the-command-line",
        "bash",
        "Look",
        "redis-cli -h r -a h0rse-staple PING",
        'redis-cli -h r -a "$AUTH" PING',
    ),
    (
        "secret-on-the-command-line",
        "bash",
        "Look",
        "curl -f -m 5 -H 'Authorization: Bearer 8f14e45fceea167a' https://api.example.com/v1",
        'curl -f -m 5 -H "Authorization: Bearer $TOKEN" https://api.example.com/v1',
    ),
    (
        "secret-on-the-command-line",
        "bash",
        "Look",
        "curl -f -m 5 -u admin:h0rse https://api.example.com/v1",
        "curl -f -m 5 --netrc https://api.example.com/v1",
    ),
    (
        "secret-on-the-screen",
        "bash",
        "Look",
        "gcloud secrets versions access latest --secret=db",
        "gcloud secrets versions access latest --secret=db | psql-with-secret",
    ),
    ("secret-on-the-screen", "bash", "Look", "echo $DB_PASSWORD", "echo $HOSTNAME"),
)


def book(heading: str, language: str, block: str) -> str:
    return f"# Shop\n\n## {heading}\n\n```{language}\n{block}\n```\n"


@pytest.mark.parametrize(("rule", "language", "heading", "faulty", "fine"), SAMPLES)
def test_finds_the_fault_and_leaves_its_neighbour_alone(faults_of, rule, language, heading, faulty, fine) -> None:
    assert rule in {fault.rule for fault in faults_of(book(heading, language, faulty))}
    assert rule not in {fault.rule for fault in faults_of(book(heading, language, fine))}


@pytest.mark.parametrize(
    "secret",
    [TOKEN, "AKIA" + "Q7ZP" * 4, "postgresql://app:h0rse-staple@db.example.com/shop"],
)
def test_a_fault_about_a_secret_does_not_show_it(faults_of, secret: str) -> None:
    found = faults_of(book("Look", "bash", f'tool connect "{secret}"'))
    assert [fault.rule for fault in found] == ["secret-in-the-runbook"]
    hidden = secret.split(":")[2].split("@")[0] if "://" in secret else secret
    assert hidden not in "".join(f"{fault.command}{fault.why}{fault.instead}" for fault in found)


@pytest.mark.parametrize(
    ("sentence", "leaks"),
    [
        ("- **Default credentials**: admin/s3same (change them)", True),
        ("The console asks for a login; password: s3same-open", True),
        ("- Password: stored in the vault under shop/console", False),
        ("- Credentials: see the password store", False),
        ("- User/password: <user>/<password>", False),
    ],
)
def test_passwords_in_prose(faults_of, sentence: str, leaks: bool) -> None:
    found = faults_of(f"# Shop\n\n## Console\n\n{sentence}\n")
    assert [fault.rule for fault in found] == ["password-in-the-prose"] * leaks
    assert "s3same" not in "".join(fault.command for fault in found)


def test_flushing_a_database_that_was_chosen_weighs_less_than_the_first_or_all(faults_of) -> None:
    levels = [
        fault.level.value
        for command in ("FLUSHDB", "-n 3 FLUSHDB", "-n 3 FLUSHALL")
        for fault in faults_of(book("Cache full", "bash", f"redis-cli -h r {command}"))
        if fault.rule == "redis-flush-empties-everything"
    ]
    assert levels == ["error", "warning", "error"]


def test_instead_goes_to_the_same_redis(faults_of) -> None:
    inside = faults_of(book("Cache", "bash", "docker exec cache redis-cli KEYS 'a:*'"))
    typed = faults_of(book("Cache", "bash", "docker exec -it cache redis-cli\nKEYS a:*"))
    hosts = faults_of(book("Cache", "bash", "redis-cli -h cache.internal KEYS 'a:*'"))
    starts = [
        fault.instead.partition(" --scan")[0]
        for fault in (*inside, *typed, *hosts)
        if fault.rule == "redis-keys-blocks"
    ]
    assert starts == ["docker exec cache redis-cli", "docker exec cache redis-cli", "redis-cli -h cache.internal"]


@pytest.mark.parametrize("value", ["x", "sk_live_...", "sk-xxxx", "ghp_****", "abc…", "example", "foo", "xxx"])
def test_what_only_stands_for_a_secret_is_none(faults_of, value: str) -> None:
    found = faults_of(book("Look", "bash", f'curl -m 5 -H "X-Api-Key: {value}" https://shop.example/stats'))
    assert not [fault for fault in found if fault.level.value == "error"]


@pytest.mark.parametrize("value", ["hunter2", "password", "sk_live_4f9aQz81", "abc.def.ghi"])
def test_what_may_be_a_secret_is_one(faults_of, value: str) -> None:
    found = faults_of(book("Look", "bash", f'curl -m 5 -H "X-Api-Key: {value}" https://shop.example/stats'))
    assert [fault for fault in found if fault.level.value == "error"]
