"""Base classes of everything on the wire, and `Unknown` for types that this version does not know.

No event is defined here: next, read the module of a wire noun (`items`, `session`, `response`).
Two rules hold in all of them:

- Settings, and whatever else a client may send, keep absent and null apart: the field is a
  `Maybe[T]`, absent is `UNSET`, null is ``None``. That holds in server events too: a setting that
  a `session.created` leaves out reads `UNSET`.
- Members that only servers send (`expires_at`, usage, a session's `id` and `object`) are
  ``T | None``: absent and null both read ``None``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Type, TypeVar, Union  # noqa: UP035 (where `type` is a field)

from msgspec import UNSET as UNSET, Raw, Struct, UnsetType, structs

_T = TypeVar("_T")
# Absent (UNSET), null (None), or a T.
Maybe = Union[_T, None, UnsetType]  # noqa: UP007 (an alias with a type variable)

# Longer values are shortened in a repr: 16 bytes take at most 67 characters.
_MAX_REPR_LEN: Final = 16


# --- Unknown types -------------------------------------------------------------------


class Unknown:
    """An object of a type that this version does not know: its `type` and its JSON.

    `type` is "" if the object had none. `raw` is the JSON text as received; encoding writes it
    unchanged. Two are equal if both members are.
    """

    __slots__ = ("raw", "type")
    __match_args__ = ("type", "raw")

    def __init__(self, type: str, raw: bytes) -> None:
        if not isinstance(raw, bytes):
            raise TypeError(f"raw JSON must be bytes, not {raw.__class__.__name__}")
        self.type = type
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Unknown) and other.__class__ is self.__class__:
            return (self.type, self.raw) == (other.type, other.raw)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.type, self.raw))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(type={self.type!r}, raw=<{len(self.raw)} bytes>)"


class UnknownEvent(Unknown):
    """An event of a type that this version does not know. `encode` returns its `raw`."""

    __slots__ = ()


# --- Structs -------------------------------------------------------------------------


# gc=False: events are trees of decoded JSON without reference cycles, so the garbage collector
# need not track them (benchmarks/codec.py: decode_event).
class Wire(Struct, omit_defaults=True, gc=False):
    """The base of every Struct that crosses the wire."""

    # If True, and it has an `unknown`, an object that does not fit becomes that, instead of an error.
    retains_malformed: ClassVar[bool] = False

    @classmethod
    def normalize_legacy(cls, parts: dict[str, Raw]) -> dict[str, Raw]:
        """Return the members of an object that failed to decode, older spellings replaced by today's."""
        return parts

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        audio_field = getattr(self, "audio_field", "")
        return [
            (name, _for_repr(getattr(self, name), name == audio_field)) for name in self.__struct_fields__
        ]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"


class Tagged(Wire, tag_field="type"):
    """A member of a union whose members are distinguished by ``type``."""

    # The field whose value is raw audio, in events that consist mostly of audio.
    audio_field: ClassVar[str] = ""
    # The class for members of an unknown type.
    unknown: ClassVar[Type[Unknown]] = UnknownEvent  # noqa: UP006 (`type` is a property here)

    @property
    def type(self) -> str:
        """The wire's name of this variant."""
        return str(self.__struct_config__.tag)

    @classmethod
    def default_tag(cls, parts: dict[str, Raw]) -> str:
        """Return the type to assume for an object of this family that has none, or "" for no type."""
        return ""

    @classmethod
    def decode_unknown(cls, tag: str, raw: bytes) -> object:
        """Return the value for an object of this family whose type is not known."""
        return cls.unknown(tag, raw)


class VariantStruct(Wire):
    """One Struct for all variants of an object. A type that is not in `types` becomes `unknown`."""

    unknown: ClassVar[Type[Unknown]]  # noqa: UP006 (`type` is a field of the subclasses)
    types: ClassVar[frozenset[str]]

    @classmethod
    def decode_unknown(cls, tag: str, raw: bytes) -> object:
        """Return the value for an object whose type is not known."""
        return cls.unknown(tag, raw)


# --- Events --------------------------------------------------------------------------


class ServerSide(Tagged, kw_only=True):
    """An event that a server sends."""

    has_session_settings: ClassVar[bool] = False

    event_id: str | None = None


class ClientSide(Tagged, kw_only=True):
    """An event that a client sends. A server's `error` about it repeats its `event_id`."""

    # True if `session` may be a SessionSnapshot, of which only the settings are sent.
    has_session_settings: ClassVar[bool] = False

    event_id: Maybe[str] = UNSET


class ItemEvent(ServerSide, kw_only=True):
    """A server event about one item."""

    item_id: str


class ContentEvent(ItemEvent, kw_only=True):
    """A server event about one content part of a response's item."""

    response_id: str
    output_index: int
    content_index: int


def first_byte(raw: Any) -> bytes:
    """Return the first byte of JSON that is no white space."""
    return bytes(memoryview(raw)[:64]).lstrip()[:1]


# --- Sessions as servers report them -------------------------------------------------


class SessionSnapshot(Wire):
    """A session as a server reports it: its settings, and read-only members that servers refuse in an update."""

    settings_type: ClassVar[Type[Wire]]  # noqa: UP006 (`type` is a field of some)
    # Read-only members that share their name with a setting.
    read_only_fields: ClassVar[frozenset[str]] = frozenset()

    def settings(self) -> Wire:
        """Return the settings of this session, as an update may send them.

        A member that is null has its default: it is left out, because servers refuse null where it has no
        meaning ("include"). Null turns turn detection off.
        """
        values = {
            name: getattr(self, name)
            for name in self.settings_type.__struct_fields__
            if name not in self.read_only_fields
        }
        return self.settings_type(
            **{name: value for name, value in values.items() if value is not None or name == "turn_detection"}
        )


def strip_read_only(event: Any) -> Any:
    """Return `event` with the read-only members of its session removed."""
    if not isinstance(event.session, SessionSnapshot):
        return event
    return structs.replace(event, session=event.session.settings())


# --- repr ----------------------------------------------------------------------------


class _Literal:
    """A value whose repr is the given text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _for_repr(value: Any, is_audio: bool) -> Any:
    """Return `value`, or its size and its beginning if it is long audio or raw JSON."""
    if isinstance(value, Raw):
        value = bytes(value)
    unit = "bytes" if isinstance(value, (bytes, bytearray)) else ""
    if is_audio and isinstance(value, str):  # base64 text, which the beta dialect may send as it is
        unit = "characters"
    if not unit or len(value) <= _MAX_REPR_LEN:
        return value
    return _Literal(f"<{len(value)} {unit}: {value[: _MAX_REPR_LEN // 2]!r}...>")
