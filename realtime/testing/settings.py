"""Session settings in the GA dialect: the defaults, and the effect of a `session.update`.

An absent setting stays as it is and null clears it; a setting that cannot be empty (a format, a voice)
returns to its default. `merged` applies this rule to translation sessions as well; the settings that only
beta or translation sessions have are in `beta` and `translation`.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias, TypeVar, cast

import msgspec
from msgspec import UNSET

from .. import events as ga, spec
from ..build import VAD_PREFIX_PADDING_MS, VAD_SILENCE_DURATION_MS, VAD_THRESHOLD, wire_format
from ..errors import AudioError, ConfigError
from ..events.translation import TranslationAudio, TranslationInput, TranslationOutput
from ..format import OPENAI_FORMATS, AudioFormat
from ..validate import validate_session_config
from . import refusals

# The models that reason. Source: pipecat-ai/pipecat, services/openai/realtime/llm.py, and the names of the
# SDK's models (gpt-realtime-2025-08-28 is older). Read 2026-11-29.
_REASONING_MODELS: Final = re.compile(r"gpt-realtime-2(\.\d+)?(-mini)?(-\d{4}-\d\d-\d\d)?")

# The duration of one audio delta.
PTIME_MS: Final = 100

W = TypeVar("W", bound=ga.Wire)
SessionType: TypeAlias = Literal["realtime", "transcription"]
SessionSettings: TypeAlias = ga.RealtimeSessionInfo | ga.TranscriptionSessionInfo

# Source: the API reference of session.created and ServerVad.
_VAD_DEFAULTS: Final = ga.ServerVad(
    threshold=VAD_THRESHOLD,
    prefix_padding_ms=VAD_PREFIX_PADDING_MS,
    silence_duration_ms=VAD_SILENCE_DURATION_MS,
    idle_timeout_ms=None,
    create_response=True,
    interrupt_response=True,
)
# Settings that are merged member by member; all others are replaced.
_NESTED: Final = (
    ga.AudioConfig, ga.AudioInput, ga.AudioOutput, TranslationAudio, TranslationInput, TranslationOutput,
)  # fmt: skip
# Settings that null turns off.
_CLEARABLE: Final = frozenset({
    "turn_detection", "transcription", "noise_reduction", "tracing", "prompt", "include", "reasoning",
})  # fmt: skip


def check_ptime(ptime_ms: float) -> None:
    """Check that an audio delta of `ptime_ms` is a whole number of samples in every format.

    Raises:
        AudioError: `ptime_ms` is 0 or not a whole number of samples.
        TypeError: `ptime_ms` is not a number.
    """
    if not all(format.chunk_bytes(ptime_ms) for format in OPENAI_FORMATS):
        raise AudioError("ptime_ms must be more than 0")


def default_settings(
    model: str, session_id: str, expires_at: int, session_type: SessionType = "realtime"
) -> SessionSettings:
    """Return the settings of a new session."""
    audio_input = ga.AudioInput(
        format=wire_format(AudioFormat.PCM16),
        transcription=None,
        noise_reduction=None,
        turn_detection=with_vad_defaults(ga.ServerVad()),
    )
    if session_type == "transcription":
        return ga.TranscriptionSessionInfo(
            id=session_id,
            object="realtime.transcription_session",
            expires_at=expires_at,
            audio=ga.AudioConfig(input=audio_input),
            include=None,
        )
    return ga.RealtimeSessionInfo(
        id=session_id,
        object="realtime.session",
        expires_at=expires_at,
        model=model,
        output_modalities=["audio"],
        instructions="",
        audio=ga.AudioConfig(
            input=audio_input,
            output=ga.AudioOutput(format=wire_format(AudioFormat.PCM16), voice=spec.DEFAULT_VOICE, speed=1.0),
        ),
        tools=[],
        tool_choice="auto",
        max_output_tokens="inf",
        tracing=None,
        truncation="auto",
        prompt=None,
        include=None,
    )


def with_vad_defaults(vad: ga.ServerVad) -> ga.ServerVad:
    """Return `vad` with the defaults for members that are absent or null."""
    given = msgspec.structs.asdict(vad)
    return msgspec.structs.replace(
        _VAD_DEFAULTS, **{name: value for name, value in given.items() if value not in (UNSET, None)}
    )


def merged(current: W, update: object, default: W) -> W:
    """Return the settings `current` after `update`. Does not modify its arguments.

    Absent members stay. Null gives the value in `default`, or None for settings that null turns off.
    """
    values = {}
    for name in current.__struct_fields__:
        old, new, fallback = getattr(current, name), getattr(update, name, UNSET), getattr(default, name)
        if new is UNSET:
            values[name] = old
        elif new is None and name not in _CLEARABLE:
            values[name] = fallback
        elif isinstance(new, _NESTED) and isinstance(old, _NESTED):
            values[name] = merged(old, new, fallback)
        else:
            values[name] = new
    return type(current)(**values)


def updated(current: SessionSettings, update: ga.SessionUpdate) -> SessionSettings:
    """Return the settings after `update`. Does not modify `current`.

    Raises:
        Refusal: a session of this type cannot have these settings.
    """
    requested = update.session
    if requested.type != current.type:
        raise refusals.SESSION_TYPE_MISMATCH(value=requested.type, current=current.type)
    model = getattr(current, "model", "")
    new = merged(current, requested, default_settings(model, "", 0, cast("SessionType", current.type)))
    if isinstance(new, ga.RealtimeSessionInfo):
        new.model = model  # that of the connection, which an update cannot change
    _check(new)
    vad = input_settings(new).turn_detection
    if isinstance(vad, ga.ServerVad):
        input_settings(new).turn_detection = with_vad_defaults(vad)
    return new


def check_reasoning(current: SessionSettings, requested: object, param: str) -> None:
    """Check that settings have no `reasoning` if the session's model does not reason.

    Models that the library does not know may have it.

    Raises:
        Refusal: they have.
    """
    model = getattr(current, "model", None)
    if (
        getattr(requested, "reasoning", None)
        and model in spec.MODELS
        and not _REASONING_MODELS.fullmatch(model)
    ):
        raise refusals.REASONING_UNSUPPORTED(param=f"{param}.reasoning")


def with_format(settings: SessionSettings, format: AudioFormat) -> SessionSettings:
    """Return `settings` with `format` for input and output."""
    audio = settings.audio
    assert isinstance(audio, ga.AudioConfig)
    wire = wire_format(format)
    new = msgspec.structs.replace(audio, input=msgspec.structs.replace(input_settings(settings), format=wire))
    if isinstance(audio.output, ga.AudioOutput):
        new.output = msgspec.structs.replace(audio.output, format=wire)
    return msgspec.structs.replace(settings, audio=new)


def input_settings(settings: SessionSettings) -> ga.AudioInput:
    """Return the input settings of a session."""
    assert isinstance(settings.audio, ga.AudioConfig)
    assert isinstance(settings.audio.input, ga.AudioInput)
    return settings.audio.input


def output_settings(settings: ga.RealtimeSessionInfo) -> ga.AudioOutput:
    """Return the output settings of a session."""
    assert isinstance(settings.audio, ga.AudioConfig)
    assert isinstance(settings.audio.output, ga.AudioOutput)
    return settings.audio.output


def _check(settings: SessionSettings) -> None:
    audio = settings.audio
    assert isinstance(audio, ga.AudioConfig)
    for name, side in (("input", audio.input), ("output", audio.output)):
        if isinstance(side, (ga.AudioInput, ga.AudioOutput)) and isinstance(side.format, ga.Unknown):
            raise refusals.INVALID_VALUE(value=side.format.type, param=f"session.audio.{name}.format.type")
    vad = input_settings(settings).turn_detection
    if isinstance(vad, ga.Unknown):
        raise refusals.INVALID_VALUE(value=vad.type, param="session.audio.input.turn_detection.type")
    try:
        validate_session_config(settings)
    except ConfigError as error:
        for path, reason in error.problems:
            if path != "model":  # models that the library does not know are accepted
                raise refusals.INVALID_PARAMETER(param=f"session.{path}", reason=reason) from None
