"""The beta dialect: a session that translates between a beta client and a GA session.

`beta.to_ga` and `beta.from_ga` convert the events. This file adds what they cannot convert: settings that
only beta has, limits that only beta has, and the paths and voices in which beta differs. Everything else
is in `session`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from .. import beta, events as ga, spec
from .._guard import Frame
from ..codec import Codec
from ..errors import ConfigError, DecodeError, EncodeError
from ..format import OPENAI_FORMATS, AudioFormat
from . import refusals
from .refusals import Refusal
from .response import CONVERSATION_ID
from .session import GaServerSession, SessionOptions

# Source: the SDK's docstrings of beta.realtime.Session (openai 3.57), read 2026-11-25.
DEFAULT_TEMPERATURE: Final = 0.8
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.6, 1.2

_GA: Final = Codec(exact=True)
_MODALITIES: Final = (["text"], ["audio", "text"])
_FORMATS: Final = [format.encoding for format in OPENAI_FORMATS]
# Settings that a GA session does not have, with their defaults, by the class that reports them.
_BETA_ONLY: Final[dict[type[Any], dict[str, Any]]] = {
    beta.RealtimeSessionInfo: {"temperature": DEFAULT_TEMPERATURE},
    beta.TranscriptionSessionInfo: {"modalities": ["audio", "text"]},
}
# Voices that GA rejects are passed to the GA session under another name.
_TO_GA_VOICES: Final = {voice: f"beta:{voice}" for voice in spec.BETA_VOICES if voice not in spec.VOICES}
_TO_BETA_VOICES: Final = {ga_voice: voice for voice, ga_voice in _TO_GA_VOICES.items()}
# The types of content parts that beta spells in another way.
_PARTS: Final = {"output_text": "text", "output_audio": "audio"}
# Prefixes of the `param` of a refusal, in GA and in beta.
_PARAM_PREFIXES: Final = (
    ("session.type", "type"),
    ("session.output_modalities", "session.modalities"),
    ("session.max_output_tokens", "session.max_response_output_tokens"),
    ("session.audio.input.turn_detection", "session.turn_detection"),
    ("session.audio.input.", "session.input_audio_"),
    ("session.audio.output.format", "session.output_audio_format"),
    ("session.audio.output.", "session."),
    ("response.output_modalities", "response.modalities"),
    ("response.max_output_tokens", "response.max_response_output_tokens"),
    ("response.audio.output.format", "response.output_audio_format"),
    ("response.audio.output.", "response."),
)


class BetaServerSession:
    """A session in the beta dialect. Its events are passed to `emit`.

    The session and its responses report their temperature, and a transcription session its modalities,
    though GA has neither. A client_secret in a session.update is accepted and ignored. GA events without
    a counterpart (`conversation.item.done`...) are dropped.

    Attributes:
        is_closed: always False; a client ends a beta session by closing the connection.
    """

    is_closed = False

    def __init__(self, options: SessionOptions, emit: Callable[[beta.ServerEvent], None]) -> None:
        self._emit = emit
        self._ga_events: list[ga.ServerEvent] = []
        self._ga = GaServerSession(options, self._ga_events.append)
        self._has_conversation = options.session_type == "realtime"
        self._beta_only = copy.deepcopy(_BETA_ONLY)
        self._frame: Frame = b""  # of the event in progress
        # The temperature that the request in progress sets, and that of the active response.
        self._requested_temperature: float | None = None
        self._temperature: float | None = None

    @property
    def formats(self) -> tuple[AudioFormat, AudioFormat] | None:
        """The formats of the GA session."""
        return self._ga.formats

    @formats.setter
    def formats(self, formats: tuple[AudioFormat, AudioFormat] | None) -> None:
        self._ga.formats = formats

    @property
    def is_responding(self) -> bool:
        """True while a response is in progress."""
        return self._ga.is_responding

    def open(self) -> None:
        """Emit the first events."""
        self._ga.open()
        self._convert_events()
        if self._has_conversation:
            conversation = ga.ConversationInfo(id=CONVERSATION_ID, object="realtime.conversation")
            self._emit(beta.ConversationCreated(conversation=conversation))

    def handle(self, event: Any, frame: Frame = b"") -> None:
        """Handle a client event.

        Raises:
            Refusal: the event is rejected, and nothing has changed.
        """
        self._frame = frame
        try:
            _HANDLERS.get(type(event), BetaServerSession._forward)(self, event)
        finally:
            self._frame = b""
            self._convert_events()
            self._requested_temperature = None

    def refuse(self, error: Any) -> None:
        """Emit an error about a client event."""
        self._emit(error)

    def advance(self) -> None:
        """Emit the next step of the response in progress."""
        self._ga.advance()
        self._convert_events()

    # --- To GA ---

    def _forward(self, event: Any) -> None:
        """Let the GA session handle `event`."""
        try:
            ga_event: Any = beta.to_ga(event)
            if ga_event is not event:
                # The frame shows what GA would reject, such as values that are nested too deeply.
                ga_event = _GA.decode_client(_GA.encode(ga_event))
            self._ga.handle(ga_event, self._frame)
        except ConfigError as error:
            raise _unconvertible(error, event) from None
        except EncodeError as error:
            raise refusals.INVALID_JSON(reason=error.reason) from None
        except DecodeError as error:
            raise _in_beta(refusals.undecodable(error)) from None
        except Refusal as refusal:
            raise _in_beta(refusal) from None

    def _update(self, event: Any) -> None:
        info = _INFO[type(event)]
        _check_settings("session", event.session)
        requested = {name: getattr(event.session, name) for name in _BETA_ONLY[info]}
        self._forward(_without(event, "session", *requested, "client_secret"))
        for name, value in requested.items():
            if value is not UNSET:
                self._beta_only[info][name] = _BETA_ONLY[info][name] if value is None else value

    def _create_response(self, event: beta.ResponseCreate) -> None:
        if isinstance(event.response, beta.RealtimeResponse):
            _check_settings("response", event.response)
            self._requested_temperature = event.response.temperature or None
            event = _without(event, "response", "temperature")
        self._forward(event)

    # --- From GA ---

    def _convert_events(self) -> None:
        ga_events = [*self._ga_events]
        self._ga_events.clear()
        for ga_event in ga_events:
            try:
                event: Any = beta.from_ga(ga_event)
            except ConfigError:  # beta has no such event
                continue
            if isinstance(ga_event, ga.ResponseCreated):
                default = self._beta_only[beta.RealtimeSessionInfo]["temperature"]
                self._temperature = self._requested_temperature or default
            if hasattr(event, "response"):
                event.response.temperature = self._temperature
                _set_beta_voice(event.response)
            if hasattr(event, "session"):
                for name, value in self._beta_only[type(event.session)].items():
                    setattr(event.session, name, copy.copy(value))
                _set_beta_voice(event.session)
            self._emit(event)


# --- Beta's limits -------------------------------------------------------------------


def _check_settings(path: str, settings: Any) -> None:
    """Check the settings of a session or a response, which are at `path` of the event.

    Raises:
        Refusal: a value is not valid in beta.
    """
    for name, check in _CHECKS.items():
        value = getattr(settings, name, UNSET)
        if value is not UNSET and value is not None:
            check(f"{path}.{name}", value)


def _check_modalities(path: str, value: list[str]) -> None:
    if sorted(value) not in _MODALITIES:
        combinations = " and ".join(map(str, _MODALITIES))
        raise refusals.INVALID_MODALITIES(value=value, combinations=combinations, param=path)


def _check_format(path: str, value: str) -> None:
    if value not in _FORMATS:
        raise refusals.UNSUPPORTED_VALUE(value=value, supported=_FORMATS, param=path)


def _check_temperature(path: str, value: float) -> None:
    if not MIN_TEMPERATURE <= value <= MAX_TEMPERATURE:
        reason = f"must be from {MIN_TEMPERATURE} to {MAX_TEMPERATURE}"
        raise refusals.INVALID_PARAMETER(param=path, reason=reason)


_CHECKS: Final[dict[str, Callable[[str, Any], None]]] = {
    "modalities": _check_modalities,
    "input_audio_format": _check_format,
    "output_audio_format": _check_format,
    "temperature": _check_temperature,
}


# --- Conversion ----------------------------------------------------------------------


def _without(event: Any, field: str, *names: str) -> Any:
    """Return `event` with `names` removed from its settings in `field`, and with GA's names of voices."""
    settings = getattr(event, field)
    changes: dict[str, Any] = dict.fromkeys(names, UNSET)
    voice = getattr(settings, "voice", None)
    if voice in _TO_GA_VOICES:
        changes["voice"] = _TO_GA_VOICES[voice]
    return msgspec.structs.replace(event, **{field: msgspec.structs.replace(settings, **changes)})


