"""Connections of the demo's call: tasks that send, receive and watch for silence, reconnecting when one ends.

Only sockets and time are here. `demo_call` decides what is sent and what a frame means,
`demo_reconnect` whether an end is retried.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import CloseCode

from .. import events as ga
from .._text import one_line
from ..audio import chunks
from ..codec import decode_server, encode, encode_append
from ..errors import RealtimeError
from .demo_audio import PHONE
from .demo_call import DemoCall
from .demo_reconnect import (
    CallFailed,
    RetryBackoff,
    RetryDecision,
    SessionLost,
    decide_on_close,
    decide_on_status,
)
from .text import MAX_MESSAGE_CHARS, format_url

CLOSE_TIMEOUT_SECONDS: Final = 1.0
# Transcripts of the caller's turns may arrive this long after all answers.
TRANSCRIPTS_SECONDS: Final = 1.0
# A ping is sent with every 25th frame, and the pong of the one before it is awaited first. This bounds the
# audio in the sockets' buffers, and distinguishes a server that reads slowly from one that is silent.
FRAMES_PER_PING: Final = 25
RESEND_CHUNK_MS: Final = 1000
_APPEND: Final = str(ga.InputAudioBufferAppend.__struct_config__.tag)

R = TypeVar("R")


class DemoClient:
    """The client of one call.

    `is_paced` sends audio in real time, otherwise as fast as possible. `patience_seconds` is how long the
    server may make no progress while something is awaited. `max_retries` are attempts in a row without a
    turn being answered.
    """

    def __init__(self, call: DemoCall, *, is_paced: bool, patience_seconds: float, max_retries: int) -> None:
        self._call, self._is_paced = call, is_paced
        self._patience_seconds = patience_seconds
        self._backoff = RetryBackoff(max_retries)
        self._start: float | None = None  # when audio was first sent; times are those of time.monotonic()
        self._last_progress = 0.0
        self._was_connected = False
        self._received = asyncio.Event()

    async def run(self, url: str) -> None:
        """Make the call, over as many connections as are needed.

        Raises:
            CallFailed: the server cannot be reached, refuses the call, or is lost too often.
            OSError: a file cannot be written.
        """
        _warm_up()
        while True:
            answered_count = self._call.answered_count
            try:
                async with _connect(url) as connection:
                    self._was_connected = True
                    self._call.record.open()
                    await self._run_session(connection)
                return
            except SessionLost as error:
                self._call.end_session()
                if self._call.answered_count > answered_count:
                    self._backoff.reset()
                await self._wait_after(error)

    async def _wait_after(self, error: SessionLost) -> None:
        backoff = self._backoff
        seconds = backoff.next_delay() if self._was_connected else None
        if seconds is None:
            raise CallFailed(f"{error}; no retries are left" if backoff.attempts else str(error)) from None
        self._call.incidents.record("reconnected", str(error), str(error))
        self._call.progress.note(
            f"reconnecting in {seconds:g} s ({backoff.attempts} of {backoff.max_attempts})"
        )
        await asyncio.sleep(seconds)

    async def _run_session(self, connection: ClientConnection) -> None:
        hello = self._call.begin_session()
        self._last_progress = time.monotonic()
        tasks = [
            asyncio.create_task(work)
            for work in (self._send_all(connection, hello), self._receive(connection), self._watch())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                connection.transport.abort()  # the session is lost: do not wait for a closing handshake
                raise result

    # --- Sending ---

    async def _send_all(self, connection: ClientConnection, hello: ga.ClientEvent) -> None:
        try:
            await self._make_call(connection, hello)
        except ConnectionClosed:
            # The receiving task finds the connection closed too, after the last frame that arrived.
            await asyncio.Event().wait()

    async def _make_call(self, connection: ClientConnection, hello: ga.ClientEvent) -> None:
        call = self._call
        await self._send_event(connection, hello)
        await self._wait_until(lambda: call.session.is_ready)
        for event in call.resume():
            await self._send_event(connection, event)
        if self._start is None:
            self._start = time.monotonic()
            call.progress.note(f"call started: {call.recording_ms / 1000:.1f} s of speech to send")
        await self._send_speech(connection, self._start)
        await self._send_audio(connection, call.flush_audio())
        await self._send_event(connection, call.request_end())
        await self._wait_until(lambda: call.is_complete)
        await self._wait_for_transcripts()

    async def _send_speech(self, connection: ClientConnection, start: float) -> None:
        call = self._call
        pong: Awaitable[float] | None = None
        if call.is_manual:
            await self._wait_until(lambda: not call.is_answer_pending)
        for count in itertools.count(1):
            audio = call.next_audio()
            if audio is None:
                return
            await self._send_audio(connection, audio)
            if call.is_commit_due:
                await self._commit_turn(connection)
            if count % FRAMES_PER_PING == 0:
                if pong is not None:
                    await self._within_patience(pong)
                pong = await self._within_patience(connection.ping())
            call.show_progress()
            due = start + call.uplink.position / PHONE.bytes_per_second if self._is_paced else 0.0
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _wait_for_transcripts(self) -> None:
        try:
            async with asyncio.timeout(min(TRANSCRIPTS_SECONDS, self._patience_seconds)):
                await self._wait_until(lambda: not self._call.session.missing_transcripts)
        except TimeoutError:
            self._call.progress.note("transcripts of the caller's turns did not arrive")

    async def _commit_turn(self, connection: ClientConnection) -> None:
        """Commit a turn and wait for its answer. A commit that is refused is tried once more."""
        call = self._call
        await self._send_audio(connection, call.flush_audio())
        await self._send_commit(connection)
        if call.session.is_commit_refused:
            audio = call.session.audio.sent.audio
            # The server reports an empty buffer. If it has audio all the same, it must not get it twice.
            await self._send_event(connection, ga.InputAudioBufferClear())
            for chunk in chunks(audio, call.session.audio.input_format, RESEND_CHUNK_MS):
                await self._send_audio(connection, bytes(chunk))
            call.add_resent(len(audio))
            await self._send_commit(connection)
        if call.session.is_commit_refused:
            call.skip_turn()
            return
        await self._send_event(connection, ga.ResponseCreate())
        await self._wait_until(lambda: not call.is_answer_pending)

    async def _send_commit(self, connection: ClientConnection) -> None:
        await self._send_event(connection, self._call.commit())
        await self._wait_until(lambda: not self._call.session.is_commit_pending)

    async def _send_audio(self, connection: ClientConnection, audio: bytes) -> None:
        if audio:
            await self._send(connection, _APPEND, self._call.append_frame(audio))

    async def _send_event(self, connection: ClientConnection, event: ga.ClientEvent) -> None:
        await self._send(connection, event.type, self._call.request_frame(event))
        self._last_progress = time.monotonic()

    async def _send(self, connection: ClientConnection, kind: str, frame: bytes) -> None:
        self._call.record.record_frame("client", kind, frame)
        # As a text message: some servers end the session when they receive a binary one.
        await self._within_patience(connection.send(frame, text=True))

    async def _within_patience(self, work: Awaitable[R]) -> R:
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await work
        except TimeoutError:
            raise SessionLost(f"the server did not read for {self._patience_seconds:g} s") from None

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._received.clear()
            await self._received.wait()

    # --- Receiving ---

    async def _receive(self, connection: ClientConnection) -> None:
        try:
            while True:
                if self._call.feed(await connection.recv(decode=False)):
                    self._last_progress = time.monotonic()
                self._received.set()
        except ConnectionClosed as closed:
            raise _closed_error(closed) from None

    async def _watch(self) -> None:
        """Raise SessionLost if something is awaited and the server makes no progress, whatever it sends."""
        patience = self._patience_seconds
        while True:
            await asyncio.sleep(max(0.0, self._last_progress + patience - time.monotonic()))
            if time.monotonic() - self._last_progress >= patience:
                if self._call.awaited:
                    raise SessionLost(f"the server did not {self._call.awaited} in {patience:g} s")
                self._last_progress = time.monotonic()


def _closed_error(closed: ConnectionClosed) -> RealtimeError:
    reason = one_line(str(closed), MAX_MESSAGE_CHARS)
    code = closed.rcvd.code if closed.rcvd else CloseCode.ABNORMAL_CLOSURE
    if decide_on_close(code) is RetryDecision.RECONNECT:
        return SessionLost(f"the connection ended in mid-call: {reason}")
    return CallFailed(f"the server ended the call: {reason}")


def _warm_up() -> None:
    """Build the codec's decoders and tables, which are made at first use, before anything is timed."""
    encode_append(b"")
    decode_server(encode(ga.InputAudioBufferCleared()))


