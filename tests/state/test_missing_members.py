"""Events that lack members: every member of every event absent and null, at every depth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, structs

import realtime as r
from realtime.state import (
    Conversation,
    FunctionCalls,
    Playback,
    Summarizer,
    Usage,
    restoration,
    session_differences,
    summary,
)
from tests import cases
from tests.variations import variations

Events = tuple[Any, ...]


def converse(*events: Any) -> None:
    conversation = Conversation(audio="keep")
    for event in events:
        conversation.feed(event, at_ms=1.0)
    assert len(conversation.items) == len(conversation)
    assert conversation.retained_bytes == sum(item.retained_bytes for item in conversation)
    for item in conversation:
        assert isinstance(item.text + item.removed_text + item.arguments + item.type + repr(item), str)
        assert item.audio_ms >= 0
    assert all(isinstance(text, str) for pair in conversation.transcript() for text in pair)
    for event in restoration(conversation).events:
        r.encode(event)


def use(*events: Any) -> None:
    usage = Usage()
    for event in events:
        usage.feed(event)
    assert usage.session_seconds >= 0
    assert min(usage.responses.total, usage.transcriptions.total, usage.backend.total, usage.unreported) >= 0


def find_calls(*events: Any) -> None:
    for wait_for_response in (False, True):
        calls = FunctionCalls(wait_for_response=wait_for_response)
        for event in events:
            for call in calls.feed(event):
                assert call.call_id
                assert call.name
                assert isinstance(call.decode(), dict)


def play(*events: Any) -> None:
    playback = Playback()
    for event in events:
        playback.feed(event)
        playback.mark()
        playback.played(ms=1)
    playback.interrupt()
    assert not playback.is_playing


def summarize(*events: Any) -> None:
    summarizer = Summarizer()
    for event in events:
        assert 0 < len(summarizer(event)) <= 200
        assert summary(event).isprintable()


def compare(*events: Any) -> None:
    first, second, *_ = events
    if hasattr(first, "session"):
        for requested, actual in ((first, second), (second, first)):
            for difference in session_differences(requested, actual):
                assert str(difference).isprintable()
    assert session_differences({"session": {}}, {}) == []


USES: list[Callable[..., None]] = [converse, use, find_calls, play, summarize, compare]


def without_one_field(value: Any) -> Iterator[Any]:
    """Yield copies of a Struct in which one field, at any depth, is absent or null."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            field = getattr(value, name)
            for missing in (None, UNSET):
                if field is not missing:
                    yield structs.replace(value, **{name: missing})
            for other in without_one_field(field):
                yield structs.replace(value, **{name: other})
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for other in without_one_field(item):
                yield [*value[:index], other, *value[index + 1 :]]


@pytest.mark.mostly_slow(quick=34)
@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_no_missing_member_raises(dialect: str, side: str, frame: str) -> None:
    decode = cases.decoder(dialect, side)
    complete = decode(frame)
    events = [*without_one_field(complete)]
    for variation in variations(frame):
        try:
            events.append(decode(json.dumps(variation)))
        except r.DecodeError:
            continue
    for event in events:
        for user in USES:
            user(event, complete, event)
            user(complete, event)


def test_every_member_is_left_out_once() -> None:
    frame = '{"type":"t","a":null,"b":{"type":"u","c":[{"d":1}]}}'
    assert [json.dumps(variation, separators=(",", ":")) for variation in variations(frame)] == [
        '{"type":"t"}',
        '{"type":"t","a":null,"b":null}',
        '{"type":"t","b":{"type":"u","c":[{"d":1}]}}',
        '{"type":"t","a":null,"b":{"type":"u","c":[{"d":1}]}}',
        '{"type":"t","a":null}',
        '{"type":"t","a":null,"b":null}',
        '{"type":"t","a":null,"b":{"type":"u"}}',
        '{"type":"t","a":null,"b":{"type":"u","c":null}}',
        '{"type":"t","a":null,"b":{"c":[{"d":1}]}}',
        '{"type":"t","a":null,"b":{"type":null,"c":[{"d":1}]}}',
        '{"type":"t","a":null,"b":{"type":"u"}}',
        '{"type":"t","a":null,"b":{"type":"u","c":null}}',
        '{"type":"t","a":null,"b":{"type":"u","c":[]}}',
        '{"type":"t","a":null,"b":{"type":"u","c":[{}]}}',
        '{"type":"t","a":null,"b":{"type":"u","c":[{"d":null}]}}',
        '{"type":"t","a":null,"b":{"type":"u","c":[{}]}}',
        '{"type":"t","a":null,"b":{"type":"u","c":[{"d":null}]}}',
    ]


# --- What is known without the member stays as it is --------------------------------------

MISSING: Any = None
STEP: dict[str, Any] = {"response_id": "r", "item_id": "f", "output_index": 0, "call_id": "c"}


def test_arguments_that_a_done_event_lacks_are_those_of_the_item() -> None:
    calls = FunctionCalls()
    assert calls.feed(r.ResponseFunctionCallArgumentsDone(**STEP, name="f", arguments=MISSING)) == []
    item = r.FunctionCallItem(id="f", call_id="c", name="f", arguments='{"a":1}', status="completed")
    [call] = calls.feed(r.ResponseOutputItemDone(response_id="r", output_index=0, item=item))
    assert call.decode() == {"a": 1}
    calls = FunctionCalls()
    calls.feed(r.ResponseFunctionCallArgumentsDone(**STEP, name="f", arguments=MISSING))
    assert calls.feed(r.ResponseDone(response=r.Response(id="r", status="completed"))) == []


def test_a_session_that_an_event_lacks_is_the_one_before() -> None:
    conversation, settings = Conversation(), r.RealtimeSession(instructions="Hi.")
    session = r.RealtimeSessionInfo(id="sess_1")
    for event in (
        r.SessionCreated(session=session),
        r.SessionUpdate(session=settings),
        r.SessionUpdated(session=MISSING),
        r.SessionUpdate(session=MISSING),
    ):
        conversation.feed(event)
    assert conversation.session is session
    assert conversation.requested_session is settings
    lost = session_differences(r.SessionUpdate(session=settings), r.SessionUpdated(session=MISSING))
    assert [(difference.path, difference.actual) for difference in lost] == [
        ("type", UNSET),
        ("instructions", UNSET),
    ]
    with pytest.raises(TypeError, match="expected a session, got NoneType"):
        session_differences(None, session)


def test_a_type_that_an_item_lacks_is_the_one_before() -> None:
    item = r.MessageItem(id="a", role="user", content=[r.InputText(text="Hi.")])
    conversation = Conversation()
    conversation.feed(r.ConversationItemAdded(item=item))
    frame = '{"type":"response.output_item.done","item":{"id":"a","status":"completed"},"response_id":"r","output_index":0}'
    conversation.feed(r.beta.decode_server(frame))
    assert conversation.transcript() == [("user", "Hi.")]
