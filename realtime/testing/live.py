"""The Live dialect: a session whose clock is its input.

Each step takes `ptime_ms` of input and emits as much output, silence included: without input there is no
output. User turns are found in the input by voice activity detection. The model's decisions are scripted: its
words and its delegations. No I/O and no clock. Read `backend` for delegated responses, `script` for replies.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET

from .. import events as ga, spec
from .._bounded import BoundedDict
from .._guard import Frame
from ..audio import Converter, convert
from ..codec import encode_json
from ..errors import ConfigError
from ..events import live as wire
from ..format import AudioFormat, session_format
from ..validate_live import FIXTURE_FORMAT, backend_problems, json_object, validate_live_session
from . import refusals
from .backend import Backend, response_usage
from .script import (
    MAX_SILENCE_MS,
    MS_PER_WORD,
    Delegate,
    Parts,
    Say,
    Transcribe,
    Turn,
    check_script,
    reply_source,
)
from .session import SessionOptions, numbered_id
from .settings import with_vad_defaults
from .vad import InputBuffer

# pipecat-ai 1.14.0, services/openai/live: the fragments of transcripts begin on frames of 200 ms. Read 2026-11-29.
FRAME_MS: Final = 200
# Travizm/dsh-openai-live, docs/protocol.md: usage is reported about every 15 s. Read 2026-11-29.
USAGE_INTERVAL_MS: Final = 15_000
# pipecat-ai 1.14.0, services/openai/live: the end of a session takes at most about 10 s. Read 2026-11-29.
MAX_DRAIN_MS: Final = 10_000
# The time that an appended text takes on the session's clock.
APPEND_MS: Final = FRAME_MS
# The silence that ends the user's turn.
TURN_SILENCE_MS: Final = 500
# Input that waits for its step in a paced session.
MAX_BUFFER_MS: Final = 600_000
# A turn that lasts longer is ended, so that endless speech does not exhaust the memory.
MAX_TURN_MS: Final = 600_000
# Speech that waits to be sent; more is dropped.
MAX_SPEECH_MS: Final = 600_000
# Appended texts that wait for the clock.
MAX_PENDING_APPENDS: Final = 100
# Delegations, items of decisions and ids that a session remembers.
MAX_REMEMBERED: Final = 10_000
_VAD: Final = with_vad_defaults(
    ga.ServerVad(silence_duration_ms=TURN_SILENCE_MS, prefix_padding_ms=0, idle_timeout_ms=None)
)
# A word without audio is a tone at -20 dBFS, then a pause: speech must be audible.
_TONE_HZ, _TONE_MS, _TONE_PEAK = 220, 240, 4_600


class LiveServerSession:
    """A session in the Live dialect. Its events are passed to `emit`.

    The user's speech ends after 500 ms of silence, and stops the model's. Without a script the turn is
    repeated. Rate limits, session types and forced formats do not apply.

    Attributes:
        is_closed: True once `session.closed` has been sent.
        settings: the session as events show it; None before it has started.
        sidebands: the connections that are attached to the session.
    """

    def __init__(self, options: SessionOptions, emit: Callable[[wire.ServerEvent], None]) -> None:
        self._emit_event = emit
        self._options = options
        self.sidebands: list[LiveSideband] = []
        script = check_script(options.script)
        # The replies of a list are known before the turn that they answer has ended, and so are its words.
        self._planned: deque[Parts] = deque() if script is None or callable(script) else deque(script)  # type: ignore[arg-type]
        self._reply_to = reply_source(script if callable(script) else None)
        self.settings: wire.LiveSessionInfo | None = None
        self._serial = 0
        self._is_closing = False
        self._close_id: str | None = None
        self.is_closed = False
        self._begin(AudioFormat.PCM16)

    def _begin(self, format: AudioFormat) -> None:
        self._format = format
        self._step_bytes = format.chunk_bytes(self._options.ptime_ms)
        self._pending = bytearray()
        self._nbytes = 0
        self._input = InputBuffer(format)
        self._is_muted = False
        self._speech: deque[_Utterance] = deque()
        self._speech_bytes = 0
        self._fixture: _Utterance | None = None
        self._drained_ms = 0.0
        self._appends: deque[_Append] = deque()
        self._delegations: BoundedDict[str, None] = BoundedDict(MAX_REMEMBERED)
        self._reply: Parts | None = None
        self._turn_start_ms = 0
        self._user_words: _Words | None = None
        self._is_first = {"user": True, "assistant": True}
        self._decision_items: BoundedDict[str, None] = BoundedDict(MAX_REMEMBERED)
        self._decision_ids: BoundedDict[str, None] = BoundedDict(MAX_REMEMBERED)
        self._backend = Backend(self._emit, self._new_id)

    @property
    def is_responding(self) -> bool:
        """True while there is input for a step, or the end of the session to send."""
        return not self.is_closed and (self._is_closing or len(self._pending) >= self._step_bytes)

    @property
    def _now_ms(self) -> int:
        return math.floor(self._nbytes * 1000 / self._format.bytes_per_second)

    def open(self) -> None:
        """Emit nothing: the client begins."""

    def handle(self, event: Any, frame: Frame) -> None:
        """Handle a client event, which was decoded from `frame`.

        Raises:
            Refusal: the event is rejected, and nothing has changed.
        """
        is_start = isinstance(event, wire.SessionStart)
        if self.settings is None and not is_start:
            raise refusals.NOT_STARTED()
        if self._is_closing:
            if isinstance(event, wire.SessionInputAudioAppend):
                return  # on its way when the client closed
            raise refusals.SESSION_CLOSING()
        _HANDLERS[type(event)](self, event, frame)
        if not self._options.paced:
            while self.is_responding:
                self.advance()

    def refuse(self, error: ga.Error) -> None:
        """Emit an error about a client event."""
        self._emit_event(_live_error(error))

    def advance(self) -> None:
        """Take a step of input, and emit the output of the same time."""
        if not self.is_responding:
            return
        if self._is_closing:
            self._drain()
            return
        chunk = bytes(self._pending[: self._step_bytes])
        del self._pending[: self._step_bytes]
        if self._is_muted or self._fixture is not None:
            chunk = self._silence(len(chunk))
        start_ms = self._now_ms
        self._nbytes += len(chunk)
        self._listen(chunk)
        self._acknowledge_appends()
        self._emit_output(start_ms)
        if self._now_ms // USAGE_INTERVAL_MS > start_ms // USAGE_INTERVAL_MS:
            self._emit(wire.SessionUsageUpdated(usage=self._usage()))

    def _drain(self) -> None:
        """Emit the rest of the speech, then the end of the session."""
        if self._speech and self._drained_ms < MAX_DRAIN_MS:
            start_ms = self._now_ms
            self._nbytes += self._step_bytes
            self._drained_ms += self._options.ptime_ms
            self._emit_output(start_ms)
            return
        self.end("close_requested", self._close_id)

    def disconnect(self) -> None:
        """End a session whose connection is lost."""
        if self.settings is not None and not self.is_closed:
            self.end("connection_lost")

    def end(self, reason: str, client_event_id: str | None = None) -> None:
        """Emit the end of the session."""
        self.is_closed = True
        self._emit(
            wire.SessionClosed(
                reason=reason, usage=self._usage(), session=self.settings, client_event_id=client_event_id
            )
        )

    def _emit(self, event: wire.ServerEvent) -> None:
        self._emit_event(event)
        for sideband in self.sidebands:
            sideband.observe(event, self._now_ms)

    def _new_id(self, kind: str) -> str:
        self._serial += 1
        return numbered_id(kind, self._serial)

    def _usage(self) -> wire.LiveUsage:
        return wire.LiveUsage(seconds=math.ceil(self._now_ms / 1000))

    def _silence(self, nbytes: int) -> bytes:
        return self._format.silence_sample * (nbytes // self._format.sample_width)

    # --- The user ---

    def _listen(self, chunk: bytes) -> None:
        """Find the user's turns in the input, and answer those that have ended."""
        self._input.append(chunk)
        while (detection := self._input.detect(_VAD)) is not None:
            if isinstance(detection, ga.InputAudioBufferSpeechStarted):
                if self._fixture is None:
                    self._stop_speech()
                self._start_turn(detection.audio_start_ms)
            elif isinstance(detection, ga.InputAudioBufferSpeechStopped):
                self._end_turn(detection.audio_end_ms)
        if self._input.is_speaking and self._now_ms - self._turn_start_ms >= MAX_TURN_MS:
            self._end_turn(self._now_ms)
        if self._user_words is not None:
            # The pause that may end the turn is not part of it.
            self._transcribe(self._user_words.take(self._now_ms - TURN_SILENCE_MS))

    def _start_turn(self, start_ms: int) -> None:
        self._reply = self._planned.popleft() if self._planned else None
        given = _transcript(self._reply or ())
        words = (f"word{number}" for number in itertools.count(1)) if given is None else iter(given.split())
        is_known = given is not None or not callable(self._options.script)
        self._user_words = _Words(words, start_ms, MS_PER_WORD) if is_known else None
        self._turn_start_ms = start_ms

    def _end_turn(self, end_ms: int) -> None:
        audio = self._input.take_turn(end_ms)[: -self._format.chunk_bytes(TURN_SILENCE_MS)]
        turn = Turn(audio, self._format, "")
        reply = self._reply_to(turn) if self._reply is None else self._reply
        spoken_ms = end_ms - TURN_SILENCE_MS
        given = _transcript(reply)
        words = self._user_words
        if words is None and given is not None:
            words = _Words(iter(given.split()), self._turn_start_ms, MS_PER_WORD)
        if words is not None:
            self._transcribe(words.take(spoken_ms))
            if given is not None:
                self._transcribe(words.rest(spoken_ms))
        self._reply = self._user_words = None
        self._answer(reply)

    def _transcribe(self, fragments: Iterator[tuple[int, list[str]]]) -> None:
        for start_ms, words in fragments:
            delta = self._joined("user", words)
            self._emit(
                wire.SessionInputTranscriptDelta(delta=delta, start_ms=start_ms, end_ms=start_ms + FRAME_MS)
            )

    def _joined(self, speaker: str, words: list[str]) -> str:
        space, self._is_first[speaker] = "" if self._is_first[speaker] else " ", False
        return space + " ".join(words)

    def _answer(self, reply: Parts) -> None:
        """Speak the messages of a reply to the user, and delegate the rest."""
        for part in reply:
            if isinstance(part, Say):
                self._say(part)
        delegated = tuple(part for part in reply if not isinstance(part, (Say, Transcribe)))
        if delegated:
            self._delegate(delegated)

    # --- The model's voice ---

    def _say(self, message: Say) -> None:
        if self._speech_bytes > self._format.chunk_bytes(MAX_SPEECH_MS):
            return
        words = message.text.split()
        has_audio = message.audio is not None
        audio = message.render(self._format) if has_audio else _tones(self._format, len(words))
        self._queue_speech(_Utterance(audio, words))

    def _queue_speech(self, utterance: _Utterance) -> None:
        self._speech.append(utterance)
        self._speech_bytes += len(utterance.audio)

    def _stop_speech(self) -> None:
        self._speech.clear()
        self._speech_bytes = 0

    def _emit_output(self, start_ms: int) -> None:
        """Emit the speech of one step with the words of each frame that begins in it; silence after it."""
        chunk, finished = bytearray(), []
        while self._speech and len(chunk) < self._step_bytes and not self._input.is_speaking:
            utterance = self._speech[0]
            begins_ms = start_ms + len(chunk) * 1000 / self._format.bytes_per_second
            chunk += utterance.take(self._step_bytes - len(chunk), begins_ms, self._format)
            assert utterance.words is not None
            is_finished = utterance.is_finished
            fragments = (
                utterance.words.rest(self._now_ms) if is_finished else utterance.words.take(self._now_ms)
            )
            for frame_ms, words in fragments:
                delta = self._joined("assistant", words)
                self._emit(
                    wire.SessionOutputTranscriptDelta(
                        delta=delta, start_ms=frame_ms, end_ms=frame_ms + FRAME_MS
                    )
                )
            if is_finished:
                finished.append(self._speech.popleft())
                self._speech_bytes -= len(utterance.audio)
        chunk += self._silence(self._step_bytes - len(chunk))
        self._emit(wire.SessionOutputAudioDelta(delta=bytes(chunk)))
        if self._fixture in finished:
            self._fixture = None
            self._emit(wire.SessionOutputAudioFixturePlayed())

    # --- Client events: the session ---

    def _start(self, event: wire.SessionStart, frame: Frame) -> None:
        if self.settings is not None:
            raise refusals.ALREADY_STARTED()
        options, new = self._options, event.session
        if not new.model and options.origin is None:
            raise refusals.MISSING_PARAMETER(param="session.model")
        try:
            validate_live_session(new, is_fork=options.origin is not None)
        except ConfigError as error:
            raise _settings_refusal(error, new) from None
        complete = _complete(new) if options.origin is None else _forked(options.origin, new)
        self.settings = wire.LiveSessionInfo(
            id=options.session_id, expires_at=options.expires_at, status="active", **complete
        )
        self._begin(session_format(self.settings, "output") or AudioFormat.PCM16)
        self._emit(wire.SessionStarted(session=self.settings, client_event_id=_id_of(event)))

    def _update(self, event: wire.SessionUpdate, frame: Frame) -> None:
        for name in json_object(frame).get("session") or ():
            if name in _FIXED:
                raise refusals.FIELD_IMMUTABLE(param=f"session.{name}")
        assert self.settings is not None
        new, current = event.session, self.settings.delegation
        changed: dict[str, Any] = {}
        if new.triggers is not UNSET:
            changed["triggers"] = new.triggers or []
        if new.delegation:
            changed["delegation"] = _merged(current, new.delegation)
        self.settings = msgspec.structs.replace(self.settings, **changed)
        self._emit(wire.SessionUpdated(session=self.settings, client_event_id=_id_of(event)))

    def _close(self, event: wire.SessionClose, frame: Frame) -> None:
        self._is_closing, self._close_id = True, _id_of(event)
        self._input.clear()  # a turn in progress would hold back the speech
        for pending in self._appends:
            self._emit(_live_error(refusals.SESSION_CLOSING().event(_id_of(pending.event))))

    # --- Client events: audio ---

    def _append(self, event: wire.SessionInputAudioAppend, frame: Frame) -> None:
        if not event.audio:
            raise refusals.INVALID_AUDIO(reason="it is empty")
        if len(event.audio) % self._format.sample_width:
            raise refusals.INVALID_AUDIO(reason=f"{len(event.audio)} bytes are not a whole number of samples")
        free_bytes = self._format.chunk_bytes(MAX_BUFFER_MS) - len(self._pending)
        refusals.check_append(event.audio, self._format, free_bytes)
        self._pending += event.audio
        for sideband in self.sidebands:
            sideband.observe(event, self._now_ms)

    def _mute(self, event: wire.SessionInputAudioMute, frame: Frame) -> None:
        self._is_muted = True
        self._emit(wire.SessionInputAudioMuted(client_event_id=_id_of(event)))

    def _unmute(self, event: wire.SessionInputAudioUnmute, frame: Frame) -> None:
        self._is_muted = False
        self._emit(wire.SessionInputAudioUnmuted(client_event_id=_id_of(event)))

    def _play(self, event: wire.SessionOutputAudioFixturePlay, frame: Frame) -> None:
        audio, format = event.audio, FIXTURE_FORMAT
        if self._fixture is not None:
            raise refusals.FIXTURE_ACTIVE()
        if not audio or len(audio) % format.sample_width:
            raise refusals.INVALID_AUDIO(reason="it must be PCM16 at 24 kHz, and not empty")
        if format.duration_ms(len(audio)) > spec.MAX_LIVE_FIXTURE_MS:
            raise refusals.INVALID_AUDIO(reason=f"it is longer than {spec.MAX_LIVE_FIXTURE_MS} ms")
        self._stop_speech()
        self._input.clear()
        self._reply = self._user_words = None
        self._fixture = _Utterance(convert(audio, format, self._format), [])
        self._queue_speech(self._fixture)
        self._emit(wire.SessionOutputAudioFixturePlaying(client_event_id=_id_of(event)))

    # --- Client events: appended text ---

    def _append_text(self, event: wire.AppendedText, frame: Frame) -> None:
        if self._fixture is not None:
            raise refusals.FIXTURE_ACTIVE()
        if len(event.content) > spec.MAX_LIVE_CONTENT_CHARS:
            raise refusals.CONTENT_TOO_LONG()
        if len(self._appends) >= MAX_PENDING_APPENDS:
            raise refusals.APPENDS_PENDING(limit=MAX_PENDING_APPENDS)
        if event.delegation_id:
            if self._mode != "client":
                raise refusals.DELEGATION_NOT_ALLOWED()
            if event.delegation_id not in self._delegations:
                raise refusals.DELEGATION_NOT_FOUND(value=event.delegation_id)
        self._appends.append(_Append(event, self._now_ms))

    def _acknowledge_appends(self) -> None:
        """Emit the answers to the appended texts whose time has come. Commentary is spoken then."""
        while self._appends and self._appends[0].start_ms + APPEND_MS <= self._now_ms:
            append = self._appends.popleft()
            event, start_ms = append.event, append.start_ms
            self._emit(
                _APPENDED[type(event)](
                    start_ms=start_ms, end_ms=start_ms + APPEND_MS, client_event_id=_id_of(event)
                )
            )
            if isinstance(event, wire.SessionCommentaryAppend):
                self._say(Say(event.content))
            elif isinstance(event, wire.SessionInstructionsAppend):
                self._stop_speech()

    # --- Client events: delegated work ---

    @property
    def _mode(self) -> str:
        assert self.settings is not None
        assert isinstance(self.settings.delegation, wire.KnownDelegation)
        return self.settings.delegation.type

    def _delegate(self, parts: Parts) -> None:
        """Emit a delegation; in the mode "responses", also the response of the backend."""
        mode, delegation_id = self._mode, self._new_id("delegation")
        self._delegations[delegation_id] = None
        response_id = self._new_id("resp") if mode == "responses" else None
        self._emit(
            wire.SessionDelegationCreated(
                delegation=wire.DelegationInfo(
                    id=delegation_id, type="delegation", target=mode, response_id=response_id
                ),
                offset_ms=self._now_ms,
            )
        )
        if response_id is not None:
            self._respond(delegation_id, response_id, parts)
        elif mode == "decisions":
            self._emit(wire.DecisionEvent(delegation_id=delegation_id, event=self._decision()))

    def _respond(self, delegation_id: str | None, response_id: str, parts: Parts) -> None:
        """Emit a response of the backend, and speak its text."""
        texts = [Say(part.text) if isinstance(part, Delegate) else part for part in parts]
        outputs = tuple(
            part for part in texts if not (isinstance(part, Say) and not part.text and not part.audio)
        )
        self._backend.respond(delegation_id, response_id, self._backend_model(), outputs)
        for part in outputs:
            if isinstance(part, Say):
                self._say(part)

    def _backend_model(self) -> str:
        assert self.settings is not None
        config = getattr(self.settings.delegation, self._mode, None)
        return getattr(config, "model", None) or ""

    def _create_item(self, event: wire.ResponseItemCreate, frame: Frame) -> None:
        self._require_responses(event)
        self._backend.add(event.item)

    def _create_response(self, event: wire.ResponseCreate, frame: Frame) -> None:
        self._require_responses(event)
        delegation_id, text = self._backend.take_input()
        turn = Turn(b"", self._format, text)
        reply = self._planned.popleft() if self._planned else self._reply_to(turn)
        self._respond(delegation_id, self._new_id("resp"), reply)

    def _require_responses(self, event: Any) -> None:
        if self._mode != "responses":
            raise refusals.RESPONSES_DELEGATION_REQUIRED(value=event.type)

    # --- Client events: decisions ---

    def _create_decision(self, event: wire.DecisionCreate, frame: Frame) -> None:
        if self._mode != "decisions":
            raise refusals.DECISIONS_DELEGATION_REQUIRED(value=event.type)
        if not event.event_id:
            raise refusals.MISSING_PARAMETER(param="event_id")
        if event.event_id in self._decision_ids:
            raise refusals.EVENT_ID_USED(value=event.event_id)
        self._decision_ids[event.event_id] = None
        self._emit(wire.DecisionEvent(event=self._decision()))

    def _create_decision_item(self, event: wire.DecisionItemCreate, frame: Frame) -> None:
        members = json_object(encode_json(event.item))
        item_id = str(members.get("id") or self._new_id("item"))
        self._decision_items[item_id] = None
        if isinstance(event.item, wire.UnknownItem):
            item: Any = wire.UnknownItem(event.item.type, encode_json({**members, "id": item_id}))
        else:
            item = msgspec.structs.replace(event.item, id=item_id)
        self._emit(wire.DecisionItemCreated(item=item, client_event_id=_id_of(event)))

    def _delete_decision_item(self, event: wire.DecisionItemDelete, frame: Frame) -> None:
        if event.item_id not in self._decision_items:
            raise refusals.DECISION_ITEM_NOT_FOUND(value=event.item_id)
        del self._decision_items[event.item_id]
        self._emit(wire.DecisionItemDeleted(item_id=event.item_id, client_event_id=_id_of(event)))

    def _decision(self) -> wire.DecisionCompleted:
        usage = msgspec.convert(response_usage(output_tokens=0), wire.DecisionUsage)
        decision = wire.Decision(answers=[], model=self._backend_model(), usage=usage)
        return wire.DecisionCompleted(decision=decision)


