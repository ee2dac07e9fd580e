"""The settings of a Live session's backend: a model of the Responses API, its tools, and the choice among them.

The shapes are those of the Responses API, which names more members of some tools than Live's reference does. Its items
are in `live_items`, the settings of the Decisions API in `live_decisions`, the delegations that carry all of them in `live`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Type  # noqa: UP035 (where `type` is a property)

from msgspec import UNSET, field

from ..spec import KnownLiveServiceTier
from . import tools as ga
from .base import Maybe, Tagged, Unknown, VariantStruct, Wire
from .tools import ApprovalMode, ConnectorId, ToolChoiceMode, UnknownTool, UnknownToolChoice

__all__ = [
    "AnyBackendTool", "AnyBackendToolChoice", "AnySearchFilter", "ApplyPatchTool",
    "AutoContainer", "BackendEffort", "BackendStruct", "CodeContainer", "CodeInterpreterTool",
    "ComparisonFilter", "ComparisonType", "ComputerTool", "ComputerUsePreviewTool", "Container",
    "ContainerAuto", "ContainerReference", "CustomTool", "DomainSecret", "FileSearchTool",
    "FilterType", "FunctionTool", "GrammarFormat", "HybridSearch", "ImageGenerationTool",
    "ImageMask", "InlineSkill", "JsonSchemaFormat", "KnownContainer", "KnownNamedToolChoice",
    "KnownNamespacedTool", "KnownNetworkPolicy", "KnownSkill", "KnownTextFormat", "KnownTool",
    "KnownToolChoice", "KnownToolFormat", "LocalContainer", "LocalShellTool", "LocalSkill",
    "McpApprovalFilter", "McpTool", "McpToolFilter", "NamedToolChoice", "NamespaceTool",
    "NamespacedTool", "NestedFilter", "NetworkAllowlist", "NetworkDisabled", "NetworkPolicy",
    "PlainTextFormat", "ProgrammaticToolCallingTool", "RankingOptions", "ReasoningConfig",
    "ResponsesConfig", "SearchFilter", "ServiceTier", "ShellTool", "Skill", "SkillReference",
    "SkillSource", "SvgConfig", "TaggedBackendStruct", "TextConfig", "TextFormat", "Tool",
    "ToolChoice", "ToolChoiceAllowedTools", "ToolChoiceApplyPatch", "ToolChoiceCodeInterpreter",
    "ToolChoiceComputer", "ToolChoiceCustom", "ToolChoiceFileSearch", "ToolChoiceFunction",
    "ToolChoiceImageGeneration", "ToolChoiceMcp", "ToolChoiceProgrammaticToolCalling",
    "ToolChoiceShell", "ToolChoiceWebSearch", "ToolChoiceWebSearchPreview", "ToolFormat",
    "ToolSearchTool", "UnknownBackendObject", "UnknownTool", "UnknownToolChoice", "UserLocation",
    "WebSearch20250826Tool", "WebSearchFilters", "WebSearchPreview20250311Tool",
    "WebSearchPreviewTool", "WebSearchTool",
]  # fmt: skip

if TYPE_CHECKING:
    BackendEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | str
    ServiceTier = KnownLiveServiceTier | str
    ComparisonType = str
    FilterType = str
else:
    BackendEffort = ServiceTier = str
    ComparisonType = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    FilterType = ComparisonType | Literal["and", "or"]


class UnknownBackendObject(Unknown):
    """A part of a backend's settings or items, of a type that this version does not know."""

    __slots__ = ()


class BackendStruct(Wire):
    """An object of a backend's API."""

    retains_malformed = True


class TaggedBackendStruct(BackendStruct, Tagged):
    """A member of a union of a backend's API. What does not fit its Struct is retained as `unknown`."""

    unknown: ClassVar[Type[Unknown]] = UnknownBackendObject  # noqa: UP006 (`type` is a property here)


# --- Where code runs -----------------------------------------------------------------


class NetworkDisabled(TaggedBackendStruct, tag="disabled", kw_only=True):
    """No access to the network."""


class DomainSecret(BackendStruct, kw_only=True):
    """A secret that is inserted into requests to a domain."""

    domain: str
    name: str
    value: str


