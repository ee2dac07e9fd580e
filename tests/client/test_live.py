"""The client on Live: ClientProtocol and Session against the loopback server."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import msgspec
import pytest

import realtime as r
from realtime import ConfigError, EncodeError, live
from realtime.client import (
    ClientProtocol,
    ClientState,
    Connect,
    Connected,
    GiveUp,
    LiveClientProtocol,
    Reconnecting,
    RequestFailed,
    RequestRefused,
    Resumed,
    RetryPolicy,
    Run,
    Session,
    SessionClosed,
    SessionEnded,
    SessionLost,
    SessionRefused,
    SettingsDiffer,
    SpendLimitReached,
    ToolCalled,
    Wait,
)
from realtime.state import Toolbox
from realtime.testing import Call, Delegate, LoopbackServer, ServerProtocol, Transcribe
from realtime.testing.faults import Disconnect
from tests.client.running import FAST, asynchronous, connect

START = 1_800_000_000.0
STEP_MS = 100
FORMAT = r.AudioFormat.G711_ULAW
SILENCE, SPEECH = FORMAT.silence(STEP_MS), b"\x80\x00" * 400
PCMU = live.LiveAudio(format=live.LivePcmuFormat(rate=8000))
BACKEND = live.ResponsesDelegation(responses=live.ResponsesConfig(model="gpt-5"))


def settings(**options: Any) -> live.LiveSession:
    return live.LiveSession(model="gpt-live-1", audio=PCMU, **options)


class World:
    """A client and the servers that it connects to, with a clock that the input drives."""

    def __init__(
        self, script: Any = None, *, session: live.LiveSession | None = None, **options: Any
    ) -> None:
        self.now = START
        client = ClientProtocol(session=session or settings(), random=lambda: 0.0, **options)
        assert isinstance(client, LiveClientProtocol)
        self.client: LiveClientProtocol = client
        self.script = script
        self.server: ServerProtocol | None = None
        self.seen: list[Any] = []
        self.sent: list[Any] = []
        self.starts: list[live.LiveSession] = []
        self.expires_at = 0
        self.refused: list[live.Error] = []
        self.is_server_mute = False

    def of(self, kind: type) -> list[Any]:
        return of(self.seen, kind)

    def run(self) -> None:
        """Do what the client wants, until nothing is on its way."""
        self.client.tick(self.now)
        action = self.client.next_action(self.now)
        if isinstance(action, Connect):
            self.server = ServerProtocol(dialect="live", script=self.script, expires_at=self.expires_at)
            self.client.connected(self.now)
        elif not isinstance(action, Run):
            self.server = None
        while frames := self.client.frames_to_send():
            replies: deque[Any] = deque()
            for frame in frames:
                event = live.decode_client(frame)
                self.sent.append(event)
                if isinstance(event, live.SessionStart):
                    self.starts.append(event.session)
                if self.server is not None and not self.is_server_mute:
                    replies.extend(self.server.feed(frame))
            while self.server is not None and self.server.is_responding and not self.is_server_mute:
                replies.extend(self.server.advance())
            for event in replies:
                if isinstance(event, live.Error):
                    self.refused.append(event)
                if self.server is not None:
                    self.client.receive(self.server.encode(event), self.now)
        self.seen += self.client.events()

    def feed(self, *events: Any) -> None:
        """Have the server send events of the test's own."""
        for event in events:
            self.client.receive_event(event, self.now)
        self.run()

    def talk(self, *parts: tuple[bytes, int]) -> None:
        """Append audio, `count` steps of each part, one each 100 ms."""
        for audio, count in parts:
            for _ in range(count):
                if self.client.state is not ClientState.CLOSED:
                    self.client.append(audio)
                self.run()
                self.now += STEP_MS / 1000

    def cut(self, code: int = 1006) -> None:
        self.server = None
        self.client.connection_lost(self.now, code=code)
        self.seen += self.client.events()

    def text(self) -> list[tuple[str, str]]:
        return [(one.speaker, one.text) for one in self.client.transcript.segments]


TURN = ((SPEECH, 8), (SILENCE, 20))


