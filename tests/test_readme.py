"""The README's code runs, and its links are valid."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
import threading
import tomllib
import types
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

import realtime
from realtime.testing import Call, LoopbackServer, Say, Turn, faults
from tests.blocks import ROOT, blocks
from tests.telephony import cases
from tests.testing.helpers import PCM16, tone

BLOCKS = blocks(ROOT / "README.md")


FIRST, SECOND = tone(PCM16, 3000, -20.0), tone(PCM16, 300, -30.0)


class SoundCard:
    """Stands for sounddevice's: somebody speaks, interrupts the answer, and ends the program after the second one."""

    last: SoundCard

    def __init__(self, rate: int, block: int, *, callback: Any, **settings: Any) -> None:
        assert (rate, block, settings) == (24_000, 480, {"channels": 1, "dtype": "int16"})
        self._callback, self._thread = callback, threading.Thread(target=self._run)
        self._stopped = threading.Event()
        self._loop, self._program = asyncio.get_running_loop(), asyncio.current_task()
        self.played = b""
        SoundCard.last = self

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *why: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        spoken = tone(PCM16, 400)
        answers = [FIRST[:24_000], SECOND]
        while not self._stopped.wait(0.005):
            microphone, spoken = spoken[:960].ljust(960, b"\0"), spoken[960:]
            loudspeaker = bytearray(960)
            self._callback(microphone, memoryview(loudspeaker), 480, None, None)
            self.played += loudspeaker
            if answers and answers[0] in self.played:
                del answers[0]
                if answers:
                    spoken = tone(PCM16, 400)
                else:
                    assert self._program is not None
                    self._loop.call_soon_threadsafe(self._program.cancel)


@pytest.mark.parametrize(("line", "url"), [
    ('SERVER = "ws://127.0.0.1:8123/v1/realtime"', "ws://127.0.0.1:8123/v1/realtime?model=gpt-realtime-2"),
    ("SERVER = None", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2"),
])  # fmt: skip
def test_the_first_example_is_a_voice_agent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, url: str
) -> None:
    """It calls the tool and is interrupted, as it stands and with one line changed for OpenAI."""
    opened: list[tuple[str, Any]] = []
    replies = iter([Call("weather", {"city": "Rome"}), Say("As I said.", SECOND, PCM16)])

    def model(turn: Turn) -> Any:
        return Say(f"It is {turn.text}.", FIRST, PCM16) if turn.text else next(replies)

    def open_elsewhere(address: str, **options: Any) -> Any:
        opened.append((address, options["additional_headers"]))
        options["proxy"] = None
        return connect(loopback.url, **options)

    example, count = re.subn("^SERVER = .*?(?=  )", line, BLOCKS[0], flags=re.MULTILINE)
    assert count == 1
    assert (example == BLOCKS[0]) == ("127.0.0.1" in line)
    assert len(example.splitlines()) <= 40
    sounddevice = types.ModuleType("sounddevice")
    sounddevice.RawStream = SoundCard  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-key")
    monkeypatch.setattr("realtime.client._websockets.connect", open_elsewhere)
    with LoopbackServer(script=model, pace=4) as loopback, pytest.raises(asyncio.CancelledError):
        exec(example, {})
    headers = {} if "127.0.0.1" in line else {"Authorization": "Bearer sk-key"}
    assert opened == [(url, headers)]
    assert capsys.readouterr().out.startswith("assistant: It is sunny in Rome.\n")
    assert FIRST not in SoundCard.last.played


def test_the_second_example_decodes_and_converts(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS[1], names)
    hello = realtime.decode_client(names["hello"])
    assert isinstance(hello, realtime.SessionUpdate)
    realtime.validate_session_config(hello.session)
    assert realtime.decode_client(names["append"]).audio == bytes(960)
    delta = realtime.ResponseOutputAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=bytes(9600)
    )
    assert 1500 < len(names["on_message"](realtime.encode(delta))) <= 1600
    assert names["on_message"]('{"type":"x.y"}') is None
    assert capsys.readouterr().out == "unknown: x.y\n"


def test_the_third_example_carries_a_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recorded Twilio call with one malformed frame: the caller's audio is returned byte for byte."""
    monkeypatch.setenv("no_proxy", "*")
    names: dict[str, Any] = {}
    exec(BLOCKS[2], names)
    recorded = cases.frames("twilio", "call")
    media = [frame for frame in recorded if json.loads(frame)["event"] in ("connected", "start", "media")]
    phone = Phone([*media[:5], "garbage", *media[5:]])

    async def run() -> None:
        wrong = ["error_without_event_id"]
        async with LoopbackServer(faults=wrong) as server, connect(server.url, max_size=None) as session:
            async with asyncio.timeout(20):
                await names["call"](phone, session)  # the phone hangs up, which ends the session
            assert session.close_code == 1000

    asyncio.run(run())
    sent = b"".join(phone.payloads(phone.frames))
    received = b"".join(phone.payloads(phone.sent))
    assert len(received) >= ENOUGH
    assert received[:ENOUGH] in sent
    assert phone.is_closed
    printed = capsys.readouterr().out
    assert "malformed" in printed
    assert "The server had an error while processing your request" in printed


def test_the_third_example_ends_with_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    names: dict[str, Any] = {}
    exec(BLOCKS[2], names)
    phone = Phone([cases.frames("twilio", "call")[0]])

    async def run() -> None:
        ended = faults.Disconnect(at="session.updated", nth=1)
        async with LoopbackServer(faults=[ended]) as server, connect(server.url) as session:
            async with asyncio.timeout(20):
                await names["call"](phone, session)

    asyncio.run(run())
    assert phone.is_closed


# Half a second of an answer.
ENOUGH = 4_000


class Phone:
    """Twilio's end of a media stream: sends a recording, receives an answer, and hangs up."""

    def __init__(self, frames: list[str]) -> None:
        self.frames, self.sent = frames, list[str]()
        self.is_closed = False
        self._has_received = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[str]:
        for frame in self.frames:
            yield frame
        await self._has_received.wait()

    async def send(self, frame: str) -> None:
        self.sent.append(frame)
        if sum(map(len, self.payloads(self.sent))) >= ENOUGH:
            self._has_received.set()

    async def close(self) -> None:
        self.is_closed = True
        self._has_received.set()

    @staticmethod
    def payloads(frames: list[str]) -> list[bytes]:
        events = [json.loads(frame) for frame in frames if frame.startswith("{")]
        return [base64.b64decode(event["media"]["payload"]) for event in events if event["event"] == "media"]


LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)


def test_links_are_absolute_and_lead_to_files_of_the_repository() -> None:
    """A package index shows the README without the repository around it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    files = project["urls"]["Repository"] + "/blob/main/"
    links = [a or b for a, b in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))]
    assert len(links) > 10
    for link in links:
        assert link.startswith("https://")
        if link.startswith(files):
            assert (ROOT / link.removeprefix(files)).is_file(), link


@pytest.mark.parametrize("block", BLOCKS[3:])
def test_every_other_block_runs(block: str) -> None:
    exec(block, {"realtime": realtime})
