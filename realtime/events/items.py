"""Conversation items and their content parts: what messages, calls and MCP steps look like.

Both sides send these, so every optional field is `Maybe`. Parts accept the spellings of
today's items (``output_text``) and of `response.content_part.*` and older servers
(``text``); each keeps its own on the way out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET

from .base import Maybe, Tagged, Unknown, Wire

if TYPE_CHECKING:
    Role = Literal["user", "assistant", "system"] | str
    Status = Literal["completed", "in_progress", "incomplete"] | str
    ImageDetail = Literal["auto", "low", "high"] | str
else:
    Role = Status = ImageDetail = str


class UnknownPart(Unknown):
    """A content part of a type that this version does not know."""

    __slots__ = ()


class UnknownItem(Unknown):
    """An item of a type that this version does not know."""

    __slots__ = ()


class UnknownMcpError(Unknown):
    """An MCP call's error of a type that this version does not know."""

    __slots__ = ()


# --- Content parts -------------------------------------------------------------------


class Part(Tagged, kw_only=True):
    """The family of content parts. All have the same fields; which are set depends on the type.

    `audio` is raw audio of the session's input or output format; `image_url` a data URL.
    """

    unknown = UnknownPart

    id: Maybe[str] = UNSET
    text: Maybe[str] = UNSET
    audio: Maybe[bytes] = UNSET
    transcript: Maybe[str] = UNSET
    image_url: Maybe[str] = UNSET
    detail: Maybe[ImageDetail] = UNSET


class InputText(Part, tag="input_text", kw_only=True):
    """Text of the user or the system: `text`."""


class InputAudio(Part, tag="input_audio", kw_only=True):
    """Speech of the user: `audio`, `transcript`."""


class InputImage(Part, tag="input_image", kw_only=True):
    """A picture: `image_url`, `detail`."""


class OutputText(Part, tag="output_text", kw_only=True):
    """Text of the assistant: `text`."""


class OutputAudio(Part, tag="output_audio", kw_only=True):
    """Speech of the assistant: `audio`, `transcript`."""


class Text(Part, tag="text", kw_only=True):
    """Text of the assistant, as content_part events and the beta dialect spell it."""


class Audio(Part, tag="audio", kw_only=True):
    """Speech of the assistant, as content_part events and the beta dialect spell it."""


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
    """A message of the user, the assistant or the system, told apart by `role`."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    role: Role
    content: list[ContentPart]


class FunctionCallItem(AnyItem, tag="function_call", kw_only=True):
    """The model's call of a function; `arguments` is JSON text."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: Maybe[str] = UNSET
    name: str
    arguments: str


class FunctionCallOutputItem(AnyItem, tag="function_call_output", kw_only=True):
    """What a called function gave back."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: str
    output: str


class McpApprovalRequestItem(AnyItem, tag="mcp_approval_request", kw_only=True):
    """The server asks whether an MCP tool may be called."""

    id: str
    server_label: str
    name: str
    arguments: str


class McpApprovalResponseItem(AnyItem, tag="mcp_approval_response", kw_only=True):
    """The client's answer to an approval request."""

    id: str
    approval_request_id: str
    approve: bool
    reason: Maybe[str] = UNSET


class McpToolDescription(Wire, kw_only=True):
    """One tool of an MCP server; `input_schema` is a JSON schema."""

    name: str
    input_schema: Any
    description: Maybe[str] = UNSET
    annotations: Any = UNSET


class McpListToolsItem(AnyItem, tag="mcp_list_tools", kw_only=True):
    """The tools that an MCP server offers."""

    id: Maybe[str] = UNSET
    server_label: str
    tools: list[McpToolDescription]


class AnyMcpError(Tagged):
    """The family of an MCP call's errors."""

    unknown = UnknownMcpError


class McpProtocolError(AnyMcpError, tag="protocol_error", kw_only=True):
    """The MCP server broke its protocol."""

    code: int
    message: str


class McpToolExecutionError(AnyMcpError, tag="tool_execution_error", kw_only=True):
    """The tool itself failed."""

    message: str


class McpHttpError(AnyMcpError, tag="http_error", kw_only=True):
    """The MCP server answered with an HTTP error."""

    code: int
    message: str


KnownMcpError = McpProtocolError | McpToolExecutionError | McpHttpError
if TYPE_CHECKING:
    McpError = KnownMcpError | UnknownMcpError
else:
    McpError = KnownMcpError


class McpCallItem(AnyItem, tag="mcp_call", kw_only=True):
    """A call of an MCP tool, its output or its error."""

    id: str
    server_label: str
    name: str
    arguments: str
    approval_request_id: Maybe[str] = UNSET
    output: Maybe[str] = UNSET
    error: Maybe[McpError] = UNSET


class ItemReference(AnyItem, tag="item_reference", kw_only=True):
    """In the input of a response: an item that the conversation already has."""

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
