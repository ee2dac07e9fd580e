"""Inspector: makes a report from the entries of a log, in one pass and in bounded memory.

Here entries are read: their type is found, their dialect chosen, the event decoded and passed to its
handler in `_call`. Malformed content of a log is counted in the report and never raises.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Final

from ..errors import ConfigError, DecodeError, snippet
from ..peek import peek_type
from ..recording import BrokenLine, Entry, read_log
from ..recording.log import LogPath, path_list
from ._builder import FrameTally, file_name
from ._call import APPEND, AUDIO_AND_TEXT, HANDLERS, CallState, plain_append_nbytes
from ._cost import Price
from ._session import DECODERS, FIRST_TYPES, SESSION_TYPES, session_of
from .report import Report

# Audio that arrives this late is audible as a gap.
DEFAULT_GAP_MS: Final = 20.0


def inspect_log(
    log: LogPath | Iterable[LogPath],
    *,
    model: Price | None = None,
    transcription_model: Price | None = None,
    gap_ms: float = DEFAULT_GAP_MS,
) -> Report:
    """Return the report of a log.

    `log` is a path, or the paths of a rotated log in order (`log_files`). Malformed content is
    counted in the report. `model` and `transcription_model` are model names or prices
    (`realtime.state.price_of`) that override the models of the sessions when the cost is computed.
    Audio that arrives at least `gap_ms` late counts as a gap.

    Raises:
        OSError: a file cannot be opened or read.
        ConfigError: the log ends in .zst and no module for it is installed; `gap_ms` is not positive.
    """
    paths = path_list(log)
    inspector = Inspector(model=model, transcription_model=transcription_model, gap_ms=gap_ms)
    inspector.feed_all(read_log(paths))
    report = inspector._finish()
    report.logs = [file_name(path) for path in paths]
    return report


class Inspector:
    """Inspects the entries of one log, in order. `report` returns what is known so far.

    Raises:
        ConfigError: `gap_ms` is not positive.
    """

    def __init__(
        self,
        *,
        model: Price | None = None,
        transcription_model: Price | None = None,
        gap_ms: float = DEFAULT_GAP_MS,
    ) -> None:
        if not gap_ms > 0:
            raise ConfigError(f"gap_ms must be positive, got {gap_ms}")
        self._call = CallState(model, transcription_model, gap_ms)
        self._builder, self._report = self._call.builder, self._call.report
        self._has_started = False

    def feed(self, entry: Entry | BrokenLine) -> None:
        """Feed the next entry."""
        self.feed_all((entry,))

    def feed_all(self, entries: Iterable[Entry | BrokenLine]) -> None:
        """Feed the next entries. Faster than `feed` for each."""
        call, report, tally_of = self._call, self._report, self._builder.frame_tally
        appends: FrameTally | None = None
        for entry in entries:
            if isinstance(entry, BrokenLine):
                report.broken += 1
                self._builder.add_line("broken_lines", entry)
                continue
            frame, direction, time_ms = entry.frame, entry.direction, entry.time_ms
            if not self._has_started:
                self._start(time_ms)
            if time_ms > report.ended_ms:
                report.ended_ms = time_ms
            if direction == "client" and (nbytes := plain_append_nbytes(frame)) > 0:
                if appends is None:
                    appends = tally_of("client", APPEND)
                appends.frames += 1
                appends.nbytes += len(frame)
                call.clock.feed(nbytes, time_ms)
                continue
            try:
                type = peek_type(frame)
            except DecodeError as error:
                type = ""
                self._reject(entry, error.reason)
            else:
                handle = AUDIO_AND_TEXT[direction].get(type)
                if handle is None or not handle(call, frame, time_ms):
                    self._feed_event(entry, type)
            tally = tally_of(direction, type)
            tally.frames += 1
            tally.nbytes += len(frame)

    def report(self) -> Report:
        """Return a report of the entries so far. Later entries do not change it."""
        with self._builder.snapshot():
            return copy.deepcopy(self._finish())

    def _finish(self) -> Report:
        self._call.write()
        return self._report

    def _start(self, time_ms: float) -> None:
        self._has_started = True
        self._report.started_ms = time_ms
        self._call.sessions.begin_log(time_ms)

    def _reject(self, entry: Entry, reason: str) -> None:
        self._report.undecodable += 1
        self._builder.add_line("undecodable_frames", BrokenLine(entry.line, reason, snippet(entry.frame)))

    def _feed_event(self, entry: Entry, type: str) -> None:
        direction = entry.direction
        if type in SESSION_TYPES:
            session = session_of(entry.frame)
            if session is not None:
                from_server = direction == "server"
                is_first = from_server and type in FIRST_TYPES
                self._call.feed_session(
                    type, session, entry.time_ms, is_first=is_first, from_server=from_server
                )
        dialect = self._call.sessions.dialect_of(direction, type)
        try:
            event = DECODERS[dialect or "ga", direction](entry.frame)
        except DecodeError as error:
            self._reject(entry, error.reason)
            return
        if dialect is None:
            self._builder.count("unknown_types", snippet(type))
            return
        handler = HANDLERS[direction].get(type)
        if handler is not None:
            handler(self._call, event, entry.time_ms)
