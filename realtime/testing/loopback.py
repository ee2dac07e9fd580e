"""Loopback: one session as the server sees it, client frames in and server events out.

No sockets, no clock, no threads. Every client event has its method in the table at the
bottom; what a method refuses becomes an `error` event and changes nothing. Read `_listen`
for turns, `_history` for items and `_answer` for the order of a response's events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .. import spec
from .._types import Frame
from ..codec import decode_client
from ..errors import DecodeError
from ..events import (
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ConversationItemTruncate,
    ConversationItemTruncated,
    DurationUsage,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCleared,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    MessageItem,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    ServerEvent,
    ServerVad,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    Tagged,
    Unknown,
    UnknownEvent,
)
from ..format import AudioFormat
from . import _settings as settings
from ._answer import Answer
from ._history import Held, History, outline
from ._items import made_item, truncate
from ._listen import MAX_BUFFER_MS, InputBuffer, SpeechStarted
from ._refusal import Refusal, event_id_of, of_decode_error, unknown_type
from ._request import answer_to, check_ptime

DEFAULT_PTIME_MS: Final = 100


class Loopback:
    """One session of the loopback server, without I/O: it plays the caller's turns back.

    Send what `open` and `receive` return, in order. A `paced` session does not answer at
    once: as long as `answering` is true, `advance` returns the next `ptime_ms` of the answer.
    Settings that need a model or a clock (tools, speed, idle_timeout_ms...) are told back only.

    Raises:
        AudioError: `ptime_ms` is not a whole number of samples, or 0.
    """

    def __init__(
        self,
        *,
        model: str = spec.DEFAULT_MODEL,
        ptime_ms: float = DEFAULT_PTIME_MS,
        paced: bool = False,
        session_id: str = "sess_loopback",
        expires_at: int = 0,
    ) -> None:
        check_ptime(ptime_ms)
        self._settings = settings.default_settings(model, session_id, expires_at)
        self._history = History()
        self._input = InputBuffer(AudioFormat.PCM16)
        self._ptime_ms = ptime_ms
        self._paced = paced
        self._answer: Answer | None = None
        self._has_spoken = False
        self._next_item_id = ""
        self._serial = 0
        self._out: list[ServerEvent] = []

    def open(self) -> list[ServerEvent]:
        """What the server says first."""
        self._send(SessionCreated(session=self._settings))
        return self._sent()

    def receive(self, frame: Frame) -> list[ServerEvent]:
        """What the server says to a client's frame; what is wrong with it is an `error` event."""
        subject: Frame | ClientEvent = frame
        try:
            subject = decode_client(frame)
            _check_event_id(subject)
            self._handle(subject)
        except DecodeError as error:
            self._send(of_decode_error(error).event(event_id_of(frame)))
        except Refusal as refusal:
            self._send(refusal.event(event_id_of(subject)))
        return self._sent()

    @property
    def answering(self) -> bool:
        """Whether a response is under way."""
        return self._answer is not None

    def advance(self) -> list[ServerEvent]:
        """The next step of the response under way."""
        if self._answer is not None:
            self._send(*self._answer.step())
            if self._answer.finished:
                self._end_answer()
        return self._sent()

    # --- Sending ---

    def _send(self, *events: ServerEvent) -> None:
        for event in events:
            if not isinstance(event, Unknown):
                event.event_id = self._new_id("event")
            self._out.append(event)

    def _sent(self) -> list[ServerEvent]:
        sent, self._out = self._out, []
        return sent

    def _new_id(self, kind: str) -> str:
        self._serial += 1
        return f"{kind}_{self._serial:08}"

    # --- Receiving ---

    def _handle(self, event: ClientEvent) -> None:
        if isinstance(event, UnknownEvent):
            raise unknown_type(event.type, [str(kind.__struct_config__.tag) for kind in _HANDLERS])
        _HANDLERS[type(event)](self, event)

    def _update(self, event: SessionUpdate) -> None:
        new = settings.updated(self._settings, event)
        old_voice, new_voice = (settings.output_side(s).voice for s in (self._settings, new))
        if self._has_spoken and old_voice != new_voice:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise Refusal("cannot_update_voice", message, "session.audio.output.voice")
        self._change_input(settings.input_format(new), settings.turn_detection(new))
        self._settings = new
        self._send(SessionUpdated(session=new))

    def _change_input(self, fmt: AudioFormat, vad: ServerVad | None) -> None:
        if fmt is not self._input.format:
            heard = self._input.speaking or settings.turn_detection(self._settings) is None
            if heard and len(self._input):
                message = "The input format cannot change while there is audio in the input buffer."
                raise Refusal("invalid_value", message, "session.audio.input.format")
            self._input = InputBuffer(fmt, self._input.end_ms)
        elif vad is None:
            self._input.speaking = False

    # --- The input buffer ---

    def _append(self, event: InputAudioBufferAppend) -> None:
        self._check_append(event.audio)
        self._input.append(event.audio)
        vad = settings.turn_detection(self._settings)
        while vad is not None:
            edge = self._input.listen(vad)
            if edge is None:
                return
            if isinstance(edge, SpeechStarted):
                self._speech_started(edge.audio_start_ms, vad)
            else:
                self._speech_stopped(edge.audio_end_ms, vad)

    def _check_append(self, audio: bytes) -> None:
        fmt = self._input.format
        if len(audio) > spec.MAX_APPEND_BYTES:
            raise Refusal("invalid_value", "Invalid 'audio': more than 15 MiB in one append.", "audio")
        if len(audio) % fmt.sample_width:
            raise Refusal("invalid_value", f"Invalid 'audio': {len(audio)} bytes are half a sample.", "audio")
        if len(self._input) + len(audio) > fmt.chunk_bytes(MAX_BUFFER_MS):
            raise Refusal("invalid_value", "Invalid 'audio': the input buffer is full.", "audio")

    def _speech_started(self, audio_start_ms: int, vad: ServerVad) -> None:
        self._next_item_id = self._next_item_id or self._new_id("item")
        self._send(InputAudioBufferSpeechStarted(audio_start_ms=audio_start_ms, item_id=self._next_item_id))
        if vad.interrupt_response is not False:
            self._end_answer("turn_detected")

    def _speech_stopped(self, audio_end_ms: int, vad: ServerVad) -> None:
        self._send(InputAudioBufferSpeechStopped(audio_end_ms=audio_end_ms, item_id=self._next_item_id))
        self._commit_audio(self._input.take_turn(audio_end_ms))
        # Speech that may not interrupt an answer gets none of its own.
        if vad.create_response is not False and self._answer is None:
            self._respond(ResponseCreate())

    def _commit(self, event: InputAudioBufferCommit) -> None:
        fmt = self._input.format
        if len(self._input) < fmt.min_commit_bytes:
            has_ms = fmt.duration_ms(len(self._input))
            raise Refusal(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{spec.MIN_COMMIT_MS}ms of audio, but buffer only has {has_ms:.2f}ms of audio.",
            )
        self._commit_audio(self._input.take())

    def _commit_audio(self, audio: bytes) -> None:
        item = MessageItem(
            id=self._next_item_id or self._new_id("item"),
            object="realtime.item",
            status="completed",
            role="user",
            content=[InputAudio(audio=audio, transcript=None)],
        )
        self._next_item_id = ""
        held = Held(item, self._input.format)
        before = self._history.add(held)
        self._send(InputAudioBufferCommitted(previous_item_id=before, item_id=held.id))
        self._tell_item(held, before)
        if settings.input_side(self._settings).transcription:
            self._transcribe(held)

    def _transcribe(self, held: Held) -> None:
        seconds = held.format.duration_ms(len(held.audio)) / 1000
        transcript = f"({seconds:.2f} seconds of speech)"
        for part in held.parts:
            if isinstance(part, InputAudio):
                part.transcript = transcript
        self._send(
            ConversationItemInputAudioTranscriptionCompleted(
                item_id=held.id, content_index=0, transcript=transcript, usage=DurationUsage(seconds=seconds)
            )
        )

    def _clear(self, event: InputAudioBufferClear) -> None:
        self._input.clear()
        self._next_item_id = ""
        self._send(InputAudioBufferCleared())

    def _clear_output(self, event: OutputAudioBufferClear) -> None:
        raise Refusal("invalid_value", f"'{event.type}' is for WebRTC and SIP connections only.", "type")

    # --- The conversation ---

    def _tell_item(self, held: Held, before: str | None) -> None:
        item = outline(held.item)
        self._send(ConversationItemAdded(previous_item_id=before, item=item))
        self._send(ConversationItemDone(previous_item_id=before, item=item))

    def _create_item(self, event: ConversationItemCreate) -> None:
        held = made_item(event.item, self._input.format, self._new_id("item"))
        before = self._history.add(held, event.previous_item_id or None)
        self._tell_item(held, before)

    def _retrieve(self, event: ConversationItemRetrieve) -> None:
        self._send(ConversationItemRetrieved(item=self._history.find(event.item_id, "retrieve").item))

    def _delete(self, event: ConversationItemDelete) -> None:
        held = self._history.find(event.item_id, "delete")
        self._history.remove(held)
        self._send(ConversationItemDeleted(item_id=held.id))

    def _truncate(self, event: ConversationItemTruncate) -> None:
        held = self._history.find(event.item_id, "truncate")
        under_way = self._answer if self._answer is not None and self._answer.held is held else None
        if under_way is not None:
            under_way.settle("in_progress")
        nbytes = truncate(held, event)
        if under_way is not None:
            under_way.cut(nbytes)
        self._send(
            ConversationItemTruncated(
                item_id=held.id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
            )
        )

    # --- Responses ---

    def _respond(self, event: ResponseCreate) -> None:
        if self._answer is not None:
            raise Refusal(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{self._answer.response.id}. Wait until the response is finished before creating a new one.",
            )
        answer = answer_to(
            event.response or None,
            self._settings,
            self._history,
            response_id=self._new_id("resp"),
            item_id=self._new_id("item"),
            ptime_ms=self._ptime_ms,
        )
        if answer.in_conversation:
            answer.before_id = self._history.add(answer.held)
        self._answer = answer
        self._has_spoken = self._has_spoken or not answer.is_text
        self._send(*answer.begin())
        if not self._paced or answer.finished:
            self._say_the_rest(answer)

    def _say_the_rest(self, answer: Answer) -> None:
        while not answer.finished:
            self._send(*answer.step())
        self._end_answer()

    def _end_answer(self, cancelled: str | None = None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            self._send(*answer.end(cancelled))
            self._history.trim()

    def _cancel(self, event: ResponseCancel) -> None:
        wanted = event.response_id or (self._answer and self._answer.response.id)
        if self._answer is None or wanted != self._answer.response.id:
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        self._end_answer("client_cancelled")


def _check_event_id(event: ClientEvent) -> None:
    if not isinstance(event, Unknown) and len(event.event_id or "") > spec.MAX_EVENT_ID_CHARS:
        message = f"Invalid 'event_id': string too long, at most {spec.MAX_EVENT_ID_CHARS} characters."
        raise Refusal("string_above_max_length", message, "event_id")


# One line for each event that a client can send.
_HANDLERS: Final[dict[type[Tagged], Callable[[Loopback, Any], None]]] = {
    SessionUpdate: Loopback._update,
    InputAudioBufferAppend: Loopback._append,
    InputAudioBufferCommit: Loopback._commit,
    InputAudioBufferClear: Loopback._clear,
    OutputAudioBufferClear: Loopback._clear_output,
    ConversationItemCreate: Loopback._create_item,
    ConversationItemRetrieve: Loopback._retrieve,
    ConversationItemDelete: Loopback._delete,
    ConversationItemTruncate: Loopback._truncate,
    ResponseCreate: Loopback._respond,
    ResponseCancel: Loopback._cancel,
}
