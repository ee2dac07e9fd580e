"""Summary: the sum of many calls, in bounded memory. Summaries made on different machines add up.

The order and grouping in which calls are added do not matter, except for rounding of sums and for
which of more than 200 names (models, error codes, event types) are counted separately: the rarest
ones are counted together as "(others)". Quantiles have the error of `Histogram`, 1 %.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from msgspec import UNSET, Struct, UnsetType, field

from ..state.cost import plus
from .histogram import Histogram
from .report import MAX_NAMES, OTHERS, LiveReport, Report, UsageReport

# The number of worst calls that are named, for each measure.
MAX_WORST: Final = 10
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


class WorstCall(Struct, frozen=True, order=True):
    """One of the worst calls, with its value of the measure."""

    value: float
    log: str


class Summary(Struct, kw_only=True):
    """The sum of many calls. `Summary.of(report)` is the summary of one.

    Fields that `Report` has too are sums of that field; `live.context_used` is the greatest one.
    `call_count` is the number of function calls. The others are:

    Attributes:
        calls: number of calls (logs).
        models, dialects: number of calls by model and by dialect.
        worst: the calls with the largest "latency_ms", "gap_ms", "errors", "interruptions" and "usd".
        known_usd: cost of all calls, without the items of unknown cost.
        unpriced: number of calls with an item of unknown cost.
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
    call_problems: dict[str, int] = {}
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
    live: LiveReport | UnsetType = UNSET

    @classmethod
    def of(cls, report: Report) -> Summary:
        """Return the summary of one call, which is named by the last file of its log."""
        log = report.logs[-1] if report.logs else ""
        summary = cls(
            calls=1,
            duration_ms=report.duration_ms,
            unpriced=report.cost.usd is None,
            models={report.model or "": 1},
            dialects=dict.fromkeys(report.dialects, 1),
            known_usd=report.cost.known_usd,
            worst={name: [WorstCall(value, log)] for name, value in _measures(report) if value > 0},
        )
        summary._add(report, _OF_REPORTS)
        return summary

    def add(self, report: Report) -> None:
        """Add a call to this summary."""
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
        self._add(other, [*_OF_REPORTS, "calls", "duration_ms", "unpriced", "models", "dialects"])
        self.known_usd = plus(self.known_usd, other.known_usd)
        for name, calls in other.worst.items():
            self.worst[name] = heapq.nlargest(MAX_WORST, [*self.worst.get(name, ()), *calls])
        return self

    def _add(self, other: Summary | Report, names: Iterable[str]) -> None:
        """Add the fields of these names."""
        for name in names:
            mine, more = getattr(self, name), getattr(other, name)
            if isinstance(mine, dict):
                _add_counts(mine, more)
            elif not isinstance(more, UnsetType):
                mine = LiveReport() if isinstance(mine, UnsetType) else mine
                setattr(self, name, mine + more)


# The fields that a report has too.
_OF_REPORTS: Final = [name for name in Summary.__struct_fields__ if name in Report.__struct_fields__]


def percentiles(histogram: Histogram) -> dict[str, float | None]:
    """Return the count, mean, p50, p90, p99 and max of a histogram, by these names."""
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


def _add_counts(counts: dict[str, int], more: dict[str, int]) -> None:
    """Add `more` to `counts`. The rarest names beyond `MAX_NAMES` are counted as `OTHERS`."""
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count
    if len(counts) <= MAX_NAMES:
        return
    others = counts.pop(OTHERS, 0)
    rarest = sorted(counts, key=lambda name: (counts[name], name))
    for name in rarest[: len(counts) - MAX_NAMES + 1]:
        others += counts.pop(name)
    counts[OTHERS] = others
