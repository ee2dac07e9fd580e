"""The audio formats of the wire and their arithmetic, in integers, without numpy.

A *sample* is one value of one channel (all formats are mono). The facts of each encoding are
in `spec.FORMATS`; functions on audio are in `realtime.audio`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias

from msgspec import UNSET

from . import spec
from ._text import did_you_mean
from .errors import AudioError, ConfigError, snippet

Side: TypeAlias = Literal["input", "output"]
SIDES: Final[tuple[Side, ...]] = ("input", "output")
AudioFormatName: TypeAlias = Literal[
    "pcm16", "g711_ulaw", "g711_alaw",
    "audio/pcm", "audio/pcmu", "audio/pcma",
    "pcm", "pcmu", "pcma", "PCMU", "PCMA",
    "ulaw", "mulaw", "mu-law", "u-law", "alaw", "a-law",
    "pcm_16", "pcm_s16le", "s16le", "linear16",
    "audio/x-mulaw", "audio/mulaw", "audio/basic", "audio/x-alaw", "audio/alaw",
    "pcm_mulaw", "pcm_alaw", "g711_mulaw",
]  # fmt: skip


Encoding: TypeAlias = Literal["pcm16", "g711_ulaw", "g711_alaw"]
RESAMPLED_RATES: Final = (8000, 16000, 24000, 48000)
"""The sample rates, in Hz, that `realtime.audio` converts between."""


class _HasType(Protocol):
    @property
    def type(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """An audio format of the wire: an encoding and a sample rate in Hz, mono.

    "pcm16" is signed 16-bit little-endian PCM, at any rate; "g711_ulaw" and "g711_alaw" are 8 kHz,
    one byte a sample. `PCM16` (24 kHz), `G711_ULAW` and `G711_ALAW` are OpenAI's three formats.
    Source: `spec.FORMATS`.

    Raises:
        ConfigError: an unknown encoding, or a rate that the encoding does not have.
        TypeError: `sample_rate` is not an int.
    """

    encoding: Encoding
    sample_rate: int

    sample_width: int = field(init=False, repr=False, compare=False)
    """Bytes of one sample."""
    silence_sample: bytes = field(init=False, repr=False, compare=False)
    """One sample of silence."""
    bytes_per_second: int = field(init=False, repr=False, compare=False)

    PCM16: ClassVar[AudioFormat]
    G711_ULAW: ClassVar[AudioFormat]
    G711_ALAW: ClassVar[AudioFormat]

    def __post_init__(self) -> None:
        facts = spec.FORMATS.get(self.encoding)
        if facts is None:
            raise ConfigError(
                f"unknown encoding {snippet(repr(self.encoding))}; known are {', '.join(spec.FORMATS)}"
                + did_you_mean(self.encoding, spec.FORMATS)
            )
        _check_rate(self.encoding, self.sample_rate)
        object.__setattr__(self, "sample_width", facts.sample_width)
        object.__setattr__(self, "silence_sample", facts.silence)
        object.__setattr__(self, "bytes_per_second", self.sample_rate * facts.sample_width)

    def __str__(self) -> str:
        usual = spec.FORMATS[self.encoding].sample_rate
        return self.encoding if self.sample_rate == usual else f"{self.encoding} at {self.sample_rate} Hz"

    @property
    def ga_type(self) -> Literal["audio/pcm", "audio/pcmu", "audio/pcma"]:
        """GA's name of the encoding."""
        return spec.FORMATS[self.encoding].ga_type

    @classmethod
    def default(cls) -> AudioFormat:
        """Return PCM16, the format of a session that states none."""
        return cls.PCM16

    @classmethod
    def of(cls, x: object) -> AudioFormat:
        """Return the format for any spelling in use, a GA or beta object, or an AudioFormat.

        Strings are compared case-insensitively ("pcm16", "g711_ulaw", "audio/pcmu", "PCMU",
        "audio/PCMU;rate=8000", "pcm16_16000hz", "mulaw", ...). A mapping or Struct is read by its
        ``type`` and its ``rate`` or ``sample_rate``. PCM without a stated rate is 24 kHz, OpenAI's.

        Raises:
            ConfigError: an unknown name, or a rate that contradicts the encoding or another rate.
            TypeError: `x` is neither a string, a mapping, nor an object with a ``type``.
        """
        if isinstance(x, AudioFormat):
            return x
        if isinstance(x, str):
            return _of_name(x)
        if isinstance(x, Mapping):
            return _of_object(x.get("type"), x.get("rate"), x.get("sample_rate"))
        if isinstance(getattr(x, "type", None), str):
            return _of_object(x.type, getattr(x, "rate", None), getattr(x, "sample_rate", None))  # type: ignore[attr-defined]
        raise TypeError(f"an audio format must be a str, a dict or a Struct, not {type(x).__name__}")

    def samples(self, ms: float) -> int:
        """Return the number of samples of `ms` milliseconds.

        Raises:
            AudioError: `ms` is negative, not finite, or not a whole number of samples.
            TypeError: `ms` is not a real number.
        """
        if isinstance(ms, bool) or not isinstance(ms, (int, float)):
            raise TypeError(f"ms must be a number, not {type(ms).__name__}")
        if not (ms >= 0 and math.isfinite(ms)):
            raise AudioError(f"ms must be finite and not negative, got {snippet(ms)}")
        numerator, denominator = ms.as_integer_ratio()
        count, rest = divmod(numerator * self.sample_rate, 1000 * denominator)
        if rest:
            raise AudioError(f"{snippet(ms)} ms is not a whole number of samples at {self.sample_rate} Hz")
        return count

    def chunk_bytes(self, ms: float) -> int:
        """Return the number of bytes of `ms` milliseconds. Raises the errors of `samples`."""
        return self.samples(ms) * self.sample_width

    def duration_ms(self, nbytes: int) -> float:
        """Return the duration of `nbytes` in milliseconds: an int if it is integral, else a float.

        The float is the correctly rounded quotient of two integers. To avoid drift, sum bytes,
        not durations.

        Raises:
            AudioError: `nbytes` is negative or not a whole number of samples.
            TypeError: `nbytes` is not an int.
        """
        if isinstance(nbytes, bool) or not isinstance(nbytes, int):
            raise TypeError(f"nbytes must be an int, not {type(nbytes).__name__}")
        if nbytes < 0 or nbytes % self.sample_width:
            raise AudioError(f"{snippet(nbytes)} bytes are not a whole number of {self.encoding} samples")
        quotient, rest = divmod(nbytes * 1000, self.bytes_per_second)
        return nbytes * 1000 / self.bytes_per_second if rest else quotient

    def silence(self, ms: float) -> bytes:
        """Return `ms` milliseconds of silence: zeros, 0xFF or 0xD5. Raises the errors of `samples`."""
        return self.silence_sample * self.samples(ms)

    @property
    def min_commit_bytes(self) -> int:
        """The minimum of audio that the server accepts in a commit (100 ms)."""
        return self.chunk_bytes(spec.MIN_COMMIT_MS)

    @property
    def max_append_bytes(self) -> int:
        """The maximum of audio in one append (15 MiB), in complete samples."""
        return spec.MAX_APPEND_BYTES - spec.MAX_APPEND_BYTES % self.sample_width