class LiveSideband:
    """A connection that is attached to a session: it receives its events and sends commands, but no audio.

    Audio of both directions is PCM16 at 24 kHz, whatever the session's format.
    """

    def __init__(self, primary: LiveServerSession, emit: Callable[[Any], None]) -> None:
        self._primary = primary
        self._emit = emit
        self._format = session_format(primary.settings, "output") or AudioFormat.PCM16
        self._converters = {kind: Converter(self._format, AudioFormat.PCM16) for kind in ("audio", "delta")}

    @property
    def is_responding(self) -> bool:
        """False: the connection of the session advances it."""
        return False

    @property
    def is_closed(self) -> bool:
        """True once the session has ended."""
        return self._primary.is_closed

    def open(self) -> None:
        """Attach to the session. Emits nothing."""
        self._primary.sidebands.append(self)

    def disconnect(self) -> None:
        """Detach from the session, which goes on."""
        if self in self._primary.sidebands:
            self._primary.sidebands.remove(self)

    def handle(self, event: Any, frame: Frame) -> None:
        """Handle a command for the session.

        Raises:
            Refusal: the event is rejected, and nothing has changed.
        """
        if isinstance(event, (wire.SessionStart, wire.SessionInputAudioAppend)):
            raise refusals.NOT_ON_SIDEBAND(value=event.type)
        self._primary.handle(event, frame)

    def refuse(self, error: ga.Error) -> None:
        """Emit an error about a command of this connection."""
        self._emit(_live_error(error))

    def advance(self) -> None:
        """Emit nothing."""

    def observe(self, event: Any, end_ms: int) -> None:
        """Emit a copy of an event of the session, or of its input."""
        copy = msgspec.structs.replace(event)
        if isinstance(event, wire.SessionInputAudioAppend):
            copy = wire.SessionInputAudioAppend(audio=self._converters["audio"].process(event.audio))
        elif isinstance(event, wire.SessionOutputAudioDelta):
            copy.delta = self._converters["delta"].process(event.delta)
            copy.start_ms = math.floor(end_ms - self._format.duration_ms(len(event.delta)))
            copy.end_ms = end_ms
        self._emit(copy)


