"""HttpConnection: reads the request of a new connection with h11, and answers it or opens a WebSocket.

websockets refuses every request that is no handshake before its hook is called. So a connection begins
here: a handshake is handed to websockets with the bytes that were read, any other request gets one
response and the end of the connection. Requests are limited in size and time, and are parsed in turns
like messages (`fairness`). The paths are in `calls` and `server`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import parse_qs

import h11
import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol as WebSocketProtocol

from .fairness import PARSE_BYTES, Account, FairConnection, Turns

# A browser's cookies are at most a few KiB; a session with 128 tools is 100 KiB of JSON.
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request: its method, the path, the query, the headers and the body."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Headers
    body: bytes = b""

    @classmethod
    def of(cls, request: Request) -> HttpRequest:
        """Return the request of a WebSocket handshake."""
        # websockets decodes a target as ASCII, with surrogates for other bytes.
        target = request.path.encode("ascii", "surrogateescape").decode("utf-8", "replace")
        path, _, query = target.partition("?")
        return cls("GET", path, parse_qs(query), request.headers)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response. `Content-Length` is added when it is sent."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def for_handshake(self) -> Response:
        """Return the response that websockets sends in place of a handshake's."""
        headers = Headers([*self.headers, *_framing(self)])
        return Response(self.status, HTTPStatus(self.status).phrase, headers, self.body)


def json_response(status: int, body: bytes, *headers: tuple[str, str]) -> HttpResponse:
    """Return a response with a JSON body."""
    return HttpResponse(status, body, (("Content-Type", "application/json"), *headers))


