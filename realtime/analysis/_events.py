"""What each event does, by its type: a table for each side, of all dialects together.

Events are typed, so that each has its members; no frame is read here. Audio and pieces of text,
which are nearly all frames, are not here but in `_hot`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from ..events.base import Unknown
from ..recording import Direction
from ..state import Tokens
from ._call import Call
from ._kept import code_of, count_of, message_of, name_of, position_of
from ._parts import Live
from .report import CallReport, RateLimitReport

Handler: TypeAlias = Callable[[Call, Any, float], None]

# --- What the user does ----------------------------------------------------------------


def _speech_started(call: Call, event: Any, time_ms: float) -> None:
    call.responses.user_speaks(time_ms)
    call.turns.speech_started(name_of(event.item_id), position_of(event.audio_start_ms), time_ms)


def _speech_stopped(call: Call, event: Any, time_ms: float) -> None:
    call.turns.speech_stopped(name_of(event.item_id), position_of(event.audio_end_ms), time_ms)


def _timed_out(call: Call, event: Any, time_ms: float) -> None:
    call.turns.timed_out(name_of(event.item_id), time_ms)


def _commits(call: Call, event: Any, time_ms: float) -> None:
    call.turns.commits(time_ms)


def _committed(call: Call, event: Any, time_ms: float) -> None:
    call.turns.committed(name_of(event.item_id), time_ms)


def _cleared(call: Call, event: Any, time_ms: float) -> None:
    call.turns.cleared()


def _transcribed(call: Call, event: Any, time_ms: float) -> None:
    call.money.feed(call.sessions.now, event, event.usage)
    call.turns.transcribed(name_of(event.item_id) or "", event.transcript, time_ms)


def _not_transcribed(call: Call, event: Any, time_ms: float) -> None:
    why = message_of(event.error.message) or code_of(event.error.code) or "failed"
    call.turns.not_transcribed(name_of(event.item_id), why)
    call.error("transcription", event.error, time_ms)


def _client_item(call: Call, event: Any, time_ms: float) -> None:
    item, kind = event.item, _type_of(event.item)
    if kind == "function_call_output":
        call.responses.output(name_of(item.call_id), time_ms)
        call.turns.gives_output()
    elif kind == "message":
        if item.role == "user" and not isinstance(item.id, str):
            call.echoes += 1
        elif item.role == "user":
            call.seen.is_new(item.id)
        _message(call, item, time_ms)


def _server_item(call: Call, event: Any, time_ms: float) -> None:
    """A user's text that is not the echo of a client's is one whose client was not recorded."""
    item = event.item
    if _type_of(item) != "message" or item.role != "user" or not call.seen.is_new(item.id):
        return
    if not any(part.type == "input_text" for part in item.content):
        return
    if call.echoes:
        call.echoes -= 1
    else:
        _message(call, item, time_ms)


def _message(call: Call, item: Any, time_ms: float) -> None:
    if item.role == "assistant":
        call.turns.was_history()
    elif item.role == "user":
        audio_ms = 0.0
        for part in item.content:
            audio = getattr(part, "audio", None)
            audio_ms += len(audio) * call.clock.ms_per_byte if isinstance(audio, bytes) else 0.0
        call.turns.writes("\n".join(map(_text_of, item.content)), audio_ms, time_ms)


def _type_of(item: Any) -> str:
    """An item's type; "" where its dialect does not know it, and it has no members."""
    return "" if isinstance(item, Unknown) else item.type


def _text_of(part: Any) -> str:
    """What a content part says, in any of its spellings."""
    told = getattr(part, "text", None) or getattr(part, "transcript", None)
    return told if isinstance(told, str) else ""


# --- Responses -------------------------------------------------------------------------


def _asks(call: Call, event: Any, time_ms: float) -> None:
    call.turns.asks(name_of(event.event_id), time_ms)


def _cancels(call: Call, event: Any, time_ms: float) -> None:
    call.responses.client_cancels(time_ms)


def _created(call: Call, event: Any, time_ms: float) -> None:
    id = name_of(event.response.id)
    known = call.responses.get(id)
    # Servers repeat themselves; and some give each response the same id.
    if known is None or known.report.done_ms is not None:
        call.begin(id, time_ms, time_ms, call.sessions.coding_of_response(event.response))


