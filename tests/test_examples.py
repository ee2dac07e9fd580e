"""The programs of examples/, run as a user runs them. The audio that arrives is compared."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

import realtime
from realtime.audio import chunks, read_wav, write_wav
from realtime.telephony import audiosocket
from realtime.testing import Call, IncomingCall, LoopbackServer, Say, Script
from tests.processes import without_delays
from tests.telephony import cases
from tests.testing.helpers import connect

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"},
    "PYTHONPATH": str(EXAMPLES.parent),
    "no_proxy": "*",
    "OPENAI_WEBHOOK_SECRET": "whsec_bG9vcGJhY2s=",
}
PCM16 = realtime.AudioFormat.PCM16
HAS_FASTAPI = all(map(importlib.util.find_spec, ("fastapi", "uvicorn")))
RUNS = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


class Running:
    """A running example: `address` is the first line that it printed, `log` its output on stderr after its end."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address, self.log = process, address, ""


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-X", "dev", "-W", "error", str(EXAMPLES / f"{name}.py"), *arguments]


@contextlib.contextmanager
def running(name: str, *arguments: str) -> Generator[Running]:
    """Run an example that is a server, and end it by SIGTERM. It must exit with 0."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command(name, *arguments), env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout is not None
        example = Running(process, process.stdout.readline().strip())
        try:
            yield example
        finally:
            process.send_signal(signal.SIGTERM)
            out, log = process.communicate(timeout=30)
            example.log = without_delays(log)
    assert (process.returncode, out) == (0, ""), example.log


def tone(ms: int, rate: int = PCM16.sample_rate, hz: float = 440.0) -> np.ndarray[Any, Any]:
    """Return a tone that fades in and out, so that no period equals another."""
    at = np.arange(rate * ms // 1000) / rate
    wave = 12_000 * np.sin(2 * np.pi * hz * at) * np.sin(np.pi * at * 1000 / ms)
    return wave.round().astype("<i2")


@pytest.mark.slow
def test_every_example_has_help_and_says_how_to_run_it() -> None:
    programs = sorted(EXAMPLES.glob("*.py"))
    known = {
        "audiosocket",
        "microphone",
        "relay",
        "sip_call",
        "twilio_fastapi",
        "twilio_live",
        "twilio_websockets",
    }
    assert known <= {program.stem for program in programs}
    if not HAS_FASTAPI:
        programs.remove(EXAMPLES / "twilio_fastapi.py")
        programs.remove(EXAMPLES / "sip_call.py")
    for program in programs:
        done = subprocess.run(
            [sys.executable, program, "--help"], env=ENVIRONMENT, capture_output=True, text=True
        )
        source = program.read_text(encoding="utf-8")
        assert done.returncode == 0, done.stderr
        assert "usage:" in done.stdout
        assert f"python examples/{program.name}" in source


# --- relay -----------------------------------------------------------------------------


def talk(url: str) -> tuple[list[str], bytes]:
    """Run a session of one turn. Returns the types received and the audio of the response."""
    ulaw = realtime.AudioFormat.G711_ULAW
    speech = read_wav(str(Path(realtime.__file__).parent / "data" / "caller.wav")).to(ulaw)[:24_000]
    types, audio = [], b""
    with connect(url, max_size=None, compression=None) as ws:
        config = realtime.create_session_config(format=ulaw, turn_detection=None)
        ws.send(realtime.encode(realtime.SessionUpdate(session=config)), text=True)
        for chunk in chunks(speech, ulaw, 20):
            ws.send(realtime.encode_append(chunk), text=True)
        ws.send('{"type":"session.of_tomorrow","x":[1]}')
        ws.send('{"type":"input_audio_buffer.app')
        ws.send(realtime.encode(realtime.InputAudioBufferCommit()), text=True)
        ws.send(realtime.encode(realtime.ResponseCreate()), text=True)
        while "response.done" not in types:
            frame = ws.recv(timeout=20)
            assert isinstance(frame, str)  # text is forwarded as text
            event = realtime.decode_server(frame)
            types.append(event.type)
            if isinstance(event, realtime.ResponseOutputAudioDelta):
                audio += event.delta
    return types, audio


@RUNS
def test_the_relay_forwards_frames_unchanged() -> None:
    with LoopbackServer() as server:
        straight = talk(server.url)
        with running("relay", "--upstream", server.url) as relay:
            through = talk(relay.address)
    assert through == straight
    assert len(through[1]) == 24_000
    assert through[0].count("error") == 2  # for the unknown event and the malformed one, from the server
    assert re.search(r"INFO relay: a client left \(1000\): 150 up input_audio_buffer\.append, ", relay.log)
    for counted in ("1 up session.of_tomorrow", "1 up (broken)", "1 down response.done"):
        assert counted in relay.log


class Peer:
    """A server with the given behaviour, in a thread."""

    def __init__(self, behave: Callable[[ServerConnection], Any]) -> None:
        self._behave = behave
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.url = ""

    async def _run(self) -> None:
        self.loop = asyncio.get_running_loop()
        async with serve(self._behave, "127.0.0.1", 0, max_size=None, compression=None) as listening:
            self.url = f"ws://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}"
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> Peer:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *why: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)


@RUNS
def test_the_relay_forwards_malformed_frames_and_close_codes_to_the_client() -> None:
    strange = ['{"type":"error","error":7}', "no JSON", '{"type":"x.y"}', '{"type":"session.created"}']

    async def behave(connection: ServerConnection) -> None:
        for frame in strange:
            await connection.send(frame)
        await connection.close(4000, "session expired")

    with (
        Peer(behave) as peer,
        running("relay", "--upstream", peer.url) as relay,
        connect(relay.address) as ws,
    ):
        assert [ws.recv(timeout=20) for _ in strange] == strange
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv(timeout=20)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4000, "session expired")
    assert "1 down (broken)" in relay.log


@pytest.mark.slow
@RUNS
def test_the_relay_forwards_close_codes_to_the_server_and_reports_a_missing_one() -> None:
    seen: list[tuple[int | None, str | None]] = []

    async def behave(connection: ServerConnection) -> None:
        await connection.wait_closed()
        seen.append((connection.close_code, connection.close_reason))

    with Peer(behave) as peer, running("relay", "--upstream", peer.url) as relay:
        connect(relay.address).close(3001, "bye")
    assert seen == [(3001, "bye")]
    with (
        running("relay", "--upstream", peer.url) as relay,
        connect(relay.address) as ws,
        pytest.raises(ConnectionClosed) as caught,
    ):
        ws.recv(timeout=20)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1014


# One megabyte each: more than the buffers of two connections can store, however large the kernel makes them.
FRAMES = 200


@pytest.mark.slow
@RUNS
def test_a_server_that_does_not_read_slows_the_client_down() -> None:
    reads, read = asyncio.Event(), 0

    async def behave(connection: ServerConnection) -> None:
        nonlocal read
        await reads.wait()
        with contextlib.suppress(ConnectionClosed):
            while True:
                read += len(await connection.recv(decode=False))

    frame = realtime.encode_append(bytes(750_000))  # a megabyte of base64
    sent = 0

    def push(ws: ClientConnection) -> None:
        nonlocal sent
        for _ in range(FRAMES):
            ws.send(frame, text=True)
            sent += 1

    with (
        Peer(behave) as peer,
        running("relay", "--upstream", peer.url) as relay,
        connect(relay.address, max_size=None, compression=None) as ws,
    ):
        pushing = threading.Thread(target=push, args=(ws,), daemon=True)
        pushing.start()
        before = -1
        while sent != before:
            before = sent
            time.sleep(0.5)
        stuck = sent
        peer.loop.call_soon_threadsafe(reads.set)
        pushing.join(60)
    # The client has sent what fits into the kernel's buffers; the rest waits in the client, not in the relay.
    assert stuck < FRAMES
    assert (sent, read) == (FRAMES, FRAMES * len(frame))
    assert f"{FRAMES} up input_audio_buffer.append" in relay.log


# --- microphone ------------------------------------------------------------------------

SILENCE_MS = 500  # of silence, after which the server's VAD ends a turn
PADDING_MS = 300  # of audio before a turn that belong to it


@pytest.mark.slow
def test_a_conversation_from_a_file_with_an_interruption(tmp_path: Path) -> None:
    first, second = tone(1200), tone(500, hz=660.0)
    speech = np.concatenate([first, np.zeros(24 * 1300, "<i2"), second])
    write_wav(tmp_path / "in.wav", speech, PCM16)
    with LoopbackServer() as server:
        files = ["--file", str(tmp_path / "in.wav"), "--out", str(tmp_path / "out.wav")]
        done = subprocess.run(
            command("microphone", "--url", server.url, *files),
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.returncode, without_delays(done.stderr)) == (0, "")
    assert done.stdout.count("you: ") == done.stdout.count("model: ") == 2
    (played_ms,) = map(int, re.findall(r"\(interrupted: played (\d+) ms", done.stdout))
    # The response begins half a second after the first turn, and is interrupted by the second after 800 ms.
    assert 0 < played_ms < 1200
    played = np.frombuffer(read_wav(tmp_path / "out.wav").data, "<i2")
    begin = int(np.flatnonzero(played)[0] - np.flatnonzero(first)[0])
    # What was reported was played, and until the sound card stopped some more blocks, and then nothing.
    end = played_ms * PCM16.sample_rate // 1000
    answer = played[begin : begin + len(first)]
    whole = int(np.flatnonzero(answer != first)[0])
    assert end <= whole < len(first)
    rest = played[begin + whole :]
    assert not rest[:4_800].any()
    # The response to the second turn was played completely.
    again = int(np.flatnonzero(rest)[0] - np.flatnonzero(second)[0])
    assert np.array_equal(rest[again : again + len(second)], second)


# --- audiosocket -----------------------------------------------------------------------


class Asterisk:
    """Asterisk's side of a call: sends audio every 20 ms and stores what it receives."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)
        self.received: list[tuple[float, audiosocket.Message]] = []
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def send(self, message: audiosocket.Message) -> None:
        self._socket.sendall(audiosocket.encode(message))

    def send_audio(self, pcm: np.ndarray[Any, Any]) -> None:
        due = time.monotonic()
        for at in range(0, len(pcm), 160):
            self.send(audiosocket.Audio(pcm[at : at + 160].tobytes()))
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))

    def _listen(self) -> None:
        parser = audiosocket.Parser()
        with contextlib.suppress(OSError):
            while data := self._socket.recv(4096):
                self.received += [(time.monotonic(), message) for message in parser.feed(data)]
        parser.close()

    def close(self) -> None:
        """Wait until the other side has closed."""
        self._listening.join(20)
        self._socket.close()

    @property
    def audio(self) -> list[tuple[float, bytes]]:
        return [(when, m.audio) for when, m in self.received if isinstance(m, audiosocket.Audio)]


