from __future__ import annotations

from collections.abc import Callable

import pytest

from cockpit.model.command import EffectClass
from cockpit.runbooks.effects.ruling import Ruling

Judge = Callable[[str], Ruling]


@pytest.mark.parametrize(
    "text",
    [
        "gcloud run services describe shop --region=europe-west1",
        "gcloud run revisions list --service=shop --limit=5",
        "gcloud logging read 'severity>=ERROR' --limit=10 --freshness=1h",
        "gcloud beta logging tail 'resource.type=cloud_run_revision'",
        "gcloud sql operations list --instance=shop-db",
        "gcloud projects get-iam-policy shop",
        "gcloud container images list-tags eu.gcr.io/shop/api",
        "gcloud artifacts docker images list europe-docker.pkg.dev/shop/api",
        "gcloud config get-value project",
        "gcloud auth list",
        "gcloud compute ssl-certificates describe shop",
        "gcloud compute backend-services get-health shop --global",
        "gsutil ls gs://shop-backups/",
        "gsutil versioning get gs://shop",
        "bq ls shop:events",
        "aws ecs describe-services --cluster shop --services api",
        "aws s3 ls s3://shop",
        "aws sts get-caller-identity",
        "az webapp show --name shop",
    ],
)
def test_what_lists_and_describes_reads(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.READS


@pytest.mark.parametrize(
    "text",
    [
        "gcloud secrets versions access latest --secret=db",
        "gcloud auth print-access-token",
        "gcloud redis instances get-auth-string c",
    ],
)
def test_what_prints_a_secret_reads_and_says_so(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.READS
    assert "secret" in judge(text).why


@pytest.mark.parametrize(
    "text",
    [
        "gcloud run services update shop --region=r --memory=1Gi",
        "gcloud run services update-traffic shop --to-revisions=shop-00007=100",
        "gcloud run deploy shop --image=eu.gcr.io/shop/api:7",
        "gcloud sql connect shop-db --user=postgres",
        "gcloud compute ssh bastion --zone=z",
        "gcloud compute ssh bastion --zone=z --command='uptime'",
        "gcloud container clusters get-credentials shop",
        "gcloud secrets versions add db --data-file=new.txt",
        "gcloud sql export sql shop-db gs://shop/dump.sql --database=shop",
        "gcloud sql instances patch shop-db --maintenance-window-day=SUN",
        "gcloud projects add-iam-policy-binding shop --member=user:a@b --role=roles/viewer",
        "gcloud config set project shop",
        "gsutil cp dump.sql gs://shop/",
        "gsutil iam ch allUsers:objectViewer gs://shop",
        "aws ecs update-service --cluster shop --service api --force-new-deployment",
        "az webapp deployment slot create --name shop",
    ],
)
def test_what_makes_or_updates_changes(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.CHANGES


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("gcloud sql backups restore 17 --restore-instance=shop-db", True),
        ("gcloud sql import sql shop-db gs://shop/dump.sql --database=shop", True),
        ("gcloud sql users set-password app --instance=shop-db --password=x", True),
        ("gcloud secrets delete db", True),
        ("gcloud secrets versions destroy 3 --secret=db", True),
        ("gcloud projects delete shop", True),
        ("gcloud sql instances restart shop-db", False),
        ("gcloud sql instances failover shop-db", False),
        ("gcloud sql instances promote-replica shop-db-2", True),
        ("gcloud sql instances restore-backup shop-db --backup-id=17", True),
        ("gcloud sql instances patch shop-db --tier=db-custom-4-16384", False),
        ("gcloud sql instances patch shop-db --activation-policy=NEVER", False),
        ("gcloud redis instances update shop --size=5 --region=r", False),
        ("gcloud run services update shop --max-instances=0", False),
        ("gcloud run services delete shop", False),
        ("gcloud compute instances stop vm-1", False),
        ("gcloud services disable run.googleapis.com", False),
        ("gcloud container clusters resize shop --num-nodes=0", False),
        ("gsutil -m rm -r gs://shop/", True),
        ("gsutil rsync -d build gs://shop", False),
        ("bq rm -f shop:events", True),
        ("aws rds delete-db-instance --db-instance-identifier shop", True),
        ("aws ec2 stop-instances --instance-ids i-1", False),
        ("aws ecs update-service --service api --desired-count 0", False),
        ("aws s3 sync build s3://shop --delete", False),
        ("az sql db delete --name shop", True),
    ],
)
def test_what_takes_data_or_service_away_destroys(judge: Judge, text: str, final: bool) -> None:
    assert (judge(text).effect, judge(text).final) == (EffectClass.DESTROYS, final)


@pytest.mark.parametrize(
    "text",
    [
        "gcloud run services frobnicate shop",
        "gcloud spanner databases execute-sql shop --instance=i --sql='SELECT 1'",
        "gcloud",
        "gcloud sql instances $VERB shop-db",
        "bq query 'SELECT 1'",
        "aws sorcery conjure",
        "az shop juggle",
        "gsutil $WHAT gs://shop",
    ],
)
def test_a_verb_that_is_not_known_proves_nothing(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.UNKNOWN
