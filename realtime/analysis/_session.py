"""The sessions of a log: dialect, model, audio formats, turn detection and tools of each.

Also the settings that the client requested and that the server's session does not have.

Session objects are read as JSON, member by member and without any dialect's Structs, because
servers of every kind write them. The dialect follows from the session object, or from an event type
that only one dialect has.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import UNSET

from .. import beta, codec, live, translation
from .._guard import DEFAULT_MAX_DEPTH, check_depth
from .._provider import Provider
from .._secrets import redacted, without_keys
from .._text import shorten
from ..codec import event_classes
from ..errors import DecodeError, EncodeError, snippet
from ..events.session import AnyFormat
from ..format import stated_formats
from ..recording import Direction, Entry
from ..recording.audio import FIRST_SESSION_TYPES, SIDEBAND, Coding, default_coding, session_coding
from ..state import SessionDifference, session_differences
from ._builder import MAX_NAME_CHARS, ReportBuilder, as_name, as_object
from .report import MAX_DIFFERENCES, DifferenceReport, SessionReport

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
# The events by which a server confirms a request.
_CONFIRMING_TYPES: Final = frozenset({
    "session.updated", "transcription_session.updated", "session.started",
})  # fmt: skip
# Objects of a session that group settings: an update changes the members it has. All others are set as one.
_GROUPS: Final = frozenset({"", "audio", "audio.input", "audio.output"})
# Larger sessions, and more requests together, are not compared: the tools and instructions of a model take
# a few tens of thousands.
_MAX_COMPARED_BYTES: Final = 1 << 18
_MAX_TOOLS: Final = 1_000
_MAX_SILENCE_MS: Final = 1e9
_decode_json, _encode_json = msgspec.json.Decoder().decode, codec.encode_json


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


class DeclaredTools:
    """The tools that a session, or one of its responses, declares."""

    def __init__(self) -> None:
        self._by_source: dict[str, frozenset[str]] = {}

    @property
    def names(self) -> frozenset[str]:
        """Names of the tools. Empty if none are known, or too many to compare."""
        names = frozenset[str]().union(*self._by_source.values())
        return names if len(names) <= _MAX_TOOLS else frozenset()

    def replace(self, source: Direction, tools: Iterable[tuple[object, object]]) -> None:
        """Replace the tools that the client requested or the server reported, pairs of type and name."""
        self._by_source[source] = _tool_names(tools)

    def add(self, tools: Iterable[tuple[object, object]]) -> None:
        """Add the tools of one response, which may call them beside the session's."""
        before = self._by_source.get("response", frozenset())
        if len(before) <= _MAX_TOOLS:
            self._by_source["response"] = before | _tool_names(tools)


def _tool_names(tools: Iterable[tuple[object, object]]) -> frozenset[str]:
    """Return the names of tools. Tools of the server have none, and are called by their type."""
    names = (found for kind, name in tools if (found := as_name(name) or as_name(kind)))
    return frozenset(itertools.islice(names, _MAX_TOOLS + 1))


def _tool_list(session: dict[str, Any]) -> object:
    """Return a session's tools; for Live, those of the model to which it delegates."""
    responses = as_object(as_object(session.get("delegation")).get("responses"))
    return session.get("tools", responses.get("tools"))


def _tools_of(session: dict[str, Any]) -> list[tuple[object, object]]:
    """Return type and name of a session's tools."""
    tools = _tool_list(session)
    flat = (
        [{**tool, **as_object(tool.get("function"))} for tool in tools if isinstance(tool, dict)]
        if isinstance(tools, list)
        else []
    )
    return [(tool.get("type"), tool.get("name")) for tool in flat]


class _Settings:
    """The settings that a client requested, and the session that the server reported last.

    Requests that the server has not answered are separate: in a log, those of the next session may come
    before it begins.
    """

    def __init__(self) -> None:
        self.requested: dict[str, Any] = {}
        self.pending: dict[str, Any] = {}
        self.actual: dict[str, Any] | None = None
        self._nbytes = 0

    def request(self, session: dict[str, Any], nbytes: int) -> None:
        """Add a request. If all of them are too large together, only the newest remains."""
        self._nbytes += nbytes
        if self._nbytes > _MAX_COMPARED_BYTES:
            self.requested, self.pending, self._nbytes = {}, {}, nbytes
        self.pending = _merged(self.pending, session) if nbytes <= _MAX_COMPARED_BYTES else {}

    def report(self, session: dict[str, Any], nbytes: int) -> None:
        """Set the session that the server reports."""
        self.actual = session if nbytes <= _MAX_COMPARED_BYTES else None

    def answered(self) -> None:
        """Record that the server has accepted or refused what is pending."""
        if self.pending:
            self.requested, self.pending = _merged(self.requested, self.pending), {}

    def begin(self) -> None:
        """Begin a session: only what is pending is requested of it."""
        self.requested, self.actual = {}, None

    def differences(self, provider: Provider | None, *, has_pending: bool) -> list[SessionDifference]:
        """Return the requested settings that the session does not have."""
        requested = _merged(self.requested, self.pending) if has_pending else self.requested
        if self.actual is None:
            return []
        try:
            return session_differences(requested, self.actual, provider=provider)
        except (EncodeError, OverflowError):  # no JSON, or an int beyond the range of a float
            return []


