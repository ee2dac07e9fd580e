"""Voice activity detection, and the input buffer whose audio it examines.

Speech is detected by energy alone. Semantic VAD is approximated by a silence that depends on its
eagerness. Positions are byte offsets since the session began and become milliseconds on the wire; a
detected turn is exactly the audio from its `audio_start_ms` to its `audio_end_ms`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np

from .. import spec
from ..audio import alaw_decode, pcm16, ulaw_decode
from ..audio.pcm import FULL_SCALE
from ..events import (
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    SemanticVad,
    ServerVad,
)
from ..format import AudioFormat
from .settings import with_vad_defaults

FRAME_MS: Final = 20
# Louder frames in a row that count as speech; less is a click.
ONSET_MS: Final = 60
# Audio without speech that is retained for a client that commits it.
MAX_UNSPOKEN_MS: Final = 60_000
MAX_BUFFER_MS: Final = spec.MAX_SESSION_SECONDS * 1000
# The silence that ends a turn of semantic VAD, by eagerness.
SEMANTIC_SILENCE_MS: Final = {"low": 1000, "medium": 500, "high": 200, "auto": 500}

_CODES: Final = np.arange(256, dtype=np.uint8)


def _decode_by_table(decode: Callable[[Any], Any]) -> Callable[[bytearray], Any]:
    take = decode(_CODES).astype(np.float64).take
    return lambda codes: take(np.frombuffer(codes, np.uint8))


_TO_FLOAT64: Final[dict[str, Callable[[bytearray], Any]]] = {
    "pcm16": lambda audio: pcm16(audio).astype(np.float64),
    "g711_ulaw": _decode_by_table(ulaw_decode),
    "g711_alaw": _decode_by_table(alaw_decode),
}


def threshold_dbfs(threshold: float) -> float:
    """Return the level for a VAD `threshold` from 0 to 1: -60 to -20 dBFS RMS, -40 for 0.5."""
    return -60.0 + 40.0 * threshold


def server_vad_for(turn_detection: object) -> ServerVad | None:
    """Return the energy VAD settings for a session's turn detection, or None if it is off."""
    if isinstance(turn_detection, ServerVad):
        return turn_detection
    if isinstance(turn_detection, SemanticVad):
        return with_vad_defaults(
            ServerVad(
                silence_duration_ms=SEMANTIC_SILENCE_MS.get(turn_detection.eagerness or "auto"),
                create_response=turn_detection.create_response,
                interrupt_response=turn_detection.interrupt_response,
            )
        )
    return None


class EnergyVad:
    """Voice activity detector that is fed one frame of `FRAME_MS` at a time.

    Attributes:
        is_speaking: True from the onset of speech to the silence that ends the turn.
        loud_ms: the duration of the latest loud frames in a row, up to the onset of speech.
    """

    def __init__(self) -> None:
        self.is_speaking = False
        self.loud_ms = 0
        self._quiet_ms = 0

    def feed(self, is_loud: bool, silence_ms: int) -> bool:
        """Feed a frame. Returns True if speech starts, or ends after `silence_ms` of quiet frames."""
        if self.is_speaking:
            self._quiet_ms = 0 if is_loud else self._quiet_ms + FRAME_MS
            has_changed = not is_loud and self._quiet_ms >= silence_ms
        else:
            self.loud_ms = self.loud_ms + FRAME_MS if is_loud else 0
            self._quiet_ms = 0
            has_changed = self.loud_ms >= ONSET_MS
        self.is_speaking ^= has_changed
        return has_changed

    def reset(self) -> None:
        """Forget the speech so far."""
        self.is_speaking = False
        self.loud_ms = self._quiet_ms = 0


# Events without their item_id, which the session knows.
Detection: TypeAlias = (
    InputAudioBufferSpeechStarted | InputAudioBufferSpeechStopped | InputAudioBufferTimeoutTriggered
)


