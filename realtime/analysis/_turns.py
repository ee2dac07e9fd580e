"""Turns of a call: the user's input, and the turn that each response belongs to.

A turn begins with the user's speech, with audio that the client commits, or with text for which a
response is requested; or with a response if there was no input. Nothing here reads a frame: `_call`
decodes events and calls these methods. Responses are in `_responses`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from typing import Final, NamedTuple

from .._bounded import BoundedDict
from ._builder import MAX_READ_CHARS, ReportBuilder, TextBudget
from ._responses import ContentPart, ResponseState, ResponseTracker, TextPieces
from .report import AskedBy, InputKind, LatencyFrom, ResponseReport, Turn, UserInput

# Input items are remembered for transcripts that arrive late.
_MAX_ITEMS: Final = 512
_MAX_REQUESTS: Final = 32
_MAX_TEXTS: Final = 64
# The most characters of all incomplete transcripts together.
_MAX_PENDING_CHARS: Final = 1 << 20
# An InputClock stores one position per interval; servers refer to positions a few seconds back.
_MARK_MS: Final = 100.0
_MAX_MARKS: Final = 4_096
# In dialects without turns, a pause of this length separates two turns.
_PAUSE_MS: Final = 1_500.0


class InputClock:
    """Maps positions in the caller's audio to the log's time line.

    Servers report speech by positions in the audio of a session; the time of a position is when the
    audio there was sent.

    Attributes:
        ms: length of all audio of the log so far.
        ms_per_byte: duration of one byte in the session's format.
    """

    __slots__ = ("_billed_ms", "_buffer_start_ms", "_marks", "_next_mark_ms", "_zero_ms", "ms", "ms_per_byte")

    def __init__(self) -> None:
        self.ms = 0.0
        self.ms_per_byte = 0.0
        self._zero_ms = self._buffer_start_ms = self._next_mark_ms = self._billed_ms = 0.0
        self._marks: deque[tuple[float, float]] = deque(maxlen=_MAX_MARKS)

    def feed(self, nbytes: int, time_ms: float) -> None:
        """Count audio that was sent."""
        ms = self.ms
        if ms >= self._next_mark_ms:
            self._marks.append((ms, time_ms))
            self._next_mark_ms = ms + _MARK_MS
        self.ms = ms + nbytes * self.ms_per_byte

    @property
    def position_ms(self) -> float:
        """The end of the audio so far, as a position of the session."""
        return self.ms - self._zero_ms

    def begin_session(self) -> None:
        """Begin a session: its positions count from here."""
        self._zero_ms = self._buffer_start_ms = self._next_mark_ms = self._billed_ms = self.ms
        self._marks.clear()

    def take_billable_ms(self) -> float:
        """Return the length of the audio since the previous call of this method."""
        more_ms, self._billed_ms = self.ms - self._billed_ms, self.ms
        return more_ms

    def time_of(self, position_ms: float) -> float | None:
        """Return when the audio at a position of the session was sent; None if that is not known."""
        wanted, marks = self._zero_ms + position_ms, self._marks
        after = bisect_right(marks, (wanted, math.inf))
        if not after:
            return None
        at_ms, time_ms = marks[after - 1]
        found_ms = time_ms + wanted - at_ms
        return found_ms if after == len(marks) else min(found_ms, marks[after][1])

    def take_buffer(self) -> tuple[float | None, float]:
        """Empty the input buffer. Returns the start time of its audio and the length."""
        began_ms = self.time_of(self._buffer_start_ms - self._zero_ms)
        audio_ms, self._buffer_start_ms = self.ms - self._buffer_start_ms, self.ms
        return began_ms, audio_ms


class _Request(NamedTuple):
    """A response.create for which no response has begun yet."""

    time_ms: float
    event_id: str | None
    by: AskedBy


class _Input(NamedTuple):
    """The user's input, the turn that it began, and its transcript until that is complete."""

    turn: Turn
    user: UserInput
    budget: TextBudget
    pieces: TextPieces

    def write_text(self, builder: ReportBuilder) -> None:
        """Write the transcript received so far into the report, unless it is complete."""
        if self.pieces.nchars:
            self.user.transcript = builder.text(self.pieces.read(), self.budget) or None


class _Text(NamedTuple):
    """A message of the user that was sent as an item."""

    time_ms: float
    text: str
    audio_ms: float


