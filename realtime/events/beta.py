"""The beta dialect, as differences from GA: flat sessions and items, older names.

OpenAI retired it in May 2026; it lives on dated Azure endpoints and compatible servers, and
it is the dialect of the seed (litellm-rs 0.4.16), whose type names are kept here. Fields
stand in the seed's order, which is the order on the wire; what the seed lacks follows.
What is not here is GA's own class, shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import UNSET

from ..spec import KnownBetaVoice, Model
from . import response as ga
from .audio_buffer import *
from .base import (
    ClientSide,
    Flat,
    Maybe,
    ServerSide,
    Unknown as Unknown,
    UnknownEvent as UnknownEvent,
    Wire,
)
from .conversation import (
    ConversationCreated as ConversationCreated,
    ConversationInfo as ConversationInfo,
    ConversationItemDelete as ConversationItemDelete,
    ConversationItemDeleted as ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionCompleted as ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta as ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed as ConversationItemInputAudioTranscriptionFailed,
    ConversationItemRetrieve as ConversationItemRetrieve,
    ConversationItemTruncate as ConversationItemTruncate,
    ConversationItemTruncated as ConversationItemTruncated,
    DurationUsage as DurationUsage,
    LogProb as LogProb,
    TokenUsage as TokenUsage,
    TranscriptionError as TranscriptionError,
    TranscriptionTokenDetails as TranscriptionTokenDetails,
    TranscriptionUsage as TranscriptionUsage,
    UnknownUsage as UnknownUsage,
)
from .items import (
    Audio as Audio,
    InputAudio as InputAudio,
    InputImage as InputImage,
    InputText as InputText,
    KnownPart,
    OutputAudio as OutputAudio,
    OutputText as OutputText,
    Part,
    Role,
    Status,
    Text as Text,
    UnknownItem as UnknownItem,
    UnknownPart as UnknownPart,
)
from .response import (
    ConversationMode,
    InputTokenDetails as InputTokenDetails,
    OutputTokenDetails as OutputTokenDetails,
    ResponseCancel as ResponseCancel,
    ResponseContentPartAdded as ResponseContentPartAdded,
    ResponseContentPartDone as ResponseContentPartDone,
    ResponseFunctionCallArgumentsDelta as ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone as ResponseFunctionCallArgumentsDone,
    ResponseStatus,
    ResponseUsage as ResponseUsage,
    StatusDetails as StatusDetails,
    StatusError as StatusError,
)
from .session import (
    Eagerness,
    Error as Error,
    ErrorDetail as ErrorDetail,
    MaxTokens,
    Modality as _Modality,
    NoiseReduction as NoiseReduction,
    RateLimit as RateLimit,
    RateLimitsUpdated as RateLimitsUpdated,
    TracingConfig as TracingConfig,
    UnknownTurnDetection as UnknownTurnDetection,
)
from .tools import (
    AnyTool,
    FunctionTool as FunctionTool,
    KnownTool,
    ToolChoice as ToolChoice,
    ToolChoiceFunction as ToolChoiceFunction,
    UnknownTool as UnknownTool,
    UnknownToolChoice as UnknownToolChoice,
)

if TYPE_CHECKING:
    VoiceName = KnownBetaVoice | str
    FormatName = Literal["pcm16", "g711_ulaw", "g711_alaw"] | str
    TurnDetectionName = Literal["server_vad", "semantic_vad"] | str
    ItemName = Literal["message", "function_call", "function_call_output", "item_reference"] | str
else:
    VoiceName = FormatName = str
    # Closed, so that another name gets the second look that keeps it whole.
    TurnDetectionName = Literal["server_vad", "semantic_vad"]
    ItemName = Literal["message", "function_call", "function_call_output", "item_reference"]


# --- Sessions ------------------------------------------------------------------------


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


class RealtimeSessionConfig(Wire, kw_only=True):
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


class RealtimeSessionInfo(RealtimeSessionConfig, kw_only=True):
    """A session as the server tells it."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    expires_at: Maybe[int] = UNSET
    client_secret: Maybe[ClientSecret] = UNSET  # type: ignore[assignment]


class TranscriptionSessionConfig(Wire, kw_only=True):
    """The settings of a session that only transcribes."""

    modalities: Maybe[list[_Modality]] = UNSET
    input_audio_format: Maybe[FormatName] = UNSET
    input_audio_transcription: Maybe[TranscriptionConfig] = UNSET
    turn_detection: Maybe[TurnDetection] = UNSET
    input_audio_noise_reduction: Maybe[NoiseReduction] = UNSET
    include: Maybe[list[str]] = UNSET
    client_secret: Maybe[ClientSecretConfig] = UNSET


