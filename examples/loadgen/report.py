"""Report: a run in figures, as JSON or as lines to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from realtime.analysis import Histogram

from .tally import Tally

# Types of frames that are told one by one, the most frequent ones.
TOLD_TYPES: Final = 4


class Spread(msgspec.Struct):
    """How values are spread, in milliseconds; None of none."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None

    @classmethod
    def of(cls, values: Histogram) -> Spread:
        """The spread of `values`."""
        told = (*map(values.quantile, (0.5, 0.95, 0.99)), values.max)
        return cls(values.count, *(None if value is None else round(value, 2) for value in told))


class Report(msgspec.Struct, kw_only=True):
    """What a run was and gave; names are `Tally`'s where they are in it.

    Attributes:
        is_stopped: whether it was ended before its time.
        generator_is_late: whether 1 in 100 appends came later than an append lasts, by the generator's own fault.
        server_cpu_seconds: None for a server that was there already.
        calls_per_core: seconds of calls for each second of the server's CPU.
    """

    asked: int
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
    held_appends: int
    generator_is_late: bool
    generator_cpu_seconds: float
    server_cpu_seconds: float | None
    calls_per_core: float | None

    @classmethod
    def of(cls, tally: Tally, server_cpu: float | None, **asked: object) -> Report:
        """The report of a run; `asked` has what the tally does not know."""
        told: dict[str, Any] = {**asked, "is_clean": tally.is_clean}
        for name in cls.__struct_fields__:
            if hasattr(tally, name):
                told[name] = _told(getattr(tally, name))
        told["generator_is_late"] = (told["lateness_ms"].p99 or 0.0) > told["ptime_ms"]
        told["generator_cpu_seconds"] = round(tally.cpu_seconds, 3)
        told["server_cpu_seconds"] = None if server_cpu is None else round(server_cpu, 3)
        told["calls_per_core"] = round(tally.call_seconds / server_cpu, 1) if server_cpu else None
        return cls(**told)


def _told(value: object) -> object:
    if isinstance(value, Histogram):
        return Spread.of(value)
    return dict(value.most_common()) if isinstance(value, Counter) else value


def lines(report: Report) -> Iterator[str]:
    """The lines to print after a run."""
    yield (
        f"{report.asked} calls at once for {report.seconds:g} s: {report.format} in appends of "
        f"{report.ptime_ms:g} ms to {report.server}"
    )
    yield ""
    yield f"calls         {report.calls} made, {report.finished} heard out; at most {report.at_once} open at once"
    yield (
        f"answers       {report.answers} whole, {report.interrupted} interrupted, {report.wrong} wrong; "
        f"{report.turns} turns"
    )
    yield f"audio         {report.call_seconds:,.0f} s sent; {report.audio_bytes:,} bytes came back equal"
    yield _frames("sent", report.sent)
    yield _frames("received", report.received)
    yield f"lost          {_counted(report.lost) or 'nothing'}"
    yield f"errors        {_counted(report.errors) or 'none'}"
    yield _spread("connected", report.connect_ms, "to a session with its settings")
    yield _spread("first audio", report.answer_ms, "after the append that ended a turn was due")
    yield _spread("", report.after_stop_ms, "after speech_stopped came")
    yield _spread("lateness", report.lateness_ms, "of the generator's appends")
    if report.held_appends:
        yield f"held back     {report.held_appends} appends, while the server did not read"
    yield f"generator     {report.generator_cpu_seconds:.1f} s of CPU"
    if report.server_cpu_seconds is not None:
        yield (
            f"server        {report.server_cpu_seconds:.1f} s of CPU: {report.calls_per_core or 0:.0f} calls a core"
        )
    yield ""
    yield from _verdict(report)


def _verdict(report: Report) -> Iterator[str]:
    if report.is_stopped:
        yield "Stopped before its time: what is above is of the calls so far."
    elif report.is_clean:
        yield "Every call was heard out, and nothing was lost."
    else:
        yield "NOT CLEAN: see finished calls, wrong answers, lost and errors."
    if report.generator_is_late:
        yield "The generator was late itself: use more --processes or cores, a longer --ptime or fewer calls."


def _frames(name: str, counts: dict[str, int]) -> str:
    most = dict([*counts.items()][:TOLD_TYPES])
    rest = len(counts) - len(most)
    more = f", {sum(counts.values()) - sum(most.values()):,} of {rest} other types" if rest else ""
    return f"{name:<14}{sum(counts.values()):,} frames: {_counted(most) or 'none'}{more}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _spread(name: str, spread: Spread, of_what: str) -> str:
    if not spread.count:
        return f"{name:<14}nothing measured {of_what}"
    told = (spread.p50, spread.p95, spread.p99, spread.max)
    p50, p95, p99, most = (f"{value or 0.0:.1f}" for value in told)
    return f"{name:<14}p50 {p50}, p95 {p95}, p99 {p99}, max {most} ms {of_what}"