def snr_db(wanted: np.ndarray[Any, Any], found: np.ndarray[Any, Any]) -> float:
    """Return the best signal-to-noise ratio of `wanted` at any position in `found`, in dB."""
    wanted, found = wanted.astype(float), found.astype(float)
    at = int(np.correlate(found, wanted, "valid").argmax())
    noise = found[at : at + len(wanted)] - wanted
    return float(10 * np.log10((wanted**2).sum() / max((noise**2).sum(), 1.0)))


@RUNS
def test_a_call_from_asterisk() -> None:
    speech = tone(800, 8_000)
    with LoopbackServer() as server, running("audiosocket", "--url", server.url) as example:
        asterisk = Asterisk(example.address)
        asterisk.send(audiosocket.Uuid(uuid.UUID(int=7)))
        asterisk.send(audiosocket.Dtmf("5"))
        asterisk.send_audio(np.concatenate([speech, np.zeros(8 * 2200, "<i2")]))
        asterisk.send(audiosocket.Hangup())
        asterisk.close()
    when, frames = zip(*asterisk.audio, strict=True)
    assert {len(frame) for frame in frames} == {320}  # exactly 20 ms
    assert all(message.sample_rate == 8_000 for _, message in asterisk.received[:-1])
    assert isinstance(asterisk.received[-1][1], audiosocket.Hangup)
    # The response arrived at once and was played in real time.
    assert len(frames) >= 60
    assert when[-1] - when[0] > 0.02 * (len(frames) - 1) * 0.9
    assert snr_db(speech, np.frombuffer(b"".join(frames), "<i2")) > 40
    for line in ("call 00000000-0000-0000-0000-000000000007", "key 5", "the call is over"):
        assert f"INFO audiosocket: {line}" in example.log


