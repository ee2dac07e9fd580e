"""LoopbackServer: sockets, threads, starting and stopping, and clients that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect as async_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.connection import Connection
from websockets.typing import Subprotocol

import realtime as r
from realtime.testing import LoopbackServer, ServerProtocol, Turn, server as module
from tests.testing.helpers import COMMIT, PCM16, RESPOND, append, audio_of, connect, formats, tone, types

CLEAR = r.InputAudioBufferClear()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def send(client: Connection, *events: r.ClientEvent) -> None:
    for event in events:
        client.send(r.encode(event), text=True)


def receive_until(client: Connection, last: str) -> list[Any]:
    """Receive events up to one of the type `last`."""
    events: list[r.ServerEvent] = []
    while not events or events[-1].type != last:
        events.append(r.decode_server(client.recv(timeout=20)))
    return events


def is_working(client: Connection) -> bool:
    send(client, CLEAR)
    return receive_until(client, "input_audio_buffer.cleared") != []


def test_a_turn_gets_a_response(server: LoopbackServer) -> None:
    audio = tone(PCM16, 500)
    with connect(server.url + "?model=gpt-realtime-2") as client:
        (created,) = receive_until(client, "session.created")
        assert created.session.model == "gpt-realtime-2"
        assert created.session.expires_at > 0
        send(client, formats(), append(audio), COMMIT, RESPOND)
        assert audio_of(receive_until(client, "response.done")) == audio


def test_the_addresses(server: LoopbackServer) -> None:
    assert server.url == f"ws://127.0.0.1:{server.port}/v1/realtime"
    assert server.base_url == f"ws://127.0.0.1:{server.port}/v1"


def test_frames_are_text(server: LoopbackServer) -> None:
    with connect(server.url) as client:
        assert isinstance(client.recv(timeout=20), str)
        client.send(r.encode(CLEAR), text=True)
        client.send(r.encode(CLEAR).decode())
        assert [r.decode_server(client.recv(timeout=20)).type for _ in range(2)] == [
            "input_audio_buffer.cleared"
        ] * 2


def test_binary_messages_are_refused_by_default(server: LoopbackServer) -> None:
    with connect(server.url) as client:
        receive_until(client, "session.created")
        frame = r.encode(r.InputAudioBufferClear(event_id="mine"))
        for parts in (frame, [frame[:5], frame[5:9], frame[9:]]):
            client.send(parts)
            (error,) = receive_until(client, "error")
            assert (error.error.code, error.error.param, error.error.event_id) == (
                "invalid_frame",
                None,
                "mine",
            )
            assert "websocket.send(frame.decode())" in error.error.message
            assert "text=True" in error.error.message
            assert error.event_id
        client.send(b"\0\xff")  # audio, by mistake
        assert receive_until(client, "error")[-1].error.event_id is None
        client.send([frame[:5].decode(), frame[5:].decode()])
        assert receive_until(client, "input_audio_buffer.cleared")


def test_binary_messages_can_close_the_connection() -> None:
    with LoopbackServer(binary="close") as server, connect(server.url) as client:
        client.send(r.encode(CLEAR))
        with pytest.raises(ConnectionClosed) as closed:
            receive_all(client)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1003, "binary message: send events as text")


def test_binary_messages_can_be_accepted() -> None:
    with LoopbackServer(binary="accept") as server, connect(server.url) as client:
        client.send(r.encode(CLEAR))
        assert receive_until(client, "input_audio_buffer.cleared")


def test_sessions_are_independent(server: LoopbackServer) -> None:
    with connect(server.url) as one, connect(server.url) as two:
        names = {receive_until(client, "session.created")[0].session.id for client in (one, two)}
        assert len(names) == 2
        send(one, formats(), append(tone(PCM16, 500)))
        send(two, COMMIT)
        assert receive_until(two, "error")[-1].error.code == "input_audio_buffer_commit_empty"


def test_another_path_is_not_found(server: LoopbackServer) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(server.url.replace("realtime", "chat")):
        pass
    assert refused.value.response.status_code == 404
    with connect(f"ws://127.0.0.1:{server.port}/openai/v1/realtime?model=x") as client:
        assert receive_until(client, "session.created")[0].session.model == "x"


def test_subprotocols_of_a_browser(server: LoopbackServer) -> None:
    offered = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.none")]
    with connect(server.url, subprotocols=offered) as client:
        assert client.subprotocol == "realtime"
    with connect(server.url, subprotocols=[Subprotocol("other")]) as client:
        assert client.subprotocol is None


# --- Clients that misbehave ----------------------------------------------------------


def test_undecodable_frames_get_an_error(server: LoopbackServer) -> None:
    with connect(server.url) as client:
        receive_until(client, "session.created")
        for frame in (b"\0\xff", "{", '{"type":"sing","event_id":"s1"}'):
            client.send(frame, text=True)
            assert receive_until(client, "error")
        assert is_working(client)


def receive_all(client: Connection) -> None:
    while True:
        client.recv(timeout=20)


def test_a_frame_beyond_the_limit_closes_only_its_connection(server: LoopbackServer) -> None:
    with connect(server.url, max_size=None) as client, connect(server.url) as other:
        client.send(b" " * (module.MAX_FRAME_BYTES + 1))
        with pytest.raises(ConnectionClosed) as closed:
            receive_all(client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert is_working(other)


def test_an_append_of_15_mib_is_accepted(server: LoopbackServer) -> None:
    with connect(server.url, max_size=None) as client:
        send(client, formats(), append(b"\0" * PCM16.max_append_bytes), CLEAR)
        assert "error" not in types(receive_until(client, "input_audio_buffer.cleared"))


def test_a_client_that_disappears(server: LoopbackServer) -> None:
    with connect(server.url) as client:
        send(client, formats(), append(tone(PCM16, 5000)), COMMIT, RESPOND)
        client.socket.shutdown(socket.SHUT_RDWR)
    with connect(server.url) as other:
        assert is_working(other)


def test_a_connection_without_a_handshake(server: LoopbackServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"HELLO\r\n\r\n")
        raw.recv(1000)
    with connect(server.url) as client:
        assert is_working(client)


def test_a_client_that_sends_before_it_reads(server: LoopbackServer) -> None:
    """The answers are more than the buffers of both sockets hold."""
    audio = tone(PCM16, 10_000)
    with connect(server.url, max_size=None) as client:
        send(client, formats(), append(audio), COMMIT)
        for _ in range(20):
            send(client, RESPOND)
        for _ in range(20):
            assert audio_of(receive_until(client, "response.done")) == audio


# --- Starting and stopping -----------------------------------------------------------


def test_a_port_in_use_is_a_config_error(server: LoopbackServer) -> None:
    with pytest.raises(r.ConfigError, match=rf"^cannot listen on 127\.0\.0\.1:{server.port}: .*in use$"):
        LoopbackServer(server.port).__enter__()

    async def start() -> None:
        async with LoopbackServer(server.port):
            pass

    with pytest.raises(r.ConfigError):
        asyncio.run(start())


@pytest.mark.parametrize(
    "arguments", [{"port": -1}, {"port": 65536}, {"binary": "ignore"}, {"pace": 0}, {"pace": float("nan")}]
)
def test_invalid_arguments_are_config_errors(arguments: dict[str, Any]) -> None:
    with pytest.raises(r.ConfigError):
        LoopbackServer(**arguments)


def test_an_invalid_ptime_is_an_audio_error() -> None:
    with pytest.raises(r.AudioError):
        LoopbackServer(ptime_ms=0)


def test_a_server_that_is_not_running_has_no_port() -> None:
    server = LoopbackServer()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url
    with server, pytest.raises(RuntimeError, match="running already"):
        server.__enter__()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.port


def test_stopping_closes_connections_and_leaves_no_thread() -> None:
    with contextlib.ExitStack() as clients:
        with LoopbackServer() as server:
            client = clients.enter_context(connect(server.url))
            receive_until(client, "session.created")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
    # The threads of the client may take longer.
    assert "LoopbackServer" not in {thread.name for thread in threading.enumerate()}


def test_a_failure_to_create_the_event_loop_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more() -> asyncio.AbstractEventLoop:
        raise OSError(24, "Too many open files")

    server = LoopbackServer()
    with monkeypatch.context() as patched:
        patched.setattr(asyncio.events, "new_event_loop", no_more)
        with pytest.raises(OSError, match="Too many open files"):
            server.__enter__()
    with server, connect(server.url) as client:
        assert is_working(client)


def test_a_thread_that_does_not_end_gives_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JOIN_TIMEOUT_SECONDS", 0.1)
    is_blocked, may_end = threading.Event(), threading.Event()

    def block(turn: Turn) -> None:
        is_blocked.set()
        may_end.wait(20)

    server = LoopbackServer(script=block).__enter__()
    with connect(server.url, close_timeout=0.2) as client:
        send(client, RESPOND)
        assert is_blocked.wait(20)
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "LoopbackServer")
        with pytest.warns(RuntimeWarning, match=r"did not end within 0\.1 s"):
            server.__exit__(None, None, None)
        may_end.set()
        thread.join(20)
        assert not thread.is_alive()


def test_a_server_can_run_again() -> None:
    server = LoopbackServer()
    for _ in range(2):
        with server, connect(server.url) as client:
            assert is_working(client)


def test_in_the_running_loop() -> None:
    async def talk() -> list[str]:
        async with LoopbackServer() as server, async_connect(server.url) as client:
            await client.send(r.encode(CLEAR), text=True)
            return [r.decode_server(await client.recv()).type for _ in range(2)]

    assert asyncio.run(talk()) == ["session.created", "input_audio_buffer.cleared"]


# --- Paced ---------------------------------------------------------------------------


def test_a_paced_response_is_complete() -> None:
    audio = tone(PCM16, 500)
    with LoopbackServer(pace=50, ptime_ms=20) as server, connect(server.url) as client:
        send(client, formats(), append(audio), COMMIT, RESPOND)
        events = receive_until(client, "response.done")
        assert audio_of(events) == audio
        assert len([event for event in events if isinstance(event, r.ResponseOutputAudioDelta)]) == 25
        send(client, RESPOND)
        assert audio_of(receive_until(client, "response.done")) == audio


def test_a_paced_response_can_be_cancelled_and_the_server_stopped_during_one() -> None:
    with LoopbackServer(pace=1) as server, connect(server.url) as client:
        send(client, formats(), append(tone(PCM16, 60_000)), COMMIT, RESPOND)
        receive_until(client, "response.output_audio.delta")
        send(client, r.ResponseCancel())
        assert receive_until(client, "response.done")[-1].response.status == "cancelled"
        send(client, RESPOND)
        receive_until(client, "response.output_audio.delta")


# --- Scripts that fail ---------------------------------------------------------------


def raising(turn: Turn) -> Any:
    raise ZeroDivisionError(turn.text)


def test_a_script_that_raises_closes_only_its_connection() -> None:
    with LoopbackServer(script=raising) as server, connect(server.url) as other:
        with connect(server.url) as client:
            send(client, RESPOND)
            with pytest.raises(ConnectionClosed) as closed:
                receive_all(client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        assert is_working(other)


def test_an_exception_while_pacing_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client sends nothing any more at that point, so the pacing task has to end the connection."""

    def fail(session: ServerProtocol) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(ServerProtocol, "advance", fail)
    with LoopbackServer(pace=1) as server, connect(server.url) as client:
        send(client, formats(), append(tone(PCM16, 1000)), COMMIT, RESPOND)
        with pytest.raises(ConnectionClosed) as closed:
            receive_all(client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
