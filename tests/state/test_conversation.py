"""Conversation: order, texts, audio, limits; compared with simple models."""

from __future__ import annotations

import copy
import gc
import itertools
import json
import pickle
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import UNSET

import realtime as r
from realtime import beta
from realtime.providers import get_provider
from realtime.state import Conversation, ConversationItem
from tests import cases
from tests.work import count_lines

IDS: dict[str, Any] = {"response_id": "r", "item_id": "a", "output_index": 0, "content_index": 0}


def at(content_index: int) -> dict[str, Any]:
    return {**IDS, "content_index": content_index}


def message(item_id: str, role: str = "user", *content: r.ContentPart, **more: Any) -> r.MessageItem:
    return r.MessageItem(id=item_id, role=role, content=[*content], **more)


def added(item_id: str, previous: str | None = None, role: str = "user", **more: Any) -> Any:
    return r.ConversationItemAdded(item=message(item_id, role, **more), previous_item_id=previous)


def text_delta(item_id: str, delta: str, index: int = 0) -> Any:
    ids: dict[str, Any] = IDS | {"item_id": item_id, "content_index": index}
    return r.ResponseOutputAudioTranscriptDelta(**ids, delta=delta)


def transcribed(item_id: str, transcript: str) -> Any:
    return r.ConversationItemInputAudioTranscriptionCompleted(
        item_id=item_id, content_index=0, transcript=transcript
    )


def ids(conversation: Conversation) -> list[str]:
    """The ids of the items in order; the list must be the same in both directions, and end."""
    count = len(conversation)
    forwards, backwards = (
        [item.id for item in itertools.islice(items, count + 1)]
        for items in (conversation, reversed(conversation))
    )
    assert len(forwards) == count
    assert forwards == backwards[::-1]
    return forwards


def fed(*events: Any, **options: Any) -> Conversation:
    conversation = Conversation(**options)
    for event in events:
        conversation.feed(event)
    return conversation


# --- Order ---------------------------------------------------------------------------


@pytest.mark.parametrize(("events", "order"), [
    ([added("a"), added("b", "a"), added("c", "b")], "abc"),
    ([added("b", "a"), added("c", "b"), added("a")], "abc"),
    ([added("c", "b"), added("b", "a"), added("a")], "abc"),
    ([added("a"), added("c", "a"), added("b", "a")], "abc"),
    ([added("a"), added("b"), added("c")], "abc"),
    ([added("a"), added("a"), added("b", "a"), added("a", "b")], "ab"),
    ([added("a", "a")], "a"),
    ([text_delta("b", "x"), added("a"), added("b", "a")], "ab"),
    ([added("a"), added("b", "a"), r.ConversationItemDeleted(item_id="a"), added("c", "a")], "bc"),
    ([added("a"), r.ConversationItemDeleted(item_id="a"), text_delta("a", "late"), added("a")], ""),
    ([r.ConversationItemDeleted(item_id="a")], ""),
    ([r.InputAudioBufferCommitted(item_id="a"), r.InputAudioBufferCommitted(item_id="b", previous_item_id="a")], "ab"),
    ([added("a"), added("c"), r.InputAudioBufferCommitted(item_id="b", previous_item_id="a")], "abc"),
    ([added("b"), r.ConversationItemCreate(item=message("a"), previous_item_id="root"), added("a")], "ab"),
    ([r.ConversationItemCreate(item=message("a"))], ""),
    ([r.ConversationItemAdded(item=r.MessageItem(role="user", content=[]))], ""),
])  # fmt: skip
def test_items_stand_behind_their_predecessors(events: list[Any], order: str) -> None:
    assert ids(fed(*events)) == [*order]


@given(st.permutations(range(7)), st.lists(st.integers(0, 6), max_size=5))
def test_order_does_not_depend_on_the_order_of_arrival(arrival: list[int], again: list[int]) -> None:
    conversation = Conversation()
    for n in [*arrival, *again]:
        conversation.feed(added(f"i{n}", f"i{n - 1}" if n else None))
    assert ids(conversation) == [f"i{n}" for n in range(7)]


class SlowOrder:
    """The rules of the order on a plain list: predecessors by item, ancestors by walking up.

    Removed items stay in the list, unseen.
    """

    def __init__(self) -> None:
        self.all: list[str] = []
        self.removed: set[str] = set()
        self.roots: set[str] = set()
        self.placed: set[str] = set()
        self.previous: dict[str, str] = {}

    @property
    def order(self) -> list[str]:
        return [item for item in self.all if item not in self.removed]

    def add(self, item: str, previous: str | None) -> None:
        if item in self.removed:
            return
        if item not in self.all:
            waiting = [
                other for other, stated in self.previous.items() if stated == item and self._run(other)
            ]
            self.all.insert(self.all.index(waiting[0]) if waiting else len(self.all), item)
            for other in waiting:
                self._move(other, self.all.index(item) + 1)
        if item in self.placed:
            return
        if item in self.roots:
            self.placed.add(item)
            self._move(item, 0)
        elif previous in self.removed:
            self.placed.add(item)
        elif previous is not None and item not in (previous, *self._ancestors(previous)):
            self.placed.add(item)
            self.previous[item] = previous
            if previous in self.all:
                self._move(item, self.all.index(previous) + 1)

    def create_at_root(self, item: str) -> None:
        self.roots.add(item)

    def delete(self, item: str) -> None:
        if item in self.all:
            self.removed.add(item)

    def _ancestors(self, item: str) -> Iterator[str]:
        while item in self.previous:
            item = self.previous[item]
            yield item

    def _run(self, item: str) -> list[str]:
        """The items that are there and have `item` as an ancestor, with `item` itself."""
        return [other for other in self.order if item in (other, *self._ancestors(other))]

    def _move(self, item: str, at: int) -> None:
        run = [other for other in self.all if item in (other, *self._ancestors(other))]
        behind = self.all[:at]
        rest = [other for other in self.all if other not in run]
        at = sum(other in behind for other in rest)
        self.all = rest[:at] + run + rest[at:]


# An item and its predecessor, an item of which the client said that it is the first, or a removed item.
Statement = tuple[str, str | None]


def state(statement: Statement, slow: SlowOrder, conversation: Conversation) -> None:
    """Give one statement to both."""
    item, previous = statement
    if previous == "deleted":
        slow.delete(item)
        conversation.feed(r.ConversationItemDeleted(item_id=item))
    elif previous == "root":
        slow.create_at_root(item)
        conversation.feed(r.ConversationItemCreate(item=message(item), previous_item_id="root"))
    else:
        slow.add(item, previous)
        conversation.feed(added(item, previous))


def statements(count: int) -> Iterator[list[Statement]]:
    """All sequences of `count` statements about four items, up to renaming the items."""
    if not count:
        yield []
        return
    for sequence in statements(count - 1):
        known = dict.fromkeys(name for pair in sequence for name in pair if name in set("abcd"))
        for item in [*known, *"abcd"[len(known) : len(known) + 1]]:
            others = {**known, item: None}
            for previous in (None, "root", "deleted", *others, *"abcd"[len(others) : len(others) + 1]):
                yield [*sequence, (item, previous)]


@pytest.mark.slow
def test_any_four_statements_about_four_items_have_an_order() -> None:
    """Cycles of predecessors, repetitions and removed items included."""
    for sequence in itertools.chain.from_iterable(map(statements, range(1, 5))):
        slow, conversation = SlowOrder(), Conversation()
        for statement in sequence:
            state(statement, slow, conversation)
        assert ids(conversation) == slow.order, sequence


@given(st.lists(st.tuples(
    st.sampled_from("abcdefghij"), st.sampled_from([None, "root", "deleted", *"abcdefghij" * 3]),
), max_size=40))  # fmt: skip
def test_any_statements_about_ten_items_have_an_order(sequence: list[Statement]) -> None:
    slow, conversation = SlowOrder(), Conversation()
    for statement in sequence:
        state(statement, slow, conversation)
        assert ids(conversation) == slow.order
        assert len(conversation) == len(slow.order)


