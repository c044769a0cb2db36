"""Each recorded command, by its recorded requests and by the cockpit: the same in the end, or the table says why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ..gcloud.explained import Explained, to_be_told, unexplained
from ..servers.kube.server import KubeServer
from .compare import differences, rehearses, unrehearsed
from .recorded import Recorded, recorded
from .runs import ALONE, REFUSED, Runs, there_is_kubectl
from .seen import SEEN
from .sides import INSTEAD, SHOWN_OTHERWISE, states

CHANGES = sorted((each for each in recorded() if not each.looks), key=lambda one: one.id not in ALONE)
COMMANDS = pytest.mark.parametrize("command", CHANGES, ids=lambda one: one.id)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")


@pytest.fixture(scope="module")
def runs(cluster: KubeServer, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """What became of each."""
    return Runs(cluster, tmp_path_factory.mktemp("commands"))


@COMMANDS
def test_the_cockpit_does_what_kubectl_does(
    command: Recorded, runs: Runs, kubectl_explained: Sequence[Explained]
) -> None:
    theirs, ours = runs.of("replay", command), runs.of("cockpit", command)
    sent = ours.requests
    if command.tries:
        theirs = replace(theirs, requests=tuple(map(unrehearsed, theirs.requests)))
        sent = tuple(unrehearsed(each) for each in sent)
    found = differences(theirs.requests, sent) | states(theirs, ours)
    assert "\n".join(unexplained(command.id, found, kubectl_explained)) == ""
    assert ours.plan is not None and bool(ours.plan.refusals) == (command.id in REFUSED), ours.plan
    assert command.id in INSTEAD or ours.intent is not None
    if ours.intent is not None and not command.tries:
        assert ours.intent.differs or to_be_told(command.id, found, kubectl_explained) == []
    changing = [each for each in ours.requests if each.is_change and not rehearses(each)]
    assert bool(ours.facts) == bool(changing), "what it sent changed something"


@pytest.mark.parametrize(
    "command", [each for each in CHANGES if each.id not in SHOWN_OTHERWISE], ids=lambda one: one.id
)
def test_the_command_that_a_plan_shows_is_understood_as_the_same(command: Recorded, runs: Runs) -> None:
    ours = runs.of("cockpit", command)
    assert ours.plan is not None and ours.again is not None and ours.again.refusals == ()
    assert ours.again.identity == ours.plan.identity
    first, second = (MOMENT.sub("", "\n".join(each.operation)) for each in (ours.plan, ours.again))
    assert first == second


@COMMANDS
@pytest.mark.skipif(not there_is_kubectl(), reason="kubectl is not installed here")
def test_kubectl_itself_does_what_it_did(command: Recorded, runs: Runs) -> None:
    itself, then = runs.of("kubectl", command), runs.of("replay", command)
    assert itself.facts == then.facts, "the recorded requests lead to the same state"
    assert itself.exit == command.exit or command.id.startswith("exec-"), "a node that can be entered was not there"


@pytest.mark.parametrize("command", [each for each in CHANGES if each.id in SEEN], ids=lambda one: one.id)
@pytest.mark.skipif(not there_is_kubectl(), reason="kubectl is not installed here")
def test_kubectl_sees_what_the_cockpit_did(command: Recorded, runs: Runs) -> None:
    answers = runs.of("cockpit", command).seen
    for (question, pattern), answer in zip(SEEN[command.id], answers, strict=True):
        assert re.search(pattern, answer), (question, answer)
