"""The lenient decoder: a second attempt at a frame that the fast path refused.

It walks the expected type and the JSON side by side and retains every part that fits: an object of
an unknown type becomes the `Unknown` of its family, 1.0 becomes an int, legacy spellings are
normalised, and a missing or null member that is required is filled in: "", 0, an empty list, or
None where its type allows it. An object of a backend's API that does not fit all the same becomes
the `Unknown` of its family. Only branches that do not fit are walked; each level decodes its part
of the frame once or twice, so the cost is the frame's size times the depth of the types (about
ten). Nothing here runs for ordinary frames; those are decoded in `codec`.

With ``exact=True`` it fills in and converts nothing; unknown types, legacy spellings of an object's
members, and types that a backend's API leaves out, remain. That is how events are checked before
they are sent.
"""

from __future__ import annotations

import re
import types
import typing
from copy import copy
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw

from .errors import DecodeError, snippet, split_path
from .events.base import ClientSide, Tagged, UnknownEvent, VariantStruct, Wire, first_byte

# The limit of parts of one frame that are decoded one by one, each in some microseconds: no server
# sends so many that do not fit.
MAX_FAILURES = 50_000
_BLOCK = 256

_EXPECTED = re.compile(r"Expected `([^`]*)`")
_NULL = Raw(b"null")


