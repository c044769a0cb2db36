"""What is left to fill in, and what only looks like it."""

import pytest

from cockpit.runbooks.shell.blocks import commands_of


def spelled(text, language="bash"):
    return [each.spelled for each in commands_of(text, language=language, line=1)[0].placeholders]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kubectl logs <pod-name> -n x", ["<pod-name>"]),
        ("kubectl logs <your pod name>", ["<your pod name>"]),
        ("x --file=<new-secret-file>", ["<new-secret-file>"]),
        ("psql db < dump.sql", []),
        ("cat <in.txt>out.txt", []),
        ("diff <(a) <(b)", []),
        ("gcloud run services update-traffic a --to-revisions=PREV_REVISION=100", ["PREV_REVISION"]),
        ("docker pull gcr.io/PROJECT/api:TAG", ["PROJECT", "TAG"]),
        ("gunzip b/backup_TIMESTAMP.sql.gz", ["TIMESTAMP"]),
        ("redis-cli -h REDIS_IP INFO", ["REDIS_IP"]),
        ("gcloud compute ssh v -- -N -L 1:REDIS_IP:1", ["REDIS_IP"]),
        ("git revert HEAD~N..HEAD", ["N"]),
        ("x --password=NEW_SECURE_PASSWORD", ["NEW_SECURE_PASSWORD"]),
        ("curl -X POST https://x.io", []),
        ("x --action=DENY --rules=ALL", []),
        ("gcloud logging read 'severity>=ERROR'", []),
        ('kubectl patch cm a -p \'{"data":{"LOG_LEVEL":"DEBUG"}}\'', []),
        ("export RATE_LIMIT=5", []),
        ("docker run -e POSTGRES_PASSWORD=x img", []),
        ("psql $DATABASE_URL", ["$DATABASE_URL"]),
        ("x ${A:-b} $(date +%F)", ["${A:-b}", "$(date +%F)"]),
        ("x '$A'", []),
        ("psql -c \"UPDATE t SET e = 'MANUAL_RECOVERY'\"", []),
        ("psql -c 'SELECT a FROM t GROUP BY a'", []),
        ("curl https://x.io/users/{id}", ["{id}"]),
        ("xargs -I{} rm {}", []),
        ("jq '{path: .a}'", []),
    ],
)
def test_placeholders(text, expected):
    assert spelled(text) == expected


def test_a_statement_has_capitals_to_fill_in():
    assert spelled("SELECT pg_terminate_backend(PID);", "sql") == ["PID"]
    assert spelled("SELECT a FROM t WHERE id = '<job-id>';", "sql") == ["<job-id>"]


def test_the_grammar_takes_no_placeholder_for_a_redirect():
    (call,) = commands_of("kubectl delete pod <pod-name> -n x", language="bash", line=1)[0].calls
    assert call.redirects == () and [each.text for each in call.args] == ["pod", "<pod-name>"]
