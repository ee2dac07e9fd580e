"""One connection of the server: a task that reads, one that writes, one that lets answers go on.

A client which sends without reading blocks nobody: past a bound nothing more is read from it. Faults
strike here: what they do to frames is theirs, what they do to the connection is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, Protocol, TypeAlias

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as WireFrame, Opcode

from .._types import Frame
from ..errors import DecodeError
from ..peek import peek_type
from ._fault import Action, Close, Cut, Stall, Strike

# What may wait for a client that does not read, before the server no longer reads from it.
MAX_WAITING_EVENTS: Final = 10_000

Event: TypeAlias = Any


class Session(Protocol):
    """What speaks on a connection: `Loopback`, and what is like it in other dialects."""

    def open(self) -> list[Any]:
        """What is said first."""
        ...

    def receive(self, frame: Frame, /) -> list[Any]:
        """What is said to a client's frame."""
        ...

    @property
    def answering(self) -> bool:
        """Whether there is more to say by itself."""
        ...

    def advance(self) -> list[Any]:
        """The next step of that."""
        ...

    def encode(self, event: Any, /) -> bytes:
        """An event as its frame."""
        ...


class Talk:
    """A connection and the session that speaks on it; `pace_seconds` is a step of an answer, if it is paced."""

    def __init__(
        self,
        connection: ServerConnection,
        session: Session,
        strikes: Iterable[Strike],
        pace_seconds: float | None,
    ) -> None:
        self._connection = connection
        self._session = session
        self._strikes = [*strikes]
        self._pace_seconds = pace_seconds
        self._outbox = _Outbox()
        self._answering = asyncio.Event()
        self._is_ending = False

    async def run(self) -> None:
        """Until either side ends it, or the session fails."""
        self._outbox.put(self._session.open())
        for strike in self._strikes:
            self._strike_now(strike)
        # What reads slowly learns of the end late.
        work = [self._read(), self._write(), self._connection.wait_closed()]
        if self._pace_seconds is not None:
            work.append(self._pace(self._pace_seconds))
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    @property
    def is_open(self) -> bool:
        """Whether anything can still be said to the client."""
        return not (self._is_ending or self._outbox.is_closed)

    def inject(self, strike: Strike) -> None:
        """Let a fault strike from now on."""
        self._strikes.append(strike)
        self._strike_now(strike)

    def _strike_now(self, strike: Strike) -> None:
        if self.is_open:
            now = [*strike.now()]
            self._is_ending = not all(isinstance(action, bytes) for action in now)
            self._outbox.put(now)

    # --- Reading ---

    async def _read(self) -> None:
        receive, outbox = self._session.receive, self._outbox
        with contextlib.suppress(ConnectionClosed):
            while not outbox.is_closed:  # frames that came before a client was lost are not answered
                frame = await self._connection.recv(decode=False)
                answer = await self._struck(frame) if self._strikes else None
                self._say(receive(frame) if answer is None else (answer,))
                if self._session.answering:
                    self._answering.set()
                await outbox.room()

    def _say(self, events: Iterable[Event]) -> None:
        """Send `events`, and the end of the connection where the session has come to its own."""
        self._outbox.put(events)
        if getattr(self._session, "closed", False):
            self._outbox.put((Close(1000),))

    async def _struck(self, frame: bytes) -> bytes | None:
        """What answers a frame in the session's place, where a fault does."""
        await asyncio.sleep(max(strike.read_seconds for strike in self._strikes))
        kind = _kind_of(frame)
        return next((told for strike in self._strikes if (told := strike.receiving(kind)) is not None), None)

    # --- Writing ---

    async def _write(self) -> None:
        encode, send = self._session.encode, self._connection.send
        try:
            while True:
                event = await self._outbox.get()
                if self._strikes or isinstance(event, (bytes, Close, Stall, Cut)):
                    for action in self._actions(event):
                        await self._act(action)
                        if not isinstance(action, bytes):
                            return  # nothing strikes what is over
                else:
                    await send(encode(event), text=True)
        except ConnectionClosed:
            pass
        finally:
            self._outbox.close()

    def _actions(self, event: Event) -> list[Action]:
        """What goes out for an event, once every fault has had it."""
        actions: list[Action] = [
            event if isinstance(event, (bytes, Close, Stall, Cut)) else self._session.encode(event)
        ]
        if isinstance(event, bytes):
            return actions
        for strike in self._strikes:
            actions = [made for action in actions for made in _sending(strike, action)]
        return actions

    async def _act(self, action: Action) -> None:
        connection = self._connection
        if isinstance(action, bytes):
            await connection.send(action, text=True)
            return
        self._is_ending = True
        if isinstance(action, Close):
            await connection.close(action.code, action.reason)
        elif isinstance(action, Cut):
            whole = WireFrame(Opcode.TEXT, action.part + bytes(len(action.part) + 2)).serialize(mask=False)
            connection.transport.write(whole[: len(whole) // 2])
            # What is written goes out before the end does; there is no close frame.
            connection.transport.close()
            await connection.wait_closed()
        else:
            first = WireFrame(Opcode.TEXT, action.part, fin=False).serialize(mask=False)
            connection.transport.write(first)
            await connection.wait_closed()

    # --- Pacing ---

    async def _pace(self, seconds: float) -> None:
        """Let the answer go on by a step every `seconds`, without drift."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._answering.wait()
            due = clock()
            while self._session.answering:
                self._say(self._session.advance())
                due += seconds
                await asyncio.sleep(max(0.0, due - clock()))
            self._answering.clear()


class _Outbox:
    """Events on their way out, in order; `room` waits while too many do."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._filled = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.is_closed = False

    def put(self, events: Iterable[Event]) -> None:
        self._events.extend(events)
        if self._events:
            self._filled.set()
        if len(self._events) > MAX_WAITING_EVENTS and not self.is_closed:
            self._has_room.clear()

    async def get(self) -> Event:
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


def _sending(strike: Strike, action: Action) -> Iterable[Action]:
    return strike.sending(_kind_of(action), action) if isinstance(action, bytes) else (action,)


def _kind_of(frame: bytes) -> str:
    try:
        return peek_type(frame)
    except DecodeError:
        return ""
