"""Each rule about containers, git, HTTP, prompts and the shell: a command that it must find, and one that is fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.runbooks.lint import rules

# rule, heading, the faulty block, the block that is fine
SAMPLES = (
    ("typographic-signs", "Ask", "curl –m 5 https://shop.example/", "curl -m 5 https://shop.example/ # – see below"),
    ("typographic-signs", "Ask", "grep “late” orders.log", "grep '“late”' orders.log"),
    ("typographic-signs", "Ask", "df\u00a0-h", "echo “done” – all well"),
    (
        "compose-restart-keeps-environment",
        "Slow down",
        "export WORKERS=2\ndocker compose restart queue",
        "export WORKERS=2\ndocker compose up -d queue",
    ),
    (
        "compose-restart-keeps-environment",
        "Slow down",
        "echo A=1 >> .env\ndocker-compose restart",
        "docker-compose restart",
    ),
    (
        "compose-up-ignores-pulled-tag",
        "Back",
        "docker pull registry.example/web:1.4\ndocker compose up -d",
        "docker pull registry.example/web:1.4\nexport TAG=1.4\ndocker compose up -d",
    ),
    (
        "docker-prune-is-no-log-cleanup",
        "Old logs",
        "docker system prune -f",
        "# Remove what is stopped\ndocker system prune -f",
    ),
    ("docker-prune-removes-rollback-images", "Disk", "docker image prune -a -f", "docker image prune -f"),
    ("docker-volumes-deleted", "Restart", "docker compose down -v", "docker compose down"),
    (
        "docker-logs-errors-bypass-the-pipe",
        "Look",
        "docker logs web | grep ERROR",
        "docker logs web 2>&1 | grep ERROR",
    ),
    (
        "git-add-takes-everything",
        "Hotfix",
        "git add -A\ngit commit -m fix",
        "git add src/fix.py\ngit commit -m fix",
    ),
    ("git-revert-of-a-range", "Back", "git revert v1..HEAD", "git revert --no-edit abc1234"),
    ("gh-merge-past-the-checks", "Merge", "gh pr merge 12 --admin --squash", "gh pr merge 12 --auto --squash"),
    ("git-push-straight-to-main", "Push", "git push origin HEAD:main", "git push origin fix-7"),
    ("git-push-force", "Push", "git push --force origin fix-7", "git push --force-with-lease origin fix-7"),
    ("git-throws-work-away", "Clean", "git reset --hard origin/main", "git reset --soft HEAD~1"),
    ("git-dated-branch-built-twice", "Push", "git push origin rel/$(date +%F)", "git checkout -b rel/$(date +%F)"),
    (
        "http-credentials-in-the-clear",
        "Look",
        'curl -f -m 5 -H "X-Api-Key: $KEY" http://api.example.com/v1',
        'curl -f -m 5 -H "X-Api-Key: $KEY" http://localhost:8080/v1',
    ),
    ("curl-ignores-the-status", "Look", "curl -m 5 https://a.example.com/", "curl -fsS -m 5 https://a.example.com/"),
    ("curl-has-no-deadline", "Look", "curl -f https://a.example.com/", "curl -f -m 5 https://a.example.com/"),
    (
        "curl-accepts-any-certificate",
        "Look",
        "curl -fk -m 5 https://a.example.com/",
        "curl -fk -m 5 https://localhost/",
    ),
    ("request-line-is-no-command", "Look", "GET /api/state", "curl -f -m 5 https://a.example.com/api/state"),
    ("crontab-line-is-no-command", "Nightly", "15 3 * * * /opt/tidy.sh", "/opt/tidy.sh"),
    (
        "cd-from-where-the-last-one-went",
        "Tests",
        "# Tests of the server\ncd server\npytest\n\n# Tests of the app\ncd app\nnpm test",
        "# Tests of the server\ncd server\npytest\n\n# Tests of the app\ncd ../app\nnpm test",
    ),
    ("rm-with-a-variable-path", "Tidy", "rm -rf $CACHE_DIR/*", 'rm -rf "${CACHE_DIR:?}"/*'),
    (
        "download-is-run-unseen",
        "Install",
        "curl -fsSL https://get.example.com | bash",
        "curl -fsSL https://get.example.com | tar xz",
    ),
    ("chmod-for-everybody", "Fix", "chmod -R 777 /srv/app", "chmod -R 750 /srv/app"),
    (
        "step-says-look-but-changes",
        "Ingress",
        "# Review the ingress settings\ngcloud run services update web --region=r1 --ingress=internal",
        "# Restrict the ingress\ngcloud run services update web --region=r1 --ingress=internal",
    ),
    (
        "step-says-look-but-changes",
        "Ingress",
        "# Show the limits\ngcloud run services update web --region=r1 --concurrency=20",
        "# Show the limits\ngcloud run services describe web --region=r1 > limits.txt",
    ),
    ("never-ends", "Look", "tail -f /var/log/web.log", "tail -n 100 /var/log/web.log"),
    ("never-ends", "Look", "docker compose logs -f web", "docker compose logs --tail 50 web"),
    ("never-ends", "Look", "watch -n 5 docker compose ps", "docker compose ps"),
    ("never-ends", "Look", "kubectl get pods -n shop -w", "kubectl get pods -n shop"),
    ("never-ends", "Look", "ping db.internal", "ping -c 3 db.internal"),
    (
        "openssl-waits-for-input",
        "Certificate",
        "openssl s_client -connect a.example.com:443 | openssl x509 -noout -dates",
        "openssl s_client -connect a.example.com:443 </dev/null | openssl x509 -noout -dates",
    ),
    (
        "openssl-waits-for-input",
        "Certificate",
        "openssl s_client -connect a.example.com:443",
        "echo | openssl s_client -connect a.example.com:443",
    ),
    ("opens-a-prompt", "Look", "docker exec -it web bash", "docker exec web ls /srv"),
    ("opens-a-prompt", "Look", "git log -5 | less", "git log -5 | head"),
    ("opens-a-prompt", "Look", "gh pr create --title Fix", "gh pr create --title Fix --body Why"),
)


def book(heading: str, block: str) -> str:
    return f"# Shop\n\n## {heading}\n\n```bash\n{block}\n```\n"


@pytest.mark.parametrize(("rule", "heading", "faulty", "fine"), SAMPLES)
def test_finds_the_fault_and_leaves_its_neighbour_alone(faults_of, rule, heading, faulty, fine) -> None:
    assert rule in {fault.rule for fault in faults_of(book(heading, faulty))}
    assert rule not in {fault.rule for fault in faults_of(book(heading, fine))}


def test_every_rule_has_a_name_of_its_own_and_says_why() -> None:
    found = rules()
    assert len({rule.id for rule in found}) == len(found)
    assert [rule.id for rule in found if not rule.why.endswith(".") or not rule.id.replace("-", "").isalnum()] == []


def test_two_commands_of_one_line_have_a_fault_each(faults_of) -> None:
    found = faults_of("# Shop\n\n## Look\n\nRun `kubectl delete pod web-0`, then `kubectl delete pod web-1`.\n")
    assert [(fault.line, fault.command) for fault in found] == [
        (5, "kubectl delete pod web-0"),
        (5, "kubectl delete pod web-1"),
    ]


def test_an_empty_runbook_has_no_faults(faults_of) -> None:
    assert faults_of("") == ()
    assert faults_of("# Only words\n\nNothing to run here.\n") == ()


def test_every_rule_has_a_sample() -> None:
    samples = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_rules_*.py"))
    assert [rule.id for rule in rules() if f'"{rule.id}"' not in samples] == []
