"""A session's settings: the server's defaults, and what a `session.update` makes of them.

Absent keeps and null clears; where nothing is not a value (a format, a voice), clearing
gives the default back. Reading them (`input_format`, `turn_detection`...) is here too.
"""

from __future__ import annotations

from typing import Final, TypeAlias, TypeVar, cast

import msgspec
from msgspec import UNSET

from .. import spec
from ..build import VAD_PREFIX_PADDING_MS, VAD_SILENCE_DURATION_MS, VAD_THRESHOLD, wire_format
from ..errors import ConfigError
from ..events import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    RealtimeSession,
    RealtimeSessionInfo,
    SemanticVad,
    ServerVad,
    SessionUpdate,
    TranscriptionSession,
    TranscriptionSessionInfo,
    Unknown,
    Wire,
)
from ..format import AudioFormat
from ..validate import validate_session_config
from ._refusal import Refusal

W = TypeVar("W", bound=Wire)
Settings: TypeAlias = RealtimeSessionInfo | TranscriptionSessionInfo

# Source of the defaults: the API reference of session.created and ServerVad.
_VAD_DEFAULTS = ServerVad(
    threshold=VAD_THRESHOLD,
    prefix_padding_ms=VAD_PREFIX_PADDING_MS,
    silence_duration_ms=VAD_SILENCE_DURATION_MS,
    idle_timeout_ms=None,
    create_response=True,
    interrupt_response=True,
)
# Settings inside of which absent keeps; all others are replaced whole.
_NESTED = (AudioConfig, AudioInput, AudioOutput)
# Settings that can be off.
_CLEARABLE = frozenset({
    "turn_detection", "transcription", "noise_reduction", "tracing", "prompt", "include", "reasoning",
})  # fmt: skip


# How long a silence ends a turn of semantic VAD, in ms; this server does not know what words mean.
_EAGER_SILENCE_MS: Final = {"low": 1000, "medium": 500, "high": 200, "auto": 500}


def default_settings(model: str, session_id: str, expires_at: int, kind: str = "realtime") -> Settings:
    """What a session is before anything is set."""
    heard = AudioInput(
        format=wire_format(AudioFormat.PCM16),
        transcription=None,
        noise_reduction=None,
        turn_detection=whole_vad(ServerVad()),
    )
    if kind == "transcription":
        return TranscriptionSessionInfo(
            id=session_id,
            object="realtime.transcription_session",
            expires_at=expires_at,
            audio=AudioConfig(input=heard),
            include=None,
        )
    return RealtimeSessionInfo(
        id=session_id,
        object="realtime.session",
        expires_at=expires_at,
        model=model,
        output_modalities=["audio"],
        instructions="",
        audio=AudioConfig(
            input=heard,
            output=AudioOutput(format=wire_format(AudioFormat.PCM16), voice=spec.DEFAULT_VOICE, speed=1.0),
        ),
        tools=[],
        tool_choice="auto",
        max_output_tokens="inf",
        tracing=None,
        truncation="auto",
        prompt=None,
        include=None,
    )


def whole_vad(vad: ServerVad) -> ServerVad:
    """`vad` with the defaults for what it leaves open."""
    given = msgspec.structs.asdict(vad)
    return msgspec.structs.replace(
        _VAD_DEFAULTS, **{name: value for name, value in given.items() if value not in (UNSET, None)}
    )


def updated(current: Settings, change: SessionUpdate) -> Settings:
    """The settings after `change`; `current` stays as it is.

    Raises:
        Refusal: settings that no session of this type can have.
    """
    session = change.session
    if not isinstance(session, _TYPES[type(current)]):
        sent, own = session.type, current.type
        message = f"Passing a {sent} session update event to a {own} session is not allowed."
        raise Refusal("invalid_value", message, "session.type")
    default = default_settings("", "", 0, current.type)
    if isinstance(default, RealtimeSessionInfo) and isinstance(current, RealtimeSessionInfo):
        default.model = current.model
    new = _merged(current, cast("Wire", session), default)
    _check(new)
    vad = input_side(new).turn_detection
    if isinstance(vad, ServerVad):
        input_side(new).turn_detection = whole_vad(vad)
    return new


