"""Function calls: each complete one once, its arguments decoded into the caller's type, its answer.

The same call comes up to four times (arguments done, item done, conversation item done, in
the response), some of them also when the response was cancelled halfway. The laws:

- A call is given once, when it is first known to be whole: its item is completed, or its
  arguments are a whole JSON object, which no part of one can be.
- A call that was cut off is never given.
- Items that no response has brought, such as those that a client restores, are not calls.
- Arguments that do not fit are an `ArgumentsError`, which has the answer that tells the model so.

Declaring tools and running them is in `tools`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import msgspec

from .._bounded import SeenSet
from .._guard import DEFAULT_MAX_DEPTH, bounded, check_depth
from ..build import create_function_output
from ..errors import DecodeError, EncodeError, reason_of, snippet
from ..events import (
    ConversationItemCreate,
    ConversationItemDone,
    FunctionCallItem,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    beta,
)
from ..repair import _misfit
from ._common import no_frame

_T = TypeVar("_T")

# Of ours: a model's 4096 tokens are far less. What is longer is refused before it is read.
MAX_ARGUMENTS_BYTES = 1024 * 1024
# Calls that a response has begun and not yet ended; of more, the oldest are forgotten.
MAX_PENDING = 256
# Integers above it are not exact in a float.
_MAX_WHOLE_FLOAT = 2.0**53


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A model's whole call of a function; `arguments` is its JSON text as it came."""

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
        """The arguments as a `type`: a Struct, dataclass, TypedDict or what else msgspec decodes.

        No arguments at all ("") are ``{}``, as servers write it for functions without any; 5.0 is
        an int where one is expected; of two members of one name the last counts. Not `strict`,
        "5" is an int as well (msgspec's lax conversions).

        Raises:
            ArgumentsError: they are not JSON, too long or too deep, or not what `type` says.
            TypeError: msgspec does not know `type`.
        """
        try:
            raw = bounded(self.arguments.strip() or "{}", MAX_ARGUMENTS_BYTES)
            check_depth(raw, DEFAULT_MAX_DEPTH)
            return _decode(raw, type, strict)
        except msgspec.ValidationError as why:
            misfit = _misfit(why, "$")
            error = ArgumentsError(self, misfit.reason, path=misfit.path, expected=misfit.expected)
        except DecodeError as why:
            error = ArgumentsError(self, why.reason)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as why:
            error = ArgumentsError(self, reason_of(why))
        raise error from None

    def output(self, result: object) -> ConversationItemCreate:
        """The event that answers the call: a str as it is, everything else as JSON.

        It asks for no response: send a `ResponseCreate` once every call of a response is
        answered. The beta dialect takes ``realtime.beta.from_ga(event)``.

        Raises:
            EncodeError: `result` is not a str and not JSON.
        """
        if isinstance(result, str):
            return create_function_output(self.call_id, result)
        try:
            return create_function_output(self.call_id, msgspec.json.encode(result).decode())
        except (TypeError, ValueError, RecursionError, OverflowError) as why:
            raise EncodeError(
                f"what {snippet(self.name)!r} gave back is not JSON: {reason_of(why)}",
                event_type="conversation.item.create",
            ) from None


class ArgumentsError(DecodeError):
    """A call's arguments that do not fit; `output()` is the answer that tells the model what to mend.

    Attributes: those of DecodeError (`path` is within the arguments), and `call`.
    """

    def __init__(self, call: FunctionCall, reason: str, *, path: str = "$", expected: str = "") -> None:
        super().__init__(
            reason, event_type="function_call", path=path, expected=expected, payload=call.arguments
        )
        self.call = call

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """What does not fit, as a ConfigError has it: (path, sentence)."""
        return ((self.path, self.reason),)

    def output(self) -> ConversationItemCreate:
        """The answer for the model: what does not fit, and where."""
        return self.call.output(
            {"error": "the arguments do not fit", "path": self.path, "reason": self.reason}
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.call, self.reason), self.__dict__


def _decode(raw: bytes, type: Any, strict: bool) -> Any:
    try:
        return msgspec.json.decode(raw, type=type, strict=strict)
    except msgspec.ValidationError as why:
        # JSON has one kind of number: models and servers in Python write 5.0 where 5 is meant.
        whole = _with_whole_numbers(msgspec.json.decode(raw))
        try:
            return msgspec.json.decode(msgspec.json.encode(whole), type=type, strict=strict)
        except msgspec.ValidationError:
            raise why from None


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_WHOLE_FLOAT:
        return int(value)
    if isinstance(value, dict):
        return {key: _with_whole_numbers(item) for key, item in value.items()}
    return [_with_whole_numbers(item) for item in value] if isinstance(value, list) else value


# --- From events ---------------------------------------------------------------------


