"""Streams and complete buffers: conversion between audio formats, and splitting into chunks.

`Converter` and `convert` combine `pcm`, `g711` and `resample`, always by the shortest path: equal
formats are copied, and the two laws of G.711 are mapped by the Recommendation's tables without
PCM between them. `Chunker` and `chunks` only count bytes. Read `wav` next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ..errors import AudioError
from ..format import AudioFormat, AudioFormatLike
from . import g711
from .pcm import AnyBuffer, Codes, Pcm, byte_view, pcm16
from .resample import Resampler

_DECODE: Final[dict[str, Callable[[AnyBuffer], Pcm]]] = {
    "pcm16": pcm16,
    "g711_ulaw": g711.ulaw_decode,
    "g711_alaw": g711.alaw_decode,
}
_ENCODE: Final[dict[str, Callable[[AnyBuffer], Pcm | Codes]]] = {
    "pcm16": lambda samples: pcm16(samples).astype("<i2", copy=False),
    "g711_ulaw": g711.ulaw_encode,
    "g711_alaw": g711.alaw_encode,
}
_CODES: Final = bytes(range(256))
# For bytes.translate, measured to be twice as fast as a numpy lookup.
_TRANSCODE: Final = {
    ("g711_ulaw", "g711_alaw"): g711.ulaw_to_alaw(_CODES).tobytes(),
    ("g711_alaw", "g711_ulaw"): g711.alaw_to_ulaw(_CODES).tobytes(),
}

# --- Complete buffers ----------------------------------------------------------------


def decode(data: bytes, format: AudioFormat) -> Pcm:
    """Decode `data` to int16 samples; for PCM16 a view."""
    return _DECODE[format.encoding](data)


def encode(samples: Pcm, format: AudioFormat) -> bytes:
    """Encode int16 `samples` in `format`, at the sample rate that they have."""
    return _ENCODE[format.encoding](samples).tobytes()


def transcode(codes: bytes, src: AudioFormat, dst: AudioFormat) -> bytes:
    """Map the codes of one G.711 law to those of the other."""
    return codes.translate(_TRANSCODE[src.encoding, dst.encoding])


def check_complete(data: memoryview, format: AudioFormat) -> None:
    """Raise AudioError if `data` ends within a sample of `format`."""
    if len(data) % format.sample_width:
        raise AudioError(f"{len(data)} bytes are not a whole number of {format.encoding} samples")


def convert(buffer: AnyBuffer, src: AudioFormatLike, dst: AudioFormatLike) -> bytes:
    """Convert all of `buffer` from one wire format to another, as new bytes.

    Equal, to the bit, to the output of a `Converter` that processes the buffer in any pieces
    and is flushed.

    Raises:
        AudioError: an odd number of PCM16 bytes, or more than one dimension.
        ConfigError: an unknown format.
        TypeError: the buffer is neither bytes nor, for PCM16, int16.
    """
    converter = Converter(src, dst)
    return converter.process(buffer) + converter.flush()


def chunks(buffer: AnyBuffer, format: AudioFormatLike, ms: float) -> Iterator[memoryview]:
    """Split `buffer` into memoryviews of `ms` milliseconds, the last one shorter. Copies nothing.

    Takes any buffer of `format`, or int16 samples for PCM16. The views see later changes of the
    buffer and prevent a bytearray from being resized while they exist. Strided and big-endian
    arrays are copied once. Arguments are checked at the call, not at the first iteration.

    Raises:
        AudioError: an odd number of PCM16 bytes, or `ms` is 0 or no whole number of samples.
        ConfigError: an unknown format.
        TypeError: the buffer is neither bytes nor, for PCM16, int16.
    """
    audio_format = AudioFormat.of(format)
    size = _size(audio_format, ms, "ms")
    view = byte_view(buffer, audio_format.sample_width)
    check_complete(view, audio_format)
    return (view[i : i + size] for i in range(0, len(view), size))


# --- Streams -------------------------------------------------------------------------


class Converter:
    """A stream converter from one wire format to another: resampling and companding.

    The output does not depend on how the stream is split, to the bit; a split within a PCM16
    sample is allowed. G.711 is exact to ITU-T G.191, resampling is that of `Resampler`. Not safe
    for use by two threads at once.

    Attributes:
        src, dst: the two formats.
        delay_ms: duration of the audio withheld until more arrives (0 without resampling).

    Raises:
        ConfigError: an unknown format.
        TypeError: a format of a wrong type.
    """

    __slots__ = ("_carry", "_is_same", "_is_transcoding", "_resampler", "delay_ms", "dst", "src")

    def __init__(self, src: AudioFormatLike, dst: AudioFormatLike) -> None:
        self.src = AudioFormat.of(src)
        self.dst = AudioFormat.of(dst)
        self._is_same = self.src == self.dst
        self._resampler: Resampler | None = None
        if self.src.sample_rate != self.dst.sample_rate:
            self._resampler = Resampler(self.src.sample_rate, self.dst.sample_rate)
        self._is_transcoding = "pcm16" not in (self.src.encoding, self.dst.encoding)
        self.delay_ms = self._resampler.delay_ms if self._resampler else 0.0
        self._carry = b""

    def __repr__(self) -> str:
        return f"Converter({str(self.src)!r}, {str(self.dst)!r})"

    def process(self, buffer: AnyBuffer) -> bytes:
        """Convert the next part of the stream. Returns the samples that are complete, perhaps none.

        Takes any buffer of the format `src`, split anywhere, or int16 samples for PCM16.

        Raises:
            AudioError: more than one dimension.
            TypeError: the buffer is neither bytes nor, for PCM16, int16.
        """
        if (
            self._is_same
            and not self._carry
            and type(buffer) is bytes
            and not len(buffer) % self.src.sample_width
        ):
            return buffer  # the fast path; paid for by benchmarks.client
        data = self._complete_samples(byte_view(buffer, self.src.sample_width))
        if self._is_same:
            return data
        if self._is_transcoding:
            return transcode(data, self.src, self.dst)
        samples = decode(data, self.src)
        if self._resampler is not None:
            samples = self._resampler.process(samples)
        return encode(samples, self.dst)

    def flush(self) -> bytes:
        """Return the audio still withheld, then reset. Ends the stream.

        Raises:
            AudioError: the stream ended within a sample. Nothing is lost: `process` the missing
                byte and flush again, or `reset`.
        """
        if self._carry:
            raise AudioError(f"the stream ended within a sample: an odd number of {self.src.encoding} bytes")
        tail = b"" if self._resampler is None else encode(self._resampler.flush(), self.dst)
        self.reset()
        return tail

    def reset(self) -> None:
        """Forget the stream. The next input is treated as by a new Converter."""
        self._carry = b""
        if self._resampler is not None:
            self._resampler.reset()

    def _complete_samples(self, view: memoryview) -> bytes:
        data = self._carry + bytes(view) if self._carry else bytes(view)
        rest = len(data) % self.src.sample_width
        self._carry = data[len(data) - rest :]
        return data[: len(data) - rest]


class Chunker:
    """A splitter of a stream into chunks of `ms` milliseconds.

    Every chunk is exactly `ms` long, so any split of the stream gives the same chunks. With
    `min_ms`, a chunk is returned as soon as there is at least `min_ms`, and holds at most `ms`.
    The rest, an incomplete sample of PCM16 included, waits for the next feed. Chunks are new bytes: they
    alias neither the input nor each other. Not safe for use by two threads at once.

    Raises:
        AudioError: `ms` or `min_ms` is 0 or no whole number of samples, or `min_ms` is more than `ms`.
        ConfigError: an unknown format.
        TypeError: a wrong type of argument.
    """

    __slots__ = ("_carry", "_max_bytes", "_min_bytes", "format")

    def __init__(self, format: AudioFormatLike, ms: float, *, min_ms: float | None = None) -> None:
        self.format = AudioFormat.of(format)
        self._max_bytes = _size(self.format, ms, "ms")
        self._min_bytes = self._max_bytes if min_ms is None else _size(self.format, min_ms, "min_ms")
        if self._min_bytes > self._max_bytes:
            raise AudioError(f"min_ms ({min_ms}) must not be more than ms ({ms})")
        self._carry = bytearray()

    @property
    def pending(self) -> int:
        """The number of bytes that wait for the next feed."""
        return len(self._carry)

    def feed(self, buffer: AnyBuffer) -> list[bytes]:
        """Append `buffer` to the stream. Returns the chunks that are complete now, in order.

        Takes any buffer of the format, split anywhere, or int16 samples for PCM16.

        Raises:
            AudioError: more than one dimension.
            TypeError: the buffer is neither bytes nor, for PCM16, int16.
        """
        self._carry += byte_view(buffer, self.format.sample_width)
        complete = len(self._carry) - len(self._carry) % self.format.sample_width
        start = 0
        taken: list[bytes] = []
        with memoryview(self._carry) as view:
            while complete - start >= self._min_bytes:
                end = min(start + self._max_bytes, complete)
                taken.append(bytes(view[start:end]))
                start = end
        del self._carry[:start]
        return taken

    def flush(self, pad: bool = False) -> bytes:
        """Return the rest, shorter than a chunk, then reset. Ends the stream.

        With `pad` a rest is filled with the format's silence (0, 0xFF or 0xD5) to `ms`, or to
        `min_ms` if that was given.

        Raises:
            AudioError: the stream ended within a sample. Nothing is lost: `feed` the missing
                byte and flush again, or `reset`.
        """
        if len(self._carry) % self.format.sample_width:
            raise AudioError(
                f"the stream ended within a sample: {self.pending} bytes of {self.format.encoding} are left"
            )
        rest = bytes(self._carry)
        self.reset()
        if not (pad and rest):
            return rest
        missing = (self._min_bytes - len(rest)) // self.format.sample_width
        return rest + self.format.silence_sample * missing

    def reset(self) -> None:
        """Forget the pending bytes."""
        self._carry.clear()


def _size(format: AudioFormat, ms: float, name: str) -> int:
    size = format.chunk_bytes(ms)
    if not size:
        raise AudioError(f"{name} must be more than 0")
    return size
