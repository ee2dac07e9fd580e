"""Function calls of a model: found in the events, decoded into the caller's types, answered.

One call is reported by up to four events (arguments done, item done, conversation item done,
response done), some of them also when the response was cancelled halfway. `FunctionCalls`
returns each call once:

- as soon as it is known to be complete: its item is completed, or its arguments are a complete
  JSON object, which no prefix of one is;
- never if it was cut off;
- never if no response produced it, such as the items that a client restores.

Tools are declared and run in `tools`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, overload

import msgspec

from .. import events as ga
from .._bounded import BoundedDict, SeenSet
from .._guard import DEFAULT_MAX_DEPTH, bounded, check_depth
from ..build import create_function_output
from ..errors import DecodeError, EncodeError, reason_of, snippet
from ..events import beta
from ..repair import ValidationFailure
from ._common import get_field, reject_raw_frame

_T = TypeVar("_T")

# A limit of this library: the 4,096 tokens of a model's answer are far less. Longer arguments are
# refused before they are decoded.
MAX_ARGUMENTS_BYTES: Final = 1024 * 1024
# Calls that a response has started and not ended: the oldest are forgotten.
MAX_PENDING: Final = 256
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
        # By call_id: the names of calls that a response has started, and calls that may be incomplete.
        self._names: BoundedDict[str, str] = BoundedDict(MAX_PENDING)
        self._unconfirmed: BoundedDict[str, FunctionCall] = BoundedDict(MAX_PENDING)

    def feed(self, event: object) -> list[FunctionCall]:
        """Feed a server event. Returns the calls that it completes, without those returned before.

        Raises:
            TypeError: `event` is a raw frame.
        """
        handle = _HANDLERS.get(type(event))
        if handle is None:
            reject_raw_frame(event)
            return []
        return [call for call in handle(self, event) if self._returned.add(call.call_id)]

    def _item_added(self, event: ga.ResponseOutputItemAdded) -> Iterator[FunctionCall]:
        call = _call_of(event.item, event.response_id)
        if call is not None:
            self._names[call.call_id] = call.name
        return iter(())

    def _arguments_done(self, event: ga.ResponseFunctionCallArgumentsDone) -> Iterator[FunctionCall]:
        name = event.name or self._names.get(event.call_id)
        arguments = get_field(event, "arguments")
        if not name or not event.call_id or arguments is None:
            return  # the item has what is missing
        # One more than is accepted is enough to refuse them.
        arguments = arguments[: MAX_ARGUMENTS_BYTES + 1]
        call = FunctionCall(event.call_id, name, arguments, event.item_id, event.response_id)
        if self._wait_for_response or not _is_json_object(arguments):
            self._unconfirmed[call.call_id] = call
        else:
            yield call

    def _item_done(self, event: ga.ResponseOutputItemDone) -> Iterator[FunctionCall]:
        call = _call_of(event.item, event.response_id)
        if call is None:
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
        response_id = get_field(event.response, "id")
        is_completed = get_field(event.response, "status") in (None, "completed")
        for item in get_field(event.response, "output") or ():
            call = _call_of(item, response_id)
            if call is None:
                continue
            self._unconfirmed.pop(call.call_id, None)
            if is_completed:
                if not _is_incomplete(item):
                    yield call
            elif _is_completed(item) and not self._wait_for_response:
                yield call
        for call in [call for call in self._unconfirmed.values() if call.response_id == response_id]:
            del self._unconfirmed[call.call_id]
            if is_completed:
                yield call


_HANDLERS: dict[type, Callable[[FunctionCalls, Any], Iterator[FunctionCall]]] = {
    ga.ResponseOutputItemAdded: FunctionCalls._item_added,
    beta.ResponseOutputItemAdded: FunctionCalls._item_added,
    ga.ResponseFunctionCallArgumentsDone: FunctionCalls._arguments_done,
    ga.ResponseOutputItemDone: FunctionCalls._item_done,
    beta.ResponseOutputItemDone: FunctionCalls._item_done,
    ga.ConversationItemDone: FunctionCalls._conversation_item_done,
    ga.ResponseDone: FunctionCalls._response_done,
    beta.ResponseDone: FunctionCalls._response_done,
}


def _call_of(item: object, response_id: str | None) -> FunctionCall | None:
    """Return the call that `item` is. None for other items, and for a call without a call_id or name."""
    if not isinstance(item, (ga.FunctionCallItem, beta.ConversationItem)) or item.type != "function_call":
        return None
    call_id, name = item.call_id or "", item.name or ""
    if not call_id or not name:
        return None
    return FunctionCall(call_id, name, item.arguments or "", item.id or None, response_id)


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
