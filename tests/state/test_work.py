"""The work for many events, items, parts and tools: ten times as many are at most twelve times the work."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import realtime as r
from realtime.state import (
    Conversation,
    FunctionCalls,
    Playback,
    Summarizer,
    Usage,
    restoration,
    session_differences,
)
from tests.state.usage_events import live_started
from tests.work import count_lines


def feed(consumer: Any, events: list[Any]) -> Any:
    for event in events:
        consumer.feed(event)
    return consumer


def parts(n: int) -> list[Any]:
    return [r.OutputText(text="x") for _ in range(n)]


def message(n: int) -> r.MessageItem:
    return r.MessageItem(id="m", role="assistant", content=parts(n))


def call(k: int) -> r.FunctionCallItem:
    return r.FunctionCallItem(id=f"i{k}", call_id=f"c{k}", name="f", arguments='{"a":1}', status="completed")


def output(n: int) -> Any:
    return r.ResponseDone(response=r.Response(id="r", status="completed", output=[call(k) for k in range(n)]))


def arguments_done(k: int) -> Any:
    return r.ResponseFunctionCallArgumentsDone(
        response_id=f"r{k}", item_id=f"i{k}", output_index=0, call_id=f"c{k}", name="f", arguments="{}"
    )


def tools(n: int, first: int = 0) -> dict[str, Any]:
    return {
        "tools": [{"type": "function", "name": f"f{k}", "parameters": {}} for k in range(first, first + n)]
    }


def converse(n: int) -> None:
    """Many items, each with some parts; one with many parts, announced twice; all calls without an output."""
    conversation = Conversation(max_items=2 * n)
    feed(conversation, [r.ConversationItemDone(item=call(k), previous_item_id=f"i{k - 1}") for k in range(n)])
    feed(conversation, [r.ConversationItemDone(item=message(n))] * 2)
    assert len(conversation.pending_calls) == n
    assert len(conversation.transcript()) == 1
    assert len(restoration(conversation).events) == n + 1


def evict(n: int) -> None:
    """Ten items are kept; every event has another item, response and content_index."""
    conversation = Conversation(max_items=10)
    for k in range(n):
        conversation.feed(r.ResponseCreated(response=r.Response(id=f"r{k}")))
        conversation.feed(
            r.ResponseOutputTextDelta(
                item_id=f"i{k}", response_id=f"r{k}", output_index=0, content_index=k, delta="x"
            )
        )
    assert conversation.evicted == n - 10


def nameless(n: int) -> None:
    """Every event lacks its ids; each response has a message, calls and a transcript of the user."""
    conversation, calls, playback = Conversation(max_items=10 * n), FunctionCalls(), Playback()
    for k in range(n):
        for frame in (
            {"type": "response.created", "response": {}},
            {"type": "conversation.item.input_audio_transcription.completed", "transcript": "x"},
            *({"type": "response.output_text.delta", "output_index": i, "delta": "x"} for i in range(2)),
            {"type": "response.output_audio.delta", "delta": "AAAA"},
            *({"type": "response.function_call_arguments.done", "output_index": i, "name": "f", "arguments": "{}"} for i in range(2)),
            {"type": "response.output_item.done", "item": {"type": "message", "id": f"m{k}", "role": "assistant"}},
            {"type": "response.done", "response": {"output": [{"type": "function_call", "name": "f", "arguments": "{}"}]}},
        ):  # fmt: skip
            event = r.decode_server(json.dumps(frame))
            conversation.feed(event)
            calls.feed(event)
            playback.feed(event)
        playback.interrupt()
    assert len(conversation) == 5 * n


def nameless_parts(n: int) -> None:
    """One response, whose events have another index each and no other place."""
    conversation = Conversation(max_items=2 * n)
    for k in range(n):
        conversation.feed(
            r.ResponseOutputTextDelta(item_id="", response_id="r", output_index=k, content_index=0, delta="x")
        )


def nameless_calls(n: int) -> None:
    """Calls that nothing identifies, among as many as can wait."""
    calls = FunctionCalls()
    for k in range(32):
        calls.feed(r.ResponseOutputItemAdded(response_id="r", output_index=0, item=call(k)))
    lacking = r.ResponseFunctionCallArgumentsDone(
        response_id="", item_id="", output_index=0, call_id="", name="f", arguments="{}"
    )
    feed(calls, [lacking] * 64)
    feed(calls, [lacking] * n)


WORK: dict[str, Callable[[int], object]] = {
    "Conversation: items and parts": converse,
    "Conversation: eviction": evict,
    "all: events without ids": nameless,
    "Conversation: messages without ids": nameless_parts,
    "FunctionCalls: calls without ids": nameless_calls,
    "FunctionCalls: calls of one response": lambda n: feed(FunctionCalls(), [output(n)]),
    "FunctionCalls: calls of many responses": lambda n: feed(FunctionCalls(), [arguments_done(k) for k in range(n)]),
    # At most 256 calls wait, and the end of each response looks at them.
    "FunctionCalls: ends of responses": lambda n: feed(
        FunctionCalls(wait_for_response=True), [*(arguments_done(k) for k in range(256)), *[output(0)] * n],
    ),
    "Usage: responses": lambda n: feed(Usage(), [r.ResponseDone(response=r.Response(id=f"r{k}")) for k in range(n)]),
    "Usage: sessions": lambda n: feed(
        Usage(), [live_started(f"s{k}") for k in range(n)],
    ),
    "session_differences: the same tools": lambda n: session_differences(tools(n), tools(n)),
    "session_differences: other tools": lambda n: [*map(str, session_differences(tools(n), tools(n, n)))],
    "session_differences: lists without names": lambda n: session_differences(
        {"include": [f"a{k}" for k in range(n)]}, {"include": [f"a{k}" for k in range(n)][::-1]},
    ),
}  # fmt: skip


@pytest.mark.mostly_slow(quick=4)
@pytest.mark.parametrize("work", WORK)
def test_ten_times_as_many_are_at_most_twelve_times_the_work(work: str) -> None:
    by_count = [count_lines(WORK[work], n) for n in (20, 200, 2_000)]
    assert by_count[1] <= 12 * by_count[0]
    assert by_count[2] <= 12 * by_count[1]


@pytest.mark.parametrize("event", [
    lambda n: r.ConversationItemDone(item=message(n)),
    output,
    lambda n: r.SessionUpdate(session=r.RealtimeSession(tools=[r.FunctionTool(name=f"f{k}") for k in range(n)])),
    lambda n: r.ResponseCreate(response=r.ResponseParams(metadata={f"k{k}": "v" for k in range(n)})),
])  # fmt: skip
def test_a_line_for_an_event_shows_a_few_of_its_items_for_the_same_work(event: Callable[[int], Any]) -> None:
    Summarizer()(event(10))  # remembers the fields of the types
    by_count = [count_lines(Summarizer(), event(n)) for n in (10, 1_000, 10_000)]
    assert max(by_count) == min(by_count)
