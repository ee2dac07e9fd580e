"""Cutting a stream into chunks: `chunks` of a whole buffer, `Chunker` as it comes.

Only bytes are counted here and none is changed. A chunk never ends within a sample.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import AudioError
from ..format import AudioFormat
from ._buffers import AnyBuffer, byte_view


def chunks(buffer: AnyBuffer, fmt: object, ms: float) -> Iterator[memoryview]:
    """`buffer` in pieces of `ms` milliseconds, the last one shorter: memoryviews, no copies.

    Takes any buffer of `fmt` (whatever `AudioFormat.of` takes), or int16 samples for PCM16.
    The views see later changes of the buffer and keep a bytearray from being resized as long
    as they live. Strided and big-endian arrays are copied once. Everything is checked
    before the first chunk is asked for.

    Raises:
        AudioError: an odd number of PCM16 bytes, or `ms` is 0 or not whole samples.
        ConfigError: an unknown format.
        TypeError: the buffer is neither bytes nor, for PCM16, int16.
    """
    audio_format = AudioFormat.of(fmt)
    size = _size(audio_format, ms, "ms")
    view = byte_view(buffer, audio_format.sample_width)
    if len(view) % audio_format.sample_width:
        raise AudioError(f"{len(view)} bytes are not a whole number of {audio_format.value} samples")
    return (view[i : i + size] for i in range(0, len(view), size))


class Chunker:
    """Whole chunks of `ms` milliseconds from a stream that comes in any pieces.

    In fixed mode every chunk is exactly `ms` long, so any split of the stream gives the very
    same chunks. With `min_ms`, a chunk is sent as soon as there is at least `min_ms`, and
    holds at most `ms` (less leaves no gap, more fits no frame). What is left is carried to
    the next feed, odd bytes of PCM16 included. Chunks are bytes of their own: they alias
    neither what was fed nor each other. Not safe for use by two threads at once.

    Raises:
        AudioError: `ms` or `min_ms` is 0 or not whole samples, or `min_ms` is more than `ms`.
        ConfigError: an unknown format.
        TypeError: a wrong kind of argument.
    """

    __slots__ = ("_carry", "_least", "_most", "format")

    def __init__(self, fmt: object, ms: float, *, min_ms: float | None = None) -> None:
        self.format = AudioFormat.of(fmt)
        self._most = _size(self.format, ms, "ms")
        self._least = self._most if min_ms is None else _size(self.format, min_ms, "min_ms")
        if self._least > self._most:
            raise AudioError(f"min_ms ({min_ms}) must not be more than ms ({ms})")
        self._carry = bytearray()

    @property
    def pending(self) -> int:
        """How many bytes are carried."""
        return len(self._carry)

    def feed(self, buffer: AnyBuffer) -> list[bytes]:
        """The chunks that `buffer` completes, in order; a list, perhaps empty.

        Takes any buffer of the format, cut anywhere, or int16 samples for PCM16.

        Raises:
            AudioError: more than one dimension.
            TypeError: the buffer is neither bytes nor, for PCM16, int16.
        """
        self._carry += byte_view(buffer, self.format.sample_width)
        if len(self._carry) < self._least:
            return []
        return self._take()

    def _take(self) -> list[bytes]:
        whole = len(self._carry) - len(self._carry) % self.format.sample_width
        cut = 0
        taken: list[bytes] = []
        with memoryview(self._carry) as view:
            while whole - cut >= self._least:
                end = min(cut + self._most, whole)
                taken.append(bytes(view[cut:end]))
                cut = end
        del self._carry[:cut]
        return taken

    def flush(self, pad: bool = False) -> bytes:
        """The rest, shorter than a chunk, b"" if there is none; then as `reset`. Ends the stream.

        With `pad` a rest is filled up with the format's own silence (0, 0xFF or 0xD5) to
        `ms`, or to `min_ms` where that was given.

        Raises:
            AudioError: the stream ended within a sample. Nothing is lost: `feed` the missing
                byte and flush again, or `reset`.
        """
        if len(self._carry) % self.format.sample_width:
            raise AudioError(
                f"the stream ended within a sample: {self.pending} bytes of {self.format.value} are left"
            )
        rest = bytes(self._carry)
        self.reset()
        if not (pad and rest):
            return rest
        missing = (self._least - len(rest)) // self.format.sample_width
        return rest + self.format.silence_sample * missing

    def reset(self) -> None:
        """Forget what is carried."""
        self._carry.clear()


def _size(fmt: AudioFormat, ms: float, name: str) -> int:
    size = fmt.chunk_bytes(ms)
    if not size:
        raise AudioError(f"{name} must be more than 0")
    return size
