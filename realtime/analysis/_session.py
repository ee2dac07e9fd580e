"""The sessions of a log: their dialects, models, formats and turn detection, as they are told.

Session objects are read member by member, without any dialect's Structs, as servers of all kinds
write them. A dialect is known by its session, or by a type that no other dialect has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import to_builtins

from .. import beta, codec, live, translation
from ..codec import known
from ..events.session import AnyFormat
from ..recording import Direction
from ..recording._sound import PCM16, Coding, _format, _object, _told
from ._kept import Kept, name_of
from .report import SessionReport


def ms_per_byte(coding: Coding) -> float:
    """How long one byte of audio lasts."""
    return 1000 / (coding.sample_rate * coding.frame_bytes)


Decode = Callable[[bytes], Any]

_CODECS: Final[dict[str, Any]] = {
    "ga": codec.Codec, "beta": beta.Codec, "translation": translation.Codec, "live": live.Codec,
}  # fmt: skip
DECODERS: Final[dict[tuple[str, Direction], Decode]] = {
    (name, side): getattr(module, f"decode_{side}")
    for name, module in (("ga", codec), ("beta", beta), ("translation", translation), ("live", live))
    for side in ("client", "server")
}


def _speakers() -> dict[tuple[Direction, str], tuple[str, ...]]:
    found: dict[tuple[Direction, str], tuple[str, ...]] = {}
    for name, kind in _CODECS.items():
        sides: dict[Direction, Any] = {"client": kind.client_events, "server": kind.server_events}
        for side, union in sides.items():
            for event in known(union):
                key = side, str(event.__struct_config__.tag)
                found[key] = (*found.get(key, ()), name)
    return found


# Which dialects have an event of a type.
SPEAKERS: Final = _speakers()
# What a session object is a member of; the first ones begin a session.
BEGINNINGS: Final = frozenset({"session.created", "session.started", "transcription_session.created"})
SESSIONS: Final = BEGINNINGS | {
    "session.updated", "session.update", "session.start",
    "transcription_session.updated", "transcription_session.update",
}  # fmt: skip
_OF_BETA: Final = frozenset({
    "modalities", "input_audio_format", "output_audio_format", "input_audio_transcription",
})  # fmt: skip
_OF_LIVE: Final = frozenset({"session.start", "session.started"})


class Sessions:
    """The session that runs now, and how audio is coded in it.

    Attributes: `now`; `input` and `output`, how audio is coded.
    """

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.now = SessionReport(at_ms=0.0)
        self._is_told = False
        self.input = self.output = PCM16

    def first(self, time_ms: float) -> None:
        """The first that happens is in a session, told or not."""
        self.now.at_ms = time_ms
        self._kept.add("sessions", self.now)

    def is_another(self, session: dict[str, Any]) -> bool:
        """Whether a session that begins is not the one that runs."""
        id = name_of(session.get("id"))
        return self._is_told and (id is None or id != self.now.id)

    def begin(self, time_ms: float) -> None:
        """Another session begins."""
        self.now = SessionReport(at_ms=time_ms)
        self.input = self.output = PCM16
        self._is_told = False
        self._kept.add("sessions", self.now)

    def told(self, kind: str, session: dict[str, Any], *, by_server: bool) -> None:
        """Take what a session's object says. What a client asks for counts until the server says it."""
        now, audio = self.now, _object(session.get("audio"))
        now.dialect = _dialect_of(kind, session, now.dialect)
        both = audio.get("format")
        told_in = session.get("input_audio_format"), _format(audio, "input"), both
        told_out = session.get("output_audio_format"), _format(audio, "output"), both
        self.input, self.output = _told(self.input, *told_in), _told(self.output, *told_out)
        now.input_format, now.input_rate = self.input.format.value, self.input.sample_rate
        now.output_format, now.output_rate = self.output.format.value, self.output.sample_rate
        if by_server or not self._is_told:
            now.id = name_of(session.get("id")) or now.id
            now.model = name_of(session.get("model")) or now.model
            _tell_input(now, session, _object(audio.get("input")))
            voice = _object(audio.get("output")).get("voice", session.get("voice"))
            now.voice = name_of(voice) or name_of(_object(voice).get("id")) or now.voice
        self._is_told |= by_server

    def speaks(self, direction: Direction, kind: str) -> str | None:
        """The dialect to read a type in: the session's if it has it, else one that does; None if none."""
        speakers = SPEAKERS.get((direction, kind), ())
        if self.now.dialect in speakers:
            return self.now.dialect
        if not speakers:
            return None
        if not self._is_told:
            self.now.dialect = speakers[0]
        return speakers[0]

    def coding_of_response(self, response: Any) -> Coding:
        """How a response's audio is coded: it may have a format of its own."""
        output = getattr(getattr(response, "audio", None), "output", None)
        own = getattr(response, "output_audio_format", None), getattr(output, "format", None)
        return _told(self.output, *(self._as_told(each) for each in own))

    @staticmethod
    def _as_told(format: Any) -> Any:
        """A format as JSON has it."""
        return to_builtins(format) if isinstance(format, AnyFormat) else format


def _tell_input(now: SessionReport, session: dict[str, Any], input: dict[str, Any]) -> None:
    """Turn detection and transcription; what is not mentioned stays as it was."""
    if "turn_detection" in input or "turn_detection" in session:
        detection = _object(input.get("turn_detection", session.get("turn_detection")))
        kind = name_of(detection.get("type"))
        now.turn_detection = None if kind == "none" else kind
        now.silence_duration_ms = _ms(detection.get("silence_duration_ms"))
    if "transcription" in input or "input_audio_transcription" in session:
        told = _object(input.get("transcription", session.get("input_audio_transcription")))
        now.transcription_model = name_of(told.get("model"))


def _dialect_of(kind: str, session: dict[str, Any], before: str) -> str:
    if kind in _OF_LIVE:
        return "live"
    if session.get("type") == "translation" or _is_of_translation(session):
        return "translation"
    if kind.startswith("transcription_session") or not _OF_BETA.isdisjoint(session):
        return "beta"
    return "ga" if session.get("type") in ("realtime", "transcription") else before


def _is_of_translation(session: dict[str, Any]) -> bool:
    output = _object(_object(session.get("audio")).get("output"))
    return isinstance(output.get("language"), str)


def _ms(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e9 else None
