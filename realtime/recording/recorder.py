"""Recorder: every frame of a call into a log, as it happens, so that a crash costs one line at most.

A frame is a line, a line is written whole or not at all, and it is with the operating system
before `record` returns unless buffering was asked for. Nothing here has a thread: what is
buffered is written with a later frame, by `flush` or by `close`.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, Self, cast

import msgspec

from .._version import __version__
from ..errors import ConfigError, RealtimeError
from ._compression import SUFFIXES, compression_of, packer
from .log import LINE_HEADS as _HEADS, Direction, LogPath as Path, log_files, next_part, read_metadata
from .redact import frame_formatter as speller
from .repair import repair_log as mend

if TYPE_CHECKING:
    from .._types import Frame

FORMAT_VERSION: Final = 1
# What is compressed at once: small members compress badly, large ones are lost by a crash.
PACKED_BUFFER_BYTES: Final = 256 * 1024
# After a write that failed, the next is tried no sooner.
RETRY_MS: Final = 1000.0

_join = b"".join


class RecordingError(RealtimeError, OSError):
    """A log cannot be written, as when the disk is full; `errno`, `strerror` and `filename` say why.

    `Recorder.record` raises it once; the call can go on. Frames are counted as `lost` until
    the file can be written again, which is tried every second.
    """


class AppendFile:
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
            self.rollback()
            raise
        self.size += len(data) + self._torn
        self._torn = False

    def rollback(self) -> None:
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


class Recorder:
    """Writes a log that `read_log` reads. A context manager; any thread may record.

    A log that is there already is gone on with: what a crash left of a last line is mended, and
    times go on from where they were. A file that is no log is left as it is. One recorder a file.

    Args:
        path: the file; ".gz" or ".zst" at its end compresses it.
        mode: "a" goes on with what is there, "w" begins anew (numbered parts are deleted too),
            "x" refuses what is there.
        audio: False leaves audio out: it becomes "" and its length "audio_bytes" (bytes).
        instructions: False leaves the texts named "instructions" out.
        redact: whether keys, tokens, client secrets and other credentials are replaced.
        compress: "gzip" or "zstd" adds the ending to `path` where it has none.
        max_bytes: a file that would grow beyond this becomes a numbered part ("call.000001.jsonl")
            and a new one begins; a single longer line is written all the same, and so are a few
            bytes of metadata and of compression.
        max_age_s: the same for a file whose first frame is older than this, in seconds.
        max_files: how many numbered parts are kept; the oldest are deleted. None keeps all.
        buffer_bytes: lines are held back until they are this many bytes; 0 holds none. By default
            0, and 256 KiB where the file is compressed, as each write is a member of its own.
        buffer_ms: but no longer than this, as far as frames come.
        fsync_ms: how often the disk is made to hold what was written, in milliseconds: 0 after
            each write, None never (a crash of the process loses nothing; one of the machine may).
        side: which side this process is: what `sent` records.
        metadata: a caller's own members for the first line of each file; JSON, no "frame" among them.
        header: False leaves that line out: nothing but frames is written.
        clock: seconds, monotonic. `wall_clock`: seconds since 1970.

    Attributes: `path`; `frames`, how many were recorded; `lost`, how many were not.

    Raises:
        ConfigError: a limit that is negative, an unknown mode or compression, zstd without a
            module for it, metadata that is no JSON; mode "a" and a file that is no log.
        OSError: the file cannot be opened; FileExistsError for mode "x".
    """

    def __init__(
        self,
        path: Path,
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
        metadata: Mapping[str, Any] | None = None,
        header: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = _named(os.fspath(path), compress)
        self._pack = packer(compression_of(self.path))
        if buffer_bytes is None:
            buffer_bytes = PACKED_BUFFER_BYTES if self._pack else 0
        _check_limits(
            max_bytes=max_bytes,
            max_age_s=max_age_s,
            max_files=max_files,
            buffer_bytes=buffer_bytes,
            buffer_ms=buffer_ms,
            fsync_ms=fsync_ms,
        )
        if side not in _HEADS:
            raise ConfigError(f'side is "client" or "server", not {side!r}')
        self._max_bytes, self._max_files = max_bytes, max_files
        self._max_age_ms = None if max_age_s is None else max_age_s * 1000
        self._buffer_bytes, self._buffer_ms, self._fsync_ms = buffer_bytes, buffer_ms, fsync_ms
        self._sent: Direction = side
        self._received: Direction = "server" if side == "client" else "client"
        self._metadata, self._header = dict(metadata or {}), header
        self._spell = speller(audio=audio, redact=redact, instructions=instructions)
        self._clock, self._lock = clock, threading.Lock()
        self.frames, self.lost = 0, 0
        self._held: list[bytes] = []
        self._held_bytes, self._held_since = 0, 0.0
        self._first_ms: float | None = None  # of the file's frames
        self._synced_ms = self._retry_at_ms = 0.0
        self._broken, self._closed = False, False
        self._open(mode, wall_clock())

    # --- Frames ---

    def record(self, direction: Direction, frame: Frame) -> None:
        """A frame that went by just now. Bytes, or a str, of anything: JSON is not needed.

        Raises:
            ConfigError: `direction` is neither "client" nor "server".
            RecordingError: the file cannot be written; raised once until it can.
            TypeError: `frame` is neither bytes-like nor a str.
            ValueError: the recorder is closed.
        """
        head = _HEADS.get(direction)
        if head is None:
            raise ConfigError(f'direction is "client" or "server", not {direction!r}')
        value = self._spell(frame if type(frame) is bytes else _octets(frame))
        with self._lock:
            now_ms = self._now_ms()
            self._put(_join((head, b"%.3f" % now_ms, b',"frame":', value, b"}\n")), now_ms)

    def sent(self, frame: Frame) -> None:
        """A frame that this side sent; raises what `record` raises."""
        self.record(self._sent, frame)

    def received(self, frame: Frame) -> None:
        """A frame that this side received; raises what `record` raises."""
        self.record(self._received, frame)

    def flush(self) -> None:
        """Write what is held back.

        Raises:
            RecordingError: the file cannot be written.
        """
        with self._lock:
            self._write_held(self._now_ms())

    def close(self) -> None:
        """Write what is held back and close the file; again is harmless.

        Raises:
            RecordingError: not all could be written. The file is closed all the same.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._write_held(self._now_ms())
                if self._fsync_ms is not None:
                    self._file.sync()
            finally:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- Inside, with the lock held ---

    def _now_ms(self) -> float:
        return self._offset_ms + (self._clock() - self._began) * 1000

    def _put(self, line: bytes, now_ms: float) -> None:
        if self._closed:
            raise ValueError("record on a closed Recorder")
        if self._broken and now_ms < self._retry_at_ms:
            self.lost += 1
            return
        if self._first_ms is not None and not self._broken and self._is_full(len(line), now_ms):
            try:
                self._rotate(now_ms)
            except RecordingError:
                self.lost += 1
                raise
        if self._first_ms is None:
            self._first_ms = now_ms
        if not self._held:
            self._held_since = now_ms
        self._held.append(line)
        self._held_bytes += len(line)
        if self._held_bytes >= self._buffer_bytes or now_ms - self._held_since >= self._buffer_ms:
            self._write_held(now_ms)

    def _is_full(self, nbytes: int, now_ms: float) -> bool:
        if self._max_bytes is not None and self._file.size + self._held_bytes + nbytes > self._max_bytes:
            return True
        return self._max_age_ms is not None and now_ms - (self._first_ms or 0.0) > self._max_age_ms

    def _write_held(self, now_ms: float) -> None:
        """All that is held back in one write; what cannot be written is lost, and told once."""
        if not self._held:
            return
        data, count = _join(self._held), len(self._held)
        self._held, self._held_bytes = [], 0
        try:
            if self._broken and self._header:
                data = self._first_line(lost=self.lost) + data
            self._file.write(self._packed(data))
            if self._fsync_ms is not None and now_ms - self._synced_ms >= self._fsync_ms:
                self._file.sync()
                self._synced_ms = now_ms
        except OSError as why:
            told, self._broken = self._broken, True
            self.lost += count
            self._retry_at_ms = now_ms + RETRY_MS
            if not told or self._closed:
                raise RecordingError(why.errno, why.strerror or str(why), self.path) from why
        else:
            self._broken = False
            self.frames += count

    def _packed(self, data: bytes) -> bytes:
        return self._pack(data) if self._pack else data

    # --- Files ---

    def _open(self, mode: str, wall: float) -> None:
        there = log_files(self.path)
        if mode == "x" and there:
            raise FileExistsError(17, os.strerror(17), there[0])
        if mode not in ("a", "w", "x"):
            raise ConfigError(f'mode is "a", "w" or "x", not {mode!r}')
        self._started_at, self._offset_ms = wall, 0.0
        if mode == "a" and there:
            self._offset_ms = self._go_on(there, wall)
        for name in there if mode == "w" else ():
            os.unlink(name)
        self._began = self._clock()
        told = {"resumed_at": wall, "time_ms": self._offset_ms} if self._offset_ms else {}
        self._begin_file("xb" if mode == "x" else "ab", **told)
        if told:
            self._first_ms = self._offset_ms

    def _go_on(self, there: list[str], wall: float) -> float:
        """Where times go on: after the last that was written, and by the wall clock if it agrees."""
        last_ms = mend(there[-1])
        started_at = read_metadata(there[-1]).get("started_at")
        if isinstance(started_at, (int, float)) and started_at <= wall:
            self._started_at = float(started_at)
            return max(last_ms, (wall - started_at) * 1000)
        self._started_at = wall - last_ms / 1000
        return last_ms

    def _begin_file(self, mode: str = "ab", **told: Any) -> None:
        first = self._packed(self._first_line(**told)) if self._header else b""
        self._file = AppendFile(self.path, mode)
        try:
            self._file.write(first)
        except OSError as why:
            self._file.close()
            raise RecordingError(why.errno, why.strerror or str(why), self.path) from why
        self._first_ms = None

    def _first_line(self, **told: Any) -> bytes:
        facts = {"recording": FORMAT_VERSION, "started_at": self._started_at, "library": __version__}
        if "frame" in self._metadata:
            raise ConfigError('the metadata of a recording has no "frame"')
        try:
            return msgspec.json.encode(facts | told | self._metadata | facts) + b"\n"
        except (TypeError, ValueError) as why:
            raise ConfigError(f"the metadata of a recording must be JSON: {why}") from None

    def _rotate(self, now_ms: float) -> None:
        """The file becomes the next numbered part. Where that fails, the file grows on."""
        self._write_held(now_ms)
        part = next_part(self.path)
        try:
            os.rename(self.path, part)
        except OSError:
            return
        full = self._file
        try:
            self._begin_file()
        except OSError:
            self._file = full
            os.rename(part, self.path)
            return
        full.close()
        if self._max_files is not None:
            for name in log_files(self.path)[: -1 - self._max_files]:
                with contextlib.suppress(OSError):
                    os.unlink(name)


def _octets(frame: Any) -> bytes:
    if isinstance(frame, str):
        return frame.encode("utf-8", "surrogatepass")
    try:
        return memoryview(frame).tobytes()
    except TypeError:
        if isinstance(frame, (dict, msgspec.Struct)):
            raise TypeError("a frame, not an event: encode it first") from None
        raise TypeError(f"a frame is bytes-like or a str, not {type(frame).__name__}") from None


def _named(path: str, compress: str | None) -> str:
    endings = {kind: suffix for suffix, kind in SUFFIXES.items()}
    if compress is None or compression_of(path) == compress:
        return path
    if compress not in endings:
        raise ConfigError(f'compress is "gzip", "zstd" or None, not {compress!r}')
    return path + endings[compress]


def _check_limits(**limits: float | None) -> None:
    for name, limit in limits.items():
        if limit is not None and not 0 <= limit < float("inf"):
            raise ConfigError(f"{name} must be finite and not negative, got {limit}")
