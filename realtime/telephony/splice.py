"""Cuts the base64 of the audio out of a JSON frame, to copy it into another frame without decoding.

A cut returns the same message and audio as decoding the frame would; if that is not certain, it returns
None, and the caller decodes the frame. Frames of the server are cut here, those of a carrier in
`carrier.Carrier.cut_media`; `_paths` writes the frames. Validation of base64 is in `realtime._base64`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgspec

from .. import beta
from .._base64 import find_member, is_canonical
from .._guard import DEFAULT_MAX_DEPTH
from ..events import ResponseOutputAudioDelta
from ..events.live import SessionOutputAudioDelta

if TYPE_CHECKING:
    from .._guard import Frame

# Carriers send 20 ms in a frame, some up to a few seconds; this is minutes of audio.
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
# A frame without arrays whose objects all start before this nests no deeper than is allowed.
_SHALLOW_CHARS: Final = DEFAULT_MAX_DEPTH
# A str of at most so many characters is at most MAX_FRAME_BYTES bytes.
_SHORT_CHARS: Final = MAX_FRAME_BYTES // 4
_ARRAY, _OBJECT, _BACKSLASH = b"[{\\"


def is_shallow(frame: Any) -> bool:
    """Return True if `frame` is bytes or a str, short, and cannot nest deeper than is allowed.

    Counting brackets costs four times as much as the searches before it (benchmarks/telephony.py).
    """
    if frame.__class__ is str:
        shallow = "[" not in frame and "{" not in frame[_SHALLOW_CHARS:]
        shallow = shallow or frame.count("{") + frame.count("[") <= DEFAULT_MAX_DEPTH
    elif frame.__class__ is bytes:
        shallow = _ARRAY not in frame and _OBJECT not in frame[_SHALLOW_CHARS:]
        shallow = shallow or frame.count(_OBJECT) + frame.count(_ARRAY) <= DEFAULT_MAX_DEPTH
    else:
        return False
    return shallow and len(frame) <= _SHORT_CHARS


# The audio deltas that name an item, of the dialects that have them.
AudioDelta = ResponseOutputAudioDelta | beta.ResponseAudioDelta
# The spellings of the audio's key, as most servers and as Python's json write it.
_HEADS = (b'"delta":"', b'"delta": "')

D = TypeVar("D")
# Returns a delta without its audio, and the audio; None for a frame that must be decoded.
Cut: TypeAlias = Callable[["Frame"], tuple[D, bytes] | None]


def _cutter(decode: Callable[[bytes], D]) -> Cut[D]:
    """Return a function that cuts the audio out of deltas, which `decode` decodes without it."""

    def cut(frame: Frame, /) -> tuple[D, bytes] | None:
        raw: Any = frame
        if raw.__class__ is str:
            try:
                raw = raw.encode()
            except UnicodeError:
                return None
        if raw.__class__ is not bytes or len(raw) > MAX_FRAME_BYTES:
            return None
        span = find_member(raw, *_HEADS)
        if span is None:
            return None
        start, end = span
        rest, base64 = raw[:start] + raw[end:], raw[start:end]
        # The rest must be one flat object with one "delta", or the audio might not be its value.
        if _BACKSLASH in rest or _ARRAY in rest or rest.rfind(b"{") or rest.count(b'"delta"') != 1:
            return None
        try:
            event = decode(rest)
        except ValueError:  # msgspec's errors are ValueErrors too
            return None
        return (event, base64) if is_canonical(base64) else None

    return cut


cut_delta: Cut[AudioDelta] = _cutter(msgspec.json.Decoder(AudioDelta).decode)
"""Return an audio delta of GA or beta without its audio, and the audio as base64.

Returns None for any other frame, and for a delta with nested values, escapes or base64 that is not
canonical: `realtime.decode_server` decodes those.
"""

cut_live_delta: Cut[SessionOutputAudioDelta] = _cutter(msgspec.json.Decoder(SessionOutputAudioDelta).decode)
"""Return an audio delta of Live as `cut_delta` returns GA's."""
