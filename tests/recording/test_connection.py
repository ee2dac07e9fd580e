"""recorded: what passes a connection is in the log, whatever kind of client it is."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
import websockets

import realtime
from realtime.recording import Entry, Recorder, RecordingError, read_log, recorded
from realtime.testing import LoopbackServer
from tests.testing.helpers import connect

UPDATE = realtime.encode(realtime.create_text_input("Hello"))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def entries(path: Path) -> list[tuple[str, bytes]]:
    return [(entry.direction, entry.frame) for entry in read_log(path) if isinstance(entry, Entry)]


def check(path: Path, received: list[Any]) -> None:
    """Check that the log has the message of the client after the first of the server, and all received."""
    logged = entries(path)
    assert logged[1] == ("client", UPDATE)
    assert [frame.decode() for side, frame in logged if side == "server"] == received
    assert len(received) == 3


def test_a_synchronous_client(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    with LoopbackServer() as server, Recorder(path) as recorder, connect(server.url, proxy=None) as ws:
        assert recorded(ws, recorder) is ws
        received = [ws.recv()]
        ws.send(UPDATE, text=True)
        for message in ws:
            received.append(message)
            if len(received) == 3:
                break
    check(path, received)


def test_an_asynchronous_client(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"

    async def run(url: str, recorder: Recorder) -> list[Any]:
        async with websockets.connect(url, proxy=None) as ws:
            assert recorded(ws, recorder) is ws
            received = [await ws.recv()]
            await ws.send(UPDATE, text=True)
            async for message in ws:
                received.append(message)
                if len(received) == 3:
                    return received
        raise AssertionError

    with LoopbackServer() as server, Recorder(path) as recorder:
        received = asyncio.run(run(server.url, recorder))
    check(path, received)


class Connection:
    """A connection that receives "a" and takes everything."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, message: Any, **options: Any) -> str:
        self.sent.append((message, options))
        return "sent"

    def recv(self, timeout: float | None = None) -> str:
        return f"a{timeout}"


class LaterConnection(Connection):
    async def send(self, message: Any, **options: Any) -> str:  # type: ignore[override]
        return Connection.send(self, message, **options)

    async def recv(self, timeout: float | None = None) -> str:  # type: ignore[override]
        return Connection.recv(self, timeout)


class FullDisk(Recorder):
    """A recorder whose disk is full."""

    def record(self, direction: Any, frame: Any) -> None:
        raise RecordingError(errno.ENOSPC, "full", self.path)


@pytest.mark.parametrize("kind", [Connection, LaterConnection])
@pytest.mark.parametrize("recorder_kind", [Recorder, FullDisk])
def test_a_connection_works_as_before(kind: type[Connection], recorder_kind: Any, tmp_path: Path) -> None:
    """Arguments and results pass, also if nothing can be written."""

    async def run(connection: Any) -> list[Any]:
        results = [connection.send(b"x", text=True), connection.recv(timeout=2)]
        return [await result if asyncio.iscoroutine(result) else result for result in results]

    with recorder_kind(tmp_path / "call.jsonl") as recorder:
        connection = recorded(kind(), recorder)
        assert asyncio.run(run(connection)) == ["sent", "a2"]
    assert connection.sent == [(b"x", {"text": True})]
    if recorder_kind is Recorder:
        assert entries(tmp_path / "call.jsonl") == [("client", b"x"), ("server", b"a2")]


@pytest.mark.parametrize(
    "connection", [object(), "ws", type("Slotted", (Connection,), {"send": property()})()]
)
def test_what_is_no_connection_is_refused(connection: Any, tmp_path: Path) -> None:
    with Recorder(tmp_path / "call.jsonl") as recorder, pytest.raises(TypeError, match="send and recv"):
        recorded(connection, recorder)