def _set_beta_voice(owner: Any) -> None:
    """Give the voice of a session or a response its name in beta."""
    if hasattr(owner, "voice"):
        owner.voice = _TO_BETA_VOICES.get(str(owner.voice), owner.voice)


def _in_beta(refusal: Refusal) -> Refusal:
    """Return the refusal of a GA session with the path that the parameter has in beta."""
    path = refusal.param or ""
    for ga_prefix, beta_prefix in _PARAM_PREFIXES:
        if path.startswith(ga_prefix):
            param = beta_prefix + path.removeprefix(ga_prefix)
            return Refusal(refusal.code, refusal.message.replace(path, param), param)
    if path.endswith(".type"):
        for ga_part, beta_part in _PARTS.items():
            refusal.message = refusal.message.replace(f"'{ga_part}'", f"'{beta_part}'")
    return refusal


def _unconvertible(error: ConfigError, event: Any) -> Refusal:
    """Return the refusal of an event that GA cannot express."""
    ((path, reason),) = error.problems
    if _is_missing(event, path):
        return refusals.MISSING_PARAMETER(param=path)
    return refusals.INVALID_PARAMETER(param=path, reason=reason)


def _is_missing(event: Any, path: str) -> bool:
    value: Any = event
    for name, index in re.findall(r"(\w+)(?:\[(\d+)\])?", path):
        value = getattr(value, name, None)
        value = value[int(index)] if index else value
    return value is UNSET or value is None


# The class that reports the settings after an update.
_INFO: Final[dict[type[Any], type[Any]]] = {
    beta.SessionUpdate: beta.RealtimeSessionInfo,
    beta.TranscriptionSessionUpdate: beta.TranscriptionSessionInfo,
}
# Client events that need more than a conversion.
_HANDLERS: Final[dict[type[Any], Callable[[BetaServerSession, Any], None]]] = {
    **dict.fromkeys(_INFO, BetaServerSession._update),
    beta.ResponseCreate: BetaServerSession._create_response,
}
