"""Failures of the demo: one line on stderr, exit code 1, and files that are valid up to there."""

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

pytestmark = pytest.mark.slow


def error_line(capsys: pytest.CaptureFixture[str], noted: str = "") -> str:
    """Return the error line on stderr. One of the progress lines before it must contain `noted`."""
    printed = capsys.readouterr()
    assert printed.out == ""
    *progress, line = printed.err.splitlines()
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


def unsupported_rate(path: Path) -> None:
    write_wav(path, speech(44100).tobytes(), "pcm16", sample_rate=44100)


def not_a_wav(path: Path) -> None:
    path.write_bytes(b"ID3\0" * 100)


def empty(path: Path) -> None:
    write_wav(path, b"", ULAW)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (missing, "No such file"),
        (a_folder, "Is a directory"),
        (truncated, "truncated"),
        (unsupported_rate, "accepted are 8000, 16000, 24000, 48000 Hz"),
        (not_a_wav, "WAV"),
        (empty, "no audio"),
    ],
)
def test_unusable_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "in.wav")
    assert demo(tmp_path / "out", "--wav", str(tmp_path / "in.wav")) == 1
    line = error_line(capsys)
    assert message in line
    assert str(tmp_path / "in.wav") in line


def test_occupied_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LoopbackServer() as other:
        assert demo(tmp_path, "--port", str(other.port)) == 1
        assert f"cannot listen on 127.0.0.1:{other.port}" in error_line(capsys)


def test_invalid_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(tmp_path, "--port", "70000") == 1
    assert "port" in error_line(capsys)


