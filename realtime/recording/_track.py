"""One side of a call on the time line: samples where they were heard, in a file that may be cut.

Positions are samples at the track's rate, from the start of the log. The file is a temporary one,
so that a call of hours takes no memory and what was never heard can be taken back.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from ..audio import Resampler, alaw_decode, pcm16, to_mono, ulaw_decode
from ..errors import AudioError
from ..format import AudioFormat
from ._sound import Chunk, Coding

_DECODE: Final[dict[AudioFormat, Callable[[bytes], Any]]] = {
    AudioFormat.PCM16: pcm16,
    AudioFormat.G711_ULAW: ulaw_decode,
    AudioFormat.G711_ALAW: alaw_decode,
}
_MAX_PARTS: Final = 256
_BYTES: Final = 2


class Track:
    """Samples of one side. `end` is where its audio ends; `rate` is in Hz.

    Raises:
        AudioError: when audio is put beyond `max_samples`.
        OSError: the temporary file cannot be written.
    """

    def __init__(self, rate: int, gap_ms: float, max_samples: int) -> None:
        self.rate, self.end, self.samples = rate, 0, 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._gap, self._max_samples = round(gap_ms * rate / 1000), max_samples
        self._stream = _Stream(Coding(AudioFormat.PCM16, rate), rate, 0)
        # Where each item's audio lies: spans of positions, those that meet made one.
        self._spans: OrderedDict[str, list[list[int]]] = OrderedDict()
        self._responses: dict[str, str | None] = {}
        self._cut: OrderedDict[str, None] = OrderedDict()

    def put(self, chunk: Chunk, at: int) -> None:
        """Audio that came at position `at`: there, or where the audio before it ends.

        What comes little after that end (`gap_ms`) is a late piece of the same stream; an item
        that begins is no such piece.
        """
        part = chunk.item or ""
        if part in self._cut or (chunk.response is not None and f"response {chunk.response}" in self._cut):
            return
        is_new = self.samples == 0 or (chunk.item is not None and part not in self._spans)
        tolerated = 0 if is_new else self._gap
        start = self.end if at - self.end <= tolerated else at
        if start != self.end or chunk.coding != self._stream.coding:
            self._begin(chunk.coding, start)
        self._write(self._stream.feed(chunk.data))
        before, self.end = start, self._stream.end
        self.samples += self.end - before
        self._note(part, chunk.response, before)

    def cut_item(self, part: str, end_ms: float, at: int) -> None:
        """The item's audio ends `end_ms` after it began; what of its response was to follow goes too."""
        left = round(end_ms * self.rate / 1000)
        for span in self._spans.get(part, ()):
            start, end = span
            kept = min(left, end - start)
            left -= kept
            self._silence(start + kept, end)
            span[1] = start + kept  # a second cut, as both sides tell of it, finds nothing more to silence
        response = self._responses.get(part)
        self._cut_off(part)
        if response is not None:
            for other in [name for name, of in self._responses.items() if of == response and name != part]:
                if self._silence_after(other, at):
                    self._cut_off(other)

    def cut_response(self, response: str | None, at: int) -> None:
        """What was queued is not heard from `at` on, and what still comes of the response neither."""
        for part in [*self._spans]:
            if self._silence_after(part, at) or (response is not None and self._responses[part] == response):
                self._cut_off(part)
        if response is not None:
            self._cut_off(f"response {response}")

    def finish(self) -> None:
        """Write what resampling still holds."""
        self._write(self._stream.flush())

    def blocks(self, size: int, total: int) -> Iterator[bytes]:
        """`total` samples from the start, silence after the end, `size` at a time."""
        self._file.seek(0)
        for start in range(0, total, size):
            count = min(size, total - start)
            yield self._file.read(count * _BYTES).ljust(count * _BYTES, b"\0")

    def close(self) -> None:
        """Throw the file away."""
        self._file.close()

    # --- Inside ---

    def _begin(self, coding: Coding, start: int) -> None:
        self.finish()
        self._stream = _Stream(coding, self.rate, start)

    def _write(self, piece: tuple[int, bytes]) -> None:
        start, samples = piece
        if start + len(samples) // _BYTES > self._max_samples:
            hours = self._max_samples / self.rate / 3600
            raise AudioError(f"the call is longer than the {hours:.1f} hours that a stereo WAV file holds")
        self._file.seek(start * _BYTES)
        self._file.write(samples)

    def _note(self, part: str, response: str | None, start: int) -> None:
        spans = self._spans.setdefault(part, [])
        self._responses[part] = response
        if spans and spans[-1][1] == start:
            spans[-1][1] = self.end
        else:
            spans.append([start, self.end])
        while len(self._spans) > _MAX_PARTS:
            del self._responses[self._spans.popitem(last=False)[0]]

    def _silence_after(self, part: str, at: int) -> bool:
        later = [span for span in self._spans[part] if span[1] > max(span[0], at)]
        for span in later:
            start, end = span
            span[1] = max(start, at)
            self._silence(span[1], end)
        return bool(later)

    def _silence(self, start: int, end: int) -> None:
        """No sound from `start` to `end`; where that is the end of all, the track ends before it."""
        if start >= end:
            return
        self.finish()
        if end >= self.end:
            self._file.truncate(start * _BYTES)
            self.end = start
        else:
            self._file.seek(start * _BYTES)
            self._file.write(bytes((end - start) * _BYTES))
        self._stream = _Stream(self._stream.coding, self.rate, self.end)
        self.samples -= end - start

    def _cut_off(self, part: str) -> None:
        self._cut[part] = None
        while len(self._cut) > _MAX_PARTS:
            self._cut.popitem(last=False)


class _Stream:
    """Audio without a gap, of one coding: what of it is due at the track's rate, and where.

    `end` is where all that was fed will end, what resampling holds back included.
    """

    def __init__(self, coding: Coding, rate: int, start: int) -> None:
        self.coding, self.end = coding, start
        self._rate, self._start, self._taken, self._written = rate, start, 0, start
        self._carry = b""
        self._resampler = Resampler(coding.sample_rate, rate) if coding.sample_rate != rate else None

    def feed(self, data: bytes) -> tuple[int, bytes]:
        data = self._carry + data
        odd = len(data) % self.coding.frame_bytes
        data, self._carry = data[: len(data) - odd], data[len(data) - odd :]
        samples = to_mono(_DECODE[self.coding.format](data), self.coding.channels)
        self._taken += len(samples)
        self.end = self._start + -(-self._taken * self._rate // self.coding.sample_rate)
        return self._due(samples if self._resampler is None else self._resampler.process(samples))

    def flush(self) -> tuple[int, bytes]:
        """What is held back. The stream goes on only as a new one."""
        if self._resampler is None or not self._taken:
            return self._written, b""
        self._taken = 0
        return self._due(self._resampler.flush())

    def _due(self, samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> tuple[int, bytes]:
        start = self._written
        self._written += len(samples)
        return start, samples.astype("<i2", copy=False).tobytes()
