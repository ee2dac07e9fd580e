"""Recoder: a stream of one carrier or session format as another, where the two differ.

Only here does a bridge need numpy, so it is imported when the first such stream begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..audio import Resampler, g711
from ..audio._filters import RATES
from ..audio.convert import transcode
from ..audio.pcm import l16_decode, l16_encode, pcm16
from ..errors import AudioError
from ..format import AudioFormat
from .media import MediaFormat

_LAWS: Final = {"PCMU": AudioFormat.G711_ULAW, "PCMA": AudioFormat.G711_ALAW}
# By encoding, and whether it is big-endian.
_DECODE: Final[dict[tuple[str, bool], Callable[[Any], Any]]] = {
    ("PCMU", False): g711.ulaw_decode,
    ("PCMA", False): g711.alaw_decode,
    ("L16", False): pcm16,
    ("L16", True): l16_decode,
}
_ENCODE: Final[dict[tuple[str, bool], Callable[[Any], Any]]] = {
    ("PCMU", False): g711.ulaw_encode,
    ("PCMA", False): g711.alaw_encode,
    ("L16", False): lambda samples: samples.astype("<i2", copy=False),
    ("L16", True): l16_encode,
}


class Recoder:
    """A stream of `src` to `dst`: as `realtime.audio.Converter`, with L16 of any of its rates and byte orders.

    Raises:
        AudioError: a codec, a rate or a number of channels that is not converted here.
    """

    __slots__ = ("_carry", "_decode", "_encode", "_laws", "_resampler", "_width")

    def __init__(self, src: MediaFormat, dst: MediaFormat) -> None:
        for told in (src, dst):
            if not told.sample_width or told.channels != 1 or told.sample_rate not in RATES:
                raise AudioError(
                    f"{told.encoding} at {told.sample_rate} Hz with {told.channels} channels cannot be converted"
                )
        self._width = src.sample_width
        self._decode = _DECODE[src.encoding, src.big_endian]
        self._encode = _ENCODE[dst.encoding, dst.big_endian]
        self._resampler: Resampler | None = None
        if src.sample_rate != dst.sample_rate:
            self._resampler = Resampler(src.sample_rate, dst.sample_rate)
        # The two laws meet in the Recommendation's tables, and never become PCM.
        self._laws: tuple[AudioFormat, AudioFormat] | None = None
        if self._resampler is None and {src.encoding, dst.encoding} == {*_LAWS}:
            self._laws = _LAWS[src.encoding], _LAWS[dst.encoding]
        self._carry = b""

    def process(self, audio: bytes) -> bytes:
        """The next bytes in, cut anywhere; what is due out, whole samples."""
        data = self._carry + audio if self._carry else audio
        whole = len(data) - len(data) % self._width
        data, self._carry = data[:whole], data[whole:]
        if self._laws is not None:
            return transcode(data, *self._laws)
        samples = self._decode(data)
        if self._resampler is not None:
            samples = self._resampler.process(samples)
        return self._encode(samples).tobytes()  # type: ignore[no-any-return]

    def flush(self) -> bytes:
        """What is withheld; then as `reset`. Half a sample at the end is nothing and is dropped."""
        self._carry = b""
        if self._resampler is None:
            return b""
        return self._encode(self._resampler.flush()).tobytes()  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Forget the stream."""
        self._carry = b""
        if self._resampler is not None:
            self._resampler.reset()
