"""The demo where something is wrong: one clear line, exit code 1, the files so far intact."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

import realtime as r
from realtime.audio import write_wav
from realtime.recording import one_line
from realtime.testing import LoopbackServer
from tests.cli.calls import ULAW, demo, log, samples, speech


def complaint(capsys: pytest.CaptureFixture[str], noted: str = "") -> str:
    """The one line on stderr that is no progress; one of the others says `noted`."""
    said = capsys.readouterr()
    assert said.out == ""
    *progress, line = said.err.splitlines()
    assert not any(text.startswith("realtime") for text in progress)
    assert sum(noted in text for text in progress) == 1 or not noted
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


SECRET = "user:S3CRET@"
KEY = "?api-key=S3CRET#S3CRET"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"ws://{SECRET}127.0.0.1:9/v1/realtime{KEY}", "ws://127.0.0.1:9/v1/realtime"),
        (f"http://{SECRET}127.0.0.1/{KEY}", "http://127.0.0.1/"),
        (f"{SECRET}nonsense{KEY}", "nonsense"),
        (f"ws://{SECRET}[::1{KEY}", "ws://[::1"),
        (f"ws://{SECRET}127.0.0.1:x/{KEY}", "ws://127.0.0.1:x/"),
    ],
)
def test_what_is_secret_in_a_url_is_not_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, shown: str
) -> None:
    assert demo(tmp_path, "--url", url) == 1
    line = complaint(capsys)
    assert f"cannot connect to {shown}: " in line
    assert "S3CRET" not in line


def test_what_is_secret_in_a_url_is_not_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    came: list[int] = []

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        came.append(len(came))
        status = {2: HTTPStatus.TOO_MANY_REQUESTS, 3: HTTPStatus.REQUEST_TIMEOUT}.get(len(came))
        return connection.respond(status, "") if status else None

    def talk(connection: ServerConnection) -> None:
        greet(connection)
        if len(came) == 1:
            connection.close(1012)
        for frame in connection:
            if r.peek_type(frame) == "input_audio_buffer.clear":
                connection.send(r.encode(r.InputAudioBufferCleared()), text=True)

    with Server(talk, process_request=refuse) as server:
        assert demo(tmp_path, "--url", f"{server.url}?api-key=S3CRET") == 0
    said = capsys.readouterr()
    assert "reconnected   3: " in said.out
    assert "HTTP 429" in said.err
    assert "S3CRET" not in said.out + said.err


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9", "nonsense"])
def test_a_call_that_does_not_begin_leaves_the_last_ones_files(tmp_path: Path, url: str) -> None:
    assert demo(tmp_path) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert min(len(data) for data in before.values()) > 1000
    assert demo(tmp_path, "--url", url) == 1
    with LoopbackServer() as other:
        assert demo(tmp_path, "--port", str(other.port)) == 1
        assert demo(tmp_path, "--url", other.url.replace("realtime", "chat")) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "session.jsonl").mkdir()
    assert demo(tmp_path) == 1
    assert str(tmp_path / "session.jsonl") in complaint(capsys)


def test_a_server_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LoopbackServer() as server:
        assert demo(tmp_path, "--url", server.url.replace("realtime", "chat")) == 1
    assert "404" in complaint(capsys)


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\xff" * 100_000])
def test_what_is_no_websocket(tmp_path: Path, capsys: pytest.CaptureFixture[str], says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(says)

        thread = threading.Thread(target=talk)
        thread.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
        assert demo(tmp_path, "--url", url) == 1
        thread.join()
    assert f"cannot connect to {url}" in complaint(capsys)


# --- Servers that fail ---------------------------------------------------------------


class Server:
    """A server of `talk` on 127.0.0.1, in a thread."""

    def __init__(self, talk: Callable[[ServerConnection], None], **options: Any) -> None:
        self._server = serve(talk, "127.0.0.1", 0, max_size=None, close_timeout=0.2, **options)
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


def complain(connection: ServerConnection) -> None:
    detail = r.ErrorDetail(type="server_error", message="too\nmuch talk")
    connection.send(r.encode(r.Error(error=detail)), text=True)


def rave(connection: ServerConnection) -> None:
    connection.send('{"type":\n"session.updated"')


def misspell(connection: ServerConnection) -> None:
    connection.send('{"type":\r\n"response.done",\n"response":7}')


def rave_again(connection: ServerConnection) -> None:
    for _ in range(10):
        rave(connection)


@pytest.mark.parametrize(
    ("end", "noted"),
    [
        (close, ""),
        (vanish, ""),
        (complain, "the server tells an error: server_error: too much talk"),
        (rave, "a frame is lost: Input data was truncated"),
        (rave_again, "a frame is lost: Input data was truncated"),
        (misspell, "response.done"),
    ],
)
def test_a_server_that_fails_in_mid_call_leaves_the_files_intact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: Callable[[ServerConnection], None], noted: str
) -> None:
    with Server(answer_and(end)) as server:
        assert demo(tmp_path, "--format", "g711_ulaw", "--url", server.url, "--retries", "0") == 1
    says = "received 1011 (internal error) out of memory" if end is close else ""
    assert f"the server went away in mid-call: {says}" in complaint(capsys, noted)
    assert len(samples(tmp_path / "caller.wav")) >= 25 * 160
    heard = len(samples(tmp_path / "agent.wav"))
    # A connection that is cut may take with it what was on its way.
    assert heard == 5 * 800 or (end is vanish and heard % 800 == 0)
    lines = log(tmp_path)
    assert [line["direction"] for line in lines].count("client") >= 26
    assert lines[0]["frame"]["type"] == "session.update"


def listen(connection: ServerConnection) -> None:
    for _ in connection:
        pass


def greet_and_listen(connection: ServerConnection) -> None:
    greet(connection)
    listen(connection)


@pytest.mark.parametrize(
    ("talk", "what"), [(listen, "accept the session's settings"), (greet_and_listen, "answer")]
)
def test_a_server_that_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], talk: Callable[[ServerConnection], None], what: str
) -> None:
    with Server(talk) as server:
        arguments = ("--url", server.url, "--patience", "0.5", "--retries", "1")
        assert demo(tmp_path, *arguments) == 1
    line = complaint(capsys, f"the server did not {what} in 0.5 s")
    assert f"the server did not {what} in 0.5 s; no retries are left" in line
    assert len(samples(tmp_path / "agent.wav")) == 0
    assert [line["frame"]["type"] for line in log(tmp_path)].count("session.update") == 2


def chat(connection: ServerConnection) -> None:
    """Say something whenever the client has nothing to say."""
    greet(connection)
    while True:
        try:
            connection.recv(timeout=0.02)
        except TimeoutError:
            connection.send(r.encode(r.RateLimitsUpdated(rate_limits=[])), text=True)


def test_a_server_that_only_chats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Server(chat) as server:
        assert demo(tmp_path, "--url", server.url, "--patience", "0.5", "--retries", "0") == 1
    assert "the server did not answer in 0.5 s" in complaint(capsys)
    assert [line["frame"]["type"] for line in log(tmp_path)].count("rate_limits.updated") > 1


def test_a_server_that_stops_reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released = threading.Event()

    def talk(connection: ServerConnection) -> None:
        greet(connection)
        released.wait(20)

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url, "--patience", "0.5", "--retries", "0") == 1
        released.set()
    assert "the server did not read what it is sent in 0.5 s" in complaint(capsys)


def test_settings_that_are_refused_end_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def talk(connection: ServerConnection) -> None:
        asked = r.decode_client(connection.recv())
        assert isinstance(asked, r.SessionUpdate)
        assert isinstance(asked.event_id, str)
        detail = r.ErrorDetail(
            type="invalid_request_error", code="invalid_value", message="no", event_id=asked.event_id
        )
        connection.send(r.encode(r.Error(error=detail)), text=True)
        listen(connection)

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    assert complaint(capsys).endswith("the server refused the session's settings: invalid_value: no")


def test_a_format_of_tomorrow_ends_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.recv()
        told = b'{"type":"session.updated","session":{"type":"realtime","audio":{"output":{"format":%s}}}}'
        connection.send(told % b'{"type":"audio/opus"}', text=True)
        listen(connection)

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    assert "the session speaks a format that is not known" in complaint(capsys)


@pytest.mark.parametrize(
    ("code", "reason"), [(4000, "invalid_request_error.x"), (3000, "invalid_api_key"), (1008, "policy")]
)
def test_an_end_on_purpose_is_not_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, reason: str
) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.close(code, reason)

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    line = complaint(capsys)
    assert f"the server ended the call: received {code}" in line
    assert reason in line


def test_a_key_that_is_wrong_is_not_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def talk(connection: ServerConnection) -> None:
        detail = r.ErrorDetail(
            type="invalid_request_error", code="invalid_api_key", message="Incorrect API key." + 400 * "x"
        )
        connection.send(r.encode(r.Error(error=detail)), text=True)
        listen(connection)

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    line = complaint(capsys)
    assert "the server refused the call: invalid_api_key: Incorrect API key.x" in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            '{"error":{"code":"invalid_api_key","message":"Incorrect\\nkey"}}',
            "HTTP 401: invalid_api_key: Incorrect key",
        ),
        ('{"error":{"code":401}}', "HTTP 401: 401"),
        ("<html>", "HTTP 401"),
        ("No such\x1b[2J door.\nTry another.", "HTTP 401: No such\\x1b[2J door."),
        ("", "HTTP 401"),
    ],
)
def test_a_handshake_that_is_refused_is_not_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, says: str
) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.UNAUTHORIZED, body)

    with Server(listen, process_request=refuse) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    assert complaint(capsys).endswith(says)


def test_a_server_that_is_busy_is_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once it was there: 1011, then twice 503, then it is as it should be."""
    came: list[int] = []

    def busy(connection: ServerConnection, request: Request) -> Response | None:
        came.append(len(came))
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "") if len(came) in (2, 3) else None

    def talk(connection: ServerConnection) -> None:
        greet(connection)
        if len(came) == 1:
            connection.close(1011)
        for frame in connection:
            if r.peek_type(frame) == "input_audio_buffer.clear":
                connection.send(r.encode(r.InputAudioBufferCleared()), text=True)

    with Server(talk, process_request=busy) as server:
        assert demo(tmp_path, "--url", server.url) == 0
    assert len(came) == 4
    said = capsys.readouterr()
    assert "reconnected   3: cannot connect to" in said.out
    assert "(2), the server went away in mid-call: received 1011" in said.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--patience", "0"], "--patience"),
        (["--patience", "inf"], "--patience"),
        (["--retries", "-1"], "--retries"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert demo(tmp_path, *arguments) == 1
    assert says in complaint(capsys)


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


def answer_to_the_end(*events: r.ServerEvent | bytes) -> Callable[[ServerConnection], None]:
    """A server that says `events` once all was said."""

    def talk(connection: ServerConnection) -> None:
        greet(connection)
        while r.peek_type(connection.recv()) != "input_audio_buffer.clear":
            pass
        for event in events:
            connection.send(event if isinstance(event, bytes) else r.encode(event), text=True)
        connection.recv()

    return talk


SPOKEN = (
    r.InputAudioBufferSpeechStarted(item_id="u", audio_start_ms=0),
    r.InputAudioBufferSpeechStopped(item_id="u", audio_end_ms=100),
    r.ResponseCreated(response=r.Response(id="r")),
    r.ResponseOutputAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=b"\x00" * 800
    ),
)


