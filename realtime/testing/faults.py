"""Faults on demand: failures of servers and networks that users have reported, each with its `source`.

A `Fault` is a value that describes one failure and the event at which it occurs; `FAULTS` maps the names
used on the command line and in ``?fault=`` to the classes. To add one, write a class and add it to
`FAULTS`. No sockets here; `injection` defines how a fault acts on a connection.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec
import pybase64

from .. import spec
from .._text import did_you_mean
from ..errors import ConfigError, snippet
from ..format import AudioFormat, AudioFormatLike
from . import refusals
from .injection import (
    AbortConnection,
    Action,
    CloseConnection,
    EndSession,
    FaultInjector,
    OneShotInjector,
    RewritingInjector,
    StallConnection,
    error_frame,
    live_error_frame,
)

# The audio deltas of every dialect, and the events that end them.
AUDIO_DELTAS: Final = frozenset(
    {"response.output_audio.delta", "response.audio.delta", "session.output_audio.delta"}
)
_AUDIO_DONE: Final = frozenset({"response.output_audio.done", "response.audio.done", "session.closed"})
_SPEECH: Final = frozenset({"input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"})
_TRANSCRIPTS: Final = "conversation.item.input_audio_transcription."
_ITEMS: Final = frozenset(
    {"conversation.item.done", "conversation.item.created", "response.output_item.done", "session.updated"}
)
# The frame that a fault replaces if it occurs at once. No client knows its type.
_NO_FRAME: Final = b'{"type":"session.hologram.updated","event_id":"event_hologram","frames":[]}'
# Texts of OpenAI's server.
_EXPIRED: Final = "Your session hit the maximum duration of 60 minutes."
_BETA: Final = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
_MODERATED: Final = "The response was stopped because it may not be safe."
_NO_CREDIT: Final = "You have no credit left. Add credit in the billing settings."
_SERVER_ERROR: Final = "The server had an error while processing your request."
# RFC 6455, section 5.5: a control frame carries 125 bytes, of which the close code takes two.
_MAX_REASON_BYTES: Final = 123
# RFC 6455, section 7.4, and IANA's registry: the codes that a close frame may carry; from 3000 on they
# are free.
_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong on connections. This base class changes nothing.

    Attributes:
        times: the number of connections that the fault affects; None for all.
        source: the reports that describe the fault.

    Raises:
        ConfigError: a number, a format or a code is invalid.
        TypeError: an argument has the wrong type.
    """

    source: ClassVar[str] = ""

    times: int | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check = _CHECKS.get(field.name)
            if check is not None:
                check(field.name, getattr(self, field.name))

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        return RewritingInjector(self.rewrite)

    def session_options(self) -> dict[str, Any]:
        """Return the arguments of `ServerProtocol` that the fault needs."""
        return {}

    def rewrite(self, event_type: str, frame: bytes) -> bytes | None:
        """Return the frame to send in place of `frame`; None to drop it."""
        return frame


