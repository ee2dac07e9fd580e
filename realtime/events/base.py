"""What every Struct on the wire has in common, and what stands for what nobody knows yet.

Read this first, then `items`, `session` and the events beside them. Two rules hold
everywhere:

- What a client can send is exact: an optional field is `Maybe[T]`, absent is `UNSET`,
  null is `None`, and both survive decoding and encoding.
- What only a server sends is for reading: an optional field is ``T | None``, and absent
  and null are both `None`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Type, TypeVar, Union  # noqa: UP035 (where `type` is a field)

from msgspec import UNSET, Raw, Struct, UnsetType, structs

_T = TypeVar("_T")
# Absent (UNSET), null (None), or a T.
Maybe = Union[_T, None, UnsetType]  # noqa: UP007 (an alias with a type variable)


class Unknown:
    """Something of a type that this version does not know: its `type` and its JSON.

    `type` is "" where the object had none. `raw` is the JSON text as it came; encoding
    gives it back byte for byte. Equality and hash are those of the pair.
    """

    __slots__ = ("raw", "type")
    __match_args__ = ("type", "raw")

    def __init__(self, type: str, raw: bytes) -> None:
        if not isinstance(raw, bytes):
            raise TypeError(f"raw JSON is bytes, not {raw.__class__.__name__}")
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
    """An event of a type that this version does not know; `encode` gives `raw` back."""

    __slots__ = ()


# gc=False: events are trees of what came off a wire and hold no reference cycles, so the
# collector need not track them (benchmarks/codec.py: decode_event).
class Wire(Struct, omit_defaults=True, gc=False):
    """The base of every Struct that crosses the wire."""

    @classmethod
    def mend(cls, parts: dict[str, Raw]) -> dict[str, Raw]:
        """The fields of an object that did not decode, respelled where an older spelling is known."""
        return parts


class Tagged(Wire, tag_field="type"):
    """A member of a union that the wire tells apart by ``type``."""

    # The field whose value is raw audio, for events that mostly are audio.
    audio_field: ClassVar[str] = ""
    # What a member of an unknown type becomes, where the union has room for one.
    unknown: ClassVar[Type[Unknown]] = UnknownEvent  # noqa: UP006 (`type` is a property here)

    @property
    def type(self) -> str:
        """The wire's name of this variant."""
        return str(self.__struct_config__.tag)

    @classmethod
    def implied_tag(cls, parts: dict[str, Raw]) -> str:
        """The type that an object of this family without one must be; "" where that is open."""
        return ""

    @classmethod
    def of_unknown(cls, tag: str, raw: bytes) -> object:
        """What stands for an object of this family whose type is not known."""
        return cls.unknown(tag, raw)


class Flat(Wire):
    """One Struct for all variants of something; other types than `types` become `unknown`."""

    unknown: ClassVar[Type[Unknown]]  # noqa: UP006 (`type` is a field of the subclasses)
    types: ClassVar[frozenset[str]]

    @classmethod
    def of_unknown(cls, tag: str, raw: bytes) -> object:
        """What stands for one whose type is not known."""
        return cls.unknown(tag, raw)


class ServerSide(Tagged, kw_only=True):
    """An event that a server sends."""

    sends_settings: ClassVar[bool] = False

    event_id: str | None = None


class ClientSide(Tagged, kw_only=True):
    """An event that a client sends; `event_id` comes back in an error about it."""

    # Whether `session` may be one that the server told, of which only the settings are sent.
    sends_settings: ClassVar[bool] = False

    event_id: Maybe[str] = UNSET


class ItemEvent(ServerSide, kw_only=True):
    """A server event about one item."""

    item_id: str


class ContentEvent(ItemEvent, kw_only=True):
    """A server event about one content part of a response's item."""

    response_id: str
    output_index: int
    content_index: int


class Told(Wire):
    """A session as the server told it: its `settings` and more, which servers do not take back."""

    settings_type: ClassVar[Type[Wire]]  # noqa: UP006 (`type` is a field of some)
    not_settings: ClassVar[frozenset[str]] = frozenset()

    def settings(self) -> Wire:
        """What of it can be sent in an update."""
        names = set(self.settings_type.__struct_fields__) - self.not_settings
        return self.settings_type(**{name: getattr(self, name) for name in names})


def settled(event: Any) -> Any:
    """`event`, whose `session` is settings, whatever it was."""
    if not isinstance(event.session, Told):
        return event
    return structs.replace(event, session=event.session.settings())
