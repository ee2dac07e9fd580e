"""A log that a crash may have torn, made to end with a whole line; what is no log is refused, untouched.

Nothing is cut off but what can be the beginning of a line of ours, the zeros that a crash of the
machine leaves, and of a compressed file what cannot be decompressed.
"""

from __future__ import annotations

import itertools
import os
import re
from typing import BinaryIO, Final

import msgspec

from ..errors import ConfigError, snippet
from ._compression import MAGIC, DamagedError as Damaged, TornError as Torn, compression_of, packer, read_blocks as blocks
from .log import DIRECTIONS, Entry, LogPath as Path, read_log

_TAIL_BYTES: Final = 1 << 16
_TIME: Final = re.compile(rb'.{0,200}?"time_ms":\s*([0-9.]+)')
# How a line of ours begins: a frame's, and what is said of the recording.
_HEADS: Final = (*(f'{{"direction":"{name}","time_ms":'.encode() for name in DIRECTIONS), b'{"recording":1')
_HEAD: Final = re.compile(rb'\{\s*"(?:direction"\s*:\s*"(?:client|server)"|recording"\s*:\s*[0-9])')
_HEAD_BYTES: Final = 64
_BOM: Final = b"\xef\xbb\xbf"
_is_json = msgspec.json.Decoder(msgspec.Raw).decode


def repair_log(path: str) -> float:
    """Makes a log that a crash may have torn end with a whole line; the time of its last entry.

    A last line that is whole but has no end gets one, and so does one that is not ours; of ours,
    one that is not whole is cut off. Of a torn compressed file all whole lines are kept; one that is
    damaged, with more behind it perhaps, is kept beside it as ".damaged". 0 where no line has a time.

    Raises:
        OSError: the file cannot be read or written.
        ConfigError: the file is not empty and no log, or a .zst file, and no module for it is installed.
    """
    compression = compression_of(path)
    if not _is_log(path, compression):
        raise ConfigError(f"{snippet(repr(path))} is no log of calls, so nothing is added to it")
    return _mend_plain(path) if compression is None else _mend_packed(path, compression)


# --- What is a log --------------------------------------------------------------------


def _is_log(path: Path, compression: str | None) -> bool:
    """Whether a file is empty, or begins as a log, as much of it as there is."""
    with open(path, "rb", buffering=0) as file:
        start = file.read(_HEAD_BYTES)
        file.seek(0)
        head = _head(file, compression)
    if head is None:  # nothing of it can be decompressed: a first write that was torn, or something else
        magic = MAGIC[compression or ""]
        return start.startswith(magic) or magic.startswith(start)
    head = head.removeprefix(_BOM)
    first = next(read_log(path), None)
    return _begins_as_ours(head) or isinstance(first, Entry) or (first is None and not head.strip())


def _head(file: BinaryIO, compression: str | None) -> bytes | None:
    """The first bytes; None where they cannot be decompressed."""
    try:
        return next(blocks(file, compression, _HEAD_BYTES), b"")
    except Torn:
        return None


def _begins_as_ours(line: bytes) -> bool:
    return _HEAD.match(line) is not None or any(head.startswith(line) for head in _HEADS)


def _kept(tail: bytes) -> bytes:
    """What is to stay of a line that has no end: nothing of a torn one of ours."""
    tail = tail.rstrip(b"\0")
    if not _begins_as_ours(tail):
        return tail
    try:
        _is_json(tail)
    except msgspec.DecodeError:
        return b""
    except RecursionError:  # no line of ours nests so deep
        pass
    return tail


# --- Plain files ----------------------------------------------------------------------


def _mend_plain(path: str) -> float:
    with open(path, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        start = _line_start(file, size)
        if start < size:
            file.seek(start)
            kept = _kept(file.read(size - start))
            size = start + len(kept)
            file.truncate(size)
            if kept:
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


# --- Compressed files -----------------------------------------------------------------


def _mend_packed(path: str, compression: str) -> float:
    """The whole file is read; a torn one is written anew beside itself, and put in its place."""
    beside = f"{path}.mending"
    pack = packer(compression)
    time_ms, held, torn, damaged = 0.0, b"", False, False
    with open(path, "rb", buffering=0) as file, open(beside, "wb", buffering=0) as mended:
        try:
            for block in blocks(file, compression):
                lines, _, held = (held + block).rpartition(b"\n")
                if lines:
                    time_ms = _time_in(lines, time_ms)
                    mended.write(pack(lines + b"\n"))  # type: ignore[misc]
        except Torn as why:
            torn, damaged = True, isinstance(why, Damaged)
        kept = _kept(held)
        if kept:
            time_ms = _time_in(kept, time_ms)
            mended.write(pack(kept + b"\n"))  # type: ignore[misc]
    if damaged:
        os.replace(path, _aside(path))
    if torn or held:
        os.replace(beside, path)
    else:
        os.unlink(beside)
    return time_ms


def _aside(path: str) -> str:
    """A name that no file has."""
    names = (f"{path}.damaged{n or ''}" for n in itertools.count())
    return next(name for name in names if not os.path.exists(name))


def _time_in(lines: bytes, default: float) -> float:
    for line in reversed(lines.split(b"\n")):
        found = _TIME.match(line)
        if found:
            return float(found[1])
    return default
