"""Limits on what is decoded at all: the size of a frame and the depth of its nesting.

The C decoder recurses, and on a small thread stack a frame of a few hundred brackets ends
the process. So a frame that could nest deeper than allowed is measured first. The measurement
is linear and looks at brackets and quotes only. Decoding itself is in `codec`.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate
from typing import TypeAlias

from .errors import DecodeError, snippet

# One WebSocket message.
Frame: TypeAlias = bytes | bytearray | memoryview | str

# 343 levels crash CPython 3.13 on a 128 KiB stack (musl's default); measured with msgspec 0.22.
HARD_MAX_DEPTH = 300
DEFAULT_MAX_DEPTH = 256
DEFAULT_MAX_FRAME_BYTES = 128 * 1024 * 1024

_ALL_BUT_BRACKETS_AND_QUOTES = bytes(set(range(256)) - set(b'"{}[]'))
_ALL_BUT_OPENING = bytes(set(range(256)) - set(b"{["))
_STRING = re.compile(rb'"[^"]*(?:"|$)')
# The change of depth at each bracket, as signed bytes.
_STEPS = bytes.maketrans(b"{[}]", b"\1\1\xff\xff")


def nesting_depth(frame: bytes | bytearray) -> int:
    """Return how deep the arrays and objects of `frame` nest, ignoring brackets in strings.

    Exact for JSON; for other bytes, exact up to the first byte that is not JSON.
    """
    if b"\\" in frame:
        frame = frame.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two adjacent quotes are a string without brackets, or the boundary of two strings; removing
    # both leaves every bracket on its side of the quotes (8 times faster than _STRING alone).
    brackets = frame.translate(None, _ALL_BUT_BRACKETS_AND_QUOTES).replace(b'""', b"")
    if b'"' in brackets:
        brackets = _STRING.sub(b"", brackets)
    return max(accumulate(array("b", brackets.translate(_STEPS))), default=0)


def bounded(frame: Frame, max_bytes: int) -> bytes:
    """Return `frame` as immutable bytes, refusing it before it is copied if it is too long.

    Raises:
        DecodeError: `frame` has more than `max_bytes` bytes.
        TypeError: `frame` is neither a str nor a buffer.
        UnicodeEncodeError: a str with lone surrogates.
        ValueError: a memoryview that was released.
    """
    if isinstance(frame, str):
        raw = frame.encode() if len(frame) <= max_bytes else b""
        nbytes = max(len(raw), len(frame))
    elif type(frame) is bytes:
        raw, nbytes = frame, len(frame)
    else:
        view = memoryview(frame)
        nbytes = view.nbytes
        raw = view.tobytes() if nbytes <= max_bytes else b""
    if nbytes > max_bytes:
        raise DecodeError(f"the frame has {nbytes} bytes, more than {max_bytes}")
    return raw


def check_depth(frame: bytes, max_depth: int) -> None:
    """Raise DecodeError if `frame` nests deeper than `max_depth`."""
    if len(frame.translate(None, _ALL_BUT_OPENING)) > max_depth and nesting_depth(frame) > max_depth:
        raise DecodeError(f"the frame nests deeper than {max_depth}", payload=snippet(frame))
