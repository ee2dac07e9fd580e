"""Events of a response: the request for it, then its items, audio, text, calls and usage.

The items and content parts are in `items`. A response's own items also appear in the events of
`conversation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET

from .base import ClientSide, ContentEvent, ItemEvent, Maybe, ServerSide, Wire
from .items import ContentPart, InputItem, Item
from .session import AudioOutput, MaxTokens, Modality, Reasoning
from .tools import Prompt, Tool, ToolChoice

if TYPE_CHECKING:
    ResponseStatus = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"] | str
    ConversationMode = Literal["auto", "none"] | str
else:
    ResponseStatus = ConversationMode = str

# --- Client --------------------------------------------------------------------------


class ResponseAudio(Wire, kw_only=True):
    """A response's audio settings."""

    output: Maybe[AudioOutput] = UNSET


class ResponseParams(Wire, kw_only=True):
    """Settings of one response that override the session's. `conversation` "none": it adds no items."""

    conversation: Maybe[ConversationMode] = UNSET
    input: Maybe[list[InputItem]] = UNSET
    output_modalities: Maybe[list[Modality]] = UNSET
    instructions: Maybe[str] = UNSET
    audio: Maybe[ResponseAudio] = UNSET
    tools: Maybe[list[Tool]] = UNSET
    tool_choice: Maybe[ToolChoice] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    max_output_tokens: Maybe[MaxTokens] = UNSET
    reasoning: Maybe[Reasoning] = UNSET
    prompt: Maybe[Prompt] = UNSET
    metadata: Maybe[dict[str, str]] = UNSET


class ResponseCreate(ClientSide, tag="response.create", kw_only=True):
    """Request for a response."""

    response: Maybe[ResponseParams] = UNSET


class ResponseCancel(ClientSide, tag="response.cancel", kw_only=True):
    """Request to cancel the response in progress, or the one with this id."""

    response_id: Maybe[str] = UNSET


# --- Server: the response ------------------------------------------------------------


class CachedTokenDetails(Wire, kw_only=True):
    """The kinds of the cached input tokens."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class InputTokenDetails(Wire, kw_only=True):
    """The kinds of the input tokens, the cached ones included."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: CachedTokenDetails | None = None


class OutputTokenDetails(Wire, kw_only=True):
    """The kinds of the output tokens. Those for reasoning are among the text tokens."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None


class ResponseUsage(Wire, kw_only=True):
    """The tokens that a response is billed for."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: InputTokenDetails | None = None
    output_token_details: OutputTokenDetails | None = None


class StatusError(Wire, kw_only=True):
    """The error of a failed response."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


class StatusDetails(Wire, kw_only=True):
    """The reason for a response that was cancelled, incomplete or failed."""

    type: str | None = None
    reason: str | None = None
    error: StatusError | None = None


class BaseResponse(Wire, kw_only=True):
    """Members of a response in every dialect. Some servers send `status_details` as a string."""

    id: str | None = None
    object: str | None = None
    status: ResponseStatus | None = None
    status_details: StatusDetails | str | None = None
    conversation_id: str | None = None
    max_output_tokens: MaxTokens | None = None
    usage: ResponseUsage | None = None
    metadata: Any = None


class Response(BaseResponse, kw_only=True):
    """A response, in its current or final state."""

    output: list[Item] | None = None
    output_modalities: list[Modality] | None = None
    audio: ResponseAudio | None = None


class ResponseCreated(ServerSide, tag="response.created", kw_only=True):
    """Start of a response."""

    response: Response


class ResponseDone(ServerSide, tag="response.done", kw_only=True):
    """End of a response, whatever its status. Audio is left out."""

    response: Response


# --- Server: items and parts ---------------------------------------------------------


class OutputItemEvent(ServerSide, kw_only=True):
    """An event with an item of a response."""

    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemAdded(OutputItemEvent, tag="response.output_item.added", kw_only=True):
    """Start of a new item of a response."""


class ResponseOutputItemDone(OutputItemEvent, tag="response.output_item.done", kw_only=True):
    """End of an item of a response, complete or interrupted."""


class ResponseContentPartAdded(ContentEvent, tag="response.content_part.added", kw_only=True):
    """Start of a new content part of a message."""

    part: ContentPart | None


class ResponseContentPartDone(ContentEvent, tag="response.content_part.done", kw_only=True):
    """End of a content part, complete or interrupted."""

    part: ContentPart | None


# --- Server: audio, transcript, text -------------------------------------------------


class ResponseOutputAudioDelta(ContentEvent, tag="response.output_audio.delta", kw_only=True):
    """A new piece of audio: raw bytes in the session's output format."""

    audio_field = "delta"

    delta: bytes


