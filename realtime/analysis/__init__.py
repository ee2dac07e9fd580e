"""Logs of calls, understood: what happened turn by turn, how fast, and what it cost.

`inspect_log` reads a log once and gives its `Report`; `Inspector` does it entry by entry. Reports
add up to a `Summary`. `find_logs` finds what there is to inspect, `write_page` makes a page of one
log. No clocks: all times are the log's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .histogram import Histogram as Histogram
from .inspector import Inspector as Inspector, inspect_log as inspect_log
from .logs import Log as Log, find_logs as find_logs
from .report import (
    CallReport as CallReport,
    CostItem as CostItem,
    CostReport as CostReport,
    ErrorReport as ErrorReport,
    FrameCount as FrameCount,
    GapReport as GapReport,
    InterruptionReport as InterruptionReport,
    RateLimitReport as RateLimitReport,
    Report as Report,
    ResponseReport as ResponseReport,
    SessionReport as SessionReport,
    Turn as Turn,
    UsageReport as UsageReport,
    UserInput as UserInput,
)
from .summary import Summary as Summary, WorstCall as WorstCall, percentiles as percentiles

if TYPE_CHECKING:
    from .page import PageStats as PageStats, write_page as write_page
else:
    # Few want a page: its modules are imported when these are first named.
    def __getattr__(name):
        if name in {"PageStats", "write_page"}:
            from . import page

            return getattr(page, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
