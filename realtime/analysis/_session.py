"""The sessions of a log: dialect, model, audio formats and turn detection of each.

Session objects are read as JSON, member by member and without any dialect's Structs, because
servers of every kind write them. The dialect follows from the session object, or from an event type
that only one dialect has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from .. import beta, codec, live, translation
from .._guard import DEFAULT_MAX_DEPTH, check_depth
from ..codec import event_classes
from ..errors import DecodeError
from ..events.session import AnyFormat
from ..format import stated_formats
from ..recording import Direction
from ..recording.audio import PCM16, Coding, session_coding
from ._builder import ReportBuilder, as_name
from .report import SessionReport

_DIALECTS: Final[dict[str, Any]] = {
    "ga": codec, "beta": beta, "translation": translation, "live": live,
}  # fmt: skip
DECODERS: Final[dict[tuple[str, Direction], Callable[[bytes], Any]]] = {
    (name, side): getattr(module, f"decode_{side}")
    for name, module in _DIALECTS.items()
    for side in ("client", "server")
}


def _speakers() -> dict[tuple[Direction, str], tuple[str, ...]]:
    found: dict[tuple[Direction, str], tuple[str, ...]] = {}
    for name, module in _DIALECTS.items():
        unions: dict[Direction, Any] = {
            "client": module.Codec.client_events, "server": module.Codec.server_events,
        }  # fmt: skip
        for side, union in unions.items():
            for event in event_classes(union):
                key = side, str(event.__struct_config__.tag)
                found[key] = (*found.get(key, ()), name)
    return found


# The dialects that have an event type.
_SPEAKERS: Final = _speakers()
# The first event of a session, and all events that have a session object.
FIRST_TYPES: Final = frozenset({"session.created", "session.started", "transcription_session.created"})
SESSION_TYPES: Final = FIRST_TYPES | {
    "session.updated", "session.update", "session.start",
    "transcription_session.updated", "transcription_session.update",
}  # fmt: skip
# Members that only beta's sessions have.
_BETA_MEMBERS: Final = frozenset({
    "modalities", "input_audio_format", "output_audio_format", "input_audio_transcription",
})  # fmt: skip
_LIVE_TYPES: Final = frozenset({"session.start", "session.started"})
_MAX_SILENCE_MS: Final = 1e9
_decode_json = msgspec.json.Decoder().decode


def session_of(frame: bytes) -> dict[str, Any] | None:
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
    """Tracks the current session. Attributes: `now`, its report; `input` and `output`, its audio codings."""

    def __init__(self, builder: ReportBuilder) -> None:
        self._builder = builder
        self.now = SessionReport(at_ms=0.0)
        self._is_confirmed = False  # by an event of the server
        self.input = self.output = PCM16

    def begin_log(self, time_ms: float) -> None:
        """Report the first session. It begins with the log, even if no event announces it."""
        self.now.at_ms = time_ms
        self._builder.add("sessions", self.now)

    def is_new(self, session: dict[str, Any]) -> bool:
        """Return True if a session that is announced differs from the current one."""
        id = as_name(session.get("id"))
        return self._is_confirmed and (id is None or id != self.now.id)

    def begin(self, time_ms: float) -> None:
        """Begin another session."""
        self.now = SessionReport(at_ms=time_ms)
        self.input = self.output = PCM16
        self._is_confirmed = False
        self._builder.add("sessions", self.now)

    def feed(self, type: str, session: dict[str, Any], *, from_server: bool) -> None:
        """Feed a session object. A client's request counts until the server has confirmed a session."""
        now, audio = self.now, _object(session.get("audio"))
        now.dialect = _dialect_of(type, session, now.dialect)
        self.input = session_coding(session, "input", self.input)
        self.output = session_coding(session, "output", self.output)
        now.input_format, now.input_rate = self.input.format.value, self.input.sample_rate
        now.output_format, now.output_rate = self.output.format.value, self.output.sample_rate
        if from_server or not self._is_confirmed:
            now.id = as_name(session.get("id")) or now.id
            now.model = as_name(session.get("model")) or now.model
            _set_input(now, session, _object(audio.get("input")))
            voice = _object(audio.get("output")).get("voice", session.get("voice"))
            now.voice = as_name(voice) or as_name(_object(voice).get("id")) or now.voice
        self._is_confirmed |= from_server

    def dialect_of(self, direction: Direction, type: str) -> str | None:
        """Return the dialect to decode an event type in; None if no dialect has it.

        That is the session's dialect if it has the type, else the first one that has it.
        """
        speakers = _SPEAKERS.get((direction, type), ())
        if self.now.dialect in speakers:
            return self.now.dialect
        if not speakers:
            return None
        if not self._is_confirmed:
            self.now.dialect = speakers[0]
        return speakers[0]

    def response_coding(self, response: Any) -> Coding:
        """Return the coding of a response's audio, which may differ from the session's."""
        stated = next(stated_formats(response, "output"), None)
        format = msgspec.to_builtins(stated) if isinstance(stated, AnyFormat) else stated
        return session_coding({"output_audio_format": format}, "output", self.output)


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
