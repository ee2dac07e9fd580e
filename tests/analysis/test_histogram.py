"""Histograms: quantiles within the stated error, however they were added up."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, strategies as st

from realtime.analysis import Histogram
from realtime.analysis.histogram import RELATIVE_ERROR

VALUES = st.lists(st.floats(0.01, 1e8), min_size=1, max_size=60)


def histogram(values: list[float]) -> Histogram:
    found = Histogram()
    for value in values:
        found.add(value)
    return found


@given(VALUES, st.floats(0, 1))
def test_a_quantile_is_off_by_the_stated_error_at_most(values: list[float], q: float) -> None:
    wanted = sorted(values)[max(1, math.ceil(q * len(values))) - 1]
    assert histogram(values).quantile(q) == pytest.approx(wanted, rel=RELATIVE_ERROR * 1.0001)


@given(VALUES, VALUES)
def test_two_add_up_to_one(left: list[float], right: list[float]) -> None:
    both = histogram(left) + histogram(right)
    total = histogram(left + right)
    assert (both.buckets, both.count, both.min, both.max) == (
        total.buckets,
        total.count,
        total.min,
        total.max,
    )
    assert both.sum == pytest.approx(total.sum)
    assert both.mean == pytest.approx(sum(left + right) / len(left + right))


def test_the_ends_are_exact() -> None:
    found = histogram([3.0, 1.0, 700.5])
    assert (found.quantile(0), found.quantile(1)) == (1.0, 700.5)
    assert found.mean == pytest.approx(704.5 / 3)


def test_empty() -> None:
    found = Histogram() + Histogram()
    assert found == Histogram()
    assert found.mean is found.quantile(0.5) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(-5.0, 0.0), (0.0, 0.0), (1e300, 1e300), (math.inf, None), (math.nan, None)]
)
def test_unusual_values(value: float, expected: float | None) -> None:
    found = histogram([value])
    assert found.quantile(0.5) == found.max == expected
    assert found.count == (expected is not None)


def test_memory_is_bounded() -> None:
    found = histogram([10 ** (n / 1000) for n in range(-4000, 12_000)])
    assert len(found.buckets) < 1_300


def test_quantiles_outside_of_0_and_1_are_refused() -> None:
    with pytest.raises(ValueError, match="within 0 and 1"):
        Histogram().quantile(50)


def test_json_and_back() -> None:
    found = histogram([1.0, 20.0, 3e5])
    assert msgspec.json.decode(msgspec.json.encode(found), type=Histogram) == found


def test_only_histograms_add_up() -> None:
    with pytest.raises(TypeError):
        Histogram() + 1  # type: ignore[operator]
    found = Histogram()
    with pytest.raises(TypeError):
        found += 1  # type: ignore[arg-type]
