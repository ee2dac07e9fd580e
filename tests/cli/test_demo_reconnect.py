"""What follows from the end of a session, without any connection: the tables, the waits, what is said again."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.cli._reconnect import (
    Means,
    Retries,
    Unanswered,
    of_close,
    of_error,
    of_status,
    resumption,
    words_heard,
)
from realtime.state import Conversation
from realtime.testing import Loopback

ULAW = r.AudioFormat.G711_ULAW


@pytest.mark.parametrize(
    ("type", "code", "means"),
    [
        ("invalid_request_error", "session_expired", Means.RECONNECT),
        ("invalid_request_error", "beta_api_shape_disabled", Means.GIVE_UP),
        ("invalid_request_error", "invalid_api_key", Means.GIVE_UP),
        ("authentication_error", None, Means.GIVE_UP),
        ("insufficient_quota", "insufficient_quota", Means.GIVE_UP),
        ("server_error", None, Means.GO_ON),
        ("invalid_request_error", "input_audio_buffer_commit_empty", Means.GO_ON),
        ("", "", Means.GO_ON),
    ],
)
def test_errors(type: str, code: str | None, means: Means) -> None:
    assert of_error(r.ErrorDetail(type=type, code=code, message="")) is means


def test_closes() -> None:
    """All codes there are."""
    again = {code for code in range(1000, 5000) if of_close(code) is Means.RECONNECT}
    assert again == {1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014}
    assert {of_close(code) for code in range(1000, 5000)} == {Means.RECONNECT, Means.GIVE_UP}


def test_statuses() -> None:
    again = {status for status in range(300, 600) if of_status(status) is Means.RECONNECT}
    assert again == {408, 429, *range(500, 600)}


# --- Retries -------------------------------------------------------------------------


def test_waits_grow_and_end() -> None:
    retries = Retries(8, 0.25, 4.0)
    assert [retries.next() for _ in range(10)] == [0.25, 0.5, 1, 2, 4, 4, 4, 4, None, None]
    retries.worked()
    assert (retries.tried, retries.next()) == (0, 0.25)


def test_a_great_many_retries_wait_no_longer_than_the_longest() -> None:
    retries = Retries(5000)
    assert max(retries.next() or 0 for _ in range(5000)) == 8.0


def test_no_retries() -> None:
    assert Retries(0).next() is None


# --- What was heard ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard_ms", "words"),
    [(0, ""), (399, ""), (400, "We"), (1199, "We are"), (1200, "We are open"), (9e9, "We are open")],
)
def test_words_that_were_heard(heard_ms: float, words: str) -> None:
    assert words_heard("We  are\nopen", heard_ms) == words


@given(st.text(), st.floats(0, 1e6))
def test_what_was_heard_is_the_beginning(text: str, heard_ms: float) -> None:
    words = words_heard(text, heard_ms).split()
    assert words == text.split()[: len(words)]
    assert len(words) * 400 <= heard_ms


# --- What a new session is told ------------------------------------------------------


def message(item_id: str, role: str, text: str) -> r.ConversationItemDone:
    part = r.InputText(text=text) if role == "user" else r.OutputText(text=text)
    return r.ConversationItemDone(item=r.MessageItem(id=item_id, role=role, content=[part]))


def conversation(*items: tuple[str, str, str]) -> Conversation:
    made = Conversation()
    made.feed(r.SessionUpdate(session=r.create_session_config(format="g711_ulaw")))
    for item in items:
        made.feed(message(*item))
    return made


def told(events: tuple[r.ClientEvent, ...]) -> list[str]:
    """Each event in a word: its type, or whose item it is and how it comes."""
    words = []
    for event in events:
        if isinstance(event, r.ConversationItemCreate):
            assert isinstance(event.item, r.MessageItem)
            (part,) = event.item.content
            words.append(f"{event.item.id or '-'} {part.type}: {part.text or part.transcript or ''}")
        else:
            words.append(event.type)
    return words


HELLO = (("u1", "user", "Hello?"), ("a1", "assistant", "Hello!"))
ASK = ("u2", "user", "When?")
AUDIO = ULAW.silence(200)


@pytest.mark.parametrize(
    ("items", "unanswered", "says"),
    [
        ((), [], []),
        (HELLO, [], ["u1 input_text: Hello?", "a1 output_text: Hello!"]),
        (
            (*HELLO, ASK),
            [Unanswered("u2", AUDIO, "When?")],
            ["u1 input_text: Hello?", "a1 output_text: Hello!", "u2 input_audio: When?", "response.create"],
        ),
        ((), [Unanswered("u2", AUDIO)], ["u2 input_audio: ", "response.create"]),
        (
            (ASK,),
            [Unanswered("u2", AUDIO, "When?", "a2", "At")],
            ["u2 input_audio: When?", "a2 output_text: At", "response.create"],
        ),
        (
            (ASK,),
            [Unanswered("u2", AUDIO, "When?", "a2", "At nine.", is_answered=True)],
            ["u2 input_audio: When?", "a2 output_text: At nine."],
        ),
        (
            (),
            [Unanswered("u1", AUDIO), Unanswered("u2", AUDIO)],
            ["u1 input_audio: ", "u2 input_audio: ", "response.create"],
        ),
        ((), [Unanswered("x" * 33, AUDIO)], ["- input_audio: ", "response.create"]),
        ((), [Unanswered("", AUDIO)], ["- input_audio: ", "response.create"]),
    ],
)
def test_a_new_session_is_told(
    items: tuple[tuple[str, str, str], ...], unanswered: list[Unanswered], says: list[str]
) -> None:
    hello, *rest = told(resumption(conversation(*items), unanswered))
    assert hello == "session.update"
    assert [*rest] == says


@given(st.lists(st.sampled_from(["user", "assistant"]), max_size=6), st.integers(0, 3), st.booleans())
def test_the_loopback_session_takes_all_of_it(roles: list[str], waiting: int, is_answered: bool) -> None:
    made = conversation(*((f"item_{index:08}", role, "word " * index) for index, role in enumerate(roles)))
    users = [f"item_{index:08}" for index, role in enumerate(roles) if role == "user"]
    unanswered = [
        Unanswered(item_id, AUDIO, "", f"a{item_id}", "Yes", is_answered) for item_id in users[:waiting]
    ]
    session = Loopback()
    session.open()
    events = [event for sent in resumption(made, unanswered) for event in session.receive(r.encode(sent))]
    assert "error" not in {event.type for event in events}
    asked = bool(unanswered) and not is_answered
    assert [event.type for event in events].count("response.done") == asked
    audio = b"".join(event.delta for event in events if isinstance(event, r.ResponseOutputAudioDelta))
    # The answer is to what was said last.
    assert not asked or audio == AUDIO or users[-1] not in {turn.item_id for turn in unanswered}
