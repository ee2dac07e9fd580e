"""MediaConverter: a stream of audio from one carrier or session format to another.

The only module of this package that needs numpy. `_paths` imports it when the first stream needs
conversion, so that calls without one do not load numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..audio import (
    Resampler,
    alaw_decode,
    alaw_encode,
    alaw_to_ulaw,
    l16_decode,
    l16_encode,
    pcm16,
    ulaw_decode,
    ulaw_encode,
    ulaw_to_alaw,
)
from ..audio.resample import SAMPLE_RATES
from ..errors import AudioError, snippet
from .media import MediaFormat

# By encoding, and whether it is big-endian.
_DECODE: Final[dict[tuple[str, bool], Callable[[Any], Any]]] = {
    ("PCMU", False): ulaw_decode,
    ("PCMA", False): alaw_decode,
    ("L16", False): pcm16,
    ("L16", True): l16_decode,
}
_ENCODE: Final[dict[tuple[str, bool], Callable[[Any], Any]]] = {
    ("PCMU", False): ulaw_encode,
    ("PCMA", False): alaw_encode,
    ("L16", False): lambda samples: samples.astype("<i2", copy=False),
    ("L16", True): l16_encode,
}
# G.711 to G.711 of the same rate uses the tables of ITU-T G.711, without PCM in between.
_TRANSCODE: Final[dict[tuple[str, str], Callable[[Any], Any]]] = {
    ("PCMU", "PCMA"): ulaw_to_alaw,
    ("PCMA", "PCMU"): alaw_to_ulaw,
}


class MediaConverter:
    """Streaming converter from `src` to `dst`, like `realtime.audio.Converter` but for `MediaFormat`.

    Raises:
        AudioError: a codec, a sample rate or a number of channels that is not supported.
    """

    __slots__ = ("_carry", "_decode", "_encode", "_resampler", "_transcode", "_width")

    def __init__(self, src: MediaFormat, dst: MediaFormat) -> None:
        for format in (src, dst):
            if not format.sample_width or format.channels != 1 or format.sample_rate not in SAMPLE_RATES:
                raise AudioError(
                    f"{snippet(format.encoding)} at {format.sample_rate} Hz with {format.channels} channels "
                    "cannot be converted"
                )
        self._width = src.sample_width
        self._decode = _DECODE[src.encoding, src.big_endian]
        self._encode = _ENCODE[dst.encoding, dst.big_endian]
        is_same_rate = src.sample_rate == dst.sample_rate
        self._resampler = None if is_same_rate else Resampler(src.sample_rate, dst.sample_rate)
        self._transcode = _TRANSCODE.get((src.encoding, dst.encoding)) if is_same_rate else None
        self._carry = b""

    def process(self, audio: bytes) -> bytes:
        """Convert the next bytes of the stream, which may end within a sample. Returns whole samples."""
        data = self._carry + audio if self._carry else audio
        end = len(data) - len(data) % self._width
        data, self._carry = data[:end], data[end:]
        if self._transcode is not None:
            return self._transcode(data).tobytes()  # type: ignore[no-any-return]
        samples = self._decode(data)
        if self._resampler is not None:
            samples = self._resampler.process(samples)
        return self._encode(samples).tobytes()  # type: ignore[no-any-return]

    @property
    def has_half_sample(self) -> bool:
        """True if the stream ends within a sample so far."""
        return bool(self._carry)

    def flush(self) -> bytes:
        """Return the withheld audio and start a new stream. Half a sample at the end is dropped."""
        self._carry = b""
        if self._resampler is None:
            return b""
        return self._encode(self._resampler.flush()).tobytes()  # type: ignore[no-any-return]