Events = list[Any]
# Statements about n items in orders that are hard on a list.
HARD_ORDERS: dict[str, Callable[[int], Events]] = {
    "ascending": lambda n: chain(range(n)),
    "descending": lambda n: chain(range(n))[::-1],
    "even ones first": lambda n: chain(range(n))[::2] + chain(range(n))[1::2],
    "odd ones first, backwards": lambda n: chain(range(n))[1::2][::-1] + chain(range(n))[::2],
    "each announced again with another predecessor": lambda n: (
        chain(range(n)) + [added(f"i{k}", f"i{k - 2}") for k in range(n)]
    ),
    "a circle": lambda n: [added(f"i{k}", f"i{(k + 1) % n}") for k in range(n)],
    "a circle backwards": lambda n: [added(f"i{k}", f"i{(k - 1) % n}") for k in range(n, 0, -1)],
    "all behind the first": lambda n: [added("i0"), *(added(f"i{k}", "i0") for k in range(1, n))],
    "all wait for the last": lambda n: [*(added(f"i{k}", "i0") for k in range(1, n)), added("i0")],
    "each run moves behind the next item": lambda n: (
        [added(f"i{k}") for k in range(n)] + [added(f"i{k}", f"i{k + 1}") for k in range(n - 1)]
    ),
    "each item moves behind the long run": lambda n: (
        [added(f"i{k}") for k in range(n)] + [added(f"i{k}", f"i{k - 1}") for k in range(1, n)]
    ),
    "runs are joined in pairs": lambda n: [added(f"i{k}") for k in range(n)] + [
        added(f"i{k + width}", f"i{k}")
        for width in (1 << bit for bit in range(n.bit_length())) for k in range(0, n - width, 2 * width)
    ],
    "the predecessor is deleted": lambda n: [
        event for k in range(n) for event in (added(f"i{k}", f"i{k - 1}"), deleted(f"i{k - 2}"))
    ],
    "items that wait are deleted": lambda n: [
        event for k in range(n) for event in (added(f"i{k}", f"i{k + 1}"), deleted(f"i{k - 2}"))
    ],
    "all are deleted, last first": lambda n: chain(range(n)) + [deleted(f"i{k}") for k in range(n)][::-1],
    "each is put at the start": lambda n: [
        event for k in range(n) for event in (
            r.ConversationItemCreate(item=message(f"i{k}"), previous_item_id="root"), added(f"i{k}"),
        )
    ],
}  # fmt: skip


def chain(numbers: Iterable[int]) -> Events:
    return [added(f"i{k}", f"i{k - 1}") for k in numbers]


def deleted(item_id: str) -> Any:
    return r.ConversationItemDeleted(item_id=item_id)


@pytest.mark.mostly_slow(quick=4)
@pytest.mark.parametrize("order", HARD_ORDERS)
def test_the_work_for_an_event_does_not_depend_on_the_number_of_items(order: str) -> None:
    by_count = [count_lines(fed, *HARD_ORDERS[order](n)) for n in (10, 100, 1_000)]
    assert by_count[1] <= 12 * by_count[0]
    assert by_count[2] <= 12 * by_count[1]


def test_the_first_statement_about_an_item_counts() -> None:
    """Also if others wait for the item, so that they move with it."""
    before = [added("a"), added("b"), added("c", "b"), added("b", "a")]
    assert ids(fed(*before, added("z"), added("b", "z"), added("c", "z"))) == [*"abcz"]
    conversation = fed(*before)
    assert [item.previous_item_id for item in conversation] == [None, "a", "b"]


def test_a_deletion_does_not_split_a_run() -> None:
    """The items behind a removed one still move with its predecessor, and with those it waits for."""
    conversation = fed(
        added("a"), added("b", "a"), added("c", "b"), deleted("b"), added("z"), added("a", "z")
    )
    assert ids(conversation) == ["z", "a", "c"]
    conversation = fed(added("a", "late"), added("b", "a"), deleted("a"), added("z"), added("late", "z"))
    assert ids(conversation) == ["z", "late", "b"]


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_long_conversation_can_be_copied_and_pickled(copied: Callable[[Any], Any]) -> None:
    conversation = fed(*HARD_ORDERS["runs are joined in pairs"](3_000), added("w", "late"))
    other = copied(conversation)
    assert ids(other) == ids(conversation)
    for both in (conversation, other):
        both.feed(added("late"))
        both.feed(deleted("i5"))
    assert ids(other) == ids(conversation)
    assert ids(other)[-2:] == ["late", "w"]
    assert copied(conversation.items[7]).id == conversation.items[7].id


def test_a_removed_item_keeps_no_other_in_memory() -> None:
    conversation = fed(max_items=2)
    items = [conversation.feed(event) for event in chain(range(9))]
    conversation.feed(deleted("i8"))
    for item in items:
        linked = [other for other in gc.get_referents(item) if isinstance(other, ConversationItem)]
        assert linked == []


def test_items_may_be_removed_during_iteration() -> None:
    conversation = fed(*chain(range(5)))
    for item in conversation:
        conversation.feed(deleted(item.id))
    assert ids(conversation) == []
    conversation = fed(*chain(range(5, 10)))
    iterator = iter(conversation)
    next(iterator)
    for item in conversation.items:
        conversation.feed(deleted(item.id))
    with pytest.raises(RuntimeError, match="iterate over `items`"):
        next(iterator)


def test_the_last_statement_of_a_cycle_is_ignored() -> None:
    conversation = fed(added("a", "b"), added("b", "c"), added("c", "a"))
    assert ids(conversation) == ["c", "b", "a"]
    conversation.feed(added("z"))
    conversation.feed(added("c", "z"))  # c has no predecessor yet
    assert ids(conversation) == ["z", "c", "b", "a"]


def test_items_that_wait_for_one_predecessor_are_limited() -> None:
    many = [f"w{n}" for n in range(300)]
    conversation = fed(*(added(name, "late") for name in many), added("late"))
    assert ids(conversation) == ["late", *many[255::-1], *many[256:]]


def test_predecessors_that_items_wait_for_are_limited() -> None:
    conversation = fed(*(added(f"w{n}", f"p{n}") for n in range(257)), added("p0"), added("p1"))
    order = ids(conversation)
    assert order[-1] == "p0"  # the oldest is forgotten
    assert order.index("p1") + 1 == order.index("w1")


def test_deleted_ids_are_remembered_for_a_while() -> None:
    conversation = Conversation()
    for n in range(257):
        conversation.feed(added(f"i{n}"))
        conversation.feed(r.ConversationItemDeleted(item_id=f"i{n}"))
    assert ids(fed()) == ids(conversation) == []
    conversation.feed(added("i0"))
    conversation.feed(added("i1"))
    assert ids(conversation) == ["i0"]


# --- Texts ---------------------------------------------------------------------------


@pytest.mark.parametrize(("events", "text"), [
    ([text_delta("a", "Hel"), text_delta("a", "lo")], "Hello"),
    ([text_delta("a", "b", 1), text_delta("a", "a", 0)], "ab"),
    ([text_delta("a", "He"), r.ResponseOutputAudioTranscriptDone(**IDS, transcript="Hello"), text_delta("a", "!")], "Hello"),
    ([r.ResponseOutputTextDelta(**IDS, delta="x"), r.ResponseOutputTextDone(**IDS, text="xy")], "xy"),
    ([r.ResponseContentPartDone(**IDS, part=r.Audio(transcript="complete"))], "complete"),
    ([r.ResponseOutputItemDone(response_id="r", output_index=0,
        item=message("a", "assistant", r.OutputText(text="done alone")))], "done alone"),
    ([transcribed("a", "hello?")], "hello?"),
    ([r.ConversationItemInputAudioTranscriptionDelta(item_id="a", delta="hel"),
      r.ConversationItemInputAudioTranscriptionDelta(item_id="a", delta=None),
      r.ConversationItemInputAudioTranscriptionDelta(item_id="a", delta="lo")], "hello"),
])  # fmt: skip
def test_texts_are_complete_from_any_events(events: list[Any], text: str) -> None:
    conversation = fed(*events)
    item = conversation.get("a")
    assert item is not None
    assert (item.text, item.text) == (text, text)
    assert conversation.retained_bytes == item.retained_bytes == len(text)


