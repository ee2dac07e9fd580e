"""State of a Live call: the session and its commands, its transcript, and its audible speech.

Live has no turns, items or ends of speech on the wire: the model's output never pauses, and transcripts are
fragments with times. These objects derive from them what GA's servers report. They are exported by `realtime.live`;
delegated work is in `delegations`.
"""

from __future__ import annotations

import enum
import math
import sys
from array import array
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

from .. import spec
from .._bounded import BoundedDict
from ..errors import ConfigError, snippet
from ..events import live
from ..format import AudioFormat, AudioFormatLike, session_format
from ._common import find_handler, get_field

__all__ = [
    "AudibleSpan", "CommandResult", "LiveCall", "LiveState", "LiveTranscript", "Segment", "Speaker", "SpeechGate",
]  # fmt: skip

# Positions on a session's clock beyond this are not credible: 30 years, in milliseconds.
_MAX_MS: Final = 1_000_000_000_000

# --- Audible speech ------------------------------------------------------------------

# Comfort noise and the model's own pauses peak far below this, soft speech far above.
SILENCE_DBFS: Final = -60.0
# livekit-agents 1.8.9, llm/_realtime/gpt_live.py, ends speech after 0.8 s of silence. Read 2026-11-29.
SPEECH_GAP_MS: Final = 800.0
_MAX_SPANS: Final = 10_000
_FULL_SCALE: Final = 32768


class AudibleSpan(NamedTuple):
    """A span of audible output, in milliseconds on the session's clock."""

    start_ms: float
    end_ms: float


class SpeechGate:
    """Distinguishes audible from silent output. Live's output never pauses: its silence is audio, too.

    Silence is a level, not a value: it may be zeros in PCM, 0xFF in mu-law, or a peak of 1 in pauses.

    Args:
        format: the format of the output, until a `session.started` reports one.
        threshold_dbfs: the greatest peak of silence.
        gap_ms: audible parts with less silence between them are one span.

    Attributes:
        format: the format of the output.
        position_ms: the end of the audio so far, on the session's clock.

    Raises:
        ConfigError: an unknown format, a threshold that is not below 0, or a negative gap.
    """

    EVENT_TYPES: ClassVar[frozenset[str]]
    """The types of the server events that `feed` handles. Others may be left out."""

    def __init__(
        self,
        format: AudioFormatLike = AudioFormat.PCM16,
        *,
        threshold_dbfs: float = SILENCE_DBFS,
        gap_ms: float = SPEECH_GAP_MS,
    ) -> None:
        if not threshold_dbfs < 0:
            raise ConfigError(f"threshold_dbfs must be below 0, got {threshold_dbfs}")
        if not 0 <= gap_ms < math.inf:
            raise ConfigError(f"gap_ms must be finite and not negative, got {gap_ms}")
        self._peak = int(_FULL_SCALE * 10 ** (threshold_dbfs / 20))
        self._gap_ms = gap_ms
        self._spans: deque[AudibleSpan] = deque(maxlen=_MAX_SPANS)
        self._begin(AudioFormat.of(format))

    def _begin(self, format: AudioFormat) -> None:
        self.format = format
        self.position_ms = 0.0
        self._spans.clear()
        self._is_silent = _MEASURES[format.encoding](self._peak)

    @property
    def is_speaking(self) -> bool:
        """True from the first audible audio until it is followed by `gap_ms` of silence."""
        return bool(self._spans) and self.position_ms - self._spans[-1].end_ms < self._gap_ms

    @property
    def spans(self) -> tuple[AudibleSpan, ...]:
        """The audible spans of the session so far, at most the last 10,000."""
        return (*self._spans,)

    def is_audible(self, audio: bytes) -> bool:
        """Return True if a sample of `audio` is above the threshold. An incomplete last sample is ignored."""
        return not self._is_silent(audio)

    def feed(self, event: object) -> bool | None:
        """Feed a server event. Returns True for audible audio, False for silent audio, None if the event has none.

        A `session.started` begins a new clock.

        Raises:
            TypeError: `event` is a raw frame.
        """
        handle = find_handler(event, _GATE_HANDLERS)
        return None if handle is None else handle(self, event)

    def _on_started(self, event: live.SessionStarted) -> None:
        self._begin(session_format(event.session, "output") or self.format)

    def _on_audio(self, event: live.SessionOutputAudioDelta) -> bool | None:
        audio = event.delta
        if not audio:
            return None
        # Only copies for other connections, and Azure's servers, state times.
        start = event.start_ms
        if start is None or abs(start) > _MAX_MS:
            start = self.position_ms  # type: ignore[assignment]
        end = start + len(audio) * 1000 / self.format.bytes_per_second  # type: ignore[operator]
        self.position_ms = end
        if self._is_silent(audio):
            return False
        last = self._spans[-1] if self._spans else None
        if last is not None and start - last.end_ms < self._gap_ms:  # type: ignore[operator]
            self._spans[-1] = AudibleSpan(last.start_ms, max(end, last.end_ms))
        else:
            self._spans.append(AudibleSpan(start, end))  # type: ignore[arg-type]
        return True


