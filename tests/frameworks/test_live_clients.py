"""Every Live client through a call with a function call, on Live's path of the loopback server."""

from __future__ import annotations

import asyncio

import pytest

from realtime.testing import Call, LoopbackServer, Transcribe
from realtime.testing.script import Script

from .driver import INSTRUCTIONS, PAUSE, RATE, SPEECH, Tap, until
from .live_clients import BACKEND, LiveClient, LiveKitLiveClient, OpenAILiveClient, PipecatLiveClient

# The clients, each with the module that it needs.
CLIENTS: dict[str, tuple[type[LiveClient], str]] = {
    client.name: (client, needed)
    for client, needed in (
        (OpenAILiveClient, "openai"),
        (LiveKitLiveClient, "livekit"),
        (PipecatLiveClient, "pipecat"),
    )
}
SCRIPT: Script = [
    [
        Transcribe("How cold is it in Tallinn?"),
        "One moment.",
        Call("weather", {"city": "Tallinn"}, call_id="call_1"),
    ],
    "It is -7.",
]
STEP = RATE // 10 * 2
SECONDS = 20.0


async def microphone(client: LiveClient, speech: bytes) -> None:
    """Send `speech` and then silence without end, at twice the speed of speech."""
    for start in range(0, len(speech), STEP):
        await client.send_audio(speech[start : start + STEP])
        await asyncio.sleep(0.05)
    while True:
        await client.send_audio(bytes(STEP))
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_call(name: str) -> None:
    kind, needed = CLIENTS[name]
    pytest.importorskip(needed)
    tap = Tap()

    async def run(client: LiveClient) -> None:
        await asyncio.wait_for(client.connect(), SECONDS)
        assert await until(lambda: tap.find("session.started"), SECONDS)
        microphone_task = asyncio.create_task(microphone(client, SPEECH + PAUSE))
        assert await until(lambda: "-7." in client.said, SECONDS), (client.said, client.errors, tap.types())
        microphone_task.cancel()
        await asyncio.wait_for(client.close(), SECONDS)

    with LoopbackServer(script=SCRIPT, pace=2, observer=tap) as server:
        client = kind(server)
        asyncio.run(run(client))
    assert client.said.split() == ["One", "moment.", "It", "is", "-7."]
    assert client.heard.split() == ["How", "cold", "is", "it", "in", "Tallinn?"]
    assert client.calls == [("weather", {"city": "Tallinn"})]
    assert client.audio.strip(b"\0")
    assert client.errors == []
    assert tap.find("error") is None, tap.find("error")
    session = (tap.find("session.started") or {})["session"]
    assert session["instructions"].strip() == INSTRUCTIONS
    responses = session["delegation"]["responses"]
    assert (responses["model"], [tool["name"] for tool in responses["tools"]]) == (BACKEND, ["weather"])
    outputs = [event["item"]["output"] for event in tap.received if event["type"] == "response.item.create"]
    assert [output.strip('"') for output in outputs] == ["-7"]
    assert tap.types().count("response.create") == 1
    assert (tap.find("session.closed") or {})["reason"] == "close_requested"