# Frames of GA and beta that state or extend the text of item a, in the order in which they are sent.
TEXTS: dict[str, tuple[Any, ...]] = {
    "text": (r, "response.output_text.delta", "response.output_text.done", "text"),
    "transcript": (r, "response.output_audio_transcript.delta", "response.output_audio_transcript.done", "transcript"),
    "transcription": (
        r, "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed", "transcript",
    ),
    "text of beta": (beta, "response.text.delta", "response.text.done", "text"),
    "transcript of beta": (beta, "response.audio_transcript.delta", "response.audio_transcript.done", "transcript"),
    "transcription of beta": (
        beta, "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed", "transcript",
    ),
}  # fmt: skip


@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.parametrize("kind", TEXTS)
def test_every_kind_of_text_arrives_in_deltas_and_at_the_end(kind: str, index: int) -> None:
    module, delta, done, member = TEXTS[kind]
    ids = {"response_id": "r", "item_id": "a", "output_index": 0, "content_index": index}
    conversation = Conversation()
    for piece in ("Hel", "lo"):
        item = conversation.feed(module.decode_server(json.dumps({"type": delta, **ids, "delta": piece})))
        assert item is conversation.get("a") is not None
    assert item.content_by_index[index].text == "Hello"
    full = module.decode_server(json.dumps({"type": done, **ids, member: "Hello."}))
    assert conversation.feed(full) is item
    assert (list(item.content_by_index), item.text) == ([index], "Hello.")
    assert conversation.retained_bytes == item.retained_bytes == 6


def test_the_texts_of_an_item_add_up() -> None:
    parts = [r.OutputText(text="one"), r.OutputText(text=""), r.OutputText(text="three")]
    conversation = fed(r.ConversationItemAdded(item=message("a", "assistant", *parts)))
    (item,) = conversation
    assert [part.text for part in item.contents] == ["one", "", "three"]
    assert conversation.retained_bytes == item.retained_bytes == 8
    spoken = r.ResponseContentPartDone(**IDS, part=r.Audio(audio=bytes(960), transcript="hello"))
    assert [item.retained_bytes for item in fed(spoken, audio="keep")] == [965]
    assert [item.retained_bytes for item in fed(spoken)] == [5]


def test_a_part_stands_at_its_index() -> None:
    second: dict[str, Any] = IDS | {"content_index": 1}
    (item,) = fed(r.ResponseContentPartAdded(**second, part=r.OutputText(text="b")), text_delta("a", "a"))
    assert {index: part.text for index, part in item.content_by_index.items()} == {1: "b", 0: "a"}
    assert item.text == "ab"


@pytest.mark.parametrize("part", [r.OutputText(text=""), r.Audio(transcript=""), r.OutputText(), r.Audio()])
def test_a_part_that_is_announced_without_text_leaves_the_deltas(part: Any) -> None:
    empty = r.ResponseContentPartAdded(**IDS, part=part)
    (item,) = fed(text_delta("a", "Hel"), empty, text_delta("a", "lo"))
    assert (item.text, item.retained_bytes) == ("Hello", 5)


def test_an_empty_transcript_of_the_user_replaces_the_deltas() -> None:
    assert [item.text for item in fed(text_delta("a", "uh"), transcribed("a", ""))] == [""]
    # Servers leave the text out of this event; the decoder fills it in.
    done = r.ResponseOutputTextDone(**IDS, text="")
    assert [item.text for item in fed(text_delta("a", "uh"), done)] == ["uh"]


def test_a_repeated_event_counts_once() -> None:
    delta = text_delta("a", "x")
    delta.event_id = "event_1"
    conversation = Conversation()
    item = conversation.feed(delta)
    assert item is not None
    assert item.text == "x"
    assert conversation.feed(delta) is None
    assert item.text == "x"
    delta.event_id = "event_2"
    assert conversation.feed(delta) is item
    assert item.text == "xx"


def test_a_late_transcript_belongs_to_its_turn() -> None:
    """The transcript of the user's speech arrives after the answer to it."""
    conversation = fed(
        r.InputAudioBufferCommitted(item_id="u"),
        added("a", "u", "assistant"),
        text_delta("a", "Hi."),
        transcribed("u", "Hello?"),
    )
    assert conversation.transcript() == [("user", "Hello?"), ("assistant", "Hi.")]


def test_the_error_of_a_failed_transcription_is_stored() -> None:
    error = r.TranscriptionError(code="audio_unintelligible")
    failed = r.ConversationItemInputAudioTranscriptionFailed(item_id="u", content_index=0, error=error)
    conversation = fed(added("u"))
    assert conversation.items[0].transcription_error is None
    assert conversation.feed(failed) is conversation.items[0]
    assert conversation.items[0].transcription_error is error


def test_an_item_shows_its_beginning() -> None:
    conversation = fed(
        added("a", role="assistant"), text_delta("a", "x" * 61), r.ConversationItemDone(item=CALL),
        r.ResponseMcpCallArgumentsDelta(item_id="m", output_index=0, response_id="r", delta=""),
    )  # fmt: skip
    assert [*map(repr, conversation)] == [
        f"<ConversationItem 'a' message assistant {'x' * 60!r}>",
        "<ConversationItem 'c' function_call weather ''>",
        "<ConversationItem 'm' mcp_call  ''>",
    ]


CALL = r.FunctionCallItem(id="c", call_id="call_1", name="weather", arguments="{}", status="completed")


def test_an_item_has_what_any_of_its_events_stated() -> None:
    (item,) = fed(text_delta("a", "x"))
    assert (item.id, item.type, item.wire_item, item.at_ms) == ("a", "message", None, None)
    assert item.role == "assistant"
    assert {item.status, item.name, item.call_id, item.output, item.response_id} == {None}
    assert (item.truncated_ms, item.previous_item_id, item.transcription_error) == (None, None, None)
    assert (item.audio, item.arguments, item.removed_text) == (b"", "", "")
    first = r.FunctionCallItem(id="c", call_id="call_1", name="weather", arguments="", status="in_progress")
    begun = r.ResponseOutputItemAdded(response_id="r", output_index=0, item=first)
    conversation = fed(added("a"))
    changed = conversation.feed(begun, at_ms=5.0)
    assert changed is not None
    item = changed
    assert (item.type, item.status, item.name, item.call_id) == (
        "function_call",
        "in_progress",
        "weather",
        "call_1",
    )
    assert (item.role, item.response_id, item.wire_item, item.at_ms) == (None, "r", first, 5.0)
    missing: Any = UNSET
    last = r.FunctionCallItem(id="c", call_id=missing, name=missing, arguments='{"a":1}', status="completed")
    conversation.feed(r.ConversationItemDone(item=last, previous_item_id="a"), at_ms=9.0)
    assert (item.type, item.status, item.name, item.call_id) == (
        "function_call",
        "completed",
        "weather",
        "call_1",
    )
    assert (item.response_id, item.wire_item, item.at_ms) == ("r", last, 5.0)
    assert (item.previous_item_id, item.arguments, item.retained_bytes) == ("a", '{"a":1}', 7)
    output = r.FunctionCallOutputItem(id="o", call_id="call_1", output="20")
    answer = conversation.feed(r.ConversationItemCreated(item=output))
    assert answer is not None
    assert (answer.type, answer.call_id, answer.output) == ("function_call_output", "call_1", "20")
    empty = r.FunctionCallOutputItem(id="o", call_id=missing, output=missing)
    conversation.feed(r.ConversationItemRetrieved(item=empty))
    assert (answer.type, answer.call_id, answer.output) == ("function_call_output", "call_1", "20")


