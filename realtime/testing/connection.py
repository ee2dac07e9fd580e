"""ConnectionHandler: one WebSocket connection of the server and the ServerProtocol that runs on it.

One task reads, one writes, one advances paced responses. A client that sends without reading cannot fill
the memory: the server stops reading from it while too much is unsent. Fault injectors act here. Read
`fairness` for the order in which connections work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame as WireFrame, Opcode

from ..errors import ConfigError, DecodeError, snippet
from ..peek import peek_type
from . import refusals
from .fairness import FairConnection
from .injection import Action, CloseConnection, EndSession, FaultInjector, StallConnection, error_frame
from .protocol import ServerProtocol

BinaryPolicy: TypeAlias = Literal["refuse", "close", "accept"]

# Of the servers whose reaction is known, none reads binary messages, and some end the session without a
# word. Sources: vllm-project/vllm#49899, BerriAI/litellm#28848, read 2026-11-29. OpenAI's reaction is not
# documented; the error is inferred from the one that vLLM adopted.
_BINARY_REFUSED: Final = (
    "The message is binary. Events are JSON in text messages: send a str, for example "
    "websocket.send(frame.decode()), or websocket.send(frame, text=True) with the library websockets."
)
_BINARY_CLOSED: Final = "binary message: send events as text"
# What may wait to be sent to a client that does not read; the server stops reading from it beyond this.
MAX_UNSENT_BYTES: Final = 16 * 1024 * 1024
# How long a connection that ends without a close frame waits for the client to end its direction.
_LINGER_SECONDS: Final = 1.0
# The memory of a waiting event besides its text.
_EVENT_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class SessionFrame:
    """An encoded event of the session, on which the fault injectors have not acted yet."""

    data: bytes


# What is queued for a client. An action is carried out as it is.
_Outgoing: TypeAlias = SessionFrame | Action


def check_binary(binary: Any) -> BinaryPolicy:
    """Return `binary` if it is a policy.

    Raises:
        ConfigError: it is not.
    """
    if binary not in get_args(BinaryPolicy):
        raise ConfigError(
            f"binary must be one of {', '.join(get_args(BinaryPolicy))}, not {snippet(repr(binary))}"
        )
    policy: BinaryPolicy = binary
    return policy


class ConnectionObserver:
    """Receives what happens on one connection. This base class ignores it.

    Its methods are called in the thread of the server, and must not wait.
    """

    def on_receive(self, frame: bytes) -> None:
        """A message of the client arrived."""

    def on_send(self, frame: bytes) -> None:
        """A message is sent to the client, after all faults."""

    def on_close(self, code: int | None) -> None:
        """The connection ended with this close code; None or 1006 without one."""


class Observer:
    """Receives what happens on a server. This base class ignores it.

    Its methods are called in the thread of the server, and must not wait.
    """

    def on_request(self, method: str, path: str, status: int) -> None:
        """A request that opened no WebSocket was answered with this HTTP status."""

    def on_connect(self, number: int, request: Any) -> ConnectionObserver:
        """Return the observer of the connection that opens; `number` counts connections from 1.

        `request` is the `ConnectionRequest`: its dialect, model, session type and call.
        """
        return ConnectionObserver()


class ConnectionHandler:
    """The server's end of one connection, which runs `protocol` on it.

    Args:
        connection: the WebSocket.
        protocol: the session.
        injectors: the faults of this connection.
        step_s: the interval between the steps of a paced response; None if the session is not paced.
        binary: the answer to a binary message.
        observer: receives the frames.

    Attributes:
        peers: the handlers of all connections of the session, which receive what any of them causes.
    """

    def __init__(
        self,
        connection: FairConnection,
        protocol: ServerProtocol,
        injectors: Iterable[FaultInjector],
        step_s: float | None,
        *,
        binary: BinaryPolicy = "refuse",
        observer: ConnectionObserver | None = None,
    ) -> None:
        self._connection = connection
        self._binary = binary
        self._observer = ConnectionObserver() if observer is None else observer
        self._protocol = protocol
        self._injectors = [*injectors]
        self._step_s = step_s
        self._outbox = EventOutbox()
        self._is_responding = asyncio.Event()
        self._is_ending = False
        self.peers: list[ConnectionHandler] = []

    async def run(self) -> None:
        """Run until either side ends the connection or the session raises an exception."""
        self._send(self._protocol.open())
        for injector in self._injectors:
            self._start(injector)
        # A slow reader would notice the end of the connection late.
        coroutines = [self._read(), self._write(), self._connection.wait_closed()]
        if self._step_s is not None:
            coroutines.append(self._pace(self._step_s))
        tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    @property
    def is_open(self) -> bool:
        """True while events can be sent to the client."""
        return not (self._is_ending or self._outbox.is_closed)

    def inject(self, injector: FaultInjector) -> None:
        """Add a fault to the connection."""
        self._injectors.append(injector)
        self._start(injector)

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the connection once everything that is queued was sent."""
        self._outbox.put((CloseConnection(code, reason),))

    def _start(self, injector: FaultInjector) -> None:
        if not injector.answers_close:
            self._connection.answers_close = False
        if self.is_open:
            actions = [*injector.on_start()]
            self._is_ending = not all(isinstance(action, (bytes, EndSession)) for action in actions)
            self._outbox.put(actions)

    # --- Reading ---

    async def _read(self) -> None:
        outbox = self._outbox
        with contextlib.suppress(ConnectionClosed):
            while not outbox.is_closed:  # frames received before a client was lost get no answer
                frame = await self._connection.receive()
                self._observer.on_receive(frame)
                if not (self._connection.is_text or self._binary == "accept"):
                    self._refuse_binary(frame)
                    continue
                answer = None
                if self._injectors:
                    frame, answer = await self._injected(frame)
                if answer is None:
                    with self._connection.account.charging():
                        self._send(self._protocol.feed(frame))
                else:
                    outbox.put((answer,))
                if self._protocol.is_responding:
                    self._is_responding.set()
                await outbox.has_room.wait()

    def _send(self, events: Iterable[Any]) -> None:
        """Queue events of the session, and the close if it has ended."""
        self._queue(events)
        for peer in self.peers:
            if peer is not self:
                peer.flush()

    def flush(self) -> None:
        """Queue the events that another connection of the session has caused."""
        self._queue(self._protocol.take_events())
        if self._protocol.is_responding:
            self._is_responding.set()

    def _queue(self, events: Iterable[Any]) -> None:
        encode = self._protocol.encode
        self._outbox.put(SessionFrame(encode(event)) for event in events)
        if self._protocol.is_closed:
            self._outbox.put((CloseConnection(1000),))

    def _refuse_binary(self, frame: bytes) -> None:
        if self._binary == "close":
            self.close(CloseCode.UNSUPPORTED_DATA, _BINARY_CLOSED)
        else:
            event_id = refusals.event_id_of(frame)
            self._outbox.put((error_frame("invalid_frame", _BINARY_REFUSED, client_event_id=event_id),))

    async def _injected(self, frame: bytes) -> tuple[bytes, bytes | None]:
        """Return a client's frame as the injectors change it, and the answer of one of them, if any."""
        await asyncio.sleep(max(injector.read_delay_s for injector in self._injectors))
        event_type = _type_of(frame)
        answers = [injector.on_receive(event_type, frame) for injector in self._injectors]
        for injector in self._injectors:
            frame = injector.rewrite_received(event_type, frame)
        return frame, next((answer for answer in answers if answer is not None), None)

    # --- Writing ---

    async def _write(self) -> None:
        turn = self._connection.new_slice()
        try:
            while True:
                is_idle = not self._outbox.nbytes
                if not is_idle:
                    await turn.share()
                outgoing = await self._outbox.get()
                if is_idle:
                    turn.begin()
                for action in self._actions(outgoing):
                    await self._perform(action)
                    if not isinstance(action, (bytes, EndSession)):
                        return
        except ConnectionClosed:
            pass
        finally:
            self._outbox.close()

    def _actions(self, outgoing: _Outgoing) -> list[Action]:
        """Return the actions for what was queued, after all injectors have acted on an event."""
        if not isinstance(outgoing, SessionFrame):
            return [outgoing]
        actions: list[Action] = [outgoing.data]
        for injector in self._injectors:
            actions = [result for action in actions for result in _injected(injector, action)]
        return actions

    async def _perform(self, action: Action) -> None:
        connection = self._connection
        if isinstance(action, bytes):
            self._observer.on_send(action)
            await connection.send(action, text=True)
            return
        if isinstance(action, EndSession):
            self._send(self._protocol.end_live_session(action.reason))
            return
        self._is_ending = True
        if isinstance(action, CloseConnection):
            await connection.close(action.code, action.reason)
        elif isinstance(action, StallConnection):
            wire = WireFrame(Opcode.TEXT, action.part, fin=False).serialize(mask=False)
            connection.transport.write(wire)
        else:
            payload = action.part + bytes(len(action.part) + 2)
            wire = WireFrame(Opcode.TEXT, payload).serialize(mask=False)
            connection.transport.write(wire[: len(wire) // 2])
            await self._end_without_close_frame()
        await connection.wait_closed()

    async def _end_without_close_frame(self) -> None:
        """End the TCP connection once the client has read what was written, or after a second.

        Closing at once would reset the connection if the client is still sending, and a client whose
        send fails may never read what has arrived before. TLS cannot end one direction alone.
        """
        transport = self._connection.transport
        if transport.can_write_eof():
            transport.write_eof()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LINGER_SECONDS):
                    await self._connection.wait_closed()
        transport.close()

    # --- Pacing ---

    async def _pace(self, step_s: float) -> None:
        """Advance the response every `step_s`, without drift."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._is_responding.wait()
            due = clock()
            while self._protocol.is_responding:
                self._send(self._protocol.advance())
                due += step_s
                await asyncio.sleep(max(0.0, due - clock()))
            self._is_responding.clear()


class EventOutbox:
    """Queue of events and actions to send, with back-pressure beyond `MAX_UNSENT_BYTES`.

    Attributes:
        nbytes: the memory of what is queued.
        has_room: cleared while the server must not read from the client.
        is_closed: True once nothing is sent any more.
    """

    def __init__(self) -> None:
        self._queue: asyncio.Queue[_Outgoing] = asyncio.Queue()
        self.nbytes = 0
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.is_closed = False

    def put(self, outgoing: Iterable[_Outgoing]) -> None:
        """Add events and actions."""
        for each in outgoing:
            self._queue.put_nowait(each)
            self.nbytes += _nbytes(each)
        if self.nbytes > MAX_UNSENT_BYTES and not self.is_closed:
            self.has_room.clear()

    async def get(self) -> _Outgoing:
        """Remove and return the next event or action; wait for one if there is none."""
        outgoing = await self._queue.get()
        self.nbytes -= _nbytes(outgoing)
        if self._queue.empty():
            self.has_room.set()
        return outgoing

    def close(self) -> None:
        """Stop sending. Nothing waits for room any more."""
        self.is_closed = True
        self.has_room.set()


def _nbytes(outgoing: _Outgoing) -> int:
    data = outgoing.data if isinstance(outgoing, SessionFrame) else outgoing
    return _EVENT_BYTES + (len(data) if isinstance(data, bytes) else 0)


def _injected(injector: FaultInjector, action: Action) -> Iterable[Action]:
    return injector.on_send(_type_of(action), action) if isinstance(action, bytes) else (action,)


def _type_of(frame: bytes) -> str:
    try:
        return peek_type(frame)
    except DecodeError:
        return ""
