"""What a command calls: words, flags, wrappers, requests, statements."""

import pytest

from cockpit.runbooks.shell.blocks import commands_of


def calls(text):
    return commands_of(text, language="bash", line=1)[0].calls


def call(text):
    (only,) = calls(text)
    return only


@pytest.mark.parametrize(
    ("text", "verb", "args", "flags"),
    [
        (
            "gcloud run services update-traffic api --to-revisions=a=100 --region r",
            "run services update-traffic",
            ["api"],
            {"--to-revisions": ("a=100",), "--region": ("r",)},
        ),
        (
            "gcloud sql export sql db gs://b/x.sql --database=d",
            "sql export sql",
            ["db", "gs://b/x.sql"],
            {"--database": ("d",)},
        ),
        ("gcloud logging read 'severity>=ERROR' --limit 5", "logging read", ["severity>=ERROR"], {"--limit": ("5",)}),
        (
            "gcloud compute security-policies rules create 9 --action=deny-403",
            "compute security-policies rules create",
            ["9"],
            {"--action": ("deny-403",)},
        ),
        (
            "gcloud secrets versions access latest --secret=s",
            "secrets versions access",
            ["latest"],
            {"--secret": ("s",)},
        ),
        (
            "gcloud run services update api --no-traffic x",
            "run services update",
            ["api", "x"],
            {"--no-traffic": ("",)},
        ),
        ("gcloud secrets access-secret s", "secrets access-secret", ["s"], {}),
        (
            "kubectl -n p rollout undo deploy/a --to-revision=2",
            "rollout undo",
            ["deploy/a"],
            {"-n": ("p",), "--namespace": ("p",), "--to-revision": ("2",)},
        ),
        ("kubectl logs -f deploy/a", "logs", ["deploy/a"], {"-f": ("",), "--follow": ("",)}),
        ("kubectl apply -f x.yaml", "apply", [], {"-f": ("x.yaml",), "--filename": ("x.yaml",)}),
        (
            "kubectl patch svc a -p '{\"a\": 1}'",
            "patch",
            ["svc", "a"],
            {"-p": ('{"a": 1}',), "--patch": ('{"a": 1}',)},
        ),
        (
            "kubectl get pods -ojson -A",
            "get",
            ["pods"],
            {"-o": ("json",), "--output": ("json",), "-A": ("",), "--all-namespaces": ("",)},
        ),
        ("docker system prune -af", "system prune", [], {"-a": ("",), "--all": ("",), "-f": ("",), "--force": ("",)}),
        ("docker build -t a:b .", "build", ["."], {"-t": ("a:b",), "--tag": ("a:b",)}),
        (
            "docker compose -f p.yml up -d --scale w=3",
            "up",
            [],
            {"-f": ("p.yml",), "--file": ("p.yml",), "-d": ("",), "--detach": ("",), "--scale": ("w=3",)},
        ),
        ("git log --oneline -10", "log", ["-10"], {"--oneline": ("",)}),
        ("alembic downgrade -1", "downgrade", ["-1"], {}),
        ("openssl s_client -connect h:443", "s_client", [], {"-connect": ("h:443",)}),
        ("./x.sh --backup-id=4 --dry-run now", "", ["now"], {"--backup-id": ("4",), "--dry-run": ("",)}),
    ],
)
def test_words_are_split_as_the_tool_reads_them(text, verb, args, flags):
    found = call(text)
    assert (found.verb, [each.text for each in found.args], dict(found.flags)) == (verb, args, flags)


def test_both_spellings_of_compose_are_one_program():
    assert call("docker compose restart a").program == call("docker-compose restart a").program == "docker-compose"


def test_the_release_channel_stands_apart():
    found = call("gcloud beta run services describe a")
    assert (found.channel, found.verb) == ("beta", "run services describe")


