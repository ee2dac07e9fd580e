"""examples/load.py: 500 calls at once lose nothing, faults of a server are detected, and every end is reported."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import importlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol as WebSocketProtocol

import realtime
from realtime.audio import write_wav
from realtime.testing import LoopbackServer, ServerProtocol

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
sys.path.append(str(EXAMPLES))  # as for `python examples/load.py`

# Not by import statements, because type checkers do not know the path.
load: Any = importlib.import_module("load")
apart, fleet, metronome, report, speech, tally, wire = (
    importlib.import_module(f"loadgen.{part}")
    for part in ("apart", "fleet", "metronome", "report", "speech", "tally", "wire")
)

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
ULAW = realtime.AudioFormat.G711_ULAW
RUNS = pytest.mark.skipif(os.name != "posix", reason="limits and signals are those of POSIX")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A second of noise without repetitions."""
    path = tmp_path_factory.mktemp("load") / "speech.wav"
    noise = np.random.default_rng(20261125).normal(0, 4_000, 8_000)
    write_wav(path, realtime.audio.ulaw_encode(noise.astype("<i2")), ULAW)
    return str(path)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", str(EXAMPLES / "load.py"), *arguments]


def run(*arguments: str, limit: str = "true") -> subprocess.CompletedProcess[str]:
    """Run the program in a shell after the command `limit`."""
    shell = ["sh", "-c", f'{limit} && exec "$@"', "sh"] if limit != "true" else []
    return subprocess.run(
        [*shell, *command(*arguments)], env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )


