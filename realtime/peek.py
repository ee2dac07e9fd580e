"""What a frame is, from its head: the type of its event, without decoding the rest.

Of two ``type`` members the first counts, as it does for the decoder.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

import msgspec

from ._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, bounded, check_depth
from .errors import DecodeError, reason_of, snippet
from .events import ServerEvent
from .events.base import ServerSide

if TYPE_CHECKING:
    from ._types import Frame

_TYPE_FIRST = b'{"type":"'
_TYPE_FIRST_OF_STR = _TYPE_FIRST.decode()
_BACKSLASH = ord("\\")
# A head of flat members up to "type"; strings with escapes are left to the real parser.
_HEAD = re.compile(
    rb'\s*\{\s*(?:"(?!type")[^"\\]*"\s*:\s*(?:"[^"\\]*"|[-+.0-9eE]++|true|false|null)\s*,\s*)*+'
    rb'"type"\s*:\s*"([^"\\]*)"'
)


# The first bytes of a frame as OpenAI writes it, the type first and then the event's id: enough to
# hold the whole type of most events, too few to hold anything of the id. One look-up finds the
# type by them (benchmarks: peers.PeekType). It is exact, as the type's closing quote is in them.
_GLANCE = 48


def _glances() -> dict[str, str]:
    types = [str(m.__struct_config__.tag) for m in get_args(ServerEvent) if issubclass(m, ServerSide)]
    heads = {f'{_TYPE_FIRST_OF_STR}{kind}"': kind for kind in types}
    full = {head + ',"event_id":"event_': kind for head, kind in heads.items() if len(head) <= _GLANCE}
    return {head[:_GLANCE]: kind for head, kind in full.items() if len(head) >= _GLANCE}


_type_of_str_head = _glances().get
_type_of_head = {head.encode(): kind for head, kind in _glances().items()}.get


class _Nothing(msgspec.Struct, tag_field="type", tag="no event is of this type"):
    """No event is of this type: msgspec says which type it found, the first, and reads no further."""


_find_type = msgspec.json.Decoder(_Nothing).decode
_FOUND = re.compile(r"Invalid value '(.*)' - at `\$\.type`", re.DOTALL)


def peek_type(frame: Frame, /) -> str:
    """The type of a frame's event, from its head, without decoding the rest.

    Raises:
        DecodeError: there is no ``type`` to be found.
        TypeError: `frame` is neither bytes-like nor a str.
    """
    kind = frame.__class__
    if kind is bytes:
        found = _type_of_head(frame[:_GLANCE])  # type: ignore[arg-type]
    elif kind is str:
        found = _type_of_str_head(frame[:_GLANCE])  # type: ignore[arg-type]
    else:
        found = None
    if found is not None:
        return found
    found = plain_type(frame)
    if found is not None:
        return found
    return type_within(frame, DEFAULT_MAX_FRAME_BYTES, DEFAULT_MAX_DEPTH)


def plain_type(frame: Frame) -> str | None:
    """The type, where it is plainly the first thing in `frame`; otherwise None."""
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


def type_within(frame: Frame, max_bytes: int, max_depth: int) -> str:
    """The type, wherever it stands in a frame that is held to these limits."""
    try:
        raw = bounded(frame, max_bytes)
    except (UnicodeError, ValueError) as why:
        if isinstance(why, DecodeError):
            raise
        raise DecodeError(reason_of(why)) from None
    head = _HEAD.match(raw)
    if head is None:
        check_depth(raw, max_depth)
    try:
        return type_of(raw) if head is None else head.group(1).decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as why:
        raise DecodeError(reason_of(why, raw), payload=snippet(raw)) from None


def type_of(raw: bytes) -> str:
    """The type of a frame that breaks no limit.

    Raises:
        DecodeError: it has none.
        msgspec.DecodeError, UnicodeDecodeError: it is not JSON as far as it was read.
    """
    try:
        _find_type(raw)
    except msgspec.ValidationError as refused:
        found = _FOUND.fullmatch(str(refused))
        if found:
            return found.group(1)
        reason, _, at = str(refused).partition(" - at ")
        raise DecodeError(reason, path=at.strip("`") or "$", payload=snippet(raw)) from None
    raise DecodeError("Object missing required field `type`", expected="type", payload=snippet(raw))