def test_output_folder_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("")
    assert demo(tmp_path / "out") == 1
    assert str(tmp_path / "out") in error_line(capsys)


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:9", "http://127.0.0.1/", "nonsense", "ws://[::1", "ws://127.0.0.1:x/"]
)
def test_unreachable_server(tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert demo(tmp_path, "--url", url) == 1
    assert f"cannot connect to {url}" in error_line(capsys)


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
def test_errors_contain_no_credentials_of_the_url(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, shown: str
) -> None:
    assert demo(tmp_path, "--url", url) == 1
    line = error_line(capsys)
    assert f"cannot connect to {shown}: " in line
    assert "S3CRET" not in line


def test_the_report_contains_no_credentials_of_the_url(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts: list[int] = []

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        attempts.append(len(attempts))
        status = {2: HTTPStatus.TOO_MANY_REQUESTS, 3: HTTPStatus.REQUEST_TIMEOUT}.get(len(attempts))
        return connection.respond(status, "") if status else None

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        if len(attempts) == 1:
            connection.close(1012)
        for frame in connection:
            if r.peek_type(frame) == LAST:
                connection.send(CONFIRMED, text=True)

    with Server(handle, process_request=refuse) as server:
        assert demo(tmp_path, "--url", f"{server.url}?api-key=S3CRET") == 0
    printed = capsys.readouterr()
    assert "reconnected   3: " in printed.out
    assert "HTTP 429" in printed.err
    assert "S3CRET" not in printed.out + printed.err


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9", "nonsense"])
def test_a_call_that_never_connects_keeps_the_files_of_the_last_one(tmp_path: Path, url: str) -> None:
    assert demo(tmp_path) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert min(len(data) for data in before.values()) > 1000
    assert demo(tmp_path, "--url", url) == 1
    with LoopbackServer() as other:
        assert demo(tmp_path, "--port", str(other.port)) == 1
        assert demo(tmp_path, "--url", other.url.replace("realtime", "chat")) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_unwritable_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "session.jsonl").mkdir()
    assert demo(tmp_path) == 1
    assert str(tmp_path / "session.jsonl") in error_line(capsys)


def test_wrong_path_on_the_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LoopbackServer() as server:
        assert demo(tmp_path, "--url", server.url.replace("realtime", "chat")) == 1
    assert "404" in error_line(capsys)


@pytest.mark.parametrize("reply", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\xff" * 100_000])
def test_servers_without_websockets(tmp_path: Path, capsys: pytest.CaptureFixture[str], reply: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def handle() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(reply)

        thread = threading.Thread(target=handle)
        thread.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
        assert demo(tmp_path, "--url", url) == 1
        thread.join()
    assert f"cannot connect to {url}" in error_line(capsys)


# --- Servers that fail ---------------------------------------------------------------


class Server:
    """A WebSocket server on 127.0.0.1 that runs `handle` for each connection, in a thread."""

    def __init__(self, handle: Callable[[ServerConnection], None], **options: Any) -> None:
        self._server = serve(handle, "127.0.0.1", 0, max_size=None, close_timeout=0.2, **options)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/v1/realtime"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()


def greet(connection: ServerConnection) -> None:
    """Accept the settings."""
    hello = r.decode_client(connection.recv())
    assert isinstance(hello, r.SessionUpdate)
    session = r.RealtimeSessionInfo(id="sess_1", audio=hello.session.audio)
    connection.send(r.encode(r.SessionCreated(session=session)), text=True)
    connection.send(r.encode(r.SessionUpdated(session=session)), text=True)


# The client sends it again after all audio, and waits for the reply.
LAST = "session.update"
CONFIRMED = b'{"type":"session.updated","event_id":"e","session":null}'


def answer_and(end: Callable[[ServerConnection], None]) -> Callable[[ServerConnection], None]:
    """Return a handler that receives half a second, answers with half a second, and runs `end`."""

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        for _ in range(25):
            connection.recv()
        place: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        connection.send(r.encode(r.ResponseCreated(response=r.Response(id="r"))), text=True)
        for _ in range(5):
            delta = r.ResponseOutputAudioDelta(delta=ULAW.silence(100), **place)
            connection.send(r.encode(delta), text=True)
        end(connection)

    return handle


def close(connection: ServerConnection) -> None:
    connection.close(1011, "out of memory")


def drop(connection: ServerConnection) -> None:
    connection.socket.shutdown(socket.SHUT_RDWR)


def send_error(connection: ServerConnection) -> None:
    detail = r.ErrorDetail(type="server_error", message="too\nmuch talk")
    connection.send(r.encode(r.Error(error=detail)), text=True)


def send_truncated(connection: ServerConnection) -> None:
    connection.send('{"type":\n"session.updated"')


def send_invalid(connection: ServerConnection) -> None:
    connection.send('{"type":\r\n"response.done",\n"response":7}')


def send_many_truncated(connection: ServerConnection) -> None:
    for _ in range(10):
        send_truncated(connection)


@pytest.mark.parametrize(
    ("end", "noted"),
    [
        (close, ""),
        (drop, ""),
        (send_error, "the server reported an error: server_error: too much talk"),
        (send_truncated, "undecodable frame ignored: Input data was truncated"),
        (send_many_truncated, "undecodable frame ignored: Input data was truncated"),
        (send_invalid, "response.done"),
    ],
)
def test_files_are_intact_after_a_failure_in_mid_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: Callable[[ServerConnection], None], noted: str
) -> None:
    with Server(answer_and(end)) as server:
        assert demo(tmp_path, "--format", "g711_ulaw", "--url", server.url, "--retries", "0") == 1
    reason = "received 1011 (internal error) out of memory" if end is close else ""
    assert f"the connection ended: {reason}" in error_line(capsys, noted)
    assert len(samples(tmp_path / "caller.wav")) >= 25 * 160
    received = len(samples(tmp_path / "agent.wav"))
    # Dropping a connection may lose frames that are in flight.
    assert received == 5 * 800 or (end is drop and received % 800 == 0)
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
    ("handle", "action", "is_noted", "updates"),
    [
        (listen, "accept the session's settings", False, 2),
        (greet_and_listen, "answer a session.update", True, 4),
    ],
)
def test_silent_server(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    handle: Callable[[ServerConnection], None],
    action: str,
    is_noted: bool,
    updates: int,
) -> None:
    with Server(handle) as server:
        arguments = ("--url", server.url, "--patience", "0.5", "--retries", "1")
        assert demo(tmp_path, *arguments) == 1
    reason = f"the server did not {action} in 0.5 s"
    assert f"{reason}; no attempts are left" in error_line(capsys, reason if is_noted else "")
    assert len(samples(tmp_path / "agent.wav")) == 0
    assert [line["frame"]["type"] for line in log(tmp_path)].count("session.update") == updates


def chat(connection: ServerConnection) -> None:
    """Send an event that is no progress whenever the client is silent."""
    greet(connection)
    while True:
        try:
            connection.recv(timeout=0.02)
        except TimeoutError:
            connection.send(r.encode(r.RateLimitsUpdated(rate_limits=[])), text=True)


def test_a_server_that_makes_no_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Server(chat) as server:
        assert demo(tmp_path, "--url", server.url, "--patience", "0.5", "--retries", "0") == 1
    assert "the server did not answer a session.update in 0.5 s" in error_line(capsys)
    assert [line["frame"]["type"] for line in log(tmp_path)].count("rate_limits.updated") > 1


def test_a_server_that_stops_reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released = threading.Event()

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        released.wait(20)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url, "--patience", "0.5", "--retries", "0") == 1
        released.set()
    line = error_line(capsys)
    assert "the server did not answer a session.update in 0.5 s" in line or "keepalive" in line