def test_an_answer_that_the_caller_interrupts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cancelled = r.Response(
        id="r", status="cancelled", status_details=r.StatusDetails(type="cancelled", reason="turn_detected")
    )
    talk = answer_to_the_end(*SPOKEN, r.ResponseDone(response=cancelled), r.InputAudioBufferCleared())
    with Server(talk) as server:
        assert demo(tmp_path, "--format", "g711_ulaw", "--url", server.url) == 0
    said = capsys.readouterr().out
    assert "turn 1        the answer was interrupted by the caller's next turn, after 0.10 s" in said


def test_silence_that_comes_back_as_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "in.wav", ULAW.silence(300), ULAW)
    done = r.ResponseDone(response=r.Response(id="r"))
    with Server(answer_to_the_end(*SPOKEN, done, r.InputAudioBufferCleared())) as server:
        arguments = ("--wav", str(tmp_path / "in.wav"), "--format", "g711_ulaw", "--url", server.url)
        assert demo(tmp_path / "out", *arguments) == 0
    assert "as 8 kHz mu-law: SNR -inf dB" in capsys.readouterr().out


# --- Text that a terminal would obey -------------------------------------------------

OBEYED = "caf\u00e9 \x1b]0;owned\x07\x1b[2J\u202e\x9b31m\n\rrealtime demo: all is well"


