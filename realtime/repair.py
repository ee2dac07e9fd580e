"""The second look at a frame that the ordinary decoder refused.

It walks the expected type and the JSON side by side and keeps what can be kept: what is
of an unknown type becomes the `Unknown` of its family, 1.0 becomes an int, other spellings
become today's. Only branches that do not fit are walked; each level reads its part of the
frame once or twice, so the cost is the frame's size times the depth of the types (about
six), and no more than `MAX_MISFITS` parts are looked at one by one. What still does not fit
is a `Misfit` with its path. Nothing here runs for ordinary frames.
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

# A part costs some microseconds here; no server sends so many that do not fit.
MAX_MISFITS = 50_000
_BLOCK = 256

_AT = re.compile(r"(.*?)(?: - at `(.*)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([^`]*)`")
_IGNORED = Raw(b"null")


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


def fit_event(raw: bytes, union: Any, kind: str) -> Any:
    """The frame `raw`, whose type is `kind`, as an event of `union`, or as an UnknownEvent.

    Raises:
        Misfit: no reading fits.
        msgspec.DecodeError, UnicodeDecodeError: `raw` is not JSON in UTF-8.
    """
    if not raw.isascii():
        raw.decode()  # what is kept as it came must be fit to be sent
    struct = _by_tag(union).get(kind)
    if struct is not None:
        return _Fitting().struct(_decoder(dict[str, Raw]).decode(raw), struct, "$")
    _decoder(Raw).decode(raw)
    return UnknownEvent(kind, raw)


@cache
def _decoder(tp: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(tp)


@cache
def _members(tp: Any) -> tuple[Any, ...]:
    """The types that `tp` is a union of, itself where it is none."""
    if typing.get_origin(tp) in (typing.Union, types.UnionType):
        return typing.get_args(tp)
    return (tp,)


@cache
def _by_tag(union: Any) -> dict[str, Any]:
    """The tagged Structs of `union`, by their types."""
    structs = (m for m in _members(union) if isinstance(m, type) and issubclass(m, Tagged))
    return {str(struct.__struct_config__.tag): struct for struct in structs}


@cache
def _argument(tp: Any, origin: type) -> Any:
    """T, where `tp` can be a list[T] or dict[str, T], whichever `origin` is; otherwise None."""
    found = [typing.get_args(m)[-1] for m in _members(tp) if typing.get_origin(m) is origin]
    return found[0] if found else None


@cache
def _plain_struct(tp: Any) -> type[Wire] | None:
    """The Struct without a tag that `tp` can be, or None."""
    structs = [m for m in _members(tp) if isinstance(m, type) and issubclass(m, Wire)]
    return structs[0] if structs and not issubclass(structs[0], Tagged) else None


class _Fitting:
    """One frame's second look, which ends after `MAX_MISFITS` parts."""

    def __init__(self) -> None:
        self.left = MAX_MISFITS

    def fit(self, raw: Any, tp: Any, path: str) -> Any:
        """`raw` as a `tp`, by whatever reading fits."""
        try:
            return _decoder(tp).decode(raw)
        except msgspec.ValidationError as error:
            refused = error
        self.left -= 1
        if self.left < 0:
            raise Misfit("too much of the frame does not fit", path)
        head = bytes(memoryview(raw)[:64]).lstrip()[:1]
        if head == b"{":
            return self._object(raw, tp, path, refused)
        if head == b"[" and _argument(tp, list) is not None:
            return self._list(raw, _argument(tp, list), path)
        if int in _members(tp):
            return _whole(msgspec.json.decode(raw), refused, path)
        raise _misfit(refused, path)

    def struct(self, parts: dict[str, Raw], cls: type[Wire], path: str) -> Any:
        """A `cls` of these fields."""
        try:
            parts = cls.mend(parts)
        except msgspec.ValidationError as refused:
            raise _misfit(refused, path) from None
        values = {}
        for field in msgspec.structs.fields(cls):
            part = parts.get(field.encode_name)
            if part is not None:
                values[field.name] = self.fit(part, field.type, f"{path}.{field.encode_name}")
            elif field.required:
                raise Misfit(f"Object missing required field `{field.encode_name}`", path, field.encode_name)
        return cls(**values)

    def _list(self, raw: Any, item: Any, path: str) -> list[Any]:
        if item is int:
            values = msgspec.json.decode(raw)
            return [_whole(v, None, f"{path}[{i}]") for i, v in enumerate(values)]
        parts = _decoder(list[Raw]).decode(raw)
        fitted: list[Any] = []
        for start in range(0, len(parts), _BLOCK):
            block = parts[start : start + _BLOCK]
            try:
                fitted += _decoder(list[item]).decode(b"[%b]" % b",".join(block))
            except msgspec.ValidationError:
                fitted += [self.fit(p, item, f"{path}[{i}]") for i, p in enumerate(block, start)]
        return fitted

    def _object(self, raw: Any, tp: Any, path: str, refused: msgspec.ValidationError) -> Any:
        parts = _decoder(dict[str, Raw]).decode(raw)
        value = _argument(tp, dict)
        if value is not None:
            return {k: self.fit(p, value, f"{path}[{snippet(repr(k))}]") for k, p in parts.items()}
        by_tag = _by_tag(tp)
        if by_tag:
            return self._tagged(raw, parts, by_tag, path)
        struct = _plain_struct(tp)
        if struct is None:
            raise _misfit(refused, path)
        tag = _tag(parts)
        if tag and issubclass(struct, Flat) and tag not in struct.types:
            return struct.of_unknown(tag, bytes(raw))
        return self.struct(parts, struct, path)

    def _tagged(self, raw: Any, parts: dict[str, Raw], by_tag: dict[str, Any], path: str) -> Any:
        family = next(iter(by_tag.values()))
        tag = _tag(parts) or family.implied_tag(parts)
        if tag in by_tag:
            return self.struct(parts, by_tag[tag], path)
        return family.of_unknown(tag, bytes(raw))


def _tag(parts: dict[str, Raw]) -> str:
    tag = msgspec.json.decode(parts.get("type", _IGNORED))
    return tag if isinstance(tag, str) else ""


def _whole(value: Any, refused: msgspec.ValidationError | None, path: str) -> int:
    """`value` as an int, which 1.0 is."""
    if type(value) is int or (isinstance(value, float) and value.is_integer()):
        return int(value)
    if refused is not None:
        raise _misfit(refused, path)
    raise Misfit(f"Expected `int`, got `{type(value).__name__}`", path, "int")


def _misfit(error: msgspec.ValidationError, path: str) -> Misfit:
    """What msgspec says in a sentence, as data; `path` is where the part that it read stands."""
    found = _AT.fullmatch(str(error))
    assert found is not None
    reason, at = found.groups()
    expected = _EXPECTED.match(reason)
    return Misfit(reason, path + (at or "$")[1:], expected.group(1) if expected else "")
