"""The Responses backend of a Live session: the input that it waits for, and the events of its responses.

Responses are complete at once. A function call is open from the end of its response until its output is
added; the next response waits for the outputs of all. `live` decides what a response says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Raw

from .. import spec
from ..codec import encode_json
from ..events import live as wire
from . import refusals
from .history import text_tokens
from .response import words
from .script import Call, Fail, Parts, Say


class Backend:
    """The backend of one session. Its events are passed to `emit`."""

    def __init__(self, emit: Callable[[wire.ServerEvent], None], new_id: Callable[[str], str]) -> None:
        self._emit = emit
        self._new_id = new_id
        # The calls without an output, each with its delegation.
        self._open: dict[str, str | None] = {}
        self._items: list[wire.Item] = []
        self._nbytes = 0
        self._delegation_id: str | None = None
        self._sequence = 0

    # --- Input ---

    def add(self, item: wire.Item) -> None:
        """Add an item to the input of the next response.

        Raises:
            Refusal: the input is full, or the item is the output of no open call.
        """
        if not item.type:
            raise refusals.MISSING_PARAMETER(param="item.type")
        call_id = item.call_id or "" if isinstance(item, wire.FunctionCallOutput) else None
        if call_id is not None and call_id not in self._open:
            raise refusals.CALL_NOT_FOUND(value=call_id)
        nbytes = len(encode_json(item))
        limit, max_nbytes = spec.MAX_LIVE_BACKEND_ITEMS, spec.MAX_LIVE_BACKEND_BYTES
        if len(self._items) >= limit or self._nbytes + nbytes > max_nbytes:
            raise refusals.BACKEND_INPUT_FULL(limit=limit, nbytes=max_nbytes)
        self._items.append(item)
        self._nbytes += nbytes
        if call_id is not None:
            self._delegation_id = self._open.pop(call_id)

    def take_input(self) -> tuple[str | None, str]:
        """Remove the input of a response. Returns the delegation that it continues, and its last text.

        Raises:
            Refusal: a function call has no output yet.
        """
        if self._open:
            raise refusals.OUTPUTS_REQUIRED(value=next(iter(self._open)))
        text = next(filter(None, map(_text_of, reversed(self._items))), "")
        delegation_id = self._delegation_id
        self._items.clear()
        self._nbytes, self._delegation_id = 0, None
        return delegation_id, text

    # --- Responses ---

    def respond(self, delegation_id: str | None, response_id: str, model: str, parts: Parts) -> None:
        """Emit all events of a response."""
        snapshot: dict[str, Any] = {
            "id": response_id, "object": "response", "created_at": 0, "status": "in_progress", "model": model,
            "output": [], "tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "instructions": None,
            "error": None, "usage": None,
        }  # fmt: skip
        failure = next((part for part in parts if isinstance(part, Fail)), None)
        calls = {part.call_id or self._new_id("call"): part for part in parts if isinstance(part, Call)}
        for event in self._events(snapshot, parts, calls, failure):
            self._sequence += 1
            body = Raw(msgspec.json.encode({**event, "sequence_number": self._sequence}))
            self._emit(wire.ResponseEvent(delegation_id=delegation_id, event=body))
        if failure is None:
            self._open |= dict.fromkeys(calls, delegation_id)

    def _events(
        self, snapshot: dict[str, Any], parts: Parts, calls: dict[str, Call], failure: Fail | None
    ) -> Iterator[dict[str, Any]]:
        yield {"type": "response.created", "response": snapshot}
        yield {"type": "response.in_progress", "response": snapshot}
        index = 0
        if calls:
            item: dict[str, Any] = {"id": self._new_id("rs"), "type": "reasoning", "summary": []}
            yield {"type": "response.output_item.added", "output_index": index, "item": item}
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
            index += 1
        for part in parts:
            if isinstance(part, Say):
                yield from self._message(index, part.text)
                index += 1
        for call_id, call in calls.items():
            yield from self._call(index, call_id, call)
            index += 1
        output_tokens = sum(text_tokens(part.text) for part in parts if isinstance(part, Say))
        output_tokens += sum(text_tokens(call.json) for call in calls.values())
        usage = response_usage(output_tokens)
        if failure is None:
            yield {
                "type": "response.completed",
                "response": {**snapshot, "status": "completed", "usage": usage},
            }
        else:
            error = {"code": failure.code, "message": failure.message}
            failed = {**snapshot, "status": "failed", "error": error, "usage": usage}
            yield {"type": "response.failed", "response": failed}

    def _message(self, index: int, text: str) -> Iterator[dict[str, Any]]:
        item = {"id": self._new_id("msg"), "type": "message", "role": "assistant"}
        part = {"type": "output_text", "text": "", "annotations": []}
        at = {"item_id": item["id"], "output_index": index, "content_index": 0}
        yield {
            "type": "response.output_item.added",
            "output_index": index,
            "item": {**item, "status": "in_progress", "content": []},
        }
        yield {"type": "response.content_part.added", **at, "part": part}
        for word in words(text):
            yield {"type": "response.output_text.delta", **at, "delta": word, "logprobs": []}
        yield {"type": "response.output_text.done", **at, "text": text, "logprobs": []}
        part = {**part, "text": text}
        yield {"type": "response.content_part.done", **at, "part": part}
        yield {
            "type": "response.output_item.done",
            "output_index": index,
            "item": {**item, "status": "completed", "content": [part]},
        }

    def _call(self, index: int, call_id: str, call: Call) -> Iterator[dict[str, Any]]:
        item = {"id": self._new_id("fc"), "type": "function_call", "call_id": call_id, "name": call.name}
        at = {"item_id": item["id"], "output_index": index}
        yield {
            "type": "response.output_item.added",
            "output_index": index,
            "item": {**item, "status": "in_progress", "arguments": ""},
        }
        for piece in words(call.json):
            yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
        yield {"type": "response.function_call_arguments.done", **at, "arguments": call.json}
        yield {
            "type": "response.output_item.done",
            "output_index": index,
            "item": {**item, "status": "completed", "arguments": call.json},
        }


def response_usage(output_tokens: int) -> dict[str, Any]:
    """Return the usage of a response or a decision."""
    return {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": output_tokens,
    }


def _text_of(item: wire.Item) -> str:
    """Return the text of a message, or the output of a call."""
    found = getattr(item, "output", getattr(item, "content", ""))
    if isinstance(found, list):
        texts = (getattr(part, "text", "") for part in found)
        return " ".join(text for text in texts if isinstance(text, str))
    return found if isinstance(found, str) else ""
