"""Function calls of a model: found in the events, decoded into the caller's types, answered.

One call is reported by up to four events (arguments done, item done, conversation item done,
response done), some of them also when the response was cancelled halfway. `FunctionCalls`
returns each call once:

- as soon as it is known to be complete: its item is completed, or its arguments are a complete
  JSON object, which no prefix of one is;
- never if it was cut off;
- never if no response produced it, such as the items that a client restores.

Where an event lacks the call's id, the call that the response has started is meant. A call whose id no
event states is returned when its response ends, as only then no other event can repeat it; it gets an
id that is made here.

Tools are declared and run in `tools`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeVar, overload

import msgspec

from .. import events as ga
from .._bounded import BoundedDict, SeenSet
from .._guard import DEFAULT_MAX_DEPTH, bounded, check_depth
from ..build import create_function_output
from ..errors import DecodeError, EncodeError, reason_of, snippet
from ..events import beta
from ..repair import ValidationFailure
from ._common import find_by_class, get_field, made_call_id

_T = TypeVar("_T")

# A limit of this library: the 4,096 tokens of a model's answer are far less. Longer arguments are
# refused before they are decoded.
MAX_ARGUMENTS_BYTES: Final = 1024 * 1024
# Calls that a response has started and not ended: the oldest are forgotten.
MAX_PENDING: Final = 256
# Calls among which one without an id is searched, so few that a search costs little.
_MAX_WITHOUT_ID: Final = 32
# Greater integers are not exact in a float.
_MAX_EXACT_FLOAT: Final = 2.0**53


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A model's complete call of a function. `arguments` is the JSON text as it was received."""

    call_id: str
    name: str
    arguments: str
    item_id: str | None = None
    response_id: str | None = None

    @overload
    def decode(self) -> dict[str, Any]: ...
    @overload
    def decode(self, type: type[_T], *, strict: bool = True) -> _T: ...
    def decode(self, type: Any = dict[str, Any], *, strict: bool = True) -> Any:
        """Return the arguments as a `type`: a Struct, dataclass, TypedDict or another type of msgspec.

        Empty arguments ("") count as ``{}``: servers send them for functions without parameters.
        5.0 is accepted as an int. Of two members with the same name the last counts. If not
        `strict`, "5" is an int too (msgspec's lax conversions).

        Raises:
            ArgumentsError: they are not JSON, too long, nested too deeply, or do not match `type`.
            TypeError: `type` is not supported by msgspec.
        """
        try:
            raw = bounded(self.arguments.strip() or "{}", MAX_ARGUMENTS_BYTES)
            check_depth(raw, DEFAULT_MAX_DEPTH)
            return _decode(raw, type, strict)
        except msgspec.ValidationError as why:
            failure = ValidationFailure.from_msgspec(why)
            error = ArgumentsError(self, failure.reason, path=failure.path, expected=failure.expected)
        except DecodeError as why:
            error = ArgumentsError(self, why.reason)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as why:
            error = ArgumentsError(self, reason_of(why))
        raise error from None

    def output(self, result: object) -> ga.ConversationItemCreate:
        """Return the event that answers the call: a str is sent as it is, anything else as JSON.

        It does not request a response: send a `ResponseCreate` once every call of a response is
        answered. For the beta dialect, convert it with ``realtime.beta.from_ga(event)``.

        Raises:
            EncodeError: `result` is neither a str nor JSON.
        """
        if isinstance(result, str):
            return create_function_output(self.call_id, result)
        try:
            return create_function_output(self.call_id, msgspec.json.encode(result).decode())
        except (TypeError, ValueError, RecursionError, OverflowError) as why:
            raise EncodeError(
                f"the result of {snippet(self.name)!r} is not JSON: {reason_of(why)}",
                event_type="conversation.item.create",
            ) from None


class ArgumentsError(DecodeError):
    """A model's arguments do not match the expected type. `output()` is the answer that reports it.

    Attributes: those of DecodeError (`path` is a path within the arguments), and `call`.
    """

    def __init__(self, call: FunctionCall, reason: str, *, path: str = "$", expected: str = "") -> None:
        super().__init__(
            reason, event_type="function_call", path=path, expected=expected, payload=call.arguments
        )
        self.call = call

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """The (path, sentence) pairs, as in ConfigError."""
        return ((self.path, self.reason),)

    def output(self) -> ga.ConversationItemCreate:
        """Return the event that reports the mistake and its place to the model."""
        return self.call.output(
            {"error": "the arguments do not fit", "path": self.path, "reason": self.reason}
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.call, self.reason), self.__dict__


def _decode(raw: bytes, type: Any, strict: bool) -> Any:
    try:
        return msgspec.json.decode(raw, type=type, strict=strict)
    except msgspec.ValidationError as why:
        # JSON has one kind of number: models and servers in Python write 5.0 for 5.
        value = _integral_floats_to_int(msgspec.json.decode(raw))
        try:
            return msgspec.json.decode(msgspec.json.encode(value), type=type, strict=strict)
        except msgspec.ValidationError:
            raise why from None


