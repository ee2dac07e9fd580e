"""Logs of calls, read: one line a frame, its direction and its time, whatever is in the file.

A line is ``{"direction":"client"|"server","time_ms":12.345,"frame":{...}}``. The frame is the bytes
that went over the wire, or a JSON string of them where they were no object in one line. What
cannot be read costs its line and is told as a `BrokenLine`; nothing in a file raises.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from .._guard import DEFAULT_MAX_DEPTH, check_depth
from ..errors import ConfigError, DecodeError, reason_of, snippet
from ._blocks import BLOCK_BYTES, Path, Torn, blocks, compression_of

Direction: TypeAlias = Literal["client", "server"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("client", "server")
# Longer than any frame that the codec takes (128 MiB), as a JSON string with some escapes too.
MAX_LINE_BYTES: Final = 192 * 1024 * 1024

# The head of a line as `Recorder` writes it. Both directions have six letters, so that the time
# begins at one place and one look-up tells whether a line is plain.
HEADS: Final[dict[Direction, bytes]] = {
    name: f'{{"direction":"{name}","time_ms":'.encode() for name in DIRECTIONS
}
_PLAIN_HEADS: Final[dict[bytes, Direction]] = {head: name for name, head in HEADS.items()}
_HEAD_BYTES: Final = len(HEADS["client"])
FRAME_KEY: Final = b',"frame":'
# Where the key ends at the latest: milliseconds of a thousand years have 14 digits.
KEY_WITHIN: Final = _HEAD_BYTES + 24 + len(FRAME_KEY)
_OPEN, _CLOSE = b"{}"
# Past any time, short of infinity.
_ANY_TIME_MS: Final = 1e15
_BOM: Final = b"\xef\xbb\xbf"


# Structs, not dataclasses: a log has millions of entries, and a frozen dataclass costs ten times as
# much to make.
class Entry(msgspec.Struct, frozen=True, gc=False):
    """One frame of a log.

    Attributes:
        direction: who sent it, "client" or "server".
        time_ms: when, in milliseconds since the recording began; never less than 0.
        frame: the frame's bytes, as they went over the wire.
        line: the number of its line in its file, from 1.
    """

    direction: Direction
    time_ms: float
    frame: bytes
    line: int


class BrokenLine(msgspec.Struct, frozen=True, gc=False):
    """A line that is no entry: why, and at most 80 characters of it."""

    line: int
    reason: str
    snippet: str


class _Line(msgspec.Struct):
    direction: Direction
    time_ms: float
    frame: msgspec.Raw
    # The bytes of a frame that is no text; `frame` is as much of them as can be read then.
    frame_base64: bytes | None = None


class _Head(msgspec.Struct):
    frame: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    recording: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_head = msgspec.json.Decoder(_Head).decode


def read_log(
    path: Path | Iterable[Path], *, max_line_bytes: int = MAX_LINE_BYTES
) -> Iterator[Entry | BrokenLine]:
    """The frames of a log in their order, and a `BrokenLine` for each line that is none.

    Takes a path, or paths to read one after another (`log_files` has those of a rotated log, in
    order). Names that end in .gz and .zst are decompressed. Memory is bounded: a line longer
    than `max_line_bytes` is broken and never held. Blank lines and metadata are passed over.
    A line is numbered within its file. A line that begins as `Recorder` writes it is taken as
    written: its frame is not parsed.

    Raises:
        OSError: the file cannot be opened or read.
        ConfigError: a .zst file, and no zstd module is installed.
    """
    paths = [path] if isinstance(path, (str, os.PathLike)) else path
    for each in paths:
        yield from _read_file(each, max_line_bytes, None)


# Given a block and where a plain line begins and ends in it, takes it and lines that follow: where the
# last of them ends, its line end included, and how many they were; None for none.
Skim: TypeAlias = Callable[[bytes, int, int], "tuple[int, int] | None"]


def read_skimmed(paths: Iterable[Path], skims: Mapping[Direction, Skim]) -> Iterator[Entry | BrokenLine]:
    """The entries of a log but for those that the `skims` of either side take; else as `read_log`."""
    for each in paths:
        yield from _read_file(each, MAX_LINE_BYTES, skims)


def read_metadata(path: Path) -> dict[str, Any]:
    """What the first line of a log says of the recording; empty where it says nothing.

    Raises:
        OSError: the file cannot be opened or read.
        ConfigError: a .zst file, and no zstd module is installed.
    """
    first = next(_groups(path, BLOCK_BYTES), None)
    line = b"" if first is None else first[0].partition(b"\n")[0]
    try:
        check_depth(line, DEFAULT_MAX_DEPTH)
        value = msgspec.json.decode(line.removeprefix(_BOM))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and "frame" not in value else {}


def entry_of(line: bytes, number: int) -> Entry | BrokenLine | None:
    """A whole line without its end, read with care; None for metadata and blank lines."""
    try:
        line = line.removeprefix(_BOM) if number == 1 else line
        if not line.strip():
            return None
        check_depth(line, DEFAULT_MAX_DEPTH)
        found = _decode_line(line)
        frame = _bytes_of(found.frame) if found.frame_base64 is None else found.frame_base64
        return Entry(found.direction, _finite(found.time_ms), frame, number)
    except DecodeError as why:  # nested too deep to look at any further
        return BrokenLine(number, why.reason, snippet(line))
    except (ValueError, RecursionError) as why:
        return None if _is_metadata(line, number) else BrokenLine(number, reason_of(why), snippet(line))


def time_of(written: bytes) -> float:
    """The time that a line begins with, as its `time_ms`; less than 0 for what is no such time."""
    try:
        time_ms = float(written)
    except ValueError:
        return -1.0
    return time_ms if 0 <= time_ms < _ANY_TIME_MS else -1.0


def no_log(broken: int) -> ConfigError:
    """Why a file is refused of which no line is any of a log's."""
    return ConfigError(f"no log of realtime.recording: none of its {broken:,} lines can be read")


