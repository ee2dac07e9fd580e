"""The structure of client events: unknown, missing, null and wrongly typed members are refused.

One walk over the JSON of an event beside the Structs of its dialect, which say what a member may contain.
What the Structs cannot say is in the tables: the members whose null means something, and those that servers
need although the Struct makes them optional. Objects of a backend's API may have unknown types. Free-form JSON
(tool parameters, metadata, prompt variables, headers) is not entered. `protocol` runs the walk before an event is
decoded; the rules are in `refusals`.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Raw, UnsetType

from .. import beta, events as ga, translation
from .._base64 import find_member
from .._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, Frame, bounded, check_depth
from ..errors import snippet
from ..events import live
from ..events.base import Tagged, Wire, first_byte
from ..repair import argument_of, fields_of, members_of, structs_by_tag, tag_of, untagged_struct
from . import refusals
from .refusals import KINDS

Names: TypeAlias = frozenset[str]

# Members that may be null, by the Struct that has them. Source: the members of openai-python 3.57's
# realtime/*_param.py that are Optional, and the API reference of session.update (null turns transcription and
# noise reduction off) and of conversation.item.create (its example has a null previous_item_id), and
# livekit-agents 1.8.9, whose `generate_reply` sends every response.create with null instructions. Read
# 2026-11-29.
_OFF_IN_BETA: Final = frozenset(
    {"turn_detection", "input_audio_transcription", "input_audio_noise_reduction"}
)
NULLABLE: Final[Mapping[type[Wire], Names]] = {
    ga.AudioInput: frozenset({"turn_detection", "transcription", "noise_reduction"}),
    ga.ServerVad: frozenset({"idle_timeout_ms"}),
    ga.RealtimeSession: frozenset({"prompt", "tracing"}),
    ga.ResponseParams: frozenset({"instructions", "metadata", "prompt"}),
    ga.Prompt: frozenset({"variables", "version"}),
    ga.McpTool: frozenset({"allowed_callers", "allowed_tools", "headers", "require_approval"}),
    ga.McpToolDescription: frozenset({"annotations", "description"}),
    ga.McpCallItem: frozenset({"approval_request_id", "error", "output"}),
    ga.McpApprovalResponseItem: frozenset({"reason"}),
    ga.ConversationItemCreate: frozenset({"previous_item_id"}),
    translation.TranslationInput: frozenset({"transcription", "noise_reduction"}),
    beta.RealtimeSessionConfig: _OFF_IN_BETA | {"tracing"},
    beta.TranscriptionSessionConfig: _OFF_IN_BETA,
    beta.RealtimeResponse: frozenset({"instructions", "metadata"}),
    beta.ConversationItemCreate: frozenset({"previous_item_id"}),
    live.LiveSession: frozenset({"delegation", "instructions", "safety_identifier"}),
    live.LiveSessionUpdate: frozenset({"delegation"}),
    live.AppendedText: frozenset({"delegation_id"}),
}
# Members that servers need although they are optional in the Struct, each with those that replace it.
# Sources: Azure-Samples/aoai-realtime-audio-sdk#132 (a function's name), antoinedc/MantaUI#1196 (the rate),
# openai/openai-agents-python#3243 and openai/openai-agents-js#963 (the text of a part); the rest is inferred.
# Read 2026-11-29.
REQUIRED: Final[Mapping[type[Wire], Mapping[str, Names]]] = {
    ga.FunctionTool: {"name": frozenset()},
    ga.PcmFormat: {"rate": frozenset()},
    ga.InputText: {"text": frozenset()},
    ga.InputAudio: {"audio": frozenset()},
    ga.InputImage: {"image_url": frozenset()},
    ga.OutputText: {"text": frozenset()},
    ga.OutputAudio: {"text": frozenset({"audio"})},
    ga.Text: {"text": frozenset()},
    beta.ConversationItem: {"type": frozenset()},
    live.AppendedText: {"delegation_id": frozenset()},
    live.LivePcmuFormat: {"rate": frozenset()},
    live.LivePcmaFormat: {"rate": frozenset()},
}
# Members that are no settings, and have rules of their own.
FIXED: Final[Mapping[type[Wire], Names]] = {
    translation.TranslationSession: frozenset({"model", "type"}),
    live.LiveSessionUpdate: frozenset(live.LiveSession.__struct_fields__),
}
# Families whose type may be absent: in a message of a session's `input`, it follows from the role.
# Source: openai-python 3.57, types/live/initial_item.py. Read 2026-11-29.
UNTYPED: Final = live.AnyBackendPart

# The values that are looked at in one event, each in some microseconds: no client sends so many.
MAX_VALUES: Final = 100_000

_KIND_OF_FIRST: Final = {
    b'"': "str", b"{": "object", b"[": "array", b"t": "bool", b"f": "bool", b"n": "null",
}  # fmt: skip
_KIND_OF_TYPE: Final[Mapping[Any, str]] = {
    str: "str", bytes: "str", int: "int", float: "float", bool: "bool",
}  # fmt: skip
_AUDIO_HEADS: Final = (b'"audio":"', b'"audio": "')
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_LIST: Final = msgspec.json.Decoder(list[Raw])
_TEXT: Final = msgspec.json.Decoder(str)


def check(frame: Frame, union: Any) -> None:
    """Check the structure of a client's frame, an event of `union`. What is no JSON or unknown passes.

    Raises:
        DecodeError: the frame is too large or too deep.
        Refusal: a member is unknown, missing, null or of the wrong type.
    """
    data = bounded(frame, DEFAULT_MAX_FRAME_BYTES)
    span = find_member(data, *_AUDIO_HEADS)
    if span is not None and data.find(b"\\", *span) < 0:
        # To skip long audio as JSON takes longer than to decode it: the walk sees an empty text.
        data = data[: span[0]] + data[span[1] :]
    check_depth(data, DEFAULT_MAX_DEPTH)
    try:
        parts = _OBJECT.decode(data)
        struct = structs_by_tag(union).get(tag_of(parts))
        if struct is not None:
            _Walk().check_struct(parts, struct, "")
    except (msgspec.DecodeError, UnicodeError):
        return  # the decoder refuses it


class _Walk:
    """The walk over one event, which gives up after `MAX_VALUES` values."""

    __slots__ = ("_values_left",)

    def __init__(self) -> None:
        self._values_left = MAX_VALUES

    def check_struct(self, parts: dict[str, Raw], struct: type[Wire], path: str) -> None:
        """Check the members of an object: what is missing comes first, as OpenAI's server reports it."""
        fields = _fields(struct)
        for name, replacements in _required(struct).items():
            if name not in parts and not any(other in parts for other in replacements):
                raise refusals.MISSING_PARAMETER(param=_join(path, name))
        fixed = _fixed(struct)
        for name in parts:
            if name not in fields and name not in fixed:
                raise refusals.UNKNOWN_PARAMETER(param=_join(path, snippet(name)))
        nullable = _nullable(struct)
        for name, part in parts.items():
            if not (name in nullable and first_byte(part) == b"n"):
                self._check_value(part, fields.get(name, Any), _join(path, name))

    def _check_value(self, raw: Raw, tp: Any, path: str) -> None:
        """Check the JSON at `path` of an event, which should be a `tp`."""
        self._values_left -= 1
        if self._values_left < 0:
            raise refusals.TOO_MANY_VALUES(limit=MAX_VALUES)
        kinds = _kinds(tp)
        kind = _KIND_OF_FIRST.get(first_byte(raw)) or _number_kind(raw)
        if kinds and not (kind in kinds or (kind == "int" and "float" in kinds)):
            expected = [_plural(tp) if each == "array" else KINDS[each] for each in kinds]
            raise refusals.INVALID_TYPE(param=path, expected=refusals.one_of(expected), got=KINDS[kind])
        if kind == "object":
            self._check_object(_OBJECT.decode(raw), tp, path)
        elif kind == "array" and (item := argument_of(tp, list)) is not None:
            for index, part in enumerate(_LIST.decode(raw)):
                self._check_value(part, item, f"{path}[{index}]")
        elif kind == "str" and (known := _literals(tp)):
            text = _TEXT.decode(raw)
            if text not in known:
                raise refusals.UNSUPPORTED_VALUE(value=text, supported=known, param=path)

    def _check_object(self, parts: dict[str, Raw], tp: Any, path: str) -> None:
        by_tag = structs_by_tag(tp)
        struct = untagged_struct(tp)
        tag_path = _join(path, "type")
        if by_tag:
            self._check_tagged(parts, by_tag, path)
        elif struct is not None:
            if issubclass(struct, live.ComparisonFilter) and tag_of(parts) not in struct.types:
                return
            if "type" in parts and "type" in _fields(struct):  # which decides what the others mean
                self._check_value(parts["type"], _fields(struct)["type"], tag_path)
            self.check_struct(parts, struct, path)

    def _check_tagged(self, parts: dict[str, Raw], by_tag: dict[str, Any], path: str) -> None:
        family, tag_path = next(iter(by_tag.values())), _join(path, "type")
        tag = tag_of(parts)
        if "type" in parts:
            self._check_value(parts["type"], str, tag_path)
        elif _is_open(family):
            tag = family.default_tag(parts)
        if tag in by_tag:
            self.check_struct(parts, by_tag[tag], path)
        elif "type" not in parts and not issubclass(family, UNTYPED):
            raise refusals.MISSING_PARAMETER(param=tag_path)
        elif not _is_open(family):
            raise refusals.UNSUPPORTED_VALUE(value=tag, supported=by_tag, param=tag_path)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _number_kind(raw: Raw) -> str:
    text = bytes(raw)
    return "float" if b"." in text or b"e" in text or b"E" in text else "int"