_TYPES: Final[dict[type[Settings], type[RealtimeSession] | type[TranscriptionSession]]] = {
    RealtimeSessionInfo: RealtimeSession,
    TranscriptionSessionInfo: TranscriptionSession,
}


def forced(settings: Settings, fmt: AudioFormat) -> Settings:
    """`settings` in the format `fmt`, both ways."""
    audio = settings.audio
    assert isinstance(audio, AudioConfig)
    heard = msgspec.structs.replace(input_side(settings), format=wire_format(fmt))
    said = audio.output
    if isinstance(said, AudioOutput):
        said = msgspec.structs.replace(said, format=wire_format(fmt))
    return msgspec.structs.replace(settings, audio=msgspec.structs.replace(audio, input=heard, output=said))


def _merged(current: W, change: Wire, default: Wire) -> W:
    values = {}
    for name in current.__struct_fields__:
        old, new, ordinary = getattr(current, name), getattr(change, name, UNSET), getattr(default, name)
        if new is UNSET:
            values[name] = old
        elif new is None and name not in _CLEARABLE:
            values[name] = ordinary
        elif isinstance(new, _NESTED) and isinstance(old, _NESTED):
            values[name] = _merged(old, new, ordinary)
        else:
            values[name] = new
    return type(current)(**values)


def _check(settings: Settings) -> None:
    audio = settings.audio
    assert isinstance(audio, AudioConfig)
    for side in (audio.input, audio.output):
        if isinstance(side, (AudioInput, AudioOutput)) and isinstance(side.format, Unknown):
            where = "input" if side is audio.input else "output"
            raise Refusal(
                "invalid_value", f"Invalid value: '{side.format.type}'.", f"session.audio.{where}.format.type"
            )
    found = input_side(settings).turn_detection
    if isinstance(found, Unknown):
        param = "session.audio.input.turn_detection.type"
        raise Refusal("invalid_value", f"Invalid value: '{found.type}'.", param)
    _check_values(settings)


def _check_values(settings: Settings) -> None:
    try:
        validate_session_config(settings)
    except ConfigError as error:
        # The set of models is open.
        problems = [(path, what) for path, what in error.problems if path != "model"]
        if problems:
            path, what = problems[0]
            raise Refusal("invalid_value", f"Invalid 'session.{path}': {what}.", f"session.{path}") from None


# --- Reading -------------------------------------------------------------------------


def input_side(settings: Settings) -> AudioInput:
    """The input side of whole settings."""
    assert isinstance(settings.audio, AudioConfig)
    assert isinstance(settings.audio.input, AudioInput)
    return settings.audio.input


def output_side(settings: RealtimeSessionInfo) -> AudioOutput:
    """The output side of whole settings."""
    assert isinstance(settings.audio, AudioConfig)
    assert isinstance(settings.audio.output, AudioOutput)
    return settings.audio.output


def voice(settings: Settings) -> object:
    """Whose voice speaks; None where nobody does."""
    return output_side(settings).voice if isinstance(settings, RealtimeSessionInfo) else None


def turn_detection(settings: Settings) -> ServerVad | None:
    """How turns are found, None where the client commits; semantic VAD is a silence by its eagerness."""
    found = input_side(settings).turn_detection
    if isinstance(found, ServerVad):
        return found
    if isinstance(found, SemanticVad):
        return whole_vad(
            ServerVad(
                silence_duration_ms=_EAGER_SILENCE_MS.get(found.eagerness or "auto"),
                create_response=found.create_response,
                interrupt_response=found.interrupt_response,
            )
        )
    return None


def input_format(settings: Settings) -> AudioFormat:
    """The format of what the client sends."""
    return AudioFormat.of(input_side(settings).format)


def output_format(settings: RealtimeSessionInfo) -> AudioFormat:
    """The format of what the server sends."""
    return AudioFormat.of(output_side(settings).format)