class TurnTracker:
    """Tracks the user's input and opens the turns of a report."""

    def __init__(self, builder: ReportBuilder, clock: InputClock) -> None:
        self._builder, self._report, self._clock = builder, builder.report, clock
        self._items: BoundedDict[str | None, _Input] = BoundedDict(_MAX_ITEMS)
        self._pending_chars = 0
        self._texts: list[_Text] = []
        self.reset()

    def reset(self) -> None:
        """Forget input that has no response yet, as its session has ended."""
        self._answered: Turn | None = None  # the turn that the next response belongs to
        self._speaking: _Input | None = None
        self._latest: _Input | None = None
        self._requests: list[_Request] = []
        self._commit_ms: float | None = None
        self._timeout_ms: float | None = None
        self._timeout_item: str | None = None
        self._speech_position_ms = 0.0
        self._has_function_output = False
        self._texts.clear()

    # --- Speech that the server detects ---

    def speech_started(self, item_id: str | None, position_ms: float | None, time_ms: float) -> None:
        """Begin a turn with speech that the server detected. Without a position, it is at the end of the audio."""
        self._begin_text_turn()
        self._timeout_ms = None
        position_ms = self._clock.position_ms if position_ms is None else position_ms
        start_ms = _no_later(self._clock.time_of(position_ms), time_ms)
        self._speaking = self._begin_input("speech", start_ms, item_id)
        self._speech_position_ms = position_ms

    def speech_stopped(self, item_id: str | None, position_ms: float | None, time_ms: float) -> None:
        """Record the end of speech. Without a position, it is at the end of the audio."""
        position_ms = self._clock.position_ms if position_ms is None else position_ms
        found = self._items.get(item_id) or self._speaking
        if found is not None:
            user = found.user
            user.end_ms = max(user.start_ms, _no_later(self._clock.time_of(position_ms), time_ms))
            user.audio_ms = max(0.0, position_ms - self._speech_position_ms)
            self._input_ended(found)

    def timed_out(self, item_id: str | None, time_ms: float) -> None:
        """Begin a turn without input, as the server's idle timeout has passed."""
        self._timeout_ms, self._timeout_item = time_ms, item_id
        self._answered = self._begin_turn(time_ms, None)

    # --- Audio that the client commits ---

    def commit_requested(self, time_ms: float) -> None:
        """Record the client's input_audio_buffer.commit."""
        self._commit_ms = time_ms

    def committed(self, item_id: str | None, time_ms: float) -> None:
        """Record that the buffer became an item: of detected speech, or of everything in it."""
        began_ms, audio_ms = self._clock.take_buffer()
        is_requested = self._commit_ms is not None
        commit_ms = time_ms if self._commit_ms is None else self._commit_ms
        self._commit_ms = None
        found = self._items.get(item_id) or (None if is_requested else self._speech_without_id(item_id))
        # A second call in the log may use the ids of the first one again.
        is_reused = found is not None and found.user.committed_ms is not None and is_requested
        if found is not None and not is_reused:
            found.user.committed_ms = time_ms
            if found.user.end_ms is None:  # the client committed before the server detected the end
                found.user.end_ms = max(found.user.start_ms, commit_ms)
                self._input_ended(found)
        elif item_id is None or item_id != self._timeout_item:
            self._begin_text_turn()
            found = self._begin_input("audio", _no_later(began_ms, commit_ms), item_id)
            found.user.end_ms = found.user.committed_ms = commit_ms
            found.user.audio_ms = audio_ms
            self._answered = found.turn

    def _speech_without_id(self, item_id: str | None) -> _Input | None:
        """Return the latest speech if its item is not known, which it now is."""
        found = self._latest
        if found is None or found.user.kind != "speech" or found.user.item_id or found.user.committed_ms:
            return None
        if item_id is not None:
            found.user.item_id = item_id
            self._remember(item_id, found)
        return found

    def cleared(self) -> None:
        """Record that the input buffer was emptied."""
        self._clock.take_buffer()
        self._commit_ms = None

    # --- Messages sent as items ---

    def add_message(self, text: str, audio_ms: float, time_ms: float) -> None:
        """Add a message of the user. It begins a turn once a response to it is requested."""
        if len(self._texts) < _MAX_TEXTS:
            self._texts.append(_Text(time_ms, text[: MAX_READ_CHARS + 1], audio_ms))

    def drop_messages(self) -> None:
        """Drop the messages so far: the client restores an earlier conversation."""
        self._texts.clear()

    def _begin_text_turn(self) -> None:
        if not self._texts:
            return
        first, last = self._texts[0], self._texts[-1]
        audio_ms = sum(text.audio_ms for text in self._texts)
        found = self._begin_input("audio" if audio_ms else "text", first.time_ms, None)
        found.user.end_ms, found.user.audio_ms = last.time_ms, audio_ms
        text = "\n".join(text.text for text in self._texts if text.text)
        if text:
            found.user.transcript = self._builder.text(text, found.budget)
            found.user.transcript_ms = last.time_ms
        self._texts.clear()
        self._answered = found.turn

    # --- Transcripts ---

    def transcribed(self, item_id: str | None, text: str, time_ms: float) -> None:
        """Record the complete transcript of an item, or of the latest input."""
        found = self._input(item_id)
        if found is not None:
            self._drop_pieces(found)
            found.user.transcript = self._builder.text(text, found.budget)
            found.user.transcript_ms = time_ms

    def replace_transcript(self, item_id: str | None, text: str) -> None:
        """Replace the transcript so far of an item. Ignored after the complete transcript."""
        found = self._input(item_id)
        if found is None or found.user.transcript_ms is not None:
            return
        self._pending_chars -= found.pieces.nchars
        if self._pending_chars + len(text) <= _MAX_PENDING_CHARS:
            found.pieces.replace(text)
        self._pending_chars += found.pieces.nchars

    def add_transcript(self, item_id: str | None, piece: str) -> None:
        """Add a piece of an item's transcript. Pieces after the complete transcript are ignored."""
        found = self._input(item_id)
        if found is None or found.user.transcript_ms is not None:
            return
        if self._pending_chars + len(piece) <= _MAX_PENDING_CHARS:
            self._pending_chars -= found.pieces.nchars
            found.pieces.add(piece)
            self._pending_chars += found.pieces.nchars

    def transcription_failed(self, item_id: str | None, reason: str) -> None:
        """Record that an item could not be transcribed."""
        found = self._input(item_id)
        if found is not None:
            found.user.transcription_error = reason

    def write_texts(self) -> None:
        """Write transcripts that are not complete yet into the report."""
        for found in self._items.values():
            found.write_text(self._builder)

    def _drop_pieces(self, found: _Input) -> None:
        self._pending_chars -= found.pieces.nchars
        found.pieces.complete("")

    # --- Responses ---

    def response_requested(self, event_id: str | None, time_ms: float) -> None:
        """Record the client's response.create."""
        by: AskedBy = "function" if self._has_function_output and not self._texts else "client"
        self._has_function_output = False
        if len(self._requests) < _MAX_REQUESTS:
            self._requests.append(_Request(time_ms, event_id, by))

    def function_output_sent(self) -> None:
        """Record that the client sent the output of a function."""
        self._has_function_output = True

    def refused(self, event_id: str | None, code: str | None) -> None:
        """Record that the server refused an event. A refused response.create leads to no response."""
        if code == "conversation_already_has_active_response" and self._requests:
            self._requests.pop()
        else:
            self._requests = [
                each for each in self._requests if event_id is None or each.event_id != event_id
            ]
        self._commit_ms = None

    def begin_response(
        self, id: str | None, created_ms: float | None, ms_per_byte: float, time_ms: float
    ) -> ResponseState:
        """Return the state of a response that begins, with its turn, its cause and its latency's start."""
        request = self._requests.pop(0) if self._requests else None
        if request is not None:
            self._begin_text_turn()
        turn = self.current_turn(time_ms)
        asked_by, asked_ms, latency_from, start_ms = self._cause(request, turn)
        self._timeout_ms = None
        report = ResponseReport(
            id=id, created_ms=created_ms, asked_by=asked_by, asked_ms=asked_ms, latency_from=latency_from
        )
        return ResponseState(report, turn, ms_per_byte, start_ms)

    def _cause(
        self, request: _Request | None, turn: Turn
    ) -> tuple[AskedBy, float | None, LatencyFrom | None, float | None]:
        """Return the cause of a response and its time; the start of its latency and that time."""
        user = turn.user if not turn.responses else None
        if request is None and self._timeout_ms is not None:
            return "timeout", self._timeout_ms, "timeout", self._timeout_ms
        if user is not None and user.end_ms is not None and user.kind != "text":
            start: LatencyFrom = "speech_end" if user.kind == "speech" else "commit"
            if request is None:
                return "speech", user.end_ms, start, user.end_ms
            if request.by == "client":
                return request.by, request.time_ms, start, user.end_ms
        if request is not None:
            return request.by, request.time_ms, "response_create", request.time_ms
        return "unknown", None, None, None

    # --- Turns ---

    def begin_run(self, time_ms: float) -> _Input:
        """Begin a turn in a dialect that has only transcripts. Returns its input."""
        found = self._begin_input("speech", time_ms, None)
        self._answered = found.turn
        return found

    def current_turn(self, time_ms: float) -> Turn:
        """Return the turn that output belongs to. Begins one if there is none."""
        if self._answered is None:
            self._answered = self._begin_turn(time_ms, None)
        return self._answered

    def _begin_input(self, kind: InputKind, start_ms: float, item_id: str | None) -> _Input:
        user = UserInput(kind=kind, start_ms=start_ms, item_id=item_id)
        found = _Input(self._begin_turn(start_ms, user), user, TextBudget(), TextPieces())
        self._latest = found
        if item_id is not None:
            self._remember(item_id, found)
        return found

    def _remember(self, item_id: str, found: _Input) -> None:
        for old in (self._items.pop(item_id, None), self._items.store(item_id, found)):
            if old is not None:  # no longer tracked
                old.write_text(self._builder)
                self._drop_pieces(old)

    def _input(self, item_id: str | None) -> _Input | None:
        """Return the input with this id; without an id, the latest one."""
        if item_id is None:
            return self._latest
        return self._items.get(item_id) or self._speech_without_id(item_id)

    def _begin_turn(self, at_ms: float, user: UserInput | None) -> Turn:
        self._report.turn_count += 1
        turn = Turn(number=self._report.turn_count, at_ms=at_ms, user=user)
        self._builder.add("turns", turn)
        return turn

    def _input_ended(self, found: _Input) -> None:
        self._answered = found.turn
        if self._speaking is found:
            self._speaking = None


