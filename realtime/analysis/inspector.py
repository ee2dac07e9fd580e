"""Inspector: the report of a call from the entries of its log, one pass, in bounded memory.

Frames are told apart by their first bytes. Audio and pieces of text are measured where they lie
(`_hot`); every other frame is decoded as its dialect's event and means what `_events` says.
Nothing that stands in a log raises.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from .._guard import DEFAULT_MAX_DEPTH, check_depth
from ..errors import ConfigError, DecodeError, snippet
from ..peek import peek_type
from ..recording import BrokenLine, Direction, Entry
from ..recording.log import Skim, read_skimmed
from ._call import Call
from ._events import HANDLERS
from ._hot import APPEND, GLANCES, Hot, plain_readers, readers
from ._kept import Tally, name_of_file
from ._money import Price
from ._session import BEGINNINGS, DECODERS, SESSIONS
from ._skim_appends import AppendRuns
from ._skim_deltas import DeltaRuns
from .report import Report

Path: TypeAlias = "str | os.PathLike[str]"

# Audio that comes this late was heard as a gap.
DEFAULT_GAP_MS: Final = 20.0
_MAX_LANES: Final = 64
_decode_any = msgspec.json.Decoder().decode


def inspect_log(
    log: Path | Iterable[Path],
    *,
    model: Price | None = None,
    transcription_model: Price | None = None,
    gap_ms: float = DEFAULT_GAP_MS,
) -> Report:
    """What happened in the call of a log: a path, or the paths of a rotated log in order (`log_files`).

    Whatever the log holds has its report. `model` and `transcription_model` are names or prices
    (`realtime.state.price_of`) that costs are computed by, whatever the sessions say; `gap_ms` is how
    late audio must come to be a gap.

    Raises:
        OSError: a file cannot be opened or read.
        ConfigError: a .zst log, and no module for it is installed; a `gap_ms` that is not positive.
    """
    paths = [log] if isinstance(log, (str, os.PathLike)) else [*log]
    inspector = Inspector(model=model, transcription_model=transcription_model, gap_ms=gap_ms)
    inspector._feed_log(paths)
    report = inspector._told()
    report.logs = [name_of_file(path) for path in paths]
    return report


class Inspector:
    """Takes the entries of one log in order; `report` says what they tell so far.

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
        self._call = Call(model, transcription_model, gap_ms)
        self._report = self._call.report
        self._hot, self._plain = readers(self._call), plain_readers(self._call)
        self._lanes: dict[Direction, dict[bytes, tuple[Tally, Hot]]] = {"client": {}, "server": {}}
        self._began = False
        self._appends = AppendRuns(self._call.clock, lambda: self._call.kept.tally_of("client", APPEND))
        self._deltas = DeltaRuns(self._call, self._lanes["server"])

    def feed(self, entry: Entry | BrokenLine) -> None:
        """Take the next entry."""
        self.feed_all((entry,))

    def _feed_log(self, paths: list[Path]) -> None:
        """All of a log: `feed_all` of its entries, but for the hot ones, which are read where they stand."""
        report = self._report
        skims: dict[Direction, Skim] = {"client": self._appends, "server": self._deltas}
        self.feed_all(read_skimmed(paths, skims))
        report.ended_ms = max(report.ended_ms, self._appends.last_ms, self._deltas.last_ms)

    def feed_all(self, entries: Iterable[Entry | BrokenLine]) -> None:
        """Take the next entries, which is faster than one by one."""
        client, server = self._lanes["client"].get, self._lanes["server"].get
        first, second = GLANCES
        last_ms = self._report.ended_ms
        try:
            for entry in entries:
                if isinstance(entry, BrokenLine):
                    self._broken(entry)
                    continue
                frame, time_ms = entry.frame, entry.time_ms
                if time_ms > last_ms:
                    last_ms = time_ms
                lane = client if entry.direction == "client" else server
                known = lane(frame[:first]) or lane(frame[:second])
                if known is None:
                    self._look(entry)
                    continue
                tally, read = known
                tally.frames += 1
                tally.nbytes += len(frame)
                if not read(frame, 0, len(frame), time_ms):
                    self._decode(entry, tally.kind)
        finally:
            self._report.ended_ms = last_ms

    def report(self) -> Report:
        """What is known by now; a value of its own, that later entries do not change."""
        with self._call.kept.for_now():
            return copy.deepcopy(self._told())

    def _told(self) -> Report:
        report = self._report
        self._call.settle()
        report.frames = self._call.kept.frames()
        report.nbytes = sum(count.nbytes for count in report.frames)
        report.user_audio_ms = self._call.clock.ms
        return report

    # --- Lines and frames ---

    def _broken(self, line: BrokenLine) -> None:
        self._report.broken += 1
        self._call.kept.broken("broken_lines", line)

    def _refused(self, entry: Entry, reason: str) -> None:
        self._report.undecodable += 1
        refused = BrokenLine(entry.line, reason, snippet(entry.frame))
        self._call.kept.broken("undecodable_frames", refused)

    def _look(self, entry: Entry) -> None:
        """A frame that is none of those whose first bytes are known."""
        frame, time_ms, direction = entry.frame, entry.time_ms, entry.direction
        if not self._began:
            self._began = self._appends.is_on = True
            self._report.started_ms = time_ms
            self._call.sessions.first(time_ms)
        try:
            kind = peek_type(frame)
        except DecodeError as why:
            self._count(entry, "")
            self._refused(entry, why.reason)
            return
        tally = self._count(entry, kind)
        read = self._hot[direction].get(kind)
        if read is None:
            if kind in SESSIONS:
                self._session(entry, kind)
            self._decode(entry, kind)
            return
        self._remember(entry, kind, tally, read)
        if not read(frame, 0, len(frame), time_ms):
            self._decode(entry, kind)

    def _count(self, entry: Entry, kind: str) -> Tally:
        tally = self._call.kept.tally_of(entry.direction, kind)
        tally.frames += 1
        tally.nbytes += len(entry.frame)
        return tally

    def _remember(self, entry: Entry, kind: str, tally: Tally, read: Hot) -> None:
        """Frames that begin as this one does are of its type."""
        lane, head = self._lanes[entry.direction], f'{{"type":"{kind}"'.encode()
        if len(lane) < _MAX_LANES and entry.frame.startswith(head):
            for size in GLANCES:
                if len(head) <= size:
                    glance = entry.frame[:size]
                    plain = self._plain.get(glance, read) if entry.direction == "client" else read
                    lane[glance] = tally, plain
                    return

    def _session(self, entry: Entry, kind: str) -> None:
        try:
            check_depth(entry.frame, DEFAULT_MAX_DEPTH)
            told = _decode_any(entry.frame)
        except (DecodeError, ValueError, RecursionError):
            return
        session = told.get("session") if isinstance(told, dict) else None
        if isinstance(session, dict):
            by_server = entry.direction == "server"
            begins = by_server and kind in BEGINNINGS
            self._call.session(kind, session, entry.time_ms, begins=begins, by_server=by_server)

    def _decode(self, entry: Entry, kind: str) -> None:
        direction = entry.direction
        dialect = self._call.sessions.speaks(direction, kind)
        try:
            event = DECODERS[dialect or "ga", direction](entry.frame)
        except DecodeError as why:
            self._refused(entry, why.reason)
            return
        if dialect is None:
            self._call.kept.tally("unknown_types", snippet(kind))
            return
        handle = HANDLERS[direction].get(kind)
        if handle is not None:
            handle(self._call, event, entry.time_ms)
