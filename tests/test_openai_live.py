"""OpenAI's official client on Live sessions of the loopback server: each accepts the other's events.

The events of the server must have all members that the client's models require, and no other.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("openai")

import pydantic
from openai import AsyncOpenAI, OpenAI
from openai.types import live as sdk
from openai.types.live.connect_server_event import ConnectServerEvent
from openai.types.live.server_event import ServerEvent
from openai.types.live.session_config_param import SessionConfigParam
from openai.types.responses import ResponseStreamEvent

from realtime import AudioFormat, live
from realtime.testing import Call, Delegate, Fail, LoopbackServer, ServerProtocol, Transcribe
from realtime.testing.script import Script
from tests.oracle import sdk as oracle
from tests.testing.helpers import tone

# websockets 17.1 deprecates the way in which OpenAI's client calls it.
pytestmark = pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
PCM16 = AudioFormat.PCM16
TURN = tone(PCM16, 600) + PCM16.silence(500)
SCRIPT: Script = [
    [
        Transcribe("The weather, please."),
        "One moment.",
        Call("weather", {"city": "Tallinn"}, call_id="call_1"),
    ],
    "It is sunny.",
]
SESSION: SessionConfigParam = {
    "model": "gpt-live-1",
    "instructions": "Be brief.",
    "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "cedar"}},
    "delegation": {
        "type": "responses",
        "responses": {"model": "gpt-5", "tools": [{"type": "function", "name": "weather"}]},
    },
    "store": True,
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(params=[None, 20])
def server(request: pytest.FixtureRequest) -> Iterator[LoopbackServer]:
    with LoopbackServer(script=SCRIPT, pace=request.param) as running:
        yield running


def base64_of(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


# --- The models ----------------------------------------------------------------------


def unknown_members(value: Any) -> list[str]:
    """Return the members, at any depth, that the client's models do not have."""
    if isinstance(value, pydantic.BaseModel):
        found = [*(value.model_extra or ())]
        return found + [
            name for field in type(value).model_fields for name in unknown_members(getattr(value, field))
        ]
    return [name for each in value for name in unknown_members(each)] if isinstance(value, list) else []


def by_type(union: Any) -> dict[str, type[pydantic.BaseModel]]:
    return {oracle.tag(model): model for model in oracle.models(union)}


EVENTS, SIDEBAND_EVENTS, STREAM = map(by_type, (ServerEvent, ConnectServerEvent, ResponseStreamEvent))


def check(models: dict[str, type[pydantic.BaseModel]], frame: bytes) -> str:
    """Check an event of the server. Returns its type."""
    body = json.loads(frame)
    if body["type"] == "error":  # documented as null where there is none
        body["error"].setdefault("code", "")
    event = models[body["type"]].model_validate(body)
    assert unknown_members(event) == [], body
    if body["type"] == "response.event":
        nested = STREAM[body["event"]["type"]].model_validate(body["event"])
        assert unknown_members(nested) == [], body
    return str(body["type"])


def append(audio: bytes) -> live.SessionInputAudioAppend:
    return live.SessionInputAudioAppend(audio=audio)


