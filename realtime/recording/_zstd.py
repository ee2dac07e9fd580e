"""Whichever zstd module there is: Python 3.14's own, or the extra's `zstandard`.

`zstandard` reads a file that is cut short without a word, so what is read through it is watched:
`Frames` knows from the lengths in the headers whether the last frame was there to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, BinaryIO, Final

from ..errors import ConfigError

ZSTD_EXTRA: Final = "zstd needs Python 3.14 or the extra realtime-codec[recording]"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"

# Of a frame's header (RFC 8878, section 3.1.1.1): how many bytes its optional fields have, by the
# bits of its descriptor.
_DICTIONARY_BYTES: Final = (0, 1, 2, 4)
_SIZE_BYTES: Final = (0, 2, 4, 8)
_CHECKSUM_BYTES: Final = 4
# The magic number and a byte more: the descriptor, or the first of a skippable frame's length.
_START_BYTES: Final = 5
_BLOCK_HEADER_BYTES: Final = 3
_SKIPPABLE: Final = b"\x2a\x4d\x18"
_RLE: Final = 1
_EVERYTHING: Final = -(1 << 62)


def compressor() -> Callable[[bytes], bytes]:
    """A function that makes bytes one frame.

    Raises:
        ConfigError: no zstd module is installed.
    """
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        pass
    else:
        return zstd.compress  # type: ignore[no-any-return, unused-ignore]
    return _zstandard().ZstdCompressor().compress  # type: ignore[no-any-return]


def reader(file: BinaryIO) -> tuple[Any, type[Exception]]:
    """What reads the decompressed bytes of `file`, frame after frame, and what it raises for damage.

    It raises EOFError where the file ends within a frame.

    Raises:
        ConfigError: no zstd module is installed.
    """
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        pass
    else:
        return zstd.ZstdFile(file), zstd.ZstdError
    module = _zstandard()
    return _Whole(module, file), module.ZstdError


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise ConfigError(ZSTD_EXTRA) from None
    return zstandard


class _Whole:
    """`zstandard`'s reader, with the EOFError that it lacks."""

    def __init__(self, module: Any, file: BinaryIO) -> None:
        self._frames = Frames(file)
        decompressor = module.ZstdDecompressor()
        self._reader = decompressor.stream_reader(self._frames, read_across_frames=True, closefd=False)

    def read(self, size: int) -> bytes:
        data: bytes = self._reader.read(size)
        if size and not data and not self._frames.whole:
            raise EOFError
        return data


class Frames:
    """A zstd file that is read through here; `whole` is whether what was read ends where a frame does."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._held = file, b""
        self._steps = _steps()
        self._step = next(self._steps)

    @property
    def whole(self) -> bool:
        """Whether no frame has begun that has not ended."""
        return self._step == _START_BYTES and not self._held

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the file."""
        data = self._file.read(size)
        at = 0
        while at < len(data):
            if self._step < 0:
                passed = min(-self._step, len(data) - at)
                self._step += passed
            else:
                passed = min(self._step - len(self._held), len(data) - at)
                self._held += data[at : at + passed]
            at += passed
            if len(self._held) == self._step:  # 0 where all was passed over
                held, self._held = self._held, b""
                self._step = self._steps.send(held)
        return data


def _steps() -> Generator[int, bytes, None]:
    """What to do with a file's bytes: n > 0, give the next n; n < 0, pass over so many."""
    while True:
        start = yield _START_BYTES
        if start[1:4] == _SKIPPABLE and start[0] >> 4 == 5:
            length = yield _BLOCK_HEADER_BYTES
            nbytes = int.from_bytes(start[4:] + length, "little")
            if nbytes:
                yield -nbytes
        elif start.startswith(ZSTD_MAGIC):
            yield from _frame(start[4])
        else:
            yield _EVERYTHING  # what this is, the reader says


def _frame(descriptor: int) -> Generator[int, bytes, None]:
    """What follows the descriptor of a frame."""
    is_single = descriptor >> 5 & 1
    nbytes = _DICTIONARY_BYTES[descriptor & 3] + (_SIZE_BYTES[descriptor >> 6] or is_single)
    nbytes += not is_single  # the window's descriptor
    yield -nbytes
    is_last = 0
    while not is_last:
        header = int.from_bytes((yield _BLOCK_HEADER_BYTES), "little")
        is_last, kind, nbytes = header & 1, header >> 1 & 3, header >> 3
        nbytes = 1 if kind == _RLE else nbytes
        if nbytes:
            yield -nbytes
    if descriptor >> 2 & 1:
        yield -_CHECKSUM_BYTES
