"""What the carriers' JSON wires have in common: Structs told apart by one key, read within limits.

`Reader` reads one side of one carrier. Like the core's codec it keeps what it does not know
and raises DecodeError for the rest; unlike it, it reads numbers written as strings and `8000.0`
as the integers they are, for carriers and those who imitate them write either. Audio is
base64 on the wire: `read` makes bytes of it, `skim` leaves it as text for `_splice`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import Meta, Raw, Struct

from .._guard import DEFAULT_MAX_DEPTH, bounded, check_depth
from ..errors import DecodeError, EncodeError, reason_of, snippet
from ..events.base import Unknown
from ._base64 import from_base64

if TYPE_CHECKING:
    from .._types import Frame
    from .call import CallEvent

    # Raw audio as `decode` gives it; `encode` also takes a str that is base64 already.
    Audio: TypeAlias = bytes
else:
    Audio = str

# Carriers send 20 ms in a frame, and take some seconds; this is minutes of audio.
MAX_FRAME_BYTES = 16 * 1024 * 1024

SampleRate = Annotated[int, Meta(ge=1_000, le=384_000)]
Channels = Annotated[int, Meta(ge=1, le=64)]

# A frame whose objects all begin before this, and which has no arrays, needs no counting.
SHALLOW_CHARS = DEFAULT_MAX_DEPTH
# No str of so many characters is more bytes than a frame may be.
SHORT_CHARS = MAX_FRAME_BYTES // 4
_ARRAY, _OBJECT = b"[{"


class UnknownMessage(Unknown):
    """A message of a type that this version does not know; `encode` gives `raw` back."""

    __slots__ = ()

    @property
    def sequence(self) -> int | None:
        """The carrier's number of it, by either of its names; None where it has none."""
        try:
            told = _decode_number(self.raw)
        except ValueError:
            return None
        return told.sequence_number if told.sequenceNumber is None else told.sequenceNumber

    def as_call(self) -> CallEvent | None:
        """None: nothing is known of it."""
        return None


class _Number(Struct):
    """What any message may be numbered by."""

    sequence_number: int | None = None
    sequenceNumber: int | None = None


_decode_number = msgspec.json.Decoder(_Number, strict=False).decode


class Wire(Struct, omit_defaults=True, gc=False):
    """The base of every Struct on a carrier's wire. Optional fields read None where absent or null."""

    # The fields whose integers this carrier writes as strings.
    digits: ClassVar[frozenset[str]] = frozenset()


class CarrierMessage(Wire):
    """A message of a carrier's WebSocket, told apart by its tag."""

    # Whether `media.payload` is audio.
    has_audio: ClassVar[bool] = False

    @property
    def type(self) -> str:
        """The wire's name of this message."""
        return str(self.__struct_config__.tag)

    @property
    def sequence(self) -> int | None:
        """The carrier's number of this message; None where it has none."""
        return None

    def as_call(self) -> CallEvent | None:
        """What it tells of the call; None where that is nothing a bridge need know."""
        return None


class _Nothing(Struct, tag_field="event", tag="no message is of this type"):
    """No message is of this type: msgspec says which type it found and reads no further."""


class _NoCommand(_Nothing, tag_field="action"):
    """The same, for commands that say `action`."""


