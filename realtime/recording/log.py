"""Logs of calls: the format of a line, the names of a log's files, and reading them.

A line is ``{"direction":"client"|"server","time_ms":12.345,"frame":{...}}``. The frame is the JSON that went
over the wire, or a JSON string of its text if it was not a JSON object on one line. A line that cannot be
read becomes a `BrokenLine`; no content of a file raises. `recorder` writes logs, `repair` restores one that
a crash truncated.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from .._guard import DEFAULT_MAX_DEPTH, check_depth
from .._provider import PROVIDERS, Provider, ProviderLike, get_provider
from .._text import escape_controls
from ..errors import ConfigError, DecodeError, reason_of, snippet
from ._compression import BLOCK_BYTES, SUFFIXES as SUFFIXES, TornError, compression_of, read_blocks

LogPath: TypeAlias = "str | os.PathLike[str]"
Direction: TypeAlias = Literal["client", "server"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("client", "server")
# Longer than any frame that the codec accepts (128 MiB), also as a JSON string with some escapes.
MAX_LINE_BYTES: Final = 192 * 1024 * 1024

# The beginning of a line as `Recorder` writes it. Both directions have six letters, so the time begins at a
# fixed offset and one dict lookup detects this layout.
LINE_HEADS: Final[dict[Direction, bytes]] = {
    name: f'{{"direction":"{name}","time_ms":'.encode() for name in DIRECTIONS
}
FRAME_KEY: Final = b',"frame":'
# The member of the metadata with the name of the server.
PROVIDER_KEY: Final = "provider"
BOM: Final = b"\xef\xbb\xbf"
_DIRECTIONS_BY_HEAD: Final[dict[bytes, Direction]] = {head: name for name, head in LINE_HEADS.items()}
_HEAD_BYTES: Final = len(LINE_HEADS["client"])
# Later than any call: thirty thousand years. Times up to it can be added and formatted without an overflow.
MAX_TIME_MS: Final = 1e15
# The key is searched for within this many bytes: `MAX_TIME_MS` has 20, with three decimals.
_MAX_TIME_BYTES: Final = 24
_OPEN, _CLOSE = b"{}"


# Structs, because a frozen dataclass takes ten times as long to create and a log has millions of entries.
class Entry(msgspec.Struct, frozen=True, gc=False):
    """One frame of a log.

    Attributes:
        direction: the sender, "client" or "server".
        time_ms: milliseconds since the recording began, from 0 to 10**15.
        frame: the bytes that went over the wire.
        line: the number of the line in its file, from 1.
    """

    direction: Direction
    time_ms: float
    frame: bytes
    line: int


class BrokenLine(msgspec.Struct, frozen=True, gc=False):
    """A line that is not an entry: its number, the reason, and at most 80 characters of it."""

    line: int
    reason: str
    snippet: str


class _Line(msgspec.Struct):
    direction: Direction
    time_ms: float
    frame: msgspec.Raw
    # The bytes of a frame that is not UTF-8. `frame` then is a readable approximation of them.
    frame_base64: bytes | None = None


class _Metadata(msgspec.Struct):
    frame: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    recording: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_time = msgspec.json.Decoder(float).decode
_decode_line = msgspec.json.Decoder(_Line).decode
_decode_metadata = msgspec.json.Decoder(_Metadata).decode


# --- Reading --------------------------------------------------------------------------


def read_log(
    path: LogPath | Iterable[LogPath], *, max_line_bytes: int = MAX_LINE_BYTES
) -> Iterator[Entry | BrokenLine]:
    """Yield the frames of a log in order, and a `BrokenLine` for each line that cannot be read.

    Takes one path, or several to read one after another (`log_files` lists those of a rotated log).
    Files named .gz or .zst are decompressed. Blank lines and metadata are skipped. Lines are numbered
    within their file. Memory is bounded: a line longer than `max_line_bytes` is broken and not stored.

    A line that begins as `Recorder` writes it is trusted: its frame is not parsed.

    Raises:
        OSError: a file cannot be opened or read.
        ConfigError: a .zst file, and no zstd module is installed.
    """
    for each in path_list(path):
        yield from _read_lines(_line_blocks(each, max_line_bytes))


def read_metadata(path: LogPath) -> dict[str, Any]:
    """Return the metadata in the first line of a log; empty if it has none.

    Raises:
        OSError: the file cannot be opened or read.
        ConfigError: a .zst file, and no zstd module is installed.
    """
    first = next(_line_blocks(path, BLOCK_BYTES), None)
    line = b"" if first is None else first[0].partition(b"\n")[0]
    try:
        check_depth(line, DEFAULT_MAX_DEPTH)
        value = msgspec.json.decode(line.removeprefix(BOM))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and "frame" not in value else {}


def provider_of(paths: Iterable[LogPath], provider: ProviderLike | None) -> Provider | None:
    """Return `provider`, a name or value, or else the one whose name is in the metadata of a log, or None.

    Raises:
        ConfigError: `provider` is not known. An unknown name in the metadata is ignored.
        OSError: a file cannot be opened or read.
    """
    if provider is not None:
        return get_provider(provider)
    for path in paths:
        name = read_metadata(path).get(PROVIDER_KEY)
        if isinstance(name, str) and name in PROVIDERS:
            return PROVIDERS[name]
    return None


def read_line(line: bytes) -> Entry | BrokenLine | None:
    """Return what `read_log` yields for a file of this one line, without its line end; None for nothing."""
    return next(_read_lines(iter([(line + b"\n", 0)])), None)


def parse_line(line: bytes, number: int) -> Entry | BrokenLine | None:
    """Parse a line without its line end; None for metadata and blank lines.

    `number` is the line's number in its file, from 1. The line is validated as JSON.
    """
    try:
        line = line.removeprefix(BOM) if number == 1 else line
        if not line.strip():
            return None
        check_depth(line, DEFAULT_MAX_DEPTH)
        found = _decode_line(line)
        if not 0 <= found.time_ms <= MAX_TIME_MS:
            raise ValueError("time_ms is negative or too large")
        frame = _frame_bytes(found.frame) if found.frame_base64 is None else found.frame_base64
        return Entry(found.direction, found.time_ms, frame, number)
    except DecodeError as why:  # too deeply nested to be parsed as metadata either
        return BrokenLine(number, why.reason, snippet(line))
    except (ValueError, RecursionError) as why:
        return None if _is_metadata(line, number) else BrokenLine(number, reason_of(why), snippet(line))


def not_a_log_error(broken: int) -> ConfigError:
    """Return the error for a file of which no line could be read."""
    return ConfigError(f"no log of realtime.recording: none of its {broken:,} lines can be read")


class _PartialLine(NamedTuple):
    """A last line without a line end or, with a reason, what is left of a line that is broken."""

    text: bytes
    reason: str = ""


def _read_lines(blocks: Iterator[tuple[bytes, int] | _PartialLine]) -> Iterator[Entry | BrokenLine]:
    number, head, within = 0, _HEAD_BYTES, _HEAD_BYTES + _MAX_TIME_BYTES + len(FRAME_KEY)
    direction_of, key, skip = _DIRECTIONS_BY_HEAD.get, FRAME_KEY, len(FRAME_KEY)
    for lines in blocks:
        if isinstance(lines, _PartialLine):
            number += 1
            text, reason = lines
            found = BrokenLine(number, reason, snippet(text)) if reason else parse_line(text, number)
            if found is not None:
                yield found
            continue
        # `find` on the block, because `bytes.split` takes three times as long on lines of audio, and no
        # parsing of the frame, because that takes as long as decoding it (benchmarks/analysis.py).
        block, start = lines
        while (end := block.find(b"\n", start)) >= 0:
            number += 1
            direction = direction_of(block[start : start + head])
            if direction is not None:
                at = block.find(key, start + head, start + within)
                if 0 < at < end and block[at + skip] == _OPEN and block[end - 1] == block[end - 2] == _CLOSE:
                    time_ms = parse_time(block[start + head : at])
                    if time_ms >= 0:
                        yield Entry(direction, time_ms, block[at + skip : end - 1], number)
                        start = end + 1
                        continue
            found = parse_line(block[start:end], number)
            if found is not None:
                yield found
            start = end + 1


def _line_blocks(path: LogPath, max_line_bytes: int) -> Iterator[tuple[bytes, int] | _PartialLine]:
    """Yield the lines of a file: blocks, each with the offset of its first line, and partial lines.

    What follows the last line end of a block is to be ignored; it comes again with the rest of its line.
    """
    pending: list[bytes] = []  # the beginning of a line whose end was not read yet
    nbytes, too_long, torn = 0, f"the line has more than {max_line_bytes} bytes", ""
    with open(path, "rb", buffering=0) as file:
        try:
            for block in read_blocks(file, compression_of(path), min(BLOCK_BYTES, max_line_bytes)):
                start = block.find(b"\n") + 1 if pending else 0
                if start:
                    if nbytes + start - 1 > max_line_bytes:
                        yield _PartialLine(pending[0], too_long)
                    else:
                        yield b"".join((*pending, block[:start])), 0
                    pending, nbytes = [], 0
                yield block, start
                rest = block[max(start, block.rfind(b"\n") + 1) :]
                if rest:
                    nbytes += len(rest)
                    pending.append(rest)
                    if nbytes > max_line_bytes:
                        del pending[1:]
        except TornError as why:
            torn = str(why)
    text = b"".join(pending)
    if nbytes > max_line_bytes:
        yield _PartialLine(text, torn or too_long)
        return
    if text and (not torn or not isinstance(parse_line(text, 0), BrokenLine)):
        yield _PartialLine(text)
        text = b""
    if torn:
        yield _PartialLine(text, torn)


def parse_time(text: bytes) -> float:
    """Return the time at the beginning of a line in milliseconds; -1 if it is not valid."""
    try:
        time_ms = _decode_time(text)
    except ValueError:
        return -1.0
    return time_ms if 0 <= time_ms <= MAX_TIME_MS else -1.0


def _is_metadata(line: bytes, number: int) -> bool:
    """Return True for an object without a frame that is the first line or has a "recording" member."""
    try:
        found = _decode_metadata(line)
    except (ValueError, RecursionError):
        return False
    return found.frame is msgspec.UNSET and (number == 1 or found.recording is not msgspec.UNSET)


def _frame_bytes(frame: msgspec.Raw) -> bytes:
    """Return the bytes of a line's frame. A JSON string stands for its text."""
    raw = bytes(frame).strip()
    return msgspec.json.decode(raw, type=str).encode() if raw.startswith(b'"') else raw


