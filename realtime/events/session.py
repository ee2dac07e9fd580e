"""Sessions: their settings, and the events that set and tell them.

A session's settings are sent as `RealtimeSession` or `TranscriptionSession`; what the
server tells back has more (`RealtimeSessionInfo`, `TranscriptionSessionInfo`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, Raw

from ..spec import Model, TranscriptionModel, Voice
from .base import ClientSide, Maybe, ServerSide, Tagged, Told, Unknown, Wire
from .tools import Prompt, Tool, ToolChoice

if TYPE_CHECKING:
    Modality = Literal["text", "audio"] | str
    NoiseReductionType = Literal["near_field", "far_field"] | str
    Effort = Literal["minimal", "low", "medium", "high", "xhigh"] | str
    Eagerness = Literal["low", "medium", "high", "auto"] | str
    Include = Literal["item.input_audio_transcription.logprobs"] | str
    MaxTokens = int | Literal["inf"] | str
else:
    Modality = NoiseReductionType = Effort = Eagerness = Include = str
    MaxTokens = int | str


class UnknownFormat(Unknown):
    """An audio format of a type that this version does not know."""

    __slots__ = ()


class UnknownTurnDetection(Unknown):
    """A turn detection of a type that this version does not know."""

    __slots__ = ()


class UnknownTruncation(Unknown):
    """A truncation of a type that this version does not know."""

    __slots__ = ()


class UnknownSession(Unknown):
    """A session of a type that this version does not know."""

    __slots__ = ()


# --- Audio formats -------------------------------------------------------------------


class AnyFormat(Tagged):
    """The family of audio formats; `AudioFormat.of` reads any of them."""

    unknown = UnknownFormat


class PcmFormat(AnyFormat, tag="audio/pcm", kw_only=True):
    """Signed 16-bit little-endian mono; GA's only `rate` is 24000."""

    rate: Maybe[int] = UNSET


class PcmuFormat(AnyFormat, tag="audio/pcmu", kw_only=True):
    """G.711 mu-law, 8 kHz."""


class PcmaFormat(AnyFormat, tag="audio/pcma", kw_only=True):
    """G.711 A-law, 8 kHz."""


KnownFormat = PcmFormat | PcmuFormat | PcmaFormat
if TYPE_CHECKING:
    Format = KnownFormat | UnknownFormat
else:
    Format = KnownFormat


# --- Turn detection ------------------------------------------------------------------


class AnyTurnDetection(Tagged):
    """The family of turn detections; ``{"type": "none"}``, an old spelling, decodes to None."""

    unknown = UnknownTurnDetection

    @classmethod
    def of_unknown(cls, tag: str, raw: bytes) -> object:
        """None for "none"."""
        return None if tag == "none" else cls.unknown(tag, raw)


class ServerVad(AnyTurnDetection, tag="server_vad", kw_only=True):
    """Turns end after a silence."""

    threshold: Maybe[float] = UNSET
    prefix_padding_ms: Maybe[int] = UNSET
    silence_duration_ms: Maybe[int] = UNSET
    idle_timeout_ms: Maybe[int] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


class SemanticVad(AnyTurnDetection, tag="semantic_vad", kw_only=True):
    """Turns end where what was said is complete."""

    eagerness: Maybe[Eagerness] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


KnownTurnDetection = ServerVad | SemanticVad
if TYPE_CHECKING:
    TurnDetection = KnownTurnDetection | UnknownTurnDetection
else:
    TurnDetection = KnownTurnDetection


# --- The parts of a session ----------------------------------------------------------


class NoiseReduction(Wire, kw_only=True):
    """Noise reduction of the input, before turn detection."""

    type: Maybe[NoiseReductionType] = UNSET
    strength: Maybe[float] = UNSET


class Transcription(Wire, kw_only=True):
    """How the user's speech is transcribed, beside the conversation."""

    model: Maybe[TranscriptionModel] = UNSET
    language: Maybe[str] = UNSET
    prompt: Maybe[str] = UNSET
    languages: Maybe[list[str]] = UNSET
    keywords: Maybe[list[str]] = UNSET
    delay: Maybe[Effort] = UNSET


class AudioInput(Wire, kw_only=True):
    """What the client sends; null turns noise reduction, transcription or turn detection off."""

    format: Maybe[Format] = UNSET
    transcription: Maybe[Transcription] = UNSET
    noise_reduction: Maybe[NoiseReduction] = UNSET
    turn_detection: Maybe[TurnDetection] = UNSET


class CustomVoice(Wire, kw_only=True):
    """A voice of one's own, by its id."""

    id: str


class AudioOutput(Wire, kw_only=True):
    """What the server sends."""

    format: Maybe[Format] = UNSET
    voice: Maybe[Voice | CustomVoice] = UNSET
    speed: Maybe[float] = UNSET


