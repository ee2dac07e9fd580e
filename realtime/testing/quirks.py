"""The other servers: what each sends and accepts in another way than the dialect that it is closest to.

`QUIRKS` has a row for each provider: functions on the JSON of what it sends, and of what it receives. A
`ProviderServerSession` has a session of the base dialect inside; its `ProviderWire` takes formats and settings of
the provider's own out of an update, and shows them in the session. The rows follow the quirks of
`realtime.providers`, which have the sources; the frames look like those of tests/providers/frames.jsonl.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import msgspec

from .. import events as ga
from .._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, Frame, bounded, check_depth
from .._provider import Provider
from ..audio import SAMPLE_RATES
from ..codec import DialectCodec
from ..errors import ConfigError, DecodeError
from ..format import AudioFormat, Side, stated_formats
from . import refusals
from .session import SessionOptions, numbered_id

Json: TypeAlias = dict[str, Any]
# Changes an event that is sent: the events in its place. It may modify its argument.
Send: TypeAlias = "Callable[[Json, ProviderWire], Iterable[Json]]"
# Changes an event that was received, in place; None if the base session is not to see it.
Receive: TypeAlias = "Callable[[Json, ProviderWire], Json | None]"

SIDES: Final[tuple[Side, ...]] = ("input", "output")
# The members of a session in which formats are stated.
_FORMAT_MEMBERS: Final = ("audio", "input_audio_format", "output_audio_format", "input_audio_sampling_rate")
_ID_NAMESPACE: Final = uuid.UUID("6ba7b814-9dad-11d1-80b4-00c04fd430c8")
_SESSION_TYPES: Final = ("session.created", "session.updated")
_TRANSCRIPT: Final = "conversation.item.input_audio_transcription"


def uuid_id(kind: str, number: int) -> str:
    """Return an id that is a UUID, always the same for the same arguments."""
    return str(uuid.uuid5(_ID_NAMESPACE, f"{kind}/{number}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """One row of the table.

    Attributes:
        send: applied in this order to each event of the base session.
        opening: events of the provider's own, sent after the first. An `event_id` in them, and in
            answers, is filled in.
        answers: client events of the provider's own without effect, with the answer to them, if any.
        normalize: applied to a received event before it is compared with the provider's Structs.
        receive: applied after that, to get an event of the base dialect.
        new_id: makes an id from its kind and a number.
        spelling: the provider's names of its default formats; None for GA's objects.
        is_transcription: True for a server that only transcribes.
    """

    send: tuple[Send, ...] = ()
    opening: tuple[Json, ...] = ()
    answers: Mapping[str, Json | None] = field(default_factory=dict)
    normalize: tuple[Receive, ...] = ()
    receive: tuple[Receive, ...] = ()
    new_id: Callable[[str, int], str] = numbered_id
    spelling: Mapping[Side, str] | None = None
    is_transcription: bool = False


@dataclass(slots=True)
class ProviderWire:
    """The state of one session between the provider's events and the base dialect's.

    Attributes:
        provider: the server.
        formats: the audio formats of the session, input and output.
        settings: what the client has set in a way of the provider's own, shown in the session.
    """

    provider: Provider
    formats: tuple[AudioFormat, AudioFormat] = field(init=False)
    settings: Json = field(init=False, default_factory=dict)
    transcripts: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        row = self.provider
        input = row.input_formats[0]
        self.formats = (input, row.output_formats[0] if row.output_formats else input)

    @property
    def quirks(self) -> Quirks:
        """The provider's row."""
        return QUIRKS[self.provider.name]

    def normalize(self, event: Json) -> Json:
        """Return a received event as the provider's Structs have it."""
        for change in self.quirks.normalize:
            event = change(event, self) or event
        return event

    def normalized(self, frame: Frame) -> Frame:
        """Return a received frame as the provider's Structs have it; unchanged if it is no JSON object."""
        event = _parse(frame)
        if event is None or not self.quirks.normalize:
            return frame
        return msgspec.json.encode(ProviderWire(self.provider).normalize(event))

    def receive(self, event: Json) -> Json | None:
        """Return a received event of the provider as one of the base dialect, None for nothing.

        Raises:
            Refusal: a format that the provider does not have.
        """
        for owner in ("session", "response"):
            if isinstance(event.get(owner), dict):
                self._take_formats(event[owner], owner)
        found: Json | None = event
        for change in self.quirks.receive:
            if found is not None:
                found = change(found, self)
        return found

    def send(self, event: Json) -> list[Json]:
        """Return the provider's events for one of the base session."""
        if event["type"] in _SESSION_TYPES and isinstance(event.get("session"), dict):
            self._show_settings(event["session"])
        if isinstance(event.get("response"), dict) and "output_audio_format" in event["response"]:
            event["response"]["output_audio_format"] = self._spelled("output")
        events = [event]
        for change in self.quirks.send:
            events = [changed for each in events for changed in change(each, self)]
        return events

    # --- Formats and settings ---

    def _take_formats(self, settings: Json, owner: str) -> None:
        """Remove the formats from a client's settings; those of a session become the session's."""
        found = [*self.formats]
        kept = {name: value for name, value in self.settings.items() if name not in _FORMAT_MEMBERS}
        spelled = {name: value for name, value in self.settings.items() if name in _FORMAT_MEMBERS}
        for index, side in enumerate(SIDES):
            for stated in [*stated_formats(settings, side)][:1]:
                param = _format_path(settings, owner, side)
                found[index] = self._format_of(stated, side, param)
                spelled |= {name: settings[name] for name in _FORMAT_MEMBERS if name in settings}
                spelled["audio"] = {**spelled.get("audio", {}), side: None}
                if "audio." in param:
                    spelled["audio"][side] = {"format": settings["audio"][side]["format"]}
        if owner == "session":
            self.formats = (found[0], found[1])
            self.settings = kept | spelled
        for name in _FORMAT_MEMBERS:
            if name != "audio":
                settings.pop(name, None)
        for side in SIDES:
            part = settings["audio"].get(side) if isinstance(settings.get("audio"), dict) else None
            if isinstance(part, dict):
                part.pop("format", None)
        if self.quirks.spelling is not None:  # beta has no audio
            settings.pop("audio", None)

    def _format_of(self, stated: object, side: Side, param: str) -> AudioFormat:
        """Return a format that a client states.

        Raises:
            Refusal: it is unknown, or the provider does not have it, or this library cannot resample to it.
        """
        row = self.provider
        available = row.input_formats if side == "input" else row.output_formats
        try:
            found = row.format_of(stated, side)
        except (ConfigError, TypeError) as error:
            raise refusals.INVALID_PARAMETER(param=param, reason=error) from None
        if found not in available or found.sample_rate not in SAMPLE_RATES:
            raise refusals.INVALID_PARAMETER(param=param, reason=f"{found} is not available")
        return found

    def _keep(self, settings: Json, *names: str) -> None:
        self.settings |= {name: settings[name] for name in names if name in settings}

    def take(self, event: Json, *names: str) -> None:
        """Move settings of the provider's own out of an update; the session shows them."""
        if isinstance(event.get("session"), dict):
            self._keep(event["session"], *names)
            for name in names:
                event["session"].pop(name, None)

    def _spelled(self, side: Side) -> str:
        spelling = self.quirks.spelling or {}
        return str(self.settings.get(f"{side}_audio_format") or spelling.get(side, ""))

    def _show_settings(self, session: Json) -> None:
        if self.quirks.spelling is not None:
            for side in SIDES:
                session[f"{side}_audio_format"] = self._spelled(side)
        else:
            for side, format in zip(SIDES, self.formats, strict=True):
                part = session.get("audio", {}).get(side)
                if isinstance(part, dict):
                    rate = {"rate": format.sample_rate} if format.encoding == "pcm16" else {}
                    part["format"] = {"type": format.ga_type, **rate}
        session |= {name: value for name, value in self.settings.items() if name not in _FORMAT_MEMBERS}
        audio = {side: part for side, part in self.settings.get("audio", {}).items() if part}
        if audio and self.quirks.spelling is not None:
            session["audio"] = audio


