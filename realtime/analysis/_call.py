"""State of one call, and what each event does to it.

`CallState` holds the trackers of the call. `HANDLERS` has, for each dialect, a function for each event type
that changes it, `FRAME_HANDLERS` one for the frames that are most of a log. Reading frames is in `inspector`; the
rules for turns and responses are in `_turns` and `_responses`, those of Live in `_live`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec
import pybase64

from .._base64 import decoded_nbytes
from .._bounded import SeenSet
from .._guard import DEFAULT_MAX_DEPTH, check_depth
from .._provider import Provider
from ..errors import DecodeError
from ..events.base import Unknown
from ..recording import Direction, Entry
from ..recording.audio import MAX_SILENCE_BYTES, SIDEBAND, Coding
from ..state import Tokens
from ..state.conversation import newer_text
from ..state.tokens import response_usage
from ._builder import ReportBuilder, as_code, as_count, as_id, as_message, as_name, as_position
from ._cost import CostTracker, Price
from ._live import HANDLERS as LIVE_HANDLERS, LiveHandler, LiveTracker
from ._responses import ContentPart, ResponseState, ResponseTracker
from ._session import SessionTracker, ms_per_byte
from ._tools import ToolTracker, output_id, read_call
from ._turns import InputClock, RunTracker, TurnTracker
from .report import ErrorReport, RateLimitReport, Report, SessionReport


class CallState:
    """State of the call that a log records.

    Attributes: the trackers; `pending_echoes`, the number of messages without an id that the client
    has sent and the server has not echoed yet; `seen`, ids of the user's messages.
    """

    def __init__(
        self,
        model: Price | None,
        transcription_model: Price | None,
        gap_ms: float,
        provider: Provider | None = None,
    ) -> None:
        self.builder, self.provider = ReportBuilder(), provider
        self.report = self.builder.report
        self.cost = CostTracker(self.builder, model, transcription_model, provider)
        self.sessions = SessionTracker(self.builder, provider)
        self.clock = InputClock()
        self.clock.ms_per_byte = ms_per_byte(self.sessions.input)
        self.turns = TurnTracker(self.builder, self.clock)
        self.responses = ResponseTracker(self.builder, gap_ms)
        self.tools = ToolTracker(self.builder, self.sessions)
        self.runs = RunTracker(self.builder, self.turns, self.responses)
        self.live = LiveTracker(self.builder, self.sessions, self.tools, gap_ms)
        self.pending_echoes, self.seen = 0, SeenSet()
        # The part of the last event; a run of deltas looks it up once.
        self._part_key: tuple[object, ...] = ()
        self._part: ContentPart | None = None

    def feed_session(self, entry: Entry, type: str) -> None:
        """Feed an event that has a session object. It may begin another session."""
        previous = self.sessions.now
        self.sessions.feed(entry, type)
        if self.sessions.now is not previous:
            self._bill_audio(previous)
            self.clock.begin_session()
            self._part = None
            self.responses.reset()
            self.turns.reset()
            self.runs.reset()
            self.live.reset()
            self.pending_echoes = 0
        self.clock.ms_per_byte = ms_per_byte(self.sessions.input)

    def _bill_audio(self, session: SessionReport) -> None:
        """Count the audio sent to a translation session, whose server reports no usage."""
        if session.dialect == "translation":
            self.cost.add_audio(session, self.clock.take_billable_ms())

    def begin_response(
        self, id: str | None, created_ms: float | None, time_ms: float, coding: Coding
    ) -> ResponseState:
        """Begin a response."""
        self._part = None
        response = self.turns.begin_response(id, created_ms, ms_per_byte(coding), time_ms)
        self.responses.begin(response)
        self.tools.response_began()
        return response

    def response(self, id: object, time_ms: float) -> ResponseState:
        """Return the response with this id. Begins one if its response.created is not in the log."""
        name = as_id(id)
        found = self.responses.latest if name is None else self.responses.get(name)
        return self.begin_response(name, None, time_ms, self.sessions.output) if found is None else found

    def part(self, event: Any, time_ms: float) -> ContentPart:
        """Return the content part that an event belongs to: mostly that of the event before it."""
        key = event.response_id, event.item_id, event.content_index
        if self._part is not None and key == self._part_key:
            return self._part
        part = self.response(key[0], time_ms).part(as_id(key[1]), key[2] or 0)
        if key[0]:  # without an id it is the latest response, whichever that is by then
            self._part, self._part_key = part, key
        return part

    def add_error(self, source: Any, error: Any, time_ms: float) -> ErrorReport:
        """Add an error. Uses the code, type, message and event id of `error` as far as it has them."""
        code, kind = as_code(getattr(error, "code", None)), as_code(getattr(error, "type", None))
        event_id = getattr(error, "event_id", None) or getattr(error, "client_event_id", None)
        self.report.error_count += 1
        self.builder.count("error_codes", code or kind or source)
        found = ErrorReport(
            at_ms=time_ms, source=source, code=code, type=kind,
            message=as_message(getattr(error, "message", None)), event_id=as_id(event_id),
        )  # fmt: skip
        self.builder.add("errors", found)
        return found

    def write(self) -> Report:
        """Write everything received so far into the report, and return it."""
        self.responses.write_texts()
        self.turns.write_texts()
        self.sessions.write_differences()
        self.runs.write_texts()
        self.live.write()
        self._bill_audio(self.sessions.now)
        self.cost.finish()
        self.report.nbytes = sum(count.nbytes for count in self.report.frames)
        self.report.user_audio_ms = self.clock.ms
        return self.report


Handler: TypeAlias = Callable[[CallState, Any, float], None]
# Returns False, and does nothing, if the frame does not decode.
FrameHandler: TypeAlias = Callable[[CallState, bytes, float], bool]


# --- Audio and text deltas -------------------------------------------------------------
# Nearly all frames of a log are deltas. Only a few of their members are decoded, and the length of
# audio follows from that of its base64, which is never decoded (benchmark `analysis.Inspect`).


APPEND: Final = "input_audio_buffer.append"
_LIVE_APPEND: Final = "session.input_audio.append"
_APPEND_HEAD: Final = f'{{"type":"{APPEND}","audio":"'.encode()
_APPEND_HEAD_LEN: Final = len(_APPEND_HEAD)
_QUOTE, _BACKSLASH, _ARRAY, _OBJECT = b'"\\[{'


class _Append(msgspec.Struct, gc=False):
    """An append of any dialect. `audio_bytes` is the length of audio that was left out of the log."""

    audio: str | None = None
    audio_bytes: int = 0


class _TextDelta(msgspec.Struct, gc=False):
    """A text delta of any dialect."""

    delta: str | None = None
    item_id: str | None = None
    content_index: int | None = None
    response_id: str | None = None


class _AudioDelta(_TextDelta, gc=False):
    """An audio delta of any dialect. `audio_bytes` is the length of audio that was left out of the log."""

    audio_bytes: int = 0
    sample_rate: int | None = None
    channels: int | None = None


class _LiveAudioDelta(msgspec.Struct, gc=False):
    """An audio delta of Live, with its start on the session's clock if the server states it."""

    delta: str | None = None
    audio_bytes: int = 0
    start_ms: float | None = None


