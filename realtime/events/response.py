"""Responses: asking for one, and its audio, text, calls and usage as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

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
    """A response's audio."""

    output: Maybe[AudioOutput] = UNSET


class ResponseParams(Wire, kw_only=True):
    """What one response does otherwise than the session; `conversation` "none" keeps it out of it."""

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
    """Asks for a response."""

    response: Maybe[ResponseParams] = UNSET


class ResponseCancel(ClientSide, tag="response.cancel", kw_only=True):
    """Stops the response that is under way, or the one named."""

    response_id: Maybe[str] = UNSET


# --- Server: the whole response ------------------------------------------------------


class CachedTokenDetails(Wire, kw_only=True):
    """What the cached input tokens were."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class InputTokenDetails(Wire, kw_only=True):
    """What the input tokens were; the cached are among them."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: CachedTokenDetails | None = None


class OutputTokenDetails(Wire, kw_only=True):
    """What the output tokens were."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class ResponseUsage(Wire, kw_only=True):
    """The tokens that a response is billed for."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: InputTokenDetails | None = None
    output_token_details: OutputTokenDetails | None = None


class StatusError(Wire, kw_only=True):
    """Why a response failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


class StatusDetails(Wire, kw_only=True):
    """Why a response was cancelled, cut short or failed."""

    type: str | None = None
    reason: str | None = None
    error: StatusError | None = None


class ResponseFacts(Wire, kw_only=True):
    """What every dialect tells of a response. Some servers send `status_details` as a string."""

    id: str | None = None
    object: str | None = None
    status: ResponseStatus | None = None
    status_details: StatusDetails | str | None = None
    conversation_id: str | None = None
    max_output_tokens: MaxTokens | None = None
    usage: ResponseUsage | None = None
    metadata: dict[str, str] | None = None


class Response(ResponseFacts, kw_only=True):
    """A response so far, or in the end."""

    output: list[Item] | None = None
    output_modalities: list[Modality] | None = None
    audio: ResponseAudio | None = None


class ResponseCreated(ServerSide, tag="response.created", kw_only=True):
    """A response has begun."""

    response: Response


class ResponseDone(ServerSide, tag="response.done", kw_only=True):
    """A response has ended, however it did; raw audio is left out."""

    response: Response


# --- Server: items and parts ---------------------------------------------------------


class OutputItemEvent(ServerSide, kw_only=True):
    """An item of a response."""

    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemAdded(OutputItemEvent, tag="response.output_item.added", kw_only=True):
    """A response has a new item."""


class ResponseOutputItemDone(OutputItemEvent, tag="response.output_item.done", kw_only=True):
    """An item of a response is complete."""


class ResponseContentPartAdded(ContentEvent, tag="response.content_part.added", kw_only=True):
    """A message of a response has a new part."""

    part: ContentPart


class ResponseContentPartDone(ContentEvent, tag="response.content_part.done", kw_only=True):
    """A part is complete."""

    part: ContentPart


# --- Server: audio, transcript, text -------------------------------------------------


class ResponseOutputAudioDelta(ContentEvent, tag="response.output_audio.delta", kw_only=True):
    """Raw audio of the session's output format."""

    audio_field = "delta"

    delta: bytes


class ResponseOutputAudioDone(ContentEvent, tag="response.output_audio.done", kw_only=True):
    """All of a part's audio was sent."""


class ResponseOutputAudioTranscriptDelta(
    ContentEvent, tag="response.output_audio_transcript.delta", kw_only=True
):
    """More of the text of what the assistant says."""

    delta: str


class ResponseOutputAudioTranscriptDone(
    ContentEvent, tag="response.output_audio_transcript.done", kw_only=True
):
    """The whole text of what the assistant said."""

    transcript: str


class ResponseOutputTextDelta(ContentEvent, tag="response.output_text.delta", kw_only=True):
    """More text."""

    delta: str


class ResponseOutputTextDone(ContentEvent, tag="response.output_text.done", kw_only=True):
    """The whole text."""

    text: str


# --- Server: calls -------------------------------------------------------------------


class OutputItemStep(ItemEvent, kw_only=True):
    """A step of one output item."""

    output_index: int


class ResponseFunctionCallArgumentsDelta(
    OutputItemStep, tag="response.function_call_arguments.delta", kw_only=True
):
    """More of a call's arguments, as JSON text."""

    response_id: str
    call_id: str
    delta: str


class ResponseFunctionCallArgumentsDone(
    OutputItemStep, tag="response.function_call_arguments.done", kw_only=True
):
    """A call's whole arguments; older servers leave the name to the item."""

    response_id: str
    call_id: str
    name: str | None = None
    arguments: str


class ResponseMcpCallArgumentsDelta(OutputItemStep, tag="response.mcp_call_arguments.delta", kw_only=True):
    """More of an MCP call's arguments."""

    response_id: str
    delta: str
    obfuscation: str | None = None


class ResponseMcpCallArgumentsDone(OutputItemStep, tag="response.mcp_call_arguments.done", kw_only=True):
    """An MCP call's whole arguments."""

    response_id: str
    arguments: str


class ResponseMcpCallInProgress(OutputItemStep, tag="response.mcp_call.in_progress", kw_only=True):
    """An MCP call has begun."""


class ResponseMcpCallCompleted(OutputItemStep, tag="response.mcp_call.completed", kw_only=True):
    """An MCP call gave its output."""


class ResponseMcpCallFailed(OutputItemStep, tag="response.mcp_call.failed", kw_only=True):
    """An MCP call failed."""


class McpListToolsInProgress(ItemEvent, tag="mcp_list_tools.in_progress", kw_only=True):
    """An MCP server is being asked for its tools."""


class McpListToolsCompleted(ItemEvent, tag="mcp_list_tools.completed", kw_only=True):
    """An MCP server has told its tools."""


class McpListToolsFailed(ItemEvent, tag="mcp_list_tools.failed", kw_only=True):
    """An MCP server could not tell its tools."""


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
