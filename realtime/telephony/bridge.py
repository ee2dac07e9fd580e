"""Bridge: one call between a carrier's media WebSocket and a session. No I/O, no clock.

Feed it each frame of either side and send the frames that it returns. This module dispatches messages
and events; `_formats` negotiates the session's formats. Audio takes one path each way (`_paths`); `_player`
tracks how much of an answer was played and stops the rest when the caller speaks. The paths of Live are in `_live`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct, structs

from .. import live
from .._base64 import decoded_nbytes
from .._provider import Provider, ProviderLike, get_provider
from ..beta import from_ga
from ..codec import event_classes
from ..errors import AudioError, ConfigError, DecodeError, snippet
from ..events import (
    AudioConfig,
    ConversationItemCreate,
    ConversationItemDelete,
    RealtimeSession,
    ResponseCreate,
    ServerEvent,
    UnknownEvent,
    beta,
)
from ..events.base import SessionSnapshot
from ..format import SIDES, AudioFormat, AudioFormatLike, Side
from ..spec import LIVE_MODELS
from ..state import Interruption, Playback, ResponseGate
from ..state.live import STOP_SPEAKING
from ._formats import LiveFormats, SessionFormats, check_live_format
from ._live import LiveInput, LivePlayer, LiveUplink
from ._paths import Uplink
from ._player import AudioDropped, DownlinkPlayer
from ._queue import CallerClock
from .call import CallAudio, CallEnded, CallEvent, CallMark, CallStarted
from .carrier import Carrier, UnknownMessage
from .carriers import get_carrier
from .media import MediaFormat, check_convertible
from .order import MAX_DROPOUT, Gap, Reorder
from .splice import Cut, cut_delta, cut_live_delta

if TYPE_CHECKING:
    from .._guard import Frame


# An event of the call or of the session, an interruption, audio of either side that was lost, or a message of
# the carrier that this version does not know.
BridgeEvent: TypeAlias = (
    CallEvent | ServerEvent | live.ServerEvent | Interruption | Gap | AudioDropped | UnknownMessage
)

_CLOSE: Final = live.encode(live.SessionClose()).decode()


class BridgeOutput(Struct, frozen=True, gc=False):
    """The frames to send after one step of a bridge, and its events.

    Send the frames in order, a str as a text message and bytes as a binary one. `events` does not
    contain the caller's audio, has a spliced audio delta without its audio, and a `CallMark` of the
    bridge's own only if its audio was played. An error about a request or a cancellation of the bridge that
    crossed an event of the server on the wire is left out: the bridge sends it again if necessary. A `Gap` comes
    before the audio that follows it.
    """

    to_carrier: tuple[str | bytes, ...] = ()
    to_server: tuple[str, ...] = ()
    events: tuple[BridgeEvent, ...] = ()


_EMPTY: Final = BridgeOutput()


@dataclass(frozen=True, slots=True)
class BridgeStats:
    """Counters of a bridge, in frames.

    The base64 of spliced frames was copied. The audio of re-encoded ones was decoded: to convert
    it, to cut it into frames of the carrier's size, or because its frame was unusual.
    `deltas_dropped` counts deltas that came after an interruption, or did not fit what is retained.
    `messages_lost` counts numbered messages of the carrier that did not arrive (in time);
    `messages_dropped` those that arrived twice or late, from a carrier without guaranteed order.
    `half_samples_dropped` counts 16-bit samples of either side of which only one byte arrived.
    In Live sessions, `silence_dropped` counts the silent deltas that would have delayed later ones, and
    `appends_dropped` the appends that waited too long for the start of the session.
    """

    spliced_to_server: int = 0
    spliced_to_carrier: int = 0
    reencoded_to_server: int = 0
    reencoded_to_carrier: int = 0
    deltas_dropped: int = 0
    messages_lost: int = 0
    messages_dropped: int = 0
    half_samples_dropped: int = 0
    silence_dropped: int = 0
    appends_dropped: int = 0

    @property
    def spliced(self) -> int:
        """Spliced frames of both directions."""
        return self.spliced_to_server + self.spliced_to_carrier

    @property
    def reencoded(self) -> int:
        """Re-encoded frames of both directions."""
        return self.reencoded_to_server + self.reencoded_to_carrier


class Bridge:
    """A call between a carrier and a session.

    `carrier` is a name, a `Carrier` or a carrier's module. `session_format` is the format that the session
    is to use, in any spelling; by default the carrier's own if the server has it, else the nearest that it has.
    Request it with `session_update`; the format that the server states after that takes precedence.
    `play_format` is the format that the carrier plays if its start does not state it (Telnyx:
    ``stream_bidirectional_codec``, PCMU by default).

    `provider` is the server, by name or value: its frames are decoded and encoded with its own
    codec, and its formats are negotiated. By default it is OpenAI. `dialect` is that of the provider by default;
    "live" is for a Live session, described below.

    With `barge_in`, the caller's speech clears the audio that is not yet played, truncates the item
    that was played in part, cancels the response in progress where the server does not, and deletes messages
    that were not played at all unless `delete_unheard` is False; those without audio when their response is
    done. A mark about every 200 ms reports the playback position.

    Request responses with `request_response`, and answer function calls with `answer`: the server refuses
    a request while a response is in progress.

    A carrier is sent no more than it queues (`Carrier.QUEUE_MS`). Audio beyond that is retained, and
    returned by `from_carrier` as marks come back or, if none does, as the caller's audio arrives; at most 30
    minutes, then the newest is dropped with an `AudioDropped`. Not safe for use by two threads at once.

    A Live session begins with `session_start`. The caller's audio waits until the session has started, 10 s of it at most.
    Call `tick` at least every 100 ms: when the carrier sends no audio, it sends silence, without which the model
    stands still. The session's audio never pauses: silence is dropped while more than 100 ms are queued at the
    carrier, by its marks and the clock. The end of the call ends the session, and the reverse. The model itself
    stops when the caller speaks, so `barge_in` is off by default: if it is True, 200 ms of audible audio from the
    caller, which may be the line's echo, drop the model's speech until it pauses.

    Raises:
        ConfigError: an unknown carrier, provider, dialect or format, one that cannot be converted or that the
            provider does not have, or a provider that sends no audio.
        TypeError: a wrong kind of argument.
    """

    def __init__(
        self,
        carrier: str | Carrier | ModuleType,
        session_format: AudioFormatLike | None = None,
        *,
        provider: ProviderLike | None = None,
        dialect: Literal["ga", "beta", "live"] | None = None,
        play_format: MediaFormat | None = None,
        barge_in: bool | None = None,
        delete_unheard: bool = True,
    ) -> None:
        self._carrier = get_carrier(carrier)
        self._provider = row = get_provider("openai" if provider is None else provider)
        self._cut: Cut[Any]
        self._live = LiveInput() if dialect == "live" else None
        if dialect not in (None, "live", row.base):
            raise ConfigError(f"{row.name} does not speak {snippet(repr(dialect))}, but {row.base}")
        if play_format is not None and not isinstance(play_format, MediaFormat):
            raise TypeError(f"play_format is a MediaFormat, not {type(play_format).__name__}")
        self._play_format = play_format or self._carrier.PLAY_FORMAT
        self._gate = ResponseGate()
        self._delete_unheard = delete_unheard
        received, played = self._carrier.FORMAT, self._play_format or self._carrier.FORMAT
        try:
            if self._live is None:
                self._open_ga(received, played, session_format, has_row=provider is not None)
                self._barge_in = barge_in is not False
            else:
                self._open_live(self._live, received, played, session_format, listens=barge_in is True)
        except AudioError as why:
            raise ConfigError(str(why)) from None
        self._retained = self._player.queue.retained
        self._reorder: Reorder[Any] | None = None if self._carrier.IN_ORDER else Reorder(first=1)
        # The next number of a carrier with guaranteed order, before the first one a higher one than any.
        self._next_number = 1 << 64
        # The numbers that were skipped.
        self._lost = 0
        self._unreported = 0
        self._started: CallStarted | None = None
        self._ended = False

    def _open_ga(
        self,
        received: MediaFormat,
        played: MediaFormat,
        session_format: AudioFormatLike | None,
        *,
        has_row: bool,
    ) -> None:
        row, clock = self._provider, CallerClock()
        preferred: dict[Side, AudioFormat] = {}
        if session_format is not None:
            # Without a provider any format: there are servers without a row.
            format_of = row.check_format if has_row else row.format_of
            preferred = {side: format_of(session_format, side) for side in SIDES}
        self._formats = SessionFormats(row, preferred)
        input, output = self._formats.current(received, played)
        self._decode, self._encode = row.decode_server, row.encode
        self._cut, self._handlers, self._foreign = cut_delta, _HANDLERS, _FOREIGN_TO_GA
        self._uplink = Uplink(received, input, clock)
        self._player = DownlinkPlayer(self._carrier, played, output, clock)

    def _open_live(
        self,
        clock: LiveInput,
        received: MediaFormat,
        played: MediaFormat,
        session_format: AudioFormatLike | None,
        *,
        listens: bool,
    ) -> None:
        self._formats = LiveFormats(self._provider, check_live_format(self._provider, session_format))
        input, output = self._formats.current(received, played)
        self._decode, self._encode = live.decode_server, live.encode
        self._cut, self._handlers, self._foreign = cut_live_delta, _LIVE_HANDLERS, _FOREIGN_TO_LIVE
        self._uplink = LiveUplink(received, input, clock, listens=listens)
        self._player = LivePlayer(self._carrier, played, output, clock)

    # --- State ---

    @property
    def provider(self) -> Provider:
        """The server."""
        return self._provider

    @property
    def playback(self) -> Playback:
        """The playback position of the session's audio."""
        self._player.settle()
        return self._player.playback

    @property
    def gate(self) -> ResponseGate:
        """The requests for responses that are held back, and the response in progress. The bridge feeds it."""
        return self._gate

    @property
    def input_format(self) -> AudioFormat:
        """The format of the audio sent to the session."""
        return self._session_formats(self._formats)[0]

    @property
    def output_format(self) -> AudioFormat:
        """The format of the audio that the session sends."""
        return self._session_formats(self._formats)[1]

    def _session_formats(self, formats: SessionFormats) -> tuple[AudioFormat, AudioFormat]:
        return formats.current(self._uplink.media, self._player.downlink.media)

    @property
    def started(self) -> CallStarted | None:
        """The start of the call; None before it."""
        return self._started

    @property
    def ended(self) -> bool:
        """True if the call has ended. Nothing is sent to the carrier any more."""
        return self._ended

    @property
    def stats(self) -> BridgeStats:
        """The counters so far."""
        uplink, downlink, order = self._uplink, self._player.downlink, self._reorder
        return BridgeStats(
            spliced_to_server=uplink.spliced,
            spliced_to_carrier=downlink.spliced,
            reencoded_to_server=uplink.reencoded,
            reencoded_to_carrier=downlink.reencoded,
            deltas_dropped=self._player.dropped,
            messages_lost=order.lost if order else self._lost,
            messages_dropped=order.dropped if order else 0,
            half_samples_dropped=uplink.half_samples + downlink.half_samples,
            silence_dropped=self._player.silent_dropped,
            appends_dropped=0 if self._live is None else self._live.dropped,
        )

    @property
    def backlog_ms(self) -> float:
        """The audio that is not played yet, in milliseconds, as estimated from the carrier's marks and the clock."""
        return self._player.queue.backlog_ms

    # --- The session's settings ---

    def session_update(self, session: RealtimeSession | beta.RealtimeSessionConfig | None = None) -> str:
        """Return the frame of a session.update with `session`'s settings and this bridge's formats.

        Send it when the call has started, because the start states the carrier's format, and at once:
        audio that the bridge returns from now on is in the format that this requests.

        Raises:
            ConfigError: this is a Live session: use `session_start`.
            EncodeError: a field of `session` has a value that it does not allow.
            TypeError: `session` is not the settings of the provider's dialect.
        """
        self._refuse_live("session_start")
        base = _SETTINGS[self._provider.base]
        own = self._provider.session_type
        if session is None:
            session = own()
        elif not isinstance(session, base):
            raise TypeError(
                f"session_update takes a {base.__name__}, as create_session_config makes it, "
                f"not {type(session).__name__}"
            )
        elif not isinstance(session, own):  # a server's own settings are a subclass of those of its base
            settings: Any = session.settings() if isinstance(session, SessionSnapshot) else session
            session = own(**{name: getattr(settings, name) for name in base.__struct_fields__})
        update = self._provider.update_type(session=self._with_formats(session))
        frame = self._encode(update).decode()
        self._on_request()
        return frame

    def session_audio(self) -> AudioConfig:
        """Return the session's audio settings with this bridge's formats and nothing else.

        Send them at once in a session.update: from now on, the bridge assumes that they are requested.

        Raises:
            ConfigError: the provider speaks beta, which has no such settings: use `session_update`. Or this is
                a Live session: use `session_start`.
        """
        self._refuse_live("session_start")
        if self._provider.base != "ga":
            raise ConfigError(f"sessions of {self._provider.name} have no audio settings: use session_update")
        audio: AudioConfig = self._with_formats(RealtimeSession()).audio
        self._on_request()
        return audio

    def session_start(self, session: live.LiveSession | None = None) -> str:
        """Return the frame of a session.start with `session`'s settings and this bridge's format.

        Send it when the call has started, because the start states the carrier's format. Without `session`, the
        model is gpt-live-1. Call it again for another session of the same call, if the first one was lost.

        Raises:
            ConfigError: this is not a Live session: use `session_update`.
            EncodeError: a field of `session` has a value that it does not allow.
            TypeError: `session` is not the settings of a Live session.
        """
        input = self._require_live("session_update")
        if session is None:
            session = live.LiveSession(model=LIVE_MODELS[0])
        elif not isinstance(session, live.LiveSession):
            raise TypeError(f"session_start takes a LiveSession, not {type(session).__name__}")
        format = self._formats.wanted(self._uplink.media, self._player.downlink.media)["input"]
        stated = _LIVE_FORMAT_TYPES[format.encoding](rate=format.sample_rate)
        audio = structs.replace(session.audio or live.LiveAudio(), format=stated)
        frame = live.encode(live.SessionStart(session=structs.replace(session, audio=audio))).decode()
        self._on_request()
        input.restart()
        return frame

    def _require_live(self, instead: str) -> LiveInput:
        if self._live is None:
            raise ConfigError(
                f'this bridge has no Live session: use {instead}, or Bridge(..., dialect="live")'
            )
        return self._live

    def _refuse_live(self, instead: str) -> None:
        if self._live is not None:
            raise ConfigError(f"not available in a Live session: use {instead}")

    def _with_formats(self, session: Any) -> Any:
        received, played = self._uplink.media, self._player.downlink.media
        return self._provider.with_formats(session, self._formats.wanted(received, played))

    def _on_request(self) -> None:
        self._formats.request(self._uplink.media, self._player.downlink.media)
        self._uplink = self._uplink.with_formats(self._uplink.media, self.input_format)

    # --- From the carrier ---

    def from_carrier(self, frame: Frame, /) -> BridgeOutput:
        """Process a frame of the carrier: a str is text, bytes are audio if the carrier sends binary frames.

        Raises:
            DecodeError: the frame is not a valid message. The bridge is unchanged.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        item: Any
        cut = self._carrier.cut_media(frame)
        if cut is not None:
            message, item = cut
            if self._reorder is None:
                append = self._uplink.take(item)
                number = getattr(message, "sequence_number", None)  # `sequence`, without the property's call
                if number is not None:
                    skipped = number - self._next_number
                    self._next_number = number + 1
                    if skipped and (skipped > 0 or self._unreported):
                        self._note_gap(skipped)
                if self._unreported or self._retained:
                    return self._emit(self._after_gap(append))
                return BridgeOutput((), (append,)) if append else _EMPTY
            self._uplink.check(decoded_nbytes(item))
        else:
            message = self._carrier.decode(frame)
            item = message.as_call() or (message if isinstance(message, UnknownMessage) else None)
            if isinstance(item, CallAudio):
                self._uplink.check(len(item.audio))
        if isinstance(item, CallStarted):  # not reordered: commands to the carrier need its stream id
            return self._start(item, message.sequence)
        if isinstance(item, CallEnded):
            return self._end(self._in_order(message.sequence, None), item)
        return self._emit(self._in_order(message.sequence, item))

    def end(self) -> BridgeOutput:
        """Process the end of the carrier's connection. Returns the frames still to be sent to the server."""
        return self._end([], None)

    def tick(self, now_ms: float) -> BridgeOutput:
        """Send the frames that are due at `now_ms`, by any clock that never goes back, such as ``time.monotonic() * 1000``.

        That is retained audio, and silence if a Live session has received none of the caller's audio for more
        than half a second.

        Raises:
            ConfigError: `now_ms` is not finite.
        """
        return self._emit([] if self._live is None else [self._live.tick(now_ms, self._uplink.session)])

    def _in_order(self, sequence: int | None, item: Any) -> list[Any]:
        """Return the items that are due, in order, with the gaps between them."""
        if self._reorder is not None:
            return [item] if sequence is None else self._reorder.push(sequence, item)
        if sequence is not None:
            self._note_gap(sequence - self._next_number)
            self._next_number = sequence + 1
        return self._after_gap(item) if self._unreported and isinstance(item, CallAudio) else [item]

    def _note_gap(self, skipped: int) -> None:
        """Count the numbers that a carrier with guaranteed order skipped, unless it numbers anew."""
        if skipped < 0:  # those that were not reported yet come late
            skipped = -self._unreported
        if skipped <= MAX_DROPOUT:
            self._lost += skipped
            self._unreported += skipped

    def _after_gap(self, item: Any) -> list[Any]:
        """Return `item`, which has audio of the caller, and before it the gap that is not reported yet."""
        gap, self._unreported = self._unreported, 0
        return [Gap(gap), item] if gap else [item]

    def _start(self, call: CallStarted, sequence: int | None) -> BridgeOutput:
        if call == self._started:
            return self._emit(self._in_order(sequence, None))
        received = call.format or self._carrier.FORMAT
        played = self._play_format or received
        sent, heard = self._formats.current(received, played)
        try:
            uplink = self._uplink.with_formats(received, sent)
            self._player.open(call.stream_id, played, heard)
        except AudioError as why:
            raise DecodeError(str(why), event_type="start") from None
        self._uplink, self._started = uplink, call
        output = self._emit(self._in_order(sequence, None))
        early = self._play(self._player.take_early())
        return BridgeOutput(
            output.to_carrier + early.to_carrier, output.to_server, (call, *output.events, *early.events)
        )

    def _end(self, items: list[Any], call: CallEnded | None) -> BridgeOutput:
        """Release all waiting messages and audio. Only the first of several ends becomes an event."""
        if self._reorder is not None:
            items += self._reorder.flush()
        output = self._emit([*items, None if self._ended else call])
        if call is not None:
            self._ended = True
            self._player.close()
        tail = self._uplink.flush()
        frames = (*output.to_server, tail) if tail else output.to_server
        return BridgeOutput((), frames + self._close_session(), output.events)

    def _close_session(self) -> tuple[str, ...]:
        """Return the frame that ends a Live session. One that has not started yet is ended when it has."""
        if self._live is None:
            return ()
        was_open, self._live.is_closed = self._live.is_open, True
        return (_CLOSE,) if was_open else ()

    def _emit(self, items: list[Any]) -> BridgeOutput:
        """Return the output of append frames (str), base64 audio (bytes) and call events, in order."""
        appends: list[str] = []
        events: list[BridgeEvent] = []
        for item in items:
            match item:
                case None:
                    continue
                case bytes():
                    appends.append(self._uplink.splice(item))
                case str():
                    appends.append(item)
                case CallAudio():
                    appends.append(self._uplink.encode(item.audio))
                case CallMark() if not self._player.on_mark(item.name):
                    continue
                case _:
                    events.append(item)
        frames = self._to_carrier(self._player.release()) if self._retained else ()
        if not appends and not events and not frames:
            return _EMPTY
        return BridgeOutput(frames, tuple(filter(None, appends)), tuple(events))

    # --- From the server ---

    def from_server(self, frame: Frame, /) -> BridgeOutput:
        """Process a frame of the server.

        Raises:
            DecodeError: the frame is not a valid event, or one of another dialect. The bridge is unchanged.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        cut = self._cut(frame)
        if cut is not None:
            return self._play(self._player.on_delta(*cut), cut[0])
        event = self._decode(frame)
        if isinstance(event, UnknownEvent):
            other = self._foreign.get(event.type)
            if other is not None:
                raise DecodeError(
                    f"an event of {other}, which this bridge does not speak", event_type=event.type
                )
            return BridgeOutput((), (), (event,))
        handle = self._handlers.get(event.type)
        return BridgeOutput((), (), (event,)) if handle is None else handle(self, event)

    def _on_delta(self, event: Any) -> BridgeOutput:
        return self._play(self._player.on_delta(event), event)

    def _on_part_done(self, event: Any) -> BridgeOutput:
        return self._play(self._player.on_part_done(event), event)

    def _on_response_created(self, event: Any) -> BridgeOutput:
        events = self._gate.feed(event)
        is_outside = (event.response.id or None) != self._gate.response_id
        self._player.on_response_created(event, is_outside=is_outside)
        # A cancellation: the response was requested before an interruption.
        step = self.interrupt() if events else _EMPTY
        return BridgeOutput(step.to_carrier, self._to_server(events) + step.to_server, (event, *step.events))

    def _on_response_done(self, event: Any) -> BridgeOutput:
        frames = self._player.on_response_done(event)
        deletes = self._deletes(self._player.playback.take_unheard())
        step = self._play(frames, event)
        return BridgeOutput(
            step.to_carrier, self._to_server([*deletes, *self._gate.feed(event)]), step.events
        )

    def _on_speech_started(self, event: Any) -> BridgeOutput:
        self._gate.feed(event)
        step = self.interrupt() if self._barge_in else _EMPTY
        return BridgeOutput(step.to_carrier, step.to_server, (event, *step.events))

    def _on_error(self, event: Any) -> BridgeOutput:
        is_crossed = self._gate.is_crossed(event)
        if not is_crossed:
            self._formats.on_error()
        return BridgeOutput((), self._to_server(self._gate.feed(event)), () if is_crossed else (event,))

    def _on_other(self, event: Any) -> BridgeOutput:
        self._player.playback.feed(event)
        return BridgeOutput((), self._to_server(self._gate.feed(event)), (event,))

    def _on_session(self, event: Any) -> BridgeOutput:
        """Note the formats of a session.created or session.updated."""
        formats = self._formats.with_session(event)
        player, uplink = self._player, self._uplink
        input, output = self._session_formats(formats)
        try:
            uplink = uplink.with_formats(uplink.media, input)
            if output != player.session:
                check_convertible(MediaFormat.of_session(output), player.downlink.media)
        except AudioError as why:
            raise DecodeError(str(why), event_type=event.type, path="$.session") from None
        self._formats, self._uplink = formats, uplink
        player.playback.feed(event)
        player.begin(output)
        return BridgeOutput((), self._to_server(self._gate.feed(event)), (event,))

    def _on_live_started(self, event: Any) -> BridgeOutput:
        input = self._live
        assert input is not None  # its events are handled in Live sessions only
        format = self._uplink.session
        self._on_session(event)
        if self._uplink.session != format:
            input.forget()
        frames = input.open()
        if input.is_closed:  # the caller has hung up before
            frames = [_CLOSE]
        return BridgeOutput((), tuple(frames), (event,))

    def _on_live_closed(self, event: Any) -> BridgeOutput:
        assert self._live is not None
        self._ended = self._live.is_closed = True
        self._player.close()
        return BridgeOutput((), (), (event,))

    # --- Responses ---

    def request_response(self, create: ResponseCreate | beta.ResponseCreate | None = None) -> BridgeOutput:
        """Request a response, now or as soon as none is in progress. Without `create`, with the session's settings.

        A GA event is converted if the provider speaks beta.

        Raises:
            ConfigError: beta has no place for a member of `create`, or this is a Live session.
            EncodeError: a field of `create` has a value that it does not allow.
            TypeError: `create` is not a request for a response.
        """
        self._refuse_live("realtime.live.SessionCommentaryAppend")
        create = ResponseCreate() if create is None else create
        if not isinstance(create, (ResponseCreate, beta.ResponseCreate)):
            raise TypeError(f"expected a ResponseCreate, got {type(create).__name__}")
        self._to_server([create])  # raises before anything changes
        return BridgeOutput((), self._to_server(self._gate.request(create)))

    def answer(self, output: ConversationItemCreate | beta.ConversationItemCreate) -> BridgeOutput:
        """Send the output of a function call, and with the last one of a response request the next response.

        That request is held back until the response is done and the caller does not speak.

        Raises:
            ConfigError: this is a Live session.
            EncodeError: a field of `output` has a value that it does not allow.
            TypeError: `output` is not an event with the output of a function call.
        """
        self._refuse_live("realtime.live.Delegations")
        if isinstance(output, (ConversationItemCreate, beta.ConversationItemCreate)):
            self._to_server([output])  # raises before anything changes
        return BridgeOutput((), self._to_server(self._gate.answer(output)))

    def interrupt(self) -> BridgeOutput:
        """Stop the answer: you detect the caller's speech yourself, or the caller pressed a key.

        Clears the carrier's queue, cancels the response in progress and truncates the item at the
        playback position. Deltas of the interrupted response that arrive later are dropped. In a Live session,
        nothing is sent: the model's speech is dropped until it pauses for half a second.
        """
        frames, interruption = self._player.interrupt()
        events = self._gate.interrupt()
        if interruption.truncate is not None:
            events.append(interruption.truncate)
        events += self._deletes(interruption.unplayed_item_ids)
        return BridgeOutput(
            self._to_carrier(frames),
            self._to_server(events),
            (interruption,) if interruption != Interruption() else (),
        )

    def stop_speech(self, instructions: str = STOP_SPEAKING) -> BridgeOutput:
        """Interrupt the model of a Live session as `interrupt` does, and send it `instructions` to stop if it has started.

        Raises:
            ConfigError: this is not a Live session: use `interrupt`.
            EncodeError: `instructions` is not a str.
        """
        input = self._require_live("interrupt")
        append = live.SessionInstructionsAppend(delegation_id=None, content=instructions)
        frame = live.encode(append).decode()  # raises before anything changes
        step = self.interrupt()
        return BridgeOutput(step.to_carrier, (frame,) if input.is_open else (), step.events)

    def _deletes(self, item_ids: tuple[str, ...]) -> list[Any]:
        if not self._delete_unheard:
            return []
        return [ConversationItemDelete(item_id=item_id) for item_id in item_ids]

    def _to_server(self, events: list[Any]) -> tuple[str, ...]:
        """Return the frames of client events. Those of GA are converted to the provider's."""
        return tuple(self._encode(self._as_own(event)).decode() for event in events)

    def _as_own(self, event: Any) -> Any:
        """Return a client event as an event of the provider."""
        if isinstance(event, (ResponseCreate, ConversationItemCreate)):
            event = _FROM_GA[self._provider.base](event)
        own = self._provider.client_type(event.type)
        if type(event) is own or not issubclass(own, type(event)):
            return event
        return own(**{name: getattr(event, name) for name in event.__struct_fields__})

    def _play(self, frames: list[str | bytes], *events: BridgeEvent) -> BridgeOutput:
        """Return the output of frames to the carrier and of events, with what the player reports."""
        reports = self._player.reports
        if reports:
            events += tuple(reports)
            reports.clear()
        return BridgeOutput(self._to_carrier(frames), (), events)

    def _to_carrier(self, frames: list[str | bytes]) -> tuple[str | bytes, ...]:
        return () if self._ended else tuple(frames)


