"""Rules after the end of a session, without a connection: decisions, backoff, and what is sent again."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.cli.demo_reconnect import (
    RetryBackoff,
    RetryDecision,
    UnansweredTurn,
    decide_on_close,
    decide_on_error,
    decide_on_status,
    resume_events,
    words_played,
)
from realtime.state import Conversation
from realtime.testing import ServerProtocol

ULAW = r.AudioFormat.G711_ULAW


@pytest.mark.parametrize(
    ("type", "code", "decision"),
    [
        ("invalid_request_error", "session_expired", RetryDecision.RECONNECT),
        ("invalid_request_error", "beta_api_shape_disabled", RetryDecision.GIVE_UP),
        ("invalid_request_error", "invalid_api_key", RetryDecision.GIVE_UP),
        ("authentication_error", None, RetryDecision.GIVE_UP),
        ("insufficient_quota", "insufficient_quota", RetryDecision.GIVE_UP),
        ("server_error", None, RetryDecision.CONTINUE),
        ("invalid_request_error", "input_audio_buffer_commit_empty", RetryDecision.CONTINUE),
        ("", "", RetryDecision.CONTINUE),
    ],
)
def test_errors(type: str, code: str | None, decision: RetryDecision) -> None:
    assert decide_on_error(r.ErrorDetail(type=type, code=code, message="")) is decision


def test_closes() -> None:
    retried = {code for code in range(1000, 5000) if decide_on_close(code) is RetryDecision.RECONNECT}
    assert retried == {1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014}
    assert {decide_on_close(code) for code in range(1000, 5000)} == {
        RetryDecision.RECONNECT,
        RetryDecision.GIVE_UP,
    }


def test_statuses() -> None:
    retried = {status for status in range(300, 600) if decide_on_status(status) is RetryDecision.RECONNECT}
    assert retried == {408, 429, *range(500, 600)}


# --- Backoff -------------------------------------------------------------------------


def test_delays_double_up_to_a_maximum_and_end() -> None:
    backoff = RetryBackoff(8, 0.25, 4.0)
    assert [backoff.next_delay() for _ in range(10)] == [0.25, 0.5, 1, 2, 4, 4, 4, 4, None, None]
    backoff.reset()
    assert (backoff.attempts, backoff.next_delay()) == (0, 0.25)


def test_many_attempts_never_exceed_the_maximum() -> None:
    backoff = RetryBackoff(5000)
    assert max(backoff.next_delay() or 0 for _ in range(5000)) == 8.0


def test_no_retries() -> None:
    assert RetryBackoff(0).next_delay() is None


# --- Words that were played ----------------------------------------------------------


@pytest.mark.parametrize(
    ("played_ms", "words"),
    [(0, ""), (399, ""), (400, "We"), (1199, "We are"), (1200, "We are open"), (9e9, "We are open")],
)
def test_words_played(played_ms: float, words: str) -> None:
    assert words_played("We  are\nopen", played_ms) == words


@given(st.text(), st.floats(0, 1e6))
def test_words_played_are_a_prefix(text: str, played_ms: float) -> None:
    words = words_played(text, played_ms).split()
    assert words == text.split()[: len(words)]
    assert len(words) * 400 <= played_ms


# --- What a new session is sent ------------------------------------------------------


def message(item_id: str, role: str, text: str) -> r.ConversationItemDone:
    part = r.InputText(text=text) if role == "user" else r.OutputText(text=text)
    return r.ConversationItemDone(item=r.MessageItem(id=item_id, role=role, content=[part]))


def conversation(*items: tuple[str, str, str]) -> Conversation:
    made = Conversation()
    made.feed(r.SessionUpdate(session=r.create_session_config(format="g711_ulaw")))
    for item in items:
        made.feed(message(*item))
    return made


def described(events: tuple[r.ClientEvent, ...]) -> list[str]:
    """Return each event's type; of an item, its id, its part's type and its text."""
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
    ("items", "unanswered", "sent"),
    [
        ((), [], []),
        (HELLO, [], ["u1 input_text: Hello?", "a1 output_text: Hello!"]),
        (
            (*HELLO, ASK),
            [UnansweredTurn("u2", AUDIO, "When?")],
            ["u1 input_text: Hello?", "a1 output_text: Hello!", "u2 input_audio: When?", "response.create"],
        ),
        ((), [UnansweredTurn("u2", AUDIO)], ["u2 input_audio: ", "response.create"]),
        (
            (ASK,),
            [UnansweredTurn("u2", AUDIO, "When?", "a2", "At")],
            ["u2 input_audio: When?", "a2 output_text: At", "response.create"],
        ),
        (
            (ASK,),
            [UnansweredTurn("u2", AUDIO, "When?", "a2", "At nine.", is_answered=True)],
            ["u2 input_audio: When?", "a2 output_text: At nine."],
        ),
        (
            (),
            [UnansweredTurn("u1", AUDIO), UnansweredTurn("u2", AUDIO)],
            ["u1 input_audio: ", "u2 input_audio: ", "response.create"],
        ),
        ((), [UnansweredTurn("x" * 33, AUDIO)], ["- input_audio: ", "response.create"]),
        ((), [UnansweredTurn("", AUDIO)], ["- input_audio: ", "response.create"]),
    ],
)
def test_events_sent_to_a_new_session(
    items: tuple[tuple[str, str, str], ...], unanswered: list[UnansweredTurn], sent: list[str]
) -> None:
    hello, *rest = described(resume_events(conversation(*items), unanswered))
    assert hello == "session.update"
    assert rest == sent


@given(st.lists(st.sampled_from(["user", "assistant"]), max_size=6), st.integers(0, 3), st.booleans())
def test_loopback_session_accepts_the_events(roles: list[str], waiting: int, is_answered: bool) -> None:
    made = conversation(*((f"item_{index:08}", role, "word " * index) for index, role in enumerate(roles)))
    users = [f"item_{index:08}" for index, role in enumerate(roles) if role == "user"]
    unanswered = [
        UnansweredTurn(item_id, AUDIO, "", f"a{item_id}", "Yes", is_answered) for item_id in users[:waiting]
    ]
    session = ServerProtocol()
    session.open()
    events = [event for sent in resume_events(made, unanswered) for event in session.feed(r.encode(sent))]
    assert "error" not in {event.type for event in events}
    is_requested = bool(unanswered) and not is_answered
    assert [event.type for event in events].count("response.done") == is_requested
    audio = b"".join(event.delta for event in events if isinstance(event, r.ResponseOutputAudioDelta))
    # The answer is to the last turn.
    assert not is_requested or audio == AUDIO or users[-1] not in {turn.item_id for turn in unanswered}
