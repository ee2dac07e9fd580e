"""Audio that waits for a loudspeaker, in order, with the marks between: bytes in, bytes heard.

Knows parts, formats and rates, and no events; `playback` says what they mean.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from ..format import AudioFormat


@dataclass(slots=True, eq=False)
class Part:
    """One part's audio: what came, what was heard, in bytes of its own format."""

    item_id: str
    content_index: int
    response_id: str | None
    format: AudioFormat
    received: int = 0
    heard: int = 0
    done: bool = False

    @property
    def heard_ms(self) -> int:
        """Whole milliseconds, floored: what a truncate may say."""
        return self.heard // self.format.sample_width * 1000 // self.format.sample_rate


@dataclass(slots=True, eq=False)
class Span:
    """Audio of one part; and then a mark, if it has a name."""

    part: Part
    nbytes: int
    mark: str | None = None


class Queue:
    """What was received and not yet heard."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque()
        self._left = Fraction(0)  # seconds of the last facts, less than a sample
        self.nbytes = 0

    def __bool__(self) -> bool:
        return bool(self._spans)

    @property
    def ms(self) -> float:
        """Milliseconds that wait."""
        return sum(
            span.nbytes * 1000 / (span.part.format.sample_width * span.part.format.sample_rate)
            for span in self._spans
        )

    @property
    def sample_rate(self) -> int:
        """Hz of the audio at the head, of a queue that is not empty."""
        return self._spans[0].part.format.sample_rate

    @property
    def parts(self) -> dict[Part, None]:
        """The parts whose audio waits, in order."""
        return dict.fromkeys(span.part for span in self._spans if span.nbytes)

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks that wait, in order."""
        return tuple(span.mark for span in self._spans if span.mark is not None)

    def add(self, part: Part, nbytes: int) -> None:
        """`nbytes` more of a part, at the end."""
        part.received += nbytes
        self.nbytes += nbytes
        last = self._spans[-1] if self._spans else None
        if last is not None and last.part is part and last.mark is None:
            last.nbytes += nbytes
        elif nbytes:
            self._spans.append(Span(part, nbytes))

    def mark(self, name: str, latest: Part | None) -> None:
        """A mark at the end; of an empty queue, after `latest`."""
        if self._spans and self._spans[-1].mark is None:
            self._spans[-1].mark = name
        elif latest is not None:
            self._spans.append(Span(latest, 0, name))

    def clear(self) -> None:
        """Nothing waits any more."""
        self._spans.clear()
        self.nbytes, self._left = 0, Fraction(0)

    def hear_mark(self, name: str) -> int:
        """All up to the first mark of this name; 0 bytes where none waits."""
        if not any(span.mark == name for span in self._spans):
            return 0
        total, self._left = 0, Fraction(0)
        while True:
            span = self._spans.popleft()
            span.part.heard += span.nbytes
            total += span.nbytes
            if span.mark == name:
                self.nbytes -= total
                return total

    def hear_seconds(self, seconds: Fraction) -> int:
        """Whole samples from the head, each at its own format's rate; the rest is kept for the next call."""
        total, seconds = 0, seconds + self._left
        while self._spans:
            form = self._spans[0].part.format
            wanted = int(seconds * form.sample_rate) * form.sample_width
            moved = self._hear(wanted, form)
            total += moved
            seconds -= Fraction(moved, form.sample_width * form.sample_rate)
            if moved == wanted and self._spans:
                self._left = seconds
                return total
        self._left = Fraction(0)
        return total

    def hear_bytes(self, nbytes: int) -> int:
        """Up to `nbytes` from the head."""
        self._left = Fraction(0)
        return self._hear(nbytes, None)

    def take_back(self, part: Part, nbytes: int) -> None:
        """The last `nbytes` of a part that wait are not to be heard; marks stay where they are."""
        for span in reversed(self._spans):
            if span.part is part:
                taken = min(nbytes, span.nbytes)
                span.nbytes -= taken
                part.received -= taken
                self.nbytes -= taken
                nbytes -= taken

    def _hear(self, nbytes: int, form: AudioFormat | None) -> int:
        """Up to `nbytes` from the head, as far as they are in the format `form`."""
        left = nbytes
        while self._spans:
            span = self._spans[0]
            if not left or (form is not None and span.part.format is not form):
                break
            taken = min(left, span.nbytes)
            span.nbytes -= taken
            span.part.heard += taken
            left -= taken
            if not span.nbytes:
                self._spans.popleft()
        self.nbytes -= nbytes - left
        return nbytes - left
