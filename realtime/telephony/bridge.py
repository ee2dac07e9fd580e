"""Bridge: one call between a carrier's media WebSocket and a session. No I/O, no clock.

Give it each frame of either side, and send what it returns. Audio of the same format on both sides
goes through as the base64 that it is (`_paths`); `Playback` inside knows what the caller has heard, by
the marks that the carrier returns, and cuts the rest when the caller speaks (`_voice`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from ..codec import decode_server, encode
from ..errors import AudioError, ConfigError, DecodeError, snippet
from ..events import (
    AudioConfig,
    ConversationItemDelete,
    RealtimeSession,
    SessionUpdate,
    UnknownEvent,
)
from ..format import AudioFormat
from ..state.playback import Interruption, Playback
from ._base64 import nbytes_of
from ._bridged import Bridged, BridgeEvent, BridgeStats
from ._formats import SessionFormats
from ._paths import Uplink
from ._splice import cut_delta
from ._voice import Voice
from .call import CallAudio, CallEnded, CallMark, CallStarted
from .carrier import CARRIERS, Carrier
from .media import MediaFormat
from .order import Gap, Reorder

if TYPE_CHECKING:
    from .._types import Frame

_NOTHING: Final = Bridged()


class Bridge:
    """A call between a `carrier`, by its name or its module, and a session.

    `session_format` is what the session speaks, in any spelling; None for the carrier's own format where
    a session can speak it, and PCM16 otherwise. Ask for it with `session_update`; what the server
    then says that it speaks is believed. `play_format` is what the carrier plays, where that is not
    what its start tells (Telnyx: ``stream_bidirectional_codec``, PCMU unless it is given).

    With `barge_in`, the caller's speech clears what is not yet played, truncates the item that was
    heard in part, and deletes those of which nothing was heard unless `delete_unheard` is false.
    A mark about every 200 ms tells what was heard. Not safe for use by two threads at once.

    Raises:
        ConfigError: an unknown carrier or format, or one that is not converted.
        TypeError: a wrong kind of argument.
    """

    def __init__(
        self,
        carrier: str | Carrier,
        session_format: object = None,
        *,
        play_format: MediaFormat | None = None,
        barge_in: bool = True,
        delete_unheard: bool = True,
    ) -> None:
        self._carrier = _carrier(carrier)
        self._formats = SessionFormats(None if session_format is None else AudioFormat.of(session_format))
        if play_format is not None and not isinstance(play_format, MediaFormat):
            raise TypeError(f"play_format is a MediaFormat, not {type(play_format).__name__}")
        # Where the start does not tell what is played, the carrier's default is.
        self._play_format: MediaFormat | None = play_format or getattr(self._carrier, "PLAY_FORMAT", None)
        self._barge_in = barge_in
        self._delete_unheard = delete_unheard
        heard, played = self._carrier.FORMAT, self._play_format or self._carrier.FORMAT
        try:
            self._up = Uplink(heard, self._formats.suited(heard))
            self._voice = Voice(self._carrier, played, self._formats.suited(played))
        except AudioError as why:
            raise ConfigError(str(why)) from None
        self._reorder: Reorder[Any] | None = None if self._carrier.IN_ORDER else Reorder(first=1)
        self._started: CallStarted | None = None
        self._ended = False

    # --- What it is ---

    @property
    def playback(self) -> Playback:
        """What of the session's audio was heard."""
        return self._voice.playback

    @property
    def input_format(self) -> AudioFormat:
        """What the session is sent."""
        return self._formats.input(self._up.media)

    @property
    def output_format(self) -> AudioFormat:
        """What the session sends."""
        return self._formats.output(self._voice.down.media)

    @property
    def started(self) -> CallStarted | None:
        """What the carrier told when the stream began."""
        return self._started

    @property
    def ended(self) -> bool:
        """Whether the call is over: nothing goes to the carrier any more."""
        return self._ended

    @property
    def stats(self) -> BridgeStats:
        """What went through so far."""
        up, down, order = self._up, self._voice.down, self._reorder
        return BridgeStats(
            spliced_to_server=up.spliced,
            spliced_to_carrier=down.spliced,
            reencoded_to_server=up.reencoded,
            reencoded_to_carrier=down.reencoded,
            deltas_dropped=self._voice.dropped,
            messages_lost=order.lost if order else 0,
            messages_dropped=order.dropped if order else 0,
        )

    # --- The session's settings ---

    def session_update(self, session: RealtimeSession | None = None) -> str:
        """The frame of a session.update that asks for this bridge's formats, beside what `session` says.

        Send it once the call has started, as a carrier tells its format then, and at once: audio that
        the bridge gives from now on is in the format that this asks for.

        Raises:
            EncodeError: `session` holds what its fields do not allow.
            TypeError: `session` is no RealtimeSession.
        """
        if session is not None and not isinstance(session, RealtimeSession):
            raise TypeError(
                f"session_update takes a RealtimeSession, as create_session_config makes it, "
                f"not {type(session).__name__}"
            )
        session = session or RealtimeSession()
        ours = self._formats.settings(self._up.media, self._voice.down.media)
        audio = session.audio or AudioConfig()
        wanted = msgspec.structs.replace(
            audio, input=_merged(audio.input, ours.input), output=_merged(audio.output, ours.output)
        )
        frame = encode(SessionUpdate(session=msgspec.structs.replace(session, audio=wanted))).decode()
        self._asked()
        return frame

    def session_audio(self) -> AudioConfig:
        """The session's audio settings that ask for this bridge's formats, and nothing else.

        Whoever calls this asks: send it at once, as a part of a session.update.
        """
        settings = self._formats.settings(self._up.media, self._voice.down.media)
        self._asked()
        return settings

    def _asked(self) -> None:
        self._formats.asked(self._up.media, self._voice.down.media)
        self._up = self._up.tuned(self._up.media, self.input_format)

    # --- From the carrier ---

    def from_carrier(self, frame: Frame, /) -> Bridged:
        """A frame of the carrier: a str is text, bytes are audio where the carrier has that in binary frames.

        Raises:
            DecodeError: the frame is not what it should be; the bridge is as it was.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        cut = self._carrier.cut_media(frame)
        if cut is not None:
            message, item = cut
            self._up.check(nbytes_of(item))
            if self._reorder is None:
                append = self._up.splice(item)
                return Bridged((), (append,)) if append else _NOTHING
        else:
            message = self._carrier.decode(frame)
            item = message.as_call()
            if isinstance(item, CallAudio):
                self._up.check(len(item.audio))
        if isinstance(item, CallStarted):  # whatever its number: what comes after it has to be addressed
            return self._start(item, message.sequence)
        if isinstance(item, CallEnded):
            return self._end(self._in_order(message.sequence, None), item)
        return self._told(self._in_order(message.sequence, item))

    def end(self) -> Bridged:
        """The carrier's connection is closed: what is left to be sent to the server."""
        return self._end([], None)

    def _in_order(self, sequence: int | None, item: Any) -> list[Any]:
        if self._reorder is None or sequence is None:
            return [item]
        return self._reorder.push(sequence, item)

    def _start(self, call: CallStarted, sequence: int | None) -> Bridged:
        if call == self._started:
            return self._told(self._in_order(sequence, None))
        heard = call.format or self._carrier.FORMAT
        played = self._play_format or heard
        try:
            up = self._up.tuned(heard, self._formats.input(heard))
            self._voice.open(call.stream_id, played, self._formats.output(played))
        except AudioError as why:
            raise DecodeError(str(why), event_type="start") from None
        self._up, self._started = up, call
        told = self._told(self._in_order(sequence, None))
        return Bridged(self._to_carrier(self._voice.early()), told.to_server, (call, *told.events))

    def _end(self, items: list[Any], call: CallEnded | None) -> Bridged:
        """Nothing more is waited for; only the first of several ends is told."""
        if self._reorder is not None:
            items += self._reorder.flush()
        told = self._told([*items, None if self._ended else call])
        self._ended = self._ended or call is not None
        tail = self._up.flush()
        return Bridged((), (*told.to_server, tail) if tail else told.to_server, told.events)

    def _told(self, items: list[Any]) -> Bridged:
        """What comes of things in the order in which the carrier sent them."""
        appends: list[str] = []
        events: list[BridgeEvent] = []
        for item in items:
            match item:
                case None | Gap():
                    continue
                case bytes():
                    appends.append(self._up.splice(item))
                case CallAudio():
                    appends.append(self._up.encode(item.audio))
                case CallMark() if not self._voice.marked(item.name):
                    continue
                case _:
                    events.append(item)
        return Bridged((), tuple(filter(None, appends)), tuple(events)) if appends or events else _NOTHING

    # --- From the server ---

    def from_server(self, frame: Frame, /) -> Bridged:
        """A frame of the server.

        Raises:
            DecodeError: the frame is not what it should be; the bridge is as it was.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        cut = cut_delta(frame)
        if cut is not None:
            return Bridged(self._to_carrier(self._voice.delta(*cut)), (), (cut[0],))
        event = decode_server(frame)
        handle = None if isinstance(event, UnknownEvent) else _ON_SERVER.get(event.type)
        if handle is not None:
            return handle(self, event)
        self.playback.feed(event)
        return Bridged((), (), (event,))

    def interrupt(self) -> Bridged:
        """What is not yet played shall not be: for those who find out by themselves that the caller speaks.

        Clears the carrier's queue and tells the model what was heard. What still comes of what was
        cut is late, and dropped.
        """
        frames, cut = self._voice.interrupt()
        fixes: list[Any] = [] if cut.truncate is None else [cut.truncate]
        if self._delete_unheard:
            fixes += [ConversationItemDelete(item_id=item_id) for item_id in cut.unheard]
        return Bridged(
            self._to_carrier(frames),
            tuple(encode(fix).decode() for fix in fixes),
            (cut,) if cut != Interruption() else (),
        )

    def _on_delta(self, event: Any) -> Bridged:
        return Bridged(self._to_carrier(self._voice.delta(event, None)), (), (event,))

    def _on_part_done(self, event: Any) -> Bridged:
        return Bridged(self._to_carrier(self._voice.part_done(event)), (), (event,))

    def _on_response_created(self, event: Any) -> Bridged:
        return Bridged(self._to_carrier(self._voice.response_created(event)), (), (event,))

    def _on_response_done(self, event: Any) -> Bridged:
        return Bridged(self._to_carrier(self._voice.response_done(event)), (), (event,))

    def _on_speech_started(self, event: Any) -> Bridged:
        cut = self.interrupt() if self._barge_in else _NOTHING
        return Bridged(cut.to_carrier, cut.to_server, (event, *cut.events))

    def _on_session(self, event: Any) -> Bridged:
        """What the server says that it speaks; and that it hears, once it was asked."""
        self._formats.told(event)
        self._up = self._up.tuned(self._up.media, self.input_format)
        self._voice.session = self.output_format
        self.playback.feed(event)
        return Bridged((), (), (event,))

    def _on_error(self, event: Any) -> Bridged:
        """A session.update may have failed, and has no other answer."""
        self._formats.failed()
        self.playback.feed(event)
        return Bridged((), (), (event,))

    def _to_carrier(self, frames: list[str | bytes]) -> tuple[str | bytes, ...]:
        return () if self._ended else tuple(frames)


def _carrier(carrier: Any) -> Carrier:
    if not isinstance(carrier, str):
        if not callable(getattr(carrier, "cut_media", None)):
            raise TypeError(f"a carrier is a name or a module, not {type(carrier).__name__}")
        return carrier  # type: ignore[no-any-return]
    found = CARRIERS.get(carrier)
    if found is None:
        raise ConfigError(f"unknown carrier {snippet(repr(carrier))}; known are {', '.join(CARRIERS)}")
    return found


def _merged(side: Any, ours: Any) -> Any:
    """One side of a session's audio, in our format."""
    return msgspec.structs.replace(side, format=ours.format) if side else ours


_Handle: TypeAlias = Callable[[Bridge, Any], Bridged]
# By the wire's names. What is not here is the caller's to look at, and Playback's.
_ON_SERVER: Final[dict[str, _Handle]] = {
    "response.output_audio.delta": Bridge._on_delta,
    "response.output_audio.done": Bridge._on_part_done,
    "response.created": Bridge._on_response_created,
    "response.done": Bridge._on_response_done,
    "input_audio_buffer.speech_started": Bridge._on_speech_started,
    "error": Bridge._on_error,
    "session.created": Bridge._on_session,
    "session.updated": Bridge._on_session,
}
