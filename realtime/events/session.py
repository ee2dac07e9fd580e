"""Sessions: their settings, the events that change and report them, errors and rate limits.

A client sends settings as a `RealtimeSession` or a `TranscriptionSession`. A server reports them
as a `RealtimeSessionInfo` or a `TranscriptionSessionInfo`, which add read-only members. Tools and
prompts are in `tools`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, Raw, json

from ..spec import Model, TranscriptionModel, Voice
from .base import (
    ClientSide,
    Maybe,
    ServerSide,
    SessionSnapshot,
    Tagged,
    Unknown,
    VariantStruct,
    Wire,
    first_byte,
)
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


class UnknownVoice(Unknown):
    """A voice that is an object of a type that this version does not know."""

    __slots__ = ()


class UnknownTruncation(Unknown):
    """A truncation of a type that this version does not know."""

    __slots__ = ()


class UnknownSession(Unknown):
    """A session of a type that this version does not know."""

    __slots__ = ()


# --- Audio formats -------------------------------------------------------------------


class AnyFormat(Tagged):
    """The family of audio formats. `AudioFormat.of` accepts any of them."""

    unknown = UnknownFormat


class PcmFormat(AnyFormat, tag="audio/pcm", kw_only=True):
    """Signed 16-bit little-endian mono PCM. The only `rate` of GA is 24000."""

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
    """The family of turn detections. ``{"type": "none"}`` and ``{"type": null}`` decode to None."""

    unknown = UnknownTurnDetection

    @classmethod
    def decode_unknown(cls, tag: str, raw: bytes) -> object:
        """Return None for a turn detection that is off."""
        return None if _is_off(tag, raw) else cls.unknown(tag, raw)


def _is_off(tag: str, raw: bytes) -> bool:
    """Return True for the turn detections "none", an old spelling, and null, xAI's."""
    return tag == "none" or (not tag and "type" in (parts := json.decode(raw)) and parts["type"] is None)


class ServerVad(AnyTurnDetection, tag="server_vad", kw_only=True):
    """Turn detection that ends a turn after a silence."""

    threshold: Maybe[float] = UNSET
    prefix_padding_ms: Maybe[int] = UNSET
    silence_duration_ms: Maybe[int] = UNSET
    idle_timeout_ms: Maybe[int] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


class SemanticVad(AnyTurnDetection, tag="semantic_vad", kw_only=True):
    """Turn detection that ends a turn when the user has finished a thought."""

    eagerness: Maybe[Eagerness] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


KnownTurnDetection = ServerVad | SemanticVad
if TYPE_CHECKING:
    TurnDetection = KnownTurnDetection | UnknownTurnDetection
else:
    TurnDetection = KnownTurnDetection


# --- Parts of a session --------------------------------------------------------------


class NoiseReduction(Wire, kw_only=True):
    """Noise reduction of the input, applied before turn detection."""

    type: Maybe[NoiseReductionType] = UNSET
    strength: Maybe[float] = UNSET


class Transcription(Wire, kw_only=True):
    """Settings for the transcription of the user's speech, which runs beside the conversation."""

    model: Maybe[TranscriptionModel] = UNSET
    language: Maybe[str] = UNSET
    prompt: Maybe[str] = UNSET
    languages: Maybe[list[str]] = UNSET
    keywords: Maybe[list[str]] = UNSET
    delay: Maybe[Effort] = UNSET


class AudioInput(Wire, kw_only=True):
    """Settings of the input. Null turns noise reduction, transcription or turn detection off."""

    format: Maybe[Format] = UNSET
    transcription: Maybe[Transcription] = UNSET
    noise_reduction: Maybe[NoiseReduction] = UNSET
    turn_detection: Maybe[TurnDetection] = UNSET


class CustomVoice(VariantStruct, kw_only=True):
    """A custom voice, by its id."""

    unknown = UnknownVoice
    types = frozenset()

    id: str


if TYPE_CHECKING:
    AnyVoice = Voice | CustomVoice | UnknownVoice
else:
    AnyVoice = Voice | CustomVoice


class AudioOutput(Wire, kw_only=True):
    """Settings of the output."""

    format: Maybe[Format] = UNSET
    voice: Maybe[AnyVoice] = UNSET
    speed: Maybe[float] = UNSET


