"""OpenAI's official client against the loopback server: each accepts the other's events.

The events of the server must parse to the client's own models, with every field in its place.
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
from realtime.format import OPENAI_FORMATS
from realtime.testing import LoopbackServer

MODEL = "gpt-realtime"
# websockets 17.1 deprecates the way in which OpenAI's client calls it.
pytestmark = pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
FORMATS = pytest.mark.parametrize("format", OPENAI_FORMATS, ids=str)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def settings(format: r.AudioFormat) -> RealtimeSessionCreateRequestParam:
    wire: Any = {"type": format.ga_type, **({"rate": 24000} if format is r.AudioFormat.PCM16 else {})}
    return {
        "type": "realtime",
        "instructions": "Say it again.",
        "audio": {
            "input": {"format": wire, "turn_detection": None, "transcription": {"model": "whisper-1"}},
            "output": {"format": wire, "voice": "marin"},
        },
    }


def recording(format: r.AudioFormat) -> bytes:
    """Return 0.73 s of noise, in which every wrong sample shows."""
    noise = np.random.default_rng(7).integers(-20000, 20000, format.samples(730)).astype("<i2")
    return noise.tobytes() if format is r.AudioFormat.PCM16 else noise.astype("u1").tobytes()


class ReceivedResponse:
    """A response as the client's parser returned it."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.audio = b""
        self.transcript_deltas = ""
        self.transcript = ""
        self.done: sdk.RealtimeResponse | None = None

    def feed(self, event: sdk.RealtimeServerEvent) -> bool:
        """Feed an event of the response. Return True if it was the last one."""
        self.types.append(event.type)
        match event:
            case sdk.ResponseAudioDeltaEvent():
                self.audio += base64.b64decode(event.delta)
            case sdk.ResponseAudioTranscriptDeltaEvent():
                self.transcript_deltas += event.delta
            case sdk.ResponseAudioTranscriptDoneEvent():
                self.transcript = event.transcript
            case sdk.ResponseDoneEvent():
                self.done = event.response
            case sdk.RealtimeErrorEvent():
                pytest.fail(event.error.message)
            case _:
                pass
        return self.done is not None

    def check(self, format: r.AudioFormat) -> None:
        assert self.audio == recording(format)
        assert self.transcript_deltas == self.transcript == "That was 0.73 seconds of audio."
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
def test_the_synchronous_client(server: LoopbackServer, format: r.AudioFormat) -> None:
    with (
        OpenAI(api_key="none", websocket_base_url=server.base_url) as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        created = connection.recv()
        assert isinstance(created, sdk.SessionCreatedEvent)
        assert isinstance(created.session, sdk.RealtimeSessionCreateRequest)
        assert created.session.model == MODEL
        connection.session.update(session=settings(format))
        updated = connection.recv()
        assert isinstance(updated, sdk.SessionUpdatedEvent)
        assert isinstance(updated.session, sdk.RealtimeSessionCreateRequest)
        assert updated.session.instructions == "Say it again."
        assert updated.session.audio is not None
        assert updated.session.audio.input is not None
        assert updated.session.audio.input.turn_detection is None
        assert updated.session.audio.input.format is not None
        assert updated.session.audio.input.format.type == format.ga_type
        for chunk in r.audio.chunks(recording(format), format, 20):
            connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        connection.input_audio_buffer.commit()
        connection.response.create()
        response = ReceivedResponse()
        while not response.feed(connection.recv()):
            pass
        response.check(format)


@FORMATS
def test_the_asynchronous_client(server: LoopbackServer, format: r.AudioFormat) -> None:
    async def run() -> ReceivedResponse:
        response = ReceivedResponse()
        async with (
            AsyncOpenAI(api_key="none", websocket_base_url=server.base_url) as client,
            client.realtime.connect(model=MODEL) as connection,
        ):
            assert isinstance(await connection.recv(), sdk.SessionCreatedEvent)
            await connection.session.update(session=settings(format))
            assert isinstance(await connection.recv(), sdk.SessionUpdatedEvent)
            for chunk in r.audio.chunks(recording(format), format, 100):
                await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
            await connection.input_audio_buffer.commit()
            await connection.response.create()
            while not response.feed(await connection.recv()):
                pass
        return response

    asyncio.run(run()).check(format)


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
        received: list[sdk.RealtimeServerEvent] = []
        while not received or received[-1].type != "response.done":
            received.append(connection.recv())
        (text,) = [event.text for event in received if isinstance(event, sdk.ResponseTextDoneEvent)]
        assert text == "Good day"
        connection.conversation.item.delete(item_id="item_mine")
        deleted = connection.recv()
        assert isinstance(deleted, sdk.ConversationItemDeletedEvent)
