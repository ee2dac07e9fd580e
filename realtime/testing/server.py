"""LoopbackServer: a real WebSocket and HTTP server on 127.0.0.1, with one ServerProtocol per connection.

Sockets, threads, time and routes are here: `parse_request` decides from the path, the query and the
headers which session a connection gets. Read `http` for how a connection begins, `calls` for the HTTP
paths, `connection` for what happens on a WebSocket, `protocol` for the session, and `faults` for failures
on demand.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import ssl as tls
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import unquote

try:
    from websockets.asyncio.server import Server, ServerConnection, serve
    from websockets.datastructures import Headers
    from websockets.exceptions import WebSocketException
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol

    from .http import HttpConnection, HttpRequest, HttpResponse, error_response  # needs h11, too
except ImportError as missing:
    package = (missing.name or "websockets").partition(".")[0]
    raise ImportError(
        f"realtime.testing needs {package}: pip install 'realtime-codec[testing]'", name=missing.name
    ) from missing

from .._provider import ProviderLike, get_provider
from ..errors import ConfigError
from . import access
from .calls import IncomingCall, Preset, RealtimeApi, call_not_found, unknown_path, wrong_method
from .connection import BinaryPolicy, ConnectionHandler, Observer, check_binary
from .fairness import FairConnection, Turns
from .faults import Fault, FaultBudget, fault_budgets, get_fault
from .live_sessions import LiveAction, LiveSessions
from .protocol import DIALECTS, DialectName, ServerProtocol
from .rate_limits import RateLimits
from .script import Script, check_script
from .settings import PTIME_MS, SessionType, check_ptime

HOST: Final = "127.0.0.1"
PATH: Final = "/v1/realtime"
LIVE_PATH: Final = "/live/sessions"
# An append of 15 MiB is 20 MiB of base64. A larger frame closes the connection with 1009.
MAX_FRAME_BYTES: Final = 32 * 1024 * 1024
# The time a client has to open a connection, and to close it before it is aborted.
OPEN_TIMEOUT_SECONDS: Final = 5.0
CLOSE_TIMEOUT_SECONDS: Final = 1.0
# Connections that may be open at once, handshakes included. Many systems allow 1,024 open files.
MAX_CONNECTIONS: Final = 1000
# Aborting takes milliseconds: a thread that runs longer than this is blocked elsewhere.
JOIN_TIMEOUT_SECONDS: Final = 5.0
# The header of a beta client, and the subprotocol that a browser sends in its place.
_BETA_HEADER: Final = "realtime=v1"
_BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"
_SIP_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "From": "sip:+14155550100@sip.example.com",
        "To": "sip:proj_loopback@sip.example.com",
        "Call-ID": "loopback@sip.example.com",
    }
)
# What a browser may send from a page that may connect, and read.
_CORS: Final = (
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, OpenAI-Beta"),
    ("Access-Control-Expose-Headers", "Location"),
)
# Azure's page of 2026-08 had no `sessions`. Source: MicrosoftDocs/azure-ai-docs, read 2026-11-29.
_LIVE_ROUTE: Final = re.compile(
    r"/live/sessions(?:/(?P<id>[^/]+)/(?P<action>attach|fork))?$|/openai/v1/live$"
)
_NOT_RUNNING: Final = "the server is not running: use it in a `with` or `async with` block"


def _without_client_errors(record: logging.LogRecord) -> bool:
    """Reduce the error of a handshake that a client broke off, which quotes its headers, to its type."""
    error = record.exc_info[1] if record.exc_info else None
    if "handshake" in record.msg and isinstance(error, (ConnectionError, EOFError, WebSocketException)):
        record.msg, record.args = f"{record.msg}: {type(error).__name__}", ()
        record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
    return True


_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())
# At DEBUG, websockets would log the headers and the URL of each client, which contain its credentials.
_websockets_log = _log.getChild("websockets")
_websockets_log.setLevel(logging.INFO)
_websockets_log.addFilter(_without_client_errors)


class LoopbackServer:
    """A server on 127.0.0.1 that speaks the protocol and echoes each user's turns, or plays a script.

    Use it as a context manager: in a ``with`` block it runs in a thread of its own, in an ``async with``
    block in the running event loop.
    Connections are independent. The path selects the dialect: one that
    ends in ``/realtime`` is GA, with ``?intent=transcription`` a session that only transcribes; with
    the header ``OpenAI-Beta: realtime=v1``, or at Azure's dated addresses, beta; one that ends in
    ``/realtime/translations`` is translation, one in ``/live/sessions`` Live.

    Args:
        port: the port; 0 for any free one.
        ptime_ms: the duration of one audio delta.
        pace: the speed of responses relative to real time (1: as they are spoken); None sends them at
            once.
        script: the replies, which every session plays from the beginning: a list, or a function of the
            user's `Turn`. A reply is a str, `Say`, `Call` or `Fail`, or a list of them.
        rate_limits: limits to enforce; without them none are.
        provider: another server to play, by name or value, such as "xai", on every path but Live's; see
            `ServerProtocol`.
        strict: True to refuse what OpenAI's server refuses, False to forgive it; see `ServerProtocol`.
        faults: faults or their names; ``?fault=NAME`` in a URL adds one to its connection.
        allowed_hosts: hosts whose web pages may connect, and by whose names the server may be reached, in
            addition to this machine ("null" for pages without an address). Others get a 403.
        ssl: serves TLS with this context; None for plain TCP.
        api_key: the key that clients must have, or a client secret that it has created; others get a
            401. None for any key or none.
        binary: the answer to a binary message, which real servers do not read: "refuse" sends an error
            event, "close" closes with 1003, "accept" treats it as text.
        observer: receives the requests and the frames of all connections.

    A translation session ignores `script` and `rate_limits`: it repeats its input. A Live session ignores
    `rate_limits`.

    When the block ends, a client that has not closed within a second is aborted.

    Raises:
        AudioError: `ptime_ms` is not a whole number of samples.
        ConfigError: a pace, port or fault is invalid; on entering, the port is in use.
        OSError: on entering, no event loop can be created (too many open files).
        TypeError: a script, a fault or a host has the wrong type.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        ptime_ms: float = PTIME_MS,
        pace: float | None = None,
        script: Script | None = None,
        rate_limits: RateLimits | None = None,
        provider: ProviderLike | str | None = None,
        strict: bool = True,
        faults: Iterable[Fault | str] = (),
        allowed_hosts: Iterable[str] = (),
        ssl: tls.SSLContext | None = None,
        api_key: str | None = None,
        binary: BinaryPolicy = "refuse",
        observer: Observer | None = None,
    ) -> None:
        check_ptime(ptime_ms)
        if not 0 <= port <= 65535:
            raise ConfigError(f"port must be from 0 to 65535, got {port}")
        if pace is not None and not 0 < pace < float("inf"):
            raise ConfigError(f"pace must be more than 0, or None, got {pace}")
        self._new_protocol = functools.partial(
            ServerProtocol,
            provider=None if provider is None else get_provider(provider),
            strict=strict,
            ptime_ms=ptime_ms,
            paced=pace is not None,
            script=check_script(script),
            rate_limits=rate_limits,
        )
        self._step_s = None if pace is None else ptime_ms / 1000 / pace
        self._faults = fault_budgets(faults)
        self._allowed_hosts = access.check_hosts(allowed_hosts)
        if ssl is not None and not isinstance(ssl, tls.SSLContext):
            raise TypeError(f"ssl must be an SSLContext, not {type(ssl).__name__}")
        if api_key is not None and not isinstance(api_key, str):
            raise TypeError(f"api_key must be a str, not {type(api_key).__name__}")
        self._ssl = ssl
        self._api = RealtimeApi(self._new_protocol, self._end_call, api_key)
        self._live = LiveSessions(functools.partial(self._new_protocol, provider=None))
        self._binary: BinaryPolicy = check_binary(binary)
        self._observer = Observer() if observer is None else observer
        self._connection_count = 0
        # From the oldest to the newest, each with the id of its call.
        self._handlers: dict[ConnectionHandler, str | None] = {}
        self._requested_port = port
        self._port: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] | None = None
        self._running = contextlib.AsyncExitStack()

    @property
    def port(self) -> int:
        """The port that the server listens on. Raises RuntimeError if the server is not running."""
        if self._port is None:
            raise RuntimeError(_NOT_RUNNING)
        return self._port

    @property
    def base_url(self) -> str:
        """The `websocket_base_url` for OpenAI's client: ``ws://127.0.0.1:PORT/v1``, or ``wss:`` with TLS."""
        return self.url.removesuffix("/realtime")

    @property
    def http_base_url(self) -> str:
        """The `base_url` for OpenAI's client: ``http://127.0.0.1:PORT/v1``, or ``https:`` with TLS."""
        return self.base_url.replace("ws", "http", 1)

    @property
    def url(self) -> str:
        """The URL to connect to: ``ws://127.0.0.1:PORT/v1/realtime``; add ``?model=`` for a model."""
        scheme = "ws" if self._ssl is None else "wss"
        return f"{scheme}://{HOST}:{self.port}{PATH}"

    @property
    def live_url(self) -> str:
        """The URL of Live sessions: ``ws://127.0.0.1:PORT/v1/live/sessions``."""
        return f"{self.base_url}{LIVE_PATH}"

    def incoming_call(self, secret: str, *, sip_headers: Mapping[str, str] = _SIP_HEADERS) -> IncomingCall:
        """Simulate a SIP call that waits to be accepted. Returns its webhook, signed with `secret`.

        Send the webhook's `body` and `headers` to the code under test, which then requests
        ``/v1/realtime/calls/{call_id}/accept`` and connects to ``?call_id=``. The returned object shows what
        became of the call. May be called from any thread.

        Args:
            secret: the webhook secret, ``whsec_...``.
            sip_headers: the headers of the call's INVITE.

        Raises:
            ConfigError: `secret` is empty or not base64.
        """
        return self._api.incoming_call(secret, sip_headers)

    def inject(self, fault: Fault | str) -> None:
        """Inject a fault into all open connections, and into new ones from now on.

        A fault with ``at=None`` occurs at once. If it affects fewer connections than there are, it affects
        the oldest, or those that first reach the event in `at`. May be called from any thread.

        Raises:
            ConfigError: the name is unknown, or the fault applies from the beginning of a session
                (`OtherFormat`).
            RuntimeError: the server is not running.
        """
        loop = self._loop
        if loop is None:
            raise RuntimeError(_NOT_RUNNING)
        found = get_fault(fault)
        if found.session_options():
            raise ConfigError(
                f"{type(found).__name__} applies from the beginning of a session: pass it as `faults`"
            )
        loop.call_soon_threadsafe(self._inject, FaultBudget(found))

    def _inject(self, budget: FaultBudget) -> None:
        self._faults.append(budget)
        for handler in self._handlers:
            injector = budget.injector() if handler.is_open else None
            if injector is not None:
                handler.inject(injector)

    # --- In a thread ---

    def __enter__(self) -> Self:
        self._check_not_running()
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
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._stop()
        thread, self._thread, self._stop = self._thread, None, None
        if thread is not None:
            thread.join(JOIN_TIMEOUT_SECONDS)
            if thread.is_alive():  # a warning, so that it does not replace an exception of the block
                message = f"the thread of the server did not end within {JOIN_TIMEOUT_SECONDS} s"
                warnings.warn(message, RuntimeWarning, stacklevel=3)

    def _run(self, ready: Future[None]) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve_until_stopped(ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve_until_stopped(self, ready: Future[None]) -> None:
        stop = asyncio.Event()
        self._stop = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set)
        async with self._listening():
            ready.set_result(None)
            await stop.wait()

    # --- In the running event loop ---

    async def __aenter__(self) -> Self:
        self._check_not_running()
        await self._running.enter_async_context(self._listening())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    def _check_not_running(self) -> None:
        if self._port is not None or self._thread is not None:
            raise RuntimeError("the server is running already")

    # --- Serving ---

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncGenerator[None]:
        transports: set[asyncio.Transport] = set()
        pending: set[HttpConnection] = set()
        turns = Turns()

        def create_connection(*args: Any, **options: Any) -> HttpConnection:
            return HttpConnection(
                FairConnection(*args, turns=turns, transports=transports, **options),
                functools.partial(self._answer, transports),
                turns=turns,
                transports=transports,
                pending=pending,
                timeout_s=OPEN_TIMEOUT_SECONDS,
            )

        try:
            listener = await serve(
                self._handle,
                HOST,
                self._requested_port,
                ssl=self._ssl,
                process_request=functools.partial(self._check_request, transports),
                select_subprotocol=_select_subprotocol,
                compression=None,
                max_size=MAX_FRAME_BYTES,
                create_connection=cast("type[ServerConnection]", create_connection),
                max_queue=None,  # FairConnection has a flow control of its own
                open_timeout=OPEN_TIMEOUT_SECONDS,
                close_timeout=CLOSE_TIMEOUT_SECONDS,
                logger=_websockets_log,
            )
        except OSError as why:
            raise ConfigError(
                f"cannot listen on {HOST}:{self._requested_port}: {why.strerror or why}"
            ) from why
        self._port = next(iter(listener.sockets)).getsockname()[1]
        self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            self._port = self._loop = None
            await _close(listener, transports, pending)

    def _check_request(
        self, transports: set[asyncio.Transport], connection: ServerConnection, request: Request
    ) -> Response | None:
        """Return the response to a WebSocket handshake that is refused."""
        found = HttpRequest.of(request)
        response = self._refusal_of(transports, found) or self._route_refusal_of(found)
        if response is None:
            return None
        self._observer.on_request(found.method, found.path, response.status)
        return response.for_handshake()

    def _route_refusal_of(self, request: HttpRequest) -> HttpResponse | None:
        """Return the response to a handshake whose URL selects no session."""
        try:
            found = parse_request(request)
        except LookupError:
            return unknown_path(request)
        except ConfigError as why:
            return error_response(400, str(why), param="fault")
        try:
            self._api.preset_for(request)
        except LookupError:
            return call_not_found()
        if not self._live.has(found.live_action, found.live_id):
            return error_response(404, "No Live session has this id.", code="session_not_found")
        return None

    def _refusal_of(self, transports: set[asyncio.Transport], request: HttpRequest) -> HttpResponse | None:
        """Return the response to a request that is refused whatever its path is."""
        refused = access.refusal_of(request.headers, self._allowed_hosts)
        if refused is not None:
            return error_response(403, refused)
        if len(transports) > MAX_CONNECTIONS:
            return error_response(503, f"{MAX_CONNECTIONS} connections are open already.")
        if request.method == "OPTIONS":
            return None
        return self._api.refusal_of(request)

    def _answer(self, transports: set[asyncio.Transport], request: HttpRequest) -> HttpResponse:
        """Return the response to a request that is no WebSocket handshake."""
        response = self._refusal_of(transports, request) or self._respond(request)
        self._observer.on_request(request.method, request.path, response.status)
        origins = request.headers.get_all("Origin")
        if not origins or response.status == HTTPStatus.FORBIDDEN:
            return response
        allowed = (("Access-Control-Allow-Origin", origins[0]), *_CORS)
        return replace(response, headers=(*response.headers, *allowed))

    def _respond(self, request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS":  # a browser asks whether a page may send a request
            return HttpResponse(HTTPStatus.NO_CONTENT)
        try:
            parse_request(request)
        except LookupError:
            return self._api.answer(request)
        except ConfigError as why:
            return error_response(400, str(why), param="fault")
        if request.method != "GET":
            return wrong_method(request, "GET")
        message = "This path is for WebSockets: send Upgrade: websocket."
        return error_response(426, message, ("Upgrade", "websocket"))

    def _end_call(self, call_id: str) -> None:
        """Close the connections of a call that has ended."""
        for handler, handler_call in self._handlers.items():
            if handler_call == call_id:
                handler.close()

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, FairConnection)
        assert connection.request is not None
        found = HttpRequest.of(connection.request)
        request = parse_request(found)
        try:
            preset = self._api.preset_for(found) if request.dialect == "ga" else None
        except LookupError:  # the call has just ended
            return
        budgets = (*self._faults, *fault_budgets(request.faults))
        injectors = {budget: injector for budget in budgets if (injector := budget.injector()) is not None}
        options: dict[str, Any] = {}
        for budget in injectors:
            options |= budget.fault.session_options()
        try:
            protocol, peers = self._open_session(request, preset, options)
        except LookupError:  # the session has just ended
            return
        self._connection_count += 1
        observer = self._observer.on_connect(self._connection_count, request)
        handler = ConnectionHandler(
            connection, protocol, injectors.values(), self._step_s, binary=self._binary, observer=observer
        )
        handler.peers = peers
        peers.append(handler)
        self._handlers[handler] = request.call_id
        try:
            await handler.run()
        finally:
            del self._handlers[handler]
            peers.remove(handler)
            self._live.close(protocol, peers)
            observer.on_close(connection.close_code)

    def _open_session(
        self, request: ConnectionRequest, preset: Preset | None, options: dict[str, Any]
    ) -> tuple[ServerProtocol, list[ConnectionHandler]]:
        """Return the protocol of a connection, and the handlers of all connections of its session."""
        if request.dialect == "live":
            return self._live.open(request.live_action, request.live_id, **options)
        preset = preset or Preset(request.model, request.session_type)
        return self._api.open_protocol(preset, dialect=request.dialect, **options), []


