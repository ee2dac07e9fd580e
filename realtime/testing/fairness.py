"""FairConnection: a WebSocket connection of the server that cannot starve the others or fill the memory.

asyncio reads up to 256 KiB at once, which can be 43,000 empty frames; websockets parses them all before
any other connection is served, and its queue returns messages without a pause. Here all connections of a
server share a `Turns`: one of them works for `SLICE_SECONDS`, then the next. A connection stops reading
while it has messages that are not handled. `connection` handles the messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event

# The time for which one connection may work before another's turn.
SLICE_SECONDS: Final = 0.002
# Bytes that are parsed at once: at most 682 frames, which take a few milliseconds.
PARSE_BYTES: Final = 4096
# Larger messages are handled in a turn of their own, because they may take many milliseconds.
LARGE_MESSAGE_BYTES: Final = 64 * 1024
# Frames that are parsed and not handled, in addition to those of one parse.
MAX_UNHANDLED_FRAMES: Final = 16
# Fragments of one message. A message of 32 MiB in fragments of 4 KiB has 8,192.
MAX_FRAGMENTS: Final = 10_000
# Pongs that a client has not read. Each is the answer to a ping.
MAX_UNREAD_PONGS: Final = 1000

_DATA: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class Account:
    """The work of one connection: `charged` is the CPU time that it has used, in seconds.

    Time in which the machine did something else does not count. The rule for turns is start-time fair queueing
    (Goyal, Vin, Cheng, 1996).
    """

    def __init__(self) -> None:
        self.charged = 0.0

    @contextlib.contextmanager
    def charging(self) -> Generator[None]:
        """Charge the work in this block, which must not wait."""
        begin = time.thread_time()
        try:
            yield
        finally:
            self.charged += time.thread_time() - begin


class Turns:
    """The order in which the connections of a server work: for one slice in each iteration of the event loop.

    The connection that has worked least comes first. Work of the past does not count for a connection
    that had nothing to do since: it begins where those that are served now are.
    """

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._waiting: list[tuple[float, int, Account, Callable[[], object]]] = []
        self._count = 0  # orders equal accounts
        self._served = 0.0  # the account of the turn that began last
        self._is_scheduled = False
        self._end = 0.0

    def request(self, account: Account, run: Callable[[], object]) -> None:
        """Call `run` when it is its turn: at once if nothing waits and time is left in this iteration."""
        self._count += 1
        start = account.charged = max(account.charged, self._served)
        heapq.heappush(self._waiting, (start, self._count, account, run))
        if not self._is_scheduled:
            self._continue()
        elif self._clock() < self._end:
            self._give()

    def request_iteration(self, account: Account, run: Callable[[], object]) -> None:
        """Like `request`, for work that follows `run` in a task: no other turn begins in this iteration."""

        def run_last() -> None:
            self._end = 0.0
            run()

        self.request(account, run_last)

    def _give(self) -> None:
        self._served, _, account, run = heapq.heappop(self._waiting)
        with account.charging():
            run()

    def _continue(self) -> None:
        self._is_scheduled = bool(self._waiting)
        if self._waiting:
            self._end = self._clock() + SLICE_SECONDS
            asyncio.get_running_loop().call_soon(self._continue)
            self._give()
            while self._waiting and self._clock() < self._end:
                self._give()


class TimeSlice:
    """The time for which a task of a connection may work until it must wait for its turn."""

    def __init__(self, turns: Turns, account: Account) -> None:
        self._turns, self._account = turns, account
        self._clock = asyncio.get_running_loop().time
        self.begin()

    def begin(self) -> None:
        """Begin a new slice, after a pause."""
        self._end = self._clock() + SLICE_SECONDS

    async def share(self) -> None:
        """Wait for the next turn if the slice is over."""
        if self._clock() >= self._end:
            await self.wait()

    async def wait(self) -> None:
        """Wait for the next turn."""
        has_turn = asyncio.Event()
        self._turns.request_iteration(self._account, has_turn.set)
        await has_turn.wait()
        self.begin()


class FairConnection(ServerConnection):
    """A connection that parses, and reads from its socket, only in its turn and while it has room.

    Must be created with ``max_queue=None``, because it replaces the flow control of websockets.

    Args:
        turns: shared by all connections of a server.
        transports: the open transports of a server. The connection adds and removes its own.

    Attributes:
        account: the work of the connection. Whoever handles its messages charges the time for that.
        is_text: True if the message that `receive` returned last was text, not binary.
        answers_close: False to leave the client's close frame without an answer.
    """

    def __init__(self, *args: Any, turns: Turns, transports: set[asyncio.Transport], **options: Any) -> None:
        super().__init__(*args, **options)
        self.account = Account()
        self.is_text = True
        self.answers_close = True
        self._turns = turns
        self._transports = transports
        self._slice = self.new_slice()
        self._unparsed = bytearray()
        self._unhandled_frames = 0
        self._opcodes: deque[Opcode] = deque()  # of the messages that are not handled
        self._unread_pongs = 0
        self._is_writing_paused = False
        self._is_waiting = False
        self._is_closing = False

    def new_slice(self) -> TimeSlice:
        """Return a slice for a task that works for this connection."""
        return TimeSlice(self._turns, self.account)

    async def receive(self) -> bytes:
        """Return the next message, reassembled from its fragments.

        Raises:
            ConnectionClosed: the connection has ended, or the message has too many fragments.
        """
        fragments: list[bytes] = []
        is_idle = not self._unhandled_frames
        if not is_idle:
            await self._slice.share()
        async for fragment in self.recv_streaming(decode=False):
            self._unhandled_frames -= 1
            self._continue()
            if is_idle and not fragments:
                self._slice.begin()
            if len(fragments) == MAX_FRAGMENTS:
                # The next iteration raises ConnectionClosed.
                await self.close(CloseCode.POLICY_VIOLATION, f"more than {MAX_FRAGMENTS} fragments")
            fragments.append(fragment)
        self.is_text = self._opcodes.popleft() is Opcode.TEXT
        message = fragments[0] if len(fragments) == 1 else b"".join(fragments)
        if len(message) > LARGE_MESSAGE_BYTES:
            await self._slice.wait()
        return message

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the connection. Messages that the client sends from now on are dropped."""
        self._is_closing = True
        self._continue()  # the client's close may be behind messages
        await super().close(code, reason)

    def send_data(self) -> None:
        """Write what the protocol has to send; nothing if the transport is closing or the close is not answered."""
        is_unanswered = self.protocol.close_rcvd is not None and not (self.answers_close or self._is_closing)
        # In Python 3.11, a TLS transport that is closed twice forgets its connection.
        if is_unanswered or self.transport.is_closing():
            self.protocol.data_to_send()
        else:
            super().send_data()

    # --- Callbacks of asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the transport."""
        super().connection_made(transport)
        self._transports.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport and what was not parsed."""
        self._transports.discard(self.transport)
        self._unparsed.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data` when it is the connection's turn."""
        self._unparsed += data
        self._continue()

    def pause_writing(self) -> None:
        """Count pongs from now on: the client does not read."""
        self._is_writing_paused = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Continue to parse what waited for the client."""
        self._is_writing_paused = False
        self._unread_pongs = 0
        super().resume_writing()
        self._continue()

    # --- Parsing ---

    def process_event(self, event: Event) -> None:
        """Count a frame for the limits, and queue it."""
        if isinstance(event, Frame):
            if event.opcode in _DATA:
                if self._is_closing:
                    return  # nobody receives it
                self._unhandled_frames += 1
                if event.opcode is not Opcode.CONT:
                    self._opcodes.append(event.opcode)
            elif event.opcode is Opcode.PING and self._is_writing_paused:
                self._unread_pongs += 1
        super().process_event(event)

    @property
    def _has_room(self) -> bool:
        has_room = self._is_closing or self._unhandled_frames <= MAX_UNHANDLED_FRAMES
        return has_room and self._unread_pongs <= MAX_UNREAD_PONGS

    def _continue(self) -> None:
        """Request a turn to parse what was read, and read only if nothing is left to parse."""
        if self.transport.is_closing():
            self._unparsed.clear()
            return  # a closed TLS transport may raise if reading is paused or resumed
        if self._unparsed and self._has_room and not self._is_waiting:
            self._is_waiting = True
            self._turns.request(self.account, self._parse)
        if self._unparsed or not self._has_room:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _parse(self) -> None:
        """Parse for the time of one turn."""
        self._is_waiting = False
        end = self.loop.time() + SLICE_SECONDS
        while self._unparsed and self._has_room:
            part = bytes(self._unparsed[:PARSE_BYTES])
            del self._unparsed[:PARSE_BYTES]
            super().data_received(part)
            if self.loop.time() >= end:
                break
        self._continue()
