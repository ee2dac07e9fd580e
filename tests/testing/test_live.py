"""The Live dialect: a session that speaks only as input arrives."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from realtime import AudioFormat, ConfigError, live
from realtime.audio import convert
from realtime.testing import Call, Delegate, Fail, Say, ServerProtocol, Transcribe
from realtime.testing.protocol import DIALECTS
from tests.testing.helpers import tone

PCM16 = AudioFormat.PCM16
FORMATS = {
    "audio/pcm": (live.PcmFormat(rate=24000), PCM16),
    "audio/pcm at 16 kHz": (live.PcmFormat(rate=16000), AudioFormat("pcm16", 16000)),
    "audio/pcmu": (live.LivePcmuFormat(rate=8000), AudioFormat.G711_ULAW),
    "audio/pcma": (live.LivePcmaFormat(rate=8000), AudioFormat.G711_ALAW),
}
RESPONSES = live.ResponsesDelegation(responses=live.ResponsesConfig(model="gpt-5"))
QUESTION = live.PredicateQuestion(name="angry", instructions="The user is angry.")
DECISIONS = live.DecisionsDelegation(decisions=live.DecisionsConfig(model="m", questions=[QUESTION]))
CLOSE = live.SessionClose(event_id="close")


def start(**session: Any) -> live.SessionStart:
    return live.SessionStart(session=live.LiveSession(model="gpt-live-1", **session), event_id="start")


def exchange(session: ServerProtocol, *events: live.ClientEvent) -> list[Any]:
    """Feed `events` as frames. Returns the server's events, encoded and decoded again."""
    return [
        live.decode_server(session.encode(reply))
        for event in events
        for reply in session.feed(live.encode(event))
    ]


def open_session(
    *, script: Any = None, paced: bool = False, ptime_ms: float = 100, **settings: Any
) -> ServerProtocol:
    """Return a session that has started with these settings."""
    session = ServerProtocol(dialect="live", script=script, paced=paced, ptime_ms=ptime_ms)
    assert session.open() == []
    assert types(exchange(session, start(**settings))) == ["session.started"]
    return session


def append(audio: bytes) -> live.SessionInputAudioAppend:
    return live.SessionInputAudioAppend(audio=audio)


def silence(ms: int, format: AudioFormat = PCM16) -> live.SessionInputAudioAppend:
    return append(format.silence(ms))


def turn(format: AudioFormat = PCM16, ms: int = 600) -> live.SessionInputAudioAppend:
    """Return `ms` of speech and the pause that ends the user's turn."""
    return append(tone(format, ms) + format.silence(500))


def commentary(content: str, delegation_id: str | None = None) -> live.SessionCommentaryAppend:
    return live.SessionCommentaryAppend(content=content, delegation_id=delegation_id, event_id="say")


def output(call_id: str, text: str) -> live.ResponseItemCreate:
    item = live.FunctionCallOutput(call_id=call_id, output=text)
    return live.ResponseItemCreate(item=item, event_id="item")


CONTINUE = live.ResponseCreate(event_id="create")


