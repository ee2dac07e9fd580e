"""Items that a Live session's backend reads: messages, calls of tools and their outputs, and their content parts.

They are those of the Responses API. A session's `input`, the decisions and their questions use some of them. Tools and
settings are in `live_backend`; the events that carry items in `live`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw, field

from .base import Maybe
from .items import McpToolDescription, Phase, Role, Status, UnknownItem, UnknownMcpError, UnknownPart
from .live_backend import (
    BackendStruct,
    Container,
    ReasoningConfig,
    TaggedBackendStruct,
    TextConfig,
    Tool,
    UnknownBackendObject,
)
from .tools import PromptCacheBreakpoint, PromptDetail

__all__ = [
    "AdditionalTools", "Annotation", "AnyBackendItem", "AnyBackendMcpError", "AnyBackendPart",
    "ApplyPatchCall", "ApplyPatchCallOutput", "Caller", "Click", "CodeImage",
    "CodeInterpreterCall", "CodeLogs", "CodeOutput", "Compaction", "CompactionTrigger",
    "ComputerAction", "ComputerCall", "ComputerCallOutput", "ComputerOutput",
    "ComputerScreenshot", "ConfigurationUpdate", "ContainerFileCitation", "CreateFile",
    "CustomToolCall", "CustomToolCallOutput", "DecisionItem", "DeleteFile", "DirectCaller",
    "DoubleClick", "Drag", "FileCitation", "FilePath", "FileSearchCall", "FileSearchResult",
    "FunctionCall", "FunctionCallOutput", "ImageGenerationCall", "ImageGenerationError",
    "InputFile", "InputImage", "InputJson", "InputMessage", "InputPart", "InputText", "Item",
    "ItemReference", "Keypress", "KnownAnnotation", "KnownCaller", "KnownCodeOutput",
    "KnownComputerAction", "KnownDecisionItem", "KnownInputPart", "KnownItem", "KnownMcpError",
    "KnownMessagePart", "KnownOutputPart", "KnownPatchOperation", "KnownShellOutcome",
    "KnownWebSearchAction", "LocalShellAction", "LocalShellCall", "LocalShellCallOutput",
    "LocalShellExec", "LogProb", "McpApprovalRequest", "McpApprovalResponse", "McpCall",
    "McpError", "McpHttpError", "McpListTools", "McpProtocolError", "McpToolDescription",
    "McpToolExecutionError", "Message", "MessagePart", "ModerationDetails", "Move", "OutputPart",
    "OutputText", "PatchOperation", "Point", "Program", "ProgramCaller", "ProgramOutput",
    "PromptCacheBreakpoint", "ReasoningItem", "ReasoningPart", "ReasoningText", "Refusal",
    "SafetyCheck", "Screenshot", "Scroll", "ShellAction", "ShellCall", "ShellCallOutput",
    "ShellExit", "ShellOutcome", "ShellOutput", "ShellTimeout", "SummaryPart", "SummaryText",
    "SvgUsage", "Text", "ToolSearchCall", "ToolSearchOutput", "TopLogProb", "TypeText",
    "UnknownItem", "UnknownMcpError", "UnknownPart", "UpdateFile", "UrlCitation", "UrlSource",
    "Wait", "WebSearchAction", "WebSearchCall", "WebSearchFindInPage", "WebSearchOpenPage",
    "WebSearchSearch",
]  # fmt: skip


# --- Content parts -------------------------------------------------------------------


class AnyBackendPart(TaggedBackendStruct):
    """The family of content parts."""

    unknown = UnknownPart


class InputText(AnyBackendPart, tag="input_text", kw_only=True):
    """Text for the model."""

    text: str
    prompt_cache_breakpoint: Maybe[PromptCacheBreakpoint] = UNSET


class InputImage(AnyBackendPart, tag="input_image", kw_only=True):
    """An image for the model, by its URL, a data URL or the id of a file."""

    image_url: Maybe[str] = UNSET
    file_id: Maybe[str] = UNSET
    detail: Maybe[PromptDetail] = UNSET
    prompt_cache_breakpoint: Maybe[PromptCacheBreakpoint] = UNSET


class InputFile(AnyBackendPart, tag="input_file", kw_only=True):
    """A file for the model: its data, its URL or its id."""

    file_data: Maybe[str] = UNSET
    file_id: Maybe[str] = UNSET
    file_url: Maybe[str] = UNSET
    filename: Maybe[str] = UNSET
    detail: Maybe[PromptDetail] = UNSET
    prompt_cache_breakpoint: Maybe[PromptCacheBreakpoint] = UNSET


class InputJson(AnyBackendPart, tag="input_json", kw_only=True):
    """JSON for decisions: an object, or a list of objects."""

    data: Any


class FileCitation(TaggedBackendStruct, tag="file_citation", kw_only=True):
    """A file that a text cites, at a position."""

    file_id: str
    filename: str
    index: int


class UrlCitation(TaggedBackendStruct, tag="url_citation", kw_only=True):
    """A page that a text cites, in a range."""

    url: str
    title: str
    start_index: int
    end_index: int


class ContainerFileCitation(TaggedBackendStruct, tag="container_file_citation", kw_only=True):
    """A file in a container that a text cites, in a range."""

    container_id: str
    file_id: str
    filename: str
    start_index: int
    end_index: int


class FilePath(TaggedBackendStruct, tag="file_path", kw_only=True):
    """A file that the model made, at a position in a text."""

    file_id: str
    index: int


class TopLogProb(BackendStruct, kw_only=True):
    """The log probability of a token. `bytes` is its text in UTF-8."""

    token: str
    logprob: float
    bytes: list[int]


class LogProb(TopLogProb, kw_only=True):
    """The log probability of a token, and those of the most probable tokens in its place."""

    top_logprobs: list[TopLogProb]


class OutputText(AnyBackendPart, tag="output_text", kw_only=True):
    """Text from the model."""

    text: str
    annotations: Maybe[list[Annotation]] = UNSET
    logprobs: Maybe[list[LogProb]] = UNSET


class Text(AnyBackendPart, tag="text", kw_only=True):
    """Text from the model, in the `input` of a session."""

    text: str


class Refusal(AnyBackendPart, tag="refusal", kw_only=True):
    """The words by which the model refuses an answer."""

    refusal: str


class ReasoningText(AnyBackendPart, tag="reasoning_text", kw_only=True):
    """A part of the model's reasoning."""

    text: str


