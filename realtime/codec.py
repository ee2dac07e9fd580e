"""Frames to events and back: one `Codec` for each dialect.

Ordinary frames go straight through one msgspec decoder. What it refuses gets a second look
(`repair`); what that refuses is a DecodeError. Nothing here knows any event by name: a
codec's class says which unions it decodes and which event carries the caller's audio.
"""

from __future__ import annotations

import functools
import math
import types
import typing
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from . import events, read
from ._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, HARD_MAX_DEPTH, bounded, check_depth
from .append import Append, appender, with_audio, without_audio
from .errors import ConfigError, DecodeError, EncodeError, reason_of, snippet
from .events.base import ClientSide, ServerSide, Tagged, Unknown, UnknownEvent, settled
from .peek import plain_type, type_of, type_within

if TYPE_CHECKING:
    from collections.abc import Container

    from ._types import Buffer, Frame

S = TypeVar("S")
C = TypeVar("C")


class DialectCodec(Generic[S, C]):
    """Decodes and encodes the events of one dialect; its subclasses say of which.

    Frames over `max_frame_bytes` bytes or nested deeper than `max_depth` are refused with
    a DecodeError before they are read. A codec holds no state of a connection: one serves
    any number of connections and threads.
    """

    server_events: ClassVar[Any]
    client_events: ClassVar[Any]
    # The event whose `audio` is the caller's audio.
    append: ClassVar[type[Tagged]]
    # Whether a str that is said to be base64 is checked to be.
    checks_base64: ClassVar[bool] = True

    def __init__(
        self, *, max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES, max_depth: int = DEFAULT_MAX_DEPTH
    ) -> None:
        if max_frame_bytes < 1:
            raise ConfigError(f"max_frame_bytes must be at least 1, got {max_frame_bytes}")
        if not 1 <= max_depth <= HARD_MAX_DEPTH:
            raise ConfigError(f"max_depth must be from 1 to {HARD_MAX_DEPTH}, got {max_depth}")
        self._max_frame_bytes = max_frame_bytes
        self._max_depth = max_depth
        # A frame no longer than this can break neither limit (a character is up to four bytes),
        self._harmless_size = min(max_frame_bytes // 4, max_depth)
        # nor can one no longer than this that opens nothing but itself, as deltas do.
        self._flat_size = min(max_frame_bytes // 4, read.LEAST_BYTES - 1)
        # Readers are built at the first frame: `import realtime` stays cheap.
        self._read_server: read.Read = self._first_server_frame
        self._read_any_server: read.Read = self._first_server_frame
        self._read_client: read.Read = self._first_client_frame
        self._read_any_client: read.Read = self._first_client_frame
        self._encode = msgspec.json.Encoder(enc_hook=_leaf).encode
        self._kinds = frozenset(known(self.server_events) + known(self.client_events))
        self._audio_fields = {kind: kind.audio_field for kind in self._kinds if kind.audio_field}
        self._append: Append = self._first_append

    def decode_server(self, frame: Frame, /) -> S:
        """What a client receives, as an event; of an unknown type, as an UnknownEvent.

        Raises:
            DecodeError: the frame is not JSON, or not what its type promises.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        try:
            whole: Any = frame
            kind = frame.__class__
            if kind is bytes:
                size = len(frame)
                if size <= self._harmless_size or (
                    size <= self._flat_size and _ARRAY not in whole and _OBJECT not in whole[1:]
                ):
                    return self._read_server(frame)  # type: ignore[no-any-return]
            elif kind is str:
                size = len(frame)
                if size <= self._harmless_size or (
                    size <= self._flat_size and "[" not in whole and "{" not in whole[1:]
                ):
                    return self._read_server(frame)  # type: ignore[no-any-return]
            return self._read_any_server(frame)  # type: ignore[no-any-return]
        except _REFUSALS as error:
            return self._look_again(frame, self.server_events, error)  # type: ignore[no-any-return]

    def decode_client(self, frame: Frame, /) -> C:
        """What a server receives, as an event; of an unknown type, as an UnknownEvent.

        Raises:
            DecodeError: the frame is not JSON, or not what its type promises.
            TypeError: `frame` is neither bytes-like nor a str.
        """
        try:
            whole: Any = frame
            kind = frame.__class__
            if kind is bytes:
                size = len(frame)
                if size <= self._harmless_size or (
                    size <= self._flat_size and _ARRAY not in whole and _OBJECT not in whole[1:]
                ):
                    return self._read_client(frame)  # type: ignore[no-any-return]
            elif kind is str:
                size = len(frame)
                if size <= self._harmless_size or (
                    size <= self._flat_size and "[" not in whole and "{" not in whole[1:]
                ):
                    return self._read_client(frame)  # type: ignore[no-any-return]
            return self._read_any_client(frame)  # type: ignore[no-any-return]
        except _REFUSALS as error:
            return self._look_again(frame, self.client_events, error)  # type: ignore[no-any-return]

    def decode_server_if(self, frame: Frame, types: Container[str], /) -> S | None:
        """The event, where its type is in `types`; otherwise None, and the frame is read no further.

        For relays, which pass every frame on as it came and look into few.

        Raises:
            DecodeError: there is no type to be found, or the wanted event does not decode.
            TypeError: `frame` is neither bytes-like nor a str, or `types` is one str.
        """
        return self.decode_server(frame) if self._is_wanted(frame, types) else None

    def decode_client_if(self, frame: Frame, types: Container[str], /) -> C | None:
        """`decode_server_if` for what a server receives."""
        return self.decode_client(frame) if self._is_wanted(frame, types) else None

    def encode(self, event: S | C, /) -> bytes:
        """`event` as one compact UTF-8 JSON frame; an UnknownEvent's `raw` as it is.

        Raises:
            EncodeError: the event holds what JSON or the wire cannot, a client's event what its
                fields do not allow, or it is of another dialect.
            TypeError: `event` is no event.
        """
        kind: Any = type(event)
        if kind not in self._kinds and not self._is_subclass_of_ours(event):
            return event.raw  # type: ignore[union-attr,no-any-return]
        try:
            if kind is self.append:
                return self._append(event.audio, event.event_id)  # type: ignore[union-attr]
            if kind.sends_settings:
                event = settled(event)
            name, audio = self._audio_fields.get(kind, ""), b""
            if name:
                event, audio = without_audio(event, name)
            frame = self._encode(event)
            if b"null" in frame and not _is_finite(event):
                raise ValueError("NaN and infinity cannot be sent")
            if audio:
                frame = with_audio(frame, name, audio)
            if issubclass(kind, ClientSide):
                self._proofread(frame)
            return frame
        except (TypeError, ValueError, RecursionError, OverflowError, BufferError) as why:
            raise EncodeError(reason_of(why), event_type=str(kind.__struct_config__.tag)) from None

    def encode_append(self, audio: Buffer | str, /, *, event_id: str | None = None) -> bytes:
        """`audio` as one append frame: raw audio of any buffer, or a str that is base64 already.

        Raises:
            EncodeError: more than 15 MiB of audio, or a str that is not base64.
            TypeError: `audio` is neither a buffer of bytes or int16, nor a str.
        """
        try:
            return self._append(audio, UNSET if event_id is None else event_id)
        except UnicodeError as why:
            raise EncodeError(reason_of(why)) from None

    # --- Decoding: what is not ordinary ---

    def _is_wanted(self, frame: Frame, types: Container[str]) -> bool:
        if isinstance(types, (str, bytes)):  # `in` would look for a part of it
            raise TypeError(f"types are a set of event types, not a {type(types).__name__}")
        if len(frame) > self._max_frame_bytes:
            raise DecodeError(f"the frame has more than {self._max_frame_bytes} bytes")
        found = plain_type(frame)
        if found is None:
            found = type_within(frame, self._max_frame_bytes, self._max_depth)
        return found in types

    def _first_server_frame(self, frame: Any) -> Any:
        self._read_server, self._read_any_server = self._readers(self.server_events)
        return self._read_any_server(frame)

    def _first_client_frame(self, frame: Any) -> Any:
        self._read_client, self._read_any_client = self._readers(self.client_events)
        return self._read_any_client(frame)

    def _readers(self, union: Any) -> tuple[read.Read, read.Read]:
        return read.readers(known(union), self._max_frame_bytes, self._max_depth)

    def _look_again(self, frame: Frame, union: Any, error: Exception) -> Any:
        """The event after all, or the DecodeError that says why not."""
        if isinstance(error, DecodeError):
            raise error
        if isinstance(error, TypeError):
            raise TypeError(f"a frame is bytes-like or a str, not {type(frame).__name__}") from None
        repair = _second_look()
        kind, raw = "", b""
        try:
            raw = bounded(frame, self._max_frame_bytes)
            kind = plain_type(raw) or ""
            if not isinstance(error, msgspec.ValidationError):
                raise error
            kind = kind or type_of(raw)
            return repair.fit_event(raw, union, kind)
        except repair.Misfit as misfit:
            refusal = misfit.refusal(kind, raw)
        except DecodeError as again:
            refusal = again
        except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as why:
            refusal = DecodeError(reason_of(why, raw), event_type=kind, payload=snippet(raw))
        raise refusal from None

    # --- Encoding ---

    def _first_append(self, audio: Any, event_id: str | UnsetType | None) -> bytes:
        tag = str(self.append.__struct_config__.tag)
        self._append = appender(tag, self._encode, checks_base64=self.checks_base64)
        return self._append(audio, event_id)

    def _proofread(self, frame: bytes) -> None:
        """Raises ValueError where a server would not read `frame`: fields are not checked when set."""
        check_depth(frame, self._max_depth)
        try:
            self._read_client(frame)
        except msgspec.ValidationError:
            repair = _second_look()
            try:
                repair.fit_event(frame, self.client_events, type_of(frame))
            except repair.Misfit as misfit:
                raise ValueError(f"{misfit.reason} at `{misfit.path}`") from None

    def _is_subclass_of_ours(self, event: Any) -> bool:
        """Whether a caller's own subclass of an event encodes as that; False for an UnknownEvent."""
        if isinstance(event, UnknownEvent):
            return False
        if not isinstance(event, (ServerSide, ClientSide)):
            raise TypeError(f"an event is needed, not {type(event).__name__}")
        bases: tuple[Any, ...] = type(event).__mro__
        if any(base in self._kinds and base.__struct_config__.tag == event.type for base in bases):
            return True
        raise EncodeError("not an event of this dialect", event_type=event.type)


class Codec(DialectCodec[events.ServerEvent, events.ClientEvent]):
    """The codec of GA, today's protocol. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = events.ServerEvent
    client_events = events.ClientEvent
    append = events.InputAudioBufferAppend


# --- Small things --------------------------------------------------------------------

# `in`, with an int and a copy less the first byte, takes a third of the time of find or count
# (benchmarks: peers.DecodeAudioDelta at 160 bytes).
_ARRAY, _OBJECT = b"[{"

# What the decoder or a frame's container can raise; TypeError only for a wrong argument.
_REFUSALS = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, TypeError)


@functools.cache
def _second_look() -> types.ModuleType:
    """The module `repair`, imported when the first strange frame comes."""
    from . import repair

    return repair


def known(union: Any) -> tuple[Any, ...]:
    """The members of a union of events that msgspec can decode: all but UnknownEvent."""
    return tuple(m for m in typing.get_args(union) if not issubclass(m, Unknown))


def _leaf(value: Any) -> Any:
    """What the encoder does not know: Unknown as its JSON, numpy's scalars as numbers."""
    if isinstance(value, Unknown):
        return Raw(value.raw)
    if hasattr(value, "__index__"):
        return value.__index__()
    if hasattr(value, "__float__"):
        return float(value)
    raise TypeError(f"cannot encode a {type(value).__name__}")


def _is_finite(value: Any) -> bool:
    """Whether no float in `value` is NaN or infinite, which msgspec would send as null."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, msgspec.Struct):
        return all(_is_finite(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_finite, value))
    return True


_CODEC = Codec()
decode_server = _CODEC.decode_server
decode_client = _CODEC.decode_client
decode_server_if = _CODEC.decode_server_if
decode_client_if = _CODEC.decode_client_if
encode = _CODEC.encode
encode_append = _CODEC.encode_append
