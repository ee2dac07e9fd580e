"""MediaFormat: what a carrier's audio is, and whether a session can speak it as it stands.

A session's `AudioFormat` is one of three; carriers have more rates, both byte orders and
codecs that nothing here decodes. The names are RTP's: PCMU, PCMA, L16.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..errors import AudioError
from ..format import AudioFormat

if TYPE_CHECKING:
    from .._types import Buffer

# Bytes of one sample. Source: RFC 3551, section 4.5 (PCMU, PCMA, L16). Read 2026-11-24.
SAMPLE_WIDTHS: Final = {"PCMU": 1, "PCMA": 1, "L16": 2}

# The carriers' spellings of these, in lower case; what is not here keeps its name. Source: the
# `start` messages of Twilio, Telnyx, Plivo and Vonage, as each carrier's file tells. Read 2026-11-24.
SPELLINGS: Final = {
    "audio/x-mulaw": "PCMU", "audio/mulaw": "PCMU", "audio/pcmu": "PCMU", "pcmu": "PCMU",
    "audio/x-alaw": "PCMA", "audio/alaw": "PCMA", "audio/pcma": "PCMA", "pcma": "PCMA",
    "audio/x-l16": "L16", "audio/l16": "L16", "l16": "L16",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """An encoding by RTP's name, its rate in Hz, its channels, and for L16 its byte order."""

    encoding: str
    sample_rate: int
    channels: int = 1
    big_endian: bool = False

    @classmethod
    def of(
        cls, encoding: str, sample_rate: int, channels: int = 1, *, big_endian: bool = False
    ) -> MediaFormat:
        """The format that a carrier spells this way; the byte order is L16's alone."""
        name = SPELLINGS.get(encoding.lower(), encoding)
        return cls(name, sample_rate, channels, big_endian and name == "L16")

    @property
    def audio_format(self) -> AudioFormat | None:
        """The session's format that is this one, byte for byte; None where audio must be converted."""
        return _SAME.get(self)

    @property
    def sample_width(self) -> int:
        """Bytes of one sample of one channel; 0 where the encoding is not made of samples."""
        return SAMPLE_WIDTHS.get(self.encoding, 0)

    @property
    def bytes_per_second(self) -> int:
        """Bytes of a second of audio; 0 where the encoding is not made of samples."""
        return self.sample_width * self.sample_rate * self.channels

    def chunk_bytes(self, ms: int) -> int:
        """How many bytes last `ms` milliseconds.

        Raises:
            AudioError: that is no whole number of samples, or the encoding is not made of samples.
        """
        samples, rest = divmod(ms * self.sample_rate, 1000)
        if rest or ms < 0 or not self.sample_width:
            raise AudioError(f"{ms} ms of {self.encoding} at {self.sample_rate} Hz are no whole samples")
        return samples * self.sample_width * self.channels


_SAME: Final = {
    MediaFormat("PCMU", 8_000): AudioFormat.G711_ULAW,
    MediaFormat("PCMA", 8_000): AudioFormat.G711_ALAW,
    MediaFormat("L16", 24_000): AudioFormat.PCM16,
}


def swap16(audio: Buffer) -> bytes:
    """16-bit samples in the other byte order: L16 as RTP carries it to PCM16, or back.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: `audio` is no buffer.
    """
    view = memoryview(audio)
    if view.nbytes % 2:
        raise AudioError(f"{view.nbytes} bytes are not a whole number of 16-bit samples")
    samples = array("H", view.tobytes())
    samples.byteswap()
    return samples.tobytes()