class SummaryText(AnyBackendPart, tag="summary_text", kw_only=True):
    """A part of a summary of the model's reasoning."""

    text: str


# --- Messages and calls of functions -------------------------------------------------


class AnyBackendItem(TaggedBackendStruct):
    """The family of items."""

    unknown = UnknownItem

    @classmethod
    def default_tag(cls, parts: dict[str, Raw]) -> str:
        """Return "message" for an object with a role."""
        return "message" if "role" in parts else ""


class Message(AnyBackendItem, tag="message", kw_only=True):
    """A message from the user, the developer, the system or the assistant, by `role`.

    In the `input` of a session it has one part: an `InputText`, or an `OutputText` of the assistant.
    """

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    role: Role
    phase: Maybe[Phase] = UNSET
    content: str | list[MessagePart]


class DirectCaller(TaggedBackendStruct, tag="direct", kw_only=True):
    """The model itself, as the caller of a tool."""


class ProgramCaller(TaggedBackendStruct, tag="program", kw_only=True):
    """A `Program`, as the caller of a tool."""

    caller_id: str


class FunctionCall(AnyBackendItem, tag="function_call", kw_only=True):
    """The model's call of a function. `arguments` is JSON text."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: str
    name: str
    arguments: str
    namespace: Maybe[str] = UNSET
    async_: Maybe[bool] = field(default=UNSET, name="async")
    caller: Maybe[Caller] = UNSET


class FunctionCallOutput(AnyBackendItem, tag="function_call_output", kw_only=True):
    """The output of a function that the model called."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: Maybe[str] = UNSET
    output: str | list[OutputPart]
    name: Maybe[str] = UNSET
    namespace: Maybe[str] = UNSET
    caller: Maybe[Caller] = UNSET


