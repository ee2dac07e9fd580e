"""Speech: what all callers say, a recording over and over, as frames that are made once.

Each caller begins elsewhere in it. What one of them said between two times is known to the byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import realtime
from realtime.audio import chunks, read_wav

# Said by each caller at the end, so that the server hears the last turn end.
CLOSING_MS: Final = 1000
# What a server keeps at least of audio in which it heard no speech.
KEPT_MS: Final = 60_000


class Speech:
    """`recording` and then `pause_ms` of silence, again and again, in appends of `ptime_ms`.

    `frame_of` makes the frame of an append what is written to a socket.

    Raises:
        AudioError: it is no WAV file, or there is nothing in it; `ptime_ms` is no whole number of samples.
        OSError: it cannot be read.
    """

    def __init__(
        self, recording: str, fmt: object, ptime_ms: float, pause_ms: int, frame_of: Callable[[bytes], bytes]
    ) -> None:
        self.format = realtime.AudioFormat.of(fmt)
        self.ptime_ms = ptime_ms
        self._size = self.format.chunk_bytes(ptime_ms)
        audio = read_wav(recording).to(self.format) + self.format.silence(pause_ms)
        if not audio:
            raise realtime.AudioError(f"there is no sound in {recording}, and no pause after it")
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
        """What a caller said from `start_ms` to `end_ms`: `spoken` frames from the one numbered `first`, then silence."""
        start, end = self.format.chunk_bytes(start_ms), self.format.chunk_bytes(end_ms)
        voiced = max(0, min(end, spoken * self._size) - start)
        begin = (first * self._size + start) % len(self._loop)
        times = (begin + voiced) // len(self._loop) + 1
        silence = self.format.silence(end_ms - start_ms)
        return (self._loop * times)[begin : begin + voiced] + silence[: end - start - voiced]
