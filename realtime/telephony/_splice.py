"""Audio from one JSON frame into another as the base64 that it is: not decoded, not encoded.

A cut gives a frame's audio as checked base64, a join puts it between a head and a tail. The
result is, byte for byte, what decoding the frame and encoding its audio gives, or the cut steps
aside with None, and that is what to do. It steps aside for whatever is not plain: base64 that an
encoder would not write, other containers than bytes and str, frames that might nest deep,
messages that do not decode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from .. import beta, codec
from ..events import ResponseOutputAudioDelta
from ._base64 import ALPHABET, ENDS, is_exact
from ._wire import MAX_FRAME_BYTES, Reader, is_shallow

if TYPE_CHECKING:
    from .._types import Buffer, Frame

M = TypeVar("M")
# `realtime.encode_append`, or another dialect's.
EncodeAppend: TypeAlias = "Callable[[Buffer | str], bytes]"
CutMedia: TypeAlias = "Callable[[Frame], tuple[M, bytes] | None]"

# The tracks of what the caller says; others are what the caller hears, our own audio among it.
_CALLERS = ("inbound", None)
_ARRAY, _OBJECT, _BACKSLASH = b"[{\\"
_join = b"".join


def is_callers(track: str | None) -> bool:
    """Whether this track is what the caller says: "inbound", or where only that is sent none."""
    return track in _CALLERS


# --- From the carrier -----------------------------------------------------------------


def media_cutter(reader: Reader[Any], media: type[M]) -> CutMedia[M]:
    """A function that gives a frame's message, of type `media`, less its audio, and the audio as base64.

    None for every other frame: other messages, other tracks, what is not plain.
    """
    skim = reader.skim
    kind: Any = media

    def cut(frame: Any) -> tuple[M, bytes] | None:
        if not is_shallow(frame):
            return None
        try:
            message: Any = skim(frame)
            if message.__class__ is not kind:
                return None
            body = message.media
            if body.track not in _CALLERS:
                return None
            base64 = body.payload.encode()
            body.payload = b""
        except ValueError:  # msgspec's errors are, too
            return None
        padding = base64.translate(None, ALPHABET)  # is_exact, in place: it is most of the work
        if len(base64) & 3 or base64[~len(padding) :] not in ENDS:
            return None
        return message, base64

    return cut


def append_splicer(
    cut: CutMedia[Any], encode_append: EncodeAppend = codec.encode_append
) -> Callable[[Frame], bytes | None]:
    """A function that makes a carrier's media frame the append frame of a dialect, or gives None."""
    empty = encode_append(b"")
    at = empty.rindex(b'""') + 1
    head, tail = empty[:at], empty[at:]

    def media_to_append(frame: Frame) -> bytes | None:
        found = cut(frame)
        return None if found is None else _join((head, found[1], tail))

    return media_to_append


# --- From the server ------------------------------------------------------------------

# The audio deltas that name an item, by the dialects that have them.
AudioDelta = ResponseOutputAudioDelta | beta.ResponseAudioDelta
_decode_delta = msgspec.json.Decoder(AudioDelta).decode
# What the audio stands behind, as most servers write it and as Python's json does; and how far
# from the start. Real heads are under 300 bytes.
_HEADS = (b'"delta":"', b'"delta": "')
_HEAD_BYTES = 1024


def cut_delta(frame: Frame) -> tuple[AudioDelta, bytes] | None:
    """An audio delta of GA or beta less its audio, and the audio as base64.

    None for every other frame, and for a delta that is not plain: `realtime.decode_server` reads
    what there is to be read of it.
    """
    try:
        raw: Any = frame.encode() if isinstance(frame, str) else frame
    except UnicodeError:
        return None
    if raw.__class__ is not bytes or len(raw) > MAX_FRAME_BYTES:
        return None
    for head in _HEADS:
        at = raw.find(head, 0, _HEAD_BYTES)
        if at >= 0:
            break
    else:
        return None
    start = at + len(head)
    end = raw.find(b'"', start)
    rest, base64 = raw[:start] + raw[end:], raw[start:end]
    # One flat object that names the audio once. Where no quote ends the audio, the rest is no JSON.
    if _BACKSLASH in rest or _ARRAY in rest or _OBJECT in rest[1:] or rest.count(b'"delta"') != 1:
        return None
    try:
        event = _decode_delta(rest)
    except ValueError:
        return None
    return (event, base64) if is_exact(base64) else None