# --- Lines ----------------------------------------------------------------------------


class _Odd(NamedTuple):
    """A line to read with care, as nothing ends it; or, with a reason, what is left of a lost one."""

    text: bytes
    reason: str = ""


def _read_file(
    path: Path, max_line_bytes: int, skims: Mapping[Direction, Skim] | None
) -> Iterator[Entry | BrokenLine]:
    number, head, within = 0, _HEAD_BYTES, KEY_WITHIN
    direction_of, key, skip = _PLAIN_HEADS.get, FRAME_KEY, len(FRAME_KEY)
    for group in _groups(path, max_line_bytes):
        if isinstance(group, _Odd):
            number += 1
            odd = _odd_line(group, number)
            if odd is not None:
                yield odd
            continue
        # Within the block, by `find`: `split`, which looks at each byte, takes three times as long on audio.
        block, start = group
        while (end := block.find(b"\n", start)) >= 0:
            direction = direction_of(block[start : start + head])
            if skims is not None and direction is not None:
                taken = skims[direction](block, start, end)
                if taken is not None:
                    start, number = taken[0], number + taken[1]
                    continue
            number += 1
            if direction is not None:
                at = block.find(key, start + head, start + within)
                if 0 < at < end and block[at + skip] == _OPEN and block[end - 1] == block[end - 2] == _CLOSE:
                    time_ms = time_of(block[start + head : at])
                    if time_ms >= 0:
                        yield Entry(direction, time_ms, block[at + skip : end - 1], number)
                        start = end + 1
                        continue
            found = entry_of(block[start:end], number)
            if found is not None:
                yield found
            start = end + 1


def _odd_line(odd: _Odd, number: int) -> Entry | BrokenLine | None:
    return BrokenLine(number, odd.reason, snippet(odd.text)) if odd.reason else entry_of(odd.text, number)


def _groups(path: Path, max_line_bytes: int) -> Iterator[tuple[bytes, int] | _Odd]:
    """The file's lines: blocks, from where in them whole lines begin; what is odd by itself."""
    held: list[bytes] = []  # the line that no end has come of yet
    nbytes, too_long = 0, f"the line has more than {max_line_bytes} bytes"
    with open(path, "rb", buffering=0) as file:
        try:
            for block in blocks(file, compression_of(path), min(BLOCK_BYTES, max_line_bytes)):
                start = 0
                if nbytes:
                    start = block.find(b"\n") + 1
                    if start and nbytes + start - 1 <= max_line_bytes:
                        yield b"".join((*held, block[:start])), 0
                    elif start:
                        yield _Odd(held[0], too_long)
                    if start:
                        held, nbytes = [], 0
                yield block, start
                rest = block[max(start, block.rfind(b"\n") + 1) :]
                if rest:
                    nbytes += len(rest)
                    held.append(rest)
                    if nbytes > max_line_bytes:
                        del held[1:]
        except Torn as why:
            torn = str(why)
        else:
            torn = ""
    left = b"".join(held)
    if nbytes > max_line_bytes:
        yield _Odd(left, torn or too_long)
    elif left and (not torn or not isinstance(entry_of(left, 0), BrokenLine)):
        yield _Odd(left)
        left = b""
    if torn and nbytes <= max_line_bytes:
        yield _Odd(left, torn)


def _is_metadata(line: bytes, number: int) -> bool:
    """An object without a frame: the first line, or one that says that it is metadata."""
    try:
        head = _decode_head(line)
    except (ValueError, RecursionError):
        return False
    return head.frame is msgspec.UNSET and (number == 1 or head.recording is not msgspec.UNSET)


def _finite(time_ms: float) -> float:
    if not 0 <= time_ms < float("inf"):
        raise ValueError("time_ms is no time since the start")
    return time_ms


def _bytes_of(frame: msgspec.Raw) -> bytes:
    """The bytes that a line's frame stands for: a string's are its text's."""
    raw = bytes(frame).strip()
    return msgspec.json.decode(raw, type=str).encode() if raw.startswith(b'"') else raw