# The settings of a session, by the provider's base.
_SETTINGS: Final[dict[str, Any]] = {"ga": RealtimeSession, "beta": beta.RealtimeSessionConfig}
_FROM_GA: Final[dict[str, Callable[[Any], Any]]] = {"ga": lambda event: event, "beta": from_ga}
# The events that do something, by type.
_HANDLERS: Final[dict[str, Callable[[Bridge, Any], BridgeOutput]]] = {
    **dict.fromkeys(ResponseGate.EVENT_TYPES, Bridge._on_other),
    "session.created": Bridge._on_session,
    "session.updated": Bridge._on_session,
    "input_audio_buffer.speech_started": Bridge._on_speech_started,
    "response.created": Bridge._on_response_created,
    "response.output_audio.delta": Bridge._on_delta,
    "response.audio.delta": Bridge._on_delta,  # beta
    "response.output_audio.done": Bridge._on_part_done,
    "response.audio.done": Bridge._on_part_done,  # beta
    "response.done": Bridge._on_response_done,
    "conversation.item.added": Bridge._on_other,
    "conversation.item.created": Bridge._on_other,  # beta
    "conversation.item.truncated": Bridge._on_other,
    "conversation.item.deleted": Bridge._on_other,
    "error": Bridge._on_error,
}
_LIVE_HANDLERS: Final[dict[str, Callable[[Bridge, Any], BridgeOutput]]] = {
    "session.started": Bridge._on_live_started,
    "session.output_audio.delta": Bridge._on_delta,
    "session.closed": Bridge._on_live_closed,
}
_LIVE_FORMAT_TYPES: Final[dict[str, Any]] = {
    "pcm16": live.PcmFormat,
    "g711_ulaw": live.LivePcmuFormat,
    "g711_alaw": live.LivePcmaFormat,
}


def _types(union: Any, dialect: str) -> dict[str, str]:
    return {str(cls.__struct_config__.tag): dialect for cls in event_classes(union)}


# The types of events that only another dialect has, with its name.
# Every type of translation is one of GA or of Live.
_FOREIGN_TO_GA: Final = _types(live.ServerEvent, "Live")
_FOREIGN_TO_LIVE: Final = _types(beta.ServerEvent, "beta") | _types(ServerEvent, "GA")
