"""All events of GA, today's protocol, and the Structs that they carry: one module per wire noun.

    base          base classes, `Maybe`, `Unknown`
    items, tools  objects that sessions, responses and conversations share
    session, audio_buffer, conversation, response
                  the events, each module's union at its end
    beta, translation, live, live_backend, live_items, live_decisions
                  the other dialects

To add an event, write its class in the module of its noun, add it to that module's union and to
`__all__` here, and add a frame to tests/cases.
"""

# Every module imports msgspec's UNSET, which pyright takes for a second assignment of a Final.
# pyright: reportGeneralTypeIssues=false
from __future__ import annotations

from ..spec import Model, TranscriptionModel, Voice
from .audio_buffer import *
from .base import *
from .conversation import *
from .items import *
from .response import *
from .session import *
from .tools import *

# Every public name of the modules (a test compares them), written out because mypy reads literals only.
__all__ = [
    "UNSET", "AnyFormat", "AnyItem", "AnyMcpError", "AnyPart", "AnyPromptVariable", "AnySession",
    "AnyTool", "AnyToolChoice", "AnyTranscriptionUsage", "AnyTruncation", "AnyTurnDetection",
    "AnyVoice", "ApprovalMode", "Audio", "AudioBufferClientEvent", "AudioBufferServerEvent",
    "AudioConfig", "AudioInput", "AudioOutput", "BaseResponse", "CacheTtl", "CachedTokenDetails",
    "ClientEvent", "ClientSide", "ConnectorId", "ContentEvent", "ContentPart",
    "ConversationClientEvent", "ConversationCreated", "ConversationInfo", "ConversationItemAdded",
    "ConversationItemCreate", "ConversationItemCreated", "ConversationItemDelete",
    "ConversationItemDeleted", "ConversationItemDone",
    "ConversationItemInputAudioTranscriptionCompleted", "ConversationItemInputAudioTranscriptionDelta",
    "ConversationItemInputAudioTranscriptionFailed", "ConversationItemInputAudioTranscriptionSegment",
    "ConversationItemRetrieve", "ConversationItemRetrieved", "ConversationItemTruncate",
    "ConversationItemTruncated", "ConversationMode", "ConversationServerEvent", "CustomVoice",
    "DurationUsage", "Eagerness", "Effort", "Error", "ErrorDetail", "Format", "FunctionCallItem",
    "FunctionCallOutputItem", "FunctionTool", "ImageDetail", "Include", "InputAudio",
    "InputAudioBufferAppend", "InputAudioBufferClear", "InputAudioBufferCleared",
    "InputAudioBufferCommit", "InputAudioBufferCommitted", "InputAudioBufferDtmfEventReceived",
    "InputAudioBufferSpeechStarted", "InputAudioBufferSpeechStopped",
    "InputAudioBufferTimeoutTriggered", "InputImage", "InputItem", "InputText", "InputTokenDetails",
    "Item", "ItemEvent", "ItemReference", "KnownFormat", "KnownInputItem", "KnownItem",
    "KnownMcpError", "KnownPart", "KnownPromptVariable", "KnownSession", "KnownSessionInfo",
    "KnownTool", "KnownToolChoice", "KnownTranscriptionUsage", "KnownTurnDetection", "Language",
    "LogProb", "MaxTokens", "Maybe", "McpApprovalFilter", "McpApprovalRequestItem",
    "McpApprovalResponseItem", "McpCallItem", "McpError", "McpHttpError", "McpListToolsCompleted",
    "McpListToolsFailed", "McpListToolsInProgress", "McpListToolsItem", "McpProtocolError", "McpTool",
    "McpToolDescription", "McpToolExecutionError", "McpToolFilter", "MessageItem", "Modality", "Model",
    "NewItemEvent", "NoiseReduction", "NoiseReductionType", "OutputAudio", "OutputAudioBufferClear",
    "OutputAudioBufferCleared", "OutputAudioBufferStarted", "OutputAudioBufferStopped",
    "OutputItemEvent", "OutputItemStep", "OutputText", "OutputTokenDetails", "PcmFormat", "PcmaFormat",
    "PcmuFormat", "Phase", "Prompt", "PromptCacheBreakpoint", "PromptDetail", "PromptFile",
    "PromptImage", "PromptText", "PromptVariable", "RateLimit", "RateLimitsUpdated", "RealtimeSession",
    "RealtimeSessionInfo", "Reasoning", "Response", "ResponseAudio", "ResponseCancel",
    "ResponseClientEvent", "ResponseContentPartAdded", "ResponseContentPartDone", "ResponseCreate",
    "ResponseCreated", "ResponseDone", "ResponseFunctionCallArgumentsDelta",
    "ResponseFunctionCallArgumentsDone", "ResponseMcpCallArgumentsDelta",
    "ResponseMcpCallArgumentsDone", "ResponseMcpCallCompleted", "ResponseMcpCallFailed",
    "ResponseMcpCallInProgress", "ResponseOutputAudioDelta", "ResponseOutputAudioDone",
    "ResponseOutputAudioTranscriptDelta", "ResponseOutputAudioTranscriptDone",
    "ResponseOutputItemAdded", "ResponseOutputItemDone", "ResponseOutputTextDelta",
    "ResponseOutputTextDone", "ResponseParams", "ResponseServerEvent", "ResponseStatus",
    "ResponseUsage", "RetentionRatio", "Role", "SemanticVad", "ServerEvent", "ServerSide", "ServerVad",
    "Session", "SessionClientEvent", "SessionCreated", "SessionInfo", "SessionServerEvent",
    "SessionSnapshot", "SessionUpdate", "SessionUpdated", "Status", "StatusDetails", "StatusError",
    "Tagged", "Text", "TokenLimits", "TokenUsage", "Tool", "ToolChoice", "ToolChoiceFunction",
    "ToolChoiceMcp", "ToolChoiceMode", "TracingConfig", "Transcription", "TranscriptionError",
    "TranscriptionModel", "TranscriptionSession", "TranscriptionSessionInfo",
    "TranscriptionTokenDetails", "TranscriptionUsage", "Truncation", "TruncationMode", "TurnDetection",
    "Unknown", "UnknownEvent", "UnknownFormat", "UnknownItem", "UnknownMcpError", "UnknownPart",
    "UnknownPromptVariable", "UnknownSession", "UnknownTool", "UnknownToolChoice", "UnknownTruncation",
    "UnknownTurnDetection", "UnknownUsage", "UnknownVoice", "VariantStruct", "Voice", "Wire",
]  # fmt: skip

ServerEvent = (
    SessionServerEvent | AudioBufferServerEvent | ConversationServerEvent | ResponseServerEvent | UnknownEvent
)
ClientEvent = (
    SessionClientEvent | AudioBufferClientEvent | ConversationClientEvent | ResponseClientEvent | UnknownEvent
)


def __dir__() -> list[str]:
    return sorted(__all__)
