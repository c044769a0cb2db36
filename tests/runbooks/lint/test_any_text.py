"""Whatever stands in a runbook: no rule fails, every fault points into the file, nothing unprintable comes out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.runbooks.lint import lint
from cockpit.runbooks.read import parse
from cockpit.text import UNSAFE

PIECES = (
    "gcloud run services update",
    "gcloud run domain-mappings",
    "gcloud logging read",
    "gcloud sql backups restore",
    "gcloud compute ssh vm --",
    "kubectl delete",
    "kubectl patch svc web -p",
    "kubectl exec -it web -- psql $URL -c",
    "kubectl get all -o yaml >",
    "kubectl logs",
    "xargs kubectl delete pod -n",
    "docker compose restart",
    "docker exec -it db psql",
    "psql -c",
    "redis-cli -a",
    "ssh host",
    "curl -u",
    "openssl s_client",
    "git revert",
    "cd",
    "export",
    "rm -rf",
    "pg_restore",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE",
    "UPDATE t SET a = 1 WHERE",
    "$(date +%F)",
    '\'{"spec":{"selector":{}}}\'',
    "--region=",
    "--replicas=0",
    "-n",
    "$X",
    '"',
    "'",
    "|",
    "&&",
    ">",
    "<",
    "\\\n",
    "# Check",
    "\x1b[31m",
    "\u202e",
)
lines = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=8).map(" ".join)
blocks = st.tuples(st.sampled_from(["bash", "sh", "sql", "redis", "", "console"]), st.lists(lines, max_size=6))


@given(st.lists(st.tuples(st.text(max_size=30), blocks), max_size=4))
@settings(max_examples=150, deadline=None)
def test_no_text_makes_a_rule_fail(sections: list[tuple[str, tuple[str, list[str]]]]) -> None:
    text = "# Shop\n" + "".join(
        f"\n## {heading}\n\nPassword: {heading}\n\n```{language}\n" + "\n".join(rows) + "\n```\n"
        for heading, (language, rows) in sections
    )
    count = len(text.splitlines()) + 1
    for fault in lint(parse([("RUNBOOK.md", text)])):
        assert 1 <= fault.line <= count
        assert fault.why and fault.instead
        assert not any(UNSAFE.search(part.replace("\n", "")) for part in (fault.command, fault.why, fault.instead))
