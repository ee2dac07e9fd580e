"""The beta dialect, which the seed speaks: the names of `realtime` for its own wire.

OpenAI retired it in May 2026; dated Azure endpoints and compatible servers still speak it. The
builders and checks here behave as the seed's (litellm-rs 0.4.16), with its shapes, defaults, voices
and limits. The enums are constants for fields that take any string. The events are defined in
`events.beta`, the conversion from and to GA in `beta.convert`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, overload

from .. import build, spec, validate
from .._members import extras
from .._provider import ProviderLike, provider_for
from ..append import as_bytes_view
from ..codec import DialectCodec
from ..errors import ConfigError, ModelNotFoundError
from ..events import beta as events
from ..events.beta import *
from ..format import AudioFormat, AudioFormatLike
from .convert import from_ga, to_ga

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..append import Buffer

__all__ = [
    "AudioFormat",
    "Codec",
    "ItemRole",
    "ItemStatus",
    "ItemType",
    "Modality",
    "TurnDetectionType",
    "Voice",
    "create_audio_input",
    "create_function_output",
    "create_session_config",
    "create_text_input",
    "decode_client",
    "decode_client_if",
    "decode_server",
    "decode_server_if",
    "encode",
    "encode_append",
    "estimate_cost_per_minute",
    "extras",
    "from_ga",
    "get_recommended_voice",
    "get_sample_rate",
    "get_supported_models",
    "supports_realtime",
    "to_ga",
    "validate_session_config",
]  # fmt: skip
__all__ += events.__all__


class Codec(DialectCodec[events.ServerEvent, events.ClientEvent]):
    """The codec of the beta dialect. Audio given as a str is sent without validation, as in the seed."""

    server_events = events.ServerEvent
    client_events = events.ClientEvent
    append = events.InputAudioBufferAppend
    checks_base64 = False


decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = Codec().functions()

# --- The seed's enums, as constants --------------------------------------------------


class Voice(StrEnum):
    """The seed's voices."""

    ALLOY = "alloy"
    ASH = "ash"
    BALLAD = "ballad"
    CORAL = "coral"
    ECHO = "echo"
    NOVA = "nova"
    ONYX = "onyx"
    FABLE = "fable"
    SAGE = "sage"
    SHIMMER = "shimmer"
    VERSE = "verse"

    @classmethod
    def default(cls) -> Voice:
        """Return ALLOY."""
        return cls.ALLOY


class Modality(StrEnum):
    """The modalities of a response."""

    TEXT = "text"
    AUDIO = "audio"


class TurnDetectionType(StrEnum):
    """The types of turn detection. NONE is sent as null."""

    SERVER_VAD = "server_vad"
    NONE = "none"

    @classmethod
    def default(cls) -> TurnDetectionType:
        """Return SERVER_VAD."""
        return cls.SERVER_VAD


class ItemType(StrEnum):
    """The types of an item."""

    MESSAGE = "message"
    FUNCTION_CALL = "function_call"
    FUNCTION_CALL_OUTPUT = "function_call_output"


class ItemStatus(StrEnum):
    """The states of an item."""

    COMPLETED = "completed"
    IN_PROGRESS = "in_progress"
    INCOMPLETE = "incomplete"


class ItemRole(StrEnum):
    """The roles of a message."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


# --- The seed's utilities ------------------------------------------------------------

get_sample_rate = build.get_sample_rate


def get_supported_models() -> list[str]:
    """Return the seed's two models."""
    return list(spec.BETA_MODELS)


def supports_realtime(model_id: str) -> bool:
    """Return True if `model_id` is one of `get_supported_models()`."""
    return model_id in spec.BETA_MODELS


@overload
def create_session_config(
    model: str, voice: str | None = None, instructions: str | None = None, *, provider: None = None
) -> RealtimeSessionConfig: ...
@overload
def create_session_config(
    model: str | None = None,
    voice: str | build.Settings | None = None,
    instructions: str | None = None,
    *,
    provider: ProviderLike,
    format: AudioFormatLike | None = None,
    turn_detection: Any = UNSET,
    transcription: Any = UNSET,
    tools: Maybe[Sequence[Any]] = UNSET,
    max_output_tokens: Maybe[int | str] = UNSET,
    **settings: Any,
) -> RealtimeSessionConfig: ...
def create_session_config(
    model: str | None = None,
    voice: Any = None,
    instructions: str | None = None,
    *,
    provider: ProviderLike | None = None,
    format: AudioFormatLike | None = None,
    **settings: Any,
) -> RealtimeSessionConfig:
    """Return settings for a session with text and PCM16 audio, with the seed's defaults.

    With `provider`, the settings are of that server's own type: text and audio in `format` (by
    default the server's), server VAD, and nothing else that is not given. Every member of its session is
    accepted by name, as by `realtime.create_session_config`, which is for providers that speak GA.

    Raises:
        ConfigError: an unknown provider or format, or a format or setting that it does not have.
        TypeError: no model without `provider`, or a setting that needs one.
    """
    if provider is not None:
        row = provider_for(provider, "beta", "create_session_config")
        given = {"model": model, "voice": voice, "instructions": instructions}
        session = build.session_of(row, {**given, **settings}, {"modalities": ["text", "audio"]})
        return build.with_formats(row, session, format)  # type: ignore[no-any-return]
    if model is None or format is not None or settings:
        raise TypeError("create_session_config() takes a model, and other settings only with provider=")
    return RealtimeSessionConfig(
        model=model,
        modalities=["text", "audio"],
        instructions=UNSET if instructions is None else instructions,
        voice=Voice.default().value if voice is None else voice,
        input_audio_format=AudioFormat.PCM16.encoding,
        output_audio_format=AudioFormat.PCM16.encoding,
        input_audio_transcription=TranscriptionConfig(model=build.TRANSCRIPTION_MODEL),
        turn_detection=TurnDetectionConfig(
            type="server_vad",
            threshold=build.VAD_THRESHOLD,
            prefix_padding_ms=build.VAD_PREFIX_PADDING_MS,
            silence_duration_ms=build.VAD_SILENCE_DURATION_MS,
        ),
        temperature=0.8,
        max_response_output_tokens=spec.MAX_OUTPUT_TOKENS,
    )


