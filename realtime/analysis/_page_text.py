"""Texts of a log as lines of its page: short, printable, and without keys, in however many pieces these came.

A key may be cut anywhere: by the peer, between deltas, or by us, where a line ends. So what was said
is kept as it came, as much of it as matters, and keys are looked for in that.
"""

from __future__ import annotations

import itertools
import operator
from typing import Final

from .._secrets import without_keys

MAX_LINE_CHARS: Final = 160
# Of what comes before the end of a line and before its beginning: more than a key or a bearer token has.
_LOOKED_AT: Final = MAX_LINE_CHARS * 8
_MAX_BEFORE: Final = 4096


def line_of(text: str, most: int = MAX_LINE_CHARS) -> str:
    """The beginning of `text`, without keys and without what is no character to read."""
    return _cut(without_keys(text[: most * 8]), most)


class Said:
    """What is said in pieces, in one line after another: `line`, the one that goes on."""

    __slots__ = ("_before", "_last", "_line")

    def __init__(self) -> None:
        self._before = self._last = self._line = ""

    def begin(self) -> None:
        """The next piece begins a line."""
        self._before, self._line = self._last, ""

    def add(self, piece: str) -> None:
        """What is said next."""
        self._last = (self._last + piece)[-_MAX_BEFORE:]
        if len(self._line) < _LOOKED_AT:
            self._line = (self._line + piece)[:_LOOKED_AT]

    @property
    def line(self) -> str:
        """The line as far as it was said, without the rest of a key that began before it."""
        clean = without_keys(self._before + self._line)
        same = itertools.takewhile(bool, map(operator.eq, clean, without_keys(self._before)))
        return _cut(clean[sum(same) :], MAX_LINE_CHARS)


def _cut(text: str, most: int) -> str:
    text = text if len(text) <= most else text[: most - 3] + "..."
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
