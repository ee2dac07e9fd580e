"""Twilio Media Streams: the messages of its WebSocket, both ways.

Twilio connects to us and sends `Connected`, `Start`, then `Media` every 20 ms. On a bidirectional
stream we send `Media`, `Mark` and `Clear`, as text frames (websockets: ``send(frame, text=True)``).
The functions at the end are those of `carrier.Carrier`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

from .call import CallAudio, CallDigit, CallEnded, CallMark, CallStarted
from .carrier import (
    Carrier,
    CarrierMessage,
    CarrierStruct,
    Channels,
    MarkBody as MarkBody,
    MediaBody as MediaBody,
    MessageReader,
    SampleRate,
    UnknownMessage,
    to_json_str,
)
from .media import MediaFormat

# Source: Twilio's documentation, "Media Streams - WebSocket Messages" and "TwiML Voice: <Stream>"
# (twilio.com/docs/voice/media-streams/websocket-messages). Read 2026-11-24.
# - Audio is mu-law at 8,000 Hz, mono, without headers. Audio sent to Twilio may have any length.
# - sequenceNumber, chunk and timestamp (ms since the stream's start) are strings of digits.
# - A track is "inbound" (the caller) or "outbound"; in dtmf it is "inbound_track".
# - A mark comes back once the audio sent before it was played; clear returns all pending marks.
# - Messages arrive in the order of their sequenceNumber, from 1 on; connected has none.
# More than ten minutes of queued audio is not accepted: error 31931, sent once a stream
# (twilio.com/docs/api/errors/31931). Read 2026-11-29.


class _Twilio(CarrierMessage, tag_field="event", rename="camel"):
    """A message of this wire."""


class _Numbered(_Twilio, kw_only=True):
    """A message that Twilio numbers if it is the sender."""

    string_ints: ClassVar[frozenset[str]] = frozenset({"sequence_number"})

    sequence_number: int | None = None


class _Body(CarrierStruct, rename="camel"):
    """The object under the key that is also the message's type."""


# --- Messages of Twilio --------------------------------------------------------------


class Connected(_Twilio, tag="connected"):
    """The first message: the WebSocket is open."""

    protocol: str | None = None
    version: str | None = None


class StartFormat(_Body):
    """The stream's audio format."""

    encoding: str
    sample_rate: SampleRate
    channels: Channels | None = None


class StartBody(_Body):
    """The stream and its call; `custom_parameters` are those of the TwiML's <Parameter>s."""

    stream_sid: str
    call_sid: str | None = None
    account_sid: str | None = None
    tracks: list[str] | None = None
    custom_parameters: dict[str, Any] | None = None
    media_format: StartFormat | None = None


class Start(_Numbered, tag="start"):
    """The stream has started. Sent once, after `Connected`."""

    start: StartBody
    stream_sid: str | None = None

    @property
    def format(self) -> MediaFormat:
        """The format of the stream's audio, both ways."""
        stated = self.start.media_format
        if stated is None:
            return FORMAT
        return MediaFormat.of(stated.encoding, stated.sample_rate, stated.channels or 1)

    def as_call(self) -> CallStarted:
        """Return the start of the call."""
        body = self.start
        return CallStarted(body.stream_sid, body.call_sid, self.format, body.custom_parameters or {})


class DtmfBody(_Body):
    """A key: 0-9, * or #."""

    digit: str
    track: str | None = None


class Dtmf(_Numbered, tag="dtmf"):
    """The caller pressed a key."""

    stream_sid: str
    dtmf: DtmfBody

    def as_call(self) -> CallDigit:
        """Return the key."""
        return CallDigit(self.dtmf.digit)


class StopBody(_Body):
    """The call whose stream has ended."""

    account_sid: str | None = None
    call_sid: str | None = None


class Stop(_Numbered, tag="stop"):
    """The stream or the call has ended."""

    stream_sid: str
    stop: StopBody | None = None

    def as_call(self) -> CallEnded:
        """Return the end of the call."""
        return CallEnded()


# --- Messages both ways --------------------------------------------------------------


class Media(_Numbered, tag="media"):
    """From Twilio: 20 ms of a track. To Twilio: audio to play after the audio sent before."""

    has_audio: ClassVar[bool] = True

    stream_sid: str
    media: MediaBody

    def as_call(self) -> CallAudio | None:
        """Return the caller's audio; None for the other track."""
        return self.media.as_call(self.sequence_number)


class Mark(_Numbered, tag="mark"):
    """To Twilio: report when the audio sent so far was played. From Twilio: it was, or was cleared."""

    stream_sid: str
    mark: MarkBody

    def as_call(self) -> CallMark:
        """Return the mark."""
        return CallMark(self.mark.name)


# --- Messages to Twilio --------------------------------------------------------------


class Clear(_Twilio, tag="clear"):
    """Drop the audio that is not yet played."""

    stream_sid: str


Message: TypeAlias = Connected | Start | Media | Dtmf | Mark | Stop | UnknownMessage
Command: TypeAlias = Media | Mark | Clear | UnknownMessage


# --- The carrier ---------------------------------------------------------------------


class Twilio(Carrier):
    """Twilio Media Streams."""

    NAME = "twilio"
    FORMAT = MediaFormat("PCMU", 8_000)
    QUEUE_MS = 600_000

    messages = MessageReader[Message](Message)
    commands = MessageReader[Command](Command)

    def media_head(self, stream_id: str, format: MediaFormat | None) -> bytes:
        """Return the bytes of a `Media` before its base64. Twilio's format is fixed."""
        return b'{"event":"media","streamSid":%b,"media":{"payload":"' % to_json_str(stream_id)

    def encode_mark(self, name: str, stream_id: str) -> bytes:
        """Return the frame of a `Mark`. Raises what `encode` raises."""
        names = to_json_str(stream_id), to_json_str(name)
        return b'{"event":"mark","streamSid":%b,"mark":{"name":%b}}' % names

    def encode_clear(self, stream_id: str) -> bytes:
        """Return the frame of a `Clear`. Raises what `encode` raises."""
        return self.encode(Clear(stream_id))


CARRIER: Final = Twilio()
FORMAT = CARRIER.FORMAT
decode, decode_command = Twilio.messages.read, Twilio.commands.read
encode: Callable[[Message | Command], bytes] = CARRIER.encode
encode_media, encode_mark, encode_clear = CARRIER.encode_media, CARRIER.encode_mark, CARRIER.encode_clear
cut_media = CARRIER.cut_media
