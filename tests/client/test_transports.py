"""The transports: frames, ends, refusals, proxies, TLS and cancellation, the same on each."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

import realtime as r
from realtime import client
from realtime.client import ConnectFailed, Reconnecting, Session, SessionLost
from realtime.client.transports import TRANSPORTS, TransportName, load_transport
from realtime.testing import LoopbackServer, Say
from tests.client.running import FAST, asynchronous, connect, handshakes

CREATED = '{"type":"session.created","event_id":"e","session":{"type":"realtime"}}'
KEY = "sk-verysecretkey1234567890"


@contextlib.asynccontextmanager
async def serving(
    handle: Callable[[ServerConnection], Awaitable[None]], **options: Any
) -> AsyncGenerator[str]:
    async with serve(handle, "127.0.0.1", 0, compression=None, **options) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


@contextlib.asynccontextmanager
async def raw_server(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncGenerator[str]:
    tasks: set[asyncio.Task[Any]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()

    async with await asyncio.start_server(run, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await asyncio.gather(*tasks)


async def ended(session: Session) -> None:
    """Open the session, and read events until it has ended."""
    async with session:
        async for _ in session:
            pass


def test_an_unknown_transport() -> None:
    with pytest.raises(r.ConfigError, match="one of websockets, picows, got 'aiohttp'"):
        load_transport("aiohttp")


# --- Messages ------------------------------------------------------------------------


@asynchronous
async def test_messages_in_several_frames_and_with_the_handshake() -> None:
    """Frames of a message may have pings between them. Binary messages are read too."""
    text = '{"type":"conversation.item.deleted","event_id":"x","item_id":"i%d"}'

    async def handle(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        half = text % 1
        for frame in (
            Frame(Opcode.TEXT, half[:20].encode(), fin=False),
            Frame(Opcode.PING, b"p"),
            Frame(Opcode.CONT, b"", fin=False),
            Frame(Opcode.CONT, half[20:].encode()),
            Frame(Opcode.BINARY, (text % 2).encode()),
        ):
            connection.transport.write(frame.serialize(mask=False))
        await connection.wait_closed()

    async with serving(handle) as url, connect(url=url, proxy=None) as session:
        found: list[str] = []
        while len(found) < 2:
            event = await anext(session)
            if isinstance(event, r.ConversationItemDeleted):
                found.append(event.item_id)
        assert found == ["i1", "i2"]


@pytest.mark.parametrize(
    "frames",
    [
        [Frame(Opcode.CONT, b"x")],
        [Frame(Opcode.TEXT, b"{", fin=False), Frame(Opcode.TEXT, b"}")],
        [Frame(Opcode.PING, b"", fin=False)],
        [Frame(Opcode.CLOSE, b"\x03")],
    ],
)
@asynchronous
async def test_a_server_that_breaks_the_protocol_is_left(frames: list[Frame]) -> None:
    count = 0

    async def handle(connection: ServerConnection) -> None:
        nonlocal count
        count += 1
        await connection.send(CREATED)
        if count == 1:
            for frame in frames:
                connection.transport.write(frame.serialize(mask=False))
        await connection.wait_closed()

    async with serving(handle) as url, connect(url=url, proxy=None, retry=FAST) as session:
        async for event in session:
            if isinstance(event, Reconnecting):
                break
        while count < 2:
            await anext(session)


@pytest.mark.parametrize("is_split", [False, True])
@asynchronous
async def test_a_message_that_is_too_big_ends_the_connection(
    is_split: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.client.connection._MAX_MESSAGE_BYTES", 10_000)

    async def handle(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        part = "x" * 6000
        with contextlib.suppress(Exception):
            await connection.send([part, part] if is_split else part * 2)
            await connection.wait_closed()

    async with serving(handle) as url:
        with pytest.raises(SessionLost) as caught:
            await ended(connect(url=url, proxy=None, reconnect=False))
    assert caught.value.code == 1006


@asynchronous
async def test_an_error_in_the_session_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async with LoopbackServer() as server:
        session = await connect(url=server.url, proxy=None).__aenter__()
        monkeypatch.setattr(session.protocol, "receive", _broken)
        await session.send(r.InputAudioBufferClear())
        async for _ in session:
            pass
        with pytest.raises(RuntimeError, match="a bug"):
            await session.close()


def _broken(frame: bytes, now: float) -> None:
    raise RuntimeError("a bug")


# --- Ends ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "found"),
    [(1000, 1000), (1001, 1001), (1011, 1011), (3000, 3000), (4000, 4000), (None, 1005), (0, 1006)],
)
@asynchronous
async def test_the_code_of_a_close_frame(code: int | None, found: int) -> None:
    """None is a close frame without a code, 0 an end without a close frame."""

    async def handle(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        if code:
            await connection.close(code, "because")
        elif code is None:
            connection.transport.write(Frame(Opcode.CLOSE, b"").serialize(mask=False))
            await connection.wait_closed()
        else:
            connection.transport.abort()

    async with serving(handle) as url:
        with pytest.raises(SessionLost) as caught:
            await ended(connect(url=url, proxy=None, reconnect=False))
    assert caught.value.code == found
    assert not code or (str(code) in str(caught.value) and "because" in str(caught.value))


@pytest.mark.parametrize("answers", [True, False])
@asynchronous
async def test_keepalive(answers: bool) -> None:
    pings = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal pings
        await accept(reader, writer)
        while (head := await reader.readexactly(2))[0] == 0x89:
            pings += 1
            payload = bytes(await reader.readexactly((head[1] & 0x7F) + 4))
            mask, data = payload[:4], payload[4:]
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
            if answers:
                writer.write(Frame(Opcode.PONG, data).serialize(mask=False))
            if answers and pings == 5:
                writer.write(Frame(Opcode.CLOSE, b"\x03\xe9").serialize(mask=False))

    async with raw_server(handle) as url:
        options: dict[str, Any] = {"ping_interval": 0.02, "ping_timeout": 10 if answers else 0.1}
        with pytest.raises(SessionLost) as caught:
            await ended(connect(url=url, proxy=None, reconnect=False, **options))
    assert caught.value.code == (1001 if answers else 1006)
    assert pings >= 5 or (not answers and "ping" in str(caught.value))


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a handshake, with the first message in the same write."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(
        line.split(": ")[1] for line in head.splitlines() if line.lower().startswith("sec-websocket-key")
    )
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
        + Frame(Opcode.TEXT, CREATED.encode()).serialize(mask=False)
    )  # fmt: skip


# --- Opening -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "status", "after"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy", 429, 7.0),
        (b"HTTP/1.1 529 Overloaded\r\nretry-after: 7\r\nContent-Length: 4\r\n\r\nbusy", 529, 7.0),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nbusy", 403, None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbusy", 200, None),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         b"Sec-WebSocket-Accept: no\r\n\r\n", None, None),
        (b"SMTP\r\n\r\n", None, None),
        (b"", None, None),
    ],
)  # fmt: skip
@asynchronous
async def test_a_handshake_that_is_refused(head: bytes, status: int | None, after: float | None) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)

    async with raw_server(handle) as url:
        with pytest.raises(ConnectFailed) as caught:
            async with connect(url=url, proxy=None, reconnect=False):
                pass
    assert (caught.value.status, caught.value.retry_after_s) == (status, after)
    assert status is None or f"HTTP {status}: busy" in str(caught.value)


@asynchronous
async def test_credentials_in_the_address_are_sent_and_not_shown() -> None:
    seen: list[Any] = []
    async with handshakes(lambda connection, request: seen.append(request)) as url:
        address = url.replace("ws://", "ws://user:password@")
        async with connect("m", url=address, proxy=None):
            pass
    assert base64.b64decode(seen[0].headers["Authorization"].split()[1]) == b"user:password"
    assert "pass" not in seen[0].headers["Host"]


@pytest.mark.parametrize("when", ["before the answer", "in TLS"])
@asynchronous
async def test_a_cancelled_handshake_closes_its_socket(when: str) -> None:
    """The server sees the end of the connection, and nothing remains."""
    has_begun = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        has_begun.set()
        await reader.read()

    async with raw_server(handle) as url:
        address = url if when == "before the answer" else url.replace("ws:", "wss:")
        opening = asyncio.ensure_future(connect(url=address, proxy=None).__aenter__())
        await has_begun.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


@asynchronous
async def test_no_transport_logs_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(1):
        async with LoopbackServer() as server, connect(url=server.url, api_key=KEY, proxy=None) as session:
            await session.respond()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("realtime.client")]
    assert KEY not in " ".join(ours)
    assert logging.getLogger("realtime.client.websockets").level == logging.INFO


@asynchronous
async def test_tls_with_a_context() -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_context)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with LoopbackServer(script=[Say("Hi.")], ssl=server_context) as server:
        async with connect(url=server.url, proxy=None, ssl=context) as session:
            assert (await session.respond()).text == "Hi."
        with pytest.raises(ConnectFailed, match="certificate") as caught:
            async with connect(url=server.url, proxy=None):
                pass
        assert not caught.value.is_retryable
        with pytest.raises(ConnectFailed):
            async with connect(url=server.url.replace("wss:", "ws:"), proxy=None, ssl=context):
                pass


# --- Proxies -------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def http_proxy(seen: list[str], status: str = "200 OK") -> AsyncGenerator[str]:
    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(head)
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if status.startswith("200"):
            host, _, port = head.split()[1].partition(":")
            remote_reader, remote_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(
                copy(reader, remote_writer), copy(remote_reader, writer), return_exceptions=True
            )

    async with raw_server(handle) as url:
        yield url.replace("ws:", "http:").rstrip("/")


@pytest.mark.parametrize("how", ["argument", "environment"])
@asynchronous
async def test_a_proxy(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    for name in (
        "no_proxy",
        "NO_PROXY",
        "ws_proxy",
        "socks_proxy",
        "all_proxy",
        "https_proxy",
        "HTTPS_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    async with http_proxy(seen) as proxy, LoopbackServer(script=[Say("Hi."), Say("Hi.")]) as server:
        monkeypatch.setenv("http_proxy", proxy if how == "environment" else "http://127.0.0.1:1")
        argument: Any = True if how == "environment" else proxy.replace("http://", "http://user:pw@")
        async with connect(url=server.url, proxy=argument) as session:
            await session.respond()
        assert seen[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")
        assert ("Proxy-Authorization: Basic" in seen[0]) is (how == "argument")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with connect(url=server.url) as session:
            await session.respond()
        assert len(seen) == 1


@pytest.mark.parametrize("proxy", ["refusing", "ftp://127.0.0.1:1", "socks5h://127.0.0.1:1"])
@asynchronous
async def test_a_proxy_that_cannot_be_used(proxy: str) -> None:
    async with http_proxy([], "407 Proxy Authentication Required") as refusing:
        address = refusing.replace("//", "//me:topsecret@") if proxy == "refusing" else proxy
        with pytest.raises(ConnectFailed) as caught:
            async with connect(url="ws://127.0.0.1:9/", proxy=address):
                pass
    assert "topsecret" not in str(caught.value)
    assert caught.value.is_retryable is not proxy.startswith("ftp")


# --- Many frames ---------------------------------------------------------------------


@asynchronous
async def test_every_frame_arrives_once_and_in_order_through_full_buffers() -> None:
    """The server reads slowly, so that writing is paused and continued many times."""
    received: list[str] = []

    async def handle(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        connection.transport.set_write_buffer_limits(1000)
        async for message in connection:
            received.append(str(r.decode_client(message).item.content[0].text)[:8])
            if len(received) % 20 == 0:
                await asyncio.sleep(0.001)

    async with serving(handle, max_queue=1) as url, connect(url=url, proxy=None, close_timeout=20) as session:
        for number in range(400):
            await session.send(r.create_text_input(f"{number:08d}" + "x" * 30_000))
    assert received == [f"{number:08d}" for number in range(400)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_session_on_the_standard_event_loop(transport: TransportName) -> None:
    async def main() -> None:
        async with (
            LoopbackServer(script=reply, faults=["cut_off"]) as server,
            client.connect(url=server.url, proxy=None, transport=transport, retry=FAST) as session,
        ):
            assert (await session.respond()).text == "one two three"

    asyncio.run(main())


def reply(turn: Any) -> Say:
    return Say("one two three")
