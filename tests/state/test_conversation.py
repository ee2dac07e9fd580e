"""Conversation: the order, the texts, the bounds; against a slow model, and against a server."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import realtime as r
from realtime import beta
from realtime.state import Conversation, restoration, seconds_left
from tests import cases
from tests.testing.talk import PCM16, opened, tell, tone

IDS: dict[str, Any] = {"response_id": "r", "item_id": "a", "output_index": 0, "content_index": 0}


def message(item_id: str, role: str = "user", *content: r.ContentPart, **more: Any) -> r.MessageItem:
    return r.MessageItem(id=item_id, role=role, content=[*content], **more)


def added(item_id: str, previous: str | None = None, role: str = "user", **more: Any) -> Any:
    return r.ConversationItemAdded(item=message(item_id, role, **more), previous_item_id=previous)


def words(item_id: str, delta: str, index: int = 0) -> Any:
    ids: dict[str, Any] = IDS | {"item_id": item_id, "content_index": index}
    return r.ResponseOutputAudioTranscriptDelta(**ids, delta=delta)


def heard(item_id: str, transcript: str) -> Any:
    return r.ConversationItemInputAudioTranscriptionCompleted(
        item_id=item_id, content_index=0, transcript=transcript
    )


def ids(conversation: Conversation) -> list[str]:
    backwards, item = [], conversation._order._last
    while item is not None:
        backwards.append(item.id)
        item = item._before
    forwards = [item.id for item in conversation]
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
    ([words("b", "x"), added("a"), added("b", "a")], "ab"),
    ([added("a"), added("b", "a"), r.ConversationItemDeleted(item_id="a"), added("c", "a")], "bc"),
    ([added("a"), r.ConversationItemDeleted(item_id="a"), words("a", "late"), added("a")], ""),
    ([r.ConversationItemDeleted(item_id="a")], ""),
    ([r.InputAudioBufferCommitted(item_id="a"), r.InputAudioBufferCommitted(item_id="b", previous_item_id="a")], "ab"),
    ([added("b"), r.ConversationItemCreate(item=message("a"), previous_item_id="root"), added("a")], "ab"),
    ([r.ConversationItemCreate(item=message("a"))], ""),
    ([r.ConversationItemAdded(item=r.MessageItem(role="user", content=[]))], ""),
])  # fmt: skip
def test_items_stand_behind_their_predecessors(events: list[Any], order: str) -> None:
    assert ids(fed(*events)) == [*order]


@given(st.permutations(range(7)), st.lists(st.integers(0, 6), max_size=5))
def test_any_order_of_arrival_gives_the_order_of_the_conversation(
    arrival: list[int], again: list[int]
) -> None:
    conversation = Conversation()
    for n in [*arrival, *again]:
        conversation.feed(added(f"i{n}", f"i{n - 1}" if n else None))
    assert ids(conversation) == [f"i{n}" for n in range(7)]


# --- Texts ---------------------------------------------------------------------------


@pytest.mark.parametrize(("events", "text"), [
    ([words("a", "Hel"), words("a", "lo")], "Hello"),
    ([words("a", "b", 1), words("a", "a", 0)], "ab"),
    ([words("a", "He"), r.ResponseOutputAudioTranscriptDone(**IDS, transcript="Hello"), words("a", "!")], "Hello"),
    ([r.ResponseOutputTextDelta(**IDS, delta="x"), r.ResponseOutputTextDone(**IDS, text="xy")], "xy"),
    ([r.ResponseContentPartDone(**IDS, part=r.Audio(transcript="whole"))], "whole"),
    ([r.ResponseOutputItemDone(response_id="r", output_index=0,
        item=message("a", "assistant", r.OutputText(text="done alone")))], "done alone"),
    ([heard("a", "hello?")], "hello?"),
    ([r.ConversationItemInputAudioTranscriptionDelta(item_id="a", delta="hel"),
      r.ConversationItemInputAudioTranscriptionDelta(item_id="a", delta=None),
      r.ConversationItemInputAudioTranscriptionDelta(item_id="a", delta="lo")], "hello"),
])  # fmt: skip
def test_texts_are_whole_however_they_come(events: list[Any], text: str) -> None:
    conversation = fed(*events)
    item = conversation.get("a")
    assert item is not None
    assert (item.text, item.text) == (text, text)
    assert conversation.kept_bytes == item.kept_bytes == len(text)


def test_an_event_that_comes_twice_counts_once() -> None:
    delta = words("a", "x")
    delta.event_id = "event_1"
    assert [item.text for item in fed(delta, delta)] == ["x"]


def test_a_late_transcript_belongs_to_its_turn() -> None:
    """The caller's words come after the answer to them."""
    conversation = fed(
        r.InputAudioBufferCommitted(item_id="u"),
        added("a", "u", "assistant"),
        words("a", "Hi."),
        heard("u", "Hello?"),
    )
    assert conversation.transcript() == [("user", "Hello?"), ("assistant", "Hi.")]


