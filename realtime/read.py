"""The ordinary way from a frame to an event: msgspec, and for long audio a short cut.

The short cut is a splice: the audio's value is cut out of the frame, the short rest goes
through msgspec as the typed event, the audio through SIMD base64 and into its place. It
gives exactly what msgspec gives, or steps aside for it: the rest must be one flat object
without escapes that names the audio once. What neither reads is `repair`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, Union

import msgspec

from ._guard import bounded, check_depth

Read: TypeAlias = Callable[[Any], Any]

# Below this the plain decoder is as fast; measured with msgspec 0.22 and pybase64 1.5 (AVX512).
LEAST_BYTES = 3000
# The audio's key stands before this; real heads are under 300 bytes.
_HEAD_BYTES = 1024
# What else stands behind it is no longer than this, or the plain decoder reads the frame.
_TAIL_BYTES = 256
_ARRAY, _OBJECT, _QUOTE, _BACKSLASH = b'[{"\\'


def _splicer(members: tuple[Any, ...], decode: Read) -> Read:
    """A function that decodes a long frame of `members` by splicing, or gives None."""
    import pybase64  # at the first long frame: `import realtime` stays cheap

    b64decode, view = pybase64.b64decode, memoryview
    fields = {member: member.audio_field for member in members if member.audio_field}
    # (what the audio's value stands behind, its quoted key, the field), as most servers write
    # it and as Python's json does.
    heads = [
        (f'"{name}":{space}"'.encode(), f'"{name}"'.encode(), name)
        for name in sorted(set(fields.values()))
        for space in ("", " ")
    ]

    def splice(frame: bytes) -> Any:
        for head, key, name in heads:  # noqa: B007 (all are used after the loop)
            at = frame.find(head, 0, _HEAD_BYTES)
            if at >= 0:
                break
        else:
            return None
        start = at + len(head)
        # Most servers write the audio last; then its end is the frame's, and needs no search. Base64
        # has no quotes: where this guess takes in more than the value, b64decode refuses it.
        end = len(frame) - 2
        if end < start or frame[end:] != b'"}' or _QUOTE in frame[max(start, end - _TAIL_BYTES) : end]:
            end = frame.find(b'"', start)
            if end < 0:
                return None
        rest = frame[:start] + frame[end:]
        inner = rest[1:]
        if _BACKSLASH in inner or _ARRAY in inner or _OBJECT in inner or inner.count(key) != 1:
            return None
        try:
            event = decode(rest)
            audio = b64decode(view(frame)[start:end], None, True)
        except ValueError:  # msgspec's errors are, too
            return None
        if fields.get(event.__class__) != name:
            return None
        setattr(event, name, audio)
        return event

    return splice


def readers(members: tuple[Any, ...], max_bytes: int, max_depth: int) -> tuple[Read, Read]:
    """The decoders of short frames, which can break no limit, and of long ones.

    They raise what msgspec raises, and DecodeError for a frame over a limit.
    """
    decode = msgspec.json.Decoder(Union[members]).decode  # noqa: UP007 (made from a tuple)
    splice: Read | None = None

    def read(frame: Any) -> Any:
        nonlocal splice
        if type(frame) is not bytes or len(frame) > max_bytes:
            frame = bounded(frame, max_bytes)  # what is not bytes is copied: events alias nothing
        if len(frame) >= LEAST_BYTES:
            if splice is None:
                splice = _splicer(members, decode)
            event = splice(frame)
            if event is not None:
                return event
        # Deltas are flat, which memchr sees at once; what is not is measured.
        if _ARRAY in frame or frame.rfind(b"{"):
            check_depth(frame, max_depth)
        return decode(frame)

    return decode, read
