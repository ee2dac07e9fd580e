"""The example of a phone call on Live, run as a user runs it: what is said and heard, and every end."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

import realtime
from realtime import AudioFormat, live
from realtime.audio import read_wav
from realtime.testing import LoopbackServer, Say, Transcribe
from tests.telephony.calls import PHONES, STREAM
from tests.test_examples import RUNS, BareServer, Peer, read_all, running
from tests.testing.helpers import connect

PHONE = PHONES[0]
ULAW = AudioFormat.G711_ULAW
GREETING, QUESTION, ANSWER = "Hello, how can I help you?", "where is my parcel", "It arrives tomorrow."
WORD_BYTES = 8 * 240  # the server speaks in tones
SPEECH = read_wav(str(Path(realtime.__file__).parent / "data" / "caller.wav")).to(ULAW)[8 * 400 : 8 * 1_600]
WAIT_S = 20


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


class Caller:
    """Twilio's side of a call, at twice its speed: the input is the session's clock. Returns marks at once."""

    def __init__(self, address: str) -> None:
        self.ws = connect(address, compression=None, open_timeout=WAIT_S)
        self.received: list[dict[str, Any]] = []
        self._number = 1
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        self.ws.send(PHONE.start())

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for frame in self.ws:
                assert isinstance(frame, str)
                wire = json.loads(frame)
                self.received.append(wire)
                if wire["event"] == "mark":
                    self.ws.send(PHONE.mark(wire["mark"]["name"]))

    def say(self, audio: bytes) -> None:
        """Send audio, each 20 ms in half that time."""
        due = time.monotonic()
        for at in range(0, len(audio) // 160 * 160, 160):
            self._number += 1
            self.ws.send(PHONE.media(audio[at : at + 160], self._number))
            due += 0.01
            time.sleep(max(0.0, due - time.monotonic()))

    @property
    def heard(self) -> bytes:
        """The audible audio, 100 ms at a time."""
        chunks = [base64.b64decode(w["media"]["payload"]) for w in self.received if w["event"] == "media"]
        gate = live.SpeechGate(ULAW)
        return b"".join(chunk for chunk in chunks if gate.is_audible(chunk))

    def wait_for(self, condition: Any) -> None:
        """Send silence until the condition holds."""
        end = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end
            self.say(ULAW.silence(100))

    def wait_closed(self) -> None:
        """Wait until the program has ended the call."""
        self._listening.join(WAIT_S)
        assert not self._listening.is_alive()
        self.ws.close()

    def hang_up(self) -> None:
        self._number += 1
        self.ws.send(PHONE.stop(self._number))
        self.wait_closed()


@RUNS
def test_a_call_on_live() -> None:
    script: Any = [[Transcribe(QUESTION), Say(ANSWER)]]
    with LoopbackServer(script=script) as server, running("twilio_live", "--url", server.live_url) as example:
        caller = Caller(example.address)
        caller.wait_for(lambda: len(caller.heard) >= WORD_BYTES * GREETING.count(" "))
        caller.say(ULAW.silence(600))
        greeted = len(caller.heard)
        caller.ws.send(PHONE.key("5", 9_000))
        caller.ws.send('{"event":"media","media":7}')
        caller.say(bytes(SPEECH))
        caller.wait_for(lambda: len(caller.heard) - greeted >= WORD_BYTES * ANSWER.count(" "))
        caller.say(ULAW.silence(600))
        caller.hang_up()
    assert {wire["streamSid"] for wire in caller.received} == {STREAM}
    assert "mark" in {wire["event"] for wire in caller.received}
    log = example.log
    for line in (
        "call None",
        "key 5",
        "WARNING twilio: from Twilio: ",
        f"assistant: {GREETING}",
        f"user: {QUESTION}",
        f"assistant: {ANSWER}",
        "the session has ended: close_requested, ",
        "the call is over",
    ):
        assert line in log, log
    counted = {found: int(number) for found, number in re.findall(r"(\w+)=(\d+)", log)}
    assert counted["reencoded_to_server"] == counted["reencoded_to_carrier"] == 0
    assert counted["deltas_dropped"] == counted["appends_dropped"] == 0
    assert "the call failed" not in log
    assert "from the model" not in log


@RUNS
@pytest.mark.slow
def test_either_side_may_fail() -> None:
    with running("twilio_live", "--url", "ws://127.0.0.1:9/") as example:
        Caller(example.address).wait_closed()
    assert "WARNING twilio: the call failed" in example.log

    async def leave(connection: ServerConnection) -> None:
        await connection.close(4000, "no")

    with Peer(leave) as peer, running("twilio_live", "--url", peer.url) as example:
        Caller(example.address).wait_closed()
    assert re.search("the call failed: .*4000", example.log)
    assert "INFO twilio: the call is over" in example.log


def started() -> str:
    info = live.LiveSessionInfo(id="live_1", model="gpt-live-1")
    return live.encode(live.SessionStarted(event_id="e", session=info)).decode()


@RUNS
@pytest.mark.parametrize(
    "ending", ["closed", *(pytest.param(x, marks=pytest.mark.slow) for x in ("lost", "refused"))]
)
def test_the_end_of_the_session_ends_the_call(ending: str) -> None:
    async def end(connection: ServerConnection) -> None:
        await connection.recv()
        if ending == "refused":
            detail = live.LiveErrorDetail(type="insufficient_quota", message="no credit")
            await connection.send(live.encode(live.Error(error=detail)).decode())
        else:
            await connection.send(started())
        await connection.send('{"type":"session.created","session":{"type":"realtime"}}')
        if ending == "closed":
            event = live.SessionClosed(event_id="e", reason="expired", usage=live.LiveUsage(seconds=7))
            await connection.send(live.encode(event).decode())
        await connection.close()

    with Peer(end) as peer, running("twilio_live", "--url", peer.url) as example:
        Caller(example.address).wait_closed()
    expected = {
        "closed": "INFO twilio: the session has ended: expired, 7.0 s",
        "lost": "WARNING twilio: the connection was lost",
        "refused": "WARNING twilio: from the model: no credit",
    }[ending]
    assert expected in example.log
    assert "from the model: an event of GA, which this bridge does not speak" in example.log
    assert "INFO twilio: the call is over" in example.log
    assert "Traceback" not in example.log


@RUNS
@pytest.mark.parametrize("server", ["silent", pytest.param("deaf", marks=pytest.mark.slow)])
def test_a_call_without_a_session_ends_with_the_hang_up(server: str) -> None:
    with (
        BareServer(is_silent=server == "silent") as model,
        running("twilio_live", "--url", model.url) as example,
    ):
        phone = connect(example.address, compression=None, max_size=None)
        reading = threading.Thread(target=read_all, args=(phone,), daemon=True)
        reading.start()
        phone.send(PHONE.start())
        phone.send(PHONE.media(bytes(160)))
        model.accept()
        phone.send(PHONE.stop(3))
        model.wait_closed()
        phone.close()
        reading.join(WAIT_S)
    assert "INFO twilio: the call is over" in example.log
    assert "Traceback" not in example.log