class AudioConfig(Wire, kw_only=True):
    """A session's audio, both ways."""

    input: Maybe[AudioInput] = UNSET
    output: Maybe[AudioOutput] = UNSET


class Reasoning(Wire, kw_only=True):
    """How hard a reasoning model thinks."""

    effort: Maybe[Effort] = UNSET


class TracingConfig(Wire, kw_only=True):
    """Where traces of the session go."""

    workflow_name: Maybe[str] = UNSET
    group_id: Maybe[str] = UNSET
    metadata: Any = UNSET


class TokenLimits(Wire, kw_only=True):
    """How many tokens truncation leaves."""

    post_instructions: Maybe[int] = UNSET


class AnyTruncation(Tagged):
    """The family of truncations that are objects."""

    unknown = UnknownTruncation


class RetentionRatio(AnyTruncation, tag="retention_ratio", kw_only=True):
    """Drop the oldest items until this share of the context is left."""

    retention_ratio: float
    token_limits: Maybe[TokenLimits] = UNSET


if TYPE_CHECKING:
    TruncationMode = Literal["auto", "disabled"] | str
    Truncation = TruncationMode | RetentionRatio | UnknownTruncation
else:
    TruncationMode = str
    Truncation = str | RetentionRatio


# --- Sessions ------------------------------------------------------------------------


class AnySession(Tagged):
    """The family of sessions; one without a type is a realtime session, as servers mean it."""

    unknown = UnknownSession

    @classmethod
    def implied_tag(cls, parts: dict[str, Raw]) -> str:
        """Sessions that only transcribe have always said so."""
        return "realtime"


class RealtimeSession(AnySession, tag="realtime", kw_only=True):
    """The settings of a session in which the model speaks."""

    model: Maybe[Model] = UNSET
    output_modalities: Maybe[list[Modality]] = UNSET
    instructions: Maybe[str] = UNSET
    audio: Maybe[AudioConfig] = UNSET
    tools: Maybe[list[Tool]] = UNSET
    tool_choice: Maybe[ToolChoice] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    max_output_tokens: Maybe[MaxTokens] = UNSET
    reasoning: Maybe[Reasoning] = UNSET
    tracing: Maybe[str | TracingConfig] = UNSET
    truncation: Maybe[Truncation] = UNSET
    prompt: Maybe[Prompt] = UNSET
    include: Maybe[list[Include]] = UNSET


class TranscriptionSession(AnySession, tag="transcription", kw_only=True):
    """The settings of a session that only transcribes."""

    audio: Maybe[AudioConfig] = UNSET
    include: Maybe[list[Include]] = UNSET


class RealtimeSessionInfo(Told, RealtimeSession, tag="realtime", kw_only=True):
    """A session as the server tells it."""

    settings_type = RealtimeSession

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    expires_at: Maybe[int] = UNSET


class TranscriptionSessionInfo(Told, TranscriptionSession, tag="transcription", kw_only=True):
    """A transcription session as the server tells it."""

    settings_type = TranscriptionSession

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    expires_at: Maybe[int] = UNSET


KnownSession = RealtimeSession | TranscriptionSession
KnownSessionInfo = RealtimeSessionInfo | TranscriptionSessionInfo
if TYPE_CHECKING:
    Session = KnownSession | UnknownSession
    SessionInfo = KnownSessionInfo | UnknownSession
else:
    Session = KnownSession
    SessionInfo = KnownSessionInfo


# --- Events --------------------------------------------------------------------------


class SessionUpdate(ClientSide, tag="session.update", kw_only=True):
    """Changes the session's settings; what is absent stays, null clears.

    Of a session as the server told it only the settings are taken: servers refuse the rest.
    """

    sends_settings = True

    session: Session


class SessionCreated(ServerSide, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's defaults."""

    session: SessionInfo


class SessionUpdated(ServerSide, tag="session.updated", kw_only=True):
    """A `session.update` was accepted; the whole session as it is now."""

    session: SessionInfo


class ErrorDetail(Wire, kw_only=True):
    """What went wrong; `event_id` is that of the client event at fault, where one was."""

    type: str
    message: str
    code: str | None = None
    param: str | None = None
    event_id: str | None = None


class Error(ServerSide, tag="error", kw_only=True):
    """Something went wrong, mostly with a client event; the session stays up."""

    error: ErrorDetail


class RateLimit(Wire, kw_only=True):
    """One limit, what is left of it, and when it is whole again."""

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


class RateLimitsUpdated(ServerSide, tag="rate_limits.updated", kw_only=True):
    """What the limits are after a response has begun."""

    rate_limits: list[RateLimit]


# --- The unions ----------------------------------------------------------------------

SessionClientEvent = SessionUpdate
SessionServerEvent = SessionCreated | SessionUpdated | Error | RateLimitsUpdated