class NetworkAllowlist(TaggedBackendStruct, tag="allowlist", kw_only=True):
    """Access to some domains."""

    allowed_domains: list[str]
    domain_secrets: Maybe[list[DomainSecret]] = UNSET


class SkillSource(TaggedBackendStruct, tag="base64", kw_only=True):
    """The files of a skill: a ZIP archive in base64."""

    data: str
    media_type: str


class SkillReference(TaggedBackendStruct, tag="skill_reference", kw_only=True):
    """A skill stored at the server."""

    skill_id: str
    version: Maybe[str] = UNSET


class InlineSkill(TaggedBackendStruct, tag="inline", kw_only=True):
    """A skill that is sent with the settings."""

    name: str
    description: str
    source: SkillSource


class LocalSkill(BackendStruct, kw_only=True):
    """A skill of the client, in the folder `path`."""

    name: str
    description: str
    path: str


class ContainerAuto(TaggedBackendStruct, tag="container_auto", kw_only=True):
    """A container that the server creates."""

    file_ids: Maybe[list[str]] = UNSET
    memory_limit: Maybe[str] = UNSET
    network_policy: Maybe[NetworkPolicy] = UNSET
    skills: Maybe[list[Skill]] = UNSET


class ContainerReference(TaggedBackendStruct, tag="container_reference", kw_only=True):
    """A container that exists."""

    container_id: str


class LocalContainer(TaggedBackendStruct, tag="local", kw_only=True):
    """The client's machine."""

    skills: Maybe[list[LocalSkill]] = UNSET


class AutoContainer(TaggedBackendStruct, tag="auto", kw_only=True):
    """A container for the code interpreter that the server creates."""

    file_ids: Maybe[list[str]] = UNSET
    memory_limit: Maybe[str] = UNSET
    network_policy: Maybe[NetworkPolicy] = UNSET


# --- Tools ---------------------------------------------------------------------------


class AnyBackendTool(TaggedBackendStruct):
    """The family of tools."""

    unknown = UnknownTool


class FunctionTool(AnyBackendTool, tag="function", kw_only=True):
    """A user-defined function that the model may call. `parameters` and `output_schema` are JSON schemas."""

    name: str
    description: Maybe[str] = UNSET
    parameters: Any = UNSET
    strict: Maybe[bool] = UNSET
    output_schema: Any = UNSET
    allowed_callers: Maybe[list[str]] = UNSET
    async_: Maybe[bool] = field(default=UNSET, name="async")
    defer_loading: Maybe[bool] = UNSET


class PlainTextFormat(TaggedBackendStruct, tag="text", kw_only=True):
    """Text without constraints."""


class GrammarFormat(TaggedBackendStruct, tag="grammar", kw_only=True):
    """Text that follows a grammar, in the `syntax` "lark" or "regex"."""

    definition: str
    syntax: str


class CustomTool(AnyBackendTool, tag="custom", kw_only=True):
    """A user-defined tool whose input is text."""

    name: Maybe[str] = UNSET
    description: Maybe[str] = UNSET
    format: Maybe[ToolFormat] = UNSET
    allowed_callers: Maybe[list[str]] = UNSET
    async_: Maybe[bool] = field(default=UNSET, name="async")
    defer_loading: Maybe[bool] = UNSET


class NamespaceTool(AnyBackendTool, tag="namespace", kw_only=True):
    """A group of functions and custom tools."""

    name: Maybe[str] = UNSET
    description: Maybe[str] = UNSET
    tools: Maybe[list[NamespacedTool]] = UNSET


class McpToolFilter(BackendStruct, kw_only=True):
    """A selection of an MCP server's tools: by name, or those that only read."""

    tool_names: Maybe[list[str]] = UNSET
    read_only: Maybe[bool] = UNSET


class McpApprovalFilter(BackendStruct, kw_only=True):
    """The tools of an MCP server that always need approval, and those that never do."""

    always: Maybe[McpToolFilter] = UNSET
    never: Maybe[McpToolFilter] = UNSET


class McpTool(AnyBackendTool, tag="mcp", kw_only=True):
    """A remote MCP server or connector whose tools the model may call."""

    server_label: Maybe[str] = UNSET
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