class CustomToolCall(AnyBackendItem, tag="custom_tool_call", kw_only=True):
    """The model's call of a custom tool."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: str
    name: str
    input: str
    namespace: Maybe[str] = UNSET
    async_: Maybe[bool] = field(default=UNSET, name="async")
    caller: Maybe[Caller] = UNSET


class CustomToolCallOutput(AnyBackendItem, tag="custom_tool_call_output", kw_only=True):
    """The output of a custom tool that the model called."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: str
    output: str | list[OutputPart]
    caller: Maybe[Caller] = UNSET


# --- Searches ------------------------------------------------------------------------


class FileSearchResult(BackendStruct, kw_only=True):
    """A part of a file that a search found."""

    attributes: Maybe[dict[str, str | float | bool]] = UNSET
    file_id: Maybe[str] = UNSET
    filename: Maybe[str] = UNSET
    score: Maybe[float] = UNSET
    text: Maybe[str] = UNSET


class FileSearchCall(AnyBackendItem, tag="file_search_call", kw_only=True):
    """A search of files."""

    id: str
    status: Status
    queries: list[str]
    results: Maybe[list[FileSearchResult]] = UNSET


class UrlSource(TaggedBackendStruct, tag="url", kw_only=True):
    """A page that a search used."""

    url: str


class WebSearchSearch(TaggedBackendStruct, tag="search", kw_only=True):
    """A search of the web."""

    query: Maybe[str] = UNSET
    queries: Maybe[list[str]] = UNSET
    sources: Maybe[list[UrlSource]] = UNSET


class WebSearchOpenPage(TaggedBackendStruct, tag="open_page", kw_only=True):
    """The opening of a page."""

    url: Maybe[str] = UNSET


class WebSearchFindInPage(TaggedBackendStruct, tag="find_in_page", kw_only=True):
    """A search in a page."""

    url: str
    pattern: str


class WebSearchCall(AnyBackendItem, tag="web_search_call", kw_only=True):
    """A step of a search of the web."""

    id: str
    status: Status
    action: WebSearchAction


class ToolSearchCall(AnyBackendItem, tag="tool_search_call", kw_only=True):
    """A search among tools that are loaded later."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: Maybe[str] = UNSET
    arguments: Any
    execution: Maybe[str] = UNSET


class ToolSearchOutput(AnyBackendItem, tag="tool_search_output", kw_only=True):
    """The tools that a search found."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: Maybe[str] = UNSET
    tools: list[Tool]
    execution: Maybe[str] = UNSET


# --- The computer --------------------------------------------------------------------


class Click(TaggedBackendStruct, tag="click", kw_only=True):
    """A click with a button of the mouse."""

    button: str
    x: int
    y: int
    keys: Maybe[list[str]] = UNSET


class DoubleClick(TaggedBackendStruct, tag="double_click", kw_only=True):
    """A double click."""

    x: int
    y: int
    keys: Maybe[list[str]] = UNSET


class Point(BackendStruct, kw_only=True):
    """A position on the screen."""

    x: int
    y: int


class Drag(TaggedBackendStruct, tag="drag", kw_only=True):
    """A movement with the button pressed."""

    path: list[Point]
    keys: Maybe[list[str]] = UNSET


class Keypress(TaggedBackendStruct, tag="keypress", kw_only=True):
    """Keys that are pressed together."""

    keys: list[str]


class Move(TaggedBackendStruct, tag="move", kw_only=True):
    """A movement of the mouse."""

    x: int
    y: int
    keys: Maybe[list[str]] = UNSET


class Screenshot(TaggedBackendStruct, tag="screenshot", kw_only=True):
    """A screenshot."""


class Scroll(TaggedBackendStruct, tag="scroll", kw_only=True):
    """A movement of the page at a position."""

    x: int
    y: int
    scroll_x: int
    scroll_y: int
    keys: Maybe[list[str]] = UNSET


class TypeText(TaggedBackendStruct, tag="type", kw_only=True):
    """Text that is typed."""

    text: str


class Wait(TaggedBackendStruct, tag="wait", kw_only=True):
    """A pause."""


class SafetyCheck(BackendStruct, kw_only=True):
    """A check that the client must acknowledge."""

    id: str
    code: Maybe[str] = UNSET
    message: Maybe[str] = UNSET


class ComputerCall(AnyBackendItem, tag="computer_call", kw_only=True):
    """Use of the computer by the model: one `action`, or several `actions`."""

    id: str
    status: Status
    call_id: str
    pending_safety_checks: list[SafetyCheck]
    action: Maybe[ComputerAction] = UNSET
    actions: Maybe[list[ComputerAction]] = UNSET