# --- Routes --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """The session that the HTTP request of a connection selects, and the faults in its URL."""

    dialect: DialectName
    model: str
    session_type: SessionType
    faults: tuple[Fault, ...]
    call_id: str | None = None
    live_action: LiveAction = "start"
    live_id: str = ""


def parse_request(request: HttpRequest) -> ConnectionRequest:
    """Return the session that `request` selects.

    Raises:
        LookupError: the path is not one of a session.
        ConfigError: the URL names an unknown fault.
    """
    path, query = request.path.rstrip("/"), request.query
    dialect: DialectName
    live = None
    if path.endswith("/realtime/translations"):
        dialect = "translation"
    elif (live := _LIVE_ROUTE.search(path)) is not None:
        dialect = "live"
    elif path.endswith(("/realtime", "/realtime/session")):  # the latter is Inworld's
        dialect = "beta" if _is_beta(request.headers, path, query) else "ga"
    else:
        raise LookupError(path)
    model = query.get("model") or query.get("deployment") or [DIALECTS[dialect].default_model]
    session_type: SessionType = "transcription" if query.get("intent") == ["transcription"] else "realtime"
    # Each once: a fault that adds events would act on those of another of its kind.
    faults = tuple(get_fault(name) for name in dict.fromkeys(query.get("fault", ())))
    call_id = query.get("call_id", [None])[0]
    action = cast("LiveAction", (live and live["action"]) or "start")
    live_id = unquote((live and live["id"]) or "")
    return ConnectionRequest(dialect, model[0], session_type, faults, call_id, action, live_id)


