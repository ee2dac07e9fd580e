"""Refusals: the reasons for which the server rejects a client event, with the code and message of each.

The table below is the only place with codes and messages; those of OpenAI's server are copied word for
word where they are known. Code that rejects an event raises a rule of the table:
``raise refusals.NO_ACTIVE_RESPONSE()``. `protocol` turns a `Refusal` into an `error` event. Read
`structure` for the members that an event may and must have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from .. import spec
from .._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, Frame, bounded, check_depth
from ..errors import DecodeError, snippet
from ..events import Error, ErrorDetail, Unknown
from ..format import AudioFormat

# The source of a rule that no public report confirms.
INFERRED: Final = "inferred"

_MISSING: Final = re.compile(r"^Object missing required field `([^`]*)`")
_EXPECTED: Final = re.compile(r"^Expected `([^`]*)`, got `([^`]*)`")
# The kinds of JSON values as messages spell them, by msgspec's names.
KINDS: Final = {
    "str": "a string",
    "bytes": "a string",
    "int": "an integer",
    "float": "a decimal",
    "bool": "a boolean",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


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
    `source` is where the server's own refusal was reported, or `INFERRED`.
    """

    message: str
    param: str | None = None
    code: str = "invalid_value"
    source: str = INFERRED

    def __call__(self, *, supported: Iterable[str] = (), value: object = "", **fields: object) -> Refusal:
        """Return the refusal with the placeholders replaced."""
        fields["supported"] = listed([f"'{each}'" for each in supported], "and")
        fields["value"] = snippet(value)
        param = None if self.param is None else self.param.format(**fields)
        return Refusal(self.code.format(**fields), self.message.format(**fields), param)


def listed(words: Sequence[str], conjunction: str) -> str:
    """Return ``a``, ``a and b`` or ``a, b, and c``."""
    if len(words) <= 2:
        return f" {conjunction} ".join(words)
    return f"{', '.join(words[:-1])}, {conjunction} {words[-1]}"


# Sources: GitHub issues and pull requests as owner/repository#number, and source files. All read
# 2026-11-29.
# --- Frames and values ---------------------------------------------------------------

MISSING_TYPE: Final = Rule("The 'type' field is missing.", "type", code="invalid_event")
MISSING_PARAMETER: Final = Rule(
    "Missing required parameter: '{param}'.",
    "{param}",
    code="missing_required_parameter",
    source="TanStack/ai#586 (session.type), openai/openai-agents-js#963 (item.content[0].text)",
)
UNKNOWN_PARAMETER: Final = Rule(
    "Unknown parameter: '{param}'.",
    "{param}",
    code="unknown_parameter",
    source="livekit/agents#3444 (beta in GA), openai/openai-python#2638 (GA in beta), livekit/agents#3398, "
    "openai/openai-realtime-api-beta#9",
)
INVALID_TYPE: Final = Rule(
    "Invalid type for '{param}': expected {expected}, but got {got} instead.",
    "{param}",
    code="invalid_type",
    source="livekit/agents#3444 (null), livekit/agents#3466 (a string in the place of an object)",
)
INVALID_JSON: Final = Rule("The event could not be read: {reason}.", code="invalid_json")
TOO_MANY_VALUES: Final = Rule("The event has more than {limit} values.", code="invalid_event")
INVALID_PARAMETER: Final = Rule("Invalid '{param}': {reason}.", "{param}")
INVALID_VALUE: Final = Rule("Invalid value: '{value}'.", "{param}")
UNSUPPORTED_VALUE: Final = Rule(
    "Invalid value: '{value}'. Supported values are: {supported}.",
    "{param}",
    source="openai/openai-go#485 (the wording, of the Responses API)",
)
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
    source="openai/openai-agents-python#1661 (with no param)",
)
REASONING_UNSUPPORTED: Final = Rule(
    "Unsupported parameter: '{param}' is not supported with this model.",
    "{param}",
    code="unsupported_parameter",
    # That the whole update is refused; the wording is that of the Responses API.
    source="pipecat-ai/pipecat, services/openai/realtime/llm.py",
)
INPUT_FORMAT_LOCKED: Final = Rule(
    "The input format cannot change while there is audio in the input buffer.", "session.audio.input.format"
)
INVALID_MODALITIES: Final = Rule(
    "Invalid modalities: {value}. Supported combinations are: {combinations}.",
    "{param}",
    source="BerriAI/litellm#14887",
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
    source="betalgo/openai#674, openai/openai-agents-js#748",
)
NOT_ON_WEBSOCKET: Final = Rule("'{value}' is for WebRTC and SIP connections only.", "type")

# --- Items ---------------------------------------------------------------------------

