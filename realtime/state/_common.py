"""What every `feed` of the state objects refuses: a frame in the place of its event, which would be passed over without a word."""

from __future__ import annotations

_FRAMES = (str, bytes, bytearray, memoryview, dict)


def no_frame(event: object) -> None:
    """Look at what is no event that is known.

    Raises:
        TypeError: it is a frame.
    """
    if isinstance(event, _FRAMES):
        raise TypeError(f"an event is needed, not {type(event).__name__}: decode_server makes one of a frame")
