"""Repair of a log whose last line was torn by a crash, before a `Recorder` appends to it.

Removes only what can be the beginning of a line of a log, the zeros that a crash of the machine leaves and,
in a compressed file, what cannot be decompressed. A file that is not a log is refused and left unchanged.
"""

from __future__ import annotations

import itertools
import os
import re
from typing import BinaryIO, Final

import msgspec

from ..errors import ConfigError, snippet
from ._compression import MAGIC, DamagedError, TornError, compression_of, packer, read_blocks
from .log import BOM, LINE_HEADS, Entry, read_log

_TAIL_BYTES: Final = 1 << 16
_HEAD_BYTES: Final = 64
_TIME: Final = re.compile(rb'.{0,200}?"time_ms":\s*([0-9.]+)')
# The beginnings of a log's lines: as `Recorder` writes them, and in any layout.
_LINE_HEADS: Final = (*LINE_HEADS.values(), b'{"recording":1')
_ANY_LINE_HEAD: Final = re.compile(rb'\{\s*"(?:direction"\s*:\s*"(?:client|server)"|recording"\s*:\s*[0-9])')
_validate = msgspec.json.Decoder(msgspec.Raw).decode


def repair_log(path: str) -> float:
    """Make a log end with a complete line. Returns the time of its last entry in milliseconds.

    A last line without a line end gets one if it is complete or not a line of a log; otherwise it is
    removed. A truncated compressed file is rewritten with its complete lines. The original of a damaged
    one, in which more data may follow, is retained as "<path>.damaged". Returns 0 if no line has a time.

    Raises:
        OSError: the file cannot be read or written.
        ConfigError: the file is neither empty nor a log; or it is a .zst file and no zstd module is
            installed.
    """
    compression = compression_of(path)
    if not _is_log(path, compression):
        raise ConfigError(f"{snippet(repr(path))} is not a log of calls, so nothing is appended to it")
    return _repair_plain(path) if compression is None else _repair_compressed(path, compression)


def _is_log(path: str, compression: str | None) -> bool:
    """Return True if a file is empty or begins like a log."""
    with open(path, "rb", buffering=0) as file:
        start = file.read(_HEAD_BYTES)
        file.seek(0)
        try:
            head = next(read_blocks(file, compression, _HEAD_BYTES), b"")
        except TornError:
            # Nothing can be decompressed: it is the torn first write of a log, or another kind of file.
            magic = MAGIC[compression or ""]
            return start.startswith(magic) or magic.startswith(start)
    head = head.removeprefix(BOM)
    first = next(read_log(path), None)
    return _begins_like_a_line(head) or isinstance(first, Entry) or (first is None and not head.strip())


def _begins_like_a_line(text: bytes) -> bool:
    return _ANY_LINE_HEAD.match(text) is not None or any(head.startswith(text) for head in _LINE_HEADS)


def _complete_part(tail: bytes) -> bytes:
    """Return what remains of a line without a line end: nothing if it is an incomplete line of a log."""
    tail = tail.rstrip(b"\0")
    if _begins_like_a_line(tail):
        try:
            _validate(tail)
        except msgspec.DecodeError:
            return b""
        except RecursionError:  # no line that `Recorder` writes is nested so deeply
            pass
    return tail


def _last_time(lines: bytes, default: float) -> float:
    """Return the time of the last line that has one."""
    for line in reversed(lines.split(b"\n")):
        found = _TIME.match(line)
        if found:
            return float(found[1])
    return default


# --- Plain files ----------------------------------------------------------------------


def _repair_plain(path: str) -> float:
    with open(path, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        start = _line_start(file, size)
        if start < size:
            file.seek(start)
            rest = _complete_part(file.read(size - start))
            size = start + len(rest)
            file.truncate(size)
            if rest:
                file.seek(size)
                file.write(b"\n")
                size += 1
        return _last_time_in_file(file, size)


def _line_start(file: BinaryIO, end: int) -> int:
    """Return where the line begins that ends at `end`, not counting a line end there."""
    while end > 0:
        start = max(0, end - _TAIL_BYTES)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def _last_time_in_file(file: BinaryIO, end: int) -> float:
    while end > 0:
        end = _line_start(file, end - 1)
        file.seek(end)
        found = _TIME.match(file.read(256))
        if found:
            return float(found[1])
    return 0.0


# --- Compressed files -----------------------------------------------------------------


def _repair_compressed(path: str, compression: str) -> float:
    """Copy the lines of the file. The copy replaces a file that is torn."""
    copy_path = f"{path}.repairing"
    pack = packer(compression)
    time_ms, is_torn, is_damaged = 0.0, False, False
    pending: list[bytes] = []  # of the last line
    with open(path, "rb", buffering=0) as file, open(copy_path, "wb", buffering=0) as copy:
        try:
            for block in read_blocks(file, compression):
                end = block.rfind(b"\n") + 1
                if end:
                    lines, pending = b"".join((*pending, block[:end])), []
                    time_ms = _last_time(lines, time_ms)
                    copy.write(pack(lines))
                if block[end:]:
                    pending.append(block[end:])
        except TornError as why:
            is_torn, is_damaged = True, isinstance(why, DamagedError)
        rest = _complete_part(b"".join(pending))
        if rest:
            time_ms = _last_time(rest, time_ms)
            copy.write(pack(rest + b"\n"))
    if is_damaged:
        os.replace(path, _unused_name(f"{path}.damaged"))
    if is_torn or pending:
        os.replace(copy_path, path)
    else:
        os.unlink(copy_path)
    return time_ms


def _unused_name(path: str) -> str:
    names = (f"{path}{n or ''}" for n in itertools.count())
    return next(name for name in names if not os.path.exists(name))
