"""Connections on the library picows, which calls back for each frame. Fastest on uvloop.

picows leaves to its user: fragmented messages, the answer to a close frame, the keepalive (the limits of its own
differ from those of websockets), and HTTP statuses that Python does not know. Read 2026-11-29: picows 2.3.1, its source.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import re
import socket
import urllib.request
from collections.abc import Callable, Mapping
from email.parser import BytesHeaderParser
from typing import Final
from urllib.parse import urlsplit

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSInvalidURL,
    WSListener,
    WSMsgType,
    WSParsedURL,
    WSProtocolError,
    WSTransport,
    ws_connect,
)
from python_socks import ProxyError

from .transports import NO_CLOSE_FRAME, ConnectionOptions, Ended, Endpoint, HandshakeFailed

_log: Final = logging.getLogger("realtime.client.picows")
# At its own level 9, picows would log the headers of each connection, which contain the key.
_log.setLevel(logging.WARNING)

_TEXT, _CONTINUATION = WSMsgType.TEXT, WSMsgType.CONTINUATION
_DATA: Final = (_TEXT, WSMsgType.BINARY, _CONTINUATION)
# The code of a close frame without one (RFC 6455, section 7.4.1).
_NO_CODE: Final = 1005
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})\b[^\r\n]*\r?\n?")
_SWITCHING_PROTOCOLS: Final = 101


async def open_connection(
    address: str, headers: Mapping[str, str], options: ConnectionOptions, endpoint: Endpoint
) -> _Connection:
    """Open a connection."""
    opening = _Opening()
    try:
        parts = urlsplit(address)
        if options.ssl is not None and parts.scheme != "wss":
            raise HandshakeFailed("a TLS context needs an address with wss://", is_permanent=True)
        headers = dict(headers)
        if parts.username is not None:  # picows ignores it, and sends it in the Host header
            user = f"{parts.username}:{parts.password or ''}".encode()
            headers.setdefault("Authorization", f"Basic {base64.b64encode(user).decode()}")
            address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        proxy = _environment_proxy(address) if options.proxy is True else options.proxy or None
        async with asyncio.timeout(options.open_timeout):
            _, connection = await ws_connect(
                lambda: _Connection(endpoint, options),
                address,
                ssl_context=options.ssl,
                websocket_handshake_timeout=None,
                max_frame_size=options.max_size,
                extra_headers=headers,
                # picows does not know socks5h://. With its socks5://, the proxy resolves names too.
                proxy=proxy and proxy.replace("socks5h://", "socks5://"),
                socket_factory=opening.socket,
                logger_name=_log,
            )
    except BaseException as error:
        opening.abort()
        if isinstance(error, HandshakeFailed) or not isinstance(error, Exception):
            raise
        raise _failure(error) from None
    if not isinstance(connection, _Connection):
        raise HandshakeFailed("the connection was closed before the handshake was complete")
    return connection


class _Opening:
    """The socket of a connection that is being opened: picows leaves it open if it is cancelled."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    async def socket(self, url: WSParsedURL) -> socket.socket:
        """Return a connected socket, of the first address that accepts a connection."""
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        for family, kind, proto, _, place in await loop.getaddrinfo(
            url.host, url.port, type=socket.SOCK_STREAM
        ):
            self._socket = found = socket.socket(family, kind, proto)
            found.setblocking(False)
            try:
                await loop.sock_connect(found, place)
            except BaseException as error:
                self._socket = None
                found.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
            else:
                return found
        raise failure or OSError(f"no address of {url.host}")

    def abort(self) -> None:
        """End the connection. Its transport closes the socket."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _failure(error: Exception) -> HandshakeFailed:
    reason = str(error) or type(error).__name__
    if isinstance(error, WSInvalidURL):  # which may contain credentials
        reason = reason.replace(error.url, "the address")
    found = _STATUS_LINE.match((isinstance(error, WSHandshakeError) and error.raw_header) or b"")
    if isinstance(error, WSHandshakeError) and found is not None and int(found[1]) != _SWITCHING_PROTOCOLS:
        fields = BytesHeaderParser().parsebytes((error.raw_header or b"")[found.end() :])
        return HandshakeFailed(
            f"server rejected WebSocket connection: HTTP {int(found[1])}",
            status=int(found[1]),
            retry_after=fields["Retry-After"],
            body=bytes(error.raw_body or b""),
        )
    if not isinstance(error, (WSError, ProxyError, OSError, EOFError, ValueError)):
        raise error
    return HandshakeFailed(reason, is_permanent=isinstance(error, (WSInvalidURL, ValueError)))


def _environment_proxy(address: str) -> str | None:
    """Return the proxy for an address, by the rules of websockets."""
    parts = urlsplit(address)
    is_secure = parts.scheme == "wss"
    if urllib.request.proxy_bypass(f"{parts.hostname}:{parts.port or (443 if is_secure else 80)}"):
        return None
    proxies = urllib.request.getproxies()
    for scheme in ("wss", "socks", "https") if is_secure else ("ws", "socks", "https", "http"):
        if proxy := proxies.get(scheme):
            is_socks = scheme == "socks" and proxy.startswith("http://")
            return proxy.replace("http://", "socks5://", 1) if is_socks else proxy
    return None


class _Connection(WSListener):
    """A connection, from its handshake on."""

    transport: WSTransport

    def __init__(self, endpoint: Endpoint, options: ConnectionOptions) -> None:
        self._endpoint, self._options = endpoint, options
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Ended] = self._loop.create_future()
        self._early: list[bytes] = []  # messages that arrived before `run`
        self._deliver: Callable[[bytes], None] = self._early.append
        self._parts: list[bytes] = []  # of a message in several frames
        self._is_paused = False
        self._timer: asyncio.TimerHandle | None = None

    # --- The session's side ---

    def send_now(self, frame: bytes) -> bool:
        if self._is_paused:
            return False
        # As a text message: some servers end the session when they receive a binary one.
        self.transport.send(_TEXT, frame)
        return True

    def wake(self) -> None:
        while not self._is_paused and (frame := self._endpoint.next_frame()) is not None:
            self.transport.send(_TEXT, frame)

    async def run(self) -> Ended:
        for message in self._early:
            self._endpoint.receive(message)
        self._deliver = self._endpoint.receive
        ended = await asyncio.shield(self._ended)
        if ended.code == NO_CLOSE_FRAME:
            try:
                await self.transport.wait_disconnected()
            except WSProtocolError as error:  # of the server
                return Ended(NO_CLOSE_FRAME, f"the server broke the protocol: {error}")
        return ended

    async def close(self) -> None:
        self.transport.send_close(WSCloseCode.OK)
        with contextlib.suppress(WSProtocolError):
            await self.transport.wait_disconnected()

    def abort(self) -> None:
        self._end(NO_CLOSE_FRAME, "the connection was aborted")
        self.transport.disconnect(graceful=False)

    # --- The side of picows ---

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._wait_to_ping()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == _TEXT and frame.fin and not self._parts:
            message = frame.get_payload_as_bytes()
        elif kind in _DATA:
            if (kind == _CONTINUATION) is not bool(self._parts):
                raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "a message within a message")
            self._parts.append(frame.get_payload_as_bytes())
            if sum(map(len, self._parts)) > self._options.max_size:
                raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "a message is too big")
            if not frame.fin:
                return
            message = b"".join(self._parts)
            self._parts.clear()
        else:
            self._on_control(kind, frame)
            return
        try:
            self._deliver(message)
        except Exception as error:
            if not self._ended.done():
                self._ended.set_exception(error)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end(NO_CLOSE_FRAME, "no close frame received")

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self.wake()

    def _on_control(self, kind: WSMsgType, frame: WSFrame) -> None:
        if kind == WSMsgType.PONG:
            self._wait_to_ping()
        elif kind == WSMsgType.CLOSE:
            if self.transport.is_close_frame_sent:  # it only answers
                self.transport.disconnect()
                return
            code = frame.get_close_code()
            self.transport.send_close(WSCloseCode.OK if code == WSCloseCode.NO_INFO else code)
            self.transport.disconnect()
            received = int(code) or _NO_CODE  # type: ignore[call-overload]  # an IntEnum, or an int
            self._end(received, f"received {received} {frame.get_close_reason() or ''}".rstrip())

    def _end(self, code: int, reason: str) -> None:
        self._wait(None, self._ping)
        if not self._ended.done():
            self._ended.set_result(Ended(code, reason))

    # --- Keepalive ---

    def _wait_to_ping(self) -> None:
        if not self._ended.done():
            self._wait(self._options.ping_interval, self._ping)

    def _ping(self) -> None:
        self.transport.send_ping()
        if self._options.ping_timeout is None:
            self._wait_to_ping()
        else:
            self._wait(self._options.ping_timeout, self._on_silence)

    def _on_silence(self) -> None:
        self._end(NO_CLOSE_FRAME, "keepalive ping timeout: no pong received")
        self.transport.send_close(WSCloseCode.INTERNAL_ERROR, "keepalive ping timeout")
        self.abort()

    def _wait(self, seconds: float | None, then: Callable[[], None]) -> None:
        """Set the timer; None stops it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, then)