def is_harmless(said: str) -> bool:
    return said.replace("\n", "").isprintable() and "\nrealtime demo: all is well" not in said


def test_nothing_that_a_server_says_is_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quoted = json.dumps(OBEYED).encode()
    failed = r.StatusDetails(type="failed", error=r.StatusError(type=OBEYED, code=OBEYED, message=OBEYED))
    spoken = r.ResponseOutputAudioTranscriptDone(
        response_id="r", item_id="i", output_index=0, content_index=0, transcript=OBEYED
    )
    talk = answer_to_the_end(
        r.Error(error=r.ErrorDetail(type=OBEYED, code=OBEYED, message=OBEYED)),
        b'{"type":%b}' % quoted,
        b'{"type":"response.done","response":{%b:7}}' % quoted,
        b'{"type":"error","error":{%b:' % quoted,
        *SPOKEN,
        r.ResponseOutputItemAdded(
            response_id="r", output_index=0, item=r.MessageItem(id="i", role="assistant", content=[])
        ),
        spoken,
        r.ResponseDone(response=r.Response(id="r", status="failed", status_details=failed)),
        r.InputAudioBufferCleared(),
    )
    with Server(talk) as server:
        assert demo(tmp_path, "--format", "g711_ulaw", "--url", server.url) == 0
    said = capsys.readouterr()
    assert said.err.count("owned") >= 3
    assert said.out.count("owned") >= 3
    assert is_harmless(said.err)
    assert is_harmless(said.out)


