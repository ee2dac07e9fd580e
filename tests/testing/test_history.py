"""Conversation items: created, retrieved, deleted and truncated, and those that are refused."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.testing import ServerProtocol, history
from realtime.testing.history import History, StoredItem, TokenCount
from tests.testing.helpers import (
    COMMIT,
    PCM16,
    RESPOND,
    ULAW,
    append,
    exchange,
    formats,
    only,
    open_session,
    refusal,
    tone,
    types,
)


def text(words: str, **fields: object) -> r.MessageItem:
    return r.MessageItem(role="user", content=[r.InputText(text=words)], **fields)  # type: ignore[arg-type]


def create(item: r.Item, **fields: object) -> r.ConversationItemCreate:
    return r.ConversationItemCreate(item=item, **fields)  # type: ignore[arg-type]


def test_a_created_item_is_added_and_done() -> None:
    added, done = exchange(open_session(), create(text("hi")))
    assert (added.type, done.type) == ("conversation.item.added", "conversation.item.done")
    assert added.previous_item_id is None
    assert added.item == done.item
    assert added.item.id
    assert added.item.object == "realtime.item"
    assert added.item.status == "completed"


@pytest.mark.parametrize("after", ["a", "root", None])
def test_an_item_follows_its_previous_item(after: str | None) -> None:
    session = open_session(create(text("1", id="a")), create(text("2", id="b")))
    where = {} if after is None else {"previous_item_id": after}
    added = exchange(session, create(text("3", id="c"), **where))[0]
    assert added.previous_item_id == {"a": "a", "root": None, None: "b"}[after]


def test_an_unknown_previous_item_is_refused() -> None:
    error = refusal(exchange(open_session(), create(text("1"), previous_item_id="unknown")))
    assert error.code == "item_create_invalid_previous_item_id"
    assert error.param == "previous_item_id"


def test_an_id_can_be_used_once() -> None:
    session = open_session(create(text("1", id="mine")))
    error = refusal(exchange(session, create(text("2", id="mine"))))
    assert (error.code, error.param) == ("item_create_duplicate_item_id", None)
    assert error.message == "Error adding item: an item with id 'mine' already exists."


def test_the_ids_of_a_response_outside_the_conversation_are_reserved() -> None:
    session = ServerProtocol(paced=True, script=["one", "two"])
    session.open()
    exchange(session, RESPOND)
    outside = r.ResponseCreate(response=r.ResponseParams(conversation="none"))
    item_id = only(r.ResponseOutputItemAdded, exchange(session, outside)).item.id
    assert "already exists" in refusal(exchange(session, create(text("mine", id=item_id)))).message


def test_the_ids_of_a_response_are_reserved_before_its_items_are_sent() -> None:
    session = ServerProtocol(paced=True, script=[["one two", "three"]])
    session.open()
    first = only(r.ResponseOutputItemAdded, exchange(session, RESPOND)).item.id
    second = f"item_{int(first.removeprefix('item_')) + 1:08}"
    assert "already exists" in refusal(exchange(session, create(text("mine", id=second)))).message
    rest: list[r.ServerEvent] = []
    while session.is_responding:
        rest += session.advance()
    assert only(r.ResponseOutputItemAdded, rest).item.id == second
    assert "already exists" in refusal(exchange(session, create(text("mine", id=second)))).message
    exchange(session, r.ConversationItemDelete(item_id=second))
    assert types(exchange(session, create(text("mine", id=second))))[0] == "conversation.item.added"


def test_the_id_of_a_turn_is_reserved_while_it_is_in_progress() -> None:
    session = open_session(formats(vad=r.ServerVad()))
    started = only(r.InputAudioBufferSpeechStarted, exchange(session, append(tone(PCM16, 500))))
    assert "already exists" in refusal(exchange(session, create(text("mine", id=started.item_id)))).message
    events = exchange(session, append(PCM16.silence(1000)))
    assert only(r.InputAudioBufferCommitted, events).item_id == started.item_id


@pytest.mark.parametrize(
    ("item", "param"),
    [
        (b'{"type":"dream"}', "item.type"),
        (b'{"type":"message","role":"pope","content":[]}', "item.role"),
        (b'{"type":"message","role":"user","content":[{"type":"smell"}]}', "item.content[0].type"),
        (
            b'{"type":"message","role":"user","content":[{"type":"input_audio","audio":"AA=="}]}',
            "item.content[0].audio",
        ),
        (b'{"type":"message","role":"user"}', "item.content"),
    ],
)
def test_an_invalid_item_is_refused(item: bytes, param: str) -> None:
    error = refusal(
        open_session().feed(b'{"type":"conversation.item.create","event_id":"e1","item":%b}' % item)
    )
    assert (error.param, error.event_id) == (param, "e1")


def test_audio_of_an_item_is_echoed_and_only_retrieve_shows_it() -> None:
    audio = tone(ULAW, 200)
    session = open_session(formats(ULAW))
    item = r.MessageItem(role="user", content=[r.InputAudio(audio=audio)])
    added = exchange(session, create(item))[0].item
    assert not added.content[0].audio
    retrieved = only(
        r.ConversationItemRetrieved, exchange(session, r.ConversationItemRetrieve(item_id=added.id))
    )
    assert retrieved.item.content[0].audio == audio
    events = exchange(session, RESPOND)
    assert b"".join(e.delta for e in events if isinstance(e, r.ResponseOutputAudioDelta)) == audio


def test_a_deleted_item_does_not_exist() -> None:
    session = open_session(create(text("1", id="a")), create(text("2", id="b")))
    (deleted,) = exchange(session, r.ConversationItemDelete(item_id="a"))
    assert (deleted.type, deleted.item_id) == ("conversation.item.deleted", "a")
    assert (
        refusal(exchange(session, r.ConversationItemDelete(item_id="a"))).code
        == "item_delete_invalid_item_id"
    )
    assert (
        refusal(exchange(session, r.ConversationItemRetrieve(item_id="a"))).code
        == "item_retrieve_invalid_item_id"
    )
    assert exchange(session, create(text("3")))[0].previous_item_id == "b"


def test_the_oldest_items_are_dropped_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_ITEMS", 3)
    session = open_session(*(create(text(name, id=name)) for name in "abcd"))
    assert refusal(exchange(session, r.ConversationItemRetrieve(item_id="a"))).param == "item_id"
    assert types(exchange(session, r.ConversationItemRetrieve(item_id="b"))) == [
        "conversation.item.retrieved"
    ]


def test_items_beyond_the_memory_limit_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_BYTES", 3 * PCM16.chunk_bytes(200))
    session = open_session(formats())
    first = exchange(session, append(tone(PCM16, 200)), COMMIT)[0].item_id
    exchange(session, RESPOND, append(tone(PCM16, 200)), COMMIT, RESPOND)
    assert refusal(exchange(session, r.ConversationItemRetrieve(item_id=first))).param == "item_id"


@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_texts_count_for_the_memory_limit(dialect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_BYTES", 3500)
    session = ServerProtocol(dialect=dialect)
    for name in "abcd":
        session.feed(r.encode(create(text("x" * 1000, id=name))))
    found = [name for name in "abcd" if _retrieve(session, name) == "conversation.item.retrieved"]
    assert found == ["b", "c", "d"]


def _retrieve(session: ServerProtocol, item_id: str) -> str:
    (event,) = session.feed(r.encode(r.ConversationItemRetrieve(item_id=item_id)))
    return str(event.type)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "change", "change removed"]), st.integers(0, 5), st.integers(0, 9)
    ),
    max_size=40,
)


@given(STEPS)
def test_the_sums_are_those_of_the_items(steps: list[tuple[str, int, int]]) -> None:
    """Whatever is added, changed and deleted, the tokens and the size are those of what is there."""
    found = History()
    removed: list[StoredItem] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "MAX_ITEMS", 6)
        patch.setattr(history, "MAX_BYTES", 4000)
        for step, index, size in steps:
            items = [*found]
            if step == "add":
                number = next(n for n in range(len(items) + 1) if f"i{n}" not in found)
                part = r.InputAudio(audio=bytes(PCM16.chunk_bytes(10 * size)))
                item = r.MessageItem(
                    id=f"i{number}",
                    role=("user", "assistant")[index % 2],
                    content=[part, r.InputText(text="x" * size)],
                )
                after = items[index % len(items)].id if items and index else None
                found.add(StoredItem(item, PCM16, frame_nbytes=100 * size), after)
            elif step == "change removed" and removed:
                found.update(removed[index % len(removed)])
            elif items and step == "remove":
                removed.append(items[index % len(items)])
                found.remove(removed[-1])
            elif items and step == "change":
                stored = items[index % len(items)]
                stored.item = msgspec.structs.replace(
                    cast("r.MessageItem", stored.item), content=[r.InputText(text="y" * size)]
                )
                found.update(stored)
            assert step != "add" or len([*found]) >= min(2, len(items) + 1)
            items = [*found]
            assert found.tokens == TokenCount.total(stored.tokens() for stored in items)
            assert len(items) <= 6
            assert sum(stored.nbytes for stored in items) <= 4000 or len(items) <= 2
            assert all(stored.id in found for stored in items)
            assert found.last_turn().text == ([stored.text for stored in items if stored.is_turn] or [""])[-1]


def test_what_is_truncated_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_BYTES", PCM16.chunk_bytes(3500))
    session = open_session(formats())
    turn = (append(tone(PCM16, 1000)), COMMIT)
    first = exchange(session, *turn)[0].item_id
    for _ in range(2):
        item_id = only(r.ResponseOutputItemDone, exchange(session, RESPOND)).item.id
        assert types(exchange(session, truncate_event(item_id, 0))) == ["conversation.item.truncated"]
    exchange(session, *turn, *turn)
    assert _retrieve(session, first) == "conversation.item.retrieved"
    exchange(session, *turn)
    assert _retrieve(session, first) == "error"


# --- Truncating ----------------------------------------------------------------------


def truncate_event(item_id: str, ms: int, part: int = 0) -> r.ConversationItemTruncate:
    return r.ConversationItemTruncate(item_id=item_id, content_index=part, audio_end_ms=ms, event_id="e1")


def responded(paced: bool = False) -> tuple[ServerProtocol, str]:
    """Return a session that has sent a response of 1 s, and the id of its item."""
    session = open_session(formats(), append(tone(PCM16, 1000)), COMMIT, paced=paced)
    events = exchange(session, RESPOND)
    return session, only(r.ResponseOutputItemAdded, events).item.id


@pytest.mark.parametrize("ms", [0, 1, 550, 1000])
def test_truncate_removes_the_audio_after_its_end(ms: int) -> None:
    session, item_id = responded()
    (event,) = exchange(session, truncate_event(item_id, ms))
    assert event.type == "conversation.item.truncated"
    assert (event.item_id, event.content_index, event.audio_end_ms) == (item_id, 0, ms)
    part = only(
        r.ConversationItemRetrieved, exchange(session, r.ConversationItemRetrieve(item_id=item_id))
    ).item.content[0]
    assert part.audio == tone(PCM16, 1000)[: PCM16.chunk_bytes(ms)]
    # The transcript is dropped, because it does not say which words remain.
    assert not part.transcript


@pytest.mark.parametrize(
    ("ms", "part", "code", "param"),
    [
        (1001, 0, "invalid_value", "audio_end_ms"),
        (-1, 0, "invalid_value", "audio_end_ms"),
        (10**12, 0, "invalid_value", "audio_end_ms"),
        (0, 1, "unsupported_content_type", None),
        (0, -1, "unsupported_content_type", None),
    ],
)
def test_truncating_beyond_the_audio_is_refused(ms: int, part: int, code: str, param: str | None) -> None:
    session, item_id = responded()
    error = refusal(exchange(session, truncate_event(item_id, ms, part)))
    assert (error.code, error.param, error.event_id) == (code, param, "e1")


def test_a_truncated_item_cannot_become_longer() -> None:
    session, item_id = responded()
    exchange(session, truncate_event(item_id, 500))
    assert (
        "500ms is already shorter than 501ms"
        in refusal(exchange(session, truncate_event(item_id, 501))).message
    )


def test_only_assistant_audio_can_be_truncated() -> None:
    session = open_session(create(text("1", id="a")))
    assert refusal(exchange(session, truncate_event("a", 0))).code == "unsupported_content_type"
    assert refusal(exchange(session, truncate_event("unknown", 0))).code == "item_truncate_invalid_item_id"


def test_an_item_can_be_truncated_while_it_is_sent() -> None:
    session, item_id = responded(paced=True)
    session.advance()
    session.advance()
    assert "200ms" in refusal(exchange(session, truncate_event(item_id, 201))).message
    assert types(exchange(session, truncate_event(item_id, 150))) == ["conversation.item.truncated"]
    # The response ends at the truncation.
    assert "response.output_audio.delta" not in types(session.advance())
    assert not session.is_responding
    part = only(
        r.ConversationItemRetrieved, exchange(session, r.ConversationItemRetrieve(item_id=item_id))
    ).item.content[0]
    assert part.audio == tone(PCM16, 1000)[: PCM16.chunk_bytes(150)]