@pytest.mark.slow
@RUNS
def test_a_caller_of_asterisk_interrupts() -> None:
    with LoopbackServer() as server, running("audiosocket", "--url", server.url) as example:
        asterisk = Asterisk(example.address)
        asterisk.send(audiosocket.Uuid(uuid.UUID(int=7)))
        gap = np.zeros(8 * 1000, "<i2")
        asterisk.send_audio(np.concatenate([tone(1200, 8_000), gap, tone(400, 8_000)]))
        asterisk.send(audiosocket.Hangup())
        asterisk.close()
    (played_ms,) = map(int, re.findall(r"interrupted at (\d+) ms", example.log))
    assert 0 < played_ms < 1200  # the response is interrupted before its end
    assert 20 * len(asterisk.audio) == pytest.approx(played_ms, abs=20)
    assert "WARNING" not in example.log


@pytest.mark.slow
@RUNS
def test_asterisk_gets_a_hangup_at_every_end() -> None:
    with running("audiosocket", "--url", "ws://127.0.0.1:9/") as example:
        asterisk = Asterisk(example.address)
        asterisk.close()
        assert [message for _, message in asterisk.received] == [audiosocket.Hangup()]
    assert "WARNING audiosocket: the call failed" in example.log
    with LoopbackServer() as server, running("audiosocket", "--url", server.url) as example:
        ends = [Asterisk(example.address) for _ in range(2)]
        ends[0].send(audiosocket.UnknownMessage(0x77, b"?"))
        time.sleep(0.3)  # so that the malformed message arrives separately
        ends[0].send(audiosocket.UnknownMessage(audiosocket.DTMF, b"too long"))
        ends[0].close()
        time.sleep(0.1)  # the other call continues until the program ends
        assert ends[1].received == []
    ends[1].close()
    assert [[message for _, message in end.received] for end in ends] == [[audiosocket.Hangup()]] * 2
    assert "from Asterisk: UnknownMessage(kind=119" in example.log
    assert "the call failed: a key must be one ASCII character" in example.log


