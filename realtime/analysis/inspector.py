"""Inspector: makes a report from the entries of a log, in one pass and in bounded memory.

It finds the type of each entry, decodes the event in its session's dialect (`_session`) and passes it
to its handler in `_call`. Malformed content of a log is counted in the report and never raises.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Final

from msgspec import structs

from .._provider import ProviderLike, get_provider
from ..errors import ConfigError, DecodeError, snippet
from ..peek import peek_type
from ..recording import BrokenLine, Entry, read_log
from ..recording.audio import SESSION_TYPES
from ..recording.log import MAX_TIME_MS, LogPath, path_list, provider_of
from ._builder import as_time, file_name
from ._call import APPEND, FRAME_HANDLERS, HANDLERS, CallState, plain_append_nbytes
from ._cost import Price
from .report import Report

# Audio that arrives this late is audible as a gap.
DEFAULT_GAP_MS: Final = 20.0


def inspect_log(
    log: LogPath | Iterable[LogPath],
    *,
    model: Price | None = None,
    transcription_model: Price | None = None,
    gap_ms: float = DEFAULT_GAP_MS,
    provider: ProviderLike | None = None,
) -> Report:
    """Return the report of a log.

    `log` is a path, or the paths of a rotated log in order (`log_files`). Malformed content is
    counted in the report. `model` and `transcription_model` are model names or prices
    (`realtime.state.price_of`) that override the models of the sessions when the cost is computed.
    Audio that arrives at least `gap_ms` late counts as a gap. Frames are decoded as those of `provider`,
    a name or value; by default of the one in the log's metadata, else in OpenAI's dialects.

    Raises:
        OSError: a file cannot be opened or read.
        ConfigError: the log ends in .zst and no module for it is installed; `gap_ms` is not positive;
            `provider` is not known.
    """
    paths = path_list(log)
    inspector = Inspector(
        model=model,
        transcription_model=transcription_model,
        gap_ms=gap_ms,
        provider=provider_of(paths, provider),
    )
    inspector.feed_all(read_log(paths))
    report = inspector._call.write()
    report.logs = [file_name(path) for path in paths]
    return report


class Inspector:
    """Makes a report from the entries of one log, fed in order.

    Raises:
        ConfigError: `gap_ms` is not positive, or `provider` is not known.
    """

    def __init__(
        self,
        *,
        model: Price | None = None,
        transcription_model: Price | None = None,
        gap_ms: float = DEFAULT_GAP_MS,
        provider: ProviderLike | None = None,
    ) -> None:
        if not gap_ms > 0:
            raise ConfigError(f"gap_ms must be positive, got {gap_ms}")
        server = None if provider is None else get_provider(provider)
        self._call = CallState(model, transcription_model, gap_ms, server)
        self._builder, self._report = self._call.builder, self._call.report
        self._sessions = self._call.sessions

    def feed(self, entry: Entry | BrokenLine) -> None:
        """Feed the next entry."""
        self.feed_all((entry,))

    def feed_all(self, entries: Iterable[Entry | BrokenLine]) -> None:
        """Feed the next entries. Faster than `feed` for each."""
        call, report, count_of = self._call, self._report, self._builder.frame_count
        appends, limit_ms = None, MAX_TIME_MS
        for entry in entries:
            if isinstance(entry, BrokenLine):
                report.broken += 1
                self._builder.add_line("broken_lines", entry)
                continue
            frame, direction, time_ms = entry.frame, entry.direction, entry.time_ms
            if report.ended_ms <= time_ms <= limit_ms:
                report.ended_ms = time_ms
            elif not 0 <= time_ms <= limit_ms:  # a broken clock, or NaN in an Entry made by a user
                time_ms = as_time(time_ms)
                entry = structs.replace(entry, time_ms=time_ms)
                report.ended_ms = max(report.ended_ms, time_ms)
            if not report.sessions:
                report.started_ms = time_ms
                call.sessions.begin(time_ms)
            if direction == "client" and (nbytes := plain_append_nbytes(frame)) > 0:
                appends = appends or count_of("client", APPEND)
                count = appends
                call.clock.feed(nbytes, time_ms)
            else:
                count = count_of(direction, self._feed_frame(entry))
            count.frames += 1
            count.nbytes += len(frame)

    def report(self) -> Report:
        """Return a report of the entries so far. Later entries do not change it."""
        with self._builder.snapshot():
            return copy.deepcopy(self._call.write())

    def _feed_frame(self, entry: Entry) -> str:
        """Feed a frame. Returns its type, or "" if it has none."""
        type = ""
        try:
            type = peek_type(entry.frame)
            handle = FRAME_HANDLERS[self._sessions.now.dialect][entry.direction].get(type)
            if handle is None or not handle(self._call, entry.frame, entry.time_ms):
                self._feed_event(entry, type)
        except DecodeError as error:
            self._report.undecodable += 1
            line = BrokenLine(entry.line, error.reason, snippet(entry.frame))
            self._builder.add_line("undecodable_frames", line)
        return type

    def _feed_event(self, entry: Entry, type: str) -> None:
        if type in SESSION_TYPES:
            self._call.feed_session(entry, type)
        event = self._sessions.decode(entry, type)
        if event is None:
            self._builder.count("unknown_types", snippet(type))
            return
        handler = HANDLERS[self._sessions.now.dialect][entry.direction].get(type)
        if handler is not None:
            handler(self._call, event, entry.time_ms)
