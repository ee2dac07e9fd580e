"""Histogram: the distribution of values in bounded memory, with a stated error.

Buckets are of equal width on a logarithmic scale, so a quantile is off by at most `RELATIVE_ERROR`
of itself, however many histograms were added up. Count, sum, minimum and maximum are exact.
"""

from __future__ import annotations

import math
import sys
from typing import Final

import msgspec

RELATIVE_ERROR: Final = 0.01
# Values outside this range count as its ends; it has fewer than 1,300 buckets.
_MIN_VALUE: Final = 0.01
_MAX_VALUE: Final = 1e9
_LOG_BASE: Final = math.log((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR))
_MIDDLE: Final = 1 - RELATIVE_ERROR


class Histogram(msgspec.Struct):
    """Values of one kind, such as latencies in milliseconds. Two histograms add up to one.

    Attributes: `buckets`, the number of values by bucket number; `count`, `sum`, `min` and `max` of
    all values (`min` and `max` are None if there are no values).
    """

    buckets: dict[int, int] = {}
    count: int = 0
    sum: float = 0.0
    min: float | None = None
    max: float | None = None

    def add(self, value: float) -> None:
        """Count a value. Negative values count as 0; NaN and infinity are ignored."""
        if not math.isfinite(value):
            return
        value = max(0.0, value)
        bucket = math.ceil(math.log(min(max(value, _MIN_VALUE), _MAX_VALUE)) / _LOG_BASE)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1
        self.sum = min(self.sum + value, sys.float_info.max)
        self.min = value if self.min is None else min(self.min, value)
        self.max = value if self.max is None else max(self.max, value)

    @property
    def mean(self) -> float | None:
        """The arithmetic mean; None if there are no values."""
        return self.sum / self.count if self.count else None

    def quantile(self, q: float) -> float | None:
        """Return the smallest value that a share `q` (0 to 1) of all values does not exceed.

        Returns None if there are no values.

        Raises:
            ValueError: `q` is not within 0 and 1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"q must be within 0 and 1, got {q}")
        if self.min is None or self.max is None:
            return None
        rank, passed, value = max(1, math.ceil(q * self.count)), 0, self.max
        for bucket in sorted(self.buckets) if rank < self.count else ():
            passed += self.buckets[bucket]
            if passed >= rank:
                value = math.exp(bucket * _LOG_BASE) * _MIDDLE
                break
        return min(max(value, self.min), self.max)

    def __add__(self, other: Histogram) -> Histogram:
        if not isinstance(other, Histogram):
            return NotImplemented
        both = Histogram(dict(self.buckets), self.count, self.sum, self.min, self.max)
        both += other
        return both

    def __iadd__(self, other: Histogram) -> Histogram:
        if not isinstance(other, Histogram):
            return NotImplemented
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.count += other.count
        self.sum = min(self.sum + other.sum, sys.float_info.max)
        self.min = min((value for value in (self.min, other.min) if value is not None), default=None)
        self.max = max((value for value in (self.max, other.max) if value is not None), default=None)
        return self
