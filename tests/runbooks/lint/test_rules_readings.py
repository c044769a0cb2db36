"""What looks like a fault at first sight and is none, each beside the same command where it is one."""

from __future__ import annotations

import pytest

BEGIN = "# Shop\n\n## Restore\n\n"


def fence(*lines: str) -> str:
    return "```bash\n" + "\n".join(lines) + "\n```\n"


_ASK = 'docker compose exec -T db pg_dump -U "$DB_USER" shop | gzip > shop.gz'
_DELETE = "`DELETE FROM audit_log`"

# rule, what must be reported, what must not
PAIRS = (
    ("sql-change-without-condition", f"Then run {_DELETE}.\n", f"**Do not** {_DELETE} outside of the drill.\n"),
    ("sql-change-without-condition", f"Do not {_DELETE} before noon.\n", f"Look first, rather than {_DELETE}.\n"),
    ("expands-on-the-wrong-machine", fence(_ASK), fence("source .env", _ASK)),
    ("expands-on-the-wrong-machine", fence(_ASK, ". ./shop.env"), fence(". ./shop.env", _ASK)),
    (
        "step-says-look-but-changes",
        "Check the lock.\n\n" + fence("terraform force-unlock <id>"),
        "Check that nobody applies, then:\n\n" + fence("terraform force-unlock <id>"),
    ),
    (
        "kubectl-delete-namespace",
        fence("kubectl delete namespace contest", "kubectl create namespace contest"),
        fence('kubectl delete namespace "$TEST_NAMESPACE"', 'kubectl create namespace "$TEST_NAMESPACE"'),
    ),
    (
        "gcloud-needs-region",
        "Run `gcloud run deploy shop --source .`\n",
        "The script calls `gcloud run deploy --source`.\n",
    ),
    (
        "gcloud-needs-region",
        "Run `gcloud run services update shop --update-env-vars A=1`\n",
        "Set it via `gcloud run services update --update-env-vars …`; nobody uses `gcloud run services update "
        "--update-env-vars A=1` any more.\n",
    ),
    (
        "step-says-look-but-changes",
        "Check the settings:\n\n" + fence("sudo ufw allow 5432/tcp"),
        "Check the settings:\n\n" + fence("sudo nano /etc/shop.conf"),
    ),
    (
        "step-says-look-but-changes",
        fence("# See the state", "rails db:migrate"),
        fence('# (See "Speed" for the code of the migration)', "rails db:migrate"),
    ),
    (
        "kubectl-logs-selector-shows-ten-lines",
        fence("kubectl logs -n shop -l app=web"),
        fence("kubectl logs -n shop -l job-name=seed"),
    ),
    (
        "step-says-look-but-changes",
        "Check the version:\n\n" + fence("kubectl cordon n1"),
        "Check the version:\n\n" + fence("kubectl version") + "\n" + fence("kubectl cordon n1"),
    ),
    (
        "kubectl-drain-stops-half-way",
        fence("kubectl drain n1"),
        "Then `kubectl drain`, which is:\n\n" + fence("kubectl drain n1 --ignore-daemonsets"),
    ),
    ("kubectl-drain-stops-half-way", fence("kubectl drain --ignore-daemonsets"), fence("kubectl uncordon n1")),
    (
        "cloud-run-set-drops-the-others",
        fence("gcloud run services update shop --region=europe-west1 --set-env-vars=LOG=debug"),
        fence("gcloud run services update shop --region=europe-west1 --update-env-vars=LOG=debug"),
    ),
    (
        "cloud-run-set-drops-the-others",
        fence("gcloud run jobs update tidy --region=europe-west1 --set-secrets=KEY=shop-key:latest"),
        fence("gcloud run deploy shop --image=shop:7 --region=europe-west1 --set-env-vars=LOG=debug"),
    ),
    (
        "step-says-look-but-changes",
        "Check the queue:\n\n" + fence("kubectl exec web-0 -n shop -- rm -rf /tmp/queue"),
        "Check the queue:\n\n" + fence("kubectl exec -it deploy/queue -n shop -- /bin/sh -l"),
    ),
    (
        "secret-on-the-command-line",
        fence("docker run -d --name drill -e POSTGRES_PASSWORD=h4rbour-9 postgres:18"),
        fence("docker run -d --name drill -e POSTGRES_PASSWORD=throwaway postgres:18"),
    ),
    (
        "step-says-look-but-changes",
        "Verify the migration:\n\n" + fence("kubectl exec deploy/web -n shop -- rm -rf /srv/old"),
        "Verify the migration:\n\n" + fence("kubectl exec deploy/web -n shop -- flask db current"),
    ),
    (
        "sql-change-without-condition",
        fence('psql -h db.shop.internal -d shop -c "UPDATE users SET tax_number = NULL"'),
        fence('psql -h staging-db -d shop -c "UPDATE users SET tax_number = NULL"'),
    ),
    (
        "dated-name-is-built-anew",
        fence("aws s3 cp s3://shop/$(date +%F)/web.dump ."),
        fence("LAST=$(aws s3 ls s3://shop/$(date +%F)/ | tail -1)", "aws s3 cp s3://shop/$(date +%F)/$LAST ."),
    ),
    (
        "sql-ends-its-own-session",
        "```sql\nSELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop';\n```\n",
        "```sql\nSELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop' "
        "AND xact_start < now() - interval '9 min';\n```\n",
    ),
    (
        "kubectl-undo-names-no-revision",
        "Then `kubectl rollout undo deployment/web -n shop`.\n",
        "While `kubectl rollout undo` is quick, the repository does not learn of it.\n",
    ),
    (
        "sql-restore-names-no-target",
        fence("gcloud sql backups restore BACKUP_ID --backup-instance=shop-db"),
        fence("gcloud sql backups restore BACKUP_ID --restore-instance=shop-db"),
    ),
    (
        "line-does-not-go-on",
        fence("helm upgrade shop ./shop \\", "  --atomic \\   # goes back by itself", "  --timeout 5m"),
        fence("# --atomic goes back by itself", "helm upgrade shop ./shop \\", "  --atomic \\", "  --timeout 5m"),
    ),
    (
        "line-does-not-go-on",
        fence("helm upgrade shop ./shop \\", "  --atomic   # goes back by itself", "  --timeout 5m"),
        fence("grep -e 'a \\ # b' \\", "  shop.log", "echo --timeout"),
    ),
    (
        "sql-restore-overwrites",
        fence("# Restore", "gcloud sql backups restore 7 --restore-instance=shop-db"),
        fence("# Restore (destructive)", "gcloud sql backups restore 7 --restore-instance=shop-db"),
    ),
)