def _is_beta(headers: Headers, path: str, query: dict[str, list[str]]) -> bool:
    has_header = any(_BETA_HEADER in value for value in headers.get_all("OpenAI-Beta"))
    has_subprotocol = any(_BETA_SUBPROTOCOL in value for value in headers.get_all("Sec-WebSocket-Protocol"))
    # Azure's dated API versions speak beta; its /openai/v1/realtime speaks GA.
    is_dated = path.endswith("/openai/realtime") and "api-version" in query
    return has_header or has_subprotocol or is_dated


def _select_subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Select the subprotocol of a browser's client, which offers it beside one that carries its key."""
    realtime = Subprotocol("realtime")
    return realtime if realtime in offered else None


# --- Closing -------------------------------------------------------------------------


async def _close(listener: Server, transports: set[asyncio.Transport], pending: set[HttpConnection]) -> None:
    """Close all connections; abort those without a request, and those whose client does not close in time.

    The `close_timeout` of websockets starts once its buffer is written, which never happens if a
    client does not read, and does not apply to a handshake.
    """
    listener.close()
    for connection in tuple(pending):
        connection.abort()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await listener.wait_closed()
    except TimeoutError:
        _log.info("aborting %d connections that did not close", len(transports))
    finally:
        for transport in tuple(transports):
            # In Python 3.11, a TLS transport that was closed twice has forgotten its connection.
            with contextlib.suppress(AttributeError):
                transport.abort()
    await listener.wait_closed()
