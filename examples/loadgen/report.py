"""Report: the figures of a run, as JSON or as lines to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from realtime.analysis import Histogram

from .tally import Tally

# How many types of frames are listed, the most frequent ones.
LISTED_TYPES: Final = 4


class Spread(msgspec.Struct):
    """Percentiles of durations in milliseconds; None without values."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None

    @classmethod
    def of(cls, values: Histogram) -> Spread:
        """Return the percentiles of `values`."""
        found = (*map(values.quantile, (0.5, 0.95, 0.99)), values.max)
        return cls(values.count, *(None if value is None else round(value, 2) for value in found))


class Report(msgspec.Struct, kw_only=True):
    """Settings and results of a run. Members of `Tally` have the same names here.

    Attributes:
        requested: the number of calls requested.
        is_stopped: True if the run was stopped early.
        generator_is_late: True if the generator sent 1 in 100 appends later than the duration of an append.
        server_cpu_seconds: None for a server that was not started here.
        calls_per_core: seconds of calls per second of the server's CPU time.
    """

    requested: int
    seconds: float
    ptime_ms: float
    format: str
    server: str
    is_stopped: bool
    is_clean: bool
    calls: int
    opened: int
    finished: int
    at_once: int
    call_seconds: float
    turns: int
    answers: int
    interrupted: int
    wrong: int
    audio_bytes: int
    sent: dict[str, int]
    received: dict[str, int]
    lost: dict[str, int]
    errors: dict[str, int]
    connect_ms: Spread
    answer_ms: Spread
    after_stop_ms: Spread
    lateness_ms: Spread
    delayed_appends: int
    generator_is_late: bool
    generator_cpu_seconds: float
    server_cpu_seconds: float | None
    calls_per_core: float | None

    @classmethod
    def of(cls, tally: Tally, server_cpu: float | None, **settings: object) -> Report:
        """Return the report of a run. `settings` are the members that are not in the tally."""
        members: dict[str, Any] = {**settings, "is_clean": tally.is_clean}
        for name in cls.__struct_fields__:
            if hasattr(tally, name):
                members[name] = _member(getattr(tally, name))
        members["generator_is_late"] = (members["lateness_ms"].p99 or 0.0) > members["ptime_ms"]
        members["generator_cpu_seconds"] = round(tally.cpu_seconds, 3)
        members["server_cpu_seconds"] = None if server_cpu is None else round(server_cpu, 3)
        members["calls_per_core"] = round(tally.call_seconds / server_cpu, 1) if server_cpu else None
        return cls(**members)


def _member(value: object) -> object:
    if isinstance(value, Histogram):
        return Spread.of(value)
    return dict(value.most_common()) if isinstance(value, Counter) else value


def lines(report: Report) -> Iterator[str]:
    """Yield the lines to print after a run."""
    yield (
        f"{report.requested} calls at once for {report.seconds:g} s: {report.format} in appends of "
        f"{report.ptime_ms:g} ms to {report.server}"
    )
    yield ""
    yield f"calls         {report.calls} made, {report.finished} completed; at most {report.at_once} open at once"
    yield (
        f"answers       {report.answers} complete, {report.interrupted} interrupted, {report.wrong} wrong; "
        f"{report.turns} turns"
    )
    yield f"audio         {report.call_seconds:,.0f} s sent; {report.audio_bytes:,} bytes returned unchanged"
    yield _frames("sent", report.sent)
    yield _frames("received", report.received)
    yield f"lost          {_counted(report.lost) or 'nothing'}"
    yield f"errors        {_counted(report.errors) or 'none'}"
    yield _spread("connected", report.connect_ms, "to a session with its settings")
    yield _spread("first audio", report.answer_ms, "after the append that ended a turn was due")
    yield _spread("", report.after_stop_ms, "after speech_stopped")
    yield _spread("lateness", report.lateness_ms, "of the generator's appends")
    if report.delayed_appends:
        yield f"delayed       {report.delayed_appends} appends, while the server did not read"
    yield f"generator     {report.generator_cpu_seconds:.1f} s of CPU"
    if report.server_cpu_seconds is not None:
        yield (
            f"server        {report.server_cpu_seconds:.1f} s of CPU: {report.calls_per_core or 0:.0f} calls per core"
        )
    yield ""
    yield from _verdict(report)


def _verdict(report: Report) -> Iterator[str]:
    if report.is_stopped:
        yield "Stopped early: the figures are those of the calls so far."
    elif report.is_clean:
        yield "Every call was completed, and nothing was lost."
    else:
        yield "NOT CLEAN: see finished calls, wrong answers, lost and errors."
    if report.generator_is_late:
        yield "The generator itself was late: use more --processes or cores, a longer --ptime or fewer calls."


def _frames(name: str, counts: dict[str, int]) -> str:
    most = dict([*counts.items()][:LISTED_TYPES])
    rest = len(counts) - len(most)
    more = f", {sum(counts.values()) - sum(most.values()):,} of {rest} other types" if rest else ""
    return f"{name:<14}{sum(counts.values()):,} frames: {_counted(most) or 'none'}{more}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _spread(name: str, spread: Spread, of_what: str) -> str:
    if not spread.count:
        return f"{name:<14}nothing measured {of_what}"
    values = (spread.p50, spread.p95, spread.p99, spread.max)
    p50, p95, p99, most = (f"{value or 0.0:.1f}" for value in values)
    return f"{name:<14}p50 {p50}, p95 {p95}, p99 {p99}, max {most} ms {of_what}"
