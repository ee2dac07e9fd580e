"""What the server says no to: one exception inside, one `error` event outside.

Codes and sentences are those of OpenAI's server where they are known. Nothing here knows
sessions; `event_id_of` finds whose event was refused, even where it could not be decoded.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from .._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, bounded, check_depth
from .._types import Frame
from ..errors import DecodeError, snippet
from ..events import ClientEvent, Error, ErrorDetail, UnknownEvent

_MISSING = re.compile(r"^Object missing required field `([^`]*)`")


class Refusal(Exception):
    """A client event that is not accepted. Attributes: `code`, `message`, `param`."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param

    def event(self, client_event_id: str | None) -> Error:
        """The `error` event for it, naming the client's event."""
        detail = ErrorDetail(
            type="invalid_request_error",
            code=self.code,
            message=self.message,
            param=self.param,
            event_id=client_event_id,
        )
        return Error(error=detail)


def of_decode_error(error: DecodeError) -> Refusal:
    """The refusal of a frame that could not be decoded."""
    path = error.path.removeprefix("$").removeprefix(".")
    missing = _MISSING.match(error.reason)
    if missing:
        param = f"{path}.{missing.group(1)}" if path else missing.group(1)
        if param == "type":
            return Refusal("invalid_event", "The 'type' field is missing.", param)
        return Refusal("missing_required_parameter", f"Missing required parameter: '{param}'.", param)
    if not path:
        return Refusal("invalid_json", f"The event could not be read: {error.reason}.")
    return Refusal("invalid_value", f"Invalid '{path}': {error.reason}.", path)


def unknown_type(kind: str, known: list[str]) -> Refusal:
    """The refusal of an event that no client sends."""
    listed = ", ".join(f"'{name}'" for name in known)
    return Refusal(
        "invalid_value", f"Invalid value: '{snippet(kind)}'. Supported values are: {listed}.", "type"
    )


class _Head(msgspec.Struct):
    event_id: Any = None


def event_id_of(frame: Frame | ClientEvent) -> str | None:
    """The event_id that a client gave an event or a frame, None where it gave none."""
    if not isinstance(frame, (bytes, bytearray, memoryview, str, UnknownEvent)):
        return frame.event_id or None
    raw = frame.raw if isinstance(frame, UnknownEvent) else frame
    try:
        data = bounded(raw, DEFAULT_MAX_FRAME_BYTES)
        check_depth(data, DEFAULT_MAX_DEPTH)
        found = msgspec.json.decode(data, type=_Head).event_id
    except (DecodeError, msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return found if isinstance(found, str) and found else None
