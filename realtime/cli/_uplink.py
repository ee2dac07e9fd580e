"""The caller's audio on its way: what nobody has committed is kept, and can be said again.

Positions are bytes since the call began; they stay what they are when older audio is forgotten and
when a new session begins. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..format import AudioFormat

PHONE: Final = AudioFormat.G711_ULAW
PTIME_MS: Final = 20
# More than one turn lasts. What is older than this and not committed is lost to a new session.
KEPT_MS: Final = 300_000


class Track:
    """Audio from the position `start` on; no more than the last `most` bytes of it."""

    def __init__(self, most: int, start: int = 0) -> None:
        self.start = start
        self._most = most
        self._audio = bytearray()

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self.start + len(self._audio)

    @property
    def all(self) -> bytes:
        """All that is there."""
        return bytes(self._audio)

    def add(self, audio: bytes) -> None:
        """More at the end."""
        self._audio += audio
        self.forget(self.end - self._most)

    def span(self, start: int, end: int) -> bytes:
        """What is there of it."""
        return bytes(self._audio[max(0, start - self.start) : max(0, end - self.start)])

    def forget(self, before: int) -> None:
        """What is older is no longer needed."""
        gone = min(max(0, before - self.start), len(self._audio))
        del self._audio[:gone]
        self.start += gone


class Uplink:
    """What the caller says: frames of `source` (8 kHz mu-law), pulled one by one as they are sent.

    Attributes:
        kept: what was said since the last commit; `position`, up to where it was sent.
        origin: where the audio of the present session begins.
        lost: how many bytes were too old to be said again.
    """

    def __init__(self, source: Iterator[bytes], kept_ms: int = KEPT_MS) -> None:
        self._source = source
        self.kept = Track(PHONE.chunk_bytes(kept_ms))
        self.position = self.origin = self.lost = 0
        self.committed_to = 0

    @property
    def is_at_its_end(self) -> bool:
        """Whether all that the caller has said was sent; there may be more to say."""
        return self.position >= self.kept.end

    def next(self) -> bytes | None:
        """The next frame to send; None where the caller has said everything."""
        if self.is_at_its_end:
            frame = next(self._source, None)
            if frame is None:
                return None
            self.kept.add(frame)
        else:
            frame = self.kept.span(self.position, self.position + PHONE.chunk_bytes(PTIME_MS))
        self.position += len(frame)
        return frame

    def position_of(self, audio_ms: int) -> int:
        """Where in the call the session's `audio_ms` is."""
        return self.origin + max(0, audio_ms) * PHONE.bytes_per_second // 1000

    def committed(self, position: int) -> None:
        """The server has what was said up to `position`; it need not be said again."""
        self.committed_to = max(self.committed_to, min(position, self.position))
        self.kept.forget(self.committed_to)

    def begin_again(self) -> int:
        """A new session begins, with what was not committed; how many bytes have been sent before."""
        self.origin = max(self.committed_to, self.kept.start)
        self.lost += self.origin - self.committed_to
        self.committed_to = self.origin
        again, self.position = max(0, self.position - self.origin), self.origin
        return again
