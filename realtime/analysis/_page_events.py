"""The events of a call as rows of a list: what is hot in runs, the rest one by one, each one line.

The lines are `realtime.state.Summarizer`'s, so they are short, printable and without credentials.
The list is bounded: of a very long one the middle is left out, and counted.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

import msgspec

from .. import beta, codec, live, translation
from ..codec import known
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
from ..state._secrets import without_keys

MAX_ROWS: Final = 20_000
_MAX_TYPE_CHARS, _MAX_LINE_CHARS = 80, 160
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
_SESSION = re.compile(r"(?:transcription_)?session\.(?:created|updated?|start(?:ed)?|closed?)")
# What only the sessions of these dialects have: GA's decoder passes over it.
_TELLING: Final = {
    beta.__name__: re.compile(rb'"(?:modalities|(?:in|out)put_audio_format|input_audio_transcription)"\s*:'),
    translation.__name__: re.compile(rb'"type"\s*:\s*"translation"'),
}


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


class EventList:
    """Rows of a log's entries, in order. `total` is how many there would be without a bound."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self.total, self._half = 0, max(1, max_rows // 2)
        self._head: list[Row] = []
        self._tail: deque[Row] = deque(maxlen=self._half)
        self._open: dict[tuple[int, str], Row] = {}
        self._reader = _Reader()
        self._responses: set[str] = set()
        self._now_ms = 0.0

    def add(self, entry: Entry | BrokenLine, sound: Chunk | Cut | None = None) -> None:
        """Take the next entry, and what of it is audio."""
        if isinstance(entry, BrokenLine):
            text = _printable(f"{entry.reason}: {entry.snippet}")
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
            self._run(_row(entry, type, "text", delta), delta)
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
        return chain(self._head, self._tail)

    # --- Inside ---

    def _append(self, row: Row) -> None:
        self.total += 1
        if len(self._head) < self._half:
            self._head.append(row)
        else:
            self._tail.append(row)

    def _run(self, row: Row, more: str = "") -> None:
        """Make the run of the row's type longer, with more of its text, or begin one."""
        run = self._open.get((row.side, row.type))
        if run is None or row.is_first or row.at_ms - run.end_ms > _PAUSE_MS:
            self._open[row.side, row.type] = row
            self._append(row)
            return
        run.end_ms = row.at_ms
        run.count += 1
        run.nbytes += row.nbytes
        run.audio_ms += row.audio_ms
        if more and len(run.text) < _MAX_LINE_CHARS:
            run.text = _printable(run.text + more)

    def _audio(self, row: Row, chunk: Chunk) -> None:
        row.nbytes = len(chunk.data)
        row.audio_ms = len(chunk.data) / chunk.coding.frame_bytes * 1000 / chunk.coding.sample_rate
        response = (chunk.response or "")[:_MAX_TYPE_CHARS]
        if response and response not in self._responses and len(self._responses) < MAX_ROWS:
            self._responses.add(response)
            row.is_first = True
        self._run(row)


def _row(entry: Entry, type: str, kind: str, text: str) -> Row:
    side, nbytes = int(entry.direction == "server"), len(entry.frame)
    shown = _printable(type, _MAX_TYPE_CHARS)
    return Row(entry.time_ms, entry.time_ms, side, shown, kind, _printable(text), entry.line, nbytes=nbytes)


class _Reader:
    """Reads what is not hot: by the decoder of the dialect that is spoken, or whichever knows the type."""

    def __init__(self) -> None:
        self._dialect = codec.__name__
        self._summarize = Summarizer()

    def read(self, entry: Entry, type: str) -> tuple[str, str]:
        """The kind and the line of an event that is no run."""
        is_session = _SESSION.fullmatch(type) is not None
        if is_session:
            told = (name for name, telling in _TELLING.items() if telling.search(entry.frame))
            self._dialect = next(told, self._dialect)
        decoders = _DECODERS[entry.direction].get(type, {})
        if len(decoders) == 1:
            (self._dialect,) = decoders
        own = decoders.get(self._dialect)
        why = None
        for decode in (*((own,) if own else ()), *decoders.values()):
            try:
                event = decode(entry.frame)
            except DecodeError as refused:
                why = why or refused
            else:
                return _kind_of(event, type, is_session), self._line(event, type)
        if why is not None:
            return "broken", f"does not decode: {why.reason} at {why.path}"
        return "unknown", f"<unknown, {len(entry.frame)} bytes>"

    def _line(self, event: Any, type: str) -> str:
        return self._summarize(event).removeprefix(type).strip()


def _kind_of(event: object, type: str, is_session: bool) -> str:
    if isinstance(event, (ResponseDone, beta_events.ResponseDone)):
        return {"failed": "error", "cancelled": "cut"}.get(str(event.response.status), "response")
    item = (
        event.item
        if isinstance(event, (ConversationItemCreate, beta_events.ConversationItemCreate))
        else None
    )
    if isinstance(item, FunctionCallOutputItem):
        return "call"
    return "session" if is_session else _KINDS.get(type, "other")


def _decoders(side: str) -> dict[str, dict[str, Callable[[Any], object]]]:
    """For each type the decoders of the dialects that know it, by the dialect's name."""
    found: dict[str, dict[str, Callable[[Any], object]]] = {}
    for dialect in (codec, beta, translation, live):
        union, decode = {
            "server": (dialect.Codec.server_events, dialect.decode_server),
            "client": (dialect.Codec.client_events, dialect.decode_client),
        }[side]
        for kind in known(union):
            found.setdefault(str(kind.__struct_config__.tag), {})[dialect.__name__] = decode
    return found


_DECODERS: Final = {"server": _decoders("server"), "client": _decoders("client")}


def _delta_of(frame: bytes) -> str | None:
    try:
        return _decode_delta(frame).delta
    except (ValueError, RecursionError):
        return None


def _printable(text: str, most: int = _MAX_LINE_CHARS) -> str:
    """The beginning of `text`, without keys and without what is no character to read."""
    text = without_keys(text[: most * 8])
    text = text if len(text) <= most else text[: most - 3] + "..."
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