def create_text_input(text: str, previous_item_id: str | None = None) -> ConversationItemCreate:
    """Return an event that adds a user message after `previous_item_id`, or at the end."""
    return ConversationItemCreate(
        previous_item_id=UNSET if previous_item_id is None else previous_item_id,
        item=ConversationItem(
            type="message", status="completed", role="user", content=[InputText(text=text)]
        ),
    )


def create_audio_input(audio: Buffer | str) -> InputAudioBufferAppend:
    """Return an append of `audio`: raw audio in any buffer, or base64 as a str.

    As in the seed, a str is not validated and becomes `event.audio` unchanged.
    """
    if isinstance(audio, str):
        return InputAudioBufferAppend(audio=audio)  # type: ignore[arg-type]
    return InputAudioBufferAppend(audio=bytes(as_bytes_view(audio)))


def create_function_output(
    call_id: str, output: str, previous_item_id: str | None = None
) -> ConversationItemCreate:
    """Return an event that adds the output of the function call `call_id`."""
    return ConversationItemCreate(
        previous_item_id=UNSET if previous_item_id is None else previous_item_id,
        item=ConversationItem(
            type="function_call_output", status="completed", call_id=call_id, output=output
        ),
    )


def validate_session_config(config: RealtimeSessionConfig, *, provider: ProviderLike | None = None) -> None:
    """Check settings as the seed does, in its order, and raise the first failure.

    With `provider`, by the rules of that server instead: its formats and documented ranges.

    Raises:
        ModelNotFoundError: the model is not one of `get_supported_models()`.
        ConfigError: temperature, max tokens or threshold is out of range, or with `provider` any
            problem; `problems` then has all of them.
        TypeError: with `provider`, `config` is not the settings of a session.
    """
    if provider is not None:
        row = provider_for(provider, "beta", "validate_session_config")
        if not isinstance(config, RealtimeSessionConfig):
            raise TypeError(f"a RealtimeSessionConfig is required, not {type(config).__name__}")
        validate.raise_problems([*validate.provider_problems(config, row)])
        return
    if not config.model or config.model not in spec.BETA_MODELS:
        raise ModelNotFoundError(str(config.model or ""))
    if config.temperature is not None and config.temperature is not UNSET:
        _check("temperature", 0.0 <= config.temperature <= spec.BETA_MAX_TEMPERATURE, "0.0 and 2.0")
    tokens = config.max_response_output_tokens
    if isinstance(tokens, int):
        _check(
            "max_response_output_tokens",
            1 <= tokens <= spec.MAX_OUTPUT_TOKENS,
            f"1 and {spec.MAX_OUTPUT_TOKENS}",
        )
    detection = config.turn_detection
    if isinstance(detection, TurnDetectionConfig) and isinstance(detection.threshold, (int, float)):
        _check("turn_detection.threshold", 0.0 <= detection.threshold <= 1.0, "0.0 and 1.0")


def _check(path: str, is_valid: bool, bounds: str) -> None:
    if not is_valid:
        reason = f"must be between {bounds}"
        raise ConfigError(f"{path} {reason}", problems=[(path, reason)])


def get_recommended_voice(use_case: str) -> Voice:
    """Return the seed's voice for a use case, ALLOY for an unknown one."""
    return Voice(spec.BETA_RECOMMENDED_VOICES.get(use_case.lower(), Voice.default().value))


def estimate_cost_per_minute(model: str, include_audio: bool = True) -> float:
    """Return the seed's price of one minute, in USD.

    Raises:
        ModelNotFoundError: `model` is not one of the seed's two.
    """
    if model not in spec.BETA_MINUTE_PRICES:
        raise ModelNotFoundError(model)
    return build.estimate_cost_per_minute(model, include_audio)


def __dir__() -> list[str]:
    return sorted(__all__)
