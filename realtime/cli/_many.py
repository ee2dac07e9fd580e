"""Many calls in lines: what they add up to, and the worst of them by each measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from ..analysis import Summary
from ..analysis._words import count, money, span
from ._words import counts, nbytes, printable, spread, tokens, wrapped

_INDENT = " " * 16
_SHOWN = 5
_MEASURES: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "latency_ms": ("slowest", span),
    "gap_ms": ("longest gap", span),
    "errors": ("most errors", lambda value: f"{value:,.0f}"),
    "interruptions": ("most cut", lambda value: f"{value:,.0f}"),
    "usd": ("dearest", lambda value: money(Decimal(repr(value)))),
}


def lines(summary: Summary) -> Iterator[str]:
    """Everything that there is to say about many calls."""
    yield from _row("calls", f"{summary.calls:,}, {span(summary.duration_ms)}, {nbytes(summary.nbytes)}")
    for name, found in (("models", summary.models), ("dialects", summary.dialects)):
        if found:
            yield from _row(name, counts(found))
    audio = f"{span(summary.user_audio_ms)} sent, {span(summary.assistant_audio_ms)} received"
    yield from _row("audio", audio)
    in_all = f"{count(summary.turn_count, 'turn')}, {count(summary.response_count, 'response')}"
    yield from _row("in all", f"{in_all}: {counts(summary.statuses)}" if summary.statuses else in_all)
    for name, histogram in (
        ("first audio", summary.latency),
        ("from created", summary.created_latency),
        ("function calls", summary.call_time),
        ("gaps", summary.gap_time),
    ):
        if histogram.count:
            yield from _row(name, spread(histogram))
    for name, number, found in (
        ("interruptions", summary.interruption_count, summary.interrupted_by),
        ("errors", summary.error_count, summary.error_codes),
    ):
        if number:
            yield from _row(name, f"{number:,}: {counts(found)}")
    if summary.unknown_types:
        yield from _row("unknown types", counts(summary.unknown_types))
    for name, number in (("broken lines", summary.broken), ("undecodable", summary.undecodable)):
        if number:
            yield from _row(name, f"{number:,}")
    yield from _took(summary)
    yield from _worst(summary)


def _row(name: str, text: str) -> Iterator[str]:
    yield from wrapped(text, _INDENT, f"{name:<16}")


def _took(summary: Summary) -> Iterator[str]:
    if summary.usage.responses.total:
        yield from _row("tokens", tokens(summary.usage.responses))
    unknown = f"; of {count(summary.unpriced, 'call')} something is not known" if summary.unpriced else ""
    yield from _row("cost", f"{money(summary.known_usd)}{unknown}")


def _worst(summary: Summary) -> Iterator[str]:
    for measure, (title, shown) in _MEASURES.items():
        for number, call in enumerate(summary.worst.get(measure, ())[:_SHOWN]):
            name = "" if number else title
            yield f"{name:<16}{shown(call.value):>10}  {printable(call.log)}"
