"""OpenAI's own client against the loopback server: its events are taken, ours are understood.

Its parser is the judge: what comes back must be its models, with the fields in their places.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openai")

from openai import AsyncOpenAI, OpenAI
from openai.types import realtime as sdk
from openai.types.realtime.realtime_session_create_request_param import RealtimeSessionCreateRequestParam

import realtime as r
from realtime.testing import LoopbackServer

MODEL = "gpt-realtime"
# How OpenAI's client calls websockets is its own affair; version 17.1 minds.
pytestmark = pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
FORMATS = pytest.mark.parametrize("fmt", r.AudioFormat, ids=lambda fmt: fmt.value)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def settings(fmt: r.AudioFormat) -> RealtimeSessionCreateRequestParam:
    wire: Any = {"type": fmt.ga_type, **({"rate": 24000} if fmt is r.AudioFormat.PCM16 else {})}
    return {
        "type": "realtime",
        "instructions": "Say it again.",
        "audio": {
            "input": {"format": wire, "turn_detection": None, "transcription": {"model": "whisper-1"}},
            "output": {"format": wire, "voice": "marin"},
        },
    }


def recording(fmt: r.AudioFormat) -> bytes:
    """0.73 s of noise, every sample of which would tell a mistake."""
    noise = np.random.default_rng(7).integers(-20000, 20000, fmt.samples(730)).astype("<i2")
    return noise.tobytes() if fmt is r.AudioFormat.PCM16 else noise.astype("u1").tobytes()


class Heard:
    """What the client's parser made of a response."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.audio = b""
        self.words = ""
        self.transcript = ""
        self.done: sdk.RealtimeResponse | None = None

    def take(self, event: sdk.RealtimeServerEvent) -> bool:
        """Note an event; whether it was the last one."""
        self.types.append(event.type)
        match event:
            case sdk.ResponseAudioDeltaEvent():
                self.audio += base64.b64decode(event.delta)
            case sdk.ResponseAudioTranscriptDeltaEvent():
                self.words += event.delta
            case sdk.ResponseAudioTranscriptDoneEvent():
                self.transcript = event.transcript
            case sdk.ResponseDoneEvent():
                self.done = event.response
            case sdk.RealtimeErrorEvent():
                pytest.fail(event.error.message)
            case _:
                pass
        return self.done is not None

    def check(self, fmt: r.AudioFormat) -> None:
        assert self.audio == recording(fmt)
        assert self.words == self.transcript == "That was 0.73 seconds of audio."
        assert self.done is not None
        assert self.done.status == "completed"
        assert self.done.usage is not None
        assert self.done.usage.output_token_details is not None
        assert self.done.usage.output_token_details.audio_tokens == 15
        assert self.types[:5] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
        ]
        assert self.types[5] == "response.created"


@FORMATS
def test_the_synchronous_client(server: LoopbackServer, fmt: r.AudioFormat) -> None:
    with (
        OpenAI(api_key="none", websocket_base_url=server.base_url) as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        created = connection.recv()
        assert isinstance(created, sdk.SessionCreatedEvent)
        assert isinstance(created.session, sdk.RealtimeSessionCreateRequest)
        assert created.session.model == MODEL
        connection.session.update(session=settings(fmt))
        updated = connection.recv()
        assert isinstance(updated, sdk.SessionUpdatedEvent)
        assert isinstance(updated.session, sdk.RealtimeSessionCreateRequest)
        assert updated.session.instructions == "Say it again."
        assert updated.session.audio is not None
        assert updated.session.audio.input is not None
        assert updated.session.audio.input.turn_detection is None
        assert updated.session.audio.input.format is not None
        assert updated.session.audio.input.format.type == fmt.ga_type
        for chunk in r.audio.chunks(recording(fmt), fmt, 20):
            connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        connection.input_audio_buffer.commit()
        connection.response.create()
        heard = Heard()
        while not heard.take(connection.recv()):
            pass
        heard.check(fmt)


@FORMATS
def test_the_asynchronous_client(server: LoopbackServer, fmt: r.AudioFormat) -> None:
    async def talk() -> Heard:
        heard = Heard()
        async with (
            AsyncOpenAI(api_key="none", websocket_base_url=server.base_url) as client,
            client.realtime.connect(model=MODEL) as connection,
        ):
            assert isinstance(await connection.recv(), sdk.SessionCreatedEvent)
            await connection.session.update(session=settings(fmt))
            assert isinstance(await connection.recv(), sdk.SessionUpdatedEvent)
            for chunk in r.audio.chunks(recording(fmt), fmt, 100):
                await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
            await connection.input_audio_buffer.commit()
            await connection.response.create()
            while not heard.take(await connection.recv()):
                pass
        return heard

    asyncio.run(talk()).check(fmt)


def test_items_and_errors(server: LoopbackServer) -> None:
    with (
        OpenAI(api_key="none", websocket_base_url=server.base_url) as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        connection.recv()
        connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "id": "item_mine",
                "content": [{"type": "input_text", "text": "Good day"}],
            }
        )
        added, done = connection.recv(), connection.recv()
        assert isinstance(added, sdk.ConversationItemAdded)
        assert isinstance(done, sdk.ConversationItemDone)
        assert isinstance(added.item, sdk.RealtimeConversationItemUserMessage)
        assert added.item.id == "item_mine"
        connection.conversation.item.retrieve(item_id="item_mine")
        retrieved = connection.recv()
        assert retrieved.type == "conversation.item.retrieved"
        connection.conversation.item.truncate(
            item_id="nobody", content_index=0, audio_end_ms=0, event_id="evt_mine"
        )
        error = connection.recv()
        assert isinstance(error, sdk.RealtimeErrorEvent)
        assert error.error.type == "invalid_request_error"
        assert error.error.event_id == "evt_mine"
        assert error.error.param == "item_id"
        connection.response.create(response={"output_modalities": ["text"]})
        said: list[sdk.RealtimeServerEvent] = []
        while not said or said[-1].type != "response.done":
            said.append(connection.recv())
        (text,) = [event.text for event in said if isinstance(event, sdk.ResponseTextDoneEvent)]
        assert text == "Good day"
        connection.conversation.item.delete(item_id="item_mine")
        deleted = connection.recv()
        assert isinstance(deleted, sdk.ConversationItemDeletedEvent)
