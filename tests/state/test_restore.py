"""Restoration: a conversation in a new session, checked on the loopback server."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

import realtime as r
from realtime.state import Conversation, CostLine, restoration, seconds_left
from tests.testing.helpers import PCM16, exchange, open_session, tone


def message(item_id: str, role: str = "user", *content: r.ContentPart, **more: Any) -> r.MessageItem:
    return r.MessageItem(id=item_id, role=role, content=[*content], **more)


def added(item: Any, previous: str | None = None) -> Any:
    return r.ConversationItemAdded(item=item, previous_item_id=previous)


def fed(*events: Any) -> Conversation:
    conversation = Conversation()
    for event in events:
        conversation.feed(event)
    return conversation


def ids(conversation: Conversation) -> list[str]:
    return [item.id for item in conversation]


def test_a_restored_conversation_is_equal() -> None:
    first = open_session()
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
    for event in exchange(first, *sent):
        before.feed(event)
    restored = restoration(before)
    after = fed(*exchange(open_session(), *restored.events))
    assert ids(after) == ids(before) == ["sys", "u1", "a1", "c1", "o1"]
    assert after.transcript() == before.transcript()
    assert (restored.dropped_audio, restored.skipped, restored.pending_calls) == ((), (), ())


def test_items_that_cannot_be_restored_are_listed_with_the_reason() -> None:
    session = r.SessionUpdate(session=r.create_session_config("gpt-realtime-2"))
    image = message("p", "user", r.InputImage(image_url="data:,"))
    call = r.FunctionCallItem(id="c", call_id="call_1", name="f", arguments="{}", status="completed")
    conversation = fed(
        session,
        added(message("silent")),
        added(message("odd", "narrator"), "silent"),
        added(call),
        added(r.McpListToolsItem(id="m", server_label="s", tools=[])),
        added(image),
        added(message("x" * 40)),
        r.ConversationItemInputAudioTranscriptionCompleted(
            item_id="x" * 40, content_index=0, transcript="a long id"
        ),
        r.ResponseCreated(response=r.Response(id="r")),
        r.ResponseOutputItemAdded(response_id="r", output_index=0, item=message("late", "assistant")),
        r.ResponseOutputAudioTranscriptDelta(
            response_id="r", item_id="late", output_index=0, content_index=0, delta="I was say"
        ),
    )
    restored = restoration(conversation)
    assert restored.events[0] == r.SessionUpdate(session=session.session)
    items = [event.item for event in restored.events[1:] if isinstance(event, r.ConversationItemCreate)]
    assert [item.type for item in items] == ["function_call", "message", "message"]
    assert items[1] == image
    assert items[2] == r.MessageItem(role="user", content=[r.InputText(text="a long id")])
    assert restored.skipped == (
        ("silent", "it has no text"),
        ("odd", "unknown role 'narrator'"),
        ("m", "items of type 'mcp_list_tools' cannot be created by a client"),
        ("late", "its response was not finished"),
    )
    assert restored.dropped_audio == ("late",)
    assert restored.pending_calls == ("call_1",)
    for event in restored.events:
        assert r.decode_client(r.encode(event)) is not None


def test_a_spoken_call_is_restored_on_the_loopback_server() -> None:
    session = open_session()
    before = fed(*session.open())
    for event in exchange(
        session,
        r.InputAudioBufferAppend(audio=tone(PCM16, 500)),
        r.InputAudioBufferCommit(),
        r.ResponseCreate(),
    ):
        before.feed(event)
    restored = restoration(before)
    answers = exchange(open_session(), *restored.events)
    assert "error" not in {event.type for event in answers}


def test_the_settings_are_the_requested_ones_or_else_those_of_the_server() -> None:
    reported = r.RealtimeSessionInfo(id="sess_1", instructions="Default.")
    assert restoration(fed(r.SessionCreated(session=reported))).events == (r.SessionUpdate(session=reported),)
    requested = r.SessionUpdate(session=r.RealtimeSession(instructions="Mine."))
    assert restoration(fed(requested, r.SessionCreated(session=reported))).events == (requested,)


def test_ids_that_the_server_does_not_accept_are_left_out() -> None:
    items = [message(item_id, "user", r.InputText(text="Hi.")) for item_id in ("", "x" * 32, "x" * 33)]
    created = [event.item for event in restoration(fed(*map(added, items))).events]
    assert [item.id for item in created] == [UNSET, "x" * 32, UNSET]


def test_what_a_call_or_its_output_lacks_is_a_reason_not_to_restore_it() -> None:
    conversation = fed(
        added(r.FunctionCallItem(id="a", call_id="call_1", name="", arguments="{}")),
        added(r.FunctionCallItem(id="b", call_id="", name="f", arguments="{}")),
        added(r.FunctionCallOutputItem(id="c", call_id="", output="x")),
        added(r.McpCallItem(id="d", name="f", arguments="{}", server_label="s")),
        added(r.FunctionCallOutputItem(id="e", call_id="call_1", output="")),
        added(r.FunctionCallOutputItem(id="f", call_id="call_2", output="20")),
    )
    restored = restoration(conversation)
    assert [item_id for item_id, _ in restored.skipped] == ["a", "b", "c", "d"]
    assert [event.item for event in restored.events] == [
        r.FunctionCallOutputItem(id="e", call_id="call_1", output=""),
        r.FunctionCallOutputItem(id="f", call_id="call_2", output="20"),
    ]


def test_calls_and_outputs_keep_their_call_id() -> None:
    call = r.FunctionCallItem(id="c", call_id="call_1", name="f", arguments="{}")
    assert [event.item for event in restoration(fed(added(call))).events] == [call]


@pytest.mark.parametrize("value", [
    restoration(Conversation()), CostLine("time", "seconds", Decimal(1), Decimal(1)),
])  # fmt: skip
def test_results_are_frozen(value: Any) -> None:
    with pytest.raises(AttributeError):
        setattr(value, dataclasses.fields(value)[0].name, ())
    assert not hasattr(value, "__dict__")


def test_the_end_of_a_session() -> None:
    created = r.SessionCreated(session=r.RealtimeSessionInfo(expires_at=3_600))
    assert seconds_left(fed(created), now=3_000) == 600
    assert seconds_left(Conversation(), now=100, started=0) == 3_500
    assert seconds_left(Conversation(), now=100) is None


def test_the_phase_of_a_message_is_restored() -> None:
    items = [
        r.MessageItem(id=phase[:1], role="assistant", phase=phase, content=[r.OutputText(text="Hi.")])
        for phase in ("commentary", "final_answer")
    ]
    items += [r.MessageItem(id="c", role="assistant", content=[])]  # does not state it again
    phases = [event.item.phase for event in restoration(fed(*map(added, items))).events]
    assert phases == ["commentary", "final_answer"]
    assert b"phase" not in r.encode(
        restoration(fed(added(message("a", "assistant", r.OutputText(text="Hi."))))).events[0]
    )


def test_ids_that_the_server_does_not_know_are_left_out() -> None:
    delta = '{"type":"response.output_text.delta","response_id":"r","delta":"Hi."}'
    [event] = restoration(fed(r.decode_server(delta))).events
    assert event.item.id is UNSET
