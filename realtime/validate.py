"""Checks of settings before they are sent: what GA's servers would refuse in a session or a response.

`_RULES` has a row for each setting with a rule; `spec` names the sources. All problems are found
at once. The seed's own checks are in `realtime.beta`, builders in `build`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias

from msgspec import UNSET

from . import events, spec
from ._provider import Provider, ProviderLike, provider_for, value_at
from ._text import did_you_mean
from .errors import ConfigError, ModelNotFoundError, snippet
from .format import SIDES, AudioFormat, formats_by_path

Problems: TypeAlias = Iterator[tuple[str, str]]
# Yields the problems of the value at a path. Null and absent values pass every rule.
Rule: TypeAlias = Callable[[str, Any], Problems]


def validate_session_config(config: events.Session, *, provider: ProviderLike | None = None) -> None:
    """Raise an error if GA would refuse these settings of a session.

    With `provider`, by the rules of that server: its formats and documented ranges. OpenAI's rules
    hold for OpenAI and Azure alone. Providers that speak beta are for `realtime.beta.validate_session_config`.

    Raises:
        ModelNotFoundError: the model is not one of `get_supported_models()`.
        ConfigError: any other problem; `problems` has all of them, each with its path.
        TypeError: `config` is not the settings of a session.
    """
    if not isinstance(config, (events.RealtimeSession, events.TranscriptionSession)):
        raise TypeError(f"a RealtimeSession or TranscriptionSession is required, not {type(config).__name__}")
    row = provider_for("openai" if provider is None else provider, "ga", "validate_session_config")
    is_openai = "settings" in row.openai_rules
    problems = [*(_check("", config) if is_openai else provider_problems(config, row))]
    if "models" not in row.openai_rules:
        problems = [problem for problem in problems if problem[0] != "model"]
    if problems and problems[0][0] == "model":
        raise ModelNotFoundError(str(getattr(config, "model", "")), problems=problems)
    raise_problems(problems)


def provider_problems(config: object, row: Provider) -> Problems:
    """Yield the problems of a session by the rules of `row` alone: its formats and ranges.

    Raises:
        ConfigError: the server has no session settings.
    """
    _ = row.session_type
    for side in SIDES:
        for path, stated in islice(formats_by_path(config, side), 1):  # a server reads the first
            if getattr(stated, "type", stated) in row.listed_formats:
                continue
            try:
                row.check_format(stated, side)
            except (TypeError, ConfigError) as error:
                yield path, str(error)
    for path, allowed in row.ranges.items():
        value = value_at(config, path)
        if value is not None and value is not UNSET and not allowed.allows(value):
            yield path, f"must be {allowed}"


def validate_response_params(params: events.ResponseParams) -> None:
    """Raise an error if GA would refuse these parameters of a response.

    Raises:
        ConfigError: `problems` has all problems, each with its path.
        TypeError: `params` is not the parameters of a response.
    """
    if not isinstance(params, events.ResponseParams):
        raise TypeError(f"a ResponseParams is required, not {type(params).__name__}")
    raise_problems([*_check("", params)])


def raise_problems(problems: Sequence[tuple[str, str]]) -> None:
    """Raise a ConfigError with `problems` if there are any."""
    if problems:
        raise ConfigError(problems=problems)


def _check(path: str, value: Any) -> Problems:
    """Apply the rules of a Struct to its fields. Values of other types have none."""
    for cls in type(value).__mro__:
        if cls in _RULES:
            for name, rule in _RULES[cls]:
                field_path = f"{path}.{name}" if path and name else path or name
                yield from rule(field_path, getattr(value, name) if name else value)
            return


# --- Kinds of rules ------------------------------------------------------------------


def _between(minimum: float, maximum: float | None) -> Rule:
    limits = f"must be from {minimum} to {maximum}" if maximum is not None else f"must be at least {minimum}"

    def rule(path: str, value: Any) -> Problems:
        if value is None or value is UNSET:
            return
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            yield path, "must be a number"
        elif not (value >= minimum and (maximum is None or value <= maximum)):
            yield path, limits

    return rule


def _one_of(known: Sequence[str]) -> Rule:
    """Return a rule for strings. Objects, where the protocol allows them, are of no closed set."""

    def rule(path: str, value: Any) -> Problems:
        if isinstance(value, str) and value not in known:
            suggestion = did_you_mean(value, known)
            yield path, f"must be {' or '.join(known)}, not {snippet(repr(value))}{suggestion}"

    return rule


def _each(item_rule: Rule) -> Rule:
    def rule(path: str, values: Any) -> Problems:
        for index, value in enumerate(values or ()):
            yield from item_rule(f"{path}[{index}]", value)

    return rule


def _matches(pattern: str) -> Rule:
    def rule(path: str, value: Any) -> Problems:
        if isinstance(value, str) and value and not re.fullmatch(pattern, value):
            yield path, f"must match {pattern}"

    return rule


def _not_empty(path: str, values: Any) -> Problems:
    if isinstance(values, list) and not values:
        yield path, "must not be empty"


# --- Rules of single settings --------------------------------------------------------


def _model(path: str, model: Any) -> Problems:
    if model and model not in spec.MODELS:
        yield path, "is not a known realtime model"


def _modalities(path: str, modalities: Any) -> Problems:
    if isinstance(modalities, list) and sorted(modalities) not in (["audio"], ["text"]):
        yield path, 'must be ["audio"] or ["text"]'


def _max_tokens(path: str, value: Any) -> Problems:
    if value is None or value is UNSET or value == "inf":
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= spec.MAX_OUTPUT_TOKENS:
        yield path, f'must be from 1 to {spec.MAX_OUTPUT_TOKENS}, or "inf"'


def _function_name(path: str, name: Any) -> Problems:
    if not name:
        yield path, "must be set"


def _mcp_server(path: str, tool: events.McpTool) -> Problems:
    if not (tool.server_url or tool.connector_id or tool.tunnel_id):
        yield path, "needs a server_url, a connector_id or a tunnel_id"


def _voice(path: str, voice: Any) -> Problems:
    # The set of voices is open, but those that only the beta dialect had are not in it.
    if isinstance(voice, str) and voice in spec.BETA_VOICES and voice not in spec.VOICES:
        yield path, f"{snippet(voice)} was a voice of the beta dialect only"


def _pcm_rate(path: str, rate: Any) -> Problems:
    if isinstance(rate, int) and rate != AudioFormat.PCM16.sample_rate:
        yield path, f"must be {AudioFormat.PCM16.sample_rate}"


def _transcription_model(path: str, settings: events.Transcription) -> Problems:
    model = settings.model
    if not model:
        return  # absent: the model stays that of the session
    for name, models in spec.TRANSCRIPTION_SETTINGS.items():
        if getattr(settings, name) and model not in models:
            yield f"{path}.{name}", f"is for {' and '.join(models)} only, not {snippet(model)}"
    if settings.prompt and model in spec.UNPROMPTED_TRANSCRIPTION:
        yield f"{path}.prompt", f"is not for {model}"


def _transcription_only(path: str, audio: Any) -> Problems:
    if not isinstance(audio, events.AudioConfig):
        return
    yield from _check(f"{path}.input", audio.input)
    if audio.output is not UNSET:
        yield f"{path}.output", "is not a setting of a transcription session"
    if isinstance(audio.input, events.AudioInput) and audio.input.turn_detection:
        model = getattr(audio.input.transcription, "model", None)
        if model in spec.UNDETECTED_TRANSCRIPTION:
            yield f"{path}.input.turn_detection", f"must be null with {model}"


def _metadata(path: str, metadata: Any) -> Problems:
    if not isinstance(metadata, dict):
        return
    if len(metadata) > spec.MAX_METADATA_PAIRS:
        yield path, f"has {len(metadata)} pairs, more than {spec.MAX_METADATA_PAIRS}"
    for key, value in metadata.items():
        key_path = f"{path}[{snippet(repr(key))}]"
        if not isinstance(key, str) or len(key) > spec.MAX_METADATA_KEY_CHARS:
            yield key_path, f"has a key of more than {spec.MAX_METADATA_KEY_CHARS} characters"
        if not isinstance(value, str) or len(value) > spec.MAX_METADATA_VALUE_CHARS:
            yield key_path, f"must be a string of at most {spec.MAX_METADATA_VALUE_CHARS} characters"


# --- The table -----------------------------------------------------------------------

# Settings that a session and a response have in common.
_SHARED: tuple[tuple[str, Rule], ...] = (
    ("output_modalities", _modalities),
    ("max_output_tokens", _max_tokens),
    ("tool_choice", _one_of(spec.TOOL_CHOICES)),
    ("reasoning", _check),
    ("tools", _each(_check)),
)
# By Struct: its fields and their rules, in the order of the problems. `_check` applies the rules of
# a Struct in a field; a rule whose field is "" gets the Struct itself.
_RULES: dict[type, tuple[tuple[str, Rule], ...]] = {
    events.RealtimeSession: (
        ("model", _model),
        *_SHARED,
        ("tracing", _one_of(spec.TRACINGS)),
        ("truncation", _one_of(spec.TRUNCATIONS)),
        ("truncation", _check),
        ("include", _each(_one_of(spec.INCLUDES))),
        ("audio", _check),
    ),
    events.TranscriptionSession: (("include", _each(_one_of(spec.INCLUDES))), ("audio", _transcription_only)),
    events.ResponseParams: (*_SHARED, ("metadata", _metadata), ("audio", _check)),
    events.AudioConfig: (("input", _check), ("output", _check)),
    events.ResponseAudio: (("output", _check),),
    events.AudioInput: tuple((name, _check) for name in events.AudioInput.__struct_fields__),
    events.AudioOutput: (
        ("format", _check),
        ("voice", _voice),
        ("speed", _between(spec.MIN_SPEED, spec.MAX_SPEED)),
    ),
    events.PcmFormat: (("rate", _pcm_rate),),
    events.Transcription: (
        ("languages", _not_empty),
        ("delay", _one_of(spec.EFFORTS)),
        ("", _transcription_model),
    ),
    events.NoiseReduction: (("type", _one_of(spec.NOISE_REDUCTIONS)),),
    events.ServerVad: (
        ("threshold", _between(0, 1)),
        ("prefix_padding_ms", _between(0, None)),
        ("silence_duration_ms", _between(0, None)),
        ("idle_timeout_ms", _between(spec.MIN_IDLE_TIMEOUT_MS, spec.MAX_IDLE_TIMEOUT_MS)),
    ),
    events.SemanticVad: (("eagerness", _one_of(spec.EAGERNESSES)),),
    events.Reasoning: (("effort", _one_of(spec.EFFORTS)),),
    events.RetentionRatio: (("retention_ratio", _between(0, 1)), ("token_limits", _check)),
    events.TokenLimits: (("post_instructions", _between(0, None)),),
    events.FunctionTool: (("name", _function_name), ("name", _matches(spec.TOOL_NAME_PATTERN))),
    events.McpTool: (
        ("", _mcp_server),
        ("connector_id", _one_of(spec.CONNECTORS)),
        ("tunnel_id", _matches(spec.TUNNEL_ID_PATTERN)),
        ("require_approval", _one_of(spec.APPROVALS)),
        ("allowed_callers", _not_empty),
        ("allowed_callers", _each(_one_of(spec.ALLOWED_CALLERS))),
    ),
}
