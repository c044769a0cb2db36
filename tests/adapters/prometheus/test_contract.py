"""One suite over the real Prometheus and the fake: what panels say of the same measurements."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.errors import CockpitError, Misconfigured
from cockpit.model.metrics import MetricPanel, MetricsStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.text import UNSAFE

from ...servers.prometheus import shop
from .conftest import Maker


def panel(query: str, **more: Any) -> dict[str, Any]:
    return {"title": query, "query": query, **more}


async def panels(
    board: Maker, url: str, *wanted: dict[str, Any], **more: Any
) -> tuple[Observation, list[MetricPanel]]:
    seen = await board(url, list(wanted), **more).probe()
    assert isinstance(seen.payload, MetricsStatus)
    return seen, list(seen.payload.panels)


async def test_lines_up_to_this_moment_the_largest_kept(board: Maker, url: str) -> None:
    seen, (memory,) = await panels(board, url, panel("memory_bytes", unit="B", legend="pod"))
    assert (seen.severity, seen.summary) == (Severity.OK, "1 panel")
    assert [each.label for each in memory.series] == [
        "api-0",
        "api-10",
        "api-11",
        *(f"api-{n}" for n in range(5, 10)),
    ]
    assert (memory.more, memory.metric, memory.failure) == (4, "memory_bytes", "")
    grown = memory.series[0].points
    assert (grown[0].at, grown[-1].at) == (shop.AT - 3600, shop.AT)
    assert (grown[0].value, grown[-1].value) == (720e6, 900e6)
    assert len(grown) == 241
    status = seen.payload
    assert isinstance(status, MetricsStatus)
    assert (status.notes, status.way) == ((), "")
    assert url.endswith(status.server)


async def test_a_bound_counts_once_it_is_broken_for_long_enough(board: Maker, url: str) -> None:
    wanted = [
        panel("memory_bytes", unit="B", warn="> 8e8", critical="> 9.5e8"),
        panel("memory_bytes", critical="> 8e8", **{"for": 1800}),
        panel("memory_bytes", critical="> 8e8", **{"for": 2400}),
        panel("memory_bytes", warn="< 1.015e8"),
    ]
    seen, found = await panels(board, url, *wanted)
    assert [each.severity for each in found] == [Severity.WARN, Severity.CRIT, Severity.OK, Severity.WARN]
    assert shop.AT - found[0].breach_s == pytest.approx(2000, abs=31)
    assert seen.summary == "memory_bytes 900.0M"
    assert "api-0" not in [each.label for each in found[3].series], "the smallest are kept where less is worse"


async def test_what_is_no_number_is_no_point(board: Maker, url: str) -> None:
    _, (odd,) = await panels(board, url, panel("odd"))
    said = {each.label: (each.points[-1].value, each.points[-1].at) for each in odd.series}
    assert set(said) == {"nan", "well"}
    assert said["well"] == (-0.5, shop.AT)
    assert shop.AT - said["nan"][1] == pytest.approx(600, abs=31), "the last that was one"


async def test_a_series_that_has_ended_is_kept_and_judges_no_more(board: Maker, url: str) -> None:
    _, (gone,) = await panels(board, url, panel("gone", critical="> 5"))
    ended = next(each for each in gone.series if each.label == "old")
    assert gone.severity is Severity.OK
    # Prometheus itself looks back for five minutes where nothing says that a series has ended.
    assert shop.AT - ended.points[-1].at == pytest.approx(1830 - 300, abs=31)


@pytest.mark.parametrize(
    ("query", "said", "hint"),
    [
        ("sum(", "bad data: 1:5: parse error: unclosed left parenthesis", "correct the query"),
        ("memory_bytes[5m]", "bad data: invalid expression type", "correct the query"),
        ("sum_over_time(memory_bytes[2h])", "execution: query processing would load too many samples", "computed"),
    ],
)
async def test_one_query_that_fails_is_its_own_panels_failure(
    board: Maker, url: str, query: str, said: str, hint: str
) -> None:
    seen, (wrong, fine) = await panels(board, url, panel(query), panel("up"))
    assert said in wrong.failure
    assert hint in wrong.hint
    assert (wrong.severity, fine.severity) == (Severity.UNKNOWN, Severity.OK)
    assert seen.summary == "1 of 2 panels unknown"
    with pytest.raises(Misconfigured, match=said.partition(":")[0]):
        await board(url, []).ask(query, 3600.0)


async def test_a_query_that_finds_nothing_is_unknown(board: Maker, url: str) -> None:
    seen, (none,) = await panels(board, url, panel("there_is_none"))
    assert (none.severity, none.series, none.failure) == (Severity.UNKNOWN, (), "")
    assert seen.severity is Severity.UNKNOWN


async def test_a_server_that_no_longer_scrapes_is_found_out_while_it_goes_on_answering(
    board: Maker, url: str
) -> None:
    seen, (up,) = await panels(board, url, panel("up"), later_s=200.0)
    assert up.severity is Severity.OK, "the last value is answered for five minutes"
    assert (seen.severity, seen.summary) == (Severity.UNKNOWN, "no new scrapes")
    assert isinstance(seen.payload, MetricsStatus)
    assert seen.payload.notes == ("its newest scrape of any target is 200 s old: values may be of then",)


async def test_text_from_labels_is_cleaned(board: Maker, url: str) -> None:
    _, (hostile,) = await panels(board, url, panel("hostile", legend="pod"))
    (line,) = hostile.series
    assert "red" in line.label
    assert not UNSAFE.search(line.label)


async def test_a_question_is_asked_once_with_what_there_is_to_say(board: Maker, url: str) -> None:
    asked, notes = await board(url, []).ask("gone", 600.0)
    assert ([each.label for each in asked.series], notes) == ([""], ())


async def test_the_doctor_names_server_and_each_query(board: Maker, url: str) -> None:
    found = await board(url, [panel("up"), panel("sum("), panel("there_is_none")]).diagnose()
    assert [each.ok for each in found] == [True, True, False, None]
    assert found[0].detail.startswith("version 2.")


async def test_where_there_is_no_api_the_source_fails_as_a_whole(board: Maker, url: str) -> None:
    with pytest.raises(CockpitError, match="has no Prometheus API there"):
        await board(f"{url}/wrong", [panel("up")]).probe()
