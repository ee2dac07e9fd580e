"""Items: created, retrieved, deleted, truncated; and what cannot be."""

from __future__ import annotations

import pytest

import realtime as r
from realtime.testing import ServerProtocol, history
from tests.testing.helpers import (
    COMMIT,
    PCM16,
    RESPOND,
    ULAW,
    append,
    formats,
    only,
    opened,
    refusal,
    tell,
    tone,
    types,
)


def text(words: str, **fields: object) -> r.MessageItem:
    return r.MessageItem(role="user", content=[r.InputText(text=words)], **fields)  # type: ignore[arg-type]


def create(item: r.Item, **fields: object) -> r.ConversationItemCreate:
    return r.ConversationItemCreate(item=item, **fields)  # type: ignore[arg-type]


def test_created_is_added_and_done() -> None:
    added, done = tell(opened(), create(text("hi")))
    assert (added.type, done.type) == ("conversation.item.added", "conversation.item.done")
    assert added.previous_item_id is None
    assert added.item == done.item
    assert added.item.id
    assert added.item.object == "realtime.item"
    assert added.item.status == "completed"


@pytest.mark.parametrize("after", ["a", "root", None])
def test_an_item_goes_where_it_is_told_to(after: str | None) -> None:
    session = opened(create(text("1", id="a")), create(text("2", id="b")))
    where = {} if after is None else {"previous_item_id": after}
    added = tell(session, create(text("3", id="c"), **where))[0]
    assert added.previous_item_id == {"a": "a", "root": None, None: "b"}[after]


def test_an_item_after_nobody() -> None:
    error = refusal(tell(opened(), create(text("1"), previous_item_id="nobody")))
    assert error.code == "item_create_invalid_previous_item_id"
    assert error.param == "previous_item_id"


def test_an_id_can_be_had_once() -> None:
    session = opened(create(text("1", id="mine")))
    assert refusal(tell(session, create(text("2", id="mine")))).param == "item.id"


def test_the_ids_of_an_answer_are_its_own_before_its_items_come() -> None:
    session = ServerProtocol(paced=True, script=[["one two", "three"]])
    session.open()
    first = only(r.ResponseOutputItemAdded, tell(session, RESPOND)).item.id
    second = f"item_{int(first.removeprefix('item_')) + 1:08}"
    assert "already exists" in refusal(tell(session, create(text("mine", id=second)))).message
    rest: list[r.ServerEvent] = []
    while session.is_responding:
        rest += session.advance()
    assert only(r.ResponseOutputItemAdded, rest).item.id == second
    assert "already exists" in refusal(tell(session, create(text("mine", id=second)))).message
    tell(session, r.ConversationItemDelete(item_id=second))
    assert types(tell(session, create(text("mine", id=second))))[0] == "conversation.item.added"


def test_the_id_of_a_turn_is_its_own_before_the_turn_is_over() -> None:
    session = opened(formats(vad=r.ServerVad()))
    started = only(r.InputAudioBufferSpeechStarted, tell(session, append(tone(PCM16, 500))))
    assert "already exists" in refusal(tell(session, create(text("mine", id=started.item_id)))).message
    told = tell(session, append(PCM16.silence(1000)))
    assert only(r.InputAudioBufferCommitted, told).item_id == started.item_id


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
def test_an_item_that_cannot_be(item: bytes, param: str) -> None:
    error = refusal(opened().feed(b'{"type":"conversation.item.create","event_id":"e1","item":%b}' % item))
    assert (error.param, error.event_id) == (param, "e1")


def test_audio_in_an_item_is_answered_and_shown_on_request_only() -> None:
    audio = tone(ULAW, 200)
    session = opened(formats(ULAW))
    item = r.MessageItem(role="user", content=[r.InputAudio(audio=audio)])
    added = tell(session, create(item))[0].item
    assert not added.content[0].audio
    retrieved = only(r.ConversationItemRetrieved, tell(session, r.ConversationItemRetrieve(item_id=added.id)))
    assert retrieved.item.content[0].audio == audio
    events = tell(session, RESPOND)
    assert b"".join(e.delta for e in events if isinstance(e, r.ResponseOutputAudioDelta)) == audio