# --- twilio ----------------------------------------------------------------------------


class Twilio:
    """A recorded call, sent as Twilio sends it: marks only after they were played or cleared."""

    CALL = cases.frames("twilio", "call")
    CLEARED: frozenset[str] = frozenset(f"mark_{number}" for number in range(3, 10))

    def __init__(self, url: str) -> None:
        self._ws = connect(url, compression=None, open_timeout=20)
        self.received: list[dict[str, Any]] = []

    def _listen(self) -> None:
        frame = self._ws.recv(timeout=20)
        assert isinstance(frame, str)
        self.received.append(json.loads(frame))

    def _may_return(self, name: str) -> bool:
        was_cleared = any(wire["event"] == "clear" for wire in self.received)
        was_sent = any(wire.get("mark") == {"name": name} for wire in self.received)
        return was_sent and (was_cleared or name not in self.CLEARED)

    def call(self) -> None:
        with self._ws:
            for frame in self.CALL:
                wire = json.loads(frame)
                while wire["event"] == "mark" and not self._may_return(wire["mark"]["name"]):
                    self._listen()
                if wire["event"] == "dtmf":
                    self._ws.send('{"event":"media","media":7}')  # malformed: reported and skipped
                self._ws.send(frame)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    self._listen()

    def hang_up_early(self) -> None:
        with self._ws:
            for frame in self.CALL[:40]:
                self._ws.send(frame)

    @staticmethod
    def audio(frames: list[dict[str, Any]]) -> bytes:
        return b"".join(
            base64.b64decode(wire["media"]["payload"]) for wire in frames if wire["event"] == "media"
        )