def started(world: World) -> World:
    world.run()
    assert world.client.state is ClientState.RUNNING
    return world


# --- A session -----------------------------------------------------------------------


def test_a_call() -> None:
    world = started(World(script=[[Transcribe("Is it open?"), "Yes, it is open."]]))
    assert world.client.input_format == world.client.output_format == FORMAT
    assert world.client.session is not None
    world.talk(*TURN)
    assert world.text() == [("user", "Is it open?"), ("assistant", "Yes, it is open.")]
    assert len(world.of(live.SessionOutputAudioDelta)) == 28
    assert world.client.speech.spans
    assert world.client.request_close(world.now)
    with pytest.raises(SessionClosed):
        world.client.append(SILENCE)
    world.run()
    end = world.client.next_action(world.now)
    assert end == GiveUp("closed by the client")
    (ended,) = world.of(SessionEnded)
    assert (ended.is_confirmed, ended.reason) == (True, "close_requested")
    assert float(world.client.usage.session_seconds) == ended.usage.seconds > 2
    assert not world.refused


def test_nothing_is_sent_before_the_start() -> None:
    world = World()
    world.client.append(SPEECH)
    world.client.say("Hello!", world.now)
    world.is_server_mute = True
    world.run()
    assert [event.type for event in world.sent] == ["session.start"]
    assert world.client.state is ClientState.OPENING
    world.feed(live.SessionStarted(session=live.LiveSessionInfo(id="s")))
    assert [event.type for event in world.sent[1:]] == [
        "session.input_audio.append", "session.commentary.append",
    ]  # fmt: skip


def test_a_server_that_does_not_start() -> None:
    world = World(patience_s=5)
    world.is_server_mute = True
    world.run()
    world.now += 6
    world.run()
    (lost,) = world.of(Reconnecting)
    assert "start the session in 5 s" in lost.reason
    assert isinstance(world.client.next_action(world.now), Wait)


def test_a_server_that_stops_to_send_audio() -> None:
    world = started(World(patience_s=5))
    world.talk((SILENCE, 5))
    world.now += 60  # nothing is appended, so nothing is awaited
    world.talk((SILENCE, 5))
    assert not world.of(Reconnecting)
    world.is_server_mute = True
    world.talk((SILENCE, 60))
    assert "send audio" in world.of(Reconnecting)[0].reason


def test_a_greeting() -> None:
    world = World()
    world.client.say("Good morning.", world.now)
    started(world)
    world.talk((SILENCE, 15))
    assert world.text() == [("assistant", "Good morning.")]
    with pytest.raises(ConfigError, match="empty"):
        world.client.say(" ", world.now)


def test_interrupt() -> None:
    world = started(World())
    world.client.interrupt(world.now)
    world.run()
    assert isinstance(world.sent[-1], live.SessionInstructionsAppend)
    world.talk((SILENCE, 5))
    assert not world.refused


@pytest.mark.parametrize("event", [r.ResponseCreate(), r.InputAudioBufferCommit(), r.create_text_input("x")])
def test_events_of_ga_are_refused(event: Any) -> None:
    with pytest.raises(EncodeError, match="not an event of this dialect"):
        started(World()).client.send(event, START)


def test_say_is_of_live() -> None:
    client = ClientProtocol()
    assert type(client) is ClientProtocol
    with pytest.raises(ConfigError, match="only Live"):
        client.say("Hello", START)


def test_updates_hold_for_later_sessions() -> None:
    world = started(World(session=settings(delegation=BACKEND)))
    body = live.ResponsesConfig(instructions="Be brief.")
    update = live.LiveSessionUpdate(delegation=live.ResponsesDelegation(responses=body))
    first = world.client.update(update, world.now)
    assert [*world.client.pending_updates] == [first]
    world.run()
    assert not world.client.pending_updates
    world.client.send(live.SessionUpdate(session=live.LiveSessionUpdate(triggers=[])), world.now)
    world.cut()  # the second is not answered
    world.now += 10
    world.run()
    delegation = world.starts[-1].delegation
    assert isinstance(delegation, live.ResponsesDelegation)
    assert delegation.responses == live.ResponsesConfig(model="gpt-5", instructions="Be brief.")
    assert world.starts[-1].triggers == []
    assert not world.refused
    assert not world.of(SettingsDiffer)


