"""Session: a ClientProtocol on a WebSocket, with asyncio.

Keys and waiting are here, sockets in `transports`; every decision is in `protocol`. One task runs a session: it opens
connections one after the other, and for each one task waits for its end and one watches the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from ssl import SSLContext
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeAlias

import msgspec

from .. import events as ga, spec
from .._bounded import BoundedDict
from .._provider import Provider, ProviderLike, get_provider
from .._text import format_url, one_line
from ..append import as_bytes_view
from ..errors import ConfigError
from ..format import AudioFormat, AudioFormatLike
from ..recording import RecordingError
from ..state import Conversation, FunctionCall, Interruption, SessionDifference, Toolbox, Usage
from ..state.cost import Price
from ..state.live import LiveTranscript
from .dialect import with_model
from .errors import ClientError, ConnectFailed, RequestRefused, SessionClosed
from .events import (
    Connected,
    EventQueue,
    Reconnecting,
    RequestFailed,
    ResponseOutcome,
    SessionEnded,
    ToolCalled,
)
from .policy import RetryPolicy, retry_after_s
from .protocol import ClientProtocol, ClientState, GiveUp, Run, Wait
from .session_state import AUDIO_DELTAS
from .tools import ToolRunner
from .transports import (
    Connection,
    ConnectionOptions,
    Endpoint,
    HandshakeFailed,
    Open,
    TransportName,
    load_transport,
)

ApiKey: TypeAlias = str | Callable[[], str | Awaitable[str]]
Metrics: TypeAlias = Callable[[str, float], object]
# The metrics: the name and the meaning of each.
METRICS: Final[Mapping[str, str]] = {
    "connect_s": "seconds to open a connection, until the settings are in effect",
    "reconnect": "1 for each connection that is replaced",
    "first_audio_s": "seconds from the request for a response, or the end of the user's turn, to its first audio",
    "response_s": "seconds from response.created to response.done",
}


class FrameRecorder(Protocol):
    """A recorder of every frame of a session, such as a `realtime.recording.Recorder`."""

    def sent(self, frame: bytes, /) -> None:
        """Record a frame of the client."""

    def received(self, frame: bytes, /) -> None:
        """Record a frame of the server."""


# A message of the server: the decoder's own limit.
_MAX_MESSAGE_BYTES: Final = 128 * 1024 * 1024
# Unsent bytes in memory from which `append` and `send` wait; a socket buffers as much again.
_MAX_UNSENT_BYTES: Final = 256 * 1024
# Audio that may wait for a session before `append` waits.
_MAX_WAITING_MS: Final = 10_000.0
_APPEND_BYTES: Final = 32 * 1024
_PACE_MS: Final = 100
_MAX_REASON_CHARS: Final = 200
_BEARER: Final = "Bearer "
# The longest time between two ticks of the protocol.
_TICK_S: Final = 1.0

_log = logging.getLogger("realtime.client")
_log.addHandler(logging.NullHandler())


def connect(  # noqa: D417 (the others are documented at their classes)
    model: str = spec.DEFAULT_MODEL,
    *,
    session: Any = None,
    tools: Toolbox | Sequence[Any] = (),
    api_key: ApiKey | None = None,
    provider: ProviderLike = "openai",
    url: str | None = None,
    host: str = "",
    headers: Mapping[str, str] | None = None,
    call_id: str | None = None,
    reconnect: bool = True,
    retry: RetryPolicy | None = None,
    reports_playback: bool = False,
    barge_in: bool = True,
    patience_s: float = 30.0,
    handover_s: float = 180.0,
    spend_limit_usd: float | None = None,
    price: Price | None = None,
    max_queue: int = 2000,
    max_uplink_ms: float = 300_000.0,
    max_concurrent_tools: int = 8,
    tool_timeout_s: float = 30.0,
    transport: TransportName = "websockets",
    ssl: SSLContext | None = None,
    proxy: str | bool | None = True,
    open_timeout: float | None = 10.0,
    close_timeout: float = 1.0,
    ping_interval: float | None = 20.0,
    ping_timeout: float | None = 20.0,
    recorder: FrameRecorder | None = None,
    metrics: Metrics | None = None,
) -> Session:
    """Return a session with a model, to be used in an ``async with`` block.

    Nothing is opened before the block begins; it begins when the session's settings are in effect.

    `model` goes into the address, or into the settings of a Live session. Arguments that are not listed are
    those of `ClientProtocol`, of `ToolRunner` and of ``websockets.connect``.

    Args:
        session: the settings, as `create_session_config` makes them; None leaves the server's defaults. A
            `live.LiveSession`, or a Live model without settings, opens a Live session.
        tools: a `Toolbox`, whose functions are run when the model calls them, or declarations, whose calls are
            `ToolCalled` events to answer with `answer`.
        api_key: the key, or a function that returns it, which may be async and is called for each connection.
            By default the provider's environment variable, which is sent to the provider's own address only.
            One that begins with "Bearer " is sent as the Authorization header (Entra ID on Azure).
        provider: the server, by name or as a `Provider`.
        url: an address in place of the provider's. `host` replaces only its host (Azure's resource).
        headers: more headers of the handshake.
        transport: the WebSocket library, "websockets" or "picows" (the extra of that name), which needs less CPU
            time, least on uvloop.
        call_id: a SIP or WebRTC call, or a Live session, to join. The server keeps its session when this connection ends.
        proxy: a proxy, None for none; True takes it from the environment.
        max_queue: events that are not read. More are dropped and counted in an `Overflow`.
        recorder: a `Recorder`, which records every frame of both sides. You close it.
        metrics: called with a name of `METRICS` and a number.

    Raises:
        ConfigError: there is no key, or an argument is invalid.
        ImportError: the transport is not installed.
    """
    row = get_provider(provider)
    protocol = ClientProtocol(
        session=with_model(session, model),
        tools=tools,
        provider=row,
        reconnect=reconnect,
        retry=retry,
        restores=call_id is None,
        reports_playback=reports_playback,
        barge_in=barge_in,
        patience_s=patience_s,
        handover_s=handover_s,
        spend_limit_usd=spend_limit_usd,
        price=model if price is None and spend_limit_usd is not None else price,
        max_uplink_ms=max_uplink_ms,
    )
    address = protocol.address(model, url=url, host=host, call_id=call_id)
    options = ConnectionOptions(
        ssl, proxy, open_timeout, close_timeout, ping_interval, ping_timeout, max_size=_MAX_MESSAGE_BYTES
    )
    runner = None
    if protocol.toolbox is not None:
        runner = ToolRunner(protocol.toolbox, max_concurrent=max_concurrent_tools, timeout_s=tool_timeout_s)
    key = _KeySource(row, api_key, is_own_address=url is None)
    open_connection = load_transport(transport)
    return Session(
        protocol,
        address,
        key,
        dict(headers or {}),
        open_connection,
        options,
        runner,
        recorder,
        max_queue,
        metrics,
    )


class _KeySource:
    """The key of a connection. Never shown."""

    __slots__ = ("_env", "_key", "_provider")

    def __init__(self, provider: Provider, key: ApiKey | None, *, is_own_address: bool) -> None:
        self._provider, self._key = provider, key
        if key is None and is_own_address and provider.api_key_env:
            self._key = os.environ.get(provider.api_key_env)
            if not self._key and provider.host.startswith("wss://"):
                raise ConfigError(f"no key: pass api_key=, or set {provider.api_key_env}")

    def __repr__(self) -> str:
        return "<key>"

    async def headers(self) -> dict[str, str]:
        """Return the headers that authenticate the next connection."""
        key = self._key
        if callable(key):
            found = key()
            key = await found if inspect.isawaitable(found) else found
        if key is not None and not isinstance(key, str):
            raise TypeError(f"api_key must be a str or return one, not {type(key).__name__}")
        if key and key.startswith(_BEARER):
            return {"Authorization": key}
        return self._provider.headers(key or "")


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """The answer to an update: the session that the server reports, and what differs from all that was requested."""

    session: Any
    differences: tuple[SessionDifference, ...]


# --- Responses -----------------------------------------------------------------------


class ResponseHandle:
    """A response that was requested: await it for its outcome, or iterate over its events.

    If the connection is replaced meanwhile, the response begins again and the iteration goes on. Cancelling
    the wait or leaving the iteration does not end the response; `cancel` does.

    Attributes:
        request_id: the event_id of the request.
        outcome: its end; None before.
    """

    def __init__(self, session: Session, request_id: str, limit: int) -> None:
        self.request_id = request_id
        self.outcome: ResponseOutcome | None = None
        self._session = session
        self._pieces: list[bytes] = []
        self._text: list[str] = []
        self._events = EventQueue(limit)
        self._changed = asyncio.Event()
        self._error: ClientError | None = None

    def __repr__(self) -> str:
        return f"<ResponseHandle {self.request_id!r} {self.status}>"

    @property
    def status(self) -> str:
        """The server's status of the response, "in_progress" before its end."""
        return "in_progress" if self.outcome is None else self.outcome.status

    @property
    def text(self) -> str:
        """The text or transcript received so far."""
        return "".join(self._text) if self.outcome is None else self.outcome.text

    @property
    def audio(self) -> bytes:
        """The audio received so far, in the session's output format."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    @property
    def is_done(self) -> bool:
        """True once the response has ended, or failed to begin."""
        return self.outcome is not None or self._error is not None

    async def cancel(self) -> None:
        """End the response: withdraw its request, or cancel it."""
        if not self.is_done:
            self._session._cancel(self.request_id)

    def __await__(self) -> Generator[Any, None, ResponseOutcome]:
        return self._wait().__await__()

    async def _wait(self) -> ResponseOutcome:
        while not self.is_done:
            self._changed.clear()
            await self._changed.wait()
        return self._result()

    def _result(self) -> ResponseOutcome:
        if self._error is not None:
            raise self._error
        assert self.outcome is not None
        return self.outcome

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            event = self._events.get()
            if event is not None:
                yield event
            elif self.is_done:
                self._result()
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    # --- The session's side ---

    def feed(self, event: Any) -> None:
        """Add an event of the response."""
        kind = event.type
        if kind in AUDIO_DELTAS:
            self._pieces.append(event.delta)
        elif kind.endswith(("text.delta", "transcript.delta")):
            self._text.append(event.delta)
        self._events.put(event)
        self._changed.set()

    def restart(self) -> None:
        """Note that the response begins again."""
        self._text.clear()

    def finish(self, outcome: ResponseOutcome) -> None:
        """Set the outcome."""
        self.outcome = outcome
        self._changed.set()

    def fail(self, error: ClientError) -> None:
        """Set the error, unless there is an outcome."""
        if not self.is_done:
            self._error = error
            self._changed.set()


# --- The session ---------------------------------------------------------------------


class Session:
    """A session with a model, over as many connections as it needs. Made by `connect`.

    An async context manager, and an async iterator of the server's events and of `ClientNotice`. The iteration
    ends when the session is closed, and raises the `ClientError` that ended it otherwise. One task may iterate, a
    second one gets a RuntimeError; all other methods may be called from any task of the event loop.
    """

    def __init__(
        self,
        protocol: ClientProtocol,
        address: str,
        key: _KeySource,
        headers: dict[str, str],
        open_connection: Open,
        options: ConnectionOptions,
        runner: ToolRunner | None,
        recorder: FrameRecorder | None,
        max_queue: int,
        metrics: Metrics | None,
    ) -> None:
        self.protocol = protocol
        self._address, self._key, self._headers, self._options = address, key, headers, options
        self._open_connection = open_connection
        self._connection: Connection | None = None
        self._runner, self._recorder = runner, recorder
        self._metrics, self._max_queue = metrics, max_queue
        self._queue = EventQueue(max_queue)
        self._reader: asyncio.Future[None] | None = None  # the iteration, while it waits
        self._changed, self._closing = asyncio.Event(), asyncio.Event()
        self._sent_all, self._room, self._replaced = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._frames: deque[bytes] = deque()
        self._unsent = 0
        self._updates: dict[str, asyncio.Future[UpdateResult]] = {}
        self._commits: dict[str, asyncio.Future[str]] = {}
        self._handles: dict[str, ResponseHandle] = {}
        self._by_response: BoundedDict[str, ResponseHandle] = BoundedDict(64)
        self._task: asyncio.Task[None] | None = None
        self._epoch = time.time() - time.monotonic()
        self._paced_until = self._asked_at = self._created_at = self._opened_at = 0.0
        self._awaits_audio = False

    def __repr__(self) -> str:
        return f"<Session with {self.protocol.provider.name}: {self.protocol.state.value}>"

    # --- State ---

    @property
    def conversation(self) -> Conversation:
        """The conversation so far."""
        return self.protocol.conversation

    @property
    def transcript(self) -> LiveTranscript:
        """The words of both speakers of a Live session so far."""
        return self.protocol.transcript

    @property
    def usage(self) -> Usage:
        """The usage of all connections so far."""
        return self.protocol.usage

    @property
    def input_format(self) -> AudioFormat:
        """The format of the audio that the session takes."""
        return self.protocol.input_format

    @property
    def output_format(self) -> AudioFormat:
        """The format of the audio that the session sends."""
        return self.protocol.output_format

    @property
    def is_ready(self) -> bool:
        """True while a connection is open and its settings are in effect."""
        return self.protocol.state is ClientState.RUNNING

    # --- Begin and end ---

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise RuntimeError("a session is used once: call connect() again")
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(lambda _: self._wake())
        try:
            while not self.is_ready and not self._task.done():
                self._changed.clear()
                await self._changed.wait()
            if not self.is_ready:
                await self._task
                self._raise_end()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session: stop its tools, close its connection. Calls that wait for it raise `SessionClosed`.

        Unsent frames are sent first, within `close_timeout`. A Live session ends when the server confirms it, after
        at most 10 seconds; its `SessionEnded` event reports if it did.
        """
        awaits_end = self._task is not None and self.protocol.request_close(self._now())
        if awaits_end:
            self._flush()
        awaited = asyncio.ensure_future(self._until_closed() if awaits_end else self._sent_all.wait())
        try:
            if awaits_end or (self.is_ready and self._frames):
                limit = self.protocol.close_wait_s if awaits_end else self._options.close_timeout
                # Not `asyncio.timeout`: early releases of Python 3.11 cancel it in a task that was cancelled.
                await asyncio.wait([awaited], timeout=limit)
        finally:
            awaited.cancel()
            self.protocol.close(self._now())
            self._closing.set()
            self._wake()
        if self._task is not None:
            try:
                await asyncio.shield(self._task)
            except asyncio.CancelledError:
                self._task.cancel()
                raise

    async def _until_closed(self) -> None:
        while self.protocol.state is not ClientState.CLOSED:
            self._changed.clear()
            await self._changed.wait()

    def _raise_end(self) -> None:
        end = self.protocol.next_action(self._now())
        if isinstance(end, GiveUp) and end.error is not None:
            raise end.error
        raise SessionClosed("the session has ended")

    # --- The user's side ---

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while (event := self._queue.get()) is None:
            if self._task is None or self._task.done():
                end = self.protocol.next_action(self._now())
                if isinstance(end, GiveUp) and end.error is not None:
                    raise end.error
                raise StopAsyncIteration
            if self._reader is not None and not self._reader.done():
                raise RuntimeError("another task iterates over this session")
            self._reader = self._task.get_loop().create_future()
            await self._reader
        return event

    async def append(self, audio: Any, format: AudioFormatLike | None = None, *, pace: bool = False) -> None:
        """Send audio of the user: raw audio in any buffer, in the session's input format or in `format`.

        Waits while too much is unsent. With `pace`, takes as long as the audio lasts. If it is cancelled, the
        audio up to a whole number of samples has been taken.

        Raises:
            AudioError, ConfigError: the format cannot be converted.
            ClientError: the session has ended.
        """
        src = None if format is None else AudioFormat.of(format)
        if type(audio) is bytes and len(audio) <= _APPEND_BYTES and not pace:
            # The fast path; paid for by benchmarks.client.
            if self._is_full():
                await self._wait_for_room()
            self.protocol.append(audio, src)
            self._flush()
            return
        view = as_bytes_view(audio)
        each = src or self.input_format
        size = each.bytes_per_second * _PACE_MS // 1000 if pace else _APPEND_BYTES
        size = max(each.sample_width, size - size % each.sample_width)
        for at in range(0, len(view), size):
            part = view[at : at + size]
            if pace:
                now = time.monotonic()
                self._paced_until = max(self._paced_until, now)
                await asyncio.sleep(self._paced_until - now)
                self._paced_until += len(part) / each.bytes_per_second
            await self._append(part, src)

    async def _append(self, part: Any, src: AudioFormat | None) -> None:
        if self._is_full():
            await self._wait_for_room()
        self.protocol.append(part, src)
        self._flush()

    async def send(self, event: Any) -> str:
        """Send a client event, as `ClientProtocol.send` does. Waits while too much is unsent. Returns its event_id."""
        await self._wait_for_room()
        return self._send(event)

    async def say(self, text: str) -> None:
        """Have the model of a Live session speak a text almost verbatim: a greeting, or an announcement.

        Raises:
            ConfigError: the session is not of Live, or the text is empty.
            ClientError: the session has ended.
        """
        await self._wait_for_room()
        self.protocol.say(text, self._now())
        self._flush()

    async def answer(self, call: FunctionCall, result: object) -> None:
        """Send the output of a function call: a str as it is, anything else as JSON."""
        await self.send(call.output(result))

    async def update(self, session: Any) -> UpdateResult:
        """Change settings. Returns the session that the server reports, with the differences from what was requested.

        The settings hold for later connections too.

        Raises:
            RequestRefused: the server refuses them.
            ClientError: the session has ended.
        """
        await self._wait_for_room()
        event_id = self.protocol.update(session, self._now())
        self._flush()
        result: UpdateResult = await self._answer_to(event_id, self._updates)
        return result

    async def commit(self) -> str:
        """Commit the audio that was appended. Returns the id of the user's message. For sessions without turn detection.

        Raises:
            RequestRefused: there is too little audio.
            ClientError: the session has ended.
            EncodeError: the session is one of Live, which has no turns to commit.
        """
        await self._wait_for_room()
        event_id = self._send(ga.InputAudioBufferCommit())
        item_id: str = await self._answer_to(event_id, self._commits)
        return item_id

    async def _answer_to(self, event_id: str, futures: dict[str, asyncio.Future[Any]]) -> Any:
        future = futures[event_id] = asyncio.get_running_loop().create_future()
        try:
            return await future
        finally:
            futures.pop(event_id, None)

    def respond(
        self, request: ga.ResponseCreate | ga.ResponseParams | None = None, *, instructions: str | None = None
    ) -> ResponseHandle:
        """Request a response, now or as soon as none is in progress.

        ``await session.respond()`` gives its outcome; ``async for event in session.respond()`` its events.

        Raises:
            ClientError: the session has ended.
            EncodeError: the session is one of Live, which has no responses.
        """
        if isinstance(request, ga.ResponseParams):
            request = ga.ResponseCreate(response=request)
        elif request is None:
            request = ga.ResponseCreate()
        if instructions is not None:
            request = ga.ResponseCreate(
                event_id=request.event_id, response=_with_instructions(request.response, instructions)
            )
        request_id = self.protocol.new_event_id(request)
        handle = self._handles[request_id] = ResponseHandle(self, request_id, self._max_queue)
        try:
            self._send(ga.ResponseCreate(event_id=request_id, response=request.response))
        except BaseException:
            del self._handles[request_id]
            raise
        return handle

    async def interrupt(self) -> Interruption:
        """Stop the response in progress and its playback. Returns what must not be played any more."""
        interruption = self.protocol.interrupt(self._now())
        self._flush()
        return interruption

    def played(
        self,
        samples: float | None = None,
        *,
        ms: float | None = None,
        nbytes: int | None = None,
        sample_rate: int | None = None,
    ) -> None:
        """Report what the loudspeaker played. Needs ``reports_playback=True``."""
        self.protocol.played(samples, ms=ms, nbytes=nbytes, sample_rate=sample_rate)

    def _send(self, event: Any) -> str:
        event_id = self.protocol.send(event, self._now())
        if getattr(event, "type", "") == "response.create":
            self._asked_at, self._awaits_audio = self._now(), True
        self._flush()
        return event_id

    def _cancel(self, request_id: str) -> None:
        handle = self._handles.get(request_id)
        if self.protocol.cancel_request(request_id, self._now()) and handle is not None:
            self._handles.pop(request_id, None)
            handle.finish(ResponseOutcome("", "cancelled", request_id, reason="client_cancelled"))
        self._flush()

    # --- Backpressure ---

    async def _wait_for_room(self) -> None:
        while self._is_full():
            self._room.clear()
            await self._room.wait()

    def _is_full(self) -> bool:
        state = self.protocol.state
        if state is ClientState.RUNNING:  # no audio waits
            return self._unsent > _MAX_UNSENT_BYTES
        is_full = self._unsent > _MAX_UNSENT_BYTES or self.protocol.unsent_ms > _MAX_WAITING_MS
        return is_full and state is not ClientState.CLOSED

    def _flush(self) -> None:
        """Take the events and the frames of the protocol."""
        events = self.protocol.events()
        for event in events:
            self._observe(event)
            self._queue.put(event)
        if events:
            self._wake_reader()
        self._send_frames()

    def _send_frames(self) -> None:
        connection = self._connection
        for frame in self.protocol.frames_to_send():
            if connection is None or not connection.send_now(frame):
                self._frames.append(frame)
                self._unsent += len(frame)
            elif self._recorder is not None:
                self._record(self._recorder.sent, frame)
        if self._frames:
            self._sent_all.clear()
            if connection is not None:
                connection.wake()

    def _wake(self) -> None:
        self._wake_reader()
        for event in (self._changed, self._room, self._replaced):
            event.set()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _now(self) -> float:
        return self._epoch + time.monotonic()

    # --- Events ---

    def _observe(self, event: Any) -> None:
        """Give an event to what waits for it."""
        observe = _OBSERVERS.get(type(event))
        if observe is not None:
            observe(self, event)
            return
        kind = getattr(event, "type", "")
        if kind.startswith("response."):
            self._observe_response(event, kind)
        elif kind == "session.updated":
            self._resolve_updates(event)
        elif kind == "input_audio_buffer.committed":
            self._asked_at, self._awaits_audio = self._now(), True
            for event_id in [key for key in self._commits if key not in self.protocol.pending_commits]:
                _resolve(self._commits[event_id], event.item_id)

    def _resolve_updates(self, event: Any) -> None:
        for event_id in [key for key in self._updates if key not in self.protocol.pending_updates]:
            _resolve(self._updates[event_id], UpdateResult(event.session, self.protocol.differences))

    def _observe_response(self, event: Any, kind: str) -> None:
        response_id = _response_id(event) if kind == "response.created" or self._by_response else ""
        if kind == "response.created":
            self._created_at = self._now()
            handle = self._handles.get(self.protocol.request_id_of(response_id) or "")
            if handle is not None:
                handle.restart()
                self._by_response[response_id] = handle
        elif kind == "response.done":
            self._measure("response_s", self._now() - self._created_at)
        elif self._awaits_audio and kind in AUDIO_DELTAS:
            self._awaits_audio = False
            self._measure("first_audio_s", self._now() - self._asked_at)
        found = self._by_response.get(response_id)
        if found is not None:
            found.feed(event)

    def _on_outcome(self, event: ResponseOutcome) -> None:
        handle = self._handles.pop(event.request_id or "", None)
        if handle is not None:
            handle.finish(event)

    def _on_refused(self, event: RequestFailed) -> None:
        event_id = event.request.event_id
        error = RequestRefused(event.error, event.request.type)
        for futures in (self._updates, self._commits):
            future: asyncio.Future[Any] | None = futures.get(event_id)
            if future is not None and not future.done():
                future.set_exception(error)
        handle = self._handles.pop(event_id, None)
        if handle is not None:
            handle.fail(error)

    def _on_tool_called(self, event: ToolCalled) -> None:
        if self._runner is not None and not event.is_outside:
            self._runner.start(event.call, self._on_tool_done)

    def _on_tool_done(self, output: ga.ConversationItemCreate) -> None:
        with contextlib.suppress(SessionClosed):
            self._send(output)

    def _on_connected(self, event: Connected) -> None:
        self._measure("connect_s", self._now() - self._opened_at)
        self._changed.set()

    def _on_session_ended(self, event: SessionEnded) -> None:
        self._changed.set()

    def _on_reconnecting(self, event: Reconnecting) -> None:
        _log.info("reconnecting in %.2f s: %s", event.delay_s, event.reason)
        self._by_response.clear()  # another connection may use the same ids
        self._measure("reconnect", 1.0)

    def _measure(self, name: str, value: float) -> None:
        if self._metrics is not None:
            try:
                self._metrics(name, value)
            except Exception:
                _log.exception("the metrics hook failed")

    # --- Running ---

    async def _run(self) -> None:
        protocol = self.protocol
        try:
            while not isinstance(action := protocol.next_action(self._now()), GiveUp):
                if isinstance(action, Wait):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(action.seconds):
                            await self._closing.wait()
                    protocol.tick(self._now())
                else:
                    await self._connect()
        finally:
            protocol.close(self._now())
            self._flush()
            self._finish()
            if self._runner is not None:
                await self._runner.close()

    def _finish(self) -> None:
        """End everything that waits for the session."""
        end = self.protocol.next_action(self._now())
        error: ClientError = SessionClosed("the session has ended")
        if isinstance(end, GiveUp):
            error = end.error or SessionClosed(f"the session has ended: {end.reason}")
            _log.info("the session has ended: %s", end.reason)
        for handle in self._handles.values():
            handle.fail(error)
        self._handles.clear()
        waiting: list[asyncio.Future[Any]] = [*self._updates.values(), *self._commits.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(error)
        self._wake()

    async def _connect(self) -> None:
        protocol = self.protocol
        self._opened_at = self._now()
        connection = None
        opening = asyncio.ensure_future(self._open())
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({opening, closing}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                connection = opening.result()
        finally:
            closing.cancel()
            if not opening.done():
                opening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    late = await opening
                    if late is not None:
                        late.abort()
        if connection is None:
            self._flush()
            return
        self._frames.clear()
        self._unsent = 0
        self._connection = connection
        self._replaced.clear()
        protocol.connected(self._now())
        self._flush()
        tasks = [asyncio.ensure_future(each) for each in (self._receive_all(connection), self._watch())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._disconnect(connection)
        self._flush()
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _disconnect(self, connection: Connection) -> None:
        self._connection = None
        self._frames.clear()
        self._unsent = 0
        self._room.set()
        self._sent_all.set()
        try:
            if self.protocol.state is not ClientState.WAITING:  # else it is lost: no closing handshake
                # The limit begins now: a server that does not read delays the close frame for ever.
                async with asyncio.timeout(self._options.close_timeout):
                    await connection.close()
        except TimeoutError:
            _log.info("the server did not close the connection")
        finally:
            connection.abort()

    async def _open(self) -> Connection | None:
        """Open a connection. Returns None, with its failure given to the protocol, if that is not possible."""
        protocol = self.protocol
        try:
            headers = {**self._headers, **await self._key.headers()}
        except Exception as error:
            # Its message may contain the key.
            failure = ConnectFailed(f"api_key failed with {type(error).__name__}", is_retryable=True)
            protocol.connection_lost(self._now(), error=failure)
            return None
        try:
            endpoint = Endpoint(self._next_frame, self._receive)
            return await self._open_connection(self._address, headers, self._options, endpoint)
        except HandshakeFailed as failed:
            reason = self._reason(failed, headers)
            if failed.status is None:
                failure = ConnectFailed(reason, is_retryable=not failed.is_permanent)
                protocol.connection_lost(self._now(), error=failure)
            else:
                wait_s = retry_after_s(failed.retry_after, time.time())
                protocol.connection_lost(
                    self._now(), status=failed.status, reason=reason, retry_after_s=wait_s
                )
        return None

    def _reason(self, failed: HandshakeFailed, headers: Mapping[str, str]) -> str:
        """Return a sentence without credentials: neither those in the address nor those in the headers."""
        text = ": ".join(filter(None, (str(failed), _error_in_body(failed.body))))
        for value in headers.values():
            for secret in (value, *value.split()):
                if len(secret) > 6:
                    text = text.replace(secret, "<redacted>")
        shown = format_url(self._address)
        return one_line(f"cannot connect to {shown}: {text.replace(self._address, shown)}", 400)

    async def _receive_all(self, connection: Connection) -> None:
        ended = await connection.run()
        reason = one_line(f"the connection ended: {ended.reason}", _MAX_REASON_CHARS)
        self.protocol.connection_lost(self._now(), code=ended.code, reason=reason)

    # --- The side of the connection ---

    def _receive(self, frame: bytes) -> None:
        """Process a message of the server."""
        protocol = self.protocol
        if not protocol.is_connected:
            return
        if self._recorder is not None:
            self._record(self._recorder.received, frame)
        protocol.receive(frame, self._now())
        self._flush()
        if not protocol.is_connected:
            self._replaced.set()

    def _next_frame(self) -> bytes | None:
        """Remove and return the next frame to send, None if there is none."""
        if not self._frames:
            self._sent_all.set()
            return None
        frame = self._frames.popleft()
        if self._recorder is not None:
            self._record(self._recorder.sent, frame)
        self._unsent -= len(frame)
        if not (self._room.is_set() or self._is_full()):
            self._room.set()
        return frame

    def _record(self, record: Callable[[bytes], None], frame: bytes) -> None:
        try:
            record(frame)
        except (RecordingError, ValueError) as error:  # a full disk, a closed recorder: the call goes on
            _log.warning("a frame could not be recorded: %s", error)

    async def _watch(self) -> None:
        while isinstance(action := self.protocol.next_action(self._now()), Run):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(action.tick_in, 0.01), _TICK_S)):
                    await self._replaced.wait()
            self.protocol.tick(self._now())
            self._flush()
            if not self._is_full():
                self._room.set()


_OBSERVERS: Final[dict[type, Callable[[Session, Any], None]]] = {
    ResponseOutcome: Session._on_outcome,
    RequestFailed: Session._on_refused,
    ToolCalled: Session._on_tool_called,
    Connected: Session._on_connected,
    SessionEnded: Session._on_session_ended,
    Reconnecting: Session._on_reconnecting,
}


class _HttpErrorDetail(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _HttpError(msgspec.Struct):
    """The body of an HTTP error. Unlike in `rest.ErrorBody`, members that Azure leaves out are optional."""

    error: _HttpErrorDetail


def _error_in_body(body: bytes) -> str:
    """Return the code and message of an HTTP error, or the first line of a plain text; "" if there is none."""
    try:
        error = msgspec.json.decode(body, type=_HttpError).error
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        line = body[:1000].strip().partition(b"\n")[0].decode("utf-8", "replace")
        return "" if line.startswith(("<", "{", "[")) else line
    return ": ".join(str(part) for part in (error.code, error.message) if part)


def _response_id(event: Any) -> str:
    return getattr(event, "response_id", None) or getattr(getattr(event, "response", None), "id", None) or ""


def _resolve(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _with_instructions(params: Any, instructions: str) -> ga.ResponseParams:
    params = params or ga.ResponseParams()
    params.instructions = instructions
    return params  # type: ignore[no-any-return]