@pytest.mark.parametrize("event", [
    r.ConversationItemCreated, r.ConversationItemAdded, r.ConversationItemDone, r.ConversationItemRetrieved,
])  # fmt: skip
def test_every_event_with_an_item_adds_it(event: Any) -> None:
    conversation = Conversation()
    item = conversation.feed(event(item=message("a", "user", r.InputText(text="Hi."))))
    assert item is conversation.get("a") is not None
    assert (item.type, item.role, item.text) == ("message", "user", "Hi.")


def test_committed_audio_is_a_message_of_the_user() -> None:
    committed = r.InputAudioBufferCommitted(item_id="a", previous_item_id=None)
    conversation = Conversation()
    item = conversation.feed(committed)
    assert item is conversation.get("a") is not None
    assert (item.type, item.role, item.text) == ("message", "user", "")
    assert [
        (item.type, item.role)
        for item in fed(r.ConversationItemDone(item=CALL), r.InputAudioBufferCommitted(item_id="c"))
    ] == [("function_call", "user")]
    assert [(item.type, item.role) for item in fed(added("a", role="system"), committed)] == [
        ("message", "system")
    ]


def test_an_image_is_kept() -> None:
    image = r.InputImage(image_url="data:image/png;base64,AA==")
    (item,) = fed(r.ConversationItemAdded(item=message("a", "user", r.InputText(text="See:"), image)))
    assert [part.image for part in item.contents] == [None, image]
    assert item.text == "See:"


def test_the_transcript_is_that_of_messages_with_text() -> None:
    conversation = fed(
        added("a"), text_delta("a", "Hi."), added("b"), r.ConversationItemDone(item=CALL), text_delta("c", "call"),
        text_delta("d", "no type"), added("e", role=cast("str", None)), text_delta("e", "who?"),
    )  # fmt: skip
    assert conversation.transcript() == [("user", "Hi."), ("assistant", "no type"), ("assistant", "who?")]


# --- Audio ---------------------------------------------------------------------------


def audio_delta(nbytes: int) -> Any:
    return r.ResponseOutputAudioDelta(**IDS, delta=bytes(nbytes))


@pytest.mark.parametrize("events", [
    [audio_delta(960), audio_delta(960)],
    [beta.ResponseAudioDelta(**IDS, delta=bytes(1920))],
    [r.ConversationItemAdded(item=message("a", "user", r.InputAudio(audio=bytes(1920))))],
    [r.ResponseContentPartDone(**IDS, part=r.Audio(audio=bytes(1920)))],
])  # fmt: skip
@pytest.mark.parametrize(("choice", "ms", "kept"), [("count", 40, 0), ("keep", 40, 1920), ("drop", 0, 0)])
def test_audio_is_kept_counted_or_dropped(events: list[Any], choice: Any, ms: int, kept: int) -> None:
    conversation = fed(*events, audio=choice)
    (item,) = conversation
    assert (item.audio_ms, len(item.audio), conversation.retained_bytes) == (ms, kept, kept)


def test_audio_is_joined_in_the_order_of_its_parts() -> None:
    deltas = [
        r.ResponseOutputAudioDelta(**at(index), delta=audio)
        for index, audio in ((1, b"cc"), (0, b"aa"), (1, b"dd"), (0, b"bb"))
    ]
    conversation = fed(*deltas, audio="keep")
    (item,) = conversation
    assert (item.audio, item.audio) == (b"aabbccdd", b"aabbccdd")
    assert [part.audio for part in item.contents] == [b"aabb", b"ccdd"]
    assert [part.audio_bytes for part in item.contents] == [4, 4]
    assert conversation.retained_bytes == item.retained_bytes == 8


def test_dropped_audio_makes_no_part() -> None:
    (item,) = fed(audio_delta(960), audio="drop")
    assert (item.contents, item.audio_ms, item.audio) == ([], 0, b"")


def test_a_truncation_of_a_part_that_is_not_known() -> None:
    truncated = r.ConversationItemTruncated(item_id="a", content_index=0, audio_end_ms=70)
    (item,) = fed(added("a"), truncated, text_delta("a", "late"), audio_delta(960), audio="keep")
    assert (item.truncated_ms, item.audio_ms, item.audio, item.text, item.removed_text) == (
        70,
        0,
        b"",
        "",
        "",
    )


def test_audio_that_arrived_in_deltas_is_not_added_again() -> None:
    done = r.ConversationItemRetrieved(item=message("a", "assistant", r.OutputAudio(audio=bytes(960))))
    (item,) = fed(audio_delta(960), done, done, audio="keep")
    assert (item.audio_ms, len(item.audio), item.retained_bytes) == (20, 960, 960)


def test_the_duration_is_rounded_down_for_each_part() -> None:
    deltas = [r.ResponseOutputAudioDelta(**at(n), delta=bytes(95)) for n in range(3)]
    (item,) = fed(*deltas)
    assert item.audio_ms == 3
    (item,) = fed(*deltas, *deltas)
    assert item.audio_ms == 9
    (item,) = fed(audio_delta(480_001))
    assert (item.audio_ms, type(item.audio_ms)) == (10_000, int)


def test_a_truncation_of_one_part_leaves_the_others() -> None:
    for index in (0, 1):
        conversation = fed(
            text_delta("a", "one", 0), text_delta("a", "three", 1),
            r.ConversationItemTruncated(item_id="a", content_index=index, audio_end_ms=0),
        )  # fmt: skip
        (item,) = conversation
        assert item.truncated_ms == 0
        assert (item.text, item.removed_text) == (("three", "one"), ("one", "three"))[index]
        assert [part.removed_text for part in item.contents] == (["one", None], [None, "three"])[index]
        assert conversation.retained_bytes == item.retained_bytes == len(item.text)


@pytest.mark.parametrize("choice", ["count", "keep"])
def test_the_second_truncation_shortens_further(choice: Any) -> None:
    conversation = fed(text_delta("a", "Sure, I"), audio_delta(4_800), audio=choice)
    for end_ms, kept_ms in ((1_000, 100), (70, 70), (90, 70), (33, 33)):
        truncated = r.ConversationItemTruncated(item_id="a", content_index=0, audio_end_ms=end_ms)
        item = conversation.feed(truncated)
        assert item is not None
        assert (item.audio_ms, item.truncated_ms, item.removed_text) == (kept_ms, end_ms, "Sure, I")
        assert conversation.retained_bytes == len(item.audio) == (48 * kept_ms if choice == "keep" else 0)
        conversation.feed(text_delta("a", "late"))
        assert item.text == ""


@pytest.mark.parametrize(
    ("rate", "end_ms", "nbytes"), [(24_000, 1, 48), (22_050, 33, 1_454), (11_025, 99, 2_182)]
)
def test_a_truncation_leaves_whole_samples(rate: int, end_ms: int, nbytes: int) -> None:
    pcm = r.PcmFormat(rate=rate)
    session = r.RealtimeSessionInfo(audio=r.AudioConfig(output=r.AudioOutput(format=pcm)))
    truncated = r.ConversationItemTruncated(item_id="a", content_index=0, audio_end_ms=end_ms)
    (item,) = fed(r.SessionCreated(session=session), audio_delta(4_800), truncated, audio="keep")
    assert [(part.audio_bytes, len(part.audio)) for part in item.contents] == [(nbytes, nbytes)]


@pytest.mark.parametrize("choice", ["count", "keep"])
def test_a_truncation_removes_audio_and_transcript(choice: Any) -> None:
    conversation = fed(text_delta("a", "Sure, I"), audio_delta(1920), audio=choice)
    truncated = r.ConversationItemTruncated(item_id="a", content_index=0, audio_end_ms=25)
    for event in (truncated, text_delta("a", " can"), audio_delta(960), transcribed("a", "late"), truncated):
        conversation.feed(event)
    (item,) = conversation
    assert (item.text, item.removed_text, item.audio_ms, item.truncated_ms) == ("", "Sure, I", 25, 25)
    assert conversation.retained_bytes == len(item.audio) == (1200 if choice == "keep" else 0)
    assert (
        conversation.feed(r.ConversationItemTruncated(item_id="?", content_index=0, audio_end_ms=1)) is None
    )