# The type of every parameter that takes a format. At run time any str is accepted, too.
AudioFormatLike: TypeAlias = AudioFormat | AudioFormatName | Mapping[str, object] | _HasType


def formats_by_path(session: object, side: Side) -> Iterator[tuple[str, object]]:
    """Yield the paths and the audio formats that a session states for `side`, in the wire's spelling.

    `session` is a session or a response, as a Struct or as its JSON object. Looks at GA's
    ``audio.<side>.format``, at beta's ``<side>_audio_format``, then at ``audio.format``. Azure Voice
    Live's ``input_audio_sampling_rate`` is combined with the format that it belongs to.
    """
    audio = _member(session, "audio")
    for path, found in (
        (f"audio.{side}.format", _member(_member(audio, side), "format")),
        (f"{side}_audio_format", _member(session, f"{side}_audio_format")),
        ("audio.format", _member(audio, "format")),
    ):
        if not found:
            continue
        rate = _member(session, f"{side}_audio_sampling_rate")
        yield path, {"type": found, "rate": rate} if rate and isinstance(found, str) else found


def stated_formats(session: object, side: Side) -> Iterator[object]:
    """Yield the audio formats of `formats_by_path`, without their paths."""
    return (stated for _, stated in formats_by_path(session, side))


def session_format(session: object, side: Side) -> AudioFormat | None:
    """Return the audio format of a session or response for `side`.

    Returns None if it states none, or only formats that `AudioFormat` does not know.
    """
    for stated in stated_formats(session, side):
        try:
            return AudioFormat.of(stated)
        except (TypeError, ValueError):
            continue
    return None