def report_of(*arguments: str) -> Any:
    """Return the report of a run that must be clean."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


# --- Many calls at once ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.alone
def test_500_calls_at_once_in_one_process(recording: str) -> None:
    """A server and its 500 clients in one process. No timing is asserted."""
    arguments = [
        "--calls",
        "500",
        "--in-process",
        "--ptime",
        "200",
        "--seconds",
        "6",
        "--ramp",
        "4",
        "--pause",
        "1",
        "--delta",
        "200",
        "--patience",
        "600",
    ]
    found = report_of(*arguments, "--recording", recording)
    assert (found["calls"], found["opened"], found["finished"], found["at_once"]) == (500,) * 4
    assert found["lost"] == found["errors"] == {}
    assert found["wrong"] == 0
    # Each turn has a response, and so has the audio after the last turn.
    sent, received = found["sent"], found["received"]
    assert found["turns"] >= 250
    assert found["answers"] + found["interrupted"] == found["turns"] + 500 == received["response.done"]
    for kind in ("speech_started", "speech_stopped"):
        assert received[f"input_audio_buffer.{kind}"] == found["turns"]
    assert found["audio_bytes"] > 250 * ULAW.chunk_bytes(1_000)
    assert sent["input_audio_buffer.append"] * 0.2 == pytest.approx(found["call_seconds"])
    assert found["server_cpu_seconds"] > 0
    assert found["calls_per_core"] == pytest.approx(
        found["call_seconds"] / found["server_cpu_seconds"], rel=0.01
    )


@pytest.mark.slow
def test_calls_of_two_processes_are_added(recording: str) -> None:
    arguments = [
        "--calls",
        "9",
        "--processes",
        "2",
        "--ptime",
        "20",
        "--seconds",
        "2",
        "--ramp",
        "0.2",
        "--pause",
        "1.1",
        "--format",
        "pcm16",
    ]
    found = report_of(*arguments, "--recording", recording)
    assert (found["requested"], found["calls"], found["finished"]) == (9, 9, 9)
    assert found["turns"] >= 9
    assert found["answers"] + found["interrupted"] == found["turns"] + 9
    assert (
        found["lateness_ms"]["count"] + found["delayed_appends"] == found["sent"]["input_audio_buffer.append"]
    )
    assert found["server_cpu_seconds"] > 0


@pytest.mark.slow
def test_a_caller_interrupts_and_truncates(recording: str) -> None:
    """The pause is shorter than a response, so the next turn interrupts every response but the last."""
    plan = planned(recording, seconds=4.5, pause_ms=700)
    with LoopbackServer(pace=1) as server:
        found = run_plans(replaced(plan, url=server.url))
    assert found.interrupted >= 1
    assert found.sent["conversation.item.truncate"] == found.received["conversation.item.truncated"] >= 1
    assert found.is_clean


# --- Faults of the server -------------------------------------------------------


def planned(recording: str, **settings: Any) -> Any:
    return fleet.Plan(
        **{
            "url": "", "calls": 1, "seconds": 3.0, "ramp": 0.0, "ptime_ms": 20, "format": "g711_ulaw",
            "recording": recording, "pause_ms": 600, "patience": 600.0, "is_echoed": True, **settings,
        }
    )  # fmt: skip


def replaced(plan: Any, **settings: Any) -> Any:
    return dataclasses.replace(plan, **settings)


def run_plans(*plans: Any, tick: Callable[[Any], bool] = lambda status: False) -> Any:
    """Return the tally of one plan, or of several that run concurrently."""

    async def run_all() -> list[Any]:
        return await asyncio.gather(*(fleet.run(plan, tick) for plan in plans))

    tallies = asyncio.run(run_all())
    return tallies[0] if len(plans) == 1 else tallies


class FaultyServer:
    """A server that alters one frame, chosen by the URL's path: the fault, the type, the number of the frame."""

    def __init__(self, way: str) -> None:
        self._how, self._kind, number = way.strip("/").split("/")
        self._at, self._seen = int(number), 0

    def forward(self, frame: bytes) -> list[bytes]:
        """Return the frames to forward in place of `frame`, of either side."""
        if realtime.peek_type(frame) != self._kind:
            return [frame]
        self._seen += 1
        if self._seen != self._at:
            return [frame]
        match self._how:
            case "drop":
                return []
            case "double":
                return [frame, frame]
            case "break":
                return [frame[:-5]]
            case "lengthen":
                return [frame.replace(b'"delta":"', b'"delta":"AAAA', 1)]
            case _:
                return [frame.replace(*self._payloads(frame), 1)]

    def _payloads(self, frame: bytes) -> tuple[bytes, bytes]:
        delta: Any = realtime.decode_server(frame)
        other = bytes([delta.delta[0] ^ 1]) + delta.delta[1:]
        return base64.b64encode(delta.delta), base64.b64encode(other)

    @classmethod
    async def serve(cls, connection: ServerConnection) -> None:
        assert connection.request is not None
        faults = cls(connection.request.path)
        session = ServerProtocol(ptime_ms=100)
        answers = session.open()
        with contextlib.suppress(realtime.errors.RealtimeError):
            while True:
                for event in answers:
                    for frame in faults.forward(realtime.encode(event)):
                        await connection.send(frame, text=True)
                received = await connection.recv(decode=False)
                answers = [event for frame in faults.forward(received) for event in session.feed(frame)]


# Fault, type and number of the frame; how the tally shows it.
FAULTS: dict[str, Callable[[Any], bool]] = {
    "drop/input_audio_buffer.append/10": lambda seen: seen.wrong >= 1,
    "double/input_audio_buffer.append/20": lambda seen: seen.wrong >= 1,
    "drop/response.output_audio.delta/2": lambda seen: seen.wrong == 1,
    "double/response.output_audio.delta/2": lambda seen: seen.wrong == 1,
    "lengthen/response.output_audio.delta/1": lambda seen: seen.wrong == 1,
    "alter/response.output_audio.delta/1": lambda seen: seen.wrong == 1,
    "drop/response.content_part.done/1": lambda seen: seen.lost == {"response.content_part.done": 1},
    "drop/conversation.item.done/1": lambda seen: seen.lost == {"conversation.item.done": 1},
    "drop/response.created/1": lambda seen: seen.lost["response.created"] >= 1,
    "break/response.output_audio.delta/1": lambda seen: (
        seen.wrong == 1 and any(error.startswith("not decoded: ") for error in seen.errors)
    ),
    "break/input_audio_buffer.append/10": lambda seen: seen.wrong >= 1 and seen.errors == {"invalid_json": 1},
    "drop/nothing/1": lambda seen: seen.is_clean,
}
# Faults after which a call waits forever, and for what.
WAITING: dict[str, str] = {
    "drop/session.updated/1": "its settings",
    "drop/input_audio_buffer.commit/1": "a commit of its audio",
    "drop/response.done/1": "its responses",
    "drop/response.create/1": "its last response",
}