def test_a_refused_update_changes_nothing() -> None:
    world = started(World())
    delegation = live.ResponsesDelegation(responses=live.ResponsesConfig())
    event_id = world.client.update(live.LiveSessionUpdate(delegation=delegation), world.now)
    world.run()
    (failed,) = world.of(RequestFailed)
    assert failed.request.event_id == event_id
    assert failed.error is world.refused[0].error or failed.error.message == world.refused[0].error.message
    world.cut()
    world.now += 10
    world.run()
    assert world.starts[0] == world.starts[1]


def session_info(**members: Any) -> live.LiveSessionInfo:
    return live.LiveSessionInfo(id="s", **members)


def test_settings_that_the_server_does_not_apply_are_reported() -> None:
    """In each session, and after an update. What the server does not report, and the input, count as applied."""
    requested = settings(
        instructions="Be brief.", input=[live.Message(role="user", content="x")], triggers=[]
    )
    client = ClientProtocol(session=requested)
    client.connected(START)
    client.receive_event(live.SessionStarted(event_id="e", session=session_info(audio=PCMU)), START)
    assert not of(client.events(), SettingsDiffer)
    other = live.LiveAudio(format=live.LivePcmaFormat(rate=8000))
    updated = session_info(audio=other, instructions="Be long.")
    for _ in range(2):
        client.receive_event(live.SessionUpdated(event_id="e", session=updated), START)
    (differ,) = of(client.events(), SettingsDiffer)
    assert [each.path for each in differ.differences] == ["audio.format", "instructions"]
    assert client.differences == differ.differences
    client.receive_event(live.SessionUpdated(event_id="e", session=session_info(audio=PCMU)), START)
    assert not client.differences


# --- Errors and ends -----------------------------------------------------------------


def error(code: str | None = None, type: str = "invalid_request_error", id: str | None = None) -> live.Error:
    return live.Error(error=live.LiveErrorDetail(type=type, code=code, message="no", client_event_id=id))


@pytest.mark.parametrize(
    ("event", "is_retried"),
    [
        (error("credit_balance_exhausted"), False),
        (error(None), False),
        (error("rate_limit_exceeded"), True),
        (error(None, "server_error"), True),
    ],
)
def test_errors_before_the_start(event: live.Error, is_retried: bool) -> None:
    world = World()
    world.is_server_mute = True
    world.run()
    world.feed(event)
    action = world.client.next_action(world.now)
    if is_retried:
        assert isinstance(action, Wait)
    else:
        assert isinstance(action, GiveUp)
        assert isinstance(action.error, SessionRefused)
        assert action.error.error is event.error
    assert event in world.seen
    assert not world.of(SessionEnded)


@pytest.mark.parametrize(
    ("event", "is_fatal"),
    [
        (error(None), False),
        (error("content_filter"), False),
        (error(None, "server_error"), False),
        (error("insufficient_quota"), True),
        (error("forbidden"), True),
    ],
)
def test_errors_after_the_start(event: live.Error, is_fatal: bool) -> None:
    world = started(World(script=["Still here."]))
    world.feed(event)
    assert event in world.seen
    assert (world.client.state is ClientState.CLOSED) == is_fatal
    if not is_fatal:
        world.talk(*TURN)
        assert ("assistant", "Still here.") in world.text()


def test_an_error_about_a_command_does_not_end_the_session() -> None:
    world = started(World())
    event_id = world.client.send(live.ResponseCreate(), world.now)
    world.feed(error("insufficient_quota", id=event_id))
    assert world.client.state is ClientState.RUNNING
    assert world.of(RequestFailed)[0].request.event_id == event_id


