"""The beta dialect in front of a GA session: `BetaLoopback` is what a beta client's server is.

Events are moved by `to_ga` and `from_ga`. Here is what these cannot move: beta's own settings, which are kept
and told back, beta's own limits, and the paths in which a refusal speaks. Without I/O, as `loopback`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from .. import beta, events as ga, spec
from .._types import Frame
from ..codec import encode, known
from ..errors import ConfigError, DecodeError, EncodeError, snippet
from ..format import AudioFormat
from ._refusal import Refusal, event_id_of, of_decode_error, unknown_type
from ._request import CONVERSATION_ID
from .loopback import Loopback

# Source: the SDK's docstrings of beta.realtime.Session (openai 3.57), read 2026-11-25.
DEFAULT_TEMPERATURE: Final = 0.8
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.6, 1.2

_MODALITIES: Final = (["text"], ["audio", "text"])
_FORMATS: Final = [fmt.beta_name for fmt in AudioFormat]
_CLIENT_TYPES: Final = [str(kind.__struct_config__.tag) for kind in known(beta.ClientEvent)]
# Settings that a GA session does not have, and what they are before anything is set.
_OWN: Final[dict[type[Any], dict[str, Any]]] = {
    beta.RealtimeSessionInfo: {"temperature": DEFAULT_TEMPERATURE},
    beta.TranscriptionSessionInfo: {"modalities": ["audio", "text"]},
}
# Voices that GA refuses by name pass the GA session under another.
_GA_VOICES: Final = {voice: f"beta:{voice}" for voice in spec.BETA_VOICES if voice not in spec.VOICES}
_BETA_VOICES: Final = {new: old for old, new in _GA_VOICES.items()}
# Where a refusal's path begins with the first, beta's begins with the second.
_PATHS: Final = (
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


class BetaLoopback:
    """A session of the loopback server in the beta dialect, around the GA session `inner`.

    Used as a `Loopback` is. What GA has no word for is not lost: temperature is told back, of the
    session and of each response, and so are a transcription session's modalities. A client_secret is accepted
    and makes none. GA's events that beta has no word for (`conversation.item.done`...) are left out.
    """

    def __init__(self, inner: Loopback) -> None:
        self._inner = inner
        self._own = copy.deepcopy(_OWN)
        # Of the responses under way.
        self._temperatures: dict[str | None, float] = {}
        self._serial = 0

    def open(self) -> list[beta.ServerEvent]:
        """What the server says first."""
        told = self._tell(self._inner.open())
        if any(isinstance(event, beta.SessionCreated) for event in told):
            about = ga.ConversationInfo(id=CONVERSATION_ID, object="realtime.conversation")
            told.append(self._numbered(beta.ConversationCreated(conversation=about)))
        return told

    def receive(self, frame: Frame) -> list[beta.ServerEvent]:
        """What the server says to a client's frame; what is wrong with it is an `error` event."""
        try:
            event = beta.decode_client(frame)
            return _HANDLERS.get(type(event), BetaLoopback._pass)(self, event)
        except DecodeError as error:
            refusal = of_decode_error(error)
        except Refusal as refused:
            refusal = refused
        return [self._numbered(refusal.event(event_id_of(frame)))]

    @property
    def answering(self) -> bool:
        """Whether a response is under way."""
        return self._inner.answering

    def advance(self) -> list[beta.ServerEvent]:
        """The next step of the response under way."""
        return self._tell(self._inner.advance())

    def encode(self, event: beta.ServerEvent) -> bytes:
        """`event`, one of this session's, as a frame."""
        return beta.encode(event)

    # --- Receiving ---

    def _pass(self, event: Any) -> list[beta.ServerEvent]:
        return self._tell(self._ask(event))

    def _unknown(self, event: beta.UnknownEvent) -> list[beta.ServerEvent]:
        raise unknown_type(event.type, _CLIENT_TYPES)

    def _update(self, event: Any) -> list[beta.ServerEvent]:
        kind = _INFO[type(event)]
        _check("session", event.session)
        own = {name: getattr(event.session, name) for name in _OWN[kind]}
        heard = self._ask(_without(event, "session", *own, "client_secret"))
        if any(isinstance(answer, ga.SessionUpdated) for answer in heard):
            for name, value in own.items():
                if value is not UNSET:
                    self._own[kind][name] = _OWN[kind][name] if value is None else value
        return self._tell(heard)

    def _respond(self, event: beta.ResponseCreate) -> list[beta.ServerEvent]:
        if not isinstance(event.response, beta.RealtimeResponse):
            return self._pass(event)
        _check("response", event.response)
        heard = self._ask(_without(event, "response", "temperature"))
        return self._tell(heard, event.response.temperature or None)

    def _ask(self, event: Any) -> list[ga.ServerEvent]:
        """What the GA session says to `event`, of which it hears what GA's wire can carry."""
        try:
            moved: Any = beta.to_ga(event)
            return self._inner.take(event) if moved is event else self._inner.receive(encode(moved))
        except ConfigError as why:
            raise _of_config_error(why, event) from None
        except EncodeError as why:  # what is nested just not too deep is deeper in GA's places
            raise Refusal("invalid_json", f"The event could not be read: {why.reason}.") from None

    # --- Telling ---

    def _tell(
        self, heard: Iterable[ga.ServerEvent], temperature: float | None = None
    ) -> list[beta.ServerEvent]:
        """What GA says, as beta says it; `temperature` is of a response that begins here."""
        told: list[beta.ServerEvent] = []
        for event in heard:
            try:
                moved: Any = beta.from_ga(event)
            except ConfigError:  # beta has no word for it
                continue
            mend = _MENDS.get(type(moved))
            if mend:
                mend(self, moved, temperature)
            told.append(self._numbered(moved))
        return told

    def _numbered(self, event: Any) -> beta.ServerEvent:
        if not isinstance(event, beta.UnknownEvent):
            self._serial += 1
            event.event_id = f"event_{self._serial:08}"
        return event  # type: ignore[no-any-return]

    def _of_session(self, event: Any, temperature: float | None) -> None:
        for name, value in self._own[type(event.session)].items():
            setattr(event.session, name, copy.copy(value))
        if isinstance(event.session, beta.RealtimeSessionInfo):
            event.session.voice = _BETA_VOICES.get(str(event.session.voice), event.session.voice)

    def _of_created_response(self, event: beta.ResponseCreated, temperature: float | None) -> None:
        usual = self._own[beta.RealtimeSessionInfo]["temperature"]
        self._temperatures[event.response.id] = usual if temperature is None else temperature
        self._of_response(event.response, self._temperatures[event.response.id])

    def _of_done_response(self, event: beta.ResponseDone, temperature: float | None) -> None:
        self._of_response(event.response, self._temperatures.pop(event.response.id, None))

    def _of_response(self, response: beta.Response, temperature: float | None) -> None:
        response.temperature = temperature
        response.voice = _BETA_VOICES.get(str(response.voice), response.voice)

    def _of_error(self, event: beta.Error, temperature: float | None) -> None:
        path = event.error.param or ""
        for old, new in _PATHS:
            if path.startswith(old):
                event.error.param = new + path.removeprefix(old)
                event.error.message = event.error.message.replace(path, event.error.param)
                return


