"""Frames that carry audio, written without building JSON of it: SIMD base64, put in its place.

An append, which a client sends most, is a head, base64 and a tail in one join; what a str of
base64 says goes in as it is. Any other event goes through the encoder without its audio.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import UNSET, UnsetType

from . import spec
from .errors import EncodeError

Append: TypeAlias = Callable[[Any, "str | UnsetType | None"], bytes]

_MAX_BASE64_CHARS = (spec.MAX_APPEND_BYTES + 2) // 3 * 4
# From here on the detour costs less than msgspec's own base64 (benchmarks: codec.EncodeAudioDelta).
_LONG_BYTES = 2000
_AUDIO_ITEMS = frozenset({"B", "b", "c", "h", "<h", "=h"})


def appender(tag: str, encode: Callable[[Any], bytes], *, checks_base64: bool) -> Append:
    """A function of (audio, event_id) that gives the append frame of type `tag`.

    Audio is a buffer, or a str of base64, checked to be that or sent as any str is.
    """
    import pybase64  # at the first append: `import realtime` stays cheap

    b64encode = pybase64.b64encode
    head = b'{"type":"%b","audio":"' % tag.encode()
    join, most = b"".join, spec.MAX_APPEND_BYTES
    head_of_named = b'{"type":"%b","event_id":' % tag.encode()

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
        if audio.__class__ is bytes and event_id is UNSET and len(audio) <= most:
            return join((head, b64encode(audio), b'"}'))
        if isinstance(audio, str):
            return framed(base64_of(audio), event_id)
        audio = octets(audio)
        if len(audio) > most:
            raise EncodeError(f"{len(audio)} bytes are more than the {most} of one append", event_type=tag)
        return framed(b64encode(audio), event_id)

    def framed(value: bytes, event_id: str | UnsetType | None) -> bytes:
        if event_id is UNSET:
            return join((head, value, b'"}'))
        if event_id is not None and not isinstance(event_id, str):
            raise TypeError(f"an event_id is a str, not {type(event_id).__name__}")
        return join((head_of_named, encode(event_id), b',"audio":"', value, b'"}'))

    return append


def without_audio(event: Any, name: str) -> tuple[Any, bytes]:
    """`event` and the audio of its field `name`, apart where it is quicker to encode them so."""
    audio = getattr(event, name)
    if type(audio) is not bytes or len(audio) < _LONG_BYTES:
        return event, b""
    rest = copy.copy(event)
    setattr(rest, name, b"")
    return rest, audio


def with_audio(frame: bytes, name: str, audio: bytes) -> bytes:
    """`frame`, of an event without audio, with `audio` as its field `name`.

    The key stands once in such an event, which is flat; quotes in strings are escaped.
    """
    import pybase64

    head, key, tail = frame.partition(f'"{name}":"'.encode())
    return b"".join((head, key, pybase64.b64encode(audio), tail))


def from_base64(text: str) -> bytes:
    """The bytes of standard base64, padded and without white space; ValueError for anything else."""
    import pybase64

    return pybase64.b64decode(text, None, True)


def octets(audio: Any) -> memoryview:
    """The bytes of a buffer of bytes or int16, without a copy where it is contiguous.

    Raises:
        TypeError: `audio` is no buffer, or its items are neither bytes nor int16.
    """
    try:
        view = memoryview(audio)
    except TypeError:
        raise TypeError(f"audio must be a buffer or a str, not {type(audio).__name__}") from None
    if view.format not in _AUDIO_ITEMS:
        raise TypeError(f"raw audio is bytes or little-endian int16, not items of {view.format!r}")
    if view.c_contiguous and view.nbytes:
        return view.cast("B")
    return memoryview(view.tobytes())
