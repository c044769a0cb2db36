"""The recorded facts themselves: complete, generic, and every difference explained exactly."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ..gcloud.explained import table, unexplained
from .compare import about, differences, effects, rehearses
from .conftest import FILE as TABLE
from .recorded import FILE, Sent, recorded

CONTRACTS = Path(__file__).parents[3] / "shared/contracts"
# Lines of the contracts that are not compared, and why. What is compared leaves this table.
LEFT_OUT = {
    "kubectl": {
        "cluster.apply does it, on the server's side: tests/actions/kube/test_apply.py, by what comes of it": (6, 38),
    },
    "kubectl_extra": {
        "it asks for rights: every plan does, for exactly those that it needs": (1, 2, 3),
        "the recorded server (1.20) does not say who asks, and no look does": (4,),
        "this kubectl does not know the flag there, and sends nothing": (7,),
        "no action sets a variable of a template: what is read from a ConfigMap is changed there": (17,),
        "a whole object for another program to read: panes and looks show what people read": (25,),
        "logs from a moment on, up to a number of bytes: the look takes spans and lines": (28,),
        "the server's own health, which a reading that fails tells": (36,),
        "cluster.apply does it, and compares first: tests/actions/kube/test_apply.py": (38, 39),
        "no action only annotates: each writes the cause of its change itself": (40,),
    },
}
_WORD = re.compile(r"[\w.-]+")
_KEYS = ("method", "path", "query", "content_type", "accept", "body", "status")


def words(value: Any) -> list[str]:
    """Of a command or a request, in their order."""
    return _WORD.findall(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


@pytest.mark.skipif(not CONTRACTS.exists(), reason="the contracts are kept beside the repository, and not here")
def test_every_contract_is_kept_under_names_of_our_own_or_left_out_for_a_reason() -> None:
    raw = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    renamed: dict[str, str] = {}
    for contract, reasons in LEFT_OUT.items():
        text = (CONTRACTS / f"{contract}.jsonl").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        kept = {each["line"]: each for each in raw if each["contract"] == contract}
        left_out = [number for numbers in reasons.values() for number in numbers]
        assert sorted([*kept, *left_out]) == list(range(1, len(lines) + 1))
        for number, ours in kept.items():
            theirs = lines[number - 1]
            assert ours["exit"] == theirs["rc"]
            asked = [{key: each.get(key) for key in _KEYS} for each in theirs["requests"]]
            for one, other in ((theirs["as_run"], ours["command"]), (asked, ours["requests"])):
                for original, generic in zip(words(one), words(other), strict=True):
                    assert renamed.setdefault(original, generic) == generic, (number, original)
    assert len(set(renamed.values())) == len(renamed), "two names became one"


def test_the_commands_are_told_apart() -> None:
    every = recorded()
    assert len({each.id for each in every}) == len({(each.contract, each.line) for each in every}) == len(every)
    assert all(each.requests or each.exit for each in every), "what sends nothing is refused by kubectl"


def test_the_table_names_only_commands_that_there_are_and_is_exact_both_ways() -> None:
    entries = table([each.id for each in recorded()], TABLE)
    assert all(each.commands and each.kinds and each.why.endswith(".") for each in entries)
    wrong = unexplained("pause", {"tests metadata.uid", "state service/web/selector/app"}, entries)
    assert wrong[0] == "not explained: state service/web/selector/app"
    assert any("there is no 'rehearses'" in each for each in wrong)


SCALE = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
MERGE, JSON = "application/merge-patch+json", "application/json-patch+json"
SET = {"op": "add", "path": "/spec/replicas", "value": 2}


@pytest.mark.parametrize(
    ("ours", "found"),
    [
        ([Sent("PATCH", SCALE, {}, MERGE, {"spec": {"replicas": 2}})], set()),
        ([Sent("PATCH", SCALE, {}, JSON, [SET])], {"content merge-patch+json json-patch+json"}),
        ([Sent("PATCH", SCALE, {}, MERGE, {"spec": {"replicas": 3}})], {"body spec.replicas"}),
        ([Sent("PATCH", SCALE.replace("web", "api"), {}, MERGE, {"spec": {"replicas": 2}})],
         {"also changes deployments/api/scale", "does not change deployments/web/scale"}),
        ([], {"does not change deployments/web/scale"}),
        ([Sent("PATCH", SCALE, {}, MERGE, {"spec": {"replicas": 2}})] * 2, {"changes more than once"}),
    ],
)  # fmt: skip
def test_the_comparison_sees_what_it_is_there_for(ours: list[Sent], found: set[str]) -> None:
    assert differences([Sent("PATCH", SCALE, {}, MERGE, {"spec": {"replicas": 2}})], ours) == found


def test_a_rehearsal_is_one_only_where_the_server_looks_for_it() -> None:
    dry = {"dryRun": "All"}
    assert rehearses(Sent("PATCH", SCALE, dry, MERGE, {}))
    assert not rehearses(Sent("DELETE", SCALE, dry, "application/json", {"kind": "DeleteOptions"}))
    assert rehearses(Sent("DELETE", SCALE, {}, "application/json", {"dryRun": ["All"]}))
    assert about(Sent("GET", "/apis/policy/v1", {}, "", None)) == "discovery"
    assert effects(Sent("PATCH", SCALE, {}, JSON, [{"op": "add", "path": "/a~1b/c~0d", "value": {"e": 1}}])) == {
        "a/b.c~d.e": 1
    }