def _format_path(settings: Json, owner: str, side: Side) -> str:
    audio = settings.get("audio")
    if isinstance(audio, dict) and isinstance(audio.get(side), dict) and audio[side].get("format"):
        return f"{owner}.audio.{side}.format"
    return f"{owner}.{side}_audio_format"


def _parse(frame: Frame) -> Json | None:
    """Return a client's event, None if the frame cannot be decoded."""
    try:
        data = bounded(frame, DEFAULT_MAX_FRAME_BYTES)
        check_depth(data, DEFAULT_MAX_DEPTH)
        event = msgspec.json.decode(data)
    except (DecodeError, msgspec.DecodeError, UnicodeError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


class ProviderServerSession:
    """A session of a provider. Its events are passed to `emit` as JSON.

    Args:
        provider: the server.
        codec: the codec of the base dialect.
        open_session: makes the session of the base dialect.
        options: the arguments of the `ServerProtocol`.
        emit: takes the events.
    """

    def __init__(
        self,
        provider: Provider,
        codec: DialectCodec[Any, Any],
        open_session: Callable[[SessionOptions, Callable[[Any], None]], Any],
        options: SessionOptions,
        emit: Callable[[Any], None],
    ) -> None:
        for format in provider.output_formats:
            format.chunk_bytes(options.ptime_ms)  # raises AudioError for a partial sample
        self._wire, self._codec, self._emit = ProviderWire(provider), codec, emit
        quirks = self._wire.quirks
        session_type = "transcription" if quirks.is_transcription else options.session_type
        options = replace(
            options, new_id=quirks.new_id, formats=self._wire.formats, session_type=session_type
        )
        self._events: list[Any] = []
        self._session = open_session(options, self._events.append)
        if quirks.is_transcription:
            self._session.handle(_TRANSCRIBE, b"")
            self._events.clear()

    @property
    def is_responding(self) -> bool:
        """True while a response is in progress."""
        return bool(self._session.is_responding)

    @property
    def is_closed(self) -> bool:
        """True once the session has ended."""
        return bool(self._session.is_closed)

    def open(self) -> None:
        """Emit the first events."""
        self._session.open()
        self._convert()
        for event in self._wire.quirks.opening:
            self._emit({**event})

    def handle(self, event: Any, frame: Frame) -> None:
        """Handle a client event, which was decoded from `frame`.

        Raises:
            DecodeError, Refusal: the event is rejected, and nothing has changed.
        """
        wire, answers = self._wire, self._wire.quirks.answers
        message = _parse(frame)
        if message is None:
            raise refusals.INVALID_JSON(reason="it has numbers that are too large")
        if event.type in answers:
            answer = answers[event.type]
            if answer is not None:
                self._emit({**answer})
            return
        saved = wire.formats, {**wire.settings}
        try:
            base = wire.receive(wire.normalize(message))
            if base is not None:
                self._session.formats = wire.formats
                data = msgspec.json.encode(base)
                self._session.handle(self._codec.decode_client(data), data)
        except (DecodeError, refusals.Refusal):
            wire.formats, wire.settings = saved
            raise
        finally:
            self._convert()

    def refuse(self, error: Any) -> None:
        """Emit an error."""
        self._session.refuse(error)
        self._convert()

    def advance(self) -> None:
        """Emit the next step of the response in progress."""
        self._session.advance()
        self._convert()

    def _convert(self) -> None:
        events = [*self._events]
        self._events.clear()
        for event in events:
            message = {"event_id": "", **msgspec.json.decode(self._codec.encode(event))}
            for own in self._wire.send(message):
                self._emit(own)


# The settings of a server that only transcribes: turns end by a commit.
_TRANSCRIBE: Final = ga.SessionUpdate(
    session=ga.TranscriptionSession(
        audio=ga.AudioConfig(
            input=ga.AudioInput(turn_detection=None, transcription=ga.Transcription(model="transcribe"))
        )
    )
)

# --- Kinds of changes ----------------------------------------------------------------


def _without(names: tuple[str, ...], *types: str) -> Send:
    """Return a change that removes members from events of these types."""

    def change(event: Json, wire: ProviderWire) -> Iterable[Json]:
        if event["type"] in types:
            event = {name: value for name, value in event.items() if name not in names}
        return (event,)

    return change


def _drop(*types: str) -> Send:
    """Return a change that drops events of these types."""
    return lambda event, wire: () if event["type"] in types else (event,)


def _take(*names: str) -> Receive:
    """Return a change that moves settings of the provider's own out of an update."""

    def change(event: Json, wire: ProviderWire) -> Json:
        wire.take(event, *names)
        return event

    return change


def _default_type(event: Json, wire: ProviderWire) -> Json:
    """Give a session its type, which this server does not need."""
    if isinstance(event.get("session"), dict):
        event["session"].setdefault("type", "realtime")
    return event


def _flat_functions(event: Json, wire: ProviderWire) -> Json:
    """Flatten functions in Chat Completions' notation."""
    tools = event["session"].get("tools") if isinstance(event.get("session"), dict) else None
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
            tool |= tool.pop("function")
    return event


# --- xAI -----------------------------------------------------------------------------

_XAI_FLAT: Final = (
    "modalities", "temperature", "max_response_output_tokens", "enable_noise_suppression",
    "enable_phonetic_spelling", "keep_context",
)  # fmt: skip
# Flat settings, and their place in GA's session.
_XAI_NESTED: Final[Mapping[str, tuple[Side, str]]] = {
    "voice": ("output", "voice"),
    "turn_detection": ("input", "turn_detection"),
    "input_audio_transcription": ("input", "transcription"),
}


def _xai_nested(event: Json, wire: ProviderWire) -> Json:
    """Move flat settings to their place in GA's session."""
    session = event.get("session")
    for flat, (side, name) in _XAI_NESTED.items():
        if isinstance(session, dict) and flat in session:
            _side_of(session, side)[name] = session.pop(flat)
    return event


def _side_of(session: Json, side: Side) -> Json:
    """Return one side of GA's audio in a session, which is made if it is missing or no object."""
    audio = session["audio"] = session["audio"] if isinstance(session.get("audio"), dict) else {}
    part: Json = audio[side] if isinstance(audio.get(side), dict) else {}
    audio[side] = part
    return part


def _xai_commit(event: Json, wire: ProviderWire) -> Json:
    """Read conversation.item.commit as GA's commit."""
    if event["type"] == "conversation.item.commit":
        event["type"] = "input_audio_buffer.commit"
    return event


def _xai_off(event: Json, wire: ProviderWire) -> Json:
    """Read a flat null, and the turn detection ``{"type": null}``, as GA's null."""
    session = event.get("session")
    for flat, (side, name) in _XAI_NESTED.items():
        if isinstance(session, dict) and flat in session and session[flat] in (None, {"type": None}):
            del session[flat]
            _side_of(session, side)[name] = None
    return event


def _xai_session(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Show flat members beside GA's audio."""
    session = event.get("session")
    if event["type"] in _SESSION_TYPES and isinstance(session, dict):
        session.pop("type", None)
        audio = session.get("audio", {})
        for flat, (side, name) in _XAI_NESTED.items():
            part = audio.get(side, {})
            if name in part:
                session[flat] = part.pop(name)
        if session.get("turn_detection") is None:
            session["turn_detection"] = {"type": None}
        session["modalities"] = session.pop("output_modalities", ["audio"])
    return (event,)


def _xai_usage(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Put the usage of a response at the top of the event."""
    if event["type"] in ("response.created", "response.done"):
        usage = event["response"].get("usage")
        event["response"]["usage"] = {}
        if event["type"] == "response.done" and usage:
            tokens = usage.get("output_token_details", {}).get("audio_tokens") or 0
            # A token of the assistant's audio is 50 ms.
            event["usage"] = {
                **usage,
                "grok_tokens": usage["total_tokens"],
                "billable_audio_seconds": tokens / 20,
            }
    return (event,)


def _xai_items(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Leave out the content of the messages that a response consists of."""
    item = event.get("item")
    is_output = event["type"].startswith("response.output_item.") or (
        isinstance(item, dict) and item.get("role") == "assistant" and not item.get("content")
    )
    if is_output and isinstance(item, dict) and item["type"] == "message":
        item.pop("content", None)
    return (event,)


def _xai_previous(event: Json, wire: ProviderWire) -> Iterable[Json]:
    event.setdefault("previous_item_id", None)
    return (event,)


def _xai_error(event: Json, wire: ProviderWire) -> Iterable[Json]:
    if event["type"] == "error":
        event["error"] = {name: event["error"].get(name) for name in ("type", "code", "message")}
    return (event,)


def _xai_transcript(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Send the transcript so far in the place of its new piece."""
    if event["type"] == f"{_TRANSCRIPT}.delta":
        text = _transcript_so_far(event, wire)
        yield {
            "type": f"{_TRANSCRIPT}.updated",
            "event_id": event["event_id"],
            "item_id": event["item_id"],
            "content_index": event["content_index"],
            "transcript": text,
        }
    else:
        yield event


def _transcript_so_far(event: Json, wire: ProviderWire) -> str:
    wire.transcripts = {event["item_id"]: wire.transcripts.get(event["item_id"], "") + event["delta"]}
    return wire.transcripts[event["item_id"]]


# --- Azure Voice Live ----------------------------------------------------------------

_VOICE_LIVE_OWN: Final = (
    "voice", "input_audio_echo_cancellation", "output_audio_timestamp_types", "animation", "avatar",
    "interim_response", "reasoning_effort", "parallel_tool_calls", "include", "metadata",
)  # fmt: skip
_VOICE_LIVE_CLIENT: Final = (
    "input_audio.clear", "input_audio.turn.start", "input_audio.turn.append", "input_audio.turn.end",
    "input_audio.turn.cancel", "input_text.delta", "input_text.done",
)  # fmt: skip
_BETA_DETECTION: Final = frozenset({
    "type", "threshold", "prefix_padding_ms", "silence_duration_ms", "eagerness", "create_response",
    "interrupt_response",
})  # fmt: skip


def _voice_live_detection(event: Json, wire: ProviderWire) -> Json:
    """Run Azure's turn detections as the server's own, and show them as the client set them."""
    session = event.get("session")
    if isinstance(session, dict) and isinstance(session.get("turn_detection"), dict):
        detection = session["turn_detection"]
        wire.settings["turn_detection"] = dict(detection)
        own = {name: value for name, value in detection.items() if name in _BETA_DETECTION}
        if str(own.get("type", "")).startswith("azure_"):
            own["type"] = "server_vad"
        session["turn_detection"] = own
    elif isinstance(session, dict) and "turn_detection" in session:
        wire.settings.pop("turn_detection", None)
    for name in ("input_audio_noise_reduction", "input_audio_transcription"):
        if isinstance(session, dict) and session.get(name):
            # Models and reductions of Azure's own: shown, without effect.
            wire.settings[name] = session.pop(name)
    return event


def _voice_live_parts(event: Json, wire: ProviderWire) -> Json:
    """Read GA's names of the assistant's parts, which this server takes too."""
    item = event.get("item")
    content = item.get("content") if isinstance(item, dict) else None
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "output_text":
            part["type"] = "text"
    return event


def _voice_live_response(event: Json, wire: ProviderWire) -> Json:
    event.pop("additional_instructions", None)
    if isinstance(event.get("response"), dict):
        for name in ("voice", "animation"):
            event["response"].pop(name, None)
    return event


def _voice_live_voices(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Make objects of voices, and show the rate of the input."""
    for name in ("session", "response"):
        owner = event.get(name)
        if isinstance(owner, dict):
            voice = wire.settings.get("voice", owner.get("voice"))
            if voice is not None:
                owner["voice"] = {"name": voice, "type": "openai"} if isinstance(voice, str) else voice
    if event["type"] in _SESSION_TYPES:
        event["session"]["input_audio_sampling_rate"] = wire.formats[0].sample_rate
    return (event,)


def _voice_live_done(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Send GA's conversation.item.done beside beta's events."""
    yield event
    item = event.get("item", {})
    is_complete = event["type"] == "conversation.item.created" and item.get("status") == "completed"
    if is_complete or event["type"] == "response.output_item.done":
        previous = {"previous_item_id": event["previous_item_id"]} if "previous_item_id" in event else {}
        yield {"event_id": "", "type": "conversation.item.done", **previous, "item": item}


# --- Qwen, GLM -----------------------------------------------------------------------

_QWEN_OWN: Final = (
    "sample_rate", "max_tokens", "top_p", "top_k", "seed", "repetition_penalty", "presence_penalty",
    "enable_search", "search_options", "voice", "temperature",
)  # fmt: skip


def _qwen_usage(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Give the details of usage their names."""
    usage: Json = (event["response"].get("usage") or {}) if event["type"] == "response.done" else {}
    for name in ("input_token", "output_token"):
        if f"{name}_details" in usage:
            usage[f"{name}s_details"] = usage.pop(f"{name}_details")
    return (event,)


def _qwen_parts(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Send parts with their text, audio or not."""
    if event["type"].startswith("response.content_part."):
        part = event["part"]
        event["part"] = {"type": part["type"], "text": part.get("text", part.get("transcript", ""))}
    return (event,)


def _qwen_transcript(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Send the transcript so far: the text that is final, and the rest that may change."""
    if event["type"] == f"{_TRANSCRIPT}.delta":
        text = _transcript_so_far(event, wire)
        stash = event.pop("delta")
        final = text.removesuffix(stash)
        event |= {"type": f"{_TRANSCRIPT}.text", "text": final, "stash": stash, "language": "en"}
    return (event,)


_GLM_DELTAS: Final = (
    "response.audio.delta", "response.audio.done", "response.audio_transcript.delta",
    "response.audio_transcript.done", "response.text.delta", "response.text.done",
    "response.function_call_arguments.delta", "response.function_call_arguments.done",
)  # fmt: skip
_SPEECH: Final = ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped")


def _glm_timestamp(event: Json, wire: ProviderWire) -> Iterable[Json]:
    if event["type"].startswith("response."):
        event["client_timestamp"] = 0
    return (event,)


def _glm_nulls(event: Json, wire: ProviderWire) -> Json:
    """Read null as absent in a session, as the server's examples have it."""
    session = event.get("session")
    if isinstance(session, dict) and session.get("tools", ()) is None:
        del session["tools"]
    return event


# --- Servers that are GA or transcribe -----------------------------------------------


def _inworld_attempts(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Report the attempts of a response in its metadata, as a list."""
    if event["type"] == "response.done":
        event["response"]["metadata"] = {
            **(event["response"].get("metadata") or {}),
            "attempts": [{"attempt": 1}],
        }
    return (event,)


def _inworld_model(event: Json, wire: ProviderWire) -> Json:
    """Take the model of the voice out of the session's output."""
    session = event.get("session")
    audio = session.get("audio") if isinstance(session, dict) else None
    output = audio.get("output") if isinstance(audio, dict) else None
    if isinstance(output, dict) and "model" in output:
        wire.settings["audio.output.model"] = output.pop("model")
    if isinstance(session, dict) and session.get("output_modalities") == ["audio", "text"]:
        session["output_modalities"] = ["audio"]  # of which the transcript is a part here too
    return event


def _inworld_session(event: Json, wire: ProviderWire) -> Iterable[Json]:
    if event["type"] in _SESSION_TYPES:
        model = event["session"].pop("audio.output.model", "inworld-tts-1.5-mini")
        event["session"]["audio"]["output"]["model"] = model
    return (event,)


def _localai_empty(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Leave out empty content and arguments."""
    items = [event.get("item"), *(event.get("response") or {}).get("output", ())]
    for item in items:
        for name in ("content", "arguments", "output"):
            if isinstance(item, dict) and name in item and not item[name]:
                del item[name]
    return (event,)


def _localai_speaker(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Name the speaker of the user's audio."""
    yield event
    if event["type"] == "input_audio_buffer.committed":
        speaker = {"name": "unknown", "confidence": 0.0, "matched": False}
        kind = "conversation.item.speaker"
        yield {"type": kind, "event_id": "", "item_id": event["item_id"], "speaker": speaker}


def _localai_modalities(event: Json, wire: ProviderWire) -> Json:
    """Read beta's name of the modalities of a response, which this server takes too."""
    response = event.get("response")
    if isinstance(response, dict) and "modalities" in response:
        response["output_modalities"] = response.pop("modalities")
    return event


def _localai_update(event: Json, wire: ProviderWire) -> Json | None:
    """Ignore the set-up of an audio transformation."""
    return None if event["type"] == "session.update" and "session" not in event else event


def _speaches_flat(event: Json, wire: ProviderWire) -> Json:
    """Read beta's flat transcription, which this server takes too."""
    session = event.get("session")
    if isinstance(session, dict) and "input_audio_transcription" in session:
        _side_of(session, "input")["transcription"] = session.pop("input_audio_transcription")
    return event


def _vllm_receive(event: Json, wire: ProviderWire) -> Json | None:
    """Transcribe at the commit that is final; the model of an update is only shown."""
    if event["type"] == "session.update" or (
        event["type"].endswith(".commit") and not event.pop("final", False)
    ):
        return None
    return event


def _vllm_send(event: Json, wire: ProviderWire) -> Iterable[Json]:
    """Send the four events that the server has."""
    kind = event["type"]
    if kind == "session.created":
        yield {"type": kind, "id": event["session"]["id"], "created": 0}
    elif kind == "error":
        yield {"type": kind, "error": event["error"]["message"], "code": event["error"]["code"]}
    elif kind == f"{_TRANSCRIPT}.delta":
        yield {"type": "transcription.delta", "delta": event["delta"]}
    elif kind == f"{_TRANSCRIPT}.completed":
        usage = event.get("usage", {})
        prompt, completion = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        tokens = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }
        yield {"type": "transcription.done", "text": event["transcript"], "usage": tokens}


# --- The table -----------------------------------------------------------------------

_PCM_NAMES: Final[Mapping[Side, str]] = {"input": "pcm", "output": "pcm"}
QUIRKS: Final[Mapping[str, Quirks]] = {
    "openai": Quirks(),
    "azure": Quirks(),
    "azure_voice_live": Quirks(
        send=(_voice_live_voices, _voice_live_done),
        normalize=(_voice_live_parts,),
        receive=(_voice_live_detection, _voice_live_response, _take(*_VOICE_LIVE_OWN)),
        answers={
            "session.avatar.connect": {
                "type": "session.avatar.connecting",
                "event_id": "",
                "server_sdp": "v=0",
            },
            **dict.fromkeys(_VOICE_LIVE_CLIENT),
        },
        spelling={"input": "pcm16", "output": "pcm16"},
    ),
    "xai": Quirks(
        send=(
            _xai_session,
            _xai_usage,
            _xai_items,
            _xai_transcript,
            _xai_error,
            _without(("part",), "response.content_part.done"),
            _without(("output_index",), "response.function_call_arguments.delta"),
            _xai_previous,
        ),
        opening=({"type": "ping", "event_id": "", "timestamp": 0},),
        normalize=(_default_type, _xai_off, _flat_functions),
        receive=(_xai_nested, _take(*_XAI_FLAT), _xai_commit),
        new_id=uuid_id,
    ),
    "qwen": Quirks(
        send=(_qwen_usage, _qwen_parts, _qwen_transcript),
        normalize=(_flat_functions,),
        receive=(_take(*_QWEN_OWN),),
        answers={
            "session.finish": {"type": "session.finished", "event_id": ""},
            "input_image_buffer.append": None,
        },
        spelling=_PCM_NAMES,
    ),
    "glm": Quirks(
        send=(
            _drop(f"{_TRANSCRIPT}.delta", "rate_limits.updated"),
            _without(("item_id", "call_id"), *_GLM_DELTAS),
            _without(("item_id", "audio_start_ms", "audio_end_ms"), *_SPEECH),
            _without(("content_index",), f"{_TRANSCRIPT}.completed"),
            _glm_timestamp,
        ),
        opening=({"type": "heartbeat"},),
        normalize=(_glm_nulls,),
        receive=(_take("beta_fields"),),
        answers={"input_audio_buffer.append_video_frame": None},
        spelling=_PCM_NAMES,
    ),
    "inworld": Quirks(send=(_inworld_session, _inworld_attempts), normalize=(_default_type, _inworld_model)),
    "vllm": Quirks(send=(_vllm_send,), receive=(_vllm_receive,), is_transcription=True),
    "localai": Quirks(
        send=(_localai_empty, _localai_speaker),
        normalize=(_default_type, _localai_modalities),
        receive=(_localai_update, _take("localai_classifier")),
    ),
    "speaches": Quirks(normalize=(_default_type, _speaches_flat, _take("speech_model"))),
}
