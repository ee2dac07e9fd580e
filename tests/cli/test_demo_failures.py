"""The demo where something is wrong: one clear line, exit code 1, the files so far intact."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

import realtime as r
from realtime.audio import write_wav
from realtime.cli._record import one_line
from realtime.testing import LoopbackServer
from tests.cli.calls import ULAW, demo, log, samples, speech


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr that is no progress."""
    said = capsys.readouterr()
    assert said.out == ""
    *progress, line = said.err.splitlines()
    assert not any(text.startswith("realtime") for text in progress)
    assert line.startswith("realtime demo: ")
    return line


def missing(path: Path) -> None:
    pass


def a_folder(path: Path) -> None:
    path.mkdir()


def truncated(path: Path) -> None:
    write_wav(path, ULAW.silence(1000), ULAW)
    path.write_bytes(path.read_bytes()[:-100])


def of_another_rate(path: Path) -> None:
    write_wav(path, speech(44100).tobytes(), "pcm16", sample_rate=44100)


def no_wav(path: Path) -> None:
    path.write_bytes(b"ID3\0" * 100)


def empty(path: Path) -> None:
    write_wav(path, b"", ULAW)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (missing, "No such file"),
        (a_folder, "Is a directory"),
        (truncated, "truncated"),
        (of_another_rate, "accepted are 8000, 16000, 24000, 48000 Hz"),
        (no_wav, "WAV"),
        (empty, "no audio"),
    ],
)
def test_a_recording_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], None], says: str
) -> None:
    make(tmp_path / "in.wav")
    assert demo(tmp_path / "out", "--wav", str(tmp_path / "in.wav")) == 1
    line = complaint(capsys)
    assert says in line
    assert str(tmp_path / "in.wav") in line


def test_an_occupied_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LoopbackServer() as other:
        assert demo(tmp_path, "--port", str(other.port)) == 1
        assert f"cannot listen on 127.0.0.1:{other.port}" in complaint(capsys)


def test_a_port_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(tmp_path, "--port", "70000") == 1
    assert "port" in complaint(capsys)


def test_a_file_where_the_folder_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("")
    assert demo(tmp_path / "out") == 1
    assert str(tmp_path / "out") in complaint(capsys)


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:9", "http://127.0.0.1/", "nonsense", "ws://[::1", "ws://127.0.0.1:x/"]
)
def test_a_server_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert demo(tmp_path, "--url", url) == 1
    assert f"cannot connect to {url}" in complaint(capsys)


def test_a_server_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LoopbackServer() as server:
        assert demo(tmp_path, "--url", server.url.replace("realtime", "chat")) == 1
    assert "404" in complaint(capsys)


# --- Servers that fail ---------------------------------------------------------------


class Server:
    """A server of `talk` on 127.0.0.1, in a thread."""

    def __init__(self, talk: Callable[[ServerConnection], None]) -> None:
        self._server = serve(talk, "127.0.0.1", 0, max_size=None, close_timeout=0.2)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/v1/realtime"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()


def greet(connection: ServerConnection) -> None:
    connection.recv()
    session = r.RealtimeSessionInfo(id="sess_1")
    connection.send(r.encode(r.SessionCreated(session=session)), text=True)
    connection.send(r.encode(r.SessionUpdated(session=session)), text=True)


def answer_and(end: Callable[[ServerConnection], None]) -> Callable[[ServerConnection], None]:
    """A server that takes half a second, answers with as much of an answer, and ends."""

    def talk(connection: ServerConnection) -> None:
        greet(connection)
        for _ in range(25):
            connection.recv()
        place: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        connection.send(r.encode(r.ResponseCreated(response=r.Response(id="r"))), text=True)
        for _ in range(5):
            delta = r.ResponseOutputAudioDelta(delta=ULAW.silence(100), **place)
            connection.send(r.encode(delta), text=True)
        end(connection)

    return talk


def close(connection: ServerConnection) -> None:
    connection.close(1011, "out of memory")


def vanish(connection: ServerConnection) -> None:
    connection.socket.shutdown(socket.SHUT_RDWR)


def refuse(connection: ServerConnection) -> None:
    connection.send(
        r.encode(r.Error(error=r.ErrorDetail(type="server_error", message="too\nmuch talk"))), text=True
    )
    connection.recv()


def rave(connection: ServerConnection) -> None:
    connection.send('{"type":\n"session.updated"')
    connection.recv()


def misspell(connection: ServerConnection) -> None:
    connection.send('{"type":\r\n"response.done",\n"response":7}')
    connection.recv()


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (close, "went away in mid-call: received 1011 (internal error) out of memory"),
        (vanish, "went away in mid-call"),
        (refuse, "the server refused an event: too much talk"),
        (rave, "truncated"),
        (misspell, "response.done"),
    ],
)
def test_a_server_that_fails_in_mid_call_leaves_the_files_intact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: Callable[[ServerConnection], None], says: str
) -> None:
    with Server(answer_and(end)) as server:
        assert demo(tmp_path, "--format", "g711_ulaw", "--url", server.url) == 1
    assert says in complaint(capsys)
    assert len(samples(tmp_path / "caller.wav")) >= 25 * 160
    heard = len(samples(tmp_path / "agent.wav"))
    # A connection that is cut may take with it what was on its way.
    assert heard == 5 * 800 or (end is vanish and heard % 800 == 0)
    lines = log(tmp_path)
    assert [line["direction"] for line in lines].count("client") >= 26
    assert lines[0]["frame"]["type"] == "session.update"


def test_a_server_that_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.cli._call.PATIENCE_SECONDS", 0.1)

    def listen(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with Server(listen) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    assert "did not accept the session's settings" in complaint(capsys)


def test_a_server_that_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.cli._call.PATIENCE_SECONDS", 0.1)

    def listen(connection: ServerConnection) -> None:
        greet(connection)
        for _ in connection:
            pass

    with Server(listen) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    assert "did not answer" in complaint(capsys)
    assert len(samples(tmp_path / "agent.wav")) == 0


def test_an_answer_that_is_not_the_callers_audio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    events = (
        r.InputAudioBufferSpeechStarted(item_id="u", audio_start_ms=0),
        r.InputAudioBufferSpeechStopped(item_id="u", audio_end_ms=500),
        r.ResponseCreated(response=r.Response(id="r")),
        r.ResponseOutputAudioDelta(delta=b"\x11" * 800, **place),
        r.InputAudioBufferCleared(),
        r.ResponseDone(response=r.Response(id="r")),
    )

    def talk(connection: ServerConnection) -> None:
        greet(connection)
        while r.peek_type(connection.recv()) != "input_audio_buffer.clear":
            pass
        for event in events:
            connection.send(r.encode(event), text=True)
        connection.recv()

    with Server(talk) as server:
        assert demo(tmp_path, "--format", "g711_ulaw", "--url", server.url) == 0
    assert len(samples(tmp_path / "agent.wav")) == 800
    assert "the answer is not the caller's audio" in capsys.readouterr().out


# --- What cannot be logged as it is --------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (b'{"a": 1}', b'{"a": 1}'),
        (b'{\n"a":\r\n1}', b'{"a":1}'),
        (b'{"a"', b'"{\\"a\\""'),
        (b'"\xff"', '"\\"\ufffd\\""'.encode()),
        (b"[" * 1000 + b"]" * 1000, b'"' + b"[" * 1000 + b"]" * 1000 + b'"'),
    ],
)
def test_a_frame_is_one_line_of_json(frame: bytes, line: bytes) -> None:
    assert one_line(frame) == line
