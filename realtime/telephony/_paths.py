"""The two audio paths of a bridge: `Uplink` from the caller to the session, `Downlink` back.

Each knows the formats of its two ends and nothing of turns or marks. If the formats are the same,
base64 is copied from frame to frame (`splice`); if not, a `MediaConverter` is in between. Read
`_player` next, which feeds the downlink.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pybase64

from .._base64 import decoded_nbytes
from ..codec import encode_append
from ..errors import DecodeError
from ..format import AudioFormat
from ._queue import CallerClock
from .media import MediaFormat

if TYPE_CHECKING:
    from ._convert import MediaConverter
    from .carrier import Carrier

# Carriers send 20 ms in a message; this is two minutes of mu-law, and still fits an append when converted.
MAX_AUDIO_BYTES: Final = 1024 * 1024


class AppendFrame:
    """The append frames of a dialect: `encode` makes one of raw audio, `head` and `tail` surround base64 text."""

    def __init__(self, encode: Callable[[bytes], bytes]) -> None:
        self.encode = encode
        self.head, self.tail = encode(bytes(6)).decode().split("AAAAAAAA")


APPEND: Final = AppendFrame(encode_append)


def converter_between(src: MediaFormat, dst: MediaFormat) -> MediaConverter | None:
    """Return a converter from `src` to `dst`, None if they are the same.

    Raises:
        AudioError: one of them cannot be converted.
    """
    if src == dst:
        return None
    from ._convert import MediaConverter  # loads numpy

    return MediaConverter(src, dst)


class Uplink:
    """The caller's audio in the format `media`, sent to the session as append frames in the format `session`.

    `spliced` and `reencoded` count the frames of either kind, `half_samples` those that were dropped.
    The audio that `check` accepts moves `clock`.
    """

    def __init__(
        self, media: MediaFormat, session: AudioFormat, clock: CallerClock, append: AppendFrame = APPEND
    ) -> None:
        self._head, self._tail, self._append = append.head, append.tail, append.encode
        self.media = media
        self.session = session
        self.clock = clock
        self._converter = converter_between(media, MediaFormat.of_session(session))
        self._width = media.sample_width
        self._ms_per_byte = 1000 / media.bytes_per_second
        self.spliced = 0
        self.reencoded = 0
        self.half_samples = 0

    def with_formats(self, media: MediaFormat, session: AudioFormat) -> Uplink:
        """Return an uplink of these formats with the same counters; `self` if the formats are its own.

        Raises:
            AudioError: one of them cannot be converted.
        """
        if (media, session) == (self.media, self.session):
            return self
        uplink = self._again(media, session)
        uplink.spliced, uplink.reencoded = self.spliced, self.reencoded
        uplink.half_samples = self.half_samples
        return uplink

    def _again(self, media: MediaFormat, session: AudioFormat) -> Uplink:
        return Uplink(media, session, self.clock)

    def check(self, nbytes: int) -> None:
        """Note that `nbytes` of audio arrived. Raises DecodeError if a message cannot carry them."""
        if nbytes > MAX_AUDIO_BYTES:
            raise DecodeError(f"{nbytes} bytes are more audio than the {MAX_AUDIO_BYTES} of one message")
        if nbytes % self._width:
            raise DecodeError(f"{nbytes} bytes are not a whole number of {8 * self._width}-bit samples")
        self.clock.ms += nbytes * self._ms_per_byte

    def splice(self, base64: bytes) -> str:
        """Return the append frame of base64 audio, or "" if there is nothing to send yet."""
        if not base64:
            return ""
        # Half a sample can arrive before the format is known only.
        if self._converter is not None or (self._width > 1 and decoded_nbytes(base64) % self._width):
            return self.encode(pybase64.b64decode(base64))
        self.spliced += 1
        return f"{self._head}{base64.decode()}{self._tail}"

    def take(self, base64: bytes) -> str:
        """Do `check` and `splice` in one step (the fast path: benchmarks/telephony.py)."""
        nbytes = decoded_nbytes(base64)
        if self._converter is not None or not 0 < nbytes <= MAX_AUDIO_BYTES or nbytes % self._width:
            self.check(nbytes)
            return self.splice(base64)
        self.clock.ms += nbytes * self._ms_per_byte
        self.spliced += 1
        return f"{self._head}{base64.decode()}{self._tail}"

    def encode(self, audio: bytes) -> str:
        """Return the append frame of raw audio, or "" if there is nothing to send yet."""
        # A message holds whole samples. Half a sample that arrived before the format was known is
        # dropped here, or it would shift all samples after it.
        half = len(audio) % self._width
        if half:
            audio = audio[:-half]
            self.half_samples += 1
        if self._converter is not None:
            audio = self._converter.process(audio)
        if not audio:
            return ""
        self.reencoded += 1
        return self._append(audio).decode()

    def flush(self) -> str:
        """Return the append frame of the withheld audio, or "" if there is none."""
        tail = b"" if self._converter is None else self._converter.flush()
        self.reencoded += bool(tail)
        return self._append(tail).decode() if tail else ""


class Downlink:
    """The session's audio, sent to the caller as media frames of a carrier.

    Frames are valid after `open`. A part of an item starts with `begin` and ends with `flush`, which
    pads a frame that would be too short; `reset` forgets the withheld audio. Frames are returned with
    the bytes of audio in them. `spliced` and `reencoded` count the frames of either kind, `half_samples`
    those at the end of a part, which are dropped.

    Raises:
        AudioError: the session's format cannot be converted to `media`.
    """

    def __init__(self, carrier: Carrier, media: MediaFormat, session: AudioFormat) -> None:
        self._carrier = carrier
        self._is_text = not carrier.MEDIA_IS_BINARY
        self._carry = bytearray()
        self.spliced = 0
        self.reencoded = 0
        self.half_samples = 0
        self.open("", media, session)

    def open(self, stream_id: str, media: MediaFormat, session: AudioFormat) -> None:
        """Set the carrier's stream and the format that it plays.

        Raises:
            AudioError: the session's format cannot be converted to `media`. Nothing has changed.
        """
        carrier = self._carrier
        converter = converter_between(MediaFormat.of_session(session), media)
        min_bytes = media.chunk_bytes(carrier.MIN_MEDIA_MS)
        frame_bytes = media.chunk_bytes(carrier.FRAME_MS or 0)
        if self._is_text:
            self._head = carrier.media_head(stream_id, media).decode()
            self._tail = carrier.MEDIA_TAIL.decode()
        self._converter: MediaConverter | None = converter
        self._width = media.sample_width
        self._min_bytes, self._frame_bytes = max(min_bytes, self._width), frame_bytes
        self._stream_id, self.media, self.session = stream_id, media, session
        self._carry.clear()

    def begin(self, session: AudioFormat) -> None:
        """Start a part of an item, in the format `session`."""
        if session != self.session:
            self._converter = converter_between(MediaFormat.of_session(session), self.media)
            self.session = session

    def splice(self, base64: bytes, nbytes: int) -> tuple[list[str | bytes], int]:
        """Return the frames of base64 audio, which decodes to `nbytes`."""
        if self._converter is not None or self._carry or self._frame_bytes or not self._is_text:
            return self.encode(pybase64.b64decode(base64))
        if nbytes < self._min_bytes or nbytes % self._width:
            return self.encode(pybase64.b64decode(base64))
        self.spliced += 1
        return [self._head + base64.decode() + self._tail], nbytes

    def encode(self, audio: bytes) -> tuple[list[str | bytes], int]:
        """Return the frames of raw audio."""
        self._carry += audio if self._converter is None else self._converter.process(audio)
        return self._take_frames()

    def flush(self) -> tuple[list[str | bytes], int]:
        """Return the frames of the withheld audio, padded with silence: the part has ended."""
        if self._converter is not None:
            self.half_samples += self._converter.has_half_sample
            self._carry += self._converter.flush()
        half = len(self._carry) % self._width
        if half:
            del self._carry[-half:]
            self.half_samples += 1
        if self._carry:
            nbytes = len(self._carry)
            padding = -nbytes % self._frame_bytes if self._frame_bytes else max(self._min_bytes - nbytes, 0)
            self._carry += self.media.silence(padding)
        return self._take_frames()

    def reset(self) -> None:
        """Forget the withheld audio."""
        self._carry.clear()
        if self._converter is not None:
            self._converter.flush()

    def _take_frames(self) -> tuple[list[str | bytes], int]:
        nbytes = len(self._carry)
        # At least a sample, so the size is not 0 below.
        if nbytes < (self._frame_bytes or self._min_bytes):
            return [], 0
        size = self._frame_bytes or nbytes - nbytes % self._width
        end = nbytes - nbytes % size
        pieces = [bytes(self._carry[at : at + size]) for at in range(0, end, size)]
        del self._carry[:end]
        self.reencoded += len(pieces)
        frames: list[str | bytes]
        if self._is_text:
            frames = [self._head + pybase64.b64encode_as_string(piece) + self._tail for piece in pieces]
        else:
            frames = [self._carrier.encode_media(piece, self._stream_id, self.media) for piece in pieces]
        return frames, end
