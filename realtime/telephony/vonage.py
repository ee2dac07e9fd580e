"""Vonage Voice API WebSockets: JSON in text frames, audio in binary ones, both ways.

Vonage connects to us, sends `WebsocketConnected`, then `Audio` of 20 ms; we send `Audio` of exactly
20 ms, `Clear` and `Notify`. A frame's container tells which it is: what `encode` gives for an
`Audio` goes out as a binary frame, everything else as text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct, field

from ..append import octets
from ..codec import encode_append
from ..errors import AudioError, DecodeError, EncodeError, reason_of, snippet
from ._base64 import base64_of, from_base64
from ._wire import CarrierMessage, Reader, UnknownMessage, json_str, write
from .call import CallAudio, CallCleared, CallDigit, CallMark, CallStarted
from .media import MediaFormat

if TYPE_CHECKING:
    from .._types import Buffer, Frame

# Source: Vonage's documentation, "WebSockets in the Vonage Voice API"
# (developer.vonage.com/en/voice/voice-api/concepts/websockets). Read 2026-11-24.
# - Audio is 16-bit linear PCM, mono, little-endian, at 8,000, 16,000 or 24,000 Hz (content-type
#   "audio/l16;rate=..."), in binary frames of exactly 20 ms both ways; some 3,000 are buffered.
# - websocket:connected has the headers of the NCCO's endpoint beside its own keys, any JSON.
# - One websocket:dtmf a key; duration is in ms.
# - notify comes back, payload and all, once what was sent before it was played; clear drops it.
NAME: Final = "vonage"
IN_ORDER: Final = True
FORMAT: Final = MediaFormat("L16", 16_000)
MEDIA_IS_BINARY: Final = True
FRAME_MS: Final = 20

_CONNECTED = "websocket:connected"
_CONTENT_TYPE = re.compile(r"\s*([\w/.+-]+)\s*(?:;\s*rate\s*=\s*([1-9][0-9]{3,5})\s*)?", re.ASCII)


class _Vonage(CarrierMessage, tag_field="event"):
    """A message of this wire, from Vonage."""


# --- Messages of Vonage --------------------------------------------------------------


class WebsocketConnected(_Vonage, tag=_CONNECTED):
    """The first message: what the audio is, and the NCCO's headers."""

    content_type: str
    headers: dict[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> MediaFormat:
        """What the audio is, both ways."""
        found = _CONTENT_TYPE.fullmatch(self.content_type)
        if found is None:
            return MediaFormat(self.content_type, FORMAT.sample_rate)
        return MediaFormat.of(found.group(1), int(found.group(2) or FORMAT.sample_rate))

    def as_call(self) -> CallStarted:
        """The call begins; its parameters are the headers."""
        return CallStarted("", None, self.format, self.headers)


class WebsocketDtmf(_Vonage, tag="websocket:dtmf"):
    """A key was pressed for `duration` ms."""

    digit: str
    duration: int | None = None

    def as_call(self) -> CallDigit:
        """The key."""
        return CallDigit(self.digit, self.duration)


class WebsocketCleared(_Vonage, tag="websocket:cleared"):
    """What was not yet played is dropped."""

    def as_call(self) -> CallCleared:
        """The queue is empty."""
        return CallCleared()


class WebsocketNotify(_Vonage, tag="websocket:notify"):
    """What was sent before the `Notify` with this payload was played."""

    payload: Any = None

    def as_call(self) -> CallMark | None:
        """The mark is reached, where `encode_mark` made the payload."""
        name = self.payload.get("name") if isinstance(self.payload, dict) else None
        return CallMark(name) if isinstance(name, str) else None


# --- Messages both ways --------------------------------------------------------------


class Audio(Struct, gc=False):
    """A binary frame: raw PCM of the stream's format, 20 ms."""

    payload: bytes

    @property
    def type(self) -> str:
        """What it is: no wire's name, for binary frames have none."""
        return "audio"

    @property
    def sequence(self) -> None:
        """None: frames come in order and have no numbers."""
        return

    def as_call(self) -> CallAudio:
        """What the caller says."""
        return CallAudio(self.payload)


# --- Messages to Vonage --------------------------------------------------------------


class _Command(CarrierMessage, tag_field="action"):
    """A message of this wire, to Vonage."""


class Clear(_Command, tag="clear"):
    """Drop what is not yet played."""


class Notify(_Command, tag="notify"):
    """Tell when what was sent so far was played: `payload`, an object, comes back."""

    payload: dict[str, Any]


Message = WebsocketConnected | WebsocketDtmf | WebsocketCleared | WebsocketNotify | Audio | UnknownMessage
Command = Clear | Notify | Audio | UnknownMessage

# WebsocketConnected is read by hand: its headers have any names.
_MESSAGES: Reader[Any] = Reader(WebsocketDtmf | WebsocketCleared | WebsocketNotify)
_COMMANDS: Reader[Any] = Reader(Clear | Notify, tag_field="action")


def decode(frame: Frame, /) -> Message:
    """A message of Vonage: a str is JSON, anything else is audio; of an unknown type, an UnknownMessage.

    Raises:
        DecodeError: the text is not JSON, or not what its type promises; or half a sample of audio.
        TypeError: `frame` is neither bytes-like nor a str.
    """
    if not isinstance(frame, str):
        return _audio(frame)
    message = _MESSAGES.read(frame)
    return _connected(message.raw) if message.type == _CONNECTED else message


def decode_command(frame: Frame, /) -> Command:
    """What Vonage receives, for tests and stand-ins. Raises what `decode` raises."""
    return _COMMANDS.read(frame) if isinstance(frame, str) else _audio(frame)


def _audio(frame: Any) -> Audio:
    try:
        payload = frame if frame.__class__ is bytes else memoryview(frame).tobytes()
    except (ValueError, BufferError):
        raise DecodeError("the frame was released before it was read") from None
    except TypeError:
        raise TypeError(f"a frame is bytes-like or a str, not {type(frame).__name__}") from None
    if len(payload) % 2:
        raise DecodeError(f"{len(payload)} bytes are not a whole number of 16-bit samples")
    return Audio(payload)


def _connected(raw: bytes) -> WebsocketConnected:
    try:
        headers = msgspec.json.decode(raw, type=dict[str, Any])
    except (ValueError, RecursionError) as why:
        raise DecodeError(str(why), event_type=_CONNECTED, payload=snippet(raw)) from None
    del headers["event"]
    kind = headers.pop("content-type", None)
    if not isinstance(kind, str):
        raise DecodeError(
            f"Expected `str`, got `{type(kind).__name__}`",
            event_type=_CONNECTED,
            path="$.content-type",
            expected="str",
            payload=snippet(raw),
        )
    return WebsocketConnected(kind, headers)


def encode(message: Message | Command, /) -> bytes:
    """`message` as one frame: of an `Audio` a binary one, of everything else JSON, a text frame.

    Raises:
        AudioError: an `Audio` with half a sample.
        EncodeError: it holds what its fields do not allow.
        TypeError: it is no message of this wire.
    """
    if isinstance(message, Audio):
        return encode_media(message.payload)
    if isinstance(message, WebsocketConnected):
        return _encode_connected(message)
    return write(message, _MESSAGES, _COMMANDS)


def _encode_connected(message: WebsocketConnected) -> bytes:
    own = {"event": _CONNECTED, "content-type": message.content_type}
    try:
        frame = msgspec.json.encode({**own, **message.headers, **own})
        decode(frame.decode())
    except (TypeError, ValueError, RecursionError) as why:
        raise EncodeError(reason_of(why), event_type=_CONNECTED) from None
    return frame


# --- Frames without messages ---------------------------------------------------------


def encode_media(audio: Buffer | str, stream_id: str = "", format: MediaFormat | None = None) -> bytes:
    """The binary frame of `audio`: raw PCM of the stream's format, or a str of it in base64.

    Vonage plays frames of `FRAME_MS` only; `stream_id` and `format` are the stream's.

    Raises:
        AudioError: half a sample.
        EncodeError: a str that is not base64.
        TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
    """
    raw = from_base64(base64_of(audio)) if isinstance(audio, str) else bytes(octets(audio))
    if len(raw) % 2:
        raise AudioError(f"{len(raw)} bytes are not a whole number of 16-bit samples")
    return raw


def encode_mark(name: str, stream_id: str = "") -> bytes:
    """The text frame of a `Notify` that comes back as the mark `name`. Raises what `encode` raises."""
    json_str(name)
    return encode(Notify({"name": name}))


def encode_clear(stream_id: str = "") -> bytes:
    """The text frame of a `Clear`."""
    return encode(Clear())


def cut_media(frame: Frame) -> None:
    """None: binary frames hold no base64 that could be cut out."""
    return


def media_to_append(frame: Frame) -> bytes | None:
    """The append frame of a binary frame; None for text, and where `decode` would raise."""
    if isinstance(frame, str):
        return None
    try:
        return encode_append(_audio(frame).payload)
    except ValueError:
        return None


def delta_to_media(frame: Frame, stream_id: str = "", format: MediaFormat | None = None) -> None:
    """None: a delta's audio has to be decoded and cut into frames of `FRAME_MS`."""
    return
