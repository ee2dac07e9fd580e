"""Summaries: the same in any order and grouping, in bounded memory."""

from __future__ import annotations

import itertools
import pickle
from decimal import Decimal
from functools import reduce

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from realtime.analysis import Report, Summary, percentiles
from realtime.analysis.report import MAX_NAMES, OTHERS
from realtime.analysis.summary import MAX_WORST
from tests.analysis.scenes import Scene, usage


def report(number: int) -> Report:
    scene = Scene().begin(f"sess_{number}")
    scene.speech("a", 0, 0)
    scene.created("r")
    scene.now += 100 + number * 10
    scene.audio("r", 20)
    scene.now += 500 + number
    scene.audio("r", 20)
    scene.done("r", "cancelled" if number % 2 else "completed", usage=usage(10, 10, 5, number, 1))
    for _ in range(number % 3):
        scene.server("error", error={"type": "t", "code": f"code_{number}", "message": "m"})
    scene.server(f"new.{number % 4}")
    found = scene.report()
    found.logs = [f"call_{number:02}.jsonl"]
    return found


REPORTS = [report(number) for number in range(20)]


def close(left: Summary, right: Summary) -> bool:
    """Return True if two summaries are equal, apart from rounding."""
    mine, theirs = msgspec.to_builtins(left), msgspec.to_builtins(right)
    for found in (mine, theirs):
        for name in ("latency", "created_latency", "call_time", "gap_time"):
            found[name]["sum"] = round(found[name]["sum"], 6)
        for name in ("duration_ms", "user_audio_ms", "assistant_audio_ms"):
            found[name] = round(found[name], 6)
    return bool(mine == theirs)


TOTAL = reduce(lambda summary, found: summary + Summary.of(found), REPORTS, Summary())


def test_a_summary_has_the_figures_of_its_calls() -> None:
    assert TOTAL.calls == 20
    assert TOTAL.models == {"gpt-realtime-2": 20}
    assert TOTAL.dialects == {"ga": 20}
    assert TOTAL.statuses == {"completed": 10, "cancelled": 10}
    assert TOTAL.interruption_count == 10
    assert TOTAL.latency.count == 20
    assert TOTAL.error_count == sum(TOTAL.error_codes.values()) == 19
    assert TOTAL.usage.responses.output == sum(range(20)) + 20
    assert TOTAL.known_usd == sum((found.cost.known_usd for found in REPORTS), Decimal(0))
    found = percentiles(TOTAL.latency)
    assert (found["count"], found["max"]) == (20, 290)
    assert found["p50"] == pytest.approx(190, rel=0.01)


def test_the_worst_are_named() -> None:
    slowest = TOTAL.worst["latency_ms"]
    assert len(slowest) == MAX_WORST
    assert [call.log for call in slowest[:2]] == ["call_19.jsonl", "call_18.jsonl"]
    assert slowest[0].value == 290
    assert {call.value for call in TOTAL.worst["errors"]} == {2.0, 1.0}
    assert TOTAL.worst["gap_ms"][0].value == pytest.approx(499)


@settings(max_examples=60)
@given(st.permutations(range(20)), st.lists(st.integers(0, 20), max_size=4))
def test_order_and_grouping_do_not_matter(order: list[int], cuts: list[int]) -> None:
    ends = [*sorted(cuts), len(order)]
    groups = []
    for start, end in zip([0, *ends], ends, strict=False):
        group = Summary()
        for number in order[start:end]:
            group.add(REPORTS[number])
        groups.append(group)
    assert close(reduce(Summary.__add__, groups, Summary()), TOTAL)


def test_adding_changes_neither_side() -> None:
    left, right = Summary.of(REPORTS[0]), Summary.of(REPORTS[1])
    before = msgspec.json.encode([left, right])
    both = left + right
    both.add(REPORTS[2])
    both += both
    assert msgspec.json.encode([left, right]) == before
    assert both.calls == 6
    with pytest.raises(TypeError):
        left + 1  # type: ignore[operator]


def test_only_summaries_are_added() -> None:
    summary = Summary()
    with pytest.raises(TypeError):
        summary += 1  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        summary.usage + 1  # type: ignore[operator]


def test_json_and_pickle() -> None:
    assert msgspec.json.decode(msgspec.json.encode(TOTAL), type=Summary) == TOTAL
    assert pickle.loads(pickle.dumps(TOTAL)) == TOTAL


def test_names_are_bounded() -> None:
    summary = Summary()
    for number in range(MAX_NAMES + 50):
        found = Report(error_codes={f"code_{number:04}": 1 + (number == 3)}, error_count=1)
        summary.add(found)
    assert len(summary.error_codes) == MAX_NAMES
    assert sum(summary.error_codes.values()) == MAX_NAMES + 51
    assert summary.error_codes["code_0003"] == 2
    assert summary.error_codes[OTHERS] == 51


def test_beyond_the_limit_of_names_only_sums_are_independent_of_order() -> None:
    """The names of the rarest depend on the order; the number of errors does not."""
    found = [
        Report(error_codes={f"{letter}{number:03}": 1 + number // 140 for number in range(size)})
        for letter, size in (("a", 200), ("b", 150), ("a", 150))
    ]
    sums = [
        reduce(Summary.__add__, map(Summary.of, order), Summary()).error_codes
        for order in itertools.permutations(found)
    ]
    assert {sum(codes.values()) for codes in sums} == {200 + 60 + 150 + 10 + 150 + 10}
    assert {len(codes) for codes in sums} == {MAX_NAMES}
    assert len({codes[OTHERS] for codes in sums}) > 1
    for codes in sums:
        assert {name: codes[name] for name in ("a149", "b149", "a199")} == {"a149": 4, "b149": 2, "a199": 2}


def test_a_call_without_a_log_or_a_model() -> None:
    summary = Summary.of(Report())
    assert (summary.models, summary.worst, summary.unpriced) == ({"": 1}, {}, 0)
