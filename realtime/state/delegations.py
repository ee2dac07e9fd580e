"""Delegations of a Live session: calls found in the events, and answers sent in the order that the server accepts.

The model delegates work to the client, or to a model of the Responses API that calls functions. `Delegations` returns
both as `FunctionCall`s, each once, and turns their outputs into events:

- Client: the output is appended as commentary, in pieces that the server accepts.
- Responses: outputs are sent once the response that made the call is completed, and one `response.create` once
  every call of the session is answered: the server refuses an earlier one, and outputs for calls of a failed response.

Exported by `realtime.live`. A `Toolbox` runs the calls; the words are in `live.LiveTranscript`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

import msgspec

from .. import spec
from .._bounded import BoundedDict, SeenSet
from ..errors import ConfigError, snippet
from ..events import ConversationItemCreate, FunctionCallOutputItem, live
from ._common import find_handler, get_field
from .calls import MAX_ARGUMENTS_BYTES, FunctionCall
from .live import input_message, longest_start

__all__ = ["Delegations"]

_SENTENCE_ENDS: Final = (". ", "! ", "? ", "\n")
OUTPUTS_REQUIRED: Final = "function_call_outputs_required"
BUFFER_FULL: Final = "response_input_buffer_full"
_NOTE: Final = '{"error":"the result is too large"}'
_FAILURES: Final = frozenset({"response.failed", "response.incomplete", "response.cancelled"})
# Room reserved for the note that answers each other call.
_NOTE_BYTES: Final = 256
_MAX_CALLS: Final = 256
_MAX_SENT: Final = 256
_MAX_DELEGATIONS: Final = 1000

# The delegation and the id of a response.
_Response: TypeAlias = tuple[str, str | None]


class _ResponseInfo(msgspec.Struct):
    id: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    id: str | None = None
    status: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class _ResponseEvent(msgspec.Struct):
    """The members of an event of the Responses API that are read here."""

    type: str
    response: _ResponseInfo | None = None
    item: _Item | None = None


class _Sent(NamedTuple):
    """An output that was sent and may still be refused."""

    call: FunctionCall
    nbytes: int


@dataclass(slots=True, eq=False)
class _Call:
    """A call whose output was not sent. `response` is the one that made it, None once it is completed."""

    call: FunctionCall
    response: _Response | None
    output: str | None = None


@dataclass(slots=True, eq=False)
class _Delegation:
    """A delegation. `response_id` is that of its newest response."""

    target: str
    response_id: str | None
    is_answered: bool = False


class Delegations:
    """The calls of delegations, each returned once, and the events that send their outputs.

    Feed it every server event and run the calls that `feed` returns, for example with a `Toolbox`. Give their outputs to
    `answer`; take `events_to_send` after both. Events have an `event_id` by which refusals are matched: one that
    crossed an event of the server's is sent again as soon as the server accepts it, see `is_crossed`.

    Args:
        client_tool: the function name of the calls that stand for client delegations. Their argument is `delegation_id`.
        max_bytes: the UTF-8 bytes of input that the backend accepts before it answers. An output that does not fit
            is replaced by a note with its size.
        token: the prefix of the ids of events.

    Raises:
        ConfigError: `max_bytes` is not positive.
    """

    EVENT_TYPES: ClassVar[frozenset[str]]
    """The types of the server events that `feed` handles. Others may be left out."""

    def __init__(
        self,
        *,
        client_tool: str = "delegate",
        max_bytes: int = spec.MAX_LIVE_BACKEND_BYTES,
        token: str = "delegation",
    ) -> None:
        if max_bytes < 1:
            raise ConfigError(f"max_bytes must be positive, got {max_bytes}")
        self.client_tool = client_tool
        self._max_bytes, self._token = max_bytes, token
        self._count = 0
        self._frames: list[live.ClientEvent] = []
        self._begin()

    def _begin(self) -> None:
        self._frames.clear()
        self._delegations: BoundedDict[str, _Delegation] = BoundedDict(_MAX_DELEGATIONS)
        self._seen = SeenSet()
        self._calls: BoundedDict[str, _Call] = BoundedDict(_MAX_CALLS)
        self._outputs: BoundedDict[str, _Sent] = BoundedDict(_MAX_SENT)
        self._unprocessed: BoundedDict[str, str] = BoundedDict(_MAX_CALLS)  # outputs by call
        # The requests that may still be refused, with the version of the calls that they were made for.
        self._requests: BoundedDict[str, int] = BoundedDict(_MAX_SENT)
        self._version = 0
        self._refused_version: int | None = None  # a request for it would be refused again
        self._in_flight: str | None = None
        self._is_owed = False
        self._nbytes = 0  # of input that no response has taken
        self._taken_nbytes = 0  # of those, what the request in flight takes

    # --- Reading ---

    @property
    def open_calls(self) -> tuple[FunctionCall, ...]:
        """The calls without an output, in order."""
        return tuple(each.call for each in self._calls.values() if each.output is None)

    @property
    def unprocessed_outputs(self) -> tuple[str, ...]:
        """The outputs that no completed response of the backend has taken into account, in order."""
        return tuple(self._unprocessed.values())

    @property
    def is_waiting(self) -> bool:
        """True while the backend has input that it does not process yet, because a call is open."""
        return self._is_owed

    @property
    def free_bytes(self) -> int:
        """The bytes of input that the backend still accepts before it answers, less a note for each open call."""
        return self._max_bytes - self._nbytes - _NOTE_BYTES * len(self._calls)

    def is_crossed(self, event: object) -> bool:
        """Return True for an error that needs no attention: what it refuses is sent again, shortened or later."""
        error = get_field(event, "error")
        return self._refused_request(error) is not None or self._refused_output(error) is not None

    def _refused_request(self, error: Any) -> str | None:
        if get_field(error, "code") != OUTPUTS_REQUIRED:
            return None
        event_id = get_field(error, "client_event_id") or self._in_flight
        return event_id if event_id in self._requests else None

    def _refused_output(self, error: Any) -> str | None:
        if get_field(error, "code") != BUFFER_FULL:
            return None
        event_id = get_field(error, "client_event_id") or next(iter(self._outputs), None)
        sent = self._outputs.get(event_id or "")
        return event_id if sent is not None and sent.nbytes else None

    # --- The client's side ---

    def events_to_send(self) -> list[live.ClientEvent]:
        """Remove and return the events to send now, in order."""
        events, self._frames = self._frames, []
        return events

    def answer(self, output: ConversationItemCreate) -> bool:
        """Send the output of a call, as `Toolbox.call` and `FunctionCall.output` return it, once the server accepts it.

        Returns False if no such call is open: it is answered, was dropped with its response, or belongs to a session
        that has ended.

        Raises:
            TypeError: `output` is not an event with the output of a function call.
        """
        item = get_field(output, "item")
        if not isinstance(item, FunctionCallOutputItem):
            raise TypeError(f"expected an event with a function_call_output, got {type(output).__name__}")
        each = self._calls.get(item.call_id)
        if each is None or each.output is not None:
            return False
        text = item.output
        delegation = self._delegations.get(item.call_id)
        if delegation is not None and each.call.name == self.client_tool and delegation.target == "client":
            del self._calls[item.call_id]
            if text.strip():
                self.append(item.call_id, text)
            return True
        each.output = self._unprocessed[item.call_id] = text
        self._advance()
        return True

    def append(self, delegation_id: str | None, text: str, *, is_spoken: bool = True) -> None:
        """Append a text in pieces that the server accepts: as commentary, which the model speaks, or else as thinking.

        Raises:
            ConfigError: the text is empty, or `delegation_id` is not that of a client delegation.
        """
        delegation = None if delegation_id is None else self._delegations.get(delegation_id)
        if delegation_id is not None and (delegation is None or delegation.target != "client"):
            raise ConfigError(f"no client delegation has the id {snippet(repr(delegation_id))}")
        if not text.strip():
            raise ConfigError("the text is empty")
        kind = live.SessionCommentaryAppend if is_spoken else live.SessionThinkingAppend
        for piece in append_pieces(text):
            self._frames.append(kind(delegation_id=delegation_id, content=piece, event_id=self._next_id()))

    def ask(self, text: str) -> None:
        """Give the backend a text of the user. It is processed as soon as no call is open."""
        self._send_item(input_message("user", text))
        self._is_owed = True
        self._advance()

    def drop_call(self, call_id: str) -> None:
        """Note that a call gets no output. The server refuses to continue while the call is open."""
        self._calls.pop(call_id, None)
        self._advance()

    # --- The server's side ---

    def feed(self, event: object) -> list[FunctionCall]:
        """Feed a server event. Returns the calls that it completes, each once.

        A `session.started` begins another session, which knows no calls of the one before.

        Raises:
            TypeError: `event` is a raw frame.
        """
        handle = find_handler(event, _HANDLERS)
        if handle is None:
            return []
        calls = [*handle(self, event)]
        self._advance()
        return calls

    def _on_started(self, event: live.SessionStarted) -> Iterator[FunctionCall]:
        self._begin()
        return iter(())

    def _on_delegation(self, event: live.SessionDelegationCreated) -> Iterator[FunctionCall]:
        info = event.delegation
        if info.id in self._delegations:
            return
        self._delegations[info.id] = _Delegation(info.target, info.response_id)
        if info.target == "client":
            arguments = msgspec.json.encode({"delegation_id": info.id}).decode()
            yield from self._open(FunctionCall(info.id, self.client_tool, arguments), None)

    def _on_response_event(self, event: live.ResponseEvent) -> Iterator[FunctionCall]:
        try:
            inner = msgspec.json.decode(event.event, type=_ResponseEvent)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return
        delegation_id = event.delegation_id or ""
        delegation = self._delegations.get(delegation_id)
        if delegation is None:
            delegation = self._delegations[delegation_id] = _Delegation("responses", None)
        response_id = inner.response.id if inner.response else None
        if inner.type == "response.created":
            self._on_created(delegation_id, delegation, response_id)
        elif inner.type == "response.output_item.done":
            item = inner.item
            if item and item.type == "function_call" and item.status in (None, "completed") and item.call_id:
                arguments = item.arguments[: MAX_ARGUMENTS_BYTES + 1]
                call = FunctionCall(item.call_id, item.name, arguments, item.id, delegation.response_id)
                yield from self._open(call, (delegation_id, delegation.response_id))
        elif inner.type == "response.completed" or inner.type in _FAILURES:
            self._note_done((delegation_id, response_id or delegation.response_id), inner.type)

    def _on_created(self, delegation_id: str, delegation: _Delegation, response_id: str | None) -> None:
        if response_id is not None and response_id == delegation.response_id:
            return  # the first response of a delegation is announced with it, not requested
        self._note_done((delegation_id, delegation.response_id), "response.created")
        delegation.response_id = response_id
        if self._in_flight is not None:
            self._in_flight = None
            self._nbytes -= self._taken_nbytes

    def _open(self, call: FunctionCall, response: _Response | None) -> Iterator[FunctionCall]:
        if self._seen.add(call.call_id):
            self._version += 1
            self._calls[call.call_id] = _Call(call, response)
            yield call

    def _note_done(self, response: _Response, kind: str) -> None:
        self._version += 1
        for call_id, each in [*self._calls.items()]:
            if each.response == response:
                each.response = None
                if kind in _FAILURES:
                    del self._calls[call_id]
                    self._unprocessed.pop(call_id, None)
        is_idle = not self._calls and not self._is_owed and self._in_flight is None
        if kind == "response.completed" and is_idle:
            self._unprocessed.clear()

    def _on_error(self, event: live.Error) -> Iterator[FunctionCall]:
        error = event.error
        request, output = self._refused_request(error), self._refused_output(error)
        if request is not None:
            version = self._requests.pop(request)
            if self._in_flight in (request, None):
                self._in_flight, self._is_owed = None, True
                self._refused_version = version
        elif output is not None:
            call, nbytes = self._outputs.pop(output)
            self._version += 1
            self._send_output(call, _NOTE if nbytes > len(_NOTE) else "")
        elif self._in_flight is not None and error.client_event_id == self._in_flight:
            self._in_flight = None
        return iter(())

    # --- Steps ---

    def _advance(self) -> None:
        """Send the outputs of completed responses, and the request that follows if no call is open."""
        for call_id, each in [*self._calls.items()]:
            if each.output is not None and each.response is None:
                del self._calls[call_id]
                self._is_owed = True
                self._version += 1
                self._send_output(each.call, each.output)
        has_open = any(not self._is_client(each) for each in self._calls.values())
        is_refused = self._refused_version == self._version
        if self._is_owed and not has_open and self._in_flight is None and not is_refused:
            self._is_owed = False
            event_id = self._in_flight = self._next_id()
            self._taken_nbytes = self._nbytes
            self._requests[event_id] = self._version
            self._frames.append(live.ResponseCreate(event_id=event_id))

    def _is_client(self, each: _Call) -> bool:
        delegation = self._delegations.get(each.call.call_id)
        return delegation is not None and delegation.target == "client"

    def _send_output(self, call: FunctionCall, output: str) -> None:
        item = live.FunctionCallOutput(call_id=call.call_id, output=output)
        if _nbytes(item) > self.free_bytes and len(output) > len(_NOTE):
            output, item = _NOTE, live.FunctionCallOutput(call_id=call.call_id, output=_NOTE)
        self._outputs[self._send_item(item)] = _Sent(call, len(output))

    def _send_item(self, item: live.Item) -> str:
        event_id = self._next_id()
        self._nbytes += _nbytes(item)
        self._frames.append(live.ResponseItemCreate(item=item, event_id=event_id))
        return event_id

    def _next_id(self) -> str:
        self._count += 1
        return f"{self._token}_{self._count}"


def _nbytes(item: live.Item) -> int:
    return len(msgspec.json.encode(item))


def append_pieces(text: str) -> Iterator[str]:
    """Yield the parts of a text that each fit into one append: sentences if possible, or else words."""
    text = text.strip()
    while text:
        piece = longest_start(text, spec.MAX_LIVE_APPEND_TOKENS)
        if piece != text:
            end = max(piece.rfind(mark) + len(mark) - 1 for mark in _SENTENCE_ENDS)
            piece = piece[:end] if end > 0 else piece.rpartition(" ")[0] or piece
        yield piece.strip()
        text = text[len(piece) :].strip()


_HANDLERS: Final[dict[str, Callable[[Delegations, Any], Iterator[FunctionCall]]]] = {
    "session.started": Delegations._on_started,
    "session.delegation.created": Delegations._on_delegation,
    "response.event": Delegations._on_response_event,
    "error": Delegations._on_error,
}
Delegations.EVENT_TYPES = frozenset(_HANDLERS)