# --- Beta's limits -------------------------------------------------------------------


def _check(where: str, settings: Any) -> None:
    """Raises Refusal where a session or a response cannot have these settings, as `where`.``name``."""
    for name, check in _CHECKS.items():
        value = getattr(settings, name, UNSET)
        if value is not UNSET and value is not None:
            check(f"{where}.{name}", value)


def _check_modalities(path: str, value: list[str]) -> None:
    if sorted(value) not in _MODALITIES:
        listed = " and ".join(map(str, _MODALITIES))
        message = f"Invalid modalities: {snippet(value)}. Supported combinations are: {listed}."
        raise Refusal("invalid_value", message, path)


def _check_format(path: str, value: str) -> None:
    if value not in _FORMATS:
        listed = ", ".join(map(repr, _FORMATS))
        message = f"Invalid value: '{snippet(value)}'. Supported values are: {listed}."
        raise Refusal("invalid_value", message, path)


def _check_temperature(path: str, value: float) -> None:
    if not MIN_TEMPERATURE <= value <= MAX_TEMPERATURE:
        message = f"Invalid '{path}': must be from {MIN_TEMPERATURE} to {MAX_TEMPERATURE}."
        raise Refusal("invalid_value", message, path)


_CHECKS: Final[dict[str, Callable[[str, Any], None]]] = {
    "modalities": _check_modalities,
    "input_audio_format": _check_format,
    "output_audio_format": _check_format,
    "temperature": _check_temperature,
}


# --- Towards GA ----------------------------------------------------------------------


def _without(event: Any, field: str, *names: str) -> Any:
    """`event` whose settings in `field` lack `names` and name voices as GA takes them."""
    settings = getattr(event, field)
    changes: dict[str, Any] = dict.fromkeys(names, UNSET)
    voice = getattr(settings, "voice", None)
    if voice in _GA_VOICES:
        changes["voice"] = _GA_VOICES[voice]
    return msgspec.structs.replace(event, **{field: msgspec.structs.replace(settings, **changes)})


def _of_config_error(error: ConfigError, event: Any) -> Refusal:
    """The refusal of what GA cannot say."""
    ((path, what),) = error.problems
    if _is_missing(event, path):
        return Refusal("missing_required_parameter", f"Missing required parameter: '{path}'.", path)
    return Refusal("invalid_value", f"Invalid '{path}': {what}.", path)


def _is_missing(event: Any, path: str) -> bool:
    value: Any = event
    for name, index in re.findall(r"(\w+)(?:\[(\d+)\])?", path):
        value = getattr(value, name, None)
        value = value[int(index)] if index else value
    return value is UNSET or value is None


# What of a session is told after an update by this event.
_INFO: Final[dict[type[Any], type[Any]]] = {
    beta.SessionUpdate: beta.RealtimeSessionInfo,
    beta.TranscriptionSessionUpdate: beta.TranscriptionSessionInfo,
}
# Client events that are more than moved.
_HANDLERS: Final[dict[type[Any], Callable[[BetaLoopback, Any], list[beta.ServerEvent]]]] = {
    **dict.fromkeys(_INFO, BetaLoopback._update),
    beta.ResponseCreate: BetaLoopback._respond,
    beta.UnknownEvent: BetaLoopback._unknown,
}
# Server events that are more than moved.
_MENDS: Final[dict[type[Any], Callable[[BetaLoopback, Any, float | None], None]]] = {
    beta.SessionCreated: BetaLoopback._of_session,
    beta.SessionUpdated: BetaLoopback._of_session,
    beta.TranscriptionSessionCreated: BetaLoopback._of_session,
    beta.TranscriptionSessionUpdated: BetaLoopback._of_session,
    beta.ResponseCreated: BetaLoopback._of_created_response,
    beta.ResponseDone: BetaLoopback._of_done_response,
    beta.Error: BetaLoopback._of_error,
}
