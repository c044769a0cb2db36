"""Which commands of a runbook a look at Prometheus stands in for, and which it leaves alone."""

from __future__ import annotations

import pytest

from cockpit.adapters.capabilities import Probing
from cockpit.clock import SystemClock
from cockpit.engine.compose import replacements
from cockpit.errors import Refused
from cockpit.looks import prometheus
from cockpit.looks.book import LookBook
from cockpit.model.look import LookRequest
from cockpit.model.metrics import MetricPanel
from cockpit.model.severity import Severity
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "prometheus/shop"


@pytest.mark.parametrize(
    ("line", "action", "target", "params"),
    [
        ("kubectl port-forward -n mon prometheus-0 9090:9090", "prometheus.panels", {"namespace": "mon"}, {}),
        ("kubectl port-forward svc/prometheus-server 9090:80", "prometheus.panels", {}, {}),
        ("kubectl --context c port-forward svc/kube-prometheus-k8s web", "prometheus.panels", {"context": "c"}, {}),
        ("kubectl port-forward service/sander 9090:9090", "workloads.services", {}, {"service": "sander"}),
        ("kubectl port-forward prometheus-alertmanager-0 9093", "workloads.pod", {}, None),
        ("kubectl port-forward prometheus-0 9090 9091", "workloads.pod", {}, {"pod": "prometheus-0"}),
        ("kubectl port-forward <pod> 9090:9090", "workloads.pod", {}, {}),
        (
            "curl -s 'https://p.example/base/api/v1/query?query=up%7Bjob%3D%22a%22%7D'",
            "health.get",
            {"url": "https://p.example/base/api/v1/query?query=up%7Bjob%3D%22a%22%7D"},
            None,
        ),
        (
            "curl -s 'https://p.example:9/api/v1/query?query=up%7Bjob%3D%22a%22%7D'",
            "prometheus.query",
            {"url": "https://p.example:9"},
            {"query": 'up{job="a"}'},
        ),
        ("curl localhost:9090/api/v1/query?query=up", "prometheus.query", {}, {"query": "up"}),
        ("curl http://localhost:9090/api/v1/query?query=up | jq .data", "prometheus.query", {}, {"query": "up"}),
        ("curl http://p.example/api/v1/targets", "health.get", {"url": "http://p.example/api/v1/targets"}, None),
    ],
)
def test_commands(line: str, action: str, target: dict[str, str] | None, params: dict[str, str] | None) -> None:
    (command,) = commands_of(line, language="bash", line=1)
    found = understand(command, replacements())
    assert found.action == action
    if target is not None:
        assert found.intent is not None
        assert dict(found.intent.target) == target
        if params is not None:
            assert dict(found.intent.params) == params


class Board(Probing):
    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []

    async def ask(self, query: str, window_s: float) -> tuple[MetricPanel, tuple[str, ...]]:
        self.asked.append((query, window_s))
        return MetricPanel(query, "", (), Severity.UNKNOWN, query), ("a note",)


async def test_a_question_without_an_answer_is_no_all_clear() -> None:
    board = Board()
    book = LookBook(prometheus.SPECS, prometheus.lookers(SOURCE, board, lambda _: None, SystemClock()))
    asked = {"query": 'up{pod="{fill1}"}', "fill1": "api-0", "window": "2h"}
    sight = await book.look(LookRequest("prometheus.query", SOURCE, asked))
    assert board.asked == [('up{pod="api-0"}', 7200.0)]
    assert (sight.severity, sight.summary) == (Severity.UNKNOWN, 'up{pod="api-0"}: no point in the window')
    assert sight.lines == ('query: up{pod="api-0"}', "a note")
    for wrong in ({"query": "up", "window": "30d"}, {"query": "up", "window": "soon"}, {"query": "  "}):
        with pytest.raises(Refused):
            await book.look(LookRequest("prometheus.query", SOURCE, wrong))
