"""What both directions of the conversion between GA and beta share: tables, policies, small moves.

`from_ga` and `to_ga` are written as moves between Structs: fields of the same name are
copied, others are named. What a client asks for goes by `ASKING`, which refuses what the
target has no word for; what a server tells goes by `TELLING`, which leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct

from .. import events as ga
from ..codec import known
from ..errors import ConfigError
from ..events import beta
from ..events.base import Unknown

# Events that both dialects say alike.
SHARED: frozenset[Any] = frozenset(
    {*known(ga.ServerEvent), *known(ga.ClientEvent)} & {*known(beta.ServerEvent), *known(beta.ClientEvent)}
) | {ga.UnknownEvent}
# Events that only changed their names.
RENAMED: dict[type[Any], type[Any]] = {
    ga.ResponseOutputAudioDelta: beta.ResponseAudioDelta,
    ga.ResponseOutputAudioDone: beta.ResponseAudioDone,
    ga.ResponseOutputAudioTranscriptDelta: beta.ResponseAudioTranscriptDelta,
    ga.ResponseOutputAudioTranscriptDone: beta.ResponseAudioTranscriptDone,
    ga.ResponseOutputTextDelta: beta.ResponseTextDelta,
    ga.ResponseOutputTextDone: beta.ResponseTextDone,
}
# Content parts of items, by GA's spelling; parts of content_part events are alike in both.
PARTS: dict[type[Any], type[Any]] = {ga.OutputText: beta.Text, ga.OutputAudio: beta.Audio}
_encode = msgspec.json.Encoder(enc_hook=lambda unknown: Raw(unknown.raw)).encode


Moves: TypeAlias = Mapping[type[Any], Callable[[Any], Any]]


def refuse(path: str, what: str) -> ConfigError:
    """The error for something at `path` that the other dialect cannot say."""
    return ConfigError(f"{path}: {what}", problems=[(path, what)])


class Asking:
    """What a client asks for: all that is set must have a place in the other dialect."""

    def cannot(self, path: str, what: str) -> Any:
        """Raises ConfigError: this cannot be said."""
        raise refuse(path, what)

    def drop(self, source: Any, path: str, *names: str) -> None:
        """Raises ConfigError where one of these fields is set; null sets nothing to be lost."""
        for name in names:
            if is_given(getattr(source, name)):
                raise refuse(f"{path}.{name}", "cannot be said in the other dialect")

    def whole(self, item: Any, why: ConfigError) -> ga.UnknownItem:
        """Raises `why`: the item cannot be said."""
        raise why


class Telling(Asking):
    """What a server tells of itself: what the other dialect has no word for is left out."""

    def cannot(self, path: str, what: str) -> Any:
        """Absent."""
        return UNSET

    def drop(self, source: Any, path: str, *names: str) -> None:
        """Nothing: the fields are not copied."""

    def whole(self, item: Any, why: ConfigError) -> ga.UnknownItem:
        """The item as its JSON."""
        return ga.UnknownItem(str(item.type or ""), _encode(item))


ASKING, TELLING = Asking(), Telling()


def copied(source: Struct, target: type[Any], **fields: Any) -> Any:
    """A `target` with the fields of `source` that it has too, and with `fields`."""
    names = set(target.__struct_fields__) & set(source.__struct_fields__) - fields.keys()
    return target(**{name: getattr(source, name) for name in names}, **fields)


def is_given(value: Any) -> bool:
    """Whether `value` is there: neither absent nor null."""
    return value is not UNSET and value is not None


def moved(event: Any, moves: Moves, renamed: Mapping[type[Any], type[Any]], dialect: str) -> Any:
    """`event` in the dialect that these tables lead to."""
    kind = type(event)
    if kind in moves:
        return moves[kind](event)
    if kind in renamed:
        return copied(event, renamed[kind])
    if kind in SHARED:
        return event
    if isinstance(event, ga.Tagged):
        raise refuse("type", f"{event.type} is not in {dialect}")
    raise TypeError(f"an event is needed, not {kind.__name__}")


class Items:
    """The moves of items, by the one that moves an item or raises ConfigError."""

    def __init__(self, move: Callable[[Any, str], Any]) -> None:
        self._move = move

    def one(self, item: Any, path: str, policy: Asking) -> Any:
        """An item, whole as it is where it is unknown."""
        if isinstance(item, Unknown):
            return item
        try:
            return self._move(item, path)
        except ConfigError as why:
            return policy.whole(item, why)

    def all(self, items: Any, path: str, policy: Asking) -> Any:
        """A list of items, where there is one."""
        if not is_given(items):
            return items
        return [self.one(item, f"{path}[{index}]", policy) for index, item in enumerate(items)]

    def of_event(self, target: type[Any], policy: Asking = TELLING) -> Callable[[Any], Any]:
        """The move of an event with an item to a `target`."""
        return lambda event: copied(event, target, item=self.one(event.item, "item", policy))