def error_response(
    status: int, message: str, *headers: tuple[str, str], code: str | None = None, param: str | None = None
) -> HttpResponse:
    """Return an error in the shape of OpenAI's API: ``{"error": {"type", "message", "code", "param"}}``."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    # Not an `ErrorBody`, which is encoded without nulls.
    error = {"message": message, "type": kind, "param": param, "code": code}
    return json_response(status, msgspec.json.encode({"error": error}), *headers)


def _framing(response: HttpResponse) -> list[tuple[str, str]]:
    # RFC 9110, section 8.6: a 204 has no Content-Length.
    length = [] if response.status == HTTPStatus.NO_CONTENT else [("Content-Length", str(len(response.body)))]
    return [*length, ("Connection", "close")]


class HttpConnection(asyncio.Protocol):
    """A new connection, until its request is known.

    Args:
        websocket: takes over if the request is a WebSocket handshake.
        answer: returns the response to any other request.
        turns: shared by all connections of a server.
        transports: the open transports of a server. The connection adds and removes its own.
        pending: the connections of a server that have no request yet. The connection adds and removes itself.
        timeout_s: the time for the request to arrive, and for the response to be read.

    Attributes:
        protocol: that of `websocket`; the callbacks of websockets expect it.
    """

    def __init__(
        self,
        websocket: FairConnection,
        answer: Callable[[HttpRequest], HttpResponse],
        *,
        turns: Turns,
        transports: set[asyncio.Transport],
        pending: set[HttpConnection],
        timeout_s: float,
    ) -> None:
        self.protocol: WebSocketProtocol = websocket.protocol
        self._websocket = websocket
        self._answer = answer
        self._turns = turns
        self._transports = transports
        self._pending = pending
        self._timeout_s = timeout_s
        self._account = Account()
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._unparsed = bytearray()
        self._head = bytearray()  # all bytes up to the end of the request's head, for the WebSocket
        self._body = bytearray()
        self._request: HttpRequest | None = None
        self._is_waiting = False  # for a turn
        self._is_eof = False
        self._is_finished = False  # answered or handed over: what arrives is dropped

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    # --- Callbacks of asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the transport, and start the time limit."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has another class
        self._transports.add(self._transport)
        self._pending.add(self)
        self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._time_out)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport and what was not parsed."""
        self._is_finished = True
        self._timer.cancel()
        self._transports.discard(self._transport)
        self._pending.discard(self)
        self._unparsed.clear()

    def data_received(self, data: bytes) -> None:
        """Parse `data` when it is the connection's turn."""
        if not self._is_finished:
            self._unparsed += data
            self._continue()

    def eof_received(self) -> bool:
        """Answer what was read. TLS has no half-closed connections, so there the connection ends."""
        self._is_eof = True
        if self._is_finished or self._transport.get_extra_info("ssl_object") is not None:
            return False
        self._continue()
        return True

    # --- Parsing ---

    def _continue(self) -> None:
        """Request a turn to parse what was read, and read only if nothing is left to parse."""
        if self._unparsed or self._is_eof:
            self._transport.pause_reading()
            if not self._is_waiting:
                self._is_waiting = True
                self._turns.request(self._account, self._parse)
        else:
            self._transport.resume_reading()

    def _parse(self) -> None:
        """Parse one part of what was read. Nothing may be raised: a turn belongs to all connections."""
        self._is_waiting = False
        if self._is_finished:
            return
        part = bytes(self._unparsed[:PARSE_BYTES])
        del self._unparsed[:PARSE_BYTES]
        if self._request is None:
            self._head += part
        try:
            self._http.receive_data(part)  # b"" is the end of what the client sends
            self._process_events()
        except h11.RemoteProtocolError as error:
            _log.info("malformed request: %s", type(error).__name__)
            self._respond(error_response(error.error_status_hint, f"The request is malformed: {error}."))
        except Exception:
            _log.exception("the answer to a request failed")
            self._respond(error_response(500, "The server had an error while processing your request."))
        if not self._is_finished:
            self._continue()

    def _process_events(self) -> None:
        while not self._is_finished:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MAX_BODY_BYTES:
                    message = f"The body is larger than {MAX_BODY_BYTES} bytes."
                    self._respond(error_response(413, message))
            elif isinstance(event, h11.EndOfMessage):
                request = self._request
                assert request is not None
                self._respond(
                    self._answer(
                        HttpRequest(
                            request.method, request.path, request.query, request.headers, bytes(self._body)
                        )
                    )
                )
            elif isinstance(event, h11.ConnectionClosed):
                self._is_finished = True
                self._transport.close()
            else:
                return

    def _begin(self, event: h11.Request) -> None:
        headers = Headers(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
        )
        method, target = event.method.decode("latin-1"), event.target.decode("latin-1")
        if method == "GET" and "websocket" in ",".join(headers.get_all("Upgrade")).lower():
            self._hand_over()
            return
        path, _, query = target.partition("?")
        self._request = HttpRequest(method, path, parse_qs(query), headers)
        if self._http.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    def _hand_over(self) -> None:
        """Let the WebSocket connection have the transport, and all bytes that were read."""
        self._is_finished = True
        self._timer.cancel()
        self._pending.discard(self)
        data = bytes(self._head + self._unparsed)
        self._unparsed.clear()
        transport, websocket = self._transport, self._websocket
        transport.set_protocol(websocket)
        websocket.connection_made(transport)
        websocket.data_received(data)
        if self._is_eof:
            websocket.eof_received()

    # --- Responding ---

    def _send(self, event: h11.Event) -> None:
        self._transport.write(self._http.send(event) or b"")

    def _respond(self, response: HttpResponse) -> None:
        """Send the response and end the connection."""
        if self._is_finished:
            return
        self._is_finished = True
        self._unparsed.clear()
        is_head = self._request is not None and self._request.method == "HEAD"
        pairs = (*response.headers, *_framing(response))
        headers = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
        phrase = HTTPStatus(response.status).phrase.encode()
        self._send(h11.Response(status_code=response.status, headers=headers, reason=phrase))
        if response.body and not is_head:
            self._send(h11.Data(data=response.body))
        self._send(h11.EndOfMessage())
        # If unread data is left when a socket is closed, the client gets a reset in place of the response
        # (RFC 9112, section 9.6). So what it still sends is read, until it ends or the time is over.
        if self._http.their_state is h11.DONE or self._is_eof or not self._transport.can_write_eof():
            self._transport.close()
        else:
            with contextlib.suppress(OSError):  # the client has left
                self._transport.write_eof()
            self._transport.resume_reading()

    def _time_out(self) -> None:
        if self._is_finished:
            self._transport.abort()
        elif not (self._head or self._unparsed):
            self._transport.close()  # no request, no response
        else:
            self._respond(error_response(408, f"The request took longer than {self._timeout_s:g} s."))
            self._transport.close()
