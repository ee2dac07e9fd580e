"""Analysis of call logs: what happened turn by turn, how fast, and what it cost.

`inspect_log` reads a log and returns its `Report`; `Inspector` does the same entry by entry. Reports
add up to a `Summary`. `find_logs` finds logs by name, `write_page` makes an HTML page of one. There
are no clocks here: all times are the log's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .histogram import Histogram
from .inspector import Inspector, inspect_log
from .logs import Log, find_logs
from .report import (
    CallProblem,
    CallReport,
    CostItem,
    CostReport,
    DelegationReport,
    DelegationStep,
    DifferenceReport,
    ErrorReport,
    FrameCount,
    GapReport,
    InterruptionReport,
    LiveReport,
    OutputReport,
    RateLimitReport,
    Report,
    ResponseReport,
    SessionReport,
    Turn,
    UsageReport,
    UserInput,
)
from .summary import Summary, WorstCall, percentiles

if TYPE_CHECKING:
    from .page import PageStats, write_page

__all__ = [
    "CallProblem", "CallReport", "CostItem", "CostReport", "DelegationReport", "DelegationStep",
    "DifferenceReport", "ErrorReport", "FrameCount", "GapReport", "Histogram", "Inspector",
    "InterruptionReport", "LiveReport", "Log", "OutputReport", "PageStats", "RateLimitReport", "Report",
    "ResponseReport", "SessionReport", "Summary", "Turn", "UsageReport", "UserInput", "WorstCall",
    "find_logs", "inspect_log", "percentiles", "write_page",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)


if not TYPE_CHECKING:
    # `page` needs numpy and is imported on first use.
    def __getattr__(name):
        if name in {"PageStats", "write_page"}:
            from . import page

            return getattr(page, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
