"""The events of a call as rows of a list: what is hot in runs, the rest one by one, each one line.

The lines are `realtime.state.Summarizer`'s, so they are short, printable and without credentials.
The list is bounded: of a very long one the middle is left out, and counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec

from .._guard import DEFAULT_MAX_DEPTH, check_depth
from ..errors import DecodeError, snippet
from ..events import (
    ConversationItemCreate,
    FunctionCallOutputItem,
    ResponseDone,
    beta as beta_events,
)
from ..peek import peek_type
from ..recording import BrokenLine, Entry
from ..recording._privacy import AUDIO_MEMBERS
from ..recording._sound import Chunk, Cut
from ..state import Summarizer
from ._kept import Kept
from ._page_text import Said, line_of
from ._session import BEGINNINGS, DECODERS, SESSIONS, Sessions

T = TypeVar("T")

MAX_ROWS: Final = 20_000
_MAX_TYPE_CHARS: Final = 80
# Runs that may go on at a time: sessions have two or three, of audio and of text.
_MAX_OPEN: Final = 64
# A run ends where nothing of it came for so long.
_PAUSE_MS: Final = 1000.0

# What an event is to a reader of the timeline; what is not here is "other".
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
    "response.cancel": "cut",
    "output_audio_buffer.clear": "cut",
    "output_audio_buffer.cleared": "cut",
    "conversation.item.truncate": "cut",
    "conversation.item.truncated": "cut",
    "response.function_call_arguments.done": "call",
    "response.mcp_call_arguments.done": "call",
    "response.mcp_call.completed": "call",
    "session.delegation.created": "call",
    "conversation.item.input_audio_transcription.completed": "text",
    "response.output_audio_transcript.done": "text",
    "response.output_text.done": "text",
    "response.audio_transcript.done": "text",
    "response.text.done": "text",
}
# Those of a session beside the ones that tell its object.
_SESSION_ENDS: Final = frozenset({"session.close", "session.closed"})


class Row(msgspec.Struct, array_like=True, gc=False):
    """One line of the list: an event, or a run of `count` of one type.

    `side` is 0 for the client, 1 for the server. `nbytes` are of audio where `audio_ms` says how
    much it is, else of frames. `is_first` marks the first audio of a response.
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


class _Delta(msgspec.Struct):
    delta: str


_decode_delta = msgspec.json.Decoder(_Delta).decode
_decode_any = msgspec.json.Decoder().decode


class EventList:
    """Rows of a log's entries, in order. `total` is how many there would be without a bound."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self.total, self._half = 0, max(1, max_rows // 2)
        self._head: list[Row] = []
        self._tail: deque[Row] = deque(maxlen=self._half)
        self._open: dict[tuple[int, str], Row] = {}
        self._said: dict[tuple[int, str], tuple[Row, Said]] = {}
        self._reader = _Reader()
        self._responses: set[str] = set()
        self._now_ms = 0.0

    def add(self, entry: Entry | BrokenLine, sound: Chunk | Cut | None = None) -> None:
        """Take the next entry, and what of it is audio."""
        if isinstance(entry, BrokenLine):
            text = line_of(f"{entry.reason}: {entry.snippet}")
            self._run(Row(self._now_ms, self._now_ms, 1, "broken line", "broken", text, entry.line))
            return
        self._now_ms = entry.time_ms
        try:
            type = peek_type(entry.frame)
        except DecodeError as why:
            self._run(_row(entry, "no event", "broken", f"{why.reason}: {snippet(entry.frame)}"))
            return
        if isinstance(sound, Chunk):
            self._audio(_row(entry, type, "audio", sound.coding.format.ga_type), sound)
            return
        delta = _delta_of(entry.frame) if type.endswith(".delta") and type not in AUDIO_MEMBERS else None
        if delta is not None:
            self._say(_row(entry, type, "text", ""), delta)
            return
        row = _row(entry, type, *self._reader.read(entry, type))
        if row.kind in ("unknown", "broken"):
            self._run(row)
        else:
            self._open.clear()
            self._append(row)

    @property
    def left_out(self) -> int:
        """How many rows of the middle are not in the list."""
        return self.total - len(self._head) - len(self._tail)

    @property
    def gap_at(self) -> int:
        """Before which row they are missing."""
        return len(self._head)

    def __iter__(self) -> Iterator[Row]:
        for said in self._said.values():
            _tell(said)
        return chain(self._head, self._tail)

    # --- Inside ---

    def _append(self, row: Row) -> None:
        self.total += 1
        if len(self._head) < self._half:
            self._head.append(row)
        else:
            self._tail.append(row)

    def _run(self, row: Row) -> bool:
        """Make the run of the row's type longer, or begin one: whether it began."""
        key = row.side, row.type
        run = self._open.get(key)
        if run is None or row.is_first or row.at_ms - run.end_ms > _PAUSE_MS:
            _put(self._open, key, row)
            self._append(row)
            return True
        run.end_ms = row.at_ms
        run.count += 1
        run.nbytes += row.nbytes
        run.audio_ms += row.audio_ms
        return False

    def _say(self, row: Row, piece: str) -> None:
        """A piece of a text, in a run of its type."""
        key = row.side, row.type
        if self._run(row) or key not in self._said:
            before = self._said.get(key) or (row, Said())
            _tell(before)
            before[1].begin()
            oldest = _put(self._said, key, (self._open[key], before[1]))
            if oldest is not None:
                _tell(oldest)
        self._said[key][1].add(piece)

    def _audio(self, row: Row, chunk: Chunk) -> None:
        row.nbytes = len(chunk.data)
        row.audio_ms = len(chunk.data) / chunk.coding.frame_bytes * 1000 / chunk.coding.sample_rate
        response = (chunk.response or "")[:_MAX_TYPE_CHARS]
        if response and response not in self._responses and len(self._responses) < MAX_ROWS:
            self._responses.add(response)
            row.is_first = True
        self._run(row)


