"""The demo's call: a recording is sent to a session of `realtime.client`, and its answers are recorded.

`make_call` is the conversation. `DemoCall` is given each event and notes the caller's turns, their answers and the
problems, which `demo_report` prints. Reconnecting, restoring and converting are left to the client.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import UNSET

from .. import events as ga
from .._text import one_line
from ..audio import Converter, chunks, rms_dbfs, ulaw_decode
from ..build import VAD_SILENCE_DURATION_MS, VAD_THRESHOLD, create_session_config
from ..client import (
    ClientError,
    Connected,
    Overflow,
    Reconnecting,
    RequestRefused,
    ResponseDelayed,
    ResponseOutcome,
    Resumed,
    RetryPolicy,
    Session,
    Undecodable,
    connect,
)
from ..errors import AudioError, ConfigError, snippet
from ..format import AudioFormat, Side, session_format, stated_formats
from ..testing.vad import FRAME_MS, EnergyVad, threshold_dbfs
from .demo_record import PHONE, CallRecord, Incidents
from .text import MAX_MESSAGE_CHARS, Progress

# `cost` has the prices of both.
MODEL: Final = "gpt-realtime-2"
TRANSCRIPTION_MODEL: Final = "whisper-1"
# Sent after the recording, so that the server detects the end of the last turn.
LAST_SILENCE_MS: Final = 1000
# Transcripts of the caller's turns may arrive this long after all answers.
TRANSCRIPTS_SECONDS: Final = 1.0
_SIDES: Final[tuple[Side, ...]] = ("input", "output")
_PING_SECONDS: Final = 20.0
_MAX_MS: Final = 10**9


# --- The conversation ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallOptions:
    """The options of a call: those of the command line."""

    format: AudioFormat = AudioFormat.PCM16
    is_manual: bool = False
    is_paced: bool = True
    patience_s: float = 20.0
    max_retries: int = 3


async def make_call(url: str, call: DemoCall, options: CallOptions) -> None:
    """Make the call, over as many connections as are needed.

    Raises:
        ClientError: the server cannot be reached, refuses the call, or is lost too often.
        OSError: a file cannot be written.
    """
    settings = create_session_config(
        MODEL,
        format=options.format,
        turn_detection=None if options.is_manual else UNSET,
        transcription=ga.Transcription(model=TRANSCRIPTION_MODEL),
    )
    async with connect(
        MODEL,
        url=url,
        session=settings,
        retry=RetryPolicy(max_attempts=options.max_retries, first_s=0.25),
        patience_s=options.patience_s,
        ping_interval=min(_PING_SECONDS, options.patience_s),
        ping_timeout=min(_PING_SECONDS, options.patience_s),
        proxy=None,  # the default reads a proxy from the environment, even for 127.0.0.1
        recorder=call.record,
    ) as session:
        tasks = [
            asyncio.create_task(work)
            for work in (_listen(session, call, options.patience_s), _speak(session, call, options))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        call.end(session)


async def _speak(session: Session, call: DemoCall, options: CallOptions) -> None:
    """Send the recording; with manual turns, commit each and wait for its answer."""
    vad = EnergyVad()
    with contextlib.suppress(ClientError):  # `_listen` raises what ended the session
        for frame in chunks(call.recording + PHONE.silence(LAST_SILENCE_MS), PHONE, FRAME_MS):
            await session.append(frame, PHONE, pace=options.is_paced)
            call.add_sent(bytes(frame))
            is_loud = rms_dbfs(ulaw_decode(frame)) > threshold_dbfs(VAD_THRESHOLD)
            if vad.feed(is_loud, VAD_SILENCE_DURATION_MS) and not vad.is_speaking and options.is_manual:
                await _commit(session, call)
            await asyncio.sleep(0)
        # The settings are not changed. The server's reply comes after those to all audio.
        await session.send(ga.SessionUpdate(session=ga.RealtimeSession()))
        call.is_sent = True


async def _commit(session: Session, call: DemoCall) -> None:
    start, end = call.turns[-1].end if call.turns else 0, call.sent_nbytes
    with contextlib.suppress(RequestRefused):
        item_id = await session.commit()
        call.begin_turn(start, item_id)
        call.end_turn(end, item_id)
        call.commit_turn(item_id)
        await session.respond()


async def _listen(session: Session, call: DemoCall, patience_s: float) -> None:
    """Read the session's events until all turns are answered."""
    limits = {"reply": 2 * patience_s, "transcripts": min(TRANSCRIPTS_SECONDS, patience_s)}
    awaited = ""
    try:
        async with asyncio.timeout(None) as limit:
            async for event in session:
                call.feed(event)
                if isinstance(event, Connected) and call.is_sent:
                    await session.send(ga.SessionUpdate(session=ga.RealtimeSession()))
                if call.waits_for == awaited:
                    continue
                awaited = call.waits_for
                if awaited == "nothing":
                    return
                seconds = limits.get(awaited)
                limit.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)
    except TimeoutError:
        if awaited == "transcripts":
            call.progress.note("transcripts of the caller's turns did not arrive")


