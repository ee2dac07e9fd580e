"""Builders and look-ups for GA: what today's servers accept.

They are those of the seed (litellm-rs 0.4.16, docs/seed.md); their forms with the seed's own
shapes and defaults are in `realtime.beta`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from . import spec
from .append import from_base64, octets
from .errors import AudioError, ModelNotFoundError, snippet
from .events import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    ConversationItemCreate,
    Format,
    FunctionCallOutputItem,
    InputAudioBufferAppend,
    InputText,
    MessageItem,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    RealtimeSession,
    ServerVad,
    Tool,
    Transcription,
    TurnDetection,
)
from .events.base import Maybe
from .format import AudioFormat

if TYPE_CHECKING:
    from ._types import Buffer

# Source: litellm-rs 0.4.16, create_session_config; GA has no temperature.
TRANSCRIPTION_MODEL = "whisper-1"
VAD_THRESHOLD = 0.5
VAD_PREFIX_PADDING_MS = 300
VAD_SILENCE_DURATION_MS = 500


def get_supported_models() -> list[str]:
    """The models that today's Realtime API names; the wire's set is open."""
    return list(spec.MODELS)


def supports_realtime(model_id: str) -> bool:
    """Whether `model_id` is one of `get_supported_models()`."""
    return model_id in spec.MODELS


def wire_format(format: object) -> Format:
    """The GA object for an audio format in any spelling. Raises what `AudioFormat.of` raises."""
    found = AudioFormat.of(format)
    if found is AudioFormat.PCM16:
        return PcmFormat(rate=found.sample_rate)
    return PcmuFormat() if found is AudioFormat.G711_ULAW else PcmaFormat()


def create_session_config(
    model: spec.Model = spec.DEFAULT_MODEL,
    voice: spec.Voice | None = None,
    instructions: str | None = None,
    *,
    format: object = AudioFormat.PCM16,
    turn_detection: Maybe[TurnDetection] = UNSET,
    transcription: Maybe[Transcription] = UNSET,
    tools: Maybe[list[Tool]] = UNSET,
) -> RealtimeSession:
    """A session that speaks and listens in `format`, with server VAD and transcription.

    What is not given is as in litellm-rs 0.4.16, where GA has its like: voice alloy, whisper-1,
    a threshold of 0.5 with 300 ms before and 500 ms of silence, at most 4096 tokens. The model
    is gpt-realtime. None turns `turn_detection` or `transcription` off. Raises what `AudioFormat.of` raises.
    """
    if turn_detection is UNSET:
        turn_detection = ServerVad(
            threshold=VAD_THRESHOLD,
            prefix_padding_ms=VAD_PREFIX_PADDING_MS,
            silence_duration_ms=VAD_SILENCE_DURATION_MS,
        )
    if transcription is UNSET:
        transcription = Transcription(model=TRANSCRIPTION_MODEL)
    wire = wire_format(format)
    return RealtimeSession(
        model=model,
        output_modalities=["audio"],
        instructions=UNSET if instructions is None else instructions,
        audio=AudioConfig(
            input=AudioInput(format=wire, transcription=transcription, turn_detection=turn_detection),
            output=AudioOutput(format=wire, voice=voice or spec.DEFAULT_VOICE),
        ),
        tools=tools,
        max_output_tokens=spec.MAX_OUTPUT_TOKENS,
    )


def create_text_input(text: str, previous_item_id: str | None = None) -> ConversationItemCreate:
    """A user message of `text`, after `previous_item_id` or at the end."""
    return ConversationItemCreate(
        previous_item_id=UNSET if previous_item_id is None else previous_item_id,
        item=MessageItem(role="user", content=[InputText(text=text)]),
    )


def create_audio_input(audio: Buffer | str) -> InputAudioBufferAppend:
    """An append of `audio`: raw audio of any buffer, copied, or a str that is base64.

    Raises:
        AudioError: a str that is not base64.
        TypeError: `audio` is neither a buffer nor a str.
    """
    if not isinstance(audio, str):
        return InputAudioBufferAppend(audio=bytes(octets(audio)))
    try:
        return InputAudioBufferAppend(audio=from_base64(audio))
    except ValueError:
        raise AudioError("a str of audio must be base64") from None


def create_function_output(
    call_id: str, output: str, previous_item_id: str | None = None
) -> ConversationItemCreate:
    """What the function called by `call_id` gave back."""
    return ConversationItemCreate(
        previous_item_id=UNSET if previous_item_id is None else previous_item_id,
        item=FunctionCallOutputItem(call_id=call_id, output=output),
    )


def get_recommended_voice(use_case: str) -> str:
    """A voice that GA accepts for a use case ("assistant", "narrator", ...; alloy for others)."""
    return spec.RECOMMENDED_VOICES.get(use_case.lower(), spec.DEFAULT_VOICE)


def get_sample_rate(format: object) -> int:
    """Samples per second of a format in any spelling. Raises what `AudioFormat.of` raises."""
    return AudioFormat.of(format).sample_rate


def estimate_cost_per_minute(model: str, include_audio: bool = True) -> float:
    """About what one minute of talk costs, in USD, the context billed again left out.

    By token prices: the user speaks half of the minute and the assistant the other half,
    by audio tokens (one per 100 ms and one per 50 ms) or, without audio, by
    `TEXT_TOKENS_PER_MINUTE` of text shared alike. Models priced by the minute cost that.
    gpt-4o-realtime-preview and its first snapshot cost what litellm-rs 0.4.16 says: 0.06
    with audio, 0.03 without.

    Raises:
        ModelNotFoundError: no price of `model` is known.
    """
    if model in spec.BETA_MINUTE_PRICES:
        with_audio, text_only = spec.BETA_MINUTE_PRICES[model]
        return with_audio if include_audio else text_only
    if model in spec.MINUTE_PRICES:
        return spec.MINUTE_PRICES[model]
    if model not in spec.PRICES:
        reason = f"no price of {snippet(repr(model))} is known (prices of {spec.PRICES_READ})"
        raise ModelNotFoundError(model, reason=reason)
    price = spec.PRICES[model]
    if not include_audio:
        half = TEXT_TOKENS_PER_MINUTE / 2
        return half * (price.text.input + price.text.output) / 1e6
    user = 30_000 / spec.USER_AUDIO_MS_PER_TOKEN
    assistant = 30_000 / spec.ASSISTANT_AUDIO_MS_PER_TOKEN
    return (user * price.audio.input + assistant * price.audio.output) / 1e6


# An assumption, not a fact of the protocol: 150 spoken words a minute, 4 tokens to 3 words.
TEXT_TOKENS_PER_MINUTE = 200