_GATE_HANDLERS: Final[dict[str, Callable[[SpeechGate, Any], bool | None]]] = {
    "session.started": SpeechGate._on_started,
    "session.output_audio.delta": SpeechGate._on_audio,
}
SpeechGate.EVENT_TYPES = frozenset(_GATE_HANDLERS)

_IsSilent: TypeAlias = Callable[[bytes], bool]


def _pcm16_silence(peak: int) -> _IsSilent:
    # Two fast tests first: zeros are silent, and most speech has a sample whose high byte is not in `quiet`.
    quiet = bytes(high & 0xFF for high in range(-(peak >> 8) - 1, (peak >> 8) + 1))

    def is_silent(audio: bytes) -> bool:
        if audio == bytes(len(audio)):
            return True
        if audio[1::2].translate(None, quiet):
            return False
        samples = array("h", audio[: len(audio) & ~1])
        if sys.byteorder == "big":
            samples.byteswap()
        return not samples or (max(samples) <= peak and min(samples) >= -peak)

    return is_silent


def _g711_silence(magnitude: Callable[[int], int]) -> Callable[[int], _IsSilent]:
    def of_peak(peak: int) -> _IsSilent:
        quiet = bytes(code for code in range(256) if magnitude(code) <= peak)
        return lambda audio: not audio.translate(None, quiet)

    return of_peak


def _ulaw_magnitude(code: int) -> int:
    """Return the magnitude of a mu-law code in 16 bits (ITU-T G.711, Table 2a)."""
    exponent, mantissa = divmod(~code & 0x7F, 16)
    return ((2 * mantissa + 33 << exponent) - 33) * 4


def _alaw_magnitude(code: int) -> int:
    """Return the magnitude of an A-law code in 16 bits (ITU-T G.711, Table 1a)."""
    exponent, mantissa = divmod((code ^ 0x55) & 0x7F, 16)
    return ((2 * mantissa + 33 << exponent - 1) if exponent else 2 * mantissa + 1) * 8


# By encoding: the factory of the function that compares audio with a peak.
_MEASURES: Final[dict[str, Callable[[int], _IsSilent]]] = {
    "pcm16": _pcm16_silence,
    "g711_ulaw": _g711_silence(_ulaw_magnitude),
    "g711_alaw": _g711_silence(_alaw_magnitude),
}

# --- The call ------------------------------------------------------------------------

# Errors that make a started session unusable; others do not end it. Matched by code or type.
# Source: livekit-agents 1.8.9, llm/_realtime/gpt_live.py. Read 2026-11-29.
FATAL_ERRORS: Final = frozenset(
    {
        "account_deactivated", "billing_hard_limit_reached", "credit_balance_exhausted", "forbidden",
        "insufficient_quota", "invalid_api_key",
    }
)  # fmt: skip
# The answer to each command that has one. Others have no answer, or one that does not name the command.
# Source: openai-python 3.57.0, types/live. Read 2026-11-29.
ACKNOWLEDGEMENTS: Final[Mapping[str, str]] = {
    "session.start": "session.started",
    "session.update": "session.updated",
    "session.close": "session.closed",
    "session.input_audio.mute": "session.input_audio.muted",
    "session.input_audio.unmute": "session.input_audio.unmuted",
    "session.output_audio.fixture.play": "session.output_audio.fixture.playing",
    "session.instructions.append": "session.instructions.appended",
    "session.thinking.append": "session.thinking.appended",
    "session.commentary.append": "session.commentary.appended",
    "decision.item.create": "decision.item.created",
    "decision.item.delete": "decision.item.deleted",
    "transport.dtmf.send": "transport.dtmf.sent",
}
_COMMAND_OF: Final = {answer: command for command, answer in ACKNOWLEDGEMENTS.items()}
_UNANSWERED: Final = ("response.item.create", "response.create", "decision.create")
_MAX_COMMANDS: Final = 1000