class ComputerScreenshot(TaggedBackendStruct, tag="computer_screenshot", kw_only=True):
    """An image of the screen."""

    file_id: Maybe[str] = UNSET
    image_url: Maybe[str] = UNSET


class ComputerCallOutput(AnyBackendItem, tag="computer_call_output", kw_only=True):
    """The screen after a `ComputerCall`."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: str
    output: ComputerOutput
    acknowledged_safety_checks: Maybe[list[SafetyCheck]] = UNSET


# --- Code, shells and patches --------------------------------------------------------


class CodeLogs(TaggedBackendStruct, tag="logs", kw_only=True):
    """Text that a program wrote."""

    logs: str


class CodeImage(TaggedBackendStruct, tag="image", kw_only=True):
    """An image that a program made."""

    url: str


class CodeInterpreterCall(AnyBackendItem, tag="code_interpreter_call", kw_only=True):
    """A run of Python code that the model wrote."""

    id: str
    status: Status
    container_id: str
    code: Maybe[str] = UNSET
    outputs: Maybe[list[CodeOutput]] = UNSET


class LocalShellExec(TaggedBackendStruct, tag="exec", kw_only=True):
    """A command for the client's shell."""

    command: list[str]
    env: dict[str, str]
    timeout_ms: Maybe[int] = UNSET
    user: Maybe[str] = UNSET
    working_directory: Maybe[str] = UNSET


class LocalShellCall(AnyBackendItem, tag="local_shell_call", kw_only=True):
    """The model's call of a `LocalShellTool`."""

    id: str
    status: Status
    call_id: str
    action: LocalShellAction


class LocalShellCallOutput(AnyBackendItem, tag="local_shell_call_output", kw_only=True):
    """The output of a `LocalShellCall`, as JSON text."""

    id: str
    status: Maybe[Status] = UNSET
    output: str


class ShellAction(BackendStruct, kw_only=True):
    """Commands for a shell."""

    commands: list[str]
    max_output_length: Maybe[int] = UNSET
    timeout_ms: Maybe[int] = UNSET


