"""Recorder: writes every frame of a call to a log as it happens.

A frame is a line, and a line is written completely or not at all, before `record` returns unless it is
buffered. A crash loses what is buffered: of a plain file nothing, of a compressed one up to 256 KiB. There is
no thread: buffered lines are written with a later frame, by `flush` or by `close`.
The text of a line is made by `redact`, its format is described in `log`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, Literal, Self, cast

import msgspec

from .._guard import DEFAULT_MAX_DEPTH, Frame, check_depth
from .._provider import ProviderLike, get_provider
from .._version import __version__
from ..errors import ConfigError, RealtimeError
from ._compression import SUFFIXES, compression_of, packer
from .log import (
    FRAME_KEY,
    LINE_HEADS,
    MAX_TIME_MS,
    PROVIDER_KEY,
    Direction,
    LogPath,
    log_files,
    next_part,
    read_metadata,
)
from .redact import frame_formatter, without_secrets
from .repair import repair_log

FORMAT_VERSION: Final = 1
# Lines are compressed in portions of this size: small ones compress badly, a crash loses a large one.
COMPRESSED_BUFFER_BYTES: Final = 256 * 1024
# After a failed write, the next attempt is made no sooner.
RETRY_MS: Final = 1000.0

_join = b"".join


class RecordingError(RealtimeError, OSError):
    """A log cannot be written, for example because the disk is full. See `errno`, `strerror`, `filename`.

    `Recorder.record` raises it once, and the call can go on. Frames count as `lost` until the file can
    be written again, which is tried every second.
    """


class Recorder:
    """Writes a log that `read_log` reads. A context manager; any thread may record.

    By default an existing log is continued: an incomplete last line is removed and times go on from the
    last one. A file that is not a log is refused. If `path` is a symbolic link, the file it names is written;
    in a folder that others may write to, use mode "x", which refuses links.

    A recorder belongs to the process that opened it. In a process that is forked from it, also while other
    threads record, the copy is closed: nothing is written twice, and `record` raises ValueError.

    Args:
        path: the file; the suffixes ".gz" and ".zst" compress it.
        mode: "a" continues an existing log, "w" replaces it (with its numbered parts), "x" refuses it.
        audio: False replaces audio by "" and its length in bytes, "audio_bytes".
        instructions: False replaces texts named "instructions".
        redact: True replaces API keys, tokens, client secrets and other credentials, also in `metadata`.
        compress: "gzip" or "zstd" adds the suffix to `path` if it has none.
        max_bytes: a file that would become larger is renamed to a numbered part ("call.000001.jsonl")
            and a new one begins. A single longer line is written nevertheless, and metadata and
            compression may add a few bytes.
        max_age_s: the same for a file whose first frame is older than this, in seconds.
        max_files: how many numbered parts to retain; older ones are deleted. None retains all.
        buffer_bytes: lines are buffered up to this size; 0 writes each at once. The default is 0, or
            256 KiB if the file is compressed, because each write is a gzip member or zstd frame. A crash
            loses what is buffered.
        buffer_ms: the longest time that a line is buffered, if frames continue to come.
        fsync_ms: how often the file is synced to the disk, in milliseconds; 0 after each write, None
            never (a crash of the process then loses nothing, a crash of the machine may).
        side: the side of this process, whose frames `sent` records.
        provider: the server, by name or value. Its name is in each file's first line, so that readers
            decode the frames as that server's.
        metadata: user-supplied members of each file's first line: JSON, without a "frame".
        header: False leaves that line out, so that only frames are written.
        clock: a monotonic clock in seconds. If it goes back, times continue from the last one.
            `wall_clock`: seconds since 1970.

    Attributes: `path`; `frames`, the number of frames recorded; `lost`, the number of frames lost.

    Raises:
        ConfigError: a negative limit, an unknown mode, compression or provider, zstd without a module for
            it, metadata that is not JSON, or mode "a" and a file that is not a log.
        OSError: the file cannot be opened. FileExistsError for mode "x".
    """

    def __init__(
        self,
        path: LogPath,
        *,
        mode: Literal["a", "w", "x"] = "a",
        audio: bool = True,
        instructions: bool = True,
        redact: bool = True,
        compress: Literal["gzip", "zstd"] | None = None,
        max_bytes: int | None = None,
        max_age_s: float | None = None,
        max_files: int | None = None,
        buffer_bytes: int | None = None,
        buffer_ms: float = 1000.0,
        fsync_ms: float | None = None,
        side: Direction = "client",
        provider: ProviderLike | None = None,
        metadata: Mapping[str, Any] | None = None,
        header: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = _with_suffix(os.fspath(path), compress)
        compression = compression_of(self.path)
        self._pack, self._is_compressed = packer(compression), compression is not None
        if buffer_bytes is None:
            buffer_bytes = COMPRESSED_BUFFER_BYTES if compression else 0
        _check_limits(
            max_bytes=max_bytes,
            max_age_s=max_age_s,
            max_files=max_files,
            buffer_bytes=buffer_bytes,
            buffer_ms=buffer_ms,
            fsync_ms=fsync_ms,
        )
        if side not in LINE_HEADS:
            raise ConfigError(f'side must be "client" or "server", not {side!r}')
        self._max_bytes, self._max_files = max_bytes, max_files
        self._max_age_ms = None if max_age_s is None else max_age_s * 1000
        self._buffer_bytes, self._buffer_ms, self._fsync_ms = buffer_bytes, buffer_ms, fsync_ms
        self._sent: Direction = side
        self._received: Direction = "server" if side == "client" else "client"
        self._metadata, self._has_header = _json_metadata(metadata or {}, redact=redact), header
        self._format = frame_formatter(audio=audio, redact=redact, instructions=instructions)
        if provider is not None:
            self._metadata[PROVIDER_KEY] = get_provider(provider).name
        self._clock, self._lock = clock, threading.Lock()
        self.frames, self.lost = 0, 0
        self._buffer: list[bytes] = []
        self._buffered_bytes, self._buffered_since_ms = 0, 0.0
        self._first_ms: float | None = None  # the time of the file's first frame
        self._synced_ms = 0.0
        self._retry_at_ms: float | None = None  # after a failed write
        self._closed_reason = ""
        self._last_ms = 0.0  # the time of the last frame
        self._open(mode, wall_clock())
        _recorders.add(self)

    # --- Frames ---

    def record(self, direction: Direction, frame: Frame) -> None:
        """Record a frame that was sent or received just now. It need not be JSON.

        Raises:
            ConfigError: `direction` is neither "client" nor "server".
            RecordingError: the file cannot be written; raised once until it can.
            TypeError: `frame` is neither bytes-like nor a str.
            ValueError: the recorder is closed, or belongs to the parent of this process.
        """
        head = LINE_HEADS.get(direction)
        if head is None:
            raise ConfigError(f'direction must be "client" or "server", not {direction!r}')
        value = self._format(frame if type(frame) is bytes else _frame_bytes(frame))
        with self._lock:
            now_ms = self._offset_ms + (self._clock() - self._began) * 1000
            if not self._last_ms <= now_ms <= MAX_TIME_MS:
                now_ms = self._corrected(now_ms)
            self._last_ms = now_ms
            self._put(_join((head, b"%.3f" % now_ms, FRAME_KEY, value, b"}\n")), now_ms)

    def sent(self, frame: Frame) -> None:
        """Record a frame that this side sent. Raises what `record` raises."""
        self.record(self._sent, frame)

    def received(self, frame: Frame) -> None:
        """Record a frame that this side received. Raises what `record` raises."""
        self.record(self._received, frame)

    def flush(self) -> None:
        """Write what is buffered.

        Raises:
            RecordingError: the file cannot be written.
        """
        with self._lock:
            self._write_buffer(self._now_ms())

    def close(self) -> None:
        """Write what is buffered and close the file. Calling it again has no effect.

        Raises:
            RecordingError: not everything could be written. The file is closed nevertheless.
        """
        with self._lock:
            if self._closed_reason:
                return
            self._closed_reason = "record on a closed Recorder"
            try:
                self._write_buffer(self._now_ms())
                if self._fsync_ms is not None:
                    self._file.sync()
            finally:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Internal; the caller has the lock ---

    def _now_ms(self) -> float:
        return self._corrected(self._offset_ms + (self._clock() - self._began) * 1000)

    def _corrected(self, now_ms: float) -> float:
        """Return a time of the clock that is not before the last one, and not too large for a log."""
        if -MAX_TIME_MS <= now_ms < self._last_ms:  # the clock went back; times go on from the last one
            self._offset_ms += self._last_ms - now_ms
        return now_ms if self._last_ms <= now_ms <= MAX_TIME_MS else self._last_ms

    def _put(self, line: bytes, now_ms: float) -> None:
        if self._closed_reason:
            raise ValueError(self._closed_reason)
        if self._retry_at_ms is not None and now_ms < self._retry_at_ms:
            self.lost += 1
            return
        if self._first_ms is not None and self._retry_at_ms is None and self._is_full(len(line), now_ms):
            try:
                self._rotate(now_ms)
            except RecordingError:
                self.lost += 1
                raise
        if self._first_ms is None:
            self._first_ms = now_ms
        if not self._buffer:
            self._buffered_since_ms = now_ms
        self._buffer.append(line)
        self._buffered_bytes += len(line)
        if self._buffered_bytes >= self._buffer_bytes or now_ms - self._buffered_since_ms >= self._buffer_ms:
            self._write_buffer(now_ms)

    def _is_full(self, nbytes: int, now_ms: float) -> bool:
        if self._max_bytes is not None and self._file.size + self._buffered_bytes + nbytes > self._max_bytes:
            return True
        return self._max_age_ms is not None and now_ms - (self._first_ms or 0.0) > self._max_age_ms

    def _write_buffer(self, now_ms: float) -> None:
        """Write the buffer at once. What cannot be written is lost; the first failure raises."""
        if not self._buffer:
            return
        data, count = _join(self._buffer), len(self._buffer)
        was_failing = self._retry_at_ms is not None
        self._buffer, self._buffered_bytes = [], 0
        try:
            if was_failing and self._has_header:
                data = self._metadata_line(lost=self.lost) + data
            if self._is_compressed and self._file.ends_torn and not self._begin_part():
                raise OSError(errno.EIO, "an incomplete write could not be removed")
            self._file.write(self._pack(data))
            self.frames += count
            count = 0
            if self._fsync_ms is not None and now_ms - self._synced_ms >= self._fsync_ms:
                self._file.sync()
                self._synced_ms = now_ms
        except OSError as why:
            self.lost += count
            self._retry_at_ms = now_ms + RETRY_MS
            if not was_failing or self._closed_reason:
                raise RecordingError(why.errno, why.strerror or str(why), self.path) from why
        except BaseException:  # KeyboardInterrupt, or no memory to compress with
            self.lost += count
            raise
        else:
            self._retry_at_ms = None

    def _abandon(self) -> None:
        """Close this copy, which is in a process that was forked. What is buffered is the parent's."""
        self._closed_reason = "record on a Recorder of the parent process: open one in this process"
        self._lock = threading.Lock()  # another thread of the parent may have had the old one
        self._buffer, self._buffered_bytes = [], 0
        with contextlib.suppress(OSError):
            self._file.close()

    # --- Files ---

    def _open(self, mode: str, wall: float) -> None:
        existing = log_files(self.path)
        if mode == "x" and existing:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), existing[0])
        if mode not in ("a", "w", "x"):
            raise ConfigError(f'mode must be "a", "w" or "x", not {mode!r}')
        self._started_at, self._offset_ms = wall, 0.0
        if mode == "a" and existing:
            self._offset_ms = self._resume(existing[-1], wall)
        for name in existing if mode == "w" else ():
            os.unlink(name)
        self._began, self._last_ms = self._clock(), self._offset_ms
        resumed = {"resumed_at": wall, "time_ms": self._offset_ms} if self._offset_ms else {}
        self._begin_file("xb" if mode == "x" else "ab", **resumed)
        if resumed:
            self._first_ms = self._offset_ms

    def _resume(self, path: str, wall: float) -> float:
        """Repair the last file of a log. Returns the time at which the log continues.

        That is the wall clock's time since the recording began, but not before the last entry.
        """
        last_ms = repair_log(path)
        started_at: Any = read_metadata(path).get("started_at")
        is_number = isinstance(started_at, (int, float)) and not isinstance(started_at, bool)
        if is_number and max(0, wall - MAX_TIME_MS / 1000) <= started_at <= wall:
            self._started_at = float(started_at)
            return max(last_ms, (wall - self._started_at) * 1000)
        self._started_at = wall - last_ms / 1000
        return last_ms

    def _begin_file(self, mode: str = "ab", **members: Any) -> None:
        first = self._pack(self._metadata_line(**members)) if self._has_header else b""
        self._file = AppendFile(self.path, mode)
        try:
            self._file.write(first)
        except OSError as why:
            self._file.close()
            raise RecordingError(why.errno, why.strerror or str(why), self.path) from why
        self._first_ms = None

    def _metadata_line(self, **members: Any) -> bytes:
        fixed = {"recording": FORMAT_VERSION, "started_at": self._started_at, "library": __version__}
        return msgspec.json.encode(fixed | members | self._metadata | fixed) + b"\n"

    def _rotate(self, now_ms: float) -> None:
        self._write_buffer(now_ms)
        if self._begin_part() and self._max_files is not None:
            for name in log_files(self.path)[: -1 - self._max_files]:
                with contextlib.suppress(OSError):
                    os.unlink(name)

    def _begin_part(self) -> bool:
        """Rename the file to the next numbered part and begin a new one. If that fails, stay with it."""
        try:
            part = next_part(self.path)
            os.rename(self.path, part)
        except OSError:
            return False
        full = self._file
        try:
            self._begin_file()
        except OSError:
            self._file = full
            with contextlib.suppress(OSError):  # the log goes on under the part's name
                os.rename(part, self.path)
            return False
        full.close()
        return True


