"""Responses while they come: their parts, each with its audio and its text. Nothing here knows events.

Text that comes in pieces is kept as the frames it came in, and read only where no event tells the
whole of it: most responses end well, and reading every piece would be most of the work.
"""

from __future__ import annotations

import itertools
from typing import Final

import msgspec

from ._kept import MAX_TEXT_CHARS, Kept, Share, beginning_of
from .report import InterruptionReport, ResponseReport, Turn

# Frames of text that are held for one response, whose text is some kB at most.
_MAX_HELD_BYTES: Final = 256 * 1024
_MAX_PARTS: Final = 64


class _TextDelta(msgspec.Struct):
    delta: str = ""


_decode_delta = msgspec.json.Decoder(_TextDelta).decode


class Pieces:
    """A text that comes in frames, until all of it is told."""

    __slots__ = ("_frames", "nbytes", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.nbytes = 0
        self._frames: list[bytes] = []

    def add(self, frame: bytes) -> None:
        """A frame whose `delta` goes on with the text."""
        if self.text is None:
            self.nbytes += len(frame)
            self._frames.append(frame)

    def told(self, text: str) -> None:
        """The whole text."""
        self.text = beginning_of(text)[: MAX_TEXT_CHARS + 1]
        self._frames.clear()

    def read(self) -> str:
        """The text as far as it came."""
        return self.text if self.text is not None else "".join(map(_delta_of, self._frames))


def _delta_of(frame: bytes) -> str:
    try:
        return _decode_delta(frame).delta
    except (ValueError, RecursionError):
        return ""


class Part:
    """A content part of a response's item."""

    __slots__ = ("audio_ms", "content_index", "item_id", "live", "ms_per_byte", "pieces")

    def __init__(self, live: Live, item_id: str | None, content_index: int, ms_per_byte: float) -> None:
        self.live, self.item_id, self.content_index = live, item_id, content_index
        self.ms_per_byte = ms_per_byte
        self.audio_ms = 0.0
        self.pieces = Pieces()


class Live:
    """A response of which more may come.

    Attributes: `report`, what is known of it; `since_ms`, from when its latency runs; `cut`, what
    the report says of its interruption; `names`, of what its items call.
    """

    __slots__ = ("_held", "_share", "cut", "ms_per_byte", "names", "parts", "report", "since_ms", "turn")

    def __init__(
        self, report: ResponseReport, turn: Turn, ms_per_byte: float, since_ms: float | None = None
    ) -> None:
        self.report, self.turn, self.ms_per_byte, self.since_ms = report, turn, ms_per_byte, since_ms
        self.parts: dict[tuple[str | None, int], Part] = {}
        self.names: dict[str, str] = {}
        self.cut: InterruptionReport | None = None
        self._held = 0
        self._share = Share()

    def part(self, item_id: str | None, content_index: int) -> Part:
        """A part by its item; the last one stands for all beyond a number that none reaches."""
        key = item_id, content_index
        found = self.parts.get(key)
        if found is None:
            if len(self.parts) >= _MAX_PARTS:
                return next(reversed(self.parts.values()))
            found = self.parts[key] = Part(self, item_id, content_index, self.ms_per_byte)
        return found

    def name_item(self, item_id: str, name: str) -> None:
        """An item calls what is of this name."""
        if len(self.names) < _MAX_PARTS:
            self.names[item_id] = name

    def words(self, part: Part, frame: bytes, time_ms: float) -> None:
        """A piece of a part's text came."""
        if self.report.first_text_ms is None:
            self.report.first_text_ms = time_ms
        self._held += len(frame)
        if self._held <= _MAX_HELD_BYTES:
            part.pieces.add(frame)

    def settle(self, kept: Kept) -> None:
        """Put the text into the report, as far as it came."""
        whole = "\n".join(text for part in self.parts.values() if (text := part.pieces.read()))
        self.report.transcript = kept.text(whole, self._share) or None

    def heard(self, part: Part, end_ms: float) -> float:
        """How much was heard if this part was cut there: all before it, nothing after it."""
        before = itertools.takewhile(lambda each: each is not part, self.parts.values())
        return sum(each.audio_ms for each in before) + min(end_ms, part.audio_ms)
