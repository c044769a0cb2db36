"""What a draft takes from a runbook, what it leaves out, and that it is always a valid profile."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.profile.load import load
from cockpit.profile.schema import Profile
from cockpit.runbooks.draft.profile import draft

SAMPLE = Path(__file__).parents[1] / "samples" / "ferry.md"


def drafted(text: str) -> dict[str, Any]:
    found = tomllib.loads(draft([("R.md", text)], ["R.md"]).text)
    Profile.model_validate(found)
    return found


@pytest.fixture(scope="module")
def ferry() -> str:
    return draft([("ferry.md", SAMPLE.read_text())], ["ferry.md"]).text


def test_endpoints_of_the_environment_with_their_thresholds(ferry: str) -> None:
    health = {each["name"]: each for each in tomllib.loads(ferry)["health"]}
    assert {name: each["url"] for name, each in health.items()} == {
        "healthz": "https://api.ferry.example/healthz",
        "vitals": "https://api.ferry.example/vitals",
        "readyz": "https://api.ferry.example/readyz",
    }
    assert health["vitals"]["check"][0] == {"path": "queues.waiting", "warn": "> 200", "critical": "> 2000"}


def test_each_value_says_where_it_is_from(ferry: str) -> None:
    assert 'region = "europe-west3"  # from ferry.md:117' in ferry
    assert 'url = "https://api.ferry.example/readyz"  # guessed: joined to https://api.ferry.example' in ferry
    assert "#   Scan time: warn > 800 ms  (from ferry.md:56)" in ferry
    assert "# missing: how to reach them" in ferry


def test_a_compose_project_is_drafted_with_its_logs(ferry: str) -> None:
    profile = tomllib.loads(ferry)
    (project,) = profile["docker"]
    assert project["services"] == ["ferry-worker"]
    assert "docker compose ls shows the real one" in ferry
    assert {"name": "containers", "type": "docker", "engine": "compose"} in profile["logs"]


def test_a_compose_project_is_called_as_a_command_calls_it() -> None:
    text = "```bash\ndocker compose -p ferry-prod up -d --scale worker=3\ndocker-compose restart api\n```\n"
    (project,) = drafted(text)["docker"]
    assert (project["project"], project["services"]) == ("ferry-prod", ["worker", "api"])


def test_a_namespace_is_drafted_with_its_logs_and_asks_for_what_is_missing(ferry: str) -> None:
    profile = tomllib.loads(ferry)
    (namespace,) = profile["kubernetes"]
    assert (namespace["namespace"], namespace["context"]) == ("gates", "missing")
    assert "missing: which context of your kubeconfig" in ferry
    assert {"name": "pods", "type": "kubernetes", "cluster": "gates"} in profile["logs"]


CLUSTER = """# Pay

