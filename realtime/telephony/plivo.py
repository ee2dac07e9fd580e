"""Plivo audio streaming: the messages of its WebSocket, both ways.

Plivo connects to us, sends `Start`, then `Media`. On a bidirectional stream we send `PlayAudio`,
`Checkpoint`, `ClearAudio` and `SendDTMF`, as text frames. The functions at the end are those of
`carrier.Carrier`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from msgspec import field

from .call import CallAudio, CallCleared, CallDigit, CallEnded, CallMark, CallStarted
from .carrier import (
    Audio,
    Carrier,
    CarrierMessage,
    CarrierStruct,
    MediaBody as _MediaBody,
    MessageReader,
    SampleRate,
    UnknownMessage,
    to_json_str,
)
from .media import MediaFormat

if TYPE_CHECKING:
    from ..append import Buffer

# Source: Plivo's documentation, "Audio Streaming" and "Stream events to Plivo" (plivo.com/docs/voice).
# Read 2026-11-24.
# - Audio is audio/x-mulaw at 8,000 Hz or audio/x-l16 at 8,000 or 16,000 Hz, in base64; playAudio
#   states its format, and has no streamId.
# - sequenceNumber and chunk are numbers; timestamp is a string of digits, ms since 1970.
# - playedStream comes once the audio sent before the checkpoint was played, and never if it was cleared.
# - extra_headers is the text of the XML's extraHeaders: "name=value;name=value".
# The byte order of x-l16 is not documented; Plivo's own examples assume little-endian.
# `stop` is not on the page; Plivo's examples handle one.
# How much audio Plivo queues is on no page (docs.plivo.com/docs/voice/xml/audiostream, support.plivo.com "Audio
# Stream"). Read 2026-11-29.

# The spellings of encodings in `playAudio`.
CONTENT_TYPES: Final = {"PCMU": "audio/x-mulaw", "L16": "audio/x-l16"}


class _Plivo(CarrierMessage, tag_field="event", rename="camel"):
    """A message of this wire."""


class _Numbered(_Plivo, kw_only=True):
    """A message that Plivo numbers."""

    sequence_number: int | None = None


class _Body(CarrierStruct, rename="camel"):
    """The object under the key that is also the message's type."""


# --- Messages of Plivo ---------------------------------------------------------------


class StartFormat(_Body):
    """The format of the audio from Plivo."""

    encoding: str
    sample_rate: SampleRate


class StartBody(_Body):
    """The stream and its call."""

    stream_id: str
    call_id: str | None = None
    account_id: str | None = None
    tracks: list[str] | None = None
    media_format: StartFormat | None = None


class Start(_Numbered, tag="start"):
    """The first message: the stream has started."""

    start: StartBody
    extra_headers: str | None = field(name="extra_headers", default=None)

    @property
    def format(self) -> MediaFormat:
        """The format of the audio from Plivo."""
        stated = self.start.media_format
        return MediaFormat.of(stated.encoding, stated.sample_rate) if stated else FORMAT

    def as_call(self) -> CallStarted:
        """Return the start of the call; its parameters are the extra headers."""
        pairs = (part.partition("=") for part in (self.extra_headers or "").split(";"))
        parameters = {name.strip(): value for name, equals, value in pairs if equals}
        return CallStarted(self.start.stream_id, self.start.call_id, self.format, parameters)


class MediaBody(_MediaBody):
    """Raw audio; `timestamp` is in ms since 1970."""

    string_ints: ClassVar[frozenset[str]] = frozenset({"timestamp"})


class Media(_Numbered, tag="media"):
    """Audio of a track."""

    has_audio: ClassVar[bool] = True

    media: MediaBody
    stream_id: str | None = None
    extra_headers: str | None = field(name="extra_headers", default=None)

    def as_call(self) -> CallAudio | None:
        """Return the caller's audio; None for the other track."""
        return self.media.as_call(self.sequence_number)


class DtmfBody(_Body):
    """A key and its time, in ms since 1970."""

    string_ints: ClassVar[frozenset[str]] = frozenset({"timestamp"})

    digit: str
    track: str | None = None
    timestamp: int | None = None