def _decoding(struct: type[msgspec.Struct], handle: Handler) -> FrameHandler:
    """Return a handler of frames that decodes them as `struct` and calls `handle`."""
    decode = msgspec.json.Decoder(struct).decode

    def handle_frame(call: CallState, frame: bytes, time_ms: float) -> bool:
        try:
            if _ARRAY in frame or frame.rfind(_OBJECT):  # not flat; a fast test, by memchr
                check_depth(frame, DEFAULT_MAX_DEPTH)
            event = decode(frame)
        except (DecodeError, ValueError, RecursionError):
            return False
        handle(call, event, time_ms)
        return True

    return handle_frame


def _audio_nbytes(base64: str | None, left_out: int) -> int:
    """Return the length of a frame's audio, or that of the audio that was left out of the log."""
    nbytes = decoded_nbytes(base64.encode()) if base64 else 0
    return nbytes if nbytes > 0 else min(max(0, left_out), MAX_SILENCE_BYTES)


def plain_append_nbytes(frame: bytes) -> int:
    """Return the length of the audio of an append without other members; 0 for any other frame.

    Most frames of a log are such appends, as `encode_append` and most clients write them. This saves
    a third of the time that finding the type and decoding take (benchmark `analysis.Inspect`).
    """
    if not (frame.startswith(_APPEND_HEAD) and frame.endswith(b'"}')):
        return 0
    base64 = frame[_APPEND_HEAD_LEN:-2]
    return 0 if _QUOTE in base64 or _BACKSLASH in base64 else decoded_nbytes(base64)


