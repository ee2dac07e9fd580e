"""ClientProtocol: states, what is sent, interruptions, ends at any frame, and hostile input."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.audio import convert
from realtime.client import (
    ClientProtocol,
    ClientState,
    Connect,
    Connected,
    ConnectFailed,
    Expiring,
    GiveUp,
    Interrupted,
    Overflow,
    Reconnecting,
    RequestFailed,
    ResponseDelayed,
    ResponseOutcome,
    Resumed,
    RetryPolicy,
    Run,
    SendQueueFull,
    SessionClosed,
    SessionLost,
    SessionRefused,
    SettingsDiffer,
    SpendLimitReached,
    ToolCalled,
    Undecodable,
    Wait,
)
from realtime.client.protocol import MAX_OUTBOX
from realtime.live import LiveSession
from realtime.providers import PROVIDERS
from realtime.state import Toolbox
from realtime.testing import Call, Fail, Say, Turn
from tests.client.world import START, World, answer_tools, settings
from tests.testing.helpers import PCM16, ULAW, tone

MANUAL: dict[str, Any] = {"turn_detection": None}


def kinds(events: list[Any]) -> list[Any]:
    return [event.type for event in events]


def ready(script: Any = None, **options: Any) -> World:
    world = World(script, **options)
    world.settle()
    assert world.client.state is ClientState.RUNNING
    return world


def send(world: World, event: Any) -> str:
    event_id = world.client.send(event, world.now)
    world.settle()
    return event_id


# --- Connecting ----------------------------------------------------------------------


def test_a_session_is_opened() -> None:
    world = World()
    assert isinstance(world.client.next_action(START), Connect)
    world.settle()
    assert isinstance(world.client.next_action(START), Run)
    assert kinds(world.received[0]) == ["session.update"]
    (connected,) = world.of(Connected)
    assert connected.connections == 1
    assert connected.session is world.client.session
    assert not world.of(Resumed)


def test_without_settings_the_session_is_ready_when_it_is_created() -> None:
    world = ready(session=None)
    assert not world.received[0]
    assert world.client.input_format is r.AudioFormat.PCM16


def test_tools_are_added_to_the_settings() -> None:
    box = Toolbox(lambda_tool)
    world = ready(tools=box)
    assert [tool.name for tool in world.received[0][0].session.tools] == ["lambda_tool"]
    assert world.client.toolbox is box
    assert ready(session=None, tools=box.tools).received[0][0].session.tools == box.tools


def lambda_tool(city: str) -> str:
    """Do nothing."""
    return city


def test_a_network_that_cannot_be_reached_is_tried_again_only_after_a_first_connection() -> None:
    client = ClientProtocol()
    client.connection_lost(START, error=OSError("refused"))
    end = client.next_action(START)
    assert isinstance(end, GiveUp)
    assert isinstance(end.error, ConnectFailed)
    assert end.error.is_retryable
    world = ready()
    world.cut()
    world.now += 1
    world.client.tick(world.now)
    world.client.connection_lost(world.now, error=OSError("refused"))
    assert isinstance(world.client.next_action(world.now), Wait)


@pytest.mark.parametrize(
    ("end", "action"),
    [
        ({"code": 1001}, Wait), ({"code": 1006}, Wait), ({"code": 1008}, GiveUp), ({"code": 4000}, GiveUp),
        ({"status": 503}, Wait), ({"status": 401}, GiveUp), ({"status": 429, "retry_after_s": 7.0}, Wait),
        ({"status": 429, "retry_after_s": 700.0}, GiveUp), ({"error": ValueError("no url")}, GiveUp),
        ({"error": ConnectionResetError()}, Wait), ({}, Wait),
    ],
)  # fmt: skip
def test_the_policy_decides(end: dict[str, Any], action: type) -> None:
    world = ready()
    world.client.connection_lost(world.now, **end)
    found = world.client.next_action(world.now)
    assert isinstance(found, action)
    if isinstance(found, Wait):
        assert found.seconds == pytest.approx(0.125 + end.get("retry_after_s", 0), abs=1e-4)
    if isinstance(found, GiveUp):
        assert found.error is not None
        assert found.error.is_retryable is (end.get("status") == 429)


def test_the_attempts_end() -> None:
    world = ready(retry=RetryPolicy(max_attempts=2))
    for _ in range(2):
        world.cut()
        world.now += 5
        world.client.tick(world.now)
        world.connect()
    world.cut()
    end = world.client.next_action(world.now)
    assert isinstance(end, GiveUp)
    assert isinstance(end.error, SessionLost)
    assert "no attempts are left" in str(end.error)
    assert [event.attempt for event in world.of(Reconnecting)] == [1, 2]


def test_a_completed_response_allows_all_attempts_again() -> None:
    world = ready(retry=RetryPolicy(max_attempts=1))
    for _ in range(3):
        world.cut()
        world.now += 5
        world.settle()
        send(world, r.ResponseCreate())
    assert world.client.state is ClientState.RUNNING


def test_reconnect_may_be_turned_off() -> None:
    world = ready(reconnect=False)
    world.cut()
    end = world.client.next_action(world.now)
    assert isinstance(end, GiveUp)
    assert isinstance(end.error, SessionLost)
    assert end.error.is_retryable
    assert end.error.code == 1006


def test_a_closed_client_does_nothing() -> None:
    world = ready()
    world.client.close(world.now)
    assert world.client.next_action(world.now) == GiveUp("closed by the client")
    world.client.connected(world.now)
    world.client.receive(b'{"type":"session.created"}', world.now)
    world.client.connection_lost(world.now, code=1006)
    world.client.tick(world.now)
    assert world.client.state is ClientState.CLOSED
    assert world.client.frames_to_send() == []
    for use in (
        lambda: world.client.append(b""),
        lambda: world.client.send(r.ResponseCreate(), world.now),
        lambda: world.client.interrupt(world.now),
    ):
        with pytest.raises(SessionClosed, match="closed by the client"):
            use()


def test_a_connection_that_replaces_another() -> None:
    world = ready()
    send(world, r.create_text_input("hi"))
    world.connect()
    world.settle()
    assert [event.connections for event in world.of(Connected)] == [1, 2]
    assert world.history == [("user", "hi")]


def test_a_silent_server_is_left() -> None:
    world = ready(paced=True, patience_s=10)
    send(world, r.ResponseCreate())
    world.now += 9
    world.client.tick(world.now)
    assert isinstance(world.client.next_action(world.now), Run)
    world.now += 1
    world.client.tick(world.now)
    assert isinstance(world.client.next_action(world.now), Wait)
    world.take()
    assert world.of(Reconnecting)[0].reason == "the server did not finish its response in 10 s"


def test_a_server_that_owes_nothing_may_be_silent() -> None:
    world = ready(patience_s=10)
    for _ in range(10):
        world.now += 100
        world.client.tick(world.now)
    assert world.client.state is ClientState.RUNNING


def test_a_turn_without_a_response_is_no_failure_of_a_server_that_answers() -> None:
    world = ready(patience_s=10)
    world.client.append(tone(ULAW, 500))
    world.client.frames_to_send()
    for event in (
        r.InputAudioBufferSpeechStarted(item_id="i", audio_start_ms=0),
        r.InputAudioBufferSpeechStopped(item_id="i", audio_end_ms=400),
        r.InputAudioBufferCommitted(item_id="i"),
    ):
        world.client.receive_event(event, world.now)
    world.now += 10
    world.settle()
    assert kinds(world.received[-1])[-1] == "session.update"
    assert not world.client.pending_updates
    for _ in range(5):
        world.now += 10
        world.settle()
    assert len(world.servers) == 1
    world.client.receive_event(r.InputAudioBufferSpeechStopped(item_id="j", audio_end_ms=500), world.now)
    world.client.receive_event(r.InputAudioBufferCommitted(item_id="j"), world.now)
    for _ in range(2):  # this time it does not answer
        world.now += 10
        world.client.tick(world.now)
        world.client.frames_to_send()
    assert isinstance(world.client.next_action(world.now), Wait)


def test_a_server_that_does_not_accept_the_settings_is_left() -> None:
    world = World(patience_s=10)
    world.client.connected(START)
    world.client.tick(START + 10)
    world.take()
    assert "accept the session's settings" in world.of(Reconnecting)[0].reason


@pytest.mark.parametrize(
    "options",
    [
        {"patience_s": 0}, {"handover_s": float("inf")}, {"max_events": 0}, {"max_uplink_ms": -1},
        {"max_turn_nbytes": 0}, {"spend_limit_usd": 1}, {"provider": "nobody"},
        {"spend_limit_usd": 1, "price": "no-model"},
    ],
)  # fmt: skip
def test_invalid_arguments(options: dict[str, Any]) -> None:
    with pytest.raises(r.ConfigError):
        ClientProtocol(**options)


def test_settings_that_cannot_be_encoded_are_refused_at_once() -> None:
    with pytest.raises(r.EncodeError):
        ClientProtocol(session=r.RealtimeSession(instructions=3))  # type: ignore[arg-type]


# --- Settings ------------------------------------------------------------------------


def test_an_update_holds_for_later_sessions_and_differences_are_reported() -> None:
    world = ready()
    audio = r.AudioConfig(input=r.AudioInput(transcription=r.Transcription(model="whisper-1")))
    event_id = world.client.send(
        r.SessionUpdate(session=r.RealtimeSession(instructions="Hey", audio=audio)), world.now
    )
    assert world.client.pending_updates == (event_id,)
    world.settle()
    assert not world.client.pending_updates
    world.cut()
    world.now += 1
    world.settle()
    (update,) = [event for event in world.received[-1] if event.type == "session.update"]
    assert update.session.instructions == "Hey"
    assert update.session.model == "gpt-realtime-2"
    assert update.session.audio.input.transcription.model == "whisper-1"
    assert update.session.audio.input.turn_detection.threshold == 0.5
    assert not world.of(SettingsDiffer)


def test_a_refused_update_does_not_hold() -> None:
    world = ready()
    event_id = send(world, r.SessionUpdate(session=r.RealtimeSession(max_output_tokens=-7)))
    (failed,) = world.of(RequestFailed)
    assert failed.request.event_id == failed.error.event_id == event_id
    world.cut()
    world.now += 1
    world.settle()
    assert world.client.state is ClientState.RUNNING


def test_refused_settings_end_the_session() -> None:
    world = World(session=r.RealtimeSession(max_output_tokens=-7))
    world.settle()
    end = world.client.next_action(world.now)
    assert isinstance(end, GiveUp)
    assert isinstance(end.error, SessionRefused)
    assert end.error.error is not None
    assert "max_output_tokens" in str(end.error)


def test_a_format_that_the_server_changes_is_used() -> None:
    world = World(session=settings())
    world.server_options = {"force_format": "pcm16"}
    world.settle()
    (differ,) = world.of(SettingsDiffer)
    assert differ.differences[0].is_audio_format
    assert world.client.input_format is r.AudioFormat.PCM16
    world.client.append(tone(ULAW, 1000), "g711_ulaw")
    world.client.append(ULAW.silence(1000), "g711_ulaw")
    world.settle()
    assert world.of(r.InputAudioBufferCommitted)


# --- Sending -------------------------------------------------------------------------


def test_what_is_sent_before_the_session_is_ready_waits() -> None:
    world = World(session=settings(**MANUAL))
    world.client.append(tone(ULAW, 200))
    world.client.send(r.InputAudioBufferCommit(), START)
    world.client.send(r.ResponseCreate(), START)
    world.settle()
    assert kinds(world.received[0]) == [
        "session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "response.create",
    ]  # fmt: skip
    assert [outcome.status for outcome in world.of(ResponseOutcome)] == ["completed"]


def test_too_much_that_waits_is_refused() -> None:
    client = ClientProtocol()
    for _ in range(MAX_OUTBOX):
        client.send(r.create_text_input("x"), START)
    with pytest.raises(SendQueueFull) as caught:
        client.send(r.create_text_input("x"), START)
    assert caught.value.is_retryable
    client.append(bytes(48_000 * 301))
    (overflow,) = client.events()
    assert overflow == Overflow(audio_ms=1000)


def test_an_event_that_cannot_be_encoded_changes_nothing() -> None:
    world = ready()
    with pytest.raises(r.EncodeError):
        world.client.send(r.ConversationItemDelete(item_id=3), world.now)  # type: ignore[arg-type]
    assert world.client.frames_to_send() == []


def test_events_get_ids_and_are_not_changed() -> None:
    world = ready()
    event = r.create_text_input("hi")
    first, second = send(world, event), send(world, event)
    assert first != second
    assert event == r.create_text_input("hi")
    assert world.history == [("user", "hi"), ("user", "hi")]
    assert send(world, r.ConversationItemRetrieve(event_id="mine", item_id="x")) == "mine"
    assert world.of(RequestFailed)[0].request.event_id == "mine"


def test_an_unknown_event_is_sent_as_it_is() -> None:
    world = ready()
    world.client.send(r.UnknownEvent("x", b'{"type":"x"}'), world.now)
    assert world.client.frames_to_send() == [b'{"type":"x"}']


def test_responses_are_requested_one_after_the_other() -> None:
    world = ready([Say("One."), Say("Two.")], paced=True)
    ids = [world.client.send(r.ResponseCreate(), world.now) for _ in range(2)]
    world.run(2000)
    outcomes = world.of(ResponseOutcome)
    assert [(outcome.request_id, outcome.text) for outcome in outcomes] == [
        (ids[0], "One."), (ids[1], "Two."),
    ]  # fmt: skip
    assert not world.errors


def test_a_commit_that_the_server_refuses_is_sent_again_with_its_audio() -> None:
    world = ready(session=settings(**MANUAL))
    world.client.append(tone(ULAW, 300))
    world.client.send(r.InputAudioBufferCommit(), world.now)
    frames = world.client.frames_to_send()
    refusal = r.ErrorDetail(type="invalid_request_error", code="input_audio_buffer_commit_empty", message="m")
    world.client.receive_event(r.Error(error=refusal), world.now)
    again = [r.decode_client(frame) for frame in world.client.frames_to_send()]
    assert kinds(again) == [
        "input_audio_buffer.clear", "input_audio_buffer.append", "input_audio_buffer.commit",
    ]  # fmt: skip
    assert again[1] == r.decode_client(frames[0])
    assert world.client.events() == []
    world.client.receive_event(r.Error(error=refusal), world.now)  # once is enough
    assert world.client.frames_to_send() == []
    assert kinds(world.client.events()[:1]) == ["error"]
    assert world.client.pending_commits == ()


# --- Tools ---------------------------------------------------------------------------


def weather(turn: Turn) -> Any:
    """Return the reply of a script that calls two tools for speech, and talks about their outputs."""
    if turn.text == "sunny":
        return Say("It is sunny.")
    return [Call("weather", {"city": "A"}, call_id="c1"), Call("weather", {"city": "B"}, call_id="c2")]


def test_all_outputs_of_a_response_lead_to_one_response() -> None:
    world = ready(weather)
    calls = answer_tools(world)
    send(world, r.ResponseCreate())
    assert [call.name for call, _ in calls] == ["weather", "weather"]
    assert [call.call_id for call in world.client.open_calls] == ["c1", "c2"]
    world.run(300)
    assert world.client.open_calls == ()
    assert kinds(world.received[0]).count("response.create") == 2
    assert [outcome.text for outcome in world.of(ResponseOutcome)] == ["", "It is sunny."]
    assert not world.errors


def test_a_tool_may_answer_in_a_later_session() -> None:
    world = ready(weather)
    send(world, r.ResponseCreate())
    calls = [event.call for event in world.of(ToolCalled)]
    world.cut()
    world.client.answer(calls[0], "sunny", world.now)
    world.now += 1
    world.settle()
    world.client.answer(calls[1], "sunny", world.now)
    world.settle()
    assert world.history == [
        ("function_call", "c1"), ("function_call", "c2"), ("function_call_output", "c1"),
        ("function_call_output", "c2"), ("assistant", "It is sunny."),
    ]  # fmt: skip
    assert not world.errors


def test_an_output_without_its_call_is_not_sent() -> None:
    """The call was deleted: a new session would refuse its output."""
    world = ready(weather)
    send(world, r.ResponseCreate())
    call = world.of(ToolCalled)[0].call
    send(world, r.ConversationItemDelete(item_id=str(call.item_id)))
    world.cut()
    world.now += 1
    world.settle()
    world.client.answer(call, "sunny", world.now)
    world.settle()
    assert ("function_call_output", "c1") not in world.history
    assert not world.errors


# --- Interruptions -------------------------------------------------------------------


def interrupted(script: Any, play_ms: float, **options: Any) -> World:
    """Return a world in which the user has interrupted a response after `play_ms` of it."""
    world = ready(script, paced=True, reports_playback=True, **options)
    world.client.send(r.ResponseCreate(), world.now)
    world.run(play_ms)
    world.client.interrupt(world.now)
    world.run(500)
    assert not world.refusals
    return world


def test_what_was_played_in_part_is_truncated() -> None:
    world = interrupted([Say("one two three four five six")], 400)
    (truncate,) = [event for event in world.received[0] if event.type == "conversation.item.truncate"]
    assert 300 <= truncate.audio_end_ms <= 400
    assert world.history == [("assistant", "")]
    (outcome,) = world.of(ResponseOutcome)
    assert (outcome.status, outcome.is_interrupted) == ("cancelled", True)


def test_messages_of_which_nothing_was_heard_are_deleted_when_the_response_is_done() -> None:
    """The second message is announced, its audio never came; the call stays."""
    script = [[Say("one two"), Call("f", {}, call_id="c"), Say("three four five six seven")]]
    world = ready(script, paced=True, reports_playback=True)
    world.client.send(r.ResponseCreate(), world.now)
    world.settle()
    while not any(getattr(e, "output_index", 0) == 2 for e in world.of(r.ResponseOutputItemAdded)):
        assert world.server is not None
        world._reply(world.server.advance())
        world.settle()
    world.client.played(ms=300)
    world.client.interrupt(world.now)
    world.settle()
    assert world.history == [("assistant", ""), ("function_call", "c")]
    assert not world.refusals


def test_text_of_an_interrupted_response_stays() -> None:
    world = ready([Say("one two three")], paced=True, reports_playback=True)
    params = r.ResponseParams(output_modalities=["text"])
    world.client.send(r.ResponseCreate(response=params), world.now)
    world.settle()
    world.client.interrupt(world.now)
    world.settle()
    assert world.history == [("assistant", "one two three")]


def test_the_users_speech_interrupts() -> None:
    world = ready([Say("one two three four five six seven eight")], paced=True, reports_playback=True)
    world.client.send(r.ResponseCreate(), world.now)
    world.run(600)
    world.run(1500, tone(ULAW, 400))
    assert any(event.interruption.truncate for event in world.of(Interrupted))
    assert world.of(ResponseOutcome)[0].is_interrupted
    assert [role for role, _ in world.history] == ["assistant", "user", "assistant"]
    assert not world.refusals


def test_a_request_is_cancelled_when_its_response_begins() -> None:
    world = ready([Say("one two three four")], paced=True, reports_playback=True)
    request_id = world.client.send(r.ResponseCreate(), world.now)
    world.client.interrupt(world.now)
    world.run(300)
    (outcome,) = world.of(ResponseOutcome)
    assert (outcome.status, outcome.request_id) == ("cancelled", request_id)
    assert world.history == []
    assert not world.refusals


@pytest.mark.parametrize("when", ["waiting", "held", "in progress"])
def test_a_request_may_be_cancelled(when: str) -> None:
    world = World([Say("one two three four"), Say("five")], paced=True)
    if when != "waiting":
        world.settle()
    if when == "held":
        world.client.send(r.ResponseCreate(event_id="first"), world.now)
        world.settle()
    request_id = world.client.send(r.ResponseCreate(), world.now)
    if when == "in progress":
        world.settle()
    assert world.client.cancel_request(request_id, world.now) is (when != "in progress")
    world.run(2000)
    outcomes = [(outcome.request_id, outcome.status) for outcome in world.of(ResponseOutcome)]
    assert outcomes == {
        "waiting": [], "held": [("first", "completed")], "in progress": [(request_id, "cancelled")],
    }[when]  # fmt: skip
    assert not world.refusals


def test_late_audio_is_not_given() -> None:
    world = interrupted([Say("one two three four five six")], 200)
    world.seen.clear()
    late = r.ResponseOutputAudioDelta(
        item_id="item_00000002", response_id="resp_00000001", output_index=0, content_index=0, delta=b"abcd"
    )
    world.client.receive_event(late, world.now)
    world.take()
    assert world.seen == []


def test_playback_of_an_earlier_session_is_shortened_in_the_next() -> None:
    """All of the answer had arrived and was queued when the connection ended; the user then interrupts it."""
    world = ready([Say("one two three four five six")], reports_playback=True)
    send(world, r.ResponseCreate())
    world.client.played(ms=900)
    world.cut()
    assert world.of(Reconnecting)[0].interruption is None
    world.now += 1
    world.settle()
    assert world.history == [("assistant", "one two three four five six")]
    interruption = world.client.interrupt(world.now)
    assert interruption.discarded_ms == pytest.approx(900)
    world.settle()
    assert world.history == [("assistant", "one two three")]
    assert not world.errors


# --- Errors, limits ------------------------------------------------------------------


def test_frames_that_cannot_be_decoded_are_reported_and_ignored() -> None:
    world = ready()
    world.client.receive(b'{"type":"response.done"', world.now)
    (found,) = world.client.events()
    assert isinstance(found, Undecodable)
    assert isinstance(world.client.next_action(world.now), Run)


@pytest.mark.parametrize(
    ("code", "action"),
    [("session_expired", Wait), ("insufficient_quota", GiveUp), ("server_error", Run), (None, Run)],
)
def test_errors_of_the_server(code: str | None, action: type) -> None:
    world = ready()
    world.client.receive_event(
        r.Error(error=r.ErrorDetail(type="x", code=code, message="m sk-abcdefgh12345678")), world.now
    )
    found = world.client.next_action(world.now)
    assert isinstance(found, action)
    if isinstance(found, GiveUp):
        assert "sk-abc" not in str(found.error)


def test_a_rate_limit_is_waited_for() -> None:
    fail = Fail("rate_limit_exceeded", "Rate limit reached. Please try again in 2.5s.", "tokens")
    world = ready([fail, Say("Now.")])
    request_id = send(world, r.ResponseCreate())
    assert world.of(ResponseDelayed)[0].delay_s == 2.5
    assert not world.of(ResponseOutcome)
    action = world.client.next_action(world.now)
    assert isinstance(action, Run)
    assert action.tick_in == pytest.approx(2.5)
    world.run(2600)
    (outcome,) = world.of(ResponseOutcome)
    assert (outcome.request_id, outcome.text) == (request_id, "Now.")


def test_a_rate_limit_that_does_not_end_fails() -> None:
    world = ready([Fail("rate_limit_exceeded", "Wait.")] * 9)
    send(world, r.ResponseCreate())
    world.run(20_000)
    assert [event.delay_s for event in world.of(ResponseDelayed)] == [1, 2, 4]
    (outcome,) = world.of(ResponseOutcome)
    assert (outcome.status, outcome.error.code) == ("failed", "rate_limit_exceeded")


def test_the_spend_limit_ends_the_session() -> None:
    world = ready([Say("word " * 200)] * 9, spend_limit_usd=0.02, price="gpt-realtime-2")
    for _ in range(9):
        if world.client.state is ClientState.RUNNING:
            send(world, r.ResponseCreate())
    end = world.client.next_action(world.now)
    assert isinstance(end, GiveUp)
    assert isinstance(end.error, SpendLimitReached)
    assert 0.02 <= world.client.usage.cost("gpt-realtime-2") < 0.2


def test_events_that_are_not_read_are_bounded() -> None:
    world = ready(max_events=10)
    for number in range(50):
        world.client.receive_event(r.InputAudioBufferCleared(event_id=str(number)), world.now)
    events = world.client.events()
    assert len(events) == 11
    assert events[-1] == Overflow(events=40)


def test_usage_counts_all_sessions() -> None:
    world = ready()
    for _ in range(2):
        send(world, r.ResponseCreate())
        world.cut()
        world.now += 1
        world.settle()
    assert world.client.usage.responses.output > 0
    one = ready()
    send(one, r.ResponseCreate())
    assert world.client.usage.responses.output == 2 * one.client.usage.responses.output


def test_a_session_that_the_server_keeps_is_not_restored() -> None:
    world = ready(restores=False)
    send(world, r.create_text_input("hi"))
    world.cut()
    world.now += 1
    world.settle()
    assert not world.of(Resumed)
    assert kinds(world.received[-1]) == ["session.update"]


# --- Ends at any frame ---------------------------------------------------------------


def script(turn: Turn) -> Any:
    """Return a reply by what is said: a call for a short turn, a story for a long one, text for an output."""
    if turn.text == "sunny":
        return Say("It is sunny today and warm, and it will stay so for days.")
    if not turn.audio:
        return Say("?")
    return Call("weather", {}, call_id="c1") if len(turn.audio) < 8 * 1500 else Say("A long story.")


def scripted_call(cut_at: int | None, code: int = 1006) -> tuple[World, list[Any]]:
    """Return a call that ends at a delivery: a turn, a tool in flight, an answer, a barge-in and its answer."""
    world = World(script, paced=True, reports_playback=True)
    world.cuts, world.close_code = [] if cut_at is None else [cut_at], code
    calls = answer_tools(world, delay_ms=200)
    world.run(100)
    world.run(2200, tone(ULAW, 600))
    world.run(7000, tone(ULAW, 1000))
    return world, calls


DELIVERIES = scripted_call(None)[0].deliveries


def check_scripted_call(world: World, calls: list[Any]) -> None:
    assert world.refusals == []
    history = world.history
    assert len(calls) == 1
    assert history[:3] == [("user", ""), ("function_call", "c1"), ("function_call_output", "c1")]
    turns = [index for index, (role, _) in enumerate(history) if role == "user"]
    assert len(turns) == 2
    first, second = history[3 : turns[1]], history[turns[1] + 1 :]
    # The barge-in truncates the first answer; what was heard of one that broke off stands before the rest.
    assert 0 < len(first) <= 2
    assert all(role == "assistant" for role, _ in first + second)
    assert second[-1] == ("assistant", "A long story.")
    assert all("A long story.".startswith(text) for _, text in second)
    assert len(second) <= 2


def test_a_scripted_call_without_an_end() -> None:
    world, calls = scripted_call(None)
    check_scripted_call(world, calls)
    assert len(world.servers) == 1
    assert any(event.interruption.truncate for event in world.of(Interrupted))


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("offset", range(4))
def test_an_end_after_any_frame_loses_and_doubles_nothing(offset: int) -> None:
    step = 32
    for cut_at in range(1 + offset * step // 4, DELIVERIES - step, step):
        world, calls = scripted_call(cut_at, 1001 if offset % 2 else 1006)
        assert len(world.servers) == 2
        check_scripted_call(world, calls)


@pytest.mark.slow
def test_an_end_after_every_frame_loses_and_doubles_nothing() -> None:
    for cut_at in range(1, DELIVERIES - 16):
        check_scripted_call(*scripted_call(cut_at))


@pytest.mark.mostly_slow(quick=4)
@pytest.mark.parametrize("seed", range(12))
def test_several_ends_lose_and_double_nothing(seed: int) -> None:
    """Also before the session is restored, and while tools and a barge-in are in flight."""
    numbers = random.Random(seed)
    world = World(script, paced=True, reports_playback=numbers.random() < 0.7)
    world.cuts = sorted(numbers.sample(range(1, 700), numbers.randint(2, 5)))
    calls = answer_tools(world, delay_ms=200)
    world.run(100)
    world.run(3500, tone(ULAW, 600))
    world.run(9000, tone(ULAW, 1000))
    history = world.history
    assert len(world.servers) > 2
    assert not world.refusals
    assert len(calls) == 1
    roles = [role for role, _ in history]
    assert roles[:3] == ["user", "function_call", "function_call_output"]
    assert (roles.count("user"), roles.count("function_call")) == (2, 1)
    assert history[-1] == ("assistant", "A long story.")
    texts = [text for _, text in history if text.endswith(".")]
    assert len({*texts}) == len(texts)


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("transcription", [None, r.Transcription(model="whisper-1")])
@pytest.mark.parametrize("offset", range(3))
def test_an_end_after_any_frame_of_a_call_without_turn_detection(offset: int, transcription: Any) -> None:
    step = 96
    for cut_at in range(1 + offset * step // 3, 1000, step):
        world = World(
            script,
            paced=True,
            reports_playback=True,
            session=settings(turn_detection=None, transcription=transcription),
        )
        world.cuts = [cut_at]
        calls = answer_tools(world)
        requests: list[str] = []
        for audio in (tone(ULAW, 600), tone(ULAW, 2000)):
            world.run(0, audio)
            world.client.send(r.InputAudioBufferCommit(), world.now)
            requests.append(world.client.send(r.ResponseCreate(), world.now))
            world.run(7000)
        send(world, r.create_text_input("bye"))
        assert len(world.servers) == 2
        assert not world.refusals
        assert len(calls) == 1
        assert [role for role, _ in world.history].count("user") == 3
        assert world.history[-1] == ("user", "bye")
        assert sum(text == "A long story." for _, text in world.history) == 1
        # Each request has one outcome.
        outcomes = [outcome.request_id for outcome in world.of(ResponseOutcome)]
        assert [outcomes.count(request) for request in requests] == [1, 1]


def test_the_answer_that_broke_off_begins_again_after_the_words_that_were_heard() -> None:
    world = ready(
        lambda turn: Say("one two three four five six seven eight"), paced=True, reports_playback=True
    )
    request_id = world.client.send(r.ResponseCreate(), world.now)
    world.run(1000)
    world.cut()
    (reconnecting,) = world.of(Reconnecting)
    assert reconnecting.interruption is not None
    world.run(6000)
    (resumed,) = world.of(Resumed)
    assert len(resumed.estimated) == 1
    assert world.history == [
        ("assistant", "one two"),
        ("assistant", "one two three four five six seven eight"),
    ]
    (outcome,) = world.of(ResponseOutcome)
    assert (outcome.status, outcome.request_id) == ("completed", request_id)


def test_manual_commits_are_sent_again_in_order() -> None:
    world = ready(session=settings(**MANUAL))
    world.client.append(tone(ULAW, 300))
    world.client.send(r.InputAudioBufferCommit(), world.now)
    world.client.append(tone(ULAW, 200))
    world.client.send(r.ResponseCreate(), world.now)
    world.cut()
    world.now += 1
    world.settle()
    sent = kinds(world.received[-1])
    assert sent == [
        "session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "response.create",
        "input_audio_buffer.append",
    ]  # fmt: skip
    assert len(world.received[-1][1].audio) == 2400
    assert not world.errors


# --- Three hours ---------------------------------------------------------------------


def test_a_call_of_three_hours_over_three_expiries() -> None:
    """Each session lasts an hour; every twelve minutes the user says something, which is answered."""
    world = World(lambda turn: Say(f"Answer to {len(turn.audio)} bytes."), paced=False)
    world.lifetime_s = 3600
    turns = 15
    for number in range(turns):
        world.run(2500, tone(ULAW, 400 + 20 * number))
        for _ in range(12 * 60):
            world.now += 1
            world.settle()
    assert len(world.servers) == 4
    assert len(world.of(Expiring)) == 3
    assert all("expires" in event.reason for event in world.of(Reconnecting))
    assert [role for role, _ in world.history] == ["user", "assistant"] * turns
    assert [text for role, text in world.history if role == "assistant"] == [
        outcome.text for outcome in world.of(ResponseOutcome)
    ]
    assert len({text for role, text in world.history if role == "assistant"}) == turns
    assert not world.errors


def test_a_session_is_not_handed_over_while_something_is_going_on() -> None:
    world = World([Call("f", {}, call_id="c")])
    world.lifetime_s = 1000
    world.settle()
    send(world, r.ResponseCreate())
    world.now += 950
    world.settle()
    assert world.of(Expiring)
    assert len(world.servers) == 1
    world.client.answer(world.of(ToolCalled)[0].call, "{}", world.now)
    world.settle()
    world.settle()
    assert len(world.servers) == 2


@pytest.mark.parametrize("lifetime_s", [-10, 0, 1, 3])
def test_a_session_that_expires_at_once_is_not_handed_over_in_a_loop(lifetime_s: float) -> None:
    world = World()
    world.lifetime_s = lifetime_s
    for _ in range(100):
        world.now += 0.01
        world.settle()
    assert len(world.servers) == 1


# --- Hostile input -------------------------------------------------------------------

TYPES = [kind for kind in r.ServerEvent.__args__ if hasattr(kind, "__struct_config__")]
IDS = st.sampled_from(["", "a", "b", "resp_00000001", "item_00000002", "client_1", "gate_1"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | IDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(IDS, inner, max_size=3),
    max_leaves=6,
)
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call", "function_call_output", "x"])},
    optional={
        "id": IDS, "role": st.sampled_from(["user", "assistant", "system"]), "content": st.just([]),
        "call_id": IDS, "name": IDS, "arguments": st.sampled_from(["", "{}", "{"]), "output": IDS,
        "status": st.sampled_from(["completed", "incomplete", "in_progress"]),
    },
)  # fmt: skip
FRAMES = st.fixed_dictionaries(
    {"type": st.sampled_from([kind.__struct_config__.tag for kind in TYPES])},
    optional={
        "event_id": IDS, "item_id": IDS, "response_id": IDS, "call_id": IDS, "previous_item_id": IDS,
        "output_index": st.integers(0, 3), "content_index": st.integers(0, 3), "item": ITEMS,
        "delta": st.sampled_from(["", "AAAA", "x"]), "transcript": IDS, "text": IDS, "name": IDS,
        "arguments": st.sampled_from(["", "{}", "{"]), "audio_start_ms": st.integers(-5, 2**40),
        "audio_end_ms": st.integers(-5, 2**40),
        "error": st.fixed_dictionaries(
            {"type": IDS, "message": IDS},
            optional={
                "event_id": IDS,
                "code": st.sampled_from([
                    "session_expired", "input_audio_buffer_commit_empty", "response_cancel_not_active",
                    "conversation_already_has_active_response", "x",
                ]),
            },
        ),
        "response": st.fixed_dictionaries(
            {"id": IDS},
            optional={
                "status": st.sampled_from(["completed", "failed", "cancelled", "in_progress"]),
                "output": st.lists(ITEMS, max_size=3), "metadata": VALUES, "conversation_id": IDS,
                "status_details": st.just({"type": "failed", "error": {"code": "rate_limit_exceeded"}}),
            },
        ),
        "session": st.sampled_from([
            None, {"type": "realtime", "expires_at": 1_800_000_100},
            {"type": "realtime", "expires_at": -1, "audio": {"input": {"format": {"type": "audio/pcm"}}}},
            {"type": "transcription", "audio": {"input": {"turn_detection": None}}},
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 11_111}}}},
        ]),
    },
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.just("frame"), FRAMES)
    | st.tuples(st.just("raw"), st.binary(max_size=30))
    | st.tuples(st.just("time"), st.floats(0, 100))
    | st.tuples(st.just("lost"), st.sampled_from([{"code": 1006}, {"code": 1001}, {"status": 503}, {}]))
    | st.tuples(st.just("connected"), st.none())
    | st.tuples(st.just("ready"), st.none())
    | st.tuples(st.just("append"), st.binary(max_size=2000))
    | st.tuples(
        st.just("send"),
        st.sampled_from([
            r.ResponseCreate(), r.InputAudioBufferCommit(), r.InputAudioBufferClear(), r.ResponseCancel(),
            r.create_text_input("hi"), r.create_function_output("a", "{}"),
            r.ConversationItemDelete(item_id="a"), r.SessionUpdate(session=r.RealtimeSession()),
            r.ConversationItemTruncate(item_id="a", content_index=0, audio_end_ms=5),
            r.ResponseCreate(response=r.ResponseParams(conversation="none")),
        ]),
    )
    | st.tuples(st.just("interrupt"), st.none())
    | st.tuples(st.just("played"), st.floats(0, 1e6)),
    max_size=40,
)  # fmt: skip


@pytest.mark.parametrize("provider", ["openai", "azure_voice_live"])
@given(steps=STEPS, reports=st.booleans())
def test_nothing_that_arrives_breaks_the_client(provider: Any, steps: list[Any], reports: bool) -> None:
    """Any frames, ends, times and calls, in any order: no exception, every frame encodes, all is bounded."""
    options: dict[str, Any] = {"retry": RetryPolicy(max_attempts=1000), "reports_playback": reports}
    client = ClientProtocol(provider=provider, session=settings(), random=lambda: 0.0, **options)
    client.connected(START)
    now = START
    updated = msgspec.json.encode({"type": "session.updated", "session": {"type": "realtime"}})
    for kind, value in steps:
        if kind == "frame":
            client.receive(msgspec.json.encode(value), now)
        elif kind == "raw":
            client.receive(value, now)
        elif kind == "time":
            now += value
            client.tick(now)
        elif kind == "lost":
            client.connection_lost(now, **value)
        elif kind == "connected":
            client.connected(now)
        elif kind == "ready":
            client.receive(updated, now)
        elif client.state is ClientState.CLOSED:
            continue
        elif kind == "append":
            client.append(value)
        elif kind == "send":
            client.send(value, now)
        elif kind == "interrupt":
            client.interrupt(now)
        elif reports:
            client.played(ms=value)
        action = client.next_action(now)
        assert isinstance(action, Connect | Wait | Run | GiveUp)
        assert (
            not isinstance(action, Wait | Run)
            or getattr(action, "seconds", getattr(action, "tick_in", 0)) >= 0
        )
        for frame in client.frames_to_send():
            assert client.state in (ClientState.OPENING, ClientState.RUNNING)
            client.provider.decode_client(frame)
    client.events()
    repr(client.conversation.items)
    assert client.queued_ms >= 0
    assert client.unsent_ms >= 0


# --- Further guards ------------------------------------------------------------------


def test_a_connection_that_lasted_was_no_failed_attempt() -> None:
    world = ready(retry=RetryPolicy(max_attempts=1))
    for _ in range(3):
        world.now += 61
        world.cut()
        world.now += 5
        world.settle()
    assert world.client.state is ClientState.RUNNING


def test_an_item_that_was_refused_is_not_restored() -> None:
    world = ready()
    part = r.InputText(text="hi")
    send(world, r.ConversationItemCreate(item=r.MessageItem(id="m1", role="user", content=[part])))
    send(world, r.ConversationItemCreate(item=r.MessageItem(id="m2", role="robot", content=[part])))
    assert world.of(RequestFailed)[0].request.item.id == "m2"
    assert [item.id for item in world.client.conversation] == ["m1"]
    world.cut()
    world.now += 1
    world.settle()
    assert world.history == [("user", "hi")]
    assert len(world.errors) == 1


def test_audio_of_answered_turns_with_transcripts_is_forgotten() -> None:
    world = World(session=settings(transcription=r.Transcription(model="whisper-1")))
    world.run(2000, tone(ULAW, 400))
    assert [role for role, _ in world.history] == ["user", "assistant"]
    live = world.client._current
    assert live is not None
    assert not live.turn_audio.by_item
    assert not live.unanswered
    world.cut()
    world.run(500)
    part = world.received[-1][1].item.content[0]
    assert (part.type, part.text) == ("input_text", "(0.90 seconds of speech)")


def test_a_cleared_buffer_is_not_sent_again() -> None:
    world = ready(session=settings(**MANUAL))
    world.client.append(tone(ULAW, 200))
    send(world, r.InputAudioBufferClear())
    world.cut()
    world.now += 1
    world.settle()
    assert kinds(world.received[-1]) == ["session.update"]


def test_an_answer_whose_last_event_is_lost_is_not_requested_again() -> None:
    world = ready([Say("One two.")], paced=True)
    request_id = world.client.send(r.ResponseCreate(), world.now)
    world.settle()
    while not world.of(r.ResponseOutputAudioDone):
        assert world.server is not None
        world._reply(world.server.advance())
        world.deliver()
        while not world.of(r.ResponseOutputAudioDone) and world.deliver():
            pass
    world.cut()
    world.now += 1
    world.settle()
    (outcome,) = world.of(ResponseOutcome)
    assert (outcome.request_id, outcome.status, outcome.reason) == (
        request_id,
        "completed",
        "connection_lost",
    )
    assert world.history == [("assistant", "One two.")]
    assert "response.create" not in kinds(world.received[-1])


def test_the_second_request_for_a_turn_is_not_made_while_the_user_goes_on_speaking() -> None:
    """The response that turn detection begins then answers both."""
    vad = r.ServerVad(interrupt_response=False)
    world = World(lambda turn: Say("word " * 20), paced=True, session=settings(turn_detection=vad))
    world.run(1500, tone(ULAW, 400))
    assert world.client.gate.is_responding
    world.run(0, tone(ULAW, 300))
    world.cut()
    world.run(3000, tone(ULAW, 300))
    created = [event.response.metadata for event in world.of(r.ResponseCreated)]
    assert len(world.servers) == 2
    assert created[-1] is None
    assert not world.refusals


def test_a_call_outside_of_the_conversation_takes_no_output() -> None:
    world = ready([Call("f", {}, call_id="c")])
    send(world, r.ResponseCreate(response=r.ResponseParams(conversation="none")))
    (called,) = world.of(ToolCalled)
    assert called.is_outside
    assert world.client.open_calls == ()
    world.client.answer(called.call, "{}", world.now)
    world.settle()
    assert world.history == []
    assert len(world.client.conversation) == 0


def test_audio_outside_of_the_conversation_is_stopped_and_not_truncated() -> None:
    world = ready([Say("one two three four five")], paced=True, reports_playback=True)
    params = r.ResponseParams(conversation="none")
    world.client.send(r.ResponseCreate(response=params), world.now)
    world.run(400)
    interruption = world.client.interrupt(world.now)
    assert interruption.discarded_ms > 0
    world.run(1000)
    assert not world.errors
    assert not {"conversation.item.truncate", "conversation.item.delete"} & {*kinds(world.received[0])}


def test_a_call_that_was_cut_off_is_not_waited_for() -> None:
    """The first call is answered, the second one was still on its way: the response follows in the next session."""
    world = World(weather)
    world.step()
    while world.client.state is not ClientState.RUNNING:
        world.deliver()
    world.client.send(r.ResponseCreate(), world.now)
    while not (
        world.of(ToolCalled) and any(e.output_index == 1 for e in world.of(r.ResponseOutputItemAdded))
    ):
        world.deliver()
    (called,) = world.of(ToolCalled)
    world.client.answer(called.call, "sunny", world.now)
    world.cut()
    world.now += 1
    world.settle()
    assert world.history == [
        ("function_call", "c1"), ("function_call_output", "c1"), ("assistant", "It is sunny."),
    ]  # fmt: skip
    assert not world.errors


def test_a_format_that_cannot_be_converted_ends_the_session() -> None:
    client = ClientProtocol(session=settings())
    client.append(tone(ULAW, 100))
    client.connected(START)
    wire = r.PcmFormat(rate=11_111)
    audio = r.AudioConfig(input=r.AudioInput(format=wire), output=r.AudioOutput(format=wire))
    client.receive_event(r.SessionUpdated(session=r.RealtimeSessionInfo(audio=audio)), START)
    end = client.next_action(START)
    assert isinstance(end, GiveUp)
    assert isinstance(end.error, SessionRefused)


def test_a_response_outside_of_the_conversation_may_be_cancelled() -> None:
    world = ready([Say("one two three four five")], paced=True)
    params = r.ResponseParams(conversation="none")
    request_id = world.client.send(r.ResponseCreate(response=params), world.now)
    world.run(200)
    assert not world.client.cancel_request(request_id, world.now)
    world.run(200)
    assert [(each.request_id, each.status) for each in world.of(ResponseOutcome)] == [
        (request_id, "cancelled")
    ]


def test_a_request_that_broke_off_may_be_withdrawn_before_the_next_session() -> None:
    world = ready([Say("one two three four five")], paced=True)
    request_id = world.client.send(r.ResponseCreate(), world.now)
    world.run(200)
    world.cut()
    assert world.client.cancel_request(request_id, world.now)
    world.now += 1
    world.settle()
    assert "response.create" not in kinds(world.received[-1])


def test_the_users_own_events_do_the_same_as_the_methods() -> None:
    options: dict[str, Any] = {"reports_playback": True, "session": settings(**MANUAL)}
    world = ready([Say("one two three four five six")], paced=True, **options)
    world.client.send(r.InputAudioBufferAppend(audio=tone(ULAW, 100)), world.now)
    world.settle()
    assert kinds(world.received[0]) == ["session.update", "input_audio_buffer.append"]
    world.client.send(r.ResponseCreate(), world.now)
    world.run(500)
    world.client.send(r.ResponseCancel(), world.now)
    world.settle()
    (outcome,) = world.of(ResponseOutcome)
    assert (outcome.status, outcome.is_interrupted) == ("cancelled", True)
    (item,) = world.client.conversation
    world.client.send(
        r.ConversationItemTruncate(item_id=item.id, content_index=0, audio_end_ms=400), world.now
    )
    world.settle()
    world.cut()
    world.now += 1
    world.settle()
    assert world.of(Resumed)[0].estimated == (item.id,)
    assert world.history == [("assistant", "one")]
    assert not world.errors


def test_a_response_that_crossed_a_request_is_not_taken_for_it() -> None:
    """Before the server has returned any metadata."""
    world = ready()
    request_id = world.client.send(r.ResponseCreate(), world.now)
    world.client.frames_to_send()
    response = r.Response(id="server's", conversation_id="c", status="in_progress")
    world.client.receive_event(r.ResponseCreated(response=response), world.now)
    assert world.client.request_id_of("server's") == request_id
    code = "conversation_already_has_active_response"
    error = r.ErrorDetail(type="x", code=code, message="m", event_id=request_id)
    world.client.receive_event(r.Error(error=error), world.now)
    assert world.client.request_id_of("server's") is None
    world.take()
    assert not world.of(r.Error)


@pytest.mark.parametrize(
    "report", [{"ms": 500}, {"samples": 4000}, {"nbytes": 4000}, {"samples": 8000, "sample_rate": 16000}]
)
def test_what_was_played_may_be_reported_in_any_unit(report: dict[str, Any]) -> None:
    """Also over the sessions: audio of an earlier one is played first."""
    world = ready(lambda turn: Say("one"), reports_playback=True)
    send(world, r.ResponseCreate())
    world.cut()
    world.now += 1
    world.settle()
    send(world, r.ResponseCreate())
    assert world.client.queued_ms == 600
    world.client.played(**report)
    assert world.client.queued_ms == 100
    live = world.client._current
    assert live is not None
    assert live.playback.queued_ms == 100
    with pytest.raises(TypeError):
        world.client.played()


@pytest.mark.parametrize(
    ("report", "error"),
    [
        ({}, TypeError), ({"ms": 1, "nbytes": 1}, TypeError), ({"samples": 1, "ms": 1}, TypeError),
        ({"ms": -1}, r.AudioError), ({"samples": float("nan")}, r.AudioError),
        ({"samples": 1, "sample_rate": 0}, r.AudioError),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_connected", [False, True])
def test_an_invalid_report_of_what_was_played_is_refused(
    report: dict[str, Any], error: type[Exception], is_connected: bool
) -> None:
    world = World(reports_playback=True)
    if is_connected:
        world.settle()
    with pytest.raises(error):
        world.client.played(**report)


@pytest.mark.parametrize("session", [settings(), LiveSession(model="m")])
def test_what_was_played_is_not_ignored_in_silence(session: Any) -> None:
    client = ClientProtocol(session=session)
    with pytest.raises(r.ConfigError, match="reports_playback=True"):
        client.played(ms=20)
    client = ClientProtocol(session=session, reports_playback=True)
    client.played(ms=20)


def test_a_response_that_has_called_a_tool_is_not_requested_again() -> None:
    """Its end was lost. The output leads to the next response, and to one only."""
    world = World(weather)
    world.client.send(r.ResponseCreate(), world.now)
    world.step()
    while len(world.of(ToolCalled)) < 2:
        world.deliver()
    assert not world.of(r.ResponseDone)
    world.cut()
    assert [outcome.status for outcome in world.of(ResponseOutcome)] == ["incomplete"]
    world.now += 1
    world.settle()
    for called in world.of(ToolCalled):
        world.client.answer(called.call, "sunny", world.now)
        world.settle()
    assert kinds(world.received[-1]).count("response.create") == 1
    assert [text for role, text in world.history if role == "assistant"] == ["It is sunny."]


def test_a_request_that_is_to_be_cancelled_ends_with_its_connection() -> None:
    world = ready()
    request_id = world.client.send(r.ResponseCreate(), world.now)
    world.client.interrupt(world.now)
    world.cut()
    (outcome,) = world.of(ResponseOutcome)
    assert (outcome.request_id, outcome.status, outcome.reason) == (
        request_id,
        "cancelled",
        "connection_lost",
    )
    world.now += 1
    world.settle()
    assert kinds(world.received[-1]) == ["session.update"]


def test_a_delayed_answer_is_dropped_if_the_user_speaks_again() -> None:
    """The answer to what is said next answers both turns. A response that was requested is still made."""
    fail = Fail("rate_limit_exceeded", "Please try again in 1.5s.")
    world = World([fail, fail, Say("Both."), Say("Requested.")])
    world.run(1100, tone(ULAW, 300))
    assert len(world.of(ResponseDelayed)) == 1
    request_id = send(world, r.ResponseCreate())
    assert len(world.of(ResponseDelayed)) == 2
    world.run(4000, tone(ULAW, 300))
    assert [(each.request_id, each.text) for each in world.of(ResponseOutcome)] == [
        (None, "Both."), (request_id, "Requested."),
    ]  # fmt: skip
    assert not world.errors


def test_a_turn_whose_end_is_lost_is_sent_again() -> None:
    """Without speech_stopped, the end of the turn is not known: too much again is better than too little."""
    world = ready()
    world.client.append(tone(ULAW, 500))
    world.client.frames_to_send()
    world.client.receive_event(r.InputAudioBufferSpeechStarted(item_id="i", audio_start_ms=100), world.now)
    world.client.receive_event(r.InputAudioBufferCommitted(item_id="i"), world.now)
    assert world.client._uplink.pending_ms == 400
    live = world.client._current
    assert live is not None
    assert len(live.turn_audio.by_item["i"].audio) == 3200


def test_an_answer_that_broke_off_is_not_requested_if_another_request_waits() -> None:
    world = World(lambda turn: Say("word " * 20), paced=True)
    world.run(1500, tone(ULAW, 400))
    assert world.client.gate.is_responding
    request_id = world.client.send(r.ResponseCreate(), world.now)
    world.cut()
    world.run(15_000)
    assert kinds(world.received[-1]).count("response.create") == 1
    assert [outcome.request_id for outcome in world.of(ResponseOutcome)] == [request_id]


def test_items_that_were_lost_on_their_way_follow_those_that_arrived() -> None:
    world = ready()
    part = r.InputText(text="x")
    a, b, x = (r.MessageItem(id=name, role="user", content=[part]) for name in "abx")
    for item in (a, b):
        world.client.send(r.ConversationItemCreate(item=item), world.now)
    # Of the two only `a` arrived, after an item that the client did not know when it sent them.
    world.client.receive_event(r.ConversationItemAdded(item=x), world.now)
    world.client.receive_event(r.ConversationItemAdded(item=a, previous_item_id="x"), world.now)
    world.cut()
    world.now += 1
    world.settle()
    assert [item.id for item in world.client.conversation] == ["x", "a", "b"]


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("has_settings", [False, True])
def test_every_provider_gets_events_that_it_can_read(name: Any, has_settings: bool) -> None:
    client = ClientProtocol(
        provider=name, session=r.RealtimeSession(instructions="x") if has_settings else None
    )
    client.connected(START)
    for kind in ("session.created", "session.updated"):
        frame = {"type": kind, "event_id": kind, "session": {"type": "realtime", "id": "s"}}
        client.receive(msgspec.json.encode(frame), START)
    assert client.state is ClientState.RUNNING
    assert client.input_format == client.provider.input_formats[0]
    client.append(bytes(320))
    output = r.create_function_output("c", "{}")
    for event in (r.ResponseCreate(), r.create_text_input("hi"), output, r.InputAudioBufferCommit()):
        client.send(event, START)
    sent = [client.provider.decode_client(frame) for frame in client.frames_to_send()]
    assert kinds(sent)[int(has_settings) :] == [
        "input_audio_buffer.append", "response.create", "conversation.item.create",
        "conversation.item.create", "input_audio_buffer.commit",
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name, row in PROVIDERS.items() if row.output_formats])
def test_a_turn_that_was_answered_is_not_sent_to_the_next_session(name: Any) -> None:
    """GLM does not report the positions of turns."""
    world = ready(["one two"], provider=name, session=r.RealtimeSession(instructions="x"))
    format = world.client.input_format
    world.run(1_500, convert(tone(PCM16, 600), PCM16, format))
    world.cut()
    world.run(3_000)
    assert [outcome.status for outcome in world.of(ResponseOutcome)] == ["completed"]
    assert len(world.of(r.InputAudioBufferCommitted)) == 1
    (turn, answer) = (event.item for event in world.received[1] if event.type == "conversation.item.create")
    assert (turn.role, answer.role) == ("user", "assistant")
    assert len(turn.content[0].audio or b"") >= format.chunk_bytes(600) or turn.content[0].text
    assert world.client.unsent_ms == 0


def test_audio_without_an_item_id_is_stopped_without_events() -> None:
    """As GLM sends it."""
    client = ClientProtocol(provider="glm", reports_playback=True)
    client.connected(START)
    client.receive(b'{"type":"session.created","session":{"id":"s"}}', START)
    client.receive(b'{"type":"response.created","response":{"id":"r1","object":"realtime.response"}}', START)
    client.receive(b'{"type":"response.audio.delta","response_id":"r1","delta":"AAAA"}', START)
    assert client.queued_ms > 0
    assert client.interrupt(START).discarded_ms > 0
    sent = [client.provider.decode_client(frame) for frame in client.frames_to_send()]
    assert kinds(sent) == ["response.cancel"]


def test_the_conversation_is_in_the_formats_of_the_provider() -> None:
    """Qwen's "pcm" of the user is 16 kHz: 3,200 bytes are 100 ms."""
    client = ClientProtocol(provider="qwen")
    client.connected(START)
    session = {"id": "s", "input_audio_format": "pcm", "output_audio_format": "pcm"}
    part = {"type": "input_audio", "audio": base64.b64encode(bytes(3_200)).decode()}
    item = {"id": "i", "type": "message", "role": "user", "content": [part]}
    for frame in (
        {"type": "session.created", "session": session},
        {"type": "session.updated", "session": session},
        {"type": "conversation.item.created", "item": item},
    ):
        client.receive(json.dumps(frame), START)
    assert [item.audio_ms for item in client.conversation] == [100]
