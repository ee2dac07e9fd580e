"""Members of a frame that its event has no field for: found on request, and added when encoding.

Decoding ignores such members, at no cost. `extras` walks the event and the frame side by side, and
`with_extras` is its inverse. Paths are those of `DecodeError.path`; a name that is not a plain
word is quoted, as in ``$.item["a.b"][0].x``. Each level of the types decodes its part of the frame
once, so the cost is the frame's size times the depth of the types (about ten).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from ._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, Frame, bounded, check_depth
from .errors import DecodeError, EncodeError, reason_of, snippet
from .events.base import Tagged, Unknown, Wire, first_byte
from .repair import argument_of, fields_of, retaining_family

_Key: TypeAlias = str | int
# The extras of one object or list by name or index: a tree whose leaves are `_Leaf`.
_Tree: TypeAlias = dict[_Key, Any]

_STEP = re.compile(r"""\.(?P<name>[^.\[\]"]+)|\[(?P<index>[0-9]{1,9})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]""")
_PLAIN = re.compile(r"[\w-]+")
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])


def extras(event: object, frame: Frame, /) -> dict[str, Any]:
    """Return the members of `frame` that `event`, decoded from it, has no field for, by JSON path.

    Members of an object that is unknown as a whole are not listed: its `Unknown` has them in `raw`.
    Takes time in proportion to the frame.

    Raises:
        DecodeError: `frame` is not a JSON object.
        TypeError: `event` is not an event, or `frame` neither bytes-like nor a str.
    """
    if not isinstance(event, (Tagged, Unknown)):
        raise TypeError(f"an event is required, not {type(event).__name__}")
    raw = b""
    try:
        raw = bounded(frame, DEFAULT_MAX_FRAME_BYTES)
        check_depth(raw, DEFAULT_MAX_DEPTH)
        raw.decode()
        _OBJECT.decode(raw)
        found: dict[str, Any] = {}
        _collect(event, raw, "$", found)
    except DecodeError:
        raise
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        event_type = event.type if isinstance(event, Tagged) else ""
        raise DecodeError(reason_of(error, raw), event_type=event_type, payload=snippet(raw)) from None
    return found


def _collect(value: Any, raw: Any, path: str, found: dict[str, Any]) -> None:
    """Add to `found` the members of the JSON `raw` at `path` that `value` has no field for."""
    first = first_byte(raw)
    if first == b"{" and isinstance(value, Wire):
        fields = field_names(type(value))
        for name, part in _OBJECT.decode(raw).items():
            at = path + step(name)
            if name not in fields:
                found[at] = _plain(part)
            elif fields[name]:
                _collect(getattr(value, fields[name]), part, at, found)
    elif first == b"{" and isinstance(value, dict):
        for name, part in _OBJECT.decode(raw).items():
            _collect(value.get(name), part, path + step(name), found)
    elif first == b"[" and isinstance(value, list) and not all(map(_is_leaf, value)):
        for index, (item, part) in enumerate(zip(value, _LIST.decode(raw), strict=False)):
            _collect(item, part, f"{path}[{index}]", found)
    elif first == b"{" and (value is None or value is UNSET):
        # An older spelling, read as null or as other members: a turn detection of the type "none".
        for name, part in _OBJECT.decode(raw).items():
            found[path + step(name)] = _plain(part)


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, (Wire, dict, list))


def _plain(part: Raw) -> Any:
    """Return the value of JSON, as `Raw` if Python has no number of its size."""
    try:
        return msgspec.json.decode(part)
    except msgspec.ValidationError:
        return Raw(bytes(part))


# --- Adding --------------------------------------------------------------------------


class _Leaf:
    __slots__ = ("json",)

    def __init__(self, json: bytes) -> None:
        self.json = json


