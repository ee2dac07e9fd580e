"""Reorder against a simple model, and its limits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

from realtime import ConfigError
from realtime.telephony import Gap, Reorder
from realtime.telephony.order import MAX_DROPOUT, MAX_MISORDER


def _run(order: Reorder[int], numbers: list[int]) -> list[int | Gap]:
    return [x for number in numbers for x in order.push(number, number)] + order.flush()


def test_items_in_order_are_released_at_once() -> None:
    order: Reorder[str] = Reorder()
    assert [order.push(n, f"{n}") for n in range(5, 9)] == [["5"], ["6"], ["7"], ["8"]]
    assert order.flush() == []
    assert (order.lost, order.dropped, order.restarts) == (0, 0, 0)


def test_two_swapped_items() -> None:
    order: Reorder[str] = Reorder()
    assert order.push(1, "a") == ["a"]
    assert order.push(3, "c") == []
    assert order.push(2, "b") == ["b", "c"]


def test_a_missing_number_is_given_up_when_more_than_depth_wait() -> None:
    order: Reorder[int] = Reorder(2)
    assert order.push(1, 1) == [1]
    assert order.push(4, 4) == order.push(5, 5) == []
    assert order.push(7, 7) == [Gap(2), 4, 5]
    assert order.push(8, 8) == []
    assert order.push(3, 3) == []  # too late
    assert order.flush() == [Gap(1), 7, 8]
    assert (order.lost, order.dropped) == (3, 1)
    assert order.push(9, 9) == [9]


def test_duplicates_are_dropped() -> None:
    order: Reorder[int] = Reorder()
    assert _run(order, [1, 1, 3, 3, 2, 2, 3]) == [1, 2, 3]
    assert order.dropped == 4


def test_with_depth_0_nothing_waits() -> None:
    order: Reorder[int] = Reorder(0)
    assert [order.push(n, n) for n in (1, 3, 2, 4)] == [[1], [Gap(1), 3], [], [4]]


def test_first_number() -> None:
    order: Reorder[int] = Reorder(first=1)
    assert order.push(2, 2) == []
    assert order.push(1, 1) == [1, 2]
    order = Reorder(first=0, depth=1)
    assert _run(order, [1, 2]) == [Gap(1), 1, 2]


def test_numbers_wrap_around() -> None:
    order: Reorder[int] = Reorder(modulus=1 << 16)
    assert _run(order, [65534, 0, 65535, 1, 2]) == [65534, 65535, 0, 1, 2]
    order = Reorder(modulus=1 << 16)
    assert _run(order, [65535, 2]) == [65535, Gap(2), 2]


@pytest.mark.parametrize("far", [MAX_DROPOUT + 4, -MAX_MISORDER, 10**30, -(10**30)])
def test_a_stray_is_dropped_and_a_restart_is_followed(far: int) -> None:
    order: Reorder[int] = Reorder()
    assert order.push(1, 1) == [1]
    assert order.push(far, far) == []
    assert order.push(2, 2) == [2]
    assert (order.dropped, order.restarts) == (1, 0)
    assert order.push(4, 4) == []
    assert order.push(far, far) == []
    assert order.push(far + 1, far + 1) == [Gap(1), 4, far, far + 1]
    assert order.push(far + 2, far + 2) == [far + 2]
    assert (order.dropped, order.restarts) == (1, 1)


def test_a_stray_replaces_a_stray() -> None:
    order: Reorder[int] = Reorder(modulus=1 << 16)
    assert _run(order, [1, 30_000, 40_000]) == [1]
    assert order.dropped == 2


def test_bounds_are_checked() -> None:
    for depth in (-1, MAX_DROPOUT):
        with pytest.raises(ConfigError):
            Reorder(depth)
    with pytest.raises(ConfigError):
        Reorder(modulus=2 * MAX_DROPOUT)


_NUMBERS = st.lists(st.integers(0, 40) | st.integers(-(10**6), 10**6), max_size=60)


@given(_NUMBERS, st.integers(0, 5), st.sampled_from([None, 1 << 16]))
def test_every_item_is_counted_and_at_most_depth_wait(
    numbers: list[int], depth: int, modulus: int | None
) -> None:
    order: Reorder[int] = Reorder(depth, modulus=modulus)
    out: list[int | Gap] = []
    for given_, number in enumerate(numbers, 1):
        out += order.push(number, number)
        items = [x for x in out if not isinstance(x, Gap)]
        assert given_ - len(items) - order.dropped <= depth + 1  # plus one stray
    out += order.flush()
    gaps = [x.count for x in out if isinstance(x, Gap)]
    assert len(numbers) == len(out) - len(gaps) + order.dropped
    assert sum(gaps) == order.lost
    assert all(0 < count <= MAX_DROPOUT for count in gaps)
    assert order.flush() == []


@given(st.integers(0, 65535), st.integers(0, 4), st.integers(0, 1 << 32))
def test_jitter_within_depth_loses_nothing(start: int, jitter: int, seed: int) -> None:
    rng = random.Random(seed)
    sent = list(range(start, start + 200))
    keys = {n: n + rng.uniform(0, jitter) for n in sent[1:]}
    arrived = [sent[0], *sorted(sent[1:], key=keys.__getitem__)]
    order: Reorder[int] = Reorder(jitter, modulus=1 << 16)
    out = [x for n in arrived for x in order.push(n % 65536, n)] + order.flush()
    assert out == sent
    assert (order.lost, order.dropped, order.restarts) == (0, 0, 0)


@given(st.lists(st.integers(1, 60), unique=True, min_size=1))
def test_gaps_are_where_numbers_are_missing(present: list[int]) -> None:
    numbers = sorted(present)
    out = _run(Reorder(2), numbers)
    at = numbers[0]
    for x in out:
        if isinstance(x, Gap):
            at += x.count
        else:
            assert x == at
            at += 1
    assert at == numbers[-1] + 1
