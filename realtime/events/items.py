"""Conversation items (messages, function calls, MCP steps) and their content parts.

Both sides send these, so every optional field is `Maybe`. Content parts have two spellings:
``output_text`` in items, ``text`` in `response.content_part.*` and from older servers. Both
decode, each to its own class, and encode as they were. The events are in `conversation` and
`response`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET

from .base import Maybe, Tagged, Unknown, Wire

if TYPE_CHECKING:
    Role = Literal["user", "assistant", "system"] | str
    Status = Literal["completed", "in_progress", "incomplete"] | str
    ImageDetail = Literal["auto", "low", "high"] | str
    Phase = Literal["commentary", "final_answer"] | str
else:
    Role = Status = ImageDetail = Phase = str


class UnknownPart(Unknown):
    """A content part of a type that this version does not know."""

    __slots__ = ()


class UnknownItem(Unknown):
    """An item of a type that this version does not know."""

    __slots__ = ()


class UnknownMcpError(Unknown):
    """An error of an MCP call, of a type that this version does not know."""

    __slots__ = ()


# --- Content parts -------------------------------------------------------------------


class AnyPart(Tagged, kw_only=True):
    """The family of content parts. All have the same fields; the type determines which are set.

    `audio` is raw audio in the session's input or output format, `image_url` a data URL.
    """

    unknown = UnknownPart

    id: Maybe[str] = UNSET
    text: Maybe[str] = UNSET
    audio: Maybe[bytes] = UNSET
    transcript: Maybe[str] = UNSET
    image_url: Maybe[str] = UNSET
    detail: Maybe[ImageDetail] = UNSET


class InputText(AnyPart, tag="input_text", kw_only=True):
    """Text from the user or the system, in `text`."""


class InputAudio(AnyPart, tag="input_audio", kw_only=True):
    """Speech of the user, in `audio` and `transcript`."""


class InputImage(AnyPart, tag="input_image", kw_only=True):
    """An image from the user, in `image_url` and `detail`."""


class OutputText(AnyPart, tag="output_text", kw_only=True):
    """Text from the assistant, in `text`."""


class OutputAudio(AnyPart, tag="output_audio", kw_only=True):
    """Speech of the assistant, in `audio` and `transcript`."""


class Text(AnyPart, tag="text", kw_only=True):
    """Text from the assistant, as `response.content_part.*` and the beta dialect spell it."""


class Audio(AnyPart, tag="audio", kw_only=True):
    """Speech of the assistant, as `response.content_part.*` and the beta dialect spell it."""


KnownPart = InputText | InputAudio | InputImage | OutputText | OutputAudio | Text | Audio
if TYPE_CHECKING:
    ContentPart = KnownPart | UnknownPart
else:
    ContentPart = KnownPart


# --- Items ---------------------------------------------------------------------------


class AnyItem(Tagged):
    """The family of items."""

    unknown = UnknownItem


class MessageItem(AnyItem, tag="message", kw_only=True):
    """A message from the user, the assistant or the system, by `role`.

    `phase` tells a reasoning model's remarks before its tool calls from its answer. Recorded from
    OpenAI's server in November 2026; not in openai-python 3.57.0.
    """

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    role: Role
    phase: Maybe[Phase] = UNSET
    content: list[ContentPart]


class FunctionCallItem(AnyItem, tag="function_call", kw_only=True):
    """The model's call of a function. `arguments` is JSON text."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: Maybe[str] = UNSET
    name: str
    arguments: str


class FunctionCallOutputItem(AnyItem, tag="function_call_output", kw_only=True):
    """The output of a function that the model called."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: str
    output: str


class McpApprovalRequestItem(AnyItem, tag="mcp_approval_request", kw_only=True):
    """A request for approval of a call of an MCP tool."""

    id: str
    server_label: str
    name: str
    arguments: str


class McpApprovalResponseItem(AnyItem, tag="mcp_approval_response", kw_only=True):
    """The client's answer to a request for approval."""

    id: str
    approval_request_id: str
    approve: bool
    reason: Maybe[str] = UNSET


class McpToolDescription(Wire, kw_only=True):
    """A tool of an MCP server. `input_schema` is a JSON schema."""

    name: str
    input_schema: Any
    description: Maybe[str] = UNSET
    annotations: Any = UNSET


class McpListToolsItem(AnyItem, tag="mcp_list_tools", kw_only=True):
    """The list of tools that an MCP server offers."""

    id: Maybe[str] = UNSET
    server_label: str
    tools: list[McpToolDescription]


class AnyMcpError(Tagged):
    """The family of errors of an MCP call."""

    unknown = UnknownMcpError


class McpProtocolError(AnyMcpError, tag="protocol_error", kw_only=True):
    """A violation of the MCP protocol by the server."""

    code: int
    message: str


class McpToolExecutionError(AnyMcpError, tag="tool_execution_error", kw_only=True):
    """A failure of the tool itself."""

    message: str


class McpHttpError(AnyMcpError, tag="http_error", kw_only=True):
    """An HTTP error from the MCP server."""

    code: int
    message: str


KnownMcpError = McpProtocolError | McpToolExecutionError | McpHttpError
if TYPE_CHECKING:
    McpError = KnownMcpError | UnknownMcpError
else:
    McpError = KnownMcpError


class McpCallItem(AnyItem, tag="mcp_call", kw_only=True):
    """A call of an MCP tool, with its output or its error."""

    id: str
    server_label: str
    name: str
    arguments: str
    approval_request_id: Maybe[str] = UNSET
    output: Maybe[str] = UNSET
    error: Maybe[McpError] = UNSET


class ItemReference(AnyItem, tag="item_reference", kw_only=True):
    """A reference to an item of the conversation, in the `input` of a response."""

    id: str


KnownItem = (
    MessageItem
    | FunctionCallItem
    | FunctionCallOutputItem
    | McpApprovalRequestItem
    | McpApprovalResponseItem
    | McpListToolsItem
    | McpCallItem
)
KnownInputItem = KnownItem | ItemReference
if TYPE_CHECKING:
    Item = KnownItem | UnknownItem
    InputItem = KnownInputItem | UnknownItem
else:
    Item = KnownItem
    InputItem = KnownInputItem
