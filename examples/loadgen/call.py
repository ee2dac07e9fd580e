"""Call: one caller, who sends audio in real time, receives every response, interrupts, and checks what arrives.

Most frames are only counted by type; those about turns and audio are decoded. At the end the caller commits the audio
since the last turn and requests a response to it, so that an echoing server has returned all of the audio.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from websockets.exceptions import InvalidHandshake

import realtime
from realtime.state import Playback

from .metronome import Metronome
from .speech import RETAINED_MS, Speech
from .tally import Tally
from .wire import Wire, masked

APPEND: Final = "input_audio_buffer.append"
# Events that must arrive in equal numbers in a complete call.
PAIRS: Final = (
    ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"),
    ("input_audio_buffer.committed", "response.created"),
    ("conversation.item.added", "conversation.item.done"),
    ("response.created", "response.done"),
    ("response.output_item.added", "response.output_item.done"),
    ("response.content_part.added", "response.content_part.done"),
    ("response.content_part.added", "response.output_audio.done"),
    ("response.content_part.added", "response.output_audio_transcript.done"),
)
# Multiples of the golden ratio distribute the callers' start positions evenly for any number of calls.
SPREAD: Final = 0.6180339887498949


class ServerClosed(ConnectionError):
    """The server closed the connection. The message has the code and the reason."""


@dataclass(slots=True)
class Response:
    """A response in progress: its `expected` audio (None if any is allowed), and how much was `received`."""

    expected: bytes | None
    received: int = 0
    is_equal: bool = True

    def add(self, audio: bytes) -> None:
        """Compare a part of the audio that was received."""
        begin = self.received
        self.received += len(audio)
        if self.expected is not None and self.expected[begin : self.received] != audio:
            self.is_equal = False


class Call:
    """The call `number`, which sends `speech`. Its results are added to `tally`.

    Attributes: `stage`, a description of what it waits for, "" when it is over; `sent` and `received`, the numbers
    of frames by type; `appends`, the number of appends sent.
    """

    def __init__(
        self, number: int, url: str, speech: Speech, metronome: Metronome, tally: Tally, *, is_echoed: bool
    ) -> None:
        self.stage = "its time"
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.appends = 0
        self._url = url
        self._speech, self._metronome, self._tally = speech, metronome, tally
        self._is_echoed = is_echoed
        self._first = int(number * SPREAD % 1 * len(speech.frames))
        self._clock = asyncio.get_running_loop().time
        self._news = asyncio.Event()
        # Sending.
        self._begin = 0.0
        self._voiced = self._total = 0
        self._has_spoken = asyncio.Event()
        self._resumes_at: float | None = None
        self._is_behind = False
        # Receiving.
        self._playback = Playback(speech.format)
        self._plays_since = 0.0
        self._spans: list[tuple[float, float]] = []
        self._turns_end_ms = 0.0  # the end of the caller's audio that was part of a turn
        self._stopped_at: tuple[float, float] | None = None
        self._response: Response | None = None

    async def make(self, begin: float, end: float) -> None:
        """Connect at `begin`, send until `end` (both in the loop's time), and receive all responses."""
        await asyncio.sleep(max(0.0, begin - self._clock()))
        self._tally.calls += 1
        try:
            await self._connected(begin, end)
        except (OSError, InvalidHandshake) as why:
            self._tally.errors[_reason_of(why)] += 1
            self.stage = ""

    async def _connected(self, begin: float, end: float) -> None:
        self.stage = "a connection"
        self._wire = wire = await Wire.connect(self._url, self._receive, self._resume)
        self._tally.opens()
        talking = asyncio.create_task(self._talk(begin, end))
        try:
            await asyncio.wait({talking, wire.closed}, return_when=asyncio.FIRST_COMPLETED)
            if not talking.done():
                raise ServerClosed(f"closed by the server: {wire.close_reason}")
            talking.result()
            self.stage = "the end of the connection"
            wire.close()
            await asyncio.shield(wire.closed)
        finally:
            self._tally.open -= 1
            talking.cancel()
            wire.abort()
        self.stage = ""
        self._tally.finished += 1
        self._tally.lost += self.missing()

    # --- The course of a call ---

    async def _talk(self, begin: float, end: float) -> None:
        self.stage = "its settings"
        settings = realtime.create_session_config(format=self._speech.format)
        self._send(realtime.SessionUpdate(session=settings))
        await self._until(lambda: self.received["session.updated"] > 0)
        self._tally.connect_ms.add((self._clock() - begin) * 1000)
        await self._speak(end)
        self.stage = "a commit of its audio"
        self._send(realtime.InputAudioBufferCommit())
        await self._until(lambda: self._count("committed") > self._count("speech_stopped"))
        self.stage = "its responses"
        await self._until(lambda: self.received["response.done"] == self._count("speech_stopped"))
        self._spans.append((self._turns_end_ms, self.appends * self._speech.ptime_ms))
        self._send(realtime.ResponseCreate())
        self.stage = "its last response"
        await self._until(lambda: self.received["response.done"] > self._count("speech_stopped"))

    async def _speak(self, end: float) -> None:
        self.stage = "the end of its speech"
        self._begin = self._clock()
        self._voiced = max(0, round((end - self._begin) * 1000 / self._speech.ptime_ms))
        self._total = self._voiced + self._speech.closing
        self._metronome.add(self._begin, self)
        await self._has_spoken.wait()

    async def _until(self, has_come: Callable[[], bool]) -> None:
        while not has_come():
            self._news.clear()
            await self._news.wait()

    def _count(self, kind: str) -> int:
        return self.received[f"input_audio_buffer.{kind}"]

    def _send(self, event: realtime.ClientEvent) -> None:
        self.sent[event.type] += 1
        self._wire.send(masked(realtime.encode(event)))

    # --- Sending ---

    def send_chunk(self, now: float, due: float) -> float | None:
        """Send the next append. Returns when the one after it is due."""
        if self._wire.is_paused or self._wire.closed.done():
            self._resumes_at = due
            return None
        if self._is_behind and now - due < self._speech.ptime_ms / 1000:
            self._is_behind = False
        if self._is_behind:
            self._tally.delayed_appends += 1
        else:
            self._tally.lateness_ms.add((now - due) * 1000)
        frames = self._speech.frames
        is_voiced = self.appends < self._voiced
        self._wire.send(
            frames[(self._first + self.appends) % len(frames)] if is_voiced else self._speech.silence
        )
        self.appends += 1
        if self.appends == self._total:
            self._has_spoken.set()
            return None
        return self._due(self.appends)

    def _due(self, append: int) -> float:
        return self._begin + append * self._speech.ptime_ms / 1000

    def _resume(self) -> None:
        due, self._resumes_at = self._resumes_at, None
        if due is not None:
            self._is_behind = True
            self._metronome.add(due, self)

    # --- Receiving ---

    def _receive(self, frame: bytes) -> None:
        try:
            kind = realtime.peek_type(frame)
            self.received[kind] += 1
            handle = _HANDLERS.get(kind)
            if handle is not None:
                handle(self, realtime.decode_server(frame))
        except realtime.DecodeError as why:
            self._tally.errors[f"not decoded: {why}"[:80]] += 1
        self._news.set()

    def _count_error(self, event: realtime.Error) -> None:
        self._tally.errors[event.error.code or event.error.type] += 1

    def _speech_started(self, event: realtime.InputAudioBufferSpeechStarted) -> None:
        self._tally.turns += 1
        self._turns_end_ms = event.audio_start_ms
        played = max(0.0, self._clock() - self._plays_since)
        self._playback.played(ms=played * 1000)
        truncate = self._playback.interrupt().truncate
        if truncate is not None:
            self._send(truncate)

    def _speech_stopped(self, event: realtime.InputAudioBufferSpeechStopped) -> None:
        self._spans.append((self._turns_end_ms, event.audio_end_ms))
        self._turns_end_ms = event.audio_end_ms
        last_append = -int(-event.audio_end_ms // self._speech.ptime_ms) - 1
        self._stopped_at = self._due(last_append), self._clock()

    def _response_created(self, event: realtime.ResponseCreated) -> None:
        expected = None
        if self._spans:
            start_ms, end_ms = self._spans.pop(0)
            if self._is_echoed and end_ms - start_ms <= RETAINED_MS:
                expected = self._speech.span(self._first, self._voiced, start_ms, end_ms)
        self._response = Response(expected)

    def _audio_received(self, event: realtime.ResponseOutputAudioDelta) -> None:
        now = self._clock()
        if self._stopped_at is not None:
            (due, stopped), self._stopped_at = self._stopped_at, None
            self._tally.answer_ms.add((now - due) * 1000)
            self._tally.after_stop_ms.add((now - stopped) * 1000)
        if not self._playback.is_playing:
            self._plays_since = now
        self._playback.feed(event)
        if self._response is not None:
            self._response.add(event.delta)

    def _response_done(self, event: realtime.ResponseDone) -> None:
        self._playback.feed(event)
        response, self._response = self._response, None
        if response is None:
            return
        is_interrupted = event.response.status == "cancelled"
        if response.expected is not None:
            is_complete = response.received == len(response.expected)
            if not (response.is_equal and (is_complete or is_interrupted)):
                self._tally.wrong += 1
                return
            self._tally.audio_bytes += response.received
        self._tally.interrupted += is_interrupted
        self._tally.answers += not is_interrupted

    # --- The end ---

    def missing(self) -> Counter[str]:
        """Return how many events of each type are missing."""
        found: Counter[str] = Counter()
        for one, other in PAIRS:
            difference = self.received[one] - self.received[other]
            found[other if difference > 0 else one] += abs(difference)
        difference = self.sent["conversation.item.truncate"] - self.received["conversation.item.truncated"]
        found["conversation.item.truncated"] += abs(difference)
        return +found

    def finish(self) -> None:
        """Add the counts of frames to the tally, when the call is over or given up."""
        self.sent[APPEND] = self.appends
        self._tally.sent += self.sent
        self._tally.received += self.received
        self._tally.call_seconds += self.appends * self._speech.ptime_ms / 1000


def _reason_of(why: Exception) -> str:
    return (" ".join(str(why).split()) or type(why).__name__)[:80]


# The events that callers decode, by type.
_HANDLERS: Final[dict[str, Callable[[Call, Any], None]]] = {
    "error": Call._count_error,
    "input_audio_buffer.speech_started": Call._speech_started,
    "input_audio_buffer.speech_stopped": Call._speech_stopped,
    "response.created": Call._response_created,
    "response.output_audio.delta": Call._audio_received,
    "response.done": Call._response_done,
}