@pytest.mark.parametrize(
    ("reason", "is_replaced"),
    [
        ("expired", True),
        ("connection_lost", True),
        ("content", False),
        ("remote_hangup", False),
        ("new", False),
    ],
)
def test_sessions_that_the_server_ends(reason: str, is_replaced: bool) -> None:
    world = started(World())
    world.feed(live.SessionClosed(reason=reason, usage=live.LiveUsage(seconds=7)))
    assert world.of(SessionEnded) == [SessionEnded(True, reason, live.LiveUsage(seconds=7))]
    action = world.client.next_action(world.now)
    if is_replaced:
        assert isinstance(action, Wait)
    else:
        assert isinstance(action, GiveUp)
        assert isinstance(action.error, SessionLost)
    assert world.client.usage.session_seconds == 7


@pytest.mark.parametrize("is_closing", [False, True])
def test_an_end_that_is_not_confirmed(is_closing: bool) -> None:
    world = started(World())
    world.feed(live.SessionUsageUpdated(usage=live.LiveUsage(seconds=3)))
    if is_closing:
        assert world.client.request_close(world.now)
        world.is_server_mute = True
        world.run()
        world.cut()
        assert world.client.state is ClientState.CLOSED
        assert world.client.next_action(world.now) == GiveUp("closed by the client")
    else:
        world.client.close(world.now)
        world.seen += world.client.events()
    assert world.of(SessionEnded) == [SessionEnded(False, None, live.LiveUsage(seconds=3))]


def test_a_lost_session_is_replaced_from_the_transcript() -> None:
    own = msgspec.Raw(b'{"type":"message","role":"developer","content":[{"type":"input_text","text":"Hi"}]}')
    script = [[Transcribe("My name is Ann."), "Hello, Ann."], [Transcribe("Bye."), "Goodbye."]]
    world = started(World(script=script, session=settings(input=[own])))
    world.client.send(live.SessionInstructionsAppend(delegation_id=None, content="Be polite."), world.now)
    world.talk(*TURN)
    world.client.send(live.SessionInputAudioMute(), world.now)
    world.run()
    world.client.say("One moment.", world.now)
    world.run()
    world.cut()
    assert isinstance(world.client.next_action(world.now), Wait)
    world.client.append(SPEECH)  # waits
    world.script = [*script[1:]]
    world.now += 10
    world.run()
    assert world.client.state is ClientState.RUNNING
    (resumed,) = world.of(Resumed)
    assert resumed.items == 3
    found: Any = world.starts[-1].input
    assert [(each.role, each.content[0].text) for each in found] == [
        ("developer", "Hi"),
        ("developer", "Be polite."),
        ("user", "My name is Ann."),
        ("assistant", "Hello, Ann."),
    ]
    kinds = [event.type for event in world.sent]
    after = kinds[len(kinds) - kinds[::-1].index("session.start") :]
    assert after[:2] == ["session.input_audio.mute", "session.commentary.append"]
    world.client.send(live.SessionInputAudioUnmute(), world.now)
    world.talk((SILENCE, 10), *TURN)
    assert world.text()[-1] == ("assistant", "Goodbye.")
    assert ("assistant", "One moment.") in world.text()
    assert world.of(SessionEnded)[0].is_confirmed is False
    assert len(world.of(Connected)) == 2
    assert not world.refused


def test_attempts_are_counted_since_the_user_was_understood() -> None:
    world = started(World(retry=RetryPolicy(max_attempts=1)))
    for _ in range(3):
        world.feed(live.SessionInputTranscriptDelta(delta="Yes", start_ms=0, end_ms=200))
        world.cut()
        world.now += 10
        world.run()
    assert world.client.state is ClientState.RUNNING
    world.cut()
    assert isinstance(world.client.next_action(world.now), GiveUp)


def test_audio_that_waits_too_long_is_dropped() -> None:
    world = World()
    for _ in range(100):
        world.client.append(SPEECH)
    started(world)
    assert sum(len(event.audio) for event in world.sent if hasattr(event, "audio")) == 8000 * 5


