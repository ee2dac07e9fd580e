"""Scripts: messages, calls and failures in order, and values that are not scripts."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

import realtime as r
from realtime.audio import convert
from realtime.format import OPENAI_FORMATS
from realtime.testing import Call, Fail, Say, ServerProtocol, Turn
from tests.testing.helpers import (
    COMMIT,
    PCM16,
    RESPOND,
    ULAW,
    append,
    audio_of,
    exchange,
    formats,
    only,
    tone,
    type_runs,
    types,
    update,
)

TEXT = update(output_modalities=["text"])


def playing(script: Any, *events: r.ClientEvent, paced: bool = False) -> ServerProtocol:
    session = ServerProtocol(script=script, paced=paced)
    session.open()
    assert "error" not in types(exchange(session, *events))
    return session


def transcript_of(events: list[Any]) -> str:
    return str(only(r.ResponseOutputAudioTranscriptDone, events).transcript)


def test_replies_are_played_in_order_before_the_echo() -> None:
    session = playing(["one", Say("two")], formats(), append(tone(PCM16, 200)), COMMIT)
    assert [transcript_of(exchange(session, RESPOND)) for _ in range(3)] == [
        "one",
        "two",
        "That was 0.20 seconds of audio.",
    ]


def test_every_session_plays_a_script_from_its_beginning() -> None:
    script = ["one", "two"]
    assert [transcript_of(exchange(playing(script, formats()), RESPOND)) for _ in range(2)] == ["one", "one"]


@pytest.mark.parametrize("fmt", OPENAI_FORMATS, ids=str)
def test_audio_is_converted_to_the_format_of_the_response(fmt: r.AudioFormat) -> None:
    audio = tone(ULAW, 300)
    session = playing([Say("Hello.", audio, "pcmu")], formats(fmt))
    assert audio_of(exchange(session, RESPOND)) == convert(audio, ULAW, fmt)


def test_words_without_audio_are_silence() -> None:
    assert audio_of(exchange(playing(["a b c"], formats(ULAW)), RESPOND)) == ULAW.silence(900)


def test_a_text_response_contains_only_the_text() -> None:
    session = playing([Say("Hello there.", tone(PCM16, 300))], TEXT)
    events = exchange(session, RESPOND)
    assert only(r.ResponseOutputTextDone, events).text == "Hello there."
    assert audio_of(events) == b""


CALL_ORDER = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


def test_a_call_and_its_output() -> None:
    script = [Call("weather", {"city": "Tallinn now"}), "It is cold."]
    session = playing(script, TEXT)
    events = exchange(session, RESPOND)
    assert type_runs(events) == CALL_ORDER
    done = only(r.ResponseFunctionCallArgumentsDone, events)
    pieces = [event.delta for event in events if isinstance(event, r.ResponseFunctionCallArgumentsDelta)]
    assert "".join(pieces) == done.arguments == '{"city":"Tallinn now"}'
    assert len(pieces) > 1
    (item,) = events[-1].response.output
    assert (item.type, item.name, item.call_id, item.status) == (
        "function_call", "weather", done.call_id, "completed",
    )  # fmt: skip
    assert item.arguments == done.arguments
    events = exchange(session, r.create_function_output(done.call_id, '"-7"'), RESPOND)
    assert only(r.ResponseOutputTextDone, events).text == "It is cold."


def test_a_message_before_a_call_is_an_item_of_its_own() -> None:
    session = playing([["Let me see.", Call("weather", call_id="call_7"), Call("time")]], formats(ULAW))
    events = exchange(session, RESPOND)
    items = [event.item for event in events if isinstance(event, r.ResponseOutputItemDone)]
    assert [item.type for item in items] == ["message", "function_call", "function_call"]
    assert items[1].call_id == "call_7"
    assert [item.id for item in events[-1].response.output] == [item.id for item in items]
    indexes = [event.output_index for event in events if isinstance(event, r.ResponseOutputItemAdded)]
    assert indexes == [0, 1, 2]
    befores = [event.previous_item_id for event in events if isinstance(event, r.ConversationItemAdded)]
    assert befores == [None, items[0].id, items[1].id]
    assert audio_of(events) == ULAW.silence(900)


def test_a_paced_reply_continues_with_its_calls() -> None:
    session = playing([["Let me see.", Call("weather")]], formats(), paced=True)
    assert "function_call" not in str(types(exchange(session, RESPOND)))
    rest: list[Any] = []
    while session.is_responding:
        rest += session.advance()
    assert type_runs(rest)[-6:] == CALL_ORDER[3:]


def test_a_cancelled_reply_sends_no_more_items() -> None:
    session = playing([["Let me see.", Call("weather")]], formats(), paced=True)
    exchange(session, RESPOND)
    response = exchange(session, r.ResponseCancel())[-1].response
    assert [item.type for item in response.output] == ["message"]
    assert response.output[0].status == "incomplete"


def test_the_token_limit_covers_all_messages() -> None:
    session = playing([["one two", "three"]], formats())
    request = r.ResponseCreate(response=r.ResponseParams(max_output_tokens=13))
    events = exchange(session, request)
    assert audio_of(events) == PCM16.silence(650)
    assert events[-1].response.status == "incomplete"
    again = playing([["one two", "three"]], formats())
    assert exchange(again, r.ResponseCreate(response=r.ResponseParams(max_output_tokens=18)))[
        -1
    ].response.status == ("completed")


def test_a_failure_ends_the_response() -> None:
    session = playing([Fail(), ["Well,", Fail("x", "no", "y"), "never"]], formats())
    events = exchange(session, RESPOND)
    assert types(events) == ["response.created", "rate_limits.updated", "response.done"]
    response = events[-1].response
    assert (response.status, response.output) == ("failed", [])
    assert response.status_details.error.code == "server_error"
    response = exchange(session, RESPOND)[-1].response
    assert (response.status, len(response.output)) == ("failed", 1)
    assert response.status_details.error == r.StatusError(type="y", code="x", message="no")


def test_a_function_is_called_with_each_turn() -> None:
    turns: list[Turn] = []

    def answer(turn: Turn) -> str | None:
        turns.append(turn)
        return turn.text.upper() or None

    session = playing(answer, formats(), r.create_text_input("hello"))
    assert transcript_of(exchange(session, RESPOND)) == "HELLO"
    audio = tone(PCM16, 200)
    assert audio_of(exchange(session, append(audio), COMMIT, RESPOND)) == audio
    assert [(turn.text, turn.audio) for turn in turns] == [("hello", b""), ("", audio)]
    assert turns[1].format is PCM16


@pytest.mark.parametrize(
    "script",
    [
        "words",
        b"bytes",
        bytearray(),
        7,
        [7],
        [["a", 7]],
        [b"bytes"],
        [None],
        {"one": "two"},
        [{"one": "two"}],
        {"one"},
        itertools.repeat("one"),
        iter(["one"]),
        [iter(["one"])],
        [itertools.repeat("one")],
    ],
    ids=lambda script: repr(script).partition(" at 0x")[0],  # the same in all processes of a run
)
def test_an_invalid_script_is_a_type_error(script: Any) -> None:
    with pytest.raises(TypeError, match=r"script|reply"):
        ServerProtocol(script=script)


def test_a_function_that_returns_no_reply_raises() -> None:
    session = playing(lambda turn: 7, formats())
    with pytest.raises(TypeError, match="not of int"):
        exchange(session, RESPOND)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Say(7), TypeError),  # type: ignore[arg-type]
        (lambda: Say("x", 7), TypeError),
        (lambda: Say("x", "AAAA"), TypeError),
        (lambda: Say("x", b"\0"), r.AudioError),
        (lambda: Say("x", b"", "mp3"), r.ConfigError),  # type: ignore[arg-type]
        (lambda: Call(7), TypeError),  # type: ignore[arg-type]
        (lambda: Call("f", 7), TypeError),  # type: ignore[arg-type]
        (lambda: Call("f", call_id=3), TypeError),  # type: ignore[arg-type]
        (lambda: Call("f", {"x": object()}), TypeError),
        (lambda: Call("f", {"x": "\ud800"}), r.ConfigError),
        (lambda: Call("f", '"\ud800"'), r.ConfigError),
        (lambda: Call("\ud800"), r.ConfigError),
        (lambda: Call("f", call_id="\ud800"), r.ConfigError),
        (lambda: Say("\ud800"), r.ConfigError),
        (lambda: Fail(code=3), TypeError),  # type: ignore[arg-type]
        (lambda: Fail(message="\ud800"), r.ConfigError),
        (lambda: Fail(type=None), TypeError),  # type: ignore[arg-type]
    ],
)
def test_invalid_parts_raise(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_parts_have_a_repr_and_json() -> None:
    assert repr(Say("Hi", b"\xff" * 8, "pcmu")) == "Say('Hi', <8 bytes>, 'g711_ulaw')"
    assert repr(Say("Hi")) == "Say('Hi')"
    assert msgspec.json.decode(Call("f", {"a": [1]}).json) == {"a": [1]}
    assert Call("f", "{ }").json == "{ }"
    assert Call("f", "no JSON").json == "no JSON"
    assert repr(Call("f")) == "Call(name='f', arguments='{}', call_id=None)"
    assert Call("f", {"a": 1}) == Call("f", {"a": 1})


def test_a_call_does_not_change_with_its_arguments() -> None:
    arguments = {"a": 1}
    call = Call("f", arguments)
    arguments["a"] = 2
    assert call.json == '{"a":1}'
