"""Fast encoding of events that carry audio: SIMD base64, inserted into JSON that is encoded without it.

An append, the most frequent event of a client, is joined from a head, the base64 and a tail. Any
other event with audio is encoded without its audio first. Decoding is in `codec`; base64 that is
only relayed in `_base64`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pybase64
from msgspec import UNSET, UnsetType

from . import spec
from .errors import EncodeError

if TYPE_CHECKING:
    # collections.abc.Buffer is 3.12's; type checkers bundle typing_extensions.
    from typing_extensions import Buffer as Buffer

Append: TypeAlias = Callable[[Any, "str | UnsetType | None"], bytes]

# From here on the separate encoding of audio costs less than msgspec's base64 (benchmarks:
# codec.EncodeAudioDelta).
SPLICE_MIN_BYTES = 2000
_MAX_BASE64_CHARS = (spec.MAX_APPEND_BYTES + 2) // 3 * 4
_AUDIO_ITEMS = frozenset({"B", "b", "c", "h", "<h", "=h"})


def append_encoder(tag: str, encode: Callable[[Any], bytes], *, checks_base64: bool) -> Append:
    """Return a function of (audio, event_id) that encodes the append event of type `tag`.

    Audio is a buffer, or a str of base64. With `checks_base64` the str is validated; otherwise
    it is sent as any other str.
    """
    b64encode, join, max_bytes = pybase64.b64encode, b"".join, spec.MAX_APPEND_BYTES
    head = b'{"type":"%b","audio":"' % tag.encode()
    head_with_id = b'{"type":"%b","event_id":' % tag.encode()

    def base64_of(text: str) -> bytes:
        if len(text) > _MAX_BASE64_CHARS:
            raise EncodeError("more audio than one append may carry", event_type=tag)
        if not checks_base64:
            return encode(text)[1:-1]
        try:
            from_base64(text)
        except ValueError:
            raise EncodeError("a str of audio must be base64", event_type=tag) from None
        return text.encode()

    def append(audio: Any, event_id: str | UnsetType | None) -> bytes:
        if audio.__class__ is bytes and event_id is UNSET and len(audio) <= max_bytes:
            return join((head, b64encode(audio), b'"}'))
        if isinstance(audio, str):
            return frame_of(base64_of(audio), event_id)
        audio = as_bytes_view(audio)
        if len(audio) > max_bytes:
            raise EncodeError(
                f"{len(audio)} bytes are more than the {max_bytes} of one append", event_type=tag
            )
        return frame_of(b64encode(audio), event_id)

    def frame_of(base64: bytes, event_id: str | UnsetType | None) -> bytes:
        if event_id is UNSET:
            return join((head, base64, b'"}'))
        if event_id is not None and not isinstance(event_id, str):
            raise TypeError(f"an event_id must be a str, not {type(event_id).__name__}")
        return join((head_with_id, encode(event_id), b',"audio":"', base64, b'"}'))

    return append


def without_audio(event: Any, name: str) -> tuple[Any, bytes]:
    """Return `event` without the audio of its field `name`, and the audio, if that is faster to encode."""
    audio = getattr(event, name)
    if type(audio) is not bytes or len(audio) < SPLICE_MIN_BYTES:
        return event, b""
    rest = copy.copy(event)
    setattr(rest, name, b"")
    return rest, audio


def with_audio(frame: bytes, name: str, audio: bytes) -> bytes:
    """Insert `audio` as field `name` into `frame`, an encoded event without audio.

    The key occurs once in such a frame: the event is flat, and quotes in strings are escaped.
    """
    head, key, tail = frame.partition(f'"{name}":"'.encode())
    return b"".join((head, key, pybase64.b64encode(audio), tail))


def from_base64(text: str) -> bytes:
    """Decode standard base64, padded and without white space; anything else is a ValueError."""
    return pybase64.b64decode(text, None, True)


def as_bytes_view(audio: Any) -> memoryview:
    """Return the bytes of a buffer of bytes or int16, without a copy if it is contiguous.

    Raises:
        TypeError: `audio` is no buffer, or its items are neither bytes nor int16.
    """
    try:
        view = memoryview(audio)
    except TypeError:
        raise TypeError(f"audio must be a buffer or a str, not {type(audio).__name__}") from None
    if view.format not in _AUDIO_ITEMS:
        raise TypeError(f"raw audio must be bytes or little-endian int16, not items of {view.format!r}")
    if view.c_contiguous and view.nbytes:
        return view.cast("B")
    return memoryview(view.tobytes())
