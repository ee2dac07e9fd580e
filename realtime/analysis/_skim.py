"""Hot lines of a log, taken where they stand in its blocks, so that no entry is made of them.

Appends are most lines of most logs. Lines of one layout (as `Recorder` writes them and `encode_append` the
frames) are all of one length, so that one match of an expression made for the layout finds the end of a
run of them without a look at the audio, which is then looked at once, for what could not be base64.
Whatever is otherwise than it should be is left to be read line by line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from ..recording.log import Skim
from ._clock import InputClock
from ._hot import GLANCES, PLAIN_APPEND, Hot
from ._kept import Tally

_HEAD: Final = b'{"direction":"client","time_ms":'
_HEAD_BYTES: Final = len(_HEAD)
_MID: Final = b',"frame":' + PLAIN_APPEND
_TAIL: Final = b'"}}\n'
# Decimals of a time, and the most digits before them: with more, thousandths are no exact float.
_DECIMALS, _MAX_DIGITS = 3, 12
# Lines in one run: what an expression keeps of each is let go then.
_MAX_RUN: Final = 1024
# From so many on, numpy looks at the audio in less time than a search in each line takes.
_MANY: Final = 8
# Layouts whose expressions are kept; calls have one or two, and as many again with each digit of the time.
_MAX_LAYOUTS: Final = 64
_LEAST_OF_BASE64: Final = ord("+")
_EQUALS, _CLOSE, _ZERO = ord("="), ord("}"), ord("0")
_KEY: Final = b',"frame":'
_KEY_WITHIN: Final = _HEAD_BYTES + 24 + len(_KEY)
_ANY_TIME_MS: Final = 1e15
_ENDS: Final = (rb"(?s:.)[^=]", rb"[^=]=", rb"==")

Match = Callable[[bytes, int], "re.Match[bytes] | None"]


class _Layout:
    """Lines that are alike but for their digits and their audio: where things stand in them."""

    __slots__ = ("audio_at", "audio_end", "frame_bytes", "length", "match", "nbytes", "time_end", "weights")

    def __init__(self, digits: int, base64_chars: int, padding: int) -> None:
        self.time_end = _HEAD_BYTES + digits + 1 + _DECIMALS
        self.audio_at = self.time_end + len(_MID)
        self.audio_end = self.audio_at + base64_chars
        self.length = self.audio_end + len(_TAIL)
        self.frame_bytes = self.length - self.time_end - len(_KEY) - len(b"}\n")
        self.nbytes = base64_chars // 4 * 3 - padding
        # By these the digits of a time are its thousandths, as an integer; the point counts for none.
        powers = 10 ** np.arange(digits + _DECIMALS - 1, -1, -1, dtype=np.int64)
        self.weights = np.insert(powers, digits, 0)
        line = b"".join((
            re.escape(_HEAD), b"[0-9]{%d}\\.[0-9]{%d}" % (digits, _DECIMALS), re.escape(_MID),
            b"(?s:.{%d})" % (base64_chars - 2), _ENDS[padding], re.escape(_TAIL),
        ))  # fmt: skip
        # Not possessive: Python 3.11.2 leaves the end within the line that does not match any more.
        self.match: Match = re.compile(b"(?:%b){1,%d}" % (line, _MAX_RUN)).match


class AppendRuns:
    """Takes runs of appends out of a block: called with where a client's line begins, it says where they end.

    Attributes: `last_ms`, the latest time of a line that was taken; `is_on`, whether any is.
    """

    def __init__(self, clock: InputClock, tally: Callable[[], Tally]) -> None:
        self._clock, self._tally_of = clock, tally
        self._tally: Tally | None = None
        self._layouts: dict[tuple[int, int, int], _Layout] = {}
        self._layout: _Layout | None = None
        self.last_ms = 0.0
        self.is_on = False

    def __call__(self, block: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the lines end that were taken, and how many these were; None for none."""
        if not self.is_on:
            return None
        layout = self._layout
        found = layout.match(block, start) if layout is not None else None
        if found is None:
            layout = self._layout = self._layout_at(block, start)
            found = layout.match(block, start) if layout is not None else None
            if found is None:
                return None
        assert layout is not None
        end = found.end()
        count = (end - start) // layout.length
        times = _times_of(block, start, end, count, layout)
        if times is None:
            return None
        if self._tally is None:
            self._tally = self._tally_of()
        self._tally.frames += count
        self._tally.nbytes += count * layout.frame_bytes
        # The latest is not the last where a clock went back.
        self.last_ms = max(self.last_ms, max(times))
        self._clock.sent_run(layout.nbytes, times)
        return end, count

    def _layout_at(self, block: bytes, start: int) -> _Layout | None:
        """The layout of the line that begins here."""
        if not block.startswith(_HEAD, start):
            return None
        time_at = start + _HEAD_BYTES
        comma = block.find(_MID, time_at, time_at + _MAX_DIGITS + 1 + _DECIMALS + len(_MID))
        digits = comma - time_at - 1 - _DECIMALS
        audio_at = comma + len(_MID)
        audio_end = block.find(b'"', audio_at)
        if comma < 0 or digits < 1 or audio_end - audio_at < 4:
            return None
        padding = (block[audio_end - 1] == _EQUALS) + (block[audio_end - 2 : audio_end] == b"==")
        key = digits, audio_end - audio_at, padding
        found = self._layouts.get(key)
        if found is None:
            if len(self._layouts) >= _MAX_LAYOUTS:
                return None
            found = self._layouts[key] = _Layout(*key)
        return found