# --- Turns and answers -----------------------------------------------------------------


@dataclass(slots=True, eq=False)
class TurnAnswer:
    """The response to a turn. If its session ends, it begins again in the next one.

    Attributes:
        number: its position among all answers, from 1.
        format: the format of `audio`.
        audio: its audio as received.
        phone_audio: its audio as the phone plays it.
        is_done: True if its response is done.
        is_interrupted: True if the caller's next turn ended it.
        earlier_nbytes: phone audio of attempts that broke off.
    """

    number: int
    format: AudioFormat
    audio: bytearray = field(default_factory=bytearray)
    phone_audio: bytearray = field(default_factory=bytearray)
    is_done: bool = False
    is_interrupted: bool = False
    earlier_nbytes: int = 0


@dataclass(slots=True, eq=False)
class CallerTurn:
    """A turn of the caller, from position `start` to `end` of the phone audio."""

    start: int
    end: int = 0
    item_id: str = ""
    is_committed: bool = False
    answer: TurnAnswer | None = None


class DemoCall:
    """A call that sends `recording` (8 kHz mu-law), as its events report it. Positions are bytes of phone audio.

    Attributes:
        turns: the caller's turns.
        incidents: problems that did not end the call.
        sent: the phone audio sent.
        received_nbytes: phone audio received.
        resent_ms, lost_ms: audio of the caller that was sent again, and that was lost.
        is_sent: True if all audio was sent.
        missing_transcripts: the number of turns without a transcript.
        unreported: the number of responses and transcriptions without usage.
        formats: the session's formats.
    """

    def __init__(self, recording: bytes, record: CallRecord, progress: Progress) -> None:
        self.recording, self.record, self.incidents = recording, record, Incidents(progress)
        self.turns: list[CallerTurn] = []
        self.sent = bytearray()
        self.received_nbytes = self.unreported = 0
        self.resent_ms = self.lost_ms = 0.0
        self.is_sent = False
        self.formats: tuple[AudioFormat, ...] = ()
        self.progress = progress
        self._origin = self._answer_count = 0
        self._is_connected = self._is_confirmed = self._wants_transcripts = False
        self._untranscribed: dict[str, None] = {}
        self._answers: dict[str, TurnAnswer] = {}  # of this session, by response
        self._answer: TurnAnswer | None = None  # the one that is being received
        self._output_format = AudioFormat.PCM16
        self._to_phone = Converter(self._output_format, PHONE)
        self._waiting: list[CallerTurn] = []

    @property
    def sent_nbytes(self) -> int:
        """The phone audio sent, in bytes."""
        return len(self.sent)

    @property
    def missing_transcripts(self) -> int:
        """The number of turns without a transcript."""
        return len(self._untranscribed)

    @property
    def waits_for(self) -> str:
        """The next thing that the call waits for: "confirmation", "answer", "reply", "transcripts" or "nothing"."""
        if not (self.is_sent and self._is_confirmed):
            return "confirmation"
        if self._answer is not None:
            return "answer"
        if self._waiting:
            return "reply"
        return "transcripts" if self._untranscribed else "nothing"

    def add_sent(self, frame: bytes) -> None:
        """Note that a frame of the phone was sent."""
        if not self.sent:
            seconds = PHONE.duration_ms(len(self.recording)) / 1000
            self.progress.note(f"call started: {seconds:.1f} s of speech to send")
        self.sent += frame
        self.record.caller.write(frame)
        total_s = PHONE.duration_ms(len(self.recording)) / 1000 + LAST_SILENCE_MS / 1000
        sent_s, received_s = _seconds(self.sent_nbytes), _seconds(self.received_nbytes)
        self.progress.show(f"{sent_s:5.1f} of {total_s:.1f} s sent, {received_s:.1f} s received")

    def end(self, session: Session) -> None:
        """Note the state of the session at the end of the call."""
        self.formats = session.input_format, session.output_format
        self.unreported = session.usage.unreported

    # --- Turns ---

    def begin_turn(self, start: int, item_id: str) -> CallerTurn:
        """Begin a turn at a position, or correct the start of the current one."""
        if not self.turns or self.turns[-1].is_committed:
            self.turns.append(CallerTurn(start))
        self.turns[-1].start, self.turns[-1].item_id = start, item_id
        return self.turns[-1]

    def end_turn(self, end: int, item_id: str) -> None:
        """Note the end of the current turn. One that has no beginning follows the turn before it."""
        if not self.turns or self.turns[-1].is_committed:
            self.begin_turn(self.turns[-1].end if self.turns else 0, item_id)
        self.turns[-1].end, self.turns[-1].item_id = end, item_id

    def commit_turn(self, item_id: str) -> None:
        """Note that the server has committed the current turn, whose answer is awaited."""
        turn = self.turns[-1] if self.turns else None
        if turn is None or turn.is_committed or turn.item_id != item_id:
            return
        turn.end = turn.end or self.sent_nbytes  # the frame with its end was lost
        turn.is_committed = True
        self._waiting.append(turn)
        if self._wants_transcripts:
            self._untranscribed[item_id] = None
        span = f"{_seconds(turn.start):.2f}-{_seconds(turn.end):.2f}"
        self.progress.note(f"turn {len(self.turns)}: committed at {span} s")

    def _position_of(self, audio_ms: int) -> int:
        return self._origin + min(max(0, audio_ms), _MAX_MS) * PHONE.bytes_per_second // 1000

    def _begin_answer(self, response_id: str) -> TurnAnswer:
        """Begin the answer to the oldest turn that waits for one."""
        if self._answer is not None:
            self._answer.is_done = True  # its end was lost: a session has one response at a time
        if not self._waiting and self.turns and self.turns[-1].end:
            self.commit_turn(self.turns[-1].item_id)  # the frame that committed it was lost
        turn = self._waiting.pop(0) if self._waiting else None
        answer = turn.answer if turn is not None else None
        if answer is None:
            self._answer_count += 1
            answer = TurnAnswer(self._answer_count, self._output_format)
        else:
            answer.earlier_nbytes += len(answer.phone_audio)
            answer.audio, answer.phone_audio, answer.format = bytearray(), bytearray(), self._output_format
        if turn is not None:
            turn.answer = answer
        self._to_phone.reset()
        self._answers[response_id] = self._answer = answer
        return answer

    def _play(self, answer: TurnAnswer, phone_audio: bytes) -> None:
        answer.phone_audio += phone_audio
        self.received_nbytes += len(phone_audio)
        self.record.agent.write(phone_audio)

    def _flush(self, answer: TurnAnswer) -> None:
        try:
            self._play(answer, self._to_phone.flush())
        except AudioError:  # the answer ended within a sample: there is nothing more to play
            self._to_phone.reset()

    # --- Events ---

    def feed(self, event: Any) -> None:
        """Note an event of the session."""
        match event:
            case ga.ResponseOutputAudioDelta(response_id=response_id, delta=audio):
                answer = self._answers.get(response_id) or self._begin_answer(response_id)
                answer.audio += audio
                self._play(answer, self._to_phone.process(audio))
            case ga.ResponseOutputAudioDone(response_id=response_id):
                if (found := self._answers.get(response_id)) is not None and not found.is_done:
                    self._flush(found)
            case ga.ResponseCreated(response=ga.Response(id=response_id)):
                self._begin_answer(str(response_id))
            case ResponseOutcome():
                self._end_answer(event)
            case ga.InputAudioBufferSpeechStarted(audio_start_ms=ms, item_id=item_id):
                self.begin_turn(self._position_of(ms), item_id)
            case ga.InputAudioBufferSpeechStopped(audio_end_ms=ms, item_id=item_id):
                self.end_turn(self._position_of(ms), item_id)
            case ga.InputAudioBufferCommitted(item_id=item_id):
                self.commit_turn(item_id)
            case (
                ga.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id)
                | ga.ConversationItemInputAudioTranscriptionFailed(item_id=item_id)
            ):
                self._untranscribed.pop(item_id, None)
            case ga.SessionUpdated(session=settings):
                self._use_settings(settings)
                self._is_confirmed = self._is_connected and self.is_sent
            case Connected():
                self._is_connected = True
            case Resumed(origin_ms=origin_ms, resent_ms=resent_ms):
                self._origin = round(origin_ms * PHONE.bytes_per_second / 1000)
                self.resent_ms += resent_ms
            case Reconnecting():
                self._end_session(event)
            case _:
                self._note_problem(event)

    def _use_settings(self, settings: Any) -> None:
        for side in _SIDES:
            for stated in stated_formats(settings, side):
                try:
                    AudioFormat.of(stated)
                except (TypeError, ValueError) as error:
                    raise ConfigError(f"the session's {side} format is not supported: {error}") from None
        output_format = session_format(settings, "output")
        if output_format is not None and output_format != self._output_format:
            self._output_format, self._to_phone = output_format, Converter(output_format, PHONE)
        user_audio = getattr(getattr(settings, "audio", None), "input", None)
        self._wants_transcripts = bool(getattr(user_audio, "transcription", None))

    def _end_answer(self, outcome: ResponseOutcome) -> None:
        if not outcome.response_id and outcome.reason == "connection_lost":
            return
        answer = self._answers.get(outcome.response_id) or self._begin_answer(outcome.response_id)
        if answer.is_done:
            return
        self._flush(answer)
        answer.is_done, answer.is_interrupted = True, outcome.status == "cancelled"
        if answer is self._answer:
            self._answer = None
        if outcome.error is not None:
            line = f"answer {answer.number} failed: {_error_text(outcome.error)}"
            self.incidents.record("failed", snippet(outcome.error.code or outcome.error.type), line)
        seconds, text = _seconds(len(answer.phone_audio)), one_line(outcome.text, MAX_MESSAGE_CHARS)
        self.progress.note(f"answer {answer.number}: {seconds:.2f} s received: {text}")

    def _end_session(self, event: Reconnecting) -> None:
        """Forget what the next session sends again. Of several turns only the last one is answered."""
        self.incidents.record("reconnected", event.reason, event.reason)
        self.progress.note(f"reconnecting in {event.delay_s:.2f} s (attempt {event.attempt})")
        self._is_connected = self._is_confirmed = False
        self._answers.clear()
        if self.turns and not self.turns[-1].is_committed:
            self.turns.pop()
        if self._answer is not None:
            broken_off = [turn for turn in self.turns[-2:] if turn.answer is self._answer]
            self._waiting[:0] = broken_off
            self._answer.is_done = not broken_off
            self._answer = None
        del self._waiting[:-1]

    def _note_problem(self, event: Any) -> None:
        record = self.incidents.record
        match event:
            case Undecodable(reason=reason, event_type=kind):
                line = f"undecodable frame ignored: {one_line(reason, MAX_MESSAGE_CHARS)}"
                record("undecodable", kind or "frames", line)
            case ga.UnknownEvent(type=kind):
                record("unknown", snippet(kind), f"event of unknown type {snippet(kind)} ignored")
            case ga.Error(error=error):
                line = f"the server reported an error: {_error_text(error)}"
                record("errors", snippet(error.code or error.type), line)
            case ResponseDelayed(code=code, delay_s=delay_s):
                record("delayed", code, f"a response is requested again in {delay_s:g} s: {code}")
            case Overflow(audio_ms=audio_ms) if audio_ms:
                self.lost_ms += audio_ms
            case _:
                pass


def _error_text(error: Any) -> str:
    """Format an error's code, or its type, and its message for one line."""
    return one_line(f"{error.code or error.type}: {error.message}", MAX_MESSAGE_CHARS)


def _seconds(nbytes: int) -> float:
    return nbytes / PHONE.bytes_per_second