def test_a_session_is_replaced_before_it_expires() -> None:
    world = World(script=["A.", "B."], handover_s=60)
    world.expires_at = int(START + 1000)
    started(world)
    world.talk(*TURN)
    world.now = START + 990
    world.expires_at = 0
    world.talk((SILENCE, 30))
    assert len(world.starts) == 2
    (ended,) = world.of(SessionEnded)
    assert (ended.is_confirmed, ended.reason) == (True, "close_requested")
    assert "expires" in world.of(Reconnecting)[0].reason
    assert world.client.state is ClientState.RUNNING
    assert not world.refused


def test_a_spend_limit() -> None:
    world = started(World(spend_limit_usd=0.05, price="gpt-live-1"))
    world.feed(live.SessionUsageUpdated(usage=live.LiveUsage(seconds=59)))
    assert world.client.state is ClientState.RUNNING
    world.feed(live.SessionUsageUpdated(usage=live.LiveUsage(seconds=61)))
    action = world.client.next_action(world.now)
    assert isinstance(action, GiveUp)
    assert isinstance(action.error, SpendLimitReached)


def test_sent_audio_is_not_sent_again() -> None:
    world = started(World())
    world.talk((SPEECH, 3))
    world.cut()
    world.now += 10
    world.run()
    assert sum(isinstance(event, live.SessionInputAudioAppend) for event in world.sent) == 3


def test_audio_waits_while_a_session_is_replaced() -> None:
    world = World(handover_s=60)
    world.expires_at = int(START + 1000)
    started(world)
    world.talk((SILENCE, 30))
    world.now, world.is_server_mute = START + 990, True
    world.run()
    assert isinstance(world.sent[-1], live.SessionClose)
    world.client.append(SPEECH)
    world.run()
    assert isinstance(world.sent[-1], live.SessionClose)
    world.expires_at, world.is_server_mute = 0, False
    world.feed(live.SessionClosed(reason="close_requested", usage=live.LiveUsage(seconds=3)))
    world.run()
    assert [event.type for event in world.sent[-2:]] == ["session.start", "session.input_audio.append"]


@pytest.mark.parametrize(
    "event",
    [
        live.SessionInputTranscriptDelta(delta="Wait", start_ms=2500, end_ms=2900),
        live.SessionOutputAudioDelta(delta=SPEECH),
    ],
)
def test_a_session_is_not_replaced_while_somebody_speaks(event: Any) -> None:
    world = World(handover_s=60)
    world.expires_at = int(START + 1000)
    started(world)
    world.talk((SILENCE, 30))
    world.feed(event)
    world.now = START + 990
    world.run()
    assert not isinstance(world.sent[-1], live.SessionClose)
    world.talk((SILENCE, 30))
    assert any(isinstance(event, live.SessionClose) for event in world.sent)


def test_refused_instructions_are_not_restored() -> None:
    world = started(World())
    world.client.send(live.SessionInstructionsAppend(delegation_id=None, content="x" * 2000), world.now)
    world.run()
    assert world.refused
    world.cut()
    world.now += 10
    world.run()
    assert not world.starts[-1].input


def test_the_user_ends_the_session_by_its_event() -> None:
    world = started(World())
    world.is_server_mute = True
    world.client.send(live.SessionClose(event_id="c"), world.now)
    with pytest.raises(SessionClosed):
        world.client.append(SILENCE)
    world.feed(error("x", id="c"))
    world.client.append(SILENCE)  # it was refused: the session goes on


def test_an_attached_client_starts_and_closes_nothing() -> None:
    world = World(restores=False)
    world.run()
    assert world.client.state is ClientState.RUNNING
    assert not world.client.request_close(world.now)
    world.client.say("Hello.", world.now)
    world.run()
    assert [event.type for event in world.sent] == ["session.commentary.append"]


# --- Tools ---------------------------------------------------------------------------


def tools(*names: str) -> Toolbox:
    toolbox = Toolbox()
    for name in names or ("weather",):
        toolbox.add(lambda_named(name))
    return toolbox


def lambda_named(name: str) -> Any:
    def weather(city: str) -> str:
        return f"sunny in {city}"

    def delegate(delegation_id: str) -> str:
        return f"done: {delegation_id}"

    return {"weather": weather, "delegate": delegate}[name]