# The instructions that stop the model's speech.
STOP_SPEAKING: Final = "Stop speaking now. Say nothing more until the user speaks."


class LiveState(enum.Enum):
    """The states of a Live session."""

    STARTING = "the session has not started"
    OPEN = "audio and commands are accepted"
    CLOSING = "the end was requested"
    CLOSED = "the server has confirmed the end"
    UNCONFIRMED = "the connection ended before the server confirmed the end"


class CommandResult(NamedTuple):
    """The server's answer to a command. `event` is its acknowledgement, or the error that refuses it."""

    command: Any
    event: Any
    is_refused: bool


class LiveCall:
    """The state of a Live session, and the answers to its commands.

    Answers are matched by `client_event_id`; an acknowledgement without it, as Azure sends it, answers the oldest
    command of its kind. An error without it answers none.

    Args:
        is_attached: True for a connection that joins a session, which has started already.

    Attributes:
        state: the state of the session.
        session: the session as the server reported it last.
        usage: the usage that the server reported last. It is cumulative, and final if `is_final`.
        context_ratio: the used share of the context window, None if it is not known.
        reason: the reason of `session.closed`, None before it.
        error: the error that made the session unusable, None without one.
        is_muted: True while the server replaces the input by silence.
    """

    EVENT_TYPES: ClassVar[frozenset[str]]
    """The types of the events that `feed` handles. Others may be left out."""

    def __init__(self, *, is_attached: bool = False) -> None:
        self.state = LiveState.OPEN if is_attached else LiveState.STARTING
        self.session: live.LiveSessionInfo | None = None
        self.usage: live.LiveUsage | None = None
        self.context_ratio: float | None = None
        self.reason: str | None = None
        self.error: live.Error | None = None
        self.is_muted = False
        self._commands: BoundedDict[int, Any] = BoundedDict(_MAX_COMMANDS)  # by their numbers
        self._count = 0

    @property
    def is_final(self) -> bool:
        """True once the server has reported the final usage."""
        return self.reason is not None

    @property
    def pending(self) -> tuple[Any, ...]:
        """The commands that wait for an acknowledgement, in order."""
        return tuple(command for command in self._commands.values() if command.type in ACKNOWLEDGEMENTS)

    def may_send(self, event: Any) -> bool:
        """Return True if the server accepts `event` now: only `session.start` before the start, none after a close."""
        is_start = event.type == "session.start"
        return self.state is LiveState.STARTING if is_start else self.state is LiveState.OPEN

    def is_fatal(self, event: live.Error) -> bool:
        """Return True for an error that makes the session unusable: before the start, any that refuses no other command."""
        error = event.error
        if self.state is LiveState.STARTING:
            command = self._commands.get(self._number_of(error.client_event_id))
            return command is None or command.type == "session.start"
        return error.code in FATAL_ERRORS or error.type in FATAL_ERRORS

    def feed(self, event: object) -> CommandResult | None:
        """Feed an event of either side, the client's when it is sent. Returns the command that it answers.

        Raises:
            TypeError: `event` is a raw frame.
        """
        handle = find_handler(event, _CALL_HANDLERS)
        return None if handle is None else handle(self, event)

    def connection_lost(self) -> None:
        """Note that the connection ended. A session that had started and was not closed is unconfirmed."""
        if self.state is LiveState.STARTING:
            self.state = LiveState.CLOSED
        elif self.state is not LiveState.CLOSED:
            self.state = LiveState.UNCONFIRMED

    # --- Events ---

    def _number_of(self, event_id: str | None) -> int:
        """Return the number of the command with an id, 0 if there is none."""
        if event_id is None:
            return 0
        return next((n for n, sent in reversed(self._commands.items()) if sent.event_id == event_id), 0)

    def _on_command(self, event: Any) -> CommandResult | None:
        if get_field(event, "client_event_id") is not None:  # the legacy confirmation of a key press
            return self._acknowledge(event, event.type)
        self._count += 1
        self._commands[self._count] = event
        if event.type == "session.close" and self.state is LiveState.OPEN:
            self.state = LiveState.CLOSING
        return None

    def _on_answer(self, event: Any) -> CommandResult | None:
        update = _CALL_UPDATES.get(event.type)
        if update is not None:
            update(self, event)
        return self._acknowledge(event, _COMMAND_OF[event.type])

    def _acknowledge(self, event: Any, command_type: str) -> CommandResult | None:
        event_id = event.client_event_id
        number = (
            self._number_of(event_id)
            if event_id is not None
            else next((n for n, sent in self._commands.items() if sent.type == command_type), 0)
        )
        command = self._commands.pop(number, None)
        return None if command is None else CommandResult(command, event, False)

    def _on_error(self, event: live.Error) -> CommandResult | None:
        if self.is_fatal(event):
            self.error = event
        command = self._commands.pop(self._number_of(event.error.client_event_id), None)
        if command is None:
            return None
        if command.type == "session.close" and self.state is LiveState.CLOSING:
            self.state = LiveState.OPEN
        return CommandResult(command, event, True)

    def _on_usage(self, event: live.SessionUsageUpdated) -> None:
        self.usage = event.usage
        if event.context_window is not None:
            self.context_ratio = event.context_window.usage_ratio

    def _on_session(self, event: live.SessionStarted | live.SessionUpdated) -> None:
        self.session = event.session
        if self.state is LiveState.STARTING:
            self.state = LiveState.OPEN

    def _on_closed(self, event: live.SessionClosed) -> None:
        self.state, self.reason, self.usage = LiveState.CLOSED, event.reason, event.usage
        self.session = event.session or self.session

    def _on_muted(self, event: Any) -> None:
        self.is_muted = isinstance(event, live.SessionInputAudioMuted)


