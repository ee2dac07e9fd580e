"""LoopbackServer: a real WebSocket server on 127.0.0.1 around one session a connection.

Only the listening socket, threads and time are here: `_connection` has what a connection does, `_route`
which session speaks on it, `loopback` what that says, `faults` what goes wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
import warnings
from collections.abc import AsyncGenerator, Iterable, Sequence
from concurrent.futures import Future
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

try:
    from websockets.asyncio.server import Server, ServerConnection, serve
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol
except ImportError as missing:
    raise ImportError(
        "realtime.testing needs websockets: pip install 'realtime-codec[testing]'", name=missing.name
    ) from missing

from .. import spec
from ..errors import ConfigError
from ._connection import Talk
from ._defaults import PTIME_MS
from ._given import Given, GivenFaults, injectable
from ._limits import RateLimits
from ._request import check_ptime
from ._route import PATH, parse, session_for
from .faults import Fault
from .script import Script, checked

HOST: Final = "127.0.0.1"
# An append of 15 MiB as base64 is 20 MiB; larger frames than this close the connection (1009).
MAX_FRAME_BYTES: Final = 32 * 1024 * 1024
# How long a client may take to open a connection, and to close it before it is cut off.
OPEN_TIMEOUT_SECONDS: Final = 5.0
CLOSE_TIMEOUT_SECONDS: Final = 1.0
# Cutting off takes milliseconds: a thread that runs longer than this is stuck by itself.
JOIN_TIMEOUT_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())


class LoopbackServer:
    """A server on 127.0.0.1 that speaks the protocol: it plays each caller's turns back, or a script.

    A context manager, and an asynchronous one. In a ``with`` block it runs in a thread of its
    own, in an ``async with`` block in the running event loop. `port` 0 takes a free one.
    Connections are independent, and any API key is accepted. The path tells the dialect: one that
    ends in ``/realtime`` is GA, with ``?intent=transcription`` a session that only transcribes; with
    the header ``OpenAI-Beta: realtime=v1``, or at Azure's dated addresses, beta; one that ends in
    ``/realtime/translations`` is translation.

    Args:
        port: 0 takes a free one.
        ptime_ms: the duration of one audio delta.
        pace: how many times faster than real time answers come (1: as they are spoken); None sends
            them at once.
        script: what is answered, by every session from its beginning: a list of replies, or a function
            of the caller's `Turn`. A str is said; `Say`, `Call` and `Fail` say more.
        rate_limits: how much of it a session is given; without them none hold.
        faults: what goes wrong, `Fault`s or their names; ``?fault=NAME`` in a URL asks for one too.

    A translation session has no use for `script` and `rate_limits`: it repeats what it hears.

    On leaving, a client that has not closed within a second is cut off.

    Raises:
        AudioError: `ptime_ms` is not a whole number of samples.
        ConfigError: a pace, port or fault that cannot be; on entering, a port that is in use.
        OSError: on entering, no event loop can be made (too many open files).
        TypeError: a script or a fault that is none.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        ptime_ms: float = PTIME_MS,
        pace: float | None = None,
        script: Script | None = None,
        rate_limits: RateLimits | None = None,
        faults: Iterable[Fault | str] = (),
    ) -> None:
        check_ptime(ptime_ms)
        if not 0 <= port <= 65535:
            raise ConfigError(f"a port is from 0 to 65535, got {port}")
        if pace is not None and not 0 < pace < float("inf"):
            raise ConfigError(f"a pace is more than 0, or None, got {pace}")
        self._ptime_ms = ptime_ms
        self._pace = pace
        self._script = checked(script)
        self._rate_limits = rate_limits
        self._faults = GivenFaults(faults)
        self._talks: dict[Talk, None] = {}  # in the order in which they began
        self._wanted_port = port
        self._port: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._open = contextlib.AsyncExitStack()

    @property
    def port(self) -> int:
        """The port that is listened on. Raises RuntimeError where the server does not run."""
        if self._port is None:
            raise RuntimeError("the server is not running: use it in a `with` or `async with` block")
        return self._port

    def inject(self, fault: Fault | str) -> None:
        """Let a fault strike all connections that are open, and new ones, from now on.

        One with ``at=None`` strikes at once. One that strikes fewer connections than there are strikes the
        oldest, or those that first come to where it strikes. It may be called from any thread.

        Raises:
            ConfigError: an unknown name, or a fault that a session has from its beginning (`OtherFormat`).
            RuntimeError: the server does not run.
        """
        loop = self._loop
        if loop is None:
            raise RuntimeError("the server is not running: use it in a `with` or `async with` block")
        loop.call_soon_threadsafe(self._inject, Given(injectable(fault)))

    def _inject(self, given: Given) -> None:
        self._faults.add(given)
        for talk in self._talks:
            strike = given.begin() if talk.is_open else None
            if strike is not None:
                talk.inject(strike)

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
        self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            self._port = self._loop = None
            await _close(listener, transports)

    async def _talk(self, connection: ServerConnection) -> None:
        asked = parse(connection.request)
        strikes, told = self._faults.begin(asked.faults)
        session = session_for(
            asked,
            {"script": self._script, "rate_limits": self._rate_limits, **told},
            ptime_ms=self._ptime_ms,
            paced=self._pace is not None,
            session_id=f"sess_{secrets.token_hex(8)}",
            expires_at=int(time.time()) + spec.MAX_SESSION_SECONDS,
        )
        talk = Talk(
            connection, session, strikes, None if self._pace is None else self._ptime_ms / 1000 / self._pace
        )
        self._talks[talk] = None
        try:
            await talk.run()
        finally:
            del self._talks[talk]


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


def _check_path(connection: ServerConnection, request: Request) -> Response | None:
    try:
        parse(request)
    except LookupError:
        return connection.respond(HTTPStatus.NOT_FOUND, f"The path of a realtime connection is {PATH}.\n")
    except ConfigError as why:
        return connection.respond(HTTPStatus.BAD_REQUEST, f"{why}\n")
    return None


def _subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """What a browser's client asks for, beside the pseudo-protocol that carries its key."""
    wanted = Subprotocol("realtime")
    return wanted if wanted in offered else None