def test_refused_settings_end_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def handle(connection: ServerConnection) -> None:
        update = r.decode_client(connection.recv())
        assert isinstance(update, r.SessionUpdate)
        assert isinstance(update.event_id, str)
        detail = r.ErrorDetail(
            type="invalid_request_error", code="invalid_value", message="no", event_id=update.event_id
        )
        connection.send(r.encode(r.Error(error=detail)), text=True)
        listen(connection)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    assert error_line(capsys).endswith("the server refused the session's settings: invalid_value: no")


def test_an_unknown_format_ends_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        updated = b'{"type":"session.updated","session":{"type":"realtime","audio":{"output":{"format":%s}}}}'
        connection.send(updated % b'{"type":"audio/opus"}', text=True)
        listen(connection)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    assert "the session's output format is not supported: unknown audio format 'audio/opus'" in error_line(
        capsys
    )


@pytest.mark.parametrize(
    ("code", "reason"), [(4000, "invalid_request_error.x"), (3000, "invalid_api_key"), (1008, "policy")]
)
def test_a_deliberate_close_is_not_retried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, reason: str
) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        connection.close(code, reason)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    line = error_line(capsys)
    assert f"the connection ended: received {code}" in line
    assert reason in line


def test_an_invalid_key_is_not_retried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def handle(connection: ServerConnection) -> None:
        detail = r.ErrorDetail(
            type="invalid_request_error", code="invalid_api_key", message="Incorrect API key." + 400 * "x"
        )
        connection.send(r.encode(r.Error(error=detail)), text=True)
        listen(connection)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    line = error_line(capsys)
    assert "the server refused the session: invalid_api_key: Incorrect API key.x" in line
    assert len(line) < 600


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (
            '{"error":{"code":"invalid_api_key","message":"Incorrect\\nkey"}}',
            "HTTP 401: invalid_api_key: Incorrect key",
        ),
        ('{"error":{"code":401}}', "HTTP 401: 401"),
        ('{"error":7}', "HTTP 401"),
        ("<html>", "HTTP 401"),
        ("No such\x1b[2J door.\nTry another.", "HTTP 401: No such\\x1b[2J door."),
        ("", "HTTP 401"),
    ],
)
def test_a_refused_handshake_is_not_retried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, ending: str
) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.UNAUTHORIZED, body)

    with Server(listen, process_request=refuse) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    assert error_line(capsys).endswith(ending)


