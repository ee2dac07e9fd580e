"""Wire: one WebSocket among hundreds, at the least cost for each frame.

websockets' protocol without I/O opens, reads and closes. Frames to be sent were masked when they were made, and go
straight to the transport: all connections share one key for each, which is for servers of one's own only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI, parse_uri

_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


def masked(frame: bytes) -> bytes:
    """A frame of text as a client's socket sends it."""
    return Frame(Opcode.TEXT, frame).serialize(mask=True)


class Wire(asyncio.Protocol):
    """A connection: `hear` is called with each frame; `resume`, when more may be sent after `is_paused`.

    Attributes: `closed`, done once the connection is; `is_paused`, whether the server does not read.
    """

    def __init__(self, uri: WebSocketURI, hear: Callable[[bytes], None], resume: Callable[[], None]) -> None:
        self._protocol = ClientProtocol(uri, max_size=None)
        self._hear = hear
        self._resume = resume
        self._parts: list[bytes] = []
        self._has_ended = False
        loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.is_paused = False

    @classmethod
    async def connect(cls, url: str, hear: Callable[[bytes], None], resume: Callable[[], None]) -> Self:
        """An open connection.

        Raises:
            InvalidHandshake: the other side refuses.
            OSError: it cannot be reached, or is no WebSocket server.
        """
        uri = parse_uri(url)
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: cls(uri, hear, resume), uri.host, uri.port, ssl=True if uri.secure else None
        )
        try:
            await wire._opened
        except BaseException:
            wire.abort()
            raise
        return wire

    def send(self, masked_frame: bytes) -> None:
        """Send what `masked` made."""
        self._transport.write(masked_frame)

    def close(self) -> None:
        """Begin to close; `closed` tells the end of it."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(1000)
            self._flush()

    def abort(self) -> None:
        """Cut the connection off."""
        self._transport.abort()

    @property
    def close_reason(self) -> str:
        """How it was closed: a code, and the words that came with it."""
        return f"{self._protocol.close_code or 1006} {self._protocol.close_reason or ''}".strip()

    # --- What asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Frames, in whatever pieces they come."""
        self._protocol.receive_data(data)
        self._take()

    def eof_received(self) -> None:
        """The server has closed; the transport closes itself."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._end()
        if not self._opened.done():
            self._opened.set_exception(exc or ConnectionError("closed during the handshake"))
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The server does not read."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self.is_paused = False
        self._resume()

    # --- Inside ---

    def _end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._protocol.receive_eof()
            self._take()

    def _take(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in _DATA:
                self._take_frame(bytes(event.data), event.fin)
        if not self._opened.done():
            self._open()
        self._flush()

    def _open(self) -> None:
        refused = self._protocol.handshake_exc
        if isinstance(refused, InvalidHandshake):
            self._opened.set_exception(refused)
        elif refused is not None:  # websockets 15 gives what its parser raised
            self._opened.set_exception(ConnectionError(f"no WebSocket server: {refused}"))
        elif self._protocol.state is OPEN:
            self._opened.set_result(None)

    def _take_frame(self, data: bytes, is_last: bool) -> None:
        if is_last and not self._parts:
            self._hear(data)
            return
        self._parts.append(data)
        if is_last:
            whole = b"".join(self._parts)
            self._parts.clear()
            self._hear(whole)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
