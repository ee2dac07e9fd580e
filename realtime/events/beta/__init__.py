"""The beta dialect, as differences from GA: flat sessions and items, older names.

    session, conversation, response   what differs
    here                              what is GA's own, and the unions

OpenAI retired it in May 2026; it lives on dated Azure endpoints and compatible servers, and
it is the dialect of the seed (litellm-rs 0.4.16), whose type names are kept. Fields stand
in the seed's order, which is the order on the wire; what the seed lacks follows.
"""

# Star imports bring msgspec's Final UNSET more than once, the same object each time.
# pyright: reportGeneralTypeIssues=false

from __future__ import annotations

from ..audio_buffer import *
from ..base import (
    Unknown as Unknown,
    UnknownEvent as UnknownEvent,
)
from ..conversation import (
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
from ..items import (
    Audio as Audio,
    InputAudio as InputAudio,
    InputImage as InputImage,
    InputText as InputText,
    OutputAudio as OutputAudio,
    OutputText as OutputText,
    Text as Text,
    UnknownItem as UnknownItem,
    UnknownPart as UnknownPart,
)
from ..response import (
    InputTokenDetails as InputTokenDetails,
    OutputTokenDetails as OutputTokenDetails,
    ResponseCancel as ResponseCancel,
    ResponseContentPartAdded as ResponseContentPartAdded,
    ResponseContentPartDone as ResponseContentPartDone,
    ResponseFunctionCallArgumentsDelta as ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone as ResponseFunctionCallArgumentsDone,
    ResponseUsage as ResponseUsage,
    StatusDetails as StatusDetails,
    StatusError as StatusError,
)
from ..session import (
    Error as Error,
    ErrorDetail as ErrorDetail,
    NoiseReduction as NoiseReduction,
    RateLimit as RateLimit,
    RateLimitsUpdated as RateLimitsUpdated,
    TracingConfig as TracingConfig,
    UnknownTurnDetection as UnknownTurnDetection,
)
from ..tools import (
    FunctionTool as FunctionTool,
    ToolChoice as ToolChoice,
    ToolChoiceFunction as ToolChoiceFunction,
    UnknownTool as UnknownTool,
    UnknownToolChoice as UnknownToolChoice,
)
from .conversation import *
from .response import *
from .session import *

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
