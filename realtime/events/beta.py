"""Sessions, items and events of the beta dialect, where they differ from GA's.

OpenAI retired it in May 2026; dated Azure endpoints and compatible servers still speak it. Compared
with GA, sessions and items are flat, formats are strings and some names are older. The names are
those of the seed (litellm-rs 0.4.16), and its fields stand in the seed's order, which is their order
on the wire. What the dialects share is imported from GA's modules; `realtime.beta` has the codec,
`realtime.beta.convert` the conversion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from ..spec import KnownBetaVoice, Model
from . import (
    UNSET,
    AnyPart,
    AnyTool,
    Audio,
    AudioBufferClientEvent,
    CachedTokenDetails,
    ClientSide,
    ConversationCreated,
    ConversationInfo,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    ConversationItemTruncated,
    ConversationMode,
    CustomVoice,
    DurationUsage,
    Eagerness,
    Error,
    ErrorDetail,
    FunctionTool,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCleared,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputImage,
    InputText,
    InputTokenDetails,
    KnownPart,
    KnownTool,
    Language,
    LogProb,
    MaxTokens,
    Maybe,
    McpApprovalFilter,
    McpTool,
    McpToolFilter,
    Modality as _Modality,
    NoiseReduction,
    OutputAudio,
    OutputAudioBufferClear,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    OutputText,
    OutputTokenDetails,
    RateLimit,
    RateLimitsUpdated,
    ResponseCancel,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseUsage,
    Role,
    ServerSide,
    SessionSnapshot,
    Status,
    StatusDetails,
    StatusError,
    Text,
    TokenUsage,
    ToolChoice,
    ToolChoiceFunction,
    ToolChoiceMcp,
    TracingConfig,
    TranscriptionError,
    TranscriptionTokenDetails,
    TranscriptionUsage,
    Unknown,
    UnknownEvent,
    UnknownItem,
    UnknownPart,
    UnknownTool,
    UnknownToolChoice,
    UnknownTurnDetection,
    UnknownUsage,
    UnknownVoice,
    VariantStruct,
    Wire,
    response as ga,
)
from .session import _is_off

__all__ = [
    "UNSET",
    "Audio",
    "BetaVoice",
    "CachedTokenDetails",
    "ClientEvent",
    "ClientSecret",
    "ClientSecretConfig",
    "ContentPart",
    "ConversationCreated",
    "ConversationInfo",
    "ConversationItem",
    "ConversationItemCreate",
    "ConversationItemCreated",
    "ConversationItemDelete",
    "ConversationItemDeleted",
    "ConversationItemInputAudioTranscriptionCompleted",
    "ConversationItemInputAudioTranscriptionDelta",
    "ConversationItemInputAudioTranscriptionFailed",
    "ConversationItemRetrieve",
    "ConversationItemRetrieved",
    "ConversationItemTruncate",
    "ConversationItemTruncated",
    "CustomVoice",
    "DurationUsage",
    "Error",
    "ErrorDetail",
    "FormatName",
    "FunctionTool",
    "HasTurnDetection",
    "InputAudio",
    "InputAudioBufferAppend",
    "InputAudioBufferClear",
    "InputAudioBufferCleared",
    "InputAudioBufferCommit",
    "InputAudioBufferCommitted",
    "InputAudioBufferSpeechStarted",
    "InputAudioBufferSpeechStopped",
    "InputImage",
    "InputText",
    "InputTokenDetails",
    "Item",
    "ItemName",
    "ItemReferencePart",
    "KnownContentPart",
    "Language",
    "LogProb",
    "Maybe",
    "McpApprovalFilter",
    "McpTool",
    "McpToolFilter",
    "NoiseReduction",
    "OutputAudio",
    "OutputAudioBufferClear",
    "OutputAudioBufferCleared",
    "OutputAudioBufferStarted",
    "OutputAudioBufferStopped",
    "OutputItemEvent",
    "OutputText",
    "OutputTokenDetails",
    "RateLimit",
    "RateLimitsUpdated",
    "RealtimeFunction",
    "RealtimeResponse",
    "RealtimeSessionConfig",
    "RealtimeSessionInfo",
    "RealtimeTool",
    "Response",
    "ResponseAudioDelta",
    "ResponseAudioDone",
    "ResponseAudioTranscriptDelta",
    "ResponseAudioTranscriptDone",
    "ResponseCancel",
    "ResponseContentPartAdded",
    "ResponseContentPartDone",
    "ResponseCreate",
    "ResponseCreated",
    "ResponseDone",
    "ResponseFunctionCallArgumentsDelta",
    "ResponseFunctionCallArgumentsDone",
    "ResponseOutputItemAdded",
    "ResponseOutputItemDone",
    "ResponseTextDelta",
    "ResponseTextDone",
    "ResponseUsage",
    "SecretExpiry",
    "ServerEvent",
    "SessionCreated",
    "SessionUpdate",
    "SessionUpdated",
    "StatusDetails",
    "StatusError",
    "Text",
    "TokenUsage",
    "Tool",
    "ToolChoice",
    "ToolChoiceFunction",
    "ToolChoiceMcp",
    "TracingConfig",
    "TranscriptionConfig",
    "TranscriptionError",
    "TranscriptionSessionConfig",
    "TranscriptionSessionCreated",
    "TranscriptionSessionInfo",
    "TranscriptionSessionUpdate",
    "TranscriptionSessionUpdated",
    "TranscriptionTokenDetails",
    "TranscriptionUsage",
    "TurnDetection",
    "TurnDetectionConfig",
    "TurnDetectionName",
    "Unknown",
    "UnknownEvent",
    "UnknownItem",
    "UnknownPart",
    "UnknownTool",
    "UnknownToolChoice",
    "UnknownTurnDetection",
    "UnknownUsage",
    "UnknownVoice",
    "VoiceName",
]  # fmt: skip

if TYPE_CHECKING:
    VoiceName = KnownBetaVoice | str
    FormatName = Literal["pcm16", "g711_ulaw", "g711_alaw"] | str
    TurnDetectionName = Literal["server_vad", "semantic_vad"] | str
    ItemName = Literal["message", "function_call", "function_call_output", "item_reference"] | str
else:
    VoiceName = FormatName = str
    # Closed sets: another name fails here and reaches the lenient decoder, which retains it.
    TurnDetectionName = Literal["server_vad", "semantic_vad"]
    ItemName = Literal["message", "function_call", "function_call_output", "item_reference"]


# --- Sessions ------------------------------------------------------------------------

# Azure Voice Live's voices are objects.
if TYPE_CHECKING:
    BetaVoice = VoiceName | CustomVoice | UnknownVoice
else:
    BetaVoice = VoiceName | CustomVoice


class TranscriptionConfig(Wire, kw_only=True):
    """Settings for the transcription of the user's speech."""

    model: Maybe[str] = UNSET
    language: Maybe[str] = UNSET
    prompt: Maybe[str] = UNSET


