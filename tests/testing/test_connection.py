"""Clients that stop half-way: the server neither waits for them nor keeps what they send.

They are raw sockets, since a WebSocket library reads in the background whatever its caller does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any

import pytest
from websockets.sync.client import connect

import realtime as r
from realtime.testing import LoopbackServer, connection, server as module
from tests.testing.helpers import COMMIT, PCM16, RESPOND, append, formats, opened, tell, tone

# What a stop may take here: a second for those who may still leave, and a busy machine.
STOP_SECONDS = 6
REQUEST = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MINUTE: list[r.ClientEvent] = [formats(), append(tone(PCM16, 60_000)), COMMIT]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@contextlib.contextmanager
def raw(server: LoopbackServer, request: bytes = REQUEST) -> Generator[socket.socket]:
    """A connection with little room for what nobody reads; the handshake's answer is read."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        client.sendall(request)
        answer = b""
        while request.endswith(b"\r\n\r\n") and b"\r\n\r\n" not in answer:
            answer += client.recv(1)
        yield client


def frame(payload: bytes) -> bytes:
    """A text frame, whole and with a mask of zeros."""
    return struct.pack(">BBQ4x", 0x81, 0x80 | 127, len(payload)) + payload


def say(client: socket.socket, events: Iterable[r.ClientEvent]) -> None:
    client.sendall(b"".join(frame(r.encode(event)) for event in events))


def is_well(server: LoopbackServer) -> bool:
    with connect(server.url) as client:
        return r.decode_server(client.recv(timeout=20)).type == "session.created"


@contextlib.contextmanager
def stopping_soon() -> Generator[None]:
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < STOP_SECONDS


# --- Stopping ------------------------------------------------------------------------


def a_minute(client: socket.socket) -> None:
    say(client, [*MINUTE, RESPOND])


def thousands_of_minutes(client: socket.socket) -> None:
    """More than the server takes; what it has taken and not answered ends with the connection."""
    client.settimeout(1)
    with contextlib.suppress(TimeoutError):
        say(client, [*MINUTE, *[RESPOND] * 5000])


def nothing(client: socket.socket) -> None:
    pass


STUCK: dict[str, tuple[bytes, Callable[[socket.socket], None]]] = {
    "never reads": (REQUEST, a_minute),
    "never reads and asks for more": (REQUEST, thousands_of_minutes),
    "half a handshake": (REQUEST[:-2], nothing),
    "no handshake": (b"", nothing),
}


@pytest.mark.parametrize("name", STUCK)
def test_a_stuck_client_does_not_hold_up_the_end_of_a_with_block(name: str) -> None:
    request, do = STUCK[name]
    with contextlib.ExitStack() as clients, contextlib.ExitStack() as running:
        server = running.enter_context(LoopbackServer())
        do(clients.enter_context(raw(server, request)))
        assert is_well(server)
        with stopping_soon():
            running.close()


@pytest.mark.parametrize("name", STUCK)
def test_nor_that_of_an_async_with_block(name: str) -> None:
    request, do = STUCK[name]

    def connect_and_stick(server: LoopbackServer, clients: contextlib.ExitStack) -> None:
        do(clients.enter_context(raw(server, request)))
        assert is_well(server)

    async def run(clients: contextlib.ExitStack) -> None:
        async with contextlib.AsyncExitStack() as running:
            server = await running.enter_async_context(LoopbackServer())
            await asyncio.to_thread(connect_and_stick, server, clients)
            with stopping_soon():
                await running.aclose()

    with contextlib.ExitStack() as clients:
        asyncio.run(run(clients))


def test_a_handshake_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_TIMEOUT_SECONDS", 0.1)
    with LoopbackServer() as server, raw(server, b"") as client:
        client.settimeout(6)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


# --- Back-pressure -------------------------------------------------------------------

# Every buffer of the way is smaller than this: asyncio's, the frames', and the kernel's two.
ENOUGH_BYTES = 64 * 1024 * 1024
NONSENSE = frame(b" " * 65_536)


def push(client: socket.socket) -> int:
    """Send until nothing is taken for a second; how many bytes were."""
    client.settimeout(1)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < ENOUGH_BYTES:
            sent += client.send(NONSENSE[sent % len(NONSENSE) :])
    return sent


@pytest.fixture
def most_waiting(monkeypatch: pytest.MonkeyPatch) -> dict[object, int]:
    """The most events that ever waited in each outbox."""
    most: dict[object, int] = {}

    class Outbox(connection.EventOutbox):
        def put(self, events: Iterable[Any]) -> None:
            super().put(events)
            most[self] = max(most.get(self, 0), len(self))

    monkeypatch.setattr(connection, "EventOutbox", Outbox)
    return most


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_client_that_does_not_read_is_not_read_from(
    monkeypatch: pytest.MonkeyPatch, most_waiting: dict[object, int], first: str
) -> None:
    """Past its limit the server waits for the client; either can leave all the same."""
    monkeypatch.setattr(connection, "MAX_UNSENT_EVENTS", 10)
    turn: list[r.ClientEvent] = [formats(), append(tone(PCM16, 10_000)), COMMIT]
    answer = len(tell(opened(*turn), RESPOND))
    with contextlib.ExitStack() as running, contextlib.ExitStack() as clients:
        server = running.enter_context(LoopbackServer())
        client = clients.enter_context(raw(server))
        say(client, [*turn, *[RESPOND] * 50])
        assert push(client) < ENOUGH_BYTES
        # It reads on below the limit only, so that what one frame is answered with may be above it.
        assert 10 < max(most_waiting.values()) <= 10 + answer
        assert is_well(server)
        with stopping_soon():
            {"client": clients, "server": running}[first].close()
            running.close()
