"""Fairness: clients that flood the server neither delay the others nor fill its memory.

Work is counted in frames, not in time. The clients are raw sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame

import realtime as r
from realtime.testing import LoopbackServer, ServerProtocol, Turn, fairness, server as module
from realtime.testing.fairness import Account, FairConnection, TimeSlice, Turns
from tests.testing.helpers import (
    PCM16,
    REQUEST,
    RESPOND,
    append,
    connect,
    formats,
    frame,
    frame_of,
    raw,
    tone,
)

CLEAR = r.encode(r.InputAudioBufferClear())
TEXT, START, MIDDLE, END, BINARY, PING, PONG, CLOSE = 0x81, 0x01, 0x00, 0x80, 0x82, 0x89, 0x8A, 0x88


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The frames that the server has parsed, by opcode, and the largest number of each kind that waits."""
    counts: Counter[str] = Counter()
    plain = FairConnection.process_event

    def process_event(self: FairConnection, event: Any) -> None:
        plain(self, event)
        if isinstance(event, Frame):
            counts[event.opcode.name] += 1
            counts["waiting"] = max(counts["waiting"], self._unhandled_frames)

    monkeypatch.setattr(FairConnection, "process_event", process_event)
    return counts


def receive(client: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Yield the first byte and the payload of each frame until the server ends the connection."""
    stream = client.makefile("rb")
    while head := stream.read(2):
        size = head[1]
        if size > 125:
            width = {126: 2, 127: 8}[size]
            size = int.from_bytes(stream.read(width), "big")
        yield head[0], stream.read(size)


def close_code(client: socket.socket) -> int | None:
    """Return the code of the server's close frame; None if it ends the connection without one."""
    with contextlib.suppress(ConnectionResetError):
        for head, payload in receive(client):
            if head == CLOSE:
                return int(struct.unpack(">H", payload[:2])[0])
    return None


# --- Turns ---------------------------------------------------------------------------


def iterations(
    use: Callable[[Turns, Callable[[object], None]], None],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float = 0.0,
) -> list[tuple[object, int]]:
    """Return the calls of the second argument of `use`, each with its iteration of the event loop."""
    monkeypatch.setattr(fairness, "SLICE_SECONDS", seconds)
    calls: list[tuple[object, int]] = []

    async def run() -> None:
        number = 0
        use(Turns(), lambda what: calls.append((what, number)))
        for number in range(1, 12):  # noqa: B007
            await asyncio.sleep(0)

    asyncio.run(run())
    return calls


def request_each(turns: Turns, work: Callable[[object], None]) -> None:
    for name in "abcd":
        turns.request(Account(), lambda name=name: work(name))  # type: ignore[misc]


def test_slices_that_are_over_have_an_iteration_each(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iterations(request_each, monkeypatch)
    assert [name for name, _ in calls] == ["a", "b", "c", "d"]
    assert len({number for _, number in calls}) == 4
    assert calls[0] == ("a", 0)  # at once


def test_short_turns_share_an_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    assert iterations(request_each, monkeypatch, 60.0) == [(name, 0) for name in "abcd"]

    def after_another(turns: Turns, work: Callable[[object], None]) -> None:
        turns.request_iteration(Account(), lambda: None)
        request_each(turns, work)

    assert iterations(after_another, monkeypatch, 60.0) == [(name, 1) for name in "abcd"]


def test_the_turn_of_a_task_has_an_iteration_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def use(turns: Turns, work: Callable[[object], None]) -> None:
        for name in "abcd":
            turns.request_iteration(Account(), lambda name=name: work(name))  # type: ignore[misc]

    assert len({number for _, number in iterations(use, monkeypatch, 60.0)}) == 4


def test_a_request_waits_behind_all_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def use(turns: Turns, work: Callable[[object], None]) -> None:
        def again(name: str, times: int) -> None:
            work(name)
            if times:
                turns.request(Account(), lambda: again(name, times - 1))

        turns.request(Account(), lambda: None)
        for name in "abc":
            turns.request(Account(), lambda name=name: again(name, 2))  # type: ignore[misc]

    assert "".join(str(name) for name, _ in iterations(use, monkeypatch)) == "abcabcabc"


def test_the_connection_that_has_worked_least_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one comes before those that wait, but work before a pause does not count."""

    def use(turns: Turns, work: Callable[[object], None]) -> None:
        def again(account: Account, name: str, times: int) -> None:
            work(name)
            account.charged += 1.0
            if times:
                turns.request(account, lambda: again(account, name, times - 1))

        def new() -> None:
            again(Account(), "new", 2)

        busy, heavy, idle = Account(), Account(), Account()
        turns.request(Account(), lambda: None)
        turns.request(busy, lambda: again(busy, "busy", 2))
        heavy.charged = 1.5
        turns.request(heavy, lambda: again(heavy, "heavy", 0))
        turns.request(idle, new)

    calls = [name for name, _ in iterations(use, monkeypatch)]
    assert calls[:5] == ["busy", "new", "busy", "new", "heavy"]
    assert sorted(map(str, calls[5:])) == ["busy", "new"]


def test_a_pause_gives_no_credit(monkeypatch: pytest.MonkeyPatch) -> None:
    def use(turns: Turns, work: Callable[[object], None]) -> None:
        def again(account: Account, name: str, times: int) -> None:
            work(name)
            account.charged += 1.0
            if times:
                turns.request(account, lambda: again(account, name, times - 1))

        busy = Account()
        busy.charged = 5.0
        turns.request(busy, lambda: again(busy, "busy", 3))
        pausing = Account()
        turns.request(pausing, lambda: again(pausing, "pausing", 3))

    calls = [name for name, _ in iterations(use, monkeypatch)]
    assert calls[:4].count("busy") == 2


def spin(seconds: float) -> None:
    """Use CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_turns_are_charged_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def use(turns: Turns, work: Callable[[object], None]) -> None:
        def again(account: Account, name: str, seconds: float, times: int) -> None:
            work(name)
            spin(seconds)
            if times:
                turns.request(account, lambda: again(account, name, seconds, times - 1))

        turns.request(Account(), lambda: None)
        slow, quick = Account(), Account()
        turns.request(slow, lambda: again(slow, "slow", 0.1, 3))
        turns.request(quick, lambda: again(quick, "quick", 0.0, 3))

    calls = [name for name, _ in iterations(use, monkeypatch)]
    last_quick = len(calls) - 1 - calls[::-1].index("quick")
    assert calls[:last_quick].count("slow") <= 2


def test_the_handling_of_messages_is_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[FairConnection] = []
    plain = FairConnection.receive

    async def receive_message(self: FairConnection) -> bytes:
        connections.append(self)
        return await plain(self)

    def slow(self: ServerProtocol, message: bytes) -> list[Any]:
        spin(0.05)
        return []

    monkeypatch.setattr(FairConnection, "receive", receive_message)
    monkeypatch.setattr(ServerProtocol, "feed", slow)
    with LoopbackServer() as server, raw(server) as client:
        client.sendall(frame(CLEAR) * 2 + frame_of(PING))
        while len(connections) < 3:
            time.sleep(0.01)
    assert connections[0].account.charged >= 0.1


@pytest.mark.parametrize(("nbytes", "turns"), [(60_000, 0), (70_000, 1)])
def test_a_large_message_has_a_turn_of_its_own(
    nbytes: int, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[TimeSlice] = []
    plain = TimeSlice.wait

    async def wait(self: TimeSlice) -> None:
        waits.append(self)
        await plain(self)

    monkeypatch.setattr(fairness, "SLICE_SECONDS", 60.0)
    monkeypatch.setattr(TimeSlice, "wait", wait)
    with LoopbackServer() as server, raw(server) as client:
        client.sendall(frame(b" " * nbytes))
        assert len(list(itertools.islice(receive(client), 2))) == 2
    assert len(waits) == turns


def test_tasks_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one whose account is lower does not keep the other waiting for ever."""
    monkeypatch.setattr(fairness, "SLICE_SECONDS", 0.25)

    async def run() -> str:
        turns, calls = Turns(), ""
        accounts = {"a": Account(), "b": Account()}
        accounts["b"].charged = 0.6

        async def work(name: str) -> None:
            nonlocal calls
            turn = TimeSlice(turns, accounts[name])
            for _ in range(6):
                await turn.wait()
                calls += name

        await asyncio.gather(work("a"), work("b"))
        return calls

    calls = asyncio.run(run())
    assert calls.startswith("aab")
    assert all(set(calls[at : at + 3]) == {"a", "b"} for at in range(8))


def test_a_turn_after_a_pause_is_at_once() -> None:
    async def run() -> list[str]:
        turns, calls = Turns(), list[str]()
        turns.request(Account(), lambda: calls.append("first"))
        await asyncio.sleep(0.01)
        turns.request(Account(), lambda: calls.append("second"))
        return calls

    assert asyncio.run(run()) == ["first", "second"]


def test_a_slice_is_shared_once_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(seconds: float) -> int:
        monkeypatch.setattr(fairness, "SLICE_SECONDS", seconds)
        turns, count = Turns(), 0

        async def work() -> None:
            nonlocal count
            turn = TimeSlice(turns, Account())
            for count in range(100):  # noqa: B007
                await turn.share()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        return count

    assert asyncio.run(run(60.0)) == 99
    assert asyncio.run(run(0.0)) == 1  # the first turn of an iteration is at once, the second is not


# --- A flood -------------------------------------------------------------------------

# More than a thousand frames for each turn of each client.
FLOOD = 30_000
BLOCKS = {
    "empty messages": frame_of(TEXT),
    "invalid events": frame_of(TEXT, b"{}"),
    "binary messages": frame_of(BINARY, b"x"),
    "events": frame(CLEAR),
    "pings": frame_of(PING),
    "pongs": frame_of(PONG),
    "fragments": frame_of(MIDDLE),
}


@contextlib.contextmanager
def flooding(server: LoopbackServer, kind: str, clients: int) -> Generator[None]:
    """Let clients that do not read send more than the server handles in a second."""
    flood = (frame_of(START) if kind == "fragments" else b"") + BLOCKS[kind] * FLOOD
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(raw(server)) for _ in range(clients)]
        for each in sockets:
            each.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                each.sendall(flood)
        yield


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("kind", BLOCKS)
def test_a_new_client_is_answered_during_a_flood(
    kind: str, frames: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the 600,000 frames, a few for each turn of each client are parsed until its answer is sent."""
    # When the request of each connection is received, and when it is answered.
    counts: dict[FairConnection, list[int]] = {}
    data_received, send_message = FairConnection.data_received, FairConnection.send

    def received(self: FairConnection, data: bytes) -> None:
        if data.startswith(b"GET"):
            counts[self] = [frames.total()]
        data_received(self, data)

    async def send(self: FairConnection, message: Any, text: bool | None = None) -> None:
        if b"session.created" in message:
            counts[self].append(frames.total())
        await send_message(self, message, text)

    monkeypatch.setattr(FairConnection, "data_received", received)
    monkeypatch.setattr(FairConnection, "send", send)
    monkeypatch.setattr(fairness, "SLICE_SECONDS", 1e-6)
    monkeypatch.setattr(fairness, "MAX_FRAGMENTS", FLOOD)
    monkeypatch.setattr(fairness, "PARSE_BYTES", 64)  # at most 10 frames
    with (
        LoopbackServer() as server,
        flooding(server, kind, 20),
        connect(server.url, close_timeout=0.1) as client,
    ):
        assert r.decode_server(client.recv(timeout=20)).type == "session.created"
        client.send(CLEAR, text=True)
        assert r.decode_server(client.recv(timeout=20)).type == "input_audio_buffer.cleared"
    requested, answered = [*counts.values()][-1]
    # About 1 ms of work answers a request. Until then each client works as long, a hundred frames or so.
    assert answered - requested < 20 * FLOOD / 10


def test_messages_are_handled_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that are parsed already do not keep the server from other clients."""
    order: list[int] = []

    def feed(self: ServerProtocol, message: bytes) -> list[Any]:
        order.append(id(self))
        return []

    monkeypatch.setattr(ServerProtocol, "feed", feed)
    monkeypatch.setattr(fairness, "SLICE_SECONDS", 1e-6)
    monkeypatch.setattr(fairness, "PARSE_BYTES", 1 << 20)
    with LoopbackServer() as server, raw(server) as one, raw(server) as two:
        for client in (one, two):
            client.sendall(frame_of(TEXT) * 5000)
        for client in (one, two):
            client.sendall(frame_of(CLOSE, struct.pack(">H", 1000)))
            client.settimeout(20)
            assert close_code(client) == 1000
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert changes > 50


def test_long_answers_are_shared_out(frames: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads as fast as the server writes does not keep it from the others."""
    monkeypatch.setattr(fairness, "SLICE_SECONDS", 1e-6)
    order: list[int] = []
    plain = FairConnection.send

    async def send(self: FairConnection, message: Any, text: bool | None = None) -> None:
        order.append(id(self))
        await plain(self, message, text)

    monkeypatch.setattr(FairConnection, "send", send)
    turn: list[r.ClientEvent] = [formats(), append(tone(PCM16, 10_000)), r.InputAudioBufferCommit(), RESPOND]
    with LoopbackServer() as server, connect(server.url) as one, connect(server.url) as two:
        for event in turn:
            for client in (one, two):
                client.send(r.encode(event), text=True)
        for client in (one, two):
            while r.decode_server(client.recv(timeout=20)).type != "response.done":
                pass
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert changes > 10


# --- Bounds --------------------------------------------------------------------------


def test_what_is_parsed_and_not_handled_is_bounded(
    frames: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server handles hardly anything, and stops parsing and reading."""

    def slow(self: ServerProtocol, message: bytes) -> list[Any]:
        time.sleep(0.001)
        return []

    monkeypatch.setattr(ServerProtocol, "feed", slow)
    with LoopbackServer() as server, flooding(server, "empty messages", 1):
        deadline = time.monotonic() + 20
        while not frames["waiting"] and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
    assert 0 < frames["waiting"] <= 16 + 4096 // 6 + 1


@pytest.mark.slow
def test_pongs_that_are_not_read_are_bounded(frames: Counter[str]) -> None:
    """The server stops reading from a client that sends pings and does not read the pongs."""
    with LoopbackServer() as server, raw(server) as client:
        client.settimeout(1)
        block, sent = frame_of(PING, b"x" * 125) * 1000, 0
        with contextlib.suppress(TimeoutError):
            while sent < 256 * len(block):
                sent += client.send(block[sent % len(block) :])
        # The two kernel buffers hold a few thousand pongs.
        assert frames["PING"] < 100_000
        assert sent < 256 * len(block)
        begun = frames["PING"]
        client.settimeout(20)
        pongs = receive(client)
        while frames["PING"] < begun + 2000:  # it continues once they are read
            next(pongs)


@pytest.mark.parametrize("count", [2, 10_000])
def test_a_message_may_have_many_fragments(count: int) -> None:
    middle = frame_of(MIDDLE) * (count - 2)
    with LoopbackServer() as server, raw(server) as client:
        client.sendall(frame_of(START, CLEAR[:9]) + middle + frame_of(END, CLEAR[9:]) + frame(CLEAR))
        answers = [payload for _, payload in itertools.islice(receive(client), 3)]
    assert [r.decode_server(answer).type for answer in answers[1:]] == ["input_audio_buffer.cleared"] * 2


def test_a_message_of_too_many_fragments_closes_its_connection() -> None:
    with LoopbackServer() as server, raw(server) as client:
        client.sendall(frame_of(START, CLEAR[:9]) + frame_of(MIDDLE) * 9999 + frame_of(END, CLEAR[9:]))
        _, (head, closed) = receive(client)
    assert (head, closed) == (CLOSE, struct.pack(">H", 1008) + b"more than 10000 fragments")


def test_endless_fragments_end_their_connection_only(frames: Counter[str]) -> None:
    with LoopbackServer() as server, raw(server) as client:
        begin, block = frame_of(START), frame_of(MIDDLE) * 1000
        client.sendall(begin)
        with contextlib.suppress(OSError):
            for _ in range(2000):
                client.sendall(block)
            raise AssertionError("two million fragments were accepted")
        with connect(server.url) as other:
            assert other.recv(timeout=20)
    assert frames["CONT"] < 2_000_000


def test_fragments_keep_their_order_and_control_frames_come_between() -> None:
    pieces = [CLEAR[i : i + 1] for i in range(len(CLEAR))]
    parts = [frame_of(START, pieces[0]), *[frame_of(MIDDLE, piece) for piece in pieces[1:]], frame_of(END)]
    with LoopbackServer() as server, raw(server) as client:
        client.sendall(frame_of(PING, b"?").join(parts))
        events = list(itertools.islice(receive(client), len(parts) + 1))
    assert [payload for head, payload in events if head == PONG] == [b"?"] * (len(parts) - 1)
    assert b"input_audio_buffer.cleared" in [payload for head, payload in events if head == TEXT][1]


def test_a_close_behind_messages_is_found(frames: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The server closes, and parses the client's close behind messages that it drops."""
    monkeypatch.setattr(fairness, "SLICE_SECONDS", 1e-6)
    closes: list[int | None] = []
    plain = FairConnection.connection_lost

    def connection_lost(self: FairConnection, exc: Exception | None) -> None:
        plain(self, exc)
        closes.append(None if self.protocol.close_rcvd is None else self.protocol.close_rcvd.code)

    def fail(turn: Turn) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(FairConnection, "connection_lost", connection_lost)
    with LoopbackServer(script=fail) as server, raw(server) as client:
        client.sendall(
            frame(r.encode(RESPOND)) + frame(CLEAR) * 3000 + frame_of(CLOSE, struct.pack(">H", 4002))
        )
        assert close_code(client) == 1011
        assert list(receive(client)) == []
    assert closes == [4002]
    assert frames["waiting"] <= 16 + 4096 // 6 + 1


# --- Handshakes ----------------------------------------------------------------------


def test_a_slow_handshake_has_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a header from time to time does not keep its connection."""
    monkeypatch.setattr(module, "OPEN_TIMEOUT_SECONDS", 0.2)
    with (
        LoopbackServer() as server,
        raw(server, REQUEST[:-2]) as client,
        contextlib.suppress(ConnectionError),
    ):
        for number in range(100):
            client.sendall(b"X-%d: y\r\n" % number)
            time.sleep(0.05)
        raise AssertionError("the handshake has no timeout")


@pytest.mark.parametrize("headers", [b"X: y\r\n" * 200, b"X: " + b"y" * 10_000 + b"\r\n", b"X" * 70_000])
def test_huge_headers_are_refused(headers: bytes) -> None:
    with LoopbackServer() as server, raw(server, b"") as client:
        client.sendall(REQUEST[:-2] + headers + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            answer = client.recv(4096)
            assert not answer.startswith(b"HTTP/1.1 101")
            while client.recv(4096):
                pass


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 3)
    with LoopbackServer() as server, connect(server.url), connect(server.url):
        with raw(server, b"") as silent:
            with pytest.raises(InvalidStatus) as refused:
                connect(server.url).__enter__()
            assert refused.value.response.status_code == 503
            assert b"3 connections are open already." in refused.value.response.body
            silent.sendall(REQUEST)
            assert silent.recv(4096).startswith(b"HTTP/1.1 101")
        deadline = time.monotonic() + 20
        while True:  # the server notices the end of a connection a little later
            try:
                with connect(server.url) as client:
                    assert client.recv(timeout=20)
                    break
            except InvalidStatus:
                assert time.monotonic() < deadline


HOSTILE = [
    b"//[::1/v1/realtime", b"/v1/realtime/?model=\xff\xfe", b"/v1/realtime?model=%ff%00%ed%a0%80", b"/v1/realtime/?fault=\xff", b"/v1/realtime?&&=&;",
    b"/v1/realtime?model=" + b"m" * 7000, b"http://[/v1/realtime", b"/v1/realtime#?fault=x", b"/v1/realtime?intent=a&intent=b",
]  # fmt: skip


@pytest.mark.parametrize("target", HOSTILE)
def test_hostile_targets_get_an_answer(target: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with LoopbackServer() as server, raw(server, REQUEST.replace(b"/v1/realtime", target)) as client:
        client.settimeout(20)
        if target.startswith(b"/v1/realtime?"):
            ((_, created),) = [next(receive(client))]
            assert r.decode_server(created).type == "session.created"
    assert not [record for record in caplog.records if record.exc_info]


def test_headers_that_come_twice(caplog: pytest.LogCaptureFixture) -> None:
    twice = b"OpenAI-Beta: assistants=v2\r\nOpenAI-Beta: realtime=v1\r\nUpgrade:"
    with LoopbackServer() as server, raw(server, REQUEST.replace(b"Upgrade:", twice, 1)) as client:
        assert b"input_audio_format" in next(receive(client))[1]


def test_a_fault_in_a_url_counts_once() -> None:
    """A hundred faults that add events to each other's would never end."""
    with LoopbackServer() as server, connect(server.url + "?" + "fault=unknown_events&" * 300) as client:
        for _ in range(6):
            client.send(CLEAR, text=True)
        types = [r.decode_server(client.recv(timeout=20)).type for _ in range(9)]
    assert types.count("response.hologram.delta") == 2


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("kind", BLOCKS)
def test_a_flooding_client_may_disappear(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with LoopbackServer() as server:
        with flooding(server, kind, 2):
            pass
        with connect(server.url, close_timeout=0.1) as client:
            assert client.recv(timeout=20)
    # asyncio warns of writes after the end: a parse may answer several pings.
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]
