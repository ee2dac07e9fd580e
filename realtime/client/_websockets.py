"""Connections on the library websockets. Each has a task that reads and a task that writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from .transports import NO_CLOSE_FRAME, ConnectionOptions, Ended, Endpoint, HandshakeFailed

_log: Final = logging.getLogger("realtime.client.websockets")
# At DEBUG, websockets would log the headers of each connection, which contain the key.
_log.setLevel(logging.INFO)


async def open_connection(
    address: str, headers: Mapping[str, str], options: ConnectionOptions, endpoint: Endpoint
) -> _Connection:
    """Open a connection."""
    tls: dict[str, Any] = {} if options.ssl is None else {"ssl": options.ssl}
    try:
        opened = await connect(
            address,
            additional_headers=headers,
            proxy=True if options.proxy is True else options.proxy or None,
            open_timeout=options.open_timeout,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
            max_size=options.max_size,
            compression=None,  # audio in base64 does not become smaller
            logger=_log,
            **tls,
        )
    except InvalidStatus as error:
        response = error.response
        raise HandshakeFailed(
            str(error),
            status=response.status_code,
            retry_after=response.headers.get("Retry-After"),
            body=bytes(response.body or b""),
        ) from None
    except (OSError, EOFError, InvalidHandshake, InvalidURI, InvalidProxy, ValueError) as error:
        is_permanent = isinstance(error, (InvalidURI, InvalidProxy, ValueError))
        raise HandshakeFailed(str(error) or type(error).__name__, is_permanent=is_permanent) from None
    return _Connection(opened, endpoint)


class _Connection:
    def __init__(self, opened: ClientConnection, endpoint: Endpoint) -> None:
        self._opened, self._endpoint = opened, endpoint
        self._writable = asyncio.Event()

    def send_now(self, frame: bytes) -> bool:
        return False  # websockets sends in coroutines only

    def wake(self) -> None:
        self._writable.set()

    async def run(self) -> Ended:
        writing = asyncio.ensure_future(self._write())
        reading = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
            return await reading
        finally:
            for task in (reading, writing):
                task.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)

    async def _read(self) -> Ended:
        receive, recv = self._endpoint.receive, self._opened.recv
        try:
            while True:
                receive(await recv(decode=False))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else NO_CLOSE_FRAME
            return Ended(code, str(closed))

    async def _write(self) -> None:
        """Send frames until the connection is closed; `_read` finds it closed too, after the last message."""
        try:
            while True:
                while (frame := self._endpoint.next_frame()) is not None:
                    # As a text message: some servers end the session when they receive a binary one.
                    await self._opened.send(frame, text=True)
                self._writable.clear()
                await self._writable.wait()
        except ConnectionClosed:
            pass

    async def close(self) -> None:
        await self._opened.close()

    def abort(self) -> None:
        self._opened.transport.abort()
