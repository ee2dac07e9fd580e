"""Plivo audio streaming: the messages of its WebSocket, both ways.

Plivo connects to us, sends `Start`, then `Media`; on a bidirectional stream we send `PlayAudio`,
`Checkpoint`, `ClearAudio` and `SendDTMF`, as text frames.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import field

from ._base64 import base64_of
from ._splice import append_splicer, cut_delta, is_callers, media_cutter
from ._wire import Audio, CarrierMessage, Reader, SampleRate, UnknownMessage, Wire, json_str, write
from .call import CallAudio, CallCleared, CallDigit, CallEnded, CallMark, CallStarted
from .media import MediaFormat

if TYPE_CHECKING:
    from .._types import Buffer, Frame

# Source: Plivo's documentation, "Audio Streaming" and "Stream events to Plivo" (plivo.com/docs/voice).
# Read 2026-11-24.
# - Audio is audio/x-mulaw at 8,000 Hz or audio/x-l16 at 8,000 or 16,000 Hz, in base64; playAudio says
#   which it carries, and carries no streamId.
# - sequenceNumber and chunk are numbers; timestamp is a string of digits, ms since 1970.
# - playedStream comes once what was sent before the checkpoint was played, and not if it was cleared.
# - extra_headers is the text of the XML's extraHeaders: "name=value;name=value".
# The byte order of x-l16 stands nowhere; little-endian is what Plivo's own examples take it for.
# `stop` is not on the page; Plivo's examples handle one.
NAME: Final = "plivo"
IN_ORDER: Final = True
FORMAT: Final = MediaFormat("PCMU", 8_000)
MEDIA_IS_BINARY: Final = False
FRAME_MS: Final = None
# How `playAudio` spells the encodings.
CONTENT_TYPES: Final = {"PCMU": "audio/x-mulaw", "L16": "audio/x-l16"}


class _Plivo(CarrierMessage, tag_field="event", rename="camel"):
    """A message of this wire."""


class _Numbered(_Plivo, kw_only=True):
    """A message that Plivo numbers."""

    sequence_number: int | None = None

    @property
    def sequence(self) -> int | None:
        """Plivo's number of this message."""
        return self.sequence_number


class _Body(Wire, rename="camel"):
    """What a message carries under the key of its own name."""


# --- Messages of Plivo ---------------------------------------------------------------


class StartFormat(_Body):
    """What the audio from Plivo is."""

    encoding: str
    sample_rate: SampleRate


class StartBody(_Body):
    """What the stream is."""

    stream_id: str
    call_id: str | None = None
    account_id: str | None = None
    tracks: list[str] | None = None
    media_format: StartFormat | None = None


class Start(_Numbered, tag="start"):
    """The first message: the stream begins."""

    start: StartBody
    extra_headers: str | None = field(name="extra_headers", default=None)

    @property
    def format(self) -> MediaFormat:
        """What the audio from Plivo is."""
        told = self.start.media_format
        return MediaFormat.of(told.encoding, told.sample_rate) if told else FORMAT

    def as_call(self) -> CallStarted:
        """The call begins; its parameters are the extra headers."""
        pairs = (part.partition("=") for part in (self.extra_headers or "").split(";"))
        parameters = {name.strip(): value for name, equals, value in pairs if equals}
        return CallStarted(self.start.stream_id, self.start.call_id, self.format, parameters)


class MediaBody(_Body):
    """Raw audio; `timestamp` in ms since 1970."""

    digits: ClassVar[frozenset[str]] = frozenset({"timestamp"})

    payload: Audio
    track: str | None = None
    chunk: int | None = None
    timestamp: int | None = None


class Media(_Numbered, tag="media"):
    """Audio of a track."""

    has_audio: ClassVar[bool] = True

    media: MediaBody
    stream_id: str | None = None
    extra_headers: str | None = field(name="extra_headers", default=None)

    def as_call(self) -> CallAudio | None:
        """What the caller says; None for the other track."""
        body = self.media
        if not is_callers(body.track):
            return None
        return CallAudio(body.payload, self.sequence_number, body.timestamp)


