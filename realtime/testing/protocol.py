"""ServerProtocol: one session as the server sees it, client frames in and server events out.

No sockets and no threads; the clock is an argument. The table of dialects is here. Read `session` (GA),
`beta`, `translation` and `live` for the effect of an event, and `refusals` for what is rejected. `connection` runs
a ServerProtocol on a WebSocket.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeAlias

import msgspec

from .. import beta, codec, live, spec, translation
from .._guard import Frame
from .._provider import Provider, ProviderLike, get_provider
from ..codec import DialectCodec
from ..errors import ConfigError, DecodeError, snippet
from ..events import Tagged, UnknownEvent
from ..format import AudioFormatLike
from . import refusals, structure
from .beta import BetaServerSession
from .live import CLIENT_EVENTS as LIVE_EVENTS, LiveServerSession, LiveSideband
from .quirks import QUIRKS, ProviderServerSession, ProviderWire
from .rate_limits import RateLimits
from .refusals import Refusal
from .script import Script
from .session import CLIENT_EVENTS, GaServerSession, SessionOptions, numbered_id
from .settings import PTIME_MS, SessionType
from .translation import DEFAULT_MODEL as DEFAULT_TRANSLATION_MODEL, TranslationServerSession

DialectName: TypeAlias = Literal["ga", "beta", "translation", "live"]
ServerSession: TypeAlias = (
    GaServerSession
    | BetaServerSession
    | TranslationServerSession
    | LiveServerSession
    | LiveSideband
    | ProviderServerSession
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One row of the table of dialects.

    Attributes:
        codec: the dialect's codec, which fills in and converts nothing.
        lenient_codec: the codec of a session that is not strict.
        default_model: the model of a session that names none.
        client_types: the types of events that a client may send.
        open_session: makes a session, which passes its events to the second argument.
        normalize: makes of a client's frame what the codec's Structs expect.
        new_id: makes the id of an event.
        unnumbered: the classes of events that have no id.
    """

    codec: DialectCodec[Any, Any]
    lenient_codec: DialectCodec[Any, Any]
    default_model: str
    client_types: tuple[str, ...]
    open_session: Callable[[SessionOptions, Callable[[Any], None]], ServerSession]
    normalize: Callable[[Frame], Frame] = lambda frame: frame
    new_id: Callable[[str, int], str] = numbered_id
    unnumbered: tuple[type[Tagged], ...] = ()


def _types(events: tuple[type[Tagged], ...]) -> tuple[str, ...]:
    return tuple(str(event.__struct_config__.tag) for event in events)


_BETA_TYPES: Final = _types(codec.event_classes(beta.ClientEvent))
_TRANSLATION_TYPES: Final = _types(codec.event_classes(translation.ClientEvent))
DIALECTS: Final = {
    "ga": Dialect(
        codec.Codec(exact=True), codec.Codec(), spec.DEFAULT_MODEL, _types(CLIENT_EVENTS), GaServerSession
    ),
    "beta": Dialect(
        beta.Codec(exact=True), beta.Codec(), spec.BETA_MODELS[0], _BETA_TYPES, BetaServerSession
    ),
    "translation": Dialect(
        translation.Codec(exact=True),
        translation.Codec(),
        DEFAULT_TRANSLATION_MODEL,
        _TRANSLATION_TYPES,
        TranslationServerSession,
    ),
    "live": Dialect(
        live.Codec(exact=True),
        live.Codec(),
        spec.LIVE_MODELS[0],
        _types(LIVE_EVENTS),
        LiveServerSession,
        unnumbered=(live.SessionOutputAudioDelta, live.SessionInputAudioAppend),
    ),
}


def _provider_row(provider: Provider) -> Dialect:
    """Return the row of a provider: its own codec, and a session of its base dialect."""
    base = DIALECTS[provider.base]
    return Dialect(
        type(provider.codec)(exact=True),
        provider.codec,
        base.default_model,
        _types(codec.event_classes(provider.codec.client_events)),
        partial(ProviderServerSession, provider, base.codec, base.open_session),
        ProviderWire(provider).normalized,
        QUIRKS[provider.name].new_id,
    )


