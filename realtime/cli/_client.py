"""The connections of a call: one task speaks, one listens, one watches, over one WebSocket after another.

Only sockets and time are here. What is said and heard is `_call`'s, whether an end is one `_reconnect`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec

try:
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import (
        ConnectionClosed,
        InvalidHandshake,
        InvalidStatus,
        InvalidURI,
    )
    from websockets.frames import CloseCode
except ImportError as missing:
    raise ImportError(
        "this needs websockets: pip install 'realtime-codec[testing]'", name=missing.name
    ) from missing

from ..audio import chunks
from ..codec import decode_server, encode, encode_append
from ..errors import RealtimeError
from ..events import (
    ClientEvent,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCleared,
    ResponseCreate,
)
from ._call import Call
from ._peer import address, peer_text
from ._reconnect import CallFailed, Means, Retries, SessionLost, of_close, of_status
from ._uplink import PHONE

CLOSE_TIMEOUT_SECONDS: Final = 1.0
# How long the transcripts of what the caller said may come after all answers.
TRANSCRIPTS_SECONDS: Final = 1.0
# A ping goes with every so many frames, and no more are sent than the server has read: what waits in the
# sockets between is bounded, and a server that reads slowly is not taken for one that is silent.
FRAMES_PER_PING: Final = 25
AGAIN_MS: Final = 1000
_APPEND: Final = str(InputAudioBufferAppend.__struct_config__.tag)

R = TypeVar("R")


class Client:
    """Makes `call` with the server at `url`; `paced` says it as it is spoken, else as fast as it goes.

    Attributes: `retries`; `patience`, how many seconds the server may say nothing that gets the call on while
    something is waited for.
    """

    def __init__(
        self,
        call: Call,
        *,
        paced: bool,
        patience: float,
        retries: int,
    ) -> None:
        self.retries, self.patience = Retries(retries), patience
        self._call, self._paced = call, paced
        self._began = 0.0  # when the caller did, on the clock of `time.monotonic`
        self._is_known = False  # whether the server was ever there
        self._since = 0.0
        self._news = asyncio.Event()

    async def make(self, url: str) -> None:
        """Say everything and hear all answers out, over as many connections as it takes.

        Raises:
            CallFailed: the server cannot be reached, refuses the call, or is lost too often.
            OSError: a file cannot be written.
        """
        _warm_up()
        while True:
            answered = self._call.answered
            try:
                async with _connected(url) as connection:
                    self._is_known = True
                    self._call.record.begin()
                    await self._talk(connection)
                return
            except SessionLost as lost:
                self._call.lost()
                if self._call.answered > answered:
                    self.retries.worked()
                await self._wait_after(lost)

    async def _wait_after(self, lost: SessionLost) -> None:
        seconds = self.retries.next() if self._is_known else None
        if seconds is None:
            raise CallFailed(f"{lost}; no retries are left" if self.retries.tried else str(lost)) from None
        self._call.incidents.happened("reconnected", str(lost), f"{lost}")
        self._call.progress.note(
            f"a new connection in {seconds:g} s ({self.retries.tried} of {self.retries.most})"
        )
        await asyncio.sleep(seconds)

    async def _talk(self, connection: ClientConnection) -> None:
        hello = self._call.begin()
        self._since = time.monotonic()
        tasks = [
            asyncio.create_task(work)
            for work in (self._speak(connection, hello), self._listen(connection), self._watch())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                connection.transport.abort()  # nobody waits for the good manners of what is lost
                raise end

    # --- Speaking ---

    async def _speak(self, connection: ClientConnection, hello: ClientEvent) -> None:
        try:
            await self._say_all(connection, hello)
        except ConnectionClosed:
            # Who listens finds the connection closed too, after the last frame that came.
            await asyncio.Event().wait()

    async def _say_all(self, connection: ClientConnection, hello: ClientEvent) -> None:
        call = self._call
        await self._send(connection, hello)
        await self._until(lambda: call.session.is_ready)
        for event in call.resume():
            await self._send(connection, event)
        if not self._began:
            self._began = time.monotonic()
            call.progress.note(f"the call begins: {call.recording_ms / 1000:.1f} s to say")
        await self._say(connection)
        await self._append(connection, call.end_of_speech())
        await self._send(connection, call.ask_the_end())
        await self._until(lambda: call.is_over)
        await self._hear_transcripts()

    async def _say(self, connection: ClientConnection) -> None:
        call = self._call
        pong: Awaitable[float] | None = None
        if call.manual:
            await self._until(lambda: not call.is_owed)
        for count in itertools.count(1):
            audio = call.say()
            if audio is None:
                return
            await self._append(connection, audio)
            if call.is_turn_over:
                await self._take_turn(connection)
            if count % FRAMES_PER_PING == 0:
                pong = await self._ping(connection, pong)
            call.show()
            due = self._began + call.uplink.position / PHONE.bytes_per_second if self._paced else 0.0
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _hear_transcripts(self) -> None:
        """They may come later than the answers, or never."""
        try:
            async with asyncio.timeout(min(TRANSCRIPTS_SECONDS, self.patience)):
                await self._until(lambda: not self._call.session.untold)
        except TimeoutError:
            self._call.progress.note("transcripts of what the caller said did not come")

    async def _take_turn(self, connection: ClientConnection) -> None:
        """Commit by hand, and hear the answer out; a commit that is refused is tried once more."""
        call = self._call
        await self._append(connection, call.end_of_speech())
        await self._commit(connection)
        if call.session.is_refused:
            audio = call.session.sent.all
            # The server says that it has nothing: what it may have all the same is not to be there twice.
            await self._send(connection, InputAudioBufferClear())
            for chunk in chunks(audio, call.session.format_in, AGAIN_MS):
                await self._append(connection, bytes(chunk))
            call.sent_again(len(audio))
            await self._commit(connection)
        if call.session.is_refused:
            call.give_up_turn()
            return
        await self._send(connection, ResponseCreate())
        await self._until(lambda: not call.is_owed)

    async def _commit(self, connection: ClientConnection) -> None:
        await self._send(connection, self._call.commit())
        await self._until(lambda: not self._call.session.is_committing)

    async def _append(self, connection: ClientConnection, audio: bytes) -> None:
        if audio:
            frame = self._call.append(audio)
            self._call.record.frame("client", _APPEND, frame)
            await self._in_time(connection.send(frame, text=True))

    async def _send(self, connection: ClientConnection, event: ClientEvent) -> None:
        frame = self._call.request(event)
        self._call.record.frame("client", event.type, frame)
        await self._in_time(connection.send(frame, text=True))
        self._since = time.monotonic()

    async def _ping(self, connection: ClientConnection, before: Awaitable[float] | None) -> Awaitable[float]:
        if before is not None:
            await self._in_time(before)
        return await self._in_time(connection.ping())

    async def _in_time(self, done: Awaitable[R]) -> R:
        try:
            async with asyncio.timeout(self.patience):
                return await done
        except TimeoutError:
            raise SessionLost(f"the server did not read what it is sent in {self.patience:g} s") from None

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._news.clear()
            await self._news.wait()

    # --- Listening ---

    async def _listen(self, connection: ClientConnection) -> None:
        try:
            while True:
                if self._call.hear(await connection.recv(decode=False)):
                    self._since = time.monotonic()
                self._news.set()
        except ConnectionClosed as closed:
            raise _ended(closed) from None

    async def _watch(self) -> None:
        """A server that is waited for and says nothing of it is lost, whatever else it says."""
        while True:
            await asyncio.sleep(max(0.0, self._since + self.patience - time.monotonic()))
            if time.monotonic() - self._since >= self.patience:
                if self._call.awaited:
                    raise SessionLost(f"the server did not {self._call.awaited} in {self.patience:g} s")
                self._since = time.monotonic()


def _ended(closed: ConnectionClosed) -> RealtimeError:
    said = peer_text(closed)
    if of_close(closed.rcvd.code if closed.rcvd else CloseCode.ABNORMAL_CLOSURE) is Means.RECONNECT:
        return SessionLost(f"the server went away in mid-call: {said}")
    return CallFailed(f"the server ended the call: {said}")


def _warm_up() -> None:
    """Have what is made at first use made before anything is timed."""
    encode_append(b"")
    decode_server(encode(InputAudioBufferCleared()))


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[ClientConnection]:
    # Else the environment is asked for a proxy, even for this machine.
    options: dict[str, Any] = {
        "proxy": None,
        "max_size": None,
        "compression": None,
        "close_timeout": CLOSE_TIMEOUT_SECONDS,
    }
    async with contextlib.AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(connect(url, **options))
        except (OSError, EOFError, InvalidHandshake, InvalidURI, ValueError) as why:
            raise _not_connected(url, why) from None
        yield connection


def _not_connected(url: str, why: Exception) -> RealtimeError:
    said = f"cannot connect to {address(url)}: {peer_text(str(why).replace(url, address(url)))}"
    if isinstance(why, InvalidStatus):
        told = _error_in(why.response.body or b"")
        means = of_status(why.response.status_code)
        said += f": {told}" if told else ""
    else:
        means = Means.GIVE_UP if isinstance(why, InvalidURI | ValueError) else Means.RECONNECT
    return SessionLost(said) if means is Means.RECONNECT else CallFailed(said)


class _Detail(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _Body(msgspec.Struct):
    error: _Detail


def _error_in(body: bytes) -> str:
    """The code and the message of an HTTP error, or its first line of plain text; "" where it has neither."""
    try:
        error = msgspec.json.decode(body, type=_Body).error
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        line = body.strip().partition(b"\n")[0].decode("utf-8", "replace")
        return "" if line.startswith(("<", "{", "[")) else peer_text(line)
    return peer_text(": ".join(str(part) for part in (error.code, error.message) if part))
