"""State of the demo's call over all its sessions, without I/O: frames in, frames and decisions out.

`DemoCall` is what the client drives; `Dialogue` has the turns and their answers, `SessionState` what is
known of the present session. Sockets and waiting are in `demo_client`, audio in `demo_audio`, the rules
for a new session in `demo_reconnect`. No event of a server breaks a call, except errors that end it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

from msgspec import UNSET

from .. import events as ga
from .._bounded import BoundedDict
from .._text import one_line
from ..audio import chunks, convert
from ..build import create_session_config
from ..codec import decode_server, encode, encode_append
from ..errors import DecodeError, snippet
from ..format import AudioFormat, Side, session_format, stated_formats
from ..state import Conversation, Playback, Usage
from .demo_audio import PHONE, PTIME_MS, CallerUplink, EnergyVad, SessionAudio
from .demo_reconnect import (
    CallFailed,
    RetryDecision,
    SessionLost,
    UnansweredTurn,
    decide_on_error,
    resume_events,
    words_played,
)
from .demo_record import CallRecord, Incidents
from .text import MAX_MESSAGE_CHARS, Progress

# `cost` has the prices of both.
MODEL: Final = "gpt-realtime-2"
TRANSCRIPTION_MODEL: Final = "whisper-1"
# Sent after the recording, so that the server detects the end of the last turn.
LAST_SILENCE_MS: Final = 1000
# An error follows soon after the event that caused it.
MAX_REQUESTS: Final = 256
_COMMIT_EMPTY: Final = "input_audio_buffer_commit_empty"
# The reason of a response that was cancelled because the caller spoke.
_INTERRUPTED: Final = "turn_detected"

R = TypeVar("R")


# --- Turns and answers -----------------------------------------------------------------


@dataclass(slots=True, eq=False)
class TurnAnswer:
    """The response to a turn. If its session ends, it begins again in the next one.

    Attributes:
        number: its position among all answers, from 1.
        format: the format of `audio`.
        audio: its audio as received.
        phone_audio: its audio as the phone plays it.
        transcript: its transcript, or its text.
        item_id: the id of the message that has the audio.
        has_all_audio: True if its audio is complete.
        is_done: True if its response is done.
        is_interrupted: True if the caller's next turn ended it.
        earlier_nbytes: phone audio of attempts that broke off.
    """

    number: int = 0
    format: AudioFormat = AudioFormat.PCM16
    audio: bytearray = field(default_factory=bytearray)
    phone_audio: bytearray = field(default_factory=bytearray)
    transcript: str = ""
    response_id: str = ""
    item_id: str = ""
    has_all_audio: bool = False
    is_done: bool = False
    is_interrupted: bool = False
    earlier_nbytes: int = 0

    def begin(self, response_id: str, format: AudioFormat) -> None:
        """Begin, or begin again, with a new response."""
        self.earlier_nbytes += len(self.phone_audio)
        self.audio, self.phone_audio = bytearray(), bytearray()
        self.response_id, self.format, self.item_id, self.transcript = response_id, format, "", ""
        self.has_all_audio = self.is_interrupted = False


@dataclass(slots=True, eq=False)
class CallerTurn:
    """A turn of the caller, from position `start` to `end` of the phone audio.

    Attributes:
        item_id: the id of the turn's item.
        phone_audio: its audio as the phone sent it.
        sent_audio: its audio as the server received it, in `format`.
        is_committed: True if it has ended.
        is_given_up: True if it gets no answer of its own.
    """

    start: int
    end: int = 0
    item_id: str = ""
    format: AudioFormat = AudioFormat.PCM16
    sent_audio: bytes = b""
    phone_audio: bytes = b""
    is_committed: bool = False
    is_given_up: bool = False
    answer: TurnAnswer | None = None

    @property
    def is_answered(self) -> bool:
        """True if its answer is done."""
        return self.answer is not None and self.answer.is_done

    @property
    def is_awaiting_answer(self) -> bool:
        """True if an answer, or the rest of one, is still to come."""
        return self.is_committed and not self.is_given_up and not self.is_answered


class Dialogue:
    """All turns and answers of a call. Answers come in the order of the turns.

    Attributes:
        turns: all turns.
        answers: all answers, including responses that no turn led to.
        current_answer: the answer that is being received.
    """

    def __init__(self) -> None:
        self.turns: list[CallerTurn] = []
        self.answers: list[TurnAnswer] = []
        self.current_answer: TurnAnswer | None = None
        self._settled = 0  # the number of turns, from the first, that wait for nothing any more

    @property
    def next_unanswered(self) -> CallerTurn | None:
        """The oldest turn that waits for an answer. Every turn is passed once, however many a server begins."""
        for turn in itertools.islice(self.turns, self._settled, None):
            if turn.is_awaiting_answer:
                return turn
            self._settled += turn.is_committed
        return None

    @property
    def unanswered(self) -> list[CallerTurn]:
        """The turns that wait for an answer."""
        return [turn for turn in self.turns if turn.is_awaiting_answer]

    @property
    def current_turn(self) -> CallerTurn | None:
        """The turn that has begun and not ended."""
        return self.turns[-1] if self.turns and not self.turns[-1].is_committed else None

    def begin_turn(self, start: int) -> CallerTurn:
        """Begin a turn at a position, or correct the start of the current one."""
        turn = self.current_turn
        if turn is None:
            turn = CallerTurn(start)
            self.turns.append(turn)
        turn.start = start
        return turn

    def begin_answer(self, response_id: str, format: AudioFormat) -> TurnAnswer:
        """Begin the answer to the oldest turn that waits for one."""
        if self.current_answer is not None:
            self.current_answer.is_done = True  # its end was lost: a session has one response at a time
        turn = self.next_unanswered
        answer = turn.answer if turn is not None else None
        if answer is None:
            answer = TurnAnswer(number=len(self.answers) + 1)
            self.answers.append(answer)
        if turn is not None:
            turn.answer = answer
        answer.begin(response_id, format)
        self.current_answer = answer
        return answer

    def end_answer(self, answer: TurnAnswer) -> None:
        """Note that the response of an answer is done."""
        answer.is_done = True
        if self.current_answer is answer:
            self.current_answer = None

    def end_session(self) -> list[CallerTurn]:
        """Return the turns whose answers did not end. Only the last of them still awaits its answer."""
        if self.current_turn is not None:
            self.turns.pop()  # its audio is sent again
        unanswered = self.unanswered
        if self.current_answer is not None and (self.current_answer.has_all_audio or not unanswered):
            self.current_answer.is_done = True
        self.current_answer = None
        for turn in self.unanswered[:-1]:
            turn.is_given_up = True
        return unanswered


# --- One session -----------------------------------------------------------------------


class SessionState:
    """State of one session. Its ids, positions and formats are not valid in another.

    Attributes:
        is_ready: True after session.updated.
        is_resumed: True if it was sent what the session before it knew.
        wants_transcripts: True if it transcribes the caller's turns.
        missing_transcripts: the ids of the items without a transcript.
        is_commit_pending, is_commit_refused: the state of a manual commit.
        is_end_requested, is_end_confirmed: the state of the request after all audio was sent.
        answers: by the ids of their responses.
    """

    def __init__(self, hello: ga.ClientEvent, requested_format: AudioFormat) -> None:
        self.conversation, self.playback, self.usage = Conversation(), Playback(), Usage()
        self.conversation.feed(hello)
        self.audio = SessionAudio(requested_format)
        self.is_ready = self.is_resumed = self.wants_transcripts = False
        self.is_commit_pending = self.is_commit_refused = False
        self.is_end_requested = self.is_end_confirmed = False
        self.missing_transcripts: dict[str, None] = {}
        self.answers: dict[str, TurnAnswer] = {}
        self._requested_format = requested_format
        self._request_types: BoundedDict[str, str] = BoundedDict(MAX_REQUESTS)

    def feed(self, event: ga.ServerEvent) -> int | None:
        """Feed a server event. Returns the number of audio bytes to play, None if it has no audio."""
        self.conversation.feed(event)
        self.usage.feed(event)
        return self.playback.feed(event)

    def apply_settings(self, settings: Any) -> None:
        """Use the settings that the server reports.

        Raises:
            CallFailed: an audio format is unknown.
        """
        formats = self._format(settings, "input"), self._format(settings, "output")
        user_audio = getattr(getattr(settings, "audio", None), "input", None)
        self.wants_transcripts = bool(getattr(user_audio, "transcription", None))
        if not self.is_ready or (self.audio.input_format, self.audio.output_format) != formats:
            self.audio.set_formats(*formats)
        self.is_ready = True

    def _format(self, settings: object, side: Side) -> AudioFormat:
        found = session_format(settings, side)
        if found is not None:
            return found
        for stated in stated_formats(settings, side):
            try:
                AudioFormat.of(stated)
            except (TypeError, ValueError) as error:
                reason = one_line(str(error), MAX_MESSAGE_CHARS)
                raise CallFailed(f"the session's {side} format is not supported: {reason}") from None
        return self._requested_format

    def add_request(self, event_id: str, event: ga.ClientEvent) -> None:
        """Note that `event` is sent. Its item is part of the conversation even if its echo is lost."""
        self._request_types[event_id] = event.type
        if isinstance(event, ga.ConversationItemCreate):
            self.conversation.feed(ga.ConversationItemAdded(item=event.item))

    def request_type(self, event_id: str | None) -> str:
        """Return the type of the event that was sent with this id, "" if there is none."""
        return self._request_types.get(event_id or "", "")

    def transcript(self, answer: TurnAnswer) -> str:
        """Return the transcript of an answer so far, or its text."""
        item = self.conversation.get(answer.item_id)
        if item is not None:
            return item.text
        return " ".join(item.text for item in self.conversation if item.response_id == answer.response_id)

    def end_transcript(self, answer: TurnAnswer) -> None:
        """Set the transcript of an answer that the session's end broke off to the words that were played."""
        if not answer.is_done:
            transcript = self.transcript(answer)
            played_ms = self.playback.played_ms(answer.item_id)
            answer.transcript = transcript if answer.has_all_audio else words_played(transcript, played_ms)