@pytest.mark.parametrize(
    ("text", "tools", "program", "verb"),
    [
        ("sudo -u postgres psql -c 'SELECT 1'", ["sudo", "psql"], "sql", "SELECT"),
        ('docker exec -it db psql -U u -c "VACUUM FULL"', ["docker exec", "psql"], "sql", "VACUUM FULL"),
        ("docker compose exec -T db psql -c 'DELETE FROM t'", ["compose exec", "psql"], "sql", "DELETE"),
        ("kubectl exec -it p -n x -- psql $URL -c 'SELECT 1'", ["kubectl exec", "psql"], "sql", "SELECT"),
        (
            "kubectl exec p -- sh -c 'redis-cli -h c FLUSHALL'",
            ["kubectl exec", "sh -c", "redis-cli"],
            "redis",
            "FLUSHALL",
        ),
        ("ssh h 'systemctl restart x'", ["ssh"], "systemctl", "restart"),
        ("gcloud compute ssh vm --zone=z --command='docker restart a'", ["gcloud compute ssh"], "docker", "restart"),
        ("timeout 5 nice -n 3 kubectl delete pod x", ["timeout", "nice"], "kubectl", "delete"),
        ("env A=1 kubectl delete pod x", ["env"], "kubectl", "delete"),
        ("watch -n 5 'kubectl get pods'", ["watch"], "kubectl", "get"),
        ("eval 'kubectl delete pod x'", ["eval"], "kubectl", "delete"),
        ("redis-cli -h c -n 2 config set maxmemory 1gb", ["redis-cli"], "redis", "CONFIG SET"),
        ("poetry run alembic upgrade head", ["poetry run"], "alembic", "upgrade"),
        ("docker run --rm img pytest -q", ["docker run"], "pytest", ""),
    ],
)
def test_what_runs_another_program_is_looked_through(text, tools, program, verb):
    found = call(text)
    assert ([each.tool for each in found.within], found.program, found.verb) == (tools, program, verb)


def test_a_wrapper_says_where_and_what_is_to_be_filled_in():
    found = call("kubectl exec -it <pod> -n ferry -- psql $URL -c 'SELECT 1'")
    assert [each.where for each in found.within] == ["<pod>", "$URL"]
    assert [each.spelled for each in found.placeholders] == ["<pod>", "$URL"]


def test_sql_arrives_by_pipe_here_document_and_several_at_once():
    assert [each.verb for each in calls('echo "DELETE FROM t" | psql')] == ["", "DELETE"]
    both = calls("psql -h d <<'SQL'\nUPDATE a SET b = 1;\nSELECT 2;\nSQL")
    assert [(each.verb, each.line) for each in both] == [("UPDATE", 2), ("SELECT", 3)]
    assert [each.verb for each in calls("psql -c 'SELECT 1; DROP TABLE t'")] == ["SELECT", "DROP TABLE"]


def test_a_file_or_a_pipe_of_unknown_content_stays_a_call_of_psql():
    assert call("psql $URL < x.sql").program == "psql"
    assert call("psql -f x.sql").program == "psql"
    assert [each.program for each in calls("gunzip -c x.gz | psql")] == ["gunzip", "psql"]


def test_a_variable_in_a_statement_is_no_proof():
    assert call('psql -c "SELECT * FROM $TABLE"').statement.reads_only is False


def test_requests_of_curl():
    found = call("curl -X DELETE -H 'A: b' https://x.io/s/<id> -o f")
    assert (found.program, found.verb, found.args[0].text) == ("http", "DELETE", "https://x.io/s/<id>")
    assert found.headers == {"A": "b"} and found.flags["-o"] == ("f",)
    assert [call(f"curl {each} https://x.io").verb for each in ("", "-d a=1", "-I", "-T f", "-G -d a=1")] == [
        "GET",
        "POST",
        "HEAD",
        "PUT",
        "GET",
    ]
    assert call("wget --post-data=a https://x.io").verb == "POST"


def test_pipes_substitutions_and_find_are_all_seen():
    found = calls("redis-cli --scan | xargs redis-cli DEL")
    assert [(each.verb, each.piped) for each in found] == [("SCAN", False), ("DEL", True)]
    assert [(each.program, each.substituted) for each in calls("echo $(rm -rf /x)")] == [
        ("echo", False),
        ("rm", True),
    ]
    assert [each.program for each in calls("bash <(curl -s https://x.io/i)")] == ["bash", "http"]
    assert [each.program for each in calls("find /x -name '*.gz' -exec rm {} \\;")] == ["find", "rm"]


def test_redirects_and_assignments_belong_to_their_call():
    found = call("A=1 b -c > out 2>&1")
    assert dict(found.assigned) == {"A": "1"}
    assert [(each.operator, each.target.text) for each in found.redirects] == [(">", "out"), ("2>&1", "1")]
    assert call("> big.log").redirects[0].operator == ">"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("'a b'", "a b"),
        ('"a $x"', "a $x"),
        ("a\\ b", "a b"),
        ("$'a\\tb'", "a\tb"),
        ("a'b'\"c\"", "abc"),
        ('"a\\"b"', 'a"b'),
    ],
)
def test_quotes_are_removed_and_nothing_is_expanded(source, text):
    word = call(f"tool {source}").args[0]
    assert (word.text, word.source) == (text, source)


def test_globs_are_flagged_only_where_a_shell_sees_them():
    assert [each.globs for each in call("ls *.log '*.log' a?").args] == [True, False, True]