class Dtmf(_Numbered, tag="dtmf"):
    """The caller pressed a key."""

    dtmf: DtmfBody
    stream_id: str | None = None

    def as_call(self) -> CallDigit:
        """Return the key."""
        return CallDigit(self.dtmf.digit)


class PlayedStream(_Numbered, tag="playedStream"):
    """The audio sent before the checkpoint `name` was played."""

    name: str
    stream_id: str | None = None

    def as_call(self) -> CallMark:
        """Return the mark."""
        return CallMark(self.name)


class ClearedAudio(_Numbered, tag="clearedAudio"):
    """The audio that was not yet played was dropped."""

    stream_id: str | None = None

    def as_call(self) -> CallCleared:
        """Return the event of an empty queue."""
        return CallCleared()


class Stop(_Numbered, tag="stop"):
    """The stream has ended."""

    stream_id: str | None = None

    def as_call(self) -> CallEnded:
        """Return the end of the call."""
        return CallEnded()


# --- Messages to Plivo ---------------------------------------------------------------


class PlayAudioBody(_Body):
    """Raw audio and its format: "audio/x-mulaw" or "audio/x-l16", and a sample rate in Hz."""

    content_type: str
    sample_rate: SampleRate
    payload: Audio


class PlayAudio(_Plivo, tag="playAudio"):
    """Play this after the audio sent before."""

    has_audio: ClassVar[bool] = True

    media: PlayAudioBody


class Checkpoint(_Plivo, tag="checkpoint"):
    """Report when the audio sent so far was played."""

    stream_id: str
    name: str


class ClearAudio(_Plivo, tag="clearAudio"):
    """Drop the audio that is not yet played."""

    stream_id: str


class SendDTMF(_Plivo, tag="sendDTMF"):
    """Play the tones of these keys into the call."""

    dtmf: str


Message: TypeAlias = Start | Media | Dtmf | PlayedStream | ClearedAudio | Stop | UnknownMessage
Command: TypeAlias = PlayAudio | Checkpoint | ClearAudio | SendDTMF | UnknownMessage


# --- The carrier ---------------------------------------------------------------------


class Plivo(Carrier):
    """Plivo audio streaming. Media frames have a format, by default mu-law at 8 kHz, and no stream id."""

    NAME = "plivo"
    FORMAT = MediaFormat("PCMU", 8_000)
    QUEUE_MS = None  # not documented

    messages = MessageReader[Message](Message)
    commands = MessageReader[Command](Command)

    def media_head(self, stream_id: str, format: MediaFormat | None) -> bytes:
        """Return the bytes of a `PlayAudio` in `format` before its base64."""
        format = format or self.FORMAT
        content_type = to_json_str(CONTENT_TYPES.get(format.encoding, format.encoding))
        head = b'{"event":"playAudio","media":{"contentType":%b,"sampleRate":%d,"payload":"'
        return head % (content_type, format.sample_rate)

    def encode_media(
        self, audio: Buffer | str, stream_id: str = "", format: MediaFormat | None = None
    ) -> bytes:
        """Return the frame of a `PlayAudio` of `audio` in `format`, as `Carrier.encode_media`."""
        return super().encode_media(audio, stream_id, format)

    def encode_mark(self, name: str, stream_id: str) -> bytes:
        """Return the frame of a `Checkpoint`. Raises what `encode` raises."""
        names = to_json_str(stream_id), to_json_str(name)
        return b'{"event":"checkpoint","streamId":%b,"name":%b}' % names

    def encode_clear(self, stream_id: str) -> bytes:
        """Return the frame of a `ClearAudio`. Raises what `encode` raises."""
        return self.encode(ClearAudio(stream_id))


CARRIER: Final = Plivo()
FORMAT = CARRIER.FORMAT
decode, decode_command = Plivo.messages.read, Plivo.commands.read
encode: Callable[[Message | Command], bytes] = CARRIER.encode
encode_media, encode_mark, encode_clear = CARRIER.encode_media, CARRIER.encode_mark, CARRIER.encode_clear
cut_media = CARRIER.cut_media
