"""Refusals: the reasons for which the server rejects a client event, with the code and message of each.

The table below is the only place with codes and messages; those of OpenAI's server are copied word for
word where they are known. Code that rejects an event raises a rule of the table:
``raise refusals.NO_ACTIVE_RESPONSE()``. `protocol` turns a `Refusal` into an `error` event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from .. import spec
from .._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, Frame, bounded, check_depth
from ..errors import DecodeError, snippet
from ..events import Error, ErrorDetail, Unknown
from ..format import AudioFormat

_MISSING: Final = re.compile(r"^Object missing required field `([^`]*)`")


@dataclass(eq=False)
class Refusal(Exception):
    """A client event that the server rejects, with the `code`, `message` and `param` of its error."""

    code: str
    message: str
    param: str | None = None

    def event(self, client_event_id: str | None) -> Error:
        """Return the `error` event about the client event `client_event_id`."""
        detail = ErrorDetail(
            type="invalid_request_error",
            code=self.code,
            message=self.message,
            param=self.param,
            event_id=client_event_id,
        )
        return Error(error=detail)


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason for rejecting an event. `message`, `param` and `code` may contain placeholders.

    `{value}` stands for text from the client and is shortened; `{supported}` for a list of values.
    """

    message: str
    param: str | None = None
    code: str = "invalid_value"

    def __call__(self, *, supported: Iterable[str] = (), value: object = "", **fields: object) -> Refusal:
        """Return the refusal with the placeholders replaced."""
        fields["supported"] = ", ".join(f"'{each}'" for each in supported)
        fields["value"] = snippet(value)
        param = None if self.param is None else self.param.format(**fields)
        return Refusal(self.code.format(**fields), self.message.format(**fields), param)


# --- Frames and values ---------------------------------------------------------------

MISSING_TYPE: Final = Rule("The 'type' field is missing.", "type", code="invalid_event")
MISSING_PARAMETER: Final = Rule(
    "Missing required parameter: '{param}'.", "{param}", code="missing_required_parameter"
)
INVALID_JSON: Final = Rule("The event could not be read: {reason}.", code="invalid_json")
INVALID_PARAMETER: Final = Rule("Invalid '{param}': {reason}.", "{param}")
INVALID_VALUE: Final = Rule("Invalid value: '{value}'.", "{param}")
UNSUPPORTED_VALUE: Final = Rule("Invalid value: '{value}'. Supported values are: {supported}.", "{param}")
EVENT_ID_TOO_LONG: Final = Rule(
    "Invalid 'event_id': string too long, at most {limit} characters.",
    "event_id",
    code="string_above_max_length",
)

# --- Sessions ------------------------------------------------------------------------

SESSION_TYPE_MISMATCH: Final = Rule(
    "Passing a {value} session update event to a {current} session is not allowed.", "session.type"
)
VOICE_LOCKED: Final = Rule(
    "Cannot update a conversation's voice if assistant audio is present.",
    "session.audio.output.voice",
    code="cannot_update_voice",
)
INPUT_FORMAT_LOCKED: Final = Rule(
    "The input format cannot change while there is audio in the input buffer.", "session.audio.input.format"
)
INVALID_MODALITIES: Final = Rule(
    "Invalid modalities: {value}. Supported combinations are: {combinations}.", "{param}"
)

# --- Input audio ---------------------------------------------------------------------

APPEND_TOO_LARGE: Final = Rule("Invalid 'audio': more than 15 MiB in one append.", "audio")
APPEND_PARTIAL_SAMPLE: Final = Rule(
    "Invalid 'audio': {nbytes} bytes are not a whole number of samples.", "audio"
)
INPUT_BUFFER_FULL: Final = Rule("Invalid 'audio': the input buffer is full.", "audio")
INPUT_BUFFER_TOO_SMALL: Final = Rule(
    "Error committing input audio buffer: buffer too small. Expected at least "
    "{min_ms}ms of audio, but buffer only has {buffer_ms:.2f}ms of audio.",
    code="input_audio_buffer_commit_empty",
)
NOT_ON_WEBSOCKET: Final = Rule("'{value}' is for WebRTC and SIP connections only.", "type")