# --- Words and speech ----------------------------------------------------------------


class _Words:
    """Words that follow one another in time, grouped by the frames of 200 ms in which they begin."""

    def __init__(self, words: Iterator[str], start_ms: float, word_ms: float) -> None:
        self._words = words
        self._next_ms = start_ms
        self._word_ms = word_ms

    def take(self, until_ms: float) -> Iterator[tuple[int, list[str]]]:
        """Yield the words of the frames that begin before `until_ms`, each with the start of its frame."""
        while (frame_ms := _frame(self._next_ms)) < until_ms:
            found: list[str] = []
            while _frame(self._next_ms) == frame_ms and (word := next(self._words, None)) is not None:
                found.append(word)
                self._next_ms += self._word_ms
            if not found:
                return
            yield frame_ms, found

    def rest(self, end_ms: float) -> Iterator[tuple[int, list[str]]]:
        """Yield the words before `end_ms` by their frames, and all others in the last frame."""
        yield from self.take(end_ms)
        found = [*self._words]
        if found:
            yield _frame(min(self._next_ms, end_ms)), found


def _frame(ms: float) -> int:
    return math.floor(ms / FRAME_MS) * FRAME_MS


@dataclass(slots=True, eq=False)
class _Utterance:
    """Speech of the model: its audio, and its words once it has begun."""

    audio: bytes
    text: list[str]
    words: _Words | None = None
    sent_bytes: int = 0

    @property
    def is_finished(self) -> bool:
        return self.sent_bytes >= len(self.audio)

    def take(self, nbytes: int, start_ms: float, format: AudioFormat) -> bytes:
        """Return the next `nbytes` of audio, which begin at `start_ms`."""
        if self.words is None:
            duration_ms = len(self.audio) * 1000 / format.bytes_per_second
            self.words = _Words(iter(self.text), start_ms, duration_ms / max(1, len(self.text)))
        chunk = self.audio[self.sent_bytes : self.sent_bytes + nbytes]
        self.sent_bytes += len(chunk)
        return chunk


