"""Measuring times, and skipping of absent peers, for all benchmarks."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

Calls = dict[tuple[Any, ...], Callable[[], object]]


class Timed:
    """Samples of 10 ms, 5 to 20 of them, in one process.

    For figures to publish, use more: ``ARGS="-a rounds=3 -a warmup_time=0.2"``.
    """

    rounds = 1
    warmup_time = 0.05
    sample_time = 0.01
    repeat = (5, 20, 0.3)


def absent(calls: Mapping[tuple[Any, ...], object], params: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Return the combinations of `params` without a call, because the peer is not installed."""
    return [combination for combination in product(*params) if combination not in calls]


def optional(name: str) -> Any:
    """Return the module `name`, or None if it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # audioop, until 3.13 drops it
        try:
            return importlib.import_module(name)
        except ImportError:
            return None