def _merged(before: dict[str, Any], update: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Return the settings after an update."""
    merged = {**before, **update}
    for key in before.keys() & update.keys():
        inner = f"{path}.{key}" if path else key
        old, new = before[key], update[key]
        if inner in _GROUPS and isinstance(old, dict) and isinstance(new, dict):
            merged[key] = _merged(old, new, inner)
    return merged


class SessionTracker:
    """Tracks the current session and decodes events in its dialect.

    Attributes:
        now: the report of the current session.
        input, output: its audio codings.
        tools: the tools that it declares.
        is_sideband: True if the log is that of a sideband of Live, which receives copies of the audio.
    """

    def __init__(self, builder: ReportBuilder, provider: Provider | None = None) -> None:
        self._builder, self._provider = builder, provider
        self.tools, self._settings, self._unconfirmed_ms = DeclaredTools(), _Settings(), 0.0
        self.now = self._new_session(0.0)
        self._is_confirmed = False  # by an event of the server

    def begin(self, time_ms: float) -> None:
        """Begin a session. The first one begins with the log, even if no event announces it."""
        self._write_differences(has_pending=False)
        self.now = self._new_session(time_ms)
        self._is_confirmed = False
        self._settings.begin()
        self.tools = DeclaredTools()
        self.tools.replace("client", _tools_of(self._settings.pending))
        if self._settings.pending:
            self.now.unconfirmed_ms = self._unconfirmed_ms
        self._builder.add("sessions", self.now)

    def _new_session(self, time_ms: float) -> SessionReport:
        """Return the report of a session of which nothing is known, and set its codings."""
        provider, self.is_sideband = self._provider, False
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
        now, audio = self.now, as_object(session.get("audio"))
        if self._provider is None:
            now.dialect = _dialect_of(type, session, now.dialect)
        if not self.is_sideband:
            self.input = session_coding(session, "input", self.input, self._provider)
            self.output = session_coding(session, "output", self.output, self._provider)
        self._set_formats(now)
        if from_server or not self._is_confirmed:
            now.id = id or now.id
            now.model = as_name(session.get("model")) or now.model
            _set_input(now, session, as_object(audio.get("input")))
            voice = as_object(audio.get("output")).get("voice", session.get("voice"))
            now.voice = as_name(voice) or as_name(as_object(voice).get("id")) or now.voice
        if now.dialect == "live":
            now.delegation = (
                as_name(as_object(session.get("delegation")).get("type")) or now.delegation or None
            )
            now.closed = now.closed or None
        self._is_confirmed |= from_server
        if isinstance(_tool_list(session), list):
            self.tools.replace(entry.direction, _tools_of(session))
        self._compare(entry, type, session)

    def _compare(self, entry: Entry, type: str, session: dict[str, Any]) -> None:
        """Store a session, to be compared once the session ends."""
        settings, nbytes = self._settings, len(entry.frame)
        if nbytes > _MAX_COMPARED_BYTES:
            self._builder.leave_out("settings", 1)
        if entry.direction == "client":
            settings.request(session, nbytes)
            self._unconfirmed_ms = self.now.unconfirmed_ms = entry.time_ms
            return
        settings.report(session, nbytes)
        if type in _CONFIRMING_TYPES:
            settings.answered()
            self.now.unconfirmed_ms = None

    def assume(self, dialect: str) -> None:
        """Set the dialect by a frame that no other one has, unless a session or the provider decided."""
        if self._provider is None and not self._is_confirmed:
            self.now.dialect = dialect

    def join(self) -> None:
        """Record that the log is that of a sideband of Live, whose copies have a format of their own."""
        self.is_sideband, self.input, self.output = True, SIDEBAND, SIDEBAND
        self._set_formats(self.now)

    def answered(self) -> None:
        """Record an error, by which the server may have refused what is pending."""
        self._settings.answered()

    def write_differences(self) -> None:
        """Write what the client requested of the current session and did not get into the report."""
        self._write_differences(has_pending=True)

    def _write_differences(self, *, has_pending: bool) -> None:
        found = self._settings.differences(self._provider, has_pending=has_pending)
        self.now.difference_count = len(found)
        self.now.differences = [
            DifferenceReport(
                path=shorten(without_keys(each.path), MAX_NAME_CHARS),
                requested=_json_text(each.requested),
                actual=None if each.actual is UNSET else _json_text(each.actual),
            )
            for each in found[:MAX_DIFFERENCES]
        ]

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
        detection = as_object(input.get("turn_detection", session.get("turn_detection")))
        kind = as_name(detection.get("type"))
        now.turn_detection = None if kind == "none" else kind
        now.silence_duration_ms = _silence_ms(detection.get("silence_duration_ms"))
    if "transcription" in input or "input_audio_transcription" in session:
        transcription = as_object(input.get("transcription", session.get("input_audio_transcription")))
        now.transcription_model = as_name(transcription.get("model"))


def _dialect_of(type: str, session: dict[str, Any], previous: str) -> str:
    audio = as_object(session.get("audio"))
    if type in _LIVE_TYPES or "delegation" in session or "format" in audio:
        return "live"
    language = as_object(audio.get("output")).get("language")
    if session.get("type") == "translation" or isinstance(language, str):
        return "translation"
    if type.startswith("transcription_session") or not _BETA_MEMBERS.isdisjoint(session):
        return "beta"
    return "ga" if session.get("type") in ("realtime", "transcription") else previous


def _json_text(value: Any) -> str:
    """Return the beginning of a value's JSON, without credentials."""
    return snippet(_encode_json(redacted(value)))


def _silence_ms(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _MAX_SILENCE_MS else None