class UserLocation(BackendStruct, kw_only=True):
    """The approximate location of the user. `type` is "approximate"."""

    type: Maybe[str] = UNSET
    city: Maybe[str] = UNSET
    country: Maybe[str] = UNSET
    region: Maybe[str] = UNSET
    timezone: Maybe[str] = UNSET


class WebSearchFilters(BackendStruct, kw_only=True):
    """A restriction of a web search."""

    allowed_domains: Maybe[list[str]] = UNSET


class WebSearchTool(AnyBackendTool, tag="web_search", kw_only=True):
    """Search of the web."""

    external_web_access: Maybe[bool] = UNSET
    filters: Maybe[WebSearchFilters] = UNSET
    search_context_size: Maybe[str] = UNSET
    user_location: Maybe[UserLocation] = UNSET


class WebSearch20250826Tool(WebSearchTool, tag="web_search_2025_08_26", kw_only=True):
    """Search of the web, in the version of 2025-08-26."""


class WebSearchPreviewTool(AnyBackendTool, tag="web_search_preview", kw_only=True):
    """Search of the web, as it was before `WebSearchTool`."""

    search_content_types: Maybe[list[str]] = UNSET
    search_context_size: Maybe[str] = UNSET
    user_location: Maybe[UserLocation] = UNSET


class WebSearchPreview20250311Tool(WebSearchPreviewTool, tag="web_search_preview_2025_03_11", kw_only=True):
    """Search of the web, in the version of 2025-03-11."""


class ComparisonFilter(VariantStruct, BackendStruct, kw_only=True):
    """A condition on files: the attribute `key` compared with `value`."""

    unknown = UnknownBackendObject
    types = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"})

    type: ComparisonType
    key: Maybe[str] = UNSET
    value: Maybe[str | float | bool | list[str | float]] = UNSET


class SearchFilter(ComparisonFilter, kw_only=True):
    """A condition on files: a comparison, or an "and" or "or" of `filters`.

    Those of a decoded filter are comparisons, as in the official SDK: an "and" in an "or" is an `UnknownBackendObject`.
    """

    types = ComparisonFilter.types | {"and", "or"}

    type: FilterType
    filters: Maybe[list[NestedFilter]] = UNSET


class HybridSearch(BackendStruct, kw_only=True):
    """The weights of a search by meaning and by text."""

    embedding_weight: float
    text_weight: float


class RankingOptions(BackendStruct, kw_only=True):
    """The ranking of search results."""

    ranker: Maybe[str] = UNSET
    score_threshold: Maybe[float] = UNSET
    hybrid_search: Maybe[HybridSearch] = UNSET


class FileSearchTool(AnyBackendTool, tag="file_search", kw_only=True):
    """Search of the files in vector stores."""

    vector_store_ids: Maybe[list[str]] = UNSET
    max_num_results: Maybe[int] = UNSET
    filters: Maybe[AnySearchFilter] = UNSET
    ranking_options: Maybe[RankingOptions] = UNSET


class CodeInterpreterTool(AnyBackendTool, tag="code_interpreter", kw_only=True):
    """Python code that the model writes and the server runs. `container` is an id or an `AutoContainer`."""

    container: Maybe[CodeContainer] = UNSET
    allowed_callers: Maybe[list[str]] = UNSET


class ShellTool(AnyBackendTool, tag="shell", kw_only=True):
    """A shell, in a container or at the client."""

    environment: Maybe[Container] = UNSET
    allowed_callers: Maybe[list[str]] = UNSET


class LocalShellTool(AnyBackendTool, tag="local_shell", kw_only=True):
    """A shell at the client, as it was before `ShellTool`."""


class ImageMask(BackendStruct, kw_only=True):
    """The part of an image to change."""

    file_id: Maybe[str] = UNSET
    image_url: Maybe[str] = UNSET


class SvgConfig(BackendStruct, kw_only=True):
    """The model that writes SVG images."""

    model: Maybe[str] = UNSET
    reasoning: Maybe[ReasoningConfig] = UNSET