def run_tools(world: World, toolbox: Toolbox, done: set[str]) -> None:
    for event in world.of(ToolCalled):
        if event.call.call_id not in done:
            done.add(event.call.call_id)
            world.client.send(toolbox.call(event.call), world.now)
    world.run()


def test_a_tool_call_in_responses_mode() -> None:
    script = [[Transcribe("Weather in Rome?"), Call("weather", {"city": "Rome"})], "It is sunny."]
    toolbox = tools()
    world = started(World(script=script, session=settings(delegation=BACKEND), tools=toolbox))
    delegation = world.starts[0].delegation
    assert isinstance(delegation, live.ResponsesDelegation)
    assert isinstance(delegation.responses, live.ResponsesConfig)
    assert [
        tool.name for tool in delegation.responses.tools or [] if isinstance(tool, live.FunctionTool)
    ] == ["weather"]
    world.talk(*TURN)
    assert [call.name for call in world.client.open_calls] == ["weather"]
    run_tools(world, toolbox, set())
    world.talk((SILENCE, 10))
    assert world.text()[-1] == ("assistant", "It is sunny.")
    assert not world.refused
    assert world.client.open_calls == ()


def test_a_delegation_to_the_client() -> None:
    toolbox = tools("delegate")
    world = started(World(script=[[Transcribe("Look it up."), Delegate()]], tools=toolbox))
    world.talk(*TURN)
    (called,) = world.of(ToolCalled)
    assert world.client.transcript.request(called.call.call_id) == "Look it up."
    run_tools(world, toolbox, set())
    world.talk((SILENCE, 20))
    assert world.text()[-1][1].startswith("done:")
    assert not world.refused


@pytest.mark.parametrize("mode", ["client", "responses"])
def test_the_output_of_a_call_of_a_lost_session_is_said(mode: str) -> None:
    script = [
        [Transcribe("Weather?"), Call("weather", {"city": "Rome"}) if mode == "responses" else Delegate()]
    ]
    delegation: Any = BACKEND if mode == "responses" else live.ClientDelegation()
    world = started(World(script=script, session=settings(delegation=delegation)))
    world.talk(*TURN)
    (called,) = world.of(ToolCalled)
    world.cut()
    assert world.client.open_calls == ()
    world.client.send(called.call.output("Sunny."), world.now)
    world.now += 10
    world.run()
    world.talk((SILENCE, 10))
    assert world.text()[-1] == ("assistant", "Sunny.")
    assert not world.refused
    assert world.client.open_calls == ()


@pytest.mark.parametrize("processed", ["nothing", "output", "continuation"])
def test_an_output_that_a_lost_backend_has_not_processed_is_said(processed: str) -> None:
    """It was given to the client, and perhaps sent, before the session was lost."""
    world = started(World(session=settings(delegation=BACKEND)))
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"}
    world.feed(backend("created", "r1"), backend("output_item.done", item=call))
    (called,) = world.of(ToolCalled)
    world.client.answer(called.call, "Sunny.", world.now)
    if processed != "nothing":
        world.is_server_mute = True  # it does not know the call
        world.feed(backend("completed", "r1"))
        assert isinstance(world.sent[-1], live.ResponseCreate)
        world.feed(backend("created", "r2"))
    if processed == "continuation":
        world.feed(backend("completed", "r2"))
    world.cut()
    world.is_server_mute = False
    world.now += 10
    world.run()
    world.talk((SILENCE, 10))
    said = [] if processed == "continuation" else [("assistant", "Sunny.")]
    assert world.text() == said
    assert not world.refused


def backend(kind: str, response_id: str = "", **members: Any) -> live.ResponseEvent:
    response = {"response": {"id": response_id}} if response_id else {}
    inner = msgspec.json.encode({"type": f"response.{kind}", **response, **members})
    return live.ResponseEvent(event_id="e", delegation_id="d", event=live.Json(inner))