EXAMPLES_OF_TWILIO = pytest.mark.parametrize(
    "name",
    [
        "twilio_websockets",
        pytest.param(
            "twilio_fastapi", marks=pytest.mark.skipif(not HAS_FASTAPI, reason="needs FastAPI, uvicorn")
        ),
    ],
)


def stream_of(name: str, address: str) -> str:
    """Return the URL to which Twilio is to send the call's audio."""
    if name == "twilio_websockets":
        return address
    with urllib.request.urlopen(urllib.request.Request(f"{address}/answer", b""), timeout=20) as response:
        (url,) = re.findall(r'<Connect><Stream url="wss(://[^"]+)"/></Connect>', response.read().decode())
    return f"ws{url}"


@pytest.mark.mostly_slow(quick=1)
@RUNS
@EXAMPLES_OF_TWILIO
def test_a_call_from_twilio(name: str) -> None:
    with LoopbackServer() as server, running(name, "--url", server.url) as example:
        twilio = Twilio(stream_of(name, example.address))
        twilio.call()
    (stream,) = {wire["streamSid"] for wire in twilio.received}
    assert stream == json.loads(Twilio.CALL[1])["streamSid"]
    kinds = [wire["event"] for wire in twilio.received]
    assert (kinds.count("clear"), kinds.count("mark")) == (1, 15)
    # The caller's audio of each turn is echoed unchanged, in frames whose base64 was copied.
    sent = Twilio.audio([json.loads(frame) for frame in Twilio.CALL])
    clear = kinds.index("clear")
    for turn in (Twilio.audio(twilio.received[:clear]), Twilio.audio(twilio.received[clear:])):
        assert len(turn) > 8 * 1_000
        assert turn in sent
    counted = {found: int(number) for found, number in re.findall(r"(\w+)=(\d+)", example.log)}
    assert (counted["spliced_to_server"], counted["spliced_to_carrier"]) == (204, kinds.count("media"))
    assert counted["reencoded_to_server"] == counted["reencoded_to_carrier"] == 0
    for line in ("call CA27d4", "key 5", "key #", "WARNING twilio: from Twilio: ", "the call is over"):
        assert line in example.log
    assert re.search(r"interrupted: .*\d+ ms not played", example.log)
    assert "the call failed" not in example.log


@pytest.mark.slow
@RUNS
@EXAMPLES_OF_TWILIO
def test_either_side_of_a_twilio_call_may_fail(name: str) -> None:
    with LoopbackServer() as server, running(name, "--url", server.url) as example:
        Twilio(stream_of(name, example.address)).hang_up_early()
        time.sleep(0.3)
    assert "INFO twilio: the call is over" in example.log
    with running(name, "--url", "ws://127.0.0.1:9/") as example:
        twilio = Twilio(stream_of(name, example.address))
        with pytest.raises(ConnectionClosed):
            twilio.call()
    assert "WARNING twilio: the call failed" in example.log

    async def leave(connection: ServerConnection) -> None:
        await connection.close(4000, "session expired")

    with Peer(leave) as peer, running(name, "--url", peer.url) as example:
        twilio = Twilio(stream_of(name, example.address))
        with pytest.raises(ConnectionClosed):
            twilio.call()
    assert "INFO twilio: the call is over" in example.log