def test_a_truncation_before_the_beginning_leaves_nothing() -> None:
    """No server sends one; the sizes must not become negative."""
    truncated = r.ConversationItemTruncated(item_id="a", content_index=0, audio_end_ms=-25)
    for choice in ("count", "keep"):
        (item,) = fed(audio_delta(1920), truncated, audio=choice)
        assert (item.audio_ms, item.audio, item.retained_bytes) == (0, b"", 0)


def test_formats_are_those_of_the_session() -> None:
    ulaw = r.wire_format(r.AudioFormat.G711_ULAW)
    updated = r.SessionUpdated(
        session=r.RealtimeSessionInfo(audio=r.AudioConfig(output=r.AudioOutput(format=ulaw)))
    )
    assert fed(updated, audio_delta(800)).items[0].audio_ms == 100
    assert (
        fed(updated, r.SessionUpdated(session=r.RealtimeSessionInfo()), audio_delta(800)).items[0].audio_ms
        == 100
    )


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_the_audio_of_the_user_is_in_the_input_format(role: str) -> None:
    ulaw = r.wire_format(r.AudioFormat.G711_ULAW)
    session = r.RealtimeSessionInfo(audio=r.AudioConfig(input=r.AudioInput(format=ulaw)))
    audio = r.InputAudio(audio=bytes(4_800)) if role == "user" else r.OutputAudio(audio=bytes(4_800))
    whole = r.ConversationItemAdded(item=message("a", role, audio))
    part = r.ResponseContentPartDone(**IDS, part=r.Audio(audio=bytes(4_800)))
    for events in ([whole], [added("a", role=role), part]):
        for event in (r.SessionCreated, r.SessionUpdated):
            (item,) = fed(event(session=session), r.SessionUpdated(session=r.RealtimeSessionInfo()), *events)
            assert item.audio_ms == (600 if role == "user" else 100)


def test_the_sessions_are_those_that_were_stated_last() -> None:
    conversation = Conversation()
    assert (conversation.session, conversation.requested_session, conversation.expires_at) == (
        None,
        None,
        None,
    )
    settings = r.RealtimeSession(instructions="Be brief.")
    assert conversation.feed(r.SessionUpdate(session=settings)) is None
    first, second = r.RealtimeSessionInfo(expires_at=1_700_000_000), r.RealtimeSessionInfo()
    assert conversation.feed(r.SessionCreated(session=first)) is None
    assert (conversation.session, conversation.requested_session) == (first, settings)
    assert conversation.expires_at == 1_700_000_000
    conversation.feed(r.SessionUpdated(session=second))
    assert (conversation.session, conversation.requested_session) == (second, settings)
    assert conversation.expires_at is None


# --- Function calls and responses ------------------------------------------------------


def test_a_call_is_complete_from_deltas_or_from_one_event() -> None:
    step: dict[str, Any] = {"response_id": "r", "item_id": "c", "output_index": 0, "call_id": "call_1"}
    deltas = [r.ResponseFunctionCallArgumentsDelta(**step, delta=part) for part in ('{"city"', ':"Paris"}')]
    done = r.ResponseFunctionCallArgumentsDone(**step, name="weather", arguments='{"city":"Paris"}')
    complete = r.FunctionCallItem(
        id="c", call_id="call_1", name="weather", arguments='{"city":"Paris"}', status="completed"
    )
    for events in ([*deltas], [*deltas, done, deltas[0]], [done], [r.ConversationItemDone(item=complete)]):
        (item,) = fed(*events)
        assert (item.type, item.call_id, item.arguments) == ("function_call", "call_1", '{"city":"Paris"}')
    conversation = fed(done, r.ConversationItemDone(item=complete))
    assert [item.call_id for item in conversation.pending_calls] == ["call_1"]
    conversation.feed(
        r.ConversationItemAdded(item=r.FunctionCallOutputItem(id="o", call_id="call_1", output="20"))
    )
    assert conversation.pending_calls == []


def test_pending_calls_are_finished_and_not_answered() -> None:
    calls = [
        r.ConversationItemDone(
            item=r.FunctionCallItem(id=f"c{n}", call_id=f"call_{n}", name="f", arguments="{}", status=status)
        )
        for n, status in enumerate(("completed", "in_progress", "incomplete", "completed"))
    ]
    answer = r.FunctionCallOutputItem(id="o", call_id="call_3", output="")
    conversation = fed(added("a"), *calls, r.ConversationItemAdded(item=answer))
    assert [item.id for item in conversation.pending_calls] == ["c0", "c2"]


@pytest.mark.parametrize("module", [r, beta])
def test_the_arguments_of_a_call_in_both_dialects(module: Any) -> None:
    step = {"response_id": "r", "item_id": "c", "output_index": 0, "call_id": "call_1"}
    kind = "response.function_call_arguments"
    conversation = Conversation()
    for piece in ('{"city"', ':"Paris"}'):
        item = conversation.feed(
            module.decode_server(json.dumps({"type": f"{kind}.delta", **step, "delta": piece}))
        )
    assert item is conversation.get("c") is not None
    assert (item.type, item.call_id, item.name, item.arguments) == (
        "function_call",
        "call_1",
        None,
        '{"city":"Paris"}',
    )
    done = {"type": f"{kind}.done", **step, "name": "weather", "arguments": '{"city": "Paris"}'}
    assert conversation.feed(module.decode_server(json.dumps(done))) is item
    assert (item.name, item.arguments) == ("weather", '{"city": "Paris"}')
    assert conversation.retained_bytes == item.retained_bytes == 17


def test_the_first_full_arguments_of_an_item_stay() -> None:
    call = r.FunctionCallItem(id="c", call_id="call_1", name="f", arguments='{"a":1}')
    conversation = fed(r.ConversationItemAdded(item=call))
    call = r.FunctionCallItem(id="c", call_id="call_1", name="f", arguments='{"a":1,"b":2}')
    conversation.feed(r.ConversationItemDone(item=call))
    conversation.feed(r.ResponseFunctionCallArgumentsDelta(
        response_id="r", item_id="c", output_index=0, call_id="call_1", delta="late"
    ))  # fmt: skip
    assert [(item.arguments, item.retained_bytes) for item in conversation] == [('{"a":1}', 7)]


def test_responses_are_active_from_their_creation_to_their_end() -> None:
    conversation = fed(*(r.ResponseCreated(response=r.Response(id=name)) for name in "abc"))
    assert [*conversation.active_response_ids] == ["a", "b", "c"]
    for response, active in (
        (r.Response(id="b"), "ac"),
        (r.Response(id="unknown"), "ac"),
        (r.Response(), "a"),
    ):
        assert conversation.feed(r.ResponseDone(response=response)) is None
        assert [*conversation.active_response_ids] == [*active]
    nothing: Any = None
    assert conversation.feed(r.ResponseDone(response=nothing)) is None


def test_the_items_of_a_finished_response_belong_to_it() -> None:
    spoken = message("a", "assistant", r.OutputText(text="Hi."), status="completed")
    done = r.ResponseDone(response=r.Response(id="r", output=[spoken, message("z", "assistant")]))
    conversation = fed(added("a", role="assistant", status="in_progress"), done)
    assert [(item.id, item.status, item.text, item.response_id) for item in conversation] == [
        ("a", "completed", "Hi.", "r")
    ]


def test_a_finished_response_completes_its_items() -> None:
    created = r.ResponseCreated(response=r.Response(id="r"))
    conversation = fed(created, created)
    assert conversation.active_response_ids == ("r",)
    output = [message("a", "assistant", r.OutputText(text="Hi."))]
    conversation.feed(r.ResponseDone(response=r.Response(id="r", conversation_id="c", output=[*output])))
    assert not conversation.active_response_ids
    assert conversation.transcript() == [("assistant", "Hi.")]
    aside = r.Response(id="r2", output=[message("z", "assistant", r.OutputText(text="aside"))])
    assert ids(fed(r.ResponseDone(response=aside), r.ResponseDone(response=r.Response()))) == []