def test_a_busy_server_is_retried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After one connection that worked: a close with 1011, twice HTTP 503, then a complete call."""
    attempts: list[int] = []

    def busy(connection: ServerConnection, request: Request) -> Response | None:
        attempts.append(len(attempts))
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "") if len(attempts) in (2, 3) else None

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        if len(attempts) == 1:
            connection.close(1011)
        for frame in connection:
            if r.peek_type(frame) == LAST:
                connection.send(CONFIRMED, text=True)

    with Server(handle, process_request=busy) as server:
        assert demo(tmp_path, "--url", server.url) == 0
    assert len(attempts) == 4
    out = capsys.readouterr().out
    assert "reconnected   3: cannot connect to" in out
    assert "(2), the connection ended: received 1011" in out


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--patience", "0"], "--patience"),
        (["--patience", "inf"], "--patience"),
        (["--retries", "-1"], "--retries"),
    ],
)
def test_invalid_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], option: str
) -> None:
    assert demo(tmp_path, *arguments) == 1
    assert option in error_line(capsys)


def test_an_answer_that_differs_from_the_callers_audio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    events = (
        r.InputAudioBufferSpeechStarted(item_id="u", audio_start_ms=0),
        r.InputAudioBufferSpeechStopped(item_id="u", audio_end_ms=500),
        r.ResponseCreated(response=r.Response(id="r")),
        r.ResponseOutputAudioDelta(delta=b"\x11" * 800, **place),
        CONFIRMED,
        r.ResponseDone(response=r.Response(id="r")),
    )

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        while r.peek_type(connection.recv()) != LAST:
            pass
        for event in events:
            connection.send(event if isinstance(event, bytes) else r.encode(event), text=True)
        listen(connection)

    with Server(handle) as server:
        assert demo(tmp_path, "--format", "g711_ulaw", "--url", server.url) == 0
    assert len(samples(tmp_path / "agent.wav")) == 800
    assert "the answer differs from the caller's audio" in capsys.readouterr().out


def test_every_frame_is_a_text_message(tmp_path: Path) -> None:
    kinds: set[type] = set()

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        for frame in connection:
            kinds.add(type(frame))
            if r.peek_type(frame) == LAST:
                connection.send(CONFIRMED, text=True)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url) == 0
    assert kinds == {str}


def send_at_the_end(*events: r.ServerEvent | bytes) -> Callable[[ServerConnection], None]:
    """Return a handler that sends `events` once it has received all audio."""

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        while r.peek_type(connection.recv()) != LAST:
            pass
        for event in events:
            connection.send(event if isinstance(event, bytes) else r.encode(event), text=True)
        listen(connection)

    return handle


ANSWER = (
    r.InputAudioBufferSpeechStarted(item_id="u", audio_start_ms=0),
    r.InputAudioBufferSpeechStopped(item_id="u", audio_end_ms=100),
    r.InputAudioBufferCommitted(item_id="u"),
    r.ResponseCreated(response=r.Response(id="r")),
    r.ResponseOutputAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=b"\x00" * 800
    ),
)


def test_interrupted_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cancelled = r.Response(
        id="r", status="cancelled", status_details=r.StatusDetails(type="cancelled", reason="turn_detected")
    )
    handle = send_at_the_end(*ANSWER, r.ResponseDone(response=cancelled), CONFIRMED)
    with Server(handle) as server:
        assert demo(tmp_path, "--format", "g711_ulaw", "--url", server.url) == 0
    out = capsys.readouterr().out
    assert "turn 1        answer interrupted by the caller's next turn, after 0.10 s" in out


def test_silence_answered_with_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "in.wav", ULAW.silence(300), ULAW)
    done = r.ResponseDone(response=r.Response(id="r"))
    with Server(send_at_the_end(*ANSWER, done, CONFIRMED)) as server:
        arguments = ("--wav", str(tmp_path / "in.wav"), "--format", "g711_ulaw", "--url", server.url)
        assert demo(tmp_path / "out", *arguments) == 0
    assert "8 kHz mu-law: SNR -inf dB" in capsys.readouterr().out


# --- Control characters from a server ------------------------------------------------

HOSTILE = "caf\u00e9 \x1b]0;owned\x07\x1b[2J\u202e\x9b31m\n\rrealtime demo: all is well"


def is_harmless(printed: str) -> bool:
    return printed.replace("\n", "").isprintable() and "\nrealtime demo: all is well" not in printed


def test_control_characters_in_events_are_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quoted = json.dumps(HOSTILE).encode()
    failed = r.StatusDetails(type="failed", error=r.StatusError(type=HOSTILE, code=HOSTILE, message=HOSTILE))
    transcript = r.ResponseOutputAudioTranscriptDone(
        response_id="r", item_id="i", output_index=0, content_index=0, transcript=HOSTILE
    )
    handle = send_at_the_end(
        r.Error(error=r.ErrorDetail(type=HOSTILE, code=HOSTILE, message=HOSTILE)),
        b'{"type":%b}' % quoted,
        b'{"type":"response.done","response":{%b:7}}' % quoted,
        b'{"type":"error","error":{%b:' % quoted,
        *ANSWER,
        r.ResponseOutputItemAdded(
            response_id="r", output_index=0, item=r.MessageItem(id="i", role="assistant", content=[])
        ),
        transcript,
        r.ResponseDone(response=r.Response(id="r", status="failed", status_details=failed)),
        CONFIRMED,
    )
    with Server(handle) as server:
        assert demo(tmp_path, "--verbose", "--format", "g711_ulaw", "--url", server.url) == 0
    printed = capsys.readouterr()
    assert printed.err.count("owned") >= 3
    assert printed.out.count("owned") >= 3
    assert is_harmless(printed.err)
    assert is_harmless(printed.out)


@pytest.mark.parametrize("code", [4000, 1012])
def test_control_characters_in_a_close_reason_are_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        connection.close(code, HOSTILE)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url, "--retries", "0") == 1
    err = capsys.readouterr().err
    assert "owned" in err
    assert is_harmless(err)


def test_control_characters_in_a_format_are_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"type": "realtime", "audio": {"output": {"format": {"type": HOSTILE}}}}
    updated = json.dumps({"type": "session.updated", "session": settings})

    def handle(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(updated)
        listen(connection)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    err = capsys.readouterr().err
    assert "owned" in err
    assert is_harmless(err)


def test_control_characters_in_a_refusal_are_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        body = json.dumps({"error": {"code": HOSTILE, "message": HOSTILE}})
        return connection.respond(HTTPStatus.UNAUTHORIZED, body)

    with Server(listen, process_request=refuse) as server:
        assert demo(tmp_path, "--url", server.url) == 1
    err = capsys.readouterr().err
    assert "owned" in err
    assert is_harmless(err)


def test_half_a_sample_at_the_end_of_an_answer_is_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        while r.peek_type(connection.recv()) != LAST:
            pass
        for event in (
            r.ResponseOutputAudioDelta(delta=bytes(4801), **place),
            CONFIRMED,
            r.ResponseDone(response=r.Response(id="r")),
            r.ResponseDone(response=r.Response(id="r")),
        ):
            connection.send(event if isinstance(event, bytes) else r.encode(event), text=True)
        listen(connection)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url) == 0
    assert 700 < len(samples(tmp_path / "agent.wav")) <= 800
    assert "answer 1: 0.10 s received" in capsys.readouterr().err


def test_only_the_last_of_two_unanswered_turns_is_requested_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions: list[list[str]] = []

    def handle(connection: ServerConnection) -> None:
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
                connection.send(r.encode(r.InputAudioBufferCommitted(item_id=item_id)), text=True)
            connection.close(1012)
        for frame in connection:
            kind = r.peek_type(frame)
            sessions[-1].append(kind)
            if kind == "response.create":
                connection.send(r.encode(r.ResponseDone(response=r.Response(id="r"))), text=True)
            if kind == LAST:
                connection.send(CONFIRMED, text=True)

    with Server(handle) as server:
        assert demo(tmp_path, "--url", server.url) == 0
    assert sessions[1][:3] == ["conversation.item.create", "conversation.item.create", "response.create"]
    assert sessions[1].count("response.create") == 1
    assert "turn 1        no answer of its own" in capsys.readouterr().out


# --- Frames that are not one line of JSON --------------------------------------------


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
