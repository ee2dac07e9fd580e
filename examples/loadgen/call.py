"""Call: one caller, who speaks in time, hears every answer, interrupts, and knows what should have come.

Most frames are known by their type alone; those that say something about turns and audio are decoded. At the
end the caller commits what was said since the last turn and asks for an answer to it, so that a server which plays
back what it heard has shown all of it.
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
from .speech import KEPT_MS, Speech
from .tally import Tally
from .wire import Wire, masked

APPEND: Final = "input_audio_buffer.append"
# Events of a call that is over come in equal numbers.
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
# The golden ratio spreads where callers begin, however many there are.
SPREAD: Final = 0.6180339887498949


class Gone(ConnectionError):
    """The server has closed the connection; the message says how."""


@dataclass(slots=True)
class Answer:
    """An answer under way: `expected`, what it is to be (None: anything), and how much of that came."""

    expected: bytes | None
    received: int = 0
    is_equal: bool = True

    def add(self, audio: bytes) -> None:
        """More of it came."""
        begin = self.received
        self.received += len(audio)
        if self.expected is not None and self.expected[begin : self.received] != audio:
            self.is_equal = False


class Call:
    """The call `number`, which says `speech`; what becomes of it goes into `tally`.

    Attributes: `stage`, what it is waiting for, "" once it is over; `sent` and `received`, frames by type; `said`,
    appends.
    """

    def __init__(
        self, number: int, url: str, speech: Speech, metronome: Metronome, tally: Tally, *, is_echoed: bool
    ) -> None:
        self.stage = "its time"
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.said = 0
        self._url = url
        self._speech, self._metronome, self._tally = speech, metronome, tally
        self._is_echoed = is_echoed
        self._first = int(number * SPREAD % 1 * len(speech.frames))
        self._clock = asyncio.get_running_loop().time
        self._news = asyncio.Event()
        # Speaking.
        self._begin = 0.0
        self._voiced = self._total = 0
        self._has_spoken = asyncio.Event()
        self._resumes_at: float | None = None
        self._is_behind = False
        # Listening.
        self._playback = Playback(speech.format)
        self._plays_since = 0.0
        self._spans: list[tuple[float, float]] = []
        self._heard_ms = 0.0  # up to where the caller's audio has become turns
        self._stopped_at: tuple[float, float] | None = None
        self._answer: Answer | None = None

    async def make(self, begin: float, end: float) -> None:
        """Call at `begin`, speak until `end`, both in the loop's time, and hear the answers out."""
        await asyncio.sleep(max(0.0, begin - self._clock()))
        self._tally.calls += 1
        try:
            await self._connected(begin, end)
        except (OSError, InvalidHandshake) as why:
            self._tally.errors[_words(why)] += 1
            self.stage = ""

    async def _connected(self, begin: float, end: float) -> None:
        self.stage = "a connection"
        self._wire = wire = await Wire.connect(self._url, self._hear, self._resume)
        self._tally.opens()
        talking = asyncio.create_task(self._talk(begin, end))
        try:
            await asyncio.wait({talking, wire.closed}, return_when=asyncio.FIRST_COMPLETED)
            if not talking.done():
                raise Gone(f"closed by the server: {wire.close_reason}")
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
        self.stage = "what it said to be committed"
        self._send(realtime.InputAudioBufferCommit())
        await self._until(lambda: self._count("committed") > self._count("speech_stopped"))
        self.stage = "its answers"
        await self._until(lambda: self.received["response.done"] == self._count("speech_stopped"))
        self._spans.append((self._heard_ms, self.said * self._speech.ptime_ms))
        self._send(realtime.ResponseCreate())
        self.stage = "its last answer"
        await self._until(lambda: self.received["response.done"] > self._count("speech_stopped"))

    async def _speak(self, end: float) -> None:
        self.stage = "an end of its speech"
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

    # --- Speaking ---

    def say(self, now: float, due: float) -> float | None:
        """The next append; when the one after it is due."""
        if self._wire.is_paused or self._wire.closed.done():
            self._resumes_at = due
            return None
        if self._is_behind and now - due < self._speech.ptime_ms / 1000:
            self._is_behind = False
        if self._is_behind:
            self._tally.held_appends += 1
        else:
            self._tally.lateness_ms.add((now - due) * 1000)
        frames = self._speech.frames
        is_voiced = self.said < self._voiced
        self._wire.send(
            frames[(self._first + self.said) % len(frames)] if is_voiced else self._speech.silence
        )
        self.said += 1
        if self.said == self._total:
            self._has_spoken.set()
            return None
        return self._due(self.said)

    def _due(self, append: int) -> float:
        return self._begin + append * self._speech.ptime_ms / 1000

    def _resume(self) -> None:
        due, self._resumes_at = self._resumes_at, None
        if due is not None:
            self._is_behind = True
            self._metronome.add(due, self)

    # --- Listening ---

    def _hear(self, frame: bytes) -> None:
        try:
            kind = realtime.peek_type(frame)
            self.received[kind] += 1
            handle = _HANDLERS.get(kind)
            if handle is not None:
                handle(self, realtime.decode_server(frame))
        except realtime.DecodeError as why:
            self._tally.errors[f"not decoded: {why}"[:80]] += 1
        self._news.set()

    def _refused(self, event: realtime.Error) -> None:
        self._tally.errors[event.error.code or event.error.type] += 1

    def _started(self, event: realtime.InputAudioBufferSpeechStarted) -> None:
        self._tally.turns += 1
        self._heard_ms = event.audio_start_ms
        played = max(0.0, self._clock() - self._plays_since)
        self._playback.played(ms=played * 1000)
        cut = self._playback.interrupt()
        if cut.truncate is not None:
            self._send(cut.truncate)

    def _stopped(self, event: realtime.InputAudioBufferSpeechStopped) -> None:
        self._spans.append((self._heard_ms, event.audio_end_ms))
        self._heard_ms = event.audio_end_ms
        last_append = -int(-event.audio_end_ms // self._speech.ptime_ms) - 1
        self._stopped_at = self._due(last_append), self._clock()

    def _began(self, event: realtime.ResponseCreated) -> None:
        expected = None
        if self._spans:
            start_ms, end_ms = self._spans.pop(0)
            if self._is_echoed and end_ms - start_ms <= KEPT_MS:
                expected = self._speech.span(self._first, self._voiced, start_ms, end_ms)
        self._answer = Answer(expected)

    def _sounded(self, event: realtime.ResponseOutputAudioDelta) -> None:
        now = self._clock()
        if self._stopped_at is not None:
            (due, stopped), self._stopped_at = self._stopped_at, None
            self._tally.answer_ms.add((now - due) * 1000)
            self._tally.after_stop_ms.add((now - stopped) * 1000)
        if not self._playback.is_playing:
            self._plays_since = now
        self._playback.feed(event)
        if self._answer is not None:
            self._answer.add(event.delta)

    def _ended(self, event: realtime.ResponseDone) -> None:
        self._playback.feed(event)
        answer, self._answer = self._answer, None
        if answer is None:
            return
        is_cut = event.response.status == "cancelled"
        if answer.expected is not None:
            is_whole = answer.received == len(answer.expected)
            if not (answer.is_equal and (is_whole or is_cut)):
                self._tally.wrong += 1
                return
            self._tally.audio_bytes += answer.received
        self._tally.interrupted += is_cut
        self._tally.answers += not is_cut

    # --- The end ---

    def missing(self) -> Counter[str]:
        """What should have come by now, by type."""
        found: Counter[str] = Counter()
        for one, other in PAIRS:
            difference = self.received[one] - self.received[other]
            found[other if difference > 0 else one] += abs(difference)
        cuts = self.sent["conversation.item.truncate"] - self.received["conversation.item.truncated"]
        found["conversation.item.truncated"] += abs(cuts)
        return +found

    def settle(self) -> None:
        """Add the frames to the tally, once the call is over or given up."""
        self.sent[APPEND] = self.said
        self._tally.sent += self.sent
        self._tally.received += self.received
        self._tally.call_seconds += self.said * self._speech.ptime_ms / 1000


def _words(why: Exception) -> str:
    return (" ".join(str(why).split()) or type(why).__name__)[:80]


# What callers mind, by type.
_HANDLERS: Final[dict[str, Callable[[Call, Any], None]]] = {
    "error": Call._refused,
    "input_audio_buffer.speech_started": Call._started,
    "input_audio_buffer.speech_stopped": Call._stopped,
    "response.created": Call._began,
    "response.output_audio.delta": Call._sounded,
    "response.done": Call._ended,
}