def test_a_done_event_without_arguments_changes_nothing() -> None:
    ids: dict[str, Any] = {"response_id": "r", "item_id": "f", "output_index": 0, "call_id": "c"}
    delta = r.ResponseFunctionCallArgumentsDelta(**ids, delta="{}")
    empty: dict[str, Any] = ids | {"arguments": None}
    done = r.ResponseFunctionCallArgumentsDone(**empty)
    [item] = fed(delta, done)
    assert (item.arguments, item.retained_bytes) == ("{}", 2)


def test_a_response_without_an_id_is_not_active() -> None:
    created = r.decode_server(b'{"type":"response.created","event_id":"e","response":{}}')
    assert isinstance(created, r.ResponseCreated)
    assert fed(created).active_response_ids == ()


def test_an_mcp_call_has_arguments() -> None:
    step: dict[str, Any] = {"item_id": "m", "output_index": 0, "response_id": "r"}
    conversation = fed(
        r.ResponseMcpCallArgumentsDelta(**step, delta="{"),
        r.ResponseMcpCallArgumentsDone(**step, arguments="{}"),
    )
    assert [(item.type, item.arguments) for item in conversation] == [("mcp_call", "{}")]


def test_beta_events() -> None:
    frames = [
        b'{"type":"conversation.item.created","previous_item_id":null,"item":{"id":"a","type":"message","role":"assistant","content":[]}}',
        b'{"type":"response.audio_transcript.delta","response_id":"r","item_id":"a","output_index":0,"content_index":0,"delta":"Hi"}',
    ]
    assert fed(*map(beta.decode_server, frames)).transcript() == [("assistant", "Hi")]


def test_no_event_of_any_dialect_raises() -> None:
    conversation = Conversation(audio="keep", max_items=50)
    for dialect, side, frame in cases.ALL:
        decode = cases.decoder(dialect, side)
        conversation.feed(decode(frame))
        conversation.feed(decode(frame), at_ms=1.0)
    assert conversation.feed(r.decode_server(b'{"type":"of tomorrow"}')) is None
    assert 0 < len(ids(conversation)) <= 50


# --- Bounds ----------------------------------------------------------------------------


def test_the_oldest_are_evicted_by_number_by_bytes_and_by_age() -> None:
    by_number = fed(*(added(str(n), str(n - 1)) for n in range(5)), max_items=2)
    assert (ids(by_number), by_number.evicted) == (["3", "4"], 3)
    by_bytes = fed(text_delta("a", "x" * 8), text_delta("b", "y" * 8), max_bytes=10)
    assert (ids(by_bytes), by_bytes.retained_bytes) == (["b"], 8)
    by_age = Conversation(max_age_ms=100)
    for n in range(4):
        by_age.feed(added(str(n), str(n - 1)), at_ms=n * 60)
    assert ids(by_age) == ["2", "3"]


def test_the_limits_are_inclusive() -> None:
    by_number = fed(added("a"), added("b", "a"), max_items=2)
    assert (ids(by_number), by_number.evicted) == (["a", "b"], 0)
    by_bytes = fed(text_delta("a", "x" * 5), text_delta("b", "y" * 5), max_bytes=10)
    assert (ids(by_bytes), by_bytes.evicted, by_bytes.retained_bytes) == (["a", "b"], 0, 10)
    by_bytes.feed(text_delta("b", "y"))
    assert (ids(by_bytes), by_bytes.evicted, by_bytes.retained_bytes) == (["b"], 1, 6)
    assert ids(fed(text_delta("a", "x" * 5), text_delta("b", "y" * 5), max_bytes=10, max_age_ms=1)) == [
        "a",
        "b",
    ]
    by_age = Conversation(max_age_ms=100)
    by_age.feed(added("a"), at_ms=0)
    by_age.feed(added("b", "a"), at_ms=100)
    assert ids(by_age) == ["a", "b"]
    by_age.feed(text_delta("b", "x"), at_ms=100.5)
    assert (ids(by_age), by_age.evicted) == (["b"], 1)
    by_age.feed(r.SessionUpdated(session=r.RealtimeSessionInfo()), at_ms=1_000)
    assert (ids(by_age), by_age.evicted) == ([], 2)
    by_age = Conversation(max_age_ms=100)
    by_age.feed(added("no clock"))
    by_age.feed(added("a"), at_ms=0)
    by_age.feed(added("b", "a"), at_ms=100)
    assert ids(by_age) == ["no clock", "a", "b"]
    by_age.feed(r.SessionUpdated(session=r.RealtimeSessionInfo()), at_ms=100.5)
    assert ids(by_age) == ["no clock", "a", "b"]  # only the oldest is looked at
    by_age.feed(deleted("no clock"))
    assert (ids(by_age), by_age.evicted) == (["b"], 1)


def test_an_item_that_is_alone_may_exceed_the_bytes() -> None:
    conversation = fed(text_delta("a", "x" * 100), max_bytes=10, max_items=1)
    assert (ids(conversation), conversation.retained_bytes, conversation.evicted) == (["a"], 100, 0)
    conversation.feed(text_delta("b", "y" * 100))
    assert (ids(conversation), conversation.retained_bytes, conversation.evicted) == (["b"], 100, 1)


def test_each_limit_alone_evicts() -> None:
    texts = [text_delta(name, "x") for name in "abcde"]
    assert ids(fed(*texts, max_items=1)) == ["e"]
    assert ids(fed(*texts, max_bytes=1)) == ["e"]
    old = Conversation(max_age_ms=1)
    for n, event in enumerate(texts):
        old.feed(event, at_ms=10 * n)
    assert (ids(old), old.evicted) == (["e"], 4)


def test_an_evicted_item_does_not_return() -> None:
    conversation = fed(added("a"), added("b", "a"), max_items=1)
    assert conversation.feed(text_delta("a", "late")) is None
    assert (ids(conversation), conversation.retained_bytes) == (["b"], 0)


def test_the_limits_without_a_setting() -> None:
    conversation = fed(*(added(f"i{n}") for n in range(10_000)))
    assert (len(conversation), conversation.evicted) == (10_000, 0)
    conversation.feed(added("one more"))
    assert (len(conversation), conversation.evicted) == (10_000, 1)


@pytest.mark.parametrize(("options", "message"), [
    ({"audio": "some"}, 'audio must be "count", "keep" or "drop", not \'some\''),
    ({"max_items": 0}, "max_items must be at least 1, got 0"),
    ({"max_bytes": 0}, "max_bytes must be at least 1, got 0"),
    ({"max_age_ms": 0}, "max_age_ms must be at least 1, got 0"),
    ({"max_age_ms": float("nan")}, "max_age_ms must be at least 1, got nan"),
])  # fmt: skip
def test_wrong_limits_are_refused(options: Any, message: str) -> None:
    with pytest.raises(r.ConfigError, match=f"^{message}$"):
        Conversation(**options)


@pytest.mark.slow
def test_an_eight_hour_call_has_a_bounded_memory() -> None:
    """A turn every eight seconds: 3,600 turns, each with new ids, a predecessor and text."""
    conversation = Conversation(max_items=100, max_age_ms=600_000)

    def turn(n: int) -> None:
        item, at = f"item_{n:06}", n * 8_000.0
        conversation.feed(added(item, f"item_{n - 1:06}", "assistant", status="in_progress"), at_ms=at)
        conversation.feed(added(f"lost_{n}", f"never_{n}"), at_ms=at)
        conversation.feed(added(f"also_lost_{n}", "never"), at_ms=at)
        conversation.feed(r.ResponseCreated(response=r.Response(id=f"never ends {n}")), at_ms=at)
        for k in range(10):
            delta = text_delta(item, f" word {k}")
            delta.event_id = f"event_{n}_{k}"
            conversation.feed(delta, at_ms=at)

    tracemalloc.start()
    try:
        for n in range(1800):
            turn(n)
        half = tracemalloc.get_traced_memory()[0]
        for n in range(1800, 3600):
            turn(n)
        assert tracemalloc.get_traced_memory()[0] < 1.25 * half
    finally:
        tracemalloc.stop()
    assert len(ids(conversation)) <= 100
    assert len(conversation.active_response_ids) <= 256


