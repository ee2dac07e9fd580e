"""Base64 inside a frame: its position, its validation, and the number of bytes it decodes to.

Nothing here decodes JSON. Audio that only changes its envelope is validated here and copied as
base64 (`telephony`, `recording`); decoding into events is in `codec`, encoding in `append`.
"""

from __future__ import annotations

from typing import Final

from pybase64 import b64decode

# The characters that may precede the padding: an encoder leaves no stray bits in the last one.
# Source: RFC 4648, section 3.5. Read 2026-11-24.
_LAST_OF_TWO: Final = b"AQgw"  # before "==": the lower four of six bits are 0
_LAST_OF_THREE: Final = b"AEIMQUYcgkosw048"  # before "=": the lower two
# The key of a member is searched in this many bytes from the start; real heads are under 300.
HEAD_BYTES: Final = 1024


def is_canonical(base64: bytes) -> bool:
    """Return True if `base64` is exactly what an encoder writes.

    That is: the standard alphabet only, padded, without white space and without stray bits in
    the last character.
    """
    try:
        b64decode(base64, None, True)
    except ValueError:
        return False
    if base64.endswith(b"=="):
        return base64[-3] in _LAST_OF_TWO
    return not base64.endswith(b"=") or base64[-2] in _LAST_OF_THREE


def decoded_nbytes(base64: bytes) -> int:
    """Return how many bytes canonical `base64` decodes to."""
    return len(base64) // 4 * 3 - base64.count(b"=", -2)


def find_member(frame: bytes, *heads: bytes) -> tuple[int, int] | None:
    """Return the start and end of a base64 string in `frame`, without its quotes.

    `heads` are the spellings of the member's key with the opening quote of its value, such as
    ``b'"delta":"'``; the first one found within `HEAD_BYTES` bytes counts. Returns None if there is
    none, or if the string does not end. The base64 is not validated.
    """
    for head in heads:
        start = frame.find(head, 0, HEAD_BYTES)
        if start >= 0:
            start += len(head)
            end = frame.find(b'"', start)
            return None if end < 0 else (start, end)
    return None
