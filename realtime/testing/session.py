"""The server side of one GA session: its state, and the effect of each client event.

Every client event has one method, listed in the table at the end of the file. An event that cannot be
accepted raises a `Refusal` before anything is changed. No I/O; the clock is an argument. Read `vad` for
turns, `response` for the order of events, and `settings` for `session.update`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .. import events as ga, spec
from .._guard import Frame
from ..format import AudioFormat, AudioFormatLike, session_format
from . import history, refusals, settings
from .history import History, StoredItem, TokenCount, audio_tokens, text_tokens, without_audio
from .rate_limits import RateLimiter, RateLimits
from .response import ActiveResponse, build_response, words
from .script import Script, check_script, reply_source
from .settings import SessionSettings, SessionType, check_ptime
from .vad import Detection, InputBuffer, server_vad_for

# Models that send a transcript in one delta and are billed by duration. Source: the API reference of
# conversation.item.input_audio_transcription.delta. Read 2026-11-25.
_UNSPLIT_TRANSCRIPTS: Final = frozenset({"whisper-1"})
# Responses outside of the conversation that may be in progress beside one in it. OpenAI documents no limit.
MAX_OUTSIDE: Final = 16


def numbered_id(kind: str, number: int) -> str:
    """Return an id as OpenAI's server has it: ``item_00000001``."""
    return f"{kind}_{number:08}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """The arguments of a `ServerProtocol`, which are the same for every dialect.

    Raises:
        AudioError: `ptime_ms` is 0 or not a whole number of samples.
    """

    model: str
    strict: bool
    ptime_ms: float
    paced: bool
    session_id: str
    expires_at: int
    session_type: SessionType
    script: Script | None
    rate_limits: RateLimits | None
    force_format: AudioFormatLike | None
    clock: Callable[[], float]
    formats: tuple[AudioFormat, AudioFormat] | None = None
    new_id: Callable[[str, int], str] = numbered_id
    # Live only: the settings of the session that this one is a fork of.
    origin: Any = None

    def __post_init__(self) -> None:
        check_ptime(self.ptime_ms)


class GaServerSession:
    """A realtime or transcription session in the GA dialect. Its events are passed to `emit`.

    Attributes:
        is_closed: always False; a client ends a GA session by closing the connection.
        formats: the formats of input and output, whatever the settings say; None for those of the settings.
            A change takes effect with the next update.
    """

    is_closed = False

    def __init__(self, options: SessionOptions, emit: Callable[[ga.ServerEvent], None]) -> None:
        self._emit_event = emit
        self._ptime_ms, self._paced, self._strict = options.ptime_ms, options.paced, options.strict
        self._replies = reply_source(check_script(options.script))
        self._limiter = RateLimiter(options.rate_limits, options.clock)
        self._history = History()
        self._input = InputBuffer(AudioFormat.PCM16)
        self._response: ActiveResponse | None = None
        # Those in progress outside of the conversation, by id.
        self._outside: dict[str, ActiveResponse] = {}
        # A voice cannot change once the assistant has spoken.
        self._has_spoken = False
        # The id of the item that the speech in progress will become.
        self._next_item_id = ""
        # The position in the input where the idle timeout begins; None while it is off.
        self._silent_since_ms: float | None = None
        self._serial = 0
        self._frame_nbytes = 0
        self._settings = settings.default_settings(
            options.model, options.session_id, options.expires_at, options.session_type
        )
        self.formats = options.formats
        self._id_of = options.new_id
        forced = options.force_format
        self._forced_format = None if forced is None else AudioFormat.of(forced)
        self._apply_settings(self._settings)

    @property
    def is_responding(self) -> bool:
        """True while a response is in progress."""
        return self._response is not None or bool(self._outside)

    def open(self) -> None:
        """Emit the first event."""
        self._emit(ga.SessionCreated(session=self._settings))

    def handle(self, event: Any, frame: Frame = b"") -> None:
        """Handle a client event.

        Raises:
            Refusal: the event is rejected, and nothing has changed.
        """
        self._frame_nbytes = len(frame)
        if self._strict and type(event) in _STRICT_CHECKS:
            _STRICT_CHECKS[type(event)](self, event)
        _HANDLERS[type(event)](self, event)

    def refuse(self, error: ga.Error) -> None:
        """Emit an error about a client event."""
        self._emit(error)

    def advance(self) -> None:
        """Emit the next step of each response in progress."""
        for response in self._responses():
            self._emit(*response.step())
            if response.is_finished:
                self._end_response(response)

    def _responses(self) -> list[ActiveResponse]:
        """Return the responses in progress, that of the conversation first."""
        return [*([] if self._response is None else [self._response]), *self._outside.values()]

    def _emit(self, *events: ga.ServerEvent) -> None:
        for event in events:
            self._emit_event(event)

    def _new_id(self, kind: str) -> str:
        """Return an id that no item in the history has."""
        while True:
            self._serial += 1
            found = self._id_of(kind, self._serial)
            if found not in self._history:
                return found

    # --- Settings ---

    def _update_session(self, event: ga.SessionUpdate) -> None:
        new = settings.updated(self._settings, event)
        if self._has_spoken and _voice(self._settings) != _voice(new):
            raise refusals.VOICE_LOCKED()
        self._apply_settings(new)
        self._emit(ga.SessionUpdated(session=self._settings))

    def _apply_settings(self, new: SessionSettings) -> None:
        if self._forced_format is not None:
            new = settings.with_format(new, self._forced_format)
        stated = session_format(new, "input") if self.formats is None else self.formats[0]
        format = stated or AudioFormat.PCM16
        if format != self._input.format:
            is_audio_needed = self._input.is_speaking or _turn_detection(self._settings) is None
            if is_audio_needed and len(self._input):
                raise refusals.INPUT_FORMAT_LOCKED()
            self._input = InputBuffer(format, self._input.end_ms)
        elif _turn_detection(new) is None:
            self._input.cancel_turn()
        self._settings = new

    # --- Input audio ---

    def _append(self, event: ga.InputAudioBufferAppend) -> None:
        buffer = self._input
        refusals.check_append(event.audio, buffer.format, buffer.max_bytes - len(buffer))
        buffer.append(event.audio)
        vad = _turn_detection(self._settings)
        while vad is not None:
            silent_since_ms = None if self._response is not None else self._silent_since_ms
            detection = buffer.detect(vad, silent_since_ms)
            if detection is None:
                return
            self._detected(detection, vad)

    def _detected(self, detection: Detection, vad: ga.ServerVad) -> None:
        """Emit a detection. Speech may interrupt a response; its end, or a timeout, commits the audio."""
        self._next_item_id = detection.item_id = self._next_item_id or self._new_id("item")
        self._emit(detection)
        if isinstance(detection, ga.InputAudioBufferSpeechStarted):
            self._silent_since_ms = None
            if vad.interrupt_response is not False and self._response is not None:
                self._end_response(self._response, "turn_detected")
            return
        is_timeout = isinstance(detection, ga.InputAudioBufferTimeoutTriggered)
        if is_timeout:
            self._silent_since_ms = None
        self._commit_audio(self._input.take_turn(detection.audio_end_ms))
        # A turn that did not interrupt the response in progress gets no response of its own.
        has_responses = isinstance(self._settings, ga.RealtimeSessionInfo) and self._response is None
        if has_responses and (is_timeout or vad.create_response is not False):
            self._create_response(ga.ResponseCreate())

    def _commit(self, event: ga.InputAudioBufferCommit) -> None:
        format = self._input.format
        if len(self._input) < format.min_commit_bytes:
            buffer_ms = format.duration_ms(len(self._input))
            raise refusals.INPUT_BUFFER_TOO_SMALL(min_ms=spec.MIN_COMMIT_MS, buffer_ms=buffer_ms)
        self._commit_audio(self._input.take())

    def _commit_audio(self, audio: bytes) -> None:
        item = ga.MessageItem(
            id=self._next_item_id or self._new_id("item"),
            object="realtime.item",
            status="completed",
            role="user",
            content=[ga.InputAudio(audio=audio, transcript=None)],
        )
        self._next_item_id = ""
        stored = StoredItem(item, self._input.format)
        previous = self._history.add(stored)
        self._emit(ga.InputAudioBufferCommitted(previous_item_id=previous, item_id=stored.id))
        self._emit_item(stored, previous)
        transcription = settings.input_settings(self._settings).transcription
        if isinstance(transcription, ga.Transcription):
            self._transcribe(stored, transcription.model or "")

    def _transcribe(self, stored: StoredItem, model: str) -> None:
        seconds = stored.format.duration_ms(stored.audio_nbytes) / 1000
        transcript = f"({seconds:.2f} seconds of speech)"
        for part in stored.parts:
            if isinstance(part, ga.InputAudio):
                part.transcript = transcript
        is_unsplit = model in _UNSPLIT_TRANSCRIPTS
        for piece in [transcript] if is_unsplit else words(transcript):
            self._emit(
                ga.ConversationItemInputAudioTranscriptionDelta(
                    item_id=stored.id, content_index=0, delta=piece
                )
            )
        usage = ga.DurationUsage(seconds=seconds) if is_unsplit else _transcription_usage(stored, transcript)
        self._emit(
            ga.ConversationItemInputAudioTranscriptionCompleted(
                item_id=stored.id, content_index=0, transcript=transcript, usage=usage
            )
        )

    def _clear(self, event: ga.InputAudioBufferClear) -> None:
        self._input.clear()
        self._next_item_id = ""
        self._emit(ga.InputAudioBufferCleared())

    def _clear_output(self, event: ga.OutputAudioBufferClear) -> None:
        raise refusals.NOT_ON_WEBSOCKET(value=event.type)

    # --- Items ---

    def _emit_item(self, stored: StoredItem, previous_item_id: str | None) -> None:
        item = without_audio(stored.item)
        self._emit(
            ga.ConversationItemAdded(previous_item_id=previous_item_id, item=item),
            ga.ConversationItemDone(previous_item_id=previous_item_id, item=item),
        )

    def _create_item(self, event: ga.ConversationItemCreate) -> None:
        stored = history.store_item(event.item, self._input.format, self._new_id("item"))
        stored.frame_nbytes = self._frame_nbytes
        if self._is_reserved(stored.id):
            raise refusals.ITEM_EXISTS(value=stored.id)
        previous = self._history.add(stored, event.previous_item_id or None)
        self._emit_item(stored, previous)

    def _is_reserved(self, item_id: str) -> bool:
        """Return True if an item that is not in the history yet will have this id."""
        outputs = (output for response in self._responses() for output in response.outputs)
        return item_id == self._next_item_id or any(item_id == output.stored.id for output in outputs)

    def _retrieve_item(self, event: ga.ConversationItemRetrieve) -> None:
        stored = self._history.find(event.item_id, "retrieve")
        self._emit(ga.ConversationItemRetrieved(item=stored.item))

    def _delete_item(self, event: ga.ConversationItemDelete) -> None:
        stored = self._history.find(event.item_id, "delete")
        self._history.remove(stored)
        self._emit(ga.ConversationItemDeleted(item_id=stored.id))

    def _truncate_item(self, event: ga.ConversationItemTruncate) -> None:
        stored = self._history.find(event.item_id, "truncate")
        output = self._response.current_output(stored) if self._response is not None else None
        item = stored.item
        if output is not None:
            output.update_item("in_progress")
        try:
            nbytes = history.truncate(stored, event, needs_audio=self._strict)
        except refusals.Refusal:
            stored.item = item
            raise
        if output is not None:
            output.truncate(nbytes)
        self._history.update(stored)
        self._emit(
            ga.ConversationItemTruncated(
                item_id=stored.id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
            )
        )

    # --- What only a strict session refuses ---

    def _check_update(self, event: ga.SessionUpdate) -> None:
        settings.check_reasoning(self._settings, event.session, "session")

    def _check_create(self, event: ga.ConversationItemCreate) -> None:
        history.check_item(event.item, self._history)

    def _check_response(self, event: ga.ResponseCreate) -> None:
        params = event.response or ga.ResponseParams()
        settings.check_reasoning(self._settings, params, "response")
        for index, item in enumerate(params.input or ()):
            if isinstance(item, ga.MessageItem):
                history.check_parts(item, f"response.input[{index}]")

    # --- Responses ---

    def _create_response(self, event: ga.ResponseCreate) -> None:
        """Begin a response; if the session is not paced, send all of it."""
        if not isinstance(self._settings, ga.RealtimeSessionInfo):
            raise refusals.NO_RESPONSES()
        is_outside = (event.response or ga.ResponseParams()).conversation == "none"
        if is_outside and len(self._outside) == MAX_OUTSIDE:
            raise refusals.RESPONSE_ACTIVE(response_id=next(iter(self._outside)))
        if not is_outside and self._response is not None:
            raise refusals.RESPONSE_ACTIVE(response_id=self._response.id)
        response = build_response(
            event.response or None,
            self._settings,
            self._history,
            self._replies,
            new_id=self._new_id,
            ptime_ms=self._ptime_ms,
            formats=self.formats,
        )
        exceeded = self._limiter.start_response(sum(response.context))
        if exceeded is not None:
            response.outputs, response.failure, response.context = [], exceeded, TokenCount()
        if is_outside:
            self._outside[response.id] = response
        else:
            self._response, self._silent_since_ms = response, None
        self._has_spoken = self._has_spoken or response.has_audio
        self._emit(*response.begin(self._limiter.event()))
        if not self._paced or response.is_finished:
            while not response.is_finished:
                self._emit(*response.step())
            self._end_response(response)

    def _cancel_response(self, event: ga.ResponseCancel) -> None:
        """End a response by its id; without one, that of the conversation."""
        response = self._response
        if event.response_id:
            response = next((found for found in self._responses() if found.id == event.response_id), None)
        if response is None:
            raise refusals.NO_ACTIVE_RESPONSE()
        self._end_response(response, "client_cancelled")

    def _end_response(self, response: ActiveResponse, cancel_reason: str | None = None) -> None:
        if self._outside.pop(response.id, None) is None:
            self._response = None
        self._emit(*response.end(cancel_reason))
        self._limiter.finish_response(response.usage().total_tokens or 0)
        if response.store is None:
            return
        for output in response.outputs:
            self._history.update(output.stored)
        # The idle timeout begins when the client has played the response. A paced response was
        # played while it was sent.
        unplayed_ms = 0.0 if self._paced else response.audio_ms
        self._silent_since_ms = self._input.end_ms + unplayed_ms


def _turn_detection(session: SessionSettings) -> ga.ServerVad | None:
    return server_vad_for(settings.input_settings(session).turn_detection)


def _voice(session: SessionSettings) -> object:
    return settings.output_settings(session).voice if isinstance(session, ga.RealtimeSessionInfo) else None


def _transcription_usage(stored: StoredItem, transcript: str) -> ga.TranscriptionUsage:
    input_tokens = audio_tokens(stored.audio_nbytes, stored.format, spec.USER_AUDIO_MS_PER_TOKEN)
    output_tokens = text_tokens(transcript)
    return ga.TokenUsage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens,
        input_token_details=ga.TranscriptionTokenDetails(text_tokens=0, audio_tokens=input_tokens),
    )


# One line for each event that a client can send.
_HANDLERS: Final[dict[type[ga.Tagged], Callable[[GaServerSession, Any], None]]] = {
    ga.SessionUpdate: GaServerSession._update_session,
    ga.InputAudioBufferAppend: GaServerSession._append,
    ga.InputAudioBufferCommit: GaServerSession._commit,
    ga.InputAudioBufferClear: GaServerSession._clear,
    ga.OutputAudioBufferClear: GaServerSession._clear_output,
    ga.ConversationItemCreate: GaServerSession._create_item,
    ga.ConversationItemRetrieve: GaServerSession._retrieve_item,
    ga.ConversationItemDelete: GaServerSession._delete_item,
    ga.ConversationItemTruncate: GaServerSession._truncate_item,
    ga.ResponseCreate: GaServerSession._create_response,
    ga.ResponseCancel: GaServerSession._cancel_response,
}
CLIENT_EVENTS: Final = tuple(_HANDLERS)
# Run before the handler in a strict session.
_STRICT_CHECKS: Final[dict[type[ga.Tagged], Callable[[GaServerSession, Any], None]]] = {
    ga.SessionUpdate: GaServerSession._check_update,
    ga.ConversationItemCreate: GaServerSession._check_create,
    ga.ResponseCreate: GaServerSession._check_response,
}
