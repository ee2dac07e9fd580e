"""The sound of a call for its page: both sides on the log's time, their envelopes, a small WAV.

Audio is laid as `realtime.recording.stereo` lays it, at 8 kHz, in temporary files; what is kept in
memory is bounded. Times are milliseconds of the log; `start_ms` is where sample 0 lies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np
import pybase64

from ..audio import _riff, ulaw_encode
from ..errors import AudioError
from ..format import AudioFormat
from ..recording import Entry
from ..recording._cuts import cut_short
from ..recording._sound import Chunk, Cut, Listener
from ..recording._track import Track
from ..recording.stereo import DEFAULT_GAP_MS

RATE: Final = 8000
_PER_MS: Final = RATE // 1000
# No call lasts longer; what a log has beyond is not drawn.
MAX_MS: Final = 12 * 3600 * 1000
# Those of 20 ms of an hour and a little, in three bytes each: what an envelope has at the most.
MAX_BINS: Final = 200_000
_BIN_MS: Final = (10, 20, 50, 100, 200, 500)
_MAX_SPANS: Final = 20_000
# What is laid at once: a line of 40 bytes can stand for 128 MiB of audio that was left out.
_PIECE_BYTES: Final = 1 << 20
_BLOCK_SAMPLES: Final = 400_000  # whole bins of every width


class Span(msgspec.Struct, array_like=True, gc=False):
    """Audio of one side without a pause, from `start_ms` to `end_ms`; of which part of what response."""

    start_ms: float
    end_ms: float
    response: str = ""
    part: str = ""


class Envelope(msgspec.Struct):
    """One side's loudness: for each `bin_ms` the least and greatest sample and the RMS.

    `data` is three rows of as many bytes: int8, int8, uint8. Each is the square root of its
    part of full scale, times 127 (255 for the RMS), so that quiet speech is not lost.
    """

    bin_ms: int
    data: bytes


class Sound:
    """Both sides of a call, as an entry of its log after another is put. A context manager.

    Attributes: `caller` and `assistant`, spans of audio; `is_left_out`, whether the log says how much
    audio there was, but not which.

    Raises:
        OSError: a temporary file cannot be written.
    """

    def __init__(self, start_ms: float = 0.0) -> None:
        self.start_ms = start_ms
        self.caller: list[Span] = []
        self.assistant: list[Span] = []
        self.is_left_out = False
        self._listener, self._full = Listener(), set[str]()
        self._tracks = {
            side: Track(RATE, DEFAULT_GAP_MS, MAX_MS * _PER_MS) for side in ("caller", "assistant")
        }

    def put(self, entry: Entry) -> Chunk | Cut | None:
        """Lay what the entry has to hear; give it back, or None where it has nothing."""
        sound = self._listener.hear(entry)
        at = round((entry.time_ms - self.start_ms) * _PER_MS)
        if isinstance(sound, Chunk):
            self.is_left_out |= len(sound.data) > len(entry.frame)
            self._lay("assistant" if sound.item is not None else "caller", sound, at)
        elif sound is not None:
            self._cut(sound, at, entry.time_ms)
        return sound

    def finish(self) -> None:
        """Nothing more comes."""
        for track in self._tracks.values():
            with contextlib.suppress(AudioError):
                track.finish()

    @property
    def is_too_long(self) -> bool:
        """Whether there was audio beyond `MAX_MS`."""
        return bool(self._full)

    @property
    def end_ms(self) -> float:
        """Where the audio of both sides has ended."""
        return self.start_ms + self._samples / _PER_MS

    @property
    def wav_bytes(self) -> int:
        """How many bytes `wav` gives."""
        return len(self._header()) + 2 * self._samples

    def envelope(self, side: str, end_ms: float) -> Envelope:
        """The envelope of "caller" or "assistant", from the start to `end_ms`."""
        bin_ms = next((ms for ms in _BIN_MS if (end_ms - self.start_ms) / ms <= MAX_BINS), _BIN_MS[-1])
        rows: list[list[bytes]] = [[], [], []]
        for block in self._tracks[side].blocks(_BLOCK_SAMPLES, self._tracks[side].end):
            samples = np.frombuffer(block, "<i2").astype(np.float32) / 32768
            width = bin_ms * _PER_MS
            bins = np.pad(samples, (0, -len(samples) % width)).reshape(-1, width)
            mean = np.sqrt(np.mean(np.square(bins), axis=1))
            rows[0].append(_small(bins.min(axis=1)))
            rows[1].append(_small(bins.max(axis=1)))
            rows[2].append(np.rint(np.sqrt(mean) * 255).astype(np.uint8).tobytes())
        return Envelope(bin_ms, b"".join(b"".join(row) for row in rows))

    def wav_base64(self) -> Iterator[bytes]:
        """A stereo WAV file of 8 kHz mu-law, caller left and assistant right, as base64, in pieces."""
        rest = b""
        for piece in self._wav():
            data = rest + piece
            whole = len(data) - len(data) % 3
            rest = data[whole:]
            yield pybase64.b64encode(data[:whole])
        yield pybase64.b64encode(rest)

    def close(self) -> None:
        """Throw the temporary files away."""
        for track in self._tracks.values():
            track.close()

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Inside ---

    @property
    def _samples(self) -> int:
        return max(track.end for track in self._tracks.values())

    def _lay(self, side: str, chunk: Chunk, at: int) -> None:
        if side in self._full:
            return
        track = self._tracks[side]
        before, end = track.samples, track.end
        try:
            for piece in range(0, max(1, len(chunk.data)), _PIECE_BYTES):
                track.put(replace(chunk, data=chunk.data[piece : piece + _PIECE_BYTES]), at)
        except AudioError:
            self._full.add(side)
        added = track.samples - before
        if added > 0:
            start = track.end - added
            spans = self.caller if side == "caller" else self.assistant
            _add(spans, self._ms(start), self._ms(track.end), chunk, joins=start == end)

    def _cut(self, cut: Cut, at: int, at_ms: float) -> None:
        with contextlib.suppress(AudioError):  # what resampling held is beyond the end
            cut_short(self._tracks["assistant"], cut, at)
        _cut_spans(self.assistant, cut, at_ms)

    def _ms(self, sample: int) -> float:
        return self.start_ms + sample / _PER_MS

    def _header(self) -> bytes:
        return _riff.header(AudioFormat.G711_ULAW, RATE, 2 * self._samples, 2)

    def _wav(self) -> Iterator[bytes]:
        yield self._header()
        sides = (track.blocks(_BLOCK_SAMPLES, self._samples) for track in self._tracks.values())
        for left, right in zip(*sides, strict=True):
            yield np.stack([ulaw_encode(left), ulaw_encode(right)], axis=1).tobytes()


def _small(samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bytes:
    roots = np.sign(samples) * np.sqrt(np.abs(samples))
    return bytes(np.rint(roots * 127).astype(np.int8).tobytes())


def _add(spans: list[Span], start_ms: float, end_ms: float, chunk: Chunk, *, joins: bool) -> None:
    """A span more, or the last one longer."""
    response, part = (chunk.response or "")[:80], (chunk.item or "")[:80]
    if spans and joins and (spans[-1].response, spans[-1].part) == (response, part):
        spans[-1].end_ms = end_ms
    elif len(spans) < _MAX_SPANS:
        spans.append(Span(start_ms, end_ms, response, part))


def _cut_spans(spans: list[Span], cut: Cut, at_ms: float) -> None:
    """What the spans of the assistant are after a cut."""
    if cut.item is not None and cut.end_ms is not None:
        part = [span for span in spans if span.part == cut.item[:80]]
        at_ms = _place(part, cut.end_ms) if part else at_ms
        spans_of = {span.response for span in part} if part else set()
        hit = [*part, *(span for span in spans if span.response in spans_of - {""})]
    else:
        hit = spans
    for span in hit:
        if span.end_ms > at_ms:
            span.end_ms = max(span.start_ms, at_ms)
    spans[:] = [span for span in spans if span.end_ms > span.start_ms]


def _place(spans: list[Span], heard_ms: float) -> float:
    """The time at which so much of these spans was heard."""
    for span in spans:
        length = span.end_ms - span.start_ms
        if heard_ms <= length:
            return span.start_ms + heard_ms
        heard_ms -= length
    return spans[-1].end_ms
