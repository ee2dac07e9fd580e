"""Tools, the choice among them, and prompts: what sessions and responses both carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from .base import Maybe, Tagged, Unknown, Wire

if TYPE_CHECKING:
    ToolChoiceMode = Literal["auto", "none", "required"] | str
    ApprovalMode = Literal["always", "never"] | str
    PromptDetail = Literal["auto", "low", "high", "original"] | str
    CacheTtl = Literal["30m", "12h"] | str
    ConnectorId = (
        Literal[
            "connector_dropbox", "connector_gmail", "connector_googlecalendar", "connector_googledrive",
            "connector_microsoftteams", "connector_outlookcalendar", "connector_outlookemail",
            "connector_sharepoint",
        ]
        | str
    )  # fmt: skip
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
    """``{"function": {"name": ...}}``, the spelling of Chat Completions, as today's flat one."""
    inner = msgspec.json.decode(parts.get("function", b"null"), type=dict[str, Raw] | None)
    return {**{key: part for key, part in parts.items() if key != "function"}, **(inner or {})}


# --- Tools ---------------------------------------------------------------------------


class AnyTool(Tagged):
    """The family of tools."""

    unknown = UnknownTool


class FunctionTool(AnyTool, tag="function", kw_only=True):
    """A function of ours that the model may call; `parameters` is a JSON schema.

    The nested spelling ``{"type": "function", "function": {...}}`` of Chat Completions
    decodes too, and is flattened: `function` itself is never set.
    """

    name: Maybe[str] = UNSET
    description: Maybe[str] = UNSET
    parameters: Any = UNSET
    function: UnsetType = UNSET

    @classmethod
    def mend(cls, parts: dict[str, Raw]) -> dict[str, Raw]:
        """Flattens the nested spelling."""
        return _flatten(parts)


class McpToolFilter(Wire, kw_only=True):
    """Which tools of an MCP server."""

    tool_names: Maybe[list[str]] = UNSET
    read_only: Maybe[bool] = UNSET


class McpApprovalFilter(Wire, kw_only=True):
    """Which tools of an MCP server need approval always, and which never."""

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
    """The family of tool choices that are objects; the nested spelling decodes too."""

    unknown = UnknownToolChoice

    @classmethod
    def implied_tag(cls, parts: dict[str, Raw]) -> str:
        """``{"function": {...}}`` can only be a function."""
        return "function" if "function" in parts else ""


class ToolChoiceFunction(AnyToolChoice, tag="function", kw_only=True):
    """The model must call this function."""

    name: str

    @classmethod
    def mend(cls, parts: dict[str, Raw]) -> dict[str, Raw]:
        """Flattens the nested spelling."""
        return _flatten(parts)


class ToolChoiceMcp(AnyToolChoice, tag="mcp", kw_only=True):
    """The model must call a tool of this MCP server, or this one of its tools."""

    server_label: str
    name: Maybe[str] = UNSET


KnownToolChoice = ToolChoiceFunction | ToolChoiceMcp
if TYPE_CHECKING:
    ToolChoice = ToolChoiceMode | KnownToolChoice | UnknownToolChoice
else:
    ToolChoice = ToolChoiceMode | KnownToolChoice


# --- Prompts -------------------------------------------------------------------------


class PromptCacheBreakpoint(Wire, kw_only=True):
    """Up to here the prompt may be cached."""

    mode: str
    ttl: Maybe[CacheTtl] = UNSET


class AnyPromptVariable(Tagged):
    """The family of prompt variables that are objects."""

    unknown = UnknownPromptVariable


class PromptText(AnyPromptVariable, tag="input_text", kw_only=True):
    """Text for a prompt's variable."""

    text: str
    prompt_cache_breakpoint: Maybe[PromptCacheBreakpoint] = UNSET


class PromptImage(AnyPromptVariable, tag="input_image", kw_only=True):
    """A picture for a prompt's variable."""

    detail: PromptDetail
    file_id: Maybe[str] = UNSET
    image_url: Maybe[str] = UNSET
    prompt_cache_breakpoint: Maybe[PromptCacheBreakpoint] = UNSET


class PromptFile(AnyPromptVariable, tag="input_file", kw_only=True):
    """A file for a prompt's variable."""

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
    """A stored prompt and what to put in its variables."""

    id: str
    version: Maybe[str] = UNSET
    variables: Maybe[dict[str, PromptVariable]] = UNSET