def test_deltas_are_stored_without_copying() -> None:
    """One text in 10,000 deltas: a copy of the pieces would take a megabyte."""
    delta = text_delta("a", "0123456789" * 10)
    conversation = Conversation()
    tracemalloc.start()
    try:
        for _ in range(10_000):
            conversation.feed(delta)
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()
    (item,) = conversation
    assert item.text == "0123456789" * 100_000


EVENTS_OF_A: list[Any] = [
    text_delta("a", "x"),
    transcribed("a", "x"),
    audio_delta(960),
    added("a"),
    r.InputAudioBufferCommitted(item_id="a"),
    r.ResponseContentPartDone(**IDS, part=r.Audio(transcript="x")),
    r.ConversationItemInputAudioTranscriptionFailed(
        item_id="a", content_index=0, error=r.TranscriptionError()
    ),
    r.ConversationItemTruncated(item_id="a", content_index=0, audio_end_ms=1),
    r.ConversationItemDeleted(item_id="a"),
    r.ResponseFunctionCallArgumentsDelta(
        response_id="r", item_id="a", output_index=0, call_id="c", delta="{"
    ),
    r.ResponseFunctionCallArgumentsDone(
        response_id="r", item_id="a", output_index=0, call_id="c", arguments="{}"
    ),
]


@pytest.mark.parametrize("event", EVENTS_OF_A, ids=lambda event: event.type)
def test_late_events_of_a_deleted_item_change_nothing(event: Any) -> None:
    conversation = fed(text_delta("a", "Hello"), r.ConversationItemDeleted(item_id="a"))
    assert conversation.feed(event) is None
    assert (len(conversation), conversation.retained_bytes) == (0, 0)


