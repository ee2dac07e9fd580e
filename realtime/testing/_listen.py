"""The input buffer and the ear on it: where speech starts and stops, by energy alone.

Positions are bytes since the session began, spoken of in milliseconds on the wire. A turn
found here is the span from its `audio_start_ms` to its `audio_end_ms`, to the sample.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from .. import spec
from ..audio import alaw_decode, pcm16, ulaw_decode
from ..audio.pcm import FULL_SCALE
from ..events import ServerVad
from ..format import AudioFormat

FRAME_MS: Final = 20
# That much in a row is speech and no click.
ONSET_MS: Final = 60
# What is kept of audio in which nobody has spoken, for a client that commits it by hand.
MAX_UNSPOKEN_MS: Final = 60_000
MAX_BUFFER_MS: Final = spec.MAX_SESSION_SECONDS * 1000

_CODES: Final = np.arange(256, dtype=np.uint8)


def _wide_of(decode: Callable[[Any], Any]) -> Callable[[bytearray], Any]:
    """The samples that codes stand for, as float64, by a table."""
    take = decode(_CODES).astype(np.float64).take
    return lambda codes: take(np.frombuffer(codes, np.uint8))


_WIDE: Final[dict[AudioFormat, Callable[[bytearray], Any]]] = {
    AudioFormat.PCM16: lambda audio: pcm16(audio).astype(np.float64),
    AudioFormat.G711_ULAW: _wide_of(ulaw_decode),
    AudioFormat.G711_ALAW: _wide_of(alaw_decode),
}


def threshold_dbfs(threshold: float) -> float:
    """The level that a `threshold` from 0 to 1 stands for: -60 to -20 dBFS RMS, -40 for 0.5."""
    return -60.0 + 40.0 * threshold


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech was heard; `audio_start_ms` includes the padding before it."""

    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The silence after speech was long enough; `audio_end_ms` includes it."""

    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nobody has spoken for as long as the session waits: from `audio_start_ms` to `audio_end_ms`."""

    audio_start_ms: int
    audio_end_ms: int


Edge: TypeAlias = "SpeechStarted | SpeechStopped | TimedOut"


class InputBuffer:
    """What the caller said and nobody committed yet.

    Attributes: `format`, `speaking` (whether a turn is under way), `max_bytes` (the most that it takes).
    """

    def __init__(self, fmt: AudioFormat, position_ms: int = 0) -> None:
        self.format = fmt
        self.speaking = False
        self.max_bytes = fmt.chunk_bytes(MAX_BUFFER_MS)
        self._frame_bytes = fmt.chunk_bytes(FRAME_MS)
        self._frame_samples = self._frame_bytes // fmt.sample_width
        self._data = bytearray()
        self._start = fmt.chunk_bytes(position_ms)
        self._heard = self._start
        self._turn = self._start
        self._loud_ms = 0
        self._quiet_ms = 0
        # The mean squares of the frames from `_heard` on.
        self._levels: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._data)

    @property
    def end_ms(self) -> int:
        """How much audio the session has been sent, in whole milliseconds."""
        return math.floor(self.format.duration_ms(self._start + len(self._data)))

    def append(self, audio: bytes) -> None:
        """More audio: whole samples."""
        self._data += audio

    def clear(self) -> None:
        """Forget the audio, but not how much there was."""
        self._drop(len(self._data))
        self._heard = self._start
        self._levels.clear()
        self._rest()

    def take(self) -> bytes:
        """All of it, which is then gone."""
        audio = bytes(self._data)
        self.clear()
        return audio

    def take_turn(self, end_ms: int) -> bytes:
        """The turn that was found to end at `end_ms`, which is then gone."""
        return self._take_from(self._turn, end_ms)

    def take_span(self, start_ms: int, end_ms: int) -> bytes:
        """What came from `start_ms` to `end_ms`, as much of it as is there; all before is gone too."""
        return self._take_from(self.format.chunk_bytes(start_ms), end_ms)

    def _take_from(self, start: int, end_ms: int) -> bytes:
        end = self.format.chunk_bytes(end_ms) - self._start
        audio = bytes(self._data[max(0, start - self._start) : end])
        self._drop(end)
        self._rest()
        return audio

    # --- Listening ---

    def listen(self, vad: ServerVad, idle_from_ms: float | None = None) -> Edge | None:
        """The next edge of speech in what was appended, None when all of it has been heard.

        Where `vad` has an idle timeout, `idle_from_ms` is from where on nobody has spoken.
        """
        size = self._frame_bytes
        self._measure(size)
        idle_ms = None if idle_from_ms is None else _idle_end_ms(vad, idle_from_ms)
        least = FULL_SCALE**2 * 10 ** (threshold_dbfs(vad.threshold or 0.0) / 10)
        while self._levels:
            loud = self._levels.popleft() > least
            self._heard += size
            edge = self._goes_on(loud, vad) if self.speaking else self._begins(loud, vad)
            if edge:
                return edge
            if idle_ms is not None and not self.speaking and self._heard >= self.format.chunk_bytes(idle_ms):
                return TimedOut(math.floor(idle_from_ms or 0.0), idle_ms)
        if not self.speaking:
            self._forget_unspoken(vad)
        return None

    def _measure(self, size: int) -> None:
        """Measure the frames that are whole by now."""
        begin = self._heard + len(self._levels) * size - self._start
        count = (len(self._data) - begin) // size
        if count > 0:
            samples = _WIDE[self.format](self._data[begin : begin + count * size])
            per_frame = self._frame_samples
            for at in range(0, count * per_frame, per_frame):
                frame = samples[at : at + per_frame]
                # Sums of squares of 16 bits are exact in float64, in any order.
                self._levels.append(float(frame.dot(frame)) / per_frame)

    def _begins(self, loud: bool, vad: ServerVad) -> SpeechStarted | None:
        self._loud_ms = self._loud_ms + FRAME_MS if loud else 0
        if self._loud_ms < ONSET_MS:
            return None
        self.speaking, self._quiet_ms = True, 0
        heard_ms = math.floor(self.format.duration_ms(self._heard))
        least_ms = math.ceil(self.format.duration_ms(self._start))
        start_ms = max(heard_ms - self._loud_ms - _ms(vad.prefix_padding_ms), least_ms)
        self._turn = self.format.chunk_bytes(start_ms)
        return SpeechStarted(start_ms)

    def _goes_on(self, loud: bool, vad: ServerVad) -> SpeechStopped | None:
        self._quiet_ms = 0 if loud else self._quiet_ms + FRAME_MS
        if loud or self._quiet_ms < _ms(vad.silence_duration_ms):
            return None
        return SpeechStopped(math.floor(self.format.duration_ms(self._heard)))

    def _forget_unspoken(self, vad: ServerVad) -> None:
        most = self.format.chunk_bytes(max(MAX_UNSPOKEN_MS, _ms(vad.prefix_padding_ms) + ONSET_MS))
        if len(self._data) > 2 * most:
            self._drop(len(self._data) - most)

    def _drop(self, nbytes: int) -> None:
        del self._data[:nbytes]
        self._start += nbytes

    def _rest(self) -> None:
        self.speaking = False
        self._loud_ms = self._quiet_ms = 0


def _idle_end_ms(vad: ServerVad, idle_from_ms: float) -> int | None:
    timeout_ms = _ms(vad.idle_timeout_ms)
    return math.ceil(idle_from_ms + timeout_ms) if timeout_ms else None


def _ms(value: object) -> int:
    return min(value, MAX_BUFFER_MS) if isinstance(value, int) else 0
