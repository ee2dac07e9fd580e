"""The sessions of a log: dialect, model, audio formats and turn detection of each.

Session objects are read as JSON, member by member and without any dialect's Structs, because
servers of every kind write them. The dialect follows from the session object, or from an event type
that only one dialect has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import msgspec

from .. import beta, codec, live, translation
from .._guard import DEFAULT_MAX_DEPTH, check_depth
from .._provider import Provider
from ..codec import event_classes
from ..errors import DecodeError
from ..events.session import AnyFormat
from ..format import stated_formats
from ..recording import Direction, Entry
from ..recording.audio import FIRST_SESSION_TYPES, Coding, default_coding, session_coding
from ._builder import ReportBuilder, as_name
from .report import SessionReport

_DIALECTS: Final[dict[str, Any]] = {
    "ga": codec, "beta": beta, "translation": translation, "live": live,
}  # fmt: skip
_DECODERS: Final[dict[tuple[str, Direction], Callable[[bytes], Any]]] = {
    (name, side): getattr(module, f"decode_{side}")
    for name, module in _DIALECTS.items()
    for side in ("client", "server")
}


def _speakers() -> dict[tuple[Direction, str], list[str]]:
    found: dict[tuple[Direction, str], list[str]] = {}
    for name, side in _DECODERS:
        for event in event_classes(getattr(_DIALECTS[name].Codec, f"{side}_events")):
            found.setdefault((side, str(event.__struct_config__.tag)), []).append(name)
    return found


# The dialects that have an event type.
_SPEAKERS: Final = _speakers()
# Members that only beta's sessions have.
_BETA_MEMBERS: Final = frozenset({
    "modalities", "input_audio_format", "output_audio_format", "input_audio_transcription",
})  # fmt: skip
_LIVE_TYPES: Final = frozenset({"session.start", "session.started"})
_MAX_SILENCE_MS: Final = 1e9
_decode_json = msgspec.json.Decoder().decode


@cache
def _types_of(codec: Any, direction: Direction) -> frozenset[str]:
    """Return the event types that a codec has for one side."""
    return frozenset(
        str(event.__struct_config__.tag) for event in event_classes(getattr(codec, f"{direction}_events"))
    )


def _session_of(frame: bytes) -> dict[str, Any] | None:
    """Return the session object of a frame; None if it has none or is malformed."""
    try:
        check_depth(frame, DEFAULT_MAX_DEPTH)
        event = _decode_json(frame)
    except (DecodeError, ValueError, RecursionError):
        return None
    session = event.get("session") if isinstance(event, dict) else None
    return session if isinstance(session, dict) else None


def ms_per_byte(coding: Coding) -> float:
    """Return the duration of one byte of audio."""
    return 1000 / (coding.sample_rate * coding.frame_bytes)


class SessionTracker:
    """Tracks the current session and decodes events in its dialect.

    Attributes:
        now: the report of the current session.
        input, output: its audio codings.
    """

    def __init__(self, builder: ReportBuilder, provider: Provider | None = None) -> None:
        self._builder, self._provider = builder, provider
        self.now = self._new_session(0.0)
        self._is_confirmed = False  # by an event of the server

    def begin(self, time_ms: float) -> None:
        """Begin a session. The first one begins with the log, even if no event announces it."""
        self.now = self._new_session(time_ms)
        self._is_confirmed = False
        self._builder.add("sessions", self.now)

    def _new_session(self, time_ms: float) -> SessionReport:
        """Return the report of a session of which nothing is known, and set its codings."""
        provider = self._provider
        self.input, self.output = default_coding("input", provider), default_coding("output", provider)
        now = SessionReport(at_ms=time_ms)
        if provider is not None:
            now.dialect, now.provider = provider.base, provider.name
        self._set_formats(now)
        return now

    def _set_formats(self, now: SessionReport) -> None:
        now.input_format, now.input_rate = self.input.format.encoding, self.input.sample_rate
        now.output_format, now.output_rate = self.output.format.encoding, self.output.sample_rate

    def feed(self, entry: Entry, type: str) -> None:
        """Feed an event of one of the `SESSION_TYPES`; malformed ones are ignored.

        Settings requested by the client apply until the server has confirmed a session.
        """
        session, from_server = _session_of(entry.frame), entry.direction == "server"
        if session is None:
            return
        id = as_name(session.get("id"))
        is_same = id is not None and id == self.now.id
        if from_server and type in FIRST_SESSION_TYPES and self._is_confirmed and not is_same:
            self.begin(entry.time_ms)
        now, audio = self.now, _object(session.get("audio"))
        if self._provider is None:
            now.dialect = _dialect_of(type, session, now.dialect)
        self.input = session_coding(session, "input", self.input, self._provider)
        self.output = session_coding(session, "output", self.output, self._provider)
        self._set_formats(now)
        if from_server or not self._is_confirmed:
            now.id = id or now.id
            now.model = as_name(session.get("model")) or now.model
            _set_input(now, session, _object(audio.get("input")))
            voice = _object(audio.get("output")).get("voice", session.get("voice"))
            now.voice = as_name(voice) or as_name(_object(voice).get("id")) or now.voice
        self._is_confirmed |= from_server

    def decode(self, entry: Entry, type: str) -> Any:
        """Return the event of an entry; None if no dialect has its type.

        It is decoded with the provider's codec if there is one and it has the type, else in the session's
        dialect if that has it, else in the first one that has it.

        Raises:
            DecodeError: the frame is malformed.
        """
        if self._provider is not None and type in _types_of(self._provider.codec, entry.direction):
            codec = self._provider.codec
            return (codec.decode_server if entry.direction == "server" else codec.decode_client)(entry.frame)
        speakers = _SPEAKERS.get((entry.direction, type), ())
        dialect = self.now.dialect
        if speakers and dialect not in speakers:
            dialect = speakers[0]
            if not self._is_confirmed:
                self.now.dialect = dialect
        event = _DECODERS[dialect if speakers else "ga", entry.direction](entry.frame)
        return event if speakers else None

    def response_coding(self, response: Any) -> Coding:
        """Return the coding of a response's audio, which may differ from the session's."""
        stated = next(stated_formats(response, "output"), None)
        format = msgspec.to_builtins(stated) if isinstance(stated, AnyFormat) else stated
        return session_coding({"output_audio_format": format}, "output", self.output, self._provider)


def _set_input(now: SessionReport, session: dict[str, Any], input: dict[str, Any]) -> None:
    """Set turn detection and transcription. Settings that are absent do not change."""
    if "turn_detection" in input or "turn_detection" in session:
        detection = _object(input.get("turn_detection", session.get("turn_detection")))
        kind = as_name(detection.get("type"))
        now.turn_detection = None if kind == "none" else kind
        now.silence_duration_ms = _silence_ms(detection.get("silence_duration_ms"))
    if "transcription" in input or "input_audio_transcription" in session:
        transcription = _object(input.get("transcription", session.get("input_audio_transcription")))
        now.transcription_model = as_name(transcription.get("model"))


def _dialect_of(type: str, session: dict[str, Any], previous: str) -> str:
    if type in _LIVE_TYPES:
        return "live"
    language = _object(_object(session.get("audio")).get("output")).get("language")
    if session.get("type") == "translation" or isinstance(language, str):
        return "translation"
    if type.startswith("transcription_session") or not _BETA_MEMBERS.isdisjoint(session):
        return "beta"
    return "ga" if session.get("type") in ("realtime", "transcription") else previous


def _silence_ms(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _MAX_SILENCE_MS else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