class ImageGenerationTool(AnyBackendTool, tag="image_generation", kw_only=True):
    """Generation of images."""

    action: Maybe[str] = UNSET
    background: Maybe[str] = UNSET
    complexity: Maybe[str] = UNSET
    frame_count: Maybe[int] = UNSET
    frame_duration_ms: Maybe[int] = UNSET
    input_fidelity: Maybe[str] = UNSET
    input_image_mask: Maybe[ImageMask] = UNSET
    model: Maybe[str] = UNSET
    moderation: Maybe[str] = UNSET
    output_compression: Maybe[int] = UNSET
    output_format: Maybe[str] = UNSET
    partial_images: Maybe[int] = UNSET
    quality: Maybe[str] = UNSET
    size: Maybe[str] = UNSET
    svg: Maybe[SvgConfig] = UNSET


class ToolSearchTool(AnyBackendTool, tag="tool_search", kw_only=True):
    """Search among tools that are loaded later. `parameters` is the JSON schema of a search at the client."""

    description: Maybe[str] = UNSET
    execution: Maybe[str] = UNSET
    parameters: Any = UNSET


class ProgrammaticToolCallingTool(AnyBackendTool, tag="programmatic_tool_calling", kw_only=True):
    """Permission to call tools from code that the model writes."""


class ComputerTool(AnyBackendTool, tag="computer", kw_only=True):
    """Control of a computer."""


class ComputerUsePreviewTool(AnyBackendTool, tag="computer_use_preview", kw_only=True):
    """Control of a computer, as it was before `ComputerTool`."""

    display_height: int
    display_width: int
    environment: str


class ApplyPatchTool(AnyBackendTool, tag="apply_patch", kw_only=True):
    """Changes of files by patches."""

    allowed_callers: Maybe[list[str]] = UNSET


# --- Tool choice ---------------------------------------------------------------------


class AnyBackendToolChoice(TaggedBackendStruct):
    """The family of tool choices that are objects."""

    unknown = UnknownToolChoice


class ToolChoiceFunction(AnyBackendToolChoice, tag="function", kw_only=True):
    """A function that the model must call."""

    name: str


class ToolChoiceMcp(AnyBackendToolChoice, tag="mcp", kw_only=True):
    """A tool of an MCP server that the model must call."""

    server_label: str
    name: str


class ToolChoiceCustom(AnyBackendToolChoice, tag="custom", kw_only=True):
    """A custom tool that the model must call."""

    name: str


class ToolChoiceFileSearch(AnyBackendToolChoice, tag="file_search", kw_only=True):
    """A search of files that the model must make."""


class ToolChoiceWebSearch(AnyBackendToolChoice, tag="web_search", kw_only=True):
    """A search of the web that the model must make."""


class ToolChoiceWebSearchPreview(AnyBackendToolChoice, tag="web_search_preview", kw_only=True):
    """A search of the web, of the older kind, that the model must make."""


class ToolChoiceImageGeneration(AnyBackendToolChoice, tag="image_generation", kw_only=True):
    """An image that the model must generate."""


class ToolChoiceComputer(AnyBackendToolChoice, tag="computer", kw_only=True):
    """The computer, which the model must use."""


class ToolChoiceCodeInterpreter(AnyBackendToolChoice, tag="code_interpreter", kw_only=True):
    """The code interpreter, which the model must use."""


class ToolChoiceProgrammaticToolCalling(AnyBackendToolChoice, tag="programmatic_tool_calling", kw_only=True):
    """Code that calls tools, which the model must write."""


class ToolChoiceShell(AnyBackendToolChoice, tag="shell", kw_only=True):
    """The shell, which the model must use."""


class ToolChoiceApplyPatch(AnyBackendToolChoice, tag="apply_patch", kw_only=True):
    """A patch that the model must make."""


class ToolChoiceAllowedTools(AnyBackendToolChoice, tag="allowed_tools", kw_only=True):
    """The tools among which the model chooses. With the `mode` "required" it must call one."""

    tools: list[NamedToolChoice]
    mode: Maybe[ToolChoiceMode] = UNSET


# --- The backend ---------------------------------------------------------------------


class ReasoningConfig(BackendStruct, kw_only=True):
    """Settings of models that reason."""

    effort: Maybe[BackendEffort] = UNSET
    summary: Maybe[str] = UNSET