class ResponseOutputAudioDone(ContentEvent, tag="response.output_audio.done", kw_only=True):
    """End of the audio of a content part."""


class ResponseOutputAudioTranscriptDelta(
    ContentEvent, tag="response.output_audio_transcript.delta", kw_only=True
):
    """A new piece of the transcript of the assistant's speech."""

    delta: str


class ResponseOutputAudioTranscriptDone(
    ContentEvent, tag="response.output_audio_transcript.done", kw_only=True
):
    """The complete transcript of the assistant's speech."""

    transcript: str


class ResponseOutputTextDelta(ContentEvent, tag="response.output_text.delta", kw_only=True):
    """A new piece of text."""

    delta: str


class ResponseOutputTextDone(ContentEvent, tag="response.output_text.done", kw_only=True):
    """The complete text of a content part."""

    text: str


# --- Server: calls -------------------------------------------------------------------


class OutputItemStep(ItemEvent, kw_only=True):
    """An event about one output item of a response."""

    output_index: int


class ResponseFunctionCallArgumentsDelta(
    OutputItemStep, tag="response.function_call_arguments.delta", kw_only=True
):
    """A new piece of a call's arguments, which are JSON text."""

    response_id: str
    call_id: str
    delta: str


class ResponseFunctionCallArgumentsDone(
    OutputItemStep, tag="response.function_call_arguments.done", kw_only=True
):
    """The complete arguments of a call. Older servers send the function's name only in the item."""

    response_id: str
    call_id: str
    name: str | None = None
    arguments: str


class ResponseMcpCallArgumentsDelta(OutputItemStep, tag="response.mcp_call_arguments.delta", kw_only=True):
    """A new piece of an MCP call's arguments."""

    response_id: str
    delta: str
    obfuscation: str | None = None


class ResponseMcpCallArgumentsDone(OutputItemStep, tag="response.mcp_call_arguments.done", kw_only=True):
    """The complete arguments of an MCP call."""

    response_id: str
    arguments: str


class ResponseMcpCallInProgress(OutputItemStep, tag="response.mcp_call.in_progress", kw_only=True):
    """Start of an MCP call."""


class ResponseMcpCallCompleted(OutputItemStep, tag="response.mcp_call.completed", kw_only=True):
    """Successful end of an MCP call."""


class ResponseMcpCallFailed(OutputItemStep, tag="response.mcp_call.failed", kw_only=True):
    """Failure of an MCP call."""


class McpListToolsInProgress(ItemEvent, tag="mcp_list_tools.in_progress", kw_only=True):
    """Start of a request for an MCP server's list of tools."""


class McpListToolsCompleted(ItemEvent, tag="mcp_list_tools.completed", kw_only=True):
    """Arrival of an MCP server's list of tools."""


class McpListToolsFailed(ItemEvent, tag="mcp_list_tools.failed", kw_only=True):
    """Failure to list an MCP server's tools."""


# --- The unions ----------------------------------------------------------------------

ResponseClientEvent = ResponseCreate | ResponseCancel
ResponseServerEvent = (
    ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | ResponseOutputAudioDelta
    | ResponseOutputAudioDone
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioTranscriptDone
    | ResponseOutputTextDelta
    | ResponseOutputTextDone
    | ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
    | ResponseMcpCallInProgress
    | ResponseMcpCallCompleted
    | ResponseMcpCallFailed
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
)