@dataclass(frozen=True, slots=True, kw_only=True)
class OneShotFault(Fault):
    """A fault that occurs once on a connection, at the `nth` event whose type is in `at`.

    If `at` is None it occurs at once: after the session's first events, or when it is injected. Unknown
    event types in `at` are accepted and match nothing.
    """

    at: str | Iterable[str] | None = AUDIO_DELTAS
    nth: int = 1
    times: int | None = 1

    def __post_init__(self) -> None:
        Fault.__post_init__(self)  # dataclasses with slots have no super()
        if self.at is not None:
            types = [self.at] if isinstance(self.at, str) else self.at
            object.__setattr__(self, "at", _event_types(types))

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        occur = self.occur if self.at is None else None
        return OneShotInjector(self.replace, frozenset(self.at or ()), self.nth, occur)

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the actions in place of sending `frame`."""
        raise NotImplementedError

    def occur(self) -> Iterable[Action]:
        """Return the actions of a fault that occurs at once, at no particular frame."""
        return self.replace(_NO_FRAME)


# --- Faults that occur once ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExpired(OneShotFault):
    """The session expires during a response: an error event, then close code 1001."""

    source = "livekit/agents#2358, pollen-robotics/reachy_mini_conversation_app#134"

    nth: int = 3

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the error and the close."""
        error = error_frame("session_expired", _EXPIRED)
        return error, CloseConnection(1001, _EXPIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect(OneShotFault):
    """The server closes the connection; its usual code, 1001, looks like a normal end to many clients."""

    source = "pydantic/pydantic-ai#6704"

    code: int = 1001
    reason: str = ""
    nth: int = 3

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the close."""
        return (CloseConnection(self.code, self.reason),)


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaDisabled(OneShotFault):
    """The server no longer accepts beta clients: an error in place of session.created, then code 4000.

    Affects every connection whose first event is a `session.created`, GA's too.
    """

    source = "langwatch/scenario#602"

    at: str | Iterable[str] | None = "session.created"
    times: int | None = None

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the error and the close."""
        code = "beta_api_shape_disabled"
        error = error_frame(code, _BETA)
        return error, CloseConnection(4000, f"invalid_request_error.{code}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StalledFrame(OneShotFault):
    """The server sends half of a message and then nothing more; the connection stays open."""

    source = "livekit/agents#3626, pipecat-ai/pipecat#5804"

    nth: int = 3

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the first half, unfinished."""
        return (StallConnection(frame[: len(frame) // 2]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedFrame(OneShotFault):
    """A message contains only half of its JSON; the session continues."""

    source = "websocket-client/websocket-client#833"

    nth: int = 3
    times: int | None = None

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the first half as a message."""
        return (frame[: len(frame) // 2],)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff(OneShotFault):
    """The network fails in the middle of a frame, without a close frame (1006)."""

    source = "openclaw/openclaw#61508"

    nth: int = 3

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the beginning of the frame and the end of the connection."""
        return (AbortConnection(frame[: len(frame) // 2]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorWithoutEventId(OneShotFault):
    """The server sends an error that refers to no client event; the session continues."""

    source = "BerriAI/litellm#13471, transitive-bullshit/openai-realtime-api#10"

    at: str | Iterable[str] | None = "session.updated"
    times: int | None = None

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the frame and the error after it."""
        return frame, *self.occur()

    def occur(self) -> Iterable[Action]:
        """Return the error."""
        return (error_frame(None, _SERVER_ERROR, error_type="server_error"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class BigFrame(OneShotFault):
    """An item is sent with all its audio, in one frame of `nbytes`.

    With ``at=None`` the frame is an event of an unknown type.
    """

    source = "BerriAI/litellm#15747"

    at: str | Iterable[str] | None = _ITEMS
    times: int | None = None
    nbytes: int = 3_476_354

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the same event with more data."""
        event = _decode(frame)
        item = event.get("item")
        parts = item.get("content") if isinstance(item, dict) else None
        owner = parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], dict) else event
        name = "obfuscation" if owner is event else "audio"
        # A whole number of base64 quads after `,"name":""`.
        owner[name] = "A" * max(0, (self.nbytes - len(_encode(event)) - len(name) - 6) // 4 * 4)
        return (_encode(event),)


# --- Faults that last ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvents(Fault):
    """Events of unknown types are sent between the others, one after `every` events."""

    source = "BerriAI/litellm#30581"

    every: int = 3

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        return _UnknownEventInjector(self.every)


@dataclass(slots=True)
class _UnknownEventInjector(FaultInjector):
    every: int
    count: int = 0

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        self.count += 1
        number, remainder = divmod(self.count, self.every)
        if remainder:
            return (frame,)
        unknown = {"type": "response.hologram.delta", "event_id": f"event_x{number}", "frames": [{"z": None}]}
        return frame, _encode(unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFields(Fault):
    """Every event, and the session, item or response in it, has undocumented members."""

    source = "BerriAI/litellm#30581"

    def rewrite(self, event_type: str, frame: bytes) -> bytes | None:
        """Return the frame with more members."""
        event = _decode(frame)
        for owner in (event, *(event.get(name) for name in ("session", "item", "response", "part"))):
            if isinstance(owner, dict):
                owner |= {"obfuscation": "aB3", "timestamp": 1.5e9, "x_tomorrow": {"deep": [None, [1.0]]}}
        return _encode(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class NullUsage(Fault):
    """Responses and transcriptions end with null as their usage."""

    source = "pipecat-ai/pipecat#623"

    def rewrite(self, event_type: str, frame: bytes) -> bytes | None:
        """Return the frame without usage."""
        if event_type != "response.done" and not event_type.startswith(_TRANSCRIPTS):
            return frame
        event = _decode(frame)
        for owner in (event, event.get("response")):
            if isinstance(owner, dict) and "usage" in owner:
                owner["usage"] = None
        return _encode(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateTranscripts(Fault):
    """Transcripts of input audio are delayed until after the next event of the type `until`."""

    source = "openclaw/openclaw#113723, livekit/agents-js#28"

    until: str = "response.done"

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        return _TranscriptDelay(self.until)


class _TranscriptDelay(FaultInjector):
    def __init__(self, until: str) -> None:
        self._until = until
        self._pending: list[bytes] = []

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        if event_type.startswith(_TRANSCRIPTS):
            self._pending.append(frame)
            return ()
        if event_type != self._until:
            return (frame,)
        pending, self._pending = self._pending, []
        return frame, *pending


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingTranscripts(Fault):
    """Transcripts of input audio are never sent."""

    source = "sashirestela/simple-openai#258"

    def rewrite(self, event_type: str, frame: bytes) -> bytes | None:
        """Return None for a transcript."""
        return None if event_type.startswith(_TRANSCRIPTS) else frame


@dataclass(frozen=True, slots=True, kw_only=True)
class OddDeltas(Fault):
    """Audio is split anywhere: every delta but the last ends within a sample."""

    source = "openai/openai-realtime-api-beta#113"

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        return _OddSplitter()


class _OddSplitter(FaultInjector):
    """Injector that moves a byte of each delta to the next one."""

    def __init__(self) -> None:
        self._carry = b""
        self._last: dict[str, Any] = {}

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        if event_type in AUDIO_DELTAS:
            return self._split(_decode(frame))
        if event_type in _AUDIO_DONE and self._carry:
            return self._flush(), frame
        return (frame,)

    def _split(self, event: dict[str, Any]) -> Iterator[bytes]:
        if event.get("item_id") != self._last.get("item_id") and self._carry:
            yield self._flush()
        audio = self._carry + pybase64.b64decode(event["delta"])
        end = len(audio) - 1 + len(audio) % 2
        self._carry, self._last = audio[end:], event
        yield _with_delta(event, audio[:end])

    def _flush(self) -> bytes:
        carry, self._carry = self._carry, b""
        return _with_delta({**self._last, "event_id": f"{self._last.get('event_id')}_rest"}, carry)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFormat(Fault):
    """The session uses the audio format `format`, whatever the client requests, and reports it.

    Applies from the beginning of a session, so it cannot be injected. Translation has one format.
    """

    source = "PatterAI/Patter#154, openai/openai-realtime-api-beta#18"

    format: AudioFormatLike = "pcm16"

    def session_options(self) -> dict[str, Any]:
        """Return the format."""
        return {"force_format": self.format}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRefused(Fault):
    """The first `count` commits are refused as empty: server VAD has committed the audio already."""

    source = "openai/openai-agents-js#748"

    count: int = 1

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        return _CommitRefuser(self.count)


@dataclass(slots=True)
class _CommitRefuser(FaultInjector):
    count: int

    def on_receive(self, event_type: str, frame: bytes) -> bytes | None:
        if event_type != "input_audio_buffer.commit" or self.count <= 0:
            return None
        self.count -= 1
        refusal = refusals.INPUT_BUFFER_TOO_SMALL(min_ms=spec.MIN_COMMIT_MS, buffer_ms=0)
        return error_frame(refusal.code, refusal.message, client_event_id=refusals.event_id_of(frame))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowReader(Fault):
    """The server waits for `seconds` before it reads a frame, so that its client has to wait as well."""

    source = "QwenAudio/qwen-audio-agent#406"

    seconds: float = 0.02

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        injector = FaultInjector()
        injector.read_delay_s = self.seconds
        return injector


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseUnanswered(Fault):
    """The server does not answer the close frame of a client; the TCP connection stays open."""

    source = "livekit/agents#6336"

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        injector = FaultInjector()
        injector.answers_close = False
        return injector


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentSemanticVad(Fault):
    """With semantic_vad, speech_started and speech_stopped never come and no response is interrupted.

    The session accepts and reports semantic_vad; turns are committed all the same. Seen at Azure.
    """

    source = "livekit/agents#6871"

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        return _VadSilencer()


class _VadSilencer(FaultInjector):
    """Injector that hides the events of semantic VAD, and turns off its interruptions."""

    def __init__(self) -> None:
        self._requested: dict[str, Any] | None = None  # in the update that is not confirmed yet
        self._semantic: dict[str, Any] | None = None  # what the client has set, if it is semantic_vad

    def rewrite_received(self, event_type: str, frame: bytes) -> bytes:
        if event_type != "session.update":
            return frame
        self._requested = self._semantic
        try:
            event = _decode(frame)
        except (ValueError, RecursionError):
            return frame
        owner = _vad_owner(event)
        if "turn_detection" not in owner:
            return frame
        vad = owner["turn_detection"]
        is_semantic = isinstance(vad, dict) and vad.get("type") == "semantic_vad"
        self._requested = vad if is_semantic else None
        if not is_semantic or vad.get("interrupt_response", True) is not True:
            return frame
        owner["turn_detection"] = {**vad, "interrupt_response": False}
        return _encode(event)

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        if event_type == "session.updated":
            self._semantic = self._requested
        if self._semantic is None:
            return (frame,)
        if event_type in _SPEECH:
            return ()
        if event_type != "session.updated":
            return (frame,)
        event = _decode(frame)
        vad = _vad_owner(event).get("turn_detection")
        if isinstance(vad, dict):
            vad["interrupt_response"] = self._semantic.get("interrupt_response", True)
        return (_encode(event),)


def _vad_owner(event: Any) -> dict[str, Any]:
    """Return the object in a session event that has the turn detection: GA's or beta's."""
    found = event.get("session") if isinstance(event, dict) else None
    session = found if isinstance(found, dict) else {}
    audio = session.get("audio")
    side = audio.get("input") if isinstance(audio, dict) else None
    return side if isinstance(side, dict) else session


# --- Faults of Live sessions ---------------------------------------------------------

_LIVE_DELTA: Final = "session.output_audio.delta"
_LIVE_TRANSCRIPTS: Final = frozenset({"session.input_transcript.delta", "session.output_transcript.delta"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveNullCode(OneShotFault):
    """An error without a code and without a client event; the session continues."""

    source = "promptfoo/promptfoo#10891"

    at: str | Iterable[str] | None = _LIVE_DELTA
    nth: int = 3
    times: int | None = None

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the frame and the error after it."""
        return frame, *self.occur()

    def occur(self) -> Iterable[Action]:
        """Return the error."""
        return (live_error_frame(None, _SERVER_ERROR, error_type="server_error"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveModeration(Fault):
    """Moderation stops the model's speech: an error, then silence for the rest of it.

    It occurs at the `nth` audible delta. With `is_final` the session ends with the reason "content".
    """

    source = "OpenAI guides/live-conversations"

    nth: int = 3
    is_final: bool = False

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        return _Moderator(self.nth, self.is_final)


class _Moderator(FaultInjector):
    def __init__(self, nth: int, is_final: bool) -> None:
        self._remaining = nth
        self._is_final = is_final
        self._is_stopping = False
        self._silence = AudioFormat.PCM16.silence_sample

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        if event_type == "session.started":
            format = AudioFormat.of(_decode(frame)["session"]["audio"]["format"])
            self._silence = format.silence_sample
        elif event_type == "session.output_transcript.delta" and self._is_stopping:
            return ()
        elif event_type == _LIVE_DELTA:
            return self._on_audio(_decode(frame), frame)
        return (frame,)

    def _on_audio(self, event: dict[str, Any], frame: bytes) -> Iterable[Action]:
        nbytes = len(pybase64.b64decode(event["delta"]))
        silent = _with_delta(event, self._silence * (nbytes // len(self._silence)))
        if _decode(silent) == event:
            self._is_stopping = False
            return (frame,)
        self._remaining -= 1
        if self._remaining == 0:
            self._is_stopping = True
            error = live_error_frame(None, _MODERATED, error_type="invalid_request_error")
            return (error, EndSession("content")) if self._is_final else (error, silent)
        return (silent,) if self._is_stopping else (frame,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveExpired(OneShotFault):
    """The session reaches its longest duration and ends with the reason "expired"."""

    source = "aplisay/llm-agent#306"

    at: str | Iterable[str] | None = _LIVE_DELTA
    nth: int = 3

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the end of the session."""
        return (EndSession("expired"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveUnconfirmed(OneShotFault):
    """The connection closes without a `session.closed`: the end of the session is not confirmed."""

    source = "OpenAI guides/live-conversations"

    at: str | Iterable[str] | None = "session.closed"
    times: int | None = None

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the close."""
        return (CloseConnection(1000),)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLateTranscripts(Fault):
    """Fragments of both transcripts are sent `count` audio deltas late."""

    source = "OpenAI guides/live-conversations"

    count: int = 10

    def injector(self) -> FaultInjector:
        """Return a new injector of the fault, for one connection."""
        return _FragmentDelay(self.count)


class _FragmentDelay(FaultInjector):
    def __init__(self, count: int) -> None:
        self._count = count
        self._deltas = 0
        self._pending: list[tuple[int, bytes]] = []

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        is_late = event_type in _LIVE_TRANSCRIPTS
        if is_late:
            self._pending.append((self._deltas + self._count, frame))
        self._deltas += event_type == _LIVE_DELTA
        is_last = event_type == "session.closed"
        due = [late for at, late in self._pending if is_last or at <= self._deltas]
        del self._pending[: len(due)]
        if is_late:
            return due
        return (*due, frame) if is_last else (frame, *due)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveNoCredit(OneShotFault):
    """The account has no credit: an error in place of `session.started`, then the connection is lost."""

    source = "livekit/agents#7805"

    at: str | Iterable[str] | None = "session.started"
    times: int | None = None

    def replace(self, frame: bytes) -> Iterable[Action]:
        """Return the error and the end of the connection."""
        error = live_error_frame("credit_balance_exhausted", _NO_CREDIT, error_type="insufficient_quota")
        return error, AbortConnection(b"")


_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")
FAULTS: Final[dict[str, type[Fault]]] = {
    _WORD_START.sub("_", kind.__name__).lower(): kind
    for kind in (
        SessionExpired, Disconnect, BetaDisabled, StalledFrame, TruncatedFrame, CutOff, ErrorWithoutEventId,
        BigFrame, UnknownEvents, UnknownFields, NullUsage, LateTranscripts, MissingTranscripts, OddDeltas,
        OtherFormat, CommitRefused, SlowReader, CloseUnanswered, SilentSemanticVad,
        LiveNullCode, LiveModeration, LiveExpired, LiveUnconfirmed, LiveLateTranscripts, LiveNoCredit,
    )
}  # fmt: skip


def get_fault(fault: Fault | str) -> Fault:
    """Return `fault`, or the fault of that name with its default values.

    Raises:
        ConfigError: no fault has this name.
        TypeError: `fault` is neither a Fault nor a str.
    """
    if isinstance(fault, Fault):
        return fault
    if not isinstance(fault, str):
        raise TypeError(f"a fault must be a Fault or the name of one, not {type(fault).__name__}")
    found = FAULTS.get(fault)
    if found is None:
        suggestion = did_you_mean(fault, FAULTS)
        raise ConfigError(f"unknown fault {snippet(repr(fault))}{suggestion}; known are {', '.join(FAULTS)}")
    return found()


# --- The faults of a server ----------------------------------------------------------


class FaultBudget:
    """A fault of a server, and the number of connections that it may still affect (None: all)."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._remaining = fault.times

    def injector(self) -> FaultInjector | None:
        """Return an injector for one more connection; None if the budget is used up.

        A fault that occurs once is counted when it occurs, so a connection that ends before does not
        count.
        """
        injector = self.fault.injector()
        if isinstance(injector, OneShotInjector):
            injector.may_act = self._take
        elif not self._take():
            return None
        return injector

    def _take(self) -> bool:
        if self._remaining is None:
            return True
        self._remaining -= 1
        return self._remaining >= 0


def fault_budgets(faults: Iterable[Fault | str]) -> list[FaultBudget]:
    """Return a budget for each of `faults`.

    Raises:
        ConfigError: no fault has one of the names.
        TypeError: `faults` is not a list of faults and names.
    """
    if isinstance(faults, (str, Fault)):
        raise TypeError("faults must be a list of faults")
    return [FaultBudget(get_fault(fault)) for fault in faults]


# --- Frames --------------------------------------------------------------------------


def _with_delta(event: dict[str, Any], audio: bytes) -> bytes:
    return _encode({**event, "delta": pybase64.b64encode(audio).decode()})


# --- Checks of the fields ------------------------------------------------------------


def _event_types(at: Any) -> frozenset[str]:
    if not isinstance(at, Iterable) or isinstance(at, bytes):
        raise TypeError(f"at must be an event type or several, not {type(at).__name__}")
    types = frozenset(at)
    for each in types:
        _check_text("at", each)
    return types


def _check_type(name: str, value: Any, types: type | tuple[type, ...], noun: str) -> None:
    if isinstance(value, bool) or not isinstance(value, types):
        raise TypeError(f"{name} must be {noun}, not {type(value).__name__}")


def _at_least(minimum: int) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        _check_type(name, value, int, "an int")
        if value < minimum:
            raise ConfigError(f"{name} must be at least {minimum}, got {value}")

    return check


def _check_times(name: str, value: Any) -> None:
    if value is not None:
        _at_least(0)(name, value)


def _check_seconds(name: str, value: Any) -> None:
    _check_type(name, value, (int, float), "a number")
    if not 0 <= value < math.inf:
        raise ConfigError(f"{name} must be at least 0 and finite, got {value}")


def _check_text(name: str, value: Any) -> None:
    _check_type(name, value, str, "a str")


def _check_reason(name: str, value: Any) -> None:
    _check_text(name, value)
    if len(value.encode("utf-8", "surrogatepass")) > _MAX_REASON_BYTES or not value.isprintable():
        raise ConfigError(f"{name} must be printable text of at most {_MAX_REASON_BYTES} bytes")


def _check_code(name: str, value: Any) -> None:
    _check_type(name, value, int, "an int")
    if value not in _CLOSE_CODES:
        raise ConfigError(f"{name} must be a code that a close frame may carry, got {value}")


# By the name of the field, which has the same meaning in every fault.
_CHECKS: Final[dict[str, Callable[[str, Any], object]]] = {
    "times": _check_times,
    "nth": _at_least(1),
    "code": _check_code,
    "reason": _check_reason,
    "nbytes": _at_least(0),
    "every": _at_least(1),
    "until": _check_text,
    "format": lambda _, value: AudioFormat.of(value),
    "count": _at_least(0),
    "seconds": _check_seconds,
}
