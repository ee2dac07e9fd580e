"""A call as a client makes it: one task speaks, one listens, over one WebSocket.

The caller is a phone: 8 kHz mu-law in frames of 20 ms. The session has the format it is
given; what comes back is converted to the phone's again.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

try:
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
except ImportError as missing:
    raise ImportError(
        "this needs websockets: pip install 'realtime-codec[testing]'", name=missing.name
    ) from missing

from ..audio import Converter, chunks
from ..build import create_session_config
from ..codec import decode_server, encode, encode_append
from ..errors import DecodeError, RealtimeError
from ..events import (
    ClientEvent,
    Error,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCleared,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDone,
    ServerEvent,
    SessionUpdate,
    SessionUpdated,
)
from ..format import AudioFormat
from ._progress import Progress
from ._record import Record

PHONE: Final = AudioFormat.G711_ULAW
PTIME_MS: Final = 20
# Said after the recording, so that the server hears the last turn end.
LAST_SILENCE_MS: Final = 1000
# How long a server may say nothing at all while it is waited for.
PATIENCE_SECONDS: Final = 20.0

R = TypeVar("R")


class CallFailed(RealtimeError):
    """The call ended before its end; the message says how."""


@dataclass(slots=True)
class Turn:
    """A turn as the server told it, in milliseconds of the audio that was sent."""

    start_ms: int
    end_ms: int = 0


@dataclass(slots=True)
class Answer:
    """A response: its audio as it came, and as the phone hears it; `words` is its transcript."""

    audio: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    words: str = ""


class Call:
    """One call in a session of the format `fmt`.

    Attributes: `format`; `turns` and `answers`, in order; `sent`, the session's audio from
    the caller; `spoken`, the same as mu-law; `codec_ns`, the time that decoding and encoding took.
    """

    def __init__(self, fmt: AudioFormat, record: Record, progress: Progress, *, paced: bool) -> None:
        self.format = fmt
        self.turns: list[Turn] = []
        self.answers: list[Answer] = []
        self.sent = bytearray()
        self.spoken = bytearray()
        self.codec_ns = 0
        self._record = record
        self._progress = progress
        self._paced = paced
        self._converter = Converter(fmt, PHONE)
        self._done = 0
        self._received = 0
        self._is_ready = asyncio.Event()
        self._has_heard_all = asyncio.Event()
        self._is_over = asyncio.Event()

    async def make(self, url: str, recording: bytes) -> None:
        """Send `recording` (8 kHz mu-law) to the server at `url` and hear its answers out.

        Raises:
            CallFailed: it cannot be reached, refuses an event, falls silent or goes away.
            DecodeError: it sends what it must not.
            OSError: a file cannot be written.
        """
        _warm_up()
        async with _connected(url) as connection:
            try:
                await self._talk(connection, recording)
            except ConnectionClosed as closed:
                raise CallFailed(f"the server went away in mid-call: {closed}") from None

    async def _talk(self, connection: ClientConnection, recording: bytes) -> None:
        listening = asyncio.create_task(self._listen(connection))
        speaking = asyncio.create_task(self._speak(connection, recording))
        try:
            await asyncio.wait({listening, speaking}, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in (listening, speaking):
                task.cancel()
            ends = await asyncio.gather(speaking, listening, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    # --- Speaking ---

    async def _speak(self, connection: ClientConnection, recording: bytes) -> None:
        # Who listens finds the connection closed too, after the last frame that came.
        with contextlib.suppress(ConnectionClosed):
            await self._say_all(connection, recording)

    async def _say_all(self, connection: ClientConnection, recording: bytes) -> None:
        await self._send(connection, SessionUpdate(session=create_session_config(format=self.format)))
        await self._until(self._is_ready, "accept the session's settings")
        self._progress.note(f"the call begins: {PHONE.duration_ms(len(recording)) / 1000:.1f} s to say")
        await self._say(connection, recording + PHONE.silence(LAST_SILENCE_MS))
        # The answer to this comes after all that the server had to say to what came before.
        await self._send(connection, InputAudioBufferClear())
        await self._until(self._has_heard_all, "answer")
        await self._until(self._is_over, "finish its answers")

    async def _say(self, connection: ClientConnection, speech: bytes) -> None:
        converter = Converter(PHONE, self.format)
        began = time.monotonic()
        total_s = PHONE.duration_ms(len(speech)) / 1000
        for index, frame in enumerate(chunks(speech, PHONE, PTIME_MS), start=1):
            self._record.caller.write(frame)
            self.spoken += frame
            await self._append(connection, converter.process(frame))
            spoken_s = index * PTIME_MS / 1000
            self._progress.show(f"{min(spoken_s, total_s):5.1f} of {total_s:.1f} s sent, {self._came_back()}")
            due = began + spoken_s if self._paced else 0.0
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await self._append(connection, converter.flush())

    async def _append(self, connection: ClientConnection, audio: bytes) -> None:
        if audio:
            self.sent += audio
            frame = self._timed(encode_append, audio)
            self._record.frame("client", str(InputAudioBufferAppend.__struct_config__.tag), frame)
            await connection.send(frame, text=True)

    async def _send(self, connection: ClientConnection, event: ClientEvent) -> None:
        frame = self._timed(encode, event)
        self._record.frame("client", event.type, frame)
        await connection.send(frame, text=True)

    async def _until(self, event: asyncio.Event, what: str) -> None:
        while not event.is_set():
            received = self._received
            try:
                await asyncio.wait_for(event.wait(), PATIENCE_SECONDS)
            except TimeoutError:
                if self._received == received:
                    raise CallFailed(f"the server did not {what} in {PATIENCE_SECONDS:.0f} s") from None

    # --- Listening ---

    async def _listen(self, connection: ClientConnection) -> None:
        while not self._is_over.is_set():
            self._hear(await connection.recv(decode=False))

    def _hear(self, frame: bytes) -> None:
        self._received += 1
        try:
            event = self._timed(decode_server, frame)
        except DecodeError:
            self._record.frame("server", "", frame)
            raise
        self._record.frame("server", event.type, frame)
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)
        if self._has_heard_all.is_set() and self._done >= len(self.turns):
            self._is_over.set()

    def _ready(self, event: SessionUpdated) -> None:
        self._is_ready.set()

    def _refused(self, event: Error) -> None:
        raise CallFailed(f"the server refused an event: {event.error.message}")

    def _turn_started(self, event: InputAudioBufferSpeechStarted) -> None:
        self.turns.append(Turn(event.audio_start_ms))

    def _turn_ended(self, event: InputAudioBufferSpeechStopped) -> None:
        turn = self.turns[-1] if self.turns else Turn(0)
        turn.end_ms = event.audio_end_ms
        seconds = f"{turn.start_ms / 1000:.2f} to {turn.end_ms / 1000:.2f} s"
        self._progress.note(f"turn {len(self.turns)}: the server took {seconds}")

    def _answer_began(self, event: ResponseCreated) -> None:
        self._converter.reset()
        self.answers.append(Answer())

    def _answer_sounds(self, event: ResponseOutputAudioDelta) -> None:
        if self.answers:
            self.answers[-1].audio += event.delta
            self._let_hear(self._converter.process(event.delta))

    def _answer_says(self, event: ResponseOutputAudioTranscriptDone) -> None:
        if self.answers:
            self.answers[-1].words = event.transcript

    def _answer_ended(self, event: ResponseDone) -> None:
        self._done += 1
        if self.answers:
            self._let_hear(self._converter.flush())
            answer = self.answers[-1]
            seconds = PHONE.duration_ms(len(answer.heard)) / 1000
            self._progress.note(f"answer {len(self.answers)}: {seconds:.2f} s came back: {answer.words}")

    def _let_hear(self, audio: bytes) -> None:
        self.answers[-1].heard += audio
        self._record.agent.write(audio)

    def _all_heard(self, event: InputAudioBufferCleared) -> None:
        self._has_heard_all.set()

    # --- Small things ---

    def _came_back(self) -> str:
        nbytes = sum(len(answer.heard) for answer in self.answers)
        return f"{PHONE.duration_ms(nbytes) / 1000:.1f} s came back"

    def _timed(self, work: Callable[[Any], R], subject: object) -> R:
        began = time.perf_counter_ns()
        try:
            return work(subject)
        finally:
            self.codec_ns += time.perf_counter_ns() - began


# What the caller minds; all else is only recorded.
_HANDLERS: Final[dict[type[ServerEvent], Callable[[Call, Any], None]]] = {
    SessionUpdated: Call._ready,
    Error: Call._refused,
    InputAudioBufferSpeechStarted: Call._turn_started,
    InputAudioBufferSpeechStopped: Call._turn_ended,
    InputAudioBufferCleared: Call._all_heard,
    ResponseCreated: Call._answer_began,
    ResponseOutputAudioDelta: Call._answer_sounds,
    ResponseOutputAudioTranscriptDone: Call._answer_says,
    ResponseDone: Call._answer_ended,
}


def _warm_up() -> None:
    """Have what is made at first use made before anything is timed."""
    encode_append(b"")
    decode_server(encode(InputAudioBufferCleared()))


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[ClientConnection]:
    # websockets 15 and later ask the environment for a proxy, even for this machine.
    direct: dict[str, Any] = {"proxy": None} if "proxy" in inspect.signature(connect).parameters else {}
    async with contextlib.AsyncExitStack() as stack:
        try:
            connecting = connect(url, max_size=None, compression=None, **direct)
            connection = await stack.enter_async_context(connecting)
        except (OSError, InvalidHandshake, InvalidURI, ValueError) as why:
            raise CallFailed(f"cannot connect to {url}: {' '.join(str(why).split())}") from None
        yield connection
