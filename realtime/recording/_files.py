"""The files of a log: appended to line by line, numbered parts listed; torn ends are `_mend`'s.

Compressed files grow by whole gzip members or zstd frames, so that whatever was written can be
read, by anybody, and a file goes on where it ended. A write is all there or not at all: what
cannot be written whole (the disk is full) is taken back.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import BinaryIO, Final, cast

from ._blocks import GZIP_WBITS, SUFFIXES, Path
from ._zstd import compressor

_PART_DIGITS: Final = 6


# --- Names ----------------------------------------------------------------------------


def log_files(path: Path) -> list[str]:
    """The files of a rotated log in the order they were written: its numbered parts, then itself.

    `path` is the name that the `Recorder` was given. Empty where there is no such log.

    Raises:
        OSError: its folder cannot be read.
    """
    base = os.fspath(path)
    parts = [name for _, name in sorted(_parts(base))]
    return [*parts, base] if os.path.isfile(base) else parts


def next_part(base: str) -> str:
    """The name that a full log gets: a number more than the last."""
    stem, ends = _split(base)
    number = max((number for number, _ in _parts(base)), default=0) + 1
    return f"{stem}.{number:0{_PART_DIGITS}}{ends}"


def _parts(base: str) -> Iterator[tuple[int, str]]:
    stem, ends = _split(os.path.basename(base))
    name = re.compile(re.escape(stem) + rf"\.(\d{{{_PART_DIGITS},}})" + re.escape(ends))
    folder = os.path.dirname(base)
    if os.path.isdir(folder or "."):
        for found in os.listdir(folder or "."):
            number = name.fullmatch(found)
            if number:
                yield int(number[1]), os.path.join(folder, found)


def _split(base: str) -> tuple[str, str]:
    """("call", ".jsonl.gz"): a part's number goes between."""
    ends = next((suffix for suffix in SUFFIXES if base.endswith(suffix)), "")
    kind = PurePath(base.removesuffix(ends)).suffix
    return base.removesuffix(kind + ends), kind + ends


# --- Compression ----------------------------------------------------------------------


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, GZIP_WBITS)
    return packer.compress(data) + packer.flush()


def packer(compression: str | None) -> Callable[[bytes], bytes] | None:
    """A function that makes lines a whole member of a compressed file; None for a plain one.

    Raises:
        ConfigError: zstd, and no module for it is installed.
    """
    return {None: lambda: None, "gzip": lambda: _gzip, "zstd": compressor}[compression]()


# --- Appending ------------------------------------------------------------------------


class Appended:
    """A file that grows by whole writes, at its end. `size` is its length in bytes.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str, mode: str = "ab") -> None:
        self._file = cast("BinaryIO", open(path, mode, buffering=0))  # noqa: SIM115 (closed by close)
        self.size = self._file.seek(0, os.SEEK_END) if self._file.seekable() else 0
        self._torn = False

    def write(self, data: bytes) -> None:
        """Append `data`, all of it; after an OSError, none of it."""
        view = memoryview(b"\n" + data if self._torn else data)
        try:
            while view:
                written: int | None = self._file.write(view)
                if not written:
                    raise BlockingIOError("the file takes nothing without waiting")
                view = view[written:]
        except OSError:
            self._take_back()
            raise
        self.size += len(data) + self._torn
        self._torn = False

    def _take_back(self) -> None:
        """What was written of the last write goes; where it cannot, a line end will follow it."""
        try:
            self._file.truncate(self.size)
        except OSError:
            self._torn = True

    def sync(self) -> None:
        """Have the disk hold what was written."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; again is harmless."""
        self._file.close()
