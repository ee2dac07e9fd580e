"""Frames to events and back: one `Codec` for each dialect.

The fast path is one msgspec decoder, and for long audio a splice around SIMD base64. A frame that
it refuses goes to the lenient decoder in `repair`; what that refuses is a DecodeError. No event is
known by name here: a codec's class states its unions and the event that appends audio. Read
`append` for the encoding of audio, `peek` for types without decoding.
"""

from __future__ import annotations

import functools
import math
import typing
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar, Union

import msgspec
import pybase64
from msgspec import UNSET, Raw

from . import events
from ._base64 import HEAD_BYTES
from ._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, HARD_MAX_DEPTH, Frame, bounded, check_depth
from ._members import is_retained, with_extras
from .append import append_encoder, with_audio, without_audio
from .errors import PATH_CHARS, ConfigError, DecodeError, EncodeError, reason_of, snippet
from .events.base import ClientSide, ServerSide, Tagged, Unknown, UnknownEvent, strip_read_only
from .peek import (
    LONG_PREFIX_LEN,
    PREFIX_LEN,
    TYPE_START,
    find_type,
    flat_head_type,
    head_lookup,
    leading_type,
    type_of,
)
from .repair import ValidationFailure, decode_event

if TYPE_CHECKING:
    from .append import Buffer

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)
Decode: TypeAlias = Callable[[Frame], E]
DecodeIf: TypeAlias = Callable[[Frame, Container[str]], E | None]
Read: TypeAlias = Callable[[Any], Any]

# Frames of at least this size take the splice; below it the plain decoder is as fast (measured with
# msgspec 0.22 and pybase64 1.5, AVX512).
SPLICE_MIN_BYTES = 3000
# `in`, with an int and a copy without the first byte, takes a third of the time of find or count
# (benchmarks: peers.DecodeAudioDelta at 160 bytes).
_ARRAY, _OBJECT, _QUOTE, _BACKSLASH, _T = b'[{"\\t'
# In a frame that does not begin with its type, the type is searched in so many bytes before the frame is decoded.
_TYPE = b'"type"'
_EARLY_BYTES = 64
# Members after the audio are shorter than this, or the end of the audio is searched.
_TAIL_BYTES = 256

# Raised by the decoder, or by reading the frame's buffer; TypeError only for a frame of a wrong type.
_REFUSALS = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, TypeError)


# --- The functions of a dialect ------------------------------------------------------


class Encode(Protocol[E_contra]):
    """The type of `encode`."""

    def __call__(self, event: E_contra, /, *, extra: Mapping[str, Any] | None = None) -> bytes:
        """Encode an event, with members that it has no field for."""
        ...


class EncodeAppend(Protocol):
    """The type of `encode_append`."""

    def __call__(self, audio: Buffer | str, /, *, event_id: str | None = None) -> bytes:
        """Encode an append of `audio`."""
        ...


