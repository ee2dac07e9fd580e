"""Tools, the choice among them, and stored prompts: settings that sessions and responses share.

Audio settings are in `session`, items in `items`. Objects of Chat Completions that nest a function
under ``function`` decode too, and are flattened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ..spec import KnownConnector
from .base import Maybe, Tagged, Unknown, Wire

if TYPE_CHECKING:
    ToolChoiceMode = Literal["auto", "none", "required"] | str
    ApprovalMode = Literal["always", "never"] | str
    PromptDetail = Literal["auto", "low", "high", "original"] | str
    CacheTtl = Literal["30m", "12h"] | str
    ConnectorId = KnownConnector | str
else:
    ToolChoiceMode = ApprovalMode = PromptDetail = CacheTtl = ConnectorId = str


class UnknownTool(Unknown):
    """A tool of a type that this version does not know."""

    __slots__ = ()


class UnknownToolChoice(Unknown):
    """A tool choice of a type that this version does not know."""

    __slots__ = ()


class UnknownPromptVariable(Unknown):
    """A prompt variable of a type that this version does not know."""

    __slots__ = ()


def _flatten(parts: dict[str, Raw]) -> dict[str, Raw]:
    """Return ``{"function": {"name": ...}}``, the spelling of Chat Completions, in today's flat one."""
    inner = msgspec.json.decode(parts.get("function", b"null"), type=dict[str, Raw] | None)
    return {**{key: part for key, part in parts.items() if key != "function"}, **(inner or {})}


# --- Tools ---------------------------------------------------------------------------


class AnyTool(Tagged):
    """The family of tools."""

    unknown = UnknownTool


class FunctionTool(AnyTool, tag="function", kw_only=True):
    """A user-defined function that the model may call. `parameters` is a JSON schema.

    The nested spelling ``{"type": "function", "function": {...}}`` of Chat Completions is
    flattened when it is decoded, so `function` is never set.
    """

    name: Maybe[str] = UNSET
    description: Maybe[str] = UNSET
    parameters: Any = UNSET
    function: UnsetType = UNSET

    @classmethod
    def normalize_legacy(cls, parts: dict[str, Raw]) -> dict[str, Raw]:
        """Flatten the nested spelling."""
        return _flatten(parts)


class McpToolFilter(Wire, kw_only=True):
    """A selection of an MCP server's tools: by name, or those that only read."""

    tool_names: Maybe[list[str]] = UNSET
    read_only: Maybe[bool] = UNSET


class McpApprovalFilter(Wire, kw_only=True):
    """The tools of an MCP server that always need approval, and those that never do."""

    always: Maybe[McpToolFilter] = UNSET
    never: Maybe[McpToolFilter] = UNSET


class McpTool(AnyTool, tag="mcp", kw_only=True):
    """A remote MCP server or connector whose tools the model may call."""

    server_label: str
    server_url: Maybe[str] = UNSET
    connector_id: Maybe[ConnectorId] = UNSET
    server_description: Maybe[str] = UNSET
    authorization: Maybe[str] = UNSET
    headers: Maybe[dict[str, str]] = UNSET
    allowed_tools: Maybe[list[str] | McpToolFilter] = UNSET
    allowed_callers: Maybe[list[str]] = UNSET
    require_approval: Maybe[ApprovalMode | McpApprovalFilter] = UNSET
    defer_loading: Maybe[bool] = UNSET
    tunnel_id: Maybe[str] = UNSET


KnownTool = FunctionTool | McpTool
if TYPE_CHECKING:
    Tool = KnownTool | UnknownTool
else:
    Tool = KnownTool


# --- Tool choice ---------------------------------------------------------------------


class AnyToolChoice(Tagged):
    """The family of tool choices that are objects. The nested spelling decodes too."""

    unknown = UnknownToolChoice

    @classmethod
    def default_tag(cls, parts: dict[str, Raw]) -> str:
        """Return "function" for ``{"function": {...}}``."""
        return "function" if "function" in parts else ""


class ToolChoiceFunction(AnyToolChoice, tag="function", kw_only=True):
    """A function that the model must call."""

    name: str

    @classmethod
    def normalize_legacy(cls, parts: dict[str, Raw]) -> dict[str, Raw]:
        """Flatten the nested spelling."""
        return _flatten(parts)


class ToolChoiceMcp(AnyToolChoice, tag="mcp", kw_only=True):
    """An MCP server one of whose tools the model must call: `name`, or any of them."""

    server_label: str
    name: Maybe[str] = UNSET


KnownToolChoice = ToolChoiceFunction | ToolChoiceMcp
if TYPE_CHECKING:
    ToolChoice = ToolChoiceMode | KnownToolChoice | UnknownToolChoice
else:
    ToolChoice = ToolChoiceMode | KnownToolChoice


# --- Prompts -------------------------------------------------------------------------


class PromptCacheBreakpoint(Wire, kw_only=True):
    """A position up to which the prompt may be cached."""

    mode: str
    ttl: Maybe[CacheTtl] = UNSET


class AnyPromptVariable(Tagged):
    """The family of prompt variables that are objects."""

    unknown = UnknownPromptVariable


class PromptText(AnyPromptVariable, tag="input_text", kw_only=True):
    """A text as the value of a prompt variable."""

    text: str
    prompt_cache_breakpoint: Maybe[PromptCacheBreakpoint] = UNSET


class PromptImage(AnyPromptVariable, tag="input_image", kw_only=True):
    """An image as the value of a prompt variable."""

    detail: PromptDetail
    file_id: Maybe[str] = UNSET
    image_url: Maybe[str] = UNSET
    prompt_cache_breakpoint: Maybe[PromptCacheBreakpoint] = UNSET


class PromptFile(AnyPromptVariable, tag="input_file", kw_only=True):
    """A file as the value of a prompt variable."""

    detail: Maybe[PromptDetail] = UNSET
    file_data: Maybe[str] = UNSET
    file_id: Maybe[str] = UNSET
    file_url: Maybe[str] = UNSET
    filename: Maybe[str] = UNSET
    prompt_cache_breakpoint: Maybe[PromptCacheBreakpoint] = UNSET


KnownPromptVariable = PromptText | PromptImage | PromptFile
if TYPE_CHECKING:
    PromptVariable = str | KnownPromptVariable | UnknownPromptVariable
else:
    PromptVariable = str | KnownPromptVariable


class Prompt(Wire, kw_only=True):
    """A prompt stored at the server, and the values of its variables."""

    id: str
    version: Maybe[str] = UNSET
    variables: Maybe[dict[str, PromptVariable]] = UNSET