@pytest.mark.parametrize(("rule", "faulty", "fine"), PAIRS)
def test_only_the_one_that_goes_wrong_is_reported(faults_of, rule: str, faulty: str, fine: str) -> None:
    def found(text: str) -> set[str]:
        return {fault.rule for fault in faults_of(BEGIN + text) if fault.level.value != "note"}

    assert rule in found(faulty)
    assert rule not in found(fine)


def test_a_restore_that_gcloud_refuses_overwrites_nothing(faults_of) -> None:
    found = faults_of(BEGIN + fence("gcloud sql backups restore 7 --instance=shop-db"))
    assert [fault.rule for fault in found if fault.level.value != "note"] == ["sql-restore-names-no-target"]


def test_a_runbook_that_names_no_namespace_anywhere_is_told_once(faults_of) -> None:
    changes = (
        "kubectl rollout restart deploy/web",
        "kubectl scale deploy/web --replicas=5",
        "kubectl delete pod web-0",
    )

    def levels(*lines: str) -> list[str]:
        found = faults_of(BEGIN + fence(*lines))
        return [fault.level.value for fault in found if fault.rule == "kubectl-no-namespace"]

    assert levels(*changes) == ["warning", "note", "note"]
    assert levels("kubectl get pods -n shop", *changes) == ["warning", "warning", "error"]


def test_a_namespace_that_is_made_anew_empty_is_no_restore(faults_of) -> None:
    made = "kubectl create namespace shop --dry-run=client -o yaml | kubectl apply -f -"

    def levels(after: str) -> list[str]:
        found = faults_of("# Shop\n\n## Reinstall\n\n" + fence("kubectl delete namespace shop", after))
        return [fault.level.value for fault in found if fault.rule == "kubectl-delete-namespace"]

    assert levels(made) == ["warning"]
    assert levels("kubectl apply -f saved.yaml") == ["error"]
    said = "# Shop\n\n## Tidy\n\n### Delete the entire namespace\n\n" + fence("kubectl delete namespace shop")
    assert [fault.level.value for fault in faults_of(said) if fault.rule == "kubectl-delete-namespace"] == ["note"]


def test_a_fence_that_became_a_part_of_the_sentence_is_no_command(faults_of) -> None:
    text = BEGIN + "1. Stop it\n\n    ??? example\n        ```sh\n        DELETE FROM audit_log;\n        ```\n"
    assert [fault.rule for fault in faults_of(text) if fault.level.value != "note"] == []