class ShellCall(AnyBackendItem, tag="shell_call", kw_only=True):
    """The model's call of a `ShellTool`."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: str
    action: ShellAction
    environment: Maybe[Container] = UNSET
    caller: Maybe[Caller] = UNSET


class ShellTimeout(TaggedBackendStruct, tag="timeout", kw_only=True):
    """The end of a command that took too long."""


class ShellExit(TaggedBackendStruct, tag="exit", kw_only=True):
    """The end of a command."""

    exit_code: int


class ShellOutput(BackendStruct, kw_only=True):
    """The output of one command."""

    stdout: str
    stderr: str
    outcome: ShellOutcome


class ShellCallOutput(AnyBackendItem, tag="shell_call_output", kw_only=True):
    """The output of a `ShellCall`."""

    id: Maybe[str] = UNSET
    status: Maybe[Status] = UNSET
    call_id: str
    output: list[ShellOutput]
    max_output_length: Maybe[int] = UNSET
    caller: Maybe[Caller] = UNSET


class CreateFile(TaggedBackendStruct, tag="create_file", kw_only=True):
    """A new file."""

    path: str
    diff: str


class UpdateFile(TaggedBackendStruct, tag="update_file", kw_only=True):
    """A change of a file."""

    path: str
    diff: str


class DeleteFile(TaggedBackendStruct, tag="delete_file", kw_only=True):
    """The removal of a file."""

    path: str


class ApplyPatchCall(AnyBackendItem, tag="apply_patch_call", kw_only=True):
    """A change of a file by the model."""

    id: Maybe[str] = UNSET
    status: Status
    call_id: str
    operation: PatchOperation
    caller: Maybe[Caller] = UNSET


class ApplyPatchCallOutput(AnyBackendItem, tag="apply_patch_call_output", kw_only=True):
    """The result of an `ApplyPatchCall`."""

    id: Maybe[str] = UNSET
    status: Status
    call_id: str
    output: Maybe[str] = UNSET
    caller: Maybe[Caller] = UNSET


class Program(AnyBackendItem, tag="program", kw_only=True):
    """Code of the model that calls tools."""

    id: str
    call_id: str
    code: str
    fingerprint: str


class ProgramOutput(AnyBackendItem, tag="program_output", kw_only=True):
    """The result of a `Program`."""

    id: str
    status: Status
    call_id: str
    result: str


# --- Images --------------------------------------------------------------------------


class ModerationDetails(BackendStruct, kw_only=True):
    """The reasons why an image was refused. `moderation_stage` is "input" for its request, "output" for the image."""

    categories: list[str]
    moderation_stage: str


class ImageGenerationError(BackendStruct, kw_only=True):
    """Details of an image that could not be generated."""

    type: str
    message: str
    code: Maybe[str] = UNSET
    param: Maybe[str] = UNSET
    moderation_details: Maybe[ModerationDetails] = UNSET


class SvgUsage(BackendStruct, kw_only=True):
    """The tokens that an SVG image took."""

    model: str
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    total_tokens: int


class ImageGenerationCall(AnyBackendItem, tag="image_generation_call", kw_only=True):
    """The generation of an image. `result` is the image in base64."""

    id: str
    status: Status
    result: Maybe[str] = UNSET
    action: Maybe[str] = UNSET
    background: Maybe[str] = UNSET
    error: Maybe[ImageGenerationError] = UNSET
    output_format: Maybe[str] = UNSET
    quality: Maybe[str] = UNSET
    revised_prompt: Maybe[str] = UNSET
    size: Maybe[str] = UNSET
    svg_usage: Maybe[SvgUsage] = UNSET


# --- MCP -----------------------------------------------------------------------------


class McpListTools(AnyBackendItem, tag="mcp_list_tools", kw_only=True):
    """The list of tools that an MCP server offers."""

    id: str
    server_label: str
    tools: list[McpToolDescription]
    error: Maybe[str] = UNSET


class McpApprovalRequest(AnyBackendItem, tag="mcp_approval_request", kw_only=True):
    """A request for approval of a call of an MCP tool."""

    id: str
    server_label: str
    name: str
    arguments: str


class McpApprovalResponse(AnyBackendItem, tag="mcp_approval_response", kw_only=True):
    """The client's answer to a request for approval."""

    id: Maybe[str] = UNSET
    approval_request_id: str
    approve: bool
    reason: Maybe[str] = UNSET


class AnyBackendMcpError(TaggedBackendStruct):
    """The family of errors of an MCP call."""

    unknown = UnknownMcpError


class McpProtocolError(AnyBackendMcpError, tag="mcp_protocol_error", kw_only=True):
    """A violation of the MCP protocol by the server."""

    code: int
    message: str


class McpToolExecutionError(AnyBackendMcpError, tag="mcp_tool_execution_error", kw_only=True):
    """A failure of the tool itself. `content` is its JSON."""

    content: Any


class McpHttpError(AnyBackendMcpError, tag="http_error", kw_only=True):
    """An HTTP error from the MCP server."""

    code: int
    message: str


class McpCall(AnyBackendItem, tag="mcp_call", kw_only=True):
    """A call of an MCP tool, with its output or its error."""

    id: str
    status: Maybe[Status] = UNSET
    server_label: str
    name: str
    arguments: str
    approval_request_id: Maybe[str] = UNSET
    output: Maybe[str] = UNSET
    error: Maybe[McpError] = UNSET


# --- The state of the conversation ---------------------------------------------------


class ReasoningItem(AnyBackendItem, tag="reasoning", kw_only=True):
    """Reasoning of the model. `encrypted_content` is for the server."""

    id: str
    status: Maybe[Status] = UNSET
    summary: list[SummaryPart]
    content: Maybe[list[ReasoningPart]] = UNSET
    encrypted_content: Maybe[str] = UNSET


class Compaction(AnyBackendItem, tag="compaction", kw_only=True):
    """A shortened conversation. `encrypted_content` is for the server."""

    id: Maybe[str] = UNSET
    encrypted_content: str


class CompactionTrigger(AnyBackendItem, tag="compaction_trigger", kw_only=True):
    """A request to shorten the conversation."""

    id: Maybe[str] = UNSET