def _append(call: CallState, event: _Append, time_ms: float) -> None:
    call.clock.feed(_audio_nbytes(event.audio, event.audio_bytes), time_ms)


def _audio_delta(call: CallState, event: _AudioDelta, time_ms: float) -> None:
    nbytes = _audio_nbytes(event.delta, event.audio_bytes)
    call.responses.add_audio(call.part(event, time_ms), nbytes, time_ms)


def _text_delta(call: CallState, event: _TextDelta, time_ms: float) -> None:
    part = call.part(event, time_ms)
    part.response.add_text(part, event.delta or "", time_ms)


def _transcription_delta(call: CallState, event: _TextDelta, time_ms: float) -> None:
    call.turns.add_transcript(as_id(event.item_id), event.delta or "")


def _run_audio_delta(call: CallState, event: _AudioDelta, time_ms: float) -> None:
    coding = call.sessions.output.with_stated(event.sample_rate, event.channels)
    part = call.runs.output_part(time_ms, ms_per_byte(coding))
    call.responses.add_audio(part, _audio_nbytes(event.delta, event.audio_bytes), time_ms)


def _run_text_delta(call: CallState, event: _TextDelta, time_ms: float) -> None:
    part = call.runs.output_part(time_ms, ms_per_byte(call.sessions.output))
    part.response.add_text(part, event.delta or "", time_ms)


def _live_append(call: CallState, event: _Append, time_ms: float) -> None:
    nbytes = _audio_nbytes(event.audio, event.audio_bytes)
    call.clock.feed(nbytes, time_ms)
    call.live.add_input(nbytes, time_ms)


def _live_copy(call: CallState, event: _Append, time_ms: float) -> None:
    """Add audio of the user that the server copied to a sideband, unless the client sends it itself."""
    call.sessions.assume("live")
    if call.sessions.now.dialect != "live" or (call.clock.position_ms and not call.sessions.is_sideband):
        return
    if not call.sessions.is_sideband:
        call.sessions.join()
        call.clock.ms_per_byte = ms_per_byte(SIDEBAND)
    _live_append(call, event, time_ms)


def _first_live_append(call: CallState, event: _Append, time_ms: float) -> None:
    """Add audio of a type that only Live has: it decides the dialect if no session did."""
    call.sessions.assume("live")
    (_live_append if call.sessions.now.dialect == "live" else _append)(call, event, time_ms)


def _live_audio_delta(call: CallState, event: _LiveAudioDelta, time_ms: float) -> None:
    audio = _decoded(event.delta)
    nbytes = len(audio) or _audio_nbytes(None, event.audio_bytes)
    call.live.add_output(audio, nbytes, event.start_ms, time_ms)


def _decoded(base64: str | None) -> bytes:
    try:
        return pybase64.b64decode(base64 or "")
    except ValueError:
        return b""


def _count_only(call: CallState, frame: bytes, time_ms: float) -> bool:
    return True


