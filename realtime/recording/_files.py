"""The files of a log: appended to line by line, torn ends mended, numbered parts listed.

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

from ..errors import ConfigError
from ._blocks import GZIP_WBITS, SUFFIXES, ZSTD_EXTRA, Path, Torn, blocks, compression_of
from .log import BrokenLine, entry_of

_PART_DIGITS: Final = 6
_TAIL_BYTES: Final = 1 << 16
_TIME: Final = re.compile(rb'.{0,200}?"time_ms":\s*([0-9.]+)')


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


def _zstd() -> Callable[[bytes], bytes]:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        pass
    else:
        return zstd.compress  # type: ignore[no-any-return, unused-ignore]
    try:
        import zstandard
    except ImportError:
        raise ConfigError(ZSTD_EXTRA) from None
    return zstandard.ZstdCompressor().compress


def packer(compression: str | None) -> Callable[[bytes], bytes] | None:
    """A function that makes lines a whole member of a compressed file; None for a plain one.

    Raises:
        ConfigError: zstd, and no module for it is installed.
    """
    return {None: lambda: None, "gzip": lambda: _gzip, "zstd": _zstd}[compression]()


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


# --- Mending --------------------------------------------------------------------------


def mend(path: str) -> float:
    """Makes a log that a crash may have torn end with a whole line; the time of its last entry.

    A last line that is whole but has no end gets one, one that is not is cut off. Of a torn
    compressed file all whole lines are kept. 0 where no line has a time.

    Raises:
        OSError: the file cannot be read or written.
        ConfigError: a .zst file, and no module for it is installed.
    """
    compression = compression_of(path)
    return _mend_plain(path) if compression is None else _mend_packed(path, compression)


def _mend_plain(path: str) -> float:
    with open(path, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        start = _line_start(file, size)
        if start < size:
            file.seek(start)
            last = file.read(size - start)
            if isinstance(entry_of(last, 0), BrokenLine):
                file.truncate(start)
                size = start
            else:
                file.seek(size)
                file.write(b"\n")
                size += 1
        return _last_time(file, size)


def _line_start(file: BinaryIO, end: int) -> int:
    """Where the line begins that reaches to `end`, its own end left out."""
    while end > 0:
        start = max(0, end - _TAIL_BYTES)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def _last_time(file: BinaryIO, end: int) -> float:
    while end > 0:
        end = _line_start(file, end - 1)
        file.seek(end)
        found = _TIME.match(file.read(256))
        if found:
            return float(found[1])
    return 0.0


def _mend_packed(path: str, compression: str) -> float:
    """The whole file is read; a torn one is written anew beside itself, and put in its place."""
    beside = f"{path}.mending"
    pack = packer(compression)
    time_ms, held, torn = 0.0, b"", False
    with open(path, "rb", buffering=0) as file, open(beside, "wb", buffering=0) as mended:
        try:
            for block in blocks(file, compression):
                lines, _, held = (held + block).rpartition(b"\n")
                if lines:
                    time_ms = _time_in(lines, time_ms)
                    mended.write(pack(lines + b"\n"))  # type: ignore[misc]
        except Torn:
            torn = True
        if held and not isinstance(entry_of(held, 0), BrokenLine):
            time_ms = _time_in(held, time_ms)
            mended.write(pack(held + b"\n"))  # type: ignore[misc]
    if torn or held:
        os.replace(beside, path)
    else:
        os.unlink(beside)
    return time_ms


def _time_in(lines: bytes, default: float) -> float:
    for line in reversed(lines.split(b"\n")):
        found = _TIME.match(line)
        if found:
            return float(found[1])
    return default
