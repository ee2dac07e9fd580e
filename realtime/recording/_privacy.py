"""TEMPORARY: old name of redact."""

from __future__ import annotations

from .redact import AUDIO_MEMBERS as AUDIO_MEMBERS  # TEMPORARY: old name


def raw_length(base64: bytes) -> int:  # TEMPORARY: old name
    """Return how many bytes `base64` decodes to."""
    if b"\\" in base64:
        base64 = base64.replace(b"\\/", b"/")
    return max(0, len(base64) // 4 * 3 - base64[-2:].count(b"="))