async def faulty_calls(recording: str, ways: Iterable[str], tick: Callable[[Any], bool]) -> list[Any]:
    """Return the tallies of one call per fault, made concurrently."""
    async with serve(FaultyServer.serve, "127.0.0.1", 0, compression=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        plans = [planned(recording, url=f"ws://127.0.0.1:{port}/{way}") for way in ways]
        return await asyncio.gather(*(fleet.run(plan, tick) for plan in plans))


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be advanced."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


@pytest.mark.slow
def test_a_call_that_waits_forever_is_given_up(recording: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is advanced when all calls wait for an event that never arrives."""
    calls: list[Any] = []

    class StoredCall(fleet.Call):  # type: ignore[name-defined,misc]
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            calls.append(self)

    def tick(status: Any) -> bool:
        if [call.stage for call in calls] == [*WAITING.values()]:
            loop.ahead = 10_000.0
        return False

    monkeypatch.setattr(fleet, "Call", StoredCall)
    with contextlib.closing(SkippingLoop()) as loop:
        tallies = loop.run_until_complete(faulty_calls(recording, WAITING, tick))
    for stage, seen in zip(WAITING.values(), tallies, strict=True):
        assert seen.errors == {f"given up, still waiting for {stage}": 1}
        assert not seen.is_clean


@pytest.mark.slow
def test_every_fault_is_detected(recording: str) -> None:
    tallies = asyncio.run(faulty_calls(recording, FAULTS, lambda status: False))
    for way, seen in zip(FAULTS, tallies, strict=True):
        assert FAULTS[way](seen), (way, seen)
        assert seen.is_clean == (way == "drop/nothing/1")


def test_the_faults_of_the_loopback_server_are_distinguished(recording: str) -> None:
    with LoopbackServer() as server:
        deltas, closed = (
            planned(recording, url=f"{server.url}?fault={name}") for name in ("odd_deltas", "disconnect")
        )
        deltas_seen, closed_seen = run_plans(deltas, closed)
    assert deltas_seen.is_clean
    assert not closed_seen.is_clean
    ((error, count),) = closed_seen.errors.items()
    assert (error.partition(": ")[0], count) == ("closed by the server", 1)


@pytest.mark.slow
def test_responses_of_a_server_that_does_not_echo_are_only_counted(recording: str) -> None:
    with LoopbackServer(script=lambda turn: "Good day.") as server:
        plan = planned(recording, url=server.url)
        seen, judged = run_plans(replaced(plan, is_echoed=False), plan)
    assert seen.is_clean
    assert (seen.answers, seen.audio_bytes) == (seen.turns + 1, 0)
    assert judged.wrong == judged.turns + 1


# --- Command line and ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host, is_here",
    [
        ("127.0.0.1", True), ("127.9.9.9:80", True), ("[::1]:80", True), ("localhost", True), ("LOCALHOST", True),
        ("example.com", False), ("128.0.0.1", False), ("[::2]", False), ("127.0.0.1.example.com", False),
        ("localhost:x@example.com", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_called_by_default(
    host: str, is_here: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://{host}/v1/realtime"
    assert load.parsed(["--url", url, "--any-host"]).url == url
    if is_here:
        assert load.parsed(["--url", url]).url == url
    else:
        with pytest.raises(SystemExit):
            load.parsed(["--url", url])
        assert "is not on this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        "--calls 0", "--calls x", "--seconds 0", "--seconds inf", "--ramp -1", "--ramp nan", "--ptime 0",
        "--processes 0", "--in-process --processes 2", "--in-process --url ws://127.0.0.1/",
        "--url ws://[", "--url ws://[ --any-host", "--url foo", "--url foo --any-host", "--url http://127.0.0.1/",
        "--url ws:///v1 --any-host", "--url ws://127.0.0.1:99999/", "--url ws://127.0.0.1:x/", "--url=",
    ],
)  # fmt: skip
def test_invalid_arguments_are_refused(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load.parsed(arguments.split())
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--recording", "nowhere.wav"], "nowhere.wav"),
        (["--recording", __file__], "load: "),
        (["--format", "opus"], "opus"),
        (["--ptime", "0.3"], "0.3"),
        (["--delta", "0.3"], "0.3"),
    ],
)
def test_invalid_settings_are_reported_in_a_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load.main([*arguments, "--calls", "1"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("load: ")
    assert message in err


@pytest.mark.slow
def test_no_server_at_the_address() -> None:
    with socket.socket() as taken:  # bound, so that no other process is, and not listening
        taken.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}/v1/realtime"
        done = run("--url", url, "--calls", "3", "--seconds", "1", "--ramp", "0", "--ptime", "100")
    assert done.returncode == 1, done.stderr
    assert "3 made, 0 completed" in done.stdout
    assert "errors        3 [Errno " in done.stdout
    assert "NOT CLEAN" in done.stdout


def test_another_kind_of_server_at_the_address(recording: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def call_both() -> list[Any]:
        async with (
            await asyncio.start_server(refuse, "127.0.0.1", 0) as one,
            await asyncio.start_server(hang_up, "127.0.0.1", 0) as other,
        ):
            ports = [server.sockets[0].getsockname()[1] for server in (one, other)]
            plans = [planned(recording, url=f"ws://127.0.0.1:{port}/") for port in ports]
            return await asyncio.gather(*(fleet.run(plan, lambda status: False) for plan in plans))

    refused, hung_up = asyncio.run(call_both())
    assert refused.errors == {"server rejected WebSocket connection: HTTP 403": 1}
    assert (hung_up.calls, hung_up.opened, hung_up.errors.total()) == (1, 0, 1)


@pytest.mark.slow
@RUNS
def test_a_soft_limit_of_open_files_is_raised(recording: str) -> None:
    arguments = [
        "--calls",
        "40",
        "--in-process",
        "--seconds",
        "0.5",
        "--ramp",
        "0.5",
        "--ptime",
        "100",
        "--pause",
        "1",
    ]
    done = run(*arguments, "--recording", recording, limit="ulimit -Sn 60")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@RUNS
def test_a_hard_limit_of_open_files_is_reported() -> None:
    done = run("--calls", "500", limit="ulimit -n 200")
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs 564 open files in a process, and the hard limit is 200" in done.stderr


@pytest.mark.slow
@RUNS
@pytest.mark.parametrize("how", ["--in-process", "--processes=2"])
def test_ctrl_c_prints_what_was_measured(how: str, recording: str) -> None:
    arguments = [
        how,
        *["--calls", "4", "--seconds", "600", "--ramp", "0", "--pause", "1", "--recording"],
        recording,
    ]
    with subprocess.Popen(
        command(*arguments), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while "4 calls open" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=60)
    assert process.returncode == 130, out + rest
    assert "Traceback" not in rest
    assert "4 made, 0 completed; at most 4 open at once" in out
    assert "errors        none" in out
    assert "s of CPU: " in out
    assert "Stopped early" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    "end, error",
    [
        (lambda server: server._pipe.send(apart.STOP), "closed by the server: 1001"),
        (lambda server: server._process.kill(), "closed by the server: 1006"),
    ],
    ids=["ended", "killed"],
)
def test_the_server_ends(recording: str, end: Callable[[Any], None], error: str) -> None:
    def tick(status: Any) -> bool:
        if status.open == 3:
            end(server)
        return False

    with apart.Server() as server:
        found = run_plans(planned(recording, url=server.url, calls=3, seconds=600.0), tick=tick)
    assert (found.opened, found.finished) == (3, 0)
    assert found.errors == {error: 3}
    assert (server.cpu_seconds is None) == error.endswith("1006")


@pytest.mark.slow
def test_appends_wait_for_a_server_that_does_not_read(
    recording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delayed appends are sent later, in order, and count as the server's delay."""
    calls: list[Any] = []
    steps = ["pause_writing", "resume_writing"]

    class StoredCall(fleet.Call):  # type: ignore[name-defined,misc]
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            calls.append(self)

    def tick(status: Any) -> bool:
        if steps and status.appends:
            getattr(calls[0]._wire, steps.pop(0))()
        return False

    monkeypatch.setattr(fleet, "Call", StoredCall)
    with LoopbackServer() as server:
        found = run_plans(planned(recording, url=server.url, seconds=2.0), tick=tick)
    assert found.is_clean
    assert found.delayed_appends >= 10
    assert found.lateness_ms.count + found.delayed_appends == found.sent["input_audio_buffer.append"]


def test_an_unexpected_error_is_raised(recording: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def make(self: object, begin: float, end: float) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(fleet.Call, "make", make)
    with pytest.raises(ZeroDivisionError):
        run_plans(planned(recording))


@pytest.mark.slow
def test_a_process_of_the_generator_dies(recording: str) -> None:
    def kill(status: Any) -> bool:
        if status.open == 2:
            for child in multiprocessing.active_children():
                child.kill()
        return False

    with LoopbackServer() as server:
        found = apart.run_apart(planned(recording, url=server.url, calls=2, seconds=600.0), 2, kill)
    assert found.errors == {"a process of the generator died": 2}


# --- Modules -------------------------------------------------------------------------------


@given(
    first=st.integers(0, 200),
    spoken=st.integers(0, 400),
    start=st.integers(0, 9_000),
    ms=st.integers(0, 9_000),
)
def test_the_audio_sent_is_known_exactly(
    recording: str, first: int, spoken: int, start: int, ms: int
) -> None:
    spoken_loop = speech.Speech(recording, "g711_ulaw", 20, 615, lambda frame: frame)
    first %= len(spoken_loop.frames)
    frames = [spoken_loop.frames[(first + number) % len(spoken_loop.frames)] for number in range(spoken)]
    audio: Any = b"".join(realtime.decode_client(frame).audio for frame in frames)
    audio += ULAW.silence(20_000)
    assert spoken_loop.span(first, spoken, start, start + ms) == audio[8 * start : 8 * (start + ms)]


def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "empty.wav", b"", ULAW)
    with pytest.raises(realtime.AudioError, match="no sound"):
        speech.Speech(str(tmp_path / "empty.wav"), "g711_ulaw", 20, 0, lambda frame: frame)


def test_each_distinct_append_is_encoded_once(recording: str) -> None:
    encoded: list[bytes] = []

    def frame_of(frame: bytes) -> bytes:
        encoded.append(frame)
        return frame

    spoken_loop = speech.Speech(recording, "g711_ulaw", 20, 6_000, frame_of)
    assert len(spoken_loop.frames) == 350
    assert len(encoded) == len(set(encoded)) == 51  # the second of speech, and one of silence
    assert spoken_loop.frames[-1] is spoken_loop.silence


PIECES = st.lists(st.integers(1, 40), max_size=30)


@given(splits=PIECES, parts=st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=3), max_size=5))
def test_any_split_of_the_stream_gives_the_same_frames(splits: list[int], parts: list[list[bytes]]) -> None:
    """Complete and fragmented messages with pings between them, split anywhere."""
    received: list[bytes] = []
    stream = b""
    for fragments in parts:
        for number, data in enumerate(fragments):
            opcode = Opcode.CONT if number else Opcode.TEXT
            stream += Frame(opcode, data, number == len(fragments) - 1).serialize(mask=False)
            stream += Frame(Opcode.PING, b"?").serialize(mask=False)

    async def feed() -> None:
        transport = Transport()
        line = wire.Wire(wire.parse_uri("ws://127.0.0.1/"), received.append, lambda: None)
        line.connection_made(transport)
        server = WebSocketProtocol()
        server.receive_data(bytes(transport.written))
        (request,) = server.events_received()
        server.send_response(server.accept(request))  # type: ignore[arg-type]
        data = b"".join(server.data_to_send()) + stream
        for size in (*splits, len(data)):
            if data:
                line.data_received(data[:size])
            data = data[size:]
        line.connection_lost(None)
        await line.closed

    asyncio.run(feed())
    assert received == [b"".join(fragments) for fragments in parts]