class ValidationFailure(Exception):
    """A part of a frame that does not fit its type, after every normalisation.

    Attributes: `reason`, `path` (JSON path), `expected` (a type's name, or "").
    """

    def __init__(self, reason: str, path: str, expected: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.expected = expected

    @classmethod
    def from_msgspec(cls, error: msgspec.ValidationError, path: str = "$") -> ValidationFailure:
        """Parse the message of msgspec's `error` about the part of a frame at `path`."""
        reason, inner_path = split_path(str(error))
        expected = _EXPECTED.match(reason)
        return cls(reason, path + inner_path[1:], expected.group(1) if expected else "")

    def as_decode_error(self, event_type: str, frame: bytes) -> DecodeError:
        """Return the DecodeError to raise about `frame`."""
        return DecodeError(
            self.reason, event_type=event_type, path=self.path, expected=self.expected, payload=snippet(frame)
        )


def decode_event(raw: bytes, union: Any, event_type: str, *, exact: bool = False) -> Any:
    """Decode the frame `raw` of type `event_type` to an event of `union`, or to an UnknownEvent.

    Raises:
        ValidationFailure: the frame does not fit its type.
        msgspec.DecodeError, UnicodeDecodeError: `raw` is not JSON in UTF-8.
    """
    if not raw.isascii():
        raw.decode()  # `raw` of an Unknown is sent again, so it must be UTF-8
    struct = structs_by_tag(union).get(event_type)
    if struct is not None:
        return LenientDecoder(exact=exact).decode_struct(_decoder(dict[str, Raw]).decode(raw), struct, "$")
    _decoder(Raw).decode(raw)
    return UnknownEvent(event_type, raw)


class LenientDecoder:
    """Decodes the parts of one frame. Gives up after `MAX_FAILURES` parts that do not fit.

    ``fills=False`` fills in nothing; ``exact=True`` also converts no numbers and assumes no types.
    """

    def __init__(self, *, exact: bool = False, fills: bool = True) -> None:
        self._exact = exact
        self._fills = fills and not exact
        self._failures_left = MAX_FAILURES

    def decode(self, raw: Any, tp: Any, path: str) -> Any:
        """Decode `raw`, the JSON at `path`, to a value of the type `tp`.

        Raises:
            ValidationFailure: it does not fit.
        """
        try:
            return _decoder(tp).decode(raw)
        except msgspec.ValidationError as error:
            refused = error
        self._failures_left -= 1
        if self._failures_left < 0:
            raise ValidationFailure("too many parts of the frame do not fit their types", path)
        first = first_byte(raw)
        if first == b"{":
            return self._decode_object(raw, tp, path, refused)
        if first == b"[" and argument_of(tp, list) is not None:
            return self._decode_list(raw, argument_of(tp, list), path)
        if int in members_of(tp) and not self._exact:
            return _as_int(msgspec.json.decode(raw), refused, path)
        family = retaining_family(tp)
        if family is not None and not self._exact:
            return self._unknown(family, "", raw)
        raise ValidationFailure.from_msgspec(refused, path)

    def decode_struct(self, parts: dict[str, Raw], cls: type[Wire], path: str) -> Any:
        """Decode an object, split into its members, to a `cls`."""
        try:
            parts = cls.normalize_legacy(parts)
        except msgspec.ValidationError as error:
            raise ValidationFailure.from_msgspec(error, path) from None
        # A client's request without its own members means nothing.
        fills = self._fills and not issubclass(cls, ClientSide)
        values = {}
        for field in fields_of(cls):
            part = parts.get(field.encode_name)
            if fills and field.required and (part is None or part == _NULL):
                value = filler(field.type)
                if value is not _NOTHING:
                    values[field.name] = copy(value)
                    continue
            if part is not None:
                values[field.name] = self.decode(part, field.type, f"{path}.{field.encode_name}")
            elif field.required:
                reason = f"Object missing required field `{field.encode_name}`"
                raise ValidationFailure(reason, path, field.encode_name)
        return cls(**values)

    def _decode_list(self, raw: Any, item: Any, path: str) -> list[Any]:
        if item is int and not self._exact:
            values = msgspec.json.decode(raw)
            return [_as_int(value, None, f"{path}[{i}]") for i, value in enumerate(values)]
        parts = _decoder(list[Raw]).decode(raw)
        decoded: list[Any] = []
        for start in range(0, len(parts), _BLOCK):
            block = parts[start : start + _BLOCK]
            try:
                decoded += _decoder(list[item]).decode(b"[%b]" % b",".join(block))
            except msgspec.ValidationError:
                decoded += [self.decode(part, item, f"{path}[{i}]") for i, part in enumerate(block, start)]
        return decoded

    def _decode_object(self, raw: Any, tp: Any, path: str, refused: msgspec.ValidationError) -> Any:
        parts = _decoder(dict[str, Raw]).decode(raw)
        value_type = argument_of(tp, dict)
        if value_type is not None:
            return {
                key: self.decode(part, value_type, f"{path}[{snippet(repr(key))}]")
                for key, part in parts.items()
            }
        by_tag = structs_by_tag(tp)
        if by_tag:
            return self._decode_tagged(raw, parts, by_tag, path)
        struct = untagged_struct(tp)
        if struct is None:
            raise ValidationFailure.from_msgspec(refused, path)
        tag = tag_of(parts)
        if not issubclass(struct, VariantStruct):
            return self.decode_struct(parts, struct, path)
        if (tag or struct.retains_malformed) and tag not in struct.types:
            return self._unknown(struct, tag, raw)
        return self._decode_or_retain(raw, parts, struct, tag, path)

    def _decode_tagged(self, raw: Any, parts: dict[str, Raw], by_tag: dict[str, Any], path: str) -> Any:
        family = next(iter(by_tag.values()))
        is_assumed = not self._exact or family.retains_malformed
        tag = tag_of(parts) or (family.default_tag(parts) if is_assumed else "")
        if tag in by_tag:
            return self._decode_or_retain(raw, parts, by_tag[tag], tag, path)
        return self._unknown(family, tag, raw)

    def _decode_or_retain(self, raw: Any, parts: dict[str, Raw], struct: Any, tag: str, path: str) -> Any:
        try:
            return self.decode_struct(parts, struct, path)
        except ValidationFailure:
            if self._exact or not struct.retains_malformed:
                raise
        return self._unknown(struct, tag, raw)

    def _unknown(self, family: Any, tag: str, raw: Any) -> Any:
        return family.unknown(tag, bytes(raw)) if self._exact else family.decode_unknown(tag, bytes(raw))


# --- What is filled in ---------------------------------------------------------------

_NOTHING: Any = object()
_FILLERS: tuple[tuple[Any, Any], ...] = ((types.NoneType, None), (str, ""), (int, 0), (float, 0.0))


@cache
def filler(tp: Any) -> Any:
    """Return the value for a missing member of the type `tp`: "", 0, [] or None; `_NOTHING` if there is none."""
    members = members_of(tp)
    for member, value in _FILLERS:
        if member in members:
            return value
    return [] if argument_of(tp, list) is not None else _NOTHING


# --- Types and JSON, taken apart ------------------------------------------------------


@cache
def _decoder(tp: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(tp)


@cache
def fields_of(cls: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of a Struct. Reading them takes msgspec as long as decoding twenty objects."""
    return msgspec.structs.fields(cls)


@cache
def members_of(tp: Any) -> tuple[Any, ...]:
    """Return the members of the union `tp`, or `tp` itself."""
    if typing.get_origin(tp) in (typing.Union, types.UnionType):
        return typing.get_args(tp)
    return (tp,)


@cache
def structs_by_tag(union: Any) -> dict[str, Any]:
    """Return the tagged Structs of `union` by their tags."""
    structs = (m for m in members_of(union) if isinstance(m, type) and issubclass(m, Tagged))
    return {str(struct.__struct_config__.tag): struct for struct in structs}


@cache
def argument_of(tp: Any, origin: type) -> Any:
    """Return T if `tp` is or includes list[T] or dict[str, T], whichever `origin` is; else None."""
    found = [typing.get_args(m)[-1] for m in members_of(tp) if typing.get_origin(m) is origin]
    return found[0] if found else None


@cache
def untagged_struct(tp: Any) -> type[Wire] | None:
    """Return the Struct without a tag that `tp` is or includes, or None."""
    structs = [m for m in members_of(tp) if isinstance(m, type) and issubclass(m, Wire)]
    return structs[0] if structs and not issubclass(structs[0], Tagged) else None


@cache
def retaining_family(tp: Any) -> Any:
    """Return a Struct that `tp` is or includes, if what does not fit it becomes its `unknown`; else None."""
    structs = (m for m in members_of(tp) if isinstance(m, type) and issubclass(m, (Tagged, VariantStruct)))
    return next((struct for struct in structs if struct.retains_malformed), None)


def tag_of(parts: dict[str, Raw]) -> str:
    """Return the `type` of an object, "" if it has none that is a string."""
    tag = msgspec.json.decode(parts.get("type", _NULL))
    return tag if isinstance(tag, str) else ""


def _as_int(value: Any, refused: msgspec.ValidationError | None, path: str) -> int:
    """Return an int, or a float without a fraction, as an int."""
    if type(value) is int or (isinstance(value, float) and value.is_integer()):
        return int(value)
    if refused is not None:
        raise ValidationFailure.from_msgspec(refused, path)
    raise ValidationFailure(f"Expected `int`, got `{type(value).__name__}`", path, "int")