def test_a_failed_transcription_is_kept() -> None:
    error = r.TranscriptionError(code="audio_unintelligible")
    conversation = fed(
        r.ConversationItemInputAudioTranscriptionFailed(item_id="u", content_index=0, error=error)
    )
    assert conversation.items[0].failed is error
    assert "u" in repr(conversation.items[0])


# --- Audio ---------------------------------------------------------------------------


def sound(nbytes: int) -> Any:
    return r.ResponseOutputAudioDelta(**IDS, delta=bytes(nbytes))


@pytest.mark.parametrize(("choice", "ms", "kept"), [("count", 40, 0), ("keep", 40, 1920), ("drop", 0, 0)])
def test_audio_is_kept_counted_or_dropped(choice: Any, ms: int, kept: int) -> None:
    conversation = fed(sound(960), sound(960), audio=choice)
    (item,) = conversation
    assert (item.audio_ms, len(item.audio), conversation.kept_bytes) == (ms, kept, kept)


@pytest.mark.parametrize("choice", ["count", "keep"])
def test_a_truncation_takes_audio_and_transcript(choice: Any) -> None:
    conversation = fed(words("a", "Sure, I"), sound(1920), audio=choice)
    cut = r.ConversationItemTruncated(item_id="a", content_index=0, audio_end_ms=25)
    for event in (cut, words("a", " can"), sound(960), heard("a", "late"), cut):
        conversation.feed(event)
    (item,) = conversation
    assert (item.text, item.removed_text, item.audio_ms, item.truncated_ms) == ("", "Sure, I", 25, 25)
    assert conversation.kept_bytes == len(item.audio) == (1200 if choice == "keep" else 0)
    assert (
        conversation.feed(r.ConversationItemTruncated(item_id="?", content_index=0, audio_end_ms=1)) is None
    )


def test_formats_are_those_that_the_session_tells() -> None:
    ulaw = r.wire_format(r.AudioFormat.G711_ULAW)
    told = r.SessionUpdated(
        session=r.RealtimeSessionInfo(audio=r.AudioConfig(output=r.AudioOutput(format=ulaw)))
    )
    assert fed(told, sound(800)).items[0].audio_ms == 100
    assert fed(told, r.SessionUpdated(session=r.RealtimeSessionInfo()), sound(800)).items[0].audio_ms == 100


# --- Function calls and responses ------------------------------------------------------


def test_a_call_from_deltas_or_from_its_end_alone() -> None:
    step: dict[str, Any] = {"response_id": "r", "item_id": "c", "output_index": 0, "call_id": "call_1"}
    deltas = [r.ResponseFunctionCallArgumentsDelta(**step, delta=part) for part in ('{"city"', ':"Paris"}')]
    done = r.ResponseFunctionCallArgumentsDone(**step, name="weather", arguments='{"city":"Paris"}')
    whole = r.FunctionCallItem(
        id="c", call_id="call_1", name="weather", arguments='{"city":"Paris"}', status="completed"
    )
    for events in ([*deltas], [*deltas, done, deltas[0]], [done], [r.ConversationItemDone(item=whole)]):
        (item,) = fed(*events)
        assert (item.type, item.call_id, item.arguments) == ("function_call", "call_1", '{"city":"Paris"}')
    conversation = fed(done, r.ConversationItemDone(item=whole))
    assert [item.call_id for item in conversation.pending_calls] == ["call_1"]
    conversation.feed(
        r.ConversationItemAdded(item=r.FunctionCallOutputItem(id="o", call_id="call_1", output="20"))
    )
    assert conversation.pending_calls == []


def test_a_response_tells_its_items_once_more() -> None:
    begun = r.ResponseCreated(response=r.Response(id="r"))
    conversation = fed(begun, begun)
    assert conversation.responses_under_way == ("r",)
    output = [message("a", "assistant", r.OutputText(text="Hi."))]
    conversation.feed(r.ResponseDone(response=r.Response(id="r", conversation_id="c", output=[*output])))
    assert not conversation.responses_under_way
    assert conversation.transcript() == [("assistant", "Hi.")]
    aside = r.Response(id="r2", output=[message("z", "assistant", r.OutputText(text="aside"))])
    assert ids(fed(r.ResponseDone(response=aside), r.ResponseDone(response=r.Response()))) == []


