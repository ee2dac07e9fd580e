"""Repair of a log whose last line was torn by a crash, before a `Recorder` appends to it.

Removes only what can be the beginning of a line of a log, the zeros that a crash of the machine leaves and,
in a compressed file, what cannot be decompressed. A complete log is only read, and a file that is not a log
is refused; both are left unchanged.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from .._files import replacing
from ..errors import ConfigError, snippet
from ._compression import (
    BLOCK_BYTES,
    MAGIC,
    DamagedError,
    TornError,
    compression_of,
    decompress,
    packer,
    read_blocks,
)
from .log import BOM, LINE_HEADS, MAX_LINE_BYTES, Entry, parse_time, read_line, read_log

_TAIL_BYTES: Final = 1 << 16
_HEAD_BYTES: Final = 64
# The beginnings of a log's lines: as `Recorder` writes them, and in any layout.
_LINE_HEADS: Final = (*LINE_HEADS.values(), b'{"recording":1')
_ANY_LINE_HEAD: Final = re.compile(
    rb'\{\s*+"(?:direction"\s*+:\s*+"(?:client|server)"|recording"\s*+:\s*+[0-9])'
)
_TIME: Final = re.compile(rb'.{0,200}?"time_ms"\s{0,9}+:\s{0,9}+([0-9.eE+-]{1,99}+)[\s,}]')
_validate = msgspec.json.Decoder(msgspec.Raw).decode


def repair_log(path: str) -> float:
    """Make a log end with a complete line. Returns the time of its last entry in milliseconds.

    A last line without a line end gets one if it is complete, not a line of a log or too long for one;
    otherwise it is removed. A compressed file that is truncated within lines is replaced by a copy of the
    complete ones, with the same mode and owner. The original of a damaged one, in which more data may
    follow, is retained as "<path>.damaged". If `path` is a link, the file it names is repaired. Returns 0 if
    no line has a time.

    A compressed file is read once, a plain one only from its end back to the last line that has a time.

    Raises:
        OSError: the file cannot be read or written. No other file is left behind.
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
    if _begins_like_a_line(head):
        return True
    first = next(read_log(path), None)
    return isinstance(first, Entry) or (first is None and not head.strip())


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


def _last_time(lines: Iterable[bytes]) -> float | None:
    """Return the time of the first of `lines` that has one."""
    times = (_time_of(line) for line in lines if len(line) <= MAX_LINE_BYTES)
    return next((time_ms for time_ms in times if time_ms is not None), None)


def _time_of(line: bytes) -> float | None:
    """Return the time of an entry, or the one near the beginning of any other line."""
    found = read_line(line)
    if isinstance(found, Entry):
        return found.time_ms
    match = _TIME.match(line)
    time_ms = parse_time(match[1]) if match else -1.0
    return time_ms if time_ms >= 0 else None


# --- Plain files ----------------------------------------------------------------------