@pytest.mark.parametrize(
    ("delegation", "given"),
    [
        (live.UNSET, tools()),
        (live.ClientDelegation(), tools()),
        (live.UNSET, tools().tools),
        (live.UNSET, [{"type": "function", "name": "weather"}]),
        (live.UNSET, tools("delegate", "weather")),
        (live.ClientDelegation(), tools("weather", "delegate")),
    ],
)
def test_tools_that_nobody_can_call(delegation: Any, given: Any) -> None:
    with pytest.raises(ConfigError, match=r"nothing can call weather: .*'delegate' alone"):
        ClientProtocol(session=settings(delegation=delegation), tools=given)


def test_a_tool_for_client_delegations_may_stand_beside_those_of_a_backend() -> None:
    client = ClientProtocol(session=settings(delegation=BACKEND), tools=tools("weather", "delegate"))
    assert client.toolbox is not None


@pytest.mark.parametrize(
    ("event", "instead"),
    [
        (r.ResponseCreate(), r"say\(\)"),
        (r.ResponseCancel(), r"interrupt\(\)"),
        (r.InputAudioBufferCommit(), "turns itself"),
        (r.ConversationItemCreate(item=r.MessageItem(role="user", content=[])), "live.SessionThinkingAppend"),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_requests_of_ga_say_what_to_do_instead(event: Any, instead: str) -> None:
    client = ClientProtocol(session=settings())
    with pytest.raises(r.EncodeError, match=instead) as refused:
        client.send(event, START)
    assert refused.value.event_type == event.type


@pytest.mark.parametrize(
    ("body", "own"),
    [
        (live.Json(b'{"model":"gpt-5","tools":[{"type":"computer"}]}'), [{"type": "computer"}]),
        (live.Json(b'{"model":"gpt-5","tools":null}'), []),
        (live.Json(b'{"model":"gpt-5","tools":"computer"}'), []),
        (live.Json(b'{"model":"gpt-5","tools":1}'), []),
        ({"model": "gpt-5", "tools": [{"type": "computer"}]}, [{"type": "computer"}]),
        (live.ResponsesConfig(model="gpt-5", tools=[live.ComputerTool()]), [{"type": "computer"}]),
    ],
)
def test_tools_are_added_to_any_body(body: Any, own: list[Any]) -> None:
    delegation = live.ResponsesDelegation(responses=body)
    client = ClientProtocol(session=settings(delegation=delegation), tools=tools())
    client.connected(START)
    (frame,) = client.frames_to_send()
    sent = msgspec.json.decode(frame)["session"]["delegation"]["responses"]
    assert sent["model"] == "gpt-5"
    assert [*sent["tools"][:-1], sent["tools"][-1]["name"]] == [*own, "weather"]


@pytest.mark.parametrize("body", ["{oops", "[1]", '"text"', "[" * 5000])
def test_a_body_of_the_delegation_that_is_no_object(body: str) -> None:
    responses: Any = live.Json(body.encode())
    delegation = live.ResponsesDelegation(responses=responses)
    with pytest.raises(ConfigError, match=r"delegation\.responses is not a JSON object"):
        ClientProtocol(session=settings(delegation=delegation), tools=tools())


# --- Addresses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "wss://api.openai.com/v1/live/sessions"),
        ({"host": "ws://localhost:1"}, "ws://localhost:1/v1/live/sessions"),
        ({"call_id": "s/1"}, "wss://api.openai.com/v1/live/sessions/s%2F1/attach"),
        ({"url": "ws://x/y"}, "ws://x/y"),
    ],
)
def test_addresses(options: Any, address: str) -> None:
    assert ClientProtocol(session=settings()).address("gpt-live-1", **options) == address


def test_addresses_of_azure_and_others() -> None:
    azure = ClientProtocol(session=settings(), provider="azure")
    assert azure.address("d", host="r.openai.azure.com") == "wss://r.openai.azure.com/openai/v1/live/sessions"
    with pytest.raises(ConfigError, match="does not speak Live"):
        ClientProtocol(session=settings(), provider="xai").address("d")


# --- On a WebSocket ------------------------------------------------------------------


def of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


async def speak(session: Any, *parts: tuple[bytes, int]) -> None:
    for audio, count in parts:
        for _ in range(count):
            await session.append(audio)