# --- Items ---------------------------------------------------------------------------

ITEM_EXISTS: Final = Rule("The item with id '{value}' already exists.", "item.id")
ITEM_NOT_FOUND: Final = Rule(
    "Item {action} failed: the item with id '{value}' does not exist.",
    "item_id",
    code="item_{action}_invalid_item_id",
)
PREVIOUS_ITEM_NOT_FOUND: Final = Rule(
    "Item create failed: the previous item with id '{value}' does not exist.",
    "previous_item_id",
    code="item_create_invalid_previous_item_id",
)
ITEM_PARTIAL_SAMPLE: Final = Rule("Invalid audio: it is not a whole number of samples.", "{param}")
TRUNCATE_NOT_ASSISTANT: Final = Rule("Only the assistant's messages can be truncated.", "item_id")
TRUNCATE_NO_AUDIO: Final = Rule("There is no audio at this content_index.", "content_index")
TRUNCATE_NEGATIVE: Final = Rule("Invalid 'audio_end_ms': must not be negative.", "audio_end_ms")
TRUNCATE_TOO_SHORT: Final = Rule(
    "Audio content of {audio_ms}ms is already shorter than {audio_end_ms}ms", "audio_end_ms"
)

# --- Responses -----------------------------------------------------------------------

NO_RESPONSES: Final = Rule("A transcription session has no responses.", "type")
RESPONSE_ACTIVE: Final = Rule(
    "Conversation already has an active response in progress: "
    "{response_id}. Wait until the response is finished before creating a new one.",
    code="conversation_already_has_active_response",
)
NO_ACTIVE_RESPONSE: Final = Rule(
    "Cancellation failed: no active response found", code="response_cancel_not_active"
)
INVALID_RESPONSE_FORMAT: Final = Rule("Invalid format: {reason}.", "response.audio.output.format")

# --- Translation ---------------------------------------------------------------------

SESSION_CLOSING: Final = Rule("The session is being closed.", code="session_closing")
SETTING_FIXED: Final = Rule("'{param}' is set when the session is created.", "{param}")
INVALID_LANGUAGE: Final = Rule("Invalid '{param}': '{value}' is not a language code such as 'es'.", "{param}")


# --- Checks that all dialects share --------------------------------------------------


def undecodable(error: DecodeError) -> Refusal:
    """Return the refusal of a frame that could not be decoded."""
    path = error.path.removeprefix("$").removeprefix(".")
    missing = _MISSING.match(error.reason)
    if missing:
        param = f"{path}.{missing.group(1)}" if path else missing.group(1)
        return MISSING_TYPE() if param == "type" else MISSING_PARAMETER(param=param)
    if not path:
        return INVALID_JSON(reason=error.reason)
    return INVALID_PARAMETER(param=path, reason=error.reason)


def check_event_id(event: Any) -> None:
    """Check the length of the event's id.

    Raises:
        Refusal: the id is too long.
    """
    if not isinstance(event, Unknown) and len(event.event_id or "") > spec.MAX_EVENT_ID_CHARS:
        raise EVENT_ID_TOO_LONG(limit=spec.MAX_EVENT_ID_CHARS)


def check_append(audio: bytes, format: AudioFormat, free_bytes: int) -> None:
    """Check the audio of one append to a buffer that has room for `free_bytes`.

    Raises:
        Refusal: the append is too large, contains a partial sample, or does not fit.
    """
    if len(audio) > spec.MAX_APPEND_BYTES:
        raise APPEND_TOO_LARGE()
    if len(audio) % format.sample_width:
        raise APPEND_PARTIAL_SAMPLE(nbytes=len(audio))
    if len(audio) > free_bytes:
        raise INPUT_BUFFER_FULL()


class _Head(msgspec.Struct):
    event_id: Any = None


def event_id_of(frame: Frame) -> str | None:
    """Return the event_id in a client's frame, even if the frame is not a valid event."""
    try:
        data = bounded(frame, DEFAULT_MAX_FRAME_BYTES)
        check_depth(data, DEFAULT_MAX_DEPTH)
        found = msgspec.json.decode(data, type=_Head).event_id
    except (DecodeError, msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return found if isinstance(found, str) and found else None
