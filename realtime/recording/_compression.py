"""Compression of logs: gzip, and zstd from Python 3.14 or the `zstandard` package.

A compressed log is a sequence of gzip members or zstd frames, each written at once, so that what was written
before a crash can be read by any tool. `read_blocks` also reads what is left of a truncated or damaged
file. Lines are the concern of `log`.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from ..errors import ConfigError

BLOCK_BYTES: Final = 1 << 19
SUFFIXES: Final = {".gz": "gzip", ".zst": "zstd"}
# The first bytes of compressed data.
MAGIC: Final = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd"}
# How much compressed data is decompressed at a time. It bounds the memory that a hostile file can take:
# DEFLATE expands at most 1032 times, zstd 32768 times (a block of 128 KiB in 4 bytes). It is also what
# is lost before the place where a file is damaged.
_PIECE_BYTES: Final = {"gzip": 1 << 12, "zstd": 1 << 10}
# 16 selects the gzip header, 15 the largest window.
_GZIP_WBITS: Final = 16 + 15


class TornError(Exception):
    """The compressed data ends in the middle. The message is shown to users."""


class DamagedError(TornError):
    """The compressed data is invalid. More data may follow it."""


class _Format(NamedTuple):
    # Compresses bytes into one member or frame.
    pack: Callable[[bytes], bytes]
    # Returns a decompressor of one member or frame, with `decompress`, `eof` and `unused_data`.
    unpacker: Callable[[], Any]
    error: type[Exception]


_GZIP: Final = _Format(
    functools.partial(zlib.compress, wbits=_GZIP_WBITS),
    functools.partial(zlib.decompressobj, _GZIP_WBITS),
    zlib.error,
)


def compression_of(path: str | os.PathLike[str]) -> str | None:
    """Return the compression that a file's name states: "gzip", "zstd" or None."""
    name = os.fspath(path)
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)


def packer(compression: str | None) -> Callable[[bytes], bytes]:
    """Return a function that compresses bytes into one member or frame.

    For no compression, that is `bytes`, which returns them unchanged.

    Raises:
        ConfigError: no zstd module is installed.
    """
    return bytes if compression is None else _format(compression).pack


def read_blocks(file: BinaryIO, compression: str | None, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the decompressed content of a file in blocks of 1 to `size` bytes.

    Raises:
        TornError: the compressed data ends in the middle or is damaged; all before it was yielded.
        OSError: the file cannot be read.
        ConfigError: no zstd module is installed.
    """
    if compression is None:
        while block := file.read(size):
            yield block
        return
    buffer, error = bytearray(), None
    try:
        for piece, _ in decompress(file, compression):
            buffer += piece
            while len(buffer) >= size:
                yield bytes(buffer[:size])
                del buffer[:size]
    except TornError as why:
        error = why
    if buffer:
        yield bytes(buffer)
    if error:
        raise error


def decompress(file: BinaryIO, compression: str) -> Iterator[tuple[bytes, int]]:
    """Yield the decompressed content of a file from its position on, in pieces of any size.

    With each piece comes the position in the file at which its member or frame ends, or 0 if more of that
    follows. Zeros after a member are skipped: gzip files may be padded, and a crash of the machine may leave
    them.

    Raises:
        TornError: the compressed data ends in the middle or is damaged; all before it was yielded.
        OSError: the file cannot be read.
        ConfigError: no zstd module is installed.
    """
    _, create, error = _format(compression)
    piece_bytes = _PIECE_BYTES[compression]
    unit, data, is_inside, position = create(), b"", False, file.tell()
    while True:
        if not data:
            data = file.read(piece_bytes)
            position += len(data)
            if not data:
                break
        if not is_inside and position > len(data):
            data = data.lstrip(b"\0")
            if not data:
                continue
        try:
            piece = unit.decompress(data)
        except error as why:
            raise DamagedError(f"the {compression} data is damaged: {why}") from None
        is_inside, data = not unit.eof, b""
        if unit.eof:
            data = unit.unused_data
            unit = create()
        yield piece, 0 if is_inside else position - len(data)
    if is_inside:
        raise TornError(f"the {compression} data ends in the middle")


def _format(compression: str) -> _Format:
    if compression == "gzip":
        return _GZIP
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        pass
    else:
        return _Format(zstd.compress, zstd.ZstdDecompressor, zstd.ZstdError)
    try:
        import zstandard
    except ImportError:
        raise ConfigError("zstd needs Python 3.14 or the extra realtime-codec[recording]") from None
    return _Format(
        zstandard.ZstdCompressor().compress, zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError
    )