class JsonSchemaFormat(TaggedBackendStruct, tag="json_schema", kw_only=True):
    """JSON that follows a schema."""

    name: str
    schema: Any
    description: Maybe[str] = UNSET
    strict: Maybe[bool] = UNSET


class TextConfig(BackendStruct, kw_only=True):
    """Settings of the model's text. `format` can be set by a `ConfigurationUpdate` only."""

    verbosity: Maybe[str] = UNSET
    format: Maybe[TextFormat] = UNSET


class ResponsesConfig(BackendStruct, kw_only=True):
    """Settings of a model of the Responses API. `model` is required at the start of a session."""

    model: Maybe[str] = UNSET
    instructions: Maybe[str] = UNSET
    max_output_tokens: Maybe[int] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    reasoning: Maybe[ReasoningConfig] = UNSET
    service_tier: Maybe[ServiceTier] = UNSET
    text: Maybe[TextConfig] = UNSET
    tool_choice: Maybe[ToolChoice] = UNSET
    tools: Maybe[list[Tool]] = UNSET


# --- The unions ----------------------------------------------------------------------

KnownNetworkPolicy = NetworkDisabled | NetworkAllowlist
KnownSkill = SkillReference | InlineSkill
KnownContainer = ContainerAuto | ContainerReference | LocalContainer
KnownToolFormat = PlainTextFormat | GrammarFormat
KnownTextFormat = PlainTextFormat | JsonSchemaFormat
KnownNamespacedTool = FunctionTool | CustomTool
KnownTool = (
    FunctionTool
    | CustomTool
    | NamespaceTool
    | McpTool
    | WebSearchTool
    | WebSearch20250826Tool
    | WebSearchPreviewTool
    | WebSearchPreview20250311Tool
    | FileSearchTool
    | CodeInterpreterTool
    | ShellTool
    | LocalShellTool
    | ImageGenerationTool
    | ToolSearchTool
    | ProgrammaticToolCallingTool
    | ComputerTool
    | ComputerUsePreviewTool
    | ApplyPatchTool
)
KnownNamedToolChoice = (
    ToolChoiceFunction
    | ToolChoiceMcp
    | ToolChoiceCustom
    | ToolChoiceFileSearch
    | ToolChoiceWebSearch
    | ToolChoiceWebSearchPreview
    | ToolChoiceImageGeneration
    | ToolChoiceComputer
    | ToolChoiceCodeInterpreter
    | ToolChoiceProgrammaticToolCalling
    | ToolChoiceShell
    | ToolChoiceApplyPatch
)
KnownToolChoice = KnownNamedToolChoice | ToolChoiceAllowedTools
if TYPE_CHECKING:
    NetworkPolicy = KnownNetworkPolicy | UnknownBackendObject
    Skill = KnownSkill | UnknownBackendObject
    Container = KnownContainer | UnknownBackendObject
    CodeContainer = str | AutoContainer | UnknownBackendObject
    ToolFormat = KnownToolFormat | UnknownBackendObject
    TextFormat = KnownTextFormat | UnknownBackendObject
    NestedFilter = ComparisonFilter | UnknownBackendObject
    AnySearchFilter = SearchFilter | UnknownBackendObject
    NamespacedTool = KnownNamespacedTool | UnknownTool
    # Those of GA, which a Toolbox has, encode the same.
    Tool = KnownTool | UnknownTool | ga.FunctionTool | ga.McpTool
    NamedToolChoice = KnownNamedToolChoice | UnknownToolChoice
    ToolChoice = ToolChoiceMode | KnownToolChoice | UnknownToolChoice
else:
    NetworkPolicy = KnownNetworkPolicy
    Skill = KnownSkill
    Container = KnownContainer
    CodeContainer = str | AutoContainer
    ToolFormat = KnownToolFormat
    TextFormat = KnownTextFormat
    NestedFilter = ComparisonFilter
    AnySearchFilter = SearchFilter
    NamespacedTool = KnownNamespacedTool
    Tool = KnownTool
    NamedToolChoice = KnownNamedToolChoice
    ToolChoice = ToolChoiceMode | KnownToolChoice
