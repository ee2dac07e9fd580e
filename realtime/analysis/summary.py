"""Summary: many calls in bounded memory. Two add up to one, wherever each was made.

In any order and in any groups the same calls add up to the same summary, but for the last digits of
sums, and for which of more than 200 names (of models, error codes, event types) are counted by name:
the rarest stand together as "(others)", so that the sum is that of all. Percentiles are `Histogram`'s,
exact to 1 %.
"""

from __future__ import annotations

import heapq
from decimal import Decimal
from typing import Final

from msgspec import Struct, field

from ..state.cost import plus
from ._kept import MAX_NAMES, OTHERS
from .histogram import Histogram
from .report import Report, UsageReport

# How many of the worst calls are named, by each measure.
MAX_WORST: Final = 10
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


class WorstCall(Struct, frozen=True, order=True):
    """A call, and what it is among the worst for."""

    value: float
    log: str


class Summary(Struct, kw_only=True):
    """What calls add up to; `Summary.of(report)` is one call's.

    What `Report` has by the same names is added up. The rest:

    Attributes:
        calls: how many there are.
        models, dialects: of how many calls each was one.
        worst: the calls with the most of "latency_ms", "gap_ms", "errors", "interruptions" and "usd".
        known_usd: what they cost, less what is not known.
        unpriced: of how many calls something is not.
    """

    calls: int = 0
    duration_ms: float = 0.0
    nbytes: int = 0
    broken: int = 0
    undecodable: int = 0
    user_audio_ms: float = 0.0
    assistant_audio_ms: float = 0.0
    turn_count: int = 0
    response_count: int = 0
    call_count: int = 0
    interruption_count: int = 0
    gap_count: int = 0
    error_count: int = 0
    unpriced: int = 0
    models: dict[str, int] = {}
    dialects: dict[str, int] = {}
    statuses: dict[str, int] = {}
    interrupted_by: dict[str, int] = {}
    error_codes: dict[str, int] = {}
    unknown_types: dict[str, int] = {}
    latency: Histogram = field(default_factory=Histogram)
    created_latency: Histogram = field(default_factory=Histogram)
    call_time: Histogram = field(default_factory=Histogram)
    gap_time: Histogram = field(default_factory=Histogram)
    usage: UsageReport = field(default_factory=UsageReport)
    known_usd: Decimal = Decimal(0)
    worst: dict[str, list[WorstCall]] = {}

    @classmethod
    def of(cls, report: Report) -> Summary:
        """One call's summary, named by the last file of its log."""
        summary = cls(calls=1, unpriced=report.cost.usd is None, known_usd=report.cost.known_usd)
        summary.duration_ms = report.duration_ms
        summary.usage += report.usage
        for name in (*_SUMS, *_HISTOGRAMS):
            setattr(summary, name, getattr(summary, name) + getattr(report, name))
        for name in _COUNTS:
            setattr(summary, name, dict(getattr(report, name)))
        summary.models = {report.model or "": 1}
        summary.dialects = dict.fromkeys(report.dialects, 1)
        log = report.logs[-1] if report.logs else ""
        summary.worst = {name: [WorstCall(value, log)] for name, value in _measures(report) if value > 0}
        return summary

    def add(self, report: Report) -> None:
        """Add a call."""
        self += Summary.of(report)

    def __add__(self, other: Summary) -> Summary:
        if not isinstance(other, Summary):
            return NotImplemented
        both = Summary()
        both += self
        both += other
        return both

    def __iadd__(self, other: Summary) -> Summary:
        if not isinstance(other, Summary):
            return NotImplemented
        for name in (*_SUMS, "calls", "duration_ms", "unpriced", "usage", *_HISTOGRAMS):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in (*_COUNTS, "models", "dialects"):
            _count(getattr(self, name), getattr(other, name))
        self.known_usd = plus(self.known_usd, other.known_usd)
        for name, calls in other.worst.items():
            self.worst[name] = heapq.nlargest(MAX_WORST, [*self.worst.get(name, ()), *calls])
        return self


_SUMS: Final = (
    "nbytes", "broken", "undecodable", "user_audio_ms", "assistant_audio_ms", "turn_count", "response_count",
    "call_count", "interruption_count", "gap_count", "error_count",
)  # fmt: skip
_HISTOGRAMS: Final = ("latency", "created_latency", "call_time", "gap_time")
_COUNTS: Final = ("statuses", "interrupted_by", "error_codes", "unknown_types")


def percentiles(histogram: Histogram) -> dict[str, float | None]:
    """Count, mean, p50, p90, p99 and the most of a histogram, by these names."""
    found = {name: histogram.quantile(q) for name, q in _QUANTILES.items()}
    return {"count": histogram.count, "mean": histogram.mean, **found, "max": histogram.max}


def _measures(report: Report) -> list[tuple[str, float]]:
    return [
        ("latency_ms", report.latency.max or 0.0),
        ("gap_ms", report.gap_time.max or 0.0),
        ("errors", float(report.error_count)),
        ("interruptions", float(report.interruption_count)),
        ("usd", float(report.cost.known_usd)),
    ]


def _count(into: dict[str, int], more: dict[str, int]) -> None:
    """Add counts; beyond so many names, the least of them in one place."""
    for name, count in more.items():
        into[name] = into.get(name, 0) + count
    while len(into) > MAX_NAMES:
        least = min((name for name in into if name != OTHERS), key=lambda name: (into[name], name))
        into[OTHERS] = into.get(OTHERS, 0) + into.pop(least)
