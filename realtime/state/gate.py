"""When a response may be requested: one at a time, each request once, none lost.

A server refuses `response.create` while a response is in progress. A client cannot know of all of them: the
server's turn detection may have begun one that is still on its way. `ResponseGate` sends what may be
sent, holds back the rest, and repeats requests that were refused for this reason alone. The output of a function
call is sent at once, and one response is requested when every call of a response is answered. `calls` finds
the calls; `playback` has the position of an interrupted answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from .._bounded import BoundedDict
from ..events import (
    UNSET,
    ConversationItemCreate,
    FunctionCallOutputItem,
    ResponseCancel,
    ResponseCreate,
    ResponseParams,
    beta,
)
from ._common import find_handler, get_field

Create: TypeAlias = ResponseCreate | beta.ResponseCreate

RESPONSE_ACTIVE: Final = "conversation_already_has_active_response"
CANCEL_TOO_LATE: Final = "response_cancel_not_active"
# The member of a response's metadata with the event_id of its request, of at most 16 members (API reference).
METADATA_KEY: Final = "request"
_MAX_METADATA: Final = 16
# Events that were sent and may still be refused, and responses with calls that are not answered yet.
_MAX_SENT: Final = 64
_MAX_OPEN: Final = 64


@dataclass(slots=True)
class _Calls:
    """The calls of one response."""

    known: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    is_done: bool = False


@dataclass(slots=True)
class _Request:
    """A request for a response. A follow-up of function calls also waits for the user to stop speaking."""

    create: Create
    is_follow_up: bool = False


class ResponseGate:
    """Holds back requests for responses that the server would refuse, and sends them when it accepts them.

    Feed it every server event. Each method returns the client events to send now, in order.
    Requests are sent with an `event_id`, so that a refusal can be matched: `is_crossed` is True for
    errors that were expected. Their `metadata` names it too (`METADATA_KEY`): servers return it with the response,
    which distinguishes it from one that turn detection began meanwhile. With ``tags=False`` they are sent
    without, for servers that refuse it; then a request may be refused once more.

    Responses outside of the conversation (``conversation="none"``) are never held back. Events are GA's; for
    the beta dialect convert them with ``realtime.beta.from_ga``.
    """

    EVENT_TYPES: ClassVar[frozenset[str]]
    """The types of the server events that `feed` handles. Others may be left out."""

    def __init__(self, *, tags: bool = True) -> None:
        self._tags = tags
        self._is_tagged = False  # the server returns the metadata of a request
        self._response_id: str | None = None  # of the response in progress, "" if it has none
        self._is_ending = False  # the response in progress was cancelled, by the client or by the server
        self._in_flight: _Request | None = None  # sent, and neither begun nor refused
        self._cancels_next = False
        self._pending: list[_Request] = []
        self._sent: BoundedDict[str, _Request | None] = BoundedDict(_MAX_SENT)  # None: a cancellation
        self._refused: BoundedDict[str, None] = BoundedDict(_MAX_SENT)
        self._outside = 0  # responses outside of the conversation that were requested and not begun
        self._outside_ids: BoundedDict[str, None] = BoundedDict(_MAX_SENT)
        self._calls: BoundedDict[str, _Calls] = BoundedDict(_MAX_OPEN)  # by response
        self._is_speaking = False
        self._server_interrupts = True
        self._count = 0

    # --- Reading ---

    @property
    def is_responding(self) -> bool:
        """True while a response is in progress or requested."""
        return self._response_id is not None or self._in_flight is not None

    @property
    def response_id(self) -> str | None:
        """The id of the response in progress, None without one."""
        return self._response_id or None

    @property
    def pending(self) -> tuple[Create, ...]:
        """The requests that are held back, in order."""
        return tuple(request.create for request in self._pending)

    def is_crossed(self, event: object) -> bool:
        """Return True for an error that needs no attention.

        It refuses an event of this gate that crossed one of the server's on the wire: a request, which is sent
        again, or a cancellation of a response that had just ended. Ask before you feed it: an error may state
        no `event_id`.
        """
        error = get_field(event, "error")
        event_id = self._refused_id(error)
        return get_field(error, "code") in (RESPONSE_ACTIVE, CANCEL_TOO_LATE) and (
            event_id in self._sent or event_id in self._refused
        )

    def _refused_id(self, error: Any) -> str | None:
        """Return the id of the event that `error` refuses. If it states none, the code of the error decides."""
        event_id: str | None = get_field(error, "event_id")
        code = get_field(error, "code")
        if event_id is not None or code not in (RESPONSE_ACTIVE, CANCEL_TOO_LATE):
            return event_id
        is_cancel = code == CANCEL_TOO_LATE
        return next((sent for sent in reversed(self._sent) if (self._sent[sent] is None) is is_cancel), None)

    # --- The client's side ---

    def request(self, create: Create | None = None) -> list[Any]:
        """Request a response, now or as soon as none is in progress."""
        create = ResponseCreate() if create is None else create
        if _is_outside(create):
            self._outside += 1
            return [self._send(_Request(create))]
        self._pending.append(_Request(create))
        return self._release()

    def answer(self, output: ConversationItemCreate | beta.ConversationItemCreate) -> list[Any]:
        """Send the output of a function call; with the last one of its response, request the next response.

        Raises:
            TypeError: `output` is not an event with the output of a function call.
        """
        item = get_field(output, "item")
        call_id = get_field(item, "call_id")
        if not isinstance(item, (FunctionCallOutputItem, beta.ConversationItem)) or call_id is None:
            raise TypeError(f"expected an event with a function_call_output, got {type(output).__name__}")
        calls = next((calls for calls in self._calls.values() if call_id in calls.known), None)
        if calls is None:
            calls = self._calls[f"call {call_id}"] = _Calls(is_done=True)
        calls.answered.add(call_id)
        return [output, *self._follow_up()]

    def drop_call(self, call_id: str) -> list[Any]:
        """Note that a function call gets no output, such as one that was cut off."""
        for calls in self._calls.values():
            calls.known.discard(call_id)
        return self._follow_up()

    def interrupt(self) -> list[Any]:
        """Cancel the response in progress, unless it ends anyway.

        A server whose turn detection interrupts needs no cancellation when the user speaks. A response that
        was requested and has not begun is cancelled when it begins.
        """
        if self._response_id is not None:
            return self._cancel()
        self._cancels_next = self._in_flight is not None
        return []

    def withdraw(self, event_id: str | None = None) -> tuple[Create, ...]:
        """Remove and return the requests that are held back, or the one with this `event_id`."""
        found = [
            request for request in self._pending if event_id is None or request.create.event_id == event_id
        ]
        self._pending = [request for request in self._pending if request not in found]
        return tuple(request.create for request in found)

    def reset(self) -> None:
        """Forget the responses of a connection that has ended. What it did not answer is held back.

        The next connection's first event releases it. A request that was to be cancelled is forgotten.
        """
        if self._in_flight is not None and not self._cancels_next:
            self._pending.insert(0, self._in_flight)
        self._response_id = self._in_flight = None
        self._is_ending = self._cancels_next = self._is_speaking = False
        self._outside = 0
        self._outside_ids.clear()
        self._sent.clear()
        # Another connection may use the ids of its responses again.
        for key in [*self._calls]:
            calls = self._calls.pop(key)
            calls.is_done = True
            self._count += 1
            self._calls[f"ended {self._count}"] = calls
        self._hold_follow_up()

    # --- The server's side ---

    def feed(self, event: object) -> list[Any]:
        """Feed a server event. Returns the client events that it allows.

        Raises:
            TypeError: `event` is a raw frame.
        """
        try:
            handle = _HANDLERS[type(event)]
        except KeyError:
            handle = _HANDLERS[type(event)] = find_handler(event, _BY_TYPE)
        return [] if handle is None else handle(self, event)

    def _on_session(self, event: Any) -> list[Any]:
        session = event.session
        detection = get_field(get_field(get_field(session, "audio"), "input"), "turn_detection")
        if detection is None:
            detection = get_field(session, "turn_detection")
        self._server_interrupts = (
            detection is not None and get_field(detection, "interrupt_response") is not False
        )
        return self._release()

    def _on_speech_started(self, event: Any) -> list[Any]:
        self._is_speaking = True
        self._is_ending = self._is_ending or (self._response_id is not None and self._server_interrupts)
        return []

    def _on_speech_ended(self, event: Any) -> list[Any]:
        self._is_speaking = False
        return self._release()

    def _on_created(self, event: Any) -> list[Any]:
        response_id = get_field(event.response, "id") or ""
        # One that was refused while another response was in progress is the request in flight when it is repeated.
        is_repeated = self._in_flight is not None and _is_outside(self._in_flight.create)
        if (self._outside or is_repeated) and get_field(event.response, "conversation_id") is None:
            self._outside_ids[response_id] = None
            if is_repeated and (self._is_requested(event.response) or not self._outside):
                return [self._cancel_event(response_id)] if self._begin() else []
            self._outside -= 1
            return []
        self._response_id = response_id
        self._is_ending = self._is_speaking = False
        # A response of the server's crossed the request in flight if it is not the requested one.
        if self._is_requested(event.response) and self._begin():
            return self._cancel()
        return []

    def _on_done(self, event: Any) -> list[Any]:
        response_id = get_field(event.response, "id") or ""
        for item in get_field(event.response, "output") or ():
            self._see_call(item, response_id)
        if response_id in self._calls:
            self._calls[response_id].is_done = True
        if response_id in self._outside_ids:
            del self._outside_ids[response_id]
            if (
                not self._response_id
            ):  # this one was in progress when a request was refused, as far as is known
                self._response_id = None
        else:
            if (self._response_id is None or self._is_tagged) and self._is_requested(event.response):
                self._begin()  # response.created was lost
            self._response_id, self._is_ending = None, False
        return self._follow_up() or self._release()

    def _on_item(self, event: Any) -> list[Any]:
        self._see_call(event.item, get_field(event, "response_id") or "")
        return []

    def _on_error(self, event: Any) -> list[Any]:
        error = event.error
        event_id, code = self._refused_id(error), get_field(error, "code")
        if event_id is None or event_id not in self._sent:
            return []
        request = self._sent.pop(event_id)
        self._refused[event_id] = None
        if request is None:
            return []
        if request is self._in_flight:
            self._in_flight, self._cancels_next = None, False
        elif _is_outside(request.create):
            self._outside = max(0, self._outside - 1)
        if code == RESPONSE_ACTIVE:
            self._pending.insert(0, request)
            if self._response_id is None:
                self._response_id = ""  # in progress for the server
            return []
        return self._release()

    # --- Steps ---

    def _is_requested(self, response: Any) -> bool:
        """Return True if `response` is the one that the request in flight asked for, as far as can be known."""
        if self._in_flight is None:
            return False
        metadata = get_field(response, "metadata")
        tag = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
        self._is_tagged = self._is_tagged or tag is not None
        if not self._is_tagged:
            return True
        is_requested = tag is not None and tag == self._in_flight.create.event_id
        if is_requested:
            self._sent.pop(str(tag), None)  # it cannot be refused any more
        return is_requested

    def _begin(self) -> bool:
        """Note that the request in flight was accepted. Returns True if it is to be cancelled."""
        is_cancelled, self._cancels_next, self._in_flight = self._cancels_next, False, None
        return is_cancelled

    def _see_call(self, item: Any, response_id: str) -> None:
        """Note a function call of a response. One that was not finished needs no output."""
        if get_field(item, "type") != "function_call" or not (call_id := get_field(item, "call_id")):
            return
        calls = self._calls.get(response_id)
        if calls is None:
            calls = self._calls[response_id] = _Calls()
        if get_field(item, "status") == "incomplete":
            calls.known.discard(call_id)
        elif not calls.is_done:
            calls.known.add(call_id)

    def _follow_up(self) -> list[Any]:
        """Request the response that follows function calls, if all calls of a response are answered."""
        return self._release() if self._hold_follow_up() else []

    def _hold_follow_up(self) -> bool:
        """Hold back the response that follows function calls. Returns True if the calls of a response are finished."""
        finished = [
            key for key, calls in self._calls.items() if calls.is_done and calls.known <= calls.answered
        ]
        is_answered = [bool(self._calls.pop(key).answered) for key in finished]
        if any(is_answered) and not any(request.is_follow_up for request in self._pending):
            self._pending.append(_Request(ResponseCreate(), is_follow_up=True))
        return bool(finished)

    def _release(self) -> list[Any]:
        """Send the first request that may be sent."""
        if self.is_responding:
            return []
        for index, request in enumerate(self._pending):
            if not (request.is_follow_up and self._is_speaking):
                self._in_flight = self._pending.pop(index)
                return [self._send(self._in_flight)]
        return []

    def _send(self, request: _Request) -> Create:
        """Return the event of `request`, with an `event_id`, and remember it."""
        event_id = request.create.event_id or self._next_id()
        create = msgspec.structs.replace(request.create, event_id=event_id)
        if self._tags:
            create.response = _with_tag(create, event_id)
        request.create = create
        self._sent[event_id] = request
        return create

    def _cancel(self) -> list[Any]:
        if self._is_ending:
            return []
        self._is_ending = True
        return [self._cancel_event(self._response_id)]

    def _cancel_event(self, response_id: str | None) -> ResponseCancel:
        cancel = ResponseCancel(event_id=self._next_id(), response_id=response_id or UNSET)
        self._sent[cancel.event_id or ""] = None
        return cancel

    def _next_id(self) -> str:
        self._count += 1
        return f"gate_{self._count}"


def _is_outside(create: Create) -> bool:
    """Return True for a request for a response outside of the conversation."""
    return bool(get_field(get_field(create, "response"), "conversation") == "none")


def _with_tag(create: Create, tag: str) -> Any:
    """Return the parameters of `create` with `tag` in their metadata, if there is room for it."""
    params: Any = create.response
    if not params:
        params = (ResponseParams if isinstance(create, ResponseCreate) else beta.RealtimeResponse)()
    metadata = params.metadata or {}
    if len(metadata) >= _MAX_METADATA:
        return params
    return msgspec.structs.replace(params, metadata={**metadata, METADATA_KEY: tag})


_BY_TYPE: Final[dict[str, Callable[[ResponseGate, Any], list[Any]]]] = {
    "session.created": ResponseGate._on_session,
    "session.updated": ResponseGate._on_session,
    "input_audio_buffer.speech_started": ResponseGate._on_speech_started,
    "input_audio_buffer.speech_stopped": ResponseGate._on_speech_ended,
    "input_audio_buffer.committed": ResponseGate._on_speech_ended,
    "input_audio_buffer.cleared": ResponseGate._on_speech_ended,
    "input_audio_buffer.timeout_triggered": ResponseGate._on_speech_ended,
    "response.created": ResponseGate._on_created,
    "response.output_item.added": ResponseGate._on_item,
    "response.output_item.done": ResponseGate._on_item,
    "response.done": ResponseGate._on_done,
    "error": ResponseGate._on_error,
}
# By class, filled from `_BY_TYPE` as classes are met.
_HANDLERS: dict[type, Callable[[ResponseGate, Any], list[Any]] | None] = {}
ResponseGate.EVENT_TYPES = frozenset(_BY_TYPE)