# --- Types ---------------------------------------------------------------------------


def _of_bases(table: Mapping[type[Wire], Names], struct: type[Wire]) -> Names:
    found: Names = frozenset()
    return found.union(*(table[base] for base in struct.__mro__ if base in table))


def _is_open(struct: type[Wire]) -> bool:
    """Return True for objects of a backend's API, which may have types that are not known here."""
    return issubclass(struct, live.BackendStruct)


@cache
def _nullable(struct: type[Wire]) -> Names:
    # Nearly all of the optional members: those that may be null in openai-python 3.57's Live params.
    if _is_open(struct):
        return frozenset(field.encode_name for field in fields_of(struct) if not field.required)
    return _of_bases(NULLABLE, struct)


@cache
def _fixed(struct: type[Wire]) -> Names:
    return _of_bases(FIXED, struct)


@cache
def _fields(struct: type[Wire]) -> dict[str, Any]:
    """Return the types of a Struct's members by their names on the wire, the tag among them."""
    found = {field.encode_name: field.type for field in fields_of(struct) if field.type is not UnsetType}
    return {"type": str, **found} if issubclass(struct, Tagged) else found


@cache
def _required(struct: type[Wire]) -> dict[str, Names]:
    """Return the members that a Struct must have, each with those that replace it."""
    found = {field.encode_name: frozenset[str]() for field in fields_of(struct) if field.required}
    for base in struct.__mro__:
        found |= REQUIRED.get(base, {})
    return found


@cache
def _kinds(tp: Any) -> tuple[str, ...]:
    """Return the kinds of JSON that a type takes, by msgspec's names; none if it takes any."""
    return tuple(dict.fromkeys(_kinds_of_members(tp)))


def _kinds_of_members(tp: Any) -> Iterator[str]:
    members = [each for each in members_of(tp) if each not in (types.NoneType, UnsetType)]
    if Any in members or object in members:
        return
    for member in members:
        origin = typing.get_origin(member)
        if origin is Literal:
            yield "str"
        elif origin is list:
            yield "array"
        else:
            yield _KIND_OF_TYPE.get(member, "object")


@cache
def _literals(tp: Any) -> tuple[str, ...]:
    """Return the only strings that a type takes; none if it takes any."""
    members = [each for each in members_of(tp) if typing.get_origin(each) is Literal]
    return (
        () if str in members_of(tp) else tuple(value for each in members for value in typing.get_args(each))
    )


@cache
def _plural(tp: Any) -> str:
    """Return a list's kind as messages spell it."""
    kinds = _kinds(argument_of(tp, list))
    return f"an array of {KINDS[kinds[0]].split(' ')[1]}s" if len(kinds) == 1 else KINDS["array"]