def test_an_end_without_arguments_leaves_what_the_deltas_said() -> None:
    ids: dict[str, Any] = {"response_id": "r", "item_id": "f", "output_index": 0, "call_id": "c"}
    delta = r.ResponseFunctionCallArgumentsDelta(**ids, delta="{}")
    untold: dict[str, Any] = ids | {"arguments": None}
    done = r.ResponseFunctionCallArgumentsDone(**untold)
    [item] = fed(delta, done)
    assert item.arguments == "{}"


def test_a_response_without_an_id_is_not_under_way() -> None:
    created = r.decode_server(b'{"type":"response.created","event_id":"e","response":{}}')
    assert isinstance(created, r.ResponseCreated)
    assert fed(created).responses_under_way == ()


def test_a_mcp_call_has_arguments_too() -> None:
    step: dict[str, Any] = {"item_id": "m", "output_index": 0, "response_id": "r"}
    conversation = fed(
        r.ResponseMcpCallArgumentsDelta(**step, delta="{"),
        r.ResponseMcpCallArgumentsDone(**step, arguments="{}"),
    )
    assert [(item.type, item.arguments) for item in conversation] == [("mcp_call", "{}")]


def test_beta_events_are_understood() -> None:
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


def test_the_oldest_go_by_number_by_bytes_and_by_age() -> None:
    by_number = fed(*(added(str(n), str(n - 1)) for n in range(5)), max_items=2)
    assert (ids(by_number), by_number.evicted) == (["3", "4"], 3)
    by_bytes = fed(words("a", "x" * 8), words("b", "y" * 8), max_bytes=10)
    assert (ids(by_bytes), by_bytes.kept_bytes) == (["b"], 8)
    by_age = Conversation(max_age_ms=100)
    for n in range(4):
        by_age.feed(added(str(n), str(n - 1)), at_ms=n * 60)
    assert ids(by_age) == ["2", "3"]


@pytest.mark.parametrize(
    "options", [{"audio": "some"}, {"max_items": 0}, {"max_bytes": 0}, {"max_age_ms": 0}]
)
def test_bounds_that_cannot_be_are_refused(options: Any) -> None:
    with pytest.raises(r.ConfigError):
        Conversation(**options)


def test_an_eight_hour_call_has_a_bounded_memory() -> None:
    """A turn each eight seconds: 3,600, each with its predecessor, its words and its ids."""
    conversation = Conversation(max_items=100, max_age_ms=600_000)

    def turn(n: int) -> None:
        item, at = f"item_{n:06}", n * 8_000.0
        conversation.feed(added(item, f"item_{n - 1:06}", "assistant", status="in_progress"), at_ms=at)
        conversation.feed(added(f"lost_{n}", f"never_{n}"), at_ms=at)
        conversation.feed(r.ResponseCreated(response=r.Response(id=f"never ends {n}")), at_ms=at)
        for k in range(10):
            delta = words(item, f" word {k}")
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
    assert len(conversation._order._waiting) <= 256
    assert len(conversation.responses_under_way) <= 256


def test_deltas_are_collected_without_copying() -> None:
    """As many pieces as deltas: nothing is joined until it is asked for."""
    deltas = [words("a", "0123456789" * 10) for _ in range(10_000)]
    (item,) = fed(*deltas)
    assert [len(piece) for piece in item.contents[0]._text] == [100] * 10_000
    assert len(item.text) == 1_000_000