@asynchronous
async def test_a_session_on_a_websocket() -> None:
    script: Any = [[Transcribe("Weather in Rome?"), Call("weather", {"city": "Rome"})], "It is sunny."]
    options: Any = {"session": live.LiveSession(audio=PCMU, delegation=BACKEND), "tools": tools()}
    async with LoopbackServer(script=script) as server:
        async with connect("gpt-live-1", url=server.live_url, **options) as session:
            await session.say("Welcome.")
            await speak(session, (SILENCE, 20), *TURN)
            async for event in session:
                if isinstance(event, live.SessionOutputAudioDelta):
                    await speak(session, (SILENCE, 1))
                if [one.text for one in session.transcript.segments][-1:] == ["It is sunny."]:
                    break
        assert [one.text for one in session.transcript.segments] == [
            "Welcome.", "Weather in Rome?", "It is sunny.",
        ]  # fmt: skip
        ended = [event async for event in session if isinstance(event, SessionEnded)]
        assert [each.is_confirmed for each in ended] == [True]


@asynchronous
async def test_a_model_alone_opens_a_live_session() -> None:
    async with LoopbackServer() as server, connect("gpt-live-1", url=server.live_url) as session:
        assert session.output_format == r.AudioFormat.PCM16
        assert isinstance(session.protocol.session, live.LiveSessionInfo)
        for request in (session.respond, session.commit):
            with pytest.raises(r.EncodeError, match="on Live, "):
                await request()
        result = await session.update(live.LiveSessionUpdate(triggers=[]))
        assert result.session.id == session.protocol.session.id
        with pytest.raises(RequestRefused, match=r"session\.update"):
            await session.update(live.LiveSessionUpdate(delegation=BACKEND))


# For each fault: the numbers of connections, of errors that are seen, and of confirmed ends.
FAULTS: dict[str, tuple[int, bool, list[bool]]] = {
    "live_null_code": (1, True, [True]),
    "live_moderation": (1, True, [True]),
    "live_expired": (2, False, [True, True]),
    "live_unconfirmed": (1, False, [False]),
    "live_late_transcripts": (1, False, [True]),
    "disconnect": (2, False, [False, True]),
}


@pytest.mark.parametrize("fault", FAULTS)
@asynchronous
async def test_faults_are_survived(fault: str) -> None:
    connections, has_error, ends = FAULTS[fault]
    faults: Any = [Disconnect(at="session.output_audio.delta", nth=3)] if fault == "disconnect" else [fault]
    events: list[Any] = []

    async def listen(session: Session) -> None:
        while True:
            await speak(session, *TURN)
            await asyncio.sleep(0.1)

    async with LoopbackServer(script=lambda turn: "It is open.", faults=faults) as server:
        options: Any = {"session": settings(), "url": server.live_url, "retry": FAST}
        async with connect("gpt-live-1", **options) as session:
            listening = asyncio.create_task(listen(session))
            async for event in session:
                events.append(event)
                if (
                    session.transcript.text.count("It is open.") >= 2
                    and len(of(events, Connected)) == connections
                ):
                    break
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        events += [event async for event in session]
    assert len(of(events, Connected)) == connections
    assert len(of(events, Resumed)) == connections - 1
    assert bool(of(events, live.Error)) == has_error
    assert [end.is_confirmed for end in of(events, SessionEnded)] == ends


@asynchronous
async def test_an_account_without_credit() -> None:
    async with LoopbackServer(faults=["live_no_credit"]) as server:
        with pytest.raises(SessionRefused, match="credit_balance_exhausted"):
            async with connect("gpt-live-1", url=server.live_url):
                raise AssertionError("it started")


@asynchronous
async def test_settings_of_another_dialect_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"settings of gpt-live-1 are a live\.LiveSession"):
        async with connect("gpt-live-1", session=r.create_session_config()):
            raise AssertionError("it started")


@asynchronous
async def test_settings_of_ga_are_refused_by_a_live_server() -> None:
    async with LoopbackServer() as server:
        with pytest.raises(SessionRefused, match=r"unknown_parameter|invalid_value"):
            async with connect("gpt-realtime-2", url=server.live_url, session=r.create_session_config()):
                raise AssertionError("it started")
