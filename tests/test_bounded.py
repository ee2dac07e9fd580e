"""Collections of bounded size: what is dropped, and what is recognised again."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from realtime._bounded import BoundedDict, SeenSet


@given(st.integers(1, 5), st.lists(st.integers(0, 8)))
def test_a_bounded_dict_has_the_newest_keys_in_order(limit: int, keys: list[int]) -> None:
    bounded: BoundedDict[int, str] = BoundedDict(limit)
    expected: list[int] = []
    for key in keys:
        expected = [*(k for k in expected if k != key), key]
        dropped = str(expected.pop(0)) if len(expected) > limit else None
        assert bounded.store(key, str(key)) == dropped
        assert list(bounded) == expected


def test_assignment_is_bounded_too() -> None:
    bounded: BoundedDict[str, int] = BoundedDict(2)
    for number, key in enumerate("abca"):
        bounded[key] = number
    assert bounded == {"c": 2, "a": 3}


def test_a_seen_set_recognises_the_last_keys_only() -> None:
    seen = SeenSet(2)
    assert seen.add("a", 1)
    assert seen.add("a", 2)
    assert not seen.add("a", 1)
    assert seen.add("b")
    assert seen.add("a", 1)
    other = SeenSet(2)
    other.update(seen)
    assert not other.add("b")


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies_and_pickles_keep_the_limit(clone: Callable[[Any], Any]) -> None:
    table = BoundedDict[str, int](2)
    table["a"], table["b"] = 1, 2
    cloned = clone(table)
    assert (cloned, cloned.limit) == (table, 2)
    cloned["c"] = 3
    assert (list(cloned), list(table)) == (["b", "c"], ["a", "b"])
