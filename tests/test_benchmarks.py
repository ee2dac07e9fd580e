"""Each benchmark runs once, and the report says what the results say."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

pytest.importorskip("pybase64")
from benchmarks import client, document, load, memory, report, whole_call

MODULES = ("codec", "audio", "state", "telephony", "analysis", "peers", "peers_audio", "peers_analysis")


def timed() -> Iterator[Any]:
    for name in MODULES:
        module = importlib.import_module(f"benchmarks.{name}")
        for _, benchmark in inspect.getmembers(module, inspect.isclass):
            if benchmark.__module__ == module.__name__ and hasattr(benchmark, "calls"):
                yield pytest.param(benchmark, id=f"{name}.{benchmark.__name__}")


@pytest.mark.parametrize("benchmark", [*timed()])
def test_every_combination_is_measured_or_skipped(benchmark: Any) -> None:
    combinations = set(product(*benchmark.params))
    skipped = set(getattr(benchmark, "skip_params", ()))
    assert set(benchmark.calls) == combinations - skipped
    assert len(benchmark.params) == len(benchmark.param_names)
    (measure,) = [getattr(benchmark(), name) for name in dir(benchmark) if name.startswith("time_")]
    for combination in benchmark.calls:
        if not any(isinstance(part, int) and part > 10_000 for part in combination):
            measure(*combination)


@pytest.mark.slow
def test_the_tracks_give_plausible_figures() -> None:
    kept = memory.PerEvent().track_bytes_per_event("realtime", "text delta")
    assert 100 < kept < 1_000
    assert whole_call.cpu_per_call_second("realtime", "g711_ulaw", min_cpu_s=0.01) > 0
    assert load.calls_per_core(100, calls=2, seconds=0.5) > 0


@pytest.mark.slow
@pytest.mark.parametrize("by", client.CLIENTS)
def test_a_client_is_measured_in_a_call(by: str) -> None:
    for module in ("picows", "uvloop", "openai"):
        pytest.importorskip(module)
    found = client.measure(by, "g711_ulaw", calls=1, seconds=2.0)
    assert found["cpu_ms"] >= 0
    assert found["events"] > 0


def _results() -> dict[str, report.Times]:
    """Ours takes 2 us and the peer 42, of which 1 is the call's."""
    times: report.Times = {}
    for by, seconds in (("realtime", 3e-6), ("openai", 43e-6), ("msgspec", None), ("nothing", 1e-6)):
        times[by, "160"] = seconds
        times[by, "960"] = seconds
    return {document.DELTA: times}


def test_ratios_are_the_peers_time_by_ours() -> None:
    table = [*report.lines("audio delta", _results()[document.DELTA])]
    assert [line.split() for line in table] == [
        ["audio", "delta", "160", "960"],
        ["realtime", "2.00", "us", "2.00", "us"],
        ["openai", "x21.00", "x21.00"],
        ["msgspec", "-", "-"],
    ]


def test_the_page_has_the_table_of_the_results() -> None:
    text = document.page(_results())
    assert "\n".join(report.lines("audio delta to int16, bytes", _results()[document.DELTA])) in text


def test_plots_are_of_what_was_measured() -> None:
    (_, _, _, curves), *_ = document.plots_of(_results())
    assert [size for size, _ in curves["realtime"]] == [160.0, 960.0]
    assert [us for _, us in curves["realtime"]] == pytest.approx([2.0, 2.0])
    assert set(curves) == {"realtime", "openai"}
