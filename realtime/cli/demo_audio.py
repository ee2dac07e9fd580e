"""The audio of the demo's call: the caller's uplink, the formats of a session, and turn detection.

The caller is a phone: 8 kHz mu-law in frames of 20 ms. Positions are bytes of phone audio since the
call began; they do not change when older audio is discarded or a new session begins. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..audio import Converter, rms_dbfs, ulaw_decode
from ..build import VAD_SILENCE_DURATION_MS, VAD_THRESHOLD
from ..errors import AudioError
from ..format import AudioFormat
from ..testing.vad import ONSET_MS, threshold_dbfs

PHONE: Final = AudioFormat.G711_ULAW
PTIME_MS: Final = 20
# Longer than any usual turn. Audio that is older and not committed is not sent to a new session.
RETAINED_MS: Final = 300_000
_MAX_MS: Final = 10**9
_LOUD_DBFS: Final = threshold_dbfs(VAD_THRESHOLD)


class AudioWindow:
    """The last `max_nbytes` of an audio stream, addressed by position. `start` is its first byte."""

    def __init__(self, max_nbytes: int, start: int = 0) -> None:
        self.start = start
        self._max_nbytes = max_nbytes
        self._audio = bytearray()

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self.start + len(self._audio)

    @property
    def audio(self) -> bytes:
        """All audio in the window."""
        return bytes(self._audio)

    def append(self, audio: bytes) -> None:
        """Add audio at the end. Discards the oldest if there is too much."""
        self._audio += audio
        self.discard(self.end - self._max_nbytes)

    def slice(self, start: int, end: int) -> bytes:
        """Return the audio from `start` to `end`, as much of it as the window has."""
        return bytes(self._audio[max(0, start - self.start) : max(0, end - self.start)])

    def discard(self, before: int) -> None:
        """Discard the audio before a position."""
        nbytes = min(max(0, before - self.start), len(self._audio))
        del self._audio[:nbytes]
        self.start += nbytes


class CallerUplink:
    """The caller's audio: phone frames pulled from `source` one by one, and sent again after a reconnect.

    Attributes:
        retained: the audio since the last commit.
        position: the end of the audio that was sent.
        origin: the position at which the present session began.
        committed_to: the end of the audio that the server has committed.
        lost_nbytes: audio that was too old to be sent again.
    """

    def __init__(self, source: Iterator[bytes], retained_ms: int = RETAINED_MS) -> None:
        self._source = source
        self.retained = AudioWindow(PHONE.chunk_bytes(retained_ms))
        self.position = self.origin = self.committed_to = self.lost_nbytes = 0

    @property
    def is_caught_up(self) -> bool:
        """True if everything that was pulled from the source has been sent."""
        return self.position >= self.retained.end

    def next_frame(self) -> bytes | None:
        """Return the next frame to send, None at the end."""
        if self.is_caught_up:
            frame = next(self._source, None)
            if frame is None:
                return None
            self.retained.append(frame)
        else:
            frame = self.retained.slice(self.position, self.position + PHONE.chunk_bytes(PTIME_MS))
        self.position += len(frame)
        return frame

    def position_of(self, audio_ms: int) -> int:
        """Return the position of a session's `audio_ms`, which a server may set to any number."""
        return self.origin + min(max(0, audio_ms), _MAX_MS) * PHONE.bytes_per_second // 1000

    def commit(self, position: int) -> None:
        """Note that the server has committed the audio up to `position`. It is not sent again."""
        self.committed_to = max(self.committed_to, min(position, self.position))
        self.retained.discard(self.committed_to)

    def restart(self) -> int:
        """Begin a new session with the audio that was not committed.

        Returns the number of bytes that are sent again.
        """
        self.origin = max(self.committed_to, self.retained.start)
        self.lost_nbytes += self.origin - self.committed_to
        self.committed_to = self.origin
        resent_nbytes, self.position = max(0, self.position - self.origin), self.origin
        return resent_nbytes


class SessionAudio:
    """The audio formats of one session, and conversion between them and the phone's.

    Attributes:
        input_format, output_format: the session's formats.
        sent: the audio that was sent since the last commit, in the input format.
    """

    def __init__(self, format: AudioFormat) -> None:
        self.input_format = format
        self.sent = AudioWindow(0)
        self.set_formats(format, format)

    def set_formats(self, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """Convert to and from these formats from now on."""
        ratio = _per_phone_byte(input_format)
        start = self.sent.end * ratio // _per_phone_byte(self.input_format)
        self.sent = AudioWindow(PHONE.chunk_bytes(RETAINED_MS) * ratio, start)
        self.input_format, self.output_format = input_format, output_format
        self._uplink, self._downlink = Converter(PHONE, input_format), Converter(output_format, PHONE)

    def from_phone(self, frame: bytes) -> bytes:
        """Convert a frame of the phone for sending. May return b"": resampling has a delay."""
        return self._sent(self._uplink.process(frame))

    def flush_from_phone(self) -> bytes:
        """Return the audio that the converter withholds, at the end of the caller's speech."""
        return self._sent(self._uplink.flush())

    def _sent(self, audio: bytes) -> bytes:
        self.sent.append(audio)
        return audio

    def sent_between(self, origin: int, start: int, end: int) -> bytes:
        """Return the sent audio between two phone positions, in the session's format.

        `origin` is the position at which the session began.
        """
        ratio = _per_phone_byte(self.input_format)
        return self.sent.slice((start - origin) * ratio, (end - origin) * ratio)

    def discard_sent(self, origin: int, before: int) -> None:
        """Discard the sent audio before a phone position."""
        self.sent.discard((before - origin) * _per_phone_byte(self.input_format))

    def to_phone(self, audio: bytes) -> bytes:
        """Convert audio of the session for the phone."""
        return self._downlink.process(audio)

    def flush_to_phone(self) -> bytes:
        """Return the audio that the converter withholds, at the end of an answer."""
        try:
            return self._downlink.flush()
        except AudioError:  # the answer ended within a sample: there is nothing more to play
            self._downlink.reset()
            return b""

    def reset_to_phone(self) -> None:
        """Forget the answer so far: another begins."""
        self._downlink.reset()


def _per_phone_byte(format: AudioFormat) -> int:
    """Return the number of bytes of `format` that last as long as one byte of phone audio."""
    return format.bytes_per_second // PHONE.bytes_per_second


class EnergyVad:
    """Voice activity detector by energy, with the parameters of server VAD, for manual commits.

    `is_turn_over` is set at the end of a turn, until `reset`.
    """

    def __init__(self, ptime_ms: int) -> None:
        self._ptime_ms = ptime_ms
        self._loud_ms = self._quiet_ms = 0
        self._is_speaking = False
        self.is_turn_over = False

    def feed(self, frame: bytes) -> None:
        """Feed the next mu-law frame of `ptime_ms`."""
        is_loud = rms_dbfs(ulaw_decode(frame)) > _LOUD_DBFS
        self._loud_ms = self._loud_ms + self._ptime_ms if is_loud else 0
        self._quiet_ms = 0 if is_loud else self._quiet_ms + self._ptime_ms
        if self._loud_ms >= ONSET_MS:
            self._is_speaking = True
        elif self._is_speaking and self._quiet_ms >= VAD_SILENCE_DURATION_MS:
            self._is_speaking, self.is_turn_over = False, True

    def reset(self) -> None:
        """Wait for the next turn: the last one has been committed."""
        self.is_turn_over = False
