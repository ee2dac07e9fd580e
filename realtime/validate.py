"""What the server would refuse in a session's settings, found before it is sent.

GA's rules; the seed's own checks are in `realtime.beta`. Every problem is found at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET

from . import spec
from .errors import ConfigError, ModelNotFoundError
from .events import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    FunctionTool,
    McpTool,
    PcmFormat,
    RealtimeSession,
    RetentionRatio,
    ServerVad,
    Session,
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
        problems = [*_audio(config.audio)]
    else:
        raise TypeError(f"a session's settings are needed, not {type(config).__name__}")
    if problems and problems[0][0] == "model":
        raise ModelNotFoundError(str(getattr(config, "model", "")), problems=problems)
    if problems:
        raise ConfigError("; ".join(f"{path}: {what}" for path, what in problems), problems=problems)


def _realtime(config: RealtimeSession) -> Problems:
    if config.model and config.model not in spec.MODELS:
        yield "model", "is not a known realtime model"
    if isinstance(config.output_modalities, list) and sorted(config.output_modalities) not in (
        ["audio"],
        ["text"],
    ):
        yield "output_modalities", 'must be ["audio"] or ["text"]'
    yield from _max_tokens(config.max_output_tokens)
    if isinstance(config.truncation, RetentionRatio):
        yield from _between("truncation.retention_ratio", config.truncation.retention_ratio, 0, 1)
    for index, tool in enumerate(config.tools or ()):
        if isinstance(tool, FunctionTool) and not tool.name:
            yield f"tools[{index}].name", "must be set"
        if isinstance(tool, McpTool) and not (tool.server_url or tool.connector_id or tool.tunnel_id):
            yield f"tools[{index}]", "needs a server_url, a connector_id or a tunnel_id"
    yield from _audio(config.audio)


def _max_tokens(value: Any) -> Problems:
    if value is None or value is UNSET or value == "inf":
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= spec.MAX_OUTPUT_TOKENS:
        yield "max_output_tokens", f'must be from 1 to {spec.MAX_OUTPUT_TOKENS}, or "inf"'


def _audio(audio: Any) -> Problems:
    if not isinstance(audio, AudioConfig):
        return
    if isinstance(audio.input, AudioInput):
        yield from _format("audio.input.format", audio.input.format)
        if isinstance(audio.input.turn_detection, ServerVad):
            yield from _server_vad("audio.input.turn_detection", audio.input.turn_detection)
    if isinstance(audio.output, AudioOutput):
        yield from _format("audio.output.format", audio.output.format)
        yield from _between("audio.output.speed", audio.output.speed, spec.MIN_SPEED, spec.MAX_SPEED)


def _format(path: str, format: Any) -> Problems:
    rate = AudioFormat.PCM16.sample_rate
    if isinstance(format, PcmFormat) and isinstance(format.rate, int) and format.rate != rate:
        yield f"{path}.rate", f"must be {rate}"


def _server_vad(path: str, vad: ServerVad) -> Problems:
    yield from _between(f"{path}.threshold", vad.threshold, 0, 1)
    for name in ("prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"):
        yield from _between(f"{path}.{name}", getattr(vad, name), 0, None)


def _between(path: str, value: Any, least: float, most: float | None) -> Problems:
    if value is None or value is UNSET:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        yield path, "must be a number"
    elif not (value >= least and (most is None or value <= most)):
        yield path, f"must be from {least} to {most}" if most is not None else f"must be at least {least}"