@dataclass(frozen=True, slots=True)
class _Append:
    """An appended text, and its place on the session's clock."""

    event: wire.AppendedText
    start_ms: int


def _transcript(reply: Parts) -> str | None:
    """Return the words of the turn that `reply` answers, if it states them."""
    return next((part.text for part in reply if isinstance(part, Transcribe)), None)


@cache
def _tone(format: AudioFormat) -> bytes:
    """Return the audio of one word."""
    rate = FIXTURE_FORMAT.sample_rate
    at = np.arange(rate * MS_PER_WORD // 1000) / rate
    tone = _TONE_PEAK * np.sin(2 * np.pi * _TONE_HZ * at) * (at < _TONE_MS / 1000)
    return convert(tone.round().astype("<i2").tobytes(), FIXTURE_FORMAT, format)


def _tones(format: AudioFormat, count: int) -> bytes:
    return _tone(format) * min(count, MAX_SILENCE_MS // MS_PER_WORD)


# --- Settings ------------------------------------------------------------------------


# The settings that no update changes.
_FIXED: Final = frozenset(wire.LiveSession.__struct_fields__) - {*wire.LiveSessionUpdate.__struct_fields__}


def _complete(session: wire.LiveSession) -> dict[str, Any]:
    """Return the settings of a session with the defaults for those that are absent or null."""
    given = {
        name: value for name, value in msgspec.structs.asdict(session).items() if value not in (UNSET, None)
    }
    audio = session.audio or wire.LiveAudio()
    voice = audio.output.voice if audio.output else None
    given["audio"] = wire.LiveAudio(
        format=audio.format or wire.PcmFormat(rate=AudioFormat.PCM16.sample_rate),
        output=wire.LiveAudioOutput(voice=voice or spec.DEFAULT_LIVE_VOICE),
    )
    return {"delegation": wire.ClientDelegation(), "store": False, **given}


def _forked(origin: wire.LiveSessionInfo, session: wire.LiveSession) -> dict[str, Any]:
    """Return the settings of a fork: those of its origin, apart from what `session` states.

    Raises:
        Refusal: the delegation settings are invalid, or of another type.
    """
    names = wire.LiveSession.__struct_fields__
    given = {name: value for name in names if (value := getattr(origin, name)) is not UNSET}
    if session.audio and session.audio.format:
        assert origin.audio
        given["audio"] = msgspec.structs.replace(origin.audio, format=session.audio.format)
    if session.delegation:
        given["delegation"] = _merged(origin.delegation, session.delegation)
    return given if session.store in (UNSET, None) else {**given, "store": session.store}


def _settings_refusal(error: ConfigError, session: wire.LiveSession) -> refusals.Refusal:
    path, reason = error.problems[0]
    if path == "audio.output.voice":
        assert session.audio
        assert session.audio.output
        return refusals.VOICE_FORBIDDEN(value=session.audio.output.voice)
    return refusals.INVALID_PARAMETER(param=f"session.{path}", reason=reason)


def _merged(current: Any, update: Any) -> Any:
    """Return the delegation settings after an update: each member of the backend's settings is replaced.

    Raises:
        Refusal: the settings are invalid, or of another type.
    """
    if update.type != current.type:
        raise refusals.FIELD_IMMUTABLE(param="session.delegation.type")
    if isinstance(update, wire.UnknownDelegation):
        raise refusals.INVALID_PARAMETER(param="session.delegation", reason="is malformed")
    if isinstance(update, wire.ResponsesDelegation) and update.responses:
        for path, reason in backend_problems("delegation.responses", update.responses):
            raise refusals.INVALID_PARAMETER(param=f"session.{path}", reason=reason)
    given = {name: value for name, value in _set_members(update).items() if value is not None}
    for name, new in given.items():
        old = getattr(current, name)
        if isinstance(new, wire.BackendStruct) and old:
            given[name] = msgspec.structs.replace(old, **_set_members(new))
    return msgspec.structs.replace(current, **given)


def _set_members(settings: Any) -> dict[str, Any]:
    members = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return {name: value for name, value in members.items() if value is not UNSET}


def _live_error(error: ga.Error) -> wire.Error:
    detail = error.error
    return wire.Error(
        error=wire.LiveErrorDetail(
            type=detail.type or "",
            code=detail.code or None,
            message=detail.message,
            param=detail.param,
            client_event_id=detail.event_id,
        )
    )


def _id_of(event: Any) -> str | None:
    return event.event_id or None


# One line for each event that a client can send.
_HANDLERS: Final[dict[type[Any], Callable[[LiveServerSession, Any, Frame], None]]] = {
    wire.SessionStart: LiveServerSession._start,
    wire.SessionUpdate: LiveServerSession._update,
    wire.SessionClose: LiveServerSession._close,
    wire.SessionInputAudioAppend: LiveServerSession._append,
    wire.SessionInputAudioMute: LiveServerSession._mute,
    wire.SessionInputAudioUnmute: LiveServerSession._unmute,
    wire.SessionOutputAudioFixturePlay: LiveServerSession._play,
    wire.SessionInstructionsAppend: LiveServerSession._append_text,
    wire.SessionThinkingAppend: LiveServerSession._append_text,
    wire.SessionCommentaryAppend: LiveServerSession._append_text,
    wire.DecisionCreate: LiveServerSession._create_decision,
    wire.DecisionItemCreate: LiveServerSession._create_decision_item,
    wire.DecisionItemDelete: LiveServerSession._delete_decision_item,
    wire.ResponseItemCreate: LiveServerSession._create_item,
    wire.ResponseCreate: LiveServerSession._create_response,
}
CLIENT_EVENTS: Final = tuple(_HANDLERS)
_APPENDED: Final[dict[type[wire.AppendedText], Callable[..., Any]]] = {
    wire.SessionInstructionsAppend: wire.SessionInstructionsAppended,
    wire.SessionThinkingAppend: wire.SessionThinkingAppended,
    wire.SessionCommentaryAppend: wire.SessionCommentaryAppended,
}