_APPENDS: Final = (
    APPEND, "session.input_audio_buffer.append", _LIVE_APPEND,
)  # fmt: skip
_AUDIO_AND_TEXT: Final[dict[Direction, dict[str, FrameHandler]]] = {
    "client": {
        **dict.fromkeys(_APPENDS, _decoding(_Append, _append)),
        _LIVE_APPEND: _decoding(_Append, _first_live_append),
    },
    "server": {
        # The server echoes the caller's audio to a sideband connection.
        **dict.fromkeys(_APPENDS, _count_only),
        _LIVE_APPEND: _decoding(_Append, _live_copy),
        **dict.fromkeys(
            ("response.output_audio.delta", "response.audio.delta"), _decoding(_AudioDelta, _audio_delta)
        ),
        **dict.fromkeys(
            (
                "response.output_audio_transcript.delta", "response.output_text.delta",
                "response.audio_transcript.delta", "response.text.delta",
            ), _decoding(_TextDelta, _text_delta),
        ),
        "response.function_call_arguments.delta": _count_only,
        "response.mcp_call_arguments.delta": _count_only,
        "conversation.item.input_audio_transcription.delta": _decoding(_TextDelta, _transcription_delta),
        "session.output_audio.delta": _decoding(_AudioDelta, _run_audio_delta),
        "session.output_transcript.delta": _decoding(_TextDelta, _run_text_delta),
    },
}  # fmt: skip


# --- User input ------------------------------------------------------------------------


def _speech_started(call: CallState, event: Any, time_ms: float) -> None:
    call.responses.speech_started(time_ms)
    # An event without an id and a time, as some servers send it, has 0 as its time.
    position_ms = as_position(event.audio_start_ms) if event.audio_start_ms or event.item_id else None
    call.turns.speech_started(as_id(event.item_id), position_ms, time_ms)


def _speech_stopped(call: CallState, event: Any, time_ms: float) -> None:
    position_ms = as_position(event.audio_end_ms) if event.audio_end_ms else None
    call.turns.speech_stopped(as_id(event.item_id), position_ms, time_ms)


def _timeout_triggered(call: CallState, event: Any, time_ms: float) -> None:
    call.turns.timed_out(as_id(event.item_id), time_ms)


def _commit(call: CallState, event: Any, time_ms: float) -> None:
    call.turns.commit_requested(time_ms)


def _committed(call: CallState, event: Any, time_ms: float) -> None:
    call.turns.committed(as_id(event.item_id), time_ms)


def _cleared(call: CallState, event: Any, time_ms: float) -> None:
    call.turns.cleared()


def _transcription_completed(call: CallState, event: Any, time_ms: float) -> None:
    call.cost.feed(call.sessions.now, event, event.usage)
    call.turns.transcribed(as_id(event.item_id), event.transcript, time_ms)


def _transcription_failed(call: CallState, event: Any, time_ms: float) -> None:
    reason = as_message(event.error.message) or as_code(event.error.code) or "failed"
    call.turns.transcription_failed(as_id(event.item_id), reason)
    call.add_error("transcription", event.error, time_ms)


def _input_transcript_delta(call: CallState, event: Any, time_ms: float) -> None:
    call.runs.add_input(event.delta, time_ms)


def _own_transcript_done(call: CallState, event: Any, time_ms: float) -> None:
    call.cost.feed(call.sessions.now, event, event.usage)
    call.runs.complete_input(event.text, time_ms)


def _transcript_so_far(call: CallState, event: Any, time_ms: float) -> None:
    call.turns.replace_transcript(as_id(event.item_id), newer_text(event) or "")


def _item_create(call: CallState, event: Any, time_ms: float) -> None:
    item, kind = event.item, _item_type(event.item)
    if kind == "function_call_output":
        call.tools.add_output(output_id(item), item.output, as_id(event.event_id), time_ms)
        call.turns.function_output_sent()
    elif kind == "function_call":
        call.tools.restored(output_id(item))
    elif kind == "message":
        if item.role == "user" and not isinstance(item.id, str):
            call.pending_echoes += 1
        elif item.role == "user":
            call.seen.add(item.id)
        _add_message(call, item, time_ms)


def _conversation_item(call: CallState, event: Any, time_ms: float) -> None:
    """Add an item of the user, unless it echoes one that the client sent in this log."""
    item = event.item
    if _item_type(item) == "function_call_output":
        call.tools.add_echo(output_id(item), item.output, time_ms)
        return
    if _item_type(item) != "message" or item.role != "user" or not call.seen.add(item.id):
        return
    if not any(part.type == "input_text" for part in item.content or ()):
        return
    if call.pending_echoes:
        call.pending_echoes -= 1
    else:
        _add_message(call, item, time_ms)


