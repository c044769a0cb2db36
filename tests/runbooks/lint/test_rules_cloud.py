"""Each rule about gcloud: a command that it must find, and one that is nearly the same and fine."""

from __future__ import annotations

import pytest

PIN = "gcloud run services update-traffic web --region=europe-west1 --to-revisions=web-00007-abc=100"
SCALE = "gcloud run services update web --region=europe-west1"

# rule, heading, the faulty block, the block that is fine
SAMPLES = (
    (
        "cloud-run-update-restarts-nothing",
        "Restart",
        "gcloud run services update web --region=europe-west1 --project shop-prod --quiet",
        "gcloud run services update web --region=europe-west1 --update-env-vars=RESTARTED_AT=$(date +%s)",
    ),
    (
        "cloud-run-no-traffic-restarts-nothing",
        "Restart",
        "gcloud run services update web --no-traffic --region=europe-west1",
        "gcloud run services update web --memory=2Gi --no-traffic --region=europe-west1",
    ),
    (
        "cloud-run-to-latest-takes-no-value",
        "Promote",
        "gcloud run services update-traffic web --to-latest=50 --region=europe-west1",
        "gcloud run services update-traffic web --to-latest --region=europe-west1",
    ),
    (
        "cloud-run-max-instances-zero-stops-nothing",
        "Stop writes",
        "gcloud run services update web --max-instances 0 --region=europe-west1",
        "gcloud run services update web --max-instances 10 --region=europe-west1",
    ),
    (
        "cloud-run-template-change-after-rollback",
        "Scale",
        f"{PIN}\n{SCALE} --min-instances=4",
        f"{PIN}\n{SCALE} --min=4",
    ),
    (
        "cloud-run-template-change-after-rollback",
        "Scale",
        f"{PIN}\n{SCALE} --memory=2Gi",
        f"{PIN}\ngcloud run services update other --region=europe-west1 --memory=2Gi",
    ),
    (
        "cloud-run-pins-traffic",
        "Roll back",
        PIN,
        f"{PIN}\ngcloud run services update-traffic web --to-latest --region=r1",
    ),
    (
        "cloud-run-tag-must-exist",
        "Canary",
        "gcloud run services update-traffic web --to-tags=beta=5 --region=europe-west1",
        "gcloud run deploy web --image=i --no-traffic --tag=beta --region=europe-west1\n"
        "gcloud run services update-traffic web --to-tags=beta=5 --region=europe-west1",
    ),
    (
        "gcloud-no-such-command",
        "Secrets",
        "gcloud secrets get-secret db-url",
        "gcloud secrets versions access latest --secret=db-url > /dev/shm/url",
    ),
    ("gcloud-no-such-command", "Metrics", "gcloud monitoring metrics list", "gcloud compute networks list"),
    ("gcloud-no-such-command", "Restart", "gcloud run services restart web --region=r1", "gcloud dns policies list"),
    (
        "gcloud-needs-beta",
        "Logs",
        "gcloud logging tail 'severity>=ERROR'",
        "gcloud beta logging tail 'severity>=ERROR'",
    ),
    (
        "gcloud-needs-beta",
        "Domains",
        "gcloud run domain-mappings list --region=europe-west1",
        "gcloud run domain-mappings list --platform=gke --cluster=c --cluster-location=l",
    ),
    (
        "gcloud-needs-region",
        "Look",
        "gcloud run services describe web",
        "gcloud config set run/region europe-west1\ngcloud run services describe web",
    ),
    ("gcloud-needs-region", "Look", "gcloud redis instances list", "gcloud run services list"),
    (
        "gcloud-needs-region",
        "Jump",
        "gcloud compute ssh bastion -- uptime -p",
        "gcloud compute ssh bastion --zone=europe-west1-b -- uptime -p",
    ),
    (
        "gcloud-needs-region",
        "Cluster",
        "gcloud container clusters get-credentials shop",
        "gcloud container clusters get-credentials shop --zone=europe-west1-b",
    ),
    (
        "gcloud-describe-shows-no-usage",
        "Check memory usage of the cache",
        "gcloud redis instances describe cache --region=r1",
        "# Check the state of the cache\ngcloud redis instances describe cache --region=r1",
    ),
    (
        "gcloud-compute-quota-is-not-that-quota",
        "Check the Vertex AI quota",
        "gcloud compute project-info describe --project=shop",
        "# Check the quota of CPUs\ngcloud compute project-info describe --project=shop",
    ),
    (
        "firewall-does-not-filter-serverless",
        "Block them",
        "gcloud run services list\ngcloud compute firewall-rules create stop --action=deny --rules=all "
        "--source-ranges=1.2.3.4",
        "gcloud compute firewall-rules create stop --action=deny --rules=all --source-ranges=1.2.3.4",
    ),
    (
        "container-registry-is-gone",
        "Images",
        "gcloud container images list-tags eu.gcr.io/shop/web",
        "gcloud artifacts docker images list europe-docker.pkg.dev/shop/eu.gcr.io/web",
    ),
    ("gsutil-glob-unquoted", "Backups", "gsutil ls gs://dumps/2026-*", "gsutil ls 'gs://dumps/2026-*'"),
    (
        "sql-failover-of-a-replica",
        "Failover",
        "gcloud sql instances failover orders-read-replica",
        "gcloud sql instances failover orders",
    ),
    (
        "sql-operations-are-not-connections",
        "Check database connections",
        "gcloud sql operations list --instance=orders",
        "# Check the last backup operations\ngcloud sql operations list --instance=orders",
    ),
    (
        "sql-patch-restarts",
        "Scale the database",
        "gcloud sql instances patch orders --tier=db-custom-8-32768",
        "gcloud sql instances patch orders --backup-start-time=03:00",
    ),
    (
        "sql-restore-overwrites",
        "Restore",
        "gcloud sql backups restore 17 --restore-instance=orders",
        "gcloud sql backups list --instance=orders",
    ),
    (
        "sql-import-writes-into-live",
        "Load",
        "gcloud sql import sql orders gs://b/d.sql --database=o",
        "gcloud sql databases list -i orders",
    ),
    (
        "sql-export-on-primary",
        "Save",
        "gcloud sql export sql orders gs://b/d.sql --database=o",
        "gcloud sql export sql orders gs://b/d.sql --database=o --offload",
    ),
    (
        "sql-connect-opens-the-instance",
        "Connect",
        "gcloud sql connect orders --user=app",
        "gcloud sql users list -i orders",
    ),
    (
        "logging-null-is-no-presence-test",
        "Who was it",
        "gcloud logging read 'jsonPayload.user != null' --limit=5",
        "gcloud logging read 'jsonPayload.user:* AND jsonPayload.kind != \"nullable\"' --limit=5",
    ),
    (
        "logging-freshness-too-short",
        "After a data breach",
        "gcloud logging read 'severity>=WARNING' --limit=5",
        "gcloud logging read 'severity>=WARNING' --freshness=90d",
    ),
    (
        "logging-filter-misses-the-kill",
        "Killed for memory",
        "gcloud run services list\ngcloud logging read 'textPayload:\"out of memory\"'",
        "gcloud run services list\ngcloud logging read 'resource.type=gce_instance textPayload:\"out of memory\"'",
    ),
    (
        "logging-filter-misses-the-kill",
        "Killed for memory",
        "gcloud logging read 'resource.type=cloud_run_revision textPayload:\"OOM\"'",
        'gcloud logging read \'resource.type=cloud_run_revision (textPayload:"Memory limit of" OR '
        'textPayload:"OOM")\'',
    ),
)