# The effect of answers on the state of the call.
_CALL_UPDATES: Final[dict[str, Callable[[LiveCall, Any], None]]] = {
    "session.started": LiveCall._on_session,
    "session.updated": LiveCall._on_session,
    "session.closed": LiveCall._on_closed,
    "session.input_audio.muted": LiveCall._on_muted,
    "session.input_audio.unmuted": LiveCall._on_muted,
}
_CALL_HANDLERS: Final[dict[str, Callable[[LiveCall, Any], CommandResult | None]]] = {
    **dict.fromkeys((*ACKNOWLEDGEMENTS, *_UNANSWERED), LiveCall._on_command),
    **dict.fromkeys(_COMMAND_OF, LiveCall._on_answer),
    "session.usage.updated": LiveCall._on_usage,
    "error": LiveCall._on_error,
}
LiveCall.EVENT_TYPES = frozenset(_CALL_HANDLERS)

# --- The transcript ------------------------------------------------------------------

Speaker: TypeAlias = Literal["user", "assistant"]
# Silence that ends a segment. With 1.5 s, turns of real speakers were divided, with 2 s they were not: probes of
# OpenAI's server of 2026-09-11 and 12 in ProtocoloGptLive.cs, a voice client for Windows. Read 2026-11-29.
SEGMENT_GAP_MS: Final = 2000.0
# Silence that ends a segment if the other speaker spoke in it; less is a pause with a "mm-hm" in it.
_TURN_GAP_MS: Final = 800.0
_MAX_FRAGMENTS: Final = 100_000
_MAX_DELEGATIONS: Final = 1000
# Each message has a few tokens more than its text.
_TOKENS_PER_MESSAGE: Final = 6


class _Fragment(NamedTuple):
    """A piece of a transcript. Sorted by session, start, and arrival."""

    session: int
    start_ms: int
    order: int
    end_ms: int
    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """The words of one speaker without a long pause. Times are on the clock of its session, the first being 0."""

    speaker: Speaker
    text: str
    start_ms: int
    end_ms: int
    session: int = 0