class TurnDetectionConfig(VariantStruct, kw_only=True):
    """Turn detection. ``{"type": "none"}`` and ``{"type": null}``, which turn it off, decode to None."""

    unknown = UnknownTurnDetection
    types = frozenset(get_args(TurnDetectionName))

    type: Maybe[TurnDetectionName] = UNSET
    threshold: Maybe[float] = UNSET
    prefix_padding_ms: Maybe[int] = UNSET
    silence_duration_ms: Maybe[int] = UNSET
    eagerness: Maybe[Eagerness] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET

    @classmethod
    def decode_unknown(cls, tag: str, raw: bytes) -> object:
        """Return None for a turn detection that is off."""
        return None if _is_off(tag, raw) else cls.unknown(tag, raw)


_OFF = TurnDetectionConfig(type=None)


class RealtimeFunction(Wire, kw_only=True):
    """The function inside a `RealtimeTool`."""

    name: str
    description: Maybe[str] = UNSET
    parameters: object = UNSET


class RealtimeTool(AnyTool, tag="function", kw_only=True):
    """A tool in the seed's nested spelling, for servers that require it. Decoding flattens it."""

    function: RealtimeFunction


if TYPE_CHECKING:
    TurnDetection = TurnDetectionConfig | UnknownTurnDetection
    Tool = KnownTool | RealtimeTool | UnknownTool
else:
    TurnDetection = TurnDetectionConfig
    Tool = KnownTool


class SecretExpiry(Wire, kw_only=True):
    """The lifetime of a client secret."""

    anchor: Maybe[str] = UNSET
    seconds: Maybe[int] = UNSET


class ClientSecretConfig(Wire, kw_only=True):
    """Settings of a client secret. Transcription sessions spell `expires_after` as `expires_at`."""

    expires_after: Maybe[SecretExpiry] = UNSET
    expires_at: Maybe[SecretExpiry] = UNSET


