"""What both directions of the conversion between GA and beta share: tables and small moves.

`from_ga` and `to_ga` are written as moves between Structs: fields of the same name are
copied, others are named. The first thing that the target has no word for is a ConfigError
with its path.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct

from .. import events as ga
from ..codec import known
from ..errors import ConfigError
from ..events import beta

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


def refuse(path: str, what: str) -> ConfigError:
    """The error for something at `path` that the other dialect cannot say."""
    return ConfigError(f"{path}: {what}", problems=[(path, what)])


def refuse_set(source: Any, path: str, *names: str) -> None:
    """Raises where one of these fields is set; null sets nothing that the target could keep."""
    for name in names:
        value = getattr(source, name)
        if value is not UNSET and value is not None:
            raise refuse(f"{path}.{name}", "cannot be said in the other dialect")


def copied(source: Struct, target: type[Any], **fields: Any) -> Any:
    """A `target` with the fields of `source` that it has too, and with `fields`."""
    names = set(target.__struct_fields__) & set(source.__struct_fields__) - fields.keys()
    return target(**{name: getattr(source, name) for name in names}, **fields)


def is_given(value: Any) -> bool:
    """Whether `value` is there: neither absent nor null."""
    return value is not UNSET and value is not None
