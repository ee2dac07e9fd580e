"""What a new session is sent: words that were heard, whole calls, the user's audio, usable ids."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.client.restore import Cut, Knowledge, UserAudio, heard_text, restored_items
from realtime.state import Conversation
from tests.testing.helpers import PCM16, ULAW, tone

LONG = "x" * 40


@pytest.mark.parametrize(
    ("text", "heard_ms", "total_ms", "heard"),
    [
        ("That was 1.00 seconds of audio.", 900, None, "That was"),
        ("That was 1.00 seconds of audio.", 2400, None, "That was 1.00 seconds of audio."),
        ("one two three four", 500, 1000, "one two"),
        ("one two three four", 999, 1000, "one two three"),
        ("one two three four", 1000, 1000, "one two three four"),
        ("one two", 0, 1000, ""),
        ("one two", -5, 1000, ""),
        ("Hello", 100, None, ""),
        ("Hello", 400, None, "Hello"),
        ("one\ntwo", 600, 1000, "one"),
        ("one two three", 310, 1000, "one"),
        ("你好世界", 500, 1000, "你好"),
        ("你好世界", 500, None, "你好"),
        ("", 500, None, ""),
        ("", 500, 1000, ""),
    ],
)
def test_the_words_that_were_heard(text: str, heard_ms: float, total_ms: float | None, heard: str) -> None:
    assert heard_text(text, Cut(heard_ms, total_ms)) == heard


@given(st.text(), st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_heard_words_are_the_beginning(text: str, heard_ms: float, total_ms: float | None) -> None:
    assert text.startswith(heard_text(text, Cut(heard_ms, total_ms)))


def message(id: str, role: str, text: str = "", kind: Any = None, **more: Any) -> r.ConversationItemAdded:
    kind = kind or (r.InputAudio if role == "user" else r.OutputAudio)
    part = kind(text=text) if kind in (r.InputText, r.OutputText) else kind(transcript=text or r.UNSET)
    return r.ConversationItemAdded(item=r.MessageItem(id=id, role=role, content=[part], **more))


def call(call_id: str, arguments: str = "{}", **more: Any) -> r.ConversationItemAdded:
    return r.ConversationItemAdded(
        item=r.FunctionCallItem(id=f"i_{call_id}", call_id=call_id, name="f", arguments=arguments, **more)
    )


def output(call_id: str) -> r.ConversationItemAdded:
    return r.ConversationItemAdded(
        item=r.FunctionCallOutputItem(id=f"o_{call_id}", call_id=call_id, output="{}")
    )


def restore(*events: Any, format: r.AudioFormat = ULAW, **known: Any) -> tuple[list[Any], dict[str, str]]:
    conversation = Conversation()
    for event in events:
        conversation.feed(event)
    knowledge: dict[str, Any] = {"audio": {}, "cuts": {}, "unanswered": (), "calls": (), **known}
    items, skipped = restored_items(conversation, Knowledge(**knowledge), format)
    return [(each.item, each.is_estimated) for each in items], dict(skipped)


def test_messages_are_restored_as_text() -> None:
    items, skipped = restore(
        message("u", "user", "hi", r.InputText), message("a", "assistant", "hello"), message("s", "user")
    )
    assert [(item.id, item.role, item.content[0].text, estimated) for item, estimated in items] == [
        ("u", "user", "hi", False), ("a", "assistant", "hello", False),
    ]  # fmt: skip
    assert skipped == {"s": "it has no text"}


def test_a_cut_answer_has_the_words_that_were_heard_and_is_marked() -> None:
    events = (message("a", "assistant", "one two three four"), message("b", "assistant", "nothing heard"))
    items, skipped = restore(*events, cuts={"a": Cut(500, 1000), "b": Cut(0)})
    ((item, estimated),) = items
    assert (item.content, item.status, estimated) == ([r.OutputText(text="one two")], "incomplete", True)
    assert not skipped


def test_a_truncated_answer_has_words_again() -> None:
    truncated = r.ConversationItemTruncated(item_id="a", content_index=0, audio_end_ms=500)
    items, _ = restore(message("a", "assistant", "one two three four"), truncated, cuts={"a": Cut(500, 1000)})
    assert items[0][0].content == [r.OutputText(text="one two")]


@pytest.mark.parametrize(
    ("events", "calls", "restored"),
    [
        ((call("c"), output("c")), (), ["i_c", "o_c"]),
        ((call("c"),), ("c",), ["i_c"]),  # its output is still to come
        ((call("c"),), (), []),  # nobody will answer it
        ((output("c"),), (), []),  # no call
        ((output("c"), call("c")), (), ["i_c"]),  # the output would come before its call
        ((call("c", '{"a":'), output("c")), (), []),  # broken arguments
        ((call("c", "[1]"), output("c")), ("c",), []),
        ((call("c", ""), output("c")), (), ["i_c", "o_c"]),
        ((call("c"), call("d"), output("d")), (), ["i_d", "o_d"]),
    ],
)
def test_calls_are_restored_whole_or_not_at_all(events: Any, calls: Any, restored: list[str]) -> None:
    items, skipped = restore(*events, calls=calls)
    assert [item.id for item, _ in items] == restored
    assert {*skipped} == {event.item.id for event in events} - {*restored}


def test_the_users_audio_is_restored_if_it_has_no_transcript_or_no_answer() -> None:
    audio = {name: UserAudio(tone(ULAW, 200), ULAW) for name in ("silent", "known", "open")}
    events = (message("silent", "user"), message("known", "user", "hi"), message("open", "user", "ho"))
    items, _ = restore(*events, audio=audio, unanswered={"open"})
    parts = [item.content[0] for item, _ in items]
    assert [part.type for part in parts] == ["input_audio", "input_text", "input_audio"]
    assert (parts[0].audio, parts[0].transcript) == (tone(ULAW, 200), r.UNSET)
    assert (parts[2].audio, parts[2].transcript) == (tone(ULAW, 200), "ho")


def test_audio_is_restored_in_the_format_of_the_new_session() -> None:
    items, _ = restore(message("u", "user"), audio={"u": UserAudio(bytes(160), ULAW)}, format=PCM16)
    assert len(items[0][0].content[0].audio) == 960


def test_an_image_is_restored() -> None:
    image = r.InputImage(image_url="data:image/png;base64,AAAA")
    event = r.ConversationItemAdded(item=r.MessageItem(id="u", role="user", content=[image, r.InputAudio()]))
    items, _ = restore(event, audio={"u": UserAudio(bytes(160), ULAW)})
    assert [part.type for part in items[0][0].content] == ["input_image", "input_audio"]


def test_items_that_the_server_has_not_announced_are_the_last() -> None:
    """The conversation does not know their place: an answer was announced after they were sent."""
    events = [message(name, "user", name, r.InputText) for name in "abcd"]
    items, _ = restore(*events, unconfirmed={"a": None, "c": None})
    assert [item.id for item, _ in items] == ["b", "d", "a", "c"]


def test_ids_that_servers_refuse_are_replaced() -> None:
    items, _ = restore(message(LONG, "user", "hi"), message("restored_1", "user", "ho"))
    assert [item.id for item, _ in items] == ["restored_2", "restored_1"]
