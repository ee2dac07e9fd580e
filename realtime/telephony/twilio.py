"""Twilio Media Streams: the messages of its WebSocket, both ways.

Twilio connects to us and sends `Connected`, `Start`, then `Media` every 20 ms; on a bidirectional
stream we send `Media`, `Mark` and `Clear`, as text frames (websockets: ``send(frame, text=True)``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ._base64 import base64_of
from ._splice import append_splicer, cut_delta, is_callers, media_cutter
from ._wire import (
    Audio,
    CarrierMessage,
    Channels,
    Reader,
    SampleRate,
    UnknownMessage,
    Wire,
    json_str,
    write,
)
from .call import CallAudio, CallDigit, CallEnded, CallMark, CallStarted
from .media import MediaFormat

if TYPE_CHECKING:
    from .._types import Buffer, Frame

# Source: Twilio's documentation, "Media Streams - WebSocket Messages" and "TwiML Voice: <Stream>"
# (twilio.com/docs/voice/media-streams/websocket-messages). Read 2026-11-24.
# - Audio is mu-law at 8,000 Hz, mono, without headers; what is sent to Twilio may be of any length.
# - sequenceNumber, chunk and timestamp (ms since the stream's start) are strings of digits.
# - A track is "inbound" (the caller) or "outbound"; in dtmf it is "inbound_track".
# - A mark comes back once what was sent before it was played; clear sends all that are left back.
# - Messages come in the order of their sequenceNumber, from 1 on; connected has none.
NAME: Final = "twilio"
IN_ORDER: Final = True
FORMAT: Final = MediaFormat("PCMU", 8_000)
MEDIA_IS_BINARY: Final = False
FRAME_MS: Final = None


class _Twilio(CarrierMessage, tag_field="event", rename="camel"):
    """A message of this wire."""


class _Numbered(_Twilio, kw_only=True):
    """A message that Twilio numbers when it sends it."""

    digits: ClassVar[frozenset[str]] = frozenset({"sequence_number"})

    sequence_number: int | None = None

    @property
    def sequence(self) -> int | None:
        """Twilio's number of this message."""
        return self.sequence_number


class _Body(Wire, rename="camel"):
    """What a message carries under the key of its own name."""


# --- Messages of Twilio --------------------------------------------------------------


class Connected(_Twilio, tag="connected"):
    """The first message: the WebSocket is open."""

    protocol: str | None = None
    version: str | None = None


class StartFormat(_Body):
    """What the audio is."""

    encoding: str
    sample_rate: SampleRate
    channels: Channels | None = None


class StartBody(_Body):
    """What the stream is; `custom_parameters` are those of the TwiML's <Parameter>s."""

    stream_sid: str
    call_sid: str | None = None
    account_sid: str | None = None
    tracks: list[str] | None = None
    custom_parameters: dict[str, Any] | None = None
    media_format: StartFormat | None = None


class Start(_Numbered, tag="start"):
    """The stream begins. Sent once, after `Connected`."""

    start: StartBody
    stream_sid: str | None = None

    @property
    def format(self) -> MediaFormat:
        """What the stream's audio is, both ways."""
        told = self.start.media_format
        return MediaFormat.of(told.encoding, told.sample_rate, told.channels or 1) if told else FORMAT

    def as_call(self) -> CallStarted:
        """The call begins."""
        body = self.start
        return CallStarted(body.stream_sid, body.call_sid, self.format, body.custom_parameters or {})


class DtmfBody(_Body):
    """Which key: 0-9, * or #."""

    digit: str
    track: str | None = None


class Dtmf(_Numbered, tag="dtmf"):
    """The caller pressed a key."""

    stream_sid: str
    dtmf: DtmfBody

    def as_call(self) -> CallDigit:
        """The key."""
        return CallDigit(self.dtmf.digit)


class StopBody(_Body):
    """What has ended."""

    account_sid: str | None = None
    call_sid: str | None = None


