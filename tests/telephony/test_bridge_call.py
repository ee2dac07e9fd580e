"""A recorded Twilio call through Bridge to a loopback server: no audio is decoded, encoded or changed."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pybase64
import pytest
from websockets.sync.connection import Connection

import realtime
from realtime import AudioFormat
from realtime.audio import g711, read_wav
from realtime.state import Interruption
from realtime.telephony import Bridge, BridgeOutput, CallDigit, CallEnded, CallMark, CallStarted, twilio
from realtime.testing import LoopbackServer, ServerProtocol
from tests.blocks import ROOT
from tests.telephony import cases
from tests.testing.helpers import connect

CALL = cases.frames("twilio", "call")
CLEARED = {f"mark_{number}" for number in range(3, 10)}


def kind(frame: str) -> str:
    return str(json.loads(frame)["event"])


def payloads(frames: list[str]) -> list[str]:
    return [json.loads(frame)["media"]["payload"] for frame in frames if kind(frame) == "media"]


def raw(texts: list[str]) -> bytes:
    return b"".join(pybase64.b64decode(text) for text in texts)


def test_the_recording_has_its_documented_content() -> None:
    kinds = [kind(frame) for frame in CALL]
    assert kinds[:3] == ["connected", "start", "media"]
    assert kinds[-1] == "stop"
    assert {*kinds} == {"connected", "start", "media", "mark", "dtmf", "stop"}
    wav = read_wav(str(ROOT / "realtime" / "data" / "caller.wav")).to(AudioFormat.G711_ULAW)
    assert raw(payloads(CALL))[: 8 * 1_200] == bytes(wav[8 * 400 : 8 * 1_600])
    for number, frame in enumerate(CALL[1:], start=1):
        assert twilio.decode(frame).sequence == number


@pytest.fixture
def forbidden_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make every decoder, encoder and converter of audio fail in this thread, not in the server's."""
    ours: threading.Thread | None = threading.current_thread()
    works: list[str] = []

    def forbid(module: Any, name: str) -> None:
        work: Callable[..., Any] = getattr(module, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if threading.current_thread() is ours:
                works.append(name)
                raise AssertionError(f"{name} was called")
            return work(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    # The modules of the bridge call pybase64 and encode_append by these names. Validation, which decodes
    # long base64 and throws the result away, is in realtime._base64.
    for name in ("b64decode", "b64encode", "b64decode_as_bytearray", "b64encode_as_string"):
        forbid(pybase64, name)
    for name, module in [*sys.modules.items()]:
        if name.startswith("realtime.telephony."):
            for attribute, value in [*vars(module).items()]:
                if value is realtime.encode_append:
                    forbid(module, attribute)
    for name in ("ulaw_encode", "ulaw_decode", "alaw_encode", "alaw_decode", "ulaw_to_alaw", "alaw_to_ulaw"):
        forbid(g711, name)
    monkeypatch.setitem(sys.modules, "realtime.telephony._convert", None)  # cannot be imported
    yield works
    ours = None  # a decoder that was built meanwhile has kept a function of this fixture


class Call:
    """Twilio's recording on one side, a loopback server on the other."""

    def __init__(self, ws: Connection, bridge: Bridge) -> None:
        self.ws, self.bridge = ws, bridge
        self.from_server: list[str] = []
        self.to_server: list[str] = []
        self.to_carrier: list[str] = []
        self.events: list[Any] = []

    def take(self, step: Any) -> None:
        self.to_carrier += step.to_carrier
        self.to_server += step.to_server
        self.events += step.events
        for frame in step.to_server:
            self.ws.send(frame)

    def listen(self) -> None:
        frame = self.ws.recv(timeout=20)
        assert isinstance(frame, str)
        self.from_server.append(frame)
        self.take(self.bridge.from_server(frame))

    def sent(self, name: str) -> bool:
        """Return True if Twilio could have returned this mark: it was sent, and cleared if it was."""
        commands = [json.loads(frame) for frame in self.to_carrier if '"media"' not in frame]
        was_cleared = any(command["event"] == "clear" for command in commands)
        return any(command.get("mark") == {"name": name} for command in commands) and (
            was_cleared or name not in CLEARED
        )

    def run(self) -> None:
        for frame in CALL:
            wire = json.loads(frame)
            while wire["event"] == "mark" and not self.sent(wire["mark"]["name"]):
                self.listen()
            self.take(self.bridge.from_carrier(frame))
            if wire["event"] == "start":
                self.take(BridgeOutput((), (self.bridge.session_update(),)))


def test_a_recorded_call_is_bridged_without_decoding_its_audio(
    forbidden_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    bridge = Bridge("twilio")
    with (
        LoopbackServer() as server,
        connect(server.url, max_size=None, compression=None, close_timeout=0.2) as ws,
    ):
        call = Call(ws, bridge)
        call.run()
        while '"conversation.item.truncated"' not in "".join(call.from_server):
            call.listen()
    assert forbidden_calls == []
    monkeypatch.undo()

    # Uplink: every payload of the recording, unchanged, in a frame of its own.
    appends = [json.loads(frame) for frame in call.to_server if '"input_audio_buffer.append"' in frame]
    assert [append["audio"] for append in appends] == payloads(CALL)
    # Downlink: the audio of every delta, byte for byte.
    deltas = [json.loads(frame) for frame in call.from_server if '"response.output_audio.delta"' in frame]
    spoken = [event["delta"] for event in deltas]
    assert payloads(call.to_carrier) == spoken
    # The loopback server plays the caller's audio back: each item is a slice of it.
    caller_audio = raw(payloads(CALL))
    for item in {event["item_id"] for event in deltas}:
        turn = raw([event["delta"] for event in deltas if event["item_id"] == item])
        assert len(turn) > 8 * 500
        assert turn in caller_audio
    stats = bridge.stats
    assert (stats.spliced_to_server, stats.spliced_to_carrier) == (len(appends), len(spoken))
    assert stats.reencoded == 0
    assert len(appends) == 204

    # The call: each mark that was played, one clear, one truncate at the second mark, the keys, the end.
    call_events = [
        event for event in call.events if isinstance(event, CallStarted | CallMark | CallDigit | CallEnded)
    ]
    assert isinstance(call_events[0], CallStarted)
    assert call_events[0].parameters == {"language": "en"}
    names = [event.name for event in call_events if isinstance(event, CallMark)]
    assert names == [f"mark_{number}" for number in (1, 2, *range(10, 16))]
    assert [event.digit for event in call_events if isinstance(event, CallDigit)] == ["5", "#"]
    assert call_events[-1] == CallEnded()
    assert [kind(frame) for frame in call.to_carrier].count("clear") == 1
    (truncate,) = [json.loads(frame) for frame in call.to_server if '"conversation.item.truncate"' in frame]
    (cut,) = [event for event in call.events if isinstance(event, Interruption)]
    assert truncate["audio_end_ms"] == 400
    assert {*cut.marks} == CLEARED
    assert [json.loads(frame) for frame in call.from_server if '"error"' in frame[:20]] == []


def test_the_guard_can_fail(forbidden_calls: list[str]) -> None:
    bridge = Bridge("twilio", AudioFormat.G711_ULAW)
    with pytest.raises(AssertionError):
        bridge.from_carrier(bytearray(next(frame for frame in CALL if kind(frame) == "media").encode()))
    assert forbidden_calls
    with pytest.raises(ImportError):
        Bridge("twilio", AudioFormat.PCM16)


def test_an_unheard_answer_is_deleted() -> None:
    """The caller speaks again before the first mark is returned: the server accepts the delete."""
    bridge, server = Bridge("twilio"), ServerProtocol()
    event_types: list[str] = []

    def to_server(frames: tuple[str, ...]) -> None:
        for frame in frames:
            for event in server.feed(frame):
                event_types.append(event.type)
                to_server(bridge.from_server(realtime.encode(event)).to_server)

    media = [frame for frame in CALL if kind(frame) == "media"]
    bridge.from_carrier(CALL[1])
    to_server((bridge.session_update(),))
    for frame in media[:120]:
        to_server(bridge.from_carrier(frame).to_server)
    for frame in media[:40]:
        to_server(bridge.from_carrier(frame).to_server)
    assert event_types.count("input_audio_buffer.speech_started") == 2
    assert event_types.count("conversation.item.deleted") == 1
    assert "conversation.item.truncated" not in event_types
    assert "error" not in event_types