def _done(call: Call, event: Any, time_ms: float) -> None:
    response = event.response
    live = call.live(response.id, time_ms)
    report = live.report
    is_counted = call.money.feed(call.sessions.now, event, response.usage)
    if report.done_ms is not None:
        return
    report.done_ms, report.status = time_ms, code_of(response.status)
    call.kept.tally("statuses", report.status or "")
    report.tokens = Tokens.of_response(response.usage) if response.usage and is_counted else None
    for item in response.output or ():
        _item_is_whole(call, live, item, time_ms)
    details = response.status_details
    report.reason = _reason_of(details)
    if report.status == "cancelled":
        call.responses.cut(live, time_ms, report.reason)
    error = getattr(details, "error", None)
    if error is not None:
        call.error("response", error, time_ms)
    live.settle(call.kept)


def _reason_of(details: Any) -> str | None:
    if isinstance(details, str):
        return code_of(details)
    error = getattr(details, "error", None)
    return code_of(getattr(details, "reason", None)) or code_of(getattr(error, "code", None))


def _item_done(call: Call, event: Any, time_ms: float) -> None:
    _item_is_whole(call, call.live(event.response_id, time_ms), event.item, time_ms)


def _item_is_whole(call: Call, live: Live, item: Any, time_ms: float) -> None:
    kind = _type_of(item)
    if kind == "function_call":
        if item.status != "incomplete":
            id = name_of(item.call_id) or name_of(item.id)
            call.responses.call(live, CallReport(name=name_of(item.name) or "", call_id=id, at_ms=time_ms))
    elif kind == "mcp_call":
        _mcp_call(call, live, item, time_ms)
    elif kind == "message":
        item_id = name_of(item.id)
        for index, part in enumerate(item.content):
            text = _text_of(part)
            pieces = live.part(item_id, index).pieces
            if text and pieces.text is None:
                pieces.told(text)


def _arguments_done(call: Call, event: Any, time_ms: float) -> None:
    live = call.live(event.response_id, time_ms)
    name = name_of(event.name) or live.names.get(event.item_id, "")
    call.responses.call(live, CallReport(name=name, call_id=name_of(event.call_id), at_ms=time_ms))


def _item_added(call: Call, event: Any, time_ms: float) -> None:
    live = call.live(event.response_id, time_ms)
    name, id = name_of(getattr(event.item, "name", None)), name_of(getattr(event.item, "id", None))
    if name is not None and id is not None:
        live.name_item(id, name)


def _text_done(call: Call, event: Any, time_ms: float) -> None:
    live = call.live(event.response_id, time_ms)
    text: str = event.text if hasattr(event, "text") else event.transcript
    if live.report.first_text_ms is None and text:
        live.report.first_text_ms = time_ms
    live.part(name_of(event.item_id), event.content_index or 0).pieces.told(text)


# --- MCP -------------------------------------------------------------------------------


def _mcp_call(call: Call, live: Live, item: Any, time_ms: float) -> None:
    id, server = name_of(item.id), name_of(item.server_label)
    found = CallReport(name=name_of(item.name) or "", call_id=id, server=server, at_ms=time_ms)
    call.responses.call(live, found)
    if isinstance(item.output, str) or item.error:
        call.responses.output(id, time_ms, failed=bool(item.error))


def _mcp_begins(call: Call, event: Any, time_ms: float) -> None:
    live = call.live(None, time_ms)
    id = name_of(event.item_id) or ""
    call.responses.call(live, CallReport(name=live.names.get(id, ""), call_id=id, server="", at_ms=time_ms))


def _mcp_completed(call: Call, event: Any, time_ms: float) -> None:
    call.responses.output(name_of(event.item_id), time_ms)


def _mcp_failed(call: Call, event: Any, time_ms: float) -> None:
    call.responses.output(name_of(event.item_id), time_ms, failed=True)


# --- Cuts ------------------------------------------------------------------------------


def _truncated(call: Call, event: Any, time_ms: float) -> None:
    part = call.responses.of_item(name_of(event.item_id), event.content_index or 0)
    if part is not None:
        call.responses.truncate(part, position_of(event.audio_end_ms), time_ms)


