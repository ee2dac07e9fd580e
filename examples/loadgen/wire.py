"""Wire: one WebSocket among hundreds, with little CPU time per frame.

Opens, reads and closes with websockets' sans-I/O protocol. Frames are masked when they are made and written directly
to the transport. All connections then share the masking key of a frame, which is acceptable for your own servers only.
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
    """Return a masked text message as a client writes it to its socket.

    Text, because some servers end a session when they receive a binary message.
    """
    return Frame(Opcode.TEXT, frame).serialize(mask=True)


class Wire(asyncio.Protocol):
    """A connection. Calls `receive` with each frame, and `resume` when writing may continue.

    Attributes: `closed`, a future that is done when the connection is closed; `is_paused`, True while the
    server does not read.
    """

    def __init__(
        self, uri: WebSocketURI, receive: Callable[[bytes], None], resume: Callable[[], None]
    ) -> None:
        self._protocol = ClientProtocol(uri, max_size=None)
        self._receive = receive
        self._resume = resume
        self._parts: list[bytes] = []
        self._has_ended = False
        loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.is_paused = False

    @classmethod
    async def connect(cls, url: str, receive: Callable[[bytes], None], resume: Callable[[], None]) -> Self:
        """Open a connection.

        Raises:
            InvalidHandshake: the server refuses it.
            OSError: the server cannot be reached or is not a WebSocket server.
        """
        uri = parse_uri(url)
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: cls(uri, receive, resume), uri.host, uri.port, ssl=True if uri.secure else None
        )
        try:
            await wire._opened
        except BaseException:
            wire.abort()
            raise
        return wire

    def send(self, masked_frame: bytes) -> None:
        """Send the result of `masked`."""
        self._transport.write(masked_frame)

    def close(self) -> None:
        """Begin to close. `closed` is done at the end of it."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(1000)
            self._flush()

    def abort(self) -> None:
        """Close the connection without a handshake."""
        self._transport.abort()

    @property
    def close_reason(self) -> str:
        """The close code and reason."""
        return f"{self._protocol.close_code or 1006} {self._protocol.close_reason or ''}".strip()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the opening handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Receive a part of the stream."""
        self._protocol.receive_data(data)
        self._take()

    def eof_received(self) -> None:
        """Handle the end of the stream. The transport closes itself."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Finish the connection."""
        self._end()
        if not self._opened.done():
            self._opened.set_exception(exc or ConnectionError("closed during the handshake"))
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Pause: the server does not read."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """Resume: the server reads again."""
        self.is_paused = False
        self._resume()

    # --- Internal ---

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
        elif refused is not None:  # websockets 15 stores the parser's exception
            self._opened.set_exception(ConnectionError(f"not a WebSocket server: {refused}"))
        elif self._protocol.state is OPEN:
            self._opened.set_result(None)

    def _take_frame(self, data: bytes, is_last: bool) -> None:
        if is_last and not self._parts:
            self._receive(data)
            return
        self._parts.append(data)
        if is_last:
            message = b"".join(self._parts)
            self._parts.clear()
            self._receive(message)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
