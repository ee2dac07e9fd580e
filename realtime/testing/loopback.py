"""Loopback: one session as the server sees it, client frames in and server events out.

No sockets, no threads; the clock is an argument. What each client event does is in `_input`,
`_conversation` and `_responses`, settings here; what they refuse becomes an `error` event and changes
nothing. Read `_listen` for turns, `script` for what is answered and `_answer` for the order of events.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Literal

from .. import spec
from .._types import Frame
from ..codec import decode_client, encode
from ..errors import DecodeError
from ..events import (
    ClientEvent,
    ServerEvent,
    ServerVad,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    Tagged,
    Unknown,
    UnknownEvent,
)
from ..format import AudioFormat
from . import _conversation, _input, _responses, _settings as settings
from ._defaults import PTIME_MS
from ._limits import Limiter, RateLimits
from ._listen import InputBuffer
from ._refusal import Refusal, event_id_of, of_decode_error, unknown_type
from ._request import check_ptime
from ._session import Session
from .script import Script, checked, player

Kind = Literal["realtime", "transcription"]


class Loopback:
    """One session of the loopback server, without I/O: it plays the caller's turns back, or a script.

    Send what `open` and `receive` return, in order, each as `encode` writes it. A `paced` session
    does not answer at once: as long as `answering` is true, `advance` returns the next `ptime_ms` of the
    answer. `kind` "transcription" makes a session that only transcribes. `script` is what is answered,
    `rate_limits` how much of it. `force_format` is a format that the session speaks whatever it is asked
    for. `clock` gives seconds, for the rate limits. Settings that need a model (tools, speed...) are
    told back only; semantic VAD is a silence by its eagerness.

    Raises:
        AudioError: `ptime_ms` is not a whole number of samples, or 0.
        ConfigError: an unknown format.
        TypeError: `script` is none.
    """

    # How an event of this session is written.
    encode = staticmethod(encode)

    def __init__(
        self,
        *,
        model: str = spec.DEFAULT_MODEL,
        ptime_ms: float = PTIME_MS,
        paced: bool = False,
        session_id: str = "sess_loopback",
        expires_at: int = 0,
        kind: Kind = "realtime",
        script: Script | None = None,
        rate_limits: RateLimits | None = None,
        force_format: object = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_ptime(ptime_ms)
        self._session = Session(
            settings.default_settings(model, session_id, expires_at, kind),
            player(checked(script)),
            Limiter(rate_limits, clock),
            ptime_ms=ptime_ms,
            paced=paced,
        )
        if force_format is not None:
            self._session.forced = AudioFormat.of(force_format)
            self._change(self._session.settings)

    def open(self) -> list[ServerEvent]:
        """What the server says first."""
        self._session.send(SessionCreated(session=self._session.settings))
        return self._session.sent()

    def receive(self, frame: Frame) -> list[ServerEvent]:
        """What the server says to a client's frame; what is wrong with it is an `error` event."""
        try:
            event = decode_client(frame)
        except DecodeError as error:
            return self.refuse(of_decode_error(error), event_id_of(frame))
        return self.take(event)

    def take(self, event: ClientEvent) -> list[ServerEvent]:
        """What the server says to a client's event."""
        try:
            _check_event_id(event)
            self._handle(event)
        except Refusal as refusal:
            return self.refuse(refusal, event_id_of(event))
        return self._session.sent()

    def refuse(self, refusal: Refusal, client_event_id: str | None) -> list[ServerEvent]:
        """What the server says to what it does not accept."""
        self._session.send(refusal.event(client_event_id))
        return self._session.sent()

    @property
    def answering(self) -> bool:
        """Whether a response is under way."""
        return self._session.answer is not None

    def advance(self) -> list[ServerEvent]:
        """The next step of the response under way."""
        _responses.advance(self._session)
        return self._session.sent()

    # --- Inside ---

    def _handle(self, event: ClientEvent) -> None:
        if isinstance(event, SessionUpdate):
            self._update(event)
        elif isinstance(event, UnknownEvent):
            raise unknown_type(event.type, _KNOWN)
        else:
            _HANDLERS[type(event)](self._session, event)

    def _update(self, event: SessionUpdate) -> None:
        session = self._session
        new = settings.updated(session.settings, event)
        old_voice, new_voice = (settings.voice(told) for told in (session.settings, new))
        if session.has_spoken and old_voice != new_voice:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise Refusal("cannot_update_voice", message, "session.audio.output.voice")
        self._change(new)
        session.send(SessionUpdated(session=session.settings))

    def _change(self, new: settings.Settings) -> None:
        if self._session.forced is not None:
            new = settings.forced(new, self._session.forced)
        self._change_input(settings.input_format(new), settings.turn_detection(new))
        self._session.settings = new

    def _change_input(self, fmt: AudioFormat, vad: ServerVad | None) -> None:
        buffer = self._session.input
        if fmt is not buffer.format:
            heard = buffer.speaking or settings.turn_detection(self._session.settings) is None
            if heard and len(buffer):
                message = "The input format cannot change while there is audio in the input buffer."
                raise Refusal("invalid_value", message, "session.audio.input.format")
            self._session.input = InputBuffer(fmt, buffer.end_ms)
        elif vad is None:
            buffer.speaking = False


def _check_event_id(event: ClientEvent) -> None:
    if not isinstance(event, Unknown) and len(event.event_id or "") > spec.MAX_EVENT_ID_CHARS:
        message = f"Invalid 'event_id': string too long, at most {spec.MAX_EVENT_ID_CHARS} characters."
        raise Refusal("string_above_max_length", message, "event_id")


# A line in one of these for each event that a client can send.
_HANDLERS: Final[dict[type[Tagged], Callable[[Session, Any], None]]] = {
    **_input.HANDLERS,
    **_conversation.HANDLERS,
    **_responses.HANDLERS,
}
_TYPES: Final[tuple[type[Tagged], ...]] = (SessionUpdate, *_HANDLERS)
_KNOWN: Final = [str(kind.__struct_config__.tag) for kind in _TYPES]