# --- Connecting ------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _connect(url: str) -> AsyncGenerator[ClientConnection]:
    options: dict[str, Any] = {
        "proxy": None,  # the default reads a proxy from the environment, even for 127.0.0.1
        "max_size": None,
        "compression": None,
        "close_timeout": CLOSE_TIMEOUT_SECONDS,
    }
    async with contextlib.AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(connect(url, **options))
        except (OSError, EOFError, InvalidHandshake, InvalidURI, ValueError) as error:
            raise _connect_error(url, error) from None
        yield connection


def _connect_error(url: str, error: Exception) -> RealtimeError:
    reason = one_line(str(error).replace(url, format_url(url)), MAX_MESSAGE_CHARS)
    message = f"cannot connect to {format_url(url)}: {reason}"
    if isinstance(error, InvalidStatus):
        detail = _error_in_body(error.response.body or b"")
        message += f": {detail}" if detail else ""
        decision = decide_on_status(error.response.status_code)
    else:
        is_permanent = isinstance(error, InvalidURI | ValueError)
        decision = RetryDecision.GIVE_UP if is_permanent else RetryDecision.RECONNECT
    return SessionLost(message) if decision is RetryDecision.RECONNECT else CallFailed(message)


class _HttpErrorDetail(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _HttpErrorBody(msgspec.Struct):
    error: _HttpErrorDetail


def _error_in_body(body: bytes) -> str:
    """Return the code and message of an HTTP error, or the first line of a plain text; "" if there is none."""
    try:
        error = msgspec.json.decode(body, type=_HttpErrorBody).error
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        line = body.strip().partition(b"\n")[0].decode("utf-8", "replace")
        return "" if line.startswith(("<", "{", "[")) else one_line(line, MAX_MESSAGE_CHARS)
    return one_line(": ".join(str(part) for part in (error.code, error.message) if part), MAX_MESSAGE_CHARS)