class ItemReference(AnyBackendItem, tag="item_reference", kw_only=True):
    """A reference to an item of the conversation."""

    id: str


class AdditionalTools(AnyBackendItem, tag="additional_tools", kw_only=True):
    """Tools from here on. `role` is "developer"."""

    id: Maybe[str] = UNSET
    role: Role
    tools: list[Tool]


class ConfigurationUpdate(AnyBackendItem, tag="configuration_update", kw_only=True):
    """Settings from here on."""

    id: Maybe[str] = UNSET
    reasoning: Maybe[ReasoningConfig] = UNSET
    text: Maybe[TextConfig] = UNSET


# --- The unions ----------------------------------------------------------------------

KnownInputPart = InputText | InputImage | InputJson
KnownOutputPart = InputText | InputImage | InputFile
KnownMessagePart = InputText | InputImage | InputFile | InputJson | OutputText | Text | Refusal
KnownAnnotation = FileCitation | UrlCitation | ContainerFileCitation | FilePath
KnownCaller = DirectCaller | ProgramCaller
KnownWebSearchAction = WebSearchSearch | WebSearchOpenPage | WebSearchFindInPage
KnownComputerAction = Click | DoubleClick | Drag | Keypress | Move | Screenshot | Scroll | TypeText | Wait
KnownCodeOutput = CodeLogs | CodeImage
KnownShellOutcome = ShellTimeout | ShellExit
KnownPatchOperation = CreateFile | UpdateFile | DeleteFile
KnownMcpError = McpProtocolError | McpToolExecutionError | McpHttpError
KnownDecisionItem = Message | FunctionCall | FunctionCallOutput | CustomToolCall | CustomToolCallOutput
KnownItem = (
    KnownDecisionItem
    | FileSearchCall
    | WebSearchCall
    | ToolSearchCall
    | ToolSearchOutput
    | ComputerCall
    | ComputerCallOutput
    | CodeInterpreterCall
    | LocalShellCall
    | LocalShellCallOutput
    | ShellCall
    | ShellCallOutput
    | ApplyPatchCall
    | ApplyPatchCallOutput
    | Program
    | ProgramOutput
    | ImageGenerationCall
    | McpListTools
    | McpApprovalRequest
    | McpApprovalResponse
    | McpCall
    | ReasoningItem
    | Compaction
    | CompactionTrigger
    | ItemReference
    | AdditionalTools
    | ConfigurationUpdate
)
if TYPE_CHECKING:
    InputPart = KnownInputPart | UnknownPart
    OutputPart = KnownOutputPart | UnknownPart
    MessagePart = KnownMessagePart | UnknownPart
    SummaryPart = SummaryText | UnknownPart
    ReasoningPart = ReasoningText | UnknownPart
    Annotation = KnownAnnotation | UnknownBackendObject
    Caller = KnownCaller | UnknownBackendObject
    WebSearchAction = KnownWebSearchAction | UnknownBackendObject
    ComputerAction = KnownComputerAction | UnknownBackendObject
    ComputerOutput = ComputerScreenshot | UnknownBackendObject
    CodeOutput = KnownCodeOutput | UnknownBackendObject
    LocalShellAction = LocalShellExec | UnknownBackendObject
    ShellOutcome = KnownShellOutcome | UnknownBackendObject
    PatchOperation = KnownPatchOperation | UnknownBackendObject
    McpError = KnownMcpError | UnknownMcpError
    InputMessage = Message | UnknownItem
    DecisionItem = KnownDecisionItem | UnknownItem
    Item = KnownItem | UnknownItem
else:
    InputPart = KnownInputPart
    OutputPart = KnownOutputPart
    MessagePart = KnownMessagePart
    SummaryPart = SummaryText
    ReasoningPart = ReasoningText
    Annotation = KnownAnnotation
    Caller = KnownCaller
    WebSearchAction = KnownWebSearchAction
    ComputerAction = KnownComputerAction
    ComputerOutput = ComputerScreenshot
    CodeOutput = KnownCodeOutput
    LocalShellAction = LocalShellExec
    ShellOutcome = KnownShellOutcome
    PatchOperation = KnownPatchOperation
    McpError = KnownMcpError
    InputMessage = Message
    DecisionItem = KnownDecisionItem
    Item = KnownItem
