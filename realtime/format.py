"""The three audio formats of the wire and their arithmetic, in integers, without numpy.

A *sample* is one value of one channel (all three formats are mono). The facts of each format are
in `spec.FORMATS`; functions on audio are in `realtime.audio`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from . import spec
from ._text import did_you_mean
from .errors import AudioError, ConfigError, snippet

Side: TypeAlias = Literal["input", "output"]
AudioFormatName: TypeAlias = Literal[
    "pcm16", "g711_ulaw", "g711_alaw",
    "audio/pcm", "audio/pcmu", "audio/pcma",
    "pcm", "pcmu", "pcma", "PCMU", "PCMA",
    "ulaw", "mulaw", "mu-law", "u-law", "alaw", "a-law",
    "pcm_16", "pcm_s16le", "s16le", "linear16",
    "audio/x-mulaw", "audio/mulaw", "audio/basic", "audio/x-alaw", "audio/alaw",
    "pcm_mulaw", "pcm_alaw", "g711_mulaw",
]  # fmt: skip


class _HasType(Protocol):
    @property
    def type(self) -> str: ...


class AudioFormat(enum.Enum):
    """An audio format of the wire. The value is the beta dialect's name of it.

    PCM16 is 24 kHz signed 16-bit little-endian; G711_ULAW and G711_ALAW are 8 kHz, one
    byte a sample. Source: `spec.FORMATS`.
    """

    PCM16 = "pcm16"
    G711_ULAW = "g711_ulaw"
    G711_ALAW = "g711_alaw"

    sample_rate: int
    sample_width: int
    ga_type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    beta_name: Literal["pcm16", "g711_ulaw", "g711_alaw"]
    silence_sample: bytes
    bytes_per_second: int

    def __init__(self, name: str) -> None:
        facts = spec.FORMATS[name]
        self.sample_rate = facts.sample_rate
        self.sample_width = facts.sample_width
        self.ga_type = facts.ga_type
        self.beta_name = facts.beta_name
        self.silence_sample = facts.silence
        self.bytes_per_second = facts.sample_rate * facts.sample_width

    @classmethod
    def default(cls) -> AudioFormat:
        """Return PCM16, the format of a session that states none."""
        return cls.PCM16

    @classmethod
    def of(cls, x: object) -> AudioFormat:
        """Return the format for any spelling in use, a GA or beta object, or a member.

        Strings are compared case-insensitively ("pcm16", "g711_ulaw", "audio/pcmu", "PCMU",
        "audio/PCMU;rate=8000", "mulaw", ...); a mapping or Struct is read by its ``type`` and ``rate``.

        Raises:
            ConfigError: an unknown name, or a rate that contradicts the format.
            TypeError: `x` is neither a string, a mapping, nor an object with a ``type``.
        """
        if isinstance(x, AudioFormat):
            return x
        if isinstance(x, str):
            return _of_name(x)
        if isinstance(x, Mapping):
            return _of_object(x.get("type"), x.get("rate"))
        if isinstance(getattr(x, "type", None), str):
            return _of_object(x.type, getattr(x, "rate", None))  # type: ignore[attr-defined]
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
            raise AudioError(f"{snippet(nbytes)} bytes are not a whole number of {self.value} samples")
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


def stated_formats(session: object, side: Side) -> Iterator[object]:
    """Yield the audio formats that a session states for `side`, in the wire's spelling.

    `session` is a session or a response, as a Struct or as its JSON object. Looks at GA's
    ``audio.<side>.format``, at beta's ``<side>_audio_format``, then at ``audio.format``.
    """
    audio = _member(session, "audio")
    for found in (
        _member(_member(audio, side), "format"),
        _member(session, f"{side}_audio_format"),
        _member(audio, "format"),
    ):
        if found:
            yield found


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


_BY_NAME = {
    spelling: AudioFormat(name)
    for name, facts in spec.FORMATS.items()
    for spelling in (name, facts.ga_type, *facts.spellings)
}


def _of_name(name: str) -> AudioFormat:
    # A MIME type may carry its rate, as SDP and RTP write it: audio/PCMU;rate=8000
    kind, *parameters = (part.strip().lower() for part in name.split(";"))
    found = _BY_NAME.get(kind) or _BY_NAME.get(kind.replace("-", "_"))
    if kind in spec.RTP_LINEAR:
        raise ConfigError(
            f"{snippet(repr(name))} is big-endian with a sample rate of its own; this wire's PCM is "
            f"{AudioFormat.PCM16.sample_rate} Hz and little-endian: convert the audio and use 'pcm16'"
        )
    if found is None:
        known = ", ".join((*spec.FORMATS, *(facts.ga_type for facts in spec.FORMATS.values())))
        raise ConfigError(
            f"unknown audio format {snippet(repr(name))}; known are {known} and their aliases"
            + did_you_mean(kind, _BY_NAME)
        )
    for parameter in parameters:
        if parameter.startswith("rate=") and parameter != f"rate={found.sample_rate}":
            raise ConfigError(
                f"{found.ga_type} is {found.sample_rate} Hz on this wire, not {snippet(parameter)}"
            )
    return found


def _of_object(kind: object, rate: object) -> AudioFormat:
    if not isinstance(kind, str):
        raise ConfigError("an audio format object must have a `type` that is a string")
    found = _of_name(kind)
    if isinstance(rate, (int, float)) and rate != found.sample_rate:
        raise ConfigError(f"{found.ga_type} is {found.sample_rate} Hz on this wire, not {snippet(rate)} Hz")
    return found