def _put(into: dict[tuple[int, str], T], key: tuple[int, str], value: T) -> T | None:
    """Keep a value as the newest; the oldest of too many goes, and is given back."""
    into.pop(key, None)
    oldest = into.pop(next(iter(into))) if len(into) >= _MAX_OPEN else None
    into[key] = value
    return oldest


def _tell(said: tuple[Row, Said]) -> None:
    """Give the row of a text what was said by now."""
    said[0].text = said[1].line


def _row(entry: Entry, type: str, kind: str, text: str) -> Row:
    side, nbytes = int(entry.direction == "server"), len(entry.frame)
    shown = line_of(type, _MAX_TYPE_CHARS)
    return Row(entry.time_ms, entry.time_ms, side, shown, kind, line_of(text), entry.line, nbytes=nbytes)


class _Reader:
    """Reads what is not hot, in the dialect in which the call's report reads it."""

    def __init__(self) -> None:
        self._sessions = Sessions(Kept())
        self._summarize = Summarizer()

    def read(self, entry: Entry, type: str) -> tuple[str, str]:
        """The kind and the line of an event that is no run."""
        if type in SESSIONS:
            self._session(entry, type)
        dialect = self._sessions.speaks(entry.direction, type)
        try:
            event = DECODERS[dialect or "ga", entry.direction](entry.frame)
        except DecodeError as why:
            return "broken", f"does not decode: {why.reason} at {why.path}"
        if dialect is None:
            return "unknown", f"<unknown, {len(entry.frame)} bytes>"
        return _kind_of(event, type), self._summarize(event).removeprefix(type).strip()

    def _session(self, entry: Entry, type: str) -> None:
        session = _session_of(entry.frame)
        if session is not None:
            by_server = entry.direction == "server"
            if by_server and type in BEGINNINGS and self._sessions.is_another(session):
                self._sessions.begin(entry.time_ms)
            self._sessions.told(type, session, by_server=by_server)


def _kind_of(event: object, type: str) -> str:
    if isinstance(event, (ResponseDone, beta_events.ResponseDone)):
        return {"failed": "error", "cancelled": "cut"}.get(str(event.response.status), "response")
    item = (
        event.item
        if isinstance(event, (ConversationItemCreate, beta_events.ConversationItemCreate))
        else None
    )
    if isinstance(item, FunctionCallOutputItem):
        return "call"
    return "session" if type in SESSIONS | _SESSION_ENDS else _KINDS.get(type, "other")


def _session_of(frame: bytes) -> dict[str, Any] | None:
    try:
        check_depth(frame, DEFAULT_MAX_DEPTH)
        told = _decode_any(frame)
    except (DecodeError, ValueError, RecursionError):
        return None
    session = told.get("session") if isinstance(told, dict) else None
    return session if isinstance(session, dict) else None


def _delta_of(frame: bytes) -> str | None:
    try:
        return _decode_delta(frame).delta
    except (ValueError, RecursionError):
        return None