# --- The call --------------------------------------------------------------------------


class DemoCall:
    """The client side of a call that sends `recording` (8 kHz mu-law) and may span several sessions.

    With `is_manual`, the client detects the caller's turns, commits each and requests its answer.

    Attributes:
        requested_format: the audio format that is requested of each session.
        dialogue: the turns and their answers.
        incidents: problems that did not end the call.
        session: the present session.
        usage: the usage of the sessions that ended.
        sent_nbytes, received_nbytes: phone audio sent, not counting repetitions, and received.
        resent_ms: caller audio that was sent more than once.
        codec_ns: the time that encoding and decoding took.
    """

    def __init__(
        self,
        requested_format: AudioFormat,
        recording: bytes,
        record: CallRecord,
        progress: Progress,
        *,
        is_manual: bool = False,
    ) -> None:
        self.requested_format, self.is_manual = requested_format, is_manual
        self.record, self.progress = record, progress
        self.dialogue, self.incidents, self.usage = Dialogue(), Incidents(progress), Usage()
        self.sent_nbytes = self.received_nbytes = self.codec_ns = 0
        self.resent_ms = 0.0
        self.recording_ms = PHONE.duration_ms(len(recording))
        self.uplink = CallerUplink(self._phone_frames(recording + PHONE.silence(LAST_SILENCE_MS)))
        self._vad = EnergyVad(PTIME_MS)
        hello = ga.SessionUpdate(
            session=create_session_config(
                MODEL,
                format=requested_format,
                turn_detection=None if is_manual else UNSET,
                transcription=ga.Transcription(model=TRANSCRIPTION_MODEL),
            )
        )
        # What the next session is sent: the conversation of the last one that was resumed.
        self._conversation = Conversation()
        self._conversation.feed(hello)
        self._unanswered: list[CallerTurn] = []
        self._missing_transcripts = self._requests = 0
        self.session = SessionState(hello, requested_format)

    def _phone_frames(self, audio: bytes) -> Iterator[bytes]:
        for frame in chunks(audio, PHONE, PTIME_MS):
            self.sent_nbytes += len(frame)
            self.record.caller.write(frame)
            self._vad.feed(bytes(frame))
            yield bytes(frame)

    # --- State ---

    @property
    def awaited(self) -> str:
        """The action of the server that the call waits for, such as "answer"; "" if there is none."""
        session = self.session
        if not session.is_ready:
            return "accept the session's settings"
        if session.is_end_requested and not session.is_end_confirmed:
            return "answer"
        if session.is_commit_pending:
            return "commit a turn"
        return "finish its answers" if self.is_answer_pending else ""

    @property
    def is_answer_pending(self) -> bool:
        """True if an answer is being received or is still to come."""
        return bool(self.dialogue.current_answer or self.dialogue.next_unanswered)

    @property
    def is_complete(self) -> bool:
        """True if all audio was sent and all answers were received."""
        return self.session.is_end_confirmed and not self.is_answer_pending

    @property
    def is_commit_due(self) -> bool:
        """True if the caller has just ended a turn that the client must commit."""
        return self.is_manual and self._vad.is_turn_over and self.uplink.is_caught_up

    @property
    def answered_count(self) -> int:
        """The number of answered turns. Turns without audio, which a server may invent, do not count."""
        return sum(turn.is_answered and bool(turn.phone_audio) for turn in self.dialogue.turns)

    @property
    def missing_transcripts(self) -> int:
        """The number of committed turns without a transcript, in all sessions."""
        return self._missing_transcripts + len(self.session.missing_transcripts)

    # --- Sessions ---

    def begin_session(self) -> ga.ClientEvent:
        """Begin a session. Returns the first event to send to it."""
        hello = resume_events(self._conversation)[0]
        self.session = SessionState(hello, self.requested_format)
        return hello

    def resume(self) -> tuple[ga.ClientEvent, ...]:
        """Return the events to send once the session is ready. `next_audio` then resends audio not committed."""
        self.session.is_resumed = True
        unanswered = [self._unanswered_turn(turn) for turn in self._unanswered]
        self.resent_ms += PHONE.duration_ms(self.uplink.restart())
        return resume_events(self._conversation, unanswered)[1:]

    def _unanswered_turn(self, turn: CallerTurn) -> UnansweredTurn:
        format, item = self.session.audio.input_format, self._conversation.get(turn.item_id)
        if turn.format is not format:
            turn.format, turn.sent_audio = format, convert(turn.phone_audio, PHONE, format)
        answer = turn.answer or TurnAnswer()
        return UnansweredTurn(
            turn.item_id,
            turn.sent_audio,
            item.text if item is not None else "",
            answer.item_id,
            answer.transcript,
            answer.has_all_audio,
        )

    def end_session(self) -> None:
        """Note that the session was lost."""
        session = self.session
        session.playback.interrupt()
        for answer in session.answers.values():
            session.end_transcript(answer)
            if answer.has_all_audio and not answer.is_done:
                self._note_answer(answer)
        self.usage += session.usage
        self._missing_transcripts += len(session.missing_transcripts)
        unanswered = self.dialogue.end_session()
        if session.is_resumed:  # otherwise the session before it has not been resumed yet
            self._conversation, self._unanswered = session.conversation, unanswered

    # --- Sending ---

    def next_audio(self) -> bytes | None:
        """Return the next 20 ms in the session's format, perhaps b""; None if all audio was sent."""
        frame = self.uplink.next_frame()
        return None if frame is None else self.session.audio.from_phone(frame)

    def flush_audio(self) -> bytes:
        """Return the audio that the converter withholds, at the end of a turn or of the recording."""
        return self.session.audio.flush_from_phone()

    def append_frame(self, audio: bytes) -> bytes:
        """Return the frame that sends `audio`."""
        return self._timed(encode_append, audio)

    def request_frame(self, event: ga.ClientEvent) -> bytes:
        """Return the frame of an event. The event gets an id, so that an error can name it."""
        self._requests += 1
        event_id = f"client_{self._requests}"
        event.event_id = event_id  # type: ignore[union-attr]
        self.session.add_request(event_id, event)
        return self._timed(encode, event)

    def commit(self) -> ga.ClientEvent:
        """Return the event that commits the turn that has just ended."""
        self.session.is_commit_pending, self.session.is_commit_refused = True, False
        return ga.InputAudioBufferCommit()

    def skip_turn(self) -> None:
        """Give up a turn whose commit the server refuses."""
        self._vad.reset()
        self.uplink.commit(self.uplink.position)

    def request_end(self) -> ga.ClientEvent:
        """Return the event to send after all audio: its reply comes after the replies to all before it."""
        self.session.is_end_requested = True
        return ga.InputAudioBufferClear()

    def add_resent(self, nbytes: int) -> None:
        """Note that so many bytes of the session's audio were sent once more."""
        self.resent_ms += self.session.audio.input_format.duration_ms(nbytes)

    # --- Receiving ---

    def feed(self, frame: bytes) -> bool:
        """Feed a frame of the server. Returns True if it is progress towards what is awaited.

        Raises:
            CallFailed: the server ends the call.
            SessionLost: the server ends the session.
        """
        try:
            event = self._timed(decode_server, frame)
        except DecodeError as error:
            self.record.record_frame("server", "(undecodable)", frame)
            message = one_line(str(error), MAX_MESSAGE_CHARS)
            self.incidents.record(
                "undecodable", error.event_type or "frames", f"undecodable frame ignored: {message}"
            )
            return False
        self.record.record_frame("server", event.type, frame)
        if isinstance(event, ga.UnknownEvent):
            name = snippet(event.type)
            self.incidents.record("unknown", name, f"event of unknown type {name} ignored")
        was_ready, playable_nbytes = self.session.is_ready, self.session.feed(event)
        handler = self._HANDLERS.get(type(event))
        if handler is not None and playable_nbytes != 0:
            handler(self, event)
        if isinstance(event, ga.SessionUpdated):
            return not was_ready
        # Other events are no sign that what is awaited will come, however many a server sends.
        is_handled = handler is not None and not isinstance(event, ga.Error)
        return is_handled or (event.type.startswith("response.") and not isinstance(event, ga.UnknownEvent))

    def _on_session_updated(self, event: ga.SessionUpdated) -> None:
        self.session.apply_settings(event.session)

    def _on_error(self, event: ga.Error) -> None:
        error = event.error
        text = _error_text(error)
        decision = decide_on_error(error)
        if decision is RetryDecision.GIVE_UP:
            raise CallFailed(f"the server refused the call: {text}")
        if decision is RetryDecision.RECONNECT:
            raise SessionLost(f"the session ended: {text}")
        if self.session.request_type(error.event_id) == "session.update":
            raise CallFailed(f"the server refused the session's settings: {text}")
        if error.code == _COMMIT_EMPTY and self.session.is_commit_pending:
            self.session.is_commit_pending, self.session.is_commit_refused = False, True
        self.incidents.record(
            "errors", snippet(error.code or error.type), f"the server reported an error: {text}"
        )

    def _on_speech_started(self, event: ga.InputAudioBufferSpeechStarted) -> None:
        self.dialogue.begin_turn(self.uplink.position_of(event.audio_start_ms)).item_id = event.item_id

    def _on_speech_stopped(self, event: ga.InputAudioBufferSpeechStopped) -> None:
        turn = self.dialogue.current_turn or self.dialogue.begin_turn(self.uplink.committed_to)
        self._commit_turn(turn, self.uplink.position_of(event.audio_end_ms), event.item_id)

    def _on_committed(self, event: ga.InputAudioBufferCommitted) -> None:
        turn = self.dialogue.current_turn
        if self.session.is_commit_pending:
            self.session.is_commit_pending = False
            self._vad.reset()
            turn = self.dialogue.begin_turn(self.uplink.committed_to)
            self._commit_turn(turn, self.uplink.position, event.item_id)
        elif turn is not None and turn.item_id == event.item_id:
            # The frame with its end was lost. Sending too much again is better than losing audio.
            self._commit_turn(turn, self.uplink.position, event.item_id, committed_to=turn.start)

    def _commit_turn(
        self, turn: CallerTurn, end: int, item_id: str, *, committed_to: int | None = None
    ) -> None:
        session, uplink = self.session, self.uplink
        turn.end, turn.item_id, turn.is_committed = end, item_id, True
        turn.phone_audio = uplink.retained.slice(turn.start, end)
        turn.format = session.audio.input_format
        turn.sent_audio = session.audio.sent_between(uplink.origin, turn.start, end)
        uplink.commit(end if committed_to is None else committed_to)
        session.audio.discard_sent(uplink.origin, uplink.committed_to)
        if session.wants_transcripts:
            session.missing_transcripts[item_id] = None
        span = "-".join(f"{position / PHONE.bytes_per_second:.2f}" for position in (turn.start, end))
        self.progress.note(f"turn {len(self.dialogue.turns)}: committed at {span} s")

    def _on_end_confirmed(self, event: ga.InputAudioBufferCleared) -> None:
        self.session.is_end_confirmed = self.session.is_end_requested

    def _on_transcription(self, event: Any) -> None:
        self.session.missing_transcripts.pop(event.item_id, None)

    def _on_response_created(self, event: ga.ResponseCreated) -> None:
        self._begin_answer(str(event.response.id))

    def _begin_answer(self, response_id: str) -> TurnAnswer:
        self.session.audio.reset_to_phone()
        answer = self.dialogue.begin_answer(response_id, self.session.audio.output_format)
        self.session.answers[response_id] = answer
        return answer

    def _on_audio_delta(self, event: ga.ResponseOutputAudioDelta) -> None:
        answer = self.session.answers.get(event.response_id) or self._begin_answer(event.response_id)
        answer.audio += event.delta
        answer.item_id = event.item_id
        self._play(answer, self.session.audio.to_phone(event.delta))
        # Audio counts as played once it is written to agent.wav.
        self.session.playback.played(nbytes=len(event.delta))

    def _on_audio_done(self, event: ga.ResponseOutputAudioDone) -> None:
        answer = self.session.answers.get(event.response_id)
        if answer is not None and not answer.is_done:
            answer.has_all_audio = True
            self._play(answer, self.session.audio.flush_to_phone())

    def _on_response_done(self, event: ga.ResponseDone) -> None:
        response = event.response
        answer = self.session.answers.get(str(response.id)) or self._begin_answer(str(response.id))
        if answer.is_done:
            return
        self._play(answer, self.session.audio.flush_to_phone())
        answer.transcript = self.session.transcript(answer)
        self.dialogue.end_answer(answer)
        details = response.status_details
        if isinstance(details, ga.StatusDetails):
            answer.is_interrupted = details.reason == _INTERRUPTED
            if (failure := details.error) is not None:
                line = f"{self._name(answer)} failed: {_error_text(failure)}"
                self.incidents.record("failed", snippet(failure.code or failure.type), line)
        self._note_answer(answer)

    def _play(self, answer: TurnAnswer, phone_audio: bytes) -> None:
        answer.phone_audio += phone_audio
        self.received_nbytes += len(phone_audio)
        self.record.agent.write(phone_audio)

    _HANDLERS: ClassVar[dict[type[ga.ServerEvent], Callable[[Any, Any], None]]] = {
        ga.SessionUpdated: _on_session_updated,
        ga.Error: _on_error,
        ga.InputAudioBufferSpeechStarted: _on_speech_started,
        ga.InputAudioBufferSpeechStopped: _on_speech_stopped,
        ga.InputAudioBufferCommitted: _on_committed,
        ga.InputAudioBufferCleared: _on_end_confirmed,
        ga.ConversationItemInputAudioTranscriptionCompleted: _on_transcription,
        ga.ConversationItemInputAudioTranscriptionFailed: _on_transcription,
        ga.ResponseCreated: _on_response_created,
        ga.ResponseOutputAudioDelta: _on_audio_delta,
        ga.ResponseOutputAudioDone: _on_audio_done,
        ga.ResponseDone: _on_response_done,
    }

    # --- Progress and timing ---

    def show_progress(self) -> None:
        """Show the seconds sent and received on the status line."""
        total_s = (self.recording_ms + LAST_SILENCE_MS) / 1000
        sent_s, received_s = (
            nbytes / PHONE.bytes_per_second for nbytes in (self.uplink.position, self.received_nbytes)
        )
        self.progress.show(f"{sent_s:5.1f} of {total_s:.1f} s sent, {received_s:.1f} s received")

    def _note_answer(self, answer: TurnAnswer) -> None:
        seconds = len(answer.phone_audio) / PHONE.bytes_per_second
        transcript = one_line(answer.transcript, MAX_MESSAGE_CHARS)
        self.progress.note(f"{self._name(answer)}: {seconds:.2f} s received: {transcript}")

    def _name(self, answer: TurnAnswer) -> str:
        return f"answer {answer.number}"

    def _timed(self, work: Callable[[Any], R], argument: object) -> R:
        """Return `work(argument)`, adding the time it takes to `codec_ns`."""
        start_ns = time.perf_counter_ns()
        try:
            return work(argument)
        finally:
            self.codec_ns += time.perf_counter_ns() - start_ns


def _error_text(error: Any) -> str:
    """Format an error's code, or its type, and its message for one line."""
    return one_line(f"{error.code or error.type}: {error.message}", MAX_MESSAGE_CHARS)
