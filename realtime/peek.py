"""The type of a frame's event, read from its head without decoding the rest.

If a frame has two ``type`` members, the first counts, as it does for the decoder. Decoding is in
`codec`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias, get_args

import msgspec

from ._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, Frame, bounded, check_depth
from .errors import DecodeError, reason_of, snippet, split_path
from .events import ServerEvent
from .events.base import Tagged

HeadLookup: TypeAlias = tuple[Callable[[bytes], "str | None"], Callable[[str], "str | None"]]

# A frame that begins with its type is recognised by one dict lookup of its first characters (benchmarks:
# peers.PeekType): so many that most types and the key after them are included, and nothing of the
# value. The lookup is exact, since the closing quote of the type is among the characters.
PREFIX_LEN = 48
# The same for types that are too long for that, such as those of transcriptions.
LONG_PREFIX_LEN = 64
# The closing quote of a type that is the first member is searched from here on, past its opening quote:
# at index 8 as OpenAI writes it, at 9 as Python's json does.
TYPE_START = 10

_TYPE_FIRST = b'{"type":"'
_TYPE_FIRST_OF_STR = _TYPE_FIRST.decode()
_BACKSLASH = ord("\\")
# A head of flat members up to "type"; strings with escapes are left to the JSON parser. (No group is
# possessive because of a bug of Python 3.11.2. A member can be read in one way only, so nothing is
# searched twice; `_HEAD_BYTES` bounds the memory for the members.)
_HEAD_BYTES = 1 << 16
_HEAD = re.compile(
    rb'\s*\{\s*(?:"(?!type")[^"\\]*"\s*:\s*(?:"[^"\\]*"|[-+.0-9eE]++|true|false|null)\s*,\s*)*'
    rb'"type"\s*:\s*"([^"\\]*)"'
)


class _TagProbe(msgspec.Struct, tag_field="type", tag="no event is of this type"):
    """A Struct that no event matches: msgspec's error names the type, and nothing more is decoded."""


_probe = msgspec.json.Decoder(_TagProbe).decode
_PROBED = re.compile(r"Invalid value '(.*)' - at `\$\.type`", re.DOTALL)


def head_lookup(union: Any) -> HeadLookup:
    """Return functions from the head of a frame, as bytes or as a str, to its event type in `union`.

    A head is the first `PREFIX_LEN` characters, or all up to the closing quote of a type that is the
    first member. The functions return None for other heads, and "" for the first `PREFIX_LEN`
    characters of a long type, of which `LONG_PREFIX_LEN` are a head.
    """
    table: dict[str, str] = {}
    for cls in get_args(union):
        if not issubclass(cls, Tagged):
            continue
        tag = str(cls.__struct_config__.tag)
        for space in ("", " "):
            typed = f'{{"type":{space}"{tag}"'
            length = PREFIX_LEN if len(typed) <= PREFIX_LEN else LONG_PREFIX_LEN
            if length > PREFIX_LEN:
                table[typed[:PREFIX_LEN]] = ""
            table[typed] = table[typed + "}"] = tag
            for name in cls.__struct_encode_fields__:
                head = f'{typed},{space}"{name}":{space}'
                if name == "event_id":
                    head += '"event_'  # as OpenAI's ids begin
                if len(head) >= length:
                    table[head[:length]] = tag
    return {head.encode(): tag for head, tag in table.items()}.get, table.get


def _make_lookup(head: bytes | str) -> None:
    """Make the lookup at the first frame: it takes a millisecond, which would slow down the import."""
    global _type_by_head, _type_by_str_head
    _type_by_head, _type_by_str_head = head_lookup(ServerEvent)


_type_by_head: Callable[[bytes], str | None] = _make_lookup
_type_by_str_head: Callable[[str], str | None] = _make_lookup


def peek_type(frame: Frame, /) -> str:
    """Return the type of a frame's event without decoding the rest.

    Raises:
        DecodeError: no ``type`` can be found.
        TypeError: `frame` is neither bytes-like nor a str.
    """
    kind = frame.__class__
    if kind is bytes:
        found = _type_by_head(frame[:PREFIX_LEN])  # type: ignore[arg-type]
    elif kind is str:
        found = _type_by_str_head(frame[:PREFIX_LEN])  # type: ignore[arg-type]
    else:
        found = None
    if found:
        return found
    found = leading_type(frame)
    if found is not None:
        return found
    return find_type(frame, DEFAULT_MAX_FRAME_BYTES, DEFAULT_MAX_DEPTH)


def leading_type(frame: Frame) -> str | None:
    """Return the type if it is the first member of `frame`, compactly written; else None."""
    if type(frame) is bytes and frame.startswith(_TYPE_FIRST):
        end = frame.find(b'"', len(_TYPE_FIRST))
        value = frame[len(_TYPE_FIRST) : end]
        if end > 0 and value.isascii() and _BACKSLASH not in value:
            return value.decode()
    elif type(frame) is str and frame.startswith(_TYPE_FIRST_OF_STR):
        end = frame.find('"', len(_TYPE_FIRST_OF_STR))
        text = frame[len(_TYPE_FIRST_OF_STR) : end]
        if end > 0 and text.isascii() and "\\" not in text:
            return text
    return None


def flat_head_type(raw: bytes) -> str | None:
    """Return the type if only flat members precede it, none with an escape in a string; else None."""
    head = _HEAD.match(raw, 0, _HEAD_BYTES)
    try:
        return head.group(1).decode() if head else None
    except UnicodeDecodeError:
        return None


def find_type(frame: Frame, max_bytes: int, max_depth: int) -> str:
    """Return the type of a frame, at any place in it, within these limits.

    Raises:
        DecodeError: no ``type`` can be found, or the frame exceeds a limit.
        TypeError: `frame` is neither bytes-like nor a str.
    """
    try:
        raw = bounded(frame, max_bytes)
    except (UnicodeError, ValueError) as error:
        if isinstance(error, DecodeError):
            raise
        raise DecodeError(reason_of(error)) from None
    head = _HEAD.match(raw, 0, _HEAD_BYTES)
    if head is None:
        check_depth(raw, max_depth)
    try:
        return type_of(raw) if head is None else head.group(1).decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DecodeError(reason_of(error, raw), payload=snippet(raw)) from None


def type_of(raw: bytes) -> str:
    """Return the type of a frame that is within all limits.

    Raises:
        DecodeError: it has none.
        msgspec.DecodeError, UnicodeDecodeError: the part that was read is not JSON.
    """
    try:
        _probe(raw)
    except msgspec.ValidationError as refused:
        found = _PROBED.fullmatch(str(refused))
        if found:
            return found.group(1)
        reason, path = split_path(str(refused))
        raise DecodeError(reason, path=path, payload=snippet(raw)) from None
    raise DecodeError("Object missing required field `type`", expected="type", payload=snippet(raw))
