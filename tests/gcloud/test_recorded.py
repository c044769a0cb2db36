"""The recorded facts themselves: complete, generic, and what Google's documents say gcloud may send."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from .discovery import Discovery, Exchange, excused
from .explained import table, unexplained
from .recorded import FILE, recorded

CONTRACTS = Path(__file__).parents[3] / "shared/contracts/gcloud.jsonl"
# Lines of the contracts that are not compared, and why.
LEFT_OUT = {
    "another product: no source of a profile is a bucket": (7, 106),
    "a tunnel through a machine, or an entry in the kubeconfig: the cockpit looks without": (34, 68, 105),
    "domain mappings as gcloud refuses them; those of its beta are compared": (55, 56, 57),
    "asked of the registry itself, which is no API of Google's; the cockpit asks Artifact Registry behind it": (70,),
    "asked of Cloud Monitoring over gRPC, where gcloud has no command or asks for limits only": (14, 107),
    "a new service: the cockpit deploys onto the services of its profile": (17,),
    "sessions of the database are looked at by SQL; gcloud opens the instance to the caller's address": (33, 44),
    "the pane follows the log by polling, with the profile's filter": (35, 108),
    "the value of a secret is never read": (72, 95),
    "a share for whatever is latest, or a new revision without traffic: no action is the same": (81, 88),
    "a rehearsal of a file: every plan has its own": (91,),
}  # fmt: skip
_WORD = re.compile(r"[\w.-]+")


def words(value: Any) -> list[str]:
    """Of a command or a request, in their order."""
    return _WORD.findall(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


@pytest.mark.skipif(not CONTRACTS.exists(), reason="the contracts are kept beside the repository, and not here")
def test_every_contract_is_kept_under_names_of_our_own_or_left_out_for_a_reason() -> None:
    lines = [json.loads(line) for line in CONTRACTS.read_text(encoding="utf-8").splitlines()]
    kept = {each.line: each for each in recorded()}
    left_out = [number for numbers in LEFT_OUT.values() for number in numbers]
    assert sorted([*kept, *left_out]) == list(range(1, len(lines) + 1))
    renamed: dict[str, str] = {}
    raw = {each["line"]: each for each in map(json.loads, FILE.read_text(encoding="utf-8").splitlines())}
    for number, ours in kept.items():
        theirs = lines[number - 1]
        assert ours.exit == theirs["exit"]
        sent = [{**each, "host_service": each["service"]} for each in raw[number]["requests"]]
        asked = [{key: each[key] for key in each if key != "times"} for each in theirs["requests"]]
        ours_sent = [{key: each[key] for key in before} for each, before in zip(sent, asked, strict=True)]
        for one, other in ((theirs["ran"], " ".join(ours.argv)), (asked, ours_sent)):
            for original, generic in zip(words(one), words(other), strict=True):
                assert renamed.setdefault(original, generic) == generic, (number, original)
    assert len(set(renamed.values())) == len(renamed), "two names became one"


def test_the_commands_are_told_apart() -> None:
    every = recorded()
    assert len({each.id for each in every}) == len({each.line for each in every}) == len(every)
    assert all(shlex.split(each.command) == list(each.argv) for each in every)


def test_what_gcloud_sent_is_what_the_documents_say(discovery: Discovery) -> None:
    sent = [request for command in recorded() for request in command.requests]
    faults = {
        fault
        for each in sent
        for fault in discovery.faults(Exchange(each.method, re.sub(r"<\w+>", "1", each.path), each.query, each.body))
    }
    assert len(sent) > 150
    assert {fault for fault in faults if not excused(fault)} == set()
    assert {fault for fault in faults if excused(fault)}, "an excuse that nothing needs"


def test_the_table_names_only_commands_that_there_are() -> None:
    entries = table([each.id for each in recorded()])
    assert all(each.commands and each.kinds and each.why.endswith(".") for each in entries)
    with pytest.raises(ValueError, match="no recorded command is called"):
        table(["sql-list"])


def test_a_difference_without_an_entry_and_an_entry_without_a_difference_are_both_wrong() -> None:
    entries = table([each.id for each in recorded()])
    explained = {"query alt", "body settings.settingsVersion"}
    wrong = unexplained("sql-tier", explained | {"state sql/pay-db/zone"}, entries)
    assert wrong[0] == "not explained: state sql/pay-db/zone"
    assert any("there is no 'dialect sqladmin.v1beta4 sqladmin.v1'" in each for each in wrong)
    assert not any("alt" in each or "settingsVersion" in each for each in wrong)