class InputBuffer:
    """Input audio that is not committed yet, and the voice activity detector that examines it.

    Attributes:
        format: the format of the audio.
        max_bytes: the size limit.
    """

    def __init__(self, format: AudioFormat, position_ms: int = 0) -> None:
        self.format = format
        self.max_bytes = format.chunk_bytes(MAX_BUFFER_MS)
        self._frame_bytes = format.chunk_bytes(FRAME_MS)
        self._frame_samples = self._frame_bytes // format.sample_width
        self._data = bytearray()
        self._start = format.chunk_bytes(position_ms)
        self._examined = self._start
        self._turn_start = self._start
        self._vad = EnergyVad()
        # The mean squares of the frames after `_examined`.
        self._powers: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._data)

    @property
    def is_speaking(self) -> bool:
        """True while a turn is in progress."""
        return self._vad.is_speaking

    @property
    def end_ms(self) -> int:
        """The duration of all audio appended since the session began, in whole milliseconds."""
        return math.floor(self.format.duration_ms(self._start + len(self._data)))

    def append(self, audio: bytes) -> None:
        """Append complete samples."""
        self._data += audio

    def clear(self) -> None:
        """Drop the audio. Positions continue after it."""
        self._drop(len(self._data))
        self._examined = self._start
        self._powers.clear()
        self._vad.reset()

    def cancel_turn(self) -> None:
        """Forget that a turn is in progress. The audio stays."""
        self._vad.is_speaking = False

    def take(self) -> bytes:
        """Remove and return all audio."""
        audio = bytes(self._data)
        self.clear()
        return audio

    def take_turn(self, audio_end_ms: int) -> bytes:
        """Remove the audio up to `audio_end_ms` and return it from the start of the last detection on."""
        end = self.format.chunk_bytes(audio_end_ms) - self._start
        audio = bytes(self._data[max(0, self._turn_start - self._start) : end])
        self._drop(end)
        self._vad.reset()
        return audio

    # --- Detection ---

    def detect(self, vad: ServerVad, silent_since_ms: float | None = None) -> Detection | None:
        """Return the next detection in the appended audio, or None once all of it is examined.

        The idle timeout of `vad` counts from `silent_since_ms`; None disables it.
        """
        size = self._frame_bytes
        self._measure(size)
        idle_ms = 0 if silent_since_ms is None else _ms(vad.idle_timeout_ms)
        idle_end_ms = math.ceil((silent_since_ms or 0.0) + idle_ms)
        idle_end = self.format.chunk_bytes(idle_end_ms)
        min_power = FULL_SCALE**2 * 10 ** (threshold_dbfs(vad.threshold or 0.0) / 10)
        silence_ms = _ms(vad.silence_duration_ms)
        while self._powers:
            has_changed = self._vad.feed(self._powers.popleft() > min_power, silence_ms)
            self._examined += size
            if has_changed and self.is_speaking:
                return self._speech_started(_ms(vad.prefix_padding_ms))
            if has_changed:
                end_ms = math.floor(self.format.duration_ms(self._examined))
                return InputAudioBufferSpeechStopped(audio_end_ms=end_ms, item_id="")
            if idle_ms and not self.is_speaking and self._examined >= idle_end:
                start_ms = math.floor(silent_since_ms or 0.0)
                self._turn_start = self.format.chunk_bytes(start_ms)
                return InputAudioBufferTimeoutTriggered(
                    audio_start_ms=start_ms, audio_end_ms=idle_end_ms, item_id=""
                )
        if not self.is_speaking:
            self._drop_unspoken(_ms(vad.prefix_padding_ms))
        return None

    def _measure(self, size: int) -> None:
        """Measure the frames that are complete."""
        begin = self._examined + len(self._powers) * size - self._start
        count = (len(self._data) - begin) // size
        if count > 0:
            samples = _TO_FLOAT64[self.format.encoding](self._data[begin : begin + count * size])
            per_frame = self._frame_samples
            for at in range(0, count * per_frame, per_frame):
                frame = samples[at : at + per_frame]
                # Sums of squares of 16 bits are exact in float64, in any order.
                self._powers.append(float(frame.dot(frame)) / per_frame)

    def _speech_started(self, prefix_padding_ms: int) -> InputAudioBufferSpeechStarted:
        examined_ms = math.floor(self.format.duration_ms(self._examined))
        buffer_start_ms = math.ceil(self.format.duration_ms(self._start))
        start_ms = max(examined_ms - self._vad.loud_ms - prefix_padding_ms, buffer_start_ms)
        self._turn_start = self.format.chunk_bytes(start_ms)
        return InputAudioBufferSpeechStarted(audio_start_ms=start_ms, item_id="")

    def _drop_unspoken(self, prefix_padding_ms: int) -> None:
        limit = self.format.chunk_bytes(max(MAX_UNSPOKEN_MS, prefix_padding_ms + ONSET_MS))
        if len(self._data) > 2 * limit:
            self._drop(len(self._data) - limit)

    def _drop(self, nbytes: int) -> None:
        del self._data[:nbytes]
        self._start += nbytes


def _ms(value: object) -> int:
    return min(value, MAX_BUFFER_MS) if isinstance(value, int) else 0