class DialectCodec(Generic[S, C]):
    """The decoders and encoders of one dialect; a subclass states which.

    Frames of more than `max_frame_bytes` bytes, or nested deeper than `max_depth`, are refused with
    a DecodeError before they are decoded. With ``exact=True`` the lenient decoder fills in and
    converts nothing, as for a server that refuses what OpenAI's refuses. A codec has no state of a
    connection: one codec serves any number of connections and threads. It can be pickled.
    """

    server_events: ClassVar[Any]
    client_events: ClassVar[Any]
    # The event whose `audio` is the user's audio.
    append: ClassVar[type[Tagged]]
    # If False, a str given as base64 is sent without validation.
    checks_base64: ClassVar[bool] = True

    decode_server: Decode[S]
    """Decode a frame sent by a server. Unknown event types become `UnknownEvent`.

    Raises:
        DecodeError: the frame is not JSON, or does not fit its type.
        TypeError: `frame` is neither bytes-like nor a str.
    """
    decode_client: Decode[C]
    """Decode a frame sent by a client. As `decode_server` otherwise."""
    decode_server_if: DecodeIf[S]
    """Decode a frame sent by a server if its type is in `types`; else return None.

    For relays, which forward every frame unchanged and look into few. Of other frames, those that
    begin with their type are read only so far; the rest cost about as much as decoding.

    Raises:
        DecodeError: the frame is too long, no type can be found, or the requested event does not decode.
        TypeError: `frame` is neither bytes-like nor a str, or `types` is a single str.
    """
    decode_client_if: DecodeIf[C]
    """Decode a frame sent by a client if its type is in `types`. As `decode_server_if` otherwise."""

    def __init__(
        self,
        *,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
        max_depth: int = DEFAULT_MAX_DEPTH,
        exact: bool = False,
    ) -> None:
        if max_frame_bytes < 1:
            raise ConfigError(f"max_frame_bytes must be at least 1, got {snippet(max_frame_bytes)}")
        if not 1 <= max_depth <= HARD_MAX_DEPTH:
            raise ConfigError(f"max_depth must be from 1 to {HARD_MAX_DEPTH}, got {snippet(max_depth)}")
        self._max_frame_bytes = max_frame_bytes
        self._max_depth = max_depth
        self._exact = exact
        self.decode_server, self.decode_server_if, _ = _decoders(
            "decode_server", self.server_events, max_frame_bytes, max_depth, exact
        )
        self.decode_client, self.decode_client_if, self._read_client = _decoders(
            "decode_client", self.client_events, max_frame_bytes, max_depth, exact
        )
        self._classes = frozenset(event_classes(self.server_events) + event_classes(self.client_events))
        self._audio_fields = {cls: cls.audio_field for cls in self._classes if cls.audio_field}
        self._append = append_encoder(
            str(self.append.__struct_config__.tag), encode_json, checks_base64=self.checks_base64
        )

    def __reduce__(self) -> tuple[Any, ...]:
        limits = {"max_frame_bytes": self._max_frame_bytes, "max_depth": self._max_depth}
        return functools.partial(type(self), **limits, exact=self._exact), ()

    def functions(self) -> tuple[Decode[S], Decode[C], DecodeIf[S], DecodeIf[C], Encode[S | C], EncodeAppend]:
        """Return the functions of a dialect's module.

        They are `decode_server`, `decode_client`, `decode_server_if`, `decode_client_if`, `encode`
        and `encode_append`, in this order.
        """
        return (
            self.decode_server,
            self.decode_client,
            self.decode_server_if,
            self.decode_client_if,
            self.encode,
            self.encode_append,
        )

    def encode(self, event: S | C, /, *, extra: Mapping[str, Any] | None = None) -> bytes:
        """Encode `event` as one compact UTF-8 JSON frame. An UnknownEvent is returned as its `raw`.

        Send it as a WebSocket **text** message: some servers close the session when they receive a
        binary one. `extra` adds members that the event has no field for, by JSON path, such as
        ``{"$.session.seed": 7}``; `extras` returns those of a received frame.

        Raises:
            EncodeError: the event has values that JSON or its fields do not allow, it belongs to
                another dialect, or a path of `extra` names a field or is malformed.
            TypeError: `event` is not an event, or `extra` not a mapping from str.
        """
        if extra:
            return self._encode_with(event, extra)
        cls: Any = type(event)
        if cls not in self._classes and not self._is_user_subclass(event):
            return event.raw  # type: ignore[union-attr,no-any-return]
        try:
            if cls is self.append:
                return self._append(event.audio, event.event_id)  # type: ignore[union-attr]
            if cls.has_session_settings:
                event = strip_read_only(event)
            name, audio = self._audio_fields.get(cls, ""), b""
            if name:
                event, audio = without_audio(event, name)
            frame = encode_json(event)
            if b"null" in frame and not is_finite(event):
                raise ValueError("NaN and infinity cannot be sent")
            if audio:
                frame = with_audio(frame, name, audio)
            if issubclass(cls, ClientSide):
                self._validate_encoded(event, frame)
            return frame
        except EncodeError:  # names its event already
            raise
        except (TypeError, ValueError, RecursionError, OverflowError, BufferError) as error:
            raise EncodeError(reason_of(error), event_type=str(cls.__struct_config__.tag)) from None

    def encode_append(self, audio: Buffer | str, /, *, event_id: str | None = None) -> bytes:
        """Encode `audio` as one append frame: raw audio in any buffer, or a str of base64.

        Raises:
            EncodeError: more than 15 MiB of audio, or a str that is not base64.
            TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
        """
        try:
            return self._append(audio, UNSET if event_id is None else event_id)
        except UnicodeError as error:
            raise EncodeError(reason_of(error)) from None

    def _encode_with(self, event: S | C, extra: Mapping[str, Any]) -> bytes:
        try:
            if not is_finite(extra):
                raise ValueError("NaN and infinity cannot be sent")
            return with_extras(event, self.encode(event), extra, encode_json)
        except (TypeError, EncodeError):
            raise
        except (ValueError, RecursionError, OverflowError) as error:
            raise EncodeError(reason_of(error), event_type=event.type) from None  # type: ignore[union-attr]

    def _validate_encoded(self, event: S | C, frame: bytes) -> None:
        """Raise an error if a server would refuse `frame`: fields are not checked when they are set."""
        check_depth(frame, self._max_depth)
        try:
            self._read_client(frame)
        except msgspec.ValidationError:
            try:
                decode_event(frame, self.client_events, type_of(frame), exact=True)
            except ValidationFailure as failure:
                if is_retained(event, failure.path):
                    self._validate_encoded(event, _encode_without_unknown(event))
                    return
                where = f"{snippet(failure.reason)} at `{snippet(failure.path, PATH_CHARS)}`"
                raise EncodeError(where, event_type=type_of(frame)) from None

    def _is_user_subclass(self, event: Any) -> bool:
        """Return True if `event` is of a user-defined subclass of an event, False for an UnknownEvent."""
        if isinstance(event, UnknownEvent):
            return False
        if not isinstance(event, (ServerSide, ClientSide)):
            raise TypeError(f"an event is required, not {type(event).__name__}")
        bases: tuple[Any, ...] = type(event).__mro__
        if any(base in self._classes and base.__struct_config__.tag == event.type for base in bases):
            return True
        raise EncodeError("not an event of this dialect", event_type=event.type)


