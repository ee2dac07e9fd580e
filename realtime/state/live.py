"""State of a Live call: its transcript, and its audible speech.

Live has no turns, items or ends of speech on the wire: the model's output never pauses, and transcripts are
fragments with times. These objects derive from them what GA's servers report. They are exported by `realtime.live`.
"""

from __future__ import annotations

import math
import sys
from array import array
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw

from .._bounded import BoundedDict
from ..errors import ConfigError, snippet
from ..events import live
from ..format import AudioFormat, AudioFormatLike, session_format
from ._common import find_handler

__all__ = ["AudibleSpan", "LiveTranscript", "Segment", "Speaker", "SpeechGate"]

# Positions on a session's clock beyond this are not credible: 30 years, in milliseconds.
_MAX_MS: Final = 1_000_000_000_000

# --- Audible speech ------------------------------------------------------------------

# The peak of comfort noise and of the model's own pauses is far below, that of soft speech far above.
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

    Silence is a level and no value: zeros in PCM, 0xFF in mu-law, and a peak of 1 in pauses.

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
        """Feed a server event. Returns True if it has audible audio, False for silent audio, None for none.

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
    # Zeros are silence, and most speech has a sample whose high byte is none of these: both are found at once.
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


# By encoding: makes the function that measures audio, for a peak.
_MEASURES: Final[dict[str, Callable[[int], _IsSilent]]] = {
    "pcm16": _pcm16_silence,
    "g711_ulaw": _g711_silence(_ulaw_magnitude),
    "g711_alaw": _g711_silence(_alaw_magnitude),
}

# --- The transcript ------------------------------------------------------------------

Speaker: TypeAlias = Literal["user", "assistant"]
# Silence that ends a segment. 1.5 s have divided turns of real speakers, 2 s have not: measured by others against
# OpenAI's server in September 2026.
SEGMENT_GAP_MS: Final = 2000.0
# Silence that ends a segment if the other speaker spoke in it; less is a pause with a "mm-hm" in it.
_TURN_GAP_MS: Final = 800.0
_MAX_FRAGMENTS: Final = 100_000
_MAX_DELEGATIONS: Final = 1000
# The limits of `input` at the start of a session.
# Source: https://platform.openai.com/docs/guides/live-conversations. Read 2026-11-29.
MAX_INPUT_MESSAGES: Final = 128
MAX_INPUT_TOKENS: Final = 8192
# Tokens are estimated from the bytes of UTF-8, high for the text of any language: about 4 a token in English,
# 3 in Chinese. Each message has a few more.
_BYTES_PER_TOKEN: Final = 3
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
        """Return what was said since a delegation, by its id, or since a time of the present session in ms.

        A fragment counts if it ends later. A delegation may begin before the sentence that it is about has
        ended: ask again when more has arrived.

        Raises:
            ConfigError: there is no such delegation.
        """
        session, start_ms = self._session, start
        if isinstance(start, str):
            if start not in self._delegations:
                raise ConfigError(f"no delegation has the id {snippet(repr(start))}")
            session, start_ms = self._delegations[start]
        begin = bisect_left(self._fragments, (session,))
        found = [
            fragment for fragment in self._fragments[begin:]
            if fragment.session > session or fragment.end_ms > start_ms  # type: ignore[operator]
        ]  # fmt: skip
        return [one for one in _segments(found, self._gap_ms) if speaker in (None, one.speaker)]

    def history(
        self, *, max_messages: int = MAX_INPUT_MESSAGES, max_tokens: int = MAX_INPUT_TOKENS
    ) -> list[live.Json]:
        """Return the messages for the `input` of a session that replaces this one: the last ones that fit.

        Segments of one speaker that follow each other are one message. Tokens are estimated, rather too many.
        Of a message that fits only in part, the end is returned.
        """
        merged: list[tuple[Speaker, str]] = []
        for segment in self.segments:
            if merged and merged[-1][0] == segment.speaker:
                merged[-1] = segment.speaker, f"{merged[-1][1]} {segment.text}"
            elif segment.text:
                merged.append((segment.speaker, segment.text))
        found: list[live.Json] = []
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
    """Return the estimated number of tokens of a text, rather too many than too few."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def input_message(role: str, text: str) -> live.Json:
    """Return a message for the `input` of a session."""
    kind = "output_text" if role == "assistant" else "input_text"
    message = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    return Raw(msgspec.json.encode(message))


def _last_words(text: str, max_tokens: int) -> str:
    """Return the end of a text, in whole words if it has any, that has at most `max_tokens`."""
    if estimated_tokens(text) <= max_tokens:
        return text
    nbytes = max_tokens * _BYTES_PER_TOKEN
    end = text.encode("utf-8", "replace")[-nbytes:].decode("utf-8", "ignore") if nbytes > 0 else ""
    return end.partition(" ")[2] or end