def _times_of(block: bytes, start: int, end: int, count: int, layout: _Layout) -> list[float] | None:
    """The times of a run's lines; None where the audio of one ends before its end.

    That is where it holds a quote, a line end or an escape.
    """
    if block.find(b"\\", start, end) >= 0:
        return None
    if count >= _MANY:
        rows = np.frombuffer(block, np.uint8, end - start, start).reshape(count, layout.length)
        if rows[:, layout.audio_at : layout.audio_end].min() < _LEAST_OF_BASE64:
            return None
        digits = rows[:, _HEAD_BYTES : layout.time_end].astype(np.int64) - _ZERO
        # Both exact, so that the quotient is the number that is written.
        return (digits @ layout.weights / 10**_DECIMALS).tolist()  # type: ignore[no-any-return]
    for line in range(start, end, layout.length):
        if block.find(b'"', line + layout.audio_at) != line + layout.audio_end:
            return None
        if block.find(b"\n", line) != line + layout.length - 1:
            return None
    return [
        float(block[line + _HEAD_BYTES : line + layout.time_end]) for line in range(start, end, layout.length)
    ]


def deltas_of(lane: Mapping[bytes, tuple[Tally, Hot]], ended: Callable[[float], None]) -> Skim:
    """Takes lines of audio and text deltas, one at a time, by the readers of the frames that begin as they do.

    `ended` is told the times of those that were taken.
    """
    known_as, (first, second) = lane.get, GLANCES

    def skim(block: bytes, start: int, end: int) -> tuple[int, int] | None:
        key = block.find(_KEY, start + _HEAD_BYTES, start + _KEY_WITHIN)
        frame, stop = key + len(_KEY), end - 1
        known = known_as(block[frame : frame + first]) or known_as(block[frame : frame + second])
        if known is None or key < 0 or block[stop] != _CLOSE or block[stop - 1] != _CLOSE:
            return None
        try:
            time_ms = float(block[start + _HEAD_BYTES : key])
        except ValueError:
            return None
        tally, read = known
        if not (0 <= time_ms < _ANY_TIME_MS and read(block, frame, stop, time_ms)):
            return None
        tally.frames += 1
        tally.nbytes += stop - frame
        ended(time_ms)
        return end + 1, 1

    return skim