class ServerProtocol:
    """One session of the loopback server, without I/O. It echoes the user's turns, or plays a script.

    Send the events that `open`, `feed` and `advance` return, in order, each encoded by `encode` as a text
    message. A paced session does not respond at once: while `is_responding` is true, `advance` returns
    the next `ptime_ms` of the response. Settings that need a model (tools, speed...) are accepted and
    reported, and have no effect.

    Args:
        dialect: "ga", "beta", "translation" or "live".
        provider: another server to play, by name or value, such as "xai": its formats, events and quirks.
            The dialect is then that of the provider.
        strict: True to refuse what OpenAI's server refuses; False to accept members that the dialect does
            not know, and events that only servers refuse (a null, a part of another role, the output of an
            unknown call...).
        model: the model that the session reports; None for the dialect's default.
        ptime_ms: the duration of one audio delta.
        paced: True to send responses step by step.
        session_id: the id of the session.
        expires_at: the time at which the session reports to expire, in seconds since the epoch.
        session_type: "transcription" for a session that only transcribes.
        script: the replies, see `Say`, `Call` and `Fail`; None for the echo.
        rate_limits: limits to enforce; without them none are.
        force_format: the audio format of the session, whatever the client requests.
        clock: gives seconds, for the rate limits.
        origin: makes a Live session the fork of this stored one.

    A translation session echoes and ignores `session_type`, `script`, `rate_limits` and `force_format`. A
    Live session speaks only as input arrives, and ignores `session_type`, `rate_limits`, `force_format` and
    `model`, which its client states.

    Raises:
        AudioError: `ptime_ms` is 0 or not a whole number of samples.
        ConfigError: the dialect or the format is unknown.
        TypeError: an argument has the wrong type.
    """

    def __init__(
        self,
        *,
        dialect: DialectName = "ga",
        provider: ProviderLike | str | None = None,
        strict: bool = True,
        model: str | None = None,
        ptime_ms: float = PTIME_MS,
        paced: bool = False,
        session_id: str = "sess_loopback",
        expires_at: int = 0,
        session_type: SessionType = "realtime",
        script: Script | None = None,
        rate_limits: RateLimits | None = None,
        force_format: AudioFormatLike | None = None,
        clock: Callable[[], float] = time.monotonic,
        origin: live.LiveSessionInfo | None = None,
    ) -> None:
        row = DIALECTS.get(dialect) if provider is None else _provider_row(get_provider(provider))
        if row is None:
            raise ConfigError(f"unknown dialect {snippet(repr(dialect))}; known are {', '.join(DIALECTS)}")
        options = SessionOptions(
            model=row.default_model if model is None else model,
            strict=strict,
            ptime_ms=ptime_ms,
            paced=paced,
            session_id=session_id,
            expires_at=expires_at,
            session_type=session_type,
            script=script,
            rate_limits=rate_limits,
            force_format=force_format,
            clock=clock,
            origin=origin,
        )
        self._begin(row, strict, partial(row.open_session, options))

    def _begin(
        self, row: Dialect, strict: bool, open_session: Callable[[Callable[[Any], None]], ServerSession]
    ) -> None:
        self._dialect = row
        self._strict = strict
        self._events: list[Any] = []
        self._event_count = 0
        self._new_id = row.new_id
        # The frames of a provider's events that were returned last: a Struct has neither what they leave
        # out nor what they add.
        self._frames: dict[int, tuple[Any, bytes]] = {}
        self._session = open_session(self._events.append)

    def open(self) -> list[Any]:
        """Return the events that the server sends first."""
        self._session.open()
        return self._take_events()

    def feed(self, message: Frame | Tagged | UnknownEvent) -> list[Any]:
        """Feed a client's frame or event. Returns the events that the server sends in return.

        An event is encoded first, so that it is checked as on the wire. A message that the server rejects
        gives an `error` event. A closed session returns nothing.

        Raises:
            EncodeError: `message` is an event that cannot be encoded.
            TypeError: `message` is neither a frame nor an event of this dialect.
        """
        if isinstance(message, (bytes, bytearray, memoryview, str)):
            frame: Frame = message
        else:
            frame = self.encode(message)
        if self.is_closed:
            return []
        try:
            event = self._decode(frame)
            refusals.check_event_id(event)
            types = self._dialect.client_types
            if event.type not in types:
                raise refusals.UNSUPPORTED_VALUE(value=event.type, supported=types, param="type")
            self._session.handle(event, frame)
        except (DecodeError, Refusal) as error:
            refusal = error if isinstance(error, Refusal) else refusals.undecodable(error)
            self._session.refuse(refusal.event(refusals.event_id_of(frame)))
        return self._take_events()

    @property
    def is_responding(self) -> bool:
        """True while a response is in progress, or a closing translation session is not closed."""
        return self._session.is_responding

    @property
    def is_closed(self) -> bool:
        """True once the session has ended: the server closes the connection with 1000."""
        return self._session.is_closed

    def advance(self) -> list[Any]:
        """Return the events of the next step of the response in progress."""
        self._session.advance()
        return self._take_events()

    # --- Live: connections of one session ---

    @property
    def live_session(self) -> live.LiveSessionInfo | None:
        """A Live session as its events show it; None before it has started, and in other dialects."""
        return self._session.settings if isinstance(self._session, LiveServerSession) else None

    def attach(self) -> ServerProtocol:
        """Return the protocol of a sideband connection of this Live session.

        After each call of one of the two, `take_events` of the other returns the events that it has caused.

        Raises:
            ConfigError: the session is not a Live session that has started.
        """
        primary = self._session
        if not isinstance(primary, LiveServerSession) or primary.settings is None:
            raise ConfigError("only a Live session that has started has sidebands")
        sideband = object.__new__(ServerProtocol)
        sideband._begin(self._dialect, self._strict, partial(LiveSideband, primary))
        return sideband

    def take_events(self) -> list[Any]:
        """Return the events that another connection of the session has caused."""
        return self._take_events()

    def end_live_session(self, reason: str) -> list[Any]:
        """End a Live session for a reason, such as "expired". Returns its last event."""
        session = self._session
        if isinstance(session, LiveServerSession) and session.settings is not None and not session.is_closed:
            session.end(reason)
        return self._take_events()

    def disconnect(self) -> None:
        """End the connection. A Live session that is not closed has lost it, and ends."""
        if isinstance(self._session, (LiveServerSession, LiveSideband)):
            self._session.disconnect()

    def encode(self, event: Any) -> bytes:
        """Encode one of the session's events. Send the frame as a text message.

        A provider's events are encoded as that server writes them until the next event is fed.
        """
        found = self._frames.get(id(event))
        if found is not None and found[0] is event:
            return found[1]
        frame: bytes = self._dialect.codec.encode(event)
        return frame

    def _decode(self, frame: Frame) -> Any:
        """Decode a client's frame.

        Raises:
            DecodeError: it cannot be decoded.
            Refusal: the session is strict, and the structure of the event is wrong.
        """
        frame = self._dialect.normalize(frame)
        if not self._strict:
            return self._dialect.lenient_codec.decode_client(frame)
        structure.check(frame, self._dialect.codec.client_events)
        return self._dialect.codec.decode_client(frame)

    def _take_events(self) -> list[Any]:
        """Remove and return the events to send, each with an event_id of its own."""
        events = [*self._events]
        self._events.clear()
        self._frames.clear()
        for index, event in enumerate(events):
            self._event_count += 1
            event_id = self._new_id("event", self._event_count)
            if isinstance(event, dict):
                events[index] = self._own_event(event, event_id)
            elif not isinstance(event, self._dialect.unnumbered):
                event.event_id = event_id
        return events

    def _own_event(self, event: dict[str, Any], event_id: str) -> Any:
        """Return the JSON of a provider's event as its Struct, and keep the frame for `encode`."""
        if "event_id" in event:
            event["event_id"] = event_id
        frame = msgspec.json.encode(event)
        decoded = self._dialect.lenient_codec.decode_server(frame)
        self._frames[id(decoded)] = (decoded, frame)
        return decoded