```bash
gcloud container clusters get-credentials main --region=europe-west1 --project=pay-prod
kubectl -n pay rollout restart deployment/api-blue
kubectl patch service api -n pay -p '{"spec":{"selector":{"version":"green"}}}'
kubectl patch configmap pay-config -n pay --patch '{"data":{"MAINTENANCE_MODE":"true"}}'
kubectl get pods -n other
```
"""


def test_context_services_and_maintenance_come_from_the_commands() -> None:
    made = draft([("pay.md", CLUSTER)], ["pay.md"])
    (namespace,) = tomllib.loads(made.text)["kubernetes"]
    assert namespace["context"] == "gke_pay-prod_europe-west1_main"
    assert (namespace["namespace"], namespace["services"]) == ("pay", ["api"])
    assert namespace["maintenance"] == {
        "configmap": "pay-config",
        "key": "MAINTENANCE_MODE",
        "on": "true",
        "off": "false",
        "restart": ["deployment/api-blue"],
    }
    assert '# namespace = "other"' in made.text


def test_people_scale_and_channels(ferry: str) -> None:
    profile = tomllib.loads(ferry)
    assert profile["channels"] == ["#ferry-incidents", "#ferry-alerts"]
    assert profile["contact"][1]["name"] == "Ines Halvorsen"
    assert [level["name"] for level in profile["severity"]] == ["SEV1", "SEV2", "SEV3"]


def test_what_nobody_says_is_marked_as_missing() -> None:
    text = "# Pump\n\n```\ngcloud run services describe pump-api --region=r1\n```\n"
    service = drafted(text)["cloud_run"][0]
    assert (service["service"], service["region"], service["project"]) == ("pump-api", "r1", "missing")
    assert "# missing: no command names the project" in draft([("R.md", text)], ["R.md"]).text


def test_a_runbook_without_a_system_is_still_a_profile() -> None:
    assert drafted("Nothing to see.")["health"][0]["url"] == "http://localhost/health"


def test_headers_become_references() -> None:
    text = '# Pump\n\n```bash\ncurl -H "X-API-Key: $PUMP_KEY" https://pump.example/health\n```\n'
    assert drafted(text)["health"][0]["headers"] == {"X-API-Key": "env:PUMP_KEY"}


@pytest.mark.parametrize(
    "text",
    [
        "```bash\npsql postgresql://pump:hunter2secret@db.example/pump -c 'SELECT 1'\n```",
        "```bash\nexport DATABASE_URL=postgresql://pump:hunter2secret@db.example/pump\npsql $DATABASE_URL\n```",
        "```bash\ncurl -H 'Authorization: Bearer hunter2secret' https://pump.example/health\n```",
        "```bash\ncurl -u admin:hunter2secret https://pump.example/health\n```",
        "```bash\ncurl 'https://pump.example/health?token=hunter2secret'\n```",
        "```bash\nredis-cli -h 10.1.1.1 -a hunter2secret INFO\n```",
        "```bash\nredis-cli -u redis://:hunter2secret@10.1.1.1:6379 INFO\n```",
        "| Service | URL |\n|---|---|\n| API | https://ops:hunter2secret@pump.example/health |",
        "## Contacts\n\n- **Vault:** password hunter2secret\n- **Ops:** ops@pump.example, password: hunter2secret",
        "| Role | Name | Phone | Notes |\n|---|---|---|---|\n| DBA | Kim | +1 555 0100 | password: hunter2secret |",
        "```bash\ngcloud logging read 'jsonPayload.token=\"hunter2secret\"' --project=pump\n```",
    ],
)
def test_no_secret_is_written(text: str) -> None:
    found = draft([("R.md", f"# Pump\n\n{text}\n")], ["R.md"])
    noted = [*found.found, *found.guessed, *found.missing]
    assert "hunter2secret" not in found.text + repr(noted)


_PIECES = st.one_of(
    st.sampled_from(
        [
            "# Pump \U0001f6a8",
            "## Contacts",
            "## URLs",
            "## Severity levels",
            "## Health check endpoints",
            "- `/health/{id}` - x",
            '- `/health` - "quoted" \\ # text',
            '- **P1**: all "down" # now',
            "| Metric | Warning | Critical |\n|---|---|---|\n| `a.b` | > 1 | soon |\n| `a.b.c` | = x | < 2% |",
            '| Role | Name | Contact |\n|---|---|---|\n| A "b" | C\\ | d@e.example |',
            "| S | Production |\n|---|---|\n| API | http://[::1 |\n| API | https://x.example:99999/health |",
            "```\ncurl 'https://x.example/health' \"https://y.example/a b/health\"\ncurl http://localhost:1/health\n```",
            '```\ngcloud run services describe "A_B c" --region=\'\' --project="p\\"q"\n```',
            '```\ngcloud logging read \'a="b" AND c="d\\n"\' --project=x\n```',
            "```\nkubectl -n 'a\"b' scale deployment \"x'y\"\n```",
            "```\nredis-cli -h 'h h' INFO\ndocker exec -it 'my db' psql -c 'SELECT 1'\n```",
        ]
    ),
    st.text(max_size=60),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(_PIECES, max_size=12))
def test_the_draft_of_anything_is_a_valid_profile(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    text = draft([("R.md", "\n\n".join(pieces))], ["R.md"]).text
    path = tmp_path_factory.mktemp("draft") / "p.toml"
    path.write_text(text, encoding="utf-8")
    assert load(path).system


def test_names_whose_address_is_a_secret_are_mapped_to_their_source() -> None:
    commands = "gcloud sql instances describe depot-db\ngcloud redis instances describe depot-cache --region=r"
    text = f"# Ops\n\n```\n{commands}\n```\n"
    made = tomllib.loads(draft([("R.md", text)], ["R.md"]).text)
    assert made["runbook"]["targets"] == {"depot-db": "database/depot-db", "depot-cache": "redis/depot-cache"}
    silent = tomllib.loads(draft([("R.md", "# Ops\n\n```\npsql -c 'SELECT 1'\n```\n")], ["R.md"]).text)
    assert "targets" not in silent["runbook"]


def test_a_memorystore_instance_is_drafted_beside_the_server_itself() -> None:
    commands = [
        "gcloud redis instances describe depot-cache",
        "gcloud redis instances update depot-cache --region=r1 --size=5 --project=depot-prod",
        "gcloud redis instances describe <instance> --region=r1",
    ]
    text = "# Ops\n\n```\n" + "\n".join(commands) + "\n```\n"
    made = tomllib.loads(draft([("R.md", text)], ["R.md"]).text)
    assert made["memorystore"] == [
        {"name": "depot-cache", "project": "depot-prod", "region": "r1", "instance": "depot-cache"}
    ]
    nameless = draft([("R.md", "# Ops\n\n```\ngcloud redis instances describe depot-cache\n```\n")], ["R.md"])
    assert any("no command names the region" in each.comment for each in nameless.missing)


def made_of(*commands: str) -> dict[str, Any]:
    return drafted("# Ops\n\n```bash\n" + "\n".join(commands) + "\n```\n")


def test_secrets_are_drafted_where_a_command_is_about_them() -> None:
    made = made_of("gcloud secrets list", "gcloud run services list --project=depot-prod")
    assert made["secrets"] == [{"name": "depot-prod", "project": "depot-prod"}]
    assert "secrets" not in made_of("gcloud run services list --project=depot-prod")


def test_a_cloud_armor_policy_is_drafted_wherever_a_command_names_it() -> None:
    made = made_of(
        "gcloud compute security-policies describe edge",
        "gcloud compute security-policies rules create 1000 --security-policy=edge --action=deny-403"
        " --src-ip-ranges=203.0.113.7 --project=depot-prod",
        "gcloud compute backend-services update web --security-policy=quay-edge --global",
        "gcloud compute security-policies describe harbour --region=r1",  # a regional one is no source
        "gcloud compute security-policies rules describe 1000 --security-policy=POLICY_NAME",
        "gcloud compute security-policies list",
    )
    assert made["armor"] == [
        {"name": "edge", "project": "depot-prod", "policy": "edge"},
        {"name": "quay-edge", "project": "depot-prod", "policy": "quay-edge"},
    ]
    alone = draft([("R.md", "# Ops\n\n```\ngcloud compute security-policies describe edge\n```\n")], ["R.md"])
    assert [(each.what, each.comment) for each in alone.missing] == [
        ("armor edge: project", "missing: no command names the project")
    ]


@pytest.mark.parametrize(
    "command",
    [
        "gcloud run services list --project=depot-prod",
        "gcloud config set project depot-prod",
        "gcloud projects get-iam-policy depot-prod",
    ],
)
def test_a_project_that_is_named_is_watched_for_who_changes_it(command: str) -> None:
    assert made_of(command)["access"] == [{"name": "depot-prod", "project": "depot-prod"}]


def test_the_log_filter_of_a_runbook_that_finds_refused_logins_is_taken_for_them() -> None:
    filters = ("severity>=ERROR", 'jsonPayload.event="auth_failed"')
    made = made_of(*(f"gcloud logging read '{each}' --project=depot-prod" for each in filters))
    assert made["access"] == [{"name": "depot-prod", "project": "depot-prod", "failures": filters[1]}]
    bound = made_of("""gcloud logging read 'timestamp>="2026-01-01" AND auth_failed' --project=depot-prod""")
    assert "failures" not in bound["access"][0], "its own bound in time would hide what is new"


@pytest.mark.parametrize("command", ["gcloud projects list", "gcloud config set project PROJECT_ID", "gcloud info"])
def test_without_a_project_nobody_is_watched(command: str) -> None:
    assert "access" not in made_of(command)
