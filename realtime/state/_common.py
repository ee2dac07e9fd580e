"""Helpers that every object of `realtime.state` uses to read events.

Nothing here knows a particular event; each object has its own table of handlers. Read
`conversation` or `playback` next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import UNSET

from .._provider import Provider
from ..format import AudioFormat, Side, session_format

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


def find_by_class(event: object, by_class: Mapping[type, _H]) -> _H | None:
    """Return the handler for the class of `event`, or for the first of its base classes with one, or None.

    Events of a provider's own derive from those of its base dialect. The result may be cached by class.

    Raises:
        TypeError: `event` is a raw frame.
    """
    reject_raw_frame(event)
    return next((by_class[base] for base in type(event).__mro__ if base in by_class), None)


def stated_format(session: object, side: Side, provider: Provider | None) -> AudioFormat | None:
    """Return the audio format that a session states for `side`, or None, in the spellings of `provider`."""
    if provider is None:
        return session_format(session, side)
    return provider.stated_format(session, side)


def made_call_id(
    item_id: str | None, response_id: str | None, output_index: int | None, event_id: object
) -> str:
    """Return an id for a call to which its server gives none, from its place or its event; "" without either."""
    place = f"{response_id}.{output_index or 0}" if response_id else ""
    return item_id or place or (event_id if isinstance(event_id, str) else "")


def get_field(struct: object, name: str) -> Any:
    """Return a field's value. Returns None if it is absent or null, or if there is no such field."""
    value = getattr(struct, name, None)
    return None if value is UNSET else value