def _repair_plain(path: str) -> float:
    with open(path, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        end = _end_without_zeros(file, size)
        lines = _lines_backwards(file, end)
        tail = next(lines)
        rest = tail if len(tail) > MAX_LINE_BYTES else _complete_part(tail)
        end += len(rest) - len(tail)
        if end != size:
            file.truncate(end)
        if rest:
            file.seek(end)
            file.write(b"\n")
        return _last_time(itertools.chain([rest], lines)) or 0.0


def _end_without_zeros(file: BinaryIO, end: int) -> int:
    while end > 0:
        start = max(0, end - _TAIL_BYTES)
        file.seek(start)
        block = file.read(end - start).rstrip(b"\0")
        if block:
            return start + len(block)
        end = start
    return 0


def _lines_backwards(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Yield the lines before `end` from the last to the first; b"" first if a line ends there.

    Of a line that is longer than `MAX_LINE_BYTES`, yields an end that is longer too.
    """
    pieces: deque[bytes] = deque()
    nbytes = 0
    while end > 0:
        start = max(0, end - _TAIL_BYTES)
        file.seek(start)
        first, *others = file.read(end - start).split(b"\n")
        for part in reversed(others):
            pieces.appendleft(part)
            yield b"".join(pieces)
            pieces.clear()
            nbytes = 0
        if nbytes <= MAX_LINE_BYTES:
            pieces.appendleft(first)
            nbytes += len(first)
        end = start
    yield b"".join(pieces)


# --- Compressed files -----------------------------------------------------------------


def _repair_compressed(path: str, compression: str) -> float:
    with open(path, "r+b", buffering=0) as file:
        scan = _scan(file, compression)
        is_damaged = isinstance(scan.error, DamagedError)
        if not scan.has_more and not is_damaged:
            if scan.end != file.seek(0, os.SEEK_END):
                file.truncate(scan.end)
            return scan.time_ms
        with contextlib.ExitStack() as undo:
            with replacing(path) as copy:
                file.seek(0)
                _copy_bytes(file, copy, scan.end)
                time_ms = _copy_lines(file, compression, copy)
                copy.flush()
                os.fsync(copy.fileno())
                if is_damaged:
                    undo.callback(_put_back, *_set_aside(os.path.realpath(path)))
            undo.pop_all()
    return scan.time_ms if time_ms is None else time_ms


@dataclass(slots=True)
class _Scan:
    """Result of reading a compressed file.

    Attributes:
        end: the position up to which its members are complete and their last line is too.
        has_more: there are lines after `end`, or a last one without a line end that is to be retained.
        error: the reason why the file cannot be read to its end.
        time_ms: the time of the last entry that ends with a line end.
    """

    end: int = 0
    has_more: bool = False
    error: TornError | None = None
    time_ms: float = 0.0


def _scan(file: BinaryIO, compression: str) -> _Scan:
    scan, last = _Scan(), _LastLine()
    try:
        for text, member_end in decompress(file, compression):
            lines = last.feed(text)
            time_ms = _last_time(reversed(lines.split(b"\n")))
            if time_ms is not None:
                scan.time_ms = time_ms
            scan.has_more |= bool(lines)
            if member_end and last.is_empty():
                scan.end, scan.has_more = member_end, False
    except TornError as why:
        scan.error = why
    scan.has_more |= bool(last.complete_part())
    return scan


def _copy_bytes(file: BinaryIO, copy: BinaryIO, nbytes: int) -> None:
    while nbytes > 0 and (block := file.read(min(nbytes, BLOCK_BYTES))):
        copy.write(block)
        nbytes -= len(block)


def _copy_lines(file: BinaryIO, compression: str, copy: BinaryIO) -> float | None:
    """Copy the lines from the position of `file` on. Returns the time of one without a line end."""
    last, pack = _LastLine(), packer(compression)
    with contextlib.suppress(TornError):
        for block in read_blocks(file, compression):
            complete = last.feed(block)
            if complete:
                copy.write(pack(complete))
    rest = last.complete_part()
    if rest or last.is_long:
        copy.write(pack(rest + b"\n"))
    return _last_time([rest])


class _LastLine:
    """The beginning of a text's last line, as the text is fed. Memory is bounded.

    Attributes: `is_long`, True if the line is longer than `MAX_LINE_BYTES`.
    """

    def __init__(self) -> None:
        self.is_long = False
        self._pieces: list[bytes] = []
        self._nbytes = 0

    def feed(self, text: bytes) -> bytes:
        """Return the lines that `text` completes. Of a line that is too long, returns the beginning too."""
        at = text.rfind(b"\n") + 1
        complete = b""
        if at:
            complete = b"".join((*self._pieces, text[:at]))
            self._pieces, self._nbytes, self.is_long = [], 0, False
        if at < len(text):
            self._pieces.append(text[at:])
            self._nbytes += len(text) - at
        if self._nbytes > MAX_LINE_BYTES:
            complete += b"".join(self._pieces)
            self._pieces, self._nbytes, self.is_long = [], 0, True
        return complete

    def is_empty(self) -> bool:
        """Return True if the text ends with a line end or is empty."""
        return not self._pieces and not self.is_long

    def complete_part(self) -> bytes:
        """Return what remains of the line if the text ends in it."""
        rest = b"".join(self._pieces)
        return rest if self.is_long else _complete_part(rest)


def _set_aside(path: str) -> tuple[str, str]:
    """Retain a file as "<path>.damaged". Returns `path` and the name.

    It also remains at `path`, unless the file system has no hard links.
    """
    for n in itertools.count():
        name = f"{path}.damaged{n or ''}"
        if not os.path.lexists(name):
            try:
                os.link(path, name)
            except OSError:
                os.rename(path, name)
            return path, name
    raise AssertionError("unreachable")


def _put_back(path: str, name: str) -> None:
    if os.path.lexists(path):
        os.unlink(name)
    else:
        os.rename(name, path)