def with_extras(event: Any, frame: bytes, extra: Mapping[str, Any], encode_json: Any) -> bytes:
    """Return `frame`, the JSON of `event`, with the members of `extra` added.

    Raises:
        EncodeError: a path that is malformed, or that names a field or nothing that can have members.
        TypeError: `extra` is not a mapping from str, or a value cannot be encoded.
    """
    if not isinstance(extra, Mapping):
        raise TypeError(f"extra must be a mapping from JSON paths, not {type(extra).__name__}")
    tree: _Tree = {}
    for path, value in extra.items():
        *parents, last = _parse(path)
        node = tree
        for key in parents:
            node = node.setdefault(key, {})
            if isinstance(node, _Leaf):
                raise _refusal(path, "is within another extra member")
        if last in node:
            raise _refusal(path, "is given twice")
        node[last] = _Leaf(encode_json(value))
    return _merge(event, frame, tree, "$")


def _merge(value: Any, raw: Any, tree: _Tree, path: str) -> bytes:
    """Return the JSON `raw` of `value` with the members of `tree`."""
    first = first_byte(raw)
    if first == b"[":
        items = _LIST.decode(raw)
        for key, node in tree.items():
            at = f"{path}[{key}]"
            if isinstance(node, _Leaf) or not isinstance(key, int) or key >= len(items):
                raise _refusal(at, "is not an item of this list that has members")
            item = value[key] if isinstance(value, list) and key < len(value) else None
            items[key] = Raw(_merge(item, items[key], node, at))
        return b"[%b]" % b",".join(items)
    if first not in (b"{", b"n"):
        raise _refusal(path, "has no members")
    parts = _OBJECT.decode(raw) if first == b"{" else {}
    fields = field_names(type(value)) if isinstance(value, Wire) else {}
    for key, node in tree.items():
        if isinstance(key, int):
            raise _refusal(f"{path}[{key}]", "is an item of something that is not a list")
        at = path + step(key)
        if not isinstance(node, _Leaf):
            field = fields.get(key)
            member = getattr(value, field) if field else None
            parts[key] = Raw(_merge(member, parts.get(key, b"null"), node, at))
        elif key in fields or key in parts:
            raise _refusal(at, "is a field of the event: set it there")
        else:
            parts[key] = Raw(node.json)
    return msgspec.json.encode(parts)


def _refusal(path: object, why: str) -> EncodeError:
    return EncodeError(f"extra {snippet(path)} {why}")


# --- Paths ---------------------------------------------------------------------------


def step(name: str) -> str:
    """Return the part of a JSON path for a member's name."""
    return f".{name}" if _PLAIN.fullmatch(name) else f"[{msgspec.json.encode(name).decode()}]"


def _parse(path: object) -> list[_Key]:
    if not isinstance(path, str):
        raise TypeError(f"a path must be a str, not {type(path).__name__}")
    keys: list[_Key] = []
    position = 1
    while path.startswith("$") and position < len(path) and (match := _STEP.match(path, position)):
        if match["index"] is not None:
            keys.append(int(match["index"]))
        else:
            try:
                keys.append(match["name"] or msgspec.json.decode(match["quoted"]))
            except msgspec.DecodeError:
                break
        position = match.end()
    if not keys or position != len(path):
        raise _refusal(repr(path), "is not a JSON path such as $.item.speaker")
    return keys


def is_retained(event: Any, path: str) -> bool:
    """Return True if `path` of `event` leads into an `Unknown` whose family retains what does not fit."""
    value: Any = event
    tp: Any = type(event)
    position = 1
    while match := _STEP.match(path, position):
        position = match.end()
        struct: Any = type(value)
        names = field_names(struct) if isinstance(value, Wire) else {}
        if isinstance(value, list) and match["index"]:
            value, tp = value[int(match["index"])], argument_of(tp, list)
        elif field := names.get(match["name"]):
            tp = next(each.type for each in fields_of(struct) if each.name == field)
            value = getattr(value, field)
        else:
            break
        if isinstance(value, Unknown):
            return retaining_family(tp) is not None
    return False


@cache
def field_names(cls: type[Wire]) -> dict[str, str]:
    """Return the fields of a Struct by their names on the wire; "" for the tag, which is no field."""
    names = {field.encode_name: field.name for field in msgspec.structs.fields(cls)}
    if issubclass(cls, Tagged):
        names.setdefault("type", "")
    return names
