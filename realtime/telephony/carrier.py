"""Base class of carriers, and the typed JSON messages that their WebSockets have in common.

A `Carrier` decodes and encodes the messages of one vendor. Anything specific to one vendor is in
its module; the table of carriers is in `carriers`. Unlike the codec of events, a
`MessageReader` accepts integers as strings and as `8000.0`, because carriers and their imitators write
both. Read `twilio` next.
"""

from __future__ import annotations

import functools
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Generic, TypeAlias, TypeVar, get_args

import msgspec
import pybase64
from msgspec import Meta, Struct

from .._base64 import is_canonical
from .._guard import DEFAULT_MAX_DEPTH, bounded, check_depth
from ..append import as_bytes_view
from ..errors import DecodeError, EncodeError, reason_of, snippet
from ..events.base import Unknown
from ..repair import ValidationFailure
from .call import CallAudio
from .media import MediaFormat
from .splice import MAX_FRAME_BYTES, is_shallow

if TYPE_CHECKING:
    from .._guard import Frame
    from ..append import Buffer
    from .call import CallEvent

    # Raw audio as `decode` returns it. `encode` also accepts a str of base64.
    Audio: TypeAlias = bytes
else:
    Audio = str

SampleRate = Annotated[int, Meta(ge=1_000, le=384_000)]
Channels = Annotated[int, Meta(ge=1, le=64)]

# The caller's track is "inbound", or absent if no other is sent. The other tracks carry the audio played
# to the caller, the session's included.
CALLER_TRACKS: Final = ("inbound", None)


# --- Messages ------------------------------------------------------------------------


class CarrierStruct(Struct, omit_defaults=True, gc=False):
    """Base of every Struct on a carrier's wire. Optional fields are None if absent or null."""

    # Names of the integer fields that this carrier writes as strings.
    string_ints: ClassVar[frozenset[str]] = frozenset()


class CarrierMessage(CarrierStruct):
    """Base of the messages of a carrier's WebSocket. A message type is a class with a tag."""

    # True if `media.payload` is audio.
    has_audio: ClassVar[bool] = False

    @property
    def type(self) -> str:
        """The message type on the wire."""
        return str(self.__struct_config__.tag)

    @property
    def sequence(self) -> int | None:
        """The carrier's number of this message; None if it has none."""
        return getattr(self, "sequence_number", None)

    def as_call(self) -> CallEvent | None:
        """Return the event of the call, or None if a bridge does not need the message."""
        return None


class UnknownMessage(Unknown):
    """A message of a type that this version does not know. `encode` returns `raw` unchanged."""

    __slots__ = ()

    @property
    def sequence(self) -> int | None:
        """The carrier's number of this message, under either of its names; None if it has none."""
        try:
            numbers = _decode_numbers(self.raw)
        except ValueError:
            return None
        return numbers.sequence_number if numbers.sequenceNumber is None else numbers.sequenceNumber

    def as_call(self) -> CallEvent | None:
        """Return None: the meaning is not known."""
        return None


class _Numbers(Struct):
    sequence_number: int | None = None
    sequenceNumber: int | None = None


_decode_numbers = msgspec.json.Decoder(_Numbers, strict=False).decode


class MediaBody(CarrierStruct):
    """Raw audio. Only the carrier sets the other members; `timestamp` is in ms since the stream's start."""

    string_ints: ClassVar[frozenset[str]] = frozenset({"chunk", "timestamp"})

    payload: Audio
    track: str | None = None
    chunk: int | None = None
    timestamp: int | None = None

    def as_call(self, sequence: int | None) -> CallAudio | None:
        """Return the caller's audio, or None on another track."""
        return CallAudio(self.payload, sequence, self.timestamp) if self.track in CALLER_TRACKS else None


class MarkBody(CarrierStruct):
    """The name of a mark."""

    name: str


# --- Decoding ------------------------------------------------------------------------


class _Tags(Struct):
    """The type of a message or, under `action`, of a command of Vonage."""

    event: Any = None
    action: Any = None


_decode_tags = msgspec.json.Decoder(_Tags).decode
_encode = msgspec.json.Encoder().encode

# Everything that msgspec, base64 or a frame's container can raise; TypeError only for a wrong argument.
_REFUSALS = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, TypeError, BufferError)

M = TypeVar("M")