_FOUND = re.compile(r"Invalid value '(.*)' - at `\$\.(?:event|action)`", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([^`]*)`")
_probe_event = msgspec.json.Decoder(_Nothing).decode
_probe_action = msgspec.json.Decoder(_NoCommand).decode
_check_json = msgspec.json.Decoder(Raw).decode
_encode = msgspec.json.Encoder().encode

# What msgspec, base64 or a frame's container can raise; TypeError only for a wrong argument.
_REFUSALS = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, TypeError, BufferError)


def is_shallow(frame: Any) -> bool:
    """Whether `frame`, bytes or a str, is short and cannot nest deeper than is allowed.

    Counting costs four times as much as the glance before it (benchmarks/telephony.py).
    """
    if frame.__class__ is str:
        shallow = "[" not in frame and "{" not in frame[SHALLOW_CHARS:]
        shallow = shallow or frame.count("{") + frame.count("[") <= DEFAULT_MAX_DEPTH
    elif frame.__class__ is bytes:
        shallow = _ARRAY not in frame and _OBJECT not in frame[SHALLOW_CHARS:]
        shallow = shallow or frame.count(_OBJECT) + frame.count(_ARRAY) <= DEFAULT_MAX_DEPTH
    else:
        return False
    return shallow and len(frame) <= SHORT_CHARS


M = TypeVar("M")


class Reader(Generic[M]):
    """Reads the messages of `union`: one carrier's, or those that are sent to it."""

    def __init__(self, union: Any, *, tag_field: str = "event") -> None:
        members = tuple(m for m in get_args(union) if not issubclass(m, Unknown))
        self.members: frozenset[Any] = frozenset(members)
        self._tags = frozenset(str(m.__struct_config__.tag) for m in members)
        # skim(frame): the message with audio as text, of bytes or a str that is shallow. It
        # raises what msgspec raises.
        self.skim: Callable[[Any], Any] = msgspec.json.Decoder(union_of(members), strict=False).decode
        self._probe = _probe_action if tag_field == "action" else _probe_event

    def read(self, frame: Frame, /) -> M:
        """The message of `frame`, its audio raw bytes; of an unknown type, an UnknownMessage.

        Raises:
            DecodeError: the frame is not JSON, or not what its type promises.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        message = None
        try:
            if not is_shallow(frame):
                frame = bounded(frame, MAX_FRAME_BYTES)
                check_depth(frame, DEFAULT_MAX_DEPTH)
            message = self.skim(frame)
            if message.has_audio:
                media = message.media
                media.payload = from_base64(media.payload, None, True)
            return message  # type: ignore[no-any-return]
        except _REFUSALS as error:
            return self._look_again(frame, message, error)  # type: ignore[return-value]

    def _look_again(self, frame: Frame, message: CarrierMessage | None, error: Exception) -> UnknownMessage:
        """The message of an unknown type, or the DecodeError that says what is wrong."""
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
                kind = self._type_of(raw)
                if kind and kind not in self._tags:
                    raw.decode()  # what is kept as it came must be fit to be sent
                    _check_json(raw)
                    return UnknownMessage(kind, raw)
        except _REFUSALS as again:
            error = again
        raise _refusal(error, kind, raw) from None

    def _type_of(self, raw: bytes) -> str:
        """The type of a frame, "" where it has none that is a str."""
        try:
            self._probe(raw)
        except msgspec.ValidationError as refused:
            found = _FOUND.fullmatch(str(refused))
            return found.group(1) if found else ""
        return ""


def _refusal(error: Exception, kind: str, raw: bytes) -> DecodeError:
    """What msgspec says in a sentence, as data; of other errors, what is known."""
    if not isinstance(error, msgspec.ValidationError):
        return DecodeError(reason_of(error, raw), event_type=kind, payload=snippet(raw))
    sentence, _, at = str(error).partition(" - at ")
    expected = _EXPECTED.match(sentence)
    return DecodeError(
        sentence,
        event_type=kind,
        path=at.strip("`") or "$",
        expected=expected.group(1) if expected else "",
        payload=snippet(raw),
    )


def union_of(members: tuple[Any, ...]) -> Any:
    """The union of `members`, one or more."""
    union = members[0]
    for member in members[1:]:
        union = union | member
    return union


def write(message: Any, *readers: Reader[Any]) -> bytes:
    """`message` as one compact JSON frame, read once more by the reader that it belongs to.

    Raises:
        EncodeError: it holds what its fields do not allow.
        TypeError: it is no message of these readers.
    """
    if isinstance(message, UnknownMessage):
        return message.raw
    for side in readers:
        if type(message) in side.members:
            break
    else:
        raise TypeError(f"a message of this carrier is needed, not {type(message).__name__}")
    try:
        frame = _encode(as_digits(message))
        side.read(frame)
    except (TypeError, ValueError, RecursionError, OverflowError, BufferError) as why:
        raise EncodeError(reason_of(why), event_type=message.type) from None
    return frame


def as_digits(value: Any) -> Any:
    """`value` with the numbers that its carrier writes as strings written so."""
    changes: dict[str, Any] = {}
    for name in value.__struct_fields__:
        part = getattr(value, name)
        if isinstance(part, Wire):
            changes[name] = as_digits(part)
        elif name in value.digits and isinstance(part, int):
            changes[name] = str(part)
    return msgspec.structs.replace(value, **changes) if changes else value


def json_str(text: str) -> bytes:
    """`text` as JSON, quotes and all.

    Raises:
        EncodeError: it holds lone surrogates.
        TypeError: it is no str.
    """
    if not isinstance(text, str):
        raise TypeError(f"a str is needed, not {type(text).__name__}")
    try:
        return _encode(text)
    except UnicodeError as why:
        raise EncodeError(reason_of(why)) from None
