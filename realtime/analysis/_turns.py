"""Turns: what the user said or wrote, and which of it a response answers.

A turn begins with the user's speech, with audio that the client commits, or with text that a
response is asked for; or with a response, where nobody said anything. Nothing here reads a frame.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ._clock import InputClock
from ._kept import Kept, Share
from ._parts import Live, Pieces
from .report import AskedBy, InputKind, LatencyFrom, ResponseReport, Turn, UserInput

# What the user said is known by its item for a transcript that comes late.
_MAX_ITEMS: Final = 512
_MAX_ASKED: Final = 32
_MAX_TEXTS: Final = 64
# Held of transcripts that come in pieces.
_MAX_HELD_BYTES: Final = 1 << 20


class Asked(NamedTuple):
    """A response.create that no response has come of yet."""

    time_ms: float
    event_id: str | None
    by: AskedBy


class _Said(NamedTuple):
    """What the user said, and the turn that it began."""

    turn: Turn
    user: UserInput
    share: Share


class _Text(NamedTuple):
    time_ms: float
    text: str
    audio_ms: float


class Turns:
    """Follows what the user does, and opens the turns of a report."""

    def __init__(self, kept: Kept, clock: InputClock) -> None:
        self._kept, self._report, self._clock = kept, kept.report, clock
        self._items: dict[str, _Said] = {}
        self._pieces: dict[str, Pieces] = {}
        self._held = 0
        self._texts: list[_Text] = []
        self.forget()

    def forget(self) -> None:
        """The session is over: what was said in it is answered no more."""
        self._answered: Turn | None = None  # what a response that begins now belongs to
        self._speaking: _Said | None = None
        self._asked: list[Asked] = []
        self._commit_ms: float | None = None
        self._timeout_ms: float | None = None
        self._timeout_item: str | None = None
        self._start_position = 0.0
        self._has_output = False
        self._texts.clear()

    # --- Speech that the server detects ---

    def speech_started(self, item_id: str | None, position_ms: float, time_ms: float) -> None:
        """The server hears speech begin."""
        self._write_texts()
        self._timeout_ms = None
        start_ms = _no_later(self._clock.place(position_ms), time_ms)
        self._speaking = self._open("speech", start_ms, item_id)
        self._start_position = position_ms

    def speech_stopped(self, item_id: str | None, position_ms: float, time_ms: float) -> None:
        """The server hears it end."""
        said = self._of(item_id) or self._speaking
        if said is not None:
            user = said.user
            user.end_ms = max(user.start_ms, _no_later(self._clock.place(position_ms), time_ms))
            user.audio_ms = max(0.0, position_ms - self._start_position)
            self._ended(said)

    def timed_out(self, item_id: str | None, time_ms: float) -> None:
        """The server has waited long enough for the user to speak, and answers silence."""
        self._timeout_ms, self._timeout_item = time_ms, item_id
        self._answered = self._begin(time_ms, None)

    # --- Audio that the client commits ---

    def commits(self, time_ms: float) -> None:
        """The client asks to make a message of the buffer."""
        self._commit_ms = time_ms

    def committed(self, item_id: str | None, time_ms: float) -> None:
        """The buffer is a message now: of speech that was heard, or all of what was in it."""
        began_ms, audio_ms = self._clock.take()
        commit_ms = time_ms if self._commit_ms is None else self._commit_ms
        self._commit_ms = None
        said = self._of(item_id)
        if said is not None:
            said.user.committed_ms = time_ms
            if said.user.end_ms is None:  # the client did not wait for the end that the server would hear
                said.user.end_ms = max(said.user.start_ms, commit_ms)
                self._ended(said)
        elif item_id is None or item_id != self._timeout_item:
            self._write_texts()
            turn, user, _ = self._open("audio", _no_later(began_ms, commit_ms), item_id)
            user.end_ms = user.committed_ms = commit_ms
            user.audio_ms = audio_ms
            self._answered = turn

    def cleared(self) -> None:
        """The buffer is empty."""
        self._clock.take()
        self._commit_ms = None

    # --- Text, and items with audio in them ---

    def writes(self, text: str, audio_ms: float, time_ms: float) -> None:
        """The user's message, as an item of the client's."""
        if len(self._texts) < _MAX_TEXTS:
            self._texts.append(_Text(time_ms, text, audio_ms))

    def was_history(self) -> None:
        """The client adds what the assistant said: what it added before was said long ago."""
        self._texts.clear()

    def _write_texts(self) -> None:
        """What the user wrote begins a turn."""
        if not self._texts:
            return
        first, last = self._texts[0], self._texts[-1]
        audio_ms = sum(text.audio_ms for text in self._texts)
        turn, user, share = self._open("audio" if audio_ms else "text", first.time_ms, None)
        user.end_ms, user.audio_ms = last.time_ms, audio_ms
        written = "\n".join(text.text for text in self._texts if text.text)
        if written:
            user.transcript, user.transcript_ms = self._kept.text(written, share), last.time_ms
        self._texts.clear()
        self._answered = turn

    # --- Transcripts ---

    def transcribed(self, item_id: str, text: str, time_ms: float) -> None:
        """What the user said, however late it is told."""
        self._drop(item_id)
        said = self._of(item_id)
        if said is not None:
            said.user.transcript, said.user.transcript_ms = self._kept.text(text, said.share), time_ms

    def transcribes(self, item_id: str, frame: bytes) -> None:
        """A piece of what the user said; after the whole of it, pieces tell nothing."""
        said = self._of(item_id)
        if said is None or said.user.transcript_ms is not None:
            return
        if self._held + len(frame) <= _MAX_HELD_BYTES:
            self._held += len(frame)
            self._pieces.setdefault(item_id, Pieces()).add(frame)

    def not_transcribed(self, item_id: str | None, why: str) -> None:
        """What the user said could not be transcribed."""
        said = self._of(item_id)
        if said is not None:
            said.user.transcription_error = why

    def settle(self) -> None:
        """Put transcripts that are under way into the report, as far as they came."""
        for item_id, pieces in self._pieces.items():
            self._settle(self._items[item_id], pieces)

    def _settle(self, said: _Said, pieces: Pieces) -> None:
        said.user.transcript = self._kept.text(pieces.read(), said.share) or None

    def _drop(self, item_id: str) -> Pieces | None:
        pieces = self._pieces.pop(item_id, None)
        self._held -= 0 if pieces is None else pieces.nbytes
        return pieces

    # --- Asking for responses ---

    def asks(self, event_id: str | None, time_ms: float) -> None:
        """The client sends response.create."""
        by: AskedBy = "function" if self._has_output and not self._texts else "client"
        self._has_output = False
        if len(self._asked) < _MAX_ASKED:
            self._asked.append(Asked(time_ms, event_id, by))

    def gives_output(self) -> None:
        """The client sends the output of a function."""
        self._has_output = True

    def refused(self, event_id: str | None, code: str | None) -> None:
        """The server refuses an event: where it was a response.create, none comes of it."""
        if code == "conversation_already_has_active_response" and self._asked:
            self._asked.pop()
        else:
            self._asked = [asked for asked in self._asked if event_id is None or asked.event_id != event_id]
        self._commit_ms = None

    def answer(self, id: str | None, created_ms: float | None, ms_per_byte: float, time_ms: float) -> Live:
        """A response begins: its turn, what asked for it, and from when its latency runs."""
        asked = self._asked.pop(0) if self._asked else None
        if asked is not None:
            self._write_texts()
        turn = self._answered
        if turn is None:
            turn = self._answered = self._begin(time_ms, None)
        by, asked_ms, since, since_ms = self._told_by(asked, turn)
        self._timeout_ms = None
        report = ResponseReport(
            id=id, created_ms=created_ms, asked_by=by, asked_ms=asked_ms, latency_from=since
        )
        return Live(report, turn, ms_per_byte, since_ms)

    def _told_by(
        self, asked: Asked | None, turn: Turn
    ) -> tuple[AskedBy, float | None, LatencyFrom | None, float | None]:
        """What asked, when; what the latency runs from, and when that was."""
        user = turn.user if not turn.responses else None
        if asked is None and self._timeout_ms is not None:
            return "timeout", self._timeout_ms, "timeout", self._timeout_ms
        if user is not None and user.end_ms is not None and user.kind != "text":
            since: LatencyFrom = "speech_end" if user.kind == "speech" else "commit"
            if asked is None:
                return "speech", user.end_ms, since, user.end_ms
            if asked.by == "client":
                return asked.by, asked.time_ms, since, user.end_ms
        if asked is not None:
            return asked.by, asked.time_ms, "response_create", asked.time_ms
        return "unknown", None, None, None

    # --- Turns ---

    def run(self, time_ms: float) -> UserInput:
        """Speech of a dialect that tells only transcripts: a new turn."""
        self._answered, user, _ = self._open("speech", time_ms, None)
        return user

    def current(self, time_ms: float) -> Turn:
        """The turn that something belongs to which answers nothing in particular."""
        if self._answered is None:
            self._answered = self._begin(time_ms, None)
        return self._answered

    def _open(self, kind: InputKind, start_ms: float, item_id: str | None) -> _Said:
        user = UserInput(kind=kind, start_ms=start_ms, item_id=item_id)
        said = _Said(self._begin(start_ms, user), user, Share())
        if item_id is not None:
            self._remember(item_id, said)
        return said

    def _remember(self, item_id: str, said: _Said) -> None:
        if item_id in self._items:
            self._forget(item_id)
        elif len(self._items) >= _MAX_ITEMS:
            self._forget(next(iter(self._items)))
        self._items[item_id] = said

    def _forget(self, item_id: str) -> None:
        """What came of this item's transcript is all that will be known of it."""
        said, pieces = self._items.pop(item_id), self._drop(item_id)
        if pieces is not None:
            self._settle(said, pieces)

    def _of(self, item_id: str | None) -> _Said | None:
        return None if item_id is None else self._items.get(item_id)

    def _begin(self, at_ms: float, user: UserInput | None) -> Turn:
        self._report.turn_count += 1
        turn = Turn(number=self._report.turn_count, at_ms=at_ms, user=user)
        self._kept.add("turns", turn)
        return turn

    def _ended(self, said: _Said) -> None:
        self._answered = said.turn
        if self._speaking is said:
            self._speaking = None


def _no_later(placed_ms: float | None, time_ms: float) -> float:
    """Where a position lies, which is never after it was told; its telling, where it is not known."""
    return time_ms if placed_ms is None else min(placed_ms, time_ms)
