"""Audio of a log, extracted frame by frame: its format, its item, and the truncations that end it.

`AudioExtractor` turns log entries into `AudioChunk` and `Truncation` values. It reads only the few members
it needs, in every dialect, and ignores what it cannot read. It needs no numpy: `stereo`
places the chunks on a time line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import pybase64

from .._bounded import BoundedDict
from .._provider import PROVIDERS, Provider
from ..errors import ConfigError
from ..format import AudioFormat, Side, stated_formats
from ..peek import peek_type
from ..state.live import SpeechGate
from .log import MAX_TIME_MS, Entry
from .redact import AUDIO_MEMBERS

# The sample rates of PCM that can be resampled, in Hz. `realtime.audio` has the same ones, but imports numpy.
SAMPLE_RATES: Final = (8000, 16000, 24000, 48000)
# Those, and the other ones that servers have: their audio has a length, but cannot be mixed.
_KNOWN_RATES: Final = frozenset({
    *SAMPLE_RATES,
    *(known.sample_rate for row in PROVIDERS.values() for known in (*row.input_formats, *row.output_formats)),
})  # fmt: skip
MAX_CHANNELS: Final = 8
# Audio that was left out of a log becomes silence of at most this length, as a line may claim any.
MAX_SILENCE_BYTES: Final = 1 << 27
_MAX_RESPONSES: Final = 256


@dataclass(frozen=True, slots=True)
class Coding:
    """Encoding of audio: its format, and the number of interleaved channels."""

    format: AudioFormat
    channels: int = 1

    @property
    def sample_rate(self) -> int:
        """Samples of one channel a second."""
        return self.format.sample_rate

    @property
    def frame_bytes(self) -> int:
        """Number of bytes of one sample of each channel."""
        return self.format.sample_width * self.channels

    @classmethod
    def of(cls, format: object) -> Coding:
        """Return the coding that a session's format states, as a name, a dict or a Struct.

        Raises:
            ConfigError: the format is unknown.
            TypeError: `format` is not a format.
        """
        found = AudioFormat.of(format)
        if found.sample_rate not in _KNOWN_RATES:
            raise ConfigError(f"no server is known to have {found}")
        return cls(found)

    def with_stated(self, sample_rate: int | None, channels: int | None) -> Coding:
        """Return this coding with the sample rate and channels that an audio event states for itself.

        Values that are absent or not supported are ignored.
        """
        coding = self
        if sample_rate in SAMPLE_RATES and self.format.encoding == "pcm16":
            coding = replace(coding, format=AudioFormat("pcm16", sample_rate))
        if channels and 0 < channels <= MAX_CHANNELS:
            coding = replace(coding, channels=channels)
        return coding


PCM16: Final = Coding(AudioFormat.PCM16)
# The copies of both sides' audio that a sideband of Live receives, whatever the session's format is. Source:
# https://developers.openai.com/api/docs/guides/voice-server-controls?api=live. Read 2026-11-29.
SIDEBAND: Final = PCM16


def session_coding(session: object, side: Side, default: Coding, provider: Provider | None = None) -> Coding:
    """Return the coding of a session or response for `side`; `default` if it states none that is known.

    Formats are read in the spellings of `provider`, if it is given.
    """
    for stated in stated_formats(session, side):
        try:
            return Coding.of(stated if provider is None else provider.format_of(stated, side))
        except (TypeError, ValueError):
            continue
    return default


def default_coding(side: Side, provider: Provider | None) -> Coding:
    """Return the coding of a session that states none: OpenAI's, or that of `provider`."""
    return PCM16 if provider is None else Coding(provider.default_format(side))


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Raw audio of one frame.

    Attributes:
        data: the audio; silence if the audio was left out of the log.
        coding: its encoding.
        part: the content part it belongs to, as "item_id/content_index" (the response's id if there is no
            item_id); None for the caller's audio.
        response_id: the response it belongs to.
        is_audible: False if it is silence. None if that is not measured: only Live's output never pauses.
    """

    data: bytes
    coding: Coding
    part: str | None
    response_id: str | None = None
    is_audible: bool | None = None


@dataclass(frozen=True, slots=True)
class Truncation:
    """End of the assistant's audio before all of it was played.

    Attributes:
        part: the content part that is truncated, as "item_id/content_index". None if the queue of a
            response was cleared, which ends its audio at the time of the entry.
        audio_end_ms: the end of the part's audio, in milliseconds from its start; None with `part`.
        response_id: the response that was cleared; None for all of them.
    """

    part: str | None
    audio_end_ms: float | None
    response_id: str | None = None


class _Event(msgspec.Struct):
    """Members of the events with audio or a truncation, in any dialect.

    `audio_bytes` is the length of audio that was left out of a log.
    """

    delta: str | None = None
    audio: str | None = None
    audio_bytes: int = 0
    item_id: str | None = None
    content_index: int | None = None
    response_id: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    audio_end_ms: float | None = None


_decode_event = msgspec.json.Decoder(_Event).decode

# The first event of a session, and all events that have a session object.
FIRST_SESSION_TYPES: Final = frozenset(
    {"session.created", "session.started", "transcription_session.created"}
)
SESSION_TYPES: Final = FIRST_SESSION_TYPES | {
    "session.updated", "session.update", "session.start",
    "transcription_session.updated", "transcription_session.update",
}  # fmt: skip
# Of Live: the events that only its sessions have, and the audio that a client lets the server play in place
# of the model's, which comes back in the output.
_LIVE_TYPES: Final = frozenset({"session.start", "session.started", "session.input_audio.append"})
_FIXTURE_TYPE: Final = "session.output_audio.fixture.play"
_TRUNCATE_TYPES: Final = frozenset({"conversation.item.truncate", "conversation.item.truncated"})


class AudioExtractor:
    """Extracts the audio of a log and its truncations, entry by entry. Follows changes of format.

    Formats are read in the spellings of `provider`, if it is given.
    """

    def __init__(self, provider: Provider | None = None) -> None:
        self._provider = provider
        self._input, self._output = default_coding("input", provider), default_coding("output", provider)
        self._response_output: BoundedDict[str, Coding] = BoundedDict(_MAX_RESPONSES)
        self._gate: SpeechGate | None = None  # of a Live session
        self._has_input, self._is_sideband = False, False

    def extract(self, entry: Entry) -> AudioChunk | Truncation | None:
        """Return the audio or the truncation of an entry, or None if it has neither or is malformed."""
        try:
            kind = peek_type(entry.frame)
            if self._gate is None and kind in _LIVE_TYPES:
                self._gate = SpeechGate()
            if kind == _FIXTURE_TYPE:
                return None
            if kind in AUDIO_MEMBERS:
                return self._audio(entry, AUDIO_MEMBERS[kind])
            if kind in _TRUNCATE_TYPES:
                event = _decode_event(entry.frame)
                part = _part_name(event.item_id, event.content_index)
                return Truncation(part, min(max(0.0, event.audio_end_ms or 0.0), MAX_TIME_MS))
            if kind == "output_audio_buffer.cleared":
                return Truncation(None, None, _decode_event(entry.frame).response_id)
            if kind in SESSION_TYPES:
                session = msgspec.json.decode(entry.frame).get("session")
                if kind in FIRST_SESSION_TYPES:
                    self._gate = self._gate if kind in _LIVE_TYPES else None
                    self._has_input = self._is_sideband = False
                self._input = session_coding(session, "input", self._input, self._provider)
                self._output = session_coding(session, "output", self._output, self._provider)
            elif kind == "response.created":
                self._set_response(msgspec.json.decode(entry.frame).get("response"))
        except (ValueError, RecursionError, AttributeError):
            pass
        return None

    def _audio(self, entry: Entry, member: str) -> AudioChunk | None:
        is_input, is_client = member == "audio", entry.direction == "client"
        if is_input and not is_client and self._gate is not None and not self._has_input:
            self._is_sideband = True  # of Live, which receives the caller's audio from the server
        elif is_input != is_client:
            return None  # the server echoes the caller's audio to a sideband connection
        self._has_input |= is_input and is_client
        event = _decode_event(entry.frame)
        coding = self._input if is_input else self._response_output.get(event.response_id or "", self._output)
        coding = SIDEBAND if self._is_sideband else coding
        coding = coding.with_stated(event.sample_rate, event.channels)
        data = pybase64.b64decode(getattr(event, member) or "")
        if not data and event.audio_bytes > 0:
            silence = coding.format.silence_sample
            data = silence * (min(event.audio_bytes, MAX_SILENCE_BYTES) // len(silence))
        if is_input:
            return AudioChunk(data, coding, None, event.response_id)
        part = _part_name(event.item_id or event.response_id, event.content_index)
        return AudioChunk(data, coding, part, event.response_id, self._is_audible(data, coding.format))

    def _is_audible(self, data: bytes, format: AudioFormat) -> bool | None:
        if self._gate is None:
            return None
        if self._gate.format != format:
            self._gate = SpeechGate(format)
        return self._gate.is_audible(data)

    def _set_response(self, response: Any) -> None:
        """Store the output format of a response that states its own."""
        if isinstance(response, dict) and isinstance(response.get("id"), str):
            coding = session_coding(response, "output", self._output, self._provider)
            if coding is not self._output:
                self._response_output[response["id"]] = coding


def _part_name(item_id: str | None, content_index: int | None) -> str:
    """Return the name of a content part. Audio without an item counts as one part."""
    return f"{item_id or ''}/{content_index or 0}"
