"""PromQL of a runbook as panels of a drafted profile."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.profile.schema import Profile
from cockpit.runbooks.draft.profile import draft
from cockpit.runbooks.draft.prometheus import queries_in

PROMQL = """
```promql
# Tank level
tank_bytes{job="pump",kind=~"a#b|c"}  # of each pump

# Calls
sum by (status) (
  rate(calls_total[5m])
)
rate(faults_total[5m])
  / rate(calls_total[5m]) * 100
up{pod="<pod-name>"}
stuck{instance="$node"} > $limit
```
"""
FORWARD = "\n```bash\nkubectl -n pump get pods\nkubectl port-forward -n mon svc/prometheus-server 9090:80\n```\n"
ASKED = "\n```bash\ncurl -s 'https://prom.example/api/v1/query?query=up'\n```\n"


def test_each_query_with_its_comment_over_several_lines() -> None:
    block = PROMQL.split("```")[1].partition("\n")[2]
    assert [(line, title, query) for line, title, query in queries_in(block)][:3] == [
        (1, "Tank level", 'tank_bytes{job="pump",kind=~"a#b|c"}'),
        (4, "Calls", "sum by (status) ( rate(calls_total[5m]) )"),
        (7, "", "rate(faults_total[5m]) / rate(calls_total[5m]) * 100"),
    ]


def test_panels_through_the_port_forward_that_the_runbook_opens() -> None:
    made = draft([("pump.md", f"# Pump\n{FORWARD}{PROMQL}")], ["pump.md"])
    profile = tomllib.loads(made.text)
    Profile.model_validate(profile)
    (server,) = profile["prometheus"]
    assert server["forward"] == "service/prometheus-server:80"
    assert server["namespace"] == "mon"
    assert server["cluster"] == profile["kubernetes"][0]["name"]
    assert [(each["title"], each.get("unit")) for each in server["panel"]] == [
        ("Tank level", "B"),
        ("Calls", "1/s"),
        ("faults_total", "1/s"),
        ("up", None),
    ]
    assert "stuck" not in made.text
    assert "# from pump.md:" in made.text


def test_panels_of_a_server_that_is_asked_by_its_address() -> None:
    (server,) = tomllib.loads(draft([("p.md", f"# P\n{ASKED}{PROMQL}")], ["p.md"]).text)["prometheus"]
    assert server["url"] == "https://prom.example"
    assert server["panel"][0]["query"] == "up"


def test_where_nothing_says_where_the_server_is_they_are_comments() -> None:
    text = draft([("p.md", f"# P\n{PROMQL}")], ["p.md"]).text
    assert "prometheus" not in tomllib.loads(text)
    assert '# query = "sum by (status) ( rate(calls_total[5m]) )"' in text


@pytest.mark.parametrize("query", ['up{token="hunter2hunter2hunter2abc1"}', 'up{password="geheim12"}'])
def test_no_secret_becomes_a_query(query: str) -> None:
    text = draft([("p.md", f"# P\n{ASKED}\n```promql\n{query}\n```\n")], ["p.md"]).text
    assert query not in text


@given(st.text(alphabet="ab_{}()[]\"'`#\n +*/<>$5m,=~.", max_size=80))
def test_whatever_is_in_the_fence_the_draft_is_a_profile(text: str) -> None:
    made = draft([("p.md", f"# P\n{FORWARD}\n```promql\n{text}\n```\n")], ["p.md"])
    Profile.model_validate(tomllib.loads(made.text))
