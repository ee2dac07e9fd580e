"""Telnyx media streaming over WebSockets: its messages, both ways.

Telnyx connects to us, sends `Connected`, `Start`, then `Media`. On a bidirectional stream
(``stream_bidirectional_mode: "rtp"``) we send `Media`, `Mark` and `Clear`, as text frames. The order of
messages is not guaranteed: `order.Reorder` sorts all of them by `sequence`. The functions at the
end are those of `carrier.Carrier`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from msgspec import field

from .call import CallAudio, CallDigit, CallEnded, CallFault, CallMark, CallStarted
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

if TYPE_CHECKING:
    from ..append import Buffer

# Source: Telnyx's documentation, "Media Streaming over WebSockets" and the AsyncAPI page "Stream call
# media over WebSocket" (developers.telnyx.com). Read 2026-11-24.
# - The order of media frames is not guaranteed; chunk, timestamp and sequence_number restore it.
# - payload is an RTP payload without its header: PCMU, PCMA, G722, OPUS, AMR-WB or L16.
# - sequence_number, chunk and timestamp are strings of digits; sequence_number is 1 in start.
# - A frame sent to Telnyx lasts from 20 ms to 30 s, in the codec that the call was set to
#   (stream_bidirectional_codec), which start does not state. Commands have no stream_id.
# - A mark comes back once the audio sent before it was played, at once if nothing is queued;
#   clear returns all pending marks.
# The byte order of L16 is not documented; that of RTP's L16 (RFC 3551, section 4.5.11) is used.
# How much audio Telnyx queues is on neither page, nor a code for too much in its catalogue of errors
# (developers.telnyx.com/data/api-errors.json). Read 2026-11-29.


class _Telnyx(CarrierMessage, tag_field="event"):
    """A message of this wire."""


class _Numbered(_Telnyx, kw_only=True):
    """A message that Telnyx numbers if it is the sender."""

    string_ints: ClassVar[frozenset[str]] = frozenset({"sequence_number"})

    sequence_number: int | None = None
    stream_id: str | None = None


# --- Messages of Telnyx --------------------------------------------------------------


class Connected(_Telnyx, tag="connected"):
    """The first message: the WebSocket is open."""

    version: str | None = None


class StartFormat(CarrierStruct):
    """The format of the audio from Telnyx."""

    encoding: str
    sample_rate: SampleRate
    channels: Channels | None = None


class StartBody(CarrierStruct):
    """The call. `client_state` is the base64 that was passed to Telnyx; `custom_parameters` is an object."""

    media_format: StartFormat | None = None
    call_control_id: str | None = None
    call_session_id: str | None = None
    user_id: str | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None
    tags: list[str] | None = None
    client_state: str | None = None
    custom_parameters: Any = None


class Start(_Numbered, tag="start"):
    """The stream has started. Sent once, before any media."""

    start: StartBody

    @property
    def format(self) -> MediaFormat:
        """The format of the audio from Telnyx."""
        stated = self.start.media_format
        if stated is None:
            return FORMAT
        return MediaFormat.of(stated.encoding, stated.sample_rate, stated.channels or 1, big_endian=True)

    def as_call(self) -> CallStarted:
        """Return the start of the call."""
        stated = self.start.custom_parameters
        parameters = stated if isinstance(stated, dict) else {}
        return CallStarted(self.stream_id or "", self.start.call_control_id, self.format, parameters)


class DtmfBody(CarrierStruct):
    """A key."""

    digit: str


class Dtmf(_Numbered, tag="dtmf"):
    """A key was pressed; `occurred_at` is a date in ISO 8601."""

    dtmf: DtmfBody
    occurred_at: str | None = None

    def as_call(self) -> CallDigit:
        """Return the key."""
        return CallDigit(self.dtmf.digit)


class StopBody(CarrierStruct):
    """The call whose stream has ended."""

    user_id: str | None = None
    call_control_id: str | None = None


class Stop(_Numbered, tag="stop"):
    """The stream has ended."""

    stop: StopBody | None = None

    def as_call(self) -> CallEnded:
        """Return the end of the call."""
        return CallEnded()


class ErrorBody(CarrierStruct):
    """An error: its number, its name, a sentence."""

    code: int | str | None = None
    title: str | None = None
    detail: str | None = None


class Error(_Numbered, tag="error"):
    """Telnyx could not use a command, or could not stream."""

    payload: ErrorBody

    def as_call(self) -> CallFault:
        """Return the error."""
        body = self.payload
        return CallFault(body.detail or body.title or "", body.code)


# --- Messages both ways --------------------------------------------------------------


class Media(_Numbered, tag="media"):
    """From Telnyx: audio of a track. To Telnyx: 20 ms to 30 s to play after the audio sent before."""

    has_audio: ClassVar[bool] = True

    media: MediaBody

    def as_call(self) -> CallAudio | None:
        """Return the caller's audio; None for the other track."""
        return self.media.as_call(self.sequence_number)


class Mark(_Numbered, tag="mark"):
    """To Telnyx: report when the audio sent so far was played. From Telnyx: it was, or was cleared."""

    mark: MarkBody

    def as_call(self) -> CallMark:
        """Return the mark."""
        return CallMark(self.mark.name)


# --- Messages to Telnyx --------------------------------------------------------------


class Clear(_Telnyx, tag="clear"):
    """Drop the audio that is not yet played."""


Message: TypeAlias = Connected | Start | Media | Dtmf | Mark | Stop | Error | UnknownMessage
Command: TypeAlias = Media | Mark | Clear | UnknownMessage


# --- The carrier ---------------------------------------------------------------------


class Telnyx(Carrier):
    """Telnyx media streaming. Its commands have no stream id and no format."""

    NAME = "telnyx"
    FORMAT = MediaFormat("PCMU", 8_000)
    # The default of stream_bidirectional_codec.
    PLAY_FORMAT = FORMAT
    IN_ORDER = False
    MIN_MEDIA_MS = 20
    MAX_MEDIA_MS = 30_000
    QUEUE_MS = None  # not documented

    messages = MessageReader[Message](Message)
    commands = MessageReader[Command](Command)

    def media_head(self, stream_id: str, format: MediaFormat | None) -> bytes:
        """Return the bytes of a `Media` before its base64."""
        return b'{"event":"media","media":{"payload":"'

    def encode_media(
        self, audio: Buffer | str, stream_id: str = "", format: MediaFormat | None = None
    ) -> bytes:
        """Return the frame of a `Media` with `audio`, as `Carrier.encode_media`."""
        return super().encode_media(audio, stream_id, format)

    def encode_mark(self, name: str, stream_id: str = "") -> bytes:
        """Return the frame of a `Mark`. Raises what `encode` raises."""
        return b'{"event":"mark","mark":{"name":%b}}' % to_json_str(name)

    def encode_clear(self, stream_id: str = "") -> bytes:
        """Return the frame of a `Clear`."""
        return self.encode(Clear())


CARRIER: Final = Telnyx()
FORMAT = CARRIER.FORMAT
decode, decode_command = Telnyx.messages.read, Telnyx.commands.read
encode: Callable[[Message | Command], bytes] = CARRIER.encode
encode_media, encode_mark, encode_clear = CARRIER.encode_media, CARRIER.encode_mark, CARRIER.encode_clear
cut_media = CARRIER.cut_media