RESPONSES = live.ResponsesDelegation(responses=live.ResponsesConfig(model="gpt-5"))
QUESTION = live.PredicateQuestion(name="q", instructions="x")
DECISIONS = live.DecisionsDelegation(decisions=live.DecisionsConfig(model="m", questions=[QUESTION]))
OUTPUT = live.FunctionCallOutput(call_id="c", output="x")
CALLS: dict[str, tuple[Any, Script | None, list[live.ClientEvent]]] = {
    "client": (
        live.ClientDelegation(),
        [[Transcribe("x"), "y", Delegate()]],
        [
            append(TURN),
            live.SessionThinkingAppend(content="x", delegation_id="delegation_00000001"),
            live.SessionInstructionsAppend(content="x", delegation_id=None),
            live.SessionCommentaryAppend(content="x", delegation_id=None, event_id="say"),
            append(PCM16.silence(16_000)),
            live.SessionInputAudioMute(),
            live.SessionInputAudioUnmute(event_id="u"),
            live.SessionOutputAudioFixturePlay(audio=PCM16.silence(50)),
            append(PCM16.silence(100)),
            live.SessionUpdate(session=live.LiveSessionUpdate(delegation=live.ClientDelegation())),
            live.ResponseCreate(event_id="refused"),
        ],
    ),
    "responses": (
        RESPONSES,
        [[Call("f", {"a": 1}, call_id="c"), "wait"], Delegate("done"), Fail()],
        [
            append(TURN),
            live.ResponseItemCreate(item=OUTPUT),
            live.ResponseCreate(),
            live.ResponseCreate(),
            append(PCM16.silence(2000)),
        ],
    ),
    "decisions": (
        DECISIONS,
        [Delegate()],
        [
            append(TURN),
            live.DecisionCreate(event_id="d"),
            live.DecisionItemCreate(
                item=live.Message(id="i", role="user", content=[live.InputText(text="x")])
            ),
            live.DecisionItemDelete(item_id="i"),
        ],
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_event_of_the_server_has_the_members_of_its_model(name: str) -> None:
    delegation, script, commands = CALLS[name]
    session = ServerProtocol(dialect="live", script=script)
    settings = live.LiveSession(model="gpt-live-1", delegation=delegation, instructions="x")
    seen = [
        check(EVENTS, session.encode(event)) for event in session.feed(live.SessionStart(session=settings))
    ]
    sideband = session.attach()
    sideband.open()
    for command in [*commands, live.SessionClose()]:
        seen += [check(EVENTS, session.encode(event)) for event in session.feed(command)]
        for event in sideband.take_events():
            check(SIDEBAND_EVENTS, sideband.encode(event))
    assert seen.count("error") == (name == "client")
    assert seen[-1] == "session.closed"


# --- The connection ------------------------------------------------------------------


class CallLog:
    """What an application does with the events of a call."""

    def __init__(self) -> None:
        self.said = self.heard = ""
        self.audio = b""
        self.function = ""
        self.is_closing = False
        self.closed: sdk.SessionClosedEvent | None = None

    def feed(self, event: Any) -> str | None:
        """Feed an event. Returns the id of a function call to answer."""
        match event:
            case sdk.InputTranscriptDeltaEvent():
                self.heard += event.delta
            case sdk.OutputTranscriptDeltaEvent():
                self.said += event.delta
            case sdk.OutputAudioDeltaEvent():
                self.audio += base64.b64decode(event.delta)
            case sdk.SessionClosedEvent():
                self.closed = event
            case sdk.ErrorEvent():
                pytest.fail(event.error.message)
            case sdk.ResponseEvent():
                nested: Any = event.event
                if (
                    nested["type"] == "response.output_item.done"
                    and nested["item"]["type"] == "function_call"
                ):
                    self.function = nested["item"]["name"]
                    return str(nested["item"]["call_id"])
            case _:
                pass
        return None

    @property
    def is_over(self) -> bool:
        """True once, after the last words."""
        if self.is_closing or not self.said.endswith("sunny."):
            return False
        self.is_closing = True
        return True

    def check(self) -> None:
        assert self.heard == "The weather, please."
        assert self.said == "One moment. It is sunny."
        assert self.function == "weather"
        assert self.audio.strip(b"\0")
        assert self.closed is not None
        assert self.closed.reason == "close_requested"
        assert self.closed.session.id


def test_the_synchronous_client(server: LoopbackServer) -> None:
    call = CallLog()
    with (
        OpenAI(api_key="none", websocket_base_url=server.base_url) as client,
        client.live.connect() as connection,
    ):
        connection.session.start(session=SESSION)
        started = connection.recv()
        assert isinstance(started, sdk.SessionStartedEvent)
        assert started.session.audio is not None
        assert started.session.audio.output is not None
        assert started.session.audio.output.voice == "cedar"
        connection.session.input_audio.append(audio=base64_of(TURN))
        for event in connection:
            call_id = call.feed(event)
            if call_id is not None:
                output: Any = {"type": "function_call_output", "call_id": call_id, "output": "sunny"}
                connection.response.item.create(item=output)
                connection.response.create()
                connection.session.input_audio.append(audio=base64_of(PCM16.silence(3000)))
            if call.is_over:
                connection.session.close()
    call.check()


def test_the_asynchronous_client(server: LoopbackServer) -> None:
    async def run() -> CallLog:
        call = CallLog()
        async with (
            AsyncOpenAI(api_key="none", websocket_base_url=server.base_url) as client,
            client.live.connect() as connection,
        ):
            await connection.session.start(session=SESSION)
            assert isinstance(await connection.recv(), sdk.SessionStartedEvent)
            await connection.session.input_audio.append(audio=base64_of(TURN))
            async for event in connection:
                call_id = call.feed(event)
                if call_id is not None:
                    output: Any = {"type": "function_call_output", "call_id": call_id, "output": "sunny"}
                    await connection.response.item.create(item=output)
                    await connection.response.create()
                    await connection.session.input_audio.append(audio=base64_of(PCM16.silence(3000)))
                if call.is_over:
                    await connection.session.close()
        return call

    asyncio.run(run()).check()


def test_a_sideband_and_a_fork(server: LoopbackServer) -> None:
    def until(receive: Callable[[], Any], kind: type[Any]) -> Any:
        while not isinstance(event := receive(), kind):
            pass
        return event

    with OpenAI(api_key="none", websocket_base_url=server.base_url) as client:
        with client.live.connect() as connection:
            connection.session.start(session=SESSION)
            session = until(connection.recv, sdk.SessionStartedEvent).session
            with client.live.sideband.connect(session_id=session.id, graceful_close=True) as sideband:
                sideband.session.commentary.append(content="Good day.", delegation_id=None, event_id="say")
                connection.session.input_audio.append(audio=base64_of(PCM16.silence(1000)))
                appended = until(sideband.recv, sdk.CommentaryAppendedEvent)
                assert appended.client_event_id == "say"
                assert until(sideband.recv, sdk.OutputTranscriptDeltaEvent).delta == "Good"
                sideband.session.close()
                assert until(sideband.recv, sdk.SessionClosedEvent).session.id == session.id
            assert until(connection.recv, sdk.SessionClosedEvent).reason == "close_requested"
        with client.live.forks.connect(session_id=session.id) as fork:
            fork.session.start(session={})
            forked = until(fork.recv, sdk.SessionStartedEvent).session
            assert forked.instructions == "Be brief."
            assert forked.id != session.id


def test_an_error_of_a_command(server: LoopbackServer) -> None:
    with (
        OpenAI(api_key="none", websocket_base_url=server.base_url) as client,
        client.live.connect() as connection,
    ):
        connection.session.start(session={"model": "gpt-live-1"})
        assert isinstance(connection.recv(), sdk.SessionStartedEvent)
        connection.response.create(event_id="mine")
        error = connection.recv()
        assert isinstance(error, sdk.ErrorEvent)
        assert error.error.client_event_id == "mine"