def _add_message(call: CallState, item: Any, time_ms: float) -> None:
    if item.role == "assistant":
        call.turns.drop_messages()
    elif item.role == "user":
        parts = item.content or ()
        audio = [part.audio for part in parts if isinstance(getattr(part, "audio", None), bytes)]
        audio_ms = sum(map(len, audio)) * call.clock.ms_per_byte
        call.turns.add_message("\n".join(map(_part_text, parts)), audio_ms, time_ms)


def _item_type(item: Any) -> str:
    """Return an item's type; "" if it is unknown to its dialect and so has no members."""
    return "" if isinstance(item, Unknown) else item.type


def _part_text(part: Any) -> str:
    """Return the text or transcript of a content part, or of the event that completes it."""
    text = getattr(part, "text", None) or getattr(part, "transcript", None)
    return text if isinstance(text, str) else ""


# --- Responses -------------------------------------------------------------------------


def _response_create(call: CallState, event: Any, time_ms: float) -> None:
    # Live's has no settings.
    tools = getattr(getattr(event, "response", None), "tools", None)
    call.sessions.tools.add(
        [(getattr(tool, "type", None), getattr(tool, "name", None)) for tool in tools or ()]
    )
    call.turns.response_requested(as_id(event.event_id), time_ms)


def _cancel(call: CallState, event: Any, time_ms: float) -> None:
    call.responses.client_cancelled(time_ms)


def _response_created(call: CallState, event: Any, time_ms: float) -> None:
    id = as_id(event.response.id)
    known = call.responses.get(id) if id is not None else None
    # Some servers repeat this event; others give every response the same id.
    if known is None or known.report.done_ms is not None:
        call.begin_response(id, time_ms, time_ms, call.sessions.response_coding(event.response))


def _response_done(call: CallState, event: Any, time_ms: float) -> None:
    response = call.response(event.response.id, time_ms)
    report = response.report
    usage = response_usage(event, call.provider)
    is_plausible = call.cost.feed(call.sessions.now, event, usage)
    if report.done_ms is not None:
        return
    report.done_ms, report.status = time_ms, as_code(event.response.status)
    call.builder.count("statuses", report.status or "")
    report.tokens = Tokens.of_response(usage) if usage is not None and is_plausible else None
    for item in event.response.output or ():
        _add_item(call, response, item, time_ms)
    for found in response.calls_without_id:
        call.tools.add(found, report.calls)
    if report.status not in (None, "completed"):
        call.tools.response_ended(report.calls)
    details = event.response.status_details
    report.reason = _reason_of(details)
    if report.status == "cancelled":
        call.responses.interrupt(response, time_ms, report.reason)
    error = getattr(details, "error", None)
    if error is not None:
        call.add_error("response", error, time_ms)
    response.write_text(call.builder)


def _reason_of(details: Any) -> str | None:
    if isinstance(details, str):
        return as_code(details)
    error = getattr(details, "error", None)
    return as_code(getattr(details, "reason", None)) or as_code(getattr(error, "code", None))


def _output_item_added(call: CallState, event: Any, time_ms: float) -> None:
    response = call.response(event.response_id, time_ms)
    name, id = as_name(getattr(event.item, "name", None)), as_id(getattr(event.item, "id", None))
    if name is not None and id is not None:
        response.name_item(id, name)


def _output_item_done(call: CallState, event: Any, time_ms: float) -> None:
    _add_item(call, call.response(event.response_id, time_ms), event.item, time_ms)


def _add_item(call: CallState, response: ResponseState, item: Any, time_ms: float) -> None:
    """Add a complete output item."""
    kind = _item_type(item)
    if kind == "function_call":
        call_id = output_id(item) or as_id(item.id)
        if item.status == "incomplete":
            call.tools.incomplete(call_id)
            return
        found = read_call(item.name, call_id, item.arguments, time_ms)
        response.take_call_without_id(found.name)
        call.tools.add(found, response.report.calls)
    elif kind == "mcp_call":
        id, server = as_id(item.id), as_name(item.server_label)
        found = read_call(item.name, id, item.arguments, time_ms, server)
        call.tools.add(found, response.report.calls)
        if isinstance(item.output, str) or item.error:
            call.tools.finish(id, item.output, item.error, time_ms)
    elif kind == "message":
        item_id = as_id(item.id)
        for index, part in enumerate(item.content or ()):
            text, received = _part_text(part), response.part(item_id, index).text
            if text and received.text is None:
                received.complete(text)