class DtmfBody(_Body):
    """Which key, and when: ms since 1970."""

    digits: ClassVar[frozenset[str]] = frozenset({"timestamp"})

    digit: str
    track: str | None = None
    timestamp: int | None = None


class Dtmf(_Numbered, tag="dtmf"):
    """The caller pressed a key."""

    dtmf: DtmfBody
    stream_id: str | None = None

    def as_call(self) -> CallDigit:
        """The key."""
        return CallDigit(self.dtmf.digit)


class PlayedStream(_Numbered, tag="playedStream"):
    """What was sent before the checkpoint `name` was played."""

    name: str
    stream_id: str | None = None

    def as_call(self) -> CallMark:
        """The mark is reached."""
        return CallMark(self.name)


class ClearedAudio(_Numbered, tag="clearedAudio"):
    """What was not yet played is dropped."""

    stream_id: str | None = None

    def as_call(self) -> CallCleared:
        """The queue is empty."""
        return CallCleared()


class Stop(_Numbered, tag="stop"):
    """The stream has ended."""

    stream_id: str | None = None

    def as_call(self) -> CallEnded:
        """The call ends."""
        return CallEnded()


# --- Messages to Plivo ---------------------------------------------------------------


class PlayAudioBody(_Body):
    """Raw audio and what it is: "audio/x-mulaw" or "audio/x-l16", at a rate in Hz."""

    content_type: str
    sample_rate: SampleRate
    payload: Audio


class PlayAudio(_Plivo, tag="playAudio"):
    """Play this after what was sent before."""

    has_audio: ClassVar[bool] = True

    media: PlayAudioBody


class Checkpoint(_Plivo, tag="checkpoint"):
    """Tell when what was sent so far was played."""

    stream_id: str
    name: str


class ClearAudio(_Plivo, tag="clearAudio"):
    """Drop what is not yet played."""

    stream_id: str


class SendDTMF(_Plivo, tag="sendDTMF"):
    """Play the tones of these keys into the call."""

    dtmf: str


Message = Start | Media | Dtmf | PlayedStream | ClearedAudio | Stop | UnknownMessage
Command = PlayAudio | Checkpoint | ClearAudio | SendDTMF | UnknownMessage

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


@lru_cache(maxsize=64)  # as many formats
def _media_head(format: MediaFormat) -> bytes:
    kind = json_str(CONTENT_TYPES.get(format.encoding, format.encoding))
    return b'{"event":"playAudio","media":{"contentType":%b,"sampleRate":%d,"payload":"' % (
        kind,
        format.sample_rate,
    )


def _media_frame(format: MediaFormat | None, base64: bytes) -> bytes:
    return b"".join((_media_head(format or FORMAT), base64, b'"}}'))


def encode_media(audio: Buffer | str, stream_id: str = "", format: MediaFormat | None = None) -> bytes:
    """The frame of a `PlayAudio` of `audio`: raw bytes in `format`, or a str that is base64 already.

    `format` is mu-law at 8,000 Hz where it is not given; Plivo does not ask for `stream_id`.

    Raises:
        EncodeError: a str that is not base64.
        TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
    """
    return _media_frame(format, base64_of(audio))


def encode_mark(name: str, stream_id: str) -> bytes:
    """The frame of a `Checkpoint`. Raises what `encode` raises."""
    return encode(Checkpoint(stream_id, name))


def encode_clear(stream_id: str) -> bytes:
    """The frame of a `ClearAudio`. Raises what `encode` raises."""
    return encode(ClearAudio(stream_id))


# The message of a frame of the caller's audio, and the audio as base64; None for every other
# frame, and where the frame is not plain: `decode` reads what there is to be read of it.
cut_media = media_cutter(_MESSAGES, Media)

# The append frame of such a frame, as `realtime.encode_append` writes it for its audio; or None.
media_to_append = append_splicer(cut_media)


def delta_to_media(frame: Frame, stream_id: str = "", format: MediaFormat | None = None) -> bytes | None:
    """The frame of the `PlayAudio` of an audio delta of GA or beta; None for every other frame.

    None too where the delta is not plain; what it carries must be in `format`.
    """
    cut = cut_delta(frame)
    return None if cut is None else _media_frame(format, cut[1])
