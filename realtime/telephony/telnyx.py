"""Telnyx media streaming over WebSockets: its messages, both ways.

Telnyx connects to us, sends `Connected`, `Start`, then `Media`; where the stream is bidirectional
(``stream_bidirectional_mode: "rtp"``) we send `Media`, `Mark` and `Clear`, as text frames. Nobody
promises their order: `order.Reorder` by `sequence`, of all messages, puts them in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import field

from ._base64 import base64_of
from ._splice import append_splicer, cut_delta, is_callers, media_cutter
from ._wire import Audio, CarrierMessage, Channels, Reader, SampleRate, UnknownMessage, Wire, write
from .call import CallAudio, CallDigit, CallEnded, CallFailed, CallMark, CallStarted
from .media import MediaFormat

if TYPE_CHECKING:
    from .._types import Buffer, Frame

# Source: Telnyx's documentation, "Media Streaming over WebSockets" and the AsyncAPI page "Stream call
# media over WebSocket" (developers.telnyx.com). Read 2026-11-24.
# - The order of media frames is not guaranteed; chunk, timestamp and sequence_number restore it.
# - payload is an RTP payload without its header: PCMU, PCMA, G722, OPUS, AMR-WB or L16.
# - sequence_number, chunk and timestamp are strings of digits; sequence_number is 1 in start.
# - What is sent to Telnyx lasts from 20 ms to 30 s a frame, in the codec that the call was set to
#   (stream_bidirectional_codec), which start does not tell. Commands carry no stream_id.
# - A mark comes back once what was sent before it was played, at once where nothing is queued;
#   clear sends all that are left back.
# The byte order of L16 stands nowhere; that of RTP's L16 (RFC 3551, section 4.5.11) is followed.
NAME: Final = "telnyx"
IN_ORDER: Final = False
FORMAT: Final = MediaFormat("PCMU", 8_000)
# stream_bidirectional_codec, where nobody sets it.
PLAY_FORMAT: Final = FORMAT
MEDIA_IS_BINARY: Final = False
FRAME_MS: Final = None
MIN_MEDIA_MS: Final = 20
MAX_MEDIA_MS: Final = 30_000


class _Telnyx(CarrierMessage, tag_field="event"):
    """A message of this wire."""


class _Numbered(_Telnyx, kw_only=True):
    """A message that Telnyx numbers when it sends it."""

    digits: ClassVar[frozenset[str]] = frozenset({"sequence_number"})

    sequence_number: int | None = None
    stream_id: str | None = None

    @property
    def sequence(self) -> int | None:
        """Telnyx's number of this message."""
        return self.sequence_number


# --- Messages of Telnyx --------------------------------------------------------------


class Connected(_Telnyx, tag="connected"):
    """The first message: the WebSocket is open."""

    version: str | None = None


class StartFormat(Wire):
    """What the audio from Telnyx is."""

    encoding: str
    sample_rate: SampleRate
    channels: Channels | None = None


class StartBody(Wire):
    """What the call is; `client_state` is base64, as it was given to Telnyx, parameters an object."""

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
    """The stream begins. Sent once, before any media."""

    start: StartBody

    @property
    def format(self) -> MediaFormat:
        """What the audio from Telnyx is."""
        told = self.start.media_format
        if told is None:
            return FORMAT
        return MediaFormat.of(told.encoding, told.sample_rate, told.channels or 1, big_endian=True)

    def as_call(self) -> CallStarted:
        """The call begins."""
        told = self.start.custom_parameters
        parameters = told if isinstance(told, dict) else {}
        return CallStarted(self.stream_id or "", self.start.call_control_id, self.format, parameters)


class DtmfBody(Wire):
    """Which key."""

    digit: str


class Dtmf(_Numbered, tag="dtmf"):
    """A key was pressed; `occurred_at` is a date in ISO 8601."""

    dtmf: DtmfBody
    occurred_at: str | None = None

    def as_call(self) -> CallDigit:
        """The key."""
        return CallDigit(self.dtmf.digit)


class StopBody(Wire):
    """What has ended."""

    user_id: str | None = None
    call_control_id: str | None = None


class Stop(_Numbered, tag="stop"):
    """The stream has ended."""

    stop: StopBody | None = None

    def as_call(self) -> CallEnded:
        """The call ends."""
        return CallEnded()


class ErrorBody(Wire):
    """What went wrong: a number, its name, a sentence."""

    code: int | str | None = None
    title: str | None = None
    detail: str | None = None


class Error(_Numbered, tag="error"):
    """Telnyx could not use what it was sent, or could not stream."""

    payload: ErrorBody

    def as_call(self) -> CallFailed:
        """The complaint."""
        told = self.payload
        return CallFailed(told.detail or told.title or "", told.code)


# --- Messages both ways --------------------------------------------------------------


class MediaBody(Wire):
    """Raw audio; the rest only from Telnyx: `timestamp` in ms since the stream's start."""

    digits: ClassVar[frozenset[str]] = frozenset({"chunk", "timestamp"})

    payload: Audio
    track: str | None = None
    chunk: int | None = None
    timestamp: int | None = None


class Media(_Numbered, tag="media"):
    """From Telnyx: audio of a track. To Telnyx: 20 ms to 30 s to play after what was sent before."""

    has_audio: ClassVar[bool] = True

    media: MediaBody

    def as_call(self) -> CallAudio | None:
        """What the caller says; None for the other track."""
        body = self.media
        if not is_callers(body.track):
            return None
        return CallAudio(body.payload, self.sequence_number, body.timestamp)


class MarkBody(Wire):
    """The mark's name."""

    name: str


class Mark(_Numbered, tag="mark"):
    """To Telnyx: tell when what was sent so far was played. From Telnyx: it was, or was cleared."""

    mark: MarkBody

    def as_call(self) -> CallMark:
        """The mark is reached."""
        return CallMark(self.mark.name)


# --- Messages to Telnyx --------------------------------------------------------------


class Clear(_Telnyx, tag="clear"):
    """Drop what is not yet played."""


Message = Connected | Start | Media | Dtmf | Mark | Stop | Error | UnknownMessage
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


def _media_frame(base64: bytes) -> bytes:
    return b"".join((b'{"event":"media","media":{"payload":"', base64, b'"}}'))


def encode_media(audio: Buffer | str, stream_id: str = "", format: MediaFormat | None = None) -> bytes:
    """The frame of a `Media` that plays `audio`: raw bytes, or a str that is base64 already.

    Telnyx asks for neither `stream_id` nor `format`: they are the call's.

    Raises:
        EncodeError: a str that is not base64.
        TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
    """
    return _media_frame(base64_of(audio))


def encode_mark(name: str, stream_id: str = "") -> bytes:
    """The frame of a `Mark`. Raises what `encode` raises."""
    return encode(Mark(MarkBody(name)))


def encode_clear(stream_id: str = "") -> bytes:
    """The frame of a `Clear`."""
    return encode(Clear())


# The message of a frame of the caller's audio, and the audio as base64; None for every other
# frame, and where the frame is not plain: `decode` reads what there is to be read of it.
cut_media = media_cutter(_MESSAGES, Media)

# The append frame of such a frame, as `realtime.encode_append` writes it for its audio; or None.
media_to_append = append_splicer(cut_media)


def delta_to_media(frame: Frame, stream_id: str = "", format: MediaFormat | None = None) -> bytes | None:
    """The frame of the `Media` that plays an audio delta of GA or beta; None for every other frame.

    None too where the delta is not plain; what it carries must be in the call's codec.
    """
    cut = cut_delta(frame)
    return None if cut is None else _media_frame(cut[1])
