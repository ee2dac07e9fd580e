"""The README's code runs."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

import realtime
from realtime.testing import LoopbackServer
from tests.blocks import ROOT, blocks
from tests.telephony import cases

BLOCKS = blocks(ROOT / "README.md")


def test_the_first_example_codes_and_converts(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS[0], names)
    hello = realtime.decode_client(names["hello"])
    assert isinstance(hello, realtime.SessionUpdate)
    realtime.validate_session_config(hello.session)
    assert realtime.decode_client(names["append"]).audio == bytes(960)
    delta = realtime.ResponseOutputAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=bytes(9600)
    )
    assert 1500 < len(names["from_server"](realtime.encode(delta))) <= 1600
    assert names["from_server"]('{"type":"x.y"}') is None
    assert capsys.readouterr().out == "unknown: x.y\n"


def test_the_second_example_carries_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded Twilio call against a server: half a second of what the caller said comes back, byte for byte."""
    monkeypatch.setenv("no_proxy", "*")
    names: dict[str, Any] = {}
    exec(BLOCKS[1], names)
    recorded = cases.frames("twilio", "call")
    phone = Phone(
        [frame for frame in recorded if json.loads(frame)["event"] in ("connected", "start", "media")]
    )

    async def run() -> None:
        async with LoopbackServer() as server, connect(server.url, max_size=None) as session:
            call = asyncio.create_task(names["call"](phone, session))
            async with asyncio.timeout(20):
                await phone.is_answered.wait()
            await session.close()
            await call

    asyncio.run(run())
    said = b"".join(phone.payloads(phone.frames))
    heard = b"".join(phone.payloads(phone.sent))
    assert len(heard) >= 4_000
    assert heard[:4_000] in said


class Phone:
    """Twilio's end of a media stream: it says what was recorded and keeps what it is sent."""

    def __init__(self, frames: list[str]) -> None:
        self.frames, self.sent = frames, list[str]()
        self.has_said_all, self.is_answered = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[str]:
        for frame in self.frames:
            yield frame
        self.has_said_all.set()

    async def send(self, frame: str) -> None:
        self.sent.append(frame)
        if sum(map(len, self.payloads(self.sent))) >= 4_000:
            self.is_answered.set()

    @staticmethod
    def payloads(frames: list[str]) -> list[bytes]:
        events = map(json.loads, frames)
        return [base64.b64decode(event["media"]["payload"]) for event in events if event["event"] == "media"]


@pytest.mark.parametrize("block", BLOCKS[2:])
def test_every_other_block_runs(block: str) -> None:
    exec(block, {"realtime": realtime})
