"""The two paths of a bridge's audio: what the caller says, and what the caller hears.

Each knows the format on either side and nothing of turns or marks. Where the formats are the same,
base64 is put between a head and a tail as it came; where they are not, a recoder is between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..codec import encode_append
from ..errors import DecodeError
from ..format import AudioFormat
from ._base64 import from_base64, nbytes_of
from .media import MediaFormat

if TYPE_CHECKING:
    from ._recode import Recoder
    from .carrier import Carrier

# Carriers send 20 ms in a message; this is two minutes of mu-law, and once converted still an append.
MAX_AUDIO_BYTES: Final = 1024 * 1024

_SESSION_MEDIA: Final = {
    AudioFormat.G711_ULAW: MediaFormat("PCMU", 8_000),
    AudioFormat.G711_ALAW: MediaFormat("PCMA", 8_000),
    AudioFormat.PCM16: MediaFormat("L16", 24_000),
}
_SILENCE: Final = {"PCMU": b"\xff", "PCMA": b"\xd5", "L16": b"\0\0"}
_EMPTY_APPEND = encode_append(b"").decode()
_AT = _EMPTY_APPEND.rindex('""') + 1
_APPEND_HEAD, _APPEND_TAIL = _EMPTY_APPEND[:_AT], _EMPTY_APPEND[_AT:]


def recoder_between(src: MediaFormat, dst: MediaFormat) -> Recoder | None:
    """What makes `dst` of `src`; None where they are the same.

    Raises:
        AudioError: one of them cannot be converted.
    """
    if src == dst:
        return None
    from ._recode import Recoder  # numpy, only where formats differ

    return Recoder(src, dst)


class Uplink:
    """What the caller says, of the format `media`, as append frames of `session`'s."""

    def __init__(self, media: MediaFormat, session: AudioFormat) -> None:
        self.media = media
        self.session = session
        self._recoder = recoder_between(media, _SESSION_MEDIA[session])
        self.spliced = 0
        self.reencoded = 0

    def tuned(self, media: MediaFormat, session: AudioFormat) -> Uplink:
        """The path of these formats: this one, if they are its own. Raises what `recoder_between` raises."""
        if (media, session) == (self.media, self.session):
            return self
        path = Uplink(media, session)
        path.spliced, path.reencoded = self.spliced, self.reencoded
        return path

    def check(self, nbytes: int) -> None:
        """Raises DecodeError where a message cannot carry so much audio."""
        if nbytes > MAX_AUDIO_BYTES:
            raise DecodeError(f"{nbytes} bytes are more audio than a message carries")
        width = self.media.sample_width
        if width > 1 and nbytes % width:
            raise DecodeError(f"{nbytes} bytes are not a whole number of {8 * width}-bit samples")

    def splice(self, base64: bytes) -> str:
        """The append frame of audio in base64, or "" where nothing is due."""
        if not base64:
            return ""
        if self._recoder is not None:
            return self.encode(from_base64(base64))
        self.spliced += 1
        return _APPEND_HEAD + base64.decode() + _APPEND_TAIL

    def encode(self, audio: bytes) -> str:
        """The append frame of raw audio, or "" where nothing is due."""
        if self._recoder is not None:
            # A message is whole samples: half of one, from before its format was known, shifts no others.
            audio = self._recoder.process(audio[: len(audio) - len(audio) % self.media.sample_width])
        if not audio:
            return ""
        self.reencoded += 1
        return encode_append(audio).decode()

    def flush(self) -> str:
        """The append frame of what is withheld, or ""."""
        tail = b"" if self._recoder is None else self._recoder.flush()
        self.reencoded += bool(tail)
        return encode_append(tail).decode() if tail else ""


class Downlink:
    """What the caller hears: audio of the session's format, as media frames of a carrier.

    Nothing leaves before `open`. A part of an item begins with `begin` and ends with `flush`, which
    fills up a frame that would be too short; `reset` forgets what is withheld.
    """

    def __init__(self, carrier: Carrier, media: MediaFormat, session: AudioFormat) -> None:
        self._carrier = carrier
        self._is_text = not carrier.MEDIA_IS_BINARY
        self._carry = bytearray()
        self.spliced = 0
        self.reencoded = 0
        self.open("", media, session)

    def open(self, stream_id: str, media: MediaFormat, session: AudioFormat) -> None:
        """The carrier's stream is known, and what it plays.

        Raises:
            AudioError: nothing is changed; `media` cannot be made of the session's format.
        """
        recoder = recoder_between(_SESSION_MEDIA[session], media)
        least_ms, frame_ms = getattr(self._carrier, "MIN_MEDIA_MS", 0), self._carrier.FRAME_MS or 0
        min_bytes, frame_bytes = media.chunk_bytes(least_ms), media.chunk_bytes(frame_ms)
        self._recoder: Recoder | None = recoder
        self._min_bytes, self._frame_bytes = max(min_bytes, 1), frame_bytes
        self._stream_id, self.media, self.session = stream_id, media, session
        self._carry.clear()
        if self._is_text:
            empty = self._carrier.encode_media("", stream_id, media).decode()
            at = empty.rindex('""') + 1
            self._head, self._tail = empty[:at], empty[at:]

    def begin(self, session: AudioFormat) -> None:
        """A part begins, in this format."""
        if session is not self.session:
            self._recoder = recoder_between(_SESSION_MEDIA[session], self.media)
            self.session = session

    def splice(self, base64: bytes) -> list[str | bytes]:
        """The frames of audio in base64."""
        nbytes = nbytes_of(base64)
        if self._recoder is not None or self._carry or self._frame_bytes or not self._is_text:
            return self.encode(from_base64(base64))
        if nbytes < self._min_bytes or nbytes % self.media.sample_width:
            return self.encode(from_base64(base64))
        self.spliced += 1
        return [self._head + base64.decode() + self._tail]

    def encode(self, audio: bytes) -> list[str | bytes]:
        """The frames of raw audio."""
        self._carry += audio if self._recoder is None else self._recoder.process(audio)
        return self._due()

    def flush(self) -> list[str | bytes]:
        """The frames of what is withheld: the part has ended."""
        if self._recoder is not None:
            self._carry += self._recoder.flush()
        width, least = self.media.sample_width, self._frame_bytes or self._min_bytes
        del self._carry[len(self._carry) - len(self._carry) % width :]
        missing = -len(self._carry) % least if self._frame_bytes else max(least - len(self._carry), 0)
        if self._carry:
            self._carry += _SILENCE[self.media.encoding] * (missing // width)
        return self._due()

    def reset(self) -> None:
        """Forget what is withheld."""
        self._carry.clear()
        if self._recoder is not None:
            self._recoder.reset()

    def _due(self) -> list[str | bytes]:
        width, held = self.media.sample_width, len(self._carry)
        size = self._frame_bytes or held - held % width
        if held < max(size, self._min_bytes):
            return []
        end = held - held % size
        frames = [self._frame(bytes(self._carry[at : at + size])) for at in range(0, end, size)]
        del self._carry[:end]
        self.reencoded += len(frames)
        return frames

    def _frame(self, audio: bytes) -> str | bytes:
        frame = self._carrier.encode_media(audio, self._stream_id, self.media)
        return frame.decode() if self._is_text else frame
