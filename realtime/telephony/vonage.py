"""Vonage Voice API WebSockets: JSON in text frames, audio in binary ones, both ways.

Vonage connects to us, sends `WebsocketConnected`, then `Audio` of 20 ms; we send `Audio` of exactly
20 ms, `Clear` and `Notify`. Text and audio differ by the WebSocket frame alone: send `encode(Audio)` as a
binary frame, everything else as text. The functions at the end are those of `carrier.Carrier`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import pybase64
from msgspec import field

from ..append import as_bytes_view
from ..errors import AudioError, DecodeError, EncodeError, reason_of, snippet
from ..repair import ValidationFailure
from .call import CallAudio, CallCleared, CallDigit, CallMark, CallStarted
from .carrier import Carrier, CarrierMessage, MessageReader, UnknownMessage, to_base64, to_json_str
from .media import MediaFormat

if TYPE_CHECKING:
    from .._guard import Frame
    from ..append import Buffer

# Source: Vonage's documentation, "WebSockets in the Vonage Voice API"
# (developer.vonage.com/en/voice/voice-api/concepts/websockets). Read 2026-11-24.
# - Audio is 16-bit linear PCM, mono, little-endian, at 8,000, 16,000 or 24,000 Hz (content-type
#   "audio/l16;rate=..."), in binary frames of exactly 20 ms both ways.
# - websocket:connected has the headers of the NCCO's endpoint beside its own keys, any JSON.
# - One websocket:dtmf a key; duration is in ms.
# - notify comes back with its payload once the audio sent before it was played; clear drops it.
# 3,072 messages are buffered, about 60 s of audio (developer.vonage.com/en/tutorials/play-audio-into-a-websocket,
# "Create the WebSocket"). Read 2026-11-29. That a notify counts as a message is assumed.

_CONNECTED = "websocket:connected"
_CONTENT_TYPE = re.compile(r"\s*([\w/.+-]+)\s*(?:;\s*rate\s*=\s*([1-9][0-9]{3,5})\s*)?", re.ASCII)


class _Vonage(CarrierMessage, tag_field="event"):
    """A message of this wire, from Vonage."""


# --- Messages of Vonage --------------------------------------------------------------


class WebsocketConnected(_Vonage, tag=_CONNECTED):
    """The first message: the audio format, and the NCCO's headers."""

    content_type: str
    headers: dict[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> MediaFormat:
        """The format of the audio, both ways."""
        found = _CONTENT_TYPE.fullmatch(self.content_type)
        if found is None:
            return MediaFormat(self.content_type, FORMAT.sample_rate)
        return MediaFormat.of(found.group(1), int(found.group(2) or FORMAT.sample_rate))

    def as_call(self) -> CallStarted:
        """Return the start of the call; its parameters are the headers."""
        return CallStarted("", None, self.format, self.headers)


class WebsocketDtmf(_Vonage, tag="websocket:dtmf"):
    """A key was pressed for `duration` ms."""

    digit: str
    duration: int | None = None

    def as_call(self) -> CallDigit:
        """Return the key."""
        return CallDigit(self.digit, self.duration)


class WebsocketCleared(_Vonage, tag="websocket:cleared"):
    """The audio that was not yet played was dropped."""

    def as_call(self) -> CallCleared:
        """Return the event of an empty queue."""
        return CallCleared()


class WebsocketNotify(_Vonage, tag="websocket:notify"):
    """The audio sent before the `Notify` with this payload was played."""

    payload: Any = None

    def as_call(self) -> CallMark | None:
        """Return the mark if `encode_mark` made the payload."""
        name = self.payload.get("name") if isinstance(self.payload, dict) else None
        return CallMark(name) if isinstance(name, str) else None


# --- Messages both ways --------------------------------------------------------------


class Audio(CarrierMessage):
    """A binary frame: raw PCM of the stream's format, 20 ms."""

    payload: bytes

    @property
    def type(self) -> str:
        """The constant "audio": binary frames have no type on the wire."""
        return "audio"

    def as_call(self) -> CallAudio:
        """Return the caller's audio."""
        return CallAudio(self.payload)


# --- Messages to Vonage --------------------------------------------------------------


class _Command(CarrierMessage, tag_field="action"):
    """A message of this wire, to Vonage."""


class Clear(_Command, tag="clear"):
    """Drop the audio that is not yet played."""


class Notify(_Command, tag="notify"):
    """Return `payload`, an object, when the audio sent so far was played."""

    payload: dict[str, Any]


Message: TypeAlias = (
    WebsocketConnected | WebsocketDtmf | WebsocketCleared | WebsocketNotify | Audio | UnknownMessage
)
Command: TypeAlias = Clear | Notify | Audio | UnknownMessage


# --- The carrier ---------------------------------------------------------------------


class Vonage(Carrier):
    """Vonage Voice API. Binary frames have no stream id and no format."""

    NAME = "vonage"
    FORMAT = MediaFormat("L16", 16_000)
    MEDIA_IS_BINARY = True
    FRAME_MS = 20
    QUEUE_MS = 3_072 * FRAME_MS
    QUEUE_MARK_MS = FRAME_MS

    # WebsocketConnected is not here: its headers have any names, which no Struct has.
    messages = MessageReader[Any](WebsocketDtmf | WebsocketCleared | WebsocketNotify)
    commands = MessageReader[Any](Clear | Notify)

    def decode(self, frame: Frame, /) -> Message:
        """Decode a message of Vonage: JSON from a str, audio from anything else.

        Raises:
            DecodeError: the text is not JSON, or not a valid message of its type; or half a sample.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        if not isinstance(frame, str):
            return _decode_audio(frame)
        message = self.messages.read(frame)
        return _decode_connected(message.raw) if message.type == _CONNECTED else message

    def decode_command(self, frame: Frame, /) -> Command:
        """Decode a message to Vonage, as tests and simulators need it. Raises what `decode` raises."""
        return self.commands.read(frame) if isinstance(frame, str) else _decode_audio(frame)

    def encode(self, message: Message | Command, /) -> bytes:
        """Encode a message: `Audio` as a binary frame, everything else as JSON, a text frame.

        Raises:
            AudioError: an `Audio` with half a sample.
            EncodeError: a field has a value that it does not allow.
            TypeError: `message` is not a message of this carrier.
        """
        if isinstance(message, Audio):
            return self.encode_media(message.payload)
        if isinstance(message, WebsocketConnected):
            return _encode_connected(message)
        return super().encode(message)

    def encode_media(
        self, audio: Buffer | str, stream_id: str = "", format: MediaFormat | None = None
    ) -> bytes:
        """Return the binary frame of `audio`: raw PCM of the stream's format, or a str of it in base64.

        Vonage plays frames of `FRAME_MS` only.

        Raises:
            AudioError: half a sample.
            EncodeError: a str that is not base64.
            TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
        """
        raw = pybase64.b64decode(to_base64(audio)) if isinstance(audio, str) else bytes(as_bytes_view(audio))
        if len(raw) % 2:
            raise AudioError(f"{len(raw)} bytes are not a whole number of 16-bit samples")
        return raw

    def encode_mark(self, name: str, stream_id: str = "") -> bytes:
        """Return the text frame of a `Notify` with the mark `name`. Raises what `encode` raises."""
        return b'{"action":"notify","payload":{"name":%b}}' % to_json_str(name)

    def encode_clear(self, stream_id: str = "") -> bytes:
        """Return the text frame of a `Clear`."""
        return self.encode(Clear())

    def cut_media(self, frame: Frame, /) -> None:
        """Return None: binary frames contain no base64."""
        return


def _decode_audio(frame: Any) -> Audio:
    try:
        payload = frame if frame.__class__ is bytes else memoryview(frame).tobytes()
    except (ValueError, BufferError):
        raise DecodeError("the frame was released before it was decoded") from None
    except TypeError:
        raise TypeError(f"a frame is bytes-like or a str, not {type(frame).__name__}") from None
    if len(payload) % 2:
        raise DecodeError(f"{len(payload)} bytes are not a whole number of 16-bit samples")
    return Audio(payload)


def _decode_connected(raw: bytes) -> WebsocketConnected:
    try:
        headers = msgspec.json.decode(raw, type=dict[str, Any])
    except (ValueError, RecursionError) as why:
        raise DecodeError(str(why), event_type=_CONNECTED, payload=snippet(raw)) from None
    del headers["event"]
    content_type = headers.pop("content-type", None)
    if not isinstance(content_type, str):
        reason = f"Expected `str`, got `{type(content_type).__name__}`"
        raise ValidationFailure(reason, "$.content-type", "str").as_decode_error(_CONNECTED, raw)
    return WebsocketConnected(content_type, headers)


def _encode_connected(message: WebsocketConnected) -> bytes:
    own = {"event": _CONNECTED, "content-type": message.content_type}
    try:
        frame = msgspec.json.encode({**own, **message.headers, **own})
        decode(frame.decode())
    except (TypeError, ValueError, RecursionError) as why:
        raise EncodeError(reason_of(why), event_type=_CONNECTED) from None
    return frame


CARRIER: Final = Vonage()
FORMAT = CARRIER.FORMAT
decode, decode_command = CARRIER.decode, CARRIER.decode_command
encode: Callable[[Message | Command], bytes] = CARRIER.encode
encode_media, encode_mark, encode_clear = CARRIER.encode_media, CARRIER.encode_mark, CARRIER.encode_clear
cut_media = CARRIER.cut_media