class HasTurnDetection(Wire, kw_only=True):
    """Settings with a turn detection. Turned off by its type, "none" (the seed) or null (xAI), it is None."""

    def __post_init__(self) -> None:
        detection = getattr(self, "turn_detection", None)
        if isinstance(detection, TurnDetectionConfig) and (detection.type == "none" or detection == _OFF):
            setattr(self, "turn_detection", None)  # noqa: B010 (a field of the subclasses)


class RealtimeSessionConfig(HasTurnDetection, kw_only=True):
    """The settings of a session with a model that responds."""

    model: Maybe[Model] = UNSET
    modalities: Maybe[list[_Modality]] = UNSET
    instructions: Maybe[str] = UNSET
    voice: Maybe[BetaVoice] = UNSET
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
    """A short-lived key for a browser. `expires_at` is in Unix seconds."""

    value: str
    expires_at: int


class RealtimeSessionInfo(SessionSnapshot, RealtimeSessionConfig, kw_only=True):
    """A session as the server reports it. `expires_at` is in Unix seconds."""

    settings_type = RealtimeSessionConfig
    read_only_fields = frozenset({"client_secret"})

    id: str | None = None
    object: str | None = None
    expires_at: int | None = None
    client_secret: ClientSecret | None = None  # type: ignore[assignment]


class TranscriptionSessionConfig(HasTurnDetection, kw_only=True):
    """The settings of a session that only transcribes."""

    modalities: Maybe[list[_Modality]] = UNSET
    input_audio_format: Maybe[FormatName] = UNSET
    input_audio_transcription: Maybe[TranscriptionConfig] = UNSET
    turn_detection: Maybe[TurnDetection] = UNSET
    input_audio_noise_reduction: Maybe[NoiseReduction] = UNSET
    include: Maybe[list[str]] = UNSET
    client_secret: Maybe[ClientSecretConfig] = UNSET


class TranscriptionSessionInfo(SessionSnapshot, TranscriptionSessionConfig, kw_only=True):
    """A transcription session as the server reports it. `expires_at` is in Unix seconds."""

    settings_type = TranscriptionSessionConfig
    read_only_fields = frozenset({"client_secret"})

    id: str | None = None
    object: str | None = None
    expires_at: int | None = None
    client_secret: ClientSecret | None = None  # type: ignore[assignment]


# --- Items ---------------------------------------------------------------------------


class ItemReferencePart(AnyPart, tag="item_reference", kw_only=True):
    """A reference to the content of item `id`, in the `input` of a response."""


KnownContentPart = KnownPart | ItemReferencePart
if TYPE_CHECKING:
    ContentPart = KnownContentPart | UnknownPart
else:
    ContentPart = KnownContentPart


class ConversationItem(VariantStruct, kw_only=True):
    """An item of any type. `type` determines which fields are set."""

    unknown = UnknownItem
    types = frozenset(get_args(ItemName))

    id: Maybe[str] = UNSET
    type: Maybe[ItemName] = UNSET
    status: Maybe[Status] = UNSET
    role: Maybe[Role] = UNSET
    content: Maybe[list[ContentPart]] = UNSET
    call_id: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    arguments: Maybe[str] = UNSET
    output: Maybe[str] = UNSET
    object: Maybe[str] = UNSET


if TYPE_CHECKING:
    Item = ConversationItem | UnknownItem
else:
    Item = ConversationItem


# --- Responses -----------------------------------------------------------------------


class RealtimeResponse(Wire, kw_only=True):
    """Settings of one response that override the session's."""

    modalities: Maybe[list[_Modality]] = UNSET
    instructions: Maybe[str] = UNSET
    voice: Maybe[BetaVoice] = UNSET
    output_audio_format: Maybe[FormatName] = UNSET
    tools: Maybe[list[Tool]] = UNSET
    tool_choice: Maybe[ToolChoice] = UNSET
    temperature: Maybe[float] = UNSET
    max_output_tokens: Maybe[MaxTokens] = UNSET
    max_response_output_tokens: Maybe[MaxTokens] = UNSET
    conversation: Maybe[ConversationMode] = UNSET
    input: Maybe[list[Item]] = UNSET
    metadata: Maybe[dict[str, str]] = UNSET


class Response(ga.BaseResponse, kw_only=True):
    """A response, in its current or final state."""

    output: list[Item] | None = None
    modalities: list[_Modality] | None = None
    voice: BetaVoice | None = None
    output_audio_format: FormatName | None = None
    temperature: float | None = None


# --- Events: sessions ----------------------------------------------------------------


class SessionUpdate(ClientSide, tag="session.update", kw_only=True):
    """Request to change the session's settings. Absent members stay, null clears.

    A session that a server reported is accepted too: `encode` removes its read-only members,
    which servers refuse.
    """

    has_session_settings = True

    session: RealtimeSessionConfig