class MessageReader(Generic[M]):
    """Decoder of one side of a carrier's WebSocket: the messages in `union`."""

    def __init__(self, union: Any) -> None:
        members = tuple(m for m in get_args(union) if not issubclass(m, Unknown))
        self.members: frozenset[Any] = frozenset(members)
        self._tags = frozenset(str(m.__struct_config__.tag) for m in members)
        self._tag_field = str(members[0].__struct_config__.tag_field)
        # Decodes bytes or a str, with the audio left as text, and raises what msgspec raises. The
        # frame must pass `is_shallow`.
        known: Any = functools.reduce(operator.or_, members)
        self.decode_raw: Callable[[Any], Any] = msgspec.json.Decoder(known, strict=False).decode

    def read(self, frame: Frame, /) -> M:
        """Decode one message, its audio to raw bytes. Unknown types become `UnknownMessage`.

        Raises:
            DecodeError: the frame is not JSON, or not a valid message of its type.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        message = None
        try:
            if not is_shallow(frame):
                frame = bounded(frame, MAX_FRAME_BYTES)
                check_depth(frame, DEFAULT_MAX_DEPTH)
            message = self.decode_raw(frame)
            if message.has_audio:
                media = message.media
                media.payload = pybase64.b64decode(media.payload, None, True)
            return message  # type: ignore[no-any-return]
        except _REFUSALS as error:
            return self._decode_unknown(frame, message, error)  # type: ignore[return-value]

    def _decode_unknown(
        self, frame: Frame, message: CarrierMessage | None, error: Exception
    ) -> UnknownMessage:
        """Return a message of an unknown type, or raise the DecodeError for `error`."""
        if isinstance(error, DecodeError):
            raise error
        if isinstance(error, TypeError):
            raise TypeError(f"a frame is bytes-like or a str, not {type(frame).__name__}") from None
        kind, raw = "", b""
        try:
            raw = bounded(frame, MAX_FRAME_BYTES)
            if message is not None:
                kind = message.type
                raise msgspec.ValidationError("Invalid base64 encoded string - at `$.media.payload`")
            if isinstance(error, msgspec.ValidationError):
                tag = getattr(_decode_tags(raw), self._tag_field)
                kind = tag if isinstance(tag, str) else ""
                if kind and kind not in self._tags:
                    raw.decode()  # `encode` returns it unchanged, so it must be fit to be sent
                    return UnknownMessage(kind, raw)
        except _REFUSALS as again:
            error = again
        if isinstance(error, msgspec.ValidationError):
            raise ValidationFailure.from_msgspec(error).as_decode_error(kind, raw) from None
        raise DecodeError(reason_of(error, raw), event_type=kind, payload=snippet(raw)) from None


# --- Encoding ------------------------------------------------------------------------


def _stringify_ints(value: Any) -> Any:
    """Return `value` with the integers that its carrier writes as strings replaced by strings."""
    changes: dict[str, Any] = {}
    for name in value.__struct_fields__:
        part = getattr(value, name)
        if isinstance(part, CarrierStruct):
            changes[name] = _stringify_ints(part)
        elif name in value.string_ints and isinstance(part, int):
            changes[name] = str(part)
    return msgspec.structs.replace(value, **changes) if changes else value


def to_json_str(text: str) -> bytes:
    """Return `text` as a JSON string with its quotes.

    Raises:
        EncodeError: it contains lone surrogates.
        TypeError: it is not a str.
    """
    if not isinstance(text, str):
        raise TypeError(f"a str is needed, not {type(text).__name__}")
    try:
        return _encode(text)
    except UnicodeError as why:
        raise EncodeError(reason_of(why)) from None


def to_base64(audio: Buffer | str) -> bytes:
    """Return raw audio as base64, and a str of base64 as it is.

    Raises:
        EncodeError: a str that is not canonical base64.
        TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
    """
    if not isinstance(audio, str):
        return pybase64.b64encode(as_bytes_view(audio))
    base64 = audio.encode("ascii", "replace")
    if not is_canonical(base64):
        raise EncodeError("a str of audio must be base64")
    return base64


# --- Carriers ------------------------------------------------------------------------


class Carrier(ABC):
    """Base class of carriers of media WebSockets.

    A subclass sets `NAME`, `FORMAT`, `messages` and `commands`, and implements `media_head`,
    `encode_mark` and `encode_clear`. A carrier holds no state of a call: one instance
    serves any number of calls and threads.
    """

    # The key in `carrier.CARRIERS`.
    NAME: ClassVar[str]
    # The stream's format if its start does not state one.
    FORMAT: ClassVar[MediaFormat]
    # The format that the carrier plays; None if it is the format of the caller's audio.
    PLAY_FORMAT: ClassVar[MediaFormat | None] = None
    # True if messages arrive in order. Otherwise `order.Reorder` sorts them by their `sequence`.
    IN_ORDER: ClassVar[bool] = True
    # True if `encode_media` returns a binary frame. All other frames are text.
    MEDIA_IS_BINARY: ClassVar[bool] = False
    # The duration that every media frame to the carrier must have, in ms; None if it is free.
    FRAME_MS: ClassVar[int | None] = None
    # The shortest media frame that the carrier plays, in ms.
    MIN_MEDIA_MS: ClassVar[int] = 0
    # The longest, in ms; None if there is no limit.
    MAX_MEDIA_MS: ClassVar[int | None] = None
    # The audio that the carrier queues, in ms, at least 1,000; it drops or refuses more. None if it documents no
    # limit: `_queue.DEFAULT_QUEUE_MS` is used.
    QUEUE_MS: ClassVar[int | None] = None
    # The place that a mark takes in that queue, in ms of audio.
    QUEUE_MARK_MS: ClassVar[int] = 0

    # The decoders of what the carrier sends, and of what it receives.
    messages: ClassVar[MessageReader[Any]]
    commands: ClassVar[MessageReader[Any]]
    # The bytes of a media frame after its base64; `media_head` returns those before it.
    MEDIA_TAIL: ClassVar[bytes] = b'"}}'

    def decode(self, frame: Frame, /) -> Any:
        """Decode a message of the carrier. Unknown types become `UnknownMessage`.

        Every message has `type`, `sequence` and `as_call()`.

        Raises:
            DecodeError: the frame is not JSON, or not a valid message of its type.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        return self.messages.read(frame)

    def decode_command(self, frame: Frame, /) -> Any:
        """Decode a message to the carrier, as tests and simulators need it. Raises what `decode` raises."""
        return self.commands.read(frame)

    def encode(self, message: Any, /) -> bytes:
        """Encode a message of either side as one compact UTF-8 JSON frame, to be sent as text.

        Raises:
            EncodeError: a field has a value that it does not allow.
            TypeError: `message` is not a message of this carrier.
        """
        if isinstance(message, UnknownMessage):
            return message.raw
        side = next((s for s in (self.messages, self.commands) if type(message) in s.members), None)
        if side is None:
            raise TypeError(f"a message of this carrier is needed, not {type(message).__name__}")
        try:
            frame = _encode(_stringify_ints(message))
            side.read(frame)  # constructors do not check types
        except (TypeError, ValueError, RecursionError, OverflowError, BufferError) as why:
            raise EncodeError(reason_of(why), event_type=message.type) from None
        return frame

    def media_head(self, stream_id: str, format: MediaFormat | None) -> bytes:
        """Return the bytes of a media frame before its base64; not needed if `MEDIA_IS_BINARY`."""
        raise NotImplementedError

    def encode_media(self, audio: Buffer | str, stream_id: str, format: MediaFormat | None = None) -> bytes:
        """Return the frame that plays `audio`: raw bytes in the stream's format, or a str of base64.

        Raises:
            EncodeError: a str that is not base64.
            TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
        """
        return b"".join((self.media_head(stream_id, format), to_base64(audio), self.MEDIA_TAIL))

    @abstractmethod
    def encode_mark(self, name: str, stream_id: str) -> bytes:
        """Return the frame that requests a report once the audio sent so far was played.

        Raises what `encode` raises.
        """

    @abstractmethod
    def encode_clear(self, stream_id: str) -> bytes:
        """Return the frame that drops the audio that is not yet played. Raises what `encode` raises."""

    def cut_media(self, frame: Frame, /) -> tuple[Any, bytes] | None:
        """Return a message of the caller's audio without the audio, and the audio as base64.

        Returns None for any other frame, and if the base64 or the container is unusual: `decode`
        handles those.
        """
        if not is_shallow(frame):
            return None
        try:
            message = self.messages.decode_raw(frame)
            if not message.has_audio:
                return None
            body = message.media
            if body.track not in CALLER_TRACKS:
                return None
            base64 = body.payload.encode()
            body.payload = b""
        except ValueError:  # msgspec's errors are ValueErrors too
            return None
        return (message, base64) if is_canonical(base64) else None
