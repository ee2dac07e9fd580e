"""LoopbackServer: a real WebSocket server on 127.0.0.1 around one `Loopback` a connection.

Only sockets, threads and time are here; what is said is `loopback`'s. A connection has one
task that reads, one that writes and, in paced sessions, one that lets the answer go on, so
that a client which sends without reading blocks nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
import warnings
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from concurrent.futures import Future
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

try:
    from websockets.asyncio.server import Server, ServerConnection, serve
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol
except ImportError as missing:
    raise ImportError(
        "realtime.testing needs websockets: pip install 'realtime-codec[testing]'", name=missing.name
    ) from missing

from .. import spec
from ..codec import encode
from ..errors import ConfigError
from ..events import ServerEvent
from ._request import check_ptime
from .loopback import DEFAULT_PTIME_MS, Loopback

HOST: Final = "127.0.0.1"
PATH: Final = "/v1/realtime"
# An append of 15 MiB as base64 is 20 MiB; larger frames than this close the connection (1009).
MAX_FRAME_BYTES: Final = 32 * 1024 * 1024
# What may wait for a client that does not read, before the server no longer reads from it.
MAX_WAITING_EVENTS: Final = 10_000
# How long a client may take to open a connection, and to close it before it is cut off.
OPEN_TIMEOUT_SECONDS: Final = 5.0
CLOSE_TIMEOUT_SECONDS: Final = 1.0
# Cutting off takes milliseconds: a thread that runs longer than this is stuck by itself.
JOIN_TIMEOUT_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())


class LoopbackServer:
    """A server that speaks GA on 127.0.0.1 and plays each caller's turns back.

    A context manager, and an asynchronous one. In a ``with`` block it runs in a thread of its
    own, in an ``async with`` block in the running event loop. `port` 0 takes a free one.
    Connections are independent; any API key is accepted, and any path that ends in
    ``/realtime``. `ptime_ms` is the duration of one audio delta. `pace` is how many times
    faster than real time the answer comes (1: as it is spoken); None sends it at once.
    On leaving, a client that has not closed within a second is cut off.

    Raises:
        AudioError: `ptime_ms` is not a whole number of samples.
        ConfigError: a pace or port that cannot be; on entering, a port that is in use.
        OSError: on entering, no event loop can be made (too many open files).
    """

    def __init__(
        self, port: int = 0, *, ptime_ms: float = DEFAULT_PTIME_MS, pace: float | None = None
    ) -> None:
        check_ptime(ptime_ms)
        if not 0 <= port <= 65535:
            raise ConfigError(f"a port is from 0 to 65535, got {port}")
        if pace is not None and not 0 < pace < float("inf"):
            raise ConfigError(f"a pace is more than 0, or None, got {pace}")
        self._ptime_ms = ptime_ms
        self._pace = pace
        self._wanted_port = port
        self._port: int | None = None
        self._thread: threading.Thread | None = None
        self._stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._open = contextlib.AsyncExitStack()

    @property
    def port(self) -> int:
        """The port that is listened on. Raises RuntimeError where the server does not run."""
        if self._port is None:
            raise RuntimeError("the server is not running: use it in a `with` or `async with` block")
        return self._port

    @property
    def base_url(self) -> str:
        """What OpenAI's client takes as its websocket_base_url: ``ws://127.0.0.1:PORT/v1``."""
        return self.url.removesuffix("/realtime")

    @property
    def url(self) -> str:
        """Where to connect: ``ws://127.0.0.1:PORT/v1/realtime``; ``?model=`` names a model."""
        return f"ws://{HOST}:{self.port}{PATH}"

    # --- In a thread ---

    def __enter__(self) -> Self:
        self._only_once()
        ready: Future[None] = Future()
        thread = threading.Thread(target=self._run, args=(ready,), name="LoopbackServer", daemon=True)
        thread.start()
        self._thread = thread
        try:
            ready.result()
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_thread()

    def _end_thread(self) -> None:
        if self._stop is not None:
            loop, stop = self._stop
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(stop.set)
        thread, self._thread, self._stop = self._thread, None, None
        if thread is not None:
            thread.join(JOIN_TIMEOUT_SECONDS)
            if thread.is_alive():  # a warning, so that the block's own exception is not replaced
                said = f"the thread of the server did not end within {JOIN_TIMEOUT_SECONDS} s"
                warnings.warn(said, RuntimeWarning, stacklevel=3)

    def _run(self, ready: Future[None]) -> None:
        try:
            with asyncio.Runner() as runner:  # which makes the loop before there is a coroutine
                runner.run(self._serve_until_stopped(ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve_until_stopped(self, ready: Future[None]) -> None:
        stop = asyncio.Event()
        self._stop = asyncio.get_running_loop(), stop
        async with self._listening():
            ready.set_result(None)
            await stop.wait()

    # --- In the running event loop ---

    async def __aenter__(self) -> Self:
        self._only_once()
        await self._open.enter_async_context(self._listening())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    def _only_once(self) -> None:
        if self._port is not None or self._thread is not None:
            raise RuntimeError("the server is running already")

    # --- Serving ---

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncGenerator[None]:
        transports: set[asyncio.Transport] = set()
        try:
            listener = await serve(
                self._talk,
                HOST,
                self._wanted_port,
                process_request=_check_path,
                select_subprotocol=_subprotocol,
                compression=None,
                max_size=MAX_FRAME_BYTES,
                create_connection=_registering(transports),
                open_timeout=OPEN_TIMEOUT_SECONDS,
                close_timeout=CLOSE_TIMEOUT_SECONDS,
                logger=_log,
            )
        except OSError as why:
            raise ConfigError(f"cannot listen on {HOST}:{self._wanted_port}: {why.strerror or why}") from why
        self._port = next(iter(listener.sockets)).getsockname()[1]
        try:
            yield
        finally:
            self._port = None
            await _close(listener, transports)

    async def _talk(self, connection: ServerConnection) -> None:
        session = Loopback(
            model=_model_of(connection),
            ptime_ms=self._ptime_ms,
            paced=self._pace is not None,
            session_id=f"sess_{secrets.token_hex(8)}",
            expires_at=int(time.time()) + spec.MAX_SESSION_SECONDS,
        )
        outbox = _Outbox()
        outbox.put(session.open())
        answering = asyncio.Event()
        tasks = [asyncio.create_task(_write(connection, outbox))]
        if self._pace is not None:
            seconds = self._ptime_ms / 1000 / self._pace
            tasks.append(asyncio.create_task(_pace(session, outbox, answering, seconds)))
        try:
            await _read(connection, session, outbox, answering)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _registering(transports: set[asyncio.Transport]) -> type[ServerConnection]:
    """The class of connections whose transports are in `transports` while they are open."""

    class Connection(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            transports.add(self.transport)

        def connection_lost(self, exc: Exception | None) -> None:
            transports.discard(self.transport)
            super().connection_lost(exc)

    return Connection


async def _close(listener: Server, transports: set[asyncio.Transport]) -> None:
    """Ask every client to leave, then cut off those who have not.

    websockets' own `close_timeout` begins where its buffer has been written, which a client
    that does not read never lets happen, and does not hold for a handshake.
    """
    listener.close()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await listener.wait_closed()
    except TimeoutError:
        _log.info("cutting off %d connections that did not close", len(transports))
    finally:
        for transport in tuple(transports):
            transport.abort()
    await listener.wait_closed()


class _Outbox:
    """Events on their way out, in order; `room` waits while too many do."""

    def __init__(self) -> None:
        self._events: deque[ServerEvent] = deque()
        self._filled = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.is_closed = False

    def put(self, events: Iterable[ServerEvent]) -> None:
        self._events.extend(events)
        if self._events:
            self._filled.set()
        if len(self._events) > MAX_WAITING_EVENTS and not self.is_closed:
            self._has_room.clear()

    async def get(self) -> ServerEvent:
        await self._filled.wait()
        event = self._events.popleft()
        if not self._events:
            self._filled.clear()
            self._has_room.set()
        return event

    async def room(self) -> None:
        await self._has_room.wait()

    def close(self) -> None:
        """Nobody gets events any more; nobody waits for room either."""
        self.is_closed = True
        self._has_room.set()


async def _read(
    connection: ServerConnection, session: Loopback, outbox: _Outbox, answering: asyncio.Event
) -> None:
    with contextlib.suppress(ConnectionClosed):
        while not outbox.is_closed:  # frames that came before a client was lost are not answered
            outbox.put(session.receive(await connection.recv(decode=False)))
            if session.answering:
                answering.set()
            await outbox.room()


async def _write(connection: ServerConnection, outbox: _Outbox) -> None:
    try:
        while True:
            await connection.send(encode(await outbox.get()), text=True)
    except ConnectionClosed:
        pass
    finally:
        outbox.close()


async def _pace(session: Loopback, outbox: _Outbox, answering: asyncio.Event, seconds: float) -> None:
    """Let the answer go on by a step every `seconds`, without drift."""
    clock = asyncio.get_running_loop().time
    while True:
        await answering.wait()
        due = clock()
        while session.answering:
            outbox.put(session.advance())
            due += seconds
            await asyncio.sleep(max(0.0, due - clock()))
        answering.clear()


def _check_path(connection: ServerConnection, request: Request) -> Response | None:
    if urlsplit(request.path).path.endswith("/realtime"):
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, f"The path of a realtime connection is {PATH}.\n")


def _subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """What a browser's client asks for, beside the pseudo-protocol that carries its key."""
    wanted = Subprotocol("realtime")
    return wanted if wanted in offered else None


def _model_of(connection: ServerConnection) -> str:
    query = parse_qs(urlsplit(connection.request.path if connection.request else "").query)
    return query.get("model", [spec.DEFAULT_MODEL])[0]