class TranscriptionSessionInfo(TranscriptionSessionConfig, kw_only=True):
    """A transcription session as the server tells it."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    expires_at: Maybe[int] = UNSET
    client_secret: Maybe[ClientSecret] = UNSET  # type: ignore[assignment]


class SessionUpdate(ClientSide, tag="session.update", kw_only=True):
    """Changes the session's settings; what is absent stays, null clears."""

    session: RealtimeSessionConfig


class TranscriptionSessionUpdate(ClientSide, tag="transcription_session.update", kw_only=True):
    """Changes a transcription session's settings."""

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


# --- Items ---------------------------------------------------------------------------


class ItemReferencePart(Part, tag="item_reference", kw_only=True):
    """In the input of a response: content of an item that the conversation already has."""

    id: Maybe[str] = UNSET


KnownContentPart = KnownPart | ItemReferencePart
if TYPE_CHECKING:
    ContentPart = KnownContentPart | UnknownPart
else:
    ContentPart = KnownContentPart


class ConversationItem(Flat, kw_only=True):
    """An item of any type; which fields it has depends on `type`."""

    unknown = UnknownItem
    types = frozenset({"message", "function_call", "function_call_output", "item_reference"})

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


class ConversationItemCreate(ClientSide, tag="conversation.item.create", kw_only=True):
    """Adds an item after `previous_item_id` ("root": at the beginning; absent: at the end)."""

    previous_item_id: Maybe[str] = UNSET
    item: Item


class ConversationItemCreated(ServerSide, tag="conversation.item.created", kw_only=True):
    """An item was added, after `previous_item_id` (null: the first)."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemRetrieved(ServerSide, tag="conversation.item.retrieved", kw_only=True):
    """The answer to a retrieve."""

    item: Item


# --- Responses -----------------------------------------------------------------------


class RealtimeResponse(Wire, kw_only=True):
    """What one response does otherwise than the session."""

    modalities: Maybe[list[_Modality]] = UNSET
    instructions: Maybe[str] = UNSET
    voice: Maybe[VoiceName] = UNSET
    output_audio_format: Maybe[FormatName] = UNSET
    tools: Maybe[list[Tool]] = UNSET
    tool_choice: Maybe[ToolChoice] = UNSET
    temperature: Maybe[float] = UNSET
    max_output_tokens: Maybe[MaxTokens] = UNSET
    max_response_output_tokens: Maybe[MaxTokens] = UNSET
    conversation: Maybe[ConversationMode] = UNSET
    input: Maybe[list[Item]] = UNSET
    metadata: Maybe[dict[str, str]] = UNSET


class ResponseCreate(ClientSide, tag="response.create", kw_only=True):
    """Asks for a response."""

    response: Maybe[RealtimeResponse] = UNSET


class Response(Wire, kw_only=True):
    """A response: what it is made of so far, or in the end."""

    id: str | None = None
    object: str | None = None
    status: ResponseStatus | None = None
    status_details: StatusDetails | str | None = None
    output: list[Item] | None = None
    conversation_id: str | None = None
    modalities: list[_Modality] | None = None
    voice: VoiceName | None = None
    output_audio_format: FormatName | None = None
    temperature: float | None = None
    max_output_tokens: MaxTokens | None = None
    usage: ResponseUsage | None = None
    metadata: dict[str, str] | None = None


class ResponseCreated(ServerSide, tag="response.created", kw_only=True):
    """A response has begun."""

    response: Response


class ResponseDone(ServerSide, tag="response.done", kw_only=True):
    """A response has ended, however it did."""

    response: Response


class OutputItemEvent(ServerSide, kw_only=True):
    """An item of a response."""

    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemAdded(OutputItemEvent, tag="response.output_item.added", kw_only=True):
    """A response has a new item."""


class ResponseOutputItemDone(OutputItemEvent, tag="response.output_item.done", kw_only=True):
    """An item of a response is complete."""


# --- Renames -------------------------------------------------------------------------


class ResponseAudioDelta(ga.ResponseOutputAudioDelta, tag="response.audio.delta", kw_only=True):
    """Raw audio of the session's output format."""


class ResponseAudioDone(ga.ResponseOutputAudioDone, tag="response.audio.done", kw_only=True):
    """All of a part's audio was sent."""


class ResponseAudioTranscriptDelta(
    ga.ResponseOutputAudioTranscriptDelta, tag="response.audio_transcript.delta", kw_only=True
):
    """More of the text of what the assistant says."""


class ResponseAudioTranscriptDone(
    ga.ResponseOutputAudioTranscriptDone, tag="response.audio_transcript.done", kw_only=True
):
    """The whole text of what the assistant said."""


class ResponseTextDelta(ga.ResponseOutputTextDelta, tag="response.text.delta", kw_only=True):
    """More text."""


class ResponseTextDone(ga.ResponseOutputTextDone, tag="response.text.done", kw_only=True):
    """The whole text."""


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
