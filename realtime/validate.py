"""What the server would refuse in a session's or a response's settings, found before it is sent.

GA's rules, each from the API reference or the official SDK (`spec` names the source); the
seed's own checks are in `realtime.beta`. Every problem is found at once. Each function below
takes a path and what stands there, and gives what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET

from . import spec
from .errors import ConfigError, ModelNotFoundError, snippet
from .events import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    FunctionTool,
    McpTool,
    NoiseReduction,
    PcmFormat,
    RealtimeSession,
    Reasoning,
    ResponseAudio,
    ResponseParams,
    RetentionRatio,
    SemanticVad,
    ServerVad,
    Session,
    TokenLimits,
    Transcription,
    TranscriptionSession,
)
from .format import AudioFormat

Problems = Iterator[tuple[str, str]]


def validate_session_config(config: Session) -> None:
    """Passes settings that GA accepts.

    Raises:
        ModelNotFoundError: the model is not one of `get_supported_models()`.
        ConfigError: anything else; `problems` has all that was found, each with its path.
        TypeError: `config` is not a session's settings.
    """
    if isinstance(config, RealtimeSession):
        problems = [*_realtime(config)]
    elif isinstance(config, TranscriptionSession):
        problems = [*_transcription_session(config)]
    else:
        raise TypeError(f"a session's settings are needed, not {type(config).__name__}")
    if problems and problems[0][0] == "model":
        raise ModelNotFoundError(str(getattr(config, "model", "")), problems=problems)
    _raise(problems)


def validate_response_params(params: ResponseParams) -> None:
    """Passes a response's parameters that GA accepts.

    Raises:
        ConfigError: `problems` has all that was found, each with its path.
        TypeError: `params` are not a response's parameters.
    """
    if not isinstance(params, ResponseParams):
        raise TypeError(f"a response's parameters are needed, not {type(params).__name__}")
    _raise([*_response(params)])


def _raise(problems: Sequence[tuple[str, str]]) -> None:
    if problems:
        raise ConfigError("; ".join(f"{path}: {what}" for path, what in problems), problems=problems)


# --- Sessions and responses ----------------------------------------------------------


def _realtime(config: RealtimeSession) -> Problems:
    if config.model and config.model not in spec.MODELS:
        yield "model", "is not a known realtime model"
    yield from _shared(config)
    yield from _one_of("tracing", config.tracing, spec.TRACINGS)
    yield from _one_of("truncation", config.truncation, spec.TRUNCATIONS)
    if isinstance(config.truncation, RetentionRatio):
        yield from _between("truncation.retention_ratio", config.truncation.retention_ratio, 0, 1)
        limits = config.truncation.token_limits
        if isinstance(limits, TokenLimits):
            yield from _between(
                "truncation.token_limits.post_instructions", limits.post_instructions, 0, None
            )
    yield from _each_of("include", config.include, spec.INCLUDES)
    if isinstance(config.audio, AudioConfig):
        yield from _audio_input(config.audio.input)
        yield from _audio_output(config.audio.output)


def _transcription_session(config: TranscriptionSession) -> Problems:
    yield from _each_of("include", config.include, spec.INCLUDES)
    if not isinstance(config.audio, AudioConfig):
        return
    yield from _audio_input(config.audio.input)
    if config.audio.output is not UNSET:
        yield "audio.output", "is not a setting of a transcription session"
    heard = config.audio.input
    if isinstance(heard, AudioInput) and isinstance(heard.transcription, Transcription):
        model = heard.transcription.model
        if model in spec.UNDETECTED_TRANSCRIPTION and heard.turn_detection:
            yield "audio.input.turn_detection", f"must be null with {model}"


def _response(params: ResponseParams) -> Problems:
    yield from _shared(params)
    yield from _metadata("metadata", params.metadata)
    if isinstance(params.audio, ResponseAudio):
        yield from _audio_output(params.audio.output)


def _shared(config: RealtimeSession | ResponseParams) -> Problems:
    """What a response can set otherwise than its session."""
    if isinstance(config.output_modalities, list) and sorted(config.output_modalities) not in (
        ["audio"],
        ["text"],
    ):
        yield "output_modalities", 'must be ["audio"] or ["text"]'
    yield from _max_tokens(config.max_output_tokens)
    yield from _one_of("tool_choice", config.tool_choice, spec.TOOL_CHOICES)
    if isinstance(config.reasoning, Reasoning):
        yield from _one_of("reasoning.effort", config.reasoning.effort, spec.EFFORTS)
    for index, tool in enumerate(config.tools or ()):
        yield from _tool(f"tools[{index}]", tool)


# --- Their parts ---------------------------------------------------------------------


def _max_tokens(value: Any) -> Problems:
    if value is None or value is UNSET or value == "inf":
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= spec.MAX_OUTPUT_TOKENS:
        yield "max_output_tokens", f'must be from 1 to {spec.MAX_OUTPUT_TOKENS}, or "inf"'


def _tool(path: str, tool: Any) -> Problems:
    if isinstance(tool, FunctionTool):
        if not tool.name:
            yield f"{path}.name", "must be set"
        yield from _matches(f"{path}.name", tool.name, spec.TOOL_NAME_PATTERN)
    elif isinstance(tool, McpTool):
        if not (tool.server_url or tool.connector_id or tool.tunnel_id):
            yield path, "needs a server_url, a connector_id or a tunnel_id"
        yield from _one_of(f"{path}.connector_id", tool.connector_id, spec.CONNECTORS)
        yield from _matches(f"{path}.tunnel_id", tool.tunnel_id, spec.TUNNEL_ID_PATTERN)
        yield from _one_of(f"{path}.require_approval", tool.require_approval, spec.APPROVALS)
        yield from _not_empty(f"{path}.allowed_callers", tool.allowed_callers)
        yield from _each_of(f"{path}.allowed_callers", tool.allowed_callers, spec.ALLOWED_CALLERS)


def _audio_input(heard: Any) -> Problems:
    if not isinstance(heard, AudioInput):
        return
    yield from _format("audio.input.format", heard.format)
    if isinstance(heard.transcription, Transcription):
        yield from _transcription("audio.input.transcription", heard.transcription)
    if isinstance(heard.noise_reduction, NoiseReduction):
        yield from _one_of(
            "audio.input.noise_reduction.type", heard.noise_reduction.type, spec.NOISE_REDUCTIONS
        )
    path = "audio.input.turn_detection"
    if isinstance(heard.turn_detection, ServerVad):
        yield from _server_vad(path, heard.turn_detection)
    elif isinstance(heard.turn_detection, SemanticVad):
        yield from _one_of(f"{path}.eagerness", heard.turn_detection.eagerness, spec.EAGERNESSES)


def _audio_output(said: Any) -> Problems:
    if not isinstance(said, AudioOutput):
        return
    yield from _format("audio.output.format", said.format)
    # The set of voices is open, but those that only the beta dialect had are not in it.
    if isinstance(said.voice, str) and said.voice in spec.BETA_VOICES and said.voice not in spec.VOICES:
        yield "audio.output.voice", f"{said.voice} was a voice of the beta dialect alone"
    yield from _between("audio.output.speed", said.speed, spec.MIN_SPEED, spec.MAX_SPEED)


def _format(path: str, format: Any) -> Problems:
    rate = AudioFormat.PCM16.sample_rate
    if isinstance(format, PcmFormat) and isinstance(format.rate, int) and format.rate != rate:
        yield f"{path}.rate", f"must be {rate}"


def _transcription(path: str, settings: Transcription) -> Problems:
    yield from _not_empty(f"{path}.languages", settings.languages)
    yield from _one_of(f"{path}.delay", settings.delay, spec.EFFORTS)
    model = settings.model
    if not model:
        return  # absent, it stays what it was
    for name, takers in (
        ("keywords", spec.HINTED_TRANSCRIPTION),
        ("languages", spec.HINTED_TRANSCRIPTION),
        ("delay", spec.DELAYED_TRANSCRIPTION),
    ):
        if getattr(settings, name) and model not in takers:
            yield f"{path}.{name}", f"is for {' and '.join(takers)} only, not {snippet(model)}"
    if settings.prompt and model in spec.UNPROMPTED_TRANSCRIPTION:
        yield f"{path}.prompt", f"is not for {model}"


def _server_vad(path: str, vad: ServerVad) -> Problems:
    yield from _between(f"{path}.threshold", vad.threshold, 0, 1)
    for name in ("prefix_padding_ms", "silence_duration_ms"):
        yield from _between(f"{path}.{name}", getattr(vad, name), 0, None)
    yield from _between(
        f"{path}.idle_timeout_ms", vad.idle_timeout_ms, spec.MIN_IDLE_TIMEOUT_MS, spec.MAX_IDLE_TIMEOUT_MS
    )


def _metadata(path: str, metadata: Any) -> Problems:
    if not isinstance(metadata, dict):
        return
    if len(metadata) > spec.MAX_METADATA_PAIRS:
        yield path, f"has {len(metadata)} pairs, more than {spec.MAX_METADATA_PAIRS}"
    for key, value in metadata.items():
        if not isinstance(key, str) or len(key) > spec.MAX_METADATA_KEY_CHARS:
            yield (
                f"{path}[{snippet(repr(key))}]",
                f"has a key of more than {spec.MAX_METADATA_KEY_CHARS} characters",
            )
        if not isinstance(value, str) or len(value) > spec.MAX_METADATA_VALUE_CHARS:
            what = f"must be a string of at most {spec.MAX_METADATA_VALUE_CHARS} characters"
            yield f"{path}[{snippet(repr(key))}]", what


# --- Kinds of rules; null and absent pass all of them --------------------------------


def _between(path: str, value: Any, least: float, most: float | None) -> Problems:
    if value is None or value is UNSET:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        yield path, "must be a number"
    elif not (value >= least and (most is None or value <= most)):
        yield path, f"must be from {least} to {most}" if most is not None else f"must be at least {least}"


def _one_of(path: str, value: Any, known: Sequence[str]) -> Problems:
    """For a string; what is an object is not of a closed set."""
    if isinstance(value, str) and value not in known:
        yield path, f"must be {' or '.join(known)}, not {snippet(repr(value))}"


def _each_of(path: str, values: Any, known: Sequence[str]) -> Problems:
    for index, value in enumerate(values or ()):
        yield from _one_of(f"{path}[{index}]", value, known)


def _matches(path: str, value: Any, pattern: str) -> Problems:
    if isinstance(value, str) and value and not re.fullmatch(pattern, value):
        yield path, f"must match {pattern}"


def _not_empty(path: str, values: Any) -> Problems:
    if isinstance(values, list) and not values:
        yield path, "must not be empty"
