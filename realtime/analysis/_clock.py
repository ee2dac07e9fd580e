"""Where the caller's audio lies in time: positions in what was sent, and the log's time line.

Servers tell speech by positions in the audio of a session. Audio lies where it was sent.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Final

# A position is noted every so often; what servers tell of is seconds old at most.
_MARK_MS: Final = 100.0
_MAX_MARKS: Final = 4_096


class InputClock:
    """Counts the audio that a client sends.

    Attributes:
        ms: all audio of the log so far.
        ms_per_byte: how much a byte of it is, by the session's format.
    """

    __slots__ = ("_billed_ms", "_marks", "_next_ms", "_taken_ms", "_zero_ms", "ms", "ms_per_byte")

    def __init__(self) -> None:
        self.ms = 0.0
        self.ms_per_byte = 0.0
        self._zero_ms = self._taken_ms = self._next_ms = self._billed_ms = 0.0
        self._marks: deque[tuple[float, float]] = deque(maxlen=_MAX_MARKS)

    def sent(self, nbytes: int, time_ms: float) -> None:
        """Audio was sent."""
        ms = self.ms
        if ms >= self._next_ms:
            self._marks.append((ms, time_ms))
            self._next_ms = ms + _MARK_MS
        self.ms = ms + nbytes * self.ms_per_byte

    def sent_run(self, nbytes: int, times: Sequence[float]) -> None:
        """As much audio was sent at each of these times."""
        each_ms = nbytes * self.ms_per_byte
        # Sums of eighths are exact: then marks are as many lines apart as they would be one by one.
        if each_ms <= 0 or each_ms * 8 % 1 or self.ms * 8 % 1:
            for time_ms in times:
                self.sent(nbytes, time_ms)
            return
        ms, count = self.ms, len(times)
        first = max(0, math.ceil((self._next_ms - ms) / each_ms))
        if first < count:
            apart = math.ceil(_MARK_MS / each_ms)
            self._marks.extend(
                zip(itertools.count(ms + first * each_ms, apart * each_ms), times[first::apart])
            )
            self._next_ms = self._marks[-1][0] + _MARK_MS
        self.ms = ms + count * each_ms

    def begin(self) -> None:
        """A session begins: positions are counted from here."""
        self._zero_ms = self._taken_ms = self._next_ms = self._billed_ms = self.ms
        self._marks.clear()

    def billable_ms(self) -> float:
        """How much audio was sent since this was asked before."""
        more_ms, self._billed_ms = self.ms - self._billed_ms, self.ms
        return more_ms

    def place(self, position_ms: float) -> float | None:
        """When the audio at a position of the session was sent; None where that is not known."""
        wanted, marks = self._zero_ms + position_ms, self._marks
        after = bisect_right(marks, (wanted, math.inf))
        if not after:
            return None
        at_ms, time_ms = marks[after - 1]
        placed_ms = time_ms + wanted - at_ms
        return placed_ms if after == len(marks) else min(placed_ms, marks[after][1])

    def take(self) -> tuple[float | None, float]:
        """The buffer is committed or cleared: when what is in it began, and how much it is."""
        began, taken_ms = self.place(self._taken_ms - self._zero_ms), self.ms - self._taken_ms
        self._taken_ms = self.ms
        return began, taken_ms
