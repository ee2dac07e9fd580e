"""Async tests of sessions, on each transport, and the servers for them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from realtime import client
from realtime.client import RetryPolicy, Session
from realtime.client.transports import TRANSPORTS, TransportName
from realtime.testing import LoopbackServer
from tests.client.world import settings

FAST = RetryPolicy(first_s=0.01, max_s=0.02)
TRANSPORT: ContextVar[TransportName] = ContextVar("transport")


def new_loop(transport: str) -> asyncio.AbstractEventLoop:
    """Return an event loop: uvloop's for picows, where it is installed."""
    if transport == "picows":
        with contextlib.suppress(ImportError):
            return importlib.import_module("uvloop").new_event_loop()  # type: ignore[no-any-return]
    return asyncio.new_event_loop()


def asynchronous(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on each transport. pytest passes it what its signature names."""

    @functools.wraps(test)
    def run(transport: TransportName, *args: Any, **kwargs: Any) -> None:
        async def limited() -> None:
            TRANSPORT.set(transport)
            async with asyncio.timeout(30):
                await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=lambda: new_loop(transport)) as runner:
            runner.run(limited())

    signature = inspect.signature(test)
    name = inspect.Parameter("transport", inspect.Parameter.KEYWORD_ONLY)
    marked: Any = pytest.mark.parametrize("transport", TRANSPORTS)(run)
    marked.__signature__ = signature.replace(parameters=[*signature.parameters.values(), name])
    return cast("Callable[..., None]", marked)


def connect(*args: Any, **options: Any) -> Session:
    """Return a session on the transport of the test."""
    return client.connect(*args, transport=TRANSPORT.get(), **options)


@contextlib.asynccontextmanager
async def open_session(
    script: Any = None, faults: Any = (), pace: float | None = None, **options: Any
) -> AsyncGenerator[Session]:
    options = {"session": settings(), "retry": FAST, "proxy": None, **options}
    async with (
        LoopbackServer(script=script, faults=faults, pace=pace) as server,
        connect(url=server.url, **options) as session,
    ):
        yield session


@contextlib.asynccontextmanager
async def handshakes(answer: Callable[[ServerConnection, Request], Response | None]) -> AsyncGenerator[str]:
    """Run a server that answers handshakes, and gives each accepted connection one session."""

    async def handle(connection: ServerConnection) -> None:
        await connection.send('{"type":"session.created","event_id":"e","session":{"type":"realtime"}}')
        async for _ in connection:
            pass

    async with serve(handle, "127.0.0.1", 0, process_request=answer) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/realtime"