def test_deleted_is_gone() -> None:
    session = opened(create(text("1", id="a")), create(text("2", id="b")))
    (deleted,) = tell(session, r.ConversationItemDelete(item_id="a"))
    assert (deleted.type, deleted.item_id) == ("conversation.item.deleted", "a")
    assert refusal(tell(session, r.ConversationItemDelete(item_id="a"))).code == "item_delete_invalid_item_id"
    assert (
        refusal(tell(session, r.ConversationItemRetrieve(item_id="a"))).code
        == "item_retrieve_invalid_item_id"
    )
    assert tell(session, create(text("3")))[0].previous_item_id == "b"


def test_the_oldest_items_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_ITEMS", 3)
    session = opened(*(create(text(name, id=name)) for name in "abcd"))
    assert refusal(tell(session, r.ConversationItemRetrieve(item_id="a"))).param == "item_id"
    assert types(tell(session, r.ConversationItemRetrieve(item_id="b"))) == ["conversation.item.retrieved"]


def test_too_much_audio_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_AUDIO_BYTES", 3 * PCM16.chunk_bytes(200))
    session = opened(formats())
    first = tell(session, append(tone(PCM16, 200)), COMMIT)[0].item_id
    tell(session, RESPOND, append(tone(PCM16, 200)), COMMIT, RESPOND)
    assert refusal(tell(session, r.ConversationItemRetrieve(item_id=first))).param == "item_id"


# --- Truncating ----------------------------------------------------------------------


def cut(item_id: str, ms: int, part: int = 0) -> r.ConversationItemTruncate:
    return r.ConversationItemTruncate(item_id=item_id, content_index=part, audio_end_ms=ms, event_id="cut")


def answered(paced: bool = False) -> tuple[ServerProtocol, str]:
    """A session that has given an answer of 1 s, and the answer's item."""
    session = opened(formats(), append(tone(PCM16, 1000)), COMMIT, paced=paced)
    events = tell(session, RESPOND)
    return session, only(r.ResponseOutputItemAdded, events).item.id


@pytest.mark.parametrize("ms", [0, 1, 550, 1000])
def test_truncated_to_what_was_heard(ms: int) -> None:
    session, item_id = answered()
    (event,) = tell(session, cut(item_id, ms))
    assert event.type == "conversation.item.truncated"
    assert (event.item_id, event.content_index, event.audio_end_ms) == (item_id, 0, ms)
    part = only(
        r.ConversationItemRetrieved, tell(session, r.ConversationItemRetrieve(item_id=item_id))
    ).item.content[0]
    assert part.audio == tone(PCM16, 1000)[: PCM16.chunk_bytes(ms)]
    # The text goes: nobody knows how much of it was heard.
    assert not part.transcript


@pytest.mark.parametrize(
    ("ms", "part", "param"),
    [
        (1001, 0, "audio_end_ms"),
        (-1, 0, "audio_end_ms"),
        (10**12, 0, "audio_end_ms"),
        (0, 1, "content_index"),
        (0, -1, "content_index"),
    ],
)
def test_truncated_where_there_is_nothing(ms: int, part: int, param: str) -> None:
    session, item_id = answered()
    error = refusal(tell(session, cut(item_id, ms, part)))
    assert (error.code, error.param, error.event_id) == ("invalid_value", param, "cut")


def test_what_was_cut_cannot_be_cut_later() -> None:
    session, item_id = answered()
    tell(session, cut(item_id, 500))
    assert "500ms is already shorter than 501ms" in refusal(tell(session, cut(item_id, 501))).message


def test_only_the_assistants_audio_is_truncated() -> None:
    session = opened(create(text("1", id="a")))
    assert refusal(tell(session, cut("a", 0))).param == "item_id"
    assert refusal(tell(session, cut("nobody", 0))).code == "item_truncate_invalid_item_id"


def test_truncated_while_it_is_spoken() -> None:
    session, item_id = answered(paced=True)
    session.advance()
    session.advance()
    assert "200ms" in refusal(tell(session, cut(item_id, 201))).message
    assert types(tell(session, cut(item_id, 150))) == ["conversation.item.truncated"]
    # The client heard no more: the answer is over.
    assert "response.output_audio.delta" not in types(session.advance())
    assert not session.is_responding
    part = only(
        r.ConversationItemRetrieved, tell(session, r.ConversationItemRetrieve(item_id=item_id))
    ).item.content[0]
    assert part.audio == tone(PCM16, 1000)[: PCM16.chunk_bytes(150)]
