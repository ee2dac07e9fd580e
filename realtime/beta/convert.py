"""Conversion of events between GA and the beta dialect, in both directions, from one set of tables.

The tables pair the events (`EVENT_PAIRS`), Structs and members of the two dialects; both directions
are derived from them. A member that is not paired converts to the member of the same name; if there
is none, it cannot be converted. In an event of a client that is an error (`StrictPolicy`), in an event
of a server the member is left out (`LossyPolicy`). The event classes are in `events.beta`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import UNSET, Struct

from .. import events as ga
from ..build import wire_format
from ..codec import encode_json, event_classes
from ..errors import ConfigError, snippet
from ..events import beta
from ..events.base import ClientSide, Tagged, VariantStruct, strip_read_only
from ..format import OPENAI_FORMATS, AudioFormat
from ..repair import fields_of

__all__ = ["CONVERTED_FROM_GA", "CONVERTED_TO_GA", "EVENT_PAIRS", "RENAMED", "SHARED", "from_ga", "to_ga"]


def from_ga(event: ga.ServerEvent | ga.ClientEvent) -> beta.ServerEvent | beta.ClientEvent:
    """Convert a GA event of either side to the beta dialect.

    Events that are the same in both dialects are returned as they are, and so is an UnknownEvent.
    Everything that is set in a client's event must have a place in the beta dialect. In a server's
    event, settings that beta does not have are left out, and an item that beta does not have becomes
    an UnknownItem with its JSON.

    Raises:
        ConfigError: the event cannot be converted; `field` is the path of the first member that cannot.
        TypeError: `event` is not an event.
    """
    return _convert_event(event, _TO_BETA)  # type: ignore[no-any-return]


def to_ga(event: beta.ServerEvent | beta.ClientEvent) -> ga.ServerEvent | ga.ClientEvent:
    """Convert an event of the beta dialect, of either side, to GA.

    Events that are the same in both dialects are returned as they are, and so is an UnknownEvent.
    `conversation.item.created` becomes `conversation.item.added`. Everything that is set in a client's
    event must have a place in GA. In a server's event, settings that GA does not have (temperature,
    the client secret) are left out, and an item that GA does not have becomes an UnknownItem with its
    JSON.

    Raises:
        ConfigError: the event cannot be converted; `field` is the path of the first member that cannot.
        TypeError: `event` is not an event.
    """
    return _convert_event(event, _TO_GA)  # type: ignore[no-any-return]


# --- Policies ------------------------------------------------------------------------


class StrictPolicy:
    """The policy for what a client requests: everything that is set must be converted."""

    def reject(self, path: str, reason: str) -> Any:
        """Raise ConfigError for the member at `path`."""
        raise ConfigError(problems=[(path, reason)])

    def replace_item(self, item: Any, error: ConfigError) -> ga.UnknownItem:
        """Raise `error`, the reason why `item` cannot be converted."""
        raise error


class LossyPolicy(StrictPolicy):
    """The policy for what a server reports: members that cannot be converted are left out."""

    def reject(self, path: str, reason: str) -> Any:
        """Return UNSET in place of the member at `path`."""
        return UNSET

    def replace_item(self, item: Any, error: ConfigError) -> ga.UnknownItem:
        """Return `item` as its JSON."""
        return ga.UnknownItem(str(item.type or ""), encode_json(item))


STRICT: Final = StrictPolicy()
LOSSY: Final = LossyPolicy()


# --- Values of members ---------------------------------------------------------------
# A converter gets a value that is neither absent nor null, its path and the policy.

Converter: TypeAlias = Callable[[Any, str, StrictPolicy], Any]


def _modalities_to_beta(modalities: Any, path: str, policy: StrictPolicy) -> Any:
    # Beta accepts ["text"] or ["audio", "text"]; GA's ["audio"] includes the transcript.
    return ["audio", "text"] if modalities == ["audio"] else modalities


def _modalities_to_ga(modalities: Any, path: str, policy: StrictPolicy) -> Any:
    # GA accepts ["text"] or ["audio"]; audio includes the transcript.
    return ["audio"] if isinstance(modalities, list) and "audio" in modalities else modalities


def _format_to_beta(format: Any, path: str, policy: StrictPolicy) -> Any:
    try:
        found = AudioFormat.of(format)
    except ConfigError as error:
        reason = error.reason
    else:
        if found in OPENAI_FORMATS:
            return found.encoding
        reason = f"beta has no name for {found}"
    return policy.reject(path, reason)


def _format_to_ga(name: Any, path: str, policy: StrictPolicy) -> Any:
    try:
        return wire_format(name)
    except ConfigError as error:
        reason = error.reason
    return policy.reject(path, reason)


def _noise_reduction_to_beta(noise_reduction: Any, path: str, policy: StrictPolicy) -> Any:
    if _is_given(noise_reduction.strength):
        policy.reject(f"{path}.strength", "not in the beta dialect")
    return ga.NoiseReduction(type=noise_reduction.type)


def _voice_to_beta(voice: Any, path: str, policy: StrictPolicy) -> Any:
    if isinstance(voice, ga.CustomVoice):
        return policy.reject(path, "a custom voice is not in the beta dialect")
    return voice


def _tools_to_ga(tools: Any, path: str, policy: StrictPolicy) -> Any:
    return [
        copy_fields(tool.function, ga.FunctionTool) if isinstance(tool, beta.RealtimeTool) else tool
        for tool in tools
    ]


# --- The tables ----------------------------------------------------------------------


class MemberPair(NamedTuple):
    """A member of a GA Struct, by its dotted path, and the beta member with the same meaning."""

    ga: str
    beta: str
    to_beta: Converter | None = None
    to_ga: Converter | None = None


class StructPair(NamedTuple):
    """A GA Struct, the beta Struct with the same meaning, and those of their members that differ."""

    ga: type[Any]
    beta: type[Any]
    members: tuple[MemberPair, ...] = ()


class EventPair(NamedTuple):
    """A GA event, the beta event with the same meaning, and their member that differs.

    `content` is the GA class of that member, if a GA event has more than one beta event.
    """

    ga: type[Any]
    beta: type[Any]
    member: str
    content: type[Any] = object


_MODALITIES = MemberPair("output_modalities", "modalities", _modalities_to_beta, _modalities_to_ga)
_MAX_TOKENS = MemberPair("max_output_tokens", "max_response_output_tokens")
_TOOLS = MemberPair("tools", "tools", to_ga=_tools_to_ga)
_INPUT = (
    MemberPair("audio.input.format", "input_audio_format", _format_to_beta, _format_to_ga),
    MemberPair("audio.input.transcription", "input_audio_transcription"),
    MemberPair("audio.input.noise_reduction", "input_audio_noise_reduction", _noise_reduction_to_beta),
    MemberPair("audio.input.turn_detection", "turn_detection"),
)
_OUTPUT = (
    MemberPair("audio.output.format", "output_audio_format", _format_to_beta, _format_to_ga),
    MemberPair("audio.output.voice", "voice", _voice_to_beta),
)
_SPEED = MemberPair("audio.output.speed", "speed")
_SESSION = (_MODALITIES, _MAX_TOKENS, _TOOLS, *_INPUT, *_OUTPUT, _SPEED)

_STRUCT_PAIRS = (
    StructPair(ga.RealtimeSession, beta.RealtimeSessionConfig, _SESSION),
    StructPair(ga.RealtimeSessionInfo, beta.RealtimeSessionInfo, _SESSION),
    StructPair(ga.TranscriptionSession, beta.TranscriptionSessionConfig, _INPUT),
    StructPair(ga.TranscriptionSessionInfo, beta.TranscriptionSessionInfo, _INPUT),
    StructPair(ga.ResponseParams, beta.RealtimeResponse, (_MODALITIES, _MAX_TOKENS, _TOOLS, *_OUTPUT)),
    StructPair(ga.Response, beta.Response, (_MODALITIES, *_OUTPUT)),
    StructPair(ga.Transcription, beta.TranscriptionConfig),
    StructPair(ga.ServerVad, beta.TurnDetectionConfig),
    StructPair(ga.SemanticVad, beta.TurnDetectionConfig),
    StructPair(ga.MessageItem, beta.ConversationItem),
    StructPair(ga.FunctionCallItem, beta.ConversationItem),
    StructPair(ga.FunctionCallOutputItem, beta.ConversationItem),
    StructPair(ga.ItemReference, beta.ConversationItem),
    # Content parts of items. In `response.content_part.*` both dialects use beta's spelling.
    StructPair(ga.OutputText, beta.Text),
    StructPair(ga.OutputAudio, beta.Audio),
)
# Structs that one dialect has no equivalent of, although both have the member that holds them.
_GA_ONLY = (
    ga.McpApprovalRequestItem,
    ga.McpApprovalResponseItem,
    ga.McpListToolsItem,
    ga.McpCallItem,
    ga.InputImage,
    ga.McpTool,
    ga.ToolChoiceMcp,
)
_BETA_ONLY = (beta.ItemReferencePart,)

# The classes of GA objects whose members are flat in beta, by path. A response has a class of its own.
_CONTAINERS: dict[str, type[Any]] = {"audio.input": ga.AudioInput, "audio.output": ga.AudioOutput}

EVENT_PAIRS: tuple[EventPair, ...] = (
    EventPair(ga.SessionUpdate, beta.SessionUpdate, "session", ga.RealtimeSession),
    EventPair(ga.SessionUpdate, beta.TranscriptionSessionUpdate, "session", ga.TranscriptionSession),
    EventPair(ga.SessionCreated, beta.SessionCreated, "session", ga.RealtimeSession),
    EventPair(ga.SessionCreated, beta.TranscriptionSessionCreated, "session", ga.TranscriptionSession),
    EventPair(ga.SessionUpdated, beta.SessionUpdated, "session", ga.RealtimeSession),
    EventPair(ga.SessionUpdated, beta.TranscriptionSessionUpdated, "session", ga.TranscriptionSession),
    EventPair(ga.ConversationItemCreate, beta.ConversationItemCreate, "item"),
    # The first pair of a beta event is the one by which it converts to GA.
    EventPair(ga.ConversationItemAdded, beta.ConversationItemCreated, "item"),
    EventPair(ga.ConversationItemCreated, beta.ConversationItemCreated, "item"),
    EventPair(ga.ConversationItemRetrieved, beta.ConversationItemRetrieved, "item"),
    EventPair(ga.ResponseOutputItemAdded, beta.ResponseOutputItemAdded, "item"),
    EventPair(ga.ResponseOutputItemDone, beta.ResponseOutputItemDone, "item"),
    EventPair(ga.ResponseCreate, beta.ResponseCreate, "response"),
    EventPair(ga.ResponseCreated, beta.ResponseCreated, "response"),
    EventPair(ga.ResponseDone, beta.ResponseDone, "response"),
)
"""Events whose contents differ between the dialects."""

RENAMED: dict[type[Any], type[Any]] = {
    ga.ResponseOutputAudioDelta: beta.ResponseAudioDelta,
    ga.ResponseOutputAudioDone: beta.ResponseAudioDone,
    ga.ResponseOutputAudioTranscriptDelta: beta.ResponseAudioTranscriptDelta,
    ga.ResponseOutputAudioTranscriptDone: beta.ResponseAudioTranscriptDone,
    ga.ResponseOutputTextDelta: beta.ResponseTextDelta,
    ga.ResponseOutputTextDone: beta.ResponseTextDone,
}
"""GA events that have another name in the beta dialect, and the same fields."""

SHARED: frozenset[Any] = frozenset(
    {*event_classes(ga.ServerEvent), *event_classes(ga.ClientEvent)}
    & {*event_classes(beta.ServerEvent), *event_classes(beta.ClientEvent)}
) | {ga.UnknownEvent}
"""Events that are the same in both dialects."""

CONVERTED_FROM_GA: frozenset[type[Any]] = frozenset(pair.ga for pair in EVENT_PAIRS)
"""GA events whose contents `from_ga` converts."""

CONVERTED_TO_GA: frozenset[type[Any]] = frozenset(pair.beta for pair in EVENT_PAIRS)
"""Events of the beta dialect whose contents `to_ga` converts."""


# --- The two directions, derived from the tables -------------------------------------


class _Rule(NamedTuple):
    """The conversion of one Struct."""

    target: type[Any]
    # Path of the target's member and converter, by the path of the source's member.
    members: dict[str, tuple[str, Converter | None]]
    # The paths of objects in the source that are opened, because their members are paired.
    opened: frozenset[str]


class _EventRule(NamedTuple):
    source: type[Any]
    target: type[Any]
    member: str
    content: type[Any]
    policy: StrictPolicy


class _Direction(NamedTuple):
    dialect: str
    structs: dict[type[Any], dict[str, _Rule]]
    events: dict[type[Any], tuple[_EventRule, ...]]
    renamed: dict[type[Any], type[Any]]
    unsupported: tuple[type[Any], ...]


def _struct_rules(to_beta: bool) -> dict[type[Any], dict[str, _Rule]]:
    """Return the rules by source class and, if the source is a VariantStruct, by its type."""
    rules: dict[type[Any], dict[str, _Rule]] = {}
    for pair in _STRUCT_PAIRS:
        if to_beta:
            source, target = pair.ga, pair.beta
            members = {member.ga: (member.beta, member.to_beta) for member in pair.members}
        else:
            source, target = pair.beta, pair.ga
            members = {member.beta: (member.ga, member.to_ga) for member in pair.members}
        opened = frozenset(path[:index] for path in members for index, char in enumerate(path) if char == ".")
        kind = str(pair.ga.__struct_config__.tag) if issubclass(source, VariantStruct) else ""
        rules.setdefault(source, {})[kind] = _Rule(target, members, opened)
    return rules


def _event_rules(to_beta: bool) -> dict[type[Any], tuple[_EventRule, ...]]:
    rules: dict[type[Any], tuple[_EventRule, ...]] = {}
    for pair in EVENT_PAIRS:
        policy = STRICT if issubclass(pair.ga, ClientSide) else LOSSY
        if to_beta:
            rule = _EventRule(pair.ga, pair.beta, pair.member, pair.content, policy)
        else:
            rule = _EventRule(pair.beta, pair.ga, pair.member, object, policy)
        rules[rule.source] = (*rules.get(rule.source, ()), rule)
    return rules


_TO_BETA = _Direction("the beta dialect", _struct_rules(True), _event_rules(True), RENAMED, _GA_ONLY)
_TO_GA = _Direction(
    "GA", _struct_rules(False), _event_rules(False), {old: new for new, old in RENAMED.items()}, _BETA_ONLY
)


# --- Conversion ----------------------------------------------------------------------


def _convert_event(event: Any, direction: _Direction) -> Any:
    kind = type(event)
    if kind in direction.events:
        return _convert_contents(event, direction)
    if kind in direction.renamed:
        return copy_fields(event, direction.renamed[kind])
    if kind in SHARED:
        return event
    if isinstance(event, Tagged):
        return STRICT.reject("type", f"{snippet(event.type)} is not in {direction.dialect}")
    raise TypeError(f"expected an event, got {kind.__name__}")


def _convert_contents(event: Any, direction: _Direction) -> Any:
    if event.has_session_settings:
        event = strip_read_only(event)
    for _, target, member, content, policy in direction.events[type(event)]:
        value = getattr(event, member)
        if isinstance(value, content):
            return copy_fields(event, target, **{member: _convert(value, member, policy, direction)})
    return STRICT.reject("session.type", f"{snippet(event.session.type)} is not in {direction.dialect}")


def _convert(value: Any, path: str, policy: StrictPolicy, direction: _Direction) -> Any:
    """Convert the value of a member. Values without a rule are returned as they are."""
    if isinstance(value, list):
        items = [_convert(item, f"{path}[{i}]", policy, direction) for i, item in enumerate(value)]
        return [item for item in items if item is not UNSET]
    if isinstance(value, (ga.AnyItem, beta.ConversationItem)):
        try:
            return _convert_struct(value, path, STRICT, direction)
        except ConfigError as error:
            return policy.replace_item(value, error)
    return _convert_struct(value, path, policy, direction)


def _convert_struct(value: Any, path: str, policy: StrictPolicy, direction: _Direction) -> Any:
    if isinstance(value, direction.unsupported):
        return policy.reject(f"{path}.type", f"{snippet(value.type)} is not in {direction.dialect}")
    rules = next((direction.structs[cls] for cls in type(value).__mro__ if cls in direction.structs), None)
    if rules is None:
        return value
    is_variant = issubclass(type(value), VariantStruct)
    rule = rules.get((value.type or "") if is_variant else "")
    if rule is None:
        return policy.reject(f"{path}.type", f"{direction.dialect} requires a type that it knows")
    target = rule.target
    values: dict[str, Any] = {}
    if issubclass(target, VariantStruct):
        values["type"] = value.type
    for name, member in _members(value, rule.opened):
        if name == "type" and is_variant:
            continue
        at = f"{path}.{name}"
        if name in rule.opened:
            policy.reject(at, f"null is not possible in {direction.dialect}")
            continue
        paired = rule.members.get(name)
        if paired is None and name not in target.__struct_fields__:
            if member is not None:  # null sets nothing that could be lost
                policy.reject(at, f"not in {direction.dialect}")
            continue
        new, converter = paired or (name, None)
        if member is not None:
            member = converter(member, at, policy) if converter else _convert(member, at, policy, direction)
        if values.setdefault(new, member) != member:
            policy.reject(f"{path}.{new}", f"differs from {name}, which has the same meaning")
    for field in fields_of(target):  # type: ignore[arg-type]
        if field.required and not _is_given(values.get(field.name)):
            policy.reject(f"{path}.{field.name}", f"{direction.dialect} requires it")
    return target(**_nested(values, target))


def _members(source: Struct, opened: frozenset[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the value of each member of `source` that is not at its default."""
    defaults = _defaults(type(source))
    for name in source.__struct_fields__:
        value, path = getattr(source, name), prefix + name
        if value is UNSET or (value is None and defaults[name] is None):
            continue
        if path in opened and value is not None:
            yield from _members(value, opened, f"{path}.")
        else:
            yield path, value


@functools.cache
def _defaults(cls: type[Struct]) -> dict[str, Any]:
    return {field.name: field.default for field in fields_of(cls)}


def _nested(values: dict[str, Any], target: type[Any]) -> dict[str, Any]:
    """Return `values` with those whose names are dotted paths put into objects."""
    flat = {path: value for path, value in values.items() if "." not in path and value is not UNSET}
    parts: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        if "." in path and value is not UNSET:
            container, _, name = path.rpartition(".")
            parts.setdefault(container, {})[name] = value
    if parts:
        audio = ga.ResponseAudio if target in (ga.Response, ga.ResponseParams) else ga.AudioConfig
        flat["audio"] = audio(
            **{path.partition(".")[2]: _CONTAINERS[path](**members) for path, members in parts.items()}
        )
    return flat


def copy_fields(source: Struct, target: type[Any], **fields: Any) -> Any:
    """Return a `target` with the fields that `source` has too, and with `fields`."""
    names = set(target.__struct_fields__) & set(source.__struct_fields__) - fields.keys()
    return target(**{name: getattr(source, name) for name in names}, **fields)


def _is_given(value: Any) -> bool:
    return value is not UNSET and value is not None
