"""Connections of clients that stop reading or writing: they do not block the server.

The clients are raw sockets, because a WebSocket library reads in the background.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any

import pytest

import realtime as r
from realtime.testing import LoopbackServer, connection, server as module
from realtime.testing.injection import CloseConnection
from tests.testing.helpers import (
    COMMIT,
    PCM16,
    REQUEST,
    RESPOND,
    append,
    connect,
    exchange,
    formats,
    frame,
    open_session,
    raw,
    tone,
)  # fmt: skip

# The time a stop may take: a second for clients to close, and a busy machine.
STOP_SECONDS = 20
MINUTE: list[r.ClientEvent] = [formats(), append(tone(PCM16, 60_000)), COMMIT]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def send(client: socket.socket, events: Iterable[r.ClientEvent]) -> None:
    client.sendall(b"".join(frame(r.encode(event)) for event in events))


def is_working(server: LoopbackServer) -> bool:
    with connect(server.url) as client:
        return r.decode_server(client.recv(timeout=20)).type == "session.created"


@contextlib.contextmanager
def stopping_soon() -> Generator[None]:
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < STOP_SECONDS


# --- Stopping ------------------------------------------------------------------------


def a_minute(client: socket.socket) -> None:
    send(client, [*MINUTE, RESPOND])


def thousands_of_minutes(client: socket.socket) -> None:
    """Send more than the server reads; what it has read and not answered is dropped with the connection."""
    client.settimeout(1)
    with contextlib.suppress(TimeoutError):
        send(client, [*MINUTE, *[RESPOND] * 5000])


def nothing(client: socket.socket) -> None:
    pass


STUCK: dict[str, tuple[bytes, Callable[[socket.socket], None]]] = {
    "never reads": (REQUEST, a_minute),
    "never reads and requests more": (REQUEST, thousands_of_minutes),
    "half a handshake": (REQUEST[:-2], nothing),
    "no handshake": (b"", nothing),
}


@pytest.mark.parametrize("name", STUCK)
def test_a_stuck_client_does_not_delay_the_end_of_a_with_block(name: str) -> None:
    request, do = STUCK[name]
    with contextlib.ExitStack() as clients, contextlib.ExitStack() as running:
        server = running.enter_context(LoopbackServer())
        do(clients.enter_context(raw(server, request)))
        assert is_working(server)
        with stopping_soon():
            running.close()


@pytest.mark.parametrize("name", STUCK)
def test_a_stuck_client_does_not_delay_the_end_of_an_async_with_block(name: str) -> None:
    request, do = STUCK[name]

    def connect_and_stick(server: LoopbackServer, clients: contextlib.ExitStack) -> None:
        do(clients.enter_context(raw(server, request)))
        assert is_working(server)

    async def run(clients: contextlib.ExitStack) -> None:
        async with contextlib.AsyncExitStack() as running:
            server = await running.enter_async_context(LoopbackServer())
            await asyncio.to_thread(connect_and_stick, server, clients)
            with stopping_soon():
                await running.aclose()

    with contextlib.ExitStack() as clients:
        asyncio.run(run(clients))


def test_a_handshake_has_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_TIMEOUT_SECONDS", 0.1)
    with LoopbackServer() as server, raw(server, b"") as client:
        client.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


# --- Back-pressure -------------------------------------------------------------------

# More than all buffers hold: asyncio's, that of the frames, and the kernel's two.
ENOUGH_BYTES = 64 * 1024 * 1024
NONSENSE = frame(b" " * 65_536)


def push(client: socket.socket) -> int:
    """Send until the peer reads nothing for a second. Returns the bytes sent."""
    client.settimeout(1)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < ENOUGH_BYTES:
            sent += client.send(NONSENSE[sent % len(NONSENSE) :])
    return sent


@pytest.fixture
def max_unsent(monkeypatch: pytest.MonkeyPatch) -> dict[object, int]:
    """The maximum number of bytes in each outbox."""
    sizes: dict[object, int] = {}

    class Outbox(connection.EventOutbox):
        def put(self, outgoing: Iterable[Any]) -> None:
            super().put(outgoing)
            sizes[self] = max(sizes.get(self, 0), self.nbytes)

    monkeypatch.setattr(connection, "EventOutbox", Outbox)
    return sizes


@pytest.mark.parametrize("first", ["client", "server"])
def test_the_server_stops_reading_from_a_client_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch, max_unsent: dict[object, int], first: str
) -> None:
    """Both sides can still close the connection."""
    monkeypatch.setattr(connection, "MAX_UNSENT_BYTES", 10_000)
    turn: list[r.ClientEvent] = [formats(), append(tone(PCM16, 10_000)), COMMIT]
    answer = sum(len(r.encode(event)) + 256 for event in exchange(open_session(*turn), RESPOND))
    with contextlib.ExitStack() as running, contextlib.ExitStack() as clients:
        server = running.enter_context(LoopbackServer())
        client = clients.enter_context(raw(server))
        send(client, [*turn, *[RESPOND] * 50])
        assert push(client) < ENOUGH_BYTES
        # The server stops reading above the limit, so the events of one frame may exceed it.
        assert 10_000 < max(max_unsent.values()) <= 10_000 + answer + 1000
        assert is_working(server)
        with stopping_soon():
            {"client": clients, "server": running}[first].close()
            running.close()


def test_an_event_counts_more_than_its_text() -> None:
    """Empty events fill the memory too."""

    async def run() -> None:
        outbox = connection.EventOutbox()
        outbox.put([connection.SessionFrame(b"x" * 100), b"y" * 50, CloseConnection(1000)])
        assert outbox.nbytes == 100 + 50 + 3 * 256
        for _ in range(3):
            await outbox.get()
        assert outbox.nbytes == 0

    asyncio.run(run())