class AudioConfig(Wire, kw_only=True):
    """A session's audio settings, for both directions."""

    input: Maybe[AudioInput] = UNSET
    output: Maybe[AudioOutput] = UNSET


class Reasoning(Wire, kw_only=True):
    """Settings of models that reason."""

    effort: Maybe[Effort] = UNSET


class TracingConfig(Wire, kw_only=True):
    """Settings for traces of the session."""

    workflow_name: Maybe[str] = UNSET
    group_id: Maybe[str] = UNSET
    metadata: Any = UNSET


class TokenLimits(Wire, kw_only=True):
    """Limits on the tokens that truncation retains."""

    post_instructions: Maybe[int] = UNSET


class AnyTruncation(Tagged):
    """The family of truncations that are objects."""

    unknown = UnknownTruncation


class RetentionRatio(AnyTruncation, tag="retention_ratio", kw_only=True):
    """Truncation that drops the oldest items until this share of the context is left."""

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
    """The family of sessions. Without a type it is a realtime session, as it is for servers."""

    unknown = UnknownSession

    @classmethod
    def default_tag(cls, parts: dict[str, Raw]) -> str:
        """Return "realtime". Transcription sessions always have their type."""
        return "realtime"


class RealtimeSession(AnySession, tag="realtime", kw_only=True):
    """The settings of a session with a model that responds."""

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


class RealtimeSessionInfo(SessionSnapshot, RealtimeSession, tag="realtime", kw_only=True):
    """A session as the server reports it. `expires_at` is in Unix seconds."""

    settings_type = RealtimeSession

    id: str | None = None
    object: str | None = None
    expires_at: int | None = None


class TranscriptionSessionInfo(SessionSnapshot, TranscriptionSession, tag="transcription", kw_only=True):
    """A transcription session as the server reports it. `expires_at` is in Unix seconds."""

    settings_type = TranscriptionSession

    id: str | None = None
    object: str | None = None
    expires_at: int | None = None


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
    """Request to change the session's settings. Absent members stay, null clears.

    A session that a server reported is accepted too: `encode` removes its read-only members,
    which servers refuse.
    """

    has_session_settings = True

    session: Session


class SessionCreated(ServerSide, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's default settings. None: it has none (vLLM)."""

    session: SessionInfo | None


class SessionUpdated(ServerSide, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`, with all settings now in effect."""

    session: SessionInfo | None


class ErrorDetail(Wire, kw_only=True):
    """Details of an error. `event_id` is that of the client event that caused it, if one did."""

    type: str
    message: str
    code: str | None = None
    param: str | None = None
    event_id: str | None = None

    @classmethod
    def normalize_legacy(cls, parts: dict[str, Raw]) -> dict[str, Raw]:
        """Replace members that are not text by their JSON, such as a number as the code."""
        return {
            name: part if first_byte(part) in (b'"', b"n") else Raw(json.encode(bytes(part).decode()))
            for name, part in parts.items()
        }


class Error(ServerSide, tag="error", kw_only=True):
    """An error, mostly about a client event. The session stays open.

    Some servers send the message as a string in `error`, or its members beside `error` (vLLM).
    """

    error: ErrorDetail

    @classmethod
    def normalize_legacy(cls, parts: dict[str, Raw]) -> dict[str, Raw]:
        """Make an object of an error that is a string or missing, with the members beside it."""
        error = parts.get("error", Raw(b"null"))
        if first_byte(error) == b"{":
            return parts
        detail = {name: parts[name] for name in ("message", "code", "param") if name in parts}
        if first_byte(error) != b"n":
            detail["message"] = error
        return {**parts, "error": Raw(json.encode(detail))}


class RateLimit(Wire, kw_only=True):
    """A rate limit: its size, the rest of it, and the seconds until it is reset."""

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


class RateLimitsUpdated(ServerSide, tag="rate_limits.updated", kw_only=True):
    """The rate limits at the start of a response, less the tokens reserved for it."""

    rate_limits: list[RateLimit]


# --- The unions ----------------------------------------------------------------------

SessionClientEvent = SessionUpdate
SessionServerEvent = SessionCreated | SessionUpdated | Error | RateLimitsUpdated
