"""MediaConverter: a stream of audio from one carrier or session format to another.

The only module of this package that needs numpy. `_paths` imports it when the first stream needs
conversion, so that calls without one do not load numpy.
"""

from __future__ import annotations

from ..audio import Converter
from .media import MediaFormat, check_convertible, swap16


class MediaConverter:
    """Streaming converter from `src` to `dst`, like `realtime.audio.Converter` but for `MediaFormat`.

    Raises:
        AudioError: a codec, a sample rate or a number of channels that is not supported.
    """

    __slots__ = ("_carry", "_converter", "_swaps", "_width")

    def __init__(self, src: MediaFormat, dst: MediaFormat) -> None:
        self._converter = Converter(*check_convertible(src, dst))
        self._swaps = src.big_endian, dst.big_endian
        self._width = src.sample_width
        self._carry = b""

    def process(self, audio: bytes) -> bytes:
        """Convert the next bytes of the stream, which may end within a sample. Returns whole samples."""
        data = self._carry + audio if self._carry else audio
        end = len(data) - len(data) % self._width
        data, self._carry = data[:end], data[end:]
        swaps_input, swaps_output = self._swaps
        converted = self._converter.process(swap16(data) if swaps_input else data)
        return swap16(converted) if swaps_output else converted

    @property
    def has_half_sample(self) -> bool:
        """True if the stream ends within a sample so far."""
        return bool(self._carry)

    def flush(self) -> bytes:
        """Return the withheld audio and start a new stream. Half a sample at the end is dropped."""
        self._carry = b""
        tail = self._converter.flush()
        return swap16(tail) if self._swaps[1] else tail