def book(heading: str, block: str) -> str:
    return f"# Shop\n\n## {heading}\n\n```bash\n{block}\n```\n"


@pytest.mark.parametrize(("rule", "heading", "faulty", "fine"), SAMPLES)
def test_finds_the_fault_and_leaves_its_neighbour_alone(faults_of, rule, heading, faulty, fine) -> None:
    assert rule in {fault.rule for fault in faults_of(book(heading, faulty))}
    assert rule not in {fault.rule for fault in faults_of(book(heading, fine))}


def test_instead_has_the_region_that_the_runbook_uses_for_that_service(faults_of) -> None:
    text = book("Look", "gcloud run services describe a --region=r1\ngcloud run services describe b --region=r2") + (
        book("Restart", "gcloud run revisions list --service=b")
    )
    found = [fault for fault in faults_of(text) if fault.rule == "gcloud-needs-region"]
    assert [fault.instead for fault in found] == ["gcloud run revisions list --service=b --region=r2"]


def test_a_restore_after_a_backup_of_the_same_section_is_only_noted(faults_of) -> None:
    restore = "gcloud sql backups restore 17 --restore-instance=orders"
    levels = [
        fault.level.value
        for block in (restore, f"gcloud sql backups create --instance=orders\n{restore}")
        for fault in faults_of(book("Restore", block))
        if fault.rule == "sql-restore-overwrites"
    ]
    assert levels == ["warning", "note"]


def test_an_unknown_group_is_never_judged(faults_of) -> None:
    block = "gcloud quantum entanglers spin left\ngcloud sql PLACEHOLDER list\ngcloud run <group> list"
    assert not [fault for fault in faults_of(book("New", block)) if fault.rule == "gcloud-no-such-command"]