def _arguments_done(call: CallState, event: Any, time_ms: float) -> None:
    response = call.response(event.response_id, time_ms)
    name = as_name(event.name) or response.names.get(event.item_id, "")
    found = read_call(name, as_id(event.call_id), event.arguments, time_ms)
    if found.call_id is None:
        response.add_call_without_id(found)
    else:
        call.tools.add(found, response.report.calls)


def _text_done(call: CallState, event: Any, time_ms: float) -> None:
    part, text = call.part(event, time_ms), _part_text(event)
    if part.response.report.first_text_ms is None and text:
        part.response.report.first_text_ms = time_ms
    part.text.complete(text)


# --- MCP calls -------------------------------------------------------------------------


def _mcp_call_in_progress(call: CallState, event: Any, time_ms: float) -> None:
    response = call.response(None, time_ms)
    id = as_id(event.item_id)
    call.tools.add(read_call(response.names.get(id or "", ""), id, None, time_ms, ""), response.report.calls)


def _mcp_call_completed(call: CallState, event: Any, time_ms: float) -> None:
    call.tools.finish(as_id(event.item_id), None, None, time_ms)


def _mcp_call_failed(call: CallState, event: Any, time_ms: float) -> None:
    call.tools.finish(as_id(event.item_id), None, True, time_ms)


# --- Interruptions ---------------------------------------------------------------------


def _truncated(call: CallState, event: Any, time_ms: float) -> None:
    part = call.responses.part_of_item(as_id(event.item_id), event.content_index or 0)
    if part is not None:
        call.responses.truncate(part, as_position(event.audio_end_ms), time_ms)


def _truncate(call: CallState, event: Any, time_ms: float) -> None:
    call.responses.client_cancelled(time_ms)
    _truncated(call, event, time_ms)


def _output_started(call: CallState, event: Any, time_ms: float) -> None:
    """Record the start of playback. Over WebRTC and SIP the log has no audio."""
    response = call.responses.get(as_id(event.response_id))
    if response is not None:
        call.responses.audio_started(response, time_ms)


def _output_cleared(call: CallState, event: Any, time_ms: float) -> None:
    response = call.responses.get(as_id(event.response_id))
    if response is not None:
        call.responses.interrupt(response, time_ms)


# --- Errors, limits and usage ----------------------------------------------------------


def _error(call: CallState, event: Any, time_ms: float) -> None:
    error = call.add_error("error", event.error, time_ms)
    call.turns.refused(error.event_id, error.code)
    call.tools.refused(error.event_id, error.code, error.message)
    call.sessions.answered()


def _transport_failed(call: CallState, event: Any, time_ms: float) -> None:
    call.add_error("error", event.error, time_ms)


def _rate_limits(call: CallState, event: Any, time_ms: float) -> None:
    """Record the lowest value of each rate limit."""
    lowest = {limit.name: limit for limit in call.report.rate_limits}
    for limit in event.rate_limits:
        name = as_name(limit.name)
        if name is None or limit.remaining is None:
            continue
        previous = lowest.get(name)
        current = RateLimitReport(
            name=name, limit=as_count(limit.limit), remaining=as_count(limit.remaining),
            reset_seconds=limit.reset_seconds, at_ms=time_ms,
        )  # fmt: skip
        if previous is None:
            if call.builder.add("rate_limits", current):
                lowest[name] = current
        elif previous.remaining is not None and limit.remaining < previous.remaining:
            index = call.report.rate_limits.index(previous)
            call.report.rate_limits[index] = lowest[name] = current


