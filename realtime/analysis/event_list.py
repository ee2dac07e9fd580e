"""EventList: the events of a log as rows of text, for the page of a call.

Audio and text deltas make runs; every other event has a row of its own. The text of a row is
`realtime.state.Summarizer`'s: short, printable and without credentials. The list is bounded: the
middle of a very long one is left out and counted. `timeline` combines it with the audio.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from .._bounded import BoundedDict
from .._provider import Provider
from .._secrets import without_keys
from .._text import shorten
from ..errors import DecodeError, snippet
from ..events import FunctionCallOutputItem
from ..peek import peek_type
from ..recording import BrokenLine, Entry
from ..recording.audio import SESSION_TYPES, AudioChunk, Truncation
from ..recording.redact import AUDIO_MEMBERS
from ..state import Summarizer
from ._builder import ReportBuilder, as_time
from ._session import SessionTracker

MAX_ROWS: Final = 20_000
MAX_LINE_CHARS: Final = 160
_MAX_TYPE_CHARS: Final = 80
# Runs that may still grow: sessions have two or three at a time, of audio and of text.
_MAX_OPEN_RUNS: Final = 64
# A pause of this length ends a run.
_PAUSE_MS: Final = 1000.0
# A line is searched for credentials up to this length; the text before it up to _MAX_CONTEXT_CHARS,
# which is longer than any credential.
_MAX_SEARCHED_CHARS: Final = MAX_LINE_CHARS * 8
_MAX_CONTEXT_CHARS: Final = 4096

# The kind of each event type, which decides its mark on the timeline; all others are "other".
_KINDS: Final[dict[str, str]] = {
    "error": "error",
    "conversation.item.input_audio_transcription.failed": "error",
    "mcp_list_tools.failed": "error",
    "response.mcp_call.failed": "error",
    "transport.failed": "error",
    "input_audio_buffer.speech_started": "speech",
    "input_audio_buffer.speech_stopped": "speech",
    "input_audio_buffer.timeout_triggered": "speech",
    "input_audio_buffer.commit": "commit",
    "input_audio_buffer.committed": "commit",
    "response.create": "response",
    "response.created": "response",
    "response.done": "response",
    "response.cancel": "interruption",
    "output_audio_buffer.clear": "interruption",
    "output_audio_buffer.cleared": "interruption",
    "conversation.item.truncate": "interruption",
    "conversation.item.truncated": "interruption",
    "response.function_call_arguments.done": "call",
    "response.mcp_call_arguments.done": "call",
    "response.mcp_call.completed": "call",
    "session.delegation.created": "call",
    "conversation.item.input_audio_transcription.completed": "text",
    "response.output_audio_transcript.done": "text",
    "response.output_text.done": "text",
    "response.audio_transcript.done": "text",
    "response.text.done": "text",
    **dict.fromkeys(SESSION_TYPES | {"session.close", "session.closed"}, "session"),
}


class Row(msgspec.Struct, array_like=True, gc=False):
    """One row of the list: an event, or a run of `count` events of one type.

    `side` is 0 for the client, 1 for the server. `nbytes` is the size of the audio if `audio_ms` is
    its length, else the size of the frames. `is_first` marks the first audio of a response; in Live, the first
    audible audio after a pause.
    """

    at_ms: float
    end_ms: float
    side: int
    type: str
    kind: str
    text: str
    line: int
    count: int = 1
    nbytes: int = 0
    audio_ms: float = 0.0
    is_first: bool = False


class _TextDelta(msgspec.Struct):
    delta: str


_decode_delta = msgspec.json.Decoder(_TextDelta).decode
_RunKey = tuple[int, str, bool]


class EventList:
    """Rows of a log's entries, in order. `total` is the number of rows without the limit."""

    def __init__(self, max_rows: int = MAX_ROWS, provider: Provider | None = None) -> None:
        self.total, self._half = 0, max(1, max_rows // 2)
        self._head: list[Row] = []
        self._tail: deque[Row] = deque(maxlen=self._half)
        self._open: BoundedDict[_RunKey, Row] = BoundedDict(_MAX_OPEN_RUNS)
        self._texts: BoundedDict[_RunKey, tuple[Row, RunText]] = BoundedDict(_MAX_OPEN_RUNS)
        self._sessions, self._summarize = (
            SessionTracker(ReportBuilder(), provider),
            Summarizer(provider=provider),
        )
        self._responses: set[str] = set()
        self._now_ms, self._audible_ms = 0.0, -math.inf

    def add(self, entry: Entry | BrokenLine, audio: AudioChunk | Truncation | None = None) -> None:
        """Add the next entry, and the audio it contains."""
        if isinstance(entry, BrokenLine):
            text = printable_line(f"{entry.reason}: {entry.snippet}")
            self._extend_run(Row(self._now_ms, self._now_ms, 1, "broken line", "broken", text, entry.line))
            return
        self._now_ms = as_time(entry.time_ms)
        try:
            type = peek_type(entry.frame)
        except DecodeError as error:
            text = f"{error.reason}: {snippet(entry.frame)}"
            self._extend_run(self._row(entry, "no event", "broken", text))
            return
        if isinstance(audio, AudioChunk):
            kind = "silence" if audio.is_audible is False else "audio"
            self._add_audio(self._row(entry, type, kind, audio.coding.format.ga_type), audio)
            return
        delta = _delta_of(entry.frame) if type.endswith(".delta") and type not in AUDIO_MEMBERS else None
        if delta is not None:
            self._add_text(self._row(entry, type, "text", ""), delta)
            return
        row = self._row(entry, type, *self._read_event(entry, type))
        if row.kind in ("unknown", "broken"):
            self._extend_run(row)
        else:
            self._open.clear()
            self._append(row)

    @property
    def left_out(self) -> int:
        """Number of rows that are not in the list."""
        return self.total - len(self._head) - len(self._tail)

    @property
    def gap_at(self) -> int:
        """Index of the row before which rows were left out."""
        return len(self._head)

    def __iter__(self) -> Iterator[Row]:
        for found in self._texts.values():
            _write_text(found)
        return itertools.chain(self._head, self._tail)

    def _read_event(self, entry: Entry, type: str) -> tuple[str, str]:
        """Return the kind and the text of an event, decoded in the same dialect as `Inspector` does."""
        if type in SESSION_TYPES:
            self._sessions.feed(entry, type)
        try:
            event = self._sessions.decode(entry, type)
        except DecodeError as error:
            return "broken", f"does not decode: {error.reason} at {error.path}"
        if event is None:
            return "unknown", f"<unknown, {len(entry.frame)} bytes>"
        return _kind_of(event, type), self._summarize(event).removeprefix(type).strip()

    def _row(self, entry: Entry, type: str, kind: str, text: str) -> Row:
        side, nbytes, now_ms = int(entry.direction == "server"), len(entry.frame), self._now_ms
        name = printable_line(type, _MAX_TYPE_CHARS)
        return Row(now_ms, now_ms, side, name, kind, printable_line(text), entry.line, nbytes=nbytes)

    def _append(self, row: Row) -> None:
        self.total += 1
        if len(self._head) < self._half:
            self._head.append(row)
        else:
            self._tail.append(row)

    def _extend_run(self, row: Row) -> bool:
        """Extend the run of the row's type. Returns True if the row began a new one."""
        key = row.side, row.type, row.kind == "silence"
        run = self._open.get(key)
        if run is None or row.is_first or row.at_ms - run.end_ms > _PAUSE_MS:
            self._open[key] = row
            self._append(row)
            return True
        run.end_ms = row.at_ms
        run.count += 1
        run.nbytes += row.nbytes
        run.audio_ms += row.audio_ms
        return False

    def _add_text(self, row: Row, piece: str) -> None:
        key = row.side, row.type, row.kind == "silence"
        if self._extend_run(row) or key not in self._texts:
            previous = self._texts.get(key) or (row, RunText())
            _write_text(previous)
            previous[1].begin_line()
            dropped = self._texts.store(key, (self._open[key], previous[1]))
            if dropped is not None:
                _write_text(dropped)
        self._texts[key][1].add(piece)

    def _add_audio(self, row: Row, chunk: AudioChunk) -> None:
        row.nbytes = len(chunk.data)
        row.audio_ms = len(chunk.data) / chunk.coding.frame_bytes * 1000 / chunk.coding.sample_rate
        response = (chunk.response_id or "")[:_MAX_TYPE_CHARS]
        if response and response not in self._responses and len(self._responses) < MAX_ROWS:
            self._responses.add(response)
            row.is_first = True
        if chunk.is_audible:  # of Live, which has no responses
            row.is_first = row.at_ms - self._audible_ms > _PAUSE_MS
            self._audible_ms = row.at_ms
        self._extend_run(row)


def _write_text(found: tuple[Row, RunText]) -> None:
    """Write the text received so far into its row."""
    found[0].text = found[1].line


def _kind_of(event: Any, type: str) -> str:
    if type == "response.done":
        return {"failed": "error", "cancelled": "interruption"}.get(str(event.response.status), "response")
    if type == "conversation.item.create" and isinstance(event.item, FunctionCallOutputItem):
        return "call"
    return _KINDS.get(type, "other")


def _delta_of(frame: bytes) -> str | None:
    try:
        return _decode_delta(frame).delta
    except (ValueError, RecursionError):
        return None


# --- Text ------------------------------------------------------------------------------


def printable_line(text: str, limit: int = MAX_LINE_CHARS) -> str:
    """Return the beginning of `text` without credentials; spaces replace unprintable characters."""
    return _printable(without_keys(text[: limit * 8]), limit)


class RunText:
    """Text that arrives in pieces, in one line after another. `line` is the current one.

    A credential may be divided anywhere: by the peer, between deltas, or where a line ends. So pieces
    are stored as they arrive, and credentials are searched for in the text they form together.
    """

    __slots__ = ("_before", "_last", "_line")

    def __init__(self) -> None:
        self._before = self._last = self._line = ""

    def begin_line(self) -> None:
        """Begin a new line with the next piece."""
        self._before, self._line = self._last, ""

    def add(self, piece: str) -> None:
        """Add a piece to the current line."""
        self._last = (self._last + piece)[-_MAX_CONTEXT_CHARS:]
        if len(self._line) < _MAX_SEARCHED_CHARS:
            self._line = (self._line + piece)[:_MAX_SEARCHED_CHARS]

    @property
    def line(self) -> str:
        """The current line, without the rest of a credential that began before it."""
        clean = without_keys(self._before + self._line)
        same = itertools.takewhile(bool, map(operator.eq, clean, without_keys(self._before)))
        return _printable(clean[sum(same) :], MAX_LINE_CHARS)


def _printable(text: str, limit: int) -> str:
    text = shorten(text, limit)
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