# Their copies in a process that is forked are closed.
_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _abandon_recorders() -> None:
    for recorder in [*_recorders]:
        recorder._abandon()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_abandon_recorders)


class AppendFile:
    """A file opened for appending, where each write is complete or has no effect.

    Attributes: `size`, its length in bytes; `ends_torn`, True if it ends with an incomplete write that could
    not be removed. The next write then begins with a line end.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str, mode: str = "ab") -> None:
        self._file = cast("BinaryIO", open(path, mode, buffering=0))  # noqa: SIM115 (closed by close)
        self.size = self._end()
        self.ends_torn = self._is_writing = False

    def write(self, data: bytes) -> None:
        """Append all of `data`.

        Raises:
            OSError: it cannot be written. What was written of it is removed, if that is possible.
        """
        if self._is_writing:  # an exception ended the last write; it may be complete or not
            self.size, self.ends_torn = self._end(), True
        view = memoryview(b"\n" + data if self.ends_torn else data)
        self._is_writing = True
        try:
            while view:
                written: int | None = self._file.write(view)
                if not written:
                    raise BlockingIOError("the file accepts no data without blocking")
                view = view[written:]
        except BaseException:
            self._remove_torn()
            raise
        self.size += len(data) + self.ends_torn
        self.ends_torn = self._is_writing = False

    def _remove_torn(self) -> None:
        """Remove what was written of the last write, if that is possible."""
        try:
            self._file.truncate(self.size)
        except OSError:
            self.size, self.ends_torn = self._end(), True
        self._is_writing = False

    def _end(self) -> int:
        return self._file.seek(0, os.SEEK_END) if self._file.seekable() else 0

    def sync(self) -> None:
        """Sync the file to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file. Calling it again has no effect."""
        self._file.close()


def _frame_bytes(frame: Any) -> bytes:
    if isinstance(frame, str):
        return frame.encode("utf-8", "surrogatepass")
    try:
        return memoryview(frame).tobytes()
    except TypeError:
        if isinstance(frame, (dict, msgspec.Struct)):
            raise TypeError("record() takes a frame, not an event: encode it first") from None
        raise TypeError(f"a frame must be bytes-like or a str, not {type(frame).__name__}") from None


def _json_metadata(metadata: Mapping[str, Any], *, redact: bool) -> dict[str, Any]:
    """Return user-supplied metadata as JSON has it, so that it can be written with every file.

    Raises:
        ConfigError: it is not JSON, or has a member "frame".
    """
    if "frame" in metadata:
        raise ConfigError('metadata must not have a member "frame"')
    try:
        line = msgspec.json.encode(dict(metadata))
        check_depth(line, DEFAULT_MAX_DEPTH)
        found: dict[str, Any] = msgspec.json.decode(without_secrets(line) if redact else line)
    except (TypeError, ValueError, OverflowError, RecursionError) as why:
        raise ConfigError(f"metadata must be JSON: {why}") from None
    return found


def _with_suffix(path: str, compress: str | None) -> str:
    suffixes = {kind: suffix for suffix, kind in SUFFIXES.items()}
    if compress is None or compression_of(path) == compress:
        return path
    if compress not in suffixes:
        raise ConfigError(f'compress must be "gzip", "zstd" or None, not {compress!r}')
    return path + suffixes[compress]


def _check_limits(**limits: float | None) -> None:
    for name, limit in limits.items():
        if limit is not None and not 0 <= limit < float("inf"):
            raise ConfigError(f"{name} must be finite and not negative, not {limit}")