class LiveTranscript:
    """Transcript of both speakers, in segments, by the times of its fragments.

    Fragments may arrive late; the order of their arrival changes nothing. Segments of the two speakers overlap
    where they spoke at the same time. Sessions that are fed one after the other form one transcript.

    Args:
        gap_ms: the silence that ends a segment.

    Raises:
        ConfigError: the gap is not positive.
    """

    EVENT_TYPES: ClassVar[frozenset[str]]
    """The types of the server events that `feed` handles. Others may be left out."""

    def __init__(self, *, gap_ms: float = SEGMENT_GAP_MS) -> None:
        if not 0 < gap_ms < math.inf:
            raise ConfigError(f"gap_ms must be positive and finite, got {gap_ms}")
        self._gap_ms = gap_ms
        self._fragments: list[_Fragment] = []
        self._delegations: BoundedDict[str, tuple[int, int]] = BoundedDict(_MAX_DELEGATIONS)
        self._session = 0
        self._is_started = False
        self._count = 0

    def feed(self, event: object) -> None:
        """Feed a server event.

        Raises:
            TypeError: `event` is a raw frame.
        """
        handle = find_handler(event, _TRANSCRIPT_HANDLERS)
        if handle is not None:
            handle(self, event)

    def _on_started(self, event: live.SessionStarted) -> None:
        self._session += self._is_started
        self._is_started = True

    def _on_input(self, event: live.SessionInputTranscriptDelta) -> None:
        self._add(event, "user")

    def _on_output(self, event: live.SessionOutputTranscriptDelta) -> None:
        self._add(event, "assistant")

    def _add(
        self, event: live.SessionInputTranscriptDelta | live.SessionOutputTranscriptDelta, speaker: Speaker
    ) -> None:
        self._is_started = True
        self._count += 1
        start, end = (max(-_MAX_MS, min(ms, _MAX_MS)) for ms in (event.start_ms, event.end_ms))
        insort(
            self._fragments,
            _Fragment(self._session, start, self._count, max(start, end), speaker, event.delta),
        )
        if len(self._fragments) > _MAX_FRAGMENTS:
            del self._fragments[: _MAX_FRAGMENTS // 10]

    def _on_delegation(self, event: live.SessionDelegationCreated) -> None:
        if event.delegation.id not in self._delegations:
            self._delegations[event.delegation.id] = self._session, event.offset_ms

    @property
    def segments(self) -> list[Segment]:
        """All segments in the order of their starts, made when this is read. At most the last 100,000 fragments."""
        return _segments(self._fragments, self._gap_ms)

    @property
    def text(self) -> str:
        """The transcript with one line for each segment, such as "user: Hello."."""
        return "\n".join(f"{segment.speaker}: {segment.text}" for segment in self.segments)

    def since(self, start: float | str, speaker: Speaker | None = None) -> list[Segment]:
        """Return the segments since a delegation (its id) or since a time, in ms on the present session's clock.

        A fragment counts if it ends later. A delegation may begin before the sentence that it is about has
        ended: call this again when more has arrived.

        Raises:
            ConfigError: there is no such delegation.
        """
        if isinstance(start, str):
            found = self._since(*self._delegation(start))
        else:
            found = self._since(self._session, start)
        return [one for one in found if speaker in (None, one.speaker)]

    def request(self, delegation_id: str) -> str:
        """Return the words of the user that a delegation is about: those since the delegation before it.

        More may arrive, as the model may delegate the work before the sentence has ended.

        Raises:
            ConfigError: there is no such delegation.
        """
        session, _ = self._delegation(delegation_id)
        ids = [*self._delegations]
        before = ids[: ids.index(delegation_id)]
        start_ms = next(
            (ms for id in reversed(before) for own, ms in [self._delegations[id]] if own == session), -_MAX_MS
        )
        return " ".join(
            one.text for one in self._since(session, start_ms) if one.speaker == "user" and one.text
        )

    def _delegation(self, delegation_id: str) -> tuple[int, int]:
        """Return the session and the time of a delegation."""
        if delegation_id not in self._delegations:
            raise ConfigError(f"no delegation has the id {snippet(repr(delegation_id))}")
        return self._delegations[delegation_id]

    def _since(self, session: int, start_ms: float) -> list[Segment]:
        begin = bisect_left(self._fragments, (session,))
        found = (each for each in self._fragments[begin:] if each.session > session or each.end_ms > start_ms)
        return _segments(found, self._gap_ms)

    def history(
        self,
        *,
        max_messages: int = spec.MAX_LIVE_INPUT_MESSAGES,
        max_tokens: int = spec.MAX_LIVE_INPUT_TOKENS,
    ) -> list[live.InputMessage]:
        """Return the messages for the `input` of a session that replaces this one: the last ones that fit.

        Segments of one speaker that follow each other are one message. Tokens are overestimated. Of a message
        that fits only in part, the end is returned.
        """
        merged: list[tuple[Speaker, str]] = []
        for segment in self.segments:
            if merged and merged[-1][0] == segment.speaker:
                merged[-1] = segment.speaker, f"{merged[-1][1]} {segment.text}"
            elif segment.text:
                merged.append((segment.speaker, segment.text))
        found: list[live.InputMessage] = []
        left = max_tokens
        for speaker, text in reversed(merged[-max_messages:] if max_messages > 0 else []):
            left -= _TOKENS_PER_MESSAGE
            fitting = _last_words(text, left)
            if not fitting:
                break
            left -= estimated_tokens(fitting)
            found.append(input_message(speaker, fitting))
            if fitting != text:
                break
        return found[::-1]


_TRANSCRIPT_HANDLERS: Final[dict[str, Callable[[LiveTranscript, Any], None]]] = {
    "session.started": LiveTranscript._on_started,
    "session.input_transcript.delta": LiveTranscript._on_input,
    "session.output_transcript.delta": LiveTranscript._on_output,
    "session.delegation.created": LiveTranscript._on_delegation,
}
LiveTranscript.EVENT_TYPES = frozenset(_TRANSCRIPT_HANDLERS)


@dataclass(slots=True)
class _Open:
    """A segment to which fragments may be added."""

    first: _Fragment
    texts: list[str]
    end_ms: int

    def segment(self) -> Segment:
        first = self.first
        return Segment(first.speaker, "".join(self.texts).strip(), first.start_ms, self.end_ms, first.session)


def _segments(fragments: Iterable[_Fragment], gap_ms: float) -> list[Segment]:
    """Return the segments of fragments in their order."""
    opened: list[_Open] = []
    last: dict[Speaker, _Open] = {}
    latest_start: dict[Speaker, tuple[int, int]] = {}  # session and time of the speaker's last fragment
    for fragment in fragments:
        current = last.get(fragment.speaker)
        other = latest_start.get("user" if fragment.speaker == "assistant" else "assistant")
        if current is not None and current.first.session == fragment.session:
            gap = fragment.start_ms - current.end_ms
            is_answered = other is not None and other >= (fragment.session, current.end_ms)
            if gap < gap_ms and not (is_answered and gap >= _TURN_GAP_MS):
                current.texts.append(fragment.text)
                current.end_ms = max(current.end_ms, fragment.end_ms)
                latest_start[fragment.speaker] = fragment.session, fragment.start_ms
                continue
        latest_start[fragment.speaker] = fragment.session, fragment.start_ms
        last[fragment.speaker] = new = _Open(fragment, [fragment.text], fragment.end_ms)
        opened.append(new)
    return [one.segment() for one in opened]


def estimated_tokens(text: str) -> int:
    """Return an upper estimate of the number of tokens of a text."""
    return -(-len(text.encode("utf-8", "replace")) // spec.MIN_BYTES_PER_TOKEN)


def input_message(role: str, text: str) -> live.Message:
    """Return a message for the `input` of a session."""
    part = live.OutputText(text=text) if role == "assistant" else live.InputText(text=text)
    return live.Message(role=role, content=[part])


def longest_start(text: str, max_tokens: int) -> str:
    """Return the longest beginning of a text that has at most `max_tokens`."""
    if estimated_tokens(text) <= max_tokens:
        return text
    return text.encode("utf-8", "replace")[: max_tokens * spec.MIN_BYTES_PER_TOKEN].decode("utf-8", "ignore")


def _last_words(text: str, max_tokens: int) -> str:
    """Return the end of a text, in whole words if it has any, that has at most `max_tokens`."""
    if estimated_tokens(text) <= max_tokens:
        return text
    nbytes = max_tokens * spec.MIN_BYTES_PER_TOKEN
    end = text.encode("utf-8", "replace")[-nbytes:].decode("utf-8", "ignore") if nbytes > 0 else ""
    return end.partition(" ")[2] or end
