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
from .errors import DecodeError, reason_of, snippet
from .events import ServerEvent
from .events.base import Tagged

PrefixLookup: TypeAlias = tuple[Callable[[bytes], "str | None"], Callable[[str], "str | None"]]

# The first characters of a frame as OpenAI writes it, the type first and then the event's id: enough
# to include the type of most events, too few to include anything of the id. One dict lookup finds
# the type by them (benchmarks: peers.PeekType). It is exact: the closing quote of the type is in them.
PREFIX_LEN = 48

_TYPE_FIRST = b'{"type":"'
_TYPE_FIRST_OF_STR = _TYPE_FIRST.decode()
_BACKSLASH = ord("\\")
# A head of flat members up to "type"; strings with escapes are left to the JSON parser.
_HEAD = re.compile(
    rb'\s*\{\s*(?:"(?!type")[^"\\]*"\s*:\s*(?:"[^"\\]*"|[-+.0-9eE]++|true|false|null)\s*,\s*)*+'
    rb'"type"\s*:\s*"([^"\\]*)"'
)


class _TagProbe(msgspec.Struct, tag_field="type", tag="no event is of this type"):
    """A Struct that no event matches: msgspec's error names the type, and nothing more is decoded."""


_probe = msgspec.json.Decoder(_TagProbe).decode
_PROBED = re.compile(r"Invalid value '(.*)' - at `\$\.type`", re.DOTALL)


def prefix_lookup(union: Any) -> PrefixLookup:
    """Return functions from the first `PREFIX_LEN` bytes, or characters, to an event type of `union`.

    They return None for a prefix that is not in their table.
    """
    tags = [str(m.__struct_config__.tag) for m in get_args(union) if issubclass(m, Tagged)]
    heads = {f'{_TYPE_FIRST_OF_STR}{tag}","event_id":"event_': tag for tag in tags}
    table = {
        head[:PREFIX_LEN]: tag
        for head, tag in heads.items()
        if len(_TYPE_FIRST_OF_STR) + len(tag) < PREFIX_LEN <= len(head)
    }
    return {head.encode(): tag for head, tag in table.items()}.get, table.get


_type_by_prefix, _type_by_str_prefix = prefix_lookup(ServerEvent)


def peek_type(frame: Frame, /) -> str:
    """Return the type of a frame's event without decoding the rest.

    Raises:
        DecodeError: no ``type`` can be found.
        TypeError: `frame` is neither bytes-like nor a str.
    """
    kind = frame.__class__
    if kind is bytes:
        found = _type_by_prefix(frame[:PREFIX_LEN])  # type: ignore[arg-type]
    elif kind is str:
        found = _type_by_str_prefix(frame[:PREFIX_LEN])  # type: ignore[arg-type]
    else:
        found = None
    if found is not None:
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
    head = _HEAD.match(raw)
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
        reason, _, path = str(refused).partition(" - at ")
        raise DecodeError(reason, path=path.strip("`") or "$", payload=snippet(raw)) from None
    raise DecodeError("Object missing required field `type`", expected="type", payload=snippet(raw))
