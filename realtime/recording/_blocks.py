"""The bytes of a log's file in blocks, decompressed as its name says; nothing here knows lines.

A file that ends before its compression does (the process that wrote it was killed) gives all
that can be had and then `Torn`, once. No block is larger than `BLOCK_BYTES`, whatever a file
claims to hold.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, TypeAlias

from ._zstd import ZSTD_MAGIC, reader as zstd_reader

BLOCK_BYTES: Final = 1 << 19
# Compressed bytes are fed in pieces of this size: damage costs what its piece held.
_PIECE_BYTES: Final = 1 << 14
# 16 + 15: a gzip header, and the largest window.
GZIP_WBITS: Final = 31

Path: TypeAlias = "str | os.PathLike[str]"


class Torn(Exception):
    """The compressed data ends or breaks here; the reason is its message."""


class Damaged(Torn):
    """It breaks, and there may be more behind it."""


def compression_of(path: Path) -> str | None:
    """How a file of this name is compressed: "gzip", "zstd" or None."""
    name = os.fspath(path)
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)


def blocks(file: BinaryIO, compression: str | None, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """What is in the file, in blocks of 1 to `size` bytes.

    Raises:
        Torn: the compressed data is cut short, or Damaged; all before it was given.
        OSError: the file cannot be read.
        ConfigError: zstd, which needs a module that is not there.
    """
    return _READERS[compression](file, size)


def _plain(file: BinaryIO, size: int) -> Iterator[bytes]:
    while block := file.read(size):
        yield block


def _gzip(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Members one after another, as appending leaves them."""
    unit, data, began = zlib.decompressobj(GZIP_WBITS), b"", False
    while data := data or file.read(_PIECE_BYTES):
        began = True
        try:
            while block := unit.decompress(data, size):
                yield block
                data = unit.unconsumed_tail
        except zlib.error as why:
            raise Damaged(f"the gzip data is damaged: {why}") from None
        data = b""
        if unit.eof:
            # gzip files may be padded with zeros, which begin no member.
            data = unit.unused_data.lstrip(b"\0")
            unit, began = zlib.decompressobj(GZIP_WBITS), False
    if began:
        raise Torn("the gzip data ends in the middle")


def _zstd(file: BinaryIO, size: int) -> Iterator[bytes]:
    reader, damaged = zstd_reader(file)
    try:
        while block := reader.read(size):
            yield block
    except EOFError:
        raise Torn("the zstd data ends in the middle") from None
    except damaged as why:
        raise Damaged(f"the zstd data is damaged: {why}") from None


_READERS: Final[dict[str | None, Callable[[BinaryIO, int], Iterator[bytes]]]] = {
    None: _plain,
    "gzip": _gzip,
    "zstd": _zstd,
}
SUFFIXES: Final = {".gz": "gzip", ".zst": "zstd"}
# What a compressed file begins with.
MAGIC: Final = {"gzip": b"\x1f\x8b\x08", "zstd": ZSTD_MAGIC}