@pytest.mark.parametrize("code", [4000, 1012])
def test_no_reason_of_a_close_is_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.close(code, OBEYED)

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url, "--retries", "0") == 1
    said = capsys.readouterr().err
    assert "owned" in said
    assert is_harmless(said)


def test_no_format_is_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"type": "realtime", "audio": {"output": {"format": {"type": OBEYED}}}}
    updated = json.dumps({"type": "session.updated", "session": told})

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(updated)
        listen(connection)

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    said = capsys.readouterr().err
    assert "owned" in said
    assert is_harmless(said)


def test_no_body_of_a_refusal_is_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        body = json.dumps({"error": {"code": OBEYED, "message": OBEYED}})
        return connection.respond(HTTPStatus.UNAUTHORIZED, body)

    with Server(listen, process_request=refuse) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    said = capsys.readouterr().err
    assert "owned" in said
    assert is_harmless(said)


def test_half_a_sample_at_the_end_of_an_answer_is_not_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}

    def talk(connection: ServerConnection) -> None:
        greet(connection)
        while r.peek_type(connection.recv()) != "input_audio_buffer.clear":
            pass
        for event in (
            r.ResponseOutputAudioDelta(delta=bytes(4801), **place),
            r.InputAudioBufferCleared(),
            r.ResponseDone(response=r.Response(id="r")),
            r.ResponseDone(response=r.Response(id="r")),
        ):
            connection.send(r.encode(event), text=True)
        connection.recv()

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url) == 0
    assert 700 < len(samples(tmp_path / "agent.wav")) <= 800
    assert "answer 1: 0.10 s came back" in capsys.readouterr().err


def test_of_two_turns_without_an_answer_the_last_is_asked_for_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions: list[list[str]] = []

    def talk(connection: ServerConnection) -> None:
        sessions.append([])
        greet(connection)
        if len(sessions) == 1:
            for _ in range(25):
                connection.recv()
            for item_id, start, end in (("u1", 0, 100), ("u2", 200, 300)):
                connection.send(
                    r.encode(r.InputAudioBufferSpeechStarted(item_id=item_id, audio_start_ms=start)),
                    text=True,
                )
                connection.send(
                    r.encode(r.InputAudioBufferSpeechStopped(item_id=item_id, audio_end_ms=end)), text=True
                )
            connection.close(1012)
        for frame in connection:
            kind = r.peek_type(frame)
            sessions[-1].append(kind)
            if kind == "response.create":
                connection.send(r.encode(r.ResponseDone(response=r.Response(id="r"))), text=True)
            if kind == "input_audio_buffer.clear":
                connection.send(r.encode(r.InputAudioBufferCleared()), text=True)

    with Server(talk) as server:
        assert demo(tmp_path, "--url", server.url) == 0
    assert sessions[1][:3] == ["conversation.item.create", "conversation.item.create", "response.create"]
    assert sessions[1].count("response.create") == 1
    assert "turn 1        no answer of its own" in capsys.readouterr().out


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
