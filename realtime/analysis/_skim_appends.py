"""Appends, taken by the run where they stand in a log's blocks, so that no entry is made of them.

They are most lines of most logs. Lines of one layout (as `Recorder` writes them and `encode_append` the
frames) are all of one length. Many of them are the rows of a table, whose columns hold the same bytes but
for the time and the audio: numpy looks at all at once. Whatever is otherwise than it should be is left to
be read line by line.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..recording.log import FRAME_KEY, HEADS, time_of
from ._clock import InputClock
from ._hot import PLAIN_APPEND
from ._kept import Tally

_HEAD: Final = HEADS["client"]
_HEAD_BYTES: Final = len(_HEAD)
_MID: Final = FRAME_KEY + PLAIN_APPEND
_TAIL: Final = b'"}}\n'
# Decimals of a time, and the most digits before them: with more, thousandths are no exact float.
_DECIMALS, _MAX_DIGITS = 3, 12
# So many lines take numpy less time than they take one by one.
_MANY: Final = 16
# Lines that are looked at together.
_MAX_RUN: Final = 512
# Layouts of a log; calls have one or two, and as many again with each digit of the time.
_MAX_LAYOUTS: Final = 64
_LEAST_OF_BASE64: Final = ord("+")
_EQUALS: Final = ord("=")


class _Layout:
    """Lines that are alike but for their digits and their audio: where things stand in them."""

    __slots__ = (
        "_columns", "_least", "_more", "_weights", "audio_at", "audio_end", "ending", "ending_at",
        "frame_bytes", "length", "nbytes", "time_end",
    )  # fmt: skip

    def __init__(self, digits: int, base64_chars: int, padding: int) -> None:
        self.time_end = _HEAD_BYTES + digits + 1 + _DECIMALS
        self.audio_at = self.time_end + len(_MID)
        self.audio_end = self.audio_at + base64_chars
        self.length = self.audio_end + len(_TAIL)
        self.frame_bytes = self.length - self.time_end - len(FRAME_KEY) - len(b"}\n")
        self.nbytes = base64_chars // 4 * 3 - padding
        # What each byte up to the audio is at least, and by how much it may be more.
        time = b"0" * digits + b"." + b"0" * _DECIMALS
        self._least = np.frombuffer(_HEAD + time + _MID, np.uint8)
        self._more = np.zeros(self.audio_at, np.uint8)
        self._more[_HEAD_BYTES : self.time_end] = 9
        self._more[_HEAD_BYTES + digits] = 0
        powers = 10 ** np.arange(digits + _DECIMALS - 1, -1, -1, dtype=np.int64)
        self._weights = np.insert(powers, digits, 0)
        # Behind the last character that is none of the padding.
        self.ending, self.ending_at = b"=" * padding + _TAIL, self.audio_end - padding
        self._columns = np.frombuffer(self.ending, np.uint8)

    def times(self, block: bytes, start: int, most: int) -> tuple[list[float], int]:
        """The times of the lines from `start` on that have this layout and audio in it; at how many it looked."""
        first = self._few(block, start, 1)
        if not first:
            return first, 0
        count = self._reach(block, start, min(most, (len(block) - start) // self.length))
        if count == 1:
            return first, 1
        # `_many` is the stricter: it takes no times with other than three decimals.
        many = self._many(block, start, count) if count >= _MANY else []
        return many or self._few(block, start, min(count, _MANY)), count

    def _reach(self, block: bytes, start: int, most: int) -> int:
        """How many lines seem to be alike, by what stands where each would begin."""
        count = step = 1
        is_on = True
        while step:
            last = count + step - 1
            if last < most and block.startswith(_HEAD, start + last * self.length):
                count += step
            else:
                is_on = False
            step = 2 * step if is_on else step // 2
        return count

    def _few(self, block: bytes, start: int, count: int) -> list[float]:
        """The times of as many lines of `count` as are good."""
        times: list[float] = []
        for line in range(start, start + count * self.length, self.length):
            audio, end = line + self.audio_at, line + self.audio_end
            if not (
                block.startswith(_HEAD, line)
                and block.startswith(_MID, line + self.time_end)
                and block.startswith(self.ending, line + self.ending_at)
                and block[line + self.ending_at - 1] != _EQUALS
                and block.find(b'"', audio) == end
                and block.find(b"\n", line) == line + self.length - 1
                and block.find(b"\\", audio, end) < 0
            ):
                break
            time_ms = time_of(block[line + _HEAD_BYTES : line + self.time_end])
            if time_ms < 0:
                break
            times.append(time_ms)
        return times

    def _many(self, block: bytes, start: int, count: int) -> list[float]:
        """The times of as many lines of `count` as are good."""
        rows = np.frombuffer(block, np.uint8, count * self.length, start).reshape(count, self.length)
        begins, end_at = rows[:, : self.audio_at] - self._least, self.ending_at
        count = min(
            _rows_before(begins > self._more),
            _rows_before(rows[:, end_at:] != self._columns),
            _rows_before(rows[:, end_at - 1 : end_at] == _EQUALS),
        )
        audio = rows[:count, self.audio_at : self.audio_end]
        # What ends a string or a line is less than any of base64, but for a backslash.
        if count and audio.min() < _LEAST_OF_BASE64:
            count = _rows_before(audio < _LEAST_OF_BASE64)
        escape = block.find(b"\\", start, start + count * self.length)
        if escape >= 0:
            count = (escape - start) // self.length
        # Both exact, so that the quotient is the number that is written.
        times = begins[:count, _HEAD_BYTES : self.time_end] @ self._weights / 10**_DECIMALS
        return times.tolist()  # type: ignore[no-any-return]


def _rows_before(is_bad: NDArray[np.bool_]) -> int:
    """How many rows come before the first with a mark in it."""
    at = int(is_bad.argmax())
    return at // is_bad.shape[1] if is_bad.flat[at] else len(is_bad)


# Of all logs, as those of one gateway are alike.
_layout = functools.lru_cache(4 * _MAX_LAYOUTS)(_Layout)


class AppendRuns:
    """Takes runs of appends out of a block: called with where a client's line begins, it says where they end.

    Attributes: `last_ms`, the latest time of a line that was taken; `is_on`, whether any is.
    """

    def __init__(self, clock: InputClock, tally: Callable[[], Tally]) -> None:
        self._clock, self._tally_of = clock, tally
        self._tally: Tally | None = None
        self._layouts = set[tuple[int, int, int]]()
        self._layout: _Layout | None = None
        # Where a run ended before its lines seemed to, the next may be four times as long: so few are looked at
        # in vain where good ones and others take turns.
        self._most = _MAX_RUN
        self.last_ms = 0.0
        self.is_on = False

    def __call__(self, block: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the lines end that were taken, and how many these were; None for none."""
        if not self.is_on:
            return None
        found = self._run_at(block, start, end)
        if found is None:
            return None
        layout, times = found
        count = len(times)
        if self._tally is None:
            self._tally = self._tally_of()
        self._tally.frames += count
        self._tally.nbytes += count * layout.frame_bytes
        # The latest is not the last where a clock went back.
        self.last_ms = max(self.last_ms, max(times))
        self._clock.sent_run(layout.nbytes, times)
        return start + count * layout.length, count

    def _run_at(self, block: bytes, start: int, end: int) -> tuple[_Layout, list[float]] | None:
        """The layout of the lines that begin here, and their times."""
        before = self._layout
        if before is not None and before.length == end + 1 - start:
            times = self._times(before, block, start)
            if times:
                return before, times
        layout = self._layout_at(block, start)
        if layout is None or layout is before:
            return None
        self._layout = layout
        times = self._times(layout, block, start)
        return (layout, times) if times else None

    def _times(self, layout: _Layout, block: bytes, start: int) -> list[float]:
        times, looked = layout.times(block, start, self._most)
        if times and (len(times) < looked or looked == self._most):
            self._most = min(4 * len(times), _MAX_RUN)
        return times

    def _layout_at(self, block: bytes, start: int) -> _Layout | None:
        """The layout of the line that begins here."""
        time_at = start + _HEAD_BYTES
        comma = block.find(_MID, time_at, time_at + _MAX_DIGITS + 1 + _DECIMALS + len(_MID))
        digits = comma - time_at - 1 - _DECIMALS
        if comma < 0 or digits < 1:
            return None
        audio_at = comma + len(_MID)
        audio_end = block.find(b'"', audio_at)
        if audio_end - audio_at < 4:
            return None
        padding = (block[audio_end - 1] == _EQUALS) + (block[audio_end - 2 : audio_end] == b"==")
        key = digits, audio_end - audio_at, padding
        if len(self._layouts) >= _MAX_LAYOUTS and key not in self._layouts:
            return None
        self._layouts.add(key)
        return _layout(*key)