# --- Files ----------------------------------------------------------------------------

# A part's number is padded to this many digits and may grow beyond them.
PART_DIGITS: Final = 6


def log_files(path: LogPath) -> list[str]:
    """Return the files of a rotated log in the order they were written: numbered parts, then the log itself.

    `path` is the path that `Recorder` was created with. Empty if there is no such log.

    Raises:
        OSError: the folder cannot be read.
    """
    base = os.fspath(path)
    folder, name = os.path.split(base)
    parts = [os.path.join(folder, part) for _, part in find_parts(folder).get(name, ())]
    return [*parts, base] if os.path.isfile(base) else parts


def find_parts(folder: str) -> dict[str, list[tuple[int, str]]]:
    """Return the numbered parts in a folder by the name of their log, as (number, file name) in order.

    `folder` may be "" for the current one. Empty if there is no such folder.

    Raises:
        OSError: the folder cannot be read.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for name in os.listdir(folder or ".") if os.path.isdir(folder or ".") else ():
        part = split_part(name)
        if part is not None:
            found.setdefault(part[0], []).append((int(part[1]), name))
    return {log: sorted(parts) for log, parts in found.items()}


def next_part(path: str) -> str:
    """Return the name that a log gets when it is rotated: its highest number plus one."""
    folder, name = os.path.split(path)
    last = max((number for number, _ in find_parts(folder).get(name, ())), default=0)
    stem, suffixes = _split_name(name)
    return os.path.join(folder, f"{stem}.{last + 1:0{PART_DIGITS}}{suffixes}")


def split_part(name: str) -> tuple[str, str] | None:
    """Split the file name of a numbered part into the name of its log and the number's digits.

    "call.000001.jsonl.gz" gives ("call.jsonl.gz", "000001"). Returns None for any other name.
    """
    packed = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    for stem, suffixes in (_split_name(name), (name.removesuffix(packed), packed)):
        log, _, digits = stem.rpartition(".")
        is_number = digits.isdecimal() and len(digits) >= PART_DIGITS
        if log and is_number and _split_name(log + suffixes) == (log, suffixes):
            return log + suffixes, digits
    return None


def _split_name(name: str) -> tuple[str, str]:
    """Split a log's name where a part's number is inserted: ("call", ".jsonl.gz")."""
    packed = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    kind = PurePath(name.removesuffix(packed)).suffix
    return name.removesuffix(kind + packed), kind + packed


def path_list(path: LogPath | Iterable[LogPath]) -> list[LogPath]:
    """Return the paths of an argument that is one path or several."""
    return [path] if isinstance(path, (str, os.PathLike)) else [*path]


def ensure_not_input(logs: Iterable[LogPath], out: LogPath) -> None:
    """Check that writing to `out` does not overwrite one of `logs`, under any name or link.

    Raises:
        ConfigError: `out` is one of them.
    """
    for log in logs:
        with contextlib.suppress(OSError):  # one of the two does not exist
            if os.path.samefile(log, out):
                name = escape_controls(os.fspath(out))
                raise ConfigError(f"{name} is the log that is read: choose another output file")