class Stop(_Numbered, tag="stop"):
    """The stream has ended, or the call has."""

    stream_sid: str
    stop: StopBody | None = None

    def as_call(self) -> CallEnded:
        """The call ends."""
        return CallEnded()


# --- Messages both ways --------------------------------------------------------------


class MediaBody(_Body):
    """Raw audio; the rest only from Twilio: `timestamp` in ms since the stream's start."""

    digits: ClassVar[frozenset[str]] = frozenset({"chunk", "timestamp"})

    payload: Audio
    track: str | None = None
    chunk: int | None = None
    timestamp: int | None = None


class Media(_Numbered, tag="media"):
    """From Twilio: 20 ms of a track. To Twilio: audio to play after what was sent before."""

    has_audio: ClassVar[bool] = True

    stream_sid: str
    media: MediaBody

    def as_call(self) -> CallAudio | None:
        """What the caller says; None for the other track."""
        body = self.media
        if not is_callers(body.track):
            return None
        return CallAudio(body.payload, self.sequence_number, body.timestamp)


class MarkBody(_Body):
    """The mark's name."""

    name: str


class Mark(_Numbered, tag="mark"):
    """To Twilio: tell when what was sent so far was played. From Twilio: it was, or was cleared."""

    stream_sid: str
    mark: MarkBody

    def as_call(self) -> CallMark:
        """The mark is reached."""
        return CallMark(self.mark.name)


# --- Messages to Twilio --------------------------------------------------------------


class Clear(_Twilio, tag="clear"):
    """Drop what is not yet played."""

    stream_sid: str


Message = Connected | Start | Media | Dtmf | Mark | Stop | UnknownMessage
Command = Media | Mark | Clear | UnknownMessage

_MESSAGES: Reader[Message] = Reader(Message)
_COMMANDS: Reader[Command] = Reader(Command)

# What the carrier sends, and what it receives (for tests and stand-ins): see `Reader.read`.
decode = _MESSAGES.read
decode_command = _COMMANDS.read


def encode(message: Message | Command, /) -> bytes:
    """`message` as one compact UTF-8 JSON frame.

    Raises:
        EncodeError: it holds what its fields do not allow.
        TypeError: it is no message of this wire.
    """
    return write(message, _MESSAGES, _COMMANDS)


# --- Frames without messages ---------------------------------------------------------


def _media_frame(stream_id: str, base64: bytes) -> bytes:
    return b"".join((_media_head(stream_id), base64, b'"}}'))


@lru_cache(maxsize=4096)  # as many streams at once
def _media_head(stream_id: str) -> bytes:
    return b'{"event":"media","streamSid":%b,"media":{"payload":"' % json_str(stream_id)


def encode_media(audio: Buffer | str, stream_id: str, format: MediaFormat | None = None) -> bytes:
    """The frame of a `Media` that plays `audio`: raw bytes, or a str that is base64 already.

    `format` is the stream's, which Twilio knows.

    Raises:
        EncodeError: a str that is not base64.
        TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
    """
    return _media_frame(stream_id, base64_of(audio))


def encode_mark(name: str, stream_id: str) -> bytes:
    """The frame of a `Mark`. Raises what `encode` raises."""
    return encode(Mark(stream_id, MarkBody(name)))


def encode_clear(stream_id: str) -> bytes:
    """The frame of a `Clear`. Raises what `encode` raises."""
    return encode(Clear(stream_id))


# The message of a frame of the caller's audio, and the audio as base64; None for every other
# frame, and where the frame is not plain: `decode` reads what there is to be read of it.
cut_media = media_cutter(_MESSAGES, Media)

# The append frame of such a frame, as `realtime.encode_append` writes it for its audio; or None.
media_to_append = append_splicer(cut_media)


def delta_to_media(frame: Frame, stream_id: str, format: MediaFormat | None = None) -> bytes | None:
    """The frame of the `Media` that plays an audio delta of GA or beta; None for every other frame.

    None too where the delta is not plain; what it carries must be in the stream's format.
    """
    cut = cut_delta(frame)
    return None if cut is None else _media_frame(stream_id, cut[1])