class TranscriptionSessionUpdate(ClientSide, tag="transcription_session.update", kw_only=True):
    """Request to change the settings of a transcription session."""

    has_session_settings = True

    session: TranscriptionSessionConfig


class SessionCreated(ServerSide, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's default settings."""

    session: RealtimeSessionInfo | None


class SessionUpdated(ServerSide, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`, with all settings now in effect."""

    session: RealtimeSessionInfo | None


class TranscriptionSessionCreated(ServerSide, tag="transcription_session.created", kw_only=True):
    """The first event of a connection that only transcribes."""

    session: TranscriptionSessionInfo


class TranscriptionSessionUpdated(ServerSide, tag="transcription_session.updated", kw_only=True):
    """Answer to an accepted `transcription_session.update`."""

    session: TranscriptionSessionInfo


# --- Events: conversation ------------------------------------------------------------


class ConversationItemCreate(ClientSide, tag="conversation.item.create", kw_only=True):
    """Request to add an item after `previous_item_id` ("root": at the beginning, absent: at the end)."""

    previous_item_id: Maybe[str] = UNSET
    item: Item


class ConversationItemCreated(ServerSide, tag="conversation.item.created", kw_only=True):
    """An item added after `previous_item_id` (None: it is the first)."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemRetrieved(ServerSide, tag="conversation.item.retrieved", kw_only=True):
    """Answer to `conversation.item.retrieve`."""

    item: Item


# --- Events: responses ---------------------------------------------------------------


class ResponseCreate(ClientSide, tag="response.create", kw_only=True):
    """Request for a response."""

    response: Maybe[RealtimeResponse] = UNSET


class ResponseCreated(ServerSide, tag="response.created", kw_only=True):
    """Start of a response."""

    response: Response


class ResponseDone(ServerSide, tag="response.done", kw_only=True):
    """End of a response, whatever its status."""

    response: Response


class OutputItemEvent(ServerSide, kw_only=True):
    """An event with an item of a response."""

    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemAdded(OutputItemEvent, tag="response.output_item.added", kw_only=True):
    """Start of a new item of a response."""


class ResponseOutputItemDone(OutputItemEvent, tag="response.output_item.done", kw_only=True):
    """End of an item of a response, complete or interrupted."""


# --- Events renamed in GA ------------------------------------------------------------


class ResponseAudioDelta(ga.ResponseOutputAudioDelta, tag="response.audio.delta", kw_only=True):
    """A new piece of audio: raw bytes in the session's output format."""


class ResponseAudioDone(ga.ResponseOutputAudioDone, tag="response.audio.done", kw_only=True):
    """End of the audio of a content part."""


class ResponseAudioTranscriptDelta(
    ga.ResponseOutputAudioTranscriptDelta, tag="response.audio_transcript.delta", kw_only=True
):
    """A new piece of the transcript of the assistant's speech."""


class ResponseAudioTranscriptDone(
    ga.ResponseOutputAudioTranscriptDone, tag="response.audio_transcript.done", kw_only=True
):
    """The complete transcript of the assistant's speech."""


class ResponseTextDelta(ga.ResponseOutputTextDelta, tag="response.text.delta", kw_only=True):
    """A new piece of text."""


class ResponseTextDone(ga.ResponseOutputTextDone, tag="response.text.done", kw_only=True):
    """The complete text of a content part."""


# --- The unions ----------------------------------------------------------------------

ClientEvent = (
    SessionUpdate
    | TranscriptionSessionUpdate
    | AudioBufferClientEvent
    | ConversationItemCreate
    | ConversationItemRetrieve
    | ConversationItemTruncate
    | ConversationItemDelete
    | ResponseCreate
    | ResponseCancel
    | UnknownEvent
)
ServerEvent = (
    SessionCreated
    | SessionUpdated
    | TranscriptionSessionCreated
    | TranscriptionSessionUpdated
    | Error
    | RateLimitsUpdated
    | InputAudioBufferCommitted
    | InputAudioBufferCleared
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
    | ConversationCreated
    | ConversationItemCreated
    | ConversationItemRetrieved
    | ConversationItemTruncated
    | ConversationItemDeleted
    | ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionFailed
    | ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | ResponseAudioDelta
    | ResponseAudioDone
    | ResponseAudioTranscriptDelta
    | ResponseAudioTranscriptDone
    | ResponseTextDelta
    | ResponseTextDone
    | ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | UnknownEvent
)
