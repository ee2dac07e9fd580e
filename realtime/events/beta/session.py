"""Sessions of the beta dialect: flat settings, strings for formats, one turn detection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import UNSET

from ...spec import KnownBetaVoice, Model
from ..base import ClientSide, Flat, Maybe, ServerSide, Told, Wire
from ..session import (
    Eagerness,
    MaxTokens,
    Modality as _Modality,
    NoiseReduction,
    TracingConfig,
    UnknownTurnDetection,
)
from ..tools import AnyTool, KnownTool, ToolChoice, UnknownTool

if TYPE_CHECKING:
    VoiceName = KnownBetaVoice | str
    FormatName = Literal["pcm16", "g711_ulaw", "g711_alaw"] | str
    TurnDetectionName = Literal["server_vad", "semantic_vad"] | str
else:
    VoiceName = FormatName = str
    # Closed, so that another name gets the second look that keeps it whole.
    TurnDetectionName = Literal["server_vad", "semantic_vad"]


# --- Settings ------------------------------------------------------------------------


class TranscriptionConfig(Wire, kw_only=True):
    """How the user's speech is transcribed."""

    model: Maybe[str] = UNSET
    language: Maybe[str] = UNSET
    prompt: Maybe[str] = UNSET


class TurnDetectionConfig(Flat, kw_only=True):
    """When a turn ends; ``{"type": "none"}``, the seed's way to say never, decodes to None."""

    unknown = UnknownTurnDetection
    types = frozenset({"server_vad", "semantic_vad"})

    type: Maybe[TurnDetectionName] = UNSET
    threshold: Maybe[float] = UNSET
    prefix_padding_ms: Maybe[int] = UNSET
    silence_duration_ms: Maybe[int] = UNSET
    eagerness: Maybe[Eagerness] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET

    @classmethod
    def of_unknown(cls, tag: str, raw: bytes) -> object:
        """None for "none"."""
        return None if tag == "none" else cls.unknown(tag, raw)


class RealtimeFunction(Wire, kw_only=True):
    """A function as the seed nests it."""

    name: str
    description: Maybe[str] = UNSET
    parameters: object = UNSET


class RealtimeTool(AnyTool, tag="function", kw_only=True):
    """A tool in the seed's nested spelling, for servers that want it; decoding flattens it."""

    function: RealtimeFunction


if TYPE_CHECKING:
    TurnDetection = TurnDetectionConfig | UnknownTurnDetection
    Tool = KnownTool | RealtimeTool | UnknownTool
else:
    TurnDetection = TurnDetectionConfig
    Tool = KnownTool


class SecretExpiry(Wire, kw_only=True):
    """When a client secret runs out."""

    anchor: Maybe[str] = UNSET
    seconds: Maybe[int] = UNSET


class ClientSecretConfig(Wire, kw_only=True):
    """How long a client secret lives; the transcription session spells it `expires_at`."""

    expires_after: Maybe[SecretExpiry] = UNSET
    expires_at: Maybe[SecretExpiry] = UNSET


class HasTurnDetection(Wire, kw_only=True):
    """Settings with a turn detection; the seed's way to turn it off becomes today's, null."""

    def __post_init__(self) -> None:
        detection = getattr(self, "turn_detection", None)
        if isinstance(detection, TurnDetectionConfig) and detection.type == "none":
            setattr(self, "turn_detection", None)  # noqa: B010 (a field of the subclasses)


class RealtimeSessionConfig(HasTurnDetection, kw_only=True):
    """A session's settings."""

    model: Maybe[Model] = UNSET
    modalities: Maybe[list[_Modality]] = UNSET
    instructions: Maybe[str] = UNSET
    voice: Maybe[VoiceName] = UNSET
    input_audio_format: Maybe[FormatName] = UNSET
    output_audio_format: Maybe[FormatName] = UNSET
    input_audio_transcription: Maybe[TranscriptionConfig] = UNSET
    turn_detection: Maybe[TurnDetection] = UNSET
    tools: Maybe[list[Tool]] = UNSET
    tool_choice: Maybe[ToolChoice] = UNSET
    temperature: Maybe[float] = UNSET
    max_response_output_tokens: Maybe[MaxTokens] = UNSET
    input_audio_noise_reduction: Maybe[NoiseReduction] = UNSET
    speed: Maybe[float] = UNSET
    tracing: Maybe[str | TracingConfig] = UNSET
    client_secret: Maybe[ClientSecretConfig] = UNSET


class ClientSecret(Wire, kw_only=True):
    """A short-lived key for a browser; `expires_at` is in Unix seconds."""

    value: str
    expires_at: int


class RealtimeSessionInfo(Told, RealtimeSessionConfig, kw_only=True):
    """A session as the server tells it."""

    settings_type = RealtimeSessionConfig
    not_settings = frozenset({"client_secret"})

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    expires_at: Maybe[int] = UNSET
    client_secret: Maybe[ClientSecret] = UNSET  # type: ignore[assignment]


class TranscriptionSessionConfig(HasTurnDetection, kw_only=True):
    """The settings of a session that only transcribes."""

    modalities: Maybe[list[_Modality]] = UNSET
    input_audio_format: Maybe[FormatName] = UNSET
    input_audio_transcription: Maybe[TranscriptionConfig] = UNSET
    turn_detection: Maybe[TurnDetection] = UNSET
    input_audio_noise_reduction: Maybe[NoiseReduction] = UNSET
    include: Maybe[list[str]] = UNSET
    client_secret: Maybe[ClientSecretConfig] = UNSET


class TranscriptionSessionInfo(Told, TranscriptionSessionConfig, kw_only=True):
    """A transcription session as the server tells it."""

    settings_type = TranscriptionSessionConfig
    not_settings = frozenset({"client_secret"})

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    expires_at: Maybe[int] = UNSET
    client_secret: Maybe[ClientSecret] = UNSET  # type: ignore[assignment]


class SessionUpdate(ClientSide, tag="session.update", kw_only=True):
    """Changes the session's settings; what is absent stays, null clears.

    Of a session as the server told it only the settings are taken: servers refuse the rest.
    """

    sends_settings = True

    session: RealtimeSessionConfig


class TranscriptionSessionUpdate(ClientSide, tag="transcription_session.update", kw_only=True):
    """Changes a transcription session's settings."""

    sends_settings = True

    session: TranscriptionSessionConfig


class SessionCreated(ServerSide, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's defaults."""

    session: RealtimeSessionInfo


class SessionUpdated(ServerSide, tag="session.updated", kw_only=True):
    """A `session.update` was accepted; the whole session as it is now."""

    session: RealtimeSessionInfo


class TranscriptionSessionCreated(ServerSide, tag="transcription_session.created", kw_only=True):
    """The first event of a connection that only transcribes."""

    session: TranscriptionSessionInfo


class TranscriptionSessionUpdated(ServerSide, tag="transcription_session.updated", kw_only=True):
    """A `transcription_session.update` was accepted."""

    session: TranscriptionSessionInfo