def _member(owner: Any, name: str) -> Any:
    return owner.get(name) if isinstance(owner, Mapping) else getattr(owner, name, None)


# --- Spellings -----------------------------------------------------------------------


def _check_rate(encoding: str, rate: object) -> None:
    """Raise ConfigError if `encoding` has no such sample rate."""
    if isinstance(rate, bool) or not isinstance(rate, int):
        raise TypeError(f"a sample rate must be an int, not {type(rate).__name__}")
    usual = spec.FORMATS[encoding].sample_rate
    if encoding != "pcm16" and rate != usual:
        raise ConfigError(f"{encoding} is {usual} Hz, not {snippet(rate)} Hz")
    if not spec.MIN_SAMPLE_RATE <= rate <= spec.MAX_SAMPLE_RATE:
        raise ConfigError(f"no audio has a sample rate of {snippet(rate)} Hz")


AudioFormat.PCM16 = AudioFormat("pcm16", spec.FORMATS["pcm16"].sample_rate)
AudioFormat.G711_ULAW = AudioFormat("g711_ulaw", spec.FORMATS["g711_ulaw"].sample_rate)
AudioFormat.G711_ALAW = AudioFormat("g711_alaw", spec.FORMATS["g711_alaw"].sample_rate)

OPENAI_FORMATS: Final = (AudioFormat.PCM16, AudioFormat.G711_ULAW, AudioFormat.G711_ALAW)
"""OpenAI's three formats."""

_CONSTANTS: Final[dict[str, AudioFormat]] = {format.encoding: format for format in OPENAI_FORMATS}
_BY_NAME: Final = {
    spelling: _CONSTANTS[name]
    for name, facts in spec.FORMATS.items()
    for spelling in (name, facts.ga_type, *facts.spellings)
}
# Azure Voice Live's pcm16_8000hz and pcm16_16000hz, and the same of other names of PCM.
_WITH_RATE = re.compile(r"(?P<kind>.*[a-z0-9])[_-](?P<rate>[0-9]{4,6})(?:hz)?")


def _of_name(name: str, *rates: object) -> AudioFormat:
    """Return the format that is spelled `name`, at the rate in the name or in `rates`, if there is any."""
    # A MIME type may carry its rate, as SDP and RTP write it: audio/PCMU;rate=8000
    kind, *parameters = (part.strip().lower() for part in name.split(";"))
    stated = [rate for rate in rates if rate is not None and rate is not UNSET]
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "rate":
            stated.append(value.strip())
        elif key.strip() == "channels" and value.strip() != "1":
            raise ConfigError(f"{snippet(repr(name))} is not mono")
    if kind in spec.RTP_LINEAR:
        raise ConfigError(
            f"{snippet(repr(name))} is big-endian, this wire's PCM little-endian: "
            "swap the bytes and use 'pcm16' with the sample rate"
        )
    found = _BY_NAME.get(kind) or _BY_NAME.get(kind.replace("-", "_"))
    if found is None and (match := _WITH_RATE.fullmatch(kind)):
        found = _BY_NAME.get(match["kind"])
        stated.append(match["rate"])
    if found is None:
        known = ", ".join((*spec.FORMATS, *(facts.ga_type for facts in spec.FORMATS.values())))
        raise ConfigError(
            f"unknown audio format {snippet(repr(name))}; known are {known} and their aliases"
            + did_you_mean(kind, _BY_NAME)
        )
    different = sorted({_as_rate(rate) for rate in stated})
    if len(different) > 1:
        raise ConfigError(f"an audio format with two sample rates: {' and '.join(map(str, different))} Hz")
    return found if different in ([], [found.sample_rate]) else AudioFormat(found.encoding, different[0])


def _of_object(kind: object, *rates: object) -> AudioFormat:
    if not isinstance(kind, str):
        raise ConfigError("an audio format object must have a `type` that is a string")
    return _of_name(kind, *rates)


def _as_rate(rate: object) -> int:
    """Return a sample rate that a server wrote as a number or a string of digits."""
    if isinstance(rate, str) and rate.isascii() and rate.isdigit() and len(rate) < 10:
        return int(rate)
    if isinstance(rate, int) and not isinstance(rate, bool):
        return rate
    if isinstance(rate, float) and rate.is_integer():
        return int(rate)
    raise ConfigError(f"not a sample rate: {snippet(repr(rate))}")