class Model(RuleBasedStateMachine):
    """The order as a list of ids, the texts as a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.conversation = Conversation()
        self.order: list[str] = []
        self.texts: dict[str, str] = {}
        self.complete: set[str] = set()
        self.deleted: set[str] = set()

    @rule(item=st.integers(0, 9), behind=st.integers(0, 9))
    def add(self, item: int, behind: int) -> None:
        name, previous = f"i{item}", f"i{behind}"
        if name in self.order or name in self.deleted or (self.order and previous not in self.order):
            return
        self.conversation.feed(added(name, previous if self.order else None))
        self.order.insert(self.order.index(previous) + 1 if self.order else 0, name)
        self.texts[name] = ""

    @rule(item=st.integers(0, 9), delta=st.text(max_size=5))
    def add_text(self, item: int, delta: str) -> None:
        name = f"i{item}"
        if name not in self.order and name not in self.deleted:
            return
        self.conversation.feed(text_delta(name, delta))
        if name in self.order and name not in self.complete:
            self.texts[name] += delta

    @rule(item=st.integers(0, 9), text=st.text(max_size=5))
    def set_text(self, item: int, text: str) -> None:
        name = f"i{item}"
        if name in self.order:
            self.conversation.feed(transcribed(name, text))
            self.texts[name] = text
            self.complete.add(name)

    @rule(item=st.integers(0, 9))
    def delete(self, item: int) -> None:
        name = f"i{item}"
        self.conversation.feed(r.ConversationItemDeleted(item_id=name))
        if name in self.order:
            self.order.remove(name)
            self.deleted.add(name)

    @rule(item=st.integers(0, 9))
    def add_again(self, item: int) -> None:
        name = f"i{item}"
        if name in self.order or name in self.deleted:
            self.conversation.feed(added(name))

    @invariant()
    def agrees(self) -> None:
        assert ids(self.conversation) == self.order
        assert [item.text for item in self.conversation] == [self.texts[name] for name in self.order]
        assert self.conversation.retained_bytes == sum(len(self.texts[name]) for name in self.order)


TestModel = Model.TestCase


# --- Other servers: events without ids, items without events ------------------------------


def ga(type: str, **members: Any) -> Any:
    return r.decode_server(json.dumps({"type": type, **members}))


def begun(response_id: str | None = "r1") -> Any:
    return ga("response.created", response={"id": response_id})


def piece(delta: str, **members: Any) -> Any:
    return ga("response.output_audio_transcript.delta", delta=delta, **members)


def test_roles_follow_from_the_type_of_the_event() -> None:
    conversation = fed(transcribed("u", "Hi."), text_delta("a", "Hello."))
    assert conversation.transcript() == [("user", "Hi."), ("assistant", "Hello.")]
    conversation.feed(added("a", role="system"))
    assert conversation.transcript() == [("user", "Hi."), ("system", "Hello.")]


def test_a_transcript_that_ends_twice_is_not_doubled() -> None:
    done = ga("response.output_audio_transcript.done", item_id="a", transcript="Hello.")
    lacking = ga("response.output_audio_transcript.done", item_id="a")
    for events in ((done, done), (lacking, done), (done, lacking)):
        assert fed(text_delta("a", "Hello."), *events).transcript() == [("assistant", "Hello.")]
    assert fed(text_delta("a", "Hello."), lacking).transcript() == [("assistant", "Hello.")]


def test_deltas_without_ids_belong_to_their_response() -> None:
    conversation = fed(
        begun("r1"), piece("One", response_id="r1"), piece(" two.", response_id="r1"),
        begun("r2"), piece("Three."), piece(" Late.", response_id="r1"), piece(" Four."),
    )  # fmt: skip
    assert conversation.transcript() == [("assistant", "One two. Late."), ("assistant", "Three. Four.")]
    assert not any(item.has_id for item in conversation)
    assert len(fed(piece("a"), piece("b"))) == 1  # no response was announced


def test_responses_without_ids_are_told_apart_by_their_start() -> None:
    conversation = fed(begun(None), piece("One."), begun(None), piece("Two."))
    assert conversation.transcript() == [("assistant", "One."), ("assistant", "Two.")]


def test_deltas_without_ids_belong_to_the_item_that_was_announced() -> None:
    item = {"id": "m", "type": "message", "role": "assistant", "content": []}
    for announced in (
        ga("response.output_item.added", response_id="r1", output_index=0, item=item),
        ga("conversation.item.added", item=item),
    ):
        conversation = fed(begun(), announced, piece("Hello."), piece(" Bye.", response_id="r1"))
        assert [(item.id, item.has_id, item.text) for item in conversation] == [("m", True, "Hello. Bye.")]


@pytest.mark.parametrize("named", [
    {"type": "response.output_item.done", "response_id": "r1", "output_index": 0},
    {"type": "response.done"},
])  # fmt: skip
def test_an_item_that_gets_its_id_late_stays_where_it_is(named: dict[str, Any]) -> None:
    item = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "Hello."}],
    }
    members: dict[str, Any] = (
        {"response": {"id": "r1", "output": [item]}} if named["type"] == "response.done" else {"item": item}
    )
    conversation = fed(
        added("u1"), begun(), piece("Hel", response_id="r1"), added("u2"), added("u3", "m"), ga(**named, **members),
        piece("late", response_id="r1"),
    )  # fmt: skip
    assert [item.id for item in conversation if item.text] == ["m"]
    assert conversation.transcript() == [("assistant", "Hello.")]
    assert ids(conversation) == ["u1", "m", "u3", "u2"]
    named_item = conversation.get("m")
    assert named_item is not None
    assert named_item.has_id
    assert conversation.retained_bytes == sum(item.retained_bytes for item in conversation)


def test_a_deleted_item_does_not_come_back_by_its_id() -> None:
    item = {"id": "m", "type": "message", "role": "assistant", "content": []}
    conversation = fed(added("m"), r.ConversationItemDeleted(item_id="m"), begun(), piece("Hello."))
    conversation.feed(ga("response.output_item.done", response_id="r1", output_index=0, item=item))
    assert [(item.has_id, item.text) for item in conversation] == [(False, "Hello.")]


def test_calls_and_messages_without_ids_are_kept_apart() -> None:
    arguments = {"response_id": "r1", "name": "f", "arguments": "{}"}
    conversation = fed(
        begun(), piece("Wait."), ga("response.function_call_arguments.done", output_index=1, **arguments),
        ga("response.function_call_arguments.done", output_index=2, **arguments), piece(" Please."),
    )  # fmt: skip
    found = [(item.type, item.text, item.call_id) for item in conversation]
    assert found == [
        ("message", "Wait. Please.", None),
        ("function_call", "", "r1.1"),
        ("function_call", "", "r1.2"),
    ]
    assert len(conversation.pending_calls) == 2
    output = r.FunctionCallOutputItem(call_id="r1.1", output="x")
    conversation.feed(r.ConversationItemAdded(item=output))
    assert [item.call_id for item in conversation.pending_calls] == ["r1.2"]


def test_an_empty_id_is_no_item() -> None:
    conversation = fed(
        r.ConversationItemAdded(item=message("", "user", r.InputText(text="One."))),
        r.ConversationItemAdded(item=message("", "user", r.InputText(text="Two."))),
        r.ConversationItemDone(item=message("", "user", r.InputText(text="Two!"))),
        r.InputAudioBufferCommitted(item_id=""),
        r.ConversationItemDeleted(item_id=""),
        r.ConversationItemTruncated(item_id="", content_index=0, audio_end_ms=0),
        added("a", ""),
    )
    assert [item.text for item in conversation] == ["One.", "Two!", ""]
    assert conversation.get("") is None


def test_events_with_an_empty_event_id_are_not_repetitions() -> None:
    conversation = fed(piece("a", item_id="a", event_id=""), piece("b", item_id="a", event_id=""))
    assert conversation.transcript() == [("assistant", "ab")]


def test_transcripts_of_the_user_without_ids() -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    conversation = fed(ga(kind, transcript="One."), ga(kind, transcript="Two."))
    assert conversation.transcript() == [("user", "One."), ("user", "Two.")]
    conversation = fed(ga("input_audio_buffer.committed", item_id="u"), ga(kind, transcript="One."))
    assert [(item.id, item.text) for item in conversation] == [("u", "One.")]
    spoken = r.ConversationItemAdded(item=message("u", "user", r.InputAudio()))
    assert [(item.id, item.text) for item in fed(spoken, ga(kind, transcript="One."))] == [("u", "One.")]


@pytest.mark.parametrize(("provider", "frames"), [
    ("vllm", [("transcription.delta", {"delta": "Hi "}), ("transcription.delta", {"delta": "there."})]),
    ("xai", [
        ("conversation.item.input_audio_transcription.updated", {"item_id": "u", "content_index": 0, "transcript": "High"}),
        ("conversation.item.input_audio_transcription.updated", {"item_id": "u", "content_index": 0, "transcript": "Hi there."}),
    ]),
    ("qwen", [
        ("conversation.item.input_audio_transcription.text", {"item_id": "u", "content_index": 0, "text": "", "stash": "High"}),
        ("conversation.item.input_audio_transcription.text", {"item_id": "u", "content_index": 0, "text": "Hi", "stash": " there."}),
    ]),
    ("qwen", [("conversation.item.input_audio_transcription.delta", {"item_id": "u", "text": "Hi", "stash": " there."})]),
])  # fmt: skip
def test_transcripts_so_far(provider: str, frames: list[tuple[str, dict[str, Any]]]) -> None:
    server = get_provider(provider)
    conversation = fed(*(server.decode_server(json.dumps({"type": type, **rest})) for type, rest in frames))
    assert conversation.transcript() == [("user", "Hi there.")]
    assert conversation.retained_bytes == len("Hi there.")
    if provider != "vllm":
        final = ga("conversation.item.input_audio_transcription.completed", item_id="u", transcript="Hi!")
        conversation.feed(final)
        conversation.feed(server.decode_server(json.dumps({"type": frames[-1][0], **frames[-1][1]})))
        assert conversation.transcript() == [("user", "Hi!")]


def test_a_deletion_confirmed_without_an_id_is_the_one_in_flight() -> None:
    confirmed = r.ConversationItemDeleted(item_id="")
    requests = [r.ConversationItemDelete(item_id=name, event_id=f"e{name}") for name in "abc"]
    conversation = fed(*map(added, "abcd"), confirmed)
    assert ids(conversation) == [*"abcd"]  # none is in flight
    conversation.feed(requests[0])
    conversation.feed(confirmed)
    assert ids(conversation) == [*"bcd"]
    conversation.feed(confirmed)
    for request in requests[1:]:
        conversation.feed(request)
    conversation.feed(confirmed)
    assert ids(conversation) == [*"bcd"]  # either could be meant
    conversation.feed(r.Error(error=r.ErrorDetail(type="t", message="no", event_id="eb")))
    conversation.feed(confirmed)
    assert ids(conversation) == [*"bd"]


def test_a_response_whose_items_no_event_announced() -> None:
    item = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello."}],
    }
    done = ga("response.done", response={"id": "r1", "output": [item]})
    assert fed(begun(), done).transcript() == [("assistant", "Hello.")]
    in_conversation = ga("response.done", response={"id": "r0", "conversation_id": "c", "output": []})
    assert fed(in_conversation, begun(), done).transcript() == []  # out of band


def test_the_formats_are_those_of_the_provider() -> None:
    qwen = get_provider("qwen")
    session = qwen.decode_server(
        '{"type":"session.created","session":{"input_audio_format":"pcm","output_audio_format":"pcm"}}'
    )
    for conversation in (Conversation(provider="qwen"), fed(session, provider=qwen)):
        spoken = r.InputAudio(audio=bytes(32_000))
        conversation.feed(r.ConversationItemAdded(item=message("u", "user", spoken)))
        conversation.feed(r.ResponseOutputAudioDelta(**IDS, delta=bytes(48_000)))
        assert [item.audio_ms for item in conversation] == [1000, 1000]
    with pytest.raises(r.ConfigError, match="unknown provider"):
        Conversation(provider="qwem")  # type: ignore[arg-type]


MEMBERS = st.fixed_dictionaries({}, optional={
    "response_id": st.sampled_from(["", "r1", "r2"]), "item_id": st.sampled_from(["", "a", "b"]),
    "output_index": st.integers(0, 2), "content_index": st.integers(0, 2), "call_id": st.sampled_from(["", "c"]),
    "delta": st.sampled_from(["", "x"]), "transcript": st.sampled_from(["", "y"]), "arguments": st.just("{}"), "name": st.just("f"),
    "response": st.fixed_dictionaries({}, optional={"id": st.sampled_from(["", "r1"]), "output": st.just([{"type": "message"}])}),
    "item": st.fixed_dictionaries({"type": st.sampled_from(["message", "function_call"])}, optional={
        "id": st.sampled_from(["", "a", "b", "c"]), "role": st.sampled_from(["user", "assistant"]), "call_id": st.just("c"),
    }),
    "previous_item_id": st.sampled_from([None, "", "a", "b"]),
})  # fmt: skip
TYPES = st.sampled_from(sorted(
    str(event.__struct_config__.tag) for event in cases.event_classes("ga", "server")
    if event.__struct_config__.tag.startswith(("response.", "conversation.", "input_audio_buffer."))
))  # fmt: skip


@given(st.lists(st.tuples(TYPES, MEMBERS), max_size=20))
def test_frames_without_members_leave_the_items_in_order(frames: list[tuple[str, dict[str, Any]]]) -> None:
    conversation = Conversation(audio="keep")
    for type, members in frames:
        try:
            conversation.feed(ga(type, **members))
        except r.DecodeError:
            continue
        assert "" not in ids(conversation)
        assert conversation.retained_bytes == sum(item.retained_bytes for item in conversation)
        assert {item.id: item for item in conversation} == {
            item.id: conversation.get(item.id) for item in conversation
        }
