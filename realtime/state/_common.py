"""Helpers that every object of `realtime.state` uses to read events.

Nothing here knows a particular event; each object has its own table of handlers. Read
`conversation` or `playback` next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import UNSET

_H = TypeVar("_H")
_RAW_FRAMES = (str, bytes, bytearray, memoryview, dict)


def reject_raw_frame(event: object) -> None:
    """Raise TypeError if `event` is a frame that was not decoded.

    An object of an unknown class is ignored by every `feed`. A frame passed by mistake would
    be ignored as well, without any sign of the mistake.
    """
    if isinstance(event, _RAW_FRAMES):
        raise TypeError(f"expected an event, got {type(event).__name__}: decode the frame with decode_server")


def find_handler(event: object, by_type: Mapping[str, _H]) -> _H | None:
    """Return the handler for the wire type of `event`, or None.

    The type is read from the class, so the result may be cached by class. Events of an unknown
    type have no handler.

    Raises:
        TypeError: `event` is a raw frame.
    """
    reject_raw_frame(event)
    config = getattr(event, "__struct_config__", None)
    return by_type.get(getattr(config, "tag", None) or "")


def get_field(struct: object, name: str) -> Any:
    """Return a field's value. Returns None if it is absent or null, or if there is no such field."""
    value = getattr(struct, name, None)
    return None if value is UNSET else value
