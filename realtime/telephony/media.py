"""MediaFormat: the audio formats of carriers, which are more than a session's.

A session speaks an `AudioFormat`; carriers add sample rates, both byte orders, stereo, and codecs
that are not decoded here. Encodings have their RTP names: PCMU, PCMA, L16. Conversion between
formats is in `_convert`; session formats are defined in `realtime.format`.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..errors import AudioError, snippet
from ..format import AudioFormat

if TYPE_CHECKING:
    from ..append import Buffer

# Bytes of one sample. Source: RFC 3551, section 4.5 (PCMU, PCMA, L16). Read 2026-11-24.
SAMPLE_WIDTHS: Final = {"PCMU": 1, "PCMA": 1, "L16": 2}

# The carriers' spellings of these, in lower case; any other name is used as it is. Source: the
# `start` messages of Twilio, Telnyx, Plivo and Vonage (see each carrier's module). Read 2026-11-24.
SPELLINGS: Final = {
    "audio/x-mulaw": "PCMU", "audio/mulaw": "PCMU", "audio/pcmu": "PCMU", "pcmu": "PCMU",
    "audio/x-alaw": "PCMA", "audio/alaw": "PCMA", "audio/pcma": "PCMA", "pcma": "PCMA",
    "audio/x-l16": "L16", "audio/l16": "L16", "l16": "L16",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """An encoding by its RTP name, its sample rate in Hz, its channels, and the byte order of L16."""

    encoding: str
    sample_rate: int
    channels: int = 1
    big_endian: bool = False

    @classmethod
    def of(
        cls, encoding: str, sample_rate: int, channels: int = 1, *, big_endian: bool = False
    ) -> MediaFormat:
        """Return the format that a carrier spells `encoding`. `big_endian` is ignored unless it is L16."""
        name = SPELLINGS.get(encoding.lower(), encoding)
        return cls(name, sample_rate, channels, big_endian and name == "L16")

    @classmethod
    def of_session(cls, format: AudioFormat) -> MediaFormat:
        """Return the media format with the same bytes as a session's `format`."""
        return _MEDIA_FORMATS[format]

    @property
    def audio_format(self) -> AudioFormat | None:
        """The session format with the same bytes; None if the audio must be converted."""
        return _AUDIO_FORMATS.get(self)

    @property
    def sample_width(self) -> int:
        """Bytes of one sample of one channel; 0 if the encoding does not consist of samples."""
        return SAMPLE_WIDTHS.get(self.encoding, 0)

    @property
    def bytes_per_second(self) -> int:
        """Bytes of one second of audio; 0 if the encoding does not consist of samples."""
        return self.sample_width * self.sample_rate * self.channels

    def chunk_bytes(self, ms: int) -> int:
        """Return the byte length of `ms` milliseconds of audio.

        Raises:
            AudioError: `ms` is not a whole number of samples, or the encoding does not consist of samples.
        """
        samples, rest = divmod(ms * self.sample_rate, 1000)
        if rest or ms < 0 or not self.sample_width:
            raise AudioError(
                f"{ms} ms of {snippet(self.encoding)} at {self.sample_rate} Hz is not a whole number of samples"
            )
        return samples * self.sample_width * self.channels

    def silence(self, nbytes: int) -> bytes:
        """Return `nbytes` bytes of silence, rounded down to whole samples.

        Raises:
            AudioError: the encoding does not consist of samples.
        """
        sample = _SILENCE.get(self.encoding)
        if sample is None:
            raise AudioError(f"{snippet(self.encoding)} does not consist of samples")
        return sample * (nbytes // len(sample))


_SILENCE: Final = {"PCMU": b"\xff", "PCMA": b"\xd5", "L16": b"\0\0"}
_AUDIO_FORMATS: Final = {
    MediaFormat("PCMU", 8_000): AudioFormat.G711_ULAW,
    MediaFormat("PCMA", 8_000): AudioFormat.G711_ALAW,
    MediaFormat("L16", 24_000): AudioFormat.PCM16,
}
_MEDIA_FORMATS: Final = {session: media for media, session in _AUDIO_FORMATS.items()}


def swap16(audio: Buffer) -> bytes:
    """Return 16-bit samples in the other byte order: RTP's L16 to PCM16, or back.

    Raises:
        AudioError: `audio` has an odd number of bytes.
        TypeError: `audio` is not a buffer.
    """
    view = memoryview(audio)
    if view.nbytes % 2:
        raise AudioError(f"{view.nbytes} bytes are not a whole number of 16-bit samples")
    samples = array("H", view.tobytes())
    samples.byteswap()
    return samples.tobytes()
