"""Requests that are no WebSocket handshake: each gets one response, and none holds up the server."""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import time
from typing import Any

import h11
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import realtime as r
from realtime.testing import LoopbackServer, fairness, http, server as module
from realtime.testing.calls import RealtimeApi
from tests.testing.helpers import REQUEST, connect, frame, raw

SECRETS = "/v1/realtime/client_secrets"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="module")
def server() -> Any:
    with LoopbackServer() as running:
        yield running


def request(
    method: str = "POST",
    path: str = SECRETS,
    body: bytes = b"{}",
    *,
    length: int | None = None,
    **headers: str,
) -> bytes:
    lines = {"Host": "localhost", "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def read(client: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65_536):
            answer += part
    return answer


def ask(server: LoopbackServer, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send a request in parts. Returns the status, the headers and the body of the response."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        for part in parts:
            client.sendall(part)
        return parse(read(client))


def parse(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    return int(line.split()[1]), headers, body


def error_of(answer: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    _, headers, body = answer
    assert headers["content-type"] == "application/json"
    error: dict[str, Any] = json.loads(body)["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    return error


# --- Responses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "unknown_url"),
        ("POST", "/v1/chat/completions", 404, "unknown_url"),
        ("POST", "/v1/realtime/calls/rtc_1", 404, "unknown_url"),
        ("POST", "/v1/realtime/calls/rtc_1/dance", 404, "unknown_url"),
        ("POST", "/v1/realtime/sessions", 404, "unknown_url"),
        ("DELETE", "*", 404, "unknown_url"),
        ("GET", SECRETS, 405, "method_not_supported"),
        ("PUT", "/v1/realtime/calls/rtc_1/accept", 405, "method_not_supported"),
        ("POST", "/v1/realtime", 405, "method_not_supported"),
        ("GET", "/v1/realtime", 426, None),
        ("GET", "/v1/realtime?fault=gremlin", 400, None),
    ],
)
def test_other_requests_get_an_error(
    server: LoopbackServer, method: str, path: str, status: int, code: str | None
) -> None:
    answer = ask(server, request(method, path))
    assert (answer[0], error_of(answer)["code"]) == (status, code)
    assert answer[1].get("allow") == {405: "GET" if path == "/v1/realtime" else "POST"}.get(status)
    assert answer[1]["connection"] == "close"


def test_a_head_request_gets_no_body(server: LoopbackServer) -> None:
    status, headers, body = ask(server, request("HEAD", "/", b""))
    assert (status, body) == (404, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    "data",
    [
        b"HELLO\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)  # fmt: skip
def test_a_malformed_request_gets_an_error(server: LoopbackServer, data: bytes) -> None:
    answer = ask(server, data)
    assert answer[0] == 400
    assert error_of(answer)["message"].startswith("The request is malformed: ")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=300), cut=st.integers(0, 300))
def test_any_bytes_get_a_response(server: LoopbackServer, data: bytes, cut: int) -> None:
    sent = request("POST", "/v1/realtime/calls", data)[:-cut] if cut % 2 else data + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = read(client)
    assert answer.startswith(b"HTTP/1.1 4") or not sent.strip()


def test_a_connection_without_a_request_gets_no_response(server: LoopbackServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.shutdown(socket.SHUT_WR)
        assert read(client) == b""


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_any_split_of_a_request_gives_the_same_response(server: LoopbackServer, size: int) -> None:
    data = request(body=b'{"session":{"type":"realtime","model":"m"}}')
    status, _, body = ask(server, *(data[at : at + size] for at in range(0, len(data), size)))
    assert (status, json.loads(body)["session"]["model"]) == (200, "m")


def test_a_chunked_body(server: LoopbackServer) -> None:
    head = request(body=b"", Content_Length="", Transfer_Encoding="chunked")
    assert ask(server, head, b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")[0] == 200


def test_a_client_that_waits_to_send_its_body(server: LoopbackServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(request(body=b"", Content_Length="2", Expect="100-continue"))
        assert client.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        client.sendall(b"{}")
        assert read(client).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_handshake_and_a_message_in_one_packet(server: LoopbackServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(REQUEST + frame(r.encode(r.InputAudioBufferClear())))
        answer = b""
        while b"input_audio_buffer.cleared" not in answer:
            part = client.recv(65_536)
            assert part
            answer += part
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")


def test_an_exception_is_a_server_error(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: RealtimeApi, request: http.HttpRequest) -> http.HttpResponse:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(RealtimeApi, "answer", fail)
        answer = ask(server, request())
    assert (answer[0], error_of(answer)["type"]) == (500, "server_error")
    assert [record for record in caplog.records if record.exc_info]
    assert ask(server, request())[0] == 200


# --- Limits --------------------------------------------------------------------------


def test_a_head_that_is_too_large(server: LoopbackServer) -> None:
    answer = ask(server, request(X="x" * (http.MAX_HEAD_BYTES + 5000)))
    assert (answer[0], error_of(answer)["type"]) == (431, "invalid_request_error")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large(server: LoopbackServer, is_chunked: bool) -> None:
    size = http.MAX_BODY_BYTES + 1
    body = b" " * size
    if is_chunked:
        body = b"%x\r\n%b\r\n" % (size, body)
        answer = ask(server, request(body=body, Content_Length="", Transfer_Encoding="chunked"))
    else:
        answer = ask(server, request(body=body))
    assert answer[0] == 413
    assert "larger than 1048576 bytes" in error_of(answer)["message"]
    assert ask(server, request(body=b" " * (http.MAX_BODY_BYTES - 2) + b"{}"))[0] == 200


def test_a_request_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_TIMEOUT_SECONDS", 0.2)
    with LoopbackServer() as server:
        for part in (b"POST ", request(body=b"", Content_Length="5")):
            answer = ask(server, part)
            assert (answer[0], error_of(answer)["message"]) == (408, "The request took longer than 0.2 s.")
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            assert read(client) == b""


def test_a_client_that_leaves_at_the_time_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The socket has no peer any more when its writing side is to be closed."""

    def write_eof(self: Any) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(module, "OPEN_TIMEOUT_SECONDS", 0.2)
    with LoopbackServer() as server:
        with monkeypatch.context() as patch:
            patch.setattr("asyncio.selector_events._SelectorSocketTransport.write_eof", write_eof)
            assert ask(server, b"POST ")[0] == 408
        assert ask(server, request())[0] == 200
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_a_client_that_does_not_stop_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_TIMEOUT_SECONDS", 0.2)
    with LoopbackServer() as server, raw(server, b"") as client:
        client.sendall(b"HELLO\r\n\r\n")
        with pytest.raises(OSError, match=r"[Rr]eset|[Bb]roken"):  # noqa: PT012
            while True:
                client.sendall(bytes(4096))


def test_many_chunks_are_parsed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body of 1-byte chunks costs h11 6 times its size: other clients are served meanwhile."""
    parts: list[int] = []
    plain = h11.Connection.receive_data

    def receive_data(self: Any, data: bytes) -> None:
        parts.append(len(data))
        plain(self, data)

    monkeypatch.setattr(h11.Connection, "receive_data", receive_data)
    with LoopbackServer() as server:
        head = request(body=b"", Content_Length="", Transfer_Encoding="chunked")
        assert ask(server, head, b"1\r\n \r\n" * 20_000 + b"2\r\n{}\r\n0\r\n\r\n")[0] == 200
    assert max(parts) <= fairness.PARSE_BYTES
    assert sum(parts) > 120_000


def test_too_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 1)
    with LoopbackServer() as server, connect(server.url):
        answer = ask(server, request())
        assert (answer[0], error_of(answer)["type"]) == (503, "server_error")


# --- Browsers ------------------------------------------------------------------------


def test_a_page_of_this_machine_may_send_requests(server: LoopbackServer) -> None:
    preflight = request(
        "OPTIONS", body=b"", Origin="http://localhost:3000", Access_Control_Request_Method="POST"
    )
    status, headers, body = ask(server, preflight)
    assert (status, body, "content-length" in headers) == (204, b"", False)
    for allowed in (headers, ask(server, request(Origin="http://localhost:3000"))[1]):
        assert allowed["access-control-allow-origin"] == "http://localhost:3000"
        assert allowed["access-control-expose-headers"] == "Location"
    assert "access-control-allow-origin" not in ask(server, request())[1]


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_pages_of_other_sites_are_refused(server: LoopbackServer, method: str) -> None:
    evil = request(method, Origin="https://evil.example")
    for data in (evil, request(method, Host="evil.example")):
        answer = ask(server, data)
        assert (answer[0], "access-control-allow-origin" in answer[1]) == (403, False)
        assert "allowed_hosts" in error_of(answer)["message"]


def test_a_connection_that_waits_for_its_request_does_not_delay_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OPEN_TIMEOUT_SECONDS", "CLOSE_TIMEOUT_SECONDS", "JOIN_TIMEOUT_SECONDS"):
        monkeypatch.setattr(module, name, 60.0)
    with contextlib.ExitStack() as clients, contextlib.ExitStack() as running:
        server = running.enter_context(LoopbackServer())
        client = clients.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
        client.sendall(b"POST ")
        ask(server, request())
        begin = time.monotonic()
        running.close()
        assert time.monotonic() - begin < 40