ITEM_EXISTS: Final = Rule(
    "Error adding item: an item with id '{value}' already exists.",
    code="item_create_duplicate_item_id",
    source="swigerb/SonicAIDriveThru#30",
)
CALL_NOT_FOUND: Final = Rule(
    "Tool call ID '{value}' not found in conversation.",
    code="invalid_tool_call_id",
    source="livekit/agents#3344, openai/openai-agents-js#1687",
)
CALL_ID_PATTERN: Final = Rule(
    "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern "
    "'^[a-zA-Z0-9_-]+$'.",
    "{param}",
    source="livekit/agents#5652 (the pattern)",
)
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
TRUNCATE_UNSUPPORTED: Final = Rule(
    "Only model output audio messages can be truncated",
    code="unsupported_content_type",
    source="livekit/agents#6157, livekit/agents#1016",
)
TRUNCATE_NEGATIVE: Final = Rule("Invalid 'audio_end_ms': must not be negative.", "audio_end_ms")
TRUNCATE_TOO_SHORT: Final = Rule(
    "Audio content of {audio_ms}ms is already shorter than {audio_end_ms}ms",
    "audio_end_ms",
    source="twilio-samples/speech-assistant-openai-realtime-api-python#45",
)

# --- Responses -----------------------------------------------------------------------

NO_RESPONSES: Final = Rule("A transcription session has no responses.", "type")
RESPONSE_ACTIVE: Final = Rule(
    "Conversation already has an active response in progress: "
    "{response_id}. Wait until the response is finished before creating a new one.",
    code="conversation_already_has_active_response",
    source="openai/openai-agents-python#1466",
)
NO_ACTIVE_RESPONSE: Final = Rule(
    "Cancellation failed: no active response found",
    code="response_cancel_not_active",
    source="mapluisch/OpenAI-Realtime-API-for-Unity#5",
)
INVALID_RESPONSE_FORMAT: Final = Rule("Invalid format: {reason}.", "response.audio.output.format")

# --- Translation ---------------------------------------------------------------------

SESSION_CLOSING: Final = Rule("The session is being closed.", code="session_closing")
SETTING_FIXED: Final = Rule("'{param}' is set when the session is created.", "{param}")
INVALID_LANGUAGE: Final = Rule("Invalid '{param}': '{value}' is not a language code such as 'es'.", "{param}")

# --- Live ----------------------------------------------------------------------------

NOT_STARTED: Final = Rule(
    "The session has not started: send 'session.start' first.", "type", "session_not_started"
)
ALREADY_STARTED: Final = Rule("The session has started already.", "type", "session_already_started")
FIELD_IMMUTABLE: Final = Rule(
    "'{param}' cannot change after the session has started.",
    "{param}",
    code="immutable_field_update",
    source="OpenAI, guides/live-conversations (the code)",
)
VOICE_FORBIDDEN: Final = Rule(
    "The voice '{value}' is not available.",
    "session.audio.output.voice",
    code="forbidden",
    source="aplisay/llm-agent, docs/gpt-live.md (the code)",
)
INVALID_AUDIO: Final = Rule(
    "Invalid 'audio': {reason}.",
    "audio",
    code="invalid_audio",
    source="MicrosoftDocs/azure-ai-docs, articles/foundry/openai/gpt-live-reference.md (the code)",
)
RESPONSES_DELEGATION_REQUIRED: Final = Rule(
    "{value} requires Responses delegation.",
    "type",
    code="",
    source="Travizm/dsh-openai-live, docs/protocol.md",
)
DECISIONS_DELEGATION_REQUIRED: Final = Rule("{value} requires Decisions delegation.", "type", code="")
OUTPUTS_REQUIRED: Final = Rule(
    "The output of the function call '{value}' is required before a response can be created.",
    code="function_call_outputs_required",
    source="livekit/agents#7234 (the code)",
)
BACKEND_INPUT_FULL: Final = Rule(
    "The input of the Responses backend is limited to {limit} items and {nbytes} bytes.",
    "item",
    code="response_input_buffer_full",
    source="aplisay/llm-agent#329 (the code)",
)
DELEGATION_NOT_FOUND: Final = Rule(
    "The delegation '{value}' does not exist.", "delegation_id", code="delegation_not_found"
)
DELEGATION_NOT_ALLOWED: Final = Rule(
    "'delegation_id' must be null unless the client is the delegate.", "delegation_id"
)
CONTENT_TOO_LONG: Final = Rule(
    "Invalid 'content': more than 500 tokens.", "content", code="string_above_max_length"
)
APPENDS_PENDING: Final = Rule(
    "{limit} appended texts already wait for input audio.", "type", code="too_many_pending_appends"
)
FIXTURE_ACTIVE: Final = Rule("An audio fixture is playing.", "type", code="fixture_active")
NOT_ON_SIDEBAND: Final = Rule("'{value}' is for the connection that has started the session.", "type")
EVENT_ID_USED: Final = Rule("The event_id '{value}' was used before.", "event_id")
DECISION_ITEM_NOT_FOUND: Final = Rule("The item '{value}' does not exist.", "item_id")


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
    kinds = _EXPECTED.match(error.reason)
    if kinds and kinds.group(2) in KINDS:
        expected = [KINDS[name] for name in kinds.group(1).split(" | ") if name in KINDS and name != "null"]
        if expected:
            return INVALID_TYPE(param=path, expected=one_of(expected), got=KINDS[kinds.group(2)])
    return INVALID_PARAMETER(param=path, reason=error.reason)


def one_of(kinds: Sequence[str]) -> str:
    """Return the expected kinds of a value as messages spell them."""
    return kinds[0] if len(kinds) == 1 else f"one of {listed(kinds, 'or')}"


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
