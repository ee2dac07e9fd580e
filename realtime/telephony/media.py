"""MediaFormat: the audio formats of carriers, which are more than a session's.

A session, a file and a buffer have an `AudioFormat`. Carriers alone add the big-endian L16 of RTP, stereo,
and codecs that are not decoded here, such as G.722: that is what a `MediaFormat` can say. Where it says
nothing of this, `audio_format` returns the AudioFormat with the same bytes. Encodings have their RTP names:
PCMU, PCMA, L16; their facts are those of `realtime.format`. Conversion is in `_convert`.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..errors import AudioError, ConfigError, snippet
from ..format import RESAMPLED_RATES, AudioFormat, Encoding
from ..spec import FORMATS

if TYPE_CHECKING:
    from ..append import Buffer

# The encoding of an AudioFormat by RTP's name. Source: RFC 3551, section 4.5 (PCMU, PCMA, L16). Read 2026-11-24.
ENCODINGS: Final[dict[str, Encoding]] = {"PCMU": "g711_ulaw", "PCMA": "g711_alaw", "L16": "pcm16"}
_RTP_NAMES: Final = {encoding: name for name, encoding in ENCODINGS.items()}

# The carriers' spellings of these, in lower case; any other name is used as it is. Source: the
# `start` messages of Twilio, Telnyx, Plivo and Vonage (see each carrier's module). Read 2026-11-24.
SPELLINGS: Final = {
    "audio/x-mulaw": "PCMU", "audio/mulaw": "PCMU", "audio/pcmu": "PCMU", "pcmu": "PCMU",
    "audio/x-alaw": "PCMA", "audio/alaw": "PCMA", "audio/pcma": "PCMA", "pcma": "PCMA",
    "audio/x-l16": "L16", "audio/l16": "L16", "l16": "L16",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """A carrier's audio: an encoding by its RTP name, its sample rate in Hz, its channels, and the byte order of L16.

    For everything that one channel of little-endian audio can be, use `AudioFormat`: `of_session` and
    `audio_format` convert.
    """

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
        """Return the media format with the same bytes as `format`."""
        return cls(_RTP_NAMES[format.encoding], format.sample_rate)

    @property
    def audio_format(self) -> AudioFormat | None:
        """The AudioFormat with the same bytes; None if there is none."""
        return None if self.big_endian else self.little_endian

    @property
    def little_endian(self) -> AudioFormat | None:
        """The AudioFormat of the same samples in little-endian order; None if there is none."""
        if self.channels != 1 or self.encoding not in ENCODINGS:
            return None
        try:
            return AudioFormat.of({"type": ENCODINGS[self.encoding], "rate": self.sample_rate})
        except ConfigError:  # a rate that G.711 does not have
            return None

    @property
    def sample_width(self) -> int:
        """Bytes of one sample of one channel; 0 if the encoding does not consist of samples."""
        facts = FORMATS.get(ENCODINGS.get(self.encoding, ""))
        return facts.sample_width if facts else 0

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
        if self.encoding not in ENCODINGS:
            raise AudioError(f"{snippet(self.encoding)} does not consist of samples")
        sample = FORMATS[ENCODINGS[self.encoding]].silence
        return sample * (nbytes // len(sample))


def check_convertible(*formats: MediaFormat) -> tuple[AudioFormat, ...]:
    """Return the formats of the samples of `formats`, between which audio can be converted.

    Raises:
        AudioError: a codec, a sample rate or a number of channels that is not supported.
    """
    is_same_rate = len({format.sample_rate for format in formats}) == 1
    found: list[AudioFormat] = []
    for format in formats:
        samples = format.little_endian
        if samples is None or not (is_same_rate or format.sample_rate in RESAMPLED_RATES):
            raise AudioError(
                f"{snippet(format.encoding)} at {format.sample_rate} Hz with {format.channels} channels "
                "cannot be converted"
            )
        found.append(samples)
    return tuple(found)


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
