"""Checks of a Live session's settings and events before they are sent: what OpenAI's servers would refuse.

`validate_live_session` and `validate_live_event` are exported by `realtime.live`. The limits and their sources
are in `spec`. GA's checks are in `validate`.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from . import spec
from ._guard import DEFAULT_MAX_DEPTH, check_depth
from .codec import encode_json
from .errors import AudioError, ConfigError, EncodeError, reason_of, snippet
from .events import live
from .format import AudioFormat, AudioFormatLike
from .repair import LenientDecoder, ValidationFailure
from .validate import Problems, raise_problems

LiveTransport: TypeAlias = Literal["websocket", "webrtc", "sip"]
_TRANSPORTS: Final = ("websocket", "webrtc", "sip")
# The settings of a fork; it has the others from its origin.
FORK_SETTINGS: Final = frozenset({"audio", "client", "delegation", "store"})
# The types that a message's only part may have, by the message's role. The type may be absent.
_PART_TYPES: Final = {
    "developer": ("input_text",),
    "user": ("input_text",),
    "assistant": ("output_text", "text"),
}
# The format of a fixture, whatever that of the session is.
FIXTURE_FORMAT: Final = AudioFormat.PCM16
# The members that the settings of a backend must have.
_BACKEND_MEMBERS: Final = {"responses": ("model",), "decisions": ("model", "questions")}


def validate_live_session(
    session: live.LiveSession, *, transport: LiveTransport = "websocket", is_fork: bool = False
) -> None:
    """Raise an error if OpenAI's servers would refuse these settings at the start of a session.

    Sizes that are limited in tokens are refused only where they exceed the limit in any language.

    Args:
        session: the settings.
        transport: the connection that the session is for: WebRTC and SIP negotiate the audio format.
        is_fork: True for a fork of a stored session, which has its model and most settings.

    Raises:
        ConfigError: `problems` has all problems, each with its path, or the first value of a wrong type; or the
            transport is unknown.
        TypeError: `session` is not the settings of a Live session.
    """
    if not isinstance(session, live.LiveSession):
        raise TypeError(f"a LiveSession is required, not {type(session).__name__}")
    if transport not in _TRANSPORTS:
        raise ConfigError(f"unknown transport {snippet(repr(transport))}; known are {', '.join(_TRANSPORTS)}")
    try:
        text = encode_json(session)
        check_depth(text, DEFAULT_MAX_DEPTH)
        sent = LenientDecoder(exact=True).decode(text, live.LiveSession, "$")
    except ValidationFailure as failure:
        problems = [(failure.path.removeprefix("$."), failure.reason)]
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        problems = [("session", reason_of(error))]
    else:
        problems = [*_problems(sent, transport, is_fork)]
    raise_problems(problems)


def _problems(session: live.LiveSession, transport: LiveTransport, is_fork: bool) -> Problems:
    if is_fork:
        for name in live.LiveSession.__struct_fields__:
            if name not in FORK_SETTINGS and getattr(session, name) is not UNSET:
                yield name, "is that of the session that is forked"
    elif not session.model:
        yield "model", "must be set"
    elif session.model in spec.MODELS:
        yield "model", f"{snippet(session.model)} is a model of GA"
    if session.client and transport != "webrtc":
        yield "client", "is for WebRTC only"
    if session.audio:
        yield from _audio(session.audio, transport)
    if isinstance(session.instructions, str):
        yield from _text("instructions", session.instructions, spec.MAX_LIVE_INSTRUCTIONS_TOKENS)
    if session.input:
        yield from _input(session.input)
    if session.delegation:
        yield from _delegation(session.delegation, is_fork)
    yield from _triggers(session.triggers or [])


def _audio(audio: live.LiveAudio, transport: LiveTransport) -> Problems:
    format = audio.format
    if format and transport != "websocket":
        yield "audio.format", f"is negotiated by {transport}"
    elif isinstance(format, live.KnownLiveFormat):
        rates = spec.LIVE_RATES[format.type]
        if format.rate not in rates:
            yield "audio.format.rate", f"must be {' or '.join(map(str, rates))} for {format.type}"
    elif format:
        yield "audio.format.type", f"must be {', '.join(spec.LIVE_RATES)}"
    voice = audio.output.voice if audio.output else None
    # Voices are an open set, but those of the beta dialect alone are not in it.
    if isinstance(voice, str) and voice in spec.BETA_VOICES and voice not in spec.LIVE_VOICES:
        yield "audio.output.voice", f"{snippet(voice)} was a voice of the beta dialect only"


def _text(path: str, text: str, max_tokens: int) -> Problems:
    if len(text) > max_tokens * spec.MAX_CHARS_PER_TOKEN:
        yield path, f"has {len(text)} characters, more than {max_tokens} tokens"


def _input(messages: list[live.InputMessage]) -> Problems:
    if len(messages) > spec.MAX_LIVE_INPUT_MESSAGES:
        yield "input", f"has {len(messages)} messages, more than {spec.MAX_LIVE_INPUT_MESSAGES}"
    chars = 0
    for index, message in enumerate(messages):
        path = f"input[{index}]"
        if not isinstance(message, live.Message):
            yield f"{path}.type", "must be message"
            continue
        types = _PART_TYPES.get(message.role)
        if types is None:
            yield f"{path}.role", f"must be {', '.join(_PART_TYPES)}"
            continue
        part = message.content[0] if isinstance(message.content, list) and len(message.content) == 1 else None
        text = _text_of(part)
        if part is None or text is None:
            yield f"{path}.content", "must be one text"
            continue
        if (part.type or types[0]) not in types:
            yield f"{path}.content[0].type", f"must be {' or '.join(types)}"
        chars += len(text)
    if chars > spec.MAX_LIVE_INPUT_TOKENS * spec.MAX_CHARS_PER_TOKEN:
        yield "input", f"has {chars} characters, more than {spec.MAX_LIVE_INPUT_TOKENS} tokens"


def _text_of(part: live.MessagePart | None) -> str | None:
    """Return the text of a part. One without a type is unknown; servers take it for one of its role."""
    text = (
        json_object(part.raw).get("text")
        if isinstance(part, live.UnknownPart)
        else getattr(part, "text", None)
    )
    return text if isinstance(text, str) else None


def _delegation(delegation: live.Delegation, is_fork: bool) -> Problems:
    kind = delegation.type
    if isinstance(delegation, live.UnknownDelegation):
        yield "delegation.type", f"must be {', '.join(spec.LIVE_DELEGATIONS)}, not {snippet(repr(kind))}"
        return
    delay = delegation.acknowledgement_delay_ms
    if isinstance(delay, int) and delay < 0:
        yield "delegation.acknowledgement_delay_ms", "must be at least 0"
    if kind not in _BACKEND_MEMBERS:
        return
    path, config = f"delegation.{kind}", getattr(delegation, kind)
    if not is_fork:
        for name in _BACKEND_MEMBERS[kind]:
            if not getattr(config, name, None):
                yield f"{path}.{name}", "must be set"
    if isinstance(config, live.ResponsesConfig):
        yield from backend_problems(path, config)


def backend_problems(path: str, config: live.ResponsesConfig) -> Problems:
    """Yield the problems of the settings of a Responses backend. Members may be absent."""
    tokens = config.max_output_tokens
    if isinstance(tokens, int) and tokens < spec.MIN_LIVE_OUTPUT_TOKENS:
        yield f"{path}.max_output_tokens", f"must be at least {spec.MIN_LIVE_OUTPUT_TOKENS}"
    if config.service_tier and config.service_tier not in spec.LIVE_SERVICE_TIERS:
        yield f"{path}.service_tier", f"must be {', '.join(spec.LIVE_SERVICE_TIERS)}"
    for index, tool in enumerate(config.tools or ()):
        if not tool.type:
            yield f"{path}.tools[{index}].type", "must be set"
        elif isinstance(tool, live.FunctionTool) and not tool.name:
            yield f"{path}.tools[{index}].name", "must be set"


def _triggers(triggers: list[live.AnyTrigger]) -> Problems:
    seen = set()
    for index, trigger in enumerate(triggers):
        if trigger.type not in live.Trigger.types or isinstance(trigger, live.UnknownTrigger):
            yield f"triggers[{index}].type", "must be decisions"
            continue
        path = f"triggers[{index}].event_type"
        if trigger.event_type not in spec.LIVE_TRIGGER_EVENTS:
            yield path, f"must be {' or '.join(spec.LIVE_TRIGGER_EVENTS)}"
        elif trigger.event_type in seen:
            yield path, "has a trigger already"
        seen.add(trigger.event_type)


# --- Events --------------------------------------------------------------------------


def validate_live_event(event: object, *, format: AudioFormatLike = AudioFormat.PCM16) -> None:
    """Raise an error if OpenAI's servers would refuse the audio or the text of a client event.

    `encode` and `encode_append` leave this check out: they do not know the session's format, and a text is
    limited in tokens, which its length only estimates.

    Args:
        event: an event; one that has neither audio nor text for the model passes.
        format: the session's format.

    Raises:
        AudioError: the audio is empty, or not a whole number of samples; or a fixture is too long.
        ConfigError: the format is unknown.
        EncodeError: the text is empty, or longer than about 500 tokens.
    """
    if isinstance(event, live.SessionInputAudioAppend):
        _check_audio(event.audio, AudioFormat.of(format), "an append")
    elif isinstance(event, live.SessionOutputAudioFixturePlay):
        duration_ms = _check_audio(event.audio, FIXTURE_FORMAT, "a fixture")
        if duration_ms > spec.MAX_LIVE_FIXTURE_MS:
            raise AudioError(f"a fixture of {duration_ms} ms is longer than {spec.MAX_LIVE_FIXTURE_MS} ms")
    elif isinstance(event, live.AppendedText):
        length = len(event.content)
        if not 0 < length <= spec.MAX_LIVE_CONTENT_CHARS:
            tokens = spec.MAX_LIVE_APPEND_TOKENS
            limits = f"from 1 to {spec.MAX_LIVE_CONTENT_CHARS} (about {tokens} tokens)"
            raise EncodeError(f"the content has {length} characters, not {limits}", event_type=event.type)


def _check_audio(audio: bytes, format: AudioFormat, what: str) -> float:
    """Return the duration of audio that is not empty, in milliseconds."""
    if not audio:
        raise AudioError(f"{what} must have audio")
    return format.duration_ms(len(audio))


def json_object(text: Any) -> dict[str, Any]:
    """Return JSON text as a dict; an empty one if it is absent, null or no object."""
    if not isinstance(text, (Raw, bytes, bytearray, memoryview, str)):
        return {}
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
