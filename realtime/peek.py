"""What a frame is, from its head: the type of its event, without decoding the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from ._guard import DEFAULT_MAX_DEPTH, check_depth
from .errors import DecodeError, snippet

if TYPE_CHECKING:
    from ._types import Frame

_TYPE_FIRST = b'{"type":"'
_TYPE_FIRST_OF_STR = _TYPE_FIRST.decode()
_BACKSLASH = ord("\\")
# A head of flat members up to "type"; strings with escapes are left to the real parser.
_HEAD = (
    r'\s*\{\s*(?:"(?!type")[^"\\]*"\s*:\s*(?:"[^"\\]*"|[-+.0-9eE]++|true|false|null)\s*,\s*)*+'
    r'"type"\s*:\s*"([^"\\]*)"'
)
_HEAD_OF_BYTES = re.compile(_HEAD.encode())


class _Typed(msgspec.Struct):
    type: str


def peek_type(frame: Frame, /) -> str:
    """The type of a frame's event, from its head, without decoding the rest.

    Raises:
        DecodeError: there is no ``type`` to be found.
        TypeError: `frame` is neither bytes-like nor a str.
    """
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
    return _peek_further(frame)


def _peek_further(frame: Frame) -> str:
    """The type, where it is not plainly the first thing in `frame`."""
    if not isinstance(frame, (bytes, bytearray, memoryview, str)):
        raise TypeError(f"a frame is bytes-like or a str, not {type(frame).__name__}")
    frame = to_bytes(frame)
    found = _HEAD_OF_BYTES.match(frame)
    if found:
        return _text(found.group(1), frame)
    check_depth(frame, DEFAULT_MAX_DEPTH)
    try:
        return msgspec.json.decode(frame, type=_Typed).type
    except msgspec.ValidationError as refused:
        from .repair import misfit

        raise misfit(refused).refusal("", frame) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as why:
        raise DecodeError(reason_of(why), payload=snippet(frame)) from None


def _text(value: bytes, frame: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise DecodeError("the type is not UTF-8", payload=snippet(frame)) from None


def to_bytes(frame: Frame) -> bytes:
    """A copy of `frame`, or itself where it cannot change."""
    try:
        if isinstance(frame, str):
            return frame.encode()
        return frame.tobytes() if isinstance(frame, memoryview) else bytes(frame)
    except (UnicodeError, BufferError, ValueError) as why:
        raise DecodeError(reason_of(why)) from None


def reason_of(why: BaseException) -> str:
    """A sentence for what a decoder or encoder raised."""
    if isinstance(why, RecursionError):
        return "too deeply nested"
    if isinstance(why, UnicodeError):
        return "the text is not valid Unicode"
    return snippet(why)
