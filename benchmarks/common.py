"""What every benchmark shares: how long it is measured, and what is skipped."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

Calls = dict[tuple[Any, ...], Callable[[], object]]


class Timed:
    """Short but steady: samples of 10 ms, the median of 5 to 20, in one process.

    For figures to publish, ask asv for more: ``ARGS="-a rounds=3 -a warmup_time=0.2"``.
    """

    rounds = 1
    warmup_time = 0.05
    sample_time = 0.01
    repeat = (5, 20, 0.3)


def absent(calls: Mapping[tuple[Any, ...], object], params: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Combinations of `params` that nobody here can do: the peer is not installed."""
    return [combination for combination in product(*params) if combination not in calls]


def optional(name: str) -> Any:
    """The module `name`, or None where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # audioop, until 3.13 drops it
        try:
            return importlib.import_module(name)
        except ImportError:
            return None