def types(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def of(kind: type[Any], events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def deltas(events: list[Any]) -> list[bytes]:
    return [event.delta for event in of(live.SessionOutputAudioDelta, events)]


def said(events: list[Any]) -> str:
    return "".join(event.delta for event in of(live.SessionOutputTranscriptDelta, events))


def heard(events: list[Any]) -> str:
    return "".join(event.delta for event in of(live.SessionInputTranscriptDelta, events))


def refusal(events: list[Any]) -> live.LiveErrorDetail:
    (event,) = events
    assert isinstance(event, live.Error)
    assert event.error.type == "invalid_request_error"
    return event.error


def nested(events: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(bytes(event.event)) for event in of(live.ResponseEvent, events)]


def calls_of(events: list[Any]) -> list[str]:
    """Return the ids of the completed function calls."""
    items = [event["item"] for event in nested(events) if event["type"] == "response.output_item.done"]
    return [item["call_id"] for item in items if item["type"] == "function_call"]


# --- The session ---------------------------------------------------------------------


def test_the_client_begins() -> None:
    session = ServerProtocol(dialect="live", session_id="sess_1", expires_at=99)
    assert session.open() == []
    (started,) = session.feed(start())
    assert json.loads(session.encode(started)) == {
        "type": "session.started",
        "event_id": "event_00000001",
        "client_event_id": "start",
        "session": {
            "id": "sess_1",
            "model": "gpt-live-1",
            "status": "active",
            "expires_at": 99,
            "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
            "delegation": {"type": "client"},
            "store": False,
        },
    }


@pytest.mark.parametrize("event", [silence(100), commentary("Hello."), CLOSE])
def test_nothing_is_accepted_before_the_start(event: live.ClientEvent) -> None:
    session = ServerProtocol(dialect="live")
    assert refusal(exchange(session, event)).code == "session_not_started"
    assert types(exchange(session, start())) == ["session.started"]


def test_a_second_start_is_refused_and_changes_nothing() -> None:
    session = open_session()
    assert refusal(exchange(session, start(instructions="x"))).code == "session_already_started"
    assert len(exchange(session, silence(100))) == 1


# --- Audio ---------------------------------------------------------------------------


@pytest.mark.parametrize(("wire", "format"), FORMATS.values(), ids=FORMATS)
def test_output_is_as_long_as_input_in_the_format_of_the_session(wire: Any, format: AudioFormat) -> None:
    session = open_session(audio=live.LiveAudio(format=wire))
    assert exchange(session, silence(90, format)) == []
    events = exchange(session, silence(20, format), silence(290, format))
    assert types(events) == ["session.output_audio.delta"] * 4
    assert set(deltas(events)) == {format.silence(100)}
    assert {event.event_id for event in events} == {None}


@pytest.mark.parametrize(("wire", "format"), FORMATS.values(), ids=FORMATS)
def test_without_a_script_the_turn_is_repeated(wire: Any, format: AudioFormat) -> None:
    session = open_session(audio=live.LiveAudio(format=wire))
    speech = convert(tone(AudioFormat.G711_ULAW, 600), "g711_ulaw", format)[: format.chunk_bytes(600)]
    events = exchange(session, append(speech + format.silence(500)), silence(2000, format))
    assert said(events) == "That was 0.60 seconds of audio."
    assert speech in b"".join(deltas(events))


def test_speech_without_audio_is_audible() -> None:
    events = exchange(open_session(script=["One two."]), turn(), silence(1000))
    audible = [delta.strip(b"\0") != b"" for delta in deltas(events)]
    assert audible == [False] * 10 + [True] * 6 + [False] * 5


def test_transcripts_are_fragments_on_frames() -> None:
    script = [[Transcribe("What is the time?"), "It is noon."]]
    events = exchange(open_session(script=script), turn(ms=1200), silence(2000))
    assert (heard(events), said(events)) == ("What is the time?", "It is noon.")
    fragments = of(live.TimelineEvent, events)
    assert {event.start_ms % 200 for event in fragments} == {0}
    assert {event.end_ms - event.start_ms for event in fragments} == {200}
    words = [event.start_ms for event in of(live.SessionInputTranscriptDelta, events)]
    assert words == [0, 200, 600, 800]
    assert of(live.SessionOutputTranscriptDelta, events)[0].start_ms >= 1600


def test_the_users_speech_stops_the_models() -> None:
    session = open_session(script=["one two three four five six seven eight nine ten", []])
    events = exchange(session, turn(), silence(400), append(tone(PCM16, 300)), silence(1000))
    assert "ten" not in said(events)
    assert [delta.strip(b"\0") for delta in deltas(events)[-9:]] == [b""] * 9


def test_mute_silences_the_input() -> None:
    session = open_session()
    muted = exchange(session, live.SessionInputAudioMute(event_id="m"))
    assert [(event.type, event.client_event_id) for event in muted] == [("session.input_audio.muted", "m")]
    events = exchange(session, turn(), silence(1000))
    assert types(events) == ["session.output_audio.delta"] * 21
    assert types(exchange(session, live.SessionInputAudioUnmute())) == ["session.input_audio.unmuted"]
    assert said(exchange(session, turn(), silence(2000)))


@pytest.mark.parametrize("audio", [b"", b"\0"])
def test_an_append_must_be_whole_samples(audio: bytes) -> None:
    error = refusal(exchange(open_session(), append(audio)))
    assert (error.code, error.param) == ("invalid_audio", "audio")


# --- Appended text -------------------------------------------------------------------


def test_an_append_is_acknowledged_by_the_clock_of_the_input() -> None:
    session = open_session()
    exchange(session, silence(300))
    assert exchange(session, commentary("Good day.")) == []
    events = exchange(session, silence(200))
    (appended,) = of(live.SessionCommentaryAppended, events)
    assert (appended.start_ms, appended.end_ms, appended.client_event_id) == (300, 500, "say")
    assert types(events)[1] == "session.commentary.appended"
    assert said(events + exchange(session, silence(1000))) == "Good day."


def test_thinking_is_silent_and_instructions_stop_the_speech() -> None:
    session = open_session(script=["one two three four five six"])
    exchange(session, turn())
    thinking = live.SessionThinkingAppend(content="x", delegation_id=None)
    assert of(live.SessionThinkingAppended, exchange(session, thinking, silence(300)))
    stop = live.SessionInstructionsAppend(content="Stop.", delegation_id=None)
    events = exchange(session, stop, silence(1000))
    assert of(live.SessionInstructionsAppended, events)
    assert [delta.strip(b"\0") for delta in deltas(events)[2:]] == [b""] * 8


# --- Delegation ----------------------------------------------------------------------


def test_a_delegation_to_the_client() -> None:
    session = open_session(script=[[Transcribe("Refund, please."), "One moment.", Delegate()]])
    events = exchange(session, turn())
    (created,) = of(live.SessionDelegationCreated, events)
    assert (created.delegation.target, created.delegation.response_id) == ("client", None)
    assert created.offset_ms == 1100
    events = exchange(session, commentary("It is done.", created.delegation.id), silence(3000))
    assert said(events).endswith(" It is done.")


def test_a_function_call_of_the_backend() -> None:
    script = [[Transcribe("Weather?"), "One moment.", Call("weather", {"city": "Tallinn"})], "It is sunny."]
    session = open_session(script=script, delegation=RESPONSES)
    events = exchange(session, turn())
    (created,) = of(live.SessionDelegationCreated, events)
    assert created.delegation.target == "responses"
    inner = nested(events)
    assert [event["type"] for event in inner][:2] == ["response.created", "response.in_progress"]
    assert inner[0]["response"]["id"] == created.delegation.response_id
    assert inner[-1]["type"] == "response.completed"
    assert inner[-1]["response"]["output"] == []
    (call_id,) = calls_of(events)
    assert refusal(exchange(session, CONTINUE)).code == "function_call_outputs_required"
    assert exchange(session, output(call_id, "sunny")) == []
    answer = exchange(session, CONTINUE, silence(3000))
    assert {event.delegation_id for event in of(live.ResponseEvent, answer)} == {created.delegation.id}
    assert [e["text"] for e in nested(answer) if e["type"] == "response.output_text.done"] == ["It is sunny."]
    assert said(events + answer) == "One moment. It is sunny."


def test_every_open_call_must_be_answered() -> None:
    session = open_session(script=[[Call("a"), Call("b")], "Done."], delegation=RESPONSES)
    first, second = calls_of(exchange(session, turn()))
    exchange(session, output(first, "1"))
    assert refusal(exchange(session, CONTINUE)).code == "function_call_outputs_required"
    assert refusal(exchange(session, output(first, "1"))).code == "invalid_tool_call_id"
    exchange(session, output(second, "2"))
    assert nested(exchange(session, CONTINUE))[-1]["type"] == "response.completed"


def test_a_failed_response_drops_its_calls() -> None:
    session = open_session(script=[[Call("a"), Fail()], "Done."], delegation=RESPONSES)
    events = exchange(session, turn())
    assert nested(events)[-1]["type"] == "response.failed"
    (call_id,) = calls_of(events)
    assert refusal(exchange(session, output(call_id, "1"))).code == "invalid_tool_call_id"
    assert nested(exchange(session, CONTINUE))[-1]["type"] == "response.completed"


def test_the_input_of_the_backend_is_bounded() -> None:
    session = open_session(script=[Call("a"), "Done."], delegation=RESPONSES)
    (call_id,) = calls_of(exchange(session, turn()))
    assert refusal(exchange(session, output(call_id, "x" * 33_000))).code == "response_input_buffer_full"
    assert refusal(exchange(session, CONTINUE)).code == "function_call_outputs_required"
    assert exchange(session, output(call_id, "too long")) == []
    message = live.ResponseItemCreate(item=live.Message(role="user", content="x"))
    assert exchange(session, *[message] * 127) == []
    assert refusal(exchange(session, message)).code == "response_input_buffer_full"
    assert said(exchange(session, CONTINUE, silence(1000))) == "Done."


@pytest.mark.parametrize("event", [output("c", "x"), CONTINUE])
def test_the_client_is_no_backend(event: live.ClientEvent) -> None:
    error = refusal(exchange(open_session(), event))
    assert error.message == f"{event.type} requires Responses delegation."
    assert error.code is None


# --- The end -------------------------------------------------------------------------


def test_close_ends_the_speech_and_refuses_pending_appends() -> None:
    session = open_session(script=["one two three"])
    exchange(session, turn())
    events = exchange(session, commentary("Bye."), CLOSE)
    assert types(events)[0] == "error"
    assert events[0].error.client_event_id == "say"
    assert said(events) == " two three"
    closed = events[-1]
    assert isinstance(closed, live.SessionClosed)
    assert (closed.reason, closed.client_event_id) == ("close_requested", "close")
    assert closed.usage.seconds == 2
    assert closed.session is not None
    assert session.is_closed
    assert session.feed(live.encode(silence(100))) == []


def test_a_closing_session_accepts_nothing_but_audio() -> None:
    session = open_session(script=["one two three"], paced=True)
    exchange(session, turn())
    assert said([*advance_all(session)])
    assert exchange(session, CLOSE) == []
    assert refusal(exchange(session, commentary("x"))).code == "session_closing"
    assert refusal(exchange(session, CLOSE)).code == "session_closing"
    assert exchange(session, silence(1000)) == []  # it was on its way
    events = [*advance_all(session)]
    assert len(deltas(events)) == 8
    assert types(events)[-1] == "session.closed"


def test_the_speech_is_drained_while_the_user_speaks() -> None:
    session = open_session()
    exchange(session, append(tone(PCM16, 300)), commentary("one two"), append(tone(PCM16, 300)))
    events = exchange(session, CLOSE)
    assert said(events) == "one two"
    assert len(deltas(events)) == 6


def test_the_drain_is_bounded() -> None:
    session = open_session(script=["one " * 100])
    exchange(session, turn())
    assert len(deltas(exchange(session, CLOSE))) == 100


def test_a_long_turn_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.testing.live.MAX_TURN_MS", 2000)
    events = exchange(open_session(script=[Delegate()]), append(tone(PCM16, 2500)))
    (created,) = of(live.SessionDelegationCreated, events)
    assert created.offset_ms == 2000


def test_pending_texts_are_bounded() -> None:
    session = open_session()
    assert exchange(session, *[commentary("x")] * 100) == []
    assert refusal(exchange(session, commentary("x"))).code == "too_many_pending_appends"
    assert len(of(live.SessionCommentaryAppended, exchange(session, silence(200)))) == 100


def test_usage_is_cumulative() -> None:
    events = exchange(open_session(), silence(31_000))
    assert [event.usage.seconds for event in of(live.SessionUsageUpdated, events)] == [15, 30]


# --- Sidebands and forks -------------------------------------------------------------


def received(session: ServerProtocol) -> list[Any]:
    return [live.decode_server(session.encode(event)) for event in session.take_events()]


def test_a_sideband_receives_the_session_in_pcm16() -> None:
    primary = open_session(audio=live.LiveAudio(format=live.LivePcmuFormat(rate=8000)))
    sideband = primary.attach()
    assert sideband.open() == []
    primary.feed(silence(200, AudioFormat.G711_ULAW))
    events = received(sideband)
    copy, *outputs = events
    assert isinstance(copy, live.SessionInputAudioAppend)
    assert len(copy.audio) > 9000
    assert [(event.start_ms, event.end_ms) for event in outputs] == [(0, 100), (100, 200)]
    assert abs(len(deltas(outputs)[1]) - 4800) < 200
    assert {event.event_id for event in outputs} == {None}


def test_a_sideband_sends_commands() -> None:
    primary = open_session()
    sideband = primary.attach()
    sideband.open()
    for events in (exchange(sideband, live.SessionInputAudioMute(event_id="m")), received(primary)):
        assert [(event.type, event.client_event_id) for event in events] == [
            ("session.input_audio.muted", "m")
        ]
    for event in (start(), silence(100)):
        assert refusal(exchange(sideband, event)).param == "type"
    assert received(primary) == []
    exchange(sideband, commentary("Hello."))
    events = exchange(primary, silence(1000))
    assert said(events) == "Hello."
    assert types(received(sideband)).count("session.commentary.appended") == 1
    assert types(exchange(sideband, CLOSE)) == ["session.closed"]
    assert types(received(primary)) == ["session.closed"]
    assert primary.is_closed
    assert sideband.is_closed


def test_a_detached_sideband_receives_nothing() -> None:
    primary = open_session()
    sideband = primary.attach()
    sideband.open()
    sideband.disconnect()
    primary.feed(silence(200))
    assert received(sideband) == []
    assert not primary.is_closed


def test_a_lost_connection_ends_the_session() -> None:
    primary = open_session()
    sideband = primary.attach()
    sideband.open()
    primary.disconnect()
    (closed,) = received(sideband)
    assert (closed.type, closed.reason) == ("session.closed", "connection_lost")
    assert sideband.is_closed


@pytest.mark.parametrize("dialect", ["ga", "live"])
def test_only_a_started_live_session_has_sidebands(dialect: Any) -> None:
    with pytest.raises(ConfigError):
        ServerProtocol(dialect=dialect).attach()


def fork(**settings: Any) -> live.SessionStart:
    return live.SessionStart(session=live.LiveSession(**settings))


def stored(**settings: Any) -> live.LiveSessionInfo:
    session = open_session(store=True, **settings)
    exchange(session, CLOSE)
    assert session.live_session is not None
    return session.live_session


def test_a_fork_has_the_settings_of_its_origin() -> None:
    origin = stored(instructions="Be brief.", delegation=RESPONSES)
    session = ServerProtocol(dialect="live", session_id="sess_2", origin=origin)
    (started,) = exchange(session, fork())
    assert started.session.id == "sess_2"
    assert started.session.settings() == origin.settings()


def test_a_fork_may_change_some_settings() -> None:
    session = ServerProtocol(dialect="live", origin=stored(delegation=RESPONSES))
    audio = live.LiveAudio(format=live.LivePcmuFormat(rate=8000))
    change = live.ResponsesDelegation(responses=live.ResponsesConfig(service_tier="flex"))
    (started,) = exchange(session, fork(audio=audio, store=False, delegation=change))
    assert started.session.delegation.responses == live.ResponsesConfig(model="gpt-5", service_tier="flex")
    assert started.session.store is False
    assert started.session.audio.output.voice == "marin"
    assert deltas(exchange(session, silence(100, AudioFormat.G711_ULAW))) == [b"\xff" * 800]


@pytest.mark.parametrize(
    ("settings", "code", "param"),
    [
        ({"model": "gpt-live-1"}, "invalid_value", "session.model"),
        ({"instructions": "x"}, "invalid_value", "session.instructions"),
        ({"delegation": live.ClientDelegation()}, "immutable_field_update", "session.delegation.type"),
    ],
    ids=["model", "instructions", "delegation"],
)
def test_a_fork_may_not_change_others(settings: dict[str, Any], code: str, param: str) -> None:
    session = ServerProtocol(dialect="live", origin=stored(delegation=RESPONSES))
    error = refusal(exchange(session, fork(**settings)))
    assert (error.code, error.param) == (code, param)


# --- Updates -------------------------------------------------------------------------


def test_an_update_merges_the_settings_of_the_backend() -> None:
    config = live.ResponsesConfig(
        model="gpt-5", tools=[live.FunctionTool(name="a")], service_tier="flex", instructions="Be brief."
    )
    session = open_session(delegation=live.ResponsesDelegation(responses=config))
    change = live.ResponsesDelegation(
        responses=live.ResponsesConfig(tools=[live.WebSearchTool()], instructions=None),
        acknowledgement_delay_ms=200,
    )
    update = live.SessionUpdate(session=live.LiveSessionUpdate(delegation=change), event_id="u")
    (updated,) = exchange(session, update)
    assert updated.client_event_id == "u"
    assert updated.session.delegation.acknowledgement_delay_ms == 200
    assert updated.session.delegation.responses == live.ResponsesConfig(
        model="gpt-5", tools=[live.WebSearchTool()], service_tier="flex", instructions=None
    )
    (again,) = exchange(session, live.SessionUpdate(session=live.LiveSessionUpdate()))
    assert again.session == updated.session


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"model": "gpt-live-1"}, "immutable_field_update", "session.model"),
        ({"instructions": "x"}, "immutable_field_update", "session.instructions"),
        ({"audio": {"output": {"voice": "cedar"}}}, "immutable_field_update", "session.audio"),
        ({"delegation": {"type": "client"}}, "immutable_field_update", "session.delegation.type"),
        ({"voice": "cedar"}, "unknown_parameter", "session.voice"),
        ({"delegation": {"type": "responses", "x": 1}}, "unknown_parameter", "session.delegation.x"),
        (
            {"delegation": {"type": "responses", "responses": {"max_output_tokens": 1}}},
            "invalid_value",
            "session.delegation.responses.max_output_tokens",
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_an_update_that_is_refused(session: dict[str, Any], code: str, param: str) -> None:
    opened = open_session(delegation=RESPONSES)
    frame = json.dumps({"type": "session.update", "session": session, "event_id": "u"})
    error = refusal(opened.feed(frame))
    assert (error.code, error.param, error.client_event_id) == (code, param, "u")
    (updated,) = exchange(opened, live.SessionUpdate(session=live.LiveSessionUpdate()))
    assert updated.session == opened.live_session


START_REFUSALS = {
    "no model": ({}, "missing_required_parameter", "session.model"),
    "a model of GA": ({"model": "gpt-realtime-2"}, "invalid_value", "session.model"),
    "an unknown member": ({"model": "gpt-live-1", "voice": "cedar"}, "unknown_parameter", "session.voice"),
    "a voice of beta": (
        {"model": "gpt-live-1", "audio": {"output": {"voice": "nova"}}},
        "forbidden",
        "session.audio.output.voice",
    ),
    "a rate": (
        {"model": "gpt-live-1", "audio": {"format": {"type": "audio/pcm", "rate": 8000}}},
        "invalid_value",
        "session.audio.format.rate",
    ),
    "no rate": (
        {"model": "gpt-live-1", "audio": {"format": {"type": "audio/pcmu"}}},
        "missing_required_parameter",
        "session.audio.format.rate",
    ),
    "no backend": (
        {"model": "gpt-live-1", "delegation": {"type": "responses", "responses": {}}},
        "invalid_value",
        "session.delegation.responses.model",
    ),
}


# A part of another API, at its place in an event, and the refusal.
BODY_REFUSALS: dict[str, tuple[str, Any, str, str]] = {
    "an unknown setting": ("responses", {"x": 1}, "unknown_parameter", "session.delegation.responses.x"),
    "an unknown member of a tool": (
        "responses", {"tools": [{"type": "web_search", "x": 1}]},
        "unknown_parameter", "session.delegation.responses.tools[0].x",
    ),
    "a function without a name": (
        "responses", {"tools": [{"type": "function"}]},
        "missing_required_parameter", "session.delegation.responses.tools[0].name",
    ),
    "a tool without a type": (
        "responses", {"tools": [{"name": "f"}]},
        "missing_required_parameter", "session.delegation.responses.tools[0].type",
    ),
    "a setting of another type": (
        "responses", {"parallel_tool_calls": "yes"}, "invalid_type", "session.delegation.responses.parallel_tool_calls",
    ),
    "a nested member": (
        "responses", {"tools": [{"type": "mcp", "server_label": "s", "allowed_tools": {"names": []}}]},
        "unknown_parameter", "session.delegation.responses.tools[0].allowed_tools.names",
    ),
    "an output without its text": (
        "item", {"type": "function_call_output", "call_id": "c"}, "missing_required_parameter", "item.output",
    ),
    "a part without its text": (
        "item", {"type": "message", "role": "user", "content": [{"type": "input_text"}]},
        "missing_required_parameter", "item.content[0].text",
    ),
    "an item that is none": ("item", 5, "invalid_type", "item"),
    "an item without a type": ("item", {"id": "i"}, "missing_required_parameter", "item.type"),
    "a message without a type, whose content is none": ("item", {"role": "user", "content": 5}, "invalid_type", "item.content"),
}  # fmt: skip
BODIES: dict[str, tuple[str, Any]] = {
    "an unknown tool": ("responses", {"tools": [{"type": "oracle", "x": 1}]}),
    "an unknown tool choice": ("responses", {"tool_choice": {"type": "oracle"}}),
    "an unknown filter": (
        "responses",
        {"tools": [{"type": "file_search", "filters": {"type": "near", "x": 1}}]},
    ),
    "null settings": ("responses", {"instructions": None, "reasoning": {"effort": None}}),
    "an unknown item": ("item", {"type": "oracle", "x": 1}),
    "an unknown part": ("item", {"type": "message", "role": "user", "content": [{"type": "oracle", "x": 1}]}),
    "a message without types": ("item", {"role": "user", "content": [{"text": "x"}]}),
}


def body_event(place: str, body: Any) -> str:
    if place == "item":
        return json.dumps({"type": "response.item.create", "item": body})
    return json.dumps(
        {"type": "session.update", "session": {"delegation": {"type": "responses", place: body}}}
    )


@pytest.mark.parametrize("name", BODY_REFUSALS)
def test_the_bodies_of_other_apis_are_checked(name: str) -> None:
    place, body, code, param = BODY_REFUSALS[name]
    error = refusal(open_session(delegation=RESPONSES).feed(body_event(place, body)))
    assert (error.code, error.param) == (code, param)


@pytest.mark.parametrize("name", BODIES)
def test_types_of_other_apis_may_be_unknown(name: str) -> None:
    place, body = BODIES[name]
    expected = [] if place == "item" else ["session.updated"]
    assert types(open_session(delegation=RESPONSES).feed(body_event(place, body))) == expected


def test_a_lenient_session_names_a_malformed_delegation() -> None:
    session = ServerProtocol(dialect="live", strict=False)
    assert types(exchange(session, start(delegation=RESPONSES))) == ["session.started"]
    error = refusal(session.feed(body_event("responses", {"max_output_tokens": "many"})))
    assert (error.param, "malformed" in error.message) == ("session.delegation", True)


def test_a_decision_item_of_an_unknown_type_is_stored() -> None:
    session = open_session(delegation=DECISIONS)
    (added,) = session.feed('{"type":"decision.item.create","item":{"type":"oracle","x":1}}')
    assert isinstance(added.item, live.UnknownItem)
    item_id = json.loads(added.item.raw)["id"]
    assert json.loads(added.item.raw) == {"type": "oracle", "x": 1, "id": item_id}
    assert types(exchange(session, live.DecisionItemDelete(item_id=item_id))) == ["decision.item.deleted"]


@pytest.mark.parametrize("name", START_REFUSALS)
def test_a_start_that_is_refused(name: str) -> None:
    settings, code, param = START_REFUSALS[name]
    session = ServerProtocol(dialect="live")
    error = refusal(session.feed(json.dumps({"type": "session.start", "session": settings})))
    assert (error.code, error.param) == (code, param)
    assert types(exchange(session, start())) == ["session.started"]


# --- What else is refused ------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code", "param"),
    [
        (
            {"type": "session.commentary.append", "content": "x"},
            "missing_required_parameter",
            "delegation_id",
        ),
        (
            {"type": "session.commentary.append", "content": "x" * 1900, "delegation_id": None},
            "string_above_max_length",
            "content",
        ),
        (
            {"type": "session.thinking.append", "content": "x", "delegation_id": "d"},
            "delegation_not_found",
            "delegation_id",
        ),
        ({"type": "session.input_audio.append", "audio": "AAAA", "x": 1}, "unknown_parameter", "x"),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "type"),
        ({"type": "transport.dtmf.send", "event": "1"}, "invalid_value", "type"),
        ({"type": "decision.create", "event_id": "d"}, None, "type"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_command_that_is_refused(frame: dict[str, Any], code: str | None, param: str) -> None:
    error = refusal(open_session().feed(json.dumps(frame)))
    assert (error.code, error.param) == (code, param)


def test_a_delegation_id_is_refused_with_a_backend() -> None:
    session = open_session(script=[[Delegate("x")]], delegation=RESPONSES)
    (created,) = of(live.SessionDelegationCreated, exchange(session, turn()))
    error = refusal(exchange(session, commentary("x", created.delegation.id)))
    assert error.param == "delegation_id"


# --- Fixtures and decisions ----------------------------------------------------------


def test_a_fixture_replaces_the_speech_and_the_input() -> None:
    session = open_session(script=["one two three four five", "six"])
    exchange(session, turn(), silence(200))
    audio = tone(PCM16, 250)
    play = live.SessionOutputAudioFixturePlay(audio=audio, event_id="f")
    (playing,) = exchange(session, play)
    assert (playing.type, playing.client_event_id) == ("session.output_audio.fixture.playing", "f")
    assert refusal(exchange(session, play)).code == "fixture_active"
    assert refusal(exchange(session, commentary("x"))).code == "fixture_active"
    events = exchange(session, append(tone(PCM16, 300)), silence(1000))
    assert b"".join(deltas(events)).startswith(audio + bytes(4800))
    assert types(events)[3] == "session.output_audio.fixture.played"
    assert said(events) == heard(events) == ""


def test_a_fixture_ends_the_users_turn_without_an_answer() -> None:
    session = open_session(script=[[Transcribe("one two three"), "four"], []])
    exchange(session, append(tone(PCM16, 300)))
    exchange(session, live.SessionOutputAudioFixturePlay(audio=PCM16.silence(700)))
    events = exchange(session, silence(3000))
    assert said(events) == heard(events) == ""


@pytest.mark.parametrize("audio", [b"", b"\0", PCM16.silence(30_100)], ids=["empty", "odd", "long"])
def test_a_fixture_that_is_refused(audio: bytes) -> None:
    event = live.SessionOutputAudioFixturePlay(audio=audio)
    assert refusal(exchange(open_session(), event)).code == "invalid_audio"


def test_decisions() -> None:
    session = open_session(script=[[Delegate()]], delegation=DECISIONS)
    events = exchange(session, turn())
    (created,) = of(live.SessionDelegationCreated, events)
    (decision,) = of(live.DecisionEvent, events)
    assert (created.delegation.target, decision.delegation_id) == ("decisions", created.delegation.id)
    assert types(exchange(session, live.DecisionCreate(event_id="d"))) == ["decision.event"]
    assert refusal(exchange(session, live.DecisionCreate(event_id="d"))).param == "event_id"
    assert refusal(exchange(session, live.DecisionCreate())).param == "event_id"
    assert decision.event.decision.model == "m"
    item = live.Message(id="i", role="user", content="x")
    (added,) = exchange(session, live.DecisionItemCreate(item=item))
    assert added.item == item
    assert types(exchange(session, live.DecisionItemDelete(item_id="i"))) == ["decision.item.deleted"]
    assert refusal(exchange(session, live.DecisionItemDelete(item_id="i"))).param == "item_id"


# --- Streams -------------------------------------------------------------------------

SPEECH = tone(PCM16, 500) + PCM16.silence(900) + tone(PCM16, 300) + PCM16.silence(1500)
SPLITS = st.lists(st.integers(0, len(SPEECH) // 2), max_size=20).map(
    lambda splits: sorted({0, *(2 * split for split in splits), len(SPEECH)})
)


def advance_all(session: ServerProtocol) -> Iterator[Any]:
    while session.is_responding:
        yield from (live.decode_server(session.encode(event)) for event in session.advance())


@settings(deadline=None, max_examples=30)
@given(splits=SPLITS, paced=st.booleans())
def test_any_split_of_the_audio_gives_the_same_events(splits: list[int], paced: bool) -> None:
    script = [[Transcribe("a b"), "c d"], [Delegate()]]
    once = exchange(open_session(script=script), append(SPEECH), CLOSE)
    session = open_session(script=script, paced=paced)
    events: list[Any] = []
    for begin, end in itertools.pairwise(splits):
        events += exchange(session, append(SPEECH[begin:end]))
        events += advance_all(session)
    events += [*exchange(session, CLOSE), *advance_all(session)]
    assert events == once


def test_a_script_may_have_audio() -> None:
    word = tone(PCM16, 200)
    events = exchange(open_session(script=[Say("Yes.", word)]), turn(), silence(500))
    assert word in b"".join(deltas(events))


# --- Hostile clients -----------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ["event_id", "session", "item", "item_id", "audio", "content", "delegation_id"]
SESSIONS = ["model", "audio", "delegation", "input", "instructions", "triggers", "store"]


@settings(deadline=None)
@given(
    kind=st.sampled_from(DIALECTS["live"].client_types),
    fields=st.dictionaries(
        st.sampled_from(MEMBERS), JSON | st.dictionaries(st.sampled_from(SESSIONS), JSON, max_size=3)
    ),
    delegation=st.sampled_from([live.ClientDelegation(), RESPONSES, DECISIONS]),
    strict=st.booleans(),
    is_started=st.booleans(),
)
def test_no_members_of_an_event_break_a_session(
    kind: str, fields: dict[str, object], delegation: Any, strict: bool, is_started: bool
) -> None:
    session = ServerProtocol(dialect="live", strict=strict)
    if is_started:
        exchange(session, start(delegation=delegation))
    for reply in session.feed(msgspec.json.encode({**fields, "type": kind})):
        live.decode_server(session.encode(reply))
    assert session.is_closed or "error" in types(session.feed(b"{}"))


OUTPUTS = st.builds(output, st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y" * 20_000]))
APPENDS = [live.SessionInstructionsAppend, live.SessionThinkingAppend, live.SessionCommentaryAppend]
EVENTS = st.one_of(
    st.just(start()),
    st.builds(append, st.sampled_from([b"", b"\0", tone(PCM16, 300), PCM16.silence(700)])),
    st.just(live.SessionInputAudioMute()),
    st.just(live.SessionInputAudioUnmute()),
    st.builds(
        live.SessionOutputAudioFixturePlay,
        audio=st.sampled_from([b"", b"\0", tone(PCM16, 250), PCM16.silence(31_000)]),
    ),
    *(
        st.builds(
            kind, content=st.text(max_size=5), delegation_id=st.sampled_from([None, "delegation_00000001"])
        )
        for kind in APPENDS
    ),
    OUTPUTS,
    st.just(CONTINUE),
    st.builds(live.DecisionCreate, event_id=st.sampled_from(["a", "b"])),
    st.builds(live.DecisionItemCreate, item=st.just(live.Message(id="i", role="user", content="x"))),
    st.builds(live.DecisionItemDelete, item_id=st.sampled_from(["i", "j"])),
    st.builds(
        live.SessionUpdate,
        session=st.builds(
            live.LiveSessionUpdate,
            delegation=st.sampled_from([None, live.ClientDelegation(), RESPONSES, DECISIONS]),
        ),
    ),
)
PARTS = [
    "one two",
    "",
    Say("x", b"\xff" * 80, "pcmu"),
    Call("f", call_id="a"),
    Call("g"),
    Fail(),
    Delegate("y"),
]


@given(
    events=st.lists(EVENTS, max_size=12),
    script=st.none()
    | st.lists(st.lists(st.sampled_from([*PARTS, Transcribe("u v")]), max_size=3), max_size=4),
    delegation=st.sampled_from([live.ClientDelegation(), RESPONSES, DECISIONS]),
    paced=st.booleans(),
)
def test_no_sequence_of_events_breaks_a_session(
    events: list[live.ClientEvent], script: Any, delegation: Any, paced: bool
) -> None:
    session = open_session(script=script, delegation=delegation, paced=paced)
    received: list[Any] = []
    for event in [*events, CLOSE]:
        received += exchange(session, event)
        received += advance_all(session)
    assert session.is_closed
    assert types(received)[-1] == "session.closed"
    assert not any(isinstance(event, live.UnknownEvent) for event in received)
    steps = sum(
        len(event.audio) // 4800 for event in events if isinstance(event, live.SessionInputAudioAppend)
    )
    assert len(deltas(received)) >= steps
