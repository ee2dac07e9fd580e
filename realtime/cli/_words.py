"""Texts as the command line writes them: lists of figures, what somebody said, lines of a width.

Whatever comes from a log is printable when it leaves here: no control characters, no direction marks.
Single figures have their words in `analysis._words`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ..analysis import Histogram
from ..analysis._words import span
from ..state import Tokens

WIDTH = 100
MAX_SAID_CHARS = 400


def counts(found: dict[str, int], most: int = 6) -> str:
    """3 a, 2 b, ...: the most frequent first."""
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    more = f", and {len(ranked) - most} more" if len(ranked) > most else ""
    return ", ".join(f"{number:,} {printable(name) or '(none)'}" for name, number in ranked[:most]) + more


def nbytes(number: int) -> str:
    """Bytes, in the largest unit that they fill."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"


def tokens(found: Tokens) -> str:
    """Tokens in and out, and how many of the former were cached."""
    return f"{found.input:,} in ({found.cached:,} cached), {found.output:,} out"


def spread(histogram: Histogram) -> str:
    """Percentiles of milliseconds."""
    told = [f"{name} {span(value)}" for name, value in _quantiles(histogram)]
    return f"{', '.join(told)}; of {histogram.count:,}"


def _quantiles(histogram: Histogram) -> Iterator[tuple[str, float]]:
    for name, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("most", 1.0)):
        value = histogram.quantile(q)
        if value is not None:
            yield name, value


def printable(text: str) -> str:
    """`text` without what a terminal would obey; white space is one space."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def said(text: str, indent: str) -> Iterator[str]:
    """What somebody said, in quotes and in lines."""
    text = printable(text[: MAX_SAID_CHARS * 4])
    if len(text) > MAX_SAID_CHARS:
        text = text[: MAX_SAID_CHARS - 3] + "..."
    yield from wrapped(f'"{text}"', indent)


def wrapped(text: str, indent: str, first: str | None = None) -> Iterator[str]:
    """Lines of at most `WIDTH`, indented."""
    start = indent if first is None else first
    yield from textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=indent) or [start.rstrip()]