# --- Decoding ------------------------------------------------------------------------


def _decoders(
    name: str, union: Any, max_frame_bytes: int, max_depth: int, exact: bool
) -> tuple[Any, Any, Read]:
    """Return the decoder of one side, its conditional form, and the reader of frames of any size.

    Closures, because a cell is read faster than an attribute, and because both sides share them.
    """
    # A frame of this size cannot exceed a limit: a character is at most four bytes.
    harmless_size = min(max_frame_bytes // 4, max_depth)
    # Nor can one of this size that contains no other object or array, as deltas do not.
    flat_size = min(max_frame_bytes // 4, SPLICE_MIN_BYTES - 1)

    read_short: Any = None
    read_any: Any = None

    def build(frame: Any) -> Any:
        # At the first frame: it takes milliseconds, which would slow down `import realtime`.
        nonlocal read_short, read_any
        read_short, read_any = _readers(event_classes(union), max_frame_bytes, max_depth)
        return read_any(frame)

    read_short = read_any = build

    def decode(frame: Any, /) -> Any:
        """Decode a frame to an event. Unknown event types become `UnknownEvent`.

        Raises:
            DecodeError: the frame is not JSON, or does not fit its type.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        try:
            cls = frame.__class__
            if cls is bytes:
                size = len(frame)
                if size <= harmless_size or (
                    size <= flat_size and _ARRAY not in frame and _OBJECT not in frame[1:]
                ):
                    return read_short(frame)
            elif cls is str:
                size = len(frame)
                if size <= harmless_size or (size <= flat_size and "[" not in frame and "{" not in frame[1:]):
                    return read_short(frame)
            return read_any(frame)
        except _REFUSALS as error:
            return _decode_lenient(frame, union, max_frame_bytes, exact, error)

    # Slices that are made once: BUILD_SLICE takes a sixth of the time of a slice of 48 bytes.
    prefix, long_prefix = slice(PREFIX_LEN), slice(LONG_PREFIX_LEN)
    tags = {cls: str(cls.__struct_config__.tag) for cls in event_classes(union)}
    # A guess, from the last frame: servers write all of theirs alike. If it is wrong, the lookup is in
    # vain (a tenth to a third of the time of decoding), and the result the same.
    type_first = True

    type_by_head: Any = None
    type_by_str_head: Any = None
    skim: Any = None

    def make_lookups(head: Any) -> None:
        # At the first frame, for the same reason as `build`.
        nonlocal type_by_head, type_by_str_head
        type_by_head, type_by_str_head = head_lookup(union)

    def make_skim(frame: Any) -> Any:
        nonlocal skim
        skim = _skimmer(event_classes(union))
        return skim(frame)

    type_by_head = type_by_str_head = make_lookups
    skim = make_skim

    def decode_if(frame: Any, types: Container[str], /) -> Any:
        """Decode a frame if its type is in `types`; else return None.

        Raises:
            DecodeError: no type can be found, or the requested event does not decode.
            TypeError: `frame` is neither bytes-like nor a str, or `types` is a single str.
        """
        if (
            types.__class__ is not set
            and types.__class__ is not frozenset
            and isinstance(types, (str, bytes))
        ):
            # `in` would search for a substring.
            raise TypeError(f"types must be a set of event types, not a {type(types).__name__}")
        if frame.__class__ is bytes:
            size = len(frame)
            if size > max_frame_bytes:
                raise DecodeError(f"the frame has more than {max_frame_bytes} bytes")
            if type_first or (size > 2 and frame[2] == _T):
                found = type_by_head(frame[prefix])
                if not found:
                    found = type_by_head(
                        frame[long_prefix] if found == "" else frame[: frame.find(b'"', TYPE_START) + 1]
                    )
                    if not found:
                        return decode_other_if(frame, types)
            elif size <= harmless_size or (
                size <= flat_size and _ARRAY not in frame and _OBJECT not in frame[1:]
            ):
                try:
                    found = skim(frame).name
                except _REFUSALS:
                    return decode_other_if(frame, types)
            else:
                return decode_other_if(frame, types)
        elif frame.__class__ is str:
            size = len(frame)
            if size > max_frame_bytes:
                raise DecodeError(f"the frame has more than {max_frame_bytes} bytes")
            if type_first or (size > 2 and frame[2] == "t"):
                found = type_by_str_head(frame[prefix])
                if not found:
                    found = type_by_str_head(
                        frame[long_prefix] if found == "" else frame[: frame.find('"', TYPE_START) + 1]
                    )
                    if not found:
                        return decode_other_if(frame, types)
            elif size <= harmless_size or (size <= flat_size and "[" not in frame and "{" not in frame[1:]):
                try:
                    found = skim(frame).name
                except _REFUSALS:
                    return decode_other_if(frame, types)
            else:
                return decode_other_if(frame, types)
        else:
            return decode_other_if(frame, types)
        if found not in types:
            return None
        try:
            if size <= harmless_size or (
                size <= flat_size
                and (
                    _ARRAY not in frame and _OBJECT not in frame[1:]
                    if frame.__class__ is bytes
                    else "[" not in frame and "{" not in frame[1:]
                )
            ):
                return read_short(frame)
            return read_any(frame)
        except _REFUSALS as error:
            return _decode_lenient(frame, union, max_frame_bytes, exact, error)

    def decode_other_if(frame: Any, types: Container[str]) -> Any:
        """Decode a frame whose type is not known by its head, if it is in `types`; else return None."""
        nonlocal type_first
        found = leading_type(frame)
        if found is not None:
            type_first = True
            return decode(frame) if found in types else None
        try:
            raw = frame if frame.__class__ is bytes else bounded(frame, max_frame_bytes)
        except (UnicodeError, ValueError) as error:
            if isinstance(error, DecodeError):
                raise
            raise DecodeError(reason_of(error)) from None
        type_first = raw[2:3] == b"t"
        if raw.find(_TYPE, 0, _EARLY_BYTES) >= 0:  # six times as fast as `in`
            found = flat_head_type(raw)
            if found is not None:
                return decode(raw) if found in types else None
        try:
            event = decode(raw)  # as fast as a search for the type
        except DecodeError as error:
            refusal = error
        else:
            return event if (tags.get(event.__class__) or event.type) in types else None
        if find_type(raw, max_frame_bytes, max_depth) in types:
            raise refusal
        return None

    def read(frame: Any) -> Any:
        return read_short(frame)

    decode.__name__ = decode.__qualname__ = name
    decode_if.__name__ = decode_if.__qualname__ = f"{name}_if"
    return decode, decode_if, read


def _readers(members: tuple[Any, ...], max_bytes: int, max_depth: int) -> tuple[Read, Read]:
    """Return the decoders of frames that cannot exceed a limit, and of any frames.

    They raise msgspec's errors, and DecodeError for a frame over a limit.
    """
    decode = msgspec.json.Decoder(Union[members]).decode  # noqa: UP007 (made from a tuple)
    splice = _splicer(members, decode)

    def read(frame: Any) -> Any:
        if type(frame) is not bytes or len(frame) > max_bytes:
            frame = bounded(frame, max_bytes)  # a copy, so that events alias nothing
        if len(frame) >= SPLICE_MIN_BYTES:
            event = splice(frame)
            if event is not None:
                return event
        # Deltas are flat, which memchr detects; other frames are measured.
        if _ARRAY in frame or frame.rfind(b"{"):
            check_depth(frame, max_depth)
        return decode(frame)

    return decode, read


def _skimmer(members: tuple[Any, ...]) -> Read:
    """Return a decoder that reads the type of a frame only; the result has it as `name`.

    Raises msgspec's errors for a type of none of `members`, and for what is not JSON.
    """
    tags = [str(member.__struct_config__.tag) for member in members]
    empty = [
        msgspec.defstruct("Skimmed", [], tag_field="type", tag=tag, namespace={"name": tag}, gc=False)
        for tag in tags
    ]
    return msgspec.json.Decoder(Union[tuple(empty)]).decode  # noqa: UP007 (made from a tuple)


def _splicer(members: tuple[Any, ...], decode: Read) -> Read:
    """Return a decoder of long frames with audio, which returns None for frames that it cannot decode.

    The audio's value is removed from the frame, the short rest is decoded by msgspec as the typed
    event, the audio by SIMD base64. The result is that of msgspec: the rest must be one flat object
    without escapes that has the audio's key once.
    """
    b64decode, view = pybase64.b64decode, memoryview
    fields = {member: member.audio_field for member in members if member.audio_field}
    # What precedes the audio (as most servers write it, and as Python's json does), its quoted key,
    # and the field.
    heads = [
        (f'"{name}":{space}"'.encode(), f'"{name}"'.encode(), name)
        for name in sorted(set(fields.values()))
        for space in ("", " ")
    ]

    # The search is that of `_base64.find_member`, inlined: the call costs 5 % of a delta of 9.6 kB
    # (instructions counted by callgrind).
    def splice(frame: bytes) -> Any:
        for head, key, name in heads:  # noqa: B007 (all are used after the loop)
            start = frame.find(head, 0, HEAD_BYTES)
            if start >= 0:
                break
        else:
            return None
        start += len(head)
        # Most servers write the audio last: its end is the frame's and needs no search. Base64 has no
        # quotes: if this guess includes more than the value, b64decode refuses it.
        end = len(frame) - 2
        if end < start or frame[end:] != b'"}' or _QUOTE in frame[max(start, end - _TAIL_BYTES) : end]:
            end = frame.find(b'"', start)
            if end < 0:
                return None
        rest = frame[:start] + frame[end:]
        inner = rest[1:]
        if _BACKSLASH in inner or _ARRAY in inner or _OBJECT in inner or inner.count(key) != 1:
            return None
        try:
            event = decode(rest)
            audio = b64decode(view(frame)[start:end], None, True)
        except ValueError:  # msgspec's errors are ValueErrors, too
            return None
        if fields.get(event.__class__) != name:
            return None
        setattr(event, name, audio)
        return event

    return splice


def _decode_lenient(frame: Frame, union: Any, max_frame_bytes: int, exact: bool, error: Exception) -> Any:
    """Decode a frame that the fast path refused with `error`, or raise the DecodeError for it."""
    if isinstance(error, DecodeError):
        raise error
    if isinstance(error, TypeError):
        raise TypeError(f"a frame must be bytes-like or a str, not {type(frame).__name__}") from None
    event_type: str = ""
    raw: bytes | None = None  # until the frame's text is known to be Unicode
    try:
        raw = bounded(frame, max_frame_bytes)
        event_type = leading_type(raw) or ""
        if not isinstance(error, msgspec.ValidationError):
            raise error
        event_type = event_type or type_of(raw)
        return decode_event(raw, union, event_type, exact=exact)
    except ValidationFailure as failure:
        refusal = failure.as_decode_error(event_type, raw or b"")
    except DecodeError as second:
        refusal = second
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as second:
        refusal = DecodeError(reason_of(second, raw), event_type=event_type, payload=snippet(raw or b""))
    raise refusal from None


# --- Helpers -------------------------------------------------------------------------


def event_classes(union: Any) -> tuple[Any, ...]:
    """Return the Structs of a union of events: all its members except UnknownEvent."""
    return tuple(m for m in typing.get_args(union) if not issubclass(m, Unknown))


def _enc_hook(value: Any) -> Any:
    """Encode types that msgspec does not support: `Unknown` as raw JSON, numpy scalars as numbers."""
    if isinstance(value, Unknown):
        return Raw(value.raw)
    if hasattr(value, "__index__"):
        return value.__index__()
    if hasattr(value, "__float__"):
        return float(value)
    raise TypeError(f"cannot encode a {type(value).__name__}")


encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_enc_hook).encode
"""Encode any part of an event, such as its session, as JSON."""


# Of a type that no family has, so that the decoder does not look into it.
_PLACEHOLDER = Raw(b'{"type":"?"}')


def _encode_without_unknown(event: Any) -> bytes:
    """Encode an event with a placeholder for each `Unknown`."""
    return msgspec.json.encode(
        event, enc_hook=lambda value: _PLACEHOLDER if isinstance(value, Unknown) else _enc_hook(value)
    )


def is_finite(value: Any) -> bool:
    """Return False if a float in `value` is NaN or infinite, which msgspec encodes as null."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, msgspec.Struct):
        return all(is_finite(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, Mapping):
        return all(map(is_finite, value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(is_finite, value))
    return True


# --- GA ------------------------------------------------------------------------------


class Codec(DialectCodec[events.ServerEvent, events.ClientEvent]):
    """The codec of GA, today's protocol. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = events.ServerEvent
    client_events = events.ClientEvent
    append = events.InputAudioBufferAppend


CODEC = Codec()
decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = CODEC.functions()
