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
# Brackets that are counted at once.
_BLOCK = 256
# The part of a frame that is measured at once: longer than most frames, and as fast as any longer one.
_SEGMENT_BYTES = 1 << 16


def nests_deeper(frame: bytes, max_depth: int) -> bool:
    """Return True if the arrays and objects of `frame` nest deeper than `max_depth`.

    Brackets in strings do not count. Exact for JSON; for other bytes, exact up to the first byte that
    is not JSON. Reads no more than `_SEGMENT_BYTES` after the bracket that exceeds the limit.
    """
    start = depth = 0
    in_string = b""  # the opening quote of a string that an earlier segment began
    while start < len(frame):
        segment = frame[start : start + _SEGMENT_BYTES]
        if (len(segment) - len(segment.rstrip(b"\\"))) % 2:
            segment += frame[start + len(segment) : start + len(segment) + 1]  # what the backslash escapes
        start += len(segment)
        if b"\\" in segment:
            segment = segment.replace(b"\\\\", b"").replace(b'\\"', b"")
        # Two adjacent quotes are a string without brackets, or the boundary of two strings; removing
        # both leaves every bracket on its side of the quotes (8 times faster than _STRING alone).
        marks = segment.translate(None, _ALL_BUT_BRACKETS_AND_QUOTES)
        marks = (in_string + marks).replace(b'""', b"")
        if b'"' in marks:
            in_string = b'"' * (marks.count(b'"') % 2)
            marks = _STRING.sub(b"", marks)
        else:
            in_string = b""
        steps = marks.translate(_STEPS)
        for at in range(0, len(steps), _BLOCK):
            block = steps[at : at + _BLOCK]
            opened = block.count(1)
            # Most blocks could not exceed the limit if they opened everything first.
            if depth + opened > max_depth and depth + max(accumulate(array("b", block))) > max_depth:
                return True
            depth += 2 * opened - len(block)
    return False


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
    """Raise DecodeError if `frame` nests deeper than `max_depth`.

    Reads no more than `_SEGMENT_BYTES` after the bracket that exceeds the limit.
    """
    size = len(frame)
    # An object that contains another value takes four bytes at least: {"":
    if size < 4 * max_depth and size // 4 + frame.count(b"[") < max_depth:
        return
    opened = 0
    for start in range(0, size, _SEGMENT_BYTES):
        opened += len(frame[start : start + _SEGMENT_BYTES].translate(None, _ALL_BUT_OPENING))
        if opened > max_depth:
            break
    else:
        return
    if nests_deeper(frame, max_depth):
        raise DecodeError(f"the frame nests deeper than {max_depth}", payload=snippet(frame))