class FunctionCalls:
    """Gives each complete function call of a session once, from the events as they arrive (GA, beta).

    With `wait_for_response` calls are given only when the response they are part of is
    completed, all of them together; without, as soon as each is whole.
    """

    def __init__(self, *, wait_for_response: bool = False) -> None:
        self._waits = wait_for_response
        self._given = SeenSet()
        # By call_id: the names of calls that a response has begun, and calls not known to be whole.
        self._names: OrderedDict[str, str] = OrderedDict()
        self._doubtful: OrderedDict[str, FunctionCall] = OrderedDict()

    def feed(self, event: object) -> list[FunctionCall]:
        """The calls that `event` completes; those that were given before are left out.

        Raises:
            TypeError: `event` is a frame.
        """
        read = _READERS.get(type(event))
        if read is None:
            no_frame(event)
            return []
        return [call for call in read(self, event) if self._given.add(call.call_id)]

    def _item_added(self, event: ResponseOutputItemAdded) -> Iterator[FunctionCall]:
        call = _call_of(event.item, event.response_id)
        if call is not None:
            _keep(self._names, call.call_id, call.name)
        return iter(())

    def _arguments_done(self, event: ResponseFunctionCallArgumentsDone) -> Iterator[FunctionCall]:
        name = event.name or self._names.get(event.call_id)
        if not name or not event.call_id:
            return  # the item will tell
        # What is refused for its length needs not be held at length.
        arguments = event.arguments[: MAX_ARGUMENTS_BYTES + 1]
        call = FunctionCall(event.call_id, name, arguments, event.item_id, event.response_id)
        if self._waits or not _is_object(arguments):
            _keep(self._doubtful, call.call_id, call)
        else:
            yield call

    def _item_done(self, event: ResponseOutputItemDone) -> Iterator[FunctionCall]:
        call = _call_of(event.item, event.response_id)
        if call is None:
            return
        _keep(self._names, call.call_id, call.name)
        if _is_cut_off(event.item):
            self._doubtful.pop(call.call_id, None)
        elif self._waits or not _is_whole(event.item):
            _keep(self._doubtful, call.call_id, call)
        else:
            yield call

    def _conversation_item_done(self, event: ConversationItemDone) -> Iterator[FunctionCall]:
        call = _call_of(event.item, None)
        if call is not None and call.call_id in self._names and _is_whole(event.item) and not self._waits:
            yield call

    def _response_done(self, event: ResponseDone | beta.ResponseDone) -> Iterator[FunctionCall]:
        response = event.response
        is_completed = response.status in (None, "completed")
        for item in response.output or ():
            call = _call_of(item, response.id)
            if call is None:
                continue
            self._doubtful.pop(call.call_id, None)
            if not _is_cut_off(item) if is_completed else _is_completed(item) and not self._waits:
                yield call
        for call in [call for call in self._doubtful.values() if call.response_id == response.id]:
            del self._doubtful[call.call_id]
            if is_completed:
                yield call


_READERS: dict[type, Callable[[FunctionCalls, Any], Iterator[FunctionCall]]] = {
    ResponseOutputItemAdded: FunctionCalls._item_added,
    beta.ResponseOutputItemAdded: FunctionCalls._item_added,
    ResponseFunctionCallArgumentsDone: FunctionCalls._arguments_done,
    ResponseOutputItemDone: FunctionCalls._item_done,
    beta.ResponseOutputItemDone: FunctionCalls._item_done,
    ConversationItemDone: FunctionCalls._conversation_item_done,
    ResponseDone: FunctionCalls._response_done,
    beta.ResponseDone: FunctionCalls._response_done,
}


def _keep(held: OrderedDict[str, Any], key: str, value: Any) -> None:
    held[key] = value
    held.move_to_end(key)
    if len(held) > MAX_PENDING:
        held.popitem(last=False)


def _call_of(item: object, response_id: str | None) -> FunctionCall | None:
    """The call that an item is; None for other items, and for a call that cannot be answered or named."""
    if not isinstance(item, (FunctionCallItem, beta.ConversationItem)) or item.type != "function_call":
        return None
    call_id, name = item.call_id or "", item.name or ""
    if not call_id or not name:
        return None
    return FunctionCall(call_id, name, item.arguments or "", item.id or None, response_id)


def _is_completed(item: Any) -> bool:
    return bool(item.status == "completed")


def _is_whole(item: Any) -> bool:
    """Whether an item that is done is known to be whole; some servers tell no status."""
    return not item.status or _is_completed(item)


def _is_cut_off(item: Any) -> bool:
    return bool(item.status == "incomplete")


def _is_object(arguments: str) -> bool:
    """Whether `arguments` are one whole JSON object."""
    if not arguments.lstrip().startswith("{"):
        return False
    try:
        raw = bounded(arguments, MAX_ARGUMENTS_BYTES)
        check_depth(raw, DEFAULT_MAX_DEPTH)
        msgspec.json.decode(raw, type=msgspec.Raw)
    except (DecodeError, msgspec.DecodeError, UnicodeError):
        return False
    return True
