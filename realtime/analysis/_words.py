"""Figures in words: times, durations, money and counts, for whoever shows what a report holds.

One table of spellings for the command line and the page. Whatever number a log has led to has its
words: nothing here raises.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_LEAST_USD: Final = Decimal("0.000001")
_SMALL_USD: Final = Decimal("0.01")
# Past any time of a log.
_MOST_MS: Final = 1e15


def clock(ms: float) -> str:
    """A time of the log: 1:02.345, and 1:00:00.000 from an hour on."""
    minutes, rest_ms = divmod(round(_within(ms)), 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest_ms // 1000:02}.{rest_ms % 1000:03}"
    return f"{hours:,}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def span(ms: float) -> str:
    """A duration: 480 ms, 4.2 s, 12 min 3 s, 1 h 2 min 3 s."""
    ms = _within(ms)
    if ms < 0.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min {seconds} s" if hours else f"{minutes} min {seconds} s"


def money(usd: Decimal) -> str:
    """USD; what is not nothing is never written as $0."""
    if 0 < usd < _LEAST_USD:
        return f"<${_LEAST_USD}"
    return f"${usd:,.4f}" if usd >= _SMALL_USD or not usd else f"${usd:.6f}"


def count(number: int, what: str, plural: str = "") -> str:
    """1 turn, 1,024 turns."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def _within(ms: float) -> float:
    """`ms` as a number that can be written: not below 0, and no infinity; what is no number is 0."""
    return min(max(0.0, ms), _MOST_MS)
