"""Base64 that need not be decoded: whether it is what an encoder writes, and how much it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pybase64

from ..append import octets
from ..errors import EncodeError

if TYPE_CHECKING:
    from .._types import Buffer

# Source: RFC 4648, section 4: the alphabet; section 3.5: an encoder leaves no stray bits in the last
# character before the padding, so few may stand there. Read 2026-11-24.
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# How base64 ends: one character and the padding, if any.
ENDS = frozenset(
    [b""]
    + [ALPHABET[i : i + 1] for i in range(64)]
    + [ALPHABET[i : i + 1] + b"=" for i in range(0, 64, 4)]
    + [ALPHABET[i : i + 1] + b"==" for i in range(0, 64, 16)]
)

from_base64, to_base64 = pybase64.b64decode, pybase64.b64encode


def is_exact(base64: bytes) -> bool:
    """Whether this is what an encoder writes: the alphabet, the padding, no stray bits."""
    # What the alphabet leaves over is the padding, or it fits no end.
    padding = base64.translate(None, ALPHABET)
    return not len(base64) % 4 and base64[~len(padding) :] in ENDS


def base64_of(audio: Buffer | str) -> bytes:
    """Raw audio as base64; a str that is exact base64, as it is.

    Raises:
        EncodeError: a str that is not what an encoder writes.
        TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
    """
    if not isinstance(audio, str):
        return to_base64(octets(audio))
    base64 = audio.encode("ascii", "replace")
    if not is_exact(base64):
        raise EncodeError("a str of audio must be base64")
    return base64


def nbytes_of(base64: bytes) -> int:
    """How many bytes exact base64 stands for."""
    return len(base64) // 4 * 3 - base64[-2:].count(b"=")
