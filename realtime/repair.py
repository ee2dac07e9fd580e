"""The second look at a frame that the ordinary decoder refused.

It walks the expected type and the JSON side by side and keeps what can be kept: what is
of an unknown type becomes the `Unknown` of its family, 1.0 becomes an int, other spellings
become today's. Only branches that do not fit are walked; each level reads its part of the
frame once, so the cost is the frame's size times the depth of the types (about six). What
still does not fit is a `Misfit` with its path. Nothing here runs for ordinary frames.
"""

from __future__ import annotations

import re
import types
import typing
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw

from .errors import DecodeError, snippet
from .events.base import Flat, Tagged, UnknownEvent, Wire

_AT = re.compile(r"^(.*?)(?: - at `(.*)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"^Expected `([^`]*)`")


class Misfit(Exception):
    """Something that no reading of the frame makes fit. Attributes: `reason`, `path`, `expected`."""

    def __init__(self, reason: str, path: str, expected: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.expected = expected

    def refusal(self, event_type: str, frame: bytes) -> DecodeError:
        """What to tell the caller about `frame`."""
        return DecodeError(
            self.reason,
            event_type=event_type,
            path=self.path,
            expected=self.expected,
            payload=snippet(frame),
        )


@cache
def _decoder(tp: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(tp)


@cache
def _members(tp: Any) -> tuple[Any, ...]:
    """The types that `tp` is a union of, itself where it is none."""
    if typing.get_origin(tp) in (typing.Union, types.UnionType):
        return typing.get_args(tp)
    return (tp,)


def fit(raw: Any, tp: Any, path: str = "$") -> Any:
    """`raw` as a `tp`, by whatever reading fits.

    Raises:
        Misfit: no reading does.
        msgspec.DecodeError, UnicodeDecodeError: `raw` is not JSON.
    """
    try:
        return _decoder(tp).decode(raw)
    except msgspec.ValidationError as error:
        refused = error
    members = _members(tp)
    head = bytes(memoryview(raw)[:64]).lstrip()[:1]
    if head == b"{":
        return _fit_object(raw, members, path, refused)
    if head == b"[":
        return _fit_list(raw, members, path, refused)
    if int in members:
        return _fit_int(raw, path, refused)
    raise misfit(refused, path)


def misfit(error: msgspec.ValidationError, path: str = "$") -> Misfit:
    """What msgspec says in a sentence, as data; `path` is where the part that it read stands."""
    found = _AT.match(str(error))
    assert found is not None
    reason, at = found.groups()
    expected = _EXPECTED.match(reason)
    where = path + (at or "$")[1:]
    return Misfit(reason, where, expected.group(1) if expected else "")


def _fit_int(raw: Any, path: str, refused: msgspec.ValidationError) -> int:
    value = msgspec.json.decode(raw)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise misfit(refused, path)


def _fit_list(raw: Any, members: tuple[Any, ...], path: str, refused: msgspec.ValidationError) -> list[Any]:
    for member in members:
        if typing.get_origin(member) is list:
            (item,) = typing.get_args(member)
            parts = _decoder(list[Raw]).decode(raw)
            return [fit(part, item, f"{path}[{index}]") for index, part in enumerate(parts)]
    raise misfit(refused, path)


def _fit_object(raw: Any, members: tuple[Any, ...], path: str, refused: msgspec.ValidationError) -> Any:
    parts = _decoder(dict[str, Raw]).decode(raw)
    for member in members:
        if typing.get_origin(member) is dict:
            value = typing.get_args(member)[1]
            return {key: fit(part, value, f"{path}[{key!r}]") for key, part in parts.items()}
    structs = [m for m in members if isinstance(m, type) and issubclass(m, Wire)]
    if not structs:
        raise misfit(refused, path)
    if issubclass(structs[0], Tagged):
        return _fit_tagged(raw, parts, {str(m.__struct_config__.tag): m for m in structs}, path)
    flat = structs[0]
    tag = _tag(parts)
    if tag and issubclass(flat, Flat) and tag not in flat.types:
        return flat.of_unknown(tag, bytes(raw))
    return _fit_struct(parts, flat, path)


def _fit_tagged(raw: Any, parts: dict[str, Raw], by_tag: dict[str, Any], path: str) -> Any:
    family = next(iter(by_tag.values()))
    tag = _tag(parts) or family.implied_tag(parts)
    if tag in by_tag:
        return _fit_struct(parts, by_tag[tag], path)
    return family.of_unknown(tag, bytes(raw))


def _tag(parts: dict[str, Raw]) -> str:
    tag = msgspec.json.decode(parts.get("type", b'""'))
    return tag if isinstance(tag, str) else ""


def _fit_struct(parts: dict[str, Raw], cls: type[Wire], path: str) -> Any:
    parts = cls.mend(parts)
    values = {}
    for field in msgspec.structs.fields(cls):
        part = parts.get(field.encode_name)
        if part is not None:
            values[field.name] = fit(part, field.type, f"{path}.{field.encode_name}")
        elif field.required:
            raise Misfit(f"Object missing required field `{field.encode_name}`", path, field.encode_name)
    return cls(**values)


@cache
def _by_tag(union: Any) -> dict[str, Any]:
    """The events of `union` that have a class, by their types."""
    structs = (member for member in _members(union) if issubclass(member, Tagged))
    return {str(struct.__struct_config__.tag): struct for struct in structs}


def fit_event(raw: bytes, union: Any, kind: str) -> Any:
    """The frame `raw`, whose type is `kind`, as an event of `union`, or as an UnknownEvent.

    Raises: what `fit` raises.
    """
    struct = _by_tag(union).get(kind)
    if struct is not None:
        return _fit_struct(_decoder(dict[str, Raw]).decode(raw), struct, "$")
    _decoder(Raw).decode(raw)
    return UnknownEvent(kind, raw)