GONE: list[Any] = [
    words("a", "x"),
    heard("a", "x"),
    sound(960),
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


@pytest.mark.parametrize("event", GONE, ids=lambda event: event.type)
def test_what_comes_late_of_a_deleted_item_changes_nothing(event: Any) -> None:
    conversation = fed(words("a", "Hello"), r.ConversationItemDeleted(item_id="a"))
    assert conversation.feed(event) is None
    assert (len(conversation), conversation.kept_bytes) == (0, 0)


class Model(RuleBasedStateMachine):
    """A list of ids and a dict of texts."""

    def __init__(self) -> None:
        super().__init__()
        self.conversation = Conversation()
        self.order: list[str] = []
        self.texts: dict[str, str] = {}
        self.whole: set[str] = set()
        self.gone: set[str] = set()

    @rule(item=st.integers(0, 9), behind=st.integers(0, 9))
    def add(self, item: int, behind: int) -> None:
        name, previous = f"i{item}", f"i{behind}"
        if name in self.order or name in self.gone or (self.order and previous not in self.order):
            return
        self.conversation.feed(added(name, previous if self.order else None))
        self.order.insert(self.order.index(previous) + 1 if self.order else 0, name)
        self.texts[name] = ""

    @rule(item=st.integers(0, 9), delta=st.text(max_size=5))
    def say(self, item: int, delta: str) -> None:
        name = f"i{item}"
        if name not in self.order and name not in self.gone:
            return
        self.conversation.feed(words(name, delta))
        if name in self.order and name not in self.whole:
            self.texts[name] += delta

    @rule(item=st.integers(0, 9), text=st.text(max_size=5))
    def finish(self, item: int, text: str) -> None:
        name = f"i{item}"
        if name in self.order:
            self.conversation.feed(heard(name, text))
            self.texts[name] = text
            self.whole.add(name)

    @rule(item=st.integers(0, 9))
    def delete(self, item: int) -> None:
        name = f"i{item}"
        self.conversation.feed(r.ConversationItemDeleted(item_id=name))
        if name in self.order:
            self.order.remove(name)
            self.gone.add(name)

    @rule(item=st.integers(0, 9))
    def tell_again(self, item: int) -> None:
        name = f"i{item}"
        if name in self.order or name in self.gone:
            self.conversation.feed(added(name))

    @invariant()
    def agrees(self) -> None:
        assert ids(self.conversation) == self.order
        assert [item.text for item in self.conversation] == [self.texts[name] for name in self.order]
        assert self.conversation.kept_bytes == sum(len(self.texts[name]) for name in self.order)


TestModel = Model.TestCase


# --- Restoring -------------------------------------------------------------------------


def test_a_restored_conversation_is_the_same_again() -> None:
    first = opened()
    before = Conversation()
    sent: list[Any] = [
        r.ConversationItemCreate(item=message("sys", "system", r.InputText(text="Be brief."))),
        r.ConversationItemCreate(item=message("u1", "user", r.InputText(text="Hello?"))),
        r.ConversationItemCreate(item=message("a1", "assistant", r.OutputText(text="Hi."))),
        r.ConversationItemCreate(
            item=r.FunctionCallItem(id="c1", call_id="call_1", name="weather", arguments="{}")
        ),
        r.ConversationItemCreate(item=r.FunctionCallOutputItem(id="o1", call_id="call_1", output="20")),
    ]
    for event in tell(first, *sent):
        before.feed(event)
    restored = restoration(before)
    after = fed(*tell(opened(), *restored.events))
    assert ids(after) == ids(before) == ["sys", "u1", "a1", "c1", "o1"]
    assert after.transcript() == before.transcript()
    assert (restored.dropped_audio, restored.left_out, restored.pending_calls) == ((), (), ())


def test_what_cannot_be_restored_is_told() -> None:
    session = r.SessionUpdate(session=r.create_session_config("gpt-realtime-2"))
    conversation = fed(
        session,
        added("silent"),
        added("odd", "silent", "narrator"),
        r.ConversationItemAdded(
            item=r.FunctionCallItem(id="c", call_id="call_1", name="f", arguments="{}", status="completed")
        ),
        r.ConversationItemAdded(item=r.McpListToolsItem(id="m", server_label="s", tools=[])),
        message_of_image := r.ConversationItemAdded(
            item=message("p", "user", r.InputImage(image_url="data:,"))
        ),
        added("x" * 40, role="user"),
        heard("x" * 40, "a long id"),
        r.ResponseCreated(response=r.Response(id="r")),
        r.ResponseOutputItemAdded(response_id="r", output_index=0, item=message("late", "assistant")),
        words("late", "I was say"),
    )
    restored = restoration(conversation)
    assert restored.events[0] == r.SessionUpdate(session=session.session)
    items = [event.item for event in restored.events[1:] if isinstance(event, r.ConversationItemCreate)]
    assert [item.type for item in items] == ["function_call", "message", "message"]
    assert items[1] == message_of_image.item
    assert items[2] == r.MessageItem(role="user", content=[r.InputText(text="a long id")])
    assert [item for item, _ in restored.left_out] == ["silent", "odd", "m", "late"]
    assert restored.dropped_audio == ("late",)
    assert restored.pending_calls == ("call_1",)
    for event in restored.events:
        assert r.decode_client(r.encode(event)) is not None


def test_restoring_a_spoken_call_on_the_loopback_server() -> None:
    session = opened()
    before = fed(*session.open())
    for event in tell(
        session,
        r.InputAudioBufferAppend(audio=tone(PCM16, 500)),
        r.InputAudioBufferCommit(),
        r.ResponseCreate(),
    ):
        before.feed(event)
    restored = restoration(before)
    answers = tell(opened(), *restored.events)
    assert "error" not in {event.type for event in answers}


def test_when_a_session_ends() -> None:
    told = r.SessionCreated(session=r.RealtimeSessionInfo(expires_at=3_600))
    assert seconds_left(fed(told), now=3_000) == 600
    assert seconds_left(Conversation(), now=100, started=0) == 3_500
    assert seconds_left(Conversation(), now=100) is None