class Transport(asyncio.Transport):
    """Stores the data that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: Any) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return False


def test_the_metronome_calls_speakers_when_they_are_due() -> None:
    """Two speakers at once: each one is called when it is due, in order, and not before."""
    calls: list[tuple[float, str]] = []

    class Speaker:
        def __init__(self, name: str, beat: float, times: int, is_over: asyncio.Event) -> None:
            self.name, self.beat, self.times, self.is_over = name, beat, times, is_over

        def send_chunk(self, now: float, due: float) -> float | None:
            assert now >= due
            calls.append((due, self.name))
            self.times -= 1
            if not self.times:
                self.is_over.set()
                return None
            return due + self.beat

    async def go() -> None:
        begin, beat = asyncio.get_running_loop().time(), metronome.Metronome()
        ends = asyncio.Event(), asyncio.Event()
        beat.add(begin + 0.05, Speaker("slow", 0.01, 3, ends[0]))
        beat.add(begin, Speaker("quick", 0.001, 200, ends[1]))
        for number in range(100):  # more than are sent at a time
            beat.add(begin, Speaker(f"once {number:2}", 0.0, 1, asyncio.Event()))
        for end in ends:
            await end.wait()

    asyncio.run(go())
    assert [due for due, _ in calls] == sorted(due for due, _ in calls)
    names = Counter(name for _, name in calls)
    assert (names["quick"], names["slow"], len(names), len(calls)) == (200, 3, 102, 303)


def test_tallies_are_added() -> None:
    one, other = tally.Tally(calls=1, call_seconds=0.5), tally.Tally(calls=2, finished=2)
    one.sent["a"] = other.sent["a"] = 3
    one.lateness_ms.add(1.0)
    other.lateness_ms.add(3.0)
    one += other
    assert (one.calls, one.finished, one.call_seconds, one.sent) == (3, 2, 0.5, {"a": 6})
    assert (one.lateness_ms.count, one.lateness_ms.max) == (2, 3.0)
    assert not one.is_clean


def test_a_late_generator_is_reported() -> None:
    found = tally.Tally(delayed_appends=7)
    for _ in range(50):
        found.lateness_ms.add(25.0)
    settings = {
        "requested": 1,
        "seconds": 1.0,
        "ptime_ms": 20.0,
        "format": "pcm16",
        "server": "x",
        "is_stopped": False,
    }
    found_report = report.Report.of(found, 0.0, **settings)
    text = "\n".join(report.lines(found_report))
    assert found_report.generator_is_late
    assert "delayed       7 appends" in text
    assert "The generator itself was late" in text
    assert "nothing measured after speech_stopped" in text