class RunTracker:
    """Turns and responses of dialects that have neither (translation, Live).

    Transcript and audio are separated into runs by pauses. The user's run begins a turn, the run of
    the other side is a response. Nothing is requested and nothing ends, so there are no latencies.
    """

    def __init__(self, builder: ReportBuilder, turns: TurnTracker, responses: ResponseTracker) -> None:
        self._builder, self._turns, self._responses = builder, turns, responses
        self._user: _Input | None = None
        self._response: ResponseState | None = None
        self.reset()

    def reset(self) -> None:
        """End both runs, as their session has ended."""
        self.write_texts()
        self._user = self._response = None
        self._input_ms = self._output_ms = float("-inf")

    def add_input(self, text: str, time_ms: float) -> None:
        """Add a piece of the user's transcript."""
        if self._user is None or time_ms - self._input_ms > _PAUSE_MS:
            self.write_texts()
            self._user = self._turns.begin_run(time_ms)
        self._input_ms = self._user.user.end_ms = self._user.user.transcript_ms = time_ms
        self._user.pieces.add(text)

    def complete_input(self, text: str, time_ms: float) -> None:
        """End the user's run. `text` is its complete transcript."""
        if self._user is None:
            self.add_input(text, time_ms)
        self.write_texts()
        self._user = None

    def output_part(self, time_ms: float, ms_per_byte: float) -> ContentPart:
        """Return the part that output received now belongs to."""
        if self._response is None or time_ms - self._output_ms > _PAUSE_MS:
            self.write_texts()
            turn = self._turns.current_turn(time_ms)
            self._response = ResponseState(ResponseReport(), turn, ms_per_byte)
            self._responses.begin(self._response)
        self._output_ms = time_ms
        part = self._response.part(None, 0)
        part.ms_per_byte = ms_per_byte
        return part

    def write_texts(self) -> None:
        """Write the text of both runs received so far into the report."""
        if self._user is not None:
            self._user.write_text(self._builder)
        if self._response is not None:
            self._response.write_text(self._builder)


def _no_later(found_ms: float | None, time_ms: float) -> float:
    """Return the time of a position, which is never later than its event; the event's time if unknown."""
    return time_ms if found_ms is None else min(found_ms, time_ms)