def _truncates(call: Call, event: Any, time_ms: float) -> None:
    call.responses.client_cancels(time_ms)
    _truncated(call, event, time_ms)


def _output_started(call: Call, event: Any, time_ms: float) -> None:
    """WebRTC and SIP: audio goes another way than events do."""
    live = call.responses.get(name_of(event.response_id))
    if live is not None:
        call.responses.starts(live, time_ms)


def _output_cleared(call: Call, event: Any, time_ms: float) -> None:
    live = call.responses.get(name_of(event.response_id))
    if live is not None:
        call.responses.cut(live, time_ms)


# --- What else there is ----------------------------------------------------------------


def _error(call: Call, event: Any, time_ms: float) -> None:
    error = event.error
    event_id = getattr(error, "event_id", None) or getattr(error, "client_event_id", None)
    call.turns.refused(name_of(event_id), error.code)
    call.error("error", error, time_ms)


def _failed(call: Call, event: Any, time_ms: float) -> None:
    call.error("error", event.error, time_ms)


def _rate_limits(call: Call, event: Any, time_ms: float) -> None:
    lowest = {limit.name: limit for limit in call.report.rate_limits}
    for limit in event.rate_limits:
        name = name_of(limit.name)
        if name is None or limit.remaining is None:
            continue
        found = lowest.get(name)
        told = RateLimitReport(
            name=name, limit=count_of(limit.limit), remaining=count_of(limit.remaining),
            reset_seconds=limit.reset_seconds, at_ms=time_ms,
        )  # fmt: skip
        if found is None:
            if call.kept.add("rate_limits", told):
                lowest[name] = told
        elif found.remaining is not None and limit.remaining < found.remaining:
            at = call.report.rate_limits.index(found)
            call.report.rate_limits[at] = lowest[name] = told


def _usage(call: Call, event: Any, time_ms: float) -> None:
    call.money.feed(call.sessions.now, event, getattr(event, "usage", None))


def _user_says(call: Call, event: Any, time_ms: float) -> None:
    call.runs.user_says(event.delta, time_ms)


def _tables() -> dict[Direction, dict[str, Handler]]:
    return {
        "client": {
            "input_audio_buffer.commit": _commits,
            "conversation.item.create": _client_item,
            "conversation.item.truncate": _truncates,
            "response.create": _asks,
            "response.cancel": _cancels,
            "output_audio_buffer.clear": _cancels,
        },
        "server": {
            "input_audio_buffer.speech_started": _speech_started,
            "input_audio_buffer.speech_stopped": _speech_stopped,
            "input_audio_buffer.timeout_triggered": _timed_out,
            "input_audio_buffer.committed": _committed,
            "input_audio_buffer.cleared": _cleared,
            "conversation.item.input_audio_transcription.completed": _transcribed,
            "conversation.item.input_audio_transcription.failed": _not_transcribed,
            "conversation.item.added": _server_item,
            "conversation.item.created": _server_item,
            "conversation.item.truncated": _truncated,
            "output_audio_buffer.started": _output_started,
            "output_audio_buffer.cleared": _output_cleared,
            "response.created": _created,
            "response.done": _done,
            "response.output_item.added": _item_added,
            "response.output_item.done": _item_done,
            "response.function_call_arguments.done": _arguments_done,
            **dict.fromkeys(_TEXTS_DONE, _text_done),
            "response.mcp_call.in_progress": _mcp_begins,
            "response.mcp_call.completed": _mcp_completed,
            "response.mcp_call.failed": _mcp_failed,
            "rate_limits.updated": _rate_limits,
            "error": _error,
            "transport.failed": _failed,
            "session.input_transcript.delta": _user_says,
            **dict.fromkeys(_USAGES, _usage),
        },
    }


_TEXTS_DONE: Final = (
    "response.output_audio_transcript.done", "response.output_text.done",
    "response.audio_transcript.done", "response.text.done",
)  # fmt: skip
_USAGES: Final = (
    "session.started", "session.usage.updated", "session.closed", "response.event", "decision.event",
)  # fmt: skip
HANDLERS: Final = _tables()
