"""Speech of all callers: a recording in a loop, as frames that are encoded once.

Each caller begins at another position. The audio that a caller sent between two times is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import realtime
from realtime.audio import chunks, read_wav

# Silence sent by each caller at the end, so that the server detects the end of the last turn.
CLOSING_MS: Final = 1000
# The least audio without speech that a server retains.
RETAINED_MS: Final = 60_000


class Speech:
    """Frames of `recording` followed by `pause_ms` of silence, in a loop, in appends of `ptime_ms`.

    `frame_of` converts the frame of an append to the bytes that are written to a socket.

    Raises:
        AudioError: the recording is not a WAV file or is empty, or `ptime_ms` is not an integral number of
            samples.
        OSError: the recording cannot be read.
    """

    def __init__(
        self, recording: str, fmt: object, ptime_ms: float, pause_ms: int, frame_of: Callable[[bytes], bytes]
    ) -> None:
        self.format = realtime.AudioFormat.of(fmt)
        self.ptime_ms = ptime_ms
        self._size = self.format.chunk_bytes(ptime_ms)
        audio = read_wav(recording).to(self.format) + self.format.silence(pause_ms)
        if not audio:
            raise realtime.AudioError(f"no sound in {recording}, and no pause after it")
        silence = self.format.silence(ptime_ms)
        self._loop = audio + silence[: -len(audio) % self._size]
        made: dict[bytes, bytes] = {}
        for chunk in (silence, *map(bytes, chunks(self._loop, self.format, ptime_ms))):
            if chunk not in made:
                made[chunk] = frame_of(realtime.encode_append(chunk))
        self.silence = made[silence]
        self.frames = [made[bytes(chunk)] for chunk in chunks(self._loop, self.format, ptime_ms)]
        self.closing = -int(-CLOSING_MS // ptime_ms)

    def span(self, first: int, spoken: int, start_ms: float, end_ms: float) -> bytes:
        """Return a caller's audio from `start_ms` to `end_ms`.

        The caller sends `spoken` frames, from the one with the index `first`, and then silence.
        """
        start, end = self.format.chunk_bytes(start_ms), self.format.chunk_bytes(end_ms)
        voiced = max(0, min(end, spoken * self._size) - start)
        begin = (first * self._size + start) % len(self._loop)
        times = (begin + voiced) // len(self._loop) + 1
        silence = self.format.silence(end_ms - start_ms)
        return (self._loop * times)[begin : begin + voiced] + silence[: end - start - voiced]