class BareServer:
    """A server of one connection that does no more than it is told, in the thread of the test.

    It answers the opening handshake unless `is_silent`, and never a closing one.
    """

    def __init__(self, *, is_silent: bool = False) -> None:
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()
        self._listening.settimeout(20)
        self._is_silent = is_silent
        self.url = f"ws://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> BareServer:
        return self

    def __exit__(self, *why: object) -> None:
        self._listening.close()
        self._connection.close()

    def accept(self) -> None:
        self._connection, _ = self._listening.accept()
        self._connection.settimeout(20)
        request = b""
        while b"\r\n\r\n" not in request:
            request += self._connection.recv(1)
        if self._is_silent:
            return
        (key,) = re.findall(rb"Sec-WebSocket-Key: (\S+)", request)
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._connection.sendall(f"{head}Sec-WebSocket-Accept: {accept.decode()}\r\n\r\n".encode())

    def send(self, frame: str) -> None:
        data = frame.encode()
        self._connection.sendall(b"\x81\x7e" + len(data).to_bytes(2) + data)

    def wait_closed(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self._connection.recv(1 << 20):
                pass


def read_all(phone: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        for _ in phone:
            pass


@pytest.mark.mostly_slow(quick=1)
@RUNS
@EXAMPLES_OF_TWILIO
@pytest.mark.parametrize("server", ["silent", "deaf", "talking"])
def test_a_call_ends_with_the_hang_up_whatever_the_server_does(name: str, server: str) -> None:
    media = json.dumps({"event": "media", "media": {"payload": "//8A" * 100_000}})
    with BareServer(is_silent=server == "silent") as model, running(name, "--url", model.url) as example:
        phone = connect(stream_of(name, example.address), compression=None, max_size=None)
        reading = threading.Thread(target=read_all, args=(phone,), daemon=True)
        reading.start()
        for frame in Twilio.CALL[:20]:
            phone.send(frame)
        model.accept()
        if server == "deaf":  # more than what the buffers of the connection store
            for _ in range(40):
                phone.send(media)
        elif server == "talking":
            for _ in range(50):
                model.send(realtime.encode(AUDIO).decode())
        hung_up = time.monotonic()
        phone.send(Twilio.CALL[-1])
        if server == "talking":
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < hung_up + 20:
                    model.send(realtime.encode(AUDIO).decode())
        model.wait_closed()
        assert time.monotonic() - hung_up < 8  # a handshake of 10 s is not waited for
        phone.close()
        reading.join(20)
    assert "INFO twilio: the call is over" in example.log
    assert "Traceback" not in example.log
    assert "the call failed" not in example.log


AUDIO = realtime.ResponseOutputAudioDelta(
    response_id="resp_1", item_id="item_1", output_index=0, content_index=0, delta=bytes(800)
)


@pytest.mark.slow
@RUNS
@EXAMPLES_OF_TWILIO
def test_what_fails_in_a_call_from_twilio_is_logged(name: str) -> None:
    async def fail(connection: ServerConnection) -> None:
        failed = realtime.StatusDetails(error=realtime.StatusError(code="rate_limit_exceeded"))
        response = realtime.Response(id="resp_1", status="failed", status_details=failed)
        for event in (
            realtime.Error(error=realtime.ErrorDetail(type="server_error", message="no such voice")),
            realtime.ResponseDone(response=response),
        ):
            await connection.send(realtime.encode(event).decode())
        await connection.send('{"type":"response.created","response":7}')
        await connection.close(4000, "session expired")

    with Peer(fail) as peer, running(name, "--url", peer.url) as example:
        twilio = Twilio(stream_of(name, example.address))
        with pytest.raises(ConnectionClosed):
            twilio.call()
    for line in (
        "from the model: no such voice",
        "a response failed: .*rate_limit_exceeded",
        "from the model: .*response",
        "the call failed: .*4000.*session expired",
    ):
        assert re.search(f"WARNING twilio: {line}", example.log), example.log


@pytest.mark.mostly_slow(quick=1)
@RUNS
@pytest.mark.parametrize("server", ["silent", "deaf", "talking", "no close"])
def test_a_call_of_asterisk_ends_with_the_hangup_whatever_the_server_does(server: str) -> None:
    ready = '{"type":"session.updated","event_id":"e","session":{"type":"realtime"}}'
    with (
        BareServer(is_silent=server == "silent") as model,
        running("audiosocket", "--url", model.url) as example,
    ):
        asterisk = Asterisk(example.address)
        asterisk.send(audiosocket.Uuid(uuid.UUID(int=7)))
        model.accept()
        if server != "silent":
            model.send(ready)
        if server == "deaf":  # more than what the buffers of the connection store
            for _ in range(2_900):
                asterisk.send(audiosocket.Audio(bytes(320)))
        elif server == "talking":
            for _ in range(50):
                model.send(realtime.encode(AUDIO).decode())
        hung_up = time.monotonic()
        asterisk.send(audiosocket.Hangup())
        if server == "talking":
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < hung_up + 5:
                    model.send(realtime.encode(AUDIO).decode())
        model.wait_closed()
        assert time.monotonic() - hung_up < 5  # 0.5 s, on a machine without other load
        asterisk.close()
    assert "INFO audiosocket: the call is over" in example.log
    assert "Traceback" not in example.log
    assert "the call failed" not in example.log


@pytest.mark.slow
@RUNS
def test_what_fails_in_a_call_of_asterisk_is_logged() -> None:
    async def fail(connection: ServerConnection) -> None:
        failed = realtime.StatusDetails(error=realtime.StatusError(code="server_error"))
        response = realtime.Response(id="resp_1", status="failed", status_details=failed)
        info = realtime.RealtimeSessionInfo(id="sess_1")
        for event in (
            realtime.SessionUpdated(session=info),
            realtime.Error(error=realtime.ErrorDetail(type="server_error", message="no such voice")),
            realtime.ResponseDone(response=response),
        ):
            await connection.send(realtime.encode(event).decode())
        await connection.send('{"type":"response.created","response":7}')
        await connection.close(4000, "session expired")

    with Peer(fail) as peer, running("audiosocket", "--url", peer.url) as example:
        asterisk = Asterisk(example.address)
        asterisk.close()
    for line in (
        "from the model: no such voice",
        "a response failed: .*server_error",
        "from the model: .*response",
        "the call failed: .*4000.*session expired",
    ):
        assert re.search(f"WARNING audiosocket: {line}", example.log), example.log


# --- sip_call --------------------------------------------------------------------------


def deliver(address: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send a webhook. Returns the HTTP status."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{address}/webhook", body, dict(headers)), timeout=20
        ) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def is_over(call: IncomingCall) -> bool:
    return call.status == "ended"


@RUNS
@pytest.mark.skipif(not HAS_FASTAPI, reason="needs FastAPI, uvicorn")
def test_a_sip_call_from_its_webhook_to_the_hang_up() -> None:
    secret = ENVIRONMENT["OPENAI_WEBHOOK_SECRET"]
    script: Script = [[Say("Goodbye."), Call("hang_up")]]
    with (
        LoopbackServer(script=script) as server,
        running("sip_call", "--api", server.http_base_url.removesuffix("/v1")) as example,
    ):
        call, gone = server.incoming_call(secret), server.incoming_call(secret)
        assert deliver(example.address, call.body + b" ", call.headers) == 400
        assert deliver(example.address, b"{}", {"Content-Type": "application/json"}) == 400
        assert call.status == "incoming"
        for _ in range(2):
            assert deliver(example.address, call.body, call.headers) == 200
        deadline = time.monotonic() + 20
        while not is_over(call):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert call.session.instructions == "You are on the phone. Be brief."
        gone.status = "ended"
        assert deliver(example.address, gone.body, gone.headers) == 200
        time.sleep(0.5)
    lines = example.log.splitlines()
    assert lines.count(f"INFO sip: call {call.call_id} accepted") == 1
    assert lines.count(f"INFO sip: call {call.call_id} is over") == 1
    assert "INFO sip: the model said: Goodbye." in lines
    assert "WARNING sip: a webhook was refused: no signature of the webhook matches the secret" in lines
    assert "WARNING sip: a webhook was refused: webhook-id is missing" in lines
    assert (
        f"WARNING sip: call {gone.call_id} failed: 404 call_id_not_found: No session found for the provided call_id"
        in lines
    )