def _integral_floats_to_int(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_EXACT_FLOAT:
        return int(value)
    if isinstance(value, dict):
        return {key: _integral_floats_to_int(item) for key, item in value.items()}
    return [_integral_floats_to_int(item) for item in value] if isinstance(value, list) else value


# --- From events ---------------------------------------------------------------------


class FunctionCalls:
    """Finds the complete function calls in a session's events (GA, beta), each of them once.

    With `wait_for_response` calls are returned once the response that they are part of is
    completed, all of them together; without, as soon as each is complete.
    """

    def __init__(self, *, wait_for_response: bool = False) -> None:
        self._wait_for_response = wait_for_response
        self._returned = SeenSet()
        # By call_id: calls that a response has started, those of them that are not returned yet by their
        # place in it, and calls that may be incomplete.
        self._names: BoundedDict[str, str] = BoundedDict(MAX_PENDING)
        self._open: BoundedDict[str, _Place] = BoundedDict(_MAX_WITHOUT_ID)
        self._unconfirmed: BoundedDict[str, FunctionCall] = BoundedDict(MAX_PENDING)
        # Calls whose id no event has stated so far, by the ids that are made here.
        self._without_id: BoundedDict[str, FunctionCall] = BoundedDict(_MAX_WITHOUT_ID)
        self._made = 0

    def feed(self, event: object) -> list[FunctionCall]:
        """Feed a server event. Returns the calls that it completes, without those returned before.

        Raises:
            TypeError: `event` is a raw frame.
        """
        try:
            handle = _HANDLERS[type(event)]
        except KeyError:
            handle = _HANDLERS[type(event)] = find_by_class(event, _BY_CLASS)
        return [] if handle is None else [*filter(self._is_first, handle(self, event))]

    def _is_first(self, call: FunctionCall) -> bool:
        self._open.pop(call.call_id, None)
        return self._returned.add(call.call_id)

    def _item_added(self, event: ga.ResponseOutputItemAdded) -> Iterator[FunctionCall]:
        call = _call_of(event.item, event.response_id)
        if call is not None and call.call_id:
            self._start(call, event.output_index)
        return iter(())

    def _start(self, call: FunctionCall, output_index: int) -> None:
        self._names[call.call_id] = call.name
        self._open[call.call_id] = _Place(call.item_id, call.response_id, output_index)

    def _arguments_done(self, event: ga.ResponseFunctionCallArgumentsDone) -> Iterator[FunctionCall]:
        call_id = event.call_id or self._started_id(event)
        name = event.name or self._names.get(call_id)
        arguments = get_field(event, "arguments")
        if not name or arguments is None:
            return  # the item has what is missing
        # One more than is accepted is enough to refuse them.
        arguments = arguments[: MAX_ARGUMENTS_BYTES + 1]
        call = FunctionCall(call_id, name, arguments, event.item_id or None, event.response_id or None)
        if not call_id:
            self._add_without_id(call, event)
        elif self._wait_for_response or not _is_json_object(arguments):
            self._unconfirmed[call_id] = call
        else:
            yield call

    def _started_id(self, event: ga.ResponseFunctionCallArgumentsDone) -> str:
        """Return the call_id of the started call that an event without it is about; "" if that is not clear."""
        found = [
            (call_id, place) for call_id, place in self._open.items()
            if not event.item_id or event.item_id == place.item_id or not place.item_id
            if not event.response_id or event.response_id == place.response_id or not place.response_id
        ]  # fmt: skip
        if len(found) > 1:  # the index is 0 if the event has none, too
            found = [(call_id, place) for call_id, place in found if place.output_index == event.output_index]
        return found[0][0] if len(found) == 1 else ""

    def _item_done(self, event: ga.ResponseOutputItemDone) -> Iterator[FunctionCall]:
        call = _call_of(event.item, event.response_id)
        if call is None:
            return
        known = self._take_without_id(call)
        if not call.call_id:
            if known is not None and not _is_incomplete(event.item):
                self._without_id[known.call_id] = replace(call, call_id=known.call_id)
            elif not _is_incomplete(event.item):
                self._add_without_id(call, event)
            return
        self._names[call.call_id] = call.name
        if _is_incomplete(event.item):
            self._unconfirmed.pop(call.call_id, None)
        elif self._wait_for_response or not _is_complete(event.item):
            self._unconfirmed[call.call_id] = call
        else:
            yield call

    def _conversation_item_done(self, event: ga.ConversationItemDone) -> Iterator[FunctionCall]:
        call = _call_of(event.item, None)
        if (
            call is not None
            and call.call_id in self._names
            and _is_complete(event.item)
            and not self._wait_for_response
        ):
            yield call

    def _response_done(self, event: ga.ResponseDone | beta.ResponseDone) -> Iterator[FunctionCall]:
        response_id = get_field(event.response, "id") or None
        is_completed = get_field(event.response, "status") in (None, "completed")
        for index, item in enumerate(get_field(event.response, "output") or ()):
            call = _call_of(item, response_id)
            if call is None:
                continue
            if not call.call_id:
                known, made = self._take_without_id(call), self._make_id(call, index, event)
                if known is not None and known.call_id != made:
                    self._returned.add(made)  # by which a repetition of this event would know the call
                call = replace(call, call_id=known.call_id if known else made)
            else:
                self._take_without_id(call)
            self._unconfirmed.pop(call.call_id, None)
            if is_completed:
                if not _is_incomplete(item):
                    yield call
            elif _is_completed(item) and not self._wait_for_response:
                yield call
        for calls in (self._unconfirmed, self._without_id):
            for call in [call for call in calls.values() if _is_of(call, response_id)]:
                del calls[call.call_id]
                if is_completed:
                    yield call
        for call_id in [key for key, place in self._open.items() if _is_of(place, response_id)]:
            del self._open[call_id]

    # --- Calls whose id no event states ---

    def _add_without_id(self, call: FunctionCall, event: Any) -> None:
        """Store a call until its response ends, or an event states its id."""
        call_id = self._make_id(call, event.output_index, event)
        known = self._without_id.get(call_id)
        if known is not None and (known.name, known.arguments) != (call.name, call.arguments):
            call_id = self._make_id(replace(call, item_id=None, response_id=None), 0, None)
        self._without_id[call_id] = replace(call, call_id=call_id)

    def _make_id(self, call: FunctionCall, output_index: int, event: object) -> str:
        found = made_call_id(call.item_id, call.response_id, output_index, get_field(event, "event_id"))
        if found:
            return found
        self._made += 1
        return f"call.{self._made}"

    def _take_without_id(self, call: FunctionCall) -> FunctionCall | None:
        """Remove and return the call without an id that is `call`: of its response, with its name."""
        like = [
            known for known in self._without_id.values()
            if known.name == call.name and _is_of(known, call.response_id)
        ]  # fmt: skip
        found = next((known for known in like if known.arguments == call.arguments), next(iter(like), None))
        if found is not None:
            del self._without_id[found.call_id]
        return found


class _Place(NamedTuple):
    """The place at which a response has started a call."""

    item_id: str | None
    response_id: str | None
    output_index: int


_BY_CLASS: Final[dict[type, Callable[[FunctionCalls, Any], Iterator[FunctionCall]]]] = {
    ga.ResponseOutputItemAdded: FunctionCalls._item_added,
    beta.ResponseOutputItemAdded: FunctionCalls._item_added,
    ga.ResponseFunctionCallArgumentsDone: FunctionCalls._arguments_done,
    ga.ResponseOutputItemDone: FunctionCalls._item_done,
    beta.ResponseOutputItemDone: FunctionCalls._item_done,
    ga.ConversationItemDone: FunctionCalls._conversation_item_done,
    ga.ResponseDone: FunctionCalls._response_done,
    beta.ResponseDone: FunctionCalls._response_done,
}
# By class, filled from `_BY_CLASS` as classes are met.
_HANDLERS: dict[type, Callable[[FunctionCalls, Any], Iterator[FunctionCall]] | None] = {}


def _is_of(call: FunctionCall | _Place, response_id: str | None) -> bool:
    """Return True if a call may be part of a response: an id that is not known may be any."""
    return call.response_id is None or response_id is None or call.response_id == response_id


def _call_of(item: object, response_id: str | None) -> FunctionCall | None:
    """Return the call that `item` is, with "" if it has no call_id. None for other items, and without a name."""
    if not isinstance(item, (ga.FunctionCallItem, beta.ConversationItem)) or item.type != "function_call":
        return None
    name = item.name or ""
    if not name:
        return None
    return FunctionCall(item.call_id or "", name, item.arguments or "", item.id or None, response_id or None)


def _is_completed(item: Any) -> bool:
    return bool(item.status == "completed")


def _is_complete(item: Any) -> bool:
    """Return True if a finished item is complete. Some servers send no status."""
    return not item.status or _is_completed(item)


def _is_incomplete(item: Any) -> bool:
    return bool(item.status == "incomplete")


def _is_json_object(arguments: str) -> bool:
    """Return True if `arguments` are one complete JSON object."""
    if not arguments.lstrip().startswith("{"):
        return False
    try:
        raw = bounded(arguments, MAX_ARGUMENTS_BYTES)
        check_depth(raw, DEFAULT_MAX_DEPTH)
        msgspec.json.decode(raw, type=msgspec.Raw)
    except (DecodeError, msgspec.DecodeError, UnicodeError):
        return False
    return True