def _usage(call: CallState, event: Any, time_ms: float) -> None:
    call.cost.feed(call.sessions.now, event, getattr(event, "usage", None))


_HANDLERS: Final[dict[Direction, dict[str, Handler]]] = {
    "client": {
        "input_audio_buffer.commit": _commit,
        "conversation.item.create": _item_create,
        "conversation.item.truncate": _truncate,
        "response.create": _response_create,
        "response.cancel": _cancel,
        "output_audio_buffer.clear": _cancel,
    },
    "server": {
        "input_audio_buffer.speech_started": _speech_started,
        "input_audio_buffer.speech_stopped": _speech_stopped,
        "input_audio_buffer.timeout_triggered": _timeout_triggered,
        "input_audio_buffer.committed": _committed,
        "input_audio_buffer.cleared": _cleared,
        "conversation.item.input_audio_transcription.completed": _transcription_completed,
        "conversation.item.input_audio_transcription.failed": _transcription_failed,
        "session.input_transcript.delta": _input_transcript_delta,
        "conversation.item.added": _conversation_item,
        "conversation.item.created": _conversation_item,
        "conversation.item.truncated": _truncated,
        "output_audio_buffer.started": _output_started,
        "output_audio_buffer.cleared": _output_cleared,
        "response.created": _response_created,
        "response.done": _response_done,
        "response.output_item.added": _output_item_added,
        "response.output_item.done": _output_item_done,
        "response.function_call_arguments.done": _arguments_done,
        "response.output_audio_transcript.done": _text_done,
        "response.output_text.done": _text_done,
        "response.audio_transcript.done": _text_done,
        "response.text.done": _text_done,
        "response.mcp_call.in_progress": _mcp_call_in_progress,
        "response.mcp_call.completed": _mcp_call_completed,
        "response.mcp_call.failed": _mcp_call_failed,
        "rate_limits.updated": _rate_limits,
        "error": _error,
        "transport.failed": _transport_failed,
        "session.started": _usage,
        "session.usage.updated": _usage,
        "session.closed": _usage,
        "response.event": _usage,
        "decision.event": _usage,
        # vLLM's.
        "transcription.delta": _input_transcript_delta,
        "transcription.done": _own_transcript_done,
        # xAI's, Qwen's.
        "conversation.item.input_audio_transcription.updated": _transcript_so_far,
        "conversation.item.input_audio_transcription.text": _transcript_so_far,
    },
}


# --- Dialects --------------------------------------------------------------------------


def _of_live(handle: LiveHandler, before: Handler | None) -> Handler:
    def handle_event(call: CallState, event: Any, time_ms: float) -> None:
        if before is _usage:
            _usage(call, event, time_ms)
        handle(call.live, event, time_ms)

    return handle_event


_Frames: TypeAlias = dict[Direction, dict[str, FrameHandler]]
_Events: TypeAlias = dict[Direction, dict[str, Handler]]


def _live_frames() -> _Frames:
    """Return the handlers of Live's frames. Its transcripts are decoded as all other events."""
    server = {
        type: handle
        for type, handle in _AUDIO_AND_TEXT["server"].items()
        if type not in LIVE_HANDLERS["server"]
    }
    return {
        "client": {**_AUDIO_AND_TEXT["client"], _LIVE_APPEND: _decoding(_Append, _live_append)},
        "server": {**server, "session.output_audio.delta": _decoding(_LiveAudioDelta, _live_audio_delta)},
    }


def _live_events() -> _Events:
    """Return the handlers of Live's events, beside those of usage and errors."""
    return {
        side: found
        | {type: _of_live(handle, found.get(type)) for type, handle in LIVE_HANDLERS[side].items()}
        for side, found in _HANDLERS.items()
    }


# By dialect.
_DIALECTS: Final = ("ga", "beta", "translation")
FRAME_HANDLERS: Final[dict[str, _Frames]] = {
    **dict.fromkeys(_DIALECTS, _AUDIO_AND_TEXT), "live": _live_frames(),
}  # fmt: skip
HANDLERS: Final[dict[str, _Events]] = {**dict.fromkeys(_DIALECTS, _HANDLERS), "live": _live_events()}
